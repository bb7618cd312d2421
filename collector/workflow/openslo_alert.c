/* SPDX-License-Identifier: Apache-2.0
 * Alert documents of OpenSLO v1: what the specification asks of them. Nothing here uses them.
 */
#include "config.h"
#include "workflow/openslo_keys.h"

#include <string.h>

#define FAULT(load, node, ...) tw_parse_fault(&(load)->parse, (node), __VA_ARGS__)

static void check_duration(struct tw_wf_load *load, const yaml_node_t *node, const char *key,
                           const char *text)
{
    int64_t number = 0;
    char unit = '\0';
    char shown[TW_SHOWN_SIZE];
    if (text != NULL && !tw_slo_duration(text, &number, &unit)) {
        FAULT(load, node,
              "AlertCondition.spec.condition.%s: \"%s\" is not a number with one of m h d w M Q Y",
              key, tw_shown(text, shown));
    }
}

static void check_rate(struct tw_wf_load *load, const yaml_node_t *node,
                       const struct tw_slo_text *text)
{
    int64_t number = 0;
    char shown[TW_SHOWN_SIZE];
    if (strcmp(text->condition_kind, "burnrate") != 0) {
        FAULT(load, node, "AlertCondition.spec.condition.kind: \"%s\" is not burnrate",
              tw_shown(text->condition_kind, shown));
    }
    bool is_below = strcmp(text->op, "lt") == 0 || strcmp(text->op, "lte") == 0;
    if (!is_below && strcmp(text->op, "gt") != 0 && strcmp(text->op, "gte") != 0) {
        FAULT(load, node, "AlertCondition.spec.condition.op: \"%s\" is none of: lte gte lt gt",
              tw_shown(text->op, shown));
    } else if (is_below) {
        /* The specification's own examples do, while its text says "exceeds". */
        tw_wf_note(load, load->parse.file, tw_tree_line(node),
                   "AlertCondition.spec.condition.op: %s alerts while the budget burns slowly; gte "
                   "is usually meant",
                   text->op);
    }
    if (!tw_wf_decimal(text->threshold, strlen(text->threshold), 6, &number)) {
        FAULT(load, node, "AlertCondition.spec.condition.threshold: \"%s\" is not a number",
              tw_shown(text->threshold, shown));
    }
}

void tw_slo_check_condition(struct tw_slo_file *self, yaml_node_t *root)
{
    struct tw_wf_load *load = self->load;
    struct tw_slo_text text = {0};
    size_t before = tw_wf_fault_count(load);
    tw_parse_map(&load->parse, &tw_slo_condition_section, root, &text);
    tw_slo_check_head(load, root, &text);
    if (tw_wf_fault_count(load) == before) {
        const yaml_node_t *node = tw_wf_at(load, tw_wf_at(load, root, "spec"), "condition");
        check_rate(load, node, &text);
        check_duration(load, node, "lookbackWindow", text.lookback);
        check_duration(load, node, "alertAfter", text.alert_after);
    }
    tw_cfg_free_fields(&tw_slo_condition_section, &text);
}

void tw_slo_check_target(struct tw_slo_file *self, yaml_node_t *root)
{
    struct tw_slo_text text = {0};
    tw_parse_map(&self->load->parse, &tw_slo_target_section, root, &text);
    tw_slo_check_head(self->load, root, &text);
    tw_cfg_free_fields(&tw_slo_target_section, &text);
}

/* An item is a document of its own (it has a kind), or refers to one by name. */
static void check_item(struct tw_slo_file *self, yaml_node_t *item, bool is_condition)
{
    struct tw_wf_load *load = self->load;
    struct tw_slo_text text = {0};
    if (tw_wf_member(load, item, "kind") != NULL) {
        if (is_condition) {
            tw_slo_check_condition(self, item);
        } else {
            tw_slo_check_target(self, item);
        }
        return;
    }
    const struct tw_cfg_section *section =
        is_condition ? &tw_slo_policy_condition_section : &tw_slo_policy_target_section;
    tw_parse_map(&load->parse, section, item, &text);
    tw_cfg_free_fields(section, &text);
}

static void check_list(struct tw_slo_file *self, yaml_node_t *list, bool is_condition)
{
    struct tw_wf_load *load = self->load;
    size_t count = tw_wf_list_count(list);
    if (list->type != YAML_SEQUENCE_NODE || (is_condition && count != 1) || count == 0) {
        FAULT(load, list, "AlertPolicy.spec.%s",
              is_condition ? "conditions: a list of exactly one is expected"
                           : "notificationTargets: a list of at least one is expected");
        return;
    }
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *item = tw_wf_list_item(load, list, i);
        if (!tw_parse_visit(&load->parse, item)) {
            return;
        }
        check_item(self, item, is_condition);
    }
}

void tw_slo_check_policy(struct tw_slo_file *self, yaml_node_t *root)
{
    struct tw_wf_load *load = self->load;
    struct tw_slo_text text = {0};
    tw_parse_map(&load->parse, &tw_slo_policy_section, root, &text);
    tw_slo_check_head(load, root, &text);
    if (text.conditions != NULL) {
        check_list(self, text.conditions, true);
    }
    if (text.targets != NULL) {
        check_list(self, text.targets, false);
    }
    tw_cfg_free_fields(&tw_slo_policy_section, &text);
}
