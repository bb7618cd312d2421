/* SPDX-License-Identifier: Apache-2.0
 * A partition is read once, series by series, each in order of time; of each step the chunk under
 * way is in memory, read before and written after. Everything is one transaction.
 */
#include "config.h"
#include "store/archive.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "core/log.h"
#include "store/chunk.h"
#include "store/migrate.h"
#include "store/track_write.h"

#define ARCHIVE_CACHE_KIB (8 * 1024)
#define PART_CACHE_KIB    (4 * 1024)
#define CHUNK_BYTES_MAX   (16u * 1024u) /* 360 times 10 + 10 + 2 bytes, rounded up */
#define STOP_EVERY        4096          /* rows between two questions whether to stop */
#define SKETCH_KEEP_S     (35 * INT64_C(86400))
#define DECISION_KEEP_S   (35 * INT64_C(86400))
#define SPEND_KEEP_S      (400 * INT64_C(86400))

enum statement {
    STMT_NAME,
    STMT_CHUNK_GET,
    STMT_CHUNK_PUT,
    STMT_SKETCH,
    STMT_SPEND,
    STMT_DECISION,
    STMT_MARK,
    STMT_COUNT
};

static const char *const statements[STMT_COUNT] = {
    [STMT_NAME] = "INSERT INTO series_name(metric, labels, kind, divisor) VALUES(?1, ?2, ?3, ?4)"
                  " ON CONFLICT(metric, labels) DO UPDATE SET kind = ?3, divisor = ?4 RETURNING id",
    [STMT_CHUNK_GET] = "SELECT data FROM chunk WHERE series = ?1 AND step = ?2 AND start = ?3",
    [STMT_CHUNK_PUT] = "INSERT OR REPLACE INTO chunk(series, step, start, data)"
                       " VALUES(?1, ?2, ?3, ?4)",
    [STMT_SKETCH] = "INSERT OR REPLACE INTO series_sketch(series, minute, data) VALUES(?1, ?2, ?3)",
    [STMT_SPEND] = "INSERT INTO spend(objective, hour, cause, system, store, bad)"
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET bad = bad + ?6",
    [STMT_DECISION] = "INSERT INTO decision(objective, minute, good, bad) VALUES(?1, ?2, ?3, ?4)"
                      " ON CONFLICT DO UPDATE SET good = good + ?3, bad = bad + ?4",
    [STMT_MARK] = "UPDATE meta SET up_to = ?1 WHERE id = 1",
};

/* The chunk of one step that is being filled. */
struct tier {
    bool is_open;
    int64_t start;
    struct tw_chunk chunk;
};

struct tw_archive {
    char *dir;
    sqlite3 *db;
    sqlite3_stmt *stmts[STMT_COUNT];
    uint32_t mark;
    struct tier tiers[TW_ARCHIVE_TIERS];
    struct tw_buf packed;
    /* of the partition being added */
    sqlite3 *from;
    bool (*is_stopping)(void *context);
    void *context;
    unsigned rows;
};

/* ---- life ---- */

static int check(struct tw_archive *self, const char *path, const uint8_t *store_id,
                 uint32_t newest, struct tw_diag *diag)
{
    static const char advice[] = "nothing was changed: restore a backup of the whole store, or "
                                 "move this file aside to go on without the series before today";
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(self->db, "SELECT store_id, up_to FROM meta WHERE id = 1", &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        rc = tw_diag_set(diag, TW_EDAMAGED, "%s: damaged: its head is missing; %s", path, advice);
    } else if (rc == TW_OK) {
        struct tw_str id = tw_db_column_bytes(stmt, 0);
        int64_t mark = sqlite3_column_int64(stmt, 1);
        if (id.len != TW_STORE_ID_BYTES || memcmp(id.ptr, store_id, TW_STORE_ID_BYTES) != 0) {
            rc = tw_diag_set(diag, TW_EFOREIGN, "%s: belongs to another store; %s", path, advice);
        } else if (mark < 0 || mark >= newest) {
            rc = tw_diag_set(diag, TW_EFOREIGN,
                             "%s: is ahead of the store (has partition %lld, the newest is %u); %s",
                             path, (long long)mark, newest, advice);
        } else {
            self->mark = (uint32_t)mark;
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int open_file(struct tw_archive *self, const uint8_t *store_id, uint32_t newest,
                     struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    const struct tw_schema *schema = tw_archive_schema();
    int rc = tw_path_join(self->dir, TW_ARCHIVE_NAME, path);
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "%s: path too long", self->dir);
    }
    rc = tw_file_check(path, schema->app_id, schema->version, diag);
    rc = rc == TW_ENOTFOUND ? tw_schema_create(self->dir, path, schema, store_id, diag) : rc;
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_WRITE, ARCHIVE_CACHE_KIB, &self->db, diag) : rc;
    rc = rc == TW_OK ? tw_schema_migrate(self->db, schema, diag) : rc;
    rc = rc == TW_OK ? check(self, path, store_id, newest, diag) : rc;
    for (size_t i = 0; rc == TW_OK && i < STMT_COUNT; i++) {
        rc = tw_db_prepare(self->db, statements[i], &self->stmts[i], diag);
    }
    return rc;
}

int tw_archive_open(const char *dir, const uint8_t *store_id, uint32_t newest,
                    struct tw_archive **ret_archive, struct tw_diag *diag)
{
    struct tw_archive *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    tw_buf_init(&self->packed, CHUNK_BYTES_MAX);
    self->dir = strdup(dir);
    int rc = self->dir == NULL ? TW_ENOMEM : open_file(self, store_id, newest, diag);
    if (rc != TW_OK) {
        tw_archive_close(&self);
        return rc;
    }
    *ret_archive = self;
    return TW_OK;
}

void tw_archive_close(struct tw_archive **self_p)
{
    struct tw_archive *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < STMT_COUNT; i++) {
        (void)sqlite3_finalize(self->stmts[i]); /* repeats errors already seen */
    }
    tw_db_close(&self->db);
    tw_buf_fini(&self->packed);
    free(self->dir);
    free(self);
}

uint32_t tw_archive_mark(const struct tw_archive *self)
{
    return self->mark;
}

/* ---- series ---- */

static int must_stop(struct tw_archive *self)
{
    if (++self->rows % STOP_EVERY != 0 || self->is_stopping == NULL) {
        return TW_OK;
    }
    return self->is_stopping(self->context) ? TW_ECLOSED : TW_OK;
}

static int write_chunk(struct tw_archive *self, int64_t series, size_t which, struct tw_diag *diag)
{
    struct tier *tier = &self->tiers[which];
    sqlite3_stmt *stmt = self->stmts[STMT_CHUNK_PUT];
    tw_buf_clear(&self->packed);
    int rc = tier->is_open ? tw_chunk_encode(&tier->chunk, &self->packed) : TW_OK;
    if (rc == TW_OK && tier->is_open) {
        tw_db_bind_int(stmt, 1, series);
        tw_db_bind_int(stmt, 2, tw_archive_tiers[which].step_s);
        tw_db_bind_int(stmt, 3, tier->start);
        tw_db_bind_bytes(stmt, 4, (struct tw_str){self->packed.data, self->packed.len});
        rc = tw_db_run(stmt, diag);
    }
    tier->is_open = false;
    return rc;
}

static int read_chunk(struct tw_archive *self, int64_t series, size_t which, int64_t start,
                      struct tw_diag *diag)
{
    struct tier *tier = &self->tiers[which];
    sqlite3_stmt *stmt = self->stmts[STMT_CHUNK_GET];
    tw_db_bind_int(stmt, 1, series);
    tw_db_bind_int(stmt, 2, tw_archive_tiers[which].step_s);
    tw_db_bind_int(stmt, 3, start);
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        rc = tw_chunk_decode(tw_db_column_bytes(stmt, 0), &tier->chunk);
        (void)sqlite3_reset(stmt); /* it gave its row */
        if (rc != TW_OK) {
            return tw_diag_set(diag, rc, "%s/%s: damaged: a chunk of series %lld", self->dir,
                               TW_ARCHIVE_NAME, (long long)series);
        }
    } else if (rc == TW_ENOTFOUND) {
        tier->chunk = (struct tw_chunk){0};
        rc = TW_OK;
    }
    tier->is_open = rc == TW_OK;
    tier->start = start;
    return rc;
}

static int add_point(struct tw_archive *self, int64_t series, enum tw_series_kind kind,
                     const struct tw_series_point *point, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < TW_ARCHIVE_TIERS; i++) {
        struct tier *tier = &self->tiers[i];
        int64_t step_s = tw_archive_tiers[i].step_s;
        int64_t start = tw_chunk_start(point->bucket, step_s);
        if (!tier->is_open || tier->start != start) {
            rc = write_chunk(self, series, i, diag);
            rc = rc == TW_OK ? read_chunk(self, series, i, start, diag) : rc;
        }
        if (rc == TW_OK) {
            tw_chunk_add(&tier->chunk, kind, start, step_s, point);
        }
    }
    return rc;
}

/* All there is of a series. */
static void bind_whole(sqlite3_stmt *stmt, int64_t series)
{
    tw_db_bind_int(stmt, 1, series);
    tw_db_bind_int(stmt, 2, INT64_MIN);
    tw_db_bind_int(stmt, 3, INT64_MAX);
}

static int add_points(struct tw_archive *self, sqlite3_stmt *points, int64_t from_series,
                      int64_t series, enum tw_series_kind kind, struct tw_diag *diag)
{
    bind_whole(points, from_series);
    int rc = TW_OK;
    while (rc == TW_OK) {
        rc = must_stop(self);
        rc = rc == TW_OK ? tw_db_row(points, diag) : rc;
        if (rc == TW_OK) {
            const struct tw_series_point point = {.bucket = sqlite3_column_int64(points, 0),
                                                  .value = sqlite3_column_int64(points, 1)};
            rc = add_point(self, series, kind, &point, diag);
        }
    }
    (void)sqlite3_reset(points); /* repeats the error of the step */
    rc = rc == TW_ENOTFOUND ? TW_OK : rc;
    for (size_t i = 0; i < TW_ARCHIVE_TIERS; i++) {
        rc = rc == TW_OK ? write_chunk(self, series, i, diag) : rc;
        self->tiers[i].is_open = false;
    }
    return rc;
}

static int add_sketches(struct tw_archive *self, sqlite3_stmt *sketches, int64_t from_series,
                        int64_t series, struct tw_diag *diag)
{
    sqlite3_stmt *put = self->stmts[STMT_SKETCH];
    bind_whole(sketches, from_series);
    int rc = TW_OK;
    while (rc == TW_OK) {
        rc = must_stop(self);
        rc = rc == TW_OK ? tw_db_row(sketches, diag) : rc;
        if (rc == TW_OK) {
            tw_db_bind_int(put, 1, series);
            tw_db_bind_int(put, 2, sqlite3_column_int64(sketches, 0));
            tw_db_bind_bytes(put, 3, tw_db_column_bytes(sketches, 1));
            rc = tw_db_run(put, diag);
        }
    }
    (void)sqlite3_reset(sketches); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* The series of the row that `names` is at: its number in the archive. */
static int add_name(struct tw_archive *self, sqlite3_stmt *names, int64_t *ret_series,
                    struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_NAME];
    tw_db_bind_bytes(stmt, 1, tw_db_column_bytes(names, 1));
    tw_db_bind_bytes(stmt, 2, tw_db_column_bytes(names, 2));
    tw_db_bind_int(stmt, 3, sqlite3_column_int64(names, 3));
    tw_db_bind_int(stmt, 4, sqlite3_column_int64(names, 4));
    int rc = tw_db_row(stmt, diag);
    if (rc != TW_OK) {
        return rc;
    }
    *ret_series = sqlite3_column_int64(stmt, 0);
    rc = tw_db_row(stmt, diag); /* the step to the end completes the statement */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int add_series(struct tw_archive *self, struct tw_diag *diag)
{
    sqlite3_stmt *names = NULL;
    sqlite3_stmt *points = NULL;
    sqlite3_stmt *sketches = NULL;
    int rc = tw_db_prepare(self->from,
                           "SELECT id, metric, labels, kind, divisor FROM series_name ORDER BY id",
                           &names, diag);
    rc = rc == TW_OK ? tw_db_prepare(self->from, TW_SQL_PART_POINTS, &points, diag) : rc;
    rc = rc == TW_OK ? tw_db_prepare(self->from, TW_SQL_PART_SKETCHES, &sketches, diag) : rc;
    while (rc == TW_OK) {
        int64_t series = 0;
        rc = tw_db_row(names, diag);
        rc = rc == TW_OK ? add_name(self, names, &series, diag) : rc;
        if (rc == TW_OK) {
            int64_t from = sqlite3_column_int64(names, 0);
            enum tw_series_kind kind = (enum tw_series_kind)sqlite3_column_int(names, 3);
            rc = add_points(self, points, from, series, kind, diag);
            rc = rc == TW_OK ? add_sketches(self, sketches, from, series, diag) : rc;
        }
    }
    (void)sqlite3_finalize(names); /* all repeat the error of the step */
    (void)sqlite3_finalize(points);
    (void)sqlite3_finalize(sketches);
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* ---- budgets ---- */

/* Every row that `select` gives, added with a statement of as many parameters. */
static int add_rows(struct tw_archive *self, const char *select, enum statement which,
                    struct tw_diag *diag)
{
    sqlite3_stmt *from = NULL;
    sqlite3_stmt *put = self->stmts[which];
    int rc = tw_db_prepare(self->from, select, &from, diag);
    int columns = rc == TW_OK ? sqlite3_column_count(from) : 0;
    while (rc == TW_OK) {
        rc = must_stop(self);
        rc = rc == TW_OK ? tw_db_row(from, diag) : rc;
        for (int i = 0; rc == TW_OK && i < columns; i++) {
            int bound = sqlite3_bind_value(put, i + 1, sqlite3_column_value(from, i));
            rc = bound == SQLITE_OK ? TW_OK : tw_db_error(self->db, bound, diag);
        }
        rc = rc == TW_OK ? tw_db_run(put, diag) : rc;
    }
    (void)sqlite3_finalize(from); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* ---- one partition ---- */

static int move_mark(struct tw_archive *self, uint32_t number, struct tw_diag *diag)
{
    tw_db_bind_int(self->stmts[STMT_MARK], 1, number);
    return tw_db_run(self->stmts[STMT_MARK], diag);
}

static int add_all(struct tw_archive *self, uint32_t number, struct tw_diag *diag)
{
    bool has_tables = false;
    int rc = tw_track_has_tables(self->from, &has_tables, diag);
    rc = rc == TW_OK ? tw_db_exec(self->from, "BEGIN", diag) : rc;
    if (rc == TW_OK && has_tables) {
        rc = add_series(self, diag);
        rc = rc == TW_OK
                 ? add_rows(self, "SELECT objective, hour, cause, system, store, bad FROM spend",
                            STMT_SPEND, diag)
                 : rc;
        rc = rc == TW_OK ? add_rows(self, "SELECT objective, minute, good, bad FROM decision",
                                    STMT_DECISION, diag)
                         : rc;
    }
    return rc == TW_OK ? move_mark(self, number, diag) : rc;
}

/* Move the journal into the file; what readers hold back is done the next time. */
static int checkpoint(struct tw_archive *self, struct tw_diag *diag)
{
    int rc = sqlite3_wal_checkpoint_v2(self->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? TW_OK : tw_db_error(self->db, rc, diag);
}

static int commit_or_not(struct tw_archive *self, int rc, struct tw_diag *diag)
{
    rc = rc == TW_OK ? tw_db_exec(self->db, "COMMIT", diag) : rc;
    if (rc != TW_OK && sqlite3_get_autocommit(self->db) == 0) {
        (void)tw_db_exec(self->db, "ROLLBACK", NULL); /* closing the file would do it, too */
    }
    return rc;
}

int tw_archive_add(struct tw_archive *self, const struct tw_part *part,
                   bool (*is_stopping)(void *context), void *context, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    TW_ASSERT(part->number > self->mark);
    self->is_stopping = is_stopping;
    self->context = context;
    int rc = tw_part_path(self->dir, part->number, part->is_sealed, path);
    rc = rc == TW_OK ? tw_db_open(path, part->is_sealed ? TW_DB_IMMUTABLE : TW_DB_READ,
                                  PART_CACHE_KIB, &self->from, diag)
                     : rc;
    if (rc == TW_OK) {
        rc = tw_db_exec(self->db, "BEGIN IMMEDIATE", diag);
        rc = rc == TW_OK ? add_all(self, part->number, diag) : rc;
        rc = commit_or_not(self, rc, diag);
    }
    tw_db_close(&self->from);
    if (rc == TW_OK) {
        self->mark = part->number;
        rc = checkpoint(self, diag);
    }
    return rc;
}

/* ---- expiry ---- */

static int drop_before(struct tw_archive *self, const char *sql, int64_t before,
                       struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(self->db, sql, &stmt, diag);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, before);
        rc = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

/* By series, so that the key is used and what stays is not read. */
#define DROP_CHUNKS(step)                                                              \
    "DELETE FROM chunk WHERE series IN (SELECT id FROM series_name) AND step = " #step \
    " AND start < ?1"

/* Whole chunks only, so that what is kept of a step begins at the start of a chunk. */
static int expire_all(struct tw_archive *self, int64_t now_s, struct tw_diag *diag)
{
    static const char *const tiers[TW_ARCHIVE_TIERS][2] = {
        {DROP_CHUNKS(10), "UPDATE meta SET kept_10 = max(coalesce(kept_10, ?1), ?1)"},
        {DROP_CHUNKS(60), "UPDATE meta SET kept_60 = max(coalesce(kept_60, ?1), ?1)"},
        {DROP_CHUNKS(3600), "UPDATE meta SET kept_3600 = max(coalesce(kept_3600, ?1), ?1)"},
    };
    static const struct {
        int64_t keep_s;
        int64_t step_s;
        const char *drop;
        const char *note;
    } others[] = {
        {SKETCH_KEEP_S, 60,
         "DELETE FROM series_sketch WHERE series IN (SELECT id FROM series_name)"
         " AND minute < ?1",
         "UPDATE meta SET kept_sketch = max(coalesce(kept_sketch, ?1), ?1)"},
        {DECISION_KEEP_S, 60, "DELETE FROM decision WHERE minute < ?1",
         "UPDATE meta SET kept_decision = max(coalesce(kept_decision, ?1), ?1)"},
        {SPEND_KEEP_S, 3600, "DELETE FROM spend WHERE hour < ?1",
         "UPDATE meta SET kept_spend = max(coalesce(kept_spend, ?1), ?1)"},
    };
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < TW_ARCHIVE_TIERS; i++) {
        const struct tw_archive_tier *tier = &tw_archive_tiers[i];
        int64_t before = tw_chunk_start(now_s - tier->keep_s, tier->step_s);
        rc = drop_before(self, tiers[i][0], before, diag);
        rc = rc == TW_OK ? drop_before(self, tiers[i][1], before, diag) : rc;
    }
    for (size_t i = 0; rc == TW_OK && i < sizeof others / sizeof others[0]; i++) {
        int64_t before = tw_bucket_of(now_s - others[i].keep_s, others[i].step_s);
        rc = drop_before(self, others[i].drop, before, diag);
        rc = rc == TW_OK ? drop_before(self, others[i].note, before, diag) : rc;
    }
    return rc == TW_OK ? tw_db_exec(self->db,
                                    "DELETE FROM series_name WHERE NOT EXISTS (SELECT 1 FROM chunk"
                                    " WHERE series = series_name.id) AND NOT EXISTS (SELECT 1 FROM"
                                    " series_sketch WHERE series = series_name.id)",
                                    diag)
                       : rc;
}

int tw_archive_expire(struct tw_archive *self, tw_wall_t now, struct tw_diag *diag)
{
    int64_t now_s = tw_bucket_of(now.ns, TW_NS_PER_S) / TW_NS_PER_S;
    int rc = tw_db_exec(self->db, "BEGIN IMMEDIATE", diag);
    rc = rc == TW_OK ? expire_all(self, now_s, diag) : rc;
    rc = commit_or_not(self, rc, diag);
    return rc == TW_OK ? checkpoint(self, diag) : rc;
}
