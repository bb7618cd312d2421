/* SPDX-License-Identifier: Apache-2.0
 * Requests: rows of the catalogue. The file `no-requests` in the store's directory says that none
 * waits, so that asking costs one stat. It is made and removed by whoever holds the catalogue's
 * write lock: created by the one that has just seen that none waits, removed (and the removal
 * synced) by the one that adds a row, before its commit. If it is lost, a question costs more.
 * Thread: any; each call has a connection of its own.
 */
#include "config.h"
#include "store/request.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/internal.h"

/* Waiting requests of one store. A person asks for a few; a program in a loop is stopped here. */
#define WAITING_MAX 10000
/* Requests are rare: little page cache will do. */
#define CACHE_KIB 128
/* Name of the file that says that none waits. */
#define NONE_NAME "no-requests"

static int open_catalogue(const char *dir, enum tw_db_mode mode, sqlite3 **ret_db,
                          struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    sqlite3_stmt *stmt = NULL;
    sqlite3 *db = NULL;
    int err = tw_path_join(dir, TW_CATALOGUE_NAME, path);
    if (err == TW_OK) {
        err = tw_db_open(path, mode, CACHE_KIB, &db, diag);
    }
    if (err == TW_ENOTFOUND) {
        return tw_diag_set(diag, err, "%s: there is no store; start the collector first", path);
    }
    if (err == TW_OK) {
        err = tw_db_prepare(db, "PRAGMA application_id", &stmt, diag);
    }
    if (err == TW_OK) {
        err = tw_db_row(stmt, diag);
    }
    if (err == TW_OK && sqlite3_column_int64(stmt, 0) != TW_CATALOGUE_APP_ID) {
        err = tw_diag_set(diag, TW_EFOREIGN, "%s: not a Tillwatch store", path);
    }
    (void)sqlite3_finalize(stmt); /* repeats an error that is known */
    if (err != TW_OK) {
        tw_db_close(&db);
        return err;
    }
    *ret_db = db;
    return TW_OK;
}

/* Roll back what a failed call left, and close. */
static void close_catalogue(sqlite3 **db_p)
{
    if (*db_p != NULL && !sqlite3_get_autocommit(*db_p)) {
        (void)tw_db_exec(*db_p, "ROLLBACK", NULL); /* closing does it too */
    }
    tw_db_close(db_p);
}

/* Needs the catalogue's write lock. */
static int remove_marker(const char *dir, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    int err = tw_path_join(dir, NONE_NAME, path);
    if (err != TW_OK) {
        return err;
    }
    if (unlink(path) == 0) {
        return tw_dir_sync(dir, diag);
    }
    return errno == ENOENT ? TW_OK : tw_system_error(diag, path, "remove");
}

/* Needs the catalogue's write lock. Failing only makes questions dearer. */
static void make_marker(const char *dir)
{
    char path[TW_PATH_MAX];
    if (tw_path_join(dir, NONE_NAME, path) == TW_OK) {
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
        if (fd >= 0) {
            (void)close(fd); /* nothing was written */
        }
    }
}

static bool is_marked(const char *dir)
{
    char path[TW_PATH_MAX];
    struct stat st;
    return tw_path_join(dir, NONE_NAME, path) == TW_OK && stat(path, &st) == 0;
}

static int count_waiting(sqlite3 *db, int64_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int err = tw_db_prepare(db, "SELECT count(*) FROM request WHERE state = 0", &stmt, diag);
    if (err == TW_OK) {
        err = tw_db_row(stmt, diag);
    }
    if (err == TW_OK) {
        *ret_count = sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats an error that is known */
    return err;
}

static int insert(sqlite3 *db, const struct tw_request *request, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int err = tw_db_prepare(db,
                            "INSERT INTO request(kind, body, actor, created, state)"
                            " VALUES(?1, ?2, ?3, ?4, 0)",
                            &stmt, diag);
    if (err == TW_OK) {
        tw_db_bind_bytes(stmt, 1, request->kind);
        tw_db_bind_bytes(stmt, 2, request->body);
        tw_db_bind_bytes(stmt, 3, request->actor);
        tw_db_bind_int(stmt, 4, request->created.ns);
        err = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats an error that is known */
    return err;
}

int tw_request_add(const char *dir, struct tw_str kind, struct tw_str body, struct tw_str actor,
                   tw_wall_t now, uint64_t *ret_id, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    int64_t waiting = 0;
    int64_t id = 0;
    if (kind.len == 0) {
        return tw_diag_set(diag, TW_EINVAL, "a request needs a kind");
    }
    const struct tw_request request = {.kind = kind, .body = body, .actor = actor, .created = now};
    int err = open_catalogue(dir, TW_DB_WRITE, &db, diag);
    if (err == TW_OK) {
        err = tw_db_exec(db, "BEGIN IMMEDIATE", diag);
    }
    if (err == TW_OK) {
        err = count_waiting(db, &waiting, diag);
    }
    if (err == TW_OK && waiting >= WAITING_MAX) {
        err = tw_diag_set(diag, TW_ELIMIT, "%d requests wait already; is the collector running?",
                          WAITING_MAX);
    }
    if (err == TW_OK) {
        err = insert(db, &request, diag);
    }
    if (err == TW_OK) {
        id = sqlite3_last_insert_rowid(db);
        err = remove_marker(dir, diag);
    }
    if (err == TW_OK) {
        err = tw_db_exec(db, "COMMIT", diag);
    }
    close_catalogue(&db);
    if (err == TW_OK) {
        *ret_id = (uint64_t)id;
    }
    return err;
}

static int copy_column(sqlite3_stmt *stmt, int column, struct tw_arena *arena,
                       struct tw_str *ret_text)
{
    struct tw_str text = tw_db_column_bytes(stmt, column);
    *ret_text = tw_arena_copy(arena, text);
    return text.ptr != NULL && ret_text->ptr == NULL ? TW_ENOMEM : TW_OK;
}

/* Columns: id, kind, body, actor, created, state, result. */
static int take_request(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_request *ret_request)
{
    int64_t state = sqlite3_column_int64(stmt, 5);
    if (state < TW_REQUEST_WAITING || state > TW_REQUEST_FAILED) {
        return TW_EDAMAGED;
    }
    struct tw_request request = {.id = (uint64_t)sqlite3_column_int64(stmt, 0),
                                 .created = {sqlite3_column_int64(stmt, 4)},
                                 .state = (enum tw_request_state)state};
    int err = copy_column(stmt, 1, arena, &request.kind);
    if (err == TW_OK) {
        err = copy_column(stmt, 2, arena, &request.body);
    }
    if (err == TW_OK) {
        err = copy_column(stmt, 3, arena, &request.actor);
    }
    if (err == TW_OK) {
        err = copy_column(stmt, 6, arena, &request.result);
    }
    if (err == TW_OK) {
        *ret_request = request;
    }
    return err;
}

int tw_request_get(const char *dir, struct tw_arena *arena, uint64_t id,
                   struct tw_request *ret_request, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    if (id == 0 || id > INT64_MAX) {
        return tw_diag_set(diag, TW_ENOTFOUND, "there is no such request");
    }
    int err = open_catalogue(dir, TW_DB_READ, &db, diag);
    if (err == TW_OK) {
        err = tw_db_prepare(db,
                            "SELECT id, kind, body, actor, created, state, result FROM request"
                            " WHERE id = ?1",
                            &stmt, diag);
    }
    if (err == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)id);
        err = tw_db_row(stmt, diag);
        if (err == TW_OK) {
            err = take_request(stmt, arena, ret_request);
        } else if (err == TW_ENOTFOUND) {
            (void)tw_diag_set(diag, err, "there is no such request"); /* err says it too */
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats an error that is known */
    close_catalogue(&db);
    return err;
}

static int list_waiting(sqlite3 *db, struct tw_arena *arena, size_t limit,
                        struct tw_request *requests, size_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    size_t count = 0;
    int err = tw_db_prepare(db,
                            "SELECT id, kind, body, actor, created, state, result FROM request"
                            " WHERE state = 0 ORDER BY id LIMIT ?1",
                            &stmt, diag);
    if (err == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)limit);
        err = tw_db_row(stmt, diag);
    }
    while (err == TW_OK && count < limit) {
        err = take_request(stmt, arena, &requests[count]);
        if (err == TW_OK) {
            count++;
            err = tw_db_row(stmt, diag);
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats an error that is known */
    if (err != TW_OK && err != TW_ENOTFOUND) {
        return err;
    }
    *ret_count = count;
    return TW_OK;
}

/* None was found: look again with the lock, and if it is so, remember it. */
static int settle_none(const char *dir, sqlite3 **db_p, struct tw_diag *diag)
{
    int64_t waiting = 0;
    tw_db_close(db_p);
    int err = open_catalogue(dir, TW_DB_WRITE, db_p, diag);
    if (err == TW_OK) {
        err = tw_db_exec(*db_p, "BEGIN IMMEDIATE", diag);
    }
    if (err == TW_OK) {
        err = count_waiting(*db_p, &waiting, diag);
    }
    if (err == TW_OK && waiting == 0) {
        make_marker(dir);
    }
    return err;
}

int tw_request_waiting(const char *dir, struct tw_arena *arena, size_t limit,
                       const struct tw_request **ret_requests, size_t *ret_count,
                       struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    size_t count = 0;
    size_t room = limit > WAITING_MAX ? WAITING_MAX : limit;
    if (is_marked(dir)) {
        *ret_requests = NULL;
        *ret_count = 0;
        return TW_OK;
    }
    struct tw_request *requests = tw_arena_alloc(arena, (room + 1) * sizeof *requests);
    if (requests == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    int err = open_catalogue(dir, TW_DB_READ, &db, diag);
    if (err == TW_OK) {
        err = list_waiting(db, arena, room, requests, &count, diag);
    }
    if (err == TW_OK && count == 0 && room > 0) {
        err = settle_none(dir, &db, diag);
    }
    close_catalogue(&db);
    if (err == TW_OK) {
        *ret_requests = requests;
        *ret_count = count;
    }
    return err;
}

static int update(sqlite3 *db, uint64_t id, enum tw_request_state state, struct tw_str result,
                  struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int err = tw_db_prepare(db,
                            "UPDATE request SET state = ?2, result = ?3,"
                            " finished = (unixepoch() * 1000000000) WHERE id = ?1 AND state = 0",
                            &stmt, diag);
    if (err == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)id);
        tw_db_bind_int(stmt, 2, (int64_t)state);
        tw_db_bind_bytes(stmt, 3, result);
        err = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats an error that is known */
    if (err == TW_OK && sqlite3_changes(db) == 0) {
        return tw_diag_set(diag, TW_ENOTFOUND, "there is no such request that waits");
    }
    return err;
}

int tw_request_finish(const char *dir, uint64_t id, enum tw_request_state state,
                      struct tw_str result, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    if (state != TW_REQUEST_DONE && state != TW_REQUEST_FAILED) {
        return tw_diag_set(diag, TW_EINVAL, "a request ends as done or failed");
    }
    if (id == 0 || id > INT64_MAX) {
        return tw_diag_set(diag, TW_ENOTFOUND, "there is no such request that waits");
    }
    int err = open_catalogue(dir, TW_DB_WRITE, &db, diag);
    if (err == TW_OK) {
        err = update(db, id, state, result, diag);
    }
    close_catalogue(&db);
    return err;
}
