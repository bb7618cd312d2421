/* SPDX-License-Identifier: Apache-2.0
 * The object index of one partition, writing side: a sorted run per commit, merged upwards.
 * Twelve runs of a level become one of the next. Level 0 is merged at once; higher levels advance
 * by a bounded number of entries with each commit, so that no commit waits for a large merge.
 * Thread:  the writer's; the run writer and the merge are also used by the keeper on its own
 *          connection.
 * Limits:  TW_INDEX_FAN_IN runs in one merge.
 * Fails:   after an error the transaction must be rolled back and tw_index_load called again.
 */
#ifndef TW_STORE_INDEX_H
#define TW_STORE_INDEX_H

#include "store/internal.h"

#define TW_INDEX_FAN_IN 12

/* ---- writing one run ---- */

struct tw_run_writer {
    sqlite3_stmt *insert; /* borrowed: INSERT INTO page(run, first, data) VALUES(?, ?, ?) */
    int64_t run;
    uint64_t entries;
    struct tw_buf page;
    uint8_t first[TW_KEY_MAX + 8]; /* key and n of the page's first entry */
    size_t first_len;
    uint8_t key[TW_KEY_MAX]; /* of the entry before */
    size_t key_len;
};
void tw_run_writer_init(struct tw_run_writer *self, sqlite3_stmt *insert);
void tw_run_writer_fini(struct tw_run_writer *self);
void tw_run_writer_begin(struct tw_run_writer *self, int64_t run);
/* Entries in order of key, then n. */
int tw_run_writer_add(struct tw_run_writer *self, const struct tw_entry *entry,
                      struct tw_diag *diag);
/* Write what is left of the last page. */
int tw_run_writer_end(struct tw_run_writer *self, struct tw_diag *diag);

/* ---- merging runs ---- */

struct tw_merge;
/* Merge `count` runs (oldest first) that `select` reads (run, first above -> first, data; at most
 * as many rows as it likes). Borrows the statement and the writer, which has begun. */
int tw_merge_new(const int64_t *runs, size_t count, sqlite3_stmt *select,
                 struct tw_run_writer *writer, struct tw_merge **ret_merge);
void tw_merge_destroy(struct tw_merge **self_p);
/* Go on for about max_entries entries read. TW_OK: more to do; TW_ENOTFOUND: complete, the writer
 * has got everything (its end is the caller's); TW_EDAMAGED, TW_ENOMEM, errors of SQLite.
 * `seen` (may be NULL) is called for each distinct key. */
int tw_merge_step(struct tw_merge *self, size_t max_entries,
                  int (*seen)(void *context, struct tw_str key), void *context,
                  struct tw_diag *diag);

#define TW_SQL_PAGE_INSERT "INSERT INTO page(run, first, data) VALUES(?1, ?2, ?3)"
/* 16 pages at a time: the seek is shared, the memory is 12 * 16 * 4 KB a merge */
#define TW_SQL_PAGE_SELECT \
    "SELECT first, data FROM page WHERE run = ?1 AND first > ?2 ORDER BY first LIMIT 16"

/* ---- the index of the partition being written ---- */

struct tw_index;
/* Prepares its statements on db, which it borrows. */
int tw_index_new(sqlite3 *db, struct tw_index **ret_index, struct tw_diag *diag);
void tw_index_destroy(struct tw_index **self_p);
/* Read the runs back: at the start, and after a rollback. */
int tw_index_load(struct tw_index *self, struct tw_diag *diag);
/* Sort the objects of a batch; no database. */
int tw_index_build(struct tw_index *self, const struct tw_batch *batch);
/* Inside the batch's transaction: write the run that was built, and merge. */
int tw_index_write(struct tw_index *self, struct tw_diag *diag);

#endif
