/* SPDX-License-Identifier: Apache-2.0
 * What is known of every source: when it was last seen, how fast it speaks, what its sequence
 * lacks, how far its clock is off, which store it is of. The states are a fold over the journal:
 * the same calls in the same order give the same states, which is how a restart rebuilds them.
 * Thread:  intake only.
 * Limits:  correlate.max_sources (further ones share the state "(other)" and are counted),
 *          correlate.max_gap_ranges ranges a source (beyond it the oldest is given up: its
 *          numbers stay counted as missing, but are no longer recognised when they come).
 * Fails:   TW_ENOMEM; never blocks, never aborts on input.
 */
#ifndef TW_CORRELATE_SOURCES_H
#define TW_CORRELATE_SOURCES_H

#include "config/config.h"
#include "core/totals.h"
#include "store/batch.h"

struct tw_sources;
struct tw_source;

/* A sequence number this far below the lowest one seen is taken for an early event that was
 * overtaken; further below, the source began to count again. */
#define TW_SEQUENCE_EARLY 1000

/* Borrows cfg. */
int tw_sources_new(const struct tw_cfg *cfg, struct tw_sources **ret_sources);
void tw_sources_destroy(struct tw_sources **self_p);

/* The source of this name, made if it is new. `hash` is any good hash of the name, the same each
 * time. TW_OK or TW_ENOMEM; borrowed until destroy. Past the limit it is "(other)". */
int tw_sources_get(struct tw_sources *self, struct tw_str name, uint64_t hash,
                   struct tw_source **ret_source);
uint32_t tw_source_number(const struct tw_source *source);
/* True when `name` found no room and is kept under "(other)". */
bool tw_source_is_other(const struct tw_source *source);

/* One record of a source. */
struct tw_source_fact {
    enum tw_record_kind kind;
    uint16_t tap;
    tw_wall_t received;
    bool has_time;
    tw_wall_t time;
    struct tw_str sequence; /* text of the attribute; absent when there was none */
    struct tw_str store;    /* likewise, borrowed for the call */
};
/* Fold one record into its source; counts what it finds in *totals. TW_OK or TW_ENOMEM (then the
 * gap alone was not noted and is counted as forgotten, or the store alone was not).
 * A source is of the one store that its events name. Those that name none say nothing of it; with
 * an event of another store it is of none, for ever. */
int tw_source_apply(struct tw_sources *self, struct tw_source *source,
                    const struct tw_source_fact *fact, struct tw_totals *totals);
/* The source with this number, NULL when there is none. */
struct tw_source *tw_sources_by_number(struct tw_sources *self, uint32_t number);

/* Put back a state that was stored. Numbers must come densely, in ascending order or as updates of
 * numbers known. TW_OK, TW_ENOMEM, TW_EDAMAGED (a number out of order). */
int tw_sources_restore(struct tw_sources *self, const struct tw_source_state *state, uint64_t hash);

/* States changed since the last call (all: every one), as they are `now`, in the arena (names and
 * gaps copied). Rates decay here, so that a source that fell silent is written until it is 0. */
int tw_sources_checkpoint(struct tw_sources *self, bool all, tw_wall_t now, struct tw_arena *arena,
                          const struct tw_source_state **ret_states, size_t *ret_count);
/* Sources made since the last call of this function, in the arena. */
int tw_sources_take_new(struct tw_sources *self, struct tw_arena *arena,
                        const struct tw_source_state **ret_states, size_t *ret_count);
size_t tw_sources_count(const struct tw_sources *self);

#endif
