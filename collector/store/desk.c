/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/desk.h"

#include <stdlib.h>

#include "core/log.h"

#include "store/audit_verify.h"
#include "store/desk_internal.h"
#include "store/migrate.h"
#include "store/replay_items.h"

#define DESK_CACHE_KIB   8192
#define CHECKPOINT_EVERY 200 /* transactions between two checkpoints of the journal */
#define HOUR_S           3600

enum statement {
    STMT_PLACE,
    STMT_OF_RUN,
    STMT_OPEN_ONES,
    STMT_GROUP_FIND,
    STMT_GROUP_ADD,
    STMT_INSERT,
    STMT_UPDATE,
    STMT_TREND,
    STMT_EXPIRE,
    STMT_EXPIRE_TREND,
    STMT_COUNT
};

static const char *const statements[STMT_COUNT] = {
    [STMT_PLACE] = "UPDATE meta SET revision = revision + 1, part = ?1, changed = ?2,"
                   " workflow = ?3, object_type = ?4, object_scope = ?5, object_id = ?6",
    [STMT_OF_RUN] = "SELECT " TW_FAILURE_COLUMNS " FROM failure AS f JOIN failure_group AS g"
                    " ON g.id = f.grp WHERE f.workflow = ?1 AND f.object_type = ?2"
                    " AND f.object_scope = ?3 AND f.object_id = ?4 ORDER BY f.step",
    [STMT_OPEN_ONES] = "SELECT " TW_FAILURE_COLUMNS " FROM failure AS f JOIN failure_group AS g"
                       " ON g.id = f.grp WHERE f.id > ?1 AND f.state = 0 AND f.failed_n > 0"
                       " ORDER BY f.id LIMIT ?2",
    [STMT_GROUP_FIND] = "SELECT id FROM failure_group WHERE workflow = ?1 AND step = ?2"
                        " AND destination = ?4 AND cause = ?5 AND label = ?6",
    [STMT_GROUP_ADD] = "INSERT INTO failure_group(workflow, step, system, destination, cause,"
                       " label, created) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    [STMT_INSERT] =
        "INSERT INTO failure(grp, workflow, object_type, object_scope, object_id, step,"
        " state, archived, store, region, type, code, message, error_class,"
        " http_status, amount_minor, currency, failed_n, input_n, done_n, attempts,"
        " first, last, ended, since) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
        " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24,"
        " ?26)",
    [STMT_UPDATE] = "UPDATE failure SET grp = ?1, workflow = ?2, object_type = ?3,"
                    " object_scope = ?4, object_id = ?5, step = ?6, state = ?7, archived = ?8,"
                    " store = ?9, region = ?10, type = ?11, code = ?12, message = ?13,"
                    " error_class = ?14, http_status = ?15, amount_minor = ?16, currency = ?17,"
                    " failed_n = ?18, input_n = ?19, done_n = ?20, attempts = ?21, first = ?22,"
                    " last = ?23, ended = ?24, since = ?26 WHERE id = ?25",
    [STMT_TREND] = "INSERT INTO trend(hour, grp, news) VALUES(?1, ?2, 1)"
                   " ON CONFLICT DO UPDATE SET news = news + 1",
    [STMT_EXPIRE] = "DELETE FROM failure WHERE id IN (SELECT f.id FROM failure AS f"
                    " WHERE f.state > 0 AND f.ended < ?1 AND NOT EXISTS (SELECT 1 FROM replay_item"
                    " AS i WHERE i.failure = f.id) LIMIT ?2)",
    [STMT_EXPIRE_TREND] = "DELETE FROM trend WHERE hour < ?1",
};

struct tw_desk {
    char *dir;
    sqlite3 *db;
    sqlite3_stmt *stmts[STMT_COUNT];
    struct tw_items items; /* of replays */
    struct tw_arena place_texts;
    struct tw_setback_place place;
    unsigned transactions;      /* since the last checkpoint */
    struct tw_audit_mark audit; /* verified up to here; id 0: not, or something was wrong */
};

const char *tw_failure_state_name(enum tw_failure_state state)
{
    static const char *const names[] = {
#define TW_FAILURE_STATE_NAME(name, text) text,
        TW_FAILURE_STATES(TW_FAILURE_STATE_NAME)
#undef TW_FAILURE_STATE_NAME
    };
    return names[state];
}

/* ---- life ---- */

static int read_store_id(const char *dir, uint8_t *ret_id, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = tw_path_join(dir, TW_CATALOGUE_NAME, path);
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_READ, 128, &db, diag) : rc;
    rc = rc == TW_OK
             ? tw_db_prepare(db, "SELECT value FROM meta WHERE key = 'store_id'", &stmt, diag)
             : rc;
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    if (rc == TW_OK) {
        struct tw_str id = tw_db_column_bytes(stmt, 0);
        rc = id.len == TW_STORE_ID_BYTES ? TW_OK : TW_EDAMAGED;
        if (rc == TW_OK) {
            memcpy(ret_id, id.ptr, TW_STORE_ID_BYTES);
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    tw_db_close(&db);
    return rc == TW_ENOTFOUND
               ? tw_diag_set(diag, TW_EDAMAGED, "%s: there is no store, or it has no head", dir)
               : rc;
}

static int keep_place(struct tw_desk *self, const struct tw_setback_place *place)
{
    struct tw_setback_place kept = *place; /* its texts may lie in what is reset now */
    char bytes[64 + 255 + 255];
    size_t at = 0;
    struct tw_str *const texts[] = {&kept.workflow, &kept.object_scope, &kept.object_id};
    for (size_t i = 0; i < 3; i++) {
        if (texts[i]->len > sizeof bytes - at) {
            return TW_EDAMAGED;
        }
        memcpy(bytes + at, texts[i]->len == 0 ? "" : texts[i]->ptr, texts[i]->len);
        texts[i]->ptr = bytes + at;
        at += texts[i]->len;
    }
    tw_arena_reset(&self->place_texts);
    for (size_t i = 0; i < 3; i++) {
        *texts[i] = tw_arena_copy(&self->place_texts, *texts[i]);
        if (texts[i]->ptr == NULL) {
            return TW_ENOMEM;
        }
    }
    self->place = kept;
    return TW_OK;
}

static int read_head(struct tw_desk *self, const char *path, const uint8_t *store_id,
                     struct tw_diag *diag)
{
    static const char advice[] = "nothing was changed: restore a backup of the whole store, or "
                                 "move this file and audit.head aside to begin without "
                                 "notes and history";
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(self->db,
                           "SELECT store_id, part, changed, workflow, object_type, object_scope,"
                           " object_id FROM meta WHERE id = 1",
                           &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        rc = tw_diag_set(diag, TW_EDAMAGED, "%s: damaged: its head is missing; %s", path, advice);
    } else if (rc == TW_OK) {
        struct tw_str id = tw_db_column_bytes(stmt, 0);
        const struct tw_setback_place place = {
            .part = (uint32_t)sqlite3_column_int64(stmt, 1),
            .changed = (uint64_t)sqlite3_column_int64(stmt, 2),
            .workflow = tw_db_column_bytes(stmt, 3),
            .object_type = (uint16_t)sqlite3_column_int64(stmt, 4),
            .object_scope = tw_db_column_bytes(stmt, 5),
            .object_id = tw_db_column_bytes(stmt, 6),
        };
        bool is_ours =
            id.len == TW_STORE_ID_BYTES && memcmp(id.ptr, store_id, TW_STORE_ID_BYTES) == 0;
        rc = is_ours
                 ? keep_place(self, &place)
                 : tw_diag_set(diag, TW_EFOREIGN, "%s: belongs to another store; %s", path, advice);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int open_file(struct tw_desk *self, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    uint8_t store_id[TW_STORE_ID_BYTES] = {0};
    const struct tw_schema *schema = tw_desk_schema();
    int rc = tw_path_join(self->dir, TW_DESK_NAME, path);
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "%s: path too long", self->dir);
    }
    rc = read_store_id(self->dir, store_id, diag);
    rc = rc == TW_OK ? tw_file_check(path, schema->app_id, schema->version, diag) : rc;
    rc = rc == TW_ENOTFOUND ? tw_schema_create(self->dir, path, schema, store_id, diag) : rc;
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_WRITE, DESK_CACHE_KIB, &self->db, diag) : rc;
    rc = rc == TW_OK ? tw_schema_migrate(self->db, schema, diag) : rc;
    rc = rc == TW_OK ? read_head(self, path, store_id, diag) : rc;
    if (rc == TW_OK) {
        tw_audit_committed(self->db); /* a crash may have come between */
    }
    for (size_t i = 0; rc == TW_OK && i < STMT_COUNT; i++) {
        rc = tw_db_prepare(self->db, statements[i], &self->stmts[i], diag);
    }
    return rc == TW_OK ? tw_items_init(&self->items, self->db, diag) : rc;
}

int tw_desk_open(const char *dir, struct tw_desk **ret_desk, struct tw_diag *diag)
{
    struct tw_desk *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    tw_arena_init(&self->place_texts, 4096);
    self->dir = strdup(dir);
    int rc = self->dir == NULL ? TW_ENOMEM : open_file(self, diag);
    if (rc != TW_OK) {
        tw_desk_close(&self);
        return rc;
    }
    *ret_desk = self;
    return TW_OK;
}

void tw_desk_close(struct tw_desk **self_p)
{
    struct tw_desk *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < STMT_COUNT; i++) {
        (void)sqlite3_finalize(self->stmts[i]); /* repeats errors already seen */
    }
    tw_items_fini(&self->items);
    tw_db_close(&self->db);
    tw_arena_fini(&self->place_texts);
    free(self->dir);
    free(self);
}

const struct tw_setback_place *tw_desk_place(const struct tw_desk *self)
{
    return &self->place;
}

/* ---- transactions ---- */

int tw_desk_begin(struct tw_desk *self, struct tw_diag *diag)
{
    return tw_db_exec(self->db, "BEGIN IMMEDIATE", diag);
}

/* Readers may hold back the end of the journal; the next checkpoint takes it. */
static int checkpoint(struct tw_desk *self, struct tw_diag *diag)
{
    if (++self->transactions < CHECKPOINT_EVERY) {
        return TW_OK;
    }
    self->transactions = 0;
    int rc = sqlite3_wal_checkpoint_v2(self->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? TW_OK : tw_db_error(self->db, rc, diag);
}

int tw_desk_end(struct tw_desk *self, const struct tw_setback_place *place, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_PLACE];
    const struct tw_str empty = TW_STR_LIT("");
    tw_db_bind_int(stmt, 1, (int64_t)place->part);
    tw_db_bind_int(stmt, 2, (int64_t)place->changed);
    tw_db_bind_bytes(stmt, 3, place->workflow.ptr == NULL ? empty : place->workflow);
    tw_db_bind_int(stmt, 4, place->object_type);
    tw_db_bind_bytes(stmt, 5, place->object_scope.ptr == NULL ? empty : place->object_scope);
    tw_db_bind_bytes(stmt, 6, place->object_id.ptr == NULL ? empty : place->object_id);
    int rc = tw_db_run(stmt, diag);
    rc = rc == TW_OK ? tw_db_exec(self->db, "COMMIT", diag) : rc;
    rc = rc == TW_OK ? keep_place(self, place) : rc;
    return rc == TW_OK ? checkpoint(self, diag) : rc;
}

void tw_desk_abandon(struct tw_desk *self)
{
    if (sqlite3_get_autocommit(self->db) == 0) {
        (void)tw_db_exec(self->db, "ROLLBACK", NULL); /* closing does it too */
    }
}

/* ---- failures ---- */

static int take_texts(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_failure *failure)
{
    const struct {
        int column;
        struct tw_str *text;
    } texts[] = {
        {2, &failure->kind.workflow}, {3, &failure->kind.step},
        {4, &failure->kind.system},   {5, &failure->kind.destination},
        {7, &failure->kind.label},    {9, &failure->object_scope},
        {10, &failure->object_id},    {13, &failure->store},
        {14, &failure->region},       {15, &failure->type},
        {16, &failure->code},         {17, &failure->message},
        {18, &failure->error_class},
    };
    int rc = TW_OK;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && rc == TW_OK; i++) {
        rc = tw_column_copy(stmt, texts[i].column, arena, texts[i].text);
    }
    return rc;
}

int tw_desk_take_failure(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_failure *ret_failure)
{
    int64_t cause = sqlite3_column_int64(stmt, 6);
    int64_t state = sqlite3_column_int64(stmt, 11);
    struct tw_str currency = tw_db_column_bytes(stmt, 21);
    if (cause < 0 || cause >= TW_CAUSE_COUNT || state < 0 || state >= TW_FAILURE_STATE_COUNT) {
        return TW_EDAMAGED;
    }
    struct tw_failure failure = {
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .group = (uint64_t)sqlite3_column_int64(stmt, 1),
        .kind = {.cause = (enum tw_cause)cause},
        .object_type = (uint16_t)sqlite3_column_int64(stmt, 8),
        .state = (enum tw_failure_state)state,
        .is_archived = sqlite3_column_int64(stmt, 12) != 0,
        .http_status = (uint32_t)sqlite3_column_int64(stmt, 19),
        .amount_minor = sqlite3_column_int64(stmt, 20),
        .failed_n = (uint64_t)sqlite3_column_int64(stmt, 22),
        .input_n = (uint64_t)sqlite3_column_int64(stmt, 23),
        .done_n = (uint64_t)sqlite3_column_int64(stmt, 24),
        .attempts = (uint32_t)sqlite3_column_int64(stmt, 25),
        .first = {sqlite3_column_int64(stmt, 26)},
        .last = {sqlite3_column_int64(stmt, 27)},
        .ended = {sqlite3_column_int64(stmt, 28)}, /* NULL: 0 */
        .since = {sqlite3_column_int64(stmt, 29)},
    };
    memcpy(failure.currency, currency.ptr == NULL ? "" : currency.ptr,
           currency.len < sizeof failure.currency ? currency.len : sizeof failure.currency - 1);
    int rc = take_texts(stmt, arena, &failure);
    if (rc == TW_OK) {
        *ret_failure = failure;
    }
    return rc;
}

/* The rows of a statement that is bound, at most `most`. */
static int take_all(sqlite3_stmt *stmt, struct tw_arena *arena, size_t most,
                    struct tw_failure **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    size_t count = 0;
    struct tw_failure *items = tw_arena_zalloc(arena, (most + 1) * sizeof *items);
    int rc = items == NULL ? TW_ENOMEM : tw_db_row(stmt, diag);
    while (rc == TW_OK && count < most) {
        rc = tw_desk_take_failure(stmt, arena, &items[count]);
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

int tw_desk_of_run(struct tw_desk *self, struct tw_arena *arena, const struct tw_run_row *run,
                   struct tw_failure **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_OF_RUN];
    tw_desk_bind_run(stmt, run->workflow, run->object_type, run->object_scope, run->object_id);
    return take_all(stmt, arena, TW_DESK_OF_RUN_MAX, ret_items, ret_count, diag);
}

int tw_desk_open_ones(struct tw_desk *self, struct tw_arena *arena, uint64_t after, size_t limit,
                      struct tw_failure **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_OPEN_ONES];
    size_t most = limit > TW_DESK_PORTION_MAX ? TW_DESK_PORTION_MAX : limit;
    tw_db_bind_int(stmt, 1, (int64_t)after);
    tw_db_bind_int(stmt, 2, (int64_t)most);
    return take_all(stmt, arena, most, ret_items, ret_count, diag);
}

void tw_desk_bind_run(sqlite3_stmt *stmt, struct tw_str workflow, uint16_t type,
                      struct tw_str scope, struct tw_str id)
{
    const struct tw_str empty = TW_STR_LIT("");
    tw_db_bind_bytes(stmt, 1, workflow.ptr == NULL ? empty : workflow);
    tw_db_bind_int(stmt, 2, type);
    tw_db_bind_bytes(stmt, 3, scope.ptr == NULL ? empty : scope);
    tw_db_bind_bytes(stmt, 4, id.ptr == NULL ? empty : id);
}

static void bind_key(sqlite3_stmt *stmt, int index, struct tw_str text)
{
    tw_db_bind_bytes(stmt, index, text.ptr == NULL ? TW_STR_LIT("") : text);
}

static void bind_kind(sqlite3_stmt *stmt, const struct tw_failure_kind *kind)
{
    bind_key(stmt, 1, kind->workflow);
    bind_key(stmt, 2, kind->step);
    bind_key(stmt, 4, kind->destination);
    tw_db_bind_int(stmt, 5, (int64_t)kind->cause);
    bind_key(stmt, 6, kind->label);
}

/* The group of this kind, made where there is none. */
static int find_group(struct tw_desk *self, const struct tw_failure_kind *kind, tw_wall_t now,
                      uint64_t *ret_group, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_GROUP_FIND];
    bind_kind(stmt, kind);
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        *ret_group = (uint64_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt); /* it gave its row */
        return TW_OK;
    }
    if (rc != TW_ENOTFOUND) {
        return rc;
    }
    stmt = self->stmts[STMT_GROUP_ADD];
    bind_kind(stmt, kind);
    bind_key(stmt, 3, kind->system);
    tw_db_bind_int(stmt, 7, now.ns);
    rc = tw_db_run(stmt, diag);
    if (rc == TW_OK) {
        *ret_group = (uint64_t)sqlite3_last_insert_rowid(self->db);
    }
    return rc;
}

static void bind_failure(sqlite3_stmt *stmt, const struct tw_failure *failure)
{
    const struct tw_str currency = {failure->currency,
                                    strnlen(failure->currency, sizeof failure->currency)};
    const struct {
        int index;
        struct tw_str text;
    } texts[] = {
        {9, failure->store}, {10, failure->region},  {11, failure->type},
        {12, failure->code}, {13, failure->message}, {14, failure->error_class},
    };
    const struct {
        int index;
        int64_t value;
    } numbers[] = {
        {1, (int64_t)failure->group},     {3, failure->object_type},
        {7, (int64_t)failure->state},     {8, failure->is_archived},
        {15, failure->http_status},       {16, failure->amount_minor},
        {18, (int64_t)failure->failed_n}, {19, (int64_t)failure->input_n},
        {20, (int64_t)failure->done_n},   {21, failure->attempts},
        {22, failure->first.ns},          {23, failure->last.ns},
        {26, failure->since.ns},
    };
    bind_key(stmt, 2, failure->kind.workflow);
    bind_key(stmt, 4, failure->object_scope);
    bind_key(stmt, 5, failure->object_id);
    bind_key(stmt, 6, failure->kind.step);
    bind_key(stmt, 17, currency);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        tw_db_bind_bytes(stmt, texts[i].index, texts[i].text);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        tw_db_bind_int(stmt, numbers[i].index, numbers[i].value);
    }
    if (failure->ended.ns == 0) {
        TW_ASSERT(sqlite3_bind_null(stmt, 24) == SQLITE_OK);
    } else {
        tw_db_bind_int(stmt, 24, failure->ended.ns);
    }
}

static int add_news(struct tw_desk *self, const struct tw_failure *failure, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_TREND];
    int64_t at_s = failure->last.ns / TW_NS_PER_S;
    tw_db_bind_int(stmt, 1, at_s - at_s % HOUR_S);
    tw_db_bind_int(stmt, 2, (int64_t)failure->group);
    return tw_db_run(stmt, diag);
}

int tw_desk_put(struct tw_desk *self, struct tw_failure *failure, bool is_news, tw_wall_t now,
                struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[failure->id == 0 ? STMT_INSERT : STMT_UPDATE];
    int rc = find_group(self, &failure->kind, now, &failure->group, diag);
    if (rc != TW_OK) {
        return rc;
    }
    bind_failure(stmt, failure);
    if (failure->id != 0) {
        tw_db_bind_int(stmt, 25, (int64_t)failure->id);
    }
    rc = tw_db_run(stmt, diag);
    if (rc == TW_OK && failure->id == 0) {
        failure->id = (uint64_t)sqlite3_last_insert_rowid(self->db);
    }
    return rc == TW_OK && is_news ? add_news(self, failure, diag) : rc;
}

static int expire(struct tw_desk *self, tw_wall_t before, size_t limit, size_t *ret_count,
                  struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[STMT_EXPIRE];
    tw_db_bind_int(stmt, 1, before.ns);
    tw_db_bind_int(stmt, 2, (int64_t)limit);
    int rc = tw_db_run(stmt, diag);
    if (rc == TW_OK) {
        *ret_count = (size_t)sqlite3_changes64(self->db);
        stmt = self->stmts[STMT_EXPIRE_TREND];
        tw_db_bind_int(stmt, 1, before.ns / TW_NS_PER_S);
        rc = tw_db_run(stmt, diag);
    }
    return rc;
}

int tw_desk_expire(struct tw_desk *self, tw_wall_t before, size_t limit, size_t *ret_count,
                   struct tw_diag *diag)
{
    size_t most = limit > TW_DESK_PORTION_MAX ? TW_DESK_PORTION_MAX : limit;
    int rc = tw_desk_begin(self, diag);
    rc = rc == TW_OK ? expire(self, before, most, ret_count, diag) : rc;
    rc = rc == TW_OK ? tw_db_exec(self->db, "COMMIT", diag) : rc;
    if (rc != TW_OK) {
        tw_desk_abandon(self);
    }
    return rc == TW_OK ? checkpoint(self, diag) : rc;
}

/* ---- the audit ---- */

static int keep_audit(struct tw_desk *self, tw_wall_t now, struct tw_str fault,
                      struct tw_str detail, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(self->db,
                           "UPDATE meta SET audit_checked = ?1, audit_fault = ?2,"
                           " audit_detail = ?3",
                           &stmt, diag);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, now.ns);
        tw_db_bind_bytes(stmt, 2, fault);
        tw_db_bind_bytes(stmt, 3, detail);
        rc = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

int tw_desk_check_audit(struct tw_desk *self, bool is_full, tw_wall_t now, struct tw_diag *diag)
{
    struct tw_audit_verdict verdict = {.fault = TW_AUDIT_NONE};
    struct tw_diag why = {""};
    bool is_from = !is_full && self->audit.id > 0;
    int rc = tw_audit_verify(self->dir, is_from ? &self->audit : NULL, NULL, &verdict, &why);
    bool is_whole = rc == TW_OK && verdict.fault == TW_AUDIT_NONE;
    const char *fault = rc != TW_OK ? "unreadable"
                        : is_whole  ? ""
                                    : tw_audit_fault_name(verdict.fault);
    const char *detail = rc != TW_OK ? why.text : verdict.text;
    self->audit = is_whole ? verdict.last : (struct tw_audit_mark){.id = 0};
    if (!is_whole) {
        tw_log(TW_LOG_AUDIT_BROKEN_EVENT, TW_F_CSTR("fault", fault), TW_F_CSTR("reason", detail));
    }
    return keep_audit(self, now, tw_str_of(fault), tw_str_of(detail), diag);
}

/* ---- replays ---- */

#define SEEN_ITEMS_MAX 32 /* of one failure that have no outcome yet: one active, some unproven */

struct open_item {
    uint64_t id;
    enum tw_item_state state;
    bool is_named; /* by the event's replayid */
    tw_wall_t sent;
};

/* The latest first. */
static int read_items(struct tw_desk *self, uint64_t failure, struct tw_str replayid,
                      struct open_item *items, size_t *ret_count, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->items.stmts[TW_ITEMS_OF_FAILURE];
    size_t count = 0;
    tw_db_bind_int(stmt, 1, (int64_t)failure);
    int rc = tw_db_row(stmt, diag);
    while (rc == TW_OK && count < SEEN_ITEMS_MAX) {
        items[count++] = (struct open_item){
            .id = (uint64_t)sqlite3_column_int64(stmt, 0),
            .state = (enum tw_item_state)sqlite3_column_int64(stmt, 1),
            .is_named = replayid.len > 0 && tw_str_equal(tw_db_column_bytes(stmt, 2), replayid),
            .sent = {sqlite3_column_int64(stmt, 3)},
        };
        rc = tw_db_row(stmt, diag);
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    *ret_count = count;
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* What this means for an item; false: nothing. */
static bool judge(const struct open_item *item, const struct tw_seen *seen, struct tw_item_end *end)
{
    bool is_waiting = item->state == TW_ITEM_WAITING;
    switch (seen->what) {
    case TW_SEEN_DONE:
        end->state = is_waiting ? TW_ITEM_CANCELLED : TW_ITEM_PROVEN;
        end->why = is_waiting ? TW_STR_LIT("not sent: it was done without it") : TW_STR_NULL;
        end->lets_next = true;
        return true;
    case TW_SEEN_FAILED:
        end->state = TW_ITEM_FAILED_AGAIN;
        end->lets_next = false;
        return !is_waiting &&
               (item->is_named || (seen->replayid.len == 0 && item->state == TW_ITEM_SENT &&
                                   seen->received.ns > item->sent.ns));
    case TW_SEEN_GONE:
        end->state = TW_ITEM_CANCELLED;
        end->why = TW_STR_LIT("not sent: nothing is expected there any more");
        end->lets_next = true;
        return is_waiting;
    default:
        return false;
    }
}

int tw_desk_seen(struct tw_desk *self, const struct tw_failure *failure, const struct tw_seen *seen,
                 tw_wall_t now, struct tw_diag *diag)
{
    struct open_item items[SEEN_ITEMS_MAX];
    size_t count = 0;
    int rc = read_items(self, failure->id, seen->replayid, items, &count, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_item_end end = {.item = items[i].id, .n = seen->n, .at = now};
        if (!judge(&items[i], seen, &end)) {
            continue;
        }
        if (end.state == TW_ITEM_FAILED_AGAIN) {
            end.cause = failure->kind.cause;
            end.why = failure->message;
        }
        rc = tw_item_end(&self->items, &end, diag);
    }
    return rc;
}
