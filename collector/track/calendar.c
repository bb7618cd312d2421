/* SPDX-License-Identifier: Apache-2.0
 * Civil time: see calendar.h. The only file that knows GLib. Of it we take the zones, that is,
 * which offset is in force at an instant; dates are counted here, in whole seconds and days of the
 * Gregorian calendar, since that is a few lines and costs no allocation. */
#include "config.h"

#include "track/calendar.h"

#include <stdlib.h>
#include <string.h>

#include <glib.h>

#include "core/err.h"

#define DAY_S 86400
/* An offset is less than 16 hours, and one change moves it by a day at most (Samoa, 2011). Changes
 * follow each other by more than two of these. */
#define FAR_S (26 * 3600)
/* The weekly window that is looked for may be one that does not happen (in the skipped hour): two
 * weeks, and a day on either side since windows pass midnight. */
#define SEARCH_DAYS 16

struct tw_zone {
    GTimeZone *zone;
};

static bool is_zone_name(const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > TW_ZONE_NAME_MAX || !g_ascii_isupper(name[0])) {
        return false;
    }
    bool is_behind_slash = false;
    for (size_t i = 1; i < len; i++) {
        char c = name[i];
        if (c == '/') {
            if (name[i - 1] == '/' || i + 1 == len) {
                return false;
            }
            is_behind_slash = true;
        } else if (g_ascii_isdigit(c) || c == '+') {
            if (!is_behind_slash) {
                return false; /* GLib would take "UTC+2" for a rule */
            }
        } else if (!g_ascii_isalpha(c) && c != '_' && c != '-') {
            return false;
        }
    }
    return true;
}

int tw_zone_new(const char *name, struct tw_zone **ret_zone)
{
    const char *wanted = name == NULL ? "UTC" : name;
    if (!is_zone_name(wanted)) {
        return TW_EINVAL;
    }
    struct tw_zone *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->zone = g_time_zone_new_identifier(wanted);
    if (self->zone == NULL) {
        free(self);
        return TW_ENOTFOUND;
    }
    *ret_zone = self;
    return TW_OK;
}

void tw_zone_destroy(struct tw_zone **self_p)
{
    struct tw_zone *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        g_time_zone_unref(self->zone);
        free(self);
    }
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static tw_wall_t wall_of_s(int64_t s)
{
    if (s > INT64_MAX / TW_NS_PER_S) {
        return (tw_wall_t){INT64_MAX};
    }
    return (tw_wall_t){s < INT64_MIN / TW_NS_PER_S ? INT64_MIN : s * TW_NS_PER_S};
}

static int64_t s_of_wall(tw_wall_t at)
{
    return floor_div(at.ns, TW_NS_PER_S);
}

/* Seconds to add to UTC at an instant. */
static int64_t offset_at(const struct tw_zone *self, int64_t s)
{
    if (self == NULL) {
        return 0;
    }
    gint interval = g_time_zone_find_interval(self->zone, G_TIME_TYPE_UNIVERSAL, s);
    return interval < 0 ? 0 : g_time_zone_get_offset(self->zone, interval);
}

int32_t tw_zone_offset_s(const struct tw_zone *self, tw_wall_t at)
{
    return (int32_t)offset_at(self, s_of_wall(at));
}

/* The instant of the change between two instants with different offsets. */
static int64_t change_between(const struct tw_zone *self, int64_t before, int64_t after)
{
    int64_t offset = offset_at(self, before);
    while (after - before > 1) {
        int64_t middle = before + (after - before) / 2;
        if (offset_at(self, middle) == offset) {
            before = middle;
        } else {
            after = middle;
        }
    }
    return after;
}

enum which { FIRST, LAST };

/* The instant at which the clock comes to show `shown` (s since 1970 as if it were UTC), the first
 * or the last one if it does so twice; the change if it skips it. */
static int64_t instant_of(const struct tw_zone *self, int64_t shown, enum which which)
{
    int64_t before = offset_at(self, shown - FAR_S);
    int64_t after = offset_at(self, shown + FAR_S);
    int64_t early = shown - before;
    int64_t late = shown - after;
    if (before == after) {
        return early;
    }
    bool early_holds = offset_at(self, early) == before;
    if (after > before) { /* the clock goes forward */
        if (early_holds) {
            return early;
        }
        bool late_holds = offset_at(self, late) == after;
        return late_holds ? late : change_between(self, shown - FAR_S, shown + FAR_S);
    }
    /* The clock goes back. It comes to show a time by running there, not by being set there. */
    bool late_holds = offset_at(self, late - 1) == after;
    if (which == FIRST) {
        return early_holds ? early : late;
    }
    return late_holds ? late : early;
}

/* The date that the clock shows, in days since 1970. */
static int64_t day_shown(const struct tw_zone *self, int64_t s)
{
    return floor_div(s + offset_at(self, s), DAY_S);
}

/* 0: Monday. 1970-01-01 was a Thursday. */
static int weekday_of(int64_t day)
{
    return (int)(((day + 3) % 7 + 7) % 7);
}

/* The first day of the month that is `months` after that of `day`. Gregorian, with years that begin
 * in March, so that the leap day is their last. */
static int64_t month_start(int64_t day, int months)
{
    int64_t shifted = day + 719468; /* days since 0000-03-01 */
    int64_t era = floor_div(shifted, 146097);
    int64_t of_era = shifted - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153 + months; /* 0: March */
    year += month / 12;
    month %= 12;
    return era * 146097 + 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 -
           719468;
}

/* First day of the period that `day` lies in (next 0), or of the one after it (next 1). */
static int64_t period_start(enum tw_window_kind kind, int64_t day, int next)
{
    switch (kind) {
    case TW_WINDOW_WEEK:
        return day - weekday_of(day) + (next == 0 ? 0 : 7);
    case TW_WINDOW_MONTH:
        return month_start(day, next);
    case TW_WINDOW_ROLLING:
    case TW_WINDOW_DAY:
        break;
    }
    return day + next;
}

struct tw_span tw_calendar_period(const struct tw_zone *zone, enum tw_window_kind kind,
                                  tw_wall_t at)
{
    TW_ASSERT(kind != TW_WINDOW_ROLLING);
    int64_t s = s_of_wall(at);
    int64_t day = day_shown(zone, s);
    /* A clock that is set back over midnight shows the old date again: the new day has begun. */
    if (instant_of(zone, (day + 1) * DAY_S, FIRST) <= s) {
        day++;
    }
    int64_t from = instant_of(zone, period_start(kind, day, 0) * DAY_S, FIRST);
    int64_t until = instant_of(zone, period_start(kind, day, 1) * DAY_S, FIRST);
    return (struct tw_span){wall_of_s(from), wall_of_s(until)};
}

void tw_calendar_week_hours(const struct tw_zone *zone, tw_wall_t from, size_t count,
                            uint8_t *ret_hours)
{
    int64_t s = s_of_wall(from);
    int64_t offset = 0;
    int64_t known_until = INT64_MIN; /* looking up an offset costs more than all the rest */
    for (size_t i = 0; i < count; i++, s += 3600) {
        if (s >= known_until) {
            offset = offset_at(zone, s);
            known_until = offset_at(zone, s + DAY_S) == offset ? s + DAY_S : s + 1;
        }
        int64_t shown = s + offset;
        int64_t day = floor_div(shown, DAY_S);
        ret_hours[i] = (uint8_t)(weekday_of(day) * 24 + (int)((shown - day * DAY_S) / 3600));
    }
}

/* The window that begins on this day; false: none does. */
static bool window_of_day(const struct tw_wf_maintenance *maintenance, const struct tw_zone *zone,
                          int64_t day, struct tw_span *ret_span)
{
    if ((maintenance->weekdays >> weekday_of(day) & 1) == 0) {
        return false;
    }
    int64_t start = day * DAY_S + maintenance->start_s;
    int64_t from = instant_of(zone, start, FIRST);
    int64_t until = instant_of(zone, start + maintenance->duration_s, LAST);
    *ret_span = (struct tw_span){wall_of_s(from), wall_of_s(until)};
    return from < until;
}

static bool is_one_off(const struct tw_wf_maintenance *maintenance)
{
    return maintenance->from_ns != 0 || maintenance->until_ns != 0;
}

static struct tw_span one_off(const struct tw_wf_maintenance *maintenance)
{
    return (struct tw_span){{maintenance->from_ns}, {maintenance->until_ns}};
}

bool tw_maintenance_covers(const struct tw_wf_maintenance *maintenance, const struct tw_zone *zone,
                           tw_wall_t at, struct tw_span *ret_span)
{
    struct tw_span best = {{0}, {0}};
    bool has_best = false;
    if (is_one_off(maintenance)) {
        best = one_off(maintenance);
        has_best = best.from.ns <= at.ns && at.ns < best.until.ns;
    } else {
        int64_t today = day_shown(zone, s_of_wall(at));
        for (int64_t day = today - 2; day <= today + 1; day++) {
            struct tw_span span;
            if (window_of_day(maintenance, zone, day, &span) && span.from.ns <= at.ns &&
                at.ns < span.until.ns && (!has_best || span.until.ns > best.until.ns)) {
                best = span;
                has_best = true;
            }
        }
    }
    if (has_best && ret_span != NULL) {
        *ret_span = best;
    }
    return has_best;
}

bool tw_maintenance_next(const struct tw_wf_maintenance *maintenance, const struct tw_zone *zone,
                         tw_wall_t at, struct tw_span *ret_span)
{
    if (is_one_off(maintenance)) {
        if (maintenance->from_ns <= at.ns) {
            return false;
        }
        *ret_span = one_off(maintenance);
        return true;
    }
    int64_t today = day_shown(zone, s_of_wall(at));
    for (int64_t day = today - 1; day <= today + SEARCH_DAYS; day++) {
        struct tw_span span;
        if (window_of_day(maintenance, zone, day, &span) && span.from.ns > at.ns) {
            *ret_span = span;
            return true;
        }
    }
    return false;
}

bool tw_maintenance_previous(const struct tw_wf_maintenance *maintenance,
                             const struct tw_zone *zone, tw_wall_t at, struct tw_span *ret_span)
{
    if (is_one_off(maintenance)) {
        if (maintenance->until_ns > at.ns) {
            return false;
        }
        *ret_span = one_off(maintenance);
        return true;
    }
    int64_t today = day_shown(zone, s_of_wall(at));
    for (int64_t day = today + 1; day >= today - SEARCH_DAYS; day--) {
        struct tw_span span;
        if (window_of_day(maintenance, zone, day, &span) && span.until.ns <= at.ns) {
            *ret_span = span;
            return true;
        }
    }
    return false;
}

bool tw_maintenance_applies(const struct tw_wf_maintenance *maintenance, const char *workflow,
                            const char *system)
{
    if (maintenance->system != NULL &&
        (system == NULL || strcmp(maintenance->system, system) != 0)) {
        return false;
    }
    for (size_t i = 0; i < maintenance->workflow_count; i++) {
        if (strcmp(maintenance->workflows[i], workflow) == 0) {
            return true;
        }
    }
    return maintenance->workflow_count == 0;
}
