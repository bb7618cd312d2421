/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/router.h"

#include <stdio.h>

#include "core/log.h"
#include "web/api.h"
#include "web/gate.h"
#include "web/kept.h"

#define API "/api/v1"
#define AM  "/api/v2" /* that of Alertmanager */

/* Whom a row answers; without this column it does not compile. */
#define ALL           \
    {                 \
        TW_FOR_ALL, 0 \
    }
#define SIGNED_IN           \
    {                       \
        TW_FOR_SIGNED_IN, 0 \
    }
#define MAY(right)                                   \
    {                                                \
        TW_FOR_RIGHT, TW_RIGHT_BIT(TW_RIGHT_##right) \
    }
#define EITHER(one, other)                                                          \
    {                                                                               \
        TW_FOR_RIGHT, TW_RIGHT_BIT(TW_RIGHT_##one) | TW_RIGHT_BIT(TW_RIGHT_##other) \
    }
#define SOMEWHERE(right)                                       \
    {                                                          \
        TW_FOR_RIGHT_SOMEWHERE, TW_RIGHT_BIT(TW_RIGHT_##right) \
    }

static const struct tw_web_route table[] = {
    {TW_METHOD_GET, API "/search", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_search},
    {TW_METHOD_GET, API "/journeys", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_journeys},
    {TW_METHOD_GET, API "/journeys/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_journey},
    {TW_METHOD_GET, API "/events", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_events},
    {TW_METHOD_GET, API "/events/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_event},
    {TW_METHOD_GET, API "/quarantine", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_quarantine},
    {TW_METHOD_POST, API "/quarantine/retry", TW_ROUTE_NEEDS_STORE, MAY(RETRY),
     tw_api_quarantine_retry},
    {TW_METHOD_GET, API "/quarantine/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_quarantine_entry},
    {TW_METHOD_GET, API "/requests/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_request},
    {TW_METHOD_GET, API "/causes", TW_ROUTE_NO_STORE, SOMEWHERE(READ), tw_api_causes},
    {TW_METHOD_PUT, API "/causes", TW_ROUTE_NEEDS_STORE, MAY(CAUSES), tw_api_causes_put},
    {TW_METHOD_POST, API "/causes/test", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_causes_test},
    {TW_METHOD_GET, API "/overview", TW_ROUTE_KEPT, MAY(READ), tw_api_overview},
    {TW_METHOD_GET, API "/runs", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_runs},
    {TW_METHOD_GET, API "/failures", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_failures},
    {TW_METHOD_GET, API "/failures/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_failure},
    {TW_METHOD_POST, API "/failures/*", TW_ROUTE_NEEDS_STORE, MAY(ACKNOWLEDGE), tw_api_failure_act},
    {TW_METHOD_GET, API "/replays", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_replays},
    {TW_METHOD_POST, API "/replays", TW_ROUTE_NEEDS_STORE, MAY(REPLAY), tw_api_replay_start},
    {TW_METHOD_POST, API "/replays/plan", TW_ROUTE_NEEDS_STORE, MAY(REPLAY), tw_api_replay_plan},
    {TW_METHOD_GET, API "/replays/plan/*", TW_ROUTE_NEEDS_STORE, MAY(READ),
     tw_api_replay_plan_items},
    {TW_METHOD_GET, API "/replays/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_replay},
    {TW_METHOD_POST, API "/replays/*", TW_ROUTE_NEEDS_STORE, EITHER(REPLAY, APPROVE),
     tw_api_replay_act},
    {TW_METHOD_GET, API "/agents", TW_ROUTE_NEEDS_STORE, SOMEWHERE(READ), tw_api_agents},
    {TW_METHOD_GET, API "/audit", TW_ROUTE_NEEDS_STORE, MAY(AUDIT), tw_api_audit},
    {TW_METHOD_GET, API "/alerts", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_alerts},
    {TW_METHOD_GET, API "/alerts/groups", TW_ROUTE_KEPT_ALERTS, MAY(READ), tw_api_alert_groups},
    {TW_METHOD_POST, API "/alerts/ack", TW_ROUTE_NEEDS_STORE, MAY(ACKNOWLEDGE), tw_api_alerts_ack},
    {TW_METHOD_GET, API "/alerts/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_alert},
    {TW_METHOD_POST, API "/alerts/*", TW_ROUTE_NEEDS_STORE, MAY(ACKNOWLEDGE), tw_api_alert_ack},
    {TW_METHOD_DELETE, API "/alerts/*", TW_ROUTE_NEEDS_STORE, MAY(ACKNOWLEDGE), tw_api_alert_ack},
    {TW_METHOD_GET, API "/silences", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_silences},
    {TW_METHOD_POST, API "/silences", TW_ROUTE_NEEDS_STORE, MAY(SILENCE), tw_api_silence_post},
    {TW_METHOD_POST, API "/silences/preview", TW_ROUTE_NEEDS_STORE, MAY(READ),
     tw_api_silence_preview},
    {TW_METHOD_GET, API "/silences/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_silence},
    {TW_METHOD_DELETE, API "/silences/*", TW_ROUTE_NEEDS_STORE, MAY(SILENCE),
     tw_api_silence_delete},
    {TW_METHOD_GET, API "/rules", TW_ROUTE_NEEDS_STORE, SOMEWHERE(READ), tw_api_rules},
    {TW_METHOD_POST, API "/rules/test", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_rule_test},
    {TW_METHOD_GET, API "/rules/*", TW_ROUTE_NEEDS_STORE, SOMEWHERE(READ), tw_api_rule},
    {TW_METHOD_GET, API "/receivers", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_receivers},
    {TW_METHOD_POST, API "/receivers/*", TW_ROUTE_NEEDS_STORE, MAY(NOTIFY), tw_api_receiver_test},
    {TW_METHOD_GET, API "/notifications", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_notifications},
    {TW_METHOD_GET, API "/notifications/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_notification},
    {TW_METHOD_GET, API "/heartbeats", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_heartbeats},
    {TW_METHOD_POST, API "/heartbeats/*", TW_ROUTE_NEEDS_STORE, MAY(HEARTBEAT), tw_api_heartbeat},
    {TW_METHOD_GET, AM "/status", TW_ROUTE_NO_STORE, SOMEWHERE(READ), tw_am_status},
    {TW_METHOD_GET, AM "/receivers", TW_ROUTE_NO_STORE, MAY(READ), tw_am_receivers},
    {TW_METHOD_GET, AM "/alerts", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_am_alerts},
    {TW_METHOD_POST, AM "/alerts", TW_ROUTE_NEEDS_STORE, MAY(PUSH), tw_am_alerts_post},
    {TW_METHOD_GET, AM "/alerts/groups", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_am_groups},
    {TW_METHOD_GET, AM "/silences", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_am_silences},
    {TW_METHOD_POST, AM "/silences", TW_ROUTE_NEEDS_STORE, MAY(SILENCE), tw_am_silence_post},
    {TW_METHOD_GET, AM "/silence/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_am_silence},
    {TW_METHOD_DELETE, AM "/silence/*", TW_ROUTE_NEEDS_STORE, MAY(SILENCE), tw_am_silence_delete},
    {TW_METHOD_GET, "/-/healthy", TW_ROUTE_NO_STORE, ALL, tw_am_healthy},
    {TW_METHOD_GET, "/-/ready", TW_ROUTE_MAY_STORE, ALL, tw_am_ready},
    {TW_METHOD_POST, "/-/reload", TW_ROUTE_NO_STORE, MAY(RELOAD), tw_am_reload},
    {TW_METHOD_GET, API "/workflows", TW_ROUTE_KEPT_LONGER, SOMEWHERE(READ), tw_api_workflows},
    {TW_METHOD_GET, API "/workflows/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_workflow},
    {TW_METHOD_GET, API "/objectives", TW_ROUTE_KEPT_LONGER, SOMEWHERE(READ), tw_api_objectives},
    {TW_METHOD_GET, API "/objectives/*", TW_ROUTE_NEEDS_STORE, SOMEWHERE(READ), tw_api_objective},
    {TW_METHOD_GET, API "/stores", TW_ROUTE_KEPT_LONGER, MAY(READ), tw_api_stores},
    {TW_METHOD_GET, API "/stores/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_store},
    {TW_METHOD_GET, API "/series", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_series},
    {TW_METHOD_GET, API "/dashboards", TW_ROUTE_NO_STORE, SOMEWHERE(READ), tw_api_dashboards},
    {TW_METHOD_GET, API "/dashboards/*", TW_ROUTE_NO_STORE, SOMEWHERE(READ), tw_api_dashboard},
    {TW_METHOD_GET, API "/taps", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_taps},
    {TW_METHOD_GET, API "/status", TW_ROUTE_KEPT, SOMEWHERE(READ), tw_api_status},
    {TW_METHOD_GET, API "/stream", TW_ROUTE_NO_STORE, MAY(READ), tw_api_stream},
    {TW_METHOD_GET, API "/session", TW_ROUTE_NO_STORE, SIGNED_IN, tw_api_session},
    {TW_METHOD_POST, API "/session", TW_ROUTE_NO_STORE, ALL, tw_api_session_post},
    {TW_METHOD_DELETE, API "/session", TW_ROUTE_NO_STORE, SIGNED_IN, tw_api_session_delete},
    {TW_METHOD_POST, API "/session/password", TW_ROUTE_NO_STORE, SIGNED_IN,
     tw_api_session_password},
    {TW_METHOD_GET, API "/sessions", TW_ROUTE_NO_STORE, SIGNED_IN, tw_api_sessions},
    {TW_METHOD_DELETE, API "/sessions/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_api_sessions_delete},
    {TW_METHOD_GET, "/healthz", TW_ROUTE_NO_STORE, ALL, tw_api_healthz},
    {TW_METHOD_GET, "/readyz", TW_ROUTE_MAY_STORE, ALL, tw_api_readyz},
    {TW_METHOD_GET, "/metrics", TW_ROUTE_NEEDS_STORE, ALL, tw_api_metrics},
    {TW_METHOD_GET, "/plots/*", TW_ROUTE_NEEDS_STORE, MAY(READ), tw_api_plot},
    {TW_METHOD_GET, "/ui/*", TW_ROUTE_NO_STORE, ALL, tw_page_file},
    {TW_METHOD_GET, "/favicon.ico", TW_ROUTE_NO_STORE, ALL, tw_page_favicon},
    {TW_METHOD_GET, "/runbooks/*", TW_ROUTE_NO_STORE, SOMEWHERE(READ), tw_page_runbook},
    {TW_METHOD_GET, "/sign-in", TW_ROUTE_NO_STORE, ALL, tw_page_sign_in},
    /* The pages of the single-page interface: what they show, their script asks for. */
    {TW_METHOD_GET, "/", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/search", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/journey/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/event/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/workflows", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/workflows/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/objectives", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/objectives/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/stores", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/stores/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/systems", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/dashboards", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/dashboards/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/failures", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/failures/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/replays", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/replays/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/runs", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/taps", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/quarantine", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/causes", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/alerts", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/alerts/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/rules", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/rules/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/runbook/*", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/silences", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/notifications", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/account", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
    {TW_METHOD_GET, "/audit", TW_ROUTE_NO_STORE, SIGNED_IN, tw_page_index},
};
#define ROUTE_COUNT (sizeof table / sizeof table[0])

const struct tw_web_route *tw_router_table(size_t *ret_count)
{
    *ret_count = ROUTE_COUNT;
    return table;
}

/* Does the path match, and what does '*' stand for? One byte at least. */
static bool matches(const struct tw_web_route *route, struct tw_str path, struct tw_str *ret_rest)
{
    size_t len = strlen(route->pattern);
    *ret_rest = TW_STR_NULL;
    if (route->pattern[len - 1] != '*') {
        return tw_str_is(path, route->pattern);
    }
    if (path.len < len || memcmp(path.ptr, route->pattern, len - 1) != 0) {
        return false;
    }
    *ret_rest = (struct tw_str){path.ptr + len - 1, path.len - len + 1};
    return true;
}

static bool method_fits(const struct tw_web_route *route, enum tw_method method)
{
    return route->method == method || (route->method == TW_METHOD_GET && method == TW_METHOD_HEAD);
}

static bool changes(enum tw_method method)
{
    return method == TW_METHOD_POST || method == TW_METHOD_PUT || method == TW_METHOD_DELETE;
}

/* A request to read the files again says all that it has to say. */
static bool has_body(const struct tw_web_route *route)
{
    return (route->method == TW_METHOD_POST || route->method == TW_METHOD_PUT) &&
           route->handler != tw_am_reload;
}

/* The first row that fits path and method; *ret_other: the first that fits the path only. A path
 * that stands in the table as it is belongs to no '*' row. */
static const struct tw_web_route *find(struct tw_str path, enum tw_method method,
                                       const struct tw_web_route **ret_other)
{
    struct tw_str rest;
    *ret_other = NULL;
    for (size_t i = 0; i < ROUTE_COUNT; i++) {
        if (!matches(&table[i], path, &rest)) {
            continue;
        }
        if (*ret_other != NULL && strcmp((*ret_other)->pattern, table[i].pattern) != 0) {
            return NULL;
        }
        if (method_fits(&table[i], method)) {
            return &table[i];
        }
        if (*ret_other == NULL) {
            *ret_other = &table[i];
        }
    }
    return NULL;
}

/* The methods of this path, for people and programs: "GET, HEAD, PUT". */
static void list_methods(const struct tw_web_route *first, char *text, size_t size)
{
    static const char *const names[] = {
        [TW_METHOD_GET] = "GET, HEAD",
        [TW_METHOD_POST] = "POST",
        [TW_METHOD_PUT] = "PUT",
        [TW_METHOD_DELETE] = "DELETE",
    };
    size_t used = 0;
    for (const struct tw_web_route *row = first; row < table + ROUTE_COUNT; row++) {
        if (strcmp(row->pattern, first->pattern) == 0) {
            used += (size_t)snprintf(text + used, size - used, "%s%s", used == 0 ? "" : ", ",
                                     names[row->method]); /* each method once: it fits */
        }
    }
}

static const struct tw_web_route *refuse(struct tw_response *response, enum tw_web_problem kind,
                                         const char *detail, const struct tw_http_request *request)
{
    tw_problem_fill(response, kind, detail, request->path);
    /* Whatever body was announced is not read: the next request on this connection could not be
     * told from it. */
    const struct tw_http_head *head = &request->head;
    response->must_close = response->must_close || head->status != 0 || head->length > 0 ||
                           head->has_encoding || changes(request->method);
    return NULL;
}

/* What a request with a body must show. */
static const struct tw_web_route *check_body(const struct tw_cfg *cfg,
                                             const struct tw_web_route *route,
                                             const struct tw_http_request *request,
                                             struct tw_response *response)
{
    const struct tw_http_head *head = &request->head;
    if (!tw_http_is_json(head->content_type)) {
        return refuse(response, TW_WEB_PROBLEM_MEDIA, "Content-Type is not application/json",
                      request);
    }
    if (!head->has_length) {
        return refuse(response, TW_WEB_PROBLEM_LENGTH, NULL, request);
    }
    if (head->length > (uint64_t)cfg->web.max_body_bytes) {
        return refuse(response, TW_WEB_PROBLEM_TOO_LARGE, "web.max_body_bytes is the limit",
                      request);
    }
    return route;
}

const struct tw_web_route *tw_router_accept(const struct tw_cfg *cfg,
                                            const struct tw_http_request *request,
                                            size_t target_len, struct tw_response *response)
{
    const struct tw_http_head *head = &request->head;
    const struct tw_web_route *other = NULL;
    if (target_len > TW_HTTP_MAX_URL) {
        return refuse(response, TW_WEB_PROBLEM_URL, "at most 4096 bytes of path and query",
                      request);
    }
    if (head->status != 0) {
        return refuse(response, tw_problem_of_status(head->status), head->why, request);
    }
    if (!tw_http_host_is_ours(head->host, cfg->web.listen)) {
        return refuse(response, TW_WEB_PROBLEM_HOST,
                      "on a loopback address only localhost, 127.0.0.1, [::1] and the host of "
                      "web.listen are answered",
                      request);
    }
    const struct tw_web_route *route = find(request->path, request->method, &other);
    if (route == NULL && other == NULL) {
        return refuse(response, TW_WEB_PROBLEM_NOT_FOUND, "no call has this path", request);
    }
    if (route == NULL) {
        char allow[64] = "";
        list_methods(other, allow, sizeof allow);
        (void)refuse(response, TW_WEB_PROBLEM_METHOD, NULL, request);
        (void)tw_response_header(response, "Allow", allow); /* a fixed text always fits */
        return NULL;
    }
    if (changes(route->method) && !tw_http_is_same_origin(head)) {
        return refuse(response, TW_WEB_PROBLEM_ORIGIN, "Origin or Sec-Fetch-Site is foreign",
                      request);
    }
    if (has_body(route)) {
        return check_body(cfg, route, request, response);
    }
    if (head->length > 0) {
        return refuse(response, TW_WEB_PROBLEM_MALFORMED, "this call reads no body", request);
    }
    return route;
}

static void fill_error(struct tw_call *call, int rc)
{
    const char *detail = call->diag.text[0] != '\0' ? call->diag.text : NULL;
    if (detail == NULL && rc != TW_ETIMEOUT) {
        detail = tw_err_text(rc);
    }
    call->response.header_count = 0;
    tw_problem_fill(&call->response, tw_problem_of_error(rc), detail, call->request->path);
}

bool tw_route_allows(const struct tw_route_right *right, const struct tw_principal *principal)
{
    switch (right->whom) {
    case TW_FOR_ALL:
        return true;
    case TW_FOR_SIGNED_IN:
        return principal->kind != TW_PRINCIPAL_NOBODY;
    case TW_FOR_RIGHT:
    case TW_FOR_RIGHT_SOMEWHERE:
        for (unsigned i = 0; i < TW_RIGHT_COUNT; i++) {
            if ((right->any_of & TW_RIGHT_BIT(i)) != 0 &&
                (right->whom == TW_FOR_RIGHT ? tw_may(principal, (enum tw_right)i, NULL)
                                             : tw_may_somewhere(principal, (enum tw_right)i))) {
                return true;
            }
        }
        return false;
    case TW_FOR_NOBODY: /* a row that decides nothing answers nobody */
    default:
        return false;
    }
}

/* Of those who have to change their password: what they need for it. */
static bool is_of_session(const struct tw_web_route *route)
{
    return route->right.whom == TW_FOR_ALL || route->handler == tw_api_session ||
           route->handler == tw_api_session_delete || route->handler == tw_api_session_password;
}

/* To the page where people sign in, and back from there. */
static void send_to_sign_in(struct tw_call *call, struct tw_str target)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] = "/-._~";
    char place[TW_RESPONSE_HEADER_BYTES] = "/sign-in?next=";
    size_t used = strlen(place);
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];
        bool is_alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
        if (used + 4 > sizeof place) { /* too long to come back to */
            used = strlen("/sign-in");
            break;
        }
        if (is_alnum || strchr(plain, c) != NULL) {
            place[used++] = (char)c;
        } else {
            place[used++] = '%';
            place[used++] = hex[c >> 4];
            place[used++] = hex[c & 15];
        }
    }
    place[used] = '\0';
    call->response.status = 303;
    (void)tw_response_header(&call->response, "Location", place); /* ASCII, and short enough */
}

/* Nobody asks; why that is. */
static void refuse_nobody(struct tw_call *call, const struct tw_web_route *route,
                          struct tw_str target)
{
    enum tw_gate_fault fault = call->asker == NULL ? TW_GATE_ELSEWHERE : call->asker->fault;
    switch (fault) {
    case TW_GATE_ELSEWHERE:
        (void)tw_call_problem(call, TW_WEB_PROBLEM_RIGHTS,
                              "until there are users, only this machine is answered");
        return;
    case TW_GATE_UNTRUSTED:
        tw_log(TW_LOG_PROXY_REFUSED_EVENT, TW_F_STR("address", call->request->address));
        (void)tw_call_problem(call, TW_WEB_PROBLEM_RIGHTS,
                              "this address may not say who asks, or what it says is no user");
        return;
    case TW_GATE_BLIND:
        (void)tw_call_problem(call, TW_WEB_PROBLEM_UNAVAILABLE, "who asks cannot be looked up");
        return;
    case TW_GATE_FINE:
    case TW_GATE_NOTHING:
    case TW_GATE_ENDED:
    case TW_GATE_BAD_TOKEN:
    default:
        break;
    }
    if (route->handler == tw_page_index || route->handler == tw_page_runbook) {
        send_to_sign_in(call, target);
        return;
    }
    (void)tw_call_problem(call, TW_WEB_PROBLEM_SIGN_IN, "%s",
                          fault == TW_GATE_ENDED       ? "the session has ended"
                          : fault == TW_GATE_BAD_TOKEN ? "there is no such token, or it has expired"
                                                       : "sign in, or show a token");
    /* fixed texts always fit */
    (void)tw_response_header(&call->response, "WWW-Authenticate",
                             fault == TW_GATE_BAD_TOKEN
                                 ? "Bearer realm=\"tillwatch\", error=\"invalid_token\""
                                 : "Bearer realm=\"tillwatch\"");
}

static void refuse_right(struct tw_call *call, const struct tw_route_right *right)
{
    char words[128] = "";
    size_t used = 0;
    for (unsigned i = 0; i < TW_RIGHT_COUNT; i++) {
        if ((right->any_of & TW_RIGHT_BIT(i)) != 0) {
            used += (size_t)snprintf(words + used, sizeof words - used, "%s'%s'",
                                     used == 0 ? "" : " or ",
                                     tw_right_name((enum tw_right)i)); /* two at most: they fit */
        }
    }
    (void)tw_call_problem(call, TW_WEB_PROBLEM_RIGHTS, "this needs the right %s%s", words,
                          right->whom == TW_FOR_RIGHT ? ", not narrowed" : "");
}

/* May it be answered? Else the response says why not. */
static bool is_allowed(struct tw_call *call, const struct tw_web_route *route, struct tw_str target)
{
    const struct tw_asker *asker = call->asker;
    if (asker != NULL && asker->is_ambient && changes(route->method) &&
        !tw_http_is_surely_same_origin(&call->request->head)) {
        (void)tw_call_problem(call, TW_WEB_PROBLEM_ORIGIN,
                              "with a cookie, Origin or Sec-Fetch-Site must say that the request "
                              "comes from a page of ours");
        return false;
    }
    if (asker != NULL && asker->must_change && !is_of_session(route)) {
        if (route->handler == tw_page_index) {
            send_to_sign_in(call, target);
        } else {
            (void)tw_call_problem(call, TW_WEB_PROBLEM_MUST_CHANGE,
                                  "POST /api/v1/session/password");
        }
        return false;
    }
    if (tw_route_allows(&route->right, call->principal)) {
        return true;
    }
    if (call->principal->kind == TW_PRINCIPAL_NOBODY) {
        refuse_nobody(call, route, target);
    } else {
        refuse_right(call, &route->right);
    }
    return false;
}

static bool is_kept(const struct tw_web_route *route)
{
    return route->store == TW_ROUTE_KEPT || route->store == TW_ROUTE_KEPT_LONGER ||
           route->store == TW_ROUTE_KEPT_ALERTS;
}

static enum tw_kept_by kept_by(const struct tw_web_route *route)
{
    if (route->store == TW_ROUTE_KEPT_ALERTS) {
        return TW_KEPT_BY_ALERTS;
    }
    return route->store == TW_ROUTE_KEPT ? TW_KEPT_BY_COMMIT : TW_KEPT_BY_DOCUMENTS;
}

static bool needs_store(const struct tw_web_route *route)
{
    return route->store == TW_ROUTE_NEEDS_STORE || is_kept(route);
}

void tw_router_run(const struct tw_web_route *route, struct tw_str target,
                   struct tw_http_request *request, struct tw_call *call)
{
    struct tw_str rest = TW_STR_NULL;
    call->request = request;
    request->rest = TW_STR_NULL;
    int rc = tw_http_parse_target(call->arena, target, request, &call->diag);
    if (rc == TW_OK && matches(route, request->path, &rest) && rest.ptr != NULL) {
        rc = tw_http_decode(call->arena, rest, false, &request->rest);
        if (rc == TW_ESYNTAX) {
            (void)tw_diag_set(&call->diag, rc, "the path is not well formed");
        }
    }
    if (rc != TW_OK && rc != TW_ENOMEM) {
        (void)tw_call_problem(call, TW_WEB_PROBLEM_MALFORMED, "%s", call->diag.text);
        return;
    }
    if (rc == TW_OK && !is_allowed(call, route, target)) {
        return;
    }
    if (rc == TW_OK && needs_store(route) && call->reader == NULL) {
        rc = TW_EAGAIN;
        if (call->diag.text[0] == '\0') {
            (void)tw_diag_set(&call->diag, rc, "the store does not exist yet");
        }
    }
    if (rc == TW_OK) {
        rc = is_kept(route) ? tw_kept_run(call, target, kept_by(route), route->handler)
                            : route->handler(call);
    }
    if (rc != TW_OK) {
        fill_error(call, rc);
    }
}
