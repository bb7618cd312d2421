/* SPDX-License-Identifier: Apache-2.0
 * How fast the taps receive, beside a bare libzmq loop, in interleaved rounds of the same run.
 * A PUSH socket of another process sends MESSAGES messages of BYTES bytes over tcp.
 * Prints: name value unit; the medians of ROUNDS rounds and their ratio. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zmq.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/err.h"
#include "tap/tap.h"

#define MESSAGES 1000000
#define BYTES    590
#define ROUNDS   5
#define BATCH    4096 /* messages held before they are released, as a commit does */

static void send_all(const char *endpoint)
{
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_PUSH);
    static char body[BYTES];
    memset(body, 'x', sizeof body);
    TW_ASSERT(zmq_connect(socket, endpoint) == 0);
    for (int i = 0; i < MESSAGES; i++) {
        TW_ASSERT(zmq_send(socket, body, sizeof body, 0) == BYTES);
    }
    (void)zmq_close(socket); /* the default linger sends what is left */
    (void)zmq_ctx_term(context);
}

static pid_t start_sender(const char *endpoint)
{
    pid_t pid = fork();
    TW_ASSERT(pid >= 0);
    if (pid == 0) {
        send_all(endpoint);
        _exit(0);
    }
    return pid;
}

static double rate_since(tw_mono_t start)
{
    struct tw_clock *clock = tw_clock_system();
    return (double)(MESSAGES - 1) * 1e9 / (double)(clock->mono(clock).ns - start.ns);
}

static double run_tap(void)
{
    static char name[] = "bench";
    static char endpoint[] = "tcp://127.0.0.1:*";
    char *endpoints[] = {endpoint};
    struct tw_cfg_tap tap = {.name = name,
                             .kind = TW_TAP_PULL,
                             .bind = {endpoints, 1},
                             .receive_hwm = 10000,
                             .max_message_bytes = 1 << 20,
                             .heartbeat_ms = 5000,
                             .handshake_ms = 5000};
    struct tw_cfg cfg = {.taps = &tap, .tap_count = 1};
    cfg.store.commit_events = BATCH;
    cfg.intake.batches = 4;
    struct tw_diag diag = {.text = ""};
    struct tw_taps *taps = NULL;
    TW_ASSERT(tw_taps_new(&cfg, &taps, &diag) == TW_OK);
    struct tw_arena arena;
    tw_arena_init(&arena, 1 << 20);
    struct tw_clock *clock = tw_clock_system();
    tw_mono_t start = {0};
    pid_t pid = start_sender(tw_taps_endpoint(taps, 0));
    uint64_t marks[4] = {0};
    for (int received = 0; received < MESSAGES;) {
        struct tw_tap_message message;
        int rc = tw_taps_receive(taps, &arena, &message);
        if (rc == TW_EAGAIN) {
            uint32_t ready = 0;
            TW_ASSERT(tw_taps_wait(taps, true, NULL, 0, -1, &ready) == TW_OK);
            continue;
        }
        TW_ASSERT(rc == TW_OK && message.body.len == BYTES);
        if (received++ == 0) {
            start = clock->mono(clock);
        }
        if (received % BATCH == 0) {
            tw_taps_release(taps, marks[received / BATCH % 4]);
            marks[received / BATCH % 4] = tw_taps_mark(taps);
        }
    }
    double rate = rate_since(start);
    (void)waitpid(pid, NULL, 0);
    tw_taps_destroy(&taps);
    tw_arena_fini(&arena);
    return rate;
}

static double run_raw(void)
{
    char endpoint[128];
    size_t size = sizeof endpoint;
    int hwm = 10000;
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_PULL);
    (void)zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm); /* the value is valid */
    TW_ASSERT(zmq_bind(socket, "tcp://127.0.0.1:*") == 0);
    TW_ASSERT(zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    struct tw_clock *clock = tw_clock_system();
    tw_mono_t start = {0};
    pid_t pid = start_sender(endpoint);
    zmq_msg_t message;
    (void)zmq_msg_init(&message); /* cannot fail */
    for (int received = 0; received < MESSAGES;) {
        TW_ASSERT(zmq_msg_recv(&message, socket, 0) == BYTES);
        if (received++ == 0) {
            start = clock->mono(clock);
        }
    }
    double rate = rate_since(start);
    (void)waitpid(pid, NULL, 0);
    (void)zmq_msg_close(&message);
    (void)zmq_close(socket);
    (void)zmq_ctx_term(context);
    return rate;
}

static int compare_doubles(const void *a, const void *b)
{
    double one = *(const double *)a;
    double other = *(const double *)b;
    return one < other ? -1 : (one > other ? 1 : 0);
}

int main(void)
{
    double tap[ROUNDS];
    double raw[ROUNDS];
    double ratio[ROUNDS];
    for (int i = 0; i < ROUNDS; i++) {
        raw[i] = run_raw();
        tap[i] = run_tap();
        ratio[i] = tap[i] / raw[i];
    }
    qsort(tap, ROUNDS, sizeof tap[0], compare_doubles);
    qsort(raw, ROUNDS, sizeof raw[0], compare_doubles);
    qsort(ratio, ROUNDS, sizeof ratio[0], compare_doubles);
    printf("tap_receive_messages_per_second %.0f messages/s\n", tap[ROUNDS / 2]);
    printf("raw_zmq_receive_messages_per_second %.0f messages/s\n", raw[ROUNDS / 2]);
    printf("tap_receive_ratio_to_raw_zmq %.2f ratio\n", ratio[ROUNDS / 2]);
    return 0;
}
