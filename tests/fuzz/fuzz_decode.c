/* SPDX-License-Identifier: Apache-2.0
 * The decoder on any message. An input is `body`, `headers 0x01 body` or
 * `topic 0x01 headers 0x01 body`. Whatever it is: every event obeys CloudEvents, is well-formed
 * JSON for jansson too, and reads again as the same event; every problem has a reason and points
 * into the message; nothing is dropped silently. */
#include "config.h"

#include <string.h>

#include <jansson.h>

#include "core/err.h"
#include "event/decode.h"
#include "event/text.h"
#include "fuzz.h"

#define SEPARATOR     '\x01'
#define MAX_ATTRIBUTE 200

/* The configuration owns its texts and says so; these are constant. */
#define TEXT(text) ((char *)(uintptr_t)(text))

static struct tw_cfg_pair outcomes[] = {{TEXT("true"), TEXT("ok")},
                                        {TEXT("false"), TEXT("failed")}};

#define ROW(name, how, what)                                                                     \
    {                                                                                            \
        .attribute = TEXT(name), .kind = TW_VALUE_##how, .text = TEXT(what), .is_optional = true \
    }

static struct tw_cfg_attr order_rows[] = {
    ROW("id", TEMPLATE, "order-{/id}{{x}}"), ROW("source", CONSTANT, "/shop/one"),
    ROW("type", CONSTANT, "order.created"),  ROW("time", POINTER, "/created_at"),
    ROW("orderid", POINTER, "/id"),          ROW("sku", POINTER, "/skus"),
    ROW("amount", POINTER, "/total"),        ROW("currency", POINTER, "/currency"),
    ROW("errormessage", POINTER, "/a~1b/0"),
};
static struct tw_cfg_attr item_rows[] = {
    ROW("id", TEMPLATE, "{/Item/ref}-{^/run}"),
    ROW("source", CONSTANT, "/psp"),
    ROW("type", POINTER, "/Item/code"),
    {.attribute = TEXT("outcome"),
     .kind = TW_VALUE_POINTER,
     .text = TEXT("/Item/success"),
     .map = outcomes,
     .map_count = 2},
    {.attribute = TEXT("amount"),
     .kind = TW_VALUE_POINTER,
     .text = TEXT("/Item/amount/value"),
     .is_minor_units = true,
     .is_optional = true},
    ROW("currency", POINTER, "/Item/amount/currency"),
};
static struct tw_cfg_mapping mappings[] = {
    {.name = TEXT("order"),
     .topic = TEXT("shop."),
     .attributes = order_rows,
     .attribute_count = sizeof order_rows / sizeof order_rows[0]},
    {.name = TEXT("items"),
     .match_pointer = TEXT("/items"),
     .each = TEXT("/items"),
     .attributes = item_rows,
     .attribute_count = sizeof item_rows / sizeof item_rows[0]},
};
static const struct tw_cfg cfg = {.intake = {.max_batch_events = 16,
                                             .max_json_depth = 32,
                                             .max_json_members = 80,
                                             .max_attribute_bytes = MAX_ATTRIBUTE},
                                  .mappings = mappings,
                                  .mapping_count = 2};

/* What a run gave, and a decoder for reading events again. */
struct run {
    struct tw_str body;
    const struct tw_event *again; /* the event being read again, NULL while decoding */
    size_t calls;
};

static struct tw_arena arena;
static struct tw_arena arena_again;
static struct tw_decoder *decoder;
static struct tw_decoder *decoder_again;

static bool same(struct tw_str a, struct tw_str b)
{
    return (a.ptr == NULL) == (b.ptr == NULL) && tw_str_equal(a, b);
}

static void check_same(const struct tw_event *a, const struct tw_event *b)
{
    for (int i = 0; i < TW_ATTR_COUNT; i++) {
        TW_ASSERT(same(a->attr[i], b->attr[i]));
    }
    TW_ASSERT(a->extra_count == b->extra_count);
    for (unsigned i = 0; i < a->extra_count; i++) {
        TW_ASSERT(tw_str_equal(a->extras[i].name, b->extras[i].name));
        TW_ASSERT(tw_str_equal(a->extras[i].value, b->extras[i].value));
    }
    TW_ASSERT(a->has_time == b->has_time && a->time.ns == b->time.ns);
}

static void no_problem(void *context, const struct tw_problem *problem)
{
    (void)context;
    TW_ASSERT(problem == NULL); /* what was accepted or composed must read again */
}

static void same_event(void *context, const struct tw_event *event)
{
    struct run *run = context;
    check_same(run->again, event);
    run->calls++;
}

static void check_event(void *context, const struct tw_event *event)
{
    struct run *run = context;
    run->calls++;
    TW_ASSERT(tw_str_is(event->attr[TW_ATTR_SPECVERSION], "1.0"));
    TW_ASSERT(event->attr[TW_ATTR_ID].len > 0 && event->attr[TW_ATTR_SOURCE].len > 0);
    TW_ASSERT(event->attr[TW_ATTR_TYPE].len > 0);
    TW_ASSERT(event->extra_count <= TW_EVENT_MAX_EXTRAS);
    for (int i = 0; i < TW_ATTR_COUNT; i++) {
        TW_ASSERT(event->attr[i].len <= MAX_ATTRIBUTE);
        TW_ASSERT(event->attr[i].ptr == NULL ||
                  tw_text_allowed(event->attr[i]) == event->attr[i].len);
    }
    json_error_t error;
    json_t *json = json_loadb(event->json.ptr, event->json.len, 0, &error);
    TW_ASSERT(json != NULL || json_error_code(&error) == json_error_numeric_overflow);
    json_decref(json);
    struct run again = {.again = event};
    const struct tw_decode_sink sink = {&again, same_event, no_problem};
    const struct tw_message message = {.body = event->json};
    tw_arena_reset(&arena_again);
    tw_decoder_run(decoder_again, &message, &sink);
    TW_ASSERT(again.calls == 1);
}

static void check_problem(void *context, const struct tw_problem *problem)
{
    struct run *run = context;
    run->calls++;
    TW_ASSERT(problem->code > TW_PROBLEM_none && problem->code < TW_PROBLEM_COUNT);
    TW_ASSERT(problem->detail.len > 0 && problem->detail.len <= 256);
    for (size_t i = 0; i < problem->detail.len; i++) {
        TW_ASSERT(problem->detail.ptr[i] >= 0x20 && problem->detail.ptr[i] < 0x7f);
    }
    TW_ASSERT(problem->raw.ptr >= run->body.ptr);
    TW_ASSERT(problem->raw.ptr + problem->raw.len <= run->body.ptr + run->body.len);
}

/* The text before the separator, taken off *rest; absent when there is none. */
static struct tw_str take_field(struct tw_str *rest)
{
    const char *separator = rest->len == 0 ? NULL : memchr(rest->ptr, SEPARATOR, rest->len);
    if (separator == NULL) {
        return TW_STR_NULL;
    }
    struct tw_str field = {rest->ptr, (size_t)(separator - rest->ptr)};
    *rest = (struct tw_str){separator + 1, rest->len - field.len - 1};
    return field;
}

static bool is_empty_batch(struct tw_str body)
{
    size_t brackets = 0;
    for (size_t i = 0; i < body.len; i++) {
        brackets += body.ptr[i] == '[' || body.ptr[i] == ']' ? 1 : 0;
        if (strchr("[] \t\r\n", body.ptr[i]) == NULL || body.ptr[i] == '\0') {
            return false;
        }
    }
    return brackets == 2;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (decoder == NULL) {
        tw_arena_init(&arena, (size_t)64 << 20);
        tw_arena_init(&arena_again, (size_t)64 << 20);
        TW_ASSERT(tw_decoder_new(&cfg, &arena, &decoder) == TW_OK);
        TW_ASSERT(tw_decoder_new(&cfg, &arena_again, &decoder_again) == TW_OK);
    }
    tw_arena_reset(&arena);
    struct tw_str rest = {(const char *)data, size};
    struct tw_message message = {.headers = take_field(&rest)};
    struct tw_str second = take_field(&rest);
    if (second.ptr != NULL) {
        message.topic = message.headers;
        message.headers = second;
    }
    message.body = rest;
    struct run run = {.body = rest};
    const struct tw_decode_sink sink = {&run, check_event, check_problem};
    tw_decoder_run(decoder, &message, &sink);
    TW_ASSERT(run.calls > 0 || is_empty_batch(rest));
    return 0;
}
