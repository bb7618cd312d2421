/* SPDX-License-Identifier: Apache-2.0
 * Plans of replays: which failures would be sent again, in which order, and why others would not.
 * A plan freezes its set and sends nothing; a replay is started from it, or nothing of it is.
 * Thread:  any; each call opens desk.db, does one thing and closes.
 * Limits:  TW_REPLAY_ITEMS_MAX failures of one plan, TW_PLAN_NAMED_MAX that are named one by one,
 *          TW_PLAN_ROWS_MAX rows of all plans that wait together (the oldest make room).
 * Fails:   TW_ENOTFOUND: no desk yet (the collector makes it); TW_EPERM, TW_EIO, TW_EBUSY: the
 * file; TW_ETIMEOUT: the deadline; nothing was done then. Source:  decision 72; reference/api.md,
 * "Replays".
 */
#ifndef TW_STORE_PLAN_H
#define TW_STORE_PLAN_H

#include "core/arena.h"
#include "store/reader.h"
#include "store/replays.h"

#define TW_PLAN_TTL_S        900  /* a plan is forgotten a quarter of an hour after it was made */
#define TW_PLAN_TOKEN_LEN    32   /* hexadecimal digits of 16 bytes of chance */
#define TW_PLAN_NAMED_MAX    1000 /* failures, runs or events named one by one */
#define TW_PLAN_SHOWN        20   /* items of one reason that are told one by one */
#define TW_PLAN_CURRENCIES   64   /* told one by one; of further ones only that there are some */
#define TW_PLAN_ROWS_MAX     1000000 /* of all plans that wait */
#define TW_PLAN_DESTINATIONS 10      /* named in an error */

/* What a request may say; what it does not say is of the configuration (`replay`). */
#define TW_REPLAY_RATE_MAX          1000 /* items a second */
#define TW_REPLAY_CANARY_MAX        1000
#define TW_REPLAY_STOP_FAILURES_MAX 100000
#define TW_REPLAY_PROOF_S_MIN       5
#define TW_REPLAY_PROOF_S_MAX       86400
#define TW_REPLAY_REASON_MAX        500 /* bytes */
#define TW_REPLAY_KEY_MAX           255 /* bytes of Idempotency-Key */
#define TW_REPLAY_PROOF_MS          400 /* from sending to the proof, as the desk follows it */

/* ---- making a plan ---- */

enum tw_plan_by {
    TW_PLAN_BY_GROUP,
    TW_PLAN_BY_FAILURES,
    TW_PLAN_BY_RUNS,
    TW_PLAN_BY_EVENTS,
    TW_PLAN_BY_FILTER,
};
struct tw_plan_run {
    struct tw_str workflow;
    struct tw_object object;
    struct tw_str step; /* absent: all steps */
};
/* Absent: any. */
struct tw_plan_filter {
    struct tw_str workflow;
    struct tw_str step;
    struct tw_str system;
    struct tw_str label;
    struct tw_str store;
    struct tw_str region;
    const enum tw_cause *cause;
    tw_wall_t since; /* first failed in [since, until); INT64_MIN and INT64_MAX: any */
    tw_wall_t until;
};
struct tw_plan_ask {
    const char *dir;
    struct tw_str actor;
    enum tw_plan_by by;
    const uint64_t *numbers; /* of a group (one), of failures or events */
    const struct tw_plan_run *runs;
    size_t count; /* of either */
    struct tw_plan_filter filter;
    struct tw_str destination;      /* absent: the one that all asked have */
    struct tw_str selection;        /* JSON, kept for who looks later */
    struct tw_str edit;             /* changes to the one that is asked for, JSON; absent: none */
    bool needs_approval;            /* of another person, before anything is sent */
    unsigned override;              /* TW_OVERRIDE_* */
    const struct tw_str *financial; /* names of workflows */
    size_t financial_count;
    const struct tw_str *http; /* destinations that are reached over HTTP */
    size_t http_count;
    tw_wall_t now;
    tw_mono_t deadline;
};

struct tw_plan_amount {
    char currency[4];
    int64_t amount_minor;
    uint64_t count;
};
/* A row of a plan. */
struct tw_plan_item {
    uint64_t seq; /* ascending in the order of sending; not without gaps */
    enum tw_plan_verdict verdict;
    bool is_asked; /* false: of an object of one that was */
    bool is_financial;
    unsigned overridden; /* TW_OVERRIDE_*: what else would have left it out */
    uint64_t event_n;    /* that is sent; 0: none */
    uint64_t failure;
    uint64_t group;
    struct tw_str workflow;
    struct tw_str step;
    struct tw_object object;
    struct tw_str store;
    int64_t amount_minor;
    char currency[4];
};
struct tw_plan_reason {
    uint64_t count;
    struct tw_plan_item *items; /* the first TW_PLAN_SHOWN */
    size_t item_count;
};
struct tw_plan {
    char token[TW_PLAN_TOKEN_LEN + 1];
    tw_wall_t expires;
    struct tw_str destination; /* "": nothing that was asked for has one */
    bool is_http;
    uint64_t agents;  /* online, that carry out for the destination */
    uint64_t count;   /* would be replayed */
    uint64_t held;    /* of these: not asked for */
    uint64_t asked;   /* with what is left out */
    uint64_t unknown; /* of what was named: nothing is known to have failed there */
    /* of what would be replayed */
    struct tw_plan_amount amounts[TW_PLAN_CURRENCIES];
    size_t amount_count;
    bool has_more_currencies;
    uint64_t stores;
    uint64_t objects;
    uint64_t longest; /* the most of one object */
    uint64_t financial;
    uint64_t unproven; /* overridden */
    uint64_t parked;   /* overridden */
    tw_wall_t first;
    tw_wall_t last;
    struct tw_plan_reason reasons[TW_PLAN_VERDICT_COUNT]; /* of what is left out */
};
/* Texts go to the arena. With an edit it is TW_EINVAL unless one failure is asked for and would be
 * replayed. TW_EINVAL: it cannot be planned as asked, the diag says why; TW_ELIMIT:
 * too much; TW_ENOTFOUND also for a group that is not there. */
int tw_plan_make(const struct tw_plan_ask *ask, struct tw_reader *reader, struct tw_arena *arena,
                 struct tw_plan *ret_plan, struct tw_diag *diag);

/* How long a replay takes when nothing gets in its way, in ms: the pace, or the longest chain of
 * one object, each waiting for the proof of the one before; and before it the canary, taken to be
 * one such chain. */
uint64_t tw_replay_estimate_ms(uint64_t count, uint64_t longest, uint64_t rate, uint64_t canary);

/* ---- reading one ---- */

struct tw_plan_page {
    struct tw_str token;
    const enum tw_plan_verdict *verdict; /* NULL: all */
    uint64_t after;                      /* seq; 0: from the start */
    size_t limit;                        /* 1 to 1,000 */
    tw_wall_t now;
    tw_mono_t deadline;
};
/* In order of seq. TW_ENOTFOUND: no such plan, or it has expired. */
int tw_plan_items(const char *dir, struct tw_arena *arena, const struct tw_plan_page *page,
                  struct tw_plan_item **ret_items, size_t *ret_count, bool *ret_more,
                  struct tw_diag *diag);

/* ---- starting a replay ---- */

struct tw_replay_order {
    const char *dir;
    struct tw_str plan; /* its token */
    struct tw_str actor;
    struct tw_str address;         /* of who asks; absent: not known */
    struct tw_str reason;          /* 1 to TW_REPLAY_REASON_MAX bytes */
    struct tw_str override_reason; /* absent, or as above; required when something is overridden */
    struct tw_str key;             /* Idempotency-Key: 1 to TW_REPLAY_KEY_MAX printable ASCII */
    struct tw_str body;            /* in one canonical form: what the key stands for */
    int64_t rate;
    int64_t canary;
    int64_t stop_failures;
    int64_t stop_percent;
    int64_t proof_s;
    tw_wall_t now;
    tw_mono_t deadline;
};
enum tw_replay_outcome {
    TW_REPLAY_STARTED,
    TW_REPLAY_REPEATED,   /* the same key and body were here before: the replay of then */
    TW_REPLAY_OTHER_BODY, /* the key was here before with another body */
    TW_REPLAY_NO_PLAN,    /* unknown, expired, or started already */
    TW_REPLAY_EMPTY,      /* the plan has nothing to be replayed */
    TW_REPLAY_UNREASONED, /* something is overridden, and override_reason does not say why */
    TW_REPLAY_CHANGED,    /* since it was planned */
};
#define TW_REPLAY_CHANGED_SHOWN 10
struct tw_replay_started {
    enum tw_replay_outcome outcome;
    /* of started and repeated ones */
    uint64_t id;
    enum tw_replay_state state;
    tw_wall_t created;
    struct tw_str actor;
    struct tw_str reason;
    struct tw_str destination;
    uint64_t count;
    int64_t rate;
    int64_t canary;
    int64_t stop_failures;
    int64_t stop_percent;
    int64_t proof_s;
    /* of changed ones */
    uint64_t changed; /* failures */
    uint64_t changed_ones[TW_REPLAY_CHANGED_SHOWN];
    size_t changed_count;
};
/* One transaction: the row of the audit, the replay, its items; or nothing of it. TW_EINVAL: a
 * value is out of its bounds, the diag says which. */
int tw_replay_start(const struct tw_replay_order *order, struct tw_arena *arena,
                    struct tw_replay_started *ret_started, struct tw_diag *diag);

#endif
