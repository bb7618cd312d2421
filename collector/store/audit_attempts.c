/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/audit_attempts.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/desk_deed.h"

#define FIELDS 5

/* A text that is kept; cut. */
struct kept {
    size_t len;
    bool is_there;
    char bytes[TW_ATTEMPT_TEXT];
};

struct slot {
    bool is_used;
    struct kept fields[FIELDS]; /* actor, kind, address, action, subject */
    uint64_t count;             /* since the last row */
    tw_wall_t since;            /* the first of them */
    tw_mono_t next;             /* no row before */
};

struct tw_attempts {
    char *dir; /* fixed */
    /* guarded by mtx */
    pthread_mutex_t mtx;
    struct slot slots[TW_ATTEMPT_KINDS];
    struct slot others; /* what there is no room for */
    unsigned rows;      /* of new kinds, in this minute */
    tw_mono_t minute_end;
};

int tw_attempts_new(const char *dir, struct tw_attempts **ret_attempts)
{
    struct tw_attempts *self = calloc(1, sizeof *self);
    char *copy = strdup(dir);
    if (self == NULL || copy == NULL) {
        free(self);
        free(copy);
        return TW_ENOMEM;
    }
    static const char *const words[FIELDS] = {"", "unknown", NULL, "refused", "others"};
    self->dir = copy;
    for (size_t i = 0; i < FIELDS; i++) {
        struct kept *field = &self->others.fields[i];
        field->is_there = words[i] != NULL;
        field->len = words[i] == NULL ? 0 : strlen(words[i]);
        memcpy(field->bytes, words[i] == NULL ? "" : words[i], field->len);
    }
    (void)pthread_mutex_init(&self->mtx, NULL); /* a default mutex cannot fail on Linux */
    *ret_attempts = self;
    return TW_OK;
}

void tw_attempts_destroy(struct tw_attempts **self_p)
{
    struct tw_attempts *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        (void)pthread_mutex_destroy(&self->mtx); /* nobody holds it any more */
        free(self->dir);
        free(self);
    }
}

static struct tw_str cut(struct tw_str text)
{
    return (struct tw_str){text.ptr, text.len > TW_ATTEMPT_TEXT ? TW_ATTEMPT_TEXT : text.len};
}

static void fields_of(const struct tw_attempt *attempt, struct tw_str *fields)
{
    fields[0] = attempt->actor.ptr == NULL ? TW_STR_LIT("") : cut(attempt->actor);
    fields[1] = attempt->kind.ptr == NULL ? TW_STR_LIT("unknown") : cut(attempt->kind);
    fields[2] = cut(attempt->address);
    fields[3] = cut(attempt->action);
    fields[4] = cut(attempt->subject);
}

static struct tw_str text_of(const struct kept *field)
{
    return field->is_there ? (struct tw_str){field->bytes, field->len} : TW_STR_NULL;
}

static bool is_of(const struct slot *slot, const struct tw_str *fields)
{
    bool is_same = slot->is_used;
    for (size_t i = 0; i < FIELDS && is_same; i++) {
        struct tw_str text = text_of(&slot->fields[i]);
        is_same = (text.ptr == NULL) == (fields[i].ptr == NULL) && tw_str_equal(text, fields[i]);
    }
    return is_same;
}

/* That of this kind; NULL: none yet. */
static struct slot *find_slot(struct tw_attempts *self, const struct tw_str *fields)
{
    for (size_t i = 0; i < TW_ATTEMPT_KINDS; i++) {
        if (is_of(&self->slots[i], fields)) {
            return &self->slots[i];
        }
    }
    return NULL;
}

/* One that is free, or quiet since its last row for a minute; NULL: no room, or too many are new.
 */
static struct slot *take_slot(struct tw_attempts *self, const struct tw_str *fields, tw_mono_t mono)
{
    struct slot *slot = NULL;
    if (mono.ns >= self->minute_end.ns) {
        self->minute_end.ns = mono.ns + (int64_t)TW_ATTEMPT_EVERY_S * TW_NS_PER_S;
        self->rows = 0;
    }
    for (size_t i = 0; i < TW_ATTEMPT_KINDS && slot == NULL && self->rows < TW_ATTEMPT_ROWS; i++) {
        struct slot *one = &self->slots[i];
        bool is_free = !one->is_used || (one->count == 0 && mono.ns >= one->next.ns);
        slot = is_free ? one : NULL;
    }
    if (slot == NULL) {
        return NULL;
    }
    self->rows++;
    *slot = (struct slot){.is_used = true};
    for (size_t i = 0; i < FIELDS; i++) {
        slot->fields[i].is_there = fields[i].ptr != NULL;
        slot->fields[i].len = fields[i].len;
        memcpy(slot->fields[i].bytes, fields[i].ptr == NULL ? "" : fields[i].ptr, fields[i].len);
    }
    return slot;
}

/* The row of what was counted: what its only one says, or how often and since when. */
static int write_row(struct tw_attempts *self, struct slot *slot, struct tw_str detail,
                     tw_wall_t now, tw_mono_t mono, struct tw_diag *diag)
{
    char since[TW_TIME_TEXT_SIZE];
    char counted[TW_TIME_TEXT_SIZE + 64];
    sqlite3 *db = NULL;
    bool is_first = slot->count == 1 && slot->since.ns == now.ns;
    slot->next.ns = mono.ns + (int64_t)TW_ATTEMPT_EVERY_S * TW_NS_PER_S; /* also when it fails */
    tw_wall_format(slot->since, since);
    (void)snprintf(counted, sizeof counted, "{\"count\":%llu,\"since\":\"%s\"}",
                   (unsigned long long)slot->count, since);
    const struct tw_desk_deed deed = {
        .dir = self->dir,
        .actor = text_of(&slot->fields[0]),
        .kind = text_of(&slot->fields[1]),
        .address = text_of(&slot->fields[2]),
        .action = text_of(&slot->fields[3]),
        .subject = text_of(&slot->fields[4]),
        .detail = is_first ? detail : tw_str_of(counted),
        .outcome = TW_STR_LIT("refused"),
        .now = now,
    };
    int rc = tw_desk_deed_begin(&deed, &db, diag);
    rc = tw_desk_deed_finish(&db, rc, diag);
    slot->count = rc == TW_OK ? 0 : slot->count;
    return rc;
}

int tw_attempts_note(struct tw_attempts *self, const struct tw_attempt *attempt, tw_wall_t now,
                     tw_mono_t mono, struct tw_diag *diag)
{
    struct tw_str fields[FIELDS];
    int rc = TW_OK;
    fields_of(attempt, fields);
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    struct slot *slot = find_slot(self, fields);
    slot = slot == NULL ? take_slot(self, fields, mono) : slot;
    slot = slot == NULL ? &self->others : slot;
    slot->since = slot->count == 0 ? now : slot->since;
    slot->count++;
    if (mono.ns >= slot->next.ns) {
        bool has_detail = slot != &self->others && attempt->detail.len <= TW_ATTEMPT_DETAIL;
        rc = write_row(self, slot, has_detail ? attempt->detail : TW_STR_NULL, now, mono, diag);
    }
    (void)pthread_mutex_unlock(&self->mtx);
    return rc;
}

int tw_attempts_tick(struct tw_attempts *self, bool is_end, tw_wall_t now, tw_mono_t mono,
                     struct tw_diag *diag)
{
    int rc = TW_OK;
    (void)pthread_mutex_lock(&self->mtx); /* cannot fail: locked once */
    for (size_t i = 0; i <= TW_ATTEMPT_KINDS; i++) {
        struct slot *slot = i < TW_ATTEMPT_KINDS ? &self->slots[i] : &self->others;
        if (slot->count > 0 && (is_end || mono.ns >= slot->next.ns)) {
            int bad = write_row(self, slot, TW_STR_NULL, now, mono, diag);
            rc = rc == TW_OK ? bad : rc;
        }
    }
    (void)pthread_mutex_unlock(&self->mtx);
    return rc;
}
