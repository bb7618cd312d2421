/* SPDX-License-Identifier: Apache-2.0
 * POST /rules/test: when a rule would have fired. Judged by what judges live, from the series that
 * are kept; nothing is written. */
#include "config.h"
#include "alert/past.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "web/api_alerts.h"

#define TEST_S   5
#define RANGE_S  86400
#define MAX_S    (INT64_C(31) * 86400)
#define WAIT_S   30 /* group-wait, group-interval and repeat-interval where nobody says otherwise */
#define PAUSE_S  300
#define REPEAT_S 14400

/* ---- how often people would have been told ---- */

struct moment {
    uint64_t group;
    int64_t at_s;
    int change; /* of how many fire */
};

static int by_group_and_time(const void *a, const void *b)
{
    const struct moment *left = a;
    const struct moment *right = b;
    if (left->group != right->group) {
        return left->group < right->group ? -1 : 1;
    }
    if (left->at_s != right->at_s) {
        return left->at_s < right->at_s ? -1 : 1;
    }
    return right->change - left->change; /* what begins before what ends */
}

/* Of one group: the first after the wait, changes no sooner than each interval, what goes on
 * repeated. What ends before the wait is over is not told. */
struct telling {
    int64_t due_s;  /* of what is to be told; INT64_MAX: nothing is */
    int64_t last_s; /* told last; 0: the group is new, or all of it was told to be over */
    int64_t firing;
    uint64_t told;
};

static void tell_until(struct telling *self, int64_t at_s)
{
    for (;;) {
        bool goes_on = self->firing > 0 && self->last_s > 0;
        bool is_repeat = goes_on && self->last_s + REPEAT_S < self->due_s;
        int64_t next_s = is_repeat ? self->last_s + REPEAT_S : self->due_s;
        if (next_s > at_s) {
            return;
        }
        self->told++;
        self->last_s = self->firing > 0 ? next_s : 0;
        self->due_s = is_repeat ? self->due_s : INT64_MAX;
    }
}

static void take(struct telling *self, const struct moment *moment)
{
    self->firing += moment->change;
    if (self->last_s == 0 && self->firing == 0) {
        self->due_s = INT64_MAX;
    } else if (self->due_s == INT64_MAX) {
        int64_t next_s = self->last_s == 0 ? moment->at_s + WAIT_S : self->last_s + PAUSE_S;
        self->due_s = next_s > moment->at_s ? next_s : moment->at_s;
    }
}

static uint64_t count_group(const struct moment *moments, size_t count, int64_t until_s)
{
    struct telling telling = {.due_s = INT64_MAX};
    for (size_t i = 0; i < count; i++) {
        tell_until(&telling, moments[i].at_s);
        take(&telling, &moments[i]);
    }
    tell_until(&telling, until_s);
    return telling.told;
}

static int estimate(struct tw_call *call, const struct tw_past *past, uint64_t *ret_told)
{
    struct moment *moments =
        tw_arena_alloc(call->arena, (2 * past->span_count + 1) * sizeof *moments);
    size_t count = 0;
    uint64_t told = 0;
    if (moments == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < past->span_count; i++) {
        const struct tw_past_span *span = &past->spans[i];
        struct tw_label items[TW_GROUP_LABELS_MAX];
        struct tw_labels labels = tw_api_group_labels(&span->labels, items);
        uint64_t group = tw_labels_fingerprint(&labels);
        moments[count++] = (struct moment){group, span->fired_s, 1};
        if (span->resolved_s != 0) {
            moments[count++] = (struct moment){group, span->resolved_s, -1};
        }
    }
    if (count > 1) {
        qsort(moments, count, sizeof *moments, by_group_and_time);
    }
    for (size_t begin = 0; begin < count;) {
        size_t end = begin;
        while (end < count && moments[end].group == moments[begin].group) {
            end++;
        }
        told += count_group(&moments[begin], end - begin, past->until_s);
        begin = end;
    }
    *ret_told = told;
    return TW_OK;
}

/* ---- JSON ---- */

static json_t *second_json(int64_t at_s)
{
    return tw_out_time((tw_wall_t){at_s * TW_NS_PER_S});
}

static json_t *number_json(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *spans_json(const struct tw_past *past)
{
    json_t *list = json_array();
    for (size_t i = 0; i < past->span_count; i++) {
        const struct tw_past_span *span = &past->spans[i];
        json_t *one = json_object();
        tw_out_set(one, "labels", tw_labels_out(&span->labels));
        tw_out_set(one, "pending", second_json(span->since_s));
        tw_out_set(one, "firing", second_json(span->fired_s));
        tw_out_set(one, "resolved", second_json(span->resolved_s));
        tw_out_set(one, "peak", number_json(span->peak));
        tw_out_add(list, one);
    }
    return list;
}

static json_t *series_json(const struct tw_past *past)
{
    json_t *json = json_object();
    json_t *times = json_array();
    json_t *lines = json_array();
    for (size_t i = 0; i < past->point_count; i++) {
        tw_out_add(times, second_json(past->since_s + (int64_t)i * past->point_s));
    }
    for (size_t i = 0; i < past->line_count; i++) {
        json_t *one = json_object();
        json_t *values = json_array();
        for (size_t k = 0; k < past->point_count; k++) {
            tw_out_add(values, number_json(past->lines[i].values[k]));
        }
        tw_out_set(one, "labels", tw_labels_out(&past->lines[i].labels));
        tw_out_set(one, "threshold", number_json(past->lines[i].limit));
        tw_out_set(one, "v", values);
        tw_out_add(lines, one);
    }
    tw_out_set(json, "t", times);
    tw_out_set(json, "series", lines);
    return json;
}

static int answer(struct tw_call *call, const struct tw_rule *rule, const struct tw_past *past)
{
    uint64_t told = 0;
    int rc = estimate(call, past, &told);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *json = json_object();
    tw_out_set(json, "rule", json_string(rule->name));
    tw_out_set(json, "since", second_json(past->since_s));
    tw_out_set(json, "until", second_json(past->until_s));
    tw_out_set(json, "step_seconds", json_integer(past->step_s));
    tw_out_set(json, "fired", tw_out_count(past->fired));
    tw_out_set(json, "notifications_estimate", tw_out_count(told));
    tw_out_set(json, "spans", spans_json(past));
    tw_out_set(json, "spans_left_out",
               tw_out_count(past->fired > past->span_count ? past->fired - past->span_count : 0));
    tw_out_set(json, "series", series_json(past));
    tw_out_set(json, "series_left_out", tw_out_count(past->lines_left_out));
    tw_wall_t last = {(past->until_s - 1) * TW_NS_PER_S};
    tw_out_set(json, "threshold", tw_api_rule_limit(rule, call->workflows, last));
    tw_out_set(json, "comparison", json_string(rule->is_above ? "above" : "below"));
    tw_out_set(json, "unit", json_string(tw_rule_unit(rule)));
    tw_out_set(json, "incomplete",
               past->incomplete == NULL ? json_null() : json_string(past->incomplete));
    return tw_response_json(&call->response, 200, json);
}

/* ---- the request ---- */

static int read_range(struct tw_call *call, const json_t *body, int64_t *ret_since_s,
                      int64_t *ret_until_s)
{
    struct tw_str since = tw_api_body_text(body, "since");
    struct tw_str until = tw_api_body_text(body, "until");
    tw_wall_t to = call->now;
    if (until.ptr != NULL && tw_parse_time(until, call->now, &to) != TW_OK) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'until' is a time, such as -1h");
    }
    tw_wall_t from = {to.ns - RANGE_S * TW_NS_PER_S};
    if (since.ptr != NULL && tw_parse_time(since, call->now, &from) != TW_OK) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'since' is a time, such as -7d");
    }
    *ret_until_s = to.ns / TW_NS_PER_S / TW_ENGINE_BUCKET_S * TW_ENGINE_BUCKET_S;
    *ret_since_s = from.ns / TW_NS_PER_S / TW_ENGINE_BUCKET_S * TW_ENGINE_BUCKET_S;
    int64_t range_s = *ret_until_s - *ret_since_s;
    return range_s >= TW_ENGINE_BUCKET_S && range_s <= MAX_S && to.ns <= call->now.ns
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL,
                             "from 'since' to 'until' it is 10 s to 31 days, and it is past");
}

/* The set that has the rule, with a reference. */
static int find_rule(struct tw_call *call, const json_t *body, const struct tw_rules **ret_set,
                     const struct tw_rule **ret_rule)
{
    struct tw_str name = tw_api_body_text(body, "rule");
    struct tw_str yaml = tw_api_body_text(body, "yaml");
    if ((name.ptr == NULL) == (yaml.ptr == NULL)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "either 'rule', a name, or 'yaml', a rule");
    }
    if (name.ptr != NULL) {
        const struct tw_rule *rule = call->rules == NULL ? NULL : tw_rules_find(call->rules, name);
        if (rule == NULL) {
            return tw_diag_set(&call->diag, TW_ENOTFOUND, "there is no such rule");
        }
        *ret_set = tw_rules_ref(call->rules);
        *ret_rule = rule;
        return TW_OK;
    }
    char *faults = NULL;
    size_t len = 0;
    FILE *report = open_memstream(&faults, &len);
    const struct tw_rules *set = NULL;
    int rc = report == NULL
                 ? TW_ENOMEM
                 : tw_rules_parse(call->web->cfg, call->workflows, "rule", yaml, report, &set);
    if (report != NULL) {
        (void)fclose(report); /* memory: what did not fit is not told */
    }
    if (rc == TW_OK && set->count != 1) {
        tw_rules_unref(&set);
        rc = tw_diag_set(&call->diag, TW_EINVAL, "'yaml' is one rule");
    } else if (rc == TW_ECONFIG) {
        while (len > 0 && faults[len - 1] == '\n') {
            faults[--len] = '\0';
        }
        (void)tw_call_problem(call, TW_WEB_PROBLEM_RULES, "%s", faults);
    }
    free(faults);
    if (rc == TW_OK) {
        *ret_set = set;
        *ret_rule = &set->items[0];
    }
    return rc;
}

static int try_rule(struct tw_call *call, const json_t *body)
{
    const struct tw_rules *set = NULL;
    const struct tw_rule *rule = NULL;
    struct tw_clock *clock = tw_clock_system();
    struct tw_past past;
    int64_t since_s = 0;
    int64_t until_s = 0;
    int rc = read_range(call, body, &since_s, &until_s);
    rc = rc == TW_OK ? find_rule(call, body, &set, &rule) : rc;
    if (rc == TW_ECONFIG) {
        return TW_OK; /* the response says what is wrong with it */
    }
    if (rc != TW_OK || rule == NULL) {
        return tw_api_command_error(call, rc);
    }
    call->deadline = (tw_mono_t){clock->mono(clock).ns + TEST_S * TW_NS_PER_S};
    tw_reader_set_deadline(call->reader, call->deadline);
    const struct tw_past_ask ask = {set, rule, call->workflows, since_s, until_s};
    rc = tw_past_try(call->reader, call->arena, &ask, &past, &call->diag);
    rc = rc == TW_OK ? answer(call, rule, &past) : rc;
    tw_rules_unref(&set);
    return rc;
}

int tw_api_rule_test(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const keys[] = {"rule", "yaml", "since", "until", NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *body = tw_api_body(call, keys);
    rc = body == NULL ? TW_OK : try_rule(call, body);
    json_decref(body);
    return rc;
}
