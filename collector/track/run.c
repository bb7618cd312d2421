/* SPDX-License-Identifier: Apache-2.0
 * Of each step only what does not depend on order is kept: the earliest of this, the latest of
 * that, how many. Judging reads it in three passes over the steps: what was seen (backwards, since
 * a step that is done explains those before it), what each waits for (forwards), what is left at
 * the end.
 */
#include "config.h"
#include "track/run.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"

/* When, and by which event; the order of facts is by time, then n. n 0: never. */
struct moment {
    int64_t ns;
    uint64_t n;
};

/* Of one expected store of a fan-out step. */
struct answer {
    struct moment done;
    bool has_failed;
};

struct step {
    struct moment done;         /* earliest, of any store */
    struct moment failed;       /* latest */
    struct moment first_failed; /* earliest */
    struct moment compensated;  /* earliest */
    struct answer *answers;     /* owned; fan-out: [expected] from its first fact on */
    uint32_t answered;          /* fan-out: expected stores */
    uint32_t unanswered;        /* fan-out: expected stores that failed and have not answered */
    uint32_t failures;
    uint32_t retries;
    uint16_t causes;          /* set of enum tw_cause, of all failures */
    uint8_t cause;            /* enum tw_cause, of `failed` */
    bool has_stranger_failed; /* fan-out: a failure that names none of the expected stores */
};

struct tw_run {
    const struct tw_workflow *workflow;
    uint32_t expected;
    uint32_t present; /* of all start events */
    struct step steps[];
};

/* What a judgement works on. Sets of steps: bit i is step i. */
struct judgement {
    const struct tw_run *run;
    int64_t watermark;
    struct tw_step_status *statuses;
    bool has_started;
    uint32_t failed_ever;
    uint32_t compensated;
    uint32_t done;
    uint32_t failed;  /* and not done */
    uint32_t implied; /* a step behind is done */
    uint32_t covered; /* compensated, or behind such a step */
    uint32_t skipped;
    uint32_t late;
    uint32_t overdue;
    /* What comes after the step waits from `from`: done, or passed through. */
    uint32_t open; /* steps that hold up what is behind them */
    uint32_t has_from;
    int64_t from[TW_WF_STEPS_MAX]; /* last: it is not cleared */
};

_Static_assert(TW_CAUSE_COUNT <= 16, "a set of causes has 16 bits");

static uint32_t bit(size_t step)
{
    return UINT32_C(1) << step;
}

static bool is_before(struct moment a, struct moment b)
{
    return a.ns != b.ns ? a.ns < b.ns : a.n < b.n;
}

static void take_earlier(struct moment *self, struct moment other)
{
    if (self->n == 0 || is_before(other, *self)) {
        *self = other;
    }
}

static bool is_fan_out(const struct tw_run *self, size_t step)
{
    return self->workflow->steps[step].each == TW_EACH_STORE && self->expected > 0;
}

size_t tw_run_bytes(const struct tw_workflow *workflow)
{
    return sizeof(struct tw_run) + workflow->step_count * sizeof(struct step);
}

void tw_run_begin(struct tw_run *self, const struct tw_workflow *workflow, uint32_t expected)
{
    self->workflow = workflow;
    self->expected = expected;
}

void tw_run_fini(struct tw_run *self)
{
    for (size_t i = 0; i < self->workflow->step_count; i++) {
        free(self->steps[i].answers);
        self->steps[i].answers = NULL;
    }
}

/* A fact of a fan-out step that names a store. */
static int fold_answer(struct tw_run *self, struct step *step, const struct tw_fact *fact)
{
    if (step->answers == NULL) {
        step->answers = calloc(self->expected, sizeof *step->answers);
        if (step->answers == NULL) {
            return TW_ENOMEM;
        }
    }
    struct answer *answer = &step->answers[fact->store - 1];
    bool was_done = answer->done.n != 0;
    if (fact->role != TW_FACT_DONE) {
        step->unanswered += !was_done && !answer->has_failed ? 1 : 0;
        answer->has_failed = true;
        return TW_OK;
    }
    take_earlier(&answer->done, (struct moment){fact->time.ns, fact->n});
    if (!was_done) {
        step->answered++;
        step->unanswered -= answer->has_failed ? 1 : 0;
    }
    return TW_OK;
}

static void fold_failure(struct step *step, const struct tw_fact *fact)
{
    struct moment at = {fact->time.ns, fact->n};
    step->failures++;
    step->causes |=
        (uint16_t)(1U << (fact->cause == TW_CAUSE_NONE ? TW_CAUSE_UNKNOWN : fact->cause));
    take_earlier(&step->first_failed, at);
    if (step->failed.n == 0 || is_before(step->failed, at)) {
        step->failed = at;
        step->cause = fact->cause;
    }
}

int tw_run_fold(struct tw_run *self, const struct tw_fact *fact)
{
    TW_ASSERT(fact->step < self->workflow->step_count && fact->n != 0);
    struct step *step = &self->steps[fact->step];
    bool is_done = fact->role == TW_FACT_DONE;
    bool is_failure = fact->role == TW_FACT_FAILED;
    if (is_fan_out(self, fact->step) && (is_done || is_failure)) {
        bool is_expected = fact->store > 0 && fact->store <= self->expected;
        int err = is_expected ? fold_answer(self, step, fact) : TW_OK;
        if (err != TW_OK) {
            return err;
        }
        step->has_stranger_failed = step->has_stranger_failed || (is_failure && !is_expected);
    }
    if (is_done) {
        take_earlier(&step->done, (struct moment){fact->time.ns, fact->n});
    } else if (is_failure) {
        fold_failure(step, fact);
    } else if (fact->role == TW_FACT_RETRYING) {
        step->retries++;
    } else if (fact->role == TW_FACT_COMPENSATION) {
        take_earlier(&step->compensated, (struct moment){fact->time.ns, fact->n});
    }
    if ((self->workflow->starts & bit(fact->step)) != 0 && (is_done || is_failure)) {
        self->present |= fact->present;
    }
    return TW_OK;
}

/* ---- judging -------------------------------------------------------------------------------- */

/* When a step was done; n 0: it is not. */
static struct moment done_at(const struct tw_run *self, size_t index)
{
    const struct step *step = &self->steps[index];
    if (!is_fan_out(self, index)) {
        return step->done;
    }
    struct moment last = {0};
    if (step->answered < self->expected) {
        return last;
    }
    for (uint32_t i = 0; i < self->expected; i++) {
        if (last.n == 0 || is_before(last, step->answers[i].done)) {
            last = step->answers[i].done;
        }
    }
    return last;
}

/* What was seen of one step, whatever the others are. */
static void see_step(struct judgement *j, size_t i)
{
    const struct step *step = &j->run->steps[i];
    struct tw_step_status *status = &j->statuses[i];
    struct moment done = done_at(j->run, i);
    bool has_failed = is_fan_out(j->run, i) ? step->unanswered > 0 || step->has_stranger_failed
                                            : step->failures > 0;
    j->failed_ever |= step->failures > 0 ? bit(i) : 0;
    j->compensated |= step->compensated.n != 0 ? bit(i) : 0;
    *status = (struct tw_step_status){.state = TW_STEP_WAITING,
                                      .is_compensated = step->compensated.n != 0,
                                      .attempts = step->failures + step->retries,
                                      .failed_event = step->failed.n,
                                      .cause = (enum tw_cause)step->cause,
                                      .causes = step->causes,
                                      .event = step->compensated.n,
                                      .answered = step->answered};
    if (done.n != 0) {
        j->done |= bit(i);
        status->state = TW_STEP_DONE;
        status->attempts++;
        status->event = done.n;
        status->time.ns = done.ns;
    } else if (has_failed) {
        j->failed |= bit(i);
        status->state = TW_STEP_FAILED;
        status->event = step->failed.n;
        status->time.ns = step->failed.ns;
    }
}

static void see_steps(struct judgement *j)
{
    const struct tw_workflow *workflow = j->run->workflow;
    for (size_t i = workflow->step_count; i-- > 0;) {
        see_step(j, i);
        if (((j->done | j->implied) & bit(i)) != 0) {
            j->implied |= workflow->steps[i].after;
        }
    }
    for (size_t i = 0; i < workflow->step_count && j->compensated != 0; i++) {
        if (((j->compensated & bit(i)) | (workflow->steps[i].after & j->covered)) != 0) {
            j->covered |= bit(i);
        }
    }
}

static bool does_not_apply(const struct judgement *j, size_t i)
{
    return j->run->workflow->steps[i].when != NULL && j->has_started &&
           (j->run->present & bit(i)) == 0;
}

static void skip(struct judgement *j, size_t i)
{
    struct tw_step_status *status = &j->statuses[i];
    j->skipped |= bit(i);
    j->failed &= ~bit(i);
    status->state = TW_STEP_SKIPPED;
    status->time.ns = 0;
    status->event = status->is_compensated ? j->run->steps[i].compensated.n : 0;
}

/* Since when the step could be done, from those before it; and until when it should be. */
static void find_due(struct judgement *j, size_t i)
{
    const struct tw_wf_step *step = &j->run->workflow->steps[i];
    struct tw_step_status *status = &j->statuses[i];
    bool has_from = false;
    int64_t from = 0;
    for (uint32_t left = step->after & j->has_from; left != 0; left &= left - 1) {
        unsigned before = (unsigned)__builtin_ctz(left);
        if (!has_from || j->from[before] > from) {
            has_from = true;
            from = j->from[before];
        }
    }
    if (has_from) {
        j->has_from |= bit(i);
        j->from[i] = from;
    }
    if (has_from && (step->after & j->open) == 0) {
        status->is_ready = true;
        status->since.ns = from;
        if (step->within_ns > 0) {
            status->due.ns =
                from > INT64_MAX - step->within_ns ? INT64_MAX : from + step->within_ns;
        }
    }
}

/* One step, those before it being settled. */
static void settle_step(struct judgement *j, size_t i)
{
    const struct tw_wf_step *step = &j->run->workflow->steps[i];
    struct tw_step_status *status = &j->statuses[i];
    find_due(j, i);
    if (status->state == TW_STEP_DONE) {
        j->from[i] = status->time.ns;
        j->has_from |= bit(i);
        status->is_late = status->due.ns != 0 && status->time.ns > status->due.ns;
        j->late |= status->is_late ? bit(i) : 0;
        return;
    }
    bool is_silent = status->state == TW_STEP_WAITING;
    j->open |= (step->after & j->open) != 0 ? bit(i) : 0;
    if ((j->implied & bit(i)) != 0 ||
        (is_silent && ((j->covered & bit(i)) != 0 || does_not_apply(j, i)))) {
        skip(j, i);
        return;
    }
    if (!step->is_optional) {
        j->open |= bit(i);
        if (is_silent && status->due.ns != 0 && j->watermark >= status->due.ns) {
            status->state = TW_STEP_OVERDUE;
            j->overdue |= bit(i);
        }
    }
}

/* The end of the run: optional steps that have not come are not coming. */
static enum tw_run_state settle_run(struct judgement *j)
{
    const struct tw_run *run = j->run;
    uint32_t all = run->workflow->step_count == TW_WF_STEPS_MAX
                       ? UINT32_MAX
                       : bit(run->workflow->step_count) - 1;
    uint32_t optional = 0;
    for (size_t i = 0; i < run->workflow->step_count; i++) {
        optional |= run->workflow->steps[i].is_optional ? bit(i) : 0;
    }
    uint32_t failed = j->failed & ~j->covered;
    uint32_t settled = j->done | j->skipped | (j->failed & j->covered);
    bool is_over = j->has_started && failed == 0 && (all & ~settled & ~optional) == 0;
    for (uint32_t left = is_over ? all & ~settled : 0; left != 0; left &= left - 1) {
        skip(j, (size_t)__builtin_ctz(left));
    }
    uint32_t recovered = j->failed_ever & (j->done | j->skipped);
    for (; recovered != 0; recovered &= recovered - 1) {
        j->statuses[__builtin_ctz(recovered)].has_recovered = true;
    }
    if (is_over && j->compensated != 0) {
        return TW_RUN_IS_COMPENSATED;
    }
    if (is_over) {
        return (j->failed_ever | j->late) != 0 ? TW_RUN_IS_RECOVERED : TW_RUN_IS_COMPLETED;
    }
    if (failed != 0) {
        return TW_RUN_IS_FAILED;
    }
    return j->has_started && j->overdue != 0 ? TW_RUN_IS_OVERDUE : TW_RUN_IS_RUNNING;
}

/* Nothing waits in a run whose start was not seen. */
static void forget_deadlines(struct judgement *j)
{
    for (size_t i = 0; i < j->run->workflow->step_count; i++) {
        struct tw_step_status *status = &j->statuses[i];
        status->is_ready = false;
        status->is_late = false;
        status->since.ns = 0;
        status->due.ns = 0;
        if (status->state == TW_STEP_OVERDUE) {
            status->state = TW_STEP_WAITING;
        }
    }
}

enum tw_run_state tw_run_judge(const struct tw_run *self, tw_wall_t watermark,
                               struct tw_step_status *statuses)
{
    struct judgement j;
    memset(&j, 0, offsetof(struct judgement, from));
    j.run = self;
    j.watermark = watermark.ns;
    j.statuses = statuses;
    j.has_started = tw_run_has_started(self);
    see_steps(&j);
    for (size_t i = 0; i < self->workflow->step_count; i++) {
        settle_step(&j, i);
    }
    enum tw_run_state state = settle_run(&j);
    if (!j.has_started) {
        forget_deadlines(&j);
    }
    return state;
}

tw_wall_t tw_run_started(const struct tw_run *self)
{
    struct moment done = {0};
    struct moment failed = {0};
    for (uint32_t left = self->workflow->starts; left != 0; left &= left - 1) {
        const struct step *step = &self->steps[__builtin_ctz(left)];
        if (step->done.n != 0) {
            take_earlier(&done, step->done);
        }
        if (step->first_failed.n != 0) {
            take_earlier(&failed, step->first_failed);
        }
    }
    return (tw_wall_t){done.n != 0 ? done.ns : failed.ns};
}

bool tw_run_has_started(const struct tw_run *self)
{
    for (uint32_t left = self->workflow->starts; left != 0; left &= left - 1) {
        const struct step *step = &self->steps[__builtin_ctz(left)];
        if (step->done.n != 0 || step->failures > 0) {
            return true;
        }
    }
    return false;
}

tw_wall_t tw_run_finished(const struct tw_run *self, enum tw_run_state state)
{
    int64_t latest = 0;
    if (state != TW_RUN_IS_COMPLETED && state != TW_RUN_IS_RECOVERED &&
        state != TW_RUN_IS_COMPENSATED) {
        return (tw_wall_t){0};
    }
    bool is_known = false;
    for (size_t i = 0; i < self->workflow->step_count; i++) {
        const struct moment ends[] = {done_at(self, i), self->steps[i].compensated};
        for (size_t k = 0; k < 2; k++) {
            if (ends[k].n != 0 && (!is_known || ends[k].ns > latest)) {
                is_known = true;
                latest = ends[k].ns;
            }
        }
    }
    return (tw_wall_t){latest};
}

bool tw_run_has_answered(const struct tw_run *self, size_t step, uint32_t store)
{
    TW_ASSERT(step < self->workflow->step_count && store > 0 && store <= self->expected);
    return self->steps[step].answers != NULL && self->steps[step].answers[store - 1].done.n != 0;
}
