/* SPDX-License-Identifier: Apache-2.0
 * What an agent remembers: the last verdicts, by replayid and attempt and by idempotency key; in
 * memory and, if wanted, in a file. Internal to libtillwatch.
 *
 * The file: one JSON object a line, {"replayid","attempt","key","verdict","reason"}, the newest
 * last, synced before the answer is sent. A last line without its end was being written when the
 * machine stopped: it is removed at open. Any other that does not read is damage. When it has more
 * than twice the lines that are kept, it is written anew (to FILE.new, renamed).
 *
 * Thread: one at a time (the agent's mutex). Limits: `count` verdicts, the oldest is forgotten.
 */
#ifndef TILLWATCH_AGENT_MEMORY_H
#define TILLWATCH_AGENT_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tillwatch_agent.h"

struct twc_memory;

struct twc_verdict {
    char replayid[TILLWATCH_NAME_BYTES + 1];
    char key[TILLWATCH_KEY_BYTES + 1];
    char reason[TILLWATCH_REASON_BYTES];
    uint64_t attempt;
    int verdict; /* enum tillwatch_verdict, not TILLWATCH_LATER */
};

/* path NULL: no file. TILLWATCH_OK, _NOMEM, _IO (errno EBUSY: it is in use), _DAMAGED: the file is
 * left as it is. */
int twc_memory_open(const char *path, size_t count, struct twc_memory **ret_memory);
void twc_memory_close(struct twc_memory **self_p);
/* Remember. TILLWATCH_IO: it is remembered, but not on disk. */
int twc_memory_add(struct twc_memory *self, const struct twc_verdict *verdict);
/* NULL: none. Borrowed until the next add. */
const struct twc_verdict *twc_memory_find(const struct twc_memory *self, const char *replayid,
                                          uint64_t attempt);
/* Whether an effect with this key was answered with TILLWATCH_DONE. */
bool twc_memory_is_done(const struct twc_memory *self, const char *key);

#endif
