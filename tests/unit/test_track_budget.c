/* SPDX-License-Identifier: Apache-2.0
 * track/budget: counts by minute, running sums against a naive count, calendar windows with their
 * forecast, detection of an outage minute by minute, corrections, limits. The stored form and
 * memory: test_track_budget_stored.c. */
#include "config.h"
#include "budget_kit.h"

#include <math.h>

static void budget__spec_outside_its_range__is_refused(void **state)
{
    (void)state;
    struct tw_budget *budget = NULL;
    tw_wall_t now = wall_at("2026-03-01T00:00:00Z");
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
    tw_wall_t now = wall_at("2026-03-01T00:00:00Z");
    struct tw_budget *budget = budget_rolling(990000, 30, now);
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
    tw_budget_advance(budget, wall_later(now, 30 * DAY_NS - MINUTE_NS));
    view = budget_view(budget);
    assert_true(view.has_data);
    assert_near(view.remaining, 1, 0);
    assert_false(view.burn_has_data[TW_BURN_3D]);
    tw_budget_advance(budget, wall_later(now, 30 * DAY_NS));
    assert_false(budget_view(budget).has_data);
    tw_budget_destroy(&budget);
}

static void budget__hand_computed_month__gives_the_figures_of_the_workbook(void **state)
{
    (void)state;
    /* 99.9 % over 30 days, 1,000,000 decisions: a budget of 1,000. 250 bad are spent before the
     * last three days; in the last hour 20 of 2,000 are bad, a burn rate of 10. */
    tw_wall_t now = wall_at("2026-03-31T12:00:00Z");
    struct tw_budget *budget = budget_rolling(999000, 30, now);
    assert_int_equal(tw_budget_add(budget, wall_later(now, -20 * DAY_NS), 997750, 250), TW_OK);
    assert_int_equal(tw_budget_add(budget, wall_later(now, -30 * MINUTE_NS), 1980, 20), TW_OK);
    struct tw_budget_view view = budget_view(budget);
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
    assert_int_equal(tw_budget_add(budget, wall_later(now, -20 * DAY_NS), -740, 740), TW_OK);
    view = budget_view(budget);
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
        tw_wall_t now = wall_at("2026-03-01T00:00:00Z");
        struct tw_budget *budget = budget_rolling(rows[i].target_ppm, rows[i].days, now);
        for (int minute = 0; minute < 4 * 1440; minute++) {
            assert_int_equal(tw_budget_add(budget, now, 10, 0), TW_OK);
            now = wall_later(now, MINUTE_NS);
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
            now = wall_later(now, MINUTE_NS);
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
            now = wall_later(now, MINUTE_NS);
            tw_budget_advance(budget, now);
        }
        tw_budget_destroy(&budget);
    }
}

static void budget__edges_of_windows__are_minutes(void **state)
{
    (void)state;
    tw_wall_t now = wall_at("2026-03-31T12:34:59.999999999Z");
    struct tw_budget *budget = budget_rolling(990000, 7, now);
    /* One bad decision in the last minute of each window, one good in the first behind it. */
    for (int i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        int64_t minutes = tw_burn_window_minutes((enum tw_burn_window)i);
        assert_int_equal(tw_budget_add(budget, wall_later(now, -(minutes - 1) * MINUTE_NS), 0, 1),
                         TW_OK);
        assert_int_equal(tw_budget_add(budget, wall_later(now, -minutes * MINUTE_NS), 1, 0), TW_OK);
    }
    for (int i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        assert_counts(tw_budget_window(budget, (enum tw_burn_window)i), i, i + 1);
    }
    tw_wall_t first = wall_at("2026-03-24T12:35:00Z"); /* of seven days */
    assert_int_equal(tw_budget_add(budget, first, 0, 1), TW_OK);
    assert_int_equal(tw_budget_add(budget, wall_later(first, -1), 0, 1), TW_OK);
    struct tw_budget_view view = budget_view(budget);
    assert_int_equal(view.bad, TW_BURN_WINDOW_COUNT + 1);
    assert_int_equal(view.period.from.ns, first.ns);
    assert_int_equal(view.period.until.ns, wall_at("2026-03-31T12:35:00Z").ns);
    assert_counts(tw_budget_counts(budget, wall_later(first, -MINUTE_NS), first), 0, 1);
    assert_counts(tw_budget_counts(budget, first, wall_later(first, 1)), 0, 1);
    assert_counts(tw_budget_counts(budget, wall_later(first, 1), wall_later(first, MINUTE_NS)), 0,
                  0);
    assert_counts(
        tw_budget_counts(budget, wall_at("1970-01-01T00:00:00Z"), wall_at("2200-01-01T00:00:00Z")),
        TW_BURN_WINDOW_COUNT, TW_BURN_WINDOW_COUNT + 2);
    assert_counts(tw_budget_counts(budget, now, first), 0, 0);
    tw_budget_destroy(&budget);
}

static void budget__ring__keeps_thirty_five_days_and_one_ahead(void **state)
{
    (void)state;
    tw_wall_t now = wall_at("2026-03-31T12:34:00Z");
    struct tw_budget *budget = budget_rolling(990000, 30, now);
    tw_wall_t oldest = wall_later(now, -(TW_BUDGET_DAYS * 1440 - 1) * MINUTE_NS);
    assert_int_equal(tw_budget_add(budget, oldest, 5, 0), TW_OK);
    assert_int_equal(tw_budget_forgotten(budget), 0);
    assert_int_equal(tw_budget_add(budget, wall_later(oldest, -1), 3, 4), TW_OK);
    assert_int_equal(tw_budget_forgotten(budget), 7);
    assert_int_equal(tw_budget_add(budget, wall_later(oldest, -1), 1, -1), TW_OK);
    assert_int_equal(tw_budget_forgotten(budget), 9);
    assert_int_equal(tw_budget_add(budget, (tw_wall_t){INT64_MIN}, INT64_MIN, 0), TW_OK);
    assert_counts(tw_budget_counts(budget, oldest, now), 5, 0);
    /* Ahead: kept, counted when the head is there. */
    tw_wall_t ahead = wall_later(now, TW_BUDGET_AHEAD_MIN * MINUTE_NS);
    assert_int_equal(tw_budget_add(budget, ahead, 0, 2), TW_OK);
    assert_int_equal(tw_budget_add(budget, wall_later(ahead, MINUTE_NS), 0, 2), TW_ELIMIT);
    assert_int_equal(tw_budget_add(budget, (tw_wall_t){INT64_MAX}, 0, 2), TW_ELIMIT);
    assert_int_equal(tw_budget_refused(budget), 2);
    assert_false(budget_view(budget).has_data);
    tw_budget_advance(budget, wall_later(ahead, -1));
    assert_false(budget_view(budget).has_data);
    tw_budget_advance(budget, ahead);
    assert_int_equal(budget_view(budget).bad, 2);
    assert_counts(tw_budget_window(budget, TW_BURN_5M), 0, 2);
    tw_budget_advance(budget, now); /* never back */
    assert_counts(tw_budget_window(budget, TW_BURN_5M), 0, 2);
    /* What has left the ring is gone, and its memory too. */
    tw_budget_advance(budget, wall_later(ahead, (TW_BUDGET_DAYS * 1440 - 1) * MINUTE_NS));
    assert_counts(tw_budget_counts(budget, oldest, wall_later(ahead, DAY_NS)), 0, 2);
    size_t bytes = tw_budget_bytes(budget);
    tw_budget_advance(budget, wall_later(ahead, (TW_BUDGET_DAYS * 1440 + 60) * MINUTE_NS));
    assert_counts(tw_budget_counts(budget, oldest, wall_later(ahead, DAY_NS)), 0, 0);
    assert_int_equal(tw_budget_bytes(budget), bytes - 480);
    /* A leap over everything. */
    assert_int_equal(
        tw_budget_add(budget, wall_later(ahead, (TW_BUDGET_DAYS * 1440) * MINUTE_NS), 1, 1), TW_OK);
    tw_budget_advance(budget, wall_at("2200-01-01T00:00:00Z"));
    assert_false(budget_view(budget).has_data);
    assert_int_equal(tw_budget_bytes(budget), bytes - 480);
    tw_budget_destroy(&budget);
}

static void budget__minutes_at_their_limits__refuse_and_change_nothing(void **state)
{
    (void)state;
    tw_wall_t now = wall_at("2026-03-31T12:34:00Z");
    struct tw_budget *budget = budget_rolling(990000, 30, now);
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
    tw_wall_t deadline = wall_at("2026-03-31T12:00:00Z");
    struct tw_budget *budget = budget_rolling(990000, 30, deadline);
    assert_int_equal(tw_budget_add(budget, deadline, 99, 1), TW_OK);
    tw_budget_advance(budget, wall_later(deadline, 45 * MINUTE_NS));
    assert_counts(tw_budget_window(budget, TW_BURN_1H), 99, 1);
    assert_near(budget_view(budget).remaining, 0, 1e-9);
    assert_int_equal(tw_budget_add(budget, deadline, 1, -1), TW_OK);
    assert_counts(tw_budget_window(budget, TW_BURN_30M), 0, 0);
    assert_counts(tw_budget_window(budget, TW_BURN_1H), 100, 0);
    assert_near(budget_view(budget).remaining, 1, 0);
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
    struct tw_budget_view view = budget_view(budget);
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
        tw_wall_t now = wall_at("2026-03-20T10:10:00Z"); /* a change of the clock lies ahead */
        int64_t head = now.ns / MINUTE_NS;
        model.base = head - 60000;
        struct tw_budget *budget = k == 0 ? budget_rolling(990000, 9, now)
                                          : budget_calendar(990000, kinds[k], berlin, now);
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
        tw_wall_t end = wall_at(rows[i].end);
        tw_wall_t start = wall_later(end, -rows[i].length_s * TW_NS_PER_S);
        struct tw_budget *budget =
            budget_calendar(990000, rows[i].kind, berlin, wall_later(end, -1));
        assert_int_equal(tw_budget_window_s(budget), rows[i].length_s);
        assert_int_equal(tw_budget_add(budget, start, 90, 10), TW_OK);
        assert_int_equal(tw_budget_add(budget, wall_later(start, -1), 1000, 1000), TW_OK);
        assert_int_equal(tw_budget_add(budget, wall_later(end, -1), 100, 0), TW_OK);
        assert_int_equal(tw_budget_add(budget, end, 0, 7), TW_OK); /* ahead */
        struct tw_budget_view view = budget_view(budget);
        assert_int_equal(view.good, 190);
        assert_int_equal(view.bad, 10);
        assert_int_equal(view.period.from.ns, start.ns);
        assert_int_equal(view.period.until.ns, end.ns);
        tw_budget_advance(budget, end);
        view = budget_view(budget);
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
    struct tw_budget *budget =
        budget_calendar(990000, TW_WINDOW_MONTH, NULL, wall_at("2026-02-28T23:59:00Z"));
    assert_int_equal(tw_budget_add(budget, wall_at("2026-02-28T23:59:00Z"), 971, 29), TW_OK);
    assert_int_equal(tw_budget_judge(budget, TW_BURN_SLOW, 3), TW_BURN_FIRING);
    tw_budget_advance(budget, wall_at("2026-03-01T00:00:00Z"));
    assert_int_equal(tw_budget_judge(budget, TW_BURN_SLOW, 3), TW_BURN_QUIET);
    tw_budget_destroy(&budget);
}

static void budget__calendar_window_in_progress__is_measured_by_what_is_expected(void **state)
{
    (void)state;
    /* Every minute one decision, for three weeks. Today at 05:59, 3 of 360 are bad: of a day of
     * 1,440 at 99 % that is 3 of 14.4; so far it would be 3 of 3.6. */
    tw_wall_t now = wall_at("2026-03-02T00:00:00Z");
    struct tw_budget *budget = budget_calendar(990000, TW_WINDOW_DAY, NULL, now);
    for (int minute = 0; minute < 21 * 1440 + 359; minute++) {
        assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_OK);
        now = wall_later(now, MINUTE_NS);
        tw_budget_advance(budget, now);
        if (minute == 5 * 1440) {
            assert_false(budget_view(budget).has_forecast); /* less than a week */
        }
    }
    assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_OK);
    assert_int_equal(tw_budget_add(budget, wall_later(now, -HOUR_NS), -1, 1), TW_OK);
    assert_int_equal(tw_budget_add(budget, wall_later(now, -2 * HOUR_NS), -1, 1), TW_OK);
    assert_int_equal(tw_budget_add(budget, now, -1, 1), TW_OK);
    struct tw_budget_view view = budget_view(budget);
    assert_true(view.has_forecast);
    assert_int_equal(view.total, 360);
    assert_near(view.expected, 1440, 1e-6);
    assert_near(view.remaining, 1 - 3 / 14.4, 1e-9);
    assert_near(view.remaining_so_far, 1 - 3 / 3.6, 1e-9);
    /* 1 bad in the last hour of 60: burn rate 1/0.6; 0.791666 * 24 h / 1.66666 = 11.4 h */
    assert_near((double)view.exhaustion_ns / (double)HOUR_NS, 11.4, 1e-6);
    /* At the last minute of the day nothing is expected any more. */
    for (; now.ns < wall_at("2026-03-23T23:59:00Z").ns;) {
        now = wall_later(now, MINUTE_NS);
        tw_budget_advance(budget, now);
        assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_OK);
    }
    view = budget_view(budget);
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
    tw_wall_t now = wall_at("2026-03-01T23:00:00Z");
    struct tw_budget *week = budget_calendar(990000, TW_WINDOW_WEEK, berlin, now);
    struct tw_budget *month = budget_calendar(990000, TW_WINDOW_MONTH, berlin, now);
    for (; now.ns <= wall_at("2026-04-01T15:00:00Z").ns; now = wall_later(now, HOUR_NS)) {
        tw_budget_advance(week, now);
        tw_budget_advance(month, now);
        int64_t traffic = shop_traffic(berlin, now);
        assert_int_equal(tw_budget_add(week, now, traffic, 0), TW_OK);
        assert_int_equal(tw_budget_add(month, now, traffic, 0), TW_OK);
        if (now.ns ==
            wall_at("2026-03-25T11:00:00Z").ns) { /* Wednesday 12:00, the hour counted whole */
            tw_budget_advance(week, wall_later(now, HOUR_NS - MINUTE_NS));
            tw_budget_advance(month, wall_later(now, HOUR_NS - MINUTE_NS));
            /* Mon, Tue 720 each, Wed 5 hours; then 7 hours, Thu, Fri, Sat 1,440 */
            assert_int_equal(budget_view(week).total, 1740);
            assert_near(budget_view(week).expected, 5 * 720 + 1440, 1e-6);
            /* 2 to 31 March: 22 weekdays (4 weeks and Mon, Tue), 4 Saturdays; the 1st had none */
            assert_near(budget_view(month).expected, 22 * 720 + 4 * 1440, 1e-6);
        }
    }
    /* Wednesday 1 April, 17:00 to 17:59 in summer time. Of the week 3 days less 2 hours, and of the
     * month, whose history has four weeks in winter time, 22 weekdays and 4 Saturdays. */
    tw_budget_advance(week, wall_at("2026-04-01T15:59:00Z"));
    tw_budget_advance(month, wall_at("2026-04-01T15:59:00Z"));
    assert_int_equal(budget_view(week).total, 2 * 720 + 600);
    assert_near(budget_view(week).expected, 5 * 720 + 1440, 1e-6);
    assert_int_equal(budget_view(month).total, 600);
    assert_near(budget_view(month).expected, 22 * 720 + 4 * 1440, 1e-6);
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
    tw_wall_t now = wall_at("2026-03-01T18:30:00Z");
    struct tw_budget *budget = budget_calendar(990000, TW_WINDOW_DAY, kolkata, now);
    for (int minute = 0; minute < 9 * 1440; minute++, now = wall_later(now, MINUTE_NS)) {
        tw_budget_advance(budget, now);
        assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_OK);
        if (minute >= 8 * 1440) { /* each minute of the ninth day */
            assert_int_equal(budget_view(budget).total, minute - 8 * 1440 + 1);
            assert_near(budget_view(budget).expected, 1440, 1e-6);
        }
    }
    tw_budget_destroy(&budget);
    tw_zone_destroy(&kolkata);
}

static void budget__change_of_the_objective__keeps_the_counts(void **state)
{
    (void)state;
    tw_wall_t now = wall_at("2026-03-31T12:00:00Z");
    struct tw_budget *budget = budget_rolling(990000, 30, now);
    assert_int_equal(tw_budget_add(budget, wall_at("2026-03-30T12:00:00Z"), 900, 10), TW_OK);
    assert_int_equal(tw_budget_add(budget, wall_at("2026-03-31T11:00:00Z"), 95, 5), TW_OK);
    const struct tw_budget_spec day = {.target_ppm = 900000, .window = TW_WINDOW_DAY};
    assert_int_equal(tw_budget_change(budget, &day), TW_OK);
    struct tw_budget_view view = budget_view(budget);
    assert_int_equal(view.total, 100);
    assert_near(view.remaining, 0.5, 1e-9);
    const struct tw_budget_spec week = {
        .target_ppm = 980000, .window = TW_WINDOW_ROLLING, .window_ns = 7 * DAY_NS};
    assert_int_equal(tw_budget_change(budget, &week), TW_OK);
    view = budget_view(budget);
    assert_int_equal(view.total, 1010);
    assert_near(view.remaining, 1 - 15 / 20.2, 1e-9);
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
