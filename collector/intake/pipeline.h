/* SPDX-License-Identifier: Apache-2.0
 * The stages between tap and store, without threads or sockets: messages go in, batches come out.
 * The intake actor drives it from the taps; scenario tests and the permutation test drive it from
 * a simulated clock. Rebuilds its state from the store when it is made.
 * Thread:  one owner (intake). Takes no locks.
 * Limits:  the batch's arena; intake.* and correlate.* of the configuration.
 * Fails:   TW_ENOMEM, TW_EIO, TW_EDAMAGED: the owner must stop, nothing of the batch may be
 *          acknowledged. Bad input is no failure: it becomes quarantined rows of the batch.
 */
#ifndef TW_INTAKE_PIPELINE_H
#define TW_INTAKE_PIPELINE_H

#include "causes/causes.h"
#include "core/clock.h"
#include "event/event.h"
#include "store/reader.h"
#include "store/store.h"
#include "workflow/workflow.h"

struct tw_pipeline;
struct tw_tracker;

/* Read the state back from the store (tw_store_recover, identities, what tracking had saved) and be
 * ready for message number one after it. Borrows cfg and store; takes a reference of workflows,
 * NULL: nothing is tracked. */
int tw_pipeline_new(const struct tw_cfg *cfg, struct tw_store *store,
                    const struct tw_workflows *workflows, struct tw_pipeline **ret_pipeline,
                    struct tw_diag *diag);
void tw_pipeline_destroy(struct tw_pipeline **self_p);

/* Start to fill an empty batch, which stays the pipeline's until _close. Decides whether it starts
 * a new partition (store.partition_events, store.partition_hours). */
int tw_pipeline_begin(struct tw_pipeline *self, struct tw_batch *batch, tw_wall_t now);

/* What became of one message. */
struct tw_outcome {
    uint64_t events;       /* decoded, whether new or not */
    uint64_t quarantined;  /* problems */
    struct tw_str problem; /* problem JSON for the acknowledgement when quarantined > 0; arena */
};

/* Take one message. `preset` other than none: the tap could not make sense of its frames, it goes
 * to the quarantine as it is. `bytes` counts all frames. The message's bytes must stay until the
 * batch was committed. */
int tw_pipeline_message(struct tw_pipeline *self, const struct tw_message *message,
                        enum tw_problem_code preset, uint64_t bytes,
                        struct tw_outcome *ret_outcome);
/* Try a quarantined entry again, under the mappings of today. Its bytes must stay likewise. */
int tw_pipeline_retry(struct tw_pipeline *self, const struct tw_quarantine_entry *entry,
                      struct tw_outcome *ret_outcome);
/* Decide everything noted since the last settle. Call it every few hundred messages and before
 * _close (which calls it too). */
int tw_pipeline_settle(struct tw_pipeline *self);
/* Finish the batch: totals, taps, sources (changed ones if is_checkpoint). It is const from now
 * on and stays known for look-ups until tw_pipeline_committed. */
int tw_pipeline_close(struct tw_pipeline *self, bool is_checkpoint, tw_wall_t now);
/* The taps were found empty: everything received up to `now` has been handed in. Deadlines may fire
 * up to then, once track.settle_s have passed since the first call. */
void tw_pipeline_taps_empty(struct tw_pipeline *self, tw_wall_t now);
/* Definitions of workflows from now on; runs that are open keep theirs. TW_OK, TW_ENOMEM, TW_ELIMIT
 * (more versions than can be known at a time: nothing was changed). */
int tw_pipeline_reload(struct tw_pipeline *self, const struct tw_workflows *workflows);
/* Rules by which the causes of failures are decided from now on; takes a reference. NULL, and until
 * the first call: what events name themselves. */
void tw_pipeline_set_causes(struct tw_pipeline *self, const struct tw_causes *causes);
/* The batch that is closed next is the last one: the state of tracking goes with it. */
void tw_pipeline_finish(struct tw_pipeline *self);
/* The oldest closed batch is in the store (or never will be). */
void tw_pipeline_committed(struct tw_pipeline *self, const struct tw_batch *batch);

/* Count an acknowledgement; it is committed with the next batch. */
void tw_pipeline_count(struct tw_pipeline *self, enum tw_total total, uint16_t tap_code);
const struct tw_totals *tw_pipeline_totals(const struct tw_pipeline *self);
size_t tw_pipeline_sources(const struct tw_pipeline *self);
/* NULL: nothing is tracked. Borrowed; to look at. */
struct tw_tracker *tw_pipeline_tracker(struct tw_pipeline *self);
/* Records replayed from the store's tail when it was made. */
uint64_t tw_pipeline_replayed(const struct tw_pipeline *self);
/* Records behind the saved state of tracking that were repeated then. */
uint64_t tw_pipeline_tracked(const struct tw_pipeline *self);
uint64_t tw_pipeline_next_n(const struct tw_pipeline *self);

#endif
