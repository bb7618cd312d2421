/* SPDX-License-Identifier: Apache-2.0
 * From a message to its events: structured, batch and binary CloudEvents, and foreign JSON
 * through the mappings of the configuration. Validates strictly; what cannot be read is reported
 * with its reason and its raw bytes, one bad event of a batch alone.
 * Thread: intake only. Limits: intake.* of the configuration. Fails: never blocks, never aborts
 * on input, never recurses over input. Source: contracts sections 2 and 3; CloudEvents 1.0.2,
 * JSON format and HTTP binding; RFC 8259.
 */
#ifndef TW_EVENT_DECODE_H
#define TW_EVENT_DECODE_H

#include "config/config.h"
#include "core/arena.h"
#include "event/event.h"

/* What is wrong with a message or one event of it. */
struct tw_problem {
    enum tw_problem_code code;
    int64_t index;        /* position in the batch, from 0; -1: the whole message */
    struct tw_str detail; /* one sentence: where and which value; printable, at most 256 bytes */
    struct tw_str raw;    /* the bytes of the event, or of the message's body; borrowed */
};

/* Where decoded events go. Both may be called many times for one message. `event` itself lives for
 * the call; what it points at, `problem` and what that points at live until the decoder's arena is
 * reset or the message's frames die. */
struct tw_decode_sink {
    void *context;
    void (*event)(void *context, const struct tw_event *event);
    void (*problem)(void *context, const struct tw_problem *problem);
};

struct tw_decoder;

/* Borrows cfg (intake and mappings) and arena for its life. */
int tw_decoder_new(const struct tw_cfg *cfg, struct tw_arena *arena,
                   struct tw_decoder **ret_decoder);
void tw_decoder_destroy(struct tw_decoder **self_p);
/* Use another arena from now on (the next batch's). Borrows it. */
void tw_decoder_set_arena(struct tw_decoder *self, struct tw_arena *arena);
/* Decode one message: every event and every problem of it goes to the sink, in order. At least
 * one call is made, unless the message is an empty batch `[]`. */
void tw_decoder_run(struct tw_decoder *self, const struct tw_message *message,
                    const struct tw_decode_sink *sink);

#endif
