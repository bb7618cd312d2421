/* SPDX-License-Identifier: Apache-2.0
 * The scanner against jansson: what one refuses the other refuses, and every value reads alike.
 * Exceptions, as event/scan.h says them: numbers beyond jansson's types, our limits of nesting and
 * members, jansson's own limit of nesting (2,048), and a NUL byte behind a number, which jansson
 * 2.14 loses when it puts it back (we refuse every NUL). The array walk runs beside it: on a
 * well-formed array it must find the same elements, on anything else it must come to an end. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "core/err.h"
#include "event/bytes.h"
#include "event/pointer.h"
#include "event/scan.h"
#include "fuzz.h"

#define MAX_DEPTH   64
#define MAX_MEMBERS 128

static struct tw_arena arena;
static struct tw_json_scanner scanner;

static void start(void)
{
    if (arena.max == 0) {
        tw_arena_init(&arena, (size_t)64 << 20);
        TW_ASSERT(tw_json_scanner_init(&scanner, &arena, MAX_DEPTH, MAX_MEMBERS) == TW_OK);
    }
    tw_arena_reset(&arena);
}

static bool is_limit(enum tw_problem_code code)
{
    return code == TW_PROBLEM_json_depth || code == TW_PROBLEM_json_members ||
           code == TW_PROBLEM_oversize;
}

static struct tw_str string_of(const json_t *json)
{
    return (struct tw_str){json_string_value(json), json_string_length(json)};
}

/* The pointer to a name: '/' and the name with ~ and / escaped, in the arena. */
static struct tw_str pointer_to(struct tw_str name)
{
    char *out = tw_arena_alloc(&arena, name.len * 2 + 1);
    if (out == NULL) {
        abort();
    }
    size_t len = 0;
    out[len++] = '/';
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (c == '~' || c == '/') {
            out[len++] = '~';
            c = c == '/' ? '1' : '0';
        }
        out[len++] = c;
    }
    return (struct tw_str){out, len};
}

static void compare(const json_t *json, const struct tw_json_value *value);

static void compare_object(json_t *json, const struct tw_json_value *value)
{
    const char *name = NULL;
    size_t len = 0;
    json_t *member = NULL;
    json_object_keylen_foreach(json, name, len, member)
    {
        struct tw_str pointer = pointer_to((struct tw_str){name, len});
        if (!tw_json_pointer_is_valid(pointer)) {
            continue; /* a longer name than pointers have */
        }
        struct tw_json_value found;
        TW_ASSERT(tw_json_pointer(value, pointer, &found) == TW_OK);
        compare(member, &found);
    }
}

static void compare_array(const json_t *json, const struct tw_json_value *value)
{
    size_t count = 0;
    const char *position = NULL;
    struct tw_json_value item;
    while (tw_json_item_next(value, &position, &item) == TW_OK) {
        TW_ASSERT(count < json_array_size(json));
        compare(json_array_get(json, count), &item);
        count++;
    }
    TW_ASSERT(count == json_array_size(json));
}

static void compare_number(const json_t *json, const struct tw_json_value *value)
{
    struct tw_str text = tw_arena_copy(&arena, value->text); /* terminated */
    TW_ASSERT(text.ptr != NULL);
    if (json_is_integer(json)) {
        TW_ASSERT(json_integer_value(json) == strtoll(text.ptr, NULL, 10));
    } else {
        double real = strtod(text.ptr, NULL);
        TW_ASSERT(json_real_value(json) >= real && json_real_value(json) <= real);
    }
}

static void compare(const json_t *json, const struct tw_json_value *value)
{
    switch (value->kind) {
    case TW_JSON_NULL:
        TW_ASSERT(json_is_null(json));
        break;
    case TW_JSON_FALSE:
        TW_ASSERT(json_is_false(json));
        break;
    case TW_JSON_TRUE:
        TW_ASSERT(json_is_true(json));
        break;
    case TW_JSON_NUMBER:
        TW_ASSERT(json_is_number(json));
        compare_number(json, value);
        break;
    case TW_JSON_STRING:
        TW_ASSERT(json_is_string(json));
        TW_ASSERT(tw_str_equal(tw_json_value_text(&arena, value), string_of(json)));
        break;
    case TW_JSON_ARRAY:
        TW_ASSERT(json_is_array(json));
        compare_array(json, value);
        break;
    case TW_JSON_OBJECT:
        TW_ASSERT(json_is_object(json));
        compare_object((json_t *)(uintptr_t)json, value);
        break;
    }
}

/* Members of a well-formed object, against jansson with its check for duplicates. */
static void check_object(struct tw_str text, const json_t *json, const json_t *strict)
{
    struct tw_json_value object;
    int rc = tw_json_scan_object(&scanner, text, &object);
    if (rc != TW_OK) {
        bool is_duplicate = scanner.fault.code == TW_PROBLEM_json_duplicate;
        TW_ASSERT(is_duplicate || is_limit(scanner.fault.code));
        TW_ASSERT(!is_duplicate || strict == NULL);
        return;
    }
    TW_ASSERT(scanner.count == json_object_size(json)); /* all names differ, for both */
    for (size_t i = 0; i < scanner.count; i++) {
        const struct tw_json_member *member = &scanner.members[i];
        const json_t *other = json_object_getn(json, member->name.ptr, member->name.len);
        TW_ASSERT(other != NULL);
        TW_ASSERT(tw_json_member_find(&scanner, member->name) == member);
        if (strict != NULL) {
            compare(other, &member->value);
        }
    }
}

/* Every byte of an array is in one element or between two. */
static void check_walk(struct tw_str text, const json_t *json)
{
    struct tw_json_walk walk;
    tw_json_walk_init(&walk, text);
    const char *last = text.ptr;
    for (;;) {
        int rc = tw_json_walk_next(&walk, &scanner);
        if (rc == TW_ENOTFOUND) {
            break;
        }
        TW_ASSERT(walk.element.ptr >= last);
        last = walk.element.ptr + walk.element.len;
        TW_ASSERT(last <= text.ptr + text.len);
        TW_ASSERT(rc == TW_OK || scanner.fault.offset <= text.len);
        TW_ASSERT(json == NULL || rc == TW_OK || is_limit(scanner.fault.code) ||
                  scanner.fault.code == TW_PROBLEM_json_duplicate);
    }
    TW_ASSERT(json == NULL || walk.index == (int64_t)json_array_size(json));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    start();
    struct tw_str text = {(const char *)data, size};
    const char *end = text.ptr + size;
    struct tw_json_value value;
    bool is_good = tw_json_scan_value(&scanner, text, &value) == TW_OK;
    bool is_limited = !is_good && is_limit(scanner.fault.code);
    if (is_good) {
        const char *behind = tw_json_value_end(&value);
        is_good = tw_json_is_blank((struct tw_str){behind, (size_t)(end - behind)});
    }
    json_error_t error;
    json_t *json = json_loadb(text.ptr, size, JSON_DECODE_ANY, &error);
    json_t *strict =
        json == NULL ? NULL
                     : json_loadb(text.ptr, size, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    enum json_error_code code = json == NULL ? json_error_code(&error) : json_error_unknown;
    if (size > 0 && memchr(data, '\0', size) != NULL) {
        TW_ASSERT(!is_good);
    } else if (!is_limited && code != json_error_numeric_overflow &&
               code != json_error_stack_overflow) {
        TW_ASSERT(is_good == (json != NULL));
    }
    if (is_good && strict != NULL) {
        compare(strict, &value);
    }
    const char *first = tw_bytes_blank(text.ptr, end);
    struct tw_str trimmed = {first, (size_t)(end - first)};
    if (is_good && json != NULL && *first == '{') {
        check_object(trimmed, json, strict);
    }
    if (first < end && *first == '[') {
        check_walk(trimmed, is_good ? json : NULL);
    }
    json_decref(strict);
    json_decref(json);
    return 0;
}
