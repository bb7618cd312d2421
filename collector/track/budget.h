/* SPDX-License-Identifier: Apache-2.0
 * The error budget of one objective: how many were good and bad in each minute of the last 35 days,
 * by the minute in which they were decided (event time of the close or of the deadline), with
 * running sums over the burn windows and the objective's own window.
 * A window of w minutes is the head minute, in which "now" lies, and the w - 1 before it.
 * Decisions may be corrected: a late event that makes a bad one good is add(at, +1, -1) at the
 * minute of the first decision.
 * Thread: the owner's (pure but for memory).
 * Memory: 480 bytes for each hour in which something was decided, and 9 kB: at most 0.43 MB.
 * Slices: where minutes are judged (freshness), every minute of a window is expected to be: one
 * that nothing was said of counts as good in burn rates and in what remains, not as absent. Limits:
 * 35 days back and one day ahead of the head (of clocks that run fast: in no window until the head
 * gets there); a minute holds up to TW_BUDGET_MINUTE_MAX of each. What is outside is in no window,
 * but in `forgotten` or `refused`. Fails:  TW_ENOMEM, TW_ELIMIT, TW_EINVAL, TW_EDAMAGED; then
 * nothing changed but those counters. Source: docs/objectives.md; Google's SRE workbook, chapters 2
 * and 5: SLI = good / total, consumed = bad / ((1 - target) * total), remaining = 1 - consumed.
 */
#ifndef TW_TRACK_BUDGET_H
#define TW_TRACK_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"
#include "core/clock.h"
#include "track/burn.h"
#include "track/calendar.h"

#define TW_BUDGET_DAYS         35
#define TW_BUDGET_AHEAD_MIN    1440 /* minutes ahead of the head that are kept */
#define TW_BUDGET_MINUTE_MAX   UINT32_MAX
#define TW_BUDGET_FORECAST_MIN (7 * 1440) /* minutes of history that a forecast needs */

struct tw_budget;

/* What a budget is for. */
struct tw_budget_spec {
    uint32_t target_ppm; /* 1 to 999,999 */
    enum tw_window_kind window;
    int64_t window_ns;          /* rolling: 1 h to 30 d, whole minutes; else ignored */
    const struct tw_zone *zone; /* calendar windows; borrowed, outlives
                                   the budget; NULL: UTC */
    const struct tw_zone
        *week_zone; /* by whose clock hours of the week are told apart; NULL: zone's */
    bool is_sliced; /* minutes are judged: at most one decision in each */
};

/* TW_OK, TW_ENOMEM, TW_EINVAL (a value of the spec outside of its range). The head is the minute of
 * `now`. */
int tw_budget_new(const struct tw_budget_spec *spec, tw_wall_t now, struct tw_budget **ret_budget);
void tw_budget_destroy(struct tw_budget **self_p);
/* Another target, window or zone for the same counts (a reload). TW_OK, TW_EINVAL. */
int tw_budget_change(struct tw_budget *self, const struct tw_budget_spec *spec);

/* Move the head to the minute of `now`; an earlier time changes nothing. O(1) for each minute
 * passed, and not more than for 36 days. */
void tw_budget_advance(struct tw_budget *self, tw_wall_t now);
/* Count decisions made in the minute of `at`; either number may be negative. TW_OK (also when the
 * minute is before the ring: good and bad are added to `forgotten`); TW_EINVAL (the minute would
 * have fewer than none: a correction of something that was never counted here) and TW_ELIMIT (more
 * than TW_BUDGET_MINUTE_MAX in a minute, or more than a day ahead): counted in `refused`;
 * TW_ENOMEM. */
int tw_budget_add(struct tw_budget *self, tw_wall_t at, int64_t good, int64_t bad);
/* Exact counts of the minutes that begin in [from, until), of those that the ring has, ahead of the
 * head too. */
struct tw_counts tw_budget_counts(const struct tw_budget *self, tw_wall_t from, tw_wall_t until);
/* Counts of a burn window. */
struct tw_counts tw_budget_window(const struct tw_budget *self, enum tw_burn_window window);
/* Whole length of the own window as it is now: seconds; a month has 28 to 31 days, a day 23 to 25
 * hours. For tw_burn_judge(). */
int64_t tw_budget_window_s(const struct tw_budget *self);
/* Judge one rule now. */
enum tw_burn_state tw_budget_judge(struct tw_budget *self, enum tw_burn_rule rule, int64_t bad_min);

/* The decisions that are usual for a burn window: means of the own window (rolling; once a week of
 * it, or all of it, has passed) or of its forecast (calendar). minutes 0: not known, or slices. */
struct tw_usual tw_budget_usual(struct tw_budget *self);
/* Counts of a burn window as its rate has them: of slices, all that are expected. */
struct tw_counts tw_budget_burnt(const struct tw_budget *self, enum tw_burn_window window);
/* The burn rate of a window as rules compare it: times the share of traffic, where what is usual is
 * known. */
double tw_budget_compared(struct tw_budget *self, enum tw_burn_window window);
enum tw_burn_state tw_budget_trickle(const struct tw_budget *self, int64_t bad_min);

/* Decisions that do not come. */
enum tw_absence_state {
    TW_ABSENCE_UNKNOWN, /* less than a week of history: what is usual now is not known */
    TW_ABSENCE_CLOSED,  /* fewer than `least` are usual in this hour of the week, or in one beside
                           it:  trade begins in it, or ends */
    TW_ABSENCE_QUIET,   /* the last decision is not as long ago */
    TW_ABSENCE_FIRING,
};
struct tw_absence {
    enum tw_absence_state state;
    int64_t after_s;  /* tw_burn_absence_s(), or the time in which `least` are usual when longer */
    int64_t silent_s; /* whole minutes since that of the last decision; a day at most */
    double usual;     /* decisions in an hour like this one of the week; NAN: not known */
};
struct tw_absence tw_budget_absence(struct tw_budget *self, int64_t least);

#define TW_BUDGET_NEVER INT64_MAX

/* Everything that is shown of a budget. Doubles that are not known are NAN. */
struct tw_budget_view {
    struct tw_span period; /* the own window: rolling, up to the end of the head minute; calendar,
                              the whole day, week or month */
    int64_t good;
    int64_t bad;
    int64_t total;     /* good + bad */
    int64_t undecided; /* as the caller said */
    bool has_data;     /* false: nothing was decided in the window; never shown as 100 % */
    double ratio;      /* good / total; NAN without data */
    /* Share of the budget that is left; below 0: overspent; NAN without data. In a calendar window
     * in progress the budget is that of the whole window: (1 - target) * expected. */
    double remaining;
    double remaining_so_far; /* with the total so far as denominator */
    bool has_forecast; /* false: rolling window, or less than a week of history: then remaining
                          is remaining_so_far and expected is total. Slices: true */
    double expected;   /* decisions of the whole window: total and, for the rest of it, the means
                          of the same hours of the week in the ring; slices: all its minutes */
    double burn[TW_BURN_WINDOW_COUNT]; /* 0 when nothing was decided */
    bool burn_has_data[TW_BURN_WINDOW_COUNT];
    int64_t exhaustion_ns; /* until nothing remains, at the burn rate of the last hour: remaining *
                              W / burn; 0: overspent; TW_BUDGET_NEVER: nothing burns, or no data */
};
/* Fill *ret_view as of the head. undecided: a gauge of the caller, handed through. */
void tw_budget_view(struct tw_budget *self, int64_t undecided, struct tw_budget_view *ret_view);

/* Decisions that came too late for the ring (sum of |good| + |bad|), and calls that were refused.
 */
uint64_t tw_budget_forgotten(const struct tw_budget *self);
uint64_t tw_budget_refused(const struct tw_budget *self);
/* Bytes of memory, all told. */
size_t tw_budget_bytes(const struct tw_budget *self);

/* Append the counts (not the spec) in their stored form. TW_OK, or the error of the buffer. */
int tw_budget_encode(const struct tw_budget *self, struct tw_buf *buf);
/* Read counts at the cursor in place of those of *self; its spec stays, its head becomes the later
 * of both. Whatever the bytes are, nothing outside of them is read and nothing beyond the limits is
 * allocated. TW_OK (the cursor is behind them), TW_ENOMEM, TW_EDAMAGED: *self holds no counts. */
int tw_budget_decode(struct tw_budget *self, struct tw_cursor *cursor);

#endif
