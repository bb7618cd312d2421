/* SPDX-License-Identifier: Apache-2.0
 * A workflow from its file: keys by the tables, then what no single key can tell.
 */
#include "config.h"
#include "workflow/internal.h"

#include <stdlib.h>
#include <string.h>

#define BIT(i) (UINT32_C(1) << (i))

/* How long a step may take in each timing class. A checkout is waited for by somebody at the till;
 * queued work is reconciled within three days, bank holidays between; batch covers a month's close.
 * Source: docs/reference/workflows.md, "Timing classes". */
static const int64_t class_limit_ns[] = {
    [TW_TIMING_CHECKOUT] = 30 * TW_WF_NS_PER_S,
    [TW_TIMING_SUB_MINUTE] = 60 * TW_WF_NS_PER_S,
    [TW_TIMING_NEAR_REAL_TIME] = 3600 * TW_WF_NS_PER_S,
    [TW_TIMING_QUEUED] = INT64_C(3) * 86400 * TW_WF_NS_PER_S,
    [TW_TIMING_BATCH] = INT64_C(35) * 86400 * TW_WF_NS_PER_S,
};

#define FAULT(draft, node, ...) tw_parse_fault(&(draft)->load->parse, (node), __VA_ARGS__)

/* Take a text over; without one a copy of another. */
static char *take(struct tw_wf_load *load, char **text_p, const char *otherwise)
{
    char *text = *text_p;
    *text_p = NULL;
    return text != NULL ? text : tw_wf_copy(load, otherwise);
}

/* ---- steps ---- */

/* What a start cannot have: nothing comes before it, and without it there is no run. */
static void check_start(struct tw_wf_draft *draft, const yaml_node_t *node,
                        const struct tw_wf_step_text *text)
{
    struct tw_wf_load *load = draft->load;
    if (text->after != NULL) {
        return;
    }
    if (text->within != NULL) {
        FAULT(draft, tw_wf_at(load, node, "within"),
              "steps.within: a step without \"after\" starts the run, there is nothing to count "
              "from");
    }
    if (text->is_optional) {
        FAULT(draft, tw_wf_at(load, node, "optional"),
              "steps.optional: a step without \"after\" starts the run, it cannot be left out");
    }
    if (text->when != NULL) {
        FAULT(draft, tw_wf_at(load, node, "when"),
              "steps.when: a step without \"after\" starts the run, its event is the one that is "
              "looked at");
    }
    if (text->each == TW_EACH_STORE) {
        FAULT(draft, tw_wf_at(load, node, "each"),
              "steps.each: a step without \"after\" starts the run, stores can only answer");
    }
}

static void check_deadline(struct tw_wf_draft *draft, const yaml_node_t *node, const char *text,
                           struct tw_wf_step *step)
{
    char given[TW_WF_SPAN_SIZE];
    char limit[TW_WF_SPAN_SIZE];
    const yaml_node_t *at = tw_wf_at(draft->load, node, "within");
    enum tw_timing timing = draft->workflow->timing;
    if (!tw_wf_duration(draft->load, at, "steps.within", text, &step->within_ns)) {
        return;
    }
    if (step->within_ns > class_limit_ns[timing]) {
        FAULT(draft, at, "steps.within: %s is more than timing %s allows (%s)",
              tw_wf_span(step->within_ns, given), tw_timing_name(timing),
              tw_wf_span(class_limit_ns[timing], limit));
    }
}

static void read_step(struct tw_wf_draft *draft, yaml_node_t *node, struct tw_wf_step *step)
{
    struct tw_wf_load *load = draft->load;
    struct tw_wf_step_text text = {0};
    tw_parse_map(&load->parse, &tw_wf_step_section, node, &text);
    check_start(draft, node, &text);
    step->line = tw_tree_line(node);
    step->title = take(load, &text.title, text.name);
    step->name = take(load, &text.name, NULL);
    step->system = take(load, &text.system, NULL);
    step->when = take(load, &text.when, NULL);
    step->authority = take(load, &text.authority, NULL);
    step->runbook = take(load, &text.runbook, NULL);
    step->is_optional = text.is_optional;
    step->is_destination = text.is_destination;
    step->each = (enum tw_step_each)text.each;
    if (text.within != NULL) {
        check_deadline(draft, node, text.within, step);
    }
    if (step->system != NULL) {
        tw_wf_check_system(load, tw_wf_at(load, node, "system"), "steps.system", step->system);
    }
    if (step->authority != NULL) {
        tw_wf_check_system(load, tw_wf_at(load, node, "authority"), "steps.authority",
                           step->authority);
    }
    if (text.event != NULL) {
        tw_wf_read_matches(load, "steps.event", text.event, step->done, &step->done_count);
    }
    if (text.failure != NULL) {
        tw_wf_read_matches(load, "steps.failure", text.failure, step->failure,
                           &step->failure_count);
    }
    if (text.compensation != NULL) {
        tw_wf_read_matches(load, "steps.compensation", text.compensation, step->compensation,
                           &step->compensation_count);
    }
    tw_cfg_free_fields(&tw_wf_step_section, &text);
}

static void check_step_name(struct tw_wf_draft *draft, size_t i)
{
    const struct tw_workflow *workflow = draft->workflow;
    const char *name = workflow->steps[i].name;
    int first = name == NULL ? (int)i : tw_wf_find_step(workflow, name);
    if (first >= 0 && first < (int)i) {
        FAULT(draft, tw_wf_at(draft->load, draft->nodes[i], "name"),
              "steps.name: \"%s\" is there twice (first in line %d)", name,
              workflow->steps[first].line);
    }
}

static void read_steps(struct tw_wf_draft *draft, yaml_node_t *node)
{
    struct tw_workflow *workflow = draft->workflow;
    if (node->type != YAML_SEQUENCE_NODE) {
        FAULT(draft, node, "steps: a list is expected");
        return;
    }
    size_t count = tw_wf_list_count(node);
    if (count == 0) {
        FAULT(draft, node, "steps: at least one is needed");
        return;
    }
    if (count > TW_WF_STEPS_MAX) {
        FAULT(draft, node, "steps: more than %d", TW_WF_STEPS_MAX);
        return;
    }
    workflow->steps = calloc(count, sizeof(workflow->steps[0]));
    if (workflow->steps == NULL) {
        draft->load->parse.is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *item = tw_wf_list_item(draft->load, node, i);
        if (!tw_parse_visit(&draft->load->parse, item)) {
            return;
        }
        draft->nodes[i] = item;
        workflow->step_count = i + 1;
        read_step(draft, item, &workflow->steps[i]);
        check_step_name(draft, i);
    }
}

/* ---- what comes after what ---- */

static void tell_unknown_step(struct tw_wf_draft *draft, const yaml_node_t *at, const char *name)
{
    const char *words[TW_WF_STEPS_MAX];
    char hint[TW_WF_HINT_SIZE];
    char shown[TW_SHOWN_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < draft->workflow->step_count; i++) {
        if (draft->workflow->steps[i].name != NULL) {
            words[count++] = draft->workflow->steps[i].name;
        }
    }
    FAULT(draft, at, "steps.after: there is no step \"%s\"%s", tw_shown(name, shown),
          tw_wf_hint(words, count, name, hint));
}

static void read_after(struct tw_wf_draft *draft, size_t i)
{
    struct tw_wf_load *load = draft->load;
    struct tw_wf_step *step = &draft->workflow->steps[i];
    yaml_node_t *node = tw_wf_member(load, draft->nodes[i], "after");
    size_t before = tw_wf_fault_count(load);
    if (node == NULL || tw_tree_is_null(node)) {
        draft->is_after_faulty = draft->is_after_faulty || node != NULL;
        return;
    }
    if (tw_wf_list_count(node) == 0) {
        FAULT(draft, node, "steps.after: at least one name is needed");
    }
    for (size_t k = 0; k < tw_wf_list_count(node); k++) {
        yaml_node_t *item = tw_wf_list_item(load, node, k);
        if (!tw_parse_visit(&load->parse, item)) {
            return;
        }
        const char *name = tw_parse_scalar(&load->parse, item, "steps.after");
        int found = name == NULL ? -1 : tw_wf_find_step(draft->workflow, name);
        if (found >= 0) {
            step->after |= BIT(found);
        } else if (name != NULL) {
            tell_unknown_step(draft, item, name);
        }
    }
    draft->is_after_faulty = draft->is_after_faulty || tw_wf_fault_count(load) > before;
}

/* ---- whose event is it ---- */

/* The line of pattern i of a key. */
static const yaml_node_t *pattern_at(struct tw_wf_draft *draft, unsigned step, const char *key,
                                     size_t i)
{
    yaml_node_t *node = tw_wf_member(draft->load, draft->nodes[step], key);
    return node == NULL || i >= tw_wf_list_count(node) ? draft->nodes[step]
                                                       : tw_wf_list_item(draft->load, node, i);
}

struct patterns {
    const char *key;
    const struct tw_wf_match *items;
    size_t count;
};

static struct patterns patterns_of(const struct tw_wf_step *step, int which)
{
    switch (which) {
    case 0:
        return (struct patterns){"event", step->done, step->done_count};
    case 1:
        return (struct patterns){"failure", step->failure, step->failure_count};
    default:
        return (struct patterns){"compensation", step->compensation, step->compensation_count};
    }
}

/* The first pattern of a list that could fit an event of `match`; -1: none. */
static int find_overlap(const struct patterns *list, const struct tw_wf_match *match)
{
    for (size_t i = 0; i < list->count; i++) {
        if (tw_wf_match_overlap(&list->items[i], match)) {
            return (int)i;
        }
    }
    return -1;
}

/* An event completes one step only: not two. (It may well say that several failed, or be the
 * completion of one and the failure of another.) */
static void check_between(struct tw_wf_draft *draft, unsigned later, unsigned earlier)
{
    const struct tw_wf_step *steps = draft->workflow->steps;
    struct patterns of_earlier = patterns_of(&steps[earlier], 0);
    for (size_t i = 0; i < steps[later].done_count; i++) {
        const struct tw_wf_match *match = &steps[later].done[i];
        if (find_overlap(&of_earlier, match) >= 0) {
            char shown[TW_SHOWN_SIZE];
            FAULT(draft, pattern_at(draft, later, "event", i),
                  "steps.event: %s%s may also complete step \"%s\" (line %d); tell them apart with "
                  "\"where\"",
                  tw_shown(match->event, shown), match->is_prefix ? "*" : "",
                  steps[earlier].name == NULL ? "" : steps[earlier].name, steps[earlier].line);
        }
    }
}

/* Within a step an event says one thing. */
static void check_within(struct tw_wf_draft *draft, unsigned index)
{
    const struct tw_wf_step *step = &draft->workflow->steps[index];
    for (int which = 1; which < 3; which++) {
        struct patterns list = patterns_of(step, which);
        for (size_t i = 0; i < list.count; i++) {
            for (int other = 0; other < which; other++) {
                struct patterns against = patterns_of(step, other);
                if (find_overlap(&against, &list.items[i]) >= 0) {
                    char shown[TW_SHOWN_SIZE];
                    FAULT(draft, pattern_at(draft, index, list.key, i),
                          "steps.%s: %s%s is also one of \"%s\" of the same step", list.key,
                          tw_shown(list.items[i].event, shown), list.items[i].is_prefix ? "*" : "",
                          against.key);
                }
            }
        }
    }
}

static void check_events(struct tw_wf_draft *draft)
{
    for (unsigned i = 0; i < draft->workflow->step_count; i++) {
        for (unsigned k = 0; k < i; k++) {
            check_between(draft, i, k);
        }
        check_within(draft, i);
    }
}

/* ---- the whole ---- */

static const struct tw_cfg_object *find_object(const struct tw_cfg *cfg, const char *type)
{
    for (size_t i = 0; i < cfg->object_count; i++) {
        if (cfg->objects[i].type != NULL && strcmp(cfg->objects[i].type, type) == 0) {
            return &cfg->objects[i];
        }
    }
    return NULL;
}

static void check_object(struct tw_wf_draft *draft, const yaml_node_t *root)
{
    struct tw_wf_load *load = draft->load;
    const char *type = draft->workflow->object;
    const yaml_node_t *at = tw_wf_at(load, root, "object");
    const struct tw_cfg_object *object = find_object(load->cfg, type);
    char shown[TW_SHOWN_SIZE];
    if (object != NULL && !object->is_linking) {
        FAULT(draft, at, "workflow.object: \"%s\" is a context type; a run needs a linking one",
              tw_shown(type, shown));
    }
    if (object != NULL) {
        return;
    }
    const char *words[64]; /* of objects; no more are read */
    char hint[TW_WF_HINT_SIZE];
    size_t count = 0;
    for (size_t i = 0; i < load->cfg->object_count && count < 64; i++) {
        if (load->cfg->objects[i].type != NULL && load->cfg->objects[i].is_linking) {
            words[count++] = load->cfg->objects[i].type;
        }
    }
    FAULT(draft, at, "workflow.object: there is no object type \"%s\"%s", tw_shown(type, shown),
          tw_wf_hint(words, count, type, hint));
}

/* Of the pack only those workflows apply whose object type the configuration has. */
static bool applies(struct tw_wf_load *self, const struct tw_workflow *workflow)
{
    if (!self->is_builtin || workflow->object == NULL) {
        return true;
    }
    const struct tw_cfg_object *object = find_object(self->cfg, workflow->object);
    if (object != NULL && object->is_linking) {
        return true;
    }
    tw_wf_note(self, workflow->file, 0,
               "left out, the configuration has no linking object type \"%s\"", workflow->object);
    return false;
}

static const struct tw_workflow *find_workflow(const struct tw_wf_load *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->items[i].name, name) == 0) {
            return &self->items[i];
        }
    }
    return NULL;
}

/* Everything that the map says, with faults for what is wrong. */
static void fill(struct tw_wf_draft *draft, yaml_node_t *root, struct tw_wf_text *text)
{
    struct tw_wf_load *load = draft->load;
    struct tw_workflow *workflow = draft->workflow;
    workflow->title = take(load, &text->title, text->name);
    workflow->name = take(load, &text->name, NULL);
    workflow->owner = take(load, &text->owner, NULL);
    workflow->object = take(load, &text->object, NULL);
    workflow->timing = (enum tw_timing)text->timing;
    workflow->criticality = (enum tw_criticality)text->criticality;
    workflow->is_financial = text->is_financial;
    workflow->line = tw_tree_line(root);
    workflow->file = tw_wf_copy(load, load->parse.file);
    workflow->text = strndup(load->text, load->len);
    load->parse.is_out_of_memory = load->parse.is_out_of_memory || workflow->text == NULL;
    if (!applies(load, workflow)) {
        return;
    }
    if (workflow->object != NULL) {
        check_object(draft, root);
    }
    size_t before = tw_wf_fault_count(load);
    if (text->steps != NULL) {
        read_steps(draft, text->steps);
    }
    bool has_steps = tw_wf_fault_count(load) == before;
    for (size_t i = 0; i < workflow->step_count; i++) {
        read_after(draft, i);
    }
    bool is_whole = true; /* every step has the name it is known by */
    for (size_t i = 0; i < workflow->step_count; i++) {
        is_whole = is_whole && workflow->steps[i].name != NULL;
    }
    check_events(draft);
    if (is_whole) {
        tw_wf_check_graph(draft);
    }
    if (has_steps && workflow->step_count > 0 && tw_wf_fault_count(load) == before) {
        tw_wf_sort_steps(workflow);
    }
    if (text->objectives != NULL) {
        tw_wf_read_objectives(draft, text->objectives);
    }
}

/* Also with faults, without a version then: what names it shall not be told that it is not there.
 */
static void append(struct tw_wf_load *self, struct tw_workflow *workflow, bool is_faultless)
{
    struct tw_workflow *slot = tw_wf_grow(self, &self->items, self->count, sizeof(self->items[0]));
    if (slot == NULL || self->parse.is_out_of_memory ||
        (is_faultless && tw_wf_version(workflow, &workflow->version) != TW_OK)) {
        self->parse.is_out_of_memory = true;
        return;
    }
    *slot = *workflow;
    *workflow = (struct tw_workflow){0};
    self->count++;
}

void tw_wf_define(struct tw_wf_load *self, yaml_node_t *root)
{
    struct tw_workflow workflow = {0};
    struct tw_wf_draft draft = {.load = self, .workflow = &workflow};
    struct tw_wf_text text = {.criticality = TW_STANDARD};
    size_t before = tw_wf_fault_count(self);
    tw_parse_map(&self->parse, &tw_wf_section, root, &text);
    /* One of the pack that a file has replaced is not even looked at. */
    bool is_replaced =
        self->is_builtin && text.name != NULL && find_workflow(self, text.name) != NULL;
    if (!is_replaced) {
        fill(&draft, root, &text);
    }
    const struct tw_workflow *other =
        workflow.name == NULL ? NULL : find_workflow(self, workflow.name);
    if (other != NULL) {
        tw_parse_fault(&self->parse, tw_wf_at(self, root, "name"),
                       "workflow.name: \"%s\" is there already (%s:%d)", workflow.name, other->file,
                       other->line);
    } else if (workflow.name != NULL && self->count == TW_WF_MAX) {
        tw_parse_fault(&self->parse, root, "more than %d workflows", TW_WF_MAX);
    } else if (workflow.name != NULL && (!self->is_builtin || workflow.step_count > 0)) {
        append(self, &workflow, tw_wf_fault_count(self) == before);
    }
    tw_workflow_fini(&workflow);
    tw_cfg_free_fields(&tw_wf_section, &text);
}
