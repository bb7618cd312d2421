/* SPDX-License-Identifier: Apache-2.0
 * Building, feeding, changing and asking the judge; its states are in engine_states.c. */
#include "config.h"
#include "alert/engine_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SCRATCH_BYTES ((size_t)1 << 20)
#define BUCKET_MAX    (INT32_MAX / 2)

/* ---- building -------------------------------------------------------------------------------- */

static int want(struct tw_engine *self, size_t judge, const struct tw_measure *measure,
                bool is_share)
{
    struct tw_wanted *wanted = &self->wanted[measure->metric - tw_metrics];
    struct tw_interest *items = realloc(wanted->items, (wanted->count + 1) * sizeof *items);
    if (items == NULL) {
        return TW_ENOMEM;
    }
    items[wanted->count] = (struct tw_interest){.judge = (uint32_t)judge, .is_share = is_share};
    wanted->items = items;
    wanted->count++;
    int32_t span = self->judges[judge].rule->over_s / TW_ENGINE_BUCKET_S;
    wanted->span = span > wanted->span ? span : wanted->span;
    self->span = span > self->span ? span : self->span;
    return TW_OK;
}

static int want_all(struct tw_engine *self)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->judge_count && rc == TW_OK; i++) {
        const struct tw_rule *rule = self->judges[i].rule;
        if (rule->is_enabled) {
            rc = want(self, i, &rule->when, false);
            rc = rc == TW_OK && tw_rule_has_second(rule) ? want(self, i, &rule->share, true) : rc;
        }
    }
    return rc;
}

int tw_engine_new_of(const struct tw_rules *rules, const struct tw_rule *only,
                     const struct tw_workflows *workflows, struct tw_engine **ret_engine)
{
    struct tw_engine *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    const struct tw_rule *first = only == NULL ? rules->items : only;
    self->judge_count = only == NULL ? rules->count : 1;
    self->is_shown = only != NULL;
    self->rules = tw_rules_ref(rules);
    self->workflows = tw_workflows_ref(workflows);
    self->last = INT32_MIN;
    self->swept = INT32_MIN;
    tw_arena_init(&self->scratch, SCRATCH_BYTES);
    self->judges = calloc(self->judge_count + 1, sizeof *self->judges);
    self->wanted = calloc(tw_metric_count, sizeof *self->wanted);
    int rc = self->judges == NULL || self->wanted == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < self->judge_count && rc == TW_OK; i++) {
        self->judges[i].rule = &first[i];
    }
    for (size_t i = 0; i < tw_metric_count && rc == TW_OK; i++) {
        self->wanted[i].since = INT32_MIN;
    }
    rc = rc == TW_OK ? want_all(self) : rc;
    rc = rc == TW_OK ? tw_engine_make_static(self) : rc;
    if (rc != TW_OK) {
        tw_engine_destroy(&self);
        return rc;
    }
    *ret_engine = self;
    return TW_OK;
}

int tw_engine_new(const struct tw_rules *rules, const struct tw_workflows *workflows,
                  struct tw_engine **ret_engine)
{
    return tw_engine_new_of(rules, NULL, workflows, ret_engine);
}

static void free_states(struct tw_state **states_p, size_t *count_p)
{
    for (size_t i = 0; i < *count_p; i++) {
        tw_state_fini(&(*states_p)[i]);
    }
    free(*states_p);
    *states_p = NULL;
    *count_p = 0;
}

/* What it owns, not itself. */
static void release(struct tw_engine *self)
{
    for (size_t i = 0; i < self->series.capacity; i++) {
        if (self->series.slots[i].item != NULL) {
            tw_watched_destroy(self->series.slots[i].item);
        }
    }
    for (size_t i = 0; self->judges != NULL && i < self->judge_count; i++) {
        for (size_t k = 0; k < self->judges[i].count; k++) {
            tw_instance_destroy(self->judges[i].items[k]);
        }
        free(self->judges[i].items);
    }
    for (size_t i = 0; self->wanted != NULL && i < tw_metric_count; i++) {
        free(self->wanted[i].items);
    }
    free_states(&self->leaving, &self->leaving_count);
    free_states(&self->left, &self->left_count);
    free(self->series.slots);
    free(self->instances.slots);
    free(self->judges);
    free(self->wanted);
    free(self->open);
    free(self->changes);
    tw_uptime_fini(&self->uptime);
    tw_arena_fini(&self->scratch);
    tw_workflows_unref(&self->workflows);
    tw_rules_unref(&self->rules);
}

void tw_engine_destroy(struct tw_engine **self_p)
{
    if (*self_p != NULL) {
        release(*self_p);
        free(*self_p);
        *self_p = NULL;
    }
}

/* ---- feeding --------------------------------------------------------------------------------- */

bool tw_engine_wants(const struct tw_engine *self, struct tw_str metric)
{
    const struct tw_metric *found = tw_metric_find(metric);
    return found != NULL && self->wanted[found - tw_metrics].count > 0;
}

int32_t tw_engine_span_s(const struct tw_engine *self)
{
    return (self->span + TW_TRAIL_SLACK) * TW_ENGINE_BUCKET_S;
}

static int32_t length_of(int32_t step_s)
{
    return step_s < TW_ENGINE_BUCKET_S ? 1 : step_s / TW_ENGINE_BUCKET_S;
}

static bool is_time(int64_t bucket_s, int32_t step_s)
{
    return bucket_s >= 0 && step_s >= 0 && step_s <= TW_ENGINE_FORGET_S &&
           bucket_s / TW_ENGINE_BUCKET_S <= BUCKET_MAX;
}

int tw_engine_feed(struct tw_engine *self, struct tw_str metric_name, struct tw_str labels_json,
                   int64_t bucket_s, int32_t step_s, double value)
{
    const struct tw_metric *metric = self->fed;
    if (metric == NULL || !tw_str_is(metric_name, metric->name)) {
        metric = tw_metric_find(metric_name);
        self->fed = metric;
    }
    if (!is_time(bucket_s, step_s) || !isfinite(value)) {
        return TW_EINVAL;
    }
    if (metric == NULL || self->wanted[metric - tw_metrics].count == 0) {
        return TW_OK;
    }
    struct tw_watched *series = NULL;
    struct tw_wanted *wanted = &self->wanted[metric - tw_metrics];
    int rc = tw_engine_watch(self, metric, labels_json, &series);
    if (rc != TW_OK) {
        return rc;
    }
    int32_t length = length_of(step_s);
    /* What is written once a minute may come a bucket later than that. */
    int32_t every = length_of((int32_t)metric->step_s);
    int32_t hold = every > 1 ? every + 1 : 1;
    const struct tw_trail_point point = {.bucket = (int32_t)(bucket_s / TW_ENGINE_BUCKET_S),
                                         .hold = hold > length ? hold : length,
                                         .value = value};
    rc = tw_trail_feed(&series->trail, &point, length, wanted->span);
    if (rc == TW_OK) {
        wanted->since = point.bucket < wanted->since ? point.bucket : wanted->since;
        int32_t until = point.bucket + length - 1;
        series->heard = until > series->heard ? until : series->heard;
    }
    return rc;
}

int tw_engine_ran(struct tw_engine *self, int64_t bucket_s, int32_t step_s)
{
    int32_t from = (int32_t)(bucket_s / TW_ENGINE_BUCKET_S);
    return !is_time(bucket_s, step_s) ? TW_OK
                                      : tw_uptime_add(&self->uptime, from, from + length_of(step_s),
                                                      self->span + TW_TRAIL_SLACK);
}

int tw_engine_usual(struct tw_engine *self, const struct tw_rule *rule,
                    const struct tw_labels *labels, const double hours[TW_USUAL_HOURS])
{
    size_t judge = 0;
    while (judge < self->judge_count && self->judges[judge].rule != rule) {
        judge++;
    }
    if (judge == self->judge_count || !rule->is_usual_share || !rule->is_enabled) {
        return TW_ENOTFOUND;
    }
    struct tw_str values[TW_RULE_BY_MAX] = {0};
    for (size_t i = 0; i < rule->by_count; i++) {
        values[i] = tw_labels_get(labels, rule->by[i]);
    }
    struct tw_instance *instance = NULL;
    int rc = tw_engine_instance(self, judge, values, &instance);
    if (rc == TW_OK && instance->usual == NULL) {
        instance->usual = malloc(TW_USUAL_HOURS * sizeof *instance->usual);
        rc = instance->usual == NULL ? TW_ENOMEM : TW_OK;
    }
    if (rc == TW_OK) {
        memcpy(instance->usual, hours, TW_USUAL_HOURS * sizeof *hours);
        instance->heard = self->last > instance->heard ? self->last : instance->heard;
    }
    return rc;
}

/* ---- restoring ------------------------------------------------------------------------------- */

static int reserve_open(struct tw_engine *self)
{
    if (self->open_count < self->open_capacity) {
        return TW_OK;
    }
    size_t capacity = self->open_capacity == 0 ? 16 : self->open_capacity * 2;
    struct tw_state **open = realloc(self->open, capacity * sizeof(struct tw_state *));
    if (open == NULL) {
        return TW_ENOMEM;
    }
    self->open = open;
    self->open_capacity = capacity;
    return TW_OK;
}

/* The state that an alert with these labels would have; named. */
static int find_state(struct tw_engine *self, size_t judge, const struct tw_labels *labels,
                      struct tw_state **ret_state)
{
    const struct tw_rule *rule = self->judges[judge].rule;
    struct tw_str values[TW_RULE_BY_MAX] = {0};
    for (size_t i = 0; i < rule->by_count; i++) {
        values[i] = tw_labels_get(labels, rule->by[i]);
    }
    struct tw_instance *instance = NULL;
    int rc = tw_engine_instance(self, judge, values, &instance);
    if (rc != TW_OK) {
        return rc;
    }
    bool is_no_data = rule->no_data == TW_NO_DATA_ALERT &&
                      tw_str_is(tw_labels_get(labels, TW_LABEL_NO_DATA), "true");
    if (is_no_data && instance->no_data == NULL) {
        instance->no_data = calloc(1, sizeof *instance->no_data);
        if (instance->no_data == NULL) {
            return TW_ENOMEM;
        }
    }
    *ret_state = is_no_data ? instance->no_data : &instance->main;
    rc = tw_engine_name(self, instance, is_no_data, *ret_state);
    return rc == TW_EINVAL ? TW_ENOTFOUND : rc;
}

static bool is_open(enum tw_alert_state state)
{
    return state == TW_ALERT_PENDING || state == TW_ALERT_FIRING;
}

/* Rules and objectives may have changed since. */
static double limit_of(const struct tw_engine *self, size_t judge, const struct tw_labels *labels,
                       int64_t at_s)
{
    return tw_rule_limit(self->judges[judge].rule, self->workflows,
                         tw_labels_get(labels, "objective"), at_s);
}

static int restore_alert(struct tw_engine *self, size_t judge, const struct tw_alert *alert)
{
    struct tw_state *state = NULL;
    int rc = find_state(self, judge, &alert->labels, &state);
    if (rc != TW_OK) {
        return rc;
    }
    if (state->alert.fingerprint != alert->fingerprint) {
        return TW_ENOTFOUND;
    }
    if (!is_open(alert->state) || is_open(state->alert.state)) {
        for (size_t i = 0; i < TW_FLAP_TIMES && !is_open(state->alert.state); i++) {
            state->alert.fired_before_s[i] = alert->fired_before_s[i];
        }
        return TW_OK;
    }
    if (self->open_count >= TW_ENGINE_INSTANCES_MAX) {
        return TW_ELIMIT;
    }
    rc = reserve_open(self);
    if (rc == TW_OK) {
        struct tw_alert restored = *alert;
        restored.rule = state->alert.rule;
        restored.limit = limit_of(self, judge, &alert->labels, alert->since_s);
        restored.labels = state->alert.labels;
        state->alert = restored;
        state->open_at = self->open_count;
        self->open[self->open_count++] = state;
        struct tw_judge *owner = &self->judges[judge];
        *(alert->state == TW_ALERT_FIRING ? &owner->firing : &owner->pending) += 1;
    }
    return rc;
}

int tw_engine_restore(struct tw_engine *self, struct tw_str rule, const struct tw_alert *alert)
{
    for (size_t i = 0; i < self->judge_count; i++) {
        if (tw_str_is(rule, self->judges[i].rule->name)) {
            return self->judges[i].rule->is_enabled ? restore_alert(self, i, alert) : TW_ENOTFOUND;
        }
    }
    return TW_ENOTFOUND;
}

/* ---- other rules ----------------------------------------------------------------------------- */

static int carry_series(struct tw_engine *to, const struct tw_engine *from)
{
    int rc = tw_uptime_copy(&from->uptime, &to->uptime);
    for (size_t i = 0; i < from->series.capacity && rc == TW_OK; i++) {
        const struct tw_watched *old = from->series.slots[i].item;
        if (old != NULL && to->wanted[old->metric - tw_metrics].count > 0) {
            struct tw_watched *series = NULL;
            rc = tw_engine_watch(to, old->metric, old->labels_json, &series);
            if (rc == TW_OK) {
                series->heard = old->heard;
                rc = tw_trail_copy(&old->trail, &series->trail);
            }
        }
    }
    for (size_t i = 0; i < tw_metric_count; i++) {
        const struct tw_wanted *was = &from->wanted[i];
        struct tw_wanted *is = &to->wanted[i];
        int32_t begun = from->was_ticked ? from->last + 1 : INT32_MIN;
        if (was->count == 0) {
            is->since = begun;
        } else if (is->span > was->span && from->was_ticked && begun - was->span > was->since) {
            is->since = begun - was->span;
        } else {
            is->since = was->since;
        }
    }
    return rc;
}

/* A copy that needs nobody. */
static int leave(struct tw_engine *to, const struct tw_state *from)
{
    struct tw_state *leaving = realloc(to->leaving, (to->leaving_count + 1) * sizeof *leaving);
    if (leaving == NULL) {
        return TW_ENOMEM;
    }
    to->leaving = leaving;
    struct tw_state *state = &leaving[to->leaving_count];
    *state = (struct tw_state){.alert = from->alert};
    state->alert.rule = NULL;
    state->block = tw_labels_pack(&from->alert.labels, &state->alert.labels);
    if (state->block == NULL) {
        return TW_ENOMEM;
    }
    to->leaving_count++;
    return TW_OK;
}

static int carry_state(struct tw_engine *to, const char *rule, const struct tw_state *state)
{
    if (state == NULL || state->block == NULL) {
        return TW_OK;
    }
    int rc = tw_engine_restore(to, tw_str_of(rule), &state->alert);
    if (rc == TW_ENOTFOUND) {
        rc = is_open(state->alert.state) ? leave(to, state) : TW_OK;
    }
    return rc;
}

/* NULL: there is none of this name. */
static const struct tw_rule *find_rule(const struct tw_engine *self, const char *name)
{
    for (size_t i = 0; i < self->judge_count; i++) {
        if (strcmp(self->judges[i].rule->name, name) == 0) {
            return self->judges[i].rule;
        }
    }
    return NULL;
}

static int carry_usual(struct tw_engine *to, const struct tw_rule *next,
                       const struct tw_instance *instance)
{
    struct tw_label items[TW_RULE_BY_MAX];
    for (size_t i = 0; i < next->by_count; i++) {
        items[i] = (struct tw_label){tw_str_of(next->by[i]), instance->values[i]};
    }
    const struct tw_labels labels = {items, next->by_count};
    int rc = tw_engine_usual(to, next, &labels, instance->usual);
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* What is usual belongs to what a rule measures; it is told again when that is another one. */
static bool is_same_measure(const struct tw_rule *a, const struct tw_rule *b)
{
    bool is_same = a->when.metric == b->when.metric && a->when.join == b->when.join &&
                   a->when.where_count == b->when.where_count && a->by_count == b->by_count;
    for (size_t i = 0; is_same && i < a->when.where_count; i++) {
        is_same = strcmp(a->when.where[i].name, b->when.where[i].name) == 0 &&
                  strcmp(a->when.where[i].value, b->when.where[i].value) == 0;
    }
    for (size_t i = 0; is_same && i < a->by_count; i++) {
        is_same = strcmp(a->by[i], b->by[i]) == 0;
    }
    return is_same;
}

static int carry_alerts(struct tw_engine *to, const struct tw_engine *from)
{
    int rc = TW_OK;
    for (size_t i = 0; i < from->judge_count; i++) {
        const struct tw_judge *judge = &from->judges[i];
        const struct tw_rule *next = find_rule(to, judge->rule->name);
        bool is_usual = next != NULL && is_same_measure(judge->rule, next);
        for (size_t k = 0; k < judge->count && rc == TW_OK; k++) {
            const struct tw_instance *instance = judge->items[k];
            rc = carry_state(to, judge->rule->name, &instance->main);
            rc = rc == TW_OK ? carry_state(to, judge->rule->name, instance->no_data) : rc;
            if (rc == TW_OK && is_usual && instance->usual != NULL) {
                rc = carry_usual(to, next, instance);
            }
        }
    }
    for (size_t i = 0; i < from->leaving_count && rc == TW_OK; i++) {
        rc = leave(to, &from->leaving[i]);
    }
    return rc;
}

int tw_engine_change(struct tw_engine *self, const struct tw_rules *rules,
                     const struct tw_workflows *workflows)
{
    struct tw_engine *next = NULL;
    int rc = tw_engine_new(rules, workflows, &next);
    if (rc != TW_OK) {
        return rc;
    }
    next->was_ticked = self->was_ticked;
    next->last = self->last;
    next->swept = self->swept;
    rc = carry_series(next, self);
    rc = rc == TW_OK ? carry_alerts(next, self) : rc;
    if (rc == TW_OK) {
        struct tw_engine old = *self;
        *self = *next;
        *next = old;
    }
    tw_engine_destroy(&next);
    return rc;
}

/* ---- asking ---------------------------------------------------------------------------------- */

size_t tw_engine_count(const struct tw_engine *self)
{
    return self->open_count + self->leaving_count;
}

void tw_engine_get(const struct tw_engine *self, size_t i, struct tw_alert *ret_alert)
{
    *ret_alert =
        i < self->open_count ? self->open[i]->alert : self->leaving[i - self->open_count].alert;
}

void tw_engine_rule(const struct tw_engine *self, size_t i, struct tw_rule_view *ret_view)
{
    const struct tw_judge *judge = &self->judges[i];
    *ret_view = (struct tw_rule_view){.rule = judge->rule,
                                      .state = judge->state,
                                      .detail = judge->detail,
                                      .pending = judge->pending,
                                      .firing = judge->firing};
}

const char *tw_alert_state_name(enum tw_alert_state state)
{
    static const char *const names[] = {"inactive", "pending", "firing", "resolved"};
    return names[state];
}

const char *tw_rule_state_name(enum tw_rule_state state)
{
    static const char *const names[] = {"ok", "nodata", "error"};
    return names[state];
}
