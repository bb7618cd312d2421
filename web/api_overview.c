/* SPDX-License-Identifier: Apache-2.0
 * GET /overview: the five questions in one answer: where is it, what is failing, are we inside our
 * objectives, what did not arrive, and may it be replayed. */
#include "config.h"
#include "web/api.h"

#define WORST 10 /* runs that are named */

/* Open runs of this state, longest first. */
static int add_runs(struct tw_call *call, enum tw_run_state state, json_t *json)
{
    const struct tw_run_filter filter = {.state = &state, .open_only = true, .limit = WORST};
    const struct tw_run_hit *hits = NULL;
    size_t count = 0;
    bool has_more = false;
    uint64_t total = 0;
    int rc = tw_reader_runs(call->reader, call->arena, &filter, &hits, &count, &has_more, &total);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *runs = json_array();
    for (size_t i = 0; i < count; i++) {
        tw_out_add(runs, tw_api_run_row(call, &hits[i].row));
    }
    tw_out_set(json, "count", tw_out_count(total));
    tw_out_set(json, "runs", runs);
    return TW_OK;
}

static json_t *where_json(const struct tw_store_status *status, const json_t *live)
{
    static const char *const keys[] = {"open_runs", "given_up", NULL};
    json_t *json = json_object();
    tw_out_set(json, "events", tw_out_count(status->last_n));
    tw_out_set(json, "first_received", tw_out_time(status->first_received));
    tw_out_set(json, "last_received", tw_out_time(status->last_received));
    tw_api_copy(json, live, keys);
    return json;
}

/* What did not come: numbers left out, and steps past their deadline. */
static json_t *missing_json(const struct tw_source_summary *sources, json_t *overdue)
{
    json_t *json = json_object();
    tw_out_set(json, "sources", tw_out_count(sources->sources));
    tw_out_set(json, "sources_with_gaps", tw_out_count(sources->with_gaps));
    tw_out_set(json, "sequence_missing", tw_out_count(sources->missing));
    tw_out_set(json, "overdue", overdue);
    return json;
}

static json_t *list_of(const json_t *live, const char *key)
{
    json_t *list = json_object_get(live, key);
    return json_is_array(list) ? json_incref(list) : json_array();
}

int tw_api_overview(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const live_keys[] = {
        "at", "read_up_to", "watermark", "watermark_lag", "sources_behind", NULL};
    static const char *const store_keys[] = {"store_totals", NULL};
    struct tw_store_status status;
    struct tw_source_summary sources;
    json_t *live = NULL;
    json_t *failing = json_object();
    json_t *overdue = json_object();
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_reader_status(call->reader, &status) : rc;
    rc = rc == TW_OK ? tw_call_summary(call, &sources) : rc;
    rc = rc == TW_OK ? add_runs(call, TW_RUN_IS_FAILED, failing) : rc;
    rc = rc == TW_OK ? add_runs(call, TW_RUN_IS_OVERDUE, overdue) : rc;
    rc = rc == TW_OK ? tw_api_live(call, "overview", "", &live) : rc;
    if (rc != TW_OK) {
        json_decref(failing);
        json_decref(overdue);
        return rc;
    }
    json_t *json = json_object();
    tw_out_set(json, "now", tw_out_time(call->now));
    tw_api_copy(json, live, live_keys);
    tw_out_set(json, "where", where_json(&status, live));
    tw_out_set(json, "failing", failing);
    tw_out_set(json, "workflows", list_of(live, "workflows"));
    tw_out_set(json, "objectives", list_of(live, "objectives"));
    tw_out_set(json, "systems", list_of(live, "systems"));
    tw_out_set(json, "stores", list_of(live, "stores"));
    tw_api_copy(json, live, store_keys);
    tw_out_set(json, "missing", missing_json(&sources, overdue));
    json_decref(live);
    return tw_response_json(&call->response, 200, json);
}
