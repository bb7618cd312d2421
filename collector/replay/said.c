/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/said.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define FIRST_CAPACITY 64

void tw_saids_fini(struct tw_saids *self)
{
    free(self->items);
    *self = (struct tw_saids){NULL, 0, 0};
}

/* Of the first that is not below it. */
static size_t place_of(const struct tw_saids *self, uint64_t item)
{
    size_t low = 0;
    size_t high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->items[middle].item < item) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct tw_said *tw_saids_find(const struct tw_saids *self, uint64_t item)
{
    size_t at = place_of(self, item);
    return at < self->count && self->items[at].item == item ? &self->items[at] : NULL;
}

int tw_saids_put(struct tw_saids *self, uint64_t item, struct tw_said **ret_said)
{
    size_t at = place_of(self, item);
    if (at == self->count || self->items[at].item != item) {
        if (self->count == self->capacity) {
            size_t capacity = self->capacity == 0 ? FIRST_CAPACITY : 2 * self->capacity;
            struct tw_said *items = realloc(self->items, capacity * sizeof *items);
            if (items == NULL) {
                return TW_ENOMEM;
            }
            self->items = items;
            self->capacity = capacity;
        }
        memmove(&self->items[at + 1], &self->items[at], (self->count - at) * sizeof *self->items);
        self->items[at] = (struct tw_said){.item = item};
        self->count++;
    }
    *ret_said = &self->items[at];
    return TW_OK;
}

void tw_saids_sweep(struct tw_saids *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[i].is_kept) {
            self->items[i].is_kept = false;
            self->items[kept++] = self->items[i];
        }
    }
    self->count = kept;
}
