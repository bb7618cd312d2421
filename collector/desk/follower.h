/* SPDX-License-Identifier: Apache-2.0
 * The thread that follows failures (desk/follow.h): looks every quarter of a second, goes on at
 * once while there is more. What it cannot do is logged and tried again; intake never waits for it.
 * Thread:  `desk`, started and stopped by main. Blocks on the store's and the desk's files.
 */
#ifndef TW_DESK_FOLLOWER_H
#define TW_DESK_FOLLOWER_H

#include "causes/causes.h"
#include "config/config.h"
#include "core/clock.h"

struct tw_follower;
int tw_follower_new(const struct tw_cfg *cfg, struct tw_clock *clock,
                    struct tw_follower **ret_follower);
/* Other rules for causes, in force with the next look. Any thread. */
void tw_follower_set_causes(struct tw_follower *self, const struct tw_causes *causes);
/* Joins the thread. Accepts NULL. */
int tw_follower_destroy(struct tw_follower **self_p);

#endif
