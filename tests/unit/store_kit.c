/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store_kit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

static struct tw_cfg_object kit_objects[] = {
    {.type = (char[]){"order"}, .attribute = (char[]){"orderid"}, .is_linking = true},
    {.type = (char[]){"transaction"}, .attribute = (char[]){"transactionid"}, .is_linking = true},
    {.type = (char[]){"sku"}, .attribute = (char[]){"sku"}, .is_indexed = true},
};
static struct tw_cfg_tap kit_taps[] = {{.name = (char[]){"pull"}}, {.name = (char[]){"router"}}};

void kit_init(struct kit *self, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->seed = seed;
    /* memory where there is some: a sync costs nothing there, and kill -9 is the same */
    (void)snprintf(self->dir, sizeof self->dir, "%s/tw-store-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(self->dir));
    self->cfg.store.dir = self->dir;
    self->cfg.store.duplicate_memory_bytes = 64 << 20;
    self->cfg.objects = kit_objects;
    self->cfg.object_count = sizeof kit_objects / sizeof kit_objects[0];
    self->cfg.taps = kit_taps;
    self->cfg.tap_count = sizeof kit_taps / sizeof kit_taps[0];
    tw_clock_manual_init(&self->clock, (tw_wall_t){INT64_C(1795225279) * TW_NS_PER_S});
    tw_arena_init(&self->arena, (size_t)1 << 30);
    assert_int_equal(tw_batch_new((size_t)1 << 30, &self->batch), TW_OK);
}

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *ftw)
{
    (void)info;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void kit_remove_tree(const char *dir)
{
    (void)nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void kit_fini(struct kit *self)
{
    kit_close(self);
    kit_remove_tree(self->dir);
    tw_batch_destroy(&self->batch);
    tw_arena_fini(&self->arena);
    free(self->records);
}

uint64_t kit_rnd(struct kit *self, uint64_t below)
{
    self->seed ^= self->seed << 13;
    self->seed ^= self->seed >> 7;
    self->seed ^= self->seed << 17;
    return self->seed % below;
}

int kit_open(struct kit *self)
{
    self->diag.text[0] = 0;
    struct tw_clock *clock = self->has_threads ? tw_clock_system() : &self->clock.clock;
    return tw_store_open(&self->cfg, clock, &self->store, &self->diag);
}

void kit_close(struct kit *self)
{
    tw_store_destroy(&self->store);
}

const char *kit_path(const struct kit *self, const char *name)
{
    static char path[4096];
    (void)snprintf(path, sizeof path, "%s/%s", self->dir, name);
    return path;
}

/* ---- random batches ---- */

static struct tw_str format_text(struct tw_arena *arena, const char *prefix, uint64_t value)
{
    char *text = tw_arena_alloc(arena, 64);
    int len = snprintf(text, 64, "%s%llu", prefix, (unsigned long long)value);
    return (struct tw_str){text, (size_t)len};
}

static struct tw_str make_json(struct kit *self, uint64_t n)
{
    char *text = tw_arena_alloc(&self->batch->arena, 1024);
    int len = snprintf(text, 1024,
                       "{\"specversion\":\"1.0\",\"id\":\"e%llu\",\"data\":{\"v\":\"%016llx\","
                       "\"data\":[1,{}]},\"source\":\"/pos/%llu\",\"type\":\"sale.completed\"}",
                       (unsigned long long)n, (unsigned long long)kit_rnd(self, UINT64_MAX),
                       (unsigned long long)kit_rnd(self, KIT_SOURCES));
    return (struct tw_str){text, (size_t)len};
}

static void add_record(struct kit *self, uint64_t n)
{
    struct tw_arena *arena = &self->batch->arena;
    struct tw_record *record = tw_batch_add_record(self->batch);
    uint64_t kind = kit_rnd(self, 12);
    record->n = n;
    record->kind = TW_RECORD_EVENT;
    if (kind < 2 && n > 1) {
        record->kind = kind == 0 ? TW_RECORD_DUPLICATE : TW_RECORD_CONFLICT;
        record->of = 1 + kit_rnd(self, n - 1);
    }
    record->effect_of = n > 1 && kit_rnd(self, 20) == 0 ? 1 + kit_rnd(self, n - 1) : 0;
    record->received.ns = self->clock.wall.ns + (int64_t)n * 1000 + (int64_t)kit_rnd(self, 999);
    record->has_time = kit_rnd(self, 5) != 0;
    record->time.ns =
        record->has_time
            ? (record->received.ns / 1000000 - (int64_t)kit_rnd(self, 100000)) * 1000000
            : record->received.ns;
    record->clock_ns = record->has_time && n % 4 == 0 ? (int64_t)(n % 1000) * 997 - 500000 : 0;
    record->cause =
        (uint8_t)(record->kind == TW_RECORD_EVENT && n % 7 == 0 ? n % TW_CAUSE_COUNT : 0);
    record->tap = (uint16_t)(1 + kit_rnd(self, KIT_TAPS));
    record->source = (uint32_t)kit_rnd(self, KIT_SOURCES);
    record->peer = kit_rnd(self, 2) == 0 ? TW_STR_NULL : TW_STR_LIT("store-7");
    record->json = record->kind == TW_RECORD_DUPLICATE ? TW_STR_NULL : make_json(self, n);
    record->object_count = (uint32_t)kit_rnd(self, 4);
    struct tw_object *objects = tw_arena_zalloc(arena, 4 * sizeof *objects);
    for (uint32_t i = 0; i < record->object_count; i++) {
        objects[i].type = (uint16_t)(1 + i);
        objects[i].id = format_text(arena, i == 2 ? "SKU-WITH-A-LONG-COMMON-PREFIX-" : "",
                                    kit_rnd(self, i == 2 ? 3 : 1000 + n));
        objects[i].scope = i == 1 ? format_text(arena, "00", kit_rnd(self, 9)) : TW_STR_LIT("");
    }
    record->objects = objects;
    if (record->kind == TW_RECORD_EVENT) {
        *tw_batch_add_ident(self->batch) =
            (struct tw_ident){.key = n * 0x9e3779b97f4a7c15u, .check = (uint32_t)n | 1, .n = n};
    }
}

static struct tw_source_state rnd_source(struct kit *self, uint32_t number)
{
    struct tw_gap *gaps = tw_arena_alloc(&self->batch->arena, 4 * sizeof *gaps);
    struct tw_source_state source = {
        .number = number,
        .name = format_text(&self->batch->arena, "/pos/", number),
        .events = kit_rnd(self, 1000),
        .missing = kit_rnd(self, 10),
        .last_time.ns = (int64_t)kit_rnd(self, 1u << 30),
        .transit_min_ns = -(int64_t)kit_rnd(self, 1000),
        .rate = (double)kit_rnd(self, 100),
        .gaps = gaps,
        .gap_count = (uint32_t)kit_rnd(self, 4),
    };
    source.has_stores = number % 3 == 2;
    if (number % 3 == 1) {
        source.store = format_text(&self->batch->arena, "00", number);
    }
    for (uint32_t i = 0; i < source.gap_count; i++) {
        gaps[i] = (struct tw_gap){i * 10 + 1, i * 10 + 1 + kit_rnd(self, 5)};
    }
    return source;
}

static void add_sources(struct kit *self, bool all)
{
    struct tw_batch *batch = self->batch;
    struct tw_source_state *fresh = tw_arena_zalloc(&batch->arena, 2 * KIT_SOURCES * sizeof *fresh);
    struct tw_source_state *states = fresh + KIT_SOURCES;
    for (uint32_t i = 0; i < KIT_SOURCES; i++) {
        bool is_known = self->source_known[i];
        if (!is_known && kit_rnd(self, 4) == 0) {
            fresh[batch->new_source_count] = rnd_source(self, i);
            batch->new_source_count++;
            is_known = true;
        }
        bool is_due = batch->is_checkpoint && (kit_rnd(self, 2) == 0 || !self->source_checked[i]);
        if (is_known && (all || is_due)) {
            states[batch->source_count++] = rnd_source(self, i);
        }
    }
    batch->new_sources = fresh;
    batch->sources = states;
}

static void add_quarantine(struct kit *self)
{
    for (uint64_t i = kit_rnd(self, 3); i > 0; i--) {
        struct tw_quarantined *entry = tw_batch_add_quarantined(self->batch);
        *entry = (struct tw_quarantined){.tap = 1,
                                         .received = self->clock.wall,
                                         .code = TW_PROBLEM_json,
                                         .index = -1,
                                         .detail = TW_STR_LIT("bad \0 byte"),
                                         .raw = TW_STR_LIT("\xff\0{"),
                                         .raw_bytes = 3};
        self->batch->problems[TW_PROBLEM_json]++;
    }
}

void kit_fill(struct kit *self, size_t count, bool starts_partition)
{
    struct tw_batch *batch = self->batch;
    tw_batch_reset(batch);
    batch->first_n = self->record_count + 1;
    batch->starts_partition = starts_partition;
    batch->is_checkpoint = starts_partition || kit_rnd(self, 6) == 0;
    tw_clock_manual_advance(&self->clock, TW_NS_PER_MS);
    batch->closed = self->clock.wall;
    for (size_t i = 0; i < count; i++) {
        add_record(self, batch->first_n + i);
    }
    batch->totals = self->totals;
    batch->totals.v[TW_TOTAL_commits]++;
    batch->totals.v[TW_TOTAL_events_accepted] += count;
    memcpy(batch->problems, self->problems, sizeof batch->problems);
    add_quarantine(self);
    add_sources(self, starts_partition);
    struct tw_tap_state *tap = tw_arena_zalloc(&batch->arena, sizeof *tap);
    *tap = (struct tw_tap_state){.tap = (uint16_t)(1 + kit_rnd(self, KIT_TAPS)),
                                 .messages = kit_rnd(self, 1u << 30),
                                 .acks = batch->first_n,
                                 .last_received = self->clock.wall};
    batch->taps = tap;
    batch->tap_count = 1;
}

static void keep_record(struct kit *self, const struct tw_record *record)
{
    if (self->record_count == self->record_capacity) {
        self->record_capacity = self->record_capacity == 0 ? 1024 : self->record_capacity * 2;
        self->records = realloc(self->records, self->record_capacity * sizeof *self->records);
        assert_non_null(self->records);
    }
    struct tw_record *kept = &self->records[self->record_count++];
    *kept = *record;
    kept->json = tw_arena_copy(&self->arena, record->json);
    struct tw_object *objects =
        tw_arena_alloc(&self->arena, (record->object_count + 1) * sizeof *objects);
    for (uint32_t i = 0; i < record->object_count; i++) {
        objects[i] = record->objects[i];
        objects[i].id = tw_arena_copy(&self->arena, record->objects[i].id);
        objects[i].scope = tw_arena_copy(&self->arena, record->objects[i].scope);
    }
    kept->objects = objects;
}

static void keep_source(struct kit *self, const struct tw_source_state *source, bool has_state)
{
    struct tw_source_state *kept = &self->sources[source->number];
    self->source_known[source->number] = true;
    *kept = (struct tw_source_state){.number = source->number};
    if (has_state) {
        *kept = *source;
        struct tw_gap *gaps = tw_arena_alloc(&self->arena, 4 * sizeof *gaps);
        memcpy(gaps, source->gaps, source->gap_count * sizeof *gaps);
        kept->gaps = gaps;
        kept->store = tw_arena_copy(&self->arena, source->store);
        self->source_checked[source->number] = true;
    }
    kept->name = tw_arena_copy(&self->arena, source->name);
}

void kit_accept(struct kit *self)
{
    const struct tw_batch *batch = self->batch;
    for (size_t i = 0; i < batch->record_count; i++) {
        keep_record(self, &batch->records[i]);
    }
    self->totals = batch->totals;
    memcpy(self->problems, batch->problems, sizeof self->problems);
    for (size_t i = 0; i < batch->tap_count; i++) {
        self->taps[batch->taps[i].tap - 1] = batch->taps[i];
    }
    for (size_t i = 0; i < batch->new_source_count; i++) {
        keep_source(self, &batch->new_sources[i], false);
    }
    for (size_t i = 0; i < batch->source_count; i++) {
        keep_source(self, &batch->sources[i], true);
    }
    self->checkpoint_n = batch->is_checkpoint ? self->record_count : self->checkpoint_n;
}

void kit_commit(struct kit *self, size_t count, bool starts_partition)
{
    kit_fill(self, count, starts_partition);
    int rc = tw_store_commit(self->store, self->batch, &self->diag);
    if (rc != TW_OK) {
        print_error("commit: %s: %s\n", tw_err_text(rc), self->diag.text);
    }
    assert_int_equal(rc, TW_OK);
    kit_accept(self);
}

/* ---- comparing ---- */

void kit_check_record(const struct tw_record *a, const struct tw_record *b)
{
    assert_true(a->n == b->n && a->kind == b->kind && a->of == b->of);
    assert_true(a->effect_of == b->effect_of && a->has_time == b->has_time);
    assert_true(a->clock_ns == b->clock_ns && a->cause == b->cause);
    assert_true(a->received.ns == b->received.ns && a->time.ns == b->time.ns);
    assert_true(a->tap == b->tap && a->source == b->source);
    assert_true(tw_str_equal(a->peer, b->peer));
    assert_true(tw_str_equal(a->json, b->json));
    assert_int_equal(a->object_count, b->object_count);
    for (uint32_t i = 0; i < a->object_count; i++) {
        assert_int_equal(a->objects[i].type, b->objects[i].type);
        assert_true(tw_str_equal(a->objects[i].id, b->objects[i].id));
        assert_true(tw_str_equal(a->objects[i].scope, b->objects[i].scope));
    }
}

struct recovery_check {
    struct kit *kit;
    size_t taps;
    size_t sources;
    uint64_t next_record;
};

static int check_tap(void *context, const struct tw_tap_state *tap)
{
    struct recovery_check *check = context;
    assert_int_equal(check->sources, 0);
    assert_in_range(tap->tap, 1, KIT_TAPS);
    const struct tw_tap_state *expected = &check->kit->taps[tap->tap - 1];
    assert_true(tap->tap == expected->tap && tap->messages == expected->messages);
    assert_true(tap->bytes == expected->bytes && tap->events == expected->events);
    assert_true(tap->quarantined == expected->quarantined && tap->acks == expected->acks);
    assert_true(tap->last_received.ns == expected->last_received.ns);
    check->taps++;
    return TW_OK;
}

static int check_source(void *context, const struct tw_source_state *source)
{
    struct recovery_check *check = context;
    assert_true(check->next_record == 0);
    assert_true(source->number < KIT_SOURCES);
    const struct tw_source_state *expected = &check->kit->sources[source->number];
    assert_true(tw_str_equal(source->name, expected->name));
    assert_true(source->events == expected->events && source->missing == expected->missing);
    assert_true(source->last_time.ns == expected->last_time.ns);
    assert_true(source->transit_min_ns == expected->transit_min_ns);
    assert_true(source->has_stores == expected->has_stores);
    assert_true(tw_str_equal(source->store, expected->store));
    assert_int_equal(source->gap_count, expected->gap_count);
    if (expected->gap_count > 0) {
        assert_memory_equal(source->gaps, expected->gaps, source->gap_count * sizeof *source->gaps);
    }
    check->sources++;
    return TW_OK;
}

static int check_replayed(void *context, const struct tw_record *record)
{
    struct recovery_check *check = context;
    uint64_t expected = check->next_record == 0 ? check->kit->checkpoint_n + 1 : check->next_record;
    assert_true(record->n == expected);
    assert_true(record->n <= check->kit->record_count);
    kit_check_record(&check->kit->records[record->n - 1], record);
    check->next_record = record->n + 1;
    return TW_OK;
}

void kit_check_recovery(struct kit *self)
{
    struct recovery_check check = {.kit = self};
    struct tw_recovery recovery = {
        .context = &check, .tap = check_tap, .source = check_source, .record = check_replayed};
    int rc = tw_store_recover(self->store, &recovery, &self->diag);
    if (rc != TW_OK) {
        print_error("recover: %s: %s\n", tw_err_text(rc), self->diag.text);
    }
    assert_int_equal(rc, TW_OK);
    assert_true(recovery.next_n == self->record_count + 1);
    assert_true(recovery.tail_records == self->record_count - self->checkpoint_n);
    assert_memory_equal(&recovery.totals, &self->totals, sizeof self->totals);
    assert_memory_equal(recovery.problems, self->problems, sizeof self->problems);
    size_t known = 0;
    size_t taps = 0;
    for (size_t i = 0; i < KIT_SOURCES; i++) {
        known += self->source_known[i] ? 1 : 0;
    }
    for (size_t i = 0; i < KIT_TAPS; i++) {
        taps += self->taps[i].tap != 0 ? 1 : 0;
    }
    assert_int_equal(check.sources, known);
    assert_int_equal(check.taps, taps);
}

static sqlite3 *open_part(const char *dir, const struct tw_part *part)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    struct tw_diag diag;
    assert_int_equal(tw_part_path(dir, part->number, part->is_sealed, path), TW_OK);
    assert_int_equal(
        tw_db_open(path, part->is_sealed ? TW_DB_IMMUTABLE : TW_DB_READ, 1024, &db, &diag), TW_OK);
    return db;
}

static uint64_t check_row(struct kit *self, sqlite3_stmt *stmt, struct tw_block_reader *reader,
                          uint64_t n, bool stripped)
{
    struct tw_extent_block block = {.first_n = (uint64_t)sqlite3_column_int64(stmt, 0)};
    struct tw_str directory = tw_db_column_bytes(stmt, 1);
    struct tw_str data = tw_db_column_bytes(stmt, 2);
    struct tw_cursor cursor = tw_cursor_of(directory.ptr, directory.len);
    while (tw_extent_next(&cursor, &block) == TW_OK) {
        assert_true(block.first_n == n);
        assert_int_equal(tw_block_open(reader, n, data.ptr + block.offset, block.bytes), TW_OK);
        struct tw_record record;
        for (uint64_t i = 0; i < block.count; i++, n++) {
            assert_int_equal(tw_block_next(reader, &record), TW_OK);
            assert_true(n <= self->record_count);
            if (stripped) {
                assert_true(record.json.ptr == NULL ||
                            memmem(record.json.ptr, record.json.len, "\"v\"", 3) == NULL);
                record.json = self->records[n - 1].json;
            }
            kit_check_record(&self->records[n - 1], &record);
        }
        assert_int_equal(tw_block_next(reader, &record), TW_ENOTFOUND);
    }
    assert_true(cursor.p == cursor.end && block.offset + block.bytes == data.len);
    return n;
}

size_t kit_check_records(struct kit *self, const char *dir, bool stripped)
{
    struct tw_part *parts = NULL;
    size_t count = 0;
    struct tw_block_reader *reader = NULL;
    dir = dir == NULL ? self->dir : dir;
    assert_int_equal(tw_block_reader_new(&reader), TW_OK);
    assert_int_equal(tw_parts_list(dir, &parts, &count, &self->diag), TW_OK);
    uint64_t first = 0;
    uint64_t n = 0;
    for (size_t i = 0; i < count; i++) {
        sqlite3 *db = open_part(dir, &parts[i]);
        sqlite3_stmt *stmt = NULL;
        assert_int_equal(tw_db_prepare(db,
                                       "SELECT first_n, directory, data FROM block"
                                       " ORDER BY first_n",
                                       &stmt, &self->diag),
                         TW_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            uint64_t first_n = (uint64_t)sqlite3_column_int64(stmt, 0);
            first = first == 0 ? first_n : first;
            assert_true(n == 0 || first_n == n);
            n = check_row(self, stmt, reader, first_n, stripped && parts[i].is_sealed);
        }
        (void)sqlite3_finalize(stmt);
        tw_db_close(&db);
    }
    free(parts);
    tw_block_reader_destroy(&reader);
    return n == 0 ? 0 : n - first;
}

/* ---- the index against the model ---- */

struct posting {
    uint8_t key[TW_KEY_MAX];
    size_t len;
    uint64_t n;
};

struct postings {
    struct posting *items;
    size_t count;
    size_t capacity;
};

static void add_posting(struct postings *self, struct tw_str key, uint64_t n)
{
    if (self->count == self->capacity) {
        self->capacity = self->capacity == 0 ? 1024 : self->capacity * 2;
        self->items = realloc(self->items, self->capacity * sizeof *self->items);
        assert_non_null(self->items);
    }
    struct posting *item = &self->items[self->count++];
    memcpy(item->key, key.ptr, key.len);
    item->len = key.len;
    item->n = n;
}

static int compare_postings(const void *a, const void *b)
{
    const struct posting *x = a;
    const struct posting *y = b;
    int order = tw_str_compare((struct tw_str){(const char *)x->key, x->len},
                               (struct tw_str){(const char *)y->key, y->len});
    return order != 0 ? order : (x->n < y->n ? -1 : (x->n > y->n ? 1 : 0));
}

/* All entries of one run: keys and numbers ascend, times enclose the records' own. */
static void read_run(struct kit *self, sqlite3 *db, int64_t run, struct postings *found)
{
    static struct tw_page_reader reader;
    static struct tw_entry entry;
    sqlite3_stmt *stmt = NULL;
    struct posting before = {.len = 0};
    assert_int_equal(tw_db_prepare(db, "SELECT first, data FROM page WHERE run = ?1 ORDER BY first",
                                   &stmt, &self->diag),
                     TW_OK);
    tw_db_bind_int(stmt, 1, run);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        struct tw_str first = tw_db_column_bytes(stmt, 0);
        struct tw_str data = tw_db_column_bytes(stmt, 1);
        tw_page_open(&reader, data.ptr, data.len);
        for (bool is_first = true; tw_page_next(&reader, &entry) == TW_OK; is_first = false) {
            assert_true(!is_first || (first.len == entry.key.len + 8 &&
                                      memcmp(first.ptr, entry.key.ptr, entry.key.len) == 0));
            int64_t low = INT64_MAX;
            int64_t high = INT64_MIN;
            for (uint32_t i = 0; i < entry.count; i++) {
                const struct tw_record *record = &self->records[entry.n[i] - 1];
                low = record->time.ns < low ? record->time.ns : low;
                high = record->time.ns > high ? record->time.ns : high;
                add_posting(found, entry.key, entry.n[i]);
                const struct posting *last = &found->items[found->count - 1];
                assert_true(before.len == 0 || compare_postings(&before, last) < 0);
                before = *last;
            }
            assert_true(entry.first.ns == low && entry.last.ns == high);
        }
        assert_true(reader.cursor.p == reader.cursor.end);
    }
    (void)sqlite3_finalize(stmt);
}

static void expect_postings(struct kit *self, uint64_t first_n, uint64_t last_n,
                            struct postings *expected)
{
    for (uint64_t n = first_n; n <= last_n; n++) {
        const struct tw_record *record = &self->records[n - 1];
        uint8_t key[TW_KEY_MAX];
        for (uint32_t i = 0; record->kind == TW_RECORD_EVENT && i < record->object_count; i++) {
            size_t len = tw_key_make(&record->objects[i], key);
            add_posting(expected, (struct tw_str){(char *)key, len}, n);
        }
    }
}

static void check_part_index(struct kit *self, const struct tw_part *part)
{
    struct postings found = {0};
    struct postings expected = {0};
    sqlite3 *db = open_part(self->dir, part);
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(
        tw_db_prepare(db,
                      "SELECT id, (SELECT first_n FROM meta), (SELECT last_n FROM meta) FROM run"
                      " WHERE state = 1",
                      &stmt, &self->diag),
        TW_OK);
    uint64_t first_n = 1;
    uint64_t last_n = 0;
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        first_n = (uint64_t)sqlite3_column_int64(stmt, 1);
        last_n = (uint64_t)sqlite3_column_int64(stmt, 2);
        read_run(self, db, sqlite3_column_int64(stmt, 0), &found);
    }
    (void)sqlite3_finalize(stmt);
    tw_db_close(&db);
    expect_postings(self, first_n, last_n, &expected);
    assert_int_equal(found.count, expected.count);
    if (found.count == 0) {
        return; /* nothing was allocated */
    }
    qsort(found.items, found.count, sizeof *found.items, compare_postings);
    qsort(expected.items, expected.count, sizeof *expected.items, compare_postings);
    for (size_t i = 0; i < found.count; i++) {
        assert_int_equal(compare_postings(&found.items[i], &expected.items[i]), 0);
    }
    free(found.items);
    free(expected.items);
}

void kit_check_index(struct kit *self)
{
    struct tw_part *parts = NULL;
    size_t count = 0;
    assert_int_equal(tw_parts_list(self->dir, &parts, &count, &self->diag), TW_OK);
    for (size_t i = 0; i < count; i++) {
        check_part_index(self, &parts[i]);
    }
    free(parts);
}

int64_t kit_number(const struct kit *self, const char *name, const char *sql)
{
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    (void)snprintf(path, sizeof path, "%s/%s", self->dir, name);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    int rc = sqlite3_step(stmt);
    int64_t value = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    assert_true(rc == SQLITE_ROW || rc == SQLITE_DONE);
    (void)sqlite3_finalize(stmt);
    (void)sqlite3_close(db);
    return value;
}

static void copy_file(const char *from, const char *to)
{
    char bytes[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(in >= 0 && out >= 0);
    for (ssize_t got = read(in, bytes, sizeof bytes); got > 0;
         got = read(in, bytes, sizeof bytes)) {
        assert_int_equal(write(out, bytes, (size_t)got), got);
    }
    (void)close(in);
    (void)close(out);
}

void kit_copy_tree(const char *from, const char *to)
{
    kit_remove_tree(to);
    assert_int_equal(mkdir(to, 0700), 0);
    DIR *stream = opendir(from);
    assert_non_null(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        char source[4096];
        char target[4096];
        if (entry->d_name[0] != '.') {
            (void)snprintf(source, sizeof source, "%s/%s", from, entry->d_name);
            (void)snprintf(target, sizeof target, "%s/%s", to, entry->d_name);
            copy_file(source, target);
        }
    }
    (void)closedir(stream);
}

/* Of the databases' and journals' contents; not of -shm files, which readers may write. */
uint64_t kit_tree_hash(const char *dir)
{
    uint64_t hash = 0;
    DIR *stream = opendir(dir);
    assert_non_null(stream);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        char path[4096];
        struct stat info;
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (strstr(entry->d_name, "-shm") == NULL && strcmp(entry->d_name, "lock") != 0 &&
            fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && info.st_size > 0) {
            char *bytes = malloc((size_t)info.st_size);
            assert_non_null(bytes);
            assert_int_equal(read(fd, bytes, (size_t)info.st_size), info.st_size);
            hash += XXH3_64bits_withSeed(bytes, (size_t)info.st_size,
                                         XXH3_64bits(entry->d_name, strlen(entry->d_name)));
            free(bytes);
        }
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    (void)closedir(stream);
    return hash;
}
