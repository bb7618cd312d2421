/* SPDX-License-Identifier: Apache-2.0
 * The thread that carries out replays: it talks to agents, sends what is next and writes down what
 * they answer. What it cannot do is logged and tried again; what is sent is in the outbox before.
 * Thread:  `replay`, started and stopped by main. Blocks on desk.db, on the store, on its sockets.
 */
#ifndef TW_REPLAY_SENDER_H
#define TW_REPLAY_SENDER_H

#include "config/config.h"
#include "core/clock.h"

struct tw_sender;
/* Binds the socket of the agents before it returns; the diag says why it cannot. */
int tw_sender_new(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_sender **ret_sender,
                  struct tw_diag *diag);
/* Read the client keys again (SIGHUP); a fault in them is logged and the old ones stay. Who has
 * lost its key is offline with the next turn. Any thread. */
void tw_sender_reload_clients(struct tw_sender *self);
/* Finishes its round and joins the thread. Accepts NULL. */
int tw_sender_destroy(struct tw_sender **self_p);

#endif
