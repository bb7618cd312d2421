/* SPDX-License-Identifier: Apache-2.0
 * The catalogue: identity of the store, its secret seed, its dictionaries. Opened for a moment at
 * the start; the connection is not kept, so that requests of others never wait for us.
 */
#include "config.h"
#include "store/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/migrate.h"

#define CATALOGUE_CACHE_KIB 512
#define SCOPE_MAX           1024
#define CODES_MAX           65536

static int put_meta(sqlite3 *db, const char *key, const void *bytes, size_t len,
                    struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, "INSERT INTO meta(key, value) VALUES(?1, ?2)", &stmt, diag);
    if (rc == TW_OK) {
        TW_ASSERT(sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC) == SQLITE_OK);
        tw_db_bind_bytes(stmt, 2, (struct tw_str){bytes, len});
        rc = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int fill_new(sqlite3 *db, tw_wall_t now, struct tw_diag *diag)
{
    uint8_t secrets[TW_STORE_ID_BYTES + 8];
    if (getrandom(secrets, sizeof secrets, 0) != (ssize_t)sizeof secrets) {
        return tw_diag_set(diag, TW_ESYSTEM, "no random numbers from the system");
    }
    char sql[128];
    int rc = tw_schema_make(db, tw_catalogue_schema(), diag);
    rc = rc == TW_OK ? put_meta(db, "store_id", secrets, TW_STORE_ID_BYTES, diag) : rc;
    rc = rc == TW_OK ? put_meta(db, "ident_seed", secrets + TW_STORE_ID_BYTES, 8, diag) : rc;
    if (rc == TW_OK) {
        (void)snprintf(sql, sizeof sql, "INSERT INTO meta(key, value) VALUES('created', %lld);",
                       (long long)now.ns);
        rc = tw_db_exec(db, sql, diag);
    }
    return rc == TW_OK ? tw_db_exec(db, "COMMIT", diag) : rc;
}

/* Like a partition: complete and synced before it gets its name. */
static int create(const struct tw_store *store, const char *path, struct tw_diag *diag)
{
    char draft[TW_PATH_MAX];
    if (tw_path_join(store->dir, "new-catalogue.tmp", draft) != TW_OK) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: path too long", store->dir);
    }
    (void)unlink(draft); /* of a start that was cut off */
    sqlite3 *db = NULL;
    int rc = tw_db_open(draft, TW_DB_CREATE, CATALOGUE_CACHE_KIB, &db, diag);
    rc = rc == TW_OK ? fill_new(db, store->clock->wall(store->clock), diag) : rc;
    tw_db_close(&db);
    /* it holds the secret seed and personal data: nobody else's business */
    return tw_file_publish(rc, store->dir, draft, path, diag);
}

static int read_blob(sqlite3 *db, const char *key, void *to, size_t len, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, "SELECT value FROM meta WHERE key = ?1", &stmt, diag);
    if (rc == TW_OK) {
        TW_ASSERT(sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC) == SQLITE_OK);
        rc = tw_db_row(stmt, diag);
        struct tw_str value = rc == TW_OK ? tw_db_column_bytes(stmt, 0) : TW_STR_NULL;
        if (rc == TW_ENOTFOUND || (rc == TW_OK && value.len != len)) {
            rc = tw_diag_set(diag, TW_EDAMAGED,
                             "%s: damaged: '%s' is missing; nothing was changed: restore a backup",
                             sqlite3_db_filename(db, "main"), key);
        } else if (rc == TW_OK) {
            memcpy(to, value.ptr, len);
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

/* ---- dictionaries ---- */

static int keep_name(char ***names, size_t *count, int64_t code, const char *name)
{
    if (code <= 0 || code >= CODES_MAX) {
        return TW_EDAMAGED;
    }
    if ((size_t)code >= *count) {
        size_t grown = (size_t)code + 16;
        char **bigger = realloc(*names, grown * sizeof *bigger);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        memset(bigger + *count, 0, (grown - *count) * sizeof *bigger);
        *names = bigger;
        *count = grown;
    }
    free((*names)[code]);
    (*names)[code] = strdup(name);
    return (*names)[code] == NULL ? TW_ENOMEM : TW_OK;
}

/* Run an insert-or-update that returns the code of `name`, and keep the pair. */
static int register_name(sqlite3_stmt *stmt, const char *name, char ***names, size_t *count,
                         struct tw_diag *diag)
{
    TW_ASSERT(sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC) == SQLITE_OK);
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        rc = keep_name(names, count, sqlite3_column_int64(stmt, 0), name);
    }
    int end = rc == TW_OK ? tw_db_row(stmt, diag) : TW_OK;
    return end == TW_ENOTFOUND || rc != TW_OK ? rc : end;
}

static void join_scope(const struct tw_cfg_strings *scope, char *text, size_t size)
{
    size_t at = 0;
    text[0] = 0;
    for (size_t i = 0; i < scope->count && at < size; i++) {
        int len = snprintf(text + at, size - at, "%s%s", i == 0 ? "" : "/", scope->items[i]);
        at += len < 0 ? 0 : (size_t)len;
    }
}

static int register_objects(struct tw_store *store, sqlite3 *db, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db,
                           "INSERT INTO object_type(name, is_linking, scope, is_indexed)"
                           " VALUES(?1, ?2, ?3, ?4) ON CONFLICT(name) DO UPDATE SET"
                           " is_linking = ?2, scope = ?3, is_indexed = ?4 RETURNING code",
                           &stmt, diag);
    for (size_t i = 0; rc == TW_OK && i < store->cfg->object_count; i++) {
        const struct tw_cfg_object *object = &store->cfg->objects[i];
        char scope[SCOPE_MAX];
        join_scope(&object->scope, scope, sizeof scope);
        tw_db_bind_int(stmt, 2, object->is_linking);
        TW_ASSERT(sqlite3_bind_text(stmt, 3, scope, -1, SQLITE_TRANSIENT) == SQLITE_OK);
        tw_db_bind_int(stmt, 4, object->is_indexed || object->is_linking);
        rc = register_name(stmt, object->type, &store->object_names, &store->object_count, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int register_taps(struct tw_store *store, sqlite3 *db, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db,
                           "INSERT INTO tap(name) VALUES(?1)"
                           " ON CONFLICT(name) DO UPDATE SET name = ?1 RETURNING code",
                           &stmt, diag);
    for (size_t i = 0; rc == TW_OK && i < store->cfg->tap_count; i++) {
        rc = register_name(stmt, store->cfg->taps[i].name, &store->tap_names, &store->tap_count,
                           diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int use(struct tw_store *store, sqlite3 *db, struct tw_diag *diag)
{
    uint8_t seed[8];
    int rc = read_blob(db, "store_id", store->store_id, TW_STORE_ID_BYTES, diag);
    rc = rc == TW_OK ? read_blob(db, "ident_seed", seed, sizeof seed, diag) : rc;
    if (rc == TW_OK) {
        tw_counters_decode((struct tw_str){(char *)seed, 8}, &store->ident_seed, 1);
        rc = tw_db_exec(db, "BEGIN IMMEDIATE", diag);
    }
    rc = rc == TW_OK ? register_objects(store, db, diag) : rc;
    rc = rc == TW_OK ? register_taps(store, db, diag) : rc;
    return rc == TW_OK ? tw_db_exec(db, "COMMIT", diag) : rc;
}

int tw_catalogue_open(struct tw_store *store, bool may_create, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    if (tw_path_join(store->dir, TW_CATALOGUE_NAME, path) != TW_OK) {
        return tw_diag_set(diag, TW_ELIMIT, "%s: path too long", store->dir);
    }
    const struct tw_schema *schema = tw_catalogue_schema();
    int rc = tw_file_check(path, schema->app_id, schema->version, diag);
    if (rc == TW_ENOTFOUND && !may_create) {
        return tw_diag_set(diag, TW_EDAMAGED,
                           "%s is missing but there are partitions; nothing was changed: restore "
                           "it from a backup",
                           path);
    }
    if (rc == TW_ENOTFOUND) {
        rc = create(store, path, diag);
    }
    sqlite3 *db = NULL;
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_WRITE, CATALOGUE_CACHE_KIB, &db, diag) : rc;
    rc = rc == TW_OK ? tw_schema_migrate(db, schema, diag) : rc;
    rc = rc == TW_OK ? use(store, db, diag) : rc;
    tw_db_close(&db);
    return rc;
}

/* ---- definitions ---- */

static int put_workflow(sqlite3 *db, const char *name, uint64_t version, struct tw_str text,
                        tw_wall_t now, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db,
                           "INSERT OR IGNORE INTO workflow_version(name, version, text, since)"
                           " VALUES(?1, ?2, ?3, ?4)",
                           &stmt, diag);
    if (rc == TW_OK) {
        tw_db_bind_bytes(stmt, 1, tw_str_of(name));
        tw_db_bind_int(stmt, 2, (int64_t)version);
        tw_db_bind_bytes(stmt, 3, text);
        tw_db_bind_int(stmt, 4, now.ns);
        rc = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

int tw_store_register_workflow(struct tw_store *self, const char *name, uint64_t version,
                               struct tw_str text, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    tw_wall_t now = self->clock->wall(self->clock);
    int rc = tw_path_join(self->dir, TW_CATALOGUE_NAME, path);
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_WRITE, CATALOGUE_CACHE_KIB, &db, diag) : rc;
    rc = rc == TW_OK ? put_workflow(db, name, version, text, now, diag) : rc;
    tw_db_close(&db);
    return rc;
}

void tw_catalogue_tidy(const struct tw_store *store)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    if (tw_path_join(store->dir, TW_CATALOGUE_NAME "-wal", path) != TW_OK ||
        access(path, F_OK) != 0) {
        return;
    }
    /* closed last, by one who may write: SQLite removes it then */
    int rc = tw_path_join(store->dir, TW_CATALOGUE_NAME, path);
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_WRITE, CATALOGUE_CACHE_KIB, &db, NULL) : rc;
    (void)rc; /* it stays then, with nothing in it */
    tw_db_close(&db);
}

void tw_catalogue_forget(struct tw_store *store)
{
    for (size_t i = 0; i < store->object_count; i++) {
        free(store->object_names[i]);
    }
    for (size_t i = 0; i < store->tap_count; i++) {
        free(store->tap_names[i]);
    }
    free(store->object_names);
    free(store->tap_names);
}

static int find_code(char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i] != NULL && strcmp(names[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int tw_store_object_code(const struct tw_store *self, const char *type)
{
    return find_code(self->object_names, self->object_count, type);
}

int tw_store_tap_code(const struct tw_store *self, const char *tap)
{
    return find_code(self->tap_names, self->tap_count, tap);
}

uint64_t tw_store_seed(const struct tw_store *self)
{
    return self->ident_seed;
}
