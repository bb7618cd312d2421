/* SPDX-License-Identifier: Apache-2.0
 * The run of the simulation. Simulated time goes from event to event: each event has its slot,
 * one over the rate after the last. In a slot happens the earliest step that is due; when none
 * is, a new transaction begins. So the rate is exact from the first event to the last, whatever
 * the flows are, and pacing by the clock is only waiting for the slot.
 * Thread: one. Limits: open_flows; when all are in use the earliest step happens before its time.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include "simulator/agent.h"
#include "simulator/deliver.h"
#include "simulator/flows.h"
#include "simulator/runs.h"

/* Finished business that later flows refer to. */
#define SIM_HISTORY 4096
struct sim_history {
    struct sim_flow flows[SIM_HISTORY];
    uint32_t count; /* all told; the newest SIM_HISTORY are kept */
};

struct sim {
    const struct sim_options *options;
    struct sim_faults faults;
    struct sim_trade trade;
    struct sim_estate estate;
    struct sim_types types;
    struct sim_queue *queue;
    struct sim_outlet *outlet;
    struct sim_ledger *ledger;
    struct sim_delivery *delivery;
    struct sim_runs *runs;   /* NULL: no books are kept */
    struct sim_agent *agent; /* NULL: replays are not answered */
    struct sim_totals totals;
    struct sim_random business; /* flows and their content */
    struct sim_random chance;   /* faults of flows */
    struct sim_random mishap;   /* faults of single events */
    struct sim_time_text clock;
    uint64_t salt;
    char hub[96]; /* attribute that the fault hub adds */
    size_t hub_len;
    struct sim_history sales;
    struct sim_history orders;
    uint32_t next_serial;
    uint32_t next_order;
    uint32_t next_return;
    uint32_t next_shipment;
    uint32_t next_payment;
    uint32_t next_number; /* cases and promotions */
    uint64_t garbage_made;
    double slot_us; /* length of a slot without flash sale */
    double now_us;  /* of the slot at hand, since 1970 */
    int64_t start_us;
    int64_t last_us;
    bool has_checks;
    uint32_t check_store; /* that checks in next, while it sells nothing yet */
    uint32_t check_till;
    uint32_t check_round;
    int64_t end_us;
    uint64_t type_counts[SIM_TEMPLATES_MAX];
};

/* Build everything and connect. TW_OK or an error with the diag filled; call sim_fini anyway. */
int sim_init(struct sim *self, const struct sim_options *options, struct tw_diag *diag);
void sim_fini(struct sim *self);
/* One slot: something happens, simulated time moves on. */
int sim_slot(struct sim *self, struct tw_diag *diag);
/* A slot of the draining at the end: only what is open goes on. *ret_more false: all is done. */
int sim_drain_slot(struct sim *self, bool *ret_more, struct tw_diag *diag);
/* Deliver what is held, wait for acknowledgements, finish and close the ledger. */
int sim_finish(struct sim *self, struct tw_diag *diag);

/* emit.c: the step at hand of the flow happens now. The outcome says what is next: the flow moves
 * on (flow->due_us is the time from which the next step's lag runs), the same step happens again
 * at flow->due_us, or the flow ends. */
enum sim_outcome { SIM_GOES_ON, SIM_AGAIN, SIM_ENDS };
int sim_emit(struct sim *self, struct sim_flow *flow, int64_t now_us, enum sim_outcome *ret_outcome,
             struct tw_diag *diag);
/* begin.c: a new transaction with everything it will refer to. NULL: all flows are in use, or
 * *ret_stands_still: nothing begins here. */
struct sim_flow *sim_begin(struct sim *self, int64_t now_us, bool *ret_stands_still);
/* Remember a finished sale or order. */
void sim_remember(struct sim *self, const struct sim_flow *flow);

#endif
