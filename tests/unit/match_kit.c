/* SPDX-License-Identifier: Apache-2.0
 * See match_kit.h. */
#include "config.h"
#include "match_kit.h"

int pack_references;

const struct tw_workflows *tw_workflows_ref(const struct tw_workflows *self)
{
    pack_references++;
    return self;
}

void tw_workflows_unref(const struct tw_workflows **self_p)
{
    if (self_p == NULL) {
        return;
    }
    pack_references -= *self_p != NULL ? 1 : 0;
    *self_p = NULL;
}

int no_references_left(void **state)
{
    (void)state;
    assert_int_equal(pack_references, 0);
    return 0;
}

char *pack_text(const char *literal)
{
    return (char *)(uintptr_t)literal;
}

struct tw_workflow *pack_add_workflow(struct pack *pack, const char *name, uint64_t version)
{
    struct tw_workflow *workflow = &pack->items[pack->set.count];
    pack->set.items = pack->items;
    workflow->name = pack_text(name);
    workflow->version = version;
    workflow->steps = pack->steps[pack->set.count++];
    return workflow;
}

struct tw_wf_step *pack_add_step(struct tw_workflow *workflow, uint32_t after)
{
    struct tw_wf_step *step = &workflow->steps[workflow->step_count];
    step->after = after;
    workflow->starts |= after == 0 ? UINT32_C(1) << workflow->step_count : 0;
    workflow->step_count++;
    return step;
}

struct tw_wf_match pack_pattern(char *event, bool is_prefix)
{
    return (struct tw_wf_match){.event = event, .is_prefix = is_prefix};
}

void pack_add_done(struct tw_wf_step *step, const char *event, bool is_prefix)
{
    step->done[step->done_count++] = pack_pattern(pack_text(event), is_prefix);
}

void pack_add_where(struct tw_wf_match *match, const char *attribute, enum tw_where_kind kind,
                    const char *value)
{
    match->where[match->where_count++] =
        (struct tw_wf_where){pack_text(attribute), kind, pack_text(value)};
}

struct tw_matcher *pack_matcher(const struct tw_workflows *set)
{
    struct tw_matcher *matcher = NULL;
    assert_int_equal(tw_matcher_new(&matcher), TW_OK);
    assert_int_equal(tw_matcher_set(matcher, set), TW_OK);
    return matcher;
}

struct tw_match pack_match(struct tw_matcher *matcher, const struct tw_event *event)
{
    struct tw_match match;
    assert_int_equal(tw_matcher_match(matcher, event, &match), TW_OK);
    return match;
}

struct tw_event pack_event(const char *type, const char *outcome)
{
    struct tw_event event = {0};
    event.attr[TW_ATTR_TYPE] = tw_str_of(type);
    event.attr[TW_ATTR_OUTCOME] = tw_str_of(outcome);
    return event;
}
