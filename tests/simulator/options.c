/* SPDX-License-Identifier: Apache-2.0
 * Reading of the command line.
 */
#include "config.h"
#include "simulator/options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "simulator/estate.h"

static const char help_text[] =
    "Usage: retail-sim --stores N --rate EVENTS_PER_SECOND --duration SECONDS|--events N --seed K\n"
    "                  [--fault NAME[:key=value,...]]... [--ledger FILE] [--speed X]\n"
    "Plays a retail estate for Tillwatch: stores, ecommerce, middleware, ERP and the others.\n"
    "\n"
    "  --stores N            stores, 1 to 9999 (default 100)\n"
    "  --rate R              events per second; 0 (default): as fast as possible\n"
    "  --duration S          end after S seconds\n"
    "  --events N            end after N events\n"
    "  --seed K              everything follows from it (default 1)\n"
    "  --speed X             simulated time runs X times as fast as the clock (default 1)\n"
    "  --start RFC3339       simulated time of the first event (default: so that the run ends\n"
    "                        at the present time, or begins there at speed 1)\n"
    "  --trade HH:MM-HH:MM   stores trade then, Monday to Saturday; else 5 % of the rate goes on\n"
    "  --ahead S[,AT,S]      the clock of stores is S seconds ahead of UTC, another S from AT on\n"
    "  --fault NAME[:k=v,..] inject a fault; may be repeated; --list-faults names them all\n"
    "  --ledger FILE         write what was done as NDJSON, one fact a line\n"
    "  --ledger-journeys     with every distinct event and its objects, to compare journeys\n"
    "  --ledger-runs         with what each workflow must come to for each of its objects\n"
    "  --tap pull|router|sub|mix   where events go (default mix: stores router, middleware sub,\n"
    "                        others pull)\n"
    "  --per-message N       events in one message, 1 to 1000 (default 1)\n"
    "  --senders N           connections to the acknowledged tap, 1 to 64 (default 4)\n"
    "  --resend-ms N         resend what was not acknowledged for so long (default 30000)\n"
    "  --endpoint-pull E     ZeroMQ endpoints; default: TILLWATCH_TAP_PULL, _ROUTER, _SUB, then\n"
    "  --endpoint-router E   tcp://127.0.0.1:8461, 8462 and 8463\n"
    "  --endpoint-sub E\n"
    "  --stdout              write the events as NDJSON instead of sending them\n"
    "  --stamps              with --stdout: each line begins with the simulated time at which it "
    "is\n"
    "                        sent, microseconds since 1970, and a space\n"
    "  --unpaced             keep the simulated rate but do not wait for the clock\n"
    "  --drain               at the end begin nothing new and finish what is open\n"
    "  --share WORKFLOW=N    N of 100,000 flows are of this workflow, at the expense of "
    "till-check\n"
    "  --open-flows N        transactions under way at most (default 262144); beyond it waits\n"
    "                        are cut short\n"
    "  --number-from N       first order, return, payment ... number (default 100)\n"
    "  --quiet               no summary at the end\n"
    "  --agent               answer replays, as the agent of every system\n"
    "  --agent-only          nothing but that, until --duration or a signal\n"
    "  --agent-name NAME     as it is called at the tower (default retail-sim)\n"
    "  --agent-systems A,B   for these systems only\n"
    "  --agent-capacity N    replays in hand, 1 to 4096 (default 32)\n"
    "  --agent-state FILE    in which destinations remember what was done, over restarts\n"
    "  --endpoint-agents E   default: TILLWATCH_AGENTS, then tcp://127.0.0.1:8464\n"
    "  --server-key FILE     CURVE: the tower's public key, and our pair NAME.pub and NAME.key;\n"
    "  --client-key NAME     default: TILLWATCH_SERVER_KEY and TILLWATCH_CLIENT_KEY. The agent is\n"
    "                        then called as the key is, unless --agent-name says otherwise\n"
    "  --misbehave N=V[,..]  make the agent misbehave; --list-misbehaviour names how\n"
    "  --list-flows          the flows with their shares, steps, deadlines and waits\n"
    "  --list-faults, --list-misbehaviour, --help, --version\n";

enum option_code {
    O_STORES = 256,
    O_RATE,
    O_DURATION,
    O_EVENTS,
    O_SEED,
    O_SPEED,
    O_START,
    O_TRADE,
    O_AHEAD,
    O_FAULT,
    O_LEDGER,
    O_LEDGER_JOURNEYS,
    O_LEDGER_RUNS,
    O_TAP,
    O_PER_MESSAGE,
    O_SENDERS,
    O_RESEND,
    O_PULL,
    O_ROUTER,
    O_SUB,
    O_STDOUT,
    O_STAMPS,
    O_UNPACED,
    O_DRAIN,
    O_SHARE,
    O_OPEN_FLOWS,
    O_NUMBER_FROM,
    O_QUIET,
    O_AGENT,
    O_AGENT_ONLY,
    O_AGENT_NAME,
    O_AGENT_SYSTEMS,
    O_AGENT_CAPACITY,
    O_AGENT_STATE,
    O_AGENTS,
    O_SERVER_KEY,
    O_CLIENT_KEY,
    O_MISBEHAVE,
    O_LIST_MISBEHAVIOUR,
    O_LIST_FAULTS,
    O_LIST_FLOWS,
    O_HELP,
    O_VERSION
};

static const struct option long_options[] = {
    {"stores", required_argument, NULL, O_STORES},
    {"rate", required_argument, NULL, O_RATE},
    {"duration", required_argument, NULL, O_DURATION},
    {"events", required_argument, NULL, O_EVENTS},
    {"seed", required_argument, NULL, O_SEED},
    {"speed", required_argument, NULL, O_SPEED},
    {"start", required_argument, NULL, O_START},
    {"trade", required_argument, NULL, O_TRADE},
    {"ahead", required_argument, NULL, O_AHEAD},
    {"fault", required_argument, NULL, O_FAULT},
    {"ledger", required_argument, NULL, O_LEDGER},
    {"ledger-journeys", no_argument, NULL, O_LEDGER_JOURNEYS},
    {"ledger-runs", no_argument, NULL, O_LEDGER_RUNS},
    {"tap", required_argument, NULL, O_TAP},
    {"per-message", required_argument, NULL, O_PER_MESSAGE},
    {"senders", required_argument, NULL, O_SENDERS},
    {"resend-ms", required_argument, NULL, O_RESEND},
    {"endpoint-pull", required_argument, NULL, O_PULL},
    {"endpoint-router", required_argument, NULL, O_ROUTER},
    {"endpoint-sub", required_argument, NULL, O_SUB},
    {"stdout", no_argument, NULL, O_STDOUT},
    {"stamps", no_argument, NULL, O_STAMPS},
    {"unpaced", no_argument, NULL, O_UNPACED},
    {"drain", no_argument, NULL, O_DRAIN},
    {"share", required_argument, NULL, O_SHARE},
    {"open-flows", required_argument, NULL, O_OPEN_FLOWS},
    {"number-from", required_argument, NULL, O_NUMBER_FROM},
    {"quiet", no_argument, NULL, O_QUIET},
    {"agent", no_argument, NULL, O_AGENT},
    {"agent-only", no_argument, NULL, O_AGENT_ONLY},
    {"agent-name", required_argument, NULL, O_AGENT_NAME},
    {"agent-systems", required_argument, NULL, O_AGENT_SYSTEMS},
    {"agent-capacity", required_argument, NULL, O_AGENT_CAPACITY},
    {"agent-state", required_argument, NULL, O_AGENT_STATE},
    {"endpoint-agents", required_argument, NULL, O_AGENTS},
    {"server-key", required_argument, NULL, O_SERVER_KEY},
    {"client-key", required_argument, NULL, O_CLIENT_KEY},
    {"misbehave", required_argument, NULL, O_MISBEHAVE},
    {"list-misbehaviour", no_argument, NULL, O_LIST_MISBEHAVIOUR},
    {"list-faults", no_argument, NULL, O_LIST_FAULTS},
    {"list-flows", no_argument, NULL, O_LIST_FLOWS},
    {"help", no_argument, NULL, O_HELP},
    {"version", no_argument, NULL, O_VERSION},
    {NULL, 0, NULL, 0},
};

const char *sim_tap_name(enum sim_tap tap)
{
    static const char *const names[SIM_TAP_COUNT] = {"stdout", "pull", "router", "sub"};
    return names[tap];
}

static int read_real(const char *option, double least, double most, double *ret_value,
                     struct tw_diag *diag)
{
    char *end = NULL;
    errno = 0;
    double value = strtod(optarg, &end);
    if (errno != 0 || end == optarg || *end != 0 || !isfinite(value) || value < least ||
        value > most) {
        return tw_diag_set(diag, TW_EINVAL, "%s %s: not a number from %g to %g", option, optarg,
                           least, most);
    }
    *ret_value = value;
    return TW_OK;
}

static int read_whole(const char *option, uint64_t least, uint64_t most, uint64_t *ret_value,
                      struct tw_diag *diag)
{
    char *end = NULL;
    errno = 0;
    unsigned long long value = strtoull(optarg, &end, 10);
    if (errno != 0 || end == optarg || *end != 0 || strchr(optarg, '-') != NULL || value < least ||
        value > most) {
        return tw_diag_set(diag, TW_EINVAL, "%s %s: not a whole number from %llu to %llu", option,
                           optarg, (unsigned long long)least, (unsigned long long)most);
    }
    *ret_value = value;
    return TW_OK;
}

static int read_32(const char *option, uint32_t least, uint32_t most, uint32_t *ret_value,
                   struct tw_diag *diag)
{
    uint64_t value = 0;
    int result = read_whole(option, least, most, &value, diag);
    if (result == TW_OK) {
        *ret_value = (uint32_t)value;
    }
    return result;
}

static int read_tap(struct sim_options *options, struct tw_diag *diag)
{
    if (strcmp(optarg, "mix") == 0) {
        options->tap = -1;
        return TW_OK;
    }
    for (int tap = SIM_TAP_PULL; tap < SIM_TAP_COUNT; tap++) {
        if (strcmp(optarg, sim_tap_name((enum sim_tap)tap)) == 0) {
            options->tap = tap;
            return TW_OK;
        }
    }
    return tw_diag_set(diag, TW_EINVAL, "--tap %s: not pull, router, sub or mix", optarg);
}

static int read_start(struct sim_options *options, struct tw_diag *diag)
{
    tw_wall_t at = {0};
    if (tw_wall_parse(tw_str_of(optarg), &at) != TW_OK || at.ns < 0) {
        return tw_diag_set(diag, TW_EINVAL, "--start %s: not RFC 3339 (2026-11-27T18:00:00Z)",
                           optarg);
    }
    options->start_us = at.ns / TW_NS_PER_US;
    options->is_start_given = true;
    return TW_OK;
}

static int read_share(struct sim_options *options, struct tw_diag *diag)
{
    char *equals = strchr(optarg, '=');
    char *end = NULL;
    struct tw_str name = {optarg, equals == NULL ? 0 : (size_t)(equals - optarg)};
    unsigned long share = equals == NULL ? 0 : strtoul(equals + 1, &end, 10);
    if (equals == NULL || end == equals + 1 || *end != 0 ||
        !sim_flow_share(options->weights, name, share)) {
        return tw_diag_set(diag, TW_EINVAL,
                           "--share %s: not WORKFLOW=N with a workflow of --list-flows and no "
                           "more than till-check has left",
                           optarg);
    }
    return TW_OK;
}

static int read_number(int option, struct sim_options *options, struct tw_diag *diag)
{
    switch (option) {
    case O_STORES:
        return read_32("--stores", 1, SIM_MAX_STORES, &options->stores, diag);
    case O_RATE:
        return read_real("--rate", 0, 1e8, &options->rate, diag);
    case O_DURATION:
        return read_real("--duration", 0.001, 1e8, &options->duration_s, diag);
    case O_EVENTS:
        return read_whole("--events", 1, UINT64_C(1000000000000), &options->events, diag);
    case O_SEED:
        return read_whole("--seed", 0, UINT64_MAX, &options->seed, diag);
    case O_SPEED:
        return read_real("--speed", 0.001, 1e6, &options->speed, diag);
    case O_PER_MESSAGE:
        return read_32("--per-message", 1, 1000, &options->per_message, diag);
    case O_SENDERS:
        return read_32("--senders", 1, 64, &options->senders, diag);
    case O_RESEND:
        return read_32("--resend-ms", 100, 3600000, &options->resend_ms, diag);
    case O_OPEN_FLOWS:
        return read_32("--open-flows", 16, 8388608, &options->open_flows, diag);
    case O_NUMBER_FROM:
        return read_32("--number-from", 1, 90000000, &options->number_from, diag);
    case O_AGENT_CAPACITY:
        return read_32("--agent-capacity", 1, 4096, &options->agent_capacity, diag);
    default:
        return tw_diag_set(diag, TW_EINVAL, "wrong option, see retail-sim --help");
    }
}

/* Names of systems, of the estate or not: up to 64 bytes each, up to 64 of them. */
static int read_systems(struct sim_options *options, struct tw_diag *diag)
{
    unsigned count = 1;
    size_t longest = 0;
    for (const char *at = optarg; *at != 0; at += strcspn(at, ",") + (strchr(at, ',') != NULL)) {
        size_t len = strcspn(at, ",");
        count += len == 0 ? 64 : 1; /* an empty name is too many */
        longest = len > longest ? len : longest;
    }
    if (*optarg == 0 || count > 65 || longest > 64) {
        return tw_diag_set(diag, TW_EINVAL, "--agent-systems %s: not names of systems", optarg);
    }
    options->agent_systems = optarg;
    return TW_OK;
}

static int read_agent(int option, struct sim_options *options, struct tw_diag *diag)
{
    switch (option) {
    case O_AGENT_ONLY:
        options->is_agent = true;
        options->is_agent_only = true;
        return TW_OK;
    case O_AGENT_NAME:
        if (strlen(optarg) < 1 || strlen(optarg) > 64) {
            return tw_diag_set(diag, TW_EINVAL, "--agent-name: not 1 to 64 bytes");
        }
        options->agent_name = optarg;
        return TW_OK;
    case O_AGENT_SYSTEMS:
        return read_systems(options, diag);
    case O_AGENT_STATE:
        options->agent_state = optarg;
        return TW_OK;
    case O_AGENTS:
        options->endpoint_agents = optarg;
        return TW_OK;
    case O_SERVER_KEY:
        options->server_key = optarg;
        return TW_OK;
    case O_CLIENT_KEY:
        options->client_key = optarg;
        return TW_OK;
    case O_MISBEHAVE:
        return sim_misbehave_parse(&options->misbehave, optarg, diag);
    default:
        return read_number(option, options, diag);
    }
}

static int read_option(int option, struct sim_options *options, struct tw_diag *diag)
{
    switch (option) {
    case O_START:
        return read_start(options, diag);
    case O_SHARE:
        return read_share(options, diag);
    case O_TRADE:
        return sim_trade_parse(&options->trade, optarg, diag);
    case O_AHEAD:
        return sim_trade_parse_ahead(&options->trade, optarg, diag);
    case O_FAULT:
        return sim_faults_parse(&options->faults, optarg, diag);
    case O_TAP:
        return read_tap(options, diag);
    case O_LEDGER:
        options->ledger = optarg;
        return TW_OK;
    case O_LEDGER_JOURNEYS:
        options->ledger_events = true;
        return TW_OK;
    case O_LEDGER_RUNS:
        options->ledger_runs = true;
        return TW_OK;
    case O_PULL:
        options->endpoint[SIM_TAP_PULL] = optarg;
        return TW_OK;
    case O_ROUTER:
        options->endpoint[SIM_TAP_ROUTER] = optarg;
        return TW_OK;
    case O_SUB:
        options->endpoint[SIM_TAP_SUB] = optarg;
        return TW_OK;
    case O_STDOUT:
        options->is_stdout = true;
        return TW_OK;
    case O_STAMPS:
        options->is_stamped = true;
        return TW_OK;
    case O_UNPACED:
        options->is_unpaced = true;
        return TW_OK;
    case O_DRAIN:
        options->is_draining = true;
        return TW_OK;
    case O_QUIET:
        options->is_quiet = true;
        return TW_OK;
    case O_AGENT:
        options->is_agent = true;
        return TW_OK;
    default:
        return read_agent(option, options, diag);
    }
}

static void set_defaults(struct sim_options *options)
{
    static const struct {
        const char *variable;
        const char *otherwise;
    } endpoints[SIM_TAP_COUNT] = {
        [SIM_TAP_PULL] = {"TILLWATCH_TAP_PULL", "tcp://127.0.0.1:8461"},
        [SIM_TAP_ROUTER] = {"TILLWATCH_TAP_ROUTER", "tcp://127.0.0.1:8462"},
        [SIM_TAP_SUB] = {"TILLWATCH_TAP_SUB", "tcp://127.0.0.1:8463"},
    };
    memset(options, 0, sizeof(*options));
    options->stores = 100;
    options->seed = 1;
    options->speed = 1;
    options->per_message = 1;
    options->senders = 4;
    options->open_flows = 262144;
    options->number_from = 100;
    options->resend_ms = 30000;
    options->tap = -1;
    options->agent_capacity = 32;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
    const char *agents = getenv("TILLWATCH_AGENTS");
    options->endpoint_agents = agents != NULL && *agents != 0 ? agents : "tcp://127.0.0.1:8464";
    for (int tap = SIM_TAP_PULL; tap < SIM_TAP_COUNT; tap++) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
        const char *value = getenv(endpoints[tap].variable);
        options->endpoint[tap] = value != NULL && *value != 0 ? value : endpoints[tap].otherwise;
    }
    for (unsigned i = 0; i < SIM_KIND_COUNT; i++) {
        options->weights[i] = sim_kinds[i].weight;
    }
    sim_faults_init(&options->faults);
}

/* The keys, and who the agent is. */
static int read_keys(struct sim_options *options, struct tw_diag *diag)
{
    char where[256] = "";
    char reason[128] = "";
    int result = tillwatch_keys_read(options->server_key, options->client_key, &options->keys,
                                     where, sizeof where);
    if (result != TILLWATCH_OK) {
        return tw_diag_set(diag, TW_EINVAL, "%s: %s", where,
                           result == TILLWATCH_IO
                               ? tw_errno_text(errno, reason, sizeof reason)
                               : "no key that can be used (40 characters of Z85, the secret one "
                                 "not readable by others)");
    }
    if (options->agent_name != NULL) {
        return TW_OK;
    }
    options->agent_name = "retail-sim";
    if (options->keys.server_key[0] != 0) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
        const char *pair =
            options->client_key != NULL ? options->client_key : getenv("TILLWATCH_CLIENT_KEY");
        const char *slash = pair == NULL ? NULL : strrchr(pair, '/');
        options->agent_name = slash != NULL ? slash + 1 : pair;
    }
    return TW_OK;
}

static int check_together(const struct sim_options *options, int argc, struct tw_diag *diag)
{
    if (optind < argc) {
        return tw_diag_set(diag, TW_EINVAL, "'%s': only options are taken, see retail-sim --help",
                           options->argv[optind]);
    }
    if (options->events == 0 && options->duration_s <= 0 && !options->is_agent_only) {
        return tw_diag_set(diag, TW_EINVAL, "say when to end: --duration SECONDS or --events N");
    }
    if (options->ledger_events && options->ledger == NULL) {
        return tw_diag_set(diag, TW_EINVAL, "--ledger-journeys needs --ledger FILE");
    }
    if (options->trade.is_on && options->rate <= 0) {
        return tw_diag_set(diag, TW_EINVAL, "--trade needs --rate");
    }
    if (options->is_stamped && !options->is_stdout) {
        return tw_diag_set(diag, TW_EINVAL, "--stamps needs --stdout");
    }
    if (options->ledger_runs && options->ledger == NULL) {
        return tw_diag_set(diag, TW_EINVAL, "--ledger-runs needs --ledger FILE");
    }
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        const struct sim_fault *fault = &options->faults.of[i];
        unsigned long store = strtoul(fault->store, NULL, 10);
        if (fault->is_on && fault->store[0] != 0 && (store < 1 || store > options->stores)) {
            return tw_diag_set(diag, TW_EINVAL, "--fault %s: there is no store %s",
                               sim_fault_name((enum sim_fault_kind)i), fault->store);
        }
        if (fault->is_on && fault->workflow[0] != 0 &&
            !sim_flow_has(fault->workflow, fault->step[0] != 0 ? fault->step : "any")) {
            return tw_diag_set(diag, TW_EINVAL, "--fault %s: there is no such workflow or step",
                               sim_fault_name((enum sim_fault_kind)i));
        }
    }
    return TW_OK;
}

enum sim_options_result sim_options_read(int argc, char **argv, struct sim_options *ret_options)
{
    struct tw_diag diag = {{0}};
    set_defaults(ret_options);
    ret_options->argc = argc;
    ret_options->argv = argv;
    for (;;) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
        int option = getopt_long(argc, argv, "", long_options, NULL);
        if (option == -1) {
            break;
        }
        if (option == O_HELP) {
            (void)fputs(help_text, stdout);
            return SIM_OPTIONS_DONE;
        }
        if (option == O_VERSION) {
            (void)printf("retail-sim (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
            return SIM_OPTIONS_DONE;
        }
        if (option == O_LIST_FAULTS) {
            sim_faults_list(stdout);
            return SIM_OPTIONS_DONE;
        }
        if (option == O_LIST_MISBEHAVIOUR) {
            sim_misbehave_list(stdout);
            return SIM_OPTIONS_DONE;
        }
        if (option == O_LIST_FLOWS) {
            sim_flows_list(stdout);
            return SIM_OPTIONS_DONE;
        }
        if (option == '?') {
            return SIM_OPTIONS_WRONG; /* getopt has said it */
        }
        if (read_option(option, ret_options, &diag) != TW_OK) {
            (void)fprintf(stderr, "retail-sim: %s\n", diag.text);
            return SIM_OPTIONS_WRONG;
        }
    }
    if (ret_options->is_agent_only && ret_options->tap < 0) {
        ret_options->tap = SIM_TAP_ROUTER; /* all that it says goes there */
    }
    if (check_together(ret_options, argc, &diag) != TW_OK ||
        read_keys(ret_options, &diag) != TW_OK) {
        (void)fprintf(stderr, "retail-sim: %s\n", diag.text);
        return SIM_OPTIONS_WRONG;
    }
    return SIM_OPTIONS_RUN;
}
