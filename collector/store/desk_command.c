/* SPDX-License-Identifier: Apache-2.0
 * What operators do with groups of failures. Each command is one transaction: the row of the audit
 * is written first, then the deed; if either cannot be, neither is there.
 */
#include "config.h"
#include "store/desk_read.h"

#include <stdio.h>

#include "store/desk_internal.h"
#include "store/migrate.h"

#define COMMAND_CACHE_KIB 512
#define SNOOZE_MAX_DAYS   90
#define NS_PER_DAY        (INT64_C(86400) * TW_NS_PER_S)

struct tw_str tw_desk_subject(uint64_t group, char *buf)
{
    int len = snprintf(buf, TW_DESK_SUBJECT_MAX, "group:%llu", (unsigned long long)group);
    return (struct tw_str){buf, (size_t)len}; /* always fits */
}

static int open_desk(const char *dir, sqlite3 **ret_db, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    const struct tw_schema *schema = tw_desk_schema();
    int rc = tw_path_join(dir, TW_DESK_NAME, path);
    rc = rc == TW_OK ? tw_file_check(path, schema->app_id, schema->version, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(diag, rc, "%s: there is no desk yet; start the collector first", dir);
    }
    return rc == TW_OK ? tw_db_open(path, TW_DB_WRITE, COMMAND_CACHE_KIB, ret_db, diag) : rc;
}

/* Run a statement with at most three values, bound by the caller's array; *ret_changes rows. */
struct bound {
    bool is_number;
    int64_t number;
    struct tw_str bytes;
};

static int run(sqlite3 *db, const char *sql, const struct bound *values, size_t count,
               uint64_t *ret_changes, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, sql, &stmt, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (values[i].is_number) {
            tw_db_bind_int(stmt, (int)i + 1, values[i].number);
        } else {
            tw_db_bind_bytes(stmt, (int)i + 1, values[i].bytes);
        }
    }
    rc = rc == TW_OK ? tw_db_run(stmt, diag) : rc;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc == TW_OK) {
        *ret_changes = (uint64_t)sqlite3_changes64(db);
    }
    return rc;
}

#define NUMBER(value)           \
    {                           \
        true, (int64_t)(value), \
        {                       \
            NULL, 0             \
        }                       \
    }
#define BYTES(text)      \
    {                    \
        false, 0, (text) \
    }

/* Open, begin, and write the row of the audit. The caller goes on, then calls finish. */
static int begin(const struct tw_desk_command *command, const char *action, struct tw_str detail,
                 sqlite3 **ret_db, struct tw_diag *diag)
{
    char subject[TW_DESK_SUBJECT_MAX];
    uint64_t changes = 0;
    sqlite3 *db = NULL;
    if (command->reason.len > TW_REASON_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "reason: at most %d bytes", TW_REASON_MAX);
    }
    const struct bound values[] = {
        NUMBER(command->now.ns),
        BYTES(command->actor),
        BYTES(command->address),
        BYTES(tw_str_of(action)),
        BYTES(tw_desk_subject(command->group, subject)),
        BYTES(detail),
        BYTES(command->reason),
    };
    int rc = open_desk(command->dir, &db, diag);
    rc = rc == TW_OK ? tw_db_exec(db, "BEGIN IMMEDIATE", diag) : rc;
    rc = rc == TW_OK ? run(db,
                           "INSERT INTO audit(at, actor, address, action, subject, detail, reason,"
                           " outcome) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, CAST('done' AS BLOB))",
                           values, sizeof values / sizeof values[0], &changes, diag)
                     : rc;
    *ret_db = db;
    return rc;
}

/* Commit what was done, or nothing of it; closes. */
static int finish(sqlite3 **db_p, int rc, struct tw_diag *diag)
{
    rc = rc == TW_OK ? tw_db_exec(*db_p, "UPDATE meta SET revision = revision + 1", diag) : rc;
    rc = rc == TW_OK ? tw_db_exec(*db_p, "COMMIT", diag) : rc;
    if (*db_p != NULL && sqlite3_get_autocommit(*db_p) == 0) {
        (void)tw_db_exec(*db_p, "ROLLBACK", NULL); /* closing does it too */
    }
    tw_db_close(db_p);
    return rc;
}

/* Change one column of the group's row. */
static int set_group(sqlite3 *db, const char *sql, const struct bound *values, size_t count,
                     struct tw_diag *diag)
{
    uint64_t changes = 0;
    int rc = run(db, sql, values, count, &changes, diag);
    return rc == TW_OK && changes == 0 ? tw_diag_set(diag, TW_ENOTFOUND, "there is no such group")
                                       : rc;
}

int tw_desk_add_note(const struct tw_desk_command *command, struct tw_str text,
                     struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    uint64_t changes = 0;
    if (text.len == 0 || text.len > TW_NOTE_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "text: 1 to %d bytes", TW_NOTE_MAX);
    }
    const struct bound values[] = {NUMBER(command->group), NUMBER(command->now.ns),
                                   BYTES(command->actor), BYTES(text)};
    int rc = begin(command, "note", TW_STR_NULL, &db, diag);
    rc = rc == TW_OK ? run(db,
                           "INSERT INTO note(grp, at, actor, text) SELECT id, ?2, ?3, ?4"
                           " FROM failure_group WHERE id = ?1",
                           values, 4, &changes, diag)
                     : rc;
    if (rc == TW_OK && changes == 0) {
        rc = tw_diag_set(diag, TW_ENOTFOUND, "there is no such group");
    }
    return finish(&db, rc, diag);
}

int tw_desk_assign(const struct tw_desk_command *command, struct tw_str assignee,
                   struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    if (assignee.len > TW_ASSIGNEE_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "assignee: at most %d bytes", TW_ASSIGNEE_MAX);
    }
    const struct bound values[] = {NUMBER(command->group),
                                   BYTES(assignee.len == 0 ? TW_STR_NULL : assignee)};
    int rc = begin(command, "assign", assignee.len == 0 ? TW_STR_NULL : assignee, &db, diag);
    rc = rc == TW_OK ? set_group(db, "UPDATE failure_group SET assignee = ?2 WHERE id = ?1", values,
                                 2, diag)
                     : rc;
    return finish(&db, rc, diag);
}

int tw_desk_snooze(const struct tw_desk_command *command, tw_wall_t until, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    char text[TW_TIME_TEXT_SIZE];
    struct tw_str detail = TW_STR_NULL;
    bool is_on = until.ns != 0;
    if (is_on && (until.ns <= command->now.ns ||
                  until.ns - command->now.ns > SNOOZE_MAX_DAYS * NS_PER_DAY)) {
        return tw_diag_set(diag, TW_EINVAL, "until: in the future, at most %d days",
                           SNOOZE_MAX_DAYS);
    }
    if (is_on) {
        tw_wall_format(until, text);
        detail = tw_str_of(text);
    }
    const struct bound values[] = {NUMBER(command->group), NUMBER(until.ns)};
    int rc = begin(command, is_on ? "snooze" : "unsnooze", detail, &db, diag);
    rc = rc == TW_OK ? set_group(db, "UPDATE failure_group SET snoozed_until = ?2 WHERE id = ?1",
                                 values, 2, diag)
                     : rc;
    return finish(&db, rc, diag);
}

/* Those named, one by one. */
static int archive_named(sqlite3 *db, const struct tw_desk_command *command, bool is_archived,
                         const uint64_t *ids, size_t id_count, uint64_t *ret_changed,
                         struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; i < id_count && rc == TW_OK; i++) {
        uint64_t changes = 0;
        const struct bound values[] = {NUMBER(ids[i]), NUMBER(command->group), NUMBER(is_archived)};
        rc = run(db,
                 "UPDATE failure SET archived = ?3 WHERE id = ?1 AND grp = ?2 AND archived <> ?3"
                 " AND (state = 0 OR ?3 = 0)",
                 values, 3, &changes, diag);
        *ret_changed += rc == TW_OK ? changes : 0;
    }
    return rc;
}

int tw_desk_archive(const struct tw_desk_command *command, bool is_archived, const uint64_t *ids,
                    size_t id_count, tw_wall_t up_to, uint64_t *ret_changed, struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    uint64_t changed = 0;
    char text[64];
    if (ids != NULL && id_count > TW_ARCHIVE_IDS_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "ids: at most %d", TW_ARCHIVE_IDS_MAX);
    }
    (void)snprintf(text, sizeof text, ids == NULL ? "all" : "%zu named", id_count);
    int rc = begin(command, is_archived ? "archive" : "restore", tw_str_of(text), &db, diag);
    if (rc == TW_OK && ids != NULL) {
        rc = archive_named(db, command, is_archived, ids, id_count, &changed, diag);
    } else if (rc == TW_OK) {
        const struct bound values[] = {NUMBER(command->group), NUMBER(is_archived),
                                       NUMBER(up_to.ns)};
        rc = run(db,
                 "UPDATE failure SET archived = ?2 WHERE grp = ?1 AND archived <> ?2"
                 " AND last <= ?3 AND (state = 0 OR ?2 = 0)",
                 values, 3, &changed, diag);
    }
    rc = finish(&db, rc, diag);
    if (rc == TW_OK) {
        *ret_changed = changed;
    }
    return rc;
}
