/* SPDX-License-Identifier: Apache-2.0
 * What could not be understood: the list, one entry whole, and the order to try entries again. */
#include "config.h"
#include "web/api.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/request.h"

#define LIST_RAW_BYTES 2048 /* of one entry in the list; GET /quarantine/{id} shows all */
#define MAX_IDS        10000

static int find_reason(struct tw_str name, enum tw_problem_code *ret_code)
{
    for (int i = 1; i < TW_PROBLEM_COUNT; i++) {
        if (tw_str_is(name, tw_problem_infos[i].name)) {
            *ret_code = (enum tw_problem_code)i;
            return TW_OK;
        }
    }
    return TW_ENOTFOUND;
}

static json_t *entry_json(struct tw_call *call, const struct tw_quarantine_entry *entry,
                          size_t raw_max)
{
    const struct tw_quarantined *q = &entry->entry;
    unsigned code = q->code < TW_PROBLEM_COUNT ? q->code : TW_PROBLEM_none;
    struct tw_str raw = q->raw;
    if (raw.len > raw_max) {
        raw.len = raw_max;
    }
    json_t *row = json_object();
    tw_out_set(row, "id", tw_out_count(entry->id));
    tw_out_set(row, "tap", tw_out_text(tw_str_of(tw_reader_tap_name(call->reader, q->tap))));
    tw_out_set(row, "peer", tw_out_text(q->peer));
    tw_out_set(row, "received", tw_out_time(q->received));
    tw_out_set(row, "reason", json_string(tw_problem_infos[code].name));
    tw_out_set(row, "title", json_string(tw_problem_infos[code].title));
    tw_out_set(row, "detail", tw_out_text(q->detail));
    tw_out_set(row, "index", q->index < 0 ? json_null() : json_integer(q->index));
    tw_out_set(row, "topic", tw_out_raw(q->topic));
    tw_out_set(row, "headers", tw_out_raw(q->headers));
    tw_out_set(row, "raw", tw_out_raw(raw));
    tw_out_set(row, "raw_base64", tw_out_base64(raw));
    tw_out_set(row, "raw_shown_bytes", tw_out_count(raw.len));
    tw_out_set(row, "raw_kept_bytes", tw_out_count(q->raw.len));
    tw_out_set(row, "raw_bytes", tw_out_count(q->raw_bytes));
    tw_out_set(row, "retry_of", q->retry_of == 0 ? json_null() : tw_out_count(q->retry_of));
    tw_out_set(row, "done", json_boolean(entry->is_done));
    tw_out_set(row, "done_n", entry->done_n == 0 ? json_null() : tw_out_count(entry->done_n));
    tw_out_set(row, "retries", tw_out_count(entry->retries));
    return row;
}

/* reason=, done= and the place to go on from. */
static int parse_filter(struct tw_call *call, const struct tw_page *page,
                        enum tw_problem_code *ret_reason, bool *ret_with_done, uint64_t *ret_before)
{
    struct tw_str reason = tw_http_param(call->request, "reason");
    struct tw_str done = tw_http_param(call->request, "done");
    *ret_reason = TW_PROBLEM_none;
    if (reason.len > 0 && find_reason(reason, ret_reason) != TW_OK) {
        return tw_diag_set(&call->diag, TW_EINVAL, "there is no reason '%.40s'", reason.ptr);
    }
    if (done.ptr != NULL && !tw_str_is(done, "0") && !tw_str_is(done, "1")) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'done' is 0 or 1");
    }
    *ret_with_done = tw_str_is(done, "1");
    *ret_before = 0;
    if (page->cursor.ptr != NULL &&
        (tw_parse_number(page->cursor, ret_before) != TW_OK || *ret_before == 0)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is not of this list");
    }
    return TW_OK;
}

static struct tw_str number_text(struct tw_arena *arena, uint64_t number)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return tw_arena_copy(arena, (struct tw_str){text, (size_t)len});
}

/* The number of open entries when nothing narrows the list, else unknown. */
static int open_total(struct tw_call *call, int64_t *ret_total)
{
    struct tw_store_status status;
    *ret_total = -1;
    if (tw_http_param(call->request, "reason").len > 0 ||
        tw_str_is(tw_http_param(call->request, "done"), "1") ||
        tw_http_param(call->request, "since").ptr != NULL ||
        tw_http_param(call->request, "until").ptr != NULL) {
        return TW_OK;
    }
    int rc = tw_reader_status(call->reader, &status);
    if (rc == TW_OK) {
        *ret_total = (int64_t)status.quarantine_open;
    }
    return rc;
}

int tw_api_quarantine(struct tw_call *call)
{
    static const char *const names[] = {"reason", "done",  "limit", "cursor",
                                        "since",  "until", NULL};
    struct tw_page page;
    enum tw_problem_code reason = TW_PROBLEM_none;
    bool with_done = false;
    uint64_t before = 0;
    int64_t total = -1;
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK) {
        rc = tw_call_page(call, &page);
    }
    if (rc == TW_OK) {
        rc = parse_filter(call, &page, &reason, &with_done, &before);
    }
    if (rc == TW_OK) {
        rc = open_total(call, &total);
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    struct tw_str next = TW_STR_NULL;
    bool is_end = false;
    while (!is_end && json_array_size(items) < page.limit) {
        const struct tw_quarantine_entry *entries = NULL;
        size_t count = 0;
        size_t room = page.limit - json_array_size(items);
        rc = tw_reader_quarantine(call->reader, call->arena, before, reason, with_done, room,
                                  &entries, &count);
        rc = rc == TW_OK ? tw_call_check_deadline(call) : rc;
        if (rc != TW_OK) {
            json_decref(items);
            return rc;
        }
        for (size_t i = 0; i < count; i++) {
            before = entries[i].id;
            if (tw_page_has_time(&page, entries[i].entry.received)) {
                tw_out_add(items, entry_json(call, &entries[i], LIST_RAW_BYTES));
            }
        }
        is_end = count < room;
    }
    if (!is_end) {
        next = number_text(call->arena, before);
    }
    return tw_response_json(&call->response, 200, tw_call_list(call, items, next, total));
}

int tw_api_quarantine_entry(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    struct tw_quarantine_entry entry;
    uint64_t id = 0;
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK && tw_parse_number(call->request->rest, &id) != TW_OK) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "an entry is named by its number");
    }
    if (rc == TW_OK) {
        rc = tw_reader_quarantine_entry(call->reader, call->arena, id, &entry);
        if (rc == TW_ENOTFOUND) {
            (void)tw_diag_set(&call->diag, rc, "no entry has this number, or it is past retention");
        }
    }
    if (rc != TW_OK) {
        return rc;
    }
    return tw_response_json(&call->response, 200, entry_json(call, &entry, SIZE_MAX));
}

static int bad_body(struct tw_call *call, const char *what)
{
    return tw_call_problem(call, TW_WEB_PROBLEM_BODY, "%s", what);
}

/* Is this one of {"ids":[1,2]}, {"all":true}, {"reason":"json"}? NULL when it is, else why not. */
static const char *fault_of_retry(const json_t *body)
{
    const json_t *ids = json_object_get(body, "ids");
    const json_t *all = json_object_get(body, "all");
    const json_t *reason = json_object_get(body, "reason");
    enum tw_problem_code code = TW_PROBLEM_none;
    if (!json_is_object(body) || json_object_size(body) != 1) {
        return "the body is an object with exactly one of ids, all and reason";
    }
    if (ids != NULL) {
        size_t count = json_array_size(ids);
        if (count < 1 || count > MAX_IDS) {
            return "'ids' is an array of 1 to 10000 numbers of entries";
        }
        for (size_t i = 0; i < count; i++) {
            const json_t *id = json_array_get(ids, i);
            if (!json_is_integer(id) || json_integer_value(id) < 1) {
                return "'ids' is an array of 1 to 10000 numbers of entries";
            }
        }
        return NULL;
    }
    if (all != NULL) {
        return json_is_true(all) ? NULL : "'all' is true";
    }
    struct tw_str name = {json_string_value(reason), json_string_length(reason)};
    if (!json_is_string(reason) || find_reason(name, &code) != TW_OK) {
        return "'reason' is the name of a reason of quarantine";
    }
    return NULL;
}

static int add_request(struct tw_call *call, const json_t *body)
{
    uint64_t id = 0;
    char location[64];
    char *text = json_dumps(body, JSON_COMPACT);
    if (text == NULL) {
        return TW_ENOMEM;
    }
    int rc = tw_request_add(call->web->cfg->store.dir, TW_STR_LIT("quarantine-retry"),
                            tw_str_of(text), call->principal->name, call->now, &id, &call->diag);
    free(text);
    if (rc == TW_EPERM || rc == TW_EIO) { /* the store's files, not the one who asks */
        return tw_call_problem(call, TW_WEB_PROBLEM_UNAVAILABLE, "%s", call->diag.text);
    }
    if (rc != TW_OK) {
        return rc;
    }
    (void)snprintf(location, sizeof location, "/api/v1/requests/%llu", (unsigned long long)id);
    rc = tw_response_header(&call->response, "Location", location);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *json = json_object();
    tw_out_set(json, "request", tw_out_count(id));
    tw_out_set(json, "state", json_string("waiting"));
    return tw_response_json(&call->response, 202, json);
}

int tw_api_quarantine_retry(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    json_error_t error;
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_str text = call->request->body;
    json_t *body =
        text.len == 0 ? NULL : json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES, &error);
    if (body == NULL) {
        return bad_body(call, "the body is not well-formed JSON");
    }
    const char *fault = fault_of_retry(body);
    rc = fault != NULL ? bad_body(call, fault) : add_request(call, body);
    json_decref(body);
    return rc;
}

static const char *state_name(enum tw_request_state state)
{
    switch (state) {
    case TW_REQUEST_WAITING:
        return "waiting";
    case TW_REQUEST_DONE:
        return "done";
    case TW_REQUEST_FAILED:
        return "failed";
    default:
        return "unknown";
    }
}

/* The JSON of a request's body or result; what is no JSON is shown as text. */
static json_t *parsed(struct tw_str text)
{
    json_error_t error;
    json_t *json = text.len == 0 ? NULL : json_loadb(text.ptr, text.len, JSON_DECODE_ANY, &error);
    return json == NULL ? tw_out_text(text) : json;
}

int tw_api_request(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    struct tw_request request;
    uint64_t id = 0;
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK && tw_parse_number(call->request->rest, &id) != TW_OK) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "a request is named by its number");
    }
    if (rc == TW_OK) {
        rc = tw_request_get(call->web->cfg->store.dir, call->arena, id, &request, &call->diag);
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *json = json_object();
    tw_out_set(json, "request", tw_out_count(request.id));
    tw_out_set(json, "kind", tw_out_text(request.kind));
    tw_out_set(json, "by", tw_out_text(request.actor));
    tw_out_set(json, "created", tw_out_time(request.created));
    tw_out_set(json, "state", json_string(state_name(request.state)));
    tw_out_set(json, "body", parsed(request.body));
    tw_out_set(json, "result", parsed(request.result));
    return tw_response_json(&call->response, 200, json);
}
