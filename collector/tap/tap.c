/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "tap/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <zmq.h>

#include "core/log.h"
#include "curve/guard.h"
#include "tap/hold.h"
#include "tap/socket.h"

#define BURST      32  /* messages from one tap before the next has its turn */
#define LOOK_AGAIN 256 /* messages after which taps found empty are looked at again */
#define POLL_FDS   32  /* bits of ret_fds */

/* Frames of one message that are kept; with more it cannot be understood. */
#define KEPT_FRAMES 3

/* Peer text: hex of a routing id, cut to what the store keeps of a peer. */
#define PEER_ID_BYTES 127

/* The arena must have this left for a message: routing id, reference, peer, alignment. */
#define ARENA_MIN_BYTES 1024

struct tap {
    void *socket;
    enum tw_tap_kind kind;
    const char *name; /* of the configuration */
    bool has_curve;
    bool is_empty; /* found so lately */
    uint64_t max_message_bytes;
    char endpoint[TW_TAP_ENDPOINT_SIZE];
};

struct tw_taps {
    /* owned by intake */
    void *zmq_context;
    struct tap *taps;
    size_t tap_count;
    size_t turn;         /* the tap to try next */
    unsigned burst;      /* messages taken from it in this turn */
    unsigned since_look; /* messages since all taps were looked at */
    struct tw_hold hold;
    zmq_pollitem_t *items; /* taps, then fds */
    /* its own locks */
    struct tw_zap *zap; /* NULL: no tap has CURVE */
};

/* The handler, when a tap has CURVE. */
static int open_zap(struct tw_taps *self, const struct tw_cfg *cfg, struct tw_diag *diag)
{
    struct tw_zap_door *doors = calloc(cfg->tap_count, sizeof *doors);
    size_t count = 0;
    if (doors == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < cfg->tap_count; i++) {
        const struct tw_cfg_tap *tap = &cfg->taps[i];
        if (tap->curve.server_key_file != NULL) {
            doors[count++] = (struct tw_zap_door){
                .kind = TW_ZAP_TAP, .name = tap->name, .clients_dir = tap->curve.clients_dir};
        }
    }
    int rc = count == 0 ? TW_OK : tw_zap_new(self->zmq_context, doors, count, &self->zap, diag);
    free(doors);
    return rc;
}

/* As many messages as all batches together can carry, three frames each; 64 bytes a slot. The
 * bytes: what the batches may keep of the network in memory; one message is always let through. */
static void init_hold(struct tw_taps *self, const struct tw_cfg *cfg)
{
    const int64_t lowest = 4096;
    const int64_t highest = 4 << 20;
    int64_t events = cfg->store.commit_events < highest ? cfg->store.commit_events : highest;
    int64_t batches = cfg->intake.batches < 1024 ? cfg->intake.batches : 1024;
    int64_t frames = events * (batches + 1) * KEPT_FRAMES;
    frames = frames < lowest ? lowest : (frames > highest ? highest : frames);
    tw_hold_init(&self->hold, (size_t)frames, TW_TAP_HELD_MAX_BYTES);
}

static int open_context(struct tw_taps *self, size_t tap_count, struct tw_diag *diag)
{
    self->zmq_context = zmq_ctx_new();
    if (self->zmq_context == NULL) {
        return TW_ENOMEM;
    }
    /* One io thread carries 1.3 M messages a second; a second gains nothing on two cores. Sockets:
     * the taps, ZAP, and what libzmq takes for itself. */
    int failed = zmq_ctx_set(self->zmq_context, ZMQ_IO_THREADS, 1);
    failed |= zmq_ctx_set(self->zmq_context, ZMQ_MAX_SOCKETS, (int)tap_count + 64);
    failed |= zmq_ctx_set(self->zmq_context, ZMQ_BLOCKY, 0);
    return failed == 0 ? TW_OK : tw_diag_set(diag, TW_ESYSTEM, "ZeroMQ: %s", zmq_strerror(errno));
}

static int open_taps(struct tw_taps *self, const struct tw_cfg *cfg, struct tw_diag *diag)
{
    for (size_t i = 0; i < cfg->tap_count; i++) {
        const struct tw_cfg_tap *from = &cfg->taps[i];
        struct tap *tap = &self->taps[i];
        int rc = tw_tap_socket_open(self->zmq_context, cfg, i, &tap->socket, tap->endpoint, diag);
        if (rc != TW_OK) {
            return rc;
        }
        tap->name = from->name;
        tap->kind = from->kind;
        tap->has_curve = from->curve.server_key_file != NULL;
        tap->max_message_bytes = (uint64_t)from->max_message_bytes;
        self->items[i] = (zmq_pollitem_t){.socket = tap->socket, .events = ZMQ_POLLIN};
    }
    return TW_OK;
}

int tw_taps_new(const struct tw_cfg *cfg, struct tw_taps **ret_taps, struct tw_diag *diag)
{
    if (cfg->tap_count == 0) {
        return tw_diag_set(diag, TW_EINVAL, "no taps are configured");
    }
    struct tw_taps *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    init_hold(self, cfg);
    self->tap_count = cfg->tap_count;
    self->taps = calloc(cfg->tap_count, sizeof *self->taps);
    self->items = calloc(cfg->tap_count + POLL_FDS, sizeof *self->items);
    int rc = self->taps == NULL || self->items == NULL ? TW_ENOMEM
                                                       : open_context(self, cfg->tap_count, diag);
    rc = rc == TW_OK ? open_zap(self, cfg, diag) : rc;
    if (rc == TW_OK) {
        rc = open_taps(self, cfg, diag);
    }
    if (rc != TW_OK) {
        tw_taps_destroy(&self);
        return rc;
    }
    *ret_taps = self;
    return TW_OK;
}

void tw_taps_destroy(struct tw_taps **self_p)
{
    struct tw_taps *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; self->taps != NULL && i < self->tap_count; i++) {
        if (self->taps[i].socket != NULL) {
            tw_tap_socket_close(self->taps[i].socket);
        }
    }
    tw_hold_fini(&self->hold);
    tw_zap_destroy(&self->zap);
    if (self->zmq_context != NULL) {
        while (zmq_ctx_term(self->zmq_context) != 0 && errno == EINTR) {
        }
    }
    free(self->items);
    free(self->taps);
    free(self);
}

const char *tw_taps_endpoint(const struct tw_taps *self, size_t tap_index)
{
    TW_ASSERT(tap_index < self->tap_count);
    return self->taps[tap_index].endpoint;
}

void tw_taps_reload_clients(struct tw_taps *self)
{
    struct tw_diag diag = {.text = ""};
    int rc = self->zap == NULL ? TW_OK : tw_zap_reload(self->zap, &diag);
    if (rc != TW_OK) {
        tw_log(TW_LOG_RELOAD_REFUSED_EVENT,
               TW_F_CSTR("reason", diag.text[0] != '\0' ? diag.text : tw_err_text(rc)));
    }
}

uint64_t tw_taps_refused(const struct tw_taps *self)
{
    return self->zap == NULL ? 0 : tw_zap_refused(self->zap);
}

static void look_again(struct tw_taps *self)
{
    self->since_look = 0;
    for (size_t i = 0; i < self->tap_count; i++) {
        self->taps[i].is_empty = false;
    }
}

/* A socket takes note of new peers only when it is asked something; a bound SUB socket sends them
 * its subscriptions then. So ask, though nothing is to be received. */
static void serve_sockets(struct tw_taps *self)
{
    for (size_t i = 0; i < self->tap_count; i++) {
        int events = 0;
        size_t size = sizeof events;
        (void)zmq_getsockopt(self->taps[i].socket, ZMQ_EVENTS, &events, &size); /* see above */
    }
}

int tw_taps_wait(struct tw_taps *self, bool want_taps, const int *fds, size_t fd_count,
                 int timeout_ms, uint32_t *ret_fds)
{
    TW_ASSERT(fd_count <= POLL_FDS);
    zmq_pollitem_t *fd_items = self->items + self->tap_count;
    for (size_t i = 0; i < fd_count; i++) {
        fd_items[i] = (zmq_pollitem_t){.fd = fds[i], .events = ZMQ_POLLIN};
    }
    bool polls_taps = want_taps && !tw_hold_is_full(&self->hold);
    if (!polls_taps) {
        serve_sockets(self);
    }
    int count = (int)(fd_count + (polls_taps ? self->tap_count : 0));
    int ready = zmq_poll(polls_taps ? self->items : fd_items, count, timeout_ms);
    if (ready < 0 && errno != EINTR) {
        return TW_ESYSTEM;
    }
    uint32_t bits = 0;
    for (size_t i = 0; ready > 0 && i < fd_count; i++) {
        bits |= fd_items[i].revents != 0 ? UINT32_C(1) << i : 0;
    }
    if (polls_taps) {
        look_again(self);
    }
    *ret_fds = bits;
    return TW_OK;
}

/* A message while it is read. */
struct reading {
    struct tap *tap;
    struct tw_zap *zap; /* NULL: no tap has CURVE */
    struct tw_hold *hold;
    struct tw_tap_message *out;
    zmq_msg_t *slot; /* the frame last received, not kept yet */
    bool has_more;
};

/* The next frame into a slot. TW_OK, TW_EAGAIN (no message), TW_ESYSTEM. */
static int next_frame(struct reading *self)
{
    self->slot = tw_hold_slot(self->hold);
    int n = 0;
    do {
        n = zmq_msg_recv(self->slot, self->tap->socket, ZMQ_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        self->has_more = false;
        return errno == EAGAIN ? TW_EAGAIN : TW_ESYSTEM;
    }
    self->has_more = zmq_msg_more(self->slot) != 0;
    return TW_OK;
}

static struct tw_str frame_of(zmq_msg_t *slot)
{
    return (struct tw_str){zmq_msg_data(slot), zmq_msg_size(slot)};
}

/* Routing id, reference and peer of a ROUTER message in one piece of the arena. */
static int copy_identity(struct tw_arena *arena, struct tw_str routing, struct tw_str ref,
                         bool wants_hex, struct tw_tap_message *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t hex_bytes = routing.len < PEER_ID_BYTES ? routing.len : PEER_ID_BYTES;
    size_t hex_len = wants_hex ? 2 * hex_bytes : 0;
    char *bytes = tw_arena_alloc(arena, routing.len + ref.len + hex_len + 1);
    if (bytes == NULL) {
        return TW_ENOMEM;
    }
    memcpy(bytes, routing.ptr, routing.len);
    out->routing = (struct tw_str){bytes, routing.len};
    bytes += routing.len;
    if (ref.len > 0) {
        memcpy(bytes, ref.ptr, ref.len);
        out->ref = (struct tw_str){bytes, ref.len};
        bytes += ref.len;
    }
    if (wants_hex) {
        for (size_t i = 0; i < hex_bytes; i++) {
            unsigned char c = (unsigned char)routing.ptr[i];
            bytes[2 * i] = digits[c >> 4];
            bytes[2 * i + 1] = digits[c & 15];
        }
        out->peer = (struct tw_str){bytes, hex_len};
    }
    return TW_OK;
}

/* Of a frame that the client sent: the routing id that libzmq puts before them knows nothing of it
 * when the socket was polled (router_t::xhas_in). */
static void judge_client(struct reading *self)
{
    if (!tw_guard_passes(self->zap, self->tap->name, self->slot)) {
        self->out->problem = TW_PROBLEM_client;
    }
}

/* [routing id] [] [ref] of a ROUTER message, where [] is a REQ's; the current frame is the routing
 * id. Leaves the first frame behind them current; *ret_has_frame says whether there is one. */
static int read_envelope(struct reading *self, struct tw_arena *arena, bool *ret_has_frame)
{
    char routing[TW_TAP_ID_MAX];
    char ref[TW_TAP_REF_MAX];
    struct tw_str frame = frame_of(self->slot);
    size_t routing_len = frame.len < sizeof routing ? frame.len : sizeof routing;
    memcpy(routing, frame.ptr, routing_len);
    int rc = self->has_more ? next_frame(self) : TW_ESYSTEM;
    if (rc == TW_OK && zmq_msg_size(self->slot) == 0 && self->has_more) {
        self->out->has_delimiter = true;
        rc = next_frame(self);
    }
    if (rc != TW_OK) {
        return rc; /* libzmq delivers whole messages, each with its routing id: it is broken */
    }
    frame = frame_of(self->slot);
    size_t ref_len = frame.len <= TW_TAP_REF_MAX ? frame.len : 0;
    memcpy(ref, frame.ptr, ref_len);
    self->out->wants_ack = ref_len > 0;
    self->out->bytes += frame.len;
    if (self->tap->has_curve) {
        judge_client(self);
    }
    struct tw_str name = self->tap->has_curve ? tw_guard_name(self->slot) : TW_STR_NULL;
    if (name.ptr != NULL) {
        self->out->peer = tw_arena_copy(arena, name);
    }
    rc = copy_identity(arena, (struct tw_str){routing, routing_len}, (struct tw_str){ref, ref_len},
                       self->out->peer.ptr == NULL, self->out);
    if (rc != TW_OK) {
        return rc;
    }
    if (self->out->problem == TW_PROBLEM_none && ref_len == 0) {
        self->out->problem = TW_PROBLEM_reference;
    }
    if (!self->has_more) {
        /* nothing behind the reference: it is all the evidence there is */
        if (self->out->problem == TW_PROBLEM_none) {
            self->out->problem = TW_PROBLEM_frames;
        }
        self->out->body = frame_of(self->slot);
        tw_hold_keep(self->hold);
        *ret_has_frame = false;
        return TW_OK;
    }
    *ret_has_frame = true;
    return next_frame(self);
}

/* Keep the frames of the message, the current one first; read and discard what is too many. */
static int read_frames(struct reading *self)
{
    struct tw_str frames[KEPT_FRAMES] = {TW_STR_NULL};
    size_t count = 0;
    uint64_t bytes = 0;
    for (;;) {
        bytes += zmq_msg_size(self->slot);
        if (count < KEPT_FRAMES) {
            frames[count] = frame_of(self->slot);
            tw_hold_keep(self->hold);
        }
        count++;
        if (!self->has_more) {
            break;
        }
        int rc = next_frame(self);
        if (rc != TW_OK) {
            return rc;
        }
    }
    struct tw_tap_message *out = self->out;
    size_t kept = count < KEPT_FRAMES ? count : KEPT_FRAMES;
    out->body = frames[kept - 1];
    out->headers = kept == 3 && frames[1].len > 0 ? frames[1] : TW_STR_NULL;
    out->topic = kept >= 2 && frames[0].len > 0 ? frames[0] : TW_STR_NULL;
    out->bytes += bytes;
    if (out->problem == TW_PROBLEM_none && count > KEPT_FRAMES) {
        out->problem = TW_PROBLEM_frames;
    } else if (out->problem == TW_PROBLEM_none && bytes > self->tap->max_message_bytes) {
        out->problem = TW_PROBLEM_oversize;
    }
    return TW_OK;
}

/* Throw the rest of a broken message away, so that the next one begins with its first frame. */
static void discard_rest(struct reading *self)
{
    while (self->has_more && next_frame(self) == TW_OK) {
    }
}

static int receive_from(struct tw_taps *self, size_t index, struct tw_arena *arena,
                        struct tw_tap_message *ret_message)
{
    struct tw_tap_message message = {.tap_index = index};
    struct reading reading = {
        .tap = &self->taps[index],
        .zap = self->zap,
        .hold = &self->hold,
        .out = &message,
        .has_more = true,
    };
    int rc = next_frame(&reading);
    if (rc != TW_OK) {
        return rc;
    }
    bool has_frame = true;
    if (reading.tap->kind == TW_TAP_ROUTER) {
        rc = read_envelope(&reading, arena, &has_frame);
    } else if (reading.tap->has_curve) {
        judge_client(&reading);
        message.peer = tw_arena_copy(arena, tw_guard_name(reading.slot));
    }
    if (rc == TW_OK && has_frame) {
        rc = read_frames(&reading);
    }
    if (rc != TW_OK) {
        discard_rest(&reading);
        return rc == TW_EAGAIN ? TW_ESYSTEM : rc;
    }
    *ret_message = message;
    return TW_OK;
}

static void next_turn(struct tw_taps *self)
{
    self->burst = 0;
    self->turn = self->turn + 1 == self->tap_count ? 0 : self->turn + 1;
}

int tw_taps_receive(struct tw_taps *self, struct tw_arena *arena,
                    struct tw_tap_message *ret_message)
{
    if (tw_hold_is_full(&self->hold)) {
        return TW_EAGAIN;
    }
    if (arena->max - arena->used < ARENA_MIN_BYTES) {
        return TW_ELIMIT;
    }
    if (tw_hold_reserve(&self->hold, TW_TAP_MAX_FRAMES) != TW_OK) {
        return TW_ENOMEM;
    }
    if (++self->since_look > LOOK_AGAIN) {
        look_again(self);
    }
    for (size_t tried = 0; tried < self->tap_count; tried++) {
        struct tap *tap = &self->taps[self->turn];
        if (!tap->is_empty) {
            int rc = receive_from(self, self->turn, arena, ret_message);
            if (rc != TW_EAGAIN) {
                if (++self->burst >= BURST) {
                    next_turn(self);
                }
                return rc;
            }
            tap->is_empty = true;
        }
        next_turn(self);
    }
    look_again(self);
    return TW_EAGAIN;
}

uint64_t tw_taps_mark(struct tw_taps *self)
{
    return tw_hold_mark(&self->hold);
}

void tw_taps_release(struct tw_taps *self, uint64_t mark)
{
    tw_hold_release(&self->hold, mark);
}

int tw_taps_acknowledge(struct tw_taps *self, size_t tap_index, struct tw_str routing,
                        bool has_delimiter, struct tw_str ref, struct tw_str problem)
{
    TW_ASSERT(tap_index < self->tap_count);
    void *socket = self->taps[tap_index].socket;
    const int more = ZMQ_DONTWAIT | ZMQ_SNDMORE;
    int n = -1;
    do {
        n = zmq_send(socket, routing.ptr, routing.len, more);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EHOSTUNREACH ? TW_ENOTFOUND : (errno == EAGAIN ? TW_EAGAIN : TW_ESYSTEM);
    }
    /* With the routing id accepted the queue has room for the whole message, and frames to a
     * client that leaves meanwhile are taken and dropped by libzmq (router_t::xsend). */
    bool is_sent = !has_delimiter || zmq_send(socket, "", 0, more) >= 0;
    is_sent = is_sent && zmq_send(socket, ref.ptr, ref.len, more) >= 0;
    if (problem.ptr == NULL) {
        is_sent = is_sent && zmq_send_const(socket, "ok", 2, ZMQ_DONTWAIT) >= 0;
    } else {
        is_sent = is_sent && zmq_send_const(socket, "quarantined", 11, more) >= 0;
        is_sent = is_sent && zmq_send(socket, problem.ptr, problem.len, ZMQ_DONTWAIT) >= 0;
    }
    return is_sent ? TW_OK : TW_ESYSTEM;
}
