/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/metrics.h"

#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The labels come last: NULL for none. */
#define COUNT_OF(metric, ...)                                                      \
    {                                                                              \
        .name = (metric), .labels = {__VA_ARGS__}, .is_count = true, .step_s = 10, \
        .is_zero_when_silent = true                                                \
    }
#define VALUE_OF(metric, of_unit, often_s, ...)                                 \
    {                                                                           \
        .name = (metric), .labels = {__VA_ARGS__}, .unit = TW_METRIC_##of_unit, \
        .is_zero_when_silent = true, .step_s = (often_s)                        \
    }
/* Not 0 when nothing was written. */
#define KNOWN_OF(metric, of_unit, ...)                                                       \
    {                                                                                        \
        .name = (metric), .labels = {__VA_ARGS__}, .unit = TW_METRIC_##of_unit, .step_s = 10 \
    }

const struct tw_metric tw_metrics[] = {
    COUNT_OF("runs_started", "workflow"),
    COUNT_OF("runs_done", "workflow"),
    COUNT_OF("runs_failed", "workflow"),
    COUNT_OF("step_done", "step", "workflow"),
    COUNT_OF("step_failed", "step", "workflow"),
    VALUE_OF("step_waiting", COUNT, 10, "step", "workflow"),
    VALUE_OF("step_overdue", COUNT, 10, "step", "workflow"),
    VALUE_OF("step_oldest_age", SECONDS, 10, "step", "workflow"),
    {.name = "step_lag",
     .labels = {"step", "workflow"},
     .unit = TW_METRIC_SECONDS,
     .is_sketch = true,
     .step_s = 60},
    COUNT_OF("objective_good", "objective"),
    COUNT_OF("objective_bad", "objective"),
    VALUE_OF("objective_undecided", COUNT, 10, "objective"),
    KNOWN_OF("objective_budget_remaining", SHARE, "objective"),
    KNOWN_OF("objective_burn", BURN, "objective", "window"),
    VALUE_OF("system_waiting", COUNT, 10, "system"),
    VALUE_OF("system_overdue", COUNT, 10, "system"),
    VALUE_OF("system_failed", COUNT, 10, "system"),
    VALUE_OF("system_oldest_age", SECONDS, 10, "system"),
    COUNT_OF("region_done", "region", "workflow"),
    COUNT_OF("region_failed", "region", "workflow"),
    VALUE_OF("region_open", COUNT, 60, "region", "workflow"),
    VALUE_OF("region_overdue", COUNT, 60, "region", "workflow"),
    VALUE_OF("store_waiting", COUNT, 60, "store"),
    VALUE_OF("store_overdue", COUNT, 60, "store"),
    VALUE_OF("store_failed", COUNT, 60, "store"),
    VALUE_OF("watermark_lag", SECONDS, 10, "system"),
    VALUE_OF("open_runs", COUNT, 10, NULL),
    COUNT_OF("failures", "cause", "step", "workflow"),
    COUNT_OF("duplicate_effects", "workflow"),
    COUNT_OF("system_failures", "cause", "system"),
    COUNT_OF("system_retries", "cause", "system"),
    VALUE_OF("system_verdict", COUNT, 10, "system"),
    VALUE_OF("step_drain", SECONDS, 10, "step", "workflow"),
    VALUE_OF("step_verdict", COUNT, 10, "step", "workflow"),
    VALUE_OF("objective_rule", COUNT, 10, "objective", "rule"),
    VALUE_OF("objective_rule_value", COUNT, 10, "objective", "rule"),
    VALUE_OF("store_silent", SECONDS, 60, "store"),
    VALUE_OF("stores_silent", COUNT, 10, NULL),
    KNOWN_OF("system_silent", SECONDS, "system"),
    COUNT_OF("system_events", "system"),
    COUNT_OF("sequence_missing", "system"),
    COUNT_OF("quarantined", NULL),
    COUNT_OF("received", NULL),
    COUNT_OF("duplicates", NULL),
    COUNT_OF("conflicts", NULL),
    /* Of the desk, not of the tracker. */
    {.name = "replay_unproven",
     .labels = {"system"},
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
