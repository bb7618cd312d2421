/* SPDX-License-Identifier: Apache-2.0
 * Stored forms. A raw record is: the cause of a failure, where it is one; a flag byte; tap and
 * source where they differ from the record before; received as difference to the record before;
 * event time likewise, in its own unit, with the offset of the source's clock in front where there
 * is one; `of` and `effect_of` as distances back; peer where it differs; json; objects. An object
 * whose id lies inside the json (the usual case) is stored as a position there.
 */
#include "config.h"
#include "store/format.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#define ZSTD_STATIC_LINKING_ONLY /* for ZSTD_c_literalCompressionMode alone */
#include <zstd.h>

#include "core/err.h"

/* Raw bytes of one block, so of one record: far above any message limit. A bound for hostile
 * files, which may claim more than they hold. */
#define BLOCK_RAW_MAX     (256u * 1024u * 1024u)
#define BLOCK_OBJECTS_MAX (512u * 1024u * 1024u) /* bytes of decoded objects of one block */
#define BLOCK_HEAD_MAX    18                     /* checksum and a varint */
#define VARINT_MAX        10
#define RECORD_FIXED_MAX  (2 + 10 * VARINT_MAX)
#define OBJECT_FIXED_MAX  (3 * VARINT_MAX)

enum record_flag {
    RECORD_KIND = 0x03,
    RECORD_HAS_TIME = 0x04,
    RECORD_SAME_ORIGIN = 0x08, /* tap and source of the record before */
    RECORD_SAME_PEER = 0x10,
    RECORD_HAS_EFFECT = 0x20,
    RECORD_HAS_JSON = 0x40,
    RECORD_HAS_PEER = 0x80,
};

/* In front of the flags, a byte of kind 0, which no record has: what failed, and why (enum
 * tw_cause). Since version 4 of partitions. */
#define CAUSE_SHIFT 2
#define CAUSE_MAX   15

/* Objects: type << OBJECT_SHIFT with these. */
enum object_flag { OBJECT_IN_JSON = 1, OBJECT_HAS_SCOPE = 2, OBJECT_SCOPE_IN_JSON = 4 };
#define OBJECT_SHIFT 3

/* Times are mostly whole milli- or microseconds: stored in that unit they lose their zeros. */
static const int64_t time_units[] = {1, 1000, 1000000};
#define UNIT_NONE 3 /* event times: the difference follows whole, in ns */
/* In place of an event time: the offset of the clock follows, in ns, then the event time. Since
 * version 3 of partitions. */
#define TIME_HAS_CLOCK (1u << 2 | UNIT_NONE)

static unsigned time_unit(tw_wall_t a, tw_wall_t b)
{
    if (a.ns % 1000000 == 0 && b.ns % 1000000 == 0) {
        return 2;
    }
    return a.ns % 1000 == 0 && b.ns % 1000 == 0 ? 1 : 0;
}

/* Differences wrap on purpose, so that any two times have one; both sides do the same. */
static uint64_t time_delta(tw_wall_t a, tw_wall_t b)
{
    return tw_zigzag((int64_t)((uint64_t)a.ns - (uint64_t)b.ns));
}

static tw_wall_t time_add(tw_wall_t base, uint64_t delta)
{
    return (tw_wall_t){(int64_t)((uint64_t)base.ns + (uint64_t)tw_unzigzag(delta))};
}

static uint8_t *put_varint(uint8_t *to, uint64_t value)
{
    while (value >= 0x80) {
        *to++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *to++ = (uint8_t)value;
    return to;
}

static uint8_t *put_bytes(uint8_t *to, struct tw_str bytes)
{
    if (bytes.len > 0) {
        memcpy(to, bytes.ptr, bytes.len);
    }
    return to + bytes.len;
}

static uint8_t *put_str(uint8_t *to, struct tw_str bytes)
{
    return put_bytes(put_varint(to, bytes.len), bytes);
}

/* Nearly every number here has one byte. */
static inline uint64_t get_varint(struct tw_cursor *cursor)
{
    if (!cursor->failed && cursor->p < cursor->end && *cursor->p < 0x80) {
        return *cursor->p++;
    }
    return tw_cursor_varint(cursor);
}

static struct tw_str get_str(struct tw_cursor *cursor)
{
    uint64_t len = get_varint(cursor);
    if (len > BLOCK_RAW_MAX) {
        cursor->failed = true;
        return TW_STR_NULL;
    }
    return tw_cursor_bytes(cursor, (size_t)len);
}

/* ---- blocks ---- */

/* What a record is stored as a difference to. */
struct record_before {
    tw_wall_t received;
    uint16_t tap;
    uint32_t source;
    struct tw_str peer;
};

struct tw_block_writer {
    ZSTD_CCtx *zstd;
    struct tw_buf raw;
    size_t records;
    struct record_before before;
    char peer[256]; /* what before.peer points to */
};

/* Level 1 made faster for JSON in small blocks: matches of 7 bytes and more, every second position
 * tried, a hash table no larger than a block; literals are packed all the same (zstd leaves that
 * out when positions are skipped). Measured on CloudEvents of 535 bytes against plain level 1:
 * 0.99 instead of 1.29 us an event, 66 instead of 67 bytes. */
static bool tune(ZSTD_CCtx *zstd, int level)
{
    const struct {
        ZSTD_cParameter name;
        int value;
    } fast[] = {
        {ZSTD_c_strategy, ZSTD_fast},
        {ZSTD_c_minMatch, 7},
        {ZSTD_c_hashLog, 14},
        {ZSTD_c_targetLength, 2},
        {ZSTD_c_literalCompressionMode, ZSTD_ps_enable},
    };
    bool ok = !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level));
    for (size_t i = 0; ok && level == 1 && i < sizeof fast / sizeof fast[0]; i++) {
        ok = !ZSTD_isError(ZSTD_CCtx_setParameter(zstd, fast[i].name, fast[i].value));
    }
    return ok;
}

int tw_block_writer_new(int zstd_level, struct tw_block_writer **ret_writer)
{
    struct tw_block_writer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    tw_buf_init(&self->raw, BLOCK_RAW_MAX);
    self->zstd = ZSTD_createCCtx();
    if (self->zstd == NULL || !tune(self->zstd, zstd_level)) {
        tw_block_writer_destroy(&self);
        return TW_ENOMEM;
    }
    *ret_writer = self;
    return TW_OK;
}

void tw_block_writer_destroy(struct tw_block_writer **self_p)
{
    struct tw_block_writer *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    (void)ZSTD_freeCCtx(self->zstd); /* cannot fail on a context of ours */
    tw_buf_fini(&self->raw);
    free(self);
}

static bool is_inside(struct tw_str part, struct tw_str whole)
{
    uintptr_t at = (uintptr_t)part.ptr;
    uintptr_t from = (uintptr_t)whole.ptr;
    return whole.len > 0 && at >= from && part.len <= whole.len &&
           at - from <= whole.len - part.len;
}

/* A text as its position in the json, or as it is. */
static uint8_t *put_part(uint8_t *to, struct tw_str part, bool in_json, struct tw_str json)
{
    if (in_json) {
        return put_varint(put_varint(to, (size_t)(part.ptr - json.ptr)), part.len);
    }
    return put_str(to, part);
}

static uint8_t *put_objects(uint8_t *to, const struct tw_record *record)
{
    to = put_varint(to, record->object_count);
    for (uint32_t i = 0; i < record->object_count; i++) {
        const struct tw_object *object = &record->objects[i];
        bool has_scope = object->scope.len > 0;
        bool in_json = is_inside(object->id, record->json);
        bool scope_in_json = has_scope && is_inside(object->scope, record->json);
        unsigned flags = (in_json ? OBJECT_IN_JSON : 0u) | (has_scope ? OBJECT_HAS_SCOPE : 0u) |
                         (scope_in_json ? OBJECT_SCOPE_IN_JSON : 0u);
        to = put_varint(to, (uint64_t)object->type << OBJECT_SHIFT | flags);
        to = put_part(to, object->id, in_json, record->json);
        if (has_scope) {
            to = put_part(to, object->scope, scope_in_json, record->json);
        }
    }
    return to;
}

/* Event time: the unit in the lower two bits, above them the difference to received in that unit,
 * which is how long it was under way. */
static uint8_t *put_event_time(uint8_t *to, tw_wall_t received, tw_wall_t time)
{
    unsigned unit = time_unit(time, time);
    uint64_t full = time_delta(received, time);
    if (unit == 0) {
        return full < UINT64_MAX >> 2 ? put_varint(to, full << 2)
                                      : put_varint(put_varint(to, UNIT_NONE), full);
    }
    int64_t way = received.ns / time_units[unit] - time.ns / time_units[unit];
    return put_varint(to, tw_zigzag(way) << 2 | unit);
}

static uint8_t *put_record(uint8_t *to, const struct tw_record *record,
                           const struct record_before *before)
{
    bool same_origin = record->tap == before->tap && record->source == before->source;
    bool same_peer = tw_str_equal(record->peer, before->peer) &&
                     (record->peer.ptr == NULL) == (before->peer.ptr == NULL);
    unsigned flags = (unsigned)record->kind;
    flags |= record->has_time ? RECORD_HAS_TIME : 0u;
    flags |= same_origin ? RECORD_SAME_ORIGIN : 0u;
    flags |= same_peer ? RECORD_SAME_PEER : 0u;
    flags |= record->effect_of != 0 ? RECORD_HAS_EFFECT : 0u;
    flags |= record->json.ptr != NULL ? RECORD_HAS_JSON : 0u;
    flags |= record->peer.ptr != NULL ? RECORD_HAS_PEER : 0u;
    if (record->cause != 0) {
        *to++ = (uint8_t)(record->cause << CAUSE_SHIFT);
    }
    *to++ = (uint8_t)flags;
    to = put_varint(to, time_delta(record->received, before->received));
    if (record->has_time && record->clock_ns != 0) {
        to = put_varint(put_varint(to, TIME_HAS_CLOCK), tw_zigzag(record->clock_ns));
    }
    if (record->has_time) {
        to = put_event_time(to, record->received, record->time);
    }
    if (!same_origin) {
        to = put_varint(put_varint(to, record->tap), record->source);
    }
    if (record->kind != TW_RECORD_EVENT) {
        to = put_varint(to, record->n - record->of);
    }
    if (record->effect_of != 0) {
        to = put_varint(to, record->n - record->effect_of);
    }
    if (!same_peer && record->peer.ptr != NULL) {
        to = put_str(to, record->peer);
    }
    if (record->json.ptr != NULL) {
        to = put_str(to, record->json);
    }
    return put_objects(to, record);
}

static size_t record_max_bytes(const struct tw_record *record)
{
    size_t bytes = RECORD_FIXED_MAX + record->peer.len + record->json.len;
    for (uint32_t i = 0; i < record->object_count; i++) {
        bytes += OBJECT_FIXED_MAX + record->objects[i].id.len + record->objects[i].scope.len;
    }
    return bytes;
}

int tw_block_add(struct tw_block_writer *self, const struct tw_record *record)
{
    TW_ASSERT(record->kind >= TW_RECORD_EVENT && record->kind <= TW_RECORD_CONFLICT &&
              record->cause <= CAUSE_MAX);
    if (record->peer.len > sizeof self->peer || record->json.len > BLOCK_RAW_MAX) {
        return TW_ELIMIT;
    }
    if (self->records == 0) {
        self->before = (struct record_before){.received = {0}};
    }
    uint8_t *to = (uint8_t *)tw_buf_reserve(&self->raw, record_max_bytes(record));
    if (to == NULL) {
        int rc = self->raw.error;
        self->raw.error = TW_OK; /* nothing was added; the block so far is good */
        return rc;
    }
    uint8_t *end = put_record(to, record, &self->before);
    self->raw.len += (size_t)(end - to);
    self->records++;
    self->before.received = record->received;
    self->before.tap = record->tap;
    self->before.source = record->source;
    if (record->peer.ptr == NULL) {
        self->before.peer = TW_STR_NULL;
    } else {
        (void)put_bytes((uint8_t *)self->peer, record->peer);
        self->before.peer = (struct tw_str){self->peer, record->peer.len};
    }
    return TW_OK;
}

size_t tw_block_bytes(const struct tw_block_writer *self)
{
    return self->raw.len;
}

size_t tw_block_records(const struct tw_block_writer *self)
{
    return self->records;
}

static void put_le64(uint8_t *to, uint64_t value)
{
    uint64_t ordered = htole64(value);
    memcpy(to, &ordered, sizeof ordered);
}

static uint64_t get_le64(const uint8_t *from)
{
    uint64_t value = 0;
    memcpy(&value, from, sizeof value);
    return le64toh(value);
}

int tw_block_finish(struct tw_block_writer *self, struct tw_buf *out)
{
    size_t bound = ZSTD_compressBound(self->raw.len);
    uint8_t *head = (uint8_t *)tw_buf_reserve(out, BLOCK_HEAD_MAX + bound);
    if (head == NULL) {
        return out->error;
    }
    uint8_t *frame = put_varint(head + 8, self->raw.len);
    size_t size = ZSTD_compress2(self->zstd, frame, bound, self->raw.data, self->raw.len);
    if (ZSTD_isError(size)) {
        return TW_ENOMEM; /* the room suffices, so nothing else can be wrong */
    }
    size_t after_sum = (size_t)(frame - (head + 8)) + size;
    put_le64(head, XXH3_64bits(head + 8, after_sum));
    out->len += 8 + after_sum;
    tw_buf_clear(&self->raw);
    self->records = 0;
    return TW_OK;
}

struct tw_block_reader {
    ZSTD_DCtx *zstd;
    char *raw;
    size_t capacity;
    struct tw_arena arena; /* objects of the open block */
    struct tw_cursor cursor;
    uint64_t next_n;
    struct record_before before;
};

int tw_block_reader_new(struct tw_block_reader **ret_reader)
{
    struct tw_block_reader *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    tw_arena_init(&self->arena, BLOCK_OBJECTS_MAX);
    self->cursor = tw_cursor_of("", 0);
    self->zstd = ZSTD_createDCtx();
    if (self->zstd == NULL) {
        tw_block_reader_destroy(&self);
        return TW_ENOMEM;
    }
    *ret_reader = self;
    return TW_OK;
}

void tw_block_reader_destroy(struct tw_block_reader **self_p)
{
    struct tw_block_reader *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    (void)ZSTD_freeDCtx(self->zstd); /* cannot fail on a context of ours */
    tw_arena_fini(&self->arena);
    free(self->raw);
    free(self);
}

int tw_block_open(struct tw_block_reader *self, uint64_t first_n, const void *bytes, size_t len)
{
    self->cursor = tw_cursor_of("", 0);
    tw_arena_reset(&self->arena);
    struct tw_cursor cursor = tw_cursor_of(bytes, len);
    struct tw_str sum = tw_cursor_bytes(&cursor, 8);
    if (cursor.failed || get_le64((const uint8_t *)sum.ptr) !=
                             XXH3_64bits(cursor.p, (size_t)(cursor.end - cursor.p))) {
        return TW_EDAMAGED;
    }
    uint64_t raw_len = tw_cursor_varint(&cursor);
    size_t frame_len = (size_t)(cursor.end - cursor.p);
    if (cursor.failed || raw_len > BLOCK_RAW_MAX ||
        ZSTD_getFrameContentSize(cursor.p, frame_len) != raw_len) {
        return TW_EDAMAGED;
    }
    if (raw_len > self->capacity) {
        char *bigger = realloc(self->raw, (size_t)raw_len);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        self->raw = bigger;
        self->capacity = (size_t)raw_len;
    }
    size_t got = ZSTD_decompressDCtx(self->zstd, self->raw, self->capacity, cursor.p, frame_len);
    if (ZSTD_isError(got) || got != raw_len) {
        return TW_EDAMAGED;
    }
    self->cursor = got == 0 ? tw_cursor_of("", 0) : tw_cursor_of(self->raw, got);
    self->next_n = first_n;
    self->before = (struct record_before){.received = {0}};
    return TW_OK;
}

static struct tw_str get_part(struct tw_cursor *cursor, bool in_json, struct tw_str json)
{
    if (!in_json) {
        return get_str(cursor);
    }
    uint64_t at = get_varint(cursor);
    uint64_t len = get_varint(cursor);
    if (at > json.len || len > json.len - at) {
        cursor->failed = true;
        return TW_STR_NULL;
    }
    return json.ptr == NULL ? TW_STR_NULL : (struct tw_str){json.ptr + at, (size_t)len};
}

static int get_object(struct tw_cursor *cursor, struct tw_str json, struct tw_object *object)
{
    uint64_t head = get_varint(cursor);
    if (head >> OBJECT_SHIFT > UINT16_MAX) {
        return TW_EDAMAGED;
    }
    *object = (struct tw_object){.type = (uint16_t)(head >> OBJECT_SHIFT), .scope = {"", 0}};
    object->id = get_part(cursor, (head & OBJECT_IN_JSON) != 0, json);
    if ((head & OBJECT_HAS_SCOPE) != 0) {
        object->scope = get_part(cursor, (head & OBJECT_SCOPE_IN_JSON) != 0, json);
    }
    return cursor->failed ? TW_EDAMAGED : TW_OK;
}

static int get_objects(struct tw_block_reader *self, struct tw_record *record)
{
    struct tw_cursor *cursor = &self->cursor;
    uint64_t count = tw_cursor_varint(cursor);
    /* an object takes two bytes at least: no more memory than the block can justify */
    if (cursor->failed || count > (uint64_t)(cursor->end - cursor->p) / 2) {
        return TW_EDAMAGED;
    }
    if (count == 0) {
        return TW_OK;
    }
    struct tw_object *objects = tw_arena_alloc(&self->arena, (size_t)count * sizeof *objects);
    if (objects == NULL) {
        return TW_ENOMEM;
    }
    int rc = TW_OK;
    for (uint64_t i = 0; i < count && rc == TW_OK; i++) {
        rc = get_object(cursor, record->json, &objects[i]);
    }
    record->objects = objects;
    record->object_count = (uint32_t)count;
    return rc;
}

static tw_wall_t get_event_time(struct tw_cursor *cursor, tw_wall_t received, int64_t *ret_clock_ns)
{
    uint64_t value = tw_cursor_varint(cursor);
    if (value == TIME_HAS_CLOCK) {
        *ret_clock_ns = tw_unzigzag(tw_cursor_varint(cursor));
        value = tw_cursor_varint(cursor);
    }
    unsigned unit = (unsigned)(value & 3);
    if (unit == 0 || unit == UNIT_NONE) {
        uint64_t full = unit == 0 ? value >> 2 : tw_cursor_varint(cursor);
        return (tw_wall_t){(int64_t)((uint64_t)received.ns - (uint64_t)tw_unzigzag(full))};
    }
    uint64_t at = (uint64_t)(received.ns / time_units[unit]) - (uint64_t)tw_unzigzag(value >> 2);
    return (tw_wall_t){(int64_t)(at * (uint64_t)time_units[unit])};
}

static void get_peer(struct tw_cursor *cursor, unsigned flags, struct record_before *before)
{
    if ((flags & RECORD_SAME_PEER) == 0) {
        before->peer = (flags & RECORD_HAS_PEER) != 0 ? get_str(cursor) : TW_STR_NULL;
    }
}

/* The flags of a record; what stands in front of them goes into it. 0: damaged. */
static unsigned get_flags(struct tw_cursor *cursor, struct tw_record *record)
{
    unsigned flags = tw_cursor_byte(cursor);
    if ((flags & RECORD_KIND) == 0) {
        unsigned cause = flags >> CAUSE_SHIFT;
        record->cause = (uint8_t)cause;
        flags = cause == 0 || cause >= TW_CAUSE_COUNT ? 0 : tw_cursor_byte(cursor);
    }
    record->kind = (enum tw_record_kind)(flags & RECORD_KIND);
    return flags;
}

/* The references to earlier records; distances beyond the first record are damage. */
static int get_references(struct tw_cursor *cursor, unsigned flags, struct tw_record *record)
{
    if (record->kind != TW_RECORD_EVENT) {
        record->of = record->n - tw_cursor_varint(cursor);
    }
    if ((flags & RECORD_HAS_EFFECT) != 0) {
        record->effect_of = record->n - tw_cursor_varint(cursor);
    }
    return record->of > record->n || record->effect_of > record->n ? TW_EDAMAGED : TW_OK;
}

int tw_block_next(struct tw_block_reader *self, struct tw_record *ret_record)
{
    struct tw_cursor *cursor = &self->cursor;
    struct record_before *before = &self->before;
    if (cursor->failed) {
        return TW_EDAMAGED;
    }
    if (cursor->p == cursor->end) {
        return TW_ENOTFOUND;
    }
    struct tw_record record = {.n = self->next_n};
    unsigned flags = get_flags(cursor, &record);
    record.received = time_add(before->received, get_varint(cursor));
    record.time = record.received;
    record.has_time = (flags & RECORD_HAS_TIME) != 0;
    if (record.has_time) {
        record.time = get_event_time(cursor, record.received, &record.clock_ns);
    }
    if ((flags & RECORD_SAME_ORIGIN) == 0) {
        before->tap = (uint16_t)get_varint(cursor);
        before->source = (uint32_t)get_varint(cursor);
    }
    int rc = flags == 0 || record.kind == 0 ? TW_EDAMAGED : get_references(cursor, flags, &record);
    get_peer(cursor, flags, before);
    before->received = record.received;
    record.tap = before->tap;
    record.source = before->source;
    record.peer = before->peer;
    record.json = (flags & RECORD_HAS_JSON) != 0 ? get_str(cursor) : TW_STR_NULL;
    if (rc == TW_OK && !cursor->failed) {
        rc = get_objects(self, &record);
    }
    if (rc != TW_OK || cursor->failed) {
        cursor->failed = rc != TW_ENOMEM;
        return rc == TW_ENOMEM ? rc : TW_EDAMAGED;
    }
    self->next_n++;
    *ret_record = record;
    return TW_OK;
}

/* ---- keys ---- */

size_t tw_key_make(const struct tw_object *object, uint8_t *key)
{
    TW_ASSERT(object->id.len + 3 + object->scope.len <= TW_KEY_MAX);
    uint8_t *to = put_bytes(key, object->id);
    *to++ = 0;
    *to++ = (uint8_t)(object->type >> 8);
    *to++ = (uint8_t)object->type;
    to = put_bytes(to, object->scope);
    return (size_t)(to - key);
}

int tw_key_parse(struct tw_str key, struct tw_object *ret_object)
{
    const char *nul = key.len == 0 ? NULL : memchr(key.ptr, 0, key.len);
    size_t id_len = nul == NULL ? 0 : (size_t)(nul - key.ptr);
    if (id_len == 0 || key.len - id_len < 3) {
        return TW_EDAMAGED;
    }
    const uint8_t *type = (const uint8_t *)nul + 1;
    *ret_object = (struct tw_object){
        .type = (uint16_t)(type[0] << 8 | type[1]),
        .id = {key.ptr, id_len},
        .scope = {nul + 3, key.len - id_len - 3},
    };
    return TW_OK;
}

/* ---- index pages ----
 * A page begins with a base: 8 bytes n, 8 bytes time (whole seconds), of its first entry, so that
 * the rest is small. An entry: shared and own length of its key, the own bytes; records << 2 with
 * the unit of its times (0: ns, 1: us, 2: ms); difference of its first n to the base, the steps to
 * the others; first time as difference to the base, last as difference to the first. */
#define PAGE_BASE      16
#define ENTRY_FIXED    (6 * VARINT_MAX)
#define PAGE_BYTES_MAX (64u * 1024u)

static size_t shared_prefix(struct tw_str a, struct tw_str b)
{
    size_t max = a.len < b.len ? a.len : b.len;
    size_t i = 0;
    if (a.ptr == NULL || b.ptr == NULL) {
        return 0; /* absent: the first entry of a page */
    }
    while (i + 8 <= max) {
        uint64_t x = 0;
        uint64_t y = 0;
        memcpy(&x, a.ptr + i, 8);
        memcpy(&y, b.ptr + i, 8);
        if (x != y) {
            break;
        }
        i += 8;
    }
    while (i < max && a.ptr[i] == b.ptr[i]) {
        i++;
    }
    return i;
}

static void put_page_base(struct tw_buf *page, uint8_t *to, const struct tw_entry *entry)
{
    int64_t rest = entry->first.ns % TW_NS_PER_S;
    int64_t floor_ns = entry->first.ns - rest;
    put_le64(to, entry->n[0]);
    put_le64(to + 8, (uint64_t)floor_ns);
    page->len += PAGE_BASE;
}

/* Times as multiples of a unit, of which the base is one too. */
static uint8_t *put_times(uint8_t *to, const struct tw_entry *entry, unsigned unit, int64_t base)
{
    uint64_t span = (uint64_t)entry->last.ns - (uint64_t)entry->first.ns;
    int64_t step = (int64_t)((uint64_t)entry->first.ns - (uint64_t)base);
    to = put_varint(to, tw_zigzag(step / time_units[unit]));
    return put_varint(to, span / (uint64_t)time_units[unit]);
}

int tw_page_add(struct tw_buf *page, struct tw_str previous_key, const struct tw_entry *entry)
{
    TW_ASSERT(entry->count >= 1 && entry->count <= TW_POSTINGS_MAX);
    TW_ASSERT(entry->key.len <= TW_KEY_MAX);
    size_t need = PAGE_BASE + ENTRY_FIXED + entry->key.len + (size_t)entry->count * VARINT_MAX;
    uint8_t *to = (uint8_t *)tw_buf_reserve(page, need);
    if (to == NULL) {
        return page->error;
    }
    if (page->len == 0) {
        put_page_base(page, to, entry);
        to += PAGE_BASE;
        previous_key = TW_STR_NULL;
    }
    uint8_t *start = to;
    uint64_t base_n = get_le64((const uint8_t *)page->data);
    int64_t base_time = (int64_t)get_le64((const uint8_t *)page->data + 8);
    size_t shared = shared_prefix(previous_key, entry->key);
    int64_t unused = 0;
    unsigned unit = __builtin_sub_overflow(entry->first.ns, base_time, &unused)
                        ? 0
                        : time_unit(entry->first, entry->last);
    to = put_varint(to, shared);
    to = put_str(to, (struct tw_str){entry->key.ptr + shared, entry->key.len - shared});
    to = put_varint(to, (uint64_t)entry->count << 2 | unit);
    to = put_varint(to, tw_zigzag((int64_t)(entry->n[0] - base_n)));
    for (uint32_t i = 1; i < entry->count; i++) {
        to = put_varint(to, entry->n[i] - entry->n[i - 1]);
    }
    to = put_times(to, entry, unit, base_time);
    page->len += (size_t)(to - start);
    return TW_OK;
}

void tw_page_open(struct tw_page_reader *self, const void *bytes, size_t len)
{
    self->cursor = tw_cursor_of(bytes, len);
    self->base = tw_cursor_bytes(&self->cursor, PAGE_BASE).ptr;
    self->key_len = 0;
    if (len > PAGE_BYTES_MAX) {
        self->cursor.failed = true;
    }
}

static int get_key(struct tw_page_reader *self)
{
    uint64_t shared = get_varint(&self->cursor);
    uint64_t own = get_varint(&self->cursor);
    if (shared > self->key_len || own > TW_KEY_MAX - shared) {
        return TW_EDAMAGED;
    }
    struct tw_str bytes = tw_cursor_bytes(&self->cursor, (size_t)own);
    if (self->cursor.failed) {
        return TW_EDAMAGED;
    }
    (void)put_bytes(self->key + shared, bytes);
    self->key_len = (size_t)(shared + own);
    return TW_OK;
}

static int get_postings(struct tw_page_reader *self, struct tw_entry *entry)
{
    uint64_t n =
        get_le64((const uint8_t *)self->base) + (uint64_t)tw_unzigzag(get_varint(&self->cursor));
    entry->n[0] = n;
    for (uint32_t i = 1; i < entry->count; i++) {
        uint64_t step = get_varint(&self->cursor);
        n += step;
        if (step == 0 || n < step) {
            return TW_EDAMAGED;
        }
        entry->n[i] = n;
    }
    return TW_OK;
}

int tw_page_next(struct tw_page_reader *self, struct tw_entry *ret_entry)
{
    if (self->cursor.failed) {
        return TW_EDAMAGED;
    }
    if (self->cursor.p == self->cursor.end) {
        return TW_ENOTFOUND;
    }
    int rc = get_key(self);
    uint64_t head = rc == TW_OK ? get_varint(&self->cursor) : 0;
    if (head >> 2 < 1 || head >> 2 > TW_POSTINGS_MAX || (head & 3) > 2) {
        self->cursor.failed = true;
        return TW_EDAMAGED;
    }
    ret_entry->count = (uint32_t)(head >> 2);
    rc = get_postings(self, ret_entry);
    uint64_t unit = (uint64_t)time_units[head & 3];
    uint64_t first = (uint64_t)tw_unzigzag(get_varint(&self->cursor)) * unit;
    uint64_t span = get_varint(&self->cursor) * unit;
    first += get_le64((const uint8_t *)self->base + 8);
    ret_entry->first.ns = (int64_t)first;
    ret_entry->last.ns = (int64_t)(first + span);
    if (rc != TW_OK || self->cursor.failed || ret_entry->last.ns < ret_entry->first.ns) {
        self->cursor.failed = true;
        return TW_EDAMAGED;
    }
    ret_entry->key = (struct tw_str){(const char *)self->key, self->key_len};
    return TW_OK;
}
