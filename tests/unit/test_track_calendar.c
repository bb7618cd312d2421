/* SPDX-License-Identifier: Apache-2.0
 * track/calendar: days, weeks and months in zones whose clocks change, and maintenance windows on
 * the days of a change. The tables were worked out by hand from the published rules: Berlin changes
 * at 01:00 UTC on the last Sundays of March and October, New York at 02:00 local on the second
 * Sunday of March and the first of November, Lord Howe by half an hour at 02:00 local on the first
 * Sundays of October and April, Cairo at midnight. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/calendar.h"

#define HOUR INT32_C(3600)

static tw_wall_t at(const char *text)
{
    tw_wall_t wall = {0};
    if (tw_wall_parse(tw_str_of(text), &wall) != TW_OK) {
        fail_msg("not a time: %s", text);
    }
    return wall;
}

static struct tw_zone *zone(const char *name)
{
    struct tw_zone *made = NULL;
    if (tw_zone_new(name, &made) != TW_OK) {
        fail_msg("no zone %s", name);
    }
    return made;
}

static void assert_time(tw_wall_t got, const char *expected, const char *what)
{
    char text[TW_TIME_TEXT_SIZE];
    if (got.ns != at(expected).ns) {
        tw_wall_format(got, text);
        fail_msg("%s: %s instead of %s", what, text, expected);
    }
}

static void calendar__names_of_zones__are_checked(void **state)
{
    (void)state;
    static const char *const invalid[] = {
        "",
        "europe/Berlin",
        "/etc/passwd",
        "../passwd",
        "Europe//Berlin",
        "Europe/",
        "UTC+2",
        "EST5EDT",
        "zone.tab",
        "localtime",
        "posixrules",
        "right/UTC",
        "Europe/Ber n",
        "Europe/Berl\n",
        "+02:00",
        "Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", /* 65 bytes */
    };
    static const char *const unknown[] = {
        "Europe/Nowhere", "Europe", "Mars/Olympus_Mons",
        "Aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", /* 64 bytes */
    };
    static const char *const known[] = {
        NULL,
        "UTC",
        "Europe/Berlin",
        "America/Port-au-Prince",
        "Etc/GMT+5",
        "America/Argentina/Buenos_Aires",
        "W-SU",
    };
    struct tw_zone *made = NULL;
    for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
        assert_int_equal(tw_zone_new(invalid[i], &made), TW_EINVAL);
        assert_null(made);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        assert_int_equal(tw_zone_new(unknown[i], &made), TW_ENOTFOUND);
        assert_null(made);
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        assert_int_equal(tw_zone_new(known[i], &made), TW_OK);
        tw_zone_destroy(&made);
        assert_null(made);
    }
    tw_zone_destroy(&made);
}

static void calendar__offsets__change_in_the_second_of_the_change(void **state)
{
    (void)state;
    static const struct {
        const char *zone;
        const char *at;
        int32_t offset_s;
    } rows[] = {
        {"UTC", "2026-07-01T00:00:00Z", 0},
        {"Europe/Berlin", "2026-03-29T00:59:59Z", 3600},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", 7200},
        {"Europe/Berlin", "2026-10-25T00:59:59Z", 7200},
        {"Europe/Berlin", "2026-10-25T01:00:00Z", 3600},
        {"America/New_York", "2026-03-08T06:59:59Z", -18000},
        {"America/New_York", "2026-03-08T07:00:00Z", -14400},
        {"Australia/Lord_Howe", "2026-04-04T14:59:59Z", 39600},
        {"Australia/Lord_Howe", "2026-04-04T15:00:00Z", 37800},
        {"Asia/Kolkata", "2026-04-04T15:00:00Z", 19800},
        {"Europe/Berlin", "2060-07-01T00:00:00Z", 7200}, /* beyond the listed changes: the rule */
        {"Europe/Berlin", "1969-12-31T23:59:59.5Z", 3600},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tw_zone *made = zone(rows[i].zone);
        if (tw_zone_offset_s(made, at(rows[i].at)) != rows[i].offset_s) {
            fail_msg("%s at %s: %d", rows[i].zone, rows[i].at,
                     tw_zone_offset_s(made, at(rows[i].at)));
        }
        tw_zone_destroy(&made);
    }
    assert_int_equal(tw_zone_offset_s(NULL, at("2026-07-01T00:00:00Z")), 0);
}

static const struct {
    const char *zone;
    enum tw_window_kind kind;
    const char *at;
    const char *from;
    const char *until;
    int64_t minutes;
} periods[] = {
    {"UTC", TW_WINDOW_DAY, "2026-02-28T23:59:59.999999999Z", "2026-02-28T00:00:00Z",
     "2026-03-01T00:00:00Z", 1440},
    /* A day of 23 hours, its neighbours, and its first and last instants. */
    {"Europe/Berlin", TW_WINDOW_DAY, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z",
     "2026-03-29T22:00:00Z", 23 * 60},
    {"Europe/Berlin", TW_WINDOW_DAY, "2026-03-28T23:00:00Z", "2026-03-28T23:00:00Z",
     "2026-03-29T22:00:00Z", 23 * 60},
    {"Europe/Berlin", TW_WINDOW_DAY, "2026-03-28T22:59:59.999999999Z", "2026-03-27T23:00:00Z",
     "2026-03-28T23:00:00Z", 1440},
    {"Europe/Berlin", TW_WINDOW_DAY, "2026-03-29T22:00:00Z", "2026-03-29T22:00:00Z",
     "2026-03-30T22:00:00Z", 1440},
    /* A day of 25 hours, in the first and in the second of the repeated hours. */
    {"Europe/Berlin", TW_WINDOW_DAY, "2026-10-25T00:30:00Z", "2026-10-24T22:00:00Z",
     "2026-10-25T23:00:00Z", 25 * 60},
    {"Europe/Berlin", TW_WINDOW_DAY, "2026-10-25T01:30:00Z", "2026-10-24T22:00:00Z",
     "2026-10-25T23:00:00Z", 25 * 60},
    {"America/New_York", TW_WINDOW_DAY, "2026-03-08T12:00:00-04:00", "2026-03-08T00:00:00-05:00",
     "2026-03-09T00:00:00-04:00", 23 * 60},
    {"America/New_York", TW_WINDOW_DAY, "2026-11-01T12:00:00-05:00", "2026-11-01T00:00:00-04:00",
     "2026-11-02T00:00:00-05:00", 25 * 60},
    /* Half an hour less and more. */
    {"Australia/Lord_Howe", TW_WINDOW_DAY, "2026-04-05T12:00:00+10:30", "2026-04-05T00:00:00+11:00",
     "2026-04-06T00:00:00+10:30", 24 * 60 + 30},
    {"Australia/Lord_Howe", TW_WINDOW_DAY, "2026-10-04T12:00:00+11:00", "2026-10-04T00:00:00+10:30",
     "2026-10-05T00:00:00+11:00", 24 * 60 - 30},
    /* Midnight is skipped: the day begins at 01:00. And it comes twice: at the first time the
     * date was still the old one, since 24:00 became 23:00. */
    {"Africa/Cairo", TW_WINDOW_DAY, "2026-04-24T12:00:00+03:00", "2026-04-24T01:00:00+03:00",
     "2026-04-25T00:00:00+03:00", 23 * 60},
    {"Africa/Cairo", TW_WINDOW_DAY, "2026-10-29T23:30:00+02:00", "2026-10-29T00:00:00+03:00",
     "2026-10-30T00:00:00+02:00", 25 * 60},
    /* 00:01 became 23:01 of the day before (Newfoundland, until 2011): the new day had begun.
     */
    {"America/St_Johns", TW_WINDOW_DAY, "2010-11-06T23:30:00-03:30", "2010-11-07T00:00:00-02:30",
     "2010-11-08T00:00:00-03:30", 25 * 60},
    {"America/St_Johns", TW_WINDOW_DAY, "2010-11-06T23:30:00-02:30", "2010-11-06T00:00:00-02:30",
     "2010-11-07T00:00:00-02:30", 24 * 60},
    /* Samoa had no 30 December 2011. */
    {"Pacific/Apia", TW_WINDOW_DAY, "2011-12-29T12:00:00-10:00", "2011-12-29T00:00:00-10:00",
     "2011-12-31T00:00:00+14:00", 24 * 60},
    {"Pacific/Apia", TW_WINDOW_DAY, "2011-12-31T12:00:00+14:00", "2011-12-31T00:00:00+14:00",
     "2012-01-01T00:00:00+14:00", 24 * 60},
    /* Weeks begin on Monday; those of a change have 167 and 169 hours. */
    {"Europe/Berlin", TW_WINDOW_WEEK, "2026-03-29T21:59:59Z", "2026-03-22T23:00:00Z",
     "2026-03-29T22:00:00Z", 167 * 60},
    {"Europe/Berlin", TW_WINDOW_WEEK, "2026-03-29T22:00:00Z", "2026-03-29T22:00:00Z",
     "2026-04-05T22:00:00Z", 168 * 60},
    {"Europe/Berlin", TW_WINDOW_WEEK, "2026-10-21T10:00:00Z", "2026-10-18T22:00:00Z",
     "2026-10-25T23:00:00Z", 169 * 60},
    {"UTC", TW_WINDOW_WEEK, "1969-12-31T00:00:00Z", "1969-12-29T00:00:00Z", "1970-01-05T00:00:00Z",
     168 * 60},
    /* Months: ends, leap days (2028 and 2000 have one, 2026 and 2100 none), year's end. */
    {"UTC", TW_WINDOW_MONTH, "2026-02-28T23:59:59Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z",
     28 * 1440},
    {"UTC", TW_WINDOW_MONTH, "2028-02-29T00:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z",
     29 * 1440},
    {"UTC", TW_WINDOW_MONTH, "2000-02-29T23:59:59Z", "2000-02-01T00:00:00Z", "2000-03-01T00:00:00Z",
     29 * 1440},
    {"UTC", TW_WINDOW_MONTH, "2100-02-28T23:59:59Z", "2100-02-01T00:00:00Z", "2100-03-01T00:00:00Z",
     28 * 1440},
    {"UTC", TW_WINDOW_MONTH, "2026-04-30T23:59:59Z", "2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z",
     30 * 1440},
    {"UTC", TW_WINDOW_MONTH, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z",
     31 * 1440},
    {"UTC", TW_WINDOW_MONTH, "2027-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027-02-01T00:00:00Z",
     31 * 1440},
    {"Europe/Berlin", TW_WINDOW_MONTH, "2026-03-31T21:59:59Z", "2026-02-28T23:00:00Z",
     "2026-03-31T22:00:00Z", 31 * 1440 - 60},
    {"Europe/Berlin", TW_WINDOW_MONTH, "2026-10-31T22:59:59Z", "2026-09-30T22:00:00Z",
     "2026-10-31T23:00:00Z", 31 * 1440 + 60},
    {"America/New_York", TW_WINDOW_MONTH, "2026-11-30T23:00:00-05:00", "2026-11-01T00:00:00-04:00",
     "2026-12-01T00:00:00-05:00", 30 * 1440 + 60},
};

static void calendar__periods__are_those_of_the_wall_clock(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++) {
        struct tw_zone *made = zone(periods[i].zone);
        struct tw_span span = tw_calendar_period(made, periods[i].kind, at(periods[i].at));
        assert_time(span.from, periods[i].from, periods[i].at);
        assert_time(span.until, periods[i].until, periods[i].at);
        assert_int_equal((span.until.ns - span.from.ns) / (60 * TW_NS_PER_S), periods[i].minutes);
        tw_zone_destroy(&made);
    }
}

/* Walking on from each end, periods follow each other without a gap, and contain their ends. */
static void calendar__periods_of_two_years__follow_each_other(void **state)
{
    (void)state;
    static const char *const names[] = {"UTC",
                                        "Europe/Berlin",
                                        "America/New_York",
                                        "Africa/Cairo",
                                        "Australia/Lord_Howe",
                                        "Asia/Beirut",
                                        "America/Havana",
                                        "Pacific/Chatham",
                                        "America/Santiago"};
    static const enum tw_window_kind kinds[] = {TW_WINDOW_DAY, TW_WINDOW_WEEK, TW_WINDOW_MONTH};
    static const int expected[] = {730, 104, 24};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct tw_zone *made = zone(names[i]);
        for (size_t k = 0; k < 3; k++) {
            tw_wall_t now = at("2026-01-01T12:00:00Z");
            struct tw_span span = tw_calendar_period(made, kinds[k], now);
            int count = 0;
            while (span.until.ns < at("2028-01-01T12:00:00Z").ns) {
                struct tw_span last =
                    tw_calendar_period(made, kinds[k], (tw_wall_t){span.until.ns - 1});
                assert_int_equal(last.from.ns, span.from.ns);
                struct tw_span next = tw_calendar_period(made, kinds[k], span.until);
                assert_int_equal(next.from.ns, span.until.ns);
                assert_true(next.until.ns > next.from.ns);
                span = next;
                count++;
            }
            assert_true(abs(count - expected[k]) <= 1);
        }
        tw_zone_destroy(&made);
    }
}

static void calendar__hours_of_the_week__follow_the_wall_clock(void **state)
{
    (void)state;
    struct tw_zone *berlin = zone("Europe/Berlin");
    uint8_t hours[3 * 168];
    tw_calendar_week_hours(NULL, at("2026-03-29T23:59:59Z"), 3, hours);
    assert_int_equal(hours[0], 167);
    assert_int_equal(hours[1], 0);
    assert_int_equal(hours[2], 1);
    tw_calendar_week_hours(NULL, at("1969-12-29T01:00:00Z"), 1, hours);
    assert_int_equal(hours[0], 1);
    /* Friday 18:00 is 17:00 UTC in winter and 16:00 in summer. */
    tw_calendar_week_hours(berlin, at("2026-03-27T17:00:00Z"), 1, hours);
    assert_int_equal(hours[0], 4 * 24 + 18);
    tw_calendar_week_hours(berlin, at("2026-04-03T16:00:00Z"), 1, hours);
    assert_int_equal(hours[0], 4 * 24 + 18);
    /* A run over both changes is what each hour gives alone. */
    static const char *const starts[] = {"2026-03-20T10:30:00Z", "2026-10-16T10:30:00Z"};
    for (size_t i = 0; i < 2; i++) {
        tw_calendar_week_hours(berlin, at(starts[i]), 3 * 168, hours);
        for (int hour = 0; hour < 3 * 168; hour++) {
            uint8_t alone = 0;
            tw_calendar_week_hours(
                berlin, (tw_wall_t){at(starts[i]).ns + HOUR * TW_NS_PER_S * hour}, 1, &alone);
            assert_int_equal(hours[hour], alone);
        }
    }
    tw_zone_destroy(&berlin);
}

#define MONDAY   0x01
#define SATURDAY 0x20
#define SUNDAY   0x40
#define MINUTE   60

/* A recurring window and what it comes to around an instant; NULL: nothing. */
struct window_row {
    const char *zone;
    uint8_t weekdays;
    int32_t start_s;
    int32_t duration_s;
    const char *at;
    const char *from; /* of the window that contains `at` */
    const char *until;
    const char *next;     /* beginning of the next */
    const char *previous; /* end of the previous */
};

static void check_window(const struct window_row *row)
{
    struct tw_zone *made = zone(row->zone);
    struct tw_wf_maintenance maintenance = {
        .weekdays = row->weekdays, .start_s = row->start_s, .duration_s = row->duration_s};
    struct tw_span span = {{0}, {0}};
    bool covers = tw_maintenance_covers(&maintenance, made, at(row->at), &span);
    if (covers != (row->from != NULL)) {
        fail_msg("%s %s: is%s covered", row->zone, row->at, covers ? "" : " not");
    }
    if (covers) {
        assert_time(span.from, row->from, row->at);
        assert_time(span.until, row->until, row->at);
        assert_true(tw_maintenance_covers(&maintenance, made, span.from, NULL));
        assert_true(
            tw_maintenance_covers(&maintenance, made, (tw_wall_t){span.until.ns - 1}, NULL));
    }
    if (row->next != NULL) {
        assert_true(tw_maintenance_next(&maintenance, made, at(row->at), &span));
        assert_time(span.from, row->next, "next");
    }
    if (row->previous != NULL) {
        assert_true(tw_maintenance_previous(&maintenance, made, at(row->at), &span));
        assert_time(span.until, row->previous, "previous");
    }
    tw_zone_destroy(&made);
}

static void maintenance__recurring_windows__are_those_of_the_wall_clock(void **state)
{
    (void)state;
    static const struct window_row rows[] = {
        /* Sundays 02:00 to 04:00 UTC: before, first instant, last, behind. */
        {"UTC", SUNDAY, 2 * HOUR, 2 * HOUR, "2026-03-22T01:59:59Z", NULL, NULL,
         "2026-03-22T02:00:00Z", "2026-03-15T04:00:00Z"},
        {"UTC", SUNDAY, 2 * HOUR, 2 * HOUR, "2026-03-22T02:00:00Z", "2026-03-22T02:00:00Z",
         "2026-03-22T04:00:00Z", "2026-03-29T02:00:00Z", "2026-03-15T04:00:00Z"},
        {"UTC", SUNDAY, 2 * HOUR, 2 * HOUR, "2026-03-22T03:59:59.999999999Z",
         "2026-03-22T02:00:00Z", "2026-03-22T04:00:00Z", "2026-03-29T02:00:00Z", NULL},
        {"UTC", SUNDAY, 2 * HOUR, 2 * HOUR, "2026-03-22T04:00:00Z", NULL, NULL,
         "2026-03-29T02:00:00Z", "2026-03-22T04:00:00Z"},
        /* Over midnight: it belongs to the day on which it begins. */
        {"Europe/Berlin", SATURDAY, 22 * HOUR, 6 * HOUR, "2026-03-15T02:59:59Z",
         "2026-03-14T21:00:00Z", "2026-03-15T03:00:00Z", "2026-03-21T21:00:00Z",
         "2026-03-08T03:00:00Z"},
        {"Europe/Berlin", SATURDAY, 22 * HOUR, 6 * HOUR, "2026-03-15T22:00:00Z", NULL, NULL,
         "2026-03-21T21:00:00Z", "2026-03-15T03:00:00Z"},
        /* The same in the night that lacks an hour, and in the one that has one more. */
        {"Europe/Berlin", SATURDAY, 22 * HOUR, 6 * HOUR, "2026-03-29T00:00:00Z",
         "2026-03-28T21:00:00Z", "2026-03-29T02:00:00Z", NULL, NULL},
        {"Europe/Berlin", SATURDAY, 22 * HOUR, 6 * HOUR, "2026-10-25T00:00:00Z",
         "2026-10-24T20:00:00Z", "2026-10-25T03:00:00Z", NULL, NULL},
        /* 02:15 to 02:45 is skipped on that Sunday: it does not happen. */
        {"Europe/Berlin", SUNDAY, 135 * MINUTE, 30 * MINUTE, "2026-03-29T01:00:00Z", NULL, NULL,
         "2026-04-05T00:15:00Z", "2026-03-22T01:45:00Z"},
        /* 02:30 to 03:30 begins at the change, 01:30 to 02:30 ends there. */
        {"Europe/Berlin", SUNDAY, 150 * MINUTE, HOUR, "2026-03-29T01:15:00Z",
         "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", NULL, NULL},
        {"Europe/Berlin", SUNDAY, 90 * MINUTE, HOUR, "2026-03-29T00:45:00Z", "2026-03-29T00:30:00Z",
         "2026-03-29T01:00:00Z", NULL, NULL},
        /* In October: 01:00 to 02:00 is one hour, 02:00 to 03:00 two, 03:00 to 04:00 one. */
        {"Europe/Berlin", SUNDAY, HOUR, HOUR, "2026-10-24T23:30:00Z", "2026-10-24T23:00:00Z",
         "2026-10-25T00:00:00Z", NULL, NULL},
        {"Europe/Berlin", SUNDAY, 2 * HOUR, HOUR, "2026-10-25T01:30:00Z", "2026-10-25T00:00:00Z",
         "2026-10-25T02:00:00Z", NULL, NULL},
        {"Europe/Berlin", SUNDAY, 3 * HOUR, HOUR, "2026-10-25T02:30:00Z", "2026-10-25T02:00:00Z",
         "2026-10-25T03:00:00Z", NULL, NULL},
        /* 02:30 to 02:45 comes twice: it lasts from the first to the second time. */
        {"Europe/Berlin", SUNDAY, 150 * MINUTE, 15 * MINUTE, "2026-10-25T01:00:00Z",
         "2026-10-25T00:30:00Z", "2026-10-25T01:45:00Z", NULL, NULL},
        {"America/New_York", SUNDAY, HOUR, 2 * HOUR, "2026-03-08T06:30:00Z", "2026-03-08T06:00:00Z",
         "2026-03-08T07:00:00Z", NULL, NULL},
        {"America/New_York", SUNDAY, HOUR, HOUR, "2026-11-01T06:30:00Z", "2026-11-01T05:00:00Z",
         "2026-11-01T07:00:00Z", NULL, NULL},
        {"Australia/Lord_Howe", SUNDAY, HOUR, 2 * HOUR, "2026-04-04T15:15:00Z",
         "2026-04-04T14:00:00Z", "2026-04-04T16:30:00Z", NULL, NULL},
        /* A whole day, on days of 23 and 25 hours; and every day: always. */
        {"Europe/Berlin", SUNDAY, 0, 24 * HOUR, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z",
         "2026-03-29T22:00:00Z", NULL, NULL},
        {"Europe/Berlin", SUNDAY, 0, 24 * HOUR, "2026-10-25T22:59:59Z", "2026-10-24T22:00:00Z",
         "2026-10-25T23:00:00Z", NULL, NULL},
        {"Europe/Berlin", 0x7f, 12 * HOUR, 24 * HOUR, "2026-10-25T10:59:59Z",
         "2026-10-24T10:00:00Z", "2026-10-25T11:00:00Z", "2026-10-25T11:00:00Z",
         "2026-10-24T10:00:00Z"},
        /* Over the ends of a month and a year. */
        {"UTC", 0x7f, 23 * HOUR, 2 * HOUR, "2027-01-01T00:30:00Z", "2026-12-31T23:00:00Z",
         "2027-01-01T01:00:00Z", NULL, NULL},
        {"UTC", MONDAY, 23 * HOUR, 2 * HOUR, "2028-02-29T00:30:00Z", "2028-02-28T23:00:00Z",
         "2028-02-29T01:00:00Z", NULL, NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_window(&rows[i]);
    }
}

static void maintenance__windows_that_touch__leave_no_gap_on_days_of_a_change(void **state)
{
    (void)state;
    struct tw_zone *berlin = zone("Europe/Berlin");
    for (int32_t hour = 0; hour < 24; hour++) {
        struct tw_wf_maintenance early = {
            .weekdays = SUNDAY, .start_s = 0, .duration_s = hour * HOUR};
        struct tw_wf_maintenance late = {
            .weekdays = SUNDAY, .start_s = hour * HOUR, .duration_s = (24 - hour) * HOUR};
        for (int64_t s = at("2026-03-28T23:00:00Z").ns; s < at("2026-03-29T22:00:00Z").ns;
             s += 600 * TW_NS_PER_S) {
            assert_true(tw_maintenance_covers(&early, berlin, (tw_wall_t){s}, NULL) ||
                        tw_maintenance_covers(&late, berlin, (tw_wall_t){s}, NULL));
        }
        for (int64_t s = at("2026-10-24T22:00:00Z").ns; s < at("2026-10-25T23:00:00Z").ns;
             s += 600 * TW_NS_PER_S) {
            assert_true(tw_maintenance_covers(&early, berlin, (tw_wall_t){s}, NULL) ||
                        tw_maintenance_covers(&late, berlin, (tw_wall_t){s}, NULL));
        }
    }
    tw_zone_destroy(&berlin);
}

static void maintenance__one_off__has_one_window(void **state)
{
    (void)state;
    struct tw_wf_maintenance once = {.from_ns = at("2026-05-01T20:00:00Z").ns,
                                     .until_ns = at("2026-05-02T04:00:00Z").ns};
    struct tw_span span = {{0}, {0}};
    tw_wall_t before = at("2026-05-01T19:59:59Z");
    tw_wall_t first = at("2026-05-01T20:00:00Z");
    tw_wall_t end = at("2026-05-02T04:00:00Z");
    assert_false(tw_maintenance_covers(&once, NULL, before, &span));
    assert_true(tw_maintenance_covers(&once, NULL, first, &span));
    assert_int_equal(span.until.ns, end.ns);
    assert_false(tw_maintenance_covers(&once, NULL, end, &span));
    assert_true(tw_maintenance_next(&once, NULL, before, &span));
    assert_int_equal(span.from.ns, first.ns);
    assert_false(tw_maintenance_next(&once, NULL, first, &span));
    assert_false(tw_maintenance_previous(&once, NULL, first, &span));
    assert_true(tw_maintenance_previous(&once, NULL, end, &span));
    assert_int_equal(span.from.ns, first.ns);
}

static void maintenance__no_weekday__never_happens(void **state)
{
    (void)state;
    struct tw_wf_maintenance never = {.start_s = HOUR, .duration_s = HOUR};
    struct tw_span span = {{0}, {0}};
    tw_wall_t now = at("2026-05-01T01:30:00Z");
    assert_false(tw_maintenance_covers(&never, NULL, now, &span));
    assert_false(tw_maintenance_next(&never, NULL, now, &span));
    assert_false(tw_maintenance_previous(&never, NULL, now, &span));
}

static void maintenance__names__say_what_it_is_meant_for(void **state)
{
    (void)state;
    char sale[] = "sale-posting";
    char returns[] = "return-refund";
    char erp[] = "erp";
    char *workflows[] = {sale, returns};
    struct tw_wf_maintenance everything = {0};
    struct tw_wf_maintenance two = {.workflows = workflows, .workflow_count = 2};
    struct tw_wf_maintenance one_system = {.system = erp};
    assert_true(tw_maintenance_applies(&everything, "any", NULL));
    assert_true(tw_maintenance_applies(&two, "return-refund", "erp"));
    assert_false(tw_maintenance_applies(&two, "case-sync", "erp"));
    assert_true(tw_maintenance_applies(&one_system, "case-sync", "erp"));
    assert_false(tw_maintenance_applies(&one_system, "case-sync", "crm"));
    assert_false(tw_maintenance_applies(&one_system, "case-sync", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar__names_of_zones__are_checked),
        cmocka_unit_test(calendar__offsets__change_in_the_second_of_the_change),
        cmocka_unit_test(calendar__periods__are_those_of_the_wall_clock),
        cmocka_unit_test(calendar__periods_of_two_years__follow_each_other),
        cmocka_unit_test(calendar__hours_of_the_week__follow_the_wall_clock),
        cmocka_unit_test(maintenance__recurring_windows__are_those_of_the_wall_clock),
        cmocka_unit_test(maintenance__windows_that_touch__leave_no_gap_on_days_of_a_change),
        cmocka_unit_test(maintenance__one_off__has_one_window),
        cmocka_unit_test(maintenance__no_weekday__never_happens),
        cmocka_unit_test(maintenance__names__say_what_it_is_meant_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
