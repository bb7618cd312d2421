/* SPDX-License-Identifier: Apache-2.0
 * Civil time in IANA time zones: days, weeks and months as the clock on the wall counts them, and
 * the planned-maintenance windows. Days of 23, 23.5, 24.5 and 25 hours are what they are.
 *  - A day begins at the first instant that bears its date: where midnight is skipped, at the
 *    change.
 *  - A maintenance window is given by what the clock shows: it begins when the clock first shows
 *    (or skips) its start, and ends when the clock last comes to its start plus its duration.
 *    Windows that touch on paper touch on the days of a change too; one that lies in the skipped
 *    hour alone does not happen; one that ends in the repeated hour lasts until the clock has come
 *    there again.
 * Thread: a zone is const after its creation; everything here may be used by all.
 * Limits: instants of the years 1678 to 2261 (core/clock.h).
 * Fails:  TW_EINVAL, TW_ENOTFOUND, TW_ENOMEM. tw_zone_new reads a file; nothing else blocks.
 * Source: IANA time zone database, through GLib (docs/decisions/0040-time-zones.md).
 */
#ifndef TW_TRACK_CALENDAR_H
#define TW_TRACK_CALENDAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "workflow/workflow.h"

struct tw_zone;

#define TW_ZONE_NAME_MAX 64 /* bytes; the longest of IANA has 32 */

/* A time from and a time until, which no longer belongs to it. */
struct tw_span {
    tw_wall_t from;
    tw_wall_t until;
};

/* The zone of this IANA name ("Europe/Berlin"); NULL: UTC. TW_OK; TW_EINVAL (not such a name: a
 * capital letter, then letters, digits, '_', '+', '-', and '/' between two others; digits and '+'
 * only behind a '/': the old names that are rules, "EST5EDT", are refused); TW_ENOTFOUND (this
 * machine does not know it); TW_ENOMEM. Owned by the caller. */
int tw_zone_new(const char *name, struct tw_zone **ret_zone);
void tw_zone_destroy(struct tw_zone **self_p);
/* Seconds to add to UTC to have what the clock shows. A NULL zone is UTC, here and below. */
int32_t tw_zone_offset_s(const struct tw_zone *self, tw_wall_t at);

/* The day, week (from Monday) or month that `at` lies in. `kind` is not TW_WINDOW_ROLLING. */
struct tw_span tw_calendar_period(const struct tw_zone *zone, enum tw_window_kind kind,
                                  tw_wall_t at);
/* The hours of the week that the clock shows, 0 (Monday, 00:xx) to 167, at `from` and after each
 * further hour, `count` in all. */
void tw_calendar_week_hours(const struct tw_zone *zone, tw_wall_t from, size_t count,
                            uint8_t *ret_hours);

/* Whether `at` lies in a maintenance window; then *ret_span (may be NULL) is that window, the one
 * that ends last if several do. `zone` is that of the maintenance's time zone. */
bool tw_maintenance_covers(const struct tw_wf_maintenance *maintenance, const struct tw_zone *zone,
                           tw_wall_t at, struct tw_span *ret_span);
/* The first window that begins after `at`; false: there is none. */
bool tw_maintenance_next(const struct tw_wf_maintenance *maintenance, const struct tw_zone *zone,
                         tw_wall_t at, struct tw_span *ret_span);
/* The last window that has ended by `at`; false: there is none. */
bool tw_maintenance_previous(const struct tw_wf_maintenance *maintenance,
                             const struct tw_zone *zone, tw_wall_t at, struct tw_span *ret_span);
/* Whether it is meant for this workflow, and for what waits for this system. */
bool tw_maintenance_applies(const struct tw_wf_maintenance *maintenance, const char *workflow,
                            const char *system);

#endif
