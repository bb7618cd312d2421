/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/alerts.h"

#include <math.h>
#include <stdlib.h>

#include "store/alerts_internal.h"
#include "store/replays.h"

#define CACHE_KIB        4096
#define CHECKPOINT_EVERY 200 /* transactions between two checkpoints of the journal */

/* Numbers in statements: origin 0 rule, 1 external; state 1 pending, 2 firing, 3 resolved; item 2
 * unproven; failure 0 open; events. */
_Static_assert(TW_ALERT_OF_RULE == 0 && TW_ALERT_OF_EXTERNAL == 1 && TW_ALERT_ROW_FIRING == 2 &&
                   TW_ALERT_ROW_RESOLVED == 3 && TW_ALERT_EVENT_RESOLVED == 2 &&
                   TW_ALERT_EVENT_MAINTENANCE == 14 && TW_ITEM_UNPROVEN == 2 &&
                   TW_FAILURE_OPEN == 0 && TW_ALERT_ROW_PENDING == 1,
               "numbers in statements");

/* In the order in which they are read. */
/* What a row that is put says anew of an open one. */
#define PUT_COLUMNS                                                                  \
    "origin, annotations, severity, workflow, state, is_nodata, is_flapping, value," \
    " threshold, is_above, unit, since, fired, calm, ends, generator"
#define PUT_VALUES                                                  \
    "?3, ?6, ?7, ?8, max(state, ?9), ?10, ?11, ?13, ?14, ?15, ?16," \
    " CASE state WHEN 2 THEN since ELSE ?17 END, coalesce(fired, ?18), ?19, ?22, ?23"
#define EXPIRED "(SELECT id FROM alert WHERE ended < ?1 ORDER BY ended, id LIMIT ?2)"
#define MAINTAINED                                              \
    "ended IS NULL AND in_maintenance <> ?2 AND workflow IS ?1" \
    " AND " TW_ALERT_LABEL("system") " IS ?4"
#define PASSED "FROM alert WHERE ended IS NULL AND origin = 1 AND ends <= ?1"

static const char *const statements[TW_ALERTS_STATEMENTS] = {
    [TW_ALERTS_STMT_PLACE] = "SELECT judged, evaluations, evaluation_us, refused FROM meta",
    [TW_ALERTS_STMT_SET_PLACE] =
        "UPDATE meta SET judged = ?1, evaluations = ?2, evaluation_us = ?3, refused = ?4",
    [TW_ALERTS_STMT_CHANGED] = "UPDATE meta SET alerts = alerts + 1",
    [TW_ALERTS_STMT_FIND] = "SELECT id, origin, state, is_nodata, is_flapping FROM alert"
                            " WHERE fingerprint = ?1 AND ended IS NULL",
    [TW_ALERTS_STMT_INSERT] = "INSERT INTO alert(" TW_ALERT_COLUMNS
                              ") VALUES(NULL, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11,"
                              " ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, NULL, ?21, ?22, ?23)",
    [TW_ALERTS_STMT_UPDATE] = "UPDATE alert SET (" PUT_COLUMNS ", updated) = (" PUT_VALUES ", ?21)"
                              " WHERE id = ?1 AND (" PUT_COLUMNS ") IS NOT (" PUT_VALUES ")",
    [TW_ALERTS_STMT_RESOLVE] =
        "UPDATE alert SET state = 3, ended = ?2, updated = ?2 WHERE id = ?1 AND ended IS NULL",
    [TW_ALERTS_STMT_DROP_EVENTS] = "DELETE FROM alert_event WHERE alert = ?1",
    [TW_ALERTS_STMT_DROP] = "DELETE FROM alert WHERE id = ?1",
    [TW_ALERTS_STMT_EVENT] =
        "INSERT INTO alert_event(alert, at, what, value, detail) VALUES(?1, ?2, ?3, ?4, ?5)",
    [TW_ALERTS_STMT_HAS_PASSED] = "SELECT count(*) " PASSED,
    [TW_ALERTS_STMT_PASSED_EVENTS] =
        "INSERT INTO alert_event(alert, at, what, detail) SELECT id, ends, 2,"
        " CAST('nobody said that it goes on' AS BLOB) " PASSED " ORDER BY id",
    [TW_ALERTS_STMT_PASSED] = "UPDATE alert SET state = 3, ended = ends, updated = ?1"
                              " WHERE id IN (SELECT id " PASSED ")",
    [TW_ALERTS_STMT_MAINTAINED_EVENTS] =
        "INSERT INTO alert_event(alert, at, what, detail) SELECT id, ?3, 14,"
        " CAST(CASE ?2 WHEN 0 THEN 'ends' ELSE 'begins' END AS BLOB) FROM alert"
        " WHERE " MAINTAINED " ORDER BY id",
    [TW_ALERTS_STMT_MAINTAINED] =
        "UPDATE alert SET in_maintenance = ?2, updated = ?3 WHERE " MAINTAINED,
    [TW_ALERTS_STMT_EXPIRE_EVENTS] = "DELETE FROM alert_event WHERE alert IN " EXPIRED,
    [TW_ALERTS_STMT_EXPIRE_NOTICES] = "DELETE FROM notice_alert WHERE alert IN " EXPIRED,
    [TW_ALERTS_STMT_EXPIRE] = "DELETE FROM alert WHERE id IN " EXPIRED,
    [TW_ALERTS_STMT_OPEN_ROWS] = "SELECT " TW_ALERT_COLUMNS " FROM alert WHERE ended IS NULL"
                                 " AND id > ?1 ORDER BY id LIMIT ?2",
    [TW_ALERTS_STMT_RECENT] =
        "SELECT " TW_ALERT_COLUMNS " FROM alert AS a WHERE ended >= ?3 AND origin = 0 AND id > ?1"
        " AND NOT EXISTS(SELECT 1 FROM alert AS b WHERE b.fingerprint = a.fingerprint"
        " AND b.id > a.id) ORDER BY id LIMIT ?2",
    [TW_ALERTS_STMT_FIRED_BEFORE] = "SELECT fired FROM alert WHERE fingerprint = ?1"
                                    " AND fired IS NOT NULL ORDER BY id DESC LIMIT ?2",
    [TW_ALERTS_STMT_COUNT_OPEN] = "SELECT count(*) FROM alert WHERE ended IS NULL",
    [TW_ALERTS_STMT_SCOPES] =
        "SELECT workflow, system, max(in_maintenance), min(in_maintenance) FROM"
        " (SELECT workflow, " TW_ALERT_LABEL(
            "system") " AS system, in_maintenance FROM alert"
                      " WHERE ended IS NULL) WHERE workflow IS NOT NULL OR system IS NOT NULL"
                      " GROUP BY workflow, system ORDER BY workflow, system LIMIT ?1",
    [TW_ALERTS_STMT_PUT_RULE] =
        "INSERT INTO rule_state(rule, state, since, evaluated, detail, instances)"
        " VALUES(?1, ?2, ?5, ?5, ?3, ?4) ON CONFLICT DO UPDATE SET state = ?2,"
        " since = CASE state WHEN ?2 THEN since ELSE ?5 END, detail = ?3, instances = ?4"
        " WHERE (state, detail, instances) IS NOT (?2, ?3, ?4)",
    [TW_ALERTS_STMT_EVALUATED] = "UPDATE rule_state SET evaluated = ?1",
    [TW_ALERTS_STMT_RULES] = "SELECT rule, state, detail, instances FROM rule_state"
                             " ORDER BY rule LIMIT ?1",
    [TW_ALERTS_STMT_FORGET_RULE] = "DELETE FROM rule_state WHERE rule = ?1",
    [TW_ALERTS_STMT_PUSHED] = "SELECT id, at, labels, annotations, starts, ends, generator"
                              " FROM alert_push ORDER BY id LIMIT ?1",
    [TW_ALERTS_STMT_TAKEN] = "DELETE FROM alert_push WHERE id <= ?1",
    [TW_ALERTS_STMT_HEARTBEATS] = "SELECT name, last, every_s, state, last > known"
                                  " FROM heartbeat"
                                  " ORDER BY name LIMIT ?1",
    [TW_ALERTS_STMT_PUT_HEARTBEAT] =
        "INSERT INTO heartbeat(name, last, every_s, state, known) VALUES(?1, ?2, ?3, ?4, ?2)"
        " ON CONFLICT DO UPDATE SET every_s = ?3, state = ?4"
        " WHERE (every_s, state) IS NOT (?3, ?4)",
    [TW_ALERTS_STMT_FORGET_HEARTBEAT] = "DELETE FROM heartbeat WHERE name = ?1",
    /* a later item of the same failure is what counts */
    [TW_ALERTS_STMT_UNPROVEN] =
        "SELECT g.system, count(*) FROM replay_item AS i JOIN failure AS f ON f.id = i.failure"
        " JOIN failure_group AS g ON g.id = f.grp WHERE i.state = 2 AND f.state = 0"
        " AND f.archived = 0 AND NOT EXISTS(SELECT 1 FROM replay_item AS n"
        " WHERE n.failure = i.failure AND n.id > i.id) GROUP BY g.system ORDER BY g.system"
        " LIMIT ?1",
    [TW_ALERTS_STMT_RECEIVERS] =
        "SELECT receiver, integration, error FROM receiver_state WHERE gave_up = 1 OR fails >= ?2"
        " ORDER BY receiver, integration, idx LIMIT ?1",
};

/* ---- words ---- */

const char *tw_alert_origin_name(enum tw_alert_origin origin)
{
    static const char *const names[] = {
#define TW_NAME(name, text) text,
        TW_ALERT_ORIGINS(TW_NAME)};
    return names[origin];
}

const char *tw_alert_event_name(enum tw_alert_event what)
{
    static const char *const names[] = {TW_ALERT_EVENTS(TW_NAME)};
    return names[what];
}

const char *tw_heartbeat_state_name(enum tw_heartbeat_state state)
{
    static const char *const names[] = {TW_HEARTBEAT_STATES(TW_NAME)
#undef TW_NAME
    };
    return names[state];
}

/* ---- life ---- */

int tw_alerts_open(const char *dir, struct tw_alerts **ret_alerts, struct tw_diag *diag)
{
    struct tw_alerts *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    int rc = tw_desk_open_beside(dir, CACHE_KIB, &self->db, diag);
    for (size_t i = 0; rc == TW_OK && i < TW_ALERTS_STATEMENTS; i++) {
        rc = tw_db_prepare(self->db, statements[i], &self->stmts[i], diag);
    }
    if (rc != TW_OK) {
        tw_alerts_close(&self);
        return rc;
    }
    *ret_alerts = self;
    return TW_OK;
}

void tw_alerts_close(struct tw_alerts **self_p)
{
    struct tw_alerts *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < TW_ALERTS_STATEMENTS; i++) {
        (void)sqlite3_finalize(self->stmts[i]); /* repeats errors already seen */
    }
    tw_db_close(&self->db);
    free(self);
}

/* ---- transactions ---- */

int tw_alerts_begin(struct tw_alerts *self, struct tw_diag *diag)
{
    self->is_changed = false;
    return tw_db_exec(self->db, "BEGIN IMMEDIATE", diag);
}

/* Readers may hold back the end of the journal; the next checkpoint takes it. */
static int checkpoint(struct tw_alerts *self, struct tw_diag *diag)
{
    if (++self->transactions < CHECKPOINT_EVERY) {
        return TW_OK;
    }
    self->transactions = 0;
    int rc = sqlite3_wal_checkpoint_v2(self->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? TW_OK : tw_db_error(self->db, rc, diag);
}

int tw_alerts_commit(struct tw_alerts *self, struct tw_diag *diag)
{
    int rc = self->is_changed ? tw_db_run(self->stmts[TW_ALERTS_STMT_CHANGED], diag) : TW_OK;
    rc = rc == TW_OK ? tw_db_exec(self->db, "COMMIT", diag) : rc;
    return rc == TW_OK ? checkpoint(self, diag) : rc;
}

void tw_alerts_abandon(struct tw_alerts *self)
{
    self->is_changed = false;
    if (sqlite3_get_autocommit(self->db) == 0) {
        (void)tw_db_exec(self->db, "ROLLBACK", NULL); /* closing does it too */
    }
}

int tw_alerts_place(struct tw_alerts *self, struct tw_alerts_place *ret_place, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_PLACE];
    int rc = tw_db_row(stmt, diag);
    if (rc != TW_OK) {
        return rc == TW_ENOTFOUND
                   ? tw_diag_set(diag, TW_EDAMAGED, "%s: its head is missing", TW_DESK_NAME)
                   : rc;
    }
    *ret_place = (struct tw_alerts_place){
        .judged_s = sqlite3_column_int64(stmt, 0),
        .evaluations = (uint64_t)sqlite3_column_int64(stmt, 1),
        .evaluation_us = (uint64_t)sqlite3_column_int64(stmt, 2),
        .refused = (uint64_t)sqlite3_column_int64(stmt, 3),
    };
    (void)sqlite3_reset(stmt); /* it gave its row */
    return TW_OK;
}

int tw_alerts_set_place(struct tw_alerts *self, const struct tw_alerts_place *place,
                        struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_SET_PLACE];
    tw_db_bind_int(stmt, 1, place->judged_s);
    tw_db_bind_int(stmt, 2, (int64_t)place->evaluations);
    tw_db_bind_int(stmt, 3, (int64_t)place->evaluation_us);
    tw_db_bind_int(stmt, 4, (int64_t)place->refused);
    return tw_db_run(stmt, diag);
}

/* ---- rows ---- */

static void bind_time(sqlite3_stmt *stmt, int index, tw_wall_t at)
{
    if (at.ns == 0) {
        (void)sqlite3_bind_null(stmt, index); /* cannot fail with a right index */
    } else {
        tw_db_bind_int(stmt, index, at.ns);
    }
}

static void bind_number(sqlite3_stmt *stmt, int index, double value)
{
    if (isnan(value)) {
        (void)sqlite3_bind_null(stmt, index); /* cannot fail with a right index */
    } else {
        (void)sqlite3_bind_double(stmt, index, value); /* likewise */
    }
}

/* At ?2 to ?23, as TW_ALERT_COLUMNS has them. */
static void bind_row(sqlite3_stmt *stmt, const struct tw_alert_row *row)
{
    tw_db_bind_int(stmt, 2, (int64_t)row->fingerprint);
    tw_db_bind_int(stmt, 3, (int64_t)row->origin);
    tw_db_bind_bytes(stmt, 4, row->rule.ptr == NULL ? TW_STR_LIT("") : row->rule);
    tw_db_bind_bytes(stmt, 5, row->labels);
    tw_db_bind_bytes(stmt, 6, row->annotations);
    tw_db_bind_int(stmt, 7, row->severity);
    tw_db_bind_bytes(stmt, 8, row->workflow);
    tw_db_bind_int(stmt, 9, row->state);
    tw_db_bind_int(stmt, 10, row->is_nodata);
    tw_db_bind_int(stmt, 11, row->is_flapping);
    tw_db_bind_int(stmt, 12, row->in_maintenance);
    bind_number(stmt, 13, row->value);
    bind_number(stmt, 14, row->threshold);
    if (isnan(row->threshold)) {
        (void)sqlite3_bind_null(stmt, 15); /* cannot fail with a right index */
    } else {
        tw_db_bind_int(stmt, 15, row->is_above);
    }
    tw_db_bind_bytes(stmt, 16, row->unit);
    tw_db_bind_int(stmt, 17, row->since.ns);
    bind_time(stmt, 18, row->fired);
    bind_time(stmt, 19, row->calm);
    tw_db_bind_int(stmt, 21, row->updated.ns);
    bind_time(stmt, 22, row->ends);
    tw_db_bind_bytes(stmt, 23, row->generator);
}

struct event {
    uint64_t alert;
    enum tw_alert_event what;
    tw_wall_t at;
    double value;
    struct tw_str detail;
};

static int add_event(struct tw_alerts *self, const struct event *event, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_EVENT];
    tw_db_bind_int(stmt, 1, (int64_t)event->alert);
    tw_db_bind_int(stmt, 2, event->at.ns);
    tw_db_bind_int(stmt, 3, (int64_t)event->what);
    bind_number(stmt, 4, event->value);
    tw_db_bind_bytes(stmt, 5, event->detail);
    self->is_changed = true;
    return tw_db_run(stmt, diag);
}

/* What is known of the open row of a fingerprint; id 0: there is none. */
struct found {
    uint64_t id;
    int64_t origin;
    int64_t state;
    bool is_nodata;
    bool is_flapping;
};

static int find_open(struct tw_alerts *self, uint64_t fingerprint, struct found *ret_found,
                     struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_FIND];
    *ret_found = (struct found){0};
    tw_db_bind_int(stmt, 1, (int64_t)fingerprint);
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        *ret_found = (struct found){
            .id = (uint64_t)sqlite3_column_int64(stmt, 0),
            .origin = sqlite3_column_int64(stmt, 1),
            .state = sqlite3_column_int64(stmt, 2),
            .is_nodata = sqlite3_column_int64(stmt, 3) != 0,
            .is_flapping = sqlite3_column_int64(stmt, 4) != 0,
        };
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* What the timeline says of the way from `before` to this row. */
static int add_events(struct tw_alerts *self, const struct found *before,
                      const struct tw_alert_row *row, uint64_t id, struct tw_diag *diag)
{
    bool is_firing = row->state == TW_ALERT_ROW_FIRING;
    const struct {
        bool is_so;
        enum tw_alert_event what;
    } news[] = {
        {before->id == 0 && !is_firing, TW_ALERT_EVENT_PENDING},
        {is_firing && before->state != TW_ALERT_ROW_FIRING, TW_ALERT_EVENT_FIRED},
        {row->is_nodata && !before->is_nodata, TW_ALERT_EVENT_NODATA},
        {!row->is_nodata && before->is_nodata, TW_ALERT_EVENT_DATA},
        {row->is_flapping && !before->is_flapping, TW_ALERT_EVENT_FLAPPING},
        {!row->is_flapping && before->is_flapping, TW_ALERT_EVENT_CALM},
    };
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < sizeof news / sizeof news[0]; i++) {
        const struct event event = {
            .alert = id, .what = news[i].what, .at = row->updated, .value = row->value};
        rc = news[i].is_so ? add_event(self, &event, diag) : TW_OK;
    }
    return rc;
}

static int open_one(struct tw_alerts *self, const struct tw_alert_row *row, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_INSERT];
    const struct found none = {0};
    bind_row(stmt, row);
    int rc = tw_db_run(stmt, diag);
    self->is_changed = true;
    return rc == TW_OK
               ? add_events(self, &none, row, (uint64_t)sqlite3_last_insert_rowid(self->db), diag)
               : rc;
}

int tw_alerts_put(struct tw_alerts *self, const struct tw_alert_row *row, bool may_open,
                  enum tw_alerts_news *ret_news, struct tw_diag *diag)
{
    struct found before;
    TW_ASSERT(row->state == TW_ALERT_ROW_PENDING || row->state == TW_ALERT_ROW_FIRING);
    int rc = find_open(self, row->fingerprint, &before, diag);
    bool is_firing = row->state == TW_ALERT_ROW_FIRING;
    if (rc != TW_OK) {
        return rc;
    }
    if (before.id == 0 && !may_open) {
        *ret_news = TW_ALERTS_NOTHING;
        return TW_OK;
    }
    if (before.id == 0) {
        rc = open_one(self, row, diag);
        *ret_news = is_firing ? TW_ALERTS_FIRED : TW_ALERTS_OPENED;
        return rc;
    }
    bool takes_over = row->origin == TW_ALERT_OF_RULE && before.origin == TW_ALERT_OF_EXTERNAL;
    if (before.origin != (int64_t)row->origin && !takes_over) {
        *ret_news = TW_ALERTS_HELD;
        return TW_OK;
    }
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_UPDATE];
    bind_row(stmt, row);
    tw_db_bind_int(stmt, 1, (int64_t)before.id);
    rc = tw_db_run(stmt, diag);
    bool is_changed = rc == TW_OK && sqlite3_changes64(self->db) > 0;
    rc = rc == TW_OK ? add_events(self, &before, row, before.id, diag) : rc;
    self->is_changed = self->is_changed || is_changed;
    if (rc == TW_OK) {
        bool has_fired = is_firing && before.state != TW_ALERT_ROW_FIRING;
        *ret_news = has_fired ? TW_ALERTS_FIRED : (is_changed ? TW_ALERTS_CHANGED : TW_ALERTS_SAME);
    }
    return rc;
}

/* Nothing is left of one that never fired. */
static int drop(struct tw_alerts *self, uint64_t id, struct tw_diag *diag)
{
    int rc = TW_OK;
    self->is_changed = true;
    for (enum tw_alerts_statement which = TW_ALERTS_STMT_DROP_EVENTS;
         which <= TW_ALERTS_STMT_DROP && rc == TW_OK; which++) {
        tw_db_bind_int(self->stmts[which], 1, (int64_t)id);
        rc = tw_db_run(self->stmts[which], diag);
    }
    return rc;
}

int tw_alerts_end(struct tw_alerts *self, uint64_t fingerprint, enum tw_alert_origin origin,
                  const struct tw_alerts_end *end, enum tw_alerts_news *ret_news,
                  struct tw_diag *diag)
{
    struct found before;
    int rc = find_open(self, fingerprint, &before, diag);
    if (rc != TW_OK) {
        return rc;
    }
    if (before.id == 0 || before.origin != (int64_t)origin) {
        *ret_news = before.id == 0 ? TW_ALERTS_NOTHING : TW_ALERTS_HELD;
        return TW_OK;
    }
    if (before.state != TW_ALERT_ROW_FIRING) {
        rc = drop(self, before.id, diag);
    } else {
        sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_RESOLVE];
        const struct event event = {.alert = before.id,
                                    .what = TW_ALERT_EVENT_RESOLVED,
                                    .at = end->at,
                                    .value = (double)NAN,
                                    .detail = end->why};
        tw_db_bind_int(stmt, 1, (int64_t)before.id);
        tw_db_bind_int(stmt, 2, end->at.ns);
        rc = tw_db_run(stmt, diag);
        rc = rc == TW_OK ? add_event(self, &event, diag) : rc;
    }
    *ret_news = TW_ALERTS_ENDED;
    return rc;
}

int tw_alerts_has_passed(struct tw_alerts *self, tw_wall_t now, bool *ret_has, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_ALERTS_STMT_HAS_PASSED];
    tw_db_bind_int(stmt, 1, now.ns);
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        *ret_has = sqlite3_column_int64(stmt, 0) > 0;
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return rc;
}

int tw_alerts_end_passed(struct tw_alerts *self, tw_wall_t now, size_t *ret_count,
                         struct tw_diag *diag)
{
    int rc = TW_OK;
    for (enum tw_alerts_statement which = TW_ALERTS_STMT_PASSED_EVENTS;
         which <= TW_ALERTS_STMT_PASSED && rc == TW_OK; which++) {
        tw_db_bind_int(self->stmts[which], 1, now.ns);
        rc = tw_db_run(self->stmts[which], diag);
    }
    if (rc == TW_OK) {
        *ret_count = (size_t)sqlite3_changes64(self->db);
        self->is_changed = self->is_changed || *ret_count > 0;
    }
    return rc;
}

int tw_alerts_set_maintenance(struct tw_alerts *self, const struct tw_alerts_scope *scope,
                              bool in_maintenance, tw_wall_t now, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (enum tw_alerts_statement which = TW_ALERTS_STMT_MAINTAINED_EVENTS;
         which <= TW_ALERTS_STMT_MAINTAINED && rc == TW_OK; which++) {
        tw_db_bind_bytes(self->stmts[which], 1, scope->workflow);
        tw_db_bind_int(self->stmts[which], 2, in_maintenance);
        tw_db_bind_int(self->stmts[which], 3, now.ns);
        tw_db_bind_bytes(self->stmts[which], 4, scope->system);
        rc = tw_db_run(self->stmts[which], diag);
    }
    self->is_changed = self->is_changed || (rc == TW_OK && sqlite3_changes64(self->db) > 0);
    return rc;
}

int tw_alerts_expire(struct tw_alerts *self, tw_wall_t before, size_t limit, size_t *ret_count,
                     struct tw_diag *diag)
{
    int rc = TW_OK;
    for (enum tw_alerts_statement which = TW_ALERTS_STMT_EXPIRE_EVENTS;
         which <= TW_ALERTS_STMT_EXPIRE && rc == TW_OK; which++) {
        tw_db_bind_int(self->stmts[which], 1, before.ns);
        tw_db_bind_int(self->stmts[which], 2, (int64_t)limit);
        rc = tw_db_run(self->stmts[which], diag);
    }
    if (rc == TW_OK) {
        *ret_count = (size_t)sqlite3_changes64(self->db);
        self->is_changed = self->is_changed || *ret_count > 0;
    }
    return rc;
}
