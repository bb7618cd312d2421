/* SPDX-License-Identifier: Apache-2.0
 * The little JSON (RFC 8259) that the protocol of agents needs: check a text, find a member, read
 * a string or a number, write a string. Internal to libtillwatch. Thread: pure functions.
 * Limits: TWC_JSON_DEPTH levels. Memory: none is taken.
 */
#ifndef TILLWATCH_JSON_H
#define TILLWATCH_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TWC_JSON_DEPTH 64

/* A piece of a text; not terminated. */
struct twc_json {
    const char *at;
    size_t len;
};

/* Whether this is one JSON value, whole, in UTF-8, with nothing behind it but white space. */
bool twc_json_is_valid(const char *text, size_t len);
/* Whether a valid value is an object. */
bool twc_json_is_object(struct twc_json value);
/* The value of a member of a valid value: false where that is no object or has no such member. Of
 * several members of one name it is the last, as most parsers have it. */
bool twc_json_member(struct twc_json object, const char *name, struct twc_json *ret_value);
/* A string, terminated, at `out`. False: no string, longer than size - 1 bytes of UTF-8, or with a
 * control character (identifiers have none). */
bool twc_json_string(struct twc_json value, char *out, size_t size);
/* A whole number from 0 to 2^53; false for everything else. */
bool twc_json_whole(struct twc_json value, uint64_t *ret_number);
/* A number of seconds, also with decimals, as milliseconds; false: none from 0 to 10^9 s. */
bool twc_json_seconds(struct twc_json value, int64_t *ret_ms);
/* The string as JSON with its quotes, terminated, at `out`; what is not UTF-8 becomes '?'. `out`
 * has 6 * strlen(text) + 3 bytes. Returns the length. */
size_t twc_json_put(char *out, const char *text);
/* Length of the UTF-8 sequence at the start of `bytes` (RFC 3629); 0: there is none. */
size_t twc_utf8_len(const char *bytes, size_t len);

#endif
