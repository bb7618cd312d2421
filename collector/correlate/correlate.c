/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "correlate/correlate.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "correlate/objects.h"

/* Before this, an event time is taken for a clock that was never set: 2000-01-01T00:00:00Z. */
#define EARLIEST_NS (INT64_C(946684800) * TW_NS_PER_S)
/* Effects of one event that are looked at; the configuration seldom has more than one. */
#define EFFECTS_MAX 8
/* Source and id of an event, joined for hashing; both are bounded by max_attribute_bytes, longer
 * ones are hashed in two steps. */
#define IDENTITY_MAX 1024

/* The check of an identity: 30 bits of the content's hash, one bit that is always set (0 means
 * none), and one that tells a conflict's content from that of the event itself. */
#define CHECK_BITS     (~UINT32_C(3))
#define CHECK_EVENT    UINT32_C(1)
#define CHECK_CONFLICT UINT32_C(2)

/* An effect rule, made ready. */
struct effect_rule {
    struct tw_str event; /* type, or its beginning */
    bool is_prefix;
    uint16_t object;
};

/* What must be decided of a record. */
struct pending {
    size_t record; /* index in the batch */
    uint64_t key;
    uint32_t check;
    struct tw_objects_found found;
    uint32_t effect_count;
    uint64_t effects[EFFECTS_MAX];
    struct tw_source *source;
    struct tw_str sequence;
    struct tw_str store;
    const void *note; /* the caller's */
};

struct tw_correlator {
    const struct tw_cfg *cfg;
    struct tw_idents *idents;
    struct tw_sources *sources;
    struct tw_past past;
    struct tw_object_rules *objects;
    struct effect_rule *effects;
    size_t effect_count;
    struct pending *pending;
    size_t pending_count;
    size_t pending_capacity;
};

static int effect_rules_new(struct tw_correlator *self, const struct tw_store *store)
{
    self->effects = calloc(self->cfg->effect_count + 1, sizeof *self->effects);
    if (self->effects == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < self->cfg->effect_count; i++) {
        const struct tw_cfg_effect *effect = &self->cfg->effects[i];
        int code = tw_store_object_code(store, effect->object);
        if (code < 0) {
            continue;
        }
        struct effect_rule *rule = &self->effects[self->effect_count++];
        rule->object = (uint16_t)code;
        rule->event = tw_str_of(effect->event);
        if (rule->event.len > 0 && rule->event.ptr[rule->event.len - 1] == '*') {
            rule->is_prefix = true;
            rule->event.len--;
        }
    }
    return TW_OK;
}

int tw_correlator_new(const struct tw_cfg *cfg, const struct tw_store *store,
                      struct tw_idents *idents, struct tw_sources *sources,
                      const struct tw_past *past, struct tw_correlator **ret_correlator)
{
    struct tw_correlator *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->idents = idents;
    self->sources = sources;
    self->past = *past;
    int rc = tw_object_rules_new(cfg, store, &self->objects);
    if (rc == TW_OK) {
        rc = effect_rules_new(self, store);
    }
    if (rc != TW_OK) {
        tw_correlator_destroy(&self);
        return rc;
    }
    *ret_correlator = self;
    return TW_OK;
}

void tw_correlator_destroy(struct tw_correlator **self_p)
{
    struct tw_correlator *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    tw_object_rules_destroy(&self->objects);
    free(self->effects);
    free(self->pending);
    free(self);
}

uint64_t tw_correlate_source_hash(const struct tw_correlator *self, struct tw_str name)
{
    return tw_ident_hash(self->idents, name.ptr, name.len);
}

/* The key of an identity: source, NUL, id. Neither can hold a NUL. */
static uint64_t identity_key(const struct tw_correlator *self, uint64_t source_hash,
                             struct tw_str source, struct tw_str id)
{
    char joined[IDENTITY_MAX];
    size_t len = source.len + 1 + id.len;
    if (len <= sizeof joined) {
        memcpy(joined, source.ptr, source.len);
        joined[source.len] = '\0';
        memcpy(joined + source.len + 1, id.ptr, id.len);
        return tw_ident_hash(self->idents, joined, len);
    }
    uint64_t parts[2] = {source_hash, tw_ident_hash(self->idents, id.ptr, id.len)};
    return tw_ident_hash(self->idents, parts, sizeof parts);
}

/* The key of an effect: NUL (so that it is no identity), rule, scope, NUL, id. */
static uint64_t effect_key(const struct tw_correlator *self, uint16_t rule,
                           const struct tw_object *object)
{
    char joined[2 * TW_OBJECT_ID_MAX + 8];
    char *p = joined;
    *p++ = '\0';
    memcpy(p, &rule, sizeof rule);
    p += sizeof rule;
    if (object->scope.len > 0) {
        memcpy(p, object->scope.ptr, object->scope.len);
        p += object->scope.len;
    }
    *p++ = '\0';
    memcpy(p, object->id.ptr, object->id.len);
    p += object->id.len;
    return tw_ident_hash(self->idents, joined, (size_t)(p - joined));
}

/* An effect happens where the event says ok, or nothing. */
static void note_effects(struct tw_correlator *self, const struct tw_event *event,
                         const struct tw_record *record, struct pending *pending)
{
    struct tw_str outcome = event->attr[TW_ATTR_OUTCOME];
    if (self->effect_count == 0 || (outcome.ptr != NULL && !tw_str_is(outcome, "ok"))) {
        return;
    }
    struct tw_str type = event->attr[TW_ATTR_TYPE];
    for (size_t i = 0; i < self->effect_count; i++) {
        const struct effect_rule *rule = &self->effects[i];
        if (rule->is_prefix ? !tw_str_starts(type, rule->event)
                            : !tw_str_equal(type, rule->event)) {
            continue;
        }
        for (uint32_t j = 0; j < record->object_count; j++) {
            if (record->objects[j].type == rule->object && pending->effect_count < EFFECTS_MAX) {
                uint64_t key = effect_key(self, (uint16_t)i, &record->objects[j]);
                pending->effects[pending->effect_count++] = key;
                tw_ident_prefetch(self->idents, key);
            }
        }
    }
}

static struct pending *add_pending(struct tw_correlator *self)
{
    if (self->pending_count == self->pending_capacity) {
        size_t capacity = self->pending_capacity == 0 ? 1024 : self->pending_capacity * 2;
        struct pending *pending = realloc(self->pending, capacity * sizeof *pending);
        if (pending == NULL) {
            return NULL;
        }
        self->pending = pending;
        self->pending_capacity = capacity;
    }
    return &self->pending[self->pending_count++];
}

int tw_correlate_add(struct tw_correlator *self, struct tw_batch *batch,
                     const struct tw_message *message, const struct tw_event *event,
                     const void *note)
{
    struct tw_str name = event->attr[TW_ATTR_SOURCE];
    uint64_t source_hash = tw_correlate_source_hash(self, name);
    struct tw_source *source = NULL;
    int rc = tw_sources_get(self->sources, name, source_hash, &source);
    if (rc != TW_OK) {
        return rc;
    }
    struct pending *pending = add_pending(self);
    if (pending == NULL) {
        return TW_ENOMEM;
    }
    struct tw_record *record = tw_batch_add_record(batch);
    if (record == NULL) {
        self->pending_count--;
        return TW_ENOMEM;
    }
    uint64_t body = tw_ident_hash(self->idents, event->json.ptr, event->json.len);
    *pending = (struct pending){
        .record = batch->record_count - 1,
        .key = identity_key(self, source_hash, name, event->attr[TW_ATTR_ID]),
        .check = ((uint32_t)body & CHECK_BITS) | CHECK_EVENT,
        .source = source,
        .sequence = event->attr[TW_ATTR_SEQUENCE],
        .store = event->attr[TW_ATTR_STOREID],
        .note = note,
    };
    tw_ident_prefetch(self->idents, pending->key);
    *record = (struct tw_record){
        .n = batch->first_n + batch->record_count - 1,
        .kind = TW_RECORD_EVENT,
        .received = message->received,
        .time = event->has_time ? event->time : message->received,
        .has_time = event->has_time,
        .tap = message->tap,
        .source = tw_source_number(source),
        .peer = message->peer,
        .json = event->json,
    };
    rc = tw_objects_extract(self->objects, event, &batch->arena, &pending->found);
    if (rc == TW_OK) {
        record->objects = pending->found.objects;
        record->object_count = pending->found.count;
        note_effects(self, event, record, pending);
    }
    return rc;
}

/* What two events under one key are to each other. */
enum kinship { SAME, CONFLICTING, STRANGERS };

static bool has_same(const json_t *a, const json_t *b, const char *member)
{
    return json_equal(json_object_get(a, member), json_object_get(b, member)) == 1;
}

/* The same JSON value (members in any order, white space anywhere); or the same source and id with
 * other content; or, once in a hundred thousand stores, two identities with one 64-bit key. */
static enum kinship compare_events(struct tw_str a, struct tw_str b)
{
    json_t *first = json_loadb(a.ptr, a.len, JSON_ALLOW_NUL, NULL);
    json_t *second = json_loadb(b.ptr, b.len, JSON_ALLOW_NUL, NULL);
    enum kinship kinship = CONFLICTING; /* numbers that the library cannot hold: by bytes */
    if (first != NULL && second != NULL) {
        if (json_equal(first, second) == 1) {
            kinship = SAME;
        } else if (!has_same(first, second, "source") || !has_same(first, second, "id")) {
            kinship = STRANGERS;
        }
    }
    json_decref(first);
    json_decref(second);
    return kinship;
}

/* The key was seen with other bytes: what is this record? */
static int judge(struct tw_correlator *self, struct tw_batch *batch, struct tw_record *record,
                 uint64_t of)
{
    struct tw_record first;
    int rc = self->past.record(self->past.context, of, &batch->arena, &first);
    if (rc == TW_ENOTFOUND) {
        record->kind = TW_RECORD_CONFLICT; /* the first has expired; the bytes did differ */
        record->of = of;
        return TW_OK;
    }
    if (rc != TW_OK) {
        return rc;
    }
    enum kinship kinship = compare_events(first.json, record->json);
    if (kinship != STRANGERS) {
        record->kind = kinship == SAME ? TW_RECORD_DUPLICATE : TW_RECORD_CONFLICT;
        record->of = of;
    }
    return TW_OK;
}

/* The event that an index entry stands for: itself, or the one that a conflict is a conflict of. */
static int event_of_entry(struct tw_correlator *self, struct tw_batch *batch, uint64_t n,
                          uint32_t check, uint64_t *ret_of)
{
    *ret_of = n;
    if ((check & CHECK_CONFLICT) == 0) {
        return TW_OK;
    }
    struct tw_record record;
    int rc = self->past.record(self->past.context, n, &batch->arena, &record);
    if (rc == TW_OK) {
        *ret_of = record.of;
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc; /* expired: its own number is the best there is */
}

static int add_ident(struct tw_correlator *self, struct tw_batch *batch, struct tw_ident ident)
{
    struct tw_ident *row = tw_batch_add_ident(batch);
    if (row == NULL) {
        return TW_ENOMEM;
    }
    *row = ident;
    return tw_ident_add(self->idents, ident.key, ident.check, ident.n);
}

/* Look for the identity: exactly this content as an event, as a conflict, or else any content.
 * TW_ENOTFOUND: never seen. *ret_is_same: the content was seen, too. */
static int find_identity(struct tw_correlator *self, const struct pending *pending, uint64_t *ret_n,
                         uint32_t *ret_check, bool *ret_is_same)
{
    int rc = tw_ident_find(self->idents, pending->key, pending->check, ret_n, ret_check);
    *ret_is_same = rc == TW_OK && *ret_check == pending->check;
    if (rc != TW_OK || *ret_is_same) {
        return rc;
    }
    uint64_t n = 0;
    uint32_t check = 0;
    uint32_t wanted = pending->check | CHECK_CONFLICT;
    rc = tw_ident_find(self->idents, pending->key, wanted, &n, &check);
    if (rc == TW_OK && check == wanted) {
        *ret_n = n;
        *ret_check = check;
        *ret_is_same = true;
    }
    return rc;
}

/* New, duplicate or conflict? A conflict is kept under a check of its own, so that its repetition
 * is a duplicate, whatever the order. */
static int settle_identity(struct tw_correlator *self, struct tw_batch *batch,
                           const struct pending *pending, struct tw_record *record)
{
    uint64_t n = 0;
    uint32_t check = 0;
    bool is_same = false;
    int rc = find_identity(self, pending, &n, &check, &is_same);
    if (rc == TW_OK) {
        uint64_t of = 0;
        rc = event_of_entry(self, batch, n, check, &of);
        if (rc == TW_OK && is_same) {
            record->kind = TW_RECORD_DUPLICATE;
            record->of = of;
        } else if (rc == TW_OK) {
            rc = judge(self, batch, record, of);
        }
    } else if (rc == TW_ENOTFOUND) {
        rc = TW_OK;
    }
    if (rc != TW_OK || record->kind == TW_RECORD_DUPLICATE) {
        return rc;
    }
    check = pending->check | (record->kind == TW_RECORD_CONFLICT ? CHECK_CONFLICT : 0);
    return add_ident(self, batch, (struct tw_ident){pending->key, check, record->n});
}

static int settle_effects(struct tw_correlator *self, struct tw_batch *batch,
                          const struct pending *pending, struct tw_record *record)
{
    for (uint32_t i = 0; i < pending->effect_count; i++) {
        uint64_t of = 0;
        uint32_t check = 0;
        int rc = tw_ident_find(self->idents, pending->effects[i], 0, &of, &check);
        if (rc == TW_ENOTFOUND) {
            rc = add_ident(self, batch, (struct tw_ident){pending->effects[i], 0, record->n});
        } else if (rc == TW_OK && record->effect_of == 0) {
            record->effect_of = of;
            batch->totals.v[TW_TOTAL_effects_duplicate]++;
        }
        if (rc != TW_OK) {
            return rc;
        }
    }
    return TW_OK;
}

static int settle_event(struct tw_correlator *self, struct tw_batch *batch,
                        const struct pending *pending, struct tw_record *record)
{
    uint64_t *totals = batch->totals.v;
    totals[TW_TOTAL_events_accepted]++;
    totals[TW_TOTAL_events_uncorrelated] += pending->found.linking == 0 ? 1 : 0;
    totals[TW_TOTAL_objects_ignored] += pending->found.ignored;
    totals[TW_TOTAL_objects_unscoped] += pending->found.unscoped;
    totals[TW_TOTAL_objects_over_limit] += pending->found.over_limit;
    int64_t latest_ns = record->received.ns + self->cfg->correlate.clock_suspect_s * TW_NS_PER_S;
    if (!record->has_time || record->time.ns < EARLIEST_NS || record->time.ns > latest_ns) {
        totals[TW_TOTAL_events_clock_suspect]++;
    }
    return settle_effects(self, batch, pending, record);
}

/* A record that is none of its own keeps what tells when and whence; a conflict its evidence. */
static void settle_repeat(struct tw_batch *batch, struct tw_record *record)
{
    bool is_duplicate = record->kind == TW_RECORD_DUPLICATE;
    batch->totals.v[is_duplicate ? TW_TOTAL_events_duplicate : TW_TOTAL_events_conflict]++;
    record->objects = NULL;
    record->object_count = 0;
    record->cause = TW_CAUSE_NONE;
    if (is_duplicate) {
        record->json = TW_STR_NULL;
    }
}

static struct tw_source_fact fact_of(const struct tw_record *record, struct tw_str sequence,
                                     struct tw_str store)
{
    return (struct tw_source_fact){
        .kind = record->kind,
        .tap = record->tap,
        .received = record->received,
        .has_time = record->has_time,
        .time = record->time,
        .sequence = sequence,
        .store = store,
    };
}

/* Records some way behind the one at `at`. */
static void look_ahead(const struct tw_correlator *self, const struct tw_batch *batch, size_t at,
                       const struct tw_settled *settled)
{
    for (unsigned k = 0; k < settled->distance_count; k++) {
        size_t i = at + settled->distances[k];
        if (i < self->pending_count) {
            settled->ahead(settled->context, &batch->records[self->pending[i].record],
                           self->pending[i].note, k);
        }
    }
}

int tw_correlate_settle(struct tw_correlator *self, struct tw_batch *batch,
                        const struct tw_settled *settled)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->pending_count && rc == TW_OK; i++) {
        if (settled != NULL && settled->ahead != NULL) {
            look_ahead(self, batch, i, settled);
        }
        const struct pending *pending = &self->pending[i];
        struct tw_record *record = &batch->records[pending->record];
        rc = settle_identity(self, batch, pending, record);
        if (rc != TW_OK) {
            break;
        }
        if (record->kind == TW_RECORD_EVENT) {
            rc = settle_event(self, batch, pending, record);
            rc = rc == TW_OK && settled != NULL
                     ? settled->event(settled->context, record, pending->note)
                     : rc;
        } else {
            settle_repeat(batch, record);
        }
        struct tw_source_fact fact = fact_of(record, pending->sequence, pending->store);
        int applied = tw_source_apply(self->sources, pending->source, &fact, &batch->totals);
        rc = rc == TW_OK ? applied : rc;
    }
    self->pending_count = 0;
    return rc;
}

int tw_correlate_replay(struct tw_correlator *self, const struct tw_record *record,
                        struct tw_str sequence, struct tw_str store)
{
    struct tw_source *source = tw_sources_by_number(self->sources, record->source);
    if (source == NULL) {
        return TW_EDAMAGED;
    }
    struct tw_totals ignored = {0}; /* the store has the totals of these records already */
    struct tw_source_fact fact = fact_of(record, sequence, store);
    return tw_source_apply(self->sources, source, &fact, &ignored);
}
