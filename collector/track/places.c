/* SPDX-License-Identifier: Apache-2.0
 * Places: a store and a region that events name together, as one number, so that the graph keeps
 * both in the room of one. A store is mostly in one region: there are hardly more places than
 * stores. Never removed: their number is bounded. */
#include "config.h"
#include "track/internal.h"

#include <stdlib.h>

#include "core/err.h"

void tw_places_fini(struct tw_places *self)
{
    free(self->items);
    free(self->slots);
    self->items = NULL;
    self->slots = NULL;
    self->count = 0;
    self->capacity = 0;
    self->slot_count = 0;
    self->refused = 0;
}

/* The slot where the place stands, or the free one where it would. There is a free one. */
static uint32_t find_slot(const struct tw_places *self, struct tw_place place)
{
    uint64_t mixed = ((uint64_t)place.region << 16 | place.store) * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t at = (uint32_t)(mixed >> 32) & (self->slot_count - 1);
    while (self->slots[at] != 0 && (self->items[self->slots[at] - 1].store != place.store ||
                                    self->items[self->slots[at] - 1].region != place.region)) {
        at = (at + 1) & (self->slot_count - 1);
    }
    return at;
}

static int grow(struct tw_places *self)
{
    if (self->count == self->capacity) {
        uint32_t capacity = self->capacity == 0 ? 64 : self->capacity * 2;
        struct tw_place *items = realloc(self->items, capacity * sizeof *items);
        if (items == NULL) {
            return TW_ENOMEM;
        }
        self->items = items;
        self->capacity = capacity;
    }
    if ((self->count + 1) * 2 <= self->slot_count) {
        return TW_OK;
    }
    uint32_t slot_count = self->slot_count == 0 ? 256 : self->slot_count * 2;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) {
        return TW_ENOMEM;
    }
    free(self->slots);
    self->slots = slots;
    self->slot_count = slot_count;
    for (uint32_t i = 0; i < self->count; i++) {
        slots[find_slot(self, self->items[i])] = i + 1;
    }
    return TW_OK;
}

static uint32_t find(const struct tw_places *self, struct tw_place place)
{
    return self->slot_count == 0 ? 0 : self->slots[find_slot(self, place)];
}

int tw_places_add(struct tw_places *self, struct tw_place place, uint32_t *ret_number)
{
    *ret_number = 0;
    if (place.store == 0 && place.region == 0) {
        return TW_OK;
    }
    *ret_number = find(self, place);
    if (*ret_number != 0) {
        return TW_OK;
    }
    if (self->count == TW_TRACK_PLACES_MAX) {
        self->refused++;
        *ret_number = find(self, (struct tw_place){.store = place.store});
        return TW_OK;
    }
    int rc = grow(self);
    if (rc == TW_OK) {
        self->items[self->count++] = place;
        self->slots[find_slot(self, place)] = self->count;
        *ret_number = self->count;
    }
    return rc;
}

struct tw_place tw_places_at(const struct tw_places *self, uint32_t number)
{
    const struct tw_place nothing = {0, 0};
    return number == 0 || number > self->count ? nothing : self->items[number - 1];
}

size_t tw_places_bytes(const struct tw_places *self)
{
    return self->capacity * sizeof *self->items + self->slot_count * sizeof *self->slots;
}

int tw_places_encode(const struct tw_places *self, struct tw_buf *buf)
{
    (void)tw_buf_append_varint(buf, self->refused); /* errors are sticky */
    (void)tw_buf_append_varint(buf, self->count);
    for (uint32_t i = 0; i < self->count; i++) {
        (void)tw_buf_append_varint(buf, self->items[i].store);
        (void)tw_buf_append_varint(buf, self->items[i].region);
    }
    return buf->error;
}

int tw_places_decode(struct tw_places *self, struct tw_cursor *cursor, uint32_t stores,
                     uint32_t regions)
{
    tw_places_fini(self);
    uint64_t refused = tw_cursor_varint(cursor);
    uint64_t count = tw_cursor_varint(cursor);
    int rc = cursor->failed || count > TW_TRACK_PLACES_MAX ? TW_EDAMAGED : TW_OK;
    for (uint64_t i = 0; rc == TW_OK && i < count; i++) {
        uint64_t store = tw_cursor_varint(cursor);
        uint64_t region = tw_cursor_varint(cursor);
        uint32_t number = 0;
        if (cursor->failed || store > stores || region > regions) {
            return TW_EDAMAGED;
        }
        rc = tw_places_add(self, (struct tw_place){(uint16_t)store, (uint16_t)region}, &number);
        rc = rc == TW_OK && number != i + 1 ? TW_EDAMAGED : rc;
    }
    self->refused = refused;
    return rc;
}
