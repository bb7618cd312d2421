/* SPDX-License-Identifier: Apache-2.0
 * Writing what tracking adds to a batch, inside the batch's transaction, into the partition that is
 * being written: runs, series, sketches, spending, decisions, live documents, the tick.
 * Thread:  the writer's.
 * Limits:  TW_SERIES_NUMBERS series in one process.
 * Fails:   the transaction must be rolled back; the same batch may then be tried again.
 * Source:  docs/reference/store.md, "Tracking".
 */
#ifndef TW_STORE_TRACK_WRITE_H
#define TW_STORE_TRACK_WRITE_H

#include "store/internal.h"

#define TW_SERIES_NUMBERS 1000000 /* numbers in one process: dense, and labels are bounded sets */

/* All columns of tracked_run, in the order in which they are bound and read: of version 2 of
 * partitions, and what came since. */
#define TW_TRACKED_RUN_COLUMNS_2                                                           \
    "workflow, object_type, object_scope, object_id, version, state, cause, step, system," \
    " destination, store, region, code, started, since, due, finished, updated,"           \
    " amount_minor, currency, first_n, last_n, attempts, missing, expected, answered"
#define TW_TRACKED_RUN_COLUMNS      TW_TRACKED_RUN_COLUMNS_2 ", troubles"
#define TW_TRACKED_RUN_COLUMN_COUNT 27

struct tw_track_writer;
/* For one partition; borrows db. Prepares nothing before the first batch that has something. */
int tw_track_writer_new(sqlite3 *db, struct tw_track_writer **ret_writer);
void tw_track_writer_destroy(struct tw_track_writer **self_p);
/* Everything of `changes` (NULL: nothing). `commit` is the number of the batch in its partition,
 * last_n its last record. TW_EINVAL: a point or sketch of a series that this process has not
 * announced in this partition, or a kind that is none; errors of SQLite. */
int tw_track_write(struct tw_track_writer *self, const struct tw_track_changes *changes,
                   uint64_t commit, uint64_t last_n, struct tw_diag *diag);

/* Whether a partition has the tables of tracking: sealed ones of version 1 have not. */
int tw_track_has_tables(sqlite3 *db, bool *ret_has, struct tw_diag *diag);

#endif
