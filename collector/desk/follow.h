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

#include "causes/causes.h"
#include "core/clock.h"
#include "core/err.h"
#include "config/config.h"

#define TW_FOLLOW_PORTION 256

struct tw_follow;
/* Opens the desk and a reader of the store in cfg->store.dir; borrows both arguments. */
int tw_follow_open(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_follow **ret_follow,
                   struct tw_diag *diag);
void tw_follow_close(struct tw_follow **self_p); /* accepts NULL */
/* Rules for causes from now on (takes a reference; NULL: none): what is open already is looked at
 * again, portion by portion, and goes to the group that it would be in today. */
void tw_follow_set_causes(struct tw_follow *self, const struct tw_causes *causes);
/* The next portion; *ret_count: how many runs it had or failures were looked at again, 0: there was
 * nothing to do. */
int tw_follow_once(struct tw_follow *self, size_t *ret_count, struct tw_diag *diag);
/* Forget failures that were over before the oldest event that the store still has, a portion of
 * them; *ret_count: how many. */
int tw_follow_expire(struct tw_follow *self, size_t *ret_count, struct tw_diag *diag);
/* Whether the audit is what was written: tw_desk_check_audit. */
int tw_follow_check_audit(struct tw_follow *self, bool is_full, struct tw_diag *diag);

#endif
