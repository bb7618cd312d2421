/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "unit/tap_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <zmq.h>

void tap_bench_init(struct tap_bench *self)
{
    *self = (struct tap_bench){.context = zmq_ctx_new()};
    assert_non_null(self->context);
    self->cfg.taps = self->taps;
    self->cfg.store.commit_events = 1000;
    self->cfg.intake.batches = 4;
    tw_arena_init(&self->arena, 64 << 20);
}

struct tw_cfg_tap *tap_bench_add(struct tap_bench *self, enum tw_tap_kind kind, char *endpoint)
{
    /* cppcheck-suppress constVariable ; a configuration owns its names */
    static char names[TAP_BENCH_MAX][8] = {"tap-0", "tap-1", "tap-2", "tap-3"};
    static char anywhere[] = "tcp://127.0.0.1:*";
    size_t i = self->cfg.tap_count++;
    assert_true(i < TAP_BENCH_MAX);
    self->endpoints[i] = endpoint == NULL ? anywhere : endpoint;
    self->taps[i] = (struct tw_cfg_tap){.name = names[i],
                                        .kind = kind,
                                        .bind = {.items = &self->endpoints[i], .count = 1},
                                        .receive_hwm = 1000,
                                        .max_message_bytes = 1 << 20,
                                        .heartbeat_ms = 5000,
                                        .handshake_ms = 5000};
    return &self->taps[i];
}

void tap_bench_open(struct tap_bench *self)
{
    struct tw_diag diag = {.text = ""};
    int rc = tw_taps_new(&self->cfg, &self->self, &diag);
    assert_string_equal(diag.text, "");
    assert_int_equal(rc, TW_OK);
}

void tap_bench_fini(struct tap_bench *self)
{
    int zero = 0;
    for (size_t i = 0; i < self->peer_count; i++) {
        assert_int_equal(zmq_setsockopt(self->peers[i], ZMQ_LINGER, &zero, sizeof zero), 0);
        assert_int_equal(zmq_close(self->peers[i]), 0);
    }
    assert_int_equal(zmq_ctx_term(self->context), 0);
    tw_taps_destroy(&self->self);
    assert_null(self->self);
    tw_arena_fini(&self->arena);
}

void *tap_bench_socket(struct tap_bench *self, int type)
{
    assert_true(self->peer_count < TAP_BENCH_PEERS);
    void *socket = zmq_socket(self->context, type);
    assert_non_null(socket);
    self->peers[self->peer_count++] = socket;
    return socket;
}

void *tap_bench_peer(struct tap_bench *self, int type, size_t tap)
{
    void *socket = tap_bench_socket(self, type);
    assert_int_equal(zmq_connect(socket, tw_taps_endpoint(self->self, tap)), 0);
    return socket;
}

void tap_bench_send(void *socket, size_t count, ...)
{
    va_list frames;
    va_start(frames, count);
    for (size_t i = 0; i < count; i++) {
        const char *frame = va_arg(frames, const char *);
        int more = i + 1 < count ? ZMQ_SNDMORE : 0;
        assert_int_equal(zmq_send(socket, frame, strlen(frame), more), strlen(frame));
    }
    va_end(frames);
}

struct tw_tap_message tap_bench_receive(struct tap_bench *self)
{
    struct tw_tap_message message = {.tap_index = SIZE_MAX};
    for (;;) {
        int rc = tw_taps_receive(self->self, &self->arena, &message);
        if (rc == TW_OK) {
            return message;
        }
        assert_int_equal(rc, TW_EAGAIN);
        if (tap_bench_is_quiet(self, TAP_PATIENCE_MS)) {
            fail_msg("no message came");
        }
    }
}

bool tap_bench_is_quiet(struct tap_bench *self, int timeout_ms)
{
    struct tw_clock *clock = tw_clock_system();
    int64_t start = clock->mono(clock).ns;
    uint32_t fds = 0;
    assert_int_equal(tw_taps_wait(self->self, true, NULL, 0, timeout_ms, &fds), TW_OK);
    return clock->mono(clock).ns - start >= (int64_t)timeout_ms * TW_NS_PER_MS;
}
