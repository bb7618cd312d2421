/* SPDX-License-Identifier: Apache-2.0
 * Reading replays: their list, one of them, its items with their timelines, agents; and what
 * operators do with one that is under way.
 * Thread:  that of the reader of the desk (desk_read.h). Commands: any; each is a deed of its own.
 * Limits:  1,000 replays or items in one answer, the last TW_ITEM_LINES_MAX lines of a timeline.
 * Fails:   as store/desk_read.h.
 * Source:  decision 72; reference/api.md, "Replays".
 */
#ifndef TW_STORE_REPLAY_READ_H
#define TW_STORE_REPLAY_READ_H

#include "store/desk_read.h"
#include "store/replays.h"

#define TW_REPLAY_MONEY_MAX 64  /* sums of one state and currency that are told */
#define TW_REPLAY_PARTS_MAX 20  /* reasons that are told */
#define TW_ITEM_LINES_MAX   100 /* of one timeline */
#define TW_AGENTS_MAX       1000

/* Grows, or is another one, when any item, replay or agent has changed. Cheap when nothing was
 * written to the desk since it was asked last. */
int tw_replays_mark(struct tw_desk_reader *self, uint64_t *ret_mark);

struct tw_replay_money {
    enum tw_item_state state;
    char currency[4]; /* "": without an amount */
    uint64_t count;
    int64_t amount_minor;
};
struct tw_replay {
    uint64_t id;
    tw_wall_t created;
    struct tw_str actor;
    struct tw_str reason;
    struct tw_str override_reason; /* absent: nothing was overridden */
    struct tw_str destination;
    struct tw_str selection; /* JSON, as it was asked for */
    enum tw_replay_state state;
    struct tw_str why; /* absent: it did not stop by itself */
    tw_wall_t changed;
    uint32_t rate; /* items a second */
    uint32_t canary;
    uint32_t stop_failures;
    uint32_t stop_percent;
    uint32_t proof_s;
    tw_wall_t begun;     /* 0: nothing has left */
    tw_wall_t full;      /* 0: the canary has not passed */
    tw_wall_t finished;  /* 0: something is waiting or sent */
    struct tw_str phase; /* a word: what it does now; absent: nothing yet */
    struct tw_str phase_detail;
    struct tw_str edit; /* JSON, changes to its event (replay/edit.h); absent: none */
    bool needs_approval;
    struct tw_str approver; /* absent: nobody yet */
    tw_wall_t approved;
    uint64_t count;
    uint64_t counts[TW_ITEM_STATE_COUNT];
    struct tw_replay_money *money; /* by state, then currency */
    size_t money_count;
};
struct tw_replay_filter {
    const enum tw_replay_state *state; /* NULL: all */
    struct tw_str destination;
    uint64_t group;   /* 0: all; those with an item that is of this group now */
    uint64_t failure; /* 0: all */
    uint64_t before;  /* continue behind this one; 0: from the start */
    size_t limit;
};
/* The latest first. */
int tw_replay_list(struct tw_desk_reader *self, struct tw_arena *arena,
                   const struct tw_replay_filter *filter, const struct tw_replay **ret_items,
                   size_t *ret_count, bool *ret_more);
/* One; TW_ENOTFOUND. */
int tw_replay_one(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t id,
                  struct tw_replay *ret_replay);
/* Items that ever left, and those that never did. */
struct tw_replay_left {
    uint64_t left;
    uint64_t not_left;
};
int tw_replay_left(struct tw_desk_reader *self, uint64_t id, struct tw_replay_left *ret_left);

enum tw_replay_by {
    TW_REPLAY_BY_CAUSE,
    TW_REPLAY_BY_REFUSAL,
    TW_REPLAY_BY_CANCELLATION,
    TW_REPLAY_BY_UNPROVEN
};
struct tw_replay_part {
    enum tw_cause cause; /* by cause */
    struct tw_str what;  /* else; absent: nothing was said */
    uint64_t count;
};
/* Most first, at most TW_REPLAY_PARTS_MAX. */
int tw_replay_parts(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t id,
                    enum tw_replay_by by, const struct tw_replay_part **ret_parts,
                    size_t *ret_count);
/* What was done with a replay, the latest first, at most limit. */
int tw_replay_history(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t id,
                      size_t limit, const struct tw_desk_act **ret_acts, size_t *ret_count);

struct tw_item_line {
    tw_wall_t at;
    enum tw_item_event what;
    uint32_t attempt;
    uint64_t n; /* 0: no event */
    struct tw_str detail;
};
struct tw_item_place {
    uint64_t replay; /* 0: there is none */
    uint64_t item;
    enum tw_item_state state;
};
struct tw_item {
    uint64_t id;
    uint64_t seq;
    enum tw_item_state state;
    uint64_t failure;
    uint64_t group; /* 0: the failure is not there any more */
    struct tw_str workflow;
    struct tw_str step;
    struct tw_object object;
    struct tw_str store;
    int64_t amount_minor;
    char currency[4];
    bool is_asked;
    bool is_financial;
    struct tw_str replayid;
    uint32_t attempt;
    struct tw_str key; /* absent: it was never sent */
    struct tw_str agent;
    tw_wall_t sent; /* 0 of this and those below: not yet, or never */
    tw_wall_t answered;
    tw_wall_t deadline;
    tw_wall_t ended;
    enum tw_cause cause;
    struct tw_str why;
    uint64_t event_n;
    uint64_t outcome_n; /* 0: none */
    struct tw_item_place previous;
    struct tw_item_line *lines; /* in the order of time */
    size_t line_count;
};
struct tw_item_filter {
    uint64_t replay;
    const enum tw_item_state *state; /* NULL: all */
    const enum tw_cause *cause;      /* of those that failed again; NULL: all */
    uint64_t failure;                /* 0: all */
    uint64_t after;                  /* continue behind this seq; 0: from the start */
    size_t limit;
};
/* In their order. */
int tw_replay_items(struct tw_desk_reader *self, struct tw_arena *arena,
                    const struct tw_item_filter *filter, struct tw_item **ret_items,
                    size_t *ret_count, bool *ret_more);
/* Where a failure was replayed last, and whether it failed again for one cause so often that no
 * plan takes it (TW_REPLAY_PARK_AFTER). */
int tw_replay_of_failure(struct tw_desk_reader *self, uint64_t failure,
                         struct tw_item_place *ret_place, bool *ret_parked);

struct tw_agent {
    struct tw_str name;
    struct tw_str systems; /* a JSON array */
    uint32_t capacity;
    bool is_online;
    tw_wall_t since; /* online, or offline, since */
    tw_wall_t heard;
    struct tw_str address;
    uint64_t hellos;
    uint64_t ordered;
    uint64_t accepted;
    uint64_t refused;
    uint64_t malformed;
    uint64_t strange;   /* answers to what it was never sent */
    uint64_t under_way; /* items that were sent to it and have not ended */
};
/* By name. */
int tw_replay_agents(struct tw_desk_reader *self, struct tw_arena *arena,
                     const struct tw_agent **ret_agents, size_t *ret_count);

/* Items of replays to this destination that were sent and have not ended. */
int tw_replay_under_way(struct tw_desk_reader *self, struct tw_str destination,
                        uint64_t *ret_count);

/* ---- commands ---- */

enum tw_replay_act {
    TW_REPLAY_ACT_PAUSE,
    TW_REPLAY_ACT_RESUME,
    TW_REPLAY_ACT_CANCEL,
    TW_REPLAY_ACT_APPROVE
};
struct tw_replay_command {
    const char *dir;
    uint64_t replay;
    struct tw_str actor;
    struct tw_str address; /* of who asks */
    struct tw_str reason;  /* absent where none is asked for */
    tw_wall_t now;
};
/* Pause what runs, let go on what is paused or stopped, or cancel what has not ended: then all that
 * is waiting is cancelled, in the same transaction; or approve what awaits it, so that it runs:
 * another person than the one who asked for it. *ret_left is as it was when that was done.
 * TW_ENOTFOUND: no such replay; TW_ECLOSED: it is in no state for that, which the diag names;
 * TW_EEXISTS: the same person; TW_EINVAL: a reason that is too long, or none to cancel or approve.
 * Nothing is changed then. */
int tw_replay_command(const struct tw_replay_command *command, enum tw_replay_act act,
                      struct tw_replay_left *ret_left, struct tw_diag *diag);

#endif
