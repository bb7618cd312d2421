/* SPDX-License-Identifier: Apache-2.0
 * Turns at something dear: a few at a time, some more wait, the rest is told to come again.
 * Thread:  any; take blocks up to its time.
 * Limits:  as they are made with.
 */
#ifndef TW_ACCESS_TURNS_H
#define TW_ACCESS_TURNS_H

#include <pthread.h>
#include <stdbool.h>

#include "core/err.h"

/* Passwords: what their memory and two cores bear (decision 90). */
#define TW_PASSWORD_TURNS   2
#define TW_PASSWORD_WAITING 16

struct tw_turns {
    /* fixed after start */
    unsigned at_once;
    unsigned waiting_max;
    bool has_begun;
    /* guarded by mutex */
    pthread_mutex_t mutex;
    pthread_cond_t freed;
    unsigned taken;
    unsigned waiting;
};

/* TW_ESYSTEM. */
int tw_turns_init(struct tw_turns *self, unsigned at_once, unsigned waiting_max);
/* Nobody has a turn or waits. A zeroed one, too. */
void tw_turns_fini(struct tw_turns *self);
/* TW_OK: it has a turn, and gives it back. TW_EAGAIN: too many wait. TW_ETIMEOUT: none came free in
 * wait_ms. */
int tw_turns_take(struct tw_turns *self, int wait_ms);
void tw_turns_give(struct tw_turns *self);

#endif
