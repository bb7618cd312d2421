/* SPDX-License-Identifier: Apache-2.0
 * GET /replays/{id}/items and GET /agents: where each item of a replay is and how it came there;
 * who carries out. */
#include "config.h"
#include "web/api_replays.h"

#define CURSOR_BYTES 8

/* ---- items */

static json_t *timeline_json(const struct tw_item *item)
{
    json_t *list = json_array();
    for (size_t i = 0; i < item->line_count; i++) {
        const struct tw_item_line *line = &item->lines[i];
        json_t *one = json_object();
        tw_out_set(one, "at", tw_out_time(line->at));
        tw_out_set(one, "what", json_string(tw_item_event_name(line->what)));
        tw_out_set(one, "attempt", tw_api_count_or_null(line->attempt));
        tw_out_set(one, "event", tw_api_count_or_null(line->n));
        tw_out_set(one, "detail", tw_api_word(line->detail));
        tw_out_add(list, one);
    }
    return list;
}

static json_t *item_json(struct tw_call *call, const struct tw_item *item)
{
    const struct tw_object_type *type =
        tw_reader_object_type_by_code(call->reader, item->object.type);
    bool has_failed = item->state == TW_ITEM_FAILED_AGAIN;
    json_t *json = json_object();
    tw_out_set(json, "id", tw_out_count(item->id));
    tw_out_set(json, "seq", tw_out_count(item->seq));
    tw_out_set(json, "state", json_string(tw_item_state_name(item->state)));
    tw_out_set(json, "failure", tw_out_count(item->failure));
    tw_out_set(json, "group", tw_api_count_or_null(item->group));
    tw_out_set(json, "workflow", tw_api_word(item->workflow));
    tw_out_set(json, "step", tw_api_word(item->step));
    tw_out_set(json, "object", tw_api_journey_id(call, &item->object));
    tw_out_set(json, "type", json_string(type == NULL ? "?" : type->name));
    tw_out_set(json, "identifier", tw_out_text(item->object.id));
    tw_out_set(json, "store", tw_api_word(item->store));
    tw_out_set(json, "amount", tw_api_amount(item->amount_minor, item->currency));
    tw_out_set(json, "currency",
               item->currency[0] == '\0' ? json_null() : json_string(item->currency));
    tw_out_set(json, "financial", json_boolean(item->is_financial));
    tw_out_set(json, "asked", json_boolean(item->is_asked));
    tw_out_set(json, "replayid", tw_out_text(item->replayid));
    tw_out_set(json, "attempt", json_integer(item->attempt));
    tw_out_set(json, "idempotency_key", tw_api_word(item->key));
    tw_out_set(json, "agent", tw_api_word(item->agent));
    tw_out_set(json, "sent", tw_out_time(item->sent));
    tw_out_set(json, "answered", tw_out_time(item->answered));
    tw_out_set(json, "deadline", tw_out_time(item->deadline));
    tw_out_set(json, "ended", tw_out_time(item->ended));
    tw_out_set(json, "cause", has_failed ? json_string(tw_cause_name(item->cause)) : json_null());
    tw_out_set(json, "why", tw_api_word(item->why));
    tw_out_set(json, "event", tw_api_count_or_null(item->event_n));
    tw_out_set(json, "outcome_event", tw_api_count_or_null(item->outcome_n));
    tw_out_set(json, "previous", tw_api_item_place(&item->previous));
    tw_out_set(json, "timeline", timeline_json(item));
    return json;
}

static int read_state(struct tw_call *call, enum tw_item_state *state,
                      struct tw_item_filter *filter)
{
    struct tw_str text = tw_http_param(call->request, "state");
    struct tw_api_words words = {.used = 0};
    for (int i = 0; i < TW_ITEM_STATE_COUNT; i++) {
        const char *word = tw_item_state_name((enum tw_item_state)i);
        tw_api_add_word(&words, word);
        if (tw_str_is(text, word)) {
            *state = (enum tw_item_state)i;
            filter->state = state;
        }
    }
    return text.ptr == NULL || filter->state != NULL
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'state' is one of: %s", words.text);
}

static int read_place(struct tw_call *call, const struct tw_page *page,
                      struct tw_item_filter *filter)
{
    struct tw_str failure = tw_http_param(call->request, "failure");
    if (failure.ptr != NULL && (tw_parse_number(failure, &filter->failure) != TW_OK ||
                                filter->failure == 0 || filter->failure > INT64_MAX)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'failure' is a number");
    }
    if (page->cursor.ptr != NULL && page->cursor.len != CURSOR_BYTES) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is none of this list");
    }
    if (page->cursor.ptr != NULL) {
        memcpy(&filter->after, page->cursor.ptr, CURSOR_BYTES);
    }
    filter->limit = page->limit;
    return TW_OK;
}

int tw_api_replay_items(struct tw_call *call, uint64_t id)
{
    static const char *const names[] = {"state", "cause", "failure", "limit", "cursor", NULL};
    struct tw_item_filter filter = {.replay = id};
    enum tw_item_state state = TW_ITEM_WAITING;
    enum tw_cause cause = TW_CAUSE_NONE;
    struct tw_desk_reader *desk = NULL;
    struct tw_replay replay = {.id = 0};
    struct tw_item *items = NULL;
    size_t count = 0;
    bool has_more = false;
    struct tw_page page;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    rc = rc == TW_OK ? read_place(call, &page, &filter) : rc;
    rc = rc == TW_OK ? read_state(call, &state, &filter) : rc;
    rc = rc == TW_OK ? tw_api_cause(call, &cause, &filter.cause) : rc;
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    rc = rc == TW_OK ? tw_replay_one(desk, call->arena, id, &replay) : rc;
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(&call->diag, rc, "no replay has this number");
    }
    rc = rc == TW_OK ? tw_replay_items(desk, call->arena, &filter, &items, &count, &has_more) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    bool is_whole = filter.state == NULL && filter.cause == NULL && filter.failure == 0;
    json_t *list = json_array();
    struct tw_str next = TW_STR_NULL;
    char cursor[CURSOR_BYTES];
    for (size_t i = 0; i < count; i++) {
        tw_out_add(list, item_json(call, &items[i]));
    }
    if (has_more && count > 0) {
        memcpy(cursor, &items[count - 1].seq, CURSOR_BYTES);
        next = (struct tw_str){cursor, CURSOR_BYTES};
    }
    int64_t total = is_whole ? (int64_t)replay.count : -1;
    return tw_response_json(&call->response, 200, tw_call_list(call, list, next, total));
}

/* ---- agents */

/* A list of names; what is none is not told. */
static json_t *systems_json(struct tw_str text)
{
    json_error_t error;
    json_t *json = text.len == 0 ? NULL : json_loadb(text.ptr, text.len, 0, &error);
    if (!json_is_array(json)) {
        json_decref(json);
        json = json_array();
    }
    return json;
}

/* HTTP destinations of the configuration. A query of an address may hold a secret: it is not told.
 */
static int destinations_json(struct tw_call *call, struct tw_desk_reader *desk, json_t **ret_json)
{
    const struct tw_cfg *cfg = call->web->cfg;
    json_t *list = json_array();
    int rc = TW_OK;
    for (size_t i = 0; i < cfg->destination_count && rc == TW_OK; i++) {
        const struct tw_cfg_destination *destination = &cfg->destinations[i];
        struct tw_str url = {destination->url, strcspn(destination->url, "?")};
        uint64_t count = 0;
        rc = tw_replay_under_way(desk, tw_str_of(destination->name), &count);
        json_t *one = json_object();
        tw_out_set(one, "destination", json_string(destination->name));
        tw_out_set(one, "url", tw_out_text(url));
        tw_out_set(one, "under_way", tw_out_count(count));
        tw_out_add(list, one);
    }
    if (rc != TW_OK) {
        json_decref(list);
        return rc;
    }
    *ret_json = list;
    return TW_OK;
}

int tw_api_agents(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    struct tw_desk_reader *desk = NULL;
    const struct tw_agent *agents = NULL;
    size_t count = 0;
    json_t *destinations = NULL;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_api_desk(call, &desk) : rc;
    rc = rc == TW_OK ? tw_replay_agents(desk, call->arena, &agents, &count) : rc;
    rc = rc == TW_OK ? destinations_json(call, desk, &destinations) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < count; i++) {
        const struct tw_agent *agent = &agents[i];
        json_t *one = json_object();
        tw_out_set(one, "agent", tw_out_text(agent->name));
        tw_out_set(one, "systems", systems_json(agent->systems));
        tw_out_set(one, "capacity", json_integer(agent->capacity));
        tw_out_set(one, "state", json_string(agent->is_online ? "online" : "offline"));
        tw_out_set(one, "since", tw_out_time(agent->since));
        tw_out_set(one, "heard", tw_out_time(agent->heard));
        tw_out_set(one, "address", tw_api_word(agent->address));
        tw_out_set(one, "hellos", tw_out_count(agent->hellos));
        tw_out_set(one, "ordered", tw_out_count(agent->ordered));
        tw_out_set(one, "accepted", tw_out_count(agent->accepted));
        tw_out_set(one, "refused", tw_out_count(agent->refused));
        tw_out_set(one, "malformed", tw_out_count(agent->malformed));
        tw_out_set(one, "strange", tw_out_count(agent->strange));
        tw_out_set(one, "under_way", tw_out_count(agent->under_way));
        tw_out_add(items, one);
    }
    json_t *json = tw_call_list(call, items, TW_STR_NULL, (int64_t)count);
    tw_out_set(json, "destinations", destinations);
    return tw_response_json(&call->response, 200, json);
}
