/* SPDX-License-Identifier: Apache-2.0
 * Points of series under way, for the files that make them (emit*.c). */
#ifndef TW_TRACK_EMIT_H
#define TW_TRACK_EMIT_H

#include "track/internal.h"
#include "track/metrics.h"

/* One emit under way. */
struct tw_emission {
    struct tw_tracker *tracker;
    struct tw_arena *arena;
    struct tw_series_point *points; /* room for every gauge there is */
    size_t point_count;
    size_t point_room;
    int64_t bucket;     /* of counts: the one under way */
    int64_t last_value; /* of values: the one that ended; -1: none has */
};

/* What a series is called. */
struct tw_series_title {
    enum tw_series_kind kind;
    int64_t divisor;
    const char *metric;
    const char *name[TW_METRIC_LABELS]; /* of labels; NULL: no more */
    const char *value[TW_METRIC_LABELS];
};

/* A count: what was added since the last time. TW_OK, TW_ENOMEM; so all. */
int tw_emit_sum(struct tw_emission *self, struct tw_gauge *gauge,
                const struct tw_series_title *title);
/* A value at the end of a bucket; before the first that is not 0 nothing is said. */
int tw_emit_last(struct tw_emission *self, struct tw_gauge *gauge,
                 const struct tw_series_title *title, int64_t value);
/* A value that is 0 nearly always: while it is not 0, and when it has become 0. Of stores and
 * regions the caller asks once a minute: there are many stores, and in most of them nothing is
 * late. */
int tw_emit_sparse(struct tw_emission *self, struct tw_gauge *gauge,
                   const struct tw_series_title *title, int64_t value);

/* ---- emit_alerts.c ---- */
/* Points that the two below may add. */
size_t tw_emit_alerts_room(const struct tw_tracker *self);
int tw_emit_alerts(struct tw_emission *self);
/* How long stores have been silent; once a minute. */
int tw_emit_silent_stores(struct tw_emission *self);
/* After a replay: counts are in the store already; what is 0 now may have been something else when
 * the program ended, and is said once. */
void tw_emit_alerts_settle(struct tw_tracker *self);

#endif
