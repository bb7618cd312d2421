/* SPDX-License-Identifier: Apache-2.0
 * track/run: each rule of its header by name. Any order of any facts: test_track_run_model.c. */
#include "config.h"
#include "run_kit.h"

#define NEVER INT64_MIN /* a watermark that nothing has reached */

static int open_flow(void **state)
{
    *state = calloc(1, sizeof(struct flow));
    return *state == NULL;
}

static int close_flow(void **state)
{
    struct flow *flow = *state;
    flow_end(flow);
    free(flow);
    return 0;
}

/* Three steps, one after the other, due 10 and 20 s after what comes before. */
static struct flow *chain(void **state)
{
    struct flow *flow = *state;
    (void)flow_add_step(flow, 0, 0);
    (void)flow_add_step(flow, 1, 10);
    (void)flow_add_step(flow, 2, 20);
    flow_begin(flow, 0);
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
    (void)flow_add_step(flow, 0, 0);
    (void)flow_add_step(flow, 1, 0);
    flow_begin(flow, 0);
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
    (void)flow_add_step(flow, 0, 0);
    (void)flow_add_step(flow, 1, 50);
    (void)flow_add_step(flow, 1, 50);
    (void)flow_add_step(flow, 2 | 4, 10);
    flow_begin(flow, 0);
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
    (void)flow_add_step(flow, 0, 0);
    flow_add_step(flow, 1, 10)->when = attribute;
    (void)flow_add_step(flow, 2, 10);
    flow_begin(flow, 0);
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
    (void)flow_add_step(flow, 0, 0);
    flow_add_step(flow, 1, 10)->when = attribute;
    flow_begin(flow, 0);
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
    (void)flow_add_step(flow, 0, 0);
    (void)flow_add_step(flow, 1, 10);
    flow_add_step(flow, 1, 10)->when = attribute;
    flow_begin(flow, 0);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    flow->present = 4;
    (void)fold(flow, 1, TW_FACT_DONE, 101);
    check(flow, 1000, "DDS", TW_RUN_IS_COMPLETED);
}

static void run__optional_at_the_end__is_skipped(void **state)
{
    struct flow *flow = *state;
    (void)flow_add_step(flow, 0, 0);
    flow_add_step(flow, 1, 10)->is_optional = true;
    (void)flow_add_step(flow, 1, 20);
    flow_begin(flow, 0);
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
    (void)flow_add_step(flow, 0, 0);
    flow_add_step(flow, 1, 10)->is_optional = true;
    flow_begin(flow, 0);
    (void)fold(flow, 0, TW_FACT_DONE, 100);
    check(flow, 100, "DS", TW_RUN_IS_COMPLETED);
    (void)fold(flow, 1, TW_FACT_FAILED, 101);
    check(flow, 1000, "DF", TW_RUN_IS_FAILED);
}

static void run__step_after_an_optional_one__does_not_wait_for_it(void **state)
{
    struct flow *flow = *state;
    (void)flow_add_step(flow, 0, 0);
    flow_add_step(flow, 1, 10)->is_optional = true;
    (void)flow_add_step(flow, 2, 20);
    flow_begin(flow, 0);
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
    (void)flow_add_step(flow, 0, 0);
    (void)flow_add_step(flow, 1, 10);
    (void)flow_add_step(flow, 1, 10);
    flow_begin(flow, 0);
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

static void run__start_not_seen__is_never_overdue_but_fails(void **state)
{
    struct flow *flow = chain(state);
    (void)fold(flow, 1, TW_FACT_DONE, 100);
    check(flow, 100000, "SDW", TW_RUN_IS_RUNNING);
    assert_false(flow->statuses[2].is_ready);
    assert_int_equal(flow->statuses[2].due.ns, 0);
    (void)fold(flow, 2, TW_FACT_FAILED, 101);
    check(flow, 100000, "SDF", TW_RUN_IS_FAILED);
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
    (void)flow_add_step(flow, 0, 10);
    (void)flow_add_step(flow, 0, 10);
    (void)flow_add_step(flow, 3, 10);
    flow_begin(flow, 0);
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
    (void)flow_add_step(flow, 0, 0);
    flow_add_step(flow, 1, 60)->each = TW_EACH_STORE;
    flow_begin(flow, expected);
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
    (void)flow_add_step(flow, 0, 0);
    flow_add_step(flow, 1, 60)->each = TW_EACH_STORE;
    (void)flow_add_step(flow, 2, 60);
    flow_begin(flow, 2);
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
        (void)flow_add_step(flow, i == 0 ? 0 : UINT32_C(1) << (i - 1), 10);
        letters[i] = 'D';
    }
    flow_begin(flow, 0);
    for (unsigned i = 0; i < TW_WF_STEPS_MAX; i++) {
        (void)fold(flow, TW_WF_STEPS_MAX - 1 - i, TW_FACT_DONE, 200 - i);
    }
    check(flow, 1000, letters, TW_RUN_IS_COMPLETED);
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
        CASE(run__start_not_seen__is_never_overdue_but_fails),
        CASE(run__start_failed__has_started_and_failed),
        CASE(run__one_of_two_starts__the_other_waits_without_deadline),
        CASE(run__fan_out__is_done_when_every_store_has_answered),
        CASE(run__fan_out__strangers_are_no_answers),
        CASE(run__fan_out__fails_while_a_store_that_failed_has_not_answered),
        CASE(run__fan_out_with_no_store_expected__is_a_step_like_others),
        CASE(run__fan_out_behind_which_a_step_is_done__is_skipped),
        CASE(run__steps_max__all_are_judged),
        CASE(run_fold__no_memory_for_answers__says_so_and_changes_nothing),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
