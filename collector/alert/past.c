/* SPDX-License-Identifier: Apache-2.0
 * Portion by portion: the series of some hours are read, and its buckets are fed and judged one
 * after the other, as they would have been live. It begins before the time that was asked about, so
 * that what was pending or firing then is known. */
#include "config.h"
#include "alert/past.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "alert/engine_internal.h"
#include "alert/usual.h"

#define DAY_S             86400
#define HOUR_S            3600
#define FINE_STEP_S       TW_ENGINE_BUCKET_S
#define COARSE_STEP_S     60
#define FINE_PORTION_S    21600 /* 2,160 buckets of up to 1,000 series: 37 MB */
#define COARSE_PORTION_S  DAY_S
#define WARM_MAX_S        DAY_S
#define PORTION_ARENA_MAX ((size_t)256 << 20)
#define TRACKED_MAX       2000 /* lines that are followed, of which the furthest are shown */
#define WHY_MAX           600
/* The latest buckets may not be written yet. */
#define TAIL_S 120

static const int32_t nice_steps[] = {10, 20, 30, 60, 120, 300, 600, 900, 1800, 3600};

/* A line while it is followed. */
struct line {
    struct tw_labels labels;
    double *values;
    double furthest; /* beyond the threshold; NAN: never known */
};

struct trial {
    struct tw_reader *reader;
    struct tw_arena *arena;  /* of the results */
    struct tw_arena portion; /* of what is read of some hours */
    struct tw_arena kept;    /* of what is read once */
    const struct tw_rule *rule;
    struct tw_engine *engine;
    struct tw_past result;
    struct tw_past_span *spans;
    struct tw_slots firing; /* spans by fingerprint, as long as they fire */
    struct line *lines;
    size_t line_count;
    uint64_t lines_lost;
    struct tw_usual usual;
    bool has_usual;
    int64_t usual_hour;  /* told last */
    int64_t not_usual_s; /* time of which nothing usual was known */
    int64_t first_ran_s; /* INT64_MAX: never */
    int64_t away_s;      /* the tower did not run, behind that */
    int64_t tail_s;      /* ... at the very end */
    bool is_cut;
    bool is_coarse;
};

static bool is_beyond(const struct trial *self, double a, double b)
{
    return isnan(b) || (self->rule->is_above ? a > b : a < b);
}

/* ---- lines ----------------------------------------------------------------------------------- */

static int copy_labels(struct tw_arena *arena, const struct tw_labels *labels,
                       struct tw_labels *ret_labels)
{
    struct tw_label *items = tw_arena_alloc(arena, (labels->count + 1) * sizeof *items);
    if (items == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < labels->count; i++) {
        items[i].name = tw_arena_copy(arena, labels->items[i].name);
        items[i].value = tw_arena_copy(arena, labels->items[i].value);
        if (items[i].name.ptr == NULL || items[i].value.ptr == NULL) {
            return TW_ENOMEM;
        }
    }
    *ret_labels = (struct tw_labels){items, labels->count};
    return TW_OK;
}

static int add_line(struct trial *self, struct tw_instance *instance)
{
    if (self->line_count == TRACKED_MAX) {
        instance->line = UINT32_MAX;
        self->lines_lost++;
        return TW_OK;
    }
    struct line *line = &self->lines[self->line_count];
    struct tw_label items[TW_RULE_BY_MAX];
    for (size_t i = 0; i < self->rule->by_count; i++) {
        items[i] = (struct tw_label){tw_str_of(self->rule->by[i]), instance->values[i]};
    }
    const struct tw_labels labels = {items, self->rule->by_count};
    *line = (struct line){.furthest = (double)NAN};
    line->values =
        tw_arena_alloc(&self->kept, (self->result.point_count + 1) * sizeof *line->values);
    int rc = line->values == NULL ? TW_ENOMEM : copy_labels(&self->kept, &labels, &line->labels);
    if (rc != TW_OK) {
        return rc;
    }
    for (size_t i = 0; i < self->result.point_count; i++) {
        line->values[i] = (double)NAN;
    }
    instance->line = (uint32_t)++self->line_count;
    return TW_OK;
}

/* What was judged in this bucket. A point shows the furthest of its buckets. */
static int draw(struct trial *self, int64_t bucket_s)
{
    const struct tw_judge *judge = &self->engine->judges[0];
    size_t at = (size_t)((bucket_s - self->result.since_s) / self->result.point_s);
    int rc = TW_OK;
    for (size_t i = 0; i < judge->count && rc == TW_OK; i++) {
        struct tw_instance *instance = judge->items[i];
        if (instance->verdict == TW_HOLDS_OUTSIDE || isnan(instance->value)) {
            continue;
        }
        rc = instance->line == 0 ? add_line(self, instance) : TW_OK;
        if (rc == TW_OK && instance->line != UINT32_MAX && at < self->result.point_count) {
            struct line *line = &self->lines[instance->line - 1];
            double value = instance->value;
            line->values[at] = is_beyond(self, value, line->values[at]) ? value : line->values[at];
            line->furthest = is_beyond(self, value, line->furthest) ? value : line->furthest;
        }
    }
    return rc;
}

/* ---- spans ----------------------------------------------------------------------------------- */

static bool is_same_span(const void *item, const void *key)
{
    (void)item; /* the hash is the fingerprint, which is all there is to compare */
    (void)key;
    return true;
}

static int begin_span(struct trial *self, const struct tw_alert *alert)
{
    self->result.fired++;
    if (self->result.span_count == TW_PAST_SPANS_MAX) {
        return TW_OK;
    }
    struct tw_past_span *span = &self->spans[self->result.span_count];
    *span = (struct tw_past_span){
        .since_s = alert->since_s, .fired_s = alert->fired_s, .peak = alert->value};
    int rc = copy_labels(self->arena, &alert->labels, &span->labels);
    rc = rc == TW_OK ? tw_slots_reserve(&self->firing) : rc;
    if (rc == TW_OK) {
        tw_slots_put(&self->firing, alert->fingerprint, span);
        self->result.span_count++;
    }
    return rc;
}

static void end_span(struct trial *self, const struct tw_alert *alert, int64_t at_s)
{
    struct tw_past_span *span =
        tw_slots_find(&self->firing, alert->fingerprint, is_same_span, NULL);
    if (span == NULL) {
        return;
    }
    size_t at = (size_t)alert->fingerprint & (self->firing.capacity - 1);
    while (self->firing.slots[at].item != span) {
        at = (at + 1) & (self->firing.capacity - 1);
    }
    tw_slots_remove_at(&self->firing, at);
    span->resolved_s = at_s;
}

static int take_change(struct trial *self, const struct tw_alert_change *change, int64_t at_s)
{
    const struct tw_alert *alert = &change->alert;
    struct tw_past_span *span = NULL;
    switch (change->news) {
    case TW_NEWS_FIRING:
        return begin_span(self, alert);
    case TW_NEWS_RESOLVED:
        end_span(self, alert, at_s);
        break;
    case TW_NEWS_VALUE:
        span = tw_slots_find(&self->firing, alert->fingerprint, is_same_span, NULL);
        if (span != NULL && !isnan(alert->value) && is_beyond(self, alert->value, span->peak)) {
            span->peak = alert->value;
        }
        break;
    case TW_NEWS_PENDING:
    case TW_NEWS_DROPPED:
        break;
    }
    return TW_OK;
}

/* What was over when the time that was asked about begins is none of it. */
static void forget_earlier(struct trial *self)
{
    size_t kept = 0;
    for (size_t i = 0; i < self->result.span_count; i++) {
        const struct tw_past_span *span = &self->spans[i];
        if (span->resolved_s == 0 || span->resolved_s > self->result.since_s) {
            self->spans[kept++] = *span;
        }
    }
    /* Those that fire have moved. */
    for (size_t i = 0; i < self->firing.capacity; i++) {
        while (self->firing.slots[i].item != NULL) {
            tw_slots_remove_at(&self->firing, i);
        }
    }
    self->result.span_count = kept;
    self->result.fired = kept;
    for (size_t i = 0; i < kept; i++) {
        if (self->spans[i].resolved_s == 0) {
            tw_slots_put(&self->firing, tw_labels_fingerprint(&self->spans[i].labels),
                         &self->spans[i]);
        }
    }
}

/* ---- buckets --------------------------------------------------------------------------------- */

/* What was read of some hours. */
struct portion {
    struct tw_series_result when;
    struct tw_series_result share;
    struct tw_ran ran;
};

static int read_portion(struct trial *self, int64_t from_s, int64_t until_s, struct portion *ret)
{
    struct tw_series_query query = {
        .since_s = from_s, .until_s = until_s, .step_s = self->result.step_s};
    struct portion portion = {0};
    tw_arena_reset(&self->portion);
    int rc =
        tw_measure_read(self->reader, &self->portion, &self->rule->when, &query, &portion.when);
    if (rc == TW_OK && tw_rule_has_second(self->rule)) {
        rc = tw_measure_read(self->reader, &self->portion, &self->rule->share, &query,
                             &portion.share);
    }
    rc = rc == TW_OK ? tw_ran_read(self->reader, &self->portion, from_s, until_s,
                                   self->result.step_s, &portion.ran)
                     : rc;
    self->is_cut = self->is_cut || portion.when.is_cut || portion.share.is_cut;
    self->is_coarse = self->is_coarse || portion.when.step_s != self->result.step_s;
    *ret = portion;
    return rc;
}

/* The points of a measure that begin in this bucket. */
static int feed(struct trial *self, const struct tw_measure *measure,
                const struct tw_series_result *from, int64_t bucket_s)
{
    int64_t at = from->step_s == 0 ? -1 : (bucket_s - from->first_s) / from->step_s;
    bool is_begin =
        at >= 0 && at < (int64_t)from->point_count && from->first_s + at * from->step_s == bucket_s;
    int rc = TW_OK;
    for (size_t i = 0; is_begin && i < from->series_count && rc == TW_OK; i++) {
        const struct tw_series_values *series = &from->series[i];
        if (series->known[at]) {
            rc = tw_engine_feed(self->engine, tw_str_of(measure->metric->name), series->labels,
                                bucket_s, (int32_t)from->step_s,
                                (double)series->values[at] / (double)series->divisor);
            self->is_cut = self->is_cut || rc == TW_ELIMIT;
            rc = rc == TW_ELIMIT ? TW_OK : rc;
        }
    }
    return rc;
}

static bool has_run(const struct tw_ran *ran, int64_t bucket_s)
{
    int64_t at = ran->step_s == 0 ? -1 : (bucket_s - ran->first_s) / ran->step_s;
    return at >= 0 && at < (int64_t)ran->count && ran->items[at];
}

static void count_time(struct trial *self, int64_t bucket_s, bool is_alive)
{
    if (is_alive) {
        self->first_ran_s = self->first_ran_s == INT64_MAX ? bucket_s : self->first_ran_s;
        self->tail_s = 0;
    } else if (self->first_ran_s != INT64_MAX && bucket_s >= self->result.since_s) {
        self->away_s += self->result.step_s;
        self->tail_s += self->result.step_s;
    }
}

/* What was usual changes with the hour, as it does live. */
static int tell_usual(struct trial *self, int64_t bucket_s)
{
    int64_t hour = bucket_s / HOUR_S;
    if (!self->has_usual || hour == self->usual_hour) {
        return TW_OK;
    }
    self->usual_hour = hour;
    int rc = TW_OK;
    bool is_known = false;
    for (size_t i = 0; i < self->usual.group_count && rc == TW_OK; i++) {
        double hours[TW_USUAL_HOURS];
        is_known = tw_usual_hours(&self->usual, i, bucket_s, hours) || is_known;
        rc = tw_engine_usual(self->engine, self->rule, &self->usual.groups[i].labels, hours);
        self->is_cut = self->is_cut || rc == TW_ELIMIT;
        rc = rc == TW_ELIMIT ? TW_OK : rc;
    }
    self->not_usual_s += is_known || bucket_s < self->result.since_s ? 0 : HOUR_S;
    return rc;
}

static int judge_bucket(struct trial *self, const struct portion *portion, int64_t bucket_s)
{
    bool is_alive = has_run(&portion->ran, bucket_s);
    const struct tw_alert_change *changes = NULL;
    size_t count = 0;
    int rc = tell_usual(self, bucket_s);
    rc = rc == TW_OK ? feed(self, &self->rule->when, &portion->when, bucket_s) : rc;
    rc = rc == TW_OK ? feed(self, &self->rule->share, &portion->share, bucket_s) : rc;
    count_time(self, bucket_s, is_alive);
    rc = rc == TW_OK ? tw_engine_tick(self->engine, bucket_s, self->result.step_s, is_alive,
                                      &changes, &count)
                     : rc;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = take_change(self, &changes[i], bucket_s + self->result.step_s);
    }
    return rc == TW_OK && is_alive && bucket_s >= self->result.since_s ? draw(self, bucket_s) : rc;
}

static int judge_all(struct trial *self, int64_t begin_s)
{
    int32_t portion_s = self->result.step_s == FINE_STEP_S ? FINE_PORTION_S : COARSE_PORTION_S;
    int rc = TW_OK;
    bool is_inside = false;
    for (int64_t from = begin_s; from < self->result.until_s && rc == TW_OK;) {
        int64_t until = (from / portion_s + 1) * portion_s;
        until = until < self->result.until_s ? until : self->result.until_s;
        struct portion portion;
        rc = read_portion(self, from, until, &portion);
        for (int64_t at = from; at < until && rc == TW_OK; at += self->result.step_s) {
            if (at >= self->result.since_s && !is_inside) {
                is_inside = true;
                forget_earlier(self);
            }
            rc = judge_bucket(self, &portion, at);
        }
        from = until;
    }
    return rc;
}

/* ---- the answer ------------------------------------------------------------------------------ */

static int by_furthest(const void *a, const void *b, void *context)
{
    const struct line *left = a;
    const struct line *right = b;
    const struct trial *self = context;
    if (isnan(left->furthest) || isnan(right->furthest)) {
        return (isnan(left->furthest) ? 1 : 0) - (isnan(right->furthest) ? 1 : 0);
    }
    if (left->furthest < right->furthest || left->furthest > right->furthest) {
        return is_beyond(self, left->furthest, right->furthest) ? -1 : 1;
    }
    return 0;
}

static int give_lines(struct trial *self)
{
    size_t shown = self->line_count < TW_PAST_SERIES_MAX ? self->line_count : TW_PAST_SERIES_MAX;
    struct tw_past_line *lines = tw_arena_alloc(self->arena, (shown + 1) * sizeof *lines);
    if (lines == NULL) {
        return TW_ENOMEM;
    }
    if (self->line_count > 1) {
        qsort_r(self->lines, self->line_count, sizeof *self->lines, by_furthest, self);
    }
    int rc = TW_OK;
    for (size_t i = 0; i < shown && rc == TW_OK; i++) {
        size_t bytes = self->result.point_count * sizeof(double);
        rc = copy_labels(self->arena, &self->lines[i].labels, &lines[i].labels);
        lines[i].limit = tw_rule_limit(self->rule, self->engine->workflows,
                                       tw_labels_get(&self->lines[i].labels, "objective"),
                                       self->result.until_s - 1);
        lines[i].values = tw_arena_alloc(self->arena, bytes + 1);
        rc = rc == TW_OK && lines[i].values == NULL ? TW_ENOMEM : rc;
        if (rc == TW_OK && bytes > 0) {
            memcpy(lines[i].values, self->lines[i].values, bytes);
        }
    }
    self->result.lines = lines;
    self->result.line_count = shown;
    self->result.lines_left_out = self->line_count - shown + self->lines_lost;
    return rc;
}

static void say(char *why, const char *text)
{
    size_t len = strlen(why);
    (void)snprintf(why + len, WHY_MAX - len, "%s%s", len > 0 ? "; " : "", text);
}

static void say_duration(char *why, const char *text, int64_t seconds)
{
    char line[160];
    (void)snprintf(line, sizeof line, "%s for %lld minutes of this time", text,
                   (long long)((seconds + 59) / 60));
    say(why, line);
}

/* Whether something held as soon as anything was known, before the time that was asked about. */
static bool began_earlier(const struct trial *self)
{
    bool is_earlier = false;
    for (size_t i = 0; i < self->result.span_count; i++) {
        is_earlier =
            is_earlier || self->spans[i].since_s <= self->first_ran_s + self->result.step_s;
    }
    return is_earlier && self->first_ran_s < self->result.since_s;
}

/* Why it may not be the whole truth, in the arena; NULL: it is. */
static int give_doubts(struct trial *self)
{
    const struct tw_rule *rule = self->rule;
    char why[WHY_MAX] = "";
    if (rule->when.metric->is_of_desk || (rule->has_share && rule->share.metric->is_of_desk)) {
        say(why, "what the rule looks at is not kept as a series: of the past nothing is known");
    }
    if (self->first_ran_s == INT64_MAX) {
        say(why, "nothing is known of this time");
    } else if (self->first_ran_s > self->result.since_s) {
        char line[160];
        char time[TW_TIME_TEXT_SIZE];
        tw_wall_format((tw_wall_t){self->first_ran_s * TW_NS_PER_S}, time);
        (void)snprintf(line, sizeof line, "nothing is known from before %s", time);
        say(why, line);
    }
    int64_t away_s = self->away_s - (self->tail_s <= TAIL_S ? self->tail_s : 0);
    if (away_s > 0) {
        say_duration(why, "the tower did not run", away_s);
    }
    if (self->is_cut) {
        say(why, "it looks at more series than can be read at once: some are left out");
    }
    if (self->is_coarse) {
        say(why, "of the beginning only coarser values are kept");
    }
    if (self->result.step_s > rule->over_s && rule->when.metric->is_count) {
        say(why, "its window is shorter than the minutes by which it was judged");
    }
    if (self->not_usual_s > 0) {
        say_duration(why, "what is usual was not known", self->not_usual_s);
    }
    if (began_earlier(self)) {
        say(why, "it held already when looking began: some may have begun earlier");
    }
    if (why[0] == '\0') {
        return TW_OK;
    }
    struct tw_str copy = tw_arena_copy(self->arena, tw_str_of(why));
    self->result.incomplete = copy.ptr;
    return copy.ptr == NULL ? TW_ENOMEM : TW_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Long enough before for what was pending, kept or flapping when the time begins. */
static int32_t warm_of(const struct tw_rule *rule)
{
    int64_t warm_s = (int64_t)rule->for_s + rule->keep_s + rule->no_data_for_s;
    warm_s = warm_s < WARM_MAX_S ? warm_s : WARM_MAX_S;
    return (int32_t)warm_s + rule->over_s + TW_FLAP_WITHIN_S;
}

static void lay_out(struct trial *self, int64_t since_s, int64_t until_s)
{
    struct tw_past *result = &self->result;
    result->step_s = until_s - since_s <= DAY_S ? FINE_STEP_S : COARSE_STEP_S;
    result->since_s = since_s / result->step_s * result->step_s;
    result->until_s = until_s / result->step_s * result->step_s;
    size_t i = 0;
    do {
        result->point_s = nice_steps[i++];
        result->point_count =
            (size_t)((result->until_s - result->since_s + result->point_s - 1) / result->point_s);
    } while (i < sizeof nice_steps / sizeof nice_steps[0] &&
             (result->point_s % result->step_s != 0 || result->point_count > TW_PAST_POINTS_MAX));
}

static int prepare(struct trial *self, const struct tw_past_ask *ask, int64_t begin_s)
{
    int rc = tw_engine_new_of(ask->rules, self->rule, ask->workflows, &self->engine);
    self->lines = tw_arena_alloc(&self->kept, TRACKED_MAX * sizeof *self->lines);
    self->spans = tw_arena_alloc(self->arena, TW_PAST_SPANS_MAX * sizeof *self->spans);
    rc = rc == TW_OK && (self->lines == NULL || self->spans == NULL) ? TW_ENOMEM : rc;
    self->result.spans = self->spans;
    if (rc == TW_OK && self->rule->is_usual_share) {
        int64_t since_s = begin_s / HOUR_S * HOUR_S - TW_USUAL_BEFORE_S;
        const struct tw_usual_ask usual = {.rule = self->rule,
                                           .zone = ask->rules->zone,
                                           .since_s = since_s < 0 ? 0 : since_s,
                                           .until_s = self->result.until_s};
        rc = tw_usual_read(self->reader, &self->kept, &usual, &self->usual);
        self->has_usual = true;
        self->is_cut = self->usual.is_cut;
    }
    return rc;
}

int tw_past_try(struct tw_reader *reader, struct tw_arena *arena, const struct tw_past_ask *ask,
                struct tw_past *ret_past, struct tw_diag *diag)
{
    if (ask->since_s < 0 || ask->until_s <= ask->since_s ||
        ask->until_s - ask->since_s > (int64_t)TW_PAST_DAYS_MAX * DAY_S) {
        return tw_diag_set(diag, TW_EINVAL, "a time of up to %d days, which ends after it begins",
                           TW_PAST_DAYS_MAX);
    }
    struct trial trial = {.reader = reader,
                          .arena = arena,
                          .rule = ask->rule,
                          .usual_hour = -1,
                          .first_ran_s = INT64_MAX};
    tw_arena_init(&trial.portion, PORTION_ARENA_MAX);
    tw_arena_init(&trial.kept, PORTION_ARENA_MAX);
    lay_out(&trial, ask->since_s, ask->until_s);
    int64_t begin_s = (trial.result.since_s - warm_of(ask->rule)) / COARSE_STEP_S * COARSE_STEP_S;
    begin_s = begin_s < 0 ? 0 : begin_s;
    int rc = prepare(&trial, ask, begin_s);
    rc = rc == TW_OK ? judge_all(&trial, begin_s) : rc;
    rc = rc == TW_OK ? give_lines(&trial) : rc;
    rc = rc == TW_OK ? give_doubts(&trial) : rc;
    if (rc == TW_OK) {
        *ret_past = trial.result;
    } else {
        (void)tw_diag_set(diag, rc, "the past of %s: %s", ask->rule->name, tw_err_text(rc));
    }
    tw_engine_destroy(&trial.engine);
    free(trial.firing.slots);
    tw_arena_fini(&trial.kept);
    tw_arena_fini(&trial.portion);
    return rc;
}
