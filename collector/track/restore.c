/* SPDX-License-Identifier: Apache-2.0
 * The state back from bytes, which may be anything: every number is checked before it is used, and
 * what depends on others (queues, gauges, lists) is made anew instead of being read. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/err.h"
#include "track/failures.h"
#include "track/state.h"

/* Where a version of the snapshot stands here. */
struct version {
    uint32_t here; /* TW_TRACK_NONE: not to be had */
    uint32_t step_count;
    uint32_t objective_count;
    uint32_t objectives[TW_WF_OBJECTIVES_MAX]; /* index here; TW_TRACK_NONE: no longer there */
};

/* Those that were saved, by number - 1; one reference of each is ours. */
struct rosters {
    struct tw_roster **items;
    uint32_t count;
};

struct reading {
    struct tw_tracker *tracker;
    struct tw_cursor cursor;
    struct version *versions;
    uint32_t version_count;
    struct rosters rosters;
};

static uint64_t get(struct reading *self)
{
    return tw_cursor_varint(&self->cursor);
}

static int64_t get_signed(struct reading *self)
{
    return tw_unzigzag(tw_cursor_varint(&self->cursor));
}

/* A time that tracking knows; 0: none. Else the input is damaged. */
static int64_t get_time(struct reading *self)
{
    int64_t ns = get_signed(self);
    self->cursor.failed = self->cursor.failed || !tw_track_is_time(ns);
    return ns;
}

/* The same, or INT64_MIN: never. */
static int64_t get_time_or_never(struct reading *self)
{
    int64_t ns = get_signed(self);
    self->cursor.failed = self->cursor.failed || (ns != INT64_MIN && !tw_track_is_time(ns));
    return ns;
}

static struct tw_str get_text(struct reading *self)
{
    return tw_cursor_bytes(&self->cursor, tw_cursor_varint(&self->cursor));
}

/* Minutes since 1970 that tracking knows are below this. */
#define MINUTES_MAX ((uint64_t)(TW_TRACK_TIME_MAX_NS / (60 * TW_NS_PER_S)) + 1)

/* More decisions than anybody comes to; sums of them have a number. */
#define COUNT_MAX (INT64_C(1) << 53)

/* A number that must be below a bound; else the input is damaged. */
static uint32_t get_below(struct reading *self, uint64_t bound)
{
    uint64_t value = get(self);
    if (value >= bound) {
        self->cursor.failed = true;
        return 0;
    }
    return (uint32_t)value;
}

static int64_t get_minute(struct reading *self)
{
    int64_t minute = get_signed(self);
    self->cursor.failed = self->cursor.failed || minute < 0 || (uint64_t)minute >= MINUTES_MAX;
    return minute;
}

static int state_of(const struct reading *self)
{
    return self->cursor.failed ? TW_EDAMAGED : TW_OK;
}

/* Bytes that are left: nothing can have more members than that. */
static uint64_t left(const struct reading *self)
{
    return (uint64_t)(self->cursor.end - self->cursor.p);
}

/* --- definitions ------------------------------------------------------------------------------ */

/* A definition that is no longer in force, from its text. One that is no longer accepted is left
 * out, and its runs with it. */
static int learn_version(struct tw_tracker *self, struct tw_str name, uint64_t hash,
                         struct tw_str text)
{
    char file[96];
    (void)snprintf(file, sizeof file, "%.*s.yaml", name.len > 80 ? 80 : (int)name.len,
                   name.len == 0 ? "" : name.ptr);
    const struct tw_workflows *set = NULL;
    char *faults = NULL;
    size_t faults_len = 0;
    FILE *report = open_memstream(&faults, &faults_len);
    if (report == NULL) {
        return TW_ENOMEM;
    }
    int rc = tw_workflows_parse(self->cfg, file, text.ptr, text.len, report, &set);
    (void)fclose(report); /* nobody reads it */
    free(faults);
    if (rc == TW_OK && set->count == 1 && set->items[0].version == hash) {
        rc = tw_matcher_add(self->matcher, set);
    }
    tw_workflows_unref(&set);
    return rc == TW_ENOMEM ? rc : TW_OK;
}

static int read_version(struct reading *self, struct version *version, int64_t *listed_ns)
{
    struct tw_tracker *tracker = self->tracker;
    char name[64];
    struct tw_str text_name = get_text(self);
    uint64_t hash = get(self);
    uint64_t slos = get(self);
    struct tw_str text = get_text(self);
    if (self->cursor.failed || text_name.len >= sizeof name) {
        return TW_EDAMAGED;
    }
    (void)snprintf(name, sizeof name, "%.*s", (int)text_name.len,
                   text_name.len == 0 ? "" : text_name.ptr);
    version->here = TW_TRACK_NONE;
    int rc = tw_matcher_find_exact(tracker->matcher, text_name, hash, slos, &version->here);
    if (rc == TW_ENOTFOUND && slos != 0) { /* the same definition, if not the same objectives */
        rc = tw_matcher_find_version(tracker->matcher, name, hash, &version->here);
    }
    if (rc == TW_ENOTFOUND) {
        rc = learn_version(tracker, text_name, hash, text);
        if (rc == TW_OK) { /* TW_ENOTFOUND: left out */
            (void)tw_matcher_find_version(tracker->matcher, name, hash, &version->here);
            (void)tw_matcher_find_exact(tracker->matcher, text_name, hash, 0, &version->here);
        }
    }
    version->step_count = get_below(self, TW_WF_STEPS_MAX + 1);
    for (uint32_t i = 0; i < version->step_count; i++) {
        listed_ns[i] = get_signed(self);
    }
    const struct tw_workflow *workflow = version->here == TW_TRACK_NONE
                                             ? NULL
                                             : tw_matcher_workflow(tracker->matcher, version->here);
    if (rc == TW_OK && workflow != NULL && workflow->step_count != version->step_count) {
        return TW_EDAMAGED;
    }
    version->objective_count = get_below(self, TW_WF_OBJECTIVES_MAX + 1);
    for (uint32_t i = 0; i < version->objective_count; i++) {
        struct tw_str objective = get_text(self);
        version->objectives[i] = TW_TRACK_NONE;
        for (size_t k = 0; workflow != NULL && k < workflow->objective_count; k++) {
            if (tw_str_is(objective, workflow->objectives[k].name)) {
                version->objectives[i] = (uint32_t)k;
            }
        }
    }
    return rc == TW_OK ? state_of(self) : rc;
}

static int read_versions(struct reading *self)
{
    uint64_t count = get(self);
    if (self->cursor.failed || count > TW_MATCH_VERSIONS_MAX) {
        return TW_EDAMAGED;
    }
    self->versions = calloc(count + 1, sizeof *self->versions);
    int64_t(*listed_ns)[TW_WF_STEPS_MAX] = calloc(count + 1, sizeof *listed_ns);
    int rc = self->versions == NULL || listed_ns == NULL ? TW_ENOMEM : TW_OK;
    for (uint64_t i = 0; i < count && rc == TW_OK; i++) {
        self->versions[i].here = TW_TRACK_NONE;
        bool is_there = tw_cursor_byte(&self->cursor) != 0;
        rc = is_there ? read_version(self, &self->versions[i], listed_ns[i]) : state_of(self);
    }
    self->version_count = (uint32_t)count;
    rc = rc == TW_OK ? tw_tracker_define(self->tracker) : rc;
    for (uint64_t i = 0; i < count && rc == TW_OK; i++) {
        const struct version *version = &self->versions[i];
        for (uint32_t k = 0; version->here != TW_TRACK_NONE && k < version->step_count; k++) {
            self->tracker->flows[version->here].steps[k].listed_ns = listed_ns[i][k];
        }
    }
    free(listed_ns);
    return rc;
}

/* --- what was seen ---------------------------------------------------------------------------- */

static int read_seen(struct reading *self)
{
    struct tw_tracker *tracker = self->tracker;
    uint64_t count = get(self);
    if (self->cursor.failed || count > left(self)) {
        return TW_EDAMAGED;
    }
    tracker->store_seen_ns = calloc(count + 1, sizeof *tracker->store_seen_ns);
    tracker->store_event_ns = calloc(count + 1, sizeof *tracker->store_event_ns);
    if (tracker->store_seen_ns == NULL || tracker->store_event_ns == NULL) {
        return TW_ENOMEM;
    }
    tracker->store_seen_count = count;
    for (uint64_t i = 0; i < count; i++) {
        tracker->store_seen_ns[i] = get_time_or_never(self);
        tracker->store_event_ns[i] = get_time_or_never(self);
    }
    count = get(self);
    if (self->cursor.failed || count >= TW_WATERMARK_SYSTEMS) {
        return TW_EDAMAGED;
    }
    for (uint64_t i = 1; i <= count; i++) {
        tracker->system_seen_ns[i] = get_time(self);
    }
    count = get(self);
    if (self->cursor.failed || count > left(self)) {
        return TW_EDAMAGED;
    }
    tracker->skews = calloc(count + 1, sizeof *tracker->skews);
    if (tracker->skews == NULL) {
        return TW_ENOMEM;
    }
    tracker->skew_count = count;
    int rc = TW_OK;
    for (uint64_t i = 0; i < count && rc == TW_OK; i++) {
        rc = tw_skew_decode(&tracker->skews[i], &self->cursor);
    }
    return rc;
}

static int read_sequences(struct reading *self)
{
    struct tw_tracker *tracker = self->tracker;
    uint64_t count = get(self);
    if (self->cursor.failed || count > left(self)) {
        return TW_EDAMAGED;
    }
    tracker->sequences = calloc(count + 1, sizeof *tracker->sequences);
    if (tracker->sequences == NULL) {
        return TW_ENOMEM;
    }
    tracker->sequence_count = count;
    int rc = TW_OK;
    for (uint64_t i = 0; i < count && rc == TW_OK; i++) {
        rc = tw_sequence_decode(&tracker->sequences[i], &self->cursor);
    }
    return rc;
}

static int read_words(struct reading *self)
{
    struct tw_tracker *tracker = self->tracker;
    struct tw_words *words[] = {&tracker->systems, &tracker->stores, &tracker->regions,
                                &tracker->codes};
    int rc = TW_OK;
    for (size_t i = 0; i < 4 && rc == TW_OK; i++) {
        rc = tw_words_decode(words[i], &self->cursor);
    }
    rc = rc == TW_OK ? tw_places_decode(&tracker->places, &self->cursor, tracker->stores.count,
                                        tracker->regions.count)
                     : rc;
    return rc == TW_OK ? tw_regions_read(tracker, &self->cursor) : rc;
}

/* --- counts ----------------------------------------------------------------------------------- */

static bool is_ring(const struct tw_lag_ring *ring)
{
    bool is_good = ring->next < TW_LAG_POINTS && ring->count <= TW_LAG_POINTS &&
                   tw_track_is_time(ring->heard_at.ns);
    for (size_t i = 0; i < TW_LAG_POINTS; i++) {
        is_good = is_good && tw_track_is_time(ring->points[i].at.ns) &&
                  tw_track_is_time(ring->points[i].oldest_ns);
    }
    return is_good;
}

/* A step that is no longer defined is read and left. */
static int read_step(struct reading *self, struct tw_flow_stats *stats)
{
    struct tw_step_stats *step = NULL;
    struct tw_step_stats nobody = {0};
    struct tw_sketch ignored;
    tw_sketch_init(&ignored);
    struct tw_str name = get_text(self);
    for (size_t i = 0; stats != NULL && i < stats->step_count; i++) {
        step = tw_str_is(name, stats->steps[i].name) ? &stats->steps[i] : step;
    }
    step = step == NULL ? &nobody : step;
    step->arrived = get(self);
    step->through = get(self);
    step->heard = get(self);
    for (size_t i = 0; i <= TW_LAG_BOUNDS; i++) {
        step->lag_totals.counts[i] = get(self);
    }
    step->lag_totals.sum_us = get(self);
    step->passed_ns = get_time(self);
    struct tw_str ring = tw_cursor_bytes(&self->cursor, sizeof step->ring);
    if (self->cursor.failed) {
        return TW_EDAMAGED;
    }
    memcpy(&step->ring, ring.ptr, sizeof step->ring);
    if (!is_ring(&step->ring)) {
        return TW_EDAMAGED;
    }
    int rc = TW_OK;
    for (size_t i = 0; i < TW_TRACK_LAG_MINUTES && rc == TW_OK; i++) {
        step->minute_of[i] = get_minute(self);
        if (step->minute_of[i] != 0) {
            rc = tw_sketch_decode(step == &nobody ? &ignored : &step->minutes[i], &self->cursor);
        }
    }
    tw_sketch_fini(&ignored);
    return rc == TW_OK ? state_of(self) : rc;
}

static int read_flow_stats(struct reading *self)
{
    struct tw_tracker *tracker = self->tracker;
    struct tw_flow_stats *stats = NULL;
    struct tw_flow_stats nobody = {0};
    struct tw_str name = get_text(self);
    for (size_t i = 0; i < tracker->stats_count; i++) {
        stats = tw_str_is(name, tracker->stats[i].name) ? &tracker->stats[i] : stats;
    }
    struct tw_flow_stats *into = stats == NULL ? &nobody : stats;
    into->had_traffic = tw_cursor_byte(&self->cursor) != 0;
    into->open = get(self);
    for (int i = 0; i <= TW_RUN_IS_COMPENSATED; i++) {
        into->by_state[i] = get(self);
    }
    int rc = tw_regions_read_flow(tracker, stats, &self->cursor);
    uint64_t count = get(self);
    rc = rc == TW_OK ? state_of(self) : rc;
    for (uint64_t i = 0; i < count && rc == TW_OK; i++) {
        rc = read_step(self, stats);
    }
    return rc;
}

static int read_objective(struct reading *self)
{
    struct tw_tracker *tracker = self->tracker;
    struct tw_objective_stats *row = NULL;
    struct tw_str name = get_text(self);
    for (size_t i = 0; i < tracker->objective_count; i++) {
        row = tw_str_is(name, tracker->objectives[i].name) ? &tracker->objectives[i] : row;
    }
    int64_t excluded = get_signed(self);
    self->cursor.failed = self->cursor.failed || excluded > COUNT_MAX || excluded < -COUNT_MAX;
    uint64_t traffic = get(self);
    if (self->cursor.failed) {
        return TW_EDAMAGED;
    }
    if (row != NULL) {
        row->excluded = excluded;
        row->fresh_traffic = traffic;
        return tw_budget_decode(row->budget, &self->cursor);
    }
    struct tw_budget *ignored = NULL; /* no longer defined: what it has is left */
    const struct tw_budget_spec spec = {
        .target_ppm = 500000, .window = TW_WINDOW_ROLLING, .window_ns = 3600 * TW_NS_PER_S};
    int rc = tw_budget_new(&spec, (tw_wall_t){tracker->now_ns}, &ignored);
    rc = rc == TW_OK ? tw_budget_decode(ignored, &self->cursor) : rc;
    tw_budget_destroy(&ignored);
    return rc;
}

static int read_stats(struct reading *self)
{
    uint64_t count = get(self);
    int rc = state_of(self);
    for (uint64_t i = 0; i < count && rc == TW_OK; i++) {
        rc = read_flow_stats(self);
    }
    count = get(self);
    rc = rc == TW_OK ? state_of(self) : rc;
    for (uint64_t i = 0; i < count && rc == TW_OK; i++) {
        rc = read_objective(self);
    }
    return rc;
}

/* --- rosters ---------------------------------------------------------------------------------- */

static int read_roster(struct reading *self, struct tw_roster **ret_roster)
{
    uint32_t limit = get_below(self, (uint64_t)self->tracker->stores.count + 1);
    uint32_t count = get_below(self, (uint64_t)limit + 1);
    struct tw_roster *roster = NULL;
    int rc = tw_roster_new(self->tracker, limit, &roster);
    if (rc != TW_OK) {
        return rc;
    }
    *ret_roster = roster;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t word = get_below(self, (uint64_t)roster->limit + 1);
        if (word == 0 || roster->positions[word] != 0) {
            return TW_EDAMAGED;
        }
        roster->words[roster->count++] = word;
        roster->positions[word] = roster->count;
    }
    return state_of(self);
}

static int read_rosters(struct reading *self)
{
    uint64_t count = get(self);
    if (self->cursor.failed || count > left(self)) {
        return TW_EDAMAGED;
    }
    self->rosters.items = calloc(count + 1, sizeof(struct tw_roster *));
    if (self->rosters.items == NULL) {
        return TW_ENOMEM;
    }
    int rc = TW_OK;
    while (rc == TW_OK && self->rosters.count < count) {
        rc = read_roster(self, &self->rosters.items[self->rosters.count++]);
    }
    uint32_t latest = get_below(self, count + 1);
    self->tracker->roster_ns = get_time(self);
    rc = rc == TW_OK ? state_of(self) : rc;
    if (rc == TW_OK && latest > 0) {
        self->tracker->roster = self->rosters.items[latest - 1];
        self->tracker->roster->references++;
    }
    return rc;
}

/* --- runs ------------------------------------------------------------------------------------- */

/* What a run's bytes say, before there is a run. */
struct read_run {
    uint32_t id;
    const struct version *version;
    uint32_t root;
    uint32_t roster;
    enum tw_waits waits[TW_WF_STEPS_MAX];
    int64_t since_ns[TW_WF_STEPS_MAX];
    uint16_t counted[TW_WF_STEPS_MAX];
    struct tw_contribution contributions[TW_WF_OBJECTIVES_MAX];
    struct tw_str object_id;
    struct tw_str object_scope;
    struct tw_open_run head; /* last: it may have more behind it, here it has not */
};

static void read_contribution(struct reading *self, struct tw_contribution *what)
{
    uint8_t state = tw_cursor_byte(&self->cursor);
    *what = (struct tw_contribution){.state = state & 7, .is_fired = (state & 8) != 0};
    if (what->state == TW_DECIDED_NONE && !what->is_fired) {
        return;
    }
    what->from_ns = get_time(self);
    what->minute = get_below(self, MINUTES_MAX);
    what->good = get_below(self, UINT32_MAX);
    what->bad = get_below(self, UINT32_MAX);
    what->cause = tw_cursor_byte(&self->cursor);
    what->step = tw_cursor_byte(&self->cursor);
    self->cursor.failed =
        self->cursor.failed || what->state > TW_EXCLUDED || what->cause >= TW_CAUSE_COUNT;
}

static void read_head(struct reading *self, struct read_run *run)
{
    struct tw_tracker *tracker = self->tracker;
    struct tw_open_run *head = &run->head;
    head->flags = (uint16_t)get_below(self, TW_RUN_FLAGS_END);
    head->state = tw_cursor_byte(&self->cursor);
    self->cursor.failed = self->cursor.failed || head->state > TW_RUN_IS_COMPENSATED;
    head->touched_s = get_below(self, (uint64_t)TW_TRACK_SECOND_MAX + 1);
    head->updated_s = get_below(self, (uint64_t)TW_TRACK_SECOND_MAX + 1);
    run->roster = get_below(self, (uint64_t)self->rosters.count + 1);
    head->done = get_below(self, UINT64_C(1) << 32);
    head->failed = get_below(self, UINT64_C(1) << 32);
    head->started_ns = get_time(self);
    head->has_amount = tw_cursor_byte(&self->cursor) != 0;
    head->amount_minor = get_signed(self);
    struct tw_str currency = tw_cursor_bytes(&self->cursor, sizeof head->currency);
    if (!self->cursor.failed) {
        memcpy(head->currency, currency.ptr, sizeof head->currency);
        head->currency[sizeof head->currency - 1] = '\0';
    }
    head->last_n = get(self);
    head->store_ns = get_time(self);
    head->store = (uint16_t)get_below(self, (uint64_t)tracker->stores.count + 1);
    head->region = (uint16_t)get_below(self, (uint64_t)tracker->regions.count + 1);
    head->code = (uint16_t)get_below(self, (uint64_t)tracker->codes.count + 1);
}

static int parse_run(struct reading *self, uint32_t slots, struct read_run *run)
{
    run->version = &self->versions[get_below(self, self->version_count)];
    run->root = get_below(self, TW_GRAPH_NONE);
    if (self->cursor.failed || run->id >= slots) {
        return TW_EDAMAGED;
    }
    read_head(self, run);
    for (uint32_t i = 0; i < run->version->step_count; i++) {
        uint8_t waits = tw_cursor_byte(&self->cursor);
        self->cursor.failed = self->cursor.failed || waits > TW_WAITS_LOST;
        run->waits[i] = (enum tw_waits)waits;
        run->since_ns[i] = waits == TW_WAITS_NOT ? 0 : get_time(self);
        if (waits != TW_WAITS_NOT) {
            run->head.since_room++;
        }
    }
    run->head.counted_room = tw_cursor_byte(&self->cursor);
    bool is_counted = run->head.counted_room > 0;
    self->cursor.failed =
        self->cursor.failed ||
        (is_counted && run->head.counted_room != tw_failures_room(run->version->step_count));
    for (uint32_t i = 0; is_counted && i < run->version->step_count; i++) {
        run->counted[i] = (uint16_t)get_below(self, UINT64_C(1) << 16);
        self->cursor.failed = self->cursor.failed || (run->counted[i] & ~TW_FAILURES_BITS) != 0;
    }
    for (uint32_t i = 0; i < run->version->objective_count; i++) {
        read_contribution(self, &run->contributions[i]);
        self->cursor.failed =
            self->cursor.failed || run->contributions[i].step >= run->version->step_count;
    }
    run->object_id = get_text(self);
    run->object_scope = get_text(self);
    bool is_named = run->object_id.len <= UINT8_MAX && run->object_scope.len <= UINT8_MAX &&
                    (run->object_id.len > 0 || run->object_scope.len == 0);
    return is_named ? state_of(self) : TW_EDAMAGED;
}

/* Room for runs in the slots that they had: the graph's user slots name them. */
static int put_slots(struct tw_tracker *self, uint32_t slots)
{
    self->runs = calloc((size_t)slots + 1, sizeof(struct tw_open_run *));
    self->free_runs = calloc((size_t)slots + 1, sizeof *self->free_runs);
    if (self->runs == NULL || self->free_runs == NULL) {
        return TW_ENOMEM;
    }
    self->run_capacity = slots;
    self->run_count = slots;
    return TW_OK;
}

static int place_contributions(struct tw_tracker *self, const struct read_run *from,
                               struct tw_open_run *run)
{
    struct tw_flow *flow = &self->flows[run->version];
    int rc = TW_OK;
    for (uint32_t i = 0; i < from->version->objective_count && rc == TW_OK; i++) {
        uint32_t here = from->version->objectives[i];
        const struct tw_contribution *what = &from->contributions[i];
        if (here == TW_TRACK_NONE) {
            continue;
        }
        tw_run_contributions(run)[here] = *what;
        if (what->state == TW_UNDECIDED) {
            self->objectives[flow->objectives[here].stats].undecided++;
            if (what->from_ns != 0) {
                rc = tw_queue_insert(&flow->objectives[here].timer,
                                     (struct tw_queue_entry){{what->from_ns}, from->id});
            }
        }
    }
    return rc;
}

/* Everything in its place. */
static int place_run(struct reading *self, const struct read_run *from)
{
    struct tw_tracker *tracker = self->tracker;
    uint32_t root = from->root;
    if (from->version->here == TW_TRACK_NONE) {
        return TW_OK; /* its definition is not to be had */
    }
    if (!tw_graph_has(tracker->graph, root) || tracker->runs[from->id] != NULL ||
        tw_graph_object(tracker->graph, root).type !=
            tracker->flows[from->version->here].object_type) {
        return TW_EDAMAGED;
    }
    struct tw_roster *roster = from->roster == 0 ? NULL : self->rosters.items[from->roster - 1];
    struct tw_flow *flow = &tracker->flows[from->version->here];
    if (flow->is_fan_out != (roster != NULL) ||
        tw_runs_find(tracker, root, flow->stats) != TW_TRACK_NONE) {
        return TW_EDAMAGED;
    }
    int rc = tw_runs_restore(tracker, from->id, root, from->version->here,
                             &(struct tw_run_head){.head = &from->head,
                                                   .roster = roster,
                                                   .object_id = from->object_id,
                                                   .object_scope = from->object_scope});
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_open_run *run = tracker->runs[from->id];
    for (uint32_t i = 0; i < from->version->step_count && rc == TW_OK; i++) {
        if (from->waits[i] != TW_WAITS_NOT) {
            rc = tw_progress_place(tracker, from->id, i, from->waits[i], from->since_ns[i]);
        }
    }
    for (uint32_t i = 0; run->counted_room > 0 && i < from->version->step_count; i++) {
        tw_failures_set(run, i, from->counted[i]);
    }
    rc = rc == TW_OK ? place_contributions(tracker, from, run) : rc;
    if (rc == TW_OK && (from->head.flags & TW_RUN_DIRTY) != 0) {
        rc = tw_runs_mark_dirty(tracker, from->id);
    }
    run->updated_s = from->head.updated_s;
    return rc;
}

static int read_runs(struct reading *self)
{
    struct tw_tracker *tracker = self->tracker;
    int rc = read_rosters(self);
    uint64_t slots = get(self);
    if (rc != TW_OK || self->cursor.failed ||
        slots > (uint64_t)tracker->cfg->track.max_open_runs * 4 + 1000) {
        return rc != TW_OK ? rc : TW_EDAMAGED;
    }
    rc = put_slots(tracker, (uint32_t)slots);
    while (rc == TW_OK) {
        struct read_run run = {0};
        uint64_t id = get(self);
        if (self->cursor.failed || id > slots) {
            return TW_EDAMAGED;
        }
        if (id == 0) {
            break;
        }
        run.id = (uint32_t)(id - 1);
        rc = parse_run(self, (uint32_t)slots, &run);
        rc = rc == TW_OK ? place_run(self, &run) : rc;
    }
    for (uint32_t id = (uint32_t)slots; rc == TW_OK && id-- > 0;) {
        if (tracker->runs[id] == NULL) {
            tracker->free_runs[tracker->free_count++] = id;
        } else {
            tw_runs_hold(tracker, tracker->runs[id]->root);
        }
    }
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int read_all(struct reading *self, uint64_t *ret_n)
{
    struct tw_tracker *tracker = self->tracker;
    struct tw_str magic = tw_cursor_bytes(&self->cursor, sizeof TW_STATE_MAGIC);
    if (self->cursor.failed || memcmp(magic.ptr, TW_STATE_MAGIC, sizeof TW_STATE_MAGIC) != 0 ||
        get(self) != TW_STATE_VERSION || get(self) != tw_state_types(tracker)) {
        return TW_EDAMAGED;
    }
    uint64_t last_n = get(self);
    tracker->now_ns = get_time(self);
    tracker->tick.now.ns = get_time(self);
    tracker->tick.read_up_to.ns = get_time(self);
    tracker->minute = get_minute(self);
    tracker->evicted = get(self);
    tracker->late = get(self);
    int rc = state_of(self);
    rc = rc == TW_OK ? read_versions(self) : rc;
    rc = rc == TW_OK ? read_words(self) : rc;
    rc = rc == TW_OK ? tw_tracker_define(tracker) : rc; /* expected stores, systems: by word */
    rc = rc == TW_OK ? read_seen(self) : rc;
    rc = rc == TW_OK ? read_sequences(self) : rc;
    rc = rc == TW_OK ? tw_heard_decode(tracker, &self->cursor) : rc;
    rc = rc == TW_OK ? tw_watermark_decode(&tracker->watermark, &self->cursor) : rc;
    rc = rc == TW_OK ? tw_matcher_restore(tracker->matcher, &self->cursor) : rc;
    rc = rc == TW_OK ? tw_graph_restore(tracker->graph, &self->cursor,
                                        tw_matcher_id_count(tracker->matcher))
                     : rc;
    rc = rc == TW_OK ? read_stats(self) : rc;
    rc = rc == TW_OK ? read_runs(self) : rc;
    if (rc == TW_OK && self->cursor.p != self->cursor.end) {
        rc = TW_EDAMAGED;
    }
    tracker->snapshot_n = last_n;
    tracker->snapshot_ns = tracker->now_ns;
    *ret_n = last_n;
    return rc;
}

int tw_tracker_restore(struct tw_tracker *self, const void *bytes, size_t len, uint64_t *ret_n)
{
    struct reading reading = {.tracker = self, .cursor = tw_cursor_of(bytes, len)};
    uint64_t n = 0;
    int rc = read_all(&reading, &n);
    free(reading.versions);
    for (uint32_t i = 0; i < reading.rosters.count; i++) {
        tw_roster_drop(&reading.rosters.items[i]);
    }
    free(reading.rosters.items);
    if (rc != TW_OK) {
        int emptied = tw_tracker_empty(self);
        return emptied != TW_OK ? emptied : (rc == TW_ENOMEM ? rc : TW_EDAMAGED);
    }
    *ret_n = n;
    return TW_OK;
}
