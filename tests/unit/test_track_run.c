/* SPDX-License-Identifier: Apache-2.0
 * track/run: each rule of its header by name, and a property: whatever the order of the facts, a
 * run is judged as a naive model judges the set. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/run.h"

#define SECOND TW_NS_PER_S
#define NEVER  INT64_MIN /* a watermark that nothing has reached */

/* A workflow made in place, and a run of it. */
struct flow {
    struct tw_workflow workflow;
    struct tw_wf_step steps[TW_WF_STEPS_MAX];
    struct tw_run *run;
    uint64_t n;
    uint32_t present; /* of start facts */
    struct tw_step_status statuses[TW_WF_STEPS_MAX];
};

/* A step after those in the set; 0: a start. Times of this file are seconds. */
static struct tw_wf_step *add_step(struct flow *flow, uint32_t after, int64_t within_s)
{
    struct tw_wf_step *step = &flow->steps[flow->workflow.step_count];
    step->after = after;
    step->within_ns = within_s * SECOND;
    flow->workflow.starts |= after == 0 ? UINT32_C(1) << flow->workflow.step_count : 0;
    flow->workflow.step_count++;
    return step;
}

static void begin(struct flow *flow, uint32_t expected)
{
    flow->workflow.steps = flow->steps;
    flow->run = calloc(1, tw_run_bytes(&flow->workflow));
    assert_non_null(flow->run);
    tw_run_begin(flow->run, &flow->workflow, expected);
}

static int open_flow(void **state)
{
    *state = calloc(1, sizeof(struct flow));
    return *state == NULL;
}

static int close_flow(void **state)
{
    struct flow *flow = *state;
    if (flow->run != NULL) {
        tw_run_fini(flow->run);
    }
    free(flow->run);
    free(flow);
    return 0;
}

/* Three steps, one after the other, due 10 and 20 s after what comes before. */
static struct flow *chain(void **state)
{
    struct flow *flow = *state;
    (void)add_step(flow, 0, 0);
    (void)add_step(flow, 1, 10);
    (void)add_step(flow, 2, 20);
    begin(flow, 0);
    return flow;
}

static uint64_t fold_store(struct flow *flow, unsigned step, enum tw_fact_role role, int64_t at_s,
                           uint32_t store)
{
    struct tw_fact fact = {.n = ++flow->n,
                           .time = {at_s * SECOND},
                           .step = (uint8_t)step,
                           .role = (uint8_t)role,
                           .cause = role == TW_FACT_FAILED ? TW_CAUSE_TIMEOUT : TW_CAUSE_NONE,
                           .store = store,
                           .present = flow->present};
    assert_int_equal(tw_run_fold(flow->run, &fact), TW_OK);
    return flow->n;
}

static uint64_t fold(struct flow *flow, unsigned step, enum tw_fact_role role, int64_t at_s)
{
    return fold_store(flow, step, role, at_s, 0);
}

/* A letter a step: Waiting, Done, Failed, Overdue, Skipped. */
static void check(struct flow *flow, int64_t watermark_s, const char *steps,
                  enum tw_run_state state)
{
    char letters[TW_WF_STEPS_MAX + 1] = "";
    int64_t ns = watermark_s == NEVER ? NEVER : watermark_s * SECOND;
    enum tw_run_state judged = tw_run_judge(flow->run, (tw_wall_t){ns}, flow->statuses);
    for (size_t i = 0; i < flow->workflow.step_count; i++) {
        letters[i] = "WDFOS"[flow->statuses[i].state];
    }
    assert_string_equal(letters, steps);
    assert_string_equal(tw_run_state_name(judged), tw_run_state_name(state));
}

/* ---- done, late, overdue -------------------------------------------------------------------- */

static void run__no_fact__is_running_and_waits_for_nothing(void **state)
{
    struct flow *flow = chain(state);
    check(flow, 1000, "WWW", TW_RUN_IS_RUNNING);
    assert_false(tw_run_has_started(flow->run));
    assert_int_equal(tw_run_started(flow->run).ns, 0);
    assert_false(flow->statuses[1].is_ready);
}

static void run__all_done_in_time__completed(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    check(flow, 109, "DWW", TW_RUN_IS_RUNNING);
    assert_true(flow->statuses[1].is_ready);
    assert_int_equal(flow->statuses[1].since.ns, 100 * SECOND);
    assert_int_equal(flow->statuses[1].due.ns, 110 * SECOND);
    assert_false(flow->statuses[2].is_ready);
    (void)fold(flow, 1, TW_FACT_DONE, 110);
    uint64_t n = fold(flow, 2, TW_FACT_DONE, 130);
    check(flow, 1000, "DDD", TW_RUN_IS_COMPLETED);
    assert_false(flow->statuses[1].is_late);
    assert_int_equal(flow->statuses[2].event, n);
    assert_int_equal(flow->statuses[2].attempts, 1);
    assert_int_equal(tw_run_started(flow->run).ns, 100 * SECOND);
    assert_int_equal(tw_run_finished(flow->run, TW_RUN_IS_COMPLETED).ns, 130 * SECOND);
    assert_int_equal(tw_run_finished(flow->run, TW_RUN_IS_RUNNING).ns, 0);
}

static void run__watermark_reaches_due__overdue(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    check(flow, NEVER, "DWW", TW_RUN_IS_RUNNING);
    check(flow, 109, "DWW", TW_RUN_IS_RUNNING);
    check(flow, 110, "DOW", TW_RUN_IS_OVERDUE);
    assert_int_equal(flow->statuses[1].due.ns, 110 * SECOND);
}

static void run__done_after_due__is_late_and_recovered(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    (void)fold(flow, 1, TW_FACT_DONE, 111);
    (void)fold(flow, 2, TW_FACT_DONE, 112);
    check(flow, 1000, "DDD", TW_RUN_IS_RECOVERED);
    assert_true(flow->statuses[1].is_late);
    assert_false(flow->statuses[1].has_recovered);
    assert_int_equal(tw_run_finished(flow->run, TW_RUN_IS_RECOVERED).ns, 112 * SECOND);
}

static void run__step_without_deadline__is_never_overdue(void **state)
{
    struct flow *flow = *state;
    (void)add_step(flow, 0, 0);
    (void)add_step(flow, 1, 0);
    begin(flow, 0);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    check(flow, INT32_MAX, "DW", TW_RUN_IS_RUNNING);
    assert_true(flow->statuses[1].is_ready);
    assert_int_equal(flow->statuses[1].due.ns, 0);
}

static void run__deadline_past_the_end_of_time__is_the_end_of_time(void **state)
{
    struct flow *flow = chain(state);
    struct tw_fact fact = {.n = 1, .time = {INT64_MAX - 1}};
    assert_int_equal(tw_run_fold(flow->run, &fact), TW_OK);
    check(flow, 1000, "DWW", TW_RUN_IS_RUNNING);
    assert_int_equal(flow->statuses[1].due.ns, INT64_MAX);
}

static void run__repeated_done__earliest_counts(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    (void)fold(flow, 1, TW_FACT_DONE, 115);
    check(flow, 1000, "DDO", TW_RUN_IS_OVERDUE);
    assert_true(flow->statuses[1].is_late);
    uint64_t n = fold(flow, 1, TW_FACT_DONE, 105);
    (void)fold(flow, 1, TW_FACT_DONE, 105);
    check(flow, 120, "DDW", TW_RUN_IS_RUNNING);
    assert_false(flow->statuses[1].is_late);
    assert_int_equal(flow->statuses[1].event, n);
    assert_int_equal(flow->statuses[1].attempts, 1);
    assert_int_equal(flow->statuses[2].since.ns, 105 * SECOND);
}

static void run__several_after__waits_from_the_latest(void **state)
{
    struct flow *flow = *state;
    (void)add_step(flow, 0, 0);
    (void)add_step(flow, 1, 50);
    (void)add_step(flow, 1, 50);
    (void)add_step(flow, 2 | 4, 10);
    begin(flow, 0);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    (void)fold(flow, 2, TW_FACT_DONE, 140);
    check(flow, 149, "DWDW", TW_RUN_IS_RUNNING);
    assert_false(flow->statuses[3].is_ready);
    (void)fold(flow, 1, TW_FACT_DONE, 120);
    check(flow, 149, "DDDW", TW_RUN_IS_RUNNING);
    assert_int_equal(flow->statuses[3].since.ns, 140 * SECOND);
    check(flow, 150, "DDDO", TW_RUN_IS_OVERDUE);
}

/* ---- skipped -------------------------------------------------------------------------------- */

static void run__later_step_done__earlier_is_skipped(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    (void)fold(flow, 2, TW_FACT_DONE, 119);
    check(flow, 1000, "DSD", TW_RUN_IS_COMPLETED);
    assert_int_equal(flow->statuses[1].event, 0);
    assert_int_equal(flow->statuses[1].time.ns, 0);
    /* what was skipped passes on what it waited from */
    assert_int_equal(flow->statuses[2].since.ns, 100 * SECOND);
    assert_int_equal(flow->statuses[2].due.ns, 120 * SECOND);
    (void)fold(flow, 1, TW_FACT_DONE, 108);
    check(flow, 1000, "DDD", TW_RUN_IS_COMPLETED);
    assert_int_equal(flow->statuses[2].due.ns, 128 * SECOND);
}

static void run__failed_step_behind_which_another_is_done__is_skipped_and_recovered(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    uint64_t n = fold(flow, 1, TW_FACT_FAILED, 101);
    (void)fold(flow, 2, TW_FACT_DONE, 102);
    check(flow, 1000, "DSD", TW_RUN_IS_RECOVERED);
    assert_true(flow->statuses[1].has_recovered);
    assert_int_equal(flow->statuses[1].failed_event, n);
    assert_int_equal(flow->statuses[1].attempts, 1);
}

static void run__when_is_absent_from_the_start__is_skipped(void **state)
{
    struct flow *flow = *state;
    static char attribute[] = "loyaltyid";
    (void)add_step(flow, 0, 0);
    add_step(flow, 1, 10)->when = attribute;
    (void)add_step(flow, 2, 10);
    begin(flow, 0);
    check(flow, 1000, "WWW", TW_RUN_IS_RUNNING);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    check(flow, 109, "DSW", TW_RUN_IS_RUNNING);
    assert_int_equal(flow->statuses[2].since.ns, 100 * SECOND);
    check(flow, 110, "DSO", TW_RUN_IS_OVERDUE);
    /* a start event that has it, even a later one, makes the step apply */
    flow->present = 2;
    (void)fold(flow, 0, TW_FACT_DONE, 104);
    check(flow, 110, "DOW", TW_RUN_IS_OVERDUE);
    assert_int_equal(flow->statuses[1].due.ns, 110 * SECOND);
}

static void run__when_is_absent_but_the_step_came__counts(void **state)
{
    struct flow *flow = *state;
    static char attribute[] = "loyaltyid";
    (void)add_step(flow, 0, 0);
    add_step(flow, 1, 10)->when = attribute;
    begin(flow, 0);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    check(flow, 1000, "DS", TW_RUN_IS_COMPLETED);
    (void)fold(flow, 1, TW_FACT_FAILED, 101);
    check(flow, 1000, "DF", TW_RUN_IS_FAILED);
    (void)fold(flow, 1, TW_FACT_DONE, 102);
    check(flow, 1000, "DD", TW_RUN_IS_RECOVERED);
}

static void run__present_of_another_step_than_the_start__says_nothing(void **state)
{
    struct flow *flow = *state;
    static char attribute[] = "loyaltyid";
    (void)add_step(flow, 0, 0);
    (void)add_step(flow, 1, 10);
    add_step(flow, 1, 10)->when = attribute;
    begin(flow, 0);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    flow->present = 4;
    (void)fold(flow, 1, TW_FACT_DONE, 101);
    check(flow, 1000, "DDS", TW_RUN_IS_COMPLETED);
}

static void run__optional_at_the_end__is_skipped(void **state)
{
    struct flow *flow = *state;
    (void)add_step(flow, 0, 0);
    add_step(flow, 1, 10)->is_optional = true;
    (void)add_step(flow, 1, 20);
    begin(flow, 0);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    check(flow, 119, "DWW", TW_RUN_IS_RUNNING); /* never overdue */
    check(flow, 120, "DWO", TW_RUN_IS_OVERDUE);
    (void)fold(flow, 2, TW_FACT_DONE, 103);
    check(flow, 103, "DSD", TW_RUN_IS_COMPLETED);
    (void)fold(flow, 1, TW_FACT_DONE, 104);
    check(flow, 104, "DDD", TW_RUN_IS_COMPLETED);
}

static void run__optional_that_failed__fails_the_run(void **state)
{
    struct flow *flow = *state;
    (void)add_step(flow, 0, 0);
    add_step(flow, 1, 10)->is_optional = true;
    begin(flow, 0);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    check(flow, 100, "DS", TW_RUN_IS_COMPLETED);
    (void)fold(flow, 1, TW_FACT_FAILED, 101);
    check(flow, 1000, "DF", TW_RUN_IS_FAILED);
}

static void run__step_after_an_optional_one__does_not_wait_for_it(void **state)
{
    struct flow *flow = *state;
    (void)add_step(flow, 0, 0);
    add_step(flow, 1, 10)->is_optional = true;
    (void)add_step(flow, 2, 20);
    begin(flow, 0);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    check(flow, 119, "DWW", TW_RUN_IS_RUNNING);
    assert_int_equal(flow->statuses[2].since.ns, 100 * SECOND);
    check(flow, 120, "DWO", TW_RUN_IS_OVERDUE);
    (void)fold(flow, 1, TW_FACT_DONE, 109);
    check(flow, 128, "DDW", TW_RUN_IS_RUNNING);
    assert_int_equal(flow->statuses[2].due.ns, 129 * SECOND);
}

/* ---- failed --------------------------------------------------------------------------------- */

static void run__failure_before_success__is_recovered(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    uint64_t n = fold(flow, 1, TW_FACT_FAILED, 101);
    check(flow, 1000, "DFW", TW_RUN_IS_FAILED); /* failed, not overdue */
    assert_int_equal(flow->statuses[1].event, n);
    assert_int_equal(flow->statuses[1].cause, TW_CAUSE_TIMEOUT);
    assert_int_equal(flow->statuses[1].time.ns, 101 * SECOND);
    assert_false(flow->statuses[2].is_ready);
    (void)fold(flow, 1, TW_FACT_DONE, 105);
    (void)fold(flow, 2, TW_FACT_DONE, 106);
    check(flow, 1000, "DDD", TW_RUN_IS_RECOVERED);
    assert_true(flow->statuses[1].has_recovered);
    assert_int_equal(flow->statuses[1].attempts, 2);
    assert_int_equal(flow->statuses[1].failed_event, n);
}

static void run__failure_after_success__is_recovered_too(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    (void)fold(flow, 1, TW_FACT_DONE, 101);
    (void)fold(flow, 2, TW_FACT_DONE, 102);
    (void)fold(flow, 1, TW_FACT_FAILED, 103);
    check(flow, 1000, "DDD", TW_RUN_IS_RECOVERED);
    assert_true(flow->statuses[1].has_recovered);
}

static void run__several_failures__the_latest_tells(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    uint64_t latest = fold(flow, 1, TW_FACT_FAILED, 107);
    (void)fold(flow, 1, TW_FACT_FAILED, 103);
    check(flow, 104, "DFW", TW_RUN_IS_FAILED);
    assert_int_equal(flow->statuses[1].failed_event, latest);
    assert_int_equal(flow->statuses[1].time.ns, 107 * SECOND);
    assert_int_equal(flow->statuses[1].attempts, 2);
}

static void run__retrying__is_an_attempt_and_keeps_waiting(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    (void)fold(flow, 1, TW_FACT_RETRYING, 101);
    check(flow, 109, "DWW", TW_RUN_IS_RUNNING);
    assert_int_equal(flow->statuses[1].attempts, 1);
    check(flow, 110, "DOW", TW_RUN_IS_OVERDUE);
    (void)fold(flow, 1, TW_FACT_DONE, 105);
    (void)fold(flow, 2, TW_FACT_DONE, 106);
    check(flow, 1000, "DDD", TW_RUN_IS_COMPLETED);
    assert_int_equal(flow->statuses[1].attempts, 2);
    assert_false(flow->statuses[1].has_recovered);
}

static void run__retrying_after_a_failure__stays_failed(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    (void)fold(flow, 1, TW_FACT_FAILED, 101);
    (void)fold(flow, 1, TW_FACT_RETRYING, 102);
    check(flow, 1000, "DFW", TW_RUN_IS_FAILED);
    assert_int_equal(flow->statuses[1].attempts, 2);
}

/* ---- compensated ---------------------------------------------------------------------------- */

static void run__compensated_step__nobody_waits_behind_it(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    uint64_t n = fold(flow, 1, TW_FACT_COMPENSATION, 105);
    check(flow, 1000, "DSS", TW_RUN_IS_COMPENSATED);
    assert_true(flow->statuses[1].is_compensated);
    assert_false(flow->statuses[2].is_compensated);
    assert_int_equal(flow->statuses[1].event, n);
    assert_int_equal(tw_run_finished(flow->run, TW_RUN_IS_COMPENSATED).ns, 105 * SECOND);
}

static void run__failed_then_compensated__is_compensated(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    (void)fold(flow, 1, TW_FACT_FAILED, 101);
    (void)fold(flow, 0, TW_FACT_COMPENSATION, 105);
    check(flow, 1000, "DFS", TW_RUN_IS_COMPENSATED);
}

static void run__compensation_beside_a_failure__stays_failed(void **state)
{
    struct flow *flow = *state;
    (void)add_step(flow, 0, 0);
    (void)add_step(flow, 1, 10);
    (void)add_step(flow, 1, 10);
    begin(flow, 0);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    (void)fold(flow, 1, TW_FACT_COMPENSATION, 101);
    check(flow, 109, "DSW", TW_RUN_IS_RUNNING);
    check(flow, 110, "DSO", TW_RUN_IS_OVERDUE);
    (void)fold(flow, 2, TW_FACT_FAILED, 101);
    check(flow, 1000, "DSF", TW_RUN_IS_FAILED);
    (void)fold(flow, 2, TW_FACT_DONE, 102);
    check(flow, 1000, "DSD", TW_RUN_IS_COMPENSATED);
}

static void run__done_and_compensated__keeps_done(void **state)
{
    struct flow *flow = chain(state);
    for (unsigned i = 0; i < 3; i++) {
        (void)fold(flow, i, TW_FACT_DONE, 100 + i);
    }
    (void)fold(flow, 2, TW_FACT_COMPENSATION, 200);
    check(flow, 1000, "DDD", TW_RUN_IS_COMPENSATED);
    assert_int_equal(tw_run_finished(flow->run, TW_RUN_IS_COMPENSATED).ns, 200 * SECOND);
}

/* ---- start ---------------------------------------------------------------------------------- */

static void run__start_not_seen__is_running_and_never_overdue(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 1, TW_FACT_DONE, 100);
    check(flow, 100000, "SDW", TW_RUN_IS_RUNNING);
    assert_false(flow->statuses[2].is_ready);
    assert_int_equal(flow->statuses[2].due.ns, 0);
    (void)fold(flow, 2, TW_FACT_FAILED, 101);
    check(flow, 100000, "SDF", TW_RUN_IS_RUNNING);
    (void)fold(flow, 2, TW_FACT_DONE, 102);
    check(flow, 100000, "SDD", TW_RUN_IS_RUNNING);
    assert_false(tw_run_has_started(flow->run));
    (void)fold(flow, 0, TW_FACT_DONE, 99);
    check(flow, 100000, "DDD", TW_RUN_IS_RECOVERED);
}

static void run__start_failed__has_started_and_failed(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 0, TW_FACT_FAILED, 104);
    (void)fold(flow, 0, TW_FACT_FAILED, 102);
    check(flow, 1000, "FWW", TW_RUN_IS_FAILED);
    assert_int_equal(tw_run_started(flow->run).ns, 102 * SECOND);
    (void)fold(flow, 0, TW_FACT_DONE, 108);
    check(flow, 108, "DWW", TW_RUN_IS_RUNNING);
    assert_int_equal(tw_run_started(flow->run).ns, 108 * SECOND);
}

static void run__one_of_two_starts__the_other_waits_without_deadline(void **state)
{
    struct flow *flow = *state;
    (void)add_step(flow, 0, 10);
    (void)add_step(flow, 0, 10);
    (void)add_step(flow, 3, 10);
    begin(flow, 0);
    (void)fold(flow, 1, TW_FACT_DONE, 100);
    check(flow, 1000, "WDW", TW_RUN_IS_RUNNING);
    assert_false(flow->statuses[2].is_ready);
    (void)fold(flow, 2, TW_FACT_DONE, 105);
    check(flow, 1000, "SDD", TW_RUN_IS_COMPLETED);
    assert_int_equal(flow->statuses[2].since.ns, 100 * SECOND);
}

/* ---- fan-out -------------------------------------------------------------------------------- */

static struct flow *fan_out(void **state, uint32_t expected)
{
    struct flow *flow = *state;
    (void)add_step(flow, 0, 0);
    add_step(flow, 1, 60)->each = TW_EACH_STORE;
    begin(flow, expected);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    return flow;
}

static void run__fan_out__is_done_when_every_store_has_answered(void **state)
{
    struct flow *flow = fan_out(state, 3);
    (void)fold_store(flow, 1, TW_FACT_DONE, 110, 1);
    (void)fold_store(flow, 1, TW_FACT_DONE, 120, 3);
    (void)fold_store(flow, 1, TW_FACT_DONE, 130, 3); /* again */
    check(flow, 159, "DW", TW_RUN_IS_RUNNING);
    assert_int_equal(flow->statuses[1].answered, 2);
    assert_true(tw_run_has_answered(flow->run, 1, 1));
    assert_false(tw_run_has_answered(flow->run, 1, 2));
    check(flow, 160, "DO", TW_RUN_IS_OVERDUE);
    uint64_t n = fold_store(flow, 1, TW_FACT_DONE, 125, 2);
    check(flow, 160, "DD", TW_RUN_IS_COMPLETED);
    assert_int_equal(flow->statuses[1].answered, 3);
    assert_int_equal(flow->statuses[1].time.ns, 125 * SECOND);
    assert_int_equal(flow->statuses[1].event, n);
    assert_int_equal(flow->statuses[1].attempts, 1);
}

static void run__fan_out__strangers_are_no_answers(void **state)
{
    struct flow *flow = fan_out(state, 2);
    (void)fold_store(flow, 1, TW_FACT_DONE, 110, 1);
    (void)fold_store(flow, 1, TW_FACT_DONE, 110, 3);
    (void)fold_store(flow, 1, TW_FACT_DONE, 110, 0);
    (void)fold_store(flow, 1, TW_FACT_DONE, 110, UINT32_MAX);
    check(flow, 110, "DW", TW_RUN_IS_RUNNING);
    assert_int_equal(flow->statuses[1].answered, 1);
    (void)fold_store(flow, 1, TW_FACT_FAILED, 111, 3);
    check(flow, 111, "DF", TW_RUN_IS_FAILED);
    (void)fold_store(flow, 1, TW_FACT_DONE, 112, 2);
    check(flow, 112, "DD", TW_RUN_IS_RECOVERED);
}

static void run__fan_out__fails_while_a_store_that_failed_has_not_answered(void **state)
{
    struct flow *flow = fan_out(state, 3);
    (void)fold_store(flow, 1, TW_FACT_FAILED, 110, 2);
    (void)fold_store(flow, 1, TW_FACT_FAILED, 111, 2);
    check(flow, 120, "DF", TW_RUN_IS_FAILED);
    (void)fold_store(flow, 1, TW_FACT_DONE, 115, 2);
    (void)fold_store(flow, 1, TW_FACT_FAILED, 116, 2);
    check(flow, 120, "DW", TW_RUN_IS_RUNNING);
    assert_int_equal(flow->statuses[1].attempts, 3);
    check(flow, 160, "DO", TW_RUN_IS_OVERDUE);
    (void)fold_store(flow, 1, TW_FACT_DONE, 115, 1);
    (void)fold_store(flow, 1, TW_FACT_DONE, 161, 3);
    check(flow, 170, "DD", TW_RUN_IS_RECOVERED);
    assert_true(flow->statuses[1].is_late);
}

static void run__fan_out_with_no_store_expected__is_a_step_like_others(void **state)
{
    struct flow *flow = fan_out(state, 0);
    check(flow, 160, "DO", TW_RUN_IS_OVERDUE);
    (void)fold_store(flow, 1, TW_FACT_DONE, 110, 7);
    check(flow, 160, "DD", TW_RUN_IS_COMPLETED);
    assert_int_equal(flow->statuses[1].answered, 0);
}

static void run__fan_out_behind_which_a_step_is_done__is_skipped(void **state)
{
    struct flow *flow = *state;
    (void)add_step(flow, 0, 0);
    add_step(flow, 1, 60)->each = TW_EACH_STORE;
    (void)add_step(flow, 2, 60);
    begin(flow, 2);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    (void)fold_store(flow, 1, TW_FACT_DONE, 110, 1);
    (void)fold(flow, 2, TW_FACT_DONE, 150);
    check(flow, 1000, "DSD", TW_RUN_IS_COMPLETED);
    assert_int_equal(flow->statuses[1].answered, 1);
}

static void run__steps_max__all_are_judged(void **state)
{
    struct flow *flow = *state;
    char letters[TW_WF_STEPS_MAX + 1] = "";
    for (unsigned i = 0; i < TW_WF_STEPS_MAX; i++) {
        (void)add_step(flow, i == 0 ? 0 : UINT32_C(1) << (i - 1), 10);
        letters[i] = 'D';
    }
    begin(flow, 0);
    for (unsigned i = 0; i < TW_WF_STEPS_MAX; i++) {
        (void)fold(flow, TW_WF_STEPS_MAX - 1 - i, TW_FACT_DONE, 200 - i);
    }
    check(flow, 1000, letters, TW_RUN_IS_COMPLETED);
}

/* ---- any order, and a naive model ----------------------------------------------------------- */

#define FACTS_MAX 48
#define RUNS      400
#define ORDERS    6

static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % limit);
}

/* The set, and nothing else: every question goes through all facts. */
struct model {
    const struct tw_workflow *workflow;
    uint32_t expected;
    const struct tw_fact *facts;
    size_t count;
    int64_t watermark;
    bool before[TW_WF_STEPS_MAX][TW_WF_STEPS_MAX]; /* [a][b]: a comes before b, over any way */
};

/* The earliest, or latest, fact of a step (store 0: of any store); NULL: none. */
static const struct tw_fact *model_find(const struct model *m, size_t step, int role,
                                        uint32_t store, bool latest)
{
    const struct tw_fact *found = NULL;
    for (size_t i = 0; i < m->count; i++) {
        const struct tw_fact *fact = &m->facts[i];
        if (fact->step != step || fact->role != role || (store != 0 && fact->store != store)) {
            continue;
        }
        bool is_after = found != NULL && (fact->time.ns > found->time.ns ||
                                          (fact->time.ns == found->time.ns && fact->n > found->n));
        if (found == NULL || is_after == latest) {
            found = fact;
        }
    }
    return found;
}

static bool model_is_fan_out(const struct model *m, size_t step)
{
    return m->workflow->steps[step].each == TW_EACH_STORE && m->expected > 0;
}

static const struct tw_fact *model_done(const struct model *m, size_t step)
{
    if (!model_is_fan_out(m, step)) {
        return model_find(m, step, TW_FACT_DONE, 0, false);
    }
    const struct tw_fact *last = NULL;
    for (uint32_t store = 1; store <= m->expected; store++) {
        const struct tw_fact *fact = model_find(m, step, TW_FACT_DONE, store, false);
        if (fact == NULL) {
            return NULL;
        }
        if (last == NULL || fact->time.ns > last->time.ns ||
            (fact->time.ns == last->time.ns && fact->n > last->n)) {
            last = fact;
        }
    }
    return last;
}

static bool model_failed(const struct model *m, size_t step)
{
    if (model_done(m, step) != NULL) {
        return false;
    }
    for (size_t i = 0; i < m->count; i++) {
        const struct tw_fact *fact = &m->facts[i];
        if (fact->step != step || fact->role != TW_FACT_FAILED) {
            continue;
        }
        bool is_store = fact->store > 0 && fact->store <= m->expected;
        if (!model_is_fan_out(m, step) || !is_store ||
            model_find(m, step, TW_FACT_DONE, fact->store, false) == NULL) {
            return true;
        }
    }
    return false;
}

static bool model_started(const struct model *m)
{
    for (size_t i = 0; i < m->workflow->step_count; i++) {
        if (m->workflow->steps[i].after == 0 &&
            (model_find(m, i, TW_FACT_DONE, 0, false) != NULL ||
             model_find(m, i, TW_FACT_FAILED, 0, false) != NULL)) {
            return true;
        }
    }
    return false;
}

static bool model_covered(const struct model *m, size_t step)
{
    for (size_t i = 0; i < m->workflow->step_count; i++) {
        if ((i == step || m->before[i][step]) &&
            model_find(m, i, TW_FACT_COMPENSATION, 0, false) != NULL) {
            return true;
        }
    }
    return false;
}

static bool model_applies(const struct model *m, size_t step)
{
    if (m->workflow->steps[step].when == NULL || !model_started(m)) {
        return true;
    }
    for (size_t i = 0; i < m->count; i++) {
        const struct tw_fact *fact = &m->facts[i];
        if (m->workflow->steps[fact->step].after == 0 && fact->role <= TW_FACT_FAILED &&
            (fact->present >> step & 1) != 0) {
            return true;
        }
    }
    return false;
}

/* Skipped before the end of the run is looked at. */
static bool model_skipped(const struct model *m, size_t step)
{
    if (model_done(m, step) != NULL) {
        return false;
    }
    for (size_t i = 0; i < m->workflow->step_count; i++) {
        if (m->before[step][i] && model_done(m, i) != NULL) {
            return true;
        }
    }
    return !model_failed(m, step) && (model_covered(m, step) || !model_applies(m, step));
}

/* From when what comes after the step counts: false: not yet. *ret_from INT64_MIN: it says
 * nothing. */
static bool model_from(const struct model *m, size_t step, int64_t *ret_from);

static bool model_since(const struct model *m, size_t step, int64_t *ret_since)
{
    *ret_since = INT64_MIN;
    for (size_t i = 0; i < step; i++) {
        int64_t from = INT64_MIN;
        if ((m->workflow->steps[step].after >> i & 1) != 0 && !model_from(m, i, &from)) {
            return false;
        }
        *ret_since = from > *ret_since ? from : *ret_since;
    }
    return true;
}

static bool model_from(const struct model *m, size_t step, int64_t *ret_from)
{
    const struct tw_fact *done = model_done(m, step);
    if (done != NULL) {
        *ret_from = done->time.ns;
        return true;
    }
    return (model_skipped(m, step) || m->workflow->steps[step].is_optional) &&
           model_since(m, step, ret_from);
}

static bool model_is_over(const struct model *m)
{
    for (size_t i = 0; i < m->workflow->step_count; i++) {
        bool is_bad = model_failed(m, i) && !model_skipped(m, i);
        bool is_covered = model_covered(m, i);
        if (is_bad ? !is_covered
                   : model_done(m, i) == NULL && !model_skipped(m, i) &&
                         !m->workflow->steps[i].is_optional) {
            return false;
        }
    }
    return model_started(m);
}

static uint32_t model_answered(const struct model *m, size_t step)
{
    uint32_t answered = 0;
    for (uint32_t store = 1; model_is_fan_out(m, step) && store <= m->expected; store++) {
        answered += model_find(m, step, TW_FACT_DONE, store, false) != NULL ? 1 : 0;
    }
    return answered;
}

static void model_step(const struct model *m, size_t i, struct tw_step_status *status)
{
    const struct tw_fact *done = model_done(m, i);
    const struct tw_fact *failed = model_find(m, i, TW_FACT_FAILED, 0, true);
    const struct tw_fact *compensated = model_find(m, i, TW_FACT_COMPENSATION, 0, false);
    bool is_bad = model_failed(m, i);
    *status = (struct tw_step_status){.is_compensated = compensated != NULL,
                                      .attempts = done != NULL ? 1 : 0,
                                      .failed_event = failed != NULL ? failed->n : 0,
                                      .cause = failed != NULL ? failed->cause : TW_CAUSE_NONE,
                                      .event = compensated != NULL ? compensated->n : 0,
                                      .answered = model_answered(m, i)};
    for (size_t k = 0; k < m->count; k++) {
        status->attempts += m->facts[k].step == i && (m->facts[k].role == TW_FACT_FAILED ||
                                                      m->facts[k].role == TW_FACT_RETRYING)
                                ? 1
                                : 0;
    }
    int64_t since = INT64_MIN;
    if (model_started(m) && model_since(m, i, &since) && since != INT64_MIN) {
        status->is_ready = true;
        status->since.ns = since;
        status->due.ns =
            m->workflow->steps[i].within_ns > 0 ? since + m->workflow->steps[i].within_ns : 0;
    }
    if (done != NULL) {
        status->state = TW_STEP_DONE;
        status->event = done->n;
        status->time = done->time;
        status->is_late = status->due.ns != 0 && done->time.ns > status->due.ns;
        status->has_recovered = failed != NULL;
    } else if (model_skipped(m, i) || (!is_bad && model_is_over(m))) {
        status->state = TW_STEP_SKIPPED;
        status->has_recovered = failed != NULL && model_skipped(m, i);
    } else if (is_bad && failed != NULL) {
        status->state = TW_STEP_FAILED;
        status->event = failed->n;
        status->time = failed->time;
    } else if (status->due.ns != 0 && m->watermark >= status->due.ns &&
               !m->workflow->steps[i].is_optional) {
        status->state = TW_STEP_OVERDUE;
    }
}

static enum tw_run_state model_judge(const struct model *m, struct tw_step_status *statuses)
{
    bool has_compensation = false;
    bool has_trouble = false;
    bool has_failed = false;
    bool has_overdue = false;
    for (size_t i = 0; i < m->workflow->step_count; i++) {
        model_step(m, i, &statuses[i]);
        has_compensation = has_compensation || statuses[i].is_compensated;
        has_trouble = has_trouble || statuses[i].is_late ||
                      model_find(m, i, TW_FACT_FAILED, 0, false) != NULL;
        has_failed = has_failed || (statuses[i].state == TW_STEP_FAILED && !model_covered(m, i));
        has_overdue = has_overdue || statuses[i].state == TW_STEP_OVERDUE;
    }
    if (model_is_over(m)) {
        return has_compensation ? TW_RUN_IS_COMPENSATED
                                : (has_trouble ? TW_RUN_IS_RECOVERED : TW_RUN_IS_COMPLETED);
    }
    if (!model_started(m)) {
        return TW_RUN_IS_RUNNING;
    }
    return has_failed ? TW_RUN_IS_FAILED : (has_overdue ? TW_RUN_IS_OVERDUE : TW_RUN_IS_RUNNING);
}

static void random_workflow(struct flow *flow)
{
    static char attribute[] = "loyaltyid";
    size_t steps = 1 + random_below(random_below(4) == 0 ? TW_WF_STEPS_MAX : 6);
    for (size_t i = 0; i < steps; i++) {
        uint32_t after = 0;
        for (size_t k = 0; i > 0 && k < 1 + random_below(3); k++) {
            after |= UINT32_C(1) << random_below((uint32_t)i);
        }
        struct tw_wf_step *step =
            add_step(flow, random_below(8) == 0 ? 0 : after, random_below(4) * 10);
        step->is_optional = random_below(5) == 0;
        step->when = random_below(6) == 0 ? attribute : NULL;
        step->each = random_below(5) == 0 ? TW_EACH_STORE : TW_EACH_ONCE;
    }
}

/* Mostly what would happen, at times that often meet; and some of everything. */
static size_t random_facts(const struct flow *flow, struct tw_fact *facts)
{
    static const uint8_t roles[] = {TW_FACT_DONE,   TW_FACT_DONE,     TW_FACT_DONE,
                                    TW_FACT_DONE,   TW_FACT_FAILED,   TW_FACT_FAILED,
                                    TW_FACT_DONE,   TW_FACT_RETRYING, TW_FACT_DONE,
                                    TW_FACT_FAILED, TW_FACT_DONE,     TW_FACT_COMPENSATION};
    size_t count = random_below(FACTS_MAX + 1);
    uint32_t kinds = random_below(3) == 0 ? 12 : 11; /* most runs have no compensation */
    for (size_t i = 0; i < count; i++) {
        facts[i] =
            (struct tw_fact){.n = i + 1,
                             .time = {(100 + random_below(60)) * SECOND},
                             .step = (uint8_t)random_below((uint32_t)flow->workflow.step_count),
                             .role = roles[random_below(kinds)],
                             .cause = (uint8_t)random_below(TW_CAUSE_COUNT),
                             .store = random_below(5),
                             .present = random_below(4) == 0 ? (uint32_t)random_state : 0};
    }
    return count;
}

static void close_ways(struct model *model)
{
    size_t count = model->workflow->step_count;
    for (size_t b = 0; b < count; b++) {
        for (size_t a = 0; a < b; a++) {
            model->before[a][b] = (model->workflow->steps[b].after >> a & 1) != 0;
        }
    }
    for (size_t over = 0; over < count; over++) {
        for (size_t a = 0; a < count; a++) {
            for (size_t b = 0; b < count; b++) {
                model->before[a][b] =
                    model->before[a][b] || (model->before[a][over] && model->before[over][b]);
            }
        }
    }
}

static void check_status(const struct tw_step_status *status, const struct tw_step_status *expected)
{
    assert_int_equal(status->state, expected->state);
    assert_int_equal(status->is_ready, expected->is_ready);
    assert_int_equal(status->is_late, expected->is_late);
    assert_int_equal(status->has_recovered, expected->has_recovered);
    assert_int_equal(status->is_compensated, expected->is_compensated);
    assert_int_equal(status->attempts, expected->attempts);
    assert_int_equal(status->event, expected->event);
    assert_int_equal(status->failed_event, expected->failed_event);
    assert_int_equal(status->cause, expected->cause);
    assert_int_equal(status->time.ns, expected->time.ns);
    assert_int_equal(status->since.ns, expected->since.ns);
    assert_int_equal(status->due.ns, expected->due.ns);
    assert_int_equal(status->answered, expected->answered);
}

/* Fold in a random order; whole statuses must be those of the model at every watermark. */
static void check_order(struct flow *flow, struct model *model, struct tw_fact *facts,
                        uint64_t *states)
{
    for (size_t i = model->count; i > 1; i--) {
        size_t k = random_below((uint32_t)i);
        struct tw_fact swap = facts[i - 1];
        facts[i - 1] = facts[k];
        facts[k] = swap;
    }
    begin(flow, model->expected);
    for (size_t i = 0; i < model->count; i++) {
        assert_int_equal(tw_run_fold(flow->run, &facts[i]), TW_OK);
    }
    static const int64_t watermarks[] = {0, 105, 110, 120, 130, 145, 1000};
    for (size_t w = 0; w < sizeof watermarks / sizeof *watermarks; w++) {
        struct tw_step_status expected[TW_WF_STEPS_MAX] = {0};
        model->watermark = watermarks[w] * SECOND;
        enum tw_run_state state = model_judge(model, expected);
        assert_int_equal(tw_run_judge(flow->run, (tw_wall_t){model->watermark}, flow->statuses),
                         state);
        for (size_t i = 0; i < flow->workflow.step_count; i++) {
            check_status(&flow->statuses[i], &expected[i]);
        }
        states[state]++;
    }
    tw_run_fini(flow->run);
    free(flow->run);
    flow->run = NULL;
}

static void run__any_order_of_any_facts__is_what_the_set_comes_to(void **state)
{
    (void)state;
    uint64_t states[TW_RUN_IS_COMPENSATED + 1] = {0};
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        static struct tw_fact facts[FACTS_MAX];
        struct flow flow = {0};
        random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        random_workflow(&flow);
        flow.workflow.steps = flow.steps;
        struct model model = {.workflow = &flow.workflow,
                              .expected = random_below(4),
                              .facts = facts,
                              .count = random_facts(&flow, facts)};
        close_ways(&model);
        for (int order = 0; order < ORDERS; order++) {
            check_order(&flow, &model, facts, states);
        }
    }
    /* the property is worth nothing if it never met one of them */
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        assert_true(states[i] > RUNS / 10);
    }
}

/* ---- memory --------------------------------------------------------------------------------- */

static bool calloc_fails;
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return calloc_fails ? NULL : __real_calloc(count, size);
}

static void run_fold__no_memory_for_answers__says_so_and_changes_nothing(void **state)
{
    struct flow *flow = fan_out(state, 3);
    struct tw_fact fact = {.n = 9, .step = 1, .role = TW_FACT_FAILED, .store = 2};
    calloc_fails = true;
    int rc = tw_run_fold(flow->run, &fact);
    calloc_fails = false;
    assert_int_equal(rc, TW_ENOMEM);
    check(flow, 110, "DW", TW_RUN_IS_RUNNING);
    assert_int_equal(flow->statuses[1].attempts, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_flow, close_flow)

int main(void)
{
    const struct CMUnitTest cases[] = {
        CASE(run__no_fact__is_running_and_waits_for_nothing),
        CASE(run__all_done_in_time__completed),
        CASE(run__watermark_reaches_due__overdue),
        CASE(run__done_after_due__is_late_and_recovered),
        CASE(run__step_without_deadline__is_never_overdue),
        CASE(run__deadline_past_the_end_of_time__is_the_end_of_time),
        CASE(run__repeated_done__earliest_counts),
        CASE(run__several_after__waits_from_the_latest),
        CASE(run__later_step_done__earlier_is_skipped),
        CASE(run__failed_step_behind_which_another_is_done__is_skipped_and_recovered),
        CASE(run__when_is_absent_from_the_start__is_skipped),
        CASE(run__when_is_absent_but_the_step_came__counts),
        CASE(run__present_of_another_step_than_the_start__says_nothing),
        CASE(run__optional_at_the_end__is_skipped),
        CASE(run__optional_that_failed__fails_the_run),
        CASE(run__step_after_an_optional_one__does_not_wait_for_it),
        CASE(run__failure_before_success__is_recovered),
        CASE(run__failure_after_success__is_recovered_too),
        CASE(run__several_failures__the_latest_tells),
        CASE(run__retrying__is_an_attempt_and_keeps_waiting),
        CASE(run__retrying_after_a_failure__stays_failed),
        CASE(run__compensated_step__nobody_waits_behind_it),
        CASE(run__failed_then_compensated__is_compensated),
        CASE(run__compensation_beside_a_failure__stays_failed),
        CASE(run__done_and_compensated__keeps_done),
        CASE(run__start_not_seen__is_running_and_never_overdue),
        CASE(run__start_failed__has_started_and_failed),
        CASE(run__one_of_two_starts__the_other_waits_without_deadline),
        CASE(run__fan_out__is_done_when_every_store_has_answered),
        CASE(run__fan_out__strangers_are_no_answers),
        CASE(run__fan_out__fails_while_a_store_that_failed_has_not_answered),
        CASE(run__fan_out_with_no_store_expected__is_a_step_like_others),
        CASE(run__fan_out_behind_which_a_step_is_done__is_skipped),
        CASE(run__steps_max__all_are_judged),
        cmocka_unit_test(run__any_order_of_any_facts__is_what_the_set_comes_to),
        CASE(run_fold__no_memory_for_answers__says_so_and_changes_nothing),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
