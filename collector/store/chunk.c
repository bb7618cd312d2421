/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "store/chunk.h"

#include "core/err.h"

#define DAY_S 86400

const struct tw_archive_tier tw_archive_tiers[TW_ARCHIVE_TIERS] = {
    {TW_SERIES_BUCKET_S, DAY_S},
    {60, 35 * DAY_S},
    {3600, 400 * DAY_S},
};

static int64_t add_within(int64_t a, int64_t b)
{
    int64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum)) {
        return a < 0 ? INT64_MIN : INT64_MAX;
    }
    return sum;
}

int64_t tw_series_join(enum tw_series_kind kind, int64_t first, int64_t second, bool later)
{
    switch (kind) {
    case TW_SERIES_SUM:
        return add_within(first, second);
    case TW_SERIES_MAX:
        return first > second ? first : second;
    case TW_SERIES_LAST:
    default:
        return later ? second : first;
    }
}

void tw_chunk_add(struct tw_chunk *self, enum tw_series_kind kind, int64_t start, int64_t step_s,
                  const struct tw_series_point *point)
{
    int64_t offset = point->bucket - start;
    size_t slot = (size_t)(offset / step_s);
    uint16_t place = 0;
    if (kind == TW_SERIES_LAST) {
        place = (uint16_t)(offset % step_s / TW_SERIES_BUCKET_S);
    }
    if (slot >= TW_CHUNK_SLOTS) {
        return; /* the caller chose another chunk than the point's: nothing of ours */
    }
    if (!self->known[slot]) {
        self->known[slot] = true;
        self->value[slot] = point->value;
        self->place[slot] = place;
        return;
    }
    bool later = place >= self->place[slot];
    self->value[slot] = tw_series_join(kind, self->value[slot], point->value, later);
    self->place[slot] = later ? place : self->place[slot];
}

int tw_chunk_encode(const struct tw_chunk *self, struct tw_buf *out)
{
    bool has_places = false;
    for (size_t i = 0; i < TW_CHUNK_SLOTS; i++) {
        has_places = has_places || (self->known[i] && self->place[i] != 0);
    }
    (void)tw_buf_append_byte(out, has_places ? 1 : 0); /* errors of a buffer stay */
    size_t next = 0;
    uint64_t before = 0;
    for (size_t i = 0; i < TW_CHUNK_SLOTS; i++) {
        if (!self->known[i]) {
            continue;
        }
        uint64_t value = (uint64_t)self->value[i];
        (void)tw_buf_append_varint(out, i - next);
        (void)tw_buf_append_varint(out, tw_zigzag((int64_t)(value - before)));
        if (has_places) {
            (void)tw_buf_append_varint(out, self->place[i]);
        }
        next = i + 1;
        before = value;
    }
    return out->error;
}

int tw_chunk_decode(struct tw_str data, struct tw_chunk *ret_chunk)
{
    struct tw_cursor cursor = tw_cursor_of(data.ptr, data.len);
    uint8_t form = tw_cursor_byte(&cursor);
    uint64_t slot = 0;
    uint64_t value = 0;
    *ret_chunk = (struct tw_chunk){0};
    if (cursor.failed || form > 1) {
        return TW_EDAMAGED;
    }
    while (cursor.p < cursor.end) {
        uint64_t skip = tw_cursor_varint(&cursor);
        value += (uint64_t)tw_unzigzag(tw_cursor_varint(&cursor));
        uint64_t place = form == 1 ? tw_cursor_varint(&cursor) : 0;
        if (cursor.failed || skip >= TW_CHUNK_SLOTS || slot + skip >= TW_CHUNK_SLOTS ||
            place >= 3600 / TW_SERIES_BUCKET_S) {
            return TW_EDAMAGED;
        }
        slot += skip;
        ret_chunk->known[slot] = true;
        ret_chunk->value[slot] = (int64_t)value;
        ret_chunk->place[slot] = (uint16_t)place;
        slot++;
    }
    return TW_OK;
}
