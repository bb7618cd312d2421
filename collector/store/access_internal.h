/* SPDX-License-Identifier: Apache-2.0
 * What users, sessions and tokens share. Nothing outside collector/store/ includes it.
 */
#ifndef TW_STORE_ACCESS_INTERNAL_H
#define TW_STORE_ACCESS_INTERNAL_H

#include "store/desk_deed.h"
#include "store/users.h"

#define TW_ACCESS_LIST_MAX 1000

#define TW_USER_COLUMNS                                                                 \
    "u.id, u.name, u.role, u.grants, u.password, u.must_change, u.created, u.disabled," \
    " u.password_changed, u.signed_in"
#define TW_USER_COLUMN_COUNT 10

/* Its deed: "user-role" of "user:anna", with a detail. As tw_desk_deed_begin. */
struct tw_access_deed {
    const char *action;
    const char *what; /* "user", "token" */
    struct tw_str name;
    struct tw_str detail; /* absent: none */
};
int tw_access_begin(const struct tw_access_command *command, const struct tw_access_deed *deed,
                    sqlite3 **ret_db, struct tw_diag *diag);
/* Run a statement that must meet a row; TW_ENOTFOUND with "there is no WHAT NAME" otherwise. */
int tw_access_change(sqlite3 *db, const struct tw_access_deed *deed, const char *sql,
                     const struct tw_desk_value *values, size_t count, struct tw_diag *diag);
/* TW_EINVAL: no name, or lines that are no grants. */
int tw_access_check(const char *what, struct tw_str name, struct tw_str grants,
                    struct tw_diag *diag);
/* How many rows a statement with one number as its answer counts. */
int tw_access_count(sqlite3 *db, const char *sql, uint64_t *ret_count, struct tw_diag *diag);

/* A statement of a reader, prepared for one answer. */
int tw_access_prepare(struct tw_desk_reader *self, const char *sql, sqlite3_stmt **ret_stmt);
/* Rows of it, in the arena, at most limit; finalizes it. */
int tw_access_rows(sqlite3_stmt *stmt, struct tw_arena *arena, size_t size, size_t limit,
                   int (*take)(sqlite3_stmt *stmt, struct tw_arena *arena, void *row),
                   const void **ret_items, size_t *ret_count);
/* A user from the first columns of a row. TW_EDAMAGED: a role that is none. */
int tw_user_take(sqlite3_stmt *stmt, struct tw_arena *arena, void *row);
/* End all sessions of the user and forget the devices. except: an id of a session; 0: none. */
int tw_sessions_end(sqlite3 *db, struct tw_str user, uint64_t except, bool forgets_devices,
                    struct tw_diag *diag);

#endif
