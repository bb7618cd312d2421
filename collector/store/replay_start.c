/* SPDX-License-Identifier: Apache-2.0
 * Starting a replay: one transaction that looks whether everything is still as it was planned,
 * writes the row of the audit, the replay and its items; or nothing of it.
 */
#include "config.h"
#include "store/plan.h"

#include <xxhash.h>

#include "store/audit.h"
#include "store/plan_internal.h"

#define HASH_BYTES   16
#define TOKEN_DIGITS 8 /* of a replay's token in the replayid of its items */

_Static_assert(TW_ITEM_WAITING == 0 && TW_ITEM_EVENT_PLANNED == 0 && TW_REPLAY_RUNNING == 0,
               "numbers in statements");
_Static_assert(TW_PLAN_DONE == 2 && TW_PLAN_ARCHIVED == 6 && TW_PLAN_OTHER_DESTINATION == 9,
               "numbers in statements");

struct start {
    sqlite3 *db;
    const struct tw_replay_order *order;
    struct tw_arena *arena;
    struct tw_replay_started *started;
    struct tw_diag *diag;
    char hash[HASH_BYTES];
    char token[TW_PLAN_TOKEN_LEN + 1];
    uint64_t plan;
    struct tw_str selection;
    struct tw_str edit;
    bool needs_approval;
};

/* ---- what is asked for ---- */

static int check_number(struct tw_diag *diag, const char *name, int64_t value, int64_t least,
                        int64_t most)
{
    return value >= least && value <= most ? TW_OK
                                           : tw_diag_set(diag, TW_EINVAL, "'%s' is %lld to %lld",
                                                         name, (long long)least, (long long)most);
}

static bool is_key(struct tw_str key)
{
    bool is_printable = key.len >= 1 && key.len <= TW_REPLAY_KEY_MAX;
    for (size_t i = 0; i < key.len && is_printable; i++) {
        is_printable = key.ptr[i] > ' ' && key.ptr[i] < 0x7f;
    }
    return is_printable;
}

/* What may be configured may be ordered; what a request may say is narrower. */
static int check_order(const struct tw_replay_order *order, struct tw_diag *diag)
{
    if (!is_key(order->key)) {
        return tw_diag_set(diag, TW_EINVAL,
                           "the header Idempotency-Key has 1 to %d printable characters of ASCII",
                           TW_REPLAY_KEY_MAX);
    }
    if (order->reason.len == 0 || order->reason.len > TW_REPLAY_REASON_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "'reason' says why, in 1 to %d bytes",
                           TW_REPLAY_REASON_MAX);
    }
    if (order->override_reason.len > TW_REPLAY_REASON_MAX) {
        return tw_diag_set(diag, TW_EINVAL, "'override_reason' has at most %d bytes",
                           TW_REPLAY_REASON_MAX);
    }
    int rc = check_number(diag, "rate", order->rate, 1, 10000);
    rc = rc == TW_OK ? check_number(diag, "canary", order->canary, 0, 10000) : rc;
    rc = rc == TW_OK ? check_number(diag, "stop_after_failures", order->stop_failures, 0, 1000000)
                     : rc;
    rc = rc == TW_OK ? check_number(diag, "stop_percent", order->stop_percent, 0, 100) : rc;
    return rc == TW_OK ? check_number(diag, "proof_seconds", order->proof_s, 1, 604800) : rc;
}

/* ---- was it asked for before? ---- */

/* Whether there is a replay of this key; its hash is compared. */
static int find_request(struct start *self, bool *ret_found)
{
    const struct tw_desk_value values[] = {TW_DESK_BYTES(self->order->actor),
                                           TW_DESK_BYTES(self->order->key)};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_plan_prepare(self->db,
                             "SELECT id, request_hash FROM replay WHERE actor = ?1"
                             " AND request_key = ?2",
                             values, 2, &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    *ret_found = rc == TW_OK;
    if (rc == TW_OK) {
        struct tw_str hash = tw_db_column_bytes(stmt, 1);
        bool is_same = tw_str_equal(hash, (struct tw_str){self->hash, sizeof self->hash});
        self->started->id = (uint64_t)sqlite3_column_int64(stmt, 0);
        self->started->outcome = is_same ? TW_REPLAY_REPEATED : TW_REPLAY_OTHER_BODY;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* What the answer says of the replay, the first time and every other. */
static int read_replay(struct start *self)
{
    struct tw_replay_started *started = self->started;
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(started->id)};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_plan_prepare(self->db,
                             "SELECT state, created, actor, reason, destination, rate, canary,"
                             " stop_failures, stop_percent, proof_s, (SELECT count(*) FROM"
                             " replay_item WHERE replay = ?1) FROM replay WHERE id = ?1",
                             values, 1, &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    if (rc == TW_OK) {
        int64_t state = sqlite3_column_int64(stmt, 0);
        started->state = (enum tw_replay_state)state;
        started->created.ns = sqlite3_column_int64(stmt, 1);
        started->rate = sqlite3_column_int64(stmt, 5);
        started->canary = sqlite3_column_int64(stmt, 6);
        started->stop_failures = sqlite3_column_int64(stmt, 7);
        started->stop_percent = sqlite3_column_int64(stmt, 8);
        started->proof_s = sqlite3_column_int64(stmt, 9);
        started->count = (uint64_t)sqlite3_column_int64(stmt, 10);
        rc = state >= 0 && state < TW_REPLAY_STATE_COUNT ? TW_OK : TW_EDAMAGED;
        rc = rc == TW_OK ? tw_column_copy(stmt, 2, self->arena, &started->actor) : rc;
        rc = rc == TW_OK ? tw_column_copy(stmt, 3, self->arena, &started->reason) : rc;
        rc = rc == TW_OK ? tw_column_copy(stmt, 4, self->arena, &started->destination) : rc;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

/* ---- the plan, and whether it still holds ---- */

static int find_plan(struct start *self)
{
    const struct tw_desk_value values[] = {TW_DESK_BYTES(self->order->plan),
                                           TW_DESK_NUMBER(self->order->now.ns)};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_plan_prepare(self->db,
                             "SELECT id, destination, selection, edit, needs_approval FROM plan"
                             " WHERE token = ?1"
                             " AND expires > ?2",
                             values, 2, &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    if (rc == TW_OK) {
        self->plan = (uint64_t)sqlite3_column_int64(stmt, 0);
        rc = tw_column_copy(stmt, 1, self->arena, &self->started->destination);
        rc = rc == TW_OK ? tw_column_copy(stmt, 2, self->arena, &self->selection) : rc;
        rc = rc == TW_OK ? tw_column_copy(stmt, 3, self->arena, &self->edit) : rc;
        self->needs_approval = sqlite3_column_int64(stmt, 4) != 0;
    } else if (rc == TW_ENOTFOUND) {
        self->started->outcome = TW_REPLAY_NO_PLAN;
        rc = TW_OK;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

/* `planned`: all that the plan looked at; `sending`: what it would replay, with its failures as
 * they are now. */
static int load_plan(struct start *self)
{
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(self->plan)};
    int rc = tw_db_exec(self->db,
                        "CREATE TEMP TABLE planned(failure INTEGER PRIMARY KEY, verdict INTEGER,"
                        " event_n INTEGER);"
                        "CREATE TEMP TABLE sending(seq INTEGER PRIMARY KEY, failure INTEGER,"
                        " is_asked INTEGER, event_n INTEGER, failed_n INTEGER, grp INTEGER,"
                        " is_financial INTEGER, overridden INTEGER, object_type INTEGER,"
                        " object_scope BLOB, object_id BLOB, since INTEGER);"
                        "CREATE TEMP TABLE changed(failure INTEGER PRIMARY KEY)",
                        self->diag);
    rc = rc == TW_OK ? tw_plan_run(self->db,
                                   "INSERT INTO temp.planned SELECT failure, verdict, event_n FROM"
                                   " main.plan_item WHERE plan = ?1 ORDER BY failure",
                                   values, 1, NULL, self->diag)
                     : rc;
    rc = rc == TW_OK ? tw_plan_run(self->db,
                                   "INSERT INTO temp.sending SELECT p.seq, p.failure, p.is_asked,"
                                   " p.event_n, p.failed_n, p.grp, p.is_financial, p.overridden,"
                                   " f.object_type, f.object_scope, f.object_id, f.since"
                                   " FROM main.plan_item AS p LEFT JOIN main.failure AS f"
                                   " ON f.id = p.failure WHERE p.plan = ?1 AND p.verdict < 2"
                                   " ORDER BY p.seq",
                                   values, 1, NULL, self->diag)
                     : rc;
    return rc == TW_OK ? tw_plan_number(self->db, "SELECT count(*) FROM temp.sending", NULL, 0,
                                        &self->started->count, self->diag)
                       : rc;
}

/* One that has come since and would have to go before it: of its object, to the same destination,
 * and not one that the plan looked at and left out for what is still so. */
#define COME_BEFORE                                                                            \
    "EXISTS(SELECT 1 FROM main.failure AS e INDEXED BY failure_object CROSS JOIN"              \
    " main.failure_group AS o ON o.id = e.grp WHERE e.object_type = c.object_type"             \
    " AND e.object_scope = c.object_scope AND e.object_id = c.object_id AND e.state = 0"       \
    " AND e.id <> c.failure AND e.archived = 0 AND o.system = ?1 AND o.cause <> ?2"            \
    " AND " TW_SQL_EVENT_OF(                                                                   \
        "e") " <> 0"                                                                           \
             " AND (e.since, " TW_SQL_EVENT_OF(                                                \
                 "e") ", e.id) < (c.since, c.event_n, c.failure)"                              \
                      " AND NOT EXISTS(SELECT 1 FROM temp.planned AS p WHERE p.failure = e.id" \
                      "  AND p.verdict NOT IN (2, 6, 9) AND p.event_n = " TW_SQL_EVENT_OF(     \
                          "e") "))"

static int find_changes(struct start *self)
{
    const struct tw_desk_value values[] = {TW_DESK_BYTES(self->started->destination),
                                           TW_DESK_NUMBER(TW_CAUSE_DUPLICATE)};
    return tw_plan_run(
        self->db,
        "INSERT INTO temp.changed SELECT c.failure FROM temp.sending AS c LEFT JOIN main.failure"
        " AS f ON f.id = c.failure LEFT JOIN main.failure_group AS k ON k.id = f.grp"
        " WHERE f.id IS NULL OR k.id IS NULL OR f.state <> 0 OR f.archived <> 0"
        " OR f.grp <> c.grp OR f.failed_n <> c.failed_n"
        " OR " TW_SQL_EVENT_OF(
            "f") " <> c.event_n OR " TW_SQL_IN_REPLAY
                 " OR (c.is_financial AND NOT c.overridden & 1 AND " TW_SQL_UNPROVEN ")"
                 " OR (NOT c.overridden & 2 AND " TW_SQL_PARKED("k.cause") ") OR " COME_BEFORE,
        values, 2, &self->started->changed, self->diag);
}

static int show_changes(struct start *self)
{
    struct tw_replay_started *started = self->started;
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(TW_REPLAY_CHANGED_SHOWN)};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_plan_prepare(self->db, "SELECT failure FROM temp.changed ORDER BY 1 LIMIT ?1",
                             values, 1, &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    while (rc == TW_OK && started->changed_count < TW_REPLAY_CHANGED_SHOWN) {
        started->changed_ones[started->changed_count++] = (uint64_t)sqlite3_column_int64(stmt, 0);
        rc = tw_db_row(stmt, self->diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* Whether it may be started; the outcome says why not. */
static int check_plan(struct start *self)
{
    struct tw_replay_started *started = self->started;
    uint64_t overridden = 0;
    int rc = load_plan(self);
    rc = rc == TW_OK
             ? tw_plan_number(self->db, "SELECT count(*) FROM temp.sending WHERE overridden <> 0",
                              NULL, 0, &overridden, self->diag)
             : rc;
    rc = rc == TW_OK ? find_changes(self) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    if (started->count == 0) {
        started->outcome = TW_REPLAY_EMPTY;
    } else if (started->changed > 0) {
        started->outcome = TW_REPLAY_CHANGED;
        rc = show_changes(self);
    } else if (overridden > 0 && self->order->override_reason.len == 0) {
        started->outcome = TW_REPLAY_UNREASONED;
    }
    return rc;
}

/* ---- the deed ---- */

/* {"count": 7, ...}, in the arena. */
static int write_detail(struct start *self, struct tw_str *ret_detail)
{
    const struct tw_replay_order *order = self->order;
    const struct tw_desk_value values[] = {
        TW_DESK_NUMBER(self->started->count),
        TW_DESK_BYTES(self->started->destination),
        TW_DESK_BYTES(order->plan),
        TW_DESK_BYTES(order->override_reason.len == 0 ? TW_STR_NULL : order->override_reason),
    };
    sqlite3_stmt *stmt = NULL;
    int rc =
        tw_plan_prepare(self->db,
                        "SELECT CAST(json_object('count', ?1, 'destination', CAST(?2 AS TEXT),"
                        " 'plan', CAST(?3 AS TEXT), 'override_reason', CAST(?4 AS TEXT)) AS BLOB)",
                        values, sizeof values / sizeof values[0], &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    rc = rc == TW_OK ? tw_column_copy(stmt, 0, self->arena, ret_detail) : rc;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int write_audit(struct start *self)
{
    const struct tw_replay_order *order = self->order;
    char subject[TW_DESK_SUBJECT_MAX];
    struct tw_audit_row row = {
        .at = order->now,
        .actor = order->actor,
        .address = order->address,
        .action = TW_STR_LIT("replay"),
        .subject = tw_desk_subject("replay", self->started->id, subject),
        .reason = order->reason,
        .outcome = TW_STR_LIT("done"),
    };
    int rc = write_detail(self, &row.detail);
    return rc == TW_OK ? tw_audit_add(self->db, &row, self->diag) : rc;
}

static int write_replay(struct start *self)
{
    const struct tw_replay_order *order = self->order;
    uint64_t count = self->started->count;
    int64_t canary = (uint64_t)order->canary > count ? (int64_t)count : order->canary;
    const struct tw_desk_value values[] = {
        TW_DESK_NUMBER(self->started->id),
        TW_DESK_BYTES(tw_str_of(self->token)),
        TW_DESK_BYTES(order->plan),
        TW_DESK_NUMBER(order->now.ns),
        TW_DESK_BYTES(order->actor),
        TW_DESK_BYTES(order->address),
        TW_DESK_BYTES(order->reason),
        TW_DESK_BYTES(order->override_reason.len == 0 ? TW_STR_NULL : order->override_reason),
        TW_DESK_BYTES(self->started->destination),
        TW_DESK_BYTES(self->selection),
        TW_DESK_BYTES(order->key),
        TW_DESK_BYTES(((struct tw_str){self->hash, sizeof self->hash})),
        TW_DESK_NUMBER(order->rate),
        TW_DESK_NUMBER(canary),
        TW_DESK_NUMBER(order->stop_failures),
        TW_DESK_NUMBER(order->stop_percent),
        TW_DESK_NUMBER(order->proof_s),
        TW_DESK_NUMBER(self->needs_approval ? TW_REPLAY_AWAITING : TW_REPLAY_RUNNING),
        TW_DESK_BYTES(self->edit),
        TW_DESK_NUMBER(self->needs_approval),
    };
    return tw_plan_run(self->db,
                       "INSERT INTO replay(id, token, plan, created, actor, address, reason,"
                       " override_reason, destination, selection, request_key, request_hash, state,"
                       " changed, rate, canary, stop_failures, stop_percent, proof_s, edit,"
                       " needs_approval) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
                       " ?18, ?4, ?13, ?14, ?15, ?16, ?17, ?19, ?20)",
                       values, sizeof values / sizeof values[0], NULL, self->diag);
}

static int write_items(struct start *self)
{
    const struct tw_desk_value values[] = {
        TW_DESK_NUMBER(self->started->id),
        TW_DESK_BYTES(((struct tw_str){self->token, TOKEN_DIGITS})),
        TW_DESK_NUMBER(self->order->now.ns),
        TW_DESK_NUMBER(self->plan),
    };
    int rc = tw_plan_run(
        self->db,
        "INSERT INTO replay_item(replay, seq, replayid, failure, previous, is_asked, is_ready,"
        " overridden, is_financial, object_type, object_scope, object_id, event_n, failed_n,"
        " store, amount_minor, currency, state)"
        " SELECT ?1, place, CAST('r' || ?1 || '-' || CAST(?2 AS TEXT) || '-' || place AS BLOB),"
        " c.failure, (SELECT max(b.id) FROM main.replay_item AS b WHERE b.failure = c.failure),"
        " c.is_asked, c.is_first, c.overridden, c.is_financial, c.object_type, c.object_scope,"
        " c.object_id, c.event_n, c.failed_n, f.store, f.amount_minor, f.currency, 0"
        " FROM (SELECT *, row_number() OVER (ORDER BY seq) AS place, row_number() OVER (PARTITION"
        " BY object_type, object_scope, object_id ORDER BY seq) = 1 AS is_first"
        " FROM temp.sending) AS c CROSS JOIN main.failure AS f ON f.id = c.failure"
        " ORDER BY place",
        values, 2, NULL, self->diag);
    const struct tw_desk_value events[] = {values[0], values[2]};
    rc = rc == TW_OK
             ? tw_plan_run(self->db,
                           "INSERT INTO item_event(item, at, what, attempt) SELECT id, ?2, 0, 0"
                           " FROM replay_item WHERE replay = ?1 ORDER BY id",
                           events, 2, NULL, self->diag)
             : rc;
    rc = rc == TW_OK ? tw_plan_run(self->db, "DELETE FROM plan_item WHERE plan = ?1", &values[3], 1,
                                   NULL, self->diag)
                     : rc;
    rc = rc == TW_OK ? tw_plan_run(self->db, "DELETE FROM plan WHERE id = ?1", &values[3], 1, NULL,
                                   self->diag)
                     : rc;
    return rc == TW_OK ? tw_db_exec(self->db, "UPDATE meta SET revision = revision + 1", self->diag)
                       : rc;
}

/* Its number, as the table would give it: the row of the audit, which is the first, names it. */
static int next_number(struct start *self)
{
    return tw_plan_number(self->db,
                          "SELECT 1 + coalesce((SELECT seq FROM main.sqlite_sequence"
                          " WHERE name = 'replay'), 0)",
                          NULL, 0, &self->started->id, self->diag);
}

static int start_it(struct start *self)
{
    int rc = next_number(self);
    rc = rc == TW_OK ? tw_plan_token(self->token, self->diag) : rc;
    rc = rc == TW_OK ? write_audit(self) : rc;
    rc = rc == TW_OK ? write_replay(self) : rc;
    rc = rc == TW_OK ? write_items(self) : rc;
    rc = rc == TW_OK ? read_replay(self) : rc;
    rc = rc == TW_OK ? tw_db_exec(self->db, "COMMIT", self->diag) : rc;
    if (rc == TW_OK) {
        tw_audit_committed(self->db);
    }
    return rc;
}

static int look_and_start(struct start *self)
{
    bool is_known = false;
    int rc = find_request(self, &is_known);
    if (rc == TW_OK && is_known) {
        return self->started->outcome == TW_REPLAY_REPEATED ? read_replay(self) : TW_OK;
    }
    rc = rc == TW_OK ? find_plan(self) : rc;
    rc = rc == TW_OK && self->started->outcome == TW_REPLAY_STARTED ? check_plan(self) : rc;
    return rc == TW_OK && self->started->outcome == TW_REPLAY_STARTED ? start_it(self) : rc;
}

int tw_replay_start(const struct tw_replay_order *order, struct tw_arena *arena,
                    struct tw_replay_started *ret_started, struct tw_diag *diag)
{
    struct tw_replay_started started = {.outcome = TW_REPLAY_STARTED};
    struct start self = {.order = order, .arena = arena, .started = &started, .diag = diag};
    int rc = check_order(order, diag);
    if (rc != TW_OK) {
        return rc;
    }
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(order->body.ptr, order->body.len));
    memcpy(self.hash, hash.digest, sizeof self.hash);
    rc = tw_plan_open(order->dir, TW_DB_WRITE, &order->deadline, &self.db, diag);
    rc = rc == TW_OK ? tw_db_exec(self.db, "BEGIN IMMEDIATE", diag) : rc;
    rc = rc == TW_OK ? look_and_start(&self) : rc;
    if (self.db != NULL && sqlite3_get_autocommit(self.db) == 0) {
        (void)tw_db_exec(self.db, "ROLLBACK", NULL); /* closing does it too */
    }
    tw_db_close(&self.db);
    if (rc == TW_OK) {
        *ret_started = started;
    }
    return rc;
}
