/* SPDX-License-Identifier: Apache-2.0
 * The clerk carries out what operators ask for: it reads the requests that wait in the store and
 * passes them to the thread that can do them. Today: `quarantine-retry` with a body
 * {"ids":[1,2]} or {"all":true} or {"reason":"mapping"}; `cause-rules` (clerk_causes.h).
 * Thread:  `clerk`, started and stopped by main. Blocks on the catalogue (at most 5 s) and on the
 *          intake. Looks for requests every 250 ms.
 * Limits:  TW_RETRIES_MAX entries under way, CLERK_ENTRIES_MAX entries a request.
 * Fails:   a request that cannot be carried out is marked failed, with the reason.
 */
#ifndef TW_INTAKE_CLERK_H
#define TW_INTAKE_CLERK_H

#include "config/config.h"
#include "core/chan.h"
#include "core/clock.h"

/* Entries that one request may try again; the result says when there were more. */
#define CLERK_ENTRIES_MAX 100000

struct tw_clerk;

/* `retries` leads to the intake, `retried` back. Borrows everything until destroy. */
int tw_clerk_new(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_chan *retries,
                 struct tw_chan *retried, struct tw_clerk **ret_clerk);
/* Before the intake is stopped. */
int tw_clerk_destroy(struct tw_clerk **self_p);

#endif
