/* SPDX-License-Identifier: Apache-2.0
 * What waits for each system, over all workflows: the sum of its steps, and the oldest of them. */
#include "config.h"

#include "track/internal.h"

static void add_queue(const struct tw_queue *queue, int64_t *oldest_p)
{
    struct tw_queue_entry entry;
    if (tw_queue_oldest(queue, &entry) && entry.since.ns < *oldest_p) {
        *oldest_p = entry.since.ns;
    }
}

static void add_step(const struct tw_step_stats *step, struct tw_system_lag *lag)
{
    struct tw_lag_rates rates = tw_lag_rates(&step->ring);
    lag->has_steps = true;
    lag->waiting += step->waiting;
    lag->overdue += step->overdue;
    lag->failed += step->failed;
    lag->has_rates = lag->has_rates || rates.has_data;
    lag->in_per_s += rates.in_per_s;
    lag->out_per_s += rates.out_per_s;
}

void tw_systems_lag(const struct tw_tracker *self, struct tw_system_lag *lags)
{
    int64_t since_ns[TW_WATERMARK_SYSTEMS];
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        lags[i] = (struct tw_system_lag){0};
        since_ns[i] = INT64_MAX;
    }
    for (size_t i = 0; i < self->stats_count; i++) {
        for (size_t k = 0; k < self->stats[i].step_count; k++) {
            const struct tw_step_stats *step = &self->stats[i].steps[k];
            add_step(step, &lags[step->system]);
        }
    }
    for (size_t i = 0; i < self->flow_count; i++) {
        const struct tw_flow *flow = &self->flows[i];
        for (size_t k = 0; flow->workflow != NULL && k < flow->workflow->step_count; k++) {
            uint16_t system = self->stats[flow->stats].steps[flow->steps[k].stats].system;
            add_queue(&flow->steps[k].waiting, &since_ns[system]);
            add_queue(&flow->steps[k].overdue, &since_ns[system]);
        }
    }
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        int64_t mark_ns = tw_watermark_of(&self->watermark, (uint16_t)i).ns;
        lags[i].oldest_ns =
            since_ns[i] == INT64_MAX || mark_ns <= since_ns[i] ? 0 : mark_ns - since_ns[i];
    }
}
