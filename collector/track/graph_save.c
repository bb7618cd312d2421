/* SPDX-License-Identifier: Apache-2.0
 * The graph as bytes: its records as they lie in memory, free ones included, so that a restored
 * graph gives out the same indexes. A snapshot belongs to one machine and is never the only copy;
 * another byte order or another version is damage. What is read is believed only after every
 * index, every list and every count has been followed. */
#include "config.h"
#include "track/graph_internal.h"

#include <stdlib.h>
#include <string.h>

/* Raised with any change of the records. */
#define MAGIC UINT64_C(0x3468706172677774)
/* Slots of the table that are looked at for an object, on average: 1 to 5 with real keys. */
#define PROBES_PER_OBJECT 64
/* Records that go into the buffer at a time: it may be small. */
#define SAVED_TOGETHER 1024

struct saved {
    uint64_t magic;
    uint32_t objects; /* records, free ones too */
    uint32_t cell_chunks;
    uint32_t events; /* records, free ones too */
    uint32_t free_object;
    uint32_t free_event;
    uint32_t now_s;
    uint32_t turn;
    uint32_t buckets; /* that are not empty */
    uint64_t cuts;
    uint64_t refused;
    uint64_t evicted;
    uint32_t free_bundles[TW_GRAPH_CARRIED_MAX + 1];
    uint32_t padding;
};

struct restore {
    struct tw_graph *graph;
    uint32_t match_count;
    struct saved saved;
    uint8_t *starts;       /* bit i: a bundle, live or free, begins at cell i */
    uint8_t *met;          /* bit i: a list led to the slot in cell i */
    uint8_t *met_events;   /* bit i: a list led to event i */
    uint64_t live_slots;   /* that lists lead to */
    uint64_t free_bundles; /* left to be met */
    uint32_t events;       /* met */
};

/* ---- save ----------------------------------------------------------------------------------- */

static void save_some(const struct object *objects, uint32_t count, struct tw_buf *buf)
{
    size_t len = count * sizeof *objects;
    char *to = tw_buf_reserve(buf, len);
    if (to == NULL) {
        return;
    }
    memcpy(to, objects, len);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t mark = 0; /* walks of this process */
        memcpy(to + i * sizeof *objects + offsetof(struct object, mark), &mark, sizeof mark);
    }
    buf->len += len;
}

static void save_objects(const struct tw_graph *self, struct tw_buf *buf)
{
    for (uint32_t i = 0; i < self->objects.count; i++) {
        const struct chunk *chunk = &self->objects.chunks[i];
        for (uint32_t at = 0; at < chunk->used; at += SAVED_TOGETHER) {
            uint32_t left = chunk->used - at;
            save_some((const struct object *)chunk->memory + at,
                      left < SAVED_TOGETHER ? left : SAVED_TOGETHER, buf);
        }
    }
}

static void save_events(const struct tw_graph *self, struct tw_buf *buf)
{
    for (uint32_t i = 0; i < self->events.count; i++) {
        const struct chunk *chunk = &self->events.chunks[i];
        (void)tw_buf_append(buf, chunk->memory, /* the buffer remembers its error */
                            chunk->used * sizeof(struct event));
    }
}

static void save_wheel(const struct tw_graph *self, struct tw_buf *buf)
{
    for (uint32_t i = 0; i < self->wheel_size; i++) {
        uint32_t second = self->turn + i;
        uint32_t head = self->wheel[second % self->wheel_size].head;
        uint32_t count = 0;
        for (uint32_t at = head; at != NIL; at = object_at(self, at)->next) {
            count++;
        }
        if (count == 0) {
            continue;
        }
        (void)tw_buf_append(buf, &second, sizeof second); /* the buffer remembers its error */
        (void)tw_buf_append(buf, &count, sizeof count);
        for (uint32_t at = head; at != NIL; at = object_at(self, at)->next) {
            (void)tw_buf_append(buf, &at, sizeof at);
        }
    }
}

int tw_graph_save(struct tw_graph *self, struct tw_buf *buf)
{
    tw_graph_settle(self);
    struct saved saved = {.magic = MAGIC,
                          .cell_chunks = self->cells.count,
                          .free_object = self->free_object,
                          .free_event = self->free_event,
                          .now_s = self->now_s,
                          .turn = self->turn,
                          .cuts = self->stats.cuts,
                          .refused = self->stats.refused,
                          .evicted = self->stats.evicted};
    memcpy(saved.free_bundles, self->free_bundles, sizeof saved.free_bundles);
    for (uint32_t i = 0; i < self->objects.count; i++) {
        saved.objects += self->objects.chunks[i].used;
    }
    for (uint32_t i = 0; i < self->events.count; i++) {
        saved.events += self->events.chunks[i].used;
    }
    for (uint32_t i = 0; i < self->wheel_size; i++) {
        saved.buckets += self->wheel[i].head != NIL ? 1 : 0;
    }
    (void)tw_buf_append(buf, &saved, sizeof saved); /* the buffer remembers its error */
    save_objects(self, buf);
    for (uint32_t i = 0; i < self->cells.count; i++) {
        const struct chunk *chunk = &self->cells.chunks[i];
        (void)tw_buf_append(buf, &chunk->used, sizeof chunk->used);
        (void)tw_buf_append(buf, chunk->memory, chunk->used * sizeof(uint64_t));
    }
    save_events(self, buf);
    save_wheel(self, buf);
    return buf->error;
}

/* ---- restore: the records ------------------------------------------------------------------- */

static bool read_bytes(struct tw_cursor *cursor, void *to, size_t len)
{
    struct tw_str bytes = tw_cursor_bytes(cursor, len);
    if (cursor->failed) {
        return false;
    }
    if (len > 0) {
        memcpy(to, bytes.ptr, len);
    }
    return true;
}

/* Records of one size: chunks that are full, but for the last. */
static int read_pool(struct tw_graph *graph, struct tw_cursor *cursor, struct pool *pool,
                     uint32_t records, uint32_t chunk_records, size_t size)
{
    if ((size_t)(cursor->end - cursor->p) / size < records) {
        return TW_EDAMAGED;
    }
    for (uint32_t left = records; left > 0;) {
        uint32_t used = left < chunk_records ? left : chunk_records;
        int err = tw_graph_pool_add_chunk(graph, pool, chunk_records * size);
        if (err != TW_OK) {
            return err;
        }
        struct chunk *chunk = &pool->chunks[pool->count - 1];
        chunk->used = used;
        if (!read_bytes(cursor, chunk->memory, used * size)) {
            return TW_EDAMAGED;
        }
        left -= used;
    }
    return TW_OK;
}

static int read_cells(struct restore *self, struct tw_cursor *cursor)
{
    struct tw_graph *graph = self->graph;
    const uint32_t most = BUNDLE_CELLS + TW_GRAPH_CARRIED_MAX;
    if (self->saved.cell_chunks > INDEX_MAX / CELL_CHUNK) {
        return TW_EDAMAGED;
    }
    for (uint32_t i = 0; i < self->saved.cell_chunks; i++) {
        uint32_t used = 0;
        bool is_last = i + 1 == self->saved.cell_chunks;
        if (!read_bytes(cursor, &used, sizeof used) || used > CELL_CHUNK ||
            (!is_last && used <= CELL_CHUNK - most) ||
            (size_t)(cursor->end - cursor->p) / sizeof(uint64_t) < used) {
            return TW_EDAMAGED;
        }
        int err = tw_graph_pool_add_chunk(graph, &graph->cells, CELL_CHUNK * sizeof(uint64_t));
        if (err != TW_OK) {
            return err;
        }
        struct chunk *chunk = &graph->cells.chunks[i];
        chunk->used = used;
        if (!read_bytes(cursor, chunk->memory, used * sizeof(uint64_t))) {
            return TW_EDAMAGED;
        }
    }
    return TW_OK;
}

static bool is_object(const struct restore *self, uint32_t index)
{
    return index < self->saved.objects && (object_at(self->graph, index)->flags & OBJECT_LIVE) != 0;
}

static bool is_bundle(const struct restore *self, uint32_t index)
{
    const struct pool *pool = &self->graph->cells;
    return index / CELL_CHUNK < pool->count &&
           index % CELL_CHUNK < pool->chunks[index / CELL_CHUNK].used &&
           (self->starts[index / 8] >> index % 8 & 1) != 0;
}

/* ---- restore: the checks -------------------------------------------------------------------- */

static bool check_objects(struct restore *self)
{
    struct tw_graph *graph = self->graph;
    uint64_t free_records = 0;
    for (uint32_t i = 0; i < self->saved.objects; i++) {
        struct object *object = object_at(graph, i);
        uint32_t flags = object->flags;
        bool is_hub = (flags & OBJECT_HUB) != 0;
        object->mark = 0;
        if (flags == 0) {
            free_records++;
            continue;
        }
        if ((flags & OBJECT_LIVE) == 0 || (flags & ~(uint32_t)OBJECT_FLAGS_SAVED) != 0 ||
            is_hub != ((flags & OBJECT_SETTLED) != 0) || object->touch > self->saved.now_s) {
            return false;
        }
        graph->stats.objects++;
        graph->stats.hubs += is_hub ? 1 : 0;
        graph->stats.held += (flags & OBJECT_HELD) != 0 ? 1 : 0;
    }
    for (uint32_t at = self->saved.free_object; at != NIL; at = object_at(graph, at)->next) {
        if (free_records == 0 || at >= self->saved.objects || object_at(graph, at)->flags != 0) {
            return false;
        }
        free_records--;
    }
    graph->free_object = self->saved.free_object;
    return free_records == 0 && graph->stats.objects <= graph->options.max_objects;
}

/* The slots of one bundle. Marks of settled hubs count what names them. */
static bool check_slots(struct restore *self, const struct bundle *bundle)
{
    uint32_t count = bundle_slots(bundle);
    uint64_t threaded = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = bundle->slots[i].object;
        if (index >= FORGOTTEN) {
            if ((index & ~FORGOTTEN) >= TYPES_MAX) {
                return false;
            }
            continue;
        }
        if (!is_object(self, index)) {
            return false;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (bundle->slots[k].object == index) {
                return false;
            }
        }
        struct object *object = object_at(self->graph, index);
        if (bundle->slots[i].next != UNTHREADED) {
            threaded++;
        } else if ((object->flags & OBJECT_SETTLED) == 0) {
            return false;
        } else {
            object->mark++;
        }
    }
    self->live_slots += threaded;
    return threaded > 0;
}

/* The events of one bundle: each is met once, and by one list. */
static bool check_events(struct restore *self, uint32_t list)
{
    while (list != NIL) {
        if (list >= self->saved.events || (self->met_events[list / 8] >> list % 8 & 1) != 0) {
            return false;
        }
        const struct event *event = event_at(self->graph, list);
        if (event_n(event) == 0 || event->match == 0 || event->match >= self->match_count ||
            event->cause >= TW_CAUSE_COUNT || !tw_track_is_time(event_time_ns(event))) {
            return false;
        }
        self->met_events[list / 8] |= (uint8_t)(1U << list % 8);
        self->events++;
        list = event->next;
    }
    return true;
}

/* Every cell of a chunk belongs to a bundle. */
static bool check_chunk(struct restore *self, uint32_t chunk)
{
    struct tw_graph *graph = self->graph;
    uint32_t used = graph->cells.chunks[chunk].used;
    for (uint32_t at = 0; at < used;) {
        uint32_t index = chunk * CELL_CHUNK + at;
        const struct bundle *bundle = bundle_at(graph, index);
        uint32_t slots = bundle_slots(bundle);
        if (used - at < BUNDLE_CELLS + slots || bundle->is_live > 1) {
            return false;
        }
        self->starts[index / 8] |= (uint8_t)(1U << index % 8);
        if (bundle->is_live == 0) {
            self->free_bundles++;
        } else if (!check_slots(self, bundle) || !check_events(self, bundle->events)) {
            return false;
        }
        at += BUNDLE_CELLS + slots;
    }
    return true;
}

static bool check_free_bundles(struct restore *self)
{
    struct tw_graph *graph = self->graph;
    for (uint32_t slots = 0; slots <= TW_GRAPH_CARRIED_MAX; slots++) {
        uint32_t at = self->saved.free_bundles[slots];
        graph->free_bundles[slots] = at;
        for (; at != NIL; at = bundle_at(graph, at)->events) {
            if (self->free_bundles == 0 || !is_bundle(self, at) ||
                bundle_at(graph, at)->is_live != 0 || bundle_slots(bundle_at(graph, at)) != slots) {
                return false;
            }
            self->free_bundles--;
        }
    }
    return self->free_bundles == 0;
}

static bool check_free_events(struct restore *self)
{
    struct tw_graph *graph = self->graph;
    uint32_t left = self->saved.events - self->events;
    graph->free_event = self->saved.free_event;
    for (uint32_t at = graph->free_event; at != NIL; at = event_at(graph, at)->next) {
        if (left == 0 || at >= self->saved.events || event_n(event_at(graph, at)) != 0) {
            return false;
        }
        left--;
    }
    graph->stats.events = self->events;
    return left == 0;
}

/* A list leads to bundles that have the object, among `least` of them, and ends. */
static bool check_list(struct restore *self, uint32_t object, uint32_t list, uint32_t least)
{
    while (list != NIL) {
        if (self->live_slots == 0 || !is_bundle(self, list)) {
            return false;
        }
        const struct bundle *bundle = bundle_at(self->graph, list);
        uint32_t count = bundle_slots(bundle);
        uint32_t i = 0;
        while (i < count && bundle->slots[i].object != object) {
            i++;
        }
        if (bundle->is_live == 0 || count < least || i == count ||
            bundle->slots[i].next == UNTHREADED) {
            return false;
        }
        uint32_t cell = list + BUNDLE_CELLS + i;
        if ((self->met[cell / 8] >> cell % 8 & 1) != 0) {
            return false;
        }
        self->met[cell / 8] |= (uint8_t)(1U << cell % 8);
        self->live_slots--;
        list = bundle->slots[i].next;
    }
    return true;
}

/* Each slot is met once, by one list: none is left over, and no list is a circle. */
static bool check_lists(struct restore *self)
{
    for (uint32_t i = 0; i < self->saved.objects; i++) {
        const struct object *object = object_at(self->graph, i);
        if (object->flags == 0) {
            continue;
        }
        bool is_settled = (object->flags & OBJECT_SETTLED) != 0;
        if (!check_list(self, i, object->list, 1) ||
            (is_settled ? object->joins != object->mark : !check_list(self, i, object->joins, 2))) {
            return false;
        }
    }
    return self->live_slots == 0;
}

static bool read_wheel(struct restore *self, struct tw_cursor *cursor)
{
    struct tw_graph *graph = self->graph;
    uint64_t left = graph->stats.objects;
    for (uint32_t i = 0; i < self->saved.objects; i++) {
        object_at(graph, i)->mark = 0;
    }
    for (uint32_t i = 0; i < self->saved.buckets; i++) {
        uint32_t second = 0;
        uint32_t count = 0;
        if (!read_bytes(cursor, &second, sizeof second) ||
            !read_bytes(cursor, &count, sizeof count)) {
            return false;
        }
        for (uint32_t k = 0; k < count; k++) {
            uint32_t index = 0;
            if (!read_bytes(cursor, &index, sizeof index) || !is_object(self, index) ||
                object_at(graph, index)->mark != 0) {
                return false;
            }
            object_at(graph, index)->mark = 1;
            tw_graph_wheel_insert(graph, index, second);
            left--;
        }
    }
    graph->mark = 1;
    return left == 0;
}

static int restore(struct restore *self, struct tw_cursor *cursor)
{
    struct tw_graph *graph = self->graph;
    if (!read_bytes(cursor, &self->saved, sizeof self->saved) || self->saved.magic != MAGIC ||
        self->saved.objects > TW_GRAPH_OBJECTS_MAX || self->saved.events > INDEX_MAX ||
        self->saved.now_s > TW_TRACK_SECOND_MAX || self->saved.turn > self->saved.now_s + 1) {
        return TW_EDAMAGED;
    }
    int err = read_pool(graph, cursor, &graph->objects, self->saved.objects, OBJECT_CHUNK,
                        sizeof(struct object));
    if (err == TW_OK) {
        err = read_cells(self, cursor);
    }
    if (err == TW_OK) {
        err = read_pool(graph, cursor, &graph->events, self->saved.events, EVENT_CHUNK,
                        sizeof(struct event));
    }
    if (err != TW_OK) {
        return err;
    }
    self->starts = calloc((size_t)graph->cells.count + 1, CELL_CHUNK / 8);
    self->met = calloc((size_t)graph->cells.count + 1, CELL_CHUNK / 8);
    self->met_events = calloc((size_t)graph->events.count + 1, EVENT_CHUNK / 8);
    if (self->starts == NULL || self->met == NULL || self->met_events == NULL) {
        return TW_ENOMEM;
    }
    if (!check_objects(self)) {
        return TW_EDAMAGED;
    }
    for (uint32_t i = 0; i < graph->cells.count; i++) {
        if (!check_chunk(self, i)) {
            return TW_EDAMAGED;
        }
    }
    graph->now_s = self->saved.now_s;
    graph->turn = self->saved.turn;
    graph->earliest = graph->turn;
    graph->stats.cuts = self->saved.cuts;
    graph->stats.refused = self->saved.refused;
    graph->stats.evicted = self->saved.evicted;
    if (!check_free_bundles(self) || !check_free_events(self) || !check_lists(self) ||
        !read_wheel(self, cursor)) {
        return TW_EDAMAGED;
    }
    return tw_graph_table_build(graph, PROBES_PER_OBJECT);
}

/* As new. */
static void empty(struct tw_graph *self)
{
    struct tw_graph fresh = {.options = self->options,
                             .wheel = self->wheel,
                             .wheel_size = self->wheel_size,
                             .free_object = NIL,
                             .free_event = NIL,
                             .made = NIL};
    memcpy(fresh.roots, self->roots, sizeof fresh.roots);
    memset(fresh.free_bundles, 0xff, sizeof fresh.free_bundles);       /* NIL */
    memset(fresh.wheel, 0xff, fresh.wheel_size * sizeof *fresh.wheel); /* NIL */
    fresh.stats.bytes = sizeof fresh + fresh.wheel_size * sizeof *fresh.wheel;
    tw_graph_pool_fini(&self->objects);
    tw_graph_pool_fini(&self->cells);
    tw_graph_pool_fini(&self->events);
    free(self->table);
    free(self->queue);
    free(self->found);
    free(self->events_out);
    *self = fresh;
}

int tw_graph_restore(struct tw_graph *self, struct tw_cursor *cursor, uint32_t match_count)
{
    TW_ASSERT(self->objects.count == 0 && self->cells.count == 0);
    struct restore work = {.graph = self, .match_count = match_count};
    int err = restore(&work, cursor);
    free(work.starts);
    free(work.met);
    free(work.met_events);
    if (err != TW_OK) {
        empty(self);
    }
    return err;
}
