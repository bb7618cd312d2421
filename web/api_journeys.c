/* SPDX-License-Identifier: Apache-2.0
 * GET /journeys and GET /journeys/{id}. */
#include "config.h"
#include "web/api.h"

#include <stdlib.h>

#define MAX_STORES 1000 /* named by one journey; a journey through more says so by its objects */
#define MAX_FOUND  5000 /* objects that one query of /journeys may name: one for each store */
#define AT_ONCE    500

static void journey_limits(const struct tw_cfg *cfg, struct tw_journey_limits *limits)
{
    *limits = (struct tw_journey_limits){
        .max_hops = (uint32_t)cfg->correlate.max_hops,
        .max_links = (uint32_t)cfg->correlate.max_links,
        .max_events = (uint32_t)cfg->correlate.max_journey_events,
    };
}

/* The identifiers of the journey's objects by type, as in the rows of its events. */
static json_t *objects_by_type(struct tw_call *call, const struct tw_journey *journey)
{
    struct tw_object *objects =
        tw_arena_alloc(call->arena, journey->object_count * sizeof *objects + 1);
    if (objects == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < journey->object_count; i++) {
        objects[i] = journey->objects[i].object;
    }
    struct tw_record record = {.objects = objects, .object_count = (uint32_t)journey->object_count};
    struct tw_event_view none = {.json = NULL};
    return tw_event_objects(call, &record, &none);
}

/* Distinct stores of the events, in order of time. */
static int stores_of(struct tw_event_views *views, json_t **ret_stores)
{
    json_t *seen = json_object();
    json_t *stores = json_array();
    int rc = TW_OK;
    for (size_t i = 0; i < views->journey->event_count && rc == TW_OK; i++) {
        const struct tw_event_view *view = NULL;
        rc = tw_event_views_at(views, i, &view);
        if (rc == TW_OK && view->store.len > 0 && json_array_size(stores) < MAX_STORES) {
            json_t *text = tw_out_text(view->store);
            const char *key = json_string_value(text);
            if (key != NULL && json_object_get(seen, key) == NULL) {
                tw_out_set(seen, key, json_true());
                tw_out_add(stores, json_incref(text));
            }
            json_decref(text);
        }
    }
    json_decref(seen);
    if (rc != TW_OK) {
        json_decref(stores);
        return rc;
    }
    *ret_stores = stores;
    return TW_OK;
}

/* What the list and the whole have in common. */
static int summary_json(struct tw_call *call, struct tw_event_views *views, json_t **ret_json)
{
    const struct tw_journey *journey = views->journey;
    json_t *stores = NULL;
    int rc = stores_of(views, &stores);
    if (rc != TW_OK) {
        return rc;
    }
    const struct tw_object_type *type =
        tw_reader_object_type_by_code(call->reader, journey->object.type);
    json_t *json = json_object();
    tw_out_set(json, "id", tw_api_journey_id(call, &journey->object));
    tw_out_set(json, "type", json_string(type == NULL ? "?" : type->name));
    tw_out_set(json, "identifier", tw_out_text(journey->object.id));
    tw_out_set(json, "scope", tw_api_scope(type, &journey->object));
    tw_out_set(json, "objects", objects_by_type(call, journey));
    tw_out_set(json, "stores", stores);
    tw_out_set(json, "first", tw_out_time(journey->first));
    tw_out_set(json, "last", tw_out_time(journey->last));
    tw_out_set(json, "event_count", tw_out_count(journey->event_count));
    tw_out_set(json, "duplicates", tw_out_count(journey->duplicates));
    tw_out_set(json, "conflicts", tw_out_count(journey->conflicts));
    tw_out_set(json, "duplicate_effects", tw_out_count(journey->duplicate_effects));
    tw_out_set(json, "partial", json_boolean(journey->is_partial));
    *ret_json = json;
    return TW_OK;
}

static json_t *related_json(struct tw_call *call, const struct tw_journey *journey)
{
    json_t *related = json_array();
    for (size_t i = 1; i < journey->object_count; i++) {
        const struct tw_journey_object *object = &journey->objects[i];
        const struct tw_object_type *type =
            tw_reader_object_type_by_code(call->reader, object->object.type);
        json_t *row = json_object();
        tw_out_set(row, "id", tw_api_journey_id(call, &object->object));
        tw_out_set(row, "type", json_string(type == NULL ? "?" : type->name));
        tw_out_set(row, "identifier", tw_out_text(object->object.id));
        tw_out_set(row, "scope", tw_api_scope(type, &object->object));
        tw_out_set(row, "hops", json_integer(object->hops));
        tw_out_set(row, "links", tw_out_count(object->links));
        tw_out_set(row, "is_hub", json_boolean(object->is_hub));
        tw_out_set(row, "is_same_type", json_boolean(object->is_same_type));
        tw_out_add(related, row);
    }
    return related;
}

static json_t *links_json(struct tw_call *call, const struct tw_journey *journey)
{
    json_t *links = json_array();
    for (size_t i = 0; i < journey->link_count; i++) {
        const struct tw_journey_link *link = &journey->links[i];
        json_t *pair = json_array();
        tw_out_add(pair, tw_api_journey_id(call, &journey->objects[link->a].object));
        tw_out_add(pair, tw_api_journey_id(call, &journey->objects[link->b].object));
        tw_out_add(links, pair);
    }
    return links;
}

static json_t *hubs_json(struct tw_call *call, const struct tw_journey *journey)
{
    json_t *hubs = json_array();
    for (size_t i = 0; i < journey->object_count; i++) {
        if (journey->objects[i].is_hub) {
            tw_out_add(hubs, tw_api_journey_id(call, &journey->objects[i].object));
        }
    }
    return hubs;
}

/* The cursor of a timeline: the last event shown, and its time for when it is no longer there. */
struct position {
    int64_t time_ns;
    uint64_t n;
};

/* Where the page begins: behind the cursor's event, whatever orders events of one time. */
static int page_start(struct tw_call *call, const struct tw_journey *journey,
                      const struct tw_page *page, size_t *ret_start)
{
    struct position at;
    *ret_start = 0;
    if (page->cursor.ptr == NULL) {
        return TW_OK;
    }
    if (page->cursor.len != sizeof at) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is not of this list");
    }
    memcpy(&at, page->cursor.ptr, sizeof at);
    size_t start = journey->event_count;
    for (size_t i = 0; i < journey->event_count; i++) {
        const struct tw_record *record = &journey->events[i].record;
        if (record->n == at.n) {
            *ret_start = i + 1;
            return TW_OK;
        }
        if (record->time.ns > at.time_ns && i < start) {
            start = i;
        }
    }
    *ret_start = start;
    return TW_OK;
}

/* The events of one page; *ret_next is absent when they are the last. */
static int events_page(struct tw_call *call, struct tw_event_views *views,
                       const struct tw_page *page, json_t *events, struct tw_str *ret_next)
{
    const struct tw_journey *journey = views->journey;
    size_t start = 0;
    struct position *last = tw_arena_zalloc(call->arena, sizeof *last);
    int rc = last == NULL ? TW_ENOMEM : page_start(call, journey, page, &start);
    *ret_next = TW_STR_NULL;
    for (size_t i = start; i < journey->event_count && rc == TW_OK; i++) {
        const struct tw_stored *stored = &journey->events[i];
        if (!tw_page_has_time(page, stored->record.time)) {
            continue;
        }
        if (json_array_size(events) == page->limit) {
            *ret_next = (struct tw_str){(const char *)last, sizeof *last};
            return TW_OK;
        }
        const struct tw_event_view *view = NULL;
        rc = tw_event_views_at(views, i, &view);
        if (rc == TW_OK) {
            tw_out_add(events, tw_event_row(call, stored, view));
            *last = (struct position){stored->record.time.ns, stored->record.n};
            rc = tw_call_check_deadline(call);
        }
    }
    return rc;
}

/* The object of the path. A '%' in the path is decoded once, as in every URL; whoever put the id
 * there without encoding its '%' is understood too. */
static int find_object(struct tw_call *call, struct tw_object *ret_object)
{
    int rc = tw_journey_parse_id(call->reader, call->arena, call->request->rest, ret_object);
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(&call->diag, rc, "there is no such object type");
    }
    if (rc == TW_ESYNTAX) {
        return tw_diag_set(&call->diag, rc,
                           "a journey is named like order:4711 or transaction:0042/88");
    }
    return rc;
}

/* Everything of a journey. */
static int whole_json(struct tw_call *call, struct tw_event_views *views,
                      const struct tw_journey_limits *limits, const struct tw_page *page,
                      json_t **ret_json)
{
    const struct tw_journey *journey = views->journey;
    json_t *json = NULL;
    json_t *runs = NULL;
    bool is_partial = false;
    int rc = summary_json(call, views, &json);
    rc = rc == TW_OK ? tw_api_journey_runs(call, views, limits, true, &runs, &is_partial) : rc;
    if (rc != TW_OK) {
        json_decref(json);
        return rc;
    }
    json_t *events = json_array();
    struct tw_str next = TW_STR_NULL;
    tw_out_set(json, "runs", runs);
    tw_out_set(json, "runs_partial", json_boolean(is_partial));
    tw_out_set(json, "related", related_json(call, journey));
    tw_out_set(json, "links", links_json(call, journey));
    tw_out_set(json, "hubs", hubs_json(call, journey));
    rc = events_page(call, views, page, events, &next);
    tw_out_set(json, "events", events);
    if (rc != TW_OK) {
        json_decref(json);
        return rc;
    }
    struct tw_str cursor = next.ptr == NULL ? next : tw_base64url(call->arena, next);
    tw_out_set(json, "next", tw_out_text(cursor));
    tw_out_set(json, "total", tw_out_count(journey->event_count));
    *ret_json = json;
    return TW_OK;
}

int tw_api_journey(struct tw_call *call)
{
    static const char *const names[] = {"limit", "cursor", "since", "until", NULL};
    struct tw_page page;
    struct tw_object object;
    struct tw_journey journey;
    struct tw_journey_limits limits;
    struct tw_event_views views;
    json_t *json = NULL;
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK) {
        rc = tw_call_page(call, &page);
    }
    if (rc == TW_OK) {
        rc = find_object(call, &object);
    }
    if (rc == TW_OK) {
        journey_limits(call->web->cfg, &limits);
        rc = tw_journey_read(call->reader, call->arena, &object, &limits, &journey);
        if (rc == TW_ENOTFOUND) {
            (void)tw_diag_set(&call->diag, rc, "no stored event carries this object");
        }
    }
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_event_views_init(&views, call, &journey);
    rc = rc == TW_OK ? whole_json(call, &views, &limits, &page, &json) : rc;
    tw_event_views_fini(&views);
    return rc == TW_OK ? tw_response_json(&call->response, 200, json) : rc;
}

/* The scope that the query gives an object type; absent when a part of it is not there. */
static struct tw_str scope_of_query(struct tw_call *call, const struct tw_cfg_object *object)
{
    const struct tw_cfg *cfg = call->web->cfg;
    char *joined = tw_arena_alloc(call->arena, TW_HTTP_MAX_URL);
    size_t len = 0;
    if (joined == NULL) {
        return TW_STR_NULL;
    }
    for (size_t i = 0; i < object->scope.count; i++) {
        struct tw_str value = tw_http_param(call->request, object->scope.items[i]);
        for (size_t j = 0; j < cfg->object_count && value.ptr == NULL; j++) {
            if (strcmp(cfg->objects[j].attribute, object->scope.items[i]) == 0) {
                value = tw_http_param(call->request, cfg->objects[j].type);
            }
        }
        if (value.len == 0 || len + value.len + 1 > TW_HTTP_MAX_URL) {
            return TW_STR_NULL;
        }
        if (i > 0) {
            joined[len++] = '/';
        }
        memcpy(joined + len, value.ptr, value.len);
        len += value.len;
    }
    return (struct tw_str){joined, len};
}

struct found {
    struct tw_str *ids; /* journey ids, in the arena */
    size_t count;
};

static int add_found(struct tw_call *call, struct found *found, const struct tw_object *object)
{
    if (found->count == MAX_FOUND) {
        return tw_diag_set(&call->diag, TW_EINVAL,
                           "more than %d objects have this identifier; name the store", MAX_FOUND);
    }
    struct tw_str id = tw_journey_format_id(call->reader, call->arena, object);
    if (id.ptr == NULL) {
        return TW_ENOMEM;
    }
    found->ids[found->count++] = id;
    return TW_OK;
}

/* The objects of this type and identifier in whatever scope. */
static int find_in_all_scopes(struct tw_call *call, const struct tw_object_type *type,
                              struct tw_str id, struct found *found)
{
    struct tw_str after = TW_STR_NULL;
    bool has_more = true;
    while (has_more) {
        const struct tw_object_hit *hits = NULL;
        size_t count = 0;
        int rc = tw_reader_search(call->reader, call->arena, id, true, after, AT_ONCE, &hits,
                                  &count, &has_more);
        for (size_t i = 0; i < count && rc == TW_OK; i++) {
            if (hits[i].object.type == type->code && tw_str_equal(hits[i].object.id, id)) {
                rc = add_found(call, found, &hits[i].object);
            }
            after = hits[i].key;
        }
        if (rc != TW_OK) {
            return rc;
        }
        has_more = has_more && count > 0;
    }
    return TW_OK;
}

/* The objects that one parameter of the query names. */
static int find_named(struct tw_call *call, const struct tw_cfg_object *object, struct tw_str id,
                      struct found *found)
{
    const struct tw_object_type *type =
        tw_reader_object_type(call->reader, tw_str_of(object->type));
    if (type == NULL || id.len == 0 || id.len > 255) {
        return TW_OK; /* no event carried such a one */
    }
    struct tw_object named = {.type = type->code, .id = id, .scope = TW_STR_LIT("")};
    if (object->scope.count > 0) {
        named.scope = scope_of_query(call, object);
        if (named.scope.ptr == NULL) {
            return find_in_all_scopes(call, type, id, found);
        }
    }
    struct tw_object_hit hit;
    int rc = tw_reader_object(call->reader, call->arena, &named, &hit);
    if (rc == TW_ENOTFOUND) {
        return TW_OK;
    }
    return rc == TW_OK ? add_found(call, found, &named) : rc;
}

static int compare_ids(const void *a, const void *b)
{
    return tw_str_compare(*(const struct tw_str *)a, *(const struct tw_str *)b);
}

/* All journeys that the query names, in order of their ids. */
static int find_all(struct tw_call *call, struct found *found)
{
    const struct tw_cfg *cfg = call->web->cfg;
    bool is_named = false;
    found->ids = tw_arena_alloc(call->arena, MAX_FOUND * sizeof *found->ids);
    if (found->ids == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < cfg->object_count; i++) {
        struct tw_str id = tw_http_param(call->request, cfg->objects[i].type);
        if (id.ptr == NULL || !cfg->objects[i].is_linking) {
            continue;
        }
        is_named = true;
        int rc = find_named(call, &cfg->objects[i], id, found);
        if (rc != TW_OK) {
            return rc;
        }
    }
    if (!is_named) {
        return tw_diag_set(&call->diag, TW_EINVAL,
                           "name at least one object that links, for example order=4711");
    }
    qsort(found->ids, found->count, sizeof *found->ids, compare_ids);
    return TW_OK;
}

static bool is_or_absent(struct tw_str wanted, const json_t *value)
{
    return wanted.ptr == NULL ||
           (json_is_string(value) && tw_str_is(wanted, json_string_value(value)));
}

/* Does the journey have a run of the workflow and state that are asked for? */
static bool has_run(const struct tw_call *call, const json_t *runs)
{
    struct tw_str workflow = tw_http_param(call->request, "workflow");
    struct tw_str state = tw_http_param(call->request, "state");
    bool is_found = workflow.ptr == NULL && state.ptr == NULL;
    for (size_t i = 0; i < json_array_size(runs) && !is_found; i++) {
        const json_t *run = json_array_get(runs, i);
        is_found = is_or_absent(workflow, json_object_get(run, "workflow")) &&
                   is_or_absent(state, json_object_get(run, "state"));
    }
    return is_found;
}

/* Both are words that there are. */
static int check_run_filter(struct tw_call *call)
{
    struct tw_str workflow = tw_http_param(call->request, "workflow");
    struct tw_str state = tw_http_param(call->request, "state");
    struct tw_api_words words = {.used = 0};
    struct tw_api_words states = {.used = 0};
    bool is_workflow = workflow.ptr == NULL;
    bool is_state = state.ptr == NULL;
    for (size_t i = 0; i < call->workflows->count; i++) {
        is_workflow = is_workflow || tw_str_is(workflow, call->workflows->items[i].name);
        tw_api_add_word(&words, call->workflows->items[i].name);
    }
    for (int i = 0; i <= TW_RUN_IS_COMPENSATED; i++) {
        is_state = is_state || tw_str_is(state, tw_run_state_name((enum tw_run_state)i));
        tw_api_add_word(&states, tw_run_state_name((enum tw_run_state)i));
    }
    if (!is_workflow) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'workflow' is one of: %s", words.text);
    }
    return is_state ? TW_OK
                    : tw_diag_set(&call->diag, TW_EINVAL, "'state' is one of: %s", states.text);
}

/* The row of a journey; NULL when it has no run that is asked for. */
static int shown_row(struct tw_call *call, struct tw_event_views *views,
                     const struct tw_journey_limits *limits, json_t **ret_row)
{
    json_t *runs = NULL;
    json_t *row = NULL;
    bool is_partial = false;
    *ret_row = NULL;
    int rc = tw_api_journey_runs(call, views, limits, false, &runs, &is_partial);
    if (rc != TW_OK) {
        return rc;
    }
    if (has_run(call, runs)) {
        rc = summary_json(call, views, &row);
    }
    if (rc != TW_OK || row == NULL) {
        json_decref(runs);
        return rc;
    }
    tw_out_set(row, "runs", runs);
    tw_out_set(row, "runs_partial", json_boolean(is_partial));
    tw_out_set(row, "events", tw_out_count(views->journey->event_count));
    *ret_row = row;
    return TW_OK;
}

/* One row of the list; NULL in *ret_row when it lies outside the page's times, or has no run that
 * is asked for. */
static int list_row(struct tw_call *call, struct tw_str id, const struct tw_page *page,
                    json_t **ret_row)
{
    struct tw_object object;
    struct tw_journey journey;
    struct tw_journey_limits limits;
    journey_limits(call->web->cfg, &limits);
    int rc = tw_journey_parse_id(call->reader, call->arena, id, &object);
    if (rc == TW_OK) {
        rc = tw_journey_read(call->reader, call->arena, &object, &limits, &journey);
    }
    if (rc != TW_OK) {
        return rc;
    }
    if (journey.last.ns < page->since.ns || journey.first.ns >= page->until.ns) {
        *ret_row = NULL;
        return TW_OK;
    }
    struct tw_event_views views;
    rc = tw_event_views_init(&views, call, &journey);
    rc = rc == TW_OK ? shown_row(call, &views, &limits, ret_row) : rc;
    tw_event_views_fini(&views);
    return rc;
}

/* Object types and the attributes of scopes are the parameters of this call. */
static int allow_objects(struct tw_call *call)
{
    const struct tw_cfg *cfg = call->web->cfg;
    size_t room = 7; /* the four of every list, two about runs, and the NULL */
    for (size_t i = 0; i < cfg->object_count; i++) {
        room += 1 + cfg->objects[i].scope.count;
    }
    const char **names = tw_arena_alloc(call->arena, room * sizeof *names);
    if (names == NULL) {
        return TW_ENOMEM;
    }
    size_t count = 0;
    names[count++] = "limit";
    names[count++] = "cursor";
    names[count++] = "since";
    names[count++] = "until";
    names[count++] = "workflow";
    names[count++] = "state";
    for (size_t i = 0; i < cfg->object_count; i++) {
        names[count++] = cfg->objects[i].type;
        for (size_t j = 0; j < cfg->objects[i].scope.count; j++) {
            names[count++] = cfg->objects[i].scope.items[j];
        }
    }
    names[count] = NULL;
    return tw_call_allow(call, names);
}

int tw_api_journeys(struct tw_call *call)
{
    struct tw_page page;
    struct found found = {NULL, 0};
    int rc = allow_objects(call);
    if (rc == TW_OK) {
        rc = tw_call_page(call, &page);
    }
    if (rc == TW_OK) {
        rc = check_run_filter(call);
    }
    if (rc == TW_OK) {
        rc = find_all(call, &found);
    }
    if (rc != TW_OK) {
        return rc;
    }
    bool is_filtered = tw_http_param(call->request, "workflow").ptr != NULL ||
                       tw_http_param(call->request, "state").ptr != NULL;
    json_t *items = json_array();
    struct tw_str next = TW_STR_NULL;
    struct tw_str last = TW_STR_NULL;
    for (size_t i = 0; i < found.count && rc == TW_OK; i++) {
        if (page.cursor.ptr != NULL && tw_str_compare(found.ids[i], page.cursor) <= 0) {
            continue;
        }
        if (json_array_size(items) == page.limit) {
            next = last;
            break;
        }
        json_t *row = NULL;
        rc = list_row(call, found.ids[i], &page, &row);
        if (rc == TW_ENOTFOUND) {
            rc = TW_OK; /* expired between the two readings */
            continue;
        }
        if (row != NULL) {
            tw_out_add(items, row);
            last = found.ids[i];
        }
    }
    if (rc != TW_OK) {
        json_decref(items);
        return rc;
    }
    return tw_response_json(
        &call->response, 200,
        tw_call_list(call, items, next, is_filtered ? -1 : (int64_t)found.count));
}
