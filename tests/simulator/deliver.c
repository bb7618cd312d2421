/* SPDX-License-Identifier: Apache-2.0
 * Held events stand in a binary heap by time of release, then order of holding. A withheld event
 * of a source waits in `limbo` until a later one of that source has been delivered.
 */
#include "config.h"
#include "simulator/deliver.h"

#include <stdlib.h>
#include <string.h>

enum purpose { LATE, ECHO, CONFLICT };

struct held {
    int64_t release_us;
    uint64_t order;
    enum purpose purpose;
    struct sim_event event;
    size_t len;
    char text[];
};

struct sim_delivery {
    struct sim_estate *estate;
    struct sim_outlet *outlet;
    struct sim_ledger *ledger;
    struct sim_totals *totals;
    struct held **heap; /* SIM_MAX_HELD */
    uint32_t heap_count;
    uint64_t next_order;
    struct held **limbo; /* by source; NULL: none */
    struct sim_missing *missing;
    size_t missing_count;
    size_t missing_capacity;
};

int sim_delivery_new(struct sim_estate *estate, struct sim_outlet *outlet,
                     struct sim_ledger *ledger, struct sim_totals *totals,
                     struct sim_delivery **ret_delivery)
{
    struct sim_delivery *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->estate = estate;
    self->outlet = outlet;
    self->ledger = ledger;
    self->totals = totals;
    self->heap = calloc(SIM_MAX_HELD, sizeof(struct held *));
    self->limbo = calloc(estate->source_count, sizeof(struct held *));
    if (self->heap == NULL || self->limbo == NULL) {
        sim_delivery_destroy(&self);
        return TW_ENOMEM;
    }
    *ret_delivery = self;
    return TW_OK;
}

void sim_delivery_destroy(struct sim_delivery **self_p)
{
    struct sim_delivery *self = *self_p;
    if (self == NULL) {
        return;
    }
    for (uint32_t i = 0; i < self->heap_count; i++) {
        free(self->heap[i]);
    }
    for (uint32_t i = 0; self->limbo != NULL && i < self->estate->source_count; i++) {
        free(self->limbo[i]);
    }
    free((void *)self->heap);
    free((void *)self->limbo);
    free(self->missing);
    free(self);
    *self_p = NULL;
}

/* ---- heap ---- */

static bool is_before(const struct held *a, const struct held *b)
{
    if (a->release_us != b->release_us) {
        return a->release_us < b->release_us;
    }
    return a->order < b->order;
}

static void heap_push(struct sim_delivery *self, struct held *held)
{
    uint32_t at = self->heap_count++;
    while (at > 0 && is_before(held, self->heap[(at - 1) / 2])) {
        self->heap[at] = self->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    self->heap[at] = held;
}

static struct held *heap_pop(struct sim_delivery *self)
{
    struct held *top = self->heap[0];
    struct held *last = self->heap[--self->heap_count];
    uint32_t at = 0;
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= self->heap_count) {
            break;
        }
        if (child + 1 < self->heap_count && is_before(self->heap[child + 1], self->heap[child])) {
            child++;
        }
        if (!is_before(self->heap[child], last)) {
            break;
        }
        self->heap[at] = self->heap[child];
        at = child;
    }
    if (self->heap_count > 0) {
        self->heap[at] = last;
    }
    return top;
}

/* A copy of the event in the outlet's reserve; NULL when out of memory or too many are held. */
static struct held *hold(struct sim_delivery *self, const struct sim_event *event, const char *text,
                         size_t len)
{
    struct held *held = self->heap_count < SIM_MAX_HELD ? malloc(sizeof(*held) + len) : NULL;
    if (held == NULL) {
        self->totals->refused_holds++;
        return NULL;
    }
    held->order = self->next_order++;
    held->purpose = LATE;
    held->event = *event;
    held->len = len;
    memcpy(held->text, text, len);
    return held;
}

/* ---- the books ---- */

/* The withheld event of this source is lost now: a later one has been delivered. */
static void confirm_loss(struct sim_delivery *self, uint32_t index)
{
    struct held *lost = self->limbo[index];
    struct sim_source *source = &self->estate->sources[index];
    self->limbo[index] = NULL;
    source->limbo = 0;
    if (self->missing_count == self->missing_capacity) {
        size_t capacity = self->missing_capacity == 0 ? 1024 : self->missing_capacity * 2;
        struct sim_missing *grown = realloc(self->missing, capacity * sizeof(*grown));
        TW_ASSERT(grown != NULL); /* a simulator that cannot keep its books must not go on */
        self->missing = grown;
        self->missing_capacity = capacity;
    }
    self->missing[self->missing_count++] =
        (struct sim_missing){.source = index, .sequence = lost->event.sequence};
    self->totals->withheld++;
    sim_ledger_event_fact(self->ledger, "withheld", source->name, source->name_len,
                          lost->event.sequence, "");
    free(lost);
}

/* An event seen for the first time leaves for its tap. */
static void book(struct sim_delivery *self, const struct sim_event *event)
{
    struct sim_source *source = &self->estate->sources[event->source];
    self->totals->accepted++;
    self->totals->uncorrelated += event->is_uncorrelated;
    self->totals->double_effects += event->is_second_effect;
    source->events++;
    if (event->sequence > source->delivered) {
        if (event->sequence > source->delivered + 1) {
            source->gaps++;
            self->totals->gaps++;
        }
        source->delivered = event->sequence;
    } else {
        source->filled++;
        self->totals->filled++;
    }
    if (source->limbo != 0 && event->sequence > self->limbo[event->source]->event.sequence) {
        confirm_loss(self, event->source);
    }
}

/* ---- delivery ---- */

int sim_deliver(struct sim_delivery *self, const struct sim_event *event, size_t len,
                struct tw_diag *diag)
{
    book(self, event);
    self->totals->delivered++;
    return sim_outlet_commit(self->outlet, self->estate->sources[event->source].channel, len,
                             event->topic, diag);
}

static char *reserve(struct sim_delivery *self, uint32_t source)
{
    return sim_outlet_reserve(self->outlet, self->estate->sources[source].channel);
}

int sim_deliver_late(struct sim_delivery *self, const struct sim_event *event, size_t len,
                     int64_t release_us, struct tw_diag *diag)
{
    struct held *held = hold(self, event, reserve(self, event->source), len);
    if (held == NULL) {
        return sim_deliver(self, event, len, diag);
    }
    held->release_us = release_us;
    self->estate->sources[event->source].held++;
    heap_push(self, held);
    return TW_OK;
}

/* Other content for the same identity: a member is added to the data. False when there is none. */
static bool change_content(struct held *held)
{
    static const char before[] = "\"data\":{";
    static const char change[] = "\"revision\":2,";
    char *data = memmem(held->text, held->len, before, sizeof(before) - 1);
    if (data == NULL) {
        return false;
    }
    char *at = data + sizeof(before) - 1;
    memmove(at + sizeof(change) - 1, at, held->len - (size_t)(at - held->text));
    memcpy(at, change, sizeof(change) - 1);
    held->len += sizeof(change) - 1;
    return true;
}

int sim_deliver_echo(struct sim_delivery *self, const struct sim_event *event, size_t len,
                     int64_t release_us, bool other_content)
{
    /* Room for the change is part of the copy: 32 bytes behind the text are readable. */
    struct held *held = hold(self, event, reserve(self, event->source), len + SIM_SLACK);
    if (held == NULL) {
        return TW_OK;
    }
    held->len = len;
    held->release_us = release_us;
    held->purpose = other_content && change_content(held) ? CONFLICT : ECHO;
    self->estate->sources[event->source].held++;
    heap_push(self, held);
    return TW_OK;
}

int sim_deliver_never(struct sim_delivery *self, const struct sim_event *event, size_t len,
                      struct tw_diag *diag)
{
    struct sim_source *source = &self->estate->sources[event->source];
    struct held *held =
        source->limbo != 0 ? NULL : hold(self, event, reserve(self, event->source), len);
    if (held == NULL) {
        return sim_deliver(self, event, len, diag);
    }
    source->limbo = 1;
    self->limbo[event->source] = held;
    return TW_OK;
}

/* Put a held event into its channel. Takes and frees it. */
static int send_held(struct sim_delivery *self, struct held *held, struct tw_diag *diag)
{
    struct sim_source *source = &self->estate->sources[held->event.source];
    const char *fact = NULL;
    memcpy(reserve(self, held->event.source), held->text, held->len);
    self->totals->delivered++;
    switch (held->purpose) {
    case ECHO:
        self->totals->duplicates++;
        fact = "duplicate";
        break;
    case CONFLICT:
        self->totals->conflicts++;
        fact = "conflict";
        break;
    case LATE:
    default:
        self->totals->late++;
        book(self, &held->event);
        fact = "late";
        break;
    }
    sim_ledger_event_fact(self->ledger, fact, source->name, source->name_len, held->event.sequence,
                          "");
    int result =
        sim_outlet_commit(self->outlet, source->channel, held->len, held->event.topic, diag);
    free(held);
    return result;
}

int sim_delivery_release(struct sim_delivery *self, int64_t now_us, struct tw_diag *diag)
{
    int result = TW_OK;
    while (self->heap_count > 0 && self->heap[0]->release_us <= now_us && result == TW_OK) {
        struct held *held = heap_pop(self);
        self->estate->sources[held->event.source].held--;
        sim_outlet_at(self->outlet, held->release_us); /* at the end it may be ahead */
        result = send_held(self, held, diag);
    }
    return result;
}

int64_t sim_delivery_next_us(const struct sim_delivery *self)
{
    return self->heap_count == 0 ? INT64_MAX : self->heap[0]->release_us;
}

int sim_delivery_finish(struct sim_delivery *self, struct tw_diag *diag)
{
    int result = sim_delivery_release(self, INT64_MAX, diag);
    for (uint32_t i = 0; i < self->estate->source_count && result == TW_OK; i++) {
        struct held *last = self->limbo[i];
        if (last != NULL) {
            self->limbo[i] = NULL;
            self->estate->sources[i].limbo = 0;
            result = send_held(self, last, diag);
        }
    }
    return result;
}

static int compare_missing(const void *a, const void *b)
{
    const struct sim_missing *x = a;
    const struct sim_missing *y = b;
    if (x->source != y->source) {
        return x->source < y->source ? -1 : 1;
    }
    return x->sequence < y->sequence ? -1 : x->sequence > y->sequence;
}

void sim_delivery_report(struct sim_delivery *self)
{
    size_t at = 0;
    if (self->missing_count > 0) {
        qsort(self->missing, self->missing_count, sizeof(*self->missing), compare_missing);
    }
    for (uint32_t i = 0; i < self->estate->source_count; i++) {
        size_t from = at;
        while (at < self->missing_count && self->missing[at].source == i) {
            at++;
        }
        if (self->estate->sources[i].events > 0) {
            sim_ledger_source(
                self->ledger, &self->estate->sources[i],
                sim_tap_name(sim_outlet_tap(self->outlet, self->estate->sources[i].channel)),
                self->missing + from, at - from);
        }
    }
}
