/* SPDX-License-Identifier: Apache-2.0
 * Starting a replay of a plan: all of it and its row of the audit, or nothing; once for each key;
 * not when anything has changed.
 */
#include "config.h"
#include "plan_kit.h"

#include <pthread.h>

/* Two objects, the first with two failures; planned. */
static void plan_three(void)
{
    const uint64_t all[] = {1, 2, 3};
    add(&(struct failed){
        .object = "1", .failed_n = 1, .since_s = 1, .currency = "EUR", .amount = 1005});
    add(&(struct failed){.object = "1", .workflow = "w2", .failed_n = 2, .since_s = 3});
    add(&(struct failed){.object = "2", .failed_n = 3, .since_s = 2});
    plan_failures(all, 3);
    assert_string_equal(verdicts(), "1 replay, 3 replay, 2 replay");
}

/* Nothing of a replay is there. */
static void check_nothing(void)
{
    assert_int_equal(number("SELECT count(*) FROM replay"), 0);
    assert_int_equal(number("SELECT count(*) FROM replay_item"), 0);
    assert_int_equal(number("SELECT count(*) FROM item_event"), 0);
    assert_int_equal(number("SELECT count(*) FROM audit"), 0);
}

static void check_outcome(const struct tw_replay_order *order, enum tw_replay_outcome outcome)
{
    int rc = start(order);
    if (rc != TW_OK || world.started.outcome != outcome) {
        print_error("%s %s: outcome %d\n", tw_err_text(rc), world.kit.diag.text,
                    (int)world.started.outcome);
    }
    assert_int_equal(rc, TW_OK);
    assert_int_equal(world.started.outcome, outcome);
}

static void start__a_plan__is_the_audit_then_the_replay_then_its_items(void **state)
{
    (void)state;
    plan_three();
    add_item(add_replay("erp"), 3, TW_ITEM_REFUSED);
    struct tw_replay_order order = order_of("k");
    int64_t revision = number("SELECT revision FROM meta");
    check_outcome(&order, TW_REPLAY_STARTED);
    assert_int_equal(world.started.id, 2);
    assert_int_equal(world.started.count, 3);
    assert_int_equal(world.started.canary, 3); /* at most all */
    assert_int_equal(world.started.state, TW_REPLAY_RUNNING);
    assert_true(tw_str_is(world.started.destination, "erp"));
    assert_int_equal(number("SELECT revision FROM meta"), revision + 1);
    assert_int_equal(number("SELECT count(*) FROM plan"), 0);
    assert_int_equal(number("SELECT count(*) FROM plan_item"), 0);
    assert_int_equal(number("SELECT count(*) FROM audit WHERE action = CAST('replay' AS BLOB)"
                            " AND subject = CAST('replay:2' AS BLOB)"
                            " AND actor = CAST('anna' AS BLOB)"
                            " AND json_extract(CAST(detail AS TEXT), '$.count') = 3"
                            " AND json_extract(CAST(detail AS TEXT), '$.destination') = 'erp'"
                            " AND length(json_extract(CAST(detail AS TEXT), '$.plan')) = 32"
                            " AND reason = CAST('the master data is mended' AS BLOB)"),
                     1);
    static const char *const facts[] = {
        /* in order, the first of each object ready */
        "seq = 1 AND failure = 1 AND is_ready = 1 AND previous IS NULL AND amount_minor = 1005"
        " AND currency = CAST('EUR' AS BLOB) AND event_n = 1 AND is_financial = 1",
        "seq = 2 AND failure = 3 AND is_ready = 1 AND previous = 1",
        "seq = 3 AND failure = 2 AND is_ready = 0 AND object_id = CAST('1' AS BLOB)",
        "replayid = (SELECT CAST('r2-' || substr(CAST(token AS TEXT), 1, 8) || '-3' AS BLOB) FROM"
        " replay WHERE id = 2) AND seq = 3",
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        char text[512];
        (void)snprintf(text, sizeof text,
                       "SELECT count(*) FROM replay_item WHERE replay = 2 AND state = 0 AND %s",
                       facts[i]);
        assert_int_equal(number(text), 1);
    }
    assert_int_equal(number("SELECT count(*) FROM item_event WHERE what = 0 AND attempt = 0"), 3);
    assert_int_equal(number("SELECT count(*) FROM replay WHERE id = 2 AND state = 0 AND rate = 50"
                            " AND stop_failures = 10 AND stop_percent = 10 AND proof_s = 300"
                            " AND finished IS NULL"),
                     1);
}

static void start__the_same_key__is_the_same_replay_for_ever(void **state)
{
    (void)state;
    plan_three();
    struct tw_replay_order order = order_of("k");
    check_outcome(&order, TW_REPLAY_STARTED);
    uint64_t id = world.started.id;
    sql("UPDATE failure SET state = 1"); /* nothing is as it was */
    sql("UPDATE replay_item SET state = 3; UPDATE replay SET state = 4, finished = 1");
    for (int i = 0; i < 3; i++) {
        order.now.ns += 3600 * TW_NS_PER_S;
        check_outcome(&order, TW_REPLAY_REPEATED);
        assert_int_equal(world.started.id, id);
        assert_int_equal(world.started.count, 3);
        assert_int_equal(world.started.state, TW_REPLAY_DONE);
    }
    order.body = TW_STR_LIT("{\"plan\":2}");
    check_outcome(&order, TW_REPLAY_OTHER_BODY);
    order = order_of("k"); /* another person's key is another key */
    order.actor = TW_STR_LIT("bert");
    check_outcome(&order, TW_REPLAY_NO_PLAN);
    assert_int_equal(number("SELECT count(*) FROM replay"), 1);
    assert_int_equal(number("SELECT count(*) FROM audit"), 1);
}

static void start__another_key__finds_no_plan_any_more(void **state)
{
    (void)state;
    plan_three();
    struct tw_replay_order order = order_of("k");
    check_outcome(&order, TW_REPLAY_STARTED);
    order.key = TW_STR_LIT("l");
    check_outcome(&order, TW_REPLAY_NO_PLAN);
    order.plan = TW_STR_LIT("");
    check_outcome(&order, TW_REPLAY_NO_PLAN);
    assert_int_equal(number("SELECT count(*) FROM replay"), 1);
}

static void *press(void *context)
{
    struct tw_replay_started *started = context;
    struct tw_arena arena;
    struct tw_diag diag;
    const struct tw_replay_order order = order_of("k");
    tw_arena_init(&arena, 1 << 20);
    int rc = tw_replay_start(&order, &arena, started, &diag);
    tw_arena_fini(&arena);
    return rc == TW_OK ? started : NULL;
}

static void start__two_at_once__make_one_replay(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        pthread_t threads[2];
        struct tw_replay_started started[2];
        sql("DELETE FROM failure; DELETE FROM failure_group; DELETE FROM sqlite_sequence;"
            "DELETE FROM replay; DELETE FROM replay_item");
        plan_three();
        for (int i = 0; i < 2; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, press, &started[i]), 0);
        }
        for (int i = 0; i < 2; i++) {
            void *result = NULL;
            assert_int_equal(pthread_join(threads[i], &result), 0);
            assert_non_null(result);
        }
        assert_int_equal(started[0].id, started[1].id);
        assert_true((started[0].outcome == TW_REPLAY_STARTED) !=
                    (started[1].outcome == TW_REPLAY_STARTED));
        assert_int_equal(number("SELECT count(*) FROM replay"), 1);
        assert_int_equal(number("SELECT count(*) FROM replay_item"), 3);
    }
}

static void start__anything_changed__does_nothing_and_says_what(void **state)
{
    (void)state;
    static const struct {
        const char *change;
        const char *back;
        uint64_t failure;
    } cases[] = {
        {"UPDATE failure SET state = 1 WHERE id = 2", "UPDATE failure SET state = 0", 2},
        {"UPDATE failure SET archived = 1 WHERE id = 1", "UPDATE failure SET archived = 0", 1},
        {"UPDATE failure SET failed_n = 9 WHERE id = 3",
         "UPDATE failure SET failed_n = 3 WHERE id = 3", 3},
        {"UPDATE failure SET input_n = 9 WHERE id = 3",
         "UPDATE failure SET input_n = 0 WHERE id = 3", 3},
        {"UPDATE failure SET grp = 2 WHERE id = 1", "UPDATE failure SET grp = 1 WHERE id = 1", 1},
        {"UPDATE failure SET grp = 99 WHERE id = 1", "UPDATE failure SET grp = 1 WHERE id = 1", 1},
        {"UPDATE failure SET id = 77 WHERE id = 3", "UPDATE failure SET id = 3 WHERE id = 77", 3},
    };
    plan_three();
    struct tw_replay_order order = order_of("k");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sql(cases[i].change);
        check_outcome(&order, TW_REPLAY_CHANGED);
        assert_int_equal(world.started.changed, 1);
        assert_int_equal(world.started.changed_count, 1);
        assert_int_equal(world.started.changed_ones[0], cases[i].failure);
        check_nothing();
        sql(cases[i].back);
    }
    check_outcome(&order, TW_REPLAY_STARTED);
}

static void start__in_another_replay_by_now__is_a_change(void **state)
{
    (void)state;
    plan_three();
    struct tw_replay_order order = order_of("k");
    add_item(add_replay("erp"), 2, TW_ITEM_SENT);
    check_outcome(&order, TW_REPLAY_CHANGED); /* it, and the other one of its object */
    assert_int_equal(world.started.changed, 2);
    sql("UPDATE replay_item SET state = 6");
    check_outcome(&order, TW_REPLAY_STARTED);
}

static void start__unproven_or_parked_by_now__is_a_change(void **state)
{
    (void)state;
    plan_three();
    struct tw_replay_order order = order_of("k");
    uint64_t replay = add_replay("erp");
    add_item(replay, 3, TW_ITEM_UNPROVEN);
    check_outcome(&order, TW_REPLAY_CHANGED);
    assert_int_equal(world.started.changed_ones[0], 3);
    for (int i = 0; i < TW_REPLAY_PARK_AFTER; i++) {
        add_item(replay, 3, TW_ITEM_FAILED_AGAIN);
    }
    check_outcome(&order, TW_REPLAY_CHANGED);
    sql("DELETE FROM replay_item WHERE id = (SELECT max(id) FROM replay_item)");
    check_outcome(&order, TW_REPLAY_STARTED);
}

static void start__one_that_came_since_and_goes_first__is_a_change(void **state)
{
    (void)state;
    plan_three();
    struct tw_replay_order order = order_of("k");
    add(&(struct failed){.object = "1", .workflow = "later", .failed_n = 4, .since_s = 9});
    add(&(struct failed){.object = "1", .workflow = "none", .since_s = 0});
    add(&(struct failed){
        .object = "1", .workflow = "else", .system = "loyalty", .failed_n = 4, .since_s = 0});
    add(&(struct failed){
        .object = "1", .workflow = "twice", .cause = TW_CAUSE_DUPLICATE, .failed_n = 4});
    add(&(struct failed){.object = "9", .workflow = "other", .failed_n = 4, .since_s = 0});
    uint64_t first =
        add(&(struct failed){.object = "1", .workflow = "x", .failed_n = 5, .since_s = 2});
    check_outcome(&order, TW_REPLAY_CHANGED);
    assert_int_equal(world.started.changed_ones[0], 2); /* the one behind it */
    assert_int_equal(world.started.changed, 1);
    sqlf("UPDATE failure SET archived = 1 WHERE id = %llu", (unsigned long long)first);
    check_outcome(&order, TW_REPLAY_STARTED);
}

static void start__what_was_looked_at_and_left_out__is_no_change(void **state)
{
    (void)state;
    const uint64_t asked[] = {2};
    add(&(struct failed){.object = "1", .input_n = 7, .since_s = 1});
    add(&(struct failed){.object = "1", .workflow = "w2", .input_n = 7, .since_s = 2});
    add(&(struct failed){.object = "1", .workflow = "w3", .since_s = 1}); /* nothing to send */
    plan_failures(asked, 1);
    assert_string_equal(verdicts(), "2 replay");
    struct tw_replay_order order = order_of("k");
    sql("UPDATE failure SET input_n = 6 WHERE id = 3"); /* its turn has come, and it is earlier */
    check_outcome(&order, TW_REPLAY_CHANGED);
    sql("UPDATE failure SET input_n = 0 WHERE id = 3");
    check_outcome(&order, TW_REPLAY_STARTED);
    assert_int_equal(world.started.count, 1);
}

static void start__many_changes__are_counted_and_ten_are_named(void **state)
{
    (void)state;
    uint64_t failures[12];
    char names[12][24];
    for (size_t i = 0; i < 12; i++) {
        (void)snprintf(names[i], sizeof names[i], "o%zu", i);
        failures[i] = add(&(struct failed){.object = names[i], .failed_n = i + 1});
    }
    plan_failures(failures, 12);
    sql("UPDATE failure SET state = 1");
    struct tw_replay_order order = order_of("k");
    check_outcome(&order, TW_REPLAY_CHANGED);
    assert_int_equal(world.started.changed, 12);
    assert_int_equal(world.started.changed_count, TW_REPLAY_CHANGED_SHOWN);
    check_nothing();
}

static void start__overridden_ones__want_a_reason_of_their_own(void **state)
{
    (void)state;
    const uint64_t one[] = {1};
    add(&(struct failed){.failed_n = 1});
    add_item(add_replay("erp"), 1, TW_ITEM_UNPROVEN);
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, one, 1);
    ask.override = TW_OVERRIDE_UNPROVEN;
    assert_int_equal(make(&ask), TW_OK);
    struct tw_replay_order order = order_of("k");
    check_outcome(&order, TW_REPLAY_UNREASONED);
    assert_int_equal(number("SELECT count(*) FROM audit"), 0);
    order.override_reason = TW_STR_LIT("it is not in the ERP");
    check_outcome(&order, TW_REPLAY_STARTED);
    assert_int_equal(number("SELECT count(*) FROM replay_item WHERE overridden = 1"
                            " AND previous = 1"),
                     1);
    assert_int_equal(number("SELECT count(*) FROM audit WHERE json_extract(CAST(detail AS TEXT),"
                            " '$.override_reason') = 'it is not in the ERP'"),
                     1);
}

/* Texts that mean something to SQL and JSON, and are no UTF-8, come through as they are. */
static void start__hostile_bytes__are_only_bytes(void **state)
{
    (void)state;
    static const char hostile[] = "\xff'\"); DROP TABLE failure; --%s\\";
    const struct tw_str system = {hostile, sizeof hostile - 1};
    char hex[2 * sizeof hostile];
    struct tw_replay_order order;
    const uint64_t one[] = {1};
    for (size_t i = 0; i < system.len; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", (unsigned char)hostile[i]);
    }
    add(&(struct failed){.failed_n = 1});
    sqlf("UPDATE failure SET object_id = x'%s', object_scope = x'%s', store = x'%s'", hex, hex,
         hex);
    sqlf("UPDATE failure_group SET system = x'%s', label = x'%s'", hex, hex);
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, one, 1);
    ask.http = &system;
    ask.http_count = 1;
    ask.selection = system;
    ask.actor = system;
    assert_int_equal(make(&ask), TW_OK);
    assert_true(tw_str_equal(world.plan.destination, system));
    assert_int_equal(world.plan.count, 1);
    order = order_of("'\")--");
    order.actor = system;
    order.reason = system;
    order.address = system;
    check_outcome(&order, TW_REPLAY_STARTED);
    assert_true(tw_str_equal(world.started.destination, system));
    assert_true(tw_str_equal(world.started.reason, system));
    sqlf("CREATE TEMP TABLE wanted AS SELECT x'%s' AS text", hex);
    assert_int_equal(number("SELECT count(*) FROM replay_item, wanted WHERE object_id = text"
                            " AND object_scope = text AND store = text"),
                     1);
    assert_int_equal(number("SELECT count(*) FROM replay, wanted WHERE destination = text"
                            " AND selection = text AND actor = text"),
                     1);
    assert_int_equal(number("SELECT json_valid(CAST(detail AS TEXT)) FROM audit"), 1);
    check_outcome(&order, TW_REPLAY_REPEATED);
    sql("DROP TABLE wanted");
}

static void start__what_is_out_of_bounds__is_refused(void **state)
{
    (void)state;
    static char long_text[TW_REPLAY_REASON_MAX + 2];
    memset(long_text, 'x', sizeof long_text - 1);
    plan_three();
    const struct tw_str too_long = {long_text, TW_REPLAY_REASON_MAX + 1};
    const struct tw_str key_too_long = {long_text, TW_REPLAY_KEY_MAX + 1};
    const struct tw_str bad_keys[] = {TW_STR_NULL,        TW_STR_LIT(""),         TW_STR_LIT("a b"),
                                      TW_STR_LIT("a\nb"), TW_STR_LIT("\xc3\xa4"), key_too_long};
    for (size_t i = 0; i < sizeof bad_keys / sizeof bad_keys[0]; i++) {
        struct tw_replay_order order = order_of("k");
        order.key = bad_keys[i];
        assert_int_equal(start(&order), TW_EINVAL);
    }
    struct tw_replay_order orders[14];
    for (size_t i = 0; i < 14; i++) {
        orders[i] = order_of("k");
    }
    orders[0].reason = TW_STR_NULL;
    orders[1].reason = TW_STR_LIT("");
    orders[2].reason = too_long;
    orders[3].override_reason = too_long;
    orders[4].rate = 0;
    orders[5].rate = 10001;
    orders[6].canary = -1;
    orders[7].canary = 10001;
    orders[8].stop_failures = -1;
    orders[9].stop_failures = 1000001;
    orders[10].stop_percent = -1;
    orders[11].stop_percent = 101;
    orders[12].proof_s = 0;
    orders[13].proof_s = 604801;
    for (size_t i = 0; i < 14; i++) {
        assert_int_equal(start(&orders[i]), TW_EINVAL);
    }
    check_nothing();
    struct tw_replay_order order = order_of("k");
    order.key = (struct tw_str){long_text, TW_REPLAY_KEY_MAX};
    order.reason = (struct tw_str){long_text, TW_REPLAY_REASON_MAX};
    order.rate = 10000;
    order.canary = 0;
    order.stop_failures = 1000000;
    order.stop_percent = 100;
    order.proof_s = 604800;
    check_outcome(&order, TW_REPLAY_STARTED);
}

/* Whichever row cannot be written, none is. */
static void start__what_cannot_be_written__is_nothing_at_all(void **state)
{
    (void)state;
    static const char *const tables[] = {"audit", "replay", "replay_item", "item_event"};
    plan_three();
    struct tw_replay_order order = order_of("k");
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        sqlf("CREATE TRIGGER no BEFORE INSERT ON %s BEGIN SELECT RAISE(ABORT, 'no'); END",
             tables[i]);
        assert_true(start(&order) < 0);
        check_nothing();
        assert_int_equal(number("SELECT count(*) FROM plan_item"), 3);
        sql("DROP TRIGGER no");
    }
    sql("CREATE TRIGGER no BEFORE DELETE ON plan BEGIN SELECT RAISE(ABORT, 'no'); END");
    assert_true(start(&order) < 0);
    check_nothing();
    sql("DROP TRIGGER no");
    check_outcome(&order, TW_REPLAY_STARTED);
}

/* The row of the audit is there before anything else is written. */
static void start__the_audit__is_written_first(void **state)
{
    (void)state;
    plan_three();
    sql("CREATE TRIGGER first BEFORE INSERT ON replay WHEN (SELECT count(*) FROM audit) = 0"
        " BEGIN SELECT RAISE(ABORT, 'no audit'); END;"
        "CREATE TRIGGER second BEFORE INSERT ON audit WHEN (SELECT count(*) FROM replay) > 0"
        " BEGIN SELECT RAISE(ABORT, 'late audit'); END");
    struct tw_replay_order order = order_of("k");
    check_outcome(&order, TW_REPLAY_STARTED);
}

static void start__the_desk_is_locked_or_gone__says_so(void **state)
{
    (void)state;
    plan_three();
    struct tw_replay_order order = order_of("k");
    sql("BEGIN IMMEDIATE");
    assert_int_equal(start(&order), TW_EBUSY); /* after TW_BUSY_MS */
    sql("ROLLBACK");
    check_nothing();
    order.dir = "/nonexistent";
    assert_int_equal(start(&order), TW_EAGAIN);
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, (const uint64_t[]){1}, 1);
    ask.dir = "/nonexistent";
    assert_int_equal(make(&ask), TW_EAGAIN);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(start__a_plan__is_the_audit_then_the_replay_then_its_items),
        CASE(start__the_same_key__is_the_same_replay_for_ever),
        CASE(start__another_key__finds_no_plan_any_more),
        CASE(start__two_at_once__make_one_replay),
        CASE(start__anything_changed__does_nothing_and_says_what),
        CASE(start__in_another_replay_by_now__is_a_change),
        CASE(start__unproven_or_parked_by_now__is_a_change),
        CASE(start__one_that_came_since_and_goes_first__is_a_change),
        CASE(start__what_was_looked_at_and_left_out__is_no_change),
        CASE(start__many_changes__are_counted_and_ten_are_named),
        CASE(start__overridden_ones__want_a_reason_of_their_own),
        CASE(start__hostile_bytes__are_only_bytes),
        CASE(start__what_is_out_of_bounds__is_refused),
        CASE(start__what_cannot_be_written__is_nothing_at_all),
        CASE(start__the_audit__is_written_first),
        CASE(start__the_desk_is_locked_or_gone__says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
