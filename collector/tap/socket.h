/* SPDX-License-Identifier: Apache-2.0
 * One tap's ZeroMQ socket with all its options. Thread: intake.
 */
#ifndef TW_TAP_SOCKET_H
#define TW_TAP_SOCKET_H

#include "config/config.h"

#define TW_TAP_ENDPOINT_SIZE 256 /* tcp with the longest host name fits */

/* Acknowledgements queued for one client: as many as the client library may have under way. */
#define TW_TAP_ACK_HWM 65536

/* Open, configure, bind and connect the socket of cfg->taps[index]. The endpoint it was last bound
 * to (a wildcard port resolved), or last connected to, goes to ret_endpoint.
 * TW_OK; TW_EBUSY, TW_EPERM, TW_EINVAL, TW_ENOTFOUND (a key file), TW_ESYSTEM: nothing is left
 * open and the diag names tap, endpoint and what to do. */
int tw_tap_socket_open(void *zmq_context, const struct tw_cfg *cfg, size_t index, void **ret_socket,
                       char ret_endpoint[TW_TAP_ENDPOINT_SIZE], struct tw_diag *diag);
/* Accepts any socket of tw_tap_socket_open; what a linger allows is still sent. */
void tw_tap_socket_close(void *socket);

#endif
