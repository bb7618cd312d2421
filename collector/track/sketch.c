/* SPDX-License-Identifier: Apache-2.0
 * Exponential histogram of durations: see sketch.h. The buckets that are filled stand sorted in one
 * allocation, their counts first; finding one is a binary search over some tens of numbers. */
#include "config.h"

#include "track/sketch.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"

#define SUBBUCKETS 32 /* of each power of two: scale 5 */
#define BASE       1.02189714865411667823448013478329944
#define ROOM_FIRST 8 /* buckets that the first allocation has room for */
#define PPM        1000000U

/* floor(2^(63 + k/32)): where the sub-buckets of a power of two end. */
static const uint64_t bounds[SUBBUCKETS] = {
    0x8000000000000000, 0x82cd8698ac2ba1d7, 0x85aac367cc487b14, 0x88980e8092da8527,
    0x8b95c1e3ea8bd6e6, 0x8ea4398b45cd53c0, 0x91c3d373ab11c336, 0x94f4efa8fef70961,
    0x9837f0518db8a96f, 0x9b8d39b9d54e5538, 0x9ef5326091a111ad, 0xa27043030c496818,
    0xa5fed6a9b15138ea, 0xa9a15ab4ea7c0ef8, 0xad583eea42a14ac6, 0xb123f581d2ac258f,
    0xb504f333f9de6484, 0xb8fbaf4762fb9ee9, 0xbd08a39f580c36be, 0xc12c4cca66709456,
    0xc5672a115506dadd, 0xc9b9bd866e2f27a2, 0xce248c151f8480e3, 0xd2a81d91f12ae45a,
    0xd744fccad69d6af4, 0xdbfbb797daf23755, 0xe0ccdeec2a94e111, 0xe5b906e77c8348a8,
    0xeac0c6e7dd24392e, 0xefe4b99bdcdaf5cb, 0xf5257d152486cc2c, 0xfa83b2db722a033a,
};

static int64_t clamp(int64_t ns)
{
    return ns < 0 ? 0 : ns > TW_SKETCH_MAX_NS ? TW_SKETCH_MAX_NS : ns;
}

uint16_t tw_sketch_bucket(int64_t ns)
{
    if (ns < TW_SKETCH_MIN_NS) {
        return TW_SKETCH_ZERO;
    }
    uint64_t value = (uint64_t)clamp(ns);
    int exponent = 63 - __builtin_clzll(value);
    uint64_t mantissa = value << (63 - exponent); /* 2^63 to 2^64 - 1 */
    /* ceil(32 * log2) is at least the mantissa's first five bits, and at most four more. */
    unsigned k = (unsigned)(mantissa >> 58) & (SUBBUCKETS - 1);
    while (k < SUBBUCKETS && mantissa > bounds[k]) {
        k++;
    }
    return (uint16_t)(exponent * SUBBUCKETS + (int)k - 1);
}

double tw_sketch_value(uint16_t bucket)
{
    if (bucket <= TW_SKETCH_ZERO) {
        return 0;
    }
    unsigned end = (unsigned)bucket + 1;
    double fraction = (double)bounds[end % SUBBUCKETS] / (double)bounds[0]; /* 1 to 2 */
    double upper = fraction * (double)(UINT64_C(1) << (end / SUBBUCKETS));
    return 2 * upper / (1 + BASE);
}

void tw_sketch_init(struct tw_sketch *self)
{
    *self = (struct tw_sketch){0};
}

void tw_sketch_fini(struct tw_sketch *self)
{
    free(self->counts);
    tw_sketch_init(self);
}

void tw_sketch_clear(struct tw_sketch *self)
{
    self->count = 0;
    self->min_ns = 0;
    self->max_ns = 0;
    self->bins = 0;
}

/* Have room for this many buckets; what is there stays. */
static int make_room(struct tw_sketch *self, size_t bins)
{
    if (bins <= self->room) {
        return TW_OK;
    }
    TW_ASSERT(bins <= TW_SKETCH_BINS_MAX);
    size_t room = self->room == 0 ? ROOM_FIRST : self->room;
    while (room < bins) {
        room *= 2;
    }
    if (room > TW_SKETCH_BINS_MAX) {
        room = TW_SKETCH_BINS_MAX;
    }
    uint64_t *counts = malloc(room * (sizeof(uint64_t) + sizeof(uint16_t)));
    if (counts == NULL) {
        return TW_ENOMEM;
    }
    uint16_t *bucket = (uint16_t *)(counts + room);
    if (self->bins > 0) {
        memcpy(counts, self->counts, self->bins * sizeof *counts);
        memcpy(bucket, self->bucket, self->bins * sizeof *bucket);
    }
    free(self->counts);
    self->counts = counts;
    self->bucket = bucket;
    self->room = (uint16_t)room;
    return TW_OK;
}

/* The first place whose bucket is not below this one. */
static size_t find(const struct tw_sketch *self, uint16_t bucket)
{
    size_t low = 0;
    size_t high = self->bins;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (self->bucket[middle] < bucket) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void widen(struct tw_sketch *self, int64_t min_ns, int64_t max_ns)
{
    if (self->count == 0 || min_ns < self->min_ns) {
        self->min_ns = min_ns;
    }
    if (self->count == 0 || max_ns > self->max_ns) {
        self->max_ns = max_ns;
    }
}

int tw_sketch_add(struct tw_sketch *self, int64_t ns, uint64_t times)
{
    if (times > TW_SKETCH_COUNT_MAX - self->count) {
        return TW_ELIMIT;
    }
    if (times == 0) {
        return TW_OK;
    }
    uint16_t bucket = tw_sketch_bucket(ns);
    size_t at = find(self, bucket);
    if (at == self->bins || self->bucket[at] != bucket) {
        int rc = make_room(self, (size_t)self->bins + 1);
        if (rc != TW_OK) {
            return rc;
        }
        size_t behind = self->bins - at;
        memmove(self->counts + at + 1, self->counts + at, behind * sizeof *self->counts);
        memmove(self->bucket + at + 1, self->bucket + at, behind * sizeof *self->bucket);
        self->counts[at] = 0;
        self->bucket[at] = bucket;
        self->bins++;
    }
    widen(self, clamp(ns), clamp(ns));
    self->counts[at] += times;
    self->count += times;
    return TW_OK;
}

/* How many buckets either of them fills. */
static size_t union_bins(const struct tw_sketch *a, const struct tw_sketch *b)
{
    size_t i = 0;
    size_t j = 0;
    size_t bins = 0;
    while (i < a->bins && j < b->bins) {
        uint16_t left = a->bucket[i];
        uint16_t right = b->bucket[j];
        i += left <= right;
        j += right <= left;
        bins++;
    }
    return bins + (a->bins - i) + (b->bins - j);
}

int tw_sketch_merge(struct tw_sketch *self, const struct tw_sketch *other)
{
    if (other->count > TW_SKETCH_COUNT_MAX - self->count) {
        return TW_ELIMIT;
    }
    if (other->count == 0) {
        return TW_OK;
    }
    size_t bins = union_bins(self, other);
    int rc = make_room(self, bins);
    if (rc != TW_OK) {
        return rc;
    }
    /* From behind, so that nothing is overwritten before it was read. */
    size_t i = self->bins;
    size_t j = other->bins;
    for (size_t to = bins; j > 0; to--) {
        uint16_t right = other->bucket[j - 1];
        bool take_left = i > 0 && self->bucket[i - 1] >= right;
        bool take_right = i == 0 || self->bucket[i - 1] <= right;
        uint16_t bucket = take_right ? right : self->bucket[i - 1];
        uint64_t count = take_left ? self->counts[--i] : 0;
        count += take_right ? other->counts[--j] : 0;
        self->counts[to - 1] = count;
        self->bucket[to - 1] = bucket;
    }
    self->bins = (uint16_t)bins;
    widen(self, other->min_ns, other->max_ns);
    self->count += other->count;
    return TW_OK;
}

int64_t tw_sketch_quantile(const struct tw_sketch *self, uint32_t ppm)
{
    TW_ASSERT(ppm >= 1 && ppm <= PPM);
    if (self->count == 0) {
        return -1;
    }
    /* ceil(ppm * count / 1e6) without passing 64 bits */
    uint64_t rank = self->count / PPM * ppm + (self->count % PPM * ppm + PPM - 1) / PPM;
    size_t at = 0;
    for (uint64_t seen = self->counts[0]; seen < rank; seen += self->counts[at]) {
        at++;
    }
    int64_t value = (int64_t)(tw_sketch_value(self->bucket[at]) + 0.5);
    return value < self->min_ns ? self->min_ns : value > self->max_ns ? self->max_ns : value;
}

/* Stored: number of buckets (varint); unless it is 0: min, max - min, then for each bucket how many
 * empty ones lie between it and the one before, and its count (varints). */
int tw_sketch_encode(const struct tw_sketch *self, struct tw_buf *buf)
{
    (void)tw_buf_append_varint(buf, self->bins); /* the buffer's error is sticky */
    if (self->bins > 0) {
        (void)tw_buf_append_varint(buf, (uint64_t)self->min_ns);
        (void)tw_buf_append_varint(buf, (uint64_t)(self->max_ns - self->min_ns));
    }
    unsigned next = TW_SKETCH_ZERO;
    for (size_t i = 0; i < self->bins; i++) {
        (void)tw_buf_append_varint(buf, self->bucket[i] - next);
        (void)tw_buf_append_varint(buf, self->counts[i]);
        next = (unsigned)self->bucket[i] + 1;
    }
    return buf->error;
}

/* The buckets behind the head of a stored sketch, for which there is room. */
static int decode_bins(struct tw_sketch *self, struct tw_cursor *cursor, size_t bins)
{
    unsigned next = TW_SKETCH_ZERO;
    for (size_t i = 0; i < bins; i++) {
        uint64_t gap = tw_cursor_varint(cursor);
        uint64_t count = tw_cursor_varint(cursor);
        if (cursor->failed || gap > TW_SKETCH_LAST || next + gap > TW_SKETCH_LAST || count == 0 ||
            count > TW_SKETCH_COUNT_MAX - self->count) {
            return TW_EDAMAGED;
        }
        self->bucket[i] = (uint16_t)(next + gap);
        self->counts[i] = count;
        self->count += count;
        next = (unsigned)self->bucket[i] + 1;
    }
    self->bins = (uint16_t)bins;
    return TW_OK;
}

static int decode(struct tw_sketch *self, struct tw_cursor *cursor)
{
    uint64_t bins = tw_cursor_varint(cursor);
    if (cursor->failed || bins > TW_SKETCH_BINS_MAX) {
        return TW_EDAMAGED;
    }
    if (bins == 0) {
        return TW_OK;
    }
    uint64_t min = tw_cursor_varint(cursor);
    uint64_t span = tw_cursor_varint(cursor);
    /* Each bucket takes two bytes at least: nothing is allocated for what cannot be there. */
    if (cursor->failed || bins * 2 > (uint64_t)(cursor->end - cursor->p) ||
        min > (uint64_t)TW_SKETCH_MAX_NS || span > (uint64_t)TW_SKETCH_MAX_NS - min) {
        return TW_EDAMAGED;
    }
    int rc = make_room(self, bins);
    if (rc == TW_OK) {
        rc = decode_bins(self, cursor, bins);
    }
    if (rc != TW_OK) {
        return rc;
    }
    self->min_ns = (int64_t)min;
    self->max_ns = (int64_t)(min + span);
    bool fits = tw_sketch_bucket(self->min_ns) == self->bucket[0] &&
                tw_sketch_bucket(self->max_ns) == self->bucket[bins - 1] &&
                (self->count > 1 || span == 0);
    return fits ? TW_OK : TW_EDAMAGED;
}

int tw_sketch_decode(struct tw_sketch *self, struct tw_cursor *cursor)
{
    tw_sketch_clear(self);
    int rc = decode(self, cursor);
    if (rc != TW_OK) {
        tw_sketch_clear(self);
    }
    return rc;
}
