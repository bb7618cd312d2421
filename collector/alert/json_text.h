/* SPDX-License-Identifier: Apache-2.0
 * Reading and writing JSON that stands in rows, where it matters why that is not possible: what is
 * damaged is given up, what there was no memory for is tried again later.
 * Thread: all; nothing here has state.
 */
#ifndef TW_ALERT_JSON_TEXT_H
#define TW_ALERT_JSON_TEXT_H

#include <jansson.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/err.h"
#include "core/str.h"

/* Once, before any thread: the library's allocations are looked at, since it reads texts shorter
 * than they are when memory runs out, and says nothing. */
void tw_json_watch_memory(void);
/* *ret_json: a new reference. TW_OK, TW_ESYNTAX (no object and no array; with
 * JSON_REJECT_DUPLICATES in flags also a name that stands twice), TW_ENOMEM. */
int tw_json_read(struct tw_str text, size_t flags, json_t **ret_json);
/* Append it, compact. TW_OK or the error of the buffer; TW_ENOMEM, also for no json. */
int tw_json_write(const json_t *json, struct tw_buf *out);
/* The same into the arena, at most `max` bytes (TW_ELIMIT). Flags: 0 or JSON_SORT_KEYS. */
#define TW_JSON_TEXT_MAX ((size_t)64 << 20) /* of what has no limit of its own */
int tw_json_keep(const json_t *json, size_t flags, size_t max, struct tw_arena *arena,
                 struct tw_str *ret_text);

#endif
