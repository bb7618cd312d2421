/* SPDX-License-Identifier: Apache-2.0
 * A set of taps with ZeroMQ peers of the test's own, for test_tap.c and test_tap_curve.c. Every
 * function fails the running test when something does not come in TAP_PATIENCE_MS. */
#ifndef TW_TEST_TAP_BENCH_H
#define TW_TEST_TAP_BENCH_H

#include <stdbool.h>
#include <stddef.h>

#include "core/arena.h"
#include "tap/tap.h"

#define TAP_PATIENCE_MS 20000
#define TAP_BENCH_MAX   4
#define TAP_BENCH_PEERS 16

struct tap_bench {
    struct tw_cfg cfg;
    struct tw_cfg_tap taps[TAP_BENCH_MAX];
    char *endpoints[TAP_BENCH_MAX];
    struct tw_taps *self;
    struct tw_arena arena;
    void *context; /* of the peers */
    void *peers[TAP_BENCH_PEERS];
    size_t peer_count;
};

/* Default limits; add taps, then open. */
void tap_bench_init(struct tap_bench *self);
/* endpoint NULL: bind to a free port. Returns the tap, to be changed before the opening. */
struct tw_cfg_tap *tap_bench_add(struct tap_bench *self, enum tw_tap_kind kind, char *endpoint);
void tap_bench_open(struct tap_bench *self);
void tap_bench_fini(struct tap_bench *self);
/* A socket of the peers' side, closed by _fini; not connected. */
void *tap_bench_socket(struct tap_bench *self, int type);
/* The same, connected to a tap. */
void *tap_bench_peer(struct tap_bench *self, int type, size_t tap);
/* Send `count` text frames (the last argument); blocks. */
void tap_bench_send(void *socket, size_t count, ...);
/* The next message of any tap. */
struct tw_tap_message tap_bench_receive(struct tap_bench *self);
/* True when none comes within timeout_ms. */
bool tap_bench_is_quiet(struct tap_bench *self, int timeout_ms);

#endif
