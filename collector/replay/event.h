/* SPDX-License-Identifier: Apache-2.0
 * The event that a replay sends: the stored one, byte for byte, but for what made it a failure and
 * what names the replay. And the key of its effect.
 * Thread:  the owner's.
 * An event that is repaired goes through a JSON library: its numbers may be written otherwise.
 * Source:  decision 72, "What is an item", "The key"; docs/agents.md.
 */
#ifndef TW_REPLAY_EVENT_H
#define TW_REPLAY_EVENT_H

#include "core/buf.h"
#include "core/err.h"
#include "event/scan.h"
#include "store/replays.h"

struct tw_replay_event {
    struct tw_str json; /* as it is stored */
    struct tw_str edit; /* changes, as replay/edit.h has them; absent: none */
    struct tw_str replayid;
    uint32_t attempt;
    struct tw_str destination;
    struct tw_str object; /* "order:4711", "transaction:0042/88" */
    bool is_awaited;      /* it is what the step waited for; else the event that failed */
};

struct tw_event_writer {
    struct tw_arena arena;
    struct tw_json_scanner scanner;
};
int tw_event_writer_init(struct tw_event_writer *self);
void tw_event_writer_fini(struct tw_event_writer *self);

/* The event appended to `out`, and its key in ret_key (TW_IDEMPOTENCY_MAX bytes of room).
 * TW_ESYNTAX: it is no event that can be read, `why` says what; TW_ELIMIT: longer than `out` may
 * become; TW_ENOMEM. */
int tw_event_write(struct tw_event_writer *self, const struct tw_replay_event *event,
                   struct tw_buf *out, char *key, size_t *ret_key_len, struct tw_diag *why);

#endif
