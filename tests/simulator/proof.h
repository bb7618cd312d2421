/* SPDX-License-Identifier: Apache-2.0
 * What a destination says when it has carried out a replay: the event of the awaited step, made
 * from the event that was replayed alone, so that it does not matter who made that.
 * Thread: one.
 */
#ifndef SIM_PROOF_H
#define SIM_PROOF_H

#include <jansson.h>

#include "simulator/format.h"
#include "simulator/types.h"

/* What is said of a replay. */
struct sim_proof {
    const json_t *event;  /* that was replayed */
    const char *replayid; /* NULL: not carried on */
    uint64_t attempt;
    const char *destination;
    enum sim_system system; /* of the awaited step */
    unsigned type;          /* of it; SIM_TEMPLATES_MAX: that of the event */
    const char *failure;    /* errorclass; NULL: it has worked */
    uint64_t id[2];
    int64_t time_us;
};

/* The type whose event is awaited from the destination when this event is replayed to it, and its
 * system: of an event of the destination itself that which says success; of another the first of
 * its flow that the destination says after it, else before it. SIM_TEMPLATES_MAX where no flow
 * knows both. */
unsigned sim_proof_awaited(const struct sim_types *types, const json_t *event,
                           const char *destination, enum sim_system *ret_system);
/* The event. Returns owned; NULL: no memory. */
json_t *sim_proof_make(const struct sim_types *types, const struct sim_proof *proof,
                       struct sim_time_text *clock);
/* The system of that name; SIM_SYSTEM_COUNT: there is none. */
enum sim_system sim_system_of(const char *name);

#endif
