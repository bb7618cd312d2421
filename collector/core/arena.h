/* SPDX-License-Identifier: Apache-2.0
 * Memory that is born piece by piece and dies at once: all that belongs to one batch or one
 * request. Chunks are kept over a reset, up to the maximum. Thread: the owner's.
 */
#ifndef TW_CORE_ARENA_H
#define TW_CORE_ARENA_H

#include <stddef.h>

#include "core/str.h"

struct tw_arena_chunk;

struct tw_arena {
    struct tw_arena_chunk *first; /* owned chain; chunks are reused after a reset */
    struct tw_arena_chunk *current;
    size_t used;  /* bytes given out since the last reset */
    size_t max;   /* bytes; a request beyond it returns NULL */
    size_t total; /* bytes of all chunks */
};

void tw_arena_init(struct tw_arena *self, size_t max_bytes);
void tw_arena_fini(struct tw_arena *self);
/* Everything given out becomes invalid. */
void tw_arena_reset(struct tw_arena *self);
/* 16-byte aligned, not zeroed; NULL at the maximum or out of memory. Valid until reset. */
void *tw_arena_alloc(struct tw_arena *self, size_t len);
/* The same, zeroed. */
void *tw_arena_zalloc(struct tw_arena *self, size_t len);
/* A copy with a NUL behind it (not counted); ptr NULL on failure; absent stays absent. */
struct tw_str tw_arena_copy(struct tw_arena *self, struct tw_str text);

#endif
