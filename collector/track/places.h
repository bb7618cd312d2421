/* SPDX-License-Identifier: Apache-2.0
 * Places: pairs of a store and a region that events name, numbered.
 * Thread:  the owner's.
 * Limits:  TW_TRACK_PLACES_MAX (track/internal.h). */
#ifndef TW_TRACK_PLACES_H
#define TW_TRACK_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "core/buf.h"

/* What an event says of where it was, in words; 0: nothing. */
struct tw_place {
    uint16_t store;
    uint16_t region;
};
/* Places and their numbers, 1 to count; 0 is none. */
struct tw_places {
    struct tw_place *items; /* owned, by number - 1 */
    uint32_t *slots;
    uint32_t count;
    uint32_t capacity;
    uint32_t slot_count; /* power of two */
    uint64_t refused;    /* times that there was no room for a new one */
};
void tw_places_fini(struct tw_places *self);
/* The number of a place, given to it if it is new. Without room: that of the store alone, or 0.
 * TW_OK, TW_ENOMEM. */
int tw_places_add(struct tw_places *self, struct tw_place place, uint32_t *ret_number);
/* Nothing for 0, and for a number that there is not. */
struct tw_place tw_places_at(const struct tw_places *self, uint32_t number);
size_t tw_places_bytes(const struct tw_places *self);
int tw_places_encode(const struct tw_places *self, struct tw_buf *buf);
/* `stores`, `regions`: the highest words there are. */
int tw_places_decode(struct tw_places *self, struct tw_cursor *cursor, uint32_t stores,
                     uint32_t regions);

#endif
