/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/out.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the well-formed UTF-8 sequence at p (at most `left` bytes), or 0.
 * Source: Unicode 15, table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF. */
static size_t utf8_length(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80) {
        return 1;
    }
    size_t len = p[0] >= 0xf0 ? 4 : (p[0] >= 0xe0 ? 3 : 2);
    if (p[0] < 0xc2 || p[0] > 0xf4 || left < len) {
        return 0;
    }
    unsigned char low = p[0] == 0xe0 ? 0xa0 : (p[0] == 0xf0 ? 0x90 : 0x80);
    unsigned char high = p[0] == 0xed ? 0x9f : (p[0] == 0xf4 ? 0x8f : 0xbf);
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return len;
}

static bool is_plain(struct tw_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c >= 0x80 || c < 0x20 || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static json_t *escaped(struct tw_str text, bool with_controls)
{
    static const char digits[] = "0123456789abcdef";
    char *out = malloc(text.len * 4 + 1);
    if (out == NULL) {
        return NULL;
    }
    size_t len = 0;
    const unsigned char *p = (const unsigned char *)text.ptr;
    for (size_t i = 0; i < text.len;) {
        size_t step = utf8_length(p + i, text.len - i);
        bool is_control =
            with_controls && ((p[i] < 0x20 && p[i] != '\n' && p[i] != '\t') || p[i] == 0x7f);
        if (step == 0 || is_control) {
            out[len++] = '\\';
            out[len++] = 'x';
            out[len++] = digits[p[i] >> 4];
            out[len++] = digits[p[i] & 15];
            i++;
        } else {
            memcpy(out + len, p + i, step);
            len += step;
            i += step;
        }
    }
    json_t *json = json_stringn_nocheck(out, len);
    free(out);
    return json;
}

json_t *tw_out_text(struct tw_str text)
{
    if (text.ptr == NULL) {
        return json_null();
    }
    return is_plain(text) ? json_stringn_nocheck(text.ptr, text.len) : escaped(text, false);
}

json_t *tw_out_raw(struct tw_str bytes)
{
    if (bytes.ptr == NULL) {
        return json_null();
    }
    return is_plain(bytes) ? json_stringn_nocheck(bytes.ptr, bytes.len) : escaped(bytes, true);
}

/* Encode with the given alphabet; out has room for (len + 2) / 3 * 4. Returns the length. */
static size_t base64(struct tw_str bytes, const char *alphabet, bool has_padding, char *out)
{
    const unsigned char *p = (const unsigned char *)bytes.ptr;
    size_t len = 0;
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)p[i] << 16;
        group |= left > 1 ? (uint32_t)p[i + 1] << 8 : 0;
        group |= left > 2 ? (uint32_t)p[i + 2] : 0;
        size_t digits = left >= 3 ? 4 : left + 1;
        for (size_t j = 0; j < 4; j++) {
            if (j < digits) {
                out[len++] = alphabet[(group >> (18 - 6 * j)) & 63];
            } else if (has_padding) {
                out[len++] = '=';
            }
        }
    }
    return len;
}

static const char plain_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

json_t *tw_out_base64(struct tw_str bytes)
{
    if (bytes.ptr == NULL) {
        return json_null();
    }
    char *out = malloc((bytes.len + 2) / 3 * 4 + 1);
    if (out == NULL) {
        return NULL;
    }
    size_t len = base64(bytes, plain_alphabet, true, out);
    json_t *json = json_stringn_nocheck(out, len);
    free(out);
    return json;
}

struct tw_str tw_base64url(struct tw_arena *arena, struct tw_str bytes)
{
    char *out = tw_arena_alloc(arena, (bytes.len + 2) / 3 * 4 + 1);
    if (out == NULL) {
        return TW_STR_NULL;
    }
    size_t len = base64(bytes, url_alphabet, false, out);
    out[len] = '\0';
    return (struct tw_str){out, len};
}

int tw_base64url_decode(struct tw_arena *arena, struct tw_str text, struct tw_str *ret_bytes)
{
    if (text.len % 4 == 1) {
        return TW_ESYNTAX;
    }
    char *out = tw_arena_alloc(arena, text.len + 1);
    if (out == NULL) {
        return TW_ENOMEM;
    }
    size_t len = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.ptr[i] == '\0' ? NULL : strchr(url_alphabet, text.ptr[i]);
        if (at == NULL) {
            return TW_ESYNTAX;
        }
        bits = (bits << 6) | (uint32_t)(at - url_alphabet);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[len++] = (char)((bits >> count) & 0xff);
        }
    }
    *ret_bytes = (struct tw_str){out, len};
    return TW_OK;
}

json_t *tw_out_time(tw_wall_t at)
{
    if (at.ns == 0) {
        return json_null();
    }
    char text[TW_TIME_TEXT_SIZE];
    tw_wall_format(at, text);
    return json_string_nocheck(text);
}

json_t *tw_out_seconds(int64_t ns)
{
    int64_t us = ns / TW_NS_PER_US; /* whole microseconds: what the clock is good for */
    return json_real((double)us / 1e6);
}

json_t *tw_out_count(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

/* Whether a part of the answer under way could not be built. */
static _Thread_local bool has_failed;

void tw_out_set(json_t *object, const char *key, json_t *value)
{
    if (value == NULL || json_object_set_new_nocheck(object, key, value) != 0) {
        has_failed = true;
    }
}

void tw_out_add(json_t *array, json_t *value)
{
    if (value == NULL || json_array_append_new(array, value) != 0) {
        has_failed = true;
    }
}

bool tw_out_take_failure(void)
{
    bool result = has_failed;
    has_failed = false;
    return result;
}
