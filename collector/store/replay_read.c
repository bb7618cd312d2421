/* SPDX-License-Identifier: Apache-2.0
 * Counts of a replay are added up when they are asked for, from the index of states, as those of
 * groups are: nothing that is kept beside the items can be wrong.
 */
#include "config.h"
#include "store/replay_read.h"

#include "store/replay_read_internal.h"

#define LIST_MAX 1000

/* Exact below 2^53; amounts that nobody has must not end the question, as an overflow would. */
#define SUM_OF_AMOUNTS "CAST(min(max(total(amount_minor), -9.2e18), 9.2e18) AS INTEGER)"
#define REPLAY_COLUMNS                                                                          \
    "id, created, actor, reason, override_reason, destination, selection, state, why, changed," \
    " rate, canary, stop_failures, stop_percent, proof_s, begun, full, finished, phase, "       \
    "phase_detail, edit, needs_approval, approver, approved"
#define PARTS_OF(column, number)                                              \
    "SELECT " column ", count(*) AS n FROM replay_item WHERE replay = ?1 AND" \
    " state = " number " GROUP BY 1 ORDER BY n DESC, 1 LIMIT ?2"

_Static_assert(TW_ITEM_WAITING == 0 && TW_ITEM_SENT == 1 && TW_ITEM_UNPROVEN == 2 &&
                   TW_ITEM_FAILED_AGAIN == 4 && TW_ITEM_REFUSED == 5 && TW_ITEM_CANCELLED == 6 &&
                   TW_REPLAY_PARK_AFTER == 3,
               "numbers in statements");
_Static_assert(TW_REPLAY_READ_COUNT <= TW_REPLAY_READS_MAX, "there is room for each");

static const char *const statements[TW_REPLAY_READ_COUNT] = {
    [TW_REPLAY_READ_VERSION] = "PRAGMA data_version",
    [TW_REPLAY_READ_LAST] =
        "SELECT (SELECT max(id) FROM item_event), (SELECT max(id) FROM audit),"
        " (SELECT max(id) FROM replay), (SELECT sum(is_online) FROM agent),"
        " (SELECT max(since) FROM agent), (SELECT sum(hellos + malformed + strange) FROM agent)",
    [TW_REPLAY_READ_OPEN] =
        "SELECT id, state, changed, phase, phase_detail FROM replay WHERE finished IS NULL",
    [TW_REPLAY_READ_LIST] =
        "SELECT " REPLAY_COLUMNS " FROM replay AS r WHERE (?1 IS NULL OR state = ?1)"
        " AND (?2 IS NULL OR destination = ?2) AND (?5 = 0 OR id < ?5)"
        " AND (?3 = 0 OR id IN (SELECT i.replay FROM failure AS f JOIN replay_item AS i"
        " ON i.failure = f.id WHERE f.grp = ?3))"
        " AND (?4 = 0 OR id IN (SELECT replay FROM replay_item WHERE failure = ?4))"
        " ORDER BY id DESC LIMIT ?6",
    [TW_REPLAY_READ_ONE] = "SELECT " REPLAY_COLUMNS " FROM replay WHERE id = ?1",
    [TW_REPLAY_READ_MONEY] = "SELECT state, currency, count(*), " SUM_OF_AMOUNTS
                             " FROM replay_item WHERE replay = ?1 GROUP BY state, currency",
    [TW_REPLAY_READ_LEFT] = TW_SQL_REPLAY_LEFT,
    [TW_REPLAY_READ_BY_CAUSE] = PARTS_OF("cause", "4"),
    [TW_REPLAY_READ_BY_REFUSAL] = PARTS_OF("why", "5"),
    [TW_REPLAY_READ_BY_CANCELLATION] = PARTS_OF("why", "6"),
    [TW_REPLAY_READ_BY_UNPROVEN] = PARTS_OF("why", "2"),
    [TW_REPLAY_READ_ITEMS] =
        "SELECT i.id, i.seq, i.state, i.failure, f.grp, g.workflow, g.step, i.object_type,"
        " i.object_scope, i.object_id, i.store, i.amount_minor, i.currency, i.is_asked,"
        " i.is_financial, i.replayid, i.attempt, i.idempotency_key, i.agent, i.sent, i.answered,"
        " i.deadline, i.ended, i.cause, i.why, i.event_n, i.outcome_n, p.replay, p.id, p.state"
        " FROM replay_item AS i LEFT JOIN failure AS f ON f.id = i.failure"
        " LEFT JOIN failure_group AS g ON g.id = f.grp"
        " LEFT JOIN replay_item AS p ON p.id = i.previous"
        " WHERE i.replay = ?1 AND i.seq > ?2 AND (?3 IS NULL OR i.state = ?3)"
        " AND (?4 IS NULL OR (i.cause = ?4 AND i.state = 4)) AND (?5 = 0 OR i.failure = ?5)"
        " ORDER BY i.seq LIMIT ?6",
    [TW_REPLAY_READ_LINES] = "SELECT at, what, attempt, n, detail FROM item_event WHERE item = ?1"
                             " ORDER BY id DESC LIMIT ?2",
    [TW_REPLAY_READ_LATEST] = "SELECT replay, id, state FROM replay_item WHERE failure = ?1"
                              " ORDER BY id DESC LIMIT 1",
    [TW_REPLAY_READ_PARKED] = "SELECT 1 FROM replay_item WHERE failure = ?1 AND state = 4"
                              " GROUP BY cause HAVING count(*) >= 3 LIMIT 1",
    [TW_REPLAY_READ_UNDER_WAY] =
        "SELECT count(*) FROM replay_item AS i WHERE i.state = 1 AND i.replay IN"
        " (SELECT id FROM replay WHERE finished IS NULL AND destination = ?1)",
    [TW_REPLAY_READ_AGENTS] =
        "SELECT name, systems, capacity, is_online, since, heard, address, hellos, ordered,"
        " accepted, refused, malformed, strange, (SELECT count(*) FROM replay_item AS i WHERE "
        "i.state = 1"
        " AND i.agent = a.name) FROM agent AS a ORDER BY name LIMIT ?1",
};

int tw_replay_prepared(struct tw_desk_reader *self, enum tw_replay_read which,
                       sqlite3_stmt **ret_stmt)
{
    sqlite3_stmt **place = &self->replay_stmts[which];
    int rc = *place != NULL ? TW_OK : tw_db_prepare(self->db, statements[which], place, NULL);
    *ret_stmt = *place;
    return rc;
}

void tw_replay_currency(sqlite3_stmt *stmt, int column, char *currency)
{
    struct tw_str text = tw_db_column_bytes(stmt, column);
    size_t len = text.len < 4 ? text.len : 3;
    memset(currency, 0, 4);
    if (len > 0) {
        memcpy(currency, text.ptr, len);
    }
}

/* ---- what changed */

static uint64_t mix(uint64_t mark, uint64_t value)
{
    return (mark ^ value) * UINT64_C(0x100000001b3) + (mark >> 29);
}

static uint64_t mix_text(uint64_t mark, struct tw_str text)
{
    mark = mix(mark, text.len);
    for (size_t i = 0; i < text.len; i++) {
        mark = mix(mark, (unsigned char)text.ptr[i]);
    }
    return mark;
}

static int mark_of(struct tw_desk_reader *self, uint64_t *ret_mark)
{
    sqlite3_stmt *stmt = NULL;
    uint64_t mark = UINT64_C(0xcbf29ce484222325);
    int rc = tw_replay_prepared(self, TW_REPLAY_READ_LAST, &stmt);
    rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    for (int i = 0; i < sqlite3_column_count(stmt); i++) {
        mark = mix(mark, (uint64_t)sqlite3_column_int64(stmt, i));
    }
    (void)sqlite3_reset(stmt); /* it gave its row */
    rc = tw_replay_prepared(self, TW_REPLAY_READ_OPEN, &stmt);
    rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    while (rc == TW_OK) {
        for (int i = 0; i < 3; i++) {
            mark = mix(mark, (uint64_t)sqlite3_column_int64(stmt, i));
        }
        mark = mix_text(mark, tw_db_column_bytes(stmt, 3));
        mark = mix_text(mark, tw_db_column_bytes(stmt, 4));
        rc = tw_db_row(stmt, NULL);
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc == TW_ENOTFOUND) {
        *ret_mark = mark;
        rc = TW_OK;
    }
    return rc;
}

int tw_replays_mark(struct tw_desk_reader *self, uint64_t *ret_mark)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_replay_prepared(self, TW_REPLAY_READ_VERSION, &stmt);
    rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    int64_t version = sqlite3_column_int64(stmt, 0); /* of the file, as this connection sees it */
    (void)sqlite3_reset(stmt);                       /* it gave its row */
    if (version != self->data_version) {
        rc = mark_of(self, &self->mark);
        self->data_version = rc == TW_OK ? version : 0;
    }
    if (rc == TW_OK) {
        *ret_mark = self->mark;
    }
    return rc;
}

/* ---- replays */

static int take_replay(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_replay *ret_replay)
{
    struct tw_replay replay = {.id = (uint64_t)sqlite3_column_int64(stmt, 0)};
    const struct {
        int column;
        struct tw_str *text;
    } texts[] = {
        {2, &replay.actor},       {3, &replay.reason},        {4, &replay.override_reason},
        {5, &replay.destination}, {6, &replay.selection},     {8, &replay.why},
        {18, &replay.phase},      {19, &replay.phase_detail}, {20, &replay.edit},
        {22, &replay.approver},
    };
    const struct {
        int column;
        uint32_t *number;
    } numbers[] = {
        {10, &replay.rate},         {11, &replay.canary},  {12, &replay.stop_failures},
        {13, &replay.stop_percent}, {14, &replay.proof_s},
    };
    int64_t state = sqlite3_column_int64(stmt, 7);
    int rc = state >= 0 && state < TW_REPLAY_STATE_COUNT ? TW_OK : TW_EDAMAGED;
    replay.state = rc == TW_OK ? (enum tw_replay_state)state : TW_REPLAY_DONE;
    replay.created.ns = sqlite3_column_int64(stmt, 1);
    replay.changed.ns = sqlite3_column_int64(stmt, 9);
    replay.begun.ns = sqlite3_column_int64(stmt, 15); /* NULL is 0 */
    replay.full.ns = sqlite3_column_int64(stmt, 16);
    replay.finished.ns = sqlite3_column_int64(stmt, 17);
    replay.needs_approval = sqlite3_column_int64(stmt, 21) != 0;
    replay.approved.ns = sqlite3_column_int64(stmt, 23);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        int64_t value = sqlite3_column_int64(stmt, numbers[i].column);
        *numbers[i].number = value < 0 ? 0 : value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && rc == TW_OK; i++) {
        rc = tw_column_copy(stmt, texts[i].column, arena, texts[i].text);
    }
    *ret_replay = replay;
    return rc;
}

static int add_counts(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_replay *replay)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_replay_prepared(self, TW_REPLAY_READ_MONEY, &stmt);
    replay->money = tw_arena_zalloc(arena, TW_REPLAY_MONEY_MAX * sizeof *replay->money);
    rc = rc == TW_OK && replay->money == NULL ? TW_ENOMEM : rc;
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)replay->id);
        rc = tw_db_row(stmt, NULL);
    }
    while (rc == TW_OK) {
        int64_t state = sqlite3_column_int64(stmt, 0);
        uint64_t count = (uint64_t)sqlite3_column_int64(stmt, 2);
        if (state >= 0 && state < TW_ITEM_STATE_COUNT) {
            replay->count += count;
            replay->counts[state] += count;
        }
        if (state >= 0 && state < TW_ITEM_STATE_COUNT &&
            replay->money_count < TW_REPLAY_MONEY_MAX) {
            struct tw_replay_money *money = &replay->money[replay->money_count++];
            money->state = (enum tw_item_state)state;
            money->count = count;
            money->amount_minor = sqlite3_column_int64(stmt, 3);
            tw_replay_currency(stmt, 1, money->currency);
        }
        rc = tw_db_row(stmt, NULL);
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int read_list(struct tw_desk_reader *self, struct tw_arena *arena,
                     const struct tw_replay_filter *filter, size_t limit, struct tw_replay *items,
                     size_t *ret_count)
{
    sqlite3_stmt *stmt = NULL;
    size_t count = 0;
    int rc = tw_replay_prepared(self, TW_REPLAY_READ_LIST, &stmt);
    if (rc != TW_OK) {
        return rc;
    }
    if (filter->state == NULL) {
        TW_ASSERT(sqlite3_bind_null(stmt, 1) == SQLITE_OK);
    } else {
        tw_db_bind_int(stmt, 1, (int64_t)*filter->state);
    }
    tw_db_bind_bytes(stmt, 2, filter->destination);
    tw_db_bind_int(stmt, 3, (int64_t)filter->group);
    tw_db_bind_int(stmt, 4, (int64_t)filter->failure);
    tw_db_bind_int(stmt, 5, (int64_t)filter->before);
    tw_db_bind_int(stmt, 6, (int64_t)limit + 1);
    rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK && count < limit + 1) {
        rc = take_replay(stmt, arena, &items[count]);
        count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    rc = rc == TW_ENOTFOUND ? TW_OK : rc;
    for (size_t i = 0; i < count && i < limit && rc == TW_OK; i++) {
        rc = add_counts(self, arena, &items[i]);
    }
    *ret_count = count;
    return rc;
}

int tw_replay_list(struct tw_desk_reader *self, struct tw_arena *arena,
                   const struct tw_replay_filter *filter, const struct tw_replay **ret_items,
                   size_t *ret_count, bool *ret_more)
{
    size_t limit = filter->limit > LIST_MAX ? LIST_MAX : filter->limit;
    size_t count = 0;
    struct tw_replay *items = tw_arena_zalloc(arena, (limit + 1) * sizeof *items);
    int rc = items == NULL ? TW_ENOMEM : tw_db_exec(self->db, "BEGIN", NULL);
    if (rc != TW_OK) {
        return rc;
    }
    rc = read_list(self, arena, filter, limit, items, &count);
    int ended = tw_db_exec(self->db, "COMMIT", NULL);
    rc = rc == TW_OK ? ended : rc;
    if (rc == TW_OK) {
        *ret_items = items;
        *ret_more = count > limit;
        *ret_count = *ret_more ? limit : count;
    }
    return rc;
}

static int read_one(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t id,
                    struct tw_replay *ret_replay)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_replay_prepared(self, TW_REPLAY_READ_ONE, &stmt);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)id);
        rc = tw_db_row(stmt, NULL);
    }
    if (rc == TW_OK) {
        rc = take_replay(stmt, arena, ret_replay);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc == TW_OK ? add_counts(self, arena, ret_replay) : rc;
}

int tw_replay_one(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t id,
                  struct tw_replay *ret_replay)
{
    int rc = tw_db_exec(self->db, "BEGIN", NULL);
    if (rc != TW_OK) {
        return rc;
    }
    rc = read_one(self, arena, id, ret_replay);
    int ended = tw_db_exec(self->db, "COMMIT", NULL);
    return rc == TW_OK ? ended : rc;
}

int tw_replay_left_of(sqlite3_stmt *stmt, uint64_t id, struct tw_replay_left *ret_left,
                      struct tw_diag *diag)
{
    tw_db_bind_int(stmt, 1, (int64_t)id);
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        uint64_t count = (uint64_t)sqlite3_column_int64(stmt, 0);
        uint64_t not_left = (uint64_t)sqlite3_column_int64(stmt, 1);
        (void)sqlite3_reset(stmt); /* it gave its row */
        *ret_left = (struct tw_replay_left){count - not_left, not_left};
    }
    return rc;
}

int tw_replay_left(struct tw_desk_reader *self, uint64_t id, struct tw_replay_left *ret_left)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_replay_prepared(self, TW_REPLAY_READ_LEFT, &stmt);
    return rc == TW_OK ? tw_replay_left_of(stmt, id, ret_left, NULL) : rc;
}

int tw_replay_parts(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t id,
                    enum tw_replay_by by, const struct tw_replay_part **ret_parts,
                    size_t *ret_count)
{
    static const enum tw_replay_read which[] = {
        [TW_REPLAY_BY_CAUSE] = TW_REPLAY_READ_BY_CAUSE,
        [TW_REPLAY_BY_REFUSAL] = TW_REPLAY_READ_BY_REFUSAL,
        [TW_REPLAY_BY_CANCELLATION] = TW_REPLAY_READ_BY_CANCELLATION,
        [TW_REPLAY_BY_UNPROVEN] = TW_REPLAY_READ_BY_UNPROVEN,
    };
    sqlite3_stmt *stmt = NULL;
    struct tw_replay_part *parts = tw_arena_zalloc(arena, TW_REPLAY_PARTS_MAX * sizeof *parts);
    size_t count = 0;
    int rc = parts == NULL ? TW_ENOMEM : tw_replay_prepared(self, which[by], &stmt);
    if (rc != TW_OK) {
        return rc;
    }
    tw_db_bind_int(stmt, 1, (int64_t)id);
    tw_db_bind_int(stmt, 2, TW_REPLAY_PARTS_MAX);
    rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK && count < TW_REPLAY_PARTS_MAX) {
        struct tw_replay_part *part = &parts[count++];
        if (by == TW_REPLAY_BY_CAUSE) {
            part->cause = tw_replay_cause(sqlite3_column_int64(stmt, 0));
        } else {
            rc = tw_column_copy(stmt, 0, arena, &part->what);
        }
        part->count = (uint64_t)sqlite3_column_int64(stmt, 1);
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_parts = parts;
    *ret_count = count;
    return TW_OK;
}

int tw_replay_history(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t id,
                      size_t limit, const struct tw_desk_act **ret_acts, size_t *ret_count)
{
    char subject[TW_DESK_SUBJECT_MAX];
    return tw_desk_history_of(self, arena, tw_desk_subject("replay", id, subject), limit, ret_acts,
                              ret_count);
}
