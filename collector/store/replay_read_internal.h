/* SPDX-License-Identifier: Apache-2.0
 * What the files that read replays share. Nothing outside collector/store/ includes it.
 */
#ifndef TW_STORE_REPLAY_READ_INTERNAL_H
#define TW_STORE_REPLAY_READ_INTERNAL_H

#include "store/desk_internal.h"
#include "store/replay_read.h"

enum tw_replay_read {
    TW_REPLAY_READ_VERSION,
    TW_REPLAY_READ_LAST,
    TW_REPLAY_READ_OPEN,
    TW_REPLAY_READ_LIST,
    TW_REPLAY_READ_ONE,
    TW_REPLAY_READ_MONEY,
    TW_REPLAY_READ_LEFT,
    TW_REPLAY_READ_BY_CAUSE,
    TW_REPLAY_READ_BY_REFUSAL,
    TW_REPLAY_READ_BY_CANCELLATION,
    TW_REPLAY_READ_BY_UNPROVEN,
    TW_REPLAY_READ_ITEMS,
    TW_REPLAY_READ_LINES,
    TW_REPLAY_READ_LATEST,
    TW_REPLAY_READ_PARKED,
    TW_REPLAY_READ_AGENTS,
    TW_REPLAY_READ_UNDER_WAY,
    TW_REPLAY_READ_COUNT
};
/* The statement, prepared when it is first used. */
int tw_replay_prepared(struct tw_desk_reader *self, enum tw_replay_read which,
                       sqlite3_stmt **ret_stmt);

/* Of replay ?1: all items, and those that never left. What was put off is waiting and has left. */
#define TW_SQL_REPLAY_LEFT                                         \
    "SELECT (SELECT count(*) FROM replay_item WHERE replay = ?1)," \
    " (SELECT count(*) FROM replay_item WHERE replay = ?1 AND state IN (0, 6) AND attempt = 0)"
int tw_replay_left_of(sqlite3_stmt *stmt, uint64_t id, struct tw_replay_left *ret_left,
                      struct tw_diag *diag);

/* Four bytes, ended by NUL. */
void tw_replay_currency(sqlite3_stmt *stmt, int column, char *currency);
/* Of a column; unknown for what is no cause. */
static inline enum tw_cause tw_replay_cause(int64_t value)
{
    return value >= 0 && value < TW_CAUSE_COUNT ? (enum tw_cause)value : TW_CAUSE_UNKNOWN;
}

#endif
