/* SPDX-License-Identifier: Apache-2.0
 * Making a plan, and reading one.
 */
#include "config.h"
#include "store/plan.h"

#include <stdio.h>
#include <sys/random.h>

#include "store/migrate.h"
#include "store/plan_internal.h"

#define PROGRESS_STEPS 1000 /* of SQLite between two looks at the clock */
#define ITEMS_MAX      1000
#define HELD_IS        1

_Static_assert(TW_PLAN_HELD == HELD_IS && TW_PLAN_REPLAY == 0, "numbers in statements");

/* ---- statements ---- */

static int on_progress(void *context)
{
    const tw_mono_t *deadline = context;
    struct tw_clock *clock = tw_clock_system();
    return clock->mono(clock).ns >= deadline->ns ? 1 : 0;
}

int tw_plan_open(const char *dir, enum tw_db_mode mode, const tw_mono_t *deadline, sqlite3 **ret_db,
                 struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    const struct tw_schema *schema = tw_desk_schema();
    int rc = tw_path_join(dir, TW_DESK_NAME, path);
    rc = rc == TW_OK ? tw_file_check(path, schema->app_id, schema->version, diag) : rc;
    rc = rc == TW_OK ? tw_db_open(path, mode, TW_PLAN_CACHE_KIB, ret_db, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        return tw_diag_set(diag, TW_EAGAIN,
                           "there is no desk yet: the collector makes it when it starts");
    }
    if (rc == TW_OK) {
        /* the handler only reads it */
        sqlite3_progress_handler(*ret_db, PROGRESS_STEPS, on_progress, (void *)(uintptr_t)deadline);
    }
    return rc;
}

int tw_plan_prepare(sqlite3 *db, const char *sql, const struct tw_desk_value *values, size_t count,
                    sqlite3_stmt **ret_stmt, struct tw_diag *diag)
{
    int rc = tw_db_prepare(db, sql, ret_stmt, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (values[i].is_number) {
            tw_db_bind_int(*ret_stmt, (int)i + 1, values[i].number);
        } else {
            tw_db_bind_bytes(*ret_stmt, (int)i + 1, values[i].bytes);
        }
    }
    return rc;
}

int tw_plan_run(sqlite3 *db, const char *sql, const struct tw_desk_value *values, size_t count,
                uint64_t *ret_changes, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_plan_prepare(db, sql, values, count, &stmt, diag);
    rc = rc == TW_OK ? tw_db_run(stmt, diag) : rc;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc == TW_OK && ret_changes != NULL) {
        *ret_changes = (uint64_t)sqlite3_changes64(db);
    }
    return rc;
}

int tw_plan_number(sqlite3 *db, const char *sql, const struct tw_desk_value *values, size_t count,
                   uint64_t *ret_number, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_plan_prepare(db, sql, values, count, &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    if (rc == TW_OK) {
        *ret_number = (uint64_t)sqlite3_column_int64(stmt, 0);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

int tw_plan_token(char *ret_token, struct tw_diag *diag)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[TW_PLAN_TOKEN_LEN / 2];
    if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes) {
        return tw_diag_set(diag, TW_ESYSTEM, "the system gives no random bytes");
    }
    for (size_t i = 0; i < sizeof bytes; i++) {
        ret_token[2 * i] = digits[bytes[i] >> 4];
        ret_token[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_token[TW_PLAN_TOKEN_LEN] = '\0';
    return TW_OK;
}

int tw_plan_names(sqlite3 *db, const char *sql, const struct tw_str *names, size_t count,
                  struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = count == 0 ? TW_OK : tw_db_prepare(db, sql, &stmt, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        tw_db_bind_bytes(stmt, 1, names[i]);
        rc = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

/* ---- making one ---- */

/* Who carries out for the destination. Agents say their systems as a JSON array. */
static int find_agents(struct tw_plan_work *self)
{
    const struct tw_desk_value values[] = {TW_DESK_BYTES(self->plan->destination)};
    for (size_t i = 0; i < self->ask->http_count && !self->plan->is_http; i++) {
        self->plan->is_http = tw_str_equal(self->ask->http[i], self->plan->destination);
    }
    return tw_plan_number(
        self->db,
        "SELECT count(*) FROM main.agent AS a WHERE a.is_online = 1 AND EXISTS(SELECT 1 FROM"
        " json_each(CASE WHEN json_valid(CAST(a.systems AS TEXT)) THEN CAST(a.systems AS TEXT)"
        " ELSE '[]' END) AS s WHERE s.type = 'text' AND CAST(s.value AS BLOB) = ?1)",
        values, 1, &self->plan->agents, self->diag);
}

/* Those that have expired, and the oldest where too much would wait. */
static int make_room(struct tw_plan_work *self, uint64_t items)
{
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(self->ask->now.ns),
                                           TW_DESK_NUMBER(TW_PLAN_ROWS_MAX - items)};
    int rc = tw_plan_run(self->db,
                         "CREATE TEMP TABLE old AS SELECT id FROM (SELECT id, expires, sum(items)"
                         " OVER (ORDER BY id DESC) AS rows FROM main.plan)"
                         " WHERE expires <= ?1 OR rows > ?2",
                         values, 2, NULL, self->diag);
    return rc == TW_OK
               ? tw_db_exec(self->db,
                            "DELETE FROM main.plan_item WHERE plan IN (SELECT id FROM temp.old);"
                            "DELETE FROM main.plan WHERE id IN (SELECT id FROM temp.old)",
                            self->diag)
               : rc;
}

static int write_plan(struct tw_plan_work *self)
{
    const struct tw_plan_ask *ask = self->ask;
    struct tw_plan *plan = self->plan;
    uint64_t items = 0;
    plan->expires.ns = ask->now.ns + TW_PLAN_TTL_S * TW_NS_PER_S;
    int rc = tw_plan_token(plan->token, self->diag);
    rc = rc == TW_OK ? tw_plan_number(self->db, "SELECT count(*) FROM temp.item", NULL, 0, &items,
                                      self->diag)
                     : rc;
    const struct tw_desk_value values[] = {TW_DESK_BYTES(tw_str_of(plan->token)),
                                           TW_DESK_NUMBER(ask->now.ns),
                                           TW_DESK_NUMBER(plan->expires.ns),
                                           TW_DESK_BYTES(ask->actor),
                                           TW_DESK_BYTES(plan->destination),
                                           TW_DESK_BYTES(ask->selection),
                                           TW_DESK_NUMBER(ask->override),
                                           TW_DESK_NUMBER(items),
                                           TW_DESK_BYTES(ask->edit),
                                           TW_DESK_NUMBER(ask->needs_approval)};
    rc = rc == TW_OK ? tw_db_exec(self->db, "BEGIN IMMEDIATE", self->diag) : rc;
    rc = rc == TW_OK ? make_room(self, items) : rc;
    rc = rc == TW_OK ? tw_plan_run(self->db,
                                   "INSERT INTO main.plan(token, created, expires, actor,"
                                   " destination, selection, override, items, edit,"
                                   " needs_approval)"
                                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                                   values, sizeof values / sizeof values[0], NULL, self->diag)
                     : rc;
    const struct tw_desk_value id[] = {TW_DESK_NUMBER(sqlite3_last_insert_rowid(self->db))};
    rc = rc == TW_OK
             ? tw_plan_run(self->db,
                           "INSERT INTO main.plan_item(plan, failure, verdict, seq, is_asked,"
                           " event_n, failed_n, is_financial, overridden, grp, is_silent)"
                           " SELECT ?1, failure, verdict, seq, is_asked, event_n, failed_n,"
                           " is_financial, CASE WHEN verdict < 2 THEN overridden ELSE 0 END, grp,"
                           " is_silent FROM temp.item ORDER BY seq",
                           id, 1, NULL, self->diag)
             : rc;
    return rc == TW_OK ? tw_db_exec(self->db, "COMMIT", self->diag) : rc;
}

int tw_plan_make(const struct tw_plan_ask *ask, struct tw_reader *reader, struct tw_arena *arena,
                 struct tw_plan *ret_plan, struct tw_diag *diag)
{
    struct tw_plan plan = {.destination = TW_STR_LIT("")};
    struct tw_plan_work work = {
        .ask = ask, .reader = reader, .arena = arena, .plan = &plan, .diag = diag};
    int rc = tw_plan_open(ask->dir, TW_DB_WRITE, &ask->deadline, &work.db, diag);
    rc = rc == TW_OK ? tw_db_exec(work.db, "BEGIN", diag) : rc;
    rc = rc == TW_OK ? tw_plan_choose(&work) : rc;
    rc = rc == TW_OK ? find_agents(&work) : rc;
    rc = rc == TW_OK ? tw_plan_judge(&work) : rc;
    rc = rc == TW_OK ? tw_plan_sum(&work) : rc;
    rc = rc == TW_OK ? tw_db_exec(work.db, "COMMIT", diag) : rc;
    if (rc == TW_OK && ask->edit.len > 0 && (plan.asked != 1 || plan.count - plan.held != 1)) {
        rc = tw_diag_set(diag, TW_EINVAL, "'edit' is of one failure that can be replayed");
    }
    rc = rc == TW_OK ? write_plan(&work) : rc;
    if (work.db != NULL && sqlite3_get_autocommit(work.db) == 0) {
        (void)tw_db_exec(work.db, "ROLLBACK", NULL); /* closing does it too */
    }
    tw_db_close(&work.db);
    if (rc == TW_OK) {
        *ret_plan = plan;
    }
    return rc;
}

uint64_t tw_replay_estimate_ms(uint64_t count, uint64_t longest, uint64_t rate, uint64_t canary)
{
    uint64_t pace = rate == 0 ? 0 : (count * 1000 + rate - 1) / rate;
    uint64_t chain = longest * TW_REPLAY_PROOF_MS;
    uint64_t before = canary < count ? canary * TW_REPLAY_PROOF_MS : 0;
    return (pace > chain ? pace : chain) + before;
}

/* ---- reading one ---- */

static int take_item(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_plan_item *ret_item)
{
    int64_t verdict = sqlite3_column_int64(stmt, 1);
    if (verdict < 0 || verdict >= TW_PLAN_VERDICT_COUNT) {
        return TW_EDAMAGED;
    }
    struct tw_plan_item item = {
        .seq = (uint64_t)sqlite3_column_int64(stmt, 0),
        .verdict = (enum tw_plan_verdict)verdict,
        .is_asked = sqlite3_column_int64(stmt, 2) != 0,
        .is_financial = sqlite3_column_int64(stmt, 3) != 0,
        .overridden = (unsigned)sqlite3_column_int64(stmt, 4),
        .event_n = (uint64_t)sqlite3_column_int64(stmt, 5),
        .failure = (uint64_t)sqlite3_column_int64(stmt, 6),
        .group = (uint64_t)sqlite3_column_int64(stmt, 7),
        .object = {.type = (uint16_t)sqlite3_column_int64(stmt, 10)},
        .amount_minor = sqlite3_column_int64(stmt, 14),
    };
    struct tw_str currency = tw_db_column_bytes(stmt, 15);
    memcpy(item.currency, currency.ptr == NULL ? "" : currency.ptr,
           currency.len < sizeof item.currency ? currency.len : sizeof item.currency - 1);
    int rc = tw_column_copy(stmt, 8, arena, &item.workflow);
    rc = rc == TW_OK ? tw_column_copy(stmt, 9, arena, &item.step) : rc;
    rc = rc == TW_OK ? tw_column_copy(stmt, 11, arena, &item.object.scope) : rc;
    rc = rc == TW_OK ? tw_column_copy(stmt, 12, arena, &item.object.id) : rc;
    rc = rc == TW_OK ? tw_column_copy(stmt, 13, arena, &item.store) : rc;
    if (rc == TW_OK) {
        *ret_item = item;
    }
    return rc;
}

int tw_plan_take_items(sqlite3_stmt *stmt, struct tw_arena *arena, size_t most,
                       struct tw_plan_item **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    size_t count = 0;
    struct tw_plan_item *items = tw_arena_zalloc(arena, most * sizeof *items);
    int rc = items == NULL ? TW_ENOMEM : tw_db_row(stmt, diag);
    while (rc == TW_OK && count < most) {
        rc = take_item(stmt, arena, &items[count]);
        count += rc == TW_OK ? 1 : 0;
        rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    }
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_items = items;
    *ret_count = count;
    return TW_OK;
}

int tw_plan_items(const char *dir, struct tw_arena *arena, const struct tw_plan_page *page,
                  struct tw_plan_item **ret_items, size_t *ret_count, bool *ret_more,
                  struct tw_diag *diag)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    uint64_t plan = 0;
    struct tw_plan_item *items = NULL;
    size_t count = 0;
    size_t limit = page->limit > ITEMS_MAX ? ITEMS_MAX : page->limit;
    const struct tw_desk_value head[] = {TW_DESK_BYTES(page->token), TW_DESK_NUMBER(page->now.ns)};
    int rc = tw_plan_open(dir, TW_DB_READ, &page->deadline, &db, diag);
    rc = rc == TW_OK ? tw_plan_number(db, "SELECT id FROM plan WHERE token = ?1 AND expires > ?2",
                                      head, 2, &plan, diag)
                     : rc;
    if (rc == TW_ENOTFOUND) {
        (void)tw_diag_set(diag, rc, "there is no such plan, or it has expired: plan again");
    }
    const struct tw_desk_value values[] = {
        TW_DESK_NUMBER(plan), TW_DESK_NUMBER(page->after),
        TW_DESK_NUMBER(page->verdict == NULL ? -1 : (int64_t)*page->verdict),
        TW_DESK_NUMBER(limit + 1)};
    rc = rc == TW_OK
             ? tw_plan_prepare(db,
                               "SELECT " TW_PLAN_ITEM_COLUMNS " FROM plan_item AS i CROSS JOIN"
                               " failure AS f ON f.id = i.failure WHERE i.plan = ?1 AND i.seq > ?2"
                               " AND (?3 < 0 OR i.verdict = ?3) AND i.is_silent = 0"
                               " ORDER BY i.seq LIMIT ?4",
                               values, 4, &stmt, diag)
             : rc;
    rc = rc == TW_OK ? tw_plan_take_items(stmt, arena, limit + 1, &items, &count, diag) : rc;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    tw_db_close(&db);
    if (rc == TW_OK) {
        *ret_more = count > limit;
        *ret_count = count > limit ? limit : count;
        *ret_items = items;
    }
    return rc;
}
