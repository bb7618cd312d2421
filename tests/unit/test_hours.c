/* SPDX-License-Identifier: Apache-2.0
 * alert/hours: what lies in an interval, at each edge of it, also where clocks change; and how
 * intervals are written. Berlin changes at 01:00 UTC on the last Sundays of March and October. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alert/hours_parse.h"
#include "alloc_kit.h"

/* Read one interval; faults go to `report`. */
static int read_hours(const char *yaml, FILE *report, struct tw_hours *ret_hours)
{
    struct tw_parse *parse = calloc(1, sizeof(*parse)); /* the faults alone are kilobytes */
    struct tw_tree tree = {0};
    if (parse == NULL) {
        *ret_hours = (struct tw_hours){0};
        return TW_ENOMEM;
    }
    parse->file = "t.yaml";
    parse->tree = &tree;
    *ret_hours = (struct tw_hours){0};
    int rc = tw_tree_parse(&tree, "t.yaml", yaml, strlen(yaml), &parse->faults);
    if (rc == TW_OK) {
        tw_hours_read(parse, "hours", tw_tree_root(&tree), ret_hours);
    }
    tw_faults_report(&parse->faults, report);
    if (rc == TW_ENOMEM || parse->is_out_of_memory || parse->faults.is_out_of_memory) {
        rc = TW_ENOMEM;
    } else if (tw_faults_any(&parse->faults)) {
        rc = TW_ECONFIG;
    }
    tw_tree_fini(&tree);
    tw_parse_fini(parse);
    free(parse);
    return rc;
}

static void expect_faults(const char *yaml, const char *expected)
{
    struct tw_hours hours;
    char *told = NULL;
    size_t len = 0;
    FILE *report = open_memstream(&told, &len);
    assert_non_null(report);
    int rc = read_hours(yaml, report, &hours);
    (void)fclose(report);
    assert_string_equal(told, expected);
    assert_int_equal(rc, TW_ECONFIG);
    free(told);
    tw_hours_fini(&hours);
}

/* Whether each of the times lies in the interval: "+TIME" it does, "-TIME" it does not. */
static void expect(const char *yaml, const char *const *times, size_t count)
{
    struct tw_hours hours;
    assert_int_equal(read_hours(yaml, stderr, &hours), TW_OK);
    for (size_t i = 0; i < count; i++) {
        tw_wall_t at = {0};
        assert_int_equal(tw_wall_parse(tw_str_of(times[i] + 1), &at), TW_OK);
        if (tw_hours_contain(&hours, at) != (times[i][0] == '+')) {
            fail_msg("%s: %s %s", yaml, times[i] + 1,
                     times[i][0] == '+' ? "is not in it" : "is in it");
        }
    }
    tw_hours_fini(&hours);
}

#define EXPECT(yaml, ...)                                        \
    do {                                                         \
        static const char *const times[] = {__VA_ARGS__};        \
        expect((yaml), times, sizeof(times) / sizeof(times[0])); \
    } while (0)

static void hours__times__end_is_exclusive(void **state)
{
    (void)state;
    EXPECT("times: ['08:00-22:00']", "-2026-11-27T07:59:59.999Z", "+2026-11-27T08:00:00Z",
           "+2026-11-27T21:59:59.999Z", "-2026-11-27T22:00:00Z");
    EXPECT("times: ['00:00-00:01']", "+2026-11-27T00:00:00Z", "+2026-11-27T00:00:59.999Z",
           "-2026-11-27T00:01:00Z", "-2026-11-26T23:59:59Z");
}

static void hours__24_00__is_the_end_of_the_day(void **state)
{
    (void)state;
    EXPECT("times: ['22:00-24:00', '00:00-06:00']", "-2026-11-27T21:59:59Z",
           "+2026-11-27T22:00:00Z", "+2026-11-27T23:59:59.999Z", "+2026-11-28T00:00:00Z",
           "+2026-11-28T05:59:59Z", "-2026-11-28T06:00:00Z");
    EXPECT("times: ['00:00-24:00']", "+2026-11-27T00:00:00Z", "+2026-11-27T23:59:59.999Z");
}

static void hours__before_1970__are_counted_on(void **state)
{
    (void)state;
    EXPECT("{times: ['23:00-24:00'], weekdays: wed, months: dec, days-of-month: -1}",
           "+1969-12-31T23:00:00Z", "+1969-12-31T23:59:59.999Z", "-1970-01-01T00:00:00Z",
           "-1969-12-31T22:59:59Z");
}

static void hours__weekdays__are_words_and_ranges(void **state)
{
    (void)state;
    /* 2026-11-23 is a Monday. */
    EXPECT("weekdays: [mon]", "-2026-11-22T23:59:59Z", "+2026-11-23T00:00:00Z",
           "+2026-11-23T23:59:59Z", "-2026-11-24T00:00:00Z");
    EXPECT("weekdays: ['mon:fri']", "-2026-11-22T12:00:00Z", "+2026-11-23T00:00:00Z",
           "+2026-11-27T23:59:59Z", "-2026-11-28T00:00:00Z");
    EXPECT("weekdays: ['saturday:mon']", "-2026-11-27T23:59:59Z", "+2026-11-28T00:00:00Z",
           "+2026-11-29T12:00:00Z", "+2026-11-30T23:59:59Z", "-2026-12-01T00:00:00Z");
    EXPECT("weekdays: sun-sun", "+2026-11-22T00:00:00Z", "-2026-11-23T00:00:00Z");
}

static void hours__days_of_month__count_from_both_ends(void **state)
{
    (void)state;
    EXPECT("days-of-month: ['1', '15:16']", "-2026-10-31T23:59:59Z", "+2026-11-01T00:00:00Z",
           "-2026-11-02T00:00:00Z", "-2026-11-14T23:59:59Z", "+2026-11-15T00:00:00Z",
           "+2026-11-16T23:59:59Z", "-2026-11-17T00:00:00Z");
    EXPECT("days-of-month: ['-1']", "-2026-02-27T23:59:59Z", "+2026-02-28T00:00:00Z",
           "-2026-03-01T00:00:00Z", "-2028-02-28T12:00:00Z", "+2028-02-29T12:00:00Z",
           "+2026-04-30T12:00:00Z", "-2026-05-30T12:00:00Z", "+2026-05-31T12:00:00Z",
           "+2000-02-29T12:00:00Z", "+2100-02-28T12:00:00Z");
    EXPECT("days-of-month: ['-3:-1']", "-2026-11-27T12:00:00Z", "+2026-11-28T00:00:00Z",
           "+2026-11-30T23:59:59Z", "-2026-12-01T00:00:00Z");
    EXPECT("days-of-month: ['20:-8']", "-2026-11-19T12:00:00Z", "+2026-11-20T12:00:00Z",
           "+2026-11-23T12:00:00Z", "-2026-11-24T12:00:00Z", "+2026-12-24T12:00:00Z",
           "-2026-12-25T12:00:00Z");
    /* Days that a month does not have are not those of the next one, nor its last. */
    EXPECT("days-of-month: ['30:31']", "-2026-02-28T12:00:00Z", "-2026-03-01T12:00:00Z",
           "+2026-03-30T12:00:00Z", "+2026-04-30T12:00:00Z");
    EXPECT("days-of-month: ['-31']", "-2026-02-01T12:00:00Z", "+2026-03-01T12:00:00Z",
           "-2026-04-01T12:00:00Z");
    EXPECT("days-of-month: ['-31:-28']", "+2026-02-01T12:00:00Z", "-2026-02-02T12:00:00Z");
}

static void hours__months_and_years__are_ranges_with_both_ends(void **state)
{
    (void)state;
    EXPECT("months: ['nov:jan', '7']", "-2026-10-31T23:59:59Z", "+2026-11-01T00:00:00Z",
           "+2027-01-31T23:59:59Z", "-2027-02-01T00:00:00Z", "+2026-07-01T00:00:00Z",
           "-2026-08-01T00:00:00Z");
    EXPECT("months: '1:3'", "-2025-12-31T23:59:59Z", "+2026-01-01T00:00:00Z",
           "+2026-03-31T23:59:59Z", "-2026-04-01T00:00:00Z");
    EXPECT("years: ['2026:2027', '2030']", "-2025-12-31T23:59:59Z", "+2026-01-01T00:00:00Z",
           "+2027-12-31T23:59:59Z", "-2028-01-01T00:00:00Z", "+2030-06-01T00:00:00Z");
    EXPECT("years: ['1970', '2261']", "+1970-01-01T00:00:00Z", "+2261-12-31T23:59:59Z",
           "-2260-12-31T23:59:59Z");
}

static void hours__several_keys__must_all_hold(void **state)
{
    (void)state;
    EXPECT("{times: ['08:00-20:00'], weekdays: ['mon:sat'], months: [nov, dec], years: 2026}",
           "+2026-11-27T12:00:00Z", "-2026-11-27T20:00:00Z", "-2026-11-29T12:00:00Z",
           "-2026-10-27T12:00:00Z", "-2027-11-26T12:00:00Z");
}

static void hours__in_a_zone__follow_its_clock_over_the_change(void **state)
{
    (void)state;
    EXPECT("{times: ['08:00-22:00'], timezone: Europe/Berlin}", "-2026-03-28T06:59:59Z",
           "+2026-03-28T07:00:00Z", "+2026-03-28T20:59:59Z", "-2026-03-28T21:00:00Z",
           "-2026-03-29T05:59:59Z", "+2026-03-29T06:00:00Z", "+2026-03-29T19:59:59Z",
           "-2026-03-29T20:00:00Z");
    /* 02:00 to 03:00 is skipped: in no interval. */
    EXPECT("{times: ['02:00-03:00'], timezone: Europe/Berlin}", "+2026-03-28T01:30:00Z",
           "-2026-03-29T00:59:59Z", "-2026-03-29T01:00:00Z");
    /* It is shown twice: in it twice, and the hour before and behind are not. */
    EXPECT("{times: ['02:00-03:00'], timezone: Europe/Berlin}", "-2026-10-24T23:59:59Z",
           "+2026-10-25T00:00:00Z", "+2026-10-25T00:59:59Z", "+2026-10-25T01:00:00Z",
           "+2026-10-25T01:59:59Z", "-2026-10-25T02:00:00Z");
    /* The weekday is that of the zone. */
    EXPECT("{weekdays: [mon], timezone: Asia/Tokyo}", "-2026-11-22T14:59:59Z",
           "+2026-11-22T15:00:00Z", "+2026-11-23T14:59:59Z", "-2026-11-23T15:00:00Z");
    EXPECT("{days-of-month: [1], months: [1], timezone: America/New_York}", "-2026-01-01T04:59:59Z",
           "+2026-01-01T05:00:00Z", "+2026-01-02T04:59:59Z", "-2026-01-02T05:00:00Z");
}

static void hours__with_faults__tell_all_with_their_lines(void **state)
{
    (void)state;
    static const char no_time[] = " is no time such as 08:00-22:00, 00:00 to 24:00";
    static const struct {
        const char *yaml;
        const char *told; /* behind "t.yaml:1: hours" */
        const char *rest;
    } cases[] = {
        {"times: ['8:00-22:00']", ".times: \"8:00-22:00\"", no_time},
        {"times: ['24:00-24:00']", ".times: \"24:00-24:00\"", no_time},
        {"times: ['00:00-24:01']", ".times: \"00:00-24:01\"", no_time},
        {"times: ['08:60-09:00']", ".times: \"08:60-09:00\"", no_time},
        {"times: ['08:00-09:00x']", ".times: \"08:00-09:00x\"", no_time},
        {"times: ['08:00']", ".times: \"08:00\"", no_time},
        {"times: ['22:00-06:00']", ".times: \"22:00-06:00\"",
         " ends before it begins; over midnight: two ranges, one until 24:00, one from 00:00"},
        {"times: ['06:00-06:00']", ".times: \"06:00-06:00\"",
         " ends before it begins; over midnight: two ranges, one until 24:00, one from 00:00"},
        {"weekdays: [mo]", ".weekdays: \"mo\"", " is no weekday or range of weekdays, mon to sun"},
        {"weekdays: ['mon:']", ".weekdays: \"mon:\"",
         " is no weekday or range of weekdays, mon to sun"},
        {"weekdays: ['fri:xyz']", ".weekdays: \"fri:xyz\"",
         " is no weekday or range of weekdays, mon to sun"},
        {"weekdays: 1", ".weekdays: \"1\"", " is no weekday or range of weekdays, mon to sun"},
        {"months: 0", ".months: \"0\"", " is no month or range of months, jan to dec or 1 to 12"},
        {"months: 13", ".months: \"13\"", " is no month or range of months, jan to dec or 1 to 12"},
        {"months: janu", ".months: \"janu\"",
         " is no month or range of months, jan to dec or 1 to 12"},
        {"months: '1:0'", ".months: \"1:0\"",
         " is no month or range of months, jan to dec or 1 to 12"},
        {"days-of-month: 0", ".days-of-month: \"0\"",
         " is no day or range of days, 1 to 31 or -31 to -1"},
        {"days-of-month: 32", ".days-of-month: \"32\"",
         " is no day or range of days, 1 to 31 or -31 to -1"},
        {"days-of-month: -32", ".days-of-month: \"-32\"",
         " is no day or range of days, 1 to 31 or -31 to -1"},
        {"days-of-month: 1-5", ".days-of-month: \"1-5\"",
         " is no day or range of days, 1 to 31 or -31 to -1"},
        {"days-of-month: '-3:1'", ".days-of-month: \"-3:1\"", " ends before it begins"},
        {"days-of-month: '5:4'", ".days-of-month: \"5:4\"", " ends before it begins"},
        {"days-of-month: '20:-20'", ".days-of-month: \"20:-20\"", " ends before it begins"},
        {"years: 1969", ".years: \"1969\"", " is no year or range of years, 1970 to 2261"},
        {"years: 2262", ".years: \"2262\"", " is no year or range of years, 1970 to 2261"},
        {"years: 20266", ".years: \"20266\"", " is no year or range of years, 1970 to 2261"},
        {"years: '2027:2026'", ".years: \"2027:2026\"", " ends before it begins"},
        {"{weekdays: mon, timezone: Mars/Base}", ".timezone: \"Mars/Base\"",
         " is no time zone that this machine knows, such as Europe/Berlin"},
        {"timezone: UTC", ": one of times, weekdays, days-of-month, months, years is needed", ""},
        {"[mon]", ": a map of keys and values is expected", ""},
        {"weekday: mon", ": unknown key \"weekday\", did you mean \"weekdays\"?", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char expected[256];
        (void)snprintf(expected, sizeof(expected), "t.yaml:1: hours%s%s\n", cases[i].told,
                       cases[i].rest);
        expect_faults(cases[i].yaml, expected);
    }
    expect_faults("weekdays: [mo, tu]\nmonths:\n  - m\nyears: 1\n",
                  "t.yaml:1: hours.weekdays: \"mo\" is no weekday or range of weekdays, mon to "
                  "sun\n"
                  "t.yaml:1: hours.weekdays: \"tu\" is no weekday or range of weekdays, mon to "
                  "sun\n"
                  "t.yaml:3: hours.months: \"m\" is no month or range of months, jan to dec or 1 "
                  "to 12\n"
                  "t.yaml:4: hours.years: \"1\" is no year or range of years, 1970 to 2261\n");
}

static void hours__ranges__are_at_most_sixteen(void **state)
{
    (void)state;
    struct tw_hours hours;
    assert_int_equal(TW_HOURS_RANGES_MAX, 16);
    assert_int_equal(read_hours("{days-of-month: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16],"
                                " years: [2001,2002,2003,2004,2005,2006,2007,2008,2009,2010,2011,"
                                "2012,2013,2014,2015,2016]}",
                                stderr, &hours),
                     TW_OK);
    assert_int_equal(hours.day_count, 16);
    assert_int_equal(hours.year_count, 16);
    tw_hours_fini(&hours);
    expect_faults("days-of-month: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17]",
                  "t.yaml:1: hours.days-of-month: more than 16 values\n");
    expect_faults("years: [2001,2002,2003,2004,2005,2006,2007,2008,2009,2010,2011,"
                  "2012,2013,2014,2015,2016,2017]",
                  "t.yaml:1: hours.years: more than 16 values\n");
    char text[512] = "times: ['00:00-24:00'";
    for (size_t i = 0; i < 16; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, sizeof(text) - len, ", '01:00-02:00'");
    }
    size_t len = strlen(text);
    (void)snprintf(text + len, sizeof(text) - len, "]");
    expect_faults(text, "t.yaml:1: hours.times: more than 16 values\n");
}

static void hours__out_of_memory__is_told_and_leaks_nothing(void **state)
{
    (void)state;
    const char *yaml = "{times: ['08:00-20:00'], weekdays: ['mon:sat'], timezone: Europe/Berlin}";
    int rc = TW_ENOMEM;
    for (size_t failing = 1; rc != TW_OK; failing++) {
        struct tw_hours hours;
        assert_in_range(failing, 1, 1000);
        alloc_count = 0;
        alloc_failing = failing;
        rc = read_hours(yaml, NULL, &hours);
        alloc_failing = 0;
        assert_true(rc == TW_OK || rc == TW_ENOMEM);
        tw_hours_fini(&hours);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hours__times__end_is_exclusive),
        cmocka_unit_test(hours__24_00__is_the_end_of_the_day),
        cmocka_unit_test(hours__before_1970__are_counted_on),
        cmocka_unit_test(hours__weekdays__are_words_and_ranges),
        cmocka_unit_test(hours__days_of_month__count_from_both_ends),
        cmocka_unit_test(hours__months_and_years__are_ranges_with_both_ends),
        cmocka_unit_test(hours__several_keys__must_all_hold),
        cmocka_unit_test(hours__in_a_zone__follow_its_clock_over_the_change),
        cmocka_unit_test(hours__with_faults__tell_all_with_their_lines),
        cmocka_unit_test(hours__ranges__are_at_most_sixteen),
        cmocka_unit_test(hours__out_of_memory__is_told_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("hours", tests, NULL, NULL);
}
