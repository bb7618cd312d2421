/* SPDX-License-Identifier: Apache-2.0
 * Reading alerts, what was told of them, rules and heartbeats; and what operators and other
 * programs do with them. Thread:  that of the reader of the desk (desk_read.h). Commands: any; each
 * is a transaction of its own, that of an operator with its row of the audit first. Limits:
 * TW_ALERTS_OPEN_MAX open alerts, TW_ALERT_LIST_MAX rows of a list. Fails:   as store/desk_read.h.
 * Source:  decision 80; reference/api.md, "Alerts".
 */
#ifndef TW_STORE_ALERT_READ_H
#define TW_STORE_ALERT_READ_H

#include "store/alerts.h"
#include "store/desk_read.h"
#include "store/notices.h"

#define TW_ALERTS_OPEN_MAX      20000
#define TW_ALERT_LIST_MAX       1000
#define TW_ALERT_TIMELINE_MAX   500
#define TW_ALERTS_ACK_MAX       TW_ALERTS_OPEN_MAX
#define TW_ALERTS_PUSH_ONCE_MAX 1000

/* Grows with every change of anything here; up to when series were judged (0: never). */
struct tw_alerts_mark {
    uint64_t changes;
    int64_t judged_s;
};
int tw_desk_alerts_mark(struct tw_desk_reader *self, struct tw_alerts_mark *ret_mark);

struct tw_alert_view {
    struct tw_alert_row row; /* without fired_before */
    tw_wall_t acked;         /* 0: nobody has */
    struct tw_str acked_by;
    struct tw_str ack_comment;
    struct tw_str inhibited_by; /* JSON array of fingerprints; absent: nothing does */
};
/* Sets of states and severities are bits: 1 << TW_ALERT_ROW_FIRING. Absent texts: all. */
struct tw_alert_filter {
    unsigned states;
    unsigned severities;
    struct tw_str workflow;
    struct tw_str rule;
    struct tw_str owner; /* labels of these names */
    struct tw_str store;
    const uint64_t *fingerprint; /* NULL: all */
    tw_wall_t since;             /* open at some moment in [since, until) */
    tw_wall_t until;
    uint64_t id;     /* only this; 0: all */
    uint64_t before; /* continue behind this one; 0: from the start */
    size_t limit;    /* 1 to TW_ALERT_LIST_MAX */
};
/* The latest first. The watchdog (of the tower, without a severity) is in it only where `rule` or
 * `fingerprint` asks for it. */
int tw_desk_alerts(struct tw_desk_reader *self, struct tw_arena *arena,
                   const struct tw_alert_filter *filter, const struct tw_alert_view **ret_items,
                   size_t *ret_count, bool *ret_more);
/* How many open ones the filter takes, `before` and `limit` aside. */
int tw_desk_alerts_count(struct tw_desk_reader *self, const struct tw_alert_filter *filter,
                         uint64_t *ret_count);
/* All that are open, by id; at most TW_ALERTS_OPEN_MAX. */
int tw_desk_alerts_open(struct tw_desk_reader *self, struct tw_arena *arena,
                        const struct tw_alert_view **ret_items, size_t *ret_count);

/* What hides open alerts: of each that is hidden, the JSON array of fingerprints. */
int tw_desk_inhibited(struct tw_desk_reader *self, struct tw_arena *arena,
                      const struct tw_str **ret_texts, size_t *ret_count);

/* Those that fired or were resolved behind this line of the timelines, the latest first, at most
 * `limit`; *last_line becomes the last there is. */
int tw_desk_alerts_news(struct tw_desk_reader *self, struct tw_arena *arena, size_t limit,
                        uint64_t *last_line, const struct tw_alert_view **ret_items,
                        size_t *ret_count);

struct tw_alert_line {
    tw_wall_t at;
    enum tw_alert_event what;
    struct tw_str actor; /* absent: the tower */
    double value;        /* NAN: none */
    struct tw_str detail;
};
/* The last TW_ALERT_TIMELINE_MAX of one episode, the oldest first. */
int tw_desk_alert_lines(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t alert,
                        const struct tw_alert_line **ret_lines, size_t *ret_count);

struct tw_rule_row {
    struct tw_str name;
    unsigned state; /* enum tw_rule_state */
    tw_wall_t since;
    tw_wall_t evaluated;
    struct tw_str detail;
    uint64_t pending;
    uint64_t firing;
    tw_wall_t last_fired; /* 0: never, as far as is remembered */
};
/* By name; at most TW_ALERT_LIST_MAX. */
int tw_desk_rules(struct tw_desk_reader *self, struct tw_arena *arena,
                  const struct tw_rule_row **ret_rows, size_t *ret_count);
/* By name; at most TW_ALERT_LIST_MAX. */
int tw_desk_heartbeats(struct tw_desk_reader *self, struct tw_arena *arena,
                       const struct tw_alerts_heartbeat **ret_items, size_t *ret_count);

struct tw_notice_view {
    struct tw_notice notice; /* data absent where it was not asked for */
    enum tw_notice_state state;
    tw_wall_t done;
    int status;
    struct tw_str error;
};
struct tw_notice_filter {
    uint64_t id; /* 0: all */
    struct tw_str receiver;
    struct tw_str integration;
    const enum tw_notice_kind *kind;
    const enum tw_notice_state *state;
    const uint64_t *fingerprint; /* of an alert that it tells of */
    tw_wall_t since;
    tw_wall_t until;
    uint64_t before;
    size_t limit; /* 1 to TW_ALERT_LIST_MAX */
};
/* The latest first. */
int tw_desk_notices(struct tw_desk_reader *self, struct tw_arena *arena,
                    const struct tw_notice_filter *filter, const struct tw_notice_view **ret_items,
                    size_t *ret_count, bool *ret_more);

/* What became of the posts of an integration. */
struct tw_receiver_health {
    struct tw_str receiver;
    struct tw_str integration;
    uint32_t idx;
    tw_wall_t ok;
    tw_wall_t failed;
    uint64_t fails; /* in a row */
    bool is_failing;
    struct tw_str error;
    uint64_t waiting;
};
/* Of those that were ever posted to or have something waiting; at most TW_ALERT_LIST_MAX. */
int tw_desk_receivers(struct tw_desk_reader *self, struct tw_arena *arena,
                      const struct tw_receiver_health **ret_items, size_t *ret_count);

/* ---- commands ---- */

struct tw_alert_command {
    const char *dir;
    struct tw_str actor;
    struct tw_str address; /* of who asks */
    tw_wall_t now;
};
/* Somebody has them in hand, or not any more (is_acked false, comment absent). Those that are not
 * open, or are so already, are left out; *ret_changed: how many were not. 1 to TW_ALERTS_ACK_MAX
 * fingerprints. TW_EINVAL: a comment that is empty or longer than TW_REASON_MAX. */
int tw_alerts_ack(const struct tw_alert_command *command, bool is_acked, struct tw_str comment,
                  const uint64_t *fingerprints, size_t count, uint64_t *ret_changed,
                  struct tw_diag *diag);
/* What another program says of its alerts: all of it, or nothing. Times 0: not given. TW_ELIMIT:
 * then more than `max_waiting` would wait. `id` is ignored. */
int tw_alerts_post(const char *dir, const struct tw_alerts_push *items, size_t count,
                   uint64_t max_waiting, struct tw_diag *diag);
/* A notice of kind test for an integration, with this body; the test is of the receiver. */
struct tw_notice_test {
    struct tw_str receiver;
    const struct tw_str *integrations; /* words, with the index of each */
    const uint32_t *idx;
    size_t count;
    struct tw_str data;
};
int tw_notices_test(const struct tw_alert_command *command, const struct tw_notice_test *test,
                    uint64_t *ret_first_id, struct tw_diag *diag);
/* It beats. No row of the audit: it may come each second. TW_ENOTFOUND: nobody waits for it. */
int tw_heartbeat_beat(const char *dir, struct tw_str name, tw_wall_t now, struct tw_diag *diag);

#endif
