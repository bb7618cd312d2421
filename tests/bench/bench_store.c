/* SPDX-License-Identifier: Apache-2.0
 * The writer alone: commits synthetic batches, beside a plain SQLite insert of the same rows in
 * interleaved rounds. Prints one figure a line: name value unit.
 *   bench_store [BATCHES] [DIR]     (default 500 batches of 4000 events, a directory in /tmp)
 */
#include "config.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/err.h"
#include "store/ident.h"
#include "store/store.h"
#include "store/writer.h"

#define EVENTS     4000
#define OPEN_FLOWS 20000
#define ROUND      25 /* batches in a row before the other side has its turn */

static uint64_t seed = 88172645463325252u;

static uint64_t rnd(uint64_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % below;
}

struct flow {
    uint64_t order;
    uint64_t transaction;
    unsigned store;
    unsigned till;
    unsigned step;
    unsigned amount;
    uint64_t customer;
};

static struct flow flows[OPEN_FLOWS];
static uint64_t next_flow = 4711000000;

static void start_flow(struct flow *flow)
{
    next_flow += 1 + rnd(3);
    *flow = (struct flow){.order = next_flow,
                          .transaction = next_flow * 7 % 1000000,
                          .store = (unsigned)rnd(100),
                          .till = (unsigned)rnd(8),
                          .amount = (unsigned)rnd(100000),
                          .customer = rnd(1000000)};
}

static struct tw_str print_json(struct tw_arena *arena, const struct flow *flow, uint64_t n,
                                int64_t ms)
{
    static const char *const types[8] = {
        "sale.completed",        "middleware.received", "middleware.transformed",
        "erp.posting.requested", "erp.posted",          "loyalty.points.accrued",
        "inventory.stock.moved", "crm.profile.updated"};
    static const char *const systems[8] = {"pos", "middleware", "middleware", "middleware",
                                           "erp", "loyalty",    "wms",        "crm"};
    char *text = tw_arena_alloc(arena, 1024);
    int len = snprintf(
        text, 1024,
        "{\"specversion\":\"1.0\",\"id\":\"%016llx-%04llx\",\"source\":\"/%s/store-%04u/till-%u\","
        "\"type\":\"com.example.retail.%s\",\"time\":\"2026-11-21T%02d:%02d:%02d.%03dZ\","
        "\"transactionid\":\"%06llu\",\"orderid\":\"%llu\",\"storeid\":\"%04u\",\"registerid\":"
        "\"%u\",\"customerref\":\"C%08llu\",\"amount\":\"%u.%02u\",\"currency\":\"EUR\","
        "\"sequence\":"
        "\"%010llu\",\"datacontenttype\":\"application/json\",\"data\":{\"receipt\":{\"lines\":[{"
        "\"sku\":\"%07llu\",\"qty\":%u,\"price\":\"%u.%02u\"},{\"sku\":\"%07llu\",\"qty\":1,"
        "\"price\":\"%u.99\"}],\"cashier\":\"K%03u\",\"payment\":\"card\"},\"status\":\"ok\"}}",
        (unsigned long long)(flow->order * 0x9e3779b97f4a7c15u + flow->step),
        (unsigned long long)(n & 0xffff), systems[flow->step], flow->store, flow->till,
        types[flow->step], (int)(ms / 3600000 % 24), (int)(ms / 60000 % 60), (int)(ms / 1000 % 60),
        (int)(ms % 1000), (unsigned long long)flow->transaction, (unsigned long long)flow->order,
        flow->store, flow->till, (unsigned long long)flow->customer, flow->amount / 100,
        flow->amount % 100, (unsigned long long)n, (unsigned long long)rnd(20000),
        (unsigned)rnd(5) + 1, (unsigned)rnd(100), (unsigned)rnd(100),
        (unsigned long long)rnd(20000), (unsigned)rnd(60), (unsigned)rnd(300));
    return (struct tw_str){text, (size_t)len};
}

/* The value of a member, where it stands in the json: as intake hands it over. */
static struct tw_str find_value(struct tw_str json, const char *name, size_t len)
{
    const char *at = memmem(json.ptr, json.len, name, strlen(name));
    return (struct tw_str){at + strlen(name), len};
}

static void add_objects(struct tw_batch *batch, struct tw_record *record)
{
    struct tw_object *objects = tw_arena_alloc(&batch->arena, 4 * sizeof *objects);
    struct tw_str store = find_value(record->json, "\"storeid\":\"", 4);
    objects[0] = (struct tw_object){1, find_value(record->json, "\"transactionid\":\"", 6), store};
    objects[1] =
        (struct tw_object){2, find_value(record->json, "\"orderid\":\"", 10), TW_STR_LIT("")};
    objects[2] =
        (struct tw_object){3, find_value(record->json, "\"customerref\":\"", 9), TW_STR_LIT("")};
    objects[3] = (struct tw_object){4, store, TW_STR_LIT("")};
    record->objects = objects;
    record->object_count = 4;
}

static void fill_batch(struct tw_batch *batch, uint64_t first_n)
{
    static const int64_t start_ms = INT64_C(1795225279123);
    tw_batch_reset(batch);
    batch->first_n = first_n;
    batch->starts_partition = first_n > 1 && (first_n - 1) % 2000000 == 0;
    for (uint64_t i = 0; i < EVENTS; i++) {
        struct flow *flow = &flows[rnd(OPEN_FLOWS)];
        struct tw_record *record = tw_batch_add_record(batch);
        int64_t ms = start_ms + (int64_t)(first_n + i) / 300;
        record->n = first_n + i;
        record->kind = TW_RECORD_EVENT;
        record->received.ns = start_ms * 1000000 + (int64_t)record->n * 3333 + (int64_t)rnd(1000);
        record->time.ns = (ms - (int64_t)rnd(2000)) * 1000000;
        record->has_time = true;
        record->tap = 1;
        record->source = flow->store * 8 + flow->till;
        record->json = print_json(&batch->arena, flow, record->n, record->time.ns / 1000000);
        add_objects(batch, record);
        struct tw_ident *ident = tw_batch_add_ident(batch);
        uint64_t key = (record->n ^ record->n >> 7) * 0x9e3779b97f4a7c15u;
        *ident = (struct tw_ident){key ^ key >> 29, (uint32_t)record->n, record->n};
        if (++flow->step == 8) {
            start_flow(flow);
        }
    }
    batch->totals.v[0] = first_n;
}

static double now_s(clockid_t id)
{
    struct timespec at;
    (void)clock_gettime(id, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

static uint64_t dir_bytes(const char *dir)
{
    uint64_t bytes = 0;
    DIR *stream = opendir(dir);
    for (struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream)) {
        char path[4096];
        struct stat info;
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        if (stat(path, &info) == 0 && S_ISREG(info.st_mode)) {
            bytes += (uint64_t)info.st_size;
        }
    }
    (void)closedir(stream);
    return bytes;
}

static void must(int rc, const struct tw_diag *diag)
{
    if (rc != TW_OK) {
        (void)fprintf(stderr, "bench_store: %s: %s\n", tw_err_text(rc), diag->text);
        exit(1);
    }
}

/* The peer: one row an event, no index, the same transactions. */
static sqlite3_stmt *open_plain(const char *path, sqlite3 **ret_db)
{
    sqlite3_stmt *stmt = NULL;
    (void)sqlite3_open(path, ret_db);
    (void)sqlite3_exec(*ret_db,
                       "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;"
                       "CREATE TABLE e(n INTEGER PRIMARY KEY, received, time, source, json)",
                       NULL, NULL, NULL);
    (void)sqlite3_prepare_v2(*ret_db, "INSERT INTO e VALUES(?1, ?2, ?3, ?4, ?5)", -1, &stmt, NULL);
    return stmt;
}

static void commit_plain(sqlite3 *db, sqlite3_stmt *stmt, const struct tw_batch *batch)
{
    (void)sqlite3_exec(db, "BEGIN", NULL, NULL, NULL);
    for (size_t i = 0; i < batch->record_count; i++) {
        const struct tw_record *record = &batch->records[i];
        (void)sqlite3_bind_int64(stmt, 1, (int64_t)record->n);
        (void)sqlite3_bind_int64(stmt, 2, record->received.ns);
        (void)sqlite3_bind_int64(stmt, 3, record->time.ns);
        (void)sqlite3_bind_int(stmt, 4, (int)record->source);
        (void)sqlite3_bind_text(stmt, 5, record->json.ptr, (int)record->json.len, SQLITE_STATIC);
        (void)sqlite3_step(stmt);
        (void)sqlite3_reset(stmt);
    }
    (void)sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
}

static int skip_tap(void *context, const struct tw_tap_state *tap)
{
    (void)context;
    (void)tap;
    return TW_OK;
}

static int skip_source(void *context, const struct tw_source_state *source)
{
    (void)context;
    (void)source;
    return TW_OK;
}

static int skip_record(void *context, const struct tw_record *record)
{
    (void)context;
    (void)record;
    return TW_OK;
}

/* What stands between a start and the first acknowledgement, as far as it is the store's. */
static void bench_restart(const struct tw_cfg *cfg)
{
    struct tw_diag diag = {{0}};
    struct tw_store *store = NULL;
    struct tw_idents *idents = NULL;
    struct tw_recovery recovery = {.tap = skip_tap, .source = skip_source, .record = skip_record};
    double t0 = now_s(CLOCK_MONOTONIC);
    must(tw_store_open(cfg, tw_clock_system(), &store, &diag), &diag);
    must(tw_store_recover(store, &recovery, &diag), &diag);
    must(tw_ident_new(store, &idents, &diag), &diag);
    printf("store.restart_wall %.3f s\n", now_s(CLOCK_MONOTONIC) - t0);
    printf("store.ident_memory %.1f MB\n", (double)tw_ident_memory(idents) / 1e6);
    uint64_t found = 0;
    uint64_t n = 0;
    uint32_t check = 0;
    t0 = now_s(CLOCK_MONOTONIC);
    for (uint64_t i = 0; i < 500000; i++) {
        found += tw_ident_find(idents, rnd(UINT64_MAX), 0, &n, &check) == TW_OK ? 1 : 0;
    }
    printf("store.ident_miss %.3f us\n", (now_s(CLOCK_MONOTONIC) - t0) * 2 + (double)found * 0);
    tw_ident_destroy(&idents);
    tw_store_destroy(&store);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : (x > y ? 1 : 0);
}

/* What the benchmark made in a place of its own choice; a place that was named stays. */
static void remove_store(const char *dir, bool is_own)
{
    DIR *entries = is_own ? opendir(dir) : NULL;
    if (entries == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        char path[4096];
        (void)snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        (void)unlink(path); /* "." and ".." refuse, which is right */
    }
    (void)closedir(entries);
    (void)rmdir(dir);
}

/* What the rounds came to. */
struct tally {
    double *latency; /* of each batch, seconds */
    size_t batches;
    double wall;
    double cpu;
    double plain_wall;
    double plain_cpu;
    size_t plain_batches;
    uint64_t json_bytes;
};

/* Commits into the store, and every fourth round into the plain table as well. */
static void run_rounds(struct tw_store *store, sqlite3 *plain_db, sqlite3_stmt *plain_stmt,
                       struct tally *tally)
{
    struct tw_diag diag = {{0}};
    struct tw_batch *batch = NULL;
    must(tw_batch_new(64u << 20, &batch), &diag);
    for (size_t i = 0; i < tally->batches; i++) {
        fill_batch(batch, i * EVENTS + 1);
        for (size_t k = 0; k < batch->record_count; k++) {
            tally->json_bytes += batch->records[k].json.len;
        }
        double t0 = now_s(CLOCK_MONOTONIC);
        double c0 = now_s(CLOCK_PROCESS_CPUTIME_ID);
        must(tw_store_commit(store, batch, &diag), &diag);
        tally->latency[i] = now_s(CLOCK_MONOTONIC) - t0;
        tally->wall += tally->latency[i];
        tally->cpu += now_s(CLOCK_PROCESS_CPUTIME_ID) - c0;
        if (i / ROUND % 4 == 3 && tally->plain_batches < 200) {
            t0 = now_s(CLOCK_MONOTONIC);
            c0 = now_s(CLOCK_PROCESS_CPUTIME_ID);
            commit_plain(plain_db, plain_stmt, batch);
            tally->plain_wall += now_s(CLOCK_MONOTONIC) - t0;
            tally->plain_cpu += now_s(CLOCK_PROCESS_CPUTIME_ID) - c0;
            tally->plain_batches++;
        }
    }
    tw_batch_destroy(&batch);
}

static void print_rounds(const struct tally *tally, const char *dir)
{
    double events = (double)tally->batches * EVENTS;
    qsort(tally->latency, tally->batches, sizeof *tally->latency, compare_doubles);
    printf("store.events %.0f events\n", events);
    printf("store.event_bytes %.1f bytes\n", (double)tally->json_bytes / events);
    printf("store.commit_rate %.0f events/s\n", events / tally->wall);
    printf("store.commit_cpu %.3f us/event\n", tally->cpu / events * 1e6);
    printf("store.commit_p50 %.2f ms\n", tally->latency[tally->batches / 2] * 1e3);
    printf("store.commit_p99 %.2f ms\n", tally->latency[tally->batches * 99 / 100] * 1e3);
    printf("store.commit_max %.2f ms\n", tally->latency[tally->batches - 1] * 1e3);
    printf("store.bytes_unsealed %.1f bytes/event\n", (double)dir_bytes(dir) / events);
    if (tally->plain_batches > 0) {
        double plain_events = (double)tally->plain_batches * EVENTS;
        printf("store.plain_rate %.0f events/s\n", plain_events / tally->plain_wall);
        printf("store.plain_cpu %.3f us/event\n", tally->plain_cpu / plain_events * 1e6);
        printf("store.ratio_to_plain %.2f x\n",
               events / tally->wall / (plain_events / tally->plain_wall));
    }
}

static void remove_plain(const char *plain)
{
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char path[4200];
        (void)snprintf(path, sizeof path, "%s%s", plain, suffixes[i]);
        (void)unlink(path); /* made by us beside the store, whoever named it */
    }
}

int main(int argc, char **argv)
{
    struct tally tally = {.batches = argc > 1 ? strtoul(argv[1], NULL, 10) : 500};
    char dir[3000];
    (void)snprintf(dir, sizeof dir, "%s", argc > 2 ? argv[2] : "/tmp/bench-store-XXXXXX");
    if (argc <= 2 && mkdtemp(dir) == NULL) {
        return 1;
    }
    char plain[4096];
    (void)snprintf(plain, sizeof plain, "%s-plain.db", dir);
    struct tw_cfg cfg = {.store.dir = dir, .store.duplicate_memory_bytes = 256 << 20};
    struct tw_diag diag = {{0}};
    struct tw_store *store = NULL;
    must(tw_store_open(&cfg, tw_clock_system(), &store, &diag), &diag);
    sqlite3 *plain_db = NULL;
    sqlite3_stmt *plain_stmt = open_plain(plain, &plain_db);
    for (size_t i = 0; i < OPEN_FLOWS; i++) {
        start_flow(&flows[i]);
        flows[i].step = (unsigned)rnd(8);
    }
    tally.latency = calloc(tally.batches + 1, sizeof *tally.latency);
    if (tally.latency == NULL) {
        return 1;
    }
    run_rounds(store, plain_db, plain_stmt, &tally);
    print_rounds(&tally, dir);
    double t0 = now_s(CLOCK_MONOTONIC);
    must(tw_keeper_run_once(store, &diag), &diag);
    printf("store.seal_wall %.2f s\n", now_s(CLOCK_MONOTONIC) - t0);
    tw_store_destroy(&store);
    bench_restart(&cfg);
    printf("store.bytes_closed %.1f bytes/event\n",
           (double)dir_bytes(dir) / ((double)tally.batches * EVENTS));
    (void)sqlite3_finalize(plain_stmt);
    (void)sqlite3_close(plain_db);
    free(tally.latency);
    remove_store(dir, argc <= 2);
    remove_plain(plain);
    return 0;
}
