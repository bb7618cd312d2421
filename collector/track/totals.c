/* SPDX-License-Identifier: Apache-2.0
 * Durations by fixed bounds: exact counts that only grow. */
#include "config.h"

#include "core/err.h"
#include "track/internal.h"

#define MINUTE_NS (60 * TW_NS_PER_S)
#define NS_PER_US 1000

const int64_t tw_lag_bounds_ms[TW_LAG_BOUNDS] = {100,    500,     1000,    2500,     5000,
                                                 10000,  30000,   60000,   120000,   300000,
                                                 600000, 1800000, 3600000, 14400000, 86400000};

void tw_lag_totals_add(struct tw_lag_totals *self, int64_t ns)
{
    size_t i = 0;
    ns = ns < 0 ? 0 : ns;
    while (i < TW_LAG_BOUNDS && ns > tw_lag_bounds_ms[i] * TW_NS_PER_MS) {
        i++;
    }
    self->counts[i]++;
    self->sum_us += (uint64_t)ns / NS_PER_US;
}

int tw_step_note_lag(struct tw_step_stats *stats, int64_t now_ns, int64_t lag_ns)
{
    int64_t minute = now_ns / MINUTE_NS;
    size_t slot = (size_t)(minute % TW_TRACK_LAG_MINUTES);
    if (stats->minute_of[slot] != minute) {
        tw_sketch_clear(&stats->minutes[slot]);
        stats->minute_of[slot] = minute;
    }
    stats->is_sketch_changed[slot] = true;
    tw_lag_totals_add(&stats->lag_totals, lag_ns);
    int rc = tw_sketch_add(&stats->minutes[slot], lag_ns < 0 ? 0 : lag_ns, 1);
    return rc == TW_ELIMIT ? TW_OK : rc; /* 2^53 of them in a minute */
}
