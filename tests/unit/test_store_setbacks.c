/* SPDX-License-Identifier: Apache-2.0
 * store/setbacks.h: whoever follows is told of every run with a setback, and again after each
 * change, in order, whatever the portions, across partitions, sealed ones, and restarts. */
#include "config.h"
#include "store_kit.h"

#include <string.h>
#include <unistd.h>

#include "store/setbacks.h"
#include "store/writer.h"

#define RUNS_MAX 200

static struct kit kit;
static struct tw_reader *reader;
static struct tw_arena arena;
static struct tw_setback_place place;

static int set_up(void **state)
{
    (void)state;
    kit_init(&kit, 4404661);
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_commit(&kit, 1, true);
    assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    tw_arena_init(&arena, (size_t)64 << 20);
    place = (struct tw_setback_place){0};
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_reader_close(&reader);
    tw_arena_fini(&arena);
    kit_fini(&kit);
    return 0;
}

/* One batch with the runs first to first + count - 1; `version` goes into their steps. */
static void commit_runs(int first, int count, int version, bool has_setbacks, bool starts_partition)
{
    static char ids[RUNS_MAX][16];
    static char steps[RUNS_MAX][32];
    static struct tw_run_row rows[RUNS_MAX];
    assert_true(count <= RUNS_MAX);
    for (int i = 0; i < count; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "o%04d", first + i);
        (void)snprintf(steps[i], sizeof steps[i], "[%d]", version);
        rows[i] = (struct tw_run_row){.workflow = TW_STR_LIT("sale"),
                                      .object_type = 2,
                                      .object_id = tw_str_of(ids[i]),
                                      .object_scope = TW_STR_LIT("0042"),
                                      .step = TW_STR_LIT("posted"),
                                      .setbacks = tw_str_of(has_setbacks ? steps[i] : NULL)};
    }
    const struct tw_track_changes changes = {.runs = rows, .run_count = (size_t)count};
    kit_fill(&kit, 1, starts_partition);
    kit.batch->track = &changes;
    assert_int_equal(tw_store_commit(kit.store, kit.batch, &kit.diag), TW_OK);
    kit_accept(&kit);
}

/* What was told, as "o0001[1] o0002[1] "; until nothing more comes. */
static const char *follow(size_t limit)
{
    static char told[RUNS_MAX * 16];
    size_t used = 0;
    size_t count = 1;
    told[0] = 0;
    for (int turns = 0; count > 0; turns++) {
        const struct tw_setback *items = NULL;
        assert_true(turns < 1000);
        assert_int_equal(tw_reader_setbacks(reader, &arena, &place, limit, &items, &count, &place),
                         TW_OK);
        assert_true(count <= limit);
        for (size_t i = 0; i < count; i++) {
            used += (size_t)snprintf(told + used, sizeof told - used, "%.*s%.*s ",
                                     (int)items[i].row.object_id.len, items[i].row.object_id.ptr,
                                     (int)items[i].steps.len, items[i].steps.ptr);
            assert_true(tw_str_is(items[i].row.step, "posted"));
            assert_true(tw_str_is(items[i].row.object_scope, "0042"));
        }
    }
    return told;
}

static void follow__empty_store__tells_nothing(void **state)
{
    (void)state;
    assert_string_equal(follow(10), "");
    commit_runs(1, 3, 1, false, false);
    assert_string_equal(follow(10), "");
}

static void follow__changes__are_told_once_each_in_order(void **state)
{
    (void)state;
    commit_runs(1, 2, 1, true, false);
    assert_string_equal(follow(10), "o0001[1] o0002[1] ");
    assert_string_equal(follow(10), "");
    commit_runs(3, 1, 1, true, false);
    commit_runs(1, 1, 2, true, false);
    assert_string_equal(follow(10), "o0003[1] o0001[2] ");
}

/* Only the newest of a run that changed twice: what follows is a state, no history. */
static void follow__changed_twice__is_told_as_it_is(void **state)
{
    (void)state;
    commit_runs(1, 2, 1, true, false);
    commit_runs(1, 1, 2, true, false);
    assert_string_equal(follow(10), "o0002[1] o0001[2] ");
}

static void follow__portions_within_a_commit__leave_nothing_out(void **state)
{
    (void)state;
    commit_runs(1, 5, 1, true, false);
    commit_runs(6, 2, 1, true, false);
    assert_string_equal(follow(2),
                        "o0001[1] o0002[1] o0003[1] o0004[1] o0005[1] o0006[1] o0007[1] ");
    place = (struct tw_setback_place){0};
    assert_string_equal(follow(1),
                        "o0001[1] o0002[1] o0003[1] o0004[1] o0005[1] o0006[1] o0007[1] ");
}

static void follow__next_partition__goes_on_there(void **state)
{
    (void)state;
    commit_runs(1, 2, 1, true, false);
    assert_string_equal(follow(1), "o0001[1] o0002[1] ");
    commit_runs(3, 1, 1, true, false);
    commit_runs(4, 1, 1, true, true);
    assert_string_equal(follow(10), "o0003[1] o0004[1] ");
    assert_int_equal(place.part, 2);
    commit_runs(1, 1, 3, true, false);
    assert_string_equal(follow(10), "o0001[3] ");
}

static void follow__sealed_partition__is_told_as_before(void **state)
{
    (void)state;
    commit_runs(1, 3, 1, true, false);
    commit_runs(2, 1, 2, true, false);
    assert_string_equal(follow(1), "o0001[1] o0003[1] o0002[2] ");
    const struct tw_setback *items = NULL;
    size_t count = 0;
    place = (struct tw_setback_place){0};
    assert_int_equal(tw_reader_setbacks(reader, &arena, &place, 1, &items, &count, &place), TW_OK);
    commit_runs(4, 1, 1, true, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    assert_int_equal(access(kit_path(&kit, "part-000001.sealed"), F_OK), 0);
    assert_string_equal(follow(10), "o0003[1] o0002[2] o0004[1] ");
}

/* Partitions that are gone are passed over: the place may be long ago. */
static void follow__place_before_the_oldest__begins_there(void **state)
{
    (void)state;
    commit_runs(1, 1, 1, true, false);
    commit_runs(2, 1, 1, true, true);
    commit_runs(3, 1, 1, true, true);
    assert_int_equal(tw_keeper_run_once(kit.store, &kit.diag), TW_OK);
    assert_int_equal(unlink(kit_path(&kit, "part-000001.sealed")), 0);
    tw_reader_close(&reader);
    assert_int_equal(tw_reader_open(kit.dir, &reader, &kit.diag), TW_OK);
    place.part = 1;
    place.changed = 1;
    assert_string_equal(follow(10), "o0002[1] o0003[1] ");
}

static void follow__limit_beyond_the_most__is_cut(void **state)
{
    (void)state;
    const struct tw_setback *items = NULL;
    size_t count = 0;
    for (int i = 0; i < 6; i++) {
        commit_runs(i * RUNS_MAX, RUNS_MAX, 1, true, false);
    }
    assert_int_equal(tw_reader_setbacks(reader, &arena, &place, 5000, &items, &count, &place),
                     TW_OK);
    assert_int_equal(count, 1000);
    assert_int_equal(tw_reader_setbacks(reader, &arena, &place, 1000, &items, &count, &place),
                     TW_OK);
    assert_int_equal(count, 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(follow__empty_store__tells_nothing),
        TEST(follow__changes__are_told_once_each_in_order),
        TEST(follow__changed_twice__is_told_as_it_is),
        TEST(follow__portions_within_a_commit__leave_nothing_out),
        TEST(follow__next_partition__goes_on_there),
        TEST(follow__sealed_partition__is_told_as_before),
        TEST(follow__place_before_the_oldest__begins_there),
        TEST(follow__limit_beyond_the_most__is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
