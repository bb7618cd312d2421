/* SPDX-License-Identifier: Apache-2.0
 * Alerts, judging and notices in numbers, for /metrics and /status.
 * Thread, limits and failures as store/alert_read.h.
 */
#ifndef TW_STORE_ALERT_SUMS_H
#define TW_STORE_ALERT_SUMS_H

#include "store/alert_read.h"

#define TW_ALERT_SUM_SEVERITIES (TW_ALERT_ROW_NO_SEVERITY + 1)

struct tw_alert_sums {
    uint64_t pending[TW_ALERT_SUM_SEVERITIES];
    uint64_t firing[TW_ALERT_SUM_SEVERITIES];
    struct tw_alerts_place place;
};
/* TW_OK; TW_EDAMAGED. */
int tw_desk_alert_sums(struct tw_desk_reader *self, struct tw_alert_sums *ret_sums);

/* Of all receivers, by integration; since the file was made. */
struct tw_notice_sum {
    struct tw_str integration;
    uint64_t sent;
    uint64_t given_up;
    uint64_t waiting;
};
int tw_desk_notice_sums(struct tw_desk_reader *self, struct tw_arena *arena,
                        const struct tw_notice_sum **ret_items, size_t *ret_count);

#endif
