/* SPDX-License-Identifier: Apache-2.0
 * The part `edit` of a plan: a repaired event is checked, compared with the stored one, and held
 * for a second person where it moves money.
 * Thread: any web thread, for the time of a call.
 */
#ifndef TW_WEB_REPLAY_EDIT_H
#define TW_WEB_REPLAY_EDIT_H

#include "store/plan.h"
#include "web/call.h"

/* Where the body has an `edit` it goes into `ask`, and *ret_json (owned) is what the answer says
 * of it; else NULL. *ret_is_answered: it is refused, and the response says so. `ask` is complete
 * but for this. TW_EINVAL with a diag: it is none, or does not fit the event. */
int tw_replay_edit_read(struct tw_call *call, const json_t *body, struct tw_plan_ask *ask,
                        json_t **ret_json, bool *ret_is_answered);

#endif
