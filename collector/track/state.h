/* SPDX-License-Identifier: Apache-2.0
 * What saving and restoring the tracker have in common. */
#ifndef TW_TRACK_STATE_H
#define TW_TRACK_STATE_H

#include "track/internal.h"

#define TW_STATE_MAGIC   "tillwatch track"
#define TW_STATE_VERSION 3

/* Rosters that runs and the tracker refer to, each once. */
struct tw_rosters {
    struct tw_roster **items;
    uint32_t count;
};
int tw_rosters_gather(const struct tw_tracker *self, struct tw_rosters *ret_rosters);
/* From 1; 0: not among them, or NULL. */
uint32_t tw_rosters_index(const struct tw_rosters *self, const struct tw_roster *roster);
/* A hash of what the codes of object types mean. */
uint64_t tw_state_types(const struct tw_tracker *self);

#endif
