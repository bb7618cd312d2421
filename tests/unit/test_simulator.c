/* SPDX-License-Identifier: Apache-2.0
 * The parts of retail-sim: numbers as text, the queue of flows, the reading of faults, and that
 * what it composes is an event to the real decoder, and its garbage is refused for the reason
 * that the ledger names. The whole is held against itself by tests/simulator/check_ledger.py. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "simulator/deliver.h"
#include "simulator/flows.h"
#include "simulator/trade.h"
#include "unit/decode_support.h"

/* ---- format ---- */

static void expect_text(const char *begin, const char *end, const char *expected)
{
    assert_int_equal(end - begin, strlen(expected));
    assert_memory_equal(begin, expected, strlen(expected));
}

static void format__numbers__have_their_digits(void **state)
{
    char out[64];
    (void)state;
    expect_text(out, sim_put_u64(out, 0), "0");
    expect_text(out, sim_put_u64(out, 9), "9");
    expect_text(out, sim_put_u64(out, 10), "10");
    expect_text(out, sim_put_u64(out, 100), "100");
    expect_text(out, sim_put_u64(out, UINT64_MAX), "18446744073709551615");
    expect_text(out, sim_put_8(out, 42), "00000042");
    expect_text(out, sim_put_12(out, 0), "000000000000");
    expect_text(out, sim_put_12(out, UINT64_C(999999999999)), "999999999999");
    expect_text(out, sim_put_amount(out, 5), "0.05");
    expect_text(out, sim_put_amount(out, 123450), "1234.50");
    expect_text(out, sim_put_hex16(out, UINT64_C(0x0123456789abcdef)), "0123456789abcdef");
}

static void format__times__follow_the_calendar(void **state)
{
    static const struct {
        int64_t us;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000000Z"},
        {INT64_C(951782399999999), "2000-02-28T23:59:59.999999Z"},
        {INT64_C(951782400000000), "2000-02-29T00:00:00.000000Z"},
        {INT64_C(1709251199000001), "2024-02-29T23:59:59.000001Z"},
        {INT64_C(1798761599500000), "2026-12-31T23:59:59.500000Z"},
        {INT64_C(4107542400000000), "2100-03-01T00:00:00.000000Z"},
    };
    struct sim_time_text cache = {0};
    char out[SIM_TIME_TEXT_LEN];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_text(out, sim_put_time(&cache, out, rows[i].us), rows[i].text);
    }
}

/* ---- queue ---- */

static struct sim_flow *add_flow(struct sim_queue *queue, int64_t due_us, uint32_t serial)
{
    struct sim_flow *flow = sim_queue_new_flow(queue);
    assert_non_null(flow);
    flow->due_us = due_us;
    flow->serial = serial;
    sim_queue_add(queue, flow);
    return flow;
}

static void queue_take_due__random_times__come_in_order(void **state)
{
    struct sim_queue *queue = NULL;
    struct sim_random random;
    int64_t last_us = 0;
    (void)state;
    sim_random_init(&random, 1, 1);
    assert_int_equal(sim_queue_new(1000, 0, 100, &queue), TW_OK);
    for (uint32_t i = 0; i < 1000; i++) {
        /* Many laps of the ring: a lap is 262,144 ticks of 100 us, 26 s. */
        (void)add_flow(queue, sim_random_below(&random, 200000000), i);
    }
    assert_int_equal(sim_queue_waiting(queue), 1000);
    uint32_t taken = 0;
    for (int64_t now_us = 0; now_us <= 200000000; now_us += 50000) {
        for (;;) {
            struct sim_flow *flow = sim_queue_take_due(queue, now_us);
            if (flow == NULL) {
                break;
            }
            assert_true(flow->due_us <= now_us);
            assert_true(flow->due_us >= last_us);
            last_us = flow->due_us;
            sim_queue_free_flow(queue, flow);
            taken++;
        }
    }
    assert_int_equal(taken, 1000);
    assert_int_equal(sim_queue_waiting(queue), 0);
    sim_queue_destroy(&queue);
    assert_null(queue);
}

static void queue_take_due__same_time__in_the_order_added(void **state)
{
    struct sim_queue *queue = NULL;
    (void)state;
    assert_int_equal(sim_queue_new(8, 1000, 10, &queue), TW_OK);
    for (uint32_t i = 0; i < 4; i++) {
        (void)add_flow(queue, 1005, i); /* the tick at hand */
    }
    assert_null(sim_queue_take_due(queue, 1004));
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(sim_queue_take_due(queue, 1005)->serial, i);
    }
    sim_queue_destroy(&queue);
}

static void queue_new_flow__at_its_capacity__refuses(void **state)
{
    struct sim_queue *queue = NULL;
    (void)state;
    assert_int_equal(sim_queue_new(3, 0, 10, &queue), TW_OK);
    (void)add_flow(queue, 300000000, 1);
    (void)add_flow(queue, 100000000, 2);
    assert_false(sim_queue_is_full(queue));
    (void)add_flow(queue, 200000000, 3);
    assert_true(sim_queue_is_full(queue));
    assert_null(sim_queue_new_flow(queue));
    /* The earliest can be had before its time, which makes room. */
    struct sim_flow *first = sim_queue_take_first(queue);
    assert_int_equal(first->serial, 2);
    sim_queue_free_flow(queue, first);
    (void)add_flow(queue, 5, 4);
    assert_int_equal(sim_queue_take_first(queue)->serial, 4);
    assert_int_equal(sim_queue_take_first(queue)->serial, 3);
    assert_int_equal(sim_queue_take_first(queue)->serial, 1);
    assert_null(sim_queue_take_first(queue));
    sim_queue_destroy(&queue);
}

/* ---- faults ---- */

static void faults_parse__keys__set_what_they_name(void **state)
{
    struct sim_faults faults;
    struct tw_diag diag;
    (void)state;
    sim_faults_init(&faults);
    assert_false(faults.any_per_event);
    assert_int_equal(sim_faults_parse(&faults, "loss:p=0.25,from=10,for=5,max=7", &diag), TW_OK);
    const struct sim_fault *loss = &faults.of[SIM_FAULT_LOSS];
    assert_true(loss->is_on && faults.any_per_event);
    assert_true(loss->p > 0.2499 && loss->p < 0.2501);
    assert_int_equal(loss->max, 7);
    sim_faults_start(&faults, 1000000);
    assert_false(sim_fault_is_active(loss, 10999999));
    assert_true(sim_fault_is_active(loss, 11000000));
    assert_true(sim_fault_is_active(loss, 15999999));
    assert_false(sim_fault_is_active(loss, 16000000));
    assert_int_equal(sim_faults_parse(&faults, "clock-skew:store=0042,offset=-3.5", &diag), TW_OK);
    assert_string_equal(faults.of[SIM_FAULT_SKEW].store, "0042");
    const struct sim_fault *missing = &faults.of[SIM_FAULT_STEP_MISSING];
    assert_string_equal(missing->workflow, "any");
    assert_int_equal(sim_faults_parse(&faults, "step-missing:workflow=settlement", &diag), TW_OK);
    assert_string_equal(missing->workflow, "settlement");
    assert_string_equal(missing->step, "any");
}

static void faults_parse__wrong_text__is_refused_with_the_reason(void **state)
{
    static const char *const wrong[] = {
        "",
        "nothing",
        "loss:p=1.5",
        "loss:p=-0.1",
        "loss:p=",
        "loss:p=nan",
        "loss:p",
        "loss:p=0.1x",
        "loss:stores=3",
        "clock-skew:store=00420042",
        "hub:id=a b",
        "hub:id=",
        "step-missing:step=",
        "ack-missing:step=applied",
        "out-of-order:delay=0",
        "duplicate:copies=0",
    };
    struct sim_faults faults;
    (void)state;
    sim_faults_init(&faults);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct tw_diag diag = {{0}};
        assert_int_equal(sim_faults_parse(&faults, wrong[i], &diag), TW_EINVAL);
        assert_true(diag.text[0] != 0);
    }
}

static void faults_draw__probabilities__are_kept_and_bounded(void **state)
{
    struct sim_faults faults;
    struct sim_random random;
    struct tw_diag diag;
    unsigned count[SIM_FAULT_COUNT + 1] = {0};
    (void)state;
    sim_faults_init(&faults);
    sim_random_init(&random, 3, 3);
    assert_int_equal(sim_faults_draw(&faults, &random, 0), SIM_FAULT_NONE);
    assert_int_equal(sim_faults_parse(&faults, "duplicate:p=0.1", &diag), TW_OK);
    assert_int_equal(sim_faults_parse(&faults, "garbage:p=0.2", &diag), TW_OK);
    assert_int_equal(sim_faults_parse(&faults, "loss:p=0.3,max=5", &diag), TW_OK);
    sim_faults_start(&faults, 0);
    faults.of[SIM_FAULT_LOSS].done = 5;
    for (int i = 0; i < 10000; i++) {
        count[sim_faults_draw(&faults, &random, 1)]++;
    }
    assert_in_range(count[SIM_FAULT_DUPLICATE], 850, 1150);
    assert_in_range(count[SIM_FAULT_GARBAGE], 1800, 2200);
    assert_int_equal(count[SIM_FAULT_LOSS], 0);
    assert_int_equal(count[SIM_FAULT_DUPLICATE] + count[SIM_FAULT_GARBAGE] + count[SIM_FAULT_NONE],
                     10000);
}

/* ---- flows ---- */

static void flows__weights__make_the_whole(void **state)
{
    uint32_t sum = 0;
    (void)state;
    for (unsigned i = 0; i < SIM_KIND_COUNT; i++) {
        sum += sim_kinds[i].weight;
        assert_in_range(sim_kinds[i].step_count, 1, SIM_STEPS_MAX);
        /* A flow begins with a step that every flow of its kind has. */
        assert_false(sim_kinds[i].steps[0].needs_customer);
    }
    assert_int_equal(sum, SIM_WEIGHTS);
}

static void flow_advance__unknown_customer__leaves_steps_out(void **state)
{
    struct sim_flow flow = {.kind = SIM_KIND_SALE, .orders = 1, .parcels = 1};
    unsigned steps = 1;
    (void)state;
    while (sim_flow_advance(&flow, 10)) {
        assert_false(sim_flow_step(&flow)->needs_customer);
        steps++;
    }
    assert_int_equal(steps, 4);
    flow = (struct sim_flow){.kind = SIM_KIND_ORDER, .orders = 2, .parcels = 3, .customer = 5};
    steps = 1;
    while (sim_flow_advance(&flow, 10)) {
        steps++;
    }
    assert_int_equal(steps, 6 * 2 + 2 * 3);
    flow = (struct sim_flow){.kind = SIM_KIND_PRICE, .orders = 1, .parcels = 1};
    steps = 1;
    while (sim_flow_advance(&flow, 10)) {
        steps++;
    }
    assert_int_equal(steps, 1 + 10);
}

static void parcel_orders__first_parcel__carries_all(void **state)
{
    struct sim_flow flow = {.orders = 3, .parcels = 3};
    unsigned index[8] = {9, 9, 9};
    (void)state;
    assert_int_equal(sim_parcel_orders(&flow, 0, index), 3);
    assert_int_equal(index[0], 0);
    assert_int_equal(index[2], 2);
    assert_int_equal(sim_parcel_orders(&flow, 1, index), 1);
    assert_int_equal(index[0], 0);
    assert_int_equal(sim_parcel_orders(&flow, 2, index), 1);
    assert_int_equal(index[0], 1);
}

static void step_orders__what_it_comes_after_is_undone__leaves_the_order_out(void **state)
{
    struct sim_flow flow = {.kind = SIM_KIND_ORDER, .orders = 3, .parcels = 2, .step = 3, .rep = 1};
    unsigned index[8] = {0};
    (void)state;
    assert_string_equal(sim_flow_step(&flow)->name, "booked");
    assert_int_equal(sim_step_orders(&flow, index), 1);
    assert_int_equal(index[0], 1);
    sim_step_omit(&flow, index, 1); /* order 1 is not booked */
    flow.step = 5;
    flow.rep = 0;
    assert_int_equal(sim_step_orders(&flow, index), 2); /* the parcel goes without it */
    assert_int_equal(index[0], 0);
    assert_int_equal(index[1], 2);
    assert_int_equal(sim_parcel_orders(&flow, 0, index), 2);
    flow.step = 6;
    assert_int_equal(sim_step_orders(&flow, index), 2);
    flow.step = 7;
    flow.rep = 1;
    assert_int_equal(sim_step_orders(&flow, index), 0); /* not sent, so not paid */
}

static void flow_has__workflows_and_steps__are_known(void **state)
{
    (void)state;
    assert_true(sim_flow_has("any", "any"));
    assert_true(sim_flow_has("settlement", "reconciled"));
    assert_true(sim_flow_has("any", "reconciled"));
    assert_false(sim_flow_has("sale-posting", "reconciled"));
    assert_false(sim_flow_has("sale-posting", "sold")); /* a start has no deadline */
    assert_false(sim_flow_has("till-check", "any"));
}

static uint32_t sum_of(const uint32_t weights[SIM_KIND_COUNT])
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < SIM_KIND_COUNT; i++) {
        sum += weights[i];
    }
    return sum;
}

static void flow_share__more_of_a_workflow__is_taken_from_till_check(void **state)
{
    uint32_t weights[SIM_KIND_COUNT] = {0};
    (void)state;
    for (unsigned i = 0; i < SIM_KIND_COUNT; i++) {
        weights[i] = sim_kinds[i].weight;
    }
    uint32_t idle = weights[SIM_KIND_HEARTBEAT];
    assert_true(sim_flow_share(weights, TW_STR_LIT("settlement"), 130));
    assert_int_equal(weights[SIM_KIND_SETTLEMENT], 130);
    assert_int_equal(weights[SIM_KIND_HEARTBEAT], idle - 100);
    assert_true(sim_flow_share(weights, TW_STR_LIT("customer-sync"), 750));
    assert_int_equal(weights[SIM_KIND_CUSTOMER], 600);
    assert_int_equal(weights[SIM_KIND_CONSENT], 150);
    assert_true(sim_flow_share(weights, TW_STR_LIT("price-update"), 0));
    assert_int_equal(sum_of(weights), SIM_WEIGHTS);
    assert_true(sim_flow_share(weights, TW_STR_LIT("price-update"), weights[SIM_KIND_HEARTBEAT]));
    assert_int_equal(weights[SIM_KIND_HEARTBEAT], 0);
    assert_false(sim_flow_share(weights, TW_STR_LIT("settlement"), 131));
    assert_false(sim_flow_share(weights, TW_STR_LIT("till-check"), 1));
    assert_false(sim_flow_share(weights, TW_STR_LIT("nothing"), 1));
    assert_int_equal(sum_of(weights), SIM_WEIGHTS);
}

/* ---- events and garbage, to the real decoder ---- */

static void types_compose__every_type__is_an_event(void **state)
{
    static char text[SIM_MAX_EVENT + 2 * SIM_SLACK];
    static const char extra[64] = "\"outcome\":\"failed\",";
    struct sim_estate estate;
    struct sim_types types;
    struct sim_time_text clock = {0};
    struct got *got = got_new();
    (void)state;
    assert_int_equal(sim_estate_init(&estate, SIM_MAX_STORES, 1), TW_OK);
    assert_int_equal(sim_types_init(&types), TW_OK);
    /* The largest numbers that there can be. */
    struct sim_flow flow = {.serial = UINT32_MAX,
                            .customer = 99999999,
                            .transaction = UINT32_MAX,
                            .order = UINT32_MAX - 8,
                            .returned = UINT32_MAX,
                            .shipment = 99999990,
                            .payment = 99999990,
                            .number = UINT32_MAX,
                            .amount = UINT32_MAX / 19,
                            .article = {SIM_ARTICLES - 1, SIM_ARTICLES - 2},
                            .quantity = {255, 255},
                            .till = 7,
                            .orders = 3,
                            .parcels = 3};
    for (unsigned i = 0; i < types.count; i++) {
        const struct sim_template *type = &types.templates[i];
        struct sim_source *source = &estate.sources[estate.source_count - 1];
        source->sequence = UINT64_C(999999999999);
        struct sim_compose what = {.estate = &estate,
                                   .flow = &flow,
                                   .source = source,
                                   .clock = &clock,
                                   .extra = extra,
                                   .extra_len = strlen(extra),
                                   .id = {UINT64_MAX, UINT64_MAX},
                                   .time_us = INT64_C(1795255200000001),
                                   .store = SIM_MAX_STORES - 1};
        size_t len = sim_types_compose(type, &what, text);
        assert_in_range(len, 300, SIM_MAX_EVENT);
        got_body(got, NULL, NULL, (struct tw_str){text, len});
        assert_int_equal(got->problem_count, 0);
        assert_int_equal(got->event_count, 1);
        const struct tw_event *event = got->events[0];
        assert_true(tw_str_is(event->attr[TW_ATTR_TYPE], type->name));
        assert_true(tw_str_is(event->attr[TW_ATTR_OUTCOME], "failed"));
        assert_true(tw_str_is(event->attr[TW_ATTR_SEQUENCE], "999999999999"));
        assert_true(event->has_time && event->time.ns == INT64_C(1795255200000001000));
        assert_true(((type->links & SIM_LINK_CASE) != 0) ==
                    (event->attr[TW_ATTR_CASEID].ptr != NULL));
    }
    sim_types_fini(&types);
    sim_estate_fini(&estate);
    got_free(got);
}

static void types_objects__a_shared_parcel__names_every_order(void **state)
{
    char text[1024];
    struct sim_estate estate;
    struct sim_types types;
    struct sim_flow flow = {
        .transaction = 88, .order = 100, .shipment = 7, .orders = 2, .parcels = 1};
    (void)state;
    assert_int_equal(sim_estate_init(&estate, 50, 1), TW_OK);
    assert_int_equal(sim_types_init(&types), TW_OK);
    struct sim_compose what = {.estate = &estate, .flow = &flow, .store = 41};
    size_t len = sim_types_objects(&types.templates[SIM_T_WMS_PICKED], &what, text);
    expect_text(text, text + len, "[\"order:100\",\"order:101\",\"shipment:P00000007\"]");
    len = sim_types_objects(&types.templates[SIM_T_POS_SALE], &what, text);
    expect_text(text, text + len, "[\"transaction:0042/88\"]");
    len = sim_types_objects(&types.templates[SIM_T_INV_MOVED], &what, text);
    expect_text(text, text + len, "[]");
    sim_types_fini(&types);
    sim_estate_fini(&estate);
}

static void estate_init__limits__are_kept(void **state)
{
    struct sim_estate estate;
    (void)state;
    assert_int_equal(sim_estate_init(&estate, 0, 1), TW_EINVAL);
    assert_int_equal(sim_estate_init(&estate, SIM_MAX_STORES + 1, 1), TW_EINVAL);
    assert_int_equal(sim_estate_init(&estate, 1, 1), TW_OK);
    assert_in_range(estate.stores[0].tills, 2, 8);
    assert_int_equal(sim_till_source(&estate, 0, estate.stores[0].tills),
                     estate.stores[0].first_source);
    sim_estate_fini(&estate);
}

static void garbage__every_kind__is_refused_for_its_reason(void **state)
{
    static char text[SIM_MAX_GARBAGE];
    static char batch[SIM_MAX_GARBAGE + 2];
    struct got *got = got_new();
    (void)state;
    for (unsigned i = 0; i < sim_garbage_count; i++) {
        const struct sim_garbage *kind = &sim_garbages[i];
        size_t len = sim_garbage_make(kind, 123456789, text);
        assert_null(memchr(text, '\n', len));
        got_body(got, NULL, NULL, (struct tw_str){text, len});
        if (got->event_count != 0 || got->problem_count != 1 ||
            got->problems[0]->code != kind->reason) {
            fail_msg("%s: %zu events, %zu problems, reason %s instead of %s", kind->name,
                     got->event_count, got->problem_count,
                     got->problem_count == 0 ? "-" : tw_problem_infos[got->problems[0]->code].name,
                     tw_problem_infos[kind->reason].name);
        }
        if (kind->is_json) {
            batch[0] = '[';
            memcpy(batch + 1, text, len);
            batch[len + 1] = ']';
            got_body(got, NULL, NULL, (struct tw_str){batch, len + 2});
            assert_int_equal(got->problem_count, 1);
            assert_int_equal(got->problems[0]->code, kind->reason);
            assert_int_equal(got->problems[0]->index, 0);
        }
    }
    got_free(got);
}

/* ---- trade ---- */

static void trade__times__of_one_day(void **state)
{
    static const char *const wrong[] = {"",      "9:00-20:00",  "09:00-09:00", "20:00-09:00",
                                        "09:00", "09:60-10:00", "09:00-24:01", "09:00-20:00x"};
    struct sim_trade trade = {0};
    struct tw_diag diag = {""};
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(sim_trade_parse(&trade, wrong[i], &diag), TW_EINVAL);
        assert_false(trade.is_on);
    }
    assert_int_equal(sim_trade_parse(&trade, "00:00-24:00", &diag), TW_OK);
    assert_int_equal(trade.until_s, 86400);
    assert_int_equal(sim_trade_parse_ahead(&trade, "7200,", &diag), TW_EINVAL);
    assert_int_equal(sim_trade_parse_ahead(&trade, "50401", &diag), TW_EINVAL);
    assert_int_equal(sim_trade_parse_ahead(&trade, "-50400", &diag), TW_OK);
}

/* By the clock of the stores, which goes back an hour. */
static void trade__share__follows_day_week_and_clock(void **state)
{
    static const struct {
        int64_t s; /* since Monday 2026-10-19, 00:00 UTC */
        bool is_open;
        double share;
    } rows[] = {
        {30599, false, 0.05},             /* 10:29:59 */
        {30600, true, 0.7},               /* doors open */
        {46800, true, 1},                 /* in the middle */
        {62999, true, 0.7},               /* the last second */
        {63000, false, 0.05},             /* 19:30 */
        {5 * 86400 + 46800, true, 1.1},   /* Saturday */
        {6 * 86400 + 46800, false, 0.05}, /* Sunday, on which the clock goes back */
        {7 * 86400 + 30600 + 3599, false, 0.05},
        {7 * 86400 + 30600 + 3600, true, 0.7},
    };
    const int64_t monday_us = INT64_C(1792368000) * 1000000;
    struct sim_trade trade = {0};
    struct tw_diag diag = {""};
    (void)state;
    assert_int_equal(sim_trade_parse(&trade, "10:30-19:30", &diag), TW_OK);
    assert_int_equal(sim_trade_parse_ahead(&trade, "7200,522000,3600", &diag), TW_OK);
    sim_trade_start(&trade, monday_us);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool is_open = !rows[i].is_open;
        double share = sim_trade_share(&trade, monday_us + rows[i].s * 1000000, &is_open);
        assert_true(is_open == rows[i].is_open);
        assert_true(share > rows[i].share - 0.001 && share < rows[i].share + 0.001);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(format__numbers__have_their_digits),
        cmocka_unit_test(format__times__follow_the_calendar),
        cmocka_unit_test(queue_take_due__random_times__come_in_order),
        cmocka_unit_test(queue_take_due__same_time__in_the_order_added),
        cmocka_unit_test(queue_new_flow__at_its_capacity__refuses),
        cmocka_unit_test(faults_parse__keys__set_what_they_name),
        cmocka_unit_test(faults_parse__wrong_text__is_refused_with_the_reason),
        cmocka_unit_test(faults_draw__probabilities__are_kept_and_bounded),
        cmocka_unit_test(flows__weights__make_the_whole),
        cmocka_unit_test(flow_advance__unknown_customer__leaves_steps_out),
        cmocka_unit_test(parcel_orders__first_parcel__carries_all),
        cmocka_unit_test(step_orders__what_it_comes_after_is_undone__leaves_the_order_out),
        cmocka_unit_test(flow_has__workflows_and_steps__are_known),
        cmocka_unit_test(flow_share__more_of_a_workflow__is_taken_from_till_check),
        cmocka_unit_test(types_compose__every_type__is_an_event),
        cmocka_unit_test(types_objects__a_shared_parcel__names_every_order),
        cmocka_unit_test(estate_init__limits__are_kept),
        cmocka_unit_test(trade__times__of_one_day),
        cmocka_unit_test(trade__share__follows_day_week_and_clock),
        cmocka_unit_test(garbage__every_kind__is_refused_for_its_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
