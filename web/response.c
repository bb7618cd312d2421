/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/response.h"

#include <stdlib.h>
#include <string.h>

#include "web/out.h"
#include "web/stream.h"

void tw_response_init(struct tw_response *self)
{
    *self = (struct tw_response){.status = 500};
}

void tw_response_fini(struct tw_response *self)
{
    free(self->owned);
    tw_body_unref(&self->shared);
    tw_stream_end(&self->stream, false);
    self->owned = NULL;
    self->borrowed = NULL;
    self->len = 0;
}

int tw_response_header(struct tw_response *self, const char *name, const char *value)
{
    TW_ASSERT(self->header_count < TW_RESPONSE_MAX_HEADERS);
    size_t len = strlen(value);
    struct tw_response_header *header = &self->headers[self->header_count];
    if (len >= sizeof header->value) {
        return TW_EINVAL;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)value[i] < 0x20 || value[i] == 0x7f) {
            return TW_EINVAL;
        }
    }
    header->name = name;
    memcpy(header->value, value, len + 1);
    self->header_count++;
    return TW_OK;
}

void tw_response_take(struct tw_response *self, int status, const char *content_type, char *body,
                      size_t len)
{
    tw_response_fini(self);
    self->status = status;
    self->content_type = content_type;
    self->owned = body;
    self->len = len;
}

void tw_response_share(struct tw_response *self, int status, const char *content_type,
                       struct tw_body **body_p)
{
    tw_response_fini(self);
    self->status = status;
    self->content_type = content_type;
    self->shared = *body_p;
    self->len = self->shared->len;
    *body_p = NULL;
}

// NOLINTNEXTLINE(readability-non-const-parameter): they are taken, and freed in the end
struct tw_body *tw_body_new(char *bytes, size_t len)
{
    struct tw_body *self = malloc(sizeof *self);
    if (self != NULL) {
        *self = (struct tw_body){.len = len, .bytes = bytes};
        atomic_init(&self->refs, 1);
    }
    return self;
}

struct tw_body *tw_body_ref(struct tw_body *self)
{
    (void)atomic_fetch_add(&self->refs, 1); /* what it was does not matter */
    return self;
}

void tw_body_unref(struct tw_body **self_p)
{
    struct tw_body *self = *self_p;
    *self_p = NULL;
    if (self != NULL && atomic_fetch_sub(&self->refs, 1) == 1) {
        free(self->bytes);
        free(self);
    }
}

void tw_response_stream(struct tw_response *self, struct tw_stream **stream_p)
{
    tw_response_fini(self);
    self->status = 200;
    self->content_type = "text/event-stream";
    self->stream = *stream_p;
    *stream_p = NULL;
}

int tw_response_json(struct tw_response *self, int status, json_t *json)
{
    /* 15 digits show every duration in microseconds and every amount as it was written; 17 would
     * show 1.1 as 1.1000000000000001. */
    bool has_failed = tw_out_take_failure() || json == NULL;
    char *text = has_failed ? NULL : json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    json_decref(json);
    if (text == NULL) {
        return TW_ENOMEM;
    }
    tw_response_take(self, status, "application/json; charset=utf-8", text, strlen(text));
    return TW_OK;
}
