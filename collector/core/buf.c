/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "core/buf.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"

void tw_buf_init(struct tw_buf *self, size_t max_bytes)
{
    *self = (struct tw_buf){.max = max_bytes};
}

int tw_buf_init_drain(struct tw_buf *self, size_t bytes,
                      int (*drain)(void *context, const void *bytes, size_t len), void *context)
{
    tw_buf_init(self, bytes);
    self->drain = drain;
    self->drain_context = context;
    return tw_buf_reserve(self, bytes) == NULL ? self->error : TW_OK;
}

int tw_buf_drain(struct tw_buf *self)
{
    if (self->error == TW_OK && self->len > 0) {
        self->error = self->drain(self->drain_context, self->data, self->len);
        self->len = 0;
    }
    return self->error;
}

void tw_buf_fini(struct tw_buf *self)
{
    free(self->data);
    *self = (struct tw_buf){.max = self->max};
}

void tw_buf_clear(struct tw_buf *self)
{
    self->len = 0;
    self->error = TW_OK;
}

char *tw_buf_reserve(struct tw_buf *self, size_t len)
{
    if (self->error != TW_OK) {
        return NULL;
    }
    if (self->drain != NULL && len > self->max - self->len && tw_buf_drain(self) != TW_OK) {
        return NULL;
    }
    if (len > self->max - self->len) {
        self->error = TW_ELIMIT;
        return NULL;
    }
    if (self->len + len > self->capacity || self->data == NULL) {
        size_t capacity = self->capacity < 256 ? 256 : self->capacity;
        while (capacity < self->len + len) {
            capacity *= 2;
        }
        capacity = capacity > self->max && self->max > 0 ? self->max : capacity;
        char *data = realloc(self->data, capacity);
        if (data == NULL) {
            self->error = TW_ENOMEM;
            return NULL;
        }
        self->data = data;
        self->capacity = capacity;
    }
    return self->data + self->len;
}

int tw_buf_append(struct tw_buf *self, const void *bytes, size_t len)
{
    if (self->drain != NULL && len > self->max) { /* would only pass through */
        int rc = tw_buf_drain(self);
        self->error = rc == TW_OK ? self->drain(self->drain_context, bytes, len) : rc;
        return self->error;
    }
    char *to = tw_buf_reserve(self, len);
    if (to == NULL) {
        return self->error;
    }
    if (len > 0) {
        memcpy(to, bytes, len);
        self->len += len;
    }
    return TW_OK;
}

int tw_buf_append_str(struct tw_buf *self, struct tw_str text)
{
    return tw_buf_append(self, text.ptr, text.len);
}

int tw_buf_append_byte(struct tw_buf *self, uint8_t byte)
{
    return tw_buf_append(self, &byte, 1);
}

int tw_buf_append_varint(struct tw_buf *self, uint64_t value)
{
    uint8_t bytes[10];
    size_t len = 0;
    while (value >= 0x80) {
        bytes[len++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[len++] = (uint8_t)value;
    return tw_buf_append(self, bytes, len);
}

uint64_t tw_cursor_varint(struct tw_cursor *self)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (self->failed || self->p == self->end) {
            break;
        }
        uint8_t byte = *self->p++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    self->failed = true;
    return 0;
}

uint8_t tw_cursor_byte(struct tw_cursor *self)
{
    if (self->failed || self->p == self->end) {
        self->failed = true;
        return 0;
    }
    return *self->p++;
}

struct tw_str tw_cursor_bytes(struct tw_cursor *self, size_t len)
{
    if (self->failed || (size_t)(self->end - self->p) < len) {
        self->failed = true;
        return TW_STR_NULL;
    }
    struct tw_str bytes = {(const char *)self->p, len};
    self->p += len;
    return bytes;
}
