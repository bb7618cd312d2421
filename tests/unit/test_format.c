/* SPDX-License-Identifier: Apache-2.0
 * store/format: blocks, keys, index pages, source states: round trips, limits, hostile bytes. */
#include "config.h"
#include "store/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <xxhash.h>
#include <zstd.h>

#include "core/err.h"

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static struct tw_str rnd_text(struct tw_arena *arena, size_t min, size_t max)
{
    size_t len = min + (size_t)rnd(max - min + 1);
    char *text = tw_arena_alloc(arena, len + 1);
    assert_non_null(text);
    for (size_t i = 0; i < len; i++) {
        text[i] = (char)(1 + rnd(255));
    }
    text[len] = 0;
    return (struct tw_str){text, len};
}

static tw_wall_t rnd_time(void)
{
    static const int64_t edges[] = {INT64_MIN, INT64_MAX, 0, -1, 1};
    if (rnd(20) == 0) {
        return (tw_wall_t){edges[rnd(5)]};
    }
    static const int64_t units[] = {1, 1000, 1000000};
    int64_t unit = units[rnd(3)];
    return (tw_wall_t){(INT64_C(1795225279123456789) + (int64_t)rnd(1000000000000)) / unit * unit};
}

static struct tw_object *rnd_objects(struct tw_arena *arena, struct tw_str json, uint32_t count)
{
    struct tw_object *objects = tw_arena_alloc(arena, (count + 1) * sizeof *objects);
    for (uint32_t i = 0; i < count; i++) {
        objects[i].type = (uint16_t)(rnd(4) == 0 ? rnd(65536) : rnd(10));
        objects[i].id = rnd_text(arena, 1, rnd(30) == 0 ? 255 : 20);
        objects[i].scope = rnd(2) == 0 ? TW_STR_LIT("") : rnd_text(arena, 1, 255);
        if (json.len > 300 && rnd(2) == 0) {
            objects[i].id = (struct tw_str){json.ptr + rnd(40), 1 + (size_t)rnd(255)};
            objects[i].scope = (struct tw_str){json.ptr + rnd(40), (size_t)rnd(255)};
        }
    }
    return objects;
}

static struct tw_record rnd_record(struct tw_arena *arena, uint64_t n)
{
    struct tw_record record = {.n = n, .kind = (enum tw_record_kind)(1 + rnd(3))};
    if (record.kind != TW_RECORD_EVENT) {
        record.of = 1 + rnd(n);
    }
    record.effect_of = rnd(5) == 0 ? 1 + rnd(n) : 0;
    record.received = rnd_time();
    record.has_time = rnd(4) != 0;
    record.time = record.has_time ? rnd_time() : record.received;
    if (record.has_time && rnd(3) == 0) {
        record.clock_ns = rnd(9) == 0 ? INT64_MIN : (int64_t)rnd(200) * TW_NS_PER_S - 100;
    }
    record.cause = (uint8_t)(rnd(4) == 0 ? rnd(TW_CAUSE_COUNT) : TW_CAUSE_NONE);
    record.tap = (uint16_t)rnd(3);
    record.source = (uint32_t)(rnd(10) == 0 ? UINT32_MAX : rnd(3));
    record.peer = rnd(3) == 0 ? TW_STR_NULL : rnd_text(arena, 0, rnd(10) == 0 ? 255 : 1);
    record.json = rnd(5) == 0 ? TW_STR_NULL : rnd_text(arena, 0, rnd(50) == 0 ? 40000 : 700);
    record.object_count = (uint32_t)rnd(rnd(50) == 0 ? 200 : 6);
    record.objects = rnd_objects(arena, record.json, record.object_count);
    return record;
}

static void check_text(struct tw_str a, struct tw_str b)
{
    assert_int_equal(a.ptr == NULL, b.ptr == NULL);
    assert_true(tw_str_equal(a, b));
}

static void check_record(const struct tw_record *a, const struct tw_record *b)
{
    assert_true(a->n == b->n && a->kind == b->kind && a->of == b->of);
    assert_true(a->effect_of == b->effect_of && a->has_time == b->has_time);
    assert_true(a->received.ns == b->received.ns && a->time.ns == b->time.ns);
    assert_true(a->clock_ns == b->clock_ns && a->cause == b->cause);
    assert_true(a->tap == b->tap && a->source == b->source);
    check_text(a->peer, b->peer);
    check_text(a->json, b->json);
    assert_int_equal(a->object_count, b->object_count);
    for (uint32_t i = 0; i < a->object_count; i++) {
        assert_int_equal(a->objects[i].type, b->objects[i].type);
        check_text(a->objects[i].id, b->objects[i].id);
        check_text(a->objects[i].scope, b->objects[i].scope);
    }
}

/* Raw bytes of one record with this cause; what reading it says. */
static size_t with_cause(unsigned cause, int *ret_rc, struct tw_record *ret_record)
{
    struct tw_buf out;
    struct tw_block_writer *writer = NULL;
    struct tw_block_reader *reader = NULL;
    const struct tw_record record = {
        .n = 1, .kind = TW_RECORD_EVENT, .json = TW_STR_LIT("{}"), .cause = (uint8_t)cause};
    tw_buf_init(&out, 1u << 20);
    assert_int_equal(tw_block_writer_new(1, &writer), TW_OK);
    assert_int_equal(tw_block_reader_new(&reader), TW_OK);
    assert_int_equal(tw_block_add(writer, &record), TW_OK);
    size_t bytes = tw_block_bytes(writer);
    assert_int_equal(tw_block_finish(writer, &out), TW_OK);
    assert_int_equal(tw_block_open(reader, 1, out.data, out.len), TW_OK);
    *ret_rc = tw_block_next(reader, ret_record);
    tw_block_reader_destroy(&reader);
    tw_block_writer_destroy(&writer);
    tw_buf_fini(&out);
    return bytes;
}

static void block__causes__take_a_byte_where_something_failed(void **state)
{
    (void)state;
    struct tw_record back;
    int rc = TW_OK;
    size_t plain = with_cause(TW_CAUSE_NONE, &rc, &back);
    assert_int_equal(rc, TW_OK);
    assert_int_equal(back.cause, TW_CAUSE_NONE);
    for (unsigned cause = TW_CAUSE_NONE + 1; cause < TW_CAUSE_COUNT; cause++) {
        assert_int_equal(with_cause(cause, &rc, &back), plain + 1);
        assert_int_equal(rc, TW_OK);
        assert_int_equal(back.cause, cause);
    }
    (void)with_cause(TW_CAUSE_COUNT, &rc, &back); /* of a later program, or damage */
    assert_int_equal(rc, TW_EDAMAGED);
}

static void block__random_records__come_back_whole(void **state)
{
    (void)state;
    struct tw_arena arena;
    struct tw_buf out;
    struct tw_block_writer *writer = NULL;
    struct tw_block_reader *reader = NULL;
    tw_arena_init(&arena, 64u << 20);
    tw_buf_init(&out, 64u << 20);
    assert_int_equal(tw_block_writer_new(1, &writer), TW_OK);
    assert_int_equal(tw_block_reader_new(&reader), TW_OK);
    for (int round = 0; round < 200; round++) {
        static struct tw_record records[60];
        tw_arena_reset(&arena);
        tw_buf_clear(&out);
        size_t count = (size_t)rnd(60);
        uint64_t first = 1 + rnd(rnd(2) == 0 ? 10 : 1000000000000);
        for (size_t i = 0; i < count; i++) {
            records[i] = rnd_record(&arena, first + i);
            assert_int_equal(tw_block_add(writer, &records[i]), TW_OK);
        }
        assert_int_equal(tw_block_records(writer), count);
        assert_int_equal(tw_block_finish(writer, &out), TW_OK);
        assert_int_equal(tw_block_bytes(writer), 0);
        assert_int_equal(tw_block_open(reader, first, out.data, out.len), TW_OK);
        for (size_t i = 0; i < count; i++) {
            struct tw_record back;
            assert_int_equal(tw_block_next(reader, &back), TW_OK);
            check_record(&records[i], &back);
        }
        struct tw_record none;
        assert_int_equal(tw_block_next(reader, &none), TW_ENOTFOUND);
    }
    tw_block_writer_destroy(&writer);
    tw_block_reader_destroy(&reader);
    tw_buf_fini(&out);
    tw_arena_fini(&arena);
}

static void block__peer_over_its_bound__refused_and_the_rest_stays(void **state)
{
    (void)state;
    struct tw_block_writer *writer = NULL;
    assert_int_equal(tw_block_writer_new(1, &writer), TW_OK);
    static char big[257];
    struct tw_record record = {.n = 1, .kind = TW_RECORD_EVENT, .json = TW_STR_LIT("{}")};
    assert_int_equal(tw_block_add(writer, &record), TW_OK);
    size_t before = tw_block_bytes(writer);
    record.peer = (struct tw_str){big, sizeof big};
    assert_int_equal(tw_block_add(writer, &record), TW_ELIMIT);
    assert_int_equal(tw_block_bytes(writer), before);
    assert_int_equal(tw_block_records(writer), 1);
    tw_block_writer_destroy(&writer);
    assert_null(writer);
    tw_block_writer_destroy(&writer);
}

static void make_block(struct tw_arena *arena, size_t count, struct tw_buf *out)
{
    struct tw_block_writer *writer = NULL;
    assert_int_equal(tw_block_writer_new(1, &writer), TW_OK);
    for (size_t i = 0; i < count; i++) {
        struct tw_record record = rnd_record(arena, 100 + i);
        assert_int_equal(tw_block_add(writer, &record), TW_OK);
    }
    assert_int_equal(tw_block_finish(writer, out), TW_OK);
    tw_block_writer_destroy(&writer);
}

static void block__any_byte_changed_or_cut__is_damage(void **state)
{
    (void)state;
    struct tw_arena arena;
    struct tw_buf out;
    struct tw_block_reader *reader = NULL;
    tw_arena_init(&arena, 64u << 20);
    tw_buf_init(&out, 64u << 20);
    make_block(&arena, 3, &out);
    assert_int_equal(tw_block_reader_new(&reader), TW_OK);
    for (size_t len = 0; len < out.len; len++) {
        assert_int_equal(tw_block_open(reader, 100, out.data, len), TW_EDAMAGED);
        out.data[len] = (char)(out.data[len] ^ (1 << rnd(8)));
        assert_int_equal(tw_block_open(reader, 100, out.data, out.len), TW_EDAMAGED);
        struct tw_record none;
        assert_int_equal(tw_block_next(reader, &none), TW_ENOTFOUND);
        out.data[len] = 0x55;
    }
    tw_block_reader_destroy(&reader);
    tw_buf_fini(&out);
    tw_arena_fini(&arena);
}

/* A block around any raw bytes, with a right checksum: what a clever hand would forge. */
static size_t forge(const void *raw, size_t raw_len, uint64_t claimed, uint8_t *out, size_t size)
{
    size_t at = 8;
    for (; claimed >= 0x80; claimed >>= 7) {
        out[at++] = (uint8_t)(claimed | 0x80);
    }
    out[at++] = (uint8_t)claimed;
    size_t frame = ZSTD_compress(out + at, size - at, raw, raw_len, 1);
    assert_false(ZSTD_isError(frame));
    uint64_t sum = XXH3_64bits(out + 8, at - 8 + frame);
    for (int i = 0; i < 8; i++) {
        out[i] = (uint8_t)(sum >> (8 * i));
    }
    return at + frame;
}

static int read_all(struct tw_block_reader *reader)
{
    struct tw_record record;
    int rc = TW_OK;
    uint64_t read = 0;
    while (rc == TW_OK) {
        rc = tw_block_next(reader, &record);
        for (uint32_t i = 0; rc == TW_OK && i < record.object_count; i++) {
            read += record.objects[i].id.len > 0 ? (uint8_t)record.objects[i].id.ptr[0] : 0;
        }
        read += rc == TW_OK && record.json.len > 0 ? (uint8_t)record.json.ptr[0] : 0;
    }
    assert_true(read < UINT64_MAX);
    return rc;
}

static void block__forged_content__never_read_outside(void **state)
{
    (void)state;
    static uint8_t block[4096];
    struct tw_block_reader *reader = NULL;
    assert_int_equal(tw_block_reader_new(&reader), TW_OK);
    int damaged = 0;
    for (int round = 0; round < 20000; round++) {
        uint8_t raw[64];
        size_t len = (size_t)rnd(sizeof raw);
        for (size_t i = 0; i < len; i++) {
            raw[i] = (uint8_t)(rnd(3) == 0 ? rnd(256) : rnd(8));
        }
        size_t size = forge(raw, len, len, block, sizeof block);
        assert_int_equal(tw_block_open(reader, 100, block, size), TW_OK);
        int rc = read_all(reader);
        assert_true(rc == TW_ENOTFOUND || rc == TW_EDAMAGED);
        damaged += rc == TW_EDAMAGED ? 1 : 0;
    }
    assert_in_range(damaged, 10000, 20000);
    const uint64_t claims[] = {0, 5, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < 4; i++) {
        size_t size = forge("\1\0\0\0", 4, claims[i], block, sizeof block);
        assert_int_equal(tw_block_open(reader, 1, block, size), TW_EDAMAGED);
    }
    tw_block_reader_destroy(&reader);
}

static void key__make_and_parse__sorts_by_identifier(void **state)
{
    (void)state;
    static char big[255];
    memset(big, 'x', sizeof big);
    const struct tw_object objects[] = {
        {9, TW_STR_LIT("4711"), TW_STR_LIT("")},       {9, TW_STR_LIT("4711"), TW_STR_LIT("0042")},
        {300, TW_STR_LIT("4711"), TW_STR_LIT("")},     {2, TW_STR_LIT("47110"), TW_STR_LIT("")},
        {1, TW_STR_LIT("5"), TW_STR_LIT("0042/3")},    {65535, {big, 254}, {big, 255}},
        {65535, {big, sizeof big}, {big, sizeof big}},
    };
    uint8_t before[TW_KEY_MAX];
    size_t before_len = 0;
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        uint8_t key[TW_KEY_MAX];
        size_t len = tw_key_make(&objects[i], key);
        struct tw_object back;
        assert_int_equal(tw_key_parse((struct tw_str){(char *)key, len}, &back), TW_OK);
        assert_int_equal(back.type, objects[i].type);
        assert_true(tw_str_equal(back.id, objects[i].id));
        assert_true(tw_str_equal(back.scope, objects[i].scope));
        assert_true(i == 0 || tw_str_compare((struct tw_str){(char *)before, before_len},
                                             (struct tw_str){(char *)key, len}) < 0);
        memcpy(before, key, len);
        before_len = len;
    }
}

static void key__not_a_key__is_damage(void **state)
{
    (void)state;
    const struct tw_str bad[] = {TW_STR_NULL,          TW_STR_LIT(""),    TW_STR_LIT("abc"),
                                 TW_STR_LIT("\0\0\1"), TW_STR_LIT("a\0"), TW_STR_LIT("a\0\1"),
                                 TW_STR_LIT("\0\0\1x")};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tw_object back;
        assert_int_equal(tw_key_parse(bad[i], &back), TW_EDAMAGED);
    }
}

#define ENTRIES 120

static struct tw_entry entries[ENTRIES];
static char entry_keys[ENTRIES][TW_KEY_MAX];

static void rnd_entries(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tw_entry *entry = &entries[i];
        int len = snprintf(entry_keys[i], TW_KEY_MAX, "%08zu-%.*s", i * 7, (int)rnd(400),
                           "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        entry->key = (struct tw_str){entry_keys[i], (size_t)len};
        entry->count = (uint32_t)(rnd(10) == 0 ? TW_POSTINGS_MAX : 1 + rnd(10));
        uint64_t n = 1 + rnd(1000000);
        for (uint32_t k = 0; k < entry->count; k++) {
            entry->n[k] = n;
            n += 1 + rnd(rnd(5) == 0 ? UINT32_MAX : 3);
        }
        static const int64_t units[] = {1, 1000, 1000000, 1000000000};
        int64_t unit = units[rnd(4)];
        entry->first = rnd_time();
        if (rnd(4) != 0) {
            entry->first.ns = entry->first.ns / unit * unit;
        }
        entry->last = entry->first;
        if (entry->last.ns < INT64_MAX / 2) {
            entry->last.ns += (int64_t)rnd(1000000) * unit;
        }
    }
}

static void page__random_entries__come_back_whole(void **state)
{
    (void)state;
    struct tw_buf page;
    tw_buf_init(&page, 1u << 20);
    static struct tw_page_reader reader;
    static struct tw_entry back;
    for (int round = 0; round < 100; round++) {
        size_t count = 1 + (size_t)rnd(ENTRIES);
        size_t used = 0;
        rnd_entries(count);
        tw_buf_clear(&page);
        while (used < count && page.len < 60000) {
            struct tw_str before = used == 0 ? TW_STR_NULL : entries[used - 1].key;
            assert_int_equal(tw_page_add(&page, before, &entries[used]), TW_OK);
            used++;
        }
        tw_page_open(&reader, page.data, page.len);
        for (size_t i = 0; i < used; i++) {
            assert_int_equal(tw_page_next(&reader, &back), TW_OK);
            assert_true(tw_str_equal(back.key, entries[i].key));
            assert_true(back.first.ns == entries[i].first.ns);
            assert_true(back.last.ns == entries[i].last.ns);
            assert_int_equal(back.count, entries[i].count);
            assert_memory_equal(back.n, entries[i].n, back.count * sizeof back.n[0]);
        }
        assert_int_equal(tw_page_next(&reader, &back), TW_ENOTFOUND);
    }
    tw_buf_fini(&page);
}

static void page__cut_or_changed__never_read_outside(void **state)
{
    (void)state;
    static struct tw_page_reader reader;
    static struct tw_entry back;
    struct tw_buf page;
    tw_buf_init(&page, 1u << 20);
    rnd_entries(20);
    for (size_t i = 0; i < 20; i++) {
        struct tw_str before = i == 0 ? TW_STR_NULL : entries[i - 1].key;
        assert_int_equal(tw_page_add(&page, before, &entries[i]), TW_OK);
    }
    for (size_t len = 1; len < page.len; len++) {
        char *copy = malloc(len); /* of that size, so that the sanitizer sees a read past it */
        assert_non_null(copy);
        memcpy(copy, page.data, len);
        copy[rnd(len)] = (char)rnd(256);
        tw_page_open(&reader, copy, len);
        int rc = TW_OK;
        for (size_t i = 0; rc == TW_OK; i++) {
            rc = tw_page_next(&reader, &back);
            assert_true(rc != TW_OK || (back.count <= TW_POSTINGS_MAX && i < len));
        }
        assert_true(rc == TW_EDAMAGED || rc == TW_ENOTFOUND);
        free(copy);
    }
    tw_page_open(&reader, "", 0);
    assert_int_equal(tw_page_next(&reader, &back), TW_EDAMAGED);
    tw_buf_fini(&page);
}

static struct tw_source_state rnd_source(struct tw_arena *arena)
{
    struct tw_source_state source = {
        .tap = (uint16_t)rnd(65536),
        .events = rnd(UINT64_MAX),
        .duplicates = rnd(9),
        .conflicts = rnd(9),
        .sequence_base = rnd(9),
        .sequence_highest = UINT64_MAX,
        .missing = rnd(9),
        .forgotten = rnd(9),
        .filled = rnd(9),
        .rewinds = rnd(9),
        .unreadable = rnd(9),
        .out_of_order = rnd(9),
        .first_received = rnd_time(),
        .last_received = rnd_time(),
        .last_time = rnd_time(),
        .transit_min_ns = INT64_MIN,
        .transit_last_ns = (int64_t)rnd(1000) - 500,
        .rate = 12.75,
        .gap_count = (uint32_t)rnd(30),
        .has_stores = rnd(3) == 0,
    };
    if (!source.has_stores && rnd(2) == 0) {
        source.store = rnd(2) == 0 ? TW_STR_LIT("0042") : TW_STR_LIT("a store \xc3\xa9 / 7");
    }
    struct tw_gap *gaps = tw_arena_alloc(arena, 31 * sizeof *gaps);
    uint64_t at = rnd(2);
    for (uint32_t i = 0; i < source.gap_count; i++) {
        gaps[i].first = at;
        gaps[i].last = at + rnd(100);
        at = gaps[i].last + 1 + rnd(100);
    }
    source.gaps = gaps;
    return source;
}

static void source__random_states__come_back_whole(void **state)
{
    (void)state;
    struct tw_arena arena;
    struct tw_buf out;
    tw_arena_init(&arena, 1u << 20);
    tw_buf_init(&out, 1u << 20);
    for (int round = 0; round < 500; round++) {
        tw_arena_reset(&arena);
        tw_buf_clear(&out);
        struct tw_source_state source = rnd_source(&arena);
        assert_int_equal(tw_source_encode(&source, &out), TW_OK);
        struct tw_source_state back = {.number = 7, .name = TW_STR_LIT("/pos/1")};
        assert_int_equal(tw_source_decode(out.data, out.len, &arena, &back), TW_OK);
        assert_int_equal(back.number, 7);
        assert_true(tw_str_is(back.name, "/pos/1"));
        assert_int_equal(back.gap_count, source.gap_count);
        if (source.gap_count > 0) {
            assert_memory_equal(back.gaps, source.gaps, source.gap_count * sizeof *back.gaps);
        }
        struct tw_buf again;
        tw_buf_init(&again, 1u << 20);
        assert_int_equal(tw_source_encode(&back, &again), TW_OK);
        assert_int_equal(again.len, out.len);
        assert_memory_equal(again.data, out.data, out.len);
        assert_true(back.tap == source.tap && back.events == source.events);
        assert_true(back.has_stores == source.has_stores);
        assert_true(tw_str_equal(back.store, source.store));
        assert_true((back.store.ptr == NULL) == (source.store.ptr == NULL));
        assert_true(back.transit_min_ns == INT64_MIN && back.rate > 12.7 && back.rate < 12.8);
        tw_buf_fini(&again);
    }
    tw_buf_fini(&out);
    tw_arena_fini(&arena);
}

static void source__cut_at_any_length__is_damage(void **state)
{
    (void)state;
    struct tw_arena arena;
    struct tw_buf out;
    tw_arena_init(&arena, 1u << 20);
    tw_buf_init(&out, 1u << 20);
    struct tw_source_state source = rnd_source(&arena);
    source.gap_count = 3;
    struct tw_gap gaps[] = {{1, 2}, {5, 5}, {9, 12}};
    source.gaps = gaps;
    source.has_stores = false;
    source.store = TW_STR_LIT("0042");
    assert_int_equal(tw_source_encode(&source, &out), TW_OK);
    struct tw_source_state back = {.number = 7};
    for (size_t len = 0; len < out.len; len++) {
        assert_int_equal(tw_source_decode(out.data, len, &arena, &back), TW_EDAMAGED);
    }
    assert_int_equal(tw_buf_append_byte(&out, 0), TW_OK);
    assert_int_equal(tw_source_decode(out.data, out.len, &arena, &back), TW_EDAMAGED);
    out.data[0] = 99;
    assert_int_equal(tw_source_decode(out.data, out.len - 1, &arena, &back), TW_EDAMAGED);
    assert_int_equal(back.number, 7);
    tw_buf_fini(&out);
    tw_arena_fini(&arena);
}

/* As version 1 has it: it ends with the gaps. */
static void source__version_without_stores__is_read_as_of_none(void **state)
{
    (void)state;
    struct tw_arena arena;
    struct tw_buf out;
    tw_arena_init(&arena, 1u << 20);
    tw_buf_init(&out, 1u << 20);
    struct tw_source_state source = rnd_source(&arena);
    source.has_stores = false;
    source.store = TW_STR_NULL;
    assert_int_equal(tw_source_encode(&source, &out), TW_OK);
    assert_int_equal(out.data[0], 2);
    assert_int_equal(out.data[out.len - 1], 0); /* the only byte that tells of stores */
    out.data[0] = 1;
    struct tw_source_state back = {.number = 7};
    assert_int_equal(tw_source_decode(out.data, out.len - 1, &arena, &back), TW_OK);
    assert_true(back.events == source.events && back.gap_count == source.gap_count);
    assert_true(back.store.ptr == NULL && !back.has_stores);
    assert_int_equal(tw_source_decode(out.data, out.len, &arena, &back), TW_EDAMAGED);
    out.data[0] = 2;
    out.data[out.len - 1] = 3; /* neither none, one nor several */
    assert_int_equal(tw_source_decode(out.data, out.len, &arena, &back), TW_EDAMAGED);
    out.data[out.len - 1] = 1; /* a store of no bytes */
    assert_int_equal(tw_buf_append_byte(&out, 0), TW_OK);
    assert_int_equal(tw_source_decode(out.data, out.len, &arena, &back), TW_EDAMAGED);
    out.data[out.len - 1] = 127; /* a store that goes on behind the end */
    assert_int_equal(tw_source_decode(out.data, out.len, &arena, &back), TW_EDAMAGED);
    tw_buf_fini(&out);
    tw_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block__random_records__come_back_whole),
        cmocka_unit_test(block__causes__take_a_byte_where_something_failed),
        cmocka_unit_test(block__peer_over_its_bound__refused_and_the_rest_stays),
        cmocka_unit_test(block__any_byte_changed_or_cut__is_damage),
        cmocka_unit_test(block__forged_content__never_read_outside),
        cmocka_unit_test(key__make_and_parse__sorts_by_identifier),
        cmocka_unit_test(key__not_a_key__is_damage),
        cmocka_unit_test(page__random_entries__come_back_whole),
        cmocka_unit_test(page__cut_or_changed__never_read_outside),
        cmocka_unit_test(source__random_states__come_back_whole),
        cmocka_unit_test(source__cut_at_any_length__is_damage),
        cmocka_unit_test(source__version_without_stores__is_read_as_of_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
