/* SPDX-License-Identifier: Apache-2.0
 * The points of series as they come: what alerts are judged by, bucket after bucket, and how far
 * the tower has come.
 * Thread, limits and failures as store/tracks.h; results live in the arena that the caller gives.
 */
#ifndef TW_STORE_POINTS_H
#define TW_STORE_POINTS_H

#include "store/tracks.h"

#define TW_POINTS_METRICS_MAX 64
#define TW_POINTS_MAX         1000000 /* of one answer */

struct tw_points_query {
    const struct tw_str *metrics; /* at most TW_POINTS_METRICS_MAX */
    size_t metric_count;
    int64_t since_s; /* a bucket's begin */
    int64_t until_s; /* exclusive */
    size_t limit;    /* at most TW_POINTS_MAX */
};
struct tw_points_series {
    struct tw_str metric;
    struct tw_str labels; /* JSON object, names sorted */
    enum tw_series_kind kind;
};
struct tw_point {
    const struct tw_points_series *series;
    int64_t bucket_s;
    double value; /* in the unit of the metric */
};
/* All points of these metrics in buckets of 10 s, ascending. Of one series and bucket there may be
 * several, of neighbouring partitions: sums add up, of values the later one counts. More than the
 * limit: TW_ELIMIT. Beyond the day for which 10 s are kept there is less than there was. */
int tw_reader_points(struct tw_reader *self, struct tw_arena *arena,
                     const struct tw_points_query *asked, const struct tw_point **ret_points,
                     size_t *ret_count);

/* The newest tick before `before` (0: of all). All buckets that end at or before its `now` are
 * whole: ticks are committed in their order. TW_ENOTFOUND: there is none. */
int tw_reader_ticked(struct tw_reader *self, tw_wall_t before, struct tw_track_tick *ret_tick);

#endif
