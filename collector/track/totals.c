/* SPDX-License-Identifier: Apache-2.0
 * Durations by fixed bounds: exact counts that only grow. */
#include "config.h"

#include "track/internal.h"

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
