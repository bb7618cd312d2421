/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "bench/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint64_t load_flow(uint64_t n)
{
    return n / (LOAD_FLOWS_AT_ONCE * LOAD_STEPS) * LOAD_FLOWS_AT_ONCE + n % LOAD_FLOWS_AT_ONCE;
}

/* Event number n, built whole; returns its length. */
static size_t build_event(uint64_t n, char *out)
{
    static const char *const types[LOAD_STEPS] = {
        "ecommerce.order.created",      "payment.authorized",
        "middleware.order.received",    "erp.order.created",
        "ecommerce.order.acknowledged", "wms.pick.completed",
        "wms.shipment.dispatched",      "payment.captured"};
    static const char *const sources[LOAD_STEPS] = {"/ecommerce/web", "/payment/psp",   "/erp/eu",
                                                    "/erp/eu",        "/ecommerce/web", "/wms/dc",
                                                    "/wms/dc",        "/payment/psp"};
    unsigned step = (unsigned)(n / LOAD_FLOWS_AT_ONCE % LOAD_STEPS);
    uint64_t flow = load_flow(n);
    unsigned second = (unsigned)(n / 1000 % 3600);
    uint64_t mixed = (flow + 1) * UINT64_C(0x9E3779B97F4A7C15);
    int len = snprintf(
        out, LOAD_EVENT_MAX,
        "{\"specversion\":\"1.0\",\"id\":\"%016" PRIx64 "\",\"source\":\"%s/%" PRIu64
        "\",\"type\":\"com.tillwatch.%s\",\"time\":\"2026-11-27T18:%02u:%02u.%06uZ\","
        "\"datacontenttype\":\"application/json\",\"storeid\":\"%04" PRIu64
        "\",\"orderid\":\"%010" PRIu64 "\",\"paymentid\":\"PAY%012" PRIx64
        "\",\"shipmentid\":\"SHP%012" PRIx64 "\",\"customerref\":\"C%08" PRIx64
        "\",\"channel\":\"web\",\"region\":\"eu-west\",\"outcome\":\"ok\",\"amount\":\"%u.%02u\","
        "\"currency\":\"EUR\",\"data\":{\"lines\":[{\"sku\":\"SKU-%07u\",\"qty\":%u,\"price\":"
        "\"%u.%02u\"},{\"sku\":\"SKU-%07u\",\"qty\":1,\"price\":\"%u.99\"}],\"till\":%u,"
        "\"cashier\":\"K%05u\",\"note\":\"bench\"}}",
        n * UINT64_C(0xD6E8FEB86659FD93), sources[step], flow % 64, types[step], second / 60,
        second % 60, (unsigned)(n % 1000000), flow % 600, flow, (mixed >> 20) & 0xffffffffffff,
        (mixed >> 16) & 0xffffffffffff, mixed >> 36, (unsigned)(mixed >> 50) % 500,
        (unsigned)(mixed >> 40) % 100, (unsigned)(mixed >> 30) % 9999999,
        1 + (unsigned)(mixed >> 60) % 4, (unsigned)(mixed >> 44) % 200,
        (unsigned)(mixed >> 34) % 100, (unsigned)(mixed >> 24) % 9999999,
        (unsigned)(mixed >> 14) % 90, (unsigned)(mixed >> 10) % 12, (unsigned)(mixed >> 8) % 99999);
    return (size_t)len;
}

/* Building costs a microsecond, which the sender would take from what is measured. So a pool of
 * events is built once, and only what must differ is patched: id, order, payment, shipment. */
#define POOL 4096

static struct {
    char text[LOAD_EVENT_MAX];
    size_t len;
    size_t id;
    size_t order;
    size_t payment;
    size_t shipment;
} pool[POOL];

static size_t place(const char *text, const char *member)
{
    const char *at = strstr(text, member);
    if (at == NULL) {
        exit(1);
    }
    return (size_t)(at - text) + strlen(member);
}

void load_init(void)
{
    for (uint64_t n = 0; n < POOL; n++) {
        pool[n].len = build_event(n, pool[n].text);
        pool[n].id = place(pool[n].text, "\"id\":\"");
        pool[n].order = place(pool[n].text, "\"orderid\":\"");
        pool[n].payment = place(pool[n].text, "\"paymentid\":\"PAY");
        pool[n].shipment = place(pool[n].text, "\"shipmentid\":\"SHP");
    }
}

static void put_hex(char *to, uint64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = "0123456789abcdef"[value & 15];
        value >>= 4;
    }
}

static void put_digits(char *to, uint64_t value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        to[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

size_t load_event(uint64_t n, char *out)
{
    uint64_t slot = n % POOL;
    uint64_t flow = load_flow(n);
    uint64_t mixed = (flow + 1) * UINT64_C(0x9E3779B97F4A7C15);
    memcpy(out, pool[slot].text, pool[slot].len);
    put_hex(out + pool[slot].id, n * UINT64_C(0xD6E8FEB86659FD93), 16);
    put_digits(out + pool[slot].order, flow, 10);
    put_hex(out + pool[slot].payment, mixed >> 20, 12);
    put_hex(out + pool[slot].shipment, mixed >> 16, 12);
    return pool[slot].len;
}

size_t load_message(uint64_t first, uint64_t count, char *out)
{
    if (count == 1) {
        return load_event(first, out);
    }
    size_t len = 0;
    out[len++] = '[';
    for (uint64_t i = 0; i < count; i++) {
        if (i > 0) {
            out[len++] = ',';
        }
        len += load_event(first + i, out + len);
    }
    out[len++] = ']';
    return len;
}
