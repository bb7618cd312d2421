/* SPDX-License-Identifier: Apache-2.0
 * What the tests of the graph share: objects and events by number, allocation that fails on
 * demand, saving and restoring. Thread: one test.
 */
#ifndef TW_TESTS_GRAPH_KIT_H
#define TW_TESTS_GRAPH_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "track/graph.h"

#define SAVE_MAX ((size_t)64 << 20)
#define TYPES    4 /* 0 and 1 are root types */
#define PER_TYPE 6
#define OBJECTS  (TYPES * PER_TYPE)
#define CARRIED  4

/* Names for numbers of objects. */
enum { ORDER_A = 0, ORDER_B = 1, SALE_A = 6, PARCEL_A = 12, PARCEL_B = 13, TRACE_A = 18 };

/* Allocations that succeed from now on; negative: all do. */
extern long gk_allocations_left;

/* State of random_below(). */
extern uint64_t gk_random;
uint32_t random_below(uint32_t limit);

/* Numbers go on behind OBJECTS, with the types in turn. */
struct tw_graph_object object_of(unsigned number);
struct tw_graph_options options_of(uint32_t hops, uint32_t links, uint32_t events);
struct tw_graph *new_graph(const struct tw_graph_options *options);
/* Save, destroy, restore. */
void swap_graph(struct tw_graph **graph_p, const struct tw_graph_options *options);
/* An event that matches and carries these. */
struct tw_graph_added add_now(struct tw_graph *graph, uint64_t n, const unsigned *numbers,
                              size_t count, int64_t now_s);
#define ADD(graph, n, ...)                                 \
    add_now((graph), (n), (const unsigned[]){__VA_ARGS__}, \
            sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned), 1000)

/* Of a root. */
size_t count_events(struct tw_graph *graph, unsigned number);
uint32_t find(const struct tw_graph *graph, unsigned number);
uint64_t stat_objects(const struct tw_graph *graph);
tw_wall_t at_s(int64_t s);

#endif
