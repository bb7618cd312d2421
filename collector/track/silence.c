/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/silence.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"

/* Before this, an event time is taken for a clock that was never set: 2000-01-01T00:00:00Z. */
#define EARLIEST_NS (INT64_C(946684800) * TW_NS_PER_S)

void tw_silences_fini(struct tw_silences *self)
{
    free(self->items);
    *self = (struct tw_silences){0};
}

static int make_room(struct tw_silences *self)
{
    if (self->items == NULL) {
        self->items = calloc(TW_SILENCES_MAX, sizeof *self->items);
    }
    return self->items == NULL ? TW_ENOMEM : TW_OK;
}

static void take_out(struct tw_silences *self, uint32_t at)
{
    self->count--;
    memmove(&self->items[at], &self->items[at + 1], (self->count - at) * sizeof *self->items);
    self->is_changed = true;
}

/* Put a gap at `at`; there is room for the table. The oldest goes when it is full. */
static void put_in(struct tw_silences *self, uint32_t at, struct tw_silence gap)
{
    if (self->count == TW_SILENCES_MAX) {
        self->forgotten++;
        self->is_changed = true;
        if (at == 0) {
            self->first_ns = gap.until_ns;
            return;
        }
        self->first_ns = self->items[0].until_ns;
        take_out(self, 0);
        at--;
    }
    memmove(&self->items[at + 1], &self->items[at], (self->count - at) * sizeof *self->items);
    self->items[at] = gap;
    self->count++;
    self->is_changed = true;
}

static bool is_long(int64_t from_ns, int64_t until_ns, uint32_t expected_s)
{
    return until_ns - from_ns > (int64_t)expected_s * TW_NS_PER_S;
}

/* An event behind all others. */
static int go_on(struct tw_silences *self, int64_t time_ns, uint32_t expected_s)
{
    if (is_long(self->newest_ns, time_ns, expected_s)) {
        int rc = make_room(self);
        if (rc != TW_OK) {
            return rc;
        }
        put_in(self, self->count, (struct tw_silence){self->newest_ns, time_ns, expected_s});
    }
    self->newest_ns = time_ns;
    return TW_OK;
}

/* An event that came late: it may lie in a gap. */
static void fill(struct tw_silences *self, int64_t time_ns)
{
    uint32_t at = self->count;
    while (at > 0 && self->items[at - 1].from_ns >= time_ns) {
        at--;
    }
    if (at == 0 || self->items[at - 1].until_ns <= time_ns) {
        return;
    }
    struct tw_silence whole = self->items[--at];
    struct tw_silence below = {whole.from_ns, time_ns, whole.expected_s};
    struct tw_silence above = {time_ns, whole.until_ns, whole.expected_s};
    take_out(self, at);
    if (is_long(above.from_ns, above.until_ns, above.expected_s)) {
        put_in(self, at, above);
    }
    if (is_long(below.from_ns, below.until_ns, below.expected_s)) {
        put_in(self, at, below);
    }
}

int tw_silences_hear(struct tw_silences *self, int64_t time_ns, int64_t clock_ns,
                     uint32_t expected_s)
{
    if (time_ns < EARLIEST_NS) {
        return TW_OK;
    }
    if (self->first_ns == 0) {
        self->first_ns = time_ns;
        self->newest_ns = time_ns;
        return TW_OK;
    }
    if (time_ns > self->newest_ns) {
        int64_t apart_ns = time_ns - self->newest_ns;
        self->newest_ns += clock_ns <= 0 ? 0 : (clock_ns < apart_ns ? clock_ns : apart_ns);
        return go_on(self, time_ns, expected_s);
    }
    if (time_ns > self->first_ns && self->count > 0) {
        fill(self, time_ns);
    }
    return TW_OK;
}

int tw_silences_deaf(struct tw_silences *self, int64_t from_ns, int64_t until_ns,
                     uint32_t expected_s)
{
    int rc = TW_OK;
    if (self->first_ns == 0 || until_ns <= self->newest_ns) {
        return rc;
    }
    if (from_ns > self->newest_ns) {
        rc = go_on(self, from_ns, expected_s);
    }
    if (rc == TW_OK) {
        self->newest_ns = until_ns;
    }
    return rc;
}

int tw_silences_encode(const struct tw_silences *self, struct tw_buf *buf)
{
    (void)tw_buf_append_varint(buf, tw_zigzag(self->first_ns)); /* errors are sticky */
    (void)tw_buf_append_varint(buf, tw_zigzag(self->newest_ns));
    (void)tw_buf_append_varint(buf, self->forgotten);
    (void)tw_buf_append_byte(buf, (uint8_t)self->count);
    for (uint32_t i = 0; i < self->count; i++) {
        (void)tw_buf_append_varint(buf, tw_zigzag(self->items[i].from_ns));
        (void)tw_buf_append_varint(buf, tw_zigzag(self->items[i].until_ns));
        (void)tw_buf_append_varint(buf, self->items[i].expected_s);
    }
    return buf->error;
}

/* One gap, which must lie behind `before_ns`. */
static bool get_gap(struct tw_cursor *cursor, int64_t before_ns, struct tw_silence *ret_gap)
{
    ret_gap->from_ns = tw_unzigzag(tw_cursor_varint(cursor));
    ret_gap->until_ns = tw_unzigzag(tw_cursor_varint(cursor));
    uint64_t expected = tw_cursor_varint(cursor);
    ret_gap->expected_s = (uint32_t)expected;
    return !cursor->failed && expected <= UINT32_MAX && ret_gap->from_ns >= before_ns &&
           ret_gap->until_ns > ret_gap->from_ns;
}

int tw_silences_decode(struct tw_silences *self, struct tw_cursor *cursor)
{
    *self = (struct tw_silences){0};
    self->first_ns = tw_unzigzag(tw_cursor_varint(cursor));
    self->newest_ns = tw_unzigzag(tw_cursor_varint(cursor));
    self->forgotten = tw_cursor_varint(cursor);
    uint8_t count = tw_cursor_byte(cursor);
    bool is_good = !cursor->failed && count <= TW_SILENCES_MAX && self->first_ns >= 0 &&
                   self->newest_ns >= self->first_ns && (self->first_ns > 0 || count == 0);
    int rc = is_good ? TW_OK : TW_EDAMAGED;
    if (rc == TW_OK && count > 0) {
        rc = make_room(self);
    }
    for (int64_t before_ns = self->first_ns; rc == TW_OK && self->count < count; self->count++) {
        struct tw_silence *gap = &self->items[self->count];
        rc = get_gap(cursor, before_ns, gap) && gap->until_ns <= self->newest_ns ? TW_OK
                                                                                 : TW_EDAMAGED;
        before_ns = gap->until_ns;
    }
    if (rc != TW_OK) {
        tw_silences_fini(self);
    }
    return rc;
}
