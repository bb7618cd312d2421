/* SPDX-License-Identifier: Apache-2.0
 * What operators do with groups of failures. Each command is one transaction: the row of the audit
 * is written first, then the deed; if either cannot be, neither is there.
 */
#include "config.h"
#include "store/desk_read.h"

#include <stdio.h>

#include "store/desk_deed.h"

#define SNOOZE_MAX_DAYS 90
#define NS_PER_DAY      (INT64_C(86400) * TW_NS_PER_S)

struct tw_str tw_desk_subject(const char *what, uint64_t number, char *buf)
{
    int len = snprintf(buf, TW_DESK_SUBJECT_MAX, "%s:%llu", what, (unsigned long long)number);
    return (struct tw_str){buf, (size_t)len}; /* always fits */
}

/* Its deed: the subject is the group. The caller goes on, then finishes it. */
static int begin(const struct tw_desk_command *command, const char *action, struct tw_str detail,
                 sqlite3 **ret_db, struct tw_diag *diag)
{
    char subject[TW_DESK_SUBJECT_MAX];
    const struct tw_desk_deed deed = {
        .dir = command->dir,
        .subject = tw_desk_subject("group", command->group, subject),
        .actor = command->actor,
        .address = command->address,
        .action = tw_str_of(action),
        .detail = detail,
        .reason = command->reason,
        .now = command->now,
    };
    return tw_desk_deed_begin(&deed, ret_db, diag);
}

/* Change one column of the group's row. */
static int set_group(sqlite3 *db, const char *sql, const struct tw_desk_value *values, size_t count,
                     struct tw_diag *diag)
{
    uint64_t changes = 0;
    int rc = tw_desk_deed_run(db, sql, values, count, &changes, diag);
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
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(command->group),
                                           TW_DESK_NUMBER(command->now.ns),
                                           TW_DESK_BYTES(command->actor), TW_DESK_BYTES(text)};
    int rc = begin(command, "note", TW_STR_NULL, &db, diag);
    rc = rc == TW_OK
             ? tw_desk_deed_run(db,
                                "INSERT INTO note(grp, at, actor, text) SELECT id, ?2, ?3, ?4"
                                " FROM failure_group WHERE id = ?1",
                                values, 4, &changes, diag)
             : rc;
    if (rc == TW_OK && changes == 0) {
        rc = tw_diag_set(diag, TW_ENOTFOUND, "there is no such group");
    }
    return tw_desk_deed_finish(&db, rc, diag);
}

int tw_desk_assign(const struct tw_desk_command *command, struct tw_str assignee,
                   struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    if (assignee.len > TW_ASSIGNEE_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "assignee: at most %d bytes", TW_ASSIGNEE_MAX);
    }
    const struct tw_desk_value values[] = {
        TW_DESK_NUMBER(command->group), TW_DESK_BYTES(assignee.len == 0 ? TW_STR_NULL : assignee)};
    int rc = begin(command, "assign", assignee.len == 0 ? TW_STR_NULL : assignee, &db, diag);
    rc = rc == TW_OK ? set_group(db, "UPDATE failure_group SET assignee = ?2 WHERE id = ?1", values,
                                 2, diag)
                     : rc;
    return tw_desk_deed_finish(&db, rc, diag);
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
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(command->group),
                                           TW_DESK_NUMBER(until.ns)};
    int rc = begin(command, is_on ? "snooze" : "unsnooze", detail, &db, diag);
    rc = rc == TW_OK ? set_group(db, "UPDATE failure_group SET snoozed_until = ?2 WHERE id = ?1",
                                 values, 2, diag)
                     : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}

/* Those named, one by one. */
static int archive_named(sqlite3 *db, const struct tw_desk_command *command, bool is_archived,
                         const uint64_t *ids, size_t id_count, uint64_t *ret_changed,
                         struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; i < id_count && rc == TW_OK; i++) {
        uint64_t changes = 0;
        const struct tw_desk_value values[] = {
            TW_DESK_NUMBER(ids[i]), TW_DESK_NUMBER(command->group), TW_DESK_NUMBER(is_archived)};
        rc = tw_desk_deed_run(
            db,
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
        const struct tw_desk_value values[] = {
            TW_DESK_NUMBER(command->group), TW_DESK_NUMBER(is_archived), TW_DESK_NUMBER(up_to.ns)};
        rc = tw_desk_deed_run(db,
                              "UPDATE failure SET archived = ?2 WHERE grp = ?1 AND archived <> ?2"
                              " AND last <= ?3 AND (state = 0 OR ?2 = 0)",
                              values, 3, &changed, diag);
    }
    rc = tw_desk_deed_finish(&db, rc, diag);
    if (rc == TW_OK) {
        *ret_changed = changed;
    }
    return rc;
}
