/* SPDX-License-Identifier: Apache-2.0
 * The ZAP handler of one ZeroMQ context: decides which CURVE clients may connect. An encrypted
 * socket without one lets any key in (libzmq), so it is bound before any socket is and outlives
 * them all. Thread:  an actor of its own, called `zap`; constructor and destructor by the owner of
 * the context. _reload, _refused, _revocations, _is_admitted, _count_late: any thread. Limits:
 * TW_ZAP_DOORS_MAX sockets; the clients of one: TW_CLIENTS_MAX. Fails:   never lets anybody in by
 * failing: a request it cannot read is answered with 400 or not at all, and ZMQ_ZAP_ENFORCE_DOMAIN
 * makes libzmq refuse where no handler answers. Source:  ZeroMQ RFC 27 (ZAP 1.0).
 */
#ifndef TW_CURVE_ZAP_H
#define TW_CURVE_ZAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"
#include "curve/clients.h"

#define TW_ZAP_DOORS_MAX 72 /* 64 taps, and some */

/* Where the handler listens for what libzmq refuses without asking it (no CURVE, a wrong server
 * key): the monitor of the socket of the door NAME is bound to this and NAME, for TW_ZAP_EVENTS. */
#define TW_ZAP_MONITOR      "inproc://tillwatch-refused-"
#define TW_ZAP_MONITOR_SIZE 128
#define TW_ZAP_EVENTS       ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL
/* The property of messages with the number under which their client was let in. */
#define TW_ZAP_ADMISSION "X-Tillwatch-Admission"

/* A socket that takes known clients only. Its name is its ZAP domain, 1 to 64 bytes. */
enum tw_zap_kind { TW_ZAP_TAP, TW_ZAP_AGENTS, TW_ZAP_ALERTS };
struct tw_zap_door {
    enum tw_zap_kind kind;
    const char *name;
    const char *clients_dir; /* NAME.pub files */
};

struct tw_zap;
/* Start the handler in `zmq_context` for these doors, whose texts must outlive it. TW_OK, or the
 * errors of tw_clients_new, TW_EEXISTS (the context has a handler), TW_ELIMIT, TW_ESYSTEM. */
int tw_zap_new(void *zmq_context, const struct tw_zap_door *doors, size_t count,
               struct tw_zap **ret_zap, struct tw_diag *diag);
void tw_zap_destroy(struct tw_zap **self_p);
/* Read all client directories again. All or nothing: with a fault the old keys stay and the fault
 * is in the diag. */
int tw_zap_reload(struct tw_zap *self, struct tw_diag *diag);
/* Clients refused so far; messages refused because their client's key was taken away. */
uint64_t tw_zap_refused(const struct tw_zap *self);
uint64_t tw_zap_late(const struct tw_zap *self);

/* How many clients reloads have taken away, or given another key or name; never less than before.
 */
uint64_t tw_zap_revocations(const struct tw_zap *self);
/* The client that was let in under this number is still one of today. */
bool tw_zap_is_admitted(struct tw_zap *self, uint64_t admission);
/* A message of such a client came all the same, and was refused. */
void tw_zap_count_late(struct tw_zap *self, const char *door, struct tw_str client,
                       struct tw_str address);

/* ---- for people ---- */

enum tw_zap_refusal {
    TW_ZAP_UNKNOWN_KEY,
    TW_ZAP_NO_CURVE,         /* or another mechanism */
    TW_ZAP_OTHER_SERVER_KEY, /* the client means another tower */
    TW_ZAP_HANDSHAKE,        /* not well formed */
    TW_ZAP_REMOVED_KEY,      /* a message of one whose key was taken away */
    TW_ZAP_REFUSALS
};
/* "unknown_key", ... */
const char *tw_zap_refusal_name(enum tw_zap_refusal reason);

#define TW_ZAP_ADDRESS_MAX 63
struct tw_zap_client {
    char name[TW_CLIENT_NAME_MAX + 1];
    char address[TW_ZAP_ADDRESS_MAX + 1]; /* of the last one; "": not known */
    uint64_t admitted;                    /* connections */
    tw_wall_t last;                       /* when the last one was made */
    bool is_allowed;                      /* today */
};
struct tw_zap_state {
    char door[TW_CLIENT_NAME_MAX + 1];
    enum tw_zap_kind kind;
    uint64_t allowed; /* clients of today */
    uint64_t admitted;
    uint64_t refused[TW_ZAP_REFUSALS];
    tw_wall_t last_at; /* of the last refusal; 0: none */
    enum tw_zap_refusal last_reason;
    char last_address[TW_ZAP_ADDRESS_MAX + 1]; /* "": libzmq does not tell it */
    char last_client[TW_CLIENT_NAME_MAX + 1];  /* "": nobody that we know */
    struct tw_zap_client *clients;             /* those that were let in since the start, by name */
    size_t client_count;
};
/* A number that is another one when the states are. Any thread. */
uint64_t tw_zap_changes(void);
/* All doors of all handlers of the process, owned by the caller. TW_OK, TW_ENOMEM. Any thread. */
int tw_zap_states(struct tw_zap_state **ret_states, size_t *ret_count);
void tw_zap_states_free(struct tw_zap_state **states_p, size_t count);

#endif
