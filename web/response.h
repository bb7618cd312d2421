/* SPDX-License-Identifier: Apache-2.0
 * What a handler fills and one function of server.c turns into an answer.
 * Thread: plain data of one request. Limits: TW_RESPONSE_MAX_HEADERS; more is a programmer error.
 */
#ifndef TW_WEB_RESPONSE_H
#define TW_WEB_RESPONSE_H

#include <jansson.h>

#include "core/err.h"
#include "core/str.h"

#define TW_RESPONSE_MAX_HEADERS  6
#define TW_RESPONSE_HEADER_BYTES 256 /* of one value, with its NUL */

struct tw_stream;

struct tw_response_header {
    const char *name; /* borrowed for ever */
    char value[TW_RESPONSE_HEADER_BYTES];
};

struct tw_response {
    int status;
    const char *content_type; /* borrowed for ever; NULL: no body */
    char *owned;              /* the body, freed with the response; or: */
    const char *borrowed;     /* a body that outlives the server (static files); or: */
    struct tw_stream *stream; /* a body without an end (web/stream.h), ended with the response */
    size_t len;
    const char *cache_control; /* borrowed for ever; NULL: no-store */
    bool must_close;           /* the connection cannot be trusted any further */
    struct tw_response_header headers[TW_RESPONSE_MAX_HEADERS];
    size_t header_count;
};

void tw_response_init(struct tw_response *self);
void tw_response_fini(struct tw_response *self);

/* Add a header; a value that is too long or holds control bytes is refused with TW_EINVAL. */
int tw_response_header(struct tw_response *self, const char *name, const char *value);
/* Render `json` (takes it, NULL too: TW_ENOMEM) as the body. */
int tw_response_json(struct tw_response *self, int status, json_t *json);
/* A body in memory from malloc (takes it). */
void tw_response_take(struct tw_response *self, int status, const char *content_type, char *body,
                      size_t len);
/* A stream of events (takes it). */
void tw_response_stream(struct tw_response *self, struct tw_stream **stream_p);

#endif
