/* SPDX-License-Identifier: Apache-2.0
 * The inner loops over JSON bytes, inline because the scanner lives in them: the next byte of a
 * string that needs a look, white space, one UTF-8 sequence. For the .c files of event/ only.
 * Thread: plain functions. Source: RFC 8259; RFC 3629 and Unicode 15 table 3-7.
 */
#ifndef TW_EVENT_BYTES_H
#define TW_EVENT_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/str.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* Inside a string: the quote, the backslash, controls, DEL and everything outside ASCII. */
static inline bool tw_byte_is_special(uint8_t byte)
{
    return byte == '"' || byte == '\\' || byte < 0x20 || byte >= 0x7f;
}

/* The first special byte at or behind p, or end. */
static inline const char *tw_bytes_special(const char *p, const char *end)
{
#if defined(__SSE2__)
    /* One added and compared signed, 0x00-0x1f become 1 to 32 and 0x7f-0xff become -128 to 0:
     * a single comparison finds controls, DEL and bytes outside ASCII. */
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i backslash = _mm_set1_epi8('\\');
    const __m128i one = _mm_set1_epi8(1);
    const __m128i plain = _mm_set1_epi8(0x21);
    while (end - p >= 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)p);
        __m128i odd = _mm_cmplt_epi8(_mm_add_epi8(bytes, one), plain);
        __m128i mark = _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, backslash));
        unsigned mask = (unsigned)_mm_movemask_epi8(_mm_or_si128(odd, mark));
        if (mask != 0) {
            return p + __builtin_ctz(mask);
        }
        p += 16;
    }
#endif
    while (p < end && !tw_byte_is_special((uint8_t)*p)) {
        p++;
    }
    return p;
}

/* Behind the white space of RFC 8259 at p. */
static inline const char *tw_bytes_blank(const char *p, const char *end)
{
    if (p < end && (uint8_t)*p > ' ') {
        return p; /* as compact JSON has it everywhere */
    }
    while (p < end && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t')) {
        p++;
    }
    return p;
}

/* A hash of a name, fast for short ones: from its length, first and last eight bytes. */
static inline uint32_t tw_bytes_hash(const char *name, size_t len)
{
    uint64_t first = 0;
    uint64_t last = 0;
    if (len >= 8) {
        memcpy(&first, name, 8);
        memcpy(&last, name + len - 8, 8);
    } else if (len >= 4) {
        uint32_t half = 0;
        memcpy(&half, name, 4);
        first = half;
        memcpy(&half, name + len - 4, 4);
        last = half;
    } else if (len > 0) {
        first = (uint8_t)name[0];
        last = (uint64_t)(uint8_t)name[len / 2] << 8 | (uint8_t)name[len - 1];
    }
    /* Odd constants of splitmix64 and wyhash; nothing but spread is asked of them. */
    uint64_t mixed = (first ^ len) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 32 ^ last) * UINT64_C(0xbf58476d1ce4e5b9);
    return (uint32_t)(mixed >> 32);
}

/* tw_str_equal for names: without a call for those of 4 to 16 bytes, which nearly all have. */
static inline bool tw_bytes_same(struct tw_str a, struct tw_str b)
{
    if (a.len != b.len) {
        return false;
    }
    if (a.len >= 8 && a.len <= 16) {
        uint64_t words[4];
        memcpy(&words[0], a.ptr, 8);
        memcpy(&words[1], b.ptr, 8);
        memcpy(&words[2], a.ptr + a.len - 8, 8);
        memcpy(&words[3], b.ptr + b.len - 8, 8);
        return words[0] == words[1] && words[2] == words[3];
    }
    if (a.len >= 4 && a.len < 8) {
        uint32_t words[4];
        memcpy(&words[0], a.ptr, 4);
        memcpy(&words[1], b.ptr, 4);
        memcpy(&words[2], a.ptr + a.len - 4, 4);
        memcpy(&words[3], b.ptr + b.len - 4, 4);
        return words[0] == words[1] && words[2] == words[3];
    }
    return tw_str_equal(a, b);
}

static inline bool tw_byte_is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static inline bool tw_byte_is_tail(char byte)
{
    return ((uint8_t)byte & 0xc0) == 0x80;
}

/* Bytes of the UTF-8 sequence of a byte >= 0x80 at p: 2 to 4, or 0 when it is not one (overlong,
 * surrogate, beyond U+10FFFF, cut off). */
static inline size_t tw_bytes_utf8(const char *p, const char *end)
{
    uint8_t lead = (uint8_t)p[0];
    size_t left = (size_t)(end - p);
    if (lead >= 0xc2 && lead <= 0xdf) {
        return left >= 2 && tw_byte_is_tail(p[1]) ? 2 : 0;
    }
    if (left < 3 || lead < 0xe0 || lead > 0xf4) {
        return 0;
    }
    uint8_t second = (uint8_t)p[1];
    if (lead <= 0xef) {
        uint8_t low = lead == 0xe0 ? 0xa0 : 0x80;
        uint8_t high = lead == 0xed ? 0x9f : 0xbf;
        return second >= low && second <= high && tw_byte_is_tail(p[2]) ? 3 : 0;
    }
    uint8_t low = lead == 0xf0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xf4 ? 0x8f : 0xbf;
    return left >= 4 && second >= low && second <= high && tw_byte_is_tail(p[2]) &&
                   tw_byte_is_tail(p[3])
               ? 4
               : 0;
}

#endif
