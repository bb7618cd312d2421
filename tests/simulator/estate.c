/* SPDX-License-Identifier: Apache-2.0
 * Stores, tills, systems and articles, made from the seed.
 */
#include "config.h"
#include "simulator/estate.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "simulator/format.h"

/* Names are padded so that sim_put_text may read on. */
#define PAD "                                "
const struct sim_region sim_regions[] = {
    {"north" PAD, 5, {'E', 'U', 'R'}},   {"west" PAD, 4, {'E', 'U', 'R'}},
    {"south" PAD, 5, {'E', 'U', 'R'}},   {"east" PAD, 4, {'E', 'U', 'R'}},
    {"iberia" PAD, 6, {'E', 'U', 'R'}},  {"alpine" PAD, 6, {'C', 'H', 'F'}},
    {"britain" PAD, 7, {'G', 'B', 'P'}}, {"baltic" PAD, 6, {'E', 'U', 'R'}},
};
#define REGIONS (sizeof(sim_regions) / sizeof(sim_regions[0]))

const char *const sim_system_names[SIM_SYSTEM_COUNT] = {
    [SIM_POS] = "pos",
    [SIM_ECOMMERCE] = "ecommerce",
    [SIM_MIDDLEWARE] = "middleware",
    [SIM_ERP] = "erp",
    [SIM_LOYALTY] = "loyalty",
    [SIM_CRM] = "crm",
    [SIM_CDP] = "cdp",
    [SIM_WMS] = "wms",
    [SIM_PAYMENT] = "payment",
    [SIM_INVENTORY] = "inventory",
    [SIM_SERVICE] = "service",
    [SIM_MARKETING] = "marketing",
    [SIM_FINANCE] = "finance",
};

/* How many instances each central system runs, and what they are called. */
static const struct {
    uint8_t count;
    const char *name;
} instances[SIM_SYSTEM_COUNT] = {
    [SIM_POS] = {0, ""},
    [SIM_ECOMMERCE] = {4, "web"},
    [SIM_MIDDLEWARE] = {8, "flow"},
    [SIM_ERP] = {4, "posting"},
    [SIM_LOYALTY] = {2, "points"},
    [SIM_CRM] = {2, "profile"},
    [SIM_CDP] = {2, "profile"},
    [SIM_WMS] = {6, "dc"},
    [SIM_PAYMENT] = {3, "gateway"},
    [SIM_INVENTORY] = {4, "stock"},
    [SIM_SERVICE] = {2, "desk"},
    [SIM_MARKETING] = {1, "campaigns"},
    [SIM_FINANCE] = {1, "ledger"},
};

static void make_articles(struct sim_estate *self, struct sim_random *random)
{
    static const char *const things[] = {
        "Ground Coffee", "Olive Oil",  "Running Shoe", "Desk Lamp",  "Rain Jacket", "Shower Gel",
        "Tea Kettle",    "Notebook",   "USB-C Cable",  "Wool Scarf", "Garden Hose", "Pasta",
        "Hiking Sock",   "Toothpaste", "Frying Pan",   "Batteries",
    };
    static const char *const kinds[] = {"500 g",  "size M",  "black", "blue",
                                        "2 pack", "classic", "eco",   "XL"};
    for (uint32_t i = 0; i < SIM_ARTICLES; i++) {
        struct sim_article *at = &self->articles[i];
        /* EAN-13: prefix, article, check digit. */
        char digits[14];
        (void)snprintf(digits, sizeof(digits), "40063%07u", 1000000u + i * 37u);
        unsigned sum = 0;
        for (unsigned d = 0; d < 12; d++) {
            sum += (unsigned)(digits[d] - '0') * (d % 2 == 0 ? 1u : 3u);
        }
        digits[12] = (char)('0' + (char)((10 - sum % 10) % 10));
        memcpy(at->sku, digits, sizeof(at->sku));
        at->price = 99 + 100 * sim_random_below(random, 40) + 10 * sim_random_below(random, 10);
        int len =
            snprintf(at->text, sizeof(at->text) - SIM_SLACK / 2,
                     "{\"sku\":\"%.13s\",\"name\":\"%s %s\",\"price\":\"%u.%02u\",\"qty\":", digits,
                     things[i % 16], kinds[i / 16 % 8], at->price / 100, at->price % 100);
        at->text_len = (uint8_t)len;
    }
}

static void make_source(struct sim_source *source, uint32_t store, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void make_source(struct sim_source *source, uint32_t store, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int len = vsnprintf(source->name, sizeof(source->name), format, list);
    va_end(list);
    source->name_len = (uint8_t)len;
    source->store = store;
}

static void make_stores(struct sim_estate *self, struct sim_random *random)
{
    uint32_t next = self->source_count;
    for (uint32_t i = 0; i < self->store_count; i++) {
        struct sim_store *store = &self->stores[i];
        (void)sim_put_4(store->id, i + 1);
        store->tills = (uint8_t)(2 + sim_random_below(random, 7));
        store->region = (uint8_t)sim_random_below(random, REGIONS);
        store->brand = (uint8_t)sim_random_below(random, 3);
        store->next_receipt = 1 + sim_random_below(random, 5000);
        store->first_source = next;
        for (uint32_t till = 0; till < store->tills; till++) {
            make_source(&self->sources[next++], i, "/pos/store-%.4s/till-%u", store->id, till + 1);
        }
    }
    self->source_count = next;
}

int sim_estate_init(struct sim_estate *self, uint32_t store_count, uint64_t seed)
{
    struct sim_random random;
    memset(self, 0, sizeof(*self));
    if (store_count < 1 || store_count > SIM_MAX_STORES) {
        return TW_EINVAL;
    }
    sim_random_init(&random, seed, 1);
    self->store_count = store_count;
    self->stores = calloc(store_count, sizeof(*self->stores));
    self->sources = calloc((size_t)store_count * 8 + 64, sizeof(*self->sources));
    self->articles = calloc(SIM_ARTICLES, sizeof(*self->articles));
    if (self->stores == NULL || self->sources == NULL || self->articles == NULL) {
        sim_estate_fini(self);
        return TW_ENOMEM;
    }
    for (unsigned system = 0; system < SIM_SYSTEM_COUNT; system++) {
        self->first_of[system] = self->source_count;
        self->count_of[system] = instances[system].count;
        for (unsigned i = 0; i < instances[system].count; i++) {
            make_source(&self->sources[self->source_count++], UINT32_MAX, "/%s/%s-%u",
                        sim_system_names[system], instances[system].name, i + 1);
        }
    }
    make_stores(self, &random);
    make_articles(self, &random);
    return TW_OK;
}

void sim_estate_fini(struct sim_estate *self)
{
    free(self->stores);
    free(self->sources);
    free(self->articles);
    memset(self, 0, sizeof(*self));
}
