/* SPDX-License-Identifier: Apache-2.0
 * Burn-rate rules: which of them an objective can have, and whether they fire. A rule spends the
 * fraction f of the budget of a window W in its long window L: its threshold is X = f*W/L; it fires
 * iff the burn rate over the long and over the short window both exceed X. Burn rate: share of bad
 * ones / (1 - target), times how the traffic of the window compares with the usual one: what spends
 * the same part of the budget counts the same at night and at peak. Firing is decided in integers,
 * so that "exceeds" is exact. Beside them two rules without a burn rate: for few failures among few
 * decisions, and for decisions that do not come.
 * Thread: pure; all.
 * Source: Google's SRE workbook, chapter 5, table 5-8, and the rule 24 h/2 h that its example code
 *         adds (fractions for windows of more than 14 days: 14.4, 6, 3 and 1 at 30 days); Sloth's
 *         seven-day example (for shorter windows: 13.4, 3.5, 1.4 and 0.98 at 7 days). The share of
 *         traffic: Sloth's correction of the denominator. Absence: Pyrra's AbsentDuration.
 */
#ifndef TW_TRACK_BURN_H
#define TW_TRACK_BURN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The windows over which burn rates are kept, in minutes. X(enum, minutes, "name") */
#define TW_BURN_WINDOWS(X) \
    X(5M, 5, "5m")         \
    X(30M, 30, "30m")      \
    X(1H, 60, "1h")        \
    X(2H, 120, "2h")       \
    X(6H, 360, "6h")       \
    X(1D, 1440, "1d")      \
    X(3D, 4320, "3d")
enum tw_burn_window {
#define TW_BURN_WINDOW_ENUM(name, minutes, text) TW_BURN_##name,
    TW_BURN_WINDOWS(TW_BURN_WINDOW_ENUM)
#undef TW_BURN_WINDOW_ENUM
        TW_BURN_WINDOW_COUNT
};
int32_t tw_burn_window_minutes(enum tw_burn_window window);
const char *tw_burn_window_name(enum tw_burn_window window);

enum tw_burn_rule { TW_BURN_FAST, TW_BURN_MEDIUM, TW_BURN_SLOW, TW_BURN_TREND, TW_BURN_RULE_COUNT };
const char *tw_burn_rule_name(enum tw_burn_rule rule); /* "fast" ... */
bool tw_burn_rule_pages(enum tw_burn_rule rule);       /* false: a ticket will do */

#define TW_BURN_BAD_MIN 3 /* least bad ones that are worth telling, unless the caller says */
/* So many decisions that do not come are no chance: where 12 are usual none comes once in 160,000
 * times. (Of 3 it is once in 20.) */
#define TW_BURN_ABSENT_MIN 12

/* Why a rule cannot be used for an objective. */
enum tw_burn_use {
    TW_BURN_USABLE,
    TW_BURN_WINDOW_TOO_SHORT, /* its long window is not shorter than the objective's */
    TW_BURN_NEVER,     /* X * (1 - target) >= 1: even a total outage does not burn that fast */
    TW_BURN_ON_TARGET, /* X < 0.9: it would fire while the objective is being met */
};

/* A rule as it applies to an objective. */
struct tw_burn_plan {
    enum tw_burn_rule rule;
    enum tw_burn_use use;
    enum tw_burn_window long_window;
    enum tw_burn_window short_window;
    uint32_t fraction_ppm; /* f: of the budget, spent in the long window at the threshold */
    double threshold;      /* X */
    int64_t events_min;    /* in the long window: ceil(bad_min / (X * (1 - target))) */
    int64_t detection_s;   /* a total outage under even traffic is told after X*(1-target)*L */
};
/* Plan one rule. target_ppm: 1 to 999,999; window_s: whole length of the objective's window (a
 * calendar month: 28 to 31 days), at least 60; bad_min: at least 1. */
struct tw_burn_plan tw_burn_plan(enum tw_burn_rule rule, uint32_t target_ppm, int64_t window_s,
                                 int64_t bad_min);

struct tw_counts {
    int64_t good; /* never negative */
    int64_t bad;
};

/* What is usual: so many decisions in so many minutes of the objective's window. minutes 0: it is
 * not known, and nothing is multiplied. */
struct tw_usual {
    int64_t decisions; /* above 0 when it is known */
    int64_t minutes;
};
/* Decisions of a window over those that are usual in it, N / E[N]; NAN when that is not known. */
double tw_burn_share(enum tw_burn_window window, struct tw_counts counts, struct tw_usual usual);

/* A rule fires on enough events (events_min), of which at least bad_min are bad then. On fewer it
 * still fires if at least bad_min are bad and that is hardly chance: the lower end of the 95 %
 * interval (Wilson) of their share is above X * (1 - target). So a total outage is told in quiet
 * hours too, and one failure of ten is not. */
enum tw_burn_state {
    TW_BURN_UNUSABLE,   /* see its plan */
    TW_BURN_QUIET,      /* one of the two rates does not exceed X */
    TW_BURN_FEW_BAD,    /* both do, on fewer than events_min with fewer than bad_min bad ones */
    TW_BURN_FEW_EVENTS, /* both do, on fewer than events_min, and it may be chance */
    /* It fires on what was decided, and would not if so little traffic counted for less: a ticket,
     * also of a rule that pages. */
    TW_BURN_LOW_TRAFFIC,
    TW_BURN_FIRING,
};
/* Judge one rule on what was decided in its long and its short window. Arguments as for the plan.
 */
struct tw_burn_ask {
    uint32_t target_ppm;
    int64_t window_s;
    int64_t bad_min;
    struct tw_counts in_long;
    struct tw_counts in_short;
    struct tw_usual usual;
};
enum tw_burn_state tw_burn_judge(enum tw_burn_rule rule, const struct tw_burn_ask *ask);

/* The rule for failures that are too few for a burn rate, as a ticket: at least bad_min bad ones in
 * the long window of the medium rule (6 h), on fewer decisions than that rule needs (its
 * events_min). `use`: as the medium rule's. */
struct tw_trickle_plan {
    enum tw_burn_use use;
    enum tw_burn_window window;
    int64_t bad_min;
    int64_t events_below;
};
struct tw_trickle_plan tw_burn_trickle_plan(uint32_t target_ppm, int64_t window_s, int64_t bad_min);
/* UNUSABLE, QUIET or FIRING. */
enum tw_burn_state tw_burn_trickle_judge(const struct tw_trickle_plan *plan,
                                         struct tw_counts in_window);

#define TW_BURN_ABSENCE_FOR_S 120 /* how long the fast rule would wait before it tells (Pyrra) */
/* After how many seconds without a decision, while some are usual, something is amiss: as soon as a
 * total outage would be told by the fast rule, X * (1 - target) * L, and TW_BURN_ABSENCE_FOR_S. Not
 * more than L and that, where the fast rule can never fire. */
int64_t tw_burn_absence_s(uint32_t target_ppm, int64_t window_s);

/* Burn rate; 0 when nothing was decided. */
double tw_burn_rate(uint32_t target_ppm, struct tw_counts counts);
/* Lower end of the 95 % interval of a share bad/total (Wilson's score); 0 when total is 0. */
double tw_burn_wilson_low(int64_t bad, int64_t total);

#endif
