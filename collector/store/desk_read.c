/* SPDX-License-Identifier: Apache-2.0
 * Groups are added up when they are asked for, from the index of what is open, which has all that
 * is added: nothing that is kept beside it can be wrong.
 */
#include "config.h"
#include "store/desk_read.h"

#include <stdlib.h>

#include "store/desk_internal.h"
#include "store/migrate.h"

#define READ_CACHE_KIB 4096
#define PROGRESS_STEPS 1000 /* of SQLite between two looks at the clock */
#define ITEMS_MAX      1000
#define HOUR_S         3600

/* Exact below 2^53; amounts that nobody has must not end the question, as an overflow would. */
#define SUM_OF_AMOUNTS "CAST(min(max(total(amount_minor), -9.2e18), 9.2e18) AS INTEGER)"
#define OPEN_ONES      " FROM failure INDEXED BY failure_open WHERE state = 0 AND archived = 0"
#define OPEN_FILTER                                                \
    " AND (?1 IS NULL OR grp = ?1) AND (?2 IS NULL OR store = ?2)" \
    " AND (?3 IS NULL OR region = ?3)"
#define PARTS_OF(column)                                                         \
    "SELECT " column ", count(*) AS n FROM failure WHERE grp = ?1 AND state = 0" \
    " AND archived = 0 GROUP BY 1 ORDER BY n DESC, 1 LIMIT ?2"

enum statement {
    STMT_REVISION,
    STMT_SUMS,
    STMT_PLACES,
    STMT_GROUP,
    STMT_GROUP_NOTE,
    STMT_TREND,
    STMT_BY_STORE,
    STMT_BY_REGION,
    STMT_BY_CODE,
    STMT_BY_MESSAGE,
    STMT_STATES,
    STMT_LIST,
    STMT_ONE,
    STMT_OF_STEP,
    STMT_NOTES,
    STMT_HISTORY,
    STMT_COUNT
};

static const char *const statements[STMT_COUNT] = {
    [STMT_REVISION] = "SELECT revision FROM meta",
    [STMT_SUMS] = "SELECT grp, currency, count(*), " SUM_OF_AMOUNTS
                  ", min(first), max(last)" OPEN_ONES OPEN_FILTER " GROUP BY grp, currency",
    [STMT_PLACES] =
        "SELECT grp, count(DISTINCT store), count(DISTINCT region)" OPEN_ONES OPEN_FILTER
        " GROUP BY grp",
    [STMT_GROUP] = "SELECT id, workflow, step, system, destination, cause, label, created,"
                   " assignee, snoozed_until FROM failure_group WHERE id = ?1",
    [STMT_GROUP_NOTE] = "SELECT text FROM note WHERE grp = ?1 ORDER BY id DESC LIMIT 1",
    [STMT_TREND] = "SELECT hour, news FROM trend WHERE grp = ?1 AND hour > ?2",
    [STMT_BY_STORE] = PARTS_OF("store"),
    [STMT_BY_REGION] = PARTS_OF("region"),
    [STMT_BY_CODE] = PARTS_OF("code"),
    [STMT_BY_MESSAGE] = PARTS_OF("message"),
    [STMT_STATES] = "SELECT state, archived, count(*) FROM failure WHERE grp = ?1"
                    " GROUP BY state, archived",
    [STMT_LIST] = "SELECT " TW_FAILURE_COLUMNS " FROM failure AS f JOIN failure_group AS g"
                  " ON g.id = f.grp WHERE f.grp = ?1 AND (?2 IS NULL OR f.state = ?2)"
                  " AND f.archived = ?3 AND (?4 IS NULL OR f.store = ?4)"
                  " AND (?6 = 0 OR (f.last, f.id) < (?5, ?6))"
                  " ORDER BY f.last DESC, f.id DESC LIMIT ?7",
    [STMT_ONE] = "SELECT " TW_FAILURE_COLUMNS " FROM failure AS f JOIN failure_group AS g"
                 " ON g.id = f.grp WHERE f.id = ?1",
    [STMT_OF_STEP] = "SELECT " TW_FAILURE_COLUMNS " FROM failure AS f JOIN failure_group AS g"
                     " ON g.id = f.grp WHERE f.workflow = ?1 AND f.object_type = ?2"
                     " AND f.object_scope = ?3 AND f.object_id = ?4 AND f.step = ?5",
    [STMT_NOTES] = "SELECT id, at, actor, text FROM note WHERE grp = ?1 ORDER BY id DESC LIMIT ?2",
    [STMT_HISTORY] = "SELECT at, actor, action, detail, reason FROM audit WHERE subject = ?1"
                     " ORDER BY id DESC LIMIT ?2",
};

_Static_assert(STMT_COUNT <= TW_DESK_READS_MAX, "there is room for each");

/* ---- life ---- */

static int on_progress(void *context)
{
    const struct tw_desk_reader *self = context;
    struct tw_clock *clock = tw_clock_system();
    return self->has_deadline && clock->mono(clock).ns >= self->deadline.ns ? 1 : 0;
}

int tw_desk_reader_open(const char *dir, struct tw_desk_reader **ret_reader, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    const struct tw_schema *schema = tw_desk_schema();
    struct tw_desk_reader *self = calloc(1, sizeof *self);
    int rc = self == NULL ? TW_ENOMEM : tw_path_join(dir, TW_DESK_NAME, path);
    rc = rc == TW_OK ? tw_file_check(path, schema->app_id, schema->version, diag) : rc;
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_READ, READ_CACHE_KIB, &self->db, diag) : rc;
    for (size_t i = 0; rc == TW_OK && i < STMT_COUNT; i++) {
        rc = tw_db_prepare(self->db, statements[i], &self->stmts[i], diag);
    }
    if (rc != TW_OK) {
        tw_desk_reader_close(&self);
        return rc;
    }
    sqlite3_progress_handler(self->db, PROGRESS_STEPS, on_progress, self);
    *ret_reader = self;
    return TW_OK;
}

void tw_desk_reader_close(struct tw_desk_reader **self_p)
{
    struct tw_desk_reader *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < STMT_COUNT; i++) {
        (void)sqlite3_finalize(self->stmts[i]); /* repeats errors already seen */
    }
    for (size_t i = 0; i < TW_REPLAY_READS_MAX; i++) {
        (void)sqlite3_finalize(self->replay_stmts[i]); /* likewise */
    }
    for (size_t i = 0; i < TW_ALERT_READS_MAX; i++) {
        (void)sqlite3_finalize(self->alert_stmts[i]); /* likewise */
    }
    tw_db_close(&self->db);
    free(self);
}

void tw_desk_reader_set_deadline(struct tw_desk_reader *self, tw_mono_t deadline)
{
    self->deadline = deadline;
    self->has_deadline = true;
}

int tw_desk_reader_revision(struct tw_desk_reader *self, uint64_t *ret_revision)
{
    sqlite3_stmt *stmt = self->stmts[STMT_REVISION];
    int rc = tw_db_row(stmt, NULL);
    if (rc == TW_OK) {
        *ret_revision = (uint64_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc == TW_ENOTFOUND ? TW_EDAMAGED : rc;
}

/* ---- groups ---- */

struct groups {
    struct tw_arena *arena;
    struct tw_group *items; /* by id, ascending */
    size_t count;
    size_t room;
};

static int add_group(struct groups *self, uint64_t id, struct tw_group **ret_group)
{
    if (self->count > 0 && self->items[self->count - 1].id == id) {
        *ret_group = &self->items[self->count - 1];
        return TW_OK;
    }
    if (self->count == self->room) {
        size_t room = self->room == 0 ? 64 : self->room * 2;
        struct tw_group *items = tw_arena_zalloc(self->arena, room * sizeof *items);
        if (items == NULL) {
            return TW_ENOMEM;
        }
        if (self->count > 0) {
            memcpy(items, self->items, self->count * sizeof *items);
        }
        self->items = items;
        self->room = room;
    }
    *ret_group = &self->items[self->count++];
    (*ret_group)->id = id;
    return TW_OK;
}

static void add_sum(struct tw_group *group, sqlite3_stmt *stmt)
{
    struct tw_str currency = tw_db_column_bytes(stmt, 1);
    uint64_t count = (uint64_t)sqlite3_column_int64(stmt, 2);
    int64_t first = sqlite3_column_int64(stmt, 4);
    int64_t last = sqlite3_column_int64(stmt, 5);
    group->first.ns = group->open == 0 || first < group->first.ns ? first : group->first.ns;
    group->last.ns = group->open == 0 || last > group->last.ns ? last : group->last.ns;
    group->open += count;
    if (group->amount_count == TW_GROUP_CURRENCIES) {
        group->has_more_currencies = true;
        return;
    }
    struct tw_group_amount *amount = &group->amounts[group->amount_count++];
    amount->count = count;
    amount->amount_minor = sqlite3_column_int64(stmt, 3);
    memcpy(amount->currency, currency.len == 0 ? "" : currency.ptr,
           currency.len < sizeof amount->currency ? currency.len : sizeof amount->currency - 1);
}

static void bind_filter(sqlite3_stmt *stmt, const struct tw_group_filter *filter)
{
    if (filter->id == 0) {
        TW_ASSERT(sqlite3_bind_null(stmt, 1) == SQLITE_OK);
    } else {
        tw_db_bind_int(stmt, 1, (int64_t)filter->id);
    }
    tw_db_bind_bytes(stmt, 2, filter->store);
    tw_db_bind_bytes(stmt, 3, filter->region);
}

static int read_sums(struct tw_desk_reader *self, const struct tw_group_filter *filter,
                     struct groups *groups)
{
    sqlite3_stmt *stmt = self->stmts[STMT_SUMS];
    bind_filter(stmt, filter);
    int rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK) {
        struct tw_group *group = NULL;
        rc = add_group(groups, (uint64_t)sqlite3_column_int64(stmt, 0), &group);
        if (rc == TW_OK) {
            add_sum(group, stmt);
            rc = tw_db_row(stmt, NULL);
        }
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* In the order of the sums, by group. */
static int read_places(struct tw_desk_reader *self, const struct tw_group_filter *filter,
                       struct groups *groups)
{
    sqlite3_stmt *stmt = self->stmts[STMT_PLACES];
    size_t at = 0;
    bind_filter(stmt, filter);
    int rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK) {
        uint64_t id = (uint64_t)sqlite3_column_int64(stmt, 0);
        while (at < groups->count && groups->items[at].id < id) {
            at++;
        }
        if (at < groups->count && groups->items[at].id == id) {
            groups->items[at].stores = (uint64_t)sqlite3_column_int64(stmt, 1);
            groups->items[at].regions = (uint64_t)sqlite3_column_int64(stmt, 2);
        }
        rc = tw_db_row(stmt, NULL);
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int read_kind(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_group *group)
{
    sqlite3_stmt *stmt = self->stmts[STMT_GROUP];
    tw_db_bind_int(stmt, 1, (int64_t)group->id);
    int rc = tw_db_row(stmt, NULL);
    if (rc != TW_OK) {
        return rc;
    }
    const struct {
        int column;
        struct tw_str *text;
    } texts[] = {
        {1, &group->kind.workflow},    {2, &group->kind.step},  {3, &group->kind.system},
        {4, &group->kind.destination}, {6, &group->kind.label}, {8, &group->assignee},
    };
    int64_t cause = sqlite3_column_int64(stmt, 5);
    group->kind.cause =
        cause >= 0 && cause < TW_CAUSE_COUNT ? (enum tw_cause)cause : TW_CAUSE_UNKNOWN;
    group->created.ns = sqlite3_column_int64(stmt, 7);
    group->snoozed_until.ns = sqlite3_column_int64(stmt, 9);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && rc == TW_OK; i++) {
        rc = tw_column_copy(stmt, texts[i].column, arena, texts[i].text);
    }
    (void)sqlite3_reset(stmt); /* it gave its row */
    return rc;
}

static int read_note(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_group *group)
{
    sqlite3_stmt *stmt = self->stmts[STMT_GROUP_NOTE];
    tw_db_bind_int(stmt, 1, (int64_t)group->id);
    int rc = tw_db_row(stmt, NULL);
    if (rc == TW_OK) {
        rc = tw_column_copy(stmt, 0, arena, &group->note);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int read_trend(struct tw_desk_reader *self, tw_wall_t now, struct tw_group *group)
{
    sqlite3_stmt *stmt = self->stmts[STMT_TREND];
    int64_t hour = now.ns / TW_NS_PER_S / HOUR_S;
    int64_t before = hour - TW_GROUP_TREND_HOURS;
    tw_db_bind_int(stmt, 1, (int64_t)group->id);
    tw_db_bind_int(stmt, 2, before * HOUR_S);
    int rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK) {
        int64_t at = sqlite3_column_int64(stmt, 0) / HOUR_S - before - 1;
        if (at >= 0 && at < TW_GROUP_TREND_HOURS) {
            group->trend[at] = (uint32_t)sqlite3_column_int64(stmt, 1);
        }
        rc = tw_db_row(stmt, NULL);
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static bool is_asked_for(const struct tw_group_filter *filter, const struct tw_failure_kind *kind)
{
    return (filter->workflow.ptr == NULL || tw_str_equal(filter->workflow, kind->workflow)) &&
           (filter->system.ptr == NULL || tw_str_equal(filter->system, kind->system)) &&
           (filter->cause == NULL || *filter->cause == kind->cause);
}

static int by_count(const void *a_p, const void *b_p)
{
    const struct tw_group *a = a_p;
    const struct tw_group *b = b_p;
    if (a->open != b->open) {
        return a->open > b->open ? -1 : 1;
    }
    return a->id < b->id ? -1 : 1;
}

static int read_groups(struct tw_desk_reader *self, const struct tw_group_filter *filter,
                       struct groups *groups)
{
    struct tw_group *group = NULL;
    size_t kept = 0;
    int rc = read_sums(self, filter, groups);
    if (rc == TW_OK && filter->id != 0 && groups->count == 0) {
        rc = add_group(groups, filter->id, &group);
    }
    rc = rc == TW_OK ? read_places(self, filter, groups) : rc;
    for (size_t i = 0; i < groups->count && rc == TW_OK; i++) {
        rc = read_kind(self, groups->arena, &groups->items[i]);
        if (rc == TW_OK && is_asked_for(filter, &groups->items[i].kind)) {
            groups->items[kept++] = groups->items[i];
        }
    }
    groups->count = rc == TW_OK ? kept : 0;
    if (groups->count > 1) {
        qsort(groups->items, groups->count, sizeof *groups->items, by_count);
    }
    for (size_t i = 0; i < groups->count && i < TW_GROUPS_MAX && rc == TW_OK; i++) {
        rc = read_note(self, groups->arena, &groups->items[i]);
        rc = rc == TW_OK ? read_trend(self, filter->now, &groups->items[i]) : rc;
    }
    return rc;
}

int tw_desk_groups(struct tw_desk_reader *self, struct tw_arena *arena,
                   const struct tw_group_filter *filter, const struct tw_group **ret_groups,
                   size_t *ret_count, bool *ret_more)
{
    struct groups groups = {.arena = arena};
    int rc = tw_db_exec(self->db, "BEGIN", NULL);
    if (rc != TW_OK) {
        return rc;
    }
    rc = read_groups(self, filter, &groups);
    int ended = tw_db_exec(self->db, "COMMIT", NULL);
    rc = rc == TW_OK ? ended : rc;
    if (rc == TW_OK) {
        *ret_groups = groups.items;
        *ret_more = groups.count > TW_GROUPS_MAX;
        *ret_count = *ret_more ? TW_GROUPS_MAX : groups.count;
    }
    return rc;
}

/* ---- one group ---- */

int tw_desk_parts(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t group,
                  enum tw_group_by by, const struct tw_group_part **ret_parts, size_t *ret_count)
{
    static const enum statement which[] = {
        [TW_GROUP_BY_STORE] = STMT_BY_STORE,
        [TW_GROUP_BY_REGION] = STMT_BY_REGION,
        [TW_GROUP_BY_CODE] = STMT_BY_CODE,
        [TW_GROUP_BY_MESSAGE] = STMT_BY_MESSAGE,
    };
    sqlite3_stmt *stmt = self->stmts[which[by]];
    struct tw_group_part *parts = tw_arena_zalloc(arena, TW_GROUP_TOP * sizeof *parts);
    size_t count = 0;
    int rc = parts == NULL ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)group);
        tw_db_bind_int(stmt, 2, TW_GROUP_TOP);
        rc = tw_db_row(stmt, NULL);
    }
    while (rc == TW_OK && count < TW_GROUP_TOP) {
        rc = tw_column_copy(stmt, 0, arena, &parts[count].what);
        parts[count++].count = (uint64_t)sqlite3_column_int64(stmt, 1);
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

int tw_desk_states(struct tw_desk_reader *self, uint64_t group,
                   uint64_t ret_counts[TW_FAILURE_STATE_COUNT], uint64_t *ret_archived)
{
    sqlite3_stmt *stmt = self->stmts[STMT_STATES];
    uint64_t counts[TW_FAILURE_STATE_COUNT] = {0};
    uint64_t archived = 0;
    tw_db_bind_int(stmt, 1, (int64_t)group);
    int rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK) {
        int64_t state = sqlite3_column_int64(stmt, 0);
        uint64_t count = (uint64_t)sqlite3_column_int64(stmt, 2);
        if (sqlite3_column_int64(stmt, 1) != 0) {
            archived += count;
        } else if (state >= 0 && state < TW_FAILURE_STATE_COUNT) {
            counts[state] += count;
        }
        rc = tw_db_row(stmt, NULL);
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_ENOTFOUND) {
        return rc;
    }
    memcpy(ret_counts, counts, sizeof counts);
    *ret_archived = archived;
    return TW_OK;
}

int tw_desk_failures(struct tw_desk_reader *self, struct tw_arena *arena,
                     const struct tw_failure_filter *filter, const struct tw_failure **ret_items,
                     size_t *ret_count, bool *ret_more)
{
    sqlite3_stmt *stmt = self->stmts[STMT_LIST];
    size_t limit = filter->limit > ITEMS_MAX ? ITEMS_MAX : filter->limit;
    size_t count = 0;
    struct tw_failure *items = tw_arena_zalloc(arena, (limit + 1) * sizeof *items);
    if (items == NULL) {
        return TW_ENOMEM;
    }
    tw_db_bind_int(stmt, 1, (int64_t)filter->group);
    if (filter->state == NULL) {
        TW_ASSERT(sqlite3_bind_null(stmt, 2) == SQLITE_OK);
    } else {
        tw_db_bind_int(stmt, 2, (int64_t)*filter->state);
    }
    tw_db_bind_int(stmt, 3, filter->is_archived);
    tw_db_bind_bytes(stmt, 4, filter->store);
    tw_db_bind_int(stmt, 5, filter->after_last.ns);
    tw_db_bind_int(stmt, 6, (int64_t)filter->after_id);
    tw_db_bind_int(stmt, 7, (int64_t)limit + 1);
    int rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK && count < limit + 1) {
        rc = tw_desk_take_failure(stmt, arena, &items[count]);
        count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_items = items;
    *ret_more = count > limit;
    *ret_count = *ret_more ? limit : count;
    return TW_OK;
}

int tw_desk_failure(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t id,
                    struct tw_failure *ret_failure)
{
    sqlite3_stmt *stmt = self->stmts[STMT_ONE];
    tw_db_bind_int(stmt, 1, (int64_t)id);
    int rc = tw_db_row(stmt, NULL);
    if (rc == TW_OK) {
        rc = tw_desk_take_failure(stmt, arena, ret_failure);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc;
}

int tw_desk_failure_of(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_str workflow,
                       const struct tw_object *object, struct tw_str step,
                       struct tw_failure *ret_failure)
{
    sqlite3_stmt *stmt = self->stmts[STMT_OF_STEP];
    tw_desk_bind_run(stmt, workflow, object->type, object->scope, object->id);
    tw_db_bind_bytes(stmt, 5, step);
    int rc = tw_db_row(stmt, NULL);
    if (rc == TW_OK) {
        rc = tw_desk_take_failure(stmt, arena, ret_failure);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc;
}

int tw_desk_notes(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t group, size_t limit,
                  const struct tw_desk_note **ret_notes, size_t *ret_count)
{
    sqlite3_stmt *stmt = self->stmts[STMT_NOTES];
    size_t most = limit > ITEMS_MAX ? ITEMS_MAX : limit;
    size_t count = 0;
    struct tw_desk_note *notes = tw_arena_zalloc(arena, (most + 1) * sizeof *notes);
    if (notes == NULL) {
        return TW_ENOMEM;
    }
    tw_db_bind_int(stmt, 1, (int64_t)group);
    tw_db_bind_int(stmt, 2, (int64_t)most);
    int rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK && count < most) {
        notes[count].id = (uint64_t)sqlite3_column_int64(stmt, 0);
        notes[count].at.ns = sqlite3_column_int64(stmt, 1);
        rc = tw_column_copy(stmt, 2, arena, &notes[count].actor);
        rc = rc == TW_OK ? tw_column_copy(stmt, 3, arena, &notes[count].text) : rc;
        count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_notes = notes;
    *ret_count = count;
    return TW_OK;
}

int tw_desk_history(struct tw_desk_reader *self, struct tw_arena *arena, uint64_t group,
                    size_t limit, const struct tw_desk_act **ret_acts, size_t *ret_count)
{
    char subject[TW_DESK_SUBJECT_MAX];
    return tw_desk_history_of(self, arena, tw_desk_subject("group", group, subject), limit,
                              ret_acts, ret_count);
}

int tw_desk_history_of(struct tw_desk_reader *self, struct tw_arena *arena, struct tw_str subject,
                       size_t limit, const struct tw_desk_act **ret_acts, size_t *ret_count)
{
    sqlite3_stmt *stmt = self->stmts[STMT_HISTORY];
    size_t most = limit > ITEMS_MAX ? ITEMS_MAX : limit;
    size_t count = 0;
    struct tw_desk_act *acts = tw_arena_zalloc(arena, (most + 1) * sizeof *acts);
    if (acts == NULL) {
        return TW_ENOMEM;
    }
    tw_db_bind_bytes(stmt, 1, subject);
    tw_db_bind_int(stmt, 2, (int64_t)most);
    int rc = tw_db_row(stmt, NULL);
    while (rc == TW_OK && count < most) {
        struct tw_desk_act *act = &acts[count];
        act->at.ns = sqlite3_column_int64(stmt, 0);
        rc = tw_column_copy(stmt, 1, arena, &act->actor);
        rc = rc == TW_OK ? tw_column_copy(stmt, 2, arena, &act->action) : rc;
        rc = rc == TW_OK ? tw_column_copy(stmt, 3, arena, &act->detail) : rc;
        rc = rc == TW_OK ? tw_column_copy(stmt, 4, arena, &act->reason) : rc;
        count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_acts = acts;
    *ret_count = count;
    return TW_OK;
}
