/* SPDX-License-Identifier: Apache-2.0
 * Verdicts on lag: see verdict.h. */
#include "config.h"

#include "track/verdict.h"

#include <math.h>

#include "core/err.h"

const char *tw_lag_verdict_name(enum tw_lag_verdict verdict)
{
    static const char *const names[] = {
#define NAME(name, text) text,
        TW_LAG_VERDICTS(NAME)
#undef NAME
    };
    return names[verdict];
}

void tw_lag_init(struct tw_lag_ring *self)
{
    *self = (struct tw_lag_ring){0};
}

/* The i-th look in the ring, the oldest first. */
static const struct tw_lag_point *look(const struct tw_lag_ring *self, uint32_t i)
{
    return &self->points[(self->next + TW_LAG_POINTS - self->count + i) % TW_LAG_POINTS];
}

static const struct tw_lag_point *last_look(const struct tw_lag_ring *self)
{
    return look(self, self->count - 1);
}

static void follow_rates(struct tw_lag_ring *self, const struct tw_lag_point *before,
                         const struct tw_lag_point *point)
{
    double s = (double)(point->at.ns - before->at.ns) / (double)TW_NS_PER_S;
    double share = 1 - exp(-s / TW_LAG_RATE_TAU_S);
    double in = (double)(point->arrived - before->arrived) / s;
    double out = (double)(point->through - before->through) / s;
    self->rate_in += share * (in - self->rate_in);
    self->rate_out += share * (out - self->rate_out);
    self->weight += share * (1 - self->weight);
}

bool tw_lag_note(struct tw_lag_ring *self, const struct tw_lag_point *point)
{
    if (self->count > 0) {
        const struct tw_lag_point *before = last_look(self);
        bool went_back = point->at.ns < before->at.ns || point->arrived < before->arrived ||
                         point->through < before->through || point->heard < before->heard;
        if (went_back) {
            tw_lag_init(self);
        } else if (point->at.ns - before->at.ns < TW_LAG_INTERVAL_S * TW_NS_PER_S) {
            return false;
        } else {
            follow_rates(self, before, point);
            if (point->heard > before->heard) {
                self->heard_at = point->at;
            }
        }
    }
    if (self->count == 0) {
        self->heard_at = point->at; /* nothing is known of before */
    }
    self->points[self->next] = *point;
    self->next = (self->next + 1) % TW_LAG_POINTS;
    self->count += self->count < TW_LAG_POINTS;
    return true;
}

/* What the looks and the present one have in common. */
struct course {
    bool nothing_moved;  /* none came, none went */
    bool always_waiting; /* something waited at every look */
    bool none_through;
    bool never_fell; /* neither the number that waits nor the age of the oldest */
    bool grew;       /* one of them, from the first look to now */
};

static struct course course_of(const struct tw_lag_ring *self, const struct tw_lag_point *now)
{
    const struct tw_lag_point *first = look(self, 0);
    struct course course = {
        .nothing_moved = first->arrived == now->arrived && first->through == now->through,
        .always_waiting = true,
        .none_through = first->through == now->through,
        .never_fell = true,
        .grew = now->waiting > first->waiting || now->oldest_ns > first->oldest_ns,
    };
    for (uint32_t i = 0; i < self->count; i++) {
        const struct tw_lag_point *point = look(self, i);
        const struct tw_lag_point *next = i + 1 < self->count ? look(self, i + 1) : now;
        course.always_waiting = course.always_waiting && point->waiting > 0;
        course.never_fell = course.never_fell && next->waiting >= point->waiting &&
                            next->oldest_ns >= point->oldest_ns;
    }
    return course;
}

enum tw_lag_verdict tw_lag_judge(const struct tw_lag_ring *self, const struct tw_lag_point *now,
                                 int64_t allowed_ns)
{
    if (self->count < TW_LAG_POINTS_MIN) {
        return TW_LAG_UNKNOWN;
    }
    const struct course course = course_of(self, now);
    if (now->waiting == 0) {
        return course.nothing_moved ? TW_LAG_IDLE : TW_LAG_OK;
    }
    if (now->oldest_ns <= allowed_ns || !course.always_waiting) {
        return TW_LAG_OK;
    }
    const struct tw_lag_point *last = last_look(self);
    int64_t span_ns = last->at.ns - look(self, 0)->at.ns;
    bool is_silent = now->heard == last->heard && now->at.ns - self->heard_at.ns > span_ns;
    if (is_silent) {
        return TW_LAG_STOP;
    }
    if (course.none_through) {
        return TW_LAG_STALL;
    }
    return course.never_fell && course.grew ? TW_LAG_WARN : TW_LAG_OK;
}

struct tw_lag_rates tw_lag_rates(const struct tw_lag_ring *self)
{
    bool has_data = self->weight > 0;
    return (struct tw_lag_rates){
        .has_data = has_data,
        .in_per_s = has_data ? self->rate_in / self->weight : 0,
        .out_per_s = has_data ? self->rate_out / self->weight : 0,
    };
}

struct tw_drain tw_lag_drain(const struct tw_lag_ring *self, uint64_t waiting)
{
    struct tw_lag_rates rates = tw_lag_rates(self);
    struct tw_drain drain = {TW_DRAIN_GROWING, (double)NAN};
    if (waiting == 0) {
        drain.state = TW_DRAIN_EMPTY;
    } else if (!rates.has_data) {
        drain.state = TW_DRAIN_UNKNOWN;
    } else if (rates.out_per_s > rates.in_per_s) {
        drain.state = TW_DRAIN_DRAINS;
        drain.seconds = (double)waiting / (rates.out_per_s - rates.in_per_s);
    }
    return drain;
}
