/* SPDX-License-Identifier: Apache-2.0
 * How fast one core reads envelopes: the scanner alone, the whole decoder, and jansson on the
 * same bytes, in interleaved rounds. Prints "name value unit" lines; the figure is the median
 * round. The events are 590 bytes, as a till sends them; 1,000 different ones, so that no branch
 * predictor learns them by heart. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <jansson.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/err.h"
#include "event/decode.h"
#include "event/scan.h"

#define EVENTS       1000
#define EVENT_BYTES  590
#define ROUNDS       7
#define ROUND_PASSES 200 /* 200,000 events a round: a tenth of a second */

static char bodies[EVENTS][1024];
static size_t lens[EVENTS];

static void make_bodies(void)
{
    for (int i = 0; i < EVENTS; i++) {
        int len = snprintf(
            bodies[i], sizeof bodies[i],
            "{\"specversion\":\"1.0\",\"id\":\"%08x-5b1c-4e0e-9d51-%012x\","
            "\"source\":\"/pos/store-%04d/till-%d\",\"type\":\"com.example.pos.sale.posted\","
            "\"time\":\"2026-11-27T18:%02d:%02d.%06dZ\",\"datacontenttype\":\"application/json\","
            "\"storeid\":\"%04d\",\"registerid\":\"%d\",\"transactionid\":\"%d\","
            "\"sequence\":\"%010d\",\"amount\":\"%d.%02d\",\"currency\":\"EUR\","
            "\"correlationid\":\"c-%d\",\"data\":{\"lines\":[",
            (unsigned)(i * 2654435761u), (unsigned)i * 7919u, i % 5000, i % 9, i % 60, i * 7 % 60,
            i * 997, i % 5000, i % 9, i * 13, i, i % 300, i % 100, i);
        for (int line = 0; len < EVENT_BYTES - 60; line++) {
            len += snprintf(bodies[i] + len, sizeof bodies[i] - (size_t)len,
                            "%s{\"sku\":\"%08d\",\"qty\":%d,\"price\":%d.%d}", line > 0 ? "," : "",
                            i * 31 + line, line + 1, i % 90, i % 10);
        }
        len += snprintf(bodies[i] + len, sizeof bodies[i] - (size_t)len, "],\"cashier\":\"%*d\"}}",
                        EVENT_BYTES - len - 16, i);
        lens[i] = (size_t)len;
    }
}

static void count_event(void *context, const struct tw_event *event)
{
    uint64_t *count = context;
    *count += event->attr[TW_ATTR_ID].len > 0 ? 1 : 0;
}

static void count_problem(void *context, const struct tw_problem *problem)
{
    (void)context;
    (void)fprintf(stderr, "%.*s\n", (int)problem->detail.len, problem->detail.ptr);
    exit(1);
}

struct bench {
    struct tw_arena arena;
    struct tw_json_scanner scanner;
    struct tw_decoder *decoder;
};

static uint64_t pass_scan(struct bench *bench)
{
    uint64_t count = 0;
    for (int i = 0; i < EVENTS; i++) {
        struct tw_json_value value;
        int rc = tw_json_scan_object(&bench->scanner, (struct tw_str){bodies[i], lens[i]}, &value);
        count += rc == TW_OK && bench->scanner.count > 10 ? 1 : 0;
    }
    return count;
}

static uint64_t pass_decode(struct bench *bench)
{
    uint64_t count = 0;
    const struct tw_decode_sink sink = {&count, count_event, count_problem};
    tw_arena_reset(&bench->arena);
    for (int i = 0; i < EVENTS; i++) {
        struct tw_message message = {.body = {bodies[i], lens[i]}};
        tw_decoder_run(bench->decoder, &message, &sink);
    }
    return count;
}

static uint64_t pass_jansson(struct bench *bench)
{
    (void)bench;
    uint64_t count = 0;
    for (int i = 0; i < EVENTS; i++) {
        json_t *root = json_loadb(bodies[i], lens[i], 0, NULL);
        count += json_object_get(root, "id") != NULL ? 1 : 0;
        json_decref(root);
    }
    return count;
}

struct contender {
    const char *name;
    uint64_t (*pass)(struct bench *bench);
    int passes;
    double rates[ROUNDS];
};

static int compare_rates(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : (x > y ? 1 : 0);
}

/* CPU time of this thread: neighbours on the machine do not count. */
static int64_t cpu_ns(void)
{
    struct timespec ts;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts); /* cannot fail for this clock */
    return ts.tv_sec * TW_NS_PER_S + ts.tv_nsec;
}

static void run_round(struct bench *bench, struct contender *contender, int round)
{
    int64_t start = cpu_ns();
    uint64_t count = 0;
    for (int i = 0; i < contender->passes; i++) {
        count += contender->pass(bench);
    }
    int64_t ns = cpu_ns() - start;
    if (count != (uint64_t)contender->passes * EVENTS) {
        (void)fprintf(stderr, "%s read %" PRIu64 " events only\n", contender->name, count);
        exit(1);
    }
    contender->rates[round] = (double)count * 1e9 / (double)ns;
}

int main(void)
{
    struct bench bench = {.decoder = NULL};
    struct tw_cfg cfg = {.intake = {.max_batch_events = 10000,
                                    .max_json_depth = 64,
                                    .max_json_members = 256,
                                    .max_attribute_bytes = 4096}};
    tw_arena_init(&bench.arena, (size_t)64 << 20);
    make_bodies();
    if (tw_json_scanner_init(&bench.scanner, &bench.arena, 64, 256) != TW_OK ||
        tw_decoder_new(&cfg, &bench.arena, &bench.decoder) != TW_OK) {
        return 1;
    }
    struct contender contenders[] = {
        {.name = "scan_events_per_second", .pass = pass_scan, .passes = ROUND_PASSES},
        {.name = "decode_events_per_second", .pass = pass_decode, .passes = ROUND_PASSES},
        {.name = "jansson_events_per_second", .pass = pass_jansson, .passes = ROUND_PASSES / 10},
    };
    const size_t count = sizeof contenders / sizeof contenders[0];
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) {
            run_round(&bench, &contenders[i], round);
        }
    }
    size_t bytes = 0;
    for (int i = 0; i < EVENTS; i++) {
        bytes += lens[i];
    }
    (void)printf("event_size %zu bytes\n", bytes / EVENTS);
    for (size_t i = 0; i < count; i++) {
        qsort(contenders[i].rates, ROUNDS, sizeof(double), compare_rates);
        (void)printf("%s %.0f events/s\n", contenders[i].name, contenders[i].rates[ROUNDS / 2]);
    }
    tw_decoder_destroy(&bench.decoder);
    tw_json_scanner_fini(&bench.scanner);
    tw_arena_fini(&bench.arena);
    return 0;
}
