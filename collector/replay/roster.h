/* SPDX-License-Identifier: Apache-2.0
 * The rows of the agents: written when something changed, and what was heard last every few
 * seconds.
 * Thread:  that of the agents and the outbox.
 */
#ifndef TW_REPLAY_ROSTER_H
#define TW_REPLAY_ROSTER_H

#include "replay/agents.h"
#include "store/outbox.h"

#define TW_ROSTER_HEARD_S 5 /* `heard` in the table is at most so old */

struct tw_roster {
    bool has_begun;    /* nobody is online in the table from former lives */
    tw_mono_t written; /* `heard` of all */
};
/* In a transaction of its own where there is something to write. As store/outbox.h; after an error
 * it is all written with the next call. */
int tw_roster_write(struct tw_roster *self, struct tw_agents *agents, struct tw_outbox *outbox,
                    tw_mono_t now, tw_wall_t wall, struct tw_diag *diag);

#endif
