/* SPDX-License-Identifier: Apache-2.0
 * store/points: points by bucket over partitions and the archive, each once; ticks. */
#include "config.h"
#include "track_kit.h"

#include "store/points.h"
#include "store/writer.h"

#define T0 (TK_START_S - TK_START_S % 60)

static struct tk tk;
static struct tw_reader *reader;
static struct tw_arena arena;

static int set_up(void **state)
{
    (void)state;
    tk_init(&tk, 8081);
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

static const struct tw_series_name names[] = {
    {0, TW_SERIES_SUM, 1, TW_STR_LIT("received"), TW_STR_LIT("{}")},
    {1, TW_SERIES_LAST, 1000000000, TW_STR_LIT("age"), TW_STR_LIT("{\"step\":\"a\"}")},
    {2, TW_SERIES_LAST, 1, TW_STR_LIT("other"), TW_STR_LIT("{}")},
};

/* A count, a value in seconds and one of a metric that nobody asks for, in the bucket that begins
 * `second` after T0; and a tick. */
static void commit_at(int64_t second, int64_t count, int64_t age_s, bool starts_partition)
{
    const struct tw_series_point points[] = {
        {0, T0 + second, count}, {1, T0 + second, age_s * TW_NS_PER_S}, {2, T0 + second, 5}};
    const struct tw_track_changes changes = {
        .names = names,
        .name_count = 3,
        .points = points,
        .point_count = 3,
        .has_tick = true,
        .tick = {{(T0 + second + 10) * TW_NS_PER_S}, {(T0 + second) * TW_NS_PER_S}},
    };
    kit_fill(&tk.kit, 1, starts_partition);
    tk.kit.batch->track = &changes;
    assert_int_equal(tw_store_commit(tk.kit.store, tk.kit.batch, &tk.kit.diag), TW_OK);
    kit_accept(&tk.kit);
}

static size_t read_points(int64_t since, int64_t until, const struct tw_point **ret_points)
{
    static const struct tw_str metrics[] = {TW_STR_LIT("received"), TW_STR_LIT("age")};
    const struct tw_points_query query = {.metrics = metrics,
                                          .metric_count = 2,
                                          .since_s = T0 + since,
                                          .until_s = T0 + until,
                                          .limit = 1000};
    size_t count = 0;
    assert_int_equal(tw_reader_points(reader, &arena, &query, ret_points, &count), TW_OK);
    return count;
}

/* The sum of the counts and the last age in [since, until), as one line. */
static void check_sums(int64_t since, int64_t until, int64_t sum, int64_t age_s)
{
    const struct tw_point *points = NULL;
    size_t count = read_points(since, until, &points);
    double counted = 0;
    double age = -1;
    for (size_t i = 0; i < count; i++) {
        assert_true(i == 0 || points[i - 1].bucket_s <= points[i].bucket_s);
        assert_true(points[i].bucket_s >= T0 + since && points[i].bucket_s < T0 + until);
        if (tw_str_is(points[i].series->metric, "received")) {
            assert_int_equal(points[i].series->kind, TW_SERIES_SUM);
            counted += points[i].value;
        } else {
            assert_true(tw_str_is(points[i].series->labels, "{\"step\":\"a\"}"));
            age = points[i].value;
        }
    }
    assert_int_equal((int64_t)counted, sum);
    assert_int_equal((int64_t)age, age_s);
}

static void points__of_a_span__are_those_of_its_buckets(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 20; i++) {
        commit_at(10 * i, i + 1, 100 + i, false);
    }
    check_sums(0, 200, 210, 119);
    check_sums(0, 10, 1, 100);
    check_sums(50, 70, 13, 106); /* over a minute's end */
    check_sums(200, 300, 0, -1);
    check_sums(50, 50, 0, -1);
}

/* A bucket may lie in two partitions: counts add up, of values the later one comes last. */
static void points__over_partitions__are_each_there_once(void **state)
{
    (void)state;
    commit_at(0, 1, 100, false);
    commit_at(10, 2, 101, false);
    commit_at(10, 4, 102, true);
    commit_at(20, 8, 103, false);
    check_sums(10, 20, 6, 102);
    check_sums(0, 30, 15, 103);
    commit_at(300, 16, 104, true); /* the first two are sealed, and their series archived */
    assert_int_equal(tw_keeper_run_once(tk.kit.store, &tk.kit.diag), TW_OK);
    assert_int_equal(kit_number(&tk.kit, "series.db", "SELECT up_to FROM meta"), 2);
    check_sums(0, 310, 31, 104);
    check_sums(0, 10, 1, 100);
    check_sums(10, 30, 14, 103);
    check_sums(300, 310, 16, 104);
    commit_at(310, 32, 105, false);
    check_sums(300, 320, 48, 105);
}

static void points__more_than_the_limit__are_refused(void **state)
{
    (void)state;
    static const struct tw_str metric = TW_STR_LIT("received");
    const struct tw_point *points = NULL;
    size_t count = 0;
    struct tw_points_query query = {
        .metrics = &metric, .metric_count = 1, .since_s = T0, .until_s = T0 + 100, .limit = 3};
    for (int64_t i = 0; i < 3; i++) {
        commit_at(10 * i, 1, 1, false);
    }
    assert_int_equal(tw_reader_points(reader, &arena, &query, &points, &count), TW_OK);
    assert_int_equal(count, 3);
    commit_at(30, 1, 1, false);
    assert_int_equal(tw_reader_points(reader, &arena, &query, &points, &count), TW_ELIMIT);
    query.limit = 4;
    struct tw_arena small;
    tw_arena_init(&small, 64);
    assert_int_equal(tw_reader_points(reader, &small, &query, &points, &count), TW_ENOMEM);
    tw_arena_fini(&small);
    query.metric_count = 0;
    assert_int_equal(tw_reader_points(reader, &arena, &query, &points, &count), TW_OK);
    assert_int_equal(count, 0);
    tw_reader_set_deadline(reader, (tw_mono_t){1});
    assert_int_equal(tw_reader_points(reader, &arena, &query, &points, &count), TW_ETIMEOUT);
}

static void ticked__before_a_time__is_looked_for_in_all_partitions(void **state)
{
    (void)state;
    struct tw_track_tick tick;
    assert_int_equal(tw_reader_ticked(reader, (tw_wall_t){0}, &tick), TW_ENOTFOUND);
    commit_at(0, 1, 1, false);
    commit_at(10, 1, 1, false);
    commit_at(20, 1, 1, true);
    assert_int_equal(tw_reader_ticked(reader, (tw_wall_t){0}, &tick), TW_OK);
    assert_int_equal(tick.now.ns, (T0 + 30) * TW_NS_PER_S);
    assert_int_equal(tick.read_up_to.ns, (T0 + 20) * TW_NS_PER_S);
    const tw_wall_t third = tick.now;
    assert_int_equal(tw_reader_ticked(reader, third, &tick), TW_OK);
    assert_int_equal(tick.now.ns, (T0 + 20) * TW_NS_PER_S);
    const tw_wall_t first = {(T0 + 10) * TW_NS_PER_S};
    assert_int_equal(tw_reader_ticked(reader, first, &tick), TW_ENOTFOUND);
    assert_int_equal(tw_keeper_run_once(tk.kit.store, &tk.kit.diag), TW_OK);
    assert_int_equal(tw_reader_ticked(reader, third, &tick), TW_OK); /* of a sealed one */
    assert_int_equal(tick.now.ns, (T0 + 20) * TW_NS_PER_S);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(points__of_a_span__are_those_of_its_buckets),
        TEST(points__over_partitions__are_each_there_once),
        TEST(points__more_than_the_limit__are_refused),
        TEST(ticked__before_a_time__is_looked_for_in_all_partitions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
