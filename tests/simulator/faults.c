/* SPDX-License-Identifier: Apache-2.0
 * The table of faults and the reading of --fault.
 */
#include "config.h"
#include "simulator/faults.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum key {
    K_P,
    K_FROM,
    K_FOR,
    K_DELAY,
    K_OFFSET,
    K_FACTOR,
    K_COPIES,
    K_STORES,
    K_MAX,
    K_AGAIN,
    K_OPENS,
    K_TRIES,
    K_BOTH,
    K_MUTE,
    K_STORE,
    K_ID,
    K_WORKFLOW,
    K_STEP,
    K_COUNT
};
#define BIT(key) (1u << (key))
#define WINDOW   (BIT(K_FROM) | BIT(K_FOR))
#define EVENTS   (BIT(K_P) | BIT(K_MAX) | WINDOW)
#define STORES   (BIT(K_STORES) | BIT(K_STORE))
#define STEPS    (EVENTS | BIT(K_WORKFLOW) | BIT(K_STEP))

static const struct {
    const char *name;
    enum { REAL, NUMBER, TEXT } type;
    size_t at;
    double least;
    double most;
    const char *help;
} keys[K_COUNT] = {
#define AT(field) offsetof(struct sim_fault, field)
    [K_P] = {"p", REAL, AT(p), 0, 1, "probability, per event or posting"},
    [K_FROM] = {"from", REAL, AT(from_s), 0, 1e8, "start, simulated seconds after the first event"},
    [K_FOR] = {"for", REAL, AT(for_s), 0, 1e8, "length in simulated seconds, 0: to the end"},
    [K_DELAY] = {"delay", REAL, AT(delay_s), 0.001, 1e6, "at most so many seconds late"},
    [K_OFFSET] = {"offset", REAL, AT(offset_s), -1e7, 1e7, "seconds ahead, negative: behind"},
    [K_FACTOR] = {"factor", REAL, AT(factor), 0.01, 1000, "times the rate"},
    [K_COPIES] = {"copies", NUMBER, AT(copies), 1, 100, "further deliveries of one event"},
    [K_STORES] = {"stores", NUMBER, AT(stores), 1, 9999, "so many stores, chosen by the seed"},
    [K_MAX] = {"max", NUMBER, AT(max), 1, 4e9, "at most so many in the run"},
    [K_AGAIN] = {"again", REAL, AT(again), 0, 1, "share of them that succeeds later"},
    [K_OPENS] = {"opens", REAL, AT(opens_s), 0, 1e6,
                 "so many seconds after the start its tills begin to sell; before they check in"},
    [K_TRIES] = {"tries", NUMBER, AT(tries), 1, 200, "at most so many refusals of one call"},
    [K_BOTH] = {"both", NUMBER, AT(both), 0, 1, "1: every other store has the opposite offset"},
    [K_MUTE] = {"mute", NUMBER, AT(mute), 0, 1, "1: nothing is said at all, not even failures"},
    [K_STORE] = {"store", TEXT, AT(store), 0, sizeof(((struct sim_fault *)0)->store),
                 "this store (0042) instead of chosen ones"},
    [K_ID] = {"id", TEXT, AT(id), 0, sizeof(((struct sim_fault *)0)->id), "the shared identifier"},
    [K_WORKFLOW] = {"workflow", TEXT, AT(workflow), 0, sizeof(((struct sim_fault *)0)->workflow),
                    "only this workflow"},
    [K_STEP] = {"step", TEXT, AT(step), 0, sizeof(((struct sim_fault *)0)->step),
                "only this step of it"},
};

static const struct {
    const char *name;
    unsigned keys;
    struct sim_fault defaults;
    const char *help;
} table[SIM_FAULT_COUNT] = {
    [SIM_FAULT_DUPLICATE] = {"duplicate",
                             EVENTS | BIT(K_DELAY) | BIT(K_COPIES),
                             {.p = 0.001, .delay_s = 2, .copies = 1},
                             "an event is delivered again, the same bytes"},
    [SIM_FAULT_CONFLICT] = {"conflict",
                            EVENTS | BIT(K_DELAY),
                            {.p = 0.0002, .delay_s = 2},
                            "an event is delivered again with other content"},
    [SIM_FAULT_OUT_OF_ORDER] = {"out-of-order",
                                EVENTS | BIT(K_DELAY),
                                {.p = 0.002, .delay_s = 3},
                                "an event is delivered late, others of its source overtake it"},
    [SIM_FAULT_LOSS] = {"loss",
                        EVENTS,
                        {.p = 0.0005},
                        "an event is never delivered: a gap in the sequence"},
    [SIM_FAULT_GARBAGE] = {"garbage",
                           EVENTS,
                           {.p = 0.0005},
                           "a message that cannot be understood is sent besides"},
    [SIM_FAULT_GARBAGE_ID] = {"garbage-id",
                              EVENTS,
                              {.p = 0.0005},
                              "an event carries an identifier that says nothing (0, null, N/A)"},
    [SIM_FAULT_HUB] = {"hub",
                       EVENTS | BIT(K_ID),
                       {.p = 0.05, .id = "NIGHTLY-BATCH"},
                       "very many events share one correlationid"},
    [SIM_FAULT_REWIND] = {"sequence-rewind",
                          EVENTS,
                          {.p = 0.0001, .max = 10},
                          "a source starts to count again from 1"},
    [SIM_FAULT_SKEW] = {"clock-skew",
                        STORES | BIT(K_OFFSET) | BIT(K_BOTH) | BIT(K_OPENS),
                        {.stores = 1, .offset_s = 120},
                        "the clock of a store is wrong"},
    [SIM_FAULT_SILENT] = {"silent-store",
                          STORES | WINDOW,
                          {.stores = 1, .from_s = 30, .for_s = 60},
                          "a store says nothing"},
    [SIM_FAULT_OFFLINE] = {"store-offline",
                           STORES | WINDOW,
                           {.stores = 1, .from_s = 30, .for_s = 60},
                           "the events of a store arrive after the window, with their old times"},
    [SIM_FAULT_ERP_OUTAGE] = {"erp-outage",
                              WINDOW | BIT(K_MUTE),
                              {.from_s = 30, .for_s = 60},
                              "postings fail as unavailable and succeed after the window"},
    [SIM_FAULT_THROTTLING] = {"throttling",
                              BIT(K_P) | BIT(K_TRIES) | WINDOW,
                              {.p = 0.3, .tries = 4},
                              "loyalty, CRM and CDP answer 429, calls are tried again"},
    [SIM_FAULT_MASTER_DATA] = {"bad-master-data",
                               EVENTS,
                               {.p = 0.01},
                               "a posting fails for good with errorclass master-data"},
    [SIM_FAULT_DOUBLE] = {"double-posting",
                          EVENTS,
                          {.p = 0.001},
                          "ERP posts a sale twice: two events, one business effect"},
    [SIM_FAULT_FLASH_SALE] = {"flash-sale",
                              WINDOW | BIT(K_FACTOR),
                              {.from_s = 30, .for_s = 60, .factor = 5},
                              "a peak of the rate"},
    [SIM_FAULT_STEP_MISSING] = {"step-missing",
                                STEPS,
                                {.p = 0.001, .workflow = "any", .step = "any"},
                                "a step never happens, nor what comes after it: no event, no gap"},
    [SIM_FAULT_SLOW_STEP] = {"slow-step",
                             STEPS | BIT(K_DELAY),
                             {.p = 0.001, .delay_s = 3600, .workflow = "any", .step = "any"},
                             "a step happens after its deadline, if that is within delay seconds"},
    [SIM_FAULT_ACK_MISSING] = {"ack-missing",
                               EVENTS | BIT(K_WORKFLOW) | BIT(K_STORE),
                               {.p = 0.01, .workflow = "any"},
                               "a store does not acknowledge a price list or a promotion"},
    [SIM_FAULT_CANCELLATION] = {"cancellation",
                                EVENTS,
                                {.p = 0.01},
                                "an order is cancelled before it is picked"},
    [SIM_FAULT_STEP_FAILED] =
        {"step-failed",
         STEPS | BIT(K_DELAY) | BIT(K_AGAIN),
         {.p = 0.001, .delay_s = 60, .again = 0.5, .workflow = "any", .step = "any"},
         "a step fails, as the failure event of its workflow says; some "
         "succeed within delay seconds"},
    [SIM_FAULT_TAKEN_BACK] = {"taken-back",
                              STEPS,
                              {.p = 0.01, .workflow = "any", .step = "any"},
                              "what a step did is taken back by the compensation event of its "
                              "workflow; nothing is done that comes after it"},
    [SIM_FAULT_SHARED] = {"shared-correlation",
                          EVENTS,
                          {.p = 0.01},
                          "a sale carries the correlationid of an earlier one"},
    [SIM_FAULT_STANDSTILL] = {"standstill",
                              EVENTS | BIT(K_WORKFLOW),
                              {.p = 1, .workflow = "any"},
                              "nothing begins, of a workflow or of any: as if nobody came"},
    [SIM_FAULT_FEW] = {"few-customers",
                       EVENTS | BIT(K_WORKFLOW),
                       {.p = 0.96, .workflow = "any"},
                       "a part of what would begin does not"},
};

const char *sim_fault_name(enum sim_fault_kind kind)
{
    return table[kind].name;
}

void sim_faults_init(struct sim_faults *self)
{
    memset(self, 0, sizeof(*self));
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        self->of[i] = table[i].defaults;
        if (self->of[i].max == 0) {
            self->of[i].max = UINT32_MAX;
        }
    }
}

static int set_key(struct sim_fault *fault, unsigned key, const char *value, struct tw_diag *diag)
{
    void *field = (char *)fault + keys[key].at;
    if (keys[key].type == TEXT) {
        size_t len = strlen(value);
        size_t printable = strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                         "0123456789-_.");
        if (len == 0 || len >= (size_t)keys[key].most || printable != len) {
            return tw_diag_set(diag, TW_EINVAL, "%s=%s: not 1 to %d letters, digits, - _ .",
                               keys[key].name, value, (int)keys[key].most - 1);
        }
        memcpy(field, value, len + 1);
        return TW_OK;
    }
    char *end = NULL;
    errno = 0;
    double number = strtod(value, &end);
    if (errno != 0 || end == value || *end != 0 || !isfinite(number) || number < keys[key].least ||
        number > keys[key].most) {
        return tw_diag_set(diag, TW_EINVAL, "%s=%s: not a number from %g to %g", keys[key].name,
                           value, keys[key].least, keys[key].most);
    }
    if (keys[key].type == NUMBER) {
        uint32_t whole = (uint32_t)number;
        memcpy(field, &whole, sizeof(whole));
    } else {
        memcpy(field, &number, sizeof(number));
    }
    return TW_OK;
}

static int find_key(unsigned allowed, const char *name)
{
    for (unsigned key = 0; key < K_COUNT; key++) {
        if ((allowed & BIT(key)) != 0 && strcmp(keys[key].name, name) == 0) {
            return (int)key;
        }
    }
    return -1;
}

static int find_fault(const char *name)
{
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

int sim_faults_parse(struct sim_faults *self, const char *text, struct tw_diag *diag)
{
    char copy[256];
    size_t len = strlen(text);
    if (len >= sizeof(copy)) {
        return tw_diag_set(diag, TW_EINVAL, "--fault: longer than %zu bytes", sizeof(copy) - 1);
    }
    memcpy(copy, text, len + 1);
    char *rest = strchr(copy, ':');
    if (rest != NULL) {
        *rest++ = 0;
    }
    int kind = find_fault(copy);
    if (kind < 0) {
        return tw_diag_set(diag, TW_EINVAL, "--fault %s: there is no such fault, see --list-faults",
                           copy);
    }
    struct sim_fault *fault = &self->of[kind];
    while (rest != NULL && *rest != 0) {
        char *pair = rest;
        rest = strchr(pair, ',');
        if (rest != NULL) {
            *rest++ = 0;
        }
        char *value = strchr(pair, '=');
        if (value != NULL) {
            *value++ = 0;
        }
        int key = find_key(table[kind].keys, pair);
        if (key < 0 || value == NULL) {
            return tw_diag_set(diag, TW_EINVAL,
                               "--fault %s: '%s' is no key=value of it, see --list-faults", copy,
                               pair);
        }
        int result = set_key(fault, (unsigned)key, value, diag);
        if (result != TW_OK) {
            return result;
        }
    }
    fault->is_on = true;
    self->any_per_event = self->any_per_event || kind < SIM_FAULT_PER_EVENT;
    return TW_OK;
}

void sim_faults_start(struct sim_faults *self, int64_t start_us)
{
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        struct sim_fault *fault = &self->of[i];
        fault->from_us = start_us + (int64_t)(fault->from_s * 1e6);
        fault->until_us =
            fault->for_s > 0 ? fault->from_us + (int64_t)(fault->for_s * 1e6) : INT64_MAX;
    }
}

enum sim_fault_kind sim_faults_draw(const struct sim_faults *self, struct sim_random *random,
                                    int64_t now_us)
{
    if (!self->any_per_event) {
        return SIM_FAULT_NONE;
    }
    double at = sim_random_unit(random);
    for (unsigned i = 0; i < SIM_FAULT_PER_EVENT; i++) {
        const struct sim_fault *fault = &self->of[i];
        if (!sim_fault_is_active(fault, now_us)) {
            continue;
        }
        if (at < fault->p) {
            return fault->done < fault->max ? (enum sim_fault_kind)i : SIM_FAULT_NONE;
        }
        at -= fault->p;
    }
    return SIM_FAULT_NONE;
}

void sim_faults_list(FILE *out)
{
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        (void)fprintf(out, "%-16s %s\n", table[i].name, table[i].help);
        for (unsigned key = 0; key < K_COUNT; key++) {
            const char *field = (const char *)&table[i].defaults + keys[key].at;
            if ((table[i].keys & BIT(key)) == 0) {
                continue;
            }
            (void)fprintf(out, "    %-8s %s", keys[key].name, keys[key].help);
            if (keys[key].type == REAL) {
                double real = 0;
                memcpy(&real, field, sizeof(real));
                (void)fprintf(out, " (default %g)\n", real);
            } else if (keys[key].type == NUMBER) {
                uint32_t whole = 0;
                memcpy(&whole, field, sizeof(whole));
                if (whole == 0) {
                    (void)fprintf(out, " (default: no limit)\n");
                } else {
                    (void)fprintf(out, " (default %u)\n", whole);
                }
            } else {
                (void)fprintf(out, " (default %s)\n", *field == 0 ? "chosen" : field);
            }
        }
    }
}
