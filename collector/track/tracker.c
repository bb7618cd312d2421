/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/tracker.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "track/failures.h"

/* Objects that are asked ahead for; events with more of them are rare. */
#define CARRIED_AHEAD 4
/* Runs of one root that an event may begin at a time: one for each workflow keyed by its type. */
#define BEGIN_MAX TW_WF_MAX

/* Objects of linking types, as the graph wants them: worked out once. */
struct carried {
    bool is_known;
    size_t count;
    struct tw_graph_object objects[CARRIED_AHEAD];
};

struct tw_track_note {
    struct carried *carried; /* filled when it is asked ahead for; beside the note */
    struct tw_match match;
    struct tw_str store;  /* whether it matches or not: the store lives, ... */
    struct tw_str region; /* ... and is there */
    uint16_t system;      /* words */
    uint64_t sequence;    /* of a sequenced source; 0: none */
};

/* --- creation --------------------------------------------------------------------------------- */

static int learn_types(struct tw_tracker *self)
{
    for (size_t i = 0; i < self->cfg->object_count; i++) {
        int code = self->object_code(self->context, self->cfg->objects[i].type);
        if (code < 0 || code > UINT16_MAX) {
            continue;
        }
        if ((size_t)code >= self->type_count) {
            uint8_t *is_linking = realloc(self->is_linking, (size_t)code + 1);
            if (is_linking == NULL) {
                return TW_ENOMEM;
            }
            memset(is_linking + self->type_count, 0, (size_t)code + 1 - self->type_count);
            self->is_linking = is_linking;
            self->type_count = (size_t)code + 1;
        }
        self->is_linking[code] = self->cfg->objects[i].is_linking ? 1 : 0;
    }
    return TW_OK;
}

static uint32_t least(int64_t value, uint32_t most)
{
    return value > (int64_t)most ? most : (uint32_t)value;
}

static bool concerns_type(void *tracker, uint32_t match, uint16_t type)
{
    const struct tw_tracker *self = tracker;
    const struct tw_match_entry *entries = NULL;
    size_t count = tw_matcher_entries(self->matcher, match, &entries);
    for (size_t i = 0; i < count; i++) {
        if (self->flows[entries[i].version].object_type == type) {
            return true;
        }
    }
    return false;
}

static int graph_new(struct tw_tracker *self)
{
    const struct tw_graph_options options = {
        .max_hops = least(self->cfg->correlate.max_hops, TW_GRAPH_HOPS_MAX),
        .max_links = least(self->cfg->correlate.max_links, TW_GRAPH_LINKS_MAX),
        .max_events = least(self->cfg->correlate.max_journey_events, TW_GRAPH_EVENTS_MAX),
        .linger_s = least(self->cfg->track.linger_s, TW_GRAPH_LINGER_S_MAX),
        .max_objects = least(self->cfg->track.max_objects, TW_GRAPH_OBJECTS_MAX),
        .on_forget = tw_runs_forget_root,
        .concerns = concerns_type,
        .context = self,
    };
    return tw_graph_new(&options, &self->graph);
}

/* The stores that the configuration expects, as words. */
static int expected_stores(struct tw_tracker *self)
{
    size_t count = self->cfg->track.expected_stores.count;
    free(self->expected);
    self->expected_count = 0;
    self->expected = calloc(count + 1, sizeof *self->expected);
    int rc = self->expected == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        uint32_t word = 0;
        rc = tw_words_add(&self->stores, tw_str_of(self->cfg->track.expected_stores.items[i]),
                          &word);
        if (rc == TW_OK && word != 0) {
            self->expected[self->expected_count++] = word;
        }
    }
    return rc;
}

int tw_tracker_open_state(struct tw_tracker *self)
{
    self->rosters.before = &self->rosters;
    self->rosters.after = &self->rosters;
    self->oldest = TW_TRACK_NONE;
    self->newest = TW_TRACK_NONE;
    self->relist = TW_TRACK_NONE;
    self->store_left.run = TW_TRACK_NONE;
    self->open_last.series = TW_TRACK_NONE;
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        self->lag_last[i].series = TW_TRACK_NONE;
        for (size_t k = 0; k < TW_SYSTEM_GAUGES; k++) {
            self->system_last[i][k].series = TW_TRACK_NONE;
        }
        self->silent_last[i].series = TW_TRACK_NONE;
        self->events_sum[i].series = TW_TRACK_NONE;
        self->missing_sum[i].series = TW_TRACK_NONE;
        self->verdict_last[i].series = TW_TRACK_NONE;
        tw_cause_gauges_init(&self->system_failures[i]);
        tw_cause_gauges_init(&self->system_retries[i]);
    }
    self->stores_silent_last.series = TW_TRACK_NONE;
    for (size_t i = 0; i < TW_TRACK_INTAKE_COUNT; i++) {
        self->intake_sums[i].series = TW_TRACK_NONE;
    }
    tw_words_init(&self->systems, TW_WATERMARK_SYSTEMS - 1, self->seed);
    tw_words_init(&self->stores, TW_TRACK_WORDS_MAX, self->seed);
    tw_words_init(&self->regions, TW_TRACK_WORDS_MAX, self->seed);
    tw_words_init(&self->codes, TW_TRACK_WORDS_MAX, self->seed);
    tw_watermark_init(&self->watermark, self->cfg->track.idle_s * TW_NS_PER_S);
    self->carried = calloc(TW_GRAPH_CARRIED_MAX, sizeof *self->carried);
    int rc = self->carried == NULL ? TW_ENOMEM : learn_types(self);
    rc = rc == TW_OK ? graph_new(self) : rc;
    rc = rc == TW_OK ? tw_matcher_new(&self->matcher) : rc;
    rc = rc == TW_OK ? tw_matcher_set(self->matcher, self->set) : rc;
    return rc == TW_OK ? tw_tracker_define(self) : rc;
}

int tw_tracker_define(struct tw_tracker *self)
{
    int rc = expected_stores(self);
    if (rc == TW_OK && self->zone == NULL) {
        rc = tw_zone_new(self->cfg->track.timezone, &self->zone);
        rc = rc == TW_ENOMEM ? rc : TW_OK; /* checked with the rules; UTC should it have gone */
    }
    return rc == TW_OK ? tw_flows_update(self) : rc;
}

void tw_tracker_close_state(struct tw_tracker *self)
{
    tw_runs_free_all(self);
    tw_graph_destroy(&self->graph);
    tw_flows_fini(self);
    tw_zone_destroy(&self->zone);
    tw_matcher_destroy(&self->matcher);
    tw_roster_drop(&self->roster);
    tw_words_fini(&self->systems);
    tw_words_fini(&self->stores);
    tw_words_fini(&self->regions);
    tw_words_fini(&self->codes);
    tw_places_fini(&self->places);
    free(self->store_regions);
    tw_watermark_fini(&self->watermark);
    for (size_t i = 0; i < self->series_count; i++) {
        free(self->series[i].labels);
    }
    free(self->series);
    free(self->is_linking);
    free(self->expected);
    free(self->store_seen_ns);
    free(self->store_event_ns);
    tw_stores_fini(self);
    tw_heard_fini(self);
    free(self->skews);
    for (size_t i = 0; i < self->sequence_count; i++) {
        tw_sequence_fini(&self->sequences[i]);
    }
    free(self->sequences);
    free(self->recent);
    free(self->recent_runs);
    free(self->roots);
    free(self->carried);
    free(self->dirty);
    free(self->decisions);
    free(self->spends);
}

int tw_tracker_empty(struct tw_tracker *self)
{
    tw_tracker_close_state(self);
    *self = (struct tw_tracker){.cfg = self->cfg,
                                .object_code = self->object_code,
                                .past = self->past,
                                .context = self->context,
                                .past_context = self->past_context,
                                .seed = self->seed,
                                .set = self->set};
    return tw_tracker_open_state(self);
}

int tw_tracker_new(const struct tw_tracker_options *options, struct tw_tracker **ret_tracker)
{
    struct tw_tracker *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = options->cfg;
    self->object_code = options->object_code;
    self->context = options->context;
    self->seed = options->seed;
    self->past = options->past;
    self->past_context = options->past_context;
    self->set = tw_workflows_ref(options->workflows);
    int rc = tw_tracker_open_state(self);
    if (rc != TW_OK) {
        tw_tracker_destroy(&self);
        return rc;
    }
    *ret_tracker = self;
    return TW_OK;
}

void tw_tracker_destroy(struct tw_tracker **self_p)
{
    struct tw_tracker *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        tw_tracker_close_state(self);
        tw_workflows_unref(&self->set);
        free(self);
    }
}

int tw_tracker_reload(struct tw_tracker *self, const struct tw_workflows *workflows)
{
    int rc = tw_matcher_set(self->matcher, workflows);
    if (rc != TW_OK) {
        return rc;
    }
    const struct tw_workflows *before = self->set;
    self->set = tw_workflows_ref(workflows);
    rc = tw_flows_update(self);
    tw_workflows_unref(&before);
    self->wants_snapshot = true;
    return rc == TW_OK ? tw_flows_retire(self) : rc;
}

/* --- one event -------------------------------------------------------------------------------- */

static bool is_idle(const struct tw_tracker *self)
{
    return self->set->count == 0 && self->live_runs == 0;
}

/* The first rule that fits decides, as for the gaps of sources. */
static bool is_sequenced(const struct tw_cfg *cfg, struct tw_str source)
{
    for (size_t i = 0; i < cfg->source_count; i++) {
        struct tw_str pattern = tw_str_of(cfg->sources[i].match);
        bool is_prefix = pattern.len > 0 && pattern.ptr[pattern.len - 1] == '*';
        pattern.len -= is_prefix ? 1 : 0;
        if (is_prefix ? tw_str_starts(source, pattern) : tw_str_equal(source, pattern)) {
            return cfg->sources[i].is_sequenced;
        }
    }
    return false;
}

/* What runs of no region, and of too many, are counted under is no name of one. */
static struct tw_str region_named(struct tw_str text)
{
    return tw_str_is(text, TW_TRACK_NO_REGION) || tw_str_is(text, TW_TRACK_OTHER_REGIONS)
               ? TW_STR_NULL
               : text;
}

int tw_tracker_note(struct tw_tracker *self, const struct tw_event *event, struct tw_arena *arena,
                    const struct tw_track_note **ret_note)
{
    *ret_note = NULL;
    if (is_idle(self)) {
        return TW_OK;
    }
    struct tw_track_note *note = tw_arena_zalloc(arena, sizeof *note);
    struct carried *carried = tw_arena_zalloc(arena, sizeof *carried);
    if (note == NULL || carried == NULL) {
        return TW_ENOMEM;
    }
    note->carried = carried;
    int rc = tw_matcher_match(self->matcher, event, &note->match);
    uint32_t system = 0;
    rc = rc == TW_OK ? tw_words_add(&self->systems, event->attr[TW_ATTR_SYSTEM], &system) : rc;
    note->system = (uint16_t)system;
    note->store = event->attr[TW_ATTR_STOREID];
    note->region = region_named(event->attr[TW_ATTR_REGION]);
    if (is_sequenced(self->cfg, event->attr[TW_ATTR_SOURCE])) {
        note->sequence = tw_sequence_parse(event->attr[TW_ATTR_SEQUENCE]);
    }
    *ret_note = rc == TW_OK ? note : NULL;
    return rc;
}

static int skew_of(struct tw_tracker *self, uint32_t source, struct tw_skew **ret_skew)
{
    if (source >= self->skew_count) {
        size_t count = self->skew_count == 0 ? 64 : self->skew_count;
        while (count <= source) {
            count *= 2;
        }
        struct tw_skew *skews = realloc(self->skews, count * sizeof *skews);
        if (skews == NULL) {
            return TW_ENOMEM;
        }
        memset(skews + self->skew_count, 0, (count - self->skew_count) * sizeof *skews);
        self->skews = skews;
        self->skew_count = count;
    }
    *ret_skew = &self->skews[source];
    return TW_OK;
}

/* When it was seen last decides whether a store is expected to answer; the time of its latest event
 * says how far behind its events are. */
static int see_store(struct tw_tracker *self, uint32_t word, tw_wall_t time)
{
    if (word == 0) {
        return TW_OK;
    }
    if (word > self->store_seen_count) {
        size_t count = self->store_seen_count == 0 ? 64 : self->store_seen_count;
        while (count < word) {
            count *= 2;
        }
        int64_t *seen = realloc(self->store_seen_ns, count * sizeof *seen);
        if (seen == NULL) {
            return TW_ENOMEM;
        }
        self->store_seen_ns = seen;
        int64_t *events = realloc(self->store_event_ns, count * sizeof *events);
        if (events == NULL) {
            return TW_ENOMEM;
        }
        self->store_event_ns = events;
        for (size_t i = self->store_seen_count; i < count; i++) {
            seen[i] = INT64_MIN;
            events[i] = INT64_MIN;
        }
        self->store_seen_count = count;
    }
    self->store_seen_ns[word - 1] = self->now_ns;
    if (time.ns > self->store_event_ns[word - 1]) {
        self->store_event_ns[word - 1] = time.ns;
    }
    return TW_OK;
}

/* What is learned from any event: watermarks, words. */
static int see(struct tw_tracker *self, const struct tw_record *record,
               const struct tw_track_note *note, struct tw_seen *ret_seen)
{
    int rc = tw_heard_time(self, record->received.ns);
    *ret_seen = (struct tw_seen){.n = record->n,
                                 .time = tw_track_time(record->received),
                                 .match = note->match.id,
                                 .cause = note->match.cause != TW_CAUSE_NONE &&
                                                  record->cause != TW_CAUSE_NONE
                                              ? record->cause
                                              : note->match.cause,
                                 .record = record,
                                 .said = &note->match};
    if (record->has_time) {
        ret_seen->time = tw_skew_apply(record->clock_ns, record->received, record->time);
    }
    self->system_seen_ns[note->system] = self->now_ns;
    self->events_sum[note->system].value++;
    rc = rc == TW_OK ? tw_watermark_see(&self->watermark, record->source, note->system,
                                        record->received, ret_seen->time)
                     : rc;
    rc = rc == TW_OK ? tw_words_add(&self->stores, note->store, &ret_seen->store) : rc;
    rc = rc == TW_OK ? see_store(self, ret_seen->store, ret_seen->time) : rc;
    rc = rc == TW_OK ? tw_heard_event(self, record, ret_seen->store, ret_seen->time) : rc;
    rc = rc == TW_OK ? tw_words_add(&self->regions, note->region, &ret_seen->region) : rc;
    const struct tw_place place = {(uint16_t)ret_seen->store, (uint16_t)ret_seen->region};
    rc = rc == TW_OK ? tw_places_add(&self->places, place, &ret_seen->place) : rc;
    rc = rc == TW_OK ? tw_regions_learn(self, ret_seen) : rc;
    return rc == TW_OK ? tw_words_add(&self->codes, note->match.code, &ret_seen->code) : rc;
}

/* Versions under which a run of this root is to begin: current, keyed by its type, of a workflow
 * that it has no run of. */
struct beginning {
    uint32_t versions[BEGIN_MAX];
    size_t count;
};

static void look_for_beginnings(const struct tw_tracker *self, uint32_t root, uint16_t type,
                                uint32_t match, struct beginning *beginning)
{
    const struct tw_match_entry *entries = NULL;
    size_t count = tw_matcher_entries(self->matcher, match, &entries);
    for (size_t i = 0; i < count; i++) {
        uint32_t version = entries[i].version;
        const struct tw_flow *flow = &self->flows[version];
        bool is_known = beginning->count == BEGIN_MAX || !flow->is_usable ||
                        flow->object_type != type ||
                        !tw_matcher_is_current(self->matcher, version) ||
                        tw_runs_find(self, root, flow->stats) != TW_TRACK_NONE;
        for (size_t k = 0; k < beginning->count && !is_known; k++) {
            is_known = beginning->versions[k] == version;
        }
        if (!is_known) {
            beginning->versions[beginning->count++] = version;
        }
    }
}

static int begin_runs(struct tw_tracker *self, const struct tw_graph_root *root,
                      const struct beginning *beginning, const struct tw_seen *seen)
{
    int rc = TW_OK;
    for (size_t i = 0; i < beginning->count && rc == TW_OK; i++) {
        uint32_t id = 0;
        rc = tw_runs_create(self, root->object, beginning->versions[i], seen->record, &id);
        bool is_fact =
            root->is_reached && tw_progress_concerns(self, seen->match, beginning->versions[i]);
        rc = rc == TW_OK ? tw_progress_update(self, id, is_fact ? seen : NULL, true) : rc;
    }
    return rc;
}

static int update_root(struct tw_tracker *self, const struct tw_graph_root *root, uint16_t type,
                       const struct tw_seen *seen)
{
    struct beginning beginning = {.count = 0};
    int rc = TW_OK;
    if (root->is_anew) {
        const struct tw_graph_event *events = NULL;
        size_t count = 0;
        rc = tw_graph_events(self->graph, root->object, &events, &count);
        for (size_t i = 0; rc == TW_OK && i < count; i++) {
            look_for_beginnings(self, root->object, type, events[i].match, &beginning);
        }
    } else {
        look_for_beginnings(self, root->object, type, seen->match, &beginning);
    }
    for (uint32_t id = tw_runs_first(self, root->object); rc == TW_OK && id != TW_TRACK_NONE;
         id = self->runs[id]->next) {
        bool is_fact =
            root->is_reached && tw_progress_concerns(self, seen->match, self->runs[id]->version);
        if (is_fact || root->is_anew) {
            rc = tw_progress_update(self, id, is_fact ? seen : NULL, root->is_anew);
        }
    }
    return rc == TW_OK ? begin_runs(self, root, &beginning, seen) : rc;
}

/* The roots of one type that the event reaches or has changed. */
static int update_type(struct tw_tracker *self, uint16_t type, const struct tw_seen *seen)
{
    const struct tw_graph_root *roots = NULL;
    size_t count = 0;
    int rc = tw_graph_reached(self->graph, type, &roots, &count);
    if (rc != TW_OK || count == 0) {
        return rc;
    }
    if (count > self->root_capacity) {
        struct tw_graph_root *copy = realloc(self->roots, count * sizeof *copy);
        if (copy == NULL) {
            return TW_ENOMEM;
        }
        self->roots = copy;
        self->root_capacity = count;
    }
    memcpy(self->roots, roots, count * sizeof *roots); /* the graph's own do not last */
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = update_root(self, &self->roots[i], type, seen);
    }
    return rc;
}

/* Objects of linking types, as the graph wants them; at most `room`. */
static size_t carried_by(const struct tw_tracker *self, const struct tw_record *record,
                         struct tw_graph_object *objects, size_t room)
{
    size_t count = 0;
    for (uint32_t i = 0; i < record->object_count && count < room; i++) {
        const struct tw_object *object = &record->objects[i];
        if (object->type < self->type_count && self->is_linking[object->type] != 0) {
            objects[count++] = (struct tw_graph_object){
                tw_graph_key(self->seed, object->type, object->scope, object->id), object->type};
        }
    }
    return count;
}

enum tw_cause tw_tracker_note_cause(const struct tw_track_note *note)
{
    return note == NULL ? TW_CAUSE_NONE : (enum tw_cause)note->match.cause;
}

const unsigned tw_tracker_ahead_at[TW_TRACK_AHEAD_STAGES] = {TW_TRACK_AHEAD, 16, 8, 4};

void tw_tracker_ahead(struct tw_tracker *self, const struct tw_record *record,
                      const struct tw_track_note *note, unsigned stage)
{
    if (note == NULL || record->object_count > CARRIED_AHEAD) {
        return;
    }
    struct carried *carried = note->carried;
    if (!carried->is_known) {
        carried->is_known = true;
        carried->count = carried_by(self, record, carried->objects, CARRIED_AHEAD);
    }
    if (stage == 0) {
        tw_graph_prefetch_slots(self->graph, carried->objects, carried->count);
    } else if (stage == 1) {
        tw_graph_prefetch_objects(self->graph, carried->objects, carried->count);
    } else if (stage == 2) {
        tw_graph_prefetch_events(self->graph, carried->objects, carried->count);
    } else {
        for (size_t i = 0; i < carried->count; i++) {
            uint32_t object = tw_graph_find(self->graph, &carried->objects[i]);
            uint32_t id = object == TW_GRAPH_NONE ? TW_TRACK_NONE : tw_runs_first(self, object);
            if (id != TW_TRACK_NONE) {
                __builtin_prefetch(self->runs[id]);
                __builtin_prefetch((const char *)self->runs[id] + 128);
            }
        }
    }
}

/* Into the graph; when there is no room, the oldest open runs are given up for it. */
static int add(struct tw_tracker *self, const struct tw_seen *seen,
               const struct tw_graph_object *objects, size_t count,
               struct tw_graph_added *ret_added)
{
    const struct tw_graph_event event = {.n = seen->n,
                                         .time = seen->time,
                                         .match = seen->match,
                                         .place = seen->place,
                                         .cause = seen->cause};
    const tw_wall_t now = {self->now_ns};
    int rc = tw_graph_add(self->graph, &event, objects, count, now, ret_added);
    for (int i = 0; rc == TW_ELIMIT && i < 64 && self->oldest != TW_TRACK_NONE; i++) {
        self->evicted++;
        rc = tw_progress_give_up(self, self->oldest);
        rc = rc == TW_OK ? tw_graph_add(self->graph, &event, objects, count, now, ret_added) : rc;
    }
    return rc;
}

static bool is_followed(const struct tw_tracker *self, const struct tw_record *record,
                        const struct tw_track_note *note)
{
    return note != NULL && record->kind == TW_RECORD_EVENT && !is_idle(self);
}

/* One event whose clock is known. */
static int follow(struct tw_tracker *self, const struct tw_record *record,
                  const struct tw_track_note *note)
{
    struct tw_seen seen;
    int rc = see(self, record, note, &seen);
    if (rc == TW_OK) {
        tw_failures_retry(self, &seen);
    }
    if (rc == TW_OK && note->sequence != 0) {
        rc = tw_contribute_sequence(self, &seen, note->system, note->sequence);
    }
    const struct tw_graph_object *objects = note->carried->objects;
    size_t count = note->carried->count;
    if (!note->carried->is_known) {
        objects = self->carried;
        count = carried_by(self, record, self->carried, TW_GRAPH_CARRIED_MAX);
    }
    if (rc != TW_OK || count == 0) {
        return rc;
    }
    struct tw_graph_added added = {0};
    rc = add(self, &seen, objects, count, &added);
    if (rc == TW_ELIMIT) {
        self->dropped++;
        return TW_OK;
    }
    for (size_t i = 0; i < self->root_type_count && rc == TW_OK; i++) {
        uint16_t type = self->root_types[i];
        if ((added.is_linking && tw_graph_is_linking(self->graph, type)) ||
            concerns_type(self, seen.match, type)) {
            rc = update_type(self, type, &seen);
        }
    }
    return rc;
}

int tw_tracker_apply(struct tw_tracker *self, struct tw_record *record,
                     const struct tw_track_note *note)
{
    struct tw_skew *skew = NULL;
    record->clock_ns = 0;
    if (!is_followed(self, record, note)) {
        return TW_OK;
    }
    int rc = skew_of(self, record->source, &skew);
    if (rc == TW_OK && record->has_time) {
        record->clock_ns = tw_skew_fold(skew, record->received, record->time);
    }
    return rc == TW_OK ? follow(self, record, note) : rc;
}

int tw_tracker_repeat(struct tw_tracker *self, const struct tw_record *record,
                      const struct tw_track_note *note)
{
    struct tw_skew *skew = NULL;
    if (!is_followed(self, record, note)) {
        return TW_OK;
    }
    int rc = skew_of(self, record->source, &skew);
    if (rc == TW_OK && record->has_time) {
        tw_skew_refold(skew, record->received, record->time, record->clock_ns);
    }
    return rc == TW_OK ? follow(self, record, note) : rc;
}

void tw_tracker_count(struct tw_tracker *self, enum tw_track_intake what, uint64_t more)
{
    self->intake_sums[what].value += (int64_t)more;
}

/* --- one tick --------------------------------------------------------------------------------- */

int tw_tracker_tick(struct tw_tracker *self, const struct tw_track_tick *tick)
{
    if (tick->now.ns <= self->tick.now.ns) {
        return TW_OK; /* replayed: the snapshot has it */
    }
    const tw_wall_t read_up_to = tw_track_time(tick->read_up_to);
    self->tick.now = tw_track_time(tick->now);
    if (read_up_to.ns > self->tick.read_up_to.ns) {
        self->tick.read_up_to = read_up_to;
    }
    int rc = tw_heard_time(self, tick->now.ns);
    self->has_ticked = true;
    tw_watermark_tick(&self->watermark, self->tick.now, self->tick.read_up_to);
    rc = rc == TW_OK ? tw_deadlines_tick(self) : rc;
    rc = rc == TW_OK ? tw_regions_tick(self) : rc;
    return rc == TW_OK ? tw_flows_retire(self) : rc;
}

int tw_tracker_look(struct tw_tracker *self, const char *workflow, const struct tw_object *object,
                    struct tw_tracker_run *ret_run)
{
    const struct tw_graph_object wanted = {
        tw_graph_key(self->seed, object->type, object->scope, object->id), object->type};
    uint32_t root = tw_graph_find(self->graph, &wanted);
    uint32_t id = root == TW_GRAPH_NONE ? TW_TRACK_NONE : tw_runs_first(self, root);
    while (id != TW_TRACK_NONE &&
           strcmp(self->flows[self->runs[id]->version].workflow->name, workflow) != 0) {
        id = self->runs[id]->next;
    }
    if (id == TW_TRACK_NONE) {
        return TW_ENOTFOUND;
    }
    struct tw_open_run *run = self->runs[id];
    ret_run->workflow = self->flows[run->version].workflow;
    ret_run->is_given_up = (run->flags & TW_RUN_GIVEN_UP) != 0;
    tw_wall_t finished = {0};
    return tw_progress_judge(self, run, ret_run->steps, &ret_run->state, &finished);
}

void tw_tracker_stats(const struct tw_tracker *self, struct tw_tracker_stats *ret_stats)
{
    struct tw_graph_stats graph;
    struct tw_matcher_stats matcher;
    tw_graph_stats(self->graph, &graph);
    tw_matcher_stats(self->matcher, &matcher);
    uint64_t queues = 0;
    for (size_t i = 0; i < self->flow_count; i++) {
        const struct tw_flow *flow = &self->flows[i];
        for (size_t k = 0; flow->workflow != NULL && k < flow->workflow->step_count; k++) {
            queues += tw_queue_bytes(&flow->steps[k].waiting) +
                      tw_queue_bytes(&flow->steps[k].overdue) +
                      tw_queue_bytes(&flow->steps[k].failed);
        }
        for (size_t k = 0; flow->workflow != NULL && k < flow->workflow->objective_count; k++) {
            queues += tw_queue_bytes(&flow->objectives[k].timer);
        }
    }
    *ret_stats = (struct tw_tracker_stats){
        .open_runs = self->open_runs,
        .objects = graph.objects,
        .events = graph.events,
        .bytes = graph.bytes + matcher.bytes + queues + self->run_bytes +
                 (uint64_t)self->run_capacity * (sizeof *self->runs + sizeof *self->free_runs) +
                 self->skew_count * sizeof *self->skews + tw_watermark_bytes(&self->watermark) +
                 self->store_seen_count * 2 * sizeof *self->store_seen_ns + tw_stores_bytes(self) +
                 tw_regions_bytes(self) + tw_heard_bytes(self) +
                 TW_TRACK_RECENT * (self->recent_bytes + sizeof *self->recent_runs),
        .evicted = self->evicted,
        .late = self->late,
    };
}
