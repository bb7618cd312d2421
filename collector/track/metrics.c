/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/metrics.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define LABELS(...) \
    {               \
        __VA_ARGS__ \
    }
#define NO_LABELS \
    {             \
        NULL      \
    }
#define COUNT_OF(metric, names)                                            \
    {                                                                      \
        .name = (metric), .labels = names, .is_count = true, .step_s = 10, \
        .is_zero_when_silent = true                                        \
    }
#define VALUE_OF(metric, names, of_unit, often_s)                       \
    {                                                                   \
        .name = (metric), .labels = names, .unit = TW_METRIC_##of_unit, \
        .is_zero_when_silent = true, .step_s = (often_s)                \
    }
/* Not 0 when nothing was written. */
#define KNOWN_OF(metric, names, of_unit)                                             \
    {                                                                                \
        .name = (metric), .labels = names, .unit = TW_METRIC_##of_unit, .step_s = 10 \
    }

const struct tw_metric tw_metrics[] = {
    COUNT_OF("runs_started", LABELS("workflow")),
    COUNT_OF("runs_done", LABELS("workflow")),
    COUNT_OF("runs_failed", LABELS("workflow")),
    COUNT_OF("step_done", LABELS("step", "workflow")),
    COUNT_OF("step_failed", LABELS("step", "workflow")),
    VALUE_OF("step_waiting", LABELS("step", "workflow"), COUNT, 10),
    VALUE_OF("step_overdue", LABELS("step", "workflow"), COUNT, 10),
    VALUE_OF("step_oldest_age", LABELS("step", "workflow"), SECONDS, 10),
    {.name = "step_lag",
     .labels = {"step", "workflow"},
     .unit = TW_METRIC_SECONDS,
     .is_sketch = true,
     .step_s = 60},
    COUNT_OF("objective_good", LABELS("objective")),
    COUNT_OF("objective_bad", LABELS("objective")),
    VALUE_OF("objective_undecided", LABELS("objective"), COUNT, 10),
    KNOWN_OF("objective_budget_remaining", LABELS("objective"), SHARE),
    KNOWN_OF("objective_burn", LABELS("objective", "window"), BURN),
    VALUE_OF("system_waiting", LABELS("system"), COUNT, 10),
    VALUE_OF("system_overdue", LABELS("system"), COUNT, 10),
    VALUE_OF("system_failed", LABELS("system"), COUNT, 10),
    VALUE_OF("system_oldest_age", LABELS("system"), SECONDS, 10),
    COUNT_OF("region_done", LABELS("region", "workflow")),
    COUNT_OF("region_failed", LABELS("region", "workflow")),
    VALUE_OF("region_open", LABELS("region", "workflow"), COUNT, 60),
    VALUE_OF("region_overdue", LABELS("region", "workflow"), COUNT, 60),
    VALUE_OF("store_waiting", LABELS("store"), COUNT, 60),
    VALUE_OF("store_overdue", LABELS("store"), COUNT, 60),
    VALUE_OF("store_failed", LABELS("store"), COUNT, 60),
    VALUE_OF("watermark_lag", LABELS("system"), SECONDS, 10),
    VALUE_OF("open_runs", NO_LABELS, COUNT, 10),
    COUNT_OF("failures", LABELS("cause", "step", "workflow")),
    COUNT_OF("duplicate_effects", LABELS("workflow")),
    COUNT_OF("system_failures", LABELS("cause", "system")),
    COUNT_OF("system_retries", LABELS("cause", "system")),
    VALUE_OF("system_verdict", LABELS("system"), COUNT, 10),
    VALUE_OF("step_drain", LABELS("step", "workflow"), SECONDS, 10),
    VALUE_OF("step_verdict", LABELS("step", "workflow"), COUNT, 10),
    VALUE_OF("objective_rule", LABELS("objective", "rule"), COUNT, 10),
    VALUE_OF("store_silent", LABELS("store"), SECONDS, 60),
    VALUE_OF("stores_silent", NO_LABELS, COUNT, 10),
    KNOWN_OF("system_silent", LABELS("system"), SECONDS),
    COUNT_OF("system_events", LABELS("system")),
    COUNT_OF("sequence_missing", LABELS("system")),
    COUNT_OF("quarantined", NO_LABELS),
    COUNT_OF("received", NO_LABELS),
    COUNT_OF("duplicates", NO_LABELS),
    COUNT_OF("conflicts", NO_LABELS),
    /* Of the desk, not of the tracker. */
    {.name = "replay_unproven",
     .labels = LABELS("system"),
     .step_s = 10,
     .is_of_desk = true,
     .is_zero_when_silent = true},
};
const size_t tw_metric_count = COUNT(tw_metrics);

const struct tw_metric *tw_metric_find(struct tw_str name)
{
    for (size_t i = 0; i < tw_metric_count; i++) {
        if (tw_str_is(name, tw_metrics[i].name)) {
            return &tw_metrics[i];
        }
    }
    return NULL;
}

bool tw_metric_has(const struct tw_metric *self, const char *label)
{
    for (size_t i = 0; i < TW_METRIC_LABELS && self->labels[i] != NULL; i++) {
        if (strcmp(self->labels[i], label) == 0) {
            return true;
        }
    }
    return false;
}
