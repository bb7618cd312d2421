/* SPDX-License-Identifier: Apache-2.0
 * What the calls about replays share. Thread: web threads, one call each.
 */
#ifndef TW_WEB_API_REPLAYS_H
#define TW_WEB_API_REPLAYS_H

#include "web/api_failures.h"

/* One replay whole, as GET /replays/{id} has it. `left`: NULL: as it is now. TW_ENOTFOUND. */
int tw_api_replay_json(struct tw_call *call, uint64_t id, const struct tw_replay_left *left,
                       json_t **ret_json);
/* GET /replays/{id}/items */
int tw_api_replay_items(struct tw_call *call, uint64_t id);

#endif
