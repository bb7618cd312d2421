/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "json.h"

#include <stdlib.h>
#include <string.h>

#define WHOLE_MAX   (UINT64_C(1) << 53)
#define SECONDS_MAX 1e9

struct cursor {
    const char *at;
    const char *end;
};

static bool is_at(const struct cursor *c, char wanted)
{
    return c->at < c->end && *c->at == wanted;
}

static bool take(struct cursor *c, char wanted)
{
    bool is_there = is_at(c, wanted);
    c->at += is_there ? 1 : 0;
    return is_there;
}

static void skip_space(struct cursor *c)
{
    while (is_at(c, ' ') || is_at(c, '\t') || is_at(c, '\n') || is_at(c, '\r')) {
        c->at++;
    }
}

static bool is_digit(const struct cursor *c)
{
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static bool skip_digits(struct cursor *c)
{
    bool has_some = is_digit(c);
    while (is_digit(c)) {
        c->at++;
    }
    return has_some;
}

/* ---- strings ---- */

size_t twc_utf8_len(const char *bytes, size_t len)
{
    static const struct {
        uint8_t mask, lead;
        uint32_t least;
    } forms[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0x80}, {0xf0, 0xe0, 0x800}, {0xf8, 0xf0, 0x10000}};
    if (len == 0) {
        return 0;
    }
    uint8_t first = (uint8_t)bytes[0];
    for (size_t n = 1; n <= 4; n++) {
        if ((first & forms[n - 1].mask) != forms[n - 1].lead) {
            continue;
        }
        uint32_t code = first & (uint8_t)~forms[n - 1].mask;
        size_t i = 1;
        while (i < n && i < len && ((uint8_t)bytes[i] & 0xc0) == 0x80) {
            code = code << 6 | ((uint8_t)bytes[i++] & 0x3f);
        }
        bool is_surrogate = code >= 0xd800 && code < 0xe000;
        return i < n || code < forms[n - 1].least || code > 0x10ffff || is_surrogate ? 0 : n;
    }
    return 0;
}

static bool take_hex4(struct cursor *c, uint32_t *ret_code)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t code = 0;
    for (int i = 0; i < 4; i++, c->at++) {
        char digit = c->at < c->end ? *c->at : ' ';
        digit = digit >= 'A' && digit <= 'F' ? (char)(digit - 'A' + 'a') : digit;
        const char *found = digit == 0 ? NULL : strchr(digits, digit);
        if (found == NULL) {
            return false;
        }
        code = code << 4 | (uint32_t)(found - digits);
    }
    *ret_code = code;
    return true;
}

/* Behind "\u": a character, of two of them where the first is half of a pair. */
static bool take_unicode(struct cursor *c, uint32_t *ret_code)
{
    uint32_t code = 0;
    uint32_t low = 0;
    if (!take_hex4(c, &code) || (code >= 0xdc00 && code < 0xe000)) {
        return false;
    }
    if (code >= 0xd800 && code < 0xdc00) {
        if (!take(c, '\\') || !take(c, 'u') || !take_hex4(c, &low) || low < 0xdc00 ||
            low >= 0xe000) {
            return false;
        }
        code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
    }
    *ret_code = code;
    return true;
}

static size_t put_utf8(char out[4], uint32_t code)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const uint8_t leads[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (char)(leads[n] | code);
    return n;
}

/* One character of a string at hand, decoded. Returns its bytes; 0: it is none. */
static size_t take_character(struct cursor *c, char out[4])
{
    static const char escapes[] = "\"\\/bfnrt";
    static const char meanings[] = "\"\\/\b\f\n\r\t";
    uint32_t code = 0;
    if (!take(c, '\\')) {
        size_t n = twc_utf8_len(c->at, (size_t)(c->end - c->at));
        if (n == 0 || (uint8_t)*c->at < 0x20) {
            return 0;
        }
        memcpy(out, c->at, n);
        c->at += n;
        return n;
    }
    if (take(c, 'u')) {
        return take_unicode(c, &code) ? put_utf8(out, code) : 0;
    }
    const char *found = c->at < c->end && *c->at != 0 ? strchr(escapes, *c->at) : NULL;
    if (found == NULL) {
        return 0;
    }
    c->at++;
    out[0] = meanings[found - escapes];
    return 1;
}

static bool skip_string(struct cursor *c)
{
    char character[4];
    if (!take(c, '"')) {
        return false;
    }
    while (!take(c, '"')) {
        if (take_character(c, character) == 0) {
            return false;
        }
    }
    return true;
}

/* ---- values ---- */

static bool skip_number(struct cursor *c)
{
    (void)take(c, '-'); /* may be absent */
    if (!take(c, '0') && !skip_digits(c)) {
        return false;
    }
    if (take(c, '.') && !skip_digits(c)) {
        return false;
    }
    if (take(c, 'e') || take(c, 'E')) {
        bool has_plus = take(c, '+');
        (void)(has_plus || take(c, '-')); /* either may stand there, or none */
        return skip_digits(c);
    }
    return true;
}

static bool skip_scalar(struct cursor *c)
{
    static const char *const words[] = {"true", "false", "null"};
    if (is_at(c, '"')) {
        return skip_string(c);
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t len = strlen(words[i]);
        if ((size_t)(c->end - c->at) >= len && memcmp(c->at, words[i], len) == 0) {
            c->at += len;
            return true;
        }
    }
    return skip_number(c);
}

static bool skip_name(struct cursor *c)
{
    skip_space(c);
    if (!skip_string(c)) {
        return false;
    }
    skip_space(c);
    return take(c, ':');
}

/* Containers that are open. */
struct open {
    char closers[TWC_JSON_DEPTH];
    size_t depth;
};

/* Behind a value: close what closes here. *ret_more: a further value follows. */
static bool end_value(struct cursor *c, struct open *open, bool *ret_more)
{
    *ret_more = false;
    while (open->depth > 0) {
        char closer = open->closers[open->depth - 1];
        skip_space(c);
        if (take(c, ',')) {
            *ret_more = true;
            return closer == ']' || skip_name(c);
        }
        if (!take(c, closer)) {
            return false;
        }
        open->depth--;
    }
    return true;
}

/* One value, however deep, without recursion. */
static bool skip_value(struct cursor *c)
{
    struct open open = {.depth = 0};
    bool has_more = true;
    while (has_more) {
        skip_space(c);
        bool is_object = is_at(c, '{');
        if (is_object || is_at(c, '[')) {
            if (open.depth == TWC_JSON_DEPTH) {
                return false;
            }
            open.closers[open.depth++] = is_object ? '}' : ']';
            c->at++;
            skip_space(c);
            if (!is_at(c, open.closers[open.depth - 1])) {
                if (is_object && !skip_name(c)) {
                    return false;
                }
                continue;
            }
        } else if (!skip_scalar(c)) {
            return false;
        }
        if (!end_value(c, &open, &has_more)) {
            return false;
        }
    }
    return true;
}

bool twc_json_is_valid(const char *text, size_t len)
{
    struct cursor c = {text, text + len};
    if (!skip_value(&c)) {
        return false;
    }
    skip_space(&c);
    return c.at == c.end;
}

bool twc_json_is_object(struct twc_json value)
{
    struct cursor c = {value.at, value.at + value.len};
    skip_space(&c);
    return is_at(&c, '{');
}

/* A valid string at hand is this text. */
static bool is_text(struct cursor c, const char *text)
{
    char character[4];
    c.at++;
    while (!is_at(&c, '"')) {
        size_t n = take_character(&c, character);
        if (n == 0 || character[0] == 0 || strncmp(text, character, n) != 0) {
            return false;
        }
        text += n;
    }
    return *text == 0;
}

bool twc_json_member(struct twc_json object, const char *name, struct twc_json *ret_value)
{
    struct cursor c = {object.at, object.at + object.len};
    bool is_found = false;
    skip_space(&c);
    if (!take(&c, '{')) {
        return false;
    }
    skip_space(&c);
    while (is_at(&c, '"')) {
        struct cursor at_name = c;
        if (!skip_name(&c)) {
            return false;
        }
        skip_space(&c);
        const char *from = c.at;
        if (!skip_value(&c)) {
            return false;
        }
        if (is_text(at_name, name)) {
            *ret_value = (struct twc_json){from, (size_t)(c.at - from)};
            is_found = true;
        }
        skip_space(&c);
        (void)take(&c, ','); /* or the end */
        skip_space(&c);
    }
    return is_found;
}

bool twc_json_string(struct twc_json value, char *out, size_t size)
{
    struct cursor c = {value.at, value.at + value.len};
    char character[4];
    size_t len = 0;
    if (!take(&c, '"')) {
        return false;
    }
    while (!is_at(&c, '"')) {
        size_t n = take_character(&c, character);
        if (n == 0 || len + n >= size || (uint8_t)character[0] < 0x20 || character[0] == 0x7f) {
            return false;
        }
        memcpy(out + len, character, n);
        len += n;
    }
    out[len] = 0;
    return true;
}

bool twc_json_whole(struct twc_json value, uint64_t *ret_number)
{
    uint64_t number = 0;
    if (value.len == 0) {
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] < '0' || value.at[i] > '9' || number > WHOLE_MAX / 10) {
            return false;
        }
        number = number * 10 + (uint64_t)(value.at[i] - '0');
    }
    if (number > WHOLE_MAX) {
        return false;
    }
    *ret_number = number;
    return true;
}

bool twc_json_seconds(struct twc_json value, int64_t *ret_ms)
{
    char text[32];
    if (value.len == 0 || value.len >= sizeof text || value.at[0] < '0' || value.at[0] > '9') {
        return false;
    }
    memcpy(text, value.at, value.len);
    text[value.len] = 0;
    double whole = 0;
    double scale = 1;
    bool has_point = false;
    /* By hand: strtod follows the locale of the program that we are linked into. */
    for (const char *at = text; *at != 0; at++) {
        if (*at == '.' && !has_point) {
            has_point = true;
        } else if (*at >= '0' && *at <= '9') {
            whole = whole * 10 + (*at - '0');
            scale *= has_point ? 10 : 1;
        } else {
            return false;
        }
    }
    double seconds = whole / scale;
    if (seconds > SECONDS_MAX) {
        return false;
    }
    *ret_ms = (int64_t)(seconds * 1000 + 0.5);
    return true;
}

size_t twc_json_put(char *out, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t left = strlen(text);
    size_t len = 0;
    out[len++] = '"';
    while (left > 0) {
        size_t n = twc_utf8_len(text, left);
        uint8_t byte = (uint8_t)*text;
        if (n == 0) {
            out[len++] = '?';
            n = 1;
        } else if (byte < 0x20 || byte == '"' || byte == '\\') {
            memcpy(out + len, "\\u00", 4);
            out[len + 4] = hex[byte >> 4];
            out[len + 5] = hex[byte & 15];
            len += 6;
        } else {
            memcpy(out + len, text, n);
            len += n;
        }
        text += n;
        left -= n;
    }
    out[len++] = '"';
    out[len] = 0;
    return len;
}
