/* SPDX-License-Identifier: Apache-2.0
 * The frames of the protocol of agents (docs/agents.md): those of the tower read, those to it
 * written. Internal to libtillwatch. Thread: pure functions. Limits: those of tillwatch_agent.h.
 */
#ifndef TILLWATCH_AGENT_MESSAGE_H
#define TILLWATCH_AGENT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "tillwatch_agent.h"

#define TWC_HEARTBEAT_MS     2000    /* of a welcome that says nothing of it */
#define TWC_HEARTBEAT_MIN_MS 10      /* what a welcome says is kept within these */
#define TWC_HEARTBEAT_MAX_MS 3600000 /* an hour */
#define TWC_DEADLINE_BYTES   40
/* Of what we send: each byte of a text may take six in JSON. */
#define TWC_ANSWER_BYTES (6 * (TILLWATCH_NAME_BYTES + TILLWATCH_REASON_BYTES) + 256)
#define TWC_HELLO_BYTES  (6 * (TILLWATCH_AGENT_SYSTEMS + 1) * (TILLWATCH_NAME_BYTES + 2) + 256)

enum twc_op {
    TWC_OP_MALFORMED, /* no JSON object, no op, or a replay that cannot even be answered */
    TWC_OP_UNKNOWN,   /* of a later protocol: to be ignored */
    TWC_OP_WELCOME,
    TWC_OP_PING,
    TWC_OP_REPLAY
};

struct twc_message {
    enum twc_op op;
    int64_t heartbeat_ms; /* welcome */
    /* replay */
    char replayid[TILLWATCH_NAME_BYTES + 1];
    char key[TILLWATCH_KEY_BYTES + 1];
    char destination[TILLWATCH_NAME_BYTES + 1];
    char deadline[TWC_DEADLINE_BYTES]; /* "": none */
    int64_t deadline_ms;               /* since 1970; INT64_MAX: none */
    uint64_t attempt;
    struct twc_json event; /* within the text that was read */
    const char *fault;     /* why it must be refused; NULL: nothing is wrong */
};

void twc_message_read(const char *text, size_t len, struct twc_message *ret_message);
/* RFC 3339 as milliseconds since 1970; false: it is not. */
bool twc_time_read(const char *text, int64_t *ret_ms);
/* The frames; return their length. */
size_t twc_hello_write(char out[TWC_HELLO_BYTES], const char *agent, const char *const *systems,
                       size_t system_count, unsigned capacity);
size_t twc_answer_write(char out[TWC_ANSWER_BYTES], const char *replayid, uint64_t attempt,
                        int verdict, const char *reason);
/* A reason as it is kept and sent: cut to TILLWATCH_REASON_BYTES at a character, without control
 * characters, in UTF-8. NULL: none. */
void twc_reason_copy(char out[TILLWATCH_REASON_BYTES], const char *reason);

#endif
