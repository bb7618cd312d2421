/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/alert_sums.h"

#include "store/alert_read_internal.h"

static int take_open(sqlite3_stmt *stmt, struct tw_alert_sums *sums)
{
    int64_t state = sqlite3_column_int64(stmt, 0);
    int64_t severity = sqlite3_column_int64(stmt, 1);
    if (severity < 0 || severity >= TW_ALERT_SUM_SEVERITIES ||
        (state != TW_ALERT_ROW_PENDING && state != TW_ALERT_ROW_FIRING)) {
        return TW_EDAMAGED;
    }
    uint64_t *sum = state == TW_ALERT_ROW_FIRING ? sums->firing : sums->pending;
    sum[severity] = (uint64_t)sqlite3_column_int64(stmt, 2);
    return TW_OK;
}

int tw_desk_alert_sums(struct tw_desk_reader *self, struct tw_alert_sums *ret_sums)
{
    struct tw_alert_sums sums = {0};
    sqlite3_stmt *stmt = NULL;
    int rc = tw_alert_prepared(self, TW_ALERT_READ_SUMS, &stmt);
    rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    while (rc == TW_OK) {
        rc = take_open(stmt, &sums);
        rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    }
    (void)sqlite3_reset(stmt); /* repeats the error of the step */
    rc = rc == TW_ENOTFOUND ? tw_alert_prepared(self, TW_ALERT_READ_PLACE, &stmt) : rc;
    rc = rc == TW_OK ? tw_db_row(stmt, NULL) : rc;
    if (rc == TW_OK) {
        sums.place = (struct tw_alerts_place){
            .judged_s = sqlite3_column_int64(stmt, 0),
            .evaluations = (uint64_t)sqlite3_column_int64(stmt, 1),
            .evaluation_us = (uint64_t)sqlite3_column_int64(stmt, 2),
            .refused = (uint64_t)sqlite3_column_int64(stmt, 3),
        };
        (void)sqlite3_reset(stmt); /* it gave its row */
        *ret_sums = sums;
    }
    return rc == TW_ENOTFOUND ? TW_EDAMAGED : rc;
}

static int take_notices(sqlite3_stmt *stmt, struct tw_arena *arena, void *row)
{
    struct tw_notice_sum *sum = row;
    sum->sent = (uint64_t)sqlite3_column_int64(stmt, 1);
    sum->given_up = (uint64_t)sqlite3_column_int64(stmt, 2);
    sum->waiting = (uint64_t)sqlite3_column_int64(stmt, 3);
    return tw_column_copy(stmt, 0, arena, &sum->integration);
}

int tw_desk_notice_sums(struct tw_desk_reader *self, struct tw_arena *arena,
                        const struct tw_notice_sum **ret_items, size_t *ret_count)
{
    sqlite3_stmt *stmt = NULL;
    struct tw_alert_rows rows = {.arena = arena,
                                 .size = sizeof(struct tw_notice_sum),
                                 .limit = TW_ALERT_LIST_MAX,
                                 .take = take_notices};
    int rc = tw_alert_prepared(self, TW_ALERT_READ_NOTICE_SUMS, &stmt);
    rc = rc == TW_OK ? tw_alert_read_rows(stmt, &rows) : rc;
    if (rc == TW_OK) {
        *ret_items = (const struct tw_notice_sum *)(const void *)rows.items;
        *ret_count = rows.count;
    }
    return rc;
}
