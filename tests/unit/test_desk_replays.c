/* SPDX-License-Identifier: Apache-2.0
 * desk/follow.h and store/replay_items.h: what is seen on the tap brings the items of replays to
 * their end, and lets those of the same object follow or not (decision 72). */
#include "config.h"
#include "desk_kit.h"

#include <string.h>

#include "store/replay_items.h"

#define REPLAYED_EVENT                                                                    \
    "{\"specversion\":\"1.0\",\"id\":\"2\",\"source\":\"/erp\",\"type\":\"erp.posting\"," \
    "\"outcome\":\"failed\",\"errorcode\":\"LOCK-1\",\"errormessage\":\"locked\","        \
    "\"replayid\":\"%s\",\"attempt\":1}"

static int64_t number(const char *sql)
{
    return kit_number(&kit, "desk.db", sql);
}

/* Of the only failure of an object. */
static uint64_t failure_of(const char *id)
{
    char sql[128];
    (void)snprintf(sql, sizeof sql, "SELECT id FROM failure WHERE object_id = CAST('%s' AS BLOB)",
                   id);
    return (uint64_t)number(sql);
}

/* An item of replay 1; `object` says whose turn it is. Sent ones were sent at second 2000. */
static void add_item(int seq, uint64_t failure, const char *object, enum tw_item_state state)
{
    char sql[800];
    (void)snprintf(sql, sizeof sql,
                   "INSERT INTO replay_item(replay, seq, replayid, failure, is_asked, is_ready,"
                   " overridden, is_financial, object_type, object_scope, object_id, event_n,"
                   " failed_n, amount_minor, currency, state, attempt, sent) VALUES(1, %d,"
                   " CAST('r1-x-%d' AS BLOB), %llu, 1, 0, 0, 0, 2, x'', CAST('%s' AS BLOB), 7, 0,"
                   " 0, x'', %d, %d, %lld)",
                   seq, seq, (unsigned long long)failure, object, (int)state,
                   state == TW_ITEM_WAITING ? 0 : 1, 2000 * (long long)TW_NS_PER_S);
    (void)number(sql);
}

static int64_t state_of(int seq)
{
    char sql[80];
    (void)snprintf(sql, sizeof sql, "SELECT state FROM replay_item WHERE seq = %d", seq);
    return number(sql);
}

static int64_t column_of(int seq, const char *column)
{
    char sql[120];
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM replay_item WHERE seq = %d", column, seq);
    return number(sql);
}

/* The store received what comes now at this second. */
static void set_received(int64_t at_s)
{
    kit.clock.wall.ns = at_s * TW_NS_PER_S;
}

static void post_done(const char *id, uint64_t failed, uint64_t done)
{
    const struct said said = {id, step_text(TW_STEP_DONE, TW_CAUSE_MASTER_DATA, failed, done, 3000),
                              NULL, 0};
    run_state = TW_RUN_IS_RECOVERED;
    commit_run(&said, false);
    follow_all();
}

static uint64_t fail_again(const char *id, const char *json)
{
    uint64_t n = commit_event(json);
    const struct said said = {id, step_text(TW_STEP_FAILED, TW_CAUSE_UNKNOWN, n, 0, 3000), NULL, 0};
    commit_run(&said, false);
    follow_all();
    return n;
}

static uint64_t start_failed(const char *id)
{
    uint64_t n = post_fails(id, "0001", 100, 1000);
    follow_all();
    return n;
}

static void seen__proof__proves_what_was_sent(void **state)
{
    (void)state;
    uint64_t n = start_failed("o1");
    add_item(1, failure_of("o1"), "o1", TW_ITEM_SENT);
    add_item(2, 9001, "o1", TW_ITEM_WAITING);
    add_item(3, 9002, "o2", TW_ITEM_WAITING);
    post_done("o1", n, 55);
    assert_int_equal(state_of(1), TW_ITEM_PROVEN);
    assert_int_equal(column_of(1, "outcome_n"), 55);
    assert_int_equal(column_of(2, "is_ready"), 1); /* the next of the object, no other */
    assert_int_equal(column_of(3, "is_ready"), 0);
    assert_int_equal(number("SELECT count(*) FROM item_event WHERE item = 1 AND what = 5"
                            " AND n = 55 AND attempt = 1"),
                     1);
}

static void seen__proof_told_twice__is_one_end(void **state)
{
    (void)state;
    uint64_t n = start_failed("o1");
    add_item(1, failure_of("o1"), "o1", TW_ITEM_SENT);
    post_done("o1", n, 55);
    post_done("o1", n, 56);
    assert_int_equal(column_of(1, "outcome_n"), 55);
    assert_int_equal(number("SELECT count(*) FROM item_event"), 1);
}

static void seen__done_before_it_was_sent__is_not_sent(void **state)
{
    (void)state;
    uint64_t n = start_failed("o1");
    add_item(1, failure_of("o1"), "o1", TW_ITEM_WAITING);
    add_item(2, 9001, "o1", TW_ITEM_WAITING);
    post_done("o1", n, 55);
    assert_int_equal(state_of(1), TW_ITEM_CANCELLED);
    assert_int_equal(column_of(2, "is_ready"), 1); /* nothing is out of order */
}

static void seen__late_proof__proves_the_unproven(void **state)
{
    (void)state;
    uint64_t n = start_failed("o1");
    add_item(1, failure_of("o1"), "o1", TW_ITEM_UNPROVEN);
    post_done("o1", n, 55);
    assert_int_equal(state_of(1), TW_ITEM_PROVEN);
}

static void seen__what_has_ended__stays(void **state)
{
    (void)state;
    uint64_t n = start_failed("o1");
    uint64_t failure = failure_of("o1");
    add_item(1, failure, "o1", TW_ITEM_REFUSED);
    add_item(2, failure, "o1", TW_ITEM_FAILED_AGAIN);
    add_item(3, failure, "o1", TW_ITEM_CANCELLED);
    post_done("o1", n, 55);
    assert_int_equal(state_of(1), TW_ITEM_REFUSED);
    assert_int_equal(state_of(2), TW_ITEM_FAILED_AGAIN);
    assert_int_equal(state_of(3), TW_ITEM_CANCELLED);
    assert_int_equal(number("SELECT count(*) FROM item_event"), 0);
}

static void seen__failed_with_its_replayid__failed_again_with_the_new_cause(void **state)
{
    (void)state;
    char json[400];
    (void)start_failed("o1");
    uint64_t failure = failure_of("o1");
    add_item(1, failure, "o1", TW_ITEM_UNPROVEN);
    add_item(2, failure, "o1", TW_ITEM_SENT);
    add_item(3, 9001, "o1", TW_ITEM_WAITING);
    add_item(4, 9002, "o2", TW_ITEM_WAITING);
    (void)snprintf(json, sizeof json, REPLAYED_EVENT, "r1-x-2");
    uint64_t n = fail_again("o1", json);
    assert_int_equal(state_of(1), TW_ITEM_UNPROVEN); /* of another replay: it says nothing of it */
    assert_int_equal(state_of(2), TW_ITEM_FAILED_AGAIN);
    assert_int_equal(column_of(2, "outcome_n"), n);
    assert_int_equal(column_of(2, "cause"), TW_CAUSE_UNKNOWN);
    assert_int_equal(column_of(2, "why = CAST('locked' AS BLOB)"), 1);
    assert_int_equal(state_of(3), TW_ITEM_CANCELLED); /* it would overtake */
    assert_int_equal(state_of(4), TW_ITEM_WAITING);
    assert_int_equal(number("SELECT count(*) FROM item_event WHERE item = 3 AND what = 8"), 1);
}

static void seen__failed_with_another_replayid__says_nothing_of_this_one(void **state)
{
    (void)state;
    char json[400];
    (void)start_failed("o1");
    add_item(1, failure_of("o1"), "o1", TW_ITEM_SENT);
    (void)snprintf(json, sizeof json, REPLAYED_EVENT, "r0-y-9");
    set_received(3000);
    (void)fail_again("o1", json);
    assert_int_equal(state_of(1), TW_ITEM_SENT);
}

static void seen__failed_without_replayid__counts_when_it_came_after_sending(void **state)
{
    (void)state;
    (void)start_failed("o1");
    (void)start_failed("o2");
    add_item(1, failure_of("o1"), "o1", TW_ITEM_SENT);
    add_item(2, failure_of("o2"), "o2", TW_ITEM_SENT);
    set_received(1999); /* and some microseconds */
    (void)fail_again("o1", FAILED_EVENT);
    set_received(2000);
    (void)fail_again("o2", FAILED_EVENT);
    assert_int_equal(state_of(1), TW_ITEM_SENT);
    assert_int_equal(state_of(2), TW_ITEM_FAILED_AGAIN);
}

static void seen__failed_again_while_waiting__is_still_sent(void **state)
{
    (void)state;
    (void)start_failed("o1");
    add_item(1, failure_of("o1"), "o1", TW_ITEM_WAITING);
    set_received(3000);
    (void)fail_again("o1", FAILED_EVENT);
    assert_int_equal(state_of(1), TW_ITEM_WAITING);
}

static void seen__taken_back__is_not_sent(void **state)
{
    (void)state;
    (void)start_failed("o1");
    uint64_t failure = failure_of("o1");
    add_item(1, failure, "o1", TW_ITEM_UNPROVEN);
    add_item(2, failure, "o1", TW_ITEM_WAITING);
    const struct said said = {"o1", "[]", NULL, 0};
    run_state = TW_RUN_IS_COMPENSATED;
    commit_run(&said, false);
    follow_all();
    assert_int_equal(state_of(1), TW_ITEM_UNPROVEN); /* it left; nobody knows what it did */
    assert_int_equal(state_of(2), TW_ITEM_CANCELLED);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(seen__proof__proves_what_was_sent),
        CASE(seen__proof_told_twice__is_one_end),
        CASE(seen__done_before_it_was_sent__is_not_sent),
        CASE(seen__late_proof__proves_the_unproven),
        CASE(seen__what_has_ended__stays),
        CASE(seen__failed_with_its_replayid__failed_again_with_the_new_cause),
        CASE(seen__failed_with_another_replayid__says_nothing_of_this_one),
        CASE(seen__failed_without_replayid__counts_when_it_came_after_sending),
        CASE(seen__failed_again_while_waiting__is_still_sent),
        CASE(seen__taken_back__is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
