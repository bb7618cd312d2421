/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/replay_items.h"

#include <stdio.h>

_Static_assert(TW_ITEM_WAITING == 0 && TW_ITEM_SENT == 1 && TW_ITEM_UNPROVEN == 2 &&
                   TW_ITEM_PROVEN == 3 && TW_ITEM_FAILED_AGAIN == 4 && TW_ITEM_CANCELLED == 6,
               "numbers in statements");
_Static_assert(TW_ITEM_EVENT_CANCELLED == 8, "numbers in statements");

/* Waiting ones of the same object in the same replay. */
#define BEHIND                                                                                \
    " FROM replay_item AS b WHERE b.state = 0 AND b.replay = (SELECT replay FROM replay_item" \
    " WHERE id = ?1) AND (b.object_type, b.object_scope, b.object_id) = (SELECT object_type," \
    " object_scope, object_id FROM replay_item WHERE id = ?1)"

static const char *const statements[TW_ITEMS_COUNT] = {
    [TW_ITEMS_ONE] = "SELECT state, attempt FROM replay_item WHERE id = ?1",
    [TW_ITEMS_OF_FAILURE] = "SELECT id, state, replayid, sent FROM replay_item WHERE failure = ?1"
                            " AND state IN (0, 1, 2) ORDER BY id DESC",
    [TW_ITEMS_END] = "UPDATE replay_item SET state = ?2, is_ready = 0, ended = ?3, cause = ?4,"
                     " outcome_n = ?5, why = ?6 WHERE id = ?1",
    [TW_ITEMS_EVENT] = "INSERT INTO item_event(item, at, what, attempt, n, detail)"
                       " VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [TW_ITEMS_NEXT] = "UPDATE replay_item SET is_ready = 1 WHERE id = (SELECT b.id" BEHIND
                      " ORDER BY b.seq LIMIT 1)",
    [TW_ITEMS_BEHIND_EVENTS] = "INSERT INTO item_event(item, at, what, attempt, detail)"
                               " SELECT b.id, ?2, 8, 0, ?3" BEHIND,
    [TW_ITEMS_BEHIND] = "UPDATE replay_item SET state = 6, is_ready = 0, ended = ?2, why = ?3"
                        " WHERE id IN (SELECT b.id" BEHIND ")",
};

int tw_items_init(struct tw_items *self, sqlite3 *db, struct tw_diag *diag)
{
    *self = (struct tw_items){.stmts = {NULL}};
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < TW_ITEMS_COUNT; i++) {
        rc = tw_db_prepare(db, statements[i], &self->stmts[i], diag);
    }
    return rc;
}

void tw_items_fini(struct tw_items *self)
{
    for (size_t i = 0; i < TW_ITEMS_COUNT; i++) {
        (void)sqlite3_finalize(self->stmts[i]); /* repeats errors already seen */
        self->stmts[i] = NULL;
    }
}

static void bind_number_or_null(sqlite3_stmt *stmt, int index, uint64_t value)
{
    if (value == 0) {
        TW_ASSERT(sqlite3_bind_null(stmt, index) == SQLITE_OK);
    } else {
        tw_db_bind_int(stmt, index, (int64_t)value);
    }
}

struct tw_str tw_item_cut(struct tw_str text)
{
    if (text.len > TW_REPLAY_WHY_MAX) {
        text.len = TW_REPLAY_WHY_MAX;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

int tw_item_note(struct tw_items *self, uint64_t item, enum tw_item_event what, uint32_t attempt,
                 uint64_t n, struct tw_str detail, tw_wall_t at, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ITEMS_EVENT];
    tw_db_bind_int(stmt, 1, (int64_t)item);
    tw_db_bind_int(stmt, 2, at.ns);
    tw_db_bind_int(stmt, 3, (int64_t)what);
    tw_db_bind_int(stmt, 4, attempt);
    bind_number_or_null(stmt, 5, n);
    tw_db_bind_bytes(stmt, 6, tw_item_cut(detail));
    return tw_db_run(stmt, diag);
}

static enum tw_item_event event_of(enum tw_item_state state)
{
    switch (state) {
    case TW_ITEM_PROVEN:
        return TW_ITEM_EVENT_PROVEN;
    case TW_ITEM_FAILED_AGAIN:
        return TW_ITEM_EVENT_FAILED_AGAIN;
    case TW_ITEM_REFUSED:
        return TW_ITEM_EVENT_REFUSED;
    case TW_ITEM_UNPROVEN:
        return TW_ITEM_EVENT_UNPROVEN;
    case TW_ITEM_WAITING:
    case TW_ITEM_SENT:
    case TW_ITEM_CANCELLED:
    case TW_ITEM_STATE_COUNT:
    default:
        return TW_ITEM_EVENT_CANCELLED;
    }
}

/* Those behind one that did not end well would overtake it. */
static int cancel_behind(struct tw_items *self, const struct tw_item_end *end, struct tw_diag *diag)
{
    static const char *const words[TW_ITEM_STATE_COUNT] = {
        [TW_ITEM_UNPROVEN] = "is unproven",
        [TW_ITEM_FAILED_AGAIN] = "failed again",
        [TW_ITEM_REFUSED] = "was refused",
        [TW_ITEM_CANCELLED] = "was cancelled",
    };
    char text[96];
    const char *word = words[end->state] == NULL ? "has ended" : words[end->state];
    int len = snprintf(text, sizeof text, "not sent: an earlier one of the same object %s", word);
    const struct tw_str why = {text, (size_t)len}; /* always fits */
    int rc = TW_OK;
    for (enum tw_items_statement which = TW_ITEMS_BEHIND_EVENTS;
         which <= TW_ITEMS_BEHIND && rc == TW_OK; which++) {
        sqlite3_stmt *stmt = self->stmts[which];
        tw_db_bind_int(stmt, 1, (int64_t)end->item);
        tw_db_bind_int(stmt, 2, end->at.ns);
        tw_db_bind_bytes(stmt, 3, why);
        rc = tw_db_run(stmt, diag);
    }
    return rc;
}

static int let_next(struct tw_items *self, uint64_t item, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ITEMS_NEXT];
    tw_db_bind_int(stmt, 1, (int64_t)item);
    return tw_db_run(stmt, diag);
}

int tw_item_end(struct tw_items *self, const struct tw_item_end *end, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ITEMS_ONE];
    TW_ASSERT(end->state > TW_ITEM_SENT && end->state < TW_ITEM_STATE_COUNT);
    tw_db_bind_int(stmt, 1, (int64_t)end->item);
    int rc = tw_db_row(stmt, diag);
    if (rc != TW_OK) {
        return rc;
    }
    int64_t before = sqlite3_column_int64(stmt, 0);
    uint32_t attempt = (uint32_t)sqlite3_column_int64(stmt, 1);
    (void)sqlite3_reset(stmt); /* it gave its row */
    bool is_active = before == TW_ITEM_WAITING || before == TW_ITEM_SENT;
    bool is_late = before == TW_ITEM_UNPROVEN &&
                   (end->state == TW_ITEM_PROVEN || end->state == TW_ITEM_FAILED_AGAIN);
    if (!is_active && !is_late) {
        return TW_ENOTFOUND;
    }
    stmt = self->stmts[TW_ITEMS_END];
    tw_db_bind_int(stmt, 1, (int64_t)end->item);
    tw_db_bind_int(stmt, 2, (int64_t)end->state);
    tw_db_bind_int(stmt, 3, end->at.ns);
    tw_db_bind_int(stmt, 4, (int64_t)end->cause);
    bind_number_or_null(stmt, 5, end->n);
    tw_db_bind_bytes(stmt, 6, tw_item_cut(end->why));
    rc = tw_db_run(stmt, diag);
    rc = rc == TW_OK ? tw_item_note(self, end->item, event_of(end->state), attempt, end->n,
                                    end->why, end->at, diag)
                     : rc;
    if (rc == TW_OK && is_active) {
        rc = end->lets_next ? let_next(self, end->item, diag) : cancel_behind(self, end, diag);
    }
    return rc;
}
