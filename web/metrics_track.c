/* SPDX-License-Identifier: Apache-2.0
 * What tracking says, as metrics: out of the documents that the collector commits. Labels are
 * bounded by the definitions in force: workflow, step, objective, system, state, window; and by the
 * number of regions that a workflow has rows for. Lag is
 * given as a histogram of exact counts, and as percentiles of the last five minutes. What is not
 * known has no sample. */
#include "config.h"
#include "web/metrics_track.h"

#include <math.h>

#include "track/verdict.h"

#define DOCUMENTS_MAX (TW_WF_MAX * (TW_WF_OBJECTIVES_MAX + 1))

/* Documents of one kind that belong to the definitions in force. */
struct documents {
    json_t **items; /* owned each; in the arena of the call */
    size_t count;
};

static void documents_fini(struct documents *self)
{
    for (size_t i = 0; i < self->count; i++) {
        json_decref(self->items[i]);
    }
    self->count = 0;
}

static bool is_in_force(const struct tw_call *call, const json_t *json)
{
    const char *workflow = json_string_value(json_object_get(json, "workflow"));
    const char *objective = json_string_value(json_object_get(json, "objective"));
    const struct tw_workflow *found = NULL;
    if (objective != NULL) {
        return tw_api_find_objective(call->workflows, tw_str_of(objective), &found) != NULL;
    }
    return workflow != NULL && tw_workflows_find(call->workflows, workflow) != NULL;
}

static int documents_read(struct tw_call *call, const char *prefix, struct documents *self)
{
    const struct tw_live *live = NULL;
    size_t count = 0;
    int rc = tw_reader_live_list(call->reader, call->arena, tw_str_of(prefix), DOCUMENTS_MAX, &live,
                                 &count);
    if (rc != TW_OK) {
        return rc == TW_ENOTFOUND ? TW_OK : rc;
    }
    self->items = tw_arena_alloc(call->arena, (count + 1) * sizeof(json_t *));
    if (self->items == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        json_t *json = NULL;
        if (tw_api_parse(live[i].json, &json) == TW_ENOMEM) {
            return TW_ENOMEM;
        }
        if (json_is_object(json) && is_in_force(call, json)) {
            self->items[self->count++] = json;
        } else {
            json_decref(json); /* of a definition that was taken away, or not readable */
        }
    }
    return TW_OK;
}

static struct tw_str text_of(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    return (struct tw_str){json_string_value(value), json_string_length(value)};
}

/* The value of "key" or "key.member"; NAN when it is not known. "growing" has no end. */
static double number_of(const json_t *json, const char *key, const char *member)
{
    const json_t *value = json_object_get(json, key);
    if (member != NULL) {
        value = json_object_get(value, member);
    }
    if (json_is_string(value)) {
        return (double)INFINITY;
    }
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static void sample(struct tw_metrics *m, const struct tw_metric_label *labels, size_t count,
                   double value)
{
    if (!isnan(value)) {
        tw_metrics_real(m, labels, count, value);
    }
}

/* ---- workflows and steps */

/* A family with one sample for every step, or one for each member of what the key names. */
static const struct {
    const char *name;
    const char *help;
    const char *key;
    const char *label;      /* of the members; NULL: the key is a number itself */
    const char *members[4]; /* of the document, ... */
    const char *words[4];   /* ... and as label */
} step_families[] = {
    {"tillwatch_step_waiting",
     "Runs that wait for a step, those that are late too",
     "waiting",
     NULL,
     {NULL},
     {NULL}},
    {"tillwatch_step_overdue",
     "Runs that wait for a step past its deadline",
     "overdue",
     NULL,
     {NULL},
     {NULL}},
    {"tillwatch_step_failed", "Open runs in which a step failed", "failed", NULL, {NULL}, {NULL}},
    {"tillwatch_step_oldest_age_seconds",
     "Age of the oldest run that waits for a step",
     "oldest_age",
     NULL,
     {NULL},
     {NULL}},
    {"tillwatch_step_throughput",
     "Completions of a step a second, mean of five minutes",
     "rate",
     NULL,
     {NULL},
     {NULL}},
    {"tillwatch_step_arrivals",
     "Runs that begin to wait for a step a second, mean of five minutes",
     "arrival_rate",
     NULL,
     {NULL},
     {NULL}},
    {"tillwatch_step_drain_seconds",
     "When nothing will wait for a step any more; +Inf while it grows",
     "drain_seconds",
     NULL,
     {NULL},
     {NULL}},
    {"tillwatch_step_lag_recent_seconds",
     "Time that a step took, percentiles of the last five minutes",
     "lag",
     "percentile",
     {"p50", "p95", "p99", NULL},
     {"50", "95", "99", NULL}},
};

static void write_step(struct tw_metrics *m, size_t family, struct tw_str workflow,
                       const json_t *step)
{
    struct tw_metric_label labels[] = {
        {"workflow", workflow}, {"step", text_of(step, "name")}, {NULL, TW_STR_NULL}};
    if (step_families[family].label == NULL) {
        sample(m, labels, 2, number_of(step, step_families[family].key, NULL));
        return;
    }
    for (size_t i = 0; step_families[family].members[i] != NULL; i++) {
        labels[2] = (struct tw_metric_label){step_families[family].label,
                                             tw_str_of(step_families[family].words[i])};
        sample(m, labels, 3,
               number_of(step, step_families[family].key, step_families[family].members[i]));
    }
}

static void write_steps(struct tw_metrics *m, const struct documents *workflows)
{
    for (size_t f = 0; f < sizeof step_families / sizeof step_families[0]; f++) {
        tw_metrics_family(m, TW_METRIC_GAUGE, step_families[f].name, step_families[f].help);
        for (size_t i = 0; i < workflows->count; i++) {
            const json_t *steps = json_object_get(workflows->items[i], "steps");
            for (size_t k = 0; k < json_array_size(steps); k++) {
                write_step(m, f, text_of(workflows->items[i], "workflow"),
                           json_array_get(steps, k));
            }
        }
    }
}

#define BOUNDS_MAX 64

/* A step that nothing ever reached has no histogram. */
static void write_histogram(struct tw_metrics *m, const json_t *workflow, const json_t *step)
{
    double bounds[BOUNDS_MAX];
    uint64_t counts[BOUNDS_MAX + 1];
    const json_t *lag = json_object_get(step, "lag_total");
    const json_t *shown = json_object_get(lag, "counts");
    const json_t *limits = json_object_get(workflow, "lag_bounds");
    size_t count = json_array_size(limits);
    json_int_t total = 0;
    if (count > BOUNDS_MAX || json_array_size(shown) != count + 1) {
        return; /* of another version of the collector */
    }
    for (size_t i = 0; i <= count; i++) {
        json_int_t one = json_integer_value(json_array_get(shown, i));
        counts[i] = one < 0 ? 0 : (uint64_t)one;
        total += one;
        if (i < count) {
            bounds[i] = json_number_value(json_array_get(limits, i));
        }
    }
    const struct tw_metric_label labels[] = {{"workflow", text_of(workflow, "workflow")},
                                             {"step", text_of(step, "name")}};
    const struct tw_metric_histogram histogram = {.bounds = bounds,
                                                  .counts = counts,
                                                  .bound_count = count,
                                                  .sum = number_of(lag, "sum", NULL)};
    if (total > 0) {
        tw_metrics_histogram(m, labels, 2, &histogram);
    }
}

static void write_histograms(struct tw_metrics *m, const struct documents *workflows)
{
    tw_metrics_family(m, TW_METRIC_HISTOGRAM, "tillwatch_step_lag_seconds",
                      "Time that a step took since the one before");
    for (size_t i = 0; i < workflows->count; i++) {
        const json_t *steps = json_object_get(workflows->items[i], "steps");
        for (size_t k = 0; k < json_array_size(steps); k++) {
            write_histogram(m, workflows->items[i], json_array_get(steps, k));
        }
    }
}

static double verdict_of(struct tw_str word)
{
    for (int i = TW_LAG_UNKNOWN; i <= TW_LAG_STOP; i++) {
        if (tw_str_is(word, tw_lag_verdict_name((enum tw_lag_verdict)i))) {
            return i;
        }
    }
    return (double)NAN;
}

static void write_verdicts(struct tw_metrics *m, const struct documents *workflows)
{
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_step_verdict",
                      "How a step keeps up: 0 unknown, 1 idle, 2 ok, 3 warn, 4 stall, 5 stop");
    for (size_t i = 0; i < workflows->count; i++) {
        const json_t *steps = json_object_get(workflows->items[i], "steps");
        for (size_t k = 0; k < json_array_size(steps); k++) {
            const json_t *step = json_array_get(steps, k);
            const struct tw_metric_label labels[] = {
                {"workflow", text_of(workflows->items[i], "workflow")},
                {"step", text_of(step, "name")}};
            sample(m, labels, 2, verdict_of(text_of(step, "verdict")));
        }
    }
}

static void write_runs(struct tw_metrics *m, const struct documents *workflows)
{
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_workflow_open", "Runs that are not finished");
    for (size_t i = 0; i < workflows->count; i++) {
        const struct tw_metric_label label = {"workflow", text_of(workflows->items[i], "workflow")};
        sample(m, &label, 1, number_of(workflows->items[i], "runs", "open"));
    }
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_workflow_runs",
                      "Runs by state: open ones now, ended ones since tracking began");
    for (size_t i = 0; i < workflows->count; i++) {
        for (int k = 0; k <= TW_RUN_IS_COMPENSATED; k++) {
            const char *state = tw_run_state_name((enum tw_run_state)k);
            const struct tw_metric_label labels[] = {
                {"workflow", text_of(workflows->items[i], "workflow")},
                {"state", tw_str_of(state)}};
            sample(m, labels, 2, number_of(workflows->items[i], "runs", state));
        }
    }
}

/* By region: what the workflow's own families say of the whole. */
static void write_region_family(struct tw_metrics *m, const struct documents *workflows,
                                const char *key)
{
    for (size_t i = 0; i < workflows->count; i++) {
        const json_t *regions = json_object_get(workflows->items[i], "regions");
        for (size_t k = 0; k < json_array_size(regions); k++) {
            const json_t *region = json_array_get(regions, k);
            const struct tw_metric_label labels[] = {
                {"workflow", text_of(workflows->items[i], "workflow")},
                {"region", text_of(region, "region")}};
            sample(m, labels, 2, number_of(region, key, NULL));
        }
    }
}

static void write_regions(struct tw_metrics *m, const struct documents *workflows)
{
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_region_open",
                      "Runs that are not finished, by region");
    write_region_family(m, workflows, "open");
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_region_overdue",
                      "Open runs of which a step is past its deadline and none failed, by region");
    write_region_family(m, workflows, "overdue");
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_region_failed",
                      "Open runs of which a step failed, by region");
    write_region_family(m, workflows, "failed");
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_region_failures",
                      "Runs of which a step failed once, since tracking began, by region");
    write_region_family(m, workflows, "failures");
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_region_completed",
                      "Runs that completed, since tracking began, by region");
    write_region_family(m, workflows, "completed");
}

/* ---- objectives */

static const struct {
    const char *name;
    const char *help;
    const char *key;
} objective_families[] = {
    {"tillwatch_objective_target_ratio", "Share of good decisions that an objective asks for",
     "target"},
    {"tillwatch_objective_ratio", "Share of good decisions in the window of an objective", "ratio"},
    {"tillwatch_objective_good", "Good decisions in the window of an objective", "good"},
    {"tillwatch_objective_bad", "Bad decisions in the window of an objective", "bad"},
    {"tillwatch_objective_undecided", "What is open and not past its deadline", "undecided"},
    {"tillwatch_objective_budget_remaining_ratio",
     "Share of the error budget that is left; below 0 it is overspent", "budget_remaining"},
    {"tillwatch_objective_exhaustion_seconds",
     "When the error budget will be spent at the burn rate of the last hour", "exhaustion"},
};

static void write_objectives(struct tw_metrics *m, const struct documents *objectives)
{
    for (size_t f = 0; f < sizeof objective_families / sizeof objective_families[0]; f++) {
        tw_metrics_family(m, TW_METRIC_GAUGE, objective_families[f].name,
                          objective_families[f].help);
        for (size_t i = 0; i < objectives->count; i++) {
            const struct tw_metric_label labels[] = {
                {"objective", text_of(objectives->items[i], "objective")},
                {"workflow", text_of(objectives->items[i], "workflow")}};
            sample(m, labels, 2, number_of(objectives->items[i], objective_families[f].key, NULL));
        }
    }
    tw_metrics_family(m, TW_METRIC_GAUGE, "tillwatch_objective_burn_rate",
                      "How fast the error budget is spent, by window; 1 spends it in its window");
    for (size_t i = 0; i < objectives->count; i++) {
        const char *window = NULL;
        json_t *value = NULL;
        json_object_foreach (json_object_get(objectives->items[i], "burn"), window, value) {
            const struct tw_metric_label labels[] = {
                {"objective", text_of(objectives->items[i], "objective")},
                {"workflow", text_of(objectives->items[i], "workflow")},
                {"window", tw_str_of(window)}};
            sample(m, labels, 3, json_is_number(value) ? json_number_value(value) : (double)NAN);
        }
    }
}

/* ---- the collector itself */

static void write_tracker(struct tw_metrics *m, const json_t *overview)
{
    static const struct {
        enum tw_metric_kind kind;
        const char *name;
        const char *help;
        const char *key;
    } families[] = {
        {TW_METRIC_GAUGE, "tillwatch_track_open_runs", "Runs that are followed now", "open_runs"},
        {TW_METRIC_COUNTER, "tillwatch_track_given_up",
         "Runs that are followed no longer: too old, or too many", "given_up"},
        {TW_METRIC_GAUGE, "tillwatch_track_sources_behind",
         "Sources that deliver old events and hold their system back", "sources_behind"},
        {TW_METRIC_GAUGE, "tillwatch_track_watermark_lag_seconds",
         "Time up to which deadlines are not judged yet, of the system that is furthest behind",
         "watermark_lag"},
    };
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        tw_metrics_family(m, families[i].kind, families[i].name, families[i].help);
        sample(m, NULL, 0, number_of(overview, families[i].key, NULL));
    }
}

/* ---- systems and stores */

static void write_systems(struct tw_metrics *m, const json_t *overview)
{
    static const struct {
        const char *name;
        const char *help;
        const char *key;
    } families[] = {
        {"tillwatch_system_watermark_lag_seconds",
         "Time up to which deadlines are not judged yet, by system", "watermark_lag"},
        {"tillwatch_system_waiting", "Steps that runs wait for, by their system", "waiting"},
        {"tillwatch_system_overdue", "Steps that are past their deadline, by their system",
         "overdue"},
        {"tillwatch_system_failed", "Steps that failed in open runs, by their system", "failed"},
        {"tillwatch_system_oldest_age_seconds",
         "Age of the oldest step that is waited for, by its system", "oldest_age"},
        {"tillwatch_system_throughput",
         "Steps that a system completes a second, mean of five "
         "minutes",
         "rate"},
        {"tillwatch_system_drain_seconds",
         "When nothing will wait for a system any more; +Inf while it grows", "drain_seconds"},
    };
    const json_t *systems = json_object_get(overview, "systems");
    for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
        tw_metrics_family(m, TW_METRIC_GAUGE, families[f].name, families[f].help);
        for (size_t i = 0; i < json_array_size(systems); i++) {
            const json_t *system = json_array_get(systems, i);
            const struct tw_metric_label label = {"system", text_of(system, "system")};
            sample(m, &label, 1, number_of(system, families[f].key, NULL));
        }
    }
}

/* Never by store: there are thousands of them. */
static void write_stores(struct tw_metrics *m, const json_t *overview)
{
    static const struct {
        const char *name;
        const char *help;
        const char *key;
    } families[] = {
        {"tillwatch_stores_known", "Stores that were heard of or are expected", "stores"},
        {"tillwatch_stores_late", "Stores in which a step is overdue or has failed", "late"},
    };
    const json_t *totals = json_object_get(overview, "store_totals");
    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        tw_metrics_family(m, TW_METRIC_GAUGE, families[i].name, families[i].help);
        sample(m, NULL, 0, number_of(totals, families[i].key, NULL));
    }
}

int tw_metrics_track(struct tw_call *call, struct tw_metrics *m)
{
    struct documents workflows = {NULL, 0};
    struct documents objectives = {NULL, 0};
    json_t *overview = NULL;
    int rc = documents_read(call, "workflow/", &workflows);
    rc = rc == TW_OK ? documents_read(call, "objective/", &objectives) : rc;
    rc = rc == TW_OK ? tw_api_live(call, "overview", "", &overview) : rc;
    if (rc == TW_OK) {
        write_runs(m, &workflows);
        write_regions(m, &workflows);
        write_steps(m, &workflows);
        write_histograms(m, &workflows);
        write_verdicts(m, &workflows);
        write_objectives(m, &objectives);
        write_tracker(m, overview);
        write_systems(m, overview);
        write_stores(m, overview);
    }
    documents_fini(&workflows);
    documents_fini(&objectives);
    json_decref(overview);
    return rc;
}
