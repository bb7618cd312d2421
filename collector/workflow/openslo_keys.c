/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "workflow/openslo_keys.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECTION(title, table)                                       \
    {                                                               \
        .name = (title), .keys = (table), .key_count = COUNT(table) \
    }

#define IN(field)        offsetof(struct tw_slo_text, field)
#define IN_METRIC(field) offsetof(struct tw_slo_metric_text, field)

#define TEXT(where, key, needed)                                                       \
    {                                                                                  \
        .name = (key), .type = TW_CFG_TEXT, .offset = (where), .is_required = (needed) \
    }
#define NODE(where, key, needed)                                              \
    {                                                                         \
        .name = (key), .type = TW_CFG_NODE, .text = "map", .offset = (where), \
        .is_required = (needed)                                               \
    }
#define BOOL(where, key)                                      \
    {                                                         \
        .name = (key), .type = TW_CFG_BOOL, .offset = (where) \
    }
/* What every document has; `needed`: one that stands alone. */
#define HEAD(needed)                                                     \
    TEXT(IN(api), "apiVersion", needed), TEXT(IN(kind), "kind", needed), \
        {.name = "metadata.name",                                        \
         .type = TW_CFG_TEXT,                                            \
         .rule = TW_CFG_LABEL,                                           \
         .offset = IN(name),                                             \
         .is_required = (needed)},                                       \
        TEXT(IN(display), "metadata.displayName", false),                \
        NODE(IN(labels), "metadata.labels", false),                      \
        NODE(IN(annotations), "metadata.annotations", false),            \
        TEXT(IN(description), "spec.description", false)

static const struct tw_cfg_key slo_keys[] = {
    HEAD(true),
    TEXT(IN(service), "spec.service", true),
    {.name = "spec.budgetingMethod",
     .type = TW_CFG_CHOICE,
     .offset = IN(method),
     .is_required = true,
     .text = "Occurrences|Timeslices|RatioTimeslices"},
    NODE(IN(objectives), "spec.objectives", true),
    NODE(IN(indicator), "spec.indicator", false),
    TEXT(IN(indicator_ref), "spec.indicatorRef", false),
    NODE(IN(time_window), "spec.timeWindow", false),
    NODE(IN(alert_policies), "spec.alertPolicies", false),
};
static const struct tw_cfg_key indicator_keys[] = {
    HEAD(false),
    NODE(IN(threshold_metric), "spec.thresholdMetric", false),
    NODE(IN(ratio_metric), "spec.ratioMetric", false),
};
static const struct tw_cfg_key ratio_keys[] = {
    BOOL(IN(is_counter), "counter"), NODE(IN(good), "good", false),
    NODE(IN(bad), "bad", false),     NODE(IN(total), "total", false),
    NODE(IN(raw), "raw", false),     TEXT(IN(raw_type), "rawType", false),
};
static const struct tw_cfg_key holder_keys[] = {
    TEXT(IN(source_ref), "metricSource.metricSourceRef", false),
    TEXT(IN(type), "metricSource.type", false),
    NODE(IN(spec), "metricSource.spec", true),
};
static const struct tw_cfg_key metric_keys[] = {
    TEXT(IN_METRIC(workflow), "workflow", true),
    {.name = "sli",
     .type = TW_CFG_CHOICE,
     .offset = IN_METRIC(sli),
     .is_required = true,
     .text = "completion|latency|freshness|completeness"},
    TEXT(IN_METRIC(step), "step", false),
    TEXT(IN_METRIC(from), "from", false),
    {.name = "within", .type = TW_CFG_TEXT, .rule = TW_CFG_DURATION, .offset = IN_METRIC(within)},
};
static const struct tw_cfg_key objective_keys[] = {
    TEXT(IN(display), "displayName", false),
    TEXT(IN(op), "op", false),
    TEXT(IN(value), "value", false),
    TEXT(IN(target), "target", false),
    TEXT(IN(target_percent), "targetPercent", false),
    TEXT(IN(slice_target), "timeSliceTarget", false),
    TEXT(IN(slice_window), "timeSliceWindow", false),
    TEXT(IN(weight), "compositeWeight", false),
    NODE(IN(indicator), "indicator", false),
    TEXT(IN(indicator_ref), "indicatorRef", false),
};
static const struct tw_cfg_key window_keys[] = {
    TEXT(IN(duration), "duration", true),
    TEXT(IN(is_rolling), "isRolling", false),
    TEXT(IN(start), "calendar.startTime", false),
    TEXT(IN(zone), "calendar.timeZone", false),
};
static const struct tw_cfg_key source_keys[] = {
    HEAD(true),
    TEXT(IN(type), "spec.type", true),
    NODE(IN(spec), "spec.connectionDetails", false),
};
static const struct tw_cfg_key service_keys[] = {HEAD(true)};
static const struct tw_cfg_key policy_keys[] = {
    HEAD(true),
    BOOL(IN(when_breaching), "spec.alertWhenBreaching"),
    BOOL(IN(when_resolved), "spec.alertWhenResolved"),
    BOOL(IN(when_no_data), "spec.alertWhenNoData"),
    NODE(IN(conditions), "spec.conditions", true),
    NODE(IN(targets), "spec.notificationTargets", true),
};
static const struct tw_cfg_key policy_condition_keys[] = {
    TEXT(IN(condition_ref), "conditionRef", true)};
static const struct tw_cfg_key policy_target_keys[] = {TEXT(IN(target_ref), "targetRef", true)};
static const struct tw_cfg_key condition_keys[] = {
    HEAD(false),
    TEXT(IN(severity), "spec.severity", true),
    TEXT(IN(condition_kind), "spec.condition.kind", true),
    TEXT(IN(op), "spec.condition.op", true),
    TEXT(IN(threshold), "spec.condition.threshold", true),
    TEXT(IN(lookback), "spec.condition.lookbackWindow", true),
    TEXT(IN(alert_after), "spec.condition.alertAfter", false),
};
static const struct tw_cfg_key target_keys[] = {
    HEAD(false),
    TEXT(IN(notify), "spec.target", true),
};

const struct tw_cfg_section tw_slo_section = SECTION("SLO", slo_keys);
const struct tw_cfg_section tw_slo_indicator_section = SECTION("SLI", indicator_keys);
const struct tw_cfg_section tw_slo_ratio_section = SECTION("ratioMetric", ratio_keys);
const struct tw_cfg_section tw_slo_holder_section = SECTION("metric", holder_keys);
const struct tw_cfg_section tw_slo_metric_section = SECTION("metricSource.spec", metric_keys);
const struct tw_cfg_section tw_slo_objective_section = SECTION("objectives", objective_keys);
const struct tw_cfg_section tw_slo_window_section = SECTION("timeWindow", window_keys);
const struct tw_cfg_section tw_slo_source_section = SECTION("DataSource", source_keys);
const struct tw_cfg_section tw_slo_service_section = SECTION("Service", service_keys);
const struct tw_cfg_section tw_slo_policy_section = SECTION("AlertPolicy", policy_keys);
const struct tw_cfg_section tw_slo_policy_condition_section =
    SECTION("AlertPolicy.conditions", policy_condition_keys);
const struct tw_cfg_section tw_slo_policy_target_section =
    SECTION("AlertPolicy.notificationTargets", policy_target_keys);
const struct tw_cfg_section tw_slo_condition_section = SECTION("AlertCondition", condition_keys);
const struct tw_cfg_section tw_slo_target_section = SECTION("AlertNotificationTarget", target_keys);
