/* SPDX-License-Identifier: Apache-2.0
 * What saving and restoring the tracker have in common. */
#ifndef TW_TRACK_STATE_H
#define TW_TRACK_STATE_H

#include "track/internal.h"

#define TW_STATE_MAGIC "tillwatch track"
/* Raised with any change of what save.c writes or of what it means. */
#define TW_STATE_VERSION 9

/* A hash of what the codes of object types mean. */
uint64_t tw_state_types(const struct tw_tracker *self);

#endif
