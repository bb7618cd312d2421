/* SPDX-License-Identifier: Apache-2.0
 * Points are sparse: of most series nothing is said in most buckets. Counts are kept as running
 * totals, so that a sum over any window is the difference of two. */
#include "config.h"
#include "alert/window.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- trails ---------------------------------------------------------------------------------- */

void tw_trail_fini(struct tw_trail *self)
{
    free(self->points);
    *self = (struct tw_trail){.is_count = self->is_count};
}

int tw_trail_copy(const struct tw_trail *from, struct tw_trail *ret_trail)
{
    struct tw_trail copy = {.count = from->count,
                            .capacity = from->count,
                            .base = from->base,
                            .high = from->high,
                            .is_count = from->is_count};
    if (from->count > 0) {
        copy.points = malloc(from->count * sizeof *copy.points);
        if (copy.points == NULL) {
            return TW_ENOMEM;
        }
        memcpy(copy.points, from->points + from->first, from->count * sizeof *copy.points);
    }
    *ret_trail = copy;
    return TW_OK;
}

static struct tw_trail_point *point_of(const struct tw_trail *self, size_t i)
{
    return &self->points[self->first + i];
}

/* Index of the first point behind this bucket. Most questions are about the end. */
static size_t find_behind(const struct tw_trail *self, int32_t bucket)
{
    size_t low = 0;
    size_t high = self->count;
    if (high == 0 || point_of(self, high - 1)->bucket <= bucket) {
        return high;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (point_of(self, middle)->bucket <= bucket) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int reserve(struct tw_trail *self, size_t more)
{
    if (self->first + self->count + more <= self->capacity) {
        return TW_OK;
    }
    if (self->first > 0) {
        memmove(self->points, self->points + self->first, self->count * sizeof *self->points);
        self->first = 0;
    }
    size_t capacity = self->capacity == 0 ? 4 : self->capacity;
    while (capacity < self->count + more) {
        capacity *= 2;
    }
    if (capacity > self->capacity) {
        struct tw_trail_point *points = realloc(self->points, capacity * sizeof *points);
        if (points == NULL) {
            return TW_ENOMEM;
        }
        self->points = points;
        self->capacity = capacity;
    }
    return TW_OK;
}

/* There is room. */
static void insert(struct tw_trail *self, size_t at, const struct tw_trail_point *point)
{
    memmove(point_of(self, at) + 1, point_of(self, at), (self->count - at) * sizeof *point);
    *point_of(self, at) = *point;
    self->count++;
}

static void add_count(struct tw_trail *self, int32_t bucket, double value)
{
    size_t at = find_behind(self, bucket);
    double before = at == 0 ? self->base : point_of(self, at - 1)->value;
    if (at == 0 || point_of(self, at - 1)->bucket != bucket) {
        const struct tw_trail_point point = {bucket, 1, before};
        insert(self, at++, &point);
    }
    for (size_t i = at - 1; i < self->count; i++) {
        point_of(self, i)->value += value;
    }
}

/* Whole numbers in whole parts, so that parts add up to the number again. */
static void spread_count(struct tw_trail *self, const struct tw_trail_point *point, int32_t length)
{
    double done = 0;
    for (int32_t i = 0; i < length; i++) {
        bool is_last = i + 1 == length;
        double upto = is_last ? point->value : floor(point->value * (i + 1) / length);
        if (fabs(upto - done) > 0) {
            add_count(self, point->bucket + i, upto - done);
        }
        done = upto;
    }
}

static void put_value(struct tw_trail *self, const struct tw_trail_point *point)
{
    size_t at = find_behind(self, point->bucket);
    self->high = point->value > self->high ? point->value : self->high;
    if (at > 0 && point_of(self, at - 1)->bucket == point->bucket) {
        *point_of(self, at - 1) = *point;
    } else {
        insert(self, at, point);
    }
}

int tw_trail_feed(struct tw_trail *self, const struct tw_trail_point *point, int32_t length,
                  int32_t span)
{
    int32_t newest = self->count == 0 ? point->bucket : point_of(self, self->count - 1)->bucket;
    newest = newest > point->bucket + length - 1 ? newest : point->bucket + length - 1;
    int32_t horizon = newest - span - TW_TRAIL_SLACK;
    if (point->bucket + length + (self->is_count ? 0 : point->hold) <= horizon) {
        return TW_OK; /* no window has it any more */
    }
    int rc = reserve(self, self->is_count ? (size_t)length : 1);
    if (rc != TW_OK) {
        return rc;
    }
    if (self->is_count) {
        spread_count(self, point, length);
    } else {
        put_value(self, point);
    }
    while (self->count > 1 && point_of(self, 1)->bucket <= horizon) {
        self->base = point_of(self, 0)->value;
        self->first++;
        self->count--;
    }
    return TW_OK;
}

static double total_at(const struct tw_trail *self, int32_t bucket)
{
    size_t at = find_behind(self, bucket);
    return at == 0 ? self->base : point_of(self, at - 1)->value;
}

double tw_trail_sum(const struct tw_trail *self, int32_t from, int32_t until)
{
    return total_at(self, until - 1) - total_at(self, from - 1);
}

void tw_trail_fill(const struct tw_trail *self, int32_t from, int32_t count, double *ret_values)
{
    size_t at = find_behind(self, from);
    for (int32_t i = 0; i < count; i++) {
        while (at < self->count && point_of(self, at)->bucket <= from + i) {
            at++;
        }
        const struct tw_trail_point *point = at == 0 ? NULL : point_of(self, at - 1);
        bool is_held = point != NULL && from + i - point->bucket < point->hold;
        ret_values[i] = is_held ? point->value : (double)NAN;
    }
}

void tw_trail_settle(struct tw_trail *self)
{
    self->high = 0;
    for (size_t i = 0; i < self->count && !self->is_count; i++) {
        double value = point_of(self, i)->value;
        self->high = value > self->high ? value : self->high;
    }
}

int32_t tw_trail_end(const struct tw_trail *self)
{
    if (self->count == 0) {
        return INT32_MIN;
    }
    const struct tw_trail_point *newest = point_of(self, self->count - 1);
    return newest->bucket + newest->hold;
}

/* ---- when the tower ran ---------------------------------------------------------------------- */

void tw_uptime_fini(struct tw_uptime *self)
{
    free(self->spans);
    *self = (struct tw_uptime){0};
}

int tw_uptime_copy(const struct tw_uptime *from, struct tw_uptime *ret_uptime)
{
    struct tw_uptime copy = {.count = from->count, .capacity = from->count};
    if (from->count > 0) {
        copy.spans = malloc(from->count * sizeof *copy.spans);
        if (copy.spans == NULL) {
            return TW_ENOMEM;
        }
        memcpy(copy.spans, from->spans, from->count * sizeof *copy.spans);
    }
    *ret_uptime = copy;
    return TW_OK;
}

int tw_uptime_add(struct tw_uptime *self, int32_t from, int32_t until, int32_t keep)
{
    struct tw_uptime_span *latest = self->count == 0 ? NULL : &self->spans[self->count - 1];
    if (latest != NULL && from <= latest->until) {
        latest->until = until > latest->until ? until : latest->until;
        return TW_OK;
    }
    if (self->spans == NULL || self->count == self->capacity) {
        size_t capacity = self->capacity == 0 ? 8 : self->capacity * 2;
        struct tw_uptime_span *spans = realloc(self->spans, capacity * sizeof *spans);
        if (spans == NULL) {
            return TW_ENOMEM;
        }
        self->spans = spans;
        self->capacity = capacity;
    }
    self->spans[self->count++] = (struct tw_uptime_span){from, until};
    size_t old = 0;
    while (old + 1 < self->count && self->spans[old].until < until - keep) {
        old++;
    }
    self->count -= old;
    memmove(self->spans, self->spans + old, self->count * sizeof *self->spans);
    return TW_OK;
}

int32_t tw_uptime_count(const struct tw_uptime *self, int32_t from, int32_t until)
{
    int32_t count = 0;
    for (size_t i = self->count; i-- > 0 && self->spans[i].until > from;) {
        int32_t begin = self->spans[i].from > from ? self->spans[i].from : from;
        int32_t end = self->spans[i].until < until ? self->spans[i].until : until;
        count += end > begin ? end - begin : 0;
    }
    return count;
}

bool tw_uptime_has(const struct tw_uptime *self, int32_t bucket)
{
    return tw_uptime_count(self, bucket, bucket + 1) == 1;
}

int32_t tw_uptime_since(const struct tw_uptime *self, int32_t bucket)
{
    for (size_t i = self->count; i-- > 0;) {
        if (self->spans[i].from <= bucket && bucket < self->spans[i].until) {
            return self->spans[i].from;
        }
    }
    return bucket;
}

/* ---- values of a window ---------------------------------------------------------------------- */

/* What is gathered of a window. */
struct gathered {
    int32_t buckets; /* with a value */
    double highest;
    double lowest;
    double sum;
};

static void gather(struct gathered *self, double value, int32_t buckets)
{
    if (buckets <= 0) {
        return;
    }
    self->highest = self->buckets == 0 || value > self->highest ? value : self->highest;
    self->lowest = self->buckets == 0 || value < self->lowest ? value : self->lowest;
    self->sum += value * buckets;
    self->buckets += buckets;
}

static double taken(const struct gathered *self, enum tw_rule_take take)
{
    if (self->buckets == 0) {
        return (double)NAN;
    }
    switch (take) {
    case TW_TAKE_MAX:
        return self->highest;
    case TW_TAKE_MIN:
        return self->lowest;
    case TW_TAKE_MEAN:
    case TW_TAKE_LAST:
        break;
    }
    return self->sum / self->buckets;
}

double tw_trail_take(const struct tw_trail *self, const struct tw_uptime *uptime,
                     const struct tw_uptime_span *window, enum tw_rule_take take, bool is_zero)
{
    int32_t from = take == TW_TAKE_LAST ? window->until - 1 : window->from;
    struct gathered all = {0};
    size_t at = find_behind(self, from);
    for (at -= at > 0 ? 1 : 0; at < self->count; at++) {
        const struct tw_trail_point *point = point_of(self, at);
        int32_t begin = point->bucket > from ? point->bucket : from;
        int32_t end = point->bucket + point->hold;
        if (at + 1 < self->count && point_of(self, at + 1)->bucket < end) {
            end = point_of(self, at + 1)->bucket;
        }
        end = end < window->until ? end : window->until;
        if (begin >= window->until) {
            break;
        }
        gather(&all, point->value, tw_uptime_count(uptime, begin, end));
    }
    if (is_zero) {
        gather(&all, 0, tw_uptime_count(uptime, from, window->until) - all.buckets);
    }
    return taken(&all, take);
}
