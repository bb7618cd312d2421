/* SPDX-License-Identifier: Apache-2.0
 * A repaired event: changes to its fields by JSON Pointer (RFC 6901), as an operator asks for them,
 * `[{"path": "/data/sku", "value": "4711"}, {"path": "/data/note", "remove": true}]`. The event
 * that is stored stays as it is; what is sent is a copy with the changes. What an event is and
 * belongs to cannot be changed: `data` is free, of the attributes those that are neither identity
 * nor time nor key. Thread:  plain functions. Limits:  TW_EDIT_OPS_MAX changes, TW_EDIT_PATH_MAX
 * bytes a path, TW_EDIT_BYTES_MAX of text. Source:  decision 72; RFC 6902 for what adding,
 * replacing and removing mean.
 */
#ifndef TW_REPLAY_EDIT_H
#define TW_REPLAY_EDIT_H

#include <jansson.h>

#include "config/config.h"
#include "core/err.h"
#include "core/str.h"

#define TW_EDIT_OPS_MAX   32
#define TW_EDIT_PATH_MAX  256
#define TW_EDIT_BYTES_MAX 65536 /* of all changes as JSON */

/* Is this a list of changes that may be asked for? `cfg` says which attributes are keys of objects.
 * TW_EINVAL with what is wrong, by path. */
int tw_edit_check(const json_t *edit, const struct tw_cfg *cfg, struct tw_diag *diag);
/* Does any change touch money: a path of which a name contains one of these words, whatever the
 * case, or an attribute `amount` or `currency`. */
bool tw_edit_has_money(const json_t *edit, const struct tw_cfg_strings *words);
/* Apply a checked list to a copy of the event (owned, *ret_event), and say what it changed (owned,
 * *ret_diff; NULL: not asked): `[{"path", "before", "after"}]`, an absent member where there is no
 * such value. TW_EINVAL with a diag: a path does not fit this event, or changes nothing;
 * TW_ENOMEM. */
int tw_edit_apply(const json_t *edit, const json_t *event, json_t **ret_event, json_t **ret_diff,
                  struct tw_diag *diag);

#endif
