/* SPDX-License-Identifier: Apache-2.0
 * The list is guarded by a mutex. An entry leaves it before its descriptor is closed, so that
 * shutdown() never meets the descriptor of somebody else. */
#include "config.h"
#include "web/guard.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "core/actor.h"

#define SWEEP_MS        1000
#define AWAIT_TIMEOUTS  2  /* the silence that the library allows, and as much again to send */
#define ANSWER_TIMEOUTS 10 /* a large journey over a slow line */

struct tw_guarded {
    struct tw_guarded *previous;
    struct tw_guarded *next;
    int fd;
    tw_mono_t deadline;
    bool is_ended; /* shutdown was called; the library will close it */
};

struct tw_guard {
    /* fixed after start */
    struct tw_clock *clock;
    int64_t timeout_ns;
    struct tw_actor *actor;
    /* guarded by mtx */
    pthread_mutex_t mtx;
    struct tw_guarded *first;
};

static tw_mono_t deadline_in(struct tw_guard *self, int timeouts)
{
    return (tw_mono_t){self->clock->mono(self->clock).ns + timeouts * self->timeout_ns};
}

static int run(struct tw_actor *actor, void *arg)
{
    tw_actor_ready(actor, TW_OK);
    while (!tw_actor_wait_stop(actor, SWEEP_MS)) {
        (void)tw_guard_sweep(arg);
    }
    return TW_OK;
}

int tw_guard_new(struct tw_clock *clock, int64_t timeout_s, struct tw_guard **ret_guard)
{
    struct tw_guard *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->clock = clock;
    self->timeout_ns = timeout_s * TW_NS_PER_S;
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    *ret_guard = self;
    return TW_OK;
}

int tw_guard_start(struct tw_guard *self)
{
    return tw_actor_new("web-guard", run, self, &self->actor);
}

void tw_guard_destroy(struct tw_guard **self_p)
{
    struct tw_guard *self = *self_p;
    if (self == NULL) {
        return;
    }
    (void)tw_actor_destroy(&self->actor); /* its loop cannot fail */
    while (self->first != NULL) {
        struct tw_guarded *entry = self->first;
        self->first = entry->next;
        free(entry);
    }
    (void)pthread_mutex_destroy(&self->mtx); /* nobody holds it any more */
    free(self);
    *self_p = NULL;
}

struct tw_guarded *tw_guard_add(struct tw_guard *self, int fd)
{
    struct tw_guarded *entry = calloc(1, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    entry->fd = fd;
    entry->deadline = deadline_in(self, AWAIT_TIMEOUTS);
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    entry->next = self->first;
    if (entry->next != NULL) {
        entry->next->previous = entry;
    }
    self->first = entry;
    (void)pthread_mutex_unlock(&self->mtx);
    return entry;
}

static void set_deadline(struct tw_guard *self, struct tw_guarded *entry, int timeouts)
{
    if (entry == NULL) {
        return;
    }
    tw_mono_t deadline = deadline_in(self, timeouts);
    (void)pthread_mutex_lock(&self->mtx);
    entry->deadline = deadline;
    (void)pthread_mutex_unlock(&self->mtx);
}

void tw_guard_sending(struct tw_guard *self, struct tw_guarded *entry)
{
    set_deadline(self, entry, ANSWER_TIMEOUTS);
}

void tw_guard_awaiting(struct tw_guard *self, struct tw_guarded *entry)
{
    set_deadline(self, entry, AWAIT_TIMEOUTS);
}

static void end(struct tw_guarded *entry)
{
    /* The library sees the end of the stream and closes it; a failure here means that the client
     * has gone already. */
    (void)shutdown(entry->fd, SHUT_RDWR);
    entry->is_ended = true;
}

void tw_guard_end(struct tw_guard *self, struct tw_guarded *entry)
{
    /* What is still on its way is given up: the kernel would keep it for minutes. */
    static const struct linger none = {.l_onoff = 1, .l_linger = 0};
    if (entry == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&self->mtx);
    (void)setsockopt(entry->fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    end(entry);
    (void)pthread_mutex_unlock(&self->mtx);
}

void tw_guard_remove(struct tw_guard *self, struct tw_guarded **entry_p)
{
    struct tw_guarded *entry = *entry_p;
    *entry_p = NULL;
    if (entry == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&self->mtx);
    if (entry->previous != NULL) {
        entry->previous->next = entry->next;
    } else {
        self->first = entry->next;
    }
    if (entry->next != NULL) {
        entry->next->previous = entry->previous;
    }
    (void)pthread_mutex_unlock(&self->mtx);
    free(entry);
}

unsigned tw_guard_sweep(struct tw_guard *self)
{
    unsigned ended = 0;
    tw_mono_t now = self->clock->mono(self->clock);
    (void)pthread_mutex_lock(&self->mtx);
    for (struct tw_guarded *entry = self->first; entry != NULL; entry = entry->next) {
        if (!entry->is_ended && now.ns >= entry->deadline.ns) {
            end(entry);
            ended++;
        }
    }
    (void)pthread_mutex_unlock(&self->mtx);
    return ended;
}
