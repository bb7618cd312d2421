/* SPDX-License-Identifier: Apache-2.0
 * A thread of the program: named, joinable, with one control flag to stop it.
 * The constructor returns when the thread has reported ready or failed; stop asks, join waits.
 * Thread: start, stop and destroy by the parent only. Signals are blocked in every actor.
 */
#ifndef TW_CORE_ACTOR_H
#define TW_CORE_ACTOR_H

#include <stdbool.h>

struct tw_actor;

/* The body of an actor. It calls tw_actor_ready() once with TW_OK or an error, then loops until
 * tw_actor_is_stopping(); it returns its result (TW_OK, or why it ended by itself). */
typedef int tw_actor_fn(struct tw_actor *self, void *arg);

/* Start `fn(arg)` in a thread called `name` (at most 15 bytes). Blocks until it reported; an
 * error it reported is returned and the thread is joined. Borrows arg until destroy. */
int tw_actor_new(const char *name, tw_actor_fn *fn, void *arg, struct tw_actor **ret_actor);
/* Ask it to stop and join it. Accepts NULL. Returns the body's result (TW_OK for NULL). */
int tw_actor_destroy(struct tw_actor **self_p);
/* Ask without waiting. */
void tw_actor_stop(struct tw_actor *self);
/* True when the body has returned (it may have failed); parent's side, does not block. */
bool tw_actor_has_ended(const struct tw_actor *self);

/* For the body. */
void tw_actor_ready(struct tw_actor *self, int result);
bool tw_actor_is_stopping(const struct tw_actor *self);
/* Sleep up to timeout_ms (negative: without limit), less when asked to stop; true when asked. */
bool tw_actor_wait_stop(const struct tw_actor *self, int timeout_ms);
/* Readable (eventfd) once it is to stop: poll it beside the data. */
int tw_actor_stop_fd(const struct tw_actor *self);

#endif
