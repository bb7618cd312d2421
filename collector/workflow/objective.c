/* SPDX-License-Identifier: Apache-2.0
 * Objectives: as written in a workflow's file, and what both they and those of OpenSLO files must
 * make sense of.
 */
#include "config.h"
#include "workflow/internal.h"

#include <stdlib.h>
#include <string.h>

#include "config/value.h"

#define PPM            INT64_C(1000000)
#define WINDOW_MIN_NS  (3600 * TW_WF_NS_PER_S)
#define WINDOW_MAX_NS  (INT64_C(30) * 86400 * TW_WF_NS_PER_S)
#define WINDOW_UNIT_NS (60 * TW_WF_NS_PER_S) /* decisions are counted by the minute */

void tw_wf_objective_fini(struct tw_wf_objective *objective)
{
    free(objective->name);
    free(objective->title);
    free(objective->owner);
    free(objective->timezone);
    free(objective->file);
    *objective = (struct tw_wf_objective){0};
}

/* ---- values ---- */

static void read_target(struct tw_wf_load *self, const yaml_node_t *at, const char *text,
                        struct tw_wf_objective *objective)
{
    int64_t ppm = 0;
    char shown[TW_SHOWN_SIZE];
    size_t len = strlen(text);
    bool has_percent = len > 1 && text[len - 1] == '%';
    if (!has_percent || !tw_wf_decimal(text, len - 1, 4, &ppm)) {
        tw_parse_fault(&self->parse, at,
                       "objectives.target: \"%s\" is not a share in percent with at most four "
                       "decimals, such as 99.5%%",
                       tw_shown(text, shown));
        return;
    }
    if (ppm < 1 || ppm >= PPM) {
        tw_parse_fault(&self->parse, at,
                       "objectives.target: %s is out of range, allowed are 0.0001%% to 99.9999%%",
                       tw_shown(text, shown));
        return;
    }
    objective->target_ppm = (uint32_t)ppm;
}

bool tw_wf_set_window(struct tw_wf_load *self, const yaml_node_t *at, const char *shown, int64_t ns,
                      struct tw_wf_objective *objective)
{
    if (ns < WINDOW_MIN_NS || ns > WINDOW_MAX_NS || ns % WINDOW_UNIT_NS != 0) {
        tw_parse_fault(&self->parse, at,
                       "objectives.window: %s is out of range, allowed are 1 h to 30 d in whole "
                       "minutes",
                       shown);
        return false;
    }
    objective->window = TW_WINDOW_ROLLING;
    objective->window_ns = ns;
    return true;
}

bool tw_wf_read_window(struct tw_wf_load *self, const yaml_node_t *at, const char *text,
                       struct tw_wf_objective *objective)
{
    static const char *const words[] = {"day", "week", "month"};
    char shown[TW_SHOWN_SIZE];
    int64_t ns = 0;
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, words[i]) == 0) {
            objective->window = (enum tw_window_kind)(TW_WINDOW_DAY + i);
            objective->window_ns = 0;
            return true;
        }
    }
    if (tw_value_rule(TW_CFG_DURATION, text, NULL) != TW_OK) {
        tw_parse_fault(&self->parse, at,
                       "objectives.window: \"%s\" is neither a duration, such as 30d, nor day, "
                       "week or month",
                       tw_shown(text, shown));
        return false;
    }
    return tw_wf_duration(self, at, "objectives.window", text, &ns) &&
           tw_wf_set_window(self, at, tw_shown(text, shown), ns, objective);
}

static void read_zone(struct tw_wf_load *self, const yaml_node_t *at, char **zone_p,
                      struct tw_wf_objective *objective)
{
    char shown[TW_SHOWN_SIZE];
    if (objective->window == TW_WINDOW_ROLLING) {
        tw_parse_fault(&self->parse, at,
                       "objectives.timezone: a rolling window has none, use window day, week or "
                       "month");
    } else if (!tw_wf_zone_exists(*zone_p)) {
        tw_parse_fault(&self->parse, at,
                       "objectives.timezone: \"%s\" is no time zone that this machine knows, such "
                       "as Europe/Berlin",
                       tw_shown(*zone_p, shown));
    }
    objective->timezone = *zone_p;
    *zone_p = NULL;
}

/* ---- steps ---- */

/* Which of step, from and within a kind takes. */
static const struct {
    bool has_step; /* and needs it, but for completeness */
    bool needs_step;
    bool has_from;
    bool has_within; /* and needs it */
} kinds[] = {
    [TW_OBJECTIVE_COMPLETION] = {false, false, false, false},
    [TW_OBJECTIVE_LATENCY] = {true, true, true, true},
    [TW_OBJECTIVE_FRESHNESS] = {true, true, false, true},
    [TW_OBJECTIVE_COMPLETENESS] = {true, false, false, false},
};

#define FAULT(load, place, line, ...) \
    tw_faults_add(&(load)->parse.faults, (place)->file, (line), __VA_ARGS__)

/* The step of this name, -1 with a fault when there is none. */
static int find(struct tw_wf_load *self, const struct tw_wf_place *place, int line,
                const struct tw_workflow *workflow, const char *key, const char *name)
{
    int found = tw_wf_find_step(workflow, name);
    if (found < 0) {
        const char *words[TW_WF_STEPS_MAX];
        char hint[TW_WF_HINT_SIZE];
        char shown[TW_SHOWN_SIZE];
        for (size_t i = 0; i < workflow->step_count; i++) {
            words[i] = workflow->steps[i].name;
        }
        FAULT(self, place, line, "objectives.%s: workflow %s has no step \"%s\"%s", key,
              workflow->name, tw_shown(name, shown),
              tw_wf_hint(words, workflow->step_count, name, hint));
    }
    return found;
}

static void check_keys(struct tw_wf_load *self, const struct tw_wf_place *place,
                       const char *const names[2], const struct tw_wf_objective *objective)
{
    enum tw_objective_kind kind = objective->kind;
    const char *word = tw_objective_kind_name(kind);
    if (kinds[kind].needs_step && names[0] == NULL) {
        FAULT(self, place, place->line, "objectives.step: kind %s needs it", word);
    }
    if (!kinds[kind].has_step && names[0] != NULL) {
        FAULT(self, place, place->step_line, "objectives.step: kind %s has none", word);
    }
    if (!kinds[kind].has_from && names[1] != NULL) {
        FAULT(self, place, place->from_line, "objectives.from: kind %s has none", word);
    }
    if (kinds[kind].has_within && objective->within_ns == 0) {
        FAULT(self, place, place->line, "objectives.within: kind %s needs it", word);
    }
    if (!kinds[kind].has_within && objective->within_ns != 0) {
        FAULT(self, place, place->within_line, "objectives.within: kind %s has none", word);
    }
}

/* What the steps themselves do not allow. */
static void check_steps(struct tw_wf_load *self, const struct tw_wf_place *place,
                        const struct tw_workflow *workflow, const struct tw_wf_objective *objective)
{
    if (objective->step < 0) {
        return;
    }
    const struct tw_wf_step *step = &workflow->steps[objective->step];
    if (objective->kind == TW_OBJECTIVE_COMPLETENESS) {
        if (step->each != TW_EACH_STORE) {
            FAULT(self, place, place->step_line,
                  "objectives.step: \"%s\" is no fan-out (each: store), so that nothing of it can "
                  "be missing",
                  step->name);
        }
    } else if (step->after == 0) {
        FAULT(self, place, place->step_line,
              "objectives.step: \"%s\" starts the run, it is never waited for", step->name);
    }
    if (objective->from >= 0 &&
        !tw_wf_is_before(workflow, (unsigned)objective->from, (unsigned)objective->step)) {
        FAULT(self, place, place->from_line, "objectives.from: \"%s\" does not come before \"%s\"",
              workflow->steps[objective->from].name, step->name);
    }
}

void tw_wf_bind_objective(struct tw_wf_load *self, const struct tw_wf_place *place,
                          const struct tw_workflow *workflow, const char *const names[2],
                          struct tw_wf_objective *objective)
{
    size_t before = tw_wf_fault_count(self);
    objective->step = -1;
    objective->from = -1;
    check_keys(self, place, names, objective);
    if (tw_wf_fault_count(self) > before) {
        return;
    }
    if (names[0] != NULL) {
        objective->step = find(self, place, place->step_line, workflow, "step", names[0]);
    }
    if (names[1] != NULL) {
        objective->from = find(self, place, place->from_line, workflow, "from", names[1]);
    }
    if (tw_wf_fault_count(self) == before) {
        check_steps(self, place, workflow, objective);
    }
}

/* ---- as written ---- */

static void read_objective(struct tw_wf_draft *draft, yaml_node_t *node, bool can_bind,
                           struct tw_wf_objective *objective)
{
    struct tw_wf_load *load = draft->load;
    struct tw_wf_objective_text text = {0};
    if (tw_parse_defaults_of(&tw_wf_objective_section, &text) != TW_OK) {
        load->parse.is_out_of_memory = true;
        return;
    }
    tw_parse_map(&load->parse, &tw_wf_objective_section, node, &text);
    struct tw_wf_place place = {
        .file = load->parse.file,
        .line = tw_tree_line(node),
        .step_line = tw_tree_line(tw_wf_at(load, node, "step")),
        .from_line = tw_tree_line(tw_wf_at(load, node, "from")),
        .within_line = tw_tree_line(tw_wf_at(load, node, "within")),
    };
    objective->line = place.line;
    objective->kind = (enum tw_objective_kind)text.kind;
    objective->title = text.title != NULL ? text.title : tw_wf_copy(load, text.name);
    objective->name = text.name;
    objective->owner = text.owner;
    text.title = NULL;
    text.name = NULL;
    text.owner = NULL;
    if (text.within != NULL) {
        (void)tw_wf_duration(load, tw_wf_at(load, node, "within"), "objectives.within", text.within,
                             &objective->within_ns); /* with a fault */
    }
    if (text.target != NULL) {
        read_target(load, tw_wf_at(load, node, "target"), text.target, objective);
    }
    bool has_window =
        text.window != NULL && /* out of memory */
        tw_wf_read_window(load, tw_wf_at(load, node, "window"), text.window, objective);
    if (text.timezone != NULL && has_window) {
        read_zone(load, tw_wf_at(load, node, "timezone"), &text.timezone, objective);
    }
    if (can_bind) {
        const char *const names[2] = {text.step, text.from};
        tw_wf_bind_objective(load, &place, draft->workflow, names, objective);
    }
    tw_cfg_free_fields(&tw_wf_objective_section, &text);
}

void tw_wf_read_objectives(struct tw_wf_draft *draft, yaml_node_t *node)
{
    struct tw_wf_load *load = draft->load;
    struct tw_workflow *workflow = draft->workflow;
    size_t count = tw_wf_list_count(node);
    if (node->type != YAML_SEQUENCE_NODE) {
        tw_parse_fault(&load->parse, node, "objectives: a list is expected");
        return;
    }
    if (count > TW_WF_OBJECTIVES_MAX) {
        tw_parse_fault(&load->parse, node, "objectives: more than %d", TW_WF_OBJECTIVES_MAX);
        return;
    }
    /* Steps with faults would only be told of twice. Their names do. */
    bool can_bind = workflow->step_count > 0;
    for (size_t i = 0; i < workflow->step_count; i++) {
        can_bind = can_bind && workflow->steps[i].name != NULL;
    }
    workflow->objectives = calloc(count + 1, sizeof(workflow->objectives[0]));
    if (workflow->objectives == NULL) {
        load->parse.is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *item = tw_wf_list_item(load, node, i);
        if (!tw_parse_visit(&load->parse, item)) {
            return;
        }
        workflow->objective_count = i + 1;
        read_objective(draft, item, can_bind, &workflow->objectives[i]);
    }
}
