/* SPDX-License-Identifier: Apache-2.0
 * The beginning of transactions: which kind, which store, which customer, which numbers.
 */
#include "config.h"
#include "simulator/sim.h"

#include <string.h>

#define CUSTOMERS      400000u
#define CHECK_EVERY_US INT64_C(5000000) /* of a till that sells nothing yet */
#define HAS_CASE       1u               /* flags of an order that is remembered */

static void draw_basket(struct sim *self, struct sim_flow *flow)
{
    uint64_t bits = sim_random_next(&self->business);
    /* Few articles make most of the turnover: the square of a uniform draw. */
    uint32_t rank = (uint32_t)(bits & 0xffff);
    flow->article[0] = (uint16_t)((uint64_t)rank * rank * SIM_ARTICLES >> 32);
    flow->quantity[0] = (uint8_t)(1 + ((bits >> 16) & 1));
    flow->amount = self->estate.articles[flow->article[0]].price * flow->quantity[0];
    if (((bits >> 17) & 1) != 0) {
        uint32_t second = (uint32_t)(bits >> 20) & 0xffff;
        flow->article[1] = (uint16_t)((uint64_t)second * second * SIM_ARTICLES >> 32);
        flow->quantity[1] = (uint8_t)(1 + ((bits >> 18) & 3));
        flow->amount += self->estate.articles[flow->article[1]].price * flow->quantity[1];
    }
}

static uint32_t draw_customer(struct sim *self)
{
    return 1 + sim_random_below(&self->business, CUSTOMERS);
}

/* A store that is not silent now, if a few draws find one. */
static uint32_t draw_store(struct sim *self, int64_t now_us)
{
    uint32_t store = 0;
    for (int i = 0; i < 8; i++) {
        store = sim_random_below(&self->business, self->estate.store_count);
        const struct sim_store *at = &self->estate.stores[store];
        if ((now_us < at->silent_from || now_us >= at->silent_until) && now_us >= at->opens_at) {
            break;
        }
    }
    return store;
}

void sim_remember(struct sim *self, const struct sim_flow *flow)
{
    struct sim_history *history = NULL;
    if (flow->kind == SIM_KIND_SALE || flow->kind == SIM_KIND_SALE_B) {
        history = &self->sales;
    } else if (flow->kind == SIM_KIND_ORDER || flow->kind == SIM_KIND_COLLECT) {
        history = &self->orders;
    } else {
        return;
    }
    history->flows[history->count % SIM_HISTORY] = *flow;
    history->flows[history->count % SIM_HISTORY].flags = 0;
    history->count++;
}

/* One of the newest finished ones, or NULL; with `take` nobody gets it again. */
static struct sim_flow *recall(struct sim *self, struct sim_history *history, bool take)
{
    uint32_t kept = history->count < SIM_HISTORY ? history->count : SIM_HISTORY;
    if (kept == 0) {
        return NULL;
    }
    struct sim_flow *flow = &history->flows[sim_random_below(&self->business, kept)];
    if (flow->serial == 0) {
        return NULL;
    }
    if (take) {
        flow->serial = 0;
    }
    return flow;
}

/* What is given back is what was bought. */
static bool begin_return(struct sim *self, struct sim_flow *flow, struct sim_history *history)
{
    const struct sim_flow *origin = recall(self, history, true);
    if (origin == NULL) {
        return false;
    }
    flow->store = origin->store;
    flow->till %= self->estate.stores[flow->store].tills;
    flow->customer = origin->customer;
    flow->transaction = origin->transaction;
    flow->order = origin->order;
    flow->payment = origin->payment;
    flow->amount = origin->amount;
    memcpy(flow->article, origin->article, sizeof(flow->article));
    memcpy(flow->quantity, origin->quantity, sizeof(flow->quantity));
    flow->returned = self->next_return++;
    flow->orders = 1;
    flow->parcels = 1;
    if (flow->payment == 0) {
        flow->payment = self->next_payment++;
    }
    return true;
}

static void begin_orders(struct sim *self, struct sim_flow *flow)
{
    uint32_t draw = sim_random_below(&self->business, 100);
    flow->orders = (uint8_t)(draw < 91 ? 1 : (draw < 98 ? 2 : 3));
    draw = sim_random_below(&self->business, 100);
    flow->parcels = (uint8_t)(draw < 78 ? 1 : (draw < 95 ? 2 : 3));
    flow->customer = draw_customer(self);
    flow->order = self->next_order;
    self->next_order += flow->orders;
    flow->payment = self->next_payment;
    self->next_payment += flow->orders;
    flow->shipment = self->next_shipment;
    self->next_shipment += flow->parcels;
}

static bool shares(struct sim *self, int64_t now_us)
{
    struct sim_fault *fault = &self->faults.of[SIM_FAULT_SHARED];
    if (!sim_fault_is_active(fault, now_us) || fault->done >= fault->max ||
        sim_random_unit(&self->chance) >= fault->p) {
        return false;
    }
    fault->done++;
    return true;
}

static void begin_sale(struct sim *self, struct sim_flow *flow, int64_t now_us)
{
    flow->transaction = self->estate.stores[flow->store].next_receipt++;
    if (flow->kind == SIM_KIND_SALE && self->sales.count > 0 && shares(self, now_us)) {
        const struct sim_flow *earlier = recall(self, &self->sales, false);
        /* Events of a sale of the other kind carry nothing but the correlationid. */
        if (earlier != NULL && earlier->kind == SIM_KIND_SALE) {
            flow->shared = earlier->shared != 0 ? earlier->shared : earlier->serial;
        }
    }
    /* Two of five customers show a card. */
    if (sim_random_below(&self->business, 5) < 2) {
        flow->customer = draw_customer(self);
    }
}

/* An order has one case at most: two would be one journey, and whose event is whose nobody knows.
 */
static bool begin_case(struct sim *self, struct sim_flow *flow)
{
    struct sim_flow *about = recall(self, &self->orders, false);
    if (about == NULL || about->flags != 0) {
        return false;
    }
    about->flags = HAS_CASE;
    flow->order = about->order;
    flow->customer = about->customer;
    flow->number = self->next_number++;
    return true;
}

static bool begin_kind(struct sim *self, struct sim_flow *flow, int64_t now_us)
{
    switch ((enum sim_kind)flow->kind) {
    case SIM_KIND_ORDER:
        begin_orders(self, flow);
        return true;
    case SIM_KIND_COLLECT:
        begin_orders(self, flow);
        flow->orders = 1;
        return true;
    case SIM_KIND_RETURN_STORE:
        return begin_return(self, flow, &self->sales);
    case SIM_KIND_RETURN_ONLINE:
        return begin_return(self, flow, &self->orders);
    case SIM_KIND_CASE:
        return begin_case(self, flow);
    case SIM_KIND_REDEMPTION:
        begin_sale(self, flow, now_us);
        flow->customer = draw_customer(self);
        return true;
    case SIM_KIND_CUSTOMER:
    case SIM_KIND_CONSENT:
        flow->customer = draw_customer(self);
        return true;
    case SIM_KIND_PRICE:
    case SIM_KIND_PROMOTION:
        flow->number = self->next_number++;
        flow->till = 0; /* the store's first till acknowledges */
        return true;
    case SIM_KIND_PRODUCT:
        flow->till = 0;
        return true;
    case SIM_KIND_MOVEMENT:
    case SIM_KIND_HEARTBEAT:
    case SIM_KIND_REPLENISHMENT:
    case SIM_KIND_SETTLEMENT:
        return true;
    case SIM_KIND_SALE:
    case SIM_KIND_SALE_B:
    case SIM_KIND_COUNT:
    default:
        begin_sale(self, flow, now_us);
        return true;
    }
}

/* The till that is to check in now, of those that sell nothing yet: each every few seconds. */
static bool draw_check(struct sim *self, struct sim_flow *flow, int64_t now_us)
{
    while (now_us >= self->start_us + self->check_round * CHECK_EVERY_US) {
        if (self->check_store == self->estate.store_count) {
            self->check_store = 0;
            self->check_round++;
            continue;
        }
        const struct sim_store *store = &self->estate.stores[self->check_store];
        if (now_us < store->opens_at && self->check_till < store->tills) {
            flow->kind = SIM_KIND_HEARTBEAT;
            flow->store = self->check_store;
            flow->till = (uint8_t)self->check_till++;
            flow->serial = self->next_serial++;
            flow->orders = 1;
            flow->parcels = 1;
            flow->due_us = now_us;
            self->totals.flows++;
            return true;
        }
        self->check_till = 0;
        self->check_store++;
    }
    return false;
}

/* While doors are closed there is only what needs no store. */
static bool is_of_store(enum sim_kind kind)
{
    return kind == SIM_KIND_SALE || kind == SIM_KIND_SALE_B || kind == SIM_KIND_RETURN_STORE ||
           kind == SIM_KIND_REDEMPTION || kind == SIM_KIND_HEARTBEAT;
}

static uint8_t draw_kind(struct sim *self, uint32_t bits, bool is_open)
{
    for (int i = 0; i < 64; i++) {
        uint32_t draw = (uint32_t)((uint64_t)bits * SIM_WEIGHTS >> 32);
        uint8_t kind = 0;
        while (draw >= self->options->weights[kind]) {
            draw -= self->options->weights[kind];
            kind++;
        }
        if (is_open || !is_of_store((enum sim_kind)kind)) {
            return kind;
        }
        bits = (uint32_t)(sim_random_next(&self->business) >> 32);
    }
    return SIM_KIND_ORDER; /* of what needs no store next to nothing is wanted */
}

static bool keeps_away(struct sim *self, enum sim_fault_kind which, uint8_t kind, int64_t now_us)
{
    struct sim_fault *fault = &self->faults.of[which];
    bool is_meant =
        sim_fault_is_active(fault, now_us) && fault->done < fault->max &&
        (strcmp(fault->workflow, "any") == 0 || strcmp(fault->workflow, sim_kinds[kind].name) == 0);
    if (!is_meant || sim_random_unit(&self->chance) >= fault->p) {
        return false;
    }
    fault->done++;
    return true;
}

struct sim_flow *sim_begin(struct sim *self, int64_t now_us, bool *ret_stands_still)
{
    *ret_stands_still = false;
    struct sim_flow *flow = sim_queue_new_flow(self->queue);
    if (flow == NULL) {
        return NULL;
    }
    if (self->has_checks && draw_check(self, flow, now_us)) {
        return flow;
    }
    uint64_t bits = sim_random_next(&self->business);
    bool is_open = true;
    (void)sim_trade_share(&self->trade, now_us, &is_open);
    flow->kind = draw_kind(self, (uint32_t)(bits >> 32), is_open);
    if (keeps_away(self, SIM_FAULT_STANDSTILL, flow->kind, now_us) ||
        keeps_away(self, SIM_FAULT_FEW, flow->kind, now_us)) {
        sim_queue_free_flow(self->queue, flow);
        *ret_stands_still = true;
        return NULL;
    }
    flow->serial = self->next_serial++;
    flow->store = draw_store(self, now_us);
    flow->till = (uint8_t)((bits & 0xffff) % self->estate.stores[flow->store].tills);
    flow->orders = 1;
    flow->parcels = 1;
    draw_basket(self, flow);
    if (!begin_kind(self, flow, now_us)) {
        /* Nothing to refer to yet: somebody buys something instead. */
        flow->kind = is_open ? SIM_KIND_SALE : SIM_KIND_MOVEMENT;
        flow->customer = 0;
        flow->number = 0;
        if (is_open) {
            begin_sale(self, flow, now_us);
        }
    }
    flow->due_us = now_us;
    self->totals.flows++;
    return flow;
}
