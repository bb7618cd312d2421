/* SPDX-License-Identifier: Apache-2.0
 * The thread that follows failures (desk/follow.h): looks every quarter of a second, goes on at
 * once while there is more. What it cannot do is logged and tried again; intake never waits for it.
 * Thread:  `desk`, started and stopped by main. Blocks on the store's and the desk's files.
 */
#ifndef TW_DESK_FOLLOWER_H
#define TW_DESK_FOLLOWER_H

#include "config/config.h"
#include "core/clock.h"

struct tw_follower;
int tw_follower_new(const struct tw_cfg *cfg, struct tw_clock *clock,
                    struct tw_follower **ret_follower);
/* Joins the thread. Accepts NULL. */
int tw_follower_destroy(struct tw_follower **self_p);

#endif
