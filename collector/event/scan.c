/* SPDX-License-Identifier: Apache-2.0
 * The scanner of one value: a loop with one bit per open bracket in place of recursion. Every
 * helper takes the position and returns the one behind what it read, or NULL with the fault set.
 */
#include "config.h"
#include "event/scan.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "event/bytes.h"

/* Up to here a new name is compared with those before it (few, and mostly not even that, thanks
 * to a 64-bit filter); objects with more members are sorted once at their end. */
#define FEW_MEMBERS 64

/* The innermost helpers must melt into the loops around them: then what is not asked for (the
 * kind and place of a nested scalar) is not computed, 20 % of the time. */
#define MELT static inline __attribute__((always_inline))

struct scan {
    const char *begin;
    const char *end;
    struct tw_json_scanner *scanner;
};

static const char *fail(const struct scan *s, const char *p, enum tw_problem_code code,
                        const char *what)
{
    s->scanner->fault =
        (struct tw_json_fault){.code = code, .offset = (size_t)(p - s->begin), .what = what};
    return NULL;
}

/* Something else than `what` stands at p, or nothing. */
static const char *unexpected(const struct scan *s, const char *p, const char *what)
{
    return fail(s, p, TW_PROBLEM_json, p == s->end ? "the text ends too early" : what);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* The code unit of \uXXXX at p (the backslash), or -1. */
static int32_t code_unit(const char *p, const char *end)
{
    if (end - p < 6 || p[0] != '\\' || p[1] != 'u') {
        return -1;
    }
    int32_t unit = 0;
    for (int i = 2; i < 6; i++) {
        int digit = hex_digit(p[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static const char *scan_escape(const struct scan *s, const char *p)
{
    if (s->end - p < 2) {
        return unexpected(s, s->end, NULL);
    }
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return p + 2;
    case 'u':
        break;
    default:
        return fail(s, p, TW_PROBLEM_json, "unknown escape in a string");
    }
    int32_t unit = code_unit(p, s->end);
    if (unit < 0) {
        return fail(s, p, TW_PROBLEM_json, "\\u without four hexadecimal digits");
    }
    if (unit == 0) {
        return fail(s, p, TW_PROBLEM_json, "\\u0000 in a string");
    }
    if (unit < 0xd800 || unit > 0xdfff) {
        return p + 6;
    }
    int32_t low = unit <= 0xdbff ? code_unit(p + 6, s->end) : -1;
    if (low < 0xdc00 || low > 0xdfff) {
        return fail(s, p, TW_PROBLEM_json, "escape of a lone surrogate");
    }
    return p + 12;
}

static const char *scan_wide(const struct scan *s, const char *p)
{
    while (p < s->end && (uint8_t)*p >= 0x80) {
        size_t len = tw_bytes_utf8(p, s->end);
        if (len == 0) {
            return fail(s, p, TW_PROBLEM_utf8, "not valid UTF-8 in a string");
        }
        p += len;
    }
    return p;
}

/* The rest of a string with something special at p. Returns the closing quote. */
static const char *scan_string_slowly(const struct scan *s, const char *p,
                                      struct tw_json_value *value)
{
    value->is_plain = false;
    while (p < s->end && *p != '"') {
        uint8_t c = (uint8_t)*p;
        if (c == '\\') {
            value->has_escape = true;
            p = scan_escape(s, p);
        } else if (c >= 0x80) {
            p = scan_wide(s, p);
        } else if (c == 0x7f) {
            p++;
        } else {
            return fail(s, p, TW_PROBLEM_json, "control character in a string");
        }
        if (p == NULL) {
            return NULL;
        }
        p = tw_bytes_special(p, s->end);
    }
    if (p == s->end) {
        return fail(s, p, TW_PROBLEM_json, "the text ends inside a string");
    }
    value->text.len = (size_t)(p - value->text.ptr);
    return p;
}

/* p: behind the opening quote. Returns the closing quote. */
MELT const char *scan_string(const struct scan *s, const char *p, struct tw_json_value *value)
{
    const char *quote = tw_bytes_special(p, s->end);
    value->kind = TW_JSON_STRING;
    value->has_escape = false;
    value->is_plain = true;
    value->text = (struct tw_str){p, (size_t)(quote - p)};
    if (__builtin_expect(quote < s->end && *quote == '"', 1)) {
        return quote;
    }
    return scan_string_slowly(s, quote, value);
}

static const char *skip_digits(const char *p, const char *end)
{
    while (p < end && tw_byte_is_digit(*p)) {
        p++;
    }
    return p;
}

static const char *scan_number(const struct scan *s, const char *p)
{
    const char *end = s->end;
    p += *p == '-' ? 1 : 0;
    if (p == end || !tw_byte_is_digit(*p)) {
        return unexpected(s, p, "a digit is missing in a number");
    }
    if (*p == '0' && end - p > 1 && tw_byte_is_digit(p[1])) {
        return fail(s, p, TW_PROBLEM_json, "a number starts with a zero");
    }
    p = skip_digits(p, end);
    if (p < end && *p == '.') {
        const char *digits = p + 1;
        p = skip_digits(digits, end);
        if (p == digits) {
            return unexpected(s, p, "a digit is missing in a number");
        }
    }
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        p += p < end && (*p == '+' || *p == '-') ? 1 : 0;
        const char *digits = p;
        p = skip_digits(digits, end);
        if (p == digits) {
            return unexpected(s, p, "a digit is missing in a number");
        }
    }
    return p;
}

static const char *scan_word(const struct scan *s, const char *p, const char *word, size_t len)
{
    if ((size_t)(s->end - p) < len || memcmp(p, word, len) != 0) {
        return fail(s, p, TW_PROBLEM_json, "a value is missing or not one of JSON");
    }
    return p + len;
}

/* Anything but an object or array at p; fills value. */
MELT const char *scan_scalar(const struct scan *s, const char *p, struct tw_json_value *value)
{
    if (p == s->end) {
        return unexpected(s, p, NULL);
    }
    if (*p == '"') { /* most values are */
        p = scan_string(s, p + 1, value);
        return p == NULL ? NULL : p + 1;
    }
    const char *begin = p;
    switch (*p) {
    case 't':
        value->kind = TW_JSON_TRUE;
        p = scan_word(s, p, "true", 4);
        break;
    case 'f':
        value->kind = TW_JSON_FALSE;
        p = scan_word(s, p, "false", 5);
        break;
    case 'n':
        value->kind = TW_JSON_NULL;
        p = scan_word(s, p, "null", 4);
        break;
    default:
        if (*p != '-' && !tw_byte_is_digit(*p)) {
            return fail(s, p, TW_PROBLEM_json, "a value is missing or not one of JSON");
        }
        value->kind = TW_JSON_NUMBER;
        p = scan_number(s, p);
        break;
    }
    if (p == NULL) {
        return NULL;
    }
    value->text = (struct tw_str){begin, (size_t)(p - begin)};
    value->has_escape = false;
    value->is_plain = false;
    return p;
}

/* A name at p, its colon and the white space around: returns where the value starts. */
MELT const char *scan_name(const struct scan *s, const char *p, struct tw_json_value *name)
{
    if (p == s->end || *p != '"') {
        return unexpected(s, p, "a name in quotes is missing");
    }
    p = scan_string(s, p + 1, name);
    if (p == NULL) {
        return NULL;
    }
    p = tw_bytes_blank(p + 1, s->end);
    if (p == s->end || *p != ':') {
        return unexpected(s, p, "a colon is missing behind a name");
    }
    return tw_bytes_blank(p + 1, s->end);
}

/* The open brackets of one value, from `base` (not its own) to `depth`. */
struct nest {
    uint64_t *bits;
    unsigned base;
    unsigned depth;
    bool in_object;
    bool is_empty; /* the bracket opened last was closed at once */
};

static inline void nest_push(struct nest *nest, bool is_object)
{
    uint64_t bit = UINT64_C(1) << (nest->depth & 63);
    uint64_t *word = &nest->bits[nest->depth >> 6];
    *word = is_object ? *word | bit : *word & ~bit;
    nest->in_object = is_object;
    nest->depth++;
}

static inline void nest_pop(struct nest *nest)
{
    nest->depth--;
    if (nest->depth > nest->base) {
        unsigned top = nest->depth - 1;
        nest->in_object = (nest->bits[top >> 6] >> (top & 63) & 1) != 0;
    }
}

/* p: an opening bracket. Returns where the first value in it starts, or, with nest->is_empty,
 * what is behind its closing bracket. */
static inline const char *open_bracket(const struct scan *s, const char *p, struct nest *nest)
{
    if (nest->depth >= s->scanner->max_depth) {
        return fail(s, p, TW_PROBLEM_json_depth, "nested deeper than intake.max-json-depth");
    }
    nest_push(nest, *p == '{');
    p = tw_bytes_blank(p + 1, s->end);
    nest->is_empty = p < s->end && *p == (nest->in_object ? '}' : ']');
    if (nest->is_empty) {
        nest_pop(nest);
        return p + 1;
    }
    struct tw_json_value name;
    return nest->in_object ? scan_name(s, p, &name) : p;
}

/* p: behind a value. Closes the brackets that end here; returns where the next value starts, or,
 * with nest->depth == nest->base, the end of it all. */
static inline const char *after_value(const struct scan *s, const char *p, struct nest *nest)
{
    struct tw_json_value name;
    while (nest->depth > nest->base) {
        p = tw_bytes_blank(p, s->end);
        if (p < s->end && *p == ',') {
            p = tw_bytes_blank(p + 1, s->end);
            return nest->in_object ? scan_name(s, p, &name) : p;
        }
        if (p == s->end || *p != (nest->in_object ? '}' : ']')) {
            return unexpected(s, p, "a comma or a closing bracket is missing");
        }
        nest_pop(nest);
        p++;
    }
    return p;
}

/* An object or array at p, whatever is in it. depth: brackets open around it. */
static const char *skip_nested(const struct scan *s, const char *p, unsigned depth)
{
    struct nest nest = {.bits = s->scanner->nesting, .base = depth, .depth = depth};
    struct tw_json_value value;
    do {
        if (p < s->end && (*p == '{' || *p == '[')) {
            p = open_bracket(s, p, &nest);
            if (p != NULL && !nest.is_empty) {
                continue;
            }
        } else {
            p = scan_scalar(s, p, &value);
        }
        p = p == NULL ? NULL : after_value(s, p, &nest);
        if (p == NULL) {
            return NULL;
        }
    } while (nest.depth > nest.base);
    return p;
}

static inline const char *scan_any(const struct scan *s, const char *p, unsigned depth,
                                   struct tw_json_value *value)
{
    if (p == s->end || (*p != '{' && *p != '[')) {
        return scan_scalar(s, p, value);
    }
    const char *begin = p;
    value->kind = *p == '{' ? TW_JSON_OBJECT : TW_JSON_ARRAY;
    value->has_escape = false;
    value->is_plain = false;
    p = skip_nested(s, p, depth);
    value->text = (struct tw_str){begin, p == NULL ? 0 : (size_t)(p - begin)};
    return p;
}

uint32_t tw_name_hash(struct tw_str name)
{
    return tw_bytes_hash(name.ptr, name.len);
}

static bool same_name(const struct tw_json_member *a, const struct tw_json_member *b)
{
    return a->hash == b->hash && tw_str_equal(a->name, b->name);
}

static int compare_members(const void *a, const void *b)
{
    const struct tw_json_member *x = *(const struct tw_json_member *const *)a;
    const struct tw_json_member *y = *(const struct tw_json_member *const *)b;
    if (x->hash != y->hash) {
        return x->hash < y->hash ? -1 : 1;
    }
    return tw_str_compare(x->name, y->name);
}

/* All names differ? By sorting: colliding hashes cannot make it slow. */
static const char *check_many(const struct scan *s, const char *p)
{
    struct tw_json_scanner *scanner = s->scanner;
    if (scanner->order_capacity < scanner->count) {
        void *order = realloc(scanner->order, scanner->capacity * sizeof *scanner->order);
        if (order == NULL) {
            return fail(s, p, TW_PROBLEM_oversize, "no memory for the members of an object");
        }
        scanner->order = order;
        scanner->order_capacity = scanner->capacity;
    }
    for (size_t i = 0; i < scanner->count; i++) {
        scanner->order[i] = &scanner->members[i];
    }
    qsort(scanner->order, scanner->count, sizeof *scanner->order, compare_members);
    for (size_t i = 1; i < scanner->count; i++) {
        if (same_name(scanner->order[i - 1], scanner->order[i])) {
            return fail(s, p, TW_PROBLEM_json_duplicate, "the same name stands twice");
        }
    }
    return p;
}

static bool seen_before(const struct tw_json_scanner *scanner, const struct tw_json_member *member)
{
    for (const struct tw_json_member *m = scanner->members; m < member; m++) {
        if (same_name(m, member)) {
            return true;
        }
    }
    return false;
}

/* Room for one more member at p; not counted yet. */
static struct tw_json_member *new_member(const struct scan *s, const char *p)
{
    struct tw_json_scanner *scanner = s->scanner;
    if (scanner->count == scanner->max_members) {
        (void)fail(s, p, TW_PROBLEM_json_members, "more members than intake.max-json-members");
        return NULL;
    }
    if (scanner->count == scanner->capacity) {
        size_t capacity = scanner->capacity * 2;
        capacity = capacity < scanner->max_members ? capacity : scanner->max_members;
        TW_ASSERT(capacity > scanner->count); /* there is room below max_members */
        void *members = realloc(scanner->members, capacity * sizeof *scanner->members);
        if (members == NULL) {
            (void)fail(s, p, TW_PROBLEM_oversize, "no memory for the members of an object");
            return NULL;
        }
        scanner->members = members;
        scanner->capacity = capacity;
    }
    return &scanner->members[scanner->count];
}

/* One member at p, taken into the scanner. filter: one bit for the names so far. */
static inline const char *scan_member(const struct scan *s, const char *p, uint64_t *filter)
{
    struct tw_json_scanner *scanner = s->scanner;
    struct tw_json_member *member = new_member(s, p);
    if (member == NULL) {
        return NULL;
    }
    const char *begin = p;
    struct tw_json_value name;
    p = scan_name(s, p, &name);
    if (p == NULL) {
        return NULL;
    }
    member->name = name.has_escape ? tw_json_value_text(scanner->arena, &name) : name.text;
    if (member->name.ptr == NULL) {
        return fail(s, p, TW_PROBLEM_oversize, "no memory for a name");
    }
    member->hash = tw_bytes_hash(member->name.ptr, member->name.len);
    uint64_t bit = UINT64_C(1) << (member->hash & 63);
    if (scanner->count < FEW_MEMBERS && (*filter & bit) != 0 && seen_before(scanner, member)) {
        return fail(s, begin, TW_PROBLEM_json_duplicate, "the same name stands twice");
    }
    *filter |= bit;
    p = scan_any(s, p, 1, &member->value);
    scanner->count += p == NULL ? 0 : 1;
    return p;
}

int tw_json_scan_object(struct tw_json_scanner *self, struct tw_str text,
                        struct tw_json_value *ret_value)
{
    struct scan s = {.begin = text.ptr, .end = text.ptr + text.len, .scanner = self};
    TW_ASSERT(text.len > 0 && *text.ptr == '{');
    self->count = 0;
    uint64_t filter = 0;
    const char *p = tw_bytes_blank(text.ptr + 1, s.end);
    bool is_first = true;
    while (p == s.end || *p != '}' || !is_first) {
        p = scan_member(&s, p, &filter);
        if (p == NULL) {
            return TW_ESYNTAX;
        }
        is_first = false;
        p = tw_bytes_blank(p, s.end);
        if (p < s.end && *p == '}') {
            break;
        }
        if (p == s.end || *p != ',') {
            (void)unexpected(&s, p, "a comma or a closing bracket is missing");
            return TW_ESYNTAX;
        }
        p = tw_bytes_blank(p + 1, s.end);
    }
    if (self->count > FEW_MEMBERS && check_many(&s, p) == NULL) {
        return TW_ESYNTAX;
    }
    *ret_value = (struct tw_json_value){.text = {text.ptr, (size_t)(p + 1 - text.ptr)},
                                        .kind = TW_JSON_OBJECT};
    return TW_OK;
}

int tw_json_scan_value(struct tw_json_scanner *self, struct tw_str text,
                       struct tw_json_value *ret_value)
{
    struct scan s = {.begin = text.ptr, .end = text.ptr + text.len, .scanner = self};
    struct tw_json_value value;
    if (scan_any(&s, tw_bytes_blank(text.ptr, s.end), 0, &value) == NULL) {
        return TW_ESYNTAX;
    }
    *ret_value = value;
    return TW_OK;
}

bool tw_json_is_blank(struct tw_str text)
{
    const char *end = tw_str_end(text);
    return tw_bytes_blank(text.ptr, end) == end;
}

const struct tw_json_member *tw_json_member_find(const struct tw_json_scanner *self,
                                                 struct tw_str name)
{
    uint32_t hash = tw_name_hash(name);
    for (size_t i = 0; i < self->count; i++) {
        if (self->members[i].hash == hash && tw_str_equal(self->members[i].name, name)) {
            return &self->members[i];
        }
    }
    return NULL;
}

int tw_json_scanner_init(struct tw_json_scanner *self, struct tw_arena *arena, unsigned max_depth,
                         size_t max_members)
{
    TW_ASSERT(max_depth >= 1 && max_members >= 1);
    size_t capacity = max_members < FEW_MEMBERS ? max_members : FEW_MEMBERS;
    *self = (struct tw_json_scanner){
        .arena = arena,
        .members = calloc(capacity, sizeof(struct tw_json_member)),
        .capacity = capacity,
        .max_members = max_members,
        .max_depth = max_depth,
        .nesting = calloc(max_depth / 64 + 1, sizeof(uint64_t)),
    };
    if (self->members == NULL || self->nesting == NULL) {
        tw_json_scanner_fini(self);
        return TW_ENOMEM;
    }
    return TW_OK;
}

void tw_json_scanner_fini(struct tw_json_scanner *self)
{
    free(self->members);
    free(self->nesting);
    free(self->order);
    *self = (struct tw_json_scanner){.arena = NULL};
}

/* UTF-8 of a code point of the basic plane or beyond. */
static size_t put_utf8(char *out, uint32_t point)
{
    if (point < 0x80) {
        out[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        out[0] = (char)(0xc0 | point >> 6);
        out[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        out[0] = (char)(0xe0 | point >> 12);
        out[1] = (char)(0x80 | (point >> 6 & 0x3f));
        out[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | point >> 18);
    out[1] = (char)(0x80 | (point >> 12 & 0x3f));
    out[2] = (char)(0x80 | (point >> 6 & 0x3f));
    out[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

/* The \u escape at *p_p (a pair for what is beyond the basic plane); moves *p_p behind it. */
static uint32_t take_point(const char **p_p, const char *end)
{
    uint32_t unit = (uint32_t)code_unit(*p_p, end);
    *p_p += 6;
    if (unit < 0xd800 || unit > 0xdbff) {
        return unit;
    }
    uint32_t low = (uint32_t)code_unit(*p_p, end);
    *p_p += 6;
    return 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
}

size_t tw_json_unescape(struct tw_str raw, char *out)
{
    static const char from[] = "bfnrt";
    static const char to[] = "\b\f\n\r\t";
    const char *p = raw.ptr;
    const char *end = p + raw.len;
    char *o = out;
    while (p < end) {
        const char *backslash = memchr(p, '\\', (size_t)(end - p));
        size_t run = (size_t)((backslash == NULL ? end : backslash) - p);
        memcpy(o, p, run);
        o += run;
        p += run;
        if (p == end) {
            break;
        }
        if (p[1] == 'u') {
            o += put_utf8(o, take_point(&p, end));
            continue;
        }
        const char *letter = strchr(from, p[1]);
        *o++ = letter == NULL ? p[1] : to[letter - from];
        p += 2;
    }
    return (size_t)(o - out);
}

struct tw_str tw_json_value_text(struct tw_arena *arena, const struct tw_json_value *value)
{
    if (!value->has_escape) {
        return value->text;
    }
    char *out = tw_arena_alloc(arena, value->text.len);
    if (out == NULL) {
        return TW_STR_NULL;
    }
    return (struct tw_str){out, tw_json_unescape(value->text, out)};
}
