/* SPDX-License-Identifier: Apache-2.0
 * store/tracks.h, store/track_write.h and store/archive.h at their edges: what is refused, what a
 * rollback leaves, pages, steps and what is kept of them, definitions, deadlines. */
#include "config.h"
#include "track_kit.h"

#include <string.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>

#include "store/archive.h"
#include "store/chunk.h"
#include "store/schema.h"
#include "store/track_write.h"
#include "store/writer.h"

#define HOUR_S 3600
#define DAY_S  86400
#define T0     TK_START_S

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

static int commit(const struct tw_track_changes *changes, bool starts_partition)
{
    kit_fill(&tk.kit, 1, starts_partition);
    tk.kit.batch->track = changes;
    int rc = tw_store_commit(tk.kit.store, tk.kit.batch, &tk.kit.diag);
    if (rc == TW_OK) {
        kit_accept(&tk.kit);
    }
    return rc;
}

static const struct tw_series_name one_name = {.series = 7,
                                               .divisor = 1000,
                                               .metric = TW_STR_LIT("lag"),
                                               .labels = TW_STR_LIT("{\"a\":\"b\"}")};

static void commit_points(enum tw_series_kind kind, const struct tw_series_point *points,
                          size_t count)
{
    struct tw_series_name name = one_name;
    name.kind = kind;
    const struct tw_track_changes changes = {
        .names = &name, .name_count = 1, .points = points, .point_count = count};
    assert_int_equal(commit(&changes, false), TW_OK);
}

static struct tw_series_result read_series(int64_t since_s, int64_t until_s, int64_t step_s)
{
    const struct tw_series_query asked = {
        .metric = TW_STR_LIT("lag"), .since_s = since_s, .until_s = until_s, .step_s = step_s};
    struct tw_series_result result;
    assert_int_equal(tw_reader_series(reader, &arena, &asked, &result), TW_OK);
    return result;
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write__nothing_to_write__writes_nothing(void **state)
{
    (void)state;
    const struct tw_track_changes none = {0};
    assert_int_equal(commit(NULL, false), TW_OK);
    assert_int_equal(commit(&none, false), TW_OK);
    assert_int_equal(kit_number(&tk.kit, "part-000001.db",
                                "SELECT (SELECT count(*) FROM tracked_run) + (SELECT count(*) FROM"
                                " tick) + (SELECT count(*) FROM series_name)"),
                     0);
    struct tw_series_result result = read_series(T0, T0 + 60, 0);
    assert_int_equal(result.series_count, 0);
    assert_int_equal(result.step_s, 10);
    assert_int_equal(result.point_count, 6);
}

/* A mistake of the tracker's ends the program; nothing of the batch is in the store. */
static void write__series_not_announced__is_refused_whole(void **state)
{
    (void)state;
    const struct tw_series_point point = {.series = 3, .bucket = T0, .value = 1};
    const struct tw_decision decision = {.objective = TW_STR_LIT("x"), .minute = T0, .good = 1};
    const struct tw_track_changes changes = {
        .points = &point, .point_count = 1, .decisions = &decision, .decision_count = 1};
    assert_int_equal(commit(&changes, false), TW_EINVAL);
    assert_non_null(strstr(tk.kit.diag.text, "series number 3 was not announced"));
    tk_restart(&tk);
    assert_int_equal(kit_number(&tk.kit, "part-000001.db", "SELECT count(*) FROM decision"), 0);
    kit_check_recovery(&tk.kit);
    const struct tw_series_sketch sketch = {.series = 4, .minute = T0, .data = TW_STR_LIT("x")};
    const struct tw_track_changes other = {.sketches = &sketch, .sketch_count = 1};
    assert_int_equal(commit(&other, false), TW_EINVAL);
}

static void write__bad_bucket_kind_divisor_number__are_refused(void **state)
{
    (void)state;
    const struct tw_series_point odd = {.series = 7, .bucket = T0 + 5, .value = 1};
    struct tw_series_name name = one_name;
    struct tw_track_changes changes = {
        .names = &name, .name_count = 1, .points = &odd, .point_count = 1};
    assert_int_equal(commit(&changes, false), TW_EINVAL);
    tk_restart(&tk);
    changes.point_count = 0;
    name.divisor = 0;
    assert_int_equal(commit(&changes, false), TW_EINVAL);
    tk_restart(&tk);
    name = one_name;
    name.series = TW_SERIES_NUMBERS;
    assert_int_equal(commit(&changes, false), TW_ELIMIT);
    tk_restart(&tk);
    /* cppcheck-suppress redundantAssignment ; read through `changes` */
    name.series = TW_SERIES_NUMBERS - 1;
    assert_int_equal(commit(&changes, false), TW_OK);
}

static void write__a_new_partition__wants_its_names_again(void **state)
{
    (void)state;
    const struct tw_series_point point = {.series = 7, .bucket = T0, .value = 5};
    commit_points(TW_SERIES_SUM, &point, 1);
    const struct tw_track_changes changes = {.points = &point, .point_count = 1};
    assert_int_equal(commit(&changes, false), TW_OK);
    assert_int_equal(commit(&changes, true), TW_EINVAL);
    tk_restart(&tk);
    assert_int_equal(read_series(T0, T0 + 10, 0).series[0].values[0], 10);
}

/* No space: rolled back, tried again with the same batch, counted once. */
static void write__no_space__the_same_batch_counts_once(void **state)
{
    (void)state;
    const struct tw_series_point point = {.series = 7, .bucket = T0, .value = 5};
    const struct tw_decision decision = {.objective = TW_STR_LIT("x"), .minute = T0, .good = 1};
    char *big = calloc(1, 8u << 20);
    assert_non_null(big);
    struct tw_live live = {.key = TW_STR_LIT("k"), .json = {big, 8u << 20}};
    const struct tw_track_changes changes = {.names = &one_name,
                                             .name_count = 1,
                                             .points = &point,
                                             .point_count = 1,
                                             .decisions = &decision,
                                             .decision_count = 1,
                                             .live = &live,
                                             .live_count = 1};
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit low = {.rlim_cur = 2u << 20, .rlim_max = before.rlim_max};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    assert_int_equal(sigaction(SIGXFSZ, &ignore, NULL), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    kit_fill(&tk.kit, 1, false);
    tk.kit.batch->track = &changes;
    int first = tw_store_commit(tk.kit.store, tk.kit.batch, &tk.kit.diag);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(first, TW_ENOSPACE);
    assert_int_equal(tw_store_commit(tk.kit.store, tk.kit.batch, &tk.kit.diag), TW_OK);
    kit_accept(&tk.kit);
    assert_int_equal(read_series(T0, T0 + 10, 0).series[0].values[0], 5);
    assert_int_equal(kit_number(&tk.kit, "part-000001.db", "SELECT sum(good) FROM decision"), 1);
    free(big);
}

/* ---- series: steps --------------------------------------------------------------------------- */

static void series__step_not_asked_for__is_the_finest_of_at_most_1000(void **state)
{
    (void)state;
    static const struct {
        int64_t range_s;
        int64_t step_s;
        size_t points;
    } cases[] = {
        {10, 10, 1},
        {10000, 10, 1000},
        {10010, 20, 501},
        {60000, 60, 1000},
        {60060, 120, 501},
        {DAY_S, 120, 720},
        {7 * DAY_S, 900, 672},
        {400 * INT64_C(86400), 43200, 800},
        {0, 10, 0},
        {30000 * INT64_C(86400), 5 * 604800, 858},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_series_result result = read_series(0, cases[i].range_s, 0);
        assert_int_equal(result.step_s, cases[i].step_s);
        assert_int_equal(result.point_count, cases[i].points);
        assert_false(result.is_cut);
    }
    assert_int_equal(read_series(T0, T0 - 100, 0).point_count, 0);
    assert_true(read_series(INT64_MIN, INT64_MAX, 0).point_count <= 1000);
}

static void series__asked_step__is_rounded_up_and_cut_at_10000_points(void **state)
{
    (void)state;
    assert_int_equal(read_series(0, 100, 1).step_s, 10);
    assert_int_equal(read_series(0, 100, 11).step_s, 20);
    assert_int_equal(read_series(0, 100, INT64_MAX).point_count, 1);
    assert_false(read_series(0, 100000, 10).is_cut);
    struct tw_series_result result = read_series(5, 100006, 10);
    assert_true(result.is_cut);
    assert_int_equal(result.point_count, 10000);
    assert_int_equal(result.first_s, 0);
}

static void series__nothing_known__differs_from_zero(void **state)
{
    (void)state;
    const struct tw_series_point points[] = {
        {.series = 7, .bucket = T0, .value = 0},
        {.series = 7, .bucket = T0 + 20, .value = -3},
    };
    commit_points(TW_SERIES_SUM, points, 2);
    struct tw_series_result result = read_series(T0 - 10, T0 + 40, 0);
    static const bool known[] = {false, true, false, true, false};
    assert_int_equal(result.point_count, 5);
    assert_int_equal(result.series_count, 1);
    assert_int_equal(result.series[0].divisor, 1000);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(result.series[0].known[i], known[i]);
    }
    assert_int_equal(result.series[0].values[3], -3);
}

static void series__rolled_up_by_kind__in_the_archive_as_before(void **state)
{
    (void)state;
    static const int64_t expected[] = {
        [TW_SERIES_SUM] = 9, [TW_SERIES_LAST] = 2, [TW_SERIES_MAX] = 6};
    for (int kind = 0; kind < 3; kind++) {
        struct tw_series_name name = one_name;
        name.kind = (enum tw_series_kind)kind;
        name.metric = kind == 0 ? TW_STR_LIT("s") : (kind == 1 ? TW_STR_LIT("l") : TW_STR_LIT("m"));
        const struct tw_series_point points[] = {
            {.series = 7, .bucket = T0 + 50, .value = 2},
            {.series = 7, .bucket = T0 + 10, .value = 6},
            {.series = 7, .bucket = T0, .value = 1},
        };
        const struct tw_track_changes changes = {
            .names = &name, .name_count = 1, .points = points, .point_count = 3};
        assert_int_equal(commit(&changes, false), TW_OK);
    }
    for (int round = 0; round < 2; round++) {
        static const struct tw_str names[] = {TW_STR_LIT("s"), TW_STR_LIT("l"), TW_STR_LIT("m")};
        for (int kind = 0; kind < 3; kind++) {
            for (int64_t step = 60; step <= HOUR_S; step *= 60) {
                const struct tw_series_query asked = {
                    .metric = names[kind], .since_s = T0, .until_s = T0 + 60, .step_s = step};
                struct tw_series_result result;
                assert_int_equal(tw_reader_series(reader, &arena, &asked, &result), TW_OK);
                assert_int_equal(result.point_count, 1);
                assert_true(result.series[0].known[0]);
                assert_int_equal(result.series[0].values[0], expected[kind]);
            }
        }
        assert_int_equal(commit(NULL, true), TW_OK);
        tk_keeper(&tk);
    }
}

/* ---- what the archive keeps ------------------------------------------------------------------ */

/* One point, sketch, decision and spending at a time, in a partition of their own. */
static void commit_at(int64_t second)
{
    const struct tw_series_point point = {.series = 7, .bucket = second, .value = 1};
    const struct tw_series_sketch sketch = {.series = 7, .minute = second, .data = TW_STR_LIT("d")};
    const struct tw_decision decision = {.objective = TW_STR_LIT("x"), .minute = second, .bad = 1};
    const struct tw_spend spend = {
        .objective = TW_STR_LIT("x"), .hour = second, .cause = TW_CAUSE_AUTH, .bad = 1};
    const struct tw_track_changes changes = {.names = &one_name,
                                             .name_count = 1,
                                             .points = &point,
                                             .point_count = 1,
                                             .sketches = &sketch,
                                             .sketch_count = 1,
                                             .spends = &spend,
                                             .spend_count = 1,
                                             .decisions = &decision,
                                             .decision_count = 1};
    assert_int_equal(commit(&changes, false), TW_OK);
}

static bool is_known_at(int64_t second, int64_t step_s, int64_t *ret_step_s)
{
    struct tw_series_result result = read_series(second, second + 1, step_s);
    *ret_step_s = result.step_s;
    return result.series_count == 1 && result.series[0].known[0];
}

static size_t count_sketches(int64_t second)
{
    const struct tw_series_sketch *items = NULL;
    size_t count = 0;
    assert_int_equal(tw_reader_sketches(reader, &arena, TW_STR_LIT("lag"), one_name.labels, second,
                                        second + 60, &items, &count),
                     TW_OK);
    return count;
}

static size_t count_decisions(int64_t second)
{
    const struct tw_decision *items = NULL;
    size_t count = 0;
    assert_int_equal(
        tw_reader_decisions(reader, &arena, TW_STR_LIT("x"), second, second + 60, &items, &count),
        TW_OK);
    return count;
}

static size_t count_spend(int64_t second)
{
    const struct tw_spend_sum *sums = NULL;
    size_t count = 0;
    assert_int_equal(tw_reader_spend(reader, &arena, TW_STR_LIT("x"), TW_SPEND_BY_CAUSE, second,
                                     second + HOUR_S, 10, &sums, &count),
                     TW_OK);
    assert_true(count == 0 || tw_str_is(sums[0].what, "auth"));
    return count;
}

static void archive__what_is_too_old__goes_step_by_step(void **state)
{
    (void)state;
    static const int64_t ages_s[] = {HOUR_S, 3 * DAY_S, 50 * DAY_S, 600 * DAY_S};
    static const int64_t step_s[] = {10, 60, 3600, 3600};
    static const bool is_kept[] = {true, true, true, false};
    tw_clock_manual_init(&tk.kit.clock, (tw_wall_t){T0 * TW_NS_PER_S});
    kit_close(&tk.kit);
    tk_open(&tk);
    for (size_t i = 0; i < 4; i++) {
        commit_at(T0 - ages_s[i]);
    }
    assert_int_equal(commit(NULL, true), TW_OK);
    tk_keeper(&tk);
    for (size_t i = 0; i < 4; i++) {
        int64_t step = 0;
        bool is_known = is_known_at(T0 - ages_s[i], 10, &step);
        assert_int_equal(is_known, is_kept[i]);
        assert_int_equal(step, step_s[i]);
        assert_int_equal(count_sketches(T0 - ages_s[i]), i < 2);
        assert_int_equal(count_decisions(T0 - ages_s[i]), i < 2);
        assert_int_equal(count_spend(T0 - ages_s[i]), i < 3);
    }
    /* not asked for: 10 s would do by their number, and are not there any more */
    assert_int_equal(read_series(T0 - 3 * DAY_S, T0 - 3 * DAY_S + 600, 0).step_s, 60);
    assert_int_equal(read_series(T0 - 50 * DAY_S, T0 - 50 * DAY_S + 600, 0).step_s, 3600);
    /* all of it once nothing is left, and its name with it */
    tk.kit.clock.wall.ns += 500 * INT64_C(86400) * TW_NS_PER_S;
    struct tw_archive *archive = NULL;
    kit_close(&tk.kit);
    uint8_t id[TW_STORE_ID_BYTES];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(tw_db_open(kit_path(&tk.kit, TW_ARCHIVE_NAME), TW_DB_READ, 512, &db, NULL),
                     TW_OK);
    assert_int_equal(tw_db_prepare(db, "SELECT store_id FROM meta", &stmt, NULL), TW_OK);
    assert_int_equal(tw_db_row(stmt, NULL), TW_OK);
    memcpy(id, tw_db_column_bytes(stmt, 0).ptr, sizeof id);
    (void)sqlite3_finalize(stmt);
    tw_db_close(&db);
    assert_int_equal(tw_archive_open(tk.kit.dir, id, 2, &archive, &tk.kit.diag), TW_OK);
    assert_int_equal(tw_archive_mark(archive), 1);
    assert_int_equal(tw_archive_expire(archive, tk.kit.clock.wall, &tk.kit.diag), TW_OK);
    tw_archive_close(&archive);
    assert_int_equal(kit_number(&tk.kit, TW_ARCHIVE_NAME,
                                "SELECT (SELECT count(*) FROM chunk) + (SELECT count(*) FROM"
                                " series_name) + (SELECT count(*) FROM spend)"),
                     0);
    tk_open(&tk);
}

/* Asked to stop in the middle: nothing of it happened. */
static bool say_stop(void *context)
{
    (*(int *)context)++;
    return true;
}

static void archive__asked_to_stop__is_as_before(void **state)
{
    (void)state;
    struct tw_series_point *points = calloc(5000, sizeof *points);
    assert_non_null(points);
    for (int i = 0; i < 5000; i++) {
        points[i] = (struct tw_series_point){.series = 7, .bucket = T0 + 10 * i, .value = i};
    }
    commit_points(TW_SERIES_SUM, points, 5000);
    free(points);
    assert_int_equal(commit(NULL, true), TW_OK);
    struct tw_archive *archive = NULL;
    uint8_t id[TW_STORE_ID_BYTES] = {1, 2, 3};
    const struct tw_part part = {.number = 1, .has_db = true};
    int asked = 0;
    assert_int_equal(tw_archive_open(tk.kit.dir, id, 2, &archive, &tk.kit.diag), TW_OK);
    assert_int_equal(tw_archive_add(archive, &part, say_stop, &asked, &tk.kit.diag), TW_ECLOSED);
    assert_int_equal(asked, 1);
    assert_int_equal(tw_archive_mark(archive), 0);
    assert_int_equal(kit_number(&tk.kit, TW_ARCHIVE_NAME, "SELECT count(*) FROM chunk"), 0);
    assert_int_equal(tw_archive_add(archive, &part, NULL, NULL, &tk.kit.diag), TW_OK);
    assert_int_equal(tw_archive_mark(archive), 1);
    tw_archive_close(&archive);
    assert_int_equal(tw_archive_open(tk.kit.dir, id, 1, &archive, &tk.kit.diag), TW_EFOREIGN);
    id[0] = 9;
    assert_int_equal(tw_archive_open(tk.kit.dir, id, 2, &archive, &tk.kit.diag), TW_EFOREIGN);
}

/* ---- chunks ---------------------------------------------------------------------------------- */

static void chunk__any_values__come_back(void **state)
{
    (void)state;
    static struct tw_chunk chunk;
    static struct tw_chunk back;
    struct tw_buf packed;
    tw_buf_init(&packed, 1u << 16);
    for (int round = 0; round < 200; round++) {
        memset(&chunk, 0, sizeof chunk);
        uint64_t share = kit_rnd(&tk.kit, 100);
        for (size_t i = 0; i < TW_CHUNK_SLOTS; i++) {
            if (kit_rnd(&tk.kit, 100) < share) {
                static const int64_t edges[] = {0, -1, INT64_MIN, INT64_MAX};
                uint64_t dice = kit_rnd(&tk.kit, 8);
                chunk.known[i] = true;
                chunk.value[i] = dice < 4 ? edges[dice] : (int64_t)kit_rnd(&tk.kit, 100000);
                chunk.place[i] = round % 2 == 0 ? 0 : (uint16_t)kit_rnd(&tk.kit, 360);
            }
        }
        tw_buf_clear(&packed);
        assert_int_equal(tw_chunk_encode(&chunk, &packed), TW_OK);
        assert_int_equal(tw_chunk_decode((struct tw_str){packed.data, packed.len}, &back), TW_OK);
        assert_memory_equal(&chunk, &back, sizeof chunk);
        for (size_t i = 0; i < packed.len; i += 1 + packed.len / 50) {
            /* whatever the bytes are, it is one of two answers and nothing else is touched */
            packed.data[i] = (char)kit_rnd(&tk.kit, 256);
            int rc = tw_chunk_decode((struct tw_str){packed.data, packed.len}, &back);
            assert_true(rc == TW_OK || rc == TW_EDAMAGED);
            rc = tw_chunk_decode((struct tw_str){packed.data, i}, &back);
            assert_true(rc == TW_OK || rc == TW_EDAMAGED);
        }
    }
    tw_buf_fini(&packed);
    assert_int_equal(tw_series_join(TW_SERIES_SUM, INT64_MAX, 1, true), INT64_MAX);
    assert_int_equal(tw_series_join(TW_SERIES_SUM, INT64_MIN, -1, true), INT64_MIN);
    assert_int_equal(tw_bucket_of(-1, 60), -60);
    assert_int_equal(tw_bucket_of(-60, 60), -60);
    assert_int_equal(tw_bucket_of(59, 60), 0);
}

static void chunk__damaged_in_the_archive__is_said(void **state)
{
    (void)state;
    commit_at(T0);
    assert_int_equal(commit(NULL, true), TW_OK);
    tk_keeper(&tk);
    (void)kit_number(&tk.kit, TW_ARCHIVE_NAME, "UPDATE chunk SET data = x'09' RETURNING 1");
    const struct tw_series_query asked = {
        .metric = TW_STR_LIT("lag"), .since_s = T0, .until_s = T0 + 60};
    struct tw_series_result result;
    assert_int_equal(tw_reader_series(reader, &arena, &asked, &result), TW_EDAMAGED);
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void commit_runs(size_t count, bool is_finished)
{
    struct tw_run_row *rows = calloc(count + 1, sizeof *rows);
    char(*ids)[24] = calloc(count + 1, sizeof *ids);
    assert_true(rows != NULL && ids != NULL);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "%06zu", i);
        rows[i] = (struct tw_run_row){.workflow = i % 2 == 0 ? TW_STR_LIT("a") : TW_STR_LIT("b"),
                                      .object_type = 1,
                                      .object_id = tw_str_of(ids[i]),
                                      .since = {5},
                                      .finished = {is_finished ? 100 : 0}};
    }
    const struct tw_track_changes changes = {.runs = rows, .run_count = count};
    assert_int_equal(commit(&changes, false), TW_OK);
    free(rows);
    free(ids);
}

static void runs__equal_times__page_by_page_without_repeats(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        commit_runs(1500, round == 1);
        struct tw_run_filter filter = {.limit = 5000}; /* taken for 1,000 */
        const struct tw_run_hit *hits = NULL;
        size_t count = 0;
        bool has_more = false;
        uint64_t total = 0;
        assert_int_equal(tw_reader_runs(reader, &arena, &filter, &hits, &count, &has_more, &total),
                         TW_OK);
        assert_int_equal(count, 1000);
        assert_int_equal(total, 1500);
        assert_true(has_more);
        /* from a run of one workflow to the rest of the other: none of a is behind one of b */
        filter.after = hits[999].key;
        assert_true(tw_str_is(hits[999].row.workflow, "b"));
        filter.workflow = TW_STR_LIT("a");
        assert_int_equal(tw_reader_runs(reader, &arena, &filter, &hits, &count, &has_more, &total),
                         TW_OK);
        assert_int_equal(count, 0);
        assert_false(has_more);
        assert_int_equal(total, 750);
        filter.workflow = TW_STR_NULL;
        assert_int_equal(tw_reader_runs(reader, &arena, &filter, &hits, &count, &has_more, NULL),
                         TW_OK);
        assert_int_equal(count, 500);
        assert_false(has_more);
    }
}

static void runs__strange_keys__are_refused(void **state)
{
    (void)state;
    commit_runs(10, false);
    char bytes[1200];
    const struct tw_run_hit *hits = NULL;
    size_t count = 0;
    bool has_more = false;
    memset(bytes, 'x', sizeof bytes);
    for (size_t len = 0; len < sizeof bytes; len += 7) {
        const struct tw_run_filter filter = {.after = {bytes, len}, .limit = 10};
        assert_int_equal(tw_reader_runs(reader, &arena, &filter, &hits, &count, &has_more, NULL),
                         TW_ESYNTAX);
    }
    for (int i = 0; i < 20000; i++) {
        size_t len = kit_rnd(&tk.kit, 40);
        for (size_t k = 0; k < len; k++) {
            bytes[k] = (char)(kit_rnd(&tk.kit, 3) == 0 ? 0 : kit_rnd(&tk.kit, 256));
        }
        const struct tw_run_filter filter = {.after = {bytes, len}, .limit = 10};
        int rc = tw_reader_runs(reader, &arena, &filter, &hits, &count, &has_more, NULL);
        assert_true(rc == TW_OK || rc == TW_ESYNTAX);
        tw_arena_reset(&arena);
    }
}

/* A run that was open when its partition ended goes on in the next, or was given up. */
static void runs__open_in_an_older_partition__is_no_longer_listed(void **state)
{
    (void)state;
    commit_runs(4, false);
    assert_int_equal(commit(NULL, true), TW_OK);
    const struct tw_run_filter filter = {.limit = 10};
    const struct tw_run_hit *hits = NULL;
    size_t count = 0;
    bool has_more = false;
    uint64_t total = 9;
    assert_int_equal(tw_reader_runs(reader, &arena, &filter, &hits, &count, &has_more, &total),
                     TW_OK);
    assert_int_equal(count, 0);
    assert_int_equal(total, 0);
    const struct tw_object object = {.type = 1, .id = TW_STR_LIT("000001")};
    struct tw_run_row row;
    assert_int_equal(tw_reader_run(reader, &arena, TW_STR_LIT("b"), &object, &row), TW_OK);
    assert_int_equal(tw_reader_run(reader, &arena, TW_STR_LIT("a"), &object, &row), TW_ENOTFOUND);
}

/* ---- others ---------------------------------------------------------------------------------- */

static void workflow__registered__is_found_by_name_and_version(void **state)
{
    (void)state;
    struct tw_str text = TW_STR_NULL;
    struct tw_diag *diag = &tk.kit.diag;
    assert_int_equal(
        tw_store_register_workflow(tk.kit.store, "sale", UINT64_MAX, TW_STR_LIT("one: 1"), diag),
        TW_OK);
    assert_int_equal(tw_store_register_workflow(tk.kit.store, "sale", 7, TW_STR_LIT("two"), diag),
                     TW_OK);
    /* known: stays as it is */
    assert_int_equal(tw_store_register_workflow(tk.kit.store, "sale", 7, TW_STR_LIT("3"), diag),
                     TW_OK);
    assert_int_equal(tw_reader_workflow_text(reader, &arena, TW_STR_LIT("sale"), UINT64_MAX, &text),
                     TW_OK);
    assert_true(tw_str_is(text, "one: 1"));
    assert_int_equal(tw_reader_workflow_text(reader, &arena, TW_STR_LIT("sale"), 7, &text), TW_OK);
    assert_true(tw_str_is(text, "two"));
    assert_int_equal(tw_reader_workflow_text(reader, &arena, TW_STR_LIT("sale"), 8, &text),
                     TW_ENOTFOUND);
    assert_int_equal(tw_reader_workflow_text(reader, &arena, TW_STR_LIT("x"), 7, &text),
                     TW_ENOTFOUND);
}

static void reader__deadline_passed__says_so(void **state)
{
    (void)state;
    commit_at(T0);
    commit_runs(10, false);
    tw_reader_set_deadline(reader, (tw_mono_t){1});
    const struct tw_run_filter filter = {.limit = 10};
    const struct tw_series_query asked = {.metric = TW_STR_LIT("lag"), .until_s = 10};
    const struct tw_run_hit *hits = NULL;
    struct tw_series_result result;
    struct tw_str text;
    size_t count = 0;
    bool has_more = false;
    assert_int_equal(tw_reader_runs(reader, &arena, &filter, &hits, &count, &has_more, NULL),
                     TW_ETIMEOUT);
    assert_int_equal(tw_reader_series(reader, &arena, &asked, &result), TW_ETIMEOUT);
    assert_int_equal(tw_reader_live(reader, &arena, TW_STR_LIT("x"), &text), TW_ETIMEOUT);
    assert_int_equal(tw_reader_workflow_text(reader, &arena, TW_STR_LIT("x"), 1, &text),
                     TW_ETIMEOUT);
}

static void reader__small_arena__is_out_of_memory_and_goes_on(void **state)
{
    (void)state;
    tk_commit(&tk, false);
    for (size_t bytes = 16; bytes < 60000; bytes += 1 + bytes / 5) {
        struct tw_arena small;
        tw_arena_init(&small, bytes);
        const struct tw_run_filter filter = {.limit = 20};
        const struct tw_series_query asked = {
            .metric = TW_STR_LIT("lag"), .since_s = T0, .until_s = T0 + 3000};
        const struct tw_run_hit *hits = NULL;
        struct tw_series_result result;
        size_t count = 0;
        bool has_more = false;
        int rc = tw_reader_runs(reader, &small, &filter, &hits, &count, &has_more, NULL);
        assert_true(rc == TW_OK || rc == TW_ENOMEM);
        tw_arena_reset(&small);
        rc = tw_reader_series(reader, &small, &asked, &result);
        assert_true(rc == TW_OK || rc == TW_ENOMEM);
        tw_arena_fini(&small);
    }
    tk_check(&tk, reader, true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(write__nothing_to_write__writes_nothing),
        TEST(write__series_not_announced__is_refused_whole),
        TEST(write__bad_bucket_kind_divisor_number__are_refused),
        TEST(write__a_new_partition__wants_its_names_again),
        TEST(write__no_space__the_same_batch_counts_once),
        TEST(series__step_not_asked_for__is_the_finest_of_at_most_1000),
        TEST(series__asked_step__is_rounded_up_and_cut_at_10000_points),
        TEST(series__nothing_known__differs_from_zero),
        TEST(series__rolled_up_by_kind__in_the_archive_as_before),
        TEST(archive__what_is_too_old__goes_step_by_step),
        TEST(archive__asked_to_stop__is_as_before),
        TEST(chunk__any_values__come_back),
        TEST(chunk__damaged_in_the_archive__is_said),
        TEST(runs__equal_times__page_by_page_without_repeats),
        TEST(runs__strange_keys__are_refused),
        TEST(runs__open_in_an_older_partition__is_no_longer_listed),
        TEST(workflow__registered__is_found_by_name_and_version),
        TEST(reader__deadline_passed__says_so),
        TEST(reader__small_arena__is_out_of_memory_and_goes_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
