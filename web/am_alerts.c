/* SPDX-License-Identifier: Apache-2.0
 * GET and POST /api/v2/alerts, GET /api/v2/alerts/groups: our alerts as Alertmanager tells its own,
 * and those of others taken in. */
#include "config.h"
#include "web/am.h"

#include <stdlib.h>

#define ROUTES_MAX 32
/* Who reads this asks again soon; until then it is taken to fire. */
#define ENDS_AHEAD_S 300
/* Without an end of its own an alert of others is over then (resolve_timeout). */
#define RESOLVE_S  300
#define FAULTS_MAX 1024

/* ---- which are asked for ---- */

struct wanted {
    bool active;
    bool silenced;
    bool inhibited;
    struct tw_matchers *filters;
    struct tw_matchers *receiver; /* NULL: all */
};

static int read_flag(struct tw_call *call, const char *name, bool *flag)
{
    struct tw_str text = tw_http_param(call->request, name);
    bool is_true = tw_str_is(text, "true") || tw_str_is(text, "1") || tw_str_is(text, "t");
    bool is_false = tw_str_is(text, "false") || tw_str_is(text, "0") || tw_str_is(text, "f");
    if (text.ptr != NULL && text.len > 0 && !is_true && !is_false) {
        return tw_diag_set(&call->diag, TW_EINVAL, "%s in query must be of type boolean", name);
    }
    *flag = !is_false;
    return TW_OK;
}

static int read_wanted(struct tw_call *call, struct wanted *wanted)
{
    bool is_unprocessed = true;
    struct tw_str receiver = tw_http_param(call->request, "receiver");
    const struct tw_matcher_text item = {TW_STR_LIT("receiver"), receiver, true, true};
    *wanted = (struct wanted){.active = true};
    int rc = read_flag(call, "active", &wanted->active);
    rc = rc == TW_OK ? read_flag(call, "silenced", &wanted->silenced) : rc;
    rc = rc == TW_OK ? read_flag(call, "inhibited", &wanted->inhibited) : rc;
    rc = rc == TW_OK ? read_flag(call, "unprocessed", &is_unprocessed) : rc;
    rc = rc == TW_OK ? tw_am_filters(call, &wanted->filters) : rc;
    if (rc == TW_OK && receiver.len > 0) {
        rc = tw_matchers_new(&item, 1, &wanted->receiver, &call->diag);
        rc = rc == TW_ELIMIT ? TW_EINVAL : rc;
    }
    return rc;
}

static void fini_wanted(struct wanted *wanted)
{
    tw_matchers_destroy(&wanted->filters);
    tw_matchers_destroy(&wanted->receiver);
}

static bool is_wanted(const struct wanted *wanted, const struct tw_alert_seen *seen)
{
    bool is_suppressed = seen->is_silenced || seen->is_inhibited || seen->is_muted;
    return seen->is_firing && (wanted->active || is_suppressed) &&
           (wanted->silenced || !seen->is_silenced) && (wanted->inhibited || !seen->is_inhibited) &&
           tw_matchers_match(wanted->filters, &seen->labels);
}

static bool is_wanted_receiver(const struct wanted *wanted, const char *name)
{
    const struct tw_label label = {TW_STR_LIT("receiver"), tw_str_of(name)};
    const struct tw_labels labels = {&label, 1};
    return wanted->receiver == NULL || tw_matchers_match(wanted->receiver, &labels);
}

/* ---- one alert ---- */

static const char *receiver_of(const struct tw_call *call, size_t route)
{
    return call->notify->receivers[call->notify->routes[route].receiver].name;
}

/* [{"name"}] of all its routes; *ret_is_wanted: one of them is asked for. */
static json_t *receivers_json(const struct tw_call *call, const struct wanted *wanted,
                              const struct tw_alert_seen *seen, bool *ret_is_wanted)
{
    size_t routes[ROUTES_MAX];
    json_t *list = json_array();
    size_t count =
        call->notify == NULL ? 0 : tw_notify_route(call->notify, &seen->labels, routes, ROUTES_MAX);
    *ret_is_wanted = wanted->receiver == NULL;
    for (size_t i = 0; i < count; i++) {
        const char *name = receiver_of(call, routes[i]);
        *ret_is_wanted = *ret_is_wanted || is_wanted_receiver(wanted, name);
        tw_out_add(list, json_pack("{s:s}", "name", name));
    }
    return list;
}

static json_t *annotations_json(const struct tw_alert_seen *seen)
{
    json_t *json = NULL;
    if (tw_api_parse(seen->view->row.annotations, &json) != TW_OK || !json_is_object(json)) {
        json_decref(json);
        json = json_object();
    }
    return json;
}

static json_t *status_json(const struct tw_alert_scene *scene, const struct tw_alert_seen *seen)
{
    bool is_suppressed = seen->is_silenced || seen->is_inhibited || seen->is_muted;
    json_t *inhibited = NULL;
    json_t *json = json_object();
    if (!seen->is_inhibited || tw_api_parse(seen->view->inhibited_by, &inhibited) != TW_OK ||
        !json_is_array(inhibited)) {
        json_decref(inhibited);
        inhibited = json_array();
    }
    tw_out_set(json, "state", json_string(is_suppressed ? "suppressed" : "active"));
    tw_out_set(json, "silencedBy", tw_alert_silenced_by(scene, seen));
    tw_out_set(json, "inhibitedBy", inhibited);
    tw_out_set(json, "mutedBy", tw_alert_muted_by(scene, seen));
    return json;
}

/* Takes the receivers. */
static json_t *alert_json(const struct tw_alert_scene *scene, const struct tw_alert_seen *seen,
                          json_t *receivers)
{
    const struct tw_alert_row *row = &seen->view->row;
    char hex[TW_FINGERPRINT_HEX_LEN + 1];
    tw_wall_t ends = row->ends;
    json_t *json = json_object();
    if (ends.ns == 0) {
        ends.ns = scene->call->now.ns + ENDS_AHEAD_S * TW_NS_PER_S;
    }
    tw_fingerprint_hex(row->fingerprint, hex);
    tw_out_set(json, "annotations", annotations_json(seen));
    tw_out_set(json, "endsAt", tw_out_time(ends));
    tw_out_set(json, "fingerprint", json_string(hex));
    tw_out_set(json, "receivers", receivers);
    tw_out_set(json, "startsAt", tw_out_time(row->since));
    tw_out_set(json, "status", status_json(scene, seen));
    tw_out_set(json, "updatedAt", tw_out_time(row->updated));
    if (row->generator.len > 0) {
        tw_out_set(json, "generatorURL", tw_out_text(row->generator));
    }
    tw_out_set(json, "labels", tw_labels_out(&seen->labels));
    return json;
}

/* ---- GET /alerts ---- */

static int by_fingerprint(const void *a, const void *b)
{
    uint64_t left = ((const struct tw_alert_seen *)a)->view->row.fingerprint;
    uint64_t right = ((const struct tw_alert_seen *)b)->view->row.fingerprint;
    return left < right ? -1 : (left > right ? 1 : 0);
}

static int see_open(struct tw_call *call, struct tw_alert_scene *scene,
                    struct tw_alert_seen **ret_seen, size_t *ret_count)
{
    const struct tw_alert_view *views = NULL;
    int rc = tw_alert_scene_init(scene, call);
    rc = rc == TW_OK ? tw_desk_alerts_open(scene->desk, call->arena, &views, ret_count) : rc;
    rc = rc == TW_OK ? tw_alert_see_all(scene, views, *ret_count, ret_seen) : rc;
    if (rc == TW_OK && *ret_count > 1) {
        qsort(*ret_seen, *ret_count, sizeof **ret_seen, by_fingerprint);
    }
    return rc;
}

int tw_am_alerts(struct tw_call *call)
{
    struct wanted wanted = {.filters = NULL};
    struct tw_alert_scene scene = {.call = call};
    struct tw_alert_seen *seen = NULL;
    size_t count = 0;
    json_t *list = NULL;
    int rc = read_wanted(call, &wanted);
    rc = rc == TW_OK ? see_open(call, &scene, &seen, &count) : rc;
    if (rc == TW_OK) {
        list = json_array();
    }
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        bool is_told = false;
        if (!is_wanted(&wanted, &seen[i])) {
            continue;
        }
        json_t *receivers = receivers_json(call, &wanted, &seen[i], &is_told);
        if (is_told) {
            tw_out_add(list, alert_json(&scene, &seen[i], receivers));
        } else {
            json_decref(receivers);
        }
    }
    tw_alert_scene_fini(&scene);
    fini_wanted(&wanted);
    return rc == TW_OK ? tw_response_json(&call->response, 200, list) : rc;
}

/* ---- GET /alerts/groups ---- */

struct member {
    const struct tw_alert_seen *seen;
    size_t route;
    uint64_t key; /* of the labels that the route groups by */
};

static int by_route(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;
    if (left->route != right->route) {
        return left->route < right->route ? -1 : 1;
    }
    if (left->key != right->key) {
        return left->key < right->key ? -1 : 1;
    }
    return by_fingerprint(left->seen, right->seen);
}

/* Labels of the group, in `items` (TW_LABELS_MAX). */
static struct tw_labels group_labels(const struct tw_route *route, const struct tw_labels *labels,
                                     struct tw_label *items)
{
    size_t count = 0;
    for (size_t i = 0; i < labels->count; i++) {
        bool is_in = route->groups_by_all;
        for (size_t k = 0; k < route->group_by.count && !is_in; k++) {
            is_in = tw_str_is(labels->items[i].name, route->group_by.items[k]);
        }
        if (is_in) {
            items[count++] = labels->items[i];
        }
    }
    return (struct tw_labels){items, count};
}

/* All alerts with each of their routes. */
static int make_members(struct tw_call *call, const struct wanted *wanted,
                        const struct tw_alert_seen *seen, size_t count, struct member **ret_members,
                        size_t *ret_count)
{
    size_t room = count * 2 + 1;
    size_t used = 0;
    struct member *members = tw_arena_alloc(call->arena, room * sizeof *members);
    for (size_t i = 0; i < count && members != NULL && call->notify != NULL; i++) {
        size_t routes[ROUTES_MAX];
        size_t route_count =
            is_wanted(wanted, &seen[i])
                ? tw_notify_route(call->notify, &seen[i].labels, routes, ROUTES_MAX)
                : 0;
        if (used + route_count > room) {
            struct member *more =
                tw_arena_alloc(call->arena, (room * 2 + ROUTES_MAX) * sizeof *members);
            if (more != NULL) {
                memcpy(more, members, used * sizeof *members);
            }
            members = more;
            room = room * 2 + ROUTES_MAX;
        }
        for (size_t k = 0; k < route_count && members != NULL; k++) {
            struct tw_label items[TW_LABELS_MAX];
            struct tw_labels labels =
                group_labels(&call->notify->routes[routes[k]], &seen[i].labels, items);
            if (is_wanted_receiver(wanted, receiver_of(call, routes[k]))) {
                members[used++] =
                    (struct member){&seen[i], routes[k], tw_labels_fingerprint(&labels)};
            }
        }
    }
    if (used > 1) {
        qsort(members, used, sizeof *members, by_route);
    }
    *ret_members = members;
    *ret_count = used;
    return members == NULL ? TW_ENOMEM : TW_OK;
}

static json_t *groups_json(struct tw_call *call, const struct tw_alert_scene *scene,
                           const struct wanted *wanted, const struct member *members, size_t count)
{
    json_t *list = json_array();
    for (size_t begin = 0; begin < count;) {
        const struct member *first = &members[begin];
        struct tw_label items[TW_LABELS_MAX];
        struct tw_labels labels =
            group_labels(&call->notify->routes[first->route], &first->seen->labels, items);
        json_t *alerts = json_array();
        json_t *group = json_object();
        size_t end = begin;
        for (; end < count && members[end].route == first->route && members[end].key == first->key;
             end++) {
            bool is_told = false;
            tw_out_add(alerts,
                       alert_json(scene, members[end].seen,
                                  receivers_json(call, wanted, members[end].seen, &is_told)));
        }
        tw_out_set(group, "alerts", alerts);
        tw_out_set(group, "labels", tw_labels_out(&labels));
        tw_out_set(group, "receiver", json_pack("{s:s}", "name", receiver_of(call, first->route)));
        tw_out_add(list, group);
        begin = end;
    }
    return list;
}

int tw_am_groups(struct tw_call *call)
{
    struct wanted wanted = {.filters = NULL};
    struct tw_alert_scene scene = {.call = call};
    struct tw_alert_seen *seen = NULL;
    struct member *members = NULL;
    size_t count = 0;
    size_t member_count = 0;
    int rc = read_wanted(call, &wanted);
    rc = rc == TW_OK ? see_open(call, &scene, &seen, &count) : rc;
    rc = rc == TW_OK ? make_members(call, &wanted, seen, count, &members, &member_count) : rc;
    if (rc == TW_OK) {
        rc = tw_response_json(&call->response, 200,
                              groups_json(call, &scene, &wanted, members, member_count));
    }
    tw_alert_scene_fini(&scene);
    fini_wanted(&wanted);
    return rc;
}

/* ---- POST /alerts ---- */

/* What explains is cut where it is too long, at the end of a character; what identifies is not. */
static struct tw_str cut(struct tw_str text)
{
    if (text.len > TW_LABEL_VALUE_MAX) {
        text.len = TW_LABEL_VALUE_MAX;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

/* A JSON object of texts as a label set. */
static int read_labels(struct tw_call *call, const json_t *json, bool may_cut,
                       struct tw_labels *ret_labels)
{
    struct tw_label items[TW_LABELS_MAX];
    size_t count = 0;
    const char *name = NULL;
    json_t *value = NULL;
    if (json != NULL && !json_is_object(json)) {
        return TW_ESYNTAX;
    }
    json_object_foreach ((json_t *)(uintptr_t)json, name, value) { /* only read */
        if (!json_is_string(value)) {
            return TW_ESYNTAX;
        }
        if (count == TW_LABELS_MAX) {
            return TW_ELIMIT;
        }
        struct tw_str text = {json_string_value(value), json_string_length(value)};
        items[count++] = (struct tw_label){tw_str_of(name), may_cut ? cut(text) : text};
    }
    return tw_labels_make(call->arena, items, count, ret_labels);
}

static int say_labels(struct tw_call *call, int rc, const char *what)
{
    switch (rc) {
    case TW_ESYNTAX:
        return tw_diag_set(&call->diag, TW_EINVAL, "%s: not an object of texts", what);
    case TW_ELIMIT:
        return tw_diag_set(&call->diag, TW_EINVAL,
                           "invalid %s: more than %d, or a name beyond %d or a value beyond %d "
                           "bytes",
                           what, TW_LABELS_MAX, TW_LABEL_NAME_MAX, TW_LABEL_VALUE_MAX);
    case TW_EINVAL:
        return tw_diag_set(&call->diag, TW_EINVAL, "invalid %s: invalid name, or no UTF-8", what);
    default:
        return rc;
    }
}

static int read_times(struct tw_call *call, const json_t *json, struct tw_alerts_push *push)
{
    int rc = tw_am_time(call, json, "startsAt", &push->starts);
    rc = rc == TW_OK ? tw_am_time(call, json, "endsAt", &push->ends) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    if (push->starts.ns == 0) {
        push->starts = push->ends.ns == 0 ? call->now : push->ends;
    }
    if (push->ends.ns == 0) {
        push->ends.ns = call->now.ns + RESOLVE_S * TW_NS_PER_S;
    }
    return push->ends.ns < push->starts.ns
               ? tw_diag_set(&call->diag, TW_EINVAL, "start time must be before end time")
               : TW_OK;
}

static int read_alert(struct tw_call *call, const json_t *json, struct tw_alerts_push *ret_push)
{
    struct tw_labels labels = {NULL, 0};
    struct tw_labels annotations = {NULL, 0};
    struct tw_alerts_push push = {.at = call->now};
    const json_t *generator = json_object_get(json, "generatorURL");
    int rc = json_is_object(json) ? TW_OK : TW_ESYNTAX;
    rc = rc == TW_OK ? read_labels(call, json_object_get(json, "labels"), false, &labels) : rc;
    if (rc != TW_OK) {
        return say_labels(call, rc, "label set");
    }
    rc = read_labels(call, json_object_get(json, "annotations"), true, &annotations);
    if (rc != TW_OK) {
        return say_labels(call, rc, "annotations");
    }
    if (labels.count == 0) {
        return tw_diag_set(&call->diag, TW_EINVAL, "at least one label pair required");
    }
    if (generator != NULL && !json_is_null(generator) &&
        (!json_is_string(generator) || json_string_length(generator) > TW_LABEL_VALUE_MAX)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "generatorURL is a text of at most %d bytes",
                           TW_LABEL_VALUE_MAX);
    }
    rc = read_times(call, json, &push);
    rc = rc == TW_OK ? tw_labels_json(call->arena, &labels, &push.labels) : rc;
    rc = rc == TW_OK ? tw_labels_json(call->arena, &annotations, &push.annotations) : rc;
    if (rc == TW_OK) {
        push.generator = tw_arena_copy(call->arena, tw_am_text(json, "generatorURL"));
        *ret_push = push;
    }
    return rc;
}

static int take(struct tw_call *call, const json_t *list)
{
    char faults[FAULTS_MAX] = "";
    size_t used = 0;
    size_t kept = 0;
    size_t count = json_array_size(list);
    struct tw_alerts_push *items = tw_arena_zalloc(call->arena, (count + 1) * sizeof *items);
    int rc = items == NULL ? TW_ENOMEM : TW_OK;
    if (count > TW_ALERTS_PUSH_ONCE_MAX) {
        (void)snprintf(faults, sizeof faults, "at most %d alerts at once",
                       TW_ALERTS_PUSH_ONCE_MAX); /* always fits */
        return tw_am_error(call, 400, faults);
    }
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = read_alert(call, json_array_get(list, i), &items[kept]);
        if (rc == TW_EINVAL) {
            int len = snprintf(faults + used, sizeof faults - used, "%s%s", used == 0 ? "" : "; ",
                               call->diag.text); /* further ones are left out */
            used = used + (size_t)len < sizeof faults ? used + (size_t)len : sizeof faults - 1;
            rc = TW_OK;
        } else {
            kept += rc == TW_OK;
        }
    }
    rc = rc == TW_OK ? tw_alerts_post(call->web->cfg->store.dir, items, kept,
                                      (uint64_t)call->web->cfg->alerts.push_max, &call->diag)
                     : rc;
    if (rc == TW_ELIMIT) {
        return tw_am_error(call, 429, call->diag.text);
    }
    if (rc == TW_EIO || rc == TW_EPERM) {
        return tw_am_error(call, 503, call->diag.text);
    }
    if (rc != TW_OK) {
        return rc;
    }
    if (used > 0) {
        return tw_am_error(call, 400, faults);
    }
    call->response.status = 200;
    call->response.content_type = "application/json; charset=utf-8";
    call->response.borrowed = "";
    call->response.len = 0;
    return TW_OK;
}

int tw_am_alerts_post(struct tw_call *call)
{
    json_t *body = tw_am_body(call, true);
    int rc = body == NULL ? TW_OK : take(call, body);
    json_decref(body);
    return rc;
}
