/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "core/arena.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

/* 256 KiB: some 400 events a chunk; few mallocs, and a small arena stays small. */
#define CHUNK_BYTES (256u * 1024u)

struct tw_arena_chunk {
    struct tw_arena_chunk *next;
    size_t size;
    size_t used;
    alignas(16) char bytes[];
};

void tw_arena_init(struct tw_arena *self, size_t max_bytes)
{
    *self = (struct tw_arena){.max = max_bytes};
}

void tw_arena_fini(struct tw_arena *self)
{
    struct tw_arena_chunk *chunk = self->first;
    while (chunk != NULL) {
        struct tw_arena_chunk *next = chunk->next;
        free(chunk);
        chunk = next;
    }
    *self = (struct tw_arena){.max = self->max};
}

void tw_arena_reset(struct tw_arena *self)
{
    self->used = 0;
    self->current = self->first;
    if (self->current != NULL) {
        self->current->used = 0;
    }
}

/* The next chunk with room for len: a kept one if it is large enough, else a new one before it. */
static struct tw_arena_chunk *next_chunk(struct tw_arena *self, size_t len)
{
    struct tw_arena_chunk *kept = self->current == NULL ? self->first : self->current->next;
    if (kept != NULL && kept->size >= len) {
        kept->used = 0;
        return kept;
    }
    size_t size = len > CHUNK_BYTES ? len : CHUNK_BYTES;
    if (size > self->max - self->total) {
        size = len;
    }
    if (size > self->max - self->total) {
        return NULL;
    }
    struct tw_arena_chunk *chunk = malloc(sizeof *chunk + size);
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (struct tw_arena_chunk){.next = kept, .size = size};
    self->total += size;
    if (self->current == NULL) {
        self->first = chunk;
    } else {
        self->current->next = chunk;
    }
    return chunk;
}

void *tw_arena_alloc(struct tw_arena *self, size_t len)
{
    if (self->used > self->max || len > self->max - self->used) {
        return NULL;
    }
    len = (len + 15) & ~(size_t)15;
    if (self->current == NULL || self->current->size - self->current->used < len) {
        struct tw_arena_chunk *chunk = next_chunk(self, len);
        if (chunk == NULL) {
            return NULL;
        }
        self->current = chunk;
    }
    void *bytes = self->current->bytes + self->current->used;
    self->current->used += len;
    self->used += len;
    return bytes;
}

void *tw_arena_zalloc(struct tw_arena *self, size_t len)
{
    void *bytes = tw_arena_alloc(self, len);
    if (bytes != NULL) {
        memset(bytes, 0, len);
    }
    return bytes;
}

struct tw_str tw_arena_copy(struct tw_arena *self, struct tw_str text)
{
    if (text.ptr == NULL) {
        return TW_STR_NULL;
    }
    char *copy = tw_arena_alloc(self, text.len + 1);
    if (copy == NULL) {
        return TW_STR_NULL;
    }
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    copy[text.len] = '\0';
    return (struct tw_str){copy, text.len};
}
