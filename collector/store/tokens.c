/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/tokens.h"

#include <stdio.h>

#include "store/access_internal.h"

#define CACHE_KIB 512
#define S_DAY     INT64_C(86400)

#define HASH(bytes) ((struct tw_str){(const char *)(bytes), TW_BEARER_HASH_BYTES})
#define COLUMNS     "id, name, role, grants, created, made_by, expires, used"

static int insert(sqlite3 *db, const struct tw_access_command *command,
                  const struct tw_token_new *token, struct tw_diag *diag)
{
    uint64_t count = 0;
    uint64_t changes = 0;
    int rc = tw_access_count(db, "SELECT count(*) FROM token", &count, diag);
    if (rc == TW_OK && count >= TW_TOKENS_MAX) {
        rc = tw_diag_set(diag, TW_ELIMIT, "at most %d tokens", TW_TOKENS_MAX);
    }
    const struct tw_str none = TW_STR_LIT("");
    const struct tw_desk_value values[] = {
        TW_DESK_BYTES(token->name),
        TW_DESK_BYTES(HASH(token->hash)),
        TW_DESK_BYTES(tw_str_of(tw_role_name(token->role))),
        TW_DESK_BYTES(token->grants.ptr == NULL ? none : token->grants),
        TW_DESK_NUMBER(command->now.ns),
        TW_DESK_BYTES(command->actor),
        TW_DESK_NUMBER(token->expires.ns),
    };
    rc = rc == TW_OK ? tw_desk_deed_run(db,
                                        "INSERT INTO token(name, hash, role, grants, created,"
                                        " made_by, expires) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)"
                                        " ON CONFLICT(name) DO NOTHING",
                                        values, 7, &changes, diag)
                     : rc;
    return rc == TW_OK && changes == 0
               ? tw_diag_set(diag, TW_EEXISTS, "there is a token %.*s already",
                             (int)token->name.len, token->name.ptr)
               : rc;
}

int tw_token_add(const struct tw_access_command *command, const struct tw_token_new *token,
                 struct tw_diag *diag)
{
    char until[TW_TIME_TEXT_SIZE];
    char detail[TW_TIME_TEXT_SIZE + 64];
    sqlite3 *db = NULL;
    int rc = tw_access_check("token", token->name, token->grants, diag);
    if (rc == TW_OK &&
        (token->expires.ns <= command->now.ns ||
         token->expires.ns - command->now.ns > TW_TOKEN_DAYS_MAX * S_DAY * TW_NS_PER_S)) {
        rc = tw_diag_set(diag, TW_EINVAL, "expires: in the future, at most %d days",
                         (int)TW_TOKEN_DAYS_MAX);
    }
    if (rc != TW_OK) {
        return rc;
    }
    tw_wall_format(token->expires, until);
    (void)snprintf(detail, sizeof detail, "role %s, until %s", tw_role_name(token->role),
                   until); /* always fits */
    const struct tw_access_deed deed = {"token-add", "token", token->name, tw_str_of(detail)};
    rc = tw_access_begin(command, &deed, &db, diag);
    rc = rc == TW_OK ? insert(db, command, token, diag) : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}

int tw_token_revoke(const struct tw_access_command *command, struct tw_str name,
                    struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    const struct tw_access_deed deed = {"token-revoke", "token", name, TW_STR_NULL};
    const struct tw_desk_value values[] = {TW_DESK_BYTES(name)};
    int rc = tw_access_check("token", name, TW_STR_NULL, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_access_begin(command, &deed, &db, diag);
    rc = rc == TW_OK
             ? tw_access_change(db, &deed, "DELETE FROM token WHERE name = ?1", values, 1, diag)
             : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}

/* ---- using ---- */

static int take(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    struct tw_token *token = row;
    *token = (struct tw_token){
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .created = {sqlite3_column_int64(stmt, 4)},
        .expires = {sqlite3_column_int64(stmt, 6)},
        .used = {sqlite3_column_int64(stmt, 7)}, /* NULL: 0 */
    };
    int rc = tw_role_of(tw_db_column_bytes(stmt, 2), &token->role) ? TW_OK : TW_EDAMAGED;
    rc = rc == TW_OK ? tw_column_copy(stmt, 1, arena, &token->name) : rc;
    rc = rc == TW_OK ? tw_column_copy(stmt, 3, arena, &token->grants) : rc;
    return rc == TW_OK ? tw_column_copy(stmt, 5, arena, &token->made_by) : rc;
}

int tw_token_find(struct tw_desk_reader *self, struct tw_arena *arena,
                  const uint8_t hash[TW_BEARER_HASH_BYTES], tw_wall_t now,
                  struct tw_token *ret_token)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_access_prepare(
        self, "SELECT " COLUMNS " FROM token WHERE hash = ?1 AND expires > ?2", &stmt);
    if (rc == TW_OK) {
        tw_db_bind_bytes(stmt, 1, HASH(hash));
        tw_db_bind_int(stmt, 2, now.ns);
        rc = tw_db_row(stmt, NULL);
    }
    rc = rc == TW_OK ? take(stmt, arena, ret_token) : rc;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

int tw_token_used(const char *dir, const struct tw_token *token, tw_wall_t now,
                  struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    uint64_t changes = 0;
    const int64_t hour = TW_TOKEN_USED_S * TW_NS_PER_S;
    if (now.ns / hour == token->used.ns / hour) {
        return TW_OK;
    }
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(token->id),
                                           TW_DESK_NUMBER(now.ns / hour * hour)};
    int rc = tw_desk_open_beside(dir, CACHE_KIB, &db, diag);
    rc = rc == TW_OK ? tw_desk_deed_run(db, "UPDATE token SET used = ?2 WHERE id = ?1", values, 2,
                                        &changes, diag)
                     : rc;
    tw_db_close(&db);
    return rc;
}

int tw_tokens_list(struct tw_desk_reader *self, struct tw_arena *arena,
                   const struct tw_token **ret_items, size_t *ret_count)
{
    sqlite3_stmt *stmt = NULL;
    const void *items = NULL;
    int rc = tw_access_prepare(self, "SELECT " COLUMNS " FROM token ORDER BY name", &stmt);
    rc = rc == TW_OK ? tw_access_rows(stmt, arena, sizeof(struct tw_token), TW_TOKENS_MAX, take,
                                      &items, ret_count)
                     : rc;
    if (rc == TW_OK) {
        *ret_items = items;
    }
    return rc;
}
