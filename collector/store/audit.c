/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/audit.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "store/audit_internal.h"

/* ---- adding ---- */

void tw_audit_take(sqlite3_stmt *stmt, struct tw_audit_row *ret_row, const uint8_t **ret_hash)
{
    struct tw_str hash = tw_db_column_bytes(stmt, 10);
    *ret_row = (struct tw_audit_row){
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .at = {sqlite3_column_int64(stmt, 1)},
        .actor = tw_db_column_bytes(stmt, 2),
        .kind = tw_db_column_bytes(stmt, 3),
        .address = tw_db_column_bytes(stmt, 4),
        .action = tw_db_column_bytes(stmt, 5),
        .subject = tw_db_column_bytes(stmt, 6),
        .detail = tw_db_column_bytes(stmt, 7),
        .reason = tw_db_column_bytes(stmt, 8),
        .outcome = tw_db_column_bytes(stmt, 9),
    };
    *ret_hash = hash.len == TW_AUDIT_HASH_BYTES ? (const uint8_t *)hash.ptr : NULL;
}

/* A hash that is none counts as zeros: verifying names its row, and what is done goes on. */
static void take_hash(struct tw_str bytes, uint8_t *ret_hash)
{
    memset(ret_hash, 0, TW_AUDIT_HASH_BYTES);
    if (bytes.len == TW_AUDIT_HASH_BYTES) {
        memcpy(ret_hash, bytes.ptr, TW_AUDIT_HASH_BYTES);
    }
}

/* The last row, and the number that the next one gets: none is given twice, even when rows were cut
 * off. No row: zeros. */
static int read_last(sqlite3 *db, struct tw_audit_head *ret_last, uint64_t *ret_next,
                     struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db,
                           "SELECT coalesce((SELECT max(id) FROM main.audit), 0),"
                           " (SELECT hash FROM main.audit ORDER BY id DESC LIMIT 1),"
                           " coalesce((SELECT seq FROM main.sqlite_sequence"
                           " WHERE name = 'audit'), 0)",
                           &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    if (rc == TW_OK) {
        int64_t last = sqlite3_column_int64(stmt, 0);
        int64_t given = sqlite3_column_int64(stmt, 2);
        ret_last->id = (uint64_t)last;
        take_hash(tw_db_column_bytes(stmt, 1), ret_last->hash);
        *ret_next = (uint64_t)(given > last ? given : last) + 1;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int insert(sqlite3 *db, const struct tw_audit_row *row, const uint8_t *hash,
                  struct tw_diag *diag)
{
    const struct tw_str texts[] = {
        row->actor,  row->kind,    row->address,
        row->action, row->subject, row->detail,
        row->reason, row->outcome, {(const char *)hash, TW_AUDIT_HASH_BYTES},
    };
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db,
                           "INSERT INTO main.audit(" TW_AUDIT_COLUMNS ")"
                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                           &stmt, diag);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)row->id);
        tw_db_bind_int(stmt, 2, row->at.ns);
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            tw_db_bind_bytes(stmt, (int)i + 3, texts[i]);
        }
        rc = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static bool is_too_long(const struct tw_audit_row *row)
{
    return row->actor.len > TW_AUDIT_TEXT_MAX || row->kind.len > TW_AUDIT_TEXT_MAX ||
           row->address.len > TW_AUDIT_TEXT_MAX || row->action.len > TW_AUDIT_TEXT_MAX ||
           row->subject.len > TW_AUDIT_TEXT_MAX || row->detail.len > TW_AUDIT_TEXT_MAX ||
           row->reason.len > TW_AUDIT_TEXT_MAX || row->outcome.len > TW_AUDIT_TEXT_MAX;
}

int tw_audit_add(sqlite3 *db, const struct tw_audit_row *row, struct tw_diag *diag)
{
    struct tw_audit_row added = *row;
    struct tw_audit_head last = {0};
    struct tw_audit_key key = {.fd = -1};
    uint8_t hash[TW_AUDIT_HASH_BYTES];
    char dir[TW_PATH_MAX];
    if (is_too_long(row)) {
        return tw_diag_set(diag, TW_EINVAL, "a text for the audit has at most %u bytes",
                           TW_AUDIT_TEXT_MAX);
    }
    if (added.kind.ptr == NULL) {
        added.kind = TW_STR_LIT("local");
    }
    int rc = tw_audit_dir(db, dir, diag);
    rc = rc == TW_OK ? tw_audit_key_read(dir, &key, NULL, diag) : rc;
    rc = rc == TW_OK ? read_last(db, &last, &added.id, diag) : rc;
    if (rc == TW_OK) {
        tw_audit_link(&key, last.hash, &added, hash);
        rc = insert(db, &added, hash, diag);
    }
    tw_audit_key_forget(&key);
    return rc;
}

/* ---- the head ---- */

/* Whether the head's row is there as it was. */
static int is_in_chain(sqlite3 *db, const struct tw_audit_head *head, bool *ret_is,
                       struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    *ret_is = head->id == 0;
    if (*ret_is) {
        return TW_OK;
    }
    int rc = tw_db_prepare(db, "SELECT hash FROM main.audit WHERE id = ?1", &stmt, diag);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)head->id);
        rc = tw_db_row(stmt, diag);
    }
    if (rc == TW_OK) {
        struct tw_str hash = tw_db_column_bytes(stmt, 0);
        *ret_is = hash.len == TW_AUDIT_HASH_BYTES &&
                  memcmp(hash.ptr, head->hash, TW_AUDIT_HASH_BYTES) == 0;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int move_head(sqlite3 *db, const char *dir, struct tw_audit_key *key, struct tw_diag *diag)
{
    struct tw_audit_head head = {0};
    struct tw_audit_head last = {0};
    uint64_t next = 0;
    bool is_whole = false;
    int rc = tw_audit_head_read(dir, key, &head, diag);
    rc = rc == TW_OK ? is_in_chain(db, &head, &is_whole, diag) : rc;
    if (rc == TW_ENOTFOUND || (rc == TW_OK && !is_whole)) {
        return tw_diag_set(diag, TW_EDAMAGED, "%s/%s: %s; `tillwatch audit verify` says more", dir,
                           TW_AUDIT_HEAD_NAME,
                           rc == TW_OK ? "the row that was the last is not in the audit any more"
                                       : "it is missing");
    }
    rc = rc == TW_OK ? read_last(db, &last, &next, diag) : rc;
    return rc == TW_OK && last.id > head.id ? tw_audit_head_write(dir, key, &last, diag) : rc;
}

void tw_audit_committed(sqlite3 *db)
{
    struct tw_audit_key key = {.fd = -1};
    struct tw_diag diag = {""};
    char dir[TW_PATH_MAX];
    int rc = tw_audit_dir(db, dir, &diag);
    rc = rc == TW_OK ? tw_audit_key_read(dir, &key, NULL, &diag) : rc;
    rc = rc == TW_OK ? tw_audit_key_lock(&key) : rc;
    if (rc == TW_EBUSY) {
        tw_audit_key_forget(&key);
        return; /* who has it takes the head up to here, or the next deed does */
    }
    rc = rc == TW_OK ? move_head(db, dir, &key, &diag) : rc;
    tw_audit_key_forget(&key);
    if (rc == TW_EDAMAGED) {
        tw_log(TW_LOG_AUDIT_BROKEN_EVENT, TW_F_CSTR("reason", diag.text));
    } else if (rc != TW_OK) {
        tw_log(TW_LOG_AUDIT_HEAD_FAILED_EVENT,
               TW_F_CSTR("reason", diag.text[0] == '\0' ? tw_err_text(rc) : diag.text));
    }
}

/* ---- the step to version 4 ---- */

/* The row behind `after`. TW_ENOTFOUND: there is none. */
static int chain_one(sqlite3_stmt *read, sqlite3_stmt *write, const struct tw_audit_key *key,
                     struct tw_audit_head *at, struct tw_diag *diag)
{
    struct tw_audit_row row;
    const uint8_t *hash = NULL;
    tw_db_bind_int(read, 1, (int64_t)at->id);
    int rc = tw_db_row(read, diag);
    if (rc != TW_OK) {
        return rc;
    }
    tw_audit_take(read, &row, &hash);
    tw_audit_link(key, at->hash, &row, at->hash);
    at->id = row.id;
    (void)sqlite3_reset(read); /* it gave its row */
    tw_db_bind_int(write, 1, (int64_t)at->id);
    tw_db_bind_bytes(write, 2, (struct tw_str){(const char *)at->hash, TW_AUDIT_HASH_BYTES});
    return tw_db_run(write, diag);
}

static int chain_rows(sqlite3 *db, const struct tw_audit_key *key, uint64_t *ret_count,
                      struct tw_diag *diag)
{
    struct tw_audit_head at = {0};
    sqlite3_stmt *read = NULL;
    sqlite3_stmt *write = NULL;
    uint64_t count = 0;
    int rc = tw_db_prepare(db,
                           "SELECT " TW_AUDIT_COLUMNS " FROM main.audit WHERE id > ?1"
                           " ORDER BY id LIMIT 1",
                           &read, diag);
    rc = rc == TW_OK
             ? tw_db_prepare(db, "UPDATE main.audit SET hash = ?2 WHERE id = ?1", &write, diag)
             : rc;
    while (rc == TW_OK) {
        rc = chain_one(read, write, key, &at, diag);
        count += rc == TW_OK ? 1 : 0;
    }
    (void)sqlite3_finalize(read); /* these repeat the errors of their steps */
    (void)sqlite3_finalize(write);
    *ret_count = count;
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* Rows of before were not chained when they were written: a row says since when they are. */
static int say_since(sqlite3 *db, uint64_t count, struct tw_diag *diag)
{
    char detail[64];
    struct tw_clock *clock = tw_clock_system();
    (void)snprintf(detail, sizeof detail, "{\"rows\":%llu}", (unsigned long long)count);
    const struct tw_audit_row row = {
        .at = clock->wall(clock),
        .actor = TW_STR_LIT("tillwatch"),
        .kind = TW_STR_LIT("system"),
        .action = TW_STR_LIT("chain"),
        .subject = TW_STR_LIT("audit"),
        .detail = tw_str_of(detail),
        .outcome = TW_STR_LIT("done"),
    };
    return count == 0 ? TW_OK : tw_audit_add(db, &row, diag);
}

static int begin(sqlite3 *db, const char *dir, struct tw_audit_key *key, struct tw_diag *diag)
{
    static const struct tw_audit_head none = {0};
    struct tw_audit_head head = {0};
    bool is_missing = false;
    uint64_t count = 0;
    int rc = tw_audit_key_read(dir, key, &is_missing, diag);
    if (is_missing) {
        rc = tw_audit_key_make(dir, diag);
        rc = rc == TW_OK ? tw_audit_key_read(dir, key, NULL, diag) : rc;
    }
    rc = rc == TW_OK ? chain_rows(db, key, &count, diag) : rc;
    rc = rc == TW_OK ? tw_db_exec(db, TW_SQL_AUDIT_GUARD, diag) : rc;
    rc = rc == TW_OK ? say_since(db, count, diag) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    /* before the commit: a desk whose head is missing has lost it */
    rc = tw_audit_head_read(dir, key, &head, NULL);
    if (rc == TW_ENOTFOUND) {
        return tw_audit_head_write(dir, key, &none, diag);
    }
    return TW_OK; /* whatever it is, verifying tells */
}

int tw_audit_begin(sqlite3 *db, struct tw_diag *diag)
{
    struct tw_audit_key key = {.fd = -1};
    char dir[TW_PATH_MAX];
    int rc = tw_audit_dir(db, dir, diag);
    rc = rc == TW_OK ? begin(db, dir, &key, diag) : rc;
    tw_audit_key_forget(&key);
    return rc;
}
