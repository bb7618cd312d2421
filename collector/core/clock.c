/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "core/clock.h"

#include <stdio.h>
#include <time.h>

#include "core/err.h"

static tw_wall_t system_wall(struct tw_clock *self)
{
    (void)self;
    struct timespec ts;
    (void)clock_gettime(CLOCK_REALTIME, &ts); /* cannot fail for this clock */
    return (tw_wall_t){ts.tv_sec * TW_NS_PER_S + ts.tv_nsec};
}

static tw_mono_t system_mono(struct tw_clock *self)
{
    (void)self;
    struct timespec ts;
    (void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail for this clock */
    return (tw_mono_t){ts.tv_sec * TW_NS_PER_S + ts.tv_nsec};
}

struct tw_clock *tw_clock_system(void)
{
    static struct tw_clock the_clock = {.wall = system_wall, .mono = system_mono};
    return &the_clock;
}

/* The clock is the first member, so the object is found at its address. */
static tw_wall_t manual_wall(struct tw_clock *self)
{
    return ((struct tw_clock_manual *)(void *)self)->wall;
}

static tw_mono_t manual_mono(struct tw_clock *self)
{
    return ((struct tw_clock_manual *)(void *)self)->mono;
}

void tw_clock_manual_init(struct tw_clock_manual *self, tw_wall_t start)
{
    *self = (struct tw_clock_manual){
        .clock = {.wall = manual_wall, .mono = manual_mono},
        .wall = start,
        .mono = {TW_NS_PER_S},
    };
}

void tw_clock_manual_advance(struct tw_clock_manual *self, int64_t ns)
{
    TW_ASSERT(ns >= 0);
    self->wall.ns += ns;
    self->mono.ns += ns;
}

/* Days since 1970-01-01 of a civil date, and back; proleptic Gregorian.
 * Source: H. Hinnant, "chrono-compatible low-level date algorithms". */
static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2 ? 1 : 0;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_index = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * month_index + 2) / 5 + 1);
    *ret_month = (int)(month_index < 10 ? month_index + 3 : month_index - 9);
    *ret_year = year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0);
}

void tw_wall_format(tw_wall_t at, char *buf)
{
    int64_t seconds = at.ns / TW_NS_PER_S;
    int64_t rest = at.ns % TW_NS_PER_S;
    if (rest < 0) {
        rest += TW_NS_PER_S;
        seconds--;
    }
    int64_t days = seconds / 86400;
    int64_t second_of_day = seconds % 86400;
    if (second_of_day < 0) {
        second_of_day += 86400;
        days--;
    }
    int64_t year = 0;
    int month = 0;
    int day = 0;
    civil_from_days(days, &year, &month, &day);
    (void)snprintf(buf, TW_TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", (int)year, month,
                   day, (int)(second_of_day / 3600), (int)(second_of_day / 60 % 60),
                   (int)(second_of_day % 60), (int)(rest / 1000));
}

/* Two decimal digits at p, or -1. */
static int two_digits(const char *p)
{
    unsigned tens = (unsigned)((unsigned char)p[0]) - '0';
    unsigned ones = (unsigned)((unsigned char)p[1]) - '0';
    return tens > 9 || ones > 9 ? -1 : (int)(tens * 10 + ones);
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && is_leap ? 29 : days[month - 1];
}

/* The offset at *p_p up to end, in seconds east of UTC. */
static int parse_offset(const char *p, const char *end, int64_t *ret_seconds)
{
    if (end - p == 1 && (*p == 'Z' || *p == 'z')) {
        *ret_seconds = 0;
        return TW_OK;
    }
    if (end - p != 6 || (*p != '+' && *p != '-') || p[3] != ':') {
        return TW_ESYNTAX;
    }
    int hours = two_digits(p + 1);
    int minutes = two_digits(p + 4);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return TW_ESYNTAX;
    }
    int64_t seconds = hours * 3600 + minutes * 60;
    *ret_seconds = *p == '-' ? -seconds : seconds;
    return TW_OK;
}

int tw_wall_parse(struct tw_str text, tw_wall_t *ret_at)
{
    const char *p = text.ptr;
    if (text.len < 20 || p[4] != '-' || p[7] != '-' ||
        (p[10] != 'T' && p[10] != 't' && p[10] != ' ') || p[13] != ':' || p[16] != ':') {
        return TW_ESYNTAX;
    }
    int century = two_digits(p);
    int year_of_century = two_digits(p + 2);
    int month = two_digits(p + 5);
    int day = two_digits(p + 8);
    int hour = two_digits(p + 11);
    int minute = two_digits(p + 14);
    int second = two_digits(p + 17);
    if (century < 0 || year_of_century < 0 || month < 1 || month > 12 || day < 1 || hour < 0 ||
        hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 60) {
        return TW_ESYNTAX;
    }
    int year = century * 100 + year_of_century;
    if (day > days_in_month(year, month)) {
        return TW_ESYNTAX;
    }
    const char *end = tw_str_end(text);
    p += 19;
    int64_t fraction = 0;
    if (*p == '.') {
        const char *digits = ++p;
        int64_t scale = TW_NS_PER_S / 10;
        while (p < end && *p >= '0' && *p <= '9') {
            fraction += (*p - '0') * scale;
            scale /= 10;
            p++;
        }
        if (p == digits) {
            return TW_ESYNTAX;
        }
    }
    int64_t offset = 0;
    int rc = parse_offset(p, end, &offset);
    if (rc != TW_OK) {
        return rc;
    }
    if (year < 1678 || year > 2261) {
        return TW_ELIMIT;
    }
    int64_t seconds = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 +
                      (second == 60 ? 59 : second) - offset;
    *ret_at = (tw_wall_t){seconds * TW_NS_PER_S + fraction};
    return TW_OK;
}
