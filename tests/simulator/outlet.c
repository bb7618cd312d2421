/* SPDX-License-Identifier: Apache-2.0
 * Channels over standard output, PUSH, XPUB and the acknowledged tap. A channel's buffer holds
 * the message under way: one event, or a JSON array that grows until it has per_message events.
 * XPUB instead of PUB for two reasons: it tells when the tower has subscribed, so that nothing is
 * sent before, and with XPUB_NODROP it waits at its high-water mark instead of dropping.
 */
#include "config.h"
#include "simulator/outlet.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include "simulator/garbage.h"
#include "simulator/types.h"
#include "tillwatch.h"

#define STDOUT_BYTES (1024u * 1024u)
#define HIGH_WATER   20000
#define WINDOW       4096 /* messages under way per sender */
#define POLL_EVERY   64   /* messages between two looks for acknowledgements */
#define MAX_CHANNELS 66
#define EVENT_ROOM   (SIM_MAX_EVENT + 2 * SIM_SLACK)
#define SUBSCRIBE_S  30
#define STAMP_LEN    17 /* sixteen digits, which last from 2001 to 2286, and a space */

struct channel {
    enum sim_tap tap;
    char *buffer;
    size_t len;
    uint32_t count; /* events in the buffer */
    const char *topic;
    void *socket;             /* PUSH and XPUB */
    tillwatch_sender *sender; /* acknowledged */
    uint32_t since_poll;
};

struct sim_outlet {
    uint32_t per_message;
    size_t stamp_len; /* of the time before a line of standard output; 0: none is written */
    int64_t now_us;
    void *zmq;
    struct channel channels[MAX_CHANNELS];
    unsigned channel_count;
    unsigned first_of[SIM_TAP_COUNT]; /* first channel of a tap */
    unsigned sender_count;
    int only_tap; /* -1: mixed */
    struct sim_outlet_counts counts;
};

/* ---- start and end ---- */

static struct channel *add_channel(struct sim_outlet *self, enum sim_tap tap)
{
    struct channel *channel = &self->channels[self->channel_count];
    size_t size =
        tap == SIM_TAP_STDOUT ? STDOUT_BYTES : (size_t)self->per_message * (SIM_MAX_EVENT + 1) + 2;
    channel->tap = tap;
    channel->buffer = malloc(size + EVENT_ROOM);
    self->channel_count++; /* counted even if half built: destroy frees it */
    return channel->buffer == NULL ? NULL : channel;
}

bool sim_outlet_set_keys(void *socket, const struct tillwatch_keys *keys)
{
    if (keys->server_key[0] == 0) {
        return true;
    }
    const size_t size = TILLWATCH_CURVE_KEY_BYTES;
    return zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, keys->server_key, size) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, keys->public_key, size) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, keys->secret_key, size) == 0;
}

static int open_socket(struct sim_outlet *self, const struct sim_options *options, enum sim_tap tap,
                       struct tw_diag *diag)
{
    int high_water = HIGH_WATER;
    int linger_ms = SIM_STALL_S * 1000;
    int stall_ms = SIM_STALL_S * 1000;
    int yes = 1;
    struct channel *channel = add_channel(self, tap);
    if (channel == NULL) {
        return TW_ENOMEM;
    }
    channel->socket = zmq_socket(self->zmq, tap == SIM_TAP_SUB ? ZMQ_XPUB : ZMQ_PUSH);
    if (channel->socket == NULL || !sim_outlet_set_keys(channel->socket, &options->keys) ||
        zmq_setsockopt(channel->socket, ZMQ_SNDHWM, &high_water, sizeof(high_water)) != 0 ||
        zmq_setsockopt(channel->socket, ZMQ_LINGER, &linger_ms, sizeof(linger_ms)) != 0 ||
        zmq_setsockopt(channel->socket, ZMQ_SNDTIMEO, &stall_ms, sizeof(stall_ms)) != 0 ||
        (tap == SIM_TAP_SUB &&
         zmq_setsockopt(channel->socket, ZMQ_XPUB_NODROP, &yes, sizeof(yes)) != 0) ||
        zmq_connect(channel->socket, options->endpoint[tap]) != 0) {
        return tw_diag_set(diag, TW_ESYSTEM, "cannot connect to %s (%s tap): %s",
                           options->endpoint[tap], sim_tap_name(tap), zmq_strerror(zmq_errno()));
    }
    return TW_OK;
}

static int await_subscription(struct channel *channel, const struct sim_options *options,
                              struct tw_diag *diag)
{
    int wait_ms = SUBSCRIBE_S * 1000;
    char text[64];
    (void)zmq_setsockopt(channel->socket, ZMQ_RCVTIMEO, &wait_ms, sizeof(wait_ms));
    int len = zmq_recv(channel->socket, text, sizeof(text), 0);
    if (len < 1 || text[0] != 1) {
        return tw_diag_set(
            diag, TW_ETIMEOUT,
            "nobody subscribed at %s (sub tap) for %d s; is tillwatch running there?",
            options->endpoint[SIM_TAP_SUB], SUBSCRIBE_S);
    }
    return TW_OK;
}

static int open_senders(struct sim_outlet *self, const struct sim_options *options,
                        struct tw_diag *diag)
{
    for (uint32_t i = 0; i < options->senders; i++) {
        struct channel *channel = add_channel(self, SIM_TAP_ROUTER);
        if (channel == NULL) {
            return TW_ENOMEM;
        }
        struct tillwatch_options sender = {.endpoint = options->endpoint[SIM_TAP_ROUTER],
                                           .window = WINDOW,
                                           .resend_ms = (int)options->resend_ms};
        if (options->keys.server_key[0] != 0) {
            sender.curve_server_key = options->keys.server_key;
            sender.curve_public_key = options->keys.public_key;
            sender.curve_secret_key = options->keys.secret_key;
        }
        int result = tillwatch_open(&sender, &channel->sender);
        if (result != TILLWATCH_OK) {
            return tw_diag_set(diag, TW_ESYSTEM, "cannot connect to %s (router tap): %s",
                               options->endpoint[SIM_TAP_ROUTER], tillwatch_text(result));
        }
    }
    self->sender_count = options->senders;
    return TW_OK;
}

static int open_tap(struct sim_outlet *self, const struct sim_options *options, enum sim_tap tap,
                    struct tw_diag *diag)
{
    if (options->tap >= 0 && options->tap != (int)tap) {
        return TW_OK;
    }
    self->first_of[tap] = self->channel_count;
    if (tap == SIM_TAP_ROUTER) {
        return open_senders(self, options, diag);
    }
    int result = open_socket(self, options, tap, diag);
    if (result == TW_OK && tap == SIM_TAP_SUB) {
        result = await_subscription(&self->channels[self->first_of[tap]], options, diag);
    }
    return result;
}

int sim_outlet_new(const struct sim_options *options, struct sim_outlet **ret_outlet,
                   struct tw_diag *diag)
{
    int result = TW_OK;
    struct sim_outlet *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->per_message = options->per_message;
    self->stamp_len = options->is_stamped ? STAMP_LEN : 0;
    self->only_tap = options->is_stdout ? (int)SIM_TAP_STDOUT : options->tap;
    if (options->is_stdout) {
        result = add_channel(self, SIM_TAP_STDOUT) == NULL ? TW_ENOMEM : TW_OK;
    } else {
        self->zmq = zmq_ctx_new();
        result = self->zmq == NULL ? TW_ENOMEM : TW_OK;
        for (int tap = SIM_TAP_PULL; tap < SIM_TAP_COUNT && result == TW_OK; tap++) {
            result = open_tap(self, options, (enum sim_tap)tap, diag);
        }
    }
    if (result != TW_OK) {
        sim_outlet_destroy(&self);
        return result;
    }
    *ret_outlet = self;
    return TW_OK;
}

void sim_outlet_destroy(struct sim_outlet **self_p)
{
    struct sim_outlet *self = *self_p;
    int none = 0;
    if (self == NULL) {
        return;
    }
    for (unsigned i = 0; i < self->channel_count; i++) {
        struct channel *channel = &self->channels[i];
        tillwatch_close(&channel->sender);
        if (channel->socket != NULL) {
            /* Finish has waited already; after a failure nothing is worth waiting for. */
            (void)zmq_setsockopt(channel->socket, ZMQ_LINGER, &none, sizeof(none));
            (void)zmq_close(channel->socket);
        }
        free(channel->buffer);
    }
    if (self->zmq != NULL) {
        (void)zmq_ctx_term(self->zmq);
    }
    free(self);
    *self_p = NULL;
}

/* ---- channels ---- */

unsigned sim_outlet_channel_of_store(const struct sim_outlet *self, uint32_t store)
{
    if (self->only_tap >= 0 && self->only_tap != (int)SIM_TAP_ROUTER) {
        return 0;
    }
    return self->first_of[SIM_TAP_ROUTER] + store % self->sender_count;
}

unsigned sim_outlet_channel_of_system(const struct sim_outlet *self, unsigned system)
{
    if (self->only_tap == (int)SIM_TAP_ROUTER) {
        return self->first_of[SIM_TAP_ROUTER] + system % self->sender_count;
    }
    if (self->only_tap >= 0) {
        return 0;
    }
    return self->first_of[system == SIM_MIDDLEWARE ? SIM_TAP_SUB : SIM_TAP_PULL];
}

enum sim_tap sim_outlet_tap(const struct sim_outlet *self, unsigned channel)
{
    return self->channels[channel].tap;
}

/* ---- sending ---- */

static int write_all(const char *bytes, size_t len, struct tw_diag *diag)
{
    while (len > 0) {
        ssize_t done = write(STDOUT_FILENO, bytes, len);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0) {
            char text[128];
            return tw_diag_set(diag, TW_EIO, "cannot write to standard output: %s",
                               tw_errno_text(errno, text, sizeof(text)));
        }
        bytes += done;
        len -= (size_t)done;
    }
    return TW_OK;
}

static int poll_sender(struct channel *channel, int timeout_ms, struct tw_diag *diag)
{
    int result = tillwatch_poll(channel->sender, timeout_ms);
    channel->since_poll = 0;
    if (result < 0) {
        return tw_diag_set(diag, TW_ESYSTEM, "router tap: %s", tillwatch_text(result));
    }
    return TW_OK;
}

static int64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Hand one message over; while the window is full, wait for acknowledgements. */
static int send_acknowledged(struct channel *channel, const void *bytes, size_t len,
                             struct tw_diag *diag)
{
    int64_t give_up = 0;
    struct tillwatch_counts before = {0};
    for (;;) {
        int result = tillwatch_send(channel->sender, NULL, NULL, bytes, len, NULL);
        if (result == TILLWATCH_OK) {
            channel->since_poll++;
            return channel->since_poll < POLL_EVERY ? TW_OK : poll_sender(channel, 0, diag);
        }
        if (result != TILLWATCH_FULL) {
            return tw_diag_set(diag, TW_ESYSTEM, "router tap: %s", tillwatch_text(result));
        }
        struct tillwatch_counts counts = {0};
        tillwatch_counts(channel->sender, &counts);
        if (give_up == 0 || counts.acknowledged != before.acknowledged) {
            give_up = now_ms() + SIM_STALL_S * 1000;
            before = counts;
        } else if (now_ms() > give_up) {
            return tw_diag_set(diag, TW_ETIMEOUT,
                               "nothing acknowledged on the router tap for %d s; is tillwatch "
                               "running and its disk not full?",
                               SIM_STALL_S);
        }
        result = poll_sender(channel, 100, diag);
        if (result != TW_OK) {
            return result;
        }
    }
}

static int send_socket(struct channel *channel, const void *bytes, size_t len, struct tw_diag *diag)
{
    int sent = 0;
    if (channel->tap == SIM_TAP_SUB) {
        const char *topic = channel->topic == NULL ? "com.tillwatch.batch" : channel->topic;
        do {
            sent = zmq_send(channel->socket, topic, strlen(topic), ZMQ_SNDMORE);
        } while (sent < 0 && zmq_errno() == EINTR);
    }
    if (sent >= 0) {
        do {
            sent = zmq_send(channel->socket, bytes, len, 0);
        } while (sent < 0 && zmq_errno() == EINTR);
    }
    if (sent < 0) {
        return tw_diag_set(diag, zmq_errno() == EAGAIN ? TW_ETIMEOUT : TW_ESYSTEM,
                           "the %s tap took nothing for %d s (%s); is tillwatch running?",
                           sim_tap_name(channel->tap), SIM_STALL_S, zmq_strerror(zmq_errno()));
    }
    return TW_OK;
}

static int send_message(struct sim_outlet *self, struct channel *channel, const void *bytes,
                        size_t len, struct tw_diag *diag)
{
    self->counts.messages[channel->tap]++;
    self->counts.bytes += len;
    switch (channel->tap) {
    case SIM_TAP_STDOUT:
        return write_all(bytes, len, diag);
    case SIM_TAP_ROUTER:
        return send_acknowledged(channel, bytes, len, diag);
    case SIM_TAP_PULL:
    case SIM_TAP_SUB:
    case SIM_TAP_COUNT:
    default:
        return send_socket(channel, bytes, len, diag);
    }
}

static int send_under_way(struct sim_outlet *self, struct channel *channel, struct tw_diag *diag)
{
    if (channel->count == 0) {
        return TW_OK;
    }
    if (channel->tap != SIM_TAP_STDOUT && self->per_message > 1) {
        channel->buffer[channel->len++] = ']';
    }
    int result = send_message(self, channel, channel->buffer, channel->len, diag);
    channel->len = 0;
    channel->count = 0;
    return result;
}

void sim_outlet_at(struct sim_outlet *self, int64_t now_us)
{
    self->now_us = now_us > self->now_us ? now_us : self->now_us;
}

/* The time before a line, without an end. */
static void put_stamp(const struct sim_outlet *self, char *out)
{
    char text[32];
    int len = snprintf(text, sizeof(text), "%016lld ", (long long)self->now_us);
    TW_ASSERT(len == STAMP_LEN);
    memcpy(out, text, STAMP_LEN);
}

char *sim_outlet_reserve(struct sim_outlet *self, unsigned index)
{
    struct channel *channel = &self->channels[index];
    size_t ahead = channel->tap == SIM_TAP_STDOUT ? self->stamp_len : self->per_message > 1;
    return channel->buffer + channel->len + ahead;
}

int sim_outlet_commit(struct sim_outlet *self, unsigned index, size_t len, const char *topic,
                      struct tw_diag *diag)
{
    struct channel *channel = &self->channels[index];
    self->counts.events[channel->tap]++;
    channel->count++;
    if (channel->tap == SIM_TAP_STDOUT) {
        if (self->stamp_len > 0) {
            put_stamp(self, channel->buffer + channel->len);
        }
        channel->len += self->stamp_len + len;
        channel->buffer[channel->len++] = '\n';
        return channel->len < STDOUT_BYTES - EVENT_ROOM ? TW_OK
                                                        : send_under_way(self, channel, diag);
    }
    if (self->per_message > 1) {
        channel->buffer[channel->len++] = channel->count == 1 ? '[' : ',';
    } else {
        channel->topic = topic;
    }
    channel->len += len;
    return channel->count < self->per_message ? TW_OK : send_under_way(self, channel, diag);
}

int sim_outlet_send_alone(struct sim_outlet *self, unsigned index, const void *bytes, size_t len,
                          struct tw_diag *diag)
{
    struct channel *channel = &self->channels[index];
    int result = send_under_way(self, channel, diag);
    if (result != TW_OK) {
        return result;
    }
    self->counts.events[channel->tap]++;
    channel->topic = NULL;
    if (channel->tap == SIM_TAP_STDOUT && self->stamp_len > 0) {
        char stamp[STAMP_LEN];
        put_stamp(self, stamp);
        result = write_all(stamp, STAMP_LEN, diag);
        if (result != TW_OK) {
            return result;
        }
    }
    result = send_message(self, channel, bytes, len, diag);
    if (result == TW_OK && channel->tap == SIM_TAP_STDOUT) {
        result = write_all("\n", 1, diag);
    }
    return result;
}

int sim_outlet_flush(struct sim_outlet *self, struct tw_diag *diag)
{
    int result = TW_OK;
    for (unsigned i = 0; i < self->channel_count && result == TW_OK; i++) {
        result = send_under_way(self, &self->channels[i], diag);
    }
    return result;
}

int sim_outlet_poll(struct sim_outlet *self, int timeout_ms, struct tw_diag *diag)
{
    int result = TW_OK;
    for (unsigned i = 0; i < self->channel_count && result == TW_OK; i++) {
        if (self->channels[i].sender != NULL) {
            result = poll_sender(&self->channels[i], timeout_ms, diag);
            timeout_ms = 0;
        }
    }
    return result;
}

/* Closing with linger waits for the kernel to take everything (at most SIM_STALL_S). */
static int finish_sockets(struct sim_outlet *self)
{
    for (unsigned i = 0; i < self->channel_count; i++) {
        if (self->channels[i].socket != NULL) {
            (void)zmq_close(self->channels[i].socket);
            self->channels[i].socket = NULL;
        }
    }
    if (self->zmq != NULL) {
        (void)zmq_ctx_term(self->zmq);
        self->zmq = NULL;
    }
    return TW_OK;
}

int sim_outlet_finish(struct sim_outlet *self, struct tw_diag *diag)
{
    int result = sim_outlet_flush(self, diag);
    for (unsigned i = 0; i < self->channel_count && result == TW_OK; i++) {
        struct channel *channel = &self->channels[i];
        if (channel->sender == NULL) {
            continue;
        }
        int flushed = tillwatch_flush(channel->sender, SIM_STALL_S * 1000);
        if (flushed != TILLWATCH_OK) {
            result = tw_diag_set(diag, TW_ETIMEOUT, "router tap at the end: %s",
                                 tillwatch_text(flushed));
        }
    }
    return result == TW_OK ? finish_sockets(self) : result;
}

struct sim_outlet_counts sim_outlet_counts(struct sim_outlet *self)
{
    self->counts.acknowledged = 0;
    self->counts.quarantined = 0;
    self->counts.resent = 0;
    for (unsigned i = 0; i < self->channel_count; i++) {
        if (self->channels[i].sender != NULL) {
            struct tillwatch_counts counts = {0};
            tillwatch_counts(self->channels[i].sender, &counts);
            self->counts.acknowledged += counts.acknowledged;
            self->counts.quarantined += counts.quarantined;
            self->counts.resent += counts.resent;
        }
    }
    return self->counts;
}
