/* SPDX-License-Identifier: Apache-2.0
 * track/run: a property. Whatever the order of the facts, a run is judged as a naive model judges
 * the set. The rules by name: test_track_run.c. */
#include "config.h"
#include "run_kit.h"

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
    if (has_failed) {
        return TW_RUN_IS_FAILED;
    }
    return model_started(m) && has_overdue ? TW_RUN_IS_OVERDUE : TW_RUN_IS_RUNNING;
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
            flow_add_step(flow, random_below(8) == 0 ? 0 : after, random_below(4) * 10);
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
    flow_begin(flow, model->expected);
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
    flow_end(flow);
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

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(run__any_order_of_any_facts__is_what_the_set_comes_to),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
