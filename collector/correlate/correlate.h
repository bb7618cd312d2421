/* SPDX-License-Identifier: Apache-2.0
 * From a decoded event to its record: which objects it carries, whether it was seen before,
 * whether it repeats a business effect, and what it says about its source.
 * Thread:  intake only; takes no locks.
 * Limits:  correlate.* of the configuration.
 * Fails:   TW_ENOMEM and TW_EIO (a sealed partition cannot be read): the caller must stop, since an
 *          event whose past is unknown may not be counted as new.
 * Source:  design, "Correlation".
 *
 * Two steps, so that the memory latency of the identity index is hidden: tw_correlate_add() notes
 * an event and asks the CPU for its index lines; tw_correlate_settle() decides all noted ones, in
 * order. Between the two the event's frames must stay.
 */
#ifndef TW_CORRELATE_CORRELATE_H
#define TW_CORRELATE_CORRELATE_H

#include "correlate/sources.h"
#include "event/event.h"
#include "store/ident.h"

struct tw_correlator;

/* How the correlator sees an earlier record n, committed or not: TW_OK, or TW_ENOTFOUND (expired),
 * TW_EIO. Its strings live in the arena or in a batch under way. */
struct tw_past {
    void *context;
    int (*record)(void *context, uint64_t n, struct tw_arena *arena, struct tw_record *ret_record);
};

/* Borrows everything. */
int tw_correlator_new(const struct tw_cfg *cfg, const struct tw_store *store,
                      struct tw_idents *idents, struct tw_sources *sources,
                      const struct tw_past *past, struct tw_correlator **ret_correlator);
void tw_correlator_destroy(struct tw_correlator **self_p);

/* Note one event of a message as the batch's next record. Strings are borrowed from the event.
 * `note` is kept for the settling, whatever it points to. */
int tw_correlate_add(struct tw_correlator *self, struct tw_batch *batch,
                     const struct tw_message *message, const struct tw_event *event,
                     const void *note);
/* What is to be done with each first-seen record once it is decided, in order. A code other than
 * TW_OK ends the settling. */
struct tw_settled {
    void *context;
    int (*event)(void *context, struct tw_record *record, const void *note);
    /* A record that will be decided soon, once for each distance before it: to prefetch. What kind
     * it is, is not known yet. May be NULL. */
    void (*ahead)(void *context, const struct tw_record *record, const void *note,
                  unsigned distance_index);
    const unsigned *distances;
    unsigned distance_count;
};
/* Decide every noted event: kind, of, effect_of; idents; source states; totals of the batch.
 * `settled` may be NULL. */
int tw_correlate_settle(struct tw_correlator *self, struct tw_batch *batch,
                        const struct tw_settled *settled);
/* Fold a record read back from the store into the source states (its totals are stored), with what
 * its event says of sequence and store. */
int tw_correlate_replay(struct tw_correlator *self, const struct tw_record *record,
                        struct tw_str sequence, struct tw_str store);
/* The hash under which tw_sources knows a name. */
uint64_t tw_correlate_source_hash(const struct tw_correlator *self, struct tw_str name);

#endif
