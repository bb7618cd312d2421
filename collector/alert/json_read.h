/* SPDX-License-Identifier: Apache-2.0
 * Reading JSON that stands in rows, where it matters why it cannot be read: what is damaged is
 * given up, what there was no memory for is read again later.
 * Thread: all; nothing here has state.
 */
#ifndef TW_ALERT_JSON_READ_H
#define TW_ALERT_JSON_READ_H

#include <jansson.h>

#include "core/err.h"
#include "core/str.h"

/* *ret_json: a new reference. TW_OK, TW_ESYNTAX (no object and no array; with
 * JSON_REJECT_DUPLICATES in flags also a name that stands twice), TW_ENOMEM. */
int tw_json_read(struct tw_str text, size_t flags, json_t **ret_json);

#endif
