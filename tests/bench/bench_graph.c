/* SPDX-License-Identifier: Apache-2.0
 * What the graph of tracking costs: ns of processor time an event, with 10,000 and with 1,000,000
 * sales open, and bytes a sale. A sale is six events of two objects, a sixth of all events begins
 * one and a sixth ends one; its run is open in between and holds it, after that it lingers and is
 * forgotten. Between two events of a sale all others have theirs. An event is measured as intake
 * does it: looked for ahead, added, its root asked for. Interleaved rounds, the figure is the
 * median. Then sales that share their second object, each folded anew at each event: how many
 * share it must not matter. Prints "name value unit" lines. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/err.h"
#include "track/graph.h"

#define EVENTS_OF_SALE 6
#define AHEAD          8 /* events between two prefetches */
#define STAGES         3
#define ROUNDS         7
#define ROUND_EVENTS   600000
#define TURN_S         20 /* between two events of a sale */
#define LINGER_S       60
#define WARM_TURNS     12 /* until as many sales are forgotten as begin */
#define SHARED_SALES   90000
#define TRANSACTION    1
#define CORRELATION    2

struct estate {
    struct tw_graph *graph;
    uint64_t open; /* sales */
    uint64_t n;    /* events so far */
    double ns[ROUNDS];
};

/* Sales are begun in turn: `step` is which of its events event n is. */
static void place_of(const struct estate *self, uint64_t n, uint64_t *sale, uint64_t *step)
{
    uint64_t slot = n % self->open;
    uint64_t turn = n / self->open + slot % EVENTS_OF_SALE;
    *sale = turn / EVENTS_OF_SALE * self->open + slot;
    *step = turn % EVENTS_OF_SALE;
}

static void objects_of(const struct estate *self, uint64_t n, struct tw_graph_object *objects)
{
    uint64_t sale = 0;
    uint64_t step = 0;
    place_of(self, n, &sale, &step);
    struct tw_str id = {(const char *)&sale, sizeof sale};
    objects[0] =
        (struct tw_graph_object){tw_graph_key(1, TRANSACTION, TW_STR_LIT("0042"), id), TRANSACTION};
    objects[1] =
        (struct tw_graph_object){tw_graph_key(1, CORRELATION, TW_STR_LIT(""), id), CORRELATION};
}

static void fail(const char *what, int err)
{
    (void)fprintf(stderr, "%s: %s\n", what, tw_err_text(err));
    exit(1);
}

static void apply(struct estate *self, const struct tw_graph_object *objects)
{
    uint64_t sale = 0;
    uint64_t step = 0;
    place_of(self, self->n, &sale, &step);
    tw_wall_t time = {(int64_t)(self->n * TURN_S / self->open + 1000) * TW_NS_PER_S};
    struct tw_graph_event event = {
        .n = self->n + 1, .time = time, .match = (uint32_t)step + 1, .place = 42};
    struct tw_graph_added added;
    const struct tw_graph_root *roots = NULL;
    size_t count = 0;
    int err = tw_graph_add(self->graph, &event, objects, 2, time, &added);
    if (err == TW_OK) {
        err = tw_graph_reached(self->graph, TRANSACTION, &roots, &count);
    }
    if (err != TW_OK || count != 1) {
        fail("graph", err);
    }
    tw_graph_hold(self->graph, roots[0].object, step + 1 < EVENTS_OF_SALE);
    self->n++;
    if (self->n % 1024 == 0) {
        tw_graph_forget(self->graph, time);
    }
}

/* Prefetching runs ahead of adding by three stages, as in a batch of intake. */
static void run(struct estate *self, uint64_t events)
{
    static struct tw_graph_object ring[(STAGES + 1) * AHEAD][2];
    const uint64_t size = (STAGES + 1) * AHEAD;
    for (uint64_t i = 0; i < events + STAGES * AHEAD; i++) {
        if (i < events) {
            objects_of(self, self->n + (i < STAGES * AHEAD ? i : STAGES * AHEAD), ring[i % size]);
            tw_graph_prefetch_slots(self->graph, ring[i % size], 2);
        }
        if (i >= AHEAD && i < events + AHEAD) {
            tw_graph_prefetch_objects(self->graph, ring[(i - AHEAD) % size], 2);
        }
        if (i >= 2 * AHEAD && i < events + 2 * AHEAD) {
            tw_graph_prefetch_events(self->graph, ring[(i - 2 * AHEAD) % size], 2);
        }
        if (i >= STAGES * AHEAD) {
            apply(self, ring[(i - STAGES * AHEAD) % size]);
        }
    }
}

/* Of this thread: the machine may have other things to do. */
static double now_ns(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at); /* cannot fail for this clock */
    return (double)at.tv_sec * 1e9 + (double)at.tv_nsec;
}

static void begin(struct estate *self, uint64_t open)
{
    static const uint16_t roots[] = {TRANSACTION};
    const struct tw_graph_options options = {.max_hops = 3,
                                             .max_links = 1000,
                                             .max_events = 10000,
                                             .linger_s = LINGER_S,
                                             .max_objects = TW_GRAPH_OBJECTS_MAX,
                                             .root_types = roots,
                                             .root_type_count = 1};
    *self = (struct estate){.open = open};
    int err = tw_graph_new(&options, &self->graph);
    if (err != TW_OK) {
        fail("graph", err);
    }
}

/* Sales that have all their events and that nothing was forgotten of. */
static void measure_memory(uint64_t sales)
{
    struct estate estate;
    struct tw_graph_stats stats;
    begin(&estate, sales);
    for (uint64_t i = 0; i < sales * EVENTS_OF_SALE; i++) {
        struct tw_graph_object objects[2];
        struct tw_graph_event event = {.n = i + 1, .match = 1};
        struct tw_graph_added added;
        objects_of(&estate, i % sales, objects);
        int err = tw_graph_add(estate.graph, &event, objects, 2, (tw_wall_t){0}, &added);
        if (err != TW_OK) {
            fail("graph", err);
        }
    }
    tw_graph_stats(estate.graph, &stats);
    printf("graph_memory %.0f bytes/sale\n", (double)stats.bytes / (double)sales);
    tw_graph_destroy(&estate.graph);
}

/* All events of sales of which so many share an object, and what reaches the sale at each. */
static double measure_shared(uint64_t sharing)
{
    struct estate estate;
    begin(&estate, SHARED_SALES);
    double began = now_ns();
    for (uint64_t i = 0; i < (uint64_t)SHARED_SALES * EVENTS_OF_SALE; i++) {
        uint64_t sale = i % SHARED_SALES;
        uint64_t shared = sale / sharing;
        struct tw_graph_object objects[2] = {
            {tw_graph_key(1, TRANSACTION, TW_STR_LIT("0042"),
                          (struct tw_str){(const char *)&sale, sizeof sale}),
             TRANSACTION},
            {tw_graph_key(1, CORRELATION, TW_STR_LIT(""),
                          (struct tw_str){(const char *)&shared, sizeof shared}),
             CORRELATION}};
        struct tw_graph_event event = {.n = i + 1, .match = 1};
        struct tw_graph_added added;
        const struct tw_graph_root *roots = NULL;
        const struct tw_graph_event *events = NULL;
        size_t count = 0;
        int err = tw_graph_add(estate.graph, &event, objects, 2, (tw_wall_t){0}, &added);
        err = err == TW_OK ? tw_graph_reached(estate.graph, TRANSACTION, &roots, &count) : err;
        if (err != TW_OK || count != 1) {
            fail("graph", err);
        }
        err = tw_graph_events(estate.graph, roots[0].object, &events, &count);
        if (err != TW_OK || count != i / SHARED_SALES + 1) {
            fail("graph", err);
        }
    }
    double ns = (now_ns() - began) / ((double)SHARED_SALES * EVENTS_OF_SALE);
    printf("graph_shared_by_%" PRIu64 "_cost %.0f ns/event\n", sharing, ns);
    tw_graph_destroy(&estate.graph);
    return ns;
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return left < right ? -1 : (left > right ? 1 : 0);
}

int main(void)
{
    static const uint64_t open[] = {10000, 1000000};
    struct estate estates[2];
    double medians[2];
    measure_memory(open[1]);
    for (int i = 0; i < 2; i++) {
        begin(&estates[i], open[i]);
        run(&estates[i], open[i] * WARM_TURNS);
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < 2; i++) {
            double began = now_ns();
            run(&estates[i], ROUND_EVENTS);
            estates[i].ns[round] = (now_ns() - began) / ROUND_EVENTS;
        }
    }
    for (int i = 0; i < 2; i++) {
        qsort(estates[i].ns, ROUNDS, sizeof *estates[i].ns, compare);
        medians[i] = estates[i].ns[ROUNDS / 2];
        printf("graph_%" PRIu64 "_open_cost %.0f ns/event\n", open[i], medians[i]);
        tw_graph_destroy(&estates[i].graph);
    }
    printf("graph_cost_ratio %.2f x\n", medians[1] / medians[0]);
    double alone = measure_shared(1);
    printf("graph_shared_ratio %.2f x\n", measure_shared(900) / alone);
    return 0;
}
