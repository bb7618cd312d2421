/* SPDX-License-Identifier: Apache-2.0
 * Under which causes the steps of runs count as failed: a step of a run once for each cause of its
 * failures; where nothing has failed and its deadline passed, once as missing, also when it is done
 * too late. What no longer holds is taken back. What is counted of a run is written down in the
 * run. Failures follow from the events, in whatever order they come. What is missing depends on
 * when they come, too: where the event that a step waits from is news that came behind the deadline
 * (a store was off line, its clock is wrong), nobody has missed anything. */
#ifndef TW_TRACK_FAILURES_H
#define TW_TRACK_FAILURES_H

#include "track/internal.h"

/* Beside the causes: when it began to wait its deadline had passed. */
#define TW_FAILURES_OLD_NEWS (UINT16_C(1) << 15)
#define TW_FAILURES_BITS     (TW_FAILURES_OLD_NEWS | ((1U << TW_CAUSE_COUNT) - 1))

/* What a step of the run is counted under: a set of causes. */
static inline uint16_t tw_failures_counted(const struct tw_open_run *run, size_t step)
{
    uint16_t causes = 0;
    if (run->counted_room > 0) {
        const char *sets = (const char *)(run->since_ns + run->since_room);
        memcpy(&causes, sets + step * sizeof causes, sizeof causes);
    }
    return causes;
}

/* ... and what it counts under as it is now. */
static inline uint16_t tw_failures_of(const struct tw_step_status *status, uint16_t counted)
{
    const uint16_t missing = UINT16_C(1) << TW_CAUSE_MISSING;
    bool was_missed =
        status->state == TW_STEP_OVERDUE ||
        (status->state == TW_STEP_DONE && status->is_late && (counted & missing) != 0);
    uint16_t old = counted & TW_FAILURES_OLD_NEWS;
    return old | (status->causes == 0 && was_missed && old == 0 ? missing : status->causes);
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
/* A step begins to wait; likewise when its deadline has passed. The run may have moved. TW_OK,
 * TW_ENOMEM. */
int tw_failures_wait(struct tw_tracker *self, uint32_t id, size_t step, int64_t since_ns);
/* Count the difference. The run may have moved. TW_OK, TW_ENOMEM. */
int tw_failures_settle(struct tw_tracker *self, uint32_t id, size_t step,
                       const struct tw_step_status *status);

#endif
