/* SPDX-License-Identifier: Apache-2.0
 * What intake needs to go on: read from the active partition alone, since every partition begins
 * with all sources and counters.
 */
#include "config.h"
#include "store/state.h"

#include <stdlib.h>

#define SOURCE_ARENA_MAX (64u * 1024u * 1024u) /* gaps of one source */

static int recover_taps(sqlite3 *db, struct tw_recovery *recovery, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db,
                           "SELECT tap, messages, bytes, events, quarantined, acks, last_received"
                           " FROM tap_state ORDER BY tap",
                           &stmt, diag);
    while (rc == TW_OK) {
        rc = tw_db_row(stmt, diag);
        if (rc == TW_OK) {
            struct tw_tap_state tap = {
                .tap = (uint16_t)sqlite3_column_int(stmt, 0),
                .messages = (uint64_t)sqlite3_column_int64(stmt, 1),
                .bytes = (uint64_t)sqlite3_column_int64(stmt, 2),
                .events = (uint64_t)sqlite3_column_int64(stmt, 3),
                .quarantined = (uint64_t)sqlite3_column_int64(stmt, 4),
                .acks = (uint64_t)sqlite3_column_int64(stmt, 5),
                .last_received = {sqlite3_column_int64(stmt, 6)},
            };
            rc = recovery->tap(recovery->context, &tap);
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int recover_source(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_recovery *recovery,
                          struct tw_diag *diag)
{
    struct tw_source_state source = {
        .number = (uint32_t)sqlite3_column_int64(stmt, 0),
        .name = tw_db_column_bytes(stmt, 1),
    };
    struct tw_str state = tw_db_column_bytes(stmt, 2);
    tw_arena_reset(arena);
    int rc = state.ptr == NULL ? TW_OK : tw_source_decode(state.ptr, state.len, arena, &source);
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "the state of source number %u: %s; restore a backup",
                           source.number, tw_err_text(rc));
    }
    return recovery->source(recovery->context, &source);
}

/* Those of the checkpoint first, then those seen since (state NULL), each by number. */
static int recover_sources(sqlite3 *db, struct tw_recovery *recovery, struct tw_diag *diag)
{
    struct tw_arena arena;
    tw_arena_init(&arena, SOURCE_ARENA_MAX);
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(
        db, "SELECT number, name, state FROM source ORDER BY state IS NULL, number", &stmt, diag);
    while (rc == TW_OK) {
        rc = tw_db_row(stmt, diag);
        rc = rc == TW_OK ? recover_source(stmt, &arena, recovery, diag) : rc;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    tw_arena_fini(&arena);
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

struct replay {
    struct tw_block_reader *blocks;
    struct tw_recovery *recovery;
    uint64_t next; /* the first record wanted */
};

static int replay_block(struct replay *self, const struct tw_extent_block *block,
                        struct tw_str data)
{
    if (block->first_n + block->count <= self->next) {
        return TW_OK;
    }
    if (block->offset > data.len || block->bytes > data.len - block->offset) {
        return TW_EDAMAGED;
    }
    int rc = tw_block_open(self->blocks, block->first_n, data.ptr + block->offset, block->bytes);
    for (uint64_t i = 0; rc == TW_OK && i < block->count; i++) {
        struct tw_record record;
        rc = tw_block_next(self->blocks, &record);
        rc = rc == TW_ENOTFOUND ? TW_EDAMAGED : rc;
        if (rc == TW_OK && record.n >= self->next) {
            rc = self->recovery->record(self->recovery->context, &record);
            self->recovery->tail_records++;
            self->next = record.n + 1;
        }
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

static int recover_records(struct tw_store *store, struct tw_recovery *recovery,
                           struct tw_diag *diag)
{
    const struct tw_part_meta *meta = tw_part_writer_meta(store->active);
    sqlite3 *db = tw_part_writer_db(store->active);
    struct replay replay = {.recovery = recovery, .next = meta->checkpoint_n + 1};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_block_reader_new(&replay.blocks);
    rc = rc == TW_OK ? tw_db_prepare(db,
                                     "SELECT first_n, directory, data FROM block"
                                     " WHERE first_n + count > ?1 AND first_n >= (SELECT"
                                     " coalesce(max(first_n), 0) FROM block WHERE first_n <= ?1)"
                                     " ORDER BY first_n",
                                     &stmt, diag)
                     : rc;
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)replay.next);
    }
    while (rc == TW_OK) {
        rc = tw_db_row(stmt, diag);
        rc = rc == TW_OK ? replay_row(&replay, stmt) : rc;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    tw_block_reader_destroy(&replay.blocks);
    if (rc == TW_EDAMAGED || (rc == TW_ENOTFOUND && replay.next != meta->last_n + 1)) {
        return tw_diag_set(diag, TW_EDAMAGED,
                           "%s: damaged: record %llu cannot be read; nothing was changed: restore "
                           "a backup, or move the file aside and salvage it with "
                           "`sqlite3 FILE .recover`",
                           sqlite3_db_filename(db, "main"), (unsigned long long)replay.next);
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

int tw_store_recover(struct tw_store *self, struct tw_recovery *recovery, struct tw_diag *diag)
{
    const struct tw_part_meta *meta = tw_part_writer_meta(self->active);
    sqlite3 *db = tw_part_writer_db(self->active);
    recovery->next_n = meta->last_n + 1;
    recovery->partition_first_n = meta->first_n;
    recovery->partition_records = meta->last_n + 1 - meta->first_n;
    recovery->partition_started = meta->started;
    recovery->totals = meta->totals;
    for (size_t i = 0; i < TW_PROBLEM_COUNT; i++) {
        recovery->problems[i] = meta->problems[i];
    }
    recovery->tail_records = 0;
    recovery->closed.ns = meta->commits == 0 ? 0 : meta->closed.ns;
    int rc = recover_taps(db, recovery, diag);
    rc = rc == TW_OK ? recover_sources(db, recovery, diag) : rc;
    rc = rc == TW_OK ? recover_records(self, recovery, diag) : rc;
    return rc == TW_OK ? tw_track_replay(self, recovery, diag) : rc;
}
