/* SPDX-License-Identifier: Apache-2.0
 * What the files of the dispatcher share: dispatch.c has the round, dispatch_orders.c decides,
 * dispatch_write.c writes and sends. Nothing else includes it.
 */
#ifndef TW_REPLAY_DISPATCH_INTERNAL_H
#define TW_REPLAY_DISPATCH_INTERNAL_H

#include "replay/dispatch.h"
#include "replay/event.h"
#include "replay/load.h"
#include "replay/run.h"
#include "replay/said.h"

#define TW_ROUND_ENDS    500  /* items of one kind that end in one round */
#define TW_ROUND_RESULTS 1024 /* of HTTP destinations, not written yet */

enum tw_order_kind {
    TW_ORDER_SEND,
    TW_ORDER_AGAIN,  /* it is sent; say it once more */
    TW_ORDER_CANCEL, /* its failure is not open any more */
    TW_ORDER_REFUSE, /* it cannot be sent */
};
struct tw_order {
    enum tw_order_kind kind;
    struct tw_outbox_item item; /* texts in the arena of the round */
    struct tw_agent *agent;     /* NULL: over HTTP */
    struct tw_replay_run *run;
    struct tw_buf frame; /* to an agent; over HTTP the event */
    unsigned tries;      /* it was said before */
    bool is_noted;       /* a line of its timeline says that it was said again */
    bool lets_next;      /* of one that is cancelled */
    bool is_void;        /* it could not be written as decided */
    struct tw_str why;
};

struct tw_kept_answer {
    char agent[TW_AGENT_NAME_MAX + 1];
    char replayid[TW_REPLAYID_MAX + 1];
    uint32_t attempt;
    bool is_refused;
    char reason[TW_AGENT_REASON_MAX + 1];
    tw_wall_t at;
};

struct tw_dispatch {
    const struct tw_cfg *cfg;
    struct tw_agents *agents;
    struct tw_http_out *http;
    struct tw_replay_run *runs; /* owned; TW_OUTBOX_REPLAYS_MAX of them */
    size_t run_count;
    size_t first_run; /* they take turns */
    uint64_t *scratch;
    struct tw_saids saids;
    struct tw_load load;
    struct tw_event_writer events;
    struct tw_buf event;
    struct tw_kept_answer *answers; /* owned */
    size_t answer_count;
    size_t answer_capacity;
    struct tw_http_result *results; /* owned; TW_ROUND_RESULTS of them */
    size_t result_count;
    char lost[TW_AGENTS_MAX][TW_AGENT_NAME_MAX + 1];
    size_t lost_count;
    bool has_written; /* by the round before: look again */
    bool has_hello;
    tw_mono_t started; /* 0: no round yet */
    bool has_settled;  /* agents had their time to come back */
    /* of one round */
    struct tw_arena arena;
    struct tw_arena record; /* the event that is read */
    struct tw_outbox *outbox;
    struct tw_reader *reader;
    tw_mono_t now;
    tw_wall_t wall;
    struct tw_order *orders; /* owned; TW_ROUND_ORDERS of them */
    size_t order_count;
    size_t order_bytes;
    struct tw_outbox_waits *unanswered;
    size_t unanswered_count;
    struct tw_outbox_waits *overdue;
    size_t overdue_count;
    struct tw_outbox_waits *orphans; /* accepted by those that were lost */
    size_t orphan_count;
    bool has_more_orphans;
    uint64_t room[TW_AGENTS_MAX]; /* orders that an agent may be given, by its place */
    uint64_t http_orders;         /* decided in this round */
};

struct tw_replay_run *tw_dispatch_run(struct tw_dispatch *self, uint64_t replay);
bool tw_dispatch_is_http(const struct tw_dispatch *self, struct tw_str destination);

/* dispatch_orders.c: fill `orders` from what was looked at. */
int tw_dispatch_decide(struct tw_dispatch *self, struct tw_diag *diag);

/* dispatch_write.c */
bool tw_dispatch_has_to_write(const struct tw_dispatch *self);
/* In a transaction of its own; after an error nothing of it is there. */
int tw_dispatch_write(struct tw_dispatch *self, struct tw_diag *diag);
/* It is committed: what was decided leaves. */
void tw_dispatch_send(struct tw_dispatch *self);

#endif
