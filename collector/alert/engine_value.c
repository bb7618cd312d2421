/* SPDX-License-Identifier: Apache-2.0
 * The number of an instance in a bucket, and whether the condition of its rule holds. */
#include "config.h"
#include "alert/engine_internal.h"

#include <math.h>

/* Of a sum over a window in less of which the tower ran nobody says that it is too low. */
#define RAN_SHARE_LEAST 0.9
#define HOUR_BUCKETS    (3600 / TW_ENGINE_BUCKET_S)
/* 1970-01-01 was a Thursday: hours from Monday 00:00 to it. */
#define HOURS_TO_EPOCH 72

/* What is asked: a measure of a rule, of the series of one instance, in a window. */
struct question {
    const struct tw_engine *engine;
    const struct tw_rule *rule;
    const struct tw_measure *measure;
    const struct tw_links *links;
    struct tw_uptime_span window;
};

/* One more number; NAN is none. */
static double joined(enum tw_rule_join join, double all, double one)
{
    if (isnan(one)) {
        return all;
    }
    if (isnan(all)) {
        return one;
    }
    switch (join) {
    case TW_RULE_MAX:
        return one > all ? one : all;
    case TW_RULE_MIN:
        return one < all ? one : all;
    case TW_RULE_SUM:
        break;
    }
    return all + one;
}

static double sum_of(const struct question *self)
{
    double all = (double)NAN;
    for (uint32_t i = 0; i < self->links->count; i++) {
        double one =
            tw_trail_sum(&self->links->items[i]->trail, self->window.from, self->window.until);
        all = joined(self->measure->join, all, one);
    }
    return isnan(all) ? 0 : all;
}

/* Each series by itself, then joined: what is taken of one and how they are joined commute. */
static double value_of_each(const struct question *self)
{
    bool is_zero = self->measure->metric->is_zero_when_silent;
    double all = (double)NAN;
    for (uint32_t i = 0; i < self->links->count; i++) {
        all = joined(self->measure->join, all,
                     tw_trail_take(&self->links->items[i]->trail, &self->engine->uptime,
                                   &self->window, self->rule->take, is_zero));
    }
    return all;
}

/* Bucket by bucket: the highest of a sum is not the sum of the highest. */
static double value_by_bucket(const struct question *self)
{
    double all[TW_RULE_OVER_MAX_S / TW_ENGINE_BUCKET_S];
    double one[TW_RULE_OVER_MAX_S / TW_ENGINE_BUCKET_S];
    bool is_zero = self->measure->metric->is_zero_when_silent;
    int32_t from = self->window.from;
    int32_t length = self->window.until - from;
    TW_ASSERT((size_t)length <= sizeof all / sizeof all[0]);
    for (int32_t i = 0; i < length; i++) {
        all[i] = (double)NAN;
    }
    for (uint32_t k = 0; k < self->links->count; k++) {
        tw_trail_fill(&self->links->items[k]->trail, from, length, one);
        for (int32_t i = 0; i < length; i++) {
            double value = isnan(one[i]) && is_zero ? 0 : one[i];
            all[i] = joined(self->measure->join, all[i], value);
        }
    }
    enum tw_rule_take take = self->rule->take;
    enum tw_rule_join of_buckets = take == TW_TAKE_MAX   ? TW_RULE_MAX
                                   : take == TW_TAKE_MIN ? TW_RULE_MIN
                                                         : TW_RULE_SUM;
    double whole = (double)NAN;
    int32_t count = 0;
    for (int32_t i = 0; i < length; i++) {
        if (!isnan(all[i]) && tw_uptime_has(&self->engine->uptime, from + i)) {
            whole = joined(of_buckets, whole, all[i]);
            count++;
        }
    }
    return take == TW_TAKE_MEAN && count > 0 ? whole / count : whole;
}

static double number_of(const struct question *self)
{
    const struct tw_metric *metric = self->measure->metric;
    enum tw_rule_take take = self->rule->take;
    enum tw_rule_join join = self->measure->join;
    if (metric->is_count) {
        return sum_of(self);
    }
    if (self->links->count == 0 && metric->is_zero_when_silent) {
        return 0;
    }
    bool is_each = self->links->count <= 1 || take == TW_TAKE_LAST ||
                   (take == TW_TAKE_MAX && join == TW_RULE_MAX) ||
                   (take == TW_TAKE_MIN && join == TW_RULE_MIN);
    return is_each ? value_of_each(self) : value_by_bucket(self);
}

/* In how many buckets of the window there was somebody to count. */
static int32_t known_buckets(const struct question *self)
{
    const struct tw_wanted *wanted = &self->engine->wanted[self->measure->metric - tw_metrics];
    int32_t from = self->window.from > wanted->since ? self->window.from : wanted->since;
    return tw_uptime_count(&self->engine->uptime, from, self->window.until);
}

/* What is usual in the window, in the part of it in which the tower ran: a sum, of values the mean.
 * NAN: not known. */
static double usual_of(const struct question *self, const double *hours)
{
    double sum = 0;
    int32_t buckets = 0;
    for (int32_t at = self->window.from; at < self->window.until;) {
        int32_t next = (at / HOUR_BUCKETS + 1) * HOUR_BUCKETS;
        next = next < self->window.until ? next : self->window.until;
        int32_t ran = tw_uptime_count(&self->engine->uptime, at, next);
        if (ran > 0) {
            sum += hours[(at / HOUR_BUCKETS + HOURS_TO_EPOCH) % TW_USUAL_HOURS] * ran;
            buckets += ran;
        }
        at = next;
    }
    return sum / (self->measure->metric->is_count ? HOUR_BUCKETS : buckets);
}

static enum tw_verdict_of_rule compare(const struct tw_rule *rule, double value)
{
    bool holds = rule->is_above ? value > rule->threshold : value < rule->threshold;
    return holds ? TW_HOLDS : TW_HOLDS_NOT;
}

/* A share of something that is too little, or nothing, says nothing. */
static enum tw_verdict_of_rule compare_share(const struct tw_rule *rule, double part, double whole,
                                             double *ret_value)
{
    *ret_value = whole > 0 ? part / whole : (double)NAN;
    return whole > 0 && whole >= rule->least ? compare(rule, *ret_value) : TW_HOLDS_NOT;
}

static enum tw_verdict_of_rule compare_number(const struct question *self, double number)
{
    const struct tw_rule *rule = self->rule;
    enum tw_verdict_of_rule verdict = compare(rule, number);
    if (!self->measure->metric->is_count) {
        return verdict;
    }
    if (rule->least > 0 && number < rule->least) {
        return TW_HOLDS_NOT;
    }
    int32_t length = self->window.until - self->window.from;
    bool is_part = known_buckets(self) < RAN_SHARE_LEAST * length;
    return verdict == TW_HOLDS && !rule->is_above && is_part ? TW_HOLDS_UNKNOWN : verdict;
}

/* Most series are far below what rules ask for. When not even the highest values that are kept
 * would do, nothing needs to be looked at. */
static bool is_far_below(const struct tw_engine *self, const struct tw_rule *rule,
                         const struct tw_instance *instance)
{
    const struct tw_metric *metric = rule->when.metric;
    if (self->is_shown || !rule->is_above || rule->has_share || rule->is_usual_share ||
        metric->is_count || !metric->is_zero_when_silent ||
        instance->main.alert.state != TW_ALERT_INACTIVE) {
        return false;
    }
    double high = 0;
    for (uint32_t i = 0; i < instance->when.count; i++) {
        double one = instance->when.items[i]->trail.high;
        high = rule->when.join == TW_RULE_SUM ? high + one : (one > high ? one : high);
    }
    return high <= rule->threshold;
}

void tw_engine_judge(const struct tw_engine *self, const struct tw_judge *judge,
                     struct tw_instance *instance, int32_t bucket)
{
    const struct tw_rule *rule = judge->rule;
    struct question question = {
        .engine = self,
        .rule = rule,
        .measure = &rule->when,
        .links = &instance->when,
        .window = {bucket + 1 - rule->over_s / TW_ENGINE_BUCKET_S, bucket + 1},
    };
    if (is_far_below(self, rule, instance)) {
        instance->value = (double)NAN;
        instance->verdict = TW_HOLDS_NOT;
        return;
    }
    double number = number_of(&question);
    instance->value = number;
    if (isnan(number)) {
        instance->verdict = TW_HOLDS_UNKNOWN;
    } else if (rule->has_share) {
        question.measure = &rule->share;
        question.links = &instance->share;
        double whole = number_of(&question);
        instance->value = (double)NAN;
        instance->verdict =
            isnan(whole) ? TW_HOLDS_UNKNOWN : compare_share(rule, number, whole, &instance->value);
    } else if (rule->is_usual_share) {
        double usual = instance->usual == NULL ? (double)NAN : usual_of(&question, instance->usual);
        instance->value = (double)NAN;
        instance->verdict =
            isnan(usual) ? TW_HOLDS_NOT_YET : compare_share(rule, number, usual, &instance->value);
    } else {
        instance->verdict = compare_number(&question, number);
        if (rule->burn != TW_RULE_NOT_BURN) {
            question.measure = &rule->share;
            question.links = &instance->share;
            instance->value = number_of(&question);
        }
    }
}

/* The first bucket of which none of the series says anything; INT32_MIN: none ever did. */
static int32_t end_of(const struct tw_links *links)
{
    int32_t end = INT32_MIN;
    for (uint32_t i = 0; i < links->count; i++) {
        int32_t one = tw_trail_end(&links->items[i]->trail);
        end = one > end ? one : end;
    }
    return end;
}

int64_t tw_engine_unknown_since(const struct tw_engine *self, const struct tw_judge *judge,
                                const struct tw_instance *instance, int32_t bucket)
{
    const struct tw_rule *rule = judge->rule;
    int32_t since = tw_uptime_since(&self->uptime, bucket);
    int32_t heard = INT32_MIN;
    if (!rule->when.metric->is_zero_when_silent) {
        heard = end_of(&instance->when);
    } else if (rule->has_share && !rule->share.metric->is_zero_when_silent) {
        heard = end_of(&instance->share);
    }
    since = heard > since ? heard : since;
    int64_t since_s = (int64_t)since * TW_ENGINE_BUCKET_S;
    return judge->inside_since_s > since_s ? judge->inside_since_s : since_s;
}
