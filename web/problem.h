/* SPDX-License-Identifier: Apache-2.0
 * Errors of the API as application/problem+json. Every kind is declared once, here; `type` is
 * "urn:problem-type:tillwatch:" and the name.
 * Thread: all. Source: RFC 9457.
 */
#ifndef TW_WEB_PROBLEM_H
#define TW_WEB_PROBLEM_H

#include "web/response.h"

/* X(NAME, status, "name", "title for a person") */
#define TW_WEB_PROBLEMS(X)                                                                  \
    X(MALFORMED, 400, "malformed-request", "The request is not well formed")                \
    X(PARAMETER, 400, "bad-parameter", "A parameter is missing, unknown or not valid")      \
    X(BODY, 400, "bad-body", "The body is not what this call expects")                      \
    X(SIGN_IN, 401, "sign-in", "This needs somebody who is signed in")                      \
    X(WRONG, 401, "wrong-password", "User or password is not right")                        \
    X(MUST_CHANGE, 403, "must-change-password", "The password must be changed first")       \
    X(ORIGIN, 403, "foreign-origin", "The request comes from a page of another origin")     \
    X(RIGHTS, 403, "not-allowed", "This needs a right that you do not have")                \
    X(NOT_FOUND, 404, "not-found", "There is nothing here")                                 \
    X(METHOD, 405, "method-not-allowed", "This call has other methods")                     \
    X(CHANGED, 409, "changed-since", "What this was made from is not what is there now")    \
    X(STATE, 409, "wrong-state", "It is in no state for this any more")                     \
    X(LENGTH, 411, "length-required", "A body is read only with Content-Length")            \
    X(TOO_LARGE, 413, "body-too-large", "The body is larger than this call reads")          \
    X(URL, 414, "url-too-long", "The URL is too long")                                      \
    X(MEDIA, 415, "media-type", "The body must be application/json")                        \
    X(HOST, 421, "foreign-host", "This server does not answer for that host name")          \
    X(PANEL, 422, "panel-fault", "The definition of this panel has a fault")                \
    X(RULES, 422, "faulty-rules", "These rules have faults")                                \
    X(KEY, 422, "key-reused", "This Idempotency-Key was used with another body")            \
    X(SET, 422, "unfit-set", "This set cannot be replayed as it is")                        \
    X(TOO_MANY, 422, "too-many", "There are too many of these already")                     \
    X(WAITING, 429, "too-many-requests", "Too many requests of operators are waiting")      \
    X(THROTTLED, 429, "too-many-guesses", "Too many wrong guesses: wait")                   \
    X(HEADERS, 431, "headers-too-large", "The header lines are too many or too long")       \
    X(INTERNAL, 500, "internal", "The request could not be answered")                       \
    X(DAMAGED, 500, "store-damaged", "A file of the store is damaged")                      \
    X(PLOT, 500, "plot-failed", "The plot could not be drawn")                              \
    X(PLOTS_BUSY, 503, "plots-busy", "Too many plots wait to be drawn")                     \
    X(PLOT_DEADLINE, 503, "plot-deadline", "Drawing took longer than web.plot_deadline_ms") \
    X(SIGN_IN_BUSY, 503, "sign-in-busy", "Too many sign in at this moment")                 \
    X(STREAMS, 503, "too-many-streams", "Too many clients follow the stream")               \
    X(UNAVAILABLE, 503, "unavailable", "The store cannot be read now")                      \
    X(DEADLINE, 503, "deadline", "The answer took longer than web.query_deadline_ms")       \
    X(VERSION, 505, "http-version", "Only HTTP/1.0 and HTTP/1.1 are spoken here")

enum tw_web_problem {
#define TW_WEB_PROBLEM_ENUM(name, status, text, title) TW_WEB_PROBLEM_##name,
    TW_WEB_PROBLEMS(TW_WEB_PROBLEM_ENUM)
#undef TW_WEB_PROBLEM_ENUM
        TW_WEB_PROBLEM_COUNT
};

/* The kind for an HTTP status that refuses a request before its route is known. */
enum tw_web_problem tw_problem_of_status(int status);
/* The kind for an error of a module. */
enum tw_web_problem tw_problem_of_error(int code);

/* Fill the response with a problem; `detail` (may be NULL) says what exactly, `instance` (may be
 * absent) is the path that was asked for. 503 gets Retry-After. Never fails: out of memory, a
 * fixed text of the same shape is sent. */
void tw_problem_fill(struct tw_response *response, enum tw_web_problem kind, const char *detail,
                     struct tw_str instance);
/* The same with members of the caller's (takes them; NULL: none). */
void tw_problem_fill_with(struct tw_response *response, enum tw_web_problem kind,
                          const char *detail, struct tw_str instance, json_t *more);

#endif
