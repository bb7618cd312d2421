/* SPDX-License-Identifier: Apache-2.0
 * The thread that reads the store once a second for all clients of GET /stream, finds out which
 * views changed, and publishes a tick (web/stream.h). Rests while nobody listens.
 * Thread:  `web-ticker`; created and destroyed by main.
 * Fails:   a store that cannot be read, or not within web.query_deadline_ms, makes a comment
 *          instead of a tick, each second until it can.
 */
#ifndef TW_WEB_TICKER_H
#define TW_WEB_TICKER_H

#include "web/call.h"

struct tw_ticker;

/* Borrows both for its life; web->streams is where it publishes. TW_OK, TW_ENOMEM, or why the
 * thread could not be started. */
int tw_ticker_new(struct tw_web_state *web, struct tw_readers *readers,
                  struct tw_ticker **ret_ticker);
/* Stop and join. Accepts NULL. */
void tw_ticker_destroy(struct tw_ticker **self_p);

#endif
