/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/alert_scene.h"

#include <math.h>
#include <stdlib.h>

#define ROUTES_MAX 32 /* that one alert goes by; of further ones nothing is said */
#define URL_MAX    8192

/* ---- life ---- */

static int read_silences(struct tw_alert_scene *self)
{
    struct tw_call *call = self->call;
    const struct tw_silence *items = NULL;
    size_t count = 0;
    int rc = tw_desk_silences(self->desk, call->arena, call->now, &items, &count);
    if (rc != TW_OK) {
        return rc;
    }
    self->silences = tw_arena_zalloc(call->arena, (count + 1) * sizeof *self->silences);
    if (self->silences == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        bool is_active = tw_silence_state(&items[i], call->now) == TW_SILENCE_ACTIVE;
        tw_wall_t turns = is_active ? items[i].ends : items[i].starts;
        bool is_first = self->next.ns == 0 || turns.ns < self->next.ns;
        self->next = is_first ? turns : self->next;
        if (!is_active) {
            continue;
        }
        struct tw_alert_silence *silence = &self->silences[self->silence_count++];
        silence->silence = &items[i];
        if (tw_matchers_read(items[i].matchers, &silence->matchers, NULL) == TW_ENOMEM) {
            return TW_ENOMEM;
        }
    }
    return TW_OK;
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : (left > right ? 1 : 0);
}

/* The next text of a JSON array of plain texts; absent: there is none. */
static struct tw_str next_text(struct tw_str *rest)
{
    const char *begin = rest->len == 0 ? NULL : memchr(rest->ptr, '"', rest->len);
    const char *end =
        begin == NULL ? NULL : memchr(begin + 1, '"', rest->len - (size_t)(begin + 1 - rest->ptr));
    if (end == NULL) {
        return TW_STR_NULL;
    }
    *rest = (struct tw_str){end + 1, rest->len - (size_t)(end + 1 - rest->ptr)};
    return (struct tw_str){begin + 1, (size_t)(end - begin - 1)};
}

static int read_inhibitors(struct tw_alert_scene *self)
{
    const struct tw_str *texts = NULL;
    size_t count = 0;
    size_t most = 0;
    int rc = tw_desk_inhibited(self->desk, self->call->arena, &texts, &count);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        most += texts[i].len / (TW_FINGERPRINT_HEX_LEN + 2); /* each with its quotes */
    }
    if (rc == TW_OK) {
        self->inhibitors = tw_arena_alloc(self->call->arena, (most + 1) * sizeof(uint64_t));
        rc = self->inhibitors == NULL ? TW_ENOMEM : TW_OK;
    }
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_str rest = texts[i];
        for (struct tw_str hex = next_text(&rest); hex.ptr != NULL; hex = next_text(&rest)) {
            if (self->inhibitor_count < most &&
                tw_fingerprint_read(hex, &self->inhibitors[self->inhibitor_count]) == TW_OK) {
                self->inhibitor_count++;
            }
        }
    }
    if (rc == TW_OK && self->inhibitor_count > 1) {
        qsort(self->inhibitors, self->inhibitor_count, sizeof(uint64_t), by_number);
    }
    return rc;
}

int tw_alert_scene_init(struct tw_alert_scene *self, struct tw_call *call)
{
    *self = (struct tw_alert_scene){.call = call};
    int rc = tw_api_desk(call, &self->desk);
    rc = rc == TW_OK ? read_silences(self) : rc;
    return rc == TW_OK ? read_inhibitors(self) : rc;
}

void tw_alert_scene_fini(struct tw_alert_scene *self)
{
    for (size_t i = 0; i < self->silence_count; i++) {
        tw_matchers_destroy(&self->silences[i].matchers);
    }
    self->silence_count = 0;
}

/* ---- seeing ---- */

static bool is_by(const struct tw_alert_silence *silence, const struct tw_labels *labels)
{
    return silence->matchers != NULL && tw_matchers_match(silence->matchers, labels);
}

/* Are all its routes silent now? */
static bool is_muted(const struct tw_alert_scene *self, const struct tw_labels *labels)
{
    const struct tw_notify *notify = self->call->notify;
    size_t routes[ROUTES_MAX];
    size_t count = notify == NULL ? 0 : tw_notify_route(notify, labels, routes, ROUTES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (tw_notify_muted_by(notify, &notify->routes[routes[i]], self->call->now) == NULL) {
            return false;
        }
    }
    return count > 0;
}

int tw_alert_see(const struct tw_alert_scene *self, const struct tw_alert_view *view,
                 struct tw_alert_seen *ret_seen)
{
    struct tw_alert_seen seen = {.view = view, .is_firing = view->row.state == TW_ALERT_ROW_FIRING};
    int rc = tw_labels_parse(self->call->arena, view->row.labels, &seen.labels);
    if (rc == TW_ENOMEM) {
        return rc;
    }
    bool is_open = view->row.ended.ns == 0;
    for (size_t i = 0; i < self->silence_count && is_open && !seen.is_silenced; i++) {
        seen.is_silenced = is_by(&self->silences[i], &seen.labels);
    }
    seen.is_inhibited = is_open && view->inhibited_by.len > 2; /* [] */
    seen.is_muted = is_open && is_muted(self, &seen.labels);
    seen.is_quiet = seen.is_silenced || seen.is_inhibited || seen.is_muted || view->acked.ns != 0 ||
                    view->row.in_maintenance;
    *ret_seen = seen;
    return TW_OK;
}

bool tw_alert_is_watchdog(const struct tw_alert_view *view)
{
    return view->row.origin == TW_ALERT_OF_TOWER && view->row.severity == TW_SEVERITY_NONE;
}

int tw_alert_see_all(const struct tw_alert_scene *self, const struct tw_alert_view *views,
                     size_t count, struct tw_alert_seen **ret_seen)
{
    struct tw_alert_seen *seen = tw_arena_alloc(self->call->arena, (count + 1) * sizeof *seen);
    int rc = seen == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = tw_alert_see(self, &views[i], &seen[i]);
        rc = rc == TW_OK && i % 256 == 0 ? tw_call_check_deadline(self->call) : rc;
    }
    if (rc == TW_OK) {
        *ret_seen = seen;
    }
    return rc;
}

json_t *tw_alert_silenced_by(const struct tw_alert_scene *self, const struct tw_alert_seen *seen)
{
    json_t *list = json_array();
    for (size_t i = 0; i < self->silence_count && seen->is_silenced; i++) {
        if (is_by(&self->silences[i], &seen->labels)) {
            tw_out_add(list, tw_out_text(self->silences[i].silence->id));
        }
    }
    return list;
}

json_t *tw_alert_muted_by(const struct tw_alert_scene *self, const struct tw_alert_seen *seen)
{
    const struct tw_notify *notify = self->call->notify;
    json_t *list = json_array();
    size_t routes[ROUTES_MAX];
    size_t count = seen->is_muted ? tw_notify_route(notify, &seen->labels, routes, ROUTES_MAX) : 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = tw_notify_muted_by(notify, &notify->routes[routes[i]], self->call->now);
        bool is_there = name == NULL;
        for (size_t k = 0; k < json_array_size(list) && !is_there; k++) {
            is_there = strcmp(json_string_value(json_array_get(list, k)), name) == 0;
        }
        if (!is_there) {
            tw_out_add(list, json_string(name));
        }
    }
    return list;
}

uint64_t tw_alert_inhibits(const struct tw_alert_scene *self, uint64_t fingerprint)
{
    size_t low = 0;
    size_t high = self->inhibitor_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->inhibitors[middle] < fingerprint) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    size_t end = low;
    while (end < self->inhibitor_count && self->inhibitors[end] == fingerprint) {
        end++;
    }
    return end - low;
}

const struct tw_rule *tw_alert_rule(const struct tw_alert_scene *self,
                                    const struct tw_alert_view *view)
{
    return view->row.origin == TW_ALERT_OF_RULE && self->call->rules != NULL
               ? tw_rules_find(self->call->rules, view->row.rule)
               : NULL;
}

/* ---- JSON ---- */

void tw_url_part(struct tw_buf *url, struct tw_str text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        bool is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                        (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.' || c == '~';
        if (is_plain) {
            (void)tw_buf_append_byte(url, c); /* sticky */
        } else {
            const char escape[3] = {'%', digits[c >> 4], digits[c & 15]};
            (void)tw_buf_append(url, escape, sizeof escape); /* likewise */
        }
    }
}

json_t *tw_labels_out(const struct tw_labels *labels)
{
    json_t *json = json_object();
    for (size_t i = 0; i < labels->count; i++) {
        tw_out_set(json, labels->items[i].name.ptr, tw_out_text(labels->items[i].value));
    }
    return json;
}

/* path?name=value&... of those labels that are there; null where there is none of them. */
static json_t *link_to(const char *path, const struct tw_labels *labels, const char *const *names)
{
    struct tw_buf url;
    char mark = '?';
    tw_buf_init(&url, URL_MAX);
    (void)tw_buf_append_str(&url, tw_str_of(path)); /* sticky */
    for (size_t i = 0; names[i] != NULL; i++) {
        struct tw_str value = tw_labels_get(labels, names[i]);
        if (value.len > 0) {
            (void)tw_buf_append_byte(&url, (uint8_t)mark);      /* likewise */
            (void)tw_buf_append_str(&url, tw_str_of(names[i])); /* likewise */
            (void)tw_buf_append_byte(&url, '=');                /* likewise */
            tw_url_part(&url, value);
            mark = '&';
        }
    }
    json_t *json =
        mark == '?' || url.error != TW_OK ? json_null() : json_stringn(url.data, url.len);
    tw_buf_fini(&url);
    return json;
}

/* path/value */
static json_t *page_of(const char *path, struct tw_str value)
{
    struct tw_buf url;
    if (value.len == 0) {
        return json_null();
    }
    tw_buf_init(&url, URL_MAX);
    (void)tw_buf_append_str(&url, tw_str_of(path)); /* sticky */
    tw_url_part(&url, value);
    json_t *json = url.error != TW_OK ? json_null() : json_stringn(url.data, url.len);
    tw_buf_fini(&url);
    return json;
}

static json_t *links_json(const struct tw_labels *labels)
{
    static const char *const runs[] = {"workflow", "step", "cause", "system", "store", NULL};
    static const char *const failures[] = {"workflow", "cause", "system", "store", NULL};
    bool has_workflow = tw_labels_get(labels, "workflow").len > 0;
    bool has_cause = tw_labels_get(labels, "cause").len > 0;
    json_t *json = json_object();
    tw_out_set(json, "journeys", has_workflow ? link_to("/runs", labels, runs) : json_null());
    tw_out_set(json, "runs", link_to("/runs", labels, runs));
    tw_out_set(json, "failures", link_to("/failures", labels, failures));
    tw_out_set(json, "replay",
               has_workflow || has_cause ? link_to("/failures", labels, failures) : json_null());
    tw_out_set(json, "store", page_of("/stores/", tw_labels_get(labels, "store")));
    tw_out_set(json, "workflow", page_of("/workflows/", tw_labels_get(labels, "workflow")));
    tw_out_set(json, "objective", page_of("/objectives/", tw_labels_get(labels, "objective")));
    return json;
}

json_t *tw_alert_plot(const struct tw_rule *rule, const struct tw_labels *labels)
{
    const char *names[TW_RULE_BY_MAX + 1] = {NULL};
    char path[TW_LABEL_NAME_MAX + 32];
    if (rule == NULL) {
        return json_null();
    }
    for (size_t i = 0; i < rule->by_count; i++) {
        names[i] = rule->by[i];
    }
    (void)snprintf(path, sizeof path, "/plots/rule.%s.svg", rule->name); /* names have 64 bytes */
    json_t *json = labels == NULL ? json_string(path) : link_to(path, labels, names);
    if (json_is_null(json)) { /* it has no `by` */
        json = json_string(path);
    }
    return json;
}

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *flag(bool is_so)
{
    return json_boolean(is_so);
}

static void set_numbers(const struct tw_alert_row *row, json_t *json)
{
    bool has_threshold = isfinite(row->threshold);
    tw_out_set(json, "value", number_or_null(row->value));
    tw_out_set(json, "threshold", number_or_null(row->threshold));
    tw_out_set(json, "comparison",
               has_threshold ? json_string(row->is_above ? "above" : "below") : json_null());
    tw_out_set(json, "unit", tw_api_word(row->unit));
    tw_out_set(json, "since", tw_out_time(row->since));
    tw_out_set(json, "fired", tw_out_time(row->fired));
    tw_out_set(json, "ended", tw_out_time(row->ended));
    tw_out_set(json, "updated", tw_out_time(row->updated));
    tw_out_set(json, "nodata", flag(row->is_nodata));
    tw_out_set(json, "flapping", flag(row->is_flapping));
    tw_out_set(json, "maintenance", flag(row->in_maintenance));
}

static json_t *acknowledged_json(const struct tw_alert_view *view)
{
    if (view->acked.ns == 0) {
        return json_null();
    }
    json_t *json = json_object();
    tw_out_set(json, "by", tw_out_text(view->acked_by));
    tw_out_set(json, "at", tw_out_time(view->acked));
    tw_out_set(json, "comment", tw_out_text(view->ack_comment));
    return json;
}

static json_t *inhibited_json(const struct tw_alert_seen *seen)
{
    json_t *list = json_array();
    struct tw_str rest = seen->is_inhibited ? seen->view->inhibited_by : TW_STR_NULL;
    for (struct tw_str hex = next_text(&rest); hex.ptr != NULL; hex = next_text(&rest)) {
        tw_out_add(list, tw_out_text(hex));
    }
    return list;
}

/* annotations[name], or null; a new reference. */
static json_t *said(const json_t *annotations, const char *name)
{
    json_t *text = json_object_get(annotations, name);
    return json_is_string(text) && json_string_length(text) > 0 ? json_incref(text) : json_null();
}

static void set_texts(const struct tw_alert_seen *seen, json_t *json)
{
    static const char *const names[] = {"workflow",  "step",  "system", "store",
                                        "objective", "cause", "owner",  NULL};
    json_t *annotations = NULL;
    if (tw_api_parse(seen->view->row.annotations, &annotations) != TW_OK ||
        !json_is_object(annotations)) {
        json_decref(annotations);
        annotations = json_object();
    }
    tw_out_set(json, "labels", tw_labels_out(&seen->labels));
    tw_out_set(json, "summary", said(annotations, "summary"));
    tw_out_set(json, "description", said(annotations, "description"));
    tw_out_set(json, "runbook", said(annotations, "runbook"));
    tw_out_set(json, "annotations", annotations);
    for (size_t i = 0; names[i] != NULL; i++) {
        tw_out_set(json, names[i], tw_api_word(tw_labels_get(&seen->labels, names[i])));
    }
}

static const char *state_name(unsigned state)
{
    return tw_alert_state_name((enum tw_alert_state)state); /* the same numbers */
}

static json_t *severity_json(unsigned severity)
{
    return severity == TW_SEVERITY_NONE ? json_null()
                                        : json_string(tw_severity_name((enum tw_severity)severity));
}

json_t *tw_alert_json(const struct tw_alert_scene *self, const struct tw_alert_seen *seen)
{
    const struct tw_alert_row *row = &seen->view->row;
    const struct tw_rule *rule = tw_alert_rule(self, seen->view);
    char hex[TW_FINGERPRINT_HEX_LEN + 1];
    json_t *json = json_object();
    tw_fingerprint_hex(row->fingerprint, hex);
    tw_out_set(json, "id", tw_out_count(row->id));
    tw_out_set(json, "fingerprint", json_string(hex));
    tw_out_set(json, "alert", tw_out_text(row->rule));
    tw_out_set(json, "title", rule != NULL ? json_string(rule->title) : tw_out_text(row->rule));
    tw_out_set(json, "origin", json_string(tw_alert_origin_name(row->origin)));
    tw_out_set(json, "state", json_string(state_name(row->state)));
    tw_out_set(json, "severity", severity_json(row->severity));
    set_texts(seen, json);
    set_numbers(row, json);
    tw_out_set(json, "acknowledged", acknowledged_json(seen->view));
    tw_out_set(json, "silenced_by", tw_alert_silenced_by(self, seen));
    tw_out_set(json, "inhibited_by", inhibited_json(seen));
    tw_out_set(json, "muted_by", tw_alert_muted_by(self, seen));
    tw_out_set(json, "inhibits", tw_out_count(tw_alert_inhibits(self, row->fingerprint)));
    tw_out_set(json, "plot", tw_alert_plot(rule, &seen->labels));
    tw_out_set(json, "links", links_json(&seen->labels));
    tw_out_set(json, "generator", tw_api_word(row->generator));
    return json;
}
