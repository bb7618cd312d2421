/* SPDX-License-Identifier: Apache-2.0
 * Versions of workflows as the matcher numbers them, and beside them what is counted by name: a
 * step keeps its lag when the definition around it changes. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "track/failures.h"

/* --- what is counted by name ------------------------------------------------------------------ */

static void gauge_init(struct tw_gauge *gauge)
{
    *gauge = (struct tw_gauge){.series = TW_TRACK_NONE};
}

static void step_stats_init(struct tw_step_stats *step)
{
    struct tw_gauge *gauges[] = {&step->done_sum,     &step->failed_sum,  &step->waiting_last,
                                 &step->overdue_last, &step->oldest_last, &step->drain_last,
                                 &step->verdict_last};
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        gauge_init(gauges[i]);
    }
    tw_cause_gauges_init(&step->failures);
    for (size_t i = 0; i < TW_TRACK_LAG_MINUTES; i++) {
        tw_sketch_init(&step->minutes[i]);
    }
    tw_lag_init(&step->ring);
    step->lag_series = TW_TRACK_NONE;
}

static int step_stats_of(struct tw_tracker *self, struct tw_flow_stats *stats,
                         const struct tw_wf_step *step, uint32_t *ret_index)
{
    for (size_t i = 0; i < stats->step_count; i++) {
        if (strcmp(stats->steps[i].name, step->name) == 0) {
            *ret_index = (uint32_t)i;
            return TW_OK;
        }
    }
    struct tw_step_stats *steps = realloc(stats->steps, (stats->step_count + 1) * sizeof *steps);
    if (steps == NULL) {
        return TW_ENOMEM;
    }
    stats->steps = steps;
    struct tw_step_stats *row = &steps[stats->step_count];
    memset(row, 0, sizeof *row);
    step_stats_init(row);
    uint32_t system = 0;
    int rc = tw_words_add(&self->systems, tw_str_of(step->system), &system);
    row->name = strdup(step->name);
    if (rc != TW_OK || row->name == NULL) {
        free(row->name);
        return TW_ENOMEM;
    }
    row->system = (uint16_t)system;
    *ret_index = (uint32_t)stats->step_count++;
    return TW_OK;
}

static int flow_stats_of(struct tw_tracker *self, const char *name, uint32_t *ret_index)
{
    for (size_t i = 0; i < self->stats_count; i++) {
        if (strcmp(self->stats[i].name, name) == 0) {
            *ret_index = (uint32_t)i;
            return TW_OK;
        }
    }
    struct tw_flow_stats *stats = realloc(self->stats, (self->stats_count + 1) * sizeof *stats);
    if (stats == NULL) {
        return TW_ENOMEM;
    }
    self->stats = stats;
    struct tw_flow_stats *row = &stats[self->stats_count];
    memset(row, 0, sizeof *row);
    gauge_init(&row->started_sum);
    gauge_init(&row->done_sum);
    gauge_init(&row->failed_sum);
    gauge_init(&row->duplicate_sum);
    row->name = strdup(name);
    if (row->name == NULL || tw_regions_init(row) != TW_OK) {
        free(row->name);
        return TW_ENOMEM;
    }
    row->is_changed = true;
    *ret_index = (uint32_t)self->stats_count++;
    return TW_OK;
}

/* --- objectives ------------------------------------------------------------------------------- */

/* A zone that this machine does not know is UTC: the files were checked on it when they were read.
 */
static int zone_of(const char *name, struct tw_zone **ret_zone)
{
    *ret_zone = NULL;
    int rc = tw_zone_new(name, ret_zone);
    return rc == TW_ENOMEM ? rc : TW_OK;
}

static int objective_set(struct tw_tracker *self, struct tw_objective_stats *row,
                         const struct tw_wf_objective *objective)
{
    struct tw_zone *zone = NULL;
    int rc = zone_of(objective->timezone, &zone);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_budget_spec spec = {.target_ppm = objective->target_ppm,
                                  .window = objective->window,
                                  .window_ns = objective->window_ns,
                                  .zone = zone,
                                  .week_zone = objective->timezone == NULL ? self->zone : zone,
                                  .is_sliced = objective->kind == TW_OBJECTIVE_FRESHNESS};
    rc = row->budget == NULL ? tw_budget_new(&spec, (tw_wall_t){self->now_ns}, &row->budget)
                             : tw_budget_change(row->budget, &spec);
    if (rc != TW_OK) {
        tw_zone_destroy(&zone);
        return rc;
    }
    tw_zone_destroy(&row->zone);
    row->zone = zone;
    row->spec = spec;
    row->is_changed = true;
    return TW_OK;
}

static void objective_fini(struct tw_objective_stats *row)
{
    tw_budget_destroy(&row->budget);
    tw_zone_destroy(&row->zone);
    free(row->name);
}

static int objective_stats_of(struct tw_tracker *self, const struct tw_wf_objective *objective,
                              uint32_t *ret_index)
{
    for (size_t i = 0; i < self->objective_count; i++) {
        if (strcmp(self->objectives[i].name, objective->name) == 0) {
            *ret_index = (uint32_t)i;
            return TW_OK;
        }
    }
    struct tw_objective_stats *rows =
        realloc(self->objectives, (self->objective_count + 1) * sizeof *rows);
    if (rows == NULL) {
        return TW_ENOMEM;
    }
    self->objectives = rows;
    struct tw_objective_stats *row = &rows[self->objective_count];
    memset(row, 0, sizeof *row);
    struct tw_gauge *gauges[] = {&row->good_sum, &row->bad_sum, &row->undecided_last,
                                 &row->remaining_last};
    for (size_t i = 0; i < sizeof gauges / sizeof gauges[0]; i++) {
        gauge_init(gauges[i]);
    }
    for (size_t i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        gauge_init(&row->burn_last[i]);
    }
    for (size_t i = 0; i < TW_OBJECTIVE_RULES; i++) {
        gauge_init(&row->rule_last[i]);
        gauge_init(&row->rule_value_last[i]);
    }
    row->name = strdup(objective->name);
    int rc = row->name == NULL ? TW_ENOMEM : objective_set(self, row, objective);
    if (rc != TW_OK) {
        objective_fini(row);
        return rc;
    }
    *ret_index = (uint32_t)self->objective_count++;
    return TW_OK;
}

/* The objectives of the set in force take its targets and windows. */
static int define_objectives(struct tw_tracker *self)
{
    for (size_t i = 0; i < self->objective_count; i++) {
        self->objectives[i].definition = NULL;
        self->objectives[i].workflow = NULL;
        self->objectives[i].is_changed = true;
    }
    int rc = TW_OK;
    for (size_t i = 0; i < self->set->count && rc == TW_OK; i++) {
        const struct tw_workflow *workflow = &self->set->items[i];
        uint32_t flow = 0;
        rc = flow_stats_of(self, workflow->name, &flow);
        self->stats[flow].is_changed = true;
        for (size_t k = 0; k < workflow->objective_count && rc == TW_OK; k++) {
            const struct tw_wf_objective *objective = &workflow->objectives[k];
            uint32_t index = 0;
            rc = objective_stats_of(self, objective, &index);
            rc = rc == TW_OK ? objective_set(self, &self->objectives[index], objective) : rc;
            if (rc == TW_OK) {
                struct tw_objective_stats *row = &self->objectives[index];
                row->definition = objective;
                row->workflow = workflow;
                row->flow = flow;
                rc = objective->step < 0
                         ? TW_OK
                         : step_stats_of(self, &self->stats[flow],
                                         &workflow->steps[objective->step], &row->step);
            }
        }
    }
    return rc;
}

static void windows_fini(struct tw_tracker *self)
{
    for (size_t i = 0; i < self->window_count; i++) {
        tw_zone_destroy(&self->windows[i].zone);
    }
    free(self->windows);
    self->windows = NULL;
    self->window_count = 0;
}

static int define_windows(struct tw_tracker *self)
{
    windows_fini(self);
    self->windows = calloc(self->set->maintenance_count + 1, sizeof *self->windows);
    if (self->windows == NULL) {
        return TW_ENOMEM;
    }
    int rc = TW_OK;
    for (size_t i = 0; i < self->set->maintenance_count && rc == TW_OK; i++) {
        struct tw_window *window = &self->windows[self->window_count++];
        window->definition = &self->set->maintenance[i];
        rc = zone_of(window->definition->timezone, &window->zone);
    }
    return rc;
}

/* --- versions --------------------------------------------------------------------------------- */

static void flow_fini(struct tw_flow *flow)
{
    for (size_t i = 0; flow->steps != NULL && i < flow->workflow->step_count; i++) {
        tw_queue_fini(&flow->steps[i].waiting);
        tw_queue_fini(&flow->steps[i].overdue);
        tw_queue_fini(&flow->steps[i].failed);
    }
    for (size_t i = 0; flow->objectives != NULL && i < flow->workflow->objective_count; i++) {
        tw_queue_fini(&flow->objectives[i].timer);
    }
    free(flow->steps);
    free(flow->objectives);
    memset(flow, 0, sizeof *flow);
}

static int flow_steps(struct tw_tracker *self, struct tw_flow *flow)
{
    int rc = TW_OK;
    for (size_t i = 0; i < flow->workflow->step_count && rc == TW_OK; i++) {
        const struct tw_wf_step *step = &flow->workflow->steps[i];
        struct tw_flow_step *row = &flow->steps[i];
        row->listed_ns = INT64_MIN;
        rc = step_stats_of(self, &self->stats[flow->stats], step, &row->stats);
        flow->required |= step->is_optional ? 0 : UINT32_C(1) << i;
        flow->is_fan_out = flow->is_fan_out || step->each == TW_EACH_STORE;
    }
    for (size_t i = 0; i < flow->workflow->objective_count && rc == TW_OK; i++) {
        rc = objective_stats_of(self, &flow->workflow->objectives[i], &flow->objectives[i].stats);
    }
    return rc;
}

static int flow_init(struct tw_tracker *self, struct tw_flow *flow,
                     const struct tw_workflow *workflow)
{
    flow->workflow = workflow;
    flow->steps = calloc(workflow->step_count + 1, sizeof *flow->steps);
    flow->objectives = calloc(workflow->objective_count + 1, sizeof *flow->objectives);
    int code = self->object_code(self->context, workflow->object);
    flow->object_type = code < 0 ? 0 : (uint16_t)code;
    flow->is_usable = code >= 0 && (size_t)code < self->type_count && self->is_linking[code] != 0;
    int rc = flow->steps == NULL || flow->objectives == NULL
                 ? TW_ENOMEM
                 : flow_stats_of(self, workflow->name, &flow->stats);
    rc = rc == TW_OK ? flow_steps(self, flow) : rc;
    if (rc != TW_OK) {
        flow_fini(flow);
        return rc;
    }
    self->has_fan_out = self->has_fan_out || flow->is_fan_out;
    size_t bytes = tw_run_bytes(workflow);
    if (bytes > self->recent_bytes) {
        rc = tw_progress_room(self, bytes);
    }
    if (rc != TW_OK) {
        flow_fini(flow);
    }
    return rc;
}

static int define_versions(struct tw_tracker *self)
{
    size_t count = tw_matcher_version_count(self->matcher);
    if (count > self->flow_count) {
        struct tw_flow *flows = realloc(self->flows, count * sizeof *flows);
        if (flows == NULL) {
            return TW_ENOMEM;
        }
        memset(flows + self->flow_count, 0, (count - self->flow_count) * sizeof *flows);
        self->flows = flows;
        self->flow_count = count;
    }
    int rc = TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        const struct tw_workflow *workflow = tw_matcher_workflow(self->matcher, (uint32_t)i);
        if (workflow != NULL && self->flows[i].workflow == NULL) {
            rc = flow_init(self, &self->flows[i], workflow);
        }
    }
    return rc;
}

/* The types that runs are keyed by, and the graph knows them. */
static int define_roots(struct tw_tracker *self)
{
    self->root_type_count = 0;
    for (size_t i = 0; i < self->flow_count; i++) {
        const struct tw_flow *flow = &self->flows[i];
        bool is_known = flow->workflow == NULL || !flow->is_usable;
        for (size_t k = 0; k < self->root_type_count; k++) {
            is_known = is_known || self->root_types[k] == flow->object_type;
        }
        if (!is_known && self->root_type_count < TW_GRAPH_ROOTS_MAX) {
            self->root_types[self->root_type_count++] = flow->object_type;
        }
    }
    return tw_graph_set_roots(self->graph, self->root_types, self->root_type_count);
}

/* The numbers of systems in versions that are in force, or that were. */
static int define_systems(struct tw_tracker *self, bool is_current)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->flow_count; i++) {
        struct tw_flow *flow = &self->flows[i];
        if (flow->workflow == NULL ||
            tw_matcher_is_current(self->matcher, (uint32_t)i) != is_current) {
            continue;
        }
        for (size_t k = 0; k < flow->workflow->step_count && rc == TW_OK; k++) {
            uint32_t system = 0;
            rc = tw_words_add(&self->systems, tw_str_of(flow->workflow->steps[k].system), &system);
            flow->steps[k].system = (uint16_t)system;
            self->stats[flow->stats].steps[flow->steps[k].stats].system = (uint16_t)system;
        }
    }
    return rc;
}

int tw_flows_update(struct tw_tracker *self)
{
    int rc = define_versions(self);
    /* Words may have been replaced by those of a snapshot. What is counted by name goes to the
     * system that the version in force says, if it has the step: those come last. */
    rc = rc == TW_OK ? define_systems(self, false) : rc;
    rc = rc == TW_OK ? define_systems(self, true) : rc;
    rc = rc == TW_OK ? define_objectives(self) : rc;
    rc = rc == TW_OK ? define_windows(self) : rc;
    return rc == TW_OK ? define_roots(self) : rc;
}

int tw_flows_retire(struct tw_tracker *self)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->flow_count && rc == TW_OK; i++) {
        struct tw_flow *flow = &self->flows[i];
        if (flow->workflow != NULL && flow->runs == 0 &&
            !tw_matcher_is_current(self->matcher, (uint32_t)i)) {
            flow_fini(flow);
            rc = tw_matcher_retire(self->matcher, (uint32_t)i);
        }
    }
    return rc;
}

void tw_flows_fini(struct tw_tracker *self)
{
    for (size_t i = 0; i < self->flow_count; i++) {
        if (self->flows[i].workflow != NULL) {
            flow_fini(&self->flows[i]);
        }
    }
    free(self->flows);
    for (size_t i = 0; i < self->stats_count; i++) {
        struct tw_flow_stats *stats = &self->stats[i];
        for (size_t k = 0; k < stats->step_count; k++) {
            for (size_t m = 0; m < TW_TRACK_LAG_MINUTES; m++) {
                tw_sketch_fini(&stats->steps[k].minutes[m]);
            }
            free(stats->steps[k].name);
        }
        free(stats->steps);
        free(stats->regions);
        free(stats->name);
    }
    free(self->stats);
    for (size_t i = 0; i < self->objective_count; i++) {
        objective_fini(&self->objectives[i]);
    }
    free(self->objectives);
    windows_fini(self);
}
