/* SPDX-License-Identifier: Apache-2.0
 * Chunks of the archive: TW_CHUNK_SLOTS consecutive buckets of one series at one step, packed.
 * Pure functions over memory; a decoder treats its input as hostile.
 *
 * Stored form: a byte (1: with places), then for each known slot, ascending: varint difference to
 * the slot before (the first: to -1) less one, varint zigzag difference to the value before (the
 * first: to 0), and the place if there are any: the number of the 10 s bucket within the slot that
 * the value is of. A chunk of 360 quiet buckets takes about 720 bytes.
 */
#ifndef TW_STORE_CHUNK_H
#define TW_STORE_CHUNK_H

#include "core/buf.h"
#include "track/track.h"

#define TW_CHUNK_SLOTS 360

/* The steps of the archive, s, and for how long each is kept. */
#define TW_ARCHIVE_TIERS 3
struct tw_archive_tier {
    int64_t step_s;
    int64_t keep_s;
};
extern const struct tw_archive_tier tw_archive_tiers[TW_ARCHIVE_TIERS];

struct tw_chunk {
    bool known[TW_CHUNK_SLOTS];
    int64_t value[TW_CHUNK_SLOTS];
    uint16_t place[TW_CHUNK_SLOTS]; /* TW_SERIES_LAST: below step / 10 s */
};

/* The bucket of length `step` that holds a second, also before 1970. */
static inline int64_t tw_bucket_of(int64_t second, int64_t step)
{
    int64_t rest = second % step;
    return second - (rest < 0 ? rest + step : rest);
}
/* The chunk that holds a second at this step: where it starts. */
static inline int64_t tw_chunk_start(int64_t second, int64_t step_s)
{
    return tw_bucket_of(second, step_s * TW_CHUNK_SLOTS);
}

/* How two values of one bucket, or of two that fall into one, become one. `later`: the second one
 * is of the same time or a later one. Sums stay within int64_t. */
int64_t tw_series_join(enum tw_series_kind kind, int64_t first, int64_t second, bool later);
/* Add the value of the 10 s bucket at `second`, which is in the chunk that starts at `start`. What
 * is added last counts as newer where both are of the same 10 s. */
void tw_chunk_add(struct tw_chunk *self, enum tw_series_kind kind, int64_t start, int64_t step_s,
                  const struct tw_series_point *point);
/* Append the stored form. TW_OK or the error of the buffer. */
int tw_chunk_encode(const struct tw_chunk *self, struct tw_buf *out);
/* TW_OK or TW_EDAMAGED; *ret_chunk is overwritten in any case. */
int tw_chunk_decode(struct tw_str data, struct tw_chunk *ret_chunk);

#endif
