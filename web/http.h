/* SPDX-License-Identifier: Apache-2.0
 * One HTTP request as our handlers see it, and the checks that it must pass first. Knows nothing
 * of the library that reads the socket: the server hands in header by header, so that every check
 * can be tested without one.
 * Thread:  plain data, one request belongs to one web thread.
 * Limits:  those below; each has its own status (414, 431, 400, 413).
 * Source:  RFC 9110, RFC 9112; libmicrohttpd 0.9.75 lets duplicate Content-Length and
 *          Transfer-Encoding beside Content-Length pass, which is request smuggling behind a proxy.
 */
#ifndef TW_WEB_HTTP_H
#define TW_WEB_HTTP_H

#include <stdint.h>
#include <sys/socket.h>

#include "core/arena.h"
#include "core/err.h"
#include "core/str.h"

#define TW_HTTP_MAX_URL     4096  /* bytes of path and query; a journey id needs up to 1600 */
#define TW_HTTP_MAX_HEADERS 64    /* lines; browsers send about 20 */
#define TW_HTTP_MAX_HEAD    16384 /* bytes of all names and values */
#define TW_HTTP_MAX_PARAMS  32    /* in the query */

enum tw_method {
    TW_METHOD_GET,
    TW_METHOD_HEAD,
    TW_METHOD_POST,
    TW_METHOD_PUT,
    TW_METHOD_DELETE,
    TW_METHOD_OTHER
};

struct tw_param {
    struct tw_str name; /* decoded */
    struct tw_str value;
};

/* What the header lines say. `status` stays 0 while nothing is wrong. */
struct tw_http_head {
    unsigned count;
    size_t bytes;
    bool has_length;
    bool has_encoding;
    struct tw_str host; /* all of these are borrowed, absent when not sent */
    struct tw_str origin;
    struct tw_str fetch_site;
    struct tw_str content_type;
    struct tw_str accept;
    struct tw_str if_none_match;
    struct tw_str last_event_id;
    struct tw_str accept_encoding;
    struct tw_str idempotency_key;
    struct tw_str cookies; /* as sent: tw_http_cookie */
    struct tw_str authorization;
    struct tw_str user_agent;
    /* What a proxy says of who asks: set the names before the first line, NULL: not looked for. */
    const char *user_header;
    const char *role_header;
    struct tw_str proxy_user;
    struct tw_str proxy_role;
    uint64_t length; /* declared bytes of the body */
    int status;      /* 0, or the HTTP status that refuses the request */
    const char *why; /* for a person; borrowed for ever */
};

struct tw_http_request {
    enum tw_method method;
    bool is_local;  /* the connection comes from this machine */
    bool is_secure; /* by TLS */
    /* of the other end of the connection, as text; absent: not known */
    struct tw_str address;
    struct tw_str path; /* as sent, percent-encoded, without the query */
    struct tw_param params[TW_HTTP_MAX_PARAMS];
    size_t param_count;
    struct tw_str rest; /* what the '*' of the route stands for, decoded; absent without one */
    struct tw_http_head head;
    struct tw_str body;
};

enum tw_method tw_http_method(const char *text);

/* Look at one header line; the first fault sets status and why. Borrows both. */
void tw_http_head_add(struct tw_http_head *self, struct tw_str name, struct tw_str value);
/* After the last line: what only the whole shows (Transfer-Encoding beside Content-Length). */
void tw_http_head_finish(struct tw_http_head *self);

/* Resolve %XX, and '+' to a space when `is_query`. TW_OK, TW_ESYNTAX ('%' without two hex digits,
 * or a decoded control byte), TW_ENOMEM. */
int tw_http_decode(struct tw_arena *arena, struct tw_str text, bool is_query,
                   struct tw_str *ret_text);

/* The API of Alertmanager, which has its own ways: `filter` may be given more than once, and errors
 * are JSON texts. */
bool tw_http_is_am(struct tw_str path);
/* Split a request target ("/path?a=b&c") into path and parameters, decoded into the arena.
 * TW_OK; TW_ESYNTAX with a diag; TW_ELIMIT (too many parameters); TW_EEXISTS (one twice). */
int tw_http_parse_target(struct tw_arena *arena, struct tw_str target,
                         struct tw_http_request *request, struct tw_diag *diag);

/* The value of a parameter; absent when it was not sent. */
struct tw_str tw_http_param(const struct tw_http_request *request, const char *name);

/* Does a connection from this address (NULL: not known) come from this machine: 127.0.0.0/8, ::1,
 * or the former as the latter? */
bool tw_http_is_loopback(const struct sockaddr *address);

/* May a request with this Host header be answered by a server that listens on `listen` (host:port
 * of the configuration)? On a loopback address only its own names are: another one means a page
 * from elsewhere whose name was made to point here (DNS rebinding). Elsewhere: always. */
bool tw_http_host_is_ours(struct tw_str host, const char *listen);

/* May this POST come from a page? Origin, when sent, must be the Host of the request;
 * Sec-Fetch-Site, when sent, "same-origin" or "none". Programs send neither. */
bool tw_http_is_same_origin(const struct tw_http_head *head);
/* Does it say that it comes from a page of ours, so that what the browser adds by itself, such as a
 * cookie, was meant? One of both must say so, and neither may say otherwise. */
bool tw_http_is_surely_same_origin(const struct tw_http_head *head);

/* The value of a cookie. Absent: it was not sent. One that was sent twice, or that is quoted, is
 * empty: no cookie of ours is, and whose it is cannot be told. Source: RFC 6265, 4.2.1. */
struct tw_str tw_http_cookie(struct tw_str cookies, const char *name);
/* What stands behind "Bearer " (any case); absent for any other scheme. Source: RFC 6750, 2.1. */
struct tw_str tw_http_bearer(struct tw_str authorization);
/* The address of a connection without its port, as text: 192.0.2.1, 2001:db8::1; IPv4 within IPv6
 * as IPv4. Empty: none is known. */
#define TW_HTTP_ADDRESS_SIZE 48
void tw_http_address(const struct sockaddr *address, char ret_text[TW_HTTP_ADDRESS_SIZE]);

/* "application/json", with or without parameters, in any case. */
bool tw_http_is_json(struct tw_str content_type);

/* Does an If-None-Match value name this entity tag (with its quotes)? Weak comparison. */
bool tw_http_tag_matches(struct tw_str if_none_match, const char *tag);

/* Accept prefers OpenMetrics 1.0 over plain text. */
bool tw_http_wants_openmetrics(struct tw_str accept);

#endif
