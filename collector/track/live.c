/* SPDX-License-Identifier: Apache-2.0
 * The documents that are shown as they are: one a workflow, one an objective, and the overview.
 * Shapes: docs/reference/tracking.md. */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/err.h"
#include "track/internal.h"

#define MINUTE_NS (60 * TW_NS_PER_S)

/* Documents under way. */
struct writing {
    struct tw_tracker *tracker;
    struct tw_arena *arena;
    struct tw_live *rows;
    size_t count;
    bool has_failed; /* out of memory */
};

/* jansson takes no NULL and no NAN: what is not known is null. */
static json_t *text_or_null(const char *text)
{
    json_t *value = text == NULL ? NULL : json_string(text);
    return value != NULL ? value : json_null();
}

static json_t *number_or_null(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *seconds(int64_t ns)
{
    return json_real((double)ns / (double)TW_NS_PER_S);
}

static json_t *count_of(uint64_t count)
{
    return json_integer((json_int_t)count);
}

static json_t *moment(tw_wall_t at)
{
    char text[TW_TIME_TEXT_SIZE];
    if (at.ns == INT64_MIN || at.ns == 0) {
        return json_null();
    }
    tw_wall_format(at, text);
    return json_string(text);
}

/* Takes the value; a member that cannot be set shows when the document is written. */
static void set(json_t *object, const char *name, json_t *value)
{
    (void)json_object_set_new(object, name, value); /* NULL and failures leave it out */
}

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
        set(object, wanted[i].name, ns < 0 ? json_null() : seconds(ns));
    }
    set(object, "count", count_of(sketch->count));
    return object;
}

static json_t *drain_of(const struct tw_step_stats *step)
{
    struct tw_drain drain = tw_lag_drain(&step->ring, step->waiting + step->overdue);
    switch (drain.state) {
    case TW_DRAIN_EMPTY:
        return json_integer(0);
    case TW_DRAIN_DRAINS:
        return number_or_null(drain.seconds);
    case TW_DRAIN_GROWING:
        return json_string("growing");
    case TW_DRAIN_UNKNOWN:
        break;
    }
    return json_null();
}

/* How old the oldest may be without being late: what is usual, at most the deadline. */
static int64_t allowed_of(const struct tw_wf_step *step, const struct tw_sketch *hour)
{
    int64_t usual_ns = tw_sketch_quantile(hour, 990000);
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

static struct tw_lag_point look_at(const struct tw_tracker *self, uint32_t flow, uint32_t index)
{
    const struct tw_step_stats *step = &self->stats[flow].steps[index];
    return (struct tw_lag_point){.at = {self->now_ns},
                                 .arrived = step->arrived,
                                 .through = step->through,
                                 .heard = step->heard,
                                 .waiting = step->waiting + step->overdue,
                                 .oldest_ns = tw_deadlines_oldest(self, flow, index)};
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

/* One step of a workflow's document; *verdict_p becomes the worst. */
static json_t *step_document(struct writing *self, const struct tw_workflow *workflow,
                             const struct tw_wf_step *step, uint32_t flow,
                             enum tw_lag_verdict *verdict_p)
{
    struct tw_tracker *tracker = self->tracker;
    uint32_t index = 0;
    while (strcmp(tracker->stats[flow].steps[index].name, step->name) != 0) {
        index++; /* the version in force has made all of them */
    }
    const struct tw_step_stats *stats = &tracker->stats[flow].steps[index];
    struct tw_sketch lately;
    struct tw_sketch hour;
    tw_sketch_init(&lately);
    tw_sketch_init(&hour);
    int rc = gather_lag(tracker, stats, 5, &lately);
    rc = rc == TW_OK ? gather_lag(tracker, stats, TW_TRACK_LAG_MINUTES, &hour) : rc;
    self->has_failed = self->has_failed || rc != TW_OK;
    struct tw_lag_point now = look_at(tracker, flow, index);
    enum tw_lag_verdict verdict = tw_lag_judge(&stats->ring, &now, allowed_of(step, &hour));
    bool is_start = step->after == 0; /* nobody waits for it: idle or not */
    if (!is_start && verdict > *verdict_p) {
        *verdict_p = verdict;
    }
    struct tw_lag_rates rates = tw_lag_rates(&stats->ring);
    json_t *object = json_object();
    set(object, "name", json_string(step->name));
    set(object, "title", text_or_null(step->title));
    set(object, "system", text_or_null(step->system));
    set(object, "destination", json_boolean(step->is_destination));
    set(object, "optional", json_boolean(step->is_optional));
    set(object, "after", names_of(workflow, step->after));
    set(object, "within", step->within_ns > 0 ? seconds(step->within_ns) : json_null());
    set(object, "rate", rates.has_data ? number_or_null(rates.out_per_s) : json_null());
    set(object, "arrival_rate", rates.has_data ? number_or_null(rates.in_per_s) : json_null());
    set(object, "failed", count_of(stats->failed));
    set(object, "waiting", count_of(stats->waiting + stats->overdue));
    set(object, "overdue", count_of(stats->overdue));
    set(object, "oldest_age", seconds(now.oldest_ns));
    set(object, "lag", quantiles(&lately));
    set(object, "lag_1h", quantiles(&hour));
    set(object, "drain_seconds", drain_of(stats));
    set(object, "verdict", json_string(tw_lag_verdict_name(verdict)));
    tw_sketch_fini(&lately);
    tw_sketch_fini(&hour);
    return object;
}

/* --- workflows -------------------------------------------------------------------------------- */

static json_t *runs_of(const struct tw_flow_stats *stats)
{
    json_t *object = json_object();
    for (int i = 0; i <= TW_RUN_IS_COMPENSATED; i++) {
        set(object, tw_run_state_name((enum tw_run_state)i), count_of(stats->by_state[i]));
    }
    set(object, "open", count_of(stats->open));
    return object;
}

static uint32_t flow_named(const struct tw_tracker *self, const char *name)
{
    uint32_t flow = 0;
    while (strcmp(self->stats[flow].name, name) != 0) {
        flow++; /* define_objectives() has made all of the set in force */
    }
    return flow;
}

static void workflow_document(struct writing *self, const struct tw_workflow *workflow)
{
    uint32_t flow = flow_named(self->tracker, workflow->name);
    struct tw_flow_stats *stats = &self->tracker->stats[flow];
    if (!stats->is_changed && stats->open == 0) {
        return;
    }
    char version[32];
    (void)snprintf(version, sizeof version, "%016" PRIx64, workflow->version);
    enum tw_lag_verdict verdict = TW_LAG_UNKNOWN;
    json_t *steps = json_array();
    for (size_t i = 0; i < workflow->step_count; i++) {
        (void)json_array_append_new(
            steps, step_document(self, workflow, &workflow->steps[i], flow, &verdict));
    }
    stats->verdict = verdict;
    json_t *object = json_object();
    set(object, "workflow", json_string(workflow->name));
    set(object, "title", text_or_null(workflow->title));
    set(object, "owner", text_or_null(workflow->owner));
    set(object, "version", json_string(version));
    set(object, "timing", json_string(tw_timing_name(workflow->timing)));
    set(object, "criticality", json_string(tw_criticality_name(workflow->criticality)));
    set(object, "financial", json_boolean(workflow->is_financial));
    set(object, "object", json_string(workflow->object));
    set(object, "at", moment((tw_wall_t){self->tracker->now_ns}));
    set(object, "watermark", moment(tw_watermark_lowest(&self->tracker->watermark)));
    set(object, "verdict", json_string(tw_lag_verdict_name(verdict)));
    set(object, "runs", runs_of(stats));
    set(object, "steps", steps);
    stats->is_changed = false;
    finish(self, "workflow/", workflow->name, object);
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
    [TW_BURN_FIRING] = "firing",
};

static json_t *rules_of(const struct tw_objective_stats *row)
{
    json_t *list = json_array();
    for (int i = 0; i < TW_BURN_RULE_COUNT; i++) {
        enum tw_burn_rule rule = (enum tw_burn_rule)i;
        struct tw_burn_plan plan = tw_burn_plan(rule, row->spec.target_ppm,
                                                tw_budget_window_s(row->budget), TW_BURN_BAD_MIN);
        enum tw_burn_state state = tw_budget_judge(row->budget, rule, TW_BURN_BAD_MIN);
        json_t *object = json_object();
        set(object, "rule", json_string(tw_burn_rule_name(rule)));
        set(object, "feasible", json_boolean(plan.use == TW_BURN_USABLE));
        set(object, "use", json_string(use_names[plan.use]));
        set(object, "long", json_string(tw_burn_window_name(plan.long_window)));
        set(object, "short", json_string(tw_burn_window_name(plan.short_window)));
        set(object, "threshold", number_or_null(plan.threshold));
        set(object, "events_min", json_integer(plan.events_min));
        set(object, "detection_seconds", json_integer(plan.detection_s));
        set(object, "pages", json_boolean(tw_burn_rule_pages(rule)));
        set(object, "state", json_string(state_names[state]));
        (void)json_array_append_new(list, object);
    }
    return list;
}

static json_t *burn_of(const struct tw_budget_view *view)
{
    json_t *object = json_object();
    for (int i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        set(object, tw_burn_window_name((enum tw_burn_window)i),
            view->burn_has_data[i] ? number_or_null(view->burn[i]) : json_null());
    }
    return object;
}

static json_t *exhaustion_of(const struct tw_budget_view *view)
{
    return view->exhaustion_ns == TW_BUDGET_NEVER ? json_null() : seconds(view->exhaustion_ns);
}

static void set_counts(json_t *object, const struct tw_budget_view *view)
{
    set(object, "good", json_integer(view->good));
    set(object, "bad", json_integer(view->bad));
    set(object, "total", json_integer(view->total));
    set(object, "undecided", json_integer(view->undecided));
    set(object, "ratio", number_or_null(view->ratio));
    set(object, "budget_remaining", number_or_null(view->remaining));
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
    set(window, "kind", json_string(tw_window_kind_name(objective->window)));
    set(window, "seconds", json_integer(tw_budget_window_s(row->budget)));
    set(window, "timezone",
        is_rolling ? json_null()
                   : text_or_null(objective->timezone == NULL ? "UTC" : objective->timezone));
    set(window, "from", moment(view.period.from));
    set(window, "until", moment(view.period.until));
    const char *owner = objective->owner == NULL ? row->workflow->owner : objective->owner;
    json_t *object = json_object();
    set(object, "objective", json_string(objective->name));
    set(object, "title", text_or_null(objective->title));
    set(object, "workflow", json_string(row->workflow->name));
    set(object, "owner", text_or_null(owner));
    set(object, "kind", json_string(tw_objective_kind_name(objective->kind)));
    set(object, "step",
        objective->step < 0 ? json_null()
                            : json_string(row->workflow->steps[objective->step].name));
    set(object, "within", objective->within_ns > 0 ? seconds(objective->within_ns) : json_null());
    set(object, "target", json_real((double)objective->target_ppm / 1e6));
    set(object, "window", window);
    set(object, "at", moment((tw_wall_t){self->tracker->now_ns}));
    set_counts(object, &view);
    set(object, "excluded", json_integer(row->excluded));
    set(object, "budget_remaining_so_far", number_or_null(view.remaining_so_far));
    set(object, "expected", view.has_forecast ? number_or_null(view.expected) : json_null());
    set(object, "burn", burn_of(&view));
    set(object, "exhaustion", exhaustion_of(&view));
    set(object, "rules", rules_of(row));
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
        set(object, "workflow", json_string(workflow->name));
        set(object, "title", text_or_null(workflow->title));
        set(object, "criticality", json_string(tw_criticality_name(workflow->criticality)));
        set(object, "verdict", json_string(tw_lag_verdict_name(stats->verdict)));
        set(object, "runs", runs_of(stats));
        set(object, "waiting", count_of(waiting));
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
        set(object, "objective", json_string(row->name));
        set(object, "workflow", json_string(row->workflow->name));
        set(object, "target", json_real((double)row->spec.target_ppm / 1e6));
        set_counts(object, &view);
        set(object, "burn", burn_of(&view));
        set(object, "exhaustion", exhaustion_of(&view));
        (void)json_array_append_new(list, object);
    }
    return list;
}

static json_t *overview_systems(const struct tw_tracker *self)
{
    json_t *list = json_array();
    for (uint32_t i = 1; i <= self->systems.count; i++) {
        tw_wall_t mark = tw_watermark_of(&self->watermark, (uint16_t)i);
        json_t *object = json_object();
        set(object, "system", text_or_null(tw_words_text(&self->systems, i)));
        set(object, "watermark", moment(mark));
        set(object, "watermark_lag",
            mark.ns == INT64_MIN ? json_null() : seconds(self->now_ns - mark.ns));
        (void)json_array_append_new(list, object);
    }
    return list;
}

static void overview_document(struct writing *self)
{
    const struct tw_tracker *tracker = self->tracker;
    tw_wall_t lowest = tw_watermark_lowest(&tracker->watermark);
    json_t *object = json_object();
    set(object, "at", moment((tw_wall_t){tracker->now_ns}));
    set(object, "read_up_to", moment(tracker->tick.read_up_to));
    set(object, "watermark", moment(lowest));
    set(object, "watermark_lag",
        lowest.ns == INT64_MIN ? json_null() : seconds(tracker->now_ns - lowest.ns));
    set(object, "sources_behind", count_of(tw_watermark_behind(&tracker->watermark)));
    set(object, "open_runs", count_of(tracker->open_runs));
    set(object, "given_up", count_of(tracker->evicted));
    set(object, "workflows", overview_workflows(tracker));
    set(object, "objectives", overview_objectives(tracker));
    set(object, "systems", overview_systems(tracker));
    finish(self, "overview", "", object);
}

int tw_live_make(struct tw_tracker *self, struct tw_arena *arena, const struct tw_live **ret_live,
                 size_t *ret_count)
{
    struct writing writing = {.tracker = self, .arena = arena};
    size_t room = self->set->count + self->objective_count + 1;
    if (self->set->count == 0) {
        return TW_OK;
    }
    writing.rows = tw_arena_alloc(arena, room * sizeof *writing.rows);
    if (writing.rows == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < self->set->count; i++) {
        workflow_document(&writing, &self->set->items[i]);
    }
    for (size_t i = 0; i < self->objective_count; i++) {
        objective_document(&writing, &self->objectives[i]);
    }
    overview_document(&writing);
    *ret_live = writing.rows;
    *ret_count = writing.count;
    return writing.has_failed ? TW_ENOMEM : TW_OK;
}
