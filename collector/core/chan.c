/* SPDX-License-Identifier: Apache-2.0
 * A ring under a mutex with an eventfd beside it. The eventfd is written when the ring becomes
 * not empty and read when it becomes empty, both under the mutex, so its state is exact.
 */
#include "config.h"
#include "core/chan.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/err.h"

struct tw_chan {
    /* fixed after start */
    int fd;
    size_t capacity;
    /* guarded by mtx */
    pthread_mutex_t mtx;
    size_t head;
    size_t count;
    void *items[];
};

int tw_chan_new(size_t capacity, struct tw_chan **ret_chan)
{
    TW_ASSERT(capacity > 0);
    struct tw_chan *self = calloc(1, sizeof *self + capacity * sizeof(void *));
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->fd < 0) {
        free(self);
        return TW_ESYSTEM;
    }
    self->capacity = capacity;
    TW_ASSERT(pthread_mutex_init(&self->mtx, NULL) == 0);
    *ret_chan = self;
    return TW_OK;
}

void tw_chan_destroy(struct tw_chan **self_p)
{
    struct tw_chan *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    (void)close(self->fd); /* nothing can be done about an eventfd that will not close */
    (void)pthread_mutex_destroy(&self->mtx);
    free(self);
}

int tw_chan_fd(const struct tw_chan *self)
{
    return self->fd;
}

int tw_chan_send(struct tw_chan *self, void **item_p)
{
    int rc = TW_EAGAIN;
    (void)pthread_mutex_lock(&self->mtx);
    if (self->count < self->capacity) {
        self->items[(self->head + self->count) % self->capacity] = *item_p;
        self->count++;
        *item_p = NULL;
        rc = TW_OK;
        if (self->count == 1) {
            uint64_t one = 1;
            ssize_t wrote = write(self->fd, &one, sizeof one);
            TW_ASSERT(wrote == (ssize_t)sizeof one); /* the counter is 0 here, it has room */
        }
    }
    (void)pthread_mutex_unlock(&self->mtx);
    return rc;
}

void *tw_chan_receive(struct tw_chan *self)
{
    void *item = NULL;
    (void)pthread_mutex_lock(&self->mtx);
    if (self->count > 0) {
        item = self->items[self->head];
        self->head = (self->head + 1) % self->capacity;
        self->count--;
        if (self->count == 0) {
            uint64_t drained = 0;
            ssize_t got = read(self->fd, &drained, sizeof drained);
            TW_ASSERT(got == (ssize_t)sizeof drained); /* it is 1 here */
        }
    }
    (void)pthread_mutex_unlock(&self->mtx);
    return item;
}

void *tw_chan_wait(struct tw_chan *self, int timeout_ms)
{
    void *item = tw_chan_receive(self);
    if (item == NULL) {
        struct pollfd pfd = {.fd = self->fd, .events = POLLIN};
        if (poll(&pfd, 1, timeout_ms) > 0 || errno == EINTR) {
            item = tw_chan_receive(self);
        }
    }
    return item;
}

size_t tw_chan_count(struct tw_chan *self)
{
    (void)pthread_mutex_lock(&self->mtx);
    size_t count = self->count;
    (void)pthread_mutex_unlock(&self->mtx);
    return count;
}
