/* SPDX-License-Identifier: Apache-2.0
 * GET /workflows and /workflows/{name}: the definition in force, and beside it what the collector
 * last said of it. */
#include "config.h"
#include "web/api.h"

#include <stdio.h>
#include <stdlib.h>

#include "track/sketch.h"

#define WINDOW_S     300 /* that of the live document: track.h, lag of five minutes */
#define MAX_WINDOW_S 2592000
/* Removed ones that are shown: a reload that takes away more has taken away an estate. */
#define REMOVED_MAX   64
#define DOCUMENTS_MAX 10000

/* What the collector says of a step. */
static const char *const step_keys[] = {"rate",          "arrival_rate", "failed", "waiting",
                                        "overdue",       "oldest_age",   "lag",    "lag_1h",
                                        "drain_seconds", "verdict",      NULL};
static const char *const workflow_keys[] = {"at", "watermark", "verdict", "runs", "regions", NULL};

static json_t *optional_text(const char *text)
{
    return text == NULL ? json_null() : json_string(text);
}

static json_t *optional_seconds(int64_t ns)
{
    return ns == 0 ? json_null() : tw_out_seconds(ns);
}

/* {"type", "where": {attribute: "value", true (there) or false (not there)}} of each pattern. */
static json_t *events_json(const struct tw_wf_match *matches, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *where = json_object();
        for (size_t k = 0; k < matches[i].where_count; k++) {
            const struct tw_wf_where *one = &matches[i].where[k];
            tw_out_set(where, one->attribute,
                       one->kind == TW_WHERE_EQUALS ? json_string(one->value)
                                                    : json_boolean(one->kind == TW_WHERE_PRESENT));
        }
        json_t *json = json_object();
        tw_out_set(json, "type",
                   json_sprintf("%s%s", matches[i].event, matches[i].is_prefix ? "*" : ""));
        tw_out_set(json, "where", where);
        tw_out_add(list, json);
    }
    return list;
}

static json_t *names_of(const struct tw_workflow *workflow, uint32_t steps)
{
    json_t *list = json_array();
    for (size_t i = 0; i < workflow->step_count; i++) {
        if ((steps >> i & 1) != 0) {
            tw_out_add(list, json_string(workflow->steps[i].name));
        }
    }
    return list;
}

/* The collector's words about the step of this name; borrowed, NULL when there are none. */
static const json_t *live_step(const json_t *live, const char *name)
{
    const json_t *steps = json_object_get(live, "steps");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        const char *text = json_string_value(json_object_get(step, "name"));
        if (text != NULL && strcmp(text, name) == 0) {
            return step;
        }
    }
    return NULL;
}

static json_t *step_json(const struct tw_workflow *workflow, const struct tw_wf_step *step,
                         const json_t *live)
{
    json_t *json = json_object();
    tw_out_set(json, "name", json_string(step->name));
    tw_out_set(json, "title", optional_text(step->title));
    tw_out_set(json, "system", json_string(step->system));
    tw_out_set(json, "after", names_of(workflow, step->after));
    tw_out_set(json, "within", optional_seconds(step->within_ns));
    tw_out_set(json, "destination", json_boolean(step->is_destination));
    tw_out_set(json, "optional", json_boolean(step->is_optional));
    tw_out_set(json, "when", optional_text(step->when));
    tw_out_set(json, "each", json_string(step->each == TW_EACH_STORE ? "store" : "once"));
    tw_out_set(json, "authority", optional_text(step->authority));
    tw_out_set(json, "runbook", optional_text(step->runbook));
    tw_out_set(json, "event", events_json(step->done, step->done_count));
    tw_out_set(json, "failure", events_json(step->failure, step->failure_count));
    tw_out_set(json, "compensation", events_json(step->compensation, step->compensation_count));
    tw_api_copy(json, live_step(live, step->name), step_keys);
    return json;
}

static json_t *workflow_json(const struct tw_workflow *workflow, const json_t *live,
                             bool is_removed)
{
    json_t *steps = json_array();
    json_t *names = json_array();
    for (size_t i = 0; i < workflow->step_count; i++) {
        tw_out_add(steps, step_json(workflow, &workflow->steps[i], live));
    }
    for (size_t i = 0; i < workflow->objective_count; i++) {
        tw_out_add(names, json_string(workflow->objectives[i].name));
    }
    json_t *json = json_object();
    tw_out_set(json, "name", json_string(workflow->name));
    tw_out_set(json, "title", optional_text(workflow->title));
    tw_out_set(json, "owner", optional_text(workflow->owner));
    tw_out_set(json, "timing", json_string(tw_timing_name(workflow->timing)));
    tw_out_set(json, "criticality", json_string(tw_criticality_name(workflow->criticality)));
    tw_out_set(json, "financial", json_boolean(workflow->is_financial));
    tw_out_set(json, "object", json_string(workflow->object));
    tw_out_set(json, "version", tw_api_version(workflow->version));
    tw_out_set(json, "file", optional_text(workflow->file));
    tw_out_set(json, "line", json_integer(workflow->line));
    tw_out_set(json, "removed", json_boolean(is_removed));
    tw_out_set(json, "window", json_integer(WINDOW_S));
    tw_api_copy(json, live, workflow_keys);
    tw_out_set(json, "objectives", names);
    tw_out_set(json, "steps", steps);
    return json;
}

/* ---- what is no longer in force */

int tw_api_definition(struct tw_call *call, struct tw_arena *arena, const char *name,
                      uint64_t version, const struct tw_workflows **ret_set)
{
    const struct tw_workflows *set = NULL;
    struct tw_str text;
    *ret_set = NULL;
    int rc = tw_reader_workflow_text(call->reader, arena, tw_str_of(name), version, &text);
    FILE *report = rc == TW_OK ? fopen("/dev/null", "w") : NULL; /* its faults are not news */
    if (report != NULL) {
        rc = tw_workflows_parse(call->web->cfg, name, text.ptr, text.len, report, &set);
        (void)fclose(report); /* nothing was kept */
    }
    if (rc == TW_ENOMEM || rc == TW_ETIMEOUT) {
        return rc;
    }
    *ret_set = set;
    return TW_OK;
}

/* One that a reload took away while runs of it were open. */
struct removed {
    const struct tw_workflows *set; /* a reference; its one workflow */
    json_t *live;                   /* owned */
};

static void removed_fini(struct removed *removed, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tw_workflows_unref(&removed[i].set);
        json_decref(removed[i].live);
    }
}

/* The removed workflow of a live document; false: it is none that can be shown. */
static int read_removed(struct tw_call *call, const char *name, struct removed *ret_removed,
                        bool *ret_is)
{
    struct removed removed = {NULL, NULL};
    *ret_is = false;
    int rc = tw_api_live(call, "workflow/", name, &removed.live);
    const char *version = json_string_value(json_object_get(removed.live, "version"));
    if (rc == TW_OK && version != NULL && json_is_true(json_object_get(removed.live, "removed"))) {
        rc = tw_api_definition(call, call->arena, name, strtoull(version, NULL, 16), &removed.set);
    }
    *ret_is = rc == TW_OK && removed.set != NULL && removed.set->count == 1;
    if (*ret_is) {
        *ret_removed = removed;
    } else {
        removed_fini(&removed, 1);
    }
    return rc;
}

/* All of them, by name. */
static int list_removed(struct tw_call *call, struct removed *removed, size_t *ret_count)
{
    static const struct tw_str prefix = TW_STR_LIT("workflow/");
    const struct tw_live *live = NULL;
    size_t count = 0;
    *ret_count = 0;
    int rc = tw_reader_live_list(call->reader, call->arena, prefix, DOCUMENTS_MAX, &live, &count);
    for (size_t i = 0; i < count && rc == TW_OK && *ret_count < REMOVED_MAX; i++) {
        char name[256];
        bool is_one = false;
        size_t len = live[i].key.len - prefix.len;
        if (len >= sizeof name) {
            continue;
        }
        memcpy(name, live[i].key.ptr + prefix.len, len);
        name[len] = '\0';
        if (tw_workflows_find(call->workflows, name) == NULL) {
            rc = read_removed(call, name, &removed[*ret_count], &is_one);
            *ret_count += is_one ? 1 : 0;
        }
    }
    return rc;
}

/* The workflow at a place of those in force and those removed, both by name. */
static const struct tw_workflow *merge(const struct tw_workflows *set, size_t *at,
                                       const struct removed *removed, size_t removed_count,
                                       size_t *removed_at, const json_t **ret_live)
{
    const struct tw_workflow *one = *at < set->count ? &set->items[*at] : NULL;
    const struct tw_workflow *other =
        *removed_at < removed_count ? &removed[*removed_at].set->items[0] : NULL;
    *ret_live = NULL;
    if (other == NULL || (one != NULL && strcmp(one->name, other->name) < 0)) {
        *at += 1;
        return one;
    }
    *ret_live = removed[*removed_at].live;
    *removed_at += 1;
    return other;
}

/* The page of both. */
static int list_page(struct tw_call *call, const struct tw_page *page,
                     const struct removed *removed, size_t removed_count, json_t *items,
                     struct tw_str *ret_next)
{
    const struct tw_workflows *set = call->workflows;
    struct tw_str last = TW_STR_NULL;
    size_t at = 0;
    size_t removed_at = 0;
    int rc = TW_OK;
    while (rc == TW_OK && at + removed_at < set->count + removed_count) {
        const json_t *gone = NULL;
        const struct tw_workflow *workflow =
            merge(set, &at, removed, removed_count, &removed_at, &gone);
        struct tw_str name = tw_arena_copy(call->arena, tw_str_of(workflow->name));
        json_t *live = NULL;
        if (page->cursor.ptr != NULL && tw_str_compare(name, page->cursor) <= 0) {
            continue;
        }
        if (json_array_size(items) == page->limit) {
            *ret_next = last;
            break;
        }
        rc = gone != NULL ? TW_OK : tw_api_live(call, "workflow/", workflow->name, &live);
        tw_out_add(items, workflow_json(workflow, gone != NULL ? gone : live, gone != NULL));
        json_decref(live);
        last = name;
    }
    return rc;
}

int tw_api_workflows(struct tw_call *call)
{
    static const char *const names[] = {"limit", "cursor", NULL};
    struct removed removed[REMOVED_MAX];
    size_t removed_count = 0;
    struct tw_page page;
    struct tw_str next = TW_STR_NULL;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    rc = list_removed(call, removed, &removed_count);
    rc = rc == TW_OK ? list_page(call, &page, removed, removed_count, items, &next) : rc;
    removed_fini(removed, removed_count);
    if (rc != TW_OK) {
        json_decref(items);
        return rc;
    }
    int64_t total = (int64_t)(call->workflows->count + removed_count);
    return tw_response_json(&call->response, 200, tw_call_list(call, items, next, total));
}

/* ---- another window than the live document's */

static int read_window(struct tw_call *call, int64_t *window_s)
{
    struct tw_str text = tw_http_param(call->request, "window");
    tw_wall_t since = {0};
    char buf[24];
    uint64_t seconds = 0;
    *window_s = WINDOW_S;
    if (text.ptr == NULL) {
        return TW_OK;
    }
    bool has_unit = text.len > 0 && text.ptr[text.len - 1] > '9';
    if (text.len > 0 && text.len < sizeof buf - 2 && has_unit) {
        buf[0] = '-';
        memcpy(buf + 1, text.ptr, text.len);
        if (tw_parse_time((struct tw_str){buf, text.len + 1}, call->now, &since) == TW_OK) {
            seconds = (uint64_t)((call->now.ns - since.ns) / TW_NS_PER_S);
        }
    } else if (tw_parse_number(text, &seconds) != TW_OK) {
        seconds = 0;
    }
    if (seconds < 60 || seconds > MAX_WINDOW_S) {
        return tw_diag_set(&call->diag, TW_EINVAL,
                           "'window' is 60 to %d seconds, or like 5m, 1h, 7d", MAX_WINDOW_S);
    }
    *window_s = (int64_t)seconds;
    return TW_OK;
}

/* The labels of a step's series, names sorted, as the collector writes them. */
static struct tw_str step_labels(struct tw_call *call, const struct tw_workflow *workflow,
                                 const char *step)
{
    /* Names are [a-z0-9-]: nothing to escape. */
    size_t room = strlen(workflow->name) + strlen(step) + sizeof "{'step':'','workflow':''}";
    char *text = tw_arena_alloc(call->arena, room);
    if (text == NULL) {
        return TW_STR_NULL;
    }
    int len = snprintf(text, room, "{\"step\":\"%s\",\"workflow\":\"%s\"}", step, workflow->name);
    return (struct tw_str){text, (size_t)len};
}

/* All lags of the step in the window. */
static int gather_lag(struct tw_call *call, struct tw_str labels, int64_t since_s,
                      struct tw_sketch *sketch)
{
    const struct tw_series_sketch *rows = NULL;
    size_t count = 0;
    struct tw_sketch one;
    tw_sketch_init(&one);
    int rc = tw_reader_sketches(call->reader, call->arena, TW_STR_LIT("step_lag"), labels, since_s,
                                call->now.ns / TW_NS_PER_S + 1, &rows, &count);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_cursor cursor = tw_cursor_of(rows[i].data.ptr, rows[i].data.len);
        rc = tw_sketch_decode(&one, &cursor);
        rc = rc == TW_OK ? tw_sketch_merge(sketch, &one) : rc;
    }
    tw_sketch_fini(&one);
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static json_t *quantiles_json(const struct tw_sketch *sketch)
{
    static const struct {
        const char *name;
        uint32_t ppm;
    } wanted[] = {{"p50", 500000}, {"p95", 950000}, {"p99", 990000}};
    json_t *json = json_object();
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        int64_t ns = tw_sketch_quantile(sketch, wanted[i].ppm);
        tw_out_set(json, wanted[i].name, ns < 0 ? json_null() : tw_out_seconds(ns));
    }
    tw_out_set(json, "count", tw_out_count(sketch->count));
    return json;
}

/* A counting series of every step of the workflow since then. */
static int read_sums(struct tw_call *call, const char *metric, const struct tw_workflow *workflow,
                     int64_t since_s, struct tw_series_result *sums)
{
    const struct tw_str name = TW_STR_LIT("workflow");
    const struct tw_str value = tw_str_of(workflow->name);
    const struct tw_series_query query = {.metric = tw_str_of(metric),
                                          .label_names = &name,
                                          .label_values = &value,
                                          .label_count = 1,
                                          .since_s = since_s,
                                          .until_s = call->now.ns / TW_NS_PER_S + 1};
    return tw_reader_series(call->reader, call->arena, &query, sums);
}

/* 0 where nothing was counted: counts are written when there are some. */
static int64_t sum_of(const struct tw_series_result *sums, struct tw_str labels)
{
    int64_t sum = 0;
    for (size_t k = 0; k < sums->series_count; k++) {
        const struct tw_series_values *series = &sums->series[k];
        for (size_t i = 0; i < sums->point_count && tw_str_equal(series->labels, labels); i++) {
            sum += series->known[i] ? series->values[i] : 0;
        }
    }
    return sum;
}

/* Lag, rate and counts of every step over `window_s` in place of the live document's. */
static int set_window(struct tw_call *call, const struct tw_workflow *workflow, int64_t window_s,
                      json_t *json)
{
    json_t *steps = json_object_get(json, "steps");
    int64_t since_s = call->now.ns / TW_NS_PER_S - window_s;
    struct tw_series_result done;
    struct tw_series_result failed;
    struct tw_sketch sketch;
    tw_sketch_init(&sketch);
    int rc = read_sums(call, "step_done", workflow, since_s, &done);
    rc = rc == TW_OK ? read_sums(call, "step_failed", workflow, since_s, &failed) : rc;
    for (size_t i = 0; i < workflow->step_count && rc == TW_OK; i++) {
        json_t *step = json_array_get(steps, i);
        struct tw_str labels = step_labels(call, workflow, workflow->steps[i].name);
        tw_sketch_clear(&sketch);
        rc = labels.ptr == NULL ? TW_ENOMEM : gather_lag(call, labels, since_s, &sketch);
        if (rc == TW_OK) {
            int64_t count = sum_of(&done, labels);
            tw_out_set(step, "lag", quantiles_json(&sketch));
            tw_out_set(step, "rate", json_real((double)count / (double)window_s));
            tw_out_set(step, "done_count", json_integer(count));
            tw_out_set(step, "failed_count", json_integer(sum_of(&failed, labels)));
        }
    }
    tw_out_set(json, "window", json_integer(window_s));
    tw_sketch_fini(&sketch);
    return rc;
}

/* The workflow of the path: in force, or removed and not yet gone. NULL: neither. */
static int find_workflow(struct tw_call *call, struct removed *removed,
                         const struct tw_workflow **ret_workflow)
{
    struct tw_str name = call->request->rest;
    char text[256];
    bool is_removed = false;
    *ret_workflow = NULL;
    for (size_t i = 0; i < call->workflows->count; i++) {
        if (tw_str_is(name, call->workflows->items[i].name)) {
            *ret_workflow = &call->workflows->items[i];
            return tw_api_live(call, "workflow/", (*ret_workflow)->name, &removed->live);
        }
    }
    if (name.len == 0 || name.len >= sizeof text) {
        return TW_OK;
    }
    memcpy(text, name.ptr, name.len);
    text[name.len] = '\0';
    int rc = read_removed(call, text, removed, &is_removed);
    *ret_workflow = is_removed ? &removed->set->items[0] : NULL;
    return rc;
}

int tw_api_workflow(struct tw_call *call)
{
    static const char *const names[] = {"window", NULL};
    int64_t window_s = WINDOW_S;
    struct removed removed = {NULL, NULL};
    const struct tw_workflow *workflow = NULL;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? read_window(call, &window_s) : rc;
    rc = rc == TW_OK ? find_workflow(call, &removed, &workflow) : rc;
    if (rc == TW_OK && workflow == NULL) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND, "no workflow has this name");
    }
    if (rc != TW_OK) {
        removed_fini(&removed, 1);
        return rc;
    }
    json_t *json = workflow_json(workflow, removed.live, removed.set != NULL);
    tw_out_set(json, "text", json_string(workflow->text));
    if (tw_http_param(call->request, "window").ptr != NULL) {
        rc = set_window(call, workflow, window_s, json);
    }
    removed_fini(&removed, 1);
    if (rc != TW_OK) {
        json_decref(json);
        return rc;
    }
    return tw_response_json(&call->response, 200, json);
}
