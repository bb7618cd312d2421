/* SPDX-License-Identifier: Apache-2.0
 * GET /failures, /failures/{id}, /failures/{id}/items: what failed, in the groups of the desk. */
#include "config.h"
#include "web/api_failures.h"

#include <stdlib.h>

#include "event/text.h"

#define NEW_NS       (24 * 3600 * TW_NS_PER_S) /* a kind that was first seen so long ago is new */
#define NOTES_SHOWN  100
#define ACTS_SHOWN   100
#define AMOUNT_BYTES 32

int tw_api_desk(struct tw_call *call, struct tw_desk_reader **ret_desk)
{
    struct tw_lease *lease = call->lease;
    int rc = TW_OK;
    if (lease->desk == NULL) {
        rc = tw_desk_reader_open(call->web->cfg->store.dir, &lease->desk, &call->diag);
    }
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(&call->diag, TW_EAGAIN,
                           "there is no desk yet: the collector makes it when it starts");
    }
    if (rc == TW_OK) {
        tw_desk_reader_set_deadline(lease->desk, call->deadline);
        *ret_desk = lease->desk;
    }
    return rc;
}

/* ---- values ---- */

json_t *tw_api_word(struct tw_str text)
{
    return text.len == 0 ? json_null() : tw_out_text(text);
}

json_t *tw_api_count_or_null(uint64_t n)
{
    return n == 0 ? json_null() : tw_out_count(n);
}

json_t *tw_api_amount(int64_t minor, const char *currency)
{
    char text[AMOUNT_BYTES];
    unsigned digits = tw_currency_exponent(tw_str_of(currency));
    uint64_t unit = 1;
    if (currency[0] == '\0') {
        return json_null();
    }
    for (unsigned i = 0; i < digits; i++) {
        unit *= 10;
    }
    uint64_t value = minor < 0 ? 0 - (uint64_t)minor : (uint64_t)minor;
    const char *sign = minor < 0 ? "-" : "";
    if (digits == 0) {
        (void)snprintf(text, sizeof text, "%s%llu", sign, (unsigned long long)value);
    } else {
        (void)snprintf(text, sizeof text, "%s%llu.%0*llu", sign, (unsigned long long)(value / unit),
                       (int)digits, (unsigned long long)(value % unit));
    }
    return json_string(text);
}

static json_t *amounts_json(const struct tw_group *group)
{
    json_t *list = json_array();
    for (size_t i = 0; i < group->amount_count; i++) {
        const struct tw_group_amount *amount = &group->amounts[i];
        if (amount->currency[0] != '\0') {
            json_t *one = json_object();
            tw_out_set(one, "currency", json_string(amount->currency));
            tw_out_set(one, "amount", tw_api_amount(amount->amount_minor, amount->currency));
            tw_out_set(one, "amount_minor", json_integer(amount->amount_minor));
            tw_out_set(one, "count", tw_out_count(amount->count));
            tw_out_add(list, one);
        }
    }
    return list;
}

/* ---- groups ---- */

/* Who owns it, whose word is final, what to do: of the workflow in force, nulls without one. */
static void set_definition(struct tw_call *call, const struct tw_failure_kind *kind, json_t *json)
{
    const struct tw_workflow *workflow = NULL;
    const struct tw_wf_step *step = NULL;
    for (size_t i = 0; i < call->workflows->count && workflow == NULL; i++) {
        bool is_it = tw_str_is(kind->workflow, call->workflows->items[i].name);
        workflow = is_it ? &call->workflows->items[i] : NULL;
    }
    for (size_t i = 0; workflow != NULL && i < workflow->step_count && step == NULL; i++) {
        step = tw_str_is(kind->step, workflow->steps[i].name) ? &workflow->steps[i] : NULL;
    }
    const char *title = workflow == NULL ? NULL : workflow->title;
    const char *owner = workflow == NULL ? NULL : workflow->owner;
    const char *step_title = step == NULL ? NULL : step->title;
    const char *authority = step == NULL              ? NULL
                            : step->authority == NULL ? step->system
                                                      : step->authority;
    const char *runbook = step == NULL ? NULL : step->runbook;
    tw_out_set(json, "workflow_title", title == NULL ? json_null() : json_string(title));
    tw_out_set(json, "step_title", step_title == NULL ? json_null() : json_string(step_title));
    tw_out_set(json, "owner", owner == NULL ? json_null() : json_string(owner));
    tw_out_set(json, "authority", authority == NULL ? json_null() : json_string(authority));
    tw_out_set(json, "runbook", runbook == NULL ? json_null() : json_string(runbook));
    tw_out_set(json, "financial", json_boolean(workflow != NULL && workflow->is_financial));
}

/* The rule that gave the label, by its words: of those in force. */
static const struct tw_cause_rule *rule_of(const struct tw_call *call,
                                           const struct tw_failure_kind *kind)
{
    for (size_t i = 0; call->causes != NULL && kind->label.len > 0 && i < call->causes->count;
         i++) {
        const struct tw_cause_rule *rule = &call->causes->items[i];
        if (rule->cause == kind->cause && tw_str_is(kind->label, rule->label)) {
            return rule;
        }
    }
    return NULL;
}

/* What a rule says of owner and runbook goes before what the workflow says. */
static void set_rule(struct tw_call *call, const struct tw_failure_kind *kind, json_t *json)
{
    const struct tw_cause_rule *rule = rule_of(call, kind);
    if (rule != NULL && rule->owner != NULL) {
        tw_out_set(json, "owner", json_string(rule->owner));
    }
    if (rule != NULL && rule->runbook != NULL) {
        tw_out_set(json, "runbook", json_string(rule->runbook));
    }
    tw_out_set(json, "rule", rule == NULL ? json_null() : json_string(rule->name));
}

static json_t *group_json(struct tw_call *call, const struct tw_group *group)
{
    bool is_snoozed = group->snoozed_until.ns > call->now.ns;
    const struct tw_group_amount *only = &group->amounts[0];
    bool is_one = group->amount_count == 1 && !group->has_more_currencies;
    json_t *json = json_object();
    json_t *trend = json_array();
    for (size_t i = 0; i < TW_GROUP_TREND_HOURS; i++) {
        tw_out_add(trend, json_integer(group->trend[i]));
    }
    tw_out_set(json, "id", tw_out_count(group->id));
    tw_out_set(json, "workflow", tw_out_text(group->kind.workflow));
    tw_out_set(json, "step", tw_api_word(group->kind.step));
    tw_out_set(json, "system", tw_api_word(group->kind.system));
    tw_out_set(json, "destination", tw_api_word(group->kind.destination));
    tw_out_set(json, "cause", json_string(tw_cause_name(group->kind.cause)));
    tw_out_set(json, "label", tw_api_word(group->kind.label));
    set_definition(call, &group->kind, json);
    set_rule(call, &group->kind, json);
    tw_out_set(json, "count", tw_out_count(group->open));
    tw_out_set(json, "amount",
               is_one ? tw_api_amount(only->amount_minor, only->currency) : json_null());
    tw_out_set(json, "currency",
               is_one && only->currency[0] != '\0' ? json_string(only->currency) : json_null());
    tw_out_set(json, "amounts", amounts_json(group));
    tw_out_set(json, "more_currencies", json_boolean(group->has_more_currencies));
    tw_out_set(json, "first", tw_out_time(group->first));
    tw_out_set(json, "last", tw_out_time(group->last));
    tw_out_set(json, "stores", tw_out_count(group->stores));
    tw_out_set(json, "regions", tw_out_count(group->regions));
    tw_out_set(json, "created", tw_out_time(group->created));
    tw_out_set(json, "new", json_boolean(call->now.ns - group->created.ns < NEW_NS));
    tw_out_set(json, "state", json_string(is_snoozed ? "snoozed" : "open"));
    tw_out_set(json, "snoozed_until", is_snoozed ? tw_out_time(group->snoozed_until) : json_null());
    tw_out_set(json, "assignee", tw_api_word(group->assignee));
    tw_out_set(json, "note", tw_api_word(group->note));
    tw_out_set(json, "trend", trend);
    return json;
}

/* "open" (those nobody has put aside, as without it), "snoozed" or "all". */
static int read_state(struct tw_call *call, bool *ret_open, bool *ret_snoozed)
{
    struct tw_str text = tw_http_param(call->request, "state");
    *ret_open = text.ptr == NULL || tw_str_is(text, "open") || tw_str_is(text, "all");
    *ret_snoozed = tw_str_is(text, "snoozed") || tw_str_is(text, "all");
    return *ret_open || *ret_snoozed
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'state' is one of: open, snoozed, all");
}

int tw_api_failures(struct tw_call *call)
{
    static const char *const names[] = {"workflow", "system", "store", "region",
                                        "cause",    "state",  NULL};
    struct tw_group_filter filter = {.now = call->now,
                                     .workflow = tw_http_param(call->request, "workflow"),
                                     .system = tw_http_param(call->request, "system"),
                                     .store = tw_http_param(call->request, "store"),
                                     .region = tw_http_param(call->request, "region")};
    enum tw_cause cause = TW_CAUSE_NONE;
    struct tw_desk_reader *desk = NULL;
    const struct tw_group *groups = NULL;
    size_t count = 0;
    uint64_t snoozed = 0;
    bool wants_open = true;
    bool wants_snoozed = false;
    bool has_more = false;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_api_cause(call, &cause, &filter.cause) : rc;
    rc = rc == TW_OK ? read_state(call, &wants_open, &wants_snoozed) : rc;
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    rc = rc == TW_OK ? tw_desk_groups(desk, call->arena, &filter, &groups, &count, &has_more) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        bool is_snoozed = groups[i].snoozed_until.ns > call->now.ns;
        snoozed += is_snoozed ? 1 : 0;
        if (is_snoozed ? wants_snoozed : wants_open) {
            tw_out_add(items, group_json(call, &groups[i]));
        }
    }
    int64_t total = has_more ? -1 : (int64_t)json_array_size(items);
    json_t *json = tw_call_list(call, items, TW_STR_NULL, total);
    tw_out_set(json, "partial", json_boolean(has_more));
    tw_out_set(json, "snoozed", tw_out_count(snoozed));
    return tw_response_json(&call->response, 200, json);
}

/* ---- one group ---- */

int tw_api_numbered_path(struct tw_call *call, const char *what, uint64_t *ret_number,
                         struct tw_str *ret_rest)
{
    struct tw_str rest = call->request->rest;
    const char *slash = rest.len == 0 ? NULL : memchr(rest.ptr, '/', rest.len);
    struct tw_str number = {rest.ptr, slash == NULL ? rest.len : (size_t)(slash - rest.ptr)};
    if (tw_parse_number(number, ret_number) != TW_OK || *ret_number == 0 ||
        *ret_number > INT64_MAX) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND, "a %s is named by its number", what);
    }
    *ret_rest =
        slash == NULL ? TW_STR_LIT("") : (struct tw_str){slash + 1, rest.len - number.len - 1};
    return TW_OK;
}

static int set_parts(struct tw_call *call, struct tw_desk_reader *desk, uint64_t group,
                     json_t *json)
{
    static const char *const names[] = {
        [TW_GROUP_BY_STORE] = "by_store",
        [TW_GROUP_BY_REGION] = "by_region",
        [TW_GROUP_BY_CODE] = "by_code",
        [TW_GROUP_BY_MESSAGE] = "by_message",
    };
    int rc = TW_OK;
    for (size_t i = 0; i < sizeof names / sizeof names[0] && rc == TW_OK; i++) {
        const struct tw_group_part *parts = NULL;
        size_t count = 0;
        json_t *list = json_array();
        rc = tw_desk_parts(desk, call->arena, group, (enum tw_group_by)i, &parts, &count);
        for (size_t k = 0; k < count && rc == TW_OK; k++) {
            json_t *one = json_object();
            tw_out_set(one, "what", tw_api_word(parts[k].what));
            tw_out_set(one, "count", tw_out_count(parts[k].count));
            tw_out_add(list, one);
        }
        tw_out_set(json, names[i], list);
    }
    return rc;
}

static int set_states(struct tw_desk_reader *desk, uint64_t group, json_t *json)
{
    uint64_t counts[TW_FAILURE_STATE_COUNT];
    uint64_t archived = 0;
    int rc = tw_desk_states(desk, group, counts, &archived);
    json_t *states = json_object();
    for (int i = 0; i < TW_FAILURE_STATE_COUNT && rc == TW_OK; i++) {
        tw_out_set(states, tw_failure_state_name((enum tw_failure_state)i),
                   tw_out_count(counts[i]));
    }
    tw_out_set(states, "archived", tw_out_count(archived));
    tw_out_set(json, "states", states);
    return rc;
}

static int set_people(struct tw_call *call, struct tw_desk_reader *desk, uint64_t group,
                      json_t *json)
{
    const struct tw_desk_note *notes = NULL;
    const struct tw_desk_act *acts = NULL;
    size_t note_count = 0;
    size_t act_count = 0;
    int rc = tw_desk_notes(desk, call->arena, group, NOTES_SHOWN, &notes, &note_count);
    rc =
        rc == TW_OK ? tw_desk_history(desk, call->arena, group, ACTS_SHOWN, &acts, &act_count) : rc;
    json_t *list = json_array();
    json_t *history = json_array();
    for (size_t i = 0; i < note_count && rc == TW_OK; i++) {
        json_t *one = json_object();
        tw_out_set(one, "id", tw_out_count(notes[i].id));
        tw_out_set(one, "at", tw_out_time(notes[i].at));
        tw_out_set(one, "by", tw_out_text(notes[i].actor));
        tw_out_set(one, "text", tw_out_text(notes[i].text));
        tw_out_add(list, one);
    }
    for (size_t i = 0; i < act_count && rc == TW_OK; i++) {
        json_t *one = json_object();
        tw_out_set(one, "at", tw_out_time(acts[i].at));
        tw_out_set(one, "by", tw_out_text(acts[i].actor));
        tw_out_set(one, "action", tw_out_text(acts[i].action));
        tw_out_set(one, "detail", tw_api_word(acts[i].detail));
        tw_out_set(one, "reason", tw_api_word(acts[i].reason));
        tw_out_add(history, one);
    }
    tw_out_set(json, "notes", list);
    tw_out_set(json, "history", history);
    return rc;
}

static int answer_group(struct tw_call *call, uint64_t id)
{
    static const char *const names[] = {NULL};
    const struct tw_group_filter filter = {.id = id, .now = call->now};
    struct tw_desk_reader *desk = NULL;
    const struct tw_group *groups = NULL;
    size_t count = 0;
    bool has_more = false;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    rc = rc == TW_OK ? tw_desk_groups(desk, call->arena, &filter, &groups, &count, &has_more) : rc;
    if (rc == TW_ENOTFOUND || (rc == TW_OK && count == 0)) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND, "no group of failures has this number");
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *json = group_json(call, &groups[0]);
    rc = set_states(desk, id, json);
    rc = rc == TW_OK ? set_parts(call, desk, id, json) : rc;
    rc = rc == TW_OK ? set_people(call, desk, id, json) : rc;
    if (rc != TW_OK) {
        json_decref(json);
        return rc;
    }
    return tw_response_json(&call->response, 200, json);
}

/* ---- members ---- */

static json_t *failure_json(struct tw_call *call, const struct tw_failure *failure)
{
    const struct tw_object object = {failure->object_type, failure->object_id,
                                     failure->object_scope};
    const struct tw_object_type *type =
        tw_reader_object_type_by_code(call->reader, failure->object_type);
    bool is_open = failure->state == TW_FAILURE_OPEN;
    json_t *json = json_object();
    tw_out_set(json, "id", tw_out_count(failure->id));
    tw_out_set(json, "object", tw_api_journey_id(call, &object));
    tw_out_set(json, "type", json_string(type == NULL ? "?" : type->name));
    tw_out_set(json, "identifier", tw_out_text(failure->object_id));
    tw_out_set(json, "state", json_string(tw_failure_state_name(failure->state)));
    tw_out_set(json, "archived", json_boolean(failure->is_archived));
    tw_out_set(json, "store", tw_api_word(failure->store));
    tw_out_set(json, "region", tw_api_word(failure->region));
    tw_out_set(json, "event_type", tw_api_word(failure->type));
    tw_out_set(json, "code", tw_api_word(failure->code));
    tw_out_set(json, "message", tw_api_word(failure->message));
    tw_out_set(json, "http_status", tw_api_count_or_null(failure->http_status));
    tw_out_set(json, "amount", tw_api_amount(failure->amount_minor, failure->currency));
    tw_out_set(json, "currency",
               failure->currency[0] == '\0' ? json_null() : json_string(failure->currency));
    tw_out_set(json, "failed_event", tw_api_count_or_null(failure->failed_n));
    tw_out_set(json, "input_event", tw_api_count_or_null(failure->input_n));
    tw_out_set(json, "proof_event", tw_api_count_or_null(failure->done_n));
    tw_out_set(json, "attempts", json_integer(failure->attempts));
    tw_out_set(json, "first", tw_out_time(failure->first));
    tw_out_set(json, "last", tw_out_time(failure->last));
    tw_out_set(json, "ended", is_open ? json_null() : tw_out_time(failure->ended));
    return json;
}

json_t *tw_api_item_place(const struct tw_item_place *place)
{
    if (place->replay == 0) {
        return json_null();
    }
    json_t *json = json_object();
    tw_out_set(json, "replay", tw_out_count(place->replay));
    tw_out_set(json, "item", tw_out_count(place->item));
    tw_out_set(json, "state", json_string(tw_item_state_name(place->state)));
    return json;
}

static int set_replay(struct tw_desk_reader *desk, uint64_t failure, json_t *json)
{
    struct tw_item_place place = {.replay = 0};
    bool is_parked = false;
    int rc = tw_replay_of_failure(desk, failure, &place, &is_parked);
    tw_out_set(json, "replay", tw_api_item_place(&place));
    tw_out_set(json, "parked", json_boolean(is_parked));
    return rc;
}

int tw_api_failure_of(struct tw_call *call, struct tw_str workflow, const struct tw_object *object,
                      struct tw_str step, json_t **ret_json)
{
    struct tw_desk_reader *desk = NULL;
    struct tw_failure failure = {.id = 0};
    json_t *json = NULL;
    int rc = tw_api_desk(call, &desk);
    if (rc == TW_EAGAIN) {
        *ret_json = json_null();
        return TW_OK;
    }
    rc = rc == TW_OK ? tw_desk_failure_of(desk, call->arena, workflow, object, step, &failure) : rc;
    if (rc == TW_OK && failure.state == TW_FAILURE_OPEN) {
        json = json_object();
        tw_out_set(json, "id", tw_out_count(failure.id));
        tw_out_set(json, "group", tw_out_count(failure.group));
        tw_out_set(json, "archived", json_boolean(failure.is_archived));
        rc = set_replay(desk, failure.id, json);
    }
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        json_decref(json);
        return rc;
    }
    *ret_json = json == NULL ? json_null() : json;
    return TW_OK;
}

/* A cursor: the last one's time and number, 8 bytes each. */
#define CURSOR_BYTES 16

static int read_cursor(struct tw_call *call, const struct tw_page *page,
                       struct tw_failure_filter *filter)
{
    if (page->cursor.ptr == NULL) {
        return TW_OK;
    }
    if (page->cursor.len != CURSOR_BYTES) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is none of this list");
    }
    memcpy(&filter->after_last.ns, page->cursor.ptr, 8);
    memcpy(&filter->after_id, page->cursor.ptr + 8, 8);
    return TW_OK;
}

/* The states of failures, "archived" and "all". */
static int read_item_state(struct tw_call *call, enum tw_failure_state *state,
                           struct tw_failure_filter *filter)
{
    struct tw_str text = tw_http_param(call->request, "state");
    struct tw_api_words words = {.used = 0};
    *state = TW_FAILURE_OPEN;
    filter->state = text.ptr == NULL ? state : NULL;
    for (int i = 0; i < TW_FAILURE_STATE_COUNT; i++) {
        const char *word = tw_failure_state_name((enum tw_failure_state)i);
        tw_api_add_word(&words, word);
        if (tw_str_is(text, word)) {
            *state = (enum tw_failure_state)i;
            filter->state = state;
        }
    }
    filter->is_archived = tw_str_is(text, "archived");
    bool is_word = filter->state != NULL || filter->is_archived || tw_str_is(text, "all");
    return is_word ? TW_OK
                   : tw_diag_set(&call->diag, TW_EINVAL, "'state' is one of: %s, archived, all",
                                 words.text);
}

static int answer_items(struct tw_call *call, uint64_t group)
{
    static const char *const names[] = {"state", "store", "limit", "cursor", NULL};
    struct tw_failure_filter filter = {.group = group,
                                       .store = tw_http_param(call->request, "store")};
    enum tw_failure_state state = TW_FAILURE_OPEN;
    struct tw_desk_reader *desk = NULL;
    const struct tw_failure *failures = NULL;
    size_t count = 0;
    bool has_more = false;
    struct tw_page page;
    char cursor[CURSOR_BYTES];
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    rc = rc == TW_OK ? read_cursor(call, &page, &filter) : rc;
    rc = rc == TW_OK ? read_item_state(call, &state, &filter) : rc;
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    if (rc == TW_OK) {
        filter.limit = page.limit;
        rc = tw_desk_failures(desk, call->arena, &filter, &failures, &count, &has_more);
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    struct tw_str next = TW_STR_NULL;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        json_t *one = failure_json(call, &failures[i]);
        rc = set_replay(desk, failures[i].id, one);
        tw_out_add(items, one);
    }
    if (rc != TW_OK) {
        json_decref(items);
        return rc;
    }
    if (has_more && count > 0) {
        memcpy(cursor, &failures[count - 1].last.ns, 8);
        memcpy(cursor + 8, &failures[count - 1].id, 8);
        next = (struct tw_str){cursor, CURSOR_BYTES};
    }
    return tw_response_json(&call->response, 200, tw_call_list(call, items, next, -1));
}

int tw_api_failure(struct tw_call *call)
{
    uint64_t group = 0;
    struct tw_str rest = TW_STR_NULL;
    int rc = tw_api_numbered_path(call, "group", &group, &rest);
    if (rc != TW_OK) {
        return rc;
    }
    if (rest.len == 0) {
        return answer_group(call, group);
    }
    return tw_str_is(rest, "items")
               ? answer_items(call, group)
               : tw_diag_set(&call->diag, TW_ENOTFOUND, "a group has items, and nothing else");
}
