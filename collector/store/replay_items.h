/* SPDX-License-Identifier: Apache-2.0
 * How an item of a replay comes to its end, in the transaction of whoever knows it: the desk saw
 * the proof, the sender was refused, an operator cancelled. Nothing outside collector/store/
 * includes it.
 * Thread:  that of the connection.
 * Source:  decision 72.
 */
#ifndef TW_STORE_REPLAY_ITEMS_H
#define TW_STORE_REPLAY_ITEMS_H

#include "store/internal.h"
#include "store/replays.h"

enum tw_items_statement {
    TW_ITEMS_ONE,
    TW_ITEMS_OF_FAILURE,
    TW_ITEMS_END,
    TW_ITEMS_EVENT,
    TW_ITEMS_NEXT,
    TW_ITEMS_BEHIND_EVENTS,
    TW_ITEMS_BEHIND,
    TW_ITEMS_COUNT
};
/* Statements on a connection of the caller's, which it closes after tw_items_fini. */
struct tw_items {
    sqlite3_stmt *stmts[TW_ITEMS_COUNT];
};
int tw_items_init(struct tw_items *self, sqlite3 *db, struct tw_diag *diag);
void tw_items_fini(struct tw_items *self);

struct tw_item_end {
    uint64_t item;
    enum tw_item_state state; /* neither waiting nor sent */
    bool lets_next;      /* those behind it of its object may follow; else they are cancelled */
    enum tw_cause cause; /* of failed again */
    uint64_t n;          /* the event that shows it; 0: none */
    struct tw_str why;   /* absent: nothing to say; cut to TW_REPLAY_WHY_MAX bytes */
    tw_wall_t at;
};
/* Writes the state, the line of the timeline, and what follows for those behind it. An item that
 * has ended already is changed only from unproven to proven or failed again; TW_ENOTFOUND
 * otherwise, nothing is changed. */
int tw_item_end(struct tw_items *self, const struct tw_item_end *end, struct tw_diag *diag);
/* A line of the timeline. n 0: none. */
int tw_item_note(struct tw_items *self, uint64_t item, enum tw_item_event what, uint32_t attempt,
                 uint64_t n, struct tw_str detail, tw_wall_t at, struct tw_diag *diag);

/* The first TW_REPLAY_WHY_MAX bytes, whole characters of UTF-8. */
struct tw_str tw_item_cut(struct tw_str text);

#endif
