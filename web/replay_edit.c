/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/replay_edit.h"

#include <stdlib.h>

#include "event/decode.h"
#include "replay/edit.h"
#include "web/api_failures.h"
#include "web/mask.h"

/* The failure that the plan asks for. */
static int find_failure(struct tw_call *call, const struct tw_plan_ask *ask,
                        struct tw_failure *ret_failure)
{
    struct tw_desk_reader *desk = NULL;
    if (ask->by != TW_PLAN_BY_FAILURES || ask->count != 1) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'edit' goes with 'failures', one of them");
    }
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_desk_failure(desk, call->arena, ask->numbers[0], ret_failure) : rc;
    return rc == TW_ENOTFOUND ? tw_diag_set(&call->diag, TW_EINVAL, "there is no such failure")
                              : rc;
}

/* The event that would be sent, parsed (owned). */
static int read_event(struct tw_call *call, const struct tw_failure *failure, json_t **ret_event)
{
    struct tw_stored stored = {.duplicates = 0};
    uint64_t n = failure->input_n != 0 ? failure->input_n : failure->failed_n;
    int rc = n == 0 ? TW_ENOTFOUND : tw_reader_record(call->reader, call->arena, n, &stored);
    if (rc == TW_ENOTFOUND || (rc == TW_OK && stored.payload_expired)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "there is no event any more to be repaired");
    }
    if (rc != TW_OK) {
        return rc;
    }
    *ret_event = json_loadb(stored.record.json.ptr, stored.record.json.len, 0, NULL);
    return *ret_event != NULL
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL,
                             "this event cannot be repaired: it has numbers of no usual size");
}

/* ---- would intake take it? ---- */

struct verdict {
    struct tw_call *call;
    bool is_bad;
};

static void on_event(void *context, const struct tw_event *event)
{
    (void)context;
    (void)event;
}

static void on_problem(void *context, const struct tw_problem *problem)
{
    struct verdict *verdict = context;
    if (!verdict->is_bad) {
        verdict->is_bad = true;
        (void)tw_diag_set(&verdict->call->diag, TW_EINVAL, "it would be no valid event: %.*s",
                          (int)problem->detail.len, problem->detail.ptr);
    }
}

static int check_event(struct tw_call *call, const json_t *event)
{
    struct verdict verdict = {call, false};
    const struct tw_decode_sink sink = {&verdict, on_event, on_problem};
    struct tw_decoder *decoder = NULL;
    char *text = json_dumps(event, JSON_COMPACT);
    int rc = text == NULL ? TW_ENOMEM : tw_decoder_new(call->web->cfg, call->arena, &decoder);
    if (rc == TW_OK) {
        const struct tw_message message = {.received = call->now, .body = tw_str_of(text)};
        tw_decoder_run(decoder, &message, &sink);
    }
    tw_decoder_destroy(&decoder);
    free(text);
    return rc == TW_OK && verdict.is_bad ? TW_EINVAL : rc;
}

/* ---- what is shown ---- */

/* The value as the masked event would show it under its last name (owned); NULL: no memory. */
static json_t *masked(const char *path, json_t *value)
{
    unsigned hidden = 0;
    struct tw_buf out;
    const char *name = strrchr(path, '/') + 1; /* a checked path has a slash */
    json_t *event = json_pack("{s:{s:O}}", "data", name, value);
    char *text = event == NULL ? NULL : json_dumps(event, JSON_COMPACT);
    json_t *shown = NULL;
    tw_buf_init(&out, (size_t)1 << 30);
    if (text != NULL && tw_mask_event(tw_str_of(text), &out, &hidden) == TW_OK) {
        shown = json_loadb(out.data, out.len, 0, NULL);
    }
    value = json_incref(json_object_get(json_object_get(shown, "data"), name));
    json_decref(shown);
    json_decref(event);
    free(text);
    tw_buf_fini(&out);
    return value;
}

/* What was there is shown as everywhere: personal data is not. */
static void mask_diff(json_t *diff)
{
    size_t index = 0;
    json_t *one = NULL;
    json_array_foreach (diff, index, one) {
        json_t *before = json_object_get(one, "before");
        if (before != NULL) {
            const char *path = json_string_value(json_object_get(one, "path"));
            json_t *shown = masked(path, before);
            tw_out_set(one, "before", shown == NULL ? json_string("***") : shown);
        }
    }
}

/* ---- the whole ---- */

static bool is_financial(const struct tw_plan_ask *ask, const struct tw_failure *failure)
{
    for (size_t i = 0; i < ask->financial_count; i++) {
        if (tw_str_equal(ask->financial[i], failure->kind.workflow)) {
            return true;
        }
    }
    return false;
}

/* What the edit makes of the event, and whether that may be sent. */
static int compare(struct tw_call *call, const json_t *edit, const struct tw_failure *failure,
                   json_t **ret_diff)
{
    json_t *event = NULL;
    json_t *made = NULL;
    json_t *diff = NULL;
    int rc = read_event(call, failure, &event);
    rc = rc == TW_OK ? tw_edit_apply(edit, event, &made, &diff, &call->diag) : rc;
    rc = rc == TW_OK ? check_event(call, made) : rc;
    json_decref(made);
    json_decref(event);
    if (rc != TW_OK) {
        json_decref(diff);
        return rc;
    }
    *ret_diff = diff;
    return TW_OK;
}

static int read_edit(struct tw_call *call, const json_t *edit, struct tw_plan_ask *ask,
                     json_t **ret_json)
{
    const struct tw_cfg *cfg = call->web->cfg;
    struct tw_failure failure = {.id = 0};
    json_t *diff = NULL;
    int rc = tw_edit_check(edit, cfg, &call->diag);
    rc = rc == TW_OK ? find_failure(call, ask, &failure) : rc;
    rc = rc == TW_OK ? compare(call, edit, &failure, &diff) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    bool has_money = tw_edit_has_money(edit, &cfg->replay.money_words);
    bool is_of_money = is_financial(ask, &failure);
    char *text = json_dumps(edit, JSON_COMPACT);
    json_t *json = json_object();
    ask->edit = text == NULL ? TW_STR_NULL : tw_arena_copy(call->arena, tw_str_of(text));
    ask->needs_approval = has_money || is_of_money;
    free(text);
    mask_diff(diff);
    tw_out_set(json, "diff", diff);
    tw_out_set(json, "money", json_boolean(has_money));
    tw_out_set(json, "financial", json_boolean(is_of_money));
    tw_out_set(json, "needs_approval", json_boolean(ask->needs_approval));
    tw_out_set(json, "schema", json_null()); /* none is known of any event yet */
    *ret_json = json;
    return ask->edit.ptr == NULL ? TW_ENOMEM : TW_OK;
}

int tw_replay_edit_read(struct tw_call *call, const json_t *body, struct tw_plan_ask *ask,
                        json_t **ret_json, bool *ret_is_answered)
{
    const json_t *edit = json_object_get(body, "edit");
    if (edit == NULL || json_is_null(edit)) {
        return TW_OK;
    }
    bool is_on = call->web->cfg->replay.may_edit;
    if (!is_on || !tw_call_may(call, TW_RIGHT_EDIT, NULL) ||
        !tw_call_may(call, TW_RIGHT_REVEAL, NULL)) {
        *ret_is_answered = true;
        return tw_call_problem(call, TW_WEB_PROBLEM_RIGHTS, "%s",
                               is_on ? "who repairs an event sees its payload: you may not"
                                     : "events are not repaired here: `replay.edit` is off");
    }
    return read_edit(call, edit, ask, ret_json);
}
