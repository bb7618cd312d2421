/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "core/actor.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/err.h"

struct tw_actor {
    /* fixed after start */
    tw_actor_fn *fn;
    void *arg;
    int stop_fd;
    pthread_t thread;
    char name[16];
    /* shared flags */
    atomic_bool is_stopping;
    atomic_bool has_ended;
    /* guarded by mtx */
    pthread_mutex_t mtx;
    pthread_cond_t reported_cond;
    bool has_reported;
    int report;
    /* owned by the thread until joined */
    int result;
};

static void *actor_main(void *arg)
{
    struct tw_actor *self = arg;
    (void)pthread_setname_np(pthread_self(), self->name); /* a name is a comfort only */
    self->result = self->fn(self, self->arg);
    tw_actor_ready(self, self->result != TW_OK ? self->result : TW_ECLOSED);
    atomic_store(&self->has_ended, true);
    return NULL;
}

static void actor_free(struct tw_actor *self)
{
    if (self->stop_fd >= 0) {
        (void)close(self->stop_fd);
    }
    (void)pthread_mutex_destroy(&self->mtx);
    (void)pthread_cond_destroy(&self->reported_cond);
    free(self);
}

/* Create the thread with every signal blocked, so that only the main thread sees them. */
static int actor_spawn(struct tw_actor *self)
{
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = pthread_create(&self->thread, NULL, actor_main, self);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc == 0 ? TW_OK : TW_ESYSTEM;
}

int tw_actor_new(const char *name, tw_actor_fn *fn, void *arg, struct tw_actor **ret_actor)
{
    struct tw_actor *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->fn = fn;
    self->arg = arg;
    (void)snprintf(self->name, sizeof self->name, "%s", name); /* a longer name is cut */
    TW_ASSERT(pthread_mutex_init(&self->mtx, NULL) == 0);
    TW_ASSERT(pthread_cond_init(&self->reported_cond, NULL) == 0);
    self->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int rc = self->stop_fd < 0 ? TW_ESYSTEM : actor_spawn(self);
    if (rc != TW_OK) {
        actor_free(self);
        return rc;
    }
    (void)pthread_mutex_lock(&self->mtx);
    while (!self->has_reported) {
        (void)pthread_cond_wait(&self->reported_cond, &self->mtx);
    }
    rc = self->report;
    (void)pthread_mutex_unlock(&self->mtx);
    if (rc != TW_OK) {
        (void)pthread_join(self->thread, NULL);
        actor_free(self);
        return rc;
    }
    *ret_actor = self;
    return TW_OK;
}

void tw_actor_stop(struct tw_actor *self)
{
    atomic_store(&self->is_stopping, true);
    uint64_t one = 1;
    ssize_t wrote = write(self->stop_fd, &one, sizeof one);
    (void)wrote; /* full means it is readable, which is all that is wanted */
}

int tw_actor_destroy(struct tw_actor **self_p)
{
    struct tw_actor *self = *self_p;
    if (self == NULL) {
        return TW_OK;
    }
    tw_actor_stop(self);
    (void)pthread_join(self->thread, NULL);
    *self_p = NULL; /* not before: the body may look at the same field while it still runs */
    int result = self->result;
    actor_free(self);
    return result;
}

bool tw_actor_has_ended(const struct tw_actor *self)
{
    return atomic_load(&self->has_ended);
}

void tw_actor_ready(struct tw_actor *self, int result)
{
    (void)pthread_mutex_lock(&self->mtx);
    if (!self->has_reported) {
        self->has_reported = true;
        self->report = result;
        (void)pthread_cond_signal(&self->reported_cond);
    }
    (void)pthread_mutex_unlock(&self->mtx);
}

bool tw_actor_is_stopping(const struct tw_actor *self)
{
    return atomic_load(&self->is_stopping);
}

bool tw_actor_wait_stop(const struct tw_actor *self, int timeout_ms)
{
    struct pollfd pfd = {.fd = self->stop_fd, .events = POLLIN};
    (void)poll(&pfd, 1, timeout_ms); /* interrupted or not: the flag tells */
    return tw_actor_is_stopping(self);
}

int tw_actor_stop_fd(const struct tw_actor *self)
{
    return self->stop_fd;
}
