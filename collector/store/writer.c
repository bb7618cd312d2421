/* SPDX-License-Identifier: Apache-2.0
 * The writer actor: batches in, commits, batches out. It owns the store's writing side while it
 * runs. A disk that is full, or a lock that somebody else holds, is waited for: meanwhile the
 * channel in fills up, and intake stops receiving.
 */
#include "config.h"
#include "store/writer.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/log.h"
#include "store/snapshot.h"
#include "store/state.h"

#define RETRY_MS     250 /* between two attempts of a commit that found no space */
#define OUT_RETRY_MS 1

struct tw_writer {
    /* fixed after start */
    struct tw_store *store;
    struct tw_chan *in;
    struct tw_chan *out;
    struct tw_actor *actor;
};

/* Sleep, but not longer than until stop is asked for. */
static void pause_ms(struct tw_actor *actor, int timeout_ms)
{
    struct pollfd pfd = {.fd = tw_actor_stop_fd(actor), .events = POLLIN};
    (void)poll(&pfd, 1, timeout_ms); /* woken early: the caller looks again anyway */
}

static int commit(struct tw_writer *self, struct tw_actor *actor, struct tw_batch *batch)
{
    struct tw_diag diag = {{0}};
    int rc = tw_store_commit(self->store, batch, &diag);
    while (rc == TW_ENOSPACE || rc == TW_EBUSY) {
        tw_log(TW_LOG_COMMIT_FAILED_EVENT, TW_F_CSTR("reason", diag.text),
               TW_F_CSTR("then", "trying again"));
        if (tw_actor_is_stopping(actor)) {
            return rc;
        }
        pause_ms(actor, RETRY_MS);
        rc = tw_store_commit(self->store, batch, &diag);
    }
    if (rc != TW_OK) {
        tw_log(TW_LOG_COMMIT_FAILED_EVENT, TW_F_CSTR("reason", diag.text),
               TW_F_CSTR("then", "stopping; the next start recovers the store"));
    }
    return rc;
}

/* The tracker's state came along: it is of use once its batch is committed. */
static void take_snapshot(struct tw_writer *self, struct tw_batch *batch, int rc)
{
    if (batch->track != NULL && batch->track->saving != NULL) {
        struct tw_saving *saving = batch->track->saving;
        if (rc == TW_OK && self->store->saver != NULL) {
            tw_saver_adopt(self->store->saver, &saving);
        }
        tw_saving_destroy(&saving);
    }
    if (batch->track == NULL || batch->track->snapshot == NULL) {
        return;
    }
    void *bytes = batch->track->snapshot;
    if (rc == TW_OK && self->store->saver != NULL) {
        tw_saver_offer(self->store->saver, batch->first_n + batch->record_count - 1, &bytes,
                       batch->track->snapshot_len);
    }
    free(bytes);
}

/* `out` has room for every batch there is, so this waits only for a receiver in mid-step. */
static void hand_back(struct tw_writer *self, struct tw_batch *batch)
{
    void *item = batch;
    while (tw_chan_send(self->out, &item) == TW_EAGAIN) {
        (void)poll(NULL, 0, OUT_RETRY_MS);
    }
}

static int write_waiting(struct tw_writer *self, struct tw_actor *actor)
{
    for (struct tw_batch *batch = tw_chan_receive(self->in); batch != NULL;
         batch = tw_chan_receive(self->in)) {
        int rc = commit(self, actor, batch);
        batch->commit_result = rc;
        take_snapshot(self, batch, rc);
        hand_back(self, batch);
        if (rc != TW_OK) {
            return rc;
        }
    }
    return TW_OK;
}

static int run(struct tw_actor *actor, void *arg)
{
    struct tw_writer *self = arg;
    tw_actor_ready(actor, TW_OK);
    int rc = TW_OK;
    while (rc == TW_OK && !tw_actor_is_stopping(actor)) {
        struct pollfd pfds[] = {
            {.fd = tw_chan_fd(self->in), .events = POLLIN},
            {.fd = tw_actor_stop_fd(actor), .events = POLLIN},
        };
        if (poll(pfds, 2, -1) < 0 && errno != EINTR) {
            return TW_ESYSTEM;
        }
        rc = write_waiting(self, actor);
    }
    return rc == TW_OK ? write_waiting(self, actor) : rc;
}

int tw_writer_new(struct tw_store *store, struct tw_chan *in, struct tw_chan *out,
                  struct tw_writer **ret_writer)
{
    struct tw_writer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    *self = (struct tw_writer){.store = store, .in = in, .out = out};
    int rc = tw_actor_new("writer", run, self, &self->actor);
    if (rc != TW_OK) {
        free(self);
        return rc;
    }
    *ret_writer = self;
    return TW_OK;
}

int tw_writer_destroy(struct tw_writer **self_p)
{
    struct tw_writer *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return TW_OK;
    }
    int rc = tw_actor_destroy(&self->actor);
    free(self);
    return rc;
}

bool tw_writer_has_failed(const struct tw_writer *self)
{
    return tw_actor_has_ended(self->actor);
}
