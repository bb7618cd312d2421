/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "desk/follower.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor.h"
#include "core/log.h"
#include "desk/follow.h"

#define LOOK_MS   250
#define AGAIN_MS  5000 /* after an error, which would be the same at once */
#define EXPIRE_S  3600 /* between two times that what is over for long is forgotten */
#define AUDIT_S   60   /* between two looks at what came to the audit */
#define AUDIT_ALL 1440 /* of these looks, one is at all of it: once a day */

struct tw_follower {
    /* fixed after start */
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    struct tw_actor *actor;
    /* guarded by mtx */
    pthread_mutex_t mtx;
    const struct tw_causes *causes; /* a reference; NULL: none yet */
    bool has_news;                  /* the thread has not taken them */
    /* owned by the thread */
    struct tw_follow *follow;
    tw_mono_t expire_at; /* the next time */
    tw_mono_t audit_at;  /* likewise */
    unsigned audit_looks;
    struct tw_diag last_error;
};

/* The same error again and again is one line. */
static void complain(struct tw_follower *self, const struct tw_diag *diag)
{
    if (strcmp(self->last_error.text, diag->text) != 0) {
        tw_log(TW_LOG_STORE_FAILED_EVENT, TW_F_CSTR("thread", "desk"),
               TW_F_CSTR("reason", diag->text));
        self->last_error = *diag;
    }
}

static void take_causes(struct tw_follower *self, bool is_new)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    if (self->has_news || is_new) {
        self->has_news = false;
        tw_follow_set_causes(self->follow, self->causes);
    }
    (void)pthread_mutex_unlock(&self->mtx);
}

void tw_follower_set_causes(struct tw_follower *self, const struct tw_causes *causes)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    const struct tw_causes *before = self->causes;
    self->causes = causes == NULL ? NULL : tw_causes_ref(causes);
    self->has_news = true;
    (void)pthread_mutex_unlock(&self->mtx);
    tw_causes_unref(&before);
}

/* When nothing else is to be done, once an hour; portion by portion. */
static int expire(struct tw_follower *self, size_t *ret_count, struct tw_diag *diag)
{
    tw_mono_t now = self->clock->mono(self->clock);
    if (now.ns < self->expire_at.ns) {
        return TW_OK;
    }
    int rc = tw_follow_expire(self->follow, ret_count, diag);
    if (rc == TW_OK && *ret_count == 0) {
        self->expire_at.ns = now.ns + (int64_t)EXPIRE_S * TW_NS_PER_S;
    }
    return rc;
}

/* When nothing else is to be done, once a minute. Failures are followed whatever it comes to. */
static void check_audit(struct tw_follower *self)
{
    struct tw_diag diag = {""};
    tw_mono_t now = self->clock->mono(self->clock);
    if (now.ns < self->audit_at.ns) {
        return;
    }
    bool is_full = self->audit_looks++ % AUDIT_ALL == 0;
    self->audit_at.ns = now.ns + (int64_t)AUDIT_S * TW_NS_PER_S;
    if (tw_follow_check_audit(self->follow, is_full, &diag) != TW_OK) {
        complain(self, &diag);
    }
}

/* Milliseconds until the next look. */
static int look(struct tw_follower *self)
{
    struct tw_diag diag = {""};
    size_t count = 0;
    bool is_new = self->follow == NULL;
    int rc = is_new ? tw_follow_open(self->cfg, self->clock, &self->follow, &diag) : TW_OK;
    if (rc == TW_OK) {
        take_causes(self, is_new);
        rc = tw_follow_once(self->follow, &count, &diag);
    }
    if (rc == TW_OK && count == 0) {
        check_audit(self);
        rc = expire(self, &count, &diag);
    }
    if (rc != TW_OK) {
        complain(self, &diag);
        tw_follow_close(&self->follow);
        return AGAIN_MS;
    }
    self->last_error.text[0] = '\0';
    return count > 0 ? 0 : LOOK_MS;
}

static int follower_main(struct tw_actor *actor, void *arg)
{
    struct tw_follower *self = arg;
    tw_actor_ready(actor, TW_OK);
    while (!tw_actor_is_stopping(actor)) {
        int pause_ms = look(self);
        if (pause_ms > 0) {
            (void)tw_actor_wait_stop(actor, pause_ms); /* the loop asks again */
        }
    }
    tw_follow_close(&self->follow);
    return TW_OK;
}

int tw_follower_new(const struct tw_cfg *cfg, struct tw_clock *clock,
                    struct tw_follower **ret_follower)
{
    struct tw_follower *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->clock = clock;
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    int rc = tw_actor_new("desk", follower_main, self, &self->actor);
    if (rc != TW_OK) {
        (void)pthread_mutex_destroy(&self->mtx); /* nobody holds it any more */
        free(self);
        return rc;
    }
    *ret_follower = self;
    return TW_OK;
}

int tw_follower_destroy(struct tw_follower **self_p)
{
    struct tw_follower *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return TW_OK;
    }
    int rc = tw_actor_destroy(&self->actor);
    tw_causes_unref(&self->causes);
    (void)pthread_mutex_destroy(&self->mtx); /* nobody holds it any more */
    free(self);
    return rc;
}
