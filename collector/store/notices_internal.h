/* SPDX-License-Identifier: Apache-2.0
 * What the files of notices share. Nothing else includes it.
 */
#ifndef TW_STORE_NOTICES_INTERNAL_H
#define TW_STORE_NOTICES_INTERNAL_H

#include "store/desk_internal.h"
#include "store/notices.h"

enum tw_notices_statement {
    TW_NOTICES_STMT_CHANGED,
    TW_NOTICES_STMT_MARK,
    TW_NOTICES_STMT_DUE,
    TW_NOTICES_STMT_SENDING,
    TW_NOTICES_STMT_RESULT,
    TW_NOTICES_STMT_COUNT,
    TW_NOTICES_STMT_RECOVER,
    TW_NOTICES_STMT_ADD,
    TW_NOTICES_STMT_TOLD,
    TW_NOTICES_STMT_SUPERSEDE,
    TW_NOTICES_STMT_TOO_MANY,
    TW_NOTICES_STMT_GROUPS,
    TW_NOTICES_STMT_PUT_GROUP,
    TW_NOTICES_STMT_DROP_GROUP,
    TW_NOTICES_STMT_FIRING,
    TW_NOTICES_STMT_ALERT,
    TW_NOTICES_STMT_ENDED,
    TW_NOTICES_STMT_SILENCES,
    TW_NOTICES_STMT_WARNED,
    TW_NOTICES_STMT_INHIBITED,
    TW_NOTICES_STMT_NOTE,
    TW_NOTICES_STMT_NOTE_ONCE,
    TW_NOTICES_STMT_LAST,
    TW_NOTICES_STMT_EXPIRE_TOLD,
    TW_NOTICES_STMT_EXPIRE,
    TW_NOTICES_STATEMENTS
};

struct tw_notices {
    sqlite3 *db;
    sqlite3_stmt *stmts[TW_NOTICES_STATEMENTS];
    bool is_changed; /* something that people are shown, in this transaction */
    unsigned transactions;
};

/* Rows into the arena, one after the other. */
struct tw_notice_rows {
    struct tw_arena *arena;
    size_t item_size;
    size_t most;
    int (*take)(sqlite3_stmt *stmt, struct tw_arena *arena, void *item);
    void *items;
    size_t count;
};
/* The statement has its values. Never more than `most`. */
int tw_notice_rows_read(sqlite3_stmt *stmt, struct tw_notice_rows *rows, struct tw_diag *diag);

#endif
