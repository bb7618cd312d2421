/* SPDX-License-Identifier: Apache-2.0
 * track/budget: counts by minute, running sums against a naive count, calendar windows with their
 * forecast, detection of an outage minute by minute, corrections, limits, the stored form. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/budget.h"

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool calloc_fails;

void *__wrap_calloc(size_t count, size_t size)
{
    return calloc_fails ? NULL : __real_calloc(count, size);
}

#define MINUTE_NS (60 * TW_NS_PER_S)
#define HOUR_NS   (60 * MINUTE_NS)
#define DAY_NS    (24 * HOUR_NS)

static tw_wall_t at(const char *text)
{
    tw_wall_t wall = {0};
    if (tw_wall_parse(tw_str_of(text), &wall) != TW_OK) {
        fail_msg("not a time: %s", text);
    }
    return wall;
}

static tw_wall_t later(tw_wall_t from, int64_t ns)
{
    return (tw_wall_t){from.ns + ns};
}

static void assert_near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance)) {
        fail_msg("%.9f instead of %.9f", got, expected);
    }
}

static struct tw_budget *rolling(uint32_t target_ppm, int64_t days, tw_wall_t now)
{
    const struct tw_budget_spec spec = {
        .target_ppm = target_ppm, .window = TW_WINDOW_ROLLING, .window_ns = days * DAY_NS};
    struct tw_budget *budget = NULL;
    assert_int_equal(tw_budget_new(&spec, now, &budget), TW_OK);
    return budget;
}

static struct tw_budget *calendar(uint32_t target_ppm, enum tw_window_kind kind,
                                  const struct tw_zone *zone, tw_wall_t now)
{
    const struct tw_budget_spec spec = {.target_ppm = target_ppm, .window = kind, .zone = zone};
    struct tw_budget *budget = NULL;
    assert_int_equal(tw_budget_new(&spec, now, &budget), TW_OK);
    return budget;
}

static struct tw_budget_view view_of(struct tw_budget *budget)
{
    struct tw_budget_view view;
    tw_budget_view(budget, 0, &view);
    return view;
}

static void assert_counts(struct tw_counts counts, int64_t good, int64_t bad)
{
    assert_int_equal(counts.good, good);
    assert_int_equal(counts.bad, bad);
}

static void budget__spec_outside_its_range__is_refused(void **state)
{
    (void)state;
    struct tw_budget *budget = NULL;
    tw_wall_t now = at("2026-03-01T00:00:00Z");
    static const struct tw_budget_spec wrong[] = {
        {.target_ppm = 0, .window_ns = DAY_NS},
        {.target_ppm = 1000000, .window_ns = DAY_NS},
        {.target_ppm = 990000, .window_ns = HOUR_NS - MINUTE_NS},
        {.target_ppm = 990000, .window_ns = 30 * DAY_NS + MINUTE_NS},
        {.target_ppm = 990000, .window_ns = HOUR_NS + 1},
        {.target_ppm = 990000, .window = (enum tw_window_kind)99},
    };
    static const struct tw_budget_spec right[] = {
        {.target_ppm = 1, .window_ns = HOUR_NS},
        {.target_ppm = 999999, .window_ns = 30 * DAY_NS},
        {.target_ppm = 990000, .window = TW_WINDOW_MONTH},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(tw_budget_new(&wrong[i], now, &budget), TW_EINVAL);
        assert_null(budget);
    }
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_int_equal(tw_budget_new(&right[i], now, &budget), TW_OK);
        assert_int_equal(tw_budget_change(budget, &wrong[i]), TW_EINVAL);
        tw_budget_destroy(&budget);
        assert_null(budget);
    }
    tw_budget_destroy(&budget);
}

static void budget__window_without_traffic__is_no_data_and_never_full(void **state)
{
    (void)state;
    tw_wall_t now = at("2026-03-01T00:00:00Z");
    struct tw_budget *budget = rolling(990000, 30, now);
    struct tw_budget_view view;
    tw_budget_view(budget, 7, &view);
    assert_false(view.has_data);
    assert_true(isnan(view.ratio));
    assert_true(isnan(view.remaining));
    assert_true(isnan(view.remaining_so_far));
    assert_int_equal(view.undecided, 7);
    assert_int_equal(view.exhaustion_ns, TW_BUDGET_NEVER);
    for (int i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        assert_near(view.burn[i], 0, 0);
        assert_false(view.burn_has_data[i]);
    }
    for (int rule = 0; rule < TW_BURN_RULE_COUNT; rule++) {
        assert_int_equal(tw_budget_judge(budget, (enum tw_burn_rule)rule, 3), TW_BURN_QUIET);
    }
    /* It had data once: when they have left the window there are none again. */
    assert_int_equal(tw_budget_add(budget, now, 100, 0), TW_OK);
    tw_budget_advance(budget, later(now, 30 * DAY_NS - MINUTE_NS));
    view = view_of(budget);
    assert_true(view.has_data);
    assert_near(view.remaining, 1, 0);
    assert_false(view.burn_has_data[TW_BURN_3D]);
    tw_budget_advance(budget, later(now, 30 * DAY_NS));
    assert_false(view_of(budget).has_data);
    tw_budget_destroy(&budget);
}

static void budget__hand_computed_month__gives_the_figures_of_the_workbook(void **state)
{
    (void)state;
    /* 99.9 % over 30 days, 1,000,000 decisions: a budget of 1,000. 250 bad are spent before the
     * last three days; in the last hour 20 of 2,000 are bad, a burn rate of 10. */
    tw_wall_t now = at("2026-03-31T12:00:00Z");
    struct tw_budget *budget = rolling(999000, 30, now);
    assert_int_equal(tw_budget_add(budget, later(now, -20 * DAY_NS), 997750, 250), TW_OK);
    assert_int_equal(tw_budget_add(budget, later(now, -30 * MINUTE_NS), 1980, 20), TW_OK);
    struct tw_budget_view view = view_of(budget);
    assert_int_equal(view.good, 999730);
    assert_int_equal(view.bad, 270);
    assert_int_equal(view.total, 1000000);
    assert_near(view.ratio, 0.99973, 1e-12);
    assert_near(view.remaining, 0.73, 1e-12);
    assert_near(view.remaining_so_far, 0.73, 1e-12);
    assert_false(view.has_forecast);
    assert_near(view.expected, 1000000, 0);
    assert_near(view.burn[TW_BURN_1H], 10, 1e-9);
    assert_near(view.burn[TW_BURN_30M], 0, 0); /* 30 minutes ago is the 31st minute back */
    assert_near(view.burn[TW_BURN_3D], 10, 1e-9);
    /* 0.73 * 30 d / 10 = 2.19 d */
    assert_near((double)view.exhaustion_ns / (double)DAY_NS, 2.19, 1e-9);
    assert_int_equal(tw_budget_window_s(budget), 2592000);
    /* Another 740 bad: overspent by 1 %. */
    assert_int_equal(tw_budget_add(budget, now, -740, 740), TW_EINVAL); /* nothing there */
    assert_int_equal(tw_budget_add(budget, later(now, -20 * DAY_NS), -740, 740), TW_OK);
    view = view_of(budget);
    assert_near(view.remaining, -0.01, 1e-9);
    assert_int_equal(view.exhaustion_ns, 0);
    tw_budget_destroy(&budget);
}

static void budget__total_outage__is_told_after_the_computed_time(void **state)
{
    (void)state;
    /* Ten decisions a minute, good for four days, then all bad. A rule fires in the first minute in
     * which the bad minutes k of its long window L exceed X * (1 - T) * L. */
    static const struct {
        uint32_t target_ppm;
        int64_t days;                    /* of the objective */
        int minutes[TW_BURN_RULE_COUNT]; /* 0: cannot fire */
    } rows[] = {
        {999000, 30, {1, 3, 5, 5}},        /* 0.864, 2.16, 4.32, 4.32 */
        {990000, 30, {9, 22, 44, 44}},     /* 8.64, 21.6, 43.2, 43.2 */
        {950000, 30, {44, 109, 217, 217}}, /* 43.2, 108 exactly, 216 exactly, 216 exactly */
        {900000, 30, {0, 217, 433, 433}},  /* -, 216, 432, 432 */
        {990000, 28, {9, 21, 41, 41}},     /* 8.064, 20.16, 40.32, 40.32 */
        {990000, 7, {9, 13, 21, 43}},      /* 8.064, 12.6, 20.16, 42.336 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tw_wall_t now = at("2026-03-01T00:00:00Z");
        struct tw_budget *budget = rolling(rows[i].target_ppm, rows[i].days, now);
        for (int minute = 0; minute < 4 * 1440; minute++) {
            assert_int_equal(tw_budget_add(budget, now, 10, 0), TW_OK);
            now = later(now, MINUTE_NS);
            tw_budget_advance(budget, now);
        }
        int fired[TW_BURN_RULE_COUNT] = {0};
        for (int minute = 1; minute <= 500; minute++) {
            assert_int_equal(tw_budget_add(budget, now, 0, 10), TW_OK);
            for (int rule = 0; rule < TW_BURN_RULE_COUNT; rule++) {
                if (fired[rule] == 0 &&
                    tw_budget_judge(budget, (enum tw_burn_rule)rule, 3) == TW_BURN_FIRING) {
                    fired[rule] = minute;
                }
            }
            now = later(now, MINUTE_NS);
            tw_budget_advance(budget, now);
        }
        for (int rule = 0; rule < TW_BURN_RULE_COUNT; rule++) {
            assert_int_equal(fired[rule], rows[i].minutes[rule]);
        }
        /* It is over: four good minutes leave bad ones in the short window of five, five none. */
        for (int minute = 1; minute <= 5; minute++) {
            assert_int_equal(tw_budget_add(budget, now, 10, 0), TW_OK);
            enum tw_burn_state judged = tw_budget_judge(budget, TW_BURN_FAST, 3);
            if (rows[i].target_ppm == 990000) {
                assert_int_equal(judged, minute < 5 ? TW_BURN_FIRING : TW_BURN_QUIET);
            }
            now = later(now, MINUTE_NS);
            tw_budget_advance(budget, now);
        }
        tw_budget_destroy(&budget);
    }
}

static void budget__edges_of_windows__are_minutes(void **state)
{
    (void)state;
    tw_wall_t now = at("2026-03-31T12:34:59.999999999Z");
    struct tw_budget *budget = rolling(990000, 7, now);
    /* One bad decision in the last minute of each window, one good in the first behind it. */
    for (int i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        int64_t minutes = tw_burn_window_minutes((enum tw_burn_window)i);
        assert_int_equal(tw_budget_add(budget, later(now, -(minutes - 1) * MINUTE_NS), 0, 1),
                         TW_OK);
        assert_int_equal(tw_budget_add(budget, later(now, -minutes * MINUTE_NS), 1, 0), TW_OK);
    }
    for (int i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        assert_counts(tw_budget_window(budget, (enum tw_burn_window)i), i, i + 1);
    }
    tw_wall_t first = at("2026-03-24T12:35:00Z"); /* of seven days */
    assert_int_equal(tw_budget_add(budget, first, 0, 1), TW_OK);
    assert_int_equal(tw_budget_add(budget, later(first, -1), 0, 1), TW_OK);
    struct tw_budget_view view = view_of(budget);
    assert_int_equal(view.bad, TW_BURN_WINDOW_COUNT + 1);
    assert_int_equal(view.period.from.ns, first.ns);
    assert_int_equal(view.period.until.ns, at("2026-03-31T12:35:00Z").ns);
    assert_counts(tw_budget_counts(budget, later(first, -MINUTE_NS), first), 0, 1);
    assert_counts(tw_budget_counts(budget, first, later(first, 1)), 0, 1);
    assert_counts(tw_budget_counts(budget, later(first, 1), later(first, MINUTE_NS)), 0, 0);
    assert_counts(tw_budget_counts(budget, at("1970-01-01T00:00:00Z"), at("2200-01-01T00:00:00Z")),
                  TW_BURN_WINDOW_COUNT, TW_BURN_WINDOW_COUNT + 2);
    assert_counts(tw_budget_counts(budget, now, first), 0, 0);
    tw_budget_destroy(&budget);
}

static void budget__ring__keeps_thirty_five_days_and_one_ahead(void **state)
{
    (void)state;
    tw_wall_t now = at("2026-03-31T12:34:00Z");
    struct tw_budget *budget = rolling(990000, 30, now);
    tw_wall_t oldest = later(now, -(TW_BUDGET_DAYS * 1440 - 1) * MINUTE_NS);
    assert_int_equal(tw_budget_add(budget, oldest, 5, 0), TW_OK);
    assert_int_equal(tw_budget_forgotten(budget), 0);
    assert_int_equal(tw_budget_add(budget, later(oldest, -1), 3, 4), TW_OK);
    assert_int_equal(tw_budget_forgotten(budget), 7);
    assert_int_equal(tw_budget_add(budget, later(oldest, -1), 1, -1), TW_OK);
    assert_int_equal(tw_budget_forgotten(budget), 9);
    assert_int_equal(tw_budget_add(budget, (tw_wall_t){INT64_MIN}, INT64_MIN, 0), TW_OK);
    assert_counts(tw_budget_counts(budget, oldest, now), 5, 0);
    /* Ahead: kept, counted when the head is there. */
    tw_wall_t ahead = later(now, TW_BUDGET_AHEAD_MIN * MINUTE_NS);
    assert_int_equal(tw_budget_add(budget, ahead, 0, 2), TW_OK);
    assert_int_equal(tw_budget_add(budget, later(ahead, MINUTE_NS), 0, 2), TW_ELIMIT);
    assert_int_equal(tw_budget_add(budget, (tw_wall_t){INT64_MAX}, 0, 2), TW_ELIMIT);
    assert_int_equal(tw_budget_refused(budget), 2);
    assert_false(view_of(budget).has_data);
    tw_budget_advance(budget, later(ahead, -1));
    assert_false(view_of(budget).has_data);
    tw_budget_advance(budget, ahead);
    assert_int_equal(view_of(budget).bad, 2);
    assert_counts(tw_budget_window(budget, TW_BURN_5M), 0, 2);
    tw_budget_advance(budget, now); /* never back */
    assert_counts(tw_budget_window(budget, TW_BURN_5M), 0, 2);
    /* What has left the ring is gone, and its memory too. */
    tw_budget_advance(budget, later(ahead, (TW_BUDGET_DAYS * 1440 - 1) * MINUTE_NS));
    assert_counts(tw_budget_counts(budget, oldest, later(ahead, DAY_NS)), 0, 2);
    size_t bytes = tw_budget_bytes(budget);
    tw_budget_advance(budget, later(ahead, (TW_BUDGET_DAYS * 1440 + 60) * MINUTE_NS));
    assert_counts(tw_budget_counts(budget, oldest, later(ahead, DAY_NS)), 0, 0);
    assert_int_equal(tw_budget_bytes(budget), bytes - 480);
    /* A leap over everything. */
    assert_int_equal(tw_budget_add(budget, later(ahead, (TW_BUDGET_DAYS * 1440) * MINUTE_NS), 1, 1),
                     TW_OK);
    tw_budget_advance(budget, at("2200-01-01T00:00:00Z"));
    assert_false(view_of(budget).has_data);
    assert_int_equal(tw_budget_bytes(budget), bytes - 480);
    tw_budget_destroy(&budget);
}

static void budget__minutes_at_their_limits__refuse_and_change_nothing(void **state)
{
    (void)state;
    tw_wall_t now = at("2026-03-31T12:34:00Z");
    struct tw_budget *budget = rolling(990000, 30, now);
    const int64_t most = TW_BUDGET_MINUTE_MAX;
    assert_int_equal(tw_budget_add(budget, now, most, most), TW_OK);
    assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_ELIMIT);
    assert_int_equal(tw_budget_add(budget, now, 0, 1), TW_ELIMIT);
    assert_int_equal(tw_budget_add(budget, now, -1, 1), TW_ELIMIT); /* both or nothing */
    assert_int_equal(tw_budget_add(budget, now, -most - 1, 0), TW_EINVAL);
    assert_int_equal(tw_budget_add(budget, now, INT64_MIN, 0), TW_EINVAL);
    assert_int_equal(tw_budget_add(budget, now, INT64_MAX, 0), TW_ELIMIT);
    assert_int_equal(tw_budget_refused(budget), 6);
    assert_counts(tw_budget_window(budget, TW_BURN_5M), most, most);
    assert_int_equal(tw_budget_add(budget, now, -most, -most), TW_OK);
    assert_counts(tw_budget_window(budget, TW_BURN_5M), 0, 0);
    assert_int_equal(tw_budget_add(budget, now, 0, -1), TW_EINVAL);
    assert_int_equal(tw_budget_add(budget, now, 0, 0), TW_OK);
    tw_budget_destroy(&budget);
}

static void budget__late_event__moves_the_decision_in_every_window(void **state)
{
    (void)state;
    tw_wall_t deadline = at("2026-03-31T12:00:00Z");
    struct tw_budget *budget = rolling(990000, 30, deadline);
    assert_int_equal(tw_budget_add(budget, deadline, 99, 1), TW_OK);
    tw_budget_advance(budget, later(deadline, 45 * MINUTE_NS));
    assert_counts(tw_budget_window(budget, TW_BURN_1H), 99, 1);
    assert_near(view_of(budget).remaining, 0, 1e-9);
    assert_int_equal(tw_budget_add(budget, deadline, 1, -1), TW_OK);
    assert_counts(tw_budget_window(budget, TW_BURN_30M), 0, 0);
    assert_counts(tw_budget_window(budget, TW_BURN_1H), 100, 0);
    assert_near(view_of(budget).remaining, 1, 0);
    assert_int_equal(tw_budget_forgotten(budget) + tw_budget_refused(budget), 0);
    tw_budget_destroy(&budget);
}

/* Counted again from a plain list of minutes. */
#define MODEL_MIN 120000
struct model {
    int64_t base; /* minute of element 0 */
    uint32_t good[MODEL_MIN];
    uint32_t bad[MODEL_MIN];
};

static struct tw_counts model_sum(const struct model *model, int64_t first, int64_t last)
{
    struct tw_counts sum = {0, 0};
    for (int64_t minute = first; minute <= last; minute++) {
        sum.good += model->good[minute - model->base];
        sum.bad += model->bad[minute - model->base];
    }
    return sum;
}

static void check_model(struct tw_budget *budget, const struct model *model, int64_t head)
{
    for (int i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        struct tw_counts expected =
            model_sum(model, head - tw_burn_window_minutes((enum tw_burn_window)i) + 1, head);
        assert_counts(tw_budget_window(budget, (enum tw_burn_window)i), expected.good,
                      expected.bad);
    }
    struct tw_budget_view view = view_of(budget);
    struct tw_counts own = model_sum(model, view.period.from.ns / MINUTE_NS, head);
    assert_int_equal(view.good, own.good);
    assert_int_equal(view.bad, own.bad);
}

/* One step of a random life: decide, correct, move on. Returns the new head. */
static int64_t random_step(struct tw_budget *budget, struct model *model, int64_t head,
                           uint64_t random)
{
    if (random % 8 == 0) {
        head += random % 64 == 0 ? (int64_t)(random >> 16) % 3000 : (int64_t)(random >> 16) % 7;
        tw_budget_advance(budget, (tw_wall_t){head * MINUTE_NS + 17});
        return head;
    }
    int64_t age = (int64_t)(random >> 20) % (random % 8 < 4 ? 10 : 50000);
    int64_t minute = random % 8 == 7 ? head + age % TW_BUDGET_AHEAD_MIN : head - age;
    int64_t i = minute - model->base;
    int64_t good = (int64_t)(random >> 40) % 50;
    int64_t bad = (int64_t)(random >> 50) % 5;
    if (random % 8 == 3 && model->bad[i] > 0) { /* a late event */
        good = 1;
        bad = -1;
    }
    assert_int_equal(tw_budget_add(budget, (tw_wall_t){minute * MINUTE_NS}, good, bad), TW_OK);
    model->good[i] += (uint32_t)good;
    model->bad[i] += (uint32_t)bad;
    return head;
}

static void budget__random_lives__agree_with_a_naive_count(void **state)
{
    (void)state;
    struct tw_zone *berlin = NULL;
    assert_int_equal(tw_zone_new("Europe/Berlin", &berlin), TW_OK);
    static struct model model;
    static const enum tw_window_kind kinds[] = {TW_WINDOW_ROLLING, TW_WINDOW_DAY, TW_WINDOW_WEEK,
                                                TW_WINDOW_MONTH};
    uint64_t random = 88172645463325252u;
    for (size_t k = 0; k < 4; k++) {
        memset(&model, 0, sizeof model);
        tw_wall_t now = at("2026-03-20T10:10:00Z"); /* a change of the clock lies ahead */
        int64_t head = now.ns / MINUTE_NS;
        model.base = head - 60000;
        struct tw_budget *budget =
            k == 0 ? rolling(990000, 9, now) : calendar(990000, kinds[k], berlin, now);
        for (int i = 0; i < 20000; i++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            head = random_step(budget, &model, head, random);
            if (head - model.base > MODEL_MIN - 3000 - TW_BUDGET_AHEAD_MIN) {
                break;
            }
            if (i % 97 == 0) {
                check_model(budget, &model, head);
            }
        }
        check_model(budget, &model, head);
        tw_budget_destroy(&budget);
    }
    tw_zone_destroy(&berlin);
}

static void budget__calendar_windows__begin_anew_at_the_end_of_their_period(void **state)
{
    (void)state;
    struct tw_zone *berlin = NULL;
    assert_int_equal(tw_zone_new("Europe/Berlin", &berlin), TW_OK);
    static const struct {
        enum tw_window_kind kind;
        const char *end;  /* first instant of the next period */
        int64_t length_s; /* of the one before, and of the next */
        int64_t next_s;
    } rows[] = {
        {TW_WINDOW_MONTH, "2026-02-28T23:00:00Z", 28 * 86400, 31 * 86400 - 3600},
        {TW_WINDOW_MONTH, "2026-03-31T22:00:00Z", 31 * 86400 - 3600, 30 * 86400},
        {TW_WINDOW_MONTH, "2026-10-31T23:00:00Z", 31 * 86400 + 3600, 30 * 86400},
        {TW_WINDOW_MONTH, "2026-12-31T23:00:00Z", 31 * 86400, 31 * 86400},
        {TW_WINDOW_MONTH, "2028-02-29T23:00:00Z", 29 * 86400, 31 * 86400 - 3600},
        {TW_WINDOW_WEEK, "2026-03-29T22:00:00Z", 167 * 3600, 168 * 3600},
        {TW_WINDOW_DAY, "2026-03-29T22:00:00Z", 23 * 3600, 24 * 3600},
        {TW_WINDOW_DAY, "2026-10-25T23:00:00Z", 25 * 3600, 24 * 3600},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tw_wall_t end = at(rows[i].end);
        tw_wall_t start = later(end, -rows[i].length_s * TW_NS_PER_S);
        struct tw_budget *budget = calendar(990000, rows[i].kind, berlin, later(end, -1));
        assert_int_equal(tw_budget_window_s(budget), rows[i].length_s);
        assert_int_equal(tw_budget_add(budget, start, 90, 10), TW_OK);
        assert_int_equal(tw_budget_add(budget, later(start, -1), 1000, 1000), TW_OK);
        assert_int_equal(tw_budget_add(budget, later(end, -1), 100, 0), TW_OK);
        assert_int_equal(tw_budget_add(budget, end, 0, 7), TW_OK); /* ahead */
        struct tw_budget_view view = view_of(budget);
        assert_int_equal(view.good, 190);
        assert_int_equal(view.bad, 10);
        assert_int_equal(view.period.from.ns, start.ns);
        assert_int_equal(view.period.until.ns, end.ns);
        tw_budget_advance(budget, end);
        view = view_of(budget);
        assert_int_equal(view.good, 0);
        assert_int_equal(view.bad, 7);
        assert_int_equal(view.period.from.ns, end.ns);
        assert_int_equal(tw_budget_window_s(budget), rows[i].next_s);
        tw_budget_destroy(&budget);
    }
    tw_zone_destroy(&berlin);
}

static void budget__month_of_february__has_the_thresholds_of_28_days(void **state)
{
    (void)state;
    /* Slow: 2.8 in February, 3.1 in March. 29 of 1,000 bad lie between. */
    struct tw_budget *budget = calendar(990000, TW_WINDOW_MONTH, NULL, at("2026-02-28T23:59:00Z"));
    assert_int_equal(tw_budget_add(budget, at("2026-02-28T23:59:00Z"), 971, 29), TW_OK);
    assert_int_equal(tw_budget_judge(budget, TW_BURN_SLOW, 3), TW_BURN_FIRING);
    tw_budget_advance(budget, at("2026-03-01T00:00:00Z"));
    assert_int_equal(tw_budget_judge(budget, TW_BURN_SLOW, 3), TW_BURN_QUIET);
    tw_budget_destroy(&budget);
}

static void budget__calendar_window_in_progress__is_measured_by_what_is_expected(void **state)
{
    (void)state;
    /* Every minute one decision, for three weeks. Today at 05:59, 3 of 360 are bad: of a day of
     * 1,440 at 99 % that is 3 of 14.4; so far it would be 3 of 3.6. */
    tw_wall_t now = at("2026-03-02T00:00:00Z");
    struct tw_budget *budget = calendar(990000, TW_WINDOW_DAY, NULL, now);
    for (int minute = 0; minute < 21 * 1440 + 359; minute++) {
        assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_OK);
        now = later(now, MINUTE_NS);
        tw_budget_advance(budget, now);
        if (minute == 5 * 1440) {
            assert_false(view_of(budget).has_forecast); /* less than a week */
        }
    }
    assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_OK);
    assert_int_equal(tw_budget_add(budget, later(now, -HOUR_NS), -1, 1), TW_OK);
    assert_int_equal(tw_budget_add(budget, later(now, -2 * HOUR_NS), -1, 1), TW_OK);
    assert_int_equal(tw_budget_add(budget, now, -1, 1), TW_OK);
    struct tw_budget_view view = view_of(budget);
    assert_true(view.has_forecast);
    assert_int_equal(view.total, 360);
    assert_near(view.expected, 1440, 1e-6);
    assert_near(view.remaining, 1 - 3 / 14.4, 1e-9);
    assert_near(view.remaining_so_far, 1 - 3 / 3.6, 1e-9);
    /* 1 bad in the last hour of 60: burn rate 1/0.6; 0.791666 * 24 h / 1.66666 = 11.4 h */
    assert_near((double)view.exhaustion_ns / (double)HOUR_NS, 11.4, 1e-6);
    /* At the last minute of the day nothing is expected any more. */
    for (; now.ns < at("2026-03-23T23:59:00Z").ns;) {
        now = later(now, MINUTE_NS);
        tw_budget_advance(budget, now);
        assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_OK);
    }
    view = view_of(budget);
    assert_int_equal(view.total, 1440);
    assert_near(view.expected, 1440, 1e-6);
    assert_near(view.remaining, view.remaining_so_far, 1e-9);
    tw_budget_destroy(&budget);
}

/* Shops are open from 08:00 to 20:00 in Berlin, Monday to Saturday: 60 an hour, 120 on Saturdays.
 */
static int64_t shop_traffic(const struct tw_zone *zone, tw_wall_t now)
{
    uint8_t hour = 0;
    tw_calendar_week_hours(zone, now, 1, &hour);
    bool is_open = hour / 24 < 6 && hour % 24 >= 8 && hour % 24 < 20;
    return is_open ? hour / 24 == 5 ? 120 : 60 : 0;
}

static void budget__forecast__follows_the_hours_of_the_week_through_a_change(void **state)
{
    (void)state;
    struct tw_zone *berlin = NULL;
    assert_int_equal(tw_zone_new("Europe/Berlin", &berlin), TW_OK);
    /* From Monday 2 March; the clock changes on the 29th. */
    tw_wall_t now = at("2026-03-01T23:00:00Z");
    struct tw_budget *week = calendar(990000, TW_WINDOW_WEEK, berlin, now);
    struct tw_budget *month = calendar(990000, TW_WINDOW_MONTH, berlin, now);
    for (; now.ns <= at("2026-04-01T15:00:00Z").ns; now = later(now, HOUR_NS)) {
        tw_budget_advance(week, now);
        tw_budget_advance(month, now);
        int64_t traffic = shop_traffic(berlin, now);
        assert_int_equal(tw_budget_add(week, now, traffic, 0), TW_OK);
        assert_int_equal(tw_budget_add(month, now, traffic, 0), TW_OK);
        if (now.ns == at("2026-03-25T11:00:00Z").ns) { /* Wednesday 12:00, the hour counted whole */
            tw_budget_advance(week, later(now, HOUR_NS - MINUTE_NS));
            tw_budget_advance(month, later(now, HOUR_NS - MINUTE_NS));
            /* Mon, Tue 720 each, Wed 5 hours; then 7 hours, Thu, Fri, Sat 1,440 */
            assert_int_equal(view_of(week).total, 1740);
            assert_near(view_of(week).expected, 5 * 720 + 1440, 1e-6);
            /* 2 to 31 March: 22 weekdays (4 weeks and Mon, Tue), 4 Saturdays; the 1st had none */
            assert_near(view_of(month).expected, 22 * 720 + 4 * 1440, 1e-6);
        }
    }
    /* Wednesday 1 April, 17:00 to 17:59 in summer time. Of the week 3 days less 2 hours, and of the
     * month, whose history has four weeks in winter time, 22 weekdays and 4 Saturdays. */
    tw_budget_advance(week, at("2026-04-01T15:59:00Z"));
    tw_budget_advance(month, at("2026-04-01T15:59:00Z"));
    assert_int_equal(view_of(week).total, 2 * 720 + 600);
    assert_near(view_of(week).expected, 5 * 720 + 1440, 1e-6);
    assert_int_equal(view_of(month).total, 600);
    assert_near(view_of(month).expected, 22 * 720 + 4 * 1440, 1e-6);
    tw_budget_destroy(&week);
    tw_budget_destroy(&month);
    tw_zone_destroy(&berlin);
}

static void
budget__day_that_ends_within_an_hour_of_utc__expects_no_more_than_its_minutes(void **state)
{
    (void)state;
    struct tw_zone *kolkata = NULL; /* midnight is 18:30 UTC */
    assert_int_equal(tw_zone_new("Asia/Kolkata", &kolkata), TW_OK);
    tw_wall_t now = at("2026-03-01T18:30:00Z");
    struct tw_budget *budget = calendar(990000, TW_WINDOW_DAY, kolkata, now);
    for (int minute = 0; minute < 9 * 1440; minute++, now = later(now, MINUTE_NS)) {
        tw_budget_advance(budget, now);
        assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_OK);
        if (minute >= 8 * 1440) { /* each minute of the ninth day */
            assert_int_equal(view_of(budget).total, minute - 8 * 1440 + 1);
            assert_near(view_of(budget).expected, 1440, 1e-6);
        }
    }
    tw_budget_destroy(&budget);
    tw_zone_destroy(&kolkata);
}

static void budget__change_of_the_objective__keeps_the_counts(void **state)
{
    (void)state;
    tw_wall_t now = at("2026-03-31T12:00:00Z");
    struct tw_budget *budget = rolling(990000, 30, now);
    assert_int_equal(tw_budget_add(budget, at("2026-03-30T12:00:00Z"), 900, 10), TW_OK);
    assert_int_equal(tw_budget_add(budget, at("2026-03-31T11:00:00Z"), 95, 5), TW_OK);
    const struct tw_budget_spec day = {.target_ppm = 900000, .window = TW_WINDOW_DAY};
    assert_int_equal(tw_budget_change(budget, &day), TW_OK);
    struct tw_budget_view view = view_of(budget);
    assert_int_equal(view.total, 100);
    assert_near(view.remaining, 0.5, 1e-9);
    const struct tw_budget_spec week = {
        .target_ppm = 980000, .window = TW_WINDOW_ROLLING, .window_ns = 7 * DAY_NS};
    assert_int_equal(tw_budget_change(budget, &week), TW_OK);
    view = view_of(budget);
    assert_int_equal(view.total, 1010);
    assert_near(view.remaining, 1 - 15 / 20.2, 1e-9);
    tw_budget_destroy(&budget);
}

static void assert_same(struct tw_budget *a, struct tw_budget *b)
{
    struct tw_budget_view left = view_of(a);
    struct tw_budget_view right = view_of(b);
    assert_int_equal(left.good, right.good);
    assert_int_equal(left.bad, right.bad);
    assert_int_equal(left.period.from.ns, right.period.from.ns);
    assert_int_equal(left.has_forecast, right.has_forecast);
    assert_near(left.expected, right.expected, 1e-9);
    for (int i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        struct tw_counts counts = tw_budget_window(b, (enum tw_burn_window)i);
        assert_counts(tw_budget_window(a, (enum tw_burn_window)i), counts.good, counts.bad);
    }
    assert_int_equal(tw_budget_forgotten(a), tw_budget_forgotten(b));
    assert_int_equal(tw_budget_refused(a), tw_budget_refused(b));
}

/* A budget with counts here and there, older than the ring, ahead, and full. */
static struct tw_budget *busy(enum tw_window_kind kind, tw_wall_t now, tw_wall_t head)
{
    struct tw_budget *budget = calendar(990000, kind, NULL, now);
    for (int64_t i = -50000; i < 1440; i += 1 + (i * i) % 977) {
        assert_int_equal(
            tw_budget_add(budget, later(now, i * MINUTE_NS), (i * i) % 91, (i * i) % 13), TW_OK);
    }
    assert_int_equal(tw_budget_add(budget, later(now, -7 * MINUTE_NS), TW_BUDGET_MINUTE_MAX - 90,
                                   TW_BUDGET_MINUTE_MAX - 12),
                     TW_OK);
    (void)tw_budget_add(budget, later(now, -36 * DAY_NS), 3, 3);
    (void)tw_budget_add(budget, later(now, 36 * DAY_NS), 3, 3);
    tw_budget_advance(budget, head);
    return budget;
}

static void budget__stored_form__comes_back_the_same(void **state)
{
    (void)state;
    tw_wall_t now = at("2026-03-31T12:34:00Z");
    static const int64_t moved[] = {0, 1, 59, 61, 20000, 51000};
    for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
        tw_wall_t head = later(now, moved[i] * MINUTE_NS);
        struct tw_budget *budget = busy(TW_WINDOW_MONTH, now, head);
        struct tw_buf buf;
        tw_buf_init(&buf, 1 << 22);
        assert_int_equal(tw_budget_encode(budget, &buf), TW_OK);
        assert_int_equal(tw_buf_append(&buf, "next", 4), TW_OK);
        /* Into one as old, one of before, one that is later. */
        struct tw_budget *same = calendar(990000, TW_WINDOW_MONTH, NULL, head);
        struct tw_budget *early =
            calendar(990000, TW_WINDOW_MONTH, NULL, at("2020-01-01T00:00:00Z"));
        struct tw_budget *late = calendar(990000, TW_WINDOW_MONTH, NULL, later(head, 5 * DAY_NS));
        struct tw_budget *all[] = {same, early, late};
        for (size_t j = 0; j < 3; j++) {
            int rc = tw_budget_add(all[j], later(head, -DAY_NS), 5, 5); /* will be replaced */
            assert_int_equal(rc, j == 1 ? TW_ELIMIT : TW_OK);
            struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
            assert_int_equal(tw_budget_decode(all[j], &cursor), TW_OK);
            assert_int_equal(cursor.end - cursor.p, 4);
        }
        assert_same(budget, same);
        assert_same(budget, early);
        tw_budget_advance(budget, later(head, 5 * DAY_NS));
        assert_same(budget, late);
        /* And on they go alike. */
        tw_budget_advance(same, later(head, 5 * DAY_NS));
        assert_same(budget, same);
        for (size_t j = 0; j < 3; j++) {
            tw_budget_destroy(&all[j]);
        }
        tw_buf_fini(&buf);
        tw_budget_destroy(&budget);
    }
}

static void budget__damaged_bytes__are_refused_and_leave_it_empty(void **state)
{
    (void)state;
    tw_wall_t now = at("2026-03-31T12:34:00Z");
    struct tw_budget *budget = calendar(990000, TW_WINDOW_WEEK, NULL, now);
    for (int64_t i = 0; i < 40; i++) {
        assert_int_equal(tw_budget_add(budget, later(now, -i * i * i * MINUTE_NS), i, 2), TW_OK);
    }
    struct tw_buf buf;
    tw_buf_init(&buf, 1 << 16);
    assert_int_equal(tw_budget_encode(budget, &buf), TW_OK);
    struct tw_budget *other = calendar(990000, TW_WINDOW_WEEK, NULL, now);
    char *copy = malloc(buf.len);
    assert_non_null(copy);
    for (size_t cut = 0; cut < buf.len; cut++) {
        char *shorter = malloc(cut + 1);
        assert_non_null(shorter);
        memcpy(shorter, buf.data, cut);
        struct tw_cursor cursor = tw_cursor_of(shorter, cut);
        assert_int_equal(tw_budget_decode(other, &cursor), TW_EDAMAGED);
        assert_false(view_of(other).has_data);
        free(shorter);
    }
    uint64_t random = 1;
    for (int round = 0; round < 20000; round++) {
        memcpy(copy, buf.data, buf.len);
        for (int change = 0; change <= round % 3; change++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            copy[(random >> 33) % buf.len] = (char)(random >> 20);
        }
        struct tw_cursor cursor = tw_cursor_of(copy, buf.len);
        int rc = tw_budget_decode(other, &cursor);
        assert_true(rc == TW_OK || rc == TW_EDAMAGED);
        if (rc != TW_OK) {
            assert_false(view_of(other).has_data);
            continue;
        }
        (void)view_of(other);
        if (round % 100 == 0) { /* a head of another century stays */
            tw_budget_destroy(&other);
            other = calendar(990000, TW_WINDOW_WEEK, NULL, now);
        }
    }
    free(copy);
    tw_buf_fini(&buf);
    tw_budget_destroy(&other);
    tw_budget_destroy(&budget);
}

#define HEAD UINT64_C(29582674) /* 2026-03-31T12:34Z in minutes */
/* Decode varints into a fresh budget. */
static int decode_numbers(const uint64_t *numbers, size_t count)
{
    struct tw_buf buf;
    tw_buf_init(&buf, 1 << 16);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tw_buf_append_varint(&buf, numbers[i]), TW_OK);
    }
    struct tw_budget *budget = rolling(990000, 30, at("2026-03-31T12:34:00Z"));
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    int rc = tw_budget_decode(budget, &cursor);
    tw_budget_destroy(&budget);
    tw_buf_fini(&buf);
    return rc;
}
#define DECODE(...)                                 \
    decode_numbers((const uint64_t[]){__VA_ARGS__}, \
                   sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void budget__stored_form_with_each_fault__is_damaged(void **state)
{
    (void)state;
    /* form, head, first, forgotten, refused, hours; gap, minutes, good, bad */
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 0), TW_OK);
    assert_int_equal(DECODE(1, 2 * HEAD, 1, 0, 0, 1, 5, 1, 1, 0), TW_OK);
    assert_int_equal(DECODE(2, 2 * HEAD, 0, 0, 0, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, UINT64_MAX, 0, 0, 0, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, UINT64_MAX - 1, 0, 0, 0, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 36 * 1440, 0, 0, 0), TW_OK);
    assert_int_equal(DECODE(1, 2 * HEAD, 36 * 1440 + 1, 0, 0, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 866), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, 0), TW_EDAMAGED); /* no minute used */
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, UINT64_C(1) << 60, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, 1, 0, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, 1, UINT32_MAX, UINT32_MAX), TW_OK);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, 1, UINT64_C(1) << 32, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, 1, 0, UINT64_MAX), TW_EDAMAGED);
    /* 12:35 is the first minute of the ring, 12:34 of the next day the last. */
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 0, UINT64_C(1) << 35, 1, 0), TW_OK);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 0, UINT64_C(1) << 34, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 864, UINT64_C(1) << 34, 1, 0), TW_OK);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 864, UINT64_C(1) << 35, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 865, 1, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, UINT64_MAX, 1, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 2, 5, 1, 1, 0, 0, 1, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 2, 5, 1, 1, 0, 1, 1, 1, 0), TW_OK);
}

static void budget__no_memory__changes_nothing(void **state)
{
    (void)state;
    tw_wall_t now = at("2026-03-31T12:34:00Z");
    const struct tw_budget_spec spec = {.target_ppm = 990000, .window = TW_WINDOW_DAY};
    struct tw_budget *budget = NULL;
    calloc_fails = true;
    assert_int_equal(tw_budget_new(&spec, now, &budget), TW_ENOMEM);
    calloc_fails = false;
    assert_null(budget);
    budget = calendar(990000, TW_WINDOW_DAY, NULL, now);
    calloc_fails = true;
    assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_ENOMEM);
    calloc_fails = false;
    assert_false(view_of(budget).has_data);
    assert_int_equal(tw_budget_refused(budget), 0);
    assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_OK);
    struct tw_buf buf;
    tw_buf_init(&buf, 3);
    assert_int_equal(tw_budget_encode(budget, &buf), TW_ELIMIT);
    tw_buf_fini(&buf);
    tw_buf_init(&buf, 1000);
    assert_int_equal(tw_budget_encode(budget, &buf), TW_OK);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    calloc_fails = true;
    assert_int_equal(tw_budget_decode(budget, &cursor), TW_ENOMEM);
    calloc_fails = false;
    assert_false(view_of(budget).has_data);
    tw_buf_fini(&buf);
    tw_budget_destroy(&budget);
}

static void budget__memory__is_what_the_header_says(void **state)
{
    (void)state;
    tw_wall_t now = at("2026-03-31T12:34:00Z");
    struct tw_budget *budget = rolling(990000, 30, now);
    assert_true(tw_budget_bytes(budget) <= 9000);
    for (int64_t i = -(TW_BUDGET_DAYS * 1440 - 1); i <= TW_BUDGET_AHEAD_MIN; i += 10) {
        assert_int_equal(tw_budget_add(budget, later(now, i * MINUTE_NS), 1, 0), TW_OK);
    }
    assert_true(tw_budget_bytes(budget) <= 430000);
    print_message("# %zu bytes when full\n", tw_budget_bytes(budget));
    tw_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget__spec_outside_its_range__is_refused),
        cmocka_unit_test(budget__window_without_traffic__is_no_data_and_never_full),
        cmocka_unit_test(budget__hand_computed_month__gives_the_figures_of_the_workbook),
        cmocka_unit_test(budget__total_outage__is_told_after_the_computed_time),
        cmocka_unit_test(budget__edges_of_windows__are_minutes),
        cmocka_unit_test(budget__ring__keeps_thirty_five_days_and_one_ahead),
        cmocka_unit_test(budget__minutes_at_their_limits__refuse_and_change_nothing),
        cmocka_unit_test(budget__late_event__moves_the_decision_in_every_window),
        cmocka_unit_test(budget__random_lives__agree_with_a_naive_count),
        cmocka_unit_test(budget__calendar_windows__begin_anew_at_the_end_of_their_period),
        cmocka_unit_test(budget__month_of_february__has_the_thresholds_of_28_days),
        cmocka_unit_test(budget__calendar_window_in_progress__is_measured_by_what_is_expected),
        cmocka_unit_test(budget__forecast__follows_the_hours_of_the_week_through_a_change),
        cmocka_unit_test(
            budget__day_that_ends_within_an_hour_of_utc__expects_no_more_than_its_minutes),
        cmocka_unit_test(budget__change_of_the_objective__keeps_the_counts),
        cmocka_unit_test(budget__stored_form__comes_back_the_same),
        cmocka_unit_test(budget__damaged_bytes__are_refused_and_leave_it_empty),
        cmocka_unit_test(budget__stored_form_with_each_fault__is_damaged),
        cmocka_unit_test(budget__no_memory__changes_nothing),
        cmocka_unit_test(budget__memory__is_what_the_header_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
