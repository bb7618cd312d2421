/* SPDX-License-Identifier: Apache-2.0
 * GET /rules, /rules/{name}: every rule of the set in force, and how its judging stands. */
#include "config.h"
#include "web/api_alerts.h"

#include <stdlib.h>

#define WORDS_MAX 1000

/* ---- the condition in words ---- */

static void say(struct tw_buf *out, const char *text)
{
    (void)tw_buf_append_str(out, tw_str_of(text)); /* sticky */
}

/* "2 h 5 min" */
static void say_span(struct tw_buf *out, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *unit;
    } units[] = {{86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    bool is_first = true;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        char text[32];
        if (seconds >= units[i].seconds) {
            (void)snprintf(text, sizeof text, "%s%lld %s", is_first ? "" : " ",
                           (long long)(seconds / units[i].seconds), units[i].unit); /* fits */
            say(out, text);
            seconds %= units[i].seconds;
            is_first = false;
        }
    }
}

static void say_measure(struct tw_buf *out, const struct tw_measure *measure)
{
    say(out, measure->metric->name);
    for (size_t i = 0; i < measure->where_count; i++) {
        say(out, i == 0 ? " of " : ", ");
        say(out, measure->where[i].name);
        say(out, " ");
        say(out, measure->where[i].value);
    }
}

static json_t *condition_json(const struct tw_rule *rule)
{
    char value[TW_RULE_VALUE_SIZE];
    struct tw_buf out;
    tw_buf_init(&out, WORDS_MAX);
    say_measure(&out, &rule->when);
    if (rule->has_share) {
        say(&out, " as a share of ");
        say_measure(&out, &rule->share);
    }
    say(&out, rule->is_usual_share ? " as a share of what is usual at this hour of the week" : "");
    for (size_t i = 0; i < rule->by_count; i++) {
        say(&out, i == 0 ? ", for each " : (i + 1 == rule->by_count ? " and " : ", "));
        say(&out, rule->by[i]);
    }
    say(&out, rule->is_above ? ": above " : ": below ");
    say(&out, rule->burn == TW_RULE_NOT_BURN ? tw_rule_value(rule, rule->threshold, value)
              : rule->threshold > 0          ? "1, that is, it pages"
                                             : "0, that is, it fires");
    if (rule->over_s > TW_ENGINE_BUCKET_S) {
        say(&out, " over ");
        say_span(&out, rule->over_s);
    }
    if (rule->for_s > 0) {
        say(&out, ", for ");
        say_span(&out, rule->for_s);
    }
    json_t *json = out.error == TW_OK ? json_stringn(out.data, out.len) : json_null();
    tw_buf_fini(&out);
    return json;
}

/* ---- JSON ---- */

static json_t *text_or_null(const char *text)
{
    return text == NULL || text[0] == '\0' ? json_null() : tw_out_text(tw_str_of(text));
}

static const char *state_of(const struct tw_rule *rule, const struct tw_rule_row *row)
{
    if (!rule->is_enabled) {
        return "disabled";
    }
    if (row == NULL || row->evaluated.ns == 0) {
        return "unknown";
    }
    if (row->state != TW_RULE_OK && row->state <= TW_RULE_ERROR) {
        return tw_rule_state_name((enum tw_rule_state)row->state);
    }
    return row->firing > 0 ? "firing" : (row->pending > 0 ? "pending" : "ok");
}

static void set_judging(const struct tw_rule *rule, const struct tw_rule_row *row, json_t *json)
{
    static const struct tw_rule_row none = {.state = TW_RULE_OK};
    const struct tw_rule_row *known = row == NULL ? &none : row;
    tw_out_set(json, "state", json_string(state_of(rule, row)));
    tw_out_set(json, "detail", tw_api_word(known->detail));
    tw_out_set(json, "instances", tw_out_count(known->pending + known->firing));
    tw_out_set(json, "firing", tw_out_count(known->firing));
    tw_out_set(json, "pending", tw_out_count(known->pending));
    tw_out_set(json, "since", tw_out_time(known->since));
    tw_out_set(json, "evaluated", tw_out_time(known->evaluated));
    tw_out_set(json, "last_fired", tw_out_time(known->last_fired));
}

json_t *tw_api_rule_limit(const struct tw_rule *rule, const struct tw_workflows *workflows,
                          tw_wall_t at)
{
    double limits[2];
    size_t count = tw_rule_limits(rule, workflows, at.ns / TW_NS_PER_S, limits, 2);
    return count == 1 ? json_real(limits[0]) : json_null();
}

json_t *tw_api_rule_json(const struct tw_call *call, const struct tw_rule *rule,
                         const struct tw_rule_row *row)
{
    json_t *json = json_object();
    json_t *by = json_array();
    json_t *labels = json_object();
    for (size_t i = 0; i < rule->by_count; i++) {
        tw_out_add(by, json_string(rule->by[i]));
    }
    for (size_t i = 0; i < rule->label_count; i++) {
        tw_out_set(labels, rule->labels[i].name, tw_out_text(tw_str_of(rule->labels[i].value)));
    }
    tw_out_set(json, "name", json_string(rule->name));
    tw_out_set(json, "title", text_or_null(rule->title));
    tw_out_set(json, "about", text_or_null(rule->about));
    tw_out_set(json, "severity", json_string(tw_severity_name(rule->severity)));
    tw_out_set(json, "owner", text_or_null(rule->owner));
    tw_out_set(json, "group", text_or_null(rule->group));
    tw_out_set(json, "file", text_or_null(rule->file));
    tw_out_set(json, "line", json_integer(rule->line));
    tw_out_set(json, "enabled", json_boolean(rule->is_enabled));
    set_judging(rule, row, json);
    tw_out_set(json, "condition", condition_json(rule));
    tw_out_set(json, "metric", json_string(rule->when.metric->name));
    tw_out_set(json, "by", by);
    tw_out_set(json, "threshold", tw_api_rule_limit(rule, call->workflows, call->now));
    tw_out_set(json, "comparison", json_string(rule->is_above ? "above" : "below"));
    tw_out_set(json, "unit", json_string(tw_rule_unit(rule)));
    tw_out_set(json, "for_seconds", json_integer(rule->for_s));
    tw_out_set(json, "keep_firing_seconds", json_integer(rule->keep_s));
    tw_out_set(json, "over_seconds", json_integer(rule->over_s));
    tw_out_set(json, "labels", labels);
    tw_out_set(json, "summary", text_or_null(rule->summary));
    tw_out_set(json, "description", text_or_null(rule->description));
    tw_out_set(json, "runbook", text_or_null(rule->runbook));
    tw_out_set(json, "plot", tw_alert_plot(rule, NULL));
    tw_out_set(json, "text", text_or_null(rule->text));
    return json;
}

const struct tw_rule_row *tw_api_rule_row(const struct tw_rule_row *rows, size_t count,
                                          const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (tw_str_is(rows[i].name, name)) {
            return &rows[i];
        }
    }
    return NULL;
}

/* ---- the calls ---- */

static int read_rows(struct tw_call *call, const struct tw_rule_row **ret_rows, size_t *ret_count)
{
    struct tw_desk_reader *desk = NULL;
    int rc = tw_api_desk(call, &desk);
    return rc == TW_OK ? tw_desk_rules(desk, call->arena, ret_rows, ret_count) : rc;
}

int tw_api_rules(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    const struct tw_rule_row *rows = NULL;
    size_t count = 0;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? read_rows(call, &rows, &count) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    json_t *notes = json_array();
    for (size_t i = 0; call->rules != NULL && i < call->rules->count; i++) {
        const struct tw_rule *rule = &call->rules->items[i];
        tw_out_add(items, tw_api_rule_json(call, rule, tw_api_rule_row(rows, count, rule->name)));
    }
    for (size_t i = 0; call->rules != NULL && i < call->rules->note_count; i++) {
        tw_out_add(notes, tw_out_text(tw_str_of(call->rules->notes[i])));
    }
    json_t *json = tw_call_list(call, items, TW_STR_NULL, (int64_t)json_array_size(items));
    tw_out_set(json, "notes", notes);
    return tw_response_json(&call->response, 200, json);
}

int tw_api_rule(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    const struct tw_rule_row *rows = NULL;
    size_t count = 0;
    int rc = tw_call_allow(call, names);
    const struct tw_rule *rule =
        call->rules == NULL ? NULL : tw_rules_find(call->rules, call->request->rest);
    if (rc != TW_OK) {
        return rc;
    }
    if (rule == NULL) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND, "there is no such rule");
    }
    rc = read_rows(call, &rows, &count);
    if (rc != TW_OK) {
        return rc;
    }
    const struct tw_rule_row *row = tw_api_rule_row(rows, count, rule->name);
    return tw_response_json(&call->response, 200, tw_api_rule_json(call, rule, row));
}
