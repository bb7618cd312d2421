/* SPDX-License-Identifier: Apache-2.0
 * store/tracks.h at the bounds of its answers: the last that fits, and one more. */
#include "config.h"
#include "track_kit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERIES_MOST    1000
#define SKETCHES_MOST  100000
#define DECISIONS_MOST 200000
#define WHAT_MOST      20000
#define LIVE_MOST      10000
#define T0             TK_START_S

static struct tk tk;
static struct tw_reader *reader;
static struct tw_arena arena;

static int set_up(void **state)
{
    (void)state;
    tk_init(&tk, 3935559000370003845u);
    tk_open(&tk);
    reader = tk_reader(&tk);
    tw_arena_init(&arena, (size_t)256 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_reader_close(&reader);
    tw_arena_fini(&arena);
    tk_fini(&tk);
    return 0;
}

static void commit(const struct tw_track_changes *changes)
{
    kit_fill(&tk.kit, 1, false);
    tk.kit.batch->track = changes;
    assert_int_equal(tw_store_commit(tk.kit.store, tk.kit.batch, &tk.kit.diag), TW_OK);
    kit_accept(&tk.kit);
    tw_arena_reset(&arena);
}

/* Room for so many of anything, zeroed. */
static void *room(size_t count, size_t size)
{
    void *rows = calloc(count, size);
    assert_non_null(rows);
    return rows;
}

static void commit_series(uint32_t first, uint32_t count)
{
    struct tw_series_name *names = room(count, sizeof *names);
    struct tw_series_point *points = room(count, sizeof *points);
    char(*labels)[32] = room(count, sizeof *labels);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(labels[i], sizeof labels[i], "{\"store\":\"%06u\"}", first + i);
        names[i] = (struct tw_series_name){.series = first + i,
                                           .kind = TW_SERIES_LAST,
                                           .divisor = 1,
                                           .metric = TW_STR_LIT("m"),
                                           .labels = tw_str_of(labels[i])};
        points[i] = (struct tw_series_point){.series = first + i, .bucket = T0, .value = 1};
    }
    const struct tw_track_changes changes = {
        .names = names, .name_count = count, .points = points, .point_count = count};
    commit(&changes);
    free(names);
    free(points);
    free(labels);
}

static void series__more_than_1000_in_an_answer__are_cut(void **state)
{
    (void)state;
    const struct tw_series_query asked = {
        .metric = TW_STR_LIT("m"), .since_s = T0, .until_s = T0 + 60};
    struct tw_series_result result;
    commit_series(0, SERIES_MOST);
    assert_int_equal(tw_reader_series(reader, &arena, &asked, &result), TW_OK);
    assert_int_equal(result.series_count, SERIES_MOST);
    assert_false(result.is_cut);
    commit_series(SERIES_MOST, 1);
    assert_int_equal(tw_reader_series(reader, &arena, &asked, &result), TW_OK);
    assert_int_equal(result.series_count, SERIES_MOST);
    assert_true(result.is_cut);
    for (size_t i = 0; i < SERIES_MOST; i++) {
        assert_int_equal(result.series[i].values[0], 1);
    }
}

static void commit_sketches(int64_t first, size_t count)
{
    const struct tw_series_name name = {
        .divisor = 1, .metric = TW_STR_LIT("lag"), .labels = TW_STR_LIT("{}")};
    struct tw_series_sketch *rows = room(count, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct tw_series_sketch){.minute = T0 + (first + (int64_t)i) * 60,
                                            .data = TW_STR_LIT("x")};
    }
    const struct tw_track_changes changes = {
        .names = &name, .name_count = 1, .sketches = rows, .sketch_count = count};
    commit(&changes);
    free(rows);
}

static int read_sketches(size_t *ret_count)
{
    const struct tw_series_sketch *rows = NULL;
    return tw_reader_sketches(reader, &arena, TW_STR_LIT("lag"), TW_STR_LIT("{}"), 0,
                              INT64_C(4102444800), &rows, ret_count);
}

static void sketches__more_than_100000__are_refused(void **state)
{
    (void)state;
    size_t count = 0;
    commit_sketches(0, SKETCHES_MOST);
    assert_int_equal(read_sketches(&count), TW_OK);
    assert_int_equal(count, SKETCHES_MOST);
    commit_sketches(SKETCHES_MOST, 1);
    assert_int_equal(read_sketches(&count), TW_ELIMIT);
}

static void commit_decisions(int64_t first, size_t count)
{
    struct tw_decision *rows = room(count, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct tw_decision){
            .objective = TW_STR_LIT("o"), .minute = T0 + (first + (int64_t)i) * 60, .good = 1};
    }
    const struct tw_track_changes changes = {.decisions = rows, .decision_count = count};
    commit(&changes);
    free(rows);
}

static int read_decisions(size_t *ret_count)
{
    const struct tw_decision *rows = NULL;
    return tw_reader_decisions(reader, &arena, TW_STR_LIT("o"), 0, INT64_C(4102444800), &rows,
                               ret_count);
}

static void decisions__more_than_200000__are_refused(void **state)
{
    (void)state;
    size_t count = 0;
    commit_decisions(0, DECISIONS_MOST);
    assert_int_equal(read_decisions(&count), TW_OK);
    assert_int_equal(count, DECISIONS_MOST);
    commit_decisions(DECISIONS_MOST, 1);
    assert_int_equal(read_decisions(&count), TW_ELIMIT);
}

static void commit_spends(size_t first, size_t count)
{
    struct tw_spend *rows = room(count, sizeof *rows);
    char(*stores)[16] = room(count, sizeof *stores);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(stores[i], sizeof stores[i], "%06zu", first + i);
        rows[i] = (struct tw_spend){.objective = TW_STR_LIT("o"),
                                    .hour = T0,
                                    .system = TW_STR_LIT("erp"),
                                    .store = tw_str_of(stores[i]),
                                    .bad = 1};
    }
    const struct tw_track_changes changes = {.spends = rows, .spend_count = count};
    commit(&changes);
    free(rows);
    free(stores);
}

static int read_spends(enum tw_spend_by by, size_t *ret_count)
{
    const struct tw_spend_sum *sums = NULL;
    return tw_reader_spend(reader, &arena, TW_STR_LIT("o"), by, 0, INT64_C(4102444800), SIZE_MAX,
                           &sums, ret_count);
}

static void spending__by_more_than_20000_stores__is_refused(void **state)
{
    (void)state;
    size_t count = 0;
    commit_spends(0, WHAT_MOST);
    assert_int_equal(read_spends(TW_SPEND_BY_STORE, &count), TW_OK);
    assert_int_equal(count, WHAT_MOST);
    commit_spends(WHAT_MOST, 1);
    assert_int_equal(read_spends(TW_SPEND_BY_STORE, &count), TW_ELIMIT);
    assert_int_equal(read_spends(TW_SPEND_BY_SYSTEM, &count), TW_OK); /* one of them */
    assert_int_equal(count, 1);
}

static void live__more_than_10000_in_an_answer__are_cut(void **state)
{
    (void)state;
    struct tw_live *rows = room(LIVE_MOST + 1, sizeof *rows);
    char(*keys)[16] = room(LIVE_MOST + 1, sizeof *keys);
    for (size_t i = 0; i <= LIVE_MOST; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "w/%06zu", i);
        rows[i] = (struct tw_live){.key = tw_str_of(keys[i]), .json = TW_STR_LIT("{}")};
    }
    const struct tw_track_changes changes = {.live = rows, .live_count = LIVE_MOST + 1};
    commit(&changes);
    const struct tw_live *items = NULL;
    size_t count = 0;
    assert_int_equal(
        tw_reader_live_list(reader, &arena, TW_STR_LIT("w/"), SIZE_MAX, &items, &count), TW_OK);
    assert_int_equal(count, LIVE_MOST);
    assert_true(tw_str_is(items[LIVE_MOST - 1].key, "w/009999"));
    free(rows);
    free(keys);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(series__more_than_1000_in_an_answer__are_cut),
        TEST(sketches__more_than_100000__are_refused),
        TEST(decisions__more_than_200000__are_refused),
        TEST(spending__by_more_than_20000_stores__is_refused),
        TEST(live__more_than_10000_in_an_answer__are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
