/* SPDX-License-Identifier: Apache-2.0
 * The runs of a journey: its events, matched and folded as the collector does it (track/match.h,
 * track/run.h), judged at the collector's last watermark. A run that the collector has listed shows
 * the state of its row.
 *
 * A run belongs to the journey's own object, and to every object of another type that keys a
 * workflow: of those the journey is read too, since events reach them by ways of their own. */
#include "config.h"
#include "web/api_failures.h"

#include <stdio.h>
#include <stdlib.h>

#include "event/event.h"
#include "track/match.h"
#include "track/skew.h"

#define RELATED_ONE   20 /* related objects whose runs are shown with one journey */
#define RELATED_LIST  4  /* ... with each of a list */
#define RELATED_BYTES (32u * 1024u * 1024u)
/* Of a lease's matcher; that of the retail pack takes a tenth of it. */
#define MATCHER_BYTES (8u * 1024u * 1024u)
#define FORMER_MAX    256 /* former definitions that it knows */

/* One workflow for one object. */
struct candidate {
    const struct tw_workflow *workflow; /* under which the run is, or would be */
    uint16_t version;                   /* its number in the matcher */
    bool has_row;
    struct tw_run_row row;
    struct tw_fact *facts;
    size_t fact_count;
    size_t fact_room;
    /* judged */
    bool has_started;
    enum tw_run_state state;
    tw_wall_t started;
    tw_wall_t finished;
    uint32_t expected; /* fan-out: stores; 0: not known */
    struct tw_step_status steps[TW_WF_STEPS_MAX];
};

/* What one question after runs needs. */
struct evaluation {
    struct tw_call *call;
    const struct tw_journey_limits *limits;
    struct tw_matcher *matcher;   /* the lease's */
    struct tw_event_views *views; /* of the journey's events, which linked ones share */
    json_t *overview;             /* the collector's; NULL: it has not said anything */
    bool with_steps;
    tw_mono_t deadline; /* of the object under way */
    json_t *runs;
    struct tw_arena related;
    struct tw_arena *arena; /* of the object under way: the call's, or `related` */
    struct candidate *candidates;
    size_t candidate_count;
    struct tw_str *stores; /* those that answered, in order; fan-out numbers are places in it */
    size_t store_count;
    size_t store_room;
};

/* ---- events and facts */

/* An attribute as the text that decoding makes of it; absent for what is no attribute. Integers of
 * CloudEvents have 32 bits; whole numbers are kept exactly up to 2^53. */
static int attribute_text(struct tw_arena *arena, const json_t *value, struct tw_str *ret_text)
{
    char number[32];
    double real = json_number_value(value);
    *ret_text = (struct tw_str){json_string_value(value), json_string_length(value)};
    if (json_is_boolean(value)) {
        *ret_text = json_is_true(value) ? TW_STR_LIT("true") : TW_STR_LIT("false");
    } else if (json_is_number(value) && real > -9e15 && real < 9e15) {
        (void)snprintf(number, sizeof number, "%.0f", real); /* always fits */
        *ret_text = tw_arena_copy(arena, tw_str_of(number));
        return ret_text->ptr == NULL ? TW_ENOMEM : TW_OK;
    }
    return TW_OK;
}

/* Attributes of the stored event as decoding gave them. Borrows from the view and the arena. */
static int event_of(struct evaluation *self, const struct tw_event_view *view,
                    struct tw_event_extra *extras, struct tw_event *ret_event)
{
    const char *name = NULL;
    json_t *value = NULL;
    struct tw_event event = {.extras = extras};
    json_object_foreach (view->json, name, value) {
        struct tw_str text;
        struct tw_str key = tw_str_of(name);
        int known = tw_attribute_find(key);
        if (attribute_text(self->arena, value, &text) != TW_OK) {
            return TW_ENOMEM;
        }
        if (text.ptr == NULL || tw_str_is(key, "data") || tw_str_is(key, "data_base64")) {
            continue;
        }
        if (known >= 0) {
            event.attr[known] = text;
        } else if (event.extra_count < TW_EVENT_MAX_EXTRAS) {
            extras[event.extra_count++] = (struct tw_event_extra){key, text};
        }
    }
    event.attr[TW_ATTR_SYSTEM] = view->system;
    *ret_event = event;
    return TW_OK;
}

static int add_fact(struct evaluation *self, struct candidate *candidate,
                    const struct tw_fact *fact)
{
    if (candidate->fact_count == candidate->fact_room) {
        size_t room = candidate->fact_room == 0 ? 16 : candidate->fact_room * 2;
        struct tw_fact *facts = tw_arena_alloc(self->arena, room * sizeof *facts);
        if (facts == NULL) {
            return TW_ENOMEM;
        }
        if (candidate->fact_count > 0) {
            memcpy(facts, candidate->facts, candidate->fact_count * sizeof *facts);
        }
        candidate->facts = facts;
        candidate->fact_room = room;
    }
    candidate->facts[candidate->fact_count++] = *fact;
    return TW_OK;
}

/* The number of a store for fan-out steps: its place among those that are configured, or among
 * those that were seen. 0: none, or not one that is expected. */
static int store_number(struct evaluation *self, struct tw_str store, uint32_t *ret_number)
{
    const struct tw_cfg_strings *fixed = &self->call->web->cfg->track.expected_stores;
    *ret_number = 0;
    for (size_t i = 0; i < fixed->count; i++) {
        if (tw_str_is(store, fixed->items[i])) {
            *ret_number = (uint32_t)i + 1;
        }
    }
    if (store.len == 0 || fixed->count > 0) {
        return TW_OK;
    }
    for (size_t i = 0; i < self->store_count; i++) {
        if (tw_str_equal(store, self->stores[i])) {
            *ret_number = (uint32_t)i + 1;
            return TW_OK;
        }
    }
    if (self->store_count == self->store_room) {
        size_t room = self->store_room == 0 ? 64 : self->store_room * 2;
        struct tw_str *stores = tw_arena_alloc(self->arena, room * sizeof *stores);
        if (stores == NULL) {
            return TW_ENOMEM;
        }
        if (self->store_count > 0) {
            memcpy(stores, self->stores, self->store_count * sizeof *stores);
        }
        self->stores = stores;
        self->store_room = room;
    }
    self->stores[self->store_count] = tw_arena_copy(self->arena, store);
    *ret_number = (uint32_t)++self->store_count;
    return self->stores[self->store_count - 1].ptr == NULL ? TW_ENOMEM : TW_OK;
}

static bool has_fan_out(const struct tw_workflow *workflow)
{
    for (size_t i = 0; i < workflow->step_count; i++) {
        if (workflow->steps[i].each == TW_EACH_STORE) {
            return true;
        }
    }
    return false;
}

/* Whether the event concerns runs of this object: an event that names objects of their type is
 * about those alone, one that names none about all it is linked to (track/graph.h). */
static bool is_about(const struct tw_record *record, const struct tw_object *object)
{
    bool names_another = false;
    for (uint32_t i = 0; i < record->object_count; i++) {
        const struct tw_object *carried = &record->objects[i];
        if (carried->type != object->type) {
            continue;
        }
        if (tw_str_equal(carried->id, object->id) && tw_str_equal(carried->scope, object->scope)) {
            return true;
        }
        names_another = true;
    }
    return !names_another;
}

/* What one event is to the candidates. */
static int take_event(struct evaluation *self, const struct tw_record *record)
{
    const struct tw_event_view *view = NULL;
    struct tw_event_extra extras[TW_EVENT_MAX_EXTRAS];
    struct tw_event event;
    struct tw_match match;
    const struct tw_match_entry *entries = NULL;
    size_t count = 0;
    int rc = tw_event_views_of(self->views, record, &view);
    if (rc == TW_OK) {
        rc = event_of(self, view, extras, &event);
    }
    if (rc == TW_OK) {
        rc = tw_matcher_match(self->matcher, &event, &match);
    }
    if (rc == TW_OK) {
        count = tw_matcher_entries(self->matcher, match.id, &entries);
    }
    for (size_t i = 0; i < count * self->candidate_count && rc == TW_OK; i++) {
        const struct tw_match_entry *entry = &entries[i / self->candidate_count];
        struct candidate *candidate = &self->candidates[i % self->candidate_count];
        if (entry->version != candidate->version) {
            continue;
        }
        struct tw_fact fact = {
            .n = record->n,
            .time = tw_skew_apply(record->clock_ns, record->received, record->time),
            .step = entry->step,
            .role = entry->role,
            .cause = match.cause != TW_CAUSE_NONE && record->cause != TW_CAUSE_NONE ? record->cause
                                                                                    : match.cause,
            .present = entry->present,
        };
        if (has_fan_out(candidate->workflow)) {
            rc = store_number(self, match.store, &fact.store);
        }
        rc = rc == TW_OK ? add_fact(self, candidate, &fact) : rc;
    }
    return rc;
}

/* ---- candidates */

/* The definition that the row's run is under; the one in force where it is not kept. */
static int know_version(struct evaluation *self, struct candidate *candidate)
{
    const char *name = candidate->workflow->name;
    const struct tw_workflows *set = NULL;
    uint32_t number = 0;
    int rc = TW_OK;
    if (candidate->has_row && candidate->row.version != candidate->workflow->version) {
        if (tw_matcher_find_version(self->matcher, name, candidate->row.version, &number) !=
            TW_OK) {
            rc = tw_api_definition(self->call, self->arena, name, candidate->row.version, &set);
        }
        if (rc == TW_OK && set != NULL && tw_matcher_add(self->matcher, set) == TW_ENOMEM) {
            rc = TW_ENOMEM;
        }
        tw_workflows_unref(&set);
        if (rc != TW_OK) {
            return rc;
        }
        if (tw_matcher_find_version(self->matcher, name, candidate->row.version, &number) ==
            TW_OK) {
            candidate->version = (uint16_t)number;
            candidate->workflow = tw_matcher_workflow(self->matcher, number);
            return TW_OK;
        }
    }
    rc = tw_matcher_find_version(self->matcher, name, candidate->workflow->version, &number);
    candidate->version = (uint16_t)number;
    return rc;
}

/* A candidate for every workflow that is keyed by this type. */
static int begin_candidates(struct evaluation *self, const struct tw_object *object,
                            const char *type)
{
    const struct tw_workflows *set = self->call->workflows;
    self->candidates = tw_arena_zalloc(self->arena, set->count * sizeof *self->candidates);
    self->candidate_count = 0;
    self->stores = NULL;
    self->store_count = 0;
    self->store_room = 0;
    int rc = self->candidates == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < set->count && rc == TW_OK; i++) {
        if (strcmp(set->items[i].object, type) != 0) {
            continue;
        }
        struct candidate *candidate = &self->candidates[self->candidate_count++];
        candidate->workflow = &set->items[i];
        rc = tw_reader_run(self->call->reader, self->arena, tw_str_of(set->items[i].name), object,
                           &candidate->row);
        candidate->has_row = rc == TW_OK;
        rc = rc == TW_ENOTFOUND ? TW_OK : rc;
        rc = rc == TW_OK ? know_version(self, candidate) : rc;
    }
    return rc;
}

/* ---- judging */

static tw_wall_t time_member(const json_t *json, const char *key)
{
    const char *text = json_string_value(json_object_get(json, key));
    tw_wall_t at = {INT64_MIN};
    if (text != NULL) {
        (void)tw_wall_parse(tw_str_of(text), &at); /* stays the beginning of time */
    }
    return at;
}

/* How far the collector has read of the system that is furthest behind, of those of the workflow.
 */
static tw_wall_t watermark_of(const struct evaluation *self, const struct tw_workflow *workflow)
{
    const json_t *systems = json_object_get(self->overview, "systems");
    tw_wall_t lowest = {INT64_MAX};
    for (size_t i = 0; i < workflow->step_count; i++) {
        for (size_t k = 0; k < json_array_size(systems); k++) {
            const json_t *system = json_array_get(systems, k);
            const char *name = json_string_value(json_object_get(system, "system"));
            if (name != NULL && strcmp(name, workflow->steps[i].system) == 0) {
                tw_wall_t at = time_member(system, "watermark");
                lowest = at.ns < lowest.ns ? at : lowest;
            }
        }
    }
    return lowest.ns == INT64_MAX ? time_member(self->overview, "watermark") : lowest;
}

static int judge_with(struct evaluation *self, struct candidate *candidate, uint32_t expected)
{
    struct tw_run *run = calloc(1, tw_run_bytes(candidate->workflow));
    int rc = run == NULL ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK) {
        tw_run_begin(run, candidate->workflow, expected);
    }
    for (size_t i = 0; i < candidate->fact_count && rc == TW_OK; i++) {
        struct tw_fact fact = candidate->facts[i];
        fact.store = fact.store > expected ? 0 : fact.store;
        rc = tw_run_fold(run, &fact);
    }
    if (rc == TW_OK) {
        candidate->state =
            tw_run_judge(run, watermark_of(self, candidate->workflow), candidate->steps);
        candidate->has_started = tw_run_has_started(run);
        candidate->started = tw_run_started(run);
        candidate->finished = tw_run_finished(run, candidate->state);
    }
    if (run != NULL) {
        tw_run_fini(run);
    }
    free(run);
    return rc;
}

static bool is_fan_out_overdue(const struct candidate *candidate)
{
    for (size_t i = 0; i < candidate->workflow->step_count; i++) {
        if (candidate->workflow->steps[i].each == TW_EACH_STORE &&
            candidate->steps[i].state == TW_STEP_OVERDUE) {
            return true;
        }
    }
    return false;
}

/* The stores that a fan-out expected are known from the configuration or from the run's row. A run
 * without either is one that is not listed: it waits for one more store than has answered, until
 * its deadline; if a store were missing then, it would be listed. */
static int judge(struct evaluation *self, struct candidate *candidate)
{
    uint32_t fixed = (uint32_t)self->call->web->cfg->track.expected_stores.count;
    if (!has_fan_out(candidate->workflow)) {
        return judge_with(self, candidate, 0);
    }
    candidate->expected = fixed > 0 ? fixed : candidate->has_row ? candidate->row.expected : 0;
    if (candidate->expected > 0) {
        return judge_with(self, candidate, candidate->expected);
    }
    int rc = judge_with(self, candidate, (uint32_t)self->store_count + 1);
    if (rc == TW_OK && is_fan_out_overdue(candidate)) {
        candidate->expected = (uint32_t)self->store_count;
        rc = judge_with(self, candidate, candidate->expected);
    }
    return rc;
}

/* ---- the answer */

/* From when it could happen to when it did, or until now. */
static json_t *lag_json(const struct tw_call *call, const struct tw_step_status *status)
{
    if (status->since.ns == 0 || status->state == TW_STEP_SKIPPED) {
        return json_null();
    }
    int64_t ns = status->state == TW_STEP_DONE ? status->time.ns - status->since.ns
                                               : call->now.ns - status->since.ns;
    return tw_out_seconds(ns);
}

static json_t *event_json(uint64_t n)
{
    return n == 0 ? json_null() : tw_out_count(n);
}

static json_t *step_json(const struct tw_call *call, const struct candidate *candidate, size_t i)
{
    const struct tw_wf_step *step = &candidate->workflow->steps[i];
    const struct tw_step_status *status = &candidate->steps[i];
    bool is_fan_out = step->each == TW_EACH_STORE;
    const char *cause = status->failed_event == 0 ? NULL : tw_cause_name(status->cause);
    json_t *json = json_object();
    tw_out_set(json, "name", json_string(step->name));
    tw_out_set(json, "title", step->title == NULL ? json_null() : json_string(step->title));
    tw_out_set(json, "system", json_string(step->system));
    tw_out_set(json, "destination", json_boolean(step->is_destination));
    tw_out_set(json, "state", json_string(tw_step_state_name(status->state)));
    tw_out_set(json, "time", tw_out_time(status->time));
    tw_out_set(json, "since", tw_out_time(status->since));
    tw_out_set(json, "due", tw_out_time(status->due));
    tw_out_set(json, "lag", lag_json(call, status));
    tw_out_set(json, "late", json_boolean(status->is_late));
    tw_out_set(json, "recovered", json_boolean(status->has_recovered));
    tw_out_set(json, "compensated", json_boolean(status->is_compensated));
    tw_out_set(json, "attempts", json_integer(status->attempts));
    tw_out_set(json, "cause", cause == NULL ? json_null() : json_string(cause));
    tw_out_set(json, "event", event_json(status->event));
    tw_out_set(json, "failed_event", event_json(status->failed_event));
    tw_out_set(json, "expected",
               is_fan_out && candidate->expected > 0 ? json_integer(candidate->expected)
                                                     : json_null());
    tw_out_set(json, "answered", is_fan_out ? json_integer(status->answered) : json_null());
    return json;
}

/* What the desk has of a step that is in trouble: the way from here to its group, and to a replay.
 * Without the desk the journey is told all the same. */
static void set_failure(struct evaluation *self, const struct tw_object *object,
                        const struct candidate *candidate, size_t i, json_t *json)
{
    enum tw_step_state state = candidate->steps[i].state;
    json_t *failure = NULL;
    int rc = TW_ENOTFOUND;
    if (state == TW_STEP_FAILED || state == TW_STEP_OVERDUE) {
        rc = tw_api_failure_of(self->call, tw_str_of(candidate->workflow->name), object,
                               tw_str_of(candidate->workflow->steps[i].name), &failure);
    }
    tw_out_set(json, "failure", rc == TW_OK ? failure : json_null());
}

static json_t *run_json(struct evaluation *self, const struct tw_object *object,
                        const struct candidate *candidate)
{
    const struct tw_run_row *row = candidate->has_row ? &candidate->row : NULL;
    json_t *json = json_object();
    tw_out_set(json, "workflow", json_string(candidate->workflow->name));
    tw_out_set(json, "object", tw_api_journey_id(self->call, object));
    tw_out_set(json, "state",
               json_string(tw_run_state_name(row == NULL ? candidate->state : row->state)));
    if (!self->with_steps) {
        return json;
    }
    json_t *steps = json_array();
    for (size_t i = 0; i < candidate->workflow->step_count; i++) {
        json_t *step = step_json(self->call, candidate, i);
        set_failure(self, object, candidate, i, step);
        tw_out_add(steps, step);
    }
    const char *title = candidate->workflow->title;
    tw_out_set(json, "title", title == NULL ? json_null() : json_string(title));
    tw_out_set(json, "version", tw_api_version(candidate->workflow->version));
    tw_out_set(json, "started", tw_out_time(candidate->started));
    tw_out_set(json, "finished", tw_out_time(row == NULL ? candidate->finished : row->finished));
    tw_out_set(json, "cause",
               row == NULL || row->cause == TW_CAUSE_NONE ? json_null()
                                                          : json_string(tw_cause_name(row->cause)));
    tw_out_set(json, "listed", json_boolean(row != NULL));
    tw_out_set(json, "steps", steps);
    return json;
}

static tw_mono_t now_of(const struct evaluation *self)
{
    struct tw_clock *clock = self->call->web->clock;
    return clock->mono(clock);
}

/* The runs of one object from the events of its journey. Workflows of one key share events (every
 * web order is paid): a run whose start was not seen is shown only where none has been seen. */
static int evaluate_object(struct evaluation *self, const struct tw_object *object,
                           const struct tw_stored *events, size_t event_count)
{
    const struct tw_object_type *type =
        tw_reader_object_type_by_code(self->call->reader, object->type);
    int rc = type == NULL ? TW_OK : begin_candidates(self, object, type->name);
    if (rc != TW_OK || type == NULL || self->candidate_count == 0) {
        return rc;
    }
    for (size_t i = 0; i < event_count && rc == TW_OK; i++) {
        rc = is_about(&events[i].record, object) ? take_event(self, &events[i].record) : TW_OK;
        rc = rc == TW_OK && now_of(self).ns >= self->deadline.ns ? TW_ETIMEOUT : rc;
    }
    bool is_any_started = false;
    for (size_t i = 0; i < self->candidate_count && rc == TW_OK; i++) {
        rc = judge(self, &self->candidates[i]);
        is_any_started = is_any_started || self->candidates[i].has_started;
    }
    for (size_t i = 0; i < self->candidate_count && rc == TW_OK; i++) {
        const struct candidate *candidate = &self->candidates[i];
        bool is_listed = candidate->has_row && candidate->row.started.ns != 0;
        if (candidate->fact_count > 0 && (candidate->has_started || is_listed || !is_any_started)) {
            tw_out_add(self->runs, run_json(self, object, candidate));
        }
    }
    return rc;
}

static bool keys_workflow(const struct tw_call *call, uint16_t code)
{
    const struct tw_object_type *type = tw_reader_object_type_by_code(call->reader, code);
    for (size_t i = 0; i < call->workflows->count && type != NULL; i++) {
        if (strcmp(call->workflows->items[i].object, type->name) == 0) {
            return true;
        }
    }
    return false;
}

/* With a third of the time that is left, so that the journey itself is answered whatever its
 * objects are linked to; what there was no time, memory or place for makes the runs partial. */
static int evaluate_related(struct evaluation *self, const struct tw_journey *journey,
                            bool *ret_partial)
{
    struct tw_reader *reader = self->call->reader;
    size_t left = self->with_steps ? RELATED_ONE : RELATED_LIST;
    int64_t now_ns = now_of(self).ns;
    self->deadline.ns = now_ns + (self->call->deadline.ns - now_ns) / 3;
    tw_reader_set_deadline(reader, self->deadline);
    tw_arena_init(&self->related, RELATED_BYTES);
    self->arena = &self->related;
    int rc = TW_OK;
    for (size_t i = 1; i < journey->object_count && rc == TW_OK; i++) {
        const struct tw_journey_object *object = &journey->objects[i];
        struct tw_journey other;
        if (object->is_same_type || object->is_hub ||
            !keys_workflow(self->call, object->object.type)) {
            continue;
        }
        if (left-- == 0) {
            *ret_partial = true;
            break;
        }
        tw_arena_reset(&self->related);
        rc = tw_journey_read(self->call->reader, &self->related, &object->object, self->limits,
                             &other);
        rc = rc == TW_OK ? evaluate_object(self, &object->object, other.events, other.event_count)
                         : rc;
        rc = rc == TW_ENOTFOUND ? TW_OK : rc; /* expired between the two readings */
    }
    if (rc == TW_ETIMEOUT || rc == TW_ENOMEM) {
        *ret_partial = true;
        rc = TW_OK;
    }
    tw_reader_set_deadline(reader, self->call->deadline);
    self->arena = self->call->arena;
    tw_arena_fini(&self->related);
    return rc;
}

/* The lease's matcher knows the set in force. It is made anew for another set, and when it has
 * grown: by former definitions, or by events of many kinds. */
static int find_matcher(struct tw_call *call, struct tw_matcher **ret_matcher)
{
    struct tw_lease *lease = call->lease;
    struct tw_matcher_stats stats = {.bytes = 0};
    if (lease->matcher != NULL) {
        tw_matcher_stats(lease->matcher, &stats);
    }
    bool is_good = lease->matcher != NULL && lease->matched == call->workflows &&
                   stats.overflows == 0 && stats.bytes < MATCHER_BYTES &&
                   tw_matcher_version_count(lease->matcher) <= call->workflows->count + FORMER_MAX;
    if (!is_good) {
        tw_matcher_destroy(&lease->matcher);
        tw_workflows_unref(&lease->matched);
        int rc = tw_matcher_new(&lease->matcher);
        rc = rc == TW_OK ? tw_matcher_set(lease->matcher, call->workflows) : rc;
        if (rc != TW_OK) {
            tw_matcher_destroy(&lease->matcher);
            return rc;
        }
        lease->matched = tw_workflows_ref(call->workflows);
    }
    *ret_matcher = lease->matcher;
    return TW_OK;
}

int tw_api_journey_runs(struct tw_call *call, struct tw_event_views *views,
                        const struct tw_journey_limits *limits, bool with_steps, json_t **ret_runs,
                        bool *ret_partial)
{
    const struct tw_journey *journey = views->journey;
    bool is_partial = false;
    struct evaluation self = {.call = call,
                              .limits = limits,
                              .views = views,
                              .with_steps = with_steps,
                              .deadline = call->deadline,
                              .runs = json_array(),
                              .arena = call->arena};
    int rc = call->workflows->count == 0 ? TW_OK : find_matcher(call, &self.matcher);
    if (rc == TW_OK && self.matcher != NULL) {
        rc = tw_api_live_overview(call, &self.overview);
        rc = rc == TW_OK
                 ? evaluate_object(&self, &journey->object, journey->events, journey->event_count)
                 : rc;
        rc = rc == TW_OK ? evaluate_related(&self, journey, &is_partial) : rc;
    }
    json_decref(self.overview);
    if (rc != TW_OK) {
        json_decref(self.runs);
        return rc;
    }
    *ret_runs = self.runs;
    *ret_partial = is_partial;
    return TW_OK;
}
