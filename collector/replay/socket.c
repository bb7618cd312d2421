/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/socket.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "core/log.h"
#include "curve/guard.h"

#define LINGER_MS    250
#define SEND_HWM     65536 /* frames queued for one agent: capacity bounds them, pings are few */
#define RECEIVE_HWM  65536 /* of one agent: it answers what it was sent */
#define HANDSHAKE_MS 10000
#define DOOR         "agents"

struct tw_agent_socket {
    void *context;
    void *socket;
    struct tw_zap *zap; /* NULL: without CURVE */
    zmq_msg_t route;    /* of the message that was received last */
    zmq_msg_t body;
};

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int set_options(void *socket, struct tw_diag *diag)
{
    const int64_t most = TW_AGENT_HEARD_MAX;
    int failed = zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &most, sizeof most);
    failed |= set_int(socket, ZMQ_LINGER, LINGER_MS);
    failed |= set_int(socket, ZMQ_SNDHWM, SEND_HWM);
    failed |= set_int(socket, ZMQ_RCVHWM, RECEIVE_HWM);
    failed |= set_int(socket, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    failed |= set_int(socket, ZMQ_ROUTER_MANDATORY, 1); /* an agent that is gone is told */
    /* One with a routing id of its own comes back before its old connection is known to be dead. */
    failed |= set_int(socket, ZMQ_ROUTER_HANDOVER, 1);
    return failed == 0 ? TW_OK
                       : tw_diag_set(diag, TW_EINVAL, "agents: the socket refuses an option: %s",
                                     zmq_strerror(errno));
}

/* What the person who starts Tillwatch can do about it. */
static int bind_error(const char *endpoint, struct tw_diag *diag)
{
    int errnum = errno;
    int code = TW_ESYSTEM;
    const char *advice = "see agents.bind";
    if (errnum == EADDRINUSE) {
        code = TW_EBUSY;
        advice = "another program, perhaps another Tillwatch, listens there: stop it, or change "
                 "agents.bind";
    } else if (errnum == EACCES || errnum == EPERM) {
        code = TW_EPERM;
        advice = "not permitted (ports below 1024 and others' directories need rights): change "
                 "agents.bind";
    } else if (errnum == ENODEV || errnum == EADDRNOTAVAIL) {
        code = TW_EINVAL;
        advice = "this machine has no such address or interface: mend agents.bind";
    } else if (errnum == ENOENT || errnum == ENOTDIR || errnum == ENAMETOOLONG) {
        code = TW_EINVAL;
        advice = "the directory of this ipc endpoint must exist and its path be short: mend "
                 "agents.bind";
    } else if (errnum == EINVAL || errnum == EPROTONOSUPPORT) {
        code = TW_EINVAL;
        advice = "not an endpoint such as tcp://127.0.0.1:8464: mend agents.bind";
    }
    return tw_diag_set(diag, code, "agents: cannot bind %s: %s: %s", endpoint, zmq_strerror(errnum),
                       advice);
}

static int bind_all(void *socket, const struct tw_cfg_strings *bind, struct tw_diag *diag)
{
    for (size_t i = 0; i < bind->count; i++) {
        const char *endpoint = bind->items[i];
        /* IPv6 only where asked for: with it IPv4 addresses are shown as mapped ones. */
        bool wants_ipv6 = strchr(endpoint, '[') != NULL || strstr(endpoint, "//*:") != NULL;
        if (set_int(socket, ZMQ_IPV6, wants_ipv6 ? 1 : 0) != 0 || zmq_bind(socket, endpoint) != 0) {
            return bind_error(endpoint, diag);
        }
    }
    return TW_OK;
}

/* Before it is bound: nobody is let in without being asked. */
static int set_curve(struct tw_agent_socket *self, const struct tw_cfg_curve *curve,
                     struct tw_diag *diag)
{
    const struct tw_zap_door door = {
        .kind = TW_ZAP_AGENTS, .name = DOOR, .clients_dir = curve->clients_dir};
    struct tw_diag why = {.text = ""};
    if (curve->server_key_file == NULL) {
        return TW_OK;
    }
    int rc = tw_zap_new(self->context, &door, 1, &self->zap, &why);
    rc = rc == TW_OK ? tw_guard_socket(self->socket, curve, DOOR, &why) : rc;
    return rc == TW_OK ? rc
                       : tw_diag_set(diag, rc, "agents: %s",
                                     why.text[0] != '\0' ? why.text : tw_err_text(rc));
}

int tw_agent_socket_new(const struct tw_cfg *cfg, struct tw_agent_socket **ret_socket,
                        struct tw_diag *diag)
{
    struct tw_agent_socket *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    (void)zmq_msg_init(&self->route); /* cannot fail */
    (void)zmq_msg_init(&self->body);
    self->context = zmq_ctx_new();
    self->socket = self->context == NULL ? NULL : zmq_socket(self->context, ZMQ_ROUTER);
    int rc = self->socket == NULL
                 ? tw_diag_set(diag, TW_ESYSTEM, "agents: no socket: %s", zmq_strerror(errno))
                 : set_options(self->socket, diag);
    rc = rc == TW_OK ? set_curve(self, &cfg->agents.curve, diag) : rc;
    rc = rc == TW_OK ? bind_all(self->socket, &cfg->agents.bind, diag) : rc;
    if (rc != TW_OK) {
        tw_agent_socket_destroy(&self);
        return rc;
    }
    *ret_socket = self;
    return TW_OK;
}

void tw_agent_socket_destroy(struct tw_agent_socket **self_p)
{
    struct tw_agent_socket *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    (void)zmq_msg_close(&self->route); /* they are messages */
    (void)zmq_msg_close(&self->body);
    if (self->socket != NULL) {
        tw_guard_leave(self->socket);
        (void)zmq_close(self->socket); /* fails on something that is no socket only */
    }
    tw_zap_destroy(&self->zap);
    if (self->context != NULL) {
        (void)zmq_ctx_term(self->context); /* waits for the linger; nobody else has sockets */
    }
    free(self);
}

int tw_agent_socket_fd(const struct tw_agent_socket *self)
{
    int fd = -1;
    size_t size = sizeof fd;
    (void)zmq_getsockopt(self->socket, ZMQ_FD, &fd, &size); /* cannot fail on a socket */
    return fd;
}

bool tw_agent_socket_has_message(const struct tw_agent_socket *self)
{
    int events = 0;
    size_t size = sizeof events;
    (void)zmq_getsockopt(self->socket, ZMQ_EVENTS, &events, &size); /* likewise */
    return (events & ZMQ_POLLIN) != 0;
}

/* The rest of a message is there when its first frame is. */
static void skip_rest(struct tw_agent_socket *self)
{
    bool has_more = true;
    while (has_more) {
        has_more = zmq_msg_recv(&self->body, self->socket, ZMQ_DONTWAIT) >= 0 &&
                   zmq_msg_more(&self->body) != 0;
    }
}

/* One message: its route, and its body if it has one. TW_OK; TW_ENOTFOUND: none; TW_EPERM: of one
 * who may not speak any more. */
static int receive_one(struct tw_agent_socket *self, struct tw_agents_heard *ret_heard)
{
    if (zmq_msg_recv(&self->route, self->socket, ZMQ_DONTWAIT) < 0) {
        return TW_ENOTFOUND;
    }
    struct tw_agents_heard heard = {
        .route = {zmq_msg_data(&self->route), zmq_msg_size(&self->route)},
        .address = TW_STR_NULL,
        .is_several = true,
    };
    bool has_body = zmq_msg_more(&self->route) != 0 &&
                    zmq_msg_recv(&self->body, self->socket, ZMQ_DONTWAIT) >= 0;
    bool is_several = has_body && zmq_msg_more(&self->body) != 0;
    /* Judged by what it sent: the route that libzmq puts before it may know nothing of it. */
    bool may_speak = !has_body || tw_guard_passes(self->zap, DOOR, &self->body);
    if (is_several) {
        skip_rest(self);
    } else if (has_body) {
        heard.is_several = false;
        heard.frame = (struct tw_str){zmq_msg_data(&self->body), zmq_msg_size(&self->body)};
        heard.address = tw_str_of(zmq_msg_gets(&self->body, "Peer-Address"));
        heard.client = self->zap == NULL ? TW_STR_NULL : tw_guard_name(&self->body);
        heard.admission = self->zap == NULL ? 0 : tw_guard_admission(&self->body);
    }
    if (!may_speak) {
        return TW_EPERM;
    }
    *ret_heard = heard;
    return TW_OK;
}

int tw_agent_socket_receive(struct tw_agent_socket *self, struct tw_agents_heard *ret_heard)
{
    int rc = TW_EPERM;
    while (rc == TW_EPERM) {
        rc = receive_one(self, ret_heard);
    }
    return rc;
}

void tw_agent_socket_reload(struct tw_agent_socket *self)
{
    struct tw_diag diag = {.text = ""};
    int rc = self->zap == NULL ? TW_OK : tw_zap_reload(self->zap, &diag);
    if (rc != TW_OK) {
        tw_log(TW_LOG_RELOAD_REFUSED_EVENT, TW_F_CSTR("what", "client keys of agents"),
               TW_F_CSTR("reason", diag.text[0] != '\0' ? diag.text : tw_err_text(rc)));
    }
}

bool tw_agent_socket_admits(const struct tw_agent_socket *self, uint64_t admission)
{
    return self->zap == NULL || tw_zap_revocations(self->zap) == 0 ||
           tw_zap_is_admitted(self->zap, admission);
}

int tw_agent_socket_send(void *context, struct tw_str route, struct tw_str frame)
{
    struct tw_agent_socket *self = context;
    int n = 0;
    do {
        n = zmq_send(self->socket, route.ptr, route.len, ZMQ_SNDMORE | ZMQ_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EHOSTUNREACH ? TW_ECLOSED : TW_EAGAIN;
    }
    do {
        /* once its route was taken the rest is, or is dropped with its peer */
        n = zmq_send(self->socket, frame.ptr, frame.len, ZMQ_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? TW_EAGAIN : TW_OK;
}
