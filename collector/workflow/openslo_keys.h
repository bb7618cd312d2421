/* SPDX-License-Identifier: Apache-2.0
 * The keys of OpenSLO v1 documents, and what is written under them.
 * Thread: constant data. Source: https://github.com/OpenSLO/OpenSLO, "OpenSLO v1".
 */
#ifndef TW_WORKFLOW_OPENSLO_KEYS_H
#define TW_WORKFLOW_OPENSLO_KEYS_H

#include "workflow/internal.h"

/* One struct for all kinds; each section fills its part. Freed by tw_cfg_free_fields. */
struct tw_slo_text {
    /* every document */
    char *api;
    char *kind;
    char *name;
    char *display;
    yaml_node_t *labels;
    yaml_node_t *annotations;
    char *description;
    /* SLO */
    char *service;
    unsigned method;
    yaml_node_t *objectives;
    yaml_node_t *indicator;
    char *indicator_ref;
    yaml_node_t *time_window;
    yaml_node_t *alert_policies;
    /* SLI, or an indicator inside an SLO */
    yaml_node_t *threshold_metric;
    yaml_node_t *ratio_metric;
    /* ratioMetric */
    bool is_counter;
    yaml_node_t *good;
    yaml_node_t *bad;
    yaml_node_t *total;
    yaml_node_t *raw;
    char *raw_type;
    /* metricSource, DataSource */
    char *source_ref;
    char *type;
    yaml_node_t *spec;
    /* an objective */
    char *op;
    char *value;
    char *target;
    char *target_percent;
    char *slice_target;
    char *slice_window;
    char *weight;
    /* timeWindow */
    char *duration;
    char *is_rolling;
    char *start;
    char *zone;
    /* AlertPolicy */
    bool when_breaching;
    bool when_resolved;
    bool when_no_data;
    yaml_node_t *conditions;
    yaml_node_t *targets;
    char *condition_ref;
    char *target_ref;
    /* AlertCondition */
    char *severity;
    char *condition_kind;
    char *threshold;
    char *lookback;
    char *alert_after;
    /* AlertNotificationTarget */
    char *notify;
};

/* What stands in `spec` of our metricSource. */
struct tw_slo_metric_text {
    char *workflow;
    unsigned sli;
    char *step;
    char *from;
    char *within;
};

enum tw_slo_method { TW_SLO_OCCURRENCES, TW_SLO_TIMESLICES, TW_SLO_RATIO_TIMESLICES };

extern const struct tw_cfg_section tw_slo_section;
extern const struct tw_cfg_section tw_slo_indicator_section;
extern const struct tw_cfg_section tw_slo_ratio_section;
extern const struct tw_cfg_section tw_slo_holder_section; /* {metricSource: ...} */
extern const struct tw_cfg_section tw_slo_metric_section;
extern const struct tw_cfg_section tw_slo_objective_section;
extern const struct tw_cfg_section tw_slo_window_section;
extern const struct tw_cfg_section tw_slo_source_section;
extern const struct tw_cfg_section tw_slo_service_section;
extern const struct tw_cfg_section tw_slo_policy_section;
extern const struct tw_cfg_section tw_slo_policy_condition_section;
extern const struct tw_cfg_section tw_slo_policy_target_section;
extern const struct tw_cfg_section tw_slo_condition_section;
extern const struct tw_cfg_section tw_slo_target_section;

#define TW_SLO_DESCRIPTION_MAX 1050 /* characters, says the specification */

/* The documents of one file, so that one can refer to another. */
struct tw_slo_doc {
    struct tw_tree *tree;
    yaml_node_t *root;
    const char *kind; /* borrowed from the tree; both NULL when they are missing */
    const char *name;
};
struct tw_slo_file {
    struct tw_wf_load *load;
    struct tw_slo_doc docs[TW_TREE_MAX_DOCUMENTS];
    size_t count;
};
const struct tw_slo_doc *tw_slo_find(const struct tw_slo_file *self, const char *kind,
                                     const char *name);
/* apiVersion, description: what all documents have. */
void tw_slo_check_head(struct tw_wf_load *load, const yaml_node_t *node,
                       const struct tw_slo_text *text);
/* "[0-9]+[mhdwMQY]": the number, and the letter. */
bool tw_slo_duration(const char *text, int64_t *ret_number, char *ret_unit);

/* openslo_metric.c: the indicator of an SLO: workflow, step, from, kind and within of `slo`. */
void tw_slo_read_indicator(struct tw_slo_file *self, const struct tw_slo_text *slo_text,
                           const yaml_node_t *root, const struct tw_slo_text *objective,
                           struct tw_wf_slo *slo);
/* The rules for an indicator that stands alone. */
void tw_slo_check_sli(struct tw_slo_file *self, const struct tw_slo_doc *doc);

/* openslo_alert.c: documents that are checked and not used. */
void tw_slo_check_policy(struct tw_slo_file *self, yaml_node_t *root);
void tw_slo_check_condition(struct tw_slo_file *self, yaml_node_t *root);
void tw_slo_check_target(struct tw_slo_file *self, yaml_node_t *root);

#endif
