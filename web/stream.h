/* SPDX-License-Identifier: Apache-2.0
 * The clients of GET /stream and the tick that they all get: one JSON text a second, rendered once
 * and shared. A client that has missed some gets one tick that names all that changed meanwhile,
 * so that nothing is queued for anybody: what is kept for a client is a few numbers, and a
 * reference to the tick that it is being given.
 * Knows neither the store (web/ticker.h) nor the socket (struct tw_stream_port, web/server.c).
 * Thread:  `web-ticker` publishes; web threads open, read and end; one mutex, held for moments.
 * Limits:  web.max-streams clients; the others below.
 * Fails:   out of memory a tick is left out, and the next one names what it would have.
 */
#ifndef TW_WEB_STREAM_H
#define TW_WEB_STREAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/err.h"

/* A client that comes back is told what changed since the tick it saw last, if that is among so
 * many; a browser that lost its line tries again within seconds. */
#define TW_STREAM_KEPT_TICKS 60
/* More bytes of names than these in a tick become one: "*". Some 300 names. */
#define TW_STREAM_MAX_NAMES (8u * 1024u)
/* Names that are remembered at all; workflows and objectives beyond them count as "*". */
#define TW_STREAM_MAX_VIEWS 4096
/* Bytes of ticks that went by while a client took none of them: beyond it, it does not read. About
 * twenty ticks, two of the largest; and the socket holds some too (TW_STREAM_SEND_BUFFER). */
#define TW_STREAM_MAX_UNSENT (32u * 1024u)
/* What the kernel keeps for a client that reads slowly; it doubles this for its own needs. */
#define TW_STREAM_SEND_BUFFER (16 * 1024)

struct tw_streams;
struct tw_stream;

/* What the server does with the connection of a client. Called with the mutex held: must not call
 * back. `suspend` is called in the thread that reads, the others in any. */
struct tw_stream_port {
    void (*suspend)(void *peer); /* do not ask for bytes until resumed */
    void (*resume)(void *peer);  /* ask again; only after suspend, once for each */
    void (*drop)(void *peer);    /* it does not read: end the connection */
};

struct tw_stream_counts {
    uint64_t open;    /* now */
    uint64_t dropped; /* did not read */
    uint64_t refused; /* beyond the maximum */
};

/* Borrows port. `max`: clients at a time. `number`: that of the first tick, 1 or more; above all
 * that an earlier process gave, so that none of its numbers is taken for one of ours. TW_OK,
 * TW_ENOMEM, TW_ESYSTEM (no descriptors left). */
int tw_streams_new(const struct tw_stream_port *port, size_t max, uint64_t number,
                   struct tw_streams **ret_streams);
/* Every client is told to end, further ones are refused. Nobody is suspended afterwards. */
void tw_streams_close(struct tw_streams *self);
/* After the last client has ended. Accepts NULL. */
void tw_streams_destroy(struct tw_streams **self_p);
void tw_streams_count(struct tw_streams *self, struct tw_stream_counts *ret_counts);

/* ---- clients */

/* A client that saw tick `last_id` before (0: none). TW_OK; TW_ELIMIT (there are max); TW_ECLOSED;
 * TW_ENOMEM. */
int tw_stream_open(struct tw_streams *self, uint64_t last_id, struct tw_stream **ret_stream);
/* The connection behind it, before the first read. */
void tw_stream_attach(struct tw_stream *self, void *peer);
/* Copy up to `size` bytes to send. 0: there are none, and the peer was suspended. -1: no more will
 * come. */
ssize_t tw_stream_read(struct tw_stream *self, char *buf, size_t size);
/* The connection is gone; `is_stuck`: for nothing could be sent for too long. Accepts NULL. */
void tw_stream_end(struct tw_stream **self_p, bool is_stuck);

/* ---- ticks */

/* This view is changed in the tick that is published next. */
void tw_streams_changed(struct tw_streams *self, const char *view);
/* All of them may be. */
void tw_streams_all_changed(struct tw_streams *self);
/* What stands of alerts, and what is new of them: an event `alert` goes before the next tick, with
 * `news` for those who had the tick before, with `counts` for those who come. Takes both (NULL too:
 * TW_ENOMEM, nothing has changed). */
int tw_streams_alert(struct tw_streams *self, json_t *counts, json_t *news);
/* Give everybody a tick: `tick` (takes it, NULL too: TW_ENOMEM) gets its member "views":
 * "status" and what was changed. TW_OK or TW_ENOMEM (nobody got one; the changes stay). */
int tw_streams_publish(struct tw_streams *self, json_t *tick);
/* Nothing is known: a comment, so that clients see that the line lives. */
void tw_streams_beat(struct tw_streams *self);
/* May the ticker rest: is nobody there, and was nobody for so many ticks as are kept? If so, what
 * is known of changes is forgotten, and the descriptor below tells when somebody comes. It is so
 * in the beginning. */
bool tw_streams_rest(struct tw_streams *self);
/* Readable while somebody came during a rest; tw_streams_wake() clears it. */
int tw_streams_wake_fd(const struct tw_streams *self);
void tw_streams_wake(struct tw_streams *self);

#endif
