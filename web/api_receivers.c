/* SPDX-License-Identifier: Apache-2.0
 * GET /receivers, POST /receivers/{name}/test: who is told, how that goes, and whether it would. */
#include "config.h"
#include "web/api_alerts.h"

#include <stdlib.h>

/* ---- JSON ---- */

static json_t *names_json(const struct tw_cfg_strings *names)
{
    json_t *list = json_array();
    for (size_t i = 0; i < names->count; i++) {
        tw_out_add(list, json_string(names->items[i]));
    }
    return list;
}

static json_t *matchers_json(struct tw_call *call, const struct tw_matcher_text *texts,
                             size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        struct tw_str text = TW_STR_NULL;
        tw_out_add(list, tw_matcher_write(call->arena, &texts[i], &text) == TW_OK
                             ? tw_out_text(text)
                             : NULL);
    }
    return list;
}

static const struct tw_receiver_health *health_of(const struct tw_receiver_health *rows,
                                                  size_t count, const char *receiver,
                                                  const struct tw_integration *integration)
{
    for (size_t i = 0; i < count; i++) {
        if (tw_str_is(rows[i].receiver, receiver) && rows[i].idx == integration->idx &&
            tw_str_is(rows[i].integration, tw_integration_name(integration->kind))) {
            return &rows[i];
        }
    }
    return NULL;
}

/* Of an integration, and of the receiver as the worst of them. */
struct health {
    tw_wall_t ok;
    tw_wall_t failed;
    struct tw_str error;
    bool is_failing;
    uint64_t fails;
    uint64_t waiting;
};

static void add_health(struct health *self, const struct tw_receiver_health *row)
{
    if (row == NULL) {
        return;
    }
    self->ok.ns = row->ok.ns > self->ok.ns ? row->ok.ns : self->ok.ns;
    if (row->failed.ns >= self->failed.ns && row->error.ptr != NULL) {
        self->failed = row->failed;
        self->error = row->error;
    }
    self->is_failing = self->is_failing || row->is_failing;
    self->fails += row->fails;
    self->waiting += row->waiting;
}

static json_t *health_json(const struct health *health)
{
    json_t *json = json_object();
    tw_out_set(json, "last_ok", tw_out_time(health->ok));
    tw_out_set(json, "last_error", tw_api_word(health->error));
    tw_out_set(json, "last_error_at", tw_out_time(health->failed));
    tw_out_set(json, "failing", json_boolean(health->is_failing));
    tw_out_set(json, "failed", tw_out_count(health->fails));
    tw_out_set(json, "waiting", tw_out_count(health->waiting));
    return json;
}

static json_t *receiver_json(const struct tw_receiver *receiver,
                             const struct tw_receiver_health *rows, size_t count)
{
    struct health all = {.waiting = 0};
    json_t *list = json_array();
    for (size_t i = 0; i < receiver->count; i++) {
        const struct tw_integration *integration = &receiver->items[i];
        const struct tw_receiver_health *row = health_of(rows, count, receiver->name, integration);
        struct health own = {.waiting = 0};
        json_t *one = json_object();
        add_health(&own, row);
        add_health(&all, row);
        tw_out_set(one, "kind", json_string(tw_integration_name(integration->kind)));
        tw_out_set(one, "index", tw_out_count(integration->idx));
        tw_out_set(one, "target",
                   integration->target == NULL ? json_null()
                                               : tw_out_text(tw_str_of(integration->target)));
        tw_out_set(one, "sends_resolved", json_boolean(integration->sends_resolved));
        tw_out_set(one, "health", health_json(&own));
        tw_out_add(list, one);
    }
    json_t *json = json_object();
    tw_out_set(json, "name", json_string(receiver->name));
    tw_out_set(json, "integrations", list);
    tw_out_set(json, "health", health_json(&all));
    return json;
}

static json_t *times_json(const struct tw_notify *notify, const size_t *times, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        tw_out_add(list, json_string(notify->times[times[i]].name));
    }
    return list;
}

static json_t *route_json(struct tw_call *call, size_t at)
{
    const struct tw_notify *notify = call->notify;
    const struct tw_route *route = &notify->routes[at];
    const char *muted_by = tw_notify_muted_by(notify, route, call->now);
    json_t *json = json_object();
    json_t *escalations = json_array();
    int64_t depth = 0;
    for (size_t up = at; up != notify->routes[up].parent; up = notify->routes[up].parent) {
        depth++;
    }
    for (size_t i = 0; i < route->escalation_count; i++) {
        json_t *one = json_object();
        tw_out_set(one, "after_seconds", json_integer(route->escalations[i].after_s));
        tw_out_set(one, "receiver",
                   json_string(notify->receivers[route->escalations[i].receiver].name));
        tw_out_add(escalations, one);
    }
    tw_out_set(json, "receiver", json_string(notify->receivers[route->receiver].name));
    tw_out_set(json, "matchers", matchers_json(call, route->texts, route->text_count));
    tw_out_set(json, "group_by",
               route->groups_by_all ? json_pack("[s]", "...") : names_json(&route->group_by));
    tw_out_set(json, "depth", json_integer(depth));
    tw_out_set(json, "group_wait_seconds", json_integer(route->group_wait_s));
    tw_out_set(json, "group_interval_seconds", json_integer(route->group_interval_s));
    tw_out_set(json, "repeat_interval_seconds", json_integer(route->repeat_interval_s));
    tw_out_set(json, "active_times", times_json(notify, route->active_times, route->active_count));
    tw_out_set(json, "mute_times", times_json(notify, route->mute_times, route->mute_count));
    tw_out_set(json, "escalate", escalations);
    tw_out_set(json, "continue", json_boolean(route->goes_on));
    tw_out_set(json, "muted_by", muted_by == NULL ? json_null() : json_string(muted_by));
    return json;
}

static void set_rest(struct tw_call *call, json_t *json)
{
    const struct tw_notify *notify = call->notify;
    json_t *routes = json_array();
    json_t *inhibits = json_array();
    json_t *watchdog = json_null();
    for (size_t i = 0; notify != NULL && i < notify->route_count; i++) {
        tw_out_add(routes, route_json(call, i));
    }
    for (size_t i = 0; notify != NULL && i < notify->inhibit_count; i++) {
        const struct tw_inhibit *inhibit = &notify->inhibits[i];
        json_t *one = json_object();
        tw_out_set(one, "source",
                   matchers_json(call, inhibit->source_texts, inhibit->source_count));
        tw_out_set(one, "target",
                   matchers_json(call, inhibit->target_texts, inhibit->target_count));
        tw_out_set(one, "equal", names_json(&inhibit->equal));
        tw_out_set(one, "follows", inhibit->follows_system ? json_string("system") : json_null());
        tw_out_add(inhibits, one);
    }
    if (notify != NULL && notify->has_watchdog) {
        watchdog = json_object();
        tw_out_set(watchdog, "receiver",
                   json_string(notify->receivers[notify->watchdog_receiver].name));
        tw_out_set(watchdog, "every_seconds", json_integer(notify->watchdog_every_s));
    }
    tw_out_set(json, "routes", routes);
    tw_out_set(json, "inhibit", inhibits);
    tw_out_set(json, "watchdog", watchdog);
    tw_out_set(json, "file",
               notify == NULL || notify->file == NULL ? json_null()
                                                      : tw_out_text(tw_str_of(notify->file)));
}

int tw_api_receivers(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    struct tw_desk_reader *desk = NULL;
    const struct tw_receiver_health *rows = NULL;
    size_t count = 0;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    rc = rc == TW_OK ? tw_desk_receivers(desk, call->arena, &rows, &count) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    for (size_t i = 0; call->notify != NULL && i < call->notify->receiver_count; i++) {
        tw_out_add(items, receiver_json(&call->notify->receivers[i], rows, count));
    }
    json_t *json = tw_call_list(call, items, TW_STR_NULL, (int64_t)json_array_size(items));
    set_rest(call, json);
    return tw_response_json(&call->response, 200, json);
}

/* ---- POST /receivers/{name}/test ---- */

/* A webhook body that says what it is. */
static char *test_body(const struct tw_call *call, const struct tw_receiver *receiver)
{
    char at[TW_TIME_TEXT_SIZE];
    char hex[TW_FINGERPRINT_HEX_LEN + 1];
    const struct tw_label items[] = {{TW_STR_LIT("alertname"), TW_STR_LIT("TillwatchTest")},
                                     {TW_STR_LIT("severity"), TW_STR_LIT("info")}};
    const struct tw_labels labels = {items, sizeof items / sizeof items[0]};
    const char *url = call->notify->external_url == NULL ? "" : call->notify->external_url;
    tw_wall_format(call->now, at);
    tw_fingerprint_hex(tw_labels_fingerprint(&labels), hex);
    json_t *annotations =
        json_pack("{s:s, s:s}", "summary", "A test of Tillwatch: nothing is wrong", "description",
                  "Somebody pressed the test button of this receiver. Nothing is to be done.");
    json_t *alert =
        json_pack("{s:s, s:o, s:O, s:s, s:s, s:s, s:s}", "status", "firing", "labels",
                  tw_labels_out(&labels), "annotations", annotations, "startsAt", at, "endsAt",
                  "0001-01-01T00:00:00Z", "generatorURL", url, "fingerprint", hex);
    json_t *body =
        json_pack("{s:s, s:s, s:[o], s:{s:s}, s:o, s:o, s:s, s:s, s:s, s:i, s:s}", "receiver",
                  receiver->name, "status", "firing", "alerts", alert, "groupLabels", "alertname",
                  "TillwatchTest", "commonLabels", tw_labels_out(&labels), "commonAnnotations",
                  annotations, "externalURL", url, "version", "4", "groupKey", "test",
                  "truncatedAlerts", 0, "notification_reason", "test");
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT);
    json_decref(body);
    return text;
}

static int test(struct tw_call *call, const struct tw_receiver *receiver)
{
    struct tw_str integrations[TW_NOTIFY_INTEGRATIONS_MAX];
    uint32_t idx[TW_NOTIFY_INTEGRATIONS_MAX];
    uint64_t first = 0;
    const struct tw_alert_command command = tw_api_alert_command(call);
    char *data = test_body(call, receiver);
    if (data == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < receiver->count; i++) {
        integrations[i] = tw_str_of(tw_integration_name(receiver->items[i].kind));
        idx[i] = (uint32_t)receiver->items[i].idx;
    }
    const struct tw_notice_test order = {.receiver = tw_str_of(receiver->name),
                                         .integrations = integrations,
                                         .idx = idx,
                                         .count = receiver->count,
                                         .data = tw_str_of(data)};
    int rc = tw_notices_test(&command, &order, &first, &call->diag);
    free(data);
    if (rc != TW_OK) {
        return tw_api_command_error(call, rc);
    }
    json_t *json = json_object();
    json_t *ids = json_array();
    for (size_t i = 0; i < receiver->count; i++) { /* one transaction: they stand in a row */
        tw_out_add(ids, tw_out_count(first + i));
    }
    tw_out_set(json, "notices", ids);
    return tw_response_json(&call->response, 202, json);
}

int tw_api_receiver_test(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const keys[] = {NULL};
    static const struct tw_str ending = TW_STR_LIT("/test");
    struct tw_str rest = call->request->rest;
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    if (rest.len <= ending.len ||
        memcmp(rest.ptr + rest.len - ending.len, ending.ptr, ending.len) != 0) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND, "what can be done: {name}/test");
    }
    struct tw_str name = {rest.ptr, rest.len - ending.len};
    const struct tw_receiver *receiver =
        call->notify == NULL ? NULL : tw_notify_find(call->notify, name);
    if (receiver == NULL) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND, "there is no such receiver");
    }
    json_t *body = tw_api_body(call, keys);
    rc = body == NULL ? TW_OK : test(call, receiver);
    json_decref(body);
    return rc;
}
