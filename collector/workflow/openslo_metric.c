/* SPDX-License-Identifier: Apache-2.0
 * The indicator of an SLO: thresholdMetric or ratioMetric, and behind it a metricSource of type
 * tillwatch that names workflow, sli, step and time.
 */
#include "config.h"
#include "workflow/openslo_keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TYPE   "tillwatch"
#define MICROS INT64_C(1000000)

#define FAULT(load, node, ...) tw_parse_fault(&(load)->parse, (node), __VA_ARGS__)

/* ---- metricSource ---- */

/* The type is said here, or by the DataSource that is referred to. */
static void check_type(struct tw_slo_file *self, const yaml_node_t *node,
                       const struct tw_slo_text *text)
{
    struct tw_wf_load *load = self->load;
    char shown[TW_SHOWN_SIZE];
    const char *type = text->type;
    if (text->source_ref != NULL) {
        const struct tw_slo_doc *source = tw_slo_find(self, "DataSource", text->source_ref);
        if (source == NULL) {
            FAULT(load, node, "metricSource.metricSourceRef: this file has no DataSource \"%s\"",
                  tw_shown(text->source_ref, shown));
            return;
        }
        struct tw_tree *tree = load->parse.tree;
        load->parse.tree = source->tree;
        const yaml_node_t *spec = tw_wf_member(load, source->root, "spec");
        const yaml_node_t *of = spec == NULL ? NULL : tw_wf_member(load, spec, "type");
        load->parse.tree = tree;
        type = type != NULL ? type : (of == NULL ? NULL : tw_tree_text(of));
    }
    if (type == NULL) {
        FAULT(load, node, "metricSource: type or metricSourceRef is needed");
    } else if (strcmp(type, TYPE) != 0) {
        FAULT(load, node, "metricSource.type: \"%s\" is not " TYPE ", another program's SLO",
              tw_shown(type, shown));
    }
}

/* One {metricSource: ...}; freed by the caller also after a fault. */
static void read_source(struct tw_slo_file *self, yaml_node_t *node,
                        struct tw_slo_metric_text *ret_metric, const yaml_node_t **ret_spec)
{
    struct tw_wf_load *load = self->load;
    struct tw_slo_text text = {0};
    size_t before = tw_wf_fault_count(load);
    tw_parse_map(&load->parse, &tw_slo_holder_section, node, &text);
    if (tw_wf_fault_count(load) == before) {
        check_type(self, node, &text);
    }
    /* Another program's spec has other keys: one fault is enough. */
    if (text.spec != NULL && tw_wf_fault_count(load) == before) {
        tw_parse_map(&load->parse, &tw_slo_metric_section, text.spec, ret_metric);
        *ret_spec = text.spec;
    }
    tw_cfg_free_fields(&tw_slo_holder_section, &text);
}

/* ---- ratioMetric ---- */

/* Good (or bad) and total are of one indicator: what bad ones are follows from the sli. */
static void check_total(struct tw_slo_file *self, yaml_node_t *node,
                        const struct tw_slo_metric_text *metric)
{
    struct tw_slo_metric_text total = {0};
    const yaml_node_t *spec = NULL;
    read_source(self, node, &total, &spec);
    if (spec != NULL && total.workflow != NULL && metric->workflow != NULL &&
        (strcmp(total.workflow, metric->workflow) != 0 || total.sli != metric->sli)) {
        FAULT(self->load, node,
              "ratioMetric.total: workflow and sli differ from those of its part");
    }
    tw_cfg_free_fields(&tw_slo_metric_section, &total);
}

static void read_ratio(struct tw_slo_file *self, yaml_node_t *node,
                       struct tw_slo_metric_text *ret_metric, const yaml_node_t **ret_spec)
{
    struct tw_wf_load *load = self->load;
    struct tw_slo_text text = {0};
    size_t before = tw_wf_fault_count(load);
    tw_parse_map(&load->parse, &tw_slo_ratio_section, node, &text);
    bool has_parts = text.good != NULL || text.bad != NULL || text.total != NULL;
    if (tw_wf_fault_count(load) > before) {
        goto out;
    }
    if (has_parts == (text.raw != NULL)) {
        FAULT(load, node, "ratioMetric: either total with good or bad, or raw");
    } else if (text.raw != NULL) {
        if (text.raw_type == NULL ||
            (strcmp(text.raw_type, "success") != 0 && strcmp(text.raw_type, "failure") != 0)) {
            FAULT(load, node, "ratioMetric.rawType: success or failure is needed with raw");
        }
        read_source(self, text.raw, ret_metric, ret_spec);
    } else if (text.total == NULL || (text.good == NULL) == (text.bad == NULL)) {
        FAULT(load, node, "ratioMetric: total is needed, and either good or bad");
    } else {
        read_source(self, text.good != NULL ? text.good : text.bad, ret_metric, ret_spec);
        check_total(self, text.total, ret_metric);
    }
    if (text.raw_type != NULL && text.raw == NULL && tw_wf_fault_count(load) == before) {
        FAULT(load, node, "ratioMetric.rawType: only raw has one");
    }
out:
    tw_cfg_free_fields(&tw_slo_ratio_section, &text);
}

/* ---- thresholdMetric ---- */

/* "At most so many seconds" is `within`. */
static void read_threshold(struct tw_wf_load *load, const yaml_node_t *node,
                           const struct tw_slo_text *objective, struct tw_wf_slo *slo)
{
    int64_t micros = 0;
    char shown[TW_SHOWN_SIZE];
    if (objective->op == NULL || objective->value == NULL) {
        FAULT(load, node, "objectives: thresholdMetric needs op and value");
        return;
    }
    bool is_below = strcmp(objective->op, "lt") == 0 || strcmp(objective->op, "lte") == 0;
    if (!is_below && strcmp(objective->op, "gt") != 0 && strcmp(objective->op, "gte") != 0) {
        FAULT(load, node, "objectives.op: \"%s\" is none of: lte gte lt gt",
              tw_shown(objective->op, shown));
        return;
    }
    if (!is_below || (slo->objective.kind != TW_OBJECTIVE_LATENCY &&
                      slo->objective.kind != TW_OBJECTIVE_FRESHNESS)) {
        FAULT(load, node, "thresholdMetric: sli latency or freshness with op lt or lte is read");
        return;
    }
    if (!tw_wf_decimal(objective->value, strlen(objective->value), 3, &micros) || micros == 0 ||
        micros > TW_WF_LONGEST_NS / MICROS) {
        FAULT(load, node, "objectives.value: %s is out of range, allowed are 0.001 to 34560000 s",
              tw_shown(objective->value, shown));
        return;
    }
    int64_t ns = micros * MICROS; /* milliseconds, that is */
    if (slo->objective.within_ns != 0 && slo->objective.within_ns != ns) {
        FAULT(load, node, "objectives.value: differs from within of the metricSource");
    }
    slo->objective.within_ns = ns;
}

/* ---- the indicator ---- */

/* What the metric says, to the SLO. */
static void take_metric(struct tw_wf_load *load, struct tw_slo_metric_text *metric,
                        const yaml_node_t *spec, struct tw_wf_slo *slo)
{
    slo->place.step_line = tw_tree_line(tw_wf_at(load, spec, "step"));
    slo->place.from_line = tw_tree_line(tw_wf_at(load, spec, "from"));
    slo->place.within_line = tw_tree_line(tw_wf_at(load, spec, "within"));
    slo->objective.kind = (enum tw_objective_kind)metric->sli;
    if (metric->within != NULL) {
        (void)tw_wf_duration(load, tw_wf_at(load, spec, "within"), "metricSource.spec.within",
                             metric->within, &slo->objective.within_ns); /* with a fault */
    }
    slo->workflow = metric->workflow;
    slo->step = metric->step;
    slo->from = metric->from;
    metric->workflow = NULL;
    metric->step = NULL;
    metric->from = NULL;
}

/* An indicator's map, of an SLO or alone; `objective` and `slo` are NULL when it stands alone. */
static void read_indicator(struct tw_slo_file *self, yaml_node_t *node,
                           const struct tw_slo_text *objective, struct tw_wf_slo *slo)
{
    struct tw_wf_load *load = self->load;
    struct tw_slo_text text = {0};
    struct tw_slo_metric_text metric = {0};
    const yaml_node_t *spec = NULL;
    size_t before = tw_wf_fault_count(load);
    tw_parse_map(&load->parse, &tw_slo_indicator_section, node, &text);
    tw_slo_check_head(load, node, &text);
    if (tw_wf_fault_count(load) > before) {
        goto out;
    }
    if ((text.threshold_metric == NULL) == (text.ratio_metric == NULL)) {
        FAULT(load, node, "SLI.spec: either thresholdMetric or ratioMetric");
        goto out;
    }
    if (text.ratio_metric != NULL) {
        read_ratio(self, text.ratio_metric, &metric, &spec);
    } else {
        read_source(self, text.threshold_metric, &metric, &spec);
    }
    if (tw_wf_fault_count(load) > before || spec == NULL || slo == NULL) {
        goto out;
    }
    take_metric(load, &metric, spec, slo);
    if (text.threshold_metric != NULL) {
        read_threshold(load, node, objective, slo);
    } else if (objective->op != NULL || objective->value != NULL) {
        FAULT(load, node, "objectives: op and value belong to thresholdMetric, not to ratioMetric");
    }
out:
    tw_cfg_free_fields(&tw_slo_metric_section, &metric);
    tw_cfg_free_fields(&tw_slo_indicator_section, &text);
}

void tw_slo_read_indicator(struct tw_slo_file *self, const struct tw_slo_text *slo_text,
                           const yaml_node_t *root, const struct tw_slo_text *objective,
                           struct tw_wf_slo *slo)
{
    struct tw_wf_load *load = self->load;
    if (slo_text->indicator != NULL) {
        read_indicator(self, slo_text->indicator, objective, slo);
        return;
    }
    const struct tw_slo_doc *doc = tw_slo_find(self, "SLI", slo_text->indicator_ref);
    if (doc == NULL) {
        char shown[TW_SHOWN_SIZE];
        FAULT(load, tw_wf_at(load, tw_wf_at(load, root, "spec"), "indicatorRef"),
              "SLO.spec.indicatorRef: this file has no SLI \"%s\"",
              tw_shown(slo_text->indicator_ref, shown));
        return;
    }
    struct tw_tree *tree = load->parse.tree;
    load->parse.tree = doc->tree;
    read_indicator(self, doc->root, objective, slo);
    load->parse.tree = tree;
}

/* An SLI that SLOs refer to is read with each of them. */
static bool is_referred_to(struct tw_slo_file *self, const struct tw_slo_doc *doc)
{
    struct tw_wf_load *load = self->load;
    struct tw_tree *tree = load->parse.tree;
    bool is_found = false;
    for (size_t i = 0; i < self->count && doc->name != NULL; i++) {
        load->parse.tree = self->docs[i].tree;
        const yaml_node_t *spec = tw_wf_member(load, self->docs[i].root, "spec");
        const yaml_node_t *ref = spec == NULL ? NULL : tw_wf_member(load, spec, "indicatorRef");
        const char *name = ref == NULL ? NULL : tw_tree_text(ref);
        is_found = is_found || (name != NULL && strcmp(name, doc->name) == 0);
    }
    load->parse.tree = tree;
    return is_found;
}

void tw_slo_check_sli(struct tw_slo_file *self, const struct tw_slo_doc *doc)
{
    if (doc->name == NULL) {
        FAULT(self->load, doc->root, "SLI: the key \"metadata.name\" is missing");
    }
    if (!is_referred_to(self, doc)) {
        read_indicator(self, doc->root, NULL, NULL);
    }
}
