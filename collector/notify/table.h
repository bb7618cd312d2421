/* SPDX-License-Identifier: Apache-2.0
 * Items by a hash of 64 bits; several may have the same one, their owner tells them apart.
 * Thread: the owner's. Limits: TW_TABLE_MAX items. The items are not owned.
 */
#ifndef TW_NOTIFY_TABLE_H
#define TW_NOTIFY_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "core/err.h"

#define TW_TABLE_MAX ((size_t)1 << 22)

struct tw_table_slot {
    uint64_t hash;
    void *item; /* NULL: free */
};
/* Zeroed: empty. */
struct tw_table {
    struct tw_table_slot *slots;
    size_t room; /* a power of two; 0: none yet */
    size_t count;
};
void tw_table_fini(struct tw_table *self);
/* TW_OK, TW_ENOMEM, TW_ELIMIT. */
int tw_table_put(struct tw_table *self, uint64_t hash, void *item);
/* The items of this hash, one a call: *cursor is 0 to begin with. NULL: no more. */
void *tw_table_next(const struct tw_table *self, uint64_t hash, size_t *cursor);
/* Nothing where it is not there. */
void tw_table_remove(struct tw_table *self, uint64_t hash, const void *item);

#endif
