/* SPDX-License-Identifier: Apache-2.0
 * A ROUTER socket that plays the acknowledged tap for tests of the client library. Every function
 * fails the running test when something does not come in FAKE_TOWER_PATIENCE_MS. */
#ifndef TW_TEST_FAKE_TOWER_H
#define TW_TEST_FAKE_TOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwatch.h"

#define FAKE_TOWER_PATIENCE_MS 20000

struct fake_tower {
    void *context;
    void *socket;
    char endpoint[128];
    const char *secret_key;
};

struct arrived {
    char routing[256];
    size_t routing_len;
    uint8_t ref[8];
    size_t ref_len;
    uint64_t ticket;
    char frames[3][4096]; /* NUL-terminated */
    size_t count;
};

#define ACK_LOG_MAX 64

struct ack_log {
    uint64_t tickets[ACK_LOG_MAX];
    bool has_problem[ACK_LOG_MAX];
    char problems[ACK_LOG_MAX][64];
    size_t count; /* may exceed the rows */
    uint64_t last;
    bool is_disordered;
};

/* secret_key: NULL, or Z85 for CURVE (kept by the caller). */
void fake_tower_start(struct fake_tower *self, const char *secret_key);
/* The same in a ZeroMQ context that it takes over. */
void fake_tower_start_in(struct fake_tower *self, void *context, const char *secret_key);
void fake_tower_stop(struct fake_tower *self);
/* Stop and listen on the same port again. */
void fake_tower_restart(struct fake_tower *self);
/* The next message; polls `sender` (may be NULL) meanwhile. */
void fake_tower_receive(struct fake_tower *self, tillwatch_sender *sender,
                        struct arrived *ret_message);
/* True when one was there within timeout_ms. */
bool fake_tower_look(struct fake_tower *self, int timeout_ms, struct arrived *ret_message);
void fake_tower_answer(struct fake_tower *self, const struct arrived *message, const char *word,
                       const char *problem);
/* An answer of the reference and `count` - 1 frames "x". */
void fake_tower_answer_frames(struct fake_tower *self, const struct arrived *message, size_t count);
void fake_tower_set_ticket(struct arrived *message, uint64_t ticket);
/* For tillwatch_options.acknowledged; context: a struct ack_log. */
void ack_log_add(void *context, uint64_t ticket, const char *problem, size_t problem_len);

#endif
