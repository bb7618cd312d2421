/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert/engine_internal.h"

#include <stdlib.h>

/* FNV-1a, and its high bits mixed into the low ones, which choose the slot. */
uint64_t tw_slots_hash(uint64_t seed, struct tw_str text)
{
    uint64_t hash = (seed + 1) * UINT64_C(14695981039346656037);
    for (size_t i = 0; i < text.len; i++) {
        hash = (hash ^ (unsigned char)text.ptr[i]) * UINT64_C(1099511628211);
    }
    return hash ^ hash >> 29;
}

static size_t next_of(const struct tw_slots *self, size_t at)
{
    return (at + 1) & (self->capacity - 1);
}

void *tw_slots_find(const struct tw_slots *self, uint64_t hash, tw_slots_same_fn *same,
                    const void *key)
{
    if (self->capacity == 0) {
        return NULL;
    }
    size_t at = (size_t)hash & (self->capacity - 1);
    while (self->slots[at].item != NULL) {
        if (self->slots[at].hash == hash && same(self->slots[at].item, key)) {
            return self->slots[at].item;
        }
        at = next_of(self, at);
    }
    return NULL;
}

int tw_slots_reserve(struct tw_slots *self)
{
    if ((self->count + 1) * 2 <= self->capacity) {
        return TW_OK;
    }
    struct tw_slots larger = {.capacity = self->capacity == 0 ? 64 : self->capacity * 2};
    larger.slots = calloc(larger.capacity, sizeof *larger.slots);
    if (larger.slots == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < self->capacity; i++) {
        if (self->slots[i].item != NULL) {
            tw_slots_put(&larger, self->slots[i].hash, self->slots[i].item);
        }
    }
    free(self->slots);
    *self = larger;
    return TW_OK;
}

void tw_slots_put(struct tw_slots *self, uint64_t hash, void *item)
{
    size_t at = (size_t)hash & (self->capacity - 1);
    while (self->slots[at].item != NULL) {
        at = next_of(self, at);
    }
    self->slots[at] = (struct tw_slot){hash, item};
    self->count++;
}

void tw_slots_remove_at(struct tw_slots *self, size_t at)
{
    size_t mask = self->capacity - 1;
    size_t hole = at;
    for (size_t i = next_of(self, at); self->slots[i].item != NULL; i = next_of(self, i)) {
        size_t home = (size_t)self->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            self->slots[hole] = self->slots[i];
            hole = i;
        }
    }
    self->slots[hole] = (struct tw_slot){0};
    self->count--;
}
