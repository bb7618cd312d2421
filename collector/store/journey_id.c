/* SPDX-License-Identifier: Apache-2.0
 * The text form of an object: "order:4711", "transaction:0042/88". Percent-encoding (RFC 3986,
 * section 2.1) keeps the separators apart from the bytes of hostile identifiers, and the whole
 * text printable ASCII that is valid in a path segment and in JSON.
 * Thread: as struct tw_reader.
 */
#include "config.h"
#include "store/journey.h"

/* An identifier or a scope: what struct tw_object allows. */
#define PART_MAX 255u

static const char hex_digits[] = "0123456789ABCDEF";

/* RFC 3986 pchar without '%' and ':' (and '/' is none). */
static bool is_plain(unsigned char byte)
{
    if ((byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= '0' && byte <= '9')) {
        return true;
    }
    return byte != 0 && strchr("-._~!$&'()*+,;=@", byte) != NULL;
}

static char *encode(char *out, struct tw_str text, bool keep_slash)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        if (is_plain(byte) || (keep_slash && byte == '/')) {
            *out++ = (char)byte;
        } else {
            *out++ = '%';
            *out++ = hex_digits[byte >> 4];
            *out++ = hex_digits[byte & 15];
        }
    }
    return out;
}

static int hex_value(char digit)
{
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Undo the encoding. Text without '%' is borrowed. */
static int decode(struct tw_arena *arena, struct tw_str text, struct tw_str *ret_text)
{
    if (text.len > 3 * PART_MAX) {
        return TW_ESYNTAX;
    }
    struct tw_str plain = text;
    if (text.len > 0 && memchr(text.ptr, '%', text.len) != NULL) {
        char *out = tw_arena_alloc(arena, text.len);
        if (out == NULL) {
            return TW_ENOMEM;
        }
        plain = (struct tw_str){out, 0};
        for (size_t i = 0; i < text.len; i++) {
            if (text.ptr[i] != '%') {
                out[plain.len++] = text.ptr[i];
                continue;
            }
            int high = i + 2 < text.len ? hex_value(text.ptr[i + 1]) : -1;
            int low = i + 2 < text.len ? hex_value(text.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return TW_ESYNTAX;
            }
            out[plain.len++] = (char)(high << 4 | low);
            i += 2;
        }
    }
    if (plain.len > PART_MAX || (plain.len > 0 && memchr(plain.ptr, '\0', plain.len) != NULL)) {
        return TW_ESYNTAX;
    }
    *ret_text = plain;
    return TW_OK;
}

int tw_journey_parse_id(struct tw_reader *reader, struct tw_arena *arena, struct tw_str text,
                        struct tw_object *ret_object)
{
    const char *colon = text.len == 0 ? NULL : memchr(text.ptr, ':', text.len);
    if (colon == NULL || colon == text.ptr) {
        return TW_ESYNTAX;
    }
    struct tw_str name = {text.ptr, (size_t)(colon - text.ptr)};
    struct tw_str id = {colon + 1, text.len - name.len - 1};
    struct tw_str scope = {colon + 1, 0};
    const char *slash = id.len == 0 ? NULL : memrchr(id.ptr, '/', id.len);
    if (slash != NULL) {
        scope.len = (size_t)(slash - id.ptr);
        id = (struct tw_str){slash + 1, id.len - scope.len - 1};
    }
    struct tw_object object = {0};
    int err = decode(arena, id, &object.id);
    if (err == TW_OK) {
        err = decode(arena, scope, &object.scope);
    }
    if (err == TW_OK && object.id.len == 0) {
        err = TW_ESYNTAX;
    }
    if (err != TW_OK) {
        return err;
    }
    const struct tw_object_type *type = tw_reader_object_type(reader, name);
    if (type == NULL) {
        return TW_ENOTFOUND;
    }
    object.type = type->code;
    *ret_object = object;
    return TW_OK;
}

struct tw_str tw_journey_format_id(struct tw_reader *reader, struct tw_arena *arena,
                                   const struct tw_object *object)
{
    const struct tw_object_type *type = tw_reader_object_type_by_code(reader, object->type);
    struct tw_str name = type == NULL ? TW_STR_LIT("?") : tw_str_of(type->name);
    /* with one scope attribute a '/' is part of its value, with several it stands between them */
    bool is_compound = type != NULL && strchr(type->scope, '/') != NULL;
    char *out = tw_arena_alloc(arena, name.len + 3 * (object->id.len + object->scope.len) + 3);
    if (out == NULL) {
        return TW_STR_NULL;
    }
    memcpy(out, name.ptr, name.len);
    char *end = out + name.len;
    *end++ = ':';
    if (object->scope.len > 0) {
        end = encode(end, object->scope, is_compound);
        *end++ = '/';
    }
    end = encode(end, object->id, false);
    *end = '\0';
    return (struct tw_str){out, (size_t)(end - out)};
}
