/* SPDX-License-Identifier: Apache-2.0
 * Who is told: receivers with their integrations, the tree of routes, what inhibits what, times,
 * the watchdog and the heartbeats that are expected. Read from one YAML file (`notify.file` of the
 * configuration), checked whole, then const. Without a file there is one receiver, `browser`.
 *
 * Secrets are read with the file: from other files (`*-file`, not readable by others) or from the
 * environment (`${env:NAME}`). They stand in the fields marked "secret" and nowhere else: `target`
 * is what people are shown, and tw_notify_yaml leaves them out.
 *
 * Thread: made by main; const and shared afterwards (counted references, atomic).
 * Limits: TW_NOTIFY_*_MAX, each a fault with file:line when it is passed.
 * Fails:  TW_ECONFIG with every fault as "file:line: what is wrong" in one report.
 * Source: docs/reference/notifications.md; Alertmanager, configuration (words and defaults).
 */
#ifndef TW_NOTIFY_ROUTES_H
#define TW_NOTIFY_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "alert/hours.h"
#include "alert/labels.h"
#include "alert/matcher.h"
#include "alert/rules.h"
#include "config/config.h"

#define TW_NOTIFY_RECEIVERS_MAX    100
#define TW_NOTIFY_INTEGRATIONS_MAX 32 /* of one receiver */
#define TW_NOTIFY_TO_MAX           50 /* addresses of one mail */
#define TW_NOTIFY_ROUTES_MAX       500
#define TW_NOTIFY_DEPTH_MAX        12
#define TW_NOTIFY_GROUP_BY_MAX     16
#define TW_NOTIFY_ESCALATIONS_MAX  8   /* of one route */
#define TW_NOTIFY_NAMED_TIMES_MAX  16  /* of one route, active or mute */
#define TW_NOTIFY_INHIBITS_MAX     100 /* and labels of `equal`: TW_NOTIFY_GROUP_BY_MAX */
#define TW_NOTIFY_TIMES_MAX        100
#define TW_NOTIFY_INTERVALS_MAX    32 /* of one of the times */
#define TW_NOTIFY_HEARTBEATS_MAX   100
#define TW_NOTIFY_NETS_MAX         64
#define TW_NOTIFY_NAME_MAX         64
#define TW_NOTIFY_SECRET_MAX       4096 /* bytes of a secret */
#define TW_NOTIFY_ALERTS_DEFAULT   50   /* listed in one notice */
#define TW_NOTIFY_ALERTS_MAX       1000 /* also where max-alerts is 0, which means all */

/* X(enum, "word"): the key in a receiver, and integration of a notice */
#define TW_INTEGRATIONS(X)          \
    X(WEBHOOK, "webhook")           \
    X(ALERTMANAGER, "alertmanager") \
    X(EMAIL, "email")               \
    X(SLACK, "slack")               \
    X(TEAMS, "teams")               \
    X(PAGERDUTY, "pagerduty")       \
    X(PUB, "pub")                   \
    X(BROWSER, "browser")
enum tw_integration_kind {
#define TW_INTEGRATION_ENUM(name, text) TW_INTEGRATION_##name,
    TW_INTEGRATIONS(TW_INTEGRATION_ENUM)
#undef TW_INTEGRATION_ENUM
        TW_INTEGRATION_KIND_COUNT
};
const char *tw_integration_name(enum tw_integration_kind kind);

enum tw_mail_tls { TW_MAIL_STARTTLS, TW_MAIL_TLS, TW_MAIL_NO_TLS };

/* One way of telling. What a kind has no key for is NULL, false or 0. */
struct tw_integration {
    enum tw_integration_kind kind;
    size_t idx; /* among those of its kind in its receiver, from 0 */
    bool sends_resolved;
    int64_t max_alerts; /* listed in one notice; the others are counted */
    char *target;       /* for people: "https://host/...", "a@x, b@x", "tcp://..."; no secret */
    char *url;          /* secret: webhook, alertmanager (its base), slack, teams, pagerduty */
    char *bearer;       /* secret: webhook, alertmanager */
    char *ca_file;      /* NULL: the authorities of this machine */
    int64_t timeout_s;
    char *routing_key; /* secret: pagerduty */
    /* email */
    struct tw_cfg_strings to;
    char *from;
    char *smarthost; /* smtp://HOST:PORT */
    enum tw_mail_tls tls;
    char *username;
    char *password; /* secret */
    bool has_picture;
    /* pub */
    char *bind; /* ZeroMQ endpoint */
    int line;
};
struct tw_receiver {
    char *name; /* [A-Za-z0-9][A-Za-z0-9_.-]{0,63}, unique */
    struct tw_integration *items;
    size_t count;
    int line;
};

struct tw_escalation {
    int64_t after_s; /* since the group was told first; ascending */
    size_t receiver;
};
/* Routes stand in preorder: the children of i are i + 1, then the `end` of each before `end` of i.
 * What a route does not say it has from its parent. */
struct tw_route {
    size_t parent; /* of the root: itself, 0 */
    size_t end;    /* behind its last descendant */
    size_t receiver;
    struct tw_matchers *matchers; /* all must match; the root matches everything */
    char *key;                    /* path of matchers, as group keys have it: {}/{a="b"} */
    struct tw_matcher_text *texts;
    size_t text_count;
    bool goes_on; /* `continue`: its later siblings are asked, too */
    bool groups_by_all;
    struct tw_cfg_strings group_by; /* label names, sorted */
    int64_t group_wait_s;
    int64_t group_interval_s;
    int64_t repeat_interval_s;                      /* a multiple of the interval */
    size_t active_times[TW_NOTIFY_NAMED_TIMES_MAX]; /* none: always */
    size_t active_count;
    size_t mute_times[TW_NOTIFY_NAMED_TIMES_MAX];
    size_t mute_count;
    struct tw_escalation escalations[TW_NOTIFY_ESCALATIONS_MAX];
    size_t escalation_count;
    int line;
};

struct tw_inhibit {
    struct tw_matchers *source;
    struct tw_matchers *target;
    struct tw_matcher_text *source_texts;
    size_t source_count;
    struct tw_matcher_text *target_texts;
    size_t target_count;
    struct tw_cfg_strings equal;
    bool follows_system; /* the target is at or behind a step of the source's `system` */
    int line;
};
/* Times with a name. Recurring mutes are those that a route names under mute-times. */
struct tw_notify_time {
    char *name;
    struct tw_hours *items; /* any of them */
    size_t count;
    char **zones; /* of each, as written; NULL: UTC */
    int line;
};
struct tw_notify_heartbeat {
    char *name;
    int64_t every_s;
    int64_t grace_s;
    enum tw_severity severity;
    char *owner; /* NULL: integration */
    int line;
};
struct tw_notify_net {
    bool is_v6;
    uint8_t address[16]; /* in the order of the network */
    unsigned bits;
};

struct tw_notify {
    char *file;         /* NULL: built in */
    char *external_url; /* without '/' at its end; NULL: not known */
    struct tw_receiver *receivers;
    size_t receiver_count;
    struct tw_route *routes; /* at least the root */
    size_t route_count;
    struct tw_inhibit *inhibits;
    size_t inhibit_count;
    struct tw_notify_time *times;
    size_t time_count;
    struct tw_notify_heartbeat *heartbeats;
    size_t heartbeat_count;
    struct tw_notify_net *allowed; /* private targets that may be connected to */
    size_t allowed_count;
    bool has_watchdog;
    size_t watchdog_receiver;
    int64_t watchdog_every_s;
    uint64_t serial; /* different for each set of this process */
};

/* What cfg->notify.file names, or what holds without one. TW_OK, TW_ECONFIG, TW_ENOMEM. Starts with
 * one reference. */
int tw_notify_load(const struct tw_cfg *cfg, FILE *report, const struct tw_notify **ret_set);
/* From memory, with the same checks; paths of secrets are relative to the working directory. */
int tw_notify_parse(const char *name, struct tw_str yaml, FILE *report,
                    const struct tw_notify **ret_set);
const struct tw_notify *tw_notify_ref(const struct tw_notify *self);
void tw_notify_unref(const struct tw_notify **self_p); /* accepts NULL */

/* NULL, or TW_NOTIFY_NONE, when there is none. */
#define TW_NOTIFY_NONE SIZE_MAX
const struct tw_receiver *tw_notify_find(const struct tw_notify *self, struct tw_str name);
/* NULL: it has none of this kind and index. */
const struct tw_integration *tw_receiver_find(const struct tw_receiver *self,
                                              enum tw_integration_kind kind, size_t idx);
/* TW_INTEGRATION_KIND_COUNT for a word that is none. */
enum tw_integration_kind tw_integration_find(struct tw_str text);
/* The routes that take an alert: at most `most`, in order; returns how many. Every alert has one.
 */
size_t tw_notify_route(const struct tw_notify *self, const struct tw_labels *labels, size_t *routes,
                       size_t most);
/* The name of the time that keeps this route silent now (outside of its active times: the first of
 * them); NULL: nothing does. */
const char *tw_notify_muted_by(const struct tw_notify *self, const struct tw_route *route,
                               tw_wall_t at);
/* `address`: 4 or 16 bytes. It lies in one of `allow`. */
bool tw_notify_allows(const struct tw_notify *self, bool is_v6, const uint8_t *address);
/* As a configuration of Alertmanager that `amtool config routes` reads, without secrets. */
int tw_notify_yaml(const struct tw_notify *self, FILE *out);
/* What `tillwatch check` says: the tree of routes, receivers and their targets. */
int tw_notify_describe(const struct tw_notify *self, FILE *out);
/* The tables of keys as Markdown, for docs/reference/notifications.md. TW_OK or TW_EIO. */
int tw_notify_print_keys(FILE *out);

#endif
