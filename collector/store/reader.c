/* SPDX-License-Identifier: Apache-2.0
 * The reader: list of partitions, connections, snapshots, deadline.
 *
 * The directory is the truth about which partitions there are. Its modification time is looked at
 * with every query, so that a new partition is seen by the next one. A connection to a file that
 * has been unlinked goes on reading the old file; it is closed when the list is read again. When a
 * file is gone before it could be opened, the query starts anew with a new list, and what was
 * expired is then simply not there.
 *
 * A sealed file never changes: it is opened with immutable=1, without locks or journal. A file in
 * WAL mode needs its -shm; a user who may not write there can read while the collector runs (the
 * -shm exists), and after a clean stop (no -wal): then the file is complete by itself and is
 * opened immutable as long as no -wal appears.
 * Thread: one reader, one thread.
 */
#include "config.h"
#include "store/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "store/migrate.h"
#include "store/reader_internal.h"
#include "store/schema.h"
#include "store/track_write.h"

/* Virtual machine steps of SQLite between two looks at the clock: about 20 us. */
#define PROGRESS_STEPS 1000
/* Page cache of one connection, KiB: inner pages of its trees, and what is read again. */
#define CACHE_SEALED_KIB 512
#define CACHE_OPEN_KIB   2048
/* Stored bytes of one block; a record is bounded far below it. */
#define PACKED_MAX ((size_t)256 << 20)
/* The file system's clock moves in ticks: a change within this time of the last listing may
 * not have changed the directory's time. */
#define RACY_NS (INT64_C(50) * TW_NS_PER_MS)

/* Runs: what is asked for, NULL for anything, and where to go on. */
#define RUN_IS " WHERE workflow = ?1 AND object_type = ?2 AND object_scope = ?3 AND object_id = ?4"
#define RUN_FILTER                                                    \
    " AND (?4 IS NULL OR store = ?4) AND (?5 IS NULL OR region = ?5)" \
    " AND (?6 IS NULL OR state = ?6) AND (?8 IS NULL OR started < ?8)"
#define SETBACK_RUN "workflow, object_type, object_scope, object_id"
/* The step, system and cause that the row names; since version 3 of partitions those of another
 * step in trouble will do. */
#define RUN_STEP                                                 \
    " (?2 IS NULL OR step = ?2) AND (?3 IS NULL OR system = ?3)" \
    " AND (?7 IS NULL OR cause = ?7)"
#define RUN_TROUBLE                                                             \
    " AND ((" RUN_STEP ") OR (troubles IS NOT NULL AND EXISTS(SELECT 1 FROM"    \
    " json_each(CAST(troubles AS TEXT)) AS t WHERE"                             \
    " (?2 IS NULL OR json_extract(t.value, '$.step') = CAST(?2 AS TEXT))"       \
    " AND (?3 IS NULL OR json_extract(t.value, '$.system') = CAST(?3 AS TEXT))" \
    " AND (?7 IS NULL OR json_extract(t.value, '$.cause') = ?7))))"
#define RUNS_OPEN " FROM tracked_run INDEXED BY tracked_run_open WHERE finished IS NULL"

#define RUNS_OPEN_OF(trouble)                                                              \
    "SELECT since, workflow, object_type, object_scope, object_id" RUNS_OPEN               \
    " AND workflow = ?1 AND since >= ?9 AND (since, object_type, object_scope, object_id)" \
    " > (?9, ?11, ?12, ?13)" RUN_FILTER trouble                                            \
    " ORDER BY since, object_type, object_scope, object_id LIMIT ?14"
#define RUNS_OPEN_OF_COUNT(trouble) \
    "SELECT count(*)" RUNS_OPEN " AND workflow = ?1" RUN_FILTER trouble
#define RUNS_OPEN_COUNT(trouble) "SELECT count(*)" RUNS_OPEN RUN_FILTER trouble
#define RUNS_FINISHED(trouble)                                                                \
    "SELECT since, workflow, object_type, object_scope, object_id, finished FROM tracked_run" \
    " INDEXED BY tracked_run_finished WHERE finished IS NOT NULL AND finished >= ?9"          \
    " AND (finished, workflow, object_type, object_scope, object_id)"                         \
    " > (?9, ?10, ?11, ?12, ?13) AND (?1 IS NULL OR workflow = ?1)" RUN_FILTER trouble        \
    " ORDER BY finished, workflow, object_type, object_scope, object_id LIMIT ?14"

/* For a partition of version 2, which knows of no further troubles. */
static const char *const part_sql_2[TW_STMT_COUNT] = {
    [TW_STMT_RUN_ONE] = "SELECT " TW_TRACKED_RUN_COLUMNS_2 ", NULL FROM tracked_run" RUN_IS,
    [TW_STMT_RUNS_OPEN_OF] = RUNS_OPEN_OF(" AND" RUN_STEP),
    [TW_STMT_RUNS_OPEN_OF_COUNT] = RUNS_OPEN_OF_COUNT(" AND" RUN_STEP),
    [TW_STMT_RUNS_OPEN_COUNT] = RUNS_OPEN_COUNT(" AND" RUN_STEP),
    [TW_STMT_RUNS_FINISHED] = RUNS_FINISHED(" AND" RUN_STEP),
};

static const char *const part_sql[TW_STMT_COUNT] = {
    [TW_STMT_BEGIN] = "BEGIN",
    [TW_STMT_END] = "ROLLBACK",
    [TW_STMT_META] = "SELECT first_n, last_n, commits, object_lines, next_quarantine,"
                     " payload_expired, closed, first_received, last_received, first_time,"
                     " last_time FROM meta WHERE id = 1",
    [TW_STMT_TOTALS] = "SELECT totals, problems FROM meta WHERE id = 1",
    [TW_STMT_RUNS] = "SELECT id FROM run WHERE state = 1 ORDER BY id",
    [TW_STMT_PAGES] = "SELECT data FROM page WHERE run = ?1 AND first >= coalesce("
                      "(SELECT first FROM page WHERE run = ?1 AND first < ?2"
                      " ORDER BY first DESC LIMIT 1), x'') ORDER BY first",
    [TW_STMT_FILTER] = "SELECT data FROM filter WHERE id = ?1",
    [TW_STMT_BLOCK] = "SELECT first_n, count, directory FROM block WHERE first_n <= ?1"
                      " ORDER BY first_n DESC LIMIT 1",
    [TW_STMT_BLOCKS_FROM] = "SELECT first_n, count FROM block WHERE first_n > ?1"
                            " ORDER BY first_n LIMIT 1",
    [TW_STMT_ECHO_BOUNDS] = "SELECT (SELECT min(of) FROM echo), (SELECT max(of) FROM echo)",
    [TW_STMT_ECHOES] = "SELECT of, n, kind FROM echo WHERE of BETWEEN ?1 AND ?2 ORDER BY of, n",
    [TW_STMT_TAPS] = "SELECT tap, messages, bytes, events, quarantined, acks, last_received"
                     " FROM tap_state ORDER BY tap",
    [TW_STMT_SOURCES] = "SELECT number, name, state FROM source WHERE number >= ?1"
                        " ORDER BY number LIMIT ?2",
    [TW_STMT_QUARANTINE_COUNTS] =
        "SELECT (SELECT count(*) FROM (SELECT id FROM quarantine_done WHERE id >= ?1 UNION"
        " SELECT retry_of FROM quarantine WHERE retry_of > 0 AND retry_of >= ?1 AND raw_bytes > "
        "0)),"
        " (SELECT count(*) FROM quarantine WHERE retry_of > 0 AND raw_bytes = 0)",
    [TW_STMT_QUARANTINE] = "SELECT id, retry_of, tap, peer, received, code, idx, detail, topic,"
                           " headers, raw, raw_bytes FROM quarantine"
                           " WHERE id < ?1 AND (?2 = 0 OR code = ?2)"
                           " AND NOT (retry_of > 0 AND raw_bytes = 0) ORDER BY id DESC LIMIT 1",
    [TW_STMT_QUARANTINE_ONE] = "SELECT id, retry_of, tap, peer, received, code, idx, detail,"
                               " topic, headers, raw, raw_bytes FROM quarantine WHERE id = ?1",
    [TW_STMT_QUARANTINE_DONE] = "SELECT n FROM quarantine_done WHERE id = ?1",
    [TW_STMT_QUARANTINE_REPEATED] =
        "SELECT coalesce(sum(raw_bytes = 0), 0), coalesce(sum(raw_bytes > 0), 0)"
        " FROM quarantine WHERE retry_of > 0 AND retry_of = ?1",
    [TW_STMT_TRACK_TABLES] = "SELECT count(*) FROM sqlite_schema WHERE name = 'tracked_run'",
    [TW_STMT_TRACK_TROUBLES] =
        "SELECT count(*) FROM pragma_table_info('tracked_run') WHERE name = 'troubles'",
    [TW_STMT_TRACK_ARCHIVED] = "SELECT count(*) FROM archived",
    [TW_STMT_LIVE] = "SELECT json FROM live WHERE key = ?1",
    [TW_STMT_LIVE_LIST] = "SELECT key, json FROM live WHERE key >= ?1 ORDER BY key LIMIT ?2",
    [TW_STMT_RUN_ONE] = "SELECT " TW_TRACKED_RUN_COLUMNS " FROM tracked_run" RUN_IS,
    [TW_STMT_RUN_HAS] = "SELECT 1 FROM tracked_run" RUN_IS,
    [TW_STMT_SETBACK_TABLE] = "SELECT count(*) FROM sqlite_schema WHERE name = 'setback'",
    [TW_STMT_SETBACKS] =
        "SELECT " TW_TRACKED_RUN_COLUMNS ", changed, steps FROM setback"
        " CROSS JOIN tracked_run USING(" SETBACK_RUN ") WHERE (changed,"
        " " SETBACK_RUN ") > (?1, ?2, ?3, ?4, ?5) ORDER BY changed, " SETBACK_RUN " LIMIT ?6",
    [TW_STMT_RUNS_OPEN_OF] = RUNS_OPEN_OF(RUN_TROUBLE),
    [TW_STMT_RUNS_WORKFLOW] = "SELECT workflow" RUNS_OPEN " AND workflow > ?1"
                              " ORDER BY workflow LIMIT 1",
    [TW_STMT_RUNS_OPEN_OF_ALL] = "SELECT count(*)" RUNS_OPEN " AND workflow = ?1",
    [TW_STMT_RUNS_OPEN_ALL] = "SELECT count(*)" RUNS_OPEN,
    [TW_STMT_RUNS_OPEN_OF_COUNT] = RUNS_OPEN_OF_COUNT(RUN_TROUBLE),
    [TW_STMT_RUNS_OPEN_COUNT] = RUNS_OPEN_COUNT(RUN_TROUBLE),
    [TW_STMT_RUNS_FINISHED] = RUNS_FINISHED(RUN_TROUBLE),
    [TW_STMT_SERIES] = TW_SQL_SERIES,
    [TW_STMT_SERIES_ONE] = TW_SQL_SERIES_ONE,
    [TW_STMT_MINUTE] = "SELECT min(minute) FROM series_point WHERE minute >= ?1",
    [TW_STMT_POINTS] = "SELECT slot, value FROM series_point WHERE minute = ?1 AND series = ?2",
    [TW_STMT_POINTS_BETWEEN] = "SELECT minute, series, slot, value FROM series_point"
                               " WHERE minute >= ?1 AND minute < ?2",
    [TW_STMT_TICKED] = "SELECT now, read_up_to FROM tick WHERE now < ?1 ORDER BY id DESC LIMIT 1",
    [TW_STMT_SKETCHES] = TW_SQL_PART_SKETCHES,
    [TW_STMT_SPEND_CAUSE] = TW_SQL_SPEND("cause"),
    [TW_STMT_SPEND_SYSTEM] = TW_SQL_SPEND("system"),
    [TW_STMT_SPEND_STORE] = TW_SQL_SPEND("store"),
    [TW_STMT_DECISIONS] = TW_SQL_DECISIONS,
};

/* ---- small things --------------------------------------------------------------------------- */

int tw_column_copy(sqlite3_stmt *stmt, int column, struct tw_arena *arena, struct tw_str *ret_text)
{
    struct tw_str text = tw_db_column_bytes(stmt, column);
    struct tw_str copy = tw_arena_copy(arena, text);
    if (text.ptr != NULL && copy.ptr == NULL) {
        return TW_ENOMEM;
    }
    *ret_text = copy;
    return TW_OK;
}

static bool is_past_deadline(const struct tw_reader *self)
{
    struct tw_clock *clock = tw_clock_system();
    return self->has_deadline && clock->mono(clock).ns >= self->deadline.ns;
}

int tw_reader_check(struct tw_reader *self)
{
    return is_past_deadline(self) ? TW_ETIMEOUT : TW_OK;
}

static int on_progress(void *context)
{
    return is_past_deadline(context) ? 1 : 0;
}

void tw_reader_set_deadline(struct tw_reader *self, tw_mono_t deadline)
{
    self->deadline = deadline;
    self->has_deadline = true;
}

/* ---- connections ---------------------------------------------------------------------------- */

static void close_part(struct tw_reader *self, struct tw_view *part)
{
    for (size_t i = 0; i < TW_STMT_COUNT; i++) {
        (void)sqlite3_finalize(part->stmts[i]); /* repeats an error that was reported */
        part->stmts[i] = NULL;
    }
    (void)sqlite3_blob_close(part->extent); /* only read */
    part->extent = NULL;
    if (part->db != NULL) {
        tw_db_close(&part->db);
        self->open_count--;
    }
    part->in_snapshot = false;
    part->is_frozen = false;
    part->has_track_facts = false;
    if (!part->is_sealed) {
        part->has_meta = false;
    }
}

static void free_part(struct tw_reader *self, struct tw_view *part)
{
    if (part != NULL) {
        close_part(self, part);
        free(part->runs);
        free(part);
    }
}

static int read_number(sqlite3 *db, const char *sql, int64_t *ret_number)
{
    sqlite3_stmt *stmt = NULL;
    int err = tw_db_prepare(db, sql, &stmt, NULL);
    if (err == TW_OK) {
        err = tw_db_row(stmt, NULL);
    }
    if (err == TW_OK) {
        *ret_number = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
}

static bool has_wal(const char *path)
{
    char wal[TW_PATH_MAX];
    struct stat st;
    int len = snprintf(wal, sizeof wal, "%s-wal", path);
    return len < 0 || (size_t)len >= sizeof wal || stat(wal, &st) == 0 || errno != ENOENT;
}

static int open_once(const char *path, bool is_frozen, int cache_kib, sqlite3 **ret_db,
                     int64_t *ret_app_id)
{
    sqlite3 *db = NULL;
    int err = tw_db_open(path, is_frozen ? TW_DB_IMMUTABLE : TW_DB_READ, cache_kib, &db, NULL);
    if (err == TW_OK) {
        err = read_number(db, "PRAGMA application_id", ret_app_id);
    }
    if (err != TW_OK) {
        tw_db_close(&db);
        return err;
    }
    *ret_db = db;
    return TW_OK;
}

/* Open and see that it is one of ours. A WAL file that this user may not open the usual way, and
 * that nobody writes to, is opened immutable. TW_ENOTFOUND: there is no such file. */
int tw_reader_open_file(struct tw_reader *self, const char *path, const struct tw_schema *schema,
                        bool is_sealed, bool *ret_is_frozen, sqlite3 **ret_db)
{
    sqlite3 *db = NULL;
    int64_t app_id = 0;
    int64_t version = 0;
    bool is_frozen = is_sealed;
    int cache_kib = is_sealed ? CACHE_SEALED_KIB : CACHE_OPEN_KIB;
    int err = open_once(path, is_frozen, cache_kib, &db, &app_id);
    if (!is_frozen && (err == TW_EPERM || err == TW_EIO) && !has_wal(path)) {
        is_frozen = true;
        err = open_once(path, is_frozen, cache_kib, &db, &app_id);
    }
    if (err == TW_OK && app_id != (int64_t)schema->app_id) {
        err = TW_EFOREIGN;
    }
    if (err == TW_OK) {
        err = read_number(db, "PRAGMA user_version", &version);
    }
    if (err == TW_OK && version > (int64_t)schema->version) {
        err = TW_ENEWER;
    }
    if (err == TW_OK && version < (int64_t)schema->version && !is_sealed) {
        err = TW_EOLDER; /* sealed ones keep their version */
    }
    if (err != TW_OK) {
        tw_db_close(&db);
        return err;
    }
    sqlite3_progress_handler(db, PROGRESS_STEPS, on_progress, self);
    *ret_is_frozen = is_frozen;
    *ret_db = db;
    return TW_OK;
}

/* Close one connection, chosen without order: look-ups go through all partitions in a circle, and
 * there the least recently used one is the next that is needed. */
static void make_room(struct tw_reader *self, const struct tw_view *keep)
{
    while (self->open_count >= TW_READER_CONNECTIONS) {
        self->tick = self->tick * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t start = (size_t)((self->tick >> 33) % self->part_count);
        for (size_t i = 0; i < self->part_count; i++) {
            struct tw_view *part = self->parts[(start + i) % self->part_count];
            if (part->db != NULL && part != keep && !part->in_snapshot) {
                close_part(self, part);
                break;
            }
        }
    }
}

static int check_store_id(struct tw_reader *self, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int err = tw_db_prepare(db, sql, &stmt, NULL);
    if (err == TW_OK) {
        err = tw_db_row(stmt, NULL);
    }
    struct tw_str id = TW_STR_NULL;
    if (err == TW_OK) {
        id = tw_db_column_bytes(stmt, 0);
        err = id.len == sizeof self->store_id ? TW_OK : TW_EDAMAGED;
    }
    if (err == TW_OK && db == self->catalogue) {
        memcpy(self->store_id, id.ptr, sizeof self->store_id);
    } else if (err == TW_OK && memcmp(id.ptr, self->store_id, sizeof self->store_id) != 0) {
        err = TW_EFOREIGN;
    }
    (void)sqlite3_finalize(stmt); /* repeats an error that is known */
    return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
}

static int open_part(struct tw_reader *self, struct tw_view *part)
{
    char path[TW_PATH_MAX];
    int err = tw_part_path(self->dir, part->number, part->is_sealed, path);
    if (err != TW_OK) {
        return err;
    }
    if (part->db != NULL && part->is_frozen && !part->is_sealed && has_wal(path)) {
        close_part(self, part); /* somebody writes again */
    }
    if (part->db != NULL) {
        return TW_OK;
    }
    make_room(self, part);
    sqlite3 *db = NULL;
    bool is_frozen = false;
    err = tw_reader_open_file(self, path, tw_part_schema(), part->is_sealed, &is_frozen, &db);
    if (err == TW_OK) {
        err = check_store_id(self, db, "SELECT store_id FROM meta WHERE id = 1");
    }
    if (err != TW_OK) {
        struct stat st;
        bool has_gone = err == TW_ENOTFOUND || (stat(path, &st) != 0 && errno == ENOENT);
        tw_db_close(&db);
        return has_gone ? TW_EAGAIN : err;
    }
    part->db = db;
    part->is_frozen = is_frozen;
    self->open_count++;
    return TW_OK;
}

sqlite3_stmt *tw_view_stmt(struct tw_view *part, enum tw_view_stmt which, int *ret_err)
{
    if (part->stmts[which] == NULL) {
        bool is_older = part->has_track_facts && !part->has_troubles && part_sql_2[which] != NULL;
        int err = tw_db_prepare(part->db, is_older ? part_sql_2[which] : part_sql[which],
                                &part->stmts[which], NULL);
        if (err != TW_OK) {
            *ret_err = err;
            return NULL;
        }
    }
    (void)sqlite3_reset(part->stmts[which]); /* repeats an error that was reported */
    return part->stmts[which];
}

/* Run a statement without rows. */
static int run(struct tw_view *part, enum tw_view_stmt which)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, which, &err);
    return stmt == NULL ? err : tw_db_run(stmt, NULL);
}

static int read_meta(struct tw_view *part)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_META, &err);
    if (stmt == NULL) {
        return err;
    }
    err = tw_db_row(stmt, NULL);
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
    }
    struct tw_view_meta *meta = &part->meta;
    meta->first_n = (uint64_t)sqlite3_column_int64(stmt, 0);
    meta->last_n = (uint64_t)sqlite3_column_int64(stmt, 1);
    meta->commits = (uint64_t)sqlite3_column_int64(stmt, 2);
    meta->object_lines = (uint64_t)sqlite3_column_int64(stmt, 3);
    int64_t next = sqlite3_column_int64(stmt, 4);
    meta->quarantined = next > 0 ? (uint64_t)next - 1 : 0;
    meta->payload_expired = sqlite3_column_int(stmt, 5) != 0;
    meta->closed.ns = sqlite3_column_int64(stmt, 6);
    meta->has_records = meta->last_n >= meta->first_n;
    meta->first_received.ns = sqlite3_column_int64(stmt, 7);
    meta->last_received.ns = sqlite3_column_int64(stmt, 8);
    meta->first_time.ns = sqlite3_column_int64(stmt, 9);
    meta->last_time.ns = sqlite3_column_int64(stmt, 10);
    (void)sqlite3_reset(stmt); /* it gave its row */
    if (meta->first_n == 0) {
        return TW_EDAMAGED;
    }
    part->has_meta = true;
    return TW_OK;
}

static void end_snapshot(struct tw_reader *self, struct tw_view *part)
{
    if (!part->is_sealed && part->extent != NULL) {
        (void)sqlite3_blob_close(part->extent); /* only read */
        part->extent = NULL;
    }
    if (part->in_snapshot && !sqlite3_get_autocommit(part->db)) {
        sqlite3_progress_handler(part->db, 0, NULL, NULL); /* the end must not be interrupted */
        (void)run(part, TW_STMT_END);                      /* nothing to undo */
        sqlite3_progress_handler(part->db, PROGRESS_STEPS, on_progress, self);
    }
    part->in_snapshot = false;
}

int tw_view_enter(struct tw_reader *self, struct tw_view *part)
{
    int err = tw_reader_check(self);
    if (err == TW_OK && part->in_snapshot) {
        return TW_OK; /* held */
    }
    if (err == TW_OK) {
        err = open_part(self, part);
    }
    if (err != TW_OK) {
        return err;
    }
    if (part->is_frozen && part->has_meta) {
        return TW_OK;
    }
    if (!part->is_frozen) {
        err = run(part, TW_STMT_BEGIN);
        part->in_snapshot = err == TW_OK;
    }
    if (err == TW_OK) {
        err = read_meta(part);
    }
    if (err != TW_OK) {
        end_snapshot(self, part);
        if (err != TW_ETIMEOUT && err != TW_ENOMEM) {
            close_part(self, part);
        }
    }
    return err;
}

void tw_view_leave(struct tw_reader *self, struct tw_view *part)
{
    /* a statement left in the middle of its rows would keep the snapshot */
    for (size_t i = 0; i < TW_STMT_COUNT; i++) {
        if (part->stmts[i] != NULL && sqlite3_stmt_busy(part->stmts[i])) {
            (void)sqlite3_reset(part->stmts[i]); /* repeats an error that was reported */
        }
    }
    if (self->held == 0) {
        end_snapshot(self, part);
    }
}

void tw_reader_hold(struct tw_reader *self)
{
    self->held++;
}

void tw_reader_release(struct tw_reader *self)
{
    TW_ASSERT(self->held > 0);
    self->held--;
    for (size_t i = 0; self->held == 0 && i < self->part_count; i++) {
        end_snapshot(self, self->parts[i]);
    }
    self->held_is_listed = self->held_is_listed && self->held > 0;
}

int tw_view_know(struct tw_reader *self, struct tw_view *part)
{
    if (part->is_sealed && part->has_meta) {
        return TW_OK;
    }
    int err = tw_view_enter(self, part);
    if (err == TW_OK) {
        tw_view_leave(self, part);
    }
    return err;
}

/* ---- the list of partitions ----------------------------------------------------------------- */

/* What is known of a file that is still there moves to the new list; else a new entry. NULL: out
 * of memory, or the file has just gone (*ret_has_gone). */
static struct tw_view *take_part(struct tw_reader *self, const struct tw_part *listed,
                                 bool *ret_has_gone)
{
    char path[TW_PATH_MAX];
    struct stat st;
    *ret_has_gone = tw_part_path(self->dir, listed->number, listed->is_sealed, path) != TW_OK ||
                    stat(path, &st) != 0;
    if (*ret_has_gone) {
        return NULL;
    }
    for (size_t i = 0; i < self->part_count; i++) {
        struct tw_view *known = self->parts[i];
        if (known != NULL && known->number == listed->number &&
            known->is_sealed == listed->is_sealed && known->inode == st.st_ino) {
            self->parts[i] = NULL;
            return known;
        }
    }
    struct tw_view *part = calloc(1, sizeof *part);
    if (part != NULL) {
        *part = (struct tw_view){.number = listed->number,
                                 .is_sealed = listed->is_sealed,
                                 .inode = st.st_ino,
                                 .bytes = (uint64_t)st.st_size};
    }
    return part;
}

/* TW_EAGAIN: a file went while the list was made. It may have been sealed, which gives it another
 * name, so the list may have a hole and must not be used. */
static int list_parts(struct tw_reader *self, const struct timespec *mtime)
{
    struct tw_part *listed = NULL;
    size_t listed_count = 0;
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); /* the clock of the file's times, not of a tick */
    int err = tw_parts_list(self->dir, &listed, &listed_count, NULL);
    if (err != TW_OK) {
        return err;
    }
    struct tw_view **parts = calloc(listed_count + 1, sizeof(struct tw_view *));
    size_t count = 0;
    bool is_complete = parts != NULL;
    bool has_hole = false;
    for (size_t i = 0; i < listed_count && is_complete; i++) {
        bool has_gone = false;
        parts[count] = take_part(self, &listed[i], &has_gone);
        is_complete = parts[count] != NULL || has_gone;
        has_hole = has_hole || has_gone;
        count += parts[count] != NULL;
    }
    free(listed);
    bool has_lost = false;
    for (size_t i = 0; i < self->part_count; i++) {
        has_lost = has_lost || self->parts[i] != NULL;
        free_part(self, self->parts[i]);
    }
    free(self->parts);
    self->parts = parts;
    self->part_count = count;
    if (has_lost) {
        tw_reader_forget(self); /* what was expired must not be shown any more */
    }
    self->listed_mtime = *mtime;
    int64_t age = (now.tv_sec - mtime->tv_sec) * TW_NS_PER_S + (now.tv_nsec - mtime->tv_nsec);
    self->is_listed = is_complete && !has_hole && age > RACY_NS;
    if (!is_complete) {
        return TW_ENOMEM;
    }
    return has_hole ? TW_EAGAIN : TW_OK;
}

static int list_if_changed(struct tw_reader *self)
{
    struct stat st;
    if (stat(self->dir, &st) != 0) {
        return errno == ENOENT ? TW_ENOTFOUND : TW_EIO;
    }
    if (self->is_listed && st.st_mtim.tv_sec == self->listed_mtime.tv_sec &&
        st.st_mtim.tv_nsec == self->listed_mtime.tv_nsec) {
        return TW_OK;
    }
    return list_parts(self, &st.st_mtim);
}

int tw_reader_begin(struct tw_reader *self)
{
    int err = tw_reader_check(self);
    if (err != TW_OK) {
        return err;
    }
    if (self->held_is_listed) {
        return TW_OK;
    }
    err = TW_EAGAIN;
    for (int i = 0; i < TW_READER_ATTEMPTS && err == TW_EAGAIN; i++) {
        err = list_if_changed(self);
    }
    self->held_is_listed = err == TW_OK && self->held > 0;
    return err;
}

int tw_reader_query(struct tw_reader *self, int (*attempt)(struct tw_reader *self, void *context),
                    void *context)
{
    int err = TW_EAGAIN;
    for (int i = 0; i < TW_READER_ATTEMPTS && err == TW_EAGAIN; i++) {
        if (i > 0) {
            self->is_listed = false;
            self->held_is_listed = false;
        }
        err = tw_reader_begin(self);
        if (err == TW_OK) {
            err = attempt(self, context);
        }
    }
    return err == TW_EAGAIN ? TW_EIO : err;
}

int tw_reader_find_part(struct tw_reader *self, uint64_t n, size_t *ret_index)
{
    size_t low = 0;
    size_t high = self->part_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct tw_view *part = self->parts[middle];
        int err = part->meta.first_n != 0 ? TW_OK : tw_view_know(self, part);
        if (err != TW_OK) {
            return err;
        }
        if (part->meta.first_n <= n) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return TW_ENOTFOUND;
    }
    *ret_index = low - 1;
    return TW_OK;
}

bool tw_reader_is_at_edge(struct tw_reader *self, uint64_t n)
{
    if (self->part_count == 0 || tw_view_know(self, self->parts[0]) != TW_OK) {
        return false;
    }
    const struct tw_view_meta *meta = &self->parts[0]->meta;
    return meta->first_n > 1 && n <= meta->last_n;
}

/* ---- life ----------------------------------------------------------------------------------- */

static const char *what_to_do(int err)
{
    switch (err) {
    case TW_ENOTFOUND:
        return "there is no store; start the collector first, or name another directory";
    case TW_EFOREIGN:
        return "this is not a Tillwatch store";
    case TW_ENEWER:
        return "it was written by a newer version; use that version";
    case TW_EOLDER:
        return "it is of an older version; start the collector of this version, which brings it up "
               "to date";
    case TW_EDAMAGED:
        return "the catalogue is damaged; restore it from a backup";
    case TW_EPERM:
        return "this user may not read it; use the collector's user or give read permission to "
               "the directory and all files in it";
    default:
        return tw_err_text(err);
    }
}

/* Open the catalogue, or open it again where it was taken for finished and is written to now. */
int tw_reader_open_catalogue(struct tw_reader *self)
{
    char path[TW_PATH_MAX];
    int err = tw_path_join(self->dir, TW_CATALOGUE_NAME, path);
    if (err != TW_OK) {
        return err;
    }
    if (self->catalogue != NULL && self->catalogue_is_frozen && has_wal(path)) {
        tw_db_close(&self->catalogue);
    }
    if (self->catalogue != NULL) {
        return TW_OK;
    }
    return tw_reader_open_file(self, path, tw_catalogue_schema(), false, &self->catalogue_is_frozen,
                               &self->catalogue);
}

int tw_reader_open(const char *dir, struct tw_reader **ret_reader, struct tw_diag *diag)
{
    struct tw_reader *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    self->dir = strdup(dir);
    self->tick = 1;
    tw_buf_init(&self->packed, PACKED_MAX);
    int err = self->dir == NULL ? TW_ENOMEM : tw_reader_open_catalogue(self);
    if (err == TW_OK) {
        err =
            check_store_id(self, self->catalogue, "SELECT value FROM meta WHERE key = 'store_id'");
    }
    if (err == TW_OK) {
        err = tw_reader_load_dictionary(self);
    }
    if (err == TW_OK) {
        err = tw_reader_begin(self);
    }
    if (err != TW_OK) {
        tw_reader_close(&self);
        return tw_diag_set(diag, err, "%s/%s: %s", dir, TW_CATALOGUE_NAME, what_to_do(err));
    }
    *ret_reader = self;
    return TW_OK;
}

void tw_reader_close(struct tw_reader **self_p)
{
    struct tw_reader *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->part_count; i++) {
        free_part(self, self->parts[i]);
    }
    free(self->parts);
    tw_reader_free_blocks(self);
    tw_reader_free_dictionary(self);
    tw_reader_close_archive(self);
    tw_db_close(&self->catalogue);
    free(self->dir);
    free(self);
}
