/* SPDX-License-Identifier: Apache-2.0
 * What groups were told, and what telling looks at: alerts that fire, silences.
 */
#include "config.h"
#include "store/notices.h"

#include "store/notices_internal.h"

#define EVERYTHING 1000000 /* rows: alerts.max has 20,000, each in a few groups at most */

/* ---- groups ---- */

static tw_wall_t time_of(sqlite3_stmt *stmt, int column)
{
    return (tw_wall_t){sqlite3_column_int64(stmt, column)}; /* NULL: 0 */
}

static void bind_time(sqlite3_stmt *stmt, int index, tw_wall_t at)
{
    if (at.ns != 0) {
        tw_db_bind_int(stmt, index, at.ns);
    } else {
        tw_db_bind_bytes(stmt, index, TW_STR_NULL);
    }
}

static int take_group(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_notice_group *group = item;
    *group = (struct tw_notice_group){
        .since = time_of(stmt, 3),
        .next = time_of(stmt, 4),
        .flushed = time_of(stmt, 5),
        .told = time_of(stmt, 6),
        .escalated = (unsigned)sqlite3_column_int64(stmt, 8),
    };
    const struct {
        int column;
        struct tw_str *to;
    } texts[] = {{0, &group->receiver}, {1, &group->key}, {2, &group->labels}, {7, &group->sent}};
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < sizeof texts / sizeof texts[0]; i++) {
        rc = tw_column_copy(stmt, texts[i].column, arena, texts[i].to);
    }
    return rc;
}

int tw_notices_groups(struct tw_notices *self, struct tw_arena *arena,
                      struct tw_notice_group **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    struct tw_notice_rows rows = {.arena = arena,
                                  .item_size = sizeof(struct tw_notice_group),
                                  .most = EVERYTHING,
                                  .take = take_group};
    tw_db_bind_int(self->stmts[TW_NOTICES_STMT_GROUPS], 1, EVERYTHING);
    int rc = tw_notice_rows_read(self->stmts[TW_NOTICES_STMT_GROUPS], &rows, diag);
    if (rc == TW_OK) {
        *ret_items = rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

int tw_notices_put_group(struct tw_notices *self, const struct tw_notice_group *group,
                         struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_PUT_GROUP];
    tw_db_bind_bytes(stmt, 1, group->receiver);
    tw_db_bind_bytes(stmt, 2, group->key);
    tw_db_bind_bytes(stmt, 3, group->labels);
    tw_db_bind_int(stmt, 4, group->since.ns);
    bind_time(stmt, 5, group->next);
    bind_time(stmt, 6, group->flushed);
    bind_time(stmt, 7, group->told);
    tw_db_bind_bytes(stmt, 8, group->sent);
    tw_db_bind_int(stmt, 9, group->escalated);
    return tw_db_run(stmt, diag);
}

int tw_notices_drop_group(struct tw_notices *self, struct tw_str receiver, struct tw_str key,
                          struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_DROP_GROUP];
    tw_db_bind_bytes(stmt, 1, receiver);
    tw_db_bind_bytes(stmt, 2, key);
    return tw_db_run(stmt, diag);
}

/* ---- alerts ---- */

int tw_notices_mark(struct tw_notices *self, uint64_t *ret_mark, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_MARK];
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        *ret_mark = (uint64_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc;
}

static struct tw_notice_firing head_of(sqlite3_stmt *stmt)
{
    return (struct tw_notice_firing){
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .fingerprint = (uint64_t)sqlite3_column_int64(stmt, 1),
        .updated = time_of(stmt, 2),
        .fired = time_of(stmt, 3),
        .is_acked = sqlite3_column_int64(stmt, 4) != 0,
        .in_maintenance = sqlite3_column_int64(stmt, 5) != 0,
    };
}

static int take_firing(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    (void)arena;
    *(struct tw_notice_firing *)item = head_of(stmt);
    return TW_OK;
}

int tw_notices_firing(struct tw_notices *self, struct tw_arena *arena,
                      struct tw_notice_firing **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    struct tw_notice_rows rows = {.arena = arena,
                                  .item_size = sizeof(struct tw_notice_firing),
                                  .most = EVERYTHING,
                                  .take = take_firing};
    tw_db_bind_int(self->stmts[TW_NOTICES_STMT_FIRING], 1, EVERYTHING);
    int rc = tw_notice_rows_read(self->stmts[TW_NOTICES_STMT_FIRING], &rows, diag);
    if (rc == TW_OK) {
        *ret_items = rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

static int take_alert(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_notice_alert *alert = item;
    *alert = (struct tw_notice_alert){
        .head = head_of(stmt),
        .severity = (unsigned)sqlite3_column_int64(stmt, 10),
        .since = time_of(stmt, 11),
        .ended = time_of(stmt, 12),
    };
    int rc = tw_column_copy(stmt, 6, arena, &alert->labels);
    rc = rc == TW_OK ? tw_column_copy(stmt, 7, arena, &alert->annotations) : rc;
    rc = rc == TW_OK ? tw_column_copy(stmt, 8, arena, &alert->generator) : rc;
    return rc == TW_OK ? tw_column_copy(stmt, 9, arena, &alert->inhibited_by) : rc;
}

int tw_notices_alert(struct tw_notices *self, struct tw_arena *arena, uint64_t id,
                     struct tw_notice_alert *ret_alert, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_ALERT];
    tw_db_bind_int(stmt, 1, (int64_t)id);
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        rc = take_alert(stmt, arena, ret_alert);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc;
}

static int take_id(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    (void)arena;
    *(uint64_t *)item = (uint64_t)sqlite3_column_int64(stmt, 0);
    return TW_OK;
}

int tw_notices_ended(struct tw_notices *self, struct tw_arena *arena, tw_wall_t since, size_t most,
                     uint64_t **ret_ids, size_t *ret_count, struct tw_diag *diag)
{
    struct tw_notice_rows rows = {
        .arena = arena, .item_size = sizeof(uint64_t), .most = most, .take = take_id};
    tw_db_bind_int(self->stmts[TW_NOTICES_STMT_ENDED], 1, since.ns);
    tw_db_bind_int(self->stmts[TW_NOTICES_STMT_ENDED], 2, (int64_t)most);
    int rc = tw_notice_rows_read(self->stmts[TW_NOTICES_STMT_ENDED], &rows, diag);
    if (rc == TW_OK) {
        *ret_ids = rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

/* ---- silences ---- */

static int take_silence(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_notice_silence *silence = item;
    *silence = (struct tw_notice_silence){
        .starts = time_of(stmt, 3),
        .ends = time_of(stmt, 4),
        .created = time_of(stmt, 5),
        .is_warned = sqlite3_column_int64(stmt, 6) != 0,
    };
    int rc = tw_column_copy(stmt, 0, arena, &silence->id);
    rc = rc == TW_OK ? tw_column_copy(stmt, 1, arena, &silence->matchers) : rc;
    return rc == TW_OK ? tw_column_copy(stmt, 2, arena, &silence->created_by) : rc;
}

int tw_notices_silences(struct tw_notices *self, struct tw_arena *arena, tw_wall_t now,
                        struct tw_notice_silence **ret_items, size_t *ret_count,
                        struct tw_diag *diag)
{
    struct tw_notice_rows rows = {.arena = arena,
                                  .item_size = sizeof(struct tw_notice_silence),
                                  .most = TW_NOTICE_SILENCES_MAX,
                                  .take = take_silence};
    tw_db_bind_int(self->stmts[TW_NOTICES_STMT_SILENCES], 1, now.ns);
    tw_db_bind_int(self->stmts[TW_NOTICES_STMT_SILENCES], 2, TW_NOTICE_SILENCES_MAX);
    int rc = tw_notice_rows_read(self->stmts[TW_NOTICES_STMT_SILENCES], &rows, diag);
    if (rc == TW_OK) {
        *ret_items = rows.items;
        *ret_count = rows.count;
    }
    return rc;
}

int tw_notices_set_warned(struct tw_notices *self, struct tw_str silence, struct tw_diag *diag)
{
    tw_db_bind_bytes(self->stmts[TW_NOTICES_STMT_WARNED], 1, silence);
    self->is_changed = true;
    return tw_db_run(self->stmts[TW_NOTICES_STMT_WARNED], diag);
}

/* ---- what is written about alerts ---- */

int tw_notices_set_inhibited(struct tw_notices *self, uint64_t alert, struct tw_str inhibited_by,
                             struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_NOTICES_STMT_INHIBITED];
    tw_db_bind_int(stmt, 1, (int64_t)alert);
    tw_db_bind_bytes(stmt, 2, inhibited_by);
    int rc = tw_db_run(stmt, diag);
    self->is_changed = self->is_changed || sqlite3_changes(self->db) > 0;
    return rc;
}

int tw_notices_note(struct tw_notices *self, const struct tw_notice_line *line,
                    struct tw_diag *diag)
{
    sqlite3_stmt *stmt =
        self->stmts[line->is_once ? TW_NOTICES_STMT_NOTE_ONCE : TW_NOTICES_STMT_NOTE];
    tw_db_bind_int(stmt, 1, (int64_t)line->alert);
    tw_db_bind_int(stmt, 2, line->at.ns);
    tw_db_bind_int(stmt, 3, line->what);
    tw_db_bind_bytes(stmt, 4, line->actor);
    tw_db_bind_bytes(stmt, 5, line->detail);
    int rc = tw_db_run(stmt, diag);
    self->is_changed = self->is_changed || sqlite3_changes(self->db) > 0;
    return rc;
}
