/* SPDX-License-Identifier: Apache-2.0
 * ZeroMQ PUB: [alert.<severity>.<workflow>] [the alert, JSON], for whoever is connected. A
 * subscriber that is slow loses the oldest; none at all is no fault.
 * Thread:  the owner's; libzmq has one of its own.
 * Limits:  TW_PUB_SOCKETS_MAX endpoints, TW_PUB_HWM messages for a slow subscriber.
 */
#ifndef TW_NOTIFY_PUB_H
#define TW_NOTIFY_PUB_H

#include "core/err.h"
#include "core/str.h"

#define TW_PUB_SOCKETS_MAX 8
#define TW_PUB_HWM         10000

struct tw_pub;
int tw_pub_new(struct tw_pub **ret_pub);     /* TW_OK, TW_ENOMEM, TW_ESYSTEM */
void tw_pub_destroy(struct tw_pub **self_p); /* accepts NULL */
/* Bound already: nothing to do. TW_ESYSTEM with the diag saying why not, TW_ELIMIT, TW_ENOMEM. */
int tw_pub_bind(struct tw_pub *self, const char *endpoint, struct tw_diag *diag);
/* Never blocks. TW_ENOTFOUND: it is not bound; TW_ESYSTEM. */
int tw_pub_send(struct tw_pub *self, const char *endpoint, struct tw_str topic,
                struct tw_str message);

#endif
