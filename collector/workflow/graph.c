/* SPDX-License-Identifier: Apache-2.0
 * The graph of steps: at most 32 of them, so that a set of steps is a word and the closure of
 * "comes before" is 32 words.
 */
#include "config.h"
#include "workflow/internal.h"

#include <string.h>

#define BIT(i) (UINT32_C(1) << (i))

/* before[i]: every step that comes before step i, directly or not. */
static void close_before(const struct tw_workflow *workflow, uint32_t before[TW_WF_STEPS_MAX])
{
    size_t count = workflow->step_count;
    for (size_t i = 0; i < count; i++) {
        before[i] = workflow->steps[i].after;
    }
    for (size_t k = 0; k < count; k++) {
        for (size_t i = 0; i < count; i++) {
            if ((before[i] & BIT(k)) != 0) {
                before[i] |= before[k];
            }
        }
    }
}

bool tw_wf_is_before(const struct tw_workflow *workflow, unsigned a, unsigned b)
{
    uint32_t before[TW_WF_STEPS_MAX];
    close_before(workflow, before);
    return (before[b] & BIT(a)) != 0;
}

int tw_wf_find_step(const struct tw_workflow *workflow, const char *name)
{
    for (size_t i = 0; i < workflow->step_count; i++) {
        if (workflow->steps[i].name != NULL && strcmp(workflow->steps[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

/* ---- cycles ---- */

static unsigned lowest(uint32_t set)
{
    return (unsigned)__builtin_ctz(set);
}

/* One way round among `members`, in the direction of time: "a -> b -> a". */
static void tell_cycle(struct tw_wf_draft *draft, uint32_t members)
{
    const struct tw_workflow *workflow = draft->workflow;
    unsigned path[TW_WF_STEPS_MAX + 1];
    size_t len = 0;
    uint32_t seen = 0;
    unsigned at = lowest(members);
    while ((seen & BIT(at)) == 0) { /* backwards; every member has one before it */
        seen |= BIT(at);
        path[len++] = at;
        at = lowest(workflow->steps[at].after & members);
    }
    size_t first = 0;
    while (first + 1 < len && path[first] != at) {
        first++;
    }
    char text[700];
    int used = snprintf(text, sizeof(text), "%s", workflow->steps[at].name);
    for (size_t i = len; i > first && used < (int)sizeof(text); i--) {
        used += snprintf(text + used, sizeof(text) - (size_t)used, " -> %s",
                         workflow->steps[path[i - 1]].name);
    }
    unsigned top = at; /* where the file first mentions it */
    for (size_t i = first; i < len; i++) {
        top = path[i] < top ? path[i] : top;
    }
    tw_parse_fault(&draft->load->parse, tw_wf_at(draft->load, draft->nodes[top], "after"),
                   "steps.after: a cycle: %s", text);
}

void tw_wf_check_graph(struct tw_wf_draft *draft)
{
    const struct tw_workflow *workflow = draft->workflow;
    uint32_t before[TW_WF_STEPS_MAX];
    uint32_t in_cycle = 0;
    bool has_start = draft->is_after_faulty;
    close_before(workflow, before);
    for (unsigned i = 0; i < workflow->step_count; i++) {
        has_start = has_start || workflow->steps[i].after == 0;
        if ((before[i] & BIT(i)) == 0 || (in_cycle & BIT(i)) != 0) {
            continue;
        }
        uint32_t members = 0; /* those that come before i and after i */
        for (unsigned k = 0; k < workflow->step_count; k++) {
            if ((before[i] & BIT(k)) != 0 && (before[k] & BIT(i)) != 0) {
                members |= BIT(k);
            }
        }
        in_cycle |= members;
        tell_cycle(draft, members);
    }
    for (unsigned i = 0; i < workflow->step_count; i++) {
        if ((in_cycle & BIT(i)) == 0 && (before[i] & in_cycle) != 0) {
            tw_parse_fault(&draft->load->parse, tw_wf_at(draft->load, draft->nodes[i], "after"),
                           "steps.after: step \"%s\" can never be reached, it comes after a cycle",
                           workflow->steps[i].name);
        }
    }
    if (!has_start && workflow->step_count > 0) {
        tw_parse_fault(&draft->load->parse, draft->nodes[0],
                       "steps: none is a start, which has no \"after\"");
    }
}

/* ---- order ---- */

void tw_wf_sort_steps(struct tw_workflow *workflow)
{
    size_t count = workflow->step_count;
    unsigned order[TW_WF_STEPS_MAX] = {0};
    uint32_t done = 0;
    for (size_t n = 0; n < count; n++) {
        unsigned next = 0;
        while ((done & BIT(next)) != 0 || (workflow->steps[next].after & ~done) != 0) {
            next++;
        }
        done |= BIT(next);
        order[n] = next;
    }
    unsigned place[TW_WF_STEPS_MAX] = {0}; /* where each step goes */
    for (unsigned n = 0; n < count; n++) {
        place[order[n]] = n;
    }
    workflow->starts = 0;
    for (unsigned n = 0; n < count; n++) {
        uint32_t after = 0;
        for (unsigned k = 0; k < count; k++) {
            after |= (workflow->steps[n].after & BIT(k)) != 0 ? BIT(place[k]) : 0;
        }
        workflow->steps[n].after = after;
        workflow->starts |= after == 0 ? BIT(place[n]) : 0;
    }
    for (unsigned n = 0; n < count; n++) {
        while (place[n] != n) { /* each exchange brings one to its place */
            unsigned to = place[n];
            struct tw_wf_step step = workflow->steps[to];
            workflow->steps[to] = workflow->steps[n];
            workflow->steps[n] = step;
            place[n] = place[to];
            place[to] = to;
        }
    }
}
