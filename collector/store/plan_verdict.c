/* SPDX-License-Identifier: Apache-2.0
 * What happens to each failure of a plan: the order, and the reasons why some are left out.
 *
 * The order is (since, event, failure) over the whole plan, and so within each object. What stands
 * behind one that should be sent first and cannot be is blocked. What has nothing to be sent does
 * not stand in the way: its turn comes with what it waits for; nor does what is done, was put away,
 * goes elsewhere or happened twice. Of those that wait for the same event one sends it; where that
 * one is blocked in its object, or another of them in its own, none is sent.
 */
#include "config.h"
#include "store/plan_internal.h"

_Static_assert(TW_PLAN_REPLAY == 0 && TW_PLAN_HELD == 1 && TW_PLAN_DONE == 2 &&
                   TW_PLAN_IN_REPLAY == 3 && TW_PLAN_UNPROVEN == 4 && TW_PLAN_PARKED == 5 &&
                   TW_PLAN_ARCHIVED == 6 && TW_PLAN_NOTHING_TO_SEND == 7 &&
                   TW_PLAN_PAYLOAD_EXPIRED == 8 && TW_PLAN_OTHER_DESTINATION == 9 &&
                   TW_PLAN_DUPLICATE == 10 && TW_PLAN_DUPLICATE_EFFECT == 11 &&
                   TW_PLAN_AGENT_OFFLINE == 12 && TW_PLAN_BLOCKED == 13,
               "numbers in statements");
_Static_assert(TW_OVERRIDE_UNPROVEN == 1 && TW_OVERRIDE_PARKED == 2, "numbers in statements");
_Static_assert(TW_REPLAY_PARK_AFTER == 3 && TW_ITEM_UNPROVEN == 2 && TW_ITEM_FAILED_AGAIN == 4,
               "numbers in statements of plan_internal.h");

/* Objects that block each other through events that they share, one after the other. */
#define ROUNDS_MAX 100

static const char tables[] =
    "CREATE TEMP TABLE gone(first_n INTEGER PRIMARY KEY, last_n INTEGER NOT NULL);"
    "CREATE TEMP TABLE item(seq INTEGER PRIMARY KEY, failure INTEGER NOT NULL,"
    " object INTEGER NOT NULL, verdict INTEGER NOT NULL, is_asked INTEGER NOT NULL,"
    " event_n INTEGER NOT NULL, failed_n INTEGER NOT NULL, grp INTEGER NOT NULL,"
    " is_financial INTEGER NOT NULL, overridden INTEGER NOT NULL, is_silent INTEGER NOT NULL,"
    " amount_minor INTEGER NOT NULL, currency BLOB NOT NULL, store BLOB,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL);"
    "CREATE TEMP TABLE stop(object INTEGER PRIMARY KEY, seq INTEGER NOT NULL);"
    "CREATE TEMP TABLE held_up(event_n INTEGER PRIMARY KEY);";

/* ---- events whose payload is gone ---- */

struct range {
    uint64_t n; /* in: the event that is looked for */
    uint64_t first_n;
    uint64_t last_n;
    bool is_gone;
};

/* Where the partition at this place begins; without one, where none ever will. */
static int first_of(struct tw_reader *reader, size_t index, uint64_t *ret_first)
{
    int rc = TW_OK;
    *ret_first = INT64_MAX;
    if (index < reader->part_count) {
        rc = tw_view_know(reader, reader->parts[index]);
        *ret_first = reader->parts[index]->meta.first_n;
    }
    return rc;
}

/* The partition that the event lies in, or what is before the oldest or behind the newest. */
static int find_range(struct tw_reader *reader, void *context)
{
    struct range *range = context;
    size_t index = 0;
    uint64_t next = 0;
    int rc = tw_reader_find_part(reader, range->n, &index);
    if (rc == TW_ENOTFOUND) {
        rc = first_of(reader, 0, &next);
        *range = (struct range){.n = range->n, .first_n = 1, .last_n = next - 1, .is_gone = true};
        return rc;
    }
    rc = rc == TW_OK ? tw_view_know(reader, reader->parts[index]) : rc;
    rc = rc == TW_OK ? first_of(reader, index + 1, &next) : rc;
    if (rc == TW_OK) {
        const struct tw_view_meta *meta = &reader->parts[index]->meta;
        bool is_behind = range->n > meta->last_n;
        range->first_n = is_behind ? meta->last_n + 1 : meta->first_n;
        range->last_n = is_behind ? next - 1 : meta->last_n;
        range->is_gone = is_behind || meta->payload_expired;
    }
    return rc;
}

static int add_gone(struct tw_plan_work *self, const struct range *range)
{
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(range->first_n),
                                           TW_DESK_NUMBER(range->last_n)};
    return tw_plan_run(self->db, "INSERT OR REPLACE INTO temp.gone VALUES(?1, ?2)", values, 2, NULL,
                       self->diag);
}

/* Only partitions that an event of the plan lies in are looked at. */
static int find_gone(struct tw_plan_work *self)
{
    sqlite3_stmt *stmt = NULL;
    struct range range = {.last_n = 0};
    int rc = tw_db_prepare(self->db,
                           "SELECT DISTINCT event_n FROM temp.chosen WHERE event_n > 0"
                           " AND state = 0 AND archived = 0 ORDER BY 1",
                           &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    while (rc == TW_OK) {
        uint64_t n = (uint64_t)sqlite3_column_int64(stmt, 0);
        if (n > range.last_n) {
            range.n = n;
            rc = tw_reader_query(self->reader, find_range, &range);
            rc = rc == TW_OK && range.is_gone ? add_gone(self, &range) : rc;
            if (rc != TW_OK && rc != TW_ENOMEM) {
                (void)tw_diag_set(self->diag, rc, "the store: %s", tw_err_text(rc));
            }
            rc = rc == TW_ENOTFOUND ? TW_EIO : rc;
        }
        rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* ---- verdicts that a failure has by itself ---- */

/* ?1 the destination, ?2 the cause of what happened twice. In order: `seq` counts up. */
static const char judge_sql[] =
    "INSERT INTO temp.item(failure, object, verdict, is_asked, event_n, failed_n, grp,"
    " is_financial, overridden, is_silent, amount_minor, currency, store, first, last)"
    " SELECT c.failure, coalesce(n.object, 0), CASE"
    "  WHEN k.destination <> ?1 AND NOT (k.cause = ?2 AND length(k.destination) = 0) THEN 9"
    "  WHEN k.cause = ?2 THEN 11"
    "  WHEN c.state <> 0 OR " TW_SQL_DONE_THERE " THEN 2"
    "  WHEN c.archived <> 0 THEN 6"
    "  WHEN " TW_SQL_IN_REPLAY " THEN 3"
    "  WHEN c.event_n = 0 THEN 7"
    "  WHEN coalesce((SELECT g.last_n FROM temp.gone AS g WHERE g.first_n <= c.event_n"
    "   ORDER BY g.first_n DESC LIMIT 1), 0) >= c.event_n THEN 8"
    "  ELSE 0 END, c.is_asked, c.event_n, c.failed_n, c.grp,"
    " k.is_financial OR length(c.currency) > 0, 0, 0, c.amount_minor, c.currency, c.store, c.first,"
    " c.last FROM temp.chosen AS c CROSS JOIN temp.kind AS k ON k.grp = c.grp"
    " LEFT JOIN temp.near AS n ON n.failure = c.failure ORDER BY c.since, c.event_n, c.failure";

/* What replays before have come to: bits of what may be overridden. */
#define PAST                                \
    "((c.is_financial AND " TW_SQL_UNPROVEN \
    ") + 2 * " TW_SQL_PARKED("(SELECT k.cause FROM temp.kind AS k WHERE k.grp = c.grp)") ")"
static const char past_sql[] = "UPDATE temp.item AS c SET overridden = " PAST " WHERE c.verdict = 0"
                               " AND EXISTS(SELECT 1 FROM main.replay_item) AND " PAST " <> 0";
/* ?1 what is overridden */
static const char *const left_out_sql[] = {
    "UPDATE temp.item SET verdict = 4 WHERE verdict = 0 AND overridden & 1 AND NOT ?1 & 1",
    "UPDATE temp.item SET verdict = 5 WHERE verdict = 0 AND overridden & 2 AND NOT ?1 & 2",
};

static int judge_each(struct tw_plan_work *self)
{
    const struct tw_desk_value override[] = {TW_DESK_NUMBER(self->ask->override)};
    const struct tw_desk_value values[] = {TW_DESK_BYTES(self->plan->destination),
                                           TW_DESK_NUMBER(TW_CAUSE_DUPLICATE)};
    int rc = tw_plan_run(self->db, judge_sql, values, 2, NULL, self->diag);
    rc = rc == TW_OK ? tw_plan_run(self->db, past_sql, values, 1, NULL, self->diag) : rc;
    for (size_t i = 0; i < sizeof left_out_sql / sizeof left_out_sql[0] && rc == TW_OK; i++) {
        rc = tw_plan_run(self->db, left_out_sql[i], override, 1, NULL, self->diag);
    }
    return rc;
}

/* ---- verdicts that come of others ---- */

/* Of those that would send the same event the first one does; what was asked for goes before what
 * only comes with it. */
static const char duplicates_sql[] =
    "UPDATE temp.item SET verdict = 10 WHERE seq IN (SELECT seq FROM (SELECT seq, row_number()"
    " OVER (PARTITION BY event_n ORDER BY is_asked DESC, seq) AS place FROM temp.item"
    " WHERE verdict = 0 AND event_n IN (SELECT event_n FROM temp.item WHERE verdict = 0"
    "  GROUP BY event_n HAVING count(*) > 1)) WHERE place > 1)";

/* A round: where each object is stopped; what stands behind that; what shares its event. */
static const char *const round_sql[] = {
    "DELETE FROM temp.stop",
    "INSERT INTO temp.stop SELECT object, min(seq) FROM temp.item"
    " WHERE verdict IN (3, 4, 5, 8, 13) GROUP BY object",
    "UPDATE temp.item SET verdict = 13 WHERE verdict IN (0, 10)"
    " AND seq > (SELECT s.seq FROM temp.stop AS s WHERE s.object = item.object)",
    "INSERT OR IGNORE INTO temp.held_up SELECT event_n FROM temp.item WHERE verdict = 13",
    "UPDATE temp.item SET verdict = 13 WHERE verdict IN (0, 10)"
    " AND event_n IN (SELECT event_n FROM temp.held_up)",
};

static int block(struct tw_plan_work *self)
{
    uint64_t changes = 1;
    int rc = TW_OK;
    for (unsigned i = 0; rc == TW_OK && changes > 0; i++) {
        if (i == ROUNDS_MAX) {
            return tw_diag_set(self->diag, TW_ELIMIT,
                               "these failures block each other through too many objects: choose"
                               " fewer");
        }
        uint64_t behind = 0;
        uint64_t shared = 0;
        rc = tw_plan_run(self->db, round_sql[0], NULL, 0, NULL, self->diag);
        rc = rc == TW_OK ? tw_plan_run(self->db, round_sql[1], NULL, 0, NULL, self->diag) : rc;
        rc = rc == TW_OK ? tw_plan_run(self->db, round_sql[2], NULL, 0, &behind, self->diag) : rc;
        if (rc == TW_OK && behind > 0) {
            rc = tw_plan_run(self->db, round_sql[3], NULL, 0, NULL, self->diag);
            rc = rc == TW_OK ? tw_plan_run(self->db, round_sql[4], NULL, 0, &shared, self->diag)
                             : rc;
        }
        changes = shared;
    }
    return rc;
}

/* What comes with others does so only where something of its object was asked for and is sent, or
 * what it sends is what another one waits for; else it is not told of, nor what is left out of it
 * unless it blocks what was asked for. */
static const char *const others_sql[] = {
    "UPDATE temp.item SET verdict = 13, is_silent = 1 WHERE is_asked = 0 AND verdict = 0"
    " AND object NOT IN (SELECT object FROM temp.item WHERE verdict = 0 AND (is_asked = 1"
    "  OR event_n IN (SELECT event_n FROM temp.item WHERE verdict = 10)))",
    "UPDATE temp.item SET verdict = 1 WHERE is_asked = 0 AND verdict = 0",
    "UPDATE temp.item SET is_silent = 1 WHERE is_asked = 0 AND verdict > 1"
    " AND (verdict NOT IN (3, 4, 5, 8) OR object NOT IN (SELECT object FROM temp.item"
    "  WHERE verdict = 13 AND is_asked = 1))",
};

int tw_plan_judge(struct tw_plan_work *self)
{
    bool is_offline = self->plan->agents == 0 && !self->plan->is_http;
    int rc = tw_db_exec(self->db, tables, self->diag);
    rc = rc == TW_OK ? find_gone(self) : rc;
    rc = rc == TW_OK ? judge_each(self) : rc;
    rc = rc == TW_OK ? tw_plan_run(self->db, duplicates_sql, NULL, 0, NULL, self->diag) : rc;
    if (rc == TW_OK && is_offline) {
        rc = tw_plan_run(self->db, "UPDATE temp.item SET verdict = 12 WHERE verdict = 0", NULL, 0,
                         NULL, self->diag);
    }
    rc = rc == TW_OK ? block(self) : rc;
    for (size_t i = 0; i < sizeof others_sql / sizeof others_sql[0] && rc == TW_OK; i++) {
        rc = tw_plan_run(self->db, others_sql[i], NULL, 0, NULL, self->diag);
    }
    return rc;
}
