/* SPDX-License-Identifier: Apache-2.0
 * Walks over the graph, breadth first: from an event to the roots it reaches, from a root to the
 * events that reach it, from an object to one that is held. A walk marks the objects it has met
 * with a number that no walk before it used. */
#include "config.h"
#include "track/graph_internal.h"

#include <stdlib.h>

/* Objects of one event whose sides are looked at one by one. */
#define SIDES_MAX 8

/* A walk under way. Objects of queue[0, count) are met, those before `next` expanded. */
struct walk {
    struct tw_graph *graph;
    uint32_t type; /* paths do not lead through objects of this type; TYPES_MAX: through all */
    uint32_t met;  /* marks */
    uint32_t expanded;
    uint32_t count;
    uint32_t next;
    uint32_t level_end; /* of the objects as far away as queue[next] */
    uint32_t hops;      /* of queue[next] */
    uint32_t budget;    /* slots and objects that may still be looked at */
    bool ignores_fresh; /* fresh hubs are no hubs yet */
    uint32_t except;    /* a bundle that is not there; NIL: none */
};

uint32_t tw_graph_marks(struct tw_graph *self, uint32_t count)
{
    if (self->mark > UINT32_MAX - count - 1) {
        for (uint32_t i = 0; i < object_records(self); i++) {
            object_at(self, i)->mark = 0;
        }
        self->mark = 0;
    }
    uint32_t first = self->mark + 1;
    self->mark += count;
    return first;
}

static struct walk walk_begin(struct tw_graph *graph, uint32_t type)
{
    uint32_t marks = tw_graph_marks(graph, 2);
    return (struct walk){.graph = graph,
                         .type = type,
                         .met = marks,
                         .expanded = marks + 1,
                         .budget = TW_GRAPH_WALK_MAX,
                         .except = NIL};
}

static int walk_meet(struct walk *self, uint32_t index)
{
    struct tw_graph *graph = self->graph;
    struct object *object = object_at(graph, index);
    if (object->mark >= self->met) {
        return TW_OK;
    }
    int err = tw_graph_grow(graph, (void **)&graph->queue, self->count, &graph->queue_capacity,
                            sizeof *graph->queue);
    if (err == TW_OK) {
        object->mark = self->met;
        graph->queue[self->count++] = index;
    }
    return err;
}

/* The next object, NIL when there is none; self->hops is how far away it is. */
static uint32_t walk_next(struct walk *self)
{
    if (self->next == 0) {
        self->level_end = self->count;
    } else if (self->next == self->level_end) {
        self->level_end = self->count;
        self->hops++;
    }
    return self->next < self->count ? self->graph->queue[self->next++] : NIL;
}

/* False: the walk has looked at too much, and goes no further than what it has met. */
static bool walk_pay(struct walk *self, uint32_t price)
{
    if (price > self->budget) {
        self->graph->stats.cuts++;
        return false;
    }
    self->budget -= price;
    return true;
}

static bool is_fresh(const struct object *object)
{
    return (object->flags & (OBJECT_HUB | OBJECT_SETTLED)) == OBJECT_HUB;
}

/* Whether paths may lead through the object. */
static bool walk_passes(const struct walk *self, const struct object *object)
{
    return object->type != self->type &&
           (is_passable(object) || (self->ignores_fresh && is_fresh(object)));
}

/* Meet the neighbours of an object. *ret_cut: not all. */
static int walk_expand(struct walk *self, uint32_t index, bool *ret_cut)
{
    for (uint32_t list = object_at(self->graph, index)->joins; list != NIL;) {
        const struct bundle *bundle = bundle_at(self->graph, list);
        uint32_t count = bundle_slots(bundle);
        bool is_there = list != self->except;
        if (!walk_pay(self, count)) {
            *ret_cut = true;
            return TW_OK;
        }
        for (uint32_t i = 0; i < count; i++) {
            if (bundle->slots[i].object == index) {
                list = bundle->slots[i].next;
            } else if (is_there && is_remembered(&bundle->slots[i])) {
                int err = walk_meet(self, bundle->slots[i].object);
                if (err != TW_OK) {
                    return err;
                }
            }
        }
    }
    return TW_OK;
}

/* ---- from an event to its roots ------------------------------------------------------------- */

static int add_root(struct tw_graph *self, uint32_t index, bool is_anew, bool is_reached)
{
    int err = tw_graph_grow(self, (void **)&self->found, self->found_count, &self->found_capacity,
                            sizeof *self->found);
    if (err == TW_OK) {
        self->found[self->found_count++] =
            (struct tw_graph_root){.object = index, .is_anew = is_anew, .is_reached = is_reached};
    }
    return err;
}

/* No neighbour of the object is outside the event that was added last, which carries it. */
static bool is_shut_in(const struct tw_graph *self, const struct object *object)
{
    return object->links < self->carried_count;
}

/* What the event added last is to roots of one type. */
struct bearing {
    bool names_one;     /* it carries one, and reaches those that it carries only */
    bool has_old_apart; /* it carries an object of another type that was there before it */
    uint32_t sides;     /* such ones that it linked to another */
};

static struct bearing bearing_on(const struct tw_graph *self, uint32_t type)
{
    struct bearing bearing = {.names_one = false};
    for (uint32_t i = 0; i < self->carried_count; i++) {
        const struct object *object = object_at(self, self->carried[i]);
        if (object->type == type) {
            bearing.names_one = true;
        } else if (is_passable(object)) {
            bearing.has_old_apart = bearing.has_old_apart || (object->flags & OBJECT_NEW) == 0;
            bearing.sides += (object->flags & OBJECT_JOINED) != 0 ? 1 : 0;
        }
    }
    return bearing;
}

/* Whether other events reach a root that the event carries since it came, over links of its own. */
static bool gains_events(const struct object *root, const struct bearing *bearing)
{
    return is_passable(root) && (root->flags & (OBJECT_NEW | OBJECT_JOINED)) != 0 &&
           bearing->has_old_apart;
}

bool tw_graph_is_linking(const struct tw_graph *self, uint16_t type)
{
    struct bearing bearing = bearing_on(self, type);
    bool is_linking = self->fresh_count > 0 || bearing.sides > 1;
    for (uint32_t i = 0; i < self->carried_count && !is_linking; i++) {
        const struct object *object = object_at(self, self->carried[i]);
        is_linking = object->type == type && gains_events(object, &bearing);
    }
    return is_linking;
}

/* The roots that the event carried. */
static int find_carried(struct tw_graph *self, uint32_t type, const struct bearing *bearing)
{
    int err = TW_OK;
    for (uint32_t i = 0; i < self->carried_count && err == TW_OK; i++) {
        const struct object *object = object_at(self, self->carried[i]);
        if (object->type == type) {
            err = add_root(self, self->carried[i], gains_events(object, bearing), true);
        }
    }
    return err;
}

/* The roots that links lead to from what the event carried, which is none of them. */
static int find_linked(struct tw_graph *self, uint32_t type)
{
    struct walk walk = walk_begin(self, type);
    bool is_cut = false;
    int err = TW_OK;
    for (uint32_t i = 0; i < self->carried_count && err == TW_OK; i++) {
        err = walk_meet(&walk, self->carried[i]);
    }
    for (uint32_t index = NIL; err == TW_OK && (index = walk_next(&walk)) != NIL;) {
        const struct object *object = object_at(self, index);
        bool is_hub = !is_passable(object);
        if (object->type == type) {
            err = is_hub ? TW_OK : add_root(self, index, false, true);
        } else if (!is_cut && !is_hub && walk.hops < self->options.max_hops &&
                   !(walk.hops == 0 && is_shut_in(self, object))) {
            err = walk_expand(&walk, index, &is_cut);
        }
    }
    return err;
}

/* ---- sides: what hangs on an object that the event has linked to another, without the event ---
 */

static bool is_side(const struct tw_graph *self, uint32_t index, uint32_t type)
{
    const struct object *object = object_at(self, index);
    return object->type != type && is_passable(object) && (object->flags & OBJECT_JOINED) != 0;
}

/* Whether one of the events of a bundle is of all roots of the type that links lead to. */
static bool is_for_linked(const struct walk *walk, const struct bundle *bundle)
{
    const struct tw_graph *self = walk->graph;
    for (uint32_t i = 0; i < bundle_slots(bundle); i++) {
        const struct slot *slot = &bundle->slots[i];
        uint32_t type =
            is_remembered(slot) ? object_at(self, slot->object)->type : slot->object - FORGOTTEN;
        if (type == walk->type) {
            return false;
        }
    }
    bool is_for = false;
    for (uint32_t at = bundle->events; at != NIL && !is_for; at = event_at(self, at)->next) {
        is_for = self->options.concerns == NULL ||
                 self->options.concerns(self->options.context, event_at(self, at)->match,
                                        (uint16_t)walk->type);
    }
    return is_for;
}

/* The same of a list; true also where it was not looked at to its end. */
static bool has_for_linked(struct walk *walk, uint32_t object, uint32_t list)
{
    while (list != NIL) {
        struct bundle *bundle = bundle_at(walk->graph, list);
        if (!walk_pay(walk, bundle_slots(bundle)) ||
            (list != walk->except && is_for_linked(walk, bundle))) {
            return true;
        }
        list = slot_of(bundle, object)->next;
    }
    return false;
}

static int side_gives(struct tw_graph *self, uint32_t type, uint32_t side, bool *ret_gives)
{
    struct walk walk = walk_begin(self, type);
    walk.except = self->made;
    bool gives = false;
    int err = walk_meet(&walk, side);
    for (uint32_t index = NIL; err == TW_OK && !gives && (index = walk_next(&walk)) != NIL;) {
        const struct object *object = object_at(self, index);
        if (!walk_passes(&walk, object)) {
            continue;
        }
        gives = has_for_linked(&walk, index, object->list) ||
                has_for_linked(&walk, index, object->joins);
        if (!gives && walk.hops < self->options.max_hops) {
            err = walk_expand(&walk, index, &gives); /* cut: it may be so */
        }
    }
    *ret_gives = gives;
    return err;
}

/* The roots near `count` objects are to be folded anew. */
static int find_near(struct tw_graph *self, uint32_t type, const uint32_t *objects, uint32_t count)
{
    struct walk walk = walk_begin(self, type);
    walk.except = count == 1 ? self->made : NIL;
    bool is_cut = false;
    int err = TW_OK;
    for (uint32_t i = 0; i < count && err == TW_OK; i++) {
        err = walk_meet(&walk, objects[i]);
    }
    for (uint32_t index = NIL; err == TW_OK && (index = walk_next(&walk)) != NIL;) {
        const struct object *object = object_at(self, index);
        if (object->type == type) {
            err = is_passable(object) ? add_root(self, index, true, false) : TW_OK;
        } else if (!is_cut && walk_passes(&walk, object) && walk.hops < self->options.max_hops) {
            err = walk_expand(&walk, index, &is_cut);
        }
    }
    return err;
}

/* Roots on one side of a new link that events on another side reach now. */
static int find_gaining(struct tw_graph *self, uint32_t type, uint32_t sides)
{
    uint32_t givers = 0;
    uint32_t giver = NIL;
    int err = TW_OK;
    if (sides > SIDES_MAX) {
        return find_near(self, type, self->carried, self->carried_count);
    }
    for (uint32_t i = 0; i < self->carried_count && err == TW_OK && givers < 2; i++) {
        bool gives = false;
        if (is_side(self, self->carried[i], type)) {
            err = side_gives(self, type, self->carried[i], &gives);
        }
        givers += gives ? 1 : 0;
        giver = gives ? self->carried[i] : giver;
    }
    for (uint32_t i = 0; i < self->carried_count && err == TW_OK && givers > 0; i++) {
        bool gains = givers > 1 || self->carried[i] != giver;
        if (gains && is_side(self, self->carried[i], type)) {
            err = find_near(self, type, &self->carried[i], 1);
        }
    }
    return err;
}

/* The roots that the event reaches, and those that others reach since it came. */
static int find_reached(struct tw_graph *self, uint32_t type)
{
    const struct bearing bearing = bearing_on(self, type);
    int err = bearing.names_one ? find_carried(self, type, &bearing) : find_linked(self, type);
    return err == TW_OK && bearing.sides > 1 ? find_gaining(self, type, bearing.sides) : err;
}

/* The roots that were reached through what has just become a hub. */
static int find_disturbed(struct tw_graph *self, uint32_t type)
{
    struct walk walk = walk_begin(self, type);
    walk.ignores_fresh = true;
    bool is_cut = false;
    int err = TW_OK;
    for (uint32_t i = 0; i < self->fresh_count && err == TW_OK; i++) {
        err = walk_meet(&walk, self->fresh[i]);
    }
    for (uint32_t index = NIL; err == TW_OK && (index = walk_next(&walk)) != NIL;) {
        const struct object *object = object_at(self, index);
        if (object->type == type) {
            bool was_hub = !is_passable(object) && !is_fresh(object);
            err = was_hub ? TW_OK : add_root(self, index, true, false);
        } else if (!is_cut && walk_passes(&walk, object) && walk.hops < self->options.max_hops) {
            err = walk_expand(&walk, index, &is_cut);
        }
    }
    return err;
}

static int compare_keys(const struct tw_graph *self, uint32_t a, uint32_t b)
{
    const struct object *left = object_at(self, a);
    const struct object *right = object_at(self, b);
    if (left->high != right->high) {
        return left->high < right->high ? -1 : 1;
    }
    return left->low < right->low ? -1 : (left->low > right->low ? 1 : 0);
}

/* Into the heap [from, count), largest key on top. */
static void sift_down(struct tw_graph *self, size_t from, size_t count)
{
    struct tw_graph_root *found = self->found;
    for (size_t child = from * 2 + 1; child < count; child = from * 2 + 1) {
        if (child + 1 < count &&
            compare_keys(self, found[child].object, found[child + 1].object) < 0) {
            child++;
        }
        if (compare_keys(self, found[from].object, found[child].object) >= 0) {
            return;
        }
        struct tw_graph_root swap = found[from];
        found[from] = found[child];
        found[child] = swap;
        from = child;
    }
}

/* By key: a heap, since the order needs the graph and qsort's comparison has no context. */
static void sort_found(struct tw_graph *self)
{
    size_t count = self->found_count;
    for (size_t i = count / 2; i-- > 0;) {
        sift_down(self, i, count);
    }
    while (count > 1) {
        struct tw_graph_root top = self->found[0];
        self->found[0] = self->found[--count];
        self->found[count] = top;
        sift_down(self, 0, count);
    }
}

static void unite_found(struct tw_graph *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->found_count; i++) {
        struct tw_graph_root *last = count == 0 ? NULL : &self->found[count - 1];
        if (last != NULL && last->object == self->found[i].object) {
            last->is_anew = last->is_anew || self->found[i].is_anew;
            last->is_reached = last->is_reached || self->found[i].is_reached;
        } else {
            self->found[count++] = self->found[i];
        }
    }
    self->found_count = count;
}

int tw_graph_reached(struct tw_graph *self, uint16_t type, const struct tw_graph_root **ret_roots,
                     size_t *ret_count)
{
    self->found_count = 0;
    int err = find_reached(self, type);
    if (err == TW_OK && self->fresh_count > 0) {
        err = find_disturbed(self, type);
    }
    if (err != TW_OK) {
        return err;
    }
    if (self->found_count > 1) {
        sort_found(self);
        unite_found(self);
    }
    *ret_roots = self->found;
    *ret_count = self->found_count;
    return TW_OK;
}

/* ---- from a root to its events -------------------------------------------------------------- */

/* Whether the events of a bundle, of another object than the root, were given already or name roots
 * of the type, none of them this one. */
static bool is_not_for(const struct walk *walk, const struct bundle *bundle)
{
    for (uint32_t i = 0; i < bundle_slots(bundle); i++) {
        const struct slot *slot = &bundle->slots[i];
        if (!is_remembered(slot)) {
            if (slot->object == (FORGOTTEN | walk->type)) {
                return true;
            }
            continue;
        }
        const struct object *object = object_at(walk->graph, slot->object);
        if (object->type == walk->type || object->mark == walk->expanded) {
            return true;
        }
    }
    return false;
}

static int give_events(struct walk *walk, const struct bundle *bundle, bool *ret_cut)
{
    struct tw_graph *self = walk->graph;
    for (uint32_t at = bundle->events; at != NIL; at = event_at(self, at)->next) {
        const struct event *event = event_at(self, at);
        if (!walk_pay(walk, 1)) {
            *ret_cut = true;
            return TW_OK;
        }
        int err = tw_graph_grow(self, (void **)&self->events_out, self->events_out_count,
                                &self->events_out_capacity, sizeof *self->events_out);
        if (err != TW_OK) {
            return err;
        }
        self->events_out[self->events_out_count++] =
            (struct tw_graph_event){.n = event_n(event),
                                    .time = {event_time_ns(event)},
                                    .match = event->match,
                                    .place = bundle->place,
                                    .cause = (uint8_t)event->cause};
    }
    return TW_OK;
}

static int give_list(struct walk *walk, uint32_t object, uint32_t list, bool *ret_cut)
{
    while (list != NIL && !*ret_cut) {
        struct bundle *bundle = bundle_at(walk->graph, list);
        if (!walk_pay(walk, bundle_slots(bundle))) {
            *ret_cut = true;
            return TW_OK;
        }
        bool is_given = bundle->events != NIL && (walk->hops == 0 || !is_not_for(walk, bundle));
        int err = is_given ? give_events(walk, bundle, ret_cut) : TW_OK;
        if (err != TW_OK) {
            return err;
        }
        list = slot_of(bundle, object)->next;
    }
    return TW_OK;
}

int tw_graph_events(struct tw_graph *self, uint32_t object,
                    const struct tw_graph_event **ret_events, size_t *ret_count)
{
    struct walk walk = walk_begin(self, object_at(self, object)->type);
    bool is_cut = false;
    self->events_out_count = 0;
    int err = walk_meet(&walk, object);
    for (uint32_t index = NIL; err == TW_OK && (index = walk_next(&walk)) != NIL;) {
        struct object *at = object_at(self, index);
        if (index != object && (!walk_passes(&walk, at) || company_of(self, index) == walk.type)) {
            continue;
        }
        err = is_cut ? TW_OK : give_list(&walk, index, at->list, &is_cut);
        if (err == TW_OK && !is_cut && (at->flags & OBJECT_SETTLED) == 0) {
            err = give_list(&walk, index, at->joins, &is_cut);
        }
        if (err == TW_OK && !is_cut && is_passable(at) && walk.hops < self->options.max_hops) {
            err = walk_expand(&walk, index, &is_cut);
        }
        at->mark = walk.expanded;
    }
    *ret_events = self->events_out;
    *ret_count = self->events_out_count;
    return err;
}

/* ---- what an open run needs ----------------------------------------------------------------- */

bool tw_graph_is_held_through(struct tw_graph *self, uint32_t index)
{
    struct walk walk = walk_begin(self, TYPES_MAX);
    bool is_cut = false;
    int err = walk_meet(&walk, index);
    for (uint32_t at = NIL; err == TW_OK && (at = walk_next(&walk)) != NIL;) {
        const struct object *object = object_at(self, at);
        if ((object->flags & OBJECT_HELD) != 0) {
            return true;
        }
        if (!is_cut && walk_passes(&walk, object) && walk.hops < self->options.max_hops) {
            err = walk_expand(&walk, at, &is_cut);
        }
    }
    return err != TW_OK; /* out of memory: rather keep it */
}
