/* SPDX-License-Identifier: Apache-2.0
 * GET and POST /api/v2/silences, GET and DELETE /api/v2/silence/{id}. */
#include "config.h"
#include "web/am.h"

#include <stdlib.h>

#define ENDED_MAX   1000
#define AHEAD_MAX_S (INT64_C(366) * 86400)

/* ---- JSON ---- */

static json_t *silence_json(const struct tw_call *call, const struct tw_silence *silence)
{
    json_t *matchers = NULL;
    json_t *json = json_object();
    const char *state = tw_silence_state_name(tw_silence_state(silence, call->now));
    if (tw_api_parse(silence->matchers, &matchers) != TW_OK) {
        matchers = json_array();
    }
    tw_out_set(json, "id", tw_out_text(silence->id));
    tw_out_set(json, "status", json_pack("{s:s}", "state", state));
    tw_out_set(json, "updatedAt", tw_out_time(silence->updated));
    tw_out_set(json, "comment", tw_out_text(silence->comment));
    tw_out_set(json, "createdBy", tw_out_text(silence->created_by));
    tw_out_set(json, "endsAt", tw_out_time(silence->ends));
    tw_out_set(json, "matchers", matchers); /* kept in the form that it has here */
    tw_out_set(json, "startsAt", tw_out_time(silence->starts));
    return json;
}

/* A filter asks for what the silence says of a label, not for what it matches. */
static bool is_wanted(const struct tw_matchers *filters, const struct tw_silence *silence)
{
    struct tw_matchers *matchers = NULL;
    struct tw_label items[TW_MATCHERS_MAX];
    if (tw_matchers_count(filters) == 0) {
        return true;
    }
    if (tw_matchers_read(silence->matchers, &matchers, NULL) != TW_OK) {
        return false;
    }
    size_t count = tw_matchers_count(matchers);
    for (size_t i = 0; i < count; i++) {
        struct tw_matcher_text item = tw_matchers_get(matchers, i);
        items[i] = (struct tw_label){item.name, item.value};
    }
    const struct tw_labels labels = {items, count};
    bool is_match = tw_matchers_match(filters, &labels);
    tw_matchers_destroy(&matchers);
    return is_match;
}

/* ---- GET ---- */

static int by_begin(const void *a, const void *b)
{
    int64_t left = ((const struct tw_silence *)a)->starts.ns;
    int64_t right = ((const struct tw_silence *)b)->starts.ns;
    return left < right ? -1 : (left > right ? 1 : 0);
}

static void add_state(const struct tw_call *call, const struct tw_matchers *filters,
                      const struct tw_silence *items, size_t count, enum tw_silence_state state,
                      json_t *list)
{
    for (size_t i = 0; i < count; i++) {
        if (tw_silence_state(&items[i], call->now) == state && is_wanted(filters, &items[i])) {
            tw_out_add(list, silence_json(call, &items[i]));
        }
    }
}

int tw_am_silences(struct tw_call *call)
{
    struct tw_desk_reader *desk = NULL;
    struct tw_matchers *filters = NULL;
    const struct tw_silence *items = NULL;
    struct tw_silence *pending = NULL;
    size_t count = 0;
    bool has_more = false;
    json_t *list = NULL;
    int rc = tw_am_filters(call, &filters);
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    rc = rc == TW_OK ? tw_desk_silences(desk, call->arena, call->now, &items, &count) : rc;
    if (rc == TW_OK) {
        pending = tw_arena_alloc(call->arena, (count + 1) * sizeof *pending);
        rc = pending == NULL ? TW_ENOMEM : TW_OK;
    }
    if (rc == TW_OK) {
        list = json_array();
        add_state(call, filters, items, count, TW_SILENCE_ACTIVE, list);
        if (count > 0) {
            memcpy(pending, items, count * sizeof *pending);
            qsort(pending, count, sizeof *pending, by_begin);
        }
        add_state(call, filters, pending, count, TW_SILENCE_PENDING, list);
        rc = tw_desk_silences_ended(desk, call->arena, call->now, 0, ENDED_MAX, &items, &count,
                                    &has_more);
    }
    if (rc == TW_OK) {
        add_state(call, filters, items, count, TW_SILENCE_EXPIRED, list);
        rc = tw_response_json(&call->response, 200, list);
        list = NULL;
    }
    json_decref(list);
    tw_matchers_destroy(&filters);
    return rc;
}

static int nothing(struct tw_call *call, int status)
{
    tw_response_fini(&call->response);
    call->response.status = status;
    call->response.content_type = "application/json; charset=utf-8";
    call->response.borrowed = "";
    call->response.len = 0;
    return TW_OK;
}

int tw_am_silence(struct tw_call *call)
{
    struct tw_desk_reader *desk = NULL;
    struct tw_silence silence = {.id = TW_STR_NULL};
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_desk_silence(desk, call->arena, call->request->rest, &silence) : rc;
    if (rc == TW_ENOTFOUND) {
        return nothing(call, 404);
    }
    return rc == TW_OK ? tw_response_json(&call->response, 200, silence_json(call, &silence)) : rc;
}

/* ---- POST, DELETE ---- */

static int answer_error(struct tw_call *call, int rc)
{
    switch (rc) {
    case TW_EINVAL:
    case TW_ESYNTAX:
    case TW_ELIMIT:
        return tw_am_error(call, 400, call->diag.text);
    case TW_ENOTFOUND:
        return tw_am_error(call, 404, "silence not found");
    case TW_EIO:
    case TW_EPERM:
        return tw_am_error(call, 503, call->diag.text);
    default:
        return rc;
    }
}

static int read_matchers(struct tw_call *call, const json_t *body, struct tw_str *ret_json)
{
    struct tw_matcher_text items[TW_MATCHERS_MAX];
    struct tw_matchers *matchers = NULL;
    char *text = json_dumps(json_object_get(body, "matchers"), JSON_COMPACT | JSON_ENCODE_ANY);
    if (text == NULL) {
        return tw_diag_set(&call->diag, TW_EINVAL, "matchers in body is required");
    }
    int rc = tw_matchers_read(tw_str_of(text), &matchers, &call->diag);
    size_t count = rc == TW_OK ? tw_matchers_count(matchers) : 0;
    if (rc == TW_OK && tw_matchers_match_empty(matchers)) {
        rc = tw_diag_set(&call->diag, TW_EINVAL,
                         count == 0 ? "matchers in body should have at least 1 items"
                                    : "silence invalid: at least one matcher must not match the "
                                      "empty string");
    }
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        items[i] = tw_matchers_get(matchers, i);
    }
    rc = rc == TW_OK ? tw_matchers_json(call->arena, items, count, ret_json) : rc;
    tw_matchers_destroy(&matchers);
    free(text);
    return rc;
}

static int read_silence(struct tw_call *call, const json_t *body, struct tw_silence *silence)
{
    struct tw_str id = tw_am_text(body, "id");
    *silence = (struct tw_silence){.id = id.len == 0 ? TW_STR_NULL : id,
                                   .created_by = tw_am_text(body, "createdBy"),
                                   .comment = tw_am_text(body, "comment")};
    if (silence->created_by.len == 0) {
        silence->created_by = call->principal->name;
    }
    int rc = tw_am_time(call, body, "startsAt", &silence->starts);
    rc = rc == TW_OK ? tw_am_time(call, body, "endsAt", &silence->ends) : rc;
    if (rc == TW_OK && (silence->starts.ns == 0 || silence->ends.ns == 0)) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "startsAt and endsAt in body are required");
    }
    if (rc == TW_OK && silence->ends.ns - call->now.ns > AHEAD_MAX_S * TW_NS_PER_S) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "endsAt is at most 366 days ahead");
    }
    return rc == TW_OK ? read_matchers(call, body, &silence->matchers) : rc;
}

int tw_am_silence_post(struct tw_call *call)
{
    char id[TW_SILENCE_ID_LEN + 1];
    struct tw_silence silence = {.id = TW_STR_NULL};
    const struct tw_alert_command command = tw_api_alert_command(call);
    json_t *body = tw_am_body(call, false);
    if (body == NULL) {
        return TW_OK; /* the response says what is wrong with it */
    }
    int rc = read_silence(call, body, &silence);
    rc = rc == TW_OK ? tw_silence_put(&command, &silence, id, &call->diag) : rc;
    json_decref(body);
    return rc == TW_OK ? tw_response_json(&call->response, 200, json_pack("{s:s}", "silenceID", id))
                       : answer_error(call, rc);
}

int tw_am_silence_delete(struct tw_call *call)
{
    const struct tw_alert_command command = tw_api_alert_command(call);
    int rc = tw_silence_expire(&command, call->request->rest, &call->diag);
    if (rc == TW_ENOTFOUND) {
        return nothing(call, 404);
    }
    return rc == TW_OK || rc == TW_ECLOSED ? nothing(call, 200) : answer_error(call, rc);
}
