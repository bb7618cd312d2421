/* SPDX-License-Identifier: Apache-2.0
 * All text here is known to be valid JSON; the checks against `end` only make sure that a mistake
 * of a caller cannot lead out of the buffer. */
#include "config.h"
#include "event/pointer.h"

#include <string.h>

#include "core/err.h"
#include "event/bytes.h"

/* p: behind the opening quote. Returns the closing quote; fills the value. */
static const char *string_end(const char *p, const char *end, struct tw_json_value *value)
{
    *value = (struct tw_json_value){.text = {p, 0}, .kind = TW_JSON_STRING, .is_plain = true};
    while (p < end) {
        p = tw_bytes_special(p, end);
        if (p == end || *p == '"') {
            break;
        }
        value->is_plain = false;
        value->has_escape = value->has_escape || *p == '\\';
        p += *p == '\\' && end - p > 1 ? 2 : 1;
    }
    value->text.len = (size_t)(p - value->text.ptr);
    return p;
}

static const char *nested_end(const char *p, const char *end)
{
    size_t depth = 0;
    struct tw_json_value ignored;
    while (p < end) {
        char c = *p++;
        if (c == '"') {
            p = string_end(p, end, &ignored);
            p += p < end ? 1 : 0;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth--;
            if (depth == 0) {
                break;
            }
        }
    }
    return p;
}

static enum tw_json_kind kind_of(char first)
{
    switch (first) {
    case '{':
        return TW_JSON_OBJECT;
    case '[':
        return TW_JSON_ARRAY;
    case 't':
        return TW_JSON_TRUE;
    case 'f':
        return TW_JSON_FALSE;
    case 'n':
        return TW_JSON_NULL;
    default:
        return TW_JSON_NUMBER;
    }
}

/* The value at p; returns what is behind it. */
static const char *take_value(const char *p, const char *end, struct tw_json_value *value)
{
    p = tw_bytes_blank(p, end);
    if (p < end && *p == '"') {
        p = string_end(p + 1, end, value);
        return p < end ? p + 1 : p;
    }
    const char *begin = p;
    *value = (struct tw_json_value){.kind = kind_of(p < end ? *p : 'n')};
    if (value->kind == TW_JSON_OBJECT || value->kind == TW_JSON_ARRAY) {
        p = nested_end(p, end);
    } else {
        while (p < end && *p != ',' && *p != '}' && *p != ']' && (uint8_t)*p > ' ') {
            p++;
        }
    }
    value->text = (struct tw_str){begin, (size_t)(p - begin)};
    return p;
}

/* The first token of *rest (which starts with '/') with ~0 and ~1 resolved, in buf. */
static struct tw_str take_token(struct tw_str *rest, char *buf)
{
    const char *p = rest->ptr + 1;
    const char *end = rest->ptr + rest->len;
    size_t len = 0;
    while (p < end && *p != '/') {
        char c = *p++;
        if (c == '~' && p < end) {
            c = *p++ == '1' ? '/' : '~';
        }
        if (len < TW_POINTER_MAX_TOKEN) {
            buf[len++] = c;
        }
    }
    *rest = (struct tw_str){p, (size_t)(end - p)};
    return (struct tw_str){buf, len};
}

/* Does a name, as written, spell the token? */
static bool name_is(const struct tw_json_value *name, struct tw_str token)
{
    if (!name->has_escape) {
        return tw_str_equal(name->text, token);
    }
    /* A byte of a token is at most six bytes of an escaped name. */
    char buf[TW_POINTER_MAX_TOKEN * 6];
    if (name->text.len > sizeof buf) {
        return false;
    }
    return tw_str_equal((struct tw_str){buf, tw_json_unescape(name->text, buf)}, token);
}

static int member_of(const struct tw_json_value *object, struct tw_str token,
                     struct tw_json_value *ret_value)
{
    const char *end = tw_str_end(object->text);
    const char *p = tw_bytes_blank(object->text.ptr + 1, end);
    while (p < end && *p == '"') {
        struct tw_json_value name;
        struct tw_json_value value;
        p = string_end(p + 1, end, &name);
        p = tw_bytes_blank(p < end ? p + 1 : p, end);
        p = take_value(p < end ? p + 1 : p, end, &value);
        if (name_is(&name, token)) {
            *ret_value = value;
            return TW_OK;
        }
        p = tw_bytes_blank(p, end);
        p = tw_bytes_blank(p < end ? p + 1 : p, end);
    }
    return TW_ENOTFOUND;
}

int tw_json_item_next(const struct tw_json_value *array, const char **position,
                      struct tw_json_value *ret_item)
{
    const char *end = tw_str_end(array->text);
    const char *p = *position == NULL ? array->text.ptr : *position;
    p = tw_bytes_blank(p < end ? p + 1 : p, end); /* behind the bracket or the comma */
    if (p == end || *p == ']') {
        return TW_ENOTFOUND;
    }
    *position = tw_bytes_blank(take_value(p, end, ret_item), end);
    return TW_OK;
}

/* RFC 6901: digits without leading zeros. */
static int item_of(const struct tw_json_value *array, struct tw_str token,
                   struct tw_json_value *ret_value)
{
    if (token.len == 0 || token.len > 9 || (token.len > 1 && token.ptr[0] == '0')) {
        return TW_ENOTFOUND;
    }
    size_t index = 0;
    for (size_t i = 0; i < token.len; i++) {
        if (!tw_byte_is_digit(token.ptr[i])) {
            return TW_ENOTFOUND;
        }
        index = index * 10 + (size_t)(token.ptr[i] - '0');
    }
    const char *position = NULL;
    struct tw_json_value item;
    for (size_t i = 0; i <= index; i++) {
        if (tw_json_item_next(array, &position, &item) != TW_OK) {
            return TW_ENOTFOUND;
        }
    }
    *ret_value = item;
    return TW_OK;
}

bool tw_json_pointer_is_valid(struct tw_str pointer)
{
    size_t token = 0;
    for (size_t i = 0; i < pointer.len; i++) {
        char c = pointer.ptr[i];
        if (i == 0 && c != '/') {
            return false;
        }
        token = c == '/' ? 0 : token + 1;
        if (token > TW_POINTER_MAX_TOKEN) {
            return false;
        }
        if (c == '~') {
            if (i + 1 == pointer.len || (pointer.ptr[i + 1] != '0' && pointer.ptr[i + 1] != '1')) {
                return false;
            }
        }
    }
    return true;
}

int tw_json_pointer(const struct tw_json_value *root, struct tw_str pointer,
                    struct tw_json_value *ret_value)
{
    struct tw_json_value value = *root;
    char buf[TW_POINTER_MAX_TOKEN];
    while (pointer.len > 0) {
        struct tw_str token = take_token(&pointer, buf);
        struct tw_json_value next;
        int rc = TW_ENOTFOUND;
        if (value.kind == TW_JSON_OBJECT) {
            rc = member_of(&value, token, &next);
        } else if (value.kind == TW_JSON_ARRAY) {
            rc = item_of(&value, token, &next);
        }
        if (rc != TW_OK) {
            return rc;
        }
        value = next;
    }
    *ret_value = value;
    return TW_OK;
}

int tw_json_pointer_members(const struct tw_json_scanner *scanner, const struct tw_json_value *root,
                            struct tw_str pointer, struct tw_json_value *ret_value)
{
    if (pointer.len == 0) {
        *ret_value = *root;
        return TW_OK;
    }
    char buf[TW_POINTER_MAX_TOKEN];
    struct tw_str token = take_token(&pointer, buf);
    const struct tw_json_member *member = tw_json_member_find(scanner, token);
    return member == NULL ? TW_ENOTFOUND : tw_json_pointer(&member->value, pointer, ret_value);
}
