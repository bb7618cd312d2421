/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/failures.h"

#include "core/err.h"

void tw_failures_set(struct tw_open_run *run, size_t step, uint16_t causes)
{
    TW_ASSERT(step < (size_t)run->counted_room * 4);
    char *sets = (char *)(run->since_ns + run->since_room);
    memcpy(sets + step * sizeof causes, &causes, sizeof causes);
}

int tw_failures_settle(struct tw_tracker *self, uint32_t id, size_t step,
                       const struct tw_step_status *status)
{
    uint16_t causes = tw_failures_of(status);
    uint16_t before = tw_failures_counted(self->runs[id], step);
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
        int cause = __builtin_ctz(changed);
        stats->failures[cause].value += (causes >> cause & 1) != 0 ? 1 : -1;
        stats->failures_changed |= (uint16_t)(1U << cause);
    }
    return TW_OK;
}
