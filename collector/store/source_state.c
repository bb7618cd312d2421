/* SPDX-License-Identifier: Apache-2.0
 * The stored form of a source's state: a version, varints in a fixed order, the rate as the bits
 * of a double, gaps as distances; from version 2 on, which store it is of. */
#include "config.h"
#include "store/format.h"

#include <endian.h>
#include <string.h>

#include "core/err.h"

#define SOURCE_VERSION           2
#define SOURCE_VERSION_NO_STORES 1 /* as partitions up to version 4 have it */

/* Which stores its events name. */
enum stores {
    STORES_NONE,
    STORES_ONE, /* its length and bytes follow */
    STORES_SEVERAL
};

static void put_store(const struct tw_source_state *source, struct tw_buf *out)
{
    enum stores stores = source->store.ptr == NULL ? STORES_NONE : STORES_ONE;
    if (source->has_stores) {
        stores = STORES_SEVERAL;
    }
    (void)tw_buf_append_byte(out, (uint8_t)stores); /* errors are sticky */
    if (stores == STORES_ONE) {
        (void)tw_buf_append_varint(out, source->store.len);
        (void)tw_buf_append_str(out, source->store);
    }
}

static int get_store(struct tw_cursor *cursor, struct tw_arena *arena,
                     struct tw_source_state *source)
{
    uint8_t stores = tw_cursor_byte(cursor);
    source->has_stores = stores == STORES_SEVERAL;
    if (stores != STORES_ONE) {
        return stores > STORES_SEVERAL ? TW_EDAMAGED : TW_OK;
    }
    struct tw_str text = tw_cursor_bytes(cursor, tw_cursor_varint(cursor));
    if (cursor->failed || text.len == 0) {
        return TW_EDAMAGED;
    }
    source->store = tw_arena_copy(arena, text);
    return source->store.ptr == NULL ? TW_ENOMEM : TW_OK;
}

int tw_source_encode(const struct tw_source_state *source, struct tw_buf *out)
{
    const uint64_t counters[] = {
        source->tap,
        source->events,
        source->duplicates,
        source->conflicts,
        source->sequence_base,
        source->sequence_highest,
        source->missing,
        source->forgotten,
        source->filled,
        source->rewinds,
        source->unreadable,
        source->out_of_order,
        tw_zigzag(source->first_received.ns),
        tw_zigzag(source->last_received.ns),
        tw_zigzag(source->last_time.ns),
        tw_zigzag(source->transit_min_ns),
        tw_zigzag(source->transit_last_ns),
    };
    (void)tw_buf_append_byte(out, SOURCE_VERSION);
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        (void)tw_buf_append_varint(out, counters[i]);
    }
    uint64_t rate = 0;
    memcpy(&rate, &source->rate, sizeof rate);
    rate = htole64(rate);
    (void)tw_buf_append(out, &rate, sizeof rate);
    (void)tw_buf_append_varint(out, source->gap_count);
    uint64_t before = 0;
    for (uint32_t i = 0; i < source->gap_count; i++) {
        (void)tw_buf_append_varint(out, source->gaps[i].first - before);
        (void)tw_buf_append_varint(out, source->gaps[i].last - source->gaps[i].first);
        before = source->gaps[i].last;
    }
    put_store(source, out);
    return out->error; /* sticky: one check for all */
}

static int get_gaps(struct tw_cursor *cursor, struct tw_arena *arena,
                    struct tw_source_state *source)
{
    uint64_t count = tw_cursor_varint(cursor);
    if (cursor->failed || count > (uint64_t)(cursor->end - cursor->p) / 2) {
        return TW_EDAMAGED;
    }
    if (count == 0) {
        return TW_OK;
    }
    struct tw_gap *gaps = tw_arena_alloc(arena, (size_t)count * sizeof *gaps);
    if (gaps == NULL) {
        return TW_ENOMEM;
    }
    uint64_t before = 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t step = tw_cursor_varint(cursor);
        uint64_t width = tw_cursor_varint(cursor);
        gaps[i].first = before + step;
        gaps[i].last = gaps[i].first + width;
        if (gaps[i].first < before || gaps[i].last < gaps[i].first || (i > 0 && step == 0)) {
            return TW_EDAMAGED;
        }
        before = gaps[i].last;
    }
    source->gaps = gaps;
    source->gap_count = (uint32_t)count;
    return TW_OK;
}

int tw_source_decode(const void *bytes, size_t len, struct tw_arena *arena,
                     struct tw_source_state *ret_source)
{
    struct tw_cursor cursor = tw_cursor_of(bytes, len);
    struct tw_source_state source = {.number = ret_source->number, .name = ret_source->name};
    uint8_t version = tw_cursor_byte(&cursor);
    if (version != SOURCE_VERSION && version != SOURCE_VERSION_NO_STORES) {
        return TW_EDAMAGED;
    }
    uint64_t tap = tw_cursor_varint(&cursor);
    uint64_t *const counters[] = {
        &source.events,           &source.duplicates, &source.conflicts,    &source.sequence_base,
        &source.sequence_highest, &source.missing,    &source.forgotten,    &source.filled,
        &source.rewinds,          &source.unreadable, &source.out_of_order,
    };
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        *counters[i] = tw_cursor_varint(&cursor);
    }
    source.tap = (uint16_t)tap;
    source.first_received.ns = tw_unzigzag(tw_cursor_varint(&cursor));
    source.last_received.ns = tw_unzigzag(tw_cursor_varint(&cursor));
    source.last_time.ns = tw_unzigzag(tw_cursor_varint(&cursor));
    source.transit_min_ns = tw_unzigzag(tw_cursor_varint(&cursor));
    source.transit_last_ns = tw_unzigzag(tw_cursor_varint(&cursor));
    struct tw_str rate_bytes = tw_cursor_bytes(&cursor, 8);
    if (cursor.failed || tap > UINT16_MAX) {
        return TW_EDAMAGED;
    }
    uint64_t stored = 0;
    memcpy(&stored, rate_bytes.ptr, sizeof stored);
    const uint64_t rate = le64toh(stored);
    memcpy(&source.rate, &rate, sizeof source.rate);
    int rc = get_gaps(&cursor, arena, &source);
    rc = rc == TW_OK && version >= SOURCE_VERSION ? get_store(&cursor, arena, &source) : rc;
    if (rc != TW_OK || cursor.failed || cursor.p != cursor.end) {
        return rc == TW_ENOMEM ? rc : TW_EDAMAGED;
    }
    *ret_source = source;
    return TW_OK;
}
