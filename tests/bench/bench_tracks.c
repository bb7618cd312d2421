/* SPDX-License-Identifier: Apache-2.0
 * The store side of tracking: what a batch's changes cost to commit, what reading costs with many
 * open runs, how fast a start replays, how fast a partition goes to the archive. Prints one figure
 * a line: name value unit.
 *   bench_tracks [OPEN_RUNS] [DIR]     (default 100000, a directory in /tmp)
 */
#include "config.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/store.h"
#include "store/tracks.h"
#include "store/writer.h"

#define WORKFLOWS    40
#define SERIES       3000
#define BUCKETS      360 /* an hour */
#define RECORDS      400000
#define PER_BATCH    4000
#define START_S      INT64_C(1795200000)
#define QUERY_ROUNDS 20

static struct tw_store *store;
static struct tw_batch *batch;
static uint64_t last_n;
static char dir[256];

static void must(int rc, const char *what, const struct tw_diag *diag)
{
    if (rc != TW_OK) {
        (void)fprintf(stderr, "bench_tracks: %s: %s: %s\n", what, tw_err_text(rc), diag->text);
        exit(1);
    }
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static struct tw_str format_text(const char *prefix, size_t value)
{
    char *text = tw_arena_alloc(&batch->arena, 96);
    if (text == NULL) {
        exit(1);
    }
    int len = snprintf(text, 96, "%s%zu", prefix, value);
    return (struct tw_str){text, (size_t)len};
}

static struct tw_str format_labels(size_t i)
{
    char *text = tw_arena_alloc(&batch->arena, 128);
    if (text == NULL) {
        exit(1);
    }
    int len = snprintf(text, 128, "{\"step\":\"step-%zu\",\"workflow\":\"workflow-%zu\"}",
                       i / WORKFLOWS, i % WORKFLOWS);
    return (struct tw_str){text, (size_t)len};
}

static uint64_t random_of(uint64_t below)
{
    static uint64_t seed = 88172645463325252u;
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

static struct tw_str format_event(void)
{
    char *text = tw_arena_alloc(&batch->arena, 1024);
    if (text == NULL) {
        exit(1);
    }
    int len = snprintf(
        text, 1024,
        "{\"specversion\":\"1.0\",\"id\":\"%016llx\",\"source\":\"/pos/store-%04u/till-%u\","
        "\"type\":\"com.example.retail.sale.completed\",\"transactionid\":\"%06u\",\"orderid\":"
        "\"%llu\",\"storeid\":\"%04u\",\"amount\":\"%u.%02u\",\"currency\":\"EUR\",\"data\":{"
        "\"receipt\":{\"lines\":[{\"sku\":\"%07u\",\"qty\":2},{\"sku\":\"%07u\",\"qty\":1}],"
        "\"cashier\":\"K%03u\"}}}",
        (unsigned long long)random_of(UINT64_MAX), (unsigned)random_of(600), (unsigned)random_of(8),
        (unsigned)random_of(1000000), (unsigned long long)(4711000000 + random_of(1000000)),
        (unsigned)random_of(600), (unsigned)random_of(500), (unsigned)random_of(100),
        (unsigned)random_of(100000), (unsigned)random_of(100000), (unsigned)random_of(500));
    return (struct tw_str){text, (size_t)len};
}

/* A batch with these changes and so many records. */
static double commit(const struct tw_track_changes *changes, size_t records, bool starts_partition)
{
    struct tw_diag diag = {{0}};
    const struct tw_object object = {.type = 1, .id = TW_STR_LIT("4711"), .scope = {"", 0}};
    batch->first_n = last_n + 1;
    batch->closed.ns = (START_S + (int64_t)last_n) * TW_NS_PER_S;
    batch->starts_partition = starts_partition;
    batch->is_checkpoint = true;
    batch->track = changes;
    for (size_t i = 0; i < records; i++) {
        struct tw_record *record = tw_batch_add_record(batch);
        if (record == NULL) {
            exit(1);
        }
        *record = (struct tw_record){
            .n = ++last_n,
            .kind = TW_RECORD_EVENT,
            .received = batch->closed,
            .time = batch->closed,
            .has_time = true,
            .tap = 1,
            .json = format_event(),
            .objects = &object,
            .object_count = 1,
        };
    }
    double start = now_s();
    must(tw_store_commit(store, batch, &diag), "commit", &diag);
    double took = now_s() - start;
    tw_batch_reset(batch);
    return took;
}

static struct tw_run_row make_run(size_t i)
{
    return (struct tw_run_row){
        .workflow = format_text("workflow-", i % WORKFLOWS),
        .version = 1,
        .object_type = 1,
        .object_id = format_text("47110000", i),
        .object_scope = format_text("00", i % 600),
        .state = i % 10 == 0 ? TW_RUN_IS_FAILED : TW_RUN_IS_OVERDUE,
        .cause = i % 10 == 0 ? TW_CAUSE_TIMEOUT : TW_CAUSE_MISSING,
        .step = format_text("step-", i % 6),
        .system = i % 3 == 0 ? TW_STR_LIT("erp") : TW_STR_LIT("loyalty"),
        .destination = TW_STR_LIT("posted"),
        .store = format_text("00", i % 600),
        .region = TW_STR_LIT("north"),
        .started = {(START_S + (int64_t)(i * 7919 % 100000)) * TW_NS_PER_S},
        .since = {(START_S + (int64_t)(i * 7919 % 100000)) * TW_NS_PER_S},
        .updated = {START_S * TW_NS_PER_S},
        .amount_minor = 1234,
        .currency = "EUR",
        .first_n = i,
        .last_n = i + 5,
    };
}

static void write_runs(size_t runs)
{
    double took = 0;
    for (size_t done = 0; done < runs; done += PER_BATCH) {
        size_t count = runs - done < PER_BATCH ? runs - done : PER_BATCH;
        struct tw_run_row *rows = calloc(count, sizeof *rows);
        if (rows == NULL) {
            exit(1);
        }
        for (size_t i = 0; i < count; i++) {
            rows[i] = make_run(done + i);
        }
        const struct tw_track_changes changes = {.runs = rows, .run_count = count};
        took += commit(&changes, 0, false);
        free(rows);
    }
    printf("run_row_written %.2f us\n", took * 1e6 / (double)runs);
}

static void write_series(void)
{
    struct tw_series_name *names = calloc(SERIES, sizeof *names);
    struct tw_series_point *points = calloc(SERIES, sizeof *points);
    double took = 0;
    if (names == NULL || points == NULL) {
        exit(1);
    }
    for (uint32_t i = 0; i < SERIES; i++) {
        names[i] = (struct tw_series_name){.series = i,
                                           .kind = (enum tw_series_kind)(i % 3),
                                           .divisor = 1,
                                           .metric = TW_STR_LIT("step_waiting"),
                                           .labels = format_labels(i)};
    }
    for (int64_t bucket = 0; bucket < BUCKETS; bucket++) {
        for (uint32_t i = 0; i < SERIES; i++) {
            points[i] = (struct tw_series_point){
                .series = i, .bucket = START_S + bucket * 10, .value = bucket * i % 1000};
        }
        const struct tw_track_changes changes = {.names = names,
                                                 .name_count = bucket == 0 ? SERIES : 0,
                                                 .points = points,
                                                 .point_count = SERIES};
        took += commit(&changes, 0, false);
    }
    printf("point_written %.2f us\n", took * 1e6 / (SERIES * BUCKETS));
    free(names);
    free(points);
}

static void read_runs(struct tw_reader *reader, const char *name, struct tw_run_filter filter,
                      bool with_total)
{
    double best = 1e9;
    uint64_t total = 0;
    for (int i = 0; i < QUERY_ROUNDS; i++) {
        struct tw_diag diag = {{0}};
        struct tw_arena arena;
        const struct tw_run_hit *hits = NULL;
        size_t count = 0;
        bool more = false;
        tw_arena_init(&arena, (size_t)64 << 20);
        double start = now_s();
        must(tw_reader_runs(reader, &arena, &filter, &hits, &count, &more,
                            with_total ? &total : NULL),
             name, &diag);
        double took = now_s() - start;
        best = took < best ? took : best;
        tw_arena_fini(&arena);
    }
    printf("%s %.2f ms\n", name, best * 1e3);
    (void)fprintf(stderr, "%s: %llu in all\n", name, (unsigned long long)total);
}

static void read_series(struct tw_reader *reader, const char *name, int64_t since_s)
{
    const struct tw_str label = TW_STR_LIT("workflow");
    const struct tw_str value = TW_STR_LIT("workflow-7");
    const struct tw_series_query asked = {.metric = TW_STR_LIT("step_waiting"),
                                          .label_names = &label,
                                          .label_values = &value,
                                          .label_count = 1,
                                          .since_s = since_s,
                                          .until_s = START_S + 3600};
    double best = 1e9;
    for (int i = 0; i < QUERY_ROUNDS; i++) {
        struct tw_diag diag = {{0}};
        struct tw_arena arena;
        struct tw_series_result result;
        tw_arena_init(&arena, (size_t)64 << 20);
        double start = now_s();
        must(tw_reader_series(reader, &arena, &asked, &result), name, &diag);
        double took = now_s() - start;
        best = took < best ? took : best;
        tw_arena_fini(&arena);
    }
    printf("%s %.2f ms\n", name, best * 1e3);
}

static void read_all(bool is_archived)
{
    struct tw_diag diag = {{0}};
    struct tw_reader *reader = NULL;
    enum tw_run_state failed = TW_RUN_IS_FAILED;
    must(tw_reader_open(dir, &reader, &diag), "open the reader", &diag);
    if (is_archived) {
        read_series(reader, "series_read_archived", START_S);
        read_series(reader, "series_read_archived_35d", START_S - 35 * 86400);
        tw_reader_close(&reader);
        return;
    }
    const struct tw_run_filter of = {.workflow = TW_STR_LIT("workflow-7"), .limit = 50};
    const struct tw_run_filter all = {.limit = 50};
    const struct tw_run_filter some = {.system = TW_STR_LIT("erp"), .state = &failed, .limit = 50};
    read_runs(reader, "runs_of_workflow", of, true);
    read_runs(reader, "runs_all", all, true);
    read_runs(reader, "runs_all_without_total", all, false);
    read_runs(reader, "runs_of_system_failed", some, true);
    read_series(reader, "series_read_open", START_S);
    tw_reader_close(&reader);
}

static int ignore_tap(void *context, const struct tw_tap_state *tap)
{
    (void)context;
    (void)tap;
    return TW_OK;
}

static int ignore_source(void *context, const struct tw_source_state *source)
{
    (void)context;
    (void)source;
    return TW_OK;
}

static int count_record(void *context, const struct tw_record *record)
{
    *(uint64_t *)context += record->json.len;
    return TW_OK;
}

static void replay(void)
{
    struct tw_diag diag = {{0}};
    uint64_t bytes = 0;
    struct tw_recovery recovery = {.context = &bytes,
                                   .tap = ignore_tap,
                                   .source = ignore_source,
                                   .record = count_record,
                                   .track_record = count_record};
    double start = now_s();
    must(tw_store_recover(store, &recovery, &diag), "recover", &diag);
    printf("replay %.0f records/s\n", (double)recovery.track_records / (now_s() - start));
}

static void remove_store(void)
{
    char path[512];
    DIR *stream = opendir(dir);
    for (const struct dirent *item = stream == NULL ? NULL : readdir(stream); item != NULL;
         item = readdir(stream)) {
        if (item->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "%s/%s", dir, item->d_name);
            (void)unlink(path); /* ours */
        }
    }
    if (stream != NULL) {
        (void)closedir(stream); /* only read */
    }
    (void)rmdir(dir); /* empty */
}

int main(int argc, char **argv)
{
    size_t runs = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 100000;
    struct tw_diag diag = {{0}};
    struct tw_cfg_object object = {
        .type = (char[]){"order"}, .attribute = (char[]){"orderid"}, .is_linking = true};
    struct tw_cfg cfg = {.objects = &object, .object_count = 1};
    (void)snprintf(dir, sizeof dir, "%s/tw-bench-tracks-XXXXXX", argc > 2 ? argv[2] : "/tmp");
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return 1;
    }
    cfg.store.dir = dir;
    must(tw_store_open(&cfg, tw_clock_system(), &store, &diag), "open", &diag);
    must(tw_batch_new((size_t)1 << 30, &batch), "batch", &diag);
    double plain = 0;
    for (size_t i = 0; i < RECORDS; i += PER_BATCH) {
        plain += commit(NULL, PER_BATCH, false);
    }
    (void)fprintf(stderr, "commit without changes: %.2f us a record\n", plain * 1e6 / RECORDS);
    write_runs(runs);
    write_series();
    replay();
    read_all(false);
    (void)commit(NULL, 1, true);
    double start = now_s();
    must(tw_keeper_run_once(store, &diag), "keeper", &diag);
    printf("archive_and_seal %.2f s\n", now_s() - start);
    read_all(true);
    tw_batch_destroy(&batch);
    tw_store_destroy(&store);
    remove_store();
    return 0;
}
