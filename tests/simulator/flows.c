/* SPDX-License-Identifier: Apache-2.0
 * The tables of flows and steps.
 */
#include "config.h"
#include "simulator/flows.h"

#include <string.h>

#define BIT(n) (1u << (n))
#define MINUTE 60
#define HOUR   3600
#define DAY    86400

/* Lags are those of a well-run estate: checkout in seconds, posting within half a minute, the
 * warehouse in minutes (a fast one, so that a demonstration shows whole orders). They are well
 * below the deadlines, which are those of the retail pack. */
static const struct sim_step sale[] = {
    {SIM_T_POS_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "sold", 0, 0, NULL, NULL},
    {SIM_T_MW_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900, "received", BIT(0), 30,
     "sale.rejected", NULL},
    {SIM_T_LOYALTY_ACCRUED, SIM_ONCE, true, SIM_ROLE_API, 60, 2500, "accrued", BIT(1), 2 * MINUTE,
     NULL, NULL},
    {SIM_T_INV_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 50, 3000, "stocked", BIT(1), 5 * MINUTE, NULL,
     NULL},
    {SIM_T_CRM_PROFILE, SIM_ONCE, true, SIM_ROLE_API, 100, 4000, "profiled", BIT(1), 15 * MINUTE,
     NULL, NULL},
    {SIM_T_ERP_SALE, SIM_ONCE, false, SIM_ROLE_ERP_SALE, 300, 20000, "posted", BIT(1), 5 * MINUTE,
     "sale.rejected", "sale.reversed"},
};

static const struct sim_step sale_b[] = {
    {SIM_T_POS_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "sold", 0, 0, NULL, NULL},
    {SIM_T_MW_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900, "received", BIT(0), 30,
     "sale.rejected", NULL},
    {SIM_T_ERP_SALE, SIM_ONCE, false, SIM_ROLE_ERP_SALE, 200, 6000, "posted", BIT(1), 5 * MINUTE,
     "sale.rejected", "sale.reversed"},
    {SIM_T_INV_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 50, 2000, "stocked", BIT(1), 5 * MINUTE, NULL,
     NULL},
    {SIM_T_LOYALTY_ACCRUED, SIM_ONCE, true, SIM_ROLE_API, 60, 5000, "accrued", BIT(1), 2 * MINUTE,
     NULL, NULL},
    {SIM_T_CDP_SALE, SIM_ONCE, true, SIM_ROLE_API, 100, 8000, "profiled", BIT(1), 15 * MINUTE, NULL,
     NULL},
};

static const struct sim_step web_order[] = {
    {SIM_T_WEB_ORDER, SIM_EACH_ORDER, false, SIM_ROLE_NONE, 0, 20000, "placed", 0, 0, NULL, NULL},
    {SIM_T_PAY_AUTHORIZED, SIM_EACH_ORDER, false, SIM_ROLE_NONE, 400, 4000, "authorized", BIT(0),
     5 * MINUTE, "declined", "voided"},
    {SIM_T_MW_ORDER, SIM_EACH_ORDER, false, SIM_ROLE_NONE, 50, 1500, "received", BIT(1), 2 * MINUTE,
     "order.rejected", NULL},
    {SIM_T_ERP_ORDER, SIM_EACH_ORDER, false, SIM_ROLE_ERP, 300, 15000, "booked", BIT(2),
     10 * MINUTE, "order.rejected", "order.cancelled"},
    {SIM_T_WEB_ACK, SIM_EACH_ORDER, false, SIM_ROLE_NONE, 200, 5000, "acknowledged", BIT(3),
     10 * MINUTE, NULL, NULL},
    {SIM_T_WMS_PICKED, SIM_EACH_PARCEL, false, SIM_ROLE_NONE, 20000, 240000, "picked", BIT(3), DAY,
     "pick.short", NULL},
    {SIM_T_WMS_DISPATCHED, SIM_EACH_PARCEL, false, SIM_ROLE_NONE, 10000, 180000, "dispatched",
     BIT(5), DAY, NULL, NULL},
    {SIM_T_PAY_CAPTURED, SIM_EACH_ORDER, false, SIM_ROLE_NONE, 1000, 30000, "captured", BIT(6), DAY,
     "capture.failed", NULL},
};

static const struct sim_step collect[] = {
    {SIM_T_WEB_COLLECT, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "placed", 0, 0, NULL, NULL},
    {SIM_T_PAY_AUTHORIZED, SIM_ONCE, false, SIM_ROLE_NONE, 400, 4000, "authorized", BIT(0),
     5 * MINUTE, "declined", "voided"},
    {SIM_T_MW_ORDER, SIM_ONCE, false, SIM_ROLE_NONE, 50, 1500, "received", BIT(1), 2 * MINUTE,
     "order.rejected", NULL},
    {SIM_T_ERP_ORDER, SIM_ONCE, false, SIM_ROLE_ERP, 300, 15000, "booked", BIT(2), 10 * MINUTE,
     "order.rejected", "order.cancelled"},
    {SIM_T_POS_READY, SIM_ONCE, false, SIM_ROLE_NONE, 30000, 300000, "ready", BIT(3), 4 * HOUR,
     "order.unavailable", NULL},
    {SIM_T_WEB_ACK, SIM_ONCE, false, SIM_ROLE_NONE, 200, 5000, "acknowledged", BIT(4), 15 * MINUTE,
     NULL, NULL},
    {SIM_T_POS_COLLECTED, SIM_ONCE, false, SIM_ROLE_NONE, 60000, 600000, "collected", BIT(4),
     3 * DAY, NULL, "order.expired"},
    {SIM_T_PAY_CAPTURED, SIM_ONCE, false, SIM_ROLE_NONE, 500, 10000, "captured", BIT(6), DAY,
     "capture.failed", NULL},
};

static const struct sim_step return_store[] = {
    {SIM_T_POS_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "accepted", 0, 0, NULL, NULL},
    {SIM_T_MW_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900, "received", BIT(0), MINUTE,
     "return.rejected", NULL},
    {SIM_T_ERP_REFUND, SIM_ONCE, false, SIM_ROLE_ERP, 300, 15000, "reversed", BIT(1), DAY,
     "refund.rejected", NULL},
    {SIM_T_PAY_REFUNDED, SIM_ONCE, false, SIM_ROLE_NONE, 500, 8000, "refunded", BIT(2), 4 * HOUR,
     "refund.failed", NULL},
    {SIM_T_LOYALTY_REVERSED, SIM_ONCE, true, SIM_ROLE_API, 100, 4000, "points-reversed", BIT(2),
     HOUR, NULL, NULL},
    {SIM_T_INV_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 100, 4000, "restocked", BIT(2), HOUR, NULL,
     NULL},
};

static const struct sim_step return_online[] = {
    {SIM_T_WEB_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "accepted", 0, 0, NULL, NULL},
    {SIM_T_MW_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900, "received", BIT(0), MINUTE,
     "return.rejected", NULL},
    {SIM_T_WMS_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 30000, 300000, "inspected", BIT(1), 0, NULL,
     NULL},
    {SIM_T_ERP_REFUND, SIM_ONCE, false, SIM_ROLE_ERP, 300, 15000, "reversed", BIT(1), DAY,
     "refund.rejected", NULL},
    {SIM_T_PAY_REFUNDED, SIM_ONCE, false, SIM_ROLE_NONE, 500, 8000, "refunded", BIT(3), 4 * HOUR,
     "refund.failed", NULL},
    {SIM_T_LOYALTY_REVERSED, SIM_ONCE, true, SIM_ROLE_API, 100, 4000, "points-reversed", BIT(3),
     HOUR, NULL, NULL},
    {SIM_T_INV_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 100, 4000, "restocked", BIT(3), HOUR, NULL,
     NULL},
};

/* The first event carries context only (article, store): nothing joins it to the others. */
static const struct sim_step movement[] = {
    {SIM_T_INV_MOVED, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, NULL, 0, 0, NULL, NULL},
    {SIM_T_MW_MOVEMENT, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900, "received", 0, 0, NULL, NULL},
    {SIM_T_ERP_STOCK, SIM_ONCE, false, SIM_ROLE_ERP, 300, 9000, "posted", BIT(1), 5 * MINUTE,
     "stock.rejected", NULL},
    {SIM_T_WEB_AVAILABILITY, SIM_ONCE, false, SIM_ROLE_NONE, 200, 9000, "shown", BIT(2), 5 * MINUTE,
     NULL, NULL},
};

static const struct sim_step redemption[] = {
    {SIM_T_POS_VOUCHER, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "redeemed", 0, 0, NULL, NULL},
    {SIM_T_MW_REDEMPTION, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900, "received", BIT(0), 10,
     "redemption.rejected", NULL},
    {SIM_T_LOYALTY_REDEEMED, SIM_ONCE, true, SIM_ROLE_API, 60, 2500, "deducted", BIT(1), MINUTE,
     "redemption.rejected", "redemption.reversed"},
    {SIM_T_ERP_VOUCHER, SIM_ONCE, false, SIM_ROLE_ERP, 300, 15000, "settled", BIT(1), MINUTE,
     "voucher.rejected", NULL},
};

static const struct sim_step customer[] = {
    {SIM_T_CRM_CUSTOMER, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, NULL, 0, 0, NULL, NULL},
    {SIM_T_MW_CUSTOMER, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900, "received", 0, 0, NULL, NULL},
    {SIM_T_CDP_PROFILE, SIM_ONCE, false, SIM_ROLE_API, 100, 5000, "profiled", BIT(1), 5 * MINUTE,
     "profile.rejected", NULL},
    {SIM_T_LOYALTY_MEMBER, SIM_ONCE, false, SIM_ROLE_API, 100, 5000, "member-updated", BIT(1),
     5 * MINUTE, NULL, NULL},
};

static const struct sim_step consent[] = {
    {SIM_T_CRM_CUSTOMER, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, NULL, 0, 0, NULL, NULL},
    {SIM_T_MW_CONSENT, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900, "received", 0, 0, NULL, NULL},
    {SIM_T_CDP_PROFILE, SIM_ONCE, false, SIM_ROLE_API, 100, 5000, "profiled", BIT(1), 5 * MINUTE,
     "profile.rejected", NULL},
    {SIM_T_LOYALTY_MEMBER, SIM_ONCE, false, SIM_ROLE_API, 100, 5000, "member-updated", BIT(1),
     5 * MINUTE, NULL, NULL},
    {SIM_T_CONSENT_APPLIED, SIM_ONCE, false, SIM_ROLE_API, 100, 5000, "consented", BIT(1),
     15 * MINUTE, "consent.rejected", NULL},
};

static const struct sim_step service_case[] = {
    {SIM_T_CASE_OPENED, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "opened", 0, 0, NULL, NULL},
    {SIM_T_CRM_CASE, SIM_ONCE, false, SIM_ROLE_API, 200, 8000, "synchronized", BIT(0), 15 * MINUTE,
     "case.rejected", NULL},
    {SIM_T_CASE_ASSIGNED, SIM_ONCE, false, SIM_ROLE_NONE, 2000, 60000, "assigned", BIT(0), 4 * HOUR,
     NULL, NULL},
    {SIM_T_CASE_RESOLVED, SIM_ONCE, false, SIM_ROLE_NONE, 30000, 400000, "resolved", BIT(2),
     3 * DAY, NULL, NULL},
};

static const struct sim_step heartbeat[] = {
    {SIM_T_POS_HEARTBEAT, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, NULL, 0, 0, NULL, NULL},
};

static const struct sim_step price[] = {
    {SIM_T_ERP_PRICE, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "published", 0, 0, NULL, NULL},
    {SIM_T_POS_PRICE, SIM_EACH_STORE, false, SIM_ROLE_NONE, 5, 120, "applied", BIT(0), 2 * HOUR,
     "price.rejected", NULL},
};

static const struct sim_step promotion[] = {
    {SIM_T_CRM_PROMOTION, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "published", 0, 0, NULL, NULL},
    {SIM_T_POS_PROMOTION, SIM_EACH_STORE, false, SIM_ROLE_NONE, 5, 120, "activated", BIT(0),
     30 * MINUTE, "promotion.rejected", NULL},
};

static const struct sim_step product[] = {
    {SIM_T_ERP_PRODUCT, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "published", 0, 0, NULL, NULL},
    {SIM_T_MW_PRODUCT, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900, "received", BIT(0), MINUTE,
     "product.rejected", NULL},
    {SIM_T_WEB_PRODUCT, SIM_ONCE, false, SIM_ROLE_API, 500, 60000, "listed", BIT(1), 30 * MINUTE,
     "product.rejected", NULL},
    {SIM_T_WMS_PRODUCT, SIM_ONCE, false, SIM_ROLE_NONE, 500, 60000, "known-to-warehouse", BIT(1),
     30 * MINUTE, "product.rejected", NULL},
    {SIM_T_POS_PRODUCT, SIM_ONCE, false, SIM_ROLE_NONE, 500, 120000, "known-to-tills", BIT(1), HOUR,
     "product.rejected", NULL},
};

/* Batches: what takes days elsewhere takes minutes here. */
static const struct sim_step replenishment[] = {
    {SIM_T_INV_NEED, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "requested", 0, 0, NULL, NULL},
    {SIM_T_MW_NEED, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900, "received", BIT(0), 15 * MINUTE,
     "replenishment.rejected", NULL},
    {SIM_T_ERP_TRANSFER, SIM_ONCE, false, SIM_ROLE_ERP, 300, 60000, "ordered", BIT(1), 12 * HOUR,
     "replenishment.rejected", "replenishment.cancelled"},
    {SIM_T_WMS_TRANSFER, SIM_ONCE, false, SIM_ROLE_NONE, 60000, 600000, "dispatched", BIT(2),
     2 * DAY, NULL, NULL},
    {SIM_T_POS_DELIVERED, SIM_ONCE, false, SIM_ROLE_NONE, 60000, 600000, "delivered", BIT(3),
     3 * DAY, "replenishment.refused", NULL},
    {SIM_T_INV_STOCKED, SIM_ONCE, false, SIM_ROLE_NONE, 1000, 120000, "stocked", BIT(4), 4 * HOUR,
     NULL, NULL},
};

static const struct sim_step settlement[] = {
    {SIM_T_PAY_SETTLEMENT, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0, "announced", 0, 0, NULL, NULL},
    {SIM_T_MW_SETTLEMENT, SIM_ONCE, false, SIM_ROLE_NONE, 1000, 60000, "received", BIT(0), 4 * HOUR,
     "settlement.rejected", NULL},
    {SIM_T_ERP_SETTLEMENT, SIM_ONCE, false, SIM_ROLE_ERP, 1000, 120000, "posted", BIT(1), DAY,
     "settlement.rejected", "settlement.reversed"},
    {SIM_T_SETTLEMENT_RECONCILED, SIM_ONCE, false, SIM_ROLE_NONE, 10000, 300000, "reconciled",
     BIT(2), 2 * DAY, "settlement.unbalanced", NULL},
};

#define STEPS(table) (table), sizeof(table) / sizeof((table)[0])

const struct sim_kind_info sim_kinds[SIM_KIND_COUNT] = {
    [SIM_KIND_SALE] = {"sale-posting", 40000, SIM_LINK_TRANSACTION, STEPS(sale)},
    [SIM_KIND_SALE_B] = {"sale-posting", 36000, SIM_LINK_TRANSACTION, STEPS(sale_b)},
    [SIM_KIND_ORDER] = {"order-fulfilment", 6500, SIM_LINK_ORDER, STEPS(web_order)},
    [SIM_KIND_COLLECT] = {"click-and-collect", 2500, SIM_LINK_ORDER, STEPS(collect)},
    [SIM_KIND_RETURN_STORE] = {"return-refund", 2200, SIM_LINK_RETURN, STEPS(return_store)},
    [SIM_KIND_RETURN_ONLINE] = {"return-refund", 1300, SIM_LINK_RETURN, STEPS(return_online)},
    [SIM_KIND_MOVEMENT] = {"inventory-sync", 4500, SIM_LINK_CORRELATION, STEPS(movement)},
    [SIM_KIND_REDEMPTION] = {"loyalty-redemption", 2000, SIM_LINK_TRANSACTION, STEPS(redemption)},
    [SIM_KIND_CUSTOMER] = {"customer-sync", 1200, SIM_LINK_CORRELATION, STEPS(customer)},
    [SIM_KIND_CONSENT] = {"customer-sync", 300, SIM_LINK_CORRELATION, STEPS(consent)},
    [SIM_KIND_CASE] = {"case-sync", 800, SIM_LINK_CASE, STEPS(service_case)},
    [SIM_KIND_HEARTBEAT] = {"till-check", 2395, (enum sim_link)0, STEPS(heartbeat)},
    [SIM_KIND_PRICE] = {"price-update", 3, SIM_LINK_PROMOTION, STEPS(price)},
    [SIM_KIND_PROMOTION] = {"promotion-rollout", 2, SIM_LINK_PROMOTION, STEPS(promotion)},
    [SIM_KIND_PRODUCT] = {"product-master", 120, SIM_LINK_CORRELATION, STEPS(product)},
    [SIM_KIND_REPLENISHMENT] = {"replenishment", 150, SIM_LINK_CORRELATION, STEPS(replenishment)},
    [SIM_KIND_SETTLEMENT] = {"settlement", 30, SIM_LINK_CORRELATION, STEPS(settlement)},
};

unsigned sim_step_repeats(const struct sim_step *step, const struct sim_flow *flow,
                          uint32_t store_count)
{
    if (step->needs_customer && flow->customer == 0) {
        return 0;
    }
    switch (step->per) {
    case SIM_EACH_ORDER:
        return flow->orders;
    case SIM_EACH_PARCEL:
        return flow->parcels;
    case SIM_EACH_STORE:
        return store_count;
    case SIM_ONCE:
    default:
        return 1;
    }
}

/* Others of the flow come after the step. */
static bool is_awaited(const struct sim_flow *flow)
{
    const struct sim_kind_info *kind = &sim_kinds[flow->kind];
    for (unsigned s = flow->step + 1u; s < kind->step_count; s++) {
        if ((kind->steps[s].after & BIT(flow->step)) != 0) {
            return true;
        }
    }
    return false;
}

bool sim_flow_put_off(struct sim_flow *flow)
{
    if (sim_flow_step(flow)->per != SIM_ONCE || flow->put_off_count == SIM_PUT_OFF_MAX ||
        is_awaited(flow)) {
        return false;
    }
    flow->put_off[flow->put_off_count++] = (struct sim_put_off){
        .due_us = flow->due_us, .step = flow->step, .attempt = flow->attempt, .flags = flow->flags};
    flow->flags = 0;
    return true;
}

/* The first of what was put off becomes the step at hand. */
static bool take_put_off(struct sim_flow *flow)
{
    unsigned first = 0;
    if (flow->put_off_count == 0) {
        return false;
    }
    for (unsigned i = 1; i < flow->put_off_count; i++) {
        first = flow->put_off[i].due_us < flow->put_off[first].due_us ? i : first;
    }
    const struct sim_put_off taken = flow->put_off[first];
    flow->put_off[first] = flow->put_off[--flow->put_off_count];
    flow->is_catching_up = 1;
    flow->due_us = taken.due_us > flow->due_us ? taken.due_us : flow->due_us;
    flow->step = taken.step;
    flow->attempt = taken.attempt;
    flow->flags = taken.flags;
    return true;
}

bool sim_flow_advance(struct sim_flow *flow, uint32_t store_count)
{
    const struct sim_kind_info *kind = &sim_kinds[flow->kind];
    if (flow->is_catching_up != 0) {
        return take_put_off(flow);
    }
    flow->attempt = 0;
    flow->rep++;
    if (flow->rep < sim_step_repeats(&kind->steps[flow->step], flow, store_count)) {
        return true;
    }
    flow->rep = 0;
    for (;;) {
        flow->step++;
        if (flow->step >= kind->step_count) {
            return take_put_off(flow);
        }
        if (sim_step_repeats(&kind->steps[flow->step], flow, store_count) > 0) {
            return true;
        }
    }
}

int64_t sim_step_lag_us(const struct sim_step *step, struct sim_random *random)
{
    double u = sim_random_unit(random);
    double span_us = (double)(step->most_ms - step->least_ms) * 1000.0;
    return (int64_t)step->least_ms * 1000 + (int64_t)(span_us * u * u * u);
}

static bool is_named(const char *pattern, const char *name)
{
    return strcmp(pattern, "any") == 0 || (name != NULL && strcmp(pattern, name) == 0);
}

bool sim_flow_has(const char *workflow, const char *step)
{
    for (unsigned k = 0; k < SIM_KIND_COUNT; k++) {
        const struct sim_kind_info *kind = &sim_kinds[k];
        for (unsigned s = 0; s < kind->step_count && is_named(workflow, kind->name); s++) {
            if (kind->steps[s].within_s > 0 && is_named(step, kind->steps[s].name)) {
                return true;
            }
        }
    }
    return false;
}

unsigned sim_step_orders(struct sim_flow *flow, unsigned ret_index[8])
{
    const struct sim_step *step = sim_flow_step(flow);
    unsigned candidates[8] = {step->per == SIM_EACH_ORDER ? flow->rep : 0};
    unsigned candidate_count = 1;
    unsigned count = 0;
    if (step->per == SIM_EACH_PARCEL) {
        flow->held = 0;
        candidate_count = sim_parcel_orders(flow, flow->rep, candidates);
    }
    for (unsigned i = 0; i < candidate_count; i++) {
        unsigned at = candidates[i];
        if ((flow->undone[at] & (step->after | BIT(flow->step))) != 0) {
            flow->undone[at] |= (uint16_t)BIT(flow->step);
            flow->held |= (uint8_t)BIT(at);
        } else {
            ret_index[count++] = at;
        }
    }
    return count;
}

void sim_step_omit(struct sim_flow *flow, const unsigned *index, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        flow->undone[index[i]] |= (uint16_t)BIT(flow->step);
    }
}

void sim_flows_list(FILE *out)
{
    for (unsigned k = 0; k < SIM_KIND_COUNT; k++) {
        const struct sim_kind_info *kind = &sim_kinds[k];
        for (unsigned s = 0; s < kind->step_count; s++) {
            const struct sim_step *step = &kind->steps[s];
            const char *after = "-";
            for (unsigned before = 0; before < s; before++) {
                after = (step->after & BIT(before)) != 0 ? kind->steps[before].name : after;
            }
            (void)fprintf(out, "%-18s %5u %-18s %-12s %6u %6u %6u %s %s\n", kind->name,
                          kind->weight, step->name == NULL ? "-" : step->name, after,
                          step->within_s, step->least_ms, step->most_ms,
                          step->failure == NULL ? "-" : step->failure,
                          step->taken_back == NULL ? "-" : step->taken_back);
        }
    }
}

bool sim_flow_share(uint32_t weights[SIM_KIND_COUNT], struct tw_str workflow, unsigned long share)
{
    uint32_t first = SIM_KIND_COUNT;
    unsigned long before = 0;
    for (uint32_t k = 0; k < SIM_KIND_COUNT; k++) {
        if (k != SIM_KIND_HEARTBEAT && tw_str_is(workflow, sim_kinds[k].name)) {
            first = first == SIM_KIND_COUNT ? k : first;
            before += weights[k];
        }
    }
    unsigned long there_are = before + weights[SIM_KIND_HEARTBEAT];
    if (first == SIM_KIND_COUNT || share > there_are) {
        return false;
    }
    /* Of several sorts of flows the others keep their share of the workflow. */
    weights[SIM_KIND_HEARTBEAT] = (uint32_t)(there_are - share);
    unsigned long rest = share;
    for (uint32_t k = first + 1; k < SIM_KIND_COUNT; k++) {
        if (strcmp(sim_kinds[k].name, sim_kinds[first].name) == 0) {
            weights[k] = before == 0 ? 0 : (uint32_t)(weights[k] * share / before);
            rest -= weights[k];
        }
    }
    weights[first] = (uint32_t)rest;
    return true;
}
