/* SPDX-License-Identifier: Apache-2.0
 * GET /audit: who did what, when, from where and why; and whether it is what was written. */
#include "config.h"
#include "store/audit_read.h"
#include "web/api_failures.h"

#include <stdlib.h>

json_t *tw_api_audit_state(struct tw_call *call, int *ret_rc)
{
    struct tw_audit_state state = {.rows = 0};
    struct tw_desk_reader *desk = NULL;
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_audit_read_state(desk, call->arena, &state) : rc;
    *ret_rc = rc;
    if (rc != TW_OK) {
        return json_null();
    }
    const char *word = state.checked.ns == 0  ? "unknown"
                       : state.fault.len == 0 ? "whole"
                                              : "broken";
    json_t *json = json_object();
    tw_out_set(json, "state", json_string(word));
    tw_out_set(json, "fault", tw_api_word(state.fault));
    tw_out_set(json, "detail", tw_api_word(state.detail));
    tw_out_set(json, "checked", tw_out_time(state.checked));
    tw_out_set(json, "last", tw_out_count(state.rows));
    return json;
}

static json_t *text_or_null(struct tw_str text)
{
    return text.ptr == NULL ? json_null() : tw_out_text(text);
}

static json_t *entry_json(const struct tw_audit_entry *entry)
{
    const struct tw_audit_row *row = &entry->row;
    json_t *json = json_object();
    tw_out_set(json, "id", tw_out_count(row->id));
    tw_out_set(json, "at", tw_out_time(row->at));
    tw_out_set(json, "actor", tw_out_text(row->actor));
    tw_out_set(json, "kind", text_or_null(row->kind));
    tw_out_set(json, "address", text_or_null(row->address));
    tw_out_set(json, "action", tw_out_text(row->action));
    tw_out_set(json, "subject", tw_out_text(row->subject));
    tw_out_set(json, "detail", text_or_null(row->detail));
    tw_out_set(json, "reason", text_or_null(row->reason));
    tw_out_set(json, "outcome", tw_out_text(row->outcome));
    tw_out_set(json, "hash", entry->hash[0] == '\0' ? json_null() : json_string(entry->hash));
    return json;
}

/* An empty parameter is none. */
static struct tw_str param(const struct tw_call *call, const char *name)
{
    struct tw_str text = tw_http_param(call->request, name);
    return text.len == 0 ? TW_STR_NULL : text;
}

static int read_cursor(struct tw_call *call, const struct tw_page *page, uint64_t *ret_before)
{
    if (page->cursor.ptr == NULL) {
        return TW_OK;
    }
    return tw_parse_number(page->cursor, ret_before) == TW_OK && *ret_before > 0 &&
                   *ret_before <= INT64_MAX
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is not one of this list");
}

int tw_api_audit(struct tw_call *call)
{
    static const char *const names[] = {"actor", "action", "subject", "outcome", "since",
                                        "until", "limit",  "cursor",  NULL};
    struct tw_audit_filter filter = {.actor = param(call, "actor"),
                                     .action = param(call, "action"),
                                     .subject = param(call, "subject"),
                                     .outcome = param(call, "outcome")};
    struct tw_desk_reader *desk = NULL;
    const struct tw_audit_entry *entries = NULL;
    struct tw_str next = TW_STR_NULL;
    struct tw_page page;
    uint64_t before = 0;
    size_t count = 0;
    char number[24];
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    rc = rc == TW_OK ? read_cursor(call, &page, &before) : rc;
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    if (rc == TW_OK) {
        filter.since = page.since;
        filter.until = page.until;
        rc = tw_audit_list(desk, call->arena, &filter, before, page.limit + 1, &entries, &count);
    }
    json_t *state = rc == TW_OK ? tw_api_audit_state(call, &rc) : NULL;
    if (rc != TW_OK) {
        json_decref(state);
        return rc;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < count && i < page.limit; i++) {
        tw_out_add(items, entry_json(&entries[i]));
    }
    if (count > page.limit) {
        int len = snprintf(number, sizeof number, "%llu",
                           (unsigned long long)entries[page.limit - 1].row.id);
        next = (struct tw_str){number, (size_t)len};
    }
    json_t *json = tw_call_list(call, items, next, -1);
    tw_out_set(json, "chain", state);
    return tw_response_json(&call->response, 200, json);
}
