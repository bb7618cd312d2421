/* SPDX-License-Identifier: Apache-2.0
 * Requests to the servers of others: an HTTP POST or a mail, many at a time, without ever blocking.
 * The only module that knows libcurl, and where most of it is switched off (decision 73).
 * Thread:  created, used and destroyed by one thread; each object for itself.
 * Limits:  TW_HTTP_BODY_MAX bytes of an answer are read, TW_HTTP_LINE_MAX of a header; the time of
 *          each request. How many are under way, and how large, is the caller's to bound.
 * Fails:   what becomes of a request is a reply, never a log line. One that was taken has exactly
 *          one reply, unless the object is destroyed before.
 */
#ifndef TW_HTTP_CLIENT_H
#define TW_HTTP_CLIENT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/err.h"
#include "core/str.h"
#include "http/answer.h"

#define TW_HTTP_FDS_MAX    16   /* descriptors of the caller in one wait */
#define TW_HTTP_LINE_MAX   511  /* bytes kept of a header of an answer */
#define TW_HTTP_TOKEN_MAX  4096 /* bytes of a bearer token */
#define TW_HTTP_FAULT_SIZE 512
#define TW_HTTP_OWN_MAX    65536 /* bytes of one header of a request */

struct tw_http_client;

struct tw_http_header {
    const char *name;
    const char *value;
};
enum tw_http_tls { TW_HTTP_STARTTLS, TW_HTTP_TLS, TW_HTTP_PLAIN };
/* A mail: the body is the whole message, lines ended by CR LF. */
struct tw_http_mail {
    const char *from;
    const char *const *to;
    size_t to_count; /* at least 1 */
    enum tw_http_tls tls;
    const char *username; /* NULL: the server lets us in without */
    const char *password;
};
/* Which addresses of those inside may be connected to. */
struct tw_http_guard {
    bool (*allows)(const void *context, bool is_v6, const uint8_t *address);
    const void *context;
};
struct tw_http_request {
    const char *url;     /* http:// or https://; of a mail smtp:// */
    const char *ca_file; /* NULL: the authorities of this machine */
    const struct tw_http_header *headers;
    size_t header_count;
    const char *bearer; /* NULL: none */
    struct tw_str body; /* copied */
    int64_t timeout_ms; /* at least 1 */
    /* NULL: any address may be connected to, and the connection is kept for the next. Else the one
     * that is connected to is looked at (net.h), and the connection is used once. Borrowed until
     * the reply. */
    const struct tw_http_guard *guard;
    const struct tw_http_mail *mail; /* NULL: it is a POST */
    void *user;
};
struct tw_http_reply {
    void *user;
    bool has_begun;               /* a byte of the body has left */
    struct tw_http_answer answer; /* status 0: there was none; of a mail the last of SMTP, phrase
                                     what the server said, and without a fault it was taken */
    struct tw_str retry_after;    /* absent: not said */
    const char *fault;            /* why there is no answer; NULL: there is one */
    size_t refused;               /* recipients of a mail that were refused, others were not */
};

/* connections: so many are kept at most. TW_OK, TW_ENOMEM or TW_ESYSTEM (the library does not
 * start). */
int tw_http_client_new(struct tw_clock *clock, long connections,
                       struct tw_http_client **ret_client);
/* Gives up what is under way: it may or may not have happened. Does not wait for anybody. */
void tw_http_client_destroy(struct tw_http_client **self_p); /* accepts NULL */

/* Begin a request; it leaves in the next wait. TW_OK, or TW_ENOMEM: nothing has left. */
int tw_http_client_begin(struct tw_http_client *self, const struct tw_http_request *request);
/* One that is over before it began: its reply is this fault (constant text), in its turn. TW_OK,
 * TW_ENOMEM. */
int tw_http_client_refuse(struct tw_http_client *self, const char *fault, void *user);
/* Carry on with what is under way until there is a reply, one of fds (events POLLIN, POLLOUT) has
 * something, or timeout_ms passed (0: only look). Fills revents. fd_count 0..TW_HTTP_FDS_MAX.
 * TW_OK, TW_ENOMEM or TW_ESYSTEM. */
int tw_http_client_wait(struct tw_http_client *self, struct pollfd *fds, size_t fd_count,
                        int timeout_ms);
/* The next reply, in the order they came; borrowed until the next call. False: there is none. */
bool tw_http_client_next(struct tw_http_client *self, struct tw_http_reply *ret_reply);

#endif
