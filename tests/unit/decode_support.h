/* SPDX-License-Identifier: Apache-2.0
 * A decoder with its configuration by hand, and a sink that keeps what it gets: for the tests of
 * event/. Thread: the test's. */
#ifndef TW_TESTS_DECODE_SUPPORT_H
#define TW_TESTS_DECODE_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "event/decode.h"

#define CE        "ce-specversion: 1.0\nce-id: 1\nce-source: /wms/1\nce-type: t\n"
#define MIN_EVENT "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/pos/1\",\"type\":\"t\"}"
#define GOT_MAX   64

struct got {
    struct tw_cfg cfg;
    struct tw_arena arena;
    struct tw_decoder *decoder;
    struct tw_event kept[GOT_MAX];
    const struct tw_event *events[GOT_MAX]; /* the first ones */
    size_t event_count;
    const struct tw_problem *problems[GOT_MAX]; /* the first ones */
    size_t problem_count;
};

static inline void got_event(void *context, const struct tw_event *event)
{
    struct got *got = context;
    if (got->event_count < GOT_MAX) {
        got->kept[got->event_count] = *event;
        got->events[got->event_count] = &got->kept[got->event_count];
    }
    got->event_count++;
}

static inline void got_problem(void *context, const struct tw_problem *problem)
{
    struct got *got = context;
    if (got->problem_count < GOT_MAX) {
        got->problems[got->problem_count] = problem;
    }
    got->problem_count++;
}

/* Limits as small as is handy; change got->cfg before the first message to have others. */
static inline struct got *got_new(void)
{
    struct got *got = calloc(1, sizeof *got);
    if (got == NULL) {
        abort();
    }
    got->cfg.intake.max_batch_events = 10000;
    got->cfg.intake.max_json_depth = 64;
    got->cfg.intake.max_json_members = 256;
    got->cfg.intake.max_attribute_bytes = 1024;
    tw_arena_init(&got->arena, (size_t)256 << 20);
    return got;
}

static inline void got_free(struct got *got)
{
    tw_decoder_destroy(&got->decoder);
    tw_arena_fini(&got->arena);
    free(got);
}

static inline void got_message(struct got *got, const struct tw_message *message)
{
    if (got->decoder == NULL && tw_decoder_new(&got->cfg, &got->arena, &got->decoder) != TW_OK) {
        abort();
    }
    got->event_count = 0;
    got->problem_count = 0;
    tw_arena_reset(&got->arena);
    const struct tw_decode_sink sink = {got, got_event, got_problem};
    tw_decoder_run(got->decoder, message, &sink);
}

/* A message of a body, with headers and a topic unless NULL. */
static inline void got_body(struct got *got, const char *topic, const char *headers,
                            struct tw_str body)
{
    struct tw_message message = {
        .topic = tw_str_of(topic), .headers = tw_str_of(headers), .body = body};
    got_message(got, &message);
}

static inline int got_setup(void **state)
{
    *state = got_new();
    return 0;
}

static inline int got_teardown(void **state)
{
    got_free(*state);
    return 0;
}

static inline void check_text(struct tw_str text, const char *expected)
{
    if (expected == NULL) {
        assert_null(text.ptr);
        return;
    }
    assert_non_null(text.ptr);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

/* The body is refused whole, for this reason. */
static inline void check_refused(struct got *got, const char *headers, const char *body,
                                 enum tw_problem_code code)
{
    got_body(got, NULL, headers, tw_str_of(body));
    if (got->event_count != 0 || got->problem_count != 1 || got->problems[0]->code != code) {
        print_error("%s\n%zu events, %zu problems, first %s\n", body, got->event_count,
                    got->problem_count,
                    got->problem_count > 0 ? tw_problem_infos[got->problems[0]->code].name : "-");
        fail();
    }
    assert_int_equal(got->problems[0]->index, -1);
    check_text(got->problems[0]->raw, body);
    assert_true(got->problems[0]->detail.len > 0);
    assert_true(got->problems[0]->detail.len <= 256);
}

#endif
