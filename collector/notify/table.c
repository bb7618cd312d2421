/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "notify/table.h"

#include <stdlib.h>

#define FIRST_ROOM 64

void tw_table_fini(struct tw_table *self)
{
    free(self->slots);
    *self = (struct tw_table){NULL, 0, 0};
}

/* Fingerprints are spread over their low bits already; keys of others are, too, after this. */
static size_t place_of(const struct tw_table *self, uint64_t hash)
{
    return (size_t)((hash * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (self->room - 1);
}

static void insert(struct tw_table *self, uint64_t hash, void *item)
{
    size_t i = place_of(self, hash);
    while (self->slots[i].item != NULL) {
        i = (i + 1) & (self->room - 1);
    }
    self->slots[i] = (struct tw_table_slot){hash, item};
    self->count++;
}

/* At most half full. */
static int make_room(struct tw_table *self)
{
    if (self->count == TW_TABLE_MAX) {
        return TW_ELIMIT;
    }
    if (self->room > 2 * self->count) {
        return TW_OK;
    }
    struct tw_table grown = {.room = self->room == 0 ? FIRST_ROOM : 2 * self->room};
    grown.slots = calloc(grown.room, sizeof *grown.slots);
    if (grown.slots == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < self->room; i++) {
        if (self->slots[i].item != NULL) {
            insert(&grown, self->slots[i].hash, self->slots[i].item);
        }
    }
    free(self->slots);
    *self = grown;
    return TW_OK;
}

int tw_table_put(struct tw_table *self, uint64_t hash, void *item)
{
    int rc = make_room(self);
    if (rc == TW_OK) {
        insert(self, hash, item);
    }
    return rc;
}

/* The cursor counts slots that were looked at. */
void *tw_table_next(const struct tw_table *self, uint64_t hash, size_t *cursor)
{
    if (self->room == 0) {
        return NULL;
    }
    for (size_t first = place_of(self, hash); *cursor < self->room;) {
        const struct tw_table_slot *slot = &self->slots[(first + *cursor) & (self->room - 1)];
        if (slot->item == NULL) {
            return NULL;
        }
        ++*cursor;
        if (slot->hash == hash) {
            return slot->item;
        }
    }
    return NULL;
}

/* What stands behind the hole and would not be found any more moves into it. */
static void close_hole(struct tw_table *self, size_t hole)
{
    size_t mask = self->room - 1;
    for (size_t i = (hole + 1) & mask; self->slots[i].item != NULL; i = (i + 1) & mask) {
        size_t home = place_of(self, self->slots[i].hash);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            self->slots[hole] = self->slots[i];
            hole = i;
        }
    }
    self->slots[hole].item = NULL;
}

void tw_table_remove(struct tw_table *self, uint64_t hash, const void *item)
{
    if (self->room == 0) {
        return;
    }
    size_t mask = self->room - 1;
    for (size_t i = place_of(self, hash); self->slots[i].item != NULL; i = (i + 1) & mask) {
        if (self->slots[i].item == item) {
            close_hole(self, i);
            self->count--;
            return;
        }
    }
}
