/* SPDX-License-Identifier: Apache-2.0
 * The ZAP handler: decides which CURVE clients may connect. An encrypted socket without one lets
 * any key in (libzmq), so it is bound before any tap is and outlives them all.
 * Thread:  an actor of its own, called `zap`; constructor and destructor by the owner of the taps.
 *          _reload and _refused: any thread.
 * Fails:   never lets anybody in by failing: a request it cannot read is answered with 400 or not
 *          at all, and ZMQ_ZAP_ENFORCE_DOMAIN makes libzmq refuse where no handler answers.
 * Source:  ZeroMQ RFC 27 (ZAP 1.0).
 */
#ifndef TW_TAP_ZAP_H
#define TW_TAP_ZAP_H

#include <stddef.h>
#include <stdint.h>

#include "config/config.h"

struct tw_zap;

/* Where the handler listens for what libzmq refuses without asking it (no CURVE, a wrong server
 * key): the monitor of the tap called NAME is bound to this and NAME, for TW_ZAP_EVENTS. */
#define TW_ZAP_MONITOR "inproc://tillwatch-refused-"
#define TW_ZAP_EVENTS  ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL

/* Start the handler in `zmq_context` for those taps of cfg that have CURVE; the domain of a tap is
 * its name. Borrows both. TW_OK, or the errors of tw_clients_new, TW_EEXISTS (the context has a
 * handler), TW_ESYSTEM. */
int tw_zap_new(void *zmq_context, const struct tw_cfg *cfg, struct tw_zap **ret_zap,
               struct tw_diag *diag);
void tw_zap_destroy(struct tw_zap **self_p);
/* Read all client directories again. All or nothing: with a fault the old keys stay and the fault
 * is in the diag. Connections that are up are not cut. */
int tw_zap_reload(struct tw_zap *self, struct tw_diag *diag);
/* Clients refused so far. */
uint64_t tw_zap_refused(const struct tw_zap *self);

#endif
