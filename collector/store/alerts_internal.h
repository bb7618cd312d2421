/* SPDX-License-Identifier: Apache-2.0
 * What the files of alerts' rows share. Nothing else includes it.
 */
#ifndef TW_STORE_ALERTS_INTERNAL_H
#define TW_STORE_ALERTS_INTERNAL_H

#include "store/alerts.h"
#include "store/desk_internal.h"

enum tw_alerts_statement {
    TW_ALERTS_STMT_PLACE,
    TW_ALERTS_STMT_SET_PLACE,
    TW_ALERTS_STMT_CHANGED,
    TW_ALERTS_STMT_FIND,
    TW_ALERTS_STMT_INSERT,
    TW_ALERTS_STMT_UPDATE,
    TW_ALERTS_STMT_RESOLVE,
    TW_ALERTS_STMT_DROP_EVENTS,
    TW_ALERTS_STMT_DROP,
    TW_ALERTS_STMT_EVENT,
    TW_ALERTS_STMT_HAS_PASSED,
    TW_ALERTS_STMT_PASSED_EVENTS,
    TW_ALERTS_STMT_PASSED,
    TW_ALERTS_STMT_MAINTAINED_EVENTS,
    TW_ALERTS_STMT_MAINTAINED,
    TW_ALERTS_STMT_EXPIRE_EVENTS,
    TW_ALERTS_STMT_EXPIRE_NOTICES,
    TW_ALERTS_STMT_EXPIRE,
    TW_ALERTS_STMT_OPEN_ROWS,
    TW_ALERTS_STMT_RECENT,
    TW_ALERTS_STMT_FIRED_BEFORE,
    TW_ALERTS_STMT_COUNT_OPEN,
    TW_ALERTS_STMT_SCOPES,
    TW_ALERTS_STMT_PUT_RULE,
    TW_ALERTS_STMT_EVALUATED,
    TW_ALERTS_STMT_RULES,
    TW_ALERTS_STMT_FORGET_RULE,
    TW_ALERTS_STMT_PUSHED,
    TW_ALERTS_STMT_TAKEN,
    TW_ALERTS_STMT_HEARTBEATS,
    TW_ALERTS_STMT_PUT_HEARTBEAT,
    TW_ALERTS_STMT_FORGET_HEARTBEAT,
    TW_ALERTS_STMT_UNPROVEN,
    TW_ALERTS_STMT_RECEIVERS,
    TW_ALERTS_STATEMENTS
};

/* A label of this name, in the text of labels; that text is ours, but a damaged file is no end. */
#define TW_ALERT_LABEL(name)                                                        \
    "CAST(json_extract(CASE WHEN json_valid(CAST(labels AS TEXT)) THEN CAST(labels" \
    " AS TEXT) ELSE '{}' END, '$." name "') AS BLOB)"
/* In the order in which they are read. */
#define TW_ALERT_COLUMNS                                                                \
    "id, fingerprint, origin, rule, labels, annotations, severity, workflow, state,"    \
    " is_nodata, is_flapping, in_maintenance, value, threshold, is_above, unit, since," \
    " fired, calm, ended, updated, ends, generator"
#define TW_ALERT_COLUMN_COUNT 23
/* The row that such a statement is at, into a struct tw_alert_row. TW_ENOMEM, TW_EDAMAGED. */
int tw_alerts_take_row(sqlite3_stmt *stmt, struct tw_arena *arena, void *item);

struct tw_alerts {
    sqlite3 *db;
    sqlite3_stmt *stmts[TW_ALERTS_STATEMENTS];
    bool is_changed; /* something that people are shown, in this transaction */
    unsigned transactions;
};

#endif
