/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "tap/hold.h"

#include <stdlib.h>

#include "core/err.h"
#include "tap/tap.h"

/* 1024 slots of 64 bytes: 64 KiB, less than a batch of the default size needs. */
#define CHUNK_SLOTS 1024u

struct tw_hold_chunk {
    struct tw_hold_chunk *next;
    zmq_msg_t slots[CHUNK_SLOTS]; /* those outside head..tail are initialised and empty */
};

void tw_hold_init(struct tw_hold *self, size_t max_frames, uint64_t max_bytes)
{
    TW_ASSERT(max_frames >= TW_TAP_MAX_FRAMES);
    *self = (struct tw_hold){.max_frames = max_frames, .max_bytes = max_bytes};
}

static void free_chain(struct tw_hold_chunk *chunk)
{
    while (chunk != NULL) {
        struct tw_hold_chunk *next = chunk->next;
        free(chunk); /* empty messages own nothing */
        chunk = next;
    }
}

void tw_hold_fini(struct tw_hold *self)
{
    tw_hold_release(self, self->tail);
    if (self->newest != NULL) {
        (void)zmq_msg_close(tw_hold_slot(self)); /* a frame that was received but not kept */
    }
    free_chain(self->oldest);
    free_chain(self->spare);
    *self = (struct tw_hold){0};
}

bool tw_hold_is_full(const struct tw_hold *self)
{
    return self->tail - self->head > self->max_frames - TW_TAP_MAX_FRAMES ||
           self->bytes >= self->max_bytes;
}

static struct tw_hold_chunk *new_chunk(void)
{
    struct tw_hold_chunk *chunk = malloc(sizeof *chunk);
    if (chunk != NULL) {
        chunk->next = NULL;
        for (size_t i = 0; i < CHUNK_SLOTS; i++) {
            (void)zmq_msg_init(&chunk->slots[i]); /* cannot fail (libzmq manual) */
        }
    }
    return chunk;
}

/* The chunk behind `newest` is linked before a message may reach the edge, so that slot `tail` is
 * always in `newest`. */
int tw_hold_reserve(struct tw_hold *self, size_t frames)
{
    size_t used = (size_t)(self->tail % CHUNK_SLOTS);
    bool needs_first = self->newest == NULL;
    bool needs_next = !needs_first && self->newest->next == NULL && used + frames >= CHUNK_SLOTS;
    if (!needs_first && !needs_next) {
        return TW_OK;
    }
    struct tw_hold_chunk *chunk = self->spare;
    if (chunk != NULL) {
        self->spare = chunk->next;
        chunk->next = NULL;
    } else {
        chunk = new_chunk();
    }
    if (chunk == NULL) {
        return TW_ENOMEM;
    }
    if (needs_first) {
        self->oldest = chunk;
        self->newest = chunk;
    } else {
        self->newest->next = chunk;
    }
    return TW_OK;
}

zmq_msg_t *tw_hold_slot(struct tw_hold *self)
{
    return &self->newest->slots[self->tail % CHUNK_SLOTS];
}

void tw_hold_keep(struct tw_hold *self)
{
    self->bytes += zmq_msg_size(tw_hold_slot(self));
    self->tail++;
    if (self->tail % CHUNK_SLOTS == 0) {
        TW_ASSERT(self->newest->next != NULL);
        self->newest = self->newest->next;
    }
}

void tw_hold_release(struct tw_hold *self, uint64_t mark)
{
    while (self->head < mark && self->head < self->tail) {
        zmq_msg_t *slot = &self->oldest->slots[self->head % CHUNK_SLOTS];
        self->bytes -= zmq_msg_size(slot);
        (void)zmq_msg_close(slot); /* fails on a message that is none only */
        (void)zmq_msg_init(slot);
        self->head++;
        if (self->head % CHUNK_SLOTS == 0) {
            struct tw_hold_chunk *done = self->oldest;
            self->oldest = done->next;
            done->next = self->spare;
            self->spare = done;
        }
    }
}
