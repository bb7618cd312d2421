/* SPDX-License-Identifier: Apache-2.0
 * GET /replays, /replays/{id}: what was replayed, counted by what was proven of it. */
#include "config.h"
#include "web/api_replays.h"

#define ACTS_SHOWN 100

/* ---- values */

/* What it does now; only of what runs. */
static void set_phase(const struct tw_replay *replay, json_t *json)
{
    bool is_running = replay->state == TW_REPLAY_RUNNING && replay->finished.ns == 0;
    tw_out_set(json, "phase", is_running ? tw_api_word(replay->phase) : json_null());
    tw_out_set(json, "phase_detail", is_running ? tw_api_word(replay->phase_detail) : json_null());
}

static json_t *counts_json(const struct tw_replay *replay)
{
    json_t *json = json_object();
    for (int i = 0; i < TW_ITEM_STATE_COUNT; i++) {
        tw_out_set(json, tw_item_state_name((enum tw_item_state)i),
                   tw_out_count(replay->counts[i]));
    }
    return json;
}

static json_t *money_json(const struct tw_replay_money *money)
{
    json_t *json = json_object();
    tw_out_set(json, "currency", json_string(money->currency));
    tw_out_set(json, "amount", tw_api_amount(money->amount_minor, money->currency));
    tw_out_set(json, "amount_minor", json_integer(money->amount_minor));
    tw_out_set(json, "count", tw_out_count(money->count));
    return json;
}

static int64_t sum_of(int64_t a, int64_t b)
{
    int64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return b < 0 ? INT64_MIN : INT64_MAX; /* amounts that nobody has */
    }
    return sum;
}

/* By currency, whatever became of the items. */
static json_t *amounts_json(const struct tw_replay *replay)
{
    struct tw_replay_money sums[TW_REPLAY_MONEY_MAX];
    size_t count = 0;
    json_t *list = json_array();
    for (size_t i = 0; i < replay->money_count; i++) {
        const struct tw_replay_money *money = &replay->money[i];
        size_t k = 0;
        while (k < count && strcmp(sums[k].currency, money->currency) != 0) {
            k++;
        }
        if (k == count) {
            sums[count] = *money;
            count++;
        } else {
            sums[k].count += money->count;
            sums[k].amount_minor = sum_of(sums[k].amount_minor, money->amount_minor);
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (sums[i].currency[0] != '\0') {
            tw_out_add(list, money_json(&sums[i]));
        }
    }
    return list;
}

static json_t *replay_json(const struct tw_replay *replay)
{
    json_t *json = json_object();
    tw_out_set(json, "id", tw_out_count(replay->id));
    tw_out_set(json, "state", json_string(tw_replay_state_name(replay->state)));
    tw_out_set(json, "why", tw_api_word(replay->why));
    set_phase(replay, json);
    tw_out_set(json, "created", tw_out_time(replay->created));
    tw_out_set(json, "changed", tw_out_time(replay->changed));
    tw_out_set(json, "by", tw_out_text(replay->actor));
    tw_out_set(json, "reason", tw_out_text(replay->reason));
    tw_out_set(json, "destination", tw_out_text(replay->destination));
    tw_out_set(json, "count", tw_out_count(replay->count));
    tw_out_set(json, "counts", counts_json(replay));
    tw_out_set(json, "amounts", amounts_json(replay));
    tw_out_set(json, "finished", tw_out_time(replay->finished));
    return json;
}

/* ---- the list */

#define CURSOR_BYTES 8

static int read_state(struct tw_call *call, enum tw_replay_state *state,
                      struct tw_replay_filter *filter)
{
    struct tw_str text = tw_http_param(call->request, "state");
    struct tw_api_words words = {.used = 0};
    for (int i = 0; i < TW_REPLAY_STATE_COUNT; i++) {
        const char *word = tw_replay_state_name((enum tw_replay_state)i);
        tw_api_add_word(&words, word);
        if (tw_str_is(text, word)) {
            *state = (enum tw_replay_state)i;
            filter->state = state;
        }
    }
    return text.ptr == NULL || filter->state != NULL
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'state' is one of: %s", words.text);
}

static int read_number(struct tw_call *call, const char *name, uint64_t *number)
{
    struct tw_str text = tw_http_param(call->request, name);
    if (text.ptr != NULL &&
        (tw_parse_number(text, number) != TW_OK || *number == 0 || *number > INT64_MAX)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'%s' is a number", name);
    }
    return TW_OK;
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

int tw_api_replays(struct tw_call *call)
{
    static const char *const names[] = {"state", "destination", "group", "failure",
                                        "limit", "cursor",      NULL};
    struct tw_replay_filter filter = {.destination = tw_http_param(call->request, "destination")};
    enum tw_replay_state state = TW_REPLAY_RUNNING;
    struct tw_desk_reader *desk = NULL;
    const struct tw_replay *replays = NULL;
    size_t count = 0;
    bool has_more = false;
    struct tw_page page;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    rc = rc == TW_OK ? read_cursor(call, &page, &filter.before) : rc;
    rc = rc == TW_OK ? read_state(call, &state, &filter) : rc;
    rc = rc == TW_OK ? read_number(call, "group", &filter.group) : rc;
    rc = rc == TW_OK ? read_number(call, "failure", &filter.failure) : rc;
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    if (rc == TW_OK) {
        filter.limit = page.limit;
        rc = tw_replay_list(desk, call->arena, &filter, &replays, &count, &has_more);
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    struct tw_str next = TW_STR_NULL;
    char cursor[CURSOR_BYTES];
    for (size_t i = 0; i < count; i++) {
        tw_out_add(items, replay_json(&replays[i]));
    }
    if (has_more && count > 0) {
        memcpy(cursor, &replays[count - 1].id, CURSOR_BYTES);
        next = (struct tw_str){cursor, CURSOR_BYTES};
    }
    return tw_response_json(&call->response, 200, tw_call_list(call, items, next, -1));
}

/* ---- one */

static int set_parts(struct tw_call *call, struct tw_desk_reader *desk, uint64_t id, json_t *json)
{
    static const char *const names[] = {
        [TW_REPLAY_BY_CAUSE] = "by_cause",
        [TW_REPLAY_BY_REFUSAL] = "refusals",
        [TW_REPLAY_BY_CANCELLATION] = "cancellations",
        [TW_REPLAY_BY_UNPROVEN] = "unproven",
    };
    int rc = TW_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && rc == TW_OK; i++) {
        const struct tw_replay_part *parts = NULL;
        size_t count = 0;
        json_t *list = json_array();
        rc = tw_replay_parts(desk, call->arena, id, (enum tw_replay_by)i, &parts, &count);
        for (size_t k = 0; k < count && rc == TW_OK; k++) {
            json_t *one = json_object();
            if (i == TW_REPLAY_BY_CAUSE) {
                tw_out_set(one, "cause", json_string(tw_cause_name(parts[k].cause)));
            } else {
                tw_out_set(one, "what", tw_api_word(parts[k].what));
            }
            tw_out_set(one, "count", tw_out_count(parts[k].count));
            tw_out_add(list, one);
        }
        tw_out_set(json, names[i], list);
    }
    return rc;
}

static int set_history(struct tw_call *call, struct tw_desk_reader *desk, uint64_t id, json_t *json)
{
    const struct tw_desk_act *acts = NULL;
    size_t count = 0;
    json_t *list = json_array();
    int rc = tw_replay_history(desk, call->arena, id, ACTS_SHOWN, &acts, &count);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        json_t *one = json_object();
        tw_out_set(one, "at", tw_out_time(acts[i].at));
        tw_out_set(one, "by", tw_out_text(acts[i].actor));
        tw_out_set(one, "action", tw_out_text(acts[i].action));
        tw_out_set(one, "detail", tw_api_word(acts[i].detail));
        tw_out_set(one, "reason", tw_api_word(acts[i].reason));
        tw_out_add(list, one);
    }
    tw_out_set(json, "history", list);
    return rc;
}

static void set_money(const struct tw_replay *replay, json_t *json)
{
    json_t *list = json_array();
    for (size_t i = 0; i < replay->money_count; i++) {
        if (replay->money[i].currency[0] != '\0') {
            json_t *one = money_json(&replay->money[i]);
            tw_out_set(one, "state", json_string(tw_item_state_name(replay->money[i].state)));
            tw_out_add(list, one);
        }
    }
    tw_out_set(json, "money", list);
}

/* What was asked for, as it was asked for. */
static json_t *selection_json(struct tw_str text)
{
    json_error_t error;
    json_t *json = text.len == 0 ? NULL : json_loadb(text.ptr, text.len, 0, &error);
    return json == NULL ? json_null() : json;
}

/* How long what is waiting takes at its rate; null: nothing is, or it does not run. */
static json_t *estimate_json(const struct tw_replay *replay)
{
    uint64_t waiting = replay->counts[TW_ITEM_WAITING];
    if (waiting == 0 || replay->rate == 0 || replay->state != TW_REPLAY_RUNNING) {
        return json_null();
    }
    return tw_out_count((waiting + replay->rate - 1) / replay->rate);
}

/* Which fields were changed: their values are of a payload. */
static json_t *edit_json(struct tw_str text)
{
    size_t index = 0;
    json_t *op = NULL;
    json_t *paths = text.len == 0 ? json_null() : json_array();
    json_t *edit = text.len == 0 ? NULL : json_loadb(text.ptr, text.len, 0, NULL);
    json_array_foreach (edit, index, op) {
        json_t *one = json_object();
        tw_out_set(one, "path", json_incref(json_object_get(op, "path")));
        tw_out_set(one, "removed", json_boolean(json_object_get(op, "remove") != NULL));
        tw_out_add(paths, one);
    }
    json_decref(edit);
    return paths;
}

int tw_api_replay_json(struct tw_call *call, uint64_t id, const struct tw_replay_left *left,
                       json_t **ret_json)
{
    struct tw_desk_reader *desk = NULL;
    struct tw_replay replay = {.id = 0};
    struct tw_replay_left now = {0, 0};
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_replay_one(desk, call->arena, id, &replay) : rc;
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(&call->diag, rc, "no replay has this number");
    }
    rc = rc == TW_OK && left == NULL ? tw_replay_left(desk, id, &now) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    now = left == NULL ? now : *left;
    json_t *json = replay_json(&replay);
    tw_out_set(json, "selection", selection_json(replay.selection));
    tw_out_set(json, "override_reason", tw_api_word(replay.override_reason));
    tw_out_set(json, "edit", edit_json(replay.edit));
    tw_out_set(json, "needs_approval", json_boolean(replay.needs_approval));
    tw_out_set(json, "approver", tw_api_word(replay.approver));
    tw_out_set(json, "approved", tw_out_time(replay.approved));
    tw_out_set(json, "begun", tw_out_time(replay.begun));
    tw_out_set(json, "full", tw_out_time(replay.full));
    tw_out_set(json, "rate", json_integer(replay.rate));
    tw_out_set(json, "canary", json_integer(replay.canary));
    tw_out_set(json, "stop_after_failures", json_integer(replay.stop_failures));
    tw_out_set(json, "stop_percent", json_integer(replay.stop_percent));
    tw_out_set(json, "proof_seconds", json_integer(replay.proof_s));
    tw_out_set(json, "left", tw_out_count(now.left));
    tw_out_set(json, "not_left", tw_out_count(now.not_left));
    tw_out_set(json, "estimate_seconds", estimate_json(&replay));
    set_money(&replay, json);
    rc = set_parts(call, desk, id, json);
    rc = rc == TW_OK ? set_history(call, desk, id, json) : rc;
    if (rc != TW_OK) {
        json_decref(json);
        return rc;
    }
    *ret_json = json;
    return TW_OK;
}

int tw_api_replay(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    uint64_t id = 0;
    struct tw_str rest = TW_STR_NULL;
    json_t *json = NULL;
    int rc = tw_api_numbered_path(call, "replay", &id, &rest);
    if (rc == TW_OK && tw_str_is(rest, "items")) {
        return tw_api_replay_items(call, id);
    }
    if (rc == TW_OK && rest.len > 0) {
        rc = tw_diag_set(&call->diag, TW_ENOTFOUND, "a replay has items, and nothing else");
    }
    rc = rc == TW_OK ? tw_call_allow(call, names) : rc;
    rc = rc == TW_OK ? tw_api_replay_json(call, id, NULL, &json) : rc;
    return rc == TW_OK ? tw_response_json(&call->response, 200, json) : rc;
}
