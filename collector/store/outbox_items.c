/* SPDX-License-Identifier: Apache-2.0
 * The items of the outbox: sent, answered, ended. */
#include "config.h"
#include "store/outbox_internal.h"
#include "store/reader_internal.h"

/* ---- reading ---- */

static int take_item(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_outbox_item *ret_item)
{
    int64_t state = sqlite3_column_int64(stmt, 11);
    if (state < 0 || state >= TW_ITEM_STATE_COUNT) {
        return TW_EDAMAGED;
    }
    struct tw_outbox_item item = {
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .replay = (uint64_t)sqlite3_column_int64(stmt, 1),
        .attempt = (uint32_t)sqlite3_column_int64(stmt, 3),
        .event_n = (uint64_t)sqlite3_column_int64(stmt, 4),
        .failed_n = (uint64_t)sqlite3_column_int64(stmt, 5),
        .object_type = (uint16_t)sqlite3_column_int64(stmt, 6),
        .is_open = sqlite3_column_type(stmt, 9) != SQLITE_NULL && sqlite3_column_int(stmt, 9) == 0,
        .is_archived = sqlite3_column_int64(stmt, 10) != 0,
        .state = (enum tw_item_state)state,
        .is_answered = sqlite3_column_int64(stmt, 12) != 0,
        .deadline = {sqlite3_column_int64(stmt, 16)},
    };
    const struct {
        int column;
        struct tw_str *text;
    } texts[] = {{2, &item.replayid},     {7, &item.object_scope}, {8, &item.object_id},
                 {13, &item.destination}, {14, &item.key},         {15, &item.agent},
                 {17, &item.edit}};
    int rc = TW_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && rc == TW_OK; i++) {
        rc = tw_column_copy(stmt, texts[i].column, arena, texts[i].text);
    }
    if (rc == TW_OK) {
        *ret_item = item;
    }
    return rc;
}

int tw_outbox_ready(struct tw_outbox *self, struct tw_arena *arena, uint64_t replay, size_t limit,
                    struct tw_outbox_item **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    size_t count = 0;
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_READY];
    struct tw_outbox_item *items = tw_arena_zalloc(arena, (limit + 1) * sizeof *items);
    tw_db_bind_int(stmt, 1, (int64_t)replay);
    tw_db_bind_int(stmt, 2, (int64_t)limit);
    int rc = items == NULL ? TW_ENOMEM : tw_db_row(stmt, diag);
    while (rc == TW_OK && count < limit) {
        rc = take_item(stmt, arena, &items[count]);
        count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_items = items;
    *ret_count = count;
    return TW_OK;
}

int tw_outbox_item(struct tw_outbox *self, struct tw_arena *arena, uint64_t id,
                   struct tw_outbox_item *ret_item, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_ITEM];
    tw_db_bind_int(stmt, 1, (int64_t)id);
    int rc = tw_db_row(stmt, diag);
    rc = rc == TW_OK ? take_item(stmt, arena, ret_item) : rc;
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    return rc;
}

int tw_outbox_state(struct tw_outbox *self, uint64_t item, enum tw_item_state *ret_state,
                    struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_STATE];
    tw_db_bind_int(stmt, 1, (int64_t)item);
    int rc = tw_db_row(stmt, diag);
    int64_t state = rc == TW_OK ? sqlite3_column_int64(stmt, 0) : 0;
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc == TW_OK && (state < 0 || state >= TW_ITEM_STATE_COUNT)) {
        return TW_EDAMAGED;
    }
    *ret_state = (enum tw_item_state)state;
    return rc;
}

/* The rows of a statement whose values are bound but ?1, the limit. */
static int take_waits(sqlite3_stmt *stmt, struct tw_arena *arena, size_t limit,
                      struct tw_outbox_waits **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    size_t count = 0;
    struct tw_outbox_waits *items = tw_arena_zalloc(arena, (limit + 1) * sizeof *items);
    tw_db_bind_int(stmt, 1, (int64_t)limit);
    int rc = items == NULL ? TW_ENOMEM : tw_db_row(stmt, diag);
    while (rc == TW_OK && count < limit) {
        struct tw_outbox_waits *item = &items[count++];
        item->item = (uint64_t)sqlite3_column_int64(stmt, 0);
        item->replay = (uint64_t)sqlite3_column_int64(stmt, 1);
        item->is_answered = sqlite3_column_int64(stmt, 3) != 0;
        rc = tw_column_copy(stmt, 2, arena, &item->agent);
        rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_items = items;
    *ret_count = count;
    return TW_OK;
}

int tw_outbox_unanswered(struct tw_outbox *self, struct tw_arena *arena, size_t limit,
                         struct tw_outbox_waits **ret_items, size_t *ret_count,
                         struct tw_diag *diag)
{
    return take_waits(self->stmts[TW_OUTBOX_UNANSWERED], arena, limit, ret_items, ret_count, diag);
}

int tw_outbox_overdue(struct tw_outbox *self, struct tw_arena *arena, tw_wall_t now, size_t limit,
                      struct tw_outbox_waits **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    tw_db_bind_int(self->stmts[TW_OUTBOX_OVERDUE], 2, now.ns);
    return take_waits(self->stmts[TW_OUTBOX_OVERDUE], arena, limit, ret_items, ret_count, diag);
}

int tw_outbox_accepted(struct tw_outbox *self, struct tw_arena *arena, struct tw_str agent,
                       size_t limit, struct tw_outbox_waits **ret_items, size_t *ret_count,
                       struct tw_diag *diag)
{
    sqlite3_stmt *stmt =
        self->stmts[agent.ptr == NULL ? TW_OUTBOX_ACCEPTED : TW_OUTBOX_ACCEPTED_OF];
    if (agent.ptr != NULL) {
        tw_db_bind_bytes(stmt, 2, agent);
    }
    return take_waits(stmt, arena, limit, ret_items, ret_count, diag);
}

/* ---- writing ---- */

static int count_for(struct tw_outbox *self, enum tw_outbox_statement which, struct tw_str agent,
                     struct tw_diag *diag)
{
    tw_db_bind_bytes(self->stmts[which], 1, agent);
    return tw_db_run(self->stmts[which], diag);
}

int tw_outbox_note(struct tw_outbox *self, const struct tw_outbox_item *item,
                   enum tw_item_event what, struct tw_str detail, tw_wall_t at,
                   struct tw_diag *diag)
{
    return tw_item_note(&self->items, item->id, what, item->attempt, 0, detail, at, diag);
}

int tw_outbox_send(struct tw_outbox *self, const struct tw_outbox_item *item, tw_wall_t now,
                   struct tw_diag *diag)
{
    struct tw_outbox_item sent = *item;
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_SEND];
    sent.attempt = 1;
    tw_db_bind_int(stmt, 1, (int64_t)item->id);
    tw_db_bind_bytes(stmt, 2, item->key);
    tw_db_bind_bytes(stmt, 3, item->agent);
    tw_db_bind_int(stmt, 4, now.ns);
    tw_db_bind_int(stmt, 5, item->deadline.ns);
    int rc = tw_db_run(stmt, diag);
    if (rc == TW_OK && sqlite3_changes64(self->db) == 0) {
        return TW_ENOTFOUND;
    }
    rc = rc == TW_OK ? tw_outbox_note(self, &sent, TW_ITEM_EVENT_SENT, item->agent, now, diag) : rc;
    tw_db_bind_int(self->stmts[TW_OUTBOX_BEGUN], 1, (int64_t)item->replay);
    tw_db_bind_int(self->stmts[TW_OUTBOX_BEGUN], 2, now.ns);
    rc = rc == TW_OK ? tw_db_run(self->stmts[TW_OUTBOX_BEGUN], diag) : rc;
    return rc == TW_OK ? count_for(self, TW_OUTBOX_ORDERED, item->agent, diag) : rc;
}

int tw_outbox_end(struct tw_outbox *self, const struct tw_outbox_end *end, struct tw_diag *diag)
{
    const struct tw_item_end ended = {
        .item = end->item,
        .state = end->state,
        .lets_next = end->lets_next,
        .why = end->why,
        .at = end->at,
    };
    int rc = tw_item_end(&self->items, &ended, diag);
    return rc == TW_ENOTFOUND ? TW_OK : rc; /* it has ended already, in another way */
}

/* Of an item that is sent to this agent and waits for its answer. */
static int write_answer(struct tw_outbox *self, const struct tw_outbox_answer *answer,
                        const struct tw_outbox_item *item, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_ANSWERED];
    tw_db_bind_int(stmt, 1, (int64_t)item->id);
    tw_db_bind_int(stmt, 2, answer->at.ns);
    int rc = tw_db_run(stmt, diag);
    if (rc == TW_OK && answer->is_refused) {
        const struct tw_outbox_end end = {
            .item = item->id, .state = TW_ITEM_REFUSED, .why = answer->reason, .at = answer->at};
        rc = tw_outbox_end(self, &end, diag);
    } else if (rc == TW_OK) {
        rc = tw_outbox_note(self, item, TW_ITEM_EVENT_ACCEPTED, answer->agent, answer->at, diag);
    }
    enum tw_outbox_statement which =
        answer->is_refused ? TW_OUTBOX_COUNT_REFUSED : TW_OUTBOX_COUNT_ACCEPTED;
    return rc == TW_OK ? count_for(self, which, answer->agent, diag) : rc;
}

int tw_outbox_take_answer(struct tw_outbox *self, const struct tw_outbox_answer *answer,
                          struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_BY_REPLAYID];
    tw_db_bind_bytes(stmt, 1, answer->replayid);
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_ENOTFOUND) {
        return count_for(self, TW_OUTBOX_COUNT_STRANGE, answer->agent, diag);
    }
    if (rc != TW_OK) {
        return rc;
    }
    const struct tw_outbox_item item = {.id = (uint64_t)sqlite3_column_int64(stmt, 0),
                                        .attempt = (uint32_t)sqlite3_column_int64(stmt, 2)};
    bool is_its_own =
        item.attempt == answer->attempt && tw_str_equal(tw_db_column_bytes(stmt, 3), answer->agent);
    bool is_awaited =
        sqlite3_column_int64(stmt, 1) == TW_ITEM_SENT && sqlite3_column_int64(stmt, 4) == 0;
    (void)sqlite3_reset(stmt); /* it gave its row */
    if (!is_its_own) {
        return count_for(self, TW_OUTBOX_COUNT_STRANGE, answer->agent, diag);
    }
    return is_awaited ? write_answer(self, answer, &item, diag) : TW_OK;
}
