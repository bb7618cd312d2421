/* SPDX-License-Identifier: Apache-2.0
 * What is sent next. A round looks at the outbox, decides, writes what it decided in one
 * transaction, and only then sends it: what is not written does not leave, and what was written and
 * did not leave is said again.
 * Thread:  `replay`.
 * Limits:  TW_ROUND_ORDERS items and TW_ROUND_BYTES of events in one round; answers that cannot be
 *          written for long are forgotten beyond TW_ROUND_ANSWERS (they are asked for again).
 * Source:  decision 72; docs/agents.md.
 */
#ifndef TW_REPLAY_DISPATCH_H
#define TW_REPLAY_DISPATCH_H

#include "config/config.h"
#include "replay/agents.h"
#include "replay/http.h"
#include "store/outbox.h"
#include "store/reader.h"

#define TW_ROUND_ORDERS  256
#define TW_ROUND_BYTES   ((size_t)64 << 20)
#define TW_ROUND_ANSWERS 16384
#define TW_ROUND_WAITS   20000 /* sent and unanswered items that are looked at */

#define TW_AGAIN_MS      10000 /* without an answer an order is said again */
#define TW_AGAIN_NOTE_MS 60000 /* and noted in its timeline so often at most */
/* After a start agents come back within their longest pause and three intervals
 * (docs/agents.md, "Timing and state"); what those that do not had accepted is unproven then. */
#define TW_RETURN_S 45

struct tw_dispatch;
/* Borrows all. */
int tw_dispatch_new(const struct tw_cfg *cfg, struct tw_agents *agents, struct tw_http_out *http,
                    struct tw_dispatch **ret_dispatch);
void tw_dispatch_destroy(struct tw_dispatch **self_p); /* accepts NULL */

/* What an agent answered: written with the next round. */
void tw_dispatch_answer(struct tw_dispatch *self, const struct tw_agent *agent,
                        const struct tw_agent_message *message, tw_wall_t wall);
/* What the agent had accepted without proof will not be proven by waiting. */
void tw_dispatch_lost(struct tw_dispatch *self, const struct tw_agent *agent);
/* An agent said hello: what it has not answered is said again. */
void tw_dispatch_hello(struct tw_dispatch *self);

struct tw_dispatch_turn {
    struct tw_outbox *outbox;
    struct tw_reader *reader;
    tw_mono_t now;
    tw_wall_t wall;
};
/* One round; *ret_is_busy: something is to be sent, or under way. After an error nothing was sent
 * that is not committed; the same is tried with the next round. TW_EBUSY: another connection
 * writes. */
int tw_dispatch_round(struct tw_dispatch *self, const struct tw_dispatch_turn *turn,
                      bool *ret_is_busy, struct tw_diag *diag);

#endif
