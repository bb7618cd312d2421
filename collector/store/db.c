/* SPDX-License-Identifier: Apache-2.0
 * SQLite, opened one way and with its errors turned into ours. */
#include "config.h"
#include "store/internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define WHAT_TO_DO                                                                       \
    "nothing was changed: restore a backup, or move the file aside and salvage it with " \
    "`sqlite3 FILE .recover`"

static bool is_space_errno(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

/* errno of the last failed call on the database or its journal. sqlite3_system_errno() is what
 * errno happens to be when SQLite is done with cleaning up. */
static bool last_write_lacked_space(sqlite3 *db)
{
    sqlite3_file *journal = NULL;
    int error = 0;
    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK &&
        is_space_errno(error)) {
        return true;
    }
    error = 0;
    return sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &journal) == SQLITE_OK &&
           journal != NULL && journal->pMethods != NULL &&
           journal->pMethods->xFileControl(journal, SQLITE_FCNTL_LAST_ERRNO, &error) == SQLITE_OK &&
           is_space_errno(error);
}

/* Out of space in any of its forms: the disk, a quota, the process's own file size limit. */
static bool is_space_error(sqlite3 *db, int rc)
{
    if ((rc & 0xff) == SQLITE_FULL) {
        return true;
    }
    bool while_writing = rc == SQLITE_IOERR_WRITE || rc == SQLITE_IOERR_TRUNCATE ||
                         rc == SQLITE_IOERR_SHMSIZE || rc == SQLITE_IOERR_SHMOPEN ||
                         (rc & 0xff) == SQLITE_CANTOPEN;
    return db != NULL && while_writing &&
           (is_space_errno(sqlite3_system_errno(db)) || last_write_lacked_space(db));
}

static int code_of(sqlite3 *db, int rc)
{
    if (is_space_error(db, rc)) {
        return TW_ENOSPACE;
    }
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return TW_ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return TW_EBUSY;
    case SQLITE_CORRUPT:
    case SQLITE_ERROR: /* a table or column that is not there: all SQL is static */
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
        return TW_EDAMAGED;
    case SQLITE_NOTADB:
        return TW_EFOREIGN;
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_AUTH:
        return TW_EPERM;
    case SQLITE_INTERRUPT:
        return TW_ETIMEOUT;
    case SQLITE_CANTOPEN: {
        int system = db == NULL ? 0 : sqlite3_system_errno(db);
        return system == EACCES || system == EPERM || system == EROFS ? TW_EPERM : TW_EIO;
    }
    default:
        return TW_EIO;
    }
}

int tw_db_error(sqlite3 *db, int rc, struct tw_diag *diag)
{
    int code = code_of(db, rc);
    const char *path = db == NULL ? NULL : sqlite3_db_filename(db, "main");
    const char *text = db == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(db);
    bool is_bad_file = code == TW_EDAMAGED || code == TW_EFOREIGN;
    return tw_diag_set(diag, code, "%s: %s (%s, SQLite %d)%s%s", path == NULL ? "?" : path,
                       tw_err_text(code), text, rc, is_bad_file ? "; " : "",
                       is_bad_file ? WHAT_TO_DO : "");
}

int tw_db_exec(sqlite3 *db, const char *sql, struct tw_diag *diag)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? TW_OK : tw_db_error(db, rc, diag);
}

int tw_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt, struct tw_diag *diag)
{
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL);
    return rc == SQLITE_OK ? TW_OK : tw_db_error(db, rc, diag);
}

int tw_db_row(sqlite3_stmt *stmt, struct tw_diag *diag)
{
    int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) {
        return TW_OK;
    }
    sqlite3 *db = sqlite3_db_handle(stmt);
    int code =
        rc == SQLITE_DONE ? TW_ENOTFOUND : tw_db_error(db, sqlite3_extended_errcode(db), diag);
    (void)sqlite3_reset(stmt); /* repeats the error that is being returned */
    return code;
}

int tw_db_run(sqlite3_stmt *stmt, struct tw_diag *diag)
{
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        (void)sqlite3_reset(stmt); /* a row nobody asked for, of a pragma */
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

void tw_db_bind_bytes(sqlite3_stmt *stmt, int index, struct tw_str bytes)
{
    /* binding fails on a wrong index only: static SQL, so a programmer error */
    int rc = bytes.ptr == NULL
                 ? sqlite3_bind_null(stmt, index)
                 : sqlite3_bind_blob64(stmt, index, bytes.ptr, bytes.len, SQLITE_STATIC);
    TW_ASSERT(rc == SQLITE_OK || rc == SQLITE_TOOBIG || rc == SQLITE_NOMEM);
}

void tw_db_bind_int(sqlite3_stmt *stmt, int index, int64_t value)
{
    TW_ASSERT(sqlite3_bind_int64(stmt, index, value) == SQLITE_OK);
}

struct tw_str tw_db_column_bytes(sqlite3_stmt *stmt, int column)
{
    if (sqlite3_column_type(stmt, column) == SQLITE_NULL) {
        return TW_STR_NULL;
    }
    const char *ptr = sqlite3_column_blob(stmt, column);
    int len = sqlite3_column_bytes(stmt, column);
    return (struct tw_str){ptr == NULL ? "" : ptr, (size_t)len};
}

/* file: URI with the bytes that mean something there escaped. TW_ELIMIT when too long. */
static int make_uri(const char *path, const char *query, char *uri, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 5;
    memcpy(uri, "file:", 5);
    for (const char *p = path; *p != 0; p++) {
        if (at + 4 + strlen(query) >= size) {
            return TW_ELIMIT;
        }
        if (*p == '%' || *p == '?' || *p == '#') {
            uri[at++] = '%';
            uri[at++] = hex[(unsigned char)*p >> 4];
            uri[at++] = hex[(unsigned char)*p & 15];
        } else {
            uri[at++] = *p;
        }
    }
    memcpy(uri + at, query, strlen(query) + 1);
    return TW_OK;
}

static int set_pragmas(sqlite3 *db, enum tw_db_mode mode, int cache_kib, struct tw_diag *diag)
{
    char sql[160];
    (void)sqlite3_busy_timeout(db, TW_BUSY_MS); /* cannot fail */
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)snprintf(sql, sizeof sql,
                   "PRAGMA mmap_size=0;PRAGMA temp_store=MEMORY;PRAGMA cache_size=%d;", -cache_kib);
    int rc = tw_db_exec(db, sql, diag);
    if (rc == TW_OK && mode == TW_DB_CREATE) {
        (void)snprintf(sql, sizeof sql,
                       "PRAGMA page_size=%d;PRAGMA journal_mode=OFF;PRAGMA synchronous=OFF;",
                       TW_DB_PAGE_SIZE);
        rc = tw_db_exec(db, sql, diag);
    }
    if (rc == TW_OK && mode == TW_DB_WRITE) {
        /* checkpoints are called for by the writer, which looks at their result */
        rc = tw_db_exec(db,
                        "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                        "PRAGMA wal_autocheckpoint=0;PRAGMA foreign_keys=OFF;",
                        diag);
    }
    return rc;
}

int tw_db_open(const char *path, enum tw_db_mode mode, int cache_kib, sqlite3 **ret_db,
               struct tw_diag *diag)
{
    static const int flags[] = {
        [TW_DB_READ] = SQLITE_OPEN_READONLY,
        [TW_DB_IMMUTABLE] = SQLITE_OPEN_READONLY,
        [TW_DB_WRITE] = SQLITE_OPEN_READWRITE,
        [TW_DB_CREATE] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
    };
    char uri[TW_PATH_MAX + 64];
    if (make_uri(path, mode == TW_DB_IMMUTABLE ? "?immutable=1" : "", uri, sizeof uri) != TW_OK) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: path too long", path);
    }
    if (mode != TW_DB_CREATE && access(path, F_OK) != 0 && errno == ENOENT) {
        return TW_ENOTFOUND;
    }
    sqlite3 *db = NULL;
    int rc = sqlite3_open_v2(
        uri, &db, flags[mode] | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
        NULL);
    if (rc != SQLITE_OK) {
        int code = rc == SQLITE_CANTOPEN && access(path, F_OK) != 0 && errno == ENOENT
                       ? TW_ENOTFOUND
                       : tw_db_error(db, rc, diag);
        (void)sqlite3_close(db);
        return code;
    }
    int code = set_pragmas(db, mode, cache_kib, diag);
    if (code != TW_OK) {
        tw_db_close(&db);
        return code;
    }
    *ret_db = db;
    return TW_OK;
}

void tw_db_close(sqlite3 **db_p)
{
    sqlite3 *db = *db_p;
    *db_p = NULL;
    if (db != NULL) {
        TW_ASSERT(sqlite3_close(db) == SQLITE_OK); /* a statement was left: our mistake */
    }
}
