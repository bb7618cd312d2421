/* SPDX-License-Identifier: Apache-2.0
 * The tables of flows and steps.
 */
#include "config.h"
#include "simulator/flows.h"

/* Lags are those of a well-run estate: checkout in seconds, posting within half a minute, the
 * warehouse in minutes (a fast one, so that a demonstration shows whole orders). */
static const struct sim_step sale[] = {
    {SIM_T_POS_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_MW_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900},
    {SIM_T_LOYALTY_ACCRUED, SIM_ONCE, true, SIM_ROLE_API, 60, 2500},
    {SIM_T_INV_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 50, 3000},
    {SIM_T_CRM_PROFILE, SIM_ONCE, true, SIM_ROLE_API, 100, 4000},
    {SIM_T_ERP_SALE, SIM_ONCE, false, SIM_ROLE_ERP_SALE, 300, 20000},
};

static const struct sim_step sale_b[] = {
    {SIM_T_POS_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_MW_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900},
    {SIM_T_ERP_SALE, SIM_ONCE, false, SIM_ROLE_ERP_SALE, 200, 6000},
    {SIM_T_INV_SALE, SIM_ONCE, false, SIM_ROLE_NONE, 50, 2000},
    {SIM_T_LOYALTY_ACCRUED, SIM_ONCE, true, SIM_ROLE_API, 60, 5000},
    {SIM_T_CDP_SALE, SIM_ONCE, true, SIM_ROLE_API, 100, 8000},
};

static const struct sim_step order[] = {
    {SIM_T_WEB_ORDER, SIM_EACH_ORDER, false, SIM_ROLE_NONE, 0, 20000},
    {SIM_T_PAY_AUTHORIZED, SIM_EACH_ORDER, false, SIM_ROLE_NONE, 400, 4000},
    {SIM_T_MW_ORDER, SIM_EACH_ORDER, false, SIM_ROLE_NONE, 50, 1500},
    {SIM_T_ERP_ORDER, SIM_EACH_ORDER, false, SIM_ROLE_ERP, 300, 15000},
    {SIM_T_WEB_ACK, SIM_EACH_ORDER, false, SIM_ROLE_NONE, 200, 5000},
    {SIM_T_WMS_PICKED, SIM_EACH_PARCEL, false, SIM_ROLE_NONE, 20000, 240000},
    {SIM_T_WMS_DISPATCHED, SIM_EACH_PARCEL, false, SIM_ROLE_NONE, 10000, 180000},
    {SIM_T_PAY_CAPTURED, SIM_EACH_ORDER, false, SIM_ROLE_NONE, 1000, 30000},
};

static const struct sim_step collect[] = {
    {SIM_T_WEB_COLLECT, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_PAY_AUTHORIZED, SIM_ONCE, false, SIM_ROLE_NONE, 400, 4000},
    {SIM_T_MW_ORDER, SIM_ONCE, false, SIM_ROLE_NONE, 50, 1500},
    {SIM_T_ERP_ORDER, SIM_ONCE, false, SIM_ROLE_ERP, 300, 15000},
    {SIM_T_POS_READY, SIM_ONCE, false, SIM_ROLE_NONE, 30000, 300000},
    {SIM_T_WEB_ACK, SIM_ONCE, false, SIM_ROLE_NONE, 200, 5000},
    {SIM_T_POS_COLLECTED, SIM_ONCE, false, SIM_ROLE_NONE, 60000, 600000},
    {SIM_T_PAY_CAPTURED, SIM_ONCE, false, SIM_ROLE_NONE, 500, 10000},
};

static const struct sim_step return_store[] = {
    {SIM_T_POS_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_MW_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900},
    {SIM_T_ERP_REFUND, SIM_ONCE, false, SIM_ROLE_ERP, 300, 15000},
    {SIM_T_PAY_REFUNDED, SIM_ONCE, false, SIM_ROLE_NONE, 500, 8000},
    {SIM_T_LOYALTY_REVERSED, SIM_ONCE, true, SIM_ROLE_API, 100, 4000},
    {SIM_T_INV_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 100, 4000},
};

static const struct sim_step return_online[] = {
    {SIM_T_WEB_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_MW_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900},
    {SIM_T_WMS_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 30000, 300000},
    {SIM_T_ERP_REFUND, SIM_ONCE, false, SIM_ROLE_ERP, 300, 15000},
    {SIM_T_PAY_REFUNDED, SIM_ONCE, false, SIM_ROLE_NONE, 500, 8000},
    {SIM_T_LOYALTY_REVERSED, SIM_ONCE, true, SIM_ROLE_API, 100, 4000},
    {SIM_T_INV_RETURN, SIM_ONCE, false, SIM_ROLE_NONE, 100, 4000},
};

/* The first event carries context only (article, store): nothing joins it to the others. */
static const struct sim_step movement[] = {
    {SIM_T_INV_MOVED, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_MW_MOVEMENT, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900},
    {SIM_T_ERP_STOCK, SIM_ONCE, false, SIM_ROLE_ERP, 300, 9000},
    {SIM_T_WEB_AVAILABILITY, SIM_ONCE, false, SIM_ROLE_NONE, 200, 9000},
};

static const struct sim_step redemption[] = {
    {SIM_T_POS_VOUCHER, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_MW_REDEMPTION, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900},
    {SIM_T_LOYALTY_REDEEMED, SIM_ONCE, true, SIM_ROLE_API, 60, 2500},
    {SIM_T_ERP_VOUCHER, SIM_ONCE, false, SIM_ROLE_ERP, 300, 15000},
};

static const struct sim_step customer[] = {
    {SIM_T_CRM_CUSTOMER, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_MW_CUSTOMER, SIM_ONCE, false, SIM_ROLE_NONE, 40, 900},
    {SIM_T_CDP_PROFILE, SIM_ONCE, false, SIM_ROLE_API, 100, 5000},
    {SIM_T_LOYALTY_MEMBER, SIM_ONCE, false, SIM_ROLE_API, 100, 5000},
};

static const struct sim_step service_case[] = {
    {SIM_T_CASE_OPENED, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_CASE_ASSIGNED, SIM_ONCE, false, SIM_ROLE_NONE, 2000, 60000},
    {SIM_T_CASE_RESOLVED, SIM_ONCE, false, SIM_ROLE_NONE, 30000, 400000},
};

static const struct sim_step heartbeat[] = {
    {SIM_T_POS_HEARTBEAT, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
};

static const struct sim_step price[] = {
    {SIM_T_ERP_PRICE, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_POS_PRICE, SIM_EACH_STORE, false, SIM_ROLE_NONE, 5, 120},
};

static const struct sim_step promotion[] = {
    {SIM_T_CRM_PROMOTION, SIM_ONCE, false, SIM_ROLE_NONE, 0, 0},
    {SIM_T_POS_PROMOTION, SIM_EACH_STORE, false, SIM_ROLE_NONE, 5, 120},
};

#define STEPS(table) (table), sizeof(table) / sizeof((table)[0])

const struct sim_kind_info sim_kinds[SIM_KIND_COUNT] = {
    [SIM_KIND_SALE] = {"sale-posting", 40000, STEPS(sale)},
    [SIM_KIND_SALE_B] = {"sale-posting", 36000, STEPS(sale_b)},
    [SIM_KIND_ORDER] = {"order-fulfilment", 6500, STEPS(order)},
    [SIM_KIND_COLLECT] = {"click-and-collect", 2500, STEPS(collect)},
    [SIM_KIND_RETURN_STORE] = {"return-refund", 2200, STEPS(return_store)},
    [SIM_KIND_RETURN_ONLINE] = {"return-refund", 1300, STEPS(return_online)},
    [SIM_KIND_MOVEMENT] = {"inventory-sync", 4500, STEPS(movement)},
    [SIM_KIND_REDEMPTION] = {"loyalty-redemption", 2000, STEPS(redemption)},
    [SIM_KIND_CUSTOMER] = {"customer-sync", 1500, STEPS(customer)},
    [SIM_KIND_CASE] = {"case-sync", 800, STEPS(service_case)},
    [SIM_KIND_HEARTBEAT] = {"till-check", 2695, STEPS(heartbeat)},
    [SIM_KIND_PRICE] = {"price-update", 3, STEPS(price)},
    [SIM_KIND_PROMOTION] = {"promotion-rollout", 2, STEPS(promotion)},
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

bool sim_flow_advance(struct sim_flow *flow, uint32_t store_count)
{
    const struct sim_kind_info *kind = &sim_kinds[flow->kind];
    flow->attempt = 0;
    flow->rep++;
    if (flow->rep < sim_step_repeats(&kind->steps[flow->step], flow, store_count)) {
        return true;
    }
    flow->rep = 0;
    for (;;) {
        flow->step++;
        if (flow->step >= kind->step_count) {
            return false;
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
