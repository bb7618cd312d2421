/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/queue.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"

struct tw_queue_leaf {
    uint32_t start; /* index of the first entry */
    uint32_t count; /* 1 to TW_QUEUE_LEAF */
    int64_t since_ns[TW_QUEUE_LEAF];
    uint32_t item[TW_QUEUE_LEAF];
};

void tw_queue_init(struct tw_queue *self)
{
    *self = (struct tw_queue){0};
}

void tw_queue_fini(struct tw_queue *self)
{
    for (size_t i = 0; i < self->leaves; i++) {
        free(self->slots[self->first + i].leaf);
    }
    free(self->slots);
    *self = (struct tw_queue){0};
}

static bool is_before(int64_t since_ns, uint32_t item, struct tw_queue_entry entry)
{
    return since_ns < entry.since.ns || (since_ns == entry.since.ns && item < entry.item);
}

/* The last leaf whose bound is not behind the entry; the first one if all are. */
static size_t leaf_of(const struct tw_queue *self, struct tw_queue_entry entry)
{
    const struct tw_queue_slot *slots = self->slots + self->first;
    size_t low = 0;
    size_t high = self->leaves;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool is_behind =
            !is_before(slots[middle].since_ns, slots[middle].item, entry) &&
            (slots[middle].since_ns != entry.since.ns || slots[middle].item != entry.item);
        if (is_behind) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low == 0 ? 0 : low - 1;
}

/* Index in the leaf of the first entry that is not before `entry`; start + count: none. */
static uint32_t place_in(const struct tw_queue_leaf *leaf, struct tw_queue_entry entry)
{
    uint32_t low = leaf->start;
    uint32_t high = leaf->start + leaf->count;
    if (is_before(leaf->since_ns[high - 1], leaf->item[high - 1], entry)) {
        return high; /* nearly always: the newest */
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (is_before(leaf->since_ns[middle], leaf->item[middle], entry)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void move(struct tw_queue_leaf *leaf, uint32_t to, uint32_t from, uint32_t count)
{
    memmove(leaf->since_ns + to, leaf->since_ns + from, count * sizeof leaf->since_ns[0]);
    memmove(leaf->item + to, leaf->item + from, count * sizeof leaf->item[0]);
}

static void copy(struct tw_queue_leaf *to, uint32_t at, const struct tw_queue_leaf *from,
                 uint32_t first, uint32_t count)
{
    memcpy(to->since_ns + at, from->since_ns + first, count * sizeof to->since_ns[0]);
    memcpy(to->item + at, from->item + first, count * sizeof to->item[0]);
}

/* A new leaf without entries at index `at` of the directory. */
static int add_leaf(struct tw_queue *self, size_t at, struct tw_queue_entry bound,
                    struct tw_queue_leaf **ret_leaf)
{
    if (self->first + self->leaves == self->capacity) {
        if (self->first > self->leaves) { /* more gone than there are: use the room again */
            memmove(self->slots, self->slots + self->first, self->leaves * sizeof *self->slots);
            self->first = 0;
        } else {
            size_t capacity = self->capacity == 0 ? 4 : self->capacity * 2;
            struct tw_queue_slot *slots = realloc(self->slots, capacity * sizeof *slots);
            if (slots == NULL) {
                return TW_ENOMEM;
            }
            self->slots = slots;
            self->capacity = capacity;
        }
    }
    struct tw_queue_leaf *leaf = malloc(sizeof *leaf);
    if (leaf == NULL) {
        return TW_ENOMEM;
    }
    leaf->start = 0;
    leaf->count = 0;
    struct tw_queue_slot *slot = self->slots + self->first + at;
    memmove(slot + 1, slot, (self->leaves - at) * sizeof *slot);
    *slot = (struct tw_queue_slot){bound.since.ns, bound.item, leaf};
    self->leaves++;
    *ret_leaf = leaf;
    return TW_OK;
}

static void drop_leaf(struct tw_queue *self, size_t at)
{
    struct tw_queue_slot *slot = self->slots + self->first + at;
    free(slot->leaf);
    self->leaves--;
    if (at == 0) {
        self->first = self->leaves == 0 ? 0 : self->first + 1;
    } else {
        memmove(slot, slot + 1, (self->leaves - at) * sizeof *slot);
    }
}

/* Room in the leaf at *at_p for the entry: as it is, behind it, or by halving it. */
static int make_room(struct tw_queue *self, struct tw_queue_entry entry, size_t *at_p)
{
    struct tw_queue_leaf *leaf = self->slots[self->first + *at_p].leaf;
    if (leaf->count < TW_QUEUE_LEAF) {
        return TW_OK;
    }
    struct tw_queue_leaf *next = NULL;
    if (is_before(leaf->since_ns[TW_QUEUE_LEAF - 1], leaf->item[TW_QUEUE_LEAF - 1], entry)) {
        (*at_p)++;
        return add_leaf(self, *at_p, entry, &next);
    }
    const uint32_t half = TW_QUEUE_LEAF / 2;
    struct tw_queue_entry bound = {{leaf->since_ns[half]}, leaf->item[half]};
    int rc = add_leaf(self, *at_p + 1, bound, &next);
    if (rc != TW_OK) {
        return rc;
    }
    copy(next, 0, leaf, half, TW_QUEUE_LEAF - half);
    next->count = TW_QUEUE_LEAF - half;
    leaf->count = half;
    if (is_before(bound.since.ns, bound.item, entry)) {
        (*at_p)++;
    }
    return TW_OK;
}

int tw_queue_insert(struct tw_queue *self, struct tw_queue_entry entry)
{
    size_t at = 0;
    struct tw_queue_leaf *leaf = NULL;
    int rc = TW_OK;
    if (self->leaves == 0) {
        rc = add_leaf(self, 0, entry, &leaf);
    } else {
        at = leaf_of(self, entry);
        rc = make_room(self, entry, &at);
    }
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_queue_slot *slot = self->slots + self->first + at;
    leaf = slot->leaf;
    if (leaf->start + leaf->count == TW_QUEUE_LEAF) {
        move(leaf, 0, leaf->start, leaf->count);
        leaf->start = 0;
    }
    uint32_t place = leaf->count == 0 ? 0 : place_in(leaf, entry);
    move(leaf, place + 1, place, leaf->start + leaf->count - place);
    leaf->since_ns[place] = entry.since.ns;
    leaf->item[place] = entry.item;
    leaf->count++;
    self->count++;
    if (place == leaf->start && !is_before(slot->since_ns, slot->item, entry)) {
        slot->since_ns = entry.since.ns;
        slot->item = entry.item;
    }
    return TW_OK;
}

/* Two leaves that are nearly empty become one. */
static void join_next(struct tw_queue *self, size_t at)
{
    if (at + 1 >= self->leaves) {
        return;
    }
    struct tw_queue_leaf *leaf = self->slots[self->first + at].leaf;
    const struct tw_queue_leaf *next = self->slots[self->first + at + 1].leaf;
    if (leaf->count + next->count > TW_QUEUE_LEAF / 2) {
        return;
    }
    move(leaf, 0, leaf->start, leaf->count);
    leaf->start = 0;
    copy(leaf, leaf->count, next, next->start, next->count);
    leaf->count += next->count;
    drop_leaf(self, at + 1);
}

bool tw_queue_remove(struct tw_queue *self, struct tw_queue_entry entry)
{
    if (self->leaves == 0) {
        return false;
    }
    size_t at = leaf_of(self, entry);
    struct tw_queue_leaf *leaf = self->slots[self->first + at].leaf;
    uint32_t place = place_in(leaf, entry);
    if (place == leaf->start + leaf->count || leaf->since_ns[place] != entry.since.ns ||
        leaf->item[place] != entry.item) {
        return false;
    }
    if (place == leaf->start) {
        leaf->start++;
    } else {
        move(leaf, place, place + 1, leaf->start + leaf->count - place - 1);
    }
    leaf->count--;
    self->count--;
    if (leaf->count == 0) {
        drop_leaf(self, at);
    } else if (leaf->count < TW_QUEUE_LEAF / 4) {
        join_next(self, at);
        if (at > 0) {
            join_next(self, at - 1);
        }
    }
    return true;
}

bool tw_queue_oldest(const struct tw_queue *self, struct tw_queue_entry *ret_entry)
{
    if (self->leaves == 0) {
        return false;
    }
    const struct tw_queue_leaf *leaf = self->slots[self->first].leaf;
    *ret_entry = (struct tw_queue_entry){{leaf->since_ns[leaf->start]}, leaf->item[leaf->start]};
    return true;
}

bool tw_queue_after(const struct tw_queue *self, struct tw_queue_entry entry,
                    struct tw_queue_entry *ret_entry)
{
    if (self->leaves == 0) {
        return false;
    }
    size_t at = leaf_of(self, entry);
    const struct tw_queue_leaf *leaf = self->slots[self->first + at].leaf;
    uint32_t place = place_in(leaf, entry);
    uint32_t end = leaf->start + leaf->count;
    if (place < end && leaf->since_ns[place] == entry.since.ns && leaf->item[place] == entry.item) {
        place++;
    }
    if (place == end) {
        if (at + 1 == self->leaves) {
            return false;
        }
        leaf = self->slots[self->first + at + 1].leaf;
        place = leaf->start;
    }
    *ret_entry = (struct tw_queue_entry){{leaf->since_ns[place]}, leaf->item[place]};
    return true;
}

size_t tw_queue_later(const struct tw_queue *self, tw_wall_t since, tw_wall_t *ret_first)
{
    if (self->leaves == 0) {
        return 0;
    }
    struct tw_queue_entry last = {since, UINT32_MAX};
    struct tw_queue_entry first;
    if (!tw_queue_after(self, last, &first)) {
        return 0;
    }
    *ret_first = first.since;
    size_t at = leaf_of(self, first);
    const struct tw_queue_leaf *leaf = self->slots[self->first + at].leaf;
    size_t count = leaf->start + leaf->count - place_in(leaf, first);
    for (at++; at < self->leaves; at++) {
        count += self->slots[self->first + at].leaf->count;
    }
    return count;
}

size_t tw_queue_count(const struct tw_queue *self)
{
    return self->count;
}

size_t tw_queue_bytes(const struct tw_queue *self)
{
    return self->capacity * sizeof *self->slots + self->leaves * sizeof(struct tw_queue_leaf);
}
