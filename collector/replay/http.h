/* SPDX-License-Identifier: Apache-2.0
 * HTTP destinations of replays: posts events to the URLs of the configuration and to nowhere else,
 * many at a time, without ever blocking (http/client.h).
 * Thread:  created, used and destroyed by the thread `replay`.
 * Limits:  `concurrency` posts of a destination under way, TW_HTTP_HELD_MAX bytes of events in all,
 *          TW_HTTP_BODY_MAX bytes of an answer are read, `timeout-s` for each.
 * Fails:   what becomes of a post is a result, never a log line. A post that was taken has exactly
 *          one result, unless the object is destroyed before.
 * Source:  contracts, "Replay agents"; docs/reference/replay-destinations.md; decision 73. */
#ifndef TW_REPLAY_HTTP_H
#define TW_REPLAY_HTTP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/config.h"
#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"
#include "http/answer.h"

#define TW_HTTP_EVENT_MAX (UINT64_C(16) << 20) /* bytes of one event: the largest a tap takes */
#define TW_HTTP_HELD_MAX  (UINT64_C(64) << 20) /* bytes of all events under way */

struct tw_http_out;

struct tw_http_post {
    const char *destination; /* a system that is served */
    uint64_t item;           /* whose result it will be; one post of an item at a time */
    uint64_t attempt;        /* given back with the result */
    unsigned tries;          /* posts of this attempt before this one, as far as is known */
    struct tw_str key;       /* UTF-8, 1..TW_IDEMPOTENCY_MAX bytes; the same for every post */
    struct tw_str event;     /* CloudEvent as JSON, 1..TW_HTTP_EVENT_MAX bytes; copied */
    tw_wall_t deadline;      /* nothing is begun at or after it; an answer not awaited longer */
};

struct tw_http_result {
    uint64_t item;
    uint64_t attempt;
    enum tw_http_verdict verdict;
    int status;                          /* of HTTP; 0: there was no answer */
    int64_t after_ms;                    /* AGAIN, UNKNOWN: not to be posted earlier than so */
    char reason[TW_HTTP_REASON_MAX + 1]; /* UTF-8 without control characters; "" when accepted */
};

/* Borrows cfg (its destinations) and clock. No destination at all is no fault: it serves nobody,
 * and waits. TW_OK, TW_ENOMEM or TW_ESYSTEM (the library does not start). */
int tw_http_out_new(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_http_out **ret_out,
                    struct tw_diag *diag);
/* Gives up what is under way: it may or may not have happened. Does not wait for anybody. */
void tw_http_out_destroy(struct tw_http_out **self_p);

bool tw_http_out_serves(const struct tw_http_out *self, const char *destination);
/* The URL posts of `destination` go to, NULL when it is not served. Borrowed from the
 * configuration. Its query is not for display. */
const char *tw_http_out_url(const struct tw_http_out *self, const char *destination);
/* How many posts can be begun now. 0 while the destination asked to wait or could not be reached;
 * after that 1 until an answer came. */
size_t tw_http_out_room(const struct tw_http_out *self, const char *destination);
/* Why posts to it wait, or go one at a time: the reason of the last that was put off for the whole
 * destination. NULL: they do not. Borrowed until the next tw_http_out_next. */
const char *tw_http_out_trouble(const struct tw_http_out *self, const char *destination);
/* Begin a post; it leaves in the next tw_http_out_wait. Nothing has left on an error: TW_ENOTFOUND
 * (not served), TW_EAGAIN (no room), TW_ETIMEOUT (the deadline), TW_EEXISTS (a post of the item is
 * under way), TW_EINVAL (no key, one too long; no event), TW_ELIMIT (event too large), TW_ENOMEM.
 */
int tw_http_out_post(struct tw_http_out *self, const struct tw_http_post *post,
                     struct tw_diag *diag);
/* Carry on with what is under way until there is a result, one of fds (events POLLIN, POLLOUT) has
 * something, a pause of a destination ends, or timeout_ms passed (0: only look). Fills revents.
 * fd_count 0..TW_HTTP_FDS_MAX. TW_OK, TW_ENOMEM or TW_ESYSTEM. */
int tw_http_out_wait(struct tw_http_out *self, struct pollfd *fds, size_t fd_count, int timeout_ms);
/* The next result, in the order they came. False: there is none. */
bool tw_http_out_next(struct tw_http_out *self, struct tw_http_result *ret_result);
size_t tw_http_out_under_way(const struct tw_http_out *self);

#endif
