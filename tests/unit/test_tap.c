/* SPDX-License-Identifier: Apache-2.0
 * tap: messages of real sockets become frames, limits hold, peers are answered. CURVE has
 * test_tap_curve.c. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>
#include <zmq.h>

#include "tap/hold.h"
#include "unit/tap_bench.h"

static void assert_text(struct tw_str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void release_all(struct tap_bench *bench)
{
    tw_taps_release(bench->self, tw_taps_mark(bench->self));
}

static void receive__one_to_three_frames__are_topic_headers_body(void **state)
{
    struct tap_bench *bench = *state;
    (void)tap_bench_add(bench, TW_TAP_PULL, NULL);
    tap_bench_open(bench);
    void *push = tap_bench_peer(bench, ZMQ_PUSH, 0);
    tap_bench_send(push, 1, "{}");
    tap_bench_send(push, 2, "pos.sale", "{1}");
    tap_bench_send(push, 3, "pos.sale", "a: b\n", "");
    tap_bench_send(push, 3, "", "", "{2}");
    struct tw_tap_message one = tap_bench_receive(bench);
    struct tw_tap_message two = tap_bench_receive(bench);
    struct tw_tap_message three = tap_bench_receive(bench);
    struct tw_tap_message four = tap_bench_receive(bench);
    assert_int_equal(one.tap_index, 0);
    assert_int_equal(one.problem, TW_PROBLEM_none);
    assert_false(one.wants_ack);
    assert_null(one.topic.ptr);
    assert_null(one.headers.ptr);
    assert_null(one.peer.ptr);
    assert_null(one.routing.ptr);
    assert_null(one.ref.ptr);
    assert_text(one.body, "{}");
    assert_int_equal(one.bytes, 2);
    assert_text(two.topic, "pos.sale");
    assert_null(two.headers.ptr);
    assert_text(two.body, "{1}");
    assert_int_equal(two.bytes, 11);
    assert_text(three.topic, "pos.sale");
    assert_text(three.headers, "a: b\n");
    assert_non_null(three.body.ptr);
    assert_int_equal(three.body.len, 0);
    assert_int_equal(three.problem, TW_PROBLEM_none);
    assert_null(four.topic.ptr); /* an empty topic is none */
    assert_null(four.headers.ptr);
    assert_text(four.body, "{2}");
    struct tw_tap_message none;
    assert_int_equal(tw_taps_receive(bench->self, &bench->arena, &none), TW_EAGAIN);
    release_all(bench);
}

/* A publisher learns of a subscription when the tap has noticed the publisher, in a wait. */
static void wait_for_subscription(struct tap_bench *bench, void *xpub, bool want_taps,
                                  const char *prefix)
{
    char frame[64];
    int n = -1;
    for (int i = 0; i < TAP_PATIENCE_MS && n < 0; i++) {
        uint32_t fds = 0;
        assert_int_equal(tw_taps_wait(bench->self, want_taps, NULL, 0, 1, &fds), TW_OK);
        n = zmq_recv(xpub, frame, sizeof frame, ZMQ_DONTWAIT);
    }
    assert_int_equal(n, strlen(prefix) + 1);
    assert_int_equal(frame[0], 1);
    assert_memory_equal(frame + 1, prefix, strlen(prefix));
}

static void receive__sub__gets_its_prefixes_only(void **state)
{
    struct tap_bench *bench = *state;
    char first[] = "pos.";
    char second[] = "erp";
    char *prefixes[] = {first, second};
    struct tw_cfg_tap *tap = tap_bench_add(bench, TW_TAP_SUB, NULL);
    tap->subscribe = (struct tw_cfg_strings){.items = prefixes, .count = 2};
    (void)tap_bench_add(bench, TW_TAP_SUB, NULL);
    tap_bench_open(bench);
    void *xpub = tap_bench_peer(bench, ZMQ_XPUB, 0);
    void *everything = tap_bench_peer(bench, ZMQ_XPUB, 1);
    wait_for_subscription(bench, xpub, true, "erp"); /* the library sorts them */
    wait_for_subscription(bench, xpub, true, "pos.");
    wait_for_subscription(bench, everything, false, ""); /* also while the store is behind */
    tap_bench_send(xpub, 2, "crm.case", "{0}");
    tap_bench_send(xpub, 2, "pos.sale", "{1}");
    tap_bench_send(xpub, 2, "pos", "{2}");
    tap_bench_send(xpub, 3, "erp", "", "{3}");
    assert_text(tap_bench_receive(bench).body, "{1}");
    assert_text(tap_bench_receive(bench).body, "{3}");
    tap_bench_send(everything, 1, "{4}");
    struct tw_tap_message message = tap_bench_receive(bench);
    assert_int_equal(message.tap_index, 1);
    assert_text(message.body, "{4}");
}

static void receive__taps_that_connect__get_messages_too(void **state)
{
    struct tap_bench *bench = *state;
    void *push = tap_bench_socket(bench, ZMQ_PUSH);
    void *xpub = tap_bench_socket(bench, ZMQ_XPUB);
    char endpoints[2][64];
    char *items[2] = {endpoints[0], endpoints[1]};
    void *const sockets[2] = {push, xpub};
    for (int i = 0; i < 2; i++) {
        size_t size = sizeof endpoints[i];
        assert_int_equal(zmq_bind(sockets[i], "tcp://127.0.0.1:*"), 0);
        assert_int_equal(zmq_getsockopt(sockets[i], ZMQ_LAST_ENDPOINT, endpoints[i], &size), 0);
    }
    struct tw_cfg_tap *pull = tap_bench_add(bench, TW_TAP_PULL, NULL);
    pull->connect = (struct tw_cfg_strings){.items = &items[0], .count = 1}; /* and bind */
    struct tw_cfg_tap *sub = tap_bench_add(bench, TW_TAP_SUB, NULL);
    sub->connect = (struct tw_cfg_strings){.items = &items[1], .count = 1};
    sub->bind.count = 0;
    tap_bench_open(bench);
    assert_string_equal(tw_taps_endpoint(bench->self, 1), endpoints[1]);
    void *other = tap_bench_peer(bench, ZMQ_PUSH, 0);
    tap_bench_send(push, 1, "{0}");
    assert_text(tap_bench_receive(bench).body, "{0}");
    tap_bench_send(other, 1, "{1}");
    assert_text(tap_bench_receive(bench).body, "{1}");
    wait_for_subscription(bench, xpub, true, "");
    tap_bench_send(xpub, 2, "topic", "{2}");
    struct tw_tap_message message = tap_bench_receive(bench);
    assert_int_equal(message.tap_index, 1);
    assert_text(message.topic, "topic");
}

static void check_answer(void *socket, size_t count, ...)
{
    va_list frames;
    va_start(frames, count);
    for (size_t i = 0; i < count; i++) {
        char frame[128];
        const char *expected = va_arg(frames, const char *);
        int more = 0;
        size_t size = sizeof more;
        int n = zmq_recv(socket, frame, sizeof frame, 0);
        assert_int_equal(n, strlen(expected));
        assert_memory_equal(frame, expected, strlen(expected));
        assert_int_equal(zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &size), 0);
        assert_int_equal(more, i + 1 < count);
    }
    va_end(frames);
}

static int answer(struct tap_bench *bench, const struct tw_tap_message *message,
                  const char *problem)
{
    return tw_taps_acknowledge(bench->self, message->tap_index, message->routing,
                               message->has_delimiter, message->ref, tw_str_of(problem));
}

static void acknowledge__dealer_and_req__get_the_documented_frames(void **state)
{
    struct tap_bench *bench = *state;
    (void)tap_bench_add(bench, TW_TAP_ROUTER, NULL);
    tap_bench_open(bench);
    void *dealer = tap_bench_socket(bench, ZMQ_DEALER);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_ROUTING_ID, "AZ\x0f", 3), 0);
    assert_int_equal(zmq_connect(dealer, tw_taps_endpoint(bench->self, 0)), 0);
    void *req = tap_bench_peer(bench, ZMQ_REQ, 0);
    tap_bench_send(dealer, 3, "ref-1", "topic", "{}");
    struct tw_tap_message message = tap_bench_receive(bench);
    assert_true(message.wants_ack);
    assert_false(message.has_delimiter);
    assert_text(message.routing, "AZ\x0f");
    assert_text(message.peer, "415a0f");
    assert_text(message.ref, "ref-1");
    assert_text(message.topic, "topic");
    assert_text(message.body, "{}");
    assert_int_equal(message.bytes, 12);
    /* the reference lives in the arena: it outlasts the frames */
    release_all(bench);
    assert_int_equal(answer(bench, &message, NULL), TW_OK);
    check_answer(dealer, 2, "ref-1", "ok");
    assert_int_equal(answer(bench, &message, "{\"title\":\"x\"}"), TW_OK);
    check_answer(dealer, 3, "ref-1", "quarantined", "{\"title\":\"x\"}");
    tap_bench_send(req, 4, "r", "topic", "a: b\n", "{}");
    message = tap_bench_receive(bench);
    assert_true(message.wants_ack);
    assert_true(message.has_delimiter);
    assert_text(message.headers, "a: b\n");
    assert_int_equal(message.peer.len, 10); /* a routing id that libzmq made: 5 bytes */
    assert_int_equal(answer(bench, &message, NULL), TW_OK);
    check_answer(req, 2, "r", "ok");
    tap_bench_send(req, 2, "s", "{}");
    message = tap_bench_receive(bench);
    assert_int_equal(answer(bench, &message, "{}"), TW_OK);
    check_answer(req, 3, "s", "quarantined", "{}");
}

static void receive__reference_out_of_range__is_a_problem(void **state)
{
    struct tap_bench *bench = *state;
    (void)tap_bench_add(bench, TW_TAP_ROUTER, NULL);
    tap_bench_open(bench);
    void *dealer = tap_bench_peer(bench, ZMQ_DEALER, 0);
    char ref[66];
    memset(ref, 'r', sizeof ref);
    ref[64] = '\0';
    tap_bench_send(dealer, 2, ref, "{0}");
    struct tw_tap_message message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_none);
    assert_text(message.ref, ref);
    ref[64] = 'r';
    ref[65] = '\0';
    tap_bench_send(dealer, 3, ref, "topic", "{1}"); /* too long */
    message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_reference);
    assert_false(message.wants_ack);
    assert_null(message.ref.ptr);
    assert_text(message.topic, "topic");
    assert_text(message.body, "{1}");
    tap_bench_send(dealer, 3, "", "", "{2}"); /* empty, behind a delimiter */
    message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_reference);
    assert_true(message.has_delimiter);
    assert_false(message.wants_ack);
    assert_text(message.body, "{2}");
    tap_bench_send(dealer, 1, ""); /* nothing at all */
    message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_reference);
    assert_false(message.wants_ack);
    assert_int_equal(message.body.len, 0);
    tap_bench_send(dealer, 1,
                   "{\"the\":\"body alone, as to a PULL tap, longer than 64 bytes\"}......");
    message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_reference);
    assert_int_equal(message.body.ptr[0], '{');
    tap_bench_send(dealer, 1, "ref"); /* a reference without a message: it can be answered */
    message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_frames);
    assert_true(message.wants_ack);
    assert_text(message.ref, "ref");
    assert_text(message.body, "ref");
    assert_int_equal(answer(bench, &message, "{}"), TW_OK);
    check_answer(dealer, 3, "ref", "quarantined", "{}");
}

static void receive__too_many_frames__is_one_problem(void **state)
{
    struct tap_bench *bench = *state;
    (void)tap_bench_add(bench, TW_TAP_PULL, NULL);
    (void)tap_bench_add(bench, TW_TAP_ROUTER, NULL);
    tap_bench_open(bench);
    void *push = tap_bench_peer(bench, ZMQ_PUSH, 0);
    void *dealer = tap_bench_peer(bench, ZMQ_DEALER, 1);
    tap_bench_send(push, 4, "a", "b", "c", "d");
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(zmq_send(push, "1234567890", 10, i < 9999 ? ZMQ_SNDMORE : 0), 10);
    }
    tap_bench_send(push, 1, "{}");
    struct tw_tap_message message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_frames);
    assert_text(message.topic, "a");
    assert_text(message.headers, "b");
    assert_text(message.body, "c");
    assert_int_equal(message.bytes, 4);
    uint64_t before = tw_taps_mark(bench->self);
    message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_frames);
    assert_int_equal(message.bytes, 100000);
    assert_in_range(tw_taps_mark(bench->self) - before, 1, TW_TAP_MAX_FRAMES);
    message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_none);
    assert_text(message.body, "{}");
    tap_bench_send(dealer, 5, "ref", "a", "b", "c", "d");
    message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_frames);
    assert_true(message.wants_ack);
    assert_text(message.ref, "ref");
    assert_text(message.body, "c");
}

static void send_bytes(void *socket, size_t len, int flags)
{
    static char bytes[100u << 20];
    assert_int_equal(zmq_send(socket, bytes, len, flags), len);
}

static void receive__oversize__harms_nobody_else(void **state)
{
    struct tap_bench *bench = *state;
    tap_bench_add(bench, TW_TAP_PULL, NULL)->max_message_bytes = 4096;
    tap_bench_open(bench);
    void *bad = tap_bench_peer(bench, ZMQ_PUSH, 0);
    void *good = tap_bench_peer(bench, ZMQ_PUSH, 0);
    send_bytes(bad, 4096, 0); /* exactly the limit */
    struct tw_tap_message message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_none);
    assert_int_equal(message.body.len, 4096);
    send_bytes(bad, 4097, 0); /* one more */
    message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_oversize);
    assert_int_equal(message.bytes, 4097);
    send_bytes(bad, 4096, ZMQ_SNDMORE); /* each frame within the limit, not their sum */
    send_bytes(bad, 1, 0);
    message = tap_bench_receive(bench);
    assert_int_equal(message.problem, TW_PROBLEM_oversize);
    assert_int_equal(message.bytes, 4097);
    tap_bench_send(good, 1, "{0}");
    assert_text(tap_bench_receive(bench).body, "{0}");
    send_bytes(bad, 100u << 20, 0); /* libzmq cuts the connection */
    tap_bench_send(good, 1, "{1}");
    assert_text(tap_bench_receive(bench).body, "{1}");
    /* what is sent while the connection is cut may be lost (PUSH); what is sent later arrives */
    bool has_arrived = false;
    for (int i = 0; i < TAP_PATIENCE_MS && !has_arrived; i++) {
        assert_true(zmq_send(bad, "{2}", 3, ZMQ_DONTWAIT) == 3 || errno == EAGAIN);
        uint32_t fds = 0;
        assert_int_equal(tw_taps_wait(bench->self, true, NULL, 0, 1, &fds), TW_OK);
        has_arrived = tw_taps_receive(bench->self, &bench->arena, &message) == TW_OK;
    }
    assert_true(has_arrived);
    assert_text(message.body, "{2}");
}

static void acknowledge__client_gone_or_full__does_not_block(void **state)
{
    struct tap_bench *bench = *state;
    (void)tap_bench_add(bench, TW_TAP_ROUTER, NULL);
    tap_bench_open(bench);
    assert_int_equal(tw_taps_acknowledge(bench->self, 0, TW_STR_LIT("nobody"), false,
                                         TW_STR_LIT("r"), TW_STR_NULL),
                     TW_ENOTFOUND);
    void *dealer = tap_bench_socket(bench, ZMQ_DEALER);
    int one = 1;
    int small = 2048;
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_RCVHWM, &one, sizeof one), 0);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_RCVBUF, &small, sizeof small), 0);
    assert_int_equal(zmq_connect(dealer, tw_taps_endpoint(bench->self, 0)), 0);
    tap_bench_send(dealer, 2, "ref", "{}");
    struct tw_tap_message message = tap_bench_receive(bench);
    char problem[1000];
    memset(problem, ' ', sizeof problem);
    problem[sizeof problem - 1] = '\0';
    int rc = TW_OK;
    uint64_t accepted = 0;
    while (rc == TW_OK && accepted < 1000000) {
        rc = answer(bench, &message, problem);
        accepted += rc == TW_OK ? 1 : 0;
    }
    assert_int_equal(rc, TW_EAGAIN);
    assert_true(accepted >= 65536); /* as many as the client library may have under way */
    /* a second client is not affected */
    void *other = tap_bench_peer(bench, ZMQ_DEALER, 0);
    tap_bench_send(other, 2, "ref", "{}");
    message = tap_bench_receive(bench);
    assert_int_equal(answer(bench, &message, NULL), TW_OK);
    check_answer(other, 2, "ref", "ok");
}

static void receive__frames__stay_until_their_mark_is_released(void **state)
{
    enum { COUNT = 5000 };
    struct tap_bench *bench = *state;
    tap_bench_add(bench, TW_TAP_PULL, NULL)->receive_hwm = COUNT;
    bench->cfg.store.commit_events = COUNT;
    tap_bench_open(bench);
    void *push = tap_bench_peer(bench, ZMQ_PUSH, 0);
    static struct tw_tap_message messages[COUNT];
    uint64_t middle = 0;
    for (size_t i = 0; i < COUNT; i++) {
        char body[200];
        (void)snprintf(body, sizeof body, "%0*zu", (int)(i % 150 + 5), i);
        tap_bench_send(push, i % 3 + 1, body, body, body);
        messages[i] = tap_bench_receive(bench);
        middle = i == COUNT / 2 ? tw_taps_mark(bench->self) : middle;
    }
    for (size_t half = 0; half < 2; half++) {
        for (size_t i = half == 0 ? 0 : COUNT / 2 + 1; i < COUNT; i++) {
            char body[200];
            (void)snprintf(body, sizeof body, "%0*zu", (int)(i % 150 + 5), i);
            assert_text(messages[i].body, body);
            assert_true((messages[i].topic.ptr != NULL) == (i % 3 >= 1));
            assert_true((messages[i].headers.ptr != NULL) == (i % 3 == 2));
        }
        tw_taps_release(bench->self, middle);
        tw_taps_release(bench->self, middle); /* again does nothing */
    }
    release_all(bench);
}

static void receive__all_slots_held__stops_until_released(void **state)
{
    struct tap_bench *bench = *state;
    tap_bench_add(bench, TW_TAP_PULL, NULL)->receive_hwm = 10000;
    bench->cfg.store.commit_events = 1; /* the lowest bound: 4096 frames */
    tap_bench_open(bench);
    void *push = tap_bench_peer(bench, ZMQ_PUSH, 0);
    for (int i = 0; i < 4200; i++) {
        tap_bench_send(push, 1, "{}");
    }
    for (int i = 0; i < 4096 - TW_TAP_MAX_FRAMES + 1; i++) {
        assert_text(tap_bench_receive(bench).body, "{}");
    }
    struct tw_tap_message message;
    assert_int_equal(tw_taps_receive(bench->self, &bench->arena, &message), TW_EAGAIN);
    assert_true(tap_bench_is_quiet(bench, 20)); /* taps are not polled: no busy loop */
    release_all(bench);
    for (int i = 4096 - TW_TAP_MAX_FRAMES + 1; i < 4200; i++) {
        assert_text(tap_bench_receive(bench).body, "{}");
    }
}

static void receive__arena_full__receives_nothing(void **state)
{
    struct tap_bench *bench = *state;
    (void)tap_bench_add(bench, TW_TAP_ROUTER, NULL);
    tap_bench_open(bench);
    void *dealer = tap_bench_peer(bench, ZMQ_DEALER, 0);
    tap_bench_send(dealer, 2, "ref", "{}");
    struct tw_arena tiny;
    tw_arena_init(&tiny, 1023);
    struct tw_tap_message message;
    assert_int_equal(tw_taps_receive(bench->self, &tiny, &message), TW_ELIMIT);
    assert_text(tap_bench_receive(bench).body, "{}");
    tw_arena_fini(&tiny);
}

static void receive__busy_tap__does_not_starve_the_others(void **state)
{
    struct tap_bench *bench = *state;
    tap_bench_add(bench, TW_TAP_PULL, NULL)->receive_hwm = 30000;
    (void)tap_bench_add(bench, TW_TAP_PULL, NULL);
    bench->cfg.store.commit_events = 30000;
    tap_bench_open(bench);
    void *quiet = tap_bench_peer(bench, ZMQ_PUSH, 1);
    tap_bench_send(quiet, 1, "{}");
    assert_int_equal(tap_bench_receive(bench).tap_index, 1);
    void *busy = tap_bench_socket(bench, ZMQ_PUSH);
    int hwm = 30000;
    assert_int_equal(zmq_setsockopt(busy, ZMQ_SNDHWM, &hwm, sizeof hwm), 0);
    assert_int_equal(zmq_connect(busy, tw_taps_endpoint(bench->self, 0)), 0);
    for (int i = 0; i < 10; i++) {
        tap_bench_send(quiet, 1, "{}");
    }
    for (int i = 0; i < 20000; i++) {
        tap_bench_send(busy, 1, "{}");
    }
    int from_busy = 0;
    for (int from_quiet = 0; from_quiet < 10;) {
        if (tap_bench_receive(bench).tap_index == 1) {
            from_quiet++;
        } else {
            from_busy++;
        }
    }
    assert_in_range(from_busy, 0, 10000);
}

static void wait__fds_and_taps__are_told_apart(void **state)
{
    struct tap_bench *bench = *state;
    (void)tap_bench_add(bench, TW_TAP_PULL, NULL);
    tap_bench_open(bench);
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = eventfd(i == 1 ? 1 : 0, EFD_CLOEXEC | EFD_NONBLOCK);
        assert_true(fds[i] >= 0);
    }
    uint32_t ready = 99;
    assert_int_equal(tw_taps_wait(bench->self, true, fds, 3, -1, &ready), TW_OK);
    assert_int_equal(ready, 2);
    assert_int_equal(tw_taps_wait(bench->self, true, fds, 1, 0, &ready), TW_OK);
    assert_int_equal(ready, 0);
    void *push = tap_bench_peer(bench, ZMQ_PUSH, 0);
    tap_bench_send(push, 1, "{}");
    assert_int_equal(tw_taps_wait(bench->self, true, fds, 1, -1, &ready), TW_OK);
    assert_int_equal(ready, 0); /* it came back for the tap */
    assert_int_equal(tw_taps_wait(bench->self, false, fds, 1, 0, &ready), TW_OK);
    assert_int_equal(ready, 0);
    assert_int_equal(tw_taps_wait(bench->self, false, fds, 3, -1, &ready), TW_OK);
    assert_int_equal(ready, 2);
    assert_text(tap_bench_receive(bench).body, "{}");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(close(fds[i]), 0);
    }
}

static void new__endpoint_cannot_be_opened__says_what_to_do(void **state)
{
    struct tap_bench *bench = *state;
    static char busy[128];
    (void)tap_bench_add(bench, TW_TAP_PULL, NULL);
    tap_bench_open(bench);
    (void)snprintf(busy, sizeof busy, "%s", tw_taps_endpoint(bench->self, 0));
    const struct {
        const char *endpoint;
        int rc;
        const char *advice;
    } cases[] = {
        {busy, TW_EBUSY, "another program, perhaps another Tillwatch, listens there"},
        {"tcp://nosuchdevice0:8461", TW_EINVAL, "no such address or interface"},
        {"tcp://192.0.2.1:8461", TW_EINVAL, "no such address or interface"},
        {"ipc:///nonexistent/directory/tap", TW_EINVAL, "directory of this ipc endpoint"},
        {"8461", TW_EINVAL, "not an endpoint such as"},
        {"udp-or-so://127.0.0.1:1", TW_EINVAL, "not an endpoint such as"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char endpoint[128];
        char *items[] = {endpoint};
        (void)snprintf(endpoint, sizeof endpoint, "%s", cases[i].endpoint);
        struct tw_cfg_tap taps[2] = {bench->taps[0], bench->taps[0]};
        static char name[] = "second";
        taps[1].name = name;
        taps[1].bind = (struct tw_cfg_strings){.items = items, .count = 1};
        struct tw_cfg cfg = {.taps = taps, .tap_count = 2};
        struct tw_taps *self = NULL;
        struct tw_diag diag = {.text = ""};
        assert_int_equal(tw_taps_new(&cfg, &self, &diag), cases[i].rc);
        assert_null(self);
        assert_non_null(strstr(diag.text, "tap second: cannot bind "));
        assert_non_null(strstr(diag.text, endpoint));
        assert_non_null(strstr(diag.text, cases[i].advice));
        assert_non_null(strstr(diag.text, "taps[1].bind"));
    }
    struct tw_cfg none = {.tap_count = 0};
    struct tw_taps *self = NULL;
    assert_int_equal(tw_taps_new(&none, &self, NULL), TW_EINVAL);
    struct tw_cfg_tap bad = bench->taps[0];
    bad.receive_hwm = -1;
    struct tw_cfg cfg = {.taps = &bad, .tap_count = 1};
    struct tw_diag diag = {.text = ""};
    assert_int_equal(tw_taps_new(&cfg, &self, &diag), TW_EINVAL);
    assert_non_null(strstr(diag.text, "tap tap-0: the socket refuses an option"));
    tw_taps_destroy(&self); /* accepts NULL */
}

/* A tap that is held back for many heartbeats must not lose its peers: libzmq's own time-out on
 * PONG would cut the connection and the messages on it. */
static void receive__held_back_for_many_heartbeats__loses_nothing(void **state)
{
    struct tap_bench *bench = *state;
    struct tw_cfg_tap *tap = tap_bench_add(bench, TW_TAP_PULL, NULL);
    tap->heartbeat_ms = 20;
    tap->receive_hwm = 10;
    tap_bench_open(bench);
    void *push = tap_bench_socket(bench, ZMQ_PUSH);
    int hwm = 10;
    assert_int_equal(zmq_setsockopt(push, ZMQ_SNDHWM, &hwm, sizeof hwm), 0);
    assert_int_equal(zmq_socket_monitor(push, "inproc://monitor", ZMQ_EVENT_DISCONNECTED), 0);
    void *monitor = tap_bench_socket(bench, ZMQ_PAIR);
    assert_int_equal(zmq_connect(monitor, "inproc://monitor"), 0);
    assert_int_equal(zmq_connect(push, tw_taps_endpoint(bench->self, 0)), 0);
    static char body[10000];
    uint32_t sent = 0;
    zmq_pollitem_t items[] = {{.socket = monitor, .events = ZMQ_POLLIN},
                              {.socket = push, .events = ZMQ_POLLOUT}};
    /* until nothing more was taken for 25 heartbeats */
    while (zmq_poll(items, 2, 500) > 0) {
        assert_int_equal(items[0].revents, 0);
        memcpy(body, &sent, sizeof sent);
        if (zmq_send(push, body, sizeof body, ZMQ_DONTWAIT) > 0) {
            sent++;
        }
    }
    assert_true(sent > 20);
    for (uint32_t i = 0; i < sent; i++) {
        struct tw_tap_message message = tap_bench_receive(bench);
        assert_memory_equal(message.body.ptr, &i, sizeof i);
        release_all(bench);
    }
    assert_int_equal(zmq_socket_monitor(push, NULL, 0), 0);
}

static void hold__bytes_and_frames__are_bounded(void **state)
{
    (void)state;
    struct tw_hold hold;
    tw_hold_init(&hold, 100, 1000);
    for (int round = 0; round < 50; round++) { /* over the edges of the chunks */
        for (int i = 0; i < 10; i++) {
            assert_false(tw_hold_is_full(&hold));
            assert_int_equal(tw_hold_reserve(&hold, TW_TAP_MAX_FRAMES), TW_OK);
            assert_int_equal(zmq_msg_init_size(tw_hold_slot(&hold), 100), 0);
            tw_hold_keep(&hold);
        }
        assert_true(tw_hold_is_full(&hold)); /* 1000 bytes */
        tw_hold_release(&hold, tw_hold_mark(&hold) - 10 * (round % 2 == 0));
        tw_hold_release(&hold, tw_hold_mark(&hold));
        for (int i = 0; i < 93; i++) {
            assert_false(tw_hold_is_full(&hold));
            assert_int_equal(tw_hold_reserve(&hold, TW_TAP_MAX_FRAMES), TW_OK);
            assert_int_equal(zmq_msg_init_size(tw_hold_slot(&hold), 1), 0);
            tw_hold_keep(&hold);
        }
        assert_true(tw_hold_is_full(&hold)); /* less than 8 slots left */
        tw_hold_release(&hold, tw_hold_mark(&hold));
        assert_int_equal(hold.bytes, 0);
    }
    tw_hold_fini(&hold);
}

static int start(void **state)
{
    struct tap_bench *bench = calloc(1, sizeof *bench);
    assert_non_null(bench);
    tap_bench_init(bench);
    *state = bench;
    return 0;
}

static int stop(void **state)
{
    tap_bench_fini(*state);
    free(*state);
    return 0;
}

int main(void)
{
#define WITH_BENCH(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        WITH_BENCH(receive__one_to_three_frames__are_topic_headers_body),
        WITH_BENCH(receive__sub__gets_its_prefixes_only),
        WITH_BENCH(receive__taps_that_connect__get_messages_too),
        WITH_BENCH(acknowledge__dealer_and_req__get_the_documented_frames),
        WITH_BENCH(receive__reference_out_of_range__is_a_problem),
        WITH_BENCH(receive__too_many_frames__is_one_problem),
        WITH_BENCH(receive__oversize__harms_nobody_else),
        WITH_BENCH(acknowledge__client_gone_or_full__does_not_block),
        WITH_BENCH(receive__frames__stay_until_their_mark_is_released),
        WITH_BENCH(receive__all_slots_held__stops_until_released),
        WITH_BENCH(receive__arena_full__receives_nothing),
        WITH_BENCH(receive__busy_tap__does_not_starve_the_others),
        WITH_BENCH(wait__fds_and_taps__are_told_apart),
        WITH_BENCH(new__endpoint_cannot_be_opened__says_what_to_do),
        WITH_BENCH(receive__held_back_for_many_heartbeats__loses_nothing),
        cmocka_unit_test(hold__bytes_and_frames__are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
