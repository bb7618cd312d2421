/* SPDX-License-Identifier: Apache-2.0
 * Start, slots and end of a run.
 */
#include "config.h"
#include "simulator/sim.h"

#include <stdio.h>
#include <string.h>

#include "core/clock.h"

/* With --rate 0: events per simulated second and store, about what a busy store makes. */
#define NATURAL_RATE 2.0
#define TICK_EVENTS  8.0

/* A wait for the same step that others of the flow do not share. */
#define PUT_OFF_US 30000000
/* What is due for longer than that makes slots shorter: the estate is not slower than it is. */
#define BEHIND_US 1000000
#define CATCH_UP  4.0

/* ---- start ---- */

/* The run ends at the present time, unless it is as fast as the clock: then it starts there. */
static int64_t default_start(const struct sim_options *options, double slot_us)
{
    bool is_paced = options->rate > 0 && !options->is_unpaced;
    double length_us = options->events > 0 ? (double)options->events * slot_us
                                           : options->duration_s * 1e6 * options->speed;
    double ahead = is_paced ? (options->speed > 1 ? 1 - 1 / options->speed : 0) : 1;
    struct tw_clock *clock = tw_clock_system();
    return clock->wall(clock).ns / TW_NS_PER_US - (int64_t)(length_us * ahead);
}

/* `count` stores by lot, or the one that was named. */
static uint32_t pick_store(struct sim *self, const struct sim_fault *fault,
                           struct sim_random *random)
{
    if (fault->store[0] != 0) {
        uint32_t number = 0;
        for (const char *at = fault->store; *at != 0; at++) {
            number = number * 10 + (uint32_t)(*at - '0');
        }
        return number - 1;
    }
    return sim_random_below(random, self->estate.store_count);
}

static bool is_troubled(const struct sim_store *store)
{
    return store->skew_us != 0 || store->silent_until != 0 || store->offline_until != 0;
}

/* One that has no other fault, if a few draws find it. */
static struct sim_store *pick_sound_store(struct sim *self, const struct sim_fault *fault,
                                          struct sim_random *random)
{
    struct sim_store *store = NULL;
    for (int i = 0; i < 8 && (store == NULL || is_troubled(store)); i++) {
        store = &self->estate.stores[pick_store(self, fault, random)];
    }
    return store;
}

static void set_store_fault(struct sim *self, enum sim_fault_kind kind, struct sim_random *random)
{
    const struct sim_fault *fault = &self->faults.of[kind];
    uint32_t count = fault->store[0] != 0 ? 1 : fault->stores;
    for (uint32_t i = 0; i < count && fault->is_on; i++) {
        struct sim_store *store = pick_sound_store(self, fault, random);
        if (kind == SIM_FAULT_SKEW) {
            bool is_opposite = fault->both != 0 && i % 2 == 1;
            store->skew_us = (int64_t)((is_opposite ? -1e6 : 1e6) * fault->offset_s);
            self->has_checks = self->has_checks || fault->opens_s > 0;
            store->opens_at = self->start_us + (int64_t)(fault->opens_s * 1e6);
        } else if (kind == SIM_FAULT_SILENT) {
            store->silent_from = fault->from_us;
            store->silent_until = fault->until_us;
        } else {
            store->offline_from = fault->from_us;
            store->offline_until = fault->until_us;
        }
    }
}

static void set_faults(struct sim *self, int64_t start_us)
{
    struct sim_random random;
    sim_random_init(&random, self->options->seed, 2);
    sim_faults_start(&self->faults, start_us);
    sim_trade_start(&self->trade, start_us);
    set_store_fault(self, SIM_FAULT_SKEW, &random);
    set_store_fault(self, SIM_FAULT_SILENT, &random);
    set_store_fault(self, SIM_FAULT_OFFLINE, &random);
    int len = snprintf(self->hub, sizeof(self->hub) - SIM_SLACK, "\"correlationid\":\"%s\",",
                       self->faults.of[SIM_FAULT_HUB].id);
    self->hub_len = (size_t)len;
}

static void set_counters(struct sim *self)
{
    uint32_t from = self->options->number_from;
    sim_random_init(&self->business, self->options->seed, 3);
    sim_random_init(&self->chance, self->options->seed, 4);
    sim_random_init(&self->mishap, self->options->seed, 5);
    self->next_serial = 1;
    self->next_order = from;
    self->next_return = from;
    self->next_shipment = from;
    self->next_payment = from;
    self->next_number = from;
    for (uint32_t i = 0; i < self->estate.store_count; i++) {
        self->estate.stores[i].next_receipt += from;
    }
}

static void set_channels(struct sim *self)
{
    for (unsigned system = 0; system < SIM_SYSTEM_COUNT; system++) {
        for (uint32_t i = 0; i < self->estate.count_of[system]; i++) {
            self->estate.sources[self->estate.first_of[system] + i].channel =
                (uint8_t)sim_outlet_channel_of_system(self->outlet, system);
        }
    }
    for (uint32_t i = 0; i < self->estate.source_count; i++) {
        struct sim_source *source = &self->estate.sources[i];
        if (source->store != UINT32_MAX) {
            source->channel = (uint8_t)sim_outlet_channel_of_store(self->outlet, source->store);
        }
    }
}

static int start_agent(struct sim *self, struct tw_diag *diag)
{
    struct sim_agent_world world = {.options = self->options,
                                    .types = &self->types,
                                    .faults = &self->faults,
                                    .outlet = self->outlet,
                                    .ledger = self->ledger,
                                    .totals = &self->totals,
                                    .type_counts = self->type_counts,
                                    .salt = self->salt};
    return self->options->is_agent ? sim_agent_new(&world, &self->agent, diag) : TW_OK;
}

int sim_init(struct sim *self, const struct sim_options *options, struct tw_diag *diag)
{
    memset(self, 0, sizeof(*self));
    self->options = options;
    self->faults = options->faults;
    self->trade = options->trade;
    self->slot_us = options->rate > 0 ? options->speed * 1e6 / options->rate
                                      : 1e6 / (NATURAL_RATE * options->stores);
    int64_t start_us =
        options->is_start_given ? options->start_us : default_start(options, self->slot_us);
    double tick_us = self->slot_us * TICK_EVENTS;
    self->start_us = start_us;
    self->now_us = (double)start_us;
    self->last_us = start_us;
    self->end_us = INT64_MAX;
    if (options->duration_s > 0 && options->rate > 0) {
        self->end_us = start_us + (int64_t)(options->duration_s * 1e6 * options->speed);
    }
    self->salt = sim_mix(options->seed ^ sim_mix((uint64_t)start_us ^ options->number_from));
    int result = sim_estate_init(&self->estate, options->stores, options->seed);
    if (result == TW_OK) {
        result = sim_types_init(&self->types);
    }
    if (result == TW_OK) {
        result = sim_queue_new(options->open_flows, start_us, tick_us < 1 ? 1 : (int64_t)tick_us,
                               &self->queue);
    }
    if (result == TW_OK) {
        result = sim_ledger_open(options->ledger, &self->ledger, diag);
    }
    if (result == TW_OK) {
        result = sim_outlet_new(options, &self->outlet, diag);
    }
    if (result == TW_OK) {
        result = sim_delivery_new(&self->estate, self->outlet, self->ledger, &self->totals,
                                  &self->delivery);
    }
    if (result == TW_OK && options->ledger_runs) {
        result = sim_runs_new(options->open_flows, options->stores, &self->runs);
    }
    if (result == TW_OK) {
        set_faults(self, start_us);
        set_counters(self);
        set_channels(self);
        sim_ledger_started(self->ledger, options, start_us, self->estate.source_count);
        result = start_agent(self, diag);
    }
    return result;
}

void sim_fini(struct sim *self)
{
    sim_agent_destroy(&self->agent);
    sim_delivery_destroy(&self->delivery);
    sim_outlet_destroy(&self->outlet);
    (void)sim_ledger_close(&self->ledger, NULL); /* closed already unless the run failed */
    sim_runs_destroy(&self->runs);
    sim_queue_destroy(&self->queue);
    sim_types_fini(&self->types);
    sim_estate_fini(&self->estate);
}

/* ---- slots ---- */

static void close_book(struct sim *self, uint32_t number, bool is_open)
{
    const struct sim_flow *flow = sim_queue_flow(self->queue, number);
    struct sim_compose what = {
        .estate = &self->estate, .flow = flow, .salt = self->salt, .store = flow->store};
    sim_runs_end(self->runs, number, &what, is_open, self->ledger);
}

/* The step at hand comes so late that what does not wait for it goes on before. */
static bool is_long(const struct sim_flow *flow, int64_t now_us)
{
    return flow->is_catching_up != 0 || flow->due_us > now_us + PUT_OFF_US;
}

static int step_flow(struct sim *self, struct sim_flow *flow, int64_t now_us, struct tw_diag *diag)
{
    enum sim_outcome outcome = SIM_ENDS;
    int64_t at_us = flow->due_us > now_us ? now_us : flow->due_us;
    if (at_us < self->last_us) {
        at_us = self->last_us;
    }
    self->last_us = at_us;
    int result = sim_emit(self, flow, at_us, &outcome, diag);
    if (result != TW_OK) {
        return result;
    }
    if (outcome == SIM_AGAIN && is_long(flow, at_us) && sim_flow_put_off(flow)) {
        flow->due_us = at_us;
        outcome = SIM_GOES_ON;
    }
    if (outcome == SIM_GOES_ON && !sim_flow_advance(flow, self->estate.store_count)) {
        sim_remember(self, flow);
        outcome = SIM_ENDS;
    } else if (outcome == SIM_GOES_ON && flow->is_catching_up == 0) {
        flow->due_us += sim_step_lag_us(sim_flow_step(flow), &self->business);
    }
    if (outcome == SIM_ENDS) {
        if (self->runs != NULL) {
            close_book(self, sim_queue_number(self->queue, flow), false);
        }
        sim_queue_free_flow(self->queue, flow);
    } else {
        sim_queue_add(self->queue, flow);
    }
    return TW_OK;
}

static void next_slot(struct sim *self, int64_t now_us, bool is_behind)
{
    const struct sim_fault *peak = &self->faults.of[SIM_FAULT_FLASH_SALE];
    bool is_open = true;
    double share = is_behind ? CATCH_UP : sim_trade_share(&self->trade, now_us, &is_open);
    share = sim_fault_is_active(peak, now_us) ? share * peak->factor : share;
    self->now_us += self->slot_us / share;
}

static void blame_sharing(struct sim *self, const struct sim_flow *flow)
{
    const unsigned only = 0;
    if (flow->shared != 0) {
        sim_runs_blame(self->runs, sim_queue_number(self->queue, flow), &only, 1, SIM_FAULT_SHARED);
    }
}

int sim_slot(struct sim *self, struct tw_diag *diag)
{
    int64_t now_us = (int64_t)self->now_us;
    sim_outlet_at(self->outlet, now_us);
    if (sim_delivery_next_us(self->delivery) <= now_us) {
        int result = sim_delivery_release(self->delivery, now_us, diag);
        if (result != TW_OK) {
            return result;
        }
    }
    struct sim_flow *flow = sim_queue_take_due(self->queue, now_us);
    if (flow == NULL) {
        bool stands_still = false;
        flow = sim_begin(self, now_us, &stands_still);
        if (stands_still) {
            next_slot(self, now_us, false);
            return TW_OK;
        }
        if (flow != NULL && self->runs != NULL) {
            int result = sim_runs_begin(self->runs, sim_queue_number(self->queue, flow), flow);
            if (result != TW_OK) {
                return result;
            }
            blame_sharing(self, flow);
        }
    }
    if (flow == NULL) {
        flow = sim_queue_take_first(self->queue);
    }
    if (flow == NULL) {
        return TW_ELIMIT; /* cannot be: all flows in use means that some wait */
    }
    next_slot(self, now_us, flow->due_us < now_us - BEHIND_US);
    return step_flow(self, flow, now_us, diag);
}

int sim_drain_slot(struct sim *self, bool *ret_more, struct tw_diag *diag)
{
    struct sim_flow *flow = sim_queue_take_first(self->queue);
    if (flow == NULL) {
        *ret_more = false;
        return TW_OK;
    }
    /* Nothing begins any more, so time may jump to the next step. */
    if ((double)flow->due_us > self->now_us) {
        self->now_us = (double)flow->due_us;
    }
    int64_t now_us = (int64_t)self->now_us;
    sim_outlet_at(self->outlet, now_us);
    int result = sim_delivery_release(self->delivery, now_us, diag);
    if (result == TW_OK) {
        next_slot(self, now_us, flow->due_us < now_us - BEHIND_US);
        result = step_flow(self, flow, now_us, diag);
    }
    if (result == TW_OK) {
        *ret_more = true;
    }
    return result;
}

/* ---- end ---- */

static void report_trade(struct sim *self)
{
    const struct sim_trade *trade = &self->trade;
    if (trade->is_on) {
        sim_ledger_fact(self->ledger,
                        "\"fact\":\"trade\",\"from_s\":%d,\"until_s\":%d,\"ahead_us\":%lld",
                        trade->from_s, trade->until_s, (long long)trade->ahead_us);
    }
    if (trade->is_on && trade->change_us < INT64_MAX) {
        sim_ledger_fact(self->ledger, "\"fact\":\"clock-change\",\"at_us\":%lld,\"ahead_us\":%lld",
                        (long long)trade->change_us, (long long)trade->ahead_then_us);
    }
    for (unsigned i = SIM_FAULT_STANDSTILL; i <= SIM_FAULT_FEW; i++) {
        const struct sim_fault *fault = &self->faults.of[i];
        if (fault->is_on) {
            sim_ledger_fact(self->ledger,
                            "\"fact\":\"%s\",\"workflow\":\"%s\",\"from_us\":%lld,"
                            "\"until_us\":%lld,\"flows\":%llu",
                            sim_fault_name((enum sim_fault_kind)i), fault->workflow,
                            (long long)fault->from_us, (long long)fault->until_us,
                            (unsigned long long)fault->done);
        }
    }
}

static void report_stores(struct sim *self)
{
    for (uint32_t i = 0; i < self->estate.store_count; i++) {
        const struct sim_store *store = &self->estate.stores[i];
        if (store->skew_us != 0) {
            sim_ledger_fact(self->ledger,
                            "\"fact\":\"skew\",\"store\":\"%.4s\",\"offset_us\":%lld,"
                            "\"events\":%u",
                            store->id, (long long)store->skew_us, store->skewed_events);
        }
        if (store->silent_until != 0) {
            sim_ledger_fact(self->ledger,
                            "\"fact\":\"silent\",\"store\":\"%.4s\",\"from_us\":%lld,"
                            "\"until_us\":%lld",
                            store->id, (long long)store->silent_from,
                            (long long)store->silent_until);
        }
        if (store->offline_until != 0) {
            sim_ledger_fact(self->ledger,
                            "\"fact\":\"offline\",\"store\":\"%.4s\",\"from_us\":%lld,"
                            "\"until_us\":%lld,\"events\":%u",
                            store->id, (long long)store->offline_from,
                            (long long)store->offline_until, store->offline_events);
        }
    }
    for (unsigned i = 0; i < SIM_FAULT_COUNT; i++) {
        if (self->faults.of[i].is_on) {
            sim_ledger_fact(self->ledger, "\"fact\":\"injected\",\"name\":\"%s\",\"count\":%llu",
                            sim_fault_name((enum sim_fault_kind)i),
                            (unsigned long long)self->faults.of[i].done);
        }
    }
}

/* What has not come to its end will not: the simulation is over. */
static void close_books(struct sim *self)
{
    for (uint32_t i = 0; i < self->options->open_flows; i++) {
        if (sim_runs_is_open(self->runs, i)) {
            close_book(self, i, true);
        }
    }
}

int sim_finish(struct sim *self, struct tw_diag *diag)
{
    if (self->runs != NULL) {
        close_books(self);
    }
    int result = sim_delivery_finish(self->delivery, diag);
    if (result == TW_OK && self->agent != NULL) {
        result = sim_agent_finish(self->agent, (int64_t)self->now_us, diag);
    }
    if (result == TW_OK) {
        result = sim_outlet_finish(self->outlet, diag);
    }
    if (result != TW_OK) {
        return result;
    }
    struct sim_outlet_counts sent = sim_outlet_counts(self->outlet);
    self->totals.flows_open = sim_queue_waiting(self->queue);
    sim_delivery_report(self->delivery);
    report_trade(self);
    report_stores(self);
    if (self->agent != NULL) {
        sim_agent_report(self->agent);
    }
    sim_ledger_finished(self->ledger, &self->totals, &sent, self->type_counts, &self->types);
    return sim_ledger_close(&self->ledger, diag);
}
