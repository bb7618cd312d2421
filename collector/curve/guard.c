/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "curve/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "curve/clients.h"

#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
/* zmq.h shows it to draft builds only; the library takes it since 4.3.0. */
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

/* ---- the socket ---- */

static int set_int(void *socket, int option, int value)
{
    return zmq_setsockopt(socket, option, &value, sizeof value);
}

int tw_guard_socket(void *socket, const struct tw_cfg_curve *curve, const char *door,
                    struct tw_diag *diag)
{
    char secret[TW_CURVE_KEY_LENGTH + 1];
    char monitor[TW_ZAP_MONITOR_SIZE];
    int rc = tw_curve_secret_read(curve->server_key_file, secret, diag);
    if (rc != TW_OK) {
        return rc;
    }
    int failed = set_int(socket, ZMQ_CURVE_SERVER, 1);
    failed |= zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, sizeof secret);
    failed |= zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, door, strlen(door));
    failed |= set_int(socket, ZMQ_ZAP_ENFORCE_DOMAIN, 1);
    (void)snprintf(monitor, sizeof monitor, TW_ZAP_MONITOR "%s", door);
    failed |= zmq_socket_monitor(socket, monitor, TW_ZAP_EVENTS);
    explicit_bzero(secret, sizeof secret);
    return failed == 0 ? TW_OK
                       : tw_diag_set(diag, TW_EINVAL, "the socket refuses an option: %s",
                                     zmq_strerror(zmq_errno()));
}

void tw_guard_leave(void *socket)
{
    (void)zmq_socket_monitor(socket, NULL, 0); /* fails on something that is no socket only */
}

/* ---- messages ---- */

struct tw_str tw_guard_name(zmq_msg_t *message)
{
    return tw_str_of(zmq_msg_gets(message, "User-Id"));
}

uint64_t tw_guard_admission(zmq_msg_t *message)
{
    const char *text = zmq_msg_gets(message, TW_ZAP_ADMISSION);
    return text == NULL ? 0 : strtoull(text, NULL, 10); /* the handler wrote it */
}

/* The descriptor is libzmq's, which may have closed it, and the number may be another's by now. So
 * only a connection from the same address is ended; should it be another one, it is made again. */
static bool is_from(int fd, const char *address)
{
    struct sockaddr_storage peer = {0};
    socklen_t size = sizeof peer;
    char text[INET6_ADDRSTRLEN] = "";
    if (getpeername(fd, (struct sockaddr *)&peer, &size) != 0) {
        return false;
    }
    if (peer.ss_family == AF_UNIX) {
        return true; /* libzmq tells no address of it */
    }
    if (peer.ss_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer;
        (void)inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text); /* it has room */
    } else if (peer.ss_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer;
        (void)inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text); /* likewise */
    }
    return address != NULL && strcmp(text, address) == 0;
}

static void end_connection(zmq_msg_t *message)
{
    int fd = zmq_msg_get(message, ZMQ_SRCFD);
    if (fd >= 0 && is_from(fd, zmq_msg_gets(message, "Peer-Address"))) {
        (void)shutdown(fd, SHUT_RDWR); /* it may have ended by itself */
    }
}

bool tw_guard_passes(struct tw_zap *zap, const char *door, zmq_msg_t *message)
{
    if (zap == NULL || tw_zap_revocations(zap) == 0 ||
        tw_zap_is_admitted(zap, tw_guard_admission(message))) {
        return true;
    }
    end_connection(message);
    tw_zap_count_late(zap, door, tw_guard_name(message),
                      tw_str_of(zmq_msg_gets(message, "Peer-Address")));
    return false;
}
