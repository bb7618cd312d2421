/* SPDX-License-Identifier: Apache-2.0
 * The intake actor: owns the taps and the pipeline, hands batches to the writer, and acknowledges
 * what the writer has committed.
 * Thread:  `intake`. Started and stopped by main. Blocks only in the wait for taps, batches back
 *          from the writer, retries, or stop.
 * Limits:  intake.batches under way; a batch is handed over at store.commit_events records,
 *          INTAKE_BATCH_BYTES bytes or store.commit_ms after its first message.
 * Policy:  when every batch is with the writer, or the disk is full, it stops receiving (counted in
 *          intake_paused); nothing is dropped here.
 * Fails:   a failed commit, lost memory or an unreadable partition end it; nothing of the batch is
 *          acknowledged; the program stops.
 */
#ifndef TW_INTAKE_INTAKE_H
#define TW_INTAKE_INTAKE_H

#include "causes/causes.h"
#include "core/chan.h"
#include "core/clock.h"
#include "store/reader.h"
#include "store/store.h"
#include "workflow/workflow.h"

struct tw_intake;

/* Capacity of both retry channels: as many may be under way. */
#define TW_RETRIES_MAX 64

/* A quarantined entry to be tried again: sent to the intake through `retries`, comes back through
 * `retried` once its batch is committed. Owned by whoever holds it. */
struct tw_retry {
    struct tw_arena arena; /* holds what entry borrows */
    struct tw_quarantine_entry entry;
    bool is_solved; /* all of it is events now */
};
void tw_retry_destroy(struct tw_retry **self_p);

struct tw_intake_options {
    const struct tw_cfg *cfg;
    const struct tw_workflows *workflows; /* to begin with; borrowed until ready */
    const struct tw_causes *causes;       /* likewise; NULL: no rules */
    struct tw_clock *clock;
    struct tw_store *store;
    struct tw_chan *to_writer;   /* capacity >= intake.batches */
    struct tw_chan *from_writer; /* likewise */
    struct tw_chan *retries;
    struct tw_chan *retried;
};

/* Rebuild the state, open the taps, start. Borrows everything until destroy. Errors as tw_taps_new
 * and tw_pipeline_new, with their diag. */
int tw_intake_new(const struct tw_intake_options *options, struct tw_intake **ret_intake,
                  struct tw_diag *diag);
/* Stop receiving (what waits in the sockets is taken for at most a second), commit what is under
 * way, acknowledge it, close. The writer must still run. TW_OK, or why it had ended. */
int tw_intake_destroy(struct tw_intake **self_p);
/* True when it ended by itself. Any thread. */
bool tw_intake_has_failed(const struct tw_intake *self);
/* Put these workflows in force and read the client keys again. Takes a reference. Any thread. */
void tw_intake_reload(struct tw_intake *self, const struct tw_workflows *workflows);
/* Decide causes by these rules from the next message on. Takes a reference. Any thread. */
void tw_intake_set_causes(struct tw_intake *self, const struct tw_causes *causes);

#endif
