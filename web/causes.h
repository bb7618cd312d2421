/* SPDX-License-Identifier: Apache-2.0
 * Between the calls about rules for causes: the rules that a body has.
 * Thread: any web thread, for the time of a call.
 */
#ifndef TW_WEB_CAUSES_H
#define TW_WEB_CAUSES_H

#include "web/call.h"

/* The body, an object (owned); NULL: the response says what is wrong with it, or *ret_rc. */
json_t *tw_causes_body(struct tw_call *call, int *ret_rc);
/* `rules` of the body as a set of the operators. TW_OK with *ret_set NULL: the response is a
 * problem that names every fault with its rule, counted from 1. TW_ENOMEM. */
int tw_causes_of_body(struct tw_call *call, const json_t *body, const struct tw_causes **ret_set);

#endif
