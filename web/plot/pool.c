/* SPDX-License-Identifier: Apache-2.0
 * An entry is a picture from the first who asks for it until the last has dropped it and the cache
 * has let it go; references are counted under the mutex. States go one way: making (somebody reads
 * the store for it), queued, drawing, done. Only done ones without error stay in the list. */
#include "config.h"
#include "web/plot/pool.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/actor.h"
#include "core/log.h"
#include "web/plot/child.h"

enum state { MAKING, QUEUED, DRAWING, DONE };

struct entry {
    struct entry *previous; /* in the list, newest use first */
    struct entry *next;
    struct entry *next_queued;
    struct tw_plot_ticket *tickets; /* that wait */
    enum state state;
    bool is_listed;
    unsigned references;
    uint64_t hash;
    uint64_t serial; /* for its mark */
    char *key;
    size_t key_len;
    const char *content_type;
    struct tw_buf script;
    struct tw_buf picture;
    uint64_t tag;
    int rc;
    struct tw_diag diag;
};

struct tw_plot_ticket {
    struct tw_plot_pool *pool;
    struct entry *entry;
    struct tw_plot_ticket *next;
    void (*wake)(void *context); /* NULL: not armed */
    void *context;
};

struct worker {
    struct tw_plot_pool *pool;
    struct tw_actor *actor;
    struct tw_plot_child child;
};

struct tw_plot_pool {
    /* fixed after start */
    struct tw_plot_pool_options options;
    struct worker *workers;
    int work_fd; /* counts what is queued */
    /* guarded by mtx */
    pthread_mutex_t mtx;
    struct entry *first;
    struct entry *last;
    struct entry *queue;
    struct entry *queue_end;
    struct entry *gone; /* nobody holds them; freed by unlock() */
    uint64_t serial;
    bool is_stopping;
    struct tw_plot_counts counts;
};

static void lock(struct tw_plot_pool *self)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: a plain mutex, locked once */
}

/* What nobody holds any more is freed when the mutex is. */
static void unlock(struct tw_plot_pool *self)
{
    struct entry *gone = self->gone;
    self->gone = NULL;
    (void)pthread_mutex_unlock(&self->mtx);
    while (gone != NULL) {
        struct entry *next = gone->next_queued;
        tw_buf_fini(&gone->script);
        tw_buf_fini(&gone->picture);
        free(gone->key);
        free(gone);
        gone = next;
    }
}

/* FNV-1a, 64 bits. Source: the FNV reference. */
static uint64_t hash_of(const char *bytes, size_t len)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* ---- entries; all with the mutex ---- */

static void release(struct tw_plot_pool *self, struct entry *entry)
{
    if (--entry->references == 0) {
        entry->next_queued = self->gone; /* the queue has a reference: it is in none */
        self->gone = entry;
    }
}

static void list_first(struct tw_plot_pool *self, struct entry *entry)
{
    entry->previous = NULL;
    entry->next = self->first;
    if (self->first != NULL) {
        self->first->previous = entry;
    } else {
        self->last = entry;
    }
    self->first = entry;
}

static void unlink_entry(struct tw_plot_pool *self, struct entry *entry)
{
    *(entry->previous != NULL ? &entry->previous->next : &self->first) = entry->next;
    *(entry->next != NULL ? &entry->next->previous : &self->last) = entry->previous;
}

static void unlist(struct tw_plot_pool *self, struct entry *entry)
{
    if (entry->is_listed) {
        unlink_entry(self, entry);
        entry->is_listed = false;
        self->counts.cached_bytes -=
            entry->state == DONE && entry->rc == TW_OK ? entry->picture.capacity : 0;
        release(self, entry);
    }
}

/* The least recently used go until the rest fits. */
static void evict(struct tw_plot_pool *self)
{
    while (self->counts.cached_bytes > self->options.cache_bytes) {
        struct entry *entry = self->last;
        while (entry != NULL && entry->state != DONE) {
            entry = entry->previous;
        }
        if (entry == NULL) {
            return;
        }
        unlist(self, entry);
    }
}

static void finish(struct tw_plot_pool *self, struct entry *entry, int rc, const char *reason)
{
    if (entry->state == DONE) {
        return;
    }
    tw_buf_fini(&entry->script);
    entry->rc = rc;
    (void)tw_diag_set(&entry->diag, rc, "%s", reason);
    if (rc == TW_OK) {
        entry->tag = hash_of(entry->picture.data, entry->picture.len);
        entry->state = DONE;
        self->counts.drawn++;
        self->counts.cached_bytes += entry->picture.capacity;
        evict(self);
    } else {
        entry->state = DONE;
        self->counts.failed++;
        unlist(self, entry); /* whoever asks next tries again */
    }
    for (struct tw_plot_ticket *ticket = entry->tickets; ticket != NULL; ticket = ticket->next) {
        if (ticket->wake != NULL) {
            ticket->wake(ticket->context);
            ticket->wake = NULL;
        }
    }
}

static struct entry *find(const struct tw_plot_pool *self, struct tw_str key, uint64_t hash)
{
    for (struct entry *entry = self->first; entry != NULL; entry = entry->next) {
        if (entry->hash == hash && entry->key_len == key.len &&
            memcmp(entry->key, key.ptr, key.len) == 0) {
            return entry;
        }
    }
    return NULL;
}

static struct entry *new_entry(struct tw_plot_pool *self, struct tw_str key, uint64_t hash,
                               const char *content_type)
{
    struct entry *entry = calloc(1, sizeof *entry);
    char *copy = malloc(key.len + 1);
    if (entry == NULL || copy == NULL) {
        free(entry);
        free(copy);
        return NULL;
    }
    memcpy(copy, key.ptr, key.len);
    entry->key = copy;
    entry->key_len = key.len;
    entry->hash = hash;
    entry->content_type = content_type;
    entry->serial = ++self->serial;
    entry->is_listed = true;
    entry->references = 1;
    tw_buf_init(&entry->script, TW_PLOT_SCRIPT_MAX);
    tw_buf_init(&entry->picture, TW_PLOT_IMAGE_MAX);
    list_first(self, entry);
    return entry;
}

/* ---- drawing ---- */

static struct entry *take_work(struct tw_plot_pool *self)
{
    uint64_t one = 0;
    if (read(self->work_fd, &one, sizeof one) != (ssize_t)sizeof one) {
        return NULL; /* another one was quicker */
    }
    lock(self);
    struct entry *entry = self->queue;
    if (entry != NULL) {
        self->queue = entry->next_queued;
        self->queue_end = self->queue == NULL ? NULL : self->queue_end;
        self->counts.waiting--;
        entry->state = DRAWING; /* its reference of the queue is now ours */
    }
    unlock(self);
    return entry;
}

/* The buffer grew by large steps: what is kept takes what it needs. */
static void shrink(struct tw_buf *picture)
{
    char *exact = realloc(picture->data, picture->len);
    if (exact != NULL) {
        picture->data = exact;
        picture->capacity = picture->len;
    }
}

/* Complete, and what was asked for? A process that says something else is not believed. */
static bool is_picture(const struct entry *entry)
{
    static const char png[] = "\x89PNG\r\n\x1a\n";
    static const char end[] = "IEND\xae\x42\x60\x82";
    const char *bytes = entry->picture.data;
    size_t len = entry->picture.len;
    if (strcmp(entry->content_type, "image/png") == 0) {
        return len > 64 && memcmp(bytes, png, 8) == 0 && memcmp(bytes + len - 8, end, 8) == 0;
    }
    while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == ' ')) {
        len--;
    }
    return len > 64 && memcmp(bytes, "<?xml", 5) == 0 && memcmp(bytes + len - 6, "</svg>", 6) == 0;
}

static void draw(struct worker *self, const struct tw_actor *actor, struct entry *entry)
{
    struct tw_plot_pool *pool = self->pool;
    struct tw_plot_ticket ticket = {.pool = pool, .entry = entry};
    struct tw_diag diag = {""};
    char mark[TW_PLOT_MARK_SIZE];
    tw_plot_mark(&ticket, mark);
    /* Nobody else touches script and picture while the state is DRAWING. */
    const struct tw_plot_job job = {.script = {entry->script.data, entry->script.len},
                                    .mark = mark,
                                    .deadline_ms = pool->options.deadline_ms,
                                    .stop_fd = tw_actor_stop_fd(actor)};
    int rc = tw_plot_child_draw(&self->child, &job, &entry->picture, &diag);
    if (rc == TW_OK && !is_picture(entry)) {
        tw_plot_child_fini(&self->child);
        rc = tw_diag_set(&diag, TW_EDAMAGED, "gnuplot: what it answered is no picture");
    }
    if (rc == TW_OK) {
        shrink(&entry->picture);
    } else if (rc != TW_EAGAIN) {
        tw_log(TW_LOG_PLOT_FAILED_EVENT, TW_F_CSTR("reason", diag.text));
    }
    lock(pool);
    finish(pool, entry, rc == TW_EAGAIN ? TW_ECLOSED : rc, diag.text);
    release(pool, entry);
    unlock(pool);
}

static int run(struct tw_actor *actor, void *arg)
{
    struct worker *self = arg;
    tw_actor_ready(actor, TW_OK);
    while (!tw_actor_is_stopping(actor)) {
        struct pollfd fds[] = {{.fd = self->pool->work_fd, .events = POLLIN},
                               {.fd = tw_actor_stop_fd(actor), .events = POLLIN}};
        (void)poll(fds, 2, -1); /* EINTR and errors: look again */
        struct entry *entry = fds[0].revents != 0 ? take_work(self->pool) : NULL;
        if (entry != NULL) {
            draw(self, actor, entry);
        }
    }
    tw_plot_child_fini(&self->child);
    return TW_OK;
}

/* ---- life ---- */

int tw_plot_pool_new(const struct tw_plot_pool_options *options, struct tw_plot_pool **ret_pool)
{
    struct tw_plot_pool *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->options = *options;
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    self->work_fd = eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
    self->workers = calloc(options->processes, sizeof *self->workers);
    int rc = self->work_fd < 0 ? TW_ESYSTEM : self->workers == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; rc == TW_OK && options->program != NULL && i < options->processes; i++) {
        struct worker *worker = &self->workers[i];
        worker->pool = self;
        tw_plot_child_init(&worker->child, options->program);
        rc = tw_actor_new("plot", run, worker, &worker->actor);
    }
    if (rc != TW_OK) {
        tw_plot_pool_destroy(&self);
        return rc;
    }
    *ret_pool = self;
    return TW_OK;
}

void tw_plot_pool_stop(struct tw_plot_pool *self)
{
    lock(self);
    self->is_stopping = true;
    unlock(self);
    for (size_t i = 0; self->workers != NULL && i < self->options.processes; i++) {
        if (self->workers[i].actor != NULL) {
            tw_actor_stop(self->workers[i].actor); /* all at once */
        }
    }
    for (size_t i = 0; self->workers != NULL && i < self->options.processes; i++) {
        (void)tw_actor_destroy(&self->workers[i].actor); /* its loop cannot fail */
    }
    lock(self);
    while (self->queue != NULL) {
        struct entry *entry = self->queue;
        self->queue = entry->next_queued;
        self->counts.waiting--;
        finish(self, entry, TW_ECLOSED, "the program is stopping");
        release(self, entry);
    }
    self->queue_end = NULL;
    unlock(self);
}

void tw_plot_pool_destroy(struct tw_plot_pool **self_p)
{
    struct tw_plot_pool *self = *self_p;
    if (self == NULL) {
        return;
    }
    tw_plot_pool_stop(self);
    lock(self);
    for (struct entry *entry = self->first; entry != NULL; entry = entry->next) {
        release(self, entry);
    }
    unlock(self);
    if (self->work_fd >= 0) {
        (void)close(self->work_fd); /* nobody reads it any more */
    }
    (void)pthread_mutex_destroy(&self->mtx);
    free(self->workers);
    free(self);
    *self_p = NULL;
}

void tw_plot_pool_counts(struct tw_plot_pool *self, struct tw_plot_counts *ret_counts)
{
    lock(self);
    *ret_counts = self->counts;
    unlock(self);
}

/* ---- asking ---- */

int tw_plot_pool_get(struct tw_plot_pool *self, struct tw_str key, const char *content_type,
                     struct tw_plot_ticket **ret_ticket, bool *ret_must_draw)
{
    struct tw_plot_ticket *ticket = calloc(1, sizeof *ticket);
    uint64_t hash = hash_of(key.ptr, key.len);
    if (ticket == NULL || key.len > TW_PLOT_KEY_MAX) {
        free(ticket);
        return key.len > TW_PLOT_KEY_MAX ? TW_ELIMIT : TW_ENOMEM;
    }
    lock(self);
    struct entry *entry = find(self, key, hash);
    bool is_new = entry == NULL;
    if (is_new) {
        entry = new_entry(self, key, hash, content_type);
    } else {
        self->counts.hits += entry->state == DONE ? 1 : 0;
        self->counts.joined += entry->state == DONE ? 0 : 1;
        unlink_entry(self, entry);
        list_first(self, entry);
    }
    if (entry != NULL) {
        *ticket = (struct tw_plot_ticket){.pool = self, .entry = entry, .next = entry->tickets};
        entry->tickets = ticket;
        entry->references++;
    }
    unlock(self);
    if (entry == NULL) {
        free(ticket);
        return TW_ENOMEM;
    }
    *ret_ticket = ticket;
    *ret_must_draw = is_new;
    return TW_OK;
}

void tw_plot_mark(const struct tw_plot_ticket *ticket, char mark[TW_PLOT_MARK_SIZE])
{
    (void)snprintf(mark, TW_PLOT_MARK_SIZE, "end-%016" PRIx64 "-%08" PRIx64, ticket->entry->hash,
                   ticket->entry->serial & 0xffffffff);
}

void tw_plot_pool_submit(struct tw_plot_ticket *ticket, struct tw_buf *script)
{
    static const uint64_t one = 1;
    struct tw_plot_pool *self = ticket->pool;
    struct entry *entry = ticket->entry;
    lock(self);
    if (self->options.program == NULL) {
        finish(self, entry, TW_ENOTFOUND, "gnuplot is not installed, or web.gnuplot is wrong");
    } else if (self->is_stopping) {
        finish(self, entry, TW_ECLOSED, "the program is stopping");
    } else if (self->counts.waiting >= self->options.queue) {
        self->counts.refused++;
        finish(self, entry, TW_ELIMIT, "too many plots wait to be drawn");
    } else {
        tw_buf_fini(&entry->script);
        entry->script = *script;
        tw_buf_init(script, script->max);
        entry->state = QUEUED;
        entry->next_queued = NULL;
        *(self->queue_end != NULL ? &self->queue_end->next_queued : &self->queue) = entry;
        self->queue_end = entry;
        self->counts.waiting++;
        entry->references++;
        /* Cannot fail below 2^64 - 1; and the queue is bounded. */
        (void)!write(self->work_fd, &one, sizeof one);
    }
    unlock(self);
    tw_buf_fini(script);
}

void tw_plot_pool_fail(struct tw_plot_ticket *ticket, int code, const char *reason)
{
    lock(ticket->pool);
    finish(ticket->pool, ticket->entry, code, reason);
    unlock(ticket->pool);
}

void tw_plot_ticket_arm(struct tw_plot_ticket *self, void (*wake)(void *context), void *context)
{
    lock(self->pool);
    if (self->entry->state == DONE) {
        wake(context);
    } else {
        self->wake = wake;
        self->context = context;
    }
    unlock(self->pool);
}

bool tw_plot_ticket_is_done(struct tw_plot_ticket *self)
{
    lock(self->pool);
    bool is_done = self->entry->state == DONE;
    unlock(self->pool);
    return is_done;
}

int tw_plot_ticket_take(struct tw_plot_ticket *self, struct tw_plot_picture *ret_picture,
                        struct tw_diag *diag)
{
    const struct entry *entry = self->entry;
    lock(self->pool); /* what is done does not change any more */
    int rc = entry->state == DONE ? entry->rc : TW_EAGAIN;
    unlock(self->pool);
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "%s", entry->diag.text);
    }
    *ret_picture = (struct tw_plot_picture){.bytes = entry->picture.data,
                                            .len = entry->picture.len,
                                            .content_type = entry->content_type};
    (void)snprintf(ret_picture->tag, sizeof ret_picture->tag, "\"%016" PRIx64 "\"", entry->tag);
    return TW_OK;
}

void tw_plot_ticket_drop(struct tw_plot_ticket **self_p)
{
    struct tw_plot_ticket *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    struct tw_plot_pool *pool = self->pool;
    lock(pool);
    struct tw_plot_ticket **at = &self->entry->tickets;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    release(pool, self->entry);
    unlock(pool);
    free(self);
}
