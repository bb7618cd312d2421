/* SPDX-License-Identifier: Apache-2.0
 * GET /objectives and /objectives/{name}: target and window as defined, and what the collector last
 * counted; one alone also with what spent its budget. */
#include "config.h"
#include "web/api.h"

#include <stdlib.h>

#define SPENDERS  20      /* of each kind */
#define LONGEST_S 2678400 /* 31 days: a calendar window that the collector said nothing of */

static const char *const live_keys[] = {"at",
                                        "good",
                                        "bad",
                                        "total",
                                        "undecided",
                                        "excluded",
                                        "ratio",
                                        "budget_remaining",
                                        "budget_remaining_so_far",
                                        "expected",
                                        "burn",
                                        "exhaustion",
                                        "rules",
                                        NULL};

static json_t *step_name(const struct tw_workflow *workflow, int step)
{
    return step < 0 ? json_null() : json_string(workflow->steps[step].name);
}

/* As defined; the collector knows when a calendar window begins and how long it is. */
static json_t *window_json(const struct tw_wf_objective *objective, const json_t *live)
{
    static const char *const keys[] = {"seconds", "from", "until", NULL};
    bool is_rolling = objective->window == TW_WINDOW_ROLLING;
    const char *zone = objective->timezone == NULL ? "UTC" : objective->timezone;
    json_t *json = json_object();
    tw_out_set(json, "kind", json_string(tw_window_kind_name(objective->window)));
    tw_out_set(json, "timezone", is_rolling ? json_null() : json_string(zone));
    tw_api_copy(json, json_object_get(live, "window"), keys);
    if (is_rolling) {
        tw_out_set(json, "seconds", json_integer(objective->window_ns / TW_NS_PER_S));
    }
    return json;
}

static json_t *objective_json(const struct tw_workflow *workflow,
                              const struct tw_wf_objective *objective, const json_t *live)
{
    const char *owner = objective->owner == NULL ? workflow->owner : objective->owner;
    json_t *json = json_object();
    tw_out_set(json, "name", json_string(objective->name));
    tw_out_set(json, "title",
               objective->title == NULL ? json_null() : json_string(objective->title));
    tw_out_set(json, "workflow", json_string(workflow->name));
    tw_out_set(json, "owner", owner == NULL ? json_null() : json_string(owner));
    tw_out_set(json, "criticality", json_string(tw_criticality_name(workflow->criticality)));
    tw_out_set(json, "kind", json_string(tw_objective_kind_name(objective->kind)));
    tw_out_set(json, "step", step_name(workflow, objective->step));
    tw_out_set(json, "from", step_name(workflow, objective->from));
    tw_out_set(json, "within",
               objective->within_ns == 0 ? json_null() : tw_out_seconds(objective->within_ns));
    tw_out_set(json, "target", json_real((double)objective->target_ppm / 1e6));
    tw_out_set(json, "window", window_json(objective, live));
    tw_api_copy(json, live, live_keys);
    return json;
}

/* An objective and its workflow. */
struct defined {
    const struct tw_workflow *workflow;
    const struct tw_wf_objective *objective;
};

static int compare_names(const void *a, const void *b)
{
    const struct defined *left = a;
    const struct defined *right = b;
    return strcmp(left->objective->name, right->objective->name);
}

/* The objectives of the workflow that is asked for, or of all, in order of their names. */
static int find_all(struct tw_call *call, struct defined **ret_rows, size_t *ret_count)
{
    const struct tw_workflows *set = call->workflows;
    struct tw_str wanted = tw_http_param(call->request, "workflow");
    struct tw_api_words words = {.used = 0};
    bool is_known = wanted.ptr == NULL;
    size_t room = 1;
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        room += set->items[i].objective_count;
    }
    struct defined *rows = tw_arena_alloc(call->arena, room * sizeof *rows);
    if (rows == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct tw_workflow *workflow = &set->items[i];
        bool is_it = tw_str_is(wanted, workflow->name);
        tw_api_add_word(&words, workflow->name);
        for (size_t k = 0; k < workflow->objective_count && (is_it || wanted.ptr == NULL); k++) {
            rows[count++] = (struct defined){workflow, &workflow->objectives[k]};
        }
        is_known = is_known || is_it;
    }
    qsort(rows, count, sizeof *rows, compare_names);
    *ret_rows = rows;
    *ret_count = count;
    return is_known ? TW_OK
                    : tw_diag_set(&call->diag, TW_EINVAL, "'workflow' is one of: %s", words.text);
}

int tw_api_objectives(struct tw_call *call)
{
    static const char *const names[] = {"workflow", "limit", "cursor", NULL};
    struct tw_page page;
    struct defined *rows = NULL;
    size_t count = 0;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    rc = rc == TW_OK ? find_all(call, &rows, &count) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_str next = TW_STR_NULL;
    struct tw_str last = TW_STR_NULL;
    json_t *items = json_array();
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_str name = tw_str_of(rows[i].objective->name);
        json_t *live = NULL;
        if (page.cursor.ptr != NULL && tw_str_compare(name, page.cursor) <= 0) {
            continue;
        }
        if (json_array_size(items) == page.limit) {
            next = last;
            break;
        }
        rc = tw_api_live(call, "objective/", rows[i].objective->name, &live);
        tw_out_add(items, objective_json(rows[i].workflow, rows[i].objective, live));
        json_decref(live);
        last = name;
    }
    if (rc != TW_OK) {
        json_decref(items);
        return rc;
    }
    return tw_response_json(&call->response, 200, tw_call_list(call, items, next, (int64_t)count));
}

/* ---- one alone */

static int spend_json(struct tw_call *call, const struct tw_wf_objective *objective,
                      enum tw_spend_by by, const int64_t bounds_s[2], json_t **ret_json)
{
    const struct tw_spend_sum *sums = NULL;
    size_t count = 0;
    int rc = tw_reader_spend(call->reader, call->arena, tw_str_of(objective->name), by, bounds_s[0],
                             bounds_s[1], SPENDERS, &sums, &count);
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *json = json_object();
        tw_out_set(json, "what", sums[i].what.len == 0 ? json_null() : tw_out_text(sums[i].what));
        tw_out_set(json, "bad", json_integer(sums[i].bad));
        tw_out_add(list, json);
    }
    *ret_json = list;
    return TW_OK;
}

/* [since, until) of the question, else the objective's own window. */
static void spend_bounds(struct tw_call *call, const struct tw_page *page, const json_t *json,
                         int64_t bounds_s[2])
{
    const json_t *window = json_object_get(json, "window");
    const char *from = json_string_value(json_object_get(window, "from"));
    int64_t seconds = json_integer_value(json_object_get(window, "seconds"));
    seconds = seconds <= 0 || seconds > LONGEST_S ? LONGEST_S : seconds;
    tw_wall_t at = {call->now.ns - seconds * TW_NS_PER_S};
    if (from != NULL) {
        (void)tw_wall_parse(tw_str_of(from), &at); /* keeps what it was when it is no time */
    }
    at = page->since.ns == INT64_MIN ? at : page->since;
    tw_wall_t until = page->until.ns == INT64_MAX ? call->now : page->until;
    bounds_s[0] = at.ns / TW_NS_PER_S;
    bounds_s[1] = (until.ns + TW_NS_PER_S - 1) / TW_NS_PER_S + 3600; /* the hour under way */
    bounds_s[1] -= bounds_s[1] % 3600;
}

static int set_spend(struct tw_call *call, const struct tw_wf_objective *objective,
                     const struct tw_page *page, json_t *json)
{
    static const struct {
        const char *key;
        enum tw_spend_by by;
    } kinds[] = {
        {"cause", TW_SPEND_BY_CAUSE}, {"system", TW_SPEND_BY_SYSTEM}, {"store", TW_SPEND_BY_STORE}};
    int64_t bounds_s[2];
    spend_bounds(call, page, json, bounds_s);
    json_t *spend = json_object();
    tw_out_set(spend, "since", tw_out_time((tw_wall_t){bounds_s[0] * TW_NS_PER_S}));
    int rc = TW_OK;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && rc == TW_OK; i++) {
        json_t *list = NULL;
        rc = spend_json(call, objective, kinds[i].by, bounds_s, &list);
        if (rc == TW_OK) {
            tw_out_set(spend, kinds[i].key, list);
        }
    }
    tw_out_set(json, "spend", spend);
    return rc;
}

static int answer_openslo(struct tw_call *call, const struct tw_workflow *workflow,
                          const struct tw_wf_objective *objective)
{
    char *text = tw_objective_openslo(workflow, objective);
    if (text == NULL) {
        return TW_ENOMEM;
    }
    tw_response_take(&call->response, 200, "application/json", text, strlen(text));
    return TW_OK;
}

int tw_api_objective(struct tw_call *call)
{
    static const char *const names[] = {"format", "since", "until", NULL};
    const struct tw_workflow *workflow = NULL;
    struct tw_str format = tw_http_param(call->request, "format");
    struct tw_page page;
    json_t *live = NULL;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    const struct tw_wf_objective *objective =
        tw_api_find_objective(call->workflows, call->request->rest, &workflow);
    if (objective == NULL) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND, "no objective in force has this name");
    }
    if (tw_str_is(format, "openslo")) {
        return answer_openslo(call, workflow, objective);
    }
    if (format.ptr != NULL && !tw_str_is(format, "json")) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'format' is one of: json, openslo");
    }
    rc = tw_api_live(call, "objective/", objective->name, &live);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *json = objective_json(workflow, objective, live);
    json_decref(live);
    rc = set_spend(call, objective, &page, json);
    if (rc != TW_OK) {
        json_decref(json);
        return rc;
    }
    return tw_response_json(&call->response, 200, json);
}
