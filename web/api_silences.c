/* SPDX-License-Identifier: Apache-2.0
 * GET, POST, DELETE /silences, POST /silences/preview: who is not to be told, until when and why.
 */
#include "config.h"
#include "web/api_alerts.h"
#include "web/hours_words.h"

#include <stdlib.h>

#define ITEMS_SHOWN   20
#define AHEAD_MAX_S   (INT64_C(366) * 86400)
#define CURSOR_BYTES  8
#define INTERVALS_MAX 4096

/* ---- matchers ---- */

static int read_matcher(struct tw_call *call, const json_t *json, struct tw_matcher_text *ret_item)
{
    const json_t *is_regex = json_object_get(json, "is_regex");
    const json_t *is_equal = json_object_get(json, "is_equal");
    if (json_is_string(json)) {
        struct tw_str text = {json_string_value(json), json_string_length(json)};
        int rc = tw_matcher_parse(call->arena, text, ret_item, &call->diag);
        return rc == TW_ESYNTAX ? TW_EINVAL : rc;
    }
    *ret_item = (struct tw_matcher_text){
        .name = tw_api_body_text(json, "name"),
        .value = tw_api_body_text(json, "value"),
        .is_regex = json_is_true(is_regex),
        .is_equal = is_equal == NULL || json_is_true(is_equal),
    };
    bool is_one =
        json_is_object(json) && ret_item->name.ptr != NULL && ret_item->value.ptr != NULL &&
        (is_regex == NULL || json_is_boolean(is_regex)) &&
        (is_equal == NULL || json_is_boolean(is_equal)) &&
        json_object_size(json) == 2 + (size_t)(is_regex != NULL) + (size_t)(is_equal != NULL);
    return is_one ? TW_OK
                  : tw_diag_set(&call->diag, TW_EINVAL,
                                "a matcher is {\"name\", \"value\", \"is_regex\", \"is_equal\"} "
                                "or a text like store=~\"00.*\"");
}

int tw_api_read_matchers(struct tw_call *call, const json_t *list,
                         struct tw_api_matchers *ret_matchers)
{
    ret_matchers->count = json_array_size(list);
    ret_matchers->matchers = NULL;
    if (ret_matchers->count == 0 || ret_matchers->count > TW_MATCHERS_MAX) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'matchers' is a list of 1 to %d",
                           TW_MATCHERS_MAX);
    }
    int rc = TW_OK;
    for (size_t i = 0; i < ret_matchers->count && rc == TW_OK; i++) {
        rc = read_matcher(call, json_array_get(list, i), &ret_matchers->items[i]);
    }
    if (rc == TW_OK) {
        rc = tw_matchers_new(ret_matchers->items, ret_matchers->count, &ret_matchers->matchers,
                             &call->diag);
        rc = rc == TW_ELIMIT ? TW_EINVAL : rc;
    }
    if (rc == TW_OK && tw_matchers_match_empty(ret_matchers->matchers)) {
        tw_matchers_destroy(&ret_matchers->matchers);
        rc = tw_diag_set(&call->diag, TW_EINVAL,
                         "at least one matcher must not match the empty string");
    }
    return rc;
}

/* ---- JSON ---- */

static json_t *matchers_json(const struct tw_matchers *matchers)
{
    json_t *list = json_array();
    for (size_t i = 0; i < tw_matchers_count(matchers); i++) {
        struct tw_matcher_text item = tw_matchers_get(matchers, i);
        json_t *one = json_object();
        tw_out_set(one, "name", tw_out_text(item.name));
        tw_out_set(one, "value", json_stringn(item.value.ptr, item.value.len));
        tw_out_set(one, "is_regex", json_boolean(item.is_regex));
        tw_out_set(one, "is_equal", json_boolean(item.is_equal));
        tw_out_add(list, one);
    }
    return list;
}

/* store=~"00.*", workflow="sale-posting" */
static json_t *matchers_text(const struct tw_call *call, const struct tw_matchers *matchers)
{
    struct tw_buf text;
    tw_buf_init(&text, TW_SILENCE_MATCHERS_MAX * 2);
    for (size_t i = 0; i < tw_matchers_count(matchers); i++) {
        struct tw_matcher_text item = tw_matchers_get(matchers, i);
        struct tw_str written = TW_STR_NULL;
        if (tw_matcher_write(call->arena, &item, &written) == TW_OK) {
            (void)tw_buf_append_str(&text, i == 0 ? TW_STR_LIT("") : TW_STR_LIT(", ")); /* sticky */
            (void)tw_buf_append_str(&text, written); /* likewise */
        }
    }
    json_t *json =
        text.error == TW_OK && text.len > 0 ? json_stringn(text.data, text.len) : json_null();
    tw_buf_fini(&text);
    return json;
}

json_t *tw_api_silence_json(const struct tw_call *call, const struct tw_silence *silence,
                            const struct tw_alert_seen *open, size_t count)
{
    struct tw_matchers *matchers = NULL;
    enum tw_silence_state state = tw_silence_state(silence, call->now);
    bool is_read = tw_matchers_read(silence->matchers, &matchers, NULL) == TW_OK;
    bool hides = open != NULL && is_read && state != TW_SILENCE_EXPIRED;
    size_t hidden = 0;
    for (size_t i = 0; i < count && hides; i++) {
        hidden += tw_matchers_match(matchers, &open[i].labels);
    }
    json_t *json = json_object();
    tw_out_set(json, "id", tw_out_text(silence->id));
    tw_out_set(json, "state", json_string(tw_silence_state_name(state)));
    tw_out_set(json, "matchers", is_read ? matchers_json(matchers) : json_array());
    tw_out_set(json, "text", is_read ? matchers_text(call, matchers) : json_null());
    tw_out_set(json, "starts", tw_out_time(silence->starts));
    tw_out_set(json, "ends", tw_out_time(silence->ends));
    tw_out_set(json, "created", tw_out_time(silence->created));
    tw_out_set(json, "updated", tw_out_time(silence->updated));
    tw_out_set(json, "created_by", tw_out_text(silence->created_by));
    tw_out_set(json, "comment", tw_out_text(silence->comment));
    tw_out_set(json, "hides", hides ? tw_out_count(hidden) : json_null());
    tw_matchers_destroy(&matchers);
    return json;
}

/* "mon 22:00 to 24:00 UTC; tue 00:00 to 06:00 UTC" */
static json_t *intervals_json(const struct tw_notify_time *time)
{
    struct tw_buf text;
    tw_buf_init(&text, INTERVALS_MAX);
    for (size_t i = 0; i < time->count; i++) {
        (void)tw_buf_append_str(&text, i == 0 ? TW_STR_LIT("") : TW_STR_LIT("; ")); /* sticky */
        tw_hours_words(&time->items[i], time->zones[i], &text);
    }
    json_t *json = text.len > 0 ? json_stringn(text.data, text.len) : json_null();
    tw_buf_fini(&text);
    return json;
}

/* Times that routes name, with the receivers of those routes. */
static json_t *mutes_json(const struct tw_call *call)
{
    const struct tw_notify *notify = call->notify;
    json_t *list = json_array();
    for (size_t t = 0; notify != NULL && t < notify->time_count; t++) {
        bool is_active = false;
        bool is_named = false;
        json_t *used = json_array();
        for (size_t r = 0; r < notify->route_count; r++) {
            const struct tw_route *route = &notify->routes[r];
            for (size_t k = 0; k < route->mute_count; k++) {
                if (route->mute_times[k] == t) {
                    is_named = true;
                    tw_out_add(used, json_string(notify->receivers[route->receiver].name));
                }
            }
        }
        for (size_t i = 0; i < notify->times[t].count; i++) {
            is_active = is_active || tw_hours_contain(&notify->times[t].items[i], call->now);
        }
        json_t *one = json_object();
        tw_out_set(one, "name", json_string(notify->times[t].name));
        tw_out_set(one, "intervals", intervals_json(&notify->times[t]));
        tw_out_set(one, "active", json_boolean(is_active));
        tw_out_set(one, "used_by", used);
        if (is_named) {
            tw_out_add(list, one);
        } else {
            json_decref(one);
        }
    }
    return list;
}

/* ---- GET ---- */

struct wanted {
    bool states[TW_SILENCE_EXPIRED + 1];
    uint64_t skip;
};

static int read_wanted(struct tw_call *call, const struct tw_page *page, struct wanted *wanted)
{
    struct tw_str text = tw_http_param(call->request, "state");
    *wanted = (struct wanted){.states = {true, true, false}};
    if (page->cursor.ptr != NULL) {
        if (page->cursor.len != CURSOR_BYTES) {
            return tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is none of this list");
        }
        memcpy(&wanted->skip, page->cursor.ptr, CURSOR_BYTES);
    }
    if (text.ptr == NULL) {
        return TW_OK;
    }
    wanted->states[TW_SILENCE_ACTIVE] = false;
    wanted->states[TW_SILENCE_PENDING] = false;
    while (text.ptr != NULL) {
        const char *comma = text.len == 0 ? NULL : memchr(text.ptr, ',', text.len);
        struct tw_str word = {text.ptr, comma == NULL ? text.len : (size_t)(comma - text.ptr)};
        int state = TW_SILENCE_ACTIVE;
        while (state <= TW_SILENCE_EXPIRED &&
               !tw_str_is(word, tw_silence_state_name((enum tw_silence_state)state))) {
            state++;
        }
        if (state > TW_SILENCE_EXPIRED) {
            return tw_diag_set(&call->diag, TW_EINVAL,
                               "'state' is some of: active, pending, expired");
        }
        wanted->states[state] = true;
        text = comma == NULL
                   ? TW_STR_NULL
                   : (struct tw_str){comma + 1, text.len - (size_t)(comma + 1 - text.ptr)};
    }
    return TW_OK;
}

/* One list of all that are wanted: first those that have not ended, then those that have. */
struct listing {
    struct tw_call *call;
    const struct tw_alert_seen *open;
    size_t open_count;
    json_t *items;
    uint64_t skip;
    size_t room;
    uint64_t seen;
    bool has_more;
};

static void add_one(struct listing *self, const struct tw_silence *silence)
{
    if (self->seen++ < self->skip) {
        return;
    }
    if (self->room == 0) {
        self->has_more = true;
        self->seen--;
        return;
    }
    self->room--;
    tw_out_add(self->items, tw_api_silence_json(self->call, silence, self->open, self->open_count));
}

static int add_all(struct listing *self, struct tw_desk_reader *desk, const struct wanted *wanted)
{
    struct tw_call *call = self->call;
    const struct tw_silence *items = NULL;
    size_t count = 0;
    bool has_more = false;
    int rc = tw_desk_silences(desk, call->arena, call->now, &items, &count);
    for (size_t i = 0; i < count && rc == TW_OK && !self->has_more; i++) {
        if (wanted->states[tw_silence_state(&items[i], call->now)]) {
            add_one(self, &items[i]);
        }
        rc = i % 64 == 0 ? tw_call_check_deadline(call) : TW_OK;
    }
    if (rc != TW_OK || self->has_more || !wanted->states[TW_SILENCE_EXPIRED]) {
        return rc;
    }
    uint64_t skip = self->skip > self->seen ? self->skip - self->seen : 0;
    self->seen += skip;
    rc = tw_desk_silences_ended(desk, call->arena, call->now, (size_t)skip, self->room + 1, &items,
                                &count, &has_more);
    for (size_t i = 0; i < count && rc == TW_OK && !self->has_more; i++) {
        add_one(self, &items[i]);
    }
    return rc;
}

static int answer_list(struct tw_call *call, const struct tw_alert_scene *scene,
                       const struct tw_page *page, const struct wanted *wanted)
{
    const struct tw_alert_view *views = NULL;
    struct tw_alert_seen *open = NULL;
    struct listing listing = {.call = call, .skip = wanted->skip, .room = page->limit};
    int rc = tw_desk_alerts_open(scene->desk, call->arena, &views, &listing.open_count);
    rc = rc == TW_OK ? tw_alert_see_all(scene, views, listing.open_count, &open) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    listing.open = open;
    listing.items = json_array();
    rc = add_all(&listing, scene->desk, wanted);
    if (rc != TW_OK) {
        json_decref(listing.items);
        return rc;
    }
    struct tw_str next = {(const char *)&listing.seen, CURSOR_BYTES};
    json_t *json = tw_call_list(call, listing.items, listing.has_more ? next : TW_STR_NULL, -1);
    tw_out_set(json, "mutes", mutes_json(call));
    return tw_response_json(&call->response, 200, json);
}

int tw_api_silences(struct tw_call *call)
{
    static const char *const names[] = {"state", "limit", "cursor", NULL};
    struct tw_page page;
    struct wanted wanted;
    struct tw_alert_scene scene = {.call = call};
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    rc = rc == TW_OK ? read_wanted(call, &page, &wanted) : rc;
    rc = rc == TW_OK ? tw_alert_scene_init(&scene, call) : rc;
    rc = rc == TW_OK ? answer_list(call, &scene, &page, &wanted) : rc;
    tw_alert_scene_fini(&scene);
    return rc;
}

/* One, with what it hides. */
static int answer(struct tw_call *call, struct tw_str id, int status)
{
    struct tw_alert_scene scene = {.call = call};
    struct tw_silence silence = {.id = TW_STR_NULL};
    const struct tw_alert_view *views = NULL;
    struct tw_alert_seen *open = NULL;
    size_t count = 0;
    int rc = tw_alert_scene_init(&scene, call);
    rc = rc == TW_OK ? tw_desk_silence(scene.desk, call->arena, id, &silence) : rc;
    if (rc == TW_ENOTFOUND) {
        rc = tw_diag_set(&call->diag, rc, "there is no such silence");
    }
    rc = rc == TW_OK ? tw_desk_alerts_open(scene.desk, call->arena, &views, &count) : rc;
    rc = rc == TW_OK ? tw_alert_see_all(&scene, views, count, &open) : rc;
    tw_alert_scene_fini(&scene);
    return rc == TW_OK ? tw_response_json(&call->response, status,
                                          tw_api_silence_json(call, &silence, open, count))
                       : rc;
}

int tw_api_silence(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    int rc = tw_call_allow(call, names);
    return rc == TW_OK ? answer(call, call->request->rest, 200) : rc;
}

/* ---- POST, DELETE ---- */

static int read_time(struct tw_call *call, const json_t *body, const char *key, tw_wall_t *at)
{
    const json_t *value = json_object_get(body, key);
    struct tw_str text = tw_api_body_text(body, key);
    if (value == NULL || json_is_null(value)) {
        return TW_OK;
    }
    return text.ptr != NULL && tw_wall_parse(text, at) == TW_OK
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'%s' is a time of RFC 3339", key);
}

/* Where a change does not say when it begins, that stays as it is. */
static int begin_of(struct tw_call *call, struct tw_str id, tw_wall_t *starts)
{
    struct tw_desk_reader *desk = NULL;
    struct tw_silence before = {.id = TW_STR_NULL};
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_desk_silence(desk, call->arena, id, &before) : rc;
    if (rc == TW_OK && tw_silence_state(&before, call->now) != TW_SILENCE_EXPIRED) {
        *starts = before.starts;
    }
    return rc == TW_ENOTFOUND ? tw_diag_set(&call->diag, rc, "there is no such silence") : rc;
}

static int read_silence(struct tw_call *call, const json_t *body, struct tw_silence *silence)
{
    bool says_begin = json_is_string(json_object_get(body, "starts"));
    const json_t *id = json_object_get(body, "id");
    *silence = (struct tw_silence){
        .id = tw_api_body_text(body, "id"),
        .starts = call->now,
        .created_by = call->principal->name,
        .comment = tw_api_body_text(body, "comment"),
    };
    if (id != NULL && !json_is_null(id) && silence->id.ptr == NULL) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'id' is that of a silence");
    }
    int rc = read_time(call, body, "starts", &silence->starts);
    rc = rc == TW_OK ? read_time(call, body, "ends", &silence->ends) : rc;
    if (rc == TW_OK && silence->ends.ns == 0) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "'ends' says until when");
    }
    if (rc == TW_OK && silence->ends.ns - call->now.ns > AHEAD_MAX_S * TW_NS_PER_S) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "'ends' is at most 366 days ahead");
    }
    return rc == TW_OK && silence->id.ptr != NULL && !says_begin
               ? begin_of(call, silence->id, &silence->starts)
               : rc;
}

static int post(struct tw_call *call, const json_t *body)
{
    struct tw_silence silence = {.id = TW_STR_NULL};
    struct tw_api_matchers matchers = {.count = 0};
    char id[TW_SILENCE_ID_LEN + 1];
    const struct tw_alert_command command = tw_api_alert_command(call);
    int rc = tw_api_read_matchers(call, json_object_get(body, "matchers"), &matchers);
    rc = rc == TW_OK ? read_silence(call, body, &silence) : rc;
    if (rc == TW_OK) {
        rc = tw_matchers_json(call->arena, matchers.items, matchers.count, &silence.matchers);
    }
    rc = rc == TW_OK ? tw_silence_put(&command, &silence, id, &call->diag) : rc;
    tw_matchers_destroy(&matchers.matchers);
    return rc == TW_OK ? answer(call, tw_str_of(id), 201) : tw_api_command_error(call, rc);
}

int tw_api_silence_post(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const keys[] = {"id", "matchers", "starts", "ends", "comment", NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *body = tw_api_body(call, keys);
    rc = body == NULL ? TW_OK : post(call, body);
    json_decref(body);
    return rc;
}

int tw_api_silence_delete(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    const struct tw_alert_command command = tw_api_alert_command(call);
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_silence_expire(&command, call->request->rest, &call->diag);
    return rc == TW_OK ? answer(call, call->request->rest, 200) : tw_api_command_error(call, rc);
}

/* ---- POST /silences/preview ---- */

static int preview(struct tw_call *call, const struct tw_alert_scene *scene,
                   const struct tw_matchers *matchers)
{
    const struct tw_alert_view *views = NULL;
    struct tw_alert_seen *open = NULL;
    size_t count = 0;
    size_t hidden = 0;
    size_t firing = 0;
    size_t critical = 0;
    int rc = tw_desk_alerts_open(scene->desk, call->arena, &views, &count);
    rc = rc == TW_OK ? tw_alert_see_all(scene, views, count, &open) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        if (!tw_matchers_match(matchers, &open[i].labels)) {
            continue;
        }
        bool is_critical = open[i].view->row.severity == TW_SEVERITY_CRITICAL;
        firing += open[i].is_firing;
        critical += open[i].is_firing && is_critical;
        if (hidden < ITEMS_SHOWN) {
            tw_out_add(items, tw_alert_json(scene, &open[i]));
        }
        hidden++;
    }
    json_t *json = json_object();
    tw_out_set(json, "count", tw_out_count(hidden));
    tw_out_set(json, "firing", tw_out_count(firing));
    tw_out_set(json, "critical", tw_out_count(critical));
    tw_out_set(json, "items", items);
    return tw_response_json(&call->response, 200, json);
}

static int preview_body(struct tw_call *call, const json_t *body)
{
    struct tw_api_matchers matchers = {.count = 0};
    struct tw_alert_scene scene = {.call = call};
    int rc = tw_api_read_matchers(call, json_object_get(body, "matchers"), &matchers);
    if (rc != TW_OK) {
        return tw_api_command_error(call, rc);
    }
    rc = tw_alert_scene_init(&scene, call);
    rc = rc == TW_OK ? preview(call, &scene, matchers.matchers) : rc;
    tw_alert_scene_fini(&scene);
    tw_matchers_destroy(&matchers.matchers);
    return rc;
}

int tw_api_silence_preview(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const keys[] = {"matchers", NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *body = tw_api_body(call, keys);
    rc = body == NULL ? TW_OK : preview_body(call, body);
    json_decref(body);
    return rc;
}
