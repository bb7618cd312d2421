/* SPDX-License-Identifier: Apache-2.0
 * What the files that plan and start replays share. Nothing outside collector/store/ includes it.
 *
 * A plan is worked out in temporary tables of a connection of its own, under one snapshot of the
 * desk, and only written under the lock: whoever else writes waits for the copying alone.
 */
#ifndef TW_STORE_PLAN_INTERNAL_H
#define TW_STORE_PLAN_INTERNAL_H

#include "store/desk_deed.h"
#include "store/plan.h"

#define TW_PLAN_CACHE_KIB 65536 /* failures are read once, their index twice */

/* Opened for `mode`, with a deadline that ends statements with TW_ETIMEOUT. The deadline is
 * borrowed until it is closed. */
int tw_plan_open(const char *dir, enum tw_db_mode mode, const tw_mono_t *deadline, sqlite3 **ret_db,
                 struct tw_diag *diag);
/* Prepared and bound; finalise it. */
int tw_plan_prepare(sqlite3 *db, const char *sql, const struct tw_desk_value *values, size_t count,
                    sqlite3_stmt **ret_stmt, struct tw_diag *diag);
/* Run a statement; *ret_changes (may be NULL) rows. */
int tw_plan_run(sqlite3 *db, const char *sql, const struct tw_desk_value *values, size_t count,
                uint64_t *ret_changes, struct tw_diag *diag);
/* The first column of the only row. */
int tw_plan_number(sqlite3 *db, const char *sql, const struct tw_desk_value *values, size_t count,
                   uint64_t *ret_number, struct tw_diag *diag);
/* 32 hexadecimal digits of chance and a NUL. */
int tw_plan_token(char *ret_token, struct tw_diag *diag);
/* The names of destinations over HTTP, and so on: one row each of a temporary table of `name`. */
int tw_plan_names(sqlite3 *db, const char *sql, const struct tw_str *names, size_t count,
                  struct tw_diag *diag);

struct tw_plan_work {
    sqlite3 *db;
    const struct tw_plan_ask *ask;
    struct tw_reader *reader;
    struct tw_arena *arena;
    struct tw_plan *plan;
    struct tw_diag *diag;
};
/* Temporary tables (plan_set.c): kind, every group with its destination; chosen, what was asked for
 * and what comes with it. */
int tw_plan_choose(struct tw_plan_work *self);
/* From `chosen` to `item`, in order, with verdicts (plan_verdict.c). */
int tw_plan_judge(struct tw_plan_work *self);
/* What of `item` would be replayed, and what would not (plan_sum.c). */
int tw_plan_sum(struct tw_plan_work *self);

/* Of plan_item or temp.item AS i and failure AS f, in the order in which they are read. */
#define TW_PLAN_ITEM_COLUMNS                                                                    \
    "i.seq, i.verdict, i.is_asked, i.is_financial, i.overridden, i.event_n, f.id, f.grp,"       \
    " f.workflow, f.step, f.object_type, f.object_scope, f.object_id, f.store, f.amount_minor," \
    " f.currency"
/* The rows of such a statement, at most so many. */
int tw_plan_take_items(sqlite3_stmt *stmt, struct tw_arena *arena, size_t most,
                       struct tw_plan_item **ret_items, size_t *ret_count, struct tw_diag *diag);

/* The event that would be sent for a failure. */
#define TW_SQL_EVENT_OF(f) "(CASE " f ".input_n WHEN 0 THEN " f ".failed_n ELSE " f ".input_n END)"

/* Of a row `c` (failure, object_type, object_scope, object_id, event_n), for the destination ?1.
 * It, its object or its event is on the way already: */
#define TW_SQL_IN_REPLAY                                                                        \
    "(EXISTS(SELECT 1 FROM main.replay_item AS i WHERE i.failure = c.failure"                   \
    " AND i.state IN (0, 1))"                                                                   \
    " OR EXISTS(SELECT 1 FROM main.replay_item AS i CROSS JOIN main.replay AS r"                \
    " ON r.id = i.replay WHERE i.object_type = c.object_type"                                   \
    " AND i.object_scope = c.object_scope AND i.object_id = c.object_id AND i.state IN (0, 1)"  \
    " AND r.destination = ?1)"                                                                  \
    " OR (c.event_n <> 0 AND EXISTS(SELECT 1 FROM main.replay_item AS i CROSS JOIN main.replay" \
    " AS r ON r.id = i.replay WHERE i.event_n = c.event_n AND i.state IN (0, 1, 2)"             \
    " AND i.state <> 2 AND r.destination = ?1)))"
/* It was sent last without a proof, or its event was, for whichever failure: */
#define TW_SQL_UNPROVEN                                                                        \
    "(coalesce((SELECT l.state FROM main.replay_item AS l WHERE l.failure = c.failure"         \
    " ORDER BY l.id DESC LIMIT 1) = 2, 0)"                                                     \
    " OR EXISTS(SELECT 1 FROM main.replay_item AS u CROSS JOIN main.replay AS r"               \
    " ON r.id = u.replay WHERE u.event_n = c.event_n AND u.state IN (0, 1, 2) AND u.state = 2" \
    " AND r.destination = ?1 AND NOT EXISTS(SELECT 1 FROM main.replay_item AS l"               \
    " WHERE l.failure = u.failure AND l.id > u.id)))"
/* Its destination said that it has it, no event has shown it, and nothing has failed since. */
#define TW_SQL_DONE_THERE                                                                    \
    "EXISTS(SELECT 1 FROM main.replay_item AS d WHERE d.failure = c.failure AND d.state = 3" \
    " AND d.outcome_n IS NULL AND d.failed_n = c.failed_n)"
/* It failed again so often for the cause that it has: TW_REPLAY_PARK_AFTER. */
#define TW_SQL_PARKED(cause_of)                                                                \
    "((SELECT count(*) FROM main.replay_item AS p WHERE p.failure = c.failure AND p.state = 4" \
    " AND p.cause = " cause_of ") >= 3)"

#endif
