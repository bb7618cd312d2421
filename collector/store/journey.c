/* SPDX-License-Identifier: Apache-2.0
 * Journeys: a breadth-first walk over the stored events, level by level, from one object.
 * Whatever decides what belongs to the journey is a property of the set of events, never of their
 * numbers: the objects of a level are taken in order of type and identifier, an object's events
 * are taken whole or not at all, and whether it is a hub is known before any of them is taken.
 * Thread: as struct tw_reader.
 */
#include "config.h"
#include "store/journey.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "store/reader_internal.h"

/* Pairs in the answer; beyond it the journey is partial. 65,536 lines are past any picture. */
#define LINKS_MAX 65536u
/* Not reached (yet): seen beside an object, but not part of the journey. */
#define HOPS_NONE UINT32_MAX

/* Keys (never 0) to numbers, open addressing; grows by doubling. */
struct map {
    uint64_t *keys;
    uint32_t *values;
    size_t slots; /* power of two, or 0 */
    size_t count;
};

struct node {
    struct tw_object object;
    uint32_t hops;
    uint32_t counted_for; /* the object (index + 1) whose neighbours were last counted */
    uint32_t out_index;   /* in the answer */
    uint64_t links;
    bool is_hub;
    bool is_same_type;
};

struct walk {
    struct tw_reader *reader;
    struct tw_arena *arena;
    const struct tw_journey_limits *limits;
    struct node *nodes; /* [0] is the journey's own object */
    size_t node_count;
    size_t node_capacity;
    struct map node_map; /* hash of the object -> node */
    struct tw_stored *events;
    size_t event_count;
    size_t event_capacity;
    struct map event_map;    /* n -> event */
    struct tw_stored *fresh; /* events of the object under way that are not in `events` yet */
    size_t fresh_count;
    size_t fresh_capacity;
    uint32_t *level; /* nodes of the level under way, in order of type and identifier */
    size_t level_count;
    size_t level_capacity;
    size_t budget_bytes; /* arena bytes that events may take */
    bool is_partial;
    bool was_damaged;
};

/* ---- map ------------------------------------------------------------------------------------ */

static size_t map_slot(const struct map *self, uint64_t key)
{
    size_t slot = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (self->slots - 1);
    while (self->keys[slot] != 0 && self->keys[slot] != key) {
        slot = (slot + 1) & (self->slots - 1);
    }
    return slot;
}

static int map_grow(struct map *self)
{
    const struct map old = *self;
    size_t slots = old.slots == 0 ? 64 : old.slots * 2;
    uint64_t *keys = calloc(slots, sizeof *keys);
    uint32_t *values = calloc(slots, sizeof *values);
    if (keys == NULL || values == NULL) {
        free(keys);
        free(values);
        return TW_ENOMEM;
    }
    self->keys = keys;
    self->values = values;
    self->slots = slots;
    for (size_t i = 0; i < old.slots; i++) {
        if (old.keys[i] != 0) {
            size_t slot = map_slot(self, old.keys[i]);
            keys[slot] = old.keys[i];
            values[slot] = old.values[i];
        }
    }
    free(old.keys);
    free(old.values);
    return TW_OK;
}

static bool map_get(const struct map *self, uint64_t key, uint32_t *ret_value)
{
    if (self->slots == 0) {
        return false;
    }
    size_t slot = map_slot(self, key);
    if (self->keys[slot] == 0) {
        return false;
    }
    *ret_value = self->values[slot];
    return true;
}

static int map_put(struct map *self, uint64_t key, uint32_t value)
{
    if (self->count * 2 >= self->slots) {
        int err = map_grow(self);
        if (err != TW_OK) {
            return err;
        }
    }
    size_t slot = map_slot(self, key);
    if (self->keys[slot] == 0) {
        self->count++;
    }
    self->keys[slot] = key;
    self->values[slot] = value;
    return TW_OK;
}

static void map_fini(struct map *self)
{
    free(self->keys);
    free(self->values);
    *self = (struct map){0};
}

/* Room for one more element of `size` bytes in a heap array. */
static int grow(void **array_p, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity) {
        return TW_OK;
    }
    size_t bigger = *capacity == 0 ? 32 : *capacity * 2;
    void *array = realloc(*array_p, bigger * size);
    if (array == NULL) {
        return TW_ENOMEM;
    }
    *array_p = array;
    *capacity = bigger;
    return TW_OK;
}

/* ---- objects -------------------------------------------------------------------------------- */

static bool is_linking(const struct walk *self, const struct tw_object *object)
{
    const struct tw_object_type *type = tw_reader_object_type_by_code(self->reader, object->type);
    return type != NULL && type->is_linking;
}

static bool object_equal(const struct tw_object *a, const struct tw_object *b)
{
    return a->type == b->type && tw_str_equal(a->id, b->id) && tw_str_equal(a->scope, b->scope);
}

static int object_compare(const struct tw_object *a, const struct tw_object *b)
{
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    int order = tw_str_compare(a->id, b->id);
    return order != 0 ? order : tw_str_compare(a->scope, b->scope);
}

/* Never 0. The seed is an address: a sender cannot know which identifiers collide. */
static uint64_t hash_object(const struct walk *self, const struct tw_object *object)
{
    uint64_t seed = (uint64_t)(uintptr_t)self->reader;
    uint64_t key = XXH3_64bits_withSeed(object->id.ptr, object->id.len, seed);
    return XXH3_64bits_withSeed(object->scope.ptr, object->scope.len, key + object->type) | 1;
}

/* Where an object is, or would be: its key in node_map. */
static bool find(const struct walk *self, const struct tw_object *object, uint64_t *ret_key,
                 uint32_t *ret_index)
{
    uint64_t key = hash_object(self, object);
    for (; map_get(&self->node_map, key, ret_index); key += 2) {
        if (object_equal(&self->nodes[*ret_index].object, object)) {
            return true;
        }
    }
    *ret_key = key;
    return false;
}

/* The node of an object, made on first sight. Its strings must live as long as the arena. */
static int intern(struct walk *self, const struct tw_object *object, uint32_t *ret_index)
{
    uint64_t key = 0;
    if (find(self, object, &key, ret_index)) {
        return TW_OK;
    }
    int err =
        grow((void **)&self->nodes, self->node_count, &self->node_capacity, sizeof *self->nodes);
    if (err == TW_OK) {
        err = map_put(&self->node_map, key, (uint32_t)self->node_count);
    }
    if (err != TW_OK) {
        return err;
    }
    self->nodes[self->node_count] = (struct node){.object = *object, .hops = HOPS_NONE};
    *ret_index = (uint32_t)self->node_count++;
    return TW_OK;
}

/* ---- the walk ------------------------------------------------------------------------------- */

/* Event n as far as it can be read: from what is there, or into `fresh`. NULL: it cannot be read
 * (expired meanwhile, damaged: the journey is partial) or is no first-seen event. */
static int take_event(struct walk *self, uint64_t n, const struct tw_stored **ret_event)
{
    uint32_t index = 0;
    *ret_event = NULL;
    if (map_get(&self->event_map, n, &index)) {
        *ret_event = &self->events[index];
        return TW_OK;
    }
    int err =
        grow((void **)&self->fresh, self->fresh_count, &self->fresh_capacity, sizeof *self->fresh);
    if (err != TW_OK) {
        return err;
    }
    struct tw_stored *stored = &self->fresh[self->fresh_count];
    err = tw_reader_record(self->reader, self->arena, n, stored);
    if (err == TW_ENOTFOUND || err == TW_EDAMAGED) {
        self->is_partial = true;
        self->was_damaged = self->was_damaged || err == TW_EDAMAGED;
        return TW_OK;
    }
    if (err == TW_OK && stored->record.kind == TW_RECORD_EVENT) {
        *ret_event = stored;
        self->fresh_count++;
    }
    return err;
}

/* Count the neighbours in one event that were not counted for this object before. */
static int count_neighbours(struct walk *self, uint32_t of, const struct tw_stored *event)
{
    for (uint32_t i = 0; i < event->record.object_count; i++) {
        const struct tw_object *object = &event->record.objects[i];
        uint32_t index = 0;
        if (!is_linking(self, object)) {
            continue;
        }
        int err = intern(self, object, &index);
        if (err != TW_OK) {
            return err;
        }
        if (index != of && self->nodes[index].counted_for != of + 1) {
            self->nodes[index].counted_for = of + 1;
            self->nodes[of].links++;
        }
    }
    return TW_OK;
}

/* Put the neighbours in one event into the journey, one hop further than `of`. */
static int admit_neighbours(struct walk *self, uint32_t of, const struct tw_stored *event)
{
    uint32_t hops = self->nodes[of].hops + 1;
    for (uint32_t i = 0; i < event->record.object_count; i++) {
        const struct tw_object *object = &event->record.objects[i];
        uint32_t index = 0;
        if (!is_linking(self, object)) {
            continue;
        }
        int err = intern(self, object, &index);
        if (err != TW_OK) {
            return err;
        }
        struct node *node = &self->nodes[index];
        if (node->hops != HOPS_NONE) {
            continue;
        }
        if (hops > self->limits->max_hops) {
            self->is_partial = true;
            continue;
        }
        node->hops = hops;
        node->is_same_type = object->type == self->nodes[0].object.type;
    }
    return TW_OK;
}

/* Make the fresh events part of the journey. */
static int keep_fresh(struct walk *self)
{
    for (size_t i = 0; i < self->fresh_count; i++) {
        int err = grow((void **)&self->events, self->event_count, &self->event_capacity,
                       sizeof *self->events);
        if (err == TW_OK) {
            err = map_put(&self->event_map, self->fresh[i].record.n, (uint32_t)self->event_count);
        }
        if (err != TW_OK) {
            return err;
        }
        self->events[self->event_count++] = self->fresh[i];
    }
    return TW_OK;
}

/* Read an object's events and count its neighbours. Whether it is a hub is found out even where
 * its events do not fit, so that neither depends on which event came first. Stops early where the
 * rest cannot matter: a hub other than the journey's own object gives the journey nothing. */
static int read_events(struct walk *self, uint32_t of, const uint64_t *ns, size_t count,
                       bool *ret_fits)
{
    *ret_fits = true;
    for (size_t i = 0; i < count; i++) {
        const struct tw_stored *event = NULL;
        int err = take_event(self, ns[i], &event);
        if (err == TW_OK && event != NULL && !self->nodes[of].is_hub) {
            err = count_neighbours(self, of, event);
        }
        if (err != TW_OK) {
            return err;
        }
        if (self->nodes[of].links > self->limits->max_links) {
            self->nodes[of].links = (uint64_t)self->limits->max_links + 1;
            self->nodes[of].is_hub = true;
            if (of != 0) {
                return TW_OK;
            }
        }
        if (self->event_count + self->fresh_count > self->limits->max_events) {
            *ret_fits = false;
        }
        if (self->arena->used > self->budget_bytes) {
            *ret_fits = false;
            return TW_OK;
        }
    }
    return TW_OK;
}

static struct tw_hub *hub_slot(const struct walk *self, uint64_t key)
{
    return &self->reader->hubs[key >> 1 & (TW_READER_HUBS - 1)];
}

/* Was the object found to be a hub before, with the same limits? */
static bool is_known_hub(struct walk *self, uint32_t of)
{
    uint64_t key = hash_object(self, &self->nodes[of].object);
    const struct tw_hub *hub = hub_slot(self, key);
    if (hub->key != key || hub->max_links != self->limits->max_links ||
        hub->max_events != self->limits->max_events) {
        return false;
    }
    self->nodes[of].is_hub = true;
    self->nodes[of].links = hub->links;
    return true;
}

static void remember_hub(struct walk *self, uint32_t of)
{
    uint64_t key = hash_object(self, &self->nodes[of].object);
    *hub_slot(self, key) = (struct tw_hub){.key = key,
                                           .max_links = self->limits->max_links,
                                           .max_events = self->limits->max_events,
                                           .links = self->nodes[of].links};
}

/* The numbers of an object's events. One with more than a journey may have is a hub. */
static int fetch_postings(struct walk *self, uint32_t of, const uint64_t **ret_ns,
                          size_t *ret_count)
{
    bool has_more = false;
    const struct tw_object object = self->nodes[of].object;
    int err = tw_reader_postings(self->reader, self->arena, &object, self->limits->max_events,
                                 ret_ns, ret_count, &has_more);
    if (err == TW_EDAMAGED && of != 0) {
        self->is_partial = true;
        *ret_count = 0;
        return TW_OK;
    }
    if (err == TW_OK && has_more) {
        self->nodes[of].is_hub = true;
        self->is_partial = self->is_partial || of == 0;
    }
    return err;
}

/* Make the fresh events part of the journey, and the neighbours in all events of `of`. */
static int take_all(struct walk *self, uint32_t of, const uint64_t *ns, size_t count)
{
    int err = keep_fresh(self);
    for (size_t i = 0; err == TW_OK && !self->nodes[of].is_hub && i < count; i++) {
        uint32_t index = 0;
        if (map_get(&self->event_map, ns[i], &index)) {
            err = admit_neighbours(self, of, &self->events[index]);
        }
    }
    return err;
}

/* Take one object's events into the journey, and its neighbours, unless it is a hub or its events
 * do not fit any more. */
static int expand(struct walk *self, uint32_t of)
{
    const uint64_t *ns = NULL;
    size_t count = 0;
    bool fits = true;
    bool is_own = of == 0;
    if (!is_own && is_known_hub(self, of)) {
        return TW_OK;
    }
    self->fresh_count = 0;
    int err = fetch_postings(self, of, &ns, &count);
    if (err == TW_OK && (is_own || !self->nodes[of].is_hub)) {
        err = read_events(self, of, ns, count, &fits);
    }
    if (err != TW_OK) {
        return err;
    }
    if (!is_own && self->nodes[of].is_hub) {
        remember_hub(self, of);
        return TW_OK;
    }
    if (!fits) {
        self->is_partial = true;
    }
    return fits || is_own ? take_all(self, of, ns, count) : TW_OK;
}

struct level_entry {
    const struct tw_object *object;
    uint32_t index;
};

static int level_compare(const void *a, const void *b)
{
    const struct level_entry *left = a;
    const struct level_entry *right = b;
    return object_compare(left->object, right->object);
}

/* The objects `hops` from the start that may be passed through, in order. */
static int collect_level(struct walk *self, uint32_t hops)
{
    struct level_entry *entries = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int err = TW_OK;
    for (size_t i = 0; i < self->node_count && err == TW_OK; i++) {
        if (self->nodes[i].hops != hops || self->nodes[i].is_same_type) {
            continue;
        }
        err = grow((void **)&entries, count, &capacity, sizeof *entries);
        if (err == TW_OK) {
            entries[count++] = (struct level_entry){&self->nodes[i].object, (uint32_t)i};
        }
    }
    if (err == TW_OK && count > 0) {
        qsort(entries, count, sizeof *entries, level_compare);
    }
    self->level_count = 0;
    for (size_t i = 0; i < count && err == TW_OK; i++) {
        err = grow((void **)&self->level, self->level_count, &self->level_capacity,
                   sizeof *self->level);
        if (err == TW_OK) {
            self->level[self->level_count++] = entries[i].index;
        }
    }
    free(entries);
    return err;
}

static int walk_all(struct walk *self)
{
    /* context only describes: it names what its events carry and joins nothing */
    uint32_t last_level = is_linking(self, &self->nodes[0].object) ? self->limits->max_hops : 0;
    for (uint32_t hops = 0; hops <= last_level; hops++) {
        int err = collect_level(self, hops);
        if (err != TW_OK) {
            return err;
        }
        if (self->level_count == 0) {
            break;
        }
        for (size_t i = 0; i < self->level_count; i++) {
            err = expand(self, self->level[i]);
            if (err != TW_OK) {
                return err;
            }
        }
    }
    return TW_OK;
}

/* ---- the answer ----------------------------------------------------------------------------- */

static int event_compare(const void *a, const void *b)
{
    const struct tw_record *left = &((const struct tw_stored *)a)->record;
    const struct tw_record *right = &((const struct tw_stored *)b)->record;
    if (left->time.ns != right->time.ns) {
        return left->time.ns < right->time.ns ? -1 : 1;
    }
    int order = tw_str_compare(left->json, right->json);
    if (order != 0) {
        return order;
    }
    return left->n < right->n ? -1 : (left->n > right->n ? 1 : 0);
}

static int out_compare(const void *a, const void *b)
{
    const struct node *left = *(const struct node *const *)a;
    const struct node *right = *(const struct node *const *)b;
    if (left->hops != right->hops) {
        return left->hops < right->hops ? -1 : 1;
    }
    return object_compare(&left->object, &right->object);
}

static int fill_objects(struct walk *self, struct tw_journey *journey)
{
    struct node **order = malloc(self->node_count * sizeof *order);
    if (order == NULL) {
        return TW_ENOMEM;
    }
    size_t count = 0;
    for (size_t i = 0; i < self->node_count; i++) {
        if (self->nodes[i].hops != HOPS_NONE) {
            order[count++] = &self->nodes[i];
        }
    }
    qsort(order, count, sizeof *order, out_compare);
    struct tw_journey_object *objects = tw_arena_alloc(self->arena, count * sizeof *objects);
    for (size_t i = 0; objects != NULL && i < count; i++) {
        order[i]->out_index = (uint32_t)i;
        objects[i] = (struct tw_journey_object){.object = order[i]->object,
                                                .hops = order[i]->hops,
                                                .links = order[i]->links,
                                                .is_hub = order[i]->is_hub,
                                                .is_same_type = order[i]->is_same_type};
    }
    free(order);
    journey->objects = objects;
    journey->object_count = count;
    return objects == NULL ? TW_ENOMEM : TW_OK;
}

static void fill_events(struct walk *self, struct tw_journey *journey)
{
    qsort(self->events, self->event_count, sizeof *self->events, event_compare);
    for (size_t i = 0; i < self->event_count; i++) {
        const struct tw_stored *event = &self->events[i];
        journey->duplicates += event->duplicates;
        journey->conflicts += event->conflicts;
        journey->duplicate_effects += event->record.effect_of != 0;
        if (tw_reader_is_at_edge(self->reader, event->record.n)) {
            self->is_partial = true;
        }
    }
    journey->first = self->events[0].record.time;
    journey->last = self->events[self->event_count - 1].record.time;
}

static int link_compare(const void *a, const void *b)
{
    const struct tw_journey_link *left = a;
    const struct tw_journey_link *right = b;
    if (left->a != right->a) {
        return left->a < right->a ? -1 : 1;
    }
    return left->b < right->b ? -1 : (left->b > right->b ? 1 : 0);
}

/* One pair into `seen`: a below b, so that a key is never 0. */
static int add_pair(struct walk *self, uint32_t left, uint32_t right, struct map *seen)
{
    uint64_t a = left < right ? left : right;
    uint64_t b = left < right ? right : left;
    uint32_t known = 0;
    if (a == b) {
        return TW_OK;
    }
    if (seen->count >= LINKS_MAX && !map_get(seen, a << 32 | b, &known)) {
        self->is_partial = true;
        return TW_OK;
    }
    return map_put(seen, a << 32 | b, 0);
}

/* The pairs of one event among the journey's objects. */
static int add_pairs(struct walk *self, const struct tw_record *record, struct map *seen)
{
    uint64_t key = 0;
    self->level_count = 0;
    for (uint32_t i = 0; i < record->object_count; i++) {
        uint32_t index = 0;
        if (!find(self, &record->objects[i], &key, &index) ||
            self->nodes[index].hops == HOPS_NONE) {
            continue;
        }
        int err = grow((void **)&self->level, self->level_count, &self->level_capacity,
                       sizeof *self->level);
        for (size_t j = 0; err == TW_OK && j < self->level_count; j++) {
            err = add_pair(self, self->nodes[index].out_index,
                           self->nodes[self->level[j]].out_index, seen);
        }
        if (err != TW_OK) {
            return err;
        }
        self->level[self->level_count++] = index;
    }
    return TW_OK;
}

static int fill_links(struct walk *self, struct tw_journey *journey)
{
    struct map seen = {0};
    int err = TW_OK;
    for (size_t i = 0; i < self->event_count && err == TW_OK; i++) {
        err = add_pairs(self, &self->events[i].record, &seen);
    }
    struct tw_journey_link *links = NULL;
    if (err == TW_OK) {
        links = tw_arena_alloc(self->arena, (seen.count + 1) * sizeof *links); /* never 0 bytes */
        err = links == NULL ? TW_ENOMEM : TW_OK;
    }
    size_t count = 0;
    for (size_t i = 0; err == TW_OK && i < seen.slots; i++) {
        if (seen.keys[i] != 0) {
            links[count++] =
                (struct tw_journey_link){(uint32_t)(seen.keys[i] >> 32), (uint32_t)seen.keys[i]};
        }
    }
    if (err == TW_OK) {
        qsort(links, count, sizeof *links, link_compare);
        journey->links = links;
        journey->link_count = count;
    }
    map_fini(&seen);
    return err;
}

static int finish(struct walk *self, struct tw_journey *ret_journey)
{
    if (self->event_count == 0) {
        return self->was_damaged ? TW_EDAMAGED : TW_ENOTFOUND;
    }
    struct tw_journey journey = {.object = self->nodes[0].object};
    fill_events(self, &journey);
    int err = fill_objects(self, &journey);
    if (err == TW_OK) {
        err = fill_links(self, &journey);
    }
    if (err != TW_OK) {
        return err;
    }
    struct tw_stored *events = tw_arena_alloc(self->arena, self->event_count * sizeof *events);
    if (events == NULL) {
        return TW_ENOMEM;
    }
    memcpy(events, self->events, self->event_count * sizeof *events);
    journey.events = events;
    journey.event_count = self->event_count;
    journey.is_partial = self->is_partial;
    *ret_journey = journey;
    return TW_OK;
}

int tw_journey_read(struct tw_reader *reader, struct tw_arena *arena,
                    const struct tw_object *object, const struct tw_journey_limits *limits,
                    struct tw_journey *ret_journey)
{
    struct walk walk = {.reader = reader, .arena = arena, .limits = limits};
    /* half of the arena is for events; the rest for their lists and for what the caller makes */
    walk.budget_bytes = arena->used + (arena->max - arena->used) / 2;
    struct tw_object own = {.type = object->type,
                            .id = tw_arena_copy(arena, object->id),
                            .scope = tw_arena_copy(arena, object->scope)};
    uint32_t index = 0;
    tw_reader_hold(reader);
    int err = own.id.ptr == NULL ? TW_ENOMEM : intern(&walk, &own, &index);
    if (err == TW_OK) {
        walk.nodes[0].hops = 0;
        err = walk_all(&walk);
    }
    if (err == TW_OK) {
        err = finish(&walk, ret_journey);
    }
    tw_reader_release(reader);
    free(walk.nodes);
    free(walk.events);
    free(walk.fresh);
    free(walk.level);
    map_fini(&walk.node_map);
    map_fini(&walk.event_map);
    return err;
}
