/* SPDX-License-Identifier: Apache-2.0
 * Who waits is woken when one is given back, in no order that is promised. */
#include "config.h"
#include "access/turns.h"

#include <errno.h>
#include <time.h>

#include "core/clock.h"

int tw_turns_init(struct tw_turns *self, unsigned at_once, unsigned waiting_max)
{
    pthread_condattr_t attributes;
    *self = (struct tw_turns){.at_once = at_once, .waiting_max = waiting_max};
    if (pthread_condattr_init(&attributes) != 0) {
        return TW_ESYSTEM;
    }
    int failed = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    failed = failed != 0 ? failed : pthread_cond_init(&self->freed, &attributes);
    (void)pthread_condattr_destroy(&attributes); /* always succeeds here */
    if (failed != 0) {
        return TW_ESYSTEM;
    }
    if (pthread_mutex_init(&self->mutex, NULL) != 0) {
        (void)pthread_cond_destroy(&self->freed); /* nobody waits */
        return TW_ESYSTEM;
    }
    self->has_begun = true;
    return TW_OK;
}

void tw_turns_fini(struct tw_turns *self)
{
    if (self->has_begun) {
        (void)pthread_mutex_destroy(&self->mutex); /* nobody has it */
        (void)pthread_cond_destroy(&self->freed);  /* nobody waits */
        self->has_begun = false;
    }
}

static struct timespec later(int wait_ms)
{
    struct tw_clock *clock = tw_clock_system();
    int64_t at = clock->mono(clock).ns + wait_ms * TW_NS_PER_MS;
    return (struct timespec){.tv_sec = (time_t)(at / TW_NS_PER_S),
                             .tv_nsec = (long)(at % TW_NS_PER_S)};
}

int tw_turns_take(struct tw_turns *self, int wait_ms)
{
    const struct timespec until = later(wait_ms);
    int rc = TW_OK;
    (void)pthread_mutex_lock(&self->mutex); /* cannot fail: it is ours and not held */
    if (self->taken >= self->at_once && self->waiting >= self->waiting_max) {
        rc = TW_EAGAIN;
    } else {
        self->waiting++;
        while (self->taken >= self->at_once && rc == TW_OK) {
            int failed = pthread_cond_timedwait(&self->freed, &self->mutex, &until);
            rc = failed == ETIMEDOUT ? TW_ETIMEOUT : TW_OK;
        }
        /* One may have come free in the moment in which the time ran out. */
        rc = self->taken < self->at_once ? TW_OK : rc;
        self->waiting--;
        self->taken += rc == TW_OK ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&self->mutex); /* likewise */
    return rc;
}

void tw_turns_give(struct tw_turns *self)
{
    (void)pthread_mutex_lock(&self->mutex); /* likewise */
    TW_ASSERT(self->taken > 0);
    self->taken--;
    (void)pthread_cond_signal(&self->freed);  /* cannot fail */
    (void)pthread_mutex_unlock(&self->mutex); /* likewise */
}
