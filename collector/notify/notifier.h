/* SPDX-License-Identifier: Apache-2.0
 * The thread that tells people (notify/tell.h) and delivers what it has to say (notify/deliver.h):
 * a turn a second, delivery in between. What it cannot do is logged and tried again; nobody waits
 * for it.
 * Thread:  `notify`, started and stopped by main. Blocks on desk.db.
 */
#ifndef TW_NOTIFY_NOTIFIER_H
#define TW_NOTIFY_NOTIFIER_H

#include "notify/deliver.h"
#include "notify/tell.h"

struct tw_notifier;
/* Borrows cfg. `config`: the file that the tower was started with, for pictures; NULL: none. */
int tw_notifier_new(const struct tw_cfg *cfg, struct tw_clock *clock, const struct tw_notify *set,
                    const struct tw_workflows *workflows, struct tw_notifier **ret_notifier,
                    struct tw_diag *diag);
/* Others are in force with the next turn. Takes references. Any thread. */
void tw_notifier_set(struct tw_notifier *self, const struct tw_notify *set,
                     const struct tw_workflows *workflows);
/* Read the client keys of subscribers again (SIGHUP); a fault in them is logged and the old ones
 * stay. Any thread, until the end of this. */
void tw_notifier_reload_clients(struct tw_notifier *self);
/* Joins the thread. Accepts NULL. */
int tw_notifier_destroy(struct tw_notifier **self_p);

#endif
