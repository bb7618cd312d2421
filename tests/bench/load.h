/* SPDX-License-Identifier: Apache-2.0
 * The load of the benchmarks: CloudEvents of about 590 bytes, eight to a flow (an order with a
 * payment and a shipment), the flows of 64 stores interleaved. The types are those of the retail
 * pack's order-fulfilment, each run of which is completed. Event n belongs to step n / 64 % 8
 * of flow n / 512 * 64 + n % 64; its source is one of LOAD_SOURCES.
 * Thread: load_init() once, before any other call; after it all functions only read. */
#ifndef TW_TESTS_LOAD_H
#define TW_TESTS_LOAD_H

#include <stddef.h>
#include <stdint.h>

#define LOAD_EVENT_MAX     1024 /* bytes of one event, with a NUL */
#define LOAD_STEPS         8
#define LOAD_FLOWS_AT_ONCE 64
#define LOAD_SOURCES       256 /* four systems of 64 places */
#define LOAD_OBJECTS       5   /* order, payment, shipment, store, customer */

void load_init(void);
uint64_t load_flow(uint64_t n);
/* Event n into `out` (LOAD_EVENT_MAX bytes); returns its length. The order is load_flow(n) as ten
 * digits. */
size_t load_event(uint64_t n, char *out);
/* `count` events as one message: the event itself, or a batch (count * LOAD_EVENT_MAX + 2 bytes).
 * Returns its length. */
size_t load_message(uint64_t first, uint64_t count, char *out);

#endif
