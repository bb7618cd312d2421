/* SPDX-License-Identifier: Apache-2.0
 * A tick. What is due lies at the front of its queue, so that a tick costs what has come due, and a
 * look at each queue. */
#include "config.h"

#include "core/err.h"
#include "track/internal.h"

#define DAY_NS (86400 * TW_NS_PER_S)

/* Everything in a queue that is due at the system's watermark. */
static int fire_queue(struct tw_tracker *self, struct tw_queue *queue, size_t step,
                      int64_t within_ns, tw_wall_t mark)
{
    struct tw_queue_entry entry;
    int rc = TW_OK;
    while (rc == TW_OK && tw_queue_oldest(queue, &entry) && entry.since.ns <= mark.ns - within_ns) {
        rc = tw_progress_fire(self, entry.item, step);
    }
    return rc;
}

/* The time limit of a latency objective is over: said anew, it is no longer undecided. */
static int fire_timer(struct tw_tracker *self, uint32_t id, size_t objective)
{
    struct tw_open_run *run = self->runs[id];
    tw_run_contributions(run)[objective].is_fired = true;
    struct tw_step_status statuses[TW_WF_STEPS_MAX];
    struct tw_verdict_of_run of = {.statuses = statuses};
    int rc = tw_progress_judge(self, run, statuses, &of.state, &of.finished);
    return rc == TW_OK ? tw_contribute(self, id, &of) : rc;
}

static int fire_timers(struct tw_tracker *self, struct tw_flow *flow, size_t index)
{
    const struct tw_wf_objective *objective = &flow->workflow->objectives[index];
    struct tw_queue *timer = &flow->objectives[index].timer;
    struct tw_queue_entry entry;
    int rc = TW_OK;
    if (objective->kind != TW_OBJECTIVE_LATENCY) {
        return rc;
    }
    tw_wall_t mark = tw_watermark_of(&self->watermark, flow->steps[objective->step].system);
    while (rc == TW_OK && mark.ns != INT64_MIN && tw_queue_oldest(timer, &entry) &&
           entry.since.ns <= mark.ns - objective->within_ns) {
        rc = fire_timer(self, entry.item, index);
    }
    return rc;
}

/* Those that have waited for long since the last look get a row. */
static int list_waiting(struct tw_tracker *self, struct tw_flow_step *step, tw_wall_t mark)
{
    int64_t until_ns = mark.ns - self->cfg->track.list_after_s * TW_NS_PER_S;
    struct tw_queue_entry entry = {{step->listed_ns}, UINT32_MAX};
    int rc = TW_OK;
    if (until_ns <= step->listed_ns) {
        return rc;
    }
    while (rc == TW_OK && tw_queue_after(&step->waiting, entry, &entry) &&
           entry.since.ns <= until_ns) {
        rc = tw_runs_mark_dirty(self, entry.item);
    }
    step->listed_ns = until_ns;
    return rc;
}

static int tick_flow(struct tw_tracker *self, struct tw_flow *flow)
{
    int rc = TW_OK;
    for (size_t i = 0; i < flow->workflow->step_count && rc == TW_OK; i++) {
        struct tw_flow_step *step = &flow->steps[i];
        tw_wall_t mark = tw_watermark_of(&self->watermark, step->system);
        if (mark.ns == INT64_MIN) {
            continue;
        }
        int64_t within_ns = flow->workflow->steps[i].within_ns;
        if (within_ns > 0) {
            rc = fire_queue(self, &step->waiting, i, within_ns, mark);
            rc = rc == TW_OK ? fire_queue(self, &step->failed, i, within_ns, mark) : rc;
        }
        rc = rc == TW_OK ? list_waiting(self, step, mark) : rc;
    }
    for (size_t i = 0; i < flow->workflow->objective_count && rc == TW_OK; i++) {
        rc = fire_timers(self, flow, i);
    }
    return rc;
}

/* Open runs that nothing was heard of for track.give_up_days. */
static int give_up_old(struct tw_tracker *self)
{
    int64_t before_s = (self->now_ns - self->cfg->track.give_up_days * DAY_NS) / TW_NS_PER_S;
    int rc = TW_OK;
    while (rc == TW_OK && self->oldest != TW_TRACK_NONE &&
           (int64_t)self->runs[self->oldest]->touched_s <= before_s) {
        rc = tw_progress_give_up(self, self->oldest);
    }
    return rc;
}

int tw_deadlines_tick(struct tw_tracker *self)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->flow_count && rc == TW_OK; i++) {
        if (self->flows[i].workflow != NULL && self->flows[i].runs > 0) {
            rc = tick_flow(self, &self->flows[i]);
        }
    }
    rc = rc == TW_OK ? tw_contribute_freshness(self) : rc;
    if (rc == TW_OK) {
        tw_live_look(self);
        tw_graph_forget(self->graph, (tw_wall_t){self->now_ns});
        rc = give_up_old(self); /* forgotten at the next tick: their rows are written before */
    }
    return rc;
}

/* Entries of a queue that no later run has overtaken, into the look. */
static void add_later(const struct tw_queue *queue, int64_t passed_ns, struct tw_lag_point *look,
                      int64_t *first_p)
{
    tw_wall_t first = {INT64_MAX};
    look->waiting += tw_queue_later(queue, (tw_wall_t){passed_ns}, &first);
    *first_p = first.ns < *first_p ? first.ns : *first_p;
}

struct tw_lag_point tw_deadlines_waiting(const struct tw_tracker *self, uint32_t stats,
                                         uint32_t step, struct tw_lag_point look)
{
    const struct tw_step_stats *of = &self->stats[stats].steps[step];
    int64_t first_ns = INT64_MAX;
    for (size_t i = 0; i < self->flow_count; i++) {
        const struct tw_flow *flow = &self->flows[i];
        if (flow->workflow == NULL || flow->stats != stats) {
            continue;
        }
        for (size_t k = 0; k < flow->workflow->step_count; k++) {
            if (flow->steps[k].stats == step) {
                add_later(&flow->steps[k].waiting, of->passed_ns, &look, &first_ns);
                add_later(&flow->steps[k].overdue, of->passed_ns, &look, &first_ns);
                add_later(&flow->steps[k].failed, of->passed_ns, &look, &first_ns);
            }
        }
    }
    int64_t now_ns = tw_watermark_of(&self->watermark, of->system).ns;
    look.oldest_ns = first_ns == INT64_MAX || now_ns <= first_ns ? 0 : now_ns - first_ns;
    return look;
}

int64_t tw_deadlines_behind(const struct tw_tracker *self, uint32_t stats, uint32_t step,
                            bool *ret_waits)
{
    const struct tw_step_stats *of = &self->stats[stats].steps[step];
    struct tw_lag_point look = {.waiting = 0};
    int64_t first_ns = INT64_MAX;
    for (size_t i = 0; i < self->flow_count; i++) {
        const struct tw_flow *flow = &self->flows[i];
        if (flow->workflow == NULL || flow->stats != stats) {
            continue;
        }
        for (size_t k = 0; k < flow->workflow->step_count; k++) {
            if (flow->steps[k].stats == step) {
                add_later(&flow->steps[k].waiting, of->passed_ns, &look, &first_ns);
                add_later(&flow->steps[k].overdue, of->passed_ns, &look, &first_ns);
            }
        }
    }
    int64_t now_ns = tw_watermark_of(&self->watermark, of->system).ns;
    *ret_waits = look.waiting > 0;
    return first_ns == INT64_MAX || now_ns <= first_ns ? 0 : now_ns - first_ns;
}

int64_t tw_deadlines_oldest(const struct tw_tracker *self, uint32_t stats, uint32_t step)
{
    int64_t oldest_ns = INT64_MAX;
    for (size_t i = 0; i < self->flow_count; i++) {
        const struct tw_flow *flow = &self->flows[i];
        if (flow->workflow == NULL || flow->stats != stats) {
            continue;
        }
        for (size_t k = 0; k < flow->workflow->step_count; k++) {
            struct tw_queue_entry entry;
            if (flow->steps[k].stats != step) {
                continue;
            }
            if (tw_queue_oldest(&flow->steps[k].waiting, &entry)) {
                oldest_ns = entry.since.ns < oldest_ns ? entry.since.ns : oldest_ns;
            }
            if (tw_queue_oldest(&flow->steps[k].overdue, &entry)) {
                oldest_ns = entry.since.ns < oldest_ns ? entry.since.ns : oldest_ns;
            }
        }
    }
    int64_t now_ns = tw_watermark_of(&self->watermark, self->stats[stats].steps[step].system).ns;
    return oldest_ns == INT64_MAX || now_ns <= oldest_ns ? 0 : now_ns - oldest_ns;
}
