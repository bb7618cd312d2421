/* SPDX-License-Identifier: Apache-2.0
 * The documents that are shown as they are: one a workflow, one an objective, the stores, and the
 * overview.
 * Shapes: docs/reference/tracking.md. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/err.h"
#include "track/internal.h"
#include "track/live.h"

#define MINUTE_NS      (60 * TW_NS_PER_S)
#define LATELY_MIN     5   /* minutes of "lately" */
#define STORE_NAME_MAX 200 /* bytes; a longer one has no document of its own */
#define STORES_EVERY   (TW_SERIES_BUCKET_S * TW_NS_PER_S) /* between documents of all stores */

/* How steps of one system were reached, over all workflows in force. */
struct reached {
    struct tw_sketch lately;
    struct tw_sketch hour;
    enum tw_lag_verdict verdict; /* the worst of its steps that wait for another */
};

/* Documents under way. */
struct writing {
    struct tw_tracker *tracker;
    struct tw_arena *arena;
    struct tw_system_lag *lags; /* by word of systems, as is: */
    struct reached *reached;
    struct tw_live *rows;
    size_t count;
    bool has_failed; /* out of memory */
};

/* Takes the document. */
static void finish(struct writing *self, const char *prefix, const char *name, json_t *document)
{
    char key[256];
    char *text = document == NULL ? NULL : json_dumps(document, JSON_COMPACT);
    (void)snprintf(key, sizeof key, "%s%s", prefix, name);
    struct tw_live *row = &self->rows[self->count];
    row->key = tw_arena_copy(self->arena, tw_str_of(key));
    row->json = tw_arena_copy(self->arena, tw_str_of(text));
    self->has_failed = self->has_failed || row->key.ptr == NULL || row->json.ptr == NULL;
    self->count++;
    free(text);
    json_decref(document);
}

/* --- steps ------------------------------------------------------------------------------------ */

/* The lag of the last so many minutes, the one under way included, into `ret_sketch`. */
static int gather_lag(const struct tw_tracker *self, const struct tw_step_stats *step,
                      int64_t minutes, struct tw_sketch *ret_sketch)
{
    int64_t minute = self->now_ns / MINUTE_NS;
    int rc = TW_OK;
    for (size_t i = 0; i < TW_TRACK_LAG_MINUTES && rc == TW_OK; i++) {
        if (step->minute_of[i] > minute - minutes && step->minute_of[i] <= minute) {
            rc = tw_sketch_merge(ret_sketch, &step->minutes[i]);
        }
    }
    return rc == TW_ELIMIT ? TW_OK : rc;
}

static json_t *quantiles(const struct tw_sketch *sketch)
{
    static const struct {
        const char *name;
        uint32_t ppm;
    } wanted[] = {{"p50", 500000}, {"p95", 950000}, {"p99", 990000}};
    json_t *object = json_object();
    for (size_t i = 0; i < 3; i++) {
        int64_t ns = tw_sketch_quantile(sketch, wanted[i].ppm);
        tw_json_set(object, wanted[i].name, ns < 0 ? json_null() : tw_json_seconds(ns));
    }
    tw_json_set(object, "count", tw_json_count(sketch->count));
    return object;
}

static json_t *drain_of(const struct tw_lag_ring *ring, uint64_t waiting)
{
    struct tw_drain drain = tw_lag_drain(ring, waiting);
    switch (drain.state) {
    case TW_DRAIN_EMPTY:
        return json_integer(0);
    case TW_DRAIN_DRAINS:
        return tw_json_number(drain.seconds);
    case TW_DRAIN_GROWING:
        return json_string("growing");
    case TW_DRAIN_UNKNOWN:
        break;
    }
    return json_null();
}

/* Of fewer no 99th percentile can be told. */
#define USUAL_MIN 100

/* How old the oldest may be without being late: what is usual, at most the deadline. */
static int64_t allowed_of(const struct tw_wf_step *step, const struct tw_sketch *hour)
{
    int64_t usual_ns = hour->count < USUAL_MIN ? -1 : tw_sketch_quantile(hour, 990000);
    if (usual_ns < 0 || (step->within_ns > 0 && usual_ns > step->within_ns)) {
        return step->within_ns;
    }
    return usual_ns < TW_NS_PER_S ? TW_NS_PER_S : usual_ns;
}

static json_t *names_of(const struct tw_workflow *workflow, uint32_t steps)
{
    json_t *list = json_array();
    for (size_t i = 0; i < workflow->step_count; i++) {
        if ((steps >> i & 1) != 0) {
            (void)json_array_append_new(list, json_string(workflow->steps[i].name));
        }
    }
    return list;
}

/* What the verdict goes by: the runs that no later one has overtaken. One that was lost on its way
 * stays behind while others come through, and is no sign that the step does not keep up; in a step
 * that has stopped nobody overtakes. One that failed counts while it can still be done in time. */
static struct tw_lag_point look_at(const struct tw_tracker *self, uint32_t flow, uint32_t index)
{
    const struct tw_step_stats *step = &self->stats[flow].steps[index];
    const struct tw_lag_point point = {.at = {self->now_ns},
                                       .arrived = step->arrived,
                                       .through = step->through,
                                       .heard = step->heard,
                                       .waiting = 0,
                                       .oldest_ns = 0};
    return tw_deadlines_waiting(self, flow, index, point);
}

void tw_live_look(struct tw_tracker *self)
{
    for (uint32_t i = 0; i < self->stats_count; i++) {
        struct tw_flow_stats *stats = &self->stats[i];
        for (uint32_t k = 0; stats->had_traffic && k < stats->step_count; k++) {
            struct tw_lag_point point = look_at(self, i, k);
            stats->is_changed = tw_lag_note(&stats->steps[k].ring, &point) || stats->is_changed;
        }
    }
}

/* A step as it is now. */
struct step_view {
    struct tw_step_stats *stats;
    struct tw_sketch lately;
    struct tw_sketch hour;
    struct tw_lag_point now; /* what the verdict goes by */
    int64_t oldest_ns;
    enum tw_lag_verdict verdict;
};

static enum tw_lag_verdict worse(enum tw_lag_verdict a, enum tw_lag_verdict b)
{
    return a > b ? a : b;
}

/* Look at a step of the definition in force, and add it to its system. */
static void view_step(struct writing *self, const struct tw_wf_step *step, uint32_t flow,
                      struct step_view *view)
{
    struct tw_tracker *tracker = self->tracker;
    uint32_t index = 0;
    while (strcmp(tracker->stats[flow].steps[index].name, step->name) != 0) {
        index++; /* the version in force has made all of them */
    }
    view->stats = &tracker->stats[flow].steps[index];
    struct reached *reached = &self->reached[view->stats->system];
    tw_sketch_init(&view->lately);
    tw_sketch_init(&view->hour);
    int rc = gather_lag(tracker, view->stats, LATELY_MIN, &view->lately);
    rc = rc == TW_OK ? gather_lag(tracker, view->stats, TW_TRACK_LAG_MINUTES, &view->hour) : rc;
    rc = rc == TW_OK ? tw_sketch_merge(&reached->lately, &view->lately) : rc;
    rc = rc == TW_OK || rc == TW_ELIMIT ? tw_sketch_merge(&reached->hour, &view->hour) : rc;
    self->has_failed = self->has_failed || rc == TW_ENOMEM;
    view->now = look_at(tracker, flow, index);
    view->oldest_ns = tw_deadlines_oldest(tracker, flow, index);
    view->verdict = tw_lag_judge(&view->stats->ring, &view->now, allowed_of(step, &view->hour));
    if (step->after != 0) { /* nobody waits for a start: idle or not */
        reached->verdict = worse(reached->verdict, view->verdict);
        view->stats->verdict = view->verdict;
        view->stats->verdict_ns = tracker->now_ns;
        view->stats->is_fan_out = step->each == TW_EACH_STORE;
    }
}

/* Not cumulated: one count for each of `lag_bounds`, and one above. */
static json_t *totals_of(const struct tw_lag_totals *totals)
{
    json_t *counts = json_array();
    for (size_t i = 0; i <= TW_LAG_BOUNDS; i++) {
        (void)json_array_append_new(counts, tw_json_count(totals->counts[i]));
    }
    json_t *object = json_object();
    tw_json_set(object, "counts", counts);
    tw_json_set(object, "sum", tw_json_number((double)totals->sum_us / 1e6));
    return object;
}

static json_t *bounds(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < TW_LAG_BOUNDS; i++) {
        (void)json_array_append_new(list, json_real((double)tw_lag_bounds_ms[i] / 1e3));
    }
    return list;
}

static json_t *step_document(const struct tw_workflow *workflow, const struct tw_wf_step *step,
                             const struct step_view *view)
{
    const struct tw_step_stats *stats = view->stats;
    struct tw_lag_rates rates = tw_lag_rates(&stats->ring);
    json_t *object = json_object();
    tw_json_set(object, "name", json_string(step->name));
    tw_json_set(object, "title", tw_json_text(step->title));
    tw_json_set(object, "system", tw_json_text(step->system));
    tw_json_set(object, "destination", json_boolean(step->is_destination));
    tw_json_set(object, "optional", json_boolean(step->is_optional));
    tw_json_set(object, "after", names_of(workflow, step->after));
    tw_json_set(object, "within",
                step->within_ns > 0 ? tw_json_seconds(step->within_ns) : json_null());
    tw_json_set(object, "rate", rates.has_data ? tw_json_number(rates.out_per_s) : json_null());
    tw_json_set(object, "arrival_rate",
                rates.has_data ? tw_json_number(rates.in_per_s) : json_null());
    tw_json_set(object, "failed", tw_json_count(stats->failed));
    tw_json_set(object, "waiting", tw_json_count(stats->waiting + stats->overdue));
    tw_json_set(object, "overdue", tw_json_count(stats->overdue));
    tw_json_set(object, "oldest_age", tw_json_seconds(view->oldest_ns));
    tw_json_set(object, "lag", quantiles(&view->lately));
    tw_json_set(object, "lag_1h", quantiles(&view->hour));
    tw_json_set(object, "lag_total", totals_of(&stats->lag_totals));
    tw_json_set(object, "drain_seconds", drain_of(&stats->ring, stats->waiting + stats->overdue));
    tw_json_set(object, "verdict", json_string(tw_lag_verdict_name(view->verdict)));
    return object;
}

/* --- workflows -------------------------------------------------------------------------------- */

static json_t *runs_of(const struct tw_flow_stats *stats)
{
    json_t *object = json_object();
    for (int i = 0; i <= TW_RUN_IS_COMPENSATED; i++) {
        tw_json_set(object, tw_run_state_name((enum tw_run_state)i),
                    tw_json_count(stats->by_state[i]));
    }
    tw_json_set(object, "open", tw_json_count(stats->open));
    return object;
}

/* The document is no more. */
static void finish_gone(struct writing *self, const char *prefix, const char *name)
{
    char key[256];
    (void)snprintf(key, sizeof key, "%s%s", prefix, name);
    struct tw_live *row = &self->rows[self->count++];
    row->key = tw_arena_copy(self->arena, tw_str_of(key));
    row->json = TW_STR_NULL;
    self->has_failed = self->has_failed || row->key.ptr == NULL;
}

static uint32_t flow_named(const struct tw_tracker *self, const char *name)
{
    uint32_t flow = 0;
    while (strcmp(self->stats[flow].name, name) != 0) {
        flow++; /* define_objectives() has made all of the set in force */
    }
    return flow;
}

/* Its steps as they are now, whether there is a document to be written or not: the systems and the
 * verdict want them. */
static void view_steps(struct writing *self, const struct tw_workflow *workflow, uint32_t flow,
                       json_t *steps)
{
    enum tw_lag_verdict verdict = TW_LAG_UNKNOWN;
    for (size_t i = 0; i < workflow->step_count; i++) {
        const struct tw_wf_step *step = &workflow->steps[i];
        struct step_view view;
        view_step(self, step, flow, &view);
        verdict = step->after == 0 ? verdict : worse(verdict, view.verdict);
        if (steps != NULL) {
            (void)json_array_append_new(steps, step_document(workflow, step, &view));
        }
        tw_sketch_fini(&view.lately);
        tw_sketch_fini(&view.hour);
    }
    self->tracker->stats[flow].verdict = verdict;
}

static void workflow_document(struct writing *self, const struct tw_workflow *workflow,
                              bool is_removed)
{
    uint32_t flow = flow_named(self->tracker, workflow->name);
    struct tw_flow_stats *stats = &self->tracker->stats[flow];
    bool is_wanted = stats->is_changed || stats->open > 0;
    json_t *steps = is_wanted ? json_array() : NULL;
    view_steps(self, workflow, flow, steps);
    if (!is_wanted) {
        return;
    }
    char version[32];
    (void)snprintf(version, sizeof version, "%016" PRIx64, workflow->version);
    json_t *object = json_object();
    tw_json_set(object, "workflow", json_string(workflow->name));
    tw_json_set(object, "title", tw_json_text(workflow->title));
    tw_json_set(object, "owner", tw_json_text(workflow->owner));
    tw_json_set(object, "version", json_string(version));
    tw_json_set(object, "timing", json_string(tw_timing_name(workflow->timing)));
    tw_json_set(object, "criticality", json_string(tw_criticality_name(workflow->criticality)));
    tw_json_set(object, "financial", json_boolean(workflow->is_financial));
    tw_json_set(object, "object", json_string(workflow->object));
    tw_json_set(object, "removed", json_boolean(is_removed));
    tw_json_set(object, "at", tw_json_moment((tw_wall_t){self->tracker->now_ns}));
    tw_json_set(object, "watermark",
                tw_json_moment(tw_watermark_lowest(&self->tracker->watermark)));
    tw_json_set(object, "verdict", json_string(tw_lag_verdict_name(stats->verdict)));
    tw_json_set(object, "runs", runs_of(stats));
    tw_json_set(object, "regions", tw_live_regions(self->tracker, stats));
    tw_json_set(object, "lag_bounds", bounds());
    tw_json_set(object, "steps", steps);
    stats->is_changed = false;
    finish(self, "workflow/", workflow->name, object);
}

/* The last definition of a workflow that is no longer in force and still has runs; NULL: none. */
static const struct tw_workflow *find_removed(const struct tw_tracker *self, size_t stats)
{
    for (size_t i = self->flow_count; i > 0; i--) {
        const struct tw_flow *flow = &self->flows[i - 1];
        if (flow->workflow != NULL && flow->stats == stats && flow->runs > 0) {
            return flow->workflow;
        }
    }
    return NULL;
}

/* Documents of workflows that a reload took away stay while a run of them is remembered. */
static void removed_documents(struct writing *self)
{
    struct tw_tracker *tracker = self->tracker;
    for (size_t i = 0; i < tracker->stats_count; i++) {
        struct tw_flow_stats *stats = &tracker->stats[i];
        bool is_in_force = tw_workflows_find(tracker->set, stats->name) != NULL;
        const struct tw_workflow *removed = is_in_force ? NULL : find_removed(tracker, i);
        if (removed != NULL) {
            workflow_document(self, removed, true);
        } else if (!is_in_force && !stats->is_gone) {
            finish_gone(self, "workflow/", stats->name);
        }
        stats->is_gone = !is_in_force && removed == NULL;
    }
    for (size_t i = 0; i < tracker->objective_count; i++) {
        struct tw_objective_stats *objective = &tracker->objectives[i];
        bool is_gone = objective->definition == NULL;
        if (is_gone && !objective->is_gone) {
            finish_gone(self, "objective/", objective->name);
        }
        objective->is_gone = is_gone;
    }
}

/* --- objectives ------------------------------------------------------------------------------- */

static const char *const use_names[] = {
    [TW_BURN_USABLE] = "usable",
    [TW_BURN_WINDOW_TOO_SHORT] = "window-too-short",
    [TW_BURN_NEVER] = "never",
    [TW_BURN_ON_TARGET] = "on-target",
};
static const char *const state_names[] = {
    [TW_BURN_UNUSABLE] = "unusable", [TW_BURN_FEW_EVENTS] = "few-events",
    [TW_BURN_FEW_BAD] = "few-bad",   [TW_BURN_QUIET] = "quiet",
    [TW_BURN_FIRING] = "firing",     [TW_BURN_LOW_TRAFFIC] = "low-traffic",
};
static const char *const absence_names[] = {
    [TW_ABSENCE_UNKNOWN] = "unknown",
    [TW_ABSENCE_CLOSED] = "closed",
    [TW_ABSENCE_QUIET] = "quiet",
    [TW_ABSENCE_FIRING] = "firing",
};

/* The head of a rule's entry. */
static json_t *rule_of(const char *name, const char *kind, enum tw_burn_use use, bool pages)
{
    json_t *object = json_object();
    tw_json_set(object, "rule", json_string(name));
    tw_json_set(object, "kind", json_string(kind));
    tw_json_set(object, "feasible", json_boolean(use == TW_BURN_USABLE));
    tw_json_set(object, "use", json_string(use_names[use]));
    tw_json_set(object, "pages", json_boolean(pages));
    return object;
}

/* How the traffic of a window compares with the usual one, and the burn rate times that: what is
 * compared with the threshold. */
static void set_window(json_t *object, const struct tw_objective_stats *row,
                       enum tw_burn_window window, const char *const names[3])
{
    struct tw_counts counts = tw_budget_burnt(row->budget, window);
    double share = tw_burn_share(window, counts, tw_budget_usual(row->budget));
    tw_json_set(object, names[0], json_string(tw_burn_window_name(window)));
    tw_json_set(object, names[1], tw_json_number(share));
    tw_json_set(object, names[2], tw_json_number(tw_budget_compared(row->budget, window)));
}

/* Failures that are too few for burn rates. */
static json_t *trickle_of(const struct tw_objective_stats *row)
{
    struct tw_trickle_plan plan = tw_burn_trickle_plan(
        row->spec.target_ppm, tw_budget_window_s(row->budget), TW_BURN_BAD_MIN);
    struct tw_counts counts = tw_budget_burnt(row->budget, plan.window);
    json_t *object = rule_of("trickle", "count", plan.use, false);
    tw_json_set(object, "long", json_string(tw_burn_window_name(plan.window)));
    tw_json_set(object, "bad", json_integer(counts.bad));
    tw_json_set(object, "bad_min", json_integer(plan.bad_min));
    tw_json_set(object, "events", json_integer(counts.good + counts.bad));
    tw_json_set(object, "events_below", json_integer(plan.events_below));
    tw_json_set(object, "state",
                json_string(state_names[tw_budget_trickle(row->budget, TW_BURN_BAD_MIN)]));
    return object;
}

/* Decisions that do not come. */
static json_t *absence_of(const struct tw_objective_stats *row)
{
    struct tw_absence absence = tw_budget_absence(row->budget, TW_BURN_ABSENT_MIN);
    json_t *object = rule_of("absence", "absence", TW_BURN_USABLE, true);
    tw_json_set(object, "detection_seconds", json_integer(absence.after_s));
    tw_json_set(object, "silent_seconds", json_integer(absence.silent_s));
    tw_json_set(object, "usual_per_hour", tw_json_number(absence.usual));
    tw_json_set(object, "state", json_string(absence_names[absence.state]));
    return object;
}

static json_t *rules_of(const struct tw_objective_stats *row)
{
    static const char *const long_names[] = {"long", "long_share", "long_burn"};
    static const char *const short_names[] = {"short", "short_share", "short_burn"};
    json_t *list = json_array();
    for (int i = 0; i < TW_BURN_RULE_COUNT; i++) {
        enum tw_burn_rule rule = (enum tw_burn_rule)i;
        struct tw_burn_plan plan = tw_burn_plan(rule, row->spec.target_ppm,
                                                tw_budget_window_s(row->budget), TW_BURN_BAD_MIN);
        enum tw_burn_state state = tw_budget_judge(row->budget, rule, TW_BURN_BAD_MIN);
        json_t *object =
            rule_of(tw_burn_rule_name(rule), "burn", plan.use, tw_burn_rule_pages(rule));
        set_window(object, row, plan.long_window, long_names);
        set_window(object, row, plan.short_window, short_names);
        tw_json_set(object, "threshold", tw_json_number(plan.threshold));
        tw_json_set(object, "events_min", json_integer(plan.events_min));
        tw_json_set(object, "detection_seconds", json_integer(plan.detection_s));
        tw_json_set(object, "state", json_string(state_names[state]));
        (void)json_array_append_new(list, object);
    }
    (void)json_array_append_new(list, trickle_of(row));
    (void)json_array_append_new(list, absence_of(row));
    return list;
}

static json_t *burn_of(const struct tw_budget_view *view)
{
    json_t *object = json_object();
    for (int i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        tw_json_set(object, tw_burn_window_name((enum tw_burn_window)i),
                    view->burn_has_data[i] ? tw_json_number(view->burn[i]) : json_null());
    }
    return object;
}

static json_t *exhaustion_of(const struct tw_budget_view *view)
{
    return view->exhaustion_ns == TW_BUDGET_NEVER ? json_null()
                                                  : tw_json_seconds(view->exhaustion_ns);
}

static void set_counts(json_t *object, const struct tw_budget_view *view)
{
    tw_json_set(object, "good", json_integer(view->good));
    tw_json_set(object, "bad", json_integer(view->bad));
    tw_json_set(object, "total", json_integer(view->total));
    tw_json_set(object, "undecided", json_integer(view->undecided));
    tw_json_set(object, "ratio", tw_json_number(view->ratio));
    tw_json_set(object, "budget_remaining", tw_json_number(view->remaining));
}

static void objective_document(struct writing *self, struct tw_objective_stats *row)
{
    const struct tw_wf_objective *objective = row->definition;
    if (objective == NULL || !row->is_changed) {
        return;
    }
    struct tw_budget_view view;
    tw_budget_view(row->budget, row->undecided, &view);
    bool is_rolling = objective->window == TW_WINDOW_ROLLING;
    json_t *window = json_object();
    tw_json_set(window, "kind", json_string(tw_window_kind_name(objective->window)));
    tw_json_set(window, "seconds", json_integer(tw_budget_window_s(row->budget)));
    tw_json_set(window, "timezone",
                is_rolling
                    ? json_null()
                    : tw_json_text(objective->timezone == NULL ? "UTC" : objective->timezone));
    tw_json_set(window, "from", tw_json_moment(view.period.from));
    tw_json_set(window, "until", tw_json_moment(view.period.until));
    const char *owner = objective->owner == NULL ? row->workflow->owner : objective->owner;
    json_t *object = json_object();
    tw_json_set(object, "objective", json_string(objective->name));
    tw_json_set(object, "title", tw_json_text(objective->title));
    tw_json_set(object, "workflow", json_string(row->workflow->name));
    tw_json_set(object, "owner", tw_json_text(owner));
    tw_json_set(object, "kind", json_string(tw_objective_kind_name(objective->kind)));
    tw_json_set(object, "step",
                objective->step < 0 ? json_null()
                                    : json_string(row->workflow->steps[objective->step].name));
    tw_json_set(object, "within",
                objective->within_ns > 0 ? tw_json_seconds(objective->within_ns) : json_null());
    tw_json_set(object, "target", json_real((double)objective->target_ppm / 1e6));
    tw_json_set(object, "window", window);
    tw_json_set(object, "at", tw_json_moment((tw_wall_t){self->tracker->now_ns}));
    set_counts(object, &view);
    tw_json_set(object, "excluded", json_integer(row->excluded));
    tw_json_set(object, "budget_remaining_so_far", tw_json_number(view.remaining_so_far));
    tw_json_set(object, "expected",
                view.has_forecast ? tw_json_number(view.expected) : json_null());
    tw_json_set(object, "burn", burn_of(&view));
    tw_json_set(object, "exhaustion", exhaustion_of(&view));
    tw_json_set(object, "rules", rules_of(row));
    row->is_changed = false;
    finish(self, "objective/", objective->name, object);
}

/* --- overview --------------------------------------------------------------------------------- */

static json_t *overview_workflows(const struct tw_tracker *self)
{
    json_t *list = json_array();
    for (size_t i = 0; i < self->set->count; i++) {
        const struct tw_workflow *workflow = &self->set->items[i];
        const struct tw_flow_stats *stats = &self->stats[flow_named(self, workflow->name)];
        uint64_t waiting = 0;
        for (size_t k = 0; k < stats->step_count; k++) {
            waiting += stats->steps[k].waiting + stats->steps[k].overdue;
        }
        json_t *object = json_object();
        tw_json_set(object, "workflow", json_string(workflow->name));
        tw_json_set(object, "title", tw_json_text(workflow->title));
        tw_json_set(object, "criticality", json_string(tw_criticality_name(workflow->criticality)));
        tw_json_set(object, "verdict", json_string(tw_lag_verdict_name(stats->verdict)));
        tw_json_set(object, "runs", runs_of(stats));
        tw_json_set(object, "waiting", tw_json_count(waiting));
        (void)json_array_append_new(list, object);
    }
    return list;
}

static json_t *overview_objectives(const struct tw_tracker *self)
{
    json_t *list = json_array();
    for (size_t i = 0; i < self->objective_count; i++) {
        const struct tw_objective_stats *row = &self->objectives[i];
        if (row->definition == NULL) {
            continue;
        }
        struct tw_budget_view view;
        tw_budget_view(row->budget, row->undecided, &view);
        json_t *object = json_object();
        tw_json_set(object, "objective", json_string(row->name));
        tw_json_set(object, "workflow", json_string(row->workflow->name));
        tw_json_set(object, "target", json_real((double)row->spec.target_ppm / 1e6));
        set_counts(object, &view);
        tw_json_set(object, "burn", burn_of(&view));
        tw_json_set(object, "exhaustion", exhaustion_of(&view));
        (void)json_array_append_new(list, object);
    }
    return list;
}

static json_t *drain_of_system(const struct tw_system_lag *lag)
{
    double waiting = (double)(lag->waiting + lag->overdue);
    if (lag->waiting + lag->overdue == 0) {
        return json_integer(0);
    }
    if (!lag->has_rates) {
        return json_null();
    }
    return lag->out_per_s > lag->in_per_s
               ? tw_json_number(waiting / (lag->out_per_s - lag->in_per_s))
               : json_string("growing");
}

/* What waits for the system; nothing of systems that no step waits for. */
static void set_system_lag(json_t *object, const struct tw_system_lag *lag,
                           const struct reached *reached)
{
    tw_json_set(object, "waiting", tw_json_count(lag->waiting + lag->overdue));
    tw_json_set(object, "overdue", tw_json_count(lag->overdue));
    tw_json_set(object, "failed", tw_json_count(lag->failed));
    tw_json_set(object, "oldest_age", tw_json_seconds(lag->oldest_ns));
    tw_json_set(object, "rate", lag->has_rates ? tw_json_number(lag->out_per_s) : json_null());
    tw_json_set(object, "arrival_rate",
                lag->has_rates ? tw_json_number(lag->in_per_s) : json_null());
    tw_json_set(object, "lag", quantiles(&reached->lately));
    tw_json_set(object, "lag_1h", quantiles(&reached->hour));
    tw_json_set(object, "drain_seconds", drain_of_system(lag));
    tw_json_set(object, "verdict", json_string(tw_lag_verdict_name(reached->verdict)));
}

static json_t *overview_systems(const struct writing *writing)
{
    const struct tw_tracker *self = writing->tracker;
    json_t *list = json_array();
    for (uint32_t i = 1; i <= self->systems.count; i++) {
        tw_wall_t mark = tw_watermark_of(&self->watermark, (uint16_t)i);
        json_t *object = json_object();
        tw_json_set(object, "system", tw_json_text(tw_words_text(&self->systems, i)));
        tw_json_set(object, "watermark", tw_json_moment(mark));
        tw_json_set(object, "watermark_lag",
                    mark.ns == INT64_MIN ? json_null() : tw_json_seconds(self->now_ns - mark.ns));
        if (writing->lags[i].has_steps) {
            set_system_lag(object, &writing->lags[i], &writing->reached[i]);
        }
        (void)json_array_append_new(list, object);
    }
    return list;
}

static void overview_document(struct writing *self)
{
    struct tw_tracker *tracker = self->tracker;
    tw_wall_t lowest = tw_watermark_lowest(&tracker->watermark);
    json_t *object = json_object();
    tw_json_set(object, "at", tw_json_moment((tw_wall_t){tracker->now_ns}));
    tw_json_set(object, "read_up_to", tw_json_moment(tracker->tick.read_up_to));
    tw_json_set(object, "watermark", tw_json_moment(lowest));
    tw_json_set(object, "watermark_lag",
                lowest.ns == INT64_MIN ? json_null()
                                       : tw_json_seconds(tracker->now_ns - lowest.ns));
    tw_json_set(object, "sources_behind", tw_json_count(tw_watermark_behind(&tracker->watermark)));
    tw_json_set(object, "open_runs", tw_json_count(tracker->open_runs));
    tw_json_set(object, "given_up", tw_json_count(tracker->evicted));
    tw_json_set(object, "workflows", overview_workflows(tracker));
    tw_json_set(object, "objectives", overview_objectives(tracker));
    tw_json_set(object, "systems", overview_systems(self));
    tw_live_stores_overview(tracker, object);
    finish(self, "overview", "", object);
}

void tw_live_all(struct tw_tracker *self)
{
    for (size_t i = 0; i < self->stats_count; i++) {
        self->stats[i].is_changed = true;
    }
    for (size_t i = 0; i < self->objective_count; i++) {
        self->objectives[i].is_changed = true;
    }
    for (size_t i = 0; i < self->heard_count; i++) {
        self->heard[i].silences.is_changed = self->heard[i].silences.count > 0;
    }
    self->stores_live_ns = 0;
}

static size_t changed_silences(const struct tw_tracker *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->heard_count; i++) {
        count += self->heard[i].silences.is_changed ? 1 : 0;
    }
    return count;
}

static void silence_documents(struct writing *self)
{
    struct tw_tracker *tracker = self->tracker;
    for (size_t i = 0; i < tracker->heard_count; i++) {
        struct tw_silences *silences = &tracker->heard[i].silences;
        const char *name = tw_words_text(&tracker->stores, (uint32_t)i + 1);
        if (silences->is_changed && strlen(name) <= STORE_NAME_MAX) {
            finish(self, "silences/", name, tw_live_silences(silences));
        }
        silences->is_changed = false;
    }
}

int tw_live_make(struct tw_tracker *self, struct tw_arena *arena, const struct tw_live **ret_live,
                 size_t *ret_count)
{
    struct writing writing = {.tracker = self, .arena = arena};
    size_t room = self->set->count + self->stats_count + 2 * self->objective_count + 2 +
                  changed_silences(self);
    if (self->set->count == 0 && self->stats_count == 0) {
        return TW_OK; /* nothing was ever followed */
    }
    writing.rows = tw_arena_alloc(arena, room * sizeof *writing.rows);
    writing.lags = tw_arena_alloc(arena, TW_WATERMARK_SYSTEMS * sizeof *writing.lags);
    writing.reached = tw_arena_zalloc(arena, TW_WATERMARK_SYSTEMS * sizeof *writing.reached);
    if (writing.rows == NULL || writing.lags == NULL || writing.reached == NULL) {
        return TW_ENOMEM;
    }
    tw_systems_lag(self, writing.lags);
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        tw_sketch_init(&writing.reached[i].lately);
        tw_sketch_init(&writing.reached[i].hour);
    }
    for (size_t i = 0; i < self->set->count; i++) {
        workflow_document(&writing, &self->set->items[i], false);
    }
    for (size_t i = 0; i < self->objective_count; i++) {
        objective_document(&writing, &self->objectives[i]);
    }
    if (self->now_ns - self->stores_live_ns >= STORES_EVERY ||
        self->now_ns < self->stores_live_ns) {
        self->stores_live_ns = self->now_ns;
        finish(&writing, "stores", "", tw_live_stores(self));
    }
    silence_documents(&writing);
    removed_documents(&writing);
    overview_document(&writing);
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        tw_sketch_fini(&writing.reached[i].lately);
        tw_sketch_fini(&writing.reached[i].hour);
    }
    *ret_live = writing.rows;
    *ret_count = writing.count;
    return writing.has_failed ? TW_ENOMEM : TW_OK;
}
