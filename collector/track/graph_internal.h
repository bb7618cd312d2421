/* SPDX-License-Identifier: Apache-2.0
 * What the files of the graph share: its records, their pools, marks of walks.
 * An index stands for a record; chunks never move, so that pointers stay valid while a record
 * lives.
 */
#ifndef TW_TRACK_GRAPH_INTERNAL_H
#define TW_TRACK_GRAPH_INTERNAL_H

#include "core/err.h"
#include "track/graph.h"
#include "track/track.h"

#define NIL            TW_GRAPH_NONE
#define UNTHREADED     (UINT32_MAX - 1)    /* slot.next: the object's lists do not lead here */
#define TYPES_MAX      4096                /* codes that fit object.type */
#define OBJECT_CHUNK   ((uint32_t)1 << 17) /* 6 MiB */
#define CELL_CHUNK     ((uint32_t)1 << 18) /* 2 MiB */
#define EVENT_CHUNK    ((uint32_t)1 << 19) /* 10 MiB */
#define BUNDLE_CELLS   1u                  /* 8 byte cells of a bundle without its slots */
#define INDEX_MAX      (UINT32_MAX - EVENT_CHUNK) /* so that none is NIL or UNTHREADED */
#define MARKS_PER_WALK (TW_GRAPH_CARRIED_MAX + 2u)
#define FORGOTTEN      ((uint32_t)1 << 31) /* slot.object: with the type of what it named */

enum object_flag {
    OBJECT_LIVE = 1,
    OBJECT_HELD = 2,
    OBJECT_HUB = 4,
    OBJECT_SETTLED = 8, /* a hub whose lists are merged; `joins` counts references to it */
    OBJECT_NEW = 16,    /* made by the event added last */
    OBJECT_CARRIED = 32,
    OBJECT_JOINED = 64, /* linked by the event added last to another that was there before it */
    OBJECT_MIXED = 128, /* see company_of() */
    OBJECT_FLAGS_SAVED = OBJECT_LIVE | OBJECT_HELD | OBJECT_HUB | OBJECT_SETTLED | OBJECT_MIXED,
};

struct object {
    uint64_t low; /* key */
    uint64_t high;
    uint32_t links : 20;  /* distinct neighbours, up to max_links + 1 */
    uint32_t flags : 12;  /* enum object_flag */
    uint32_t events : 20; /* that carried it, up to max_events + 1 */
    uint32_t type : 12;
    uint32_t list;  /* bundles that brought no neighbour, newest first */
    uint32_t joins; /* bundles that brought one; settled hubs: how many unthreaded slots name it */
    uint32_t user;
    uint32_t mark;  /* of walks */
    uint32_t touch; /* s since 1970 of its last event */
    uint32_t next;  /* in its bucket of the wheel; of a free record: the next free one */
};
_Static_assert(sizeof(struct object) == 48, "memory per run is a promise of the header");

struct slot {
    uint32_t object; /* from FORGOTTEN on: forgotten */
    uint32_t next;   /* bundle, in the object's list */
};
/* Objects that were carried together, and the events of one place that carried just these. */
struct bundle {
    uint32_t events; /* newest first; of a free one: the next free one of this size */
    uint16_t place;
    uint8_t last_slot;
    uint8_t is_live;
    struct slot slots[];
};
_Static_assert(sizeof(struct bundle) == BUNDLE_CELLS * sizeof(uint64_t), "as above");

/* In words of 32 bits, so that none is lost to alignment. */
struct event {
    uint32_t n_low; /* n 0: free */
    uint32_t n_high : 12;
    uint32_t cause : 4;
    uint32_t match : 16;
    uint32_t time_low;
    uint32_t time_high;
    uint32_t next; /* of its bundle; of a free one: the next free one */
};
_Static_assert(sizeof(struct event) == 20 && TW_CAUSE_COUNT <= 16, "as above");

/* Chunks of records, or of cells. */
struct chunk {
    void *memory;
    uint32_t used;
};
struct pool {
    struct chunk *chunks;
    uint32_t count;
    uint32_t capacity;
};

/* index NIL: free; hash: the key's low half. */
struct table_slot {
    uint32_t index;
    uint32_t hash;
};
struct bucket {
    uint32_t head;
    uint32_t tail;
};

struct tw_graph {
    struct tw_graph_options options; /* root_types is not used */
    uint64_t roots[TYPES_MAX / 64];  /* bit set of types that runs are keyed by */
    struct pool objects;
    struct pool cells; /* of bundles */
    struct pool events;
    uint32_t free_object;
    uint32_t free_event;
    uint32_t free_bundles[TW_GRAPH_CARRIED_MAX + 1]; /* by number of slots */
    struct table_slot *table;
    uint32_t table_mask;
    struct bucket *wheel; /* by the second of the turn, modulo wheel_size */
    uint32_t wheel_size;
    uint32_t turn;     /* buckets before it are empty */
    uint32_t earliest; /* so are those from turn up to here */
    uint32_t now_s;
    uint32_t mark; /* highest in use */
    /* the event added last */
    uint32_t carried[TW_GRAPH_CARRIED_MAX];
    uint32_t carried_count;
    uint32_t fresh[TW_GRAPH_CARRIED_MAX]; /* hubs it made, not settled yet */
    uint32_t fresh_count;
    uint32_t made;   /* the bundle that was made for it; NIL: none */
    bool joined_old; /* it linked two objects that were there before it */
    /* answers and walks, reused */
    uint32_t *queue;
    size_t queue_capacity;
    struct tw_graph_root *found;
    size_t found_count;
    size_t found_capacity;
    struct tw_graph_event *events_out;
    size_t events_out_count;
    size_t events_out_capacity;
    struct tw_graph_stats stats;
};

static inline struct object *object_at(const struct tw_graph *self, uint32_t index)
{
    return (struct object *)self->objects.chunks[index / OBJECT_CHUNK].memory +
           index % OBJECT_CHUNK;
}

/* How many records of objects were ever used. */
static inline uint32_t object_records(const struct tw_graph *self)
{
    uint32_t last = self->objects.count - 1;
    return self->objects.count == 0 ? 0 : last * OBJECT_CHUNK + self->objects.chunks[last].used;
}

static inline struct bundle *bundle_at(const struct tw_graph *self, uint32_t index)
{
    uint64_t *cells = self->cells.chunks[index / CELL_CHUNK].memory;
    return (struct bundle *)(void *)(cells + index % CELL_CHUNK);
}

static inline struct event *event_at(const struct tw_graph *self, uint32_t index)
{
    return (struct event *)self->events.chunks[index / EVENT_CHUNK].memory + index % EVENT_CHUNK;
}

static inline uint64_t event_n(const struct event *event)
{
    return (uint64_t)event->n_high << 32 | event->n_low;
}

static inline int64_t event_time_ns(const struct event *event)
{
    return (int64_t)((uint64_t)event->time_high << 32 | event->time_low);
}

static inline uint32_t bundle_slots(const struct bundle *bundle)
{
    return bundle->last_slot + 1u;
}

/* The slot of an object that the bundle has. */
static inline struct slot *slot_of(struct bundle *bundle, uint32_t object)
{
    struct slot *slot = bundle->slots;
    while (slot->object != object) {
        slot++;
    }
    return slot;
}

/* The one type that all neighbours of the object have, when each of its bundles has one of them
 * (as all that carries a correlation id may name its sale); TYPES_MAX: it is not so. */
static inline uint32_t company_of(const struct tw_graph *self, uint32_t index)
{
    const struct object *object = object_at(self, index);
    if ((object->flags & (OBJECT_MIXED | OBJECT_HUB)) != 0 || object->joins == NIL) {
        return TYPES_MAX;
    }
    const struct slot *slot = bundle_at(self, object->joins)->slots;
    slot += slot->object == index ? 1 : 0;
    return slot->object < FORGOTTEN ? object_at(self, slot->object)->type
                                    : slot->object - FORGOTTEN;
}

static inline bool is_root_type(const struct tw_graph *self, uint32_t type)
{
    return (self->roots[type / 64] >> type % 64 & 1) != 0;
}

static inline bool is_remembered(const struct slot *slot)
{
    return slot->object < FORGOTTEN;
}

/* Neither a hub, so that paths lead through it. */
static inline bool is_passable(const struct object *object)
{
    return (object->flags & OBJECT_HUB) == 0;
}

/* graph_pool.c: memory and look-up. */
int tw_graph_object_alloc(struct tw_graph *self, uint32_t *ret_index);
int tw_graph_event_alloc(struct tw_graph *self, uint32_t *ret_index);
int tw_graph_bundle_alloc(struct tw_graph *self, uint32_t slots, uint32_t *ret_index);
/* With its events. */
void tw_graph_bundle_free(struct tw_graph *self, uint32_t index);
void tw_graph_pool_fini(struct pool *self);
int tw_graph_pool_add_chunk(struct tw_graph *self, struct pool *pool, size_t chunk_bytes);
uint32_t tw_graph_table_find(const struct tw_graph *self, struct tw_graph_key key, uint32_t type);
/* Room for one more object. */
int tw_graph_table_reserve(struct tw_graph *self);
/* The first table, of all objects there are; TW_EDAMAGED when the keys are no hashes. */
int tw_graph_table_build(struct tw_graph *self, uint64_t probes_per_object);
void tw_graph_table_insert(struct tw_graph *self, uint32_t index);
void tw_graph_table_remove(struct tw_graph *self, uint32_t index);
/* Room for `count` + 1 elements in an array that answers use. */
int tw_graph_grow(struct tw_graph *self, void **array_p, size_t count, size_t *capacity,
                  size_t size);

/* graph_wheel.c: when objects are forgotten. */
/* It is so late, unless it was later already. */
void tw_graph_pass_time(struct tw_graph *self, tw_wall_t now);
void tw_graph_wheel_insert(struct tw_graph *self, uint32_t index, uint32_t due_s);
/* Make room for one object. TW_OK, TW_ELIMIT. */
int tw_graph_evict(struct tw_graph *self);
/* Forget one that is in no bucket. */
void tw_graph_drop(struct tw_graph *self, uint32_t index);

/* graph_walk.c */
/* The first of `count` marks that no object has. */
uint32_t tw_graph_marks(struct tw_graph *self, uint32_t count);
/* Whether a held object is within max_hops; paths lead through all types. */
bool tw_graph_is_held_through(struct tw_graph *self, uint32_t index);

#endif
