/* SPDX-License-Identifier: Apache-2.0
 * Templates of the event types. In a template <name> is a slot; JSON has no use for '<' here.
 * The head (specversion, id, source, type, time, sequence) and the slot for extra attributes are
 * the same for all.
 */
#include "config.h"
#include "simulator/types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "core/str.h"
#include "simulator/flows.h"

enum slot {
    S_END,
    S_ID,
    S_SOURCE,
    S_TIME,
    S_SEQ,
    S_EXTRA,
    S_STORE,
    S_TILL,
    S_REGION,
    S_TXN,
    S_ORDER,
    S_ORDERS,
    S_RETURN,
    S_ORIGIN,
    S_SHIPMENT,
    S_PAYMENT,
    S_CUSTOMER,
    S_CUSTOMER_ATTR,
    S_NUMBER,
    S_CORR,
    S_TRACE,
    S_AMOUNT,
    S_NET,
    S_TAX,
    S_CURRENCY,
    S_SKU,
    S_LINE,
    S_LINES,
    S_QTY,
    S_POINTS,
    S_SMALL,
    S_HEX,
    S_COUNT
};

static const char *const slot_names[S_COUNT] = {
    [S_END] = "",           [S_ID] = "id",         [S_SOURCE] = "source",
    [S_TIME] = "time",      [S_SEQ] = "seq",       [S_EXTRA] = "extra",
    [S_STORE] = "store",    [S_TILL] = "till",     [S_REGION] = "region",
    [S_TXN] = "txn",        [S_ORDER] = "order",   [S_ORDERS] = "orders",
    [S_RETURN] = "return",  [S_ORIGIN] = "origin", [S_SHIPMENT] = "shipment",
    [S_PAYMENT] = "pay",    [S_CUSTOMER] = "cust", [S_CUSTOMER_ATTR] = "customer",
    [S_NUMBER] = "number",  [S_CORR] = "corr",     [S_TRACE] = "trace",
    [S_AMOUNT] = "amount",  [S_NET] = "net",       [S_TAX] = "tax",
    [S_CURRENCY] = "money", [S_SKU] = "sku",       [S_LINE] = "line",
    [S_LINES] = "lines",    [S_QTY] = "qty",       [S_POINTS] = "points",
    [S_SMALL] = "small",    [S_HEX] = "hex",
};

/* Attributes that come up together. */
#define A_REGION   "\"region\":\"<region>\","
#define A_STORE    "\"storeid\":\"<store>\"," A_REGION
#define A_TILL     A_STORE "\"registerid\":\"<till>\",\"channel\":\"store\","
#define A_MONEY    "\"amount\":\"<amount>\",\"currency\":\"<money>\","
#define A_TXN      "\"transactionid\":\"<txn>\","
#define A_ORDER    "\"orderid\":\"<order>\","
#define A_RETURN   "\"returnid\":\"<return>\","
#define A_ORIGIN   "<origin>" /* transactionid or orderid of what is returned */
#define A_PAYMENT  "\"paymentid\":\"<pay>\","
#define A_SHIPMENT "\"shipmentid\":\"P<shipment>\",\"orderid\":\"<orders>\","
#define A_CASE     "\"caseid\":\"CS-<number>\","
#define A_PROMO    "\"promotionid\":\"PR-<number>\","
#define A_CORR     "\"correlationid\":\"flow-<corr>\","
#define A_TRACE    "\"traceparent\":\"00-<trace>-01\","
#define A_CUSTOMER "<customer>"
#define A_WEB      "\"channel\":\"web\","

#define A_DELIVERY "\"fulfilment\":\"delivery\","
#define A_COLLECT  "\"fulfilment\":\"collect\","

#define D_ROUTE "\"route\":{\"message\":\"<hex>\",\"hops\":<small>,\"queue\":\"retail."

static const struct {
    enum sim_system system;
    const char *verb;
    const char *attributes;
    const char *data;
} sources[SIM_T_COUNT] = {
    [SIM_T_POS_SALE] = {SIM_POS, "sale.completed", A_TXN A_TILL A_CUSTOMER A_MONEY,
                        "{\"receipt\":\"<txn>\",\"cashier\":\"E-1<small>7\",\"lines\":[<lines>],"
                        "\"net\":\"<net>\",\"tax\":\"<tax>\",\"gross\":\"<amount>\","
                        "\"tender\":\"card\"}"},
    [SIM_T_POS_HEARTBEAT] = {SIM_POS, "till.checked", A_TILL,
                             "{\"software\":\"8.4.<small>\",\"drawer\":\"closed\",\"printer\":"
                             "{\"state\":\"ready\",\"paper\":\"ok\"},\"terminal\":{\"serial\":"
                             "\"<hex>\",\"battery\":<small>,\"signal\":\"good\"}}"},
    [SIM_T_POS_READY] = {SIM_POS, "order.ready", A_ORDER A_TILL A_CUSTOMER,
                         "{\"shelf\":\"K-<small>\",\"lines\":[<lines>],\"notified\":true}"},
    [SIM_T_POS_COLLECTED] = {SIM_POS, "order.collected", A_ORDER A_TILL A_CUSTOMER A_MONEY,
                             "{\"shelf\":\"K-<small>\",\"proof\":\"code\",\"lines\":[<lines>]}"},
    [SIM_T_POS_RETURN] = {SIM_POS, "return.accepted", A_RETURN A_ORIGIN A_TILL A_CUSTOMER A_MONEY,
                          "{\"reason\":\"does not fit\",\"lines\":[<line>],\"refund\":\"<amount>\","
                          "\"condition\":\"as new\"}"},
    [SIM_T_POS_VOUCHER] = {SIM_POS, "voucher.redeemed", A_TXN A_TILL A_CUSTOMER A_MONEY,
                           "{\"voucher\":\"V<hex>\",\"value\":\"<amount>\",\"points\":<points>,"
                           "\"receipt\":\"<txn>\"}"},
    [SIM_T_POS_PRICE] = {SIM_POS, "price.applied", A_PROMO A_TILL "\"sku\":\"<sku>\",",
                         "{\"list\":\"PR-<number>\",\"articles\":<small>,\"labels\":\"printed\","
                         "\"line\":<line>}"},
    [SIM_T_POS_PROMOTION] = {SIM_POS, "promotion.activated", A_PROMO A_TILL,
                             "{\"promotion\":\"PR-<number>\",\"rules\":<small>,\"line\":<line>}"},
    [SIM_T_POS_PRODUCT] = {SIM_POS, "product.updated", A_CORR A_TILL "\"sku\":\"<sku>\",",
                           "{\"plu\":<small>,\"label\":\"<hex>\",\"tills\":<small>,\"line\":<line>,"
                           "\"file\":\"P<hex>\"}"},
    [SIM_T_POS_DELIVERED] =
        {SIM_POS, "replenishment.delivered", A_CORR A_TILL "\"sku\":\"<sku>\",",
         "{\"pallet\":\"<hex>\",\"boxes\":<small>,\"seal\":\"intact\",\"line\":<line>}"},
    [SIM_T_MW_SALE] = {SIM_MIDDLEWARE, "sale.received", A_TXN A_CORR A_STORE A_MONEY,
                       "{" D_ROUTE "sale\"},\"mapped\":[\"erp\",\"loyalty\",\"inventory\",\"crm\"],"
                       "\"bytes\":18<small>4,\"schema\":\"pos-sale-3.2\"}"},
    [SIM_T_MW_ORDER] = {SIM_MIDDLEWARE, "order.received", A_ORDER A_CORR A_TRACE,
                        "{" D_ROUTE "order\"},\"mapped\":[\"erp\",\"wms\",\"crm\"],"
                        "\"bytes\":24<small>9,\"schema\":\"web-order-2.0\"}"},
    [SIM_T_MW_RETURN] = {SIM_MIDDLEWARE, "return.received", A_RETURN A_CORR A_STORE,
                         "{" D_ROUTE "return\"},\"mapped\":[\"erp\",\"payment\",\"loyalty\"],"
                         "\"bytes\":12<small>8,\"schema\":\"return-1.4\"}"},
    [SIM_T_MW_REDEMPTION] = {SIM_MIDDLEWARE, "redemption.received", A_TXN A_CORR A_STORE,
                             "{" D_ROUTE "redemption\"},\"mapped\":[\"loyalty\",\"erp\"],"
                             "\"bytes\":9<small>2,\"schema\":\"voucher-1.1\"}"},
    [SIM_T_MW_MOVEMENT] = {SIM_MIDDLEWARE, "movement.received", A_CORR A_STORE "\"sku\":\"<sku>\",",
                           "{" D_ROUTE "stock\"},\"mapped\":[\"erp\",\"ecommerce\"],"
                           "\"bytes\":7<small>6,\"schema\":\"stock-2.2\"}"},
    [SIM_T_MW_CUSTOMER] = {SIM_MIDDLEWARE, "customer.received", A_CORR A_CUSTOMER A_REGION,
                           "{" D_ROUTE "customer\"},\"mapped\":[\"cdp\",\"loyalty\"],"
                           "\"bytes\":11<small>3,\"schema\":\"customer-5.0\"}"},
    [SIM_T_MW_CONSENT] = {SIM_MIDDLEWARE, "customer.received",
                          A_CORR A_CUSTOMER A_REGION "\"consent\":\"mail\",",
                          "{" D_ROUTE "customer\"},\"mapped\":[\"cdp\",\"loyalty\",\"marketing\"],"
                          "\"bytes\":11<small>3,\"schema\":\"customer-5.0\"}"},
    [SIM_T_MW_PRODUCT] = {SIM_MIDDLEWARE, "product.received", A_CORR "\"sku\":\"<sku>\",",
                          "{" D_ROUTE "product\"},\"mapped\":[\"ecommerce\",\"wms\",\"pos\"],"
                          "\"bytes\":31<small>7,\"schema\":\"product-6.1\"}"},
    [SIM_T_MW_NEED] = {SIM_MIDDLEWARE, "replenishment.received",
                       A_CORR A_STORE "\"sku\":\"<sku>\",",
                       "{" D_ROUTE "replenishment\"},\"mapped\":[\"erp\"],"
                       "\"bytes\":8<small>4,\"schema\":\"need-1.0\"}"},
    [SIM_T_MW_SETTLEMENT] = {SIM_MIDDLEWARE, "settlement.received", A_CORR A_MONEY,
                             "{" D_ROUTE "settlement\"},\"mapped\":[\"erp\",\"finance\"],"
                             "\"bytes\":93<small>1,\"schema\":\"settlement-2.3\"}"},
    [SIM_T_ERP_SALE] = {SIM_ERP, "sale.posted", A_TXN A_CORR A_STORE A_MONEY,
                        "{\"document\":\"49<hex>\",\"company\":\"1000\",\"journal\":\"POS\","
                        "\"lines\":[<line>],\"net\":\"<net>\",\"tax\":\"<tax>\"}"},
    [SIM_T_ERP_ORDER] = {SIM_ERP, "order.created", A_ORDER A_CORR A_MONEY,
                         "{\"document\":\"30<hex>\",\"company\":\"1000\",\"type\":\"ZWEB\","
                         "\"lines\":[<line>],\"net\":\"<net>\",\"tax\":\"<tax>\"}"},
    [SIM_T_ERP_REFUND] = {SIM_ERP, "refund.posted", A_RETURN A_ORIGIN A_CORR A_STORE A_MONEY,
                          "{\"document\":\"51<hex>\",\"company\":\"1000\",\"journal\":\"RET\","
                          "\"net\":\"<net>\",\"tax\":\"<tax>\"}"},
    [SIM_T_ERP_STOCK] = {SIM_ERP, "stock.posted", A_CORR A_STORE "\"sku\":\"<sku>\",",
                         "{\"document\":\"50<hex>\",\"movement\":\"311\",\"line\":<line>,"
                         "\"plant\":\"<store>\"}"},
    [SIM_T_ERP_VOUCHER] = {SIM_ERP, "voucher.settled", A_TXN A_CORR A_STORE A_MONEY,
                           "{\"document\":\"52<hex>\",\"company\":\"1000\",\"account\":\"231000\","
                           "\"value\":\"<amount>\"}"},
    [SIM_T_ERP_PRICE] = {SIM_ERP, "price.published", A_PROMO "\"sku\":\"<sku>\",",
                         "{\"list\":\"PR-<number>\",\"articles\":<small>,\"valid\":\"next day\","
                         "\"line\":<line>}"},
    [SIM_T_ERP_PRODUCT] =
        {SIM_ERP, "product.published", A_CORR "\"sku\":\"<sku>\",",
         "{\"material\":\"10<hex>\",\"version\":<small>,\"status\":\"active\",\"line\":<line>}"},
    [SIM_T_ERP_TRANSFER] =
        {SIM_ERP, "replenishment.ordered", A_CORR A_STORE "\"sku\":\"<sku>\",",
         "{\"document\":\"45<hex>\",\"type\":\"UB\",\"plant\":\"<store>\",\"line\":<line>}"},
    [SIM_T_ERP_SETTLEMENT] = {SIM_ERP, "settlement.posted", A_CORR A_MONEY,
                              "{\"document\":\"19<hex>\",\"company\":\"1000\",\"account\":"
                              "\"113100\",\"net\":\"<net>\",\"fee\":\"0.<small>\"}"},
    [SIM_T_LOYALTY_ACCRUED] = {SIM_LOYALTY, "points.accrued", A_TXN A_STORE A_CUSTOMER,
                               "{\"points\":<points>,\"tier\":\"silver\",\"base\":\"<net>\","
                               "\"balance\":4<small>5,\"booking\":\"<hex>\",\"campaign\":null}"},
    [SIM_T_LOYALTY_REVERSED] = {SIM_LOYALTY, "points.reversed", A_RETURN A_CUSTOMER,
                                "{\"points\":<points>,\"tier\":\"silver\",\"balance\":3<small>5,"
                                "\"booking\":\"<hex>\",\"because\":\"return\"}"},
    [SIM_T_LOYALTY_REDEEMED] = {SIM_LOYALTY, "points.redeemed", A_TXN A_STORE A_CUSTOMER,
                                "{\"points\":<points>,\"tier\":\"gold\",\"value\":\"<amount>\","
                                "\"balance\":2<small>5,\"booking\":\"<hex>\"}"},
    [SIM_T_LOYALTY_MEMBER] = {SIM_LOYALTY, "member.updated", A_CORR A_CUSTOMER,
                              "{\"tier\":\"silver\",\"since\":\"2019-04-01\",\"card\":\"29<hex>\","
                              "\"newsletter\":true}"},
    [SIM_T_CRM_PROFILE] = {SIM_CRM, "profile.updated", A_TXN A_STORE A_CUSTOMER,
                           "{\"visits\":<small>,\"last\":\"<time>\",\"preferred\":\"<store>\","
                           "\"spend\":\"<amount>\",\"segment\":\"family\"}"},
    [SIM_T_CRM_CUSTOMER] = {SIM_CRM, "customer.changed", A_CUSTOMER,
                            "{\"fields\":[\"email\",\"consent\"],\"consent\":{\"mail\":true,"
                            "\"push\":false},\"version\":<small>,\"by\":\"selfcare\"}"},
    [SIM_T_CRM_PROMOTION] = {SIM_CRM, "promotion.published", A_PROMO,
                             "{\"promotion\":\"PR-<number>\",\"rules\":<small>,"
                             "\"channels\":[\"store\",\"web\"],\"line\":<line>}"},
    [SIM_T_CRM_CASE] =
        {SIM_CRM, "case.synchronized", A_CASE A_CUSTOMER,
         "{\"activity\":\"<hex>\",\"owner\":\"A-<small>\",\"visible\":true,\"ticket\":\"<hex>\"}"},
    [SIM_T_CDP_PROFILE] = {SIM_CDP, "profile.updated", A_CORR A_CUSTOMER,
                           "{\"traits\":{\"visits\":<small>,\"spend\":\"<amount>\"},"
                           "\"identity\":\"<hex>\",\"segment\":\"family\"}"},
    /* That of a sale names the store, which tells it from a change by the customer. */
    [SIM_T_CDP_SALE] = {SIM_CDP, "profile.updated", A_CORR A_STORE A_CUSTOMER,
                        "{\"traits\":{\"visits\":<small>,\"spend\":\"<amount>\"},"
                        "\"identity\":\"<hex>\",\"segment\":\"family\"}"},
    [SIM_T_INV_SALE] = {SIM_INVENTORY, "stock.updated", A_TXN A_STORE "\"sku\":\"<sku>\",",
                        "{\"movement\":\"sale\",\"line\":<line>,\"onhand\":1<small>,"
                        "\"reserved\":2,\"safety\":4,\"booking\":\"<hex>\"}"},
    [SIM_T_INV_RETURN] = {SIM_INVENTORY, "stock.updated", A_RETURN A_STORE "\"sku\":\"<sku>\",",
                          "{\"movement\":\"return\",\"line\":<line>,\"onhand\":1<small>,"
                          "\"reserved\":2,\"safety\":4,\"booking\":\"<hex>\"}"},
    [SIM_T_INV_MOVED] = {SIM_INVENTORY, "stock.moved", A_STORE "\"sku\":\"<sku>\",",
                         "{\"movement\":\"transfer\",\"line\":<line>,\"from\":\"DC-<small>\","
                         "\"to\":\"<store>\",\"booking\":\"<hex>\"}"},
    [SIM_T_INV_NEED] = {SIM_INVENTORY, "replenishment.requested",
                        A_CORR A_STORE "\"sku\":\"<sku>\",",
                        "{\"onhand\":1,\"reorder\":<small>,\"quantity\":<small>,\"line\":<line>}"},
    [SIM_T_INV_STOCKED] =
        {SIM_INVENTORY, "replenishment.booked", A_CORR A_STORE "\"sku\":\"<sku>\",",
         "{\"movement\":\"101\",\"onhand\":1<small>,\"line\":<line>,\"booking\":\"<hex>\"}"},
    [SIM_T_WEB_ORDER] = {SIM_ECOMMERCE, "order.created",
                         A_ORDER A_WEB A_DELIVERY A_TRACE A_CUSTOMER A_MONEY,
                         "{\"cart\":\"<hex>\",\"lines\":[<lines>],\"net\":\"<net>\","
                         "\"tax\":\"<tax>\",\"delivery\":\"standard\"}"},
    [SIM_T_WEB_COLLECT] = {SIM_ECOMMERCE, "order.created",
                           A_ORDER A_WEB A_COLLECT A_TRACE A_CUSTOMER A_MONEY,
                           "{\"cart\":\"<hex>\",\"lines\":[<lines>],\"net\":\"<net>\","
                           "\"tax\":\"<tax>\",\"pickup\":\"<store>\"}"},
    [SIM_T_WEB_CANCELLED] =
        {SIM_ECOMMERCE, "order.cancelled", A_ORDER A_WEB A_CUSTOMER,
         "{\"by\":\"customer\",\"reason\":\"ordered twice\",\"mail\":\"<hex>\",\"line\":<line>}"},
    [SIM_T_WEB_ACK] = {SIM_ECOMMERCE, "order.acknowledged", A_ORDER A_WEB A_CUSTOMER,
                       "{\"mail\":\"<hex>\",\"template\":\"order-confirmed\",\"language\":\"en\","
                       "\"lines\":[<line>]}"},
    [SIM_T_WEB_RETURN] = {SIM_ECOMMERCE, "return.announced",
                          A_RETURN A_ORIGIN A_WEB A_CUSTOMER A_MONEY,
                          "{\"label\":\"<hex>\",\"reason\":\"changed my mind\","
                          "\"lines\":[<line>]}"},
    [SIM_T_WEB_AVAILABILITY] = {SIM_ECOMMERCE, "availability.updated",
                                A_CORR A_STORE "\"sku\":\"<sku>\",",
                                "{\"available\":1<small>,\"shown\":\"in stock\",\"line\":<line>,"
                                "\"cache\":\"<hex>\"}"},
    [SIM_T_WEB_PRODUCT] =
        {SIM_ECOMMERCE, "product.updated", A_CORR A_WEB "\"sku\":\"<sku>\",",
         "{\"page\":\"<hex>\",\"pictures\":<small>,\"online\":true,\"line\":<line>}"},
    [SIM_T_PAY_AUTHORIZED] = {SIM_PAYMENT, "authorized", A_PAYMENT A_ORDER A_TRACE A_MONEY,
                              "{\"psp\":\"<hex>\",\"method\":\"card\",\"scheme\":\"visa\","
                              "\"risk\":<small>,\"authcode\":\"0<small>7\",\"3ds\":true}"},
    [SIM_T_PAY_CAPTURED] = {SIM_PAYMENT, "captured", A_PAYMENT A_ORDER A_MONEY,
                            "{\"psp\":\"<hex>\",\"method\":\"card\",\"scheme\":\"visa\","
                            "\"settlement\":\"next day\",\"fee\":\"0.<small>\",\"final\":true}"},
    [SIM_T_PAY_REFUNDED] = {SIM_PAYMENT, "refunded", A_PAYMENT A_RETURN A_MONEY,
                            "{\"psp\":\"<hex>\",\"method\":\"card\",\"scheme\":\"visa\","
                            "\"settlement\":\"3 days\",\"fee\":\"0.<small>\"}"},
    [SIM_T_PAY_SETTLEMENT] =
        {SIM_PAYMENT, "settlement.announced", A_CORR A_MONEY,
         "{\"psp\":\"<hex>\",\"payments\":4<small>,\"file\":\"STL-<hex>\",\"fee\":\"1.<small>\"}"},
    [SIM_T_WMS_PICKED] = {SIM_WMS, "pick.completed", A_SHIPMENT,
                          "{\"picker\":\"W-<small>\",\"zone\":\"B\",\"lines\":[<lines>],"
                          "\"totes\":1}"},
    [SIM_T_WMS_DISPATCHED] = {SIM_WMS, "shipment.dispatched", A_SHIPMENT A_CUSTOMER,
                              "{\"carrier\":\"northpost\",\"tracking\":\"NP<hex>\",\"weight\":"
                              "{\"value\":\"2.<small>\",\"unit\":\"kg\"},\"lines\":[<line>]}"},
    [SIM_T_WMS_RETURN] = {SIM_WMS, "return.received", A_RETURN A_CUSTOMER,
                          "{\"dock\":\"R-<small>\",\"condition\":\"as new\",\"lines\":[<line>],"
                          "\"label\":\"<hex>\"}"},
    [SIM_T_WMS_PRODUCT] =
        {SIM_WMS, "product.updated", A_CORR "\"sku\":\"<sku>\",",
         "{\"slot\":\"S-<small>\",\"hazard\":false,\"weight\":\"2.<small>\",\"line\":<line>}"},
    [SIM_T_WMS_TRANSFER] =
        {SIM_WMS, "replenishment.dispatched", A_CORR A_STORE "\"sku\":\"<sku>\",",
         "{\"truck\":\"TR-<small>\",\"pallet\":\"<hex>\",\"dock\":\"D-<small>\",\"line\":<line>}"},
    [SIM_T_CASE_OPENED] = {SIM_SERVICE, "case.opened", A_CASE A_ORDER A_CUSTOMER,
                           "{\"topic\":\"where is my order\",\"channel\":\"phone\","
                           "\"priority\":\"normal\",\"ticket\":\"<hex>\"}"},
    [SIM_T_CASE_ASSIGNED] = {SIM_SERVICE, "case.assigned", A_CASE,
                             "{\"team\":\"orders\",\"agent\":\"A-<small>\","
                             "\"priority\":\"normal\",\"ticket\":\"<hex>\"}"},
    [SIM_T_CASE_RESOLVED] = {SIM_SERVICE, "case.resolved", A_CASE A_ORDER,
                             "{\"solution\":\"tracking sent\",\"agent\":\"A-<small>\","
                             "\"minutes\":<small>,\"ticket\":\"<hex>\"}"},
    [SIM_T_CONSENT_APPLIED] =
        {SIM_MARKETING, "consent.applied", A_CORR A_CUSTOMER,
         "{\"lists\":<small>,\"mail\":true,\"push\":false,\"suppression\":\"<hex>\"}"},
    [SIM_T_SETTLEMENT_RECONCILED] =
        {SIM_FINANCE, "settlement.reconciled", A_CORR A_MONEY,
         "{\"statement\":\"<hex>\",\"difference\":\"0.00\",\"items\":4<small>,\"by\":\"auto\"}"},
};

static const struct {
    const char *mark;
    unsigned link;
} link_marks[] = {
    {"\"transactionid\":", SIM_LINK_TRANSACTION}, {"\"orderid\":", SIM_LINK_ORDER},
    {"\"returnid\":", SIM_LINK_RETURN},           {"\"shipmentid\":", SIM_LINK_SHIPMENT},
    {"\"paymentid\":", SIM_LINK_PAYMENT},         {"\"caseid\":", SIM_LINK_CASE},
    {"\"promotionid\":", SIM_LINK_PROMOTION},     {"\"correlationid\":", SIM_LINK_CORRELATION},
    {"\"traceparent\":", SIM_LINK_TRACE},
};

/* ---- cutting ---- */

/* A template that names a slot which does not exist is a mistake of ours. */
static unsigned find_slot(const char *name, size_t len)
{
    unsigned slot = 1;
    while (slot < S_COUNT &&
           (strlen(slot_names[slot]) != len || memcmp(slot_names[slot], name, len) != 0)) {
        slot++;
    }
    TW_ASSERT(slot < S_COUNT);
    return slot;
}

#define MEMORY_BYTES (256u * 1024u)

/* Cut `text` into pieces; constants are copied to *memory_p with slack behind them. */
static void cut(struct sim_template *type, const char *text, char **memory_p)
{
    for (;;) {
        const char *open = strchr(text, '<');
        size_t len = open == NULL ? strlen(text) : (size_t)(open - text);
        TW_ASSERT(type->piece_count < SIM_MAX_PIECES);
        struct sim_piece *piece = &type->pieces[type->piece_count++];
        memcpy(*memory_p, text, len);
        piece->text = *memory_p;
        piece->len = (uint16_t)len;
        *memory_p += len;
        if (open == NULL) {
            piece->slot = S_END;
            return;
        }
        size_t name_len = strcspn(open + 1, ">");
        piece->slot = (uint16_t)find_slot(open + 1, name_len);
        text = open + 1 + name_len + 1;
    }
}

/* One template; *memory_p moves on. */
static void make_template(struct sim_types *self, enum sim_type base, const char *verb,
                          char **memory_p)
{
    TW_ASSERT(self->count < SIM_TEMPLATES_MAX);
    struct sim_template *type = &self->templates[self->count++];
    const char *system = sim_system_names[sources[base].system];
    char text[SIM_MAX_EVENT];
    int len = snprintf(text, sizeof(text),
                       "{\"specversion\":\"1.0\",\"id\":\"<id>\",\"source\":\"<source>\","
                       "\"type\":\"com.tillwatch.%s.%s\",\"time\":\"<time>\","
                       "\"sequence\":\"<seq>\",<extra>%s\"datacontenttype\":"
                       "\"application/json\",\"dataschema\":\"https://schemas.tillwatch.example/"
                       "%s/%s/3.2.json\",\"data\":%s}",
                       system, verb, sources[base].attributes, system, verb, sources[base].data);
    TW_ASSERT(len > 0 && (size_t)len < sizeof(text));
    type->base = base;
    type->system = sources[base].system;
    for (unsigned m = 0; m < sizeof(link_marks) / sizeof(link_marks[0]); m++) {
        if (strstr(sources[base].attributes, link_marks[m].mark) != NULL) {
            type->links |= link_marks[m].link;
        }
    }
    cut(type, text, memory_p);
    type->name = *memory_p;
    int name_len = snprintf(*memory_p, 64, "com.tillwatch.%s.", system);
    type->verb = *memory_p + name_len;
    *memory_p += name_len + snprintf(*memory_p + name_len, 64, "%s", verb) + 1;
    TW_ASSERT(*memory_p - self->memory < (ptrdiff_t)(MEMORY_BYTES - 4096));
}

unsigned sim_types_variant(const struct sim_types *self, enum sim_type base, const char *verb)
{
    unsigned i = SIM_T_COUNT;
    while (verb != NULL && i < self->count &&
           (self->templates[i].base != base || strcmp(self->templates[i].verb, verb) != 0)) {
        i++;
    }
    return verb == NULL || i == self->count ? SIM_TEMPLATES_MAX : i;
}

int sim_types_init(struct sim_types *self)
{
    memset(self, 0, sizeof(*self));
    self->memory = calloc(1, MEMORY_BYTES);
    if (self->memory == NULL) {
        return TW_ENOMEM;
    }
    char *memory = self->memory;
    for (unsigned i = 0; i < SIM_T_COUNT; i++) {
        make_template(self, (enum sim_type)i, sources[i].verb, &memory);
    }
    for (unsigned k = 0; k < SIM_KIND_COUNT; k++) {
        for (unsigned s = 0; s < sim_kinds[k].step_count; s++) {
            const struct sim_step *step = &sim_kinds[k].steps[s];
            const char *verbs[] = {step->failure, step->taken_back};
            for (unsigned v = 0; v < 2; v++) {
                if (verbs[v] != NULL &&
                    sim_types_variant(self, step->type, verbs[v]) == SIM_TEMPLATES_MAX) {
                    make_template(self, step->type, verbs[v], &memory);
                }
            }
        }
    }
    return TW_OK;
}

void sim_types_fini(struct sim_types *self)
{
    free(self->memory);
    self->memory = NULL;
}

/* ---- composing ---- */

unsigned sim_parcel_orders(const struct sim_flow *flow, unsigned rep, unsigned ret_index[8])
{
    unsigned count = 0;
    unsigned first = rep > 0 ? (rep - 1) % flow->orders : 0;
    unsigned end = rep > 0 ? first + 1 : flow->orders;
    for (unsigned i = first; i < end; i++) {
        if ((flow->held >> i & 1) == 0) {
            ret_index[count++] = i;
        }
    }
    return count;
}

static char *put_orders(char *out, const struct sim_flow *flow)
{
    unsigned index[8];
    unsigned count = sim_parcel_orders(flow, flow->rep, index);
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) {
            *out++ = ' ';
        }
        out = sim_put_u64(out, flow->order + index[i]);
    }
    return out;
}

/* xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx */
static char *put_uuid(char *out, const uint64_t id[2])
{
    char hex[32];
    (void)sim_put_hex16(hex, (id[0] & ~UINT64_C(0xf000)) | UINT64_C(0x4000));
    (void)sim_put_hex16(hex + 16, (id[1] & (UINT64_MAX >> 2)) | UINT64_C(1) << 63);
    memcpy(out, hex, 8);
    out[8] = '-';
    memcpy(out + 9, hex + 8, 4);
    out[13] = '-';
    memcpy(out + 14, hex + 12, 4);
    out[18] = '-';
    memcpy(out + 19, hex + 16, 4);
    out[23] = '-';
    memcpy(out + 24, hex + 20, 12);
    return out + 36;
}

static char *put_customer(char *out, uint32_t customer)
{
    *out = 'C';
    return sim_put_8(out + 1, customer);
}

static char *end_attribute(char *out)
{
    out[0] = '"';
    out[1] = ',';
    return out + 2;
}

static char *put_customer_attribute(char *out, uint32_t customer)
{
    static const char head[32] = "\"customerref\":\"";
    if (customer == 0) {
        return out;
    }
    memcpy(out, head, sizeof(head));
    out = put_customer(out + 15, customer);
    return end_attribute(out);
}

static char *put_line(char *out, const struct sim_compose *what, unsigned index)
{
    const struct sim_article *article = &what->estate->articles[what->flow->article[index]];
    out = sim_put_text(out, article->text, article->text_len);
    out = sim_put_u64(out, what->flow->quantity[index]);
    *out = '}';
    return out + 1;
}

static char *put_lines(char *out, const struct sim_compose *what)
{
    out = put_line(out, what, 0);
    if (what->flow->quantity[1] > 0) {
        *out = ',';
        out = put_line(out + 1, what, 1);
    }
    return out;
}

/* What a return gives back: an order (online or collected), or a receipt of this store. */
static char *put_origin(char *out, const struct sim_flow *flow)
{
    static const char of_order[32] = "\"orderid\":\"";
    static const char of_receipt[32] = "\"transactionid\":\"";
    if (flow->transaction != 0) {
        memcpy(out, of_receipt, sizeof(of_receipt));
        out = sim_put_u64(out + 17, flow->transaction);
    } else {
        memcpy(out, of_order, sizeof(of_order));
        out = sim_put_u64(out + 11, flow->order);
    }
    return end_attribute(out);
}

/* Flow and order make one trace: all its events carry the same trace id. */
static uint64_t trace_of(const struct sim_compose *what)
{
    return sim_mix(what->salt + ((uint64_t)what->flow->serial << 8 | what->flow->rep));
}

static char *put_trace(char *out, const struct sim_compose *what)
{
    uint64_t trace = trace_of(what);
    out = sim_put_hex16(out, trace);
    out = sim_put_hex16(out, sim_mix(trace) | 1);
    *out = '-';
    return sim_put_hex16(out + 1, what->id[0] | 1);
}

/* A payment is a number of the payment provider: sixteen digits. */
static char *put_payment(char *out, const struct sim_flow *flow)
{
    return sim_put_8(sim_put_8(out, 88254081), flow->payment + flow->rep);
}

/* Every order of a flow has its own correlation: sharing one would join the orders. */
static uint64_t correlation_of(const struct sim_compose *what)
{
    uint32_t serial = what->flow->shared != 0 ? what->flow->shared : what->flow->serial;
    return sim_mix(~what->salt + ((uint64_t)serial << 8 | what->flow->rep));
}

static char *put_amounts(char *out, const struct sim_compose *what, unsigned slot)
{
    uint32_t gross = what->flow->amount;
    uint32_t tax = gross * 19 / 119;
    switch (slot) {
    case S_NET:
        return sim_put_amount(out, gross - tax);
    case S_TAX:
        return sim_put_amount(out, tax);
    case S_POINTS:
        return sim_put_u64(out, gross / 100);
    default:
        return sim_put_amount(out, gross);
    }
}

static char *put_store(char *out, const struct sim_compose *what, unsigned slot)
{
    const struct sim_store *store = &what->estate->stores[what->store];
    const struct sim_region *region = &sim_regions[store->region];
    switch (slot) {
    case S_REGION:
        return sim_put_text(out, region->name, region->name_len);
    case S_CURRENCY:
        memcpy(out, region->currency, 3);
        return out + 3;
    default:
        memcpy(out, store->id, sizeof(store->id));
        return out + sizeof(store->id);
    }
}

static char *put_identifier(char *out, const struct sim_compose *what, unsigned slot)
{
    const struct sim_flow *flow = what->flow;
    switch (slot) {
    case S_TXN:
        return sim_put_u64(out, flow->transaction);
    case S_ORDER:
        return sim_put_u64(out, flow->order + flow->rep);
    case S_ORDERS:
        return put_orders(out, flow);
    case S_RETURN:
        return sim_put_u64(out, flow->returned);
    case S_ORIGIN:
        return put_origin(out, flow);
    case S_SHIPMENT:
        return sim_put_8(out, flow->shipment + flow->rep);
    case S_PAYMENT:
        return put_payment(out, flow);
    case S_CUSTOMER:
        return put_customer(out, flow->customer);
    case S_CUSTOMER_ATTR:
        return put_customer_attribute(out, flow->customer);
    case S_NUMBER:
        return sim_put_6(out, flow->number % 1000000);
    case S_CORR:
        return sim_put_hex16(out, correlation_of(what));
    case S_TRACE:
        return put_trace(out, what);
    default:
        return out;
    }
}

static char *put_slot(char *out, const struct sim_compose *what, unsigned slot)
{
    switch (slot) {
    case S_ID:
        return put_uuid(out, what->id);
    case S_SOURCE:
        return sim_put_text(out, what->source->name, what->source->name_len);
    case S_TIME:
        return sim_put_time(what->clock, out, what->time_us);
    case S_SEQ:
        return sim_put_12(out, what->source->sequence);
    case S_EXTRA:
        return what->extra_len == 0 ? out : sim_put_text(out, what->extra, what->extra_len);
    case S_STORE:
    case S_REGION:
    case S_CURRENCY:
        return put_store(out, what, slot);
    case S_TILL:
        return sim_put_u64(out, (uint64_t)what->flow->till + 1);
    case S_AMOUNT:
    case S_NET:
    case S_TAX:
    case S_POINTS:
        return put_amounts(out, what, slot);
    case S_SKU:
        memcpy(out, what->estate->articles[what->flow->article[0]].sku, 13);
        return out + 13;
    case S_LINE:
        return put_line(out, what, 0);
    case S_LINES:
        return put_lines(out, what);
    case S_SMALL:
        return sim_put_u64(out, 10 + what->id[1] % 90);
    case S_HEX:
        return sim_put_hex16(out, what->id[1]) - 4;
    default:
        return put_identifier(out, what, slot);
    }
}

size_t sim_types_compose(const struct sim_template *type, const struct sim_compose *what, char *out)
{
    char *at = out;
    const struct sim_piece *piece = type->pieces;
    for (;;) {
        at = sim_put_text(at, piece->text, piece->len);
        if (piece->slot == S_END) {
            return (size_t)(at - out);
        }
        at = put_slot(at, what, piece->slot);
        piece++;
    }
}

/* ---- objects ---- */

static char *put_object(char *out, const char *start, struct tw_str type)
{
    if (out > start + 1) {
        *out++ = ',';
    }
    *out++ = '"';
    memcpy(out, type.ptr, type.len);
    return out + type.len;
}

static char *put_order_objects(char *at, const char *start, const struct sim_template *type,
                               const struct sim_flow *flow)
{
    unsigned index[8] = {flow->rep};
    unsigned count = 1;
    if ((type->links & SIM_LINK_SHIPMENT) != 0) {
        count = sim_parcel_orders(flow, flow->rep, index);
    }
    for (unsigned i = 0; i < count; i++) {
        at = sim_put_u64(put_object(at, start, TW_STR_LIT("order:")), flow->order + index[i]);
        *at++ = '"';
    }
    return at;
}

/* Objects whose identifier is one slot. */
static const struct {
    unsigned link;
    unsigned slot;
    const char *head;
} simple_objects[] = {
    {SIM_LINK_RETURN, S_RETURN, "return:"},
    {SIM_LINK_SHIPMENT, S_SHIPMENT, "shipment:P"},
    {SIM_LINK_PAYMENT, S_PAYMENT, "payment:"},
    {SIM_LINK_CASE, S_NUMBER, "case:CS-"},
    {SIM_LINK_PROMOTION, S_NUMBER, "promotion:PR-"},
    {SIM_LINK_CORRELATION, S_CORR, "correlation:flow-"},
};
#define SIMPLE_OBJECTS (sizeof(simple_objects) / sizeof(simple_objects[0]))

void sim_types_object(unsigned link, const struct sim_compose *what, char *out)
{
    int len = 0;
    if (link == SIM_LINK_TRANSACTION) {
        len = snprintf(out, 96, "transaction:%.4s/%u", what->estate->stores[what->store].id,
                       what->flow->transaction);
    } else if (link == SIM_LINK_ORDER) {
        len = snprintf(out, 96, "order:%u", what->flow->order + what->flow->rep);
    }
    for (size_t i = 0; i < SIMPLE_OBJECTS; i++) {
        if (simple_objects[i].link == link) {
            len = (int)strlen(simple_objects[i].head);
            memcpy(out, simple_objects[i].head, (size_t)len);
            len = (int)(put_identifier(out + len, what, simple_objects[i].slot) - out);
        }
    }
    out[len] = 0;
}

size_t sim_types_objects(const struct sim_template *type, const struct sim_compose *what, char *out)
{
    const struct sim_flow *flow = what->flow;
    char *at = out;
    *at++ = '[';
    unsigned links = type->links;
    for (const struct sim_piece *piece = type->pieces; piece->slot != S_END; piece++) {
        if (piece->slot == S_ORIGIN) {
            links |= flow->transaction != 0 ? SIM_LINK_TRANSACTION : SIM_LINK_ORDER;
        }
    }
    if ((links & SIM_LINK_TRANSACTION) != 0) {
        at = put_store(put_object(at, out, TW_STR_LIT("transaction:")), what, S_STORE);
        *at++ = '/';
        at = sim_put_u64(at, flow->transaction);
        *at++ = '"';
    }
    if ((links & SIM_LINK_ORDER) != 0) {
        at = put_order_objects(at, out, type, flow);
    }
    for (size_t i = 0; i < SIMPLE_OBJECTS; i++) {
        if ((links & simple_objects[i].link) != 0) {
            at = put_identifier(put_object(at, out, tw_str_of(simple_objects[i].head)), what,
                                simple_objects[i].slot);
            *at++ = '"';
        }
    }
    if ((links & SIM_LINK_TRACE) != 0) {
        uint64_t trace = trace_of(what);
        at = sim_put_hex16(put_object(at, out, TW_STR_LIT("trace:")), trace);
        at = sim_put_hex16(at, sim_mix(trace) | 1);
        *at++ = '"';
    }
    *at++ = ']';
    return (size_t)(at - out);
}
