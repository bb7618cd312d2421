/* SPDX-License-Identifier: Apache-2.0
 * The outbox of replays: what of desk.db the thread `replay` reads and writes. It does not make the
 * file: the desk does (store/desk.h).
 * Thread:  one struct tw_outbox, one thread. Other connections read and write beside it (WAL); a
 *          transaction waits for theirs at most TW_OUTBOX_BUSY_MS, then TW_EBUSY.
 * Fails:   as store/desk.h; after an error between begin and commit: abandon, nothing is kept.
 * Source:  decision 72; docs/agents.md.
 */
#ifndef TW_STORE_OUTBOX_H
#define TW_STORE_OUTBOX_H

#include "core/arena.h"
#include "store/replays.h"

#define TW_OUTBOX_BUSY_MS 250 /* agents are pinged meanwhile by nobody */

struct tw_outbox;
/* TW_ENOTFOUND, TW_EOLDER: the desk has not made it yet. */
int tw_outbox_open(const char *dir, struct tw_outbox **ret_outbox, struct tw_diag *diag);
void tw_outbox_close(struct tw_outbox **self_p); /* accepts NULL */

/* Somebody else committed since the last call that said so; the first says yes. */
int tw_outbox_has_changed(struct tw_outbox *self, bool *ret_has_changed, struct tw_diag *diag);

int tw_outbox_begin(struct tw_outbox *self, struct tw_diag *diag);
int tw_outbox_commit(struct tw_outbox *self, struct tw_diag *diag);
void tw_outbox_abandon(struct tw_outbox *self);

/* ---- agents: the rest in transactions ---- */

struct tw_outbox_agent {
    struct tw_str name;
    struct tw_str systems; /* a JSON array of texts */
    uint32_t capacity;
    bool is_online;
    tw_wall_t since;
    tw_wall_t heard;
    struct tw_str address; /* absent: not known */
    /* to be added */
    uint32_t hellos;
    uint32_t malformed;
};
int tw_outbox_put_agent(struct tw_outbox *self, const struct tw_outbox_agent *agent,
                        struct tw_diag *diag);
/* A new life of the tower: no agent has said hello to it. */
int tw_outbox_nobody_is_online(struct tw_outbox *self, tw_wall_t now, struct tw_diag *diag);

#endif
