/* SPDX-License-Identifier: Apache-2.0
 * Following failures: what tracking commits about runs with setbacks becomes failures on the desk,
 * in groups. One portion is one transaction with the place behind it, so that a crash repeats a
 * portion and changes nothing by it.
 * Thread:  one at a time (the thread `desk`, or a test).
 * Limits:  TW_FOLLOW_PORTION runs at a time.
 * Fails:   nothing of a portion is kept; it is followed again with the next call.
 */
#ifndef TW_DESK_FOLLOW_H
#define TW_DESK_FOLLOW_H

#include "core/clock.h"
#include "core/err.h"
#include "config/config.h"

#define TW_FOLLOW_PORTION 256

struct tw_follow;
/* Opens the desk and a reader of the store in cfg->store.dir; borrows both arguments. */
int tw_follow_open(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_follow **ret_follow,
                   struct tw_diag *diag);
void tw_follow_close(struct tw_follow **self_p); /* accepts NULL */
/* The next portion; *ret_count: how many runs it had, 0: there was nothing. */
int tw_follow_once(struct tw_follow *self, size_t *ret_count, struct tw_diag *diag);

#endif
