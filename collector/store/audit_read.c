/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/audit_read.h"

#include "store/audit_internal.h"
#include "store/desk_internal.h"

/* ?1 before, ?2 actor, ?3 action, ?4 subject, ?5 outcome, ?6 since, ?7 until, ?8 limit. Of the
 * subject or the actor there is an index; the rest is looked through, the latest first. */
#define LIST(is_subject, is_actor)                                                   \
    "SELECT " TW_AUDIT_COLUMNS " FROM audit WHERE (?1 = 0 OR id < ?1) AND " is_actor \
    " AND (?3 IS NULL OR action = ?3) AND " is_subject                               \
    " AND (?5 IS NULL OR outcome = ?5) AND at >= ?6 AND at < ?7 ORDER BY id DESC LIMIT ?8"

static const char *list_of(const struct tw_audit_filter *filter)
{
    if (filter->subject.ptr != NULL) {
        return LIST("subject = ?4", "(?2 IS NULL OR actor = ?2)");
    }
    return filter->actor.ptr != NULL ? LIST("?4 IS NULL", "actor = ?2")
                                     : LIST("?4 IS NULL", "?2 IS NULL");
}

static int take_entry(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_audit_entry *entry)
{
    const uint8_t *hash = NULL;
    tw_audit_take(stmt, &entry->row, &hash);
    struct tw_str *const texts[] = {
        &entry->row.actor,   &entry->row.kind,   &entry->row.address, &entry->row.action,
        &entry->row.subject, &entry->row.detail, &entry->row.reason,  &entry->row.outcome,
    };
    int rc = TW_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && rc == TW_OK; i++) {
        rc = tw_column_copy(stmt, (int)i + 2, arena, texts[i]);
    }
    if (hash != NULL) {
        tw_audit_hex(hash, entry->hash);
    }
    return rc;
}

int tw_audit_list(struct tw_desk_reader *desk, struct tw_arena *arena,
                  const struct tw_audit_filter *filter, uint64_t before, size_t limit,
                  const struct tw_audit_entry **ret_entries, size_t *ret_count)
{
    const struct tw_str texts[] = {filter->actor, filter->action, filter->subject, filter->outcome};
    struct tw_audit_entry *entries = tw_arena_zalloc(arena, (limit + 1) * sizeof *entries);
    sqlite3_stmt *stmt = NULL;
    size_t count = 0;
    int rc = entries == NULL ? TW_ENOMEM : tw_db_prepare(desk->db, list_of(filter), &stmt, NULL);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)before);
        for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
            tw_db_bind_bytes(stmt, (int)i + 2, texts[i]);
        }
        tw_db_bind_int(stmt, 6, filter->since.ns);
        tw_db_bind_int(stmt, 7, filter->until.ns);
        tw_db_bind_int(stmt, 8, (int64_t)limit);
        rc = tw_db_row(stmt, NULL);
    }
    while (rc == TW_OK && count < limit) {
        rc = take_entry(stmt, arena, &entries[count]);
        count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_entries = entries;
    *ret_count = count;
    return TW_OK;
}

static int scan(sqlite3_stmt *stmt, int (*on_entry)(void *, const struct tw_audit_entry *),
                void *context, struct tw_diag *diag)
{
    int rc = tw_db_row(stmt, diag);
    while (rc == TW_OK) {
        struct tw_audit_entry entry = {.hash = ""};
        const uint8_t *hash = NULL;
        tw_audit_take(stmt, &entry.row, &hash);
        if (hash != NULL) {
            tw_audit_hex(hash, entry.hash);
        }
        rc = on_entry(context, &entry);
        if (rc != TW_OK) {
            return rc;
        }
        rc = tw_db_row(stmt, diag);
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

int tw_audit_scan(const char *dir, tw_wall_t since, tw_wall_t until,
                  int (*on_entry)(void *context, const struct tw_audit_entry *entry), void *context,
                  struct tw_diag *diag)
{
    struct tw_desk_reader *desk = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = tw_desk_reader_open(dir, &desk, diag);
    rc = rc == TW_OK ? tw_db_prepare(desk->db,
                                     "SELECT " TW_AUDIT_COLUMNS " FROM audit WHERE at >= ?1"
                                     " AND at < ?2 ORDER BY id",
                                     &stmt, diag)
                     : rc;
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, since.ns);
        tw_db_bind_int(stmt, 2, until.ns);
        rc = scan(stmt, on_entry, context, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    tw_desk_reader_close(&desk);
    return rc;
}

int tw_audit_read_state(struct tw_desk_reader *desk, struct tw_arena *arena,
                        struct tw_audit_state *ret_state)
{
    struct tw_audit_state state = {.rows = 0};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(desk->db,
                           "SELECT audit_checked, audit_fault, audit_detail,"
                           " (SELECT coalesce(max(id), 0) FROM audit) FROM meta",
                           &stmt, NULL);
    rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    if (rc == TW_OK) {
        state.checked.ns = sqlite3_column_int64(stmt, 0);
        state.rows = (uint64_t)sqlite3_column_int64(stmt, 3);
        rc = tw_column_copy(stmt, 1, arena, &state.fault);
        rc = rc == TW_OK ? tw_column_copy(stmt, 2, arena, &state.detail) : rc;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc == TW_OK) {
        *ret_state = state;
    }
    return rc == TW_ENOTFOUND ? TW_EDAMAGED : rc;
}
