/* SPDX-License-Identifier: Apache-2.0
 * GET /runs: the runs that are in trouble, were, or have waited long. */
#include "config.h"
#include "web/api.h"

/* An array that tracking wrote; empty where it wrote none. */
static json_t *list_json(struct tw_str text)
{
    json_t *json = NULL;
    if (text.len > 0 && tw_api_parse(text, &json) == TW_ENOMEM) {
        return NULL;
    }
    if (!json_is_array(json)) {
        json_decref(json);
        json = json_array();
    }
    return json;
}

/* What the store has by number, in words. */
static json_t *troubles_json(struct tw_str text)
{
    json_t *list = list_json(text);
    size_t i = 0;
    json_t *one = NULL;
    json_array_foreach (list, i, one) {
        const json_t *state = json_object_get(one, "state");
        int64_t cause = json_integer_value(json_object_get(one, "cause"));
        bool is_cause = cause > TW_CAUSE_NONE && cause < TW_CAUSE_COUNT;
        int64_t number = json_is_integer(state) ? json_integer_value(state) : -1;
        bool is_state = number >= 0 && number <= TW_STEP_SKIPPED;
        tw_out_set(one, "state",
                   is_state ? json_string(tw_step_state_name((enum tw_step_state)number))
                            : json_null());
        tw_out_set(one, "cause",
                   is_cause ? json_string(tw_cause_name((enum tw_cause)cause)) : json_null());
    }
    return list;
}

/* Absent and empty: null. */
static json_t *word_json(struct tw_str text)
{
    return text.len == 0 ? json_null() : tw_out_text(text);
}

static json_t *number_json(uint64_t n)
{
    return n == 0 ? json_null() : tw_out_count(n);
}

json_t *tw_api_run_row(struct tw_call *call, const struct tw_run_row *row)
{
    const struct tw_object object = {row->object_type, row->object_id, row->object_scope};
    const struct tw_object_type *type =
        tw_reader_object_type_by_code(call->reader, row->object_type);
    bool is_open = row->finished.ns == 0;
    bool has_amount = row->currency[0] != '\0';
    json_t *json = json_object();
    tw_out_set(json, "workflow", tw_out_text(row->workflow));
    tw_out_set(json, "version", tw_api_version(row->version));
    tw_out_set(json, "object", tw_api_journey_id(call, &object));
    tw_out_set(json, "type", json_string(type == NULL ? "?" : type->name));
    tw_out_set(json, "identifier", tw_out_text(row->object_id));
    tw_out_set(json, "scope", tw_api_scope(type, &object));
    tw_out_set(json, "state", json_string(tw_run_state_name(row->state)));
    tw_out_set(json, "cause",
               row->cause == TW_CAUSE_NONE ? json_null() : json_string(tw_cause_name(row->cause)));
    tw_out_set(json, "code", word_json(row->code));
    tw_out_set(json, "step", word_json(row->step));
    tw_out_set(json, "system", word_json(row->system));
    tw_out_set(json, "destination", word_json(row->destination));
    tw_out_set(json, "store", word_json(row->store));
    tw_out_set(json, "region", word_json(row->region));
    tw_out_set(json, "started", tw_out_time(row->started));
    tw_out_set(json, "since", tw_out_time(row->since));
    tw_out_set(json, "waiting_seconds",
               is_open && row->since.ns != 0 ? tw_out_seconds(call->now.ns - row->since.ns)
                                             : json_null());
    tw_out_set(json, "due", tw_out_time(row->due));
    tw_out_set(json, "finished", tw_out_time(row->finished));
    tw_out_set(json, "updated", tw_out_time(row->updated));
    tw_out_set(json, "amount_minor", has_amount ? json_integer(row->amount_minor) : json_null());
    tw_out_set(json, "currency", has_amount ? json_string(row->currency) : json_null());
    tw_out_set(json, "attempts", json_integer(row->attempts));
    tw_out_set(json, "first_event", number_json(row->first_n));
    tw_out_set(json, "last_event", number_json(row->last_n));
    tw_out_set(json, "expected", json_integer(row->expected));
    tw_out_set(json, "answered", json_integer(row->answered));
    tw_out_set(json, "missing", list_json(row->missing));
    tw_out_set(json, "troubles", troubles_json(row->troubles));
    return json;
}

static int read_state(struct tw_call *call, enum tw_run_state *state, struct tw_run_filter *filter)
{
    struct tw_str text = tw_http_param(call->request, "state");
    struct tw_api_words words = {.used = 0};
    for (int i = 0; i <= TW_RUN_IS_COMPENSATED && text.ptr != NULL; i++) {
        const char *word = tw_run_state_name((enum tw_run_state)i);
        tw_api_add_word(&words, word);
        if (tw_str_is(text, word)) {
            *state = (enum tw_run_state)i;
            filter->state = state;
        }
    }
    return text.ptr == NULL || filter->state != NULL
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'state' is one of: %s", words.text);
}

int tw_api_cause(struct tw_call *call, enum tw_cause *cause, const enum tw_cause **ret_cause)
{
    struct tw_str text = tw_http_param(call->request, "cause");
    struct tw_api_words words = {.used = 0};
    *ret_cause = NULL;
    for (int i = TW_CAUSE_NONE + 1; i < TW_CAUSE_COUNT && text.ptr != NULL; i++) {
        const char *word = tw_cause_name((enum tw_cause)i);
        tw_api_add_word(&words, word);
        if (tw_str_is(text, word)) {
            *cause = (enum tw_cause)i;
            *ret_cause = cause;
        }
    }
    return text.ptr == NULL || *ret_cause != NULL
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'cause' is one of: %s", words.text);
}

static int read_open(struct tw_call *call, struct tw_run_filter *filter)
{
    struct tw_str text = tw_http_param(call->request, "open");
    filter->open_only = tw_str_is(text, "1");
    return text.ptr == NULL || filter->open_only || tw_str_is(text, "0")
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'open' is 1 (not finished) or 0 (all)");
}

static int read_filter(struct tw_call *call, const struct tw_page *page,
                       struct tw_run_filter *filter)
{
    const struct tw_http_request *request = call->request;
    filter->workflow = tw_http_param(request, "workflow");
    filter->step = tw_http_param(request, "step");
    filter->system = tw_http_param(request, "system");
    filter->store = tw_http_param(request, "store");
    filter->region = tw_http_param(request, "region");
    filter->since = (tw_wall_t){page->since.ns == INT64_MIN ? 0 : page->since.ns};
    filter->until = (tw_wall_t){page->until.ns == INT64_MAX ? 0 : page->until.ns};
    filter->after = page->cursor;
    filter->limit = page->limit;
    return read_open(call, filter);
}

/* Nothing has this workflow or step. A definition that is no longer in force may have runs still,
 * so that a name is refused only when neither a definition nor a run has it. */
static int check_names(struct tw_call *call, const struct tw_run_filter *filter)
{
    struct tw_api_words words = {.used = 0};
    struct tw_api_words steps = {.used = 0};
    const struct tw_workflow *workflow = NULL;
    for (size_t i = 0; i < call->workflows->count && filter->workflow.ptr != NULL; i++) {
        if (tw_str_is(filter->workflow, call->workflows->items[i].name)) {
            workflow = &call->workflows->items[i];
        }
        tw_api_add_word(&words, call->workflows->items[i].name);
    }
    if (filter->workflow.ptr != NULL && workflow == NULL) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'workflow' is one of: %s", words.text);
    }
    if (filter->step.ptr == NULL || workflow == NULL) {
        return TW_OK;
    }
    for (size_t i = 0; i < workflow->step_count; i++) {
        if (tw_str_is(filter->step, workflow->steps[i].name)) {
            return TW_OK;
        }
        tw_api_add_word(&steps, workflow->steps[i].name);
    }
    return tw_diag_set(&call->diag, TW_EINVAL, "'step' of %s is one of: %s", workflow->name,
                       steps.text);
}

int tw_api_runs(struct tw_call *call)
{
    static const char *const names[] = {"workflow", "state",  "step", "cause", "store",
                                        "system",   "region", "open", "limit", "since",
                                        "cursor",   "until",  NULL};
    struct tw_page page;
    struct tw_run_filter filter = {.limit = 0};
    enum tw_run_state state = TW_RUN_IS_RUNNING;
    enum tw_cause cause = TW_CAUSE_NONE;
    const struct tw_run_hit *hits = NULL;
    size_t count = 0;
    bool has_more = false;
    uint64_t total = 0;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    rc = rc == TW_OK ? read_filter(call, &page, &filter) : rc;
    rc = rc == TW_OK ? read_state(call, &state, &filter) : rc;
    rc = rc == TW_OK ? tw_api_cause(call, &cause, &filter.cause) : rc;
    if (rc == TW_OK) {
        rc = tw_reader_runs(call->reader, call->arena, &filter, &hits, &count, &has_more, &total);
        if (rc == TW_EINVAL || rc == TW_ESYNTAX) {
            (void)tw_diag_set(&call->diag, rc, "'cursor' is not of this list");
        }
    }
    if (rc == TW_OK && total == 0) {
        rc = check_names(call, &filter);
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        tw_out_add(items, tw_api_run_row(call, &hits[i].row));
    }
    struct tw_str next = has_more && count > 0 ? hits[count - 1].key : TW_STR_NULL;
    return tw_response_json(&call->response, 200, tw_call_list(call, items, next, (int64_t)total));
}
