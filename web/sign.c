/* SPDX-License-Identifier: Apache-2.0
 * A ticket is queued, then at work, then done; who asked may drop it at any time, and it is freed
 * by the last of both. Passwords are overwritten when they are not needed any more. */
#include "config.h"
#include "web/sign.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "access/password.h"
#include "access/throttle.h"
#include "access/turns.h"
#include "core/actor.h"
#include "core/log.h"
#include "store/sessions.h"
#include "web/problem.h"
#include "web/who.h"

#define USES_MS      5000 /* between two writings of uses */
#define ARENA_BYTES  ((size_t)1 << 20)
#define DEVICE_AGE_S (INT64_C(86400) * TW_DEVICE_DAYS)
#define AGENT_BYTES  TW_SESSION_AGENT_MAX

enum state { QUEUED, AT_WORK, DONE };

struct tw_sign_ticket {
    struct tw_sign *desk;
    /* fixed once it is queued */
    struct tw_sign_ask ask; /* texts lie in `texts` */
    struct tw_guess guess;
    uint8_t device_hash[TW_BEARER_HASH_BYTES];
    bool knows_device;
    char *texts;
    size_t texts_len;
    /* guarded by the mutex of the desk */
    enum state state;
    bool is_dropped;
    void (*wake)(void *context);
    void *context;
    struct tw_sign_ticket *next; /* in the queue */
    struct tw_response response;
};

struct tw_sign {
    /* fixed after start */
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    struct tw_gate *gate;
    struct tw_throttle *throttle;
    struct tw_password_cost cost;
    char nobodys[TW_PASSWORD_HASH_SIZE]; /* what a user has that there is not */
    struct tw_actor *actors[TW_PASSWORD_TURNS];
    /* guarded by mtx */
    pthread_mutex_t mtx;
    pthread_cond_t changed;
    struct tw_sign_ticket *first;
    struct tw_sign_ticket *last;
    size_t waiting;
    bool is_stopping;
};

static void lock(struct tw_sign *self)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: a plain mutex, locked once */
}

static void unlock(struct tw_sign *self)
{
    (void)pthread_mutex_unlock(&self->mtx);
}

static void free_ticket(struct tw_sign_ticket *ticket)
{
    tw_response_fini(&ticket->response);
    if (ticket->texts != NULL) {
        tw_wipe(ticket->texts, ticket->texts_len);
    }
    free(ticket->texts);
    free(ticket);
}

/* ---- the work ---- */

struct work {
    struct tw_sign *desk;
    struct tw_sign_ticket *ticket;
    const struct tw_sign_ask *ask;
    struct tw_response *response;
    struct tw_arena arena;
    struct tw_desk_reader *reader;
    struct tw_user user; /* id 0: there is none, or it is disabled */
    tw_wall_t now;
    struct tw_diag diag;
};

static int refuse(struct work *self, enum tw_web_problem kind, const char *detail)
{
    tw_problem_fill(self->response, kind, detail, self->ask->path);
    /* Source: RFC 9110, 15.5.2: a 401 says how to do better. A fixed text always fits. */
    return kind == TW_WEB_PROBLEM_WRONG ? tw_response_header(self->response, "WWW-Authenticate",
                                                             "Bearer realm=\"tillwatch\"")
                                        : TW_OK;
}

static struct tw_access_command command_of(const struct work *self)
{
    return (struct tw_access_command){
        .dir = self->desk->cfg->store.dir,
        .actor = self->ask->user,
        .kind = TW_STR_LIT("user"),
        .address = self->ask->address,
        .now = self->now,
    };
}

static int find_user(struct work *self)
{
    int rc = tw_desk_reader_open(self->desk->cfg->store.dir, &self->reader, &self->diag);
    rc = rc == TW_OK && tw_access_name_is_valid(self->ask->user)
             ? tw_user_find(self->reader, &self->arena, self->ask->user, &self->user)
             : rc;
    if (rc == TW_ENOTFOUND || (rc == TW_OK && self->user.disabled.ns != 0)) {
        self->user = (struct tw_user){.id = 0};
        return TW_OK;
    }
    return rc;
}

/* One that was stored with another cost is stored anew; that it was not is no harm. */
static void renew(struct work *self)
{
    char hash[TW_PASSWORD_HASH_SIZE];
    if (tw_password_is_stale(self->user.password, &self->desk->cost) &&
        tw_password_hash(self->ask->password, &self->desk->cost, hash) == TW_OK) {
        (void)tw_user_renew_password(self->desk->cfg->store.dir, self->user.id, self->user.password,
                                     tw_str_of(hash), &self->diag);
    }
}

/* A session with a new id, in the place of the one before. */
static int begin_session(struct work *self)
{
    const struct tw_sign_ask *ask = self->ask;
    const struct tw_access_command command = command_of(self);
    char id[TW_BEARER_TEXT_SIZE];
    char device[TW_BEARER_TEXT_SIZE] = "";
    uint8_t hash[TW_BEARER_HASH_BYTES];
    uint8_t before[TW_BEARER_HASH_BYTES];
    uint8_t device_hash[TW_BEARER_HASH_BYTES];
    struct tw_sign_in sign_in = {
        .hash = hash, .agent = ask->agent, .limits = tw_gate_limits(self->desk->cfg)};
    uint64_t session = 0;
    int rc = tw_bearer_make(TW_BEARER_SESSION, id, hash);
    if (ask->cookie.len > 0 && tw_bearer_hash(TW_BEARER_SESSION, ask->cookie, before) == TW_OK) {
        sign_in.before = before;
    }
    if (rc == TW_OK && self->ticket->knows_device && ask->fresh.ptr == NULL) {
        sign_in.device = self->ticket->device_hash;
    } else if (rc == TW_OK) {
        rc = tw_bearer_make(TW_BEARER_DEVICE, device, device_hash);
        sign_in.device = device_hash;
    }
    rc = rc == TW_OK ? tw_session_begin(&command, ask->user, &sign_in, &session, &self->diag) : rc;
    tw_gate_forget(self->desk->gate);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_asker asker = {
        .principal = {.kind = TW_PRINCIPAL_USER, .name = ask->user, .role = self->user.role},
        .must_change = self->user.must_change && ask->fresh.ptr == NULL,
        .created = self->now,
        .ends = {self->now.ns + sign_in.limits.absolute_s * TW_NS_PER_S},
        .idle_ends = {self->now.ns + sign_in.limits.idle_s * TW_NS_PER_S},
    };
    rc = tw_grants_parse(&self->arena, self->user.grants, &asker.principal.grants, &self->diag);
    rc = rc == TW_OK ? tw_response_json(self->response, 200, tw_who_json(self->desk->cfg, &asker))
                     : rc;
    rc = rc == TW_OK ? tw_who_set_cookie(self->response,
                                         ask->is_secure ? TW_COOKIE_SECURE : TW_COOKIE_PLAIN, id,
                                         ask->is_secure, 0)
                     : rc;
    if (rc == TW_OK && device[0] != '\0') {
        rc = tw_who_set_cookie(self->response,
                               ask->is_secure ? TW_COOKIE_DEVICE_SECURE : TW_COOKIE_DEVICE, device,
                               ask->is_secure, DEVICE_AGE_S);
    }
    tw_wipe(id, sizeof id);
    tw_wipe(device, sizeof device);
    return rc;
}

static int change_password(struct work *self)
{
    const struct tw_access_command command = command_of(self);
    const struct tw_sign_ask *ask = self->ask;
    char hash[TW_PASSWORD_HASH_SIZE];
    if (tw_str_equal(ask->fresh, ask->password)) {
        return refuse(self, TW_WEB_PROBLEM_BODY, "the new password is the one before");
    }
    if (tw_password_check(ask->fresh, ask->user, &self->diag) != TW_OK) {
        return refuse(self, TW_WEB_PROBLEM_BODY, self->diag.text);
    }
    int rc = tw_password_hash(ask->fresh, &self->desk->cost, hash);
    rc = rc == TW_OK ? tw_user_set_password(&command, ask->user, tw_str_of(hash), false,
                                            ask->session, &self->diag)
                     : rc;
    if (rc == TW_OK) {
        tw_throttle_forget(self->desk->throttle, ask->user);
        rc = begin_session(self);
    }
    return rc;
}

static int answer(struct work *self)
{
    struct tw_sign *desk = self->desk;
    int rc = find_user(self);
    if (rc != TW_OK) {
        return rc;
    }
    bool is_there = self->user.id != 0;
    bool is_right = tw_password_is(self->ask->password,
                                   is_there ? self->user.password : tw_str_of(desk->nobodys));
    if (!is_there || !is_right) {
        tw_log(TW_LOG_SIGN_IN_FAILED_EVENT, TW_F_STR("user", self->ask->user),
               TW_F_STR("address", self->ask->address));
        return refuse(self, TW_WEB_PROBLEM_WRONG, NULL);
    }
    tw_throttle_right(desk->throttle, &self->ticket->guess, desk->clock->mono(desk->clock));
    if (self->ask->fresh.ptr != NULL) {
        return change_password(self);
    }
    renew(self);
    return begin_session(self);
}

static void work(struct tw_sign *desk, struct tw_sign_ticket *ticket)
{
    struct work self = {
        .desk = desk,
        .ticket = ticket,
        .ask = &ticket->ask,
        .response = &ticket->response,
        .now = desk->clock->wall(desk->clock),
    };
    tw_arena_init(&self.arena, ARENA_BYTES);
    int rc = answer(&self);
    if (rc != TW_OK) {
        tw_log(TW_LOG_WEB_FAILED_EVENT, TW_F_STR("path", ticket->ask.path),
               TW_F_CSTR("reason", self.diag.text[0] != '\0' ? self.diag.text : tw_err_text(rc)));
        ticket->response.header_count = 0;
        tw_problem_fill(&ticket->response,
                        rc == TW_EPERM ? TW_WEB_PROBLEM_WRONG : TW_WEB_PROBLEM_UNAVAILABLE,
                        rc == TW_EPERM ? NULL : "the sign-in could not be written or looked up",
                        ticket->ask.path);
    }
    tw_desk_reader_close(&self.reader);
    tw_arena_fini(&self.arena);
    tw_wipe(ticket->texts, ticket->texts_len);
}

/* ---- the threads ---- */

/* Done, with the mutex held; frees what nobody waits for. */
static void finish(struct tw_sign_ticket *ticket)
{
    ticket->state = DONE;
    if (ticket->is_dropped) {
        free_ticket(ticket);
    } else if (ticket->wake != NULL) {
        ticket->wake(ticket->context);
        ticket->wake = NULL;
    }
}

/* Until there is something to do, with the mutex held; false: uses are due, or it is to stop. */
static bool await(struct tw_sign *self)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail with this clock */
    until.tv_sec += USES_MS / 1000;
    while (self->first == NULL && !self->is_stopping) {
        if (pthread_cond_timedwait(&self->changed, &self->mtx, &until) == ETIMEDOUT) {
            return false;
        }
    }
    return !self->is_stopping;
}

static int run(struct tw_actor *actor, void *arg)
{
    struct tw_sign *self = arg;
    tw_actor_ready(actor, TW_OK);
    lock(self);
    while (!self->is_stopping) {
        if (!await(self)) {
            unlock(self);
            tw_gate_write_uses(self->gate);
            lock(self);
            continue;
        }
        struct tw_sign_ticket *ticket = self->first;
        self->first = ticket->next;
        self->last = self->first == NULL ? NULL : self->last;
        self->waiting--;
        ticket->state = AT_WORK;
        unlock(self);
        work(self, ticket);
        lock(self);
        finish(ticket);
    }
    unlock(self);
    return TW_OK;
}

/* ---- life ---- */

int tw_sign_new(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_gate *gate,
                struct tw_sign **ret_sign)
{
    pthread_condattr_t attr;
    char password[TW_PASSWORD_MADE_SIZE];
    struct tw_sign *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->clock = clock;
    self->gate = gate;
    self->cost = (struct tw_password_cost){.passes = cfg->access.password_passes,
                                           .memory_bytes = cfg->access.password_memory_bytes};
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    /* nor can these: the clock is one that there is */
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&self->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    int rc = tw_throttle_new(&self->throttle);
    rc = rc == TW_OK ? tw_password_make(password) : rc;
    rc = rc == TW_OK ? tw_password_hash(tw_str_of(password), &self->cost, self->nobodys) : rc;
    for (size_t i = 0; i < TW_PASSWORD_TURNS && rc == TW_OK; i++) {
        rc = tw_actor_new("web-sign-in", run, self, &self->actors[i]);
    }
    if (rc != TW_OK) {
        tw_sign_stop(self);
        tw_sign_destroy(&self);
        return rc;
    }
    *ret_sign = self;
    return TW_OK;
}

void tw_sign_stop(struct tw_sign *self)
{
    lock(self);
    self->is_stopping = true;
    (void)pthread_cond_broadcast(&self->changed);
    unlock(self);
    for (size_t i = 0; i < TW_PASSWORD_TURNS; i++) {
        (void)tw_actor_destroy(&self->actors[i]); /* its loop cannot fail */
    }
    lock(self);
    while (self->first != NULL) {
        struct tw_sign_ticket *ticket = self->first;
        self->first = ticket->next;
        tw_problem_fill(&ticket->response, TW_WEB_PROBLEM_UNAVAILABLE, "the tower stops",
                        ticket->ask.path);
        finish(ticket);
    }
    self->last = NULL;
    self->waiting = 0;
    unlock(self);
}

void tw_sign_destroy(struct tw_sign **self_p)
{
    struct tw_sign *self = *self_p;
    if (self == NULL) {
        return;
    }
    tw_throttle_destroy(&self->throttle);
    (void)pthread_cond_destroy(&self->changed); /* nobody waits any more */
    (void)pthread_mutex_destroy(&self->mtx);
    free(self);
    *self_p = NULL;
}

/* ---- tickets ---- */

static struct tw_str keep(char **at, struct tw_str text)
{
    if (text.ptr == NULL) {
        return TW_STR_NULL;
    }
    struct tw_str kept = {*at, text.len};
    memcpy(*at, text.ptr, text.len);
    (*at)[text.len] = '\0';
    *at += text.len + 1;
    return kept;
}

static struct tw_sign_ticket *new_ticket(struct tw_sign *self, const struct tw_sign_ask *ask)
{
    struct tw_sign_ticket *ticket = calloc(1, sizeof *ticket);
    struct tw_sign_ask own = *ask;
    own.agent.len = own.agent.len > AGENT_BYTES ? AGENT_BYTES : own.agent.len;
    struct tw_str *const texts[] = {&own.user,   &own.password, &own.fresh, &own.cookie,
                                    &own.device, &own.address,  &own.agent, &own.path};
    size_t len = 0;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        len += texts[i]->len + 1;
    }
    if (ticket == NULL) {
        return NULL;
    }
    tw_response_init(&ticket->response);
    ticket->desk = self;
    ticket->texts_len = len;
    ticket->texts = malloc(len);
    if (ticket->texts == NULL) {
        free(ticket);
        return NULL;
    }
    char *at = ticket->texts;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *texts[i] = keep(&at, *texts[i]);
    }
    ticket->ask = own;
    return ticket;
}

int tw_sign_submit(struct tw_sign *self, const struct tw_sign_ask *ask,
                   struct tw_sign_ticket **ret_ticket, int64_t *ret_wait_s)
{
    struct tw_sign_ticket *ticket = new_ticket(self, ask);
    int rc = ticket == NULL ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK && ask->device.len > 0 &&
        tw_bearer_hash(TW_BEARER_DEVICE, ask->device, ticket->device_hash) == TW_OK) {
        ticket->knows_device =
            tw_gate_knows_device(self->gate, ticket->ask.user, ticket->device_hash);
    }
    lock(self);
    if (rc == TW_OK && (self->is_stopping || self->waiting >= TW_PASSWORD_WAITING)) {
        rc = TW_EBUSY;
    }
    if (rc == TW_OK) {
        ticket->guess = (struct tw_guess){
            .account = ticket->ask.user,
            .address = ticket->ask.address,
            .device = ticket->knows_device ? ticket->device_hash : NULL,
        };
        rc = tw_throttle_try(self->throttle, &ticket->guess, self->clock->mono(self->clock),
                             ret_wait_s);
    }
    if (rc == TW_OK) {
        if (self->last != NULL) {
            self->last->next = ticket;
        } else {
            self->first = ticket;
        }
        self->last = ticket;
        self->waiting++;
        *ret_ticket = ticket;
        ticket = NULL;
        (void)pthread_cond_signal(&self->changed);
    }
    unlock(self);
    if (ticket != NULL) {
        free_ticket(ticket);
    }
    return rc;
}

void tw_sign_ticket_arm(struct tw_sign_ticket *self, void (*wake)(void *context), void *context)
{
    lock(self->desk);
    if (self->state == DONE) {
        wake(context);
    } else {
        self->wake = wake;
        self->context = context;
    }
    unlock(self->desk);
}

bool tw_sign_ticket_is_done(struct tw_sign_ticket *self)
{
    lock(self->desk);
    bool is_done = self->state == DONE;
    unlock(self->desk);
    return is_done;
}

void tw_sign_ticket_take(struct tw_sign_ticket *self, struct tw_response *ret_response)
{
    *ret_response = self->response;
    tw_response_init(&self->response);
}

void tw_sign_ticket_drop(struct tw_sign_ticket **self_p)
{
    struct tw_sign_ticket *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    struct tw_sign *desk = self->desk;
    lock(desk);
    self->is_dropped = true;
    self->wake = NULL;
    bool is_done = self->state == DONE;
    unlock(desk);
    if (is_done) {
        free_ticket(self);
    }
}
