/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "correlate/sources.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

/* The smallest transit is kept over two halves of this window, so that it follows a clock that is
 * set right within ten minutes. */
#define TRANSIT_WINDOW_NS (300 * TW_NS_PER_S)
/* Time constant of the rate. */
#define RATE_SECONDS 60.0
/* A rate below one event in 1000 s is shown as none. */
#define RATE_FLOOR 0.001

struct tw_source {
    struct tw_source_state state; /* name, store and gaps owned here */
    uint64_t hash;
    bool is_sequenced;
    bool is_changed;
    bool is_other;
    uint32_t gap_capacity;
    struct tw_gap *gaps;
    int64_t transit_now_ns;    /* smallest transit of this half window */
    int64_t transit_before_ns; /* of the one before */
    tw_wall_t transit_since;
    tw_wall_t rated_at; /* when `rate` was computed */
    uint64_t rated_events;
};

struct tw_sources {
    const struct tw_cfg *cfg;
    struct tw_source **by_number; /* owned */
    size_t count;
    size_t capacity;
    uint32_t *slots;   /* open addressing: number + 1, 0 is free */
    size_t slot_count; /* power of two */
    size_t new_from;   /* sources from this number on were not taken as new yet */
};

int tw_sources_new(const struct tw_cfg *cfg, struct tw_sources **ret_sources)
{
    struct tw_sources *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->slot_count = 1024;
    self->slots = calloc(self->slot_count, sizeof *self->slots);
    if (self->slots == NULL) {
        free(self);
        return TW_ENOMEM;
    }
    *ret_sources = self;
    return TW_OK;
}

static void source_free(struct tw_source *source)
{
    if (source != NULL) {
        free((void *)(uintptr_t)source->state.name.ptr);
        free((void *)(uintptr_t)source->state.store.ptr);
        free(source->gaps);
        free(source);
    }
}

void tw_sources_destroy(struct tw_sources **self_p)
{
    struct tw_sources *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        source_free(self->by_number[i]);
    }
    free(self->by_number);
    free(self->slots);
    free(self);
}

static bool matches(const char *pattern, struct tw_str name)
{
    struct tw_str text = tw_str_of(pattern);
    if (text.len > 0 && text.ptr[text.len - 1] == '*') {
        text.len--;
        return tw_str_starts(name, text);
    }
    return tw_str_equal(name, text);
}

/* The first rule that matches decides. */
static bool is_sequenced(const struct tw_cfg *cfg, struct tw_str name)
{
    for (size_t i = 0; i < cfg->source_count; i++) {
        if (matches(cfg->sources[i].match, name)) {
            return cfg->sources[i].is_sequenced;
        }
    }
    return false;
}

static int grow_slots(struct tw_sources *self)
{
    size_t slot_count = self->slot_count * 2;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < self->count; i++) {
        size_t at = self->by_number[i]->hash & (slot_count - 1);
        while (slots[at] != 0) {
            at = (at + 1) & (slot_count - 1);
        }
        slots[at] = (uint32_t)i + 1;
    }
    free(self->slots);
    self->slots = slots;
    self->slot_count = slot_count;
    return TW_OK;
}

static int grow_numbers(struct tw_sources *self)
{
    if (self->count < self->capacity) {
        return TW_OK;
    }
    size_t capacity = self->capacity == 0 ? 256 : self->capacity * 2;
    struct tw_source **by_number = realloc(self->by_number, capacity * sizeof *by_number);
    if (by_number == NULL) {
        return TW_ENOMEM;
    }
    self->by_number = by_number;
    self->capacity = capacity;
    return TW_OK;
}

/* The slot where this name stands, or the free one where it would. */
static size_t find_slot(const struct tw_sources *self, struct tw_str name, uint64_t hash)
{
    size_t at = hash & (self->slot_count - 1);
    while (self->slots[at] != 0) {
        const struct tw_source *source = self->by_number[self->slots[at] - 1];
        if (source->hash == hash && tw_str_equal(source->state.name, name)) {
            break;
        }
        at = (at + 1) & (self->slot_count - 1);
    }
    return at;
}

/* A copy with a NUL behind it; absent: no memory. */
static struct tw_str copy_text(struct tw_str text)
{
    char *copy = malloc(text.len + 1);
    if (copy == NULL) {
        return TW_STR_NULL;
    }
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    copy[text.len] = '\0';
    return (struct tw_str){copy, text.len};
}

static int add_source(struct tw_sources *self, struct tw_str name, uint64_t hash,
                      struct tw_source **ret_source)
{
    if ((self->count + 1) * 2 > self->slot_count && grow_slots(self) != TW_OK) {
        return TW_ENOMEM;
    }
    if (grow_numbers(self) != TW_OK) {
        return TW_ENOMEM;
    }
    struct tw_source *source = calloc(1, sizeof *source);
    struct tw_str copy = copy_text(name);
    if (source == NULL || copy.ptr == NULL) {
        free(source);
        free((void *)(uintptr_t)copy.ptr);
        return TW_ENOMEM;
    }
    source->hash = hash;
    source->is_sequenced = is_sequenced(self->cfg, name);
    source->is_changed = true;
    source->transit_now_ns = INT64_MAX;
    source->transit_before_ns = INT64_MAX;
    source->state.name = copy;
    source->state.number = (uint32_t)self->count;
    source->state.sequence_base = 1; /* above the highest: no number seen */
    self->by_number[self->count++] = source;
    self->slots[find_slot(self, source->state.name, hash)] = (uint32_t)self->count;
    *ret_source = source;
    return TW_OK;
}

int tw_sources_get(struct tw_sources *self, struct tw_str name, uint64_t hash,
                   struct tw_source **ret_source)
{
    uint32_t slot = self->slots[find_slot(self, name, hash)];
    if (slot != 0) {
        *ret_source = self->by_number[slot - 1];
        return TW_OK;
    }
    if (self->count < (size_t)self->cfg->correlate.max_sources) {
        return add_source(self, name, hash, ret_source);
    }
    const struct tw_str other = TW_STR_LIT("(other)");
    slot = self->slots[find_slot(self, other, 0)];
    if (slot != 0) {
        *ret_source = self->by_number[slot - 1];
        return TW_OK;
    }
    int rc = add_source(self, other, 0, ret_source);
    if (rc == TW_OK) {
        (*ret_source)->is_other = true;
        (*ret_source)->is_sequenced = false; /* many counts under one name make no sense */
    }
    return rc;
}

uint32_t tw_source_number(const struct tw_source *source)
{
    return source->state.number;
}

bool tw_source_is_other(const struct tw_source *source)
{
    return source->is_other;
}

struct tw_source *tw_sources_by_number(struct tw_sources *self, uint32_t number)
{
    return number < self->count ? self->by_number[number] : NULL;
}

size_t tw_sources_count(const struct tw_sources *self)
{
    return self->count;
}

/* Index of the first gap whose end is not before `number`. */
static uint32_t gap_at(const struct tw_source *source, uint64_t number)
{
    uint32_t low = 0;
    uint32_t high = source->state.gap_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (source->gaps[middle].last < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The oldest gap is given up; its numbers stay missing. */
static void forget_gap(struct tw_source *source)
{
    source->state.forgotten += source->gaps[0].last - source->gaps[0].first + 1;
    source->state.gap_count--;
    memmove(source->gaps, source->gaps + 1, source->state.gap_count * sizeof *source->gaps);
}

/* Put a gap at index `at`. The numbers are already counted as missing. */
static int insert_gap(const struct tw_cfg *cfg, struct tw_source *source, uint32_t at,
                      struct tw_gap gap)
{
    if (source->state.gap_count == (uint32_t)cfg->correlate.max_gap_ranges) {
        if (at == 0) {
            source->state.forgotten += gap.last - gap.first + 1;
            return TW_OK;
        }
        forget_gap(source);
        at--;
    }
    if (source->state.gap_count == source->gap_capacity) {
        uint32_t capacity = source->gap_capacity == 0 ? 4 : source->gap_capacity * 2;
        struct tw_gap *gaps = realloc(source->gaps, capacity * sizeof *gaps);
        if (gaps == NULL) {
            source->state.forgotten += gap.last - gap.first + 1;
            return TW_ENOMEM;
        }
        source->gaps = gaps;
        source->gap_capacity = capacity;
    }
    memmove(source->gaps + at + 1, source->gaps + at,
            (source->state.gap_count - at) * sizeof *source->gaps);
    source->gaps[at] = gap;
    source->state.gap_count++;
    return TW_OK;
}

/* A number inside gap `at` has come: shrink, split or remove the gap. */
static int fill_gap(const struct tw_cfg *cfg, struct tw_source *source, uint32_t at,
                    uint64_t number)
{
    struct tw_gap *gap = &source->gaps[at];
    source->state.missing--;
    source->state.filled++;
    if (gap->first == gap->last) {
        source->state.gap_count--;
        memmove(gap, gap + 1, (source->state.gap_count - at) * sizeof *gap);
    } else if (number == gap->first) {
        gap->first++;
    } else if (number == gap->last) {
        gap->last--;
    } else {
        struct tw_gap upper = {number + 1, gap->last};
        gap->last = number - 1;
        return insert_gap(cfg, source, at + 1, upper);
    }
    return TW_OK;
}

static int open_gap(const struct tw_cfg *cfg, struct tw_source *source, uint32_t at,
                    struct tw_gap gap, struct tw_totals *totals)
{
    totals->v[TW_TOTAL_sequence_gaps]++;
    source->state.missing += gap.last - gap.first + 1;
    return insert_gap(cfg, source, at, gap);
}

/* The source counts anew: what was missing before stays missing, without its numbers. */
static void rewind_sequence(struct tw_source *source, uint64_t number, struct tw_totals *totals)
{
    totals->v[TW_TOTAL_sequence_rewinds]++;
    source->state.rewinds++;
    source->state.forgotten = source->state.missing;
    source->state.gap_count = 0;
    source->state.sequence_base = number;
    source->state.sequence_highest = number;
}

/* Digits only, at most 19: fits in 63 bits. */
static bool parse_sequence(struct tw_str text, uint64_t *ret_number)
{
    while (text.len > 1 && *text.ptr == '0') {
        text.ptr++;
        text.len--;
    }
    if (text.len == 0 || text.len > 18) {
        return false;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)((unsigned char)text.ptr[i]) - '0';
        if (digit > 9) {
            return false;
        }
        number = number * 10 + digit;
    }
    *ret_number = number;
    return true;
}

static int apply_sequence(const struct tw_cfg *cfg, struct tw_source *source,
                          struct tw_str sequence, struct tw_totals *totals)
{
    struct tw_source_state *state = &source->state;
    uint64_t number = 0;
    if (!parse_sequence(sequence, &number)) {
        totals->v[TW_TOTAL_sequence_unreadable]++;
        state->unreadable++;
        return TW_OK;
    }
    if (state->sequence_base > state->sequence_highest) { /* the first */
        state->sequence_base = number;
        state->sequence_highest = number;
        return TW_OK;
    }
    if (number > state->sequence_highest) {
        struct tw_gap gap = {state->sequence_highest + 1, number - 1};
        state->sequence_highest = number;
        return gap.first <= gap.last ? open_gap(cfg, source, state->gap_count, gap, totals) : TW_OK;
    }
    if (number < state->sequence_base) {
        if (state->sequence_base - number > TW_SEQUENCE_EARLY) {
            rewind_sequence(source, number, totals);
            return TW_OK;
        }
        struct tw_gap gap = {number + 1, state->sequence_base - 1};
        state->sequence_base = number;
        return gap.first <= gap.last ? open_gap(cfg, source, 0, gap, totals) : TW_OK;
    }
    uint32_t at = gap_at(source, number);
    if (at < state->gap_count && source->gaps[at].first <= number) {
        totals->v[TW_TOTAL_sequence_filled]++;
        return fill_gap(cfg, source, at, number);
    }
    rewind_sequence(source, number, totals);
    return TW_OK;
}

static void apply_transit(struct tw_source *source, const struct tw_source_fact *fact)
{
    int64_t transit = fact->received.ns - fact->time.ns;
    if (fact->received.ns - source->transit_since.ns > TRANSIT_WINDOW_NS) {
        source->transit_before_ns = source->transit_now_ns;
        source->transit_now_ns = INT64_MAX;
        source->transit_since = fact->received;
    }
    if (transit < source->transit_now_ns) {
        source->transit_now_ns = transit;
    }
    source->state.transit_last_ns = transit;
    source->state.transit_min_ns = source->transit_now_ns < source->transit_before_ns
                                       ? source->transit_now_ns
                                       : source->transit_before_ns;
}

static int apply_store(struct tw_source_state *state, struct tw_str store)
{
    if (store.len == 0 || state->has_stores || tw_str_equal(state->store, store)) {
        return TW_OK;
    }
    if (state->store.ptr != NULL) {
        free((void *)(uintptr_t)state->store.ptr);
        state->store = TW_STR_NULL;
        state->has_stores = true;
        return TW_OK;
    }
    state->store = copy_text(store);
    return state->store.ptr == NULL ? TW_ENOMEM : TW_OK;
}

int tw_source_apply(struct tw_sources *self, struct tw_source *source,
                    const struct tw_source_fact *fact, struct tw_totals *totals)
{
    struct tw_source_state *state = &source->state;
    source->is_changed = true;
    state->tap = fact->tap;
    state->last_received = fact->received;
    if (state->first_received.ns == 0) {
        state->first_received = fact->received;
    }
    if (fact->kind == TW_RECORD_DUPLICATE) {
        state->duplicates++;
        return TW_OK;
    }
    if (fact->kind == TW_RECORD_CONFLICT) {
        state->conflicts++;
        return TW_OK;
    }
    state->events++;
    if (source->is_other) {
        totals->v[TW_TOTAL_sources_over_limit]++;
    }
    if (fact->has_time) {
        apply_transit(source, fact);
        if (fact->time.ns < state->last_time.ns) {
            state->out_of_order++;
        } else {
            state->last_time = fact->time;
        }
    }
    int rc = apply_store(state, fact->store);
    if (source->is_sequenced && fact->sequence.ptr != NULL) {
        int counted = apply_sequence(self->cfg, source, fact->sequence, totals);
        rc = rc == TW_OK ? counted : rc;
    }
    return rc;
}

int tw_sources_restore(struct tw_sources *self, const struct tw_source_state *state, uint64_t hash)
{
    struct tw_source *source = tw_sources_by_number(self, state->number);
    if (source == NULL) {
        if (state->number != self->count) {
            return TW_EDAMAGED;
        }
        bool is_other = tw_str_is(state->name, "(other)");
        int rc = add_source(self, state->name, is_other ? 0 : hash, &source);
        if (rc != TW_OK) {
            return rc;
        }
        source->is_other = is_other;
        self->new_from = self->count;
    }
    struct tw_str name = source->state.name;
    struct tw_str store = TW_STR_NULL;
    struct tw_gap *gaps = NULL;
    if (state->store.ptr != NULL) {
        store = copy_text(state->store);
        if (store.ptr == NULL) {
            return TW_ENOMEM;
        }
    }
    if (state->gap_count > 0) {
        gaps = malloc(state->gap_count * sizeof *gaps);
        if (gaps == NULL) {
            free((void *)(uintptr_t)store.ptr);
            return TW_ENOMEM;
        }
        memcpy(gaps, state->gaps, state->gap_count * sizeof *gaps);
    }
    free(source->gaps);
    free((void *)(uintptr_t)source->state.store.ptr);
    source->gaps = gaps;
    source->gap_capacity = state->gap_count;
    source->state = *state;
    source->state.name = name;
    source->state.store = store;
    source->state.gaps = NULL;
    source->is_changed = false;
    if (state->first_received.ns == 0) {
        source->state.sequence_base = 1; /* known by name only: no number seen yet */
    }
    if (state->last_time.ns != 0) {
        source->transit_now_ns = state->transit_min_ns;
        source->transit_since = state->last_received;
    }
    source->rated_at = state->last_received;
    source->rated_events = state->events;
    return TW_OK;
}

/* Exponentially weighted events per second, as of now. */
static void update_rate(struct tw_source *source, tw_wall_t now)
{
    double seconds = (double)(now.ns - source->rated_at.ns) / (double)TW_NS_PER_S;
    if (source->rated_at.ns == 0 || seconds <= 0) {
        source->rated_at = now;
        source->rated_events = source->state.events;
        return;
    }
    double keep = exp(-seconds / RATE_SECONDS);
    double lately = (double)(source->state.events - source->rated_events) / seconds;
    source->state.rate = source->state.rate * keep + lately * (1.0 - keep);
    if (source->state.rate < RATE_FLOOR) {
        source->state.rate = 0.0;
    }
    source->rated_at = now;
    source->rated_events = source->state.events;
}

static int copy_state(const struct tw_source *source, struct tw_arena *arena,
                      struct tw_source_state *ret_state)
{
    *ret_state = source->state;
    ret_state->name = tw_arena_copy(arena, source->state.name);
    ret_state->store = tw_arena_copy(arena, source->state.store);
    if (source->state.store.ptr != NULL && ret_state->store.ptr == NULL) {
        return TW_ENOMEM;
    }
    size_t bytes = source->state.gap_count * sizeof(struct tw_gap);
    struct tw_gap *gaps = NULL;
    if (bytes > 0) {
        gaps = tw_arena_alloc(arena, bytes);
        if (gaps == NULL) {
            return TW_ENOMEM;
        }
        memcpy(gaps, source->gaps, bytes);
    }
    ret_state->gaps = gaps;
    return ret_state->name.ptr == NULL ? TW_ENOMEM : TW_OK;
}

int tw_sources_checkpoint(struct tw_sources *self, bool all, tw_wall_t now, struct tw_arena *arena,
                          const struct tw_source_state **ret_states, size_t *ret_count)
{
    size_t wanted = 0;
    for (size_t i = 0; i < self->count; i++) {
        wanted += all || self->by_number[i]->is_changed ? 1 : 0;
    }
    struct tw_source_state *states = tw_arena_alloc(arena, (wanted + 1) * sizeof *states);
    if (states == NULL) {
        return TW_ENOMEM;
    }
    size_t count = 0;
    for (size_t i = 0; i < self->count; i++) {
        struct tw_source *source = self->by_number[i];
        if (!all && !source->is_changed) {
            continue;
        }
        update_rate(source, now);
        int rc = copy_state(source, arena, &states[count]);
        if (rc != TW_OK) {
            return rc;
        }
        count++;
        source->is_changed = source->state.rate > 0.0;
    }
    *ret_states = states;
    *ret_count = count;
    return TW_OK;
}

int tw_sources_take_new(struct tw_sources *self, struct tw_arena *arena,
                        const struct tw_source_state **ret_states, size_t *ret_count)
{
    *ret_count = 0;
    *ret_states = NULL;
    if (self->new_from == self->count) {
        return TW_OK;
    }
    struct tw_source_state *states =
        tw_arena_alloc(arena, (self->count - self->new_from) * sizeof *states);
    if (states == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = self->new_from; i < self->count; i++) {
        int rc = copy_state(self->by_number[i], arena, &states[i - self->new_from]);
        if (rc != TW_OK) {
            return rc;
        }
    }
    *ret_states = states;
    *ret_count = self->count - self->new_from;
    self->new_from = self->count;
    return TW_OK;
}
