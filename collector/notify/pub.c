/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "notify/pub.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "config/url.h"
#include "core/log.h"
#include "curve/guard.h"

/* What was published in the last moment still leaves at the end. */
#define LINGER_MS 250
/* Subscriptions are all that comes in. */
#define RECEIVE_MAX 1024
/* Who connects must have said who it is by then. */
#define HANDSHAKE_MS 10000
#define DOOR_SIZE    16
#define WHERE_SIZE   256 /* tcp with the longest host name fits */

struct socket {
    void *socket;
    char *endpoint;
    char where[WHERE_SIZE]; /* whatever "*" in it meant */
    bool is_away;           /* unbound, to be bound again */
};

struct tw_pub {
    void *context;
    struct tw_pub_guard guard; /* its texts are owned */
    struct tw_zap *zap;        /* NULL: without CURVE */
    char doors[TW_PUB_SOCKETS_MAX][DOOR_SIZE];
    struct socket sockets[TW_PUB_SOCKETS_MAX];
    size_t count;
    uint64_t revocations; /* those that were acted on */
    bool is_settling;     /* subscribers come back, until then: */
    tw_mono_t settled;
};

/* A door for each socket that there may be, all with the same clients. */
static int set_guard(struct tw_pub *self, const struct tw_pub_guard *guard, struct tw_diag *diag)
{
    struct tw_zap_door doors[TW_PUB_SOCKETS_MAX];
    self->guard.is_insecure = guard->is_insecure;
    if (guard->curve.server_key_file == NULL || guard->curve.clients_dir == NULL) {
        return TW_OK;
    }
    self->guard.curve.server_key_file = strdup(guard->curve.server_key_file);
    self->guard.curve.clients_dir = strdup(guard->curve.clients_dir);
    if (self->guard.curve.server_key_file == NULL || self->guard.curve.clients_dir == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < TW_PUB_SOCKETS_MAX; i++) {
        (void)snprintf(self->doors[i], DOOR_SIZE, i == 0 ? "alerts" : "alerts-%zu", i + 1);
        doors[i] = (struct tw_zap_door){.kind = TW_ZAP_ALERTS,
                                        .name = self->doors[i],
                                        .clients_dir = self->guard.curve.clients_dir};
    }
    return tw_zap_new(self->context, doors, TW_PUB_SOCKETS_MAX, &self->zap, diag);
}

int tw_pub_new(const struct tw_pub_guard *guard, struct tw_pub **ret_pub, struct tw_diag *diag)
{
    struct tw_pub *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->context = zmq_ctx_new();
    int rc = self->context == NULL ? TW_ESYSTEM : TW_OK;
    rc = rc == TW_OK && guard != NULL ? set_guard(self, guard, diag) : rc;
    if (rc != TW_OK) {
        tw_pub_destroy(&self);
        return rc;
    }
    *ret_pub = self;
    return TW_OK;
}

void tw_pub_destroy(struct tw_pub **self_p)
{
    struct tw_pub *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        tw_guard_leave(self->sockets[i].socket);
        (void)zmq_close(self->sockets[i].socket); /* fails for no socket only */
        free(self->sockets[i].endpoint);
    }
    tw_zap_destroy(&self->zap);
    while (self->context != NULL && zmq_ctx_term(self->context) != 0 && errno == EINTR) {
    }
    free(self->guard.curve.server_key_file);
    free(self->guard.curve.clients_dir);
    free(self);
}

static struct socket *find(struct tw_pub *self, const char *endpoint)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->sockets[i].endpoint, endpoint) == 0) {
            return &self->sockets[i];
        }
    }
    return NULL;
}

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int set_options(void *socket, bool wants_ipv6)
{
    int64_t most = RECEIVE_MAX;
    int failed = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
    failed |= set_int(socket, ZMQ_SNDHWM, TW_PUB_HWM);
    failed |= set_int(socket, ZMQ_LINGER, LINGER_MS);
    failed |= set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    failed |= set_int(socket, ZMQ_IPV6, wants_ipv6 ? 1 : 0);
    return failed;
}

/* The configuration says the same; but of one that was changed since the start only the receivers
 * are in force, and the keys are not. */
static bool may_bind(const struct tw_pub *self, const char *endpoint)
{
    return self->zap != NULL || self->guard.is_insecure || tw_endpoint_is_local(endpoint);
}

static int bind_socket(struct tw_pub *self, void *socket, const char *endpoint,
                       struct tw_diag *diag)
{
    struct tw_diag why = {.text = ""};
    int rc = set_options(socket, strchr(endpoint, '[') != NULL) == 0 ? TW_OK : TW_ESYSTEM;
    if (rc == TW_OK && self->zap != NULL) {
        rc = tw_guard_socket(socket, &self->guard.curve, self->doors[self->count], &why);
    }
    rc = rc == TW_OK && zmq_bind(socket, endpoint) != 0 ? TW_ESYSTEM : rc;
    return rc == TW_OK ? rc
                       : tw_diag_set(diag, rc, "pub: %s: %s", endpoint,
                                     why.text[0] != '\0' ? why.text : zmq_strerror(errno));
}

int tw_pub_bind(struct tw_pub *self, const char *endpoint, struct tw_diag *diag)
{
    if (find(self, endpoint) != NULL) {
        return TW_OK;
    }
    if (!may_bind(self, endpoint)) {
        return tw_diag_set(diag, TW_EPERM,
                           "pub: %s is open to other machines, and the tower was started without "
                           "keys for it: start it again",
                           endpoint);
    }
    if (self->count == TW_PUB_SOCKETS_MAX) {
        return tw_diag_set(diag, TW_ELIMIT, "pub: at most %d endpoints", TW_PUB_SOCKETS_MAX);
    }
    char *copy = strdup(endpoint);
    void *socket = copy == NULL ? NULL : zmq_socket(self->context, ZMQ_PUB);
    if (socket == NULL) {
        free(copy);
        return tw_diag_set(diag, TW_ENOMEM, "pub: %s", tw_err_text(TW_ENOMEM));
    }
    int rc = bind_socket(self, socket, endpoint, diag);
    if (rc != TW_OK) {
        tw_guard_leave(socket);
        (void)zmq_close(socket); /* as above */
        free(copy);
        return rc;
    }
    struct socket *one = &self->sockets[self->count++];
    size_t size = sizeof one->where;
    *one = (struct socket){.socket = socket, .endpoint = copy};
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, one->where, &size) != 0) {
        one->where[0] = '\0'; /* longer than any host name */
    }
    return TW_OK;
}

void tw_pub_reload(struct tw_pub *self)
{
    struct tw_diag diag = {.text = ""};
    int rc = self->zap == NULL ? TW_OK : tw_zap_reload(self->zap, &diag);
    if (rc != TW_OK) {
        tw_log(TW_LOG_RELOAD_REFUSED_EVENT, TW_F_CSTR("what", "client keys of subscribers"),
               TW_F_CSTR("reason", diag.text[0] != '\0' ? diag.text : tw_err_text(rc)));
    }
}

void tw_pub_look(struct tw_pub *self, tw_mono_t now)
{
    uint64_t revocations = self->zap == NULL ? 0 : tw_zap_revocations(self->zap);
    bool is_whole = true;
    for (size_t i = 0; i < self->count; i++) {
        struct socket *one = &self->sockets[i];
        if (revocations != self->revocations) {
            /* which ends every connection that came in there */
            one->is_away = zmq_unbind(one->socket, one->where) == 0 || one->is_away;
        } else if (one->is_away) { /* the address is free a moment after it was given up */
            one->is_away = zmq_bind(one->socket, one->where) != 0;
        }
        is_whole = is_whole && !one->is_away;
    }
    if (revocations != self->revocations || !is_whole) {
        self->is_settling = true;
        self->settled.ns = now.ns + TW_PUB_SETTLE_MS * TW_NS_PER_MS;
    } else if (self->is_settling) {
        self->is_settling = now.ns < self->settled.ns;
    }
    self->revocations = revocations;
}

int tw_pub_send(struct tw_pub *self, const char *endpoint, struct tw_str topic,
                struct tw_str message)
{
    const struct socket *one = find(self, endpoint);
    if (one == NULL) {
        return TW_ENOTFOUND;
    }
    if (self->is_settling) {
        return TW_EAGAIN;
    }
    void *socket = one->socket;
    if (zmq_send(socket, topic.ptr, topic.len, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0 ||
        zmq_send(socket, message.ptr, message.len, ZMQ_DONTWAIT) < 0) {
        return TW_ESYSTEM;
    }
    return TW_OK;
}
