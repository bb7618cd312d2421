/* SPDX-License-Identifier: Apache-2.0
 * Notices: the outbox of what people are told, and its history. A notice is made in the transaction
 * that notes what its group was told, so that no change of state makes two. It belongs to one
 * integration of one receiver, and is posted at least once: after a crash between the post and the
 * note of its answer it is posted again, with the same key (tw_notice_key).
 * Thread:  one struct tw_notices, one thread (`notify`); others read (store/alert_read.h).
 * Limits:  TW_NOTICE_BODY_MAX bytes a body; TW_NOTICES_WAITING_MAX wait, the oldest are superseded.
 * Fails:   as store/desk.h; after an error between begin and commit: abandon, nothing is kept.
 * Source:  decision 80.
 */
#ifndef TW_STORE_NOTICES_H
#define TW_STORE_NOTICES_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"

#define TW_NOTICE_BODY_MAX     (1u << 20)
#define TW_NOTICES_WAITING_MAX 10000
#define TW_NOTICE_ERROR_MAX    500
#define TW_NOTICE_KEY_SIZE     40

/* X(enum, "word") */
#define TW_NOTICE_KINDS(X)      \
    X(NOTIFY, "notify")         \
    X(TEST, "test")             \
    X(WATCHDOG, "watchdog")     \
    X(ESCALATION, "escalation") \
    X(ACKNOWLEDGED, "acknowledged") /* PagerDuty alone: somebody has taken all of it in hand */
enum tw_notice_kind {
#define TW_NOTICE_KIND_ENUM(name, text) TW_NOTICE_##name,
    TW_NOTICE_KINDS(TW_NOTICE_KIND_ENUM)
#undef TW_NOTICE_KIND_ENUM
        TW_NOTICE_KIND_COUNT
};
const char *tw_notice_kind_name(enum tw_notice_kind kind);

/* X(enum, "word") */
#define TW_NOTICE_STATES(X) \
    X(WAITING, "waiting")   \
    X(SENDING, "sending")   \
    X(SENT, "sent")         \
    X(FAILED, "failed")     \
    X(SUPERSEDED, "superseded") /* a later one of the same group says all that it said */
enum tw_notice_state {
#define TW_NOTICE_STATE_ENUM(name, text) TW_NOTICE_STATE_##name,
    TW_NOTICE_STATES(TW_NOTICE_STATE_ENUM)
#undef TW_NOTICE_STATE_ENUM
        TW_NOTICE_STATE_COUNT
};
const char *tw_notice_state_name(enum tw_notice_state state);

struct tw_notice {
    uint64_t id;
    struct tw_str receiver;
    struct tw_str integration; /* word of tw_integration_name */
    uint32_t idx;
    struct tw_str group; /* groupKey; of a test or the watchdog: "test", "watchdog" */
    enum tw_notice_kind kind;
    struct tw_str reason; /* notification_reason */
    struct tw_str data;   /* webhook v4 body, whole */
    tw_wall_t created;
    tw_wall_t next; /* not to be sent before */
    uint32_t tries; /* posts that were begun */
};

struct tw_notices;
/* TW_ENOTFOUND, TW_EOLDER: the desk has not made it yet. */
int tw_notices_open(const char *dir, struct tw_notices **ret_notices, struct tw_diag *diag);
void tw_notices_close(struct tw_notices **self_p); /* accepts NULL */
int tw_notices_begin(struct tw_notices *self, struct tw_diag *diag);
int tw_notices_commit(struct tw_notices *self, struct tw_diag *diag);
void tw_notices_abandon(struct tw_notices *self);

/* ---- delivery: each in a transaction of the caller ---- */

/* Waiting ones whose time has come, the oldest first, at most `most`; in the arena. */
int tw_notices_due(struct tw_notices *self, struct tw_arena *arena, tw_wall_t now, size_t most,
                   struct tw_notice **ret_items, size_t *ret_count, struct tw_diag *diag);
/* It is posted now: tries + 1. TW_ENOTFOUND: it does not wait any more. */
int tw_notices_sending(struct tw_notices *self, uint64_t id, struct tw_diag *diag);
/* What became of a post. status: of HTTP or SMTP, 0: none. `error` is what people read: no secret.
 */
struct tw_notice_result {
    uint64_t id;
    enum tw_notice_state state; /* SENT, FAILED, or WAITING: again at `next` */
    tw_wall_t next;
    int status;
    struct tw_str error; /* absent when it was sent; cut at TW_NOTICE_ERROR_MAX bytes */
};
int tw_notices_result(struct tw_notices *self, const struct tw_notice_result *result, tw_wall_t now,
                      struct tw_diag *diag);
/* After a start: what was being sent waits again. In a transaction. */
int tw_notices_recover(struct tw_notices *self, tw_wall_t now, struct tw_diag *diag);
/* The key of every post of one notice: the same after a restart. */
void tw_notice_key(uint64_t id, tw_wall_t created, char ret_key[TW_NOTICE_KEY_SIZE]);

/* ---- making them: each in a transaction of the caller ---- */

struct tw_notice_told {
    const uint64_t *alerts; /* rows that it is about */
    size_t count;
};
/* A new one (its id, tries and next are set here). One that waits still, of the same integration
 * and group, is superseded when it tells of nothing that is over: the new one says all that it
 * said. Beyond TW_NOTICES_WAITING_MAX the oldest that waits is superseded, too. */
int tw_notices_add(struct tw_notices *self, struct tw_notice *notice,
                   const struct tw_notice_told *told, struct tw_diag *diag);

/* What a group was told. */
struct tw_notice_group {
    struct tw_str receiver;
    struct tw_str key;    /* groupKey */
    struct tw_str labels; /* JSON */
    tw_wall_t since;
    tw_wall_t next;     /* when it is looked at again */
    tw_wall_t flushed;  /* when it was looked at last */
    tw_wall_t told;     /* 0: it was told nothing yet */
    struct tw_str sent; /* notify/sent.h */
    unsigned escalated;
};
int tw_notices_groups(struct tw_notices *self, struct tw_arena *arena,
                      struct tw_notice_group **ret_items, size_t *ret_count, struct tw_diag *diag);
int tw_notices_put_group(struct tw_notices *self, const struct tw_notice_group *group,
                         struct tw_diag *diag);
int tw_notices_drop_group(struct tw_notices *self, struct tw_str receiver, struct tw_str key,
                          struct tw_diag *diag);

/* ---- alerts and silences, as telling looks at them ---- */

/* +1 with every change that people are shown. */
int tw_notices_mark(struct tw_notices *self, uint64_t *ret_mark, struct tw_diag *diag);
/* One open, firing alert; its texts are read where they are asked for. */
struct tw_notice_firing {
    uint64_t id;
    uint64_t fingerprint;
    tw_wall_t updated;
    tw_wall_t fired;
    bool is_acked;
    bool in_maintenance;
};
/* All of them, by id; but for the tower's own without a severity (the watchdog, which has a way of
 * its own). */
int tw_notices_firing(struct tw_notices *self, struct tw_arena *arena,
                      struct tw_notice_firing **ret_items, size_t *ret_count, struct tw_diag *diag);
struct tw_notice_alert {
    struct tw_notice_firing head;
    struct tw_str labels;
    struct tw_str annotations;
    struct tw_str generator;
    struct tw_str inhibited_by; /* as it was written last; absent: nobody */
    unsigned severity;
    tw_wall_t since;
    tw_wall_t ended; /* 0: open */
};
/* TW_ENOTFOUND. */
int tw_notices_alert(struct tw_notices *self, struct tw_arena *arena, uint64_t id,
                     struct tw_notice_alert *ret_alert, struct tw_diag *diag);
/* The numbers of those that fired and ended at or after `since`, by id; at most `most`. */
int tw_notices_ended(struct tw_notices *self, struct tw_arena *arena, tw_wall_t since, size_t most,
                     uint64_t **ret_ids, size_t *ret_count, struct tw_diag *diag);
struct tw_notice_silence {
    struct tw_str id;
    struct tw_str matchers; /* JSON */
    struct tw_str created_by;
    tw_wall_t starts;
    tw_wall_t ends;
    tw_wall_t created;
    bool is_warned;
};
/* Those that have not ended; at most TW_NOTICE_SILENCES_MAX. */
#define TW_NOTICE_SILENCES_MAX 5000
int tw_notices_silences(struct tw_notices *self, struct tw_arena *arena, tw_wall_t now,
                        struct tw_notice_silence **ret_items, size_t *ret_count,
                        struct tw_diag *diag);
/* In transactions of the caller. */
int tw_notices_set_warned(struct tw_notices *self, struct tw_str silence, struct tw_diag *diag);
int tw_notices_set_inhibited(struct tw_notices *self, uint64_t alert, struct tw_str inhibited_by,
                             struct tw_diag *diag);
/* A line of an alert's timeline (enum tw_alert_event). is_once: not, where this one is there with
 * the same actor and detail. */
struct tw_notice_line {
    uint64_t alert;
    unsigned what;
    tw_wall_t at;
    struct tw_str actor;
    struct tw_str detail;
    bool is_once;
};
int tw_notices_note(struct tw_notices *self, const struct tw_notice_line *line,
                    struct tw_diag *diag);
/* When the last one of this kind was made; 0: none is there. */
int tw_notices_last(struct tw_notices *self, enum tw_notice_kind kind, tw_wall_t *ret_created,
                    struct tw_diag *diag);
/* Forget at most `limit` notices that ended before `before`, and of the watchdog before
 * `watchdog_before`. */
struct tw_notice_age {
    tw_wall_t before;
    tw_wall_t watchdog_before;
    size_t limit;
};
int tw_notices_expire(struct tw_notices *self, const struct tw_notice_age *age, size_t *ret_count,
                      struct tw_diag *diag);

#endif
