/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/replay_read.h"

#include "store/replay_read_internal.h"

#define ITEMS_MAX 1000

/* ---- items */

static enum tw_item_state item_state(sqlite3_stmt *stmt, int column, int *rc)
{
    int64_t state = sqlite3_column_int64(stmt, column);
    if (state < 0 || state >= TW_ITEM_STATE_COUNT) {
        *rc = TW_EDAMAGED;
        return TW_ITEM_CANCELLED;
    }
    return (enum tw_item_state)state;
}

/* Columns as TW_REPLAY_READ_ITEMS has them; NULL is 0 in numbers and times. */
static int take_item(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_item *item)
{
    const struct {
        int column;
        struct tw_str *text;
    } texts[] = {
        {5, &item->workflow},  {6, &item->step},   {8, &item->object.scope},
        {9, &item->object.id}, {10, &item->store}, {15, &item->replayid},
        {17, &item->key},      {18, &item->agent}, {24, &item->why},
    };
    const struct {
        int column;
        uint64_t *number;
    } numbers[] = {
        {0, &item->id},
        {1, &item->seq},
        {3, &item->failure},
        {4, &item->group},
        {25, &item->event_n},
        {26, &item->outcome_n},
        {27, &item->previous.replay},
        {28, &item->previous.item},
    };
    const struct {
        int column;
        tw_wall_t *at;
    } times[] = {
        {19, &item->sent}, {20, &item->answered}, {21, &item->deadline}, {22, &item->ended}};
    int rc = TW_OK;
    item->state = item_state(stmt, 2, &rc);
    item->object.type = (uint16_t)sqlite3_column_int64(stmt, 7);
    item->amount_minor = sqlite3_column_int64(stmt, 11);
    tw_replay_currency(stmt, 12, item->currency);
    item->is_asked = sqlite3_column_int64(stmt, 13) != 0;
    item->is_financial = sqlite3_column_int64(stmt, 14) != 0;
    item->attempt = (uint32_t)sqlite3_column_int64(stmt, 16);
    item->cause = tw_replay_cause(sqlite3_column_int64(stmt, 23));
    item->previous.state = item_state(stmt, 29, &rc);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i].number = (uint64_t)sqlite3_column_int64(stmt, numbers[i].column);
    }
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        times[i].at->ns = sqlite3_column_int64(stmt, times[i].column);
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && rc == TW_OK; i++) {
        rc = tw_column_copy(stmt, texts[i].column, arena, texts[i].text);
    }
    return rc;
}

/* The last ones, in the order of time. */
static int read_lines(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_item *item)
{
    struct tw_item_line lines[TW_ITEM_LINES_MAX];
    sqlite3_stmt *stmt = NULL;
    size_t count = 0;
    int rc = tw_replay_prepared(self, TW_REPLAY_READ_LINES, &stmt);
    if (rc != TW_OK) {
        return rc;
    }
    tw_db_bind_int(stmt, 1, (int64_t)item->id);
    tw_db_bind_int(stmt, 2, TW_ITEM_LINES_MAX);
    rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK && count < TW_ITEM_LINES_MAX) {
        struct tw_item_line *line = &lines[count];
        int64_t what = sqlite3_column_int64(stmt, 1);
        line->at.ns = sqlite3_column_int64(stmt, 0);
        line->attempt = (uint32_t)sqlite3_column_int64(stmt, 2);
        line->n = (uint64_t)sqlite3_column_int64(stmt, 3);
        rc = tw_column_copy(stmt, 4, arena, &line->detail);
        if (what >= 0 && what < TW_ITEM_EVENT_COUNT) { /* what nobody knows is not told */
            line->what = (enum tw_item_event)what;
            count++;
        }
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    item->lines = tw_arena_alloc(arena, (count + 1) * sizeof *item->lines);
    for (size_t i = 0; i < count && item->lines != NULL; i++) {
        item->lines[i] = lines[count - 1 - i];
    }
    item->line_count = count;
    return item->lines == NULL ? TW_ENOMEM : TW_OK;
}

static void bind_or_null(sqlite3_stmt *stmt, int index, bool is_there, int64_t value)
{
    if (is_there) {
        tw_db_bind_int(stmt, index, value);
    } else {
        TW_ASSERT(sqlite3_bind_null(stmt, index) == SQLITE_OK);
    }
}

static int read_items(struct tw_desk_reader *self, struct tw_arena *arena,
                      const struct tw_item_filter *filter, size_t limit, struct tw_item *items,
                      size_t *ret_count)
{
    sqlite3_stmt *stmt = NULL;
    size_t count = 0;
    int rc = tw_replay_prepared(self, TW_REPLAY_READ_ITEMS, &stmt);
    if (rc != TW_OK) {
        return rc;
    }
    tw_db_bind_int(stmt, 1, (int64_t)filter->replay);
    tw_db_bind_int(stmt, 2, (int64_t)filter->after);
    bind_or_null(stmt, 3, filter->state != NULL, filter->state == NULL ? 0 : *filter->state);
    bind_or_null(stmt, 4, filter->cause != NULL, filter->cause == NULL ? 0 : *filter->cause);
    tw_db_bind_int(stmt, 5, (int64_t)filter->failure);
    tw_db_bind_int(stmt, 6, (int64_t)limit + 1);
    rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK && count < limit + 1) {
        rc = take_item(stmt, arena, &items[count]);
        count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    rc = rc == TW_ENOTFOUND ? TW_OK : rc;
    for (size_t i = 0; i < count && i < limit && rc == TW_OK; i++) {
        rc = read_lines(self, arena, &items[i]);
    }
    *ret_count = count;
    return rc;
}

int tw_replay_items(struct tw_desk_reader *self, struct tw_arena *arena,
                    const struct tw_item_filter *filter, struct tw_item **ret_items,
                    size_t *ret_count, bool *ret_more)
{
    size_t limit = filter->limit > ITEMS_MAX ? ITEMS_MAX : filter->limit;
    size_t count = 0;
    struct tw_item *items = tw_arena_zalloc(arena, (limit + 1) * sizeof *items);
    int rc = items == NULL ? TW_ENOMEM : tw_db_exec(self->db, "BEGIN", NULL);
    if (rc != TW_OK) {
        return rc;
    }
    rc = read_items(self, arena, filter, limit, items, &count);
    int ended = tw_db_exec(self->db, "COMMIT", NULL);
    rc = rc == TW_OK ? ended : rc;
    if (rc == TW_OK) {
        *ret_items = items;
        *ret_more = count > limit;
        *ret_count = *ret_more ? limit : count;
    }
    return rc;
}

/* ---- failures and what was replayed of them */

int tw_replay_of_failure(struct tw_desk_reader *self, uint64_t failure,
                         struct tw_item_place *ret_place, bool *ret_parked)
{
    sqlite3_stmt *stmt = NULL;
    struct tw_item_place place = {.replay = 0};
    bool is_parked = false;
    int rc = tw_replay_prepared(self, TW_REPLAY_READ_LATEST, &stmt);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)failure);
        rc = tw_db_row(stmt, NULL);
    }
    if (rc == TW_OK) {
        place.replay = (uint64_t)sqlite3_column_int64(stmt, 0);
        place.item = (uint64_t)sqlite3_column_int64(stmt, 1);
        place.state = item_state(stmt, 2, &rc);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    if (rc == TW_OK) {
        rc = tw_replay_prepared(self, TW_REPLAY_READ_PARKED, &stmt);
    }
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)failure);
        rc = tw_db_row(stmt, NULL);
        is_parked = rc == TW_OK;
        (void)sqlite3_reset(stmt); /* repeats the error of the step */
    }
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_place = place;
    *ret_parked = is_parked;
    return TW_OK;
}

/* ---- agents */

static int take_agent(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_agent *agent)
{
    uint64_t *const numbers[] = {&agent->hellos,   &agent->ordered,   &agent->accepted,
                                 &agent->refused,  &agent->malformed, &agent->strange,
                                 &agent->under_way};
    agent->capacity = (uint32_t)sqlite3_column_int64(stmt, 2);
    agent->is_online = sqlite3_column_int64(stmt, 3) != 0;
    agent->since.ns = sqlite3_column_int64(stmt, 4);
    agent->heard.ns = sqlite3_column_int64(stmt, 5);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        *numbers[i] = (uint64_t)sqlite3_column_int64(stmt, 7 + (int)i);
    }
    int rc = tw_column_copy(stmt, 0, arena, &agent->name);
    rc = rc == TW_OK ? tw_column_copy(stmt, 1, arena, &agent->systems) : rc;
    return rc == TW_OK ? tw_column_copy(stmt, 6, arena, &agent->address) : rc;
}

int tw_replay_agents(struct tw_desk_reader *self, struct tw_arena *arena,
                     const struct tw_agent **ret_agents, size_t *ret_count)
{
    struct tw_agent *agents = tw_arena_zalloc(arena, TW_AGENTS_MAX * sizeof *agents);
    sqlite3_stmt *stmt = NULL;
    size_t count = 0;
    int rc = agents == NULL ? TW_ENOMEM : tw_replay_prepared(self, TW_REPLAY_READ_AGENTS, &stmt);
    if (rc != TW_OK) {
        return rc;
    }
    tw_db_bind_int(stmt, 1, TW_AGENTS_MAX);
    rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK && count < TW_AGENTS_MAX) {
        rc = take_agent(stmt, arena, &agents[count]);
        count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_agents = agents;
    *ret_count = count;
    return TW_OK;
}

int tw_replay_under_way(struct tw_desk_reader *self, struct tw_str destination, uint64_t *ret_count)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_replay_prepared(self, TW_REPLAY_READ_UNDER_WAY, &stmt);
    if (rc == TW_OK) {
        tw_db_bind_bytes(stmt, 1, destination);
        rc = tw_db_row(stmt, NULL);
    }
    if (rc == TW_OK) {
        *ret_count = (uint64_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc;
}
