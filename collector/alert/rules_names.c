/* SPDX-License-Identifier: Apache-2.0
 * What a rule names must be there: workflows, steps, objectives, systems, words.
 */
#include "config.h"
#include "alert/rules_internal.h"

#include <stdlib.h>
#include <string.h>

#include "track/burn.h"
#include "track/track.h"

#define DAY_S     INT64_C(86400)
#define NAMES_MAX 2048 /* of one sort, for hints */

struct names {
    const char **items;
    size_t count;
};

const char *tw_rule_hint(const char *const *words, size_t count, const char *name,
                         char buf[TW_RULE_HINT_SIZE])
{
    char near[TW_RULE_HINT_SIZE / 2];
    const char *best = tw_cfg_nearest_word(words, count, name, near, sizeof(near));
    buf[0] = '\0';
    if (best != NULL) {
        (void)snprintf(buf, TW_RULE_HINT_SIZE, ", did you mean \"%s\"?", best);
    }
    return buf;
}

static void add(struct names *self, const char *name)
{
    if (name != NULL && self->count < NAMES_MAX) {
        self->items[self->count++] = name;
    }
}

static bool has(const struct names *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->items[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* ---- what there is ---- */

static void add_workflows(const struct tw_rules_load *self, struct names *names)
{
    for (size_t i = 0; i < self->workflows->count; i++) {
        add(names, self->workflows->items[i].name);
    }
}

/* Steps of one workflow, or (NULL) of all. */
static void add_steps(const struct tw_rules_load *self, const char *workflow, struct names *names)
{
    for (size_t i = 0; i < self->workflows->count; i++) {
        const struct tw_workflow *item = &self->workflows->items[i];
        for (size_t k = 0; k < item->step_count; k++) {
            if (workflow == NULL || strcmp(workflow, item->name) == 0) {
                add(names, item->steps[k].name);
            }
        }
    }
}

static void add_objectives(const struct tw_rules_load *self, struct names *names)
{
    for (size_t i = 0; i < self->workflows->count; i++) {
        const struct tw_workflow *item = &self->workflows->items[i];
        for (size_t k = 0; k < item->objective_count; k++) {
            add(names, item->objectives[k].name);
        }
    }
}

static void add_systems(const struct tw_rules_load *self, struct names *names)
{
    for (size_t i = 0; i < self->cfg->system_count; i++) {
        add(names, self->cfg->systems[i].name);
    }
}

static void add_words(const char *label, struct names *names)
{
    for (unsigned i = 0; strcmp(label, "cause") == 0 && i < TW_CAUSE_COUNT; i++) {
        const char *word = tw_cause_name((enum tw_cause)i);
        add(names, i == TW_CAUSE_NONE ? NULL : word);
    }
    for (unsigned i = 0; strcmp(label, "rule") == 0 && i < TW_BURN_WORDS; i++) {
        add(names, tw_burn_words[i]);
    }
    for (unsigned i = 0; strcmp(label, "window") == 0 && i < TW_BURN_WINDOW_COUNT; i++) {
        add(names, tw_burn_window_name((enum tw_burn_window)i));
    }
}

/* ---- checks ---- */

static const char *value_of(const struct tw_measure *measure, const char *name)
{
    for (size_t i = 0; i < measure->where_count; i++) {
        if (strcmp(measure->where[i].name, name) == 0) {
            return measure->where[i].value;
        }
    }
    return NULL;
}

/* A built-in rule for what this estate does not have is none of its rules. */
static void not_there(struct tw_rules_load *self, const yaml_node_t *node, const char *where,
                      const struct tw_rule_label *label, const struct names *names)
{
    char shown[TW_SHOWN_SIZE];
    char hint[TW_RULE_HINT_SIZE];
    const char *of = strcmp(where, "burn") == 0 ? "" : ".where";
    if (self->is_builtin) {
        tw_rules_note(self, node, "left out: there is no %s \"%s\"", label->name,
                      tw_shown(label->value, shown));
        self->is_left_out = true;
        return;
    }
    tw_parse_fault(&self->parse, node, "%s%s.%s: there is no %s \"%s\"%s", where, of, label->name,
                   label->name, tw_shown(label->value, shown),
                   tw_rule_hint(names->items, names->count, label->value, hint));
}

static void check_name(struct tw_rules_load *self, const yaml_node_t *node, const char *where,
                       const struct tw_measure *measure, const struct tw_rule_label *label)
{
    struct names names = {.items = calloc(NAMES_MAX, sizeof(names.items[0]))};
    if (names.items == NULL) {
        self->parse.is_out_of_memory = true;
        return;
    }
    if (strcmp(label->name, "workflow") == 0) {
        add_workflows(self, &names);
    } else if (strcmp(label->name, "step") == 0) {
        add_steps(self, value_of(measure, "workflow"), &names);
    } else if (strcmp(label->name, "objective") == 0) {
        add_objectives(self, &names);
    } else if (strcmp(label->name, "system") == 0) {
        add_systems(self, &names);
    } else {
        add_words(label->name, &names);
    }
    /* Regions and stores are what events say. */
    bool is_free = strcmp(label->name, "region") == 0 || strcmp(label->name, "store") == 0;
    if (!is_free && !has(&names, label->value)) {
        not_there(self, node, where, label, &names);
    }
    free(names.items);
}

void tw_rule_check_names(struct tw_rules_load *self, const yaml_node_t *node, const char *where,
                         const struct tw_measure *measure)
{
    for (size_t i = 0; i < measure->where_count; i++) {
        check_name(self, node, where, measure, &measure->where[i]);
    }
}

/* ---- burn rules that can never fire ---- */

void tw_rule_note_burn(struct tw_rules_load *self, const yaml_node_t *node, enum tw_rule_burn burn,
                       const char *objective)
{
    static const char *const reasons[] = {
        "", "its window is not longer than that of the rule",
        "even if everything failed, its budget would not burn that fast",
        "it would fire while the objective is being met"};
    const char *rule = tw_burn_words[burn - 1];
    bool is_for_all = strcmp(objective, "*") == 0;
    size_t usable = 0;
    size_t count = 0;
    for (size_t i = 0; i < self->workflows->count; i++) {
        const struct tw_workflow *workflow = &self->workflows->items[i];
        for (size_t k = 0; k < workflow->objective_count; k++) {
            const struct tw_wf_objective *item = &workflow->objectives[k];
            bool is_meant = is_for_all || strcmp(objective, item->name) == 0;
            enum tw_burn_use use = is_meant ? tw_rule_burn_use(burn, item) : TW_BURN_USABLE;
            count += is_meant ? 1 : 0;
            usable += is_meant && use == TW_BURN_USABLE ? 1 : 0;
            if (use != TW_BURN_USABLE && !self->is_builtin) {
                tw_rules_note(self, node, "burn: \"%s\" can never fire for %s: %s", rule,
                              item->name, reasons[use]);
            }
        }
    }
    if (self->is_builtin && count > 0 && usable == 0) {
        tw_rules_note(self, node, "burn: \"%s\" can never fire for any objective", rule);
    }
}
