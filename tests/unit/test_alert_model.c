/* SPDX-License-Identifier: Apache-2.0
 * Random rules on random series, judged by the engine and by a plain re-implementation that looks
 * at every bucket: the same changes in every bucket. In half of the runs the engine is made anew at
 * some time, as after a restart. */
#include "config.h"
#include "alert_kit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SEEDS   1000
#define BUCKETS 260
#define SERIES  4
#define LINES   64

/* Metrics, and what their series are told apart by. */
static const struct {
    const char *metric;
    const char *labels[2];
    int hold; /* buckets */
    bool is_count;
    bool is_zero;
} kinds[] = {
    {"step_done", {"step", "workflow"}, 1, true, true},
    {"step_waiting", {"step", "workflow"}, 1, false, true},
    {"objective_burn", {"objective", "window"}, 1, false, false},
    {"store_waiting", {"store", NULL}, 7, false, true},
};

/* ---- chance ---------------------------------------------------------------------------------- */

static uint64_t chance;

static int pick(int count)
{
    chance = chance * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int)((chance >> 33) % (uint64_t)count);
}

/* ---- the plain one --------------------------------------------------------------------------- */

struct seen {                      /* of one metric */
    double value[SERIES][BUCKETS]; /* NAN: no point */
    bool is_there[SERIES];
};
struct plain_alert {
    bool is_open;
    bool is_firing;
    int since; /* times are bucket ends */
    int fired[4];
    int fired_count;
    int calm; /* -1: it holds */
    bool is_flapping;
    bool is_no_data;
    double value;
};
struct plain {
    const struct tw_rule *rule;
    int kind;
    bool is_parted; /* by its first label: series 0 and 1, 2 and 3 */
    struct seen when;
    struct seen share;
    bool ran[BUCKETS];
    double usual; /* a bucket; NAN: the rule does not ask, or it is not known */
    int unknown_buckets[2];
    struct plain_alert alerts[2][2]; /* of an instance: its own, that nothing is known */
    char lines[LINES][96];
    size_t line_count;
};

static double join_one(enum tw_rule_join join, double all, double one)
{
    if (isnan(one)) {
        return all;
    }
    if (isnan(all)) {
        return one;
    }
    return join == TW_RULE_SUM ? all + one : join == TW_RULE_MAX ? fmax(all, one) : fmin(all, one);
}

static bool belongs(const struct plain *self, int series, int instance)
{
    return !self->is_parted || series / 2 == instance;
}

static double held(const struct plain *self, const struct seen *seen, int series, int bucket)
{
    for (int back = 0; back < kinds[self->kind].hold && bucket - back >= 0; back++) {
        if (!isnan(seen->value[series][bucket - back])) {
            return seen->value[series][bucket - back];
        }
    }
    return kinds[self->kind].is_zero ? 0 : (double)NAN;
}

static double sum_of(const struct plain *self, const struct seen *seen, enum tw_rule_join join,
                     int instance, int from, int until)
{
    double all = (double)NAN;
    for (int i = 0; i < SERIES; i++) {
        if (belongs(self, i, instance) && seen->is_there[i]) {
            double sum = 0;
            for (int at = from < 0 ? 0 : from; at < until; at++) {
                sum += isnan(seen->value[i][at]) ? 0 : seen->value[i][at];
            }
            all = join_one(join, all, sum);
        }
    }
    return isnan(all) ? 0 : all;
}

static double value_at(const struct plain *self, int instance, int bucket)
{
    double all = (double)NAN;
    bool is_any = false;
    for (int i = 0; i < SERIES; i++) {
        if (belongs(self, i, instance) && self->when.is_there[i]) {
            is_any = true;
            all = join_one(self->rule->when.join, all, held(self, &self->when, i, bucket));
        }
    }
    return !is_any && kinds[self->kind].is_zero ? 0 : all;
}

static double taken(const struct plain *self, int instance, int from, int until)
{
    double last = (double)NAN;
    double sum = 0;
    double high = (double)NAN;
    double low = (double)NAN;
    int count = 0;
    for (int at = from < 0 ? 0 : from; at < until; at++) {
        double one = self->ran[at] ? value_at(self, instance, at) : (double)NAN;
        last = one;
        if (!isnan(one)) {
            high = count == 0 || one > high ? one : high;
            low = count == 0 || one < low ? one : low;
            sum += one;
            count++;
        }
    }
    switch (self->rule->take) {
    case TW_TAKE_LAST:
        return last;
    case TW_TAKE_MAX:
        return high;
    case TW_TAKE_MIN:
        return low;
    case TW_TAKE_MEAN:
        break;
    }
    return count == 0 ? (double)NAN : sum / count;
}

/* 1: the condition holds; 0: it does not; -1: no data. */
static int holds(const struct plain *self, int instance, int bucket, double *ret_value)
{
    const struct tw_rule *rule = self->rule;
    int length = rule->over_s / 10;
    int from = bucket + 1 - length;
    int ran = 0;
    for (int at = from < 0 ? 0 : from; at <= bucket; at++) {
        ran += self->ran[at] ? 1 : 0;
    }
    bool is_count = kinds[self->kind].is_count;
    double number = is_count
                        ? sum_of(self, &self->when, rule->when.join, instance, from, bucket + 1)
                        : taken(self, instance, from, bucket + 1);
    double least_of = number;
    double value = number;
    if (isnan(number)) {
        *ret_value = (double)NAN;
        return -1;
    }
    if (rule->has_share || rule->is_usual_share) {
        least_of = rule->has_share
                       ? sum_of(self, &self->share, rule->share.join, instance, from, bucket + 1)
                       : self->usual * ran;
        value = least_of > 0 ? number / least_of : (double)NAN;
    }
    *ret_value = value;
    bool is_enough = rule->least <= 0 || !is_count || least_of >= rule->least;
    if (isnan(value) || !is_enough) {
        return 0;
    }
    bool is_true = rule->is_above ? value > rule->threshold : value < rule->threshold;
    bool is_plain_count = is_count && !rule->has_share && !rule->is_usual_share;
    if (is_true && is_plain_count && !rule->is_above && ran < 0.9 * length) {
        *ret_value = (double)NAN;
        return -1;
    }
    return is_true ? 1 : 0;
}

static void write_line(char *line, size_t size, const char *what, int instance, bool is_no_data,
                       const struct plain_alert *alert)
{
    (void)snprintf(line, size, "%s %d%s %.9g%s%s", what, instance, is_no_data ? "!" : "",
                   alert->value, alert->is_no_data ? " nodata" : "",
                   alert->is_flapping ? " flapping" : "");
}

static void say(struct plain *self, const char *what, int instance, int which)
{
    assert_true(self->line_count < LINES);
    write_line(self->lines[self->line_count++], sizeof self->lines[0], what, instance, which == 1,
               &self->alerts[instance][which]);
}

static void plain_fire(struct plain_alert *alert, int at)
{
    alert->is_firing = true;
    memmove(&alert->fired[1], &alert->fired[0], 3 * sizeof alert->fired[0]);
    alert->fired[0] = at;
    alert->fired_count++;
    alert->is_flapping = alert->fired_count >= 4 && at - alert->fired[3] <= 3600;
}

static void plain_close(struct plain *self, int instance, int which)
{
    struct plain_alert *alert = &self->alerts[instance][which];
    say(self, alert->is_firing ? "resolved" : "dropped", instance, which);
    alert->is_open = false;
    alert->is_firing = false;
    alert->is_flapping = false;
}

/* One alert: 1 it holds, 0 it does not, -1 unknown, -2 it is over. */
static void plain_step(struct plain *self, int instance, int which, int what, double value, int at)
{
    const struct tw_rule *rule = self->rule;
    struct plain_alert *alert = &self->alerts[instance][which];
    int for_s = which == 1 ? 0 : rule->for_s;
    int keep_s = which == 1 ? 0 : rule->keep_s;
    keep_s = alert->is_flapping && keep_s < 900 ? 900 : keep_s;
    bool is_no_data = which == 1 || what == -1;
    if (!alert->is_open) {
        if (what == 1) {
            alert->is_open = true;
            alert->since = at;
            alert->calm = -1;
            alert->value = value;
            alert->is_no_data = is_no_data;
            if (for_s == 0) {
                plain_fire(alert, at);
            }
            say(self, for_s == 0 ? "firing" : "pending", instance, which);
        }
        return;
    }
    if (what == -2) {
        plain_close(self, instance, which);
        return;
    }
    bool is_news = alert->is_no_data != is_no_data || isnan(alert->value) != isnan(value) ||
                   fabs(alert->value - value) > 0;
    alert->value = value;
    alert->is_no_data = is_no_data;
    if (what == 1) {
        alert->calm = -1;
        if (!alert->is_firing && at - alert->since >= for_s) {
            plain_fire(alert, at);
            say(self, "firing", instance, which);
            return;
        }
    }
    if (what == 0) {
        alert->calm = alert->calm < 0 ? at : alert->calm;
        if (!alert->is_firing || at - alert->calm >= keep_s) {
            plain_close(self, instance, which);
            return;
        }
    }
    if (is_news) {
        say(self, "value", instance, which);
    }
}

static bool is_inside(const struct tw_rule *rule, int bucket)
{
    return rule->hours == NULL || (36000 + bucket * 10 >= rule->hours->times[0].from &&
                                   36000 + bucket * 10 < rule->hours->times[0].until);
}

/* For how many buckets up to this one nothing was known, the tower ran and the hours held. */
static int unknown_for(const struct plain *self, int instance, int bucket)
{
    int count = 0;
    for (int at = bucket; at >= 0; at--, count++) {
        bool is_heard = false;
        for (int i = 0; i < SERIES; i++) {
            is_heard = is_heard || (belongs(self, i, instance) && !kinds[self->kind].is_zero &&
                                    !isnan(self->when.value[i][at]));
        }
        if (is_heard || !self->ran[at] || !is_inside(self->rule, at)) {
            break;
        }
    }
    return count;
}

static void plain_tick(struct plain *self, int bucket)
{
    self->line_count = 0;
    if (!self->ran[bucket]) {
        return;
    }
    int at = (bucket + 1) * 10;
    for (int i = 0; i < (self->is_parted ? 2 : 1); i++) {
        bool is_there = !self->is_parted || self->rule->is_usual_share;
        for (int k = 0; k < SERIES; k++) {
            is_there = is_there ||
                       (belongs(self, k, i) && (self->when.is_there[k] || self->share.is_there[k]));
        }
        if (!is_there) {
            continue;
        }
        double value = (double)NAN;
        bool is_in = is_inside(self->rule, bucket);
        int what = is_in ? holds(self, i, bucket, &value) : -2;
        /* A value that is too low because it is a part is as good as none. */
        struct plain_alert *own = &self->alerts[i][0];
        plain_step(self, i, 0, what, what == -2 ? own->value : value, at);
        bool is_unheard = what == -1 && self->rule->no_data == TW_NO_DATA_ALERT &&
                          (self->alerts[i][1].is_open ||
                           unknown_for(self, i, bucket) * 10 >= self->rule->no_data_for_s);
        plain_step(self, i, 1, is_unheard ? 1 : what == -2 ? -2 : 0, (double)NAN, at);
    }
}

/* ---- both ------------------------------------------------------------------------------------ */

struct fed { /* a point that was told */
    int series;
    bool is_share;
    int bucket;
    double value;
};
struct trial {
    struct alert_kit kit;
    struct plain plain;
    struct tw_hours hours;
    struct fed fed[BUCKETS * SERIES * 3];
    size_t fed_count;
    /* The latest end of each alert, with when it fired: what a store would have. */
    struct tw_alert ended[2][2];
};

static char names[2][16];
/* How often each change was made, and how often of one that flapped or without data. */
static size_t told[5];
static size_t told_flapping;
static size_t told_no_data;

static void labels_of(const struct trial *trial, int series, char *buf, size_t size)
{
    const char *const *labels = kinds[trial->plain.kind].labels;
    if (labels[1] == NULL) {
        (void)snprintf(buf, size, "{'%s':'%c'}", labels[0], series < 2 ? 'a' : 'b');
    } else {
        (void)snprintf(buf, size, "{'%s':'%c','%s':'%c'}", labels[0], series < 2 ? 'a' : 'b',
                       labels[1], series % 2 == 0 ? 'x' : 'y');
    }
}

static void tell(struct trial *trial, const struct fed *fed)
{
    char labels[80];
    labels_of(trial, fed->series, labels, sizeof labels);
    kit_feed_at(&trial->kit, fed->is_share ? "step_failed" : kinds[trial->plain.kind].metric,
                labels, KIT_START + fed->bucket * 10, 10, fed->value);
}

static void feed(struct trial *trial, const struct fed *fed)
{
    struct seen *seen = fed->is_share ? &trial->plain.share : &trial->plain.when;
    double *slot = &seen->value[fed->series][fed->bucket];
    bool is_count = kinds[trial->plain.kind].is_count;
    *slot = is_count && !isnan(*slot) ? *slot + fed->value : fed->value;
    seen->is_there[fed->series] = true;
    trial->fed[trial->fed_count++] = *fed;
    tell(trial, fed);
}

static void tell_usual(struct trial *trial)
{
    if (!trial->plain.rule->is_usual_share) {
        return;
    }
    double hours[TW_USUAL_HOURS];
    for (size_t i = 0; i < TW_USUAL_HOURS; i++) {
        hours[i] = trial->plain.usual * 360;
    }
    for (int i = 0; i < (trial->plain.is_parted ? 2 : 1); i++) {
        const struct tw_label label = {tw_str_of(kinds[trial->plain.kind].labels[0]),
                                       tw_str_of(i == 0 ? "a" : "b")};
        const struct tw_labels labels = {&label, trial->plain.is_parted ? 1 : 0};
        assert_int_equal(tw_engine_usual(trial->kit.engine, &trial->kit.rules[0], &labels, hours),
                         TW_OK);
    }
}

static int instance_of(const struct trial *trial, const struct tw_labels *labels)
{
    struct tw_str value = tw_labels_get(labels, kinds[trial->plain.kind].labels[0]);
    return tw_str_is(value, "b") ? 1 : 0;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void tick(struct trial *trial, int bucket, unsigned seed)
{
    static const char *const words[] = {"pending", "firing", "resolved", "dropped", "value"};
    const struct tw_alert_change *changes = NULL;
    size_t count = 0;
    struct plain *plain = &trial->plain;
    plain_tick(plain, bucket);
    assert_int_equal(tw_engine_tick(trial->kit.engine, KIT_START + bucket * 10, 10,
                                    plain->ran[bucket], &changes, &count),
                     TW_OK);
    char lines[LINES][96];
    assert_true(count < LINES);
    for (size_t i = 0; i < count; i++) {
        const struct tw_alert *alert = &changes[i].alert;
        const struct plain_alert same = {.value = alert->value,
                                         .is_no_data = alert->is_no_data,
                                         .is_flapping = alert->is_flapping};
        int instance = instance_of(trial, &alert->labels);
        told[changes[i].news]++;
        told_flapping += alert->is_flapping ? 1 : 0;
        told_no_data += alert->is_no_data ? 1 : 0;
        bool is_no_data = tw_labels_get(&alert->labels, TW_LABEL_NO_DATA).len > 0;
        write_line(lines[i], sizeof lines[0], words[changes[i].news], instance, is_no_data, &same);
        if (changes[i].news == TW_NEWS_RESOLVED) {
            trial->ended[instance][is_no_data ? 1 : 0] = *alert;
        }
    }
    if (count > 1) {
        qsort(lines, count, sizeof lines[0], compare_lines);
    }
    if (plain->line_count > 1) {
        qsort(plain->lines, plain->line_count, sizeof plain->lines[0], compare_lines);
    }
    for (size_t i = 0; i < count && i < plain->line_count; i++) {
        if (strcmp(lines[i], plain->lines[i]) != 0) {
            fail_msg("seed %u, bucket %d: \"%s\", not \"%s\"", seed, bucket, lines[i],
                     plain->lines[i]);
        }
    }
    if (count != plain->line_count) {
        fail_msg("seed %u, bucket %d: %zu changes, not %zu: \"%s\"", seed, bucket, count,
                 plain->line_count, count > 0 ? lines[0] : plain->lines[0]);
    }
}

/* The engine is made anew: what was is told to it. */
static void restart(struct trial *trial, int bucket)
{
    struct tw_engine *old = trial->kit.engine;
    kit_begin(&trial->kit);
    for (int i = 0; i < bucket; i++) {
        if (trial->plain.ran[i]) {
            assert_int_equal(tw_engine_ran(trial->kit.engine, KIT_START + i * 10, 10), TW_OK);
        }
    }
    for (size_t i = 0; i < trial->fed_count; i++) {
        tell(trial, &trial->fed[i]);
    }
    tell_usual(trial);
    for (size_t i = 0; i < tw_engine_count(old); i++) {
        struct tw_alert alert;
        tw_engine_get(old, i, &alert);
        assert_int_equal(tw_engine_restore(trial->kit.engine, TW_STR_LIT("A"), &alert), TW_OK);
    }
    for (int i = 0; i < 4; i++) {
        /* Its labels went with the engine that gave them: they are those of the rule. */
        struct tw_alert *ended = &trial->ended[i / 2][i % 2];
        struct tw_label label[2] = {
            {tw_str_of(kinds[trial->plain.kind].labels[0]), tw_str_of(i / 2 == 0 ? "a" : "b")},
            {TW_STR_LIT(TW_LABEL_NO_DATA), TW_STR_LIT("true")}};
        ended->labels = (struct tw_labels){label, i % 2 == 1 ? 2 : 1};
        if (ended->fired_s != 0) {
            assert_int_equal(tw_engine_restore(trial->kit.engine, TW_STR_LIT("A"), ended), TW_OK);
        }
    }
    tw_engine_destroy(&old);
}

/* A rule by chance. */
static void make_rule(struct trial *trial)
{
    struct plain *plain = &trial->plain;
    struct tw_rule *rule = &trial->kit.rules[0];
    plain->kind = pick(4);
    bool is_count = kinds[plain->kind].is_count;
    trial->kit.set.count = 0;
    (void)kit_rule(&trial->kit, kinds[plain->kind].metric);
    plain->rule = rule;
    plain->is_parted = pick(3) > 0;
    if (plain->is_parted) {
        (void)snprintf(names[0], sizeof names[0], "%s", kinds[plain->kind].labels[0]);
        rule->by[rule->by_count++] = names[0];
    }
    rule->when.join = (enum tw_rule_join)pick(3);
    rule->over_s = 10 * (1 + (pick(2) == 0 ? 0 : pick(12)));
    rule->take = (enum tw_rule_take)pick(4);
    rule->is_above = pick(3) > 0;
    rule->threshold = pick(6);
    rule->for_s = pick(2) == 0 ? 0 : 10 * pick(6);
    rule->keep_s = pick(2) == 0 ? 0 : 10 * pick(8);
    rule->no_data = (enum tw_rule_no_data)pick(2);
    rule->no_data_for_s = 10 * (1 + pick(8));
    rule->least = is_count && pick(2) == 0 ? pick(10) : 0;
    plain->usual = (double)NAN;
    int share = is_count ? pick(3) : 0;
    if (share == 1) {
        rule->has_share = true;
        rule->share = (struct tw_measure){.metric = tw_metric_find(TW_STR_LIT("step_failed")),
                                          .join = (enum tw_rule_join)pick(3)};
        rule->threshold = 0.25 * pick(8);
    } else if (share == 2) {
        rule->is_usual_share = true;
        plain->usual = 1 + pick(3);
        rule->threshold = 0.25 * pick(8);
    }
    if (pick(4) == 0) {
        trial->hours = (struct tw_hours){.times = {{36000 + 10 * pick(100), 0}}, .time_count = 1};
        trial->hours.times[0].until = trial->hours.times[0].from + 10 * (20 + pick(120));
        rule->hours = &trial->hours;
    }
}

static void run_seed(unsigned seed)
{
    static struct trial trial;
    chance = seed * UINT64_C(7919) + 13;
    memset(&trial, 0, sizeof trial);
    kit_init(&trial.kit);
    make_rule(&trial);
    for (int i = 0; i < SERIES * BUCKETS; i++) {
        trial.plain.when.value[i / BUCKETS][i % BUCKETS] = (double)NAN;
        trial.plain.share.value[i / BUCKETS][i % BUCKETS] = (double)NAN;
    }
    kit_begin(&trial.kit);
    tell_usual(&trial);
    int often = 1 + pick(6); /* points come so often, out of 8 */
    int restarts_at = pick(2) == 0 ? pick(BUCKETS) : -1;
    bool is_up = true;
    int series_count = kinds[trial.plain.kind].labels[1] == NULL ? 2 : SERIES;
    for (int bucket = 0; bucket < BUCKETS; bucket++) {
        is_up = is_up ? pick(40) > 0 : pick(4) == 0;
        trial.plain.ran[bucket] = is_up;
        for (int i = 0; i < series_count && is_up; i++) {
            int series = series_count == 2 ? 2 * i : i;
            if (pick(8) < often) {
                feed(&trial, &(struct fed){series, false, bucket, pick(7)});
            }
            if (trial.plain.rule->has_share && pick(8) < often) {
                feed(&trial, &(struct fed){series, true, bucket, pick(9)});
            }
            if (kinds[trial.plain.kind].is_count && pick(20) == 0) { /* a late correction */
                int back = pick(bucket + 1);
                feed(&trial, &(struct fed){series, false, bucket - back, pick(5) - 3});
            }
        }
        if (bucket == restarts_at) {
            restart(&trial, bucket);
        }
        tick(&trial, bucket, seed);
    }
    kit_fini(&trial.kit);
}

static void engine__random_rules_and_series__as_a_plain_one(void **state)
{
    (void)state;
    for (unsigned seed = 0; seed < SEEDS; seed++) {
        run_seed(seed);
    }
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        assert_true(told[i] > 1000);
    }
    assert_true(told_flapping > 1000 && told_no_data > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine__random_rules_and_series__as_a_plain_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
