/* SPDX-License-Identifier: Apache-2.0
 * GET /stores, /stores/{id}: how each store is, out of the document that the collector commits
 * every ten seconds, and out of the states of its sources; of one store, when it was silent and
 * what it has spent of each budget in the last 30 days. */
#include "config.h"
#include "web/api.h"

#include <math.h>
#include <stdlib.h>

#define SPENDERS    10000   /* stores of one objective that are looked through */
#define LONGEST_S   2678400 /* 31 days: a calendar window that the collector said nothing of */
#define SOURCES_MAX 200     /* of one store; `source_count` says how many there are */

/* What its sources say of a store. */
struct sums {
    uint64_t sources;
    uint64_t sequenced;
    uint64_t missing;
    uint64_t gaps;
    double behind; /* of the clock that is off most, negative: ahead; 0: none is */
};

/* The stores of an answer by name, and what their sources come to. */
struct stores {
    struct tw_call *call;
    json_t *live;      /* the document; owned; NULL: there is none */
    json_t **rows;     /* its rows, in order of their names; in the arena */
    struct sums *sums; /* of each; in the arena */
    json_t *sources;   /* of the one store that is asked for; NULL: of none */
    size_t count;
    tw_wall_t at;        /* of the document */
    tw_wall_t listening; /* since when the tower hears; 0: for ever */
};

static const char *name_of(const json_t *row)
{
    const char *name = json_string_value(json_object_get(row, "store"));
    return name == NULL ? "" : name;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(name_of(*(json_t *const *)a), name_of(*(json_t *const *)b));
}

/* A time of the document; 0: none. */
static tw_wall_t time_of(const json_t *object, const char *key)
{
    tw_wall_t at = {0};
    const char *text = json_string_value(json_object_get(object, key));
    if (text != NULL && tw_wall_parse(tw_str_of(text), &at) != TW_OK) {
        at.ns = 0;
    }
    return at;
}

/* ---- sources -------------------------------------------------------------------------------- */

/* The place of a store; `count`: it is not there. */
static size_t find(const struct stores *self, struct tw_str store)
{
    size_t low = 0;
    size_t high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = tw_str_compare(tw_str_of(name_of(self->rows[middle])), store);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return self->count;
}

static void add_source(struct stores *self, const struct tw_source_state *source,
                       const json_t *clocks)
{
    size_t at = source->store.ptr == NULL ? self->count : find(self, source->store);
    if (at == self->count) {
        return;
    }
    struct sums *sums = &self->sums[at];
    json_t *clock = tw_api_source_clock(clocks, source->number);
    double behind = json_number_value(clock);
    sums->sources++;
    sums->sequenced += source->sequence_highest > 0 ? 1 : 0;
    sums->missing += source->missing;
    sums->gaps += source->gap_count;
    sums->behind = fabs(behind) > fabs(sums->behind) ? behind : sums->behind;
    json_decref(clock);
    if (self->sources != NULL && json_array_size(self->sources) < SOURCES_MAX) {
        tw_out_add(self->sources, tw_api_source(self->call, source, clocks));
    }
}

/* Through all sources, page by page, each in memory of its own. */
static int add_sources(struct stores *self)
{
    struct tw_call *call = self->call;
    const json_t *clocks = json_object_get(self->live, "clocks");
    const struct tw_source_state *sources = NULL;
    struct tw_arena page;
    size_t count = 0;
    uint32_t from = 0;
    int rc = TW_OK;
    tw_arena_init(&page, TW_SOURCES_BYTES);
    do {
        tw_arena_reset(&page);
        rc = tw_reader_sources(call->reader, &page, from, TW_SOURCES_AT_ONCE, &sources, &count);
        rc = rc == TW_OK ? tw_call_check_deadline(call) : rc;
        for (size_t i = 0; i < count && rc == TW_OK; i++) {
            add_source(self, &sources[i], clocks);
            from = sources[i].number + 1;
        }
    } while (rc == TW_OK && count == TW_SOURCES_AT_ONCE);
    tw_arena_fini(&page);
    return rc;
}

/* ---- what both answers have ----------------------------------------------------------------- */

static void stores_fini(struct stores *self)
{
    json_decref(self->live);
    json_decref(self->sources);
}

/* The stores of the document, or the one of them that is asked for. Finish it in every case. */
static int stores_init(struct stores *self, struct tw_call *call, const struct tw_str *one)
{
    *self = (struct stores){.call = call};
    int rc = tw_api_live(call, "stores", "", &self->live);
    const json_t *list = json_object_get(self->live, "stores");
    size_t count = json_array_size(list);
    if (rc != TW_OK) {
        return rc;
    }
    self->rows = tw_arena_alloc(call->arena, (count + 1) * sizeof *self->rows);
    self->sums = tw_arena_zalloc(call->arena, (count + 1) * sizeof *self->sums);
    self->sources = one == NULL ? NULL : json_array();
    if (self->rows == NULL || self->sums == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_array_get(list, i);
        if (one == NULL || tw_str_is(*one, name_of(row))) {
            self->rows[self->count++] = row;
        }
    }
    qsort(self->rows, self->count, sizeof *self->rows, compare_names);
    self->at = time_of(self->live, "at");
    self->listening = time_of(self->live, "listening_since");
    return self->count == 0 ? TW_OK : add_sources(self);
}

/* Whether nothing is heard of it for longer than expected, as it was when the document was made:
 * whether the collector lives is no matter of the stores. */
static bool is_silent(const struct stores *self, tw_wall_t heard)
{
    int64_t since_ns = heard.ns > self->listening.ns ? heard.ns : self->listening.ns;
    return heard.ns != 0 &&
           self->at.ns - since_ns > self->call->web->cfg->track.store_silent_s * TW_NS_PER_S;
}

/* A store: its row, how long nothing was heard of it, and what its sources come to. */
static json_t *store_json(const struct stores *self, size_t at)
{
    const struct sums *sums = &self->sums[at];
    json_t *json = json_copy(self->rows[at]); /* shallow */
    tw_wall_t heard = time_of(self->rows[at], "last_own_received");
    bool silent = is_silent(self, heard);
    int64_t silent_ns = self->call->now.ns > heard.ns ? self->call->now.ns - heard.ns : 0;
    tw_out_set(json, "silent_seconds", heard.ns != 0 ? tw_out_seconds(silent_ns) : json_null());
    tw_out_set(json, "is_silent", json_boolean(silent));
    tw_out_set(json, "silent_since",
               silent ? tw_out_time(time_of(self->rows[at], "last_own_event")) : json_null());
    tw_out_set(json, "source_count", tw_out_count(sums->sources));
    tw_out_set(json, "missing", sums->sequenced > 0 ? tw_out_count(sums->missing) : json_null());
    tw_out_set(json, "gaps", sums->sequenced > 0 ? tw_out_count(sums->gaps) : json_null());
    bool is_off = fabs(sums->behind) > 0.0;
    tw_out_set(json, "clock_behind_seconds", is_off ? json_real(sums->behind) : json_null());
    return json;
}

/* ---- GET /stores ---------------------------------------------------------------------------- */

int tw_api_stores(struct tw_call *call)
{
    static const char *const names[] = {"limit", "cursor", NULL};
    struct stores stores = {.count = 0};
    struct tw_page page;
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_call_page(call, &page) : rc;
    rc = rc == TW_OK ? stores_init(&stores, call, NULL) : rc;
    if (rc != TW_OK) {
        stores_fini(&stores);
        return rc;
    }
    json_t *items = json_array();
    struct tw_str next = TW_STR_NULL;
    const char *last = "";
    for (size_t i = 0; i < stores.count; i++) {
        struct tw_str name = tw_str_of(name_of(stores.rows[i]));
        if (page.cursor.ptr != NULL && tw_str_compare(name, page.cursor) <= 0) {
            continue;
        }
        if (json_array_size(items) == page.limit) {
            next = tw_str_of(last);
            break;
        }
        tw_out_add(items, store_json(&stores, i));
        last = name.ptr;
    }
    json_t *json = tw_call_list(call, items, next, (int64_t)stores.count);
    json_t *other = json_object_get(stores.live, "other");
    tw_out_set(json, "other", other == NULL ? json_null() : json_incref(other));
    tw_out_set(json, "silent_after_seconds", json_integer(call->web->cfg->track.store_silent_s));
    rc = tw_response_json(&call->response, 200, json);
    stores_fini(&stores); /* `next` pointed into it */
    return rc;
}

/* ---- GET /stores/{id} ----------------------------------------------------------------------- */

/* What the store has spent of one objective since then, whole hours; 0: nothing. */
static int spent_of(struct tw_call *call, const char *objective, tw_wall_t since, int64_t *ret_bad)
{
    const struct tw_spend_sum *sums = NULL;
    size_t count = 0;
    int64_t until_s = call->now.ns / TW_NS_PER_S + 3600; /* the hour under way */
    int rc = tw_reader_spend(call->reader, call->arena, tw_str_of(objective), TW_SPEND_BY_STORE,
                             since.ns / TW_NS_PER_S, until_s, SPENDERS, &sums, &count);
    *ret_bad = 0;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (tw_str_equal(sums[i].what, call->request->rest)) {
            *ret_bad = sums[i].bad;
        }
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* When the window of an objective begins: a rolling one from its length, one of the calendar as the
 * collector says. */
static tw_wall_t window_from(struct tw_call *call, const struct tw_wf_objective *objective,
                             const json_t *live)
{
    tw_wall_t from = {call->now.ns - LONGEST_S * TW_NS_PER_S};
    if (objective->window == TW_WINDOW_ROLLING) {
        from.ns = call->now.ns - objective->window_ns;
    } else if (time_of(json_object_get(live, "window"), "from").ns != 0) {
        from = time_of(json_object_get(live, "window"), "from");
    }
    return from;
}

/* What the store has spent of an objective in its window, into the list when it is anything. */
static int add_objective(struct tw_call *call, const struct tw_workflow *workflow,
                         const struct tw_wf_objective *objective, json_t *list)
{
    int64_t bad = 0;
    json_t *live = NULL;
    int rc = tw_api_live(call, "objective/", objective->name, &live);
    tw_wall_t from = window_from(call, objective, live);
    rc = rc == TW_OK ? spent_of(call, objective->name, from, &bad) : rc;
    if (rc == TW_OK && bad != 0) {
        const char *title = objective->title != NULL ? objective->title : objective->name;
        const json_t *all = json_object_get(live, "bad");
        json_t *one = json_object();
        tw_out_set(one, "objective", json_string(objective->name));
        tw_out_set(one, "title", json_string(title));
        tw_out_set(one, "workflow", json_string(workflow->name));
        tw_out_set(one, "since", tw_out_time(from));
        tw_out_set(one, "bad", json_integer(bad));
        tw_out_set(one, "bad_of_all", all == NULL ? json_null() : json_deep_copy(all));
        tw_api_copy(one, live, (const char *const[]){"budget_remaining", NULL});
        tw_out_add(list, one);
    }
    json_decref(live);
    return rc;
}

static int set_objectives(struct tw_call *call, json_t *json)
{
    json_t *list = json_array();
    int rc = TW_OK;
    for (size_t i = 0; i < call->workflows->count && rc == TW_OK; i++) {
        const struct tw_workflow *workflow = &call->workflows->items[i];
        for (size_t k = 0; k < workflow->objective_count && rc == TW_OK; k++) {
            rc = add_objective(call, workflow, &workflow->objectives[k], list);
        }
    }
    tw_out_set(json, "objectives", list);
    return rc;
}

/* When it was silent, the one that lasts in front. */
static int set_silences(struct tw_call *call, json_t *json)
{
    json_t *live = NULL;
    const char *name = name_of(json);
    int rc = tw_api_live(call, "silences/", name, &live);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *list = json_array();
    if (json_is_true(json_object_get(json, "is_silent"))) {
        json_t *one = json_object();
        tw_out_set(one, "from", json_incref(json_object_get(json, "silent_since")));
        tw_out_set(one, "until", json_null());
        tw_out_set(one, "expected_seconds", json_integer(call->web->cfg->track.store_silent_s));
        tw_out_add(list, one);
    }
    const json_t *kept = json_object_get(live, "silences");
    for (size_t i = 0; i < json_array_size(kept); i++) {
        tw_out_add(list, json_incref(json_array_get(kept, i)));
    }
    json_t *forgotten = json_object_get(live, "forgotten");
    tw_out_set(json, "silences", list);
    tw_out_set(json, "silences_forgotten",
               forgotten == NULL ? json_integer(0) : json_incref(forgotten));
    json_decref(live);
    return TW_OK;
}

int tw_api_store(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    struct stores stores = {.count = 0};
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? stores_init(&stores, call, &call->request->rest) : rc;
    if (rc == TW_OK && stores.count == 0) {
        rc = tw_diag_set(&call->diag, TW_ENOTFOUND, "no event has named this store");
    }
    if (rc != TW_OK) {
        stores_fini(&stores);
        return rc;
    }
    json_t *json = store_json(&stores, 0);
    tw_out_set(json, "silent_after_seconds", json_integer(call->web->cfg->track.store_silent_s));
    tw_out_set(json, "sources", json_incref(stores.sources));
    stores_fini(&stores);
    rc = set_silences(call, json);
    rc = rc == TW_OK ? set_objectives(call, json) : rc;
    if (rc != TW_OK) {
        json_decref(json);
        return rc;
    }
    return tw_response_json(&call->response, 200, json);
}
