/* SPDX-License-Identifier: Apache-2.0
 * Calendar queue. A bucket is a list of pool indexes; `ready` is the tick at hand, latest first,
 * so that the earliest is taken from its end.
 */
#include "config.h"
#include "simulator/queue.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define BUCKETS 262144u /* a power of two; 1 MiB of heads */
#define NONE    UINT32_MAX

struct sim_queue {
    struct sim_flow *pool;
    uint32_t *free_list;
    uint32_t *heads;
    uint32_t *ready;
    uint32_t capacity;
    uint32_t free_count;
    uint32_t ready_count;
    uint32_t in_buckets;
    int64_t start_us;
    int64_t tick_us;
    int64_t tick; /* everything due in it or before is in `ready` */
};

int sim_queue_new(uint32_t capacity, int64_t start_us, int64_t tick_us,
                  struct sim_queue **ret_queue)
{
    struct sim_queue *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->capacity = capacity;
    self->start_us = start_us;
    self->tick_us = tick_us;
    self->pool = calloc(capacity, sizeof(*self->pool));
    self->free_list = calloc(capacity, sizeof(*self->free_list));
    self->ready = calloc(capacity, sizeof(*self->ready));
    self->heads = malloc(BUCKETS * sizeof(*self->heads));
    if (self->pool == NULL || self->free_list == NULL || self->ready == NULL ||
        self->heads == NULL) {
        sim_queue_destroy(&self);
        return TW_ENOMEM;
    }
    memset(self->heads, 0xff, BUCKETS * sizeof(*self->heads));
    for (uint32_t i = 0; i < capacity; i++) {
        self->free_list[i] = capacity - 1 - i;
    }
    self->free_count = capacity;
    *ret_queue = self;
    return TW_OK;
}

void sim_queue_destroy(struct sim_queue **self_p)
{
    struct sim_queue *self = *self_p;
    if (self == NULL) {
        return;
    }
    free(self->pool);
    free(self->free_list);
    free(self->ready);
    free(self->heads);
    free(self);
    *self_p = NULL;
}

struct sim_flow *sim_queue_new_flow(struct sim_queue *self)
{
    if (self->free_count == 0) {
        return NULL;
    }
    struct sim_flow *flow = &self->pool[self->free_list[--self->free_count]];
    memset(flow, 0, sizeof(*flow));
    return flow;
}

void sim_queue_free_flow(struct sim_queue *self, const struct sim_flow *flow)
{
    self->free_list[self->free_count++] = (uint32_t)(flow - self->pool);
}

static int64_t tick_of(const struct sim_queue *self, int64_t due_us)
{
    return (due_us - self->start_us) / self->tick_us;
}

/* Into the tick at hand, behind those that are due at the same time. */
static void add_ready(struct sim_queue *self, uint32_t index)
{
    int64_t due_us = self->pool[index].due_us;
    uint32_t at = self->ready_count++;
    while (at > 0 && self->pool[self->ready[at - 1]].due_us <= due_us) {
        self->ready[at] = self->ready[at - 1];
        at--;
    }
    self->ready[at] = index;
}

void sim_queue_add(struct sim_queue *self, struct sim_flow *flow)
{
    uint32_t index = (uint32_t)(flow - self->pool);
    int64_t tick = tick_of(self, flow->due_us);
    if (tick <= self->tick) {
        add_ready(self, index);
        return;
    }
    uint32_t *head = &self->heads[(uint64_t)tick % BUCKETS];
    flow->next = *head;
    *head = index;
    self->in_buckets++;
}

/* Begin the next tick: what is due in it becomes ready, later laps stay. */
static void next_tick(struct sim_queue *self)
{
    self->tick++;
    uint32_t *link = &self->heads[(uint64_t)self->tick % BUCKETS];
    while (*link != NONE) {
        struct sim_flow *flow = &self->pool[*link];
        if (tick_of(self, flow->due_us) <= self->tick) {
            uint32_t index = *link;
            *link = flow->next;
            self->in_buckets--;
            add_ready(self, index);
        } else {
            link = &flow->next;
        }
    }
}

struct sim_flow *sim_queue_take_due(struct sim_queue *self, int64_t now_us)
{
    int64_t now_tick = tick_of(self, now_us);
    while (self->ready_count == 0 && self->tick < now_tick) {
        next_tick(self);
    }
    if (self->ready_count == 0) {
        return NULL;
    }
    struct sim_flow *flow = &self->pool[self->ready[self->ready_count - 1]];
    if (flow->due_us > now_us) {
        return NULL;
    }
    self->ready_count--;
    return flow;
}

struct sim_flow *sim_queue_take_first(struct sim_queue *self)
{
    while (self->ready_count == 0 && self->in_buckets > 0) {
        next_tick(self);
    }
    if (self->ready_count == 0) {
        return NULL;
    }
    return &self->pool[self->ready[--self->ready_count]];
}

bool sim_queue_is_full(const struct sim_queue *self)
{
    return self->free_count == 0;
}

uint32_t sim_queue_waiting(const struct sim_queue *self)
{
    return self->ready_count + self->in_buckets;
}

uint32_t sim_queue_number(const struct sim_queue *self, const struct sim_flow *flow)
{
    return (uint32_t)(flow - self->pool);
}

const struct sim_flow *sim_queue_flow(const struct sim_queue *self, uint32_t number)
{
    return &self->pool[number];
}
