/* SPDX-License-Identifier: Apache-2.0
 * The store, writing side: one writer, one transaction per batch, acknowledgement after commit.
 * Nothing outside collector/store knows that it is SQLite; a second engine would implement this
 * header, store/ident.h, store/reader.h and store/request.h.
 *
 * On disk (docs/reference/store.md): a directory with `lock`, the catalogue `tillwatch.db`
 * (schema version, dictionaries, requests) and partitions `part-NNNNNN.db`. A batch touches
 * exactly one partition, so it is atomic. A partition that is full or old is left, sealed by the
 * keeper (final index, filter) and one day expired by unlinking it.
 *
 * Thread: tw_store_open/recover/destroy by main; commit by the writer actor only; the keeper
 * actor (seal, retention, disk watch) has connections of its own.
 * Fails: a damaged, foreign or newer file is refused with what to do and never overwritten.
 */
#ifndef TW_STORE_STORE_H
#define TW_STORE_STORE_H

#include "config/config.h"
#include "core/clock.h"
#include "core/err.h"
#include "store/batch.h"

struct tw_store;

/* Open or create the store in cfg->store.dir and take its lock. Registers the object types and
 * taps of cfg in the dictionaries. Errors, each with a diag that says what to do: TW_EBUSY
 * (another instance, names its pid), TW_EDAMAGED, TW_EFOREIGN, TW_ENEWER, TW_EPERM, TW_ENOSPACE,
 * TW_EIO, TW_ENOMEM. Borrows cfg and clock. */
int tw_store_open(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_store **ret_store,
                  struct tw_diag *diag);
/* Close everything, free the lock. Accepts NULL. */
void tw_store_destroy(struct tw_store **self_p);

/* Dictionary codes, fixed for the life of the store; -1: not registered. Any thread. */
int tw_store_object_code(const struct tw_store *self, const char *type);
int tw_store_tap_code(const struct tw_store *self, const char *tap);
/* The secret of this store from which hashes of identifiers begin. Any thread. */
uint64_t tw_store_seed(const struct tw_store *self);

/* What intake needs to go on where the store stands. */
struct tw_recovery {
    uint64_t next_n;
    uint64_t partition_first_n; /* of the active partition */
    uint64_t partition_records; /* in the active partition */
    tw_wall_t partition_started;
    struct tw_totals totals;
    uint64_t problems[TW_PROBLEM_COUNT];
    uint64_t tail_records; /* replayed since the last checkpoint */
    tw_wall_t closed;      /* of the last batch committed; 0: none ever was */
    void *context;
    /* Called during tw_store_recover, in this order: every tap, every source state of the last
     * checkpoint, then every record after it in order of n (so that the caller applies them to
     * the source states), sources first seen after the checkpoint announced before their first
     * record. Pointers are borrowed for the call. A code other than TW_OK ends the recovery. */
    int (*tap)(void *context, const struct tw_tap_state *tap);
    int (*source)(void *context, const struct tw_source_state *source);
    int (*record)(void *context, const struct tw_record *record);
    /* Tracking, when set: after all of these, every record behind track_from_n that the store
     * still has (0: every one), over all partitions in order of n, and between them the ticks that
     * were committed: a tick comes after the last record of its batch. Those of batches without
     * records that end at track_from_n are given, too: the snapshot may have some of them already.
     * A store from before tracking has records but no ticks. A block that cannot be read, in a
     * partition that is no longer written, is left out, logged and counted. */
    uint64_t track_from_n;
    uint64_t track_records; /* given */
    uint64_t track_lost;    /* behind track_from_n, but expired or unreadable */
    int (*track_record)(void *context, const struct tw_record *record);
    int (*track_tick)(void *context, const struct tw_track_tick *tick);
};

/* Keep a definition, so that runs that were under it can be shown for ever; one that is known
 * already is left as it is. At the start, before the actors run, and at a reload. Main thread;
 * waits at most 5 s for another that writes to the catalogue: TW_EBUSY. */
int tw_store_register_workflow(struct tw_store *self, const char *name, uint64_t version,
                               struct tw_str text, struct tw_diag *diag);

/* Read the state back. Main thread, before the actors start. The caller sets the callbacks. */
int tw_store_recover(struct tw_store *self, struct tw_recovery *recovery, struct tw_diag *diag);

/* Commit one batch whole. Blocks (fsync). TW_OK: it is durable. TW_ENOSPACE, TW_EBUSY (another
 * program holds the lock of the file for longer than 5 s): rolled back, may be tried again with
 * the same batch later. Any other error is final for this process: the state of
 * the file is unknown until the next start recovers it (fsync is never retried). */
int tw_store_commit(struct tw_store *self, const struct tw_batch *batch, struct tw_diag *diag);

/* While a start reads the past, the keeper neither seals nor expires nor archives: every partition
 * stays where it is. Any thread. */
void tw_store_set_recovering(struct tw_store *self, bool is_recovering);

/* True while acknowledging must stop for want of disk space (set by the keeper). Any thread. */
bool tw_store_is_full(const struct tw_store *self);

/* A consistent copy of the whole store into the new directory `target`, while it is written to.
 * Any process; does not need the lock. Refuses an existing target. */
int tw_store_backup(const char *dir, const char *target, struct tw_diag *diag);

#endif
