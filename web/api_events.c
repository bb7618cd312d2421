/* SPDX-License-Identifier: Apache-2.0
 * GET /events/{n}: one record of the journal, whole; personal data hidden unless revealed. */
#include "config.h"
#include "web/api.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/log.h"
#include "web/mask.h"

#define MAX_ECHOES 100
#define MAX_REASON 500
/* An event is at most a message of its tap (1 MiB by default); masking never makes it longer by
 * more than "***" for each value of one byte. */
#define MAX_TEXT (64u * 1024u * 1024u)

/* Whether the payload is shown as it is; a wish without the right or a reason is an error. */
static int decide_reveal(struct tw_call *call, bool *ret_reveal, bool *ret_is_answered)
{
    struct tw_str wish = tw_http_param(call->request, "reveal");
    struct tw_str reason = tw_http_param(call->request, "reason");
    *ret_reveal = false;
    *ret_is_answered = false;
    if (wish.ptr == NULL || tw_str_is(wish, "0")) {
        return TW_OK;
    }
    if (!tw_str_is(wish, "1")) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'reveal' is 0 or 1");
    }
    if (reason.len == 0 || reason.len > MAX_REASON) {
        return tw_diag_set(&call->diag, TW_EINVAL,
                           "'reveal' needs a 'reason' of 1 to %d bytes, which is kept", MAX_REASON);
    }
    if (!tw_call_may(call, TW_RIGHT_REVEAL, NULL)) {
        *ret_is_answered = true;
        return tw_call_problem(call, TW_WEB_PROBLEM_RIGHTS, "you may not reveal payloads");
    }
    *ret_reveal = true;
    return TW_OK;
}

/* The event's text, masked unless revealed, as `event` (parsed) and `text` (to the digit). */
static int add_event(struct tw_call *call, const struct tw_record *record, bool reveal, json_t *row)
{
    struct tw_buf masked;
    struct tw_str text = record->json;
    unsigned hidden = 0;
    int rc = TW_OK;
    tw_buf_init(&masked, MAX_TEXT);
    if (text.ptr == NULL || text.len == 0) {
        tw_out_set(row, "event", json_null());
        tw_out_set(row, "text", json_null());
        goto out;
    }
    if (!reveal) {
        rc = tw_mask_event(text, &masked, &hidden);
        text = (struct tw_str){masked.data, masked.len};
    }
    if (rc == TW_ELIMIT || rc == TW_ESYNTAX) {
        /* Not a thing that the decoder accepts: what cannot be masked is not shown. */
        rc = tw_diag_set(&call->diag, TW_EDAMAGED, "the event's JSON cannot be read");
    }
    if (rc != TW_OK) {
        goto out;
    }
    json_error_t error;
    json_t *event = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, &error);
    bool is_exact = event != NULL;
    if (event == NULL) { /* a number of more than 64 bits; one that fits no double (1e999): null */
        event = json_loadb(text.ptr, text.len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
    }
    tw_out_set(row, "event", event == NULL ? json_null() : event);
    tw_out_set(row, "is_exact", json_boolean(is_exact));
    tw_out_set(row, "text", tw_out_text(text));
out:
    tw_out_set(row, "masked", json_boolean(!reveal));
    tw_out_set(row, "hidden_values", json_integer(hidden));
    tw_buf_fini(&masked);
    return rc;
}

static int add_echoes(struct tw_call *call, const struct tw_stored *stored, json_t *row)
{
    const uint64_t *ns = NULL;
    size_t count = 0;
    int rc = TW_OK;
    if (stored->duplicates + stored->conflicts > 0) {
        rc = tw_reader_echoes(call->reader, call->arena, stored->record.n, MAX_ECHOES, &ns, &count);
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *echoes = json_array();
    for (size_t i = 0; i < count; i++) {
        tw_out_add(echoes, tw_out_count(ns[i]));
    }
    tw_out_set(row, "echoes", echoes);
    return TW_OK;
}

int tw_api_event(struct tw_call *call)
{
    static const char *const names[] = {"reveal", "reason", NULL};
    uint64_t n = 0;
    struct tw_stored stored;
    struct tw_event_view view = {.json = NULL};
    json_t *row = NULL;
    bool reveal = false;
    bool is_answered = false;
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK) {
        rc = decide_reveal(call, &reveal, &is_answered);
    }
    if (rc != TW_OK || is_answered) {
        return rc;
    }
    if (tw_parse_number(call->request->rest, &n) != TW_OK || n == 0) {
        return tw_diag_set(&call->diag, TW_EINVAL, "an event is named by its number, from 1");
    }
    rc = tw_reader_record(call->reader, call->arena, n, &stored);
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(&call->diag, rc, "no event has this number, or it is past retention");
    }
    if (rc == TW_OK) {
        rc = tw_event_view_init(&view, &stored.record);
    }
    if (rc != TW_OK) {
        return rc;
    }
    row = tw_event_row(call, &stored, &view);
    tw_out_set(row, "payload_expired", json_boolean(stored.payload_expired));
    rc = add_echoes(call, &stored, row);
    if (rc == TW_OK) {
        rc = add_event(call, &stored.record, reveal, row);
    }
    tw_event_view_fini(&view);
    if (rc != TW_OK) {
        json_decref(row);
        return rc;
    }
    if (reveal) {
        tw_log(TW_LOG_PAYLOAD_REVEALED_EVENT, TW_F_INT("n", n),
               TW_F_STR("by", call->principal->name),
               TW_F_STR("reason", tw_http_param(call->request, "reason")));
    }
    return tw_response_json(&call->response, 200, row);
}

/* ---- GET /events: the newest first */

struct listing {
    struct tw_call *call;
    json_t *items; /* oldest first; turned round at the end */
    uint64_t end;  /* records from this number on do not belong to the page */
};

static int add_row(void *context, const struct tw_stored *stored)
{
    struct listing *listing = context;
    struct tw_event_view view;
    if (stored->record.n >= listing->end) {
        return TW_ECLOSED;
    }
    int rc = tw_event_view_init(&view, &stored->record);
    if (rc == TW_OK) {
        tw_out_add(listing->items, tw_event_row(listing->call, stored, &view));
    }
    tw_event_view_fini(&view);
    return rc;
}

/* The records of [from, end), newest first. */
static int list_records(struct tw_call *call, uint64_t from, uint64_t end, json_t **ret_items)
{
    struct listing listing = {.call = call, .items = json_array(), .end = end};
    int rc = tw_reader_scan(call->reader, from, (tw_wall_t){INT64_MIN}, (tw_wall_t){INT64_MAX},
                            NULL, add_row, &listing);
    if (rc != TW_OK && rc != TW_ECLOSED) {
        json_decref(listing.items);
        return rc;
    }
    json_t *items = json_array();
    for (size_t i = json_array_size(listing.items); i > 0; i--) {
        tw_out_add(items, json_incref(json_array_get(listing.items, i - 1)));
    }
    json_decref(listing.items);
    *ret_items = items;
    return TW_OK;
}

int tw_api_events(struct tw_call *call)
{
    static const char *const names[] = {"limit", "cursor", NULL};
    struct tw_page page;
    struct tw_store_status status;
    uint64_t end = 0;
    json_t *items = NULL;
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK) {
        rc = tw_call_page(call, &page);
    }
    if (rc == TW_OK && page.cursor.ptr != NULL && tw_parse_number(page.cursor, &end) != TW_OK) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is not of this list");
    }
    if (rc == TW_OK) {
        rc = tw_reader_status(call->reader, &status);
    }
    if (rc != TW_OK) {
        return rc;
    }
    if (page.cursor.ptr == NULL || end > status.last_n + 1) {
        end = status.last_n + 1;
    }
    uint64_t from = end > page.limit ? end - page.limit : 1;
    from = from < status.first_n ? status.first_n : from;
    struct tw_str next = TW_STR_NULL;
    if (from > status.first_n) {
        char text[24];
        int len = snprintf(text, sizeof text, "%" PRIu64, from);
        next = tw_arena_copy(call->arena, (struct tw_str){text, (size_t)len});
    }
    rc = list_records(call, from, end, &items);
    if (rc != TW_OK) {
        return rc;
    }
    int64_t total = (int64_t)(status.last_n + 1 - status.first_n);
    return tw_response_json(&call->response, 200, tw_call_list(call, items, next, total));
}
