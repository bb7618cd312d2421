/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "link.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#define HEARTBEAT_MS     5000
#define DEAD_AFTER_MS    15000
#define RETRY_MS         2000 /* after a refusal; the longest pause between reconnects too */
#define CURVE_KEY_LENGTH 40
#define MONITOR_EVENTS                                                      \
    (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

struct twc_link {
    void *zmq_context;
    void *socket;
    void *monitor;
    char *endpoint;       /* owned */
    int wake_fd;          /* the caller's; -1: none */
    uint64_t connections; /* that came up */
    int64_t retry_at_ms;  /* -1: libzmq is trying, or connected */
};

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static bool is_key(const char *key)
{
    return key != NULL && strlen(key) == CURVE_KEY_LENGTH;
}

bool twc_link_keys_are_valid(const struct twc_link_options *options)
{
    bool has_key = options->curve_server_key != NULL || options->curve_public_key != NULL ||
                   options->curve_secret_key != NULL;
    return !has_key || (is_key(options->curve_server_key) && is_key(options->curve_public_key) &&
                        is_key(options->curve_secret_key));
}

static int set_options(struct twc_link *self, const struct twc_link_options *options)
{
    int64_t max_bytes = options->max_bytes;
    int failed = set_int(self->socket, ZMQ_LINGER, 0);
    failed |= set_int(self->socket, ZMQ_IMMEDIATE, 1);
    failed |= set_int(self->socket, ZMQ_SNDHWM, 2 * TWC_WINDOW_MAX);
    failed |= set_int(self->socket, ZMQ_RCVHWM, 2 * TWC_WINDOW_MAX);
    failed |= set_int(self->socket, ZMQ_RECONNECT_IVL, 100);
    failed |= set_int(self->socket, ZMQ_RECONNECT_IVL_MAX, RETRY_MS);
    failed |= set_int(self->socket, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
    failed |= set_int(self->socket, ZMQ_HEARTBEAT_TIMEOUT, 0);
    failed |= set_int(self->socket, ZMQ_TCP_MAXRT, DEAD_AFTER_MS);
    failed |= zmq_setsockopt(self->socket, ZMQ_MAXMSGSIZE, &max_bytes, sizeof max_bytes);
    failed |= set_int(self->socket, ZMQ_IPV6, strchr(options->endpoint, '[') != NULL ? 1 : 0);
    if (options->curve_server_key != NULL) {
        const size_t size = CURVE_KEY_LENGTH + 1;
        void *socket = self->socket;
        failed |= zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, options->curve_server_key, size);
        failed |= zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, options->curve_public_key, size);
        failed |= zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, options->curve_secret_key, size);
    }
    return failed == 0 ? TILLWATCH_OK : TILLWATCH_SOCKET;
}

/* The queue of the monitor has no bound, for libzmq's io thread would stop at it; it gets one or
 * two events a connection. */
static int connect_socket(struct twc_link *self)
{
    static const char monitor[] = "inproc://tillwatch-monitor"; /* the context is our own */
    if (zmq_socket_monitor(self->socket, monitor, MONITOR_EVENTS) != 0 ||
        set_int(self->monitor, ZMQ_LINGER, 0) != 0 || set_int(self->monitor, ZMQ_RCVHWM, 0) != 0 ||
        zmq_connect(self->monitor, monitor) != 0 ||
        zmq_connect(self->socket, self->endpoint) != 0) {
        return TILLWATCH_SOCKET;
    }
    return TILLWATCH_OK;
}

int twc_link_open(const struct twc_link_options *options, struct twc_link **ret_link)
{
    struct twc_link *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TILLWATCH_NOMEM;
    }
    self->retry_at_ms = -1;
    self->wake_fd = options->wake_fd;
    self->endpoint = strdup(options->endpoint);
    self->zmq_context = zmq_ctx_new();
    int rc = self->endpoint == NULL || self->zmq_context == NULL ? TILLWATCH_NOMEM : TILLWATCH_OK;
    if (rc == TILLWATCH_OK) {
        (void)zmq_ctx_set(self->zmq_context, ZMQ_BLOCKY, 0); /* a valid option and value */
        self->socket = zmq_socket(self->zmq_context, ZMQ_DEALER);
        self->monitor = zmq_socket(self->zmq_context, ZMQ_PAIR);
        rc = self->socket == NULL || self->monitor == NULL ? TILLWATCH_SOCKET
                                                           : set_options(self, options);
    }
    if (rc == TILLWATCH_OK) {
        rc = connect_socket(self);
    }
    if (rc != TILLWATCH_OK) {
        int errnum = errno;
        twc_link_close(&self);
        errno = errnum;
        return rc;
    }
    *ret_link = self;
    return TILLWATCH_OK;
}

void twc_link_close(struct twc_link **self_p)
{
    struct twc_link *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    if (self->monitor != NULL) {
        /* first, or the io thread would wait for a reader of its events */
        (void)zmq_socket_monitor(self->socket, NULL, 0);
        (void)zmq_close(self->monitor); /* fails on something that is no socket only */
    }
    if (self->socket != NULL) {
        (void)zmq_close(self->socket);
    }
    if (self->zmq_context != NULL) {
        while (zmq_ctx_term(self->zmq_context) != 0 && errno == EINTR) {
        }
    }
    free(self->endpoint);
    free(self);
}

void *twc_link_socket(struct twc_link *self)
{
    return self->socket;
}

/* One event of the monitor: [u16 event, u32 value] [endpoint], in the machine's byte order
 * (zmq_socket_monitor(3)). False when there is none. */
static bool next_event(struct twc_link *self, uint16_t *ret_event)
{
    char frame[6] = {0};
    char discarded[1];
    int n = 0;
    do {
        n = zmq_recv(self->monitor, frame, sizeof frame, ZMQ_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return false;
    }
    memcpy(ret_event, frame, sizeof *ret_event);
    do {
        n = zmq_recv(self->monitor, discarded, sizeof discarded, ZMQ_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return true;
}

int twc_link_look(struct twc_link *self, int64_t now_ms, bool *ret_is_new)
{
    uint64_t before = self->connections;
    uint16_t event = 0;
    while (next_event(self, &event)) {
        bool is_up = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
        self->connections += is_up ? 1 : 0;
        self->retry_at_ms = is_up ? -1 : now_ms + RETRY_MS;
    }
    if (self->retry_at_ms >= 0 && now_ms >= self->retry_at_ms) {
        self->retry_at_ms = now_ms + RETRY_MS;              /* until we hear otherwise */
        (void)zmq_disconnect(self->socket, self->endpoint); /* libzmq may have forgotten it */
        if (zmq_connect(self->socket, self->endpoint) != 0) {
            return TILLWATCH_SOCKET;
        }
    }
    /* What was sent before we hear of the very first connection can only have gone there. */
    *ret_is_new = self->connections != before && self->connections > 1;
    return TILLWATCH_OK;
}

int64_t twc_link_wakeup(const struct twc_link *self)
{
    return self->retry_at_ms;
}

int twc_link_check_writable(struct twc_link *self, bool *ret_writable)
{
    int events = 0;
    size_t size = sizeof events;
    if (zmq_getsockopt(self->socket, ZMQ_EVENTS, &events, &size) != 0 && errno != EINTR) {
        return TILLWATCH_SOCKET;
    }
    *ret_writable = (events & ZMQ_POLLOUT) != 0;
    return TILLWATCH_OK;
}

int twc_link_wait(struct twc_link *self, bool wants_out, int64_t timeout_ms, bool *ret_writable)
{
    zmq_pollitem_t items[] = {
        {.socket = self->socket, .events = (short)(ZMQ_POLLIN | (wants_out ? ZMQ_POLLOUT : 0))},
        {.socket = self->monitor, .events = ZMQ_POLLIN},
        {.fd = self->wake_fd, .events = ZMQ_POLLIN},
    };
    if (zmq_poll(items, self->wake_fd >= 0 ? 3 : 2, timeout_ms < 0 ? -1 : (long)timeout_ms) < 0 &&
        errno != EINTR) {
        return TILLWATCH_SOCKET;
    }
    *ret_writable = (items[0].revents & ZMQ_POLLOUT) != 0;
    return TILLWATCH_OK;
}
