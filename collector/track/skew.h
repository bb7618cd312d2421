/* SPDX-License-Identifier: Apache-2.0
 * How far the clock of one source is off, and its event times put right.
 * Transit is receipt time minus event time. A clock that is off shows as a transit that stays the
 * same while the clock on the wall moves on; a backlog shows as one that shrinks, a jam as one that
 * grows. So an offset is believed only after TW_SKEW_EVENTS events over TW_SKEW_SPAN_NS of receipt
 * time whose transits lie within TW_SKEW_SPREAD_NS of each other (a clock ahead: an eighth of the
 * offset more, since nothing but a clock makes events come from the future):
 *  - ahead: the smallest transit is negative;
 *  - behind: the smallest transit is above TW_SKEW_SPREAD_NS.
 * An offset stays until another one is believed, or until an event proves that the clock is no
 * longer that far behind. The fold is deterministic: the same events in the same order give the
 * same offsets.
 * Thread: the owner's (pure, open struct).
 */
#ifndef TW_TRACK_SKEW_H
#define TW_TRACK_SKEW_H

#include <stdint.h>

#include "core/buf.h"
#include "core/clock.h"

#define TW_SKEW_EVENTS    5
#define TW_SKEW_SPAN_NS   (30 * TW_NS_PER_S)
#define TW_SKEW_SPREAD_NS (2 * TW_NS_PER_S)
#define TW_SKEW_LOOK_NS   (5 * TW_NS_PER_S) /* events within it are one look */
#define TW_SKEW_LOOKS     8                 /* 40 s of a busy source, 8 events of a quiet one */

struct tw_skew_look {
    int64_t from_ns; /* receipt time of its first event */
    int64_t min_ns;  /* transits */
    int64_t max_ns;
};
struct tw_skew {
    int64_t offset_ns; /* to add to its event times; positive: behind, negative: ahead */
    uint32_t events;   /* in the looks */
    uint8_t next;      /* look to be written next */
    uint8_t count;     /* looks there are */
    uint32_t in_look[TW_SKEW_LOOKS];
    struct tw_skew_look looks[TW_SKEW_LOOKS];
};

/* All zero is a source of which nothing is known. */
void tw_skew_init(struct tw_skew *self);
/* Fold one event; the offset that is in force with it. */
int64_t tw_skew_fold(struct tw_skew *self, tw_wall_t received, tw_wall_t time);
/* Fold one event that is stored with the offset that was in force: it is so again, even where the
 * events before it are no longer there. */
void tw_skew_refold(struct tw_skew *self, tw_wall_t received, tw_wall_t time, int64_t offset_ns);
/* An event time put right: shifted by the offset, never later than `received`, and one that
 * tracking knows (tw_track_time). */
tw_wall_t tw_skew_apply(int64_t offset_ns, tw_wall_t received, tw_wall_t time);
/* Append the state; read it back (TW_EDAMAGED: *self is as new). */
int tw_skew_encode(const struct tw_skew *self, struct tw_buf *buf);
int tw_skew_decode(struct tw_skew *self, struct tw_cursor *cursor);

#endif
