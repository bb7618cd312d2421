/* SPDX-License-Identifier: Apache-2.0
 * What the calls about failures share. Thread: web threads, one call each.
 */
#ifndef TW_WEB_API_FAILURES_H
#define TW_WEB_API_FAILURES_H

#include "store/desk_read.h"
#include "web/api.h"

/* The lease's reader of the desk, with the call's deadline. TW_EAGAIN: there is none yet. */
int tw_api_desk(struct tw_call *call, struct tw_desk_reader **ret_desk);
/* "7/items" of the path: 7 and "items"; "7": an empty rest. TW_ENOTFOUND. */
int tw_api_failure_path(struct tw_call *call, uint64_t *ret_group, struct tw_str *ret_rest);

#endif
