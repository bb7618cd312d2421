/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/desk_deed.h"

#include <time.h>

#include "store/audit.h"
#include "store/desk_read.h"
#include "store/migrate.h"

#define COMMAND_CACHE_KIB 512
#define PAUSE_MS          1

/* ---- beside the desk ---- */

/* The desk brings the file to the version of this program. */
static int check_version(sqlite3 *db, const struct tw_schema *schema, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, "PRAGMA user_version", &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    if (rc == TW_OK && sqlite3_column_int64(stmt, 0) != (int64_t)schema->version) {
        rc = tw_diag_set(diag, TW_EOLDER, "%s: %s", TW_DESK_NAME, tw_err_text(TW_EOLDER));
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

/* SQLite's own handler sleeps for up to a tenth of a second between two tries; the desk, which has
 * one portion after the other to write, would let nobody in. Its pauses are a few milliseconds. */
static int wait_a_little(void *context, int tries)
{
    (void)context;
    const struct timespec pause = {.tv_nsec = PAUSE_MS * TW_NS_PER_MS};
    if (tries >= TW_DESK_GIVE_WAY_MS / PAUSE_MS) {
        return 0;
    }
    (void)nanosleep(&pause, NULL); /* interrupted: the next try is early */
    return 1;
}

int tw_desk_open_beside(const char *dir, int cache_kib, sqlite3 **ret_db, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    const struct tw_schema *schema = tw_desk_schema();
    int rc = tw_path_join(dir, TW_DESK_NAME, path);
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "%s: path too long", dir);
    }
    rc = tw_file_check(path, schema->app_id, schema->version, diag);
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_WRITE, cache_kib, &db, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(diag, rc, "%s: there is no desk yet", dir);
    }
    rc = rc == TW_OK ? check_version(db, schema, diag) : rc;
    if (rc != TW_OK) {
        tw_db_close(&db);
        return rc;
    }
    (void)sqlite3_busy_handler(db, wait_a_little, NULL); /* cannot fail */
    *ret_db = db;
    return TW_OK;
}

/* ---- deeds ---- */

int tw_desk_open_for_writing(const char *dir, sqlite3 **ret_db, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    const struct tw_schema *schema = tw_desk_schema();
    int rc = tw_path_join(dir, TW_DESK_NAME, path);
    rc = rc == TW_OK ? tw_file_check(path, schema->app_id, schema->version, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(diag, rc, "%s: there is no desk yet; start the collector first", dir);
    }
    return rc == TW_OK ? tw_db_open(path, TW_DB_WRITE, COMMAND_CACHE_KIB, ret_db, diag) : rc;
}

int tw_desk_deed_run(sqlite3 *db, const char *sql, const struct tw_desk_value *values, size_t count,
                     uint64_t *ret_changes, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, sql, &stmt, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (values[i].is_number) {
            tw_db_bind_int(stmt, (int)i + 1, values[i].number);
        } else {
            tw_db_bind_bytes(stmt, (int)i + 1, values[i].bytes);
        }
    }
    rc = rc == TW_OK ? tw_db_run(stmt, diag) : rc;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc == TW_OK) {
        *ret_changes = (uint64_t)sqlite3_changes64(db);
    }
    return rc;
}

int tw_desk_deed_begin(const struct tw_desk_deed *deed, sqlite3 **ret_db, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    if (deed->reason.len > TW_REASON_MAX) {
        *ret_db = NULL;
        return tw_diag_set(diag, TW_EINVAL, "reason: at most %d bytes", TW_REASON_MAX);
    }
    const struct tw_audit_row row = {
        .at = deed->now,
        .actor = deed->actor,
        .kind = deed->kind,
        .address = deed->address,
        .action = deed->action,
        .subject = deed->subject,
        .detail = deed->detail,
        .reason = deed->reason,
        .outcome = deed->outcome.ptr == NULL ? TW_STR_LIT("done") : deed->outcome,
    };
    int rc = tw_desk_open_for_writing(deed->dir, &db, diag);
    rc = rc == TW_OK ? tw_db_exec(db, "BEGIN IMMEDIATE", diag) : rc;
    rc = rc == TW_OK ? tw_audit_add(db, &row, diag) : rc;
    *ret_db = db;
    return rc;
}

int tw_desk_deed_finish(sqlite3 **db_p, int rc, struct tw_diag *diag)
{
    rc = rc == TW_OK ? tw_db_exec(*db_p, "UPDATE meta SET revision = revision + 1", diag) : rc;
    rc = rc == TW_OK ? tw_db_exec(*db_p, "COMMIT", diag) : rc;
    if (rc == TW_OK) {
        tw_audit_committed(*db_p);
    }
    if (*db_p != NULL && sqlite3_get_autocommit(*db_p) == 0) {
        (void)tw_db_exec(*db_p, "ROLLBACK", NULL); /* closing does it too */
    }
    tw_db_close(db_p);
    return rc;
}
