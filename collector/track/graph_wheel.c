/* SPDX-License-Identifier: Apache-2.0
 * When objects are forgotten: every object is in one bucket of a wheel of seconds. When its turn
 * comes it is forgotten, or goes on to a later bucket: linger_s after its last event, or, where an
 * open run holds it, linger_s from now. */
#include "config.h"
#include "track/graph_internal.h"

/* Objects whose turn it is are brought in so many ahead. */
#define AHEAD 4
/* Objects looked at to make room for one. */
#define EVICT_TRIES 64

void tw_graph_pass_time(struct tw_graph *self, tw_wall_t now)
{
    int64_t s = now.ns / TW_NS_PER_S;
    if (s > self->now_s) {
        self->now_s = s < TW_TRACK_SECOND_MAX ? (uint32_t)s : TW_TRACK_SECOND_MAX;
    }
}

/* `due_s` later than the wheel reaches comes earlier, and then goes on. */
void tw_graph_wheel_insert(struct tw_graph *self, uint32_t index, uint32_t due_s)
{
    uint32_t due =
        due_s - self->turn < self->wheel_size ? due_s : self->turn + self->wheel_size - 1;
    struct bucket *bucket = &self->wheel[due % self->wheel_size];
    object_at(self, index)->next = NIL;
    if (bucket->head == NIL) {
        bucket->head = index;
    } else {
        object_at(self, bucket->tail)->next = index;
    }
    bucket->tail = index;
    if (due < self->earliest) {
        self->earliest = due;
    }
}

static uint32_t wheel_pop(struct tw_graph *self, uint32_t second)
{
    struct bucket *bucket = &self->wheel[second % self->wheel_size];
    uint32_t index = bucket->head;
    if (index != NIL) {
        bucket->head = object_at(self, index)->next;
    }
    return index;
}

/* A slot of the bundle was given up: free the bundle if no list leads to it any more. */
static void release_bundle(struct tw_graph *self, uint32_t index)
{
    struct bundle *bundle = bundle_at(self, index);
    uint32_t count = bundle_slots(bundle);
    for (uint32_t i = 0; i < count; i++) {
        if (is_remembered(&bundle->slots[i]) && bundle->slots[i].next != UNTHREADED) {
            return;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        if (is_remembered(&bundle->slots[i])) {
            object_at(self, bundle->slots[i].object)->joins--;
        }
    }
    tw_graph_bundle_free(self, index);
}

static void release_list(struct tw_graph *self, uint32_t object, uint32_t list)
{
    while (list != NIL) {
        uint32_t index = list;
        struct slot *slot = slot_of(bundle_at(self, index), object);
        list = slot->next;
        if (list != NIL) {
            __builtin_prefetch(bundle_at(self, list), 1);
        }
        slot->object = FORGOTTEN | object_at(self, object)->type;
        release_bundle(self, index);
    }
}

void tw_graph_drop(struct tw_graph *self, uint32_t index)
{
    struct object *object = object_at(self, index);
    if (object->user != TW_GRAPH_NONE && self->options.on_forget != NULL) {
        self->options.on_forget(self->options.context, index, object->user);
    }
    release_list(self, index, object->list);
    if ((object->flags & OBJECT_SETTLED) == 0) {
        release_list(self, index, object->joins);
    }
    self->stats.hubs -= (object->flags & OBJECT_HUB) != 0 ? 1 : 0;
    tw_graph_table_remove(self, index);
    object->flags = 0;
    object->next = self->free_object;
    self->free_object = index;
    self->stats.objects--;
}

/* A hub is remembered to be one as long as anything it was linked to is remembered. */
static bool is_hub_needed(const struct tw_graph *self, uint32_t index)
{
    const struct object *object = object_at(self, index);
    if (object->joins > 0) {
        return true;
    }
    for (uint32_t list = object->list; list != NIL;) {
        struct bundle *bundle = bundle_at(self, list);
        for (uint32_t i = 0; i < bundle_slots(bundle); i++) {
            if (is_remembered(&bundle->slots[i]) && bundle->slots[i].object != index) {
                return true;
            }
        }
        list = slot_of(bundle, index)->next;
    }
    return false;
}

static bool is_needed(struct tw_graph *self, uint32_t index)
{
    const struct object *object = object_at(self, index);
    if ((object->flags & OBJECT_HELD) != 0) {
        return true;
    }
    return (object->flags & OBJECT_SETTLED) != 0 ? is_hub_needed(self, index)
                                                 : tw_graph_is_held_through(self, index);
}

/* An object whose turn it is. False: it was forgotten. */
static bool keep(struct tw_graph *self, uint32_t index, bool is_evicting)
{
    const struct object *object = object_at(self, index);
    uint32_t due = object->touch + self->options.linger_s;
    if (due > self->now_s && !is_evicting) {
        tw_graph_wheel_insert(self, index, due);
        return true;
    }
    if (object->touch == self->now_s || is_needed(self, index)) {
        tw_graph_wheel_insert(self, index, self->now_s + self->options.linger_s);
        return true;
    }
    tw_graph_drop(self, index);
    return false;
}

/* Ask the processor for what dropping an object touches first. */
static void prefetch(const struct tw_graph *self, uint32_t index)
{
    const struct object *object = object_at(self, index);
    __builtin_prefetch(&self->table[(uint32_t)object->low & self->table_mask], 1);
    if (object->list != NIL) {
        __builtin_prefetch(bundle_at(self, object->list), 1);
    }
    if ((object->flags & OBJECT_SETTLED) == 0 && object->joins != NIL) {
        __builtin_prefetch(bundle_at(self, object->joins), 1);
    }
}

/* Objects of a chain, each forgotten or put back into the wheel. */
static void work_off(struct tw_graph *self, uint32_t head)
{
    uint32_t ahead = head;
    for (int i = 0; i < AHEAD && ahead != NIL; i++) {
        ahead = object_at(self, ahead)->next;
    }
    while (head != NIL) {
        uint32_t index = head;
        head = object_at(self, index)->next;
        if (ahead != NIL) {
            prefetch(self, ahead);
            ahead = object_at(self, ahead)->next;
        }
        (void)keep(self, index, false); /* either is fine */
    }
}

void tw_graph_forget(struct tw_graph *self, tw_wall_t now)
{
    tw_graph_settle(self);
    tw_graph_pass_time(self, now);
    if (self->now_s < self->turn) {
        return;
    }
    /* Take everything that is due off the wheel first, so that it can turn. */
    uint32_t span = self->now_s - self->turn;
    uint32_t turns = span < self->wheel_size ? span + 1 : self->wheel_size;
    struct bucket due = {NIL, NIL};
    for (uint32_t i = 0; i < turns; i++) {
        struct bucket *bucket = &self->wheel[(self->turn + i) % self->wheel_size];
        if (bucket->head == NIL) {
            continue;
        }
        if (due.head == NIL) {
            due.head = bucket->head;
        } else {
            object_at(self, due.tail)->next = bucket->head;
        }
        due.tail = bucket->tail;
        bucket->head = NIL;
    }
    self->turn = self->now_s + 1;
    self->earliest = self->earliest < self->turn ? self->turn : self->earliest;
    work_off(self, due.head);
}

int tw_graph_evict(struct tw_graph *self)
{
    uint32_t end = self->turn + self->wheel_size;
    for (int tries = 0; tries < EVICT_TRIES; tries++) {
        while (self->earliest < end && self->wheel[self->earliest % self->wheel_size].head == NIL) {
            self->earliest++;
        }
        if (self->earliest == end) {
            return TW_ELIMIT;
        }
        uint32_t second = self->earliest;
        uint32_t index = wheel_pop(self, second);
        /* touched since it was put there: its turn is later */
        uint32_t due = object_at(self, index)->touch + self->options.linger_s;
        if (due > second && due - self->turn < self->wheel_size) {
            tw_graph_wheel_insert(self, index, due);
        } else if (!keep(self, index, true)) {
            self->stats.evicted++;
            return TW_OK;
        }
    }
    return TW_ELIMIT;
}
