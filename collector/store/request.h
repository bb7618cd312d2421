/* SPDX-License-Identifier: Apache-2.0
 * Requests: what the web half and the command line want done, written to the catalogue and
 * carried out by the collector. The only thing that half may write.
 * Thread: any process; each call opens, writes and closes, waiting at most 5 s for another.
 */
#ifndef TW_STORE_REQUEST_H
#define TW_STORE_REQUEST_H

#include "core/arena.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"

enum tw_request_state { TW_REQUEST_WAITING, TW_REQUEST_DONE, TW_REQUEST_FAILED };

struct tw_request {
    uint64_t id;
    struct tw_str kind;  /* "quarantine-retry", ... */
    struct tw_str body;  /* JSON */
    struct tw_str actor; /* the principal */
    tw_wall_t created;
    enum tw_request_state state;
    struct tw_str result; /* JSON, once done or failed */
};

/* Write a request; durable when it returns TW_OK. At most 10,000 may wait: TW_ELIMIT. */
int tw_request_add(const char *dir, struct tw_str kind, struct tw_str body, struct tw_str actor,
                   tw_wall_t now, uint64_t *ret_id, struct tw_diag *diag);
/* One request, in the arena. */
int tw_request_get(const char *dir, struct tw_arena *arena, uint64_t id,
                   struct tw_request *ret_request, struct tw_diag *diag);
/* Those that wait, oldest first; cheap when there are none (a stat of the file first). */
int tw_request_waiting(const char *dir, struct tw_arena *arena, size_t limit,
                       const struct tw_request **ret_requests, size_t *ret_count,
                       struct tw_diag *diag);
int tw_request_finish(const char *dir, uint64_t id, enum tw_request_state state,
                      struct tw_str result, struct tw_diag *diag);

#endif
