/* SPDX-License-Identifier: Apache-2.0
 * One partition: made, opened for writing, committed to; and its head (the row of `meta`).
 * Thread: the writer's, but tw_part_meta_read which works on any connection.
 */
#ifndef TW_STORE_PART_H
#define TW_STORE_PART_H

#include "store/index.h"
#include "store/internal.h"

/* The row of `meta`. */
struct tw_part_meta {
    uint8_t store_id[TW_STORE_ID_BYTES];
    uint32_t number;
    uint64_t first_n;
    uint64_t last_n; /* first_n - 1: empty */
    tw_wall_t started;
    tw_wall_t closed;
    uint64_t commits;
    bool has_times; /* the next four are known */
    tw_wall_t first_received;
    tw_wall_t last_received;
    tw_wall_t first_time;
    tw_wall_t last_time;
    struct tw_totals totals;
    uint64_t problems[TW_PROBLEM_COUNT];
    uint64_t checkpoint_n;
    uint64_t next_quarantine;
    bool is_sealed;
    bool payload_expired;
    bool quarantine_expired;
    uint64_t ident_count;
    uint32_t ident_pages;
    uint32_t ident_lines;
    uint32_t object_lines;
};
/* TW_EDAMAGED when there is no such row or it makes no sense. */
int tw_part_meta_read(sqlite3 *db, struct tw_part_meta *ret_meta, struct tw_diag *diag);
/* INSERT or REPLACE the row. */
int tw_part_meta_write(sqlite3 *db, const struct tw_part_meta *meta, struct tw_diag *diag);

/* Make the file of an empty partition: complete, synced, then renamed to its name, so that a file
 * of that name always has its schema and head. Tap states are copied from `before` (NULL: none). */
int tw_part_create(const char *dir, const struct tw_part_meta *meta, sqlite3 *before,
                   struct tw_diag *diag);

struct tw_part_writer;
/* Open partition `number` for writing and check it: head, identity, continuity of its blocks. */
int tw_part_writer_open(const char *dir, uint32_t number, const uint8_t *store_id,
                        struct tw_part_writer **ret_part, struct tw_diag *diag);
/* Close without a checkpoint: the keeper does that before it seals. Accepts NULL. */
void tw_part_writer_close(struct tw_part_writer **self_p);
/* What is committed. Borrowed. */
const struct tw_part_meta *tw_part_writer_meta(const struct tw_part_writer *self);
sqlite3 *tw_part_writer_db(struct tw_part_writer *self);
/* As tw_store_commit; after TW_ENOSPACE and TW_EBUSY everything is as before. */
int tw_part_writer_commit(struct tw_part_writer *self, const struct tw_batch *batch,
                          struct tw_diag *diag);
/* Before the last close: move the journal into the file, and let closing remove it unless another
 * process has the partition open. When that fails the journal stays and has everything. */
void tw_part_writer_finish(struct tw_part_writer *self);

#endif
