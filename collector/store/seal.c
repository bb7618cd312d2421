/* SPDX-License-Identifier: Apache-2.0
 * A sealed file is written whole under another name, synced, renamed: a crash leaves either the
 * old state or the new one, and a reader who has the old file open goes on reading it.
 */
#include "config.h"
#include "store/seal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/migrate.h"
#include "store/track_write.h"

#define SEAL_CACHE_KIB (8 * 1024)
#define MERGE_CHUNK    50000 /* entries between two questions whether to stop */
#define SEALED_LEVEL   99
#define RUNS_MAX       (TW_INDEX_FAN_IN * 64)
#define BUF_MAX        (1u << 30)
#define ZSTD_LEVEL     1
/* Rows smaller than this on average (a quiet time, or an estate that sends little) are packed
 * anew into full blocks. */
#define REPACK_BELOW (TW_EXTENT_BYTES / 4)

struct seal {
    const struct tw_seal_plan *plan;
    sqlite3 *from;
    sqlite3 *to;
    struct tw_part_meta meta;
    bool from_sealed;
};

static bool must_stop(const struct seal *self)
{
    return self->plan->is_stopping != NULL && self->plan->is_stopping(self->plan->context);
}

/* ---- tables as they are ---- */

static int copy_table(struct seal *self, const char *select, const char *insert,
                      struct tw_diag *diag)
{
    sqlite3_stmt *from = NULL;
    sqlite3_stmt *to = NULL;
    int rc = tw_db_prepare(self->from, select, &from, diag);
    rc = rc == TW_OK ? tw_db_prepare(self->to, insert, &to, diag) : rc;
    int columns = rc == TW_OK ? sqlite3_column_count(from) : 0;
    while (rc == TW_OK) {
        rc = must_stop(self) ? TW_ECLOSED : tw_db_row(from, diag);
        for (int i = 0; rc == TW_OK && i < columns; i++) {
            int bound = sqlite3_bind_value(to, i + 1, sqlite3_column_value(from, i));
            rc = bound == SQLITE_OK ? TW_OK : tw_db_error(self->to, bound, diag);
        }
        rc = rc == TW_OK ? tw_db_run(to, diag) : rc;
    }
    (void)sqlite3_finalize(from); /* both repeat the error of the step */
    (void)sqlite3_finalize(to);
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

#define QUARANTINE_INSERT \
    "INSERT INTO quarantine VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)"

/* A table of tracking, as it is where `when` gives a row: files that were sealed by older versions
 * have fewer. */
struct tracked_table {
    const char *when;
    bool is_series;
    const char *select;
    const char *insert;
};

#define HAS_TRACKING "SELECT 1 FROM sqlite_schema WHERE name = 'tracked_run'"
#define HAS_TROUBLES "SELECT 1 FROM pragma_table_info('tracked_run') WHERE name = 'troubles'"
#define TRACKED_RUN_INSERT                                                                     \
    "INSERT INTO tracked_run(" TW_TRACKED_RUN_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7,"   \
    " ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25," \
    " ?26, ?27)"

static const struct tracked_table tracked_tables[] = {
    {HAS_TROUBLES, false, "SELECT " TW_TRACKED_RUN_COLUMNS " FROM tracked_run", TRACKED_RUN_INSERT},
    {HAS_TRACKING " AND NOT EXISTS(" HAS_TROUBLES ")", false,
     "SELECT " TW_TRACKED_RUN_COLUMNS_2 ", NULL FROM tracked_run", TRACKED_RUN_INSERT},
    {"SELECT 1 FROM sqlite_schema WHERE name = 'setback'", false,
     "SELECT workflow, object_type, object_scope, object_id, changed, steps FROM setback",
     "INSERT INTO setback(workflow, object_type, object_scope, object_id, changed, steps)"
     " VALUES(?1, ?2, ?3, ?4, ?5, ?6)"},
    {HAS_TRACKING, false, "SELECT objective, hour, cause, system, store, bad FROM spend",
     "INSERT INTO spend(objective, hour, cause, system, store, bad)"
     " VALUES(?1, ?2, ?3, ?4, ?5, ?6)"},
    {HAS_TRACKING, false, "SELECT minute, objective, good, bad FROM decision",
     "INSERT INTO decision(minute, objective, good, bad) VALUES(?1, ?2, ?3, ?4)"},
    {HAS_TRACKING, false, "SELECT id, n, now, read_up_to FROM tick",
     "INSERT INTO tick(id, n, now, read_up_to) VALUES(?1, ?2, ?3, ?4)"},
    {HAS_TRACKING, true, "SELECT id FROM archived", "INSERT INTO archived(id) VALUES(?1)"},
    {HAS_TRACKING, true, "SELECT id, metric, labels, kind, divisor FROM series_name",
     "INSERT INTO series_name(id, metric, labels, kind, divisor) VALUES(?1, ?2, ?3, ?4, ?5)"},
    {HAS_TRACKING, true, "SELECT minute, series, slot, value FROM series_point",
     "INSERT INTO series_point(minute, series, slot, value) VALUES(?1, ?2, ?3, ?4)"},
    {HAS_TRACKING, true, "SELECT minute, series, data FROM series_sketch",
     "INSERT INTO series_sketch(minute, series, data) VALUES(?1, ?2, ?3)"},
};

static int is_so(sqlite3 *db, const char *sql, bool *ret_is_so, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, sql, &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    *ret_is_so = rc == TW_OK;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* What tracking keeps, but live documents, which the next partition has. Series that are in the
 * archive stay out, and the file says so. */
static int copy_tracking(struct seal *self, struct tw_diag *diag)
{
    bool has_tracking = false;
    bool is_archived = self->plan->series_are_archived;
    int rc = is_so(self->from, HAS_TRACKING, &has_tracking, diag);
    for (size_t i = 0; rc == TW_OK && i < sizeof tracked_tables / sizeof tracked_tables[0]; i++) {
        const struct tracked_table *table = &tracked_tables[i];
        bool is_wanted = false;
        rc = is_so(self->from, table->when, &is_wanted, diag);
        if (rc == TW_OK && is_wanted && !(table->is_series && is_archived)) {
            rc = copy_table(self, table->select, table->insert, diag);
        }
    }
    if (rc == TW_OK && has_tracking && is_archived) {
        rc = tw_db_exec(self->to, "INSERT INTO archived(id) VALUES(1)", diag);
    }
    return rc;
}

static int copy_small(struct seal *self, struct tw_diag *diag)
{
    static const char *const tables[][2] = {
        {"SELECT * FROM echo", "INSERT INTO echo VALUES(?1, ?2, ?3)"},
        {"SELECT * FROM effect", "INSERT INTO effect VALUES(?1, ?2)"},
        {"SELECT * FROM source", "INSERT INTO source VALUES(?1, ?2, ?3)"},
        {"SELECT * FROM tap_state", "INSERT INTO tap_state VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"},
        {"SELECT * FROM quarantine_done", "INSERT INTO quarantine_done VALUES(?1, ?2)"},
    };
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < sizeof tables / sizeof tables[0]; i++) {
        rc = copy_table(self, tables[i][0], tables[i][1], diag);
    }
    if (rc != TW_OK) {
        return rc;
    }
    rc = copy_tracking(self, diag);
    if (rc != TW_OK) {
        return rc;
    }
    return copy_table(self,
                      self->plan->strip_quarantine || self->meta.quarantine_expired
                          ? "SELECT id, retry_of, tap, peer, received, code, idx, detail, topic,"
                            " headers, NULL, raw_bytes FROM quarantine"
                          : "SELECT * FROM quarantine",
                      QUARANTINE_INSERT, diag);
}

/* ---- blocks ---- */

struct packer {
    struct tw_block_reader *reader;
    struct tw_block_writer *writer;
    sqlite3_stmt *insert;
    struct tw_buf data;
    struct tw_buf directory;
    struct tw_buf json;
    uint64_t first_n; /* of the row under construction */
    uint64_t count;
};

static int packer_flush_row(struct packer *self, struct tw_diag *diag)
{
    if (self->count == 0) {
        return TW_OK;
    }
    tw_db_bind_int(self->insert, 1, (int64_t)self->first_n);
    tw_db_bind_int(self->insert, 2, (int64_t)self->count);
    tw_db_bind_bytes(self->insert, 3, (struct tw_str){self->directory.data, self->directory.len});
    tw_db_bind_bytes(self->insert, 4, (struct tw_str){self->data.data, self->data.len});
    int rc = tw_db_run(self->insert, diag);
    self->first_n += self->count;
    self->count = 0;
    tw_buf_clear(&self->data);
    tw_buf_clear(&self->directory);
    return rc;
}

static int packer_flush_block(struct packer *self)
{
    size_t records = tw_block_records(self->writer);
    size_t before = self->data.len;
    if (records == 0) {
        return TW_OK;
    }
    int rc = tw_block_finish(self->writer, &self->data);
    if (rc != TW_OK) {
        return rc;
    }
    self->count += records;
    (void)tw_buf_append_varint(&self->directory, records);
    return tw_buf_append_varint(&self->directory, self->data.len - before);
}

static int packer_add(struct packer *self, struct tw_record *record, bool strip,
                      struct tw_diag *diag)
{
    if (strip && record->json.ptr != NULL) {
        tw_buf_clear(&self->json);
        int rc = tw_payload_strip(record->json, &self->json);
        if (rc != TW_OK) {
            return rc;
        }
        record->json = (struct tw_str){self->json.data, self->json.len};
    }
    int rc = tw_block_add(self->writer, record);
    if (rc == TW_OK && tw_block_bytes(self->writer) >= TW_BLOCK_BYTES) {
        rc = packer_flush_block(self);
    }
    return rc == TW_OK && self->data.len >= TW_EXTENT_BYTES ? packer_flush_row(self, diag) : rc;
}

static int repack_row(struct packer *self, uint64_t first_n, struct tw_str directory,
                      struct tw_str data, bool strip, struct tw_diag *diag)
{
    struct tw_cursor cursor = tw_cursor_of(directory.ptr, directory.len);
    struct tw_extent_block block = {.first_n = first_n};
    int rc = tw_extent_next(&cursor, &block);
    while (rc == TW_OK) {
        if (block.offset > data.len || block.bytes > data.len - block.offset) {
            return TW_EDAMAGED;
        }
        rc = tw_block_open(self->reader, block.first_n, data.ptr + block.offset, block.bytes);
        struct tw_record record;
        for (uint64_t i = 0; rc == TW_OK && i < block.count; i++) {
            rc = tw_block_next(self->reader, &record);
            rc = rc == TW_ENOTFOUND ? TW_EDAMAGED : rc;
            rc = rc == TW_OK ? packer_add(self, &record, strip, diag) : rc;
        }
        rc = rc == TW_OK ? tw_extent_next(&cursor, &block) : rc;
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int repack_rows(struct seal *self, struct packer *packer, sqlite3_stmt *select,
                       struct tw_diag *diag)
{
    int rc = TW_OK;
    packer->first_n = self->meta.first_n;
    while (rc == TW_OK) {
        rc = must_stop(self) ? TW_ECLOSED : tw_db_row(select, diag);
        if (rc == TW_OK) {
            uint64_t first_n = (uint64_t)sqlite3_column_int64(select, 0);
            rc = repack_row(packer, first_n, tw_db_column_bytes(select, 2),
                            tw_db_column_bytes(select, 3), self->plan->strip_payload, diag);
        }
        if (rc == TW_EDAMAGED) {
            rc = tw_diag_set(diag, rc, "%s: damaged: a block behind record %llu; it stays as it is",
                             sqlite3_db_filename(self->from, "main"),
                             (unsigned long long)packer->first_n);
        }
    }
    if (rc != TW_ENOTFOUND) {
        return rc;
    }
    rc = packer_flush_block(packer);
    return rc == TW_OK ? packer_flush_row(packer, diag) : rc;
}

#define BLOCK_SELECT "SELECT first_n, count, directory, data FROM block ORDER BY first_n"
#define BLOCK_INSERT "INSERT INTO block(first_n, count, directory, data) VALUES(?1, ?2, ?3, ?4)"

static int repack_blocks(struct seal *self, struct tw_diag *diag)
{
    struct packer packer = {0};
    sqlite3_stmt *select = NULL;
    tw_buf_init(&packer.data, BUF_MAX);
    tw_buf_init(&packer.directory, BUF_MAX);
    tw_buf_init(&packer.json, BUF_MAX);
    int rc = tw_block_reader_new(&packer.reader);
    rc = rc == TW_OK ? tw_block_writer_new(ZSTD_LEVEL, &packer.writer) : rc;
    rc = rc == TW_OK ? tw_db_prepare(self->from, BLOCK_SELECT, &select, diag) : rc;
    rc = rc == TW_OK ? tw_db_prepare(self->to, BLOCK_INSERT, &packer.insert, diag) : rc;
    rc = rc == TW_OK ? repack_rows(self, &packer, select, diag) : rc;
    (void)sqlite3_finalize(select); /* both repeat the error of the step */
    (void)sqlite3_finalize(packer.insert);
    tw_block_reader_destroy(&packer.reader);
    tw_block_writer_destroy(&packer.writer);
    tw_buf_fini(&packer.data);
    tw_buf_fini(&packer.directory);
    tw_buf_fini(&packer.json);
    return rc;
}

static int copy_blocks(struct seal *self, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(self->from, "SELECT count(*), coalesce(sum(length(data)), 0) FROM block",
                           &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    bool is_small = false;
    if (rc == TW_OK) {
        is_small = sqlite3_column_int64(stmt, 1) / REPACK_BELOW < sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc != TW_OK) {
        return rc;
    }
    if (self->plan->strip_payload || (is_small && !self->from_sealed)) {
        return repack_blocks(self, diag);
    }
    return copy_table(self, BLOCK_SELECT, BLOCK_INSERT, diag);
}

/* ---- index ---- */

struct hashes {
    uint64_t *items;
    size_t count;
    size_t capacity;
};

static int add_hash(void *context, struct tw_str key)
{
    struct hashes *self = context;
    if (self->count == self->capacity) {
        size_t grown = self->capacity == 0 ? 4096 : self->capacity * 2;
        uint64_t *bigger = realloc(self->items, grown * sizeof *bigger);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        self->items = bigger;
        self->capacity = grown;
    }
    self->items[self->count++] = tw_object_hash(key.ptr, key.len);
    return TW_OK;
}

/* The runs that can be read, oldest first: what was merged more often is older. */
static int list_runs(sqlite3 *from, int64_t *runs, size_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    size_t count = 0;
    int rc = tw_db_prepare(from, "SELECT id FROM run WHERE state = 1 ORDER BY level DESC, id",
                           &stmt, diag);
    while (rc == TW_OK) {
        rc = tw_db_row(stmt, diag);
        if (rc == TW_OK && count == RUNS_MAX) {
            rc = tw_diag_set(diag, TW_ELIMIT, "more than %d index runs", RUNS_MAX);
        } else if (rc == TW_OK) {
            runs[count++] = sqlite3_column_int64(stmt, 0);
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    *ret_count = count;
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int merge_all(struct seal *self, struct tw_merge *merge, struct tw_run_writer *writer,
                     struct hashes *hashes, struct tw_diag *diag)
{
    int rc = TW_OK;
    while (rc == TW_OK) {
        rc = must_stop(self) ? TW_ECLOSED
                             : tw_merge_step(merge, MERGE_CHUNK, add_hash, hashes, diag);
    }
    rc = rc == TW_ENOTFOUND ? tw_run_writer_end(writer, diag) : rc;
    if (rc == TW_OK && writer->entries > 0) {
        char sql[128];
        (void)snprintf(sql, sizeof sql, "INSERT INTO run VALUES(1, %d, %d, %llu)", SEALED_LEVEL,
                       TW_RUN_READY, (unsigned long long)writer->entries);
        rc = tw_db_exec(self->to, sql, diag);
    }
    return rc;
}

static int seal_index(struct seal *self, struct tw_diag *diag)
{
    int64_t runs[RUNS_MAX];
    size_t count = 0;
    sqlite3_stmt *select = NULL;
    sqlite3_stmt *insert = NULL;
    struct tw_run_writer writer;
    struct tw_merge *merge = NULL;
    struct hashes hashes = {0};
    tw_run_writer_init(&writer, NULL);
    int rc = list_runs(self->from, runs, &count, diag);
    rc = rc == TW_OK ? tw_db_prepare(self->from, TW_SQL_PAGE_SELECT, &select, diag) : rc;
    rc = rc == TW_OK ? tw_db_prepare(self->to, TW_SQL_PAGE_INSERT, &insert, diag) : rc;
    if (rc == TW_OK) {
        writer.insert = insert;
        tw_run_writer_begin(&writer, 1);
        rc = tw_merge_new(runs, count, select, &writer, &merge);
    }
    rc = rc == TW_OK ? merge_all(self, merge, &writer, &hashes, diag) : rc;
    rc = rc == TW_OK ? tw_seal_filter(self->to, TW_FILTER_OBJECT, hashes.items, hashes.count,
                                      &self->meta.object_lines, diag)
                     : rc;
    tw_merge_destroy(&merge);
    tw_run_writer_fini(&writer);
    (void)sqlite3_finalize(select); /* both repeat the error of the step */
    (void)sqlite3_finalize(insert);
    free(hashes.items);
    return rc;
}

/* ---- the whole ---- */

static int copy_sealed(struct seal *self, struct tw_diag *diag)
{
    static const char *const tables[][2] = {
        {"SELECT * FROM run", "INSERT INTO run VALUES(?1, ?2, ?3, ?4)"},
        {"SELECT run, first, data FROM page", TW_SQL_PAGE_INSERT},
        {"SELECT * FROM ident_page", "INSERT INTO ident_page VALUES(?1, ?2)"},
        {"SELECT * FROM filter", "INSERT INTO filter VALUES(?1, ?2)"},
    };
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < sizeof tables / sizeof tables[0]; i++) {
        rc = copy_table(self, tables[i][0], tables[i][1], diag);
    }
    return rc;
}

static int fill(struct seal *self, struct tw_diag *diag)
{
    int rc = tw_schema_make(self->to, tw_part_schema(), diag);
    rc = rc == TW_OK ? copy_blocks(self, diag) : rc;
    if (rc == TW_OK && self->from_sealed) {
        rc = copy_sealed(self, diag);
    } else if (rc == TW_OK) {
        rc = seal_index(self, diag);
        rc = rc == TW_OK ? tw_seal_idents(self->from, self->to, &self->meta, diag) : rc;
    }
    rc = rc == TW_OK ? copy_small(self, diag) : rc;
    self->meta.is_sealed = true;
    self->meta.payload_expired |= self->plan->strip_payload;
    self->meta.quarantine_expired |= self->plan->strip_quarantine;
    rc = rc == TW_OK ? tw_part_meta_write(self->to, &self->meta, diag) : rc;
    return rc == TW_OK ? tw_db_exec(self->to, "COMMIT", diag) : rc;
}

/* A reader that has opened the file but not yet the journal must find everything in the file. */
static void empty_journal(const char *path)
{
    sqlite3 *db = NULL;
    if (tw_db_open(path, TW_DB_WRITE, SEAL_CACHE_KIB, &db, NULL) == TW_OK) {
        (void)sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    tw_db_close(&db);
}

int tw_seal_remove_source(const char *dir, uint32_t number, struct tw_diag *diag)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    char path[TW_PATH_MAX];
    char name[TW_PATH_MAX + 8];
    int rc = tw_part_path(dir, number, false, path);
    if (rc != TW_OK) {
        return rc;
    }
    if (access(path, F_OK) == 0) {
        empty_journal(path);
    }
    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "%s%s", path, suffixes[i]);
        if (unlink(name) != 0 && errno != ENOENT) {
            return tw_system_error(diag, name, "remove");
        }
    }
    return tw_dir_sync(dir, diag);
}

static int seal_to(struct seal *self, const char *draft, const char *final, struct tw_diag *diag)
{
    (void)unlink(draft); /* of a run that was cut off */
    int rc = tw_db_open(draft, TW_DB_CREATE, SEAL_CACHE_KIB, &self->to, diag);
    /* one read transaction over all tables */
    rc = rc == TW_OK ? tw_db_exec(self->from, "BEGIN", diag) : rc;
    rc = rc == TW_OK ? tw_part_meta_read(self->from, &self->meta, diag) : rc;
    rc = rc == TW_OK ? fill(self, diag) : rc;
    tw_db_close(&self->to);
    rc = rc == TW_OK ? tw_file_sync(draft, diag) : rc;
    if (rc == TW_OK && rename(draft, final) != 0) {
        rc = tw_system_error(diag, final, "rename to");
    }
    if (rc != TW_OK) {
        (void)unlink(draft); /* unfinished work of ours */
    }
    return rc;
}

int tw_seal(const struct tw_seal_plan *plan, struct tw_diag *diag)
{
    char source[TW_PATH_MAX];
    char final[TW_PATH_MAX];
    char draft[TW_PATH_MAX + 8];
    struct seal self = {.plan = plan, .from_sealed = plan->part.is_sealed};
    int rc = tw_part_path(plan->dir, plan->part.number, plan->part.is_sealed, source);
    rc = rc == TW_OK ? tw_part_path(plan->dir, plan->part.number, true, final) : rc;
    (void)snprintf(draft, sizeof draft, "%s.tmp", final);
    rc = rc == TW_OK ? tw_db_open(source, self.from_sealed ? TW_DB_IMMUTABLE : TW_DB_READ,
                                  SEAL_CACHE_KIB, &self.from, diag)
                     : rc;
    rc = rc == TW_OK ? seal_to(&self, draft, final, diag) : rc;
    tw_db_close(&self.from);
    rc = rc == TW_OK ? tw_dir_sync(plan->dir, diag) : rc;
    return rc == TW_OK && !self.from_sealed
               ? tw_seal_remove_source(plan->dir, plan->part.number, diag)
               : rc;
}

int tw_seal_read_filter(const char *dir, uint32_t number, struct tw_part_meta *ret_meta,
                        uint8_t **ret_filter, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    uint8_t *filter = NULL;
    size_t at = 0;
    int rc = tw_part_path(dir, number, true, path);
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_IMMUTABLE, SEAL_CACHE_KIB, &db, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        return rc;
    }
    rc = rc == TW_OK ? tw_part_meta_read(db, ret_meta, diag) : rc;
    size_t size = rc == TW_OK ? (size_t)ret_meta->ident_lines * TW_FILTER_LINE : 0;
    if (rc == TW_OK) {
        filter = aligned_alloc(TW_FILTER_LINE, size == 0 ? TW_FILTER_LINE : size);
        rc = filter == NULL ? TW_ENOMEM : TW_OK;
    }
    rc = rc == TW_OK ? tw_db_prepare(db,
                                     "SELECT data FROM filter WHERE id >= ?1 AND id < ?2"
                                     " ORDER BY id",
                                     &stmt, diag)
                     : rc;
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)TW_FILTER_IDENT << TW_FILTER_SHIFT);
        tw_db_bind_int(stmt, 2, (int64_t)(TW_FILTER_IDENT + 1) << TW_FILTER_SHIFT);
    }
    while (rc == TW_OK) {
        rc = tw_db_row(stmt, diag);
        struct tw_str row = rc == TW_OK ? tw_db_column_bytes(stmt, 0) : TW_STR_NULL;
        if (rc == TW_OK && row.len > size - at) {
            rc = TW_EDAMAGED;
        } else if (rc == TW_OK) {
            memcpy(filter + at, row.ptr, row.len);
            at += row.len;
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    tw_db_close(&db);
    if (rc != TW_ENOTFOUND || at != size) {
        free(filter);
        return rc != TW_ENOTFOUND && rc != TW_EDAMAGED
                   ? rc
                   : tw_diag_set(diag, TW_EDAMAGED,
                                 "%s: damaged: its identity filter; restore the file from a backup",
                                 path);
    }
    *ret_filter = filter;
    return TW_OK;
}
