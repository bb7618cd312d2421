/* SPDX-License-Identifier: Apache-2.0
 * One replay as the dispatcher knows it: what of it is under way, how what left has ended since it
 * began or was resumed last, and at which pace it goes. All of it can be had again from the outbox.
 * Thread:  the owner's.
 */
#ifndef TW_REPLAY_RUN_H
#define TW_REPLAY_RUN_H

#include "replay/load.h"
#include "replay/pace.h"
#include "store/outbox.h"

#define TW_RUN_SENT_MAX   10000 /* replay.under-way at most */
#define TW_RUN_DETAIL_MAX 384

struct tw_replay_run {
    uint64_t id;
    tw_wall_t changed; /* of the state that the counts are of */
    struct tw_pace pace;
    uint64_t *sent; /* owned; items, ascending */
    size_t sent_count;
    uint64_t proven;
    uint64_t failures;
    bool is_yielding;
    /* of one round */
    bool is_seen;
    struct tw_outbox_replay row;
    bool has_waiting;
    bool is_over; /* nothing of it is waiting or sent */
    struct tw_pace_verdict verdict;
    bool has_live;
    uint64_t live_waiting;
    bool lacks_agent;
    char unread[160];    /* why what is next cannot be read now; "": it can */
    const char *put_off; /* why its HTTP destination takes nothing, or one alone; NULL: it does */
    struct tw_str phase; /* absent: none */
    char detail[TW_RUN_DETAIL_MAX];
};

void tw_replay_run_fini(struct tw_replay_run *self);
/* Take up one that was not known, or the row of one that was: what ended meanwhile is counted.
 * `scratch` has room for TW_RUN_SENT_MAX items. */
int tw_replay_run_sync(struct tw_replay_run *self, const struct tw_outbox_replay *row,
                       struct tw_outbox *outbox, uint64_t *scratch, struct tw_diag *diag);
/* Where the pace of one that was just taken up stands. */
void tw_replay_run_set_pace(struct tw_replay_run *self, uint32_t under_way, tw_mono_t now,
                            tw_wall_t wall);
bool tw_replay_run_is_new(const struct tw_replay_run *self, const struct tw_outbox_replay *row);
/* What may be sent now, without a look at who carries it out. */
void tw_replay_run_judge(struct tw_replay_run *self, const struct tw_load *load, tw_mono_t now);
/* The words for what it does, into phase and detail. */
void tw_replay_run_describe(struct tw_replay_run *self);
/* An item of it was sent, and that is committed. */
void tw_replay_run_add_sent(struct tw_replay_run *self, uint64_t item);

#endif
