/* SPDX-License-Identifier: Apache-2.0
 * The webhook v4 body of a notice, read: what every form of it is rendered from.
 * Thread:  plain data of its owner.
 * Limits:  TW_NOTICE_BODY_MAX bytes; alerts of the integration's max-alerts, the others are
 * counted. Source:  Alertmanager, webhook_config; docs/reference/notifications.md.
 */
#ifndef TW_NOTIFY_BODY_H
#define TW_NOTIFY_BODY_H

#include <jansson.h>
#include <stdbool.h>

#include "alert/json_text.h"
#include "core/err.h"
#include "core/str.h"
#include "notify/text.h"

#define TW_BODY_FACTS_MAX 16
#define TW_BODY_TITLE_MAX 250

struct tw_body_alert {
    json_t *json; /* all of it */
    json_t *labels;
    json_t *annotations;
    struct tw_str starts;
    struct tw_str ends;
    struct tw_str generator; /* absent, or an http(s) URL that may stand in a link */
    struct tw_str fingerprint;
    bool is_firing;
};
struct tw_body {
    json_t *root; /* owned; everything below is borrowed from it */
    struct tw_body_alert *alerts;
    size_t count;               /* those that are listed */
    size_t firing;              /* of these */
    uint64_t truncated;         /* left out: by who made the notice, or beyond max_alerts */
    bool is_firing;             /* the whole */
    struct tw_str external_url; /* absent, or an http(s) URL */
    struct tw_str group_key;
};
struct tw_body_asked {
    bool with_resolved;
    size_t max_alerts; /* 0: all */
};
/* TW_ESYNTAX (it is no such body), TW_ELIMIT (too large), TW_ENOMEM. */
int tw_body_read(struct tw_str data, const struct tw_body_asked *asked, struct tw_body *ret_body);
/* The same of what is read already; takes the reference, also when it fails. */
int tw_body_take(json_t *root, const struct tw_body_asked *asked, struct tw_body *ret_body);
void tw_body_fini(struct tw_body *self);

/* Text members, absent when there is none or it is none. */
struct tw_str tw_json_text(const json_t *object, const char *name);
struct tw_str tw_body_common(const struct tw_body *self, const char *annotation);

/* "critical", "warning", "info" or another word: the worst of what fires, else of all; absent. */
struct tw_str tw_body_severity(const struct tw_body *self);
/* "[critical] Posting in ERP is late (sale-posting): 3 firing, 1 resolved". */
void tw_body_title(const struct tw_body *self, struct tw_text *out);

/* What is worth saying of an alert beside its summary. */
struct tw_body_fact {
    const char *name;
    struct tw_str text;
    char own[96]; /* where text stands when it is made here */
};
/* Returns how many, at most TW_BODY_FACTS_MAX. Texts are borrowed from body and facts. */
size_t tw_body_facts(const struct tw_body_alert *alert,
                     struct tw_body_fact facts[TW_BODY_FACTS_MAX]);
/* Its summary, else its name. */
struct tw_str tw_body_summary(const struct tw_body_alert *alert);
/* Where its runbook can be read, into `url`; false: nowhere. */
bool tw_body_runbook(const struct tw_body *self, const struct tw_body_alert *alert, char *url,
                     size_t size);
/* Of the whole: what the group says about many alerts (top stores, systems). */
size_t tw_body_common_facts(const struct tw_body *self,
                            struct tw_body_fact facts[TW_BODY_FACTS_MAX]);

#endif
