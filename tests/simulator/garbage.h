/* SPDX-License-Identifier: Apache-2.0
 * Messages that no tower can understand, each with the reason for which it must be quarantined.
 * Thread: pure. Source: core/problem.h; CloudEvents 1.0.2; RFC 8259.
 */
#ifndef SIM_GARBAGE_H
#define SIM_GARBAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/problem.h"

struct sim_garbage {
    const char *name;
    enum tw_problem_code reason;
    bool is_json; /* may stand in a batch: only it is quarantined. Otherwise a message alone */
    const char *text;
    size_t len;
};

extern const struct sim_garbage sim_garbages[];
extern const unsigned sim_garbage_count;

#define SIM_MAX_GARBAGE 8192

/* The text of one, with `number` in place of each '@', at `out` (SIM_MAX_GARBAGE bytes); it never
 * holds a newline. Returns its length; 0: an empty message. */
size_t sim_garbage_make(const struct sim_garbage *kind, uint64_t number, char *out);

#endif
