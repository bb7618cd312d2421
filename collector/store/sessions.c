/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/sessions.h"

#include <stdio.h>

#include "store/access_internal.h"

#define CACHE_KIB 512
#define S_DAY     INT64_C(86400)

#define HASH(bytes) ((struct tw_str){(const char *)(bytes), TW_BEARER_HASH_BYTES})

/* ---- ending ---- */

int tw_sessions_end(sqlite3 *db, struct tw_str user, uint64_t except, bool forgets_devices,
                    struct tw_diag *diag)
{
    uint64_t changes = 0;
    const struct tw_desk_value values[] = {TW_DESK_BYTES(user), TW_DESK_NUMBER(except)};
    int rc = tw_desk_deed_run(db,
                              "DELETE FROM session WHERE id <> ?2"
                              " AND user = (SELECT id FROM user WHERE name = ?1)",
                              values, 2, &changes, diag);
    if (rc == TW_OK && forgets_devices) {
        rc = tw_desk_deed_run(
            db, "DELETE FROM device WHERE user = (SELECT id FROM user WHERE name = ?1)", values, 1,
            &changes, diag);
    }
    return rc;
}

int tw_session_end(const struct tw_access_command *command, struct tw_str user, uint64_t id,
                   struct tw_diag *diag)
{
    char detail[32];
    sqlite3 *db = NULL;
    uint64_t changes = 0;
    int len = snprintf(detail, sizeof detail, "session %llu", (unsigned long long)id);
    const struct tw_access_deed deed = {"sign-out", "user", user, {detail, (size_t)len}};
    const struct tw_desk_value values[] = {TW_DESK_BYTES(user), TW_DESK_NUMBER(id)};
    int rc = tw_access_check("user", user, TW_STR_NULL, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_access_begin(command, &deed, &db, diag);
    rc = rc == TW_OK ? tw_desk_deed_run(db,
                                        "DELETE FROM session WHERE id = ?2"
                                        " AND user = (SELECT id FROM user WHERE name = ?1)",
                                        values, 2, &changes, diag)
                     : rc;
    if (rc == TW_OK && changes == 0) {
        rc = tw_diag_set(diag, TW_ENOTFOUND, "there is no such session");
    }
    return tw_desk_deed_finish(&db, rc, diag);
}

int tw_sessions_end_all(const struct tw_access_command *command, struct tw_str user,
                        uint64_t except, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    const struct tw_access_deed deed = {"sign-out", "user", user,
                                        except == 0 ? TW_STR_LIT("all sessions")
                                                    : TW_STR_LIT("all other sessions")};
    const struct tw_desk_value values[] = {TW_DESK_BYTES(user)};
    int rc = tw_access_check("user", user, TW_STR_NULL, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_access_begin(command, &deed, &db, diag);
    rc = rc == TW_OK ? tw_access_change(db, &deed, "UPDATE user SET id = id WHERE name = ?1",
                                        values, 1, diag)
                     : rc;
    rc = rc == TW_OK ? tw_sessions_end(db, user, except, false, diag) : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}

/* ---- signing in ---- */

/* Sessions that are over, of everybody. As access/session.h judges, but for clocks that went back:
 * those it does not find are judged when they are shown. */
static int sweep(sqlite3 *db, const struct tw_session_limits *limits, tw_wall_t now,
                 struct tw_diag *diag)
{
    uint64_t changes = 0;
    const struct tw_desk_value sessions[] = {
        TW_DESK_NUMBER(now.ns - limits->idle_s * TW_NS_PER_S),
        TW_DESK_NUMBER(now.ns - limits->absolute_s * TW_NS_PER_S)};
    const struct tw_desk_value devices[] = {
        TW_DESK_NUMBER(now.ns - TW_DEVICE_DAYS * S_DAY * TW_NS_PER_S)};
    int rc = tw_desk_deed_run(db, "DELETE FROM session WHERE seen <= ?1 OR created <= ?2", sessions,
                              2, &changes, diag);
    return rc == TW_OK ? tw_desk_deed_run(db, "DELETE FROM device WHERE seen <= ?1", devices, 1,
                                          &changes, diag)
                       : rc;
}

/* The user's id, and that it signed in. */
static int note_sign_in(sqlite3 *db, const struct tw_access_deed *deed, tw_wall_t now,
                        int64_t *ret_user, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    const struct tw_desk_value values[] = {TW_DESK_BYTES(deed->name), TW_DESK_NUMBER(now.ns)};
    bool is_disabled = false;
    int rc = tw_access_change(db, deed, "UPDATE user SET signed_in = ?2 WHERE name = ?1", values, 2,
                              diag);
    rc = rc == TW_OK
             ? tw_db_prepare(db, "SELECT id, disabled IS NOT NULL FROM user WHERE name = ?1", &stmt,
                             diag)
             : rc;
    if (rc == TW_OK) {
        tw_db_bind_bytes(stmt, 1, deed->name);
        rc = tw_db_row(stmt, diag);
    }
    if (rc == TW_OK) {
        *ret_user = sqlite3_column_int64(stmt, 0);
        is_disabled = sqlite3_column_int64(stmt, 1) != 0;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_OK && is_disabled ? tw_diag_set(diag, TW_EPERM, "the user is disabled") : rc;
}

static int insert_session(sqlite3 *db, int64_t user, const struct tw_access_command *command,
                          const struct tw_sign_in *sign_in, struct tw_diag *diag)
{
    const struct tw_session_time time = tw_session_begun(&sign_in->limits, command->now);
    struct tw_str agent = sign_in->agent;
    uint64_t changes = 0;
    agent.len = agent.len > TW_SESSION_AGENT_MAX ? TW_SESSION_AGENT_MAX : agent.len;
    const struct tw_desk_value old[] = {TW_DESK_NUMBER(user), TW_DESK_NUMBER(TW_SESSIONS_MAX - 1)};
    const struct tw_desk_value values[] = {
        TW_DESK_BYTES(HASH(sign_in->hash)), TW_DESK_NUMBER(user),
        TW_DESK_NUMBER(time.seen.ns),       TW_DESK_NUMBER(time.left_ns),
        TW_DESK_BYTES(command->address),    TW_DESK_BYTES(agent)};
    int rc = tw_desk_deed_run(db,
                              "DELETE FROM session WHERE user = ?1 AND id NOT IN (SELECT id"
                              " FROM session WHERE user = ?1 ORDER BY seen DESC, id DESC LIMIT ?2)",
                              old, 2, &changes, diag);
    return rc == TW_OK ? tw_desk_deed_run(db,
                                          "INSERT INTO session(hash, user, created, seen, left_ns,"
                                          " address, agent) VALUES(?1, ?2, ?3, ?3, ?4, ?5, ?6)",
                                          values, 6, &changes, diag)
                       : rc;
}

static int remember_device(sqlite3 *db, int64_t user, const uint8_t *device, tw_wall_t now,
                           struct tw_diag *diag)
{
    uint64_t changes = 0;
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(user), TW_DESK_BYTES(HASH(device)),
                                           TW_DESK_NUMBER(now.ns)};
    const struct tw_desk_value old[] = {TW_DESK_NUMBER(user), TW_DESK_NUMBER(TW_DEVICES_MAX)};
    int rc = tw_desk_deed_run(db,
                              "INSERT INTO device(user, hash, seen) VALUES(?1, ?2, ?3)"
                              " ON CONFLICT DO UPDATE SET seen = ?3",
                              values, 3, &changes, diag);
    return rc == TW_OK ? tw_desk_deed_run(db,
                                          "DELETE FROM device WHERE user = ?1 AND hash NOT IN"
                                          " (SELECT hash FROM device WHERE user = ?1"
                                          " ORDER BY seen DESC, hash LIMIT ?2)",
                                          old, 2, &changes, diag)
                       : rc;
}

int tw_session_begin(const struct tw_access_command *command, struct tw_str user,
                     const struct tw_sign_in *sign_in, uint64_t *ret_id, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    int64_t user_id = 0;
    uint64_t changes = 0;
    uint64_t id = 0;
    const struct tw_access_deed deed = {"sign-in", "user", user, TW_STR_NULL};
    int rc = tw_access_check("user", user, TW_STR_NULL, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = tw_access_begin(command, &deed, &db, diag);
    rc = rc == TW_OK ? note_sign_in(db, &deed, command->now, &user_id, diag) : rc;
    rc = rc == TW_OK ? sweep(db, &sign_in->limits, command->now, diag) : rc;
    if (rc == TW_OK && sign_in->before != NULL) {
        const struct tw_desk_value values[] = {TW_DESK_BYTES(HASH(sign_in->before))};
        rc = tw_desk_deed_run(db, "DELETE FROM session WHERE hash = ?1", values, 1, &changes, diag);
    }
    rc = rc == TW_OK ? insert_session(db, user_id, command, sign_in, diag) : rc;
    if (rc == TW_OK) {
        id = (uint64_t)sqlite3_last_insert_rowid(db);
    }
    if (rc == TW_OK && sign_in->device != NULL) {
        rc = remember_device(db, user_id, sign_in->device, command->now, diag);
    }
    rc = tw_desk_deed_finish(&db, rc, diag);
    if (rc == TW_OK) {
        *ret_id = id;
    }
    return rc;
}

/* ---- using ---- */

#define SESSION_COLUMNS "s.id, s.created, s.seen, s.left_ns, s.address, s.agent"

/* From the columns that begin at `first`. */
static int take_at(sqlite3_stmt *stmt, int first, struct tw_arena *arena,
                   struct tw_session *session)
{
    *session = (struct tw_session){
        .id = (uint64_t)sqlite3_column_int64(stmt, first),
        .time = {.created = {sqlite3_column_int64(stmt, first + 1)},
                 .seen = {sqlite3_column_int64(stmt, first + 2)},
                 .left_ns = sqlite3_column_int64(stmt, first + 3)},
    };
    int rc = tw_column_copy(stmt, first + 4, arena, &session->address);
    return rc == TW_OK ? tw_column_copy(stmt, first + 5, arena, &session->agent) : rc;
}

static int take(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    return take_at(stmt, 0, arena, row);
}

int tw_session_find(struct tw_desk_reader *self, struct tw_arena *arena,
                    const uint8_t hash[TW_BEARER_HASH_BYTES],
                    const struct tw_session_limits *limits, tw_wall_t now,
                    struct tw_session *ret_session, struct tw_user *ret_user)
{
    sqlite3_stmt *stmt = NULL;
    struct tw_session session = {.id = 0};
    struct tw_user user = {.id = 0};
    int rc = tw_access_prepare(self,
                               "SELECT " TW_USER_COLUMNS ", " SESSION_COLUMNS
                               " FROM session AS s JOIN user AS u ON u.id = s.user"
                               " WHERE s.hash = ?1 AND u.disabled IS NULL",
                               &stmt);
    if (rc == TW_OK) {
        tw_db_bind_bytes(stmt, 1, HASH(hash));
        rc = tw_db_row(stmt, NULL);
    }
    rc = rc == TW_OK ? tw_user_take(stmt, arena, &user) : rc;
    rc = rc == TW_OK ? take_at(stmt, TW_USER_COLUMN_COUNT, arena, &session) : rc;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    rc = rc == TW_OK && tw_session_is_over(&session.time, limits, now) ? TW_ENOTFOUND : rc;
    if (rc == TW_OK) {
        *ret_session = session;
        *ret_user = user;
    }
    return rc;
}

bool tw_session_is_due(const struct tw_session *session, tw_wall_t now)
{
    int64_t since = now.ns - session->time.seen.ns; /* of one that is not over */
    return since < 0 || since >= TW_SESSION_SEE_S * TW_NS_PER_S;
}

int tw_session_seen(const char *dir, const struct tw_session *session, tw_wall_t now,
                    struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    uint64_t changes = 0;
    struct tw_session_time time = session->time;
    if (!tw_session_is_due(session, now)) {
        return TW_OK;
    }
    tw_session_see(&time, now);
    /* Of two at once the second finds the row changed, and leaves it: it was used, that is known.
     */
    const struct tw_desk_value values[] = {
        TW_DESK_NUMBER(session->id), TW_DESK_NUMBER(session->time.seen.ns),
        TW_DESK_NUMBER(time.seen.ns), TW_DESK_NUMBER(time.left_ns)};
    int rc = tw_desk_open_beside(dir, CACHE_KIB, &db, diag);
    rc = rc == TW_OK ? tw_desk_deed_run(db,
                                        "UPDATE session SET seen = ?3, left_ns = ?4"
                                        " WHERE id = ?1 AND seen = ?2",
                                        values, 4, &changes, diag)
                     : rc;
    tw_db_close(&db);
    return rc;
}

int tw_sessions_list(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t user,
                     const struct tw_session **ret_items, size_t *ret_count)
{
    sqlite3_stmt *stmt = NULL;
    const void *items = NULL;
    int rc = tw_access_prepare(self,
                               "SELECT " SESSION_COLUMNS " FROM session AS s WHERE s.user = ?1"
                               " ORDER BY s.id DESC",
                               &stmt);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)user);
        rc = tw_access_rows(stmt, arena, sizeof(struct tw_session), TW_SESSIONS_MAX, take, &items,
                            ret_count);
    }
    if (rc == TW_OK) {
        *ret_items = items;
    }
    return rc;
}

int tw_device_is_known(struct tw_desk_reader *self, uint64_t user,
                       const uint8_t hash[TW_BEARER_HASH_BYTES], tw_wall_t now, bool *ret_is_known)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_access_prepare(
        self, "SELECT 1 FROM device WHERE user = ?1 AND hash = ?2 AND seen > ?3", &stmt);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)user);
        tw_db_bind_bytes(stmt, 2, HASH(hash));
        tw_db_bind_int(stmt, 3, now.ns - TW_DEVICE_DAYS * S_DAY * TW_NS_PER_S);
        rc = tw_db_row(stmt, NULL);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc == TW_OK || rc == TW_ENOTFOUND) {
        *ret_is_known = rc == TW_OK;
        rc = TW_OK;
    }
    return rc;
}
