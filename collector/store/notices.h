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
/* After a start: what was being sent waits again. */
int tw_notices_recover(struct tw_notices *self, tw_wall_t now, struct tw_diag *diag);
/* The key of every post of one notice: the same after a restart. */
void tw_notice_key(uint64_t id, tw_wall_t created, char ret_key[TW_NOTICE_KEY_SIZE]);

#endif
