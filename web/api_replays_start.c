/* SPDX-License-Identifier: Apache-2.0
 * POST /replays: starts what was planned, once for each Idempotency-Key. The right is asked for
 * first; the row of the audit and the replay are one transaction. */
#include "config.h"
#include "store/plan.h"
#include "web/api_replays.h"

#include <stdlib.h>

/* 200,000 items take some four seconds, which must not be for nothing. */
#define START_S 60

/* *number: what is configured, which may also be said where it is out of these bounds. */
static int read_number(struct tw_call *call, const json_t *body, const char *key, int64_t least,
                       int64_t most, int64_t *number)
{
    const json_t *value = json_object_get(body, key);
    bool is_configured = json_is_integer(value) && json_integer_value(value) == *number;
    if (value == NULL || json_is_null(value) || is_configured) {
        return TW_OK;
    }
    if (!json_is_integer(value) || json_integer_value(value) < least ||
        json_integer_value(value) > most) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'%s' is a number of %lld to %lld", key,
                           (long long)least, (long long)most);
    }
    *number = json_integer_value(value);
    return TW_OK;
}

static int read_order(struct tw_call *call, const json_t *body, struct tw_replay_order *order)
{
    const json_t *override = json_object_get(body, "override_reason");
    order->plan = tw_api_body_text(body, "plan");
    if (order->plan.ptr == NULL) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'plan' is what POST /replays/plan said");
    }
    if (override != NULL && !json_is_null(override) && !json_is_string(override)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'override_reason' is a text");
    }
    order->reason = tw_api_body_text(body, "reason");
    order->override_reason = tw_api_body_text(body, "override_reason");
    int rc = read_number(call, body, "rate", 1, TW_REPLAY_RATE_MAX, &order->rate);
    rc = rc == TW_OK ? read_number(call, body, "canary", 0, TW_REPLAY_CANARY_MAX, &order->canary)
                     : rc;
    rc = rc == TW_OK ? read_number(call, body, "stop_after_failures", 1,
                                   TW_REPLAY_STOP_FAILURES_MAX, &order->stop_failures)
                     : rc;
    rc = rc == TW_OK ? read_number(call, body, "stop_percent", 1, 100, &order->stop_percent) : rc;
    return rc == TW_OK ? read_number(call, body, "proof_seconds", TW_REPLAY_PROOF_S_MIN,
                                     TW_REPLAY_PROOF_S_MAX, &order->proof_s)
                       : rc;
}

/* The replay, where it is. */
static int answer_replay(struct tw_call *call, uint64_t id)
{
    char location[64];
    json_t *json = NULL;
    int rc = tw_api_replay_json(call, id, NULL, &json);
    if (rc != TW_OK) {
        return rc;
    }
    (void)snprintf(location, sizeof location, "/api/v1/replays/%llu", (unsigned long long)id);
    rc = tw_response_json(&call->response, 202, json);
    return rc == TW_OK ? tw_response_header(&call->response, "Location", location) : rc;
}

static int answer_changed(struct tw_call *call, const struct tw_replay_started *started)
{
    char detail[160];
    json_t *more = json_object();
    json_t *failures = json_array();
    for (size_t i = 0; i < started->changed_count; i++) {
        tw_out_add(failures, tw_out_count(started->changed_ones[i]));
    }
    tw_out_set(more, "changed", tw_out_count(started->changed));
    tw_out_set(more, "failures", failures);
    (void)snprintf(detail, sizeof detail,
                   "%llu of these have changed since they were planned; nothing was done: plan "
                   "again",
                   (unsigned long long)started->changed);
    tw_problem_fill_with(&call->response, TW_WEB_PROBLEM_CHANGED, detail, call->request->path,
                         more);
    return TW_OK;
}

static int answer(struct tw_call *call, const struct tw_replay_started *started)
{
    switch (started->outcome) {
    case TW_REPLAY_STARTED:
    case TW_REPLAY_REPEATED:
        return answer_replay(call, started->id);
    case TW_REPLAY_OTHER_BODY:
        return tw_call_problem(call, TW_WEB_PROBLEM_KEY,
                               "nothing was done: a replay was started with this key and another "
                               "body");
    case TW_REPLAY_EMPTY:
        return tw_call_problem(call, TW_WEB_PROBLEM_SET,
                               "nothing was done: this plan has nothing that could be replayed");
    case TW_REPLAY_UNREASONED:
        return tw_call_problem(call, TW_WEB_PROBLEM_BODY,
                               "nothing was done: 'override_reason' says why what is unproven or "
                               "parked is sent again");
    case TW_REPLAY_CHANGED:
        return answer_changed(call, started);
    case TW_REPLAY_NO_PLAN:
    default:
        return tw_diag_set(&call->diag, TW_ENOTFOUND,
                           "there is no such plan: it has expired or was started; plan again");
    }
}

static int start(struct tw_call *call, const json_t *body, const char *canonical)
{
    const struct tw_cfg *cfg = call->web->cfg;
    struct tw_replay_started started;
    struct tw_clock *clock = tw_clock_system();
    struct tw_replay_order order = {
        .dir = cfg->store.dir,
        .actor = call->principal->name,
        .key = call->request->head.idempotency_key,
        .body = tw_str_of(canonical),
        .rate = cfg->replay.rate,
        .canary = cfg->replay.canary,
        .stop_failures = cfg->replay.stop_after_failures,
        .stop_percent = cfg->replay.stop_percent,
        .proof_s = cfg->replay.proof_s,
        .now = call->now,
        .deadline = {clock->mono(clock).ns + START_S * TW_NS_PER_S},
    };
    call->deadline = order.deadline; /* the answer must not be lost either */
    int rc = read_order(call, body, &order);
    rc = rc == TW_OK ? tw_replay_start(&order, call->arena, &started, &call->diag) : rc;
    switch (rc) {
    case TW_OK:
        return answer(call, &started);
    case TW_EINVAL:
        return tw_call_problem(call, TW_WEB_PROBLEM_BODY, "%s", call->diag.text);
    case TW_EPERM:
    case TW_EIO:
    case TW_EBUSY:
    case TW_ENOSPACE: /* the desk's file, not who asks */
        return tw_call_problem(call, TW_WEB_PROBLEM_UNAVAILABLE, "nothing was done: %s",
                               call->diag.text);
    default:
        return rc;
    }
}

int tw_api_replay_start(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const keys[] = {
        "plan",         "override_reason", "rate", "canary", "stop_after_failures",
        "stop_percent", "proof_seconds",   NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *body = tw_api_body(call, keys);
    if (body == NULL) {
        return TW_OK; /* the response says what is wrong with it */
    }
    char *canonical = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    rc = canonical == NULL ? TW_ENOMEM : start(call, body, canonical);
    free(canonical);
    json_decref(body);
    return rc;
}
