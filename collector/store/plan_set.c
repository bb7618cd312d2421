/* SPDX-License-Identifier: Apache-2.0
 * What a plan is of: the failures that were asked for, the one destination, and the failures of the
 * same objects that come with them. Everything is bound; nothing is pasted into a statement.
 */
#include "config.h"
#include "store/plan_internal.h"

#include <stdio.h>

/* Of failure AS f; `asked` 1 or 0. */
#define CHOSEN(asked)                                                                         \
    "SELECT f.id, " asked ", f.grp, f.object_type, f.object_scope, f.object_id, f.since,"     \
    " " TW_SQL_EVENT_OF("f") ", f.failed_n, f.state, f.archived, f.amount_minor, f.currency," \
                             " f.store, f.first, f.last"
#define TO_CHOSEN "INSERT OR IGNORE INTO temp.chosen "
/* One more than may be, so that it is seen. */
#define AT_MOST " LIMIT 200001"

_Static_assert(TW_REPLAY_ITEMS_MAX == 200000, "a number in statements");

static const char tables[] =
    "CREATE TEMP TABLE financial(name BLOB PRIMARY KEY) WITHOUT ROWID;"
    "CREATE TEMP TABLE kind(grp INTEGER PRIMARY KEY, workflow BLOB NOT NULL, step BLOB NOT NULL,"
    " destination BLOB NOT NULL, cause INTEGER NOT NULL, label BLOB NOT NULL,"
    " is_financial INTEGER NOT NULL);"
    "CREATE TEMP TABLE named(n INTEGER PRIMARY KEY);"
    "CREATE TEMP TABLE named_run(workflow BLOB, object_type INTEGER, object_scope BLOB,"
    " object_id BLOB, step BLOB);"
    "CREATE TEMP TABLE chosen(failure INTEGER PRIMARY KEY, is_asked INTEGER NOT NULL,"
    " grp INTEGER NOT NULL, object_type INTEGER NOT NULL, object_scope BLOB NOT NULL,"
    " object_id BLOB NOT NULL, since INTEGER NOT NULL, event_n INTEGER NOT NULL,"
    " failed_n INTEGER NOT NULL, state INTEGER NOT NULL, archived INTEGER NOT NULL,"
    " amount_minor INTEGER NOT NULL, currency BLOB NOT NULL, store BLOB,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL);"
    "CREATE TEMP TABLE object(id INTEGER PRIMARY KEY, object_type INTEGER NOT NULL,"
    " object_scope BLOB NOT NULL, object_id BLOB NOT NULL,"
    " UNIQUE(object_type, object_scope, object_id));"
    "CREATE TEMP TABLE near(failure INTEGER PRIMARY KEY, object INTEGER NOT NULL);";

static int run(struct tw_plan_work *self, const char *sql, const struct tw_desk_value *values,
               size_t count)
{
    return tw_plan_run(self->db, sql, values, count, NULL, self->diag);
}

/* ---- what was asked for ---- */

static int choose_group(struct tw_plan_work *self)
{
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(self->ask->numbers[0])};
    uint64_t known = 0;
    int rc = tw_plan_number(self->db, "SELECT count(*) FROM temp.kind WHERE grp = ?1", values, 1,
                            &known, self->diag);
    if (rc == TW_OK && known == 0) {
        return tw_diag_set(self->diag, TW_ENOTFOUND, "no group of failures has this number");
    }
    return rc == TW_OK ? run(self,
                             TO_CHOSEN CHOSEN("1") " FROM main.failure AS f INDEXED BY failure_open"
                                                   " WHERE f.grp = ?1 AND f.state = 0"
                                                   " AND f.archived = 0" AT_MOST,
                             values, 1)
                       : rc;
}

static int name_numbers(struct tw_plan_work *self)
{
    sqlite3_stmt *stmt = NULL;
    int rc =
        tw_db_prepare(self->db, "INSERT OR IGNORE INTO temp.named VALUES(?1)", &stmt, self->diag);
    for (size_t i = 0; i < self->ask->count && rc == TW_OK; i++) {
        tw_db_bind_int(stmt, 1, (int64_t)self->ask->numbers[i]);
        rc = tw_db_run(stmt, self->diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int choose_failures(struct tw_plan_work *self)
{
    int rc = name_numbers(self);
    rc = rc == TW_OK ? run(self,
                           TO_CHOSEN CHOSEN("1") " FROM temp.named AS n CROSS JOIN main.failure"
                                                 " AS f ON f.id = n.n",
                           NULL, 0)
                     : rc;
    return rc == TW_OK ? tw_plan_number(self->db,
                                        "SELECT count(*) FROM temp.named"
                                        " WHERE n NOT IN (SELECT failure FROM temp.chosen)",
                                        NULL, 0, &self->plan->unknown, self->diag)
                       : rc;
}

#define UNSEEN                                                                               \
    " FROM temp.named WHERE n NOT IN (SELECT failed_n FROM temp.chosen UNION SELECT event_n" \
    " FROM temp.chosen)"

/* Events are looked for among what is open, which an index has; those that are not there, among
 * all: what they failed at may have been done since, which is what is to be said. */
static int choose_events(struct tw_plan_work *self)
{
    int rc = name_numbers(self);
    rc = rc == TW_OK ? run(self,
                           TO_CHOSEN CHOSEN("1") " FROM temp.named AS n CROSS JOIN main.failure"
                                                 " AS f INDEXED BY failure_event"
                                                 " ON f.failed_n = n.n AND f.state = 0" AT_MOST,
                           NULL, 0)
                     : rc;
    rc = rc == TW_OK ? run(self,
                           TO_CHOSEN CHOSEN("1") " FROM temp.named AS n CROSS JOIN main.failure"
                                                 " AS f INDEXED BY failure_input"
                                                 " ON f.input_n = n.n AND f.state = 0" AT_MOST,
                           NULL, 0)
                     : rc;
    uint64_t unseen = 0;
    rc = rc == TW_OK
             ? tw_plan_number(self->db, "SELECT count(*)" UNSEEN, NULL, 0, &unseen, self->diag)
             : rc;
    if (rc != TW_OK || unseen == 0) {
        return rc;
    }
    rc = run(self,
             "WITH unseen(n) AS MATERIALIZED (SELECT n" UNSEEN
             ") " TO_CHOSEN CHOSEN("1") " FROM main.failure AS f NOT INDEXED WHERE f.state <> 0"
                                        " AND (f.failed_n IN (SELECT n FROM unseen)"
                                        " OR f.input_n IN (SELECT n FROM unseen))" AT_MOST,
             NULL, 0);
    return rc == TW_OK ? tw_plan_number(self->db, "SELECT count(*)" UNSEEN, NULL, 0,
                                        &self->plan->unknown, self->diag)
                       : rc;
}

static int name_runs(struct tw_plan_work *self)
{
    sqlite3_stmt *stmt = NULL;
    const struct tw_str empty = TW_STR_LIT("");
    int rc = tw_db_prepare(self->db, "INSERT INTO temp.named_run VALUES(?1, ?2, ?3, ?4, ?5)", &stmt,
                           self->diag);
    for (size_t i = 0; i < self->ask->count && rc == TW_OK; i++) {
        const struct tw_plan_run *one = &self->ask->runs[i];
        tw_db_bind_bytes(stmt, 1, one->workflow);
        tw_db_bind_int(stmt, 2, one->object.type);
        tw_db_bind_bytes(stmt, 3, one->object.scope.ptr == NULL ? empty : one->object.scope);
        tw_db_bind_bytes(stmt, 4, one->object.id);
        tw_db_bind_bytes(stmt, 5, one->step);
        rc = tw_db_run(stmt, self->diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

#define OF_NAMED_RUN                                                                            \
    " f.workflow = n.workflow AND f.object_type = n.object_type"                                \
    " AND f.object_scope = n.object_scope AND f.object_id = n.object_id AND (n.step IS NULL OR" \
    " f.step = n.step)"

static int choose_runs(struct tw_plan_work *self)
{
    int rc = name_runs(self);
    rc = rc == TW_OK ? run(self,
                           TO_CHOSEN CHOSEN("1") " FROM temp.named_run AS n CROSS JOIN"
                                                 " main.failure AS f ON" OF_NAMED_RUN AT_MOST,
                           NULL, 0)
                     : rc;
    return rc == TW_OK
               ? tw_plan_number(self->db,
                                "SELECT count(*) FROM temp.named_run AS n WHERE NOT EXISTS(SELECT"
                                " 1 FROM main.failure AS f WHERE" OF_NAMED_RUN ")",
                                NULL, 0, &self->plan->unknown, self->diag)
               : rc;
}

static int choose_filter(struct tw_plan_work *self)
{
    const struct tw_plan_filter *filter = &self->ask->filter;
    const struct tw_desk_value values[] = {
        TW_DESK_BYTES(filter->workflow),
        TW_DESK_BYTES(filter->step),
        TW_DESK_BYTES(filter->system),
        TW_DESK_NUMBER(filter->cause == NULL ? -1 : (int64_t)*filter->cause),
        TW_DESK_BYTES(filter->label),
        TW_DESK_BYTES(filter->store),
        TW_DESK_BYTES(filter->region),
        TW_DESK_NUMBER(filter->since.ns),
        TW_DESK_NUMBER(filter->until.ns),
    };
    return run(self,
               TO_CHOSEN CHOSEN("1") " FROM temp.kind AS k CROSS JOIN main.failure AS f"
                                     " INDEXED BY failure_open ON f.grp = k.grp AND f.state = 0"
                                     " AND f.archived = 0 WHERE (?1 IS NULL OR k.workflow = ?1)"
                                     " AND (?2 IS NULL OR k.step = ?2)"
                                     " AND (?3 IS NULL OR k.destination = ?3)"
                                     " AND (?4 < 0 OR k.cause = ?4)"
                                     " AND (?5 IS NULL OR k.label = ?5)"
                                     " AND (?6 IS NULL OR f.store = ?6)"
                                     " AND (?7 IS NULL OR f.region = ?7)"
                                     " AND f.first >= ?8 AND f.first < ?9" AT_MOST,
               values, sizeof values / sizeof values[0]);
}

static int choose_asked(struct tw_plan_work *self)
{
    switch (self->ask->by) {
    case TW_PLAN_BY_GROUP:
        return choose_group(self);
    case TW_PLAN_BY_FAILURES:
        return choose_failures(self);
    case TW_PLAN_BY_RUNS:
        return choose_runs(self);
    case TW_PLAN_BY_EVENTS:
        return choose_events(self);
    case TW_PLAN_BY_FILTER:
    default:
        return choose_filter(self);
    }
}

static int check_count(struct tw_plan_work *self)
{
    uint64_t count = 0;
    int rc =
        tw_plan_number(self->db, "SELECT count(*) FROM temp.chosen", NULL, 0, &count, self->diag);
    return rc == TW_OK && count > TW_REPLAY_ITEMS_MAX
               ? tw_diag_set(self->diag, TW_ELIMIT,
                             "more than %d failures, with those of the same objects: choose fewer",
                             TW_REPLAY_ITEMS_MAX)
               : rc;
}

/* ---- where it goes ---- */

/* "a, b, c", at most TW_PLAN_DESTINATIONS. */
static int list_destinations(struct tw_plan_work *self, char *text, size_t size, size_t *ret_count)
{
    sqlite3_stmt *stmt = NULL;
    size_t used = 0;
    size_t count = 0;
    int rc = tw_db_prepare(self->db,
                           "SELECT DISTINCT k.destination FROM (SELECT DISTINCT grp FROM"
                           " temp.chosen) AS c CROSS JOIN temp.kind AS k ON k.grp = c.grp"
                           " WHERE length(k.destination) > 0 ORDER BY 1",
                           &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    while (rc == TW_OK) {
        struct tw_str name = tw_db_column_bytes(stmt, 0);
        int len = name.len > 64 ? 64 : (int)name.len;
        if (count < TW_PLAN_DESTINATIONS && used < size) {
            used += (size_t)snprintf(text + used, size - used, "%s%.*s", count == 0 ? "" : ", ",
                                     len, name.ptr);
        } else if (count == TW_PLAN_DESTINATIONS && used < size) {
            used += (size_t)snprintf(text + used, size - used, ", ...");
        }
        if (count == 0) {
            self->plan->destination = tw_arena_copy(self->arena, name);
        }
        count++;
        rc = self->plan->destination.ptr == NULL ? TW_ENOMEM : tw_db_row(stmt, self->diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    *ret_count = count;
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int find_destination(struct tw_plan_work *self)
{
    char text[TW_PLAN_DESTINATIONS * 66 + 8] = "";
    size_t count = 0;
    uint64_t asked = 0;
    struct tw_str wanted = self->ask->destination;
    const struct tw_desk_value values[] = {TW_DESK_BYTES(wanted)};
    int rc = list_destinations(self, text, sizeof text, &count);
    if (rc != TW_OK) {
        return rc;
    }
    if (wanted.ptr == NULL) {
        return count <= 1 ? TW_OK
                          : tw_diag_set(self->diag, TW_EINVAL,
                                        "this goes to several: 'destination' is one of: %s", text);
    }
    rc = tw_plan_number(self->db, "SELECT count(*) FROM temp.chosen", NULL, 0, &asked, self->diag);
    uint64_t is_there = 0;
    rc = rc == TW_OK ? tw_plan_number(self->db,
                                      "SELECT EXISTS(SELECT 1 FROM temp.chosen AS c CROSS JOIN"
                                      " temp.kind AS k ON k.grp = c.grp WHERE k.destination = ?1)",
                                      values, 1, &is_there, self->diag)
                     : rc;
    if (rc == TW_OK && is_there == 0 && asked > 0) {
        return tw_diag_set(self->diag, TW_EINVAL,
                           "nothing of this goes to that 'destination'; it goes to: %s",
                           count == 0 ? "nowhere" : text);
    }
    self->plan->destination = tw_arena_copy(self->arena, wanted);
    return rc == TW_OK && self->plan->destination.ptr == NULL ? TW_ENOMEM : rc;
}

/* ---- what comes with it ---- */

/* ?1 the destination, ?2 the cause of what happened twice. Objects that something is to be sent
 * for; what is open of them; and of that, what goes there too. */
static const char *const others_sql[] = {
    "INSERT OR IGNORE INTO temp.object(object_type, object_scope, object_id)"
    " SELECT c.object_type, c.object_scope, c.object_id FROM temp.chosen AS c CROSS JOIN"
    " temp.kind AS k ON k.grp = c.grp WHERE c.state = 0 AND c.archived = 0"
    " AND k.destination = ?1 AND k.cause <> ?2",
    "INSERT INTO temp.near SELECT f.id, o.id FROM temp.object AS o CROSS JOIN main.failure AS f"
    " INDEXED BY failure_object ON f.object_type = o.object_type"
    " AND f.object_scope = o.object_scope AND f.object_id = o.object_id AND f.state = 0",
    TO_CHOSEN CHOSEN("0") " FROM temp.near AS n CROSS JOIN main.failure AS f ON f.id = n.failure"
                          " CROSS JOIN temp.kind AS k ON k.grp = f.grp WHERE n.failure NOT IN"
                          " (SELECT failure FROM temp.chosen) AND f.archived = 0"
                          " AND k.destination = ?1 AND k.cause <> ?2" AT_MOST,
};

static int add_others(struct tw_plan_work *self)
{
    const struct tw_desk_value values[] = {TW_DESK_BYTES(self->plan->destination),
                                           TW_DESK_NUMBER(TW_CAUSE_DUPLICATE)};
    int rc = run(self, others_sql[0], values, 2);
    rc = rc == TW_OK ? run(self, others_sql[1], NULL, 0) : rc;
    return rc == TW_OK ? run(self, others_sql[2], values, 2) : rc;
}

int tw_plan_choose(struct tw_plan_work *self)
{
    const struct tw_plan_ask *ask = self->ask;
    bool is_named = ask->by != TW_PLAN_BY_FILTER;
    if (is_named && (ask->count == 0 || ask->count > TW_PLAN_NAMED_MAX)) {
        return tw_diag_set(self->diag, TW_EINVAL, "1 to %d are named one by one",
                           TW_PLAN_NAMED_MAX);
    }
    int rc = tw_db_exec(self->db, tables, self->diag);
    rc = rc == TW_OK ? tw_plan_names(self->db, "INSERT OR IGNORE INTO temp.financial VALUES(?1)",
                                     ask->financial, ask->financial_count, self->diag)
                     : rc;
    rc = rc == TW_OK
             ? run(self,
                   "INSERT INTO temp.kind SELECT id, workflow, step, system, cause, label, workflow"
                   " IN (SELECT name FROM temp.financial) FROM main.failure_group",
                   NULL, 0)
             : rc;
    rc = rc == TW_OK ? choose_asked(self) : rc;
    rc = rc == TW_OK ? check_count(self) : rc;
    rc = rc == TW_OK ? find_destination(self) : rc;
    rc = rc == TW_OK ? add_others(self) : rc;
    return rc == TW_OK ? check_count(self) : rc;
}
