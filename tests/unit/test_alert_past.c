/* SPDX-License-Identifier: Apache-2.0
 * Rules on the past: what was judged live from the points as they were written is what the past
 * says from the store, over the same ten days; and what it says of what it cannot know. */
#include "config.h"
#include "rules_kit.h"
#include "store_kit.h"

#include <math.h>
#include <string.h>

#include "alert/past.h"
#include "alert/usual.h"
#include "store/writer.h"

#define START_S    INT64_C(1795392000) /* 2026-11-23, a Monday, 00:00 UTC */
#define DAYS       10
#define HOUR_S     3600
#define DAY_S      86400
#define SPANS      4000
#define HOUR_ITEMS 360

struct written {
    const char *metric;
    const char *labels;
    enum tw_series_kind kind;
    int64_t divisor;
};
static const struct written some_series[] = {
    {"open_runs", "{}", TW_SERIES_LAST, 1},
    {"step_waiting", "{\"step\":\"posted\",\"workflow\":\"sale-posting\"}", TW_SERIES_LAST, 1},
    {"step_waiting", "{\"step\":\"received\",\"workflow\":\"sale-posting\"}", TW_SERIES_LAST, 1},
    {"step_done", "{\"step\":\"posted\",\"workflow\":\"sale-posting\"}", TW_SERIES_SUM, 1},
    {"step_failed", "{\"step\":\"posted\",\"workflow\":\"sale-posting\"}", TW_SERIES_SUM, 1},
    {"objective_burn", "{\"objective\":\"sales-complete\",\"window\":\"1h\"}", TW_SERIES_LAST,
     1000000},
    {"store_waiting", "{\"store\":\"0007\"}", TW_SERIES_LAST, 1},
    {"objective_rule", "{\"objective\":\"sales-complete\",\"rule\":\"fast\"}", TW_SERIES_LAST, 1},
    {"objective_rule_value", "{\"objective\":\"sales-complete\",\"rule\":\"fast\"}", TW_SERIES_LAST,
     1000000},
};
#define SOME   (sizeof some_series / sizeof some_series[0])
#define STORES (TW_PAST_SERIES_MAX + 1) /* with a series each, on the last day */
#define SERIES (SOME + STORES)
static struct written series[SERIES];
static char store_labels[STORES][24];

static const char rules_text[] =
    "name: t\n"
    "rules:\n"
    "  - {alert: Waiting, title: W, severity: critical, summary: s, above: 50, for: 2min,\n"
    "     keep-firing-for: 3min, when: {metric: step_waiting, by: [workflow, step], over: 1min,\n"
    "     take: max}}\n"
    "  - {alert: Failing, title: F, severity: warning, summary: s, above: 0.3, least: 20,\n"
    "     for: 1min, when: {metric: step_failed, by: [workflow], over: 5min},\n"
    "     share-of: {metric: step_done}}\n"
    "  - {alert: Few, title: F, severity: warning, summary: s, below: 0.4, for: 5min,\n"
    "     when: {metric: step_done, by: [step], over: 10min}, share-of-usual: true, least: 30}\n"
    "  - {alert: Burning, title: B, severity: info, summary: s, above: 3, no-data: alert,\n"
    "     no-data-for: 15min, when: {metric: objective_burn, by: [objective]}}\n"
    "  - {alert: Store, title: S, severity: info, summary: s, above: 10, for: 5min,\n"
    "     when: {metric: store_waiting, by: [store], over: 1min},\n"
    "     hours: {weekdays: [mon, tue, wed, thu, fri], times: [\"08:00-20:00\"]}}\n"
    "  - {alert: Paging, title: P, severity: critical, summary: s, above: 1, for: 1min,\n"
    "     burn: {rule: fast}}\n"
    "  - {alert: Unproven, title: U, severity: info, summary: s, above: 0,\n"
    "     when: {metric: replay_unproven}}\n"
    "  - {alert: Always, title: A, severity: info, summary: s, above: 1,\n"
    "     when: {metric: open_runs}}\n"
    "  - {alert: Stores, title: S, severity: info, summary: s, above: 10,\n"
    "     when: {metric: store_failed, by: [store], over: 1min}}\n";
#define RULES    9
#define COMPARED 6 /* the first of them */

struct span {
    char labels[256];
    int64_t since_s;
    int64_t fired_s;
    int64_t resolved_s; /* 0: it still fires */
};
struct world {
    struct kit kit;
    struct rules_kit rules_kit;
    const struct tw_rules *rules;
    struct tw_engine *live;
    struct tw_reader *reader;
    struct tw_arena arena;
    struct span spans[RULES][SPANS];
    size_t span_count[RULES];
    bool is_announced;
    struct tw_series_point points[HOUR_ITEMS * SERIES];
    size_t point_count;
};
static struct world world;

/* ---- what happens ---------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t value)
{
    value = (value ^ value >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    return value ^ value >> 29;
}

/* Episodes: a part of all half hours, by chance. */
static bool is_episode(int64_t bucket_s, uint64_t kind, uint64_t part)
{
    return mixed((uint64_t)(bucket_s / 1800) * 16 + kind) % part == 0;
}

static bool is_up(int64_t bucket_s)
{
    int64_t into = bucket_s % DAY_S;
    return !(into >= 5 * HOUR_S && into < 5 * HOUR_S + 1230) && /* the tower is away each night */
           !(into >= 13 * HOUR_S && into < 13 * HOUR_S + 20);   /* and restarts at noon */
}

/* The value of a series in a bucket; false: it says nothing. */
static bool value_of(size_t which, int64_t bucket_s, int64_t *ret_value)
{
    int64_t some = (int64_t)(mixed((uint64_t)bucket_s + which) % 7);
    int64_t hour = bucket_s / HOUR_S % 24;
    *ret_value = 0;
    switch (which) {
    case 0:
        *ret_value = 100 + some;
        return true;
    case 1:
    case 2:
        *ret_value = is_episode(bucket_s, which, 9) ? 60 + some : some;
        return true;
    case 3:
        *ret_value = (hour >= 7 && hour < 21 ? 5 : 1) + some % 2;
        *ret_value = is_episode(bucket_s, 3, 25) ? 0 : *ret_value;
        return *ret_value > 0;
    case 4:
        *ret_value = is_episode(bucket_s, 4, 11) ? 3 : 0;
        return *ret_value > 0;
    case 5:
        *ret_value = (is_episode(bucket_s, 5, 7) ? 4 : 1) * 1000000 + some;
        return !is_episode(bucket_s, 6, 8);
    case 6:
        *ret_value = is_episode(bucket_s, 7, 3) ? 20 : 3;
        return bucket_s % 60 == 50;
    case 7:
        *ret_value = is_episode(bucket_s, 8, 9) ? 2 : 0;
        return *ret_value > 0;
    case 8:
        *ret_value = is_episode(bucket_s, 8, 9) ? 21300000 : 3000000;
        return true;
    default: /* a store: every other half hour, of some more than of others */
        *ret_value = bucket_s / 1800 % 2 == 0 ? 20 + (int64_t)(which - SOME) : 0;
        return bucket_s % 60 == 50 && bucket_s >= START_S + (DAYS - 1) * DAY_S;
    }
}

/* ---- the store ------------------------------------------------------------------------------- */

static void commit(int64_t until_s, bool starts_partition)
{
    struct tw_series_name names[SERIES];
    for (size_t i = 0; i < SERIES; i++) {
        names[i] = (struct tw_series_name){.series = (uint32_t)i,
                                           .kind = series[i].kind,
                                           .divisor = series[i].divisor,
                                           .metric = tw_str_of(series[i].metric),
                                           .labels = tw_str_of(series[i].labels)};
    }
    bool has_names = starts_partition || !world.is_announced;
    const tw_wall_t at = {until_s * TW_NS_PER_S};
    const struct tw_track_changes changes = {.has_tick = true,
                                             .tick = {at, at},
                                             .names = names,
                                             .name_count = has_names ? SERIES : 0,
                                             .points = world.points,
                                             .point_count = world.point_count};
    tw_clock_manual_advance(&world.kit.clock, at.ns - world.kit.clock.wall.ns);
    kit_fill(&world.kit, 1, starts_partition);
    world.kit.batch->track = &changes;
    assert_int_equal(tw_store_commit(world.kit.store, world.kit.batch, &world.kit.diag), TW_OK);
    kit_accept(&world.kit);
    world.is_announced = true;
    world.point_count = 0;
}

static struct tw_reader *reader(void)
{
    tw_reader_close(&world.reader);
    assert_int_equal(tw_reader_open(world.kit.dir, &world.reader, &world.kit.diag), TW_OK);
    return world.reader;
}

/* ---- live ------------------------------------------------------------------------------------ */

static void labels_text(const struct tw_labels *labels, char *buf, size_t size)
{
    struct tw_str json = TW_STR_NULL;
    tw_arena_reset(&world.arena);
    assert_int_equal(tw_labels_json(&world.arena, labels, &json), TW_OK);
    assert_true(json.len < size);
    memcpy(buf, json.ptr, json.len + 1);
}

static void note(const struct tw_alert_change *change, int64_t at_s)
{
    size_t rule = (size_t)(change->alert.rule - world.rules->items);
    char labels[256];
    labels_text(&change->alert.labels, labels, sizeof labels);
    size_t *count = &world.span_count[rule];
    if (change->news == TW_NEWS_FIRING) {
        assert_true(*count < SPANS);
        struct span *span = &world.spans[rule][(*count)++];
        *span = (struct span){.since_s = change->alert.since_s, .fired_s = at_s};
        memcpy(span->labels, labels, sizeof labels);
    } else if (change->news == TW_NEWS_RESOLVED) {
        size_t i = *count - 1;
        while (world.spans[rule][i].resolved_s != 0 ||
               strcmp(world.spans[rule][i].labels, labels) != 0) {
            i--;
        }
        world.spans[rule][i].resolved_s = at_s;
    }
}

static void live_bucket(int64_t bucket_s)
{
    const struct tw_alert_change *changes = NULL;
    size_t count = 0;
    for (size_t i = 0; i < SERIES && is_up(bucket_s); i++) {
        int64_t value = 0;
        if (value_of(i, bucket_s, &value)) {
            world.points[world.point_count++] =
                (struct tw_series_point){(uint32_t)i, bucket_s, value};
            assert_int_equal(tw_engine_feed(world.live, tw_str_of(series[i].metric),
                                            tw_str_of(series[i].labels), bucket_s, 10,
                                            (double)value / (double)series[i].divisor),
                             TW_OK);
        }
    }
    assert_int_equal(tw_engine_tick(world.live, bucket_s, 10, is_up(bucket_s), &changes, &count),
                     TW_OK);
    for (size_t i = 0; i < count; i++) {
        note(&changes[i], bucket_s + 10);
    }
}

/* Ten days, in partitions of a day that are archived when they are over. */
static int set_up(void **state)
{
    (void)state;
    memcpy(series, some_series, sizeof some_series);
    for (size_t i = 0; i < STORES; i++) {
        (void)snprintf(store_labels[i], sizeof store_labels[i], "{\"store\":\"%zu\"}", i);
        series[SOME + i] = (struct written){"store_failed", store_labels[i], TW_SERIES_LAST, 1};
    }
    kit_init(&world.kit, 7);
    tw_arena_init(&world.arena, (size_t)256 << 20);
    world.rules_kit = rules_kit_new("taps:\n"
                                    "  - {name: a, kind: router, bind: [\"tcp://127.0.0.1:1\"]}\n");
    assert_int_equal(tw_rules_parse(world.rules_kit.cfg, world.rules_kit.workflows, "t.yaml",
                                    tw_str_of(rules_text), stderr, &world.rules),
                     TW_OK);
    assert_int_equal(world.rules->count, RULES);
    world.kit.clock.wall = (tw_wall_t){START_S * TW_NS_PER_S};
    assert_int_equal(kit_open(&world.kit), TW_OK);
    assert_int_equal(tw_engine_new(world.rules, world.rules_kit.workflows, &world.live), TW_OK);
    for (int64_t hour_s = START_S; hour_s < START_S + DAYS * DAY_S; hour_s += HOUR_S) {
        if (hour_s > START_S) {
            assert_int_equal(tw_usual_tell(reader(), world.live, hour_s), TW_OK);
        }
        for (int64_t at = hour_s; at < hour_s + HOUR_S; at += 10) {
            live_bucket(at);
        }
        bool is_new_day = hour_s % DAY_S == 0 && hour_s > START_S;
        commit(hour_s + HOUR_S, is_new_day);
        if (is_new_day) {
            assert_int_equal(tw_keeper_run_once(world.kit.store, &world.kit.diag), TW_OK);
        }
    }
    (void)reader();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_reader_close(&world.reader);
    tw_engine_destroy(&world.live);
    tw_rules_unref(&world.rules);
    rules_kit_fini(&world.rules_kit);
    tw_arena_fini(&world.arena);
    kit_fini(&world.kit);
    return 0;
}

/* ---- the same -------------------------------------------------------------------------------- */

static void try_rule(const struct tw_rule *rule, int64_t since_s, int64_t until_s,
                     struct tw_arena *arena, struct tw_past *ret_past)
{
    struct tw_diag diag = {""};
    const struct tw_past_ask ask = {world.rules, rule, world.rules_kit.workflows, since_s, until_s};
    int rc = tw_past_try(world.reader, arena, &ask, ret_past, &diag);
    if (rc != TW_OK) {
        fail_msg("%s: %s", rule->name, diag.text);
    }
}

static bool is_near(int64_t a, int64_t b, int64_t by)
{
    return a - b <= by && b - a <= by;
}

/* The past has what was live, each time within `by` seconds. Those that end before or begin behind
 * are none of it. */
static size_t compare(size_t rule, const struct tw_past *past, int64_t by)
{
    size_t next = 0;
    for (size_t i = 0; i < world.span_count[rule]; i++) {
        struct span live = world.spans[rule][i];
        if ((live.resolved_s != 0 && live.resolved_s <= past->since_s) ||
            live.fired_s > past->until_s) {
            continue;
        }
        live.resolved_s = live.resolved_s > past->until_s ? 0 : live.resolved_s;
        char labels[256] = "";
        const struct tw_past_span *span = next < past->span_count ? &past->spans[next++] : NULL;
        if (span != NULL) {
            labels_text(&span->labels, labels, sizeof labels);
        }
        if (span == NULL || strcmp(labels, live.labels) != 0 ||
            !is_near(span->since_s, live.since_s, by) ||
            !is_near(span->fired_s, live.fired_s, by) ||
            !is_near(span->resolved_s, live.resolved_s, by)) {
            fail_msg("%s %s: live %lld %lld %lld, the past %s %lld %lld %lld",
                     world.rules->items[rule].name, live.labels,
                     (long long)(live.since_s - START_S), (long long)(live.fired_s - START_S),
                     (long long)(live.resolved_s - START_S), labels,
                     span == NULL ? -1LL : (long long)(span->since_s - START_S),
                     span == NULL ? -1LL : (long long)(span->fired_s - START_S),
                     span == NULL ? -1LL : (long long)(span->resolved_s - START_S));
        }
    }
    assert_int_equal(next, past->span_count);
    assert_int_equal(past->fired, past->span_count);
    return next;
}

static void past__the_last_day__is_what_was_live_to_the_second(void **state)
{
    (void)state;
    int64_t end_s = START_S + DAYS * DAY_S;
    static const int64_t lengths[] = {DAY_S, DAY_S - 6 * HOUR_S, 6 * HOUR_S, HOUR_S, 600};
    for (size_t rule = 0; rule < COMPARED; rule++) {
        size_t spans = 0;
        for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
            struct tw_arena arena;
            struct tw_past past = {0};
            tw_arena_init(&arena, (size_t)64 << 20);
            try_rule(&world.rules->items[rule], end_s - lengths[i], end_s, &arena, &past);
            assert_int_equal(past.step_s, 10);
            spans += compare(rule, &past, 0);
            tw_arena_fini(&arena);
        }
        assert_true(spans > 0);
    }
}

static void past__longer_than_a_day__is_what_was_live_to_the_minute(void **state)
{
    (void)state;
    /* Of a share of sums, and of values that pass a limit for a moment, minutes do not tell when.
     */
    static const size_t told[] = {0, 3, 4};
    int64_t end_s = START_S + DAYS * DAY_S;
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        struct tw_arena arena;
        struct tw_past past = {0};
        tw_arena_init(&arena, (size_t)64 << 20);
        try_rule(&world.rules->items[told[i]], end_s - 7 * DAY_S, end_s, &arena, &past);
        assert_int_equal(past.step_s, 60);
        assert_true(compare(told[i], &past, 70) > 10);
        tw_arena_fini(&arena);
    }
}

/* ---- what is drawn --------------------------------------------------------------------------- */

static void past__lines__are_the_furthest_values_by_the_labels_of_the_rule(void **state)
{
    (void)state;
    int64_t end_s = START_S + DAYS * DAY_S;
    struct tw_arena arena;
    struct tw_past past = {0};
    tw_arena_init(&arena, (size_t)64 << 20);
    try_rule(&world.rules->items[0], end_s - HOUR_S, end_s, &arena, &past);
    assert_int_equal(past.point_s, 10);
    assert_int_equal(past.point_count, 360);
    assert_int_equal(past.line_count, 2);
    assert_int_equal(past.lines_left_out, 0);
    for (size_t i = 0; i < 2; i++) {
        struct tw_str step = tw_labels_get(&past.lines[i].labels, "step");
        size_t which = tw_str_is(step, "posted") ? 1 : 2;
        assert_int_equal(past.lines[i].labels.count, 2);
        for (size_t at = 0; at < past.point_count; at++) {
            int64_t highest = 0; /* of a minute */
            for (int64_t back = 0; back < 60; back += 10) {
                int64_t value = 0;
                (void)value_of(which, end_s - HOUR_S + (int64_t)at * 10 - back, &value);
                highest = value > highest ? value : highest;
            }
            assert_true(fabs(past.lines[i].values[at] - (double)highest) < 1e-9);
        }
    }
    try_rule(&world.rules->items[0], end_s - 7 * DAY_S, end_s, &arena, &past);
    assert_int_equal(past.point_s, 600);
    assert_int_equal(past.point_count, 1008);
    tw_arena_fini(&arena);
}

static void past__burn_rule__shows_burn_rates_against_the_factor_of_its_objective(void **state)
{
    (void)state;
    int64_t end_s = START_S + DAYS * DAY_S;
    struct tw_arena arena;
    struct tw_past past = {0};
    tw_arena_init(&arena, (size_t)64 << 20);
    try_rule(&world.rules->items[5], end_s - DAY_S, end_s, &arena, &past);
    assert_true(past.span_count > 0);
    for (size_t i = 0; i < past.span_count; i++) {
        assert_true(fabs(past.spans[i].peak - 21.3) < 1e-9);
    }
    assert_int_equal(past.line_count, 1);
    assert_true(fabs(past.lines[0].limit - 14.88) < 1e-9); /* December */
    tw_arena_fini(&arena);
}

static void past__more_than_is_shown__is_counted(void **state)
{
    (void)state;
    int64_t end_s = START_S + DAYS * DAY_S;
    struct tw_arena arena;
    struct tw_past past = {0};
    tw_arena_init(&arena, (size_t)64 << 20);
    try_rule(&world.rules->items[8], end_s - HOUR_S, end_s, &arena, &past);
    assert_int_equal(past.span_count, STORES);
    assert_int_equal(past.fired, STORES);
    assert_int_equal(past.line_count, TW_PAST_SERIES_MAX);
    assert_int_equal(past.lines_left_out, 1);
    for (size_t i = 0; i < past.line_count; i++) { /* the furthest first; the least is left out */
        char store[8];
        (void)snprintf(store, sizeof store, "%zu", STORES - 1 - i);
        assert_true(tw_str_is(tw_labels_get(&past.lines[i].labels, "store"), store));
    }
    try_rule(&world.rules->items[8], end_s - DAY_S, end_s, &arena, &past);
    assert_int_equal(past.fired, world.span_count[8]);
    assert_true(past.fired > TW_PAST_SPANS_MAX);
    assert_int_equal(past.span_count, TW_PAST_SPANS_MAX);
    tw_arena_fini(&arena);
}

/* ---- what it does not know ------------------------------------------------------------------- */

static void expect_doubt(size_t rule, int64_t since_s, int64_t until_s, const char *doubt)
{
    struct tw_arena arena;
    struct tw_past past = {0};
    tw_arena_init(&arena, (size_t)64 << 20);
    try_rule(&world.rules->items[rule], since_s, until_s, &arena, &past);
    if (doubt == NULL) {
        assert_null(past.incomplete);
    } else if (past.incomplete == NULL || strstr(past.incomplete, doubt) == NULL) {
        fail_msg("\"%s\" in \"%s\"", doubt, past.incomplete == NULL ? "" : past.incomplete);
    }
    tw_arena_fini(&arena);
}

static void past__what_it_cannot_know__is_said(void **state)
{
    (void)state;
    int64_t end_s = START_S + DAYS * DAY_S;
    expect_doubt(0, end_s - 6 * HOUR_S, end_s, NULL);
    expect_doubt(0, end_s - 6 * HOUR_S, end_s + 60, NULL); /* what is not written yet */
    expect_doubt(0, end_s - 6 * HOUR_S, end_s + 600, "the tower did not run for 10 minutes");
    expect_doubt(0, end_s - 20 * HOUR_S, end_s, "the tower did not run for 21 minutes");
    expect_doubt(0, START_S - HOUR_S, START_S + 2 * DAY_S,
                 "nothing is known from before 2026-11-23T00:00:00");
    expect_doubt(0, START_S - 3 * DAY_S, START_S - DAY_S, "nothing is known of this time");
    expect_doubt(0, START_S + 2 * DAY_S, START_S + 2 * DAY_S + HOUR_S, "only coarser values");
    expect_doubt(2, START_S + DAY_S, START_S + 3 * DAY_S, "what is usual was not known");
    expect_doubt(7, end_s - HOUR_S, end_s, "it held already when looking began");
    expect_doubt(6, end_s - HOUR_S, end_s, "not kept as a series");
}

/* What it answers, of the first rule. */
static int try_only(int64_t since_s, int64_t until_s, size_t arena_bytes, struct tw_diag *diag)
{
    const struct tw_past_ask ask = {world.rules, &world.rules->items[0], world.rules_kit.workflows,
                                    since_s, until_s};
    struct tw_past past = {0};
    struct tw_arena arena;
    tw_arena_init(&arena, arena_bytes);
    int rc = tw_past_try(world.reader, &arena, &ask, &past, diag);
    assert_true(past.point_count <= TW_PAST_POINTS_MAX);
    tw_arena_fini(&arena);
    return rc;
}

static void past__times_that_are_none__are_refused(void **state)
{
    (void)state;
    struct tw_diag diag = {""};
    int64_t end_s = START_S + DAYS * DAY_S;
    int64_t longest_s = (int64_t)TW_PAST_DAYS_MAX * DAY_S;
    size_t bytes = (size_t)64 << 20;
    assert_int_equal(try_only(end_s, end_s, bytes, &diag), TW_EINVAL);
    assert_int_equal(try_only(-1, 10, bytes, &diag), TW_EINVAL);
    assert_int_equal(try_only(end_s - longest_s - 1, end_s, bytes, &diag), TW_EINVAL);
    assert_true(strlen(diag.text) > 0);
    assert_int_equal(try_only(end_s - longest_s, end_s, bytes, &diag), TW_OK);
}

static void past__no_time_or_no_memory__is_said_and_leaves_nothing(void **state)
{
    (void)state;
    struct tw_diag diag = {""};
    int64_t end_s = START_S + DAYS * DAY_S;
    assert_int_equal(try_only(end_s - DAY_S, end_s, 1000, &diag), TW_ENOMEM);
    tw_reader_set_deadline(world.reader, (tw_mono_t){1});
    assert_int_equal(try_only(end_s - DAY_S, end_s, (size_t)64 << 20, &diag), TW_ETIMEOUT);
    (void)reader();
}

/* ---- what is usual --------------------------------------------------------------------------- */

#define WEEKS 7

/* Seven weeks from a Monday on; in week w every hour counts 100 * w, and one more in hours 2 to 4.
 */
static struct tw_usual weeks(void)
{
    static bool ran[WEEKS * TW_USUAL_HOURS];
    static double sums[WEEKS * TW_USUAL_HOURS];
    static uint8_t shown[WEEKS * TW_USUAL_HOURS];
    static struct tw_usual_group group;
    for (size_t i = 0; i < WEEKS * TW_USUAL_HOURS; i++) {
        size_t week = i / TW_USUAL_HOURS;
        ran[i] = true;
        size_t hour = i % TW_USUAL_HOURS;
        shown[i] = (uint8_t)hour;
        sums[i] = 100.0 * (double)week + (hour >= 2 && hour <= 4 ? 1 : 0);
    }
    group = (struct tw_usual_group){.sums = sums};
    return (struct tw_usual){.first_s = START_S,
                             .hour_count = WEEKS * TW_USUAL_HOURS,
                             .ran = ran,
                             .shown = shown,
                             .groups = &group,
                             .group_count = 1};
}

static void expect_usual(const struct tw_usual *usual, int64_t after_s, size_t hour,
                         double expected)
{
    double hours[TW_USUAL_HOURS];
    bool is_known = tw_usual_hours(usual, 0, START_S + after_s, hours);
    assert_true(is_known == !isnan(expected) || hour != 0);
    if (isnan(expected)) {
        assert_true(isnan(hours[hour]));
    } else {
        assert_true(fabs(hours[hour] - expected) < 1e-9);
    }
}

static void usual__mean_of_the_same_hour_of_the_five_weeks_before(void **state)
{
    (void)state;
    const struct tw_usual usual = weeks();
    int64_t week_s = (int64_t)TW_USUAL_HOURS * HOUR_S;
    expect_usual(&usual, week_s - 1, 0, (double)NAN); /* less than a week */
    expect_usual(&usual, week_s, 0, 0);
    expect_usual(&usual, week_s, 3, 1);
    expect_usual(&usual, 2 * week_s, 3, 51);
    expect_usual(&usual, 5 * week_s, 3, 201);
    expect_usual(&usual, 6 * week_s, 3, 301); /* without the first */
    expect_usual(&usual, 6 * week_s + 3 * HOUR_S, 3, 301);
    /* What goes on, or went on a while ago, is what is judged. */
    int64_t later_s = 6 * week_s + (4 + TW_USUAL_LATEST_H) * HOUR_S;
    expect_usual(&usual, later_s - 1, 3, 301);
    expect_usual(&usual, later_s, 3, 301); /* hour 4 is still to come */
    expect_usual(&usual, later_s + HOUR_S, 3, 401);
    expect_usual(&usual, later_s + HOUR_S, 6, 300);
    expect_usual(&usual, 20 * week_s, 3, 401); /* of what was read */
}

static void usual__hours_in_which_the_tower_did_not_run__are_left_out(void **state)
{
    (void)state;
    const struct tw_usual usual = weeks();
    int64_t week_s = (int64_t)TW_USUAL_HOURS * HOUR_S;
    usual.ran[4 * TW_USUAL_HOURS + 3] = false;
    expect_usual(&usual, 5 * week_s, 3, (0 + 100 + 200 + 300) / 4.0 + 1);
    for (size_t week = 0; week < WEEKS; week++) {
        usual.ran[week * TW_USUAL_HOURS + 3] = false;
    }
    expect_usual(&usual, 5 * week_s, 3, (double)NAN);
    expect_usual(&usual, 5 * week_s, 4, 200);
    for (size_t hour = 3; hour <= 5; hour++) {
        usual.groups[0].sums[hour] = (double)NAN; /* ran, and nothing is known */
    }
    expect_usual(&usual, 5 * week_s, 4, 250);
}

/* Two weeks of stores that trade from 10:30 to 19:30 by this clock, with what it shows of each
 * hour; then there are 100 in an hour. */
static struct tw_usual trade(int64_t first_s, const struct tw_zone *zone)
{
    struct tw_usual usual = weeks();
    usual.first_s = first_s;
    usual.zone = zone;
    usual.hour_count = 2 * TW_USUAL_HOURS;
    tw_calendar_week_hours(zone, (tw_wall_t){first_s * TW_NS_PER_S}, usual.hour_count, usual.shown);
    for (size_t i = 0; i < usual.hour_count; i++) {
        const tw_wall_t at = {(first_s + (int64_t)i * HOUR_S) * TW_NS_PER_S};
        int64_t hour = (at.ns / TW_NS_PER_S + tw_zone_offset_s(zone, at)) % DAY_S / HOUR_S;
        usual.groups[0].sums[i] =
            hour == 10 || hour == 19 ? 50 : (hour > 10 && hour < 19 ? 100 : 0);
    }
    return usual;
}

static void usual__hour_in_which_trade_begins_or_ends__is_that_beside_it(void **state)
{
    (void)state;
    struct tw_usual usual = trade(START_S, NULL);
    int64_t monday_s = 2 * (int64_t)TW_USUAL_HOURS * HOUR_S;
    static const struct {
        size_t hour;
        double below;
        double above;
    } rows[] = {{8, 0, 0},      {9, 0, 50},    {10, 0, 100}, {11, 50, 100}, {12, 100, 100},
                {17, 100, 100}, {18, 50, 100}, {19, 0, 100}, {20, 0, 50},   {21, 0, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        usual.is_above = false;
        expect_usual(&usual, monday_s, rows[i].hour, rows[i].below);
        usual.is_above = true;
        expect_usual(&usual, monday_s, rows[i].hour, rows[i].above);
    }
}

/* On the Monday behind the change doors open at 9:30 UTC, and an hour earlier before it. */
static void usual__week_of_a_clock_change__moves_with_the_clock(void **state)
{
    (void)state;
    struct tw_zone *berlin = NULL;
    double hours[TW_USUAL_HOURS];
    int64_t first_s = 1791763200; /* 2026-10-12, a Monday; the change is on the 25th, 01:00 */
    int64_t monday_s = first_s + 14 * DAY_S;
    assert_int_equal(tw_zone_new("Europe/Berlin", &berlin), TW_OK);
    struct tw_usual usual = trade(first_s - 2 * HOUR_S, berlin);
    assert_true(tw_usual_hours(&usual, 0, monday_s, hours));
    assert_true(fabs(hours[9] - 0) < 1e-9); /* doors open in it */
    assert_true(fabs(hours[10] - 50) < 1e-9);
    assert_true(fabs(hours[11] - 100) < 1e-9);
    assert_true(fabs(hours[17] - 50) < 1e-9);
    assert_true(fabs(hours[18] - 0) < 1e-9);
    /* By UTC half of it would be missed at nine, when all doors are closed. */
    usual.zone = NULL;
    tw_calendar_week_hours(NULL, (tw_wall_t){usual.first_s * TW_NS_PER_S}, usual.hour_count,
                           usual.shown);
    assert_true(tw_usual_hours(&usual, 0, monday_s, hours));
    assert_true(fabs(hours[9] - 50) < 1e-9);
    tw_zone_destroy(&berlin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(past__the_last_day__is_what_was_live_to_the_second),
        cmocka_unit_test(past__longer_than_a_day__is_what_was_live_to_the_minute),
        cmocka_unit_test(past__lines__are_the_furthest_values_by_the_labels_of_the_rule),
        cmocka_unit_test(past__burn_rule__shows_burn_rates_against_the_factor_of_its_objective),
        cmocka_unit_test(past__more_than_is_shown__is_counted),
        cmocka_unit_test(past__what_it_cannot_know__is_said),
        cmocka_unit_test(usual__mean_of_the_same_hour_of_the_five_weeks_before),
        cmocka_unit_test(usual__hours_in_which_the_tower_did_not_run__are_left_out),
        cmocka_unit_test(usual__hour_in_which_trade_begins_or_ends__is_that_beside_it),
        cmocka_unit_test(usual__week_of_a_clock_change__moves_with_the_clock),
        cmocka_unit_test(past__times_that_are_none__are_refused),
        cmocka_unit_test(past__no_time_or_no_memory__is_said_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
