/* SPDX-License-Identifier: Apache-2.0
 * The ZeroMQ message objects that keep received frames alive until their batch is committed.
 * A frame of at most 33 bytes lies inside its zmq_msg_t, so a slot never moves: slots live in
 * chunks that are allocated once, used as a ring and recycled.
 * Thread: intake. Limits: frames and bytes, fixed at birth; reached, tw_hold_is_full() says so and
 * the taps stop receiving (docs/reference/taps.md, "When the store is behind").
 */
#ifndef TW_TAP_HOLD_H
#define TW_TAP_HOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zmq.h>

struct tw_hold_chunk;

struct tw_hold {
    size_t max_frames;
    uint64_t max_bytes;
    uint64_t bytes;               /* of the frames held */
    uint64_t head;                /* frames released since birth */
    uint64_t tail;                /* frames kept since birth; tail - head are held */
    struct tw_hold_chunk *oldest; /* holds frame `head`; chain up to `newest` */
    struct tw_hold_chunk *newest; /* has the slot of frame `tail` */
    struct tw_hold_chunk *spare;  /* recycled */
};

/* max_frames: at least 8; max_bytes: at least one message is always let through. */
void tw_hold_init(struct tw_hold *self, size_t max_frames, uint64_t max_bytes);
/* Closes every frame. */
void tw_hold_fini(struct tw_hold *self);
/* No room for another message (TW_TAP_MAX_FRAMES frames at most). */
bool tw_hold_is_full(const struct tw_hold *self);
/* Make sure that `frames` (at most 8) slots follow without an allocation. TW_OK or TW_ENOMEM. */
int tw_hold_reserve(struct tw_hold *self, size_t frames);
/* The next slot, initialised and empty; the caller receives into it and either keeps it or
 * leaves it (the next call returns it again). After tw_hold_reserve only. */
zmq_msg_t *tw_hold_slot(struct tw_hold *self);
void tw_hold_keep(struct tw_hold *self);
static inline uint64_t tw_hold_mark(const struct tw_hold *self)
{
    return self->tail;
}
/* Close every frame kept before the mark. Marks older than the last one do nothing. */
void tw_hold_release(struct tw_hold *self, uint64_t mark);

#endif
