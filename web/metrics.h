/* SPDX-License-Identifier: Apache-2.0
 * Writing metrics in the two renderings that Prometheus reads: text 0.0.4 and OpenMetrics 1.0.
 * They differ in the name of a counter's family, in escapes of help texts and in the last line.
 * Thread: plain data of one call. Fails: through the buffer's sticky error.
 * Source: prometheus.io "Exposition formats"; OpenMetrics 1.0.0, "ABNF".
 */
#ifndef TW_WEB_METRICS_H
#define TW_WEB_METRICS_H

#include <stdbool.h>

#include "core/buf.h"

enum tw_metric_kind { TW_METRIC_COUNTER, TW_METRIC_GAUGE, TW_METRIC_INFO, TW_METRIC_HISTOGRAM };

struct tw_metrics {
    struct tw_buf *out;
    bool is_openmetrics;
    const char *family; /* of the samples that follow, without "_total" or "_info" */
    enum tw_metric_kind kind;
};

/* Begin a family; all its samples must follow before the next. `name` is without suffix. */
void tw_metrics_family(struct tw_metrics *self, enum tw_metric_kind kind, const char *name,
                       const char *help);
struct tw_metric_label {
    const char *name;
    struct tw_str value; /* any bytes: those that are no UTF-8 are escaped as \xNN */
};
/* One sample with `count` labels (NULL and 0: none). */
void tw_metrics_count(struct tw_metrics *self, const struct tw_metric_label *labels, size_t count,
                      uint64_t value);
void tw_metrics_real(struct tw_metrics *self, const struct tw_metric_label *labels, size_t count,
                     double value);
/* One histogram with `count` labels: counts between the bounds (ascending, inclusive), the last one
 * above all of them: bound_count + 1. `sum` of what was counted, not negative. */
struct tw_metric_histogram {
    const double *bounds;
    const uint64_t *counts;
    size_t bound_count;
    double sum;
};
/* Labels of a histogram, without its own "le". */
#define TW_METRIC_HISTOGRAM_LABELS 4
void tw_metrics_histogram(struct tw_metrics *self, const struct tw_metric_label *labels,
                          size_t count, const struct tw_metric_histogram *histogram);
/* The end of the exposition. */
void tw_metrics_end(struct tw_metrics *self);
const char *tw_metrics_content_type(bool is_openmetrics);

#endif
