/* SPDX-License-Identifier: Apache-2.0
 * How fast the taps receive, beside a bare libzmq loop, in interleaved rounds of the same run.
 * A PUSH socket of another process sends MESSAGES messages of BYTES bytes over tcp; with CURVE too,
 * and once more after some client's key was taken away, when every message is judged.
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
#include "curve/clients.h"
#include "curve/keygen.h"
#include "tap/tap.h"

#define MESSAGES 1000000
#define BYTES    590
#define ROUNDS   5
#define BATCH    4096 /* messages held before they are released, as a commit does */

/* Keys in a directory: of the tower, of the sender, of one who goes. */
static char keys_dir[] = "/tmp/tw-bench-XXXXXX";
static char tower_public[41];
static char server_file[64];

static void make_keys(void)
{
    struct tw_diag diag = {.text = ""};
    TW_ASSERT(mkdtemp(keys_dir) != NULL);
    TW_ASSERT(tw_keypair_write(keys_dir, "tower", &diag) == TW_OK);
    TW_ASSERT(tw_keypair_write(keys_dir, "sender", &diag) == TW_OK);
    char path[64];
    (void)snprintf(path, sizeof path, "%s/tower.pub", keys_dir);
    TW_ASSERT(tw_curve_key_read(path, "public-key", tower_public, &diag) == TW_OK);
    (void)snprintf(server_file, sizeof server_file, "%s/tower.key", keys_dir);
}

static void unmake_keys(void)
{
    static const char *const names[] = {"tower.pub",  "tower.key", "sender.pub",
                                        "sender.key", "goer.pub",  "goer.key"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "%s/%s", keys_dir, names[i]);
        (void)unlink(path); /* the last two are mostly gone */
    }
    (void)rmdir(keys_dir);
}

static void use_keys(void *socket)
{
    char path[64];
    char public_key[41];
    char secret_key[41];
    (void)snprintf(path, sizeof path, "%s/sender.key", keys_dir);
    TW_ASSERT(tw_curve_key_read(path, "secret-key", secret_key, NULL) == TW_OK);
    TW_ASSERT(zmq_curve_public(public_key, secret_key) == 0);
    TW_ASSERT(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, tower_public, 41) == 0);
    TW_ASSERT(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_key, 41) == 0);
    TW_ASSERT(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_key, 41) == 0);
}

/* One client more, then one less. */
static void take_a_key_away(struct tw_taps *taps)
{
    char path[64];
    TW_ASSERT(tw_keypair_write(keys_dir, "goer", NULL) == TW_OK);
    tw_taps_reload_clients(taps);
    (void)snprintf(path, sizeof path, "%s/goer.pub", keys_dir);
    TW_ASSERT(unlink(path) == 0);
    tw_taps_reload_clients(taps);
    (void)snprintf(path, sizeof path, "%s/goer.key", keys_dir);
    TW_ASSERT(unlink(path) == 0);
}

static void send_all(const char *endpoint, bool has_curve)
{
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_PUSH);
    if (has_curve) {
        use_keys(socket);
    }
    static char body[BYTES];
    memset(body, 'x', sizeof body);
    TW_ASSERT(zmq_connect(socket, endpoint) == 0);
    for (int i = 0; i < MESSAGES; i++) {
        TW_ASSERT(zmq_send(socket, body, sizeof body, 0) == BYTES);
    }
    (void)zmq_close(socket); /* the default linger sends what is left */
    (void)zmq_ctx_term(context);
}

static pid_t start_sender(const char *endpoint, bool has_curve)
{
    pid_t pid = fork();
    TW_ASSERT(pid >= 0);
    if (pid == 0) {
        send_all(endpoint, has_curve);
        _exit(0);
    }
    return pid;
}

static double rate_since(tw_mono_t start)
{
    struct tw_clock *clock = tw_clock_system();
    return (double)(MESSAGES - 1) * 1e9 / (double)(clock->mono(clock).ns - start.ns);
}

enum tap_kind { OPEN, CURVE, CURVE_JUDGED };

static double run_tap(enum tap_kind kind)
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
    if (kind != OPEN) {
        tap.curve = (struct tw_cfg_curve){.server_key_file = server_file, .clients_dir = keys_dir};
    }
    struct tw_cfg cfg = {.taps = &tap, .tap_count = 1};
    cfg.store.commit_events = BATCH;
    cfg.intake.batches = 4;
    struct tw_diag diag = {.text = ""};
    struct tw_taps *taps = NULL;
    TW_ASSERT(tw_taps_new(&cfg, &taps, &diag) == TW_OK);
    if (kind == CURVE_JUDGED) {
        take_a_key_away(taps);
    }
    struct tw_arena arena;
    tw_arena_init(&arena, 1 << 20);
    struct tw_clock *clock = tw_clock_system();
    tw_mono_t start = {0};
    pid_t pid = start_sender(tw_taps_endpoint(taps, 0), kind != OPEN);
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
            tw_arena_reset(&arena); /* of the names of clients */
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
    pid_t pid = start_sender(endpoint, false);
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
    double curve[ROUNDS];
    double judged[ROUNDS];
    make_keys();
    for (int i = 0; i < ROUNDS; i++) {
        raw[i] = run_raw();
        tap[i] = run_tap(OPEN);
        ratio[i] = tap[i] / raw[i];
        curve[i] = run_tap(CURVE);
        judged[i] = run_tap(CURVE_JUDGED);
    }
    unmake_keys();
    qsort(curve, ROUNDS, sizeof curve[0], compare_doubles);
    qsort(judged, ROUNDS, sizeof judged[0], compare_doubles);
    qsort(tap, ROUNDS, sizeof tap[0], compare_doubles);
    qsort(raw, ROUNDS, sizeof raw[0], compare_doubles);
    qsort(ratio, ROUNDS, sizeof ratio[0], compare_doubles);
    printf("tap_receive_messages_per_second %.0f messages/s\n", tap[ROUNDS / 2]);
    printf("raw_zmq_receive_messages_per_second %.0f messages/s\n", raw[ROUNDS / 2]);
    printf("tap_receive_ratio_to_raw_zmq %.2f ratio\n", ratio[ROUNDS / 2]);
    printf("tap_receive_curve_messages_per_second %.0f messages/s\n", curve[ROUNDS / 2]);
    printf("tap_receive_curve_judged_messages_per_second %.0f messages/s\n", judged[ROUNDS / 2]);
    return 0;
}
