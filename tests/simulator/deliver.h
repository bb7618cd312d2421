/* SPDX-License-Identifier: Apache-2.0
 * Delivery: between a composed event and the outlet stand the faults of delivery. Events are
 * passed on, held back until a simulated time, withheld, repeated. Keeps the books per source, so
 * that the ledger says exactly what a collector must find.
 *
 * A withheld event counts as lost only once a later event of its source has been delivered: the
 * last event of a source is never missing, for nobody could know.
 * Thread: one. Limits: SIM_MAX_HELD events are held back; beyond it the fault does not happen.
 */
#ifndef SIM_DELIVER_H
#define SIM_DELIVER_H

#include "simulator/ledger.h"
#include "simulator/outlet.h"
#include "simulator/types.h"

#define SIM_MAX_HELD 400000u

/* What the books need to know of an event. */
struct sim_event {
    uint32_t source;
    uint64_t sequence;
    const char *topic;
    bool is_uncorrelated;
    bool is_second_effect;
};

struct sim_delivery;

/* Borrows all for its life. */
int sim_delivery_new(struct sim_estate *estate, struct sim_outlet *outlet,
                     struct sim_ledger *ledger, struct sim_totals *totals,
                     struct sim_delivery **ret_delivery);
void sim_delivery_destroy(struct sim_delivery **self_p);

/* The event that was written into the outlet's reserve of its source's channel goes out now. */
int sim_deliver(struct sim_delivery *self, const struct sim_event *event, size_t len,
                struct tw_diag *diag);
/* It goes out at release_us. Falls back to sim_deliver when too many are held. */
int sim_deliver_late(struct sim_delivery *self, const struct sim_event *event, size_t len,
                     int64_t release_us, struct tw_diag *diag);
/* A copy goes out at release_us besides (call before sim_deliver); other_content: with a change.
 * TW_OK also when too many are held and nothing is repeated. */
int sim_deliver_echo(struct sim_delivery *self, const struct sim_event *event, size_t len,
                     int64_t release_us, bool other_content);
/* It does not go out. Falls back to sim_deliver while an earlier one of the source waits. */
int sim_deliver_never(struct sim_delivery *self, const struct sim_event *event, size_t len,
                      struct tw_diag *diag);
/* Send what is due. */
int sim_delivery_release(struct sim_delivery *self, int64_t now_us, struct tw_diag *diag);
/* When the next held event is due; INT64_MAX when none is held. */
int64_t sim_delivery_next_us(const struct sim_delivery *self);
/* The end: everything held goes out, and what was withheld last of its source too. */
int sim_delivery_finish(struct sim_delivery *self, struct tw_diag *diag);
/* Ledger facts of every source with events. */
void sim_delivery_report(struct sim_delivery *self);

#endif
