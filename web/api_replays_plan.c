/* SPDX-License-Identifier: Apache-2.0
 * POST /replays/plan: what would be replayed, frozen; GET /replays/plan/{plan}/items: all of it.
 * Nothing is sent. */
#include "config.h"
#include "store/plan.h"
#include "web/api_replays.h"
#include "web/replay_edit.h"

#define TEXT_MAX 255 /* bytes of a name */

/* ---- what is asked for ---- */

static int bad_body(struct tw_call *call, const char *what)
{
    return tw_diag_set(&call->diag, TW_EINVAL, "%s", what);
}

/* A text of the body that may be absent; `may_be_empty`: a label or step that there is none of. */
static int read_text(struct tw_call *call, const json_t *json, const char *key, bool may_be_empty,
                     struct tw_str *ret_text)
{
    const json_t *value = json_object_get(json, key);
    if (value == NULL || json_is_null(value)) {
        return TW_OK;
    }
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len > TEXT_MAX || (len == 0 && !may_be_empty)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'%s' is a text of at most %d bytes", key,
                           TEXT_MAX);
    }
    *ret_text = (struct tw_str){json_string_value(value), len};
    return TW_OK;
}

/* Only what it knows: a misspelt key must not be taken for an absent one. */
static int check_keys(struct tw_call *call, const char *what, json_t *json, const char *const *keys)
{
    const char *key = NULL;
    json_t *value = NULL;
    if (!json_is_object(json)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'%s' is an object", what);
    }
    json_object_foreach (json, key, value) {
        size_t i = 0;
        while (keys[i] != NULL && strcmp(key, keys[i]) != 0) {
            i++;
        }
        if (keys[i] == NULL) {
            return tw_diag_set(&call->diag, TW_EINVAL, "'%s' is no key of '%s'", key, what);
        }
    }
    return TW_OK;
}

static bool is_number(const json_t *json)
{
    return json_is_integer(json) && json_integer_value(json) >= 1;
}

static int check_list(struct tw_call *call, const char *key, const json_t *list)
{
    size_t count = json_array_size(list);
    return count >= 1 && count <= TW_PLAN_NAMED_MAX
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'%s' is an array of 1 to %d", key,
                             TW_PLAN_NAMED_MAX);
}

static int read_numbers(struct tw_call *call, const char *key, const json_t *list,
                        struct tw_plan_ask *ask)
{
    int rc = check_list(call, key, list);
    uint64_t *numbers =
        rc == TW_OK ? tw_arena_alloc(call->arena, json_array_size(list) * sizeof *numbers) : NULL;
    if (numbers == NULL) {
        return rc == TW_OK ? TW_ENOMEM : rc;
    }
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *number = json_array_get(list, i);
        if (!is_number(number)) {
            return tw_diag_set(&call->diag, TW_EINVAL, "'%s' is an array of numbers", key);
        }
        numbers[i] = (uint64_t)json_integer_value(number);
    }
    ask->numbers = numbers;
    ask->count = json_array_size(list);
    return TW_OK;
}

static int read_group(struct tw_call *call, const json_t *json, struct tw_plan_ask *ask)
{
    uint64_t *number = is_number(json) ? tw_arena_alloc(call->arena, sizeof *number) : NULL;
    if (number == NULL) {
        return is_number(json) ? TW_ENOMEM : bad_body(call, "'group' is the number of a group");
    }
    *number = (uint64_t)json_integer_value(json);
    ask->numbers = number;
    ask->count = 1;
    return TW_OK;
}

static int read_run(struct tw_call *call, json_t *json, struct tw_plan_run *run)
{
    static const char *const keys[] = {"workflow", "object", "step", NULL};
    const json_t *text = json_object_get(json, "object");
    int rc = check_keys(call, "runs", json, keys);
    rc = rc == TW_OK ? read_text(call, json, "workflow", false, &run->workflow) : rc;
    rc = rc == TW_OK ? read_text(call, json, "step", true, &run->step) : rc;
    if (rc == TW_OK && (run->workflow.ptr == NULL || !json_is_string(text))) {
        rc = bad_body(call, "each of 'runs' has a 'workflow' and an 'object' like order:4711");
    }
    if (rc == TW_OK) {
        struct tw_str object = {json_string_value(text), json_string_length(text)};
        rc = tw_journey_parse_id(call->reader, call->arena, object, &run->object);
    }
    if (rc == TW_ENOTFOUND || rc == TW_ESYNTAX) {
        rc = bad_body(call, "an 'object' is named like order:4711 or transaction:0042/88");
    }
    return rc;
}

static int read_runs(struct tw_call *call, const json_t *list, struct tw_plan_ask *ask)
{
    int rc = check_list(call, "runs", list);
    struct tw_plan_run *runs =
        rc == TW_OK ? tw_arena_zalloc(call->arena, json_array_size(list) * sizeof *runs) : NULL;
    if (runs == NULL) {
        return rc == TW_OK ? TW_ENOMEM : rc;
    }
    for (size_t i = 0; i < json_array_size(list) && rc == TW_OK; i++) {
        rc = read_run(call, json_array_get(list, i), &runs[i]);
    }
    ask->runs = runs;
    ask->count = json_array_size(list);
    return rc;
}

static int read_time(struct tw_call *call, const json_t *json, const char *key, tw_wall_t *at)
{
    struct tw_str text = TW_STR_NULL;
    int rc = read_text(call, json, key, false, &text);
    if (rc == TW_OK && text.ptr != NULL && tw_parse_time(text, call->now, at) != TW_OK) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "'%s' is a time of RFC 3339, or like -15m", key);
    }
    return rc;
}

static int read_cause(struct tw_call *call, const json_t *json, struct tw_plan_filter *filter)
{
    static const enum tw_cause causes[TW_CAUSE_COUNT] = {
#define CAUSE_ROW(name, text) [TW_CAUSE_##name] = TW_CAUSE_##name,
        TW_CAUSES(CAUSE_ROW)
#undef CAUSE_ROW
    };
    struct tw_str text = TW_STR_NULL;
    struct tw_api_words words = {.used = 0};
    int rc = read_text(call, json, "cause", false, &text);
    for (size_t i = TW_CAUSE_NONE + 1; i < TW_CAUSE_COUNT && rc == TW_OK; i++) {
        const char *word = tw_cause_name(causes[i]);
        tw_api_add_word(&words, word);
        filter->cause = tw_str_is(text, word) ? &causes[i] : filter->cause;
    }
    return rc != TW_OK || text.ptr == NULL || filter->cause != NULL
               ? rc
               : tw_diag_set(&call->diag, TW_EINVAL, "'cause' is one of: %s", words.text);
}

static int read_filter(struct tw_call *call, json_t *json, struct tw_plan_filter *filter)
{
    static const char *const keys[] = {"workflow", "step",   "system", "cause", "label",
                                       "store",    "region", "since",  "until", NULL};
    struct {
        const char *key;
        bool may_be_empty;
        struct tw_str *text;
    } texts[] = {
        {"workflow", false, &filter->workflow}, {"step", true, &filter->step},
        {"system", false, &filter->system},     {"label", true, &filter->label},
        {"store", false, &filter->store},       {"region", false, &filter->region},
    };
    int rc = check_keys(call, "filter", json, keys);
    bool has_any = false;
    for (size_t i = 0; keys[i] != NULL && rc == TW_OK; i++) {
        const json_t *value = json_object_get(json, keys[i]);
        has_any = has_any || (value != NULL && !json_is_null(value));
    }
    if (rc == TW_OK && !has_any) {
        rc = bad_body(call, "'filter' names something: everything there is is not replayed");
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && rc == TW_OK; i++) {
        rc = read_text(call, json, texts[i].key, texts[i].may_be_empty, texts[i].text);
    }
    rc = rc == TW_OK ? read_cause(call, json, filter) : rc;
    rc = rc == TW_OK ? read_time(call, json, "since", &filter->since) : rc;
    return rc == TW_OK ? read_time(call, json, "until", &filter->until) : rc;
}

/* The one of the five that is there. */
static int read_selection(struct tw_call *call, json_t *body, struct tw_plan_ask *ask)
{
    static const char *const keys[] = {
        [TW_PLAN_BY_GROUP] = "group",   [TW_PLAN_BY_FAILURES] = "failures",
        [TW_PLAN_BY_RUNS] = "runs",     [TW_PLAN_BY_EVENTS] = "events",
        [TW_PLAN_BY_FILTER] = "filter",
    };
    json_t *value = NULL;
    size_t found = 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        json_t *one = json_object_get(body, keys[i]);
        if (one != NULL && !json_is_null(one)) {
            ask->by = (enum tw_plan_by)i;
            value = one;
            found++;
        }
    }
    if (found != 1) {
        return bad_body(call, "one of 'group', 'failures', 'runs', 'events' and 'filter'");
    }
    json_t *selection = json_pack("{s:O}", keys[ask->by], value);
    char *text = selection == NULL ? NULL : json_dumps(selection, JSON_COMPACT | JSON_SORT_KEYS);
    ask->selection = tw_arena_copy(call->arena, tw_str_of(text));
    free(text);
    json_decref(selection);
    if (ask->selection.ptr == NULL) {
        return TW_ENOMEM;
    }
    switch (ask->by) {
    case TW_PLAN_BY_GROUP:
        return read_group(call, value, ask);
    case TW_PLAN_BY_RUNS:
        return read_runs(call, value, ask);
    case TW_PLAN_BY_FILTER:
        return read_filter(call, value, &ask->filter);
    case TW_PLAN_BY_FAILURES:
    case TW_PLAN_BY_EVENTS:
    default:
        return read_numbers(call, keys[ask->by], value, ask);
    }
}

static int read_override(struct tw_call *call, const json_t *body, struct tw_plan_ask *ask)
{
    const json_t *list = json_object_get(body, "override");
    bool is_list = list == NULL || json_is_null(list) || json_is_array(list);
    for (size_t i = 0; i < json_array_size(list) && is_list; i++) {
        const char *word = json_string_value(json_array_get(list, i));
        if (word != NULL && strcmp(word, "unproven") == 0) {
            ask->override |= TW_OVERRIDE_UNPROVEN;
        } else if (word != NULL && strcmp(word, "parked") == 0) {
            ask->override |= TW_OVERRIDE_PARKED;
        } else {
            is_list = false;
        }
    }
    return is_list ? TW_OK : bad_body(call, "'override' is an array of: unproven, parked");
}

/* Destinations that need no agent. */
static int set_http(struct tw_call *call, struct tw_plan_ask *ask)
{
    const struct tw_cfg *cfg = call->web->cfg;
    struct tw_str *names =
        tw_arena_zalloc(call->arena, (cfg->destination_count + 1) * sizeof *names);
    for (size_t i = 0; i < cfg->destination_count && names != NULL; i++) {
        names[ask->http_count++] = tw_str_of(cfg->destinations[i].name);
    }
    ask->http = names;
    return names == NULL ? TW_ENOMEM : TW_OK;
}

/* The workflows that move money. */
static int set_financial(struct tw_call *call, struct tw_plan_ask *ask)
{
    const struct tw_workflows *set = call->workflows;
    struct tw_str *names = tw_arena_zalloc(call->arena, (set->count + 1) * sizeof *names);
    for (size_t i = 0; i < set->count && names != NULL; i++) {
        if (set->items[i].is_financial) {
            names[ask->financial_count++] = tw_str_of(set->items[i].name);
        }
    }
    ask->financial = names;
    return names == NULL ? TW_ENOMEM : TW_OK;
}

/* ---- the answer ---- */

static void set_object(struct tw_call *call, const struct tw_plan_item *item, json_t *json)
{
    const struct tw_object_type *type =
        tw_reader_object_type_by_code(call->reader, item->object.type);
    tw_out_set(json, "failure", tw_out_count(item->failure));
    tw_out_set(json, "object", tw_api_journey_id(call, &item->object));
    tw_out_set(json, "type", json_string(type == NULL ? "?" : type->name));
    tw_out_set(json, "identifier", tw_out_text(item->object.id));
    tw_out_set(json, "step", tw_api_word(item->step));
    tw_out_set(json, "store", tw_api_word(item->store));
}

static json_t *reason_json(struct tw_call *call, enum tw_plan_verdict verdict,
                           const struct tw_plan_reason *reason)
{
    json_t *json = json_object();
    json_t *items = json_array();
    for (size_t i = 0; i < reason->item_count; i++) {
        json_t *one = json_object();
        set_object(call, &reason->items[i], one);
        tw_out_add(items, one);
    }
    tw_out_set(json, "reason", json_string(tw_plan_verdict_name(verdict)));
    tw_out_set(json, "count", tw_out_count(reason->count));
    tw_out_set(json, "overridable",
               json_boolean(verdict == TW_PLAN_UNPROVEN || verdict == TW_PLAN_PARKED));
    tw_out_set(json, "items", items);
    return json;
}

static void set_money(const struct tw_plan *plan, json_t *json)
{
    const struct tw_plan_amount *only = &plan->amounts[0];
    bool is_one = plan->amount_count == 1;
    json_t *list = json_array();
    for (size_t i = 0; i < plan->amount_count; i++) {
        const struct tw_plan_amount *amount = &plan->amounts[i];
        json_t *one = json_object();
        tw_out_set(one, "currency", json_string(amount->currency));
        tw_out_set(one, "amount", tw_api_amount(amount->amount_minor, amount->currency));
        tw_out_set(one, "amount_minor", json_integer(amount->amount_minor));
        tw_out_set(one, "count", tw_out_count(amount->count));
        tw_out_add(list, one);
    }
    tw_out_set(json, "amounts", list);
    tw_out_set(json, "more_currencies", json_boolean(plan->has_more_currencies));
    tw_out_set(json, "amount",
               is_one ? tw_api_amount(only->amount_minor, only->currency) : json_null());
    tw_out_set(json, "currency", is_one ? json_string(only->currency) : json_null());
}

static void set_defaults(const struct tw_cfg *cfg, const struct tw_plan *plan, json_t *json)
{
    uint64_t rate = (uint64_t)cfg->replay.rate;
    uint64_t canary = (uint64_t)cfg->replay.canary;
    uint64_t ms = tw_replay_estimate_ms(plan->count, plan->longest, rate, canary);
    tw_out_set(json, "rate", json_integer(cfg->replay.rate));
    tw_out_set(json, "canary", json_integer(cfg->replay.canary));
    tw_out_set(json, "stop_after_failures", json_integer(cfg->replay.stop_after_failures));
    tw_out_set(json, "stop_percent", json_integer(cfg->replay.stop_percent));
    tw_out_set(json, "proof_seconds", json_integer(cfg->replay.proof_s));
    tw_out_set(json, "estimate_seconds", tw_out_seconds((int64_t)ms * TW_NS_PER_MS));
}

/* Takes `edit`, which may be NULL. */
static json_t *plan_json(struct tw_call *call, const struct tw_plan *plan, json_t *edit)
{
    json_t *json = json_object();
    json_t *left_out = json_array();
    json_t *overridden = json_object();
    for (size_t i = TW_PLAN_HELD + 1; i < TW_PLAN_VERDICT_COUNT; i++) {
        if (plan->reasons[i].count > 0) {
            tw_out_add(left_out, reason_json(call, (enum tw_plan_verdict)i, &plan->reasons[i]));
        }
    }
    tw_out_set(overridden, "unproven", tw_out_count(plan->unproven));
    tw_out_set(overridden, "parked", tw_out_count(plan->parked));
    tw_out_set(json, "plan", json_string(plan->token));
    tw_out_set(json, "expires", tw_out_time(plan->expires));
    tw_out_set(json, "destination", tw_api_word(plan->destination));
    tw_out_set(json, "destination_kind", json_string(plan->is_http ? "http" : "agent"));
    tw_out_set(json, "agents", tw_out_count(plan->agents));
    tw_out_set(json, "count", tw_out_count(plan->count));
    tw_out_set(json, "held", tw_out_count(plan->held));
    tw_out_set(json, "asked", tw_out_count(plan->asked));
    tw_out_set(json, "unknown", tw_out_count(plan->unknown));
    set_money(plan, json);
    tw_out_set(json, "stores", tw_out_count(plan->stores));
    tw_out_set(json, "objects", tw_out_count(plan->objects));
    tw_out_set(json, "longest", tw_out_count(plan->longest));
    tw_out_set(json, "financial", tw_out_count(plan->financial));
    tw_out_set(json, "first", tw_out_time(plan->first));
    tw_out_set(json, "last", tw_out_time(plan->last));
    tw_out_set(json, "already_done", tw_out_count(plan->reasons[TW_PLAN_DONE].count));
    tw_out_set(json, "unreplayable", left_out);
    tw_out_set(json, "overridden", overridden);
    tw_out_set(json, "edit", edit == NULL ? json_null() : edit);
    tw_out_set(json, "may_edit", json_boolean(call->web->cfg->replay.may_edit));
    set_defaults(call->web->cfg, plan, json);
    return json;
}

static int answer_plan(struct tw_call *call, json_t *body)
{
    struct tw_plan plan;
    json_t *edit = NULL;
    bool is_answered = false;
    struct tw_plan_ask ask = {
        .dir = call->web->cfg->store.dir,
        .actor = call->principal->name,
        .filter = {.since = {INT64_MIN}, .until = {INT64_MAX}},
        .now = call->now,
        .deadline = call->deadline,
    };
    int rc = read_selection(call, body, &ask);
    rc = rc == TW_OK ? read_text(call, body, "destination", false, &ask.destination) : rc;
    rc = rc == TW_OK ? read_override(call, body, &ask) : rc;
    rc = rc == TW_OK ? set_financial(call, &ask) : rc;
    rc = rc == TW_OK ? set_http(call, &ask) : rc;
    rc = rc == TW_OK ? tw_replay_edit_read(call, body, &ask, &edit, &is_answered) : rc;
    if (is_answered) {
        return rc;
    }
    rc = rc == TW_OK ? tw_plan_make(&ask, call->reader, call->arena, &plan, &call->diag) : rc;
    if (rc != TW_OK) {
        json_decref(edit);
    }
    switch (rc) {
    case TW_OK:
        return tw_response_json(&call->response, 200, plan_json(call, &plan, edit));
    case TW_EINVAL:
        return tw_call_problem(call, TW_WEB_PROBLEM_BODY, "%s", call->diag.text);
    case TW_ELIMIT:
        return tw_call_problem(call, TW_WEB_PROBLEM_SET, "%s", call->diag.text);
    case TW_EPERM:
    case TW_EIO:
    case TW_EBUSY: /* the desk's file, not who asks */
        return tw_call_problem(call, TW_WEB_PROBLEM_UNAVAILABLE, "nothing was planned: %s",
                               call->diag.text);
    default:
        return rc;
    }
}

int tw_api_replay_plan(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    static const char *const keys[] = {"group",       "failures", "runs", "events", "filter",
                                       "destination", "override", "edit", NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *body = tw_api_body(call, keys);
    if (body != NULL && json_object_get(body, "reason") != NULL) {
        rc = tw_call_problem(call, TW_WEB_PROBLEM_BODY, "'reason' is no key of this body");
    } else if (body != NULL) {
        rc = answer_plan(call, body);
    }
    json_decref(body);
    return rc;
}

/* ---- its items ---- */

#define CURSOR_BYTES 8

static json_t *item_json(struct tw_call *call, const struct tw_plan_item *item)
{
    bool is_sent = item->verdict == TW_PLAN_REPLAY || item->verdict == TW_PLAN_HELD;
    json_t *json = json_object();
    json_t *overridden = json_array();
    if ((item->overridden & TW_OVERRIDE_UNPROVEN) != 0) {
        tw_out_add(overridden, json_string("unproven"));
    }
    if ((item->overridden & TW_OVERRIDE_PARKED) != 0) {
        tw_out_add(overridden, json_string("parked"));
    }
    tw_out_set(json, "seq", tw_out_count(item->seq));
    tw_out_set(json, "verdict", json_string(tw_plan_verdict_name(item->verdict)));
    tw_out_set(json, "replayed", json_boolean(is_sent));
    tw_out_set(json, "asked", json_boolean(item->is_asked));
    tw_out_set(json, "group", tw_out_count(item->group));
    tw_out_set(json, "workflow", tw_out_text(item->workflow));
    set_object(call, item, json);
    tw_out_set(json, "amount", tw_api_amount(item->amount_minor, item->currency));
    tw_out_set(json, "currency",
               item->currency[0] == '\0' ? json_null() : json_string(item->currency));
    tw_out_set(json, "financial", json_boolean(item->is_financial));
    tw_out_set(json, "event", tw_api_count_or_null(item->event_n));
    tw_out_set(json, "overridden", overridden);
    return json;
}

/* "TOKEN/items" */
static int read_path(struct tw_call *call, struct tw_str *ret_token)
{
    struct tw_str rest = call->request->rest;
    static const struct tw_str items = TW_STR_LIT("/items");
    if (rest.len != TW_PLAN_TOKEN_LEN + items.len ||
        memcmp(rest.ptr + TW_PLAN_TOKEN_LEN, items.ptr, items.len) != 0) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND,
                           "a plan is named as POST /replays/plan said, and has items");
    }
    *ret_token = (struct tw_str){rest.ptr, TW_PLAN_TOKEN_LEN};
    return TW_OK;
}

static int read_verdict(struct tw_call *call, enum tw_plan_verdict *verdict,
                        struct tw_plan_page *page)
{
    struct tw_str text = tw_http_param(call->request, "verdict");
    struct tw_api_words words = {.used = 0};
    for (size_t i = 0; i < TW_PLAN_VERDICT_COUNT; i++) {
        const char *word = tw_plan_verdict_name((enum tw_plan_verdict)i);
        tw_api_add_word(&words, word);
        if (tw_str_is(text, word)) {
            *verdict = (enum tw_plan_verdict)i;
            page->verdict = verdict;
        }
    }
    return text.ptr == NULL || page->verdict != NULL
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'verdict' is one of: %s", words.text);
}

int tw_api_replay_plan_items(struct tw_call *call)
{
    static const char *const names[] = {"verdict", "limit", "cursor", NULL};
    struct tw_plan_page page = {.now = call->now, .deadline = call->deadline};
    enum tw_plan_verdict verdict = TW_PLAN_REPLAY;
    struct tw_plan_item *items = NULL;
    size_t count = 0;
    bool has_more = false;
    struct tw_page list;
    char cursor[CURSOR_BYTES];
    struct tw_str next = TW_STR_NULL;
    int rc = read_path(call, &page.token);
    rc = rc == TW_OK ? tw_call_allow(call, names) : rc;
    rc = rc == TW_OK ? tw_call_page(call, &list) : rc;
    rc = rc == TW_OK ? read_verdict(call, &verdict, &page) : rc;
    if (rc == TW_OK && list.cursor.ptr != NULL && list.cursor.len != CURSOR_BYTES) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is none of this list");
    } else if (rc == TW_OK && list.cursor.ptr != NULL) {
        memcpy(&page.after, list.cursor.ptr, CURSOR_BYTES);
    }
    if (rc == TW_OK) {
        page.limit = list.limit;
        rc = tw_plan_items(call->web->cfg->store.dir, call->arena, &page, &items, &count, &has_more,
                           &call->diag);
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++) {
        tw_out_add(array, item_json(call, &items[i]));
    }
    if (has_more && count > 0) {
        memcpy(cursor, &items[count - 1].seq, CURSOR_BYTES);
        next = (struct tw_str){cursor, CURSOR_BYTES};
    }
    return tw_response_json(&call->response, 200, tw_call_list(call, array, next, -1));
}
