/* SPDX-License-Identifier: Apache-2.0
 * How much live traffic waits for a system, of what is still in time: what is overdue or has failed
 * is mostly what is being replayed, and would hold itself up. From the collector's own overview.
 * Thread:  the owner's.
 * Source:  docs/reference/tracking.md, "overview".
 */
#ifndef TW_REPLAY_LOAD_H
#define TW_REPLAY_LOAD_H

#include <jansson.h>

#include "core/arena.h"
#include "store/tracks.h"

struct tw_load {
    json_t *overview; /* owned; NULL: there is none */
    tw_mono_t read_at;
    bool has_read;
};
void tw_load_fini(struct tw_load *self);
/* Reads it where it is older than a second. One that is not there, or is damaged, is none: TW_OK.
 */
int tw_load_refresh(struct tw_load *self, struct tw_reader *reader, struct tw_arena *arena,
                    tw_mono_t now);
/* False: nothing is known of the system. */
bool tw_load_waiting(const struct tw_load *self, struct tw_str system, uint64_t *ret_waiting);

#endif
