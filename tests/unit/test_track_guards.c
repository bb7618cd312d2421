/* SPDX-License-Identifier: Apache-2.0
 * track/burn and track/budget: the guards of burn rates against quiet hours, minutes of which
 * nothing is known, failures that are too few, and decisions that do not come. All figures are
 * computed by hand, from burn = bad / ((1 - T) * E), E the decisions that are usual in the window.
 */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/budget.h"

#define DAY_S   INT64_C(86400)
#define MONDAY  INT64_C(1795392000) /* 2026-11-23, a Monday, 00:00 UTC */
#define DAY_MIN 1440

static void assert_near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-6 * (1 + fabs(expected)))) {
        fail_msg("%.9f instead of %.9f", got, expected);
    }
}

/* --- the share of traffic --------------------------------------------------------------------- */

/* 99 % over 30 days, 1,000 decisions an hour are usual: the fast rule fires on more than
 * 14.4 * 0.01 * 1000 = 144 bad ones an hour and more than 12 in five minutes. */
static enum tw_burn_state judge_fast(struct tw_counts hour, struct tw_counts five, bool is_known)
{
    const struct tw_burn_ask ask = {
        .target_ppm = 990000,
        .window_s = 30 * DAY_S,
        .bad_min = 3,
        .in_long = hour,
        .in_short = five,
        .usual = is_known ? (struct tw_usual){720000, 43200} : (struct tw_usual){0, 0},
    };
    return tw_burn_judge(TW_BURN_FAST, &ask);
}

static void share__the_same_spend__counts_the_same_at_night_and_at_peak(void **state)
{
    (void)state;
    static const struct {
        struct tw_counts hour;
        struct tw_counts five;
        enum tw_burn_state raw;    /* without the share */
        enum tw_burn_state shared; /* with it */
    } rows[] = {
        /* night, a tenth of the traffic: every fifth is bad, and that is nothing of the budget */
        {{80, 20}, {6, 2}, TW_BURN_FIRING, TW_BURN_LOW_TRAFFIC},
        /* the usual hour: 144 are the threshold, 145 are above it */
        {{856, 144}, {68, 15}, TW_BURN_QUIET, TW_BURN_QUIET},
        {{855, 145}, {68, 15}, TW_BURN_FIRING, TW_BURN_FIRING},
        /* peak, three times the traffic: 5 % spend as much as 15 % do otherwise */
        {{2856, 144}, {235, 15}, TW_BURN_QUIET, TW_BURN_QUIET},
        {{2855, 145}, {235, 15}, TW_BURN_QUIET, TW_BURN_FIRING},
        /* ... and five minutes of 12 bad ones are not above theirs */
        {{2700, 300}, {238, 12}, TW_BURN_QUIET, TW_BURN_QUIET},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(judge_fast(rows[i].hour, rows[i].five, false), rows[i].raw);
        assert_int_equal(judge_fast(rows[i].hour, rows[i].five, true), rows[i].shared);
    }
}

static void share__of_windows__is_their_decisions_over_the_usual_ones(void **state)
{
    (void)state;
    const struct tw_usual usual = {720000, 43200};
    assert_near(tw_burn_share(TW_BURN_1H, (struct tw_counts){80, 20}, usual), 0.1);
    assert_near(tw_burn_share(TW_BURN_1H, (struct tw_counts){3000, 0}, usual), 3);
    assert_near(tw_burn_share(TW_BURN_5M, (struct tw_counts){250, 0}, usual), 3);
    assert_near(tw_burn_share(TW_BURN_3D, (struct tw_counts){0, 0}, usual), 0);
    assert_true(
        isnan(tw_burn_share(TW_BURN_1H, (struct tw_counts){1, 1}, (struct tw_usual){0, 0})));
}

/* --- what is usual ---------------------------------------------------------------------------- */

static struct tw_budget *budget_of(const struct tw_budget_spec *spec, int64_t now_s)
{
    struct tw_budget *budget = NULL;
    assert_int_equal(tw_budget_new(spec, (tw_wall_t){now_s * TW_NS_PER_S}, &budget), TW_OK);
    return budget;
}

static void advance(struct tw_budget *budget, int64_t at_s)
{
    tw_budget_advance(budget, (tw_wall_t){at_s * TW_NS_PER_S});
}

static void add(struct tw_budget *budget, int64_t at_s, int64_t good, int64_t bad)
{
    advance(budget, at_s);
    assert_int_equal(tw_budget_add(budget, (tw_wall_t){at_s * TW_NS_PER_S}, good, bad), TW_OK);
}

/* The same number of good ones in each minute of [from, until). */
static void fill(struct tw_budget *budget, int64_t from_s, int64_t until_s, int64_t good)
{
    for (int64_t s = from_s; s < until_s; s += 60) {
        add(budget, s, good, 0);
    }
}

static struct tw_budget_spec rolling(uint32_t target_ppm, int64_t window_s)
{
    return (struct tw_budget_spec){
        .target_ppm = target_ppm, .window = TW_WINDOW_ROLLING, .window_ns = window_s * TW_NS_PER_S};
}

static void usual__rolling_window__is_its_mean_after_a_week(void **state)
{
    (void)state;
    const struct tw_budget_spec spec = rolling(990000, 30 * DAY_S);
    struct tw_budget *budget = budget_of(&spec, MONDAY);
    fill(budget, MONDAY, MONDAY + 7 * DAY_S - 60, 10);
    assert_int_equal(tw_budget_usual(budget).minutes, 0); /* a minute is lacking */
    add(budget, MONDAY + 7 * DAY_S - 60, 10, 0);
    struct tw_usual usual = tw_budget_usual(budget);
    assert_int_equal(usual.minutes, 7 * DAY_MIN);
    assert_int_equal(usual.decisions, 7 * DAY_MIN * 10);
    advance(budget, MONDAY + 8 * DAY_S - 60); /* a day without traffic belongs to it */
    usual = tw_budget_usual(budget);
    assert_int_equal(usual.minutes, 8 * DAY_MIN);
    assert_int_equal(usual.decisions, 7 * DAY_MIN * 10);
    advance(budget,
            MONDAY + 33 * DAY_S); /* 4 days less a minute are left of those 7 in the window */
    usual = tw_budget_usual(budget);
    assert_int_equal(usual.minutes, 30 * DAY_MIN);
    assert_int_equal(usual.decisions, (4 * DAY_MIN - 1) * 10);
    advance(budget, MONDAY + 38 * DAY_S); /* nothing in it any more: what is usual is not known */
    assert_int_equal(tw_budget_usual(budget).minutes, 0);
    tw_budget_destroy(&budget);
}

static void usual__short_window__needs_all_of_it(void **state)
{
    (void)state;
    const struct tw_budget_spec spec = rolling(990000, DAY_S);
    struct tw_budget *budget = budget_of(&spec, MONDAY);
    fill(budget, MONDAY, MONDAY + DAY_S - 60, 1);
    assert_int_equal(tw_budget_usual(budget).minutes, 0);
    add(budget, MONDAY + DAY_S - 60, 1, 0);
    struct tw_usual usual = tw_budget_usual(budget);
    assert_int_equal(usual.minutes, DAY_MIN);
    assert_int_equal(usual.decisions, DAY_MIN);
    tw_budget_destroy(&budget);
}

/* Sundays bring half as much as other days: the week that is under way is expected to bring
 * 6 * 1440 * 10 + 1440 * 5 = 93,600. */
static void usual__calendar_window__is_its_forecast(void **state)
{
    (void)state;
    const struct tw_budget_spec spec = {.target_ppm = 990000, .window = TW_WINDOW_WEEK};
    struct tw_budget *budget = budget_of(&spec, MONDAY);
    fill(budget, MONDAY, MONDAY + 6 * DAY_S, 10);
    assert_int_equal(tw_budget_usual(budget).minutes, 0);
    fill(budget, MONDAY + 6 * DAY_S, MONDAY + 7 * DAY_S, 5);
    fill(budget, MONDAY + 7 * DAY_S, MONDAY + 9 * DAY_S, 10);
    struct tw_usual usual = tw_budget_usual(budget);
    assert_int_equal(usual.minutes, 7 * DAY_MIN);
    assert_int_equal(usual.decisions, 93600);
    tw_budget_destroy(&budget);
}

/* 30 days of 1,000 an hour by day (8 to 20 h) and 100 by night: 12 * 1000 + 12 * 100 = 13,200 a
 * day, 550 an hour. Threshold of the fast rule: 0.144 * 550 = 79.2 bad ones an hour, 6.6 in five
 * minutes. At night everything fails: 100 bad ones an hour are above it, 30 are not. */
static void judge__a_quiet_night__pages_by_what_it_spends(void **state)
{
    (void)state;
    const struct tw_budget_spec spec = rolling(990000, 30 * DAY_S);
    for (int64_t bad = 30; bad <= 100; bad += 70) {
        struct tw_budget *budget = budget_of(&spec, MONDAY);
        int64_t end_s = MONDAY + 30 * DAY_S; /* midnight */
        for (int64_t s = MONDAY; s < end_s; s += 300) {
            int64_t hour = s % DAY_S / 3600;
            bool is_last = s >= end_s - 3600;
            bool is_odd = s / 300 % 3 == 0; /* 100 an hour are 8.33 in five minutes: 9, 8, 8 */
            int64_t good = hour >= 8 && hour < 20 ? (is_odd ? 84 : 83) : (is_odd ? 9 : 8);
            int64_t failed = is_last ? (bad == 100 ? good : 2 + (is_odd ? 1 : 0)) : 0;
            add(budget, s, good - failed, failed);
        }
        advance(budget, end_s - 60);
        struct tw_counts counts = tw_budget_window(budget, TW_BURN_1H);
        assert_int_equal(counts.good + counts.bad, 100);
        assert_int_equal(counts.bad, bad == 100 ? 100 : 28);
        assert_int_equal(tw_budget_judge(budget, TW_BURN_FAST, 3),
                         bad == 100 ? TW_BURN_FIRING : TW_BURN_LOW_TRAFFIC);
        tw_budget_destroy(&budget);
    }
}

/* --- slices ----------------------------------------------------------------------------------- */

/* 99 % of the minutes of 30 days: 43,200 slices, of which 432 may be bad. */
static void slices__what_is_missing__counts_as_expected(void **state)
{
    (void)state;
    struct tw_budget_spec spec = rolling(990000, 30 * DAY_S);
    spec.is_sliced = true;
    struct tw_budget *budget = budget_of(&spec, MONDAY);
    for (int i = 0; i < 40; i++) { /* 20 minutes of the hour were not judged: the tower was down */
        add(budget, MONDAY + (i < 20 ? i : i + 20) * 60, i < 30 ? 1 : 0, i < 30 ? 0 : 1);
    }
    struct tw_budget_view view;
    tw_budget_view(budget, 0, &view);
    assert_int_equal(view.total, 40);
    assert_near(view.ratio, 0.75);
    assert_true(view.has_forecast);
    assert_near(view.expected, 43200);
    assert_near(view.remaining, 1 - 10.0 / 432);
    assert_near(view.remaining_so_far, 1 - 10 / 0.4);
    assert_near(view.burn[TW_BURN_1H], 10.0 / 60 / 0.01); /* not 10 / 40 / 0.01 */
    assert_near(view.burn[TW_BURN_30M], 10.0 / 30 / 0.01);
    assert_near(view.burn[TW_BURN_5M], 100);
    assert_int_equal(tw_budget_usual(budget).minutes, 0);
    assert_int_equal(tw_budget_judge(budget, TW_BURN_FAST, 3), TW_BURN_FIRING);
    tw_budget_destroy(&budget);
}

/* Ten minutes were judged, five of them bad: half of what is known, a twelfth of the hour. */
static void slices__few_that_are_known__do_not_page(void **state)
{
    (void)state;
    struct tw_budget_spec spec = rolling(990000, 30 * DAY_S);
    struct tw_budget *budgets[2];
    for (int i = 0; i < 2; i++) {
        spec.is_sliced = i == 1;
        budgets[i] = budget_of(&spec, MONDAY);
        for (int k = 0; k < 10; k++) {
            add(budgets[i], MONDAY + 3000 + k * 60, k < 5 ? 1 : 0, k < 5 ? 0 : 1);
        }
    }
    assert_int_equal(tw_budget_judge(budgets[0], TW_BURN_FAST, 3), TW_BURN_FIRING);
    assert_int_equal(tw_budget_judge(budgets[1], TW_BURN_FAST, 3), TW_BURN_QUIET);
    tw_budget_destroy(&budgets[0]);
    tw_budget_destroy(&budgets[1]);
}

static void slices__month__has_its_own_length(void **state)
{
    (void)state;
    struct tw_budget_spec spec = {
        .target_ppm = 990000, .window = TW_WINDOW_MONTH, .is_sliced = true};
    struct tw_budget *budget = budget_of(&spec, MONDAY); /* November: 30 days */
    struct tw_budget_view view;
    add(budget, MONDAY, 1, 0);
    tw_budget_view(budget, 0, &view);
    assert_near(view.expected, 30 * DAY_MIN);
    add(budget, MONDAY + 10 * DAY_S, 1, 0); /* December */
    tw_budget_view(budget, 0, &view);
    assert_near(view.expected, 31 * DAY_MIN);
    tw_budget_destroy(&budget);
}

/* --- trickle ---------------------------------------------------------------------------------- */

static void trickle__plans__are_those_of_the_medium_rule(void **state)
{
    (void)state;
    static const struct {
        uint32_t target_ppm;
        int64_t window_s;
        enum tw_burn_use use;
        int64_t events_below; /* ceil(3 / (X * (1 - T))) */
    } rows[] = {
        {990000, 30 * DAY_S, TW_BURN_USABLE, 50},           /* 6 * 0.01 */
        {999000, 30 * DAY_S, TW_BURN_USABLE, 500},          /* 6 * 0.001 */
        {950000, 30 * DAY_S, TW_BURN_USABLE, 10},           /* 6 * 0.05 */
        {990000, 7 * DAY_S, TW_BURN_USABLE, 86},            /* 3.5 * 0.01: 85.7 */
        {800000, 30 * DAY_S, TW_BURN_NEVER, 3},             /* 6 * 0.2 = 1.2: 2.5 */
        {990000, 6 * 3600, TW_BURN_WINDOW_TOO_SHORT, 2400}, /* 0.125 * 0.01 */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tw_trickle_plan plan = tw_burn_trickle_plan(rows[i].target_ppm, rows[i].window_s, 3);
        assert_int_equal(plan.use, rows[i].use);
        assert_int_equal(plan.window, TW_BURN_6H);
        assert_int_equal(plan.events_below, rows[i].events_below);
    }
}

static void trickle__few_failures_of_few__are_a_ticket(void **state)
{
    (void)state;
    static const struct {
        struct tw_counts counts;
        enum tw_burn_state state;
    } rows[] = {
        {{46, 3}, TW_BURN_FIRING}, {{47, 3}, TW_BURN_QUIET}, /* 50: enough for the rules */
        {{47, 2}, TW_BURN_QUIET},  {{0, 3}, TW_BURN_FIRING}, {{0, 0}, TW_BURN_QUIET},
    };
    struct tw_trickle_plan plan = tw_burn_trickle_plan(990000, 30 * DAY_S, 3);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(tw_burn_trickle_judge(&plan, rows[i].counts), rows[i].state);
    }
    plan = tw_burn_trickle_plan(800000, 30 * DAY_S, 3);
    assert_int_equal(tw_burn_trickle_judge(&plan, (struct tw_counts){0, 3}), TW_BURN_UNUSABLE);
}

/* Two sales in three hours fail, and a third one: no burn rate says so, since it may be chance. */
static void trickle__of_a_budget__is_of_the_last_six_hours(void **state)
{
    (void)state;
    const struct tw_budget_spec spec = rolling(990000, 30 * DAY_S);
    struct tw_budget *budget = budget_of(&spec, MONDAY);
    fill(budget, MONDAY, MONDAY + 37 * 60, 1);
    add(budget, MONDAY + 3600, 0, 2);
    assert_int_equal(tw_budget_trickle(budget, 3), TW_BURN_QUIET);
    add(budget, MONDAY + 7 * 3600 - 60, 0, 1); /* the two are in the first of the 360 minutes */
    assert_int_equal(tw_budget_trickle(budget, 3), TW_BURN_FIRING);
    advance(budget, MONDAY + 7 * 3600);
    assert_int_equal(tw_budget_trickle(budget, 3), TW_BURN_QUIET);
    tw_budget_destroy(&budget);
}

/* --- absence ---------------------------------------------------------------------------------- */

static void absence__times__are_those_of_a_total_outage_and_two_minutes(void **state)
{
    (void)state;
    assert_int_equal(tw_burn_absence_s(990000, 30 * DAY_S), 519 + 120); /* 14.4 * 0.01 * 3600 */
    assert_int_equal(tw_burn_absence_s(990000, 28 * DAY_S), 484 + 120); /* 13.44 */
    assert_int_equal(tw_burn_absence_s(999000, 30 * DAY_S), 52 + 120);
    assert_int_equal(tw_burn_absence_s(900000, 30 * DAY_S), 3600 + 120); /* 1.44 of the hour */
}

/* A shop that sells ten a minute from 9 to 21 h and nothing at night. */
static struct tw_budget *shop(int64_t days)
{
    const struct tw_budget_spec spec = rolling(990000, 30 * DAY_S);
    struct tw_budget *budget = budget_of(&spec, MONDAY);
    for (int64_t day = 0; day < days; day++) {
        fill(budget, MONDAY + day * DAY_S + 9 * 3600, MONDAY + day * DAY_S + 21 * 3600, 10);
    }
    return budget;
}

static void absence__within_trading_hours__is_told(void **state)
{
    (void)state;
    struct tw_budget *budget = shop(8);
    int64_t noon = MONDAY + 8 * DAY_S + 12 * 3600;
    advance(budget, MONDAY + 8 * DAY_S + 3 * 3600); /* at night */
    struct tw_absence absence = tw_budget_absence(budget, 3);
    assert_int_equal(absence.state, TW_ABSENCE_CLOSED);
    assert_near(absence.usual, 0);
    fill(budget, MONDAY + 8 * DAY_S + 9 * 3600, noon, 10);
    advance(budget, noon + 9 * 60); /* 10 minutes since 11:59 */
    absence = tw_budget_absence(budget, 3);
    assert_int_equal(absence.after_s, 639);
    assert_int_equal(absence.silent_s, 600);
    assert_near(absence.usual, 600);
    assert_int_equal(absence.state, TW_ABSENCE_QUIET);
    advance(budget, noon + 10 * 60);
    assert_int_equal(tw_budget_absence(budget, 3).state, TW_ABSENCE_FIRING);
    add(budget, noon + 11 * 60, 0, 1); /* a failure is a decision too */
    absence = tw_budget_absence(budget, 3);
    assert_int_equal(absence.silent_s, 0);
    assert_int_equal(absence.state, TW_ABSENCE_QUIET);
    tw_budget_destroy(&budget);
}

static void absence__little_traffic__is_told_later(void **state)
{
    (void)state;
    const struct tw_budget_spec spec = rolling(990000, 30 * DAY_S);
    struct tw_budget *budget = budget_of(&spec, MONDAY);
    for (int64_t s = MONDAY; s < MONDAY + 8 * DAY_S; s += 225) { /* 16 an hour: 12 in 45 minutes */
        add(budget, s, 1, 0);
    }
    int64_t last = MONDAY + 8 * DAY_S - 240;
    advance(budget, last + 45 * 60);
    struct tw_absence absence = tw_budget_absence(budget, TW_BURN_ABSENT_MIN);
    assert_int_equal(absence.after_s, 2700);
    assert_int_equal(absence.state, TW_ABSENCE_QUIET);
    advance(budget, last + 46 * 60);
    assert_int_equal(tw_budget_absence(budget, 12).state, TW_ABSENCE_FIRING);
    assert_int_equal(tw_budget_absence(budget, 17).state, TW_ABSENCE_CLOSED);
    tw_budget_destroy(&budget);
}

/* The night before says nothing, and nobody knows when in an hour doors open. */
static void absence__first_and_last_hour_of_trade__are_not_told(void **state)
{
    (void)state;
    struct tw_budget *budget = shop(9);
    int64_t morning = MONDAY + 9 * DAY_S + 9 * 3600;
    advance(budget, morning + 59 * 60); /* nothing came yet */
    assert_near(tw_budget_absence(budget, 12).usual, 600);
    assert_int_equal(tw_budget_absence(budget, 12).state, TW_ABSENCE_CLOSED);
    advance(budget, morning + 3600);
    assert_int_equal(tw_budget_absence(budget, 12).state, TW_ABSENCE_FIRING);
    fill(budget, morning + 3600, morning + 10 * 3600 + 50 * 60, 10);
    advance(budget, morning + 11 * 3600 - 60);
    assert_int_equal(tw_budget_absence(budget, 12).state, TW_ABSENCE_QUIET);
    advance(budget, morning + 11 * 3600); /* from 20:00 to the end at 21:00 */
    assert_int_equal(tw_budget_absence(budget, 12).state, TW_ABSENCE_CLOSED);
    tw_budget_destroy(&budget);
}

/* A shop in Berlin sells from 10:30 to 19:30; the clock goes back on 2026-10-25. On the Monday
 * behind it 9 h in UTC is 10 h there: by UTC half of the trade of an hour was usual by then. */
static void absence__clock_change__moves_the_hours(void **state)
{
    (void)state;
    struct tw_zone *berlin = NULL;
    int64_t first = 1791763200; /* 2026-10-12, a Monday, 00:00 UTC */
    assert_int_equal(tw_zone_new("Europe/Berlin", &berlin), TW_OK);
    for (int with_zone = 0; with_zone <= 1; with_zone++) {
        struct tw_budget_spec spec = rolling(990000, 30 * DAY_S);
        spec.week_zone = with_zone == 1 ? berlin : NULL;
        struct tw_budget *budget = budget_of(&spec, first);
        for (int64_t day = first; day < first + 13 * DAY_S; day += DAY_S) {
            fill(budget, day + 8 * 3600 + 1800, day + 17 * 3600 + 1800, 10);
        }
        advance(budget, first + 14 * DAY_S + 9 * 3600 + 60);
        assert_int_equal(tw_budget_absence(budget, 12).state,
                         with_zone == 1 ? TW_ABSENCE_CLOSED : TW_ABSENCE_FIRING);
        tw_budget_destroy(&budget);
    }
    tw_zone_destroy(&berlin);
}

static void absence__without_a_week__is_not_known(void **state)
{
    (void)state;
    struct tw_budget *budget = shop(3);
    advance(budget, MONDAY + 5 * DAY_S);
    struct tw_absence absence = tw_budget_absence(budget, 3);
    assert_int_equal(absence.state, TW_ABSENCE_UNKNOWN);
    assert_int_equal(absence.silent_s, DAY_S); /* and no more, however long it is */
    assert_true(isnan(absence.usual));
    tw_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(share__the_same_spend__counts_the_same_at_night_and_at_peak),
        cmocka_unit_test(share__of_windows__is_their_decisions_over_the_usual_ones),
        cmocka_unit_test(usual__rolling_window__is_its_mean_after_a_week),
        cmocka_unit_test(usual__short_window__needs_all_of_it),
        cmocka_unit_test(usual__calendar_window__is_its_forecast),
        cmocka_unit_test(judge__a_quiet_night__pages_by_what_it_spends),
        cmocka_unit_test(slices__what_is_missing__counts_as_expected),
        cmocka_unit_test(slices__few_that_are_known__do_not_page),
        cmocka_unit_test(slices__month__has_its_own_length),
        cmocka_unit_test(trickle__plans__are_those_of_the_medium_rule),
        cmocka_unit_test(trickle__few_failures_of_few__are_a_ticket),
        cmocka_unit_test(trickle__of_a_budget__is_of_the_last_six_hours),
        cmocka_unit_test(absence__times__are_those_of_a_total_outage_and_two_minutes),
        cmocka_unit_test(absence__within_trading_hours__is_told),
        cmocka_unit_test(absence__little_traffic__is_told_later),
        cmocka_unit_test(absence__first_and_last_hour_of_trade__are_not_told),
        cmocka_unit_test(absence__clock_change__moves_the_hours),
        cmocka_unit_test(absence__without_a_week__is_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
