/* SPDX-License-Identifier: Apache-2.0
 * What an alert is called: the labels of its rule, those that its instance stands for, and what the
 * definitions of workflows add to them. */
#include "config.h"
#include "alert/engine_internal.h"

#include <stdlib.h>
#include <string.h>

#define OWNER_OF_NOBODY "integration"

/* A set that is being put together; the first word on a name is the last. */
struct naming {
    struct tw_label items[TW_LABELS_MAX];
    size_t count;
};

static void name_text(struct naming *self, const char *name, struct tw_str value)
{
    for (size_t i = 0; i < self->count; i++) {
        if (tw_str_is(self->items[i].name, name)) {
            return;
        }
    }
    if (value.len > 0 && self->count < TW_LABELS_MAX) {
        self->items[self->count++] = (struct tw_label){tw_str_of(name), value};
    }
}

static void name_word(struct naming *self, const char *name, const char *value)
{
    name_text(self, name, tw_str_of(value));
}

/* What is known of the instance: a label it stands for, or one that a condition gives. */
static struct tw_str known_value(const struct tw_rule *rule, const struct tw_instance *instance,
                                 const char *name)
{
    for (size_t i = 0; i < rule->by_count; i++) {
        if (strcmp(rule->by[i], name) == 0) {
            return instance->values[i];
        }
    }
    for (size_t i = 0; i < rule->when.where_count; i++) {
        if (strcmp(rule->when.where[i].name, name) == 0) {
            return tw_str_of(rule->when.where[i].value);
        }
    }
    return TW_STR_NULL;
}

static const struct tw_wf_objective *find_objective(const struct tw_workflows *workflows,
                                                    struct tw_str name,
                                                    const struct tw_workflow **ret_workflow)
{
    for (size_t i = 0; name.len > 0 && i < workflows->count; i++) {
        const struct tw_workflow *workflow = &workflows->items[i];
        for (size_t k = 0; k < workflow->objective_count; k++) {
            if (tw_str_is(name, workflow->objectives[k].name)) {
                *ret_workflow = workflow;
                return &workflow->objectives[k];
            }
        }
    }
    return NULL;
}

static const struct tw_workflow *find_workflow(const struct tw_workflows *workflows,
                                               struct tw_str name)
{
    for (size_t i = 0; name.len > 0 && i < workflows->count; i++) {
        if (tw_str_is(name, workflows->items[i].name)) {
            return &workflows->items[i];
        }
    }
    return NULL;
}

static const char *system_of(const struct tw_workflow *workflow, struct tw_str step)
{
    for (size_t i = 0; workflow != NULL && step.len > 0 && i < workflow->step_count; i++) {
        if (tw_str_is(step, workflow->steps[i].name)) {
            return workflow->steps[i].system;
        }
    }
    return NULL;
}

struct tw_str tw_engine_system_of(const struct tw_engine *self, struct tw_str workflow,
                                  struct tw_str step)
{
    return tw_str_of(system_of(find_workflow(self->workflows, workflow), step));
}

static void name_alert(const struct tw_engine *self, const struct tw_rule *rule,
                       const struct tw_instance *instance, struct naming *naming)
{
    const struct tw_workflow *workflow = NULL;
    const struct tw_wf_objective *objective =
        find_objective(self->workflows, known_value(rule, instance, "objective"), &workflow);
    if (objective == NULL) {
        workflow = find_workflow(self->workflows, known_value(rule, instance, "workflow"));
    }
    const char *owner = rule->owner;
    if (owner == NULL && objective != NULL) {
        owner = objective->owner;
    }
    if (owner == NULL && workflow != NULL) {
        owner = workflow->owner;
    }
    name_word(naming, "alertname", rule->name);
    name_word(naming, "severity", tw_severity_name(rule->severity));
    name_word(naming, "owner", owner == NULL ? OWNER_OF_NOBODY : owner);
    for (size_t i = 0; i < rule->by_count; i++) {
        name_text(naming, rule->by[i], instance->values[i]);
    }
    for (size_t i = 0; i < rule->label_count; i++) {
        name_word(naming, rule->labels[i].name, rule->labels[i].value);
    }
    if (workflow != NULL) {
        name_word(naming, "workflow", workflow->name);
        const char *system = system_of(workflow, known_value(rule, instance, "step"));
        name_word(naming, "system", system);
    }
}

void *tw_labels_pack(const struct tw_labels *labels, struct tw_labels *ret_labels)
{
    size_t bytes = labels->count * sizeof *labels->items;
    for (size_t i = 0; i < labels->count; i++) {
        bytes += labels->items[i].name.len + labels->items[i].value.len + 2;
    }
    struct tw_label *items = malloc(bytes);
    if (items == NULL) {
        return NULL;
    }
    char *at = (char *)(items + labels->count);
    for (size_t i = 0; i < labels->count; i++) {
        const struct tw_label *from = &labels->items[i];
        memcpy(at, from->name.ptr, from->name.len + 1);
        items[i].name = (struct tw_str){at, from->name.len};
        at += from->name.len + 1;
        memcpy(at, from->value.ptr, from->value.len + 1);
        items[i].value = (struct tw_str){at, from->value.len};
        at += from->value.len + 1;
    }
    *ret_labels = (struct tw_labels){items, labels->count};
    return items;
}

int tw_engine_name(struct tw_engine *self, const struct tw_instance *instance, bool is_no_data,
                   struct tw_state *state)
{
    if (state->block != NULL) {
        return TW_OK;
    }
    struct naming naming = {0};
    if (is_no_data) {
        name_word(&naming, TW_LABEL_NO_DATA, "true");
    }
    name_alert(self, self->judges[instance->judge].rule, instance, &naming);
    struct tw_labels labels = {0};
    tw_arena_reset(&self->scratch);
    int rc = tw_labels_make(&self->scratch, naming.items, naming.count, &labels);
    if (rc != TW_OK) {
        return rc;
    }
    state->block = tw_labels_pack(&labels, &state->alert.labels);
    if (state->block == NULL) {
        return TW_ENOMEM;
    }
    state->alert.rule = self->judges[instance->judge].rule;
    state->alert.fingerprint = tw_labels_fingerprint(&state->alert.labels);
    return TW_OK;
}
