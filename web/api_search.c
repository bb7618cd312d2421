/* SPDX-License-Identifier: Apache-2.0
 * GET /search: objects by identifier, and why there is nothing. */
#include "config.h"
#include "web/api.h"

/* The collector commits each second, also when nothing arrives: a last commit older than this means
 * that what was sent meanwhile may not be here yet. */
#define BEHIND_S 10

static json_t *hit_json(struct tw_call *call, const struct tw_object_hit *hit)
{
    const struct tw_object_type *type =
        tw_reader_object_type_by_code(call->reader, hit->object.type);
    json_t *row = json_object();
    tw_out_set(row, "type", json_string(type == NULL ? "?" : type->name));
    tw_out_set(row, "id", tw_out_text(hit->object.id));
    tw_out_set(row, "scope", tw_api_scope(type, &hit->object));
    tw_out_set(row, "journey", tw_api_journey_id(call, &hit->object));
    tw_out_set(row, "is_linking", json_boolean(type != NULL && type->is_linking));
    tw_out_set(row, "events", tw_out_count(hit->events));
    tw_out_set(row, "first", tw_out_time(hit->first));
    tw_out_set(row, "last", tw_out_time(hit->last));
    return row;
}

/* Why a search found nothing: what the tower knows that could explain it. */
static int nothing_json(struct tw_call *call, json_t **ret_json)
{
    struct tw_store_status status;
    int rc = tw_reader_status(call->reader, &status);
    if (rc != TW_OK) {
        return rc;
    }
    int64_t age = call->now.ns - status.last_commit.ns;
    const char *reason = "never_seen";
    const char *detail = "No event that is stored carries such an identifier.";
    if (status.last_n == 0) {
        reason = "store_empty";
        detail = "No event has arrived yet.";
    } else if (status.is_full) {
        reason = "store_behind";
        detail = "The disk is full: events wait at their senders.";
    } else if (age > BEHIND_S * TW_NS_PER_S) {
        reason = "store_behind";
        detail = "The collector has not committed anything lately: it may still be on its way.";
    }
    json_t *json = json_object();
    tw_out_set(json, "reason", json_string(reason));
    tw_out_set(json, "detail", json_string(detail));
    tw_out_set(json, "retention_edge", tw_out_time(status.first_received));
    tw_out_set(json, "is_past_retention_possible", json_boolean(status.first_n > 1));
    tw_out_set(json, "quarantine_open", tw_out_count(status.quarantine_open));
    tw_out_set(json, "uncorrelated", tw_out_count(status.totals.v[TW_TOTAL_events_uncorrelated]));
    tw_out_set(json, "ignored_identifiers",
               tw_out_count(status.totals.v[TW_TOTAL_objects_ignored] +
                            status.totals.v[TW_TOTAL_objects_unscoped] +
                            status.totals.v[TW_TOTAL_objects_over_limit]));
    tw_out_set(json, "last_commit", tw_out_time(status.last_commit));
    tw_out_set(json, "watermark_age_seconds",
               status.last_commit.ns == 0 ? json_null() : tw_out_seconds(age));
    tw_out_set(json, "is_behind_possible",
               json_boolean(status.is_full || age > BEHIND_S * TW_NS_PER_S));
    *ret_json = json;
    return TW_OK;
}

/* Fill `items` with hits behind *after until the page is full; *ret_next is absent at the end. */
static int collect(struct tw_call *call, struct tw_str q, const struct tw_page *page, json_t *items,
                   struct tw_str *ret_next)
{
    struct tw_str after = page->cursor;
    bool has_more = true;
    while (has_more && json_array_size(items) < page->limit) {
        const struct tw_object_hit *hits = NULL;
        size_t count = 0;
        int rc = tw_reader_search(call->reader, call->arena, q, false, after,
                                  page->limit - json_array_size(items), &hits, &count, &has_more);
        if (rc == TW_OK) {
            rc = tw_call_check_deadline(call);
        }
        if (rc != TW_OK) {
            return rc;
        }
        for (size_t i = 0; i < count; i++) {
            if (hits[i].last.ns >= page->since.ns && hits[i].first.ns < page->until.ns) {
                tw_out_add(items, hit_json(call, &hits[i]));
            }
            after = hits[i].key;
        }
        has_more = has_more && count > 0;
    }
    *ret_next = has_more ? after : TW_STR_NULL;
    return TW_OK;
}

/* Without the blanks that come with copying and pasting. */
static struct tw_str trimmed(struct tw_str text)
{
    while (text.len > 0 && text.ptr[0] == ' ') {
        text.ptr++;
        text.len--;
    }
    while (text.len > 0 && text.ptr[text.len - 1] == ' ') {
        text.len--;
    }
    return text;
}

int tw_api_search(struct tw_call *call)
{
    static const char *const names[] = {"q", "limit", "cursor", "since", "until", NULL};
    struct tw_page page;
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK) {
        rc = tw_call_page(call, &page);
    }
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_str q = trimmed(tw_http_param(call->request, "q"));
    if (q.len == 0 || q.len > 600) {
        return tw_diag_set(&call->diag, TW_EINVAL,
                           "'q' is the identifier, or its beginning, in 1 to 600 bytes");
    }
    json_t *items = json_array();
    struct tw_str next = TW_STR_NULL;
    rc = collect(call, q, &page, items, &next);
    if (rc != TW_OK) {
        json_decref(items);
        return rc;
    }
    size_t count = json_array_size(items);
    bool is_whole = page.cursor.ptr == NULL && next.ptr == NULL;
    json_t *list = tw_call_list(call, items, next, is_whole ? (int64_t)count : -1);
    json_t *nothing = json_null();
    if (count == 0 && page.cursor.ptr == NULL) {
        rc = nothing_json(call, &nothing);
        if (rc != TW_OK) {
            json_decref(list);
            return rc;
        }
    }
    tw_out_set(list, "nothing", nothing);
    return tw_response_json(&call->response, 200, list);
}
