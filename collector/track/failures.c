/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/failures.h"

#include "core/err.h"

void tw_cause_gauges_init(struct tw_cause_gauges *self)
{
    *self = (struct tw_cause_gauges){.changed = 0};
    for (size_t i = 0; i < TW_CAUSE_COUNT; i++) {
        self->sums[i].series = TW_TRACK_NONE;
    }
}

void tw_failures_retry(struct tw_tracker *self, const struct tw_seen *seen)
{
    const struct tw_match_entry *entries = NULL;
    size_t count =
        seen->cause == TW_CAUSE_NONE ? 0 : tw_matcher_entries(self->matcher, seen->match, &entries);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].role == TW_FACT_RETRYING) {
            uint16_t system = self->flows[entries[i].version].steps[entries[i].step].system;
            tw_cause_gauges_add(&self->system_retries[system], seen->cause, 1);
            return; /* the event, not the workflows it is of */
        }
    }
}

void tw_failures_set(struct tw_open_run *run, size_t step, uint16_t causes)
{
    TW_ASSERT(step < (size_t)run->counted_room * 4);
    char *sets = (char *)(run->since_ns + run->since_room);
    memcpy(sets + step * sizeof causes, &causes, sizeof causes);
}

int tw_failures_wait(struct tw_tracker *self, uint32_t id, size_t step, int64_t since_ns)
{
    const struct tw_open_run *run = self->runs[id];
    int64_t within_ns = self->flows[run->version].workflow->steps[step].within_ns;
    if (within_ns <= 0 || since_ns > self->now_ns - within_ns) {
        return TW_OK;
    }
    int rc = tw_runs_count_room(self, id);
    if (rc == TW_OK) {
        uint16_t counted = tw_failures_counted(self->runs[id], step);
        tw_failures_set(self->runs[id], step, counted | TW_FAILURES_OLD_NEWS);
    }
    return rc;
}

int tw_failures_settle(struct tw_tracker *self, uint32_t id, size_t step,
                       const struct tw_step_status *status)
{
    uint16_t before = tw_failures_counted(self->runs[id], step);
    uint16_t causes = tw_failures_of(status, before);
    if (causes == before) {
        return TW_OK;
    }
    int rc = tw_runs_count_room(self, id);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_open_run *run = self->runs[id];
    const struct tw_flow *flow = &self->flows[run->version];
    struct tw_step_stats *stats = &self->stats[flow->stats].steps[flow->steps[step].stats];
    tw_failures_set(run, step, causes);
    for (unsigned changed = causes ^ before; changed != 0; changed &= changed - 1) {
        unsigned cause = (unsigned)__builtin_ctz(changed);
        int64_t more = (causes >> cause & 1) != 0 ? 1 : -1;
        tw_cause_gauges_add(&stats->failures, cause, more);
        tw_cause_gauges_add(&self->system_failures[stats->system], cause, more);
    }
    return TW_OK;
}
