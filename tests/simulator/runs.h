/* SPDX-License-Identifier: Apache-2.0
 * The books of the runs: what was done for each object of each flow, and so the state in which its
 * workflow must end up once all deadlines have passed. Written from what the simulator did, not
 * from the events that it sent, and by none of the tower's code: a second telling.
 * Thread: one. Limits: a book for each flow under way.
 */
#ifndef SIM_RUNS_H
#define SIM_RUNS_H

#include "simulator/flows.h"
#include "simulator/ledger.h"

struct sim_runs;

/* Books for flows numbered below `capacity`. TW_OK, TW_ENOMEM. */
int sim_runs_new(uint32_t capacity, uint32_t store_count, struct sim_runs **ret_runs);
/* Accepts NULL. */
void sim_runs_destroy(struct sim_runs **self_p);
/* Open the book of a flow. TW_OK, TW_ENOMEM. */
int sim_runs_begin(struct sim_runs *self, uint32_t number, const struct sim_flow *flow);

/* One thing that happened at the step at hand, for these orders. */
struct sim_deed {
    const unsigned *orders;
    unsigned order_count;
    enum {
        SIM_DEED_DONE,
        SIM_DEED_FAILED,
        SIM_DEED_RETRYING,
        SIM_DEED_CANCELLED,
        SIM_DEED_TAKEN_BACK
    } outcome;
    const char *cause; /* errorclass of a failure */
    int64_t at_us;     /* by a clock that is right */
    uint32_t store;    /* fan-out: which store */
};
void sim_runs_note(struct sim_runs *self, uint32_t number, const struct sim_flow *flow,
                   const struct sim_deed *deed);
/* A fault met the runs of these orders. */
void sim_runs_blame(struct sim_runs *self, uint32_t number, const unsigned *orders,
                    unsigned order_count, enum sim_fault_kind fault);
/* Close the book and write the fact `run` for each object whose start was done. what->flow: the
 * flow; is_open: it had not come to its end. */
void sim_runs_end(struct sim_runs *self, uint32_t number, const struct sim_compose *what,
                  bool is_open, struct sim_ledger *ledger);
/* Whether the book of this flow is open. */
bool sim_runs_is_open(const struct sim_runs *self, uint32_t number);

#endif
