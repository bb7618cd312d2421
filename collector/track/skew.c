/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "track/skew.h"

#include <string.h>

#include "core/err.h"
#include "track/track.h"

void tw_skew_init(struct tw_skew *self)
{
    memset(self, 0, sizeof *self);
}

static int64_t sub(int64_t a, int64_t b)
{
    int64_t result = 0;
    if (__builtin_sub_overflow(a, b, &result)) {
        return a < b ? INT64_MIN : INT64_MAX;
    }
    return result;
}

static void forget(struct tw_skew *self)
{
    self->events = 0;
    self->next = 0;
    self->count = 0;
}

static void note(struct tw_skew *self, int64_t received_ns, int64_t transit_ns)
{
    uint8_t newest = (uint8_t)((self->next + TW_SKEW_LOOKS - 1) % TW_SKEW_LOOKS);
    struct tw_skew_look *look = &self->looks[newest];
    if (self->count > 0 && sub(received_ns, look->from_ns) < TW_SKEW_LOOK_NS) {
        look->min_ns = transit_ns < look->min_ns ? transit_ns : look->min_ns;
        look->max_ns = transit_ns > look->max_ns ? transit_ns : look->max_ns;
        if (self->in_look[newest] < UINT16_MAX) { /* more are as good as that many */
            self->in_look[newest]++;
            self->events++;
        }
        return;
    }
    if (self->count == TW_SKEW_LOOKS) {
        self->events -= self->in_look[self->next];
    } else {
        self->count++;
    }
    self->looks[self->next] = (struct tw_skew_look){received_ns, transit_ns, transit_ns};
    self->in_look[self->next] = 1;
    self->events++;
    self->next = (uint8_t)((self->next + 1) % TW_SKEW_LOOKS);
}

/* Believe the transits of the looks if they agree. */
static void measure(struct tw_skew *self, int64_t received_ns)
{
    if (self->events < TW_SKEW_EVENTS) {
        return;
    }
    int64_t min_ns = INT64_MAX;
    int64_t max_ns = INT64_MIN;
    int64_t from_ns = INT64_MAX;
    for (uint8_t i = 0; i < self->count; i++) {
        const struct tw_skew_look *look = &self->looks[i];
        min_ns = look->min_ns < min_ns ? look->min_ns : min_ns;
        max_ns = look->max_ns > max_ns ? look->max_ns : max_ns;
        from_ns = look->from_ns < from_ns ? look->from_ns : from_ns;
    }
    int64_t spread_ns = TW_SKEW_SPREAD_NS + (min_ns < 0 ? -(min_ns / 8) : 0);
    if (sub(received_ns, from_ns) < TW_SKEW_SPAN_NS || sub(max_ns, min_ns) > spread_ns) {
        return;
    }
    self->offset_ns = min_ns < 0 || min_ns > TW_SKEW_SPREAD_NS ? min_ns : 0;
}

int64_t tw_skew_fold(struct tw_skew *self, tw_wall_t received, tw_wall_t time)
{
    int64_t transit_ns = sub(received.ns, time.ns);
    if (self->offset_ns > 0 && transit_ns < self->offset_ns - TW_SKEW_SPREAD_NS) {
        self->offset_ns = 0; /* it was set right: what is known is of the old clock */
        forget(self);
    }
    note(self, received.ns, transit_ns);
    measure(self, received.ns);
    return self->offset_ns;
}

void tw_skew_refold(struct tw_skew *self, tw_wall_t received, tw_wall_t time, int64_t offset_ns)
{
    (void)tw_skew_fold(self, received, time); /* what it measures is known already */
    self->offset_ns = offset_ns;
}

tw_wall_t tw_skew_apply(int64_t offset_ns, tw_wall_t received, tw_wall_t time)
{
    int64_t transit_ns = sub(received.ns, time.ns);
    if (offset_ns == 0 && transit_ns >= 0) {
        return tw_track_time(time);
    }
    int64_t left_ns = sub(transit_ns, offset_ns);
    return tw_track_time(left_ns <= 0 ? received : (tw_wall_t){sub(received.ns, left_ns)});
}

int tw_skew_encode(const struct tw_skew *self, struct tw_buf *buf)
{
    (void)tw_buf_append_varint(buf, tw_zigzag(self->offset_ns)); /* errors are sticky */
    (void)tw_buf_append_byte(buf, self->count);
    for (uint8_t i = 0; i < self->count; i++) { /* from the oldest on */
        uint8_t at = (uint8_t)((self->next + TW_SKEW_LOOKS - self->count + i) % TW_SKEW_LOOKS);
        (void)tw_buf_append_varint(buf, self->in_look[at]);
        (void)tw_buf_append_varint(buf, tw_zigzag(self->looks[at].from_ns));
        (void)tw_buf_append_varint(buf, tw_zigzag(self->looks[at].min_ns));
        (void)tw_buf_append_varint(buf, tw_zigzag(self->looks[at].max_ns));
    }
    return buf->error;
}

int tw_skew_decode(struct tw_skew *self, struct tw_cursor *cursor)
{
    tw_skew_init(self);
    self->offset_ns = tw_unzigzag(tw_cursor_varint(cursor));
    uint8_t count = tw_cursor_byte(cursor);
    bool is_good = count <= TW_SKEW_LOOKS;
    for (uint8_t i = 0; is_good && i < count; i++) {
        uint64_t events = tw_cursor_varint(cursor);
        self->in_look[i] = (uint32_t)events;
        self->looks[i].from_ns = tw_unzigzag(tw_cursor_varint(cursor));
        self->looks[i].min_ns = tw_unzigzag(tw_cursor_varint(cursor));
        self->looks[i].max_ns = tw_unzigzag(tw_cursor_varint(cursor));
        self->events += (uint32_t)events;
        is_good = events > 0 && events <= UINT16_MAX && !cursor->failed;
    }
    self->count = count;
    self->next = (uint8_t)(count % TW_SKEW_LOOKS);
    if (!is_good || cursor->failed) {
        tw_skew_init(self);
        return TW_EDAMAGED;
    }
    return TW_OK;
}
