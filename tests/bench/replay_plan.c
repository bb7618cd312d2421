/* SPDX-License-Identifier: Apache-2.0
 * How long a plan of many failures takes, and starting a replay of it. Prints "name value unit".
 *   replay_plan [FAILURES] [DIR]     (default 100000, a directory in /tmp)
 * Of a fifth of the objects something else has failed, too, and comes with them; a tenth was
 * replayed before.
 */
#include "config.h"

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "store/desk.h"
#include "store/plan.h"
#include "store/store.h"

#define PER_BATCH     4000
#define PER_PARTITION 20000
#define START_S       INT64_C(1795200000)
#define ROUNDS        5
#define ARENA_BYTES   ((size_t)64 << 20)

static char dir[256];

static void must(int rc, const char *what, const char *why)
{
    if (rc != 0) {
        (void)fprintf(stderr, "replay_plan: %s: %d: %s\n", what, rc, why);
        exit(1);
    }
}

static double now_s(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Events to be sent: only that they are there matters. */
static void write_events(const struct tw_cfg *cfg, uint64_t events)
{
    struct tw_diag diag = {{0}};
    struct tw_store *store = NULL;
    struct tw_batch *batch = NULL;
    must(tw_store_open(cfg, tw_clock_system(), &store, &diag), "open", diag.text);
    must(tw_batch_new((size_t)256 << 20, &batch), "batch", "");
    for (uint64_t n = 1; n <= events;) {
        batch->first_n = n;
        batch->closed.ns = (START_S + (int64_t)n) * TW_NS_PER_S;
        batch->starts_partition = n % PER_PARTITION == 1;
        batch->is_checkpoint = true;
        for (size_t i = 0; i < PER_BATCH && n <= events; i++, n++) {
            struct tw_record *record = tw_batch_add_record(batch);
            if (record == NULL) {
                exit(1);
            }
            *record = (struct tw_record){
                .n = n,
                .kind = TW_RECORD_EVENT,
                .received = batch->closed,
                .time = batch->closed,
                .has_time = true,
                .tap = 1,
                .json = TW_STR_LIT("{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/pos/1\","
                                   "\"type\":\"sale.completed\"}"),
            };
        }
        must(tw_store_commit(store, batch, &diag), "commit", diag.text);
        tw_batch_reset(batch);
    }
    tw_batch_destroy(&batch);
    tw_store_destroy(&store);
}

/* ?1 how many. Groups 1 and 2 fail at the ERP, for the same objects where they meet. */
static const char failures_sql[] =
    "BEGIN;"
    "INSERT INTO failure_group(id, workflow, step, system, destination, cause, label, created)"
    " VALUES(1, CAST('sale' AS BLOB), CAST('posted' AS BLOB), CAST('erp' AS BLOB), x'', 1,"
    " CAST('MAT-404' AS BLOB), 0), (2, CAST('refund' AS BLOB), CAST('posted' AS BLOB),"
    " CAST('erp' AS BLOB), x'', 2, CAST('TIMEOUT' AS BLOB), 0);"
    "INSERT INTO agent(name, systems, capacity, is_online, since, heard)"
    " VALUES(CAST('mw-1' AS BLOB), CAST('[\"erp\"]' AS BLOB), 32, 1, 0, 0);";
static const char failure_sql[] =
    "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < ?1)"
    " INSERT INTO failure(grp, workflow, object_type, object_scope, object_id, step, state, store,"
    " region, message, http_status, amount_minor, currency, failed_n, input_n, done_n, attempts,"
    " first, last, since) SELECT ?2, (SELECT workflow FROM failure_group WHERE id = ?2), 2,"
    " CAST(printf('%04d', i % 600) AS BLOB), CAST(printf('%08d', (i * 7919) % 1000003) AS BLOB),"
    " CAST('posted' AS BLOB), 0, CAST(printf('%04d', i % 600) AS BLOB), CAST('north' AS BLOB),"
    " CAST('material 4711 not found in plant 0042' AS BLOB), 422, i % 100000,"
    " CAST('EUR' AS BLOB), ?3 + i, ?3 + i, 0, 1, ?4 + i * 1000000, ?4 + i * 1000000,"
    " ?4 + i * 1000000 FROM k";
static const char replayed_sql[] =
    "INSERT INTO replay(id, token, plan, created, actor, reason, destination, selection,"
    " request_key, request_hash, state, changed, rate, canary, stop_failures, stop_percent,"
    " proof_s, finished) VALUES(1, x'', x'', 0, x'', x'', CAST('erp' AS BLOB), x'', x'', x'', 4, 0,"
    " 50, 5, 10, 10, 300, 1);"
    "INSERT INTO replay_item(replay, seq, replayid, failure, is_asked, is_ready, overridden,"
    " is_financial, object_type, object_scope, object_id, event_n, failed_n, amount_minor,"
    " currency, state, cause) SELECT 1, id, CAST('r' || id AS BLOB), id, 1, 0, 0, 1, object_type,"
    " object_scope, object_id, input_n, failed_n, amount_minor, currency, 4, 1 FROM failure"
    " WHERE id % 10 = 0;"
    "COMMIT;";

static void add_failures(sqlite3 *db, uint64_t count, int group, uint64_t event, int64_t since)
{
    sqlite3_stmt *stmt = NULL;
    must(sqlite3_prepare_v2(db, failure_sql, -1, &stmt, NULL), "failures", sqlite3_errmsg(db));
    (void)sqlite3_bind_int64(stmt, 1, (int64_t)count);
    (void)sqlite3_bind_int(stmt, 2, group);
    (void)sqlite3_bind_int64(stmt, 3, (int64_t)event);
    (void)sqlite3_bind_int64(stmt, 4, since);
    must(sqlite3_step(stmt) == SQLITE_DONE ? 0 : 1, "failures", sqlite3_errmsg(db));
    (void)sqlite3_finalize(stmt);
}

static void write_failures(uint64_t count)
{
    char path[300];
    struct tw_diag diag = {{0}};
    struct tw_desk *desk = NULL;
    sqlite3 *db = NULL;
    must(tw_desk_open(dir, &desk, &diag), "desk", diag.text);
    tw_desk_close(&desk);
    (void)snprintf(path, sizeof path, "%s/desk.db", dir);
    must(sqlite3_open(path, &db), "desk", path);
    must(sqlite3_exec(db, failures_sql, NULL, NULL, NULL), "groups", sqlite3_errmsg(db));
    add_failures(db, count, 1, 0, START_S * TW_NS_PER_S);
    add_failures(db, count / 5, 2, count, (START_S + 1) * TW_NS_PER_S);
    must(sqlite3_exec(db, replayed_sql, NULL, NULL, NULL), "replays", sqlite3_errmsg(db));
    must(sqlite3_close(db), "desk", path);
}

static tw_mono_t in_a_minute(void)
{
    struct tw_clock *clock = tw_clock_system();
    return (tw_mono_t){clock->mono(clock).ns + 60 * TW_NS_PER_S};
}

static void plan(uint64_t failures)
{
    const uint64_t group = 1;
    const struct tw_str financial = TW_STR_LIT("sale");
    struct tw_diag diag = {{0}};
    struct tw_reader *reader = NULL;
    struct tw_arena arena;
    struct tw_plan made = {.count = 0};
    struct tw_plan_ask ask = {.dir = dir,
                              .actor = TW_STR_LIT("bench"),
                              .by = TW_PLAN_BY_GROUP,
                              .numbers = &group,
                              .count = 1,
                              .selection = TW_STR_LIT("{\"group\":1}"),
                              .financial = &financial,
                              .financial_count = 1,
                              .now = {START_S * TW_NS_PER_S}};
    double worst = 0;
    tw_arena_init(&arena, ARENA_BYTES);
    must(tw_reader_open(dir, &reader, &diag), "reader", diag.text);
    for (int i = 0; i < ROUNDS; i++) {
        double begin = now_s();
        tw_arena_reset(&arena);
        ask.deadline = in_a_minute();
        must(tw_plan_make(&ask, reader, &arena, &made, &diag), "plan", diag.text);
        double took = now_s() - begin;
        worst = took > worst ? took : worst;
        (void)fprintf(stderr, "plan %d: %.3f s, %llu items, %llu held\n", i, took,
                      (unsigned long long)made.count, (unsigned long long)made.held);
    }
    must(made.count == failures + failures / 5 ? 0 : 1, "plan", "not all is in it");
    printf("plan_store_%lluk_seconds %.3f s\n", (unsigned long long)failures / 1000, worst);
    const struct tw_replay_order order = {
        .dir = dir,
        .plan = tw_str_of(made.token),
        .actor = TW_STR_LIT("bench"),
        .reason = TW_STR_LIT("how long it takes"),
        .key = TW_STR_LIT("bench-1"),
        .body = TW_STR_LIT("{}"),
        .rate = 50,
        .canary = 5,
        .stop_failures = 10,
        .stop_percent = 10,
        .proof_s = 300,
        .now = {START_S * TW_NS_PER_S},
        .deadline = in_a_minute(),
    };
    struct tw_replay_started started = {.id = 0};
    double begin = now_s();
    must(tw_replay_start(&order, &arena, &started, &diag), "start", diag.text);
    must(started.outcome == TW_REPLAY_STARTED && started.count == made.count ? 0 : 1, "start",
         "it was not started");
    printf("start_store_%lluk_seconds %.3f s\n", (unsigned long long)failures / 1000,
           now_s() - begin);
    tw_reader_close(&reader);
    tw_arena_fini(&arena);
}

static void remove_store(void)
{
    DIR *list = opendir(dir);
    for (struct dirent *entry = list == NULL ? NULL : readdir(list); entry != NULL;
         entry = readdir(list)) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(list), entry->d_name, 0);
        }
    }
    if (list != NULL) {
        (void)closedir(list);
    }
    (void)rmdir(dir);
}

int main(int argc, char **argv)
{
    uint64_t failures = argc > 1 ? (uint64_t)strtoul(argv[1], NULL, 10) : 100000;
    struct tw_cfg_object object = {
        .type = (char[]){"order"}, .attribute = (char[]){"orderid"}, .is_linking = true};
    struct tw_cfg cfg = {.objects = &object, .object_count = 1};
    (void)snprintf(dir, sizeof dir, "%s/tw-replay-plan-XXXXXX", argc > 2 ? argv[2] : "/tmp");
    if (mkdtemp(dir) == NULL) {
        perror(dir);
        return 1;
    }
    cfg.store.dir = dir;
    write_events(&cfg, failures + failures / 5);
    write_failures(failures);
    plan(failures);
    remove_store();
    return 0;
}
