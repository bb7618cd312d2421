/* SPDX-License-Identifier: Apache-2.0
 * The business flows of the estate: which steps each has, in which order and how long after each
 * other, and how often it occurs. Plain data and pure functions.
 * Source: design.md, "Retail pack".
 */
#ifndef SIM_FLOWS_H
#define SIM_FLOWS_H

#include <stdio.h>

#include "core/str.h"
#include "simulator/types.h"

enum sim_kind {
    SIM_KIND_SALE,   /* loyalty first, ERP last */
    SIM_KIND_SALE_B, /* the branches in another order */
    SIM_KIND_ORDER,
    SIM_KIND_COLLECT,
    SIM_KIND_RETURN_STORE,
    SIM_KIND_RETURN_ONLINE,
    SIM_KIND_MOVEMENT,
    SIM_KIND_REDEMPTION,
    SIM_KIND_CUSTOMER,
    SIM_KIND_CONSENT,
    SIM_KIND_CASE,
    SIM_KIND_HEARTBEAT,
    SIM_KIND_PRICE,
    SIM_KIND_PROMOTION,
    SIM_KIND_PRODUCT,
    SIM_KIND_REPLENISHMENT,
    SIM_KIND_SETTLEMENT,
    SIM_KIND_COUNT
};

enum sim_per { SIM_ONCE, SIM_EACH_ORDER, SIM_EACH_PARCEL, SIM_EACH_STORE };

/* What faults look for. */
enum sim_role {
    SIM_ROLE_NONE,
    SIM_ROLE_ERP,      /* a posting: erp-outage, bad-master-data */
    SIM_ROLE_ERP_SALE, /* also double-posting */
    SIM_ROLE_API       /* throttling */
};

struct sim_step {
    enum sim_type type;
    enum sim_per per;
    bool needs_customer; /* left out where the customer is unknown */
    enum sim_role role;
    uint32_t least_ms;   /* after the step before it */
    uint32_t most_ms;    /* long waits are rarer than short ones */
    const char *name;    /* of the workflow's step; NULL: the workflow knows nothing of it */
    uint16_t after;      /* steps without which it cannot be: bit s is step s of the same table */
    uint32_t within_s;   /* when it should be done, after the last of those; 0: no deadline */
    const char *failure; /* noun and verb of the event that says it failed; NULL: none */
    const char *taken_back; /* and of that which takes it back */
};

#define SIM_STEPS_MAX 10

#define SIM_WEIGHTS 100000u /* the sum of all weights */

struct sim_kind_info {
    const char *name;     /* of the workflow */
    uint32_t weight;      /* of SIM_WEIGHTS flows */
    enum sim_link object; /* one run for each of them; 0: no workflow */
    const struct sim_step *steps;
    unsigned step_count;
};

extern const struct sim_kind_info sim_kinds[SIM_KIND_COUNT];

/* How often the step at hand happens in this flow: 0 where it is left out. */
unsigned sim_step_repeats(const struct sim_step *step, const struct sim_flow *flow,
                          uint32_t store_count);
/* Move on to the next repetition or step; false when the flow has ended. */
bool sim_flow_advance(struct sim_flow *flow, uint32_t store_count);
/* One line a step: workflow, share of the flows in 1/SIM_WEIGHTS, step, what it comes after ("-":
 * nothing), deadline in seconds (0: none), shortest and longest wait in ms, noun and verb of the
 * events of its failure and compensation ("-": none). */
void sim_flows_list(FILE *out);
/* Give a workflow this share of SIM_WEIGHTS, at the expense of till-check. False: there is no such
 * workflow, it is till-check, or that has not so much left. */
bool sim_flow_share(uint32_t weights[SIM_KIND_COUNT], struct tw_str workflow, unsigned long share);
/* Whether there is such a step with a deadline, in such a workflow; "any" is any. */
bool sim_flow_has(const char *workflow, const char *step);
/* Orders for which the step at hand happens (in a flow without orders: 0, which stands for the
 * flow). Leaves out those for which what it comes after did not happen, and writes those down as
 * undone too. Writes their indexes, returns how many. */
unsigned sim_step_orders(struct sim_flow *flow, unsigned ret_index[8]);
/* The step at hand does not come about, for these orders. */
void sim_step_omit(struct sim_flow *flow, const unsigned *index, unsigned count);
/* The step at hand happens later, at due_us; the rest of the flow goes on meanwhile, from
 * sim_flow_advance on. False: others wait for it, or too much was put off already. */
bool sim_flow_put_off(struct sim_flow *flow);
/* The step at hand. */
static inline const struct sim_step *sim_flow_step(const struct sim_flow *flow)
{
    return &sim_kinds[flow->kind].steps[flow->step];
}
/* A wait for the step at hand, in microseconds: least + (most - least) * u^3. */
int64_t sim_step_lag_us(const struct sim_step *step, struct sim_random *random);

#endif
