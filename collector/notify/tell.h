/* SPDX-License-Identifier: Apache-2.0
 * What the thread `notify` does in one turn: what has changed of alerts, acknowledgements and
 * silences is read, what is due (notify/group.h) is written as notices in one transaction; the
 * watchdog is sent, silences that end soon are said, old notices are forgotten.
 * Thread:  one struct tw_tell, one thread.
 * Limits:  those of notify/group.h and store/notices.h.
 * Fails:   with the diag saying what; after any error but TW_EBUSY the file is opened anew and all
 *          is read again, so that nothing is told twice.
 * Source:  decision 80; docs/reference/notifications.md.
 */
#ifndef TW_NOTIFY_TELL_H
#define TW_NOTIFY_TELL_H

#include "config/config.h"
#include "core/clock.h"
#include "notify/group.h"

#define TW_TELL_SILENCE_WARN_S 900  /* before its end, */
#define TW_TELL_SILENCE_LONG_S 3600 /* of one that was to last so long */

struct tw_tell;
/* Opens nothing yet. Borrows cfg, takes references. TW_OK, TW_ENOMEM. */
int tw_tell_new(const struct tw_cfg *cfg, struct tw_clock *clock, const struct tw_notify *set,
                const struct tw_workflows *workflows, struct tw_tell **ret_tell);
void tw_tell_destroy(struct tw_tell **self_p); /* accepts NULL */
/* Others are in force: groups are made anew from their rows with the next turn. */
void tw_tell_change(struct tw_tell *self, const struct tw_notify *set,
                    const struct tw_workflows *workflows);
/* TW_OK; TW_EBUSY: others write; TW_ENOTFOUND, TW_EOLDER: the desk has not made its file yet. */
int tw_tell_turn(struct tw_tell *self, struct tw_diag *diag);
/* The outbox while it is open, for delivery; NULL: it is not. */
struct tw_notices *tw_tell_outbox(struct tw_tell *self);
/* What Alertmanagers are told: alerts that may be told of, and those that ended at or after
 * `since`; in the arena of the tell, until its next turn. TW_OK, or as the outbox. */
int tw_tell_alerts(struct tw_tell *self, tw_wall_t since, const struct tw_notice_alert **ret_alerts,
                   size_t *ret_count, struct tw_diag *diag);
/* Different whenever these are others. */
uint64_t tw_tell_generation(const struct tw_tell *self);

#endif
