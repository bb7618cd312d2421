/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/outbox.h"

#include <stdlib.h>

#include "store/migrate.h"
#include "store/replay_items.h"

#define CACHE_KIB        4096
#define CHECKPOINT_EVERY 200 /* transactions between two checkpoints of the journal */

enum statement { STMT_DATA_VERSION, STMT_PUT_AGENT, STMT_NOBODY, STMT_COUNT };

static const char *const statements[STMT_COUNT] = {
    [STMT_DATA_VERSION] = "PRAGMA data_version",
    [STMT_PUT_AGENT] =
        "INSERT INTO agent(name, systems, capacity, is_online, since, heard, address, hellos,"
        " malformed) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET"
        " systems = ?2, capacity = ?3, is_online = ?4, since = ?5, heard = ?6, address = ?7,"
        " hellos = hellos + ?8, malformed = malformed + ?9",
    [STMT_NOBODY] = "UPDATE agent SET is_online = 0, since = ?1 WHERE is_online = 1",
};

struct tw_outbox {
    sqlite3 *db;
    sqlite3_stmt *stmts[STMT_COUNT];
    struct tw_items items;
    bool has_items;
    int64_t data_version; /* as it was looked at last; 0: never */
    unsigned transactions;
};

/* ---- life ---- */

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

static int open_file(struct tw_outbox *self, const char *dir, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    const struct tw_schema *schema = tw_desk_schema();
    int rc = tw_path_join(dir, TW_DESK_NAME, path);
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "%s: path too long", dir);
    }
    rc = tw_file_check(path, schema->app_id, schema->version, diag);
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_WRITE, CACHE_KIB, &self->db, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(diag, rc, "%s: there is no desk yet", dir);
    }
    rc = rc == TW_OK ? check_version(self->db, schema, diag) : rc;
    if (rc == TW_OK) {
        (void)sqlite3_busy_timeout(self->db, TW_OUTBOX_BUSY_MS); /* cannot fail */
        self->has_items = true;
        rc = tw_items_init(&self->items, self->db, diag);
    }
    for (size_t i = 0; rc == TW_OK && i < STMT_COUNT; i++) {
        rc = tw_db_prepare(self->db, statements[i], &self->stmts[i], diag);
    }
    return rc;
}

int tw_outbox_open(const char *dir, struct tw_outbox **ret_outbox, struct tw_diag *diag)
{
    struct tw_outbox *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    int rc = open_file(self, dir, diag);
    if (rc != TW_OK) {
        tw_outbox_close(&self);
        return rc;
    }
    *ret_outbox = self;
    return TW_OK;
}

void tw_outbox_close(struct tw_outbox **self_p)
{
    struct tw_outbox *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < STMT_COUNT; i++) {
        (void)sqlite3_finalize(self->stmts[i]); /* repeats errors already seen */
    }
    if (self->has_items) {
        tw_items_fini(&self->items);
    }
    tw_db_close(&self->db);
    free(self);
}

/* ---- transactions ---- */

int tw_outbox_has_changed(struct tw_outbox *self, bool *ret_has_changed, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_DATA_VERSION];
    int rc = tw_db_row(stmt, diag);
    if (rc != TW_OK) {
        return rc;
    }
    int64_t version = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt); /* it gave its row */
    *ret_has_changed = version != self->data_version;
    self->data_version = version;
    return TW_OK;
}

int tw_outbox_begin(struct tw_outbox *self, struct tw_diag *diag)
{
    return tw_db_exec(self->db, "BEGIN IMMEDIATE", diag);
}

/* Readers may hold back the end of the journal; the next checkpoint takes it. */
static int checkpoint(struct tw_outbox *self, struct tw_diag *diag)
{
    if (++self->transactions < CHECKPOINT_EVERY) {
        return TW_OK;
    }
    self->transactions = 0;
    int rc = sqlite3_wal_checkpoint_v2(self->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? TW_OK : tw_db_error(self->db, rc, diag);
}

int tw_outbox_commit(struct tw_outbox *self, struct tw_diag *diag)
{
    int rc = tw_db_exec(self->db, "UPDATE meta SET revision = revision + 1;COMMIT", diag);
    return rc == TW_OK ? checkpoint(self, diag) : rc;
}

void tw_outbox_abandon(struct tw_outbox *self)
{
    if (sqlite3_get_autocommit(self->db) == 0) {
        (void)tw_db_exec(self->db, "ROLLBACK", NULL); /* closing does it too */
    }
}

/* ---- agents ---- */

int tw_outbox_put_agent(struct tw_outbox *self, const struct tw_outbox_agent *agent,
                        struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_PUT_AGENT];
    tw_db_bind_bytes(stmt, 1, agent->name);
    tw_db_bind_bytes(stmt, 2, agent->systems);
    tw_db_bind_int(stmt, 3, agent->capacity);
    tw_db_bind_int(stmt, 4, agent->is_online);
    tw_db_bind_int(stmt, 5, agent->since.ns);
    tw_db_bind_int(stmt, 6, agent->heard.ns);
    tw_db_bind_bytes(stmt, 7, agent->address);
    tw_db_bind_int(stmt, 8, agent->hellos);
    tw_db_bind_int(stmt, 9, agent->malformed);
    return tw_db_run(stmt, diag);
}

int tw_outbox_nobody_is_online(struct tw_outbox *self, tw_wall_t now, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_NOBODY];
    tw_db_bind_int(stmt, 1, now.ns);
    return tw_db_run(stmt, diag);
}
