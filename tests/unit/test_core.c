/* SPDX-License-Identifier: Apache-2.0
 * core: time, buffers, arena, channel, actor. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/actor.h"
#include "core/arena.h"
#include "core/buf.h"
#include "core/chan.h"
#include "core/clock.h"
#include "core/err.h"

static void check_time(const char *text, int64_t expected_ns)
{
    tw_wall_t at = {0};
    assert_int_equal(tw_wall_parse(tw_str_of(text), &at), TW_OK);
    assert_int_equal(at.ns, expected_ns);
}

static void wall_parse__rfc3339__gives_nanoseconds(void **state)
{
    (void)state;
    check_time("1970-01-01T00:00:00Z", 0);
    check_time("1969-12-31T23:59:59.5Z", -500000000);
    check_time("2026-11-21T01:41:19.123456789Z", INT64_C(1795225279123456789));
    check_time("2016-05-17T04:14:36-04:00", INT64_C(1463472876) * TW_NS_PER_S);
    check_time("2024-02-29t12:00:00z", INT64_C(1709208000) * TW_NS_PER_S);
    check_time("2016-12-31T23:59:60Z", INT64_C(1483228799) * TW_NS_PER_S);
    check_time("2026-01-01 00:00:00.1234567891234Z", INT64_C(1767225600123456789));
}

static void wall_parse__not_rfc3339__is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "2026",
        "2026-11-21",
        "2026-11-21T01:41:19",
        "2026-11-21T01:41:19.Z",
        "2026-13-21T01:41:19Z",
        "2026-02-29T01:41:19Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T01:60:00Z",
        "2026-11-21T01:41:61Z",
        "2026-11-21T01:41:19+1:00",
        "2026-11-21T01:41:19+24:00",
        "2026-11-21T01:41:19Zx",
        "2026-11-21X01:41:19Z",
        "yyyy-11-21T01:41:19Z",
        "2026-11-21T01:41:19.12x4Z",
        "2026-00-21T01:41:19Z",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        tw_wall_t at = {42};
        assert_int_equal(tw_wall_parse(tw_str_of(bad[i]), &at), TW_ESYNTAX);
        assert_int_equal(at.ns, 42);
    }
    tw_wall_t at = {42};
    assert_int_equal(tw_wall_parse(TW_STR_LIT("1677-12-31T23:59:59Z"), &at), TW_ELIMIT);
    assert_int_equal(tw_wall_parse(TW_STR_LIT("2262-01-01T00:00:00Z"), &at), TW_ELIMIT);
}

static void wall_format__any_time__parses_back(void **state)
{
    (void)state;
    uint64_t x = 88172645463325252u;
    for (int i = 0; i < 10000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        int64_t us = (int64_t)(x % UINT64_C(16000000000000000)) - INT64_C(8000000000000000);
        char text[TW_TIME_TEXT_SIZE];
        tw_wall_format((tw_wall_t){us * 1000}, text);
        check_time(text, us * 1000);
    }
}

/* What a draining buffer handed on; fails at the byte `room`. */
struct drained {
    char bytes[4096];
    size_t len;
    size_t room;
    size_t calls;
};

static int take_drained(void *context, const void *bytes, size_t len)
{
    struct drained *self = context;
    self->calls++;
    if (len > self->room - self->len) {
        return TW_ENOSPACE;
    }
    memcpy(self->bytes + self->len, bytes, len);
    self->len += len;
    return TW_OK;
}

static void buf__that_drains__hands_on_everything_in_order(void **state)
{
    (void)state;
    struct drained drained = {.room = sizeof drained.bytes};
    struct tw_buf buf;
    char expected[1000];
    assert_int_equal(tw_buf_init_drain(&buf, 64, take_drained, &drained), TW_OK);
    const char *room = buf.data;
    size_t at = 0;
    for (size_t len = 0; at + len < sizeof expected; len++) { /* from nothing to beyond its room */
        memset(expected + at, (int)len, len);
        assert_int_equal(tw_buf_append(&buf, expected + at, len), TW_OK);
        at += len;
    }
    assert_true(drained.len < at && at > 64 && buf.data == room);
    assert_int_equal(tw_buf_drain(&buf), TW_OK);
    assert_int_equal(drained.len, at);
    assert_memory_equal(drained.bytes, expected, at);
    size_t calls = drained.calls;
    assert_int_equal(tw_buf_drain(&buf), TW_OK); /* nothing is left */
    assert_int_equal(drained.calls, calls);
    assert_non_null(tw_buf_reserve(&buf, 64));
    assert_null(tw_buf_reserve(&buf, 65));
    assert_int_equal(buf.error, TW_ELIMIT);
    tw_buf_clear(&buf);
    drained.room = drained.len;
    assert_int_equal(tw_buf_append(&buf, expected, 64), TW_OK);
    assert_int_equal(tw_buf_append(&buf, expected, 1), TW_ENOSPACE);
    assert_int_equal(tw_buf_append(&buf, expected, 100), TW_ENOSPACE);
    assert_int_equal(tw_buf_drain(&buf), TW_ENOSPACE);
    tw_buf_fini(&buf);
}

static void buf__varints_and_limit__read_back_and_stick(void **state)
{
    (void)state;
    struct tw_buf buf;
    tw_buf_init(&buf, 32);
    const uint64_t values[] = {0, 127, 128, UINT64_MAX, 300};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(tw_buf_append_varint(&buf, values[i]), TW_OK);
    }
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    for (size_t i = 0; i < 5; i++) {
        assert_true(tw_cursor_varint(&cursor) == values[i]);
    }
    assert_false(cursor.failed);
    (void)tw_cursor_byte(&cursor);
    assert_true(cursor.failed);
    size_t before = buf.len;
    char big[64] = {0};
    assert_int_equal(tw_buf_append(&buf, big, 33 - before), TW_ELIMIT);
    assert_int_equal(tw_buf_append(&buf, big, 1), TW_ELIMIT);
    assert_int_equal(buf.len, before);
    tw_buf_clear(&buf);
    assert_int_equal(tw_buf_append(&buf, big, 32), TW_OK);
    tw_buf_fini(&buf);
    assert_int_equal(tw_unzigzag(tw_zigzag(INT64_MIN)), INT64_MIN);
    assert_int_equal(tw_unzigzag(tw_zigzag(-1)), -1);
}

static void arena__limit_and_reset__reuses_memory(void **state)
{
    (void)state;
    struct tw_arena arena;
    tw_arena_init(&arena, 1 << 20);
    for (int round = 0; round < 3; round++) {
        size_t got = 0;
        while (tw_arena_alloc(&arena, 1000) != NULL) {
            got++;
        }
        assert_in_range(got, 1000, 1048);
        tw_arena_reset(&arena);
        assert_true(arena.total <= 1 << 20);
    }
    assert_null(tw_arena_alloc(&arena, (1 << 20) + 1));
    struct tw_str copy = tw_arena_copy(&arena, TW_STR_LIT("a\0b"));
    assert_int_equal(copy.len, 3);
    assert_memory_equal(copy.ptr, "a\0b", 4);
    assert_null(tw_arena_copy(&arena, TW_STR_NULL).ptr);
    tw_arena_fini(&arena);
}

static int echo_body(struct tw_actor *self, void *arg)
{
    struct tw_chan **chans = arg;
    tw_actor_ready(self, TW_OK);
    while (!tw_actor_is_stopping(self)) {
        void *item = tw_chan_wait(chans[0], 10);
        while (item != NULL && tw_chan_send(chans[1], &item) == TW_EAGAIN) {
        }
    }
    return TW_OK;
}

static void chan__between_actors__keeps_order(void **state)
{
    (void)state;
    struct tw_chan *chans[2] = {NULL, NULL};
    assert_int_equal(tw_chan_new(4, &chans[0]), TW_OK);
    assert_int_equal(tw_chan_new(2, &chans[1]), TW_OK);
    struct tw_actor *actor = NULL;
    assert_int_equal(tw_actor_new("echo", echo_body, chans, &actor), TW_OK);
    static int items[1000];
    int sent = 0;
    int received = 0;
    while (received < 1000) {
        if (sent < 1000) {
            void *item = &items[sent];
            sent += tw_chan_send(chans[0], &item) == TW_OK ? 1 : 0;
        }
        void *back = tw_chan_wait(chans[1], sent < 1000 ? 0 : 1000);
        if (back != NULL) {
            assert_ptr_equal(back, &items[received]);
            received++;
        }
    }
    assert_int_equal(tw_actor_destroy(&actor), TW_OK);
    assert_null(actor);
    tw_chan_destroy(&chans[0]);
    tw_chan_destroy(&chans[1]);
}

static void chan__full__refuses_and_leaves_ownership(void **state)
{
    (void)state;
    struct tw_chan *chan = NULL;
    assert_int_equal(tw_chan_new(1, &chan), TW_OK);
    int a = 0;
    void *item = &a;
    assert_int_equal(tw_chan_send(chan, &item), TW_OK);
    assert_null(item);
    item = &a;
    assert_int_equal(tw_chan_send(chan, &item), TW_EAGAIN);
    assert_ptr_equal(item, &a);
    assert_int_equal(tw_chan_count(chan), 1);
    assert_ptr_equal(tw_chan_receive(chan), &a);
    assert_null(tw_chan_receive(chan));
    tw_chan_destroy(&chan);
}

static int failing_body(struct tw_actor *self, void *arg)
{
    (void)arg;
    tw_actor_ready(self, TW_EPERM);
    return TW_EPERM;
}

static void actor__failed_start__is_reported(void **state)
{
    (void)state;
    struct tw_actor *actor = NULL;
    assert_int_equal(tw_actor_new("fails", failing_body, NULL, &actor), TW_EPERM);
    assert_null(actor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wall_parse__rfc3339__gives_nanoseconds),
        cmocka_unit_test(wall_parse__not_rfc3339__is_refused),
        cmocka_unit_test(wall_format__any_time__parses_back),
        cmocka_unit_test(buf__that_drains__hands_on_everything_in_order),
        cmocka_unit_test(buf__varints_and_limit__read_back_and_stick),
        cmocka_unit_test(arena__limit_and_reset__reuses_memory),
        cmocka_unit_test(chan__between_actors__keeps_order),
        cmocka_unit_test(chan__full__refuses_and_leaves_ownership),
        cmocka_unit_test(actor__failed_start__is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
