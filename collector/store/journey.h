/* SPDX-License-Identifier: Apache-2.0
 * A journey: all that concerns one object. Its events, and those of objects linked to it, without
 * passing through another object of its own type, over at most max_hops links of linking types.
 * An object with more than max_links distinct neighbours (or more than max_events events) is a
 * hub: it is named, its events that carry the path are shown, and it carries no further link.
 * Computed from the set of stored events, so that the order of arrival cannot matter.
 * Thread: as struct tw_reader. Source: design, "Correlation".
 */
#ifndef TW_STORE_JOURNEY_H
#define TW_STORE_JOURNEY_H

#include "store/reader.h"

struct tw_journey_limits {
    uint32_t max_hops;
    uint32_t max_links;
    uint32_t max_events; /* of the whole journey; beyond it is_partial */
};

struct tw_journey_object {
    struct tw_object object;
    uint32_t hops;  /* from the journey's own object, which is 0 */
    uint64_t links; /* distinct neighbours of linking types (counted up to max_links + 1) */
    bool is_hub;
    bool is_same_type; /* another object of the journey's type: related, never passed through */
};

/* Two objects that one event carried together. */
struct tw_journey_link {
    uint32_t a; /* index into objects; a < b */
    uint32_t b;
};

struct tw_journey {
    struct tw_object object;
    const struct tw_journey_object *objects; /* [0] is its own; ordered by hops, type, id */
    size_t object_count;
    const struct tw_journey_link *links;
    size_t link_count;
    const struct tw_stored *events; /* first-seen ones, by event time, then bytes of the json */
    size_t event_count;
    tw_wall_t first; /* event times */
    tw_wall_t last;
    uint64_t duplicates;
    uint64_t conflicts;
    uint64_t duplicate_effects;
    /* A bound was reached (max_hops, max_events, memory), retention has cut it or may have (its
     * events reach the oldest partition and others went before it), or a record is damaged. */
    bool is_partial;
};

/* TW_ENOTFOUND when the object was never seen (or is past retention); TW_EDAMAGED when none of its
 * events can be read; TW_ETIMEOUT, TW_EIO, TW_ENOMEM. Events take at most half of the arena. */
int tw_journey_read(struct tw_reader *reader, struct tw_arena *arena,
                    const struct tw_object *object, const struct tw_journey_limits *limits,
                    struct tw_journey *ret_journey);

/* "order:4711", "transaction:0042/88" -> object (borrows text); TW_ENOTFOUND for an unknown type,
 * TW_ESYNTAX. All but letters, digits and -._~!$&'()*+,;=@ is percent-encoded inside id and scope
 * values, so that the text is valid in JSON and in a path (where '%' is encoded once more). */
int tw_journey_parse_id(struct tw_reader *reader, struct tw_arena *arena, struct tw_str text,
                        struct tw_object *ret_object);
/* The reverse, in the arena. */
struct tw_str tw_journey_format_id(struct tw_reader *reader, struct tw_arena *arena,
                                   const struct tw_object *object);

#endif
