/* SPDX-License-Identifier: Apache-2.0
 * How often a receiver lets itself be told: at most so many in each of some windows, that slide.
 * Thread: the owner's.
 */
#ifndef TW_NOTIFY_RATE_H
#define TW_NOTIFY_RATE_H

#include <stdbool.h>
#include <stddef.h>

#include "core/clock.h"
#include "notify/routes.h"

#define TW_RATE_WINDOWS_MAX 4

struct tw_rate_limit {
    int64_t window_ms;
    size_t most;
};
struct tw_rate {
    const struct tw_rate_limit *limits; /* const for ever */
    size_t limit_count;
    tw_mono_t *at; /* owned: ring of the newest */
    size_t capacity;
    size_t next;
    size_t count;
};
/* The rules of Slack and Teams; none for the others. TW_OK, TW_ENOMEM. */
int tw_rate_init(struct tw_rate *self, enum tw_integration_kind kind);
void tw_rate_fini(struct tw_rate *self);
/* Milliseconds until one more is let through; 0: now. */
int64_t tw_rate_wait(const struct tw_rate *self, tw_mono_t now);
void tw_rate_note(struct tw_rate *self, tw_mono_t now);

#endif
