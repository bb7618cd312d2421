/* SPDX-License-Identifier: Apache-2.0
 * Texts that repeat in many events, as numbers. Never removed: their number is bounded. */
#include "config.h"
#include "track/internal.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "core/err.h"

/* Longer ones say nothing that is worth the memory; they are cut nowhere, but taken for none. */
#define WORD_BYTES_MAX 255

void tw_words_init(struct tw_words *self, uint32_t max, uint64_t seed)
{
    *self = (struct tw_words){.max = max, .seed = seed};
}

void tw_words_fini(struct tw_words *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        free(self->items[i]);
    }
    free(self->items);
    free(self->slots);
    self->items = NULL;
    self->slots = NULL;
    self->count = 0;
    self->capacity = 0;
    self->slot_count = 0;
}

/* The slot where the text stands, or the free one where it would. There is a free one. */
static uint32_t find_slot(const struct tw_words *self, struct tw_str text)
{
    uint64_t hash = XXH3_64bits_withSeed(text.ptr, text.len, self->seed);
    uint32_t at = (uint32_t)hash & (self->slot_count - 1);
    while (self->slots[at] != 0 &&
           !tw_str_equal(tw_str_of(self->items[self->slots[at] - 1]), text)) {
        at = (at + 1) & (self->slot_count - 1);
    }
    return at;
}

static int grow(struct tw_words *self)
{
    if (self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 16 : (size_t)self->capacity * 2;
        char **items = realloc(self->items, capacity * sizeof *items);
        if (items == NULL) {
            return TW_ENOMEM;
        }
        self->items = items;
        self->capacity = (uint32_t)capacity;
    }
    if ((self->count + 1) * 2 <= self->slot_count) {
        return TW_OK;
    }
    size_t slot_count = self->slot_count == 0 ? 64 : (size_t)self->slot_count * 2;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL) {
        return TW_ENOMEM;
    }
    free(self->slots);
    self->slots = slots;
    self->slot_count = (uint32_t)slot_count;
    for (uint32_t i = 0; i < self->count; i++) {
        slots[find_slot(self, tw_str_of(self->items[i]))] = i + 1;
    }
    return TW_OK;
}

uint32_t tw_words_find(const struct tw_words *self, struct tw_str text)
{
    return text.len == 0 || self->slot_count == 0 ? 0 : self->slots[find_slot(self, text)];
}

int tw_words_add(struct tw_words *self, struct tw_str text, uint32_t *ret_number)
{
    uint32_t number = tw_words_find(self, text);
    bool is_none = text.len == 0 || text.len > WORD_BYTES_MAX ||
                   memchr(text.ptr, '\0', text.len) != NULL || self->count == self->max;
    if (number != 0 || is_none) {
        *ret_number = number;
        return TW_OK;
    }
    char *copy = grow(self) == TW_OK ? strndup(text.ptr, text.len) : NULL;
    if (copy == NULL) {
        return TW_ENOMEM;
    }
    self->items[self->count++] = copy;
    self->slots[find_slot(self, text)] = self->count;
    *ret_number = self->count;
    return TW_OK;
}

const char *tw_words_text(const struct tw_words *self, uint32_t number)
{
    return number == 0 || number > self->count ? "" : self->items[number - 1];
}

size_t tw_words_bytes(const struct tw_words *self)
{
    return self->capacity * sizeof *self->items + self->slot_count * sizeof *self->slots +
           (size_t)self->count * 32; /* a text is short: what malloc gives at least */
}

int tw_words_encode(const struct tw_words *self, struct tw_buf *buf)
{
    (void)tw_buf_append_varint(buf, self->count); /* errors are sticky */
    for (uint32_t i = 0; i < self->count; i++) {
        struct tw_str text = tw_str_of(self->items[i]);
        (void)tw_buf_append_varint(buf, text.len);
        (void)tw_buf_append_str(buf, text);
    }
    return buf->error;
}

int tw_words_decode(struct tw_words *self, struct tw_cursor *cursor)
{
    tw_words_fini(self);
    uint64_t count = tw_cursor_varint(cursor);
    int rc = cursor->failed || count > self->max ? TW_EDAMAGED : TW_OK;
    for (uint64_t i = 0; rc == TW_OK && i < count; i++) {
        struct tw_str text = tw_cursor_bytes(cursor, tw_cursor_varint(cursor));
        uint32_t number = 0;
        rc = cursor->failed ? TW_EDAMAGED : tw_words_add(self, text, &number);
        rc = rc == TW_OK && number != i + 1 ? TW_EDAMAGED : rc;
    }
    if (rc != TW_OK) {
        tw_words_fini(self);
    }
    return rc;
}
