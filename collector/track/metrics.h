/* SPDX-License-Identifier: Apache-2.0
 * The series there are: what tracking writes, with its labels and units. Panels and alert rules
 * name them.
 * Thread:  const.
 * Source:  docs/reference/tracking.md, "Series".
 */
#ifndef TW_TRACK_METRICS_H
#define TW_TRACK_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

#define TW_METRIC_LABELS 3

enum tw_metric_unit { TW_METRIC_COUNT, TW_METRIC_SECONDS, TW_METRIC_SHARE, TW_METRIC_BURN };

struct tw_metric {
    const char *name;
    const char *labels[TW_METRIC_LABELS]; /* NULL: no more */
    enum tw_metric_unit unit;
    bool is_count; /* what happened in a bucket; otherwise a value at its end */
    bool is_sketch;
    /* Nothing written means 0 while the tower ran: counts, and values before their first. */
    bool is_zero_when_silent;
    /* Not written by tracking: alert rules may use it, panels cannot. */
    bool is_of_desk;
    int64_t step_s; /* it has a point so often */
};

extern const struct tw_metric tw_metrics[];
extern const size_t tw_metric_count;

/* NULL when there is none of that name. */
const struct tw_metric *tw_metric_find(struct tw_str name);
bool tw_metric_has(const struct tw_metric *self, const char *label);

#endif
