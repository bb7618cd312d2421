/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads: the actor answers requests and looks keys up under `mtx`; a reload builds new lists
 * outside of it and swaps them in under it, so a slow disk never delays an answer.
 */
#include "config.h"
#include "curve/zap.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "core/actor.h"
#include "core/log.h"
#include "core/str.h"
#include "curve/clients.h"

#define ZAP_ENDPOINT   "inproc://zeromq.zap.01"
#define ZAP_VERSION    "1.0"
#define ZAP_FRAMES     7   /* up to the client key; other mechanisms have more or fewer */
#define ZAP_FRAME_SIZE 256 /* longest is the routing id, 255; longer ones are cut, thus refused */
#define METADATA_MAX   64  /* one property with a number */

#define FIRST_MONITOR 2 /* of the poll items */

struct domain {
    const char *name; /* the door's; borrowed */
    const char *dir;
    enum tw_zap_kind kind;
    struct tw_clients *clients; /* owned */
    void *monitor;              /* owned by the actor */
    struct tw_zap_state state;  /* its clients are owned, ascending by name */
    size_t client_capacity;
};

struct tw_zap {
    /* fixed after start */
    void *zmq_context;
    struct tw_actor *actor;
    size_t domain_count;
    /* owned by the actor */
    void *socket;
    zmq_pollitem_t *items; /* socket, stop, monitors */
    /* shared */
    _Atomic uint64_t refused;
    _Atomic uint64_t late;
    _Atomic uint64_t revocations;
    /* guarded by mtx: the clients and the state of a domain, the rest is fixed or the actor's */
    pthread_mutex_t mtx;
    struct domain *domains;
    uint64_t admissions; /* numbers given to clients */
    /* guarded by the_mtx */
    struct tw_zap *next;
};

/* All handlers of the process, for those who tell of them: guarded by the_mtx, which is taken
 * before the mtx of one. */
static pthread_mutex_t the_mtx = PTHREAD_MUTEX_INITIALIZER;
static struct tw_zap *the_first;
static _Atomic uint64_t the_changes;

/* Who it is, when he may come in. */
struct admitted {
    char name[TW_CLIENT_NAME_MAX + 1];
    uint64_t admission;
};

struct request {
    char frames[ZAP_FRAMES][ZAP_FRAME_SIZE];
    size_t sizes[ZAP_FRAMES];
    size_t count; /* of all frames, also of those not kept */
};

enum { FRAME_VERSION, FRAME_ID, FRAME_DOMAIN, FRAME_ADDRESS, FRAME_ROUTING, FRAME_MECHANISM };
enum { FRAME_CLIENT_KEY = 6 };

static struct tw_str frame_text(const struct request *request, size_t i)
{
    return i < request->count && i < ZAP_FRAMES
               ? (struct tw_str){request->frames[i], request->sizes[i]}
               : (struct tw_str){"", 0};
}

/* One whole request. TW_OK, or TW_EAGAIN when there is none. */
static int receive_request(void *socket, struct request *ret_request)
{
    int more = 1;
    size_t more_size = sizeof more;
    ret_request->count = 0;
    while (more != 0) {
        char discarded[1];
        size_t i = ret_request->count;
        bool is_kept = i < ZAP_FRAMES;
        int n = zmq_recv(socket, is_kept ? ret_request->frames[i] : discarded,
                         is_kept ? ZAP_FRAME_SIZE : sizeof discarded, ZMQ_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return TW_EAGAIN;
        }
        if (is_kept) {
            ret_request->sizes[i] = (size_t)n > ZAP_FRAME_SIZE ? ZAP_FRAME_SIZE : (size_t)n;
        }
        ret_request->count++;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size) != 0) {
            return TW_EAGAIN;
        }
    }
    return TW_OK;
}

/* ---- counting: with mtx held ---- */

static void copy_text(char *to, size_t size, struct tw_str text)
{
    size_t len = text.len < size ? text.len : size - 1;
    memcpy(to, text.ptr == NULL ? "" : text.ptr, len);
    to[len] = '\0';
}

/* The place of a name, or where it would stand. */
static size_t place_of(const struct tw_zap_state *state, const char *name)
{
    size_t low = 0;
    size_t high = state->client_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(state->clients[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The row of a client that was let in before, or a new one; NULL: no memory, or too many. */
static struct tw_zap_client *row_of(struct domain *domain, const char *name)
{
    struct tw_zap_state *state = &domain->state;
    size_t at = place_of(state, name);
    if (at < state->client_count && strcmp(state->clients[at].name, name) == 0) {
        return &state->clients[at];
    }
    if (state->client_count == TW_CLIENTS_MAX) {
        return NULL; /* names that were taken away stay; so many come and go in years */
    }
    if (state->client_count == domain->client_capacity) {
        size_t capacity = domain->client_capacity == 0 ? 16 : domain->client_capacity * 2;
        struct tw_zap_client *grown = realloc(state->clients, capacity * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        state->clients = grown;
        domain->client_capacity = capacity;
    }
    memmove(&state->clients[at + 1], &state->clients[at],
            (state->client_count - at) * sizeof state->clients[0]);
    state->client_count++;
    state->clients[at] = (struct tw_zap_client){.admitted = 0};
    copy_text(state->clients[at].name, sizeof state->clients[at].name, tw_str_of(name));
    return &state->clients[at];
}

static tw_wall_t wall_now(void)
{
    struct tw_clock *clock = tw_clock_system();
    return clock->wall(clock);
}

static void count_admitted(struct domain *domain, const char *name, struct tw_str address)
{
    struct tw_zap_client *client = row_of(domain, name);
    domain->state.admitted++;
    if (client != NULL) {
        client->admitted++;
        client->last = wall_now();
        copy_text(client->address, sizeof client->address, address);
    }
    atomic_fetch_add(&the_changes, 1);
}

static void count_refused(struct domain *domain, enum tw_zap_refusal reason, struct tw_str client,
                          struct tw_str address)
{
    struct tw_zap_state *state = &domain->state;
    state->refused[reason]++;
    state->last_at = wall_now();
    state->last_reason = reason;
    copy_text(state->last_client, sizeof state->last_client, client);
    copy_text(state->last_address, sizeof state->last_address, address);
    atomic_fetch_add(&the_changes, 1);
}

static struct domain *find_domain(struct tw_zap *self, struct tw_str name)
{
    for (size_t i = 0; i < self->domain_count; i++) {
        if (tw_str_is(name, self->domains[i].name)) {
            return &self->domains[i];
        }
    }
    return NULL;
}

/* ---- answering ---- */

/* A client of the domain with this key: NULL with its name and number, copied, for a reload may
 * come. Else a reason. */
static const char *judge_key(struct domain *domain, const uint8_t *key, struct tw_str address,
                             struct admitted *ret_client)
{
    const struct tw_client *client = tw_clients_find(domain->clients, key);
    if (client == NULL) {
        count_refused(domain, TW_ZAP_UNKNOWN_KEY, TW_STR_NULL, address);
        return "unknown key";
    }
    memcpy(ret_client->name, client->name, sizeof ret_client->name);
    ret_client->admission = client->admission;
    count_admitted(domain, client->name, address);
    return NULL;
}

/* NULL with the client, or a reason. */
static const char *judge(struct tw_zap *self, const struct request *request,
                         struct admitted *ret_client)
{
    struct tw_str key = frame_text(request, FRAME_CLIENT_KEY);
    struct tw_str address = frame_text(request, FRAME_ADDRESS);
    const char *reason = NULL;
    if (!tw_str_is(frame_text(request, FRAME_VERSION), ZAP_VERSION)) {
        reason = "not ZAP 1.0";
    } else if (!tw_str_is(frame_text(request, FRAME_MECHANISM), "CURVE")) {
        reason = "mechanism is not CURVE";
    } else if (request->count != ZAP_FRAMES || key.len != TW_CURVE_KEY_BYTES) {
        reason = "no client key";
    }
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    struct domain *domain = find_domain(self, frame_text(request, FRAME_DOMAIN));
    if (domain == NULL) {
        reason = reason == NULL ? "unknown domain" : reason;
    } else if (reason != NULL) {
        count_refused(domain, TW_ZAP_HANDSHAKE, TW_STR_NULL, address);
    } else {
        reason = judge_key(domain, (const uint8_t *)key.ptr, address, ret_client);
    }
    (void)pthread_mutex_unlock(&self->mtx);
    return reason;
}

/* One property: its name with a length of one byte, its value with one of four (ZMTP 3.1). */
static size_t write_metadata(uint64_t admission, uint8_t ret_bytes[METADATA_MAX])
{
    char value[24];
    size_t name_len = strlen(TW_ZAP_ADMISSION);
    int len = snprintf(value, sizeof value, "%" PRIu64, admission);
    size_t at = 0;
    ret_bytes[at++] = (uint8_t)name_len;
    memcpy(ret_bytes + at, TW_ZAP_ADMISSION, name_len);
    at += name_len;
    memcpy(ret_bytes + at, (const uint8_t[]){0, 0, 0, (uint8_t)len}, 4);
    memcpy(ret_bytes + at + 4, value, (size_t)len);
    return at + 4 + (size_t)len;
}
_Static_assert(sizeof TW_ZAP_ADMISSION + 4 + 24 <= METADATA_MAX, "it fits");

/* The library cannot refuse frames to a REP socket that has a request; if it did, the client would
 * stay outside, which is the safe side. */
static void reply(void *socket, struct tw_str id, const struct admitted *client, const char *reason)
{
    uint8_t metadata[METADATA_MAX];
    size_t metadata_len = reason == NULL ? write_metadata(client->admission, metadata) : 0;
    const char *status = reason == NULL ? "200" : "400";
    const char *text = reason == NULL ? "OK" : "refused"; /* the reason is for our log only */
    (void)zmq_send(socket, ZAP_VERSION, strlen(ZAP_VERSION), ZMQ_DONTWAIT | ZMQ_SNDMORE);
    (void)zmq_send(socket, id.ptr, id.len, ZMQ_DONTWAIT | ZMQ_SNDMORE);
    (void)zmq_send(socket, status, strlen(status), ZMQ_DONTWAIT | ZMQ_SNDMORE);
    (void)zmq_send(socket, text, strlen(text), ZMQ_DONTWAIT | ZMQ_SNDMORE);
    (void)zmq_send(socket, client->name, reason == NULL ? strlen(client->name) : 0,
                   ZMQ_DONTWAIT | ZMQ_SNDMORE);
    (void)zmq_send(socket, metadata, metadata_len, ZMQ_DONTWAIT);
}

static void answer(struct tw_zap *self)
{
    struct request request;
    while (receive_request(self->socket, &request) == TW_OK) {
        struct admitted client = {.name = ""};
        const char *reason = judge(self, &request, &client);
        atomic_fetch_add(&self->refused, reason != NULL ? 1 : 0);
        reply(self->socket, frame_text(&request, FRAME_ID), &client, reason);
        if (reason != NULL) {
            tw_log(TW_LOG_CLIENT_REFUSED_EVENT,
                   TW_F_STR("door", frame_text(&request, FRAME_DOMAIN)),
                   TW_F_STR("address", frame_text(&request, FRAME_ADDRESS)),
                   TW_F_CSTR("reason", reason));
        }
    }
}

/* What libzmq refused by itself. It does not tell the address. */
static void note_refusal(struct tw_zap *self, struct domain *domain, uint32_t error)
{
    static const char *const texts[TW_ZAP_REFUSALS] = {
        [TW_ZAP_NO_CURVE] = "no CURVE",
        [TW_ZAP_OTHER_SERVER_KEY] = "another server key than ours",
        [TW_ZAP_HANDSHAKE] = "handshake not well formed"};
    enum tw_zap_refusal reason =
        error == ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH ? TW_ZAP_NO_CURVE
        : error == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC    ? TW_ZAP_OTHER_SERVER_KEY
                                                            : TW_ZAP_HANDSHAKE;
    atomic_fetch_add(&self->refused, 1);
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    count_refused(domain, reason, TW_STR_NULL, TW_STR_NULL);
    (void)pthread_mutex_unlock(&self->mtx);
    tw_log(TW_LOG_CLIENT_REFUSED_EVENT, TW_F_CSTR("door", domain->name),
           TW_F_CSTR("reason", texts[reason]));
}

/* Events of one monitor: [u16 event, u32 value] [endpoint], in the machine's byte order. */
static void take_events(struct tw_zap *self, struct domain *domain)
{
    for (;;) {
        char frame[6] = {0};
        char discarded[1];
        uint32_t value = 0;
        int n = zmq_recv(domain->monitor, frame, sizeof frame, ZMQ_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return;
        }
        (void)zmq_recv(domain->monitor, discarded, sizeof discarded, ZMQ_DONTWAIT); /* endpoint */
        memcpy(&value, frame + 2, sizeof value);
        note_refusal(self, domain, value);
    }
}

/* Connected before the socket binds it, which inproc allows. No bound: libzmq's io thread would
 * stop at a full queue, and each event is answered with a line of the log at most. */
static int open_monitor(struct tw_zap *self, struct domain *domain)
{
    int zero = 0;
    char endpoint[TW_ZAP_MONITOR_SIZE];
    (void)snprintf(endpoint, sizeof endpoint, TW_ZAP_MONITOR "%s", domain->name);
    domain->monitor = zmq_socket(self->zmq_context, ZMQ_PAIR);
    if (domain->monitor == NULL ||
        zmq_setsockopt(domain->monitor, ZMQ_RCVHWM, &zero, sizeof zero) != 0 ||
        zmq_setsockopt(domain->monitor, ZMQ_LINGER, &zero, sizeof zero) != 0 ||
        zmq_connect(domain->monitor, endpoint) != 0) {
        return TW_ESYSTEM;
    }
    return TW_OK;
}

static int open_sockets(struct tw_zap *self)
{
    int linger = 0;
    self->socket = zmq_socket(self->zmq_context, ZMQ_REP);
    if (self->socket == NULL) {
        return TW_ESYSTEM;
    }
    (void)zmq_setsockopt(self->socket, ZMQ_LINGER, &linger, sizeof linger); /* value is valid */
    if (zmq_bind(self->socket, ZAP_ENDPOINT) != 0) {
        return errno == EADDRINUSE ? TW_EEXISTS : TW_ESYSTEM;
    }
    self->items[0] = (zmq_pollitem_t){.socket = self->socket, .events = ZMQ_POLLIN};
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < self->domain_count; i++) {
        rc = open_monitor(self, &self->domains[i]);
        self->items[FIRST_MONITOR + i] =
            (zmq_pollitem_t){.socket = self->domains[i].monitor, .events = ZMQ_POLLIN};
    }
    return rc;
}

/* Closing fails on something that is no socket only. */
static void close_sockets(struct tw_zap *self)
{
    for (size_t i = 0; i < self->domain_count; i++) {
        if (self->domains[i].monitor != NULL) {
            (void)zmq_close(self->domains[i].monitor);
        }
    }
    if (self->socket != NULL) {
        (void)zmq_close(self->socket);
    }
}

static int zap_body(struct tw_actor *actor, void *arg)
{
    struct tw_zap *self = arg;
    int rc = open_sockets(self);
    self->items[1] = (zmq_pollitem_t){.fd = tw_actor_stop_fd(actor), .events = ZMQ_POLLIN};
    tw_actor_ready(actor, rc);
    while (rc == TW_OK && !tw_actor_is_stopping(actor)) {
        int n = zmq_poll(self->items, (int)(FIRST_MONITOR + self->domain_count), -1);
        if (n < 0 && errno != EINTR) {
            rc = TW_ESYSTEM;
        } else {
            answer(self);
            for (size_t i = 0; i < self->domain_count; i++) {
                take_events(self, &self->domains[i]);
            }
        }
    }
    close_sockets(self);
    return rc;
}

static void free_domains(struct domain *domains, size_t count)
{
    for (size_t i = 0; domains != NULL && i < count; i++) {
        tw_clients_destroy(&domains[i].clients);
        free(domains[i].state.clients);
    }
    free(domains);
}

/* Numbers for the clients of a new list: those of the old one that have the same key and name keep
 * theirs. How many of the old ones have gone. */
static size_t number_clients(struct tw_zap *self, struct tw_clients *clients,
                             const struct tw_clients *old)
{
    size_t kept = tw_clients_adopt(clients, old, &self->admissions);
    return old == NULL ? 0 : tw_clients_count(old) - kept;
}

static int load_domains(struct tw_zap *self, const struct tw_zap_door *doors, size_t count,
                        struct tw_diag *diag)
{
    int rc = count > TW_ZAP_DOORS_MAX ? TW_ELIMIT : TW_OK;
    self->domains = calloc(count + 1, sizeof *self->domains);
    rc = rc == TW_OK && self->domains == NULL ? TW_ENOMEM : rc;
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        struct domain *domain = &self->domains[i];
        *domain = (struct domain){
            .name = doors[i].name, .dir = doors[i].clients_dir, .kind = doors[i].kind};
        rc = domain->dir == NULL
                 ? tw_diag_set(diag, TW_EINVAL,
                               "%s: curve.clients is missing: without it nobody may connect",
                               domain->name)
                 : tw_clients_new(domain->dir, &domain->clients, diag);
        self->domain_count++;
        if (rc == TW_OK) {
            (void)number_clients(self, domain->clients, NULL);
        }
    }
    return rc;
}

int tw_zap_new(void *zmq_context, const struct tw_zap_door *doors, size_t count,
               struct tw_zap **ret_zap, struct tw_diag *diag)
{
    struct tw_zap *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    TW_ASSERT(pthread_mutex_init(&self->mtx, NULL) == 0);
    self->zmq_context = zmq_context;
    int rc = load_domains(self, doors, count, diag);
    if (rc == TW_OK) {
        self->items = calloc(FIRST_MONITOR + self->domain_count, sizeof *self->items);
        rc = self->items == NULL ? TW_ENOMEM : TW_OK;
    }
    if (rc == TW_OK) {
        rc = tw_actor_new("zap", zap_body, self, &self->actor);
        if (rc != TW_OK) {
            rc = tw_diag_set(diag, rc, "the ZAP handler cannot start: %s", tw_err_text(rc));
        }
    }
    if (rc != TW_OK) {
        tw_zap_destroy(&self);
        return rc;
    }
    (void)pthread_mutex_lock(&the_mtx); /* cannot fail: locked once */
    struct tw_zap **last = &the_first;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = self;
    (void)pthread_mutex_unlock(&the_mtx);
    atomic_fetch_add(&the_changes, 1);
    *ret_zap = self;
    return TW_OK;
}

void tw_zap_destroy(struct tw_zap **self_p)
{
    struct tw_zap *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&the_mtx); /* cannot fail: locked once */
    for (struct tw_zap **p = &the_first; *p != NULL; p = &(*p)->next) {
        if (*p == self) {
            *p = self->next;
            break;
        }
    }
    (void)pthread_mutex_unlock(&the_mtx);
    (void)tw_actor_destroy(&self->actor); /* it ended early only if poll failed: nothing to do */
    free_domains(self->domains, self->domain_count);
    (void)pthread_mutex_destroy(&self->mtx);
    free(self->items);
    free(self);
}

int tw_zap_reload(struct tw_zap *self, struct tw_diag *diag)
{
    struct tw_clients **lists = calloc(self->domain_count + 1, sizeof(struct tw_clients *));
    int rc = lists == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; rc == TW_OK && i < self->domain_count; i++) {
        rc = tw_clients_new(self->domains[i].dir, &lists[i], diag);
    }
    if (rc == TW_OK) {
        (void)pthread_mutex_lock(&self->mtx);
        size_t gone = 0;
        for (size_t i = 0; i < self->domain_count; i++) {
            struct tw_clients *old = self->domains[i].clients;
            gone += number_clients(self, lists[i], old);
            self->domains[i].clients = lists[i];
            lists[i] = old;
        }
        atomic_fetch_add(&self->revocations, gone);
        atomic_fetch_add(&the_changes, 1);
        (void)pthread_mutex_unlock(&self->mtx);
    }
    for (size_t i = 0; lists != NULL && i < self->domain_count; i++) {
        tw_clients_destroy(&lists[i]);
    }
    free(lists);
    return rc;
}

uint64_t tw_zap_refused(const struct tw_zap *self)
{
    return atomic_load(&self->refused);
}

uint64_t tw_zap_late(const struct tw_zap *self)
{
    return atomic_load(&self->late);
}

uint64_t tw_zap_revocations(const struct tw_zap *self)
{
    return atomic_load(&self->revocations);
}

bool tw_zap_is_admitted(struct tw_zap *self, uint64_t admission)
{
    bool is_known = false;
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    for (size_t i = 0; i < self->domain_count && !is_known; i++) {
        is_known = tw_clients_has(self->domains[i].clients, admission);
    }
    (void)pthread_mutex_unlock(&self->mtx);
    return is_known;
}

void tw_zap_count_late(struct tw_zap *self, const char *door, struct tw_str client,
                       struct tw_str address)
{
    atomic_fetch_add(&self->late, 1);
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    struct domain *domain = find_domain(self, tw_str_of(door));
    if (domain != NULL) {
        count_refused(domain, TW_ZAP_REMOVED_KEY, client, address);
    }
    (void)pthread_mutex_unlock(&self->mtx);
    tw_log(TW_LOG_CLIENT_REFUSED_EVENT, TW_F_CSTR("door", door), TW_F_STR("client", client),
           TW_F_STR("address", address), TW_F_CSTR("reason", "its key was taken away"));
}

/* ---- telling ---- */

const char *tw_zap_refusal_name(enum tw_zap_refusal reason)
{
    static const char *const names[TW_ZAP_REFUSALS] = {[TW_ZAP_UNKNOWN_KEY] = "unknown_key",
                                                       [TW_ZAP_NO_CURVE] = "no_curve",
                                                       [TW_ZAP_OTHER_SERVER_KEY] =
                                                           "other_server_key",
                                                       [TW_ZAP_HANDSHAKE] = "handshake",
                                                       [TW_ZAP_REMOVED_KEY] = "removed_key"};
    return names[reason];
}

uint64_t tw_zap_changes(void)
{
    return atomic_load(&the_changes);
}

static int copy_state(const struct domain *domain, struct tw_zap_state *ret_state)
{
    struct tw_zap_state state = domain->state;
    copy_text(state.door, sizeof state.door, tw_str_of(domain->name));
    state.kind = domain->kind;
    state.allowed = tw_clients_count(domain->clients);
    state.clients = calloc(state.client_count + 1, sizeof *state.clients);
    if (state.clients == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < state.client_count; i++) {
        state.clients[i] = domain->state.clients[i];
        state.clients[i].is_allowed = tw_clients_is_name(domain->clients, state.clients[i].name);
    }
    *ret_state = state;
    return TW_OK;
}

/* Behind those that are there already. */
static int add_states(struct tw_zap *self, struct tw_zap_state **states_p, size_t *count_p)
{
    struct tw_zap_state *grown =
        realloc(*states_p, (*count_p + self->domain_count + 1) * sizeof *grown);
    int rc = grown == NULL ? TW_ENOMEM : TW_OK;
    *states_p = grown == NULL ? *states_p : grown;
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    for (size_t i = 0; rc == TW_OK && i < self->domain_count; i++) {
        rc = copy_state(&self->domains[i], &grown[*count_p]);
        *count_p += rc == TW_OK ? 1 : 0;
    }
    (void)pthread_mutex_unlock(&self->mtx);
    return rc;
}

int tw_zap_states(struct tw_zap_state **ret_states, size_t *ret_count)
{
    struct tw_zap_state *states = NULL;
    size_t count = 0;
    int rc = TW_OK;
    (void)pthread_mutex_lock(&the_mtx); /* cannot fail: locked once */
    for (struct tw_zap *zap = the_first; zap != NULL && rc == TW_OK; zap = zap->next) {
        rc = add_states(zap, &states, &count);
    }
    (void)pthread_mutex_unlock(&the_mtx);
    if (rc != TW_OK) {
        tw_zap_states_free(&states, count);
        return rc;
    }
    *ret_states = states;
    *ret_count = count;
    return TW_OK;
}

void tw_zap_states_free(struct tw_zap_state **states_p, size_t count)
{
    for (size_t i = 0; *states_p != NULL && i < count; i++) {
        free((*states_p)[i].clients);
    }
    free(*states_p);
    *states_p = NULL;
}
