/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/migrate.h"

#include <stdio.h>
#include <unistd.h>

#include "core/log.h"

#define MIGRATE_CACHE_KIB 2048

static int set_version(sqlite3 *db, uint32_t version, struct tw_diag *diag)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA user_version=%u", version);
    return tw_db_exec(db, sql, diag);
}

/* As SQLite sees it: with what the journal has. */
static int read_version(sqlite3 *db, int64_t *ret_version, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, "PRAGMA user_version", &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    if (rc == TW_OK) {
        *ret_version = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int run_sql_and_code(sqlite3 *db, const struct tw_schema *schema, uint32_t from,
                            struct tw_diag *diag)
{
    int rc = tw_db_exec(db, schema->steps[from], diag);
    bool has_code = schema->code != NULL && schema->code[from] != NULL;
    return rc == TW_OK && has_code ? schema->code[from](db, diag) : rc;
}

int tw_schema_make(sqlite3 *db, const struct tw_schema *schema, struct tw_diag *diag)
{
    char sql[64];
    (void)snprintf(sql, sizeof sql, "PRAGMA application_id=%u", schema->app_id);
    int rc = tw_db_exec(db, sql, diag);
    rc = rc == TW_OK ? tw_db_exec(db, "BEGIN", diag) : rc;
    for (uint32_t v = 0; rc == TW_OK && v < schema->version; v++) {
        rc = run_sql_and_code(db, schema, v, diag);
    }
    return rc == TW_OK ? set_version(db, schema->version, diag) : rc;
}

/* One step; user_version is part of the transaction. */
static int run_step(sqlite3 *db, const struct tw_schema *schema, uint32_t from,
                    struct tw_diag *diag)
{
    struct tw_diag why = {{0}};
    int rc = tw_db_exec(db, "BEGIN IMMEDIATE", &why);
    rc = rc == TW_OK ? run_sql_and_code(db, schema, from, &why) : rc;
    rc = rc == TW_OK ? set_version(db, from + 1, &why) : rc;
    rc = rc == TW_OK ? tw_db_exec(db, "COMMIT", &why) : rc;
    if (rc == TW_OK) {
        return TW_OK;
    }
    if (sqlite3_get_autocommit(db) == 0) {
        /* if this fails, too, closing the file rolls back: the step was never committed */
        (void)tw_db_exec(db, "ROLLBACK", NULL);
    }
    return tw_diag_set(diag, rc, "schema %u of this file could not be made schema %u: %s", from,
                       from + 1, why.text);
}

/* The head of the file names the new version from now on, so that an older program refuses it
 * without a look at the journal. What readers hold back is done with the next checkpoint. */
static int empty_journal(sqlite3 *db, struct tw_diag *diag)
{
    int rc = sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? TW_OK : tw_db_error(db, rc, diag);
}

static int migrate_from(sqlite3 *db, int64_t from, const struct tw_schema *schema,
                        struct tw_diag *diag)
{
    const char *path = sqlite3_db_filename(db, "main");
    if (from < 0 || from > (int64_t)schema->version) {
        return tw_diag_set(diag, TW_ENEWER,
                           "%s: written by a newer version (schema %lld, this program knows %u); "
                           "nothing was changed: start the newer program",
                           path, (long long)from, schema->version);
    }
    int rc = TW_OK;
    for (uint32_t v = (uint32_t)from; rc == TW_OK && v < schema->version; v++) {
        rc = run_step(db, schema, v, diag);
    }
    rc = rc == TW_OK ? empty_journal(db, diag) : rc;
    if (rc == TW_OK) {
        tw_log(TW_LOG_SCHEMA_MIGRATED_EVENT, TW_F_CSTR("file", path), TW_F_INT("from", from),
               TW_F_INT("to", schema->version));
    }
    return rc;
}

int tw_schema_migrate(sqlite3 *db, const struct tw_schema *schema, struct tw_diag *diag)
{
    int64_t from = 0;
    int rc = read_version(db, &from, diag);
    if (rc == TW_OK && from != (int64_t)schema->version) {
        rc = migrate_from(db, from, schema, diag);
    }
    if (rc != TW_OK) {
        /* what is refused keeps its journal as it is, too */
        (void)sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    return rc;
}

int tw_schema_migrate_file(const char *path, const struct tw_schema *schema, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    int rc = tw_db_open(path, TW_DB_WRITE, MIGRATE_CACHE_KIB, &db, diag);
    rc = rc == TW_OK ? tw_schema_migrate(db, schema, diag) : rc;
    tw_db_close(&db);
    return rc;
}

int tw_schema_create(const char *dir, const char *path, const struct tw_schema *schema,
                     const uint8_t *store_id, struct tw_diag *diag)
{
    char draft[TW_PATH_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    if (snprintf(draft, sizeof draft, "%s.tmp", path) >= (int)sizeof draft) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: path too long", dir);
    }
    (void)unlink(draft); /* of an attempt that was cut off */
    int rc = tw_db_open(draft, TW_DB_CREATE, MIGRATE_CACHE_KIB, &db, diag);
    rc = rc == TW_OK ? tw_schema_make(db, schema, diag) : rc;
    rc = rc == TW_OK
             ? tw_db_prepare(db, "INSERT INTO meta(id, store_id) VALUES(1, ?1)", &stmt, diag)
             : rc;
    if (rc == TW_OK) {
        tw_db_bind_bytes(stmt, 1, (struct tw_str){(const char *)store_id, TW_STORE_ID_BYTES});
        rc = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    rc = rc == TW_OK ? tw_db_exec(db, "COMMIT", diag) : rc;
    tw_db_close(&db);
    return tw_file_publish(rc, dir, draft, path, diag);
}
