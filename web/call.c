/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/call.h"

#include <stdio.h>

/* Every page asks once a second, and the sources may be 200,000: their sum is kept for a second, or
 * so long that reading it takes no more than a twentieth of one thread. */
#define SUMMARY_MS    1000
#define SUMMARY_SHARE 20
/* Clocks that are kept in step by NTP differ by milliseconds; more than a second is a fault. */
#define AHEAD_NS TW_NS_PER_S

bool tw_call_may(const struct tw_call *call, enum tw_right right, const struct tw_scope *scope)
{
    return tw_may(call->principal, right, scope);
}

void tw_call_take_sets(struct tw_call *call)
{
    struct tw_web_state *state = call->web;
    (void)pthread_mutex_lock(&state->mtx); /* cannot fail: a plain mutex, locked once */
    call->workflows = tw_workflows_ref(state->workflows);
    call->dashboards = tw_dashboards_ref(state->dashboards);
    call->causes = state->causes == NULL ? NULL : tw_causes_ref(state->causes);
    call->rules = state->rules == NULL ? NULL : tw_rules_ref(state->rules);
    call->notify = state->notify == NULL ? NULL : tw_notify_ref(state->notify);
    (void)pthread_mutex_unlock(&state->mtx);
}

void tw_call_give_sets(struct tw_call *call)
{
    tw_workflows_unref(&call->workflows);
    tw_dashboards_unref(&call->dashboards);
    tw_causes_unref(&call->causes);
    tw_rules_unref(&call->rules);
    tw_notify_unref(&call->notify);
}

int tw_call_problem(struct tw_call *call, enum tw_web_problem kind, const char *format, ...)
{
    char detail[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(detail, sizeof detail, format, args); /* cut where it is too long */
    va_end(args);
    tw_problem_fill(&call->response, kind, detail, call->request->path);
    return TW_OK;
}

int tw_call_allow(struct tw_call *call, const char *const *names)
{
    for (size_t i = 0; i < call->request->param_count; i++) {
        struct tw_str name = call->request->params[i].name;
        size_t j = 0;
        while (names[j] != NULL && !tw_str_is(name, names[j])) {
            j++;
        }
        if (names[j] == NULL) {
            return tw_diag_set(&call->diag, TW_EINVAL, "this call has no parameter '%.60s'",
                               name.ptr);
        }
    }
    return TW_OK;
}

int tw_parse_number(struct tw_str text, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (text.len == 0 || text.len > 18) {
        return TW_ESYNTAX;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return TW_ESYNTAX;
        }
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *ret_number = number;
    return TW_OK;
}

int tw_parse_time(struct tw_str text, tw_wall_t now, tw_wall_t *ret_at)
{
    if (text.len < 3 || text.ptr[0] != '-') {
        return tw_wall_parse(text, ret_at);
    }
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    uint64_t number = 0;
    struct tw_str digits = {text.ptr + 1, text.len - 2};
    if (tw_parse_number(digits, &number) != TW_OK || number > 100000000) {
        return TW_ESYNTAX;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (units[i].unit == text.ptr[text.len - 1]) {
            int64_t seconds = (int64_t)number * units[i].seconds;
            if (seconds > now.ns / TW_NS_PER_S) {
                return TW_ESYNTAX;
            }
            *ret_at = (tw_wall_t){now.ns - seconds * TW_NS_PER_S};
            return TW_OK;
        }
    }
    return TW_ESYNTAX;
}

static int parse_bound(struct tw_call *call, const char *name, tw_wall_t *at)
{
    struct tw_str text = tw_http_param(call->request, name);
    if (text.ptr != NULL && tw_parse_time(text, call->now, at) != TW_OK) {
        return tw_diag_set(&call->diag, TW_EINVAL,
                           "'%s' is neither an RFC 3339 time nor like -15m, -24h, -7d", name);
    }
    return TW_OK;
}

int tw_call_page(struct tw_call *call, struct tw_page *ret_page)
{
    struct tw_page page = {.limit = TW_PAGE_DEFAULT, .since = {INT64_MIN}, .until = {INT64_MAX}};
    struct tw_str limit = tw_http_param(call->request, "limit");
    uint64_t number = 0;
    if (limit.ptr != NULL) {
        if (tw_parse_number(limit, &number) != TW_OK || number < 1 || number > TW_PAGE_MAX) {
            return tw_diag_set(&call->diag, TW_EINVAL, "'limit' is a number from 1 to %d",
                               TW_PAGE_MAX);
        }
        page.limit = (size_t)number;
    }
    struct tw_str cursor = tw_http_param(call->request, "cursor");
    if (cursor.len > 0) { /* an empty one begins at the start, like none */
        int rc = tw_base64url_decode(call->arena, cursor, &page.cursor);
        if (rc != TW_OK) {
            return tw_diag_set(&call->diag, rc, "'cursor' is not one that a list gave as 'next'");
        }
    }
    int rc = parse_bound(call, "since", &page.since);
    if (rc == TW_OK) {
        rc = parse_bound(call, "until", &page.until);
    }
    if (rc == TW_OK) {
        *ret_page = page;
    }
    return rc;
}

json_t *tw_call_list(struct tw_call *call, json_t *items, struct tw_str next, int64_t total)
{
    json_t *list = json_object();
    tw_out_set(list, "items", items);
    if (next.ptr != NULL) {
        struct tw_str cursor = tw_base64url(call->arena, next);
        tw_out_set(list, "next", cursor.ptr == NULL ? NULL : tw_out_text(cursor));
    } else {
        tw_out_set(list, "next", json_null());
    }
    tw_out_set(list, "total", total < 0 ? json_null() : json_integer(total));
    return list;
}

int tw_call_check_deadline(struct tw_call *call)
{
    return call->web->clock->mono(call->web->clock).ns >= call->deadline.ns ? TW_ETIMEOUT : TW_OK;
}

static void add_source(struct tw_source_summary *sum, const struct tw_source_state *source)
{
    sum->sources++;
    sum->with_gaps += source->missing > 0 ? 1 : 0;
    sum->missing += source->missing;
    sum->filled += source->filled;
    sum->rewinds += source->rewinds;
    sum->out_of_order += source->out_of_order;
    sum->clock_ahead += source->transit_min_ns < -AHEAD_NS ? 1 : 0;
}

/* Through all sources, page by page, each in memory of its own. */
static int read_summary(struct tw_call *call, struct tw_source_summary *ret_summary)
{
    struct tw_source_summary sum = {0};
    const struct tw_source_state *sources = NULL;
    struct tw_arena page;
    size_t count = 0;
    uint32_t from = 0;
    int rc = TW_OK;
    tw_arena_init(&page, TW_SOURCES_BYTES);
    do {
        tw_arena_reset(&page);
        rc = tw_reader_sources(call->reader, &page, from, TW_SOURCES_AT_ONCE, &sources, &count);
        for (size_t i = 0; i < count && rc == TW_OK; i++) {
            add_source(&sum, &sources[i]);
            from = sources[i].number + 1;
        }
    } while (rc == TW_OK && count == TW_SOURCES_AT_ONCE);
    tw_arena_fini(&page);
    if (rc == TW_OK) {
        *ret_summary = sum;
    }
    return rc;
}

int tw_call_summary(struct tw_call *call, struct tw_source_summary *ret_summary)
{
    struct tw_web_state *web = call->web;
    tw_mono_t now = web->clock->mono(web->clock);
    (void)pthread_mutex_lock(&web->mtx); /* cannot fail: a plain mutex, locked once */
    bool is_fresh = now.ns < web->summary_until.ns;
    *ret_summary = web->summary;
    (void)pthread_mutex_unlock(&web->mtx);
    if (is_fresh) {
        return TW_OK;
    }
    int rc = read_summary(call, ret_summary);
    if (rc == TW_OK) {
        tw_mono_t end = web->clock->mono(web->clock);
        int64_t keep_ns = SUMMARY_SHARE * (end.ns - now.ns);
        keep_ns = keep_ns < SUMMARY_MS * TW_NS_PER_MS ? SUMMARY_MS * TW_NS_PER_MS : keep_ns;
        (void)pthread_mutex_lock(&web->mtx);
        web->summary = *ret_summary;
        web->summary_until = (tw_mono_t){end.ns + keep_ns};
        (void)pthread_mutex_unlock(&web->mtx);
    }
    return rc;
}

const char *tw_tap_kind_name(enum tw_tap_kind kind)
{
    switch (kind) {
    case TW_TAP_PULL:
        return "pull";
    case TW_TAP_SUB:
        return "sub";
    case TW_TAP_ROUTER:
        return "router";
    default:
        return "?";
    }
}
