/* SPDX-License-Identifier: Apache-2.0
 * Following the runs of which a step failed or was overdue: each is told again whenever something
 * of it changed, in the order of the commits, across partitions. Who follows keeps the place where
 * it was and misses nothing; a run may be told twice (a new partition begins with those that are
 * open), so that what is made of it must be the same twice.
 * Thread, limits and failures as store/reader.h; results live in the arena that the caller gives.
 */
#ifndef TW_STORE_SETBACKS_H
#define TW_STORE_SETBACKS_H

#include "store/tracks.h"

/* The last one that was told. All zero: from the oldest that is kept. */
struct tw_setback_place {
    uint32_t part;
    uint64_t changed; /* commit in that partition; 0: nothing of it was told */
    struct tw_str workflow;
    uint16_t object_type;
    struct tw_str object_scope;
    struct tw_str object_id;
};
struct tw_setback {
    struct tw_run_row row;
    struct tw_str steps; /* tw_run_row.setbacks */
    uint64_t changed;
};

/* The next ones behind `place`, at most limit (1 to 1,000), all of one partition; none: *ret_place
 * may still be in a later partition. Partitions that have gone, or are of an older version, are
 * passed over. */
int tw_reader_setbacks(struct tw_reader *self, struct tw_arena *arena,
                       const struct tw_setback_place *place, size_t limit,
                       const struct tw_setback **ret_items, size_t *ret_count,
                       struct tw_setback_place *ret_place);

#endif
