/* SPDX-License-Identifier: Apache-2.0
 * What a plan comes to: counts and money of what would be replayed, and the rest by reason.
 */
#include "config.h"
#include "store/plan_internal.h"

/* Exact below 2^53; amounts that nobody has must not end the question, as an overflow would. */
#define SUM_OF_AMOUNTS "CAST(min(max(total(amount_minor), -9.2e18), 9.2e18) AS INTEGER)"

static int sum_counts(struct tw_plan_work *self)
{
    struct tw_plan *plan = self->plan;
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(self->db,
                           "SELECT count(*), total(verdict = 1), count(DISTINCT store),"
                           " total(is_financial), total(overridden & 1), total(overridden >> 1),"
                           " min(first), max(last), (SELECT count(*) FROM temp.item"
                           "  WHERE is_asked = 1), o.objects, o.longest FROM temp.item CROSS JOIN"
                           " (SELECT count(*) AS objects, max(n) AS longest FROM (SELECT count(*)"
                           "  AS n FROM temp.item WHERE verdict < 2 GROUP BY object)) AS o"
                           " WHERE verdict < 2",
                           &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    if (rc == TW_OK) {
        plan->count = (uint64_t)sqlite3_column_int64(stmt, 0);
        plan->held = (uint64_t)sqlite3_column_int64(stmt, 1);
        plan->stores = (uint64_t)sqlite3_column_int64(stmt, 2);
        plan->financial = (uint64_t)sqlite3_column_int64(stmt, 3);
        plan->unproven = (uint64_t)sqlite3_column_int64(stmt, 4);
        plan->parked = (uint64_t)sqlite3_column_int64(stmt, 5);
        plan->first.ns = sqlite3_column_int64(stmt, 6);
        plan->last.ns = sqlite3_column_int64(stmt, 7);
        plan->asked = (uint64_t)sqlite3_column_int64(stmt, 8);
        plan->objects = (uint64_t)sqlite3_column_int64(stmt, 9);
        plan->longest = (uint64_t)sqlite3_column_int64(stmt, 10);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

static int sum_money(struct tw_plan_work *self)
{
    struct tw_plan *plan = self->plan;
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(self->db,
                           "SELECT currency, " SUM_OF_AMOUNTS ", count(*) FROM temp.item"
                           " WHERE verdict < 2 AND length(currency) > 0 GROUP BY 1 ORDER BY 1",
                           &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    while (rc == TW_OK && plan->amount_count < TW_PLAN_CURRENCIES) {
        struct tw_plan_amount *amount = &plan->amounts[plan->amount_count++];
        struct tw_str currency = tw_db_column_bytes(stmt, 0);
        memcpy(amount->currency, currency.len == 0 ? "" : currency.ptr,
               currency.len < sizeof amount->currency ? currency.len : sizeof amount->currency - 1);
        amount->amount_minor = sqlite3_column_int64(stmt, 1);
        amount->count = (uint64_t)sqlite3_column_int64(stmt, 2);
        rc = tw_db_row(stmt, self->diag);
    }
    plan->has_more_currencies = rc == TW_OK;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int count_reasons(struct tw_plan_work *self)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(self->db,
                           "SELECT verdict, count(*) FROM temp.item WHERE verdict > 1"
                           " AND is_silent = 0 GROUP BY verdict",
                           &stmt, self->diag);
    rc = rc == TW_OK ? tw_db_row(stmt, self->diag) : rc;
    while (rc == TW_OK) {
        size_t verdict = (size_t)sqlite3_column_int64(stmt, 0); /* written by plan_verdict.c */
        if (verdict < TW_PLAN_VERDICT_COUNT) {
            self->plan->reasons[verdict].count = (uint64_t)sqlite3_column_int64(stmt, 1);
        }
        rc = tw_db_row(stmt, self->diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* The first of those left out for one reason. */
static int show_reason(struct tw_plan_work *self, size_t verdict)
{
    struct tw_plan_reason *reason = &self->plan->reasons[verdict];
    sqlite3_stmt *stmt = NULL;
    const struct tw_desk_value values[] = {TW_DESK_NUMBER(verdict), TW_DESK_NUMBER(TW_PLAN_SHOWN)};
    int rc = tw_plan_prepare(self->db,
                             "SELECT " TW_PLAN_ITEM_COLUMNS " FROM temp.item AS i CROSS JOIN"
                             " main.failure AS f ON f.id = i.failure WHERE i.verdict = ?1"
                             " AND i.is_silent = 0 ORDER BY i.seq LIMIT ?2",
                             values, 2, &stmt, self->diag);
    rc = rc == TW_OK ? tw_plan_take_items(stmt, self->arena, TW_PLAN_SHOWN, &reason->items,
                                          &reason->item_count, self->diag)
                     : rc;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc;
}

int tw_plan_sum(struct tw_plan_work *self)
{
    int rc = sum_counts(self);
    rc = rc == TW_OK ? sum_money(self) : rc;
    rc = rc == TW_OK ? count_reasons(self) : rc;
    for (size_t i = TW_PLAN_HELD + 1; i < TW_PLAN_VERDICT_COUNT && rc == TW_OK; i++) {
        rc = self->plan->reasons[i].count > 0 ? show_reason(self, i) : TW_OK;
    }
    return rc;
}
