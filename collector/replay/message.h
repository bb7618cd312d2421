/* SPDX-License-Identifier: Apache-2.0
 * What replay agents say, read from one frame, and what is said to them. Agents are programs of
 * others: any bytes may come.
 * Thread:  the owner's of the reader.
 * Limits:  the bounds below; JSON of at most 16 levels and 64 members.
 * Fails:   never: what is no message of the protocol is TW_AGENT_SAYS_NOTHING.
 * Source:  docs/agents.md, "The conversation".
 */
#ifndef TW_REPLAY_MESSAGE_H
#define TW_REPLAY_MESSAGE_H

#include <stdint.h>

#include "core/arena.h"
#include "core/buf.h"
#include "core/clock.h"
#include "event/scan.h"

#define TW_AGENT_NAME_MAX     64         /* bytes of an agent or a system */
#define TW_AGENT_SYSTEMS_MAX  64         /* of one agent */
#define TW_AGENT_CAPACITY_MAX 65536      /* more is taken for this */
#define TW_AGENT_REASON_MAX   255        /* bytes; what is longer is cut */
#define TW_AGENT_HEARD_MAX    (1 << 20)  /* bytes of a frame from an agent */
#define TW_AGENT_FRAME_MAX    (32 << 20) /* bytes of a frame to an agent */

enum tw_agent_op {
    TW_AGENT_SAYS_NOTHING, /* malformed */
    TW_AGENT_SAYS_UNKNOWN, /* an op of a later protocol */
    TW_AGENT_SAYS_HELLO,
    TW_AGENT_SAYS_PING,
    TW_AGENT_SAYS_ACCEPTED,
    TW_AGENT_SAYS_REFUSED,
};

struct tw_agent_message {
    enum tw_agent_op op;
    /* hello */
    struct tw_str agent;
    const struct tw_str *systems; /* none twice */
    size_t system_count;          /* 1 to TW_AGENT_SYSTEMS_MAX */
    uint32_t capacity;            /* 1 to TW_AGENT_CAPACITY_MAX */
    /* accepted, refused */
    struct tw_str replayid;
    uint32_t attempt;     /* from 1 */
    struct tw_str reason; /* refused: without control characters; never empty */
};

struct tw_message_reader {
    struct tw_arena arena; /* texts of the message that was read last */
    struct tw_json_scanner scanner;
};
int tw_message_reader_init(struct tw_message_reader *self);
void tw_message_reader_fini(struct tw_message_reader *self);
/* Read a frame; the message lives until the next call, and may point into the frame. */
void tw_message_read(struct tw_message_reader *self, struct tw_str frame,
                     struct tw_agent_message *ret_message);

/* An order, without its event. */
struct tw_agent_order {
    struct tw_str replayid;
    uint32_t attempt;
    struct tw_str key; /* UTF-8 */
    struct tw_str destination;
    tw_wall_t deadline;
    struct tw_str event; /* JSON */
};
/* Appended to `frame`. TW_OK, TW_ENOMEM; TW_ELIMIT: longer than the buffer may become. */
int tw_message_write_order(const struct tw_agent_order *order, struct tw_buf *frame);

#endif
