/* SPDX-License-Identifier: Apache-2.0
 * CURVE on one socket, and what to do with clients whose key was taken away while they were
 * connected: libzmq asks about a key once, in the handshake, and knows no way to end one
 * connection. So each message says under which admission it came (a property that the ZAP handler
 * gives), is judged by that, and its connection is shut down below libzmq, which then makes a new
 * handshake. Thread:  the socket's; tw_guard_passes costs an atomic read as long as no key was
 * taken away. Source:  libzmq 4.3, zmq_msg_gets(3); decision 91.
 */
#ifndef TW_CURVE_GUARD_H
#define TW_CURVE_GUARD_H

#include <stdbool.h>

#include <zmq.h>

#include "config/config.h"
#include "curve/zap.h"

/* Make a socket, before it is bound or connected, the CURVE server of the handler's door `door`.
 * TW_OK; TW_EPERM, TW_ENOTFOUND, TW_EINVAL, TW_ESYSTEM: the diag says which file or what. */
int tw_guard_socket(void *socket, const struct tw_cfg_curve *curve, const char *door,
                    struct tw_diag *diag);
/* Before such a socket is closed (any socket will do): else libzmq's io thread would wait for a
 * reader of its events. */
void tw_guard_leave(void *socket);

/* The name of the client that sent this; absent without CURVE. Borrowed from the message. */
struct tw_str tw_guard_name(zmq_msg_t *message);
/* The number under which its client was let in; 0 without CURVE. */
uint64_t tw_guard_admission(zmq_msg_t *message);
/* False: the key of its client is no longer known. The connection is ended, the message is counted
 * and nothing of it may be used. `zap` NULL: every message passes. */
bool tw_guard_passes(struct tw_zap *zap, const char *door, zmq_msg_t *message);

#endif
