/* SPDX-License-Identifier: Apache-2.0
 * What each part of the way from the socket to the disk costs, by the collector's own code, one
 * part after the other over the same events: those of the ingest benchmark, one a message, sent by
 * another process. docs/developers.md tells what the figures mean.
 *   bench_parts [EVENTS [ROUNDS [DIR]]]     (default 200000, 5, a directory in /tmp)
 * EVENTS is rounded up to whole flows. Each round has a store of its own, which is read back:
 * every record, every source, the index by sampled orders. Prints medians of the rounds. */
#include "config.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <zmq.h>

#include "bench/load.h"
#include "correlate/correlate.h"
#include "event/decode.h"
#include "store/format.h"
#include "store/index.h"
#include "store/migrate.h"
#include "store/reader.h"
#include "tap/tap.h"

#define CHUNK        512 /* messages between two settles, as intake has it */
#define ARENA_BYTES  ((size_t)256 << 20)
#define ZSTD_LEVEL   1  /* as part.c has it */
#define ORDERS_APART 16 /* of so many orders one is looked up */
#define ROUNDS_MAX   99
#define WAIT_MS      30000 /* for the sender, before it is taken for dead */

enum part { RECEIVE, DECODE, CORRELATE, COMPRESS, INDEX, COMMIT, PARTS };

struct bench {
    uint64_t events; /* in all */
    const char *base;
    char dir[512];
    struct tw_cfg *cfg;
    struct tw_taps *taps;
    struct tw_store *store;
    struct tw_idents *idents;
    struct tw_sources *sources;
    struct tw_correlator *correlator;
    struct tw_decoder *decoder;
    struct tw_batch *batch;
    struct tw_block_writer *blocks;
    struct tw_buf packed;
    size_t *block_ends; /* of the batch: where each block ends in `packed` */
    size_t block_count;
    sqlite3 *scratch; /* what the index under test is prepared on; it stays empty */
    struct tw_index *index;
    /* the chunk under way */
    struct tw_message messages[CHUNK];
    struct tw_event decoded[CHUNK];
    size_t message_count;
    size_t decoded_count;
    /* so far */
    uint64_t received;
    uint64_t recovered_sources;
    int64_t cpu_ns[PARTS];
    int64_t commit_wall_ns;
    uint64_t packed_bytes;
    uint64_t json_bytes;
};

static _Noreturn void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "bench_parts: %s: %s\n", what, why);
    exit(1);
}

static void must(int rc, const char *what, const struct tw_diag *diag)
{
    if (rc != TW_OK) {
        die(what, diag == NULL ? tw_err_text(rc) : diag->text);
    }
}

static void expect(bool is_true, const char *what, uint64_t n)
{
    if (!is_true) {
        (void)fprintf(stderr, "bench_parts: %s: not so at %" PRIu64 "\n", what, n);
        exit(1);
    }
}

static int64_t clock_ns(clockid_t id)
{
    struct timespec at;
    (void)clock_gettime(id, &at); /* cannot fail for these clocks */
    return at.tv_sec * TW_NS_PER_S + at.tv_nsec;
}

/* CPU time of this thread: the sender and the I/O thread of libzmq do not count. */
static int64_t cpu_ns(void)
{
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* ---- the sender ---- */

static void send_all(const char *endpoint, uint64_t events)
{
    static char body[LOAD_EVENT_MAX];
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_PUSH);
    TW_ASSERT(zmq_connect(socket, endpoint) == 0);
    for (uint64_t n = 0; n < events; n++) {
        size_t len = load_message(n, 1, body);
        TW_ASSERT(zmq_send(socket, body, len, 0) == (int)len);
    }
    (void)zmq_close(socket); /* the default linger sends what is left */
    (void)zmq_ctx_term(context);
}

static pid_t start_sender(const struct bench *bench)
{
    pid_t pid = fork();
    TW_ASSERT(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a benchmark that died has nobody to send to */
        send_all(tw_taps_endpoint(bench->taps, 0), bench->events);
        _exit(0);
    }
    return pid;
}

/* ---- the parts ---- */

/* Up to a chunk of messages, held until the commit as intake holds them. */
static void receive(struct bench *bench, size_t limit)
{
    bench->message_count = 0;
    while (bench->message_count < limit) {
        struct tw_tap_message received;
        int rc = tw_taps_receive(bench->taps, &bench->batch->arena, &received);
        if (rc == TW_EAGAIN) {
            uint32_t ready = 0;
            must(tw_taps_wait(bench->taps, true, NULL, 0, WAIT_MS, &ready), "wait", NULL);
            continue;
        }
        must(rc, "receive", NULL);
        expect(received.problem == TW_PROBLEM_none, "frames that can be read", bench->received);
        bench->messages[bench->message_count++] = (struct tw_message){
            .tap = 1,
            .peer = received.peer,
            .received = tw_clock_system()->wall(tw_clock_system()),
            .topic = received.topic,
            .headers = received.headers,
            .body = received.body,
        };
        bench->received++;
    }
}

static void keep_event(void *context, const struct tw_event *event)
{
    struct bench *bench = context;
    TW_ASSERT(bench->decoded_count < CHUNK);
    bench->decoded[bench->decoded_count++] = *event;
}

static void refuse_problem(void *context, const struct tw_problem *problem)
{
    (void)context;
    (void)fprintf(stderr, "%.*s\n", (int)problem->detail.len, problem->detail.ptr);
    exit(1);
}

static void decode(struct bench *bench)
{
    const struct tw_decode_sink sink = {bench, keep_event, refuse_problem};
    bench->decoded_count = 0;
    for (size_t i = 0; i < bench->message_count; i++) {
        tw_decoder_run(bench->decoder, &bench->messages[i], &sink);
    }
}

static void correlate(struct bench *bench)
{
    for (size_t i = 0; i < bench->decoded_count; i++) {
        must(tw_correlate_add(bench->correlator, bench->batch, &bench->messages[i],
                              &bench->decoded[i], NULL),
             "correlate", NULL);
    }
    must(tw_correlate_settle(bench->correlator, bench->batch, NULL), "settle", NULL);
}

static void finish_block(struct bench *bench)
{
    must(tw_block_finish(bench->blocks, &bench->packed), "compress", NULL);
    bench->block_ends[bench->block_count++] = bench->packed.len;
}

/* As the writer of partitions does it: blocks of TW_BLOCK_BYTES. */
static void compress(struct bench *bench)
{
    tw_buf_clear(&bench->packed);
    bench->block_count = 0;
    for (size_t i = 0; i < bench->batch->record_count; i++) {
        must(tw_block_add(bench->blocks, &bench->batch->records[i]), "compress", NULL);
        if (tw_block_bytes(bench->blocks) >= TW_BLOCK_BYTES) {
            finish_block(bench);
        }
    }
    if (tw_block_records(bench->blocks) > 0) {
        finish_block(bench);
    }
}

/* ---- what the parts made ---- */

static void check_record(const struct tw_record *record, uint64_t n, char *scratch)
{
    size_t len = load_event(n - 1, scratch);
    char order[24];
    (void)snprintf(order, sizeof order, "%010" PRIu64, load_flow(n - 1));
    bool has_order = false;
    for (uint32_t i = 0; i < record->object_count; i++) {
        has_order |= tw_str_is(record->objects[i].id, order);
    }
    expect(record->n == n && record->kind == TW_RECORD_EVENT, "a new record", n);
    expect(record->json.len == len && memcmp(record->json.ptr, scratch, len) == 0,
           "the event that was sent", n);
    expect(record->object_count == LOAD_OBJECTS && has_order, "its objects", n);
}

/* Unpack what was compressed by itself: all of the batch, byte by byte. */
static void check_blocks(const struct bench *bench)
{
    struct tw_block_reader *reader = NULL;
    static char scratch[LOAD_EVENT_MAX];
    uint64_t n = bench->batch->first_n;
    must(tw_block_reader_new(&reader), "block reader", NULL);
    for (size_t i = 0, at = 0; i < bench->block_count; at = bench->block_ends[i++]) {
        struct tw_record record;
        must(tw_block_open(reader, n, bench->packed.data + at, bench->block_ends[i] - at),
             "open a block", NULL);
        while (tw_block_next(reader, &record) == TW_OK) {
            check_record(&record, n++, scratch);
        }
    }
    expect(n == bench->batch->first_n + bench->batch->record_count, "every record is packed", n);
    tw_block_reader_destroy(&reader);
}

struct scan {
    uint64_t n; /* of the last record seen */
    char scratch[LOAD_EVENT_MAX];
};

static int scan_row(void *context, const struct tw_stored *stored)
{
    struct scan *scan = context;
    check_record(&stored->record, ++scan->n, scan->scratch);
    expect(stored->duplicates == 0 && stored->conflicts == 0, "no echoes", scan->n);
    return TW_OK;
}

static void check_orders(struct tw_reader *reader, uint64_t flows)
{
    const struct tw_object_type *type = tw_reader_object_type(reader, TW_STR_LIT("order"));
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    expect(type != NULL, "the type order is known", 0);
    for (uint64_t flow = 0; flow < flows; flow += ORDERS_APART) {
        char id[24];
        (void)snprintf(id, sizeof id, "%010" PRIu64, flow);
        const struct tw_object order = {type->code, tw_str_of(id), TW_STR_LIT("")};
        const uint64_t *found = NULL;
        size_t count = 0;
        bool more = false;
        must(tw_reader_postings(reader, &arena, &order, 100, &found, &count, &more), "look-up",
             NULL);
        expect(count == LOAD_STEPS && !more, "eight events of each order", flow);
        for (size_t i = 0; i < count; i++) {
            expect(load_flow(found[i] - 1) == flow, "events of this order", found[i]);
        }
        tw_arena_reset(&arena);
    }
    tw_arena_fini(&arena);
}

static int count_source(void *context, const struct tw_source_state *source)
{
    struct bench *bench = context;
    (void)source;
    bench->recovered_sources++;
    return TW_OK;
}

static int pass_tap(void *context, const struct tw_tap_state *tap)
{
    (void)context;
    (void)tap;
    return TW_OK;
}

static int pass_record(void *context, const struct tw_record *record)
{
    (void)context;
    (void)record;
    return TW_OK;
}

static void recover(struct bench *bench, struct tw_recovery *ret_recovery)
{
    struct tw_diag diag = {""};
    *ret_recovery = (struct tw_recovery){
        .context = bench, .tap = pass_tap, .source = count_source, .record = pass_record};
    bench->recovered_sources = 0;
    must(tw_store_recover(bench->store, ret_recovery, &diag), "recover", &diag);
}

/* The store after a restart: nothing may be missing, or there twice. */
static void check_store(struct bench *bench)
{
    struct tw_diag diag = {""};
    struct tw_recovery recovery;
    struct tw_reader *reader = NULL;
    static struct scan scan;
    scan.n = 0;
    must(tw_store_open(bench->cfg, tw_clock_system(), &bench->store, &diag), "open again", &diag);
    recover(bench, &recovery);
    expect(recovery.next_n == bench->events + 1, "every event is committed", recovery.next_n);
    expect(recovery.totals.v[TW_TOTAL_events_accepted] == bench->events &&
               recovery.totals.v[TW_TOTAL_events_duplicate] == 0,
           "every event is counted once", recovery.totals.v[TW_TOTAL_events_accepted]);
    expect(bench->recovered_sources == LOAD_SOURCES, "every source is there",
           bench->recovered_sources);
    must(tw_reader_open(bench->dir, &reader, &diag), "reader", &diag);
    must(tw_reader_scan(reader, 1, (tw_wall_t){INT64_MIN}, (tw_wall_t){INT64_MAX}, NULL, scan_row,
                        &scan),
         "read back", NULL);
    expect(scan.n == bench->events, "every record is read back", scan.n);
    check_orders(reader, bench->events / LOAD_STEPS);
    tw_reader_close(&reader);
    tw_store_destroy(&bench->store);
}

/* ---- a round ---- */

static int no_past(void *context, uint64_t n, struct tw_arena *arena, struct tw_record *ret_record)
{
    (void)context;
    (void)arena;
    (void)ret_record;
    expect(false, "an event that was seen before", n);
    return TW_ENOTFOUND;
}

static void set_up(struct bench *bench)
{
    static const char yaml[] = "taps:\n"
                               "  - {name: pull, kind: pull, bind: [\"tcp://127.0.0.1:*\"]}\n";
    const struct tw_past past = {NULL, no_past};
    struct tw_diag diag = {""};
    struct tw_recovery recovery;
    (void)snprintf(bench->dir, sizeof bench->dir, "%s/bench-parts-XXXXXX", bench->base);
    if (mkdtemp(bench->dir) == NULL) {
        die(bench->dir, "cannot be made");
    }
    must(tw_cfg_parse("bench", yaml, sizeof yaml - 1, stderr, &bench->cfg), "configuration", NULL);
    free(bench->cfg->store.dir);
    bench->cfg->store.dir = strdup(bench->dir);
    must(tw_store_open(bench->cfg, tw_clock_system(), &bench->store, &diag), "store", &diag);
    recover(bench, &recovery);
    must(tw_ident_new(bench->store, &bench->idents, &diag), "identities", &diag);
    must(tw_sources_new(bench->cfg, &bench->sources), "sources", NULL);
    must(tw_correlator_new(bench->cfg, bench->store, bench->idents, bench->sources, &past,
                           &bench->correlator),
         "correlator", NULL);
    must(tw_batch_new(ARENA_BYTES, &bench->batch), "batch", NULL);
    must(tw_decoder_new(bench->cfg, &bench->batch->arena, &bench->decoder), "decoder", NULL);
    must(tw_taps_new(bench->cfg, &bench->taps, &diag), "taps", &diag);
    must(tw_block_writer_new(ZSTD_LEVEL, &bench->blocks), "blocks", NULL);
    tw_buf_init(&bench->packed, ARENA_BYTES);
    /* a block has at least one record */
    bench->block_ends = calloc((size_t)bench->cfg->store.commit_events, sizeof *bench->block_ends);
    expect(bench->block_ends != NULL, "memory", 0);
    if (sqlite3_open(":memory:", &bench->scratch) != SQLITE_OK) {
        die("sqlite3_open", "no memory");
    }
    must(tw_schema_make(bench->scratch, tw_part_schema(), &diag), "schema", &diag);
    must(tw_index_new(bench->scratch, &bench->index, &diag), "index", &diag);
}

static void tear_down(struct bench *bench)
{
    tw_index_destroy(&bench->index);
    (void)sqlite3_close(bench->scratch); /* nothing of it is kept */
    free(bench->block_ends);
    tw_buf_fini(&bench->packed);
    tw_block_writer_destroy(&bench->blocks);
    tw_taps_destroy(&bench->taps);
    tw_decoder_destroy(&bench->decoder);
    tw_correlator_destroy(&bench->correlator);
    tw_sources_destroy(&bench->sources);
    tw_ident_destroy(&bench->idents);
    tw_store_destroy(&bench->store);
    tw_batch_destroy(&bench->batch);
}

static void remove_store(const char *dir)
{
    DIR *entries = opendir(dir);
    if (entries == NULL) {
        return;
    }
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries)) {
        (void)unlinkat(dirfd(entries), entry->d_name, 0); /* "." and ".." refuse, which is right */
    }
    (void)closedir(entries);
    (void)rmdir(dir);
}

static void timed(struct bench *bench, enum part part, void (*run)(struct bench *bench))
{
    int64_t start = cpu_ns();
    run(bench);
    bench->cpu_ns[part] += cpu_ns() - start;
}

static void fill_batch(struct bench *bench)
{
    struct tw_batch *batch = bench->batch;
    while (bench->received < bench->events &&
           batch->record_count < (size_t)bench->cfg->store.commit_events) {
        size_t limit = (size_t)bench->cfg->store.commit_events - batch->record_count;
        limit = limit < CHUNK ? limit : CHUNK;
        if (bench->events - bench->received < limit) {
            limit = (size_t)(bench->events - bench->received);
        }
        int64_t start = cpu_ns();
        receive(bench, limit);
        bench->cpu_ns[RECEIVE] += cpu_ns() - start;
        timed(bench, DECODE, decode);
        expect(bench->decoded_count == limit, "an event of each message", bench->received);
        timed(bench, CORRELATE, correlate);
        for (size_t i = 0; i < limit; i++) {
            bench->json_bytes += bench->decoded[i].json.len;
        }
    }
}

static void commit(struct bench *bench)
{
    struct tw_diag diag = {""};
    int64_t wall = clock_ns(CLOCK_MONOTONIC);
    must(tw_store_commit(bench->store, bench->batch, &diag), "commit", &diag);
    bench->commit_wall_ns += clock_ns(CLOCK_MONOTONIC) - wall;
}

static void build_index(struct bench *bench)
{
    must(tw_index_build(bench->index, bench->batch), "index", NULL);
}

static void run_batch(struct bench *bench)
{
    struct tw_batch *batch = bench->batch;
    struct tw_totals totals = batch->totals;
    uint64_t first_n = bench->received + 1;
    tw_batch_reset(batch);
    batch->first_n = first_n;
    batch->totals = totals;
    tw_ident_poll(bench->idents);
    fill_batch(bench);
    /* and one of each business effect: the last step of a flow captures its payment */
    expect(batch->ident_count >= batch->record_count &&
               batch->ident_count <= batch->record_count + batch->record_count,
           "an identity of each record", first_n);
    tw_wall_t now = tw_clock_system()->wall(tw_clock_system());
    batch->closed = now;
    batch->is_checkpoint = bench->received == bench->events;
    if (batch->is_checkpoint) {
        must(tw_sources_checkpoint(bench->sources, false, now, &batch->arena, &batch->sources,
                                   &batch->source_count),
             "checkpoint", NULL);
    }
    must(tw_sources_take_new(bench->sources, &batch->arena, &batch->new_sources,
                             &batch->new_source_count),
         "sources", NULL);
    timed(bench, COMMIT, commit);
    timed(bench, COMPRESS, compress);
    timed(bench, INDEX, build_index);
    bench->packed_bytes += bench->packed.len;
    check_blocks(bench);
    tw_taps_release(bench->taps, tw_taps_mark(bench->taps));
}

/* ---- figures ---- */

enum figure {
    RECEIVE_CPU,
    DECODE_CPU,
    CORRELATE_CPU,
    COMPRESS_CPU,
    INDEX_CPU,
    WRITE_CPU,
    COMMIT_CPU,
    COMMIT_WALL,
    SUM_CPU,
    PACKED,
    FIGURES
};

static double figures[FIGURES][ROUNDS_MAX];

static void note(const struct bench *bench, size_t round)
{
    double events = (double)bench->events;
    for (int i = 0; i < INDEX + 1; i++) {
        figures[RECEIVE_CPU + i][round] = (double)bench->cpu_ns[i] / events;
    }
    double whole = (double)bench->cpu_ns[COMMIT] / events;
    figures[COMMIT_CPU][round] = whole;
    figures[WRITE_CPU][round] = whole - figures[COMPRESS_CPU][round] - figures[INDEX_CPU][round];
    figures[COMMIT_WALL][round] = (double)bench->commit_wall_ns / events;
    figures[SUM_CPU][round] = figures[RECEIVE_CPU][round] + figures[DECODE_CPU][round] +
                              figures[CORRELATE_CPU][round] + whole;
    figures[PACKED][round] = (double)bench->packed_bytes / (double)bench->json_bytes;
}

static void run_round(uint64_t events, const char *base, size_t round)
{
    static struct bench bench;
    memset(&bench, 0, sizeof bench);
    bench.events = events;
    bench.base = base;
    set_up(&bench);
    pid_t sender = start_sender(&bench);
    while (bench.received < bench.events) {
        run_batch(&bench);
    }
    int status = 0;
    expect(waitpid(sender, &status, 0) == sender && status == 0, "the sender ended well", 0);
    note(&bench, round);
    tear_down(&bench);
    check_store(&bench);
    tw_cfg_destroy(&bench.cfg);
    remove_store(bench.dir);
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : (x > y ? 1 : 0);
}

static void print_figures(size_t rounds)
{
    static const struct {
        const char *name;
        enum figure figure;
    } parts[] = {{"receive", RECEIVE_CPU},   {"decode", DECODE_CPU}, {"correlate", CORRELATE_CPU},
                 {"compress", COMPRESS_CPU}, {"index", INDEX_CPU},   {"write", WRITE_CPU},
                 {"commit", COMMIT_CPU},     {"sum", SUM_CPU}};
    for (size_t i = 0; i < FIGURES; i++) {
        qsort(figures[i], rounds, sizeof figures[i][0], compare_doubles);
    }
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        double ns = figures[parts[i].figure][rounds / 2];
        (void)printf("parts_%s_cpu %.0f ns/event\nparts_%s_rate %.0f events/s\n", parts[i].name, ns,
                     parts[i].name, 1e9 / ns);
    }
    (void)printf("parts_commit_wall %.0f ns/event\n", figures[COMMIT_WALL][rounds / 2]);
    (void)printf("parts_compress_ratio %.3f x\n", figures[PACKED][rounds / 2]);
}

int main(int argc, char **argv)
{
    uint64_t flow_events = (uint64_t)LOAD_STEPS * LOAD_FLOWS_AT_ONCE;
    uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 200000;
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 5;
    if (events == 0 || rounds == 0 || rounds > ROUNDS_MAX) {
        (void)fprintf(stderr, "bench_parts: see the head of tests/bench/bench_parts.c\n");
        return 2;
    }
    events = (events + flow_events - 1) / flow_events * flow_events;
    load_init();
    for (size_t i = 0; i < rounds; i++) {
        run_round(events, argc > 3 ? argv[3] : "/tmp", i);
    }
    print_figures(rounds);
    return 0;
}
