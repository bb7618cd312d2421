/* SPDX-License-Identifier: Apache-2.0
 * How fast a replay goes, and when it stops by itself: pure, of counts and the time.
 *
 * A few items go ahead (the canary); the others follow when all of these are proven, at an eighth
 * of the rate first, doubled every five seconds. It stops when too many items failed again, were
 * refused or are unproven: by number, or by their share of those that ended. What is counted is
 * since it began, or was resumed last.
 * Thread:  the owner's.
 * Source:  issue of replay, "Execution"; reference of the configuration, `replay`.
 */
#ifndef TW_REPLAY_PACE_H
#define TW_REPLAY_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"

#define TW_PACE_RAMP_SHARE  8   /* it begins with this part of the rate */
#define TW_PACE_RAMP_S      5   /* and is doubled so often */
#define TW_PACE_SHARE_AFTER 20  /* items that must have ended before their share counts */
#define TW_PACE_BURST_MS    200 /* what may leave at once after a pause: so much of the rate */
/* Live traffic that waits for the destination, against what waited when the replay began: */
#define TW_YIELD_MORE      20 /* yields above twice that and so many */
#define TW_YIELD_BACK_MORE 10 /* goes on at one and a half of that and so many, or less */

struct tw_pace_limits {
    uint32_t rate;          /* items a second, from 1 */
    uint32_t canary;        /* items; 0: none */
    uint32_t stop_failures; /* 0: never */
    uint32_t stop_percent;  /* 0: never */
    uint32_t under_way;     /* items sent and not ended, at the most */
};
struct tw_pace_counts {
    uint64_t under_way;
    uint64_t proven;
    uint64_t failures; /* failed again, refused, unproven */
    bool has_waiting;
};
enum tw_pace_phase { TW_PACE_CANARY, TW_PACE_RAMP, TW_PACE_FULL };

struct tw_pace {
    struct tw_pace_limits limits;
    bool is_past_canary;
    tw_mono_t ramp_from; /* past the canary */
    tw_mono_t filled;
    double tokens;
};
struct tw_pace_verdict {
    enum tw_pace_phase phase;
    uint32_t rate;      /* items a second now, rounded up */
    uint64_t may_send;  /* items, now */
    bool passed_canary; /* just now */
    bool stops;         /* then nothing may be sent */
    char why[128];      /* it stops */
};

/* ramp_from counts where the canary is passed already. */
void tw_pace_init(struct tw_pace *self, const struct tw_pace_limits *limits, bool is_past_canary,
                  tw_mono_t ramp_from, tw_mono_t now);
/* `now` never goes back. */
void tw_pace_look(struct tw_pace *self, const struct tw_pace_counts *counts, tw_mono_t now,
                  struct tw_pace_verdict *ret_verdict);
/* So many were sent. */
void tw_pace_sent(struct tw_pace *self, uint64_t count);

/* Whether a replay gives way to live traffic: is_yielding is what it did until now. */
bool tw_pace_yields(bool is_yielding, uint64_t waiting_before, uint64_t waiting_now);

#endif
