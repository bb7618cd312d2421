/* SPDX-License-Identifier: Apache-2.0
 * The tower's truth about itself: GET /status, /healthz and /readyz. */
#include "config.h"
#include "web/api_failures.h"
#include "web/metrics_alerts.h"

/* Counters by the names of their table. */
static json_t *totals_json(const struct tw_totals *totals)
{
    json_t *json = json_object();
    for (int i = 0; i < TW_TOTAL_COUNT; i++) {
        tw_out_set(json, tw_total_infos[i].name, tw_out_count(totals->v[i]));
    }
    return json;
}

/* Quarantined by reason; those that never happened are left out. */
static json_t *problems_json(const uint64_t *problems)
{
    json_t *json = json_object();
    for (int i = 1; i < TW_PROBLEM_COUNT; i++) {
        if (problems[i] > 0) {
            tw_out_set(json, tw_problem_infos[i].name, tw_out_count(problems[i]));
        }
    }
    return json;
}

static json_t *sources_json(const struct tw_source_summary *summary)
{
    json_t *json = json_object();
    tw_out_set(json, "count", tw_out_count(summary->sources));
    tw_out_set(json, "with_gaps", tw_out_count(summary->with_gaps));
    tw_out_set(json, "missing", tw_out_count(summary->missing));
    tw_out_set(json, "filled", tw_out_count(summary->filled));
    tw_out_set(json, "rewinds", tw_out_count(summary->rewinds));
    tw_out_set(json, "out_of_order", tw_out_count(summary->out_of_order));
    tw_out_set(json, "clock_ahead", tw_out_count(summary->clock_ahead));
    return json;
}

static json_t *disk_json(const struct tw_store_status *status)
{
    json_t *json = json_object();
    tw_out_set(json, "store_bytes", tw_out_count(status->bytes));
    tw_out_set(json, "free_bytes", tw_out_count(status->free_bytes));
    tw_out_set(json, "total_bytes", tw_out_count(status->total_bytes));
    tw_out_set(json, "is_full", json_boolean(status->is_full));
    return json;
}

static json_t *age_json(const struct tw_call *call, tw_wall_t at)
{
    int64_t age = call->now.ns - at.ns;
    return at.ns == 0 ? json_null() : tw_out_seconds(age < 0 ? 0 : age);
}

/* null: there is no desk yet, or it cannot be read; `alerts` says why. */
static json_t *audit_json(struct tw_call *call)
{
    int rc = TW_OK;
    json_t *json = tw_api_audit_state(call, &rc);
    call->diag.text[0] = '\0'; /* it is no error of this call */
    return json;
}

int tw_api_status_json(struct tw_call *call, const struct tw_store_status *status,
                       json_t **ret_json)
{
    struct tw_source_summary summary;
    struct tw_web_state *web = call->web;
    int rc = tw_call_summary(call, &summary);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *json = json_object();
    tw_out_set(json, "version", json_string(PACKAGE_VERSION));
    tw_out_set(json, "now", tw_out_time(call->now));
    tw_out_set(json, "started", tw_out_time(web->started));
    tw_out_set(json, "uptime_seconds",
               tw_out_seconds(web->clock->mono(web->clock).ns - web->started_mono.ns));
    tw_out_set(json, "totals", totals_json(&status->totals));
    tw_out_set(json, "problems", problems_json(status->problems));
    tw_out_set(json, "quarantine_open", tw_out_count(status->quarantine_open));
    tw_out_set(json, "watermark", tw_out_time(status->last_commit));
    tw_out_set(json, "watermark_age_seconds", age_json(call, status->last_commit));
    tw_out_set(json, "first_received", tw_out_time(status->first_received));
    tw_out_set(json, "last_received", tw_out_time(status->last_received));
    tw_out_set(json, "last_received_age_seconds", age_json(call, status->last_received));
    tw_out_set(json, "last_n", tw_out_count(status->last_n));
    tw_out_set(json, "first_n", tw_out_count(status->first_n));
    tw_out_set(json, "retention_edge", tw_out_time(status->first_received));
    tw_out_set(json, "partitions", tw_out_count(status->partitions));
    tw_out_set(json, "sealed_partitions", tw_out_count(status->sealed));
    tw_out_set(json, "disk", disk_json(status));
    tw_out_set(json, "sources", sources_json(&summary));
    tw_out_set(json, "alerts", tw_alerts_status_json(call));
    tw_out_set(json, "audit", audit_json(call));
    *ret_json = json;
    return TW_OK;
}

int tw_api_status(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    struct tw_store_status status;
    json_t *json = NULL;
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK) {
        rc = tw_reader_status(call->reader, &status);
    }
    if (rc == TW_OK) {
        rc = tw_api_status_json(call, &status, &json);
    }
    return rc == TW_OK ? tw_response_json(&call->response, 200, json) : rc;
}

/* The process answers; nothing is asked of the store. */
int tw_api_healthz(struct tw_call *call)
{
    json_t *json = json_object();
    tw_out_set(json, "status", json_string("ok"));
    tw_out_set(json, "version", json_string(PACKAGE_VERSION));
    return tw_response_json(&call->response, 200, json);
}

/* The collector commits each second, also when nothing arrives; a slow disk may take longer. */
#define STALE_S 15

static void add_commit_reason(const struct tw_call *call, const struct tw_store_status *status,
                              json_t *reasons)
{
    int64_t age_ns = call->now.ns - status->last_commit.ns;
    if (status->last_commit.ns == 0) {
        tw_out_add(reasons, json_string("nothing was ever committed: the collector does not run"));
    } else if (age_ns > STALE_S * TW_NS_PER_S) {
        tw_out_add(reasons, json_sprintf("nothing was committed for %d s: the collector does not "
                                         "run, or the disk does not answer",
                                         (int)(age_ns / TW_NS_PER_S)));
    }
}

/* Routes that do not need the store open it here, so that "not yet" is an answer and no error. */
int tw_api_readyz(struct tw_call *call)
{
    struct tw_store_status status;
    json_t *reasons = json_array();
    if (call->reader == NULL) {
        tw_out_add(reasons, json_string("the store does not exist yet or cannot be opened"));
    } else {
        int rc = tw_reader_status(call->reader, &status);
        if (rc != TW_OK) {
            tw_out_add(reasons, json_string(tw_err_text(rc)));
        } else if (status.is_full) {
            tw_out_add(reasons, json_string("the disk is full: acknowledging has stopped"));
        } else {
            add_commit_reason(call, &status, reasons);
        }
    }
    bool is_ready = json_array_size(reasons) == 0;
    json_t *json = json_object();
    tw_out_set(json, "status", json_string(is_ready ? "ready" : "not ready"));
    tw_out_set(json, "reasons", reasons);
    if (!is_ready) {
        int rc = tw_response_header(&call->response, "Retry-After", "2");
        if (rc != TW_OK) {
            json_decref(json);
            return rc;
        }
    }
    return tw_response_json(&call->response, is_ready ? 200 : 503, json);
}
