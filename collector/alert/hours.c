/* SPDX-License-Identifier: Apache-2.0
 * Whether an instant lies in an interval of what the clock shows.
 */
#include "config.h"
#include "alert/hours.h"

#define DAY_S 86400

struct date {
    int64_t year;
    int month;   /* 1 to 12 */
    int day;     /* 1 to 31 */
    int length;  /* days of the month */
    int weekday; /* 0: Monday */
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int length_of(int64_t year, int month)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return month == 2 && is_leap ? 29 : lengths[month - 1];
}

/* Of so many days since 1970. Gregorian, with years that begin in March, so that the leap day is
 * their last. */
static struct date date_of(int64_t day)
{
    int64_t shifted = day + 719468; /* days since 0000-03-01 */
    int64_t era = floor_div(shifted, 146097);
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153; /* 0: March */
    struct date date = {
        .year = era * 400 + year + (month >= 10 ? 1 : 0),
        .month = (int)(month >= 10 ? month - 9 : month + 3),
        .day = (int)(of_year - (153 * month + 2) / 5) + 1,
        .weekday = (int)(((day + 3) % 7 + 7) % 7), /* 1970-01-01 was a Thursday */
    };
    date.length = length_of(date.year, date.month);
    return date;
}

/* Ranges with both ends; none: everything. */
static bool is_in(const struct tw_hours_range *ranges, size_t count, int64_t value)
{
    for (size_t i = 0; i < count; i++) {
        if (ranges[i].from <= value && value <= ranges[i].until) {
            return true;
        }
    }
    return count == 0;
}

static bool is_day(const struct tw_hours *self, const struct date *date)
{
    for (size_t i = 0; i < self->day_count; i++) {
        int from = self->days[i].from;
        int until = self->days[i].until;
        from += from < 0 ? date->length + 1 : 0;
        until += until < 0 ? date->length + 1 : 0;
        if (from <= date->day && date->day <= until) {
            return true;
        }
    }
    return self->day_count == 0;
}

static bool is_time(const struct tw_hours *self, int64_t of_day)
{
    for (size_t i = 0; i < self->time_count; i++) {
        if (self->times[i].from <= of_day && of_day < self->times[i].until) {
            return true;
        }
    }
    return self->time_count == 0;
}

bool tw_hours_contain(const struct tw_hours *self, tw_wall_t at)
{
    int64_t shown = floor_div(at.ns, TW_NS_PER_S) + tw_zone_offset_s(self->zone, at);
    int64_t day = floor_div(shown, DAY_S);
    struct date date = date_of(day);
    return is_time(self, shown - day * DAY_S) &&
           (self->weekdays == 0 || (self->weekdays >> date.weekday & 1) != 0) &&
           is_day(self, &date) &&
           (self->months == 0 || (self->months >> (date.month - 1) & 1) != 0) &&
           is_in(self->years, self->year_count, date.year);
}

void tw_hours_fini(struct tw_hours *self)
{
    tw_zone_destroy(&self->zone);
    *self = (struct tw_hours){0};
}
