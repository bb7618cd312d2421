/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/users.h"

#include <stdio.h>

#include "store/access_internal.h"
#include "store/migrate.h"

#define CACHE_KIB    512
#define SUBJECT_MAX  (16 + TW_ACCESS_NAME_MAX)
#define DETAIL_MAX   128
#define GRANTS_ARENA ((size_t)4 << 20) /* of TW_GRANTS_MAX of the longest */

/* ---- what all commands share ---- */

int tw_access_begin(const struct tw_access_command *command, const struct tw_access_deed *deed,
                    sqlite3 **ret_db, struct tw_diag *diag)
{
    char subject[SUBJECT_MAX];
    int len = snprintf(subject, sizeof subject, "%s:%.*s", deed->what, (int)deed->name.len,
                       deed->name.ptr); /* always fits: names were checked */
    const struct tw_desk_deed row = {
        .dir = command->dir,
        .subject = {subject, (size_t)len},
        .actor = command->actor,
        .kind = command->kind,
        .address = command->address,
        .action = tw_str_of(deed->action),
        .detail = deed->detail,
        .reason = command->reason,
        .now = command->now,
    };
    return tw_desk_deed_begin(&row, ret_db, diag);
}

int tw_access_change(sqlite3 *db, const struct tw_access_deed *deed, const char *sql,
                     const struct tw_desk_value *values, size_t count, struct tw_diag *diag)
{
    uint64_t changes = 0;
    int rc = tw_desk_deed_run(db, sql, values, count, &changes, diag);
    return rc == TW_OK && changes == 0
               ? tw_diag_set(diag, TW_ENOTFOUND, "there is no %s %.*s", deed->what,
                             (int)deed->name.len, deed->name.ptr)
               : rc;
}

int tw_access_check(const char *what, struct tw_str name, struct tw_str grants,
                    struct tw_diag *diag)
{
    struct tw_arena arena;
    struct tw_grants parsed;
    if (!tw_access_name_is_valid(name)) {
        return tw_diag_set(diag, TW_EINVAL,
                           "name of a %s: 1 to %d of a-z 0-9 . _ @ -, a letter or digit first",
                           what, TW_ACCESS_NAME_MAX);
    }
    tw_arena_init(&arena, GRANTS_ARENA);
    int rc = tw_grants_parse(&arena, grants, &parsed, diag);
    tw_arena_fini(&arena);
    return rc;
}

int tw_access_count(sqlite3 *db, const char *sql, uint64_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, sql, &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    if (rc == TW_OK) {
        *ret_count = (uint64_t)sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

/* ---- reading ---- */

int tw_access_prepare(struct tw_desk_reader *self, const char *sql, sqlite3_stmt **ret_stmt)
{
    return tw_db_prepare(self->db, sql, ret_stmt, NULL);
}

int tw_access_rows(sqlite3_stmt *stmt, struct tw_arena *arena, size_t size, size_t limit,
                   int (*take)(sqlite3_stmt *stmt, struct tw_arena *arena, void *row),
                   const void **ret_items, size_t *ret_count)
{
    size_t count = 0;
    char *items = tw_arena_zalloc(arena, limit * size);
    int rc = items == NULL ? TW_ENOMEM : tw_db_row(stmt, NULL);
    while (rc == TW_OK && count < limit) {
        rc = take(stmt, arena, items + count * size);
        count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK && count < limit ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_items = items;
    *ret_count = count;
    return TW_OK;
}

int tw_user_take(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    struct tw_user *user = row;
    struct tw_str role = tw_db_column_bytes(stmt, 2);
    *user = (struct tw_user){
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .must_change = sqlite3_column_int64(stmt, 5) != 0,
        .created = {sqlite3_column_int64(stmt, 6)},
        .disabled = {sqlite3_column_int64(stmt, 7)}, /* NULL: 0 */
        .password_changed = {sqlite3_column_int64(stmt, 8)},
        .signed_in = {sqlite3_column_int64(stmt, 9)}, /* likewise */
    };
    int rc = tw_role_of(role, &user->role) ? TW_OK : TW_EDAMAGED;
    rc = rc == TW_OK ? tw_column_copy(stmt, 1, arena, &user->name) : rc;
    rc = rc == TW_OK ? tw_column_copy(stmt, 3, arena, &user->grants) : rc;
    return rc == TW_OK ? tw_column_copy(stmt, 4, arena, &user->password) : rc;
}

int tw_user_find(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_str name,
                 struct tw_user *ret_user)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_access_prepare(self, "SELECT " TW_USER_COLUMNS " FROM user AS u WHERE u.name = ?1",
                               &stmt);
    if (rc == TW_OK) {
        tw_db_bind_bytes(stmt, 1, name);
        rc = tw_db_row(stmt, NULL);
    }
    rc = rc == TW_OK ? tw_user_take(stmt, arena, ret_user) : rc;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

int tw_users_list(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_str after,
                  size_t limit, const struct tw_user **ret_items, size_t *ret_count)
{
    sqlite3_stmt *stmt = NULL;
    const void *items = NULL;
    TW_ASSERT(limit >= 1 && limit <= TW_ACCESS_LIST_MAX);
    int rc = tw_access_prepare(self,
                               "SELECT " TW_USER_COLUMNS " FROM user AS u WHERE ?1 IS NULL"
                               " OR u.name > ?1 ORDER BY u.name LIMIT ?2",
                               &stmt);
    if (rc == TW_OK) {
        tw_db_bind_bytes(stmt, 1, after);
        tw_db_bind_int(stmt, 2, (int64_t)limit);
        rc = tw_access_rows(stmt, arena, sizeof(struct tw_user), limit, tw_user_take, &items,
                            ret_count);
    }
    if (rc == TW_OK) {
        *ret_items = items;
    }
    return rc;
}

int tw_users_ready(const char *dir, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    int rc = tw_desk_open_beside(dir, CACHE_KIB, &db, diag);
    tw_db_close(&db);
    return rc;
}

/* ---- changing ---- */

/* Somebody must be left who can make users. Asked behind the change, in its transaction: what is
 * found then is not kept. */
static int check_admins(sqlite3 *db, struct tw_diag *diag)
{
    uint64_t count = 0;
    int rc = tw_access_count(db,
                             "SELECT count(*) FROM user WHERE role = CAST('admin' AS BLOB)"
                             " AND disabled IS NULL",
                             &count, diag);
    return rc == TW_OK && count == 0
               ? tw_diag_set(diag, TW_EPERM,
                             "that would leave no admin who can sign in; make another one first")
               : rc;
}

/* Whether there was one to lose. */
static int had_admins(sqlite3 *db, bool *ret_had, struct tw_diag *diag)
{
    struct tw_diag ignored = {""};
    int rc = check_admins(db, &ignored);
    *ret_had = rc == TW_OK;
    return rc == TW_EPERM ? TW_OK : tw_diag_set(diag, rc, "%s", ignored.text);
}

static struct tw_str text_or_empty(struct tw_str text)
{
    return text.ptr == NULL ? TW_STR_LIT("") : text;
}

static int insert(sqlite3 *db, const struct tw_access_command *command,
                  const struct tw_user_new *user, struct tw_diag *diag)
{
    uint64_t count = 0;
    uint64_t changes = 0;
    int rc = tw_access_count(db, "SELECT count(*) FROM user", &count, diag);
    if (rc == TW_OK && count >= TW_USERS_MAX) {
        rc = tw_diag_set(diag, TW_ELIMIT, "at most %d users", TW_USERS_MAX);
    }
    const struct tw_desk_value values[] = {
        TW_DESK_BYTES(user->name),
        TW_DESK_BYTES(tw_str_of(tw_role_name(user->role))),
        TW_DESK_BYTES(text_or_empty(user->grants)),
        TW_DESK_BYTES(user->password),
        TW_DESK_NUMBER(user->must_change),
        TW_DESK_NUMBER(command->now.ns),
    };
    rc = rc == TW_OK ? tw_desk_deed_run(db,
                                        "INSERT INTO user(name, role, grants, password,"
                                        " must_change, created, password_changed)"
                                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?6)"
                                        " ON CONFLICT(name) DO NOTHING",
                                        values, 6, &changes, diag)
                     : rc;
    return rc == TW_OK && changes == 0
               ? tw_diag_set(diag, TW_EEXISTS, "there is a user %.*s already", (int)user->name.len,
                             user->name.ptr)
               : rc;
}

static int add(const struct tw_access_command *command, const struct tw_user_new *user,
               bool is_first_only, struct tw_diag *diag)
{
    char detail[DETAIL_MAX];
    sqlite3 *db = NULL;
    uint64_t count = 0;
    int rc = tw_access_check("user", user->name, user->grants, diag);
    if (rc != TW_OK) {
        return rc;
    }
    (void)snprintf(detail, sizeof detail, "role %s", tw_role_name(user->role)); /* always fits */
    const struct tw_access_deed deed = {"user-add", "user", user->name, tw_str_of(detail)};
    rc = tw_access_begin(command, &deed, &db, diag);
    if (rc == TW_OK && is_first_only) {
        rc = tw_access_count(db, "SELECT count(*) FROM user", &count, diag);
        rc = rc == TW_OK && count > 0 ? TW_EEXISTS : rc;
    }
    rc = rc == TW_OK ? insert(db, command, user, diag) : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}

int tw_user_add(const struct tw_access_command *command, const struct tw_user_new *user,
                struct tw_diag *diag)
{
    return add(command, user, false, diag);
}

int tw_user_add_first(const struct tw_access_command *command, const struct tw_user_new *user,
                      bool *ret_made, struct tw_diag *diag)
{
    int rc = add(command, user, true, diag);
    if (rc == TW_OK || rc == TW_EEXISTS) {
        *ret_made = rc == TW_OK;
        rc = TW_OK;
    }
    return rc;
}

int tw_user_set_password(const struct tw_access_command *command, struct tw_str name,
                         struct tw_str password, bool must_change, uint64_t except,
                         struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    const struct tw_access_deed deed = {"user-password", "user", name,
                                        must_change ? TW_STR_LIT("for one sign-in") : TW_STR_NULL};
    const struct tw_desk_value values[] = {TW_DESK_BYTES(name), TW_DESK_BYTES(password),
                                           TW_DESK_NUMBER(must_change),
                                           TW_DESK_NUMBER(command->now.ns)};
    int rc = tw_access_check("user", name, TW_STR_NULL, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_access_begin(command, &deed, &db, diag);
    rc = rc == TW_OK ? tw_access_change(db, &deed,
                                        "UPDATE user SET password = ?2, must_change = ?3,"
                                        " password_changed = ?4 WHERE name = ?1",
                                        values, 4, diag)
                     : rc;
    rc = rc == TW_OK ? tw_sessions_end(db, name, except, true, diag) : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}

int tw_user_renew_password(const char *dir, uint64_t id, struct tw_str before,
                           struct tw_str password, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    uint64_t changes = 0;
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(id), TW_DESK_BYTES(before),
                                           TW_DESK_BYTES(password)};
    int rc = tw_desk_open_beside(dir, CACHE_KIB, &db, diag);
    rc = rc == TW_OK
             ? tw_desk_deed_run(db, "UPDATE user SET password = ?3 WHERE id = ?1 AND password = ?2",
                                values, 3, &changes, diag)
             : rc;
    tw_db_close(&db);
    return rc;
}

int tw_user_set_role(const struct tw_access_command *command, struct tw_str name, enum tw_role role,
                     struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    bool had = false;
    const struct tw_str word = tw_str_of(tw_role_name(role));
    const struct tw_access_deed deed = {"user-role", "user", name, word};
    const struct tw_desk_value values[] = {TW_DESK_BYTES(name), TW_DESK_BYTES(word)};
    int rc = tw_access_check("user", name, TW_STR_NULL, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_access_begin(command, &deed, &db, diag);
    rc = rc == TW_OK ? had_admins(db, &had, diag) : rc;
    rc = rc == TW_OK ? tw_access_change(db, &deed, "UPDATE user SET role = ?2 WHERE name = ?1",
                                        values, 2, diag)
                     : rc;
    rc = rc == TW_OK && had ? check_admins(db, diag) : rc;
    rc = rc == TW_OK ? tw_sessions_end(db, name, 0, false, diag) : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}

int tw_user_set_grants(const struct tw_access_command *command, struct tw_str name,
                       struct tw_str grants, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    const struct tw_str lines = text_or_empty(grants);
    const struct tw_access_deed deed = {"user-grants", "user", name, lines};
    const struct tw_desk_value values[] = {TW_DESK_BYTES(name), TW_DESK_BYTES(lines)};
    int rc = tw_access_check("user", name, grants, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_access_begin(command, &deed, &db, diag);
    rc = rc == TW_OK ? tw_access_change(db, &deed, "UPDATE user SET grants = ?2 WHERE name = ?1",
                                        values, 2, diag)
                     : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}

int tw_user_set_disabled(const struct tw_access_command *command, struct tw_str name,
                         bool is_disabled, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    bool had = false;
    const struct tw_access_deed deed = {is_disabled ? "user-disable" : "user-enable", "user", name,
                                        TW_STR_NULL};
    const struct tw_desk_value values[] = {TW_DESK_BYTES(name), TW_DESK_NUMBER(command->now.ns)};
    int rc = tw_access_check("user", name, TW_STR_NULL, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_access_begin(command, &deed, &db, diag);
    rc = rc == TW_OK ? had_admins(db, &had, diag) : rc;
    rc = rc == TW_OK
             ? tw_access_change(db, &deed,
                                is_disabled ? "UPDATE user SET disabled = ifnull(disabled, ?2)"
                                              " WHERE name = ?1"
                                            : "UPDATE user SET disabled = NULL WHERE name = ?1",
                                values, is_disabled ? 2 : 1, diag)
             : rc;
    rc = rc == TW_OK && had ? check_admins(db, diag) : rc;
    rc = rc == TW_OK && is_disabled ? tw_sessions_end(db, name, 0, false, diag) : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}

int tw_user_remove(const struct tw_access_command *command, struct tw_str name,
                   struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    bool had = false;
    const struct tw_access_deed deed = {"user-remove", "user", name, TW_STR_NULL};
    const struct tw_desk_value values[] = {TW_DESK_BYTES(name)};
    int rc = tw_access_check("user", name, TW_STR_NULL, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_access_begin(command, &deed, &db, diag);
    rc = rc == TW_OK ? had_admins(db, &had, diag) : rc;
    rc = rc == TW_OK ? tw_sessions_end(db, name, 0, true, diag) : rc;
    rc = rc == TW_OK
             ? tw_access_change(db, &deed, "DELETE FROM user WHERE name = ?1", values, 1, diag)
             : rc;
    rc = rc == TW_OK && had ? check_admins(db, diag) : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}
