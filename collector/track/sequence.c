/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/sequence.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "track/track.h"

/* The last that tracking knows. */
#define MINUTE_MAX (TW_TRACK_TIME_MAX_NS / (60 * TW_NS_PER_S))

void tw_sequence_fini(struct tw_sequence *self)
{
    free(self->gaps);
    memset(self, 0, sizeof *self);
}

uint64_t tw_sequence_parse(struct tw_str text)
{
    uint64_t number = 0;
    if (text.len == 0 || text.len > 19) {
        return 0;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9') {
            return 0;
        }
        number = number * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return number;
}

static int make_room(struct tw_sequence *self)
{
    if (self->gaps == NULL) {
        self->gaps = calloc(TW_SEQUENCE_GAPS, sizeof *self->gaps);
    }
    return self->gaps == NULL ? TW_ENOMEM : TW_OK;
}

/* There is memory for gaps; the oldest makes room. */
static void insert(struct tw_sequence *self, uint32_t at, struct tw_sequence_gap gap)
{
    if (self->gap_count == TW_SEQUENCE_GAPS) {
        if (at == 0) {
            return;
        }
        self->gap_count--;
        memmove(self->gaps, self->gaps + 1, self->gap_count * sizeof *self->gaps);
        at--;
    }
    memmove(self->gaps + at + 1, self->gaps + at, (self->gap_count - at) * sizeof *self->gaps);
    self->gaps[at] = gap;
    self->gap_count++;
}

/* A number of a gap has come. */
static void fill(struct tw_sequence *self, uint32_t at, uint64_t number)
{
    struct tw_sequence_gap *gap = &self->gaps[at];
    if (gap->first == gap->last) {
        self->gap_count--;
        memmove(gap, gap + 1, (self->gap_count - at) * sizeof *gap);
    } else if (number == gap->first) {
        gap->first++;
    } else if (number == gap->last) {
        gap->last--;
    } else {
        struct tw_sequence_gap upper = {number + 1, gap->last, gap->minute};
        gap->last = number - 1;
        insert(self, at + 1, upper);
    }
}

/* Numbers from first to last are missing as of now. */
static int open_gap(struct tw_sequence *self, uint32_t at, struct tw_sequence_gap gap,
                    struct tw_sequence_change *change)
{
    if (gap.first > gap.last) {
        return TW_OK;
    }
    int rc = make_room(self);
    if (rc == TW_OK) {
        insert(self, at, gap);
        change->bad = (int64_t)(gap.last - gap.first + 1);
    }
    return rc;
}

int tw_sequence_see(struct tw_sequence *self, uint64_t number, int64_t minute,
                    struct tw_sequence_change *ret_change)
{
    struct tw_sequence_change change = {minute, 1, 0};
    int rc = TW_OK;
    bool is_first = self->highest == 0;
    if (!is_first && number > self->highest) {
        rc = open_gap(self, self->gap_count,
                      (struct tw_sequence_gap){self->highest + 1, number - 1, minute}, &change);
    } else if (!is_first && number < self->lowest && self->lowest - number <= TW_SEQUENCE_BEFORE) {
        rc = open_gap(self, 0, (struct tw_sequence_gap){number + 1, self->lowest - 1, minute},
                      &change);
    } else if (!is_first && number < self->lowest) {
        self->gap_count = 0; /* it counts again */
        is_first = true;
    } else if (!is_first) {
        uint32_t at = 0;
        while (at < self->gap_count && self->gaps[at].last < number) {
            at++;
        }
        if (at < self->gap_count && self->gaps[at].first <= number) {
            change = (struct tw_sequence_change){self->gaps[at].minute, 1, -1};
            fill(self, at, number);
        }
    }
    if (rc != TW_OK) {
        return rc;
    }
    self->lowest = is_first || number < self->lowest ? number : self->lowest;
    self->highest = is_first || number > self->highest ? number : self->highest;
    *ret_change = change;
    return TW_OK;
}

int tw_sequence_encode(const struct tw_sequence *self, struct tw_buf *buf)
{
    (void)tw_buf_append_varint(buf, self->lowest); /* errors are sticky */
    (void)tw_buf_append_varint(buf, self->highest);
    (void)tw_buf_append_varint(buf, self->gap_count);
    for (uint32_t i = 0; i < self->gap_count; i++) {
        (void)tw_buf_append_varint(buf, self->gaps[i].first);
        (void)tw_buf_append_varint(buf, self->gaps[i].last);
        (void)tw_buf_append_varint(buf, tw_zigzag(self->gaps[i].minute));
    }
    return buf->error;
}

int tw_sequence_decode(struct tw_sequence *self, struct tw_cursor *cursor)
{
    tw_sequence_fini(self);
    self->lowest = tw_cursor_varint(cursor);
    self->highest = tw_cursor_varint(cursor);
    uint64_t count = tw_cursor_varint(cursor);
    bool is_good = !cursor->failed && count <= TW_SEQUENCE_GAPS && self->lowest <= self->highest;
    int rc = is_good && count > 0 ? make_room(self) : TW_OK;
    uint64_t above = self->lowest;
    for (uint64_t i = 0; rc == TW_OK && is_good && i < count; i++) {
        struct tw_sequence_gap gap = {.first = tw_cursor_varint(cursor)};
        gap.last = tw_cursor_varint(cursor);
        gap.minute = tw_unzigzag(tw_cursor_varint(cursor));
        is_good = !cursor->failed && gap.first > above && gap.first <= gap.last &&
                  gap.last < self->highest && gap.minute >= 0 && gap.minute <= MINUTE_MAX;
        above = gap.last;
        self->gaps[self->gap_count++] = gap;
    }
    if (rc == TW_OK && !is_good) {
        tw_sequence_fini(self);
        return TW_EDAMAGED;
    }
    return rc;
}
