/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/readers.h"

#include <pthread.h>
#include <stdlib.h>

#include "store/desk_read.h"

/* One call: a journey of 10,000 events of 2 kB is 20 MB; beyond this a call fails with 503. */
#define ARENA_MAX (64u * 1024u * 1024u)
/* Kept by an idle lease; what a large answer needed beyond it is freed. */
#define ARENA_KEEP (4u * 1024u * 1024u)

struct tw_readers {
    /* fixed after start */
    const char *dir;
    /* guarded by mtx */
    pthread_mutex_t mtx;
    struct tw_lease *idle;
};

int tw_readers_new(const char *dir, struct tw_readers **ret_readers)
{
    struct tw_readers *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->dir = dir;
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    *ret_readers = self;
    return TW_OK;
}

static void lease_destroy(struct tw_lease *lease)
{
    tw_reader_close(&lease->reader);
    tw_desk_reader_close(&lease->desk);
    tw_arena_fini(&lease->arena);
    json_decref(lease->overview);
    free(lease->overview_text);
    tw_matcher_destroy(&lease->matcher);
    tw_workflows_unref(&lease->matched);
    free(lease);
}

void tw_readers_destroy(struct tw_readers **self_p)
{
    struct tw_readers *self = *self_p;
    if (self == NULL) {
        return;
    }
    while (self->idle != NULL) {
        struct tw_lease *lease = self->idle;
        self->idle = lease->next;
        lease_destroy(lease);
    }
    (void)pthread_mutex_destroy(&self->mtx); /* nobody holds it any more */
    free(self);
    *self_p = NULL;
}

int tw_readers_take(struct tw_readers *self, bool with_reader, struct tw_lease **ret_lease,
                    int *ret_open, struct tw_diag *diag)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    struct tw_lease *lease = self->idle;
    if (lease != NULL) {
        self->idle = lease->next;
    }
    (void)pthread_mutex_unlock(&self->mtx);
    if (lease == NULL) {
        lease = calloc(1, sizeof *lease);
        if (lease == NULL) {
            return TW_ENOMEM;
        }
        tw_arena_init(&lease->arena, ARENA_MAX);
    }
    lease->next = NULL;
    *ret_open = TW_OK;
    if (with_reader && lease->reader == NULL) {
        *ret_open = tw_reader_open(self->dir, &lease->reader, diag);
    }
    *ret_lease = lease;
    return TW_OK;
}

void tw_readers_give(struct tw_readers *self, struct tw_lease **lease_p, bool is_broken)
{
    struct tw_lease *lease = *lease_p;
    *lease_p = NULL;
    if (lease == NULL) {
        return;
    }
    if (is_broken) {
        tw_reader_close(&lease->reader);
        tw_desk_reader_close(&lease->desk);
    }
    if (lease->arena.total > ARENA_KEEP) {
        tw_arena_fini(&lease->arena);
    } else {
        tw_arena_reset(&lease->arena);
    }
    (void)pthread_mutex_lock(&self->mtx);
    lease->next = self->idle;
    self->idle = lease;
    (void)pthread_mutex_unlock(&self->mtx);
}
