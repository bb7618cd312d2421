/* SPDX-License-Identifier: Apache-2.0
 * GET /taps: the taps with their counters, and every source that was ever heard on them. */
#include "config.h"
#include "web/api.h"
#include "web/doors.h"

#include <stdio.h>
#include <strings.h>

#define MAX_GAPS   100 /* ranges shown of one source; `gap_count` says how many there are */
#define MAX_FILTER 255

static json_t *strings_json(const struct tw_cfg_strings *strings)
{
    json_t *list = json_array();
    for (size_t i = 0; i < strings->count; i++) {
        tw_out_add(list, tw_out_text(tw_str_of(strings->items[i])));
    }
    return list;
}

static const struct tw_cfg_tap *configured(const struct tw_cfg *cfg, const char *name)
{
    for (size_t i = 0; i < cfg->tap_count; i++) {
        if (strcmp(cfg->taps[i].name, name) == 0) {
            return &cfg->taps[i];
        }
    }
    return NULL;
}

static json_t *silence_json(struct tw_call *call, tw_wall_t last)
{
    int64_t silent_ns = call->now.ns - last.ns;
    if (last.ns == 0) {
        return json_null();
    }
    return tw_out_seconds(silent_ns < 0 ? 0 : silent_ns);
}

/* One tap: `cfg` NULL when it is no longer configured, `state` NULL when it never received. */
static json_t *tap_json(struct tw_call *call, const char *name, const struct tw_cfg_tap *cfg,
                        const struct tw_tap_state *state)
{
    static const struct tw_tap_state never = {.tap = 0};
    const struct tw_tap_state *s = state == NULL ? &never : state;
    json_t *row = json_object();
    tw_out_set(row, "name", tw_out_text(tw_str_of(name)));
    tw_out_set(row, "is_configured", json_boolean(cfg != NULL));
    tw_out_set(row, "kind", cfg == NULL ? json_null() : json_string(tw_tap_kind_name(cfg->kind)));
    tw_out_set(row, "bind", cfg == NULL ? json_array() : strings_json(&cfg->bind));
    tw_out_set(row, "connect", cfg == NULL ? json_array() : strings_json(&cfg->connect));
    tw_out_set(row, "is_acknowledged",
               cfg == NULL ? json_null() : json_boolean(cfg->kind == TW_TAP_ROUTER));
    tw_out_set(row, "has_curve",
               cfg == NULL ? json_null() : json_boolean(cfg->curve.server_key_file != NULL));
    tw_out_set(row, "messages", tw_out_count(s->messages));
    tw_out_set(row, "bytes", tw_out_count(s->bytes));
    tw_out_set(row, "events", tw_out_count(s->events));
    tw_out_set(row, "quarantined", tw_out_count(s->quarantined));
    tw_out_set(row, "acks", tw_out_count(s->acks));
    tw_out_set(row, "last_received", tw_out_time(s->last_received));
    tw_out_set(row, "silent_seconds", silence_json(call, s->last_received));
    return row;
}

/* Those of the configuration first, then those that were. */
static int taps_json(struct tw_call *call, json_t *items)
{
    const struct tw_cfg *cfg = call->web->cfg;
    const struct tw_tap_state *taps = NULL;
    size_t count = 0;
    int rc = tw_reader_taps(call->reader, call->arena, &taps, &count);
    if (rc != TW_OK) {
        return rc;
    }
    for (size_t i = 0; i < cfg->tap_count; i++) {
        const struct tw_tap_state *state = NULL;
        for (size_t j = 0; j < count && state == NULL; j++) {
            if (strcmp(tw_reader_tap_name(call->reader, taps[j].tap), cfg->taps[i].name) == 0) {
                state = &taps[j];
            }
        }
        tw_out_add(items, tap_json(call, cfg->taps[i].name, &cfg->taps[i], state));
    }
    for (size_t j = 0; j < count; j++) {
        const char *name = tw_reader_tap_name(call->reader, taps[j].tap);
        if (configured(cfg, name) == NULL) {
            tw_out_add(items, tap_json(call, name, NULL, &taps[j]));
        }
    }
    return TW_OK;
}

static json_t *gaps_json(const struct tw_source_state *source)
{
    json_t *gaps = json_array();
    for (uint32_t i = 0; i < source->gap_count && i < MAX_GAPS; i++) {
        json_t *gap = json_object();
        tw_out_set(gap, "first", tw_out_count(source->gaps[i].first));
        tw_out_set(gap, "last", tw_out_count(source->gaps[i].last));
        tw_out_add(gaps, gap);
    }
    return gaps;
}

json_t *tw_api_source_clock(const json_t *clocks, uint32_t source)
{
    size_t low = 0;
    size_t high = json_array_size(clocks);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const json_t *one = json_array_get(clocks, middle);
        json_int_t number = json_integer_value(json_object_get(one, "source"));
        if (number == (json_int_t)source) {
            return json_incref(json_object_get(one, "behind"));
        }
        if (number < (json_int_t)source) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return json_null();
}

json_t *tw_api_source(struct tw_call *call, const struct tw_source_state *source,
                      const json_t *clocks)
{
    bool is_sequenced = source->sequence_highest > 0;
    /* The least time under way is at most the real one; below zero, the clock must be ahead. */
    int64_t ahead_ns = source->transit_min_ns < 0 ? -source->transit_min_ns : 0;
    json_t *row = json_object();
    tw_out_set(row, "number", json_integer(source->number));
    tw_out_set(row, "name", tw_out_text(source->name));
    tw_out_set(row, "tap", tw_out_text(tw_str_of(tw_reader_tap_name(call->reader, source->tap))));
    tw_out_set(row, "store", tw_out_text(source->store));
    tw_out_set(row, "has_stores", json_boolean(source->has_stores));
    tw_out_set(row, "events", tw_out_count(source->events));
    tw_out_set(row, "duplicates", tw_out_count(source->duplicates));
    tw_out_set(row, "conflicts", tw_out_count(source->conflicts));
    tw_out_set(row, "rate", json_real(source->rate));
    tw_out_set(row, "first_received", tw_out_time(source->first_received));
    tw_out_set(row, "last_received", tw_out_time(source->last_received));
    tw_out_set(row, "last_time", tw_out_time(source->last_time));
    tw_out_set(row, "silent_seconds", silence_json(call, source->last_received));
    tw_out_set(row, "is_sequenced", json_boolean(is_sequenced));
    tw_out_set(row, "sequence_highest",
               is_sequenced ? tw_out_count(source->sequence_highest) : json_null());
    tw_out_set(row, "missing", tw_out_count(source->missing));
    tw_out_set(row, "forgotten", tw_out_count(source->forgotten));
    tw_out_set(row, "filled", tw_out_count(source->filled));
    tw_out_set(row, "gap_count", json_integer(source->gap_count));
    tw_out_set(row, "gaps", gaps_json(source));
    tw_out_set(row, "rewinds", tw_out_count(source->rewinds));
    tw_out_set(row, "unreadable", tw_out_count(source->unreadable));
    tw_out_set(row, "out_of_order", tw_out_count(source->out_of_order));
    tw_out_set(row, "skew_seconds", tw_out_seconds(ahead_ns));
    tw_out_set(row, "clock_behind_seconds", tw_api_source_clock(clocks, source->number));
    tw_out_set(row, "transit_min_seconds", tw_out_seconds(source->transit_min_ns));
    tw_out_set(row, "transit_last_seconds", tw_out_seconds(source->transit_last_ns));
    return row;
}

/* Does the name contain the words of the filter, in any case? */
static bool contains(struct tw_str name, struct tw_str part)
{
    for (size_t i = 0; i + part.len <= name.len; i++) {
        if (strncasecmp(name.ptr + i, part.ptr, part.len) == 0) {
            return true;
        }
    }
    return false;
}

struct source_filter {
    struct tw_str q;
    bool is_missing_only;
};

static int parse_filter(struct tw_call *call, struct source_filter *ret_filter)
{
    struct tw_str missing = tw_http_param(call->request, "missing");
    ret_filter->q = tw_http_param(call->request, "q");
    ret_filter->is_missing_only = tw_str_is(missing, "1");
    if (missing.ptr != NULL && !tw_str_is(missing, "0") && !tw_str_is(missing, "1")) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'missing' is 0 or 1");
    }
    if (ret_filter->q.len > MAX_FILTER) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'q' has at most %d bytes", MAX_FILTER);
    }
    return TW_OK;
}

static bool passes(const struct source_filter *filter, const struct tw_page *page,
                   const struct tw_source_state *source)
{
    return (!filter->is_missing_only || source->missing > 0) &&
           (filter->q.len == 0 || contains(source->name, filter->q)) &&
           tw_page_has_time(page, source->last_received);
}

struct source_page {
    const struct tw_page *page;
    const struct source_filter *filter;
    json_t *items;
    const json_t *clocks; /* of the sources whose clock is wrong, by number */
    uint64_t from;        /* the number to go on from */
    bool has_more;        /* the page is full and another source passes: `from` */
    bool is_at_end;       /* no source is left */
};

/* One reading of sources into the page. The JSON has copies of all texts, so that the memory of the
 * reading can be used again. */
static int read_sources(struct tw_call *call, struct tw_arena *memory, struct source_page *state)
{
    const struct tw_source_state *sources = NULL;
    size_t count = 0;
    int rc = tw_reader_sources(call->reader, memory, (uint32_t)state->from, TW_SOURCES_AT_ONCE,
                               &sources, &count);
    rc = rc == TW_OK ? tw_call_check_deadline(call) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    for (size_t i = 0; i < count; i++) {
        state->from = sources[i].number;
        if (!passes(state->filter, state->page, &sources[i])) {
            continue;
        }
        if (json_array_size(state->items) == state->page->limit) {
            state->has_more = true;
            return TW_OK;
        }
        tw_out_add(state->items, tw_api_source(call, &sources[i], state->clocks));
    }
    state->from++;
    state->is_at_end = count < TW_SOURCES_AT_ONCE;
    return TW_OK;
}

/* Sources in order of their numbers, those that pass; *ret_next absent at the end. */
static int sources_json(struct tw_call *call, const struct tw_page *page,
                        const struct source_filter *filter, json_t *items, struct tw_str *ret_next)
{
    struct source_page state = {.page = page, .filter = filter, .items = items};
    struct tw_arena memory;
    json_t *live = NULL;
    *ret_next = TW_STR_NULL;
    if (page->cursor.ptr != NULL &&
        (tw_parse_number(page->cursor, &state.from) != TW_OK || state.from > UINT32_MAX)) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'cursor' is not of this list");
    }
    int rc = tw_api_live(call, "stores", "", &live);
    state.clocks = json_object_get(live, "clocks");
    tw_arena_init(&memory, TW_SOURCES_BYTES);
    while (rc == TW_OK && !state.has_more && !state.is_at_end) {
        tw_arena_reset(&memory);
        rc = read_sources(call, &memory, &state);
    }
    tw_arena_fini(&memory);
    json_decref(live);
    if (rc == TW_OK && state.has_more) {
        char text[24];
        int len = snprintf(text, sizeof text, "%llu", (unsigned long long)state.from);
        *ret_next = tw_arena_copy(call->arena, (struct tw_str){text, (size_t)len});
        rc = ret_next->ptr == NULL ? TW_ENOMEM : TW_OK;
    }
    return rc;
}

int tw_api_taps(struct tw_call *call)
{
    static const char *const names[] = {"q", "missing", "limit", "cursor", "since", "until", NULL};
    struct tw_page page;
    struct source_filter filter;
    struct tw_source_summary summary;
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK) {
        rc = tw_call_page(call, &page);
    }
    if (rc == TW_OK) {
        rc = parse_filter(call, &filter);
    }
    if (rc == TW_OK) {
        rc = tw_call_summary(call, &summary);
    }
    if (rc != TW_OK) {
        return rc;
    }
    json_t *taps = json_array();
    json_t *sources = json_array();
    struct tw_str next = TW_STR_NULL;
    rc = taps_json(call, taps);
    if (rc == TW_OK) {
        rc = sources_json(call, &page, &filter, sources, &next);
    }
    if (rc != TW_OK) {
        json_decref(taps);
        json_decref(sources);
        return rc;
    }
    bool is_whole = filter.q.len == 0 && !filter.is_missing_only && page.since.ns == INT64_MIN &&
                    page.until.ns == INT64_MAX;
    int64_t taps_total = (int64_t)json_array_size(taps);
    json_t *json = tw_call_list(call, taps, TW_STR_NULL, taps_total);
    tw_out_set(json, "doors", tw_doors_json(call->web->cfg->store.dir));
    tw_out_set(json, "sources",
               tw_call_list(call, sources, next, is_whole ? (int64_t)summary.sources : -1));
    return tw_response_json(&call->response, 200, json);
}
