/* SPDX-License-Identifier: Apache-2.0
 * tower-weeks: weeks of what alert rules look back on, in seconds. Of each line that retail-sim
 * writes it counts only what rules about the usual look at (events received, of each system, runs
 * that begin, decisions of some objectives), bucket by bucket; these series go to a real store,
 * which the keeper archives, and the rules are judged live by it (play_alerts.h). What one event
 * means is tower-play's matter: this knows it by its type alone.
 *
 *   retail-sim --stdout --stamps ... | tower-weeks --config FILE --alerts FILE
 *
 * Standard output: for each rule that was asked for by --past NAME, what it says when it is tried
 * on the past at the end: {"rule":NAME,"fired":S,"resolved":S,"labels":{..}}, a line of JSON for
 * each time, then {"rule":NAME,"incomplete":TEXT or null}, of the last day, with "days":1, and of
 * the last --days N (31), with "days":N.
 */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/past.h"
#include "support/lab.h"
#include "support/play_alerts.h"
#include "track/budget.h"
#include "track/calendar.h"

#define BUCKET_S    10
#define COMMIT_S    600
#define DAY_S       86400
#define SERIES_MAX  64
#define POINTS_MAX  ((size_t)SERIES_MAX * COMMIT_S / BUCKET_S)
#define PAST_MAX    16
#define BUDGETS     3
#define TYPE_PREFIX "\"type\":\"com.tillwatch."

/* What begins a run. */
static const struct {
    const char *type;
    const char *workflow;
} beginnings[] = {
    {"pos.sale.completed", "sale-posting"},      {"ecommerce.order.created", "order-fulfilment"},
    {"pos.return.accepted", "return-refund"},    {"ecommerce.return.announced", "return-refund"},
    {"inventory.stock.moved", "inventory-sync"}, {"pos.voucher.redeemed", "loyalty-redemption"},
    {"crm.customer.changed", "customer-sync"},   {"service.case.opened", "case-sync"},
};

/* What decides an objective: much traffic, less, and little. */
static const struct {
    const char *type;
    const char *labels;
    uint32_t target_ppm;
} decisions[BUDGETS] = {
    {"erp.sale.posted", "{\"objective\":\"sales-complete\",\"rule\":\"absence\"}", 999000},
    {"payment.captured", "{\"objective\":\"orders-complete\",\"rule\":\"absence\"}", 995000},
    {"payment.refunded", "{\"objective\":\"refunds-complete\",\"rule\":\"absence\"}", 995000},
};

struct counted {
    char *metric;
    char *labels;
    enum tw_series_kind kind;
    int64_t sum; /* of the bucket at hand */
};

struct weeks {
    const char *config;
    const char *alerts_file;
    const char *past[PAST_MAX];
    size_t past_count;
    int64_t past_days;
    FILE *alerts_out;
    struct play_alerts *alerts;
    const struct tw_workflows *workflows;
    struct lab lab;
    struct counted series[SERIES_MAX];
    size_t series_count;
    size_t told_count; /* of them, in this partition */
    struct tw_series_point points[POINTS_MAX];
    size_t point_count;
    struct tw_budget *budgets[BUDGETS];
    struct tw_zone *zone;
    bool is_firing[BUDGETS];
    int64_t bucket_s; /* at hand; 0: not begun */
    bool has_message;
};

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "tower-weeks: %s: %s\n", what, why);
    exit(1); /* NOLINT(concurrency-mt-unsafe): there is one thread */
}

static void check(int rc, const char *what)
{
    if (rc != TW_OK) {
        die(what, tw_err_text(rc));
    }
}

static void read_options(struct weeks *self, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"alerts", required_argument, NULL, 'A'},
                                            {"past", required_argument, NULL, 'p'},
                                            {"days", required_argument, NULL, 'd'},
                                            {NULL, 0, NULL, 0}};
    self->past_days = 31;
    for (;;) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
        int option = getopt_long(argc, argv, "", options, NULL);
        if (option == -1) {
            break;
        }
        if (option == 'c') {
            self->config = optarg;
        } else if (option == 'A') {
            self->alerts_file = optarg;
        } else if (option == 'p' && self->past_count < PAST_MAX) {
            self->past[self->past_count++] = optarg;
        } else if (option == 'd') {
            self->past_days = strtol(optarg, NULL, 10);
        } else {
            die("options", "see the head of tests/support/weeks.c");
        }
    }
    if (self->config == NULL || self->alerts_file == NULL || optind != argc) {
        die("options", "--config FILE and --alerts FILE are needed");
    }
}

static void begin(struct weeks *self, int64_t at_s)
{
    struct tw_cfg *cfg = NULL;
    const tw_wall_t at = {at_s * TW_NS_PER_S};
    if (tw_cfg_load(self->config, stderr, &cfg) != TW_OK ||
        tw_workflows_load(cfg, stderr, &self->workflows) != TW_OK) {
        die(self->config, "has faults");
    }
    lab_open_store(&self->lab, &cfg, at);
    self->alerts_out = fopen(self->alerts_file, "w");
    if (self->alerts_out == NULL) {
        die(self->alerts_file, "cannot be written");
    }
    self->alerts = play_alerts_new(self->lab.cfg, self->workflows, self->alerts_out);
    play_alerts_tell(self->alerts, self->lab.cfg, self->workflows);
    play_alerts_say_rules(self->alerts);
    check(tw_zone_new(self->lab.cfg->track.timezone, &self->zone), "zone");
    self->lab.on_commit = play_alerts_take;
    self->lab.context = self->alerts;
    for (size_t i = 0; i < BUDGETS; i++) {
        const struct tw_budget_spec spec = {.target_ppm = decisions[i].target_ppm,
                                            .window = TW_WINDOW_ROLLING,
                                            .window_ns = 30 * DAY_S * TW_NS_PER_S,
                                            .week_zone = self->zone};
        check(tw_budget_new(&spec, at, &self->budgets[i]), "budget");
    }
    self->bucket_s = at_s / BUCKET_S * BUCKET_S;
}

/* --- series ----------------------------------------------------------------------------------- */

static void add(struct weeks *self, const char *metric, const char *labels,
                enum tw_series_kind kind, int64_t value)
{
    size_t i = 0;
    while (i < self->series_count && (strcmp(self->series[i].metric, metric) != 0 ||
                                      strcmp(self->series[i].labels, labels) != 0)) {
        i++;
    }
    struct counted *series = &self->series[i];
    if (i == self->series_count) {
        if (i == SERIES_MAX) {
            die(labels, "too many series");
        }
        *series = (struct counted){strdup(metric), strdup(labels), kind, 0};
        self->series_count++;
    }
    series->sum += value;
    if (kind == TW_SERIES_LAST) {
        self->points[self->point_count++] =
            (struct tw_series_point){(uint32_t)i, self->bucket_s, value};
    }
}

static void count_by(struct weeks *self, const char *metric, const char *label, struct tw_str value)
{
    char labels[128];
    (void)snprintf(labels, sizeof labels, "{\"%s\":\"%.*s\"}", label, (int)value.len, value.ptr);
    add(self, metric, labels, TW_SERIES_SUM, 1);
}

/* Written while it fires, and when that ends, as tracking does. */
static void judge_budgets(struct weeks *self, tw_wall_t now)
{
    for (size_t i = 0; i < BUDGETS; i++) {
        tw_budget_advance(self->budgets[i], now);
        bool is_firing =
            tw_budget_absence(self->budgets[i], TW_BURN_ABSENT_MIN).state == TW_ABSENCE_FIRING;
        if (is_firing || self->is_firing[i]) {
            add(self, "objective_rule", decisions[i].labels, TW_SERIES_LAST, is_firing ? 2 : 0);
        }
        self->is_firing[i] = is_firing;
    }
}

static void commit(struct weeks *self)
{
    struct tw_series_name names[SERIES_MAX];
    const tw_wall_t now = self->lab.clock.wall;
    /* A new partition knows no names. */
    if (self->lab.batch != NULL && self->lab.batch->starts_partition) {
        self->told_count = 0;
    }
    size_t count = 0;
    for (size_t i = self->told_count; i < self->series_count; i++) {
        names[count++] = (struct tw_series_name){.series = (uint32_t)i,
                                                 .kind = self->series[i].kind,
                                                 .divisor = 1,
                                                 .metric = tw_str_of(self->series[i].metric),
                                                 .labels = tw_str_of(self->series[i].labels)};
    }
    self->told_count = self->series_count;
    const struct tw_track_changes changes = {.has_tick = true,
                                             .tick = {now, now},
                                             .names = names,
                                             .name_count = count,
                                             .points = self->points,
                                             .point_count = self->point_count};
    self->lab.given = &changes;
    lab_commit(&self->lab, true);
    self->lab.given = NULL;
    self->point_count = 0;
    self->has_message = false;
    if (now.ns / TW_NS_PER_S % (DAY_S / 4) == 0) {
        lab_seal(&self->lab);
    }
}

/* The bucket at hand is over. */
static void close_bucket(struct weeks *self)
{
    const tw_wall_t end = {(self->bucket_s + BUCKET_S) * TW_NS_PER_S};
    add(self, "open_runs", "{}", TW_SERIES_LAST, 1);
    judge_budgets(self, (tw_wall_t){end.ns - 1});
    for (size_t i = 0; i < self->series_count; i++) {
        struct counted *series = &self->series[i];
        if (series->kind == TW_SERIES_SUM && series->sum > 0) {
            self->points[self->point_count++] =
                (struct tw_series_point){(uint32_t)i, self->bucket_s, series->sum};
        }
        series->sum = 0;
    }
    self->bucket_s += BUCKET_S;
    if (self->bucket_s % COMMIT_S == 0) {
        tw_clock_manual_advance(&self->lab.clock, end.ns - self->lab.clock.wall.ns);
        commit(self);
    }
}

static void take(struct weeks *self, const char *line, size_t len)
{
    char *body = NULL;
    long long at_us = strtoll(line, &body, 10);
    const char *type = strstr(line, TYPE_PREFIX);
    if (body == line || *body != ' ' || type == NULL) {
        die(line, "is no event of retail-sim");
    }
    int64_t at_s = at_us / 1000000;
    if (self->bucket_s == 0) {
        begin(self, at_s);
    }
    while (at_s >= self->bucket_s + BUCKET_S) {
        close_bucket(self);
    }
    if (!self->has_message) { /* one a batch is taken in, so that partitions come and go */
        body++;
        (void)lab_message(&self->lab, self->lab.cfg->taps[0].name, NULL, NULL, body,
                          len - (size_t)(body - line));
        self->has_message = true;
    }
    type += strlen(TYPE_PREFIX);
    const struct tw_str name = {type, strcspn(type, "\"")};
    add(self, "received", "{}", TW_SERIES_SUM, 1);
    count_by(self, "system_events", "system", (struct tw_str){type, strcspn(type, ".")});
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++) {
        if (tw_str_is(name, beginnings[i].type)) {
            count_by(self, "runs_started", "workflow", tw_str_of(beginnings[i].workflow));
        }
    }
    for (size_t i = 0; i < BUDGETS; i++) {
        if (tw_str_is(name, decisions[i].type)) {
            const tw_wall_t at = {at_us * TW_NS_PER_US};
            tw_budget_advance(self->budgets[i], at);
            check(tw_budget_add(self->budgets[i], at, 1, 0), "budget");
        }
    }
}

/* --- the past --------------------------------------------------------------------------------- */

static void say_past(const char *rule, const struct tw_past *past, int64_t days)
{
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)1 << 20);
    for (size_t i = 0; i < past->span_count; i++) {
        const struct tw_past_span *span = &past->spans[i];
        struct tw_str labels = TW_STR_NULL;
        check(tw_labels_json(&arena, &span->labels, &labels), "labels");
        (void)printf("{\"rule\":\"%s\",\"days\":%" PRId64 ",\"fired\":%" PRId64
                     ",\"resolved\":%" PRId64 ",\"labels\":%.*s}\n",
                     rule, days, span->fired_s, span->resolved_s, (int)labels.len, labels.ptr);
    }
    json_t *why = past->incomplete == NULL ? json_null() : json_string(past->incomplete);
    char *text = json_dumps(why, JSON_ENCODE_ANY);
    (void)printf("{\"rule\":\"%s\",\"days\":%" PRId64 ",\"incomplete\":%s}\n", rule, days,
                 text == NULL ? "null" : text);
    free(text);
    json_decref(why);
    tw_arena_fini(&arena);
}

static void try_past(struct weeks *self, int64_t days)
{
    const struct tw_rules *rules = NULL;
    int64_t now_s = self->lab.clock.wall.ns / TW_NS_PER_S;
    check(tw_rules_load(self->lab.cfg, self->workflows, stderr, &rules), "rules");
    for (size_t i = 0; i < self->past_count; i++) {
        struct tw_past past = {0};
        struct tw_diag diag = {""};
        const struct tw_past_ask ask = {
            .rules = rules,
            .rule = tw_rules_find(rules, tw_str_of(self->past[i])),
            .workflows = self->workflows,
            .since_s = now_s - days * DAY_S,
            .until_s = now_s,
        };
        if (ask.rule == NULL) {
            die(self->past[i], "there is no such rule");
        }
        tw_arena_reset(&self->lab.arena);
        check(tw_past_try(lab_reader(&self->lab), &self->lab.arena, &ask, &past, &diag), diag.text);
        say_past(self->past[i], &past, days);
    }
    tw_rules_unref(&rules);
}

int main(int argc, char **argv)
{
    static struct weeks self;
    char *line = NULL;
    size_t size = 0;
    read_options(&self, argc, argv);
    for (;;) {
        ssize_t len = getline(&line, &size, stdin);
        if (len <= 0) {
            break;
        }
        take(&self, line, (size_t)len - (line[len - 1] == '\n' ? 1 : 0));
    }
    free(line);
    if (self.bucket_s == 0) {
        die("standard input", "nothing was read");
    }
    do {
        close_bucket(&self);
    } while (self.bucket_s % COMMIT_S != 0);
    try_past(&self, 1);
    try_past(&self, self.past_days);
    lab_close(&self.lab);
    play_alerts_destroy(&self.alerts);
    tw_workflows_unref(&self.workflows);
    for (size_t i = 0; i < self.series_count; i++) {
        free(self.series[i].metric);
        free(self.series[i].labels);
    }
    for (size_t i = 0; i < BUDGETS; i++) {
        tw_budget_destroy(&self.budgets[i]);
    }
    tw_zone_destroy(&self.zone);
    bool is_written = fclose(self.alerts_out) == 0;
    return is_written && fflush(stdout) == 0 ? 0 : 1;
}
