/* SPDX-License-Identifier: Apache-2.0
 * Alerts as rows of desk.db: the words of their columns, and what the thread `alert` writes and
 * reads. It does not make the file: the desk does (store/desk.h). Reading for people is
 * store/alert_read.h.
 *
 * A row is an episode: opened once, pending or firing while it has no `ended`, at most one such row
 * a fingerprint. What is put twice is there once, and says what happened once: who judges may
 * repeat what it does not know to be written.
 * Thread:  one struct tw_alerts, one thread. Other connections read and write beside it (WAL); a
 *          transaction waits for theirs at most TW_DESK_GIVE_WAY_MS, then TW_EBUSY.
 * Limits:  TW_ALERTS_PORTION_MAX rows of one answer.
 * Fails:   TW_EBUSY, TW_ENOSPACE, TW_EIO, TW_EDAMAGED, TW_ENOMEM; after an error between begin and
 *          commit: abandon, nothing is kept.
 * Source:  decision 80; reference/store.md, "Alerts".
 */
#ifndef TW_STORE_ALERTS_H
#define TW_STORE_ALERTS_H

#include <stdbool.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"

#define TW_ALERTS_PORTION_MAX 1000
#define TW_ALERTS_FIRED_MAX   4 /* times it fired before that a row is read back with */

/* X(enum, "word"): alert.origin */
#define TW_ALERT_ORIGINS(X)                                 \
    X(RULE, "rule")                                         \
    X(EXTERNAL, "external") /* posted to us (alert_push) */ \
    X(TOWER, "tower")       /* of ourselves: what we cannot do */
/* alert_event.what: the timeline of an alert. */
#define TW_ALERT_EVENTS(X)                                                                         \
    X(PENDING, "pending")                                                                          \
    X(FIRED, "fired")                   /* value */                                                \
    X(RESOLVED, "resolved")             /* detail: why, when not because the condition has gone */ \
    X(ACKNOWLEDGED, "acknowledged")     /* actor; detail: the comment */                           \
    X(UNACKNOWLEDGED, "unacknowledged") /* actor */                                                \
    X(NOTIFIED, "notified")             /* actor: the receiver; detail: the reason */              \
    X(ESCALATED, "escalated")           /* actor: the receiver */                                  \
    X(FLAPPING, "flapping")             /* it fires again and again: it stays firing */            \
    X(NODATA, "nodata")                 /* nothing is known any more */                            \
    X(SILENCED, "silenced")             /* detail: by which silence */                             \
    X(INHIBITED, "inhibited")           /* detail: by which alert */                               \
    X(NOTE, "note")                     /* detail */                                               \
    X(CALM, "calm")                     /* it flaps no more */                                     \
    X(DATA, "data")                     /* something is known again */                             \
    X(MAINTENANCE, "maintenance")       /* planned; detail: "begins" or "ends" */
/* heartbeat.state */
#define TW_HEARTBEAT_STATES(X)                                   \
    X(AWAITED, "awaited") /* none was heard since it is known */ \
    X(BEATING, "beating")                                        \
    X(MISSED, "missed")

#define TW_ALERT_ORIGIN_ENUM(name, text)    TW_ALERT_OF_##name,
#define TW_ALERT_EVENT_ENUM(name, text)     TW_ALERT_EVENT_##name,
#define TW_HEARTBEAT_STATE_ENUM(name, text) TW_HEARTBEAT_##name,
enum tw_alert_origin { TW_ALERT_ORIGINS(TW_ALERT_ORIGIN_ENUM) TW_ALERT_ORIGIN_COUNT };
enum tw_alert_event { TW_ALERT_EVENTS(TW_ALERT_EVENT_ENUM) TW_ALERT_EVENT_COUNT };
enum tw_heartbeat_state { TW_HEARTBEAT_STATES(TW_HEARTBEAT_STATE_ENUM) TW_HEARTBEAT_STATE_COUNT };
#undef TW_ALERT_ORIGIN_ENUM
#undef TW_ALERT_EVENT_ENUM
#undef TW_HEARTBEAT_STATE_ENUM
const char *tw_alert_origin_name(enum tw_alert_origin origin);
const char *tw_alert_event_name(enum tw_alert_event what);
const char *tw_heartbeat_state_name(enum tw_heartbeat_state state);

/* alert.state, as enum tw_alert_state of alert/engine.h, and alert.severity, as enum tw_severity of
 * alert/rules.h, have the same numbers. */
#define TW_ALERT_ROW_PENDING     1
#define TW_ALERT_ROW_FIRING      2
#define TW_ALERT_ROW_RESOLVED    3
#define TW_ALERT_ROW_NO_SEVERITY 3

/* One row. Texts are absent and times 0 where the column is NULL. */
struct tw_alert_row {
    uint64_t id; /* 0: not stored yet */
    uint64_t fingerprint;
    enum tw_alert_origin origin;
    struct tw_str rule;        /* label `alertname`; "" where there is none */
    struct tw_str labels;      /* JSON object of texts, names sorted */
    struct tw_str annotations; /* likewise */
    unsigned severity;
    struct tw_str workflow;
    unsigned state;
    bool is_nodata;
    bool is_flapping;
    bool in_maintenance;
    double value;     /* NAN: not known */
    double threshold; /* NAN: none */
    bool is_above;    /* where there is a threshold */
    struct tw_str unit;
    tw_wall_t since;
    tw_wall_t fired;
    tw_wall_t calm; /* its condition does not hold since */
    tw_wall_t ended;
    tw_wall_t updated;
    tw_wall_t ends; /* of external ones: over by itself then */
    struct tw_str generator;
    /* read back only: when alerts of this fingerprint fired last, the latest first; 0: not */
    tw_wall_t fired_before[TW_ALERTS_FIRED_MAX];
};

struct tw_alerts;
/* TW_ENOTFOUND, TW_EOLDER: the desk has not made it yet. */
int tw_alerts_open(const char *dir, struct tw_alerts **ret_alerts, struct tw_diag *diag);
void tw_alerts_close(struct tw_alerts **self_p); /* accepts NULL */

int tw_alerts_begin(struct tw_alerts *self, struct tw_diag *diag);
/* meta.alerts grows when something was changed that people are shown. */
int tw_alerts_commit(struct tw_alerts *self, struct tw_diag *diag);
void tw_alerts_abandon(struct tw_alerts *self);

/* ---- where judging stands ---- */

struct tw_alerts_place {
    int64_t judged_s;     /* the bucket that was judged last; 0: none ever */
    uint64_t evaluations; /* rules judged, ever */
    uint64_t evaluation_us;
    uint64_t refused; /* what was not opened for want of room, ever */
};
int tw_alerts_place(struct tw_alerts *self, struct tw_alerts_place *ret_place,
                    struct tw_diag *diag);
/* In a transaction. meta.alerts stays. */
int tw_alerts_set_place(struct tw_alerts *self, const struct tw_alerts_place *place,
                        struct tw_diag *diag);

/* ---- rows, in transactions ---- */

/* What became of one that was put. */
enum tw_alerts_news {
    TW_ALERTS_SAME,    /* it was so already */
    TW_ALERTS_CHANGED, /* of its values, texts or flags */
    TW_ALERTS_OPENED,  /* pending */
    TW_ALERTS_FIRED,
    TW_ALERTS_HELD, /* an alert of another origin has this fingerprint: nothing was changed */
    TW_ALERTS_ENDED,
    TW_ALERTS_NOTHING, /* none is open, and none was opened */
};
/* What is so now of the alert of this fingerprint: the open row becomes this (a firing one is never
 * made pending; acknowledgement, flags of others, `since` of a firing one and the first `fired`
 * stay), or, if it may be, a new one is opened. The timeline says what has changed, at
 * row->updated. An alert of a rule takes an external one over; else rows of another origin are left
 * alone. */
int tw_alerts_put(struct tw_alerts *self, const struct tw_alert_row *row, bool may_open,
                  enum tw_alerts_news *ret_news, struct tw_diag *diag);
struct tw_alerts_end {
    tw_wall_t at;
    struct tw_str why; /* absent: because its condition has gone */
};
/* It is over: a firing one is resolved, a pending one is deleted. HELD as above. */
int tw_alerts_end(struct tw_alerts *self, uint64_t fingerprint, enum tw_alert_origin origin,
                  const struct tw_alerts_end *end, enum tw_alerts_news *ret_news,
                  struct tw_diag *diag);
/* There are external ones whose `ends` has passed; outside of transactions, too. */
int tw_alerts_has_passed(struct tw_alerts *self, tw_wall_t now, bool *ret_has,
                         struct tw_diag *diag);
/* External ones whose `ends` has passed are resolved, then; how many. */
int tw_alerts_end_passed(struct tw_alerts *self, tw_wall_t now, size_t *ret_count,
                         struct tw_diag *diag);
/* What planned maintenance is about: open alerts with the same labels `workflow` and `system`, and
 * whether some of them have the flag, and some have it not. */
struct tw_alerts_scope {
    struct tw_str workflow; /* absent: they have no such label, likewise */
    struct tw_str system;
    bool some_in;
    bool some_out;
};
/* These are in maintenance, or are not, with a line in their timelines. */
int tw_alerts_set_maintenance(struct tw_alerts *self, const struct tw_alerts_scope *scope,
                              bool in_maintenance, tw_wall_t now, struct tw_diag *diag);
/* Forget, at most limit of those that ended before `before`, with their timelines. */
int tw_alerts_expire(struct tw_alerts *self, tw_wall_t before, size_t limit, size_t *ret_count,
                     struct tw_diag *diag);

/* ---- read back ---- */

/* Open rows by id, those behind `after`; at most limit (1 to TW_ALERTS_PORTION_MAX). */
int tw_alerts_open_rows(struct tw_alerts *self, struct tw_arena *arena, uint64_t after,
                        size_t limit, struct tw_alert_row **ret_rows, size_t *ret_count,
                        struct tw_diag *diag);
/* Of those that ended at or after `since`, the newest of each fingerprint that has no open row:
 * what is known of alerts that may flap. Alerts of rules only. */
struct tw_alerts_since {
    tw_wall_t ended; /* or later */
    uint64_t after;
    size_t limit; /* 1 to TW_ALERTS_PORTION_MAX */
};
int tw_alerts_recent(struct tw_alerts *self, struct tw_arena *arena,
                     const struct tw_alerts_since *since, struct tw_alert_row **ret_rows,
                     size_t *ret_count, struct tw_diag *diag);
int tw_alerts_count(struct tw_alerts *self, uint64_t *ret_open, struct tw_diag *diag);
/* The scopes of all open alerts that have one of those labels; at most TW_ALERTS_PORTION_MAX. */
int tw_alerts_scopes(struct tw_alerts *self, struct tw_arena *arena,
                     struct tw_alerts_scope **ret_items, size_t *ret_count, struct tw_diag *diag);

/* ---- rules ---- */

/* rule_state.state has the numbers of enum tw_rule_state of alert/engine.h. */
struct tw_alerts_rule {
    struct tw_str name;
    unsigned state;
    struct tw_str detail; /* absent: nothing to say */
    uint64_t instances;   /* pending or firing */
};
/* In a transaction: `since` is `now` when its state is another one than before. */
int tw_alerts_put_rule(struct tw_alerts *self, const struct tw_alerts_rule *rule, tw_wall_t now,
                       struct tw_diag *diag);
/* In a transaction: all that there are were evaluated at `at`. meta.alerts stays. */
int tw_alerts_evaluated(struct tw_alerts *self, tw_wall_t at, struct tw_diag *diag);
/* By name; at most TW_ALERTS_PORTION_MAX. */
int tw_alerts_rules(struct tw_alerts *self, struct tw_arena *arena,
                    struct tw_alerts_rule **ret_rules, size_t *ret_count, struct tw_diag *diag);
/* In a transaction. */
int tw_alerts_forget_rule(struct tw_alerts *self, struct tw_str name, struct tw_diag *diag);

/* ---- what was posted to us ---- */

struct tw_alerts_push {
    uint64_t id;
    tw_wall_t at;
    struct tw_str labels;
    struct tw_str annotations;
    tw_wall_t starts;
    tw_wall_t ends;
    struct tw_str generator;
};
/* In the order in which it came; at most limit (1 to TW_ALERTS_PORTION_MAX). */
int tw_alerts_pushed(struct tw_alerts *self, struct tw_arena *arena, size_t limit,
                     struct tw_alerts_push **ret_items, size_t *ret_count, struct tw_diag *diag);
/* In a transaction: those up to this number are taken. meta.alerts stays. */
int tw_alerts_taken(struct tw_alerts *self, uint64_t up_to, struct tw_diag *diag);

/* ---- heartbeats ---- */

struct tw_alerts_heartbeat {
    struct tw_str name;
    tw_wall_t last; /* when it was heard, or became known */
    bool was_heard; /* read back only */
    int64_t every_s;
    enum tw_heartbeat_state state;
};
/* By name; at most TW_ALERTS_PORTION_MAX. */
int tw_alerts_heartbeats(struct tw_alerts *self, struct tw_arena *arena,
                         struct tw_alerts_heartbeat **ret_items, size_t *ret_count,
                         struct tw_diag *diag);
/* In a transaction: a new one, or another period or state; `last` of a known one stays. */
int tw_alerts_put_heartbeat(struct tw_alerts *self, const struct tw_alerts_heartbeat *heartbeat,
                            struct tw_diag *diag);
/* In a transaction. */
int tw_alerts_forget_heartbeat(struct tw_alerts *self, struct tw_str name, struct tw_diag *diag);

/* ---- what the tower knows of itself ---- */

/* Items of replays that became unproven and are not proven since, by the system of their step; the
 * series `replay_unproven`. At most TW_ALERTS_PORTION_MAX. */
struct tw_alerts_unproven {
    struct tw_str system;
    uint64_t items;
};
int tw_alerts_unproven(struct tw_alerts *self, struct tw_arena *arena,
                       struct tw_alerts_unproven **ret_items, size_t *ret_count,
                       struct tw_diag *diag);
/* Integrations of receivers that fail: their last notice was given up, or TW_RECEIVER_FAILS posts
 * or more in a row. By receiver; at most TW_ALERTS_PORTION_MAX. */
#define TW_RECEIVER_FAILS 3
struct tw_alerts_receiver {
    struct tw_str receiver;
    struct tw_str integration;
    struct tw_str error; /* absent: not known */
};
int tw_alerts_failing_receivers(struct tw_alerts *self, struct tw_arena *arena,
                                struct tw_alerts_receiver **ret_items, size_t *ret_count,
                                struct tw_diag *diag);

#endif
