/* SPDX-License-Identifier: Apache-2.0
 * The socket of the web half. Thread: any; at the start.
 */
#ifndef TW_WEB_LISTEN_H
#define TW_WEB_LISTEN_H

#include <stdint.h>

#include "core/err.h"

/* A listening socket for the first address of `listen_on` (web.listen) that works; *ret_port: where
 * it is. TW_EBUSY, TW_EPERM, TW_EINVAL, TW_ESYSTEM, each with a diag that says what to do. */
int tw_listen_open(const char *listen_on, int *ret_fd, uint16_t *ret_port, struct tw_diag *diag);

#endif
