/* SPDX-License-Identifier: Apache-2.0
 * The walk over a batch, and how it finds the end of an element that is not well formed. */
#include "config.h"

#include "core/err.h"
#include "event/bytes.h"
#include "event/scan.h"

/* Brackets met while looking for the end of a broken element. Those deeper than the scanner's
 * nesting are only counted. */
struct brackets {
    uint64_t *bits;
    unsigned max_depth;
    unsigned depth;
    unsigned objects; /* how many of the `depth` are braces */
    size_t beyond;
};

static void bracket_open(struct brackets *b, bool is_object)
{
    if (b->depth == b->max_depth) {
        b->beyond++;
        return;
    }
    uint64_t bit = UINT64_C(1) << (b->depth & 63);
    uint64_t *word = &b->bits[b->depth >> 6];
    *word = is_object ? *word | bit : *word & ~bit;
    b->depth++;
    b->objects += is_object ? 1 : 0;
}

/* A closing bracket closes its own kind and what was left open inside; a stray one nothing. */
static void bracket_close(struct brackets *b, bool is_object)
{
    if (b->beyond > 0) {
        b->beyond--;
        return;
    }
    if ((is_object ? b->objects : b->depth - b->objects) == 0) {
        return;
    }
    bool was_object = !is_object;
    while (was_object != is_object) {
        b->depth--;
        was_object = (b->bits[b->depth >> 6] >> (b->depth & 63) & 1) != 0;
        b->objects -= was_object ? 1 : 0;
    }
}

/* p: behind the opening quote. Behind the closing one, or at the control byte that cuts it. */
static const char *skip_broken_string(const char *p, const char *end)
{
    for (;;) {
        p = tw_bytes_special(p, end);
        if (p == end || (uint8_t)*p < 0x20) {
            return p;
        }
        if (*p == '"') {
            return p + 1;
        }
        p += *p == '\\' && end - p > 1 && (uint8_t)p[1] >= 0x20 ? 2 : 1;
    }
}

/* The comma or bracket that ends the element at p; NULL: none. */
static const char *find_end(struct tw_json_scanner *scanner, const char *p, const char *end)
{
    struct brackets b = {.bits = scanner->nesting, .max_depth = scanner->max_depth};
    while (p < end) {
        char c = *p;
        if ((c == ',' || c == ']') && b.depth == 0) {
            return p;
        }
        p++;
        if (c == '"') {
            p = skip_broken_string(p, end);
        } else if (c == '{' || c == '[') {
            bracket_open(&b, c == '{');
        } else if (c == '}' || c == ']') {
            bracket_close(&b, c == '}');
        }
    }
    return NULL;
}

void tw_json_walk_init(struct tw_json_walk *self, struct tw_str text)
{
    TW_ASSERT(text.len > 0 && *text.ptr == '[');
    *self = (struct tw_json_walk){
        .index = -1,
        .begin = text.ptr,
        .p = text.ptr + 1,
        .end = text.ptr + text.len,
    };
}

/* The rest from p on is one broken piece. */
static int give_up(struct tw_json_walk *self, struct tw_json_scanner *scanner, const char *p,
                   const char *what)
{
    scanner->fault = (struct tw_json_fault){
        .code = TW_PROBLEM_json, .offset = (size_t)(p - self->begin), .what = what};
    self->element = (struct tw_str){p, (size_t)(self->end - p)};
    self->is_over = true;
    return TW_EDAMAGED;
}

/* The element at p is not well formed; scanner->fault says why. */
static int skip_broken(struct tw_json_walk *self, struct tw_json_scanner *scanner, const char *p)
{
    scanner->fault.offset += (size_t)(p - self->begin);
    const char *end = find_end(scanner, p, self->end);
    if (end == NULL) {
        self->element = (struct tw_str){p, (size_t)(self->end - p)};
        self->is_over = true;
        return TW_EDAMAGED;
    }
    self->element = (struct tw_str){p, (size_t)(end - p)};
    self->p = end;
    return TW_ESYNTAX;
}

/* To the next element: *ret_p is where it starts; NULL: the end of the array. */
static int find_next(struct tw_json_walk *self, struct tw_json_scanner *scanner, const char **ret_p)
{
    bool is_first = self->index < 0;
    const char *begin = self->p;
    const char *p = tw_bytes_blank(begin, self->end);
    if (p < self->end && *p == ']') {
        struct tw_str behind = {p + 1, (size_t)(self->end - p - 1)};
        if (!tw_json_is_blank(behind)) {
            return give_up(self, scanner, behind.ptr, "something stands behind the array");
        }
        *ret_p = NULL;
        return TW_OK;
    }
    if (!is_first) {
        if (p == self->end || *p != ',') {
            return give_up(self, scanner, p,
                           p == self->end ? "the text ends inside the array"
                                          : "a comma or a closing bracket is missing");
        }
        begin = p;
        p = tw_bytes_blank(p + 1, self->end);
    }
    if (p == self->end) {
        return give_up(self, scanner, begin, "the text ends inside the array");
    }
    *ret_p = p;
    return TW_OK;
}

int tw_json_walk_next(struct tw_json_walk *self, struct tw_json_scanner *scanner)
{
    if (self->is_over) {
        return TW_ENOTFOUND;
    }
    const char *p = NULL;
    int rc = find_next(self, scanner, &p);
    self->index++;
    if (rc != TW_OK) {
        return rc;
    }
    if (p == NULL) {
        self->is_over = true;
        return TW_ENOTFOUND;
    }
    struct tw_str rest = {p, (size_t)(self->end - p)};
    struct tw_json_value value;
    rc = *p == '{' ? tw_json_scan_object(scanner, rest, &value)
                   : tw_json_scan_value(scanner, rest, &value);
    if (rc != TW_OK) {
        return skip_broken(self, scanner, p);
    }
    self->p = tw_json_value_end(&value);
    self->element = (struct tw_str){p, (size_t)(self->p - p)};
    self->kind = value.kind;
    return TW_OK;
}
