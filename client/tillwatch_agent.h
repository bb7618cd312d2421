/* SPDX-License-Identifier: Apache-2.0
 * libtillwatch, replay agents: carry out the replays that Tillwatch orders. docs/agents.md has the
 * protocol, for programs in other languages too.
 *
 * The library connects, greets, sends and watches heartbeats and connects again, in a thread of its
 * own, so that a replay may take its time. Replays wait until the program takes them: call
 * tillwatch_agent_work in a loop, in one thread or in several.
 *
 * What the library keeps the program from:
 *  - a replay (replayid and attempt) that comes again is answered as the first time, not carried
 * out;
 *  - a business effect (idempotencykey) that was answered with TILLWATCH_DONE is not made again, by
 *    whatever replay; two replays of one key are never carried out side by side;
 *  - a replay whose deadline has passed, or that is not as the protocol says, is refused.
 * It remembers the last `memory` verdicts, over a restart too when there is a memory_file. Between
 * the effect and the note of it lies a moment in which the process may die: only a destination that
 * knows the idempotency key itself closes that gap. Hand the key on to it.
 *
 * Thread: every function may be called by any thread; tillwatch_agent_close when none is in
 * another. Nothing here logs or exits. Limits: those named below; frames of TILLWATCH_REPLAY_BYTES
 * (a longer one ends the connection).
 */
#ifndef TILLWATCH_AGENT_H
#define TILLWATCH_AGENT_H

#include <stddef.h>
#include <stdint.h>

#include "tillwatch.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TILLWATCH_AGENT_SYSTEMS  64       /* at most */
#define TILLWATCH_AGENT_CAPACITY 4096     /* replays in hand at most */
#define TILLWATCH_AGENT_MEMORY   65536    /* verdicts remembered at most */
#define TILLWATCH_NAME_BYTES     64       /* of an agent, a system, a replayid */
#define TILLWATCH_KEY_BYTES      256      /* of an idempotency key */
#define TILLWATCH_REASON_BYTES   256      /* of a reason; what is longer is cut */
#define TILLWATCH_REPLAY_BYTES   33554432 /* of a frame: 32 MiB */

typedef struct tillwatch_agent tillwatch_agent;

enum tillwatch_verdict {
    TILLWATCH_LATER = 0,  /* no verdict yet: tillwatch_agent_answer gives it */
    TILLWATCH_ACCEPT = 1, /* handed on; whether it has worked, the tap tells. Another attempt of the
                             same idempotency key is carried out */
    TILLWATCH_DONE = 2,   /* accepted, and the effect is made for certain: never again */
    TILLWATCH_REFUSE = 3  /* not carried out, and nothing has happened */
};

/* A replay. Everything is borrowed for the call. */
struct tillwatch_replay {
    const char *replayid;
    uint64_t attempt; /* from 1 */
    const char *idempotencykey;
    const char *destination; /* one of our systems */
    const char *deadline;    /* RFC 3339; "": none */
    const char *event;       /* the CloudEvent as JSON; its replayid and attempt are those above */
    size_t event_len;
    char *reason; /* write here why you refuse, up to TILLWATCH_REASON_BYTES with the NUL */
};

struct tillwatch_agent_options {
    const char *endpoint;       /* "tcp://127.0.0.1:8464"; required */
    const char *agent;          /* the name by which the tower knows us; required */
    const char *const *systems; /* that we carry out for; required */
    size_t system_count;
    unsigned capacity;            /* replays in hand, 1 to 4096; 0: 32 */
    size_t memory;                /* verdicts remembered, capacity to 65536; 0: 4096 */
    const char *memory_file;      /* NULL: they do not survive a restart */
    const char *curve_server_key; /* Z85, 40 characters; NULL: no CURVE */
    const char *curve_public_key;
    const char *curve_secret_key;
    /* Carry out a replay: an enum tillwatch_verdict. Called from tillwatch_agent_work. Required. */
    int (*carry_out)(void *context, const struct tillwatch_replay *replay);
    /* The effect of this replay's key was made by an earlier one: it is accepted, nothing is to be
     * done. For those who can say the proof again, unchanged. May be NULL. */
    void (*done_before)(void *context, const struct tillwatch_replay *replay);
    void *context;
};

struct tillwatch_agent_counts {
    uint64_t received; /* replays, repeated ones included */
    uint64_t repeated; /* the same replayid and attempt again */
    uint64_t accepted; /* verdicts: TILLWATCH_ACCEPT and TILLWATCH_DONE */
    uint64_t refused;
    uint64_t done_before;   /* of the accepted: the effect had been made */
    uint64_t malformed;     /* frames that could not be read, and so not answered */
    uint64_t welcomes;      /* greetings that the tower answered: connections */
    uint64_t silences;      /* connections given up, for the tower was silent */
    uint64_t memory_errors; /* verdicts that could not be written to memory_file */
    unsigned in_hand;       /* replays without an answer that has been sent */
    int is_online;          /* welcome, and not silent since */
};

/* Connect in the background and go on until close. TILLWATCH_INVALID, TILLWATCH_NOMEM,
 * TILLWATCH_SOCKET; TILLWATCH_IO, TILLWATCH_DAMAGED: of memory_file (errno EBUSY: another agent has
 * it). */
int tillwatch_agent_open(const struct tillwatch_agent_options *options,
                         tillwatch_agent **ret_agent);
/* Carry out one replay: the oldest that waits, or that comes within timeout_ms (negative: without
 * limit). Returns 1, or 0 when there was none. */
int tillwatch_agent_work(tillwatch_agent *self, int timeout_ms);
/* The verdict of a replay that was left for later (also from within carry_out). reason: for a
 * refusal, else ignored; NULL: none. TILLWATCH_INVALID: no such verdict, no such replay in hand, or
 * it has its verdict already. */
int tillwatch_agent_answer(tillwatch_agent *self, const char *replayid, uint64_t attempt,
                           int verdict, const char *reason);
void tillwatch_agent_counts(tillwatch_agent *self, struct tillwatch_agent_counts *ret_counts);
/* Stop without waiting: what has no answer is sent again by the tower. Accepts NULL; *self_p
 * becomes NULL. */
void tillwatch_agent_close(tillwatch_agent **self_p);

#ifdef __cplusplus
}
#endif
#endif
