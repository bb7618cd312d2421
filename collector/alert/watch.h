/* SPDX-License-Identifier: Apache-2.0
 * What the thread `alert` does in one turn: buckets of series are judged and become rows, what
 * others posted is taken, heartbeats are listened for, the tower's own troubles become alerts. What
 * could not be written is written with a later turn; until then nothing further is judged.
 * Thread:  one struct tw_watch, one thread.
 * Limits:  alerts.max open ones; TW_WATCH_TURN_MS a turn.
 * Fails:   with the diag saying what; after any error but TW_EBUSY files are opened anew.
 * Source:  decision 80; docs/reference/alerts.md.
 */
#ifndef TW_ALERT_WATCH_H
#define TW_ALERT_WATCH_H

#include "alert/rules.h"
#include "config/config.h"
#include "core/clock.h"
#include "workflow/workflow.h"

#define TW_WATCH_TURN_MS        200 /* buckets are judged for so long before anything else */
#define TW_WATCH_HEARTBEATS_MAX 100

/* One that is expected: borrowed texts. */
struct tw_watch_heartbeat {
    const char *name;
    int64_t every_s;
    int64_t grace_s;
    enum tw_severity severity;
    const char *owner; /* NULL: integration */
};
/* What is in force. Borrowed for the call. */
struct tw_watch_set {
    const struct tw_rules *rules;
    const struct tw_workflows *workflows;
    const struct tw_watch_heartbeat *heartbeats;
    size_t heartbeat_count;
};

/* The heartbeats of a set with their texts, in one piece (free). TW_OK, TW_ENOMEM. */
int tw_watch_heartbeats_copy(const struct tw_watch_set *set, struct tw_watch_heartbeat **ret_items);

struct tw_watch;
/* Opens nothing yet. began: as tw_feed_open. Takes references of what is in force; copies the
 * heartbeats. TW_OK, TW_ENOMEM. */
int tw_watch_new(const struct tw_cfg *cfg, struct tw_clock *clock, tw_wall_t began,
                 const struct tw_watch_set *set, struct tw_watch **ret_watch);
void tw_watch_destroy(struct tw_watch **self_p); /* accepts NULL */
/* Other rules, workflows and heartbeats. TW_OK; TW_ENOMEM; TW_EBUSY: what was judged last is not
 * written yet. Then nothing is changed, and it is to be asked for again. */
int tw_watch_change(struct tw_watch *self, const struct tw_watch_set *set);
/* One turn. *ret_has_more: the next one at once. TW_OK; TW_EBUSY: others are writing. */
int tw_watch_turn(struct tw_watch *self, bool *ret_has_more, struct tw_diag *diag);

#endif
