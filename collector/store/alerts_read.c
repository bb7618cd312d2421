/* SPDX-License-Identifier: Apache-2.0
 * What the thread `alert` reads back, and the small tables it keeps: rules, heartbeats, what was
 * posted. */
#include "config.h"
#include "store/alerts.h"

#include <math.h>

#include "store/alerts_internal.h"

/* ---- rows of any kind, in the arena ---- */

struct list {
    struct tw_arena *arena;
    size_t item_size;
    size_t limit;
    int (*take)(sqlite3_stmt *stmt, struct tw_arena *arena, void *item);
    void *items;
    size_t count;
};

/* The statement has its values. */
static int read_list(sqlite3_stmt *stmt, struct list *list, struct tw_diag *diag)
{
    TW_ASSERT(list->limit >= 1 && list->limit <= TW_ALERTS_PORTION_MAX);
    list->items = tw_arena_zalloc(list->arena, list->limit * list->item_size);
    int rc = list->items == NULL ? TW_ENOMEM : tw_db_row(stmt, diag);
    while (rc == TW_OK && list->count < list->limit) {
        rc = list->take(stmt, list->arena, (char *)list->items + list->count * list->item_size);
        list->count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc == TW_ENOMEM || rc == TW_EDAMAGED) {
        return tw_diag_set(diag, rc, "%s: %s", TW_DESK_NAME, tw_err_text(rc));
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* ---- alerts ---- */

static tw_wall_t time_of(sqlite3_stmt *stmt, int column)
{
    return (tw_wall_t){sqlite3_column_int64(stmt, column)}; /* NULL: 0 */
}

static double number_of(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt, column) == SQLITE_NULL ? (double)NAN
                                                            : sqlite3_column_double(stmt, column);
}

int tw_alerts_take_row(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_alert_row *row = item;
    int64_t origin = sqlite3_column_int64(stmt, 2);
    int64_t severity = sqlite3_column_int64(stmt, 6);
    int64_t state = sqlite3_column_int64(stmt, 8);
    if (origin < 0 || origin >= TW_ALERT_ORIGIN_COUNT || severity < 0 ||
        severity > TW_ALERT_ROW_NO_SEVERITY || state < TW_ALERT_ROW_PENDING ||
        state > TW_ALERT_ROW_RESOLVED) {
        return TW_EDAMAGED;
    }
    *row = (struct tw_alert_row){
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .fingerprint = (uint64_t)sqlite3_column_int64(stmt, 1),
        .origin = (enum tw_alert_origin)origin,
        .severity = (unsigned)severity,
        .state = (unsigned)state,
        .is_nodata = sqlite3_column_int64(stmt, 9) != 0,
        .is_flapping = sqlite3_column_int64(stmt, 10) != 0,
        .in_maintenance = sqlite3_column_int64(stmt, 11) != 0,
        .value = number_of(stmt, 12),
        .threshold = number_of(stmt, 13),
        .is_above = sqlite3_column_int64(stmt, 14) != 0,
        .since = time_of(stmt, 16),
        .fired = time_of(stmt, 17),
        .calm = time_of(stmt, 18),
        .ended = time_of(stmt, 19),
        .updated = time_of(stmt, 20),
        .ends = time_of(stmt, 21),
    };
    const struct {
        int column;
        struct tw_str *to;
    } texts[] = {{3, &row->rule},     {4, &row->labels}, {5, &row->annotations},
                 {7, &row->workflow}, {15, &row->unit},  {22, &row->generator}};
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < sizeof texts / sizeof texts[0]; i++) {
        rc = tw_column_copy(stmt, texts[i].column, arena, texts[i].to);
    }
    return rc;
}

static int read_fired_before(struct tw_alerts *self, struct tw_alert_row *row, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_FIRED_BEFORE];
    size_t count = 0;
    tw_db_bind_int(stmt, 1, (int64_t)row->fingerprint);
    tw_db_bind_int(stmt, 2, TW_ALERTS_FIRED_MAX);
    int rc = tw_db_row(stmt, diag);
    while (rc == TW_OK && count < TW_ALERTS_FIRED_MAX) {
        row->fired_before[count++] = time_of(stmt, 0);
        rc = tw_db_row(stmt, diag);
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int read_rows(struct tw_alerts *self, sqlite3_stmt *stmt, struct list *list,
                     struct tw_diag *diag)
{
    list->item_size = sizeof(struct tw_alert_row);
    list->take = tw_alerts_take_row;
    int rc = read_list(stmt, list, diag);
    struct tw_alert_row *rows = list->items;
    for (size_t i = 0; rc == TW_OK && i < list->count; i++) {
        rc = read_fired_before(self, &rows[i], diag);
    }
    return rc;
}

int tw_alerts_open_rows(struct tw_alerts *self, struct tw_arena *arena, uint64_t after,
                        size_t limit, struct tw_alert_row **ret_rows, size_t *ret_count,
                        struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_OPEN_ROWS];
    struct list list = {.arena = arena, .limit = limit};
    tw_db_bind_int(stmt, 1, (int64_t)after);
    tw_db_bind_int(stmt, 2, (int64_t)limit);
    int rc = read_rows(self, stmt, &list, diag);
    if (rc == TW_OK) {
        *ret_rows = list.items;
        *ret_count = list.count;
    }
    return rc;
}

int tw_alerts_recent(struct tw_alerts *self, struct tw_arena *arena,
                     const struct tw_alerts_since *since, struct tw_alert_row **ret_rows,
                     size_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_RECENT];
    struct list list = {.arena = arena, .limit = since->limit};
    tw_db_bind_int(stmt, 1, (int64_t)since->after);
    tw_db_bind_int(stmt, 2, (int64_t)since->limit);
    tw_db_bind_int(stmt, 3, since->ended.ns);
    int rc = read_rows(self, stmt, &list, diag);
    if (rc == TW_OK) {
        *ret_rows = list.items;
        *ret_count = list.count;
    }
    return rc;
}

int tw_alerts_count(struct tw_alerts *self, uint64_t *ret_open, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_COUNT_OPEN];
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        *ret_open = (uint64_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc;
}

static int take_scope(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_alerts_scope *row = item;
    row->some_in = sqlite3_column_int64(stmt, 2) != 0;
    row->some_out = sqlite3_column_int64(stmt, 3) == 0;
    int rc = tw_column_copy(stmt, 0, arena, &row->workflow);
    return rc == TW_OK ? tw_column_copy(stmt, 1, arena, &row->system) : rc;
}

int tw_alerts_scopes(struct tw_alerts *self, struct tw_arena *arena,
                     struct tw_alerts_scope **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_SCOPES];
    struct list list = {.arena = arena,
                        .limit = TW_ALERTS_PORTION_MAX,
                        .item_size = sizeof(struct tw_alerts_scope),
                        .take = take_scope};
    tw_db_bind_int(stmt, 1, TW_ALERTS_PORTION_MAX);
    int rc = read_list(stmt, &list, diag);
    if (rc == TW_OK) {
        *ret_items = list.items;
        *ret_count = list.count;
    }
    return rc;
}

/* ---- rules ---- */

int tw_alerts_put_rule(struct tw_alerts *self, const struct tw_alerts_rule *rule, tw_wall_t now,
                       struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_PUT_RULE];
    tw_db_bind_bytes(stmt, 1, rule->name);
    tw_db_bind_int(stmt, 2, rule->state);
    tw_db_bind_bytes(stmt, 3, rule->detail);
    tw_db_bind_int(stmt, 4, (int64_t)rule->instances);
    tw_db_bind_int(stmt, 5, now.ns);
    int rc = tw_db_run(stmt, diag);
    self->is_changed = self->is_changed || (rc == TW_OK && sqlite3_changes64(self->db) > 0);
    return rc;
}

int tw_alerts_evaluated(struct tw_alerts *self, tw_wall_t at, struct tw_diag *diag)
{
    tw_db_bind_int(self->stmts[TW_ALERTS_STMT_EVALUATED], 1, at.ns);
    return tw_db_run(self->stmts[TW_ALERTS_STMT_EVALUATED], diag);
}

static int take_rule(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_alerts_rule *row = item;
    int rc = tw_column_copy(stmt, 0, arena, &row->name);
    row->state = (unsigned)sqlite3_column_int64(stmt, 1);
    row->instances = (uint64_t)sqlite3_column_int64(stmt, 3);
    return rc == TW_OK ? tw_column_copy(stmt, 2, arena, &row->detail) : rc;
}

int tw_alerts_rules(struct tw_alerts *self, struct tw_arena *arena,
                    struct tw_alerts_rule **ret_rules, size_t *ret_count, struct tw_diag *diag)
{
    struct list list = {.arena = arena,
                        .limit = TW_ALERTS_PORTION_MAX,
                        .item_size = sizeof(struct tw_alerts_rule),
                        .take = take_rule};
    tw_db_bind_int(self->stmts[TW_ALERTS_STMT_RULES], 1, TW_ALERTS_PORTION_MAX);
    int rc = read_list(self->stmts[TW_ALERTS_STMT_RULES], &list, diag);
    if (rc == TW_OK) {
        *ret_rules = list.items;
        *ret_count = list.count;
    }
    return rc;
}

/* Delete the row of this name. */
static int forget(struct tw_alerts *self, enum tw_alerts_statement which, struct tw_str name,
                  struct tw_diag *diag)
{
    tw_db_bind_bytes(self->stmts[which], 1, name);
    int rc = tw_db_run(self->stmts[which], diag);
    self->is_changed = self->is_changed || (rc == TW_OK && sqlite3_changes64(self->db) > 0);
    return rc;
}

int tw_alerts_forget_rule(struct tw_alerts *self, struct tw_str name, struct tw_diag *diag)
{
    return forget(self, TW_ALERTS_STMT_FORGET_RULE, name, diag);
}

/* ---- what was posted to us ---- */

static int take_push(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_alerts_push *row = item;
    row->id = (uint64_t)sqlite3_column_int64(stmt, 0);
    row->at = time_of(stmt, 1);
    row->starts = time_of(stmt, 4);
    row->ends = time_of(stmt, 5);
    int rc = tw_column_copy(stmt, 2, arena, &row->labels);
    rc = rc == TW_OK ? tw_column_copy(stmt, 3, arena, &row->annotations) : rc;
    return rc == TW_OK ? tw_column_copy(stmt, 6, arena, &row->generator) : rc;
}

int tw_alerts_pushed(struct tw_alerts *self, struct tw_arena *arena, size_t limit,
                     struct tw_alerts_push **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    struct list list = {.arena = arena,
                        .limit = limit,
                        .item_size = sizeof(struct tw_alerts_push),
                        .take = take_push};
    tw_db_bind_int(self->stmts[TW_ALERTS_STMT_PUSHED], 1, (int64_t)limit);
    int rc = read_list(self->stmts[TW_ALERTS_STMT_PUSHED], &list, diag);
    if (rc == TW_OK) {
        *ret_items = list.items;
        *ret_count = list.count;
    }
    return rc;
}

int tw_alerts_taken(struct tw_alerts *self, uint64_t up_to, struct tw_diag *diag)
{
    tw_db_bind_int(self->stmts[TW_ALERTS_STMT_TAKEN], 1, (int64_t)up_to);
    return tw_db_run(self->stmts[TW_ALERTS_STMT_TAKEN], diag);
}

/* ---- heartbeats ---- */

static int take_heartbeat(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_alerts_heartbeat *row = item;
    int64_t state = sqlite3_column_int64(stmt, 3);
    row->last = time_of(stmt, 1);
    row->every_s = sqlite3_column_int64(stmt, 2);
    row->was_heard = sqlite3_column_int64(stmt, 4) != 0;
    row->state = state >= 0 && state < TW_HEARTBEAT_STATE_COUNT ? (enum tw_heartbeat_state)state
                                                                : TW_HEARTBEAT_AWAITED;
    return tw_column_copy(stmt, 0, arena, &row->name);
}

int tw_alerts_heartbeats(struct tw_alerts *self, struct tw_arena *arena,
                         struct tw_alerts_heartbeat **ret_items, size_t *ret_count,
                         struct tw_diag *diag)
{
    struct list list = {.arena = arena,
                        .limit = TW_ALERTS_PORTION_MAX,
                        .item_size = sizeof(struct tw_alerts_heartbeat),
                        .take = take_heartbeat};
    tw_db_bind_int(self->stmts[TW_ALERTS_STMT_HEARTBEATS], 1, TW_ALERTS_PORTION_MAX);
    int rc = read_list(self->stmts[TW_ALERTS_STMT_HEARTBEATS], &list, diag);
    if (rc == TW_OK) {
        *ret_items = list.items;
        *ret_count = list.count;
    }
    return rc;
}

int tw_alerts_put_heartbeat(struct tw_alerts *self, const struct tw_alerts_heartbeat *heartbeat,
                            struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_PUT_HEARTBEAT];
    tw_db_bind_bytes(stmt, 1, heartbeat->name);
    tw_db_bind_int(stmt, 2, heartbeat->last.ns);
    tw_db_bind_int(stmt, 3, heartbeat->every_s);
    tw_db_bind_int(stmt, 4, (int64_t)heartbeat->state);
    int rc = tw_db_run(stmt, diag);
    self->is_changed = self->is_changed || (rc == TW_OK && sqlite3_changes64(self->db) > 0);
    return rc;
}

int tw_alerts_forget_heartbeat(struct tw_alerts *self, struct tw_str name, struct tw_diag *diag)
{
    return forget(self, TW_ALERTS_STMT_FORGET_HEARTBEAT, name, diag);
}

/* ---- what the tower knows of itself ---- */

static int take_unproven(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_alerts_unproven *row = item;
    row->items = (uint64_t)sqlite3_column_int64(stmt, 1);
    return tw_column_copy(stmt, 0, arena, &row->system);
}

int tw_alerts_unproven(struct tw_alerts *self, struct tw_arena *arena,
                       struct tw_alerts_unproven **ret_items, size_t *ret_count,
                       struct tw_diag *diag)
{
    struct list list = {.arena = arena,
                        .limit = TW_ALERTS_PORTION_MAX,
                        .item_size = sizeof(struct tw_alerts_unproven),
                        .take = take_unproven};
    tw_db_bind_int(self->stmts[TW_ALERTS_STMT_UNPROVEN], 1, TW_ALERTS_PORTION_MAX);
    int rc = read_list(self->stmts[TW_ALERTS_STMT_UNPROVEN], &list, diag);
    if (rc == TW_OK) {
        *ret_items = list.items;
        *ret_count = list.count;
    }
    return rc;
}

static int take_receiver(sqlite3_stmt *stmt, struct tw_arena *arena, void *item)
{
    struct tw_alerts_receiver *row = item;
    int rc = tw_column_copy(stmt, 0, arena, &row->receiver);
    rc = rc == TW_OK ? tw_column_copy(stmt, 1, arena, &row->integration) : rc;
    return rc == TW_OK ? tw_column_copy(stmt, 2, arena, &row->error) : rc;
}

int tw_alerts_failing_receivers(struct tw_alerts *self, struct tw_arena *arena,
                                struct tw_alerts_receiver **ret_items, size_t *ret_count,
                                struct tw_diag *diag)
{
    struct list list = {.arena = arena,
                        .limit = TW_ALERTS_PORTION_MAX,
                        .item_size = sizeof(struct tw_alerts_receiver),
                        .take = take_receiver};
    tw_db_bind_int(self->stmts[TW_ALERTS_STMT_RECEIVERS], 1, TW_ALERTS_PORTION_MAX);
    tw_db_bind_int(self->stmts[TW_ALERTS_STMT_RECEIVERS], 2, TW_RECEIVER_FAILS);
    int rc = read_list(self->stmts[TW_ALERTS_STMT_RECEIVERS], &list, diag);
    if (rc == TW_OK) {
        *ret_items = list.items;
        *ret_count = list.count;
    }
    return rc;
}
