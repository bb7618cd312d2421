/* SPDX-License-Identifier: Apache-2.0
 * The agent of the simulated estate: carries out the replays that the tower orders, for every
 * system, by the protocol of docs/agents.md told anew, so that it can misbehave on command. A
 * destination makes an effect once for each idempotency key (books.h) and says the awaited event;
 * while a fault lasts it fails again. docs/simulator.md has the facts that it writes.
 *
 * Thread: one, that of the run. Waits for nobody: the tower may be away.
 * Limits: SIM_AGENT_VERDICTS answers remembered, SIM_AGENT_LATER things put off; beyond the latter
 * nothing is put off.
 */
#ifndef SIM_AGENT_H
#define SIM_AGENT_H

#include "simulator/estate.h"
#include "simulator/faults.h"
#include "simulator/ledger.h"
#include "simulator/options.h"
#include "simulator/outlet.h"
#include "simulator/types.h"

#define SIM_AGENT_VERDICTS 65536u
#define SIM_AGENT_LATER    65536u

struct sim_agent;

/* What an agent works with; borrowed for its life. */
struct sim_agent_world {
    const struct sim_options *options;
    const struct sim_types *types;
    const struct sim_faults *faults;
    struct sim_outlet *outlet;
    struct sim_ledger *ledger;
    struct sim_totals *totals;
    uint64_t *type_counts; /* of each template */
    uint64_t salt;
};

/* Connect in the background. TW_OK, TW_ENOMEM, TW_ESYSTEM, TW_EIO (diag filled). */
int sim_agent_new(const struct sim_agent_world *world, struct sim_agent **ret_agent,
                  struct tw_diag *diag);
void sim_agent_destroy(struct sim_agent **self_p);
/* Do what is to be done; now_us: simulated time. Errors are those of the outlet and the books. */
int sim_agent_turn(struct sim_agent *self, int64_t now_us, struct tw_diag *diag);
/* Wait for the tower to say something, up to wait_ms. */
void sim_agent_wait(struct sim_agent *self, int wait_ms);
/* The end: what was put off is said now. */
int sim_agent_finish(struct sim_agent *self, int64_t now_us, struct tw_diag *diag);
/* Ledger facts: the sources it spoke as, and the counts. */
void sim_agent_report(struct sim_agent *self);

#endif
