/* SPDX-License-Identifier: Apache-2.0
 * The outbox of replays: what of desk.db the thread `replay` reads and writes. It does not make the
 * file: the desk does (store/desk.h).
 * Thread:  one struct tw_outbox, one thread. Other connections read and write beside it (WAL); a
 *          transaction waits for theirs at most TW_DESK_GIVE_WAY_MS, then TW_EBUSY.
 * Fails:   as store/desk.h; after an error between begin and commit: abandon, nothing is kept.
 * Source:  decision 72; docs/agents.md.
 */
#ifndef TW_STORE_OUTBOX_H
#define TW_STORE_OUTBOX_H

#include "core/arena.h"
#include "store/replays.h"

#define TW_OUTBOX_REPLAYS_MAX 256 /* open ones that are looked at, the oldest first */

struct tw_outbox;
/* TW_ENOTFOUND, TW_EOLDER: the desk has not made it yet. */
int tw_outbox_open(const char *dir, struct tw_outbox **ret_outbox, struct tw_diag *diag);
void tw_outbox_close(struct tw_outbox **self_p); /* accepts NULL */

/* Somebody else committed since the last call that said so; the first says yes. */
int tw_outbox_has_changed(struct tw_outbox *self, bool *ret_has_changed, struct tw_diag *diag);

/* To read one state of it all; abandon ends it. */
int tw_outbox_look(struct tw_outbox *self, struct tw_diag *diag);
int tw_outbox_begin(struct tw_outbox *self, struct tw_diag *diag);
int tw_outbox_commit(struct tw_outbox *self, struct tw_diag *diag);
/* The same of what nobody waits for: the revision of the desk stays. */
int tw_outbox_commit_quietly(struct tw_outbox *self, struct tw_diag *diag);
void tw_outbox_abandon(struct tw_outbox *self);

/* ---- agents: written in transactions ---- */

struct tw_outbox_agent {
    struct tw_str name;
    struct tw_str systems; /* a JSON array of texts */
    uint32_t capacity;
    bool is_online;
    tw_wall_t since;
    tw_wall_t heard;
    struct tw_str address; /* absent: not known */
    /* to be added */
    uint32_t hellos;
    uint32_t malformed;
};
int tw_outbox_put_agent(struct tw_outbox *self, const struct tw_outbox_agent *agent,
                        struct tw_diag *diag);
/* A new life of the tower: no agent has said hello to it. */
int tw_outbox_nobody_is_online(struct tw_outbox *self, tw_wall_t now, struct tw_diag *diag);

/* ---- replays ---- */

struct tw_outbox_replay {
    uint64_t id;
    enum tw_replay_state state;
    struct tw_str destination;
    tw_wall_t changed; /* when its state was made what it is */
    uint32_t rate;
    uint32_t canary;
    uint32_t stop_failures;
    uint32_t stop_percent;
    uint32_t proof_s;
    bool has_begun;
    tw_wall_t full;       /* 0: its canary has not passed */
    int64_t live_waiting; /* -1: not known */
    struct tw_str phase;  /* absent: none */
    struct tw_str phase_detail;
};
/* Those that are not finished, by number; in the arena. */
int tw_outbox_replays(struct tw_outbox *self, struct tw_arena *arena,
                      struct tw_outbox_replay **ret_items, size_t *ret_count, struct tw_diag *diag);
/* How many of its items ended in each state, not before `since`. Reads all of them. */
int tw_outbox_tally(struct tw_outbox *self, uint64_t replay, tw_wall_t since,
                    uint64_t ret_counts[TW_ITEM_STATE_COUNT], struct tw_diag *diag);
/* The numbers of its items that are sent, ascending; at most `most`. */
int tw_outbox_sent(struct tw_outbox *self, uint64_t replay, uint64_t *ids, size_t most,
                   size_t *ret_count, struct tw_diag *diag);
int tw_outbox_has_waiting(struct tw_outbox *self, uint64_t replay, bool *ret_has,
                          struct tw_diag *diag);
/* TW_ENOTFOUND: there is no such item. */
int tw_outbox_state(struct tw_outbox *self, uint64_t item, enum tw_item_state *ret_state,
                    struct tw_diag *diag);

/* Written in transactions. What a replay does now; absent: nothing. */
int tw_outbox_set_phase(struct tw_outbox *self, uint64_t replay, struct tw_str phase,
                        struct tw_str detail, struct tw_diag *diag);
int tw_outbox_set_live_waiting(struct tw_outbox *self, uint64_t replay, uint64_t waiting,
                               struct tw_diag *diag);
int tw_outbox_passed_canary(struct tw_outbox *self, uint64_t replay, tw_wall_t now,
                            struct tw_diag *diag);
/* It stops by itself, with a row of the audit. Nothing, where it does not run any more. */
int tw_outbox_stop(struct tw_outbox *self, uint64_t replay, struct tw_str why, tw_wall_t now,
                   struct tw_diag *diag);
/* Nothing of it is waiting or sent; where something is, nothing is done. */
int tw_outbox_finish(struct tw_outbox *self, uint64_t replay, tw_wall_t now, struct tw_diag *diag);

/* ---- items ---- */

struct tw_outbox_item {
    uint64_t id;
    uint64_t replay;
    struct tw_str replayid;
    uint32_t attempt;
    uint64_t event_n;  /* what is sent */
    uint64_t failed_n; /* the same number: the event that failed is sent itself */
    uint16_t object_type;
    struct tw_str object_scope;
    struct tw_str object_id;
    bool is_open;     /* its failure is */
    bool is_archived; /* likewise */
    enum tw_item_state state;
    bool is_answered;
    struct tw_str destination;
    struct tw_str edit; /* changes to its event (replay/edit.h), JSON; absent: none */
    /* once it is sent */
    struct tw_str key;
    struct tw_str agent;
    tw_wall_t deadline;
};
/* Those of a replay that may be sent now, in order; at most limit. */
int tw_outbox_ready(struct tw_outbox *self, struct tw_arena *arena, uint64_t replay, size_t limit,
                    struct tw_outbox_item **ret_items, size_t *ret_count, struct tw_diag *diag);
int tw_outbox_item(struct tw_outbox *self, struct tw_arena *arena, uint64_t id,
                   struct tw_outbox_item *ret_item, struct tw_diag *diag);
/* Written in a transaction: it is sent, by this agent, with this key and deadline. TW_ENOTFOUND: it
 * may not be any more (its replay does not run, its failure is not open): nothing is changed. */
int tw_outbox_send(struct tw_outbox *self, const struct tw_outbox_item *item, tw_wall_t now,
                   struct tw_diag *diag);
/* As tw_item_end (store/replay_items.h), in a transaction. */
struct tw_outbox_end {
    uint64_t item;
    enum tw_item_state state;
    bool lets_next;
    struct tw_str why;
    tw_wall_t at;
};
int tw_outbox_end(struct tw_outbox *self, const struct tw_outbox_end *end, struct tw_diag *diag);
/* A line of its timeline, in a transaction. */
int tw_outbox_note(struct tw_outbox *self, const struct tw_outbox_item *item,
                   enum tw_item_event what, struct tw_str detail, tw_wall_t at,
                   struct tw_diag *diag);

struct tw_outbox_waits {
    uint64_t item;
    uint64_t replay;
    struct tw_str agent;
    bool is_answered;
};
/* Sent and not answered, by agent, those sent first before others; at most limit. */
int tw_outbox_unanswered(struct tw_outbox *self, struct tw_arena *arena, size_t limit,
                         struct tw_outbox_waits **ret_items, size_t *ret_count,
                         struct tw_diag *diag);
/* Sent, and their deadline has passed; at most limit. */
int tw_outbox_overdue(struct tw_outbox *self, struct tw_arena *arena, tw_wall_t now, size_t limit,
                      struct tw_outbox_waits **ret_items, size_t *ret_count, struct tw_diag *diag);
/* Sent and accepted by this agent; absent: by any, those with the same agent together. */
int tw_outbox_accepted(struct tw_outbox *self, struct tw_arena *arena, struct tw_str agent,
                       size_t limit, struct tw_outbox_waits **ret_items, size_t *ret_count,
                       struct tw_diag *diag);

struct tw_outbox_answer {
    struct tw_str agent;
    struct tw_str replayid;
    uint32_t attempt;
    bool is_refused;
    struct tw_str reason;
    tw_wall_t at;
};
/* What an agent answers, in a transaction. Answers to what it was never sent are counted with it;
 * answers that come again, or after the end, change nothing. */
int tw_outbox_take_answer(struct tw_outbox *self, const struct tw_outbox_answer *answer,
                          struct tw_diag *diag);

#endif
