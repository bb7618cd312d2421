/* SPDX-License-Identifier: Apache-2.0
 * What the two files of the outbox share. Nothing else includes it.
 */
#ifndef TW_STORE_OUTBOX_INTERNAL_H
#define TW_STORE_OUTBOX_INTERNAL_H

#include "store/outbox.h"
#include "store/replay_items.h"

enum tw_outbox_statement {
    TW_OUTBOX_DATA_VERSION,
    TW_OUTBOX_PUT_AGENT,
    TW_OUTBOX_NOBODY,
    TW_OUTBOX_REPLAYS,
    TW_OUTBOX_TALLY,
    TW_OUTBOX_SENT,
    TW_OUTBOX_HAS_WAITING,
    TW_OUTBOX_STATE,
    TW_OUTBOX_PHASE,
    TW_OUTBOX_LIVE,
    TW_OUTBOX_FULL,
    TW_OUTBOX_STOP,
    TW_OUTBOX_FINISH,
    TW_OUTBOX_READY,
    TW_OUTBOX_ITEM,
    TW_OUTBOX_SEND,
    TW_OUTBOX_BEGUN,
    TW_OUTBOX_ORDERED,
    TW_OUTBOX_UNANSWERED,
    TW_OUTBOX_OVERDUE,
    TW_OUTBOX_ACCEPTED_OF,
    TW_OUTBOX_ACCEPTED,
    TW_OUTBOX_BY_REPLAYID,
    TW_OUTBOX_ANSWERED,
    TW_OUTBOX_COUNT_ACCEPTED,
    TW_OUTBOX_COUNT_REFUSED,
    TW_OUTBOX_COUNT_STRANGE,
    TW_OUTBOX_STATEMENTS
};

struct tw_outbox {
    sqlite3 *db;
    sqlite3_stmt *stmts[TW_OUTBOX_STATEMENTS];
    struct tw_items items;
    bool has_items;
    int64_t data_version; /* as it was looked at last; 0: never */
    unsigned transactions;
    bool has_deed; /* the open transaction has a row of the audit */
};

#endif
