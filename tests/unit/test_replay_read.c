/* SPDX-License-Identifier: Apache-2.0
 * store/replay_read.h: what is told of replays, their items and agents, over rows that are put in
 * here; what pausing, resuming and cancelling change, and that they change all of it or nothing. */
#include "config.h"
#include "store_kit.h"

#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/desk.h"
#include "store/replay_read.h"

static struct kit kit;
static struct tw_desk_reader *desk;
static struct tw_arena arena;
static sqlite3 *db;

static void put(const char *sql)
{
    int rc = tw_db_exec(db, sql, &kit.diag);
    if (rc != TW_OK) {
        print_error("%s\n%s\n", sql, kit.diag.text);
    }
    assert_int_equal(rc, TW_OK);
}

static int64_t number(const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    assert_int_equal(tw_db_prepare(db, sql, &stmt, &kit.diag), TW_OK);
    assert_int_equal(tw_db_row(stmt, &kit.diag), TW_OK);
    int64_t value = sqlite3_column_int64(stmt, 0);
    assert_int_equal(sqlite3_finalize(stmt), SQLITE_OK);
    return value;
}

static int set_up(void **state)
{
    (void)state;
    struct tw_desk *made = NULL;
    kit_init(&kit, 8020);
    assert_int_equal(kit_open(&kit), TW_OK);
    kit_commit(&kit, 1, true);
    tw_arena_init(&arena, (size_t)256 << 20);
    assert_int_equal(tw_desk_open(kit.dir, &made, &kit.diag), TW_OK);
    tw_desk_close(&made);
    assert_int_equal(tw_desk_reader_open(kit.dir, &desk, &kit.diag), TW_OK);
    assert_int_equal(tw_db_open(kit_path(&kit, TW_DESK_NAME), TW_DB_WRITE, 4096, &db, &kit.diag),
                     TW_OK);
    put("INSERT INTO failure_group(id, workflow, step, system, destination, cause, label, created)"
        " VALUES(7, 'sale', 'posted', 'erp', 'posted', 1, '', 1),"
        " (8, 'sale', 'credited', 'loyalty', '', 1, '', 1)");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_db_close(&db);
    tw_desk_reader_close(&desk);
    tw_arena_fini(&arena);
    kit_fini(&kit);
    return 0;
}

/* A replay of this number and state, to this destination. */
static void put_replay(int id, int state, const char *destination)
{
    char sql[800];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO replay(id, token, plan, created, actor, address, reason,"
                   " destination, selection, request_key, request_hash, state, changed, rate,"
                   " canary, stop_failures, stop_percent, proof_s, finished, phase, phase_detail)"
                   " VALUES(%d, 't', 'p', %d, CAST('kim' AS BLOB), NULL,"
                   " CAST('master data is mended' AS BLOB), CAST('%s' AS BLOB),"
                   " CAST('{\"group\":7}' AS BLOB), 'k%d', 'h', %d, %d, 10, 5, 3, 20, 60, %s,"
                   " CAST('yielding' AS BLOB), CAST('ERP has 41 waiting' AS BLOB))",
                   id, id * 100, destination, id, state, id * 100,
                   state == TW_REPLAY_DONE ? "9000" : "NULL");
    put(sql);
}

/* `count` failures and items of a replay, the first of failure `first`; in this state. */
static void put_items(int replay, int first, int count, int state, int cause)
{
    char sql[1600];
    int sent = state != TW_ITEM_WAITING && state != TW_ITEM_CANCELLED;
    (void)snprintf(
        sql, sizeof sql,
        "WITH RECURSIVE x(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM x WHERE i + 1 < %d)"
        " INSERT OR IGNORE INTO failure(id, grp, workflow, object_type, object_scope, object_id,"
        " step, state, http_status, amount_minor, currency, failed_n, input_n, done_n, attempts,"
        " first, last) SELECT i, 7, 'sale', 2, '', 'S' || i, 'posted', 0, 0, 0, 'EUR', 1, 1, 0, 1,"
        " 1, 1 FROM x",
        first, first + count);
    put(sql);
    (void)snprintf(
        sql, sizeof sql,
        "WITH RECURSIVE x(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM x WHERE i + 1 < %d)"
        " INSERT INTO replay_item(replay, seq, replayid, failure, is_asked, is_ready, overridden,"
        " is_financial, object_type, object_scope, object_id, event_n, failed_n, store,"
        " amount_minor, currency, state, attempt, idempotency_key, agent, sent, answered, cause,"
        " outcome_n, why) SELECT %d, (SELECT coalesce(max(seq), 0) FROM replay_item"
        " WHERE replay = %d) + i - %d + 1, 'r%d-t-' || i, i, i %% 2, 1, 0, 1, 2, CAST('' AS BLOB),"
        " CAST('S' || i AS BLOB), 11, 12, CAST('0042' AS BLOB), 1005,"
        " CASE WHEN i %% 2 THEN 'EUR' ELSE '' END, %d, %d,"
        " CAST('key' AS BLOB), CASE WHEN %d THEN CAST('mw-1' AS BLOB) END,"
        " CASE WHEN %d THEN 5 END, NULL, %d, NULL, CAST('because' AS BLOB) FROM x",
        first, first + count, replay, replay, first, replay, state, sent, sent, sent, cause);
    put(sql);
}

static struct tw_replay read_one(uint64_t id)
{
    struct tw_replay replay = {.id = 0};
    assert_int_equal(tw_replay_one(desk, &arena, id, &replay), TW_OK);
    return replay;
}

static int command(uint64_t id, enum tw_replay_act act, const char *reason,
                   struct tw_replay_left *ret_left)
{
    const struct tw_replay_command what = {
        .dir = kit.dir,
        .replay = id,
        .actor = TW_STR_LIT("kim"),
        .reason = reason == NULL ? TW_STR_NULL : tw_str_of(reason),
        .now = {5000},
    };
    struct tw_replay_left left = {0, 0};
    int rc = tw_replay_command(&what, act, &left, &kit.diag);
    if (ret_left != NULL) {
        *ret_left = left;
    }
    return rc;
}

/* ---- lists */

static void replays__filters_and_pages__have_each_once_the_latest_first(void **state)
{
    (void)state;
    for (int i = 1; i <= 5; i++) {
        put_replay(i, i == 5 ? TW_REPLAY_RUNNING : TW_REPLAY_DONE, i == 2 ? "loyalty" : "erp");
    }
    put_items(3, 31, 2, TW_ITEM_PROVEN, 0);
    struct tw_replay_filter filter = {.limit = 2};
    const struct tw_replay *items = NULL;
    size_t count = 0;
    bool has_more = false;
    uint64_t expected = 5;
    do {
        assert_int_equal(tw_replay_list(desk, &arena, &filter, &items, &count, &has_more), TW_OK);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(items[i].id, expected--);
        }
        filter.before = items[count - 1].id;
    } while (has_more);
    assert_int_equal(expected, 0);
    const enum tw_replay_state done = TW_REPLAY_DONE;
    const struct {
        struct tw_replay_filter filter;
        size_t count;
    } cases[] = {
        {{.limit = 9, .state = &done}, 4}, {{.limit = 9, .destination = TW_STR_LIT("erp")}, 4},
        {{.limit = 9, .group = 7}, 1},     {{.limit = 9, .group = 8}, 0},
        {{.limit = 9, .failure = 32}, 1},  {{.limit = 9, .failure = 33}, 0},
        {{.limit = 9, .before = 1}, 0},    {{.limit = 0}, 0},
        {{.limit = (size_t)1 << 40}, 5},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tw_replay_list(desk, &arena, &cases[i].filter, &items, &count, &has_more),
                         TW_OK);
        assert_int_equal(count, cases[i].count);
    }
}

static void replay__counts_and_money__are_those_of_its_items(void **state)
{
    (void)state;
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    put_items(1, 1, 10, TW_ITEM_WAITING, 0);
    put_items(1, 11, 4, TW_ITEM_PROVEN, 0);
    put_items(1, 15, 2, TW_ITEM_FAILED_AGAIN, 3);
    put_items(1, 17, 1, TW_ITEM_REFUSED, 0);
    put("UPDATE replay_item SET attempt = 1, sent = 5 WHERE id = 1"); /* put off: it has left */
    struct tw_replay replay = read_one(1);
    assert_int_equal(replay.count, 17);
    assert_int_equal(replay.counts[TW_ITEM_WAITING], 10);
    assert_int_equal(replay.counts[TW_ITEM_PROVEN], 4);
    assert_int_equal(replay.counts[TW_ITEM_CANCELLED], 0);
    assert_int_equal(replay.money_count, 7);
    assert_int_equal(replay.money[0].state, TW_ITEM_WAITING);
    assert_string_equal(replay.money[0].currency, "");
    assert_string_equal(replay.money[1].currency, "EUR");
    assert_int_equal(replay.money[1].amount_minor, 5 * 1005);
    assert_int_equal(replay.rate, 10);
    assert_int_equal(replay.proof_s, 60);
    assert_true(tw_str_is(replay.phase, "yielding"));
    assert_true(tw_str_is(replay.phase_detail, "ERP has 41 waiting"));
    struct tw_replay_left left = {0, 0};
    assert_int_equal(tw_replay_left(desk, 1, &left), TW_OK);
    assert_int_equal(left.left, 8);
    assert_int_equal(left.not_left, 9);
    const struct tw_replay_part *parts = NULL;
    size_t count = 0;
    assert_int_equal(tw_replay_parts(desk, &arena, 1, TW_REPLAY_BY_CAUSE, &parts, &count), TW_OK);
    assert_int_equal(count, 1);
    assert_int_equal(parts[0].cause, 3);
    assert_int_equal(parts[0].count, 2);
    assert_int_equal(tw_replay_parts(desk, &arena, 1, TW_REPLAY_BY_REFUSAL, &parts, &count), TW_OK);
    assert_int_equal(count, 1);
    assert_true(tw_str_is(parts[0].what, "because"));
    assert_int_equal(tw_replay_one(desk, &arena, 2, &replay), TW_ENOTFOUND);
}

static void parts__more_reasons_than_are_told__are_the_most_frequent(void **state)
{
    (void)state;
    put_replay(1, TW_REPLAY_DONE, "erp");
    put_items(1, 1, 2 * TW_REPLAY_PARTS_MAX, TW_ITEM_REFUSED, 0);
    put("UPDATE replay_item SET why = CAST('no ' || (id / 2) AS BLOB)");
    const struct tw_replay_part *parts = NULL;
    size_t count = 0;
    assert_int_equal(tw_replay_parts(desk, &arena, 1, TW_REPLAY_BY_REFUSAL, &parts, &count), TW_OK);
    assert_int_equal(count, TW_REPLAY_PARTS_MAX);
    assert_int_equal(parts[0].count, 2);
    assert_int_equal(parts[TW_REPLAY_PARTS_MAX - 1].count, 1);
}

static void replay__damaged_states__are_said_to_be(void **state)
{
    (void)state;
    struct tw_replay replay;
    struct tw_item *items = NULL;
    size_t count = 0;
    bool has_more = false;
    put_replay(1, TW_REPLAY_STATE_COUNT, "erp");
    put_items(1, 1, 1, TW_ITEM_STATE_COUNT, 99);
    assert_int_equal(tw_replay_one(desk, &arena, 1, &replay), TW_EDAMAGED);
    const struct tw_item_filter filter = {.replay = 1, .limit = 10};
    assert_int_equal(tw_replay_items(desk, &arena, &filter, &items, &count, &has_more),
                     TW_EDAMAGED);
    assert_int_equal(command(1, TW_REPLAY_ACT_PAUSE, NULL, NULL), TW_EDAMAGED);
    put("UPDATE replay SET state = 0");
    assert_int_equal(tw_replay_one(desk, &arena, 1, &replay), TW_OK);
    assert_int_equal(replay.count, 0); /* what nobody knows is in no count */
}

static void replay__amounts_beyond_all__end_nothing(void **state)
{
    (void)state;
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    put_items(1, 1, 4, TW_ITEM_WAITING, 0);
    put("UPDATE replay_item SET amount_minor = 9223372036854775807, currency = 'EURO-AND-MORE'");
    struct tw_replay replay = read_one(1);
    assert_string_equal(replay.money[0].currency, "EUR");
    assert_true(replay.money[0].amount_minor > INT64_C(9100000000000000000));
    put("UPDATE replay_item SET currency = CAST(randomblob(3) AS TEXT)");
    put_items(1, 5, 2 * TW_REPLAY_MONEY_MAX, TW_ITEM_WAITING, 0);
    put("UPDATE replay_item SET currency = 'C' || (id % 99)");
    replay = read_one(1);
    assert_int_equal(replay.money_count, TW_REPLAY_MONEY_MAX);
    assert_int_equal(replay.count, 4 + 2 * TW_REPLAY_MONEY_MAX);
}

/* ---- items */

static void items__pages_and_filters__have_each_once_in_order(void **state)
{
    (void)state;
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    put_replay(2, TW_REPLAY_RUNNING, "erp");
    put_items(1, 1, 3, TW_ITEM_WAITING, 0);
    put_items(1, 4, 2, TW_ITEM_FAILED_AGAIN, 3);
    put_items(1, 6, 2, TW_ITEM_FAILED_AGAIN, 4);
    put_items(2, 8, 5, TW_ITEM_PROVEN, 0);
    put("UPDATE replay_item SET previous = 9 WHERE id = 1");
    struct tw_item_filter filter = {.replay = 1, .limit = 3};
    struct tw_item *items = NULL;
    size_t count = 0;
    bool has_more = false;
    uint64_t seq = 0;
    do {
        assert_int_equal(tw_replay_items(desk, &arena, &filter, &items, &count, &has_more), TW_OK);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(items[i].seq, ++seq);
            assert_true(tw_str_is(items[i].workflow, "sale"));
            assert_int_equal(items[i].group, 7);
        }
        if (filter.after == 0) {
            assert_int_equal(items[0].previous.replay, 2);
            assert_int_equal(items[0].previous.state, TW_ITEM_PROVEN);
            assert_int_equal(items[1].previous.replay, 0);
            assert_true(items[0].is_asked);
            assert_false(items[1].is_asked);
        }
        filter.after = items[count - 1].seq;
    } while (has_more);
    assert_int_equal(seq, 7);
    const enum tw_item_state failed = TW_ITEM_FAILED_AGAIN;
    const enum tw_item_state proven = TW_ITEM_PROVEN;
    const enum tw_cause cause = (enum tw_cause)4;
    const struct {
        struct tw_item_filter filter;
        size_t count;
    } cases[] = {
        {{.replay = 1, .limit = 9, .state = &failed}, 4},
        {{.replay = 1, .limit = 9, .state = &proven}, 0},
        {{.replay = 1, .limit = 9, .cause = &cause}, 2},
        {{.replay = 1, .limit = 9, .failure = 5}, 1},
        {{.replay = 1, .limit = 9, .failure = 8}, 0},
        {{.replay = 3, .limit = 9}, 0},
        {{.replay = 1, .limit = (size_t)1 << 40}, 7},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tw_replay_items(desk, &arena, &cases[i].filter, &items, &count, &has_more),
                         TW_OK);
        assert_int_equal(count, cases[i].count);
    }
    put("DELETE FROM failure"); /* what is over is forgotten one day; its items are not */
    filter.after = 0;
    assert_int_equal(tw_replay_items(desk, &arena, &filter, &items, &count, &has_more), TW_OK);
    assert_int_equal(items[0].group, 0);
    assert_null(items[0].workflow.ptr);
}

static void items__timeline__is_in_order_and_its_last_lines_are_told(void **state)
{
    (void)state;
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    put_items(1, 1, 1, TW_ITEM_SENT, 0);
    put("WITH RECURSIVE x(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM x WHERE i < 101)"
        " INSERT INTO item_event(item, at, what, attempt, n, detail)"
        " SELECT 1, i, CASE i WHEN 101 THEN 1 ELSE 9 END, 1, i, CAST('x' AS BLOB) FROM x");
    put("INSERT INTO item_event(item, at, what, attempt) VALUES(2, 1, 0, 0)");
    const struct tw_item_filter filter = {.replay = 1, .limit = 10};
    struct tw_item *items = NULL;
    size_t count = 0;
    bool has_more = false;
    assert_int_equal(tw_replay_items(desk, &arena, &filter, &items, &count, &has_more), TW_OK);
    assert_int_equal(items[0].line_count, TW_ITEM_LINES_MAX);
    assert_int_equal(items[0].lines[0].at.ns, 2);
    assert_int_equal(items[0].lines[0].what, TW_ITEM_EVENT_PUT_OFF);
    assert_int_equal(items[0].lines[TW_ITEM_LINES_MAX - 1].n, 101);
    assert_int_equal(items[0].lines[TW_ITEM_LINES_MAX - 1].what, TW_ITEM_EVENT_SENT);
    put("UPDATE item_event SET what = 77 WHERE at = 50"); /* of a later version */
    assert_int_equal(tw_replay_items(desk, &arena, &filter, &items, &count, &has_more), TW_OK);
    assert_int_equal(items[0].line_count, TW_ITEM_LINES_MAX - 1);
}

static void failure__third_time_for_one_cause__is_parked(void **state)
{
    (void)state;
    struct tw_item_place place = {.replay = 9};
    bool is_parked = true;
    assert_int_equal(tw_replay_of_failure(desk, 1, &place, &is_parked), TW_OK);
    assert_int_equal(place.replay, 0);
    assert_false(is_parked);
    for (int i = 1; i <= 5; i++) {
        put_replay(i, TW_REPLAY_DONE, "erp");
        put_items(i, 1, 1, TW_ITEM_FAILED_AGAIN, i == 1 || i == 3 ? 5 : 3);
        assert_int_equal(tw_replay_of_failure(desk, 1, &place, &is_parked), TW_OK);
        assert_int_equal(place.replay, i);
        assert_int_equal(place.state, TW_ITEM_FAILED_AGAIN);
        assert_int_equal(is_parked, i == 5);
    }
}

static void mark__changes_of_replays_and_agents__and_nothing_else_change_it(void **state)
{
    (void)state;
    static const char *const changes[] = {
        "INSERT INTO item_event(item, at, what, attempt) VALUES(1, 1, 0, 0)",
        "UPDATE replay SET phase = CAST('full' AS BLOB) WHERE id = 1",
        "UPDATE replay SET phase_detail = CAST('5 of 5' AS BLOB) WHERE id = 1",
        "UPDATE replay SET state = 2, changed = 7 WHERE id = 1",
        "UPDATE replay SET finished = 7 WHERE id = 1",
        ("INSERT INTO audit(id, at, actor, action, subject, outcome, hash)"
         " VALUES(1, 1, 'a', 'b', 'c', 'd', zeroblob(32))"),
        "INSERT INTO agent(name, systems, capacity, is_online, since, heard) VALUES(1,2,3,1,5,5)",
        "UPDATE agent SET is_online = 0, since = 6",
    };
    uint64_t before = 0;
    uint64_t mark = 0;
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    assert_int_equal(tw_replays_mark(desk, &before), TW_OK);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        put("UPDATE meta SET changed = changed + 1");
        assert_int_equal(tw_replays_mark(desk, &mark), TW_OK);
        assert_true(mark == before);
        put(changes[i]);
        assert_int_equal(tw_replays_mark(desk, &mark), TW_OK);
        if (mark == before) {
            print_error("not seen: %s\n", changes[i]);
        }
        assert_true(mark != before);
        before = mark;
    }
}

static void agents__are_told_with_what_is_under_way(void **state)
{
    (void)state;
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    put_items(1, 1, 3, TW_ITEM_SENT, 0);
    put_items(1, 4, 2, TW_ITEM_PROVEN, 0);
    put("INSERT INTO agent(name, systems, capacity, is_online, since, heard, hellos, ordered,"
        " accepted, refused, malformed, strange) VALUES(CAST('mw-2' AS BLOB), '[]', 1, 0, 5, 6, 0, "
        "0, 0, 0,"
        " 0, 0), (CAST('mw-1' AS BLOB), CAST('[\"erp\"]' AS BLOB), 32, 1, 5, 6, 1, 2, 3, 4, 5, 6)");
    const struct tw_agent *agents = NULL;
    size_t count = 0;
    assert_int_equal(tw_replay_agents(desk, &arena, &agents, &count), TW_OK);
    assert_int_equal(count, 2);
    assert_true(tw_str_is(agents[0].name, "mw-1"));
    assert_true(tw_str_is(agents[0].systems, "[\"erp\"]"));
    assert_true(agents[0].is_online);
    assert_int_equal(agents[0].under_way, 3);
    assert_int_equal(agents[0].malformed, 5);
    assert_int_equal(agents[0].strange, 6);
    assert_int_equal(agents[1].under_way, 0);
    uint64_t under_way = 9;
    assert_int_equal(tw_replay_under_way(desk, TW_STR_LIT("erp"), &under_way), TW_OK);
    assert_int_equal(under_way, 3);
    assert_int_equal(tw_replay_under_way(desk, TW_STR_LIT("crm"), &under_way), TW_OK);
    assert_int_equal(under_way, 0);
}

/* ---- commands */

static void command__each_state__takes_what_means_something_there(void **state)
{
    (void)state;
    static const struct {
        enum tw_replay_act act;
        bool fits[TW_REPLAY_STATE_COUNT];
        enum tw_replay_state to;
    } cases[] = {
        {TW_REPLAY_ACT_PAUSE, {true, false, false, false, false}, TW_REPLAY_PAUSED},
        {TW_REPLAY_ACT_RESUME, {false, true, true, false, false}, TW_REPLAY_RUNNING},
        {TW_REPLAY_ACT_CANCEL, {true, true, true, false, false, true}, TW_REPLAY_CANCELLED},
    };
    int id = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        for (int from = 0; from < TW_REPLAY_STATE_COUNT; from++) {
            put_replay(++id, from, "erp");
            int64_t audits = number("SELECT count(*) FROM audit");
            int64_t revision = number("SELECT revision FROM meta");
            int rc = command((uint64_t)id, cases[i].act, "why", NULL);
            assert_int_equal(rc, cases[i].fits[from] ? TW_OK : TW_ECLOSED);
            assert_int_equal(read_one((uint64_t)id).state,
                             cases[i].fits[from] ? (int)cases[i].to : from);
            assert_int_equal(number("SELECT count(*) FROM audit"), audits + (rc == TW_OK ? 1 : 0));
            assert_int_equal(number("SELECT revision FROM meta"), revision + (rc == TW_OK ? 1 : 0));
            if (rc != TW_OK) {
                assert_non_null(
                    strstr(kit.diag.text, tw_replay_state_name((enum tw_replay_state)from)));
            }
        }
    }
    const struct tw_desk_act *acts = NULL;
    size_t count = 0;
    assert_int_equal(tw_replay_history(desk, &arena, 1, 10, &acts, &count), TW_OK);
    assert_int_equal(count, 1);
    assert_true(tw_str_is(acts[0].action, "pause"));
    assert_true(tw_str_is(acts[0].actor, "kim"));
    assert_int_equal(command(99, TW_REPLAY_ACT_PAUSE, NULL, NULL), TW_ENOTFOUND);
    assert_int_equal(command(1, TW_REPLAY_ACT_CANCEL, NULL, NULL), TW_EINVAL);
    assert_int_equal(command(1, TW_REPLAY_ACT_CANCEL, "", NULL), TW_EINVAL);
    assert_int_equal(number("SELECT count(*) FROM audit WHERE subject = CAST('replay:99' AS BLOB)"),
                     0);
}

static void approve__another_person__lets_it_run(void **state)
{
    (void)state;
    put_replay(1, TW_REPLAY_AWAITING, "erp");
    put_items(1, 1, 2, TW_ITEM_WAITING, 0);
    put("UPDATE replay SET actor = CAST('kim' AS BLOB)");
    assert_int_equal(command(1, TW_REPLAY_ACT_APPROVE, NULL, NULL), TW_EINVAL);
    assert_int_equal(command(1, TW_REPLAY_ACT_APPROVE, "seen", NULL), TW_EEXISTS);
    assert_int_equal(command(1, TW_REPLAY_ACT_RESUME, "go", NULL), TW_ECLOSED);
    assert_int_equal(read_one(1).state, TW_REPLAY_AWAITING);
    put("UPDATE replay SET actor = CAST('lee' AS BLOB)");
    assert_int_equal(command(1, TW_REPLAY_ACT_APPROVE, "seen", NULL), TW_OK);
    assert_int_equal(read_one(1).state, TW_REPLAY_RUNNING);
    assert_int_equal(kit_number(&kit, "desk.db",
                                "SELECT count(*) FROM replay WHERE approver = CAST('kim' AS BLOB)"
                                " AND approved = 5000"),
                     1);
    assert_int_equal(command(1, TW_REPLAY_ACT_APPROVE, "seen", NULL), TW_ECLOSED);
}

static void cancel__what_waits__is_cancelled_and_what_left_is_said(void **state)
{
    (void)state;
    struct tw_replay_left left = {0, 0};
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    put_replay(2, TW_REPLAY_RUNNING, "erp");
    put_items(1, 1, 5, TW_ITEM_WAITING, 0);
    put_items(1, 6, 2, TW_ITEM_SENT, 0);
    put_items(1, 8, 3, TW_ITEM_PROVEN, 0);
    put_items(2, 11, 4, TW_ITEM_WAITING, 0);
    assert_int_equal(command(1, TW_REPLAY_ACT_PAUSE, NULL, &left), TW_OK);
    assert_int_equal(left.left, 5);
    assert_int_equal(left.not_left, 5);
    assert_int_equal(command(1, TW_REPLAY_ACT_CANCEL, "wrong \xc3\xa4 prices", &left), TW_OK);
    assert_int_equal(left.left, 5);
    assert_int_equal(left.not_left, 5);
    struct tw_replay replay = read_one(1);
    assert_int_equal(replay.counts[TW_ITEM_WAITING], 0);
    assert_int_equal(replay.counts[TW_ITEM_SENT], 2);
    assert_int_equal(replay.counts[TW_ITEM_CANCELLED], 5);
    assert_int_equal(replay.finished.ns, 0); /* two come to their end */
    assert_int_equal(read_one(2).counts[TW_ITEM_WAITING], 4);
    const enum tw_item_state cancelled = TW_ITEM_CANCELLED;
    const struct tw_item_filter filter = {.replay = 1, .state = &cancelled, .limit = 10};
    struct tw_item *items = NULL;
    size_t count = 0;
    bool has_more = false;
    assert_int_equal(tw_replay_items(desk, &arena, &filter, &items, &count, &has_more), TW_OK);
    for (size_t i = 0; i < count; i++) {
        assert_true(tw_str_is(items[i].why, "cancelled by kim: wrong \xc3\xa4 prices"));
        assert_int_equal(items[i].ended.ns, 5000);
        assert_int_equal(items[i].line_count, 1);
        assert_int_equal(items[i].lines[0].what, TW_ITEM_EVENT_CANCELLED);
        assert_true(tw_str_equal(items[i].lines[0].detail, items[i].why));
    }
    assert_int_equal(number("SELECT count(*) FROM replay_item WHERE is_ready AND replay = 1"
                            " AND state = 6"),
                     0);
    assert_int_equal(command(2, TW_REPLAY_ACT_CANCEL, "x", &left), TW_OK);
    assert_int_equal(left.left, 0);
    assert_int_equal(read_one(2).finished.ns, 5000); /* nothing had left: it is over */
    assert_int_equal(command(2, TW_REPLAY_ACT_CANCEL, "x", &left), TW_ECLOSED);
}

static void cancel__longest_reason__is_kept_whole_and_one_more_refused(void **state)
{
    (void)state;
    char reason[TW_REASON_MAX + 2];
    memset(reason, 'x', sizeof reason);
    reason[TW_REASON_MAX + 1] = '\0';
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    put_items(1, 1, 1, TW_ITEM_WAITING, 0);
    assert_int_equal(command(1, TW_REPLAY_ACT_CANCEL, reason, NULL), TW_EINVAL);
    assert_int_equal(read_one(1).counts[TW_ITEM_WAITING], 1);
    reason[TW_REASON_MAX] = '\0';
    assert_int_equal(command(1, TW_REPLAY_ACT_CANCEL, reason, NULL), TW_OK);
    assert_int_equal(number("SELECT length(reason) FROM audit"), TW_REASON_MAX);
    assert_int_equal(number("SELECT length(why) FROM replay_item"), TW_REPLAY_WHY_MAX);
}

static void command__audit_cannot_be_written__nothing_is_done(void **state)
{
    (void)state;
    static const char *const tables[] = {"audit", "item_event"};
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    put_items(1, 1, 3, TW_ITEM_WAITING, 0);
    for (size_t i = 0; i < 2; i++) {
        char sql[160];
        (void)snprintf(sql, sizeof sql,
                       "CREATE TRIGGER refuse BEFORE INSERT ON %s BEGIN"
                       " SELECT RAISE(ABORT, 'no'); END",
                       tables[i]);
        put(sql);
        assert_int_not_equal(command(1, TW_REPLAY_ACT_CANCEL, "x", NULL), TW_OK);
        assert_int_equal(read_one(1).state, TW_REPLAY_RUNNING);
        assert_int_equal(read_one(1).counts[TW_ITEM_WAITING], 3);
        assert_int_equal(number("SELECT count(*) FROM audit"), 0);
        put("DROP TRIGGER refuse");
    }
    assert_int_equal(command(1, TW_REPLAY_ACT_CANCEL, "x", NULL), TW_OK);
}

/* Milliseconds of the processor since `begin`: others may use the machine too. */
static long took_ms(clock_t begin)
{
    return (long)((clock() - begin) * 1000 / CLOCKS_PER_SEC);
}

static void cancel__hundred_thousand_items__take_less_than_two_seconds(void **state)
{
    (void)state;
    const enum tw_item_state cancelled = TW_ITEM_CANCELLED;
    const struct tw_item_filter filter = {.replay = 1, .state = &cancelled, .limit = 50};
    struct tw_replay_left left = {0, 0};
    const struct tw_replay_part *parts = NULL;
    struct tw_item *items = NULL;
    size_t part_count = 0;
    size_t item_count = 0;
    bool has_more = false;
    int count = KIT_IS_SLOW ? 10000 : 100000;
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    put("BEGIN");
    put_items(1, 1, count, TW_ITEM_WAITING, 0);
    put("COMMIT");
    clock_t begin = clock();
    assert_int_equal(command(1, TW_REPLAY_ACT_CANCEL, "x", &left), TW_OK);
    long cancel_ms = took_ms(begin);
    assert_int_equal(left.not_left, count);
    begin = clock();
    assert_int_equal(read_one(1).counts[TW_ITEM_CANCELLED], count);
    assert_int_equal(tw_replay_left(desk, 1, &left), TW_OK);
    assert_int_equal(
        tw_replay_parts(desk, &arena, 1, TW_REPLAY_BY_CANCELLATION, &parts, &part_count), TW_OK);
    assert_int_equal(tw_replay_items(desk, &arena, &filter, &items, &item_count, &has_more), TW_OK);
    long read_ms = took_ms(begin);
    print_message("%d items cancelled in %ld ms, read in %ld ms\n", count, cancel_ms, read_ms);
    assert_true(cancel_ms < 2000);
    assert_true(read_ms < 1000);
}

static void step__its_failure__is_found_by_workflow_object_and_step(void **state)
{
    (void)state;
    struct tw_failure failure = {.id = 0};
    put_replay(1, TW_REPLAY_RUNNING, "erp");
    put_items(1, 1, 3, TW_ITEM_SENT, 0);
    put("UPDATE failure SET workflow = CAST('sale' AS BLOB), object_scope = CAST('' AS BLOB),"
        " object_id = CAST(object_id AS BLOB), step = CAST('posted' AS BLOB)");
    struct tw_object object = {2, TW_STR_LIT("S2"), TW_STR_LIT("")};
    assert_int_equal(tw_desk_failure_of(desk, &arena, TW_STR_LIT("sale"), &object,
                                        TW_STR_LIT("posted"), &failure),
                     TW_OK);
    assert_int_equal(failure.id, 2);
    assert_int_equal(tw_desk_failure_of(desk, &arena, TW_STR_LIT("sale"), &object,
                                        TW_STR_LIT("credited"), &failure),
                     TW_ENOTFOUND);
    object.type = 3;
    assert_int_equal(tw_desk_failure_of(desk, &arena, TW_STR_LIT("sale"), &object,
                                        TW_STR_LIT("posted"), &failure),
                     TW_ENOTFOUND);
}

/* Another process that would take itself for the last one to close the file must not: the journal
 * is ours still. Source: SQLite's os.h, the bytes that readers lock. */
static void file__is_checked_while_it_is_open__its_locks_are_kept(void **state)
{
    (void)state;
    const char *path = kit_path(&kit, TW_DESK_NAME);
    assert_int_equal(number("SELECT count(*) FROM replay"), 0); /* the connection has its lock */
    assert_int_equal(tw_file_check(path, TW_DESK_APP_ID, TW_DESK_VERSION, &kit.diag), TW_OK);
    pid_t child = fork();
    if (child == 0) {
        struct flock lock = {
            .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0x40000002, .l_len = 510};
        int fd = open(path, O_RDWR | O_CLOEXEC);
        _exit(fd >= 0 && fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type == F_RDLCK ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(replays__filters_and_pages__have_each_once_the_latest_first),
        CASE(replay__counts_and_money__are_those_of_its_items),
        CASE(parts__more_reasons_than_are_told__are_the_most_frequent),
        CASE(replay__damaged_states__are_said_to_be),
        CASE(replay__amounts_beyond_all__end_nothing),
        CASE(items__pages_and_filters__have_each_once_in_order),
        CASE(items__timeline__is_in_order_and_its_last_lines_are_told),
        CASE(failure__third_time_for_one_cause__is_parked),
        CASE(mark__changes_of_replays_and_agents__and_nothing_else_change_it),
        CASE(agents__are_told_with_what_is_under_way),
        CASE(command__each_state__takes_what_means_something_there),
        CASE(approve__another_person__lets_it_run),
        CASE(cancel__what_waits__is_cancelled_and_what_left_is_said),
        CASE(cancel__longest_reason__is_kept_whole_and_one_more_refused),
        CASE(command__audit_cannot_be_written__nothing_is_done),
        CASE(cancel__hundred_thousand_items__take_less_than_two_seconds),
        CASE(file__is_checked_while_it_is_open__its_locks_are_kept),
        CASE(step__its_failure__is_found_by_workflow_object_and_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
