/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert/watcher.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor.h"
#include "core/log.h"
#include "core/trouble.h"

#define TURN_MS  1000
#define BUSY_MS  50   /* others write to desk.db */
#define FIRST_MS 250  /* until the desk has made its file */
#define AGAIN_MS 5000 /* after an error, which would be the same at once */

/* What is to be in force: references, and an owned list. */
struct waiting {
    const struct tw_rules *rules; /* NULL: nothing waits */
    const struct tw_workflows *workflows;
    struct tw_watch_heartbeat *heartbeats;
    size_t heartbeat_count;
};

struct tw_watcher {
    /* fixed after start */
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    struct tw_actor *actor;
    /* guarded by mtx */
    pthread_mutex_t mtx;
    struct waiting next;
    /* owned by the thread */
    struct tw_watch *watch;
    struct tw_diag last_error;
    bool has_failed; /* it is told when it goes on */
};

/* ---- what is in force ---- */

static void drop(struct waiting *self)
{
    tw_rules_unref(&self->rules);
    tw_workflows_unref(&self->workflows);
    free(self->heartbeats);
    *self = (struct waiting){0};
}

int tw_watcher_set(struct tw_watcher *self, const struct tw_watch_set *set)
{
    struct tw_watch_heartbeat *heartbeats = NULL;
    int rc = tw_watch_heartbeats_copy(set, &heartbeats);
    if (rc != TW_OK) {
        return rc;
    }
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    struct waiting before = self->next;
    self->next = (struct waiting){.rules = tw_rules_ref(set->rules),
                                  .workflows = tw_workflows_ref(set->workflows),
                                  .heartbeats = heartbeats,
                                  .heartbeat_count = set->heartbeat_count};
    (void)pthread_mutex_unlock(&self->mtx);
    drop(&before);
    return TW_OK;
}

/* Refused while something that was judged is not written: with one of the next turns. */
static void take_set(struct tw_watcher *self)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    struct waiting *next = &self->next;
    const struct tw_watch_set set = {.rules = next->rules,
                                     .workflows = next->workflows,
                                     .heartbeats = next->heartbeats,
                                     .heartbeat_count = next->heartbeat_count};
    if (set.rules != NULL && tw_watch_change(self->watch, &set) == TW_OK) {
        drop(next);
    }
    (void)pthread_mutex_unlock(&self->mtx);
}

/* ---- the thread ---- */

/* The same error again and again is one line. */
static void complain(struct tw_watcher *self, const struct tw_diag *diag)
{
    if (strcmp(self->last_error.text, diag->text) != 0) {
        tw_log(TW_LOG_ALERTS_STOPPED_EVENT, TW_F_CSTR("reason", diag->text));
        self->last_error = *diag;
        tw_trouble_set(TW_TROUBLE_ALERT, diag->text);
    }
    self->has_failed = true;
}

/* Milliseconds until the next turn. */
static int take_turn(struct tw_watcher *self)
{
    struct tw_diag diag = {""};
    bool has_more = false;
    take_set(self);
    int rc = tw_watch_turn(self->watch, &has_more, &diag);
    switch (rc) {
    case TW_OK:
        if (self->has_failed) {
            tw_log(TW_LOG_ALERTS_GO_ON_EVENT, TW_F_CSTR("after", self->last_error.text));
            tw_trouble_set(TW_TROUBLE_ALERT, NULL);
        }
        self->has_failed = false;
        self->last_error.text[0] = '\0';
        return has_more ? 0 : TURN_MS;
    case TW_EBUSY:
        return BUSY_MS;
    case TW_ENOTFOUND:
    case TW_EOLDER:
        return FIRST_MS;
    default:
        complain(self, &diag);
        return AGAIN_MS;
    }
}

static int watcher_main(struct tw_actor *actor, void *arg)
{
    struct tw_watcher *self = arg;
    tw_actor_ready(actor, TW_OK);
    while (!tw_actor_is_stopping(actor)) {
        int pause_ms = take_turn(self);
        if (pause_ms > 0) {
            (void)tw_actor_wait_stop(actor, pause_ms); /* the loop asks again */
        }
    }
    return TW_OK;
}

/* ---- life ---- */

static void watcher_free(struct tw_watcher *self)
{
    tw_watch_destroy(&self->watch);
    drop(&self->next);
    (void)pthread_mutex_destroy(&self->mtx); /* nobody holds it any more */
    free(self);
}

int tw_watcher_new(const struct tw_cfg *cfg, struct tw_clock *clock, tw_wall_t began,
                   const struct tw_watch_set *set, struct tw_watcher **ret_watcher)
{
    struct tw_watcher *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->clock = clock;
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    int rc = tw_watch_new(cfg, clock, began, set, &self->watch);
    rc = rc == TW_OK ? tw_actor_new("alert", watcher_main, self, &self->actor) : rc;
    if (rc != TW_OK) {
        watcher_free(self);
        return rc;
    }
    *ret_watcher = self;
    return TW_OK;
}

int tw_watcher_destroy(struct tw_watcher **self_p)
{
    struct tw_watcher *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return TW_OK;
    }
    int rc = tw_actor_destroy(&self->actor);
    watcher_free(self);
    return rc;
}
