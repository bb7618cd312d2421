/* SPDX-License-Identifier: Apache-2.0
 * Under which causes the steps of runs count as failed: a step of a run once for each cause of its
 * failures; where nothing has failed and its deadline was missed, once as missing, whatever came
 * later. It follows from the events and from the deadlines that have fired, in whatever order; what
 * no longer holds is taken back. What is counted of a run is written down in the run. */
#ifndef TW_TRACK_FAILURES_H
#define TW_TRACK_FAILURES_H

#include "track/internal.h"

/* The causes (a set) that a step counts under as it is now. */
static inline uint16_t tw_failures_of(const struct tw_step_status *status)
{
    bool was_missed =
        status->state == TW_STEP_OVERDUE || (status->state == TW_STEP_DONE && status->is_late);
    return status->causes == 0 && was_missed ? (uint16_t)(1U << TW_CAUSE_MISSING) : status->causes;
}

/* ... and those that it is counted under. */
static inline uint16_t tw_failures_counted(const struct tw_open_run *run, size_t step)
{
    uint16_t causes = 0;
    if (run->counted_room > 0) {
        const char *sets = (const char *)(run->since_ns + run->since_room);
        memcpy(&causes, sets + step * sizeof causes, sizeof causes);
    }
    return causes;
}

/* int64_t that the sets of so many steps take. */
static inline uint8_t tw_failures_room(size_t steps)
{
    return (uint8_t)((steps + 3) / 4);
}

void tw_cause_gauges_init(struct tw_cause_gauges *self);
static inline void tw_cause_gauges_add(struct tw_cause_gauges *self, unsigned cause, int64_t more)
{
    self->sums[cause].value += more;
    self->changed |= (uint16_t)(1U << cause);
}

/* An event that says that a step is tried again. */
void tw_failures_retry(struct tw_tracker *self, const struct tw_seen *seen);
/* Write the set down; there is room for it. */
void tw_failures_set(struct tw_open_run *run, size_t step, uint16_t causes);
/* Count the difference. The run may have moved. TW_OK, TW_ENOMEM. */
int tw_failures_settle(struct tw_tracker *self, uint32_t id, size_t step,
                       const struct tw_step_status *status);

#endif
