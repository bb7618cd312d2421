/* SPDX-License-Identifier: Apache-2.0
 * The route table: method, path, what the route needs, handler; and the rules that every request
 * passes before its handler runs. Knows nothing of sockets.
 * Thread: all; a request belongs to one thread.
 */
#ifndef TW_WEB_ROUTER_H
#define TW_WEB_ROUTER_H

#include "web/call.h"

enum tw_route_store {
    TW_ROUTE_NO_STORE,    /* answers without one */
    TW_ROUTE_MAY_STORE,   /* call->reader is NULL where there is none */
    TW_ROUTE_NEEDS_STORE, /* 503 where there is none */
    TW_ROUTE_KEPT,        /* likewise, and until the next commit the same for all: web/kept.h */
    TW_ROUTE_KEPT_LONGER, /* until the collector's documents are written again */
    TW_ROUTE_KEPT_ALERTS  /* until something of alerts changes */
};

enum tw_route_whom {
    TW_FOR_NOBODY,         /* no decision */
    TW_FOR_ALL,            /* shows nothing that is not public */
    TW_FOR_SIGNED_IN,      /* and this machine, while nobody signs in */
    TW_FOR_RIGHT,          /* who has one of the rights, not narrowed */
    TW_FOR_RIGHT_SOMEWHERE /* narrowed or not: the answer is the same for all of them, or the
                              handler asks about what it shows and does (tw_call_may) */
};
struct tw_route_right {
    enum tw_route_whom whom;
    tw_rights_t any_of;
};

struct tw_web_route {
    enum tw_method method; /* GET answers HEAD too; POST and PUT have a body */
    const char *pattern;   /* a path; one that ends in '*' stands for everything behind it */
    enum tw_route_store store;
    struct tw_route_right right;
    tw_handler *handler;
};

/* The rows of the table, for tests and documents. */
const struct tw_web_route *tw_router_table(size_t *ret_count);

/* Does the row answer this principal? The router asks before each handler. */
bool tw_route_allows(const struct tw_route_right *right, const struct tw_principal *principal);

/* When the header lines are there and the body is not: the route of the request, or NULL with the
 * refusal in `response` (which then says must_close where a body may still come). `target_len` is
 * that of path and query; method, path and head of the request are set. */
const struct tw_web_route *tw_router_accept(const struct tw_cfg *cfg,
                                            const struct tw_http_request *request,
                                            size_t target_len, struct tw_response *response);

/* When the whole request is there: parse the rest, run the handler, turn errors into problems.
 * `target` is path and query as sent; `request` has method, head and body. */
void tw_router_run(const struct tw_web_route *route, struct tw_str target,
                   struct tw_http_request *request, struct tw_call *call);

#endif
