/* SPDX-License-Identifier: Apache-2.0
 * Adding an event: which of its objects are known, which of them are linked by it for the first
 * time, which become hubs, where it is kept. */
#include "config.h"
#include "track/graph_internal.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The wheel reaches so much further than linger_s: what lies between two calls of
 * tw_graph_forget(), which are a second apart, or a batch of an import. */
#define WHEEL_SLACK_S 64
_Static_assert(TW_GRAPH_LINGER_S_MAX + WHEEL_SLACK_S < UINT32_MAX - TW_TRACK_SECOND_MAX,
               "a turn of the wheel from the last second on has numbers");
/* Bundles of a list that are looked at before the exact way is gone. */
#define GLANCE_MAX 4

/* The event being added. */
struct addition {
    struct tw_graph *graph;
    uint32_t count;
    uint32_t ids[TW_GRAPH_CARRIED_MAX];       /* as carried */
    uint32_t order[TW_GRAPH_CARRIED_MAX];     /* positions: few links first, hubs last */
    uint32_t new_links[TW_GRAPH_CARRIED_MAX]; /* neighbours that it brings to each */
    bool brings_links;
    bool has_old; /* one of them was there before */
    bool has_new; /* one was not */
    bool has_new_root;
    bool has_settled; /* one of them is a settled hub */
    bool is_known;    /* no two members are linked for the first time */
    uint32_t bundle;  /* of just these members; NIL: none that was seen */
};

struct tw_graph_key tw_graph_key(uint64_t seed, uint16_t type, struct tw_str scope,
                                 struct tw_str id)
{
    /* The scope's length is part of what is hashed, so that its border cannot move. */
    uint64_t border = XXH3_64bits_withSeed(scope.ptr, scope.len, seed ^ type);
    XXH128_hash_t hash = XXH3_128bits_withSeed(id.ptr, id.len, border ^ scope.len);
    return (struct tw_graph_key){hash.low64, hash.high64};
}

/* ---- life ----------------------------------------------------------------------------------- */

static bool is_within(uint32_t value, uint32_t max)
{
    return value > 0 && value <= max;
}

int tw_graph_set_roots(struct tw_graph *self, const uint16_t *types, size_t count)
{
    if (count > TW_GRAPH_ROOTS_MAX) {
        return TW_EINVAL;
    }
    memset(self->roots, 0, sizeof self->roots);
    for (size_t i = 0; i < count; i++) {
        if (types[i] < TYPES_MAX) {
            self->roots[types[i] / 64] |= UINT64_C(1) << types[i] % 64;
        }
    }
    return TW_OK;
}

int tw_graph_new(const struct tw_graph_options *options, struct tw_graph **ret_graph)
{
    if (!is_within(options->max_hops, TW_GRAPH_HOPS_MAX) ||
        !is_within(options->max_links, TW_GRAPH_LINKS_MAX) ||
        !is_within(options->max_events, TW_GRAPH_EVENTS_MAX) ||
        !is_within(options->linger_s, TW_GRAPH_LINGER_S_MAX) ||
        !is_within(options->max_objects, TW_GRAPH_OBJECTS_MAX)) {
        return TW_EINVAL;
    }
    struct tw_graph *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->options = *options;
    self->options.root_types = NULL;
    self->wheel_size = options->linger_s + WHEEL_SLACK_S;
    self->free_object = NIL;
    self->free_event = NIL;
    self->made = NIL;
    memset(self->free_bundles, 0xff, sizeof self->free_bundles); /* NIL */
    self->stats.bytes = sizeof *self + self->wheel_size * sizeof *self->wheel;
    self->wheel = malloc(self->wheel_size * sizeof *self->wheel);
    int err = self->wheel == NULL
                  ? TW_ENOMEM
                  : tw_graph_set_roots(self, options->root_types, options->root_type_count);
    if (err != TW_OK) {
        tw_graph_destroy(&self);
        return err;
    }
    memset(self->wheel, 0xff, self->wheel_size * sizeof *self->wheel); /* NIL */
    *ret_graph = self;
    return TW_OK;
}

void tw_graph_destroy(struct tw_graph **self_p)
{
    struct tw_graph *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    tw_graph_pool_fini(&self->objects);
    tw_graph_pool_fini(&self->cells);
    tw_graph_pool_fini(&self->events);
    free(self->table);
    free(self->wheel);
    free(self->queue);
    free(self->found);
    free(self->events_out);
    free(self);
}

/* ---- hubs ----------------------------------------------------------------------------------- */

/* Nothing is looked for through a hub: its bundles need not know where the next one is. */
static void unthread(struct tw_graph *self, uint32_t index, struct object *hub)
{
    uint32_t list = hub->list;
    hub->list = NIL;
    while (list != NIL) {
        struct bundle *bundle = bundle_at(self, list);
        struct slot *slot = slot_of(bundle, index);
        uint32_t bundle_index = list;
        bool is_threaded = false;
        list = slot->next;
        slot->next = UNTHREADED;
        hub->joins++;
        for (uint32_t i = 0; i < bundle_slots(bundle); i++) {
            is_threaded = is_threaded ||
                          (is_remembered(&bundle->slots[i]) && bundle->slots[i].next != UNTHREADED);
        }
        if (is_threaded) {
            continue;
        }
        for (uint32_t i = 0; i < bundle_slots(bundle); i++) {
            if (is_remembered(&bundle->slots[i])) {
                object_at(self, bundle->slots[i].object)->joins--;
            }
        }
        tw_graph_bundle_free(self, bundle_index);
    }
}

/* The lists of a fresh hub become one, which only a root needs. */
static void settle_hub(struct tw_graph *self, uint32_t index)
{
    struct object *hub = object_at(self, index);
    uint32_t *tail = &hub->joins;
    while (*tail != NIL) {
        tail = &slot_of(bundle_at(self, *tail), index)->next;
    }
    *tail = hub->list;
    hub->list = hub->joins;
    hub->joins = 0;
    hub->flags |= OBJECT_SETTLED;
}

void tw_graph_settle(struct tw_graph *self)
{
    /* first all, since freeing a bundle counts the references of settled hubs */
    for (uint32_t i = 0; i < self->fresh_count; i++) {
        settle_hub(self, self->fresh[i]);
    }
    for (uint32_t i = 0; i < self->fresh_count; i++) {
        struct object *hub = object_at(self, self->fresh[i]);
        if (!is_root_type(self, hub->type)) {
            unthread(self, self->fresh[i], hub);
        }
    }
    for (uint32_t i = 0; i < self->carried_count; i++) {
        object_at(self, self->carried[i])->flags &= OBJECT_FLAGS_SAVED;
    }
    self->fresh_count = 0;
    self->carried_count = 0;
}

/* ---- objects of the event ------------------------------------------------------------------- */

static int make_object(struct tw_graph *self, const struct tw_graph_object *object,
                       uint32_t *ret_index)
{
    if (self->stats.objects >= self->options.max_objects && tw_graph_evict(self) != TW_OK) {
        return TW_ELIMIT;
    }
    int err = tw_graph_table_reserve(self);
    if (err == TW_OK) {
        err = tw_graph_object_alloc(self, ret_index);
    }
    if (err != TW_OK) {
        return err;
    }
    *object_at(self, *ret_index) = (struct object){.low = object->key.low,
                                                   .high = object->key.high,
                                                   .flags = OBJECT_LIVE | OBJECT_NEW,
                                                   .type = (uint32_t)object->type & 0xfff,
                                                   .list = NIL,
                                                   .joins = NIL,
                                                   .user = TW_GRAPH_NONE,
                                                   .touch = self->now_s};
    tw_graph_table_insert(self, *ret_index);
    self->stats.objects++;
    return TW_OK;
}

/* The event finds no room after all: forget the objects that were made for it. */
static void unmake_objects(struct addition *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        struct object *object = object_at(self->graph, self->ids[i]);
        object->flags &= ~(uint32_t)OBJECT_CARRIED & 0xfff;
        if ((object->flags & OBJECT_NEW) != 0) {
            tw_graph_drop(self->graph, self->ids[i]);
        }
    }
}

static int find_objects(struct addition *self, const struct tw_graph_object *objects, size_t count)
{
    struct tw_graph *graph = self->graph;
    for (size_t i = 0; i < count; i++) {
        if (objects[i].type >= TYPES_MAX) {
            continue;
        }
        uint32_t index = tw_graph_find(graph, &objects[i]);
        bool is_old = index != NIL;
        if (!is_old) {
            int err = make_object(graph, &objects[i], &index);
            if (err != TW_OK) {
                unmake_objects(self);
                return err;
            }
            self->has_new = true;
            self->has_new_root = self->has_new_root || is_root_type(graph, objects[i].type);
        }
        struct object *object = object_at(graph, index);
        if ((object->flags & OBJECT_CARRIED) != 0) {
            continue; /* twice in one event */
        }
        self->has_old = self->has_old || is_old;
        object->flags |= OBJECT_CARRIED;
        object->touch = graph->now_s; /* which keeps it from being evicted for another */
        self->ids[self->count++] = index;
    }
    uint32_t turn = graph->now_s + graph->options.linger_s;
    for (uint32_t i = 0; i < self->count && self->has_new; i++) {
        if ((object_at(graph, self->ids[i])->flags & OBJECT_NEW) != 0) {
            tw_graph_wheel_insert(graph, self->ids[i], turn);
        }
    }
    return TW_OK;
}

/* ---- new links ------------------------------------------------------------------------------ */

static const struct object *member(const struct addition *self, uint32_t position)
{
    return object_at(self->graph, self->ids[position]);
}

static bool comes_before(const struct object *a, const struct object *b)
{
    if (is_passable(a) != is_passable(b)) {
        return is_passable(a);
    }
    return a->links < b->links;
}

static bool carries_all(const struct bundle *bundle, const struct addition *self)
{
    uint32_t slots = bundle_slots(bundle);
    if (slots < self->count) {
        return false;
    }
    for (uint32_t i = 0; i < self->count; i++) {
        uint32_t k = 0;
        while (k < slots && bundle->slots[k].object != self->ids[i]) {
            k++;
        }
        if (k == slots) {
            return false;
        }
    }
    return true;
}

/* Look for the members among the first bundles of a list of one of them. */
static void glance_at(struct addition *self, uint32_t place, uint32_t list, uint32_t member)
{
    for (int tries = 0; list != NIL && tries < GLANCE_MAX && self->bundle == NIL; tries++) {
        struct bundle *bundle = bundle_at(self->graph, list);
        if (carries_all(bundle, self)) {
            self->is_known = true;
            bool is_alike = bundle_slots(bundle) == self->count && bundle->place == place;
            self->bundle = is_alike ? list : NIL;
        }
        list = slot_of(bundle, member)->next;
    }
}

/* See at a glance whether the members were carried together before, and in the place just they. */
static void glance(struct addition *self, uint32_t place)
{
    uint32_t best = 0;
    for (uint32_t i = 1; i < self->count; i++) {
        if (comes_before(member(self, i), member(self, best))) {
            best = i;
        }
    }
    const struct object *object = member(self, best);
    self->is_known = self->count == 1 || !is_passable(object); /* the best is a hub: all are */
    if ((object->flags & OBJECT_SETTLED) == 0) {
        glance_at(self, place, object->joins, self->ids[best]);
    }
    glance_at(self, place, object->list, self->ids[best]);
}

static void order_members(struct addition *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        uint32_t k = i;
        while (k > 0 && comes_before(member(self, i), member(self, self->order[k - 1]))) {
            self->order[k] = self->order[k - 1];
            k--;
        }
        self->order[k] = i;
    }
}

/* Note in `known` which members (by rank) are neighbours of the one of this rank. */
static void find_known(const struct addition *self, uint32_t rank, uint32_t marks, bool *known)
{
    uint32_t id = self->ids[self->order[rank]];
    memset(known, 0, self->count * sizeof *known);
    for (uint32_t list = object_at(self->graph, id)->joins; list != NIL;) {
        const struct bundle *bundle = bundle_at(self->graph, list);
        for (uint32_t i = 0; i < bundle_slots(bundle); i++) {
            if (bundle->slots[i].object == id) {
                list = bundle->slots[i].next;
                continue;
            }
            if (is_remembered(&bundle->slots[i])) {
                uint32_t mark = object_at(self->graph, bundle->slots[i].object)->mark;
                if (mark >= marks) {
                    known[mark - marks] = true;
                }
            }
        }
    }
}

/* Which pairs of members are neighbours for the first time. Every pair is looked for on the side
 * with fewer links; two hubs are not looked at. */
static void find_new_links(struct addition *self)
{
    bool known[TW_GRAPH_CARRIED_MAX];
    uint32_t marks = tw_graph_marks(self->graph, self->count);
    order_members(self);
    for (uint32_t rank = 0; rank < self->count; rank++) {
        object_at(self->graph, self->ids[self->order[rank]])->mark = marks + rank;
    }
    for (uint32_t rank = 0; rank + 1 < self->count; rank++) {
        uint32_t i = self->order[rank];
        const struct object *object = member(self, i);
        bool is_new = (object->flags & OBJECT_NEW) != 0;
        if (!is_passable(object)) {
            break; /* hubs are last */
        }
        if (is_new) {
            memset(known, 0, sizeof known);
        } else {
            find_known(self, rank, marks, known);
        }
        for (uint32_t other = rank + 1; other < self->count; other++) {
            uint32_t k = self->order[other];
            if (known[other]) {
                continue;
            }
            self->brings_links = true;
            self->new_links[i]++;
            self->new_links[k]++;
            if (!is_new && (member(self, k)->flags & (OBJECT_NEW | OBJECT_HUB)) == 0) {
                self->graph->joined_old = true;
                object_at(self->graph, self->ids[i])->flags |= OBJECT_JOINED;
                object_at(self->graph, self->ids[k])->flags |= OBJECT_JOINED;
            }
        }
    }
}

/* ---- the event ------------------------------------------------------------------------------ */

/* Count what the event brings, and see who becomes a hub by it. */
static void count_members(struct addition *self)
{
    struct tw_graph *graph = self->graph;
    uint32_t max_links = graph->options.max_links;
    for (uint32_t i = 0; i < self->count; i++) {
        struct object *object = object_at(graph, self->ids[i]);
        uint32_t links = object->links + self->new_links[i];
        object->links = (links > max_links ? max_links + 1 : links) & 0xfffff;
        if (object->events <= graph->options.max_events) {
            object->events = (object->events + 1) & 0xfffff;
        }
        self->has_settled = self->has_settled || (object->flags & OBJECT_SETTLED) != 0;
        bool is_hub = object->links > max_links || object->events > graph->options.max_events;
        if (is_hub && (object->flags & OBJECT_HUB) == 0) {
            object->flags |= OBJECT_HUB;
            graph->fresh[graph->fresh_count++] = self->ids[i];
            graph->stats.hubs++;
        }
    }
}

/* Whether the event goes into the lists of the object. */
static bool is_listed(const struct addition *self, uint32_t i, uint32_t match)
{
    const struct object *object = member(self, i);
    return (object->flags & OBJECT_SETTLED) == 0 ||
           (match != 0 && is_root_type(self->graph, object->type) &&
            object->events <= self->graph->options.max_events);
}

/* The type of all members beside one of `type`; TYPES_MAX: there are none, or of several types. */
static uint32_t type_beside(const struct addition *self, uint32_t type)
{
    uint32_t beside = TYPES_MAX;
    bool is_met = false;
    for (uint32_t i = 0; i < self->count; i++) {
        uint32_t other = member(self, i)->type;
        if (other == type && !is_met) {
            is_met = true;
        } else if (beside == TYPES_MAX) {
            beside = other;
        } else if (other != beside) {
            return TYPES_MAX;
        }
    }
    return beside;
}

/* Before the bundle is in the lists of its objects. */
static void note_company(const struct addition *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        struct object *object = object_at(self->graph, self->ids[i]);
        uint32_t beside = type_beside(self, object->type);
        bool has_company = object->joins == NIL ? (object->flags & OBJECT_MIXED) == 0
                                                : company_of(self->graph, self->ids[i]) == beside;
        if (beside == TYPES_MAX || !has_company) {
            object->flags |= OBJECT_MIXED;
        }
    }
}

static int make_bundle(struct addition *self, const struct tw_graph_event *given,
                       uint32_t *ret_index)
{
    struct tw_graph *graph = self->graph;
    int err = tw_graph_bundle_alloc(graph, self->count, ret_index);
    if (err != TW_OK) {
        return err;
    }
    note_company(self);
    graph->made = *ret_index;
    struct bundle *bundle = bundle_at(graph, *ret_index);
    bundle->events = NIL;
    bundle->place = (uint16_t)given->place;
    bundle->last_slot = (uint8_t)(self->count - 1);
    bundle->is_live = 1;
    for (uint32_t i = 0; i < self->count; i++) {
        struct object *object = object_at(graph, self->ids[i]);
        struct slot *slot = &bundle->slots[i];
        slot->object = self->ids[i];
        if (!is_listed(self, i, given->match)) {
            slot->next = UNTHREADED;
            object->joins++;
        } else if (self->new_links[i] > 0 && (object->flags & OBJECT_SETTLED) == 0) {
            slot->next = object->joins;
            object->joins = *ret_index;
        } else {
            slot->next = object->list;
            object->list = *ret_index;
        }
    }
    return TW_OK;
}

/* Whether the lists that lead to the bundle that was seen are those in which the event is to be. */
static bool is_listed_alike(const struct addition *self, uint32_t match)
{
    if (self->bundle == NIL || !self->has_settled) {
        return self->bundle != NIL; /* all lists lead to it */
    }
    struct bundle *bundle = bundle_at(self->graph, self->bundle);
    for (uint32_t i = 0; i < self->count; i++) {
        bool is_threaded = slot_of(bundle, self->ids[i])->next != UNTHREADED;
        if (is_threaded != is_listed(self, i, match)) {
            return false;
        }
    }
    return true;
}

static int keep_event(struct addition *self, const struct tw_graph_event *given, bool *ret_kept)
{
    struct tw_graph *graph = self->graph;
    bool is_wanted = self->count > 0 && !self->has_settled;
    for (uint32_t i = 0; i < self->count && !is_wanted; i++) {
        is_wanted = is_listed(self, i, given->match);
    }
    *ret_kept = is_wanted && (given->match != 0 || self->brings_links);
    if (!*ret_kept) {
        return TW_OK;
    }
    uint32_t index = self->bundle;
    int err = is_listed_alike(self, given->match) ? TW_OK : make_bundle(self, given, &index);
    if (err != TW_OK || given->match == 0) {
        return err;
    }
    uint32_t event_index = NIL;
    err = tw_graph_event_alloc(graph, &event_index);
    if (err != TW_OK) {
        return err;
    }
    struct bundle *bundle = bundle_at(graph, index);
    *event_at(graph, event_index) =
        (struct event){.n_low = (uint32_t)given->n,
                       .n_high = (uint32_t)(given->n >> 32) & 0xfff,
                       .cause = (uint32_t)given->cause & 0xf,
                       .match = (uint16_t)given->match,
                       .time_low = (uint32_t)given->time.ns,
                       .time_high = (uint32_t)((uint64_t)given->time.ns >> 32),
                       .next = bundle->events};
    bundle->events = event_index;
    graph->stats.events++;
    return TW_OK;
}

/* Whether another event than this one may reach a root of this event. */
static bool is_linking(const struct addition *self)
{
    const struct tw_graph *graph = self->graph;
    return graph->joined_old || graph->fresh_count > 0 || (self->has_old && self->has_new_root);
}

static void begin(struct tw_graph *self, tw_wall_t now)
{
    tw_graph_settle(self);
    tw_graph_pass_time(self, now);
    if (self->stats.objects == 0 && self->turn < self->now_s) {
        self->turn = self->now_s;
        self->earliest = self->turn;
    }
    self->joined_old = false;
    self->made = NIL;
}

int tw_graph_add(struct tw_graph *self, const struct tw_graph_event *event,
                 const struct tw_graph_object *objects, size_t count, tw_wall_t now,
                 struct tw_graph_added *ret_added)
{
    TW_ASSERT(event->n > 0 && event->n < TW_GRAPH_N_MAX && count <= TW_GRAPH_CARRIED_MAX);
    TW_ASSERT(event->match < TW_GRAPH_MATCHES_MAX && event->place < TW_GRAPH_PLACES_MAX);
    TW_ASSERT(tw_track_is_time(event->time.ns));
    struct addition add;
    begin(self, now);
    add.graph = self;
    add.count = 0;
    add.brings_links = false;
    add.has_old = false;
    add.has_new = false;
    add.has_new_root = false;
    add.has_settled = false;
    add.is_known = true;
    add.bundle = NIL;
    int err = find_objects(&add, objects, count);
    if (err != TW_OK) {
        self->stats.refused += err == TW_ELIMIT ? 1 : 0;
        return err;
    }
    memset(add.new_links, 0, add.count * sizeof *add.new_links);
    if (add.count > 0) {
        glance(&add, event->place);
    }
    if (!add.is_known) {
        find_new_links(&add);
    }
    memcpy(self->carried, add.ids, add.count * sizeof *add.ids);
    self->carried_count = add.count;
    count_members(&add);
    bool is_kept = false;
    err = keep_event(&add, event, &is_kept);
    if (err == TW_OK) {
        *ret_added = (struct tw_graph_added){
            .is_kept = is_kept, .is_linking = is_linking(&add), .fresh_hubs = self->fresh_count};
    }
    return err;
}

/* ---- objects -------------------------------------------------------------------------------- */

uint32_t tw_graph_find(const struct tw_graph *self, const struct tw_graph_object *object)
{
    return tw_graph_table_find(self, object->key, object->type);
}

bool tw_graph_has(const struct tw_graph *self, uint32_t object)
{
    const struct pool *pool = &self->objects;
    return object / OBJECT_CHUNK < pool->count &&
           object % OBJECT_CHUNK < pool->chunks[object / OBJECT_CHUNK].used &&
           (object_at(self, object)->flags & OBJECT_LIVE) != 0;
}

struct tw_graph_object tw_graph_object(const struct tw_graph *self, uint32_t object)
{
    const struct object *at = object_at(self, object);
    return (struct tw_graph_object){{at->low, at->high}, (uint16_t)at->type};
}

bool tw_graph_is_hub(const struct tw_graph *self, uint32_t object)
{
    return !is_passable(object_at(self, object));
}

uint32_t tw_graph_user(const struct tw_graph *self, uint32_t object)
{
    return object_at(self, object)->user;
}

void tw_graph_set_user(struct tw_graph *self, uint32_t object, uint32_t user)
{
    object_at(self, object)->user = user;
}

void tw_graph_hold(struct tw_graph *self, uint32_t object, bool is_held)
{
    struct object *at = object_at(self, object);
    bool was_held = (at->flags & OBJECT_HELD) != 0;
    if (is_held != was_held) {
        at->flags ^= OBJECT_HELD;
        self->stats.held += is_held ? 1 : (uint64_t)-1;
    }
}

void tw_graph_stats(const struct tw_graph *self, struct tw_graph_stats *ret_stats)
{
    *ret_stats = self->stats;
}
