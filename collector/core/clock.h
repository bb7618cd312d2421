/* SPDX-License-Identifier: Apache-2.0
 * Time: wall and monotonic nanoseconds are different types, so that they cannot be mixed.
 * Code takes a `struct tw_clock *` and never asks the system, so that tests own time. `now` is
 * read once per loop turn and passed down. Thread: tw_clock_system() may be used by all; a manual
 * clock belongs to the thread that sets it.
 */
#ifndef TW_CORE_CLOCK_H
#define TW_CORE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

#define TW_NS_PER_S  INT64_C(1000000000)
#define TW_NS_PER_MS INT64_C(1000000)
#define TW_NS_PER_US INT64_C(1000)

/* Nanoseconds since 1970-01-01T00:00:00Z; years 1677 to 2262. */
typedef struct {
    int64_t ns;
} tw_wall_t;

/* Nanoseconds of CLOCK_MONOTONIC: for durations and deadlines inside one process only. */
typedef struct {
    int64_t ns;
} tw_mono_t;

struct tw_clock {
    tw_wall_t (*wall)(struct tw_clock *self);
    tw_mono_t (*mono)(struct tw_clock *self);
};

/* The system's clocks. Returns borrowed for ever. */
struct tw_clock *tw_clock_system(void);

/* A clock that stands still until it is moved. */
struct tw_clock_manual {
    struct tw_clock clock;
    tw_wall_t wall;
    tw_mono_t mono;
};
void tw_clock_manual_init(struct tw_clock_manual *self, tw_wall_t start);
/* Move both clocks; ns may be negative for wall only through direct assignment. */
void tw_clock_manual_advance(struct tw_clock_manual *self, int64_t ns);

#define TW_TIME_TEXT_SIZE 80 /* 27 bytes and a NUL; the rest calms the compiler */

/* RFC 3339, UTC, microseconds. Writes a terminated text into buf (at least TW_TIME_TEXT_SIZE). */
void tw_wall_format(tw_wall_t at, char *buf);

/* Parse RFC 3339 (section 5.6: offset required, 'T' or 't' or space, leap second 60 taken as 59,
 * up to any number of fraction digits, those past nanoseconds cut). Years 1678 to 2261.
 * Returns TW_OK, or TW_ESYNTAX, or TW_ELIMIT (outside the years); *ret_at only on success. */
int tw_wall_parse(struct tw_str text, tw_wall_t *ret_at);

#endif
