/* SPDX-License-Identifier: Apache-2.0
 * Memory of the graph: chunks, free lists, the table of objects. The table has 4 bytes a slot: an
 * index, and 6 bits of the key so that a neighbour in the table is rarely looked at in vain. */
#include "config.h"
#include "track/graph_internal.h"

#include <stdlib.h>
#include <string.h>

#define EMPTY       UINT32_MAX
#define INDEX_BITS  26
#define INDEX_MASK  (((uint32_t)1 << INDEX_BITS) - 1)
#define TAGS        63u /* so that no slot is EMPTY */
#define TABLE_FIRST 1024u

int tw_graph_pool_add_chunk(struct tw_graph *self, struct pool *pool, size_t chunk_bytes)
{
    if (pool->count == pool->capacity) {
        uint32_t capacity = pool->capacity == 0 ? 16 : pool->capacity * 2;
        struct chunk *chunks = realloc(pool->chunks, capacity * sizeof *chunks);
        if (chunks == NULL) {
            return TW_ENOMEM;
        }
        self->stats.bytes += (capacity - pool->capacity) * sizeof *chunks;
        pool->chunks = chunks;
        pool->capacity = capacity;
    }
    void *memory = malloc(chunk_bytes);
    if (memory == NULL) {
        return TW_ENOMEM;
    }
    self->stats.bytes += chunk_bytes;
    pool->chunks[pool->count++] = (struct chunk){memory, 0};
    return TW_OK;
}

int tw_graph_object_alloc(struct tw_graph *self, uint32_t *ret_index)
{
    struct pool *pool = &self->objects;
    if (self->free_object != NIL) {
        *ret_index = self->free_object;
        self->free_object = object_at(self, *ret_index)->next;
        return TW_OK;
    }
    if (pool->count == 0 || pool->chunks[pool->count - 1].used == OBJECT_CHUNK) {
        int err = tw_graph_pool_add_chunk(self, pool, OBJECT_CHUNK * sizeof(struct object));
        if (err != TW_OK) {
            return err;
        }
    }
    *ret_index = (pool->count - 1) * OBJECT_CHUNK + pool->chunks[pool->count - 1].used++;
    return TW_OK;
}

int tw_graph_event_alloc(struct tw_graph *self, uint32_t slots, uint32_t *ret_index)
{
    struct pool *pool = &self->cells;
    uint32_t cells = EVENT_CELLS + slots;
    if (self->free_events[slots] != NIL) {
        *ret_index = self->free_events[slots];
        self->free_events[slots] = event_at(self, *ret_index)->match;
        return TW_OK;
    }
    if (pool->count == 0 || pool->chunks[pool->count - 1].used + cells > CELL_CHUNK) {
        if (pool->count >= CELLS_MAX / CELL_CHUNK) {
            return TW_ENOMEM;
        }
        int err = tw_graph_pool_add_chunk(self, pool, CELL_CHUNK * sizeof(uint64_t));
        if (err != TW_OK) {
            return err;
        }
    }
    struct chunk *chunk = &pool->chunks[pool->count - 1];
    *ret_index = (pool->count - 1) * CELL_CHUNK + chunk->used;
    chunk->used += cells;
    return TW_OK;
}

void tw_graph_event_free(struct tw_graph *self, uint32_t index)
{
    struct event *event = event_at(self, index);
    uint32_t slots = event_slots(event);
    event->head = slots - 1;
    event->match = self->free_events[slots];
    self->free_events[slots] = index;
    self->stats.events--;
}

int tw_graph_grow(struct tw_graph *self, void **array_p, size_t count, size_t *capacity,
                  size_t size)
{
    if (count < *capacity) {
        return TW_OK;
    }
    size_t bigger = *capacity == 0 ? 64 : *capacity * 2;
    void *array = realloc(*array_p, bigger * size);
    if (array == NULL) {
        return TW_ENOMEM;
    }
    self->stats.bytes += (bigger - *capacity) * size;
    *array_p = array;
    *capacity = bigger;
    return TW_OK;
}

/* ---- the table ------------------------------------------------------------------------------ */

static uint32_t slot_value(uint64_t high, uint32_t index)
{
    return (uint32_t)(high % TAGS) << INDEX_BITS | index;
}

uint32_t tw_graph_table_find(const struct tw_graph *self, struct tw_graph_key key, uint32_t type)
{
    if (self->table == NULL) {
        return NIL;
    }
    uint32_t tag = slot_value(key.high, 0);
    for (uint32_t i = (uint32_t)key.low & self->table_mask; self->table[i] != EMPTY;
         i = (i + 1) & self->table_mask) {
        if ((self->table[i] & ~INDEX_MASK) != tag) {
            continue;
        }
        const struct object *object = object_at(self, self->table[i] & INDEX_MASK);
        if (object->low == key.low && object->high == key.high && object->type == type) {
            return self->table[i] & INDEX_MASK;
        }
    }
    return NIL;
}

/* Puts it where there is room; returns how many slots were looked at. */
static uint64_t insert(struct tw_graph *self, uint32_t index)
{
    const struct object *object = object_at(self, index);
    uint32_t i = (uint32_t)object->low & self->table_mask;
    uint64_t probes = 1;
    while (self->table[i] != EMPTY) {
        i = (i + 1) & self->table_mask;
        probes++;
    }
    self->table[i] = slot_value(object->high, index);
    return probes;
}

void tw_graph_table_insert(struct tw_graph *self, uint32_t index)
{
    (void)insert(self, index); /* how far it had to look does not matter */
}

int tw_graph_table_rebuild(struct tw_graph *self, uint64_t slots, uint64_t probes)
{
    uint32_t *table = malloc(slots * sizeof *table);
    if (table == NULL) {
        return TW_ENOMEM;
    }
    memset(table, 0xff, slots * sizeof *table); /* EMPTY */
    self->stats.bytes += slots * sizeof *table;
    self->stats.bytes -= self->table == NULL ? 0 : ((uint64_t)self->table_mask + 1) * sizeof *table;
    free(self->table);
    self->table = table;
    self->table_mask = (uint32_t)(slots - 1);
    for (uint32_t chunk = 0; chunk < self->objects.count; chunk++) {
        for (uint32_t i = 0; i < self->objects.chunks[chunk].used; i++) {
            uint32_t index = chunk * OBJECT_CHUNK + i;
            if ((object_at(self, index)->flags & OBJECT_LIVE) == 0) {
                continue;
            }
            uint64_t used = insert(self, index);
            if (used > probes) {
                return TW_EDAMAGED;
            }
            probes -= used;
        }
    }
    return TW_OK;
}

int tw_graph_table_reserve(struct tw_graph *self)
{
    uint64_t slots = self->table == NULL ? 0 : (uint64_t)self->table_mask + 1;
    if ((self->stats.objects + 1) * 4 <= slots * 3) {
        return TW_OK;
    }
    while ((self->stats.objects + 1) * 4 > slots * 3) {
        slots = slots == 0 ? TABLE_FIRST : slots * 2;
    }
    return tw_graph_table_rebuild(self, slots, UINT64_MAX);
}

/* What stands behind the gap moves into it, unless its own place is behind the gap. */
void tw_graph_table_remove(struct tw_graph *self, uint32_t index)
{
    const struct object *object = object_at(self, index);
    uint32_t mask = self->table_mask;
    uint32_t gap = (uint32_t)object->low & mask;
    while ((self->table[gap] & INDEX_MASK) != index || self->table[gap] == EMPTY) {
        gap = (gap + 1) & mask;
    }
    for (uint32_t i = (gap + 1) & mask; self->table[i] != EMPTY; i = (i + 1) & mask) {
        uint32_t home = (uint32_t)object_at(self, self->table[i] & INDEX_MASK)->low & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) {
            self->table[gap] = self->table[i];
            gap = i;
        }
    }
    self->table[gap] = EMPTY;
}

/* ---- prefetch ------------------------------------------------------------------------------- */

void tw_graph_prefetch_slots(const struct tw_graph *self, const struct tw_graph_object *objects,
                             size_t count)
{
    for (size_t i = 0; self->table != NULL && i < count; i++) {
        __builtin_prefetch(&self->table[(uint32_t)objects[i].key.low & self->table_mask]);
    }
}

void tw_graph_prefetch_objects(const struct tw_graph *self, const struct tw_graph_object *objects,
                               size_t count)
{
    for (size_t i = 0; self->table != NULL && i < count; i++) {
        uint32_t tag = slot_value(objects[i].key.high, 0);
        uint32_t slot = (uint32_t)objects[i].key.low & self->table_mask;
        while (self->table[slot] != EMPTY && (self->table[slot] & ~INDEX_MASK) != tag) {
            slot = (slot + 1) & self->table_mask;
        }
        if (self->table[slot] != EMPTY) {
            const struct object *object = object_at(self, self->table[slot] & INDEX_MASK);
            __builtin_prefetch(object, 1);
            __builtin_prefetch(&object->next, 1); /* the record may lie on two lines */
        }
    }
}

void tw_graph_prefetch_events(const struct tw_graph *self, const struct tw_graph_object *objects,
                              size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t index = tw_graph_find(self, &objects[i]);
        if (index == NIL) {
            continue;
        }
        const struct object *object = object_at(self, index);
        if ((object->flags & OBJECT_SETTLED) == 0 && object->joins != NIL) {
            const struct event *event = event_at(self, object->joins);
            __builtin_prefetch(event);
            __builtin_prefetch(&event->slots[1]);
        }
    }
}
