/* SPDX-License-Identifier: Apache-2.0
 * A growable byte buffer that is born with its maximum.
 * Thread: the owner's. Fails: TW_ELIMIT at the maximum, TW_ENOMEM; then nothing was added and
 * `error` stays set (sticky), so that a run of appends is checked once at its end. A buffer that
 * drains hands on what it holds instead of growing, and has no maximum.
 */
#ifndef TW_CORE_BUF_H
#define TW_CORE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

struct tw_buf {
    char *data; /* owned; NULL until the first append */
    size_t len;
    size_t capacity;
    size_t max;
    int error; /* TW_OK, or the first error since the last clear */
    int (*drain)(void *context, const void *bytes, size_t len); /* NULL: it grows */
    void *drain_context;
};

void tw_buf_init(struct tw_buf *self, size_t max_bytes);
/* One that drains: room for so many bytes now, none later. `drain` returns TW_OK or the error that
 * the buffer then keeps. TW_ENOMEM. */
int tw_buf_init_drain(struct tw_buf *self, size_t bytes,
                      int (*drain)(void *context, const void *bytes, size_t len), void *context);
/* Hand on what is left. Returns the error. */
int tw_buf_drain(struct tw_buf *self);
void tw_buf_fini(struct tw_buf *self);
/* Length 0, error cleared; the memory is kept. */
void tw_buf_clear(struct tw_buf *self);
int tw_buf_append(struct tw_buf *self, const void *bytes, size_t len);
int tw_buf_append_str(struct tw_buf *self, struct tw_str text);
int tw_buf_append_byte(struct tw_buf *self, uint8_t byte);
/* Make room for `len` more bytes; returns where they go (valid until the next call), or NULL.
 * The caller then adds to self->len what it wrote. One that drains has no more than its room. */
char *tw_buf_reserve(struct tw_buf *self, size_t len);
/* LEB128, 1 to 10 bytes. */
int tw_buf_append_varint(struct tw_buf *self, uint64_t value);
static inline uint64_t tw_zigzag(int64_t value)
{
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}
static inline int64_t tw_unzigzag(uint64_t value)
{
    return (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
}

/* A checked reader over borrowed bytes: after the first short read `failed` stays true and every
 * further read gives 0 or an absent string, so that a parse is checked once at its end. */
struct tw_cursor {
    const uint8_t *p;
    const uint8_t *end;
    bool failed;
};
static inline struct tw_cursor tw_cursor_of(const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    return (struct tw_cursor){p, len == 0 ? p : p + len, false};
}
uint64_t tw_cursor_varint(struct tw_cursor *self);
uint8_t tw_cursor_byte(struct tw_cursor *self);
struct tw_str tw_cursor_bytes(struct tw_cursor *self, size_t len);

#endif
