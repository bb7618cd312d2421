/* SPDX-License-Identifier: Apache-2.0
 * The partition being written: one transaction per batch.
 * Compression and sorting happen before the transaction begins, so that it is short; readers see
 * the state before or after it. Checkpoints of the journal are called for here and not by SQLite,
 * because SQLite's own ignore a failed sync of the database file, after which pages are lost.
 */
#include "config.h"
#include "store/part.h"

#include <stdlib.h>
#include <string.h>

#include "store/migrate.h"
#include "store/track_write.h"

/* Journal pages after which it is moved into the file: 16 MB; a checkpoint of that size takes
 * about 15 ms, and pages changed several times are written once. */
#define CHECKPOINT_FRAMES 1000
#define WRITER_CACHE_KIB  (16 * 1024)
#define ZSTD_LEVEL        1
#define DATA_MAX          (1u << 30) /* stored bytes of one batch */
#define IDENT_BYTES       16

struct extent {
    uint64_t first_n;
    uint64_t count;
    size_t data_at;
    size_t data_len;
    size_t directory_at;
    size_t directory_len;
};

enum statement {
    STMT_BEGIN,
    STMT_COMMIT,
    STMT_ROLLBACK,
    STMT_BLOCK,
    STMT_IDENT,
    STMT_ECHO,
    STMT_EFFECT,
    STMT_SOURCE_NEW,
    STMT_SOURCE_STATE,
    STMT_TAP,
    STMT_QUARANTINE,
    STMT_DONE,
    STMT_META,
    STMT_COUNT
};

static const char *const statements[STMT_COUNT] = {
    [STMT_BEGIN] = "BEGIN IMMEDIATE",
    [STMT_COMMIT] = "COMMIT",
    [STMT_ROLLBACK] = "ROLLBACK",
    [STMT_BLOCK] = "INSERT INTO block(first_n, count, directory, data) VALUES(?1, ?2, ?3, ?4)",
    [STMT_IDENT] = "INSERT INTO ident(id, data) VALUES(?1, ?2)",
    [STMT_ECHO] = "INSERT INTO echo(of, n, kind) VALUES(?1, ?2, ?3)",
    [STMT_EFFECT] = "INSERT INTO effect(of, n) VALUES(?1, ?2)",
    [STMT_SOURCE_NEW] = "INSERT OR IGNORE INTO source(number, name) VALUES(?1, ?2)",
    [STMT_SOURCE_STATE] = "INSERT INTO source(number, name, state) VALUES(?1, ?2, ?3)"
                          " ON CONFLICT(number) DO UPDATE SET state = excluded.state",
    [STMT_TAP] = "INSERT OR REPLACE INTO tap_state VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STMT_QUARANTINE] =
        "INSERT INTO quarantine(id, retry_of, tap, peer, received, code, idx, detail, topic,"
        " headers, raw, raw_bytes) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    [STMT_DONE] = "INSERT OR REPLACE INTO quarantine_done(id, n) VALUES(?1, ?2)",
    [STMT_META] =
        "UPDATE meta SET last_n = ?1, closed = ?2, commits = ?3, first_received = ?4,"
        " last_received = ?5, first_time = ?6, last_time = ?7, totals = ?8, problems = ?9,"
        " checkpoint_n = ?10, next_quarantine = ?11 WHERE id = 1",
};

struct tw_part_writer {
    sqlite3 *db;
    sqlite3_stmt *stmts[STMT_COUNT];
    struct tw_index *index;
    struct tw_track_writer *track;
    struct tw_block_writer *blocks;
    struct tw_part_meta meta; /* as committed */
    int wal_frames;           /* after the last commit */
    /* of the batch under way */
    struct tw_buf data;
    struct tw_buf directory;
    struct tw_buf scratch;
    struct extent *extents;
    size_t extent_count;
    size_t extent_capacity;
};

/* ---- opening ---- */

static int on_wal(void *context, sqlite3 *db, const char *name, int frames)
{
    (void)db;
    (void)name;
    int *wal_frames = context;
    *wal_frames = frames;
    return SQLITE_OK;
}

/* Every record between the first and the last must be in some block, and the last block, which a
 * crash would have hit, must decode. Reads every leaf page of `block`: a zeroed one shows. */
static int check_blocks(struct tw_part_writer *self, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc =
        tw_db_prepare(self->db, "SELECT first_n, count FROM block ORDER BY first_n", &stmt, diag);
    uint64_t next = self->meta.first_n;
    while (rc == TW_OK) {
        rc = tw_db_row(stmt, diag);
        if (rc != TW_OK) {
            break;
        }
        uint64_t count = (uint64_t)sqlite3_column_int64(stmt, 1);
        if ((uint64_t)sqlite3_column_int64(stmt, 0) != next || count == 0 || count > UINT32_MAX) {
            break; /* rc is TW_OK: damage */
        }
        next += count;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc == TW_OK || (rc == TW_ENOTFOUND && next != self->meta.last_n + 1)) {
        return tw_diag_set(diag, TW_EDAMAGED,
                           "%s: damaged: records %llu to %llu are missing or out of place; "
                           "nothing was changed: restore a backup, or move the file aside and "
                           "salvage it with `sqlite3 FILE .recover`",
                           sqlite3_db_filename(self->db, "main"), (unsigned long long)next,
                           (unsigned long long)self->meta.last_n);
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int prepare_all(struct tw_part_writer *self, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < STMT_COUNT; i++) {
        rc = tw_db_prepare(self->db, statements[i], &self->stmts[i], diag);
    }
    rc = rc == TW_OK ? tw_index_new(self->db, &self->index, diag) : rc;
    rc = rc == TW_OK ? tw_track_writer_new(self->db, &self->track) : rc;
    return rc == TW_OK ? tw_block_writer_new(ZSTD_LEVEL, &self->blocks) : rc;
}

int tw_part_writer_open(const char *dir, uint32_t number, const uint8_t *store_id,
                        struct tw_part_writer **ret_part, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    struct tw_part_writer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    tw_buf_init(&self->data, DATA_MAX);
    tw_buf_init(&self->directory, DATA_MAX);
    tw_buf_init(&self->scratch, DATA_MAX);
    int rc = tw_part_path(dir, number, false, path);
    const struct tw_schema *schema = tw_part_schema();
    rc = rc == TW_OK ? tw_file_check(path, schema->app_id, schema->version, diag) : rc;
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_WRITE, WRITER_CACHE_KIB, &self->db, diag) : rc;
    rc = rc == TW_OK ? tw_schema_migrate(self->db, schema, diag) : rc;
    rc = rc == TW_OK ? tw_part_meta_read(self->db, &self->meta, diag) : rc;
    if (rc == TW_OK && (self->meta.number != number ||
                        memcmp(self->meta.store_id, store_id, TW_STORE_ID_BYTES) != 0)) {
        rc = tw_diag_set(diag, TW_EFOREIGN,
                         "%s: belongs to another store, or was renamed; nothing was changed: move "
                         "the file aside",
                         path);
    }
    if (rc == TW_OK) {
        (void)sqlite3_wal_hook(self->db, on_wal, &self->wal_frames); /* returns the old one */
        (void)sqlite3_db_config(self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        rc = prepare_all(self, diag);
    }
    rc = rc == TW_OK ? check_blocks(self, diag) : rc;
    if (rc != TW_OK) {
        tw_part_writer_close(&self);
        return rc;
    }
    *ret_part = self;
    return TW_OK;
}

void tw_part_writer_close(struct tw_part_writer **self_p)
{
    struct tw_part_writer *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    tw_index_destroy(&self->index);
    tw_track_writer_destroy(&self->track);
    tw_block_writer_destroy(&self->blocks);
    for (size_t i = 0; i < STMT_COUNT; i++) {
        (void)sqlite3_finalize(self->stmts[i]); /* repeats errors already seen */
    }
    tw_db_close(&self->db);
    tw_buf_fini(&self->data);
    tw_buf_fini(&self->directory);
    tw_buf_fini(&self->scratch);
    free(self->extents);
    free(self);
}

const struct tw_part_meta *tw_part_writer_meta(const struct tw_part_writer *self)
{
    return &self->meta;
}

sqlite3 *tw_part_writer_db(struct tw_part_writer *self)
{
    return self->db;
}

/* ---- before the transaction ---- */

/* The extent under construction gets one more block. */
static int finish_block(struct tw_part_writer *self)
{
    struct extent *extent = &self->extents[self->extent_count];
    size_t records = tw_block_records(self->blocks);
    size_t before = self->data.len;
    if (records == 0) {
        return TW_OK;
    }
    int rc = tw_block_finish(self->blocks, &self->data);
    if (rc != TW_OK) {
        return rc;
    }
    extent->count += records;
    extent->data_len = self->data.len - extent->data_at;
    (void)tw_buf_append_varint(&self->directory, records);
    (void)tw_buf_append_varint(&self->directory, self->data.len - before);
    extent->directory_len = self->directory.len - extent->directory_at;
    return self->directory.error;
}

static int begin_extent(struct tw_part_writer *self, uint64_t first_n)
{
    if (self->extent_count == self->extent_capacity) {
        size_t capacity = self->extent_capacity == 0 ? 16 : self->extent_capacity * 2;
        struct extent *bigger = realloc(self->extents, capacity * sizeof *bigger);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        self->extents = bigger;
        self->extent_capacity = capacity;
    }
    self->extents[self->extent_count] = (struct extent){
        .first_n = first_n,
        .data_at = self->data.len,
        .directory_at = self->directory.len,
    };
    return TW_OK;
}

/* Compress the records into extents. */
static int encode_blocks(struct tw_part_writer *self, const struct tw_batch *batch)
{
    self->extent_count = 0;
    tw_buf_clear(&self->data);
    tw_buf_clear(&self->directory);
    int rc = begin_extent(self, batch->first_n);
    for (size_t i = 0; rc == TW_OK && i < batch->record_count; i++) {
        const struct tw_record *record = &batch->records[i];
        TW_ASSERT(record->n == batch->first_n + i);
        rc = tw_block_add(self->blocks, record);
        if (rc == TW_OK && tw_block_bytes(self->blocks) >= TW_BLOCK_BYTES) {
            rc = finish_block(self);
        }
        if (rc == TW_OK && self->extents[self->extent_count].data_len >= TW_EXTENT_BYTES) {
            self->extent_count++;
            rc = begin_extent(self, record->n + 1);
        }
    }
    rc = rc == TW_OK ? finish_block(self) : rc;
    if (rc == TW_OK && self->extents[self->extent_count].count > 0) {
        self->extent_count++;
    }
    return rc;
}

static void widen(struct tw_part_meta *meta, const struct tw_record *record)
{
    if (!meta->has_times) {
        meta->has_times = true;
        meta->first_received = meta->last_received = record->received;
        meta->first_time = meta->last_time = record->time;
    }
    meta->first_received.ns = record->received.ns < meta->first_received.ns
                                  ? record->received.ns
                                  : meta->first_received.ns;
    meta->last_received.ns =
        record->received.ns > meta->last_received.ns ? record->received.ns : meta->last_received.ns;
    meta->first_time.ns =
        record->time.ns < meta->first_time.ns ? record->time.ns : meta->first_time.ns;
    meta->last_time.ns =
        record->time.ns > meta->last_time.ns ? record->time.ns : meta->last_time.ns;
}

/* The head as it will be after the batch. */
static struct tw_part_meta next_meta(const struct tw_part_writer *self,
                                     const struct tw_batch *batch)
{
    struct tw_part_meta meta = self->meta;
    meta.last_n += batch->record_count;
    meta.closed = batch->closed;
    meta.commits++;
    for (size_t i = 0; i < batch->record_count; i++) {
        widen(&meta, &batch->records[i]);
    }
    meta.totals = batch->totals;
    memcpy(meta.problems, batch->problems, sizeof meta.problems);
    if (batch->is_checkpoint || batch->starts_partition) {
        meta.checkpoint_n = meta.last_n;
    }
    meta.next_quarantine += batch->quarantined_count;
    return meta;
}

/* ---- inside the transaction ---- */

static int write_blocks(struct tw_part_writer *self, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < self->extent_count; i++) {
        const struct extent *extent = &self->extents[i];
        sqlite3_stmt *stmt = self->stmts[STMT_BLOCK];
        tw_db_bind_int(stmt, 1, (int64_t)extent->first_n);
        tw_db_bind_int(stmt, 2, (int64_t)extent->count);
        tw_db_bind_bytes(
            stmt, 3,
            (struct tw_str){self->directory.data + extent->directory_at, extent->directory_len});
        tw_db_bind_bytes(stmt, 4,
                         (struct tw_str){self->data.data + extent->data_at, extent->data_len});
        rc = tw_db_run(stmt, diag);
    }
    return rc;
}

static void put_le(char *to, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        to[i] = (char)(value >> (8 * i));
    }
}

static int write_idents(struct tw_part_writer *self, const struct tw_batch *batch,
                        const struct tw_part_meta *meta, struct tw_diag *diag)
{
    if (batch->ident_count == 0) {
        return TW_OK;
    }
    tw_buf_clear(&self->scratch);
    char *to = tw_buf_reserve(&self->scratch, batch->ident_count * IDENT_BYTES);
    if (to == NULL) {
        return self->scratch.error;
    }
    for (size_t i = 0; i < batch->ident_count; i++, to += IDENT_BYTES) {
        const struct tw_ident *ident = &batch->idents[i];
        TW_ASSERT(ident->n >= meta->first_n && ident->n - meta->first_n <= UINT32_MAX);
        put_le(to, ident->key, 8);
        put_le(to + 8, ident->check, 4);
        put_le(to + 12, ident->n - meta->first_n, 4);
    }
    sqlite3_stmt *stmt = self->stmts[STMT_IDENT];
    tw_db_bind_int(stmt, 1, (int64_t)meta->commits);
    tw_db_bind_bytes(stmt, 2,
                     (struct tw_str){self->scratch.data, batch->ident_count * IDENT_BYTES});
    return tw_db_run(stmt, diag);
}

static int write_echoes(struct tw_part_writer *self, const struct tw_batch *batch,
                        struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < batch->record_count; i++) {
        const struct tw_record *record = &batch->records[i];
        if (record->kind != TW_RECORD_EVENT) {
            sqlite3_stmt *stmt = self->stmts[STMT_ECHO];
            tw_db_bind_int(stmt, 1, (int64_t)record->of);
            tw_db_bind_int(stmt, 2, (int64_t)record->n);
            tw_db_bind_int(stmt, 3, (int64_t)record->kind);
            rc = tw_db_run(stmt, diag);
        }
        if (rc == TW_OK && record->effect_of != 0) {
            sqlite3_stmt *stmt = self->stmts[STMT_EFFECT];
            tw_db_bind_int(stmt, 1, (int64_t)record->effect_of);
            tw_db_bind_int(stmt, 2, (int64_t)record->n);
            rc = tw_db_run(stmt, diag);
        }
    }
    return rc;
}

static int write_sources(struct tw_part_writer *self, const struct tw_batch *batch,
                         struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < batch->new_source_count; i++) {
        sqlite3_stmt *stmt = self->stmts[STMT_SOURCE_NEW];
        tw_db_bind_int(stmt, 1, batch->new_sources[i].number);
        tw_db_bind_bytes(stmt, 2, batch->new_sources[i].name);
        rc = tw_db_run(stmt, diag);
    }
    for (size_t i = 0; rc == TW_OK && i < batch->source_count; i++) {
        const struct tw_source_state *source = &batch->sources[i];
        sqlite3_stmt *stmt = self->stmts[STMT_SOURCE_STATE];
        tw_buf_clear(&self->scratch);
        rc = tw_source_encode(source, &self->scratch);
        if (rc == TW_OK) {
            tw_db_bind_int(stmt, 1, source->number);
            tw_db_bind_bytes(stmt, 2, source->name);
            tw_db_bind_bytes(stmt, 3, (struct tw_str){self->scratch.data, self->scratch.len});
            rc = tw_db_run(stmt, diag);
        }
    }
    return rc;
}

static int write_taps(struct tw_part_writer *self, const struct tw_batch *batch,
                      struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < batch->tap_count; i++) {
        const struct tw_tap_state *tap = &batch->taps[i];
        const uint64_t values[] = {tap->tap,
                                   tap->messages,
                                   tap->bytes,
                                   tap->events,
                                   tap->quarantined,
                                   tap->acks,
                                   (uint64_t)tap->last_received.ns};
        for (int k = 0; k < 7; k++) {
            tw_db_bind_int(self->stmts[STMT_TAP], k + 1, (int64_t)values[k]);
        }
        rc = tw_db_run(self->stmts[STMT_TAP], diag);
    }
    return rc;
}

static int write_quarantine(struct tw_part_writer *self, const struct tw_batch *batch,
                            struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < batch->quarantined_count; i++) {
        const struct tw_quarantined *entry = &batch->quarantined[i];
        sqlite3_stmt *stmt = self->stmts[STMT_QUARANTINE];
        uint64_t id = (uint64_t)self->meta.number << TW_QUARANTINE_SHIFT;
        tw_db_bind_int(stmt, 1, (int64_t)(id | (self->meta.next_quarantine + i)));
        tw_db_bind_int(stmt, 2, (int64_t)entry->retry_of);
        tw_db_bind_int(stmt, 3, entry->tap);
        tw_db_bind_bytes(stmt, 4, entry->peer);
        tw_db_bind_int(stmt, 5, entry->received.ns);
        tw_db_bind_int(stmt, 6, (int64_t)entry->code);
        tw_db_bind_int(stmt, 7, entry->index);
        tw_db_bind_bytes(stmt, 8, entry->detail);
        tw_db_bind_bytes(stmt, 9, entry->topic);
        tw_db_bind_bytes(stmt, 10, entry->headers);
        tw_db_bind_bytes(stmt, 11, entry->raw);
        tw_db_bind_int(stmt, 12, (int64_t)entry->raw_bytes);
        rc = tw_db_run(stmt, diag);
    }
    for (size_t i = 0; rc == TW_OK && i < batch->done_count; i++) {
        tw_db_bind_int(self->stmts[STMT_DONE], 1, (int64_t)batch->done[i].id);
        tw_db_bind_int(self->stmts[STMT_DONE], 2, (int64_t)batch->done[i].n);
        rc = tw_db_run(self->stmts[STMT_DONE], diag);
    }
    return rc;
}

static int write_meta(struct tw_part_writer *self, const struct tw_part_meta *meta,
                      struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_META];
    uint8_t totals[TW_TOTAL_COUNT * 8];
    uint8_t problems[TW_PROBLEM_COUNT * 8];
    tw_counters_encode(meta->totals.v, TW_TOTAL_COUNT, totals);
    tw_counters_encode(meta->problems, TW_PROBLEM_COUNT, problems);
    tw_db_bind_int(stmt, 1, (int64_t)meta->last_n);
    tw_db_bind_int(stmt, 2, meta->closed.ns);
    tw_db_bind_int(stmt, 3, (int64_t)meta->commits);
    if (meta->has_times) {
        tw_db_bind_int(stmt, 4, meta->first_received.ns);
        tw_db_bind_int(stmt, 5, meta->last_received.ns);
        tw_db_bind_int(stmt, 6, meta->first_time.ns);
        tw_db_bind_int(stmt, 7, meta->last_time.ns);
    }
    tw_db_bind_bytes(stmt, 8, (struct tw_str){(char *)totals, sizeof totals});
    tw_db_bind_bytes(stmt, 9, (struct tw_str){(char *)problems, sizeof problems});
    tw_db_bind_int(stmt, 10, (int64_t)meta->checkpoint_n);
    tw_db_bind_int(stmt, 11, (int64_t)meta->next_quarantine);
    return tw_db_run(stmt, diag);
}

static int write_all(struct tw_part_writer *self, const struct tw_batch *batch,
                     const struct tw_part_meta *meta, struct tw_diag *diag)
{
    int rc = write_blocks(self, diag);
    rc = rc == TW_OK ? write_idents(self, batch, meta, diag) : rc;
    rc = rc == TW_OK ? write_echoes(self, batch, diag) : rc;
    rc = rc == TW_OK ? write_sources(self, batch, diag) : rc;
    rc = rc == TW_OK ? write_taps(self, batch, diag) : rc;
    rc = rc == TW_OK ? write_quarantine(self, batch, diag) : rc;
    rc = rc == TW_OK ? tw_track_write(self->track, batch->track, meta->commits, meta->last_n, diag)
                     : rc;
    rc = rc == TW_OK ? write_meta(self, meta, diag) : rc;
    rc = rc == TW_OK ? tw_index_write(self->index, diag) : rc;
    return rc == TW_OK ? tw_db_run(self->stmts[STMT_COMMIT], diag) : rc;
}

/* Back to what is committed. A failure here is final, whatever the first one was. */
static int roll_back(struct tw_part_writer *self, int why, struct tw_diag *diag)
{
    struct tw_diag unused;
    int rc = TW_OK;
    if (sqlite3_get_autocommit(self->db) == 0) {
        rc = tw_db_run(self->stmts[STMT_ROLLBACK], &unused);
    }
    rc = rc == TW_OK ? tw_index_load(self->index, &unused) : rc;
    if (rc != TW_OK && rc != TW_ENOMEM && (why == TW_ENOSPACE || why == TW_EBUSY)) {
        return tw_diag_set(diag, TW_EIO, "%s: cannot roll back: %s",
                           sqlite3_db_filename(self->db, "main"), unused.text);
    }
    return why;
}

/* Move the journal into the file if it has grown to its bound. */
static int checkpoint(struct tw_part_writer *self, struct tw_diag *diag)
{
    if (self->wal_frames < CHECKPOINT_FRAMES) {
        return TW_OK;
    }
    int rc = sqlite3_wal_checkpoint_v2(self->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    if (rc == SQLITE_OK || rc == SQLITE_BUSY) {
        return TW_OK; /* what readers still need stays in the journal */
    }
    int code = tw_db_error(self->db, rc, diag);
    /* the journal still has everything, it is tried again with the next commit */
    return code == TW_ENOSPACE ? TW_OK : code;
}

int tw_part_writer_commit(struct tw_part_writer *self, const struct tw_batch *batch,
                          struct tw_diag *diag)
{
    TW_ASSERT(batch->first_n == self->meta.last_n + 1);
    struct tw_part_meta meta = next_meta(self, batch);
    int rc = encode_blocks(self, batch);
    rc = rc == TW_OK ? tw_index_build(self->index, batch) : rc;
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "a batch cannot be packed: %s", tw_err_text(rc));
    }
    rc = tw_db_run(self->stmts[STMT_BEGIN], diag);
    rc = rc == TW_OK ? write_all(self, batch, &meta, diag) : rc;
    if (rc != TW_OK) {
        return roll_back(self, rc, diag);
    }
    self->meta = meta;
    return checkpoint(self, diag);
}

void tw_part_writer_finish(struct tw_part_writer *self)
{
    int rc = sqlite3_wal_checkpoint_v2(self->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_db_config(self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    }
}
