/* SPDX-License-Identifier: Apache-2.0
 * GET /stores, /stores/{id}: how each store is, out of the document that the collector commits
 * every ten seconds, and what one store has spent of each budget in the last 30 days. */
#include "config.h"
#include "web/api.h"

#include <stdlib.h>

#define SPENDERS   10000 /* stores of one objective that are looked through */
#define SPENT_OF_S (30 * 86400)

/* Its row, with how long nothing was heard of it. */
static json_t *store_json(struct tw_call *call, const json_t *row)
{
    json_t *json = json_copy((json_t *)(uintptr_t)row); /* shallow; the parameter lacks its const */
    const char *last = json_string_value(json_object_get(row, "last_received"));
    tw_wall_t at = {0};
    bool is_known = last != NULL && tw_wall_parse(tw_str_of(last), &at) == TW_OK;
    int64_t silent_ns = call->now.ns > at.ns ? call->now.ns - at.ns : 0;
    tw_out_set(json, "silent_seconds", is_known ? tw_out_seconds(silent_ns) : json_null());
    return json;
}

static const char *name_of(const json_t *row)
{
    const char *name = json_string_value(json_object_get(row, "store"));
    return name == NULL ? "" : name;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(name_of(*(json_t *const *)a), name_of(*(json_t *const *)b));
}

/* The rows of the document by name, in the arena. */
static int sorted_rows(struct tw_call *call, const json_t *live, json_t ***ret_rows,
                       size_t *ret_count)
{
    json_t *list = json_object_get(live, "stores");
    size_t count = json_array_size(list);
    json_t **rows = tw_arena_alloc(call->arena, (count + 1) * sizeof *rows);
    if (rows == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        rows[i] = json_array_get(list, i);
    }
    qsort(rows, count, sizeof *rows, compare_names);
    *ret_rows = rows;
    *ret_count = count;
    return TW_OK;
}

int tw_api_stores(struct tw_call *call)
{
    static const char *const names[] = {"limit", "cursor", NULL};
    struct tw_page page;
    json_t *live = NULL;
    json_t **rows = NULL;
    size_t count = 0;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    rc = rc == TW_OK ? tw_api_live(call, "stores", "", &live) : rc;
    rc = rc == TW_OK ? sorted_rows(call, live, &rows, &count) : rc;
    if (rc != TW_OK) {
        json_decref(live);
        return rc;
    }
    json_t *items = json_array();
    struct tw_str next = TW_STR_NULL;
    const char *last = "";
    for (size_t i = 0; i < count; i++) {
        struct tw_str name = tw_str_of(name_of(rows[i]));
        if (page.cursor.ptr != NULL && tw_str_compare(name, page.cursor) <= 0) {
            continue;
        }
        if (json_array_size(items) == page.limit) {
            next = tw_str_of(last);
            break;
        }
        tw_out_add(items, store_json(call, rows[i]));
        last = name.ptr;
    }
    json_t *json = tw_call_list(call, items, next, (int64_t)count);
    json_t *other = json_object_get(live, "other");
    tw_out_set(json, "other", other == NULL ? json_null() : json_incref(other));
    rc = tw_response_json(&call->response, 200, json);
    json_decref(live); /* `next` pointed into it */
    return rc;
}

/* What the store has spent of one objective; 0: nothing. */
static int spent_of(struct tw_call *call, const char *objective, int64_t *ret_bad)
{
    const struct tw_spend_sum *sums = NULL;
    size_t count = 0;
    int64_t until_s = call->now.ns / TW_NS_PER_S + 3600; /* the hour under way */
    int rc = tw_reader_spend(call->reader, call->arena, tw_str_of(objective), TW_SPEND_BY_STORE,
                             until_s - SPENT_OF_S, until_s, SPENDERS, &sums, &count);
    *ret_bad = 0;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (tw_str_equal(sums[i].what, call->request->rest)) {
            *ret_bad = sums[i].bad;
        }
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int set_objectives(struct tw_call *call, json_t *json)
{
    json_t *list = json_array();
    int rc = TW_OK;
    for (size_t i = 0; i < call->workflows->count && rc == TW_OK; i++) {
        const struct tw_workflow *workflow = &call->workflows->items[i];
        for (size_t k = 0; k < workflow->objective_count && rc == TW_OK; k++) {
            const struct tw_wf_objective *objective = &workflow->objectives[k];
            int64_t bad = 0;
            rc = spent_of(call, objective->name, &bad);
            if (rc == TW_OK && bad != 0) {
                json_t *one = json_object();
                tw_out_set(one, "objective", json_string(objective->name));
                tw_out_set(
                    one, "title",
                    json_string(objective->title != NULL ? objective->title : objective->name));
                tw_out_set(one, "workflow", json_string(workflow->name));
                tw_out_set(one, "bad", json_integer(bad));
                tw_out_add(list, one);
            }
        }
    }
    tw_out_set(json, "objectives", list);
    return rc;
}

int tw_api_store(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    json_t *live = NULL;
    json_t *json = NULL;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_api_live(call, "stores", "", &live) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    const json_t *list = json_object_get(live, "stores");
    for (size_t i = 0; i < json_array_size(list) && json == NULL; i++) {
        const json_t *row = json_array_get(list, i);
        json = tw_str_is(call->request->rest, name_of(row)) ? store_json(call, row) : NULL;
    }
    json_decref(live);
    if (json == NULL) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND, "no event has named this store");
    }
    rc = set_objectives(call, json);
    if (rc != TW_OK) {
        json_decref(json);
        return rc;
    }
    return tw_response_json(&call->response, 200, json);
}
