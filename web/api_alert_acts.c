/* SPDX-License-Identifier: Apache-2.0
 * POST and DELETE /alerts/{fingerprint}/ack, POST /alerts/ack: somebody has it in hand. The right
 * is asked for first; the row of the audit and the deed are one transaction. */
#include "config.h"
#include "web/api_alerts.h"

#define ACK_ONCE_MAX 1000 /* fingerprints that are named one by one */

struct tw_alert_command tw_api_alert_command(const struct tw_call *call)
{
    return (struct tw_alert_command){
        .dir = call->web->cfg->store.dir,
        .actor = call->principal->name,
        .now = call->now,
    };
}

int tw_api_command_error(struct tw_call *call, int rc)
{
    switch (rc) {
    case TW_EINVAL:
    case TW_ESYNTAX:
        return tw_call_problem(call, TW_WEB_PROBLEM_BODY, "%s", call->diag.text);
    case TW_ECLOSED:
        return tw_call_problem(call, TW_WEB_PROBLEM_STATE, "%s", call->diag.text);
    case TW_ELIMIT:
        return tw_call_problem(call, TW_WEB_PROBLEM_TOO_MANY, "%s", call->diag.text);
    case TW_EPERM:
    case TW_EIO:
    case TW_EBUSY:
    case TW_ENOSPACE: /* the desk's file, not who asks */
        return tw_call_problem(call, TW_WEB_PROBLEM_UNAVAILABLE, "nothing was done: %s",
                               call->diag.text);
    default:
        return rc;
    }
}

/* The open one, for what it is now: *ret_is_acked. TW_ENOTFOUND, TW_ECLOSED. */
static int find_open(struct tw_call *call, uint64_t fingerprint, bool *ret_is_acked)
{
    struct tw_desk_reader *desk = NULL;
    const struct tw_alert_view *views = NULL;
    size_t count = 0;
    bool has_more = false;
    const struct tw_alert_filter filter = {.states = ~0u,
                                           .severities = ~0u,
                                           .fingerprint = &fingerprint,
                                           .since = {INT64_MIN},
                                           .until = {INT64_MAX},
                                           .limit = 1};
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_desk_alerts(desk, call->arena, &filter, &views, &count, &has_more) : rc;
    if (rc == TW_OK && count == 0) {
        rc = tw_diag_set(&call->diag, TW_ENOTFOUND, "there is no alert with this fingerprint");
    } else if (rc == TW_OK && views[0].row.ended.ns != 0) {
        rc = tw_diag_set(&call->diag, TW_ECLOSED, "it is resolved: nothing is to be done");
    } else if (rc == TW_OK) {
        *ret_is_acked = views[0].acked.ns != 0;
    }
    return rc;
}

static int acknowledge(struct tw_call *call, uint64_t fingerprint, const json_t *body)
{
    bool is_delete = call->request->method == TW_METHOD_DELETE;
    bool is_acked = false;
    uint64_t changed = 0;
    const struct tw_alert_command command = tw_api_alert_command(call);
    int rc = find_open(call, fingerprint, &is_acked);
    if (rc == TW_OK) {
        rc = tw_alerts_ack(&command, !is_delete, tw_api_body_text(body, "comment"), &fingerprint, 1,
                           &changed, &call->diag);
    }
    return rc == TW_OK ? tw_api_alert_answer(call, fingerprint, 0, 200)
                       : tw_api_command_error(call, rc);
}

/* "0123456789abcdef/ack" */
static int read_path(struct tw_call *call, uint64_t *ret_fingerprint)
{
    struct tw_str rest = call->request->rest;
    static const struct tw_str ending = TW_STR_LIT("/ack");
    bool is_ack = rest.len == TW_FINGERPRINT_HEX_LEN + ending.len &&
                  memcmp(rest.ptr + TW_FINGERPRINT_HEX_LEN, ending.ptr, ending.len) == 0;
    struct tw_str hex = {rest.ptr, TW_FINGERPRINT_HEX_LEN};
    return is_ack && tw_fingerprint_read(hex, ret_fingerprint) == TW_OK
               ? TW_OK
               : tw_diag_set(&call->diag, TW_ENOTFOUND,
                             "what can be done with an alert: {fingerprint}/ack");
}

int tw_api_alert_ack(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const keys[] = {"comment", NULL};
    uint64_t fingerprint = 0;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? read_path(call, &fingerprint) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    if (call->request->method == TW_METHOD_DELETE) {
        return acknowledge(call, fingerprint, NULL);
    }
    json_t *body = tw_api_body(call, keys);
    rc = body == NULL ? TW_OK : acknowledge(call, fingerprint, body);
    json_decref(body);
    return rc;
}

/* ---- several at once ---- */

static int named_ones(struct tw_call *call, const json_t *list, uint64_t **ret_items,
                      size_t *ret_count)
{
    size_t count = json_array_size(list);
    uint64_t *items = tw_arena_alloc(call->arena, (count + 1) * sizeof *items);
    if (items == NULL) {
        return TW_ENOMEM;
    }
    if (count == 0 || count > ACK_ONCE_MAX) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'fingerprints' is a list of 1 to %d",
                           ACK_ONCE_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(list, i);
        struct tw_str hex = {json_string_value(one), json_string_length(one)};
        if (hex.ptr == NULL || tw_fingerprint_read(hex, &items[i]) != TW_OK) {
            return tw_diag_set(&call->diag, TW_EINVAL,
                               "'fingerprints' is a list of texts of 16 hexadecimal digits");
        }
    }
    *ret_items = items;
    *ret_count = count;
    return TW_OK;
}

/* Those of a group of GET /alerts/groups that are open now. */
static int ones_of_group(struct tw_call *call, struct tw_str hex, uint64_t **ret_items,
                         size_t *ret_count)
{
    struct tw_desk_reader *desk = NULL;
    const struct tw_alert_view *views = NULL;
    uint64_t key = 0;
    size_t count = 0;
    size_t kept = 0;
    if (tw_fingerprint_read(hex, &key) != TW_OK) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'group' is the key of a group");
    }
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_desk_alerts_open(desk, call->arena, &views, &count) : rc;
    uint64_t *items = rc == TW_OK ? tw_arena_alloc(call->arena, (count + 1) * sizeof *items) : NULL;
    rc = rc == TW_OK && items == NULL ? TW_ENOMEM : rc;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_label group_items[TW_GROUP_LABELS_MAX];
        struct tw_labels labels = {NULL, 0};
        rc = tw_labels_parse(call->arena, views[i].row.labels, &labels) == TW_ENOMEM ? TW_ENOMEM
                                                                                     : TW_OK;
        struct tw_labels group = tw_api_group_labels(&labels, group_items);
        if (rc == TW_OK && tw_labels_fingerprint(&group) == key) {
            items[kept++] = views[i].row.fingerprint;
        }
    }
    if (rc == TW_OK && kept == 0) {
        rc = tw_diag_set(&call->diag, TW_ECLOSED, "nothing of this group is open any more");
    }
    *ret_items = items;
    *ret_count = kept;
    return rc;
}

static int acknowledge_all(struct tw_call *call, const json_t *body)
{
    const json_t *list = json_object_get(body, "fingerprints");
    struct tw_str group = tw_api_body_text(body, "group");
    const struct tw_alert_command command = tw_api_alert_command(call);
    uint64_t *items = NULL;
    uint64_t changed = 0;
    size_t count = 0;
    int rc = TW_OK;
    if ((list == NULL) == (group.ptr == NULL)) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "either 'group' or 'fingerprints'");
    } else {
        rc = list != NULL ? named_ones(call, list, &items, &count)
                          : ones_of_group(call, group, &items, &count);
    }
    if (rc == TW_OK) {
        rc = tw_alerts_ack(&command, true, tw_api_body_text(body, "comment"), items, count,
                           &changed, &call->diag);
    }
    if (rc != TW_OK) {
        return tw_api_command_error(call, rc);
    }
    json_t *json = json_object();
    tw_out_set(json, "changed", tw_out_count(changed));
    return tw_response_json(&call->response, 200, json);
}

int tw_api_alerts_ack(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const keys[] = {"comment", "fingerprints", "group", NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *body = tw_api_body(call, keys);
    rc = body == NULL ? TW_OK : acknowledge_all(call, body);
    json_decref(body);
    return rc;
}
