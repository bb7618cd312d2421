/* SPDX-License-Identifier: Apache-2.0
 * The judge of alerts alone: what a tick costs with 5,000 stores, in all of which something waits,
 * 40 workflows of 7 steps and 300 rules, eight of them by store: on a quiet day, on which little
 * fires, and when 13,000 alerts are open. Prints "name value unit", of processor time; the figures
 * are medians. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alert/engine.h"
#include "core/clock.h"

#define STORES    5000
#define WORKFLOWS 40
#define STEPS     7
#define RULES     300
#define BY_STORE  8
#define TICKS     720 /* two hours */
#define START_S   INT64_C(1795255200)

struct bench {
    const struct tw_rules *rules;
    const struct tw_workflows *workflows;
    struct tw_cfg *cfg;
    struct tw_engine *engine;
    double tick_ms[TICKS];
    double feed_ms[TICKS];
};

static void must(int rc, const char *what)
{
    if (rc != TW_OK) {
        (void)fprintf(stderr, "bench_alerts: %s: %s\n", what, tw_err_text(rc));
        exit(1); /* NOLINT(concurrency-mt-unsafe): there is one thread */
    }
}

static double now_ms(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return (double)at.tv_sec * 1e3 + (double)at.tv_nsec / 1e6;
}

/* Of stores; of the steps of all workflows, their sums and shares; over ten seconds to six hours.
 */
static char *make_rules(int above)
{
    static const char *const of_stores[] = {"store_waiting", "store_overdue", "store_failed",
                                            "store_silent"};
    static const char *const of_steps[] = {"step_waiting", "step_oldest_age", "step_done",
                                           "step_failed"};
    static const char *const over[] = {"10s", "1min", "5min", "1h", "6h"};
    static const char *const take[] = {"last", "max", "min", "mean"};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    must(out == NULL ? TW_ENOMEM : TW_OK, "memory");
    (void)fputs("name: bench\nrules:\n", out);
    for (int i = 0; i < RULES; i++) {
        bool is_store = i < BY_STORE;
        bool is_count = !is_store && i % 4 >= 2;
        (void)fprintf(out,
                      "  - alert: R%d\n    title: Rule\n    severity: warning\n"
                      "    summary: \"it is {{value}}\"\n"
                      "    when: {metric: %s, by: [%s], join: %s, over: %s%s%s}\n"
                      "    above: %d\n    for: 1min\n",
                      i, is_store ? of_stores[i % 4] : of_steps[i % 4],
                      is_store     ? "store"
                      : i % 3 == 0 ? "workflow"
                                   : "workflow, step",
                      is_count ? "sum" : "max", over[i < BY_STORE && i % 5 == 0 ? 1 : i % 5],
                      is_count ? "" : ", take: ", is_count ? "" : take[i / 5 % 4], above);
    }
    (void)fclose(out);
    return text;
}

static void feed(struct bench *self, const char *metric, const char *labels, int64_t bucket_s,
                 double value)
{
    must(tw_engine_feed(self->engine, tw_str_of(metric), tw_str_of(labels), bucket_s, 10, value),
         "feed");
}

/* Stores say something once a minute, steps in every bucket. */
static void feed_bucket(struct bench *self, int tick)
{
    int64_t bucket_s = START_S + (int64_t)tick * 10;
    char labels[80];
    for (int i = 0; i < STORES && tick % 6 == 0; i++) {
        (void)snprintf(labels, sizeof labels, "{\"store\":\"store-%05d\"}", i);
        feed(self, "store_waiting", labels, bucket_s, (i + tick) % 60);
        feed(self, "store_overdue", labels, bucket_s, i % 7);
        feed(self, "store_failed", labels, bucket_s, i % 3);
        feed(self, "store_silent", labels, bucket_s, i % 40);
    }
    for (int i = 0; i < WORKFLOWS * STEPS; i++) {
        (void)snprintf(labels, sizeof labels, "{\"step\":\"step-%d\",\"workflow\":\"workflow-%d\"}",
                       i % STEPS, i / STEPS);
        feed(self, "step_waiting", labels, bucket_s, (i + tick) % 49);
        feed(self, "step_oldest_age", labels, bucket_s, (i * 7 + tick) % 50);
        feed(self, "step_done", labels, bucket_s, i % 5);
        if (i % 10 == 0) {
            feed(self, "step_failed", labels, bucket_s, 1);
        }
    }
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a;
    double right = *(const double *)b;
    return (left > right) - (left < right);
}

static void run(struct bench *self, const char *name, int above)
{
    char *text = make_rules(above);
    must(tw_rules_parse(self->cfg, self->workflows, "bench.yaml", tw_str_of(text), stderr,
                        &self->rules),
         "rules");
    free(text);
    must(tw_engine_new(self->rules, self->workflows, &self->engine), "engine");
    size_t told = 0;
    for (int i = 0; i < TICKS; i++) {
        const struct tw_alert_change *changes = NULL;
        size_t count = 0;
        double begin = now_ms();
        feed_bucket(self, i);
        double fed = now_ms();
        must(tw_engine_tick(self->engine, START_S + (int64_t)i * 10, 10, true, &changes, &count),
             "tick");
        self->feed_ms[i] = fed - begin;
        self->tick_ms[i] = now_ms() - fed;
        told += count;
    }
    (void)printf("%s_open %zu count\n%s_changes %zu count\n", name, tw_engine_count(self->engine),
                 name, told);
    qsort(self->tick_ms, TICKS, sizeof self->tick_ms[0], ascending);
    qsort(self->feed_ms, TICKS, sizeof self->feed_ms[0], ascending);
    (void)printf("%s_tick %.2f ms\n%s_tick_p99 %.2f ms\n", name, self->tick_ms[TICKS / 2], name,
                 self->tick_ms[TICKS * 99 / 100]);
    (void)printf("%s_feed %.2f ms\n%s_feed_minute %.2f ms\n", name, self->feed_ms[TICKS / 2], name,
                 self->feed_ms[TICKS * 95 / 100]);
    tw_engine_destroy(&self->engine);
    tw_rules_unref(&self->rules);
}

int main(void)
{
    static struct bench self;
    static const char yaml[] = "taps:\n"
                               "  - {name: a, kind: router, bind: [\"tcp://127.0.0.1:8462\"]}\n";
    must(tw_cfg_parse("bench.yaml", yaml, strlen(yaml), stderr, &self.cfg), "configuration");
    must(tw_workflows_load(self.cfg, stderr, &self.workflows), "workflows");
    run(&self, "alerts_quiet", 1000);
    run(&self, "alerts_storm", 50);
    tw_workflows_unref(&self.workflows);
    tw_cfg_destroy(&self.cfg);
    return 0;
}
