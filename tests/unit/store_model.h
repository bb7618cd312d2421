/* SPDX-License-Identifier: Apache-2.0
 * A store filled through the public writing side, and the same records in plain memory, so that a
 * test can compare every answer of the reader. Included by one test program each.
 */
#ifndef TW_TESTS_STORE_MODEL_H
#define TW_TESTS_STORE_MODEL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/log.h"
#include "store/store.h"
#include "store/writer.h"

#define MODEL_RECORDS_MAX 20000
#define MODEL_START_NS    INT64_C(1795000000000000000)

/* Object types of the test's configuration, in this order. */
enum model_type { ORDER, RETURN, TRANSACTION, SHIPMENT, PAYMENT, CUSTOMER, MODEL_TYPES };

struct model {
    char dir[64];
    struct tw_cfg cfg;
    struct tw_cfg_object objects[MODEL_TYPES];
    struct tw_cfg_tap taps[1];
    struct tw_clock_manual clock;
    struct tw_store *store;
    struct tw_batch *batch;
    struct tw_arena arena;     /* of the records */
    struct tw_record *records; /* [n - 1] */
    size_t count;
    size_t committed;
    size_t partition_first; /* count when the partition began */
    uint64_t seed;
    int codes[MODEL_TYPES];
    bool starts_partition;
    struct tw_quarantined *quarantined; /* waiting for the next commit */
    size_t quarantined_count;
    struct tw_quarantine_done *done;
    size_t done_count;
    const struct tw_track_changes *track;  /* for the next commit */
    const struct tw_source_state *sources; /* of the first commit; NULL: three of no store */
    size_t source_count;
};

static inline uint64_t model_random(struct model *self)
{
    self->seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = self->seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline size_t model_below(struct model *self, size_t bound)
{
    return (size_t)(model_random(self) % bound);
}

static inline void model_set_object(struct tw_cfg_object *object, const char *type,
                                    const char *attribute, bool is_linking)
{
    static char *store_scope[] = {NULL};
    if (store_scope[0] == NULL) {
        store_scope[0] = strdup("storeid");
    }
    *object = (struct tw_cfg_object){.type = strdup(type),
                                     .attribute = strdup(attribute),
                                     .is_linking = is_linking,
                                     .is_indexed = true};
    if (strcmp(type, "transaction") == 0) {
        object->scope = (struct tw_cfg_strings){store_scope, 1};
    }
}

static inline void model_open_store(struct model *self)
{
    struct tw_diag diag = {{0}};
    int err = tw_store_open(&self->cfg, &self->clock.clock, &self->store, &diag);
    if (err != TW_OK) {
        print_error("%s\n", diag.text);
    }
    assert_int_equal(err, TW_OK);
    static const char *const names[] = {"order",    "return",  "transaction",
                                        "shipment", "payment", "customer"};
    for (size_t i = 0; i < MODEL_TYPES; i++) {
        self->codes[i] = tw_store_object_code(self->store, names[i]);
        assert_true(self->codes[i] >= 0);
    }
}

static inline struct model *model_new(uint64_t seed)
{
    struct model *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->seed = seed;
    (void)snprintf(self->dir, sizeof self->dir, "%s", "/tmp/tw-test-store-XXXXXX");
    assert_non_null(mkdtemp(self->dir));
    self->cfg.store.dir = self->dir;
    self->cfg.store.partition_events = 200;
    self->cfg.store.partition_hours = 24;
    self->cfg.store.commit_events = 4000;
    self->cfg.store.commit_ms = 20;
    self->cfg.store.retain_days = 36500;
    self->cfg.store.retain_payload_days = 36500;
    self->cfg.store.retain_quarantine_days = 36500;
    self->cfg.store.duplicate_memory_bytes = 64 << 20;
    self->cfg.intake.max_quarantine_bytes = 65536;
    model_set_object(&self->objects[ORDER], "order", "orderid", true);
    model_set_object(&self->objects[RETURN], "return", "returnid", true);
    model_set_object(&self->objects[TRANSACTION], "transaction", "transactionid", true);
    model_set_object(&self->objects[SHIPMENT], "shipment", "shipmentid", true);
    model_set_object(&self->objects[PAYMENT], "payment", "paymentid", true);
    model_set_object(&self->objects[CUSTOMER], "customer", "customerref", false);
    self->cfg.objects = self->objects;
    self->cfg.object_count = MODEL_TYPES;
    self->taps[0] = (struct tw_cfg_tap){.name = strdup("pull")};
    self->cfg.taps = self->taps;
    self->cfg.tap_count = 1;
    tw_clock_manual_init(&self->clock, (tw_wall_t){MODEL_START_NS});
    tw_arena_init(&self->arena, (size_t)256 << 20);
    self->records = calloc(MODEL_RECORDS_MAX, sizeof *self->records);
    self->quarantined = calloc(1024, sizeof *self->quarantined);
    self->done = calloc(1024, sizeof *self->done);
    assert_int_equal(tw_batch_new((size_t)64 << 20, &self->batch), TW_OK);
    model_open_store(self);
    return self;
}

static inline void model_remove_dir(const char *path)
{
    char name[512];
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (const struct dirent *item = readdir(dir); item != NULL; item = readdir(dir)) {
        if (strcmp(item->d_name, ".") != 0 && strcmp(item->d_name, "..") != 0) {
            (void)snprintf(name, sizeof name, "%s/%s", path, item->d_name);
            assert_int_equal(unlink(name), 0);
        }
    }
    (void)closedir(dir);
    assert_int_equal(rmdir(path), 0);
}

static inline void model_free(struct model *self)
{
    tw_store_destroy(&self->store);
    tw_batch_destroy(&self->batch);
    model_remove_dir(self->dir);
    for (size_t i = 0; i < MODEL_TYPES; i++) {
        free(self->objects[i].type);
        free(self->objects[i].attribute);
    }
    free(self->taps[0].name);
    tw_arena_fini(&self->arena);
    free(self->records);
    free(self->quarantined);
    free(self->done);
    free(self);
}

static inline struct tw_str model_text(struct model *self, struct tw_str text)
{
    struct tw_str copy = tw_arena_copy(&self->arena, text);
    assert_true(text.ptr == NULL || copy.ptr != NULL);
    return copy;
}

static inline struct tw_object model_object(const struct model *self, enum model_type type,
                                            const char *scope, const char *id)
{
    return (struct tw_object){
        .type = (uint16_t)self->codes[type], .id = tw_str_of(id), .scope = tw_str_of(scope)};
}

/* One more record; objects are copied. An event (of is 0), or a duplicate (json absent) or a
 * conflict of event `of`. */
static inline struct tw_record *model_add(struct model *self, uint64_t of, int64_t time_ns,
                                          struct tw_str json, const struct tw_object *objects,
                                          size_t object_count)
{
    enum tw_record_kind repeat = json.ptr == NULL ? TW_RECORD_DUPLICATE : TW_RECORD_CONFLICT;
    enum tw_record_kind kind = of == 0 ? TW_RECORD_EVENT : repeat;
    assert_true(self->count < MODEL_RECORDS_MAX);
    struct tw_object *copies = tw_arena_zalloc(&self->arena, (object_count + 1) * sizeof *copies);
    assert_non_null(copies);
    for (size_t i = 0; i < object_count; i++) {
        copies[i] = (struct tw_object){.type = objects[i].type,
                                       .id = model_text(self, objects[i].id),
                                       .scope = model_text(self, objects[i].scope)};
    }
    struct tw_record *record = &self->records[self->count];
    *record = (struct tw_record){
        .n = self->count + 1,
        .kind = kind,
        .of = of,
        .received = {MODEL_START_NS + (int64_t)self->count * 1000000},
        .time = {time_ns},
        .has_time = true,
        .source = (uint32_t)(self->count % 3),
        .peer = TW_STR_LIT("127.0.0.1"),
        .json = json.ptr == NULL ? TW_STR_NULL : model_text(self, json),
        .objects = copies,
        .object_count = (uint32_t)object_count,
    };
    record->tap = (uint16_t)tw_store_tap_code(self->store, "pull");
    self->count++;
    return record;
}

static inline struct tw_record *model_event(struct model *self, int64_t time_s, const char *json,
                                            const struct tw_object *objects, size_t count)
{
    return model_add(self, 0, MODEL_START_NS + time_s * TW_NS_PER_S, tw_str_of(json), objects,
                     count);
}

/* Commit what was added since the last commit. */
static inline void model_commit(struct model *self)
{
    static const char *const names[] = {"/pos/1", "/pos/2", "/erp"};
    struct tw_batch *batch = self->batch;
    struct tw_source_state sources[3];
    tw_batch_reset(batch);
    batch->first_n = self->committed + 1;
    for (size_t i = self->committed; i < self->count; i++) {
        struct tw_record *record = tw_batch_add_record(batch);
        assert_non_null(record);
        *record = self->records[i];
    }
    for (size_t i = 0; i < self->quarantined_count; i++) {
        struct tw_quarantined *row = tw_batch_add_quarantined(batch);
        assert_non_null(row);
        *row = self->quarantined[i];
    }
    for (size_t i = 0; i < self->done_count; i++) {
        struct tw_quarantine_done *row = tw_batch_add_done(batch);
        assert_non_null(row);
        *row = self->done[i];
    }
    for (uint32_t i = 0; i < 3; i++) {
        sources[i] = (struct tw_source_state){.number = i,
                                              .name = tw_str_of(names[i]),
                                              .events = self->count,
                                              .last_received = {MODEL_START_NS}};
    }
    const struct tw_tap_state tap = {.tap = (uint16_t)tw_store_tap_code(self->store, "pull"),
                                     .messages = self->count,
                                     .bytes = self->count * 100,
                                     .events = self->count};
    batch->track = self->track;
    self->track = NULL;
    batch->starts_partition = self->starts_partition;
    batch->closed = (tw_wall_t){MODEL_START_NS + (int64_t)self->count * 1000000 + 1};
    batch->is_checkpoint = self->starts_partition || self->committed == 0;
    size_t source_count = self->sources == NULL ? 3 : self->source_count;
    batch->sources = self->sources == NULL ? sources : self->sources;
    batch->source_count = batch->is_checkpoint ? source_count : 0;
    batch->new_sources = batch->sources;
    batch->new_source_count = self->committed == 0 ? source_count : 0;
    batch->taps = &tap;
    batch->tap_count = 1;
    batch->totals.v[TW_TOTAL_events_received] = self->count;
    batch->problems[1] += self->quarantined_count;
    struct tw_diag diag = {{0}};
    int err = tw_store_commit(self->store, batch, &diag);
    if (err != TW_OK) {
        print_error("%s\n", diag.text);
    }
    assert_int_equal(err, TW_OK);
    if (self->starts_partition) {
        self->partition_first = self->committed;
    }
    self->starts_partition = false;
    self->committed = self->count;
    self->quarantined_count = 0;
    self->done_count = 0;
}

static inline void model_seal(struct model *self)
{
    struct tw_diag diag = {{0}};
    int err = tw_keeper_run_once(self->store, &diag);
    if (err != TW_OK) {
        print_error("%s\n", diag.text);
    }
    assert_int_equal(err, TW_OK);
}

/* A random object: few enough of them that events meet. */
static inline struct tw_object model_random_object(struct model *self)
{
    static const char *const ids[] = {
        "100",      "1001",         "10",    "4711",  "A-1",     "a/b",
        "50%",      "x:y",          "\"q\"", "'; --", "\xff",    "\xff\xff",
        "\xc3\xa9", "\xed\xa0\x80", " ",     "100 ",  "0042/88", "order:100",
    };
    static const char *const scopes[] = {"0042", "0043", "eu/1"};
    static char long_id[256];
    enum model_type type = (enum model_type)model_below(self, MODEL_TYPES);
    size_t which = model_below(self, sizeof ids / sizeof ids[0] + 30);
    struct tw_object object = {.type = (uint16_t)self->codes[type], .scope = {"", 0}};
    if (type == TRANSACTION) {
        object.scope = tw_str_of(scopes[model_below(self, 3)]);
    }
    if (which < sizeof ids / sizeof ids[0]) {
        object.id = tw_str_of(ids[which]);
    } else if (which == sizeof ids / sizeof ids[0]) {
        memset(long_id, 'L', 255);
        object.id = (struct tw_str){long_id, 255};
    } else {
        char text[32];
        (void)snprintf(text, sizeof text, "%zu", model_below(self, 60) + 5000);
        object.id = model_text(self, tw_str_of(text));
    }
    return object;
}

static inline bool model_same_object(const struct tw_object *a, const struct tw_object *b)
{
    return a->type == b->type && tw_str_equal(a->id, b->id) && tw_str_equal(a->scope, b->scope);
}

/* An event with some random objects, now and then a repetition of an earlier one. */
static inline void model_add_random(struct model *self)
{
    char json[400];
    struct tw_object objects[4];
    size_t wanted = model_below(self, 5);
    size_t count = 0;
    size_t dice = model_below(self, 100);
    if (dice < 15 && self->count > 0) {
        size_t of = model_below(self, self->count);
        if (self->records[of].kind == TW_RECORD_EVENT) {
            (void)snprintf(json, sizeof json, "{\"id\":\"other %zu\"}", self->count);
            (void)model_add(self, of + 1, MODEL_START_NS, dice < 11 ? TW_STR_NULL : tw_str_of(json),
                            NULL, 0);
            return;
        }
    }
    while (count < wanted) {
        objects[count] = model_random_object(self);
        bool is_new = true;
        for (size_t i = 0; i < count; i++) {
            is_new = is_new && !model_same_object(&objects[i], &objects[count]);
        }
        wanted -= !is_new;
        count += is_new;
    }
    (void)snprintf(json, sizeof json, "{\"id\":\"e%zu\",\"fill\":\"%0*d\"}", self->count,
                   (int)model_below(self, 300) + 1, 0);
    struct tw_record *record =
        model_add(self, 0, MODEL_START_NS + (int64_t)model_below(self, 3600) * TW_NS_PER_S,
                  tw_str_of(json), objects, count);
    record->effect_of = dice > 95 && record->n > 1 ? record->n - 1 : 0;
    record->has_time = dice != 50;
    if (!record->has_time) {
        record->time = record->received;
    }
}

/* `count` random records in commits of random size; partitions of about 200, sealed or not. */
static inline void model_fill(struct model *self, size_t count, bool with_seals)
{
    for (size_t wanted = self->count + count; self->count < wanted;) {
        size_t batch = 1 + model_below(self, 40);
        for (size_t i = 0; i < batch && self->count < wanted; i++) {
            model_add_random(self);
        }
        self->starts_partition = self->committed - self->partition_first >= 200;
        model_commit(self);
        if (with_seals && model_below(self, 12) == 0) {
            model_seal(self);
        }
    }
}

#endif
