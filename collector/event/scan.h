/* SPDX-License-Identifier: Apache-2.0
 * A single-pass, validating JSON scanner for envelopes: it finds the top-level members of one
 * object, says where each name and value stands, and skips what is nested structurally. Also the
 * walk over the elements of a batch. Nothing is converted: numbers stay the text that came.
 *
 * What is accepted is RFC 8259 in UTF-8, with these decisions:
 * - a byte order mark, \u0000 and escapes of lone surrogates are refused (as jansson does);
 * - a name that stands twice at the top level is refused; deeper ones are not looked at;
 * - numbers are checked by grammar only: 1e999 and 400 digits are text like any other
 *   (jansson refuses what does not fit its types).
 * Bytes left behind the value are the caller's to judge (tw_json_is_blank).
 *
 * Thread:  the owner's; a scanner has no locks.
 * Limits:  max_depth open brackets (the object's own is the first) and max_members top-level
 *          members, both given at creation. No recursion: the stack used is constant.
 * Fails:   on any byte sequence with a code, an offset and a sentence; never aborts on input.
 * Source:  RFC 8259; tests/fuzz/fuzz_scan.c holds it against jansson. Why it is our own:
 *          docs/decisions/0010-json-scanner.md.
 */
#ifndef TW_EVENT_SCAN_H
#define TW_EVENT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/problem.h"
#include "core/str.h"

enum tw_json_kind {
    TW_JSON_NULL,
    TW_JSON_FALSE,
    TW_JSON_TRUE,
    TW_JSON_NUMBER,
    TW_JSON_STRING,
    TW_JSON_ARRAY,
    TW_JSON_OBJECT,
};

struct tw_json_value {
    struct tw_str text; /* strings: between the quotes, as written; others: the whole value */
    enum tw_json_kind kind;
    bool has_escape; /* strings only: a backslash in it */
    bool is_plain;   /* strings only: nothing but 0x20 to 0x7e and no escape */
};

struct tw_json_member {
    struct tw_str name; /* decoded; in the scanned text, or in the arena if it had an escape */
    struct tw_json_value value;
    uint32_t hash; /* tw_name_hash(name) */
};

/* Why scanning stopped. */
struct tw_json_fault {
    enum tw_problem_code code; /* json, utf8, json_depth, json_members, json_duplicate, oversize */
    size_t offset;             /* bytes from the beginning of the scanned text */
    const char *what;          /* a sentence without a full stop; static */
};

struct tw_json_scanner {
    struct tw_arena *arena; /* borrowed: names with escapes are decoded into it */
    struct tw_json_member *members;
    size_t count;
    size_t capacity;
    size_t max_members;
    unsigned max_depth;
    uint64_t *nesting;                   /* one bit per open bracket: 1 is an object */
    const struct tw_json_member **order; /* work space of the check for duplicates */
    size_t order_capacity;
    struct tw_json_fault fault; /* of the last call that failed */
};

/* max_depth: 1 to 1,000,000; max_members: 1 and more. TW_OK or TW_ENOMEM. Borrows arena. */
int tw_json_scanner_init(struct tw_json_scanner *self, struct tw_arena *arena, unsigned max_depth,
                         size_t max_members);
void tw_json_scanner_fini(struct tw_json_scanner *self);

/* Scan the object at the beginning of text (which starts with its brace). Fills members and
 * count; *ret_value is the object's own range. TW_OK or TW_ESYNTAX with `fault` set. */
int tw_json_scan_object(struct tw_json_scanner *self, struct tw_str text,
                        struct tw_json_value *ret_value);

/* Validate the value at the beginning of text, white space before it allowed; members are left
 * alone. TW_OK or TW_ESYNTAX with `fault` set. */
int tw_json_scan_value(struct tw_json_scanner *self, struct tw_str text,
                       struct tw_json_value *ret_value);

/* Only white space is in it. */
bool tw_json_is_blank(struct tw_str text);

/* Where a value ends in the text that it was scanned from: behind the closing quote too. */
static inline const char *tw_json_value_end(const struct tw_json_value *value)
{
    return value->text.ptr + value->text.len + (value->kind == TW_JSON_STRING ? 1 : 0);
}

/* The member called name, or NULL. */
const struct tw_json_member *tw_json_member_find(const struct tw_json_scanner *self,
                                                 struct tw_str name);

/* Resolve the escapes of a scanned string into out (at least raw.len bytes: the decoded text is
 * never longer). Returns the length written. */
size_t tw_json_unescape(struct tw_str raw, char *out);
/* The text of a scanned value: strings decoded (in the arena if there was an escape), others as
 * written. ptr NULL when the arena is full. */
struct tw_str tw_json_value_text(struct tw_arena *arena, const struct tw_json_value *value);

/* The hash of a name; the same for equal names only in one program. */
uint32_t tw_name_hash(struct tw_str name);

/* A walk over the elements of a batch, each scanned as it is met. A syntax error inside one
 * element costs that element: the walk skips to the comma or bracket that ends it, minding
 * brackets and quotes (a closing bracket closes what was left open inside it; a string ends at
 * the latest before a control byte). Where no end is found, or where something else than a comma
 * follows an element, the rest of the text is one piece and the walk is over. */
struct tw_json_walk {
    struct tw_str element;  /* bytes of the element, good or bad, or of the rest */
    enum tw_json_kind kind; /* of a good element */
    int64_t index;          /* of `element`; after the walk: elements met */
    const char *begin;      /* fixed: the array's bracket; offsets of faults count from here */
    const char *p;
    const char *end;
    bool is_over;
};

/* text starts with the bracket. */
void tw_json_walk_init(struct tw_json_walk *self, struct tw_str text);
/* TW_OK: the next element, scanned; if it is an object, its members are in the scanner.
 * TW_ESYNTAX: `element` is not well formed (or over a limit), scanner->fault says why; go on.
 * TW_EDAMAGED: the array itself is broken; `element` is the rest (may be empty), over.
 * TW_ENOTFOUND: no more elements, over. */
int tw_json_walk_next(struct tw_json_walk *self, struct tw_json_scanner *scanner);

#endif
