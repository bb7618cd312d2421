/* SPDX-License-Identifier: Apache-2.0
 * What the tests of plans share: a desk whose rows the test writes as it likes, over a store with
 * three partitions of KIT_EVENTS events. Included by one test program each.
 */
#ifndef TW_TESTS_PLAN_KIT_H
#define TW_TESTS_PLAN_KIT_H

#include "store_kit.h"

#include <string.h>
#include <unistd.h>

#include "store/desk.h"
#include "store/plan.h"

#define KIT_EVENTS 50 /* of one partition */
#define NOW_S      INT64_C(1795000000)

struct plan_kit {
    struct kit kit;
    sqlite3 *db;
    struct tw_reader *reader;
    struct tw_arena arena;
    struct tw_plan plan;
    struct tw_replay_started started;
    int64_t now_s;
};

static struct plan_kit world;

static inline void sql(const char *text)
{
    char *error = NULL;
    if (sqlite3_exec(world.db, text, NULL, NULL, &error) != SQLITE_OK) {
        print_error("%s\n%s\n", text, error);
        fail();
    }
}

static inline void sqlf(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void sqlf(const char *format, ...)
{
    char text[2048];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    assert_true(len > 0 && (size_t)len < sizeof text);
    sql(text);
}

static inline int64_t number(const char *text)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(world.db, text, -1, &stmt, NULL) != SQLITE_OK) {
        print_error("%s\n%s\n", text, sqlite3_errmsg(world.db));
        fail();
    }
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(stmt, 0);
    (void)sqlite3_finalize(stmt);
    return value;
}

/* An agent for `erp`. */
static inline void agent(const char *name, const char *systems, bool is_online)
{
    sqlf("INSERT OR REPLACE INTO agent(name, systems, capacity, is_online, since, heard)"
         " VALUES(CAST('%s' AS BLOB), CAST('%s' AS BLOB), 32, %d, 0, 0)",
         name, systems, is_online);
}

static inline void open_reader(void)
{
    tw_reader_close(&world.reader);
    assert_int_equal(tw_reader_open(world.kit.dir, &world.reader, &world.kit.diag), TW_OK);
}

static inline int set_up(void **state)
{
    (void)state;
    struct tw_desk *desk = NULL;
    memset(&world, 0, sizeof world);
    world.now_s = NOW_S;
    kit_init(&world.kit, 8101);
    assert_int_equal(kit_open(&world.kit), TW_OK);
    for (int i = 0; i < 3; i++) {
        kit_commit(&world.kit, KIT_EVENTS, true);
    }
    assert_int_equal(tw_desk_open(world.kit.dir, &desk, &world.kit.diag), TW_OK);
    tw_desk_close(&desk);
    assert_int_equal(sqlite3_open(kit_path(&world.kit, TW_DESK_NAME), &world.db), SQLITE_OK);
    sql("PRAGMA synchronous = OFF");
    agent("mw-1", "[\"erp\", \"loyalty\"]", true);
    tw_arena_init(&world.arena, (size_t)64 << 20);
    open_reader();
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    tw_reader_close(&world.reader);
    tw_arena_fini(&world.arena);
    assert_int_equal(sqlite3_close(world.db), SQLITE_OK);
    kit_fini(&world.kit);
    return 0;
}

/* A failure as the desk has it; what is not said is the plainest. */
struct failed {
    const char *workflow; /* "sale" */
    const char *step;     /* "posted" */
    const char *system;   /* "erp" */
    const char *object;   /* "1" */
    enum tw_cause cause;  /* master data */
    int state;
    int archived;
    const char *store; /* "0042" */
    const char *currency;
    int64_t amount;
    uint64_t failed_n;
    uint64_t input_n;
    int64_t since_s;
};

static inline uint64_t add(const struct failed *one)
{
    const char *workflow = one->workflow == NULL ? "sale" : one->workflow;
    const char *step = one->step == NULL ? "posted" : one->step;
    const char *system = one->system == NULL ? "erp" : one->system;
    const char *object = one->object == NULL ? "1" : one->object;
    const char *store = one->store == NULL ? "0042" : one->store;
    const long long since_ns = (long long)one->since_s * 1000000000;
    enum tw_cause cause = one->cause == TW_CAUSE_NONE ? TW_CAUSE_MASTER_DATA : one->cause;
    char text[512];
    /* the destination of a group is the step's name, as the desk has it; replays go by the system
     */
    sqlf("INSERT OR IGNORE INTO failure_group(workflow, step, system, destination, cause, label,"
         " created) VALUES(CAST('%s' AS BLOB), CAST('%s' AS BLOB), CAST('%s' AS BLOB),"
         " CAST('row of %s' AS BLOB), %d, CAST('L%d' AS BLOB), 0)",
         workflow, step, system, system, (int)cause, (int)cause);
    (void)snprintf(text, sizeof text,
                   "SELECT id FROM failure_group WHERE workflow = CAST('%s' AS BLOB)"
                   " AND step = CAST('%s' AS BLOB) AND system = CAST('%s' AS BLOB) AND cause = %d",
                   workflow, step, system, (int)cause);
    sqlf("INSERT INTO failure(grp, workflow, object_type, object_scope, object_id, step, state,"
         " archived, store, region, http_status, amount_minor, currency, failed_n, input_n, done_n,"
         " attempts, first, last, since) VALUES(%lld, CAST('%s' AS BLOB), 1, x'', CAST('%s' AS "
         "BLOB),"
         " CAST('%s' AS BLOB), %d, %d, CAST('%s' AS BLOB), CAST('north' AS BLOB), 0, %lld,"
         " CAST('%s' AS BLOB), %llu, %llu, 0, 1, %lld, %lld, %lld)",
         (long long)number(text), workflow, object, step, one->state, one->archived, store,
         (long long)one->amount, one->currency == NULL ? "" : one->currency,
         (unsigned long long)one->failed_n, (unsigned long long)one->input_n, since_ns,
         since_ns + 60000000000, since_ns);
    return (uint64_t)sqlite3_last_insert_rowid(world.db);
}

/* A replay to `destination`; its number. */
static inline uint64_t add_replay(const char *destination)
{
    static unsigned key;
    sqlf("INSERT INTO replay(token, plan, created, actor, reason, destination, selection,"
         " request_key, request_hash, state, changed, rate, canary, stop_failures, stop_percent,"
         " proof_s) VALUES(x'', x'', 0, CAST('x' AS BLOB), x'', CAST('%s' AS BLOB), x'',"
         " CAST('k%u' AS BLOB), x'', 0, 0, 50, 5, 10, 10, 300)",
         destination, key++);
    return (uint64_t)sqlite3_last_insert_rowid(world.db);
}

/* An item of it of this failure, in this state, with the event and cause that it has now. */
static inline void add_item(uint64_t replay, uint64_t failure, enum tw_item_state state)
{
    static unsigned seq;
    seq++;
    sqlf("INSERT INTO replay_item(replay, seq, replayid, failure, is_asked, is_ready, overridden,"
         " is_financial, object_type, object_scope, object_id, event_n, failed_n, amount_minor,"
         " currency, state, cause, outcome_n) SELECT %llu, %u, CAST('x%u' AS BLOB), f.id, 1, 0, 0, "
         "0,"
         " f.object_type, f.object_scope, f.object_id, CASE f.input_n WHEN 0 THEN f.failed_n ELSE"
         " f.input_n END, f.failed_n, f.amount_minor, f.currency, %d, CASE %d WHEN 4 THEN g.cause"
         " ELSE 0 END, 99 FROM failure AS f JOIN failure_group AS g ON g.id = f.grp WHERE f.id = "
         "%llu",
         (unsigned long long)replay, seq, seq, (int)state, (int)state, (unsigned long long)failure);
}

static inline tw_mono_t in_an_hour(void)
{
    struct tw_clock *clock = tw_clock_system();
    return (tw_mono_t){clock->mono(clock).ns + 3600 * TW_NS_PER_S};
}

static inline struct tw_plan_ask ask_of(enum tw_plan_by by, const uint64_t *numbers, size_t count)
{
    static const struct tw_str financial[] = {TW_STR_LIT("sale"), TW_STR_LIT("refund")};
    return (struct tw_plan_ask){
        .dir = world.kit.dir,
        .actor = TW_STR_LIT("anna"),
        .by = by,
        .numbers = numbers,
        .count = count,
        .filter = {.since = {INT64_MIN}, .until = {INT64_MAX}},
        .selection = TW_STR_LIT("{}"),
        .financial = financial,
        .financial_count = 2,
        .now = {world.now_s * TW_NS_PER_S},
        .deadline = in_an_hour(),
    };
}

static inline int make(const struct tw_plan_ask *ask)
{
    world.kit.diag.text[0] = '\0';
    return tw_plan_make(ask, world.reader, &world.arena, &world.plan, &world.kit.diag);
}

/* Plan these failures by number; must succeed. */
static inline void plan_failures(const uint64_t *failures, size_t count)
{
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, failures, count);
    int rc = make(&ask);
    if (rc != TW_OK) {
        print_error("%s: %s\n", tw_err_text(rc), world.kit.diag.text);
    }
    assert_int_equal(rc, TW_OK);
}

/* "1 replay, 2 held, 4 blocked": all that the plan tells of, in its order. */
static inline const char *verdicts(void)
{
    static char text[2048];
    struct tw_plan_item *items = NULL;
    size_t count = 0;
    size_t used = 0;
    bool has_more = false;
    const struct tw_plan_page page = {.token = tw_str_of(world.plan.token),
                                      .limit = 100,
                                      .now = {world.now_s * TW_NS_PER_S},
                                      .deadline = in_an_hour()};
    assert_int_equal(tw_plan_items(world.kit.dir, &world.arena, &page, &items, &count, &has_more,
                                   &world.kit.diag),
                     TW_OK);
    assert_false(has_more);
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%llu %s", i == 0 ? "" : ", ",
                                 (unsigned long long)items[i].failure,
                                 tw_plan_verdict_name(items[i].verdict));
        assert_true(used < sizeof text);
    }
    return text;
}

static inline struct tw_replay_order order_of(const char *key)
{
    return (struct tw_replay_order){
        .dir = world.kit.dir,
        .plan = tw_str_of(world.plan.token),
        .actor = TW_STR_LIT("anna"),
        .reason = TW_STR_LIT("the master data is mended"),
        .key = tw_str_of(key),
        .body = TW_STR_LIT("{\"plan\":1}"),
        .rate = 50,
        .canary = 5,
        .stop_failures = 10,
        .stop_percent = 10,
        .proof_s = 300,
        .now = {world.now_s * TW_NS_PER_S},
        .deadline = in_an_hour(),
    };
}

static inline int start(const struct tw_replay_order *order)
{
    world.kit.diag.text[0] = '\0';
    world.started = (struct tw_replay_started){.id = 0};
    return tw_replay_start(order, &world.arena, &world.started, &world.kit.diag);
}

#endif
