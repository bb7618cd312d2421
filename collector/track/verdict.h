/* SPDX-License-Identifier: Apache-2.0
 * Is a step keeping up? A verdict without thresholds, from the last ten looks at it, half a minute
 * apart, and from how it is now. Burrow's rules, with counts of runs in place of offsets:
 *   UNKNOWN  fewer than TW_LAG_POINTS_MIN looks
 *   IDLE     nothing waits, and nothing came or went: not late, and not healthy either
 *   OK       nothing waits, or the oldest that does is not older than usual (allowed_ns)
 *   STOP     the step has not been heard of for longer than the looks span, and something waited
 *            at each of them
 *   OK       at one of the looks nothing waited
 *   STALL    it is heard of (attempts), but none came through in all of them
 *   WARN     neither the number that waits nor the age of the oldest ever fell, and one of them
 * grew OK       otherwise in this order. It is asked on the clock with the present lag, not when
 * something came through, so that a stopped step cannot hide behind its last good look (Burrow
 * issues 127 and 303). Thread: the owner's (pure); open struct, no memory of its own: it may be
 * copied. Source: LinkedIn Burrow, wiki "Consumer Lag Evaluation Rules".
 */
#ifndef TW_TRACK_VERDICT_H
#define TW_TRACK_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"

#define TW_LAG_POINTS     10
#define TW_LAG_POINTS_MIN 5   /* looks before anything is said: two minutes */
#define TW_LAG_INTERVAL_S 30  /* between looks */
#define TW_LAG_RATE_TAU_S 300 /* time constant of the rates: five minutes */

/* X(enum, "word") from harmless to worst; the worst part gives the verdict of a whole. */
#define TW_LAG_VERDICTS(X) \
    X(UNKNOWN, "unknown")  \
    X(IDLE, "idle")        \
    X(OK, "ok")            \
    X(WARN, "warn")        \
    X(STALL, "stall")      \
    X(STOP, "stop")
enum tw_lag_verdict {
#define TW_LAG_VERDICT_ENUM(name, text) TW_LAG_##name,
    TW_LAG_VERDICTS(TW_LAG_VERDICT_ENUM)
#undef TW_LAG_VERDICT_ENUM
};
const char *tw_lag_verdict_name(enum tw_lag_verdict verdict);

/* One look at a step. Counts never fall. */
struct tw_lag_point {
    tw_wall_t at;
    uint64_t arrived;  /* runs that began to wait for the step, ever */
    uint64_t through;  /* runs that it completed, ever */
    uint64_t heard;    /* events of it, whatever their outcome; at least `through` */
    uint64_t waiting;  /* runs that wait for it now */
    int64_t oldest_ns; /* age of the oldest of them; 0 when none waits */
};

struct tw_lag_ring {
    struct tw_lag_point points[TW_LAG_POINTS];
    uint32_t next;      /* where the next one goes */
    uint32_t count;     /* looks in the ring */
    tw_wall_t heard_at; /* first look that had its last `heard`; 0: none yet */
    double rate_in;     /* per second, exponentially weighted; see tw_lag_rates */
    double rate_out;
    double weight; /* of what the rates have seen: 0 to 1 */
};

/* No looks. */
void tw_lag_init(struct tw_lag_ring *self);
/* Keep one look. true when it was kept; false when it is earlier than TW_LAG_INTERVAL_S after the
 * last one. A count that fell (a restart from an older state) or a clock that went back begins
 * anew with this look. */
bool tw_lag_note(struct tw_lag_ring *self, const struct tw_lag_point *point);
/* The verdict at `now`, a look that is not kept. allowed_ns: how old the oldest may be without
 * being late: what the step usually takes (its p99, or a share of its deadline); 0: not at all. */
enum tw_lag_verdict tw_lag_judge(const struct tw_lag_ring *self, const struct tw_lag_point *now,
                                 int64_t allowed_ns);

struct tw_lag_rates {
    bool has_data; /* at least two looks */
    double in_per_s;
    double out_per_s;
};
/* Arrivals and completions a second: means of five minutes, exponentially weighted. */
struct tw_lag_rates tw_lag_rates(const struct tw_lag_ring *self);

enum tw_drain_state {
    TW_DRAIN_UNKNOWN, /* fewer than two looks */
    TW_DRAIN_EMPTY,   /* nothing waits */
    TW_DRAIN_DRAINS,  /* in `seconds` */
    TW_DRAIN_GROWING, /* not more leave than come */
};
struct tw_drain {
    enum tw_drain_state state;
    double seconds; /* waiting / (out - in); NAN unless it drains */
};
/* When will nothing wait any more? */
struct tw_drain tw_lag_drain(const struct tw_lag_ring *self, uint64_t waiting);

#endif
