/* SPDX-License-Identifier: Apache-2.0
 * Values of the API as JSON: text of any bytes, times, durations, cursors. Every function returns
 * a new reference, or NULL when out of memory; tw_out_set and tw_out_add take what they are
 * given and remember for their thread when it was NULL or found no place, so that an answer is
 * checked once, when it is rendered (tw_out_take_failure).
 * Thread: all.
 */
#ifndef TW_WEB_OUT_H
#define TW_WEB_OUT_H

#include <jansson.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"

/* Text that may hold any bytes: those that are not valid UTF-8 become \xNN (four characters), and
 * a backslash stays itself. Absent: null. */
json_t *tw_out_text(struct tw_str text);
/* The same bytes for a reader of raw data: control bytes other than \t and \n become \xNN too. */
json_t *tw_out_raw(struct tw_str bytes);
json_t *tw_out_base64(struct tw_str bytes);
/* RFC 3339 in UTC with microseconds; 0 (never): null. */
json_t *tw_out_time(tw_wall_t at);
/* Nanoseconds as seconds, to the microsecond. */
json_t *tw_out_seconds(int64_t ns);
/* Counters; above 2^63 - 1 they stay there. */
json_t *tw_out_count(uint64_t value);

/* object[key] = value (taken); keys are ASCII. */
void tw_out_set(json_t *object, const char *key, json_t *value);
/* Append value (taken) to array. */
void tw_out_add(json_t *array, json_t *value);
/* True when a set or add of this thread failed since the last call. */
bool tw_out_take_failure(void);

/* Any bytes as URL-safe base64 without padding, and back (RFC 4648, section 5). */
struct tw_str tw_base64url(struct tw_arena *arena, struct tw_str bytes);
int tw_base64url_decode(struct tw_arena *arena, struct tw_str text, struct tw_str *ret_bytes);

#endif
