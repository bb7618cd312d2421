/* SPDX-License-Identifier: Apache-2.0
 * What a run says to its objectives: at most one decision each, or that it is undecided. What was
 * said before is written down in the run, so that it is taken back when it changes.
 *  - Completion: good when the run ended, by the last of its deadlines; bad at that deadline when
 * it has not; a step that failed and has no deadline is bad when it failed. Compensated runs say
 *    nothing.
 *  - Latency: good when the step was done within the time, else bad when the time was over.
 *  - Completeness of a fan-out: the stores that answered are good, those that have not at the
 *    deadline are bad until they do.
 *  - Freshness is judged by minutes, not by runs. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "track/internal.h"

#define MINUTE_NS (60 * TW_NS_PER_S)

static uint32_t minute_of(int64_t ns)
{
    return ns <= 0 ? 0 : (uint32_t)(ns / MINUTE_NS);
}

/* --- the books -------------------------------------------------------------------------------- */

int tw_decide(struct tw_tracker *self, uint32_t objective, int64_t minute, int64_t good,
              int64_t bad)
{
    struct tw_objective_stats *stats = &self->objectives[objective];
    tw_budget_advance(stats->budget, (tw_wall_t){self->now_ns});
    int rc = tw_budget_add(stats->budget, (tw_wall_t){minute * MINUTE_NS}, good, bad);
    if (rc == TW_ENOMEM) {
        return rc; /* others: outside of its windows, counted there */
    }
    stats->good_sum.value += good;
    stats->bad_sum.value += bad;
    stats->is_changed = true;
    for (size_t i = self->decision_count, seen = 0; i-- > 0 && seen < 8; seen++) {
        struct tw_pending_decision *row = &self->decisions[i];
        if (row->objective == objective && row->minute == minute) {
            row->good += good;
            row->bad += bad;
            return TW_OK;
        }
    }
    if (self->decision_count == self->decision_capacity) {
        size_t capacity = self->decision_capacity == 0 ? 64 : self->decision_capacity * 2;
        struct tw_pending_decision *decisions =
            realloc(self->decisions, capacity * sizeof *decisions);
        if (decisions == NULL) {
            return TW_ENOMEM;
        }
        self->decisions = decisions;
        self->decision_capacity = capacity;
    }
    self->decisions[self->decision_count++] =
        (struct tw_pending_decision){objective, (uint32_t)minute, good, bad};
    return TW_OK;
}

static int spend(struct tw_tracker *self, const struct tw_pending_spend *spent)
{
    for (size_t i = self->spend_count, seen = 0; i-- > 0 && seen < 16; seen++) {
        struct tw_pending_spend *row = &self->spends[i];
        if (row->objective == spent->objective && row->hour == spent->hour &&
            row->system == spent->system && row->cause == spent->cause &&
            row->store == spent->store) {
            row->bad += spent->bad;
            return TW_OK;
        }
    }
    if (self->spend_count == self->spend_capacity) {
        size_t capacity = self->spend_capacity == 0 ? 64 : self->spend_capacity * 2;
        struct tw_pending_spend *spends = realloc(self->spends, capacity * sizeof *spends);
        if (spends == NULL) {
            return TW_ENOMEM;
        }
        self->spends = spends;
        self->spend_capacity = capacity;
    }
    self->spends[self->spend_count++] = *spent;
    return TW_OK;
}

/* Put a contribution into the books, or take it out again (sign -1). */
static int book(struct tw_tracker *self, const struct tw_open_run *run, uint32_t objective,
                const struct tw_contribution *what, int64_t sign)
{
    struct tw_objective_stats *stats = &self->objectives[objective];
    int rc = TW_OK;
    if (what->state == TW_UNDECIDED) {
        stats->undecided += sign;
        stats->is_changed = true;
    } else if (what->state == TW_EXCLUDED) {
        stats->excluded += sign;
        stats->is_changed = true;
    } else if (what->state == TW_DECIDED) {
        rc = tw_decide(self, objective, what->minute, sign * what->good, sign * what->bad);
        if (rc == TW_OK && what->bad > 0) {
            const struct tw_pending_spend spent = {
                .objective = objective,
                .hour = what->minute / 60,
                .system = self->flows[run->version].steps[what->step].system,
                .cause = what->cause,
                /* What a fan-out lacks is not the fault of the store that answered first. */
                .store = self->flows[run->version].is_fan_out ? 0 : run->store,
                .bad = sign * what->bad,
            };
            rc = spend(self, &spent);
        }
    }
    return rc;
}

/* --- maintenance ------------------------------------------------------------------------------ */

static bool is_maintained(const struct tw_tracker *self, const char *workflow, const char *system,
                          tw_wall_t at)
{
    for (size_t i = 0; i < self->window_count; i++) {
        const struct tw_window *window = &self->windows[i];
        if (tw_maintenance_applies(window->definition, workflow, system) &&
            tw_maintenance_covers(window->definition, window->zone, at, NULL)) {
            return true;
        }
    }
    return false;
}

/* --- what a run says -------------------------------------------------------------------------- */

static void say(struct tw_contribution *what, uint32_t good, uint32_t bad, int64_t at_ns)
{
    what->state = TW_DECIDED;
    what->good = good;
    what->bad = bad;
    what->minute = minute_of(at_ns);
}

static void blame(struct tw_contribution *what, const struct tw_step_status *statuses, size_t step)
{
    what->step = (uint8_t)step;
    what->cause =
        (uint8_t)(statuses[step].failed_event != 0 ? statuses[step].cause : TW_CAUSE_MISSING);
}

/* The run has ended: by the last of its deadlines? */
static void say_ended(const struct tw_workflow *workflow, const struct tw_verdict_of_run *of,
                      struct tw_contribution *what)
{
    int64_t last_ns = 0;
    size_t worst = 0;
    bool has_worst = false;
    for (size_t i = 0; i < workflow->step_count; i++) {
        const struct tw_step_status *status = &of->statuses[i];
        if (status->state != TW_STEP_DONE) {
            continue;
        }
        last_ns = status->due.ns > last_ns ? status->due.ns : last_ns;
        if (!has_worst && status->is_late) {
            worst = i;
            has_worst = true;
        }
    }
    if (last_ns != 0 && of->finished.ns > last_ns) {
        say(what, 0, 1, last_ns);
        blame(what, of->statuses, worst);
    } else {
        say(what, 1, 0, of->finished.ns);
    }
}

static void say_completion(const struct tw_workflow *workflow, const struct tw_open_run *run,
                           const struct tw_verdict_of_run *of, struct tw_contribution *what)
{
    if (of->state == TW_RUN_IS_COMPLETED || of->state == TW_RUN_IS_RECOVERED) {
        say_ended(workflow, of, what);
        return;
    }
    if (of->state == TW_RUN_IS_COMPENSATED) {
        return;
    }
    what->state = TW_UNDECIDED;
    bool is_lost = false;
    int64_t at_ns = 0;
    size_t step = 0;
    for (size_t i = 0; i < workflow->step_count; i++) {
        const struct tw_step_status *status = &of->statuses[i];
        enum tw_waits waits = tw_run_waits(run, i);
        if (waits == TW_WAITS_FAILED || (waits == TW_WAITS_IN_TIME && status->due.ns != 0)) {
            return; /* a deadline is ahead */
        }
        if (waits == TW_WAITS_OVERDUE || waits == TW_WAITS_LOST) {
            int64_t ns = status->due.ns != 0 ? status->due.ns : status->time.ns;
            if (!is_lost || ns > at_ns) {
                is_lost = true;
                at_ns = ns;
                step = i;
            }
        }
    }
    if (is_lost) {
        say(what, 0, 1, at_ns);
        blame(what, of->statuses, step);
    }
}

static void say_latency(const struct tw_wf_objective *objective, const struct tw_open_run *run,
                        const struct tw_verdict_of_run *of, const struct tw_contribution *before,
                        struct tw_contribution *what)
{
    const struct tw_step_status *status = &of->statuses[objective->step];
    int64_t from_ns = run->started_ns;
    if (objective->from >= 0) {
        const struct tw_step_status *from = &of->statuses[objective->from];
        from_ns = from->state == TW_STEP_DONE ? from->time.ns : 0;
    }
    if (from_ns == 0 || status->state == TW_STEP_SKIPPED) {
        return;
    }
    int64_t until_ns = from_ns + objective->within_ns;
    what->step = (uint8_t)objective->step;
    if (status->state == TW_STEP_DONE) {
        bool is_good = status->time.ns <= until_ns;
        say(what, is_good ? 1 : 0, is_good ? 0 : 1, is_good ? status->time.ns : until_ns);
    } else if (of->state == TW_RUN_IS_COMPENSATED) {
        return;
    } else if (before->is_fired && before->from_ns == from_ns) {
        what->is_fired = true;
        what->from_ns = from_ns;
        say(what, 0, 1, until_ns);
    } else {
        what->from_ns = from_ns;
        what->state = TW_UNDECIDED;
    }
    if (what->bad > 0) {
        blame(what, of->statuses, (size_t)objective->step);
    }
}

static void say_completeness(const struct tw_wf_objective *objective, const struct tw_open_run *run,
                             const struct tw_verdict_of_run *of, struct tw_contribution *what)
{
    if (objective->step < 0 || tw_run_expected(run) == 0) {
        return; /* of sequences: no run of it */
    }
    const struct tw_step_status *status = &of->statuses[objective->step];
    enum tw_waits waits = tw_run_waits(run, (size_t)objective->step);
    what->step = (uint8_t)objective->step;
    if (status->state == TW_STEP_DONE) {
        bool is_late = status->due.ns != 0 && status->time.ns > status->due.ns;
        say(what, tw_run_expected(run), 0, is_late ? status->due.ns : status->time.ns);
    } else if (waits == TW_WAITS_OVERDUE || waits == TW_WAITS_LOST) {
        say(what, status->answered, tw_run_expected(run) - status->answered,
            status->due.ns != 0 ? status->due.ns : status->time.ns);
        blame(what, of->statuses, (size_t)objective->step);
    } else if (status->state == TW_STEP_WAITING || status->state == TW_STEP_FAILED) {
        what->state = TW_UNDECIDED;
    }
}

/* What the run says to one objective as it stands. */
static struct tw_contribution contribution_of(struct tw_tracker *self, struct tw_open_run *run,
                                              size_t index, const struct tw_verdict_of_run *of)
{
    const struct tw_workflow *workflow = self->flows[run->version].workflow;
    const struct tw_wf_objective *objective = &workflow->objectives[index];
    const struct tw_contribution *before = &tw_run_contributions(run)[index];
    struct tw_contribution what = {0};
    if ((run->flags & TW_RUN_STARTED) == 0) {
        return what;
    }
    switch (objective->kind) {
    case TW_OBJECTIVE_COMPLETION:
        say_completion(workflow, run, of, &what);
        break;
    case TW_OBJECTIVE_LATENCY:
        say_latency(objective, run, of, before, &what);
        break;
    case TW_OBJECTIVE_COMPLETENESS:
        say_completeness(objective, run, of, &what);
        break;
    case TW_OBJECTIVE_FRESHNESS:
        break;
    }
    if (what.state == TW_DECIDED &&
        is_maintained(self, workflow->name, workflow->steps[what.step].system,
                      (tw_wall_t){what.minute * MINUTE_NS})) {
        what.state = TW_EXCLUDED;
    }
    return what;
}

static bool is_timed(const struct tw_contribution *what)
{
    return what->state == TW_UNDECIDED && what->from_ns != 0;
}

/* Replace what was said. */
static int restate(struct tw_tracker *self, uint32_t id, size_t index,
                   const struct tw_contribution *what)
{
    struct tw_open_run *run = self->runs[id];
    struct tw_contribution *before = &tw_run_contributions(run)[index];
    struct tw_flow_objective *objective = &self->flows[run->version].objectives[index];
    if (memcmp(before, what, sizeof *what) == 0) {
        return TW_OK;
    }
    int rc = book(self, run, objective->stats, before, -1);
    if (is_timed(before)) {
        bool was_there =
            tw_queue_remove(&objective->timer, (struct tw_queue_entry){{before->from_ns}, id});
        TW_ASSERT(was_there);
    }
    *before = *what;
    if (rc == TW_OK && is_timed(what)) {
        rc = tw_queue_insert(&objective->timer, (struct tw_queue_entry){{what->from_ns}, id});
    }
    return rc == TW_OK ? book(self, run, objective->stats, what, 1) : rc;
}

int tw_contribute(struct tw_tracker *self, uint32_t id, const struct tw_verdict_of_run *of)
{
    struct tw_open_run *run = self->runs[id];
    size_t count = self->flows[run->version].workflow->objective_count;
    int rc = TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        const struct tw_contribution what = contribution_of(self, run, i, of);
        rc = restate(self, id, i, &what);
    }
    return rc;
}

int tw_contribute_nothing(struct tw_tracker *self, uint32_t id)
{
    struct tw_open_run *run = self->runs[id];
    size_t count = self->flows[run->version].workflow->objective_count;
    int rc = TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_contribution nothing = {0};
        /* A timer that has fired must not fire again when it is put back. */
        const struct tw_contribution *before = &tw_run_contributions(run)[i];
        nothing.is_fired = before->is_fired;
        nothing.from_ns = before->is_fired ? before->from_ns : 0;
        rc = restate(self, id, i, &nothing);
    }
    return rc;
}

int tw_contribute_no_more(struct tw_tracker *self, uint32_t id)
{
    struct tw_open_run *run = self->runs[id];
    size_t count = self->flows[run->version].workflow->objective_count;
    int rc = TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        const struct tw_contribution nothing = {0};
        if (tw_run_contributions(run)[i].state == TW_UNDECIDED) {
            rc = restate(self, id, i, &nothing);
        }
    }
    return rc;
}

/* --- sequences -------------------------------------------------------------------------------- */

static int sequence_of(struct tw_tracker *self, uint32_t source, struct tw_sequence **ret_sequence)
{
    if (source >= self->sequence_count) {
        size_t count = self->sequence_count == 0 ? 64 : self->sequence_count;
        while (count <= source) {
            count *= 2;
        }
        struct tw_sequence *sequences = realloc(self->sequences, count * sizeof *sequences);
        if (sequences == NULL) {
            return TW_ENOMEM;
        }
        memset(sequences + self->sequence_count, 0,
               (count - self->sequence_count) * sizeof *sequences);
        self->sequences = sequences;
        self->sequence_count = count;
    }
    *ret_sequence = &self->sequences[source];
    return TW_OK;
}

/* Whether the workflow begins in this system. */
static bool begins_in(const struct tw_tracker *self, const struct tw_workflow *workflow,
                      uint16_t system)
{
    const char *name = tw_words_text(&self->systems, system);
    for (size_t i = 0; i < workflow->step_count; i++) {
        if ((workflow->starts >> i & 1) != 0 && strcmp(workflow->steps[i].system, name) == 0) {
            return true;
        }
    }
    return false;
}

int tw_contribute_sequence(struct tw_tracker *self, const struct tw_seen *seen, uint16_t system,
                           uint64_t number)
{
    struct tw_sequence *sequence = NULL;
    struct tw_sequence_change change;
    int rc = sequence_of(self, seen->record->source, &sequence);
    rc = rc == TW_OK ? tw_sequence_see(sequence, number, minute_of(seen->time.ns), &change) : rc;
    if (rc == TW_OK) {
        self->missing_sum[system].value += change.bad;
    }
    for (uint32_t i = 0; i < self->objective_count && rc == TW_OK; i++) {
        const struct tw_objective_stats *row = &self->objectives[i];
        if (row->definition == NULL || row->definition->kind != TW_OBJECTIVE_COMPLETENESS ||
            row->definition->step >= 0 || !begins_in(self, row->workflow, system)) {
            continue;
        }
        rc = tw_decide(self, i, change.minute, change.good, change.bad);
        if (rc == TW_OK && change.bad != 0) {
            const struct tw_pending_spend spent = {.objective = i,
                                                   .hour = (uint32_t)(change.minute / 60),
                                                   .system = system,
                                                   .cause = TW_CAUSE_MISSING,
                                                   .store = seen->store,
                                                   .bad = change.bad};
            rc = spend(self, &spent);
        }
    }
    return rc;
}

/* --- freshness -------------------------------------------------------------------------------- */

/* The minute that has just ended: whether the oldest that waits was young enough. One that later
 * ones have overtaken is lost or slow, which other objectives count: the step is no less fresh for
 * it. A minute in which nothing waited, came or went says nothing. */
static int judge_minute(struct tw_tracker *self, uint32_t index, int64_t minute)
{
    struct tw_objective_stats *stats = &self->objectives[index];
    const struct tw_wf_objective *objective = stats->definition;
    const struct tw_step_stats *step = &self->stats[stats->flow].steps[stats->step];
    uint64_t traffic = step->arrived + step->through;
    bool waits = false;
    int64_t behind_ns = tw_deadlines_behind(self, stats->flow, stats->step, &waits);
    bool is_idle = !waits && traffic == stats->fresh_traffic;
    stats->fresh_traffic = traffic;
    if (is_idle ||
        is_maintained(self, stats->workflow->name, tw_words_text(&self->systems, step->system),
                      (tw_wall_t){minute * MINUTE_NS})) {
        return TW_OK;
    }
    bool is_good = behind_ns < objective->within_ns;
    int rc = tw_decide(self, index, minute, is_good ? 1 : 0, is_good ? 0 : 1);
    if (rc != TW_OK || is_good) {
        return rc;
    }
    const struct tw_pending_spend spent = {.objective = index,
                                           .hour = (uint32_t)(minute / 60),
                                           .system = step->system,
                                           .cause = TW_CAUSE_MISSING,
                                           .bad = 1};
    return spend(self, &spent);
}

int tw_contribute_freshness(struct tw_tracker *self)
{
    int64_t minute = self->now_ns / MINUTE_NS;
    int64_t before = self->minute;
    self->minute = minute;
    if (before == 0 || minute <= before) {
        return TW_OK;
    }
    int rc = TW_OK;
    for (uint32_t i = 0; i < self->objective_count && rc == TW_OK; i++) {
        struct tw_objective_stats *stats = &self->objectives[i];
        tw_budget_advance(stats->budget, (tw_wall_t){self->now_ns});
        stats->is_changed = true; /* its windows have moved */
        if (stats->definition != NULL && stats->definition->kind == TW_OBJECTIVE_FRESHNESS) {
            rc = judge_minute(self, i, minute - 1);
        }
    }
    return rc;
}
