/* SPDX-License-Identifier: Apache-2.0
 * What the calls of Alertmanager's API share: its JSON, over the rows and rules of ours.
 * Thread:  web threads, one call each.
 * Source:  Alertmanager 0.25, api/v2/openapi.yaml; docs/reference/api.md, "As Alertmanager".
 */
#ifndef TW_WEB_AM_H
#define TW_WEB_AM_H

#include "web/api_alerts.h"

/* An error as it says them: a JSON text. Returns TW_OK, so that a handler can return it. */
int tw_am_error(struct tw_call *call, int status, const char *text);
/* All `filter` parameters as one set of matchers (owned by the caller). TW_EINVAL with a diag. */
int tw_am_filters(struct tw_call *call, struct tw_matchers **ret_matchers);
/* A body: an array or object. NULL: the response says what is wrong with it. */
json_t *tw_am_body(struct tw_call *call, bool is_array);
/* A member that is a text; absent where it is none. */
struct tw_str tw_am_text(const json_t *object, const char *key);
/* A time; 0 where it is missing or 0001-01-01T00:00:00Z, which means so. TW_EINVAL with a diag. */
int tw_am_time(struct tw_call *call, const json_t *object, const char *key, tw_wall_t *ret_at);

#endif
