/* SPDX-License-Identifier: Apache-2.0
 * Ends connections that keep a slot of the server too long: the HTTP library only ends those that
 * are silent, and a client that sends, or reads, one byte now and then never is.
 * A request must have arrived whole within 2 * timeout seconds after the connection began or the
 * answer before was sent; an answer must be taken within 10 * timeout seconds.
 * Thread:  `web-guard` looks at all connections once a second; web threads add and remove theirs.
 */
#ifndef TW_WEB_GUARD_H
#define TW_WEB_GUARD_H

#include "core/clock.h"
#include "core/err.h"

struct tw_guard;
struct tw_guarded;

/* timeout_s: 1 or more. Borrows clock. TW_OK or TW_ENOMEM. */
int tw_guard_new(struct tw_clock *clock, int64_t timeout_s, struct tw_guard **ret_guard);
/* Start the thread that looks. TW_OK, or why it could not be started. */
int tw_guard_start(struct tw_guard *self);
/* Stop and join the thread, forget all connections. Accepts NULL. */
void tw_guard_destroy(struct tw_guard **self_p);

/* A connection began; its next request is awaited. NULL when out of memory: it is not guarded. */
struct tw_guarded *tw_guard_add(struct tw_guard *self, int fd);
/* The request arrived whole; the answer is being sent. Accepts NULL. */
void tw_guard_sending(struct tw_guard *self, struct tw_guarded *entry);
/* The answer was sent; the next request is awaited. Accepts NULL. */
void tw_guard_awaiting(struct tw_guard *self, struct tw_guarded *entry);
/* End it now, from any thread: the library will close it. Accepts NULL. */
void tw_guard_end(struct tw_guard *self, struct tw_guarded *entry);
/* The connection is about to be closed; the entry is gone afterwards. Accepts NULL. */
void tw_guard_remove(struct tw_guard *self, struct tw_guarded **entry_p);

/* Look at all connections once; how many were ended. For the thread, and for tests. */
unsigned tw_guard_sweep(struct tw_guard *self);

#endif
