/* SPDX-License-Identifier: Apache-2.0
 * The flows that wait for their next step, in order of time: a calendar queue over a fixed pool.
 * Time is cut into ticks; a ring of buckets holds what is due in each tick (of any lap of the
 * ring); the tick at hand is kept sorted. Adding and taking cost the same however many wait.
 * Thread: one. Limits: the pool's capacity, given at creation; sim_queue_new_flow returns NULL.
 * Source: R. Brown, "Calendar Queues", CACM 31(10), 1988.
 */
#ifndef SIM_QUEUE_H
#define SIM_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_ORDERS_MAX 3 /* of one flow */

/* A step that happens when the others have. */
#define SIM_PUT_OFF_MAX 3
struct sim_put_off {
    int64_t due_us;
    uint8_t step;
    uint8_t attempt;
    uint8_t flags;
};

/* One business transaction under way. */
struct sim_flow {
    int64_t due_us; /* when the next step happens, microseconds since 1970 */
    uint32_t next;  /* of the queue */
    uint32_t serial;
    uint32_t store;
    uint32_t customer; /* 0: unknown */
    uint32_t transaction;
    uint32_t order; /* the first; the others follow it */
    uint32_t returned;
    uint32_t shipment; /* the first */
    uint32_t payment;  /* the first */
    uint32_t number;   /* case or promotion */
    uint32_t amount;   /* minor units */
    uint16_t article[2];
    uint16_t rep; /* how often the step has happened */
    uint8_t quantity[2];
    uint8_t kind;
    uint8_t step;
    uint8_t till;
    uint8_t orders;
    uint8_t parcels;
    uint8_t attempt; /* of the step, from 0 */
    uint8_t flags;
    uint8_t held;                    /* bit i: parcels go without order i */
    uint16_t undone[SIM_ORDERS_MAX]; /* by order; bit s: step s did not come about */
    uint32_t shared;                 /* serial of the flow whose correlationid it carries; 0: own */
    uint8_t put_off_count;
    uint8_t is_catching_up; /* only what was put off is left */
    struct sim_put_off put_off[SIM_PUT_OFF_MAX];
};

struct sim_queue;

/* tick_us: length of a tick; aim at some ten events in it. TW_OK, TW_ENOMEM. */
int sim_queue_new(uint32_t capacity, int64_t start_us, int64_t tick_us,
                  struct sim_queue **ret_queue);
void sim_queue_destroy(struct sim_queue **self_p);
/* A zeroed flow of the pool, or NULL when all are in use. */
struct sim_flow *sim_queue_new_flow(struct sim_queue *self);
/* Back to the pool. It must not wait in the queue. */
void sim_queue_free_flow(struct sim_queue *self, const struct sim_flow *flow);
/* Wait for flow->due_us. */
void sim_queue_add(struct sim_queue *self, struct sim_flow *flow);
/* The earliest flow that is due at now_us or before; NULL when there is none. */
struct sim_flow *sim_queue_take_due(struct sim_queue *self, int64_t now_us);
/* The earliest flow, whenever it is due; NULL when none waits. */
struct sim_flow *sim_queue_take_first(struct sim_queue *self);
bool sim_queue_is_full(const struct sim_queue *self);
uint32_t sim_queue_waiting(const struct sim_queue *self);
/* The place of a flow in the pool, below the capacity; and the reverse. */
uint32_t sim_queue_number(const struct sim_queue *self, const struct sim_flow *flow);
const struct sim_flow *sim_queue_flow(const struct sim_queue *self, uint32_t number);

#endif
