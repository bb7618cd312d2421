/* SPDX-License-Identifier: Apache-2.0
 * JSON Pointer (RFC 6901) over text that a scanner has validated: gives the raw range, so that
 * identifiers and amounts stay the exact text that came. Each call reads the text up to the
 * value once and keeps nothing. Of a name that stands twice in one nested object the first counts.
 * Thread: plain functions. Limits: TW_POINTER_MAX_TOKEN bytes between two slashes.
 */
#ifndef TW_EVENT_POINTER_H
#define TW_EVENT_POINTER_H

#include "event/scan.h"

#define TW_POINTER_MAX_TOKEN 256

/* Is it a pointer: empty, or tokens that each start with '/', '~' only as ~0 and ~1? */
bool tw_json_pointer_is_valid(struct tw_str pointer);

/* The value that a valid pointer names within root (whose text was validated).
 * TW_OK, or TW_ENOTFOUND. */
int tw_json_pointer(const struct tw_json_value *root, struct tw_str pointer,
                    struct tw_json_value *ret_value);
/* The same within the object whose members are in the scanner: its first token costs nothing. */
int tw_json_pointer_members(const struct tw_json_scanner *scanner, const struct tw_json_value *root,
                            struct tw_str pointer, struct tw_json_value *ret_value);

/* The items of a validated array, one a call. *position starts as NULL and is kept by the caller.
 * TW_OK, or TW_ENOTFOUND behind the last. */
int tw_json_item_next(const struct tw_json_value *array, const char **position,
                      struct tw_json_value *ret_item);

#endif
