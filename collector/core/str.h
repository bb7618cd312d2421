/* SPDX-License-Identifier: Apache-2.0
 * A borrowed run of bytes: pointer and length, no terminator, any byte allowed (NUL too).
 * ptr == NULL means absent; length 0 with a pointer means empty. Thread: plain data.
 */
#ifndef TW_CORE_STR_H
#define TW_CORE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct tw_str {
    const char *ptr;
    size_t len;
};

#define TW_STR_NULL     ((struct tw_str){NULL, 0})
#define TW_STR_LIT(lit) ((struct tw_str){(lit), sizeof(lit) - 1})

static inline struct tw_str tw_str_of(const char *cstr)
{
    return (struct tw_str){cstr, cstr == NULL ? 0 : strlen(cstr)};
}

/* Behind its last byte; NULL where it has none to point to: NULL + 0 is not defined in C. */
static inline const char *tw_str_end(struct tw_str text)
{
    return text.len == 0 ? text.ptr : text.ptr + text.len;
}

static inline bool tw_str_equal(struct tw_str a, struct tw_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool tw_str_is(struct tw_str a, const char *cstr)
{
    return tw_str_equal(a, tw_str_of(cstr));
}

static inline bool tw_str_starts(struct tw_str a, struct tw_str prefix)
{
    return a.len >= prefix.len && (prefix.len == 0 || memcmp(a.ptr, prefix.ptr, prefix.len) == 0);
}

/* Bytewise order, the shorter first when one starts the other; <0, 0, >0. */
static inline int tw_str_compare(struct tw_str a, struct tw_str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter == 0 ? 0 : memcmp(a.ptr, b.ptr, shorter);
    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : (a.len > b.len ? 1 : 0);
}

#endif
