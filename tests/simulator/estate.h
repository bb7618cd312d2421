/* SPDX-License-Identifier: Apache-2.0
 * The simulated estate: stores with their tills, the central systems, the articles, and the
 * sources of events that they are, each with its sequence. Made once from the seed.
 * Thread: one. Limits: SIM_MAX_STORES.
 */
#ifndef SIM_ESTATE_H
#define SIM_ESTATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "simulator/random.h"

#define SIM_MAX_STORES 9999
#define SIM_ARTICLES   2048

enum sim_system {
    SIM_POS,
    SIM_ECOMMERCE,
    SIM_MIDDLEWARE,
    SIM_ERP,
    SIM_LOYALTY,
    SIM_CRM,
    SIM_CDP,
    SIM_WMS,
    SIM_PAYMENT,
    SIM_INVENTORY,
    SIM_SERVICE,
    SIM_MARKETING,
    SIM_FINANCE,
    SIM_SYSTEM_COUNT
};

/* One producer of events. The texts have SIM_SLACK readable bytes behind them. */
struct sim_source {
    char name[32];
    uint8_t name_len;
    uint8_t channel;    /* of the outlet; always the same, so that order is kept */
    uint8_t limbo;      /* 1: an event of this source is withheld and not yet overtaken */
    uint8_t troubled;   /* events were late or withheld: it is not rewound any more */
    uint8_t rewound;    /* nothing is made late or withheld any more */
    uint32_t held;      /* events kept back now, to be delivered later */
    uint64_t sequence;  /* last number given */
    uint64_t delivered; /* highest number delivered of the present count */
    uint64_t events;    /* distinct events delivered */
    uint32_t gaps;      /* times a number was skipped at delivery */
    uint32_t filled;    /* events delivered into such a gap */
    uint32_t rewinds;
    uint32_t store; /* index, for tills; UINT32_MAX for central systems */
    char slack[32];
};

struct sim_store {
    char id[4]; /* "0042" */
    uint8_t tills;
    uint8_t region;
    uint8_t brand;
    uint32_t first_source;
    uint32_t next_receipt;
    /* faults; times in microseconds since 1970 */
    int64_t skew_us;
    int64_t opens_at; /* its tills sell from then on */
    int64_t offline_from;
    int64_t offline_until;
    int64_t silent_from;
    int64_t silent_until;
    uint32_t skewed_events;
    uint32_t offline_events;
};

struct sim_region {
    const char *name; /* SIM_SLACK readable bytes */
    uint8_t name_len;
    char currency[3];
};

/* One line of a receipt as JSON, but for the quantity. */
struct sim_article {
    char text[96]; /* {"sku":"...","name":"...","price":"12.99","qty": */
    uint8_t text_len;
    char sku[13];
    uint32_t price; /* minor units */
};

struct sim_estate {
    struct sim_store *stores;
    uint32_t store_count;
    struct sim_source *sources;
    uint32_t source_count;
    uint32_t first_of[SIM_SYSTEM_COUNT]; /* first source of a central system */
    uint32_t count_of[SIM_SYSTEM_COUNT];
    struct sim_article *articles; /* SIM_ARTICLES */
};

extern const struct sim_region sim_regions[];
extern const char *const sim_system_names[SIM_SYSTEM_COUNT];

/* TW_OK, TW_EINVAL (store_count not 1 to SIM_MAX_STORES), TW_ENOMEM. */
int sim_estate_init(struct sim_estate *self, uint32_t store_count, uint64_t seed);
void sim_estate_fini(struct sim_estate *self);
/* The source of a till (0 to tills - 1). */
static inline uint32_t sim_till_source(const struct sim_estate *self, uint32_t store, uint32_t till)
{
    const struct sim_store *at = &self->stores[store];
    return at->first_source + till % at->tills;
}

#endif
