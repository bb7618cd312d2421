/* SPDX-License-Identifier: Apache-2.0
 * track/burn: thresholds, least events and detection times against the tables of the SRE workbook
 * and of Sloth, which rules an objective can have, and the guards. Computed by hand from X = f*W/L,
 * n >= k / (X * (1 - T)) and t = X * (1 - T) * L. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "track/burn.h"

#define DAY_S INT64_C(86400)

static void assert_near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance)) {
        fail_msg("%.9f instead of %.9f", got, expected);
    }
}

static void burn__names_and_windows__are_those_of_the_table(void **state)
{
    (void)state;
    static const int32_t minutes[] = {5, 30, 60, 120, 360, 1440, 4320};
    static const char *const names[] = {"5m", "30m", "1h", "2h", "6h", "1d", "3d"};
    for (size_t i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        assert_int_equal(tw_burn_window_minutes((enum tw_burn_window)i), minutes[i]);
        assert_string_equal(tw_burn_window_name((enum tw_burn_window)i), names[i]);
    }
    for (size_t i = 0; i < TW_BURN_RULE_COUNT; i++) {
        struct tw_burn_plan plan =
            tw_burn_plan((enum tw_burn_rule)i, 999000, 30 * DAY_S, TW_BURN_BAD_MIN);
        assert_int_equal(tw_burn_window_minutes(plan.long_window),
                         12 * tw_burn_window_minutes(plan.short_window));
        assert_int_equal(tw_burn_rule_pages((enum tw_burn_rule)i), i < 2);
    }
    assert_string_equal(tw_burn_rule_name(TW_BURN_FAST), "fast");
    assert_string_equal(tw_burn_rule_name(TW_BURN_TREND), "trend");
}

static void burn__thresholds__are_those_of_the_tables(void **state)
{
    (void)state;
    static const struct {
        int days;
        double thresholds[TW_BURN_RULE_COUNT]; /* fast, medium, slow, trend */
    } rows[] = {
        {30, {14.4, 6, 3, 1}},
        {28, {13.44, 5.6, 2.8, 28.0 / 30}},
        {31, {14.88, 6.2, 3.1, 31.0 / 30}},
        {29, {13.92, 5.8, 2.9, 29.0 / 30}},
        {7, {13.44, 3.5, 1.4, 0.98}}, /* Sloth: 8 %, 12.5 %, 20 %, 42 % */
        {14, {26.88, 7, 2.8, 1.96}},  /* the longest with the weekly fractions */
        {15, {7.2, 3, 1.5, 0.5}},     /* the first with the monthly ones */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int rule = 0; rule < TW_BURN_RULE_COUNT; rule++) {
            struct tw_burn_plan plan =
                tw_burn_plan((enum tw_burn_rule)rule, 999000, rows[i].days * DAY_S, 3);
            assert_near(plan.threshold, rows[i].thresholds[rule], 1e-12);
        }
    }
    assert_int_equal(tw_burn_plan(TW_BURN_FAST, 999000, 30 * DAY_S, 3).fraction_ppm, 20000);
    assert_int_equal(tw_burn_plan(TW_BURN_TREND, 999000, 7 * DAY_S, 3).fraction_ppm, 420000);
}

static void burn__least_events_and_detection__are_those_of_the_tables(void **state)
{
    (void)state;
    static const struct {
        uint32_t target_ppm;
        int64_t bad_min;
        int64_t events_min[TW_BURN_RULE_COUNT];
        int64_t detection_s[TW_BURN_RULE_COUNT];
    } rows[] = {
        /* 51.84 s, 129.6 s, 259.2 s, 259.2 s, rounded up */
        {999000, 1, {70, 167, 334, 1000}, {52, 130, 260, 260}},
        {990000, 1, {7, 17, 34, 100}, {519, 1296, 2592, 2592}},
        {950000, 1, {2, 4, 7, 20}, {2592, 6480, 12960, 12960}},
        {999000, 3, {209, 500, 1000, 3000}, {52, 130, 260, 260}},
        {990000, 3, {21, 50, 100, 300}, {519, 1296, 2592, 2592}},
        {999999, 1, {69445, 166667, 333334, 1000000}, {1, 1, 1, 1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int rule = 0; rule < TW_BURN_RULE_COUNT; rule++) {
            struct tw_burn_plan plan = tw_burn_plan((enum tw_burn_rule)rule, rows[i].target_ppm,
                                                    30 * DAY_S, rows[i].bad_min);
            assert_int_equal(plan.events_min, rows[i].events_min[rule]);
            assert_int_equal(plan.detection_s, rows[i].detection_s[rule]);
            assert_int_equal(plan.use, TW_BURN_USABLE);
        }
    }
    assert_int_equal(tw_burn_plan(TW_BURN_TREND, 999999, 30 * DAY_S, INT64_MAX).events_min,
                     INT64_MAX);
}

static void burn__rules_that_cannot_work__are_told_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        uint32_t target_ppm;
        int64_t window_s;
        enum tw_burn_use use[TW_BURN_RULE_COUNT];
    } rows[] = {
        /* 90 %: the burn rate never passes 10, 14.4 cannot be reached */
        {900000, 30 * DAY_S, {TW_BURN_NEVER, TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_USABLE}},
        /* 14.4 * (1 - T) = 1 at T = 93.0555... % */
        {930555, 30 * DAY_S, {TW_BURN_NEVER, TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_USABLE}},
        {930556, 30 * DAY_S, {TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_USABLE}},
        /* 3 * (1 - T) = 1, and 1 * (1 - T) nearly */
        {500000, 30 * DAY_S, {TW_BURN_NEVER, TW_BURN_NEVER, TW_BURN_NEVER, TW_BURN_USABLE}},
        {1, 30 * DAY_S, {TW_BURN_NEVER, TW_BURN_NEVER, TW_BURN_NEVER, TW_BURN_USABLE}},
        {1, 31 * DAY_S, {TW_BURN_NEVER, TW_BURN_NEVER, TW_BURN_NEVER, TW_BURN_NEVER}},
        {990000, 7 * DAY_S, {TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_USABLE}},
        /* 15 days: the trend would fire at half of what the budget allows. 27 days: exactly 0.9. */
        {990000, 15 * DAY_S, {TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_ON_TARGET}},
        {990000, 27 * DAY_S, {TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_USABLE}},
        {990000,
         27 * DAY_S - 1,
         {TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_USABLE, TW_BURN_ON_TARGET}},
        /* 1 day: 1.92, 0.5, and long windows that are not shorter than the objective's */
        {990000,
         DAY_S,
         {TW_BURN_USABLE, TW_BURN_ON_TARGET, TW_BURN_WINDOW_TOO_SHORT, TW_BURN_WINDOW_TOO_SHORT}},
        {990000,
         DAY_S + 1,
         {TW_BURN_USABLE, TW_BURN_ON_TARGET, TW_BURN_ON_TARGET, TW_BURN_WINDOW_TOO_SHORT}},
        {990000,
         3600,
         {TW_BURN_WINDOW_TOO_SHORT, TW_BURN_WINDOW_TOO_SHORT, TW_BURN_WINDOW_TOO_SHORT,
          TW_BURN_WINDOW_TOO_SHORT}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (int rule = 0; rule < TW_BURN_RULE_COUNT; rule++) {
            struct tw_burn_plan plan =
                tw_burn_plan((enum tw_burn_rule)rule, rows[i].target_ppm, rows[i].window_s, 3);
            if (plan.use != rows[i].use[rule]) {
                fail_msg("row %zu rule %d: %d", i, rule, plan.use);
            }
        }
    }
}

static enum tw_burn_state judge(uint32_t target_ppm, enum tw_burn_rule rule, int64_t bad,
                                int64_t total)
{
    const struct tw_burn_ask ask = {
        .target_ppm = target_ppm,
        .window_s = 30 * DAY_S,
        .bad_min = 3,
        .in_long = {total - bad, bad},
        .in_short = {0, 1},
    };
    return tw_burn_judge(rule, &ask);
}

static void burn__exceeding__is_exact(void **state)
{
    (void)state;
    /* 99 %: fast fires above 14.4 %, medium above 6 %, slow above 3 %, trend above 1 %. Counts that
     * doubles cannot tell apart are told apart. */
    assert_int_equal(judge(990000, TW_BURN_FAST, 144, 1000), TW_BURN_QUIET);
    assert_int_equal(judge(990000, TW_BURN_FAST, 145, 1000), TW_BURN_FIRING);
    assert_int_equal(judge(990000, TW_BURN_MEDIUM, 60, 1000), TW_BURN_QUIET);
    assert_int_equal(judge(990000, TW_BURN_MEDIUM, 61, 1000), TW_BURN_FIRING);
    assert_int_equal(judge(990000, TW_BURN_SLOW, 30, 1000), TW_BURN_QUIET);
    assert_int_equal(judge(990000, TW_BURN_SLOW, 31, 1000), TW_BURN_FIRING);
    assert_int_equal(judge(990000, TW_BURN_TREND, 10, 1000), TW_BURN_QUIET);
    assert_int_equal(judge(990000, TW_BURN_TREND, 11, 1000), TW_BURN_FIRING);
    const int64_t large = INT64_C(1000000000000000);
    assert_int_equal(judge(990000, TW_BURN_FAST, large / 1000 * 144, large), TW_BURN_QUIET);
    assert_int_equal(judge(990000, TW_BURN_FAST, large / 1000 * 144 + 1, large), TW_BURN_FIRING);
    assert_int_equal(judge(900000, TW_BURN_FAST, 1000, 1000), TW_BURN_UNUSABLE);
    assert_int_equal(judge(990000, TW_BURN_FAST, 0, 0), TW_BURN_QUIET);
}

static void burn__both_windows__must_exceed(void **state)
{
    (void)state;
    struct tw_burn_ask ask = {
        .target_ppm = 990000,
        .window_s = 30 * DAY_S,
        .bad_min = 3,
        .in_long = {800, 200},
        .in_short = {856, 144}, /* it has calmed down */
    };
    assert_int_equal(tw_burn_judge(TW_BURN_FAST, &ask), TW_BURN_QUIET);
    ask.in_short = (struct tw_counts){855, 145};
    assert_int_equal(tw_burn_judge(TW_BURN_FAST, &ask), TW_BURN_FIRING);
    ask.in_long = (struct tw_counts){1000, 100}; /* it has just begun */
    assert_int_equal(tw_burn_judge(TW_BURN_FAST, &ask), TW_BURN_QUIET);
    ask.in_long = (struct tw_counts){800, 200};
    ask.in_short = (struct tw_counts){0, 0}; /* nothing at all lately */
    assert_int_equal(tw_burn_judge(TW_BURN_FAST, &ask), TW_BURN_QUIET);
}

static void burn__few_events__need_more_than_chance(void **state)
{
    (void)state;
    /* 99 %, fast: 14.4 %, at least 21 events. */
    assert_int_equal(judge(990000, TW_BURN_FAST, 1, 1), TW_BURN_FEW_BAD);
    assert_int_equal(judge(990000, TW_BURN_FAST, 2, 2), TW_BURN_FEW_BAD);
    assert_int_equal(judge(990000, TW_BURN_FAST, 3, 3), TW_BURN_FIRING);      /* low end 43.9 % */
    assert_int_equal(judge(990000, TW_BURN_FAST, 3, 8), TW_BURN_FEW_EVENTS);  /* 13.7 % */
    assert_int_equal(judge(990000, TW_BURN_FAST, 3, 7), TW_BURN_FIRING);      /* 15.8 % */
    assert_int_equal(judge(990000, TW_BURN_FAST, 3, 20), TW_BURN_FEW_EVENTS); /* 5.2 % */
    assert_int_equal(judge(990000, TW_BURN_FAST, 4, 21), TW_BURN_FIRING);     /* enough events */
    /* 99.9 %, trend: 0.1 %, at least 3,000: 3 of 2,999 may be chance, 3 of 1,000 hardly. */
    assert_int_equal(judge(999000, TW_BURN_TREND, 3, 2999), TW_BURN_FEW_EVENTS);
    assert_int_equal(judge(999000, TW_BURN_TREND, 3, 1000), TW_BURN_FIRING); /* low end 0.102 % */
    assert_int_equal(judge(999000, TW_BURN_TREND, 4, 3000), TW_BURN_FIRING);
    /* A total outage in a quiet hour is told at the third failure. */
    assert_int_equal(judge(999000, TW_BURN_FAST, 3, 50), TW_BURN_FIRING);
}

static void burn__wilson__is_that_of_the_textbook(void **state)
{
    (void)state;
    assert_near(tw_burn_wilson_low(0, 0), 0, 0);
    assert_near(tw_burn_wilson_low(0, 10), 0, 1e-12);
    assert_near(tw_burn_wilson_low(10, 10), 0.72247, 5e-6); /* 1 / (1 + z^2/n) */
    assert_near(tw_burn_wilson_low(3, 3), 0.43850, 5e-6);
    assert_near(tw_burn_wilson_low(1, 10), 0.01788, 5e-6);
    assert_near(tw_burn_wilson_low(50, 100), 0.40383, 5e-6);
}

static void burn__rate__is_one_when_the_budget_lasts_exactly(void **state)
{
    (void)state;
    assert_near(tw_burn_rate(990000, (struct tw_counts){990, 10}), 1, 1e-12);
    assert_near(tw_burn_rate(990000, (struct tw_counts){0, 10}), 100, 1e-12);
    assert_near(tw_burn_rate(999000, (struct tw_counts){9856, 144}), 14.4, 1e-12);
    assert_near(tw_burn_rate(999000, (struct tw_counts){0, 0}), 0, 0);
    assert_near(tw_burn_rate(1, (struct tw_counts){0, 5}), 1.000001000001, 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(burn__names_and_windows__are_those_of_the_table),
        cmocka_unit_test(burn__thresholds__are_those_of_the_tables),
        cmocka_unit_test(burn__least_events_and_detection__are_those_of_the_tables),
        cmocka_unit_test(burn__rules_that_cannot_work__are_told_with_the_reason),
        cmocka_unit_test(burn__exceeding__is_exact),
        cmocka_unit_test(burn__both_windows__must_exceed),
        cmocka_unit_test(burn__few_events__need_more_than_chance),
        cmocka_unit_test(burn__wilson__is_that_of_the_textbook),
        cmocka_unit_test(burn__rate__is_one_when_the_budget_lasts_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
