/* SPDX-License-Identifier: Apache-2.0
 * What the calls about failures share. Thread: web threads, one call each.
 */
#ifndef TW_WEB_API_FAILURES_H
#define TW_WEB_API_FAILURES_H

#include "store/replay_read.h"
#include "web/api.h"

/* The lease's reader of the desk, with the call's deadline. TW_EAGAIN: there is none yet. */
int tw_api_desk(struct tw_call *call, struct tw_desk_reader **ret_desk);
/* {state, fault, detail, checked, last} of the audit (owned); null with the error in *ret_rc. */
json_t *tw_api_audit_state(struct tw_call *call, int *ret_rc);
/* "7/items" of the path: 7 and "items"; "7": an empty rest. TW_ENOTFOUND: what is named by its
 * number, says the diag. */
int tw_api_numbered_path(struct tw_call *call, const char *what, uint64_t *ret_number,
                         struct tw_str *ret_rest);

/* null where there is none, or 0 */
json_t *tw_api_word(struct tw_str text);
json_t *tw_api_count_or_null(uint64_t n);
/* 1230 of EUR: "12.30", a decimal as events have them; null without a currency. */
json_t *tw_api_amount(int64_t minor, const char *currency);
/* {"replay", "item", "state"}; null: there is none. */
json_t *tw_api_item_place(const struct tw_item_place *place);
/* The open failure of a step as {"id", "group", "archived", "replay", "parked"}; null where the
 * desk has none, or there is no desk. */
int tw_api_failure_of(struct tw_call *call, struct tw_str workflow, const struct tw_object *object,
                      struct tw_str step, json_t **ret_json);

/* The body of a POST, parsed (owned): an object with none but these keys (NULL ends them) and
 * "reason", a text or null. NULL: the response is filled with what is wrong with it. */
json_t *tw_api_body(struct tw_call *call, const char *const *keys);
/* Its text; absent where it has none. */
struct tw_str tw_api_body_text(const json_t *body, const char *key);

#endif
