/* SPDX-License-Identifier: Apache-2.0
 * Which mode a message is in, and the way through it: one object, a batch, or binary. */
#include "config.h"
#include "event/decode.h"

#include <stdlib.h>

#include "core/err.h"
#include "event/bytes.h"
#include "event/internal.h"

/* The fault of the scanner becomes the refusal. base: where the scanned text starts in the body. */
static int refuse_json(struct tw_decoder *self, size_t base)
{
    const struct tw_json_fault *fault = &self->scanner.fault;
    return tw_refuse(self, fault->code, "%s, at byte %zu", fault->what, base + fault->offset);
}

/* The object whose members are in the scanner. is_declared: the content type says CloudEvents. A
 * problem carries the whole body where the object is all there is, so that it can be tried again
 * just as it came. */
static void decode_object(struct tw_decoder *self, struct tw_str json, int64_t index,
                          bool is_declared)
{
    struct tw_str raw = index < 0 ? self->message->body : json;
    const struct tw_json_member *version =
        tw_json_member_find(&self->scanner, TW_STR_LIT("specversion"));
    if ((version == NULL || version->value.kind == TW_JSON_NULL) && !is_declared) {
        struct tw_json_value object = {.text = json, .kind = TW_JSON_OBJECT};
        tw_mappings_run(self, &object, raw, index);
        return;
    }
    struct tw_event *event = NULL;
    if (tw_cloudevent_read(self, json, &event) != TW_OK) {
        tw_report(self, index, raw);
        return;
    }
    self->sink->event(self->sink->context, event);
}

static void decode_single(struct tw_decoder *self, struct tw_str text, bool is_declared)
{
    struct tw_str body = self->message->body;
    size_t base = (size_t)(text.ptr - body.ptr);
    struct tw_json_value object;
    if (tw_json_scan_object(&self->scanner, text, &object) != TW_OK) {
        (void)refuse_json(self, base);
        tw_report(self, -1, body);
        return;
    }
    struct tw_str behind = {text.ptr + object.text.len, text.len - object.text.len};
    if (!tw_json_is_blank(behind)) {
        (void)tw_refuse(self, TW_PROBLEM_json, "something stands behind the object, at byte %zu",
                        base + object.text.len);
        tw_report(self, -1, body);
        return;
    }
    decode_object(self, object.text, -1, is_declared);
}

/* One element of a batch, as the walk gave it. */
static void decode_element(struct tw_decoder *self, const struct tw_json_walk *walk, int found,
                           bool is_declared)
{
    if (found != TW_OK) {
        (void)refuse_json(self, (size_t)(walk->begin - self->message->body.ptr));
        tw_report(self, walk->index, walk->element);
    } else if (walk->kind != TW_JSON_OBJECT) {
        (void)tw_refuse(self, TW_PROBLEM_unmapped, "an element of a batch is not an object");
        tw_report(self, walk->index, walk->element);
    } else {
        decode_object(self, walk->element, walk->index, is_declared);
    }
}

static void decode_batch(struct tw_decoder *self, struct tw_str text, bool is_declared)
{
    int64_t max_events = self->cfg->intake.max_batch_events;
    struct tw_json_walk walk;
    tw_json_walk_init(&walk, text);
    for (;;) {
        int rc = tw_json_walk_next(&walk, &self->scanner);
        if (rc == TW_ENOTFOUND) {
            return;
        }
        if (walk.index >= max_events) {
            const char *rest = walk.element.ptr;
            (void)tw_refuse(self, TW_PROBLEM_batch_size, "more than %lld events in the batch",
                            (long long)max_events);
            tw_report(self, walk.index, (struct tw_str){rest, (size_t)(walk.end - rest)});
            return;
        }
        decode_element(self, &walk, rc, is_declared);
    }
}

/* The whole message is refused, for the reason already noted. */
static void refuse_message(struct tw_decoder *self)
{
    tw_report(self, -1, self->message->body);
}

/* The body without the white space before it; ptr NULL when there is nothing, which is reported. */
static struct tw_str trim_body(struct tw_decoder *self)
{
    struct tw_str body = self->message->body;
    const char *end = tw_str_end(body);
    const char *p = tw_bytes_blank(body.ptr, end);
    if (p == end) {
        (void)tw_refuse(self, TW_PROBLEM_empty, "the body is empty");
        refuse_message(self);
        return TW_STR_NULL;
    }
    return (struct tw_str){p, (size_t)(end - p)};
}

/* No content type says what the body is: its first byte does. */
static void decode_by_body(struct tw_decoder *self)
{
    struct tw_str text = trim_body(self);
    if (text.ptr == NULL) {
        return;
    }
    if (*text.ptr == '{') {
        decode_single(self, text, false);
    } else if (*text.ptr == '[') {
        decode_batch(self, text, false);
    } else {
        (void)tw_refuse(self, TW_PROBLEM_json, "the body is neither an object nor an array");
        refuse_message(self);
    }
}

/* The content type says CloudEvents. An object where a batch is promised is a batch of one: so an
 * element of a batch can be tried again alone, under the headers it came with. */
static void decode_declared(struct tw_decoder *self, bool is_batch)
{
    struct tw_str text = trim_body(self);
    if (text.ptr == NULL) {
        return;
    }
    if (*text.ptr == '[' && is_batch) {
        decode_batch(self, text, true);
    } else if (*text.ptr == '{') {
        decode_single(self, text, true);
    } else {
        (void)tw_refuse(self, TW_PROBLEM_json, "the content type promises %s, the body is none",
                        is_batch ? "an array" : "an object");
        refuse_message(self);
    }
}

static void decode_with_headers(struct tw_decoder *self)
{
    struct tw_headers headers;
    if (tw_headers_read(self, self->message->headers, &headers) != TW_OK) {
        refuse_message(self);
        return;
    }
    struct tw_str type = headers.content_type;
    if (tw_media_type_is(type, "application/cloudevents-batch+json")) {
        decode_declared(self, true);
    } else if (tw_media_type_is(type, "application/cloudevents+json")) {
        decode_declared(self, false);
    } else if (tw_media_type_is_cloudevents(type)) {
        (void)tw_refuse(self, TW_PROBLEM_content_type, "content type %.*s", TW_SHOW(type));
        refuse_message(self);
    } else if (headers.attribute_count > 0) {
        struct tw_event *event = NULL;
        if (tw_binary_read(self, &headers, self->message->body, &event) != TW_OK) {
            refuse_message(self);
            return;
        }
        self->sink->event(self->sink->context, event);
    } else if (type.len == 0 || tw_media_type_is_json(type)) {
        decode_by_body(self);
    } else {
        (void)tw_refuse(self, TW_PROBLEM_content_type, "content type %.*s without ce- headers",
                        TW_SHOW(type));
        refuse_message(self);
    }
}

void tw_decoder_run(struct tw_decoder *self, const struct tw_message *message,
                    const struct tw_decode_sink *sink)
{
    self->message = message;
    self->sink = sink;
    if (message->headers.len > 0) {
        decode_with_headers(self);
    } else {
        decode_by_body(self);
    }
    self->message = NULL;
    self->sink = NULL;
}

int tw_decoder_new(const struct tw_cfg *cfg, struct tw_arena *arena,
                   struct tw_decoder **ret_decoder)
{
    struct tw_decoder *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->arena = arena;
    unsigned max_depth = (unsigned)cfg->intake.max_json_depth;
    size_t max_members = (size_t)cfg->intake.max_json_members;
    int rc = tw_json_scanner_init(&self->scanner, arena, max_depth, max_members);
    for (size_t i = 0; i < TW_VIEWS && rc == TW_OK; i++) {
        rc = tw_json_scanner_init(&self->views[i].scanner, arena, max_depth, max_members);
    }
    if (rc == TW_OK) {
        rc = tw_mappings_compile(cfg, &self->mappings);
        self->mapping_count = rc == TW_OK ? cfg->mapping_count : 0;
    }
    if (rc != TW_OK) {
        tw_decoder_destroy(&self);
        return rc;
    }
    *ret_decoder = self;
    return TW_OK;
}

void tw_decoder_destroy(struct tw_decoder **self_p)
{
    struct tw_decoder *self = *self_p;
    if (self == NULL) {
        return;
    }
    tw_mappings_destroy(&self->mappings, self->mapping_count);
    tw_json_scanner_fini(&self->scanner);
    for (size_t i = 0; i < TW_VIEWS; i++) {
        tw_json_scanner_fini(&self->views[i].scanner);
    }
    free(self);
    *self_p = NULL;
}

void tw_decoder_set_arena(struct tw_decoder *self, struct tw_arena *arena)
{
    self->arena = arena;
    self->scanner.arena = arena;
    for (size_t i = 0; i < TW_VIEWS; i++) {
        self->views[i].scanner.arena = arena;
    }
}
