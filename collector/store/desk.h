/* SPDX-License-Identifier: Apache-2.0
 * The desk: what failed, in groups that a person can take in hand. `desk.db` of the store's
 * directory, written by the thread `desk` (collector/desk) that follows the runs with setbacks, and
 * by commands of operators (notes, snoozing, archiving, whom a group is assigned to): rows of the
 * requests' kind, each in one transaction with its row of the audit.
 *
 * A failure is one step of one run that failed or is overdue. It belongs to the group of its
 * workflow, step, destination, cause and label; another cause or label moves it. It is never
 * deleted when it is over, only marked, so that notes and history stay.
 * Thread:  one struct tw_desk, one thread. Other connections read and write beside it (WAL; waits
 *          at most 5 s).
 * Source:  decision 71; reference/store.md, "The desk".
 */
#ifndef TW_STORE_DESK_H
#define TW_STORE_DESK_H

#include "store/setbacks.h"

/* X(enum, "word") */
#define TW_FAILURE_STATES(X)  \
    X(OPEN, "open")           \
    X(RECOVERED, "recovered") \
    X(CLOSED, "closed")
enum tw_failure_state {
#define TW_FAILURE_STATE_ENUM(name, text) TW_FAILURE_##name,
    TW_FAILURE_STATES(TW_FAILURE_STATE_ENUM)
#undef TW_FAILURE_STATE_ENUM
        TW_FAILURE_STATE_COUNT
};
const char *tw_failure_state_name(enum tw_failure_state state);

#define TW_FAILURE_MESSAGE_MAX 500 /* bytes of a message that are kept */
#define TW_FAILURE_LABEL_MAX   64  /* bytes of a label, or of a code that stands for one */

/* What makes failures one kind. Texts are never absent here; empty where there is none. */
struct tw_failure_kind {
    struct tw_str workflow;
    struct tw_str step; /* "": of the whole run, a repeated effect */
    struct tw_str system;
    struct tw_str destination;
    enum tw_cause cause;
    struct tw_str label;
};

struct tw_failure {
    uint64_t id;    /* 0: not stored yet */
    uint64_t group; /* 0: not stored yet */
    struct tw_failure_kind kind;
    uint16_t object_type;
    struct tw_str object_id;
    struct tw_str object_scope;
    enum tw_failure_state state;
    bool is_archived; /* out of the lists of what is open, by an operator */
    struct tw_str store;
    struct tw_str region;
    /* of the event that failed; absent for what is missing */
    struct tw_str type;
    struct tw_str code;
    struct tw_str message;     /* at most TW_FAILURE_MESSAGE_MAX bytes */
    struct tw_str error_class; /* as the sender says */
    uint32_t http_status;      /* 0: none */
    int64_t amount_minor;
    char currency[4];  /* "": no amount is known */
    uint64_t failed_n; /* 0: missing */
    uint64_t input_n;  /* what a replay would send again; 0: none was seen */
    uint64_t done_n;   /* the proof; 0: not done */
    uint32_t attempts;
    tw_wall_t since; /* when the step began to wait: what replays are ordered by; 0: not known */
    tw_wall_t first; /* event time of the first failure that was followed, or when it was due */
    tw_wall_t last;
    tw_wall_t ended; /* 0: open */
};

struct tw_desk;
/* Opens desk.db, made where it is not there. store_id has 16 bytes. TW_OK; TW_EFOREIGN, TW_ENEWER,
 * TW_EDAMAGED, TW_EIO with what to do in the diag. */
int tw_desk_open(const char *dir, struct tw_desk **ret_desk, struct tw_diag *diag);
void tw_desk_close(struct tw_desk **self_p); /* accepts NULL */

/* Where following stands; borrowed until the next call. */
const struct tw_setback_place *tw_desk_place(const struct tw_desk *self);
/* Each portion is one transaction: begin, changes, end. After an error of any call between them,
 * abandon: nothing of the portion is kept. */
int tw_desk_begin(struct tw_desk *self, struct tw_diag *diag);
int tw_desk_end(struct tw_desk *self, const struct tw_setback_place *place, struct tw_diag *diag);
void tw_desk_abandon(struct tw_desk *self);

/* All failures of one run, any state, by step; in the arena. */
int tw_desk_of_run(struct tw_desk *self, struct tw_arena *arena, const struct tw_run_row *run,
                   struct tw_failure **ret_items, size_t *ret_count, struct tw_diag *diag);
/* Open failures of events by number, those behind `after`; at most limit (1 to 1,000). */
int tw_desk_open_ones(struct tw_desk *self, struct tw_arena *arena, uint64_t after, size_t limit,
                      struct tw_failure **ret_items, size_t *ret_count, struct tw_diag *diag);
/* Store one, new (id 0) or changed: it goes to the group of its kind, which is made with `now`.
 * `is_news`: a failure that was not known before, for the trend. Sets id and group. */
int tw_desk_put(struct tw_desk *self, struct tw_failure *failure, bool is_news, tw_wall_t now,
                struct tw_diag *diag);

/* Forget failures that were over before `before` and that no replay knows, at most limit (1 to
 * 1,000); *ret_count: how many went. Hours of the trend before it go, too. A transaction of its
 * own. Groups, notes, replays and the audit stay. */
int tw_desk_expire(struct tw_desk *self, tw_wall_t before, size_t limit, size_t *ret_count,
                   struct tw_diag *diag);

/* Look whether the audit is what was written (store/audit_verify.h): all of it the first time, when
 * something was wrong the last time, and with is_full; otherwise what came since. What was found is
 * kept for GET /status, and logged (audit_broken) when it is not whole or cannot be read. An error:
 * it could not be kept. */
int tw_desk_check_audit(struct tw_desk *self, bool is_full, tw_wall_t now, struct tw_diag *diag);

/* What was seen of a failure that is stored, for items of replays (decision 72). */
enum tw_seen_what {
    TW_SEEN_DONE,   /* the proof */
    TW_SEEN_FAILED, /* another event that says that it failed */
    TW_SEEN_GONE,   /* nothing is expected there any more */
};
struct tw_seen {
    enum tw_seen_what what;
    uint64_t n;             /* the event; 0: none */
    struct tw_str replayid; /* that it carries; absent: none */
    tw_wall_t received;     /* of the event */
};
/* Items of replays come to the end that this shows: what was sent is proven or has failed again;
 * what still waits is not sent. A failure without a replayid counts when it came after the item was
 * sent; one with the replayid of another item counts for that one alone. */
int tw_desk_seen(struct tw_desk *self, const struct tw_failure *failure, const struct tw_seen *seen,
                 tw_wall_t now, struct tw_diag *diag);

#endif
