/* SPDX-License-Identifier: Apache-2.0
 * The thread that judges alert rules and keeps alerts (alert/watch.h): a turn a second, at once
 * while there is more. What it cannot do is logged and tried again; intake never waits for it.
 * Thread:  `alert`, started and stopped by main. Blocks on the store and on desk.db.
 */
#ifndef TW_ALERT_WATCHER_H
#define TW_ALERT_WATCHER_H

#include "alert/watch.h"

struct tw_watcher;
/* began: when this life of the tower did, before it read anything. Borrows cfg; set: as
 * tw_watcher_set. */
int tw_watcher_new(const struct tw_cfg *cfg, struct tw_clock *clock, tw_wall_t began,
                   const struct tw_watch_set *set, struct tw_watcher **ret_watcher);
/* Other rules, workflows and heartbeats, in force with one of the next turns. Takes references,
 * copies the heartbeats. Any thread. TW_OK, TW_ENOMEM (those of before stay). */
int tw_watcher_set(struct tw_watcher *self, const struct tw_watch_set *set);
/* Joins the thread. Accepts NULL. */
int tw_watcher_destroy(struct tw_watcher **self_p);

#endif
