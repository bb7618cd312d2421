/* SPDX-License-Identifier: Apache-2.0
 * The judge: from buckets of series to states of alerts, rule by rule. Pure: the same buckets in
 * the same order give the same states, live, on the past, and after a restart.
 * Thread:  the owner's. Memory only: no store, no clock.
 * Limits:  TW_ENGINE_INSTANCES_MAX alerts at once, TW_ENGINE_SERIES_MAX series in the windows; what
 *          is beyond is counted and is an error of its rule, for all to see.
 * Use:     feed all points of a bucket, then tick it, and say whether the tower ran in it; buckets
 *          ascend. A bucket is judged at its end, and that is the time of what it changes.
 *          After a start: tw_engine_ran and feed what windows reach back to (tw_engine_span_s),
 *          tw_engine_usual, tw_engine_restore; then tick.
 * Source:  docs/reference/alerts.md, "States"; Prometheus, alerting rules.
 */
#ifndef TW_ALERT_ENGINE_H
#define TW_ALERT_ENGINE_H

#include "alert/labels.h"
#include "alert/rules.h"

#define TW_ENGINE_INSTANCES_MAX 20000
#define TW_ENGINE_SERIES_MAX    200000
#define TW_ENGINE_BUCKET_S      10
#define TW_FLAP_TIMES           4
#define TW_FLAP_WITHIN_S        3600
#define TW_FLAP_CALM_S          900
#define TW_USUAL_HOURS          168 /* of a week, from Monday 00:00 UTC */
/* A series that says nothing for so long is not known any more, and neither is an alert that stands
 * on it alone. Where silence is 0 it is known for longer, and as long as an alert needs it. */
#define TW_ENGINE_FORGET_S      86400
#define TW_ENGINE_FORGET_ZERO_S 691200
#define TW_LABEL_NO_DATA        "nodata" /* "true": the alert says that nothing is known */

enum tw_alert_state { TW_ALERT_INACTIVE, TW_ALERT_PENDING, TW_ALERT_FIRING, TW_ALERT_RESOLVED };
enum tw_rule_state { TW_RULE_OK, TW_RULE_NO_DATA, TW_RULE_ERROR };
enum tw_alert_news {
    TW_NEWS_PENDING,  /* it is new */
    TW_NEWS_FIRING,   /* opened */
    TW_NEWS_RESOLVED, /* closed */
    TW_NEWS_DROPPED,  /* was pending: nothing is left of it */
    TW_NEWS_VALUE,    /* value, nodata or flapping changed; the state did not */
};

/* One alert of a rule, or what is restored of it. Times in seconds since 1970. */
struct tw_alert {
    const struct tw_rule
        *rule;               /* of the set in force; NULL: its rule has gone (when it resolves) */
    struct tw_labels labels; /* borrowed from the engine until the next tick */
    uint64_t fingerprint;
    enum tw_alert_state state;
    double value;    /* NAN: not known */
    double limit;    /* what it is told against (tw_rule_limit); NAN: not known */
    int64_t since_s; /* the condition holds since */
    int64_t fired_s; /* 0: not */
    int64_t calm_s;  /* the condition does not hold since; 0: it holds. For keep-firing-for */
    bool is_no_data;
    bool is_flapping;
    int64_t fired_before_s[TW_FLAP_TIMES]; /* when it fired last, the latest first; 0: never */
};
struct tw_alert_change {
    enum tw_alert_news news;
    struct tw_alert alert;
};
struct tw_rule_view {
    const struct tw_rule *rule;
    enum tw_rule_state state;
    const char *detail; /* of an error or of what is not known yet; NULL */
    size_t pending;
    size_t firing;
};

struct tw_engine;
/* Borrows nothing: takes references. TW_OK, TW_ENOMEM. */
int tw_engine_new(const struct tw_rules *rules, const struct tw_workflows *workflows,
                  struct tw_engine **ret_engine);
void tw_engine_destroy(struct tw_engine **self_p); /* accepts NULL */
/* Other rules: alerts of rules that have the same name and labels go on; those of rules that went
 * resolve at the next tick. Windows of series that both use are kept. */
int tw_engine_change(struct tw_engine *self, const struct tw_rules *rules,
                     const struct tw_workflows *workflows);
/* Whether some rule looks at this metric; how far back windows reach, at most, with what still held
 * when the longest of them began. */
bool tw_engine_wants(const struct tw_engine *self, struct tw_str metric);
int32_t tw_engine_span_s(const struct tw_engine *self);

/* A point; points of one series and bucket replace (values) or add (counts). Of a bucket that was
 * ticked already it is counted, and changes the sums that still have it; older than every window it
 * only says that there is such a series. `step_s`: 10, or what the past has kept (60, 3,600): it
 * stands for all buckets of that length. What no rule looks at is passed over. TW_OK, TW_ELIMIT,
 * TW_ENOMEM; TW_EINVAL: labels that are none, or a time that is none. */
int tw_engine_feed(struct tw_engine *self, struct tw_str metric_name, struct tw_str labels_json,
                   int64_t bucket_s, int32_t step_s, double value);
/* The tower ran in this bucket, of the time before the first tick; ascending. TW_ENOMEM. */
int tw_engine_ran(struct tw_engine *self, int64_t bucket_s, int32_t step_s);
/* What is usual for each hour of the week, as a sum of one hour (of values: their mean); NAN: not
 * known. For rules with share-of-usual; `labels` are those of `by`, `rule` is of the set in force.
 * TW_OK, TW_ELIMIT, TW_ENOMEM; TW_ENOTFOUND: no such rule. */
int tw_engine_usual(struct tw_engine *self, const struct tw_rule *rule,
                    const struct tw_labels *labels, const double hours[TW_USUAL_HOURS]);
/* Judge the bucket that begins at `bucket_s` (and lasts step_s). is_alive: the tower ran in it;
 * else nothing opens and nothing closes. A bucket that was judged already gives no changes. Changes
 * are borrowed until the next call. TW_OK, TW_ENOMEM (then ask again: nothing has changed). */
int tw_engine_tick(struct tw_engine *self, int64_t bucket_s, int32_t step_s, bool is_alive,
                   const struct tw_alert_change **ret_changes, size_t *ret_count);
/* What was open when the program ended, before the first tick. Copies. One that is resolved gives
 * only when it fired, which tells flapping: the last hour of those is worth restoring.
 * TW_ENOTFOUND: its rule is not in the set any more, or gives it other labels now (the caller
 * resolves it); TW_ELIMIT, TW_ENOMEM. */
int tw_engine_restore(struct tw_engine *self, struct tw_str rule, const struct tw_alert *alert);
/* All that are pending or firing, in no order; borrowed until the next call that changes. */
size_t tw_engine_count(const struct tw_engine *self);
void tw_engine_get(const struct tw_engine *self, size_t i, struct tw_alert *ret_alert);
/* Rules in the order of their set. */
void tw_engine_rule(const struct tw_engine *self, size_t i, struct tw_rule_view *ret_view);
const char *tw_alert_state_name(enum tw_alert_state state);
const char *tw_rule_state_name(enum tw_rule_state state);

#endif
