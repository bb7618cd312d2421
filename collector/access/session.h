/* SPDX-License-Identifier: Apache-2.0
 * When a session is over. It lives by the wall clock, since it outlives the program; so a clock
 * that jumps must not make it immortal. What is left of its absolute time is counted down from use
 * to use and stored, whatever the clock says in between: a jump back gives it at most the time
 * between two uses again. A clock that is more than TW_SESSION_BACK_S behind the last use ends it,
 * and one that jumps ahead does, as time would.
 * Thread: plain functions.
 */
#ifndef TW_ACCESS_SESSION_H
#define TW_ACCESS_SESSION_H

#include <stdbool.h>

#include "core/clock.h"

#define TW_SESSION_BACK_S INT64_C(300)

struct tw_session_limits {
    int64_t idle_s;     /* without use */
    int64_t absolute_s; /* in all */
};
struct tw_session_time {
    tw_wall_t created;
    tw_wall_t seen;
    int64_t left_ns; /* of the absolute time, at `seen` */
};

/* Of a session that begins now. */
struct tw_session_time tw_session_begun(const struct tw_session_limits *limits, tw_wall_t now);
/* Limits may have become tighter since it began. */
bool tw_session_is_over(const struct tw_session_time *self, const struct tw_session_limits *limits,
                        tw_wall_t now);
/* It was used now; it is not over. */
void tw_session_see(struct tw_session_time *self, tw_wall_t now);

#endif
