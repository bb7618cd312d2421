/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/receivers.h"

#include "store/notices_internal.h"

int tw_receivers_note(struct tw_notices *notices, const struct tw_receiver_note *note,
                      struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(
        notices->db,
        "INSERT INTO receiver_state(receiver, integration, idx, ok, failed, fails, gave_up, error)"
        " VALUES(?1, ?2, ?3, nullif(?4, 0), nullif(?5, 0), ?6, ?7, ?8)"
        " ON CONFLICT DO UPDATE SET ok = coalesce(nullif(?4, 0), ok),"
        " failed = coalesce(nullif(?5, 0), failed), fails = ?6, gave_up = ?7, error = ?8",
        &stmt, diag);
    if (rc != TW_OK) {
        return rc;
    }
    tw_db_bind_bytes(stmt, 1, note->receiver);
    tw_db_bind_bytes(stmt, 2, note->integration);
    tw_db_bind_int(stmt, 3, note->idx);
    tw_db_bind_int(stmt, 4, note->ok.ns);
    tw_db_bind_int(stmt, 5, note->failed.ns);
    tw_db_bind_int(stmt, 6, (int64_t)note->fails);
    tw_db_bind_int(stmt, 7, note->gave_up ? 1 : 0);
    tw_db_bind_bytes(stmt, 8, note->error);
    rc = tw_db_run(stmt, diag);
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    notices->is_changed = true;
    return rc;
}

int tw_receivers_keep(struct tw_notices *notices, tw_receiver_is_known *is_known,
                      const void *context, struct tw_diag *diag)
{
    sqlite3_stmt *all = NULL;
    sqlite3_stmt *forget = NULL;
    int rc = tw_db_prepare(notices->db, "SELECT receiver, integration, idx FROM receiver_state",
                           &all, diag);
    rc = rc == TW_OK ? tw_db_prepare(notices->db,
                                     "DELETE FROM receiver_state WHERE receiver = ?1"
                                     " AND integration = ?2 AND idx = ?3",
                                     &forget, diag)
                     : rc;
    rc = rc == TW_OK ? tw_db_row(all, diag) : rc;
    while (rc == TW_OK) {
        struct tw_str receiver = tw_db_column_bytes(all, 0);
        struct tw_str integration = tw_db_column_bytes(all, 1);
        int64_t idx = sqlite3_column_int64(all, 2);
        if (idx < 0 || !is_known(context, receiver, integration, (size_t)idx)) {
            tw_db_bind_bytes(forget, 1, receiver);
            tw_db_bind_bytes(forget, 2, integration);
            tw_db_bind_int(forget, 3, idx);
            rc = tw_db_run(forget, diag);
            notices->is_changed = true;
        }
        rc = rc == TW_OK ? tw_db_row(all, diag) : rc;
    }
    (void)sqlite3_finalize(all); /* as above */
    (void)sqlite3_finalize(forget);
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}
