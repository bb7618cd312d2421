/* SPDX-License-Identifier: Apache-2.0
 *
 * A message has a ticket; its reference on the wire is the ticket, 8 bytes big-endian. Tickets from
 * `base` are in the window, one row each: base .. base + window. `cursor` is the next to send; a
 * reconnect or a time-out sets it back to `base`, and rows acknowledged out of order are skipped.
 */
#include "config.h"
#include "tillwatch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <zmq.h>

#include "link.h"
#include "spool.h"

#define WINDOW_DEFAULT    1024
#define SPOOL_DEFAULT     (UINT64_C(1) << 30)
#define SPOOL_MIN         4096
#define RESEND_DEFAULT_MS 5000
#define RESEND_MAX_MS     60000 /* the back-off stops growing here, unless resend_ms is longer */
#define MESSAGE_MAX       (UINT32_C(64) << 20) /* bytes of topic, headers and body together */
#define ACK_FRAMES        3                    /* ref, word, problem */
#define REF_BYTES         8
#define ACK_MAX_BYTES     65536 /* of one frame of an acknowledgement */

/* A ticket in the window. */
struct row {
    void *memory;              /* owned; without a spool: frames one behind the other */
    uint32_t lens[TWC_FRAMES]; /* of `memory` */
    uint64_t at;               /* with a spool: position */
    bool is_sent;
    bool is_acked;
    bool is_quarantined;
    char *problem; /* owned; of an acknowledgement that waits for its turn */
    size_t problem_len;
};

struct tillwatch_sender {
    struct twc_link *link;
    void *socket;            /* of the link */
    struct twc_spool *spool; /* NULL: window in memory only */
    struct row *rows;        /* ticket t has row t % window */
    size_t window;
    uint64_t base;       /* oldest ticket not acknowledged */
    uint64_t next;       /* ticket of the next message */
    uint64_t cursor;     /* base <= cursor <= next: next ticket to send */
    uint64_t placed;     /* spool: tickets below have their position in their row */
    uint64_t placed_at;  /* spool: position of ticket `placed` */
    uint64_t acked_rows; /* in the window, not at its base */
    bool is_corked;
    bool has_unsynced;
    bool is_blocked; /* the socket took no more: wait for it to be writable */
    int64_t resend_ms;
    int64_t patience_ms; /* resend_ms, doubled at each time-out without progress */
    int64_t progress_ms; /* monotonic: last time that base moved or its message was sent */
    struct tillwatch_counts counts;
    void (*acknowledged)(void *context, uint64_t ticket, const char *problem, size_t problem_len);
    void *context;
};

static int64_t now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail with this clock */
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

const char *tillwatch_text(int result)
{
    switch (result) {
    case TILLWATCH_OK:
        return "no error";
    case TILLWATCH_FULL:
        return "window or spool is full: poll, then try again";
    case TILLWATCH_TIMEOUT:
        return "not everything was acknowledged in time";
    case TILLWATCH_INVALID:
        return "an argument is out of its range";
    case TILLWATCH_NOMEM:
        return "out of memory";
    case TILLWATCH_IO:
        return "the file cannot be read or written";
    case TILLWATCH_DAMAGED:
        return "the file is damaged or not one of ours";
    case TILLWATCH_SOCKET:
        return "ZeroMQ refused the endpoint or failed";
    default:
        return result > 0 ? "no error" : "unknown result";
    }
}

static struct row *row_of(const tillwatch_sender *self, uint64_t ticket)
{
    return &self->rows[ticket % self->window];
}

static struct twc_link_options link_options(const struct tillwatch_options *options)
{
    return (struct twc_link_options){.endpoint = options->endpoint,
                                     .curve_server_key = options->curve_server_key,
                                     .curve_public_key = options->curve_public_key,
                                     .curve_secret_key = options->curve_secret_key,
                                     .max_bytes = ACK_MAX_BYTES,
                                     .wake_fd = -1};
}

static bool options_are_valid(const struct tillwatch_options *options)
{
    struct twc_link_options link = link_options(options);
    return options->endpoint != NULL && options->window <= TWC_WINDOW_MAX &&
           options->resend_ms >= 0 &&
           (options->spool_max_bytes == 0 || options->spool_max_bytes >= SPOOL_MIN) &&
           twc_link_keys_are_valid(&link);
}

static int open_spool(tillwatch_sender *self, const struct tillwatch_options *options)
{
    struct twc_span span = {.first_ticket = 1, .next_ticket = 1};
    if (options->spool_file != NULL) {
        uint64_t max =
            options->spool_max_bytes == 0 ? SPOOL_DEFAULT : (uint64_t)options->spool_max_bytes;
        int rc = twc_spool_open(options->spool_file, max, &self->spool, &span);
        if (rc != TILLWATCH_OK) {
            return rc;
        }
    }
    self->base = span.first_ticket;
    self->cursor = span.first_ticket;
    self->placed = span.first_ticket;
    self->placed_at = span.first_at;
    self->next = span.next_ticket;
    return TILLWATCH_OK;
}

int tillwatch_open(const struct tillwatch_options *options, tillwatch_sender **ret_sender)
{
    if (options == NULL || ret_sender == NULL || !options_are_valid(options)) {
        return TILLWATCH_INVALID;
    }
    tillwatch_sender *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TILLWATCH_NOMEM;
    }
    self->window = options->window == 0 ? WINDOW_DEFAULT : options->window;
    self->resend_ms = options->resend_ms == 0 ? RESEND_DEFAULT_MS : options->resend_ms;
    self->patience_ms = self->resend_ms;
    self->progress_ms = now_ms();
    self->acknowledged = options->acknowledged;
    self->context = options->context;
    self->rows = calloc(self->window, sizeof *self->rows);
    int rc = self->rows == NULL ? TILLWATCH_NOMEM : open_spool(self, options);
    if (rc == TILLWATCH_OK) {
        struct twc_link_options link = link_options(options);
        rc = twc_link_open(&link, &self->link);
    }
    if (rc != TILLWATCH_OK) {
        int errnum = errno;
        tillwatch_close(&self);
        errno = errnum;
        return rc;
    }
    self->socket = twc_link_socket(self->link);
    *ret_sender = self;
    return TILLWATCH_OK;
}

/* Give the row's memory back and make it ready for the ticket `window` further on. */
static void clear_row(struct row *row)
{
    free(row->memory);
    free(row->problem);
    *row = (struct row){.at = 0};
}

static void put_ref(uint8_t ref[REF_BYTES], uint64_t ticket)
{
    for (int i = 0; i < REF_BYTES; i++) {
        ref[i] = (uint8_t)(ticket >> (56 - 8 * i));
    }
}

static uint64_t get_ref(const uint8_t ref[REF_BYTES])
{
    uint64_t ticket = 0;
    for (int i = 0; i < REF_BYTES; i++) {
        ticket = ticket << 8 | ref[i];
    }
    return ticket;
}

/* A message to be sent: topic, headers, body as ZeroMQ messages. */
struct outgoing {
    zmq_msg_t frames[TWC_FRAMES];
    uint32_t lens[TWC_FRAMES];
};

static int init_outgoing(struct outgoing *self, const uint32_t lens[TWC_FRAMES],
                         void *ret_buffers[TWC_FRAMES])
{
    for (size_t i = 0; i < TWC_FRAMES; i++) {
        self->lens[i] = lens[i];
        if (zmq_msg_init_size(&self->frames[i], lens[i] == TWC_ABSENT ? 0 : lens[i]) != 0) {
            while (i > 0) {
                (void)zmq_msg_close(&self->frames[--i]); /* initialised above */
            }
            return TILLWATCH_NOMEM;
        }
        ret_buffers[i] = zmq_msg_data(&self->frames[i]);
    }
    return TILLWATCH_OK;
}

static void fini_outgoing(struct outgoing *self)
{
    for (size_t i = 0; i < TWC_FRAMES; i++) {
        (void)zmq_msg_close(&self->frames[i]); /* initialised */
    }
}

static int load_memory(const struct row *row, struct outgoing *ret_outgoing)
{
    void *buffers[TWC_FRAMES];
    int rc = init_outgoing(ret_outgoing, row->lens, buffers);
    const char *from = row->memory;
    for (size_t i = 0; rc == TILLWATCH_OK && i < TWC_FRAMES; i++) {
        if (row->lens[i] != TWC_ABSENT && row->lens[i] > 0) {
            memcpy(buffers[i], from, row->lens[i]);
            from += row->lens[i];
        }
    }
    return rc;
}

/* Read ticket `ticket` from the spool; the position of the one behind it becomes known. */
static int load_spooled(tillwatch_sender *self, uint64_t ticket, struct outgoing *ret_outgoing)
{
    struct row *row = row_of(self, ticket);
    struct twc_record record;
    void *buffers[TWC_FRAMES];
    if (ticket == self->placed) {
        row->at = self->placed_at;
    }
    int rc = twc_spool_record(self->spool, row->at, &record);
    if (rc != TILLWATCH_OK) {
        return rc;
    }
    if (record.ticket != ticket) {
        return TILLWATCH_DAMAGED;
    }
    rc = init_outgoing(ret_outgoing, record.lens, buffers);
    if (rc != TILLWATCH_OK) {
        return rc;
    }
    rc = twc_spool_read(self->spool, &record, buffers);
    if (rc != TILLWATCH_OK) {
        fini_outgoing(ret_outgoing);
        return rc;
    }
    if (ticket == self->placed) {
        self->placed++;
        self->placed_at = record.next;
    }
    return TILLWATCH_OK;
}

/* Frames behind the reference. A connection that breaks here makes libzmq drop the message, and
 * swallow what is still missing of it (lb_t::sendpipe): it is sent again on the next one, so the
 * results do not matter. */
static void send_rest(tillwatch_sender *self, struct outgoing *outgoing)
{
    bool has_topic = outgoing->lens[TWC_TOPIC] != TWC_ABSENT;
    bool has_headers = outgoing->lens[TWC_HEADERS] != TWC_ABSENT;
    const int more = ZMQ_DONTWAIT | ZMQ_SNDMORE;
    if (has_topic || has_headers) { /* an empty topic where only headers are given */
        (void)zmq_msg_send(&outgoing->frames[TWC_TOPIC], self->socket, more);
    }
    if (has_headers) {
        (void)zmq_msg_send(&outgoing->frames[TWC_HEADERS], self->socket, more);
    }
    (void)zmq_msg_send(&outgoing->frames[TWC_BODY], self->socket, ZMQ_DONTWAIT);
}

/* Send one ticket. TILLWATCH_OK, also when the socket takes nothing now (is_blocked). */
static int send_ticket(tillwatch_sender *self, uint64_t ticket)
{
    uint8_t ref[REF_BYTES];
    struct outgoing outgoing;
    struct row *row = row_of(self, ticket);
    int rc =
        self->spool == NULL ? load_memory(row, &outgoing) : load_spooled(self, ticket, &outgoing);
    if (rc != TILLWATCH_OK) {
        return rc;
    }
    put_ref(ref, ticket);
    if (zmq_send(self->socket, ref, sizeof ref, ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) {
        rc = errno == EAGAIN || errno == EINTR ? TILLWATCH_OK : TILLWATCH_SOCKET;
        self->is_blocked = true;
        fini_outgoing(&outgoing);
        return rc;
    }
    send_rest(self, &outgoing);
    fini_outgoing(&outgoing);
    self->counts.sent++;
    self->counts.resent += row->is_sent ? 1 : 0;
    row->is_sent = true;
    if (ticket == self->base) {
        self->progress_ms = now_ms();
    }
    self->cursor = ticket + 1;
    return TILLWATCH_OK;
}

static uint64_t send_limit(const tillwatch_sender *self)
{
    uint64_t limit = self->base + self->window;
    return self->next < limit ? self->next : limit;
}

/* Also lets the socket learn of connections that came and went. */
static int check_writable(tillwatch_sender *self)
{
    bool is_writable = false;
    int rc = twc_link_check_writable(self->link, &is_writable);
    self->is_blocked = !is_writable;
    return rc;
}

/* Send what the window and the socket allow. */
static int pump(tillwatch_sender *self)
{
    uint64_t limit = send_limit(self);
    int rc = TILLWATCH_OK;
    if (self->is_blocked && self->cursor < limit) {
        rc = check_writable(self);
    }
    while (rc == TILLWATCH_OK && !self->is_blocked && self->cursor < limit) {
        if (row_of(self, self->cursor)->is_acked) {
            self->cursor++;
        } else {
            rc = send_ticket(self, self->cursor);
        }
    }
    return rc;
}

/* Put the message into the window; there is room. */
static int keep_in_memory(tillwatch_sender *self, const struct twc_frame frames[TWC_FRAMES],
                          size_t total)
{
    struct row *row = row_of(self, self->next);
    char *memory = malloc(total == 0 ? 1 : total);
    if (memory == NULL) {
        return TILLWATCH_NOMEM;
    }
    row->memory = memory;
    for (size_t i = 0; i < TWC_FRAMES; i++) {
        row->lens[i] = frames[i].len;
        if (frames[i].len != TWC_ABSENT && frames[i].len > 0) {
            memcpy(memory, frames[i].bytes, frames[i].len);
            memory += frames[i].len;
        }
    }
    return TILLWATCH_OK;
}

static int keep(tillwatch_sender *self, const struct twc_frame frames[TWC_FRAMES], size_t total)
{
    if (self->spool == NULL) {
        bool has_room = self->next - self->base < self->window;
        return has_room ? keep_in_memory(self, frames, total) : TILLWATCH_FULL;
    }
    return twc_spool_append(self->spool, self->next, frames);
}

int tillwatch_send(tillwatch_sender *self, const char *topic, const char *headers, const void *body,
                   size_t body_len, uint64_t *ret_ticket)
{
    size_t topic_len = topic == NULL ? 0 : strlen(topic);
    size_t headers_len = headers == NULL ? 0 : strlen(headers);
    if ((body == NULL && body_len > 0) || body_len > MESSAGE_MAX || topic_len > MESSAGE_MAX ||
        headers_len > MESSAGE_MAX || topic_len + headers_len + body_len > MESSAGE_MAX) {
        return TILLWATCH_INVALID;
    }
    const struct twc_frame frames[TWC_FRAMES] = {
        [TWC_TOPIC] = {topic, topic == NULL ? TWC_ABSENT : (uint32_t)topic_len},
        [TWC_HEADERS] = {headers, headers == NULL ? TWC_ABSENT : (uint32_t)headers_len},
        [TWC_BODY] = {body == NULL ? "" : body, (uint32_t)body_len},
    };
    int rc = keep(self, frames, topic_len + headers_len + body_len);
    if (rc != TILLWATCH_OK) {
        return rc;
    }
    uint64_t ticket = self->next++;
    if (self->spool != NULL && self->is_corked) {
        self->has_unsynced = true;
    } else if (self->spool != NULL) {
        rc = twc_spool_sync(self->spool);
        if (rc != TILLWATCH_OK) {
            return rc;
        }
    }
    if (ret_ticket != NULL) {
        *ret_ticket = ticket;
    }
    /* The message is ours now: what fails while sending fails again in the next poll. */
    (void)pump(self);
    return TILLWATCH_OK;
}

int tillwatch_cork(tillwatch_sender *self, int on)
{
    int rc = TILLWATCH_OK;
    if (on == 0 && self->has_unsynced) {
        rc = twc_spool_sync(self->spool);
        self->has_unsynced = false;
    }
    self->is_corked = on != 0;
    return rc;
}

/* Rows acknowledged at the base of the window leave it, in order. Returns their number. */
static int advance(tillwatch_sender *self)
{
    int count = 0;
    while (self->base < self->next && row_of(self, self->base)->is_acked) {
        struct row row = *row_of(self, self->base);
        *row_of(self, self->base) = (struct row){.at = 0};
        uint64_t ticket = self->base++;
        self->acked_rows--;
        self->counts.acknowledged++;
        self->counts.quarantined += row.is_quarantined ? 1 : 0;
        if (self->acknowledged != NULL) {
            const char *problem = row.problem == NULL && row.is_quarantined ? "" : row.problem;
            self->acknowledged(self->context, ticket, problem, row.problem_len);
        }
        clear_row(&row);
        count++;
    }
    if (count > 0) {
        self->cursor = self->cursor < self->base ? self->base : self->cursor;
        self->progress_ms = now_ms();
        self->patience_ms = self->resend_ms;
    }
    return count;
}

/* The position behind the acknowledged messages: of ticket `base`. */
static void note_in_spool(tillwatch_sender *self)
{
    uint64_t at = self->base == self->placed ? self->placed_at : row_of(self, self->base)->at;
    twc_spool_acknowledge(self->spool, self->base - 1, at);
}

/* One acknowledgement: [ref] ["ok"] or [ref] ["quarantined"] [problem]. What refers to nothing
 * under way (a second acknowledgement of a message sent twice) or is none says nothing to us. */
static void take_ack(tillwatch_sender *self, zmq_msg_t frames[ACK_FRAMES], size_t count)
{
    if (count < 2 || zmq_msg_size(&frames[0]) != REF_BYTES) {
        return;
    }
    uint64_t ticket = get_ref(zmq_msg_data(&frames[0]));
    if (ticket < self->base || ticket >= send_limit(self)) {
        return;
    }
    struct row *row = row_of(self, ticket);
    const char *word = zmq_msg_data(&frames[1]);
    size_t word_len = zmq_msg_size(&frames[1]);
    bool is_ok = word_len == 2 && memcmp(word, "ok", 2) == 0;
    bool is_quarantined = word_len == 11 && memcmp(word, "quarantined", 11) == 0 && count == 3;
    if (!row->is_sent || row->is_acked || (!is_ok && !is_quarantined)) {
        return;
    }
    if (is_quarantined) {
        size_t len = zmq_msg_size(&frames[2]);
        row->problem = malloc(len + 1);
        if (row->problem == NULL) {
            return; /* it is sent again and acknowledged again */
        }
        memcpy(row->problem, zmq_msg_data(&frames[2]), len);
        row->problem[len] = '\0';
        row->problem_len = len;
    }
    row->is_quarantined = is_quarantined;
    row->is_acked = true;
    self->acked_rows++;
}

/* One message of the socket. TILLWATCH_OK, or TILLWATCH_TIMEOUT when there is none. */
static int receive_ack(tillwatch_sender *self)
{
    zmq_msg_t frames[ACK_FRAMES];
    zmq_msg_t surplus;
    size_t count = 0;
    int rc = TILLWATCH_OK;
    for (size_t i = 0; i < ACK_FRAMES; i++) {
        (void)zmq_msg_init(&frames[i]); /* cannot fail */
    }
    (void)zmq_msg_init(&surplus);
    for (bool has_more = true; has_more;) {
        zmq_msg_t *frame = count < ACK_FRAMES ? &frames[count] : &surplus;
        if (zmq_msg_recv(frame, self->socket, ZMQ_DONTWAIT) < 0) {
            if (errno == EINTR) {
                continue;
            }
            rc = errno == EAGAIN ? TILLWATCH_TIMEOUT : TILLWATCH_SOCKET;
            break;
        }
        count++;
        has_more = zmq_msg_more(frame) != 0;
    }
    if (rc == TILLWATCH_OK) {
        take_ack(self, frames, count);
    }
    for (size_t i = 0; i < ACK_FRAMES; i++) {
        (void)zmq_msg_close(&frames[i]); /* initialised */
    }
    (void)zmq_msg_close(&surplus);
    return rc;
}

/* Take all acknowledgements that are there. Returns how many messages they concern, or an error. */
static int take_acks(tillwatch_sender *self)
{
    int rc = TILLWATCH_OK;
    int count = 0;
    while (rc == TILLWATCH_OK) {
        rc = receive_ack(self);
        count += advance(self);
    }
    if (count > 0 && self->spool != NULL) {
        note_in_spool(self);
    }
    return rc == TILLWATCH_TIMEOUT || count > 0 ? count : rc;
}

/* Everything under way goes out again. */
static void send_again(tillwatch_sender *self)
{
    self->cursor = self->base;
    self->progress_ms = now_ms();
}

static int look_at_link(tillwatch_sender *self)
{
    bool is_new = false;
    int rc = twc_link_look(self->link, now_ms(), &is_new);
    if (rc != TILLWATCH_OK || !is_new) {
        return rc;
    }
    send_again(self);
    return check_writable(self); /* lets the socket forget the old connection first */
}

static void check_patience(tillwatch_sender *self)
{
    if (self->base == self->next || !row_of(self, self->base)->is_sent) {
        return;
    }
    int64_t now = now_ms();
    if (now - self->progress_ms >= self->patience_ms) {
        send_again(self);
        /* A tower that is merely slow must not get more the slower it is. */
        int64_t longest = self->resend_ms > RESEND_MAX_MS ? self->resend_ms : RESEND_MAX_MS;
        int64_t doubled = 2 * self->patience_ms;
        self->patience_ms = doubled < longest ? doubled : longest;
    }
}

/* The earlier of two times, where -1 is never. */
static int64_t earlier(int64_t a, int64_t b)
{
    if (a < 0 || b < 0) {
        return a < 0 ? b : a;
    }
    return a < b ? a : b;
}

/* Wait for something to do, no longer than until `deadline_ms` (-1: no deadline). */
static int wait_for_work(tillwatch_sender *self, int64_t deadline_ms)
{
    bool is_under_way = self->base < self->next && row_of(self, self->base)->is_sent;
    int64_t until = is_under_way ? self->progress_ms + self->patience_ms : -1;
    until = earlier(earlier(until, deadline_ms), twc_link_wakeup(self->link));
    int64_t timeout_ms = until < 0 ? -1 : until - now_ms();
    bool wants_out = self->is_blocked && self->cursor < send_limit(self);
    bool is_writable = false;
    int rc = twc_link_wait(self->link, wants_out, until >= 0 && timeout_ms < 0 ? 0 : timeout_ms,
                           &is_writable);
    self->is_blocked = self->is_blocked && !is_writable;
    return rc;
}

/* One round without waiting. Number of messages acknowledged, or an error. */
static int turn(tillwatch_sender *self)
{
    int rc = look_at_link(self);
    if (rc != TILLWATCH_OK) {
        return rc;
    }
    int count = take_acks(self);
    if (count < 0) {
        return count;
    }
    check_patience(self);
    rc = pump(self);
    return rc != TILLWATCH_OK && count == 0 ? rc : count;
}

static int poll_until(tillwatch_sender *self, int64_t deadline_ms)
{
    for (;;) {
        int rc = turn(self);
        if (rc != 0) {
            return rc;
        }
        if (deadline_ms >= 0 && now_ms() >= deadline_ms) {
            return 0;
        }
        rc = wait_for_work(self, deadline_ms);
        if (rc != TILLWATCH_OK) {
            return rc;
        }
    }
}

static int64_t deadline_of(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
}

int tillwatch_poll(tillwatch_sender *self, int timeout_ms)
{
    return poll_until(self, deadline_of(timeout_ms));
}

int tillwatch_flush(tillwatch_sender *self, int timeout_ms)
{
    int64_t deadline_ms = deadline_of(timeout_ms);
    while (self->base < self->next) {
        int rc = poll_until(self, deadline_ms);
        if (rc < 0) {
            return rc;
        }
        if (rc == 0) {
            return TILLWATCH_TIMEOUT;
        }
    }
    return TILLWATCH_OK;
}

void tillwatch_counts(const tillwatch_sender *self, struct tillwatch_counts *ret_counts)
{
    *ret_counts = self->counts;
    ret_counts->waiting = self->next - self->base - self->acked_rows;
}

void tillwatch_close(tillwatch_sender **self_p)
{
    tillwatch_sender *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    if (self->socket != NULL) {
        (void)take_acks(self); /* those that have arrived need not be sent again */
        (void)tillwatch_cork(self, 0);
    }
    twc_link_close(&self->link);
    for (size_t i = 0; self->rows != NULL && i < self->window; i++) {
        clear_row(&self->rows[i]);
    }
    twc_spool_close(&self->spool);
    free(self->rows);
    free(self);
}
