/* SPDX-License-Identifier: Apache-2.0
 * The runs that wait for one step, by the time since which they wait. Since what is due is due a
 * fixed time after that, the same order is the order of deadlines: the queue is its own timer.
 * A sorted sequence of (since, item), cut into leaves of TW_QUEUE_LEAF entries under one sorted
 * directory: what comes at the end or leaves at the front costs O(1); what comes anywhere else (a
 * backlog, an import of last year) a search and the move of at most one leaf.
 * Thread: the owner's. Memory: 12 to 16 bytes an entry when filled in order of time.
 * Fails:  TW_ENOMEM; then nothing changed.
 */
#ifndef TW_TRACK_QUEUE_H
#define TW_TRACK_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"

#define TW_QUEUE_LEAF 256 /* entries: a leaf is 3 kB, moved in the time of a few cache misses */

struct tw_queue_leaf;
/* A leaf and a bound below which none of its entries lies. */
struct tw_queue_slot {
    int64_t since_ns;
    uint32_t item;
    struct tw_queue_leaf *leaf;
};

struct tw_queue {
    struct tw_queue_slot *slots; /* owned */
    size_t first;                /* index of the first leaf */
    size_t leaves;
    size_t capacity;
    size_t count; /* entries */
};

struct tw_queue_entry {
    tw_wall_t since;
    uint32_t item;
};

void tw_queue_init(struct tw_queue *self);
void tw_queue_fini(struct tw_queue *self);
/* Add an entry that is not there yet. TW_OK, TW_ENOMEM. */
int tw_queue_insert(struct tw_queue *self, struct tw_queue_entry entry);
/* Take one out; false: it was not there. */
bool tw_queue_remove(struct tw_queue *self, struct tw_queue_entry entry);
/* The first entry by since, then item; false: empty. */
bool tw_queue_oldest(const struct tw_queue *self, struct tw_queue_entry *ret_entry);
/* The first entry behind `entry`, which need not be there itself; false: none. A walk over what has
 * come due since the last look. */
bool tw_queue_after(const struct tw_queue *self, struct tw_queue_entry entry,
                    struct tw_queue_entry *ret_entry);
size_t tw_queue_count(const struct tw_queue *self);
/* How many entries are later than `since`; of the first of them the time, if there is one.
 * O(leaves).
 */
size_t tw_queue_later(const struct tw_queue *self, tw_wall_t since, tw_wall_t *ret_first);
/* Memory, all told. */
size_t tw_queue_bytes(const struct tw_queue *self);

#endif
