/* SPDX-License-Identifier: Apache-2.0
 * ZeroMQ PUB: [alert.<severity>.<workflow>] [the alert, JSON], for whoever is connected. A
 * subscriber that is slow loses the oldest; none at all is no fault.
 * Thread:  the owner's; libzmq has one of its own.
 * Limits:  TW_PUB_SOCKETS_MAX endpoints, TW_PUB_HWM messages for a slow subscriber.
 */
#ifndef TW_NOTIFY_PUB_H
#define TW_NOTIFY_PUB_H

#include "config/config.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"

#define TW_PUB_SOCKETS_MAX 8
#define TW_PUB_HWM         10000
#define TW_PUB_SETTLE_MS   1000 /* libzmq's clients come back after 100 ms */

struct tw_pub;
/* Who may subscribe. With a server key: clients with a known key alone, on every socket. */
struct tw_pub_guard {
    struct tw_cfg_curve curve;
    bool is_insecure; /* without one, sockets may be bound beyond this machine */
};
/* Copies the guard; NULL: no keys, this machine only. TW_OK, TW_ENOMEM, TW_ESYSTEM, or the errors
 * of tw_zap_new with the diag saying which. */
int tw_pub_new(const struct tw_pub_guard *guard, struct tw_pub **ret_pub, struct tw_diag *diag);
void tw_pub_destroy(struct tw_pub **self_p); /* accepts NULL */
/* Bound already: nothing to do. TW_ESYSTEM with the diag saying why not, TW_EPERM (the guard does
 * not allow it, or its key file is not safe), TW_ELIMIT, TW_ENOMEM. */
int tw_pub_bind(struct tw_pub *self, const char *endpoint, struct tw_diag *diag);
/* Never blocks. TW_ENOTFOUND: it is not bound; TW_EAGAIN: subscribers were sent away lately, those
 * that may are coming back; TW_ESYSTEM. */
int tw_pub_send(struct tw_pub *self, const char *endpoint, struct tw_str topic,
                struct tw_str message);

/* Read the client keys again (SIGHUP). A fault in them is logged and the old ones stay. Any thread.
 */
void tw_pub_reload(struct tw_pub *self);
/* To be called each second or so: when keys were taken away, all subscribers are sent away, for
 * libzmq cannot end one connection of a PUB socket; those that may come back by themselves. */
void tw_pub_look(struct tw_pub *self, tw_mono_t now);

#endif
