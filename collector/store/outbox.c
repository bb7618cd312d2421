/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "store/desk_internal.h"
#include "store/audit.h"
#include "store/outbox_internal.h"

#define CACHE_KIB        4096
#define CHECKPOINT_EVERY 200 /* transactions between two checkpoints of the journal */

/* Of `replay_item AS i JOIN replay AS r JOIN failure AS f`, in the order in which they are read. */
#define ITEM_COLUMNS                                                                      \
    "i.id, i.replay, i.replayid, i.attempt, i.event_n, i.failed_n, i.object_type,"        \
    " i.object_scope, i.object_id, f.state, f.archived, i.state, i.answered IS NOT NULL," \
    " r.destination, i.idempotency_key, i.agent, i.deadline,"                             \
    " CASE WHEN i.is_asked THEN r.edit END FROM replay_item AS i"                         \
    " JOIN replay AS r ON r.id = i.replay LEFT JOIN failure AS f ON f.id = i.failure"

/* Numbers in statements: replay.state 0 running, 2 stopped, 4 done, 3 cancelled; replay_item.state
 * 0 waiting, 1 sent. */
_Static_assert(TW_REPLAY_RUNNING == 0 && TW_REPLAY_STOPPED == 2 && TW_REPLAY_CANCELLED == 3 &&
                   TW_REPLAY_DONE == 4 && TW_ITEM_WAITING == 0 && TW_ITEM_SENT == 1,
               "numbers in statements");

static const char *const statements[TW_OUTBOX_STATEMENTS] = {
    [TW_OUTBOX_DATA_VERSION] = "PRAGMA data_version",
    [TW_OUTBOX_PUT_AGENT] =
        "INSERT INTO agent(name, systems, capacity, is_online, since, heard, address, hellos,"
        " malformed) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO UPDATE SET"
        " systems = ?2, capacity = ?3, is_online = ?4, since = ?5, heard = ?6, address = ?7,"
        " hellos = hellos + ?8, malformed = malformed + ?9",
    [TW_OUTBOX_NOBODY] = "UPDATE agent SET is_online = 0, since = ?1 WHERE is_online = 1",
    [TW_OUTBOX_REPLAYS] =
        "SELECT id, state, destination, changed, rate, canary, stop_failures, stop_percent,"
        " proof_s, begun IS NOT NULL, full, live_waiting, phase, phase_detail FROM replay"
        " WHERE finished IS NULL ORDER BY id LIMIT ?1",
    [TW_OUTBOX_TALLY] = "SELECT state, count(*) FROM replay_item WHERE replay = ?1 AND ended >= ?2"
                        " GROUP BY state",
    [TW_OUTBOX_SENT] = "SELECT id FROM replay_item WHERE replay = ?1 AND state = 1 LIMIT ?2",
    [TW_OUTBOX_HAS_WAITING] = "SELECT 1 FROM replay_item WHERE replay = ?1 AND state = 0 LIMIT 1",
    [TW_OUTBOX_STATE] = "SELECT state FROM replay_item WHERE id = ?1",
    [TW_OUTBOX_PHASE] = "UPDATE replay SET phase = ?2, phase_detail = ?3 WHERE id = ?1",
    [TW_OUTBOX_LIVE] = "UPDATE replay SET live_waiting = ?2 WHERE id = ?1",
    [TW_OUTBOX_FULL] = "UPDATE replay SET full = ?2 WHERE id = ?1 AND full IS NULL",
    [TW_OUTBOX_STOP] = "UPDATE replay SET state = 2, why = ?2, changed = ?3, phase = NULL,"
                       " phase_detail = NULL WHERE id = ?1 AND state = 0",
    [TW_OUTBOX_FINISH] =
        "UPDATE replay SET state = CASE state WHEN 3 THEN 3 ELSE 4 END, finished = ?2,"
        " phase = NULL, phase_detail = NULL, changed = CASE state WHEN 3 THEN changed ELSE ?2 END"
        " WHERE id = ?1 AND finished IS NULL AND NOT EXISTS(SELECT 1 FROM replay_item"
        " WHERE replay = ?1 AND state = 0) AND NOT EXISTS(SELECT 1 FROM replay_item"
        " WHERE replay = ?1 AND state = 1)",
    [TW_OUTBOX_READY] = "SELECT " ITEM_COLUMNS " WHERE i.replay = ?1 AND i.state = 0"
                        " AND i.is_ready = 1 ORDER BY i.seq LIMIT ?2",
    [TW_OUTBOX_ITEM] = "SELECT " ITEM_COLUMNS " WHERE i.id = ?1",
    [TW_OUTBOX_SEND] =
        "UPDATE replay_item SET state = 1, is_ready = 0, attempt = 1, idempotency_key = ?2,"
        " agent = ?3, sent = ?4, deadline = ?5 WHERE id = ?1 AND state = 0 AND is_ready = 1"
        " AND (SELECT state FROM replay WHERE id = replay_item.replay) = 0"
        " AND (SELECT state + archived FROM failure WHERE id = replay_item.failure) = 0",
    [TW_OUTBOX_BEGUN] = "UPDATE replay SET begun = ?2 WHERE id = ?1 AND begun IS NULL",
    [TW_OUTBOX_ORDERED] = "UPDATE agent SET ordered = ordered + 1 WHERE name = ?1",
    [TW_OUTBOX_UNANSWERED] = "SELECT id, replay, agent, 0 FROM replay_item WHERE state = 1"
                             " AND answered IS NULL ORDER BY agent, answered, sent LIMIT ?1",
    [TW_OUTBOX_OVERDUE] = "SELECT id, replay, agent, answered IS NOT NULL FROM replay_item"
                          " WHERE state = 1 AND deadline <= ?2 ORDER BY deadline LIMIT ?1",
    [TW_OUTBOX_ACCEPTED_OF] = "SELECT id, replay, agent, 1 FROM replay_item WHERE state = 1"
                              " AND agent = ?2 AND answered IS NOT NULL LIMIT ?1",
    [TW_OUTBOX_ACCEPTED] = "SELECT id, replay, agent, 1 FROM replay_item WHERE state = 1"
                           " AND answered IS NOT NULL ORDER BY agent LIMIT ?1",
    [TW_OUTBOX_BY_REPLAYID] = "SELECT id, state, attempt, agent, answered IS NOT NULL"
                              " FROM replay_item WHERE replayid = ?1",
    [TW_OUTBOX_ANSWERED] = "UPDATE replay_item SET answered = ?2 WHERE id = ?1",
    [TW_OUTBOX_COUNT_ACCEPTED] = "UPDATE agent SET accepted = accepted + 1 WHERE name = ?1",
    [TW_OUTBOX_COUNT_REFUSED] = "UPDATE agent SET refused = refused + 1 WHERE name = ?1",
    [TW_OUTBOX_COUNT_STRANGE] = "UPDATE agent SET strange = strange + 1 WHERE name = ?1",
};

/* ---- life ---- */

static int open_file(struct tw_outbox *self, const char *dir, struct tw_diag *diag)
{
    int rc = tw_desk_open_beside(dir, CACHE_KIB, &self->db, diag);
    if (rc == TW_OK) {
        self->has_items = true;
        rc = tw_items_init(&self->items, self->db, diag);
    }
    for (size_t i = 0; rc == TW_OK && i < TW_OUTBOX_STATEMENTS; i++) {
        rc = tw_db_prepare(self->db, statements[i], &self->stmts[i], diag);
    }
    return rc;
}

int tw_outbox_open(const char *dir, struct tw_outbox **ret_outbox, struct tw_diag *diag)
{
    struct tw_outbox *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    int rc = open_file(self, dir, diag);
    if (rc != TW_OK) {
        tw_outbox_close(&self);
        return rc;
    }
    *ret_outbox = self;
    return TW_OK;
}

void tw_outbox_close(struct tw_outbox **self_p)
{
    struct tw_outbox *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < TW_OUTBOX_STATEMENTS; i++) {
        (void)sqlite3_finalize(self->stmts[i]); /* repeats errors already seen */
    }
    if (self->has_items) {
        tw_items_fini(&self->items);
    }
    tw_db_close(&self->db);
    free(self);
}

/* ---- transactions ---- */

int tw_outbox_has_changed(struct tw_outbox *self, bool *ret_has_changed, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_DATA_VERSION];
    int rc = tw_db_row(stmt, diag);
    if (rc != TW_OK) {
        return rc;
    }
    int64_t version = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_reset(stmt); /* it gave its row */
    *ret_has_changed = version != self->data_version;
    self->data_version = version;
    return TW_OK;
}

int tw_outbox_look(struct tw_outbox *self, struct tw_diag *diag)
{
    return tw_db_exec(self->db, "BEGIN", diag);
}

int tw_outbox_begin(struct tw_outbox *self, struct tw_diag *diag)
{
    return tw_db_exec(self->db, "BEGIN IMMEDIATE", diag);
}

/* Readers may hold back the end of the journal; the next checkpoint takes it. */
static int checkpoint(struct tw_outbox *self, struct tw_diag *diag)
{
    if (++self->transactions < CHECKPOINT_EVERY) {
        return TW_OK;
    }
    self->transactions = 0;
    int rc = sqlite3_wal_checkpoint_v2(self->db, "main", SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return rc == SQLITE_OK || rc == SQLITE_BUSY ? TW_OK : tw_db_error(self->db, rc, diag);
}

int tw_outbox_commit_quietly(struct tw_outbox *self, struct tw_diag *diag)
{
    int rc = tw_db_exec(self->db, "COMMIT", diag);
    if (rc == TW_OK && self->has_deed) {
        self->has_deed = false;
        tw_audit_committed(self->db);
    }
    return rc == TW_OK ? checkpoint(self, diag) : rc;
}

int tw_outbox_commit(struct tw_outbox *self, struct tw_diag *diag)
{
    int rc = tw_db_exec(self->db, "UPDATE meta SET revision = revision + 1", diag);
    return rc == TW_OK ? tw_outbox_commit_quietly(self, diag) : rc;
}

void tw_outbox_abandon(struct tw_outbox *self)
{
    self->has_deed = false;
    if (sqlite3_get_autocommit(self->db) == 0) {
        (void)tw_db_exec(self->db, "ROLLBACK", NULL); /* closing does it too */
    }
}

/* ---- agents ---- */

int tw_outbox_put_agent(struct tw_outbox *self, const struct tw_outbox_agent *agent,
                        struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_PUT_AGENT];
    tw_db_bind_bytes(stmt, 1, agent->name);
    tw_db_bind_bytes(stmt, 2, agent->systems);
    tw_db_bind_int(stmt, 3, agent->capacity);
    tw_db_bind_int(stmt, 4, agent->is_online);
    tw_db_bind_int(stmt, 5, agent->since.ns);
    tw_db_bind_int(stmt, 6, agent->heard.ns);
    tw_db_bind_bytes(stmt, 7, agent->address);
    tw_db_bind_int(stmt, 8, agent->hellos);
    tw_db_bind_int(stmt, 9, agent->malformed);
    return tw_db_run(stmt, diag);
}

int tw_outbox_nobody_is_online(struct tw_outbox *self, tw_wall_t now, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_NOBODY];
    tw_db_bind_int(stmt, 1, now.ns);
    return tw_db_run(stmt, diag);
}

/* ---- replays ---- */

static int take_replay(sqlite3_stmt *stmt, struct tw_arena *arena,
                       struct tw_outbox_replay *ret_replay)
{
    int64_t state = sqlite3_column_int64(stmt, 1);
    if (state < 0 || state >= TW_REPLAY_STATE_COUNT) {
        return TW_EDAMAGED;
    }
    struct tw_outbox_replay replay = {
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .state = (enum tw_replay_state)state,
        .changed = {sqlite3_column_int64(stmt, 3)},
        .rate = (uint32_t)sqlite3_column_int64(stmt, 4),
        .canary = (uint32_t)sqlite3_column_int64(stmt, 5),
        .stop_failures = (uint32_t)sqlite3_column_int64(stmt, 6),
        .stop_percent = (uint32_t)sqlite3_column_int64(stmt, 7),
        .proof_s = (uint32_t)sqlite3_column_int64(stmt, 8),
        .has_begun = sqlite3_column_int64(stmt, 9) != 0,
        .full = {sqlite3_column_int64(stmt, 10)}, /* NULL: 0 */
        .live_waiting =
            sqlite3_column_type(stmt, 11) == SQLITE_NULL ? -1 : sqlite3_column_int64(stmt, 11),
    };
    int rc = tw_column_copy(stmt, 2, arena, &replay.destination);
    rc = rc == TW_OK ? tw_column_copy(stmt, 12, arena, &replay.phase) : rc;
    rc = rc == TW_OK ? tw_column_copy(stmt, 13, arena, &replay.phase_detail) : rc;
    if (rc == TW_OK) {
        *ret_replay = replay;
    }
    return rc;
}

int tw_outbox_replays(struct tw_outbox *self, struct tw_arena *arena,
                      struct tw_outbox_replay **ret_items, size_t *ret_count, struct tw_diag *diag)
{
    size_t count = 0;
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_REPLAYS];
    struct tw_outbox_replay *items = tw_arena_zalloc(arena, TW_OUTBOX_REPLAYS_MAX * sizeof *items);
    tw_db_bind_int(stmt, 1, TW_OUTBOX_REPLAYS_MAX);
    int rc = items == NULL ? TW_ENOMEM : tw_db_row(stmt, diag);
    while (rc == TW_OK && count < TW_OUTBOX_REPLAYS_MAX) {
        rc = take_replay(stmt, arena, &items[count]);
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

int tw_outbox_tally(struct tw_outbox *self, uint64_t replay, tw_wall_t since,
                    uint64_t ret_counts[TW_ITEM_STATE_COUNT], struct tw_diag *diag)
{
    uint64_t counts[TW_ITEM_STATE_COUNT] = {0};
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_TALLY];
    tw_db_bind_int(stmt, 1, (int64_t)replay);
    tw_db_bind_int(stmt, 2, since.ns);
    int rc = tw_db_row(stmt, diag);
    while (rc == TW_OK) {
        int64_t state = sqlite3_column_int64(stmt, 0);
        if (state >= 0 && state < TW_ITEM_STATE_COUNT) {
            counts[state] = (uint64_t)sqlite3_column_int64(stmt, 1);
        }
        rc = tw_db_row(stmt, diag);
    }
    if (rc != TW_ENOTFOUND) {
        return rc;
    }
    memcpy(ret_counts, counts, sizeof counts);
    return TW_OK;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : (x > y ? 1 : 0);
}

int tw_outbox_sent(struct tw_outbox *self, uint64_t replay, uint64_t *ids, size_t most,
                   size_t *ret_count, struct tw_diag *diag)
{
    size_t count = 0;
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_SENT];
    tw_db_bind_int(stmt, 1, (int64_t)replay);
    tw_db_bind_int(stmt, 2, (int64_t)most);
    int rc = tw_db_row(stmt, diag);
    while (rc == TW_OK && count < most) {
        ids[count++] = (uint64_t)sqlite3_column_int64(stmt, 0);
        rc = tw_db_row(stmt, diag);
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    qsort(ids, count, sizeof *ids, compare_ids); /* the index has them by currency and amount */
    *ret_count = count;
    return TW_OK;
}

int tw_outbox_has_waiting(struct tw_outbox *self, uint64_t replay, bool *ret_has,
                          struct tw_diag *diag)
{
    sqlite3_stmt *stmt = self->stmts[TW_OUTBOX_HAS_WAITING];
    tw_db_bind_int(stmt, 1, (int64_t)replay);
    int rc = tw_db_row(stmt, diag);
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    *ret_has = rc == TW_OK;
    return TW_OK;
}

/* A statement whose first value is a number. */
static int run_of(struct tw_outbox *self, enum tw_outbox_statement which, uint64_t id,
                  struct tw_diag *diag)
{
    tw_db_bind_int(self->stmts[which], 1, (int64_t)id);
    return tw_db_run(self->stmts[which], diag);
}

int tw_outbox_set_phase(struct tw_outbox *self, uint64_t replay, struct tw_str phase,
                        struct tw_str detail, struct tw_diag *diag)
{
    tw_db_bind_bytes(self->stmts[TW_OUTBOX_PHASE], 2, phase);
    tw_db_bind_bytes(self->stmts[TW_OUTBOX_PHASE], 3, detail);
    return run_of(self, TW_OUTBOX_PHASE, replay, diag);
}

int tw_outbox_set_live_waiting(struct tw_outbox *self, uint64_t replay, uint64_t waiting,
                               struct tw_diag *diag)
{
    tw_db_bind_int(self->stmts[TW_OUTBOX_LIVE], 2, (int64_t)waiting);
    return run_of(self, TW_OUTBOX_LIVE, replay, diag);
}

int tw_outbox_passed_canary(struct tw_outbox *self, uint64_t replay, tw_wall_t now,
                            struct tw_diag *diag)
{
    tw_db_bind_int(self->stmts[TW_OUTBOX_FULL], 2, now.ns);
    return run_of(self, TW_OUTBOX_FULL, replay, diag);
}

int tw_outbox_stop(struct tw_outbox *self, uint64_t replay, struct tw_str why, tw_wall_t now,
                   struct tw_diag *diag)
{
    char subject[48];
    tw_db_bind_bytes(self->stmts[TW_OUTBOX_STOP], 2, why);
    tw_db_bind_int(self->stmts[TW_OUTBOX_STOP], 3, now.ns);
    int rc = run_of(self, TW_OUTBOX_STOP, replay, diag);
    if (rc != TW_OK || sqlite3_changes64(self->db) == 0) {
        return rc;
    }
    (void)snprintf(subject, sizeof subject, "replay:%llu", (unsigned long long)replay);
    const struct tw_audit_row row = {
        .at = now,
        .actor = TW_STR_LIT("tillwatch"),
        .kind = TW_STR_LIT("system"),
        .action = TW_STR_LIT("stop"),
        .subject = tw_str_of(subject),
        .detail = why,
        .outcome = TW_STR_LIT("done"),
    };
    self->has_deed = true;
    return tw_audit_add(self->db, &row, diag);
}

int tw_outbox_finish(struct tw_outbox *self, uint64_t replay, tw_wall_t now, struct tw_diag *diag)
{
    tw_db_bind_int(self->stmts[TW_OUTBOX_FINISH], 2, now.ns);
    return run_of(self, TW_OUTBOX_FINISH, replay, diag);
}
