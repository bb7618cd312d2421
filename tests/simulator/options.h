/* SPDX-License-Identifier: Apache-2.0
 * The command line of retail-sim. Thread: built by main, then const.
 */
#ifndef SIM_OPTIONS_H
#define SIM_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "simulator/faults.h"
#include "simulator/flows.h"
#include "simulator/misbehave.h"
#include "simulator/trade.h"
#include "tillwatch.h"

enum sim_tap { SIM_TAP_STDOUT, SIM_TAP_PULL, SIM_TAP_ROUTER, SIM_TAP_SUB, SIM_TAP_COUNT };

struct sim_options {
    uint32_t stores;
    double rate;       /* events per second of the clock; 0: as fast as possible */
    double duration_s; /* of the clock; 0: not given */
    uint64_t events;   /* 0: not given */
    uint64_t seed;
    double speed;
    int64_t start_us; /* simulated start, microseconds since 1970 */
    bool is_start_given;
    uint32_t per_message;
    uint32_t senders; /* on the acknowledged tap */
    uint32_t open_flows;
    uint32_t number_from;
    uint32_t resend_ms;
    bool is_stdout;
    bool is_stamped; /* when each event leaves stands before it on standard output */
    bool is_unpaced;
    bool is_draining; /* finish the open flows at the end */
    bool ledger_events;
    bool ledger_runs;
    bool is_quiet;
    int tap;                          /* enum sim_tap, or -1: mixed */
    uint32_t weights[SIM_KIND_COUNT]; /* shares of the flows, of SIM_WEIGHTS */
    const char *ledger;
    const char *endpoint[SIM_TAP_COUNT];
    bool is_agent;      /* answers replays */
    bool is_agent_only; /* and does nothing else */
    uint32_t agent_capacity;
    const char *server_key; /* as commanded; NULL: what the environment says */
    const char *client_key;
    const char *agent_name;
    const char *agent_systems; /* "erp,loyalty"; NULL: all */
    const char *agent_state;   /* file of the destinations' books; NULL: none */
    const char *endpoint_agents;
    struct tillwatch_keys keys; /* for all sockets; server_key "": none */
    struct sim_misbehave misbehave;
    struct sim_faults faults;
    struct sim_trade trade;
    int argc;
    char **argv;
};

enum sim_options_result { SIM_OPTIONS_RUN, SIM_OPTIONS_DONE, SIM_OPTIONS_WRONG };

/* Read the command line and the environment. Prints help and complaints itself. */
enum sim_options_result sim_options_read(int argc, char **argv, struct sim_options *ret_options);
const char *sim_tap_name(enum sim_tap tap);

#endif
