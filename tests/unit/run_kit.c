/* SPDX-License-Identifier: Apache-2.0
 * See run_kit.h. */
#include "config.h"
#include "run_kit.h"

struct tw_wf_step *flow_add_step(struct flow *self, uint32_t after, int64_t within_s)
{
    struct tw_wf_step *step = &self->steps[self->workflow.step_count];
    step->after = after;
    step->within_ns = within_s * SECOND;
    self->workflow.starts |= after == 0 ? UINT32_C(1) << self->workflow.step_count : 0;
    self->workflow.step_count++;
    return step;
}

void flow_begin(struct flow *self, uint32_t expected)
{
    self->workflow.steps = self->steps;
    self->run = calloc(1, tw_run_bytes(&self->workflow));
    assert_non_null(self->run);
    tw_run_begin(self->run, &self->workflow, expected);
}

void flow_end(struct flow *self)
{
    if (self->run != NULL) {
        tw_run_fini(self->run);
    }
    free(self->run);
    self->run = NULL;
}
