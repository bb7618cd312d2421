/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert/usual.h"

#include <math.h>

#include "alert/engine_internal.h"

#define HOUR_S          3600
#define WEEK_HOURS      TW_USUAL_HOURS
#define HOURS_TO_EPOCH  72 /* from Monday 00:00 to 1970-01-01, a Thursday */
#define USUAL_ARENA_MAX ((size_t)256 << 20)

static const char *const signs_of_life[] = {"open_runs", "watermark_lag"};

int tw_ran_read(struct tw_reader *reader, struct tw_arena *arena, int64_t since_s, int64_t until_s,
                int64_t step_s, struct tw_ran *ret_ran)
{
    struct tw_ran ran = {0};
    int rc = TW_OK;
    for (size_t i = 0; i < sizeof signs_of_life / sizeof signs_of_life[0] && rc == TW_OK; i++) {
        const struct tw_series_query query = {.metric = tw_str_of(signs_of_life[i]),
                                              .since_s = since_s,
                                              .until_s = until_s,
                                              .step_s = step_s};
        struct tw_series_result result = {0};
        rc = tw_reader_series(reader, arena, &query, &result);
        if (rc == TW_OK && ran.items == NULL) {
            ran = (struct tw_ran){
                .first_s = result.first_s, .step_s = result.step_s, .count = result.point_count};
            ran.items = tw_arena_zalloc(arena, result.point_count + 1);
            rc = ran.items == NULL ? TW_ENOMEM : TW_OK;
        }
        for (size_t k = 0; rc == TW_OK && k < result.series_count; k++) {
            for (size_t at = 0; at < result.point_count && at < ran.count; at++) {
                ran.items[at] = ran.items[at] || result.series[k].known[at];
            }
        }
    }
    if (rc == TW_OK) {
        *ret_ran = ran;
    }
    return rc;
}

int tw_measure_read(struct tw_reader *reader, struct tw_arena *arena,
                    const struct tw_measure *measure, struct tw_series_query *span,
                    struct tw_series_result *ret_result)
{
    struct tw_str names[TW_RULE_WHERE_MAX];
    struct tw_str values[TW_RULE_WHERE_MAX];
    for (size_t i = 0; i < measure->where_count; i++) {
        names[i] = tw_str_of(measure->where[i].name);
        values[i] = tw_str_of(measure->where[i].value);
    }
    span->metric = tw_str_of(measure->metric->name);
    span->label_names = names;
    span->label_values = values;
    span->label_count = measure->where_count;
    int rc = tw_reader_series(reader, arena, span, ret_result);
    span->label_names = NULL;
    span->label_values = NULL;
    span->label_count = 0;
    return rc;
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool same_labels(const struct tw_labels *a, const struct tw_labels *b)
{
    bool is_same = a->count == b->count;
    for (size_t i = 0; i < a->count && is_same; i++) {
        is_same = tw_str_equal(a->items[i].value, b->items[i].value);
    }
    return is_same;
}

/* The `by` labels of a series; those that it does not have are empty. */
static int labels_of(struct tw_arena *arena, const struct tw_rule *rule, struct tw_str json,
                     struct tw_labels *ret_labels)
{
    struct tw_labels all = {0};
    int rc = tw_labels_parse(arena, json, &all);
    struct tw_label *items = tw_arena_alloc(arena, (rule->by_count + 1) * sizeof *items);
    if (rc != TW_OK || items == NULL) {
        return rc == TW_OK ? TW_ENOMEM : rc;
    }
    for (size_t i = 0; i < rule->by_count; i++) {
        items[i] = (struct tw_label){tw_str_of(rule->by[i]), tw_labels_get(&all, rule->by[i])};
    }
    *ret_labels = (struct tw_labels){items, rule->by_count};
    return TW_OK;
}

static int find_group(struct tw_usual *self, struct tw_arena *arena, const struct tw_labels *labels,
                      struct tw_usual_group **ret_group)
{
    for (size_t i = 0; i < self->group_count; i++) {
        if (same_labels(&self->groups[i].labels, labels)) {
            *ret_group = &self->groups[i];
            return TW_OK;
        }
    }
    struct tw_usual_group *group = &self->groups[self->group_count];
    *group = (struct tw_usual_group){.labels = *labels};
    group->sums = tw_arena_alloc(arena, (self->hour_count + 1) * sizeof *group->sums);
    if (group->sums == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < self->hour_count; i++) {
        group->sums[i] = (double)NAN;
    }
    self->group_count++;
    *ret_group = group;
    return TW_OK;
}

static double join(enum tw_rule_join how, double all, double one)
{
    if (isnan(all) || isnan(one)) {
        return isnan(all) ? one : all;
    }
    if (how == TW_RULE_SUM) {
        return all + one;
    }
    return (how == TW_RULE_MAX) == (one > all) ? one : all;
}

static void join_series(const struct tw_usual *self, const struct tw_measure *measure,
                        const struct tw_series_values *series, struct tw_usual_group *group)
{
    for (size_t i = 0; i < self->hour_count; i++) {
        double one = (double)NAN;
        if (series->known[i]) {
            one = (double)series->values[i] / (double)series->divisor;
        } else if (measure->metric->is_zero_when_silent && self->ran[i]) {
            one = 0;
        }
        group->sums[i] = join(measure->join, group->sums[i], one);
    }
}

/* A rule without `by` is about one number, even when there never was a series of it. */
static int add_silence(struct tw_usual *self, struct tw_arena *arena,
                       const struct tw_measure *measure)
{
    const struct tw_labels none = {0};
    struct tw_usual_group *group = NULL;
    int rc = find_group(self, arena, &none, &group);
    for (size_t i = 0; rc == TW_OK && i < self->hour_count; i++) {
        bool is_zero = measure->metric->is_zero_when_silent && self->ran[i];
        group->sums[i] = is_zero ? 0 : (double)NAN;
    }
    return rc;
}

int tw_usual_read(struct tw_reader *reader, struct tw_arena *arena, const struct tw_usual_ask *ask,
                  struct tw_usual *ret_usual)
{
    const struct tw_rule *rule = ask->rule;
    struct tw_series_query query = {
        .since_s = ask->since_s, .until_s = ask->until_s / HOUR_S * HOUR_S, .step_s = HOUR_S};
    struct tw_series_result result = {0};
    struct tw_ran ran = {0};
    int rc = tw_measure_read(reader, arena, &rule->when, &query, &result);
    rc = rc == TW_OK ? tw_ran_read(reader, arena, ask->since_s, query.until_s, HOUR_S, &ran) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_usual usual = {.first_s = result.first_s,
                             .hour_count = result.point_count,
                             .ran = ran.items,
                             .is_cut = result.is_cut,
                             .is_above = rule->is_above,
                             .zone = ask->zone};
    usual.groups = tw_arena_alloc(arena, (result.series_count + 1) * sizeof *usual.groups);
    usual.shown = tw_arena_alloc(arena, result.point_count + 1);
    rc = usual.groups == NULL || usual.shown == NULL || ran.count != result.point_count ? TW_ENOMEM
                                                                                        : TW_OK;
    if (rc == TW_OK) {
        tw_calendar_week_hours(usual.zone, (tw_wall_t){usual.first_s * TW_NS_PER_S},
                               usual.hour_count, usual.shown);
    }
    for (size_t i = 0; i < result.series_count && rc == TW_OK; i++) {
        struct tw_labels labels = {0};
        struct tw_usual_group *group = NULL;
        rc = labels_of(arena, rule, result.series[i].labels, &labels);
        rc = rc == TW_OK ? find_group(&usual, arena, &labels, &group) : rc;
        if (rc == TW_OK) {
            join_series(&usual, &rule->when, &result.series[i], group);
        }
    }
    if (rc == TW_OK && usual.group_count == 0 && rule->by_count == 0) {
        rc = add_silence(&usual, arena, &rule->when);
    }
    if (rc == TW_OK) {
        *ret_usual = usual;
    }
    return rc;
}

/* ---- asking ---------------------------------------------------------------------------------- */

/* Means by the hour of the week that the clock shows; false: of less than a week. */
static bool means_of(const struct tw_usual *self, size_t group, int64_t at_s,
                     double ret_means[WEEK_HOURS])
{
    double sums[WEEK_HOURS] = {0};
    int counts[WEEK_HOURS] = {0};
    int64_t over = (at_s - self->first_s) / HOUR_S;
    over = over > (int64_t)self->hour_count ? (int64_t)self->hour_count : over;
    int64_t end = over - TW_USUAL_LATEST_H;
    int64_t begin = end > TW_USUAL_WEEKS * WEEK_HOURS ? end - TW_USUAL_WEEKS * WEEK_HOURS : 0;
    bool is_week = false; /* the tower ran a week ago, or before */
    for (int64_t i = begin; i < end; i++) {
        double sum = self->groups[group].sums[i];
        is_week = is_week || (self->ran[i] && i + WEEK_HOURS <= over);
        if (self->ran[i] && !isnan(sum)) {
            sums[self->shown[i]] += sum;
            counts[self->shown[i]]++;
        }
    }
    for (size_t i = 0; i < WEEK_HOURS; i++) {
        ret_means[i] = counts[i] > 0 ? sums[i] / counts[i] : (double)NAN;
    }
    return is_week;
}

static double further(bool is_above, double a, double b)
{
    if (isnan(b)) {
        return a;
    }
    return (b > a) == is_above ? b : a;
}

bool tw_usual_hours(const struct tw_usual *self, size_t group, int64_t at_s,
                    double ret_hours[TW_USUAL_HOURS])
{
    double means[WEEK_HOURS];
    uint8_t shown[WEEK_HOURS + 2]; /* with one beside the first and the last */
    int64_t first_hour = at_s / HOUR_S - WEEK_HOURS / 2;
    bool is_week = means_of(self, group, at_s, means);
    tw_calendar_week_hours(self->zone, (tw_wall_t){(first_hour - 1) * HOUR_S * TW_NS_PER_S},
                           sizeof shown, shown);
    for (size_t i = 0; i < WEEK_HOURS; i++) {
        double value = means[shown[i + 1]];
        if (!isnan(value)) {
            value = further(self->is_above, value, means[shown[i]]);
            value = further(self->is_above, value, means[shown[i + 2]]);
        }
        int64_t hour = (first_hour + (int64_t)i + HOURS_TO_EPOCH) % WEEK_HOURS;
        ret_hours[hour] = is_week ? value : (double)NAN;
    }
    return is_week;
}

/* One rule: every combination of its labels. */
static int tell_rule(struct tw_reader *reader, struct tw_arena *arena, struct tw_engine *engine,
                     const struct tw_rule *rule, int64_t at_s)
{
    struct tw_usual usual = {0};
    int64_t since_s = at_s / HOUR_S * HOUR_S - TW_USUAL_BEFORE_S;
    const struct tw_usual_ask ask = {.rule = rule,
                                     .zone = engine->rules->zone,
                                     .since_s = since_s < 0 ? 0 : since_s,
                                     .until_s = at_s};
    int rc = tw_usual_read(reader, arena, &ask, &usual);
    for (size_t i = 0; i < usual.group_count && rc == TW_OK; i++) {
        double hours[TW_USUAL_HOURS];
        (void)tw_usual_hours(&usual, i, at_s, hours); /* not known: that is told */
        rc = tw_engine_usual(engine, rule, &usual.groups[i].labels, hours);
        rc = rc == TW_ELIMIT ? TW_OK : rc; /* the rule says so */
    }
    return rc;
}

int tw_usual_tell(struct tw_reader *reader, struct tw_engine *engine, int64_t at_s)
{
    struct tw_arena arena;
    tw_arena_init(&arena, USUAL_ARENA_MAX);
    int rc = TW_OK;
    for (size_t i = 0; i < engine->judge_count && rc == TW_OK; i++) {
        const struct tw_rule *rule = engine->judges[i].rule;
        if (rule->is_usual_share && rule->is_enabled) {
            tw_arena_reset(&arena);
            rc = tell_rule(reader, &arena, engine, rule, at_s);
        }
    }
    tw_arena_fini(&arena);
    return rc;
}
