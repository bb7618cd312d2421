/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "tap/socket.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include "curve/guard.h"
#include "tap/tap.h"

/* A CURVE message is a ZMTP command around the frame: flags, nonce and box, 33 bytes (RFC 26). */
#define CURVE_OVERHEAD 64

/* Acknowledgements already given to the socket still leave at the end; else their clients would
 * send again after the next start. */
#define ROUTER_LINGER_MS 250

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

static int set_int64(void *socket, int option, int64_t value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

/* A failing option is a bound missing in config/keys.c or a libzmq without it. */
static int option_error(const struct tw_cfg_tap *tap, struct tw_diag *diag)
{
    return tw_diag_set(diag, TW_EINVAL, "tap %s: the socket refuses an option: %s", tap->name,
                       zmq_strerror(errno));
}

static int set_limits(void *socket, const struct tw_cfg_tap *tap, struct tw_diag *diag)
{
    int heartbeat = (int)tap->heartbeat_ms;
    /* A SUB socket sends its subscriptions, and drops those beyond the mark: no mark. */
    int send_hwm = tap->kind == TW_TAP_ROUTER ? TW_TAP_ACK_HWM : 0;
    int linger = tap->kind == TW_TAP_ROUTER ? ROUTER_LINGER_MS : 0;
    int failed = set_int64(socket, ZMQ_MAXMSGSIZE, tap->max_message_bytes + CURVE_OVERHEAD);
    failed |= set_int(socket, ZMQ_RCVHWM, (int)tap->receive_hwm);
    failed |= set_int(socket, ZMQ_SNDHWM, send_hwm);
    failed |= set_int(socket, ZMQ_LINGER, linger);
    failed |= set_int(socket, ZMQ_HANDSHAKE_IVL, (int)tap->handshake_ms);
    /* No time-out on PONG: a socket that is held back reads no PONG, and libzmq would cut the
     * connection with everything under way on it (1,160 of 1,490 messages of a PUSH peer lost in a
     * trial). And no PING at all to those who only send: to a peer that sent its last message and
     * ended while we were behind, a PING makes its kernel reset the connection and throw away what
     * it had still to deliver (2,339 of 4,000 in tests/system/test_tail.py). A dead peer shows to
     * TCP instead, by keep-alive probes, which a peer that ended answers. See
     * docs/decisions/0020-taps.md. */
    failed |= set_int(socket, ZMQ_HEARTBEAT_IVL, tap->kind == TW_TAP_ROUTER ? heartbeat : 0);
    failed |= set_int(socket, ZMQ_HEARTBEAT_TIMEOUT, 0);
    if (heartbeat > 0) {
        failed |= set_int(socket, ZMQ_TCP_MAXRT, 3 * heartbeat);
        failed |= set_int(socket, ZMQ_TCP_KEEPALIVE, 1);
        failed |= set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, 1 + heartbeat / 1000);
        failed |= set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, 1 + heartbeat / 1000);
        failed |= set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, 3);
    }
    failed |= set_int(socket, ZMQ_RECONNECT_IVL, 100);
    failed |= set_int(socket, ZMQ_RECONNECT_IVL_MAX, 5000);
    if (tap->kind == TW_TAP_ROUTER) {
        failed |= set_int(socket, ZMQ_ROUTER_MANDATORY, 1);
        /* A client with a fixed routing id that comes back before its old connection is known to
         * be dead must be let in. */
        failed |= set_int(socket, ZMQ_ROUTER_HANDOVER, 1);
    }
    return failed == 0 ? TW_OK : option_error(tap, diag);
}

static int set_subscriptions(void *socket, const struct tw_cfg_tap *tap, struct tw_diag *diag)
{
    int failed = 0;
    if (tap->subscribe.count == 0) {
        failed = zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    }
    for (size_t i = 0; failed == 0 && i < tap->subscribe.count; i++) {
        const char *prefix = tap->subscribe.items[i];
        failed = zmq_setsockopt(socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix));
    }
    return failed == 0 ? TW_OK : option_error(tap, diag);
}

static int set_curve(void *socket, const struct tw_cfg_tap *tap, struct tw_diag *diag)
{
    struct tw_diag why = {.text = ""};
    int rc = tw_guard_socket(socket, &tap->curve, tap->name, &why);
    return rc == TW_OK ? rc : tw_diag_set(diag, rc, "tap %s: %s", tap->name, why.text);
}

/* What the person who starts Tillwatch can do about it. */
static int endpoint_error(const struct tw_cfg_tap *tap, size_t index, bool is_bind,
                          const char *endpoint, struct tw_diag *diag)
{
    int errnum = errno;
    const char *key = is_bind ? "bind" : "connect";
    const char *advice = "";
    int code = TW_ESYSTEM;
    switch (errnum) {
    case EADDRINUSE:
        code = TW_EBUSY;
        advice = "another program, perhaps another Tillwatch, listens there: stop it, or change";
        break;
    case EACCES:
    case EPERM:
        code = TW_EPERM;
        advice = "not permitted (ports below 1024 and others' directories need rights): change";
        break;
    case ENODEV:
    case EADDRNOTAVAIL:
        code = TW_EINVAL;
        advice = "this machine has no such address or interface: mend";
        break;
    case ENOENT:
    case ENOTDIR:
    case ENAMETOOLONG:
        code = TW_EINVAL;
        advice = "the directory of this ipc endpoint must exist and its path be short: mend";
        break;
    case EINVAL:
    case EPROTONOSUPPORT:
    case ENOCOMPATPROTO:
        code = TW_EINVAL;
        advice = "not an endpoint such as tcp://127.0.0.1:8461 or ipc:///run/tillwatch/pull: mend";
        break;
    case EMFILE:
    case ENFILE:
        advice = "too many open files: raise the limit (ulimit -n); not to blame:";
        break;
    default:
        advice = "see";
        break;
    }
    return tw_diag_set(diag, code, "tap %s: cannot %s %s: %s: %s taps[%zu].%s", tap->name, key,
                       endpoint, zmq_strerror(errnum), advice, index, key);
}

/* IPv6 only where asked for: with it, libzmq shows and resolves IPv4 addresses as mapped ones. */
static int attach(void *socket, const char *endpoint, bool is_bind)
{
    bool wants_ipv6 = strchr(endpoint, '[') != NULL || strstr(endpoint, "//*:") != NULL;
    if (set_int(socket, ZMQ_IPV6, wants_ipv6 ? 1 : 0) != 0) {
        return -1;
    }
    return is_bind ? zmq_bind(socket, endpoint) : zmq_connect(socket, endpoint);
}

static int attach_all(void *socket, const struct tw_cfg_tap *tap, size_t index,
                      struct tw_diag *diag)
{
    for (size_t i = 0; i < tap->connect.count; i++) {
        if (attach(socket, tap->connect.items[i], false) != 0) {
            return endpoint_error(tap, index, false, tap->connect.items[i], diag);
        }
    }
    for (size_t i = 0; i < tap->bind.count; i++) {
        if (attach(socket, tap->bind.items[i], true) != 0) {
            return endpoint_error(tap, index, true, tap->bind.items[i], diag);
        }
    }
    return TW_OK;
}

void tw_tap_socket_close(void *socket)
{
    tw_guard_leave(socket);
    (void)zmq_close(socket); /* fails on something that is no socket only */
}

int tw_tap_socket_open(void *zmq_context, const struct tw_cfg *cfg, size_t index, void **ret_socket,
                       char ret_endpoint[TW_TAP_ENDPOINT_SIZE], struct tw_diag *diag)
{
    static const int types[] = {
        [TW_TAP_PULL] = ZMQ_PULL, [TW_TAP_SUB] = ZMQ_SUB, [TW_TAP_ROUTER] = ZMQ_ROUTER};
    const struct tw_cfg_tap *tap = &cfg->taps[index];
    void *socket = zmq_socket(zmq_context, types[tap->kind]);
    if (socket == NULL) {
        return tw_diag_set(diag, TW_ESYSTEM, "tap %s: no socket: %s", tap->name,
                           zmq_strerror(errno));
    }
    int rc = set_limits(socket, tap, diag);
    if (rc == TW_OK && tap->kind == TW_TAP_SUB) {
        rc = set_subscriptions(socket, tap, diag);
    }
    if (rc == TW_OK && tap->curve.server_key_file != NULL) {
        rc = set_curve(socket, tap, diag);
    }
    if (rc == TW_OK) {
        rc = attach_all(socket, tap, index, diag);
    }
    if (rc != TW_OK) {
        tw_tap_socket_close(socket);
        return rc;
    }
    size_t size = TW_TAP_ENDPOINT_SIZE;
    ret_endpoint[0] = '\0';
    if (zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, ret_endpoint, &size) != 0) {
        ret_endpoint[0] = '\0'; /* longer than the buffer: it only serves logs and tests */
    }
    *ret_socket = socket;
    return TW_OK;
}
