/* SPDX-License-Identifier: Apache-2.0
 * Memory of the graph: chunks, free lists, the table of objects. A slot of the table has 32 bits of
 * the key, so that neither looking for an object nor taking one out nor growing looks at others. */
#include "config.h"
#include "track/graph_internal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define TABLE_FIRST 1024u
/* Objects lie all over the memory; with pages of 2 MiB the processor finds them much sooner. */
#define HUGE_PAGE ((size_t)2 << 20)

/* Large blocks on huge pages, where the system has them to give; `is_first`: and not yet, since
 * most of it may stay unused. */
static void *block_alloc(size_t bytes, bool is_first)
{
    if (bytes < HUGE_PAGE || is_first) {
        return malloc(bytes);
    }
    void *block = aligned_alloc(HUGE_PAGE, bytes);
    if (block != NULL) {
        (void)madvise(block, bytes, MADV_HUGEPAGE); /* only a wish */
    }
    return block;
}

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
    void *memory = block_alloc(chunk_bytes, pool->count == 0);
    if (memory == NULL) {
        return TW_ENOMEM;
    }
    self->stats.bytes += chunk_bytes;
    pool->chunks[pool->count++] = (struct chunk){memory, 0};
    return TW_OK;
}

void tw_graph_pool_fini(struct pool *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        free(self->chunks[i].memory);
    }
    free(self->chunks);
}

/* A record that was never used, of a pool whose chunks have `chunk` of `size` bytes. */
static int take_fresh(struct tw_graph *self, struct pool *pool, uint32_t chunk, size_t size,
                      uint32_t *ret_index)
{
    if (pool->count == 0 || pool->chunks[pool->count - 1].used == chunk) {
        int err = pool->count >= INDEX_MAX / chunk
                      ? TW_ENOMEM
                      : tw_graph_pool_add_chunk(self, pool, chunk * size);
        if (err != TW_OK) {
            return err;
        }
    }
    *ret_index = (pool->count - 1) * chunk + pool->chunks[pool->count - 1].used++;
    return TW_OK;
}

int tw_graph_object_alloc(struct tw_graph *self, uint32_t *ret_index)
{
    if (self->free_object == NIL) {
        return take_fresh(self, &self->objects, OBJECT_CHUNK, sizeof(struct object), ret_index);
    }
    *ret_index = self->free_object;
    self->free_object = object_at(self, *ret_index)->next;
    if (self->free_object != NIL) {
        __builtin_prefetch(object_at(self, self->free_object), 1);
    }
    return TW_OK;
}

int tw_graph_event_alloc(struct tw_graph *self, uint32_t *ret_index)
{
    if (self->free_event == NIL) {
        return take_fresh(self, &self->events, EVENT_CHUNK, sizeof(struct event), ret_index);
    }
    *ret_index = self->free_event;
    self->free_event = event_at(self, *ret_index)->next;
    if (self->free_event != NIL) {
        __builtin_prefetch(event_at(self, self->free_event), 1);
    }
    return TW_OK;
}

int tw_graph_bundle_alloc(struct tw_graph *self, uint32_t slots, uint32_t *ret_index)
{
    struct pool *pool = &self->cells;
    uint32_t cells = BUNDLE_CELLS + slots;
    if (self->free_bundles[slots] != NIL) {
        *ret_index = self->free_bundles[slots];
        self->free_bundles[slots] = bundle_at(self, *ret_index)->events;
        if (self->free_bundles[slots] != NIL) {
            __builtin_prefetch(bundle_at(self, self->free_bundles[slots]), 1);
        }
        return TW_OK;
    }
    if (pool->count == 0 || pool->chunks[pool->count - 1].used + cells > CELL_CHUNK) {
        if (pool->count >= INDEX_MAX / CELL_CHUNK) {
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

void tw_graph_bundle_free(struct tw_graph *self, uint32_t index)
{
    struct bundle *bundle = bundle_at(self, index);
    uint32_t slots = bundle_slots(bundle);
    while (bundle->events != NIL) {
        uint32_t at = bundle->events;
        struct event *event = event_at(self, at);
        bundle->events = event->next;
        event->n_low = 0;
        event->n_high = 0;
        event->next = self->free_event;
        self->free_event = at;
        self->stats.events--;
    }
    bundle->is_live = 0;
    bundle->events = self->free_bundles[slots];
    self->free_bundles[slots] = index;
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

uint32_t tw_graph_table_find(const struct tw_graph *self, struct tw_graph_key key, uint32_t type)
{
    if (self->table == NULL) {
        return NIL;
    }
    uint32_t hash = (uint32_t)key.low;
    for (uint32_t i = hash & self->table_mask; self->table[i].index != NIL;
         i = (i + 1) & self->table_mask) {
        if (self->table[i].hash != hash) {
            continue;
        }
        const struct object *object = object_at(self, self->table[i].index);
        if (object->low == key.low && object->high == key.high && object->type == type) {
            return self->table[i].index;
        }
    }
    return NIL;
}

/* Puts it where there is room; returns how many slots were looked at. */
static uint64_t insert(struct tw_graph *self, struct table_slot slot)
{
    uint32_t i = slot.hash & self->table_mask;
    uint64_t probes = 1;
    while (self->table[i].index != NIL) {
        i = (i + 1) & self->table_mask;
        probes++;
    }
    self->table[i] = slot;
    return probes;
}

void tw_graph_table_insert(struct tw_graph *self, uint32_t index)
{
    struct table_slot slot = {index, (uint32_t)object_at(self, index)->low};
    (void)insert(self, slot); /* how far it had to look does not matter */
}

/* An empty table of this size in place of the old one, which the caller frees. */
static int renew(struct tw_graph *self, uint64_t slots)
{
    struct table_slot *table = block_alloc(slots * sizeof *table, false);
    if (table == NULL) {
        return TW_ENOMEM;
    }
    memset(table, 0xff, slots * sizeof *table); /* NIL */
    self->stats.bytes += slots * sizeof *table;
    self->table = table;
    self->table_mask = (uint32_t)(slots - 1);
    return TW_OK;
}

int tw_graph_table_reserve(struct tw_graph *self)
{
    struct table_slot *old = self->table;
    uint64_t slots = old == NULL ? 0 : (uint64_t)self->table_mask + 1;
    if ((self->stats.objects + 1) * 4 <= slots * 3) {
        return TW_OK;
    }
    int err = renew(self, slots == 0 ? TABLE_FIRST : slots * 2);
    if (err != TW_OK) {
        return err;
    }
    for (uint64_t i = 0; i < slots; i++) {
        if (old[i].index != NIL) {
            (void)insert(self, old[i]); /* how far it had to look does not matter */
        }
    }
    self->stats.bytes -= slots * sizeof *old;
    free(old);
    return TW_OK;
}

int tw_graph_table_build(struct tw_graph *self, uint64_t probes_per_object)
{
    uint64_t slots = TABLE_FIRST;
    while ((self->stats.objects + 1) * 4 > slots * 3) {
        slots *= 2;
    }
    uint64_t left = self->stats.objects * probes_per_object;
    int err = renew(self, slots);
    for (uint32_t i = 0; i < object_records(self) && err == TW_OK; i++) {
        if ((object_at(self, i)->flags & OBJECT_LIVE) == 0) {
            continue;
        }
        struct table_slot slot = {i, (uint32_t)object_at(self, i)->low};
        uint64_t probes = insert(self, slot);
        err = probes <= left ? TW_OK : TW_EDAMAGED;
        left -= probes;
    }
    return err;
}

/* What stands behind the gap moves into it, unless its own place is behind the gap. */
void tw_graph_table_remove(struct tw_graph *self, uint32_t index)
{
    uint32_t mask = self->table_mask;
    uint32_t gap = (uint32_t)object_at(self, index)->low & mask;
    while (self->table[gap].index != index) {
        gap = (gap + 1) & mask;
    }
    for (uint32_t i = (gap + 1) & mask; self->table[i].index != NIL; i = (i + 1) & mask) {
        if (((i - self->table[i].hash) & mask) >= ((i - gap) & mask)) {
            self->table[gap] = self->table[i];
            gap = i;
        }
    }
    self->table[gap].index = NIL;
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
        uint32_t hash = (uint32_t)objects[i].key.low;
        uint32_t at = hash & self->table_mask;
        while (self->table[at].index != NIL && self->table[at].hash != hash) {
            at = (at + 1) & self->table_mask;
        }
        if (self->table[at].index != NIL) {
            const struct object *object = object_at(self, self->table[at].index);
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
            __builtin_prefetch(bundle_at(self, object->joins), 1);
        }
    }
}
