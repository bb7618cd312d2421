/* SPDX-License-Identifier: Apache-2.0
 * What operators and other programs do with alerts. Each is one transaction, in which meta.alerts
 * grows: the thread `notify` and the pages follow that number. */
#include "config.h"
#include "store/alert_read.h"

#include <stdio.h>

#include "store/desk_deed.h"
#include "store/migrate.h"

#define CHANGED "UPDATE meta SET alerts = alerts + 1"
/* Fingerprints that the audit names one by one. */
#define NAMED_MAX 20
#define HEX_LEN   16

_Static_assert(TW_ALERT_EVENT_ACKNOWLEDGED == 3 && TW_ALERT_EVENT_UNACKNOWLEDGED == 4 &&
                   TW_HEARTBEAT_BEATING == 1 && TW_NOTICE_TEST == 1 && TW_NOTICE_STATE_WAITING == 0,
               "numbers in statements");

static int changed(sqlite3 *db, struct tw_diag *diag)
{
    return tw_db_exec(db, CHANGED, diag);
}

/* ---- acknowledging ---- */

static struct tw_str named(const uint64_t *fingerprints, size_t count, char *buf, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < count && i < NAMED_MAX; i++) {
        used += (size_t)snprintf(buf + used, size - used, "%s\"%016llx\"", i == 0 ? "[" : ",",
                                 (unsigned long long)fingerprints[i]); /* NAMED_MAX of them fit */
    }
    used += (size_t)snprintf(buf + used, size - used, "%s]",
                             count > NAMED_MAX ? ",\"...\"" : ""); /* likewise */
    return (struct tw_str){buf, used};
}

/* One of them, with its line of the timeline. */
static int ack_one(sqlite3 *db, bool is_acked, const struct tw_desk_value *values,
                   uint64_t *changes, struct tw_diag *diag)
{
    static const char *const lines[] = {
        "INSERT INTO alert_event(alert, at, what, actor) SELECT id, ?2, 4, ?3 FROM alert"
        " WHERE fingerprint = ?1 AND ended IS NULL AND acked IS NOT NULL AND ?4 IS NULL",
        "INSERT INTO alert_event(alert, at, what, actor, detail) SELECT id, ?2, 3, ?3, ?4"
        " FROM alert WHERE fingerprint = ?1 AND ended IS NULL AND acked IS NULL"};
    static const char *const rows[] = {
        "UPDATE alert SET acked = NULL, acked_by = NULL, ack_comment = NULL, updated = ?2"
        " WHERE fingerprint = ?1 AND ended IS NULL AND acked IS NOT NULL AND ?3 IS NOT NULL"
        " AND ?4 IS NULL",
        "UPDATE alert SET acked = ?2, acked_by = ?3, ack_comment = ?4, updated = ?2"
        " WHERE fingerprint = ?1 AND ended IS NULL AND acked IS NULL"};
    int rc = tw_desk_deed_run(db, lines[is_acked], values, 4, changes, diag);
    return rc == TW_OK ? tw_desk_deed_run(db, rows[is_acked], values, 4, changes, diag) : rc;
}

int tw_alerts_ack(const struct tw_alert_command *command, bool is_acked, struct tw_str comment,
                  const uint64_t *fingerprints, size_t count, uint64_t *ret_changed,
                  struct tw_diag *diag)
{
    char subject[8 + HEX_LEN];
    char detail[NAMED_MAX * (HEX_LEN + 3) + 16];
    sqlite3 *db = NULL;
    uint64_t total = 0;
    TW_ASSERT(count >= 1 && count <= TW_ALERTS_ACK_MAX);
    if (is_acked && (comment.len == 0 || comment.len > TW_REASON_MAX)) {
        return tw_diag_set(diag, TW_EINVAL, "'comment' has 1 to %d bytes", TW_REASON_MAX);
    }
    int len = count > 1 ? snprintf(subject, sizeof subject, "alerts")
                        : snprintf(subject, sizeof subject, "alert:%016llx",
                                   (unsigned long long)fingerprints[0]); /* always fits */
    const struct tw_desk_deed deed = {
        .dir = command->dir,
        .subject = {subject, (size_t)len},
        .actor = command->actor,
        .address = command->address,
        .action = tw_str_of(is_acked ? "acknowledge" : "unacknowledge"),
        .detail = count > 1 ? named(fingerprints, count, detail, sizeof detail) : TW_STR_NULL,
        .reason = comment,
        .now = command->now,
    };
    int rc = tw_desk_deed_begin(&deed, &db, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        const struct tw_desk_value values[] = {
            TW_DESK_NUMBER(fingerprints[i]), TW_DESK_NUMBER(command->now.ns),
            TW_DESK_BYTES(command->actor), TW_DESK_BYTES(comment)};
        uint64_t changes = 0;
        rc = ack_one(db, is_acked, values, &changes, diag);
        total += changes;
    }
    rc = rc == TW_OK ? changed(db, diag) : rc;
    rc = tw_desk_deed_finish(&db, rc, diag);
    if (rc == TW_OK) {
        *ret_changed = total;
    }
    return rc;
}

/* ---- what others say ---- */

/* A transaction that is nobody's deed. */
static int begin(const char *dir, sqlite3 **ret_db, struct tw_diag *diag)
{
    int rc = tw_desk_open_for_writing(dir, ret_db, diag);
    return rc == TW_OK ? tw_db_exec(*ret_db, "BEGIN IMMEDIATE", diag) : rc;
}

static int finish(sqlite3 **db_p, int rc, struct tw_diag *diag)
{
    rc = rc == TW_OK ? tw_db_exec(*db_p, "COMMIT", diag) : rc;
    if (*db_p != NULL && sqlite3_get_autocommit(*db_p) == 0) {
        (void)tw_db_exec(*db_p, "ROLLBACK", NULL); /* closing does it too */
    }
    tw_db_close(db_p);
    return rc;
}

static int count_waiting(sqlite3 *db, uint64_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, "SELECT count(*) FROM alert_push", &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    if (rc == TW_OK) {
        *ret_count = (uint64_t)sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static void bind_time(sqlite3_stmt *stmt, int index, tw_wall_t at)
{
    if (at.ns != 0) {
        tw_db_bind_int(stmt, index, at.ns);
    } else {
        TW_ASSERT(sqlite3_bind_null(stmt, index) == SQLITE_OK);
    }
}

static int insert_pushes(sqlite3 *db, const struct tw_alerts_push *items, size_t count,
                         struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db,
                           "INSERT INTO alert_push(at, labels, annotations, starts, ends,"
                           " generator) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
                           &stmt, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        tw_db_bind_int(stmt, 1, items[i].at.ns);
        tw_db_bind_bytes(stmt, 2, items[i].labels);
        tw_db_bind_bytes(stmt, 3, items[i].annotations);
        bind_time(stmt, 4, items[i].starts);
        bind_time(stmt, 5, items[i].ends);
        tw_db_bind_bytes(stmt, 6, items[i].generator);
        rc = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

int tw_alerts_post(const char *dir, const struct tw_alerts_push *items, size_t count,
                   uint64_t max_waiting, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    uint64_t waiting = 0;
    TW_ASSERT(count <= TW_ALERTS_PUSH_ONCE_MAX);
    if (count == 0) {
        return TW_OK;
    }
    int rc = begin(dir, &db, diag);
    rc = rc == TW_OK ? count_waiting(db, &waiting, diag) : rc;
    if (rc == TW_OK && waiting + count > max_waiting) {
        rc =
            tw_diag_set(diag, TW_ELIMIT, "%llu alerts wait to be taken in, alerts.push-max is %llu",
                        (unsigned long long)waiting, (unsigned long long)max_waiting);
    }
    rc = rc == TW_OK ? insert_pushes(db, items, count, diag) : rc;
    return finish(&db, rc, diag);
}

int tw_heartbeat_beat(const char *dir, struct tw_str name, tw_wall_t now, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    uint64_t changes = 0;
    const struct tw_desk_value values[] = {TW_DESK_BYTES(name), TW_DESK_NUMBER(now.ns)};
    int rc = begin(dir, &db, diag);
    rc = rc == TW_OK ? tw_desk_deed_run(db,
                                        "UPDATE heartbeat SET last = max(last, ?2), state = 1"
                                        " WHERE name = ?1",
                                        values, 2, &changes, diag)
                     : rc;
    if (rc == TW_OK && changes == 0) {
        rc = tw_diag_set(diag, TW_ENOTFOUND, "notify.yaml expects no heartbeat of this name");
    }
    rc = rc == TW_OK ? changed(db, diag) : rc;
    return finish(&db, rc, diag);
}

/* ---- the test button ---- */

int tw_notices_test(const struct tw_alert_command *command, const struct tw_notice_test *test,
                    uint64_t *ret_first_id, struct tw_diag *diag)
{
    char subject[80];
    sqlite3 *db = NULL;
    uint64_t changes = 0;
    int64_t first = 0;
    int len = snprintf(subject, sizeof subject, "receiver:%.*s",
                       (int)(test->receiver.len > 64 ? 64 : test->receiver.len),
                       test->receiver.ptr); /* always fits */
    const struct tw_desk_deed deed = {
        .dir = command->dir,
        .subject = {subject, (size_t)len},
        .actor = command->actor,
        .address = command->address,
        .action = TW_STR_LIT("test"),
        .now = command->now,
    };
    int rc = tw_desk_deed_begin(&deed, &db, diag);
    for (size_t i = 0; i < test->count && rc == TW_OK; i++) {
        const struct tw_desk_value values[] = {
            TW_DESK_BYTES(test->receiver),     TW_DESK_BYTES(test->integrations[i]),
            TW_DESK_NUMBER(test->idx[i]),      TW_DESK_BYTES(TW_STR_LIT("test")),
            TW_DESK_BYTES(TW_STR_LIT("test")), TW_DESK_BYTES(test->data),
            TW_DESK_NUMBER(command->now.ns)};
        rc = tw_desk_deed_run(db,
                              "INSERT INTO notice(receiver, integration, idx, grp, kind, reason,"
                              " data, created, next, state)"
                              " VALUES(?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?7, 0)",
                              values, 7, &changes, diag);
        first = i == 0 && rc == TW_OK ? sqlite3_last_insert_rowid(db) : first;
    }
    rc = rc == TW_OK ? changed(db, diag) : rc;
    rc = tw_desk_deed_finish(&db, rc, diag);
    if (rc == TW_OK) {
        *ret_first_id = (uint64_t)first;
    }
    return rc;
}
