/* SPDX-License-Identifier: Apache-2.0
 * A tick is a number, an object without its views, and for each view the number of the tick in
 * which it changed last: the views of any client's next tick are those that changed behind the one
 * it had. Nearly all clients had the one before, and share one text.
 *
 * A client waits (its connection is suspended) or it does not (the server asks for bytes when the
 * socket takes some). Whoever waits is resumed by each tick; the mutex makes sure that this happens
 * once for each suspension, which is what the library demands. */
#include "config.h"
#include "web/stream.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ALL "*"
/* The browser's pause before it connects again, sent once for each connection. */
#define RETRY_LINE "retry: 2000\n"
#define COMMENT    ": the store says nothing"

/* Bytes on their way, shared by all who get the same. */
struct frame {
    size_t refs; /* guarded by the streams' mutex */
    size_t len;
    char bytes[];
};

struct view {
    char *name;
    uint64_t changed; /* in this tick */
};

struct tw_stream {
    struct tw_streams *all;
    /* guarded by the mutex of `all` */
    struct tw_stream *previous;
    struct tw_stream *next;
    void *peer;
    uint64_t seen;       /* the tick that was given, or that the client named; 0: none */
    uint64_t beat;       /* the comment that was given */
    bool has_begun;      /* the first bytes were given */
    bool has_tick;       /* a tick was given */
    bool is_waiting;     /* suspended */
    bool is_dropped;     /* its connection was ended for not reading */
    size_t unsent;       /* bytes of ticks that went by since the last it was given */
    struct frame *frame; /* being copied, NULL between two */
    size_t offset;
};

struct tw_streams {
    /* fixed after start */
    const struct tw_stream_port *port;
    size_t max;
    int wake_fd;
    /* guarded by mtx */
    pthread_mutex_t mtx;
    struct tw_stream *first;
    struct tw_stream_counts counts;
    bool is_closed;
    bool is_resting;
    uint64_t empty_ticks; /* published while nobody was there */
    uint64_t number;      /* of the newest tick */
    uint64_t kept_from;   /* changes are known behind this tick; UINT64_MAX: no tick yet */
    uint64_t all_changed; /* the last tick in which everything did */
    uint64_t beat;
    json_t *tick;         /* the newest, NULL: none yet */
    struct frame *shared; /* for those who had the tick before */
    char *alert_counts;   /* an event, for those who come; NULL: nothing is known yet */
    char *alert_news;     /* and for those who had the tick before that one */
    uint64_t alert_at;    /* the tick that the event goes before */
    struct frame *whole;  /* for those who come without a number; NULL: not asked for yet */
    struct view *views;   /* ordered by name */
    size_t view_count;
};

static void lock(struct tw_streams *self)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: a plain mutex, locked once */
}

static void unlock(struct tw_streams *self)
{
    (void)pthread_mutex_unlock(&self->mtx);
}

static void release(struct frame **frame_p)
{
    struct frame *frame = *frame_p;
    *frame_p = NULL;
    if (frame != NULL && --frame->refs == 0) {
        free(frame);
    }
}

/* ---- life */

int tw_streams_new(const struct tw_stream_port *port, size_t max, uint64_t number,
                   struct tw_streams **ret_streams)
{
    struct tw_streams *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (self->wake_fd < 0) {
        free(self);
        return TW_ESYSTEM;
    }
    self->port = port;
    self->max = max;
    self->number = number - 1;
    self->kept_from = UINT64_MAX;
    self->is_resting = true;
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    *ret_streams = self;
    return TW_OK;
}

static void resume(struct tw_stream *stream)
{
    if (stream->is_waiting) {
        stream->is_waiting = false;
        stream->all->port->resume(stream->peer);
    }
}

void tw_streams_close(struct tw_streams *self)
{
    lock(self);
    self->is_closed = true;
    for (struct tw_stream *stream = self->first; stream != NULL; stream = stream->next) {
        resume(stream);
    }
    unlock(self);
}

void tw_streams_destroy(struct tw_streams **self_p)
{
    struct tw_streams *self = *self_p;
    if (self == NULL) {
        return;
    }
    TW_ASSERT(self->first == NULL);
    release(&self->shared);
    release(&self->whole);
    json_decref(self->tick);
    free(self->alert_counts);
    free(self->alert_news);
    for (size_t i = 0; i < self->view_count; i++) {
        free(self->views[i].name);
    }
    free(self->views);
    (void)close(self->wake_fd);              /* nothing was written that matters */
    (void)pthread_mutex_destroy(&self->mtx); /* nobody holds it any more */
    free(self);
    *self_p = NULL;
}

void tw_streams_count(struct tw_streams *self, struct tw_stream_counts *ret_counts)
{
    lock(self);
    *ret_counts = self->counts;
    unlock(self);
}

/* ---- views */

/* Where the view stands, or where it would. */
static size_t place_of(const struct tw_streams *self, const char *name)
{
    size_t low = 0;
    size_t high = self->view_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(self->views[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* False: there is no room for it. */
static bool note_view(struct tw_streams *self, const char *name)
{
    size_t at = place_of(self, name);
    if (at == self->view_count || strcmp(self->views[at].name, name) != 0) {
        if (self->view_count == TW_STREAM_MAX_VIEWS) {
            return false;
        }
        if (self->views == NULL) {
            self->views = calloc(TW_STREAM_MAX_VIEWS, sizeof *self->views);
        }
        char *copy = self->views == NULL ? NULL : strdup(name);
        if (copy == NULL) {
            return false;
        }
        memmove(&self->views[at + 1], &self->views[at],
                (self->view_count - at) * sizeof *self->views);
        self->views[at].name = copy;
        self->view_count++;
    }
    self->views[at].changed = self->number + 1;
    return true;
}

void tw_streams_changed(struct tw_streams *self, const char *view)
{
    lock(self);
    if (!note_view(self, view)) {
        self->all_changed = self->number + 1;
    }
    unlock(self);
}

void tw_streams_all_changed(struct tw_streams *self)
{
    lock(self);
    self->all_changed = self->number + 1;
    unlock(self);
}

static bool add_name(json_t *names, const char *name)
{
    return json_array_append_new(names, json_string(name)) == 0;
}

/* The names of what changed behind tick `since`; NULL when out of memory. */
static json_t *names_since(const struct tw_streams *self, uint64_t since)
{
    bool is_known = since >= self->kept_from && since <= self->number &&
                    self->number - since <= TW_STREAM_KEPT_TICKS && self->all_changed <= since;
    json_t *names = json_array();
    bool ok = add_name(names, "status"); /* of this moment: it always differs */
    size_t bytes = 0;
    for (size_t i = 0; i < self->view_count && is_known && ok; i++) {
        if (self->views[i].changed > since) {
            bytes += strlen(self->views[i].name);
            is_known = bytes <= TW_STREAM_MAX_NAMES;
            ok = add_name(names, self->views[i].name);
        }
    }
    if (ok && !is_known) {
        ok = json_array_clear(names) == 0 && add_name(names, ALL);
    }
    if (!ok) {
        json_decref(names);
        names = NULL;
    }
    return names;
}

/* ---- frames */

/* `before`: a whole event that goes first, or "". */
static struct frame *frame_behind(const char *before, const char *head, const char *text)
{
    size_t before_len = strlen(before);
    size_t head_len = strlen(head);
    size_t text_len = strlen(text);
    struct frame *frame = malloc(sizeof *frame + before_len + head_len + text_len + 2);
    if (frame == NULL) {
        return NULL;
    }
    char *end = frame->bytes;
    frame->refs = 1;
    frame->len = before_len + head_len + text_len + 2;
    memcpy(end, before, before_len);
    end += before_len;
    memcpy(end, head, head_len);
    end += head_len;
    memcpy(end, text, text_len);
    memcpy(end + text_len, "\n\n", 2);
    return frame;
}

static struct frame *frame_of(const char *head, const char *text)
{
    return frame_behind("", head, text);
}

/* The event `alert` of a client that had tick `since`. */
static const char *alert_since(const struct tw_streams *self, uint64_t number, uint64_t since)
{
    if (since == 0) {
        return self->alert_counts == NULL ? "" : self->alert_counts;
    }
    bool is_behind = self->alert_at > since && self->alert_at <= number;
    return is_behind && self->alert_news != NULL ? self->alert_news : "";
}

/* The tick with the views that changed behind `since`; NULL when out of memory. */
static struct frame *render(const struct tw_streams *self, json_t *tick, uint64_t number,
                            uint64_t since)
{
    char head[96];
    struct frame *frame = NULL;
    if (json_object_set_new(tick, "views", names_since(self, since)) != 0) {
        return NULL;
    }
    char *text = json_dumps(tick, JSON_COMPACT | JSON_REAL_PRECISION(15));
    if (text != NULL) {
        /* One line: JSON has no newline outside of its strings, and there they are escaped. */
        (void)snprintf(head, sizeof head,
                       "event: tick\nid: %" PRIu64 "\ndata: ", number); /* always fits */
        frame = frame_behind(alert_since(self, number, since), head, text);
    }
    free(text);
    return frame;
}

/* A reference to what the client gets next; NULL: nothing, or out of memory. */
static struct frame *next_frame(struct tw_stream *stream)
{
    struct tw_streams *self = stream->all;
    struct frame *frame = NULL;
    if (self->tick == NULL || (stream->has_tick && stream->seen == self->number)) {
        if (stream->beat != self->beat) {
            stream->beat = self->beat;
            return frame_of(COMMENT, "");
        }
        return NULL;
    }
    if (stream->seen == 0 && self->whole == NULL) {
        self->whole = render(self, self->tick, self->number, 0);
    }
    if (stream->seen == 0) {
        frame = self->whole;
    } else if (stream->seen + 1 == self->number) {
        frame = self->shared;
    } else {
        frame = render(self, self->tick, self->number, stream->seen);
        if (frame != NULL) {
            frame->refs--; /* ours is the one that is added below */
        }
    }
    if (frame != NULL) {
        frame->refs++;
        stream->has_tick = true;
        stream->seen = self->number;
        stream->beat = self->beat;
    }
    return frame;
}

/* ---- clients */

int tw_stream_open(struct tw_streams *self, uint64_t last_id, struct tw_stream **ret_stream)
{
    int rc = TW_OK;
    struct tw_stream *stream = calloc(1, sizeof *stream);
    if (stream == NULL) {
        return TW_ENOMEM;
    }
    lock(self);
    if (self->is_closed) {
        rc = TW_ECLOSED;
    } else if (self->counts.open >= self->max) {
        self->counts.refused++;
        rc = TW_ELIMIT;
    } else {
        self->counts.open++;
        self->empty_ticks = 0;
        stream->all = self;
        /* What is not a number of ours is no number, also one that is not given yet. */
        stream->seen = last_id <= self->number ? last_id : 0;
        stream->beat = self->beat;
        stream->next = self->first;
        if (stream->next != NULL) {
            stream->next->previous = stream;
        }
        self->first = stream;
        if (self->is_resting) {
            self->is_resting = false;
            (void)eventfd_write(self->wake_fd, 1); /* fails only when it is readable already */
        }
    }
    unlock(self);
    if (rc != TW_OK) {
        free(stream);
        return rc;
    }
    *ret_stream = stream;
    return TW_OK;
}

void tw_stream_attach(struct tw_stream *self, void *peer)
{
    lock(self->all);
    self->peer = peer;
    unlock(self->all);
}

/* The piece of the frame under way that fits. */
static size_t copy_piece(struct tw_stream *self, char *buf, size_t size)
{
    size_t len = self->frame->len - self->offset;
    len = len < size ? len : size;
    memcpy(buf, self->frame->bytes + self->offset, len);
    self->offset += len;
    if (self->offset == self->frame->len) {
        release(&self->frame);
    }
    return len;
}

ssize_t tw_stream_read(struct tw_stream *self, char *buf, size_t size)
{
    struct tw_streams *all = self->all;
    ssize_t result = -1;
    lock(all);
    if (all->is_closed || self->is_dropped) {
        goto out;
    }
    if (!self->has_begun) {
        self->has_begun = true;
        self->frame = frame_of(RETRY_LINE, ": here are the ticks of the tower");
        self->offset = 0;
        if (self->frame == NULL) {
            goto out;
        }
    } else if (self->frame == NULL) {
        self->frame = next_frame(self);
        self->offset = 0;
        self->unsent = 0;
    }
    if (self->frame != NULL) {
        result = (ssize_t)copy_piece(self, buf, size);
    } else {
        self->is_waiting = true;
        all->port->suspend(self->peer);
        result = 0;
    }
out:
    unlock(all);
    return result;
}

void tw_stream_end(struct tw_stream **self_p, bool is_stuck)
{
    struct tw_stream *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    struct tw_streams *all = self->all;
    lock(all);
    if (self->previous != NULL) {
        self->previous->next = self->next;
    } else {
        all->first = self->next;
    }
    if (self->next != NULL) {
        self->next->previous = self->previous;
    }
    release(&self->frame);
    all->counts.open--;
    all->counts.dropped += is_stuck && !self->is_dropped ? 1 : 0;
    unlock(all);
    free(self);
}

/* ---- ticks */

/* Wake who waits; who takes nothing has missed `len` bytes more. */
static void hand_out(struct tw_streams *self, size_t len)
{
    for (struct tw_stream *stream = self->first; stream != NULL; stream = stream->next) {
        if (stream->is_waiting) {
            resume(stream);
            continue;
        }
        stream->unsent += len;
        if (stream->unsent > TW_STREAM_MAX_UNSENT && !stream->is_dropped && stream->peer != NULL) {
            stream->is_dropped = true;
            self->counts.dropped++;
            self->port->drop(stream->peer);
        }
    }
}

/* "event: alert" with this JSON (taken); NULL: out of memory. */
static char *alert_event(json_t *json)
{
    static const char head[] = "event: alert\ndata: ";
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(15));
    size_t len = text == NULL ? 0 : strlen(text);
    char *event = text == NULL ? NULL : malloc(sizeof head + len + 2);
    if (event != NULL) {
        memcpy(event, head, sizeof head - 1);
        memcpy(event + sizeof head - 1, text, len);
        memcpy(event + sizeof head - 1 + len, "\n\n", 3); /* with its NUL */
    }
    free(text);
    json_decref(json);
    return event;
}

int tw_streams_alert(struct tw_streams *self, json_t *counts, json_t *news)
{
    char *counts_event = alert_event(counts);
    char *news_event = alert_event(news);
    if (counts_event == NULL || news_event == NULL) {
        free(counts_event);
        free(news_event);
        return TW_ENOMEM;
    }
    lock(self);
    free(self->alert_counts);
    free(self->alert_news);
    self->alert_counts = counts_event;
    self->alert_news = news_event;
    self->alert_at = self->number + 1;
    unlock(self);
    return TW_OK;
}

int tw_streams_publish(struct tw_streams *self, json_t *tick)
{
    int rc = TW_ENOMEM;
    lock(self);
    uint64_t before = self->number;
    uint64_t kept_from = self->kept_from;
    self->number++;
    self->kept_from = kept_from == UINT64_MAX ? self->number : kept_from;
    struct frame *shared = tick == NULL ? NULL : render(self, tick, self->number, before);
    if (shared == NULL) {
        self->number = before;
        self->kept_from = kept_from;
        goto out;
    }
    json_decref(self->tick);
    self->tick = tick;
    tick = NULL;
    release(&self->shared);
    release(&self->whole);
    self->shared = shared;
    self->empty_ticks = self->first == NULL ? self->empty_ticks + 1 : 0;
    hand_out(self, shared->len);
    rc = TW_OK;
out:
    unlock(self);
    json_decref(tick);
    return rc;
}

void tw_streams_beat(struct tw_streams *self)
{
    lock(self);
    self->beat++;
    self->empty_ticks = self->first == NULL ? self->empty_ticks + 1 : 0;
    hand_out(self, sizeof COMMENT - 1);
    unlock(self);
}

bool tw_streams_rest(struct tw_streams *self)
{
    lock(self);
    bool may_rest = self->first == NULL && self->empty_ticks >= TW_STREAM_KEPT_TICKS;
    if (may_rest) {
        self->is_resting = true;
        self->kept_from = UINT64_MAX;
        json_decref(self->tick); /* who comes waits for a fresh one */
        self->tick = NULL;
        self->empty_ticks = 0;
    }
    unlock(self);
    return may_rest;
}

int tw_streams_wake_fd(const struct tw_streams *self)
{
    return self->wake_fd;
}

void tw_streams_wake(struct tw_streams *self)
{
    eventfd_t count = 0;
    (void)eventfd_read(self->wake_fd, &count); /* fails only when it is clear already */
}
