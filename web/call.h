/* SPDX-License-Identifier: Apache-2.0
 * One call of the API on its way through a handler: the request, who asks, a reader of the store,
 * memory that dies with the call, and the response to fill.
 * Thread: one web thread for the time of the call; `web` is shared and says how.
 */
#ifndef TW_WEB_CALL_H
#define TW_WEB_CALL_H

#include <pthread.h>

#include "access/grant.h"
#include "alert/rules.h"
#include "causes/causes.h"
#include "config/config.h"
#include "core/arena.h"
#include "core/clock.h"
#include "notify/routes.h"
#include "store/reader.h"
#include "web/http.h"
#include "web/out.h"
#include "web/panel/panels.h"
#include "web/plot/pool.h"
#include "web/problem.h"
#include "web/readers.h"
#include "web/response.h"
#include "web/static.h"
#include "workflow/workflow.h"

#define TW_PAGE_DEFAULT 50
#define TW_PAGE_MAX     1000

/* Sources of one reading: the most that the reader gives at once, and memory for them when each has
 * the most gaps that are remembered (correlate.max-gap-ranges, at most 4096 of 16 bytes). */
#define TW_SOURCES_AT_ONCE 1000
#define TW_SOURCES_BYTES   (80u * 1024u * 1024u)

/* What all sources together come to. */
struct tw_source_summary {
    uint64_t sources;
    uint64_t with_gaps;
    uint64_t missing;
    uint64_t filled;
    uint64_t rewinds;
    uint64_t out_of_order;
    uint64_t clock_ahead; /* sources whose clock is more than a second ahead of ours */
};

struct tw_asker;
struct tw_gate;
struct tw_kept;
struct tw_sign;
struct tw_sign_ticket;
struct tw_streams;

struct tw_web_state {
    /* fixed after start */
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    tw_wall_t started;
    tw_mono_t started_mono;
    struct tw_static *files;
    struct tw_plot_pool *plots;
    struct tw_streams *streams; /* of GET /stream */
    struct tw_kept *kept;       /* answers of this commit; NULL: none are kept */
    struct tw_gate *gate;       /* who asks */
    struct tw_sign *sign;       /* where people sign in; NULL: nobody does */
    struct tw_principal local;  /* this program itself */
    /* guarded by mtx */
    pthread_mutex_t mtx;
    struct tw_source_summary summary;
    tw_mono_t summary_until;                /* it is read again after */
    const struct tw_workflows *workflows;   /* in force; a reference */
    const struct tw_dashboards *dashboards; /* likewise */
    const struct tw_causes *causes;         /* likewise; NULL: no rules */
    const struct tw_rules *rules;           /* for alerts; likewise */
    const struct tw_notify *notify;         /* likewise; NULL: nobody is told */
};

struct tw_call {
    struct tw_web_state *web;
    const struct tw_http_request *request;
    const struct tw_principal *principal; /* never NULL */
    const struct tw_asker *asker;         /* where that is from; NULL: of no request */
    struct tw_reader *reader;             /* NULL for routes that do not need the store */
    struct tw_arena *arena;
    struct tw_lease *lease;               /* which the two above are of */
    const struct tw_workflows *workflows; /* in force when the call began; never NULL in handlers */
    const struct tw_dashboards *dashboards; /* likewise */
    const struct tw_causes *causes;         /* likewise; NULL: no rules */
    const struct tw_rules *rules;           /* likewise */
    const struct tw_notify *notify;         /* likewise; NULL: nobody is told */
    tw_wall_t now;
    tw_mono_t deadline;
    struct tw_diag diag; /* says what a returned error is about */
    struct tw_response response;
    /* Set by a handler instead of filling the response: the request waits for this picture, and
     * tw_api_plot_answer fills it then. The server drops it. */
    struct tw_plot_ticket *later;
    /* Likewise: it waits until a password was looked at, and the answer is that of web/sign.h. */
    struct tw_sign_ticket *signing;
};

/* A handler fills call->response and returns TW_OK, or returns an error (with a diag where that
 * helps) that becomes a problem: tw_problem_of_error. */
typedef int tw_handler(struct tw_call *call);

/* May who asks do this there (NULL: everywhere)? What the route table can say, the router has
 * checked: handlers ask about what only they know. */
bool tw_call_may(const struct tw_call *call, enum tw_right right, const struct tw_scope *scope);

/* References of the sets in force, for a call that begins; given back at its end. */
void tw_call_take_sets(struct tw_call *call);
void tw_call_give_sets(struct tw_call *call);

/* Fill the response with a problem of this kind; returns TW_OK, so that a handler can return it. */
int tw_call_problem(struct tw_call *call, enum tw_web_problem kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* TW_EINVAL with a diag when the query has a parameter that is not in the list (NULL ends it). */
int tw_call_allow(struct tw_call *call, const char *const *names);

/* What lists have in common: limit, cursor, since, until. */
struct tw_page {
    size_t limit;
    struct tw_str cursor; /* decoded; absent: from the start */
    tw_wall_t since;      /* INT64_MIN and INT64_MAX where not given */
    tw_wall_t until;
};
int tw_call_page(struct tw_call *call, struct tw_page *ret_page);
static inline bool tw_page_has_time(const struct tw_page *page, tw_wall_t at)
{
    return at.ns >= page->since.ns && at.ns < page->until.ns;
}
/* {"items": items (taken), "next": cursor of these bytes or null, "total": total or null (< 0)} */
json_t *tw_call_list(struct tw_call *call, json_t *items, struct tw_str next, int64_t total);

/* RFC 3339, or a time before now as "-15m" (s, m, h, d). TW_ESYNTAX. */
int tw_parse_time(struct tw_str text, tw_wall_t now, tw_wall_t *ret_at);
/* Digits only. TW_ESYNTAX. */
int tw_parse_number(struct tw_str text, uint64_t *ret_number);

/* TW_ETIMEOUT once the call has used up its time. */
int tw_call_check_deadline(struct tw_call *call);

/* The summary of all sources, mostly not older than a second. */
int tw_call_summary(struct tw_call *call, struct tw_source_summary *ret_summary);

/* "pull", "sub", "router" */
const char *tw_tap_kind_name(enum tw_tap_kind kind);

#endif
