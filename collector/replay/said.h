/* SPDX-License-Identifier: Apache-2.0
 * What this life of the tower has said of the items that are sent: to which hello of its agent,
 * and when it is to be said again. What is not in here was not said: it is said once more.
 * Thread:  the owner's.
 * Fails:   TW_ENOMEM: the item is not noted, and is said again sooner; harmless.
 */
#ifndef TW_REPLAY_SAID_H
#define TW_REPLAY_SAID_H

#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"

struct tw_said {
    uint64_t item;
    uint64_t hello;    /* of the agent (struct tw_agent); 0: to a destination over HTTP */
    tw_mono_t due;     /* say it again */
    tw_mono_t noted;   /* in its timeline last; 0: never */
    tw_mono_t put_off; /* likewise, that it was put off */
    unsigned tries;    /* how often it was said */
    bool is_uncertain; /* over HTTP: of a post of it is not known that it came to nothing */
    bool is_kept;      /* see tw_saids_sweep */
};
struct tw_saids {
    struct tw_said *items; /* ascending by item */
    size_t count;
    size_t capacity;
};
void tw_saids_fini(struct tw_saids *self);
struct tw_said *tw_saids_find(const struct tw_saids *self, uint64_t item);
/* The item's, made where there is none. */
int tw_saids_put(struct tw_saids *self, uint64_t item, struct tw_said **ret_said);
/* Forget those that nobody has kept (is_kept) since the sweep before. */
void tw_saids_sweep(struct tw_saids *self);

#endif
