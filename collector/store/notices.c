/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/notices.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/notices_internal.h"

#define CACHE_KIB        4096
#define CHECKPOINT_EVERY 200 /* transactions between two checkpoints of the journal */

/* Numbers in statements: state 0 waiting, 1 sending, 2 sent, 3 failed, 4 superseded; kind 2
 * watchdog. */
_Static_assert(TW_NOTICE_STATE_WAITING == 0 && TW_NOTICE_STATE_SENDING == 1 &&
                   TW_NOTICE_STATE_SENT == 2 && TW_NOTICE_STATE_FAILED == 3 &&
                   TW_NOTICE_STATE_SUPERSEDED == 4 && TW_NOTICE_WATCHDOG == 2,
               "numbers in statements");

#define EXPIRED                                                                              \
    "(SELECT id FROM notice WHERE state > 1 AND done < CASE kind WHEN 2 THEN ?3 ELSE ?1 END" \
    " ORDER BY id LIMIT ?2)"

static const char *const statements[TW_NOTICES_STATEMENTS] = {
    [TW_NOTICES_STMT_CHANGED] = "UPDATE meta SET alerts = alerts + 1",
    [TW_NOTICES_STMT_MARK] = "SELECT alerts FROM meta",
    [TW_NOTICES_STMT_DUE] =
        "SELECT id, receiver, integration, idx, grp, kind, reason, data, created, next, tries"
        " FROM notice WHERE state = 0 AND state IN (0, 1) AND next <= ?1 ORDER BY id LIMIT ?2",
    [TW_NOTICES_STMT_SENDING] =
        "UPDATE notice SET state = 1, tries = tries + 1 WHERE id = ?1 AND state = 0",
    [TW_NOTICES_STMT_RESULT] =
        "UPDATE notice SET state = ?2, next = ?3, status = ?4, error = ?5,"
        " done = CASE ?2 WHEN 0 THEN NULL ELSE ?6 END WHERE id = ?1 AND state IN (0, 1)",
    [TW_NOTICES_STMT_COUNT] =
        "INSERT INTO receiver_state(receiver, integration, idx, sent, given_up) SELECT receiver,"
        " integration, idx, ?2, ?3 FROM notice WHERE id = ?1 ON CONFLICT DO UPDATE SET"
        " sent = sent + ?2, given_up = given_up + ?3",
    [TW_NOTICES_STMT_RECOVER] = "UPDATE notice SET state = 0, next = ?1 WHERE state = 1"
                                " AND state IN (0, 1)",
    [TW_NOTICES_STMT_ADD] =
        "INSERT INTO notice(receiver, integration, idx, grp, kind, reason, data, created, next,"
        " state) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, 0)",
    [TW_NOTICES_STMT_TOLD] = "INSERT OR IGNORE INTO notice_alert(notice, alert) VALUES(?1, ?2)",
    [TW_NOTICES_STMT_SUPERSEDE] =
        "UPDATE notice SET state = 4, done = ?5, error = CAST('a later notice of the same group"
        " says all of it' AS BLOB) WHERE state = 0 AND state IN (0, 1) AND kind = ?6"
        " AND receiver = ?1 AND integration = ?2 AND idx = ?3 AND grp = ?4"
        " AND instr(data, CAST('\"status\":\"resolved\"' AS BLOB)) = 0",
    [TW_NOTICES_STMT_TOO_MANY] =
        "UPDATE notice SET state = 4, done = ?1, error = CAST('too many wait' AS BLOB) WHERE id IN"
        " (SELECT id FROM notice WHERE state = 0 AND state IN (0, 1) ORDER BY id DESC"
        " LIMIT -1 OFFSET ?2)",
    [TW_NOTICES_STMT_GROUPS] = "SELECT receiver, key, labels, since, next, flushed, told, sent,"
                               " escalated FROM notify_group ORDER BY receiver, key LIMIT ?1",
    [TW_NOTICES_STMT_PUT_GROUP] =
        "INSERT OR REPLACE INTO notify_group(receiver, key, labels, since, next, flushed, told,"
        " sent, escalated) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    [TW_NOTICES_STMT_DROP_GROUP] = "DELETE FROM notify_group WHERE receiver = ?1 AND key = ?2",
    [TW_NOTICES_STMT_FIRING] = "SELECT id, fingerprint, updated, fired, acked IS NOT NULL,"
                               " in_maintenance FROM alert WHERE ended IS NULL AND state = 2"
                               " AND NOT (origin = 2 AND severity = 3)"
                               " ORDER BY id LIMIT ?1",
    [TW_NOTICES_STMT_ALERT] =
        "SELECT id, fingerprint, updated, fired, acked IS NOT NULL, in_maintenance, labels,"
        " annotations, generator, inhibited_by, severity, since, ended FROM alert WHERE id = ?1",
    [TW_NOTICES_STMT_ENDED] = "SELECT id FROM alert WHERE ended >= ?1 AND fired IS NOT NULL"
                              " AND NOT (origin = 2 AND severity = 3)"
                              " ORDER BY id LIMIT ?2",
    [TW_NOTICES_STMT_SILENCES] = "SELECT id, matchers, created_by, starts, ends, created, warned"
                                 " FROM silence WHERE ends > ?1 ORDER BY ends, id LIMIT ?2",
    [TW_NOTICES_STMT_WARNED] = "UPDATE silence SET warned = 1 WHERE id = ?1",
    [TW_NOTICES_STMT_INHIBITED] =
        "UPDATE alert SET inhibited_by = ?2 WHERE id = ?1 AND inhibited_by IS NOT ?2",
    [TW_NOTICES_STMT_NOTE] =
        "INSERT INTO alert_event(alert, at, what, actor, detail) VALUES(?1, ?2, ?3, ?4, ?5)",
    [TW_NOTICES_STMT_NOTE_ONCE] =
        "INSERT INTO alert_event(alert, at, what, actor, detail) SELECT ?1, ?2, ?3, ?4, ?5"
        " WHERE NOT EXISTS(SELECT 1 FROM alert_event WHERE alert = ?1 AND what = ?3"
        " AND actor IS ?4 AND detail IS ?5)",
    [TW_NOTICES_STMT_LAST] = "SELECT created FROM notice WHERE kind = ?1 ORDER BY id DESC LIMIT 1",
    [TW_NOTICES_STMT_EXPIRE_TOLD] = "DELETE FROM notice_alert WHERE notice IN " EXPIRED,
    [TW_NOTICES_STMT_EXPIRE] = "DELETE FROM notice WHERE id IN " EXPIRED,
};

/* ---- words ---- */

const char *tw_notice_kind_name(enum tw_notice_kind kind)
{
    static const char *const names[] = {
#define TW_NAME(name, text) text,
        TW_NOTICE_KINDS(TW_NAME)};
    return names[kind];
}

const char *tw_notice_state_name(enum tw_notice_state state)
{
    static const char *const names[] = {TW_NOTICE_STATES(TW_NAME)
#undef TW_NAME
    };
    return names[state];
}

void tw_notice_key(uint64_t id, tw_wall_t created, char ret_key[TW_NOTICE_KEY_SIZE])
{
    (void)snprintf(ret_key, TW_NOTICE_KEY_SIZE, "%" PRIx64 "-%" PRIx64, (uint64_t)created.ns, id);
}

/* ---- life ---- */

int tw_notices_open(const char *dir, struct tw_notices **ret_notices, struct tw_diag *diag)
{
    struct tw_notices *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    int rc = tw_desk_open_beside(dir, CACHE_KIB, &self->db, diag);
    for (size_t i = 0; rc == TW_OK && i < TW_NOTICES_STATEMENTS; i++) {
        rc = tw_db_prepare(self->db, statements[i], &self->stmts[i], diag);
    }
    if (rc != TW_OK) {
        tw_notices_close(&self);
        return rc;
    }
    *ret_notices = self;
    return TW_OK;
}

void tw_notices_close(struct tw_notices **self_p)
{
    struct tw_notices *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < TW_NOTICES_STATEMENTS; i++) {
        (void)sqlite3_finalize(self->stmts[i]); /* repeats errors already seen */
    }
    tw_db_close(&self->db);
    free(self);
}

/* ---- transactions ---- */

int tw_notices_begin(struct tw_notices *self, struct tw_diag *diag)
{
    self->is_changed = false;
    return tw_db_exec(self->db, "BEGIN IMMEDIATE", diag);
}

/* Readers may hold back the end of the journal; the next checkpoint takes it. */
static int checkpoint(struct tw_notices *self, struct tw_diag *diag)
{
    if (++self->transactions < CHECKPOINT_EVERY) {
        return TW_OK;
    }
    self->transactions = 0;
    int rc = sqlite3_wal_checkpoint_v2(self->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? TW_OK : tw_db_error(self->db, rc, diag);
}

int tw_notices_commit(struct tw_notices *self, struct tw_diag *diag)
{
    int rc = self->is_changed ? tw_db_run(self->stmts[TW_NOTICES_STMT_CHANGED], diag) : TW_OK;
    rc = rc == TW_OK ? tw_db_exec(self->db, "COMMIT", diag) : rc;
    return rc == TW_OK ? checkpoint(self, diag) : rc;
}

void tw_notices_abandon(struct tw_notices *self)
{
    self->is_changed = false;
    if (sqlite3_get_autocommit(self->db) == 0) {
        (void)tw_db_exec(self->db, "ROLLBACK", NULL); /* closing does it too */
    }
}

/* ---- rows ---- */

#define FIRST_ROOM 64

/* One more item; the array doubles, what it was stays in the arena until that is reset. */
static void *grow(struct tw_notice_rows *rows, size_t *room)
{
    if (rows->count == *room) {
        size_t wanted = *room == 0 ? FIRST_ROOM : 2 * *room;
        char *items = tw_arena_alloc(rows->arena, wanted * rows->item_size);
        if (items == NULL) {
            return NULL;
        }
        if (rows->count > 0) {
            memcpy(items, rows->items, rows->count * rows->item_size);
        }
        rows->items = items;
        *room = wanted;
    }
    return (char *)rows->items + rows->count * rows->item_size;
}

int tw_notice_rows_read(sqlite3_stmt *stmt, struct tw_notice_rows *rows, struct tw_diag *diag)
{
    size_t room = 0;
    int rc = tw_db_row(stmt, diag);
    while (rc == TW_OK && rows->count < rows->most) {
        void *item = grow(rows, &room);
        rc = item == NULL ? TW_ENOMEM : rows->take(stmt, rows->arena, item);
        rows->count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc == TW_ENOMEM || rc == TW_EDAMAGED) {
        return tw_diag_set(diag, rc, "%s: %s", TW_DESK_NAME, tw_err_text(rc));
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* ---- delivery ---- */

static int take_notice(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_notice *notice = item;
    int64_t kind = sqlite3_column_int64(stmt, 5);
    if (kind < 0 || kind >= TW_NOTICE_KIND_COUNT) {
        return TW_EDAMAGED;
    }
    *notice = (struct tw_notice){
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .idx = (uint32_t)sqlite3_column_int64(stmt, 3),
        .kind = (enum tw_notice_kind)kind,
        .created = {sqlite3_column_int64(stmt, 8)},
        .next = {sqlite3_column_int64(stmt, 9)},
        .tries = (uint32_t)sqlite3_column_int64(stmt, 10),
    };
    const struct {
        int column;
        struct tw_str *to;
    } texts[] = {{1, &notice->receiver},
                 {2, &notice->integration},
                 {4, &notice->group},
                 {6, &notice->reason},
                 {7, &notice->data}};
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < sizeof texts / sizeof texts[0]; i++) {
        rc = tw_column_copy(stmt, texts[i].column, arena, texts[i].to);
    }
    return rc;
}

int tw_notices_due(struct tw_notices *self, struct tw_arena *arena, tw_wall_t now, size_t most,
                   struct tw_notice **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_DUE];
    struct tw_notice_rows rows = {
        .arena = arena, .item_size = sizeof(struct tw_notice), .most = most, .take = take_notice};
    tw_db_bind_int(stmt, 1, now.ns);
    tw_db_bind_int(stmt, 2, (int64_t)most);
    int rc = tw_notice_rows_read(stmt, &rows, diag);
    if (rc == TW_OK) {
        *ret_items = rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

int tw_notices_sending(struct tw_notices *self, uint64_t id, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_SENDING];
    tw_db_bind_int(stmt, 1, (int64_t)id);
    int rc = tw_db_run(stmt, diag);
    return rc == TW_OK && sqlite3_changes(self->db) == 0 ? TW_ENOTFOUND : rc;
}

static struct tw_str cut(struct tw_str text)
{
    size_t len = text.len < TW_NOTICE_ERROR_MAX ? text.len : TW_NOTICE_ERROR_MAX;
    while (len < text.len && len > 0 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80) {
        len--; /* not in the middle of a character */
    }
    return (struct tw_str){text.ptr, len};
}

int tw_notices_result(struct tw_notices *self, const struct tw_notice_result *result, tw_wall_t now,
                      struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_RESULT];
    tw_db_bind_int(stmt, 1, (int64_t)result->id);
    tw_db_bind_int(stmt, 2, result->state);
    tw_db_bind_int(stmt, 3, result->next.ns);
    tw_db_bind_int(stmt, 4, result->status);
    tw_db_bind_bytes(stmt, 5, cut(result->error));
    tw_db_bind_int(stmt, 6, now.ns);
    int rc = tw_db_run(stmt, diag);
    if (rc != TW_OK || sqlite3_changes(self->db) == 0) {
        return rc; /* it was superseded, or has gone: nothing is left to be said of it */
    }
    self->is_changed = true;
    if (result->state == TW_NOTICE_STATE_WAITING) {
        return TW_OK;
    }
    stmt = self->stmts[TW_NOTICES_STMT_COUNT]; /* health is store/receivers.h */
    tw_db_bind_int(stmt, 1, (int64_t)result->id);
    tw_db_bind_int(stmt, 2, result->state == TW_NOTICE_STATE_SENT);
    tw_db_bind_int(stmt, 3, result->state == TW_NOTICE_STATE_FAILED);
    return tw_db_run(stmt, diag);
}

int tw_notices_recover(struct tw_notices *self, tw_wall_t now, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_RECOVER];
    tw_db_bind_int(stmt, 1, now.ns);
    return tw_db_run(stmt, diag);
}

/* ---- making them ---- */

static int supersede(struct tw_notices *self, const struct tw_notice *notice, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_SUPERSEDE];
    tw_db_bind_bytes(stmt, 1, notice->receiver);
    tw_db_bind_bytes(stmt, 2, notice->integration);
    tw_db_bind_int(stmt, 3, notice->idx);
    tw_db_bind_bytes(stmt, 4, notice->group);
    tw_db_bind_int(stmt, 5, notice->created.ns);
    tw_db_bind_int(stmt, 6, notice->kind);
    int rc = tw_db_run(stmt, diag);
    stmt = self->stmts[TW_NOTICES_STMT_TOO_MANY];
    tw_db_bind_int(stmt, 1, notice->created.ns);
    tw_db_bind_int(stmt, 2, TW_NOTICES_WAITING_MAX - 1); /* with the one that comes */
    return rc == TW_OK ? tw_db_run(stmt, diag) : rc;
}

int tw_notices_add(struct tw_notices *self, struct tw_notice *notice,
                   const struct tw_notice_told *told, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_ADD];
    bool is_state = notice->kind == TW_NOTICE_NOTIFY || notice->kind == TW_NOTICE_WATCHDOG;
    int rc = is_state ? supersede(self, notice, diag) : TW_OK;
    tw_db_bind_bytes(stmt, 1, notice->receiver);
    tw_db_bind_bytes(stmt, 2, notice->integration);
    tw_db_bind_int(stmt, 3, notice->idx);
    tw_db_bind_bytes(stmt, 4, notice->group);
    tw_db_bind_int(stmt, 5, notice->kind);
    tw_db_bind_bytes(stmt, 6, notice->reason);
    tw_db_bind_bytes(stmt, 7, notice->data);
    tw_db_bind_int(stmt, 8, notice->created.ns);
    rc = rc == TW_OK ? tw_db_run(stmt, diag) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    self->is_changed = true;
    notice->id = (uint64_t)sqlite3_last_insert_rowid(self->db);
    notice->next = notice->created;
    notice->tries = 0;
    stmt = self->stmts[TW_NOTICES_STMT_TOLD];
    for (size_t i = 0; i < told->count && rc == TW_OK; i++) {
        tw_db_bind_int(stmt, 1, (int64_t)notice->id);
        tw_db_bind_int(stmt, 2, (int64_t)told->alerts[i]);
        rc = tw_db_run(stmt, diag);
    }
    return rc;
}

int tw_notices_last(struct tw_notices *self, enum tw_notice_kind kind, tw_wall_t *ret_created,
                    struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_LAST];
    tw_db_bind_int(stmt, 1, kind);
    int rc = tw_db_row(stmt, diag);
    ret_created->ns = 0;
    if (rc == TW_OK) {
        ret_created->ns = sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

int tw_notices_expire(struct tw_notices *self, const struct tw_notice_age *age, size_t *ret_count,
                      struct tw_diag *diag)
{
    int rc = TW_OK;
    for (int i = TW_NOTICES_STMT_EXPIRE_TOLD; i <= TW_NOTICES_STMT_EXPIRE && rc == TW_OK; i++) {
        tw_db_bind_int(self->stmts[i], 1, age->before.ns);
        tw_db_bind_int(self->stmts[i], 2, (int64_t)age->limit);
        tw_db_bind_int(self->stmts[i], 3, age->watchdog_before.ns);
        rc = tw_db_run(self->stmts[i], diag);
    }
    if (rc == TW_OK) {
        *ret_count = (size_t)sqlite3_changes(self->db);
    }
    return rc;
}
