/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/gate.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "access/bearer.h"
#include "core/log.h"
#include "store/sessions.h"
#include "store/tokens.h"
#include "web/proxy.h"

/* Grants of one principal: 32 of 64 values of 200 bytes would be 400 kB; nobody has so many. */
#define ASKER_BYTES ((size_t)1 << 20)
#define WAYS        4
#define USES        64 /* that wait to be written; of further ones the next use is */
#define LOOK_MS     1000

struct use {
    bool is_token;
    struct tw_session session; /* without its texts */
    struct tw_token token;
};

/* An asker with what belongs to it. */
struct kept_asker {
    struct tw_asker asker; /* first: a pointer to it is one to the whole */
    atomic_size_t refs;
    struct tw_arena arena; /* of its texts */
    enum tw_bearer kind;
    uint8_t hash[TW_BEARER_HASH_BYTES]; /* what it was known by; of a proxy and nobody not used */
    bool is_of_bearer;
    bool is_due; /* a use of it is to be written */
    struct use use;
};

struct slot {
    struct kept_asker *asker; /* NULL: free */
    tw_mono_t until;
};

struct tw_gate {
    /* fixed after start */
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    struct tw_session_limits limits;
    struct kept_asker *local;
    struct kept_asker *nobodies[TW_GATE_BLIND + 1]; /* by fault */
    /* guarded by mtx */
    pthread_mutex_t mtx;
    struct tw_desk_reader *desk; /* NULL: not open */
    struct slot slots[TW_GATE_KEPT];
    struct use uses[USES];
    size_t use_count;
};

static void lock(struct tw_gate *self)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: a plain mutex, locked once */
}

static void unlock(struct tw_gate *self)
{
    (void)pthread_mutex_unlock(&self->mtx);
}

/* ---- askers ---- */

static struct kept_asker *new_asker(void)
{
    struct kept_asker *self = calloc(1, sizeof *self);
    if (self != NULL) {
        atomic_init(&self->refs, 1);
        tw_arena_init(&self->arena, ASKER_BYTES);
    }
    return self;
}

static struct kept_asker *whole(const struct tw_asker *asker)
{
    return (struct kept_asker *)(uintptr_t)asker; /* its first member; counts are its own */
}

const struct tw_asker *tw_asker_ref(const struct tw_asker *asker)
{
    (void)atomic_fetch_add(&whole(asker)->refs, 1); /* what it was does not matter */
    return asker;
}

static void free_asker(struct kept_asker *self)
{
    if (self != NULL && atomic_fetch_sub(&self->refs, 1) == 1) {
        tw_arena_fini(&self->arena);
        free(self);
    }
}

void tw_asker_unref(const struct tw_asker **asker_p)
{
    const struct tw_asker *asker = *asker_p;
    *asker_p = NULL;
    if (asker != NULL) {
        free_asker(whole(asker));
    }
}

/* ---- life ---- */

struct tw_session_limits tw_gate_limits(const struct tw_cfg *cfg)
{
    return (struct tw_session_limits){.idle_s = cfg->access.session_idle_s,
                                      .absolute_s = cfg->access.session_absolute_s};
}

bool tw_gate_is_required(const struct tw_cfg *cfg)
{
    return cfg->access.is_required;
}

int tw_gate_new(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_gate **ret_gate)
{
    struct tw_gate *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->clock = clock;
    self->limits = tw_gate_limits(cfg);
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    self->local = new_asker();
    bool is_whole = self->local != NULL;
    for (size_t i = 0; i <= TW_GATE_BLIND; i++) {
        self->nobodies[i] = new_asker();
        is_whole = is_whole && self->nobodies[i] != NULL;
        if (self->nobodies[i] != NULL) {
            self->nobodies[i]->asker.fault = (enum tw_gate_fault)i;
        }
    }
    if (!is_whole) {
        tw_gate_destroy(&self);
        return TW_ENOMEM;
    }
    self->local->asker.principal = (struct tw_principal){
        .kind = TW_PRINCIPAL_OPEN, .name = TW_STR_LIT("local"), .role = TW_ROLE_ADMIN};
    *ret_gate = self;
    return TW_OK;
}

/* With the mutex held, or alone. */
static void empty(struct tw_gate *self)
{
    for (size_t i = 0; i < TW_GATE_KEPT; i++) {
        free_asker(self->slots[i].asker);
        self->slots[i].asker = NULL;
    }
}

void tw_gate_destroy(struct tw_gate **self_p)
{
    struct tw_gate *self = *self_p;
    if (self == NULL) {
        return;
    }
    empty(self);
    free_asker(self->local);
    for (size_t i = 0; i <= TW_GATE_BLIND; i++) {
        free_asker(self->nobodies[i]);
    }
    tw_desk_reader_close(&self->desk);
    (void)pthread_mutex_destroy(&self->mtx); /* nobody holds it any more */
    free(self);
    *self_p = NULL;
}

void tw_gate_forget(struct tw_gate *self)
{
    lock(self);
    empty(self);
    unlock(self);
}

/* ---- asking the desk's file, with the mutex held ---- */

static void note_use(struct tw_gate *self, const struct use *use)
{
    for (size_t i = 0; i < self->use_count; i++) {
        struct use *has = &self->uses[i];
        if (has->is_token == use->is_token &&
            (use->is_token ? has->token.id == use->token.id : has->session.id == use->session.id)) {
            return;
        }
    }
    if (self->use_count < USES) {
        self->uses[self->use_count++] = *use;
    }
}

static int give_rights(struct kept_asker *made, enum tw_role role, struct tw_str grants)
{
    struct tw_diag diag = {""};
    made->asker.principal.role = role;
    return tw_grants_parse(&made->arena, grants, &made->asker.principal.grants, &diag);
}

static int look_up_session(struct tw_gate *self, struct kept_asker *made, tw_wall_t now)
{
    struct tw_session session = {.id = 0};
    struct tw_user user = {.id = 0};
    struct tw_asker *asker = &made->asker;
    int rc =
        tw_session_find(self->desk, &made->arena, made->hash, &self->limits, now, &session, &user);
    if (rc != TW_OK) {
        return rc;
    }
    asker->principal.kind = TW_PRINCIPAL_USER;
    asker->principal.name = user.name;
    asker->is_ambient = true;
    asker->user = user.id;
    asker->session = session.id;
    asker->must_change = user.must_change;
    asker->created = session.time.created;
    asker->ends = (tw_wall_t){session.time.seen.ns + session.time.left_ns};
    asker->idle_ends = (tw_wall_t){now.ns + self->limits.idle_s * TW_NS_PER_S};
    made->is_due = tw_session_is_due(&session, now);
    made->use.session = (struct tw_session){.id = session.id, .time = session.time};
    return give_rights(made, user.role, user.grants);
}

static int look_up_token(struct tw_gate *self, struct kept_asker *made, tw_wall_t now)
{
    struct tw_token token = {.id = 0};
    int rc = tw_token_find(self->desk, &made->arena, made->hash, now, &token);
    if (rc != TW_OK) {
        return rc;
    }
    made->asker.principal.kind = TW_PRINCIPAL_TOKEN;
    made->asker.principal.name = token.name;
    made->asker.expires = token.expires;
    made->is_due = now.ns - token.used.ns >= TW_TOKEN_USED_S * TW_NS_PER_S;
    made->use = (struct use){.is_token = true, .token = {.id = token.id, .used = token.used}};
    return give_rights(made, token.role, token.grants);
}

/* Also TW_ENOTFOUND: without a desk nobody has signed in. */
static int open_desk(struct tw_gate *self)
{
    struct tw_diag diag = {""};
    int rc =
        self->desk != NULL ? TW_OK : tw_desk_reader_open(self->cfg->store.dir, &self->desk, &diag);
    if (rc == TW_OK) {
        tw_desk_reader_set_deadline(
            self->desk, (tw_mono_t){self->clock->mono(self->clock).ns + LOOK_MS * TW_NS_PER_MS});
    }
    return rc;
}

bool tw_gate_knows_device(struct tw_gate *self, struct tw_str user, const uint8_t *hash)
{
    struct tw_arena arena;
    struct tw_user found = {.id = 0};
    bool is_known = false;
    tw_arena_init(&arena, ASKER_BYTES);
    lock(self);
    int rc = tw_access_name_is_valid(user) ? open_desk(self) : TW_EINVAL;
    rc = rc == TW_OK ? tw_user_find(self->desk, &arena, user, &found) : rc;
    rc = rc == TW_OK ? tw_device_is_known(self->desk, found.id, hash,
                                          self->clock->wall(self->clock), &is_known)
                     : rc;
    unlock(self);
    tw_arena_fini(&arena);
    return rc == TW_OK && is_known;
}

/* TW_OK; TW_ENOTFOUND: it lets nobody in; else the file cannot be read. */
static int look_up(struct tw_gate *self, struct kept_asker *made)
{
    tw_wall_t now = self->clock->wall(self->clock);
    int rc = open_desk(self);
    if (rc != TW_OK) {
        return rc;
    }
    rc = made->kind == TW_BEARER_TOKEN ? look_up_token(self, made, now)
                                       : look_up_session(self, made, now);
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        tw_log(TW_LOG_WEB_FAILED_EVENT, TW_F_CSTR("reason", tw_err_text(rc)),
               TW_F_CSTR("what", "who asks could not be looked up"));
        tw_desk_reader_close(&self->desk); /* the next one opens it again */
    }
    return rc;
}

static struct slot *slot_of(struct tw_gate *self, const uint8_t *hash, enum tw_bearer kind,
                            tw_mono_t now, bool *ret_is_it)
{
    size_t set = ((size_t)hash[0] | (size_t)hash[1] << 8) % (TW_GATE_KEPT / WAYS) * WAYS;
    struct slot *oldest = &self->slots[set];
    *ret_is_it = false;
    for (size_t i = set; i < set + WAYS; i++) {
        struct slot *slot = &self->slots[i];
        if (slot->asker != NULL && slot->asker->kind == kind && slot->until.ns > now.ns &&
            memcmp(slot->asker->hash, hash, TW_BEARER_HASH_BYTES) == 0) {
            *ret_is_it = true;
            return slot;
        }
        if (slot->asker == NULL || (oldest->asker != NULL && slot->until.ns < oldest->until.ns)) {
            oldest = slot;
        }
    }
    return oldest;
}

/* By the hash of what was shown; a reference, or NULL with the reason. */
static struct kept_asker *find(struct tw_gate *self, enum tw_bearer kind, const uint8_t *hash,
                               bool is_use, enum tw_gate_fault *ret_fault)
{
    bool is_it = false;
    tw_mono_t now = self->clock->mono(self->clock);
    struct kept_asker *made = NULL;
    lock(self);
    struct slot *slot = slot_of(self, hash, kind, now, &is_it);
    if (is_it) {
        made = slot->asker;
        (void)atomic_fetch_add(&made->refs, 1);
        if (is_use && made->is_due) {
            note_use(self, &made->use);
        }
        unlock(self);
        return made;
    }
    made = new_asker();
    int rc = TW_ENOMEM;
    if (made != NULL) {
        made->kind = kind;
        made->is_of_bearer = true;
        memcpy(made->hash, hash, sizeof made->hash);
        rc = look_up(self, made);
    }
    if (rc == TW_OK) {
        free_asker(slot->asker);
        slot->asker = made;
        slot->until = (tw_mono_t){now.ns + TW_GATE_KEPT_MS * TW_NS_PER_MS};
        if (is_use && made->is_due) {
            note_use(self, &made->use);
        }
        (void)atomic_fetch_add(&made->refs, 1);
    } else {
        free_asker(made);
        made = NULL;
        *ret_fault = rc != TW_ENOTFOUND        ? TW_GATE_BLIND
                     : kind == TW_BEARER_TOKEN ? TW_GATE_BAD_TOKEN
                                               : TW_GATE_ENDED;
    }
    unlock(self);
    return made;
}

/* ---- the request ---- */

static const struct tw_asker *nobody(struct tw_gate *self, enum tw_gate_fault fault)
{
    return tw_asker_ref(&self->nobodies[fault]->asker);
}

static const struct tw_asker *of_bearer(struct tw_gate *self, enum tw_bearer kind,
                                        struct tw_str text)
{
    uint8_t hash[TW_BEARER_HASH_BYTES];
    enum tw_gate_fault fault = kind == TW_BEARER_TOKEN ? TW_GATE_BAD_TOKEN : TW_GATE_ENDED;
    struct kept_asker *found = NULL;
    if (tw_bearer_hash(kind, text, hash) == TW_OK) {
        found = find(self, kind, hash, true, &fault);
    }
    return found != NULL ? &found->asker : nobody(self, fault);
}

/* A user whom the proxy names. */
static const struct tw_asker *of_proxy(struct tw_gate *self, const struct tw_http_request *request)
{
    struct tw_principal principal = {.kind = TW_PRINCIPAL_NOBODY};
    if (!tw_proxy_principal(self->cfg, request, &principal)) {
        return nobody(self, TW_GATE_UNTRUSTED);
    }
    struct kept_asker *made = new_asker();
    if (made == NULL) {
        return nobody(self, TW_GATE_BLIND);
    }
    made->asker.principal = principal;
    made->asker.principal.name = tw_arena_copy(&made->arena, principal.name);
    made->asker.is_ambient = true;
    if (made->asker.principal.name.ptr == NULL) {
        free_asker(made);
        return nobody(self, TW_GATE_BLIND);
    }
    return &made->asker;
}

const struct tw_asker *tw_gate_ask(struct tw_gate *self, const struct tw_http_request *request)
{
    const struct tw_http_head *head = &request->head;
    if (!tw_gate_is_required(self->cfg)) {
        return request->is_local ? tw_asker_ref(&self->local->asker)
                                 : nobody(self, TW_GATE_ELSEWHERE);
    }
    if (head->authorization.ptr != NULL) {
        return of_bearer(self, TW_BEARER_TOKEN, tw_http_bearer(head->authorization));
    }
    if (head->proxy_user.ptr != NULL || head->proxy_role.ptr != NULL) {
        return of_proxy(self, request);
    }
    struct tw_str cookie =
        tw_http_cookie(head->cookies, request->is_secure ? TW_COOKIE_SECURE : TW_COOKIE_PLAIN);
    return cookie.ptr == NULL ? nobody(self, TW_GATE_NOTHING)
                              : of_bearer(self, TW_BEARER_SESSION, cookie);
}

bool tw_gate_still(struct tw_gate *self, const struct tw_asker *asker)
{
    const struct kept_asker *known = whole(asker);
    enum tw_gate_fault fault = TW_GATE_FINE;
    if (!known->is_of_bearer) {
        return true;
    }
    struct kept_asker *found = find(self, known->kind, known->hash, false, &fault);
    if (found == NULL) {
        return false;
    }
    const struct tw_principal *now = &found->asker.principal;
    bool is_same =
        now->role == asker->principal.role && now->grants.count == asker->principal.grants.count;
    free_asker(found);
    return is_same;
}

void tw_gate_write_uses(struct tw_gate *self)
{
    struct use uses[USES];
    struct tw_diag diag = {""};
    tw_wall_t now = self->clock->wall(self->clock);
    lock(self);
    size_t count = self->use_count;
    memcpy(uses, self->uses, count * sizeof uses[0]);
    self->use_count = 0;
    unlock(self);
    for (size_t i = 0; i < count; i++) {
        int rc = uses[i].is_token
                     ? tw_token_used(self->cfg->store.dir, &uses[i].token, now, &diag)
                     : tw_session_seen(self->cfg->store.dir, &uses[i].session, now, &diag);
        if (rc != TW_OK) { /* the next use is written */
            tw_log(TW_LOG_DEBUG_EVENT, TW_F_CSTR("what", "a use was not written"),
                   TW_F_CSTR("reason", diag.text));
        }
    }
}
