/* SPDX-License-Identifier: Apache-2.0
 * Who asks: found out of a request, in one place.
 *   access.sign-in none      everybody on this machine is `local` and may do all; others are
 * nobody. Authorization: Bearer    a token of a program. When it is there, it alone decides. a
 * trusted proxy          names a user, from one of access.proxy-addresses only. the session's
 * cookie     a user who signed in. else                     nobody. What the desk's file said of a
 * session or token is kept for TW_GATE_KEPT_MS, so that not every request asks it: whatever another
 * program ends there is over within that time. What this program ends, it tells by tw_gate_forget,
 * and it is over at once. Thread:  any; one mutex, held while the desk's file is asked, which takes
 * about 50 us. Limits:  TW_GATE_KEPT answers are kept; the oldest of four makes room. Fails:   when
 * the desk's file cannot be read, nobody who is signed in is known: the fault says so. Source:
 * decision 90.
 */
#ifndef TW_WEB_GATE_H
#define TW_WEB_GATE_H

#include "access/grant.h"
#include "access/session.h"
#include "config/config.h"
#include "core/clock.h"
#include "web/http.h"

#define TW_GATE_KEPT_MS 500
#define TW_GATE_KEPT    512

/* The names of the cookie: by TLS the browser itself sees to it that nobody else set it. */
#define TW_COOKIE_PLAIN  "tillwatch"
#define TW_COOKIE_SECURE "__Host-tillwatch"

/* Why somebody is nobody. */
enum tw_gate_fault {
    TW_GATE_FINE,
    TW_GATE_NOTHING,   /* nothing was shown */
    TW_GATE_ENDED,     /* a cookie of no session that lives */
    TW_GATE_BAD_TOKEN, /* a token that there is not, or that has expired */
    TW_GATE_UNTRUSTED, /* the header of a proxy, from elsewhere; or with a name that is none */
    TW_GATE_ELSEWHERE, /* access.sign-in is none, and this is another machine */
    TW_GATE_BLIND      /* the desk's file cannot be read */
};

/* What was found out of one that asks. Shared; const once it is given out. */
struct tw_asker {
    struct tw_principal principal;
    enum tw_gate_fault fault;
    bool is_ambient; /* the browser sends it by itself: cookie, proxy */
    /* of a session, else 0 */
    uint64_t user;
    uint64_t session;
    bool must_change;    /* the password, before anything else */
    tw_wall_t created;   /* signed in */
    tw_wall_t ends;      /* at the latest */
    tw_wall_t idle_ends; /* when it is not used */
    tw_wall_t expires;   /* of a token */
};

struct tw_gate;
/* Borrows cfg and clock. TW_OK, TW_ENOMEM. */
int tw_gate_new(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_gate **ret_gate);
/* After the last asker was given back. Accepts NULL. */
void tw_gate_destroy(struct tw_gate **self_p);
/* How long a session lives. */
struct tw_session_limits tw_gate_limits(const struct tw_cfg *cfg);
/* Do people sign in here? */
bool tw_gate_is_required(const struct tw_cfg *cfg);

/* Never NULL; give it back with tw_asker_unref. */
const struct tw_asker *tw_gate_ask(struct tw_gate *self, const struct tw_http_request *request);
/* The same of one that was asked before: does what it was known by still hold? For answers that
 * have no end. */
bool tw_gate_still(struct tw_gate *self, const struct tw_asker *asker);
const struct tw_asker *tw_asker_ref(const struct tw_asker *asker);
void tw_asker_unref(const struct tw_asker **asker_p); /* accepts NULL */
/* Something was ended or changed: ask the desk's file again. */
void tw_gate_forget(struct tw_gate *self);
/* Did the user sign in with this device before? False also when that cannot be read. */
bool tw_gate_knows_device(struct tw_gate *self, struct tw_str user, const uint8_t *hash);
/* Write that sessions and tokens were used, those that were since the last call; about once a
 * minute for each. May wait for the disk. */
void tw_gate_write_uses(struct tw_gate *self);

#endif
