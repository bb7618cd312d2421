/* SPDX-License-Identifier: Apache-2.0
 * The head of a partition, and how an empty one comes into being. */
#include "config.h"
#include "store/part.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/migrate.h"

#define META_CACHE_KIB 512

#define META_COLUMNS                                                                              \
    "store_id, number, first_n, last_n, started, closed, commits, first_received, last_received," \
    " first_time, last_time, totals, problems, checkpoint_n, next_quarantine, is_sealed,"         \
    " payload_expired, quarantine_expired, ident_count, ident_pages, ident_lines, object_lines"

static tw_wall_t column_time(sqlite3_stmt *stmt, int column)
{
    return (tw_wall_t){sqlite3_column_int64(stmt, column)};
}

static void read_columns(sqlite3_stmt *stmt, struct tw_part_meta *meta)
{
    struct tw_str id = tw_db_column_bytes(stmt, 0);
    if (id.len == TW_STORE_ID_BYTES) {
        memcpy(meta->store_id, id.ptr, id.len);
    }
    meta->number = (uint32_t)sqlite3_column_int64(stmt, 1);
    meta->first_n = (uint64_t)sqlite3_column_int64(stmt, 2);
    meta->last_n = (uint64_t)sqlite3_column_int64(stmt, 3);
    meta->started = column_time(stmt, 4);
    meta->closed = column_time(stmt, 5);
    meta->commits = (uint64_t)sqlite3_column_int64(stmt, 6);
    meta->has_times = sqlite3_column_type(stmt, 7) != SQLITE_NULL;
    meta->first_received = column_time(stmt, 7);
    meta->last_received = column_time(stmt, 8);
    meta->first_time = column_time(stmt, 9);
    meta->last_time = column_time(stmt, 10);
    tw_counters_decode(tw_db_column_bytes(stmt, 11), meta->totals.v, TW_TOTAL_COUNT);
    tw_counters_decode(tw_db_column_bytes(stmt, 12), meta->problems, TW_PROBLEM_COUNT);
    meta->checkpoint_n = (uint64_t)sqlite3_column_int64(stmt, 13);
    meta->next_quarantine = (uint64_t)sqlite3_column_int64(stmt, 14);
    meta->is_sealed = sqlite3_column_int(stmt, 15) != 0;
    meta->payload_expired = sqlite3_column_int(stmt, 16) != 0;
    meta->quarantine_expired = sqlite3_column_int(stmt, 17) != 0;
    meta->ident_count = (uint64_t)sqlite3_column_int64(stmt, 18);
    meta->ident_pages = (uint32_t)sqlite3_column_int64(stmt, 19);
    meta->ident_lines = (uint32_t)sqlite3_column_int64(stmt, 20);
    meta->object_lines = (uint32_t)sqlite3_column_int64(stmt, 21);
}

int tw_part_meta_read(sqlite3 *db, struct tw_part_meta *ret_meta, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, "SELECT " META_COLUMNS " FROM meta WHERE id = 1", &stmt, diag);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_part_meta meta = {0};
    rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        read_columns(stmt, &meta);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    const char *path = sqlite3_db_filename(db, "main");
    if (rc == TW_ENOTFOUND ||
        (rc == TW_OK && (meta.first_n == 0 || meta.number == 0 || meta.last_n + 1 < meta.first_n ||
                         meta.last_n > INT64_MAX))) {
        return tw_diag_set(diag, TW_EDAMAGED,
                           "%s: damaged: its head (table meta) is missing or makes no sense; "
                           "nothing was changed: restore a backup, or move the file aside",
                           path);
    }
    if (rc == TW_OK) {
        *ret_meta = meta;
    }
    return rc;
}

static void bind_time(sqlite3_stmt *stmt, int index, bool is_known, tw_wall_t at)
{
    if (is_known) {
        tw_db_bind_int(stmt, index, at.ns);
    } else {
        TW_ASSERT(sqlite3_bind_null(stmt, index) == SQLITE_OK);
    }
}

int tw_part_meta_write(sqlite3 *db, const struct tw_part_meta *meta, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db,
                           "INSERT OR REPLACE INTO meta(id, " META_COLUMNS ") VALUES(1, ?1, ?2,"
                           " ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17,"
                           " ?18, ?19, ?20, ?21, ?22)",
                           &stmt, diag);
    if (rc != TW_OK) {
        return rc;
    }
    uint8_t totals[TW_TOTAL_COUNT * 8];
    uint8_t problems[TW_PROBLEM_COUNT * 8];
    tw_counters_encode(meta->totals.v, TW_TOTAL_COUNT, totals);
    tw_counters_encode(meta->problems, TW_PROBLEM_COUNT, problems);
    tw_db_bind_bytes(stmt, 1, (struct tw_str){(const char *)meta->store_id, TW_STORE_ID_BYTES});
    const uint64_t integers[][2] = {
        {2, meta->number},
        {3, meta->first_n},
        {4, meta->last_n},
        {5, (uint64_t)meta->started.ns},
        {6, (uint64_t)meta->closed.ns},
        {7, meta->commits},
        {14, meta->checkpoint_n},
        {15, meta->next_quarantine},
        {16, meta->is_sealed},
        {17, meta->payload_expired},
        {18, meta->quarantine_expired},
        {19, meta->ident_count},
        {20, meta->ident_pages},
        {21, meta->ident_lines},
        {22, meta->object_lines},
    };
    for (size_t i = 0; i < sizeof integers / sizeof integers[0]; i++) {
        tw_db_bind_int(stmt, (int)integers[i][0], (int64_t)integers[i][1]);
    }
    bind_time(stmt, 8, meta->has_times, meta->first_received);
    bind_time(stmt, 9, meta->has_times, meta->last_received);
    bind_time(stmt, 10, meta->has_times, meta->first_time);
    bind_time(stmt, 11, meta->has_times, meta->last_time);
    tw_db_bind_bytes(stmt, 12, (struct tw_str){(char *)totals, sizeof totals});
    tw_db_bind_bytes(stmt, 13, (struct tw_str){(char *)problems, sizeof problems});
    rc = tw_db_run(stmt, diag);
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int copy_taps(sqlite3 *from, sqlite3 *to, struct tw_diag *diag)
{
    sqlite3_stmt *select = NULL;
    sqlite3_stmt *insert = NULL;
    int rc = tw_db_prepare(from,
                           "SELECT tap, messages, bytes, events, quarantined, acks, last_received"
                           " FROM tap_state",
                           &select, diag);
    if (rc == TW_OK) {
        rc = tw_db_prepare(to, "INSERT INTO tap_state VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)", &insert,
                           diag);
    }
    while (rc == TW_OK) {
        rc = tw_db_row(select, diag);
        for (int i = 0; rc == TW_OK && i < 7; i++) {
            tw_db_bind_int(insert, i + 1, sqlite3_column_int64(select, i));
        }
        rc = rc == TW_OK ? tw_db_run(insert, diag) : rc;
    }
    (void)sqlite3_finalize(select); /* both repeat the error of the step */
    (void)sqlite3_finalize(insert);
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int fill_new(sqlite3 *db, const struct tw_part_meta *meta, sqlite3 *before,
                    struct tw_diag *diag)
{
    int rc = tw_schema_make(db, tw_part_schema(), diag);
    rc = rc == TW_OK ? tw_part_meta_write(db, meta, diag) : rc;
    rc = rc == TW_OK && before != NULL ? copy_taps(before, db, diag) : rc;
    return rc == TW_OK ? tw_db_exec(db, "COMMIT", diag) : rc;
}

int tw_part_create(const char *dir, const struct tw_part_meta *meta, sqlite3 *before,
                   struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    char draft[TW_PATH_MAX];
    int rc = tw_part_path(dir, meta->number, false, path);
    rc = rc == TW_OK ? tw_path_join(dir, "new-partition.tmp", draft) : rc;
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "%s: path too long", dir);
    }
    (void)unlink(draft); /* of a start that was cut off; if it cannot be, opening says so */
    sqlite3 *db = NULL;
    rc = tw_db_open(draft, TW_DB_CREATE, META_CACHE_KIB, &db, diag);
    if (rc == TW_OK) {
        rc = fill_new(db, meta, before, diag);
    }
    tw_db_close(&db);
    rc = rc == TW_OK ? tw_file_sync(draft, diag) : rc;
    if (rc == TW_OK && access(path, F_OK) == 0) {
        rc = tw_diag_set(diag, TW_EEXISTS, "%s: exists already", path);
    }
    if (rc == TW_OK && rename(draft, path) != 0) {
        rc = tw_system_error(diag, path, "rename to");
    }
    if (rc != TW_OK) {
        (void)unlink(draft); /* a draft of nothing */
        return rc;
    }
    return tw_dir_sync(dir, diag);
}
