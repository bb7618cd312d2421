/* SPDX-License-Identifier: Apache-2.0
 * Delivery: notices that wait go to their receivers, each in the form of its integration, as fast
 * as the receiver takes them, without ever blocking the thread. What is posted is in the outbox
 * before; what became of it goes there after.
 * Thread:  created, used and destroyed by the thread `notify`.
 * Limits:  one notice of an integration under way at a time, so that they arrive in their order;
 *          TW_DELIVER_ROUND notices looked at in one round; rates of docs/reference/
 *          notifications.md; TW_DELIVER_LAST_S after it was made a notice is given up.
 * Fails:   what becomes of a notice is a result in the outbox and the health of its receiver.
 * Source:  decisions 80 and 84; docs/reference/notifications.md.
 */
#ifndef TW_NOTIFY_DELIVER_H
#define TW_NOTIFY_DELIVER_H

#include <poll.h>
#include <stdbool.h>

#include "core/clock.h"
#include "core/err.h"
#include "notify/pub.h"
#include "notify/routes.h"
#include "store/notices.h"

#define TW_DELIVER_FDS_MAX  4     /* descriptors of the caller in one wait */
#define TW_DELIVER_ROUND    64    /* notices of one round */
#define TW_DELIVER_LAST_S   86400 /* a notice is tried for so long */
#define TW_DELIVER_TEST_S   60    /* that of a test button or the watchdog: it says "now" */
#define TW_DELIVER_PUSH_S   60    /* alerts are said again to an Alertmanager so often, */
#define TW_DELIVER_ENDS_S   240   /* end then, should nothing more be heard of us, */
#define TW_DELIVER_TELL_S   900   /* and what was resolved is said for so long */
#define TW_DELIVER_PUSH_MAX 1000  /* alerts in one request to an Alertmanager; more are several */

struct tw_deliver;
struct tw_deliver_setup {
    struct tw_clock *clock;
    const char *program; /* draws pictures: program plot rule.NAME --png; NULL: mails have none */
    const char *config;  /* its --config; NULL: it is started without */
    const char *state;   /* the store, its TILLWATCH_STATE; NULL: it is not given */
    const struct tw_pub_guard *guard; /* of what is published; NULL: this machine only */
};
/* Copies the setup, takes a reference of the set. TW_OK, TW_ENOMEM, or TW_ESYSTEM (a socket of
 * `pub` cannot be bound, libcurl does not start) with the diag saying which. */
int tw_deliver_new(const struct tw_deliver_setup *setup, const struct tw_notify *set,
                   struct tw_deliver **ret_deliver, struct tw_diag *diag);
/* Gives up what is under way; the outbox says `sending` of it, and a start posts it again. */
void tw_deliver_destroy(struct tw_deliver **self_p); /* accepts NULL */
/* Other receivers. What is under way ends as it was begun; health goes on for the integrations that
 * both sets have. TW_OK, TW_ENOMEM (nothing has changed). */
int tw_deliver_change(struct tw_deliver *self, const struct tw_notify *set);

/* The client keys of subscribers are read again. Any thread. */
void tw_deliver_reload_clients(struct tw_deliver *self);
/* Each second or so: subscribers whose key was taken away are sent away. */
void tw_deliver_look(struct tw_deliver *self);

/* Writes the results that came, takes what is due, and begins it when that is committed; a
 * transaction of its own. *ret_wait_ms: the next round after so long at the latest, sooner when
 * tw_deliver_wait says so. TW_EBUSY and other errors of the outbox: nothing was begun, results are
 * kept and written with the next round. */
int tw_deliver_round(struct tw_deliver *self, struct tw_notices *notices, int *ret_wait_ms,
                     struct tw_diag *diag);
/* Carry on with what is under way until something of it is done, one of fds has something or
 * timeout_ms passed. fd_count 0..TW_DELIVER_FDS_MAX; fills revents. TW_OK, TW_ENOMEM, TW_ESYSTEM.
 */
int tw_deliver_wait(struct tw_deliver *self, struct pollfd *fds, size_t fd_count, int timeout_ms);
/* Notices and pictures under way. */
size_t tw_deliver_under_way(const struct tw_deliver *self);

/* ---- Alertmanagers: they are not told of groups, but of every alert, all along ---- */

struct tw_deliver_alert {
    struct tw_str labels;      /* JSON object */
    struct tw_str annotations; /* JSON object */
    struct tw_str generator;   /* absent: none */
    tw_wall_t starts;
    tw_wall_t ended; /* ns 0: it fires */
};
/* Some receiver has an Alertmanager and is to be told now: tw_deliver_alerts is wanted. */
bool tw_deliver_wants_alerts(const struct tw_deliver *self);
/* All alerts that fire and are neither silenced nor inhibited, and those that ended within
 * TW_DELIVER_TELL_S. Routes say which of them go where. Posted at once; to be called when something
 * fired or was resolved, and when they are wanted. Borrows for the call. TW_OK, TW_ENOMEM. */
int tw_deliver_alerts(struct tw_deliver *self, const struct tw_deliver_alert *alerts, size_t count);

#endif
