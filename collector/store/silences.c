/* SPDX-License-Identifier: Apache-2.0
 * A silence is never deleted by anybody, only ended: who was not told, when and why, stays known as
 * long as alerts do. */
#include "config.h"
#include "store/silences.h"

#include <stdio.h>
#include <sys/random.h>

#include "store/alert_read_internal.h"
#include "store/desk_deed.h"

const char *tw_silence_state_name(enum tw_silence_state state)
{
    static const char *const names[] = {"active", "pending", "expired"};
    return names[state];
}

enum tw_silence_state tw_silence_state(const struct tw_silence *self, tw_wall_t now)
{
    if (self->ends.ns <= now.ns) {
        return TW_SILENCE_EXPIRED;
    }
    return self->starts.ns > now.ns ? TW_SILENCE_PENDING : TW_SILENCE_ACTIVE;
}

/* ---- reading ---- */

static int take_silence(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    struct tw_silence *silence = row;
    *silence = (struct tw_silence){
        .starts = {sqlite3_column_int64(stmt, 2)},
        .ends = {sqlite3_column_int64(stmt, 3)},
        .created = {sqlite3_column_int64(stmt, 4)},
        .updated = {sqlite3_column_int64(stmt, 5)},
    };
    const struct {
        int column;
        struct tw_str *to;
    } texts[] = {{0, &silence->id},
                 {1, &silence->matchers},
                 {6, &silence->created_by},
                 {7, &silence->comment}};
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < sizeof texts / sizeof texts[0]; i++) {
        rc = tw_column_copy(stmt, texts[i].column, arena, texts[i].to);
    }
    return rc;
}

int tw_desk_silences(struct tw_desk_reader *self, struct tw_arena *arena, tw_wall_t now,
                     const struct tw_silence **ret_items, size_t *ret_count)
{
    struct tw_alert_rows rows = {.arena = arena,
                                 .size = sizeof(struct tw_silence),
                                 .limit = TW_SILENCES_MAX,
                                 .take = take_silence};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, TW_ALERT_READ_SILENCES, &stmt);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, now.ns);
        tw_db_bind_int(stmt, 2, TW_SILENCES_MAX);
        rc = tw_alert_read_rows(stmt, &rows);
    }
    if (rc == TW_OK) {
        *ret_items = (const struct tw_silence *)(const void *)rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

int tw_desk_silences_ended(struct tw_desk_reader *self, struct tw_arena *arena, tw_wall_t now,
                           size_t skip, size_t limit, const struct tw_silence **ret_items,
                           size_t *ret_count, bool *ret_more)
{
    TW_ASSERT(limit >= 1 && limit <= TW_SILENCES_MAX);
    struct tw_alert_rows rows = {
        .arena = arena, .size = sizeof(struct tw_silence), .limit = limit, .take = take_silence};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, TW_ALERT_READ_SILENCES_ENDED, &stmt);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, now.ns);
        tw_db_bind_int(stmt, 2, (int64_t)limit + 1);
        tw_db_bind_int(stmt, 3, (int64_t)skip);
        rc = tw_alert_read_rows(stmt, &rows);
    }
    if (rc == TW_OK) {
        *ret_items = (const struct tw_silence *)(const void *)rows.items;
        *ret_count = rows.count;
        *ret_more = rows.has_more;
    }
    return rc;
}

int tw_desk_silence(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_str id,
                    struct tw_silence *ret_silence)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, TW_ALERT_READ_SILENCE, &stmt);
    if (rc == TW_OK) {
        tw_db_bind_bytes(stmt, 1, id);
        rc = tw_db_row(stmt, NULL);
    }
    if (rc == TW_OK) {
        rc = take_silence(stmt, arena, ret_silence);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc;
}

/* ---- commands ---- */

static int make_id(char ret_id[TW_SILENCE_ID_LEN + 1], struct tw_diag *diag)
{
    unsigned char b[16];
    if (getrandom(b, sizeof b, 0) != (ssize_t)sizeof b) {
        return tw_diag_set(diag, TW_ESYSTEM, "the system gives no random bytes");
    }
    b[6] = (unsigned char)(0x40 | (b[6] & 0x0f)); /* RFC 9562: version 4, */
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f)); /* variant 10 */
    (void)snprintf(ret_id, TW_SILENCE_ID_LEN + 1,
                   "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
                   b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]); /* always fits */
    return TW_OK;
}

/* What a change must know of the silence as it is. */
struct before {
    struct tw_silence silence; /* id, texts absent */
    bool has_same_matchers;
};

static int read_before(sqlite3 *db, const struct tw_silence *silence, struct before *ret_before,
                       struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc =
        tw_db_prepare(db, "SELECT matchers, starts, ends FROM silence WHERE id = ?1", &stmt, diag);
    if (rc == TW_OK) {
        tw_db_bind_bytes(stmt, 1, silence->id);
        rc = tw_db_row(stmt, diag);
    }
    if (rc == TW_OK) {
        *ret_before = (struct before){
            .silence = {.starts = {sqlite3_column_int64(stmt, 1)},
                        .ends = {sqlite3_column_int64(stmt, 2)}},
            .has_same_matchers = tw_str_equal(tw_db_column_bytes(stmt, 0), silence->matchers),
        };
    } else if (rc == TW_ENOTFOUND) {
        rc = tw_diag_set(diag, rc, "there is no such silence");
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

/* Who reads a time through Alertmanager's API and posts it again has it in milliseconds. */
static bool begins_when_it_did(const struct before *before, const struct tw_silence *silence)
{
    return silence->starts.ns / TW_NS_PER_S == before->silence.starts.ns / TW_NS_PER_S;
}

static bool may_stay(const struct before *before, const struct tw_silence *silence, tw_wall_t now)
{
    if (!before->has_same_matchers) {
        return false;
    }
    switch (tw_silence_state(&before->silence, now)) {
    case TW_SILENCE_ACTIVE:
        return begins_when_it_did(before, silence);
    case TW_SILENCE_PENDING:
        return silence->starts.ns >= now.ns;
    case TW_SILENCE_EXPIRED:
    default:
        return false;
    }
}

static int check_count(sqlite3 *db, tw_wall_t now, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db, "SELECT count(*) FROM silence WHERE ends > ?1", &stmt, diag);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, now.ns);
        rc = tw_db_row(stmt, diag);
    }
    if (rc == TW_OK && sqlite3_column_int64(stmt, 0) >= TW_SILENCES_MAX) {
        rc = tw_diag_set(diag, TW_ELIMIT, "there are %d silences that have not ended",
                         TW_SILENCES_MAX);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

/* It ends now; one that has not begun has never been. */
static int end_now(sqlite3 *db, struct tw_str id, tw_wall_t now, struct tw_diag *diag)
{
    uint64_t changes = 0;
    const struct tw_desk_value values[] = {TW_DESK_BYTES(id), TW_DESK_NUMBER(now.ns)};
    return tw_desk_deed_run(db,
                            "UPDATE silence SET ends = ?2, starts = min(starts, ?2), updated = ?2"
                            " WHERE id = ?1 AND ends > ?2",
                            values, 2, &changes, diag);
}

static int write_silence(sqlite3 *db, const struct tw_silence *silence, bool is_new, tw_wall_t now,
                         struct tw_diag *diag)
{
    static const char *const statements[] = {
        "UPDATE silence SET matchers = ?2, starts = ?3, ends = ?4, updated = ?5, created_by = ?6,"
        " comment = ?7, warned = 0 WHERE id = ?1",
        "INSERT INTO silence(id, matchers, starts, ends, created, updated, created_by, comment)"
        " VALUES(?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)"};
    uint64_t changes = 0;
    const struct tw_desk_value values[] = {TW_DESK_BYTES(silence->id),
                                           TW_DESK_BYTES(silence->matchers),
                                           TW_DESK_NUMBER(silence->starts.ns),
                                           TW_DESK_NUMBER(silence->ends.ns),
                                           TW_DESK_NUMBER(now.ns),
                                           TW_DESK_BYTES(silence->created_by),
                                           TW_DESK_BYTES(silence->comment)};
    return tw_desk_deed_run(db, statements[is_new], values, 7, &changes, diag);
}

static int check(const struct tw_silence *silence, tw_wall_t now, struct tw_diag *diag)
{
    if (silence->ends.ns <= silence->starts.ns) {
        return tw_diag_set(diag, TW_EINVAL, "start time must be before end time");
    }
    if (silence->ends.ns <= now.ns) {
        return tw_diag_set(diag, TW_EINVAL, "end time can't be in the past");
    }
    if (silence->comment.len == 0 || silence->comment.len > TW_SILENCE_COMMENT_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "comment has 1 to %d bytes", TW_SILENCE_COMMENT_MAX);
    }
    if (silence->created_by.len == 0 || silence->created_by.len > TW_SILENCE_AUTHOR_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "the creator's name has 1 to %d bytes",
                           TW_SILENCE_AUTHOR_MAX);
    }
    return silence->matchers.len <= TW_SILENCE_MATCHERS_MAX
               ? TW_OK
               : tw_diag_set(diag, TW_EINVAL, "the matchers are longer than %d bytes",
                             TW_SILENCE_MATCHERS_MAX);
}

static int begin_deed(const struct tw_alert_command *command, struct tw_str id, const char *action,
                      const struct tw_silence *silence, sqlite3 **ret_db, struct tw_diag *diag)
{
    char subject[TW_SILENCE_ID_LEN + 16];
    int len = snprintf(subject, sizeof subject, "silence:%.*s", TW_SILENCE_ID_LEN,
                       id.ptr); /* always fits */
    struct tw_str reason = silence == NULL ? TW_STR_NULL : silence->comment;
    reason.len = reason.len > TW_REASON_MAX ? TW_REASON_MAX : reason.len; /* whole in the row */
    const struct tw_desk_deed deed = {
        .dir = command->dir,
        .subject = {subject, (size_t)len},
        .actor = command->actor,
        .address = command->address,
        .action = tw_str_of(action),
        .detail = silence == NULL ? TW_STR_NULL : silence->matchers,
        .reason = reason,
        .now = command->now,
    };
    return tw_desk_deed_begin(&deed, ret_db, diag);
}

static int put(sqlite3 *db, const struct tw_alert_command *command, struct tw_silence *silence,
               struct tw_str old, struct tw_diag *diag)
{
    struct before before = {.has_same_matchers = false};
    bool is_new = true;
    int rc = TW_OK;
    if (old.ptr != NULL) {
        struct tw_silence named = *silence;
        named.id = old;
        rc = read_before(db, &named, &before, diag);
        if (rc == TW_OK && may_stay(&before, silence, command->now)) {
            bool stays = begins_when_it_did(&before, silence);
            is_new = false;
            silence->id = old;
            silence->starts = stays ? before.silence.starts : silence->starts;
        } else if (rc == TW_OK) {
            rc = end_now(db, old, command->now, diag);
        }
    }
    if (rc == TW_OK && is_new) {
        silence->starts.ns =
            silence->starts.ns < command->now.ns ? command->now.ns : silence->starts.ns;
        rc = check_count(db, command->now, diag);
    }
    rc = rc == TW_OK ? write_silence(db, silence, is_new, command->now, diag) : rc;
    return rc == TW_OK ? tw_db_exec(db, "UPDATE meta SET alerts = alerts + 1", diag) : rc;
}

int tw_silence_put(const struct tw_alert_command *command, const struct tw_silence *silence,
                   char ret_id[TW_SILENCE_ID_LEN + 1], struct tw_diag *diag)
{
    char id[TW_SILENCE_ID_LEN + 1] = "";
    sqlite3 *db = NULL;
    struct tw_silence made = *silence;
    int rc = check(silence, command->now, diag);
    rc = rc == TW_OK ? make_id(id, diag) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    if (silence->id.ptr != NULL && silence->id.len != TW_SILENCE_ID_LEN) {
        return tw_diag_set(diag, TW_ENOTFOUND, "there is no such silence");
    }
    made.id = tw_str_of(id);
    bool has_id = silence->id.ptr != NULL;
    rc = begin_deed(command, has_id ? silence->id : made.id, has_id ? "change" : "silence", silence,
                    &db, diag);
    rc = rc == TW_OK ? put(db, command, &made, silence->id, diag) : rc;
    rc = tw_desk_deed_finish(&db, rc, diag);
    if (rc == TW_OK) {
        memcpy(ret_id, made.id.ptr, TW_SILENCE_ID_LEN);
        ret_id[TW_SILENCE_ID_LEN] = '\0';
    }
    return rc;
}

int tw_silence_expire(const struct tw_alert_command *command, struct tw_str id,
                      struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    struct before before = {.has_same_matchers = false};
    const struct tw_silence named = {.id = id};
    if (id.len != TW_SILENCE_ID_LEN) {
        return tw_diag_set(diag, TW_ENOTFOUND, "there is no such silence");
    }
    int rc = begin_deed(command, id, "expire", NULL, &db, diag);
    rc = rc == TW_OK ? read_before(db, &named, &before, diag) : rc;
    if (rc == TW_OK && tw_silence_state(&before.silence, command->now) == TW_SILENCE_EXPIRED) {
        rc = tw_diag_set(diag, TW_ECLOSED, "silence %.*s already expired", (int)id.len, id.ptr);
    }
    rc = rc == TW_OK ? end_now(db, id, command->now, diag) : rc;
    rc = rc == TW_OK ? tw_db_exec(db, "UPDATE meta SET alerts = alerts + 1", diag) : rc;
    return tw_desk_deed_finish(&db, rc, diag);
}
