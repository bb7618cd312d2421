/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "notify/notifier.h"

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/actor.h"
#include "core/log.h"
#include "core/trouble.h"

#define TURN_MS    1000
#define BUSY_MS    50   /* others write to desk.db */
#define FIRST_MS   250  /* until the desk has made its file */
#define AGAIN_MS   5000 /* after an error, which would be the same at once */
#define PATH_BYTES 4096

struct tw_notifier {
    /* fixed after start */
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    char program[PATH_BYTES]; /* this one; "": not known */
    struct tw_actor *actor;
    /* guarded by mtx */
    pthread_mutex_t mtx;
    const struct tw_notify *next_set; /* NULL: nothing waits */
    const struct tw_workflows *next_workflows;
    /* owned by the thread */
    struct tw_tell *tell;
    struct tw_deliver *deliver;
    bool has_alertmanager; /* some receiver */
    uint64_t pushed;       /* generation of what Alertmanagers were told */
    tw_mono_t next_turn;   /* of telling */
    struct tw_diag last_error;
    bool has_failed;       /* it is told when it goes on: */
    bool has_failed_turn;  /* when neither the last turn failed */
    bool has_failed_round; /* nor the last round */
};

/* ---- what is in force ---- */

void tw_notifier_set(struct tw_notifier *self, const struct tw_notify *set,
                     const struct tw_workflows *workflows)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    const struct tw_notify *before = self->next_set;
    const struct tw_workflows *before_workflows = self->next_workflows;
    self->next_set = tw_notify_ref(set);
    self->next_workflows = tw_workflows_ref(workflows);
    (void)pthread_mutex_unlock(&self->mtx);
    tw_notify_unref(&before);
    tw_workflows_unref(&before_workflows);
}

static bool has_alertmanager(const struct tw_notify *set)
{
    for (size_t i = 0; i < set->receiver_count; i++) {
        if (tw_receiver_find(&set->receivers[i], TW_INTEGRATION_ALERTMANAGER, 0) != NULL) {
            return true;
        }
    }
    return false;
}

static void take_set(struct tw_notifier *self)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    const struct tw_notify *set = self->next_set;
    const struct tw_workflows *workflows = self->next_workflows;
    self->next_set = NULL;
    self->next_workflows = NULL;
    (void)pthread_mutex_unlock(&self->mtx);
    if (set == NULL) {
        return;
    }
    if (tw_deliver_change(self->deliver, set) == TW_OK) {
        tw_tell_change(self->tell, set, workflows);
        self->has_alertmanager = has_alertmanager(set);
        self->next_turn.ns = 0;
    } else { /* no memory: the next turn tries again, unless others have come meanwhile */
        tw_log(TW_LOG_NOTIFY_STOPPED_EVENT, TW_F_CSTR("reason", tw_err_text(TW_ENOMEM)));
        (void)pthread_mutex_lock(&self->mtx);
        bool is_free = self->next_set == NULL;
        self->next_set = is_free ? tw_notify_ref(set) : self->next_set;
        self->next_workflows = is_free ? tw_workflows_ref(workflows) : self->next_workflows;
        (void)pthread_mutex_unlock(&self->mtx);
    }
    tw_notify_unref(&set);
    tw_workflows_unref(&workflows);
}

/* ---- a turn ---- */

/* The same error again and again is one line. */
static void complain(struct tw_notifier *self, const struct tw_diag *diag)
{
    if (strcmp(self->last_error.text, diag->text) != 0) {
        tw_log(TW_LOG_NOTIFY_STOPPED_EVENT, TW_F_CSTR("reason", diag->text));
        self->last_error = *diag;
        tw_trouble_set(TW_TROUBLE_NOTIFY, diag->text);
    }
    self->has_failed = true;
}

static void go_on(struct tw_notifier *self)
{
    if (self->has_failed) {
        tw_log(TW_LOG_NOTIFY_GOES_ON_EVENT, TW_F_CSTR("after", self->last_error.text));
        tw_trouble_set(TW_TROUBLE_NOTIFY, NULL);
    }
    self->has_failed = false;
    self->last_error.text[0] = '\0';
}

/* Milliseconds until the next one. */
static int pause_after(struct tw_notifier *self, int rc, const struct tw_diag *diag)
{
    switch (rc) {
    case TW_OK:
        self->has_failed_turn = false;
        return TURN_MS;
    case TW_EBUSY:
        return BUSY_MS;
    case TW_ENOTFOUND:
    case TW_EOLDER:
        return FIRST_MS;
    default:
        complain(self, diag);
        self->has_failed_turn = true;
        return AGAIN_MS;
    }
}

static int push_alerts(struct tw_notifier *self, tw_wall_t now, struct tw_diag *diag)
{
    const struct tw_notice_alert *alerts = NULL;
    size_t count = 0;
    uint64_t generation = tw_tell_generation(self->tell);
    const tw_wall_t since = {now.ns - TW_DELIVER_TELL_S * TW_NS_PER_S};
    if (!self->has_alertmanager ||
        (generation == self->pushed && !tw_deliver_wants_alerts(self->deliver))) {
        return TW_OK;
    }
    int rc = tw_tell_alerts(self->tell, since, &alerts, &count, diag);
    if (rc != TW_OK) {
        return rc == TW_ENOTFOUND ? TW_OK : rc;
    }
    struct tw_deliver_alert *told = calloc(count + 1, sizeof *told);
    if (told == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    for (size_t i = 0; i < count; i++) {
        told[i] = (struct tw_deliver_alert){.labels = alerts[i].labels,
                                            .annotations = alerts[i].annotations,
                                            .generator = alerts[i].generator,
                                            .starts = alerts[i].head.fired,
                                            .ended = alerts[i].ended};
    }
    rc = tw_deliver_alerts(self->deliver, told, count);
    self->pushed = rc == TW_OK ? generation : self->pushed;
    free(told);
    return rc;
}

/* Milliseconds until something is to be done. */
static int take_turn(struct tw_notifier *self)
{
    struct tw_diag diag = {""};
    tw_mono_t now = self->clock->mono(self->clock);
    int wait_ms = TURN_MS;
    take_set(self);
    tw_deliver_look(self->deliver);
    if (now.ns >= self->next_turn.ns) {
        int rc = tw_tell_turn(self->tell, &diag);
        rc = rc == TW_OK ? push_alerts(self, self->clock->wall(self->clock), &diag) : rc;
        self->next_turn.ns = now.ns + pause_after(self, rc, &diag) * TW_NS_PER_MS;
    }
    struct tw_notices *outbox = tw_tell_outbox(self->tell);
    if (outbox != NULL) {
        int rc = tw_deliver_round(self->deliver, outbox, &wait_ms, &diag);
        self->has_failed_round = rc != TW_OK && rc != TW_EBUSY;
        if (rc == TW_EBUSY) {
            wait_ms = BUSY_MS;
        } else if (rc != TW_OK) {
            complain(self, &diag);
            wait_ms = AGAIN_MS;
        }
    }
    if (!self->has_failed_turn && !self->has_failed_round) {
        go_on(self);
    }
    int64_t left_ms = (self->next_turn.ns - now.ns) / TW_NS_PER_MS;
    return left_ms < wait_ms ? (int)left_ms : wait_ms;
}

static int notifier_main(struct tw_actor *actor, void *arg)
{
    struct tw_notifier *self = arg;
    tw_actor_ready(actor, TW_OK);
    while (!tw_actor_is_stopping(actor)) {
        int wait_ms = take_turn(self);
        struct pollfd fd = {.fd = tw_actor_stop_fd(actor), .events = POLLIN};
        if (tw_deliver_wait(self->deliver, &fd, 1, wait_ms < 0 ? 0 : wait_ms) != TW_OK) {
            (void)poll(&fd, 1, wait_ms); /* without memory for it; the loop goes on */
        }
    }
    tw_deliver_destroy(&self->deliver); /* made in another thread, but used by this one alone */
    tw_tell_destroy(&self->tell);
    return TW_OK;
}

/* ---- life ---- */

static void notifier_free(struct tw_notifier *self)
{
    tw_deliver_destroy(&self->deliver);
    tw_tell_destroy(&self->tell);
    tw_notify_unref(&self->next_set);
    tw_workflows_unref(&self->next_workflows);
    (void)pthread_mutex_destroy(&self->mtx); /* nobody holds it any more */
    free(self);
}

int tw_notifier_new(const struct tw_cfg *cfg, struct tw_clock *clock, const struct tw_notify *set,
                    const struct tw_workflows *workflows, struct tw_notifier **ret_notifier,
                    struct tw_diag *diag)
{
    struct tw_notifier *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    self->cfg = cfg;
    self->clock = clock;
    self->has_alertmanager = has_alertmanager(set);
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    ssize_t len = readlink("/proc/self/exe", self->program, sizeof self->program - 1);
    self->program[len > 0 ? len : 0] = '\0';
    bool has_file = cfg->file != NULL && cfg->file[0] != '('; /* "(built in)" */
    const struct tw_pub_guard guard = {.curve = cfg->notify.curve,
                                       .is_insecure = cfg->notify.is_insecure};
    const struct tw_deliver_setup setup = {
        .guard = &guard,
        .clock = clock,
        .program = self->program[0] == '\0' ? NULL : self->program,
        .config = has_file ? cfg->file : NULL,
        .state = cfg->store.dir,
    };
    int rc = tw_deliver_new(&setup, set, &self->deliver, diag);
    rc = rc == TW_OK ? tw_tell_new(cfg, clock, set, workflows, &self->tell) : rc;
    rc = rc == TW_OK ? tw_actor_new("notify", notifier_main, self, &self->actor) : rc;
    if (rc != TW_OK) {
        if (diag->text[0] == '\0') {
            (void)tw_diag_set(diag, rc, "it cannot start: %s", tw_err_text(rc));
        }
        notifier_free(self);
        return rc;
    }
    *ret_notifier = self;
    return TW_OK;
}

void tw_notifier_reload_clients(struct tw_notifier *self)
{
    tw_deliver_reload_clients(self->deliver);
}

int tw_notifier_destroy(struct tw_notifier **self_p)
{
    struct tw_notifier *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return TW_OK;
    }
    int rc = tw_actor_destroy(&self->actor);
    notifier_free(self);
    return rc;
}
