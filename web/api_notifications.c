/* SPDX-License-Identifier: Apache-2.0
 * GET /notifications, /notifications/{id}, GET and POST /heartbeats: what was told to whom, and who
 * was to be heard of. */
#include "config.h"
#include "web/api_alerts.h"

#define CURSOR_BYTES       8
#define FINGERPRINTS_SHOWN 20

/* ---- notices ---- */

static json_t *count_of(const json_t *alerts, const char *status)
{
    uint64_t count = 0;
    size_t i = 0;
    const json_t *alert = NULL;
    json_array_foreach ((json_t *)(uintptr_t)alerts, i, alert) { /* only read */
        const char *text = json_string_value(json_object_get(alert, "status"));
        count += text != NULL && strcmp(text, status) == 0;
    }
    return tw_out_count(count);
}

static void set_body(const struct tw_notice *notice, bool with_data, json_t *json)
{
    json_t *body = NULL;
    bool is_read = tw_api_parse(notice->data, &body) == TW_OK;
    const json_t *alerts = json_object_get(body, "alerts");
    json_t *labels = json_object_get(body, "groupLabels");
    json_t *fingerprints = json_array();
    int64_t truncated = json_integer_value(json_object_get(body, "truncatedAlerts"));
    for (size_t i = 0; i < json_array_size(alerts) && i < FINGERPRINTS_SHOWN; i++) {
        json_t *one = json_object_get(json_array_get(alerts, i), "fingerprint");
        if (json_is_string(one)) {
            tw_out_add(fingerprints, json_incref(one));
        }
    }
    tw_out_set(json, "group_labels", json_is_object(labels) ? json_incref(labels) : json_object());
    tw_out_set(json, "alerts",
               tw_out_count(json_array_size(alerts) + (truncated > 0 ? (uint64_t)truncated : 0)));
    tw_out_set(json, "firing", count_of(alerts, "firing"));
    tw_out_set(json, "resolved", count_of(alerts, "resolved"));
    tw_out_set(json, "fingerprints", fingerprints);
    if (with_data) {
        tw_out_set(json, "data", is_read ? json_incref(body) : json_null());
    }
    json_decref(body);
}

json_t *tw_api_notice_json(const struct tw_notice_view *view, bool with_data)
{
    const struct tw_notice *notice = &view->notice;
    bool is_open = view->state == TW_NOTICE_STATE_WAITING || view->state == TW_NOTICE_STATE_SENDING;
    json_t *json = json_object();
    tw_out_set(json, "id", tw_out_count(notice->id));
    tw_out_set(json, "receiver", tw_out_text(notice->receiver));
    tw_out_set(json, "integration", tw_out_text(notice->integration));
    tw_out_set(json, "index", tw_out_count(notice->idx));
    tw_out_set(json, "kind", json_string(tw_notice_kind_name(notice->kind)));
    tw_out_set(json, "reason", tw_api_word(notice->reason));
    tw_out_set(json, "state", json_string(tw_notice_state_name(view->state)));
    tw_out_set(json, "created", tw_out_time(notice->created));
    tw_out_set(json, "next", is_open ? tw_out_time(notice->next) : json_null());
    tw_out_set(json, "done", tw_out_time(view->done));
    tw_out_set(json, "tries", tw_out_count(notice->tries));
    tw_out_set(json, "status", view->status == 0 ? json_null() : json_integer(view->status));
    tw_out_set(json, "error", tw_api_word(view->error));
    tw_out_set(json, "group", tw_out_text(notice->group));
    set_body(notice, with_data, json);
    return json;
}

struct values {
    uint64_t fingerprint;
    enum tw_notice_kind kind;
    enum tw_notice_state state;
};

static int read_words(struct tw_call *call, struct values *values, struct tw_notice_filter *filter)
{
    struct tw_str kind = tw_http_param(call->request, "kind");
    struct tw_str state = tw_http_param(call->request, "state");
    struct tw_api_words kinds = {.used = 0};
    struct tw_api_words states = {.used = 0};
    for (int i = 0; i < TW_NOTICE_KIND_COUNT; i++) {
        const char *word = tw_notice_kind_name((enum tw_notice_kind)i);
        tw_api_add_word(&kinds, word);
        if (tw_str_is(kind, word)) {
            values->kind = (enum tw_notice_kind)i;
            filter->kind = &values->kind;
        }
    }
    for (int i = 0; i < TW_NOTICE_STATE_COUNT; i++) {
        const char *word = tw_notice_state_name((enum tw_notice_state)i);
        tw_api_add_word(&states, word);
        if (tw_str_is(state, word)) {
            values->state = (enum tw_notice_state)i;
            filter->state = &values->state;
        }
    }
    if (kind.ptr != NULL && filter->kind == NULL) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'kind' is one of: %s", kinds.text);
    }
    return state.ptr == NULL || filter->state != NULL
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'state' is one of: %s", states.text);
}

static int read_filter(struct tw_call *call, struct values *values, struct tw_notice_filter *filter)
{
    struct tw_page page;
    struct tw_str alert = tw_http_param(call->request, "alert");
    struct tw_str id = tw_http_param(call->request, "id");
    *filter = (struct tw_notice_filter){
        .receiver = tw_http_param(call->request, "receiver"),
        .integration = tw_http_param(call->request, "integration"),
    };
    int rc = tw_call_page(call, &page);
    rc = rc == TW_OK ? read_words(call, values, filter) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    if (alert.ptr != NULL) {
        if (tw_fingerprint_read(alert, &values->fingerprint) != TW_OK) {
            return tw_diag_set(&call->diag, TW_EINVAL, "'alert' is a fingerprint");
        }
        filter->fingerprint = &values->fingerprint;
    }
    if (id.ptr != NULL && (tw_parse_number(id, &filter->id) != TW_OK || filter->id == 0)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'id' is the number of a notification");
    }
    if (page.cursor.ptr != NULL) {
        if (page.cursor.len != CURSOR_BYTES) {
            return tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is none of this list");
        }
        memcpy(&filter->before, page.cursor.ptr, CURSOR_BYTES);
    }
    filter->since = page.since;
    filter->until = page.until;
    filter->limit = page.limit;
    return TW_OK;
}

int tw_api_notifications(struct tw_call *call)
{
    static const char *const names[] = {"id",    "receiver", "integration", "kind",
                                        "state", "alert",    "since",       "until",
                                        "limit", "cursor",   NULL};
    struct tw_desk_reader *desk = NULL;
    struct tw_notice_filter filter;
    struct values values = {.fingerprint = 0};
    const struct tw_notice_view *views = NULL;
    size_t count = 0;
    bool has_more = false;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? read_filter(call, &values, &filter) : rc;
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    rc = rc == TW_OK ? tw_desk_notices(desk, call->arena, &filter, &views, &count, &has_more) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        tw_out_add(items, tw_api_notice_json(&views[i], false));
    }
    uint64_t last = count == 0 ? 0 : views[count - 1].notice.id;
    struct tw_str next = {(const char *)&last, CURSOR_BYTES};
    return tw_response_json(&call->response, 200,
                            tw_call_list(call, items, has_more ? next : TW_STR_NULL, -1));
}

int tw_api_notification(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    struct tw_desk_reader *desk = NULL;
    struct tw_notice_filter filter = {.since = {INT64_MIN}, .until = {INT64_MAX}, .limit = 1};
    const struct tw_notice_view *views = NULL;
    size_t count = 0;
    bool has_more = false;
    int rc = tw_call_allow(call, names);
    bool is_number = tw_parse_number(call->request->rest, &filter.id) == TW_OK && filter.id > 0;
    rc = rc == TW_OK && is_number ? tw_api_desk(call, &desk) : rc;
    if (rc == TW_OK && is_number) {
        rc = tw_desk_notices(desk, call->arena, &filter, &views, &count, &has_more);
    }
    if (rc == TW_OK && count == 0) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND, "there is no such notification");
    }
    return rc == TW_OK ? tw_response_json(&call->response, 200, tw_api_notice_json(&views[0], true))
                       : rc;
}

/* ---- heartbeats ---- */

static json_t *heartbeat_json(const struct tw_call *call,
                              const struct tw_alerts_heartbeat *heartbeat)
{
    const struct tw_notify *notify = call->notify;
    bool was_heard = heartbeat->state != TW_HEARTBEAT_AWAITED;
    int64_t grace_s = 0;
    for (size_t i = 0; notify != NULL && i < notify->heartbeat_count; i++) {
        if (tw_str_is(heartbeat->name, notify->heartbeats[i].name)) {
            grace_s = notify->heartbeats[i].grace_s;
        }
    }
    json_t *json = json_object();
    tw_out_set(json, "name", tw_out_text(heartbeat->name));
    tw_out_set(json, "last", was_heard ? tw_out_time(heartbeat->last) : json_null());
    tw_out_set(json, "awaited_since", was_heard ? json_null() : tw_out_time(heartbeat->last));
    tw_out_set(json, "every_seconds", json_integer(heartbeat->every_s));
    tw_out_set(json, "grace_seconds", json_integer(grace_s));
    tw_out_set(json, "state", json_string(tw_heartbeat_state_name(heartbeat->state)));
    return json;
}

int tw_api_heartbeats(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    struct tw_desk_reader *desk = NULL;
    const struct tw_alerts_heartbeat *items = NULL;
    size_t count = 0;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    rc = rc == TW_OK ? tw_desk_heartbeats(desk, call->arena, &items, &count) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        tw_out_add(list, heartbeat_json(call, &items[i]));
    }
    return tw_response_json(&call->response, 200,
                            tw_call_list(call, list, TW_STR_NULL, (int64_t)count));
}

static int beat(struct tw_call *call)
{
    struct tw_str name = call->request->rest;
    struct tw_desk_reader *desk = NULL;
    const struct tw_alerts_heartbeat *items = NULL;
    size_t count = 0;
    int rc = tw_heartbeat_beat(call->web->cfg->store.dir, name, call->now, &call->diag);
    if (rc != TW_OK) {
        return tw_api_command_error(call, rc);
    }
    rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_desk_heartbeats(desk, call->arena, &items, &count) : rc;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (tw_str_equal(items[i].name, name)) {
            return tw_response_json(&call->response, 200, heartbeat_json(call, &items[i]));
        }
    }
    return rc == TW_OK ? TW_ENOTFOUND : rc; /* it was taken away meanwhile */
}

int tw_api_heartbeat(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const keys[] = {NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *body = tw_api_body(call, keys);
    rc = body == NULL ? TW_OK : beat(call);
    json_decref(body);
    return rc;
}
