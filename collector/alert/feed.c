/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert/feed.h"

#include <stdlib.h>

#include "track/metrics.h"

#define BUCKET_S    TW_ENGINE_BUCKET_S
#define CHUNK_S     600 /* read at once, while there is so much */
#define ARENA_BYTES ((size_t)512 << 20)

struct tw_feed {
    struct tw_reader *reader;
    tw_wall_t began;
    struct tw_feed_state state;
    bool is_begun;       /* the life before is known */
    int64_t before_s;    /* end of the last whole bucket of the life before; 0: there was none */
    int64_t settled_s;   /* the first bucket that may be judged in this life; 0: not settled */
    uint64_t has_past;   /* metrics, by their index, that the engine has the past of */
    uint64_t takes_past; /* those whose past is being fed */
    int64_t past_s;      /* the next bucket of it; 0: not begun */
    int64_t past_end_s;
    /* what was read: [since_s, until_s) */
    struct tw_arena arena;
    int64_t since_s;
    int64_t until_s;
    uint64_t metrics;
    const struct tw_point *points;
    size_t count;
    size_t first; /* of the bucket that is fed */
    size_t at;    /* the next point to feed */
};

/* ---- life ---- */

int tw_feed_open(const char *dir, tw_wall_t began, struct tw_feed **ret_feed, struct tw_diag *diag)
{
    struct tw_feed *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    TW_ASSERT(tw_metric_count <= 64); /* bits */
    self->began = began;
    tw_arena_init(&self->arena, ARENA_BYTES);
    int rc = tw_reader_open(dir, &self->reader, diag);
    if (rc != TW_OK) {
        tw_feed_close(&self);
        return rc;
    }
    *ret_feed = self;
    return TW_OK;
}

void tw_feed_close(struct tw_feed **self_p)
{
    struct tw_feed *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    tw_reader_close(&self->reader);
    tw_arena_fini(&self->arena);
    free(self);
}

void tw_feed_set_deadline(struct tw_feed *self, tw_mono_t deadline)
{
    tw_reader_set_deadline(self->reader, deadline);
}

struct tw_reader *tw_feed_reader(struct tw_feed *self)
{
    return self->reader;
}

static void forget_chunk(struct tw_feed *self)
{
    tw_arena_reset(&self->arena);
    self->points = NULL;
    self->count = 0;
    self->first = 0;
    self->at = 0;
    self->since_s = 0;
    self->until_s = 0;
}

void tw_feed_change(struct tw_feed *self)
{
    forget_chunk(self); /* it lacks what is new */
    self->past_s = 0;
}

void tw_feed_begin_anew(struct tw_feed *self)
{
    tw_feed_change(self);
    self->has_past = 0;
}

void tw_feed_state(const struct tw_feed *self, struct tw_feed_state *ret_state)
{
    *ret_state = self->state;
}

/* ---- how far the tower is ---- */

static int64_t bucket_down(int64_t ns)
{
    int64_t s = ns / TW_NS_PER_S;
    return s - s % BUCKET_S;
}

/* The life before ended with its last tick. */
static int look_back(struct tw_feed *self)
{
    struct tw_track_tick tick;
    int rc = tw_reader_ticked(self->reader, self->began, &tick);
    if (rc == TW_OK) {
        self->before_s = bucket_down(tick.now.ns);
    }
    self->is_begun = rc == TW_OK || rc == TW_ENOTFOUND;
    return self->is_begun ? TW_OK : rc;
}

int tw_feed_look(struct tw_feed *self)
{
    struct tw_track_tick tick;
    int rc = self->is_begun ? TW_OK : look_back(self);
    rc = rc == TW_OK ? tw_reader_ticked(self->reader, (tw_wall_t){0}, &tick) : rc;
    if (rc != TW_OK) {
        return rc == TW_ENOTFOUND ? TW_OK : rc;
    }
    self->state.ticked = tick.now;
    self->state.read_up_to = tick.read_up_to;
    bool is_settled = tick.read_up_to.ns >= self->began.ns ||
                      tick.now.ns - self->began.ns >= TW_FEED_SETTLE_S * TW_NS_PER_S;
    if (self->settled_s == 0 && is_settled) {
        self->settled_s = bucket_down(tick.now.ns + BUCKET_S * TW_NS_PER_S - 1);
        self->state.is_settled = true;
    }
    return TW_OK;
}

/* ---- points ---- */

/* Both are written for each bucket in which the tower ran. */
static bool is_sign_of_life(struct tw_str metric)
{
    return tw_str_is(metric, "open_runs") || tw_str_is(metric, "watermark_lag");
}

static bool is_wanted(const struct tw_engine *engine, const struct tw_metric *metric)
{
    return !metric->is_of_desk && !metric->is_sketch &&
           (tw_engine_wants(engine, tw_str_of(metric->name)) ||
            is_sign_of_life(tw_str_of(metric->name)));
}

static uint64_t wanted_ones(const struct tw_engine *engine)
{
    uint64_t wanted = 0;
    for (size_t i = 0; i < tw_metric_count; i++) {
        wanted |= is_wanted(engine, &tw_metrics[i]) ? UINT64_C(1) << i : 0;
    }
    return wanted;
}

/* Read from since_s on, as much as there is until until_s, at most CHUNK_S. */
static int load(struct tw_feed *self, uint64_t metrics, int64_t since_s, int64_t until_s)
{
    struct tw_str names[TW_POINTS_METRICS_MAX];
    struct tw_points_query query = {.metrics = names, .since_s = since_s, .limit = TW_POINTS_MAX};
    for (size_t i = 0; i < tw_metric_count; i++) {
        if ((metrics >> i & 1) != 0) {
            names[query.metric_count++] = tw_str_of(tw_metrics[i].name);
        }
    }
    int64_t length_s = until_s - since_s > CHUNK_S ? CHUNK_S : until_s - since_s;
    int rc = TW_ELIMIT;
    while (rc == TW_ELIMIT && length_s >= BUCKET_S) {
        forget_chunk(self);
        query.until_s = since_s + length_s;
        rc = tw_reader_points(self->reader, &self->arena, &query, &self->points, &self->count);
        length_s = length_s / 2 - length_s / 2 % BUCKET_S;
    }
    if (rc != TW_OK) {
        forget_chunk(self);
        return rc;
    }
    self->since_s = query.since_s;
    self->until_s = query.until_s;
    self->metrics = metrics;
    return TW_OK;
}

/* The points of this bucket go to the engine, each once however often this is asked for.
 * *ret_is_alive: the tower ran in it. */
static int feed_bucket(struct tw_feed *self, struct tw_engine *engine, int64_t bucket_s,
                       bool *ret_is_alive)
{
    bool is_alive = false;
    while (self->at < self->count && self->points[self->at].bucket_s < bucket_s) {
        self->at++;
    }
    if (self->first >= self->count || self->points[self->first].bucket_s != bucket_s) {
        self->first = self->at;
    }
    for (size_t i = self->first; i < self->count && self->points[i].bucket_s == bucket_s; i++) {
        is_alive = is_alive || is_sign_of_life(self->points[i].series->metric);
    }
    while (self->at < self->count && self->points[self->at].bucket_s == bucket_s) {
        const struct tw_point *point = &self->points[self->at];
        int rc = tw_engine_feed(engine, point->series->metric, point->series->labels, bucket_s,
                                BUCKET_S, point->value);
        if (rc == TW_ENOMEM) {
            return rc;
        }
        self->state.refused += rc == TW_OK ? 0 : 1;
        self->at++;
    }
    *ret_is_alive = is_alive;
    return TW_OK;
}

/* ---- buckets ---- */

/* The next bucket to judge behind judged_s, whole or not; TW_ENOTFOUND: that is not known yet. */
static int find_next(const struct tw_feed *self, int64_t judged_s, int64_t *ret_next_s)
{
    int64_t next_s = judged_s + BUCKET_S;
    bool is_before = judged_s > 0 && next_s + BUCKET_S <= self->before_s;
    if (!is_before && self->settled_s == 0) {
        return TW_ENOTFOUND;
    }
    if (!is_before && next_s < self->settled_s) {
        next_s = self->settled_s;
    }
    *ret_next_s = next_s;
    return TW_OK;
}

int tw_feed_past(struct tw_feed *self, struct tw_engine *engine, int64_t judged_s,
                 bool *ret_is_done)
{
    bool is_alive = false;
    int64_t next_s = 0;
    if (self->past_s == 0) {
        self->takes_past = wanted_ones(engine) & ~self->has_past;
        if (self->takes_past == 0) {
            *ret_is_done = true;
            return TW_OK;
        }
        int rc = find_next(self, judged_s, &next_s);
        if (rc != TW_OK) {
            *ret_is_done = false;
            return rc == TW_ENOTFOUND ? TW_OK : rc;
        }
        int64_t span_s = tw_engine_span_s(engine);
        self->past_end_s = next_s;
        self->past_s = next_s - (span_s + BUCKET_S - 1) / BUCKET_S * BUCKET_S;
    }
    int64_t until_s = self->past_s + CHUNK_S;
    until_s = until_s > self->past_end_s ? self->past_end_s : until_s;
    int rc = TW_OK;
    while (self->past_s < until_s && rc == TW_OK) {
        if (self->past_s < self->since_s || self->past_s >= self->until_s ||
            self->metrics != self->takes_past) {
            rc = load(self, self->takes_past, self->past_s, until_s);
        }
        rc = rc == TW_OK ? feed_bucket(self, engine, self->past_s, &is_alive) : rc;
        if (rc == TW_OK && is_alive && self->has_past == 0) {
            rc = tw_engine_ran(engine, self->past_s, BUCKET_S);
        }
        self->past_s += rc == TW_OK ? BUCKET_S : 0;
    }
    *ret_is_done = rc == TW_OK && self->past_s >= self->past_end_s;
    if (*ret_is_done) {
        self->has_past |= self->takes_past;
        self->past_s = 0;
        forget_chunk(self);
    }
    return rc;
}

bool tw_feed_is_reading(const struct tw_feed *self)
{
    return self->past_s != 0;
}

int tw_feed_next(struct tw_feed *self, struct tw_engine *engine, int64_t judged_s,
                 struct tw_feed_bucket *ret_bucket)
{
    int64_t next_s = 0;
    bool is_alive = false;
    int64_t whole_s = bucket_down(self->state.ticked.ns);
    int rc = find_next(self, judged_s, &next_s);
    if (rc != TW_OK) {
        return rc;
    }
    int64_t oldest_s = whole_s - TW_FEED_BACK_S;
    if (next_s < oldest_s) {
        self->state.passed_over += (uint64_t)((oldest_s - next_s) / BUCKET_S);
        next_s = oldest_s;
    }
    if (next_s + BUCKET_S > whole_s) {
        return TW_ENOTFOUND;
    }
    uint64_t metrics = wanted_ones(engine);
    if (next_s < self->since_s || next_s >= self->until_s || self->metrics != metrics) {
        rc = load(self, metrics, next_s, whole_s);
    }
    rc = rc == TW_OK ? feed_bucket(self, engine, next_s, &is_alive) : rc;
    if (rc == TW_OK) {
        *ret_bucket = (struct tw_feed_bucket){next_s, is_alive};
    }
    return rc;
}
