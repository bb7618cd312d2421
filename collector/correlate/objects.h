/* SPDX-License-Identifier: Apache-2.0
 * Which business objects an event carries: the object types of the configuration, made ready for
 * speed. Identifiers are exact text; those that say nothing ("", "0", "null", ...) are none.
 * Thread: intake only. Limits: correlate.max_objects of one event; identifiers of 1 to 255 bytes.
 */
#ifndef TW_CORRELATE_OBJECTS_H
#define TW_CORRELATE_OBJECTS_H

#include "config/config.h"
#include "core/arena.h"
#include "event/event.h"
#include "store/store.h"

#define TW_OBJECT_ID_MAX 255

struct tw_object_rules;

/* Borrows cfg and store. */
int tw_object_rules_new(const struct tw_cfg *cfg, const struct tw_store *store,
                        struct tw_object_rules **ret_rules);
void tw_object_rules_destroy(struct tw_object_rules **self_p);

/* What an event carries, and what of it was left out. */
struct tw_objects_found {
    const struct tw_object *objects; /* indexed types, without repeats */
    uint32_t count;
    uint32_t linking;    /* how many of them are of linking types */
    uint32_t ignored;    /* identifiers that say nothing */
    uint32_t unscoped;   /* identifiers whose scope is missing */
    uint32_t over_limit; /* identifiers beyond max_objects or TW_OBJECT_ID_MAX */
};

/* The objects of an event, into the arena. Strings are borrowed from the event, or lie in the
 * arena. TW_OK or TW_ENOMEM. */
int tw_objects_extract(const struct tw_object_rules *self, const struct tw_event *event,
                       struct tw_arena *arena, struct tw_objects_found *ret_found);

#endif
