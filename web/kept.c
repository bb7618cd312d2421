/* SPDX-License-Identifier: Apache-2.0
 * An entry is free, or being made by one thread (is_busy), or has an answer. Who finds it busy
 * waits for the condition and looks again. The stamp is read before the answer is made, so that an
 * answer may hold more than its stamp says, never less. */
#include "config.h"
#include "web/kept.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store/alert_read.h"
#include "web/api_failures.h"
#include "web/gzip.h"

#define HEAD_BYTES 256 /* of the overview: the time it was written is within its first 40 */
#define QUICK      1   /* level of packing: see web/gzip.c */

/* What an answer depends on beside the clock. */
struct basis {
    struct tw_store_stamp stamp;
    uint64_t documents; /* which writing of those, or of alerts; 0: by the stamp */
    const struct tw_workflows *workflows; /* in force; an entry has a reference */
};

struct entry {
    char target[TW_KEPT_TARGET_BYTES];
    struct basis basis;
    tw_mono_t until;
    const char *content_type;
    struct tw_body *plain;  /* NULL: there is no answer */
    struct tw_body *packed; /* NULL: nobody asked, or it becomes no smaller */
    bool is_packable;
    bool is_busy;
    char tag[24];
    char packed_tag[24];
    uint64_t used;
};

struct tw_kept {
    pthread_mutex_t mtx;
    pthread_cond_t changed;
    /* guarded by mtx */
    struct tw_kept_counts counts;
    uint64_t clock; /* of `used` */
    struct entry entries[TW_KEPT_ANSWERS];
};

static void lock(struct tw_kept *self)
{
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: a plain mutex, locked once */
}

static void unlock(struct tw_kept *self)
{
    (void)pthread_mutex_unlock(&self->mtx);
}

/* ---- life */

int tw_kept_new(struct tw_kept **ret_kept)
{
    pthread_condattr_t attr;
    struct tw_kept *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    /* nor can these: the clock is one that there is */
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&self->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    *ret_kept = self;
    return TW_OK;
}

static void forget(struct entry *entry)
{
    tw_body_unref(&entry->plain);
    tw_body_unref(&entry->packed);
    tw_workflows_unref(&entry->basis.workflows);
}

void tw_kept_destroy(struct tw_kept **self_p)
{
    struct tw_kept *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < TW_KEPT_ANSWERS; i++) {
        TW_ASSERT(!self->entries[i].is_busy);
        forget(&self->entries[i]);
    }
    (void)pthread_cond_destroy(&self->changed); /* nobody waits any more */
    (void)pthread_mutex_destroy(&self->mtx);
    free(self);
    *self_p = NULL;
}

void tw_kept_count(struct tw_kept *self, struct tw_kept_counts *ret_counts)
{
    lock(self);
    *ret_counts = self->counts;
    unlock(self);
}

/* ---- entries: with the mutex held */

static bool is_of(const struct entry *entry, struct tw_str target)
{
    return tw_str_is(target, entry->target);
}

/* The entry of this request; else a free one, or the one that was not used for longest, emptied.
 * NULL: all are busy. */
static struct entry *entry_for(struct tw_kept *self, struct tw_str target)
{
    struct entry *oldest = NULL;
    for (size_t i = 0; i < TW_KEPT_ANSWERS; i++) {
        struct entry *entry = &self->entries[i];
        if (is_of(entry, target)) {
            return entry;
        }
        if (!entry->is_busy && (oldest == NULL || entry->used < oldest->used)) {
            oldest = entry;
        }
    }
    if (oldest != NULL) {
        forget(oldest);
        *oldest = (struct entry){.used = 0};
        memcpy(oldest->target, target.ptr, target.len); /* its NUL is there */
    }
    return oldest;
}

/* Does it hold all that was committed when `basis` was read? */
static bool is_current(const struct entry *entry, const struct basis *basis, tw_mono_t now)
{
    const struct tw_store_stamp *has = &entry->basis.stamp;
    const struct tw_store_stamp *wants = &basis->stamp;
    if (entry->plain == NULL || now.ns >= entry->until.ns ||
        entry->basis.workflows != basis->workflows || entry->basis.documents != basis->documents) {
        return false;
    }
    return basis->documents != 0 ||
           (has->file == wants->file && has->number == wants->number &&
            has->oldest == wants->oldest && has->commits >= wants->commits);
}

/* Wait until something has changed; false: the call has used up its time. */
static bool wait_for_change(struct tw_kept *self, const struct tw_call *call)
{
    struct tw_clock *clock = call->web->clock;
    struct timespec until;
    int64_t left_ns = call->deadline.ns - clock->mono(clock).ns;
    if (left_ns <= 0) {
        return false;
    }
    (void)clock_gettime(CLOCK_MONOTONIC, &until); /* cannot fail with this clock */
    left_ns += until.tv_nsec;
    until.tv_sec += left_ns / TW_NS_PER_S;
    until.tv_nsec = left_ns % TW_NS_PER_S;
    (void)pthread_cond_timedwait(&self->changed, &self->mtx, &until); /* whyever: look again */
    return true;
}

/* ---- answers */

static void set_tag(char *tag, size_t size, struct tw_body *body, const char *more)
{
    /* always fits: 16 digits, two quotes, a letter */
    (void)snprintf(tag, size, "\"%016" PRIx64 "%s\"", tw_static_hash(body->bytes, body->len), more);
}

/* Out of the entry, with the mutex held. */
static void fill(const struct tw_call *call, const struct entry *entry, bool wants_packed,
                 struct tw_response *response)
{
    bool is_packed = wants_packed && entry->packed != NULL;
    const char *tag = is_packed ? entry->packed_tag : entry->tag;
    struct tw_body *body = tw_body_ref(is_packed ? entry->packed : entry->plain);
    bool is_known = tw_http_tag_matches(call->request->head.if_none_match, tag);
    if (is_known) {
        tw_body_unref(&body);
        response->status = 304;
    } else {
        tw_response_share(response, 200, entry->content_type, &body);
        if (is_packed) {
            (void)tw_response_header(response, "Content-Encoding", "gzip");
        }
    }
    /* fixed texts and tags always fit */
    (void)tw_response_header(response, "ETag", tag);
    (void)tw_response_header(response, "Vary", "Accept-Encoding");
}

/* The handler's answer becomes one that is shared; false: it is none that is kept. */
static bool take_answer(struct tw_call *call, enum tw_gzip_wish wish, struct entry *made)
{
    struct tw_response *response = &call->response;
    if (response->status != 200 || response->owned == NULL || response->header_count > 0 ||
        response->len > TW_KEPT_BODY_BYTES) {
        return false;
    }
    made->plain = tw_body_new(response->owned, response->len);
    if (made->plain == NULL) {
        return false;
    }
    response->owned = NULL;
    made->content_type = response->content_type;
    made->is_packable = response->len >= TW_GZIP_MIN_BYTES || wish == TW_GZIP_ALWAYS;
    set_tag(made->tag, sizeof made->tag, made->plain, "");
    return true;
}

/* Nothing where it does not become smaller, or there is no memory: it is sent plain. */
static void pack(struct entry *made)
{
    char *bytes = NULL;
    size_t len = 0;
    made->is_packable = false;
    if (tw_gzip_pack((struct tw_str){made->plain->bytes, made->plain->len}, QUICK, &bytes, &len) !=
        TW_OK) {
        return;
    }
    made->packed = tw_body_new(bytes, len);
    if (made->packed == NULL) {
        free(bytes);
        return;
    }
    set_tag(made->packed_tag, sizeof made->packed_tag, made->packed, "-g");
}

/* Make the answer, without the mutex; `made` has what is kept of it, with its references. */
static int make(struct tw_call *call, tw_handler *handler, const struct basis *basis,
                enum tw_gzip_wish wish, struct entry *made)
{
    struct tw_clock *clock = call->web->clock;
    *made = (struct entry){.until = {clock->mono(clock).ns + TW_KEPT_MS * TW_NS_PER_MS}};
    int rc = handler(call);
    if (rc == TW_OK && take_answer(call, wish, made)) {
        made->basis = *basis;
        made->basis.workflows = tw_workflows_ref(basis->workflows);
        if (wish != TW_GZIP_NO && made->is_packable) {
            pack(made);
        }
    }
    return rc;
}

/* Keep what was made, with the mutex held. */
static void keep(struct entry *entry, const struct entry *made)
{
    forget(entry);
    entry->basis = made->basis;
    entry->until = made->until;
    entry->content_type = made->content_type;
    entry->plain = made->plain;
    entry->packed = made->packed;
    entry->is_packable = made->is_packable;
    memcpy(entry->tag, made->tag, sizeof entry->tag);
    memcpy(entry->packed_tag, made->packed_tag, sizeof entry->packed_tag);
}

/* What is kept has no packed form yet, and somebody wants it: the mutex is released meanwhile. */
static void add_packed(struct tw_kept *self, struct entry *entry)
{
    struct entry copy = *entry;
    entry->is_busy = true;
    unlock(self);
    pack(&copy);
    lock(self);
    entry->packed = copy.packed;
    entry->is_packable = copy.is_packable;
    memcpy(entry->packed_tag, copy.packed_tag, sizeof entry->packed_tag);
    entry->is_busy = false;
    (void)pthread_cond_broadcast(&self->changed);
}

/* Whoever changes something of alerts counts there, in the same transaction. */
static int read_alerts_mark(struct tw_call *call, struct basis *basis)
{
    struct tw_desk_reader *desk = NULL;
    struct tw_alerts_mark mark = {.changes = 0};
    int rc = tw_api_desk(call, &desk);
    rc = rc == TW_OK ? tw_desk_alerts_mark(desk, &mark) : rc;
    basis->documents = mark.changes << 1 | 1;
    return rc;
}

/* What the answer is to hold: all that was committed by now. The collector writes its documents
 * together, "overview" among them each time: it begins with when. */
static int read_basis(struct tw_call *call, enum tw_kept_by by, struct basis *basis)
{
    struct tw_str text = TW_STR_NULL;
    *basis = (struct basis){.workflows = call->workflows};
    if (by == TW_KEPT_BY_ALERTS) {
        return read_alerts_mark(call, basis);
    }
    int rc = by == TW_KEPT_BY_COMMIT
                 ? TW_ENOTFOUND
                 : tw_reader_live(call->reader, call->arena, TW_STR_LIT("overview"), &text);
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        return rc;
    }
    if (rc == TW_OK && text.len > 0) {
        size_t len = text.len < HEAD_BYTES ? text.len : HEAD_BYTES;
        basis->documents = tw_static_hash(text.ptr, len) | 1;
        return TW_OK;
    }
    return tw_reader_stamp(call->reader, &basis->stamp);
}

/* The answer that is kept, or the place for it (busy, its maker is the caller); neither: TW_OK
 * with NULL, all places are busy. The mutex is held. */
static int look(struct tw_kept *self, struct tw_call *call, struct tw_str target,
                const struct basis *basis, struct entry **ret_entry)
{
    struct tw_clock *clock = call->web->clock;
    for (;;) {
        struct entry *entry = entry_for(self, target);
        *ret_entry = entry;
        if (entry == NULL || !entry->is_busy) {
            break;
        }
        if (is_current(entry, basis, clock->mono(clock)) && !entry->is_packable) {
            break;
        }
        if (!wait_for_change(self, call)) {
            return TW_ETIMEOUT;
        }
    }
    if (*ret_entry != NULL) {
        (*ret_entry)->used = ++self->clock;
    }
    return TW_OK;
}

int tw_kept_run(struct tw_call *call, struct tw_str target, enum tw_kept_by by, tw_handler *handler)
{
    struct tw_kept *self = call->web->kept;
    struct tw_clock *clock = call->web->clock;
    struct entry *entry = NULL;
    struct entry made;
    struct basis basis;
    enum tw_gzip_wish wish = tw_gzip_wish(call->request->head.accept_encoding);
    if (self == NULL || target.len >= TW_KEPT_TARGET_BYTES) {
        return handler(call);
    }
    int rc = read_basis(call, by, &basis);
    if (rc != TW_OK) {
        return rc;
    }
    lock(self);
    rc = look(self, call, target, &basis, &entry);
    if (rc != TW_OK || entry == NULL) {
        unlock(self);
        return rc != TW_OK ? rc : handler(call);
    }
    if (!is_current(entry, &basis, clock->mono(clock))) {
        entry->is_busy = true;
        unlock(self);
        rc = make(call, handler, &basis, wish, &made);
        lock(self);
        self->counts.made++;
        keep(entry, &made);
        entry->is_busy = false;
        (void)pthread_cond_broadcast(&self->changed);
    } else {
        self->counts.given++;
        if (wish != TW_GZIP_NO && entry->is_packable) {
            add_packed(self, entry);
        }
    }
    if (rc == TW_OK && entry->plain != NULL) {
        fill(call, entry, wish != TW_GZIP_NO, &call->response);
    }
    unlock(self);
    return rc;
}
