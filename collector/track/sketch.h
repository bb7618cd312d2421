/* SPDX-License-Identifier: Apache-2.0
 * Quantiles of durations: an exponential histogram of scale 5. Bucket i holds the durations v with
 * base^i < v <= base^(i+1), base = 2^(1/32), v in nanoseconds; which bucket is decided in integers.
 * Counts are exact, merging is exact and its order does not matter. The value of a bucket is
 * 2*upper/(1+base): at most (base-1)/(base+1) = 1.083 % off, and half a nanosecond of rounding.
 * Only buckets that are filled take room: 10 bytes each, in one allocation that doubles; an empty
 * sketch has none.
 * Thread: the owner's (pure).
 * Limits: durations from 1 us to 400 days in 1,441 buckets; shorter ones, and negative ones, share
 *         one bucket of value 0, longer ones count as 400 days. TW_SKETCH_COUNT_MAX durations.
 * Fails:  TW_ENOMEM, TW_ELIMIT, TW_EDAMAGED; then nothing changed.
 * Source: OpenTelemetry, data model of metrics, exponential histogram.
 */
#ifndef TW_TRACK_SKETCH_H
#define TW_TRACK_SKETCH_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

#define TW_SKETCH_MIN_NS    INT64_C(1000)              /* 1 us */
#define TW_SKETCH_MAX_NS    INT64_C(34560000000000000) /* 400 d */
#define TW_SKETCH_FIRST     318                        /* bucket of 1 us */
#define TW_SKETCH_LAST      1758                       /* bucket of 400 d */
#define TW_SKETCH_ZERO      (TW_SKETCH_FIRST - 1)      /* bucket of what is shorter than 1 us */
#define TW_SKETCH_BINS_MAX  (TW_SKETCH_LAST - TW_SKETCH_ZERO + 1)
#define TW_SKETCH_COUNT_MAX (UINT64_C(1) << 53) /* exact in JSON; no bucket can overflow */
#define TW_SKETCH_ERROR     0.01084             /* relative, of a quantile; plus 0.5 ns */

struct tw_sketch {
    uint64_t count; /* durations added */
    int64_t min_ns; /* the shortest and the longest, exactly; valid when count > 0 */
    int64_t max_ns; /* 0 to TW_SKETCH_MAX_NS */
    uint16_t bins;  /* buckets filled */
    uint16_t room;  /* buckets that there is memory for */
    uint64_t
        *counts; /* owned; of each filled bucket, never 0; behind them in the same allocation: */
    uint16_t *bucket; /* ... its number, ascending */
};

/* Empty, without memory. */
void tw_sketch_init(struct tw_sketch *self);
void tw_sketch_fini(struct tw_sketch *self);
/* Empty again; the memory is kept. */
void tw_sketch_clear(struct tw_sketch *self);
/* Add `times` durations of ns each (any int64_t, see Limits). TW_OK; TW_ENOMEM or TW_ELIMIT (count
 * would pass TW_SKETCH_COUNT_MAX): nothing was added. */
int tw_sketch_add(struct tw_sketch *self, int64_t ns, uint64_t times);
/* Add all that `other` holds. TW_OK, TW_ENOMEM, TW_ELIMIT: nothing was added. */
int tw_sketch_merge(struct tw_sketch *self, const struct tw_sketch *other);
/* The duration that is not passed by `ppm` parts per million of all (1 to 1,000,000; 950,000: p95):
 * that of rank ceil(ppm * count / 1e6) in ascending order, in nanoseconds, within TW_SKETCH_ERROR
 * and between min_ns and max_ns. -1 when the sketch is empty. */
int64_t tw_sketch_quantile(const struct tw_sketch *self, uint32_t ppm);
/* Append the sketch in its stored form: a few bytes for each filled bucket. TW_OK, or the error of
 * the buffer. */
int tw_sketch_encode(const struct tw_sketch *self, struct tw_buf *buf);
/* Read one sketch at the cursor into *self, which is initialised and loses what it held. Whatever
 * the bytes are, nothing outside of them is read. TW_OK (the cursor is behind it), TW_ENOMEM,
 * TW_EDAMAGED: *self is empty, the cursor is anywhere in its bytes. */
int tw_sketch_decode(struct tw_sketch *self, struct tw_cursor *cursor);
/* The bucket of a duration (TW_SKETCH_ZERO to TW_SKETCH_LAST), and the value of a bucket in ns. */
uint16_t tw_sketch_bucket(int64_t ns);
double tw_sketch_value(uint16_t bucket);

#endif
