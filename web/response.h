/* SPDX-License-Identifier: Apache-2.0
 * What a handler fills and one function of server.c turns into an answer.
 * Thread: plain data of one request. Limits: TW_RESPONSE_MAX_HEADERS; more is a programmer error.
 */
#ifndef TW_WEB_RESPONSE_H
#define TW_WEB_RESPONSE_H

#include <jansson.h>
#include <stdatomic.h>

#include "core/err.h"
#include "core/str.h"

#define TW_RESPONSE_MAX_HEADERS  6
#define TW_RESPONSE_HEADER_BYTES 256 /* of one value, with its NUL */

struct tw_stream;

/* Bytes that several answers share; freed with the last of them. */
struct tw_body {
    atomic_size_t refs;
    size_t len;
    char *bytes; /* of malloc */
};

struct tw_response_header {
    const char *name; /* borrowed for ever */
    char value[TW_RESPONSE_HEADER_BYTES];
};

struct tw_response {
    int status;
    const char *content_type; /* borrowed for ever; NULL: no body */
    char *owned;              /* the body, freed with the response; or: */
    const char *borrowed;     /* a body that outlives the server (static files); or: */
    struct tw_body *shared;   /* a reference of a body that others have too; or: */
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
/* A body that others have too (takes the reference). */
void tw_response_share(struct tw_response *self, int status, const char *content_type,
                       struct tw_body **body_p);
/* One reference of bytes from malloc, which it takes unless it fails; NULL: out of memory. */
struct tw_body *tw_body_new(char *bytes, size_t len);
struct tw_body *tw_body_ref(struct tw_body *self);
/* Any thread. Accepts NULL. */
void tw_body_unref(struct tw_body **self_p);
/* A stream of events (takes it). */
void tw_response_stream(struct tw_response *self, struct tw_stream **stream_p);

#endif
