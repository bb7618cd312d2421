/* SPDX-License-Identifier: Apache-2.0
 * Where passwords are looked at: a few threads of their own, since one password costs a tenth of a
 * second and more, which no web thread has. Who asks gets a ticket and is woken when the answer is
 * there. The same words, and nearly the same time, for a user that there is and one that there is
 * not.
 * Thread:  all; one mutex, never held while a password is looked at or the desk's file written.
 * Limits:  TW_PASSWORD_TURNS at a time, TW_PASSWORD_WAITING more; guesses as access/throttle.h.
 * Fails:   what cannot be answered is answered with 503.
 */
#ifndef TW_WEB_SIGN_H
#define TW_WEB_SIGN_H

#include "access/bearer.h"
#include "web/gate.h"
#include "web/response.h"

struct tw_sign;
struct tw_sign_ticket;

/* Texts are borrowed for the call. */
struct tw_sign_ask {
    struct tw_str user;
    struct tw_str password;
    struct tw_str fresh;  /* the password from now on; absent: only sign in */
    uint64_t session;     /* that changes its password; 0: none */
    struct tw_str cookie; /* of a session that ends with this, absent: none */
    struct tw_str device; /* of the cookie of the device; absent: none */
    struct tw_str address;
    struct tw_str agent;
    struct tw_str path; /* for problems */
    bool is_secure;
};

/* Borrows all. TW_OK, TW_ENOMEM, TW_ESYSTEM. */
int tw_sign_new(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_gate *gate,
                struct tw_sign **ret_sign);
/* Everything that waits is answered with 503; the threads end. */
void tw_sign_stop(struct tw_sign *self);
/* After the last ticket was dropped. Accepts NULL. */
void tw_sign_destroy(struct tw_sign **self_p);

/* TW_OK; TW_EAGAIN: too many guesses, wait *ret_wait_s; TW_EBUSY: too many wait; TW_ENOMEM. */
int tw_sign_submit(struct tw_sign *self, const struct tw_sign_ask *ask,
                   struct tw_sign_ticket **ret_ticket, int64_t *ret_wait_s);
/* Call `wake` once when the answer is there; at once when it is. It runs in any thread under the
 * mutex: it must only pass the word on. */
void tw_sign_ticket_arm(struct tw_sign_ticket *self, void (*wake)(void *context), void *context);
bool tw_sign_ticket_is_done(struct tw_sign_ticket *self);
/* The answer of one that is done. */
void tw_sign_ticket_take(struct tw_sign_ticket *self, struct tw_response *ret_response);
/* Accepts NULL. After it no wake comes. */
void tw_sign_ticket_drop(struct tw_sign_ticket **self_p);

#endif
