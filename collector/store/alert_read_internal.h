/* SPDX-License-Identifier: Apache-2.0
 * What the files that read alerts and silences share. Nothing outside collector/store/ includes it.
 */
#ifndef TW_STORE_ALERT_READ_INTERNAL_H
#define TW_STORE_ALERT_READ_INTERNAL_H

#include "store/alert_read.h"
#include "store/desk_internal.h"

enum tw_alert_read {
    TW_ALERT_READ_MARK,
    TW_ALERT_READ_OPEN_ALL,
    TW_ALERT_READ_OPEN,
    TW_ALERT_READ_OF,
    TW_ALERT_READ_OF_RULE,
    TW_ALERT_READ_LIST,
    TW_ALERT_READ_COUNT_OPEN,
    TW_ALERT_READ_INHIBITED,
    TW_ALERT_READ_NEWS,
    TW_ALERT_READ_LAST_LINE,
    TW_ALERT_READ_LINES,
    TW_ALERT_READ_RULES,
    TW_ALERT_READ_HEARTBEATS,
    TW_ALERT_READ_NOTICES,
    TW_ALERT_READ_NOTICES_OF,
    TW_ALERT_READ_RECEIVERS,
    TW_ALERT_READ_SILENCES,
    TW_ALERT_READ_SILENCES_ENDED,
    TW_ALERT_READ_SILENCE,
    TW_ALERT_READ_SUMS,
    TW_ALERT_READ_PLACE,
    TW_ALERT_READ_NOTICE_SUMS,
    TW_ALERT_READS
};
/* The statement, prepared when it is first used. */
int tw_alert_prepared(struct tw_desk_reader *self, enum tw_alert_read which,
                      sqlite3_stmt **ret_stmt);

/* Rows of any kind, in the arena, that grow as they are read. */
struct tw_alert_rows {
    struct tw_arena *arena;
    size_t size;  /* of one */
    size_t limit; /* beyond it `has_more` is set */
    int (*take)(sqlite3_stmt *stmt, struct tw_arena *arena, void *row);
    char *items;
    size_t count;
    size_t room;
    bool has_more;
};
/* The statement has its values. TW_OK, also when there are none. */
int tw_alert_read_rows(sqlite3_stmt *stmt, struct tw_alert_rows *rows);

#endif
