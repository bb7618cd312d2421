/* SPDX-License-Identifier: Apache-2.0
 * GET /alerts, /alerts/{fingerprint}: what is wrong now, and what was. */
#include "config.h"
#include "web/api_alerts.h"

#include <math.h>

#define CURSOR_BYTES   8
#define EPISODES_SHOWN 20
#define NOTICES_SHOWN  50
#define ROUTES_SHOWN   32
#define ALL_SEVERITIES 15u
#define STATE_COUNT    3
#define SEVERITY_COUNT 4
#define OPEN_STATES    (1u << TW_ALERT_ROW_PENDING | 1u << TW_ALERT_ROW_FIRING)

/* ---- the filter of a list ---- */

struct words {
    const char *const *names; /* the bit is its place and `shift` */
    size_t count;
    unsigned shift;
};

/* "pending,firing" */
static int read_words(struct tw_call *call, const char *name, const struct words *words,
                      unsigned *bits)
{
    struct tw_str text = tw_http_param(call->request, name);
    if (text.ptr == NULL || text.len == 0) {
        return TW_OK;
    }
    *bits = 0;
    while (text.ptr != NULL) {
        const char *comma = text.len == 0 ? NULL : memchr(text.ptr, ',', text.len);
        struct tw_str word = {text.ptr, comma == NULL ? text.len : (size_t)(comma - text.ptr)};
        size_t i = 0;
        while (i < words->count && !tw_str_is(word, words->names[i])) {
            i++;
        }
        if (i == words->count) {
            struct tw_api_words list = {.used = 0};
            for (size_t k = 0; k < words->count; k++) {
                tw_api_add_word(&list, words->names[k]);
            }
            return tw_diag_set(&call->diag, TW_EINVAL, "'%s' is some of: %s", name, list.text);
        }
        *bits |= 1u << (i + words->shift);
        text = comma == NULL
                   ? TW_STR_NULL
                   : (struct tw_str){comma + 1, text.len - (size_t)(comma + 1 - text.ptr)};
    }
    return TW_OK;
}

static int read_fingerprint(struct tw_call *call, struct tw_str text, uint64_t *ret_fingerprint)
{
    return tw_fingerprint_read(text, ret_fingerprint) == TW_OK
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL,
                             "a fingerprint has %d hexadecimal digits, in lower case",
                             TW_FINGERPRINT_HEX_LEN);
}

static int read_cursor(struct tw_call *call, const struct tw_page *page, uint64_t *before)
{
    if (page->cursor.ptr == NULL) {
        return TW_OK;
    }
    if (page->cursor.len != CURSOR_BYTES) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is none of this list");
    }
    memcpy(before, page->cursor.ptr, CURSOR_BYTES);
    return TW_OK;
}

static int read_filter(struct tw_call *call, struct tw_page *page, uint64_t *fingerprint,
                       struct tw_alert_filter *filter)
{
    static const char *const states[] = {"pending", "firing", "resolved"};
    static const char *const severities[] = {"critical", "warning", "info", "none"};
    static const struct words state_words = {states, STATE_COUNT, TW_ALERT_ROW_PENDING};
    static const struct words severity_words = {severities, SEVERITY_COUNT, 0};
    struct tw_str text = tw_http_param(call->request, "fingerprint");
    *filter = (struct tw_alert_filter){
        .states = OPEN_STATES,
        .severities = ALL_SEVERITIES,
        .workflow = tw_http_param(call->request, "workflow"),
        .rule = tw_http_param(call->request, "rule"),
        .owner = tw_http_param(call->request, "owner"),
        .store = tw_http_param(call->request, "store"),
    };
    int rc = tw_call_page(call, page);
    rc = rc == TW_OK ? read_words(call, "state", &state_words, &filter->states) : rc;
    rc = rc == TW_OK ? read_words(call, "severity", &severity_words, &filter->severities) : rc;
    rc = rc == TW_OK ? read_cursor(call, page, &filter->before) : rc;
    if (rc == TW_OK && text.ptr != NULL) {
        rc = read_fingerprint(call, text, fingerprint);
        filter->fingerprint = fingerprint;
    }
    filter->since = page->since;
    filter->until = page->until;
    filter->limit = page->limit;
    return rc;
}

/* ---- GET /alerts ---- */

static int answer_list(struct tw_call *call, const struct tw_alert_scene *scene,
                       const struct tw_alert_filter *filter)
{
    const struct tw_alert_view *views = NULL;
    struct tw_alert_seen *seen = NULL;
    size_t count = 0;
    uint64_t total = 0;
    bool has_more = false;
    bool is_counted = (filter->states & ~OPEN_STATES) == 0 && filter->fingerprint == NULL;
    int rc = tw_desk_alerts(scene->desk, call->arena, filter, &views, &count, &has_more);
    rc = rc == TW_OK ? tw_alert_see_all(scene, views, count, &seen) : rc;
    if (rc == TW_OK && is_counted) {
        rc = tw_desk_alerts_count(scene->desk, filter, &total);
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        tw_out_add(items, tw_alert_json(scene, &seen[i]));
    }
    struct tw_str next = TW_STR_NULL;
    uint64_t last = count == 0 ? 0 : views[count - 1].row.id;
    if (has_more) {
        next = (struct tw_str){(const char *)&last, CURSOR_BYTES};
    }
    return tw_response_json(&call->response, 200,
                            tw_call_list(call, items, next, is_counted ? (int64_t)total : -1));
}

int tw_api_alerts(struct tw_call *call)
{
    static const char *const names[] = {"state", "severity", "workflow",    "rule",
                                        "owner", "store",    "fingerprint", "since",
                                        "until", "limit",    "cursor",      NULL};
    struct tw_page page;
    struct tw_alert_filter filter;
    struct tw_alert_scene scene = {.call = call};
    uint64_t fingerprint = 0;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? read_filter(call, &page, &fingerprint, &filter) : rc;
    rc = rc == TW_OK ? tw_alert_scene_init(&scene, call) : rc;
    rc = rc == TW_OK ? answer_list(call, &scene, &filter) : rc;
    tw_alert_scene_fini(&scene);
    return rc;
}

/* ---- GET /alerts/{fingerprint} ---- */

static int add_timeline(const struct tw_alert_scene *scene, const struct tw_alert_view *view,
                        json_t *json)
{
    const struct tw_alert_line *lines = NULL;
    size_t count = 0;
    json_t *timeline = json_array();
    int rc = tw_desk_alert_lines(scene->desk, scene->call->arena, view->row.id, &lines, &count);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        json_t *line = json_object();
        tw_out_set(line, "at", tw_out_time(lines[i].at));
        tw_out_set(line, "what", json_string(tw_alert_event_name(lines[i].what)));
        tw_out_set(line, "actor", tw_api_word(lines[i].actor));
        tw_out_set(line, "value",
                   isfinite(lines[i].value) ? json_real(lines[i].value) : json_null());
        tw_out_set(line, "detail", tw_api_word(lines[i].detail));
        tw_out_add(timeline, line);
    }
    tw_out_set(json, "timeline", timeline);
    return rc;
}

static int add_episodes(const struct tw_alert_scene *scene, uint64_t fingerprint, json_t *json)
{
    const struct tw_alert_view *views = NULL;
    size_t count = 0;
    bool has_more = false;
    json_t *episodes = json_array();
    const struct tw_alert_filter filter = {.states = ~0u,
                                           .severities = ALL_SEVERITIES,
                                           .fingerprint = &fingerprint,
                                           .since = {INT64_MIN},
                                           .until = {INT64_MAX},
                                           .limit = EPISODES_SHOWN};
    int rc = tw_desk_alerts(scene->desk, scene->call->arena, &filter, &views, &count, &has_more);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        const struct tw_alert_row *row = &views[i].row;
        json_t *one = json_object();
        tw_out_set(one, "id", tw_out_count(row->id));
        tw_out_set(one, "state", json_string(tw_alert_state_name((enum tw_alert_state)row->state)));
        tw_out_set(one, "since", tw_out_time(row->since));
        tw_out_set(one, "fired", tw_out_time(row->fired));
        tw_out_set(one, "ended", tw_out_time(row->ended));
        tw_out_add(episodes, one);
    }
    tw_out_set(json, "episodes", episodes);
    return rc;
}

static int add_notices(const struct tw_alert_scene *scene, uint64_t fingerprint, json_t *json)
{
    const struct tw_notice_view *views = NULL;
    size_t count = 0;
    bool has_more = false;
    json_t *notices = json_array();
    const struct tw_notice_filter filter = {.fingerprint = &fingerprint,
                                            .since = {INT64_MIN},
                                            .until = {INT64_MAX},
                                            .limit = NOTICES_SHOWN};
    int rc = tw_desk_notices(scene->desk, scene->call->arena, &filter, &views, &count, &has_more);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        tw_out_add(notices, tw_api_notice_json(&views[i], false));
    }
    tw_out_set(json, "notifications", notices);
    return rc;
}

static int add_rule(const struct tw_alert_scene *scene, const struct tw_alert_view *view,
                    json_t *json)
{
    const struct tw_rule *rule = tw_alert_rule(scene, view);
    const struct tw_rule_row *rows = NULL;
    size_t count = 0;
    int rc = rule == NULL ? TW_OK : tw_desk_rules(scene->desk, scene->call->arena, &rows, &count);
    tw_out_set(json, "rule",
               rule == NULL
                   ? json_null()
                   : tw_api_rule_json(scene->call, rule, tw_api_rule_row(rows, count, rule->name)));
    return rc;
}

static void add_silences(const struct tw_alert_scene *scene, const struct tw_alert_seen *seen,
                         json_t *json)
{
    json_t *silences = json_array();
    for (size_t i = 0; i < scene->silence_count && seen->is_silenced; i++) {
        const struct tw_alert_silence *silence = &scene->silences[i];
        if (silence->matchers != NULL && tw_matchers_match(silence->matchers, &seen->labels)) {
            tw_out_add(silences, tw_api_silence_json(scene->call, silence->silence, NULL, 0));
        }
    }
    tw_out_set(json, "silences", silences);
}

static void add_receivers(const struct tw_alert_scene *scene, const struct tw_alert_seen *seen,
                          json_t *json)
{
    const struct tw_notify *notify = scene->call->notify;
    json_t *receivers = json_array();
    size_t routes[ROUTES_SHOWN];
    size_t count =
        notify == NULL ? 0 : tw_notify_route(notify, &seen->labels, routes, ROUTES_SHOWN);
    for (size_t i = 0; i < count; i++) {
        const char *name = notify->receivers[notify->routes[routes[i]].receiver].name;
        bool is_there = false;
        for (size_t k = 0; k < json_array_size(receivers) && !is_there; k++) {
            is_there = strcmp(json_string_value(json_array_get(receivers, k)), name) == 0;
        }
        if (!is_there) {
            tw_out_add(receivers, json_string(name));
        }
    }
    tw_out_set(json, "receivers", receivers);
}

/* The open one, else the latest. */
static int find(const struct tw_alert_scene *scene, uint64_t fingerprint, uint64_t id,
                struct tw_alert_seen *ret_seen)
{
    const struct tw_alert_view *views = NULL;
    size_t count = 0;
    bool has_more = false;
    const struct tw_alert_filter filter = {.states = ~0u,
                                           .severities = ALL_SEVERITIES,
                                           .fingerprint = &fingerprint,
                                           .since = {INT64_MIN},
                                           .until = {INT64_MAX},
                                           .id = id,
                                           .limit = 1};
    int rc = tw_desk_alerts(scene->desk, scene->call->arena, &filter, &views, &count, &has_more);
    if (rc == TW_OK && count == 0) {
        (void)tw_diag_set(&scene->call->diag, TW_ENOTFOUND,
                          "there is no alert with this fingerprint, as far as is remembered");
        return TW_ENOTFOUND;
    }
    return rc == TW_OK ? tw_alert_see(scene, &views[0], ret_seen) : rc;
}

int tw_api_alert_answer(struct tw_call *call, uint64_t fingerprint, uint64_t id, int status)
{
    struct tw_alert_scene scene = {.call = call};
    struct tw_alert_seen seen = {.view = NULL};
    json_t *json = NULL;
    int rc = tw_alert_scene_init(&scene, call);
    rc = rc == TW_OK ? find(&scene, fingerprint, id, &seen) : rc;
    if (rc == TW_OK) {
        json = tw_alert_json(&scene, &seen);
        add_silences(&scene, &seen, json);
        add_receivers(&scene, &seen, json);
        rc = add_timeline(&scene, seen.view, json);
    }
    rc = rc == TW_OK ? add_episodes(&scene, fingerprint, json) : rc;
    rc = rc == TW_OK ? add_notices(&scene, fingerprint, json) : rc;
    rc = rc == TW_OK ? add_rule(&scene, seen.view, json) : rc;
    tw_alert_scene_fini(&scene);
    if (rc != TW_OK) {
        json_decref(json);
        return rc;
    }
    return tw_response_json(&call->response, status, json);
}

int tw_api_alert(struct tw_call *call)
{
    static const char *const names[] = {"id", NULL};
    uint64_t fingerprint = 0;
    uint64_t id = 0;
    struct tw_str text = tw_http_param(call->request, "id");
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK && text.ptr != NULL && (tw_parse_number(text, &id) != TW_OK || id == 0)) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "'id' is the number of an alert");
    }
    rc = rc == TW_OK ? read_fingerprint(call, call->request->rest, &fingerprint) : rc;
    return rc == TW_OK ? tw_api_alert_answer(call, fingerprint, id, 200) : rc;
}
