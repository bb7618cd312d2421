/* SPDX-License-Identifier: Apache-2.0
 * store/plan.h: what is planned, in which order, and every reason to leave something out, alone and
 * against the others. That random desks are planned as a naive model does is in test_plan_model.c.
 */
#include "config.h"
#include "plan_kit.h"

/* ---- what is asked for ---- */

static void plan__a_group__is_all_that_is_open_and_not_archived(void **state)
{
    (void)state;
    const uint64_t group = 1;
    add(&(struct failed){.object = "1", .failed_n = 1, .since_s = 30});
    add(&(struct failed){.object = "2", .failed_n = 2, .since_s = 10});
    add(&(struct failed){.object = "3", .failed_n = 3, .since_s = 20, .archived = 1});
    add(&(struct failed){.object = "4", .failed_n = 4, .since_s = 20, .state = 1});
    add(&(struct failed){.object = "5", .failed_n = 5, .cause = TW_CAUSE_TIMEOUT});
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_GROUP, &group, 1);
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "2 replay, 1 replay");
    assert_int_equal(world.plan.count, 2);
    assert_int_equal(world.plan.asked, 2);
    assert_int_equal(world.plan.objects, 2);
    assert_int_equal(world.plan.stores, 1);
    assert_int_equal(world.plan.longest, 1);
    assert_int_equal(world.plan.agents, 1);
    assert_int_equal(world.plan.first.ns, 10 * TW_NS_PER_S);
    assert_int_equal(world.plan.last.ns, 90 * TW_NS_PER_S);
    assert_true(tw_str_is(world.plan.destination, "erp"));
    assert_int_equal(world.plan.expires.ns, (NOW_S + TW_PLAN_TTL_S) * TW_NS_PER_S);
}

static void plan__a_group_that_is_not_there__is_not_found(void **state)
{
    (void)state;
    const uint64_t group = 7;
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_GROUP, &group, 1);
    assert_int_equal(make(&ask), TW_ENOTFOUND);
    assert_int_equal(number("SELECT count(*) FROM plan"), 0);
}

static void plan__a_group_with_nothing_open__is_an_empty_plan(void **state)
{
    (void)state;
    const uint64_t group = 1;
    add(&(struct failed){.failed_n = 1, .state = 1});
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_GROUP, &group, 1);
    assert_int_equal(make(&ask), TW_OK);
    assert_int_equal(world.plan.count, 0);
    assert_string_equal(verdicts(), "");
    struct tw_replay_order order = order_of("k");
    assert_int_equal(start(&order), TW_OK);
    assert_int_equal(world.started.outcome, TW_REPLAY_EMPTY);
}

static void plan__runs__with_and_without_step(void **state)
{
    (void)state;
    const struct tw_object object = {.type = 1, .id = TW_STR_LIT("1"), .scope = TW_STR_LIT("")};
    const struct tw_plan_run whole = {.workflow = TW_STR_LIT("sale"), .object = object};
    const struct tw_plan_run runs[] = {
        {.workflow = TW_STR_LIT("sale"), .object = object, .step = TW_STR_LIT("booked")},
        {.workflow = TW_STR_LIT("other"), .object = object},
    };
    add(&(struct failed){.failed_n = 1, .since_s = 1});
    add(&(struct failed){.step = "booked", .failed_n = 2, .since_s = 2});
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_RUNS, NULL, 2);
    ask.runs = runs;
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "1 held, 2 replay");
    assert_int_equal(world.plan.unknown, 1); /* the other workflow */
    ask.runs = &whole;
    ask.count = 1;
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "1 replay, 2 replay");
    assert_int_equal(world.plan.unknown, 0);
}

static void plan__events__are_the_failure_or_the_input_of_it(void **state)
{
    (void)state;
    const uint64_t events[] = {11, 12, 13, 14};
    add(&(struct failed){.object = "1", .failed_n = 11, .input_n = 5});
    add(&(struct failed){.object = "2", .failed_n = 20, .input_n = 12});
    add(&(struct failed){.object = "3", .failed_n = 21, .input_n = 13, .state = 1});
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_EVENTS, events, 4);
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "1 replay, 2 replay, 3 already-done");
    assert_int_equal(world.plan.unknown, 1);
    assert_int_equal(world.plan.reasons[TW_PLAN_DONE].count, 1);
}

static void plan__named_ones_that_are_not_there__are_counted(void **state)
{
    (void)state;
    const uint64_t failures[] = {1, 1, 99, 98};
    add(&(struct failed){.failed_n = 1});
    plan_failures(failures, 4);
    assert_int_equal(world.plan.unknown, 2);
    assert_int_equal(world.plan.asked, 1); /* named twice, planned once */
}

static void plan__a_filter__takes_only_what_it_names(void **state)
{
    (void)state;
    static const enum tw_cause timeout = TW_CAUSE_TIMEOUT;
    static const struct {
        struct tw_plan_filter filter;
        const char *wanted;
    } cases[] = {
        {{.workflow = TW_STR_LIT("refund")}, "2 replay"},
        {{.step = TW_STR_LIT("booked")}, "3 replay"},
        {{.system = TW_STR_LIT("loyalty")}, "4 replay"},
        {{.store = TW_STR_LIT("0007")}, "5 replay"},
        {{.cause = &timeout}, "6 replay"},
        {{.label = TW_STR_LIT("L9999")}, ""},
        {{.region = TW_STR_LIT("south")}, ""},
        {{.store = TW_STR_LIT("0042' OR 1=1 --")}, ""},
    };
    add(&(struct failed){.object = "1", .failed_n = 1, .since_s = 100});
    add(&(struct failed){.workflow = "refund", .object = "2", .failed_n = 2, .since_s = 200});
    add(&(struct failed){.step = "booked", .object = "3", .failed_n = 3, .since_s = 300});
    add(&(struct failed){.system = "loyalty", .step = "l", .object = "4", .failed_n = 4});
    add(&(struct failed){.store = "0007", .object = "5", .failed_n = 5, .since_s = 500});
    add(&(struct failed){.cause = timeout, .object = "6", .failed_n = 6, .since_s = 600});
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FILTER, NULL, 0);
        ask.filter = cases[i].filter;
        ask.filter.since.ns = INT64_MIN;
        ask.filter.until.ns = INT64_MAX;
        assert_int_equal(make(&ask), TW_OK);
        assert_string_equal(verdicts(), cases[i].wanted);
    }
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FILTER, NULL, 0);
    ask.filter.since.ns = 200 * TW_NS_PER_S; /* the first moment is in, the last is not */
    ask.filter.until.ns = 500 * TW_NS_PER_S;
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "2 replay, 3 replay");
}

static void plan__the_destination__is_the_system_and_only_one(void **state)
{
    (void)state;
    const uint64_t both[] = {1, 2};
    add(&(struct failed){.object = "1", .failed_n = 1});
    add(&(struct failed){.object = "2", .failed_n = 2, .system = "loyalty", .step = "l"});
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, both, 2);
    assert_int_equal(make(&ask), TW_EINVAL);
    assert_non_null(strstr(world.kit.diag.text, "erp, loyalty"));
    ask.destination =
        TW_STR_LIT("row of erp"); /* what the desk calls a destination is another thing */
    assert_int_equal(make(&ask), TW_EINVAL);
    ask.destination = TW_STR_LIT("loyalty");
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "1 other-destination, 2 replay");
    assert_int_equal(number("SELECT count(*) FROM plan"), 1);
}

static void plan__many_destinations__are_named_up_to_ten(void **state)
{
    (void)state;
    uint64_t failures[12];
    char names[12][24];
    for (size_t i = 0; i < 12; i++) {
        (void)snprintf(names[i], sizeof names[i], "s%02zu", i);
        failures[i] = add(&(struct failed){
            .object = names[i], .step = names[i], .system = names[i], .failed_n = i + 1});
    }
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, failures, 12);
    assert_int_equal(make(&ask), TW_EINVAL);
    assert_non_null(strstr(world.kit.diag.text, "s09, ..."));
    assert_null(strstr(world.kit.diag.text, "s10"));
}

static void plan__money__is_told_by_currency(void **state)
{
    (void)state;
    const uint64_t all[] = {1, 2, 3, 4};
    add(&(struct failed){.object = "1", .failed_n = 1, .currency = "EUR", .amount = 1005});
    add(&(struct failed){.object = "2", .failed_n = 2, .currency = "EUR", .amount = INT64_MAX});
    add(&(struct failed){.object = "3", .failed_n = 3, .currency = "JPY", .amount = 7});
    add(&(struct failed){.object = "4", .failed_n = 4, .workflow = "stock"});
    plan_failures(all, 4);
    assert_int_equal(world.plan.amount_count, 2);
    assert_string_equal(world.plan.amounts[0].currency, "EUR");
    assert_int_equal(world.plan.amounts[0].count, 2);
    assert_int_equal(world.plan.amounts[0].amount_minor, INT64_C(9200000000000000000));
    assert_string_equal(world.plan.amounts[1].currency, "JPY");
    assert_int_equal(world.plan.amounts[1].amount_minor, 7);
    assert_int_equal(world.plan.financial, 3);
}

/* ---- order, and what comes with it ---- */

static void plan__others_of_the_same_object__come_with_it_in_order(void **state)
{
    (void)state;
    const uint64_t asked[] = {3};
    add(&(struct failed){.workflow = "w1", .failed_n = 9, .since_s = 50});
    add(&(struct failed){.workflow = "w2", .failed_n = 3, .since_s = 5});
    add(&(struct failed){.workflow = "w3", .failed_n = 4, .since_s = 5});
    add(&(struct failed){.workflow = "w4", .failed_n = 5, .since_s = 1, .system = "loyalty"});
    add(&(struct failed){.workflow = "w5", .failed_n = 6, .since_s = 1, .archived = 1});
    add(&(struct failed){.workflow = "w6", .failed_n = 7, .since_s = 1, .state = 2});
    add(&(struct failed){.workflow = "w7", .failed_n = 8, .since_s = 1, .object = "2"});
    plan_failures(asked, 1);
    assert_string_equal(verdicts(), "2 held, 3 replay, 1 held");
    assert_int_equal(world.plan.count, 3);
    assert_int_equal(world.plan.held, 2);
    assert_int_equal(world.plan.asked, 1);
    assert_int_equal(world.plan.longest, 3);
}

static void plan__what_comes_with_others__does_not_come_alone(void **state)
{
    (void)state;
    const uint64_t asked[] = {1};
    add(&(struct failed){.since_s = 5}); /* nothing to send */
    add(&(struct failed){.workflow = "w2", .failed_n = 3, .since_s = 9});
    plan_failures(asked, 1);
    assert_string_equal(verdicts(), "1 nothing-to-send");
    assert_int_equal(world.plan.count, 0);
    sql("UPDATE failure SET state = 1 WHERE id = 1");
    plan_failures(asked, 1);
    assert_string_equal(verdicts(), "1 already-done");
}

/* ---- verdicts ---- */

static void plan__nothing_to_send__is_left_out_and_blocks_nothing(void **state)
{
    (void)state;
    const uint64_t both[] = {1, 2};
    add(&(struct failed){.since_s = 1});
    add(&(struct failed){.workflow = "w2", .failed_n = 3, .since_s = 9});
    plan_failures(both, 2);
    assert_string_equal(verdicts(), "1 nothing-to-send, 2 replay");
    assert_int_equal(world.plan.reasons[TW_PLAN_NOTHING_TO_SEND].count, 1);
    assert_int_equal(world.plan.reasons[TW_PLAN_NOTHING_TO_SEND].item_count, 1);
    assert_int_equal(world.plan.reasons[TW_PLAN_NOTHING_TO_SEND].items[0].failure, 1);
    assert_true(tw_str_is(world.plan.reasons[TW_PLAN_NOTHING_TO_SEND].items[0].object.id, "1"));
}

static void plan__archived__is_left_out_when_it_is_named(void **state)
{
    (void)state;
    const uint64_t both[] = {1, 2};
    add(&(struct failed){.failed_n = 1, .since_s = 1, .archived = 1});
    add(&(struct failed){.workflow = "w2", .failed_n = 3, .since_s = 9});
    plan_failures(both, 2);
    assert_string_equal(verdicts(), "1 archived, 2 replay");
}

static void plan__a_repeated_effect__is_not_repeated(void **state)
{
    (void)state;
    const uint64_t both[] = {1, 2};
    add(&(struct failed){.step = "", .system = "", .cause = TW_CAUSE_DUPLICATE, .since_s = 1});
    add(&(struct failed){.failed_n = 3, .since_s = 9});
    plan_failures(both, 2);
    assert_string_equal(verdicts(), "1 duplicate-effect, 2 replay");
    plan_failures(both, 1); /* nothing of it has a destination */
    assert_string_equal(verdicts(), "1 duplicate-effect");
    assert_int_equal(world.plan.destination.len, 0);
}

static void plan__what_is_in_a_replay__is_in_no_other(void **state)
{
    (void)state;
    const uint64_t all[] = {1, 2, 3, 4};
    add(&(struct failed){.object = "1", .failed_n = 1, .since_s = 1});
    add(&(struct failed){.object = "1", .workflow = "w2", .failed_n = 2, .since_s = 2});
    add(&(struct failed){.object = "2", .failed_n = 3, .since_s = 3});
    add(&(struct failed){.object = "3", .failed_n = 1, .since_s = 4}); /* the event of the first */
    add_item(add_replay("erp"), 1, TW_ITEM_WAITING);
    plan_failures(all, 4);
    assert_string_equal(verdicts(), "1 in-another-replay, 2 in-another-replay, 3 replay,"
                                    " 4 in-another-replay");
    sql("UPDATE replay_item SET state = 1");
    plan_failures(all, 4);
    assert_int_equal(world.plan.reasons[TW_PLAN_IN_REPLAY].count, 3);
    /* of another destination: the failure itself must be in none, its object may */
    sql("UPDATE replay SET destination = CAST('loyalty' AS BLOB)");
    plan_failures(all, 4);
    assert_string_equal(verdicts(), "1 in-another-replay, 2 blocked, 3 replay, 4 replay");
    for (int ended = TW_ITEM_PROVEN; ended <= TW_ITEM_CANCELLED; ended++) {
        sqlf("UPDATE replay_item SET state = %d", ended);
        plan_failures(all, 4);
        assert_string_equal(verdicts(), "1 replay, 2 replay, 3 replay, 4 duplicate");
    }
}

static void plan__payload_that_is_gone__cannot_be_sent(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    const uint64_t all[] = {1, 2, 3, 4, 5};
    add(&(struct failed){.object = "1", .failed_n = 120, .input_n = KIT_EVENTS});
    add(&(struct failed){.object = "2", .failed_n = 1, .input_n = KIT_EVENTS + 1});
    add(&(struct failed){.object = "3", .input_n = 2 * KIT_EVENTS});
    add(&(struct failed){.object = "4", .failed_n = 2 * KIT_EVENTS + 1});
    add(&(struct failed){.object = "5", .failed_n = 3 * KIT_EVENTS + 1}); /* never was */
    assert_int_equal(sqlite3_open(kit_path(&world.kit, "part-000002.db"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE meta SET payload_expired = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    open_reader();
    plan_failures(all, 5);
    assert_string_equal(verdicts(), "1 replay, 2 payload-expired, 3 payload-expired, 4 replay,"
                                    " 5 payload-expired");
    /* older than what is kept */
    assert_int_equal(unlink(kit_path(&world.kit, "part-000001.db")), 0);
    (void)unlink(kit_path(&world.kit, "part-000001.db-wal"));
    (void)unlink(kit_path(&world.kit, "part-000001.db-shm"));
    open_reader();
    plan_failures(all, 5);
    assert_string_equal(verdicts(), "1 payload-expired, 2 payload-expired, 3 payload-expired,"
                                    " 4 replay, 5 payload-expired");
}

static void plan__financial_and_unproven__needs_an_override(void **state)
{
    (void)state;
    const uint64_t all[] = {1, 2, 3, 4};
    add(&(struct failed){.object = "1", .failed_n = 1, .since_s = 1});
    add(&(struct failed){.object = "2", .failed_n = 2, .since_s = 2, .workflow = "stock"});
    add(&(struct failed){
        .object = "3", .failed_n = 3, .since_s = 3, .workflow = "stock", .currency = "EUR"});
    add(&(struct failed){.object = "1", .workflow = "w4", .failed_n = 4, .since_s = 4});
    uint64_t replay = add_replay("erp");
    add_item(replay, 1, TW_ITEM_UNPROVEN);
    add_item(replay, 2, TW_ITEM_UNPROVEN);
    add_item(replay, 3, TW_ITEM_UNPROVEN);
    plan_failures(all, 4);
    assert_string_equal(verdicts(), "1 sent-unproven, 2 replay, 3 sent-unproven, 4 blocked");
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, all, 4);
    ask.override = TW_OVERRIDE_PARKED;
    assert_int_equal(make(&ask), TW_OK);
    assert_int_equal(world.plan.reasons[TW_PLAN_UNPROVEN].count, 2);
    ask.override = TW_OVERRIDE_UNPROVEN;
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "1 replay, 2 replay, 3 replay, 4 replay");
    assert_int_equal(world.plan.unproven, 2);
    assert_int_equal(world.plan.parked, 0);
    assert_int_equal(number("SELECT count(*) FROM plan_item WHERE overridden = 1"
                            " AND plan = (SELECT max(id) FROM plan)"),
                     2);
    /* what came of it last counts */
    add_item(replay, 1, TW_ITEM_FAILED_AGAIN);
    plan_failures(all, 4);
    assert_string_equal(verdicts(), "1 replay, 2 replay, 3 sent-unproven, 4 replay");
}

static void plan__an_event_sent_unproven_for_another_failure__is_not_sent_either(void **state)
{
    (void)state;
    const uint64_t other[] = {2};
    add(&(struct failed){.object = "1", .failed_n = 1, .input_n = 7, .state = 1});
    add(&(struct failed){.object = "2", .failed_n = 2, .input_n = 7, .workflow = "refund"});
    uint64_t replay = add_replay("erp");
    add_item(replay, 1, TW_ITEM_UNPROVEN);
    plan_failures(other, 1);
    assert_string_equal(verdicts(), "2 sent-unproven");
    sql("UPDATE replay SET destination = CAST('loyalty' AS BLOB)");
    plan_failures(other, 1);
    assert_string_equal(verdicts(), "2 replay");
}

static void plan__the_third_time_for_one_cause__parks(void **state)
{
    (void)state;
    const uint64_t all[] = {1, 2};
    add(&(struct failed){.failed_n = 1, .since_s = 1});
    add(&(struct failed){.workflow = "w2", .failed_n = 2, .since_s = 2});
    uint64_t replay = add_replay("erp");
    for (int i = 0; i < TW_REPLAY_PARK_AFTER; i++) {
        plan_failures(all, 2);
        assert_string_equal(verdicts(), "1 replay, 2 replay");
        add_item(replay, 1, TW_ITEM_FAILED_AGAIN);
    }
    plan_failures(all, 2);
    assert_string_equal(verdicts(), "1 parked, 2 blocked");
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, all, 2);
    ask.override = TW_OVERRIDE_UNPROVEN;
    assert_int_equal(make(&ask), TW_OK);
    assert_int_equal(world.plan.reasons[TW_PLAN_PARKED].count, 1);
    ask.override = TW_OVERRIDE_PARKED;
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "1 replay, 2 replay");
    assert_int_equal(world.plan.parked, 1);
    /* for another cause it is counted anew */
    sqlf("UPDATE replay_item SET cause = %d WHERE id = (SELECT max(id) FROM replay_item)",
         (int)TW_CAUSE_TIMEOUT);
    plan_failures(all, 2);
    assert_string_equal(verdicts(), "1 replay, 2 replay");
}

static void plan__unproven_goes_before_parked_and_both_are_overridden(void **state)
{
    (void)state;
    const uint64_t one[] = {1};
    add(&(struct failed){.failed_n = 1});
    uint64_t replay = add_replay("erp");
    for (int i = 0; i < TW_REPLAY_PARK_AFTER; i++) {
        add_item(replay, 1, TW_ITEM_FAILED_AGAIN);
    }
    add_item(replay, 1, TW_ITEM_UNPROVEN);
    plan_failures(one, 1);
    assert_string_equal(verdicts(), "1 sent-unproven");
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, one, 1);
    ask.override = TW_OVERRIDE_UNPROVEN;
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "1 parked");
    ask.override = TW_OVERRIDE_UNPROVEN | TW_OVERRIDE_PARKED;
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "1 replay");
    assert_int_equal(world.plan.unproven, 1);
    assert_int_equal(world.plan.parked, 1);
}

static void plan__the_destination_said_that_it_has_it__is_done_until_it_fails_again(void **state)
{
    (void)state;
    const uint64_t all[] = {1, 2};
    add(&(struct failed){.object = "1", .failed_n = 1, .since_s = 1});
    add(&(struct failed){.object = "2", .failed_n = 2, .since_s = 2});
    add_item(add_replay("erp"), 1, TW_ITEM_PROVEN);
    sqlf("UPDATE replay_item SET failed_n = 1, outcome_n = NULL WHERE failure = %d", 1);
    plan_failures(all, 2);
    assert_string_equal(verdicts(), "1 already-done, 2 replay");
    sqlf("UPDATE failure SET failed_n = 9 WHERE id = %d", 1);
    plan_failures(all, 2);
    assert_string_equal(verdicts(), "1 replay, 2 replay");
}

static void plan__one_event_for_two_failures__is_sent_once(void **state)
{
    (void)state;
    const uint64_t all[] = {1, 2, 3};
    add(&(struct failed){.object = "1", .input_n = 7, .since_s = 1});
    add(&(struct failed){.object = "1", .input_n = 7, .since_s = 2, .workflow = "w2"});
    add(&(struct failed){.object = "2", .input_n = 7, .since_s = 3});
    plan_failures(all, 3);
    assert_string_equal(verdicts(), "1 replay, 2 duplicate, 3 duplicate");
    plan_failures(all + 1, 1); /* what was asked for goes before what comes with it */
    assert_string_equal(verdicts(), "2 replay");
    assert_int_equal(world.plan.count, 1);
}

static void plan__an_event_held_up_in_one_object__is_not_sent_for_another(void **state)
{
    (void)state;
    const uint64_t all[] = {1, 2, 3, 4};
    add(&(struct failed){.object = "1", .failed_n = 1, .since_s = 1});
    add(&(struct failed){.object = "1", .workflow = "w2", .input_n = 7, .since_s = 2});
    add(&(struct failed){.object = "2", .workflow = "w3", .input_n = 7, .since_s = 3});
    add(&(struct failed){.object = "2", .workflow = "w4", .input_n = 9, .since_s = 4});
    add_item(add_replay("erp"), 1, TW_ITEM_UNPROVEN);
    plan_failures(all, 4);
    assert_string_equal(verdicts(), "1 sent-unproven, 2 blocked, 3 blocked, 4 blocked");
}

static void plan__nobody_to_carry_out__is_said_of_each(void **state)
{
    (void)state;
    const uint64_t both[] = {1, 2};
    static const char *const nobody[] = {"[\"loyalty\"]",   "[\"erp2\"]", "[]",         "\"erp\"",
                                         "{\"a\": \"erp\"", "",           "[[\"erp\"]]"};
    const struct tw_str http = TW_STR_LIT("erp");
    add(&(struct failed){.failed_n = 1, .since_s = 1});
    add(&(struct failed){.workflow = "w2", .since_s = 2}); /* has its own reason */
    for (size_t i = 0; i < sizeof nobody / sizeof nobody[0]; i++) {
        agent("mw-1", nobody[i], true);
        plan_failures(both, 2);
        bool is_one = i == 3; /* a word alone is as good as a list of one */
        assert_string_equal(verdicts(), is_one ? "1 replay, 2 nothing-to-send"
                                               : "1 agent-offline, 2 nothing-to-send");
    }
    agent("mw-1", "[\"erp\"]", false);
    plan_failures(both, 2);
    assert_string_equal(verdicts(), "1 agent-offline, 2 nothing-to-send");
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, both, 2);
    ask.http = &http;
    ask.http_count = 1;
    assert_int_equal(make(&ask), TW_OK);
    assert_string_equal(verdicts(), "1 replay, 2 nothing-to-send");
    assert_true(world.plan.is_http);
    agent("mw-2", "[\"x\", \"erp\"]", true);
    plan_failures(both, 2);
    assert_int_equal(world.plan.agents, 1);
}

static void plan__what_is_not_asked_for_and_blocks__is_told(void **state)
{
    (void)state;
    const uint64_t asked[] = {2};
    add(&(struct failed){.failed_n = 1, .since_s = 1});
    add(&(struct failed){.workflow = "w2", .failed_n = 2, .since_s = 2});
    add(&(struct failed){.workflow = "w3", .failed_n = 3, .since_s = 3});
    add_item(add_replay("erp"), 1, TW_ITEM_UNPROVEN);
    plan_failures(asked, 1);
    assert_string_equal(verdicts(), "1 sent-unproven, 2 blocked");
    assert_int_equal(world.plan.asked, 1);
    assert_int_equal(world.plan.count, 0);
}

/* ---- bounds ---- */

static void plan__a_thousand_named__and_not_one_more(void **state)
{
    (void)state;
    static uint64_t failures[TW_PLAN_NAMED_MAX + 1];
    add(&(struct failed){.failed_n = 1});
    for (size_t i = 0; i <= TW_PLAN_NAMED_MAX; i++) {
        failures[i] = i + 1;
    }
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, failures, TW_PLAN_NAMED_MAX + 1);
    assert_int_equal(make(&ask), TW_EINVAL);
    ask.count = 0;
    assert_int_equal(make(&ask), TW_EINVAL);
    plan_failures(failures, TW_PLAN_NAMED_MAX);
    assert_int_equal(world.plan.unknown, TW_PLAN_NAMED_MAX - 1);
}

static void plan__items_of_a_page__go_on_behind_the_last(void **state)
{
    (void)state;
    const uint64_t group = 1;
    char names[30][24];
    for (size_t i = 0; i < 30; i++) {
        (void)snprintf(names[i], sizeof names[i], "o%02zu", i);
        add(&(struct failed){.object = names[i], .failed_n = i + 1, .archived = i % 10 == 9});
    }
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_GROUP, &group, 1);
    assert_int_equal(make(&ask), TW_OK);
    struct tw_plan_page page = {.token = tw_str_of(world.plan.token),
                                .limit = 10,
                                .now = {world.now_s * TW_NS_PER_S},
                                .deadline = in_an_hour()};
    uint64_t seen = 0;
    bool has_more = true;
    for (int i = 0; has_more; i++) {
        struct tw_plan_item *items = NULL;
        size_t count = 0;
        assert_true(i < 4);
        assert_int_equal(tw_plan_items(world.kit.dir, &world.arena, &page, &items, &count,
                                       &has_more, &world.kit.diag),
                         TW_OK);
        assert_int_equal(count, i < 2 ? 10 : 7);
        assert_true(items[0].seq > page.after);
        page.after = items[count - 1].seq;
        seen += count;
    }
    assert_int_equal(seen, 27);
    page.token = TW_STR_LIT("00000000000000000000000000000000");
    struct tw_plan_item *items = NULL;
    size_t count = 0;
    assert_int_equal(tw_plan_items(world.kit.dir, &world.arena, &page, &items, &count, &has_more,
                                   &world.kit.diag),
                     TW_ENOTFOUND);
}

static void plan__a_quarter_of_an_hour__and_it_is_forgotten(void **state)
{
    (void)state;
    const uint64_t one[] = {1};
    add(&(struct failed){.failed_n = 1});
    plan_failures(one, 1);
    struct tw_plan first = world.plan;
    world.now_s += TW_PLAN_TTL_S - 1;
    plan_failures(one, 1);
    assert_int_equal(number("SELECT count(*) FROM plan"), 2);
    assert_string_not_equal(first.token, world.plan.token);
    world.now_s += 1;
    world.plan = first;
    struct tw_replay_order order = order_of("k");
    assert_int_equal(start(&order), TW_OK);
    assert_int_equal(world.started.outcome, TW_REPLAY_NO_PLAN);
    plan_failures(one, 1); /* the next one takes it away */
    assert_int_equal(number("SELECT count(*) FROM plan"), 2);
    assert_int_equal(number("SELECT count(DISTINCT plan) FROM plan_item"), 2);
}

static void fill(int64_t count)
{
    sqlf("WITH RECURSIVE k(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM k WHERE i < %lld)"
         " INSERT INTO failure(grp, workflow, object_type, object_scope, object_id, step, state,"
         " http_status, amount_minor, currency, failed_n, input_n, done_n, attempts, first, last,"
         " since) SELECT 1, CAST('sale' AS BLOB), 1, x'', CAST('o' || i AS BLOB),"
         " CAST('posted' AS BLOB), 0, 0, 0, x'', 1 + i %% 100, 0, 0, 1, i, i, i FROM k",
         (long long)count);
}

/* The largest plan there is, and the room that all plans have. */
static void plan__two_hundred_thousand__and_not_one_more(void **state)
{
    (void)state;
    const uint64_t group = 1;
    add(&(struct failed){.failed_n = 1});
    fill(TW_REPLAY_ITEMS_MAX);
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_GROUP, &group, 1);
    for (int i = 0; i < TW_PLAN_ROWS_MAX / TW_REPLAY_ITEMS_MAX; i++) {
        assert_int_equal(make(&ask), TW_OK);
        assert_int_equal(world.plan.asked, TW_REPLAY_ITEMS_MAX);
        assert_int_equal(number("SELECT count(*) FROM plan"), i + 1);
    }
    assert_int_equal(number("SELECT count(*) FROM plan_item"), TW_PLAN_ROWS_MAX);
    assert_int_equal(make(&ask), TW_OK); /* the oldest makes room */
    assert_int_equal(number("SELECT count(*) FROM plan_item"), TW_PLAN_ROWS_MAX);
    assert_int_equal(number("SELECT min(id) FROM plan"), 2);
    /* another one of an object that is in it: one too many */
    add(&(struct failed){.workflow = "w2", .failed_n = 3});
    assert_int_equal(make(&ask), TW_ELIMIT);
    assert_non_null(strstr(world.kit.diag.text, "200000"));
    add(&(struct failed){.object = "x", .failed_n = 3});
    assert_int_equal(make(&ask), TW_ELIMIT);
    assert_int_equal(number("SELECT count(*) FROM plan"), 5);
}

static void plan__no_memory_for_the_answer__is_no_plan(void **state)
{
    (void)state;
    const uint64_t one[] = {1};
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_FAILURES, one, 1);
    struct tw_arena tiny;
    add(&(struct failed){.cause = TW_CAUSE_TIMEOUT}); /* nothing to send: it would be told of */
    tw_arena_init(&tiny, 64);
    assert_int_equal(tw_plan_make(&ask, world.reader, &tiny, &world.plan, &world.kit.diag),
                     TW_ENOMEM);
    tw_arena_fini(&tiny);
    assert_int_equal(number("SELECT count(*) FROM plan"), 0);
}

static void plan__a_deadline_that_has_passed__ends_it(void **state)
{
    (void)state;
    const uint64_t group = 1;
    add(&(struct failed){.failed_n = 1});
    fill(20000);
    struct tw_plan_ask ask = ask_of(TW_PLAN_BY_GROUP, &group, 1);
    ask.deadline.ns = 1;
    assert_int_equal(make(&ask), TW_ETIMEOUT);
    assert_int_equal(number("SELECT count(*) FROM plan"), 0);
}

static void estimate__pace_or_the_longest_chain_and_the_canary(void **state)
{
    (void)state;
    assert_int_equal(tw_replay_estimate_ms(1000, 1, 50, 0), 20000);
    assert_int_equal(tw_replay_estimate_ms(1000, 100, 50, 0), 40000);
    assert_int_equal(tw_replay_estimate_ms(1000, 1, 50, 5), 22000);
    assert_int_equal(tw_replay_estimate_ms(5, 1, 50, 5), 400); /* all of it is the canary */
    assert_int_equal(tw_replay_estimate_ms(0, 0, 50, 5), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(plan__a_group__is_all_that_is_open_and_not_archived),
        CASE(plan__a_group_that_is_not_there__is_not_found),
        CASE(plan__a_group_with_nothing_open__is_an_empty_plan),
        CASE(plan__runs__with_and_without_step),
        CASE(plan__events__are_the_failure_or_the_input_of_it),
        CASE(plan__named_ones_that_are_not_there__are_counted),
        CASE(plan__a_filter__takes_only_what_it_names),
        CASE(plan__the_destination__is_the_system_and_only_one),
        CASE(plan__many_destinations__are_named_up_to_ten),
        CASE(plan__money__is_told_by_currency),
        CASE(plan__others_of_the_same_object__come_with_it_in_order),
        CASE(plan__what_comes_with_others__does_not_come_alone),
        CASE(plan__nothing_to_send__is_left_out_and_blocks_nothing),
        CASE(plan__archived__is_left_out_when_it_is_named),
        CASE(plan__a_repeated_effect__is_not_repeated),
        CASE(plan__what_is_in_a_replay__is_in_no_other),
        CASE(plan__payload_that_is_gone__cannot_be_sent),
        CASE(plan__financial_and_unproven__needs_an_override),
        CASE(plan__an_event_sent_unproven_for_another_failure__is_not_sent_either),
        CASE(plan__the_third_time_for_one_cause__parks),
        CASE(plan__unproven_goes_before_parked_and_both_are_overridden),
        CASE(plan__the_destination_said_that_it_has_it__is_done_until_it_fails_again),
        CASE(plan__one_event_for_two_failures__is_sent_once),
        CASE(plan__an_event_held_up_in_one_object__is_not_sent_for_another),
        CASE(plan__nobody_to_carry_out__is_said_of_each),
        CASE(plan__what_is_not_asked_for_and_blocks__is_told),
        CASE(plan__a_thousand_named__and_not_one_more),
        CASE(plan__items_of_a_page__go_on_behind_the_last),
        CASE(plan__a_quarter_of_an_hour__and_it_is_forgotten),
        CASE(plan__two_hundred_thousand__and_not_one_more),
        CASE(plan__no_memory_for_the_answer__is_no_plan),
        CASE(plan__a_deadline_that_has_passed__ends_it),
        CASE(estimate__pace_or_the_longest_chain_and_the_canary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
