/* SPDX-License-Identifier: Apache-2.0
 * The faults that can be asked for by name, their parameters, and the choice which of them meets
 * an event. Thread: one.
 */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "core/err.h"
#include "simulator/random.h"

/* The first ones meet single events, at most one of them each; the order is that of the draw. */
enum sim_fault_kind {
    SIM_FAULT_DUPLICATE,
    SIM_FAULT_CONFLICT,
    SIM_FAULT_OUT_OF_ORDER,
    SIM_FAULT_LOSS,
    SIM_FAULT_GARBAGE,
    SIM_FAULT_GARBAGE_ID,
    SIM_FAULT_HUB,
    SIM_FAULT_REWIND,
    SIM_FAULT_PER_EVENT, /* how many those are */
    SIM_FAULT_SKEW = SIM_FAULT_PER_EVENT,
    SIM_FAULT_SILENT,
    SIM_FAULT_OFFLINE,
    SIM_FAULT_ERP_OUTAGE,
    SIM_FAULT_THROTTLING,
    SIM_FAULT_MASTER_DATA,
    SIM_FAULT_DOUBLE,
    SIM_FAULT_FLASH_SALE,
    SIM_FAULT_STEP_MISSING,
    SIM_FAULT_SLOW_STEP,
    SIM_FAULT_ACK_MISSING,
    SIM_FAULT_CANCELLATION,
    SIM_FAULT_STEP_FAILED,
    SIM_FAULT_TAKEN_BACK,
    SIM_FAULT_SHARED,
    SIM_FAULT_STANDSTILL,
    SIM_FAULT_FEW,
    SIM_FAULT_COUNT,
    SIM_FAULT_NONE = SIM_FAULT_COUNT
};

struct sim_fault {
    bool is_on;
    double p;       /* probability per event (or posting) */
    double from_s;  /* window, simulated seconds since the start */
    double for_s;   /* 0: to the end */
    double delay_s; /* at most so late */
    double offset_s;
    double factor;
    double again;   /* share that succeeds later */
    double opens_s; /* so long the tills of a store only check in */
    uint32_t copies;
    uint32_t stores;
    uint32_t max; /* at most so many in the run */
    uint32_t tries;
    uint32_t both; /* not 0: every other store has the opposite offset */
    uint32_t mute; /* not 0: not even a failure is said */
    char store[8];
    char id[40];
    char workflow[32];
    char step[32];
    int64_t from_us; /* the window, since 1970; set at start */
    int64_t until_us;
    uint64_t done;
};

struct sim_faults {
    struct sim_fault of[SIM_FAULT_COUNT];
    bool any_per_event;
};

/* The name, borrowed for ever; kind below SIM_FAULT_COUNT. */
const char *sim_fault_name(enum sim_fault_kind kind);

/* All off, parameters at their defaults. */
void sim_faults_init(struct sim_faults *self);
/* Switch one on: NAME or NAME:key=value,... TW_OK or TW_EINVAL with the diag filled. */
int sim_faults_parse(struct sim_faults *self, const char *text, struct tw_diag *diag);
/* Set the windows from the simulated start. */
void sim_faults_start(struct sim_faults *self, int64_t start_us);
/* On, and now in its window. */
static inline bool sim_fault_is_active(const struct sim_fault *fault, int64_t now_us)
{
    return fault->is_on && now_us >= fault->from_us && now_us < fault->until_us;
}
/* Which fault meets the next event: one of the first kinds, or SIM_FAULT_NONE. */
enum sim_fault_kind sim_faults_draw(const struct sim_faults *self, struct sim_random *random,
                                    int64_t now_us);
/* Every fault with its parameters and defaults, for a person. */
void sim_faults_list(FILE *out);

#endif
