/* SPDX-License-Identifier: Apache-2.0
 * The event types of the estate and how the text of an event comes about: each type is a
 * template of constant pieces and slots, cut once at start, so that composing an event is copying
 * pieces. Also names the linking objects of an event, for the ledger.
 * Thread: one. Source: contracts, section 2; CloudEvents 1.0.2.
 */
#ifndef SIM_TYPES_H
#define SIM_TYPES_H

#include "simulator/estate.h"
#include "simulator/format.h"
#include "simulator/queue.h"

/* X(enum, system, "noun.verb", attributes, data); in types.c. */
enum sim_type {
    SIM_T_POS_SALE,
    SIM_T_POS_HEARTBEAT,
    SIM_T_POS_READY,
    SIM_T_POS_COLLECTED,
    SIM_T_POS_RETURN,
    SIM_T_POS_VOUCHER,
    SIM_T_POS_PRICE,
    SIM_T_POS_PROMOTION,
    SIM_T_POS_PRODUCT,
    SIM_T_POS_DELIVERED,
    SIM_T_MW_SALE,
    SIM_T_MW_ORDER,
    SIM_T_MW_RETURN,
    SIM_T_MW_REDEMPTION,
    SIM_T_MW_MOVEMENT,
    SIM_T_MW_CUSTOMER,
    SIM_T_MW_CONSENT,
    SIM_T_MW_PRODUCT,
    SIM_T_MW_NEED,
    SIM_T_MW_SETTLEMENT,
    SIM_T_ERP_SALE,
    SIM_T_ERP_ORDER,
    SIM_T_ERP_REFUND,
    SIM_T_ERP_STOCK,
    SIM_T_ERP_VOUCHER,
    SIM_T_ERP_PRICE,
    SIM_T_ERP_PRODUCT,
    SIM_T_ERP_TRANSFER,
    SIM_T_ERP_SETTLEMENT,
    SIM_T_LOYALTY_ACCRUED,
    SIM_T_LOYALTY_REVERSED,
    SIM_T_LOYALTY_REDEEMED,
    SIM_T_LOYALTY_MEMBER,
    SIM_T_CRM_PROFILE,
    SIM_T_CRM_CUSTOMER,
    SIM_T_CRM_PROMOTION,
    SIM_T_CRM_CASE,
    SIM_T_CDP_PROFILE,
    SIM_T_CDP_SALE,
    SIM_T_INV_SALE,
    SIM_T_INV_RETURN,
    SIM_T_INV_MOVED,
    SIM_T_INV_NEED,
    SIM_T_INV_STOCKED,
    SIM_T_WEB_ORDER,
    SIM_T_WEB_COLLECT,
    SIM_T_WEB_CANCELLED,
    SIM_T_WEB_ACK,
    SIM_T_WEB_RETURN,
    SIM_T_WEB_AVAILABILITY,
    SIM_T_WEB_PRODUCT,
    SIM_T_PAY_AUTHORIZED,
    SIM_T_PAY_CAPTURED,
    SIM_T_PAY_REFUNDED,
    SIM_T_PAY_SETTLEMENT,
    SIM_T_WMS_PICKED,
    SIM_T_WMS_DISPATCHED,
    SIM_T_WMS_RETURN,
    SIM_T_WMS_PRODUCT,
    SIM_T_WMS_TRANSFER,
    SIM_T_CASE_OPENED,
    SIM_T_CASE_ASSIGNED,
    SIM_T_CASE_RESOLVED,
    SIM_T_CONSENT_APPLIED,
    SIM_T_SETTLEMENT_RECONCILED,
    SIM_T_COUNT
};

/* Linking objects, as bits; the order is that of sim_link_names. */
enum sim_link {
    SIM_LINK_TRANSACTION = 1,
    SIM_LINK_ORDER = 2,
    SIM_LINK_RETURN = 4,
    SIM_LINK_SHIPMENT = 8,
    SIM_LINK_PAYMENT = 16,
    SIM_LINK_CASE = 32,
    SIM_LINK_PROMOTION = 64,
    SIM_LINK_CORRELATION = 128,
    SIM_LINK_TRACE = 256
};

#define SIM_MAX_PIECES    48
#define SIM_TEMPLATES_MAX 128 /* SIM_T_COUNT, and the events of failures and compensations */

struct sim_piece {
    const char *text; /* before the slot; SIM_SLACK readable bytes behind it */
    uint16_t len;
    uint16_t slot;
};

struct sim_template {
    enum sim_system system;
    enum sim_type base;
    const char *name; /* com.tillwatch.pos.sale.completed */
    const char *verb; /* sale.completed */
    unsigned links;   /* enum sim_link */
    unsigned piece_count;
    struct sim_piece pieces[SIM_MAX_PIECES];
};

/* Everything that one event is made of. */
struct sim_compose {
    const struct sim_estate *estate;
    const struct sim_flow *flow;
    const struct sim_source *source;
    struct sim_time_text *clock;
    const char *extra; /* further attributes, each with its comma; SIM_SLACK readable bytes */
    size_t extra_len;
    uint64_t id[2]; /* of the event: 128 bits */
    uint64_t salt;  /* of the run, for correlation and trace identifiers */
    int64_t time_us;
    uint32_t store; /* index */
};

#define SIM_MAX_EVENT 2048 /* bytes of one event, extra attributes included */

struct sim_types {
    struct sim_template templates[SIM_TEMPLATES_MAX];
    unsigned count;
    char *memory;
};

/* Cut all templates. TW_OK, TW_ENOMEM. */
int sim_types_init(struct sim_types *self);
void sim_types_fini(struct sim_types *self);

/* The template of what a system says with other words about the same: the attributes and data of
 * `base`, the noun and verb given. Its index; SIM_TEMPLATES_MAX: there is none. */
unsigned sim_types_variant(const struct sim_types *self, enum sim_type base, const char *verb);

/* The text of one event at `out` (SIM_MAX_EVENT + SIM_SLACK bytes). Returns its length. */
size_t sim_types_compose(const struct sim_template *type, const struct sim_compose *what,
                         char *out);

/* The linking objects of the event as a JSON array of "type:id" at `out` (1024 bytes), in the
 * writing of journey identifiers. Returns its length. */
size_t sim_types_objects(const struct sim_template *type, const struct sim_compose *what,
                         char *out);

/* The object of this one link that an event of the flow carries (flow->rep counts), in the writing
 * of journey identifiers; terminated. `out` has 96 bytes. */
void sim_types_object(unsigned link, const struct sim_compose *what, char *out);

/* Orders that parcel `rep` of the flow carries: the first parcel carries all of them, each
 * further one a single order; those that are held back (flow->held) stay out. Writes their
 * indexes, returns how many: 0 when there is nothing to be sent. */
unsigned sim_parcel_orders(const struct sim_flow *flow, unsigned rep, unsigned ret_index[8]);

#endif
