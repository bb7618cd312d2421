/* SPDX-License-Identifier: Apache-2.0
 * What the tracker missed: records and ticks behind its snapshot, over all partitions, one block in
 * memory at a time. The tracker's state is never the only copy of anything, so what cannot be read
 * here is left out and said, and does not keep the program from starting.
 */
#include "config.h"
#include "store/state.h"

#include <stdlib.h>

#include "core/log.h"
#include "store/track_write.h"

#define REPLAY_CACHE_KIB (2 * 1024)

struct replay {
    struct tw_recovery *recovery;
    struct tw_block_reader *blocks;
    uint64_t next;   /* the first record wanted */
    int callback_rc; /* of the caller's functions; ends the recovery */
    /* of the partition under way */
    sqlite3 *db;
    sqlite3_stmt *ticks; /* NULL: it has none */
    bool has_tick;
    uint64_t tick_n;
    struct tw_track_tick tick;
};

static void read_tick(struct replay *self)
{
    self->has_tick = self->ticks != NULL && tw_db_row(self->ticks, NULL) == TW_OK;
    if (self->has_tick) {
        self->tick_n = (uint64_t)sqlite3_column_int64(self->ticks, 0);
        self->tick.now.ns = sqlite3_column_int64(self->ticks, 1);
        self->tick.read_up_to.ns = sqlite3_column_int64(self->ticks, 2);
    }
}

/* Those of batches that end before record n. */
static int give_ticks(struct replay *self, uint64_t n)
{
    while (self->has_tick && self->tick_n < n && self->callback_rc == TW_OK) {
        if (self->recovery->track_tick != NULL) {
            self->callback_rc = self->recovery->track_tick(self->recovery->context, &self->tick);
        }
        read_tick(self);
    }
    return self->callback_rc;
}

static int give_record(struct replay *self, const struct tw_record *record)
{
    if (record->n < self->next || give_ticks(self, record->n) != TW_OK) {
        return self->callback_rc;
    }
    self->callback_rc = self->recovery->track_record(self->recovery->context, record);
    self->recovery->track_records++;
    self->next = record->n + 1;
    return self->callback_rc;
}

/* Everything before `n` that was not given is lost. */
static void lose_until(struct replay *self, uint64_t n, int why)
{
    if (n <= self->next) {
        return;
    }
    tw_log(TW_LOG_REPLAY_INCOMPLETE_EVENT, TW_F_CSTR("file", sqlite3_db_filename(self->db, "main")),
           TW_F_INT("first_n", self->next), TW_F_INT("last_n", n - 1),
           TW_F_CSTR("reason", tw_err_text(why)));
    self->recovery->track_lost += n - self->next;
    self->next = n;
}

static int replay_block(struct replay *self, const struct tw_extent_block *block,
                        struct tw_str data)
{
    uint64_t end = block->first_n + block->count;
    if (end <= self->next) {
        return TW_OK;
    }
    int rc =
        block->offset > data.len || block->bytes > data.len - block->offset
            ? TW_EDAMAGED
            : tw_block_open(self->blocks, block->first_n, data.ptr + block->offset, block->bytes);
    for (uint64_t i = 0; rc == TW_OK && i < block->count; i++) {
        struct tw_record record;
        rc = tw_block_next(self->blocks, &record);
        rc = rc == TW_ENOTFOUND ? TW_EDAMAGED : rc;
        rc = rc == TW_OK ? give_record(self, &record) : rc;
    }
    if (rc == TW_EDAMAGED && self->callback_rc == TW_OK) {
        lose_until(self, end, rc);
        rc = TW_OK;
    }
    return rc;
}

static int replay_row(struct replay *self, sqlite3_stmt *stmt)
{
    struct tw_extent_block block = {.first_n = (uint64_t)sqlite3_column_int64(stmt, 0)};
    struct tw_str directory = tw_db_column_bytes(stmt, 1);
    struct tw_str data = tw_db_column_bytes(stmt, 2);
    struct tw_cursor cursor = tw_cursor_of(directory.ptr, directory.len);
    int rc = TW_OK;
    while (rc == TW_OK) {
        rc = tw_extent_next(&cursor, &block);
        rc = rc == TW_OK ? replay_block(self, &block, data) : rc;
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int replay_rows(struct replay *self, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(self->db,
                           "SELECT first_n, directory, data FROM block"
                           " WHERE first_n >= (SELECT coalesce(max(first_n), 0) FROM block"
                           " WHERE first_n <= ?1) ORDER BY first_n",
                           &stmt, diag);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)self->next);
    }
    while (rc == TW_OK) {
        rc = tw_db_row(stmt, diag);
        rc = rc == TW_OK ? replay_row(self, stmt) : rc;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int open_ticks(struct replay *self, struct tw_diag *diag)
{
    bool has_tables = false;
    int rc = tw_track_has_tables(self->db, &has_tables, diag);
    if (rc == TW_OK && has_tables) {
        rc =
            tw_db_prepare(self->db, "SELECT n, now, read_up_to FROM tick WHERE n >= ?1 ORDER BY id",
                          &self->ticks, diag);
    }
    if (rc == TW_OK && self->ticks != NULL) {
        tw_db_bind_int(self->ticks, 1, (int64_t)self->recovery->track_from_n);
        read_tick(self);
    }
    return rc;
}

static int replay_part(struct replay *self, sqlite3 *db, const struct tw_part_meta *meta,
                       struct tw_diag *diag)
{
    self->db = db;
    self->ticks = NULL;
    self->has_tick = false;
    if (self->next < meta->first_n) {
        self->recovery->track_lost += meta->first_n - self->next; /* expired */
        self->next = meta->first_n;
    }
    int rc = open_ticks(self, diag);
    rc = rc == TW_OK && meta->last_n >= self->next ? replay_rows(self, diag) : rc;
    if (self->callback_rc == TW_OK && (rc == TW_OK || rc == TW_EDAMAGED)) {
        lose_until(self, meta->last_n + 1, TW_EDAMAGED);
        rc = give_ticks(self, UINT64_MAX);
    }
    (void)sqlite3_finalize(self->ticks); /* repeats the error of the step */
    return self->callback_rc != TW_OK ? self->callback_rc : rc;
}

static int open_part(const struct tw_store *store, const struct tw_part *part, sqlite3 **ret_db,
                     struct tw_part_meta *ret_meta, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    int rc = tw_part_path(store->dir, part->number, part->is_sealed, path);
    rc = rc == TW_OK ? tw_db_open(path, part->is_sealed ? TW_DB_IMMUTABLE : TW_DB_READ,
                                  REPLAY_CACHE_KIB, &db, diag)
                     : rc;
    rc = rc == TW_OK ? tw_part_meta_read(db, ret_meta, diag) : rc;
    if (rc != TW_OK) {
        tw_db_close(&db);
        return rc;
    }
    *ret_db = db;
    return TW_OK;
}

/* Index of the oldest partition that has something to give: the newest one that begins at or
 * before from_n (ticks behind that record may be in it), or the oldest there is. */
static int find_first(const struct tw_store *store, const struct tw_part *parts, size_t count,
                      uint64_t from_n, size_t *ret_first, struct tw_diag *diag)
{
    size_t first = count - 1; /* the active one */
    uint64_t begins = tw_part_writer_meta(store->active)->first_n;
    while (first > 0 && begins > from_n) {
        sqlite3 *db = NULL;
        struct tw_part_meta meta;
        int rc = open_part(store, &parts[first - 1], &db, &meta, diag);
        if (rc != TW_OK) {
            return rc;
        }
        tw_db_close(&db);
        begins = meta.first_n;
        first--;
    }
    *ret_first = first;
    return TW_OK;
}

static int replay_parts(struct tw_store *store, struct replay *replay, const struct tw_part *parts,
                        size_t count, struct tw_diag *diag)
{
    size_t first = 0;
    int rc = find_first(store, parts, count, replay->recovery->track_from_n, &first, diag);
    for (size_t i = first; rc == TW_OK && i + 1 < count; i++) {
        sqlite3 *db = NULL;
        struct tw_part_meta meta;
        rc = open_part(store, &parts[i], &db, &meta, diag);
        rc = rc == TW_OK ? replay_part(replay, db, &meta, diag) : rc;
        tw_db_close(&db);
    }
    return rc == TW_OK ? replay_part(replay, tw_part_writer_db(store->active),
                                     tw_part_writer_meta(store->active), diag)
                       : rc;
}

int tw_track_replay(struct tw_store *store, struct tw_recovery *recovery, struct tw_diag *diag)
{
    recovery->track_records = 0;
    recovery->track_lost = 0;
    if (recovery->track_record == NULL) {
        return TW_OK;
    }
    struct replay replay = {.recovery = recovery, .next = recovery->track_from_n + 1};
    struct tw_part *parts = NULL;
    size_t count = 0;
    int rc = tw_block_reader_new(&replay.blocks);
    rc = rc == TW_OK ? tw_parts_list(store->dir, &parts, &count, diag) : rc;
    rc = rc == TW_OK ? replay_parts(store, &replay, parts, count, diag) : rc;
    free(parts);
    tw_block_reader_destroy(&replay.blocks);
    return rc;
}
