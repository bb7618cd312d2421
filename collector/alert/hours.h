/* SPDX-License-Identifier: Apache-2.0
 * Time intervals, as Alertmanager has them: times of day, weekdays, days of the month, months,
 * years, in a time zone. An empty field lets everything through; the end of a time is exclusive,
 * all other ends belong to their range. What counts is what the clock of the zone shows: an hour
 * that is skipped is in no interval, one that is shown twice is in it twice.
 * Thread:  const once made.
 * Limits:  TW_HOURS_RANGES_MAX ranges a field.
 * Source:  Alertmanager, time_interval; docs/reference/alert-rules.md.
 */
#ifndef TW_ALERT_HOURS_H
#define TW_ALERT_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/err.h"
#include "track/calendar.h"

#define TW_HOURS_RANGES_MAX 16

struct tw_hours_range {
    int32_t from;
    int32_t until; /* times: seconds of the day, exclusive; all others inclusive */
};
struct tw_hours {
    struct tw_hours_range times[TW_HOURS_RANGES_MAX]; /* 0 to 86,400 */
    size_t time_count;
    uint8_t weekdays;                                /* bit 0 Monday .. bit 6 Sunday; 0: all */
    struct tw_hours_range days[TW_HOURS_RANGES_MAX]; /* 1 to 31, -1 the last of the month .. -31 */
    size_t day_count;
    uint16_t months; /* bit 0 January; 0: all */
    struct tw_hours_range years[TW_HOURS_RANGES_MAX];
    size_t year_count;
    struct tw_zone *zone; /* NULL: UTC; owned */
};

bool tw_hours_contain(const struct tw_hours *self, tw_wall_t at);
/* Frees what it owns, itself not. */
void tw_hours_fini(struct tw_hours *self);

#endif
