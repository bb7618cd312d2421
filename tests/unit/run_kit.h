/* SPDX-License-Identifier: Apache-2.0
 * What the tests of a run share: a workflow made in place, and a run of it. Thread: one test. */
#ifndef TW_TESTS_RUN_KIT_H
#define TW_TESTS_RUN_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/run.h"

#define SECOND TW_NS_PER_S

struct flow {
    struct tw_workflow workflow;
    struct tw_wf_step steps[TW_WF_STEPS_MAX];
    struct tw_run *run;
    uint64_t n;
    uint32_t present; /* of start facts */
    struct tw_step_status statuses[TW_WF_STEPS_MAX];
};

/* A step after those in the set; 0: a start. */
struct tw_wf_step *flow_add_step(struct flow *self, uint32_t after, int64_t within_s);
/* A new run, with no fact yet. */
void flow_begin(struct flow *self, uint32_t expected);
/* Release the run, if there is one. */
void flow_end(struct flow *self);

#endif
