/* SPDX-License-Identifier: Apache-2.0
 * The taps: ZeroMQ sockets on which the collector listens. The only directory that includes
 * zmq.h (beside the client library and the simulator).
 * Thread:  opened, polled and closed by the intake thread; the ZAP handler is an actor of its own
 *          that tw_taps_new starts and tw_taps_destroy joins.
 * Limits:  per tap max_message_bytes, receive_hwm; a message has at most TW_TAP_MAX_FRAMES frames
 *          (the rest is read and discarded, the message quarantined as `frames`).
 * Policy when the store is behind: stop receiving. PUSH and DEALER peers are then held back by
 *          their high-water mark; what a PUB peer drops shows as sequence gaps.
 * Fails:   tw_taps_new names tap and endpoint in the diag (address in use, no permission).
 */
#ifndef TW_TAP_TAP_H
#define TW_TAP_TAP_H

#include "config/config.h"
#include "core/arena.h"
#include "core/clock.h"
#include "core/problem.h"
#include "core/str.h"

#define TW_TAP_MAX_FRAMES 8
#define TW_TAP_REF_MAX    64
#define TW_TAP_ID_MAX     255

/* Bytes of frames held until they are released. Beyond it nothing more is received: the batches in
 * flight hold that much of the network in memory, whatever the number of messages. */
#define TW_TAP_HELD_MAX_BYTES (UINT64_C(256) << 20)

struct tw_taps;

/* A received message. Frames are held by the ZeroMQ message objects inside until tw_taps_release:
 * received without a copy, so that events may borrow them. */
struct tw_tap_message {
    size_t tap_index;      /* in cfg->taps */
    struct tw_str peer;    /* CURVE client name, else routing id in hex, else absent; borrowed
                            * from the arena given to receive */
    bool wants_ack;        /* came on a ROUTER with a usable reference */
    bool has_delimiter;    /* REQ: empty delimiter frame before the reference */
    struct tw_str routing; /* ROUTER: routing id of the peer; in the arena */
    struct tw_str ref;     /* ROUTER: the reference; in the arena */
    enum tw_problem_code
        problem;         /* none, or frames / oversize / reference: body is what there is */
    struct tw_str topic; /* absent when there is none */
    struct tw_str headers;
    struct tw_str body;
    uint64_t bytes; /* of all frames */
};

/* Open every tap of cfg. Borrows cfg. TW_OK, TW_EBUSY (address in use), TW_EPERM, TW_EINVAL,
 * TW_ENOTFOUND (a key file), TW_ENOMEM, TW_ESYSTEM; the diag names tap, endpoint and what to do. */
int tw_taps_new(const struct tw_cfg *cfg, struct tw_taps **ret_taps, struct tw_diag *diag);
void tw_taps_destroy(struct tw_taps **self_p);
/* The endpoint that the tap was last bound to (a wildcard port resolved) or connected to, for logs
 * and tests. Borrowed until destroy. */
const char *tw_taps_endpoint(const struct tw_taps *self, size_t tap_index);
/* Read the client keys again (SIGHUP). A fault in them is logged and the old ones stay. Any
 * thread. */
void tw_taps_reload_clients(struct tw_taps *self);
/* Clients refused by CURVE taps so far: unknown key, no CURVE. Any thread. */
uint64_t tw_taps_refused(const struct tw_taps *self);

/* Wait until a tap can be read (unless !want_taps), one of the fds is readable, or timeout_ms
 * passed (0: only look; negative: without limit). Sets bit i of *ret_fds for fds[i]. */
int tw_taps_wait(struct tw_taps *self, bool want_taps, const int *fds, size_t fd_count,
                 int timeout_ms, uint32_t *ret_fds);
/* The next message of any tap that has one, taps in turn (fair). Small strings go into `arena`.
 * TW_OK; TW_EAGAIN: none has one, or so many frames are held that a batch must be released first
 * (TW_TAP_HELD_MAX_BYTES; all batches full); TW_ELIMIT: the arena is full, TW_ENOMEM: nothing was
 * received, try with an empty arena or later (a ROUTER message may be lost, it comes again);
 * TW_ESYSTEM. */
int tw_taps_receive(struct tw_taps *self, struct tw_arena *arena,
                    struct tw_tap_message *ret_message);
/* Frames of all messages received since the last mark die: call when their batch is committed.
 * tw_taps_mark() returns a mark; tw_taps_release(mark) frees everything received before it. */
uint64_t tw_taps_mark(struct tw_taps *self);
void tw_taps_release(struct tw_taps *self, uint64_t mark);

/* Answer a message that wanted it: "ok", or "quarantined" with a problem JSON (problem.ptr set).
 * Never blocks. TW_OK; TW_ENOTFOUND: the client is gone; TW_EAGAIN: its queue is full (it will
 * send again). */
int tw_taps_acknowledge(struct tw_taps *self, size_t tap_index, struct tw_str routing,
                        bool has_delimiter, struct tw_str ref, struct tw_str problem);

#endif
