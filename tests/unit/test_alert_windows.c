/* SPDX-License-Identifier: Apache-2.0
 * The numbers that rules compare: windows, what is taken of them, joins, shares, what is usual. */
#include "config.h"
#include "alert_kit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define D "step_done"
#define F "step_failed"
#define W "step_waiting"
#define P "{'step':'posted','workflow':'sale'}"
#define Q "{'step':'acked','workflow':'sale'}"

static char by_step[] = "step";
static char by_workflow[] = "workflow";
static char by_store[] = "store";

/* One rule, about this metric. */
static struct tw_rule *set_up(struct alert_kit *kit, const char *metric, int over_s)
{
    kit_init(kit);
    kit->set.count = 0;
    struct tw_rule *rule = kit_rule(kit, metric);
    rule->over_s = over_s;
    rule->threshold = -1e9;
    rule->when.join = TW_RULE_SUM;
    return rule;
}

static void engine__count__is_summed_over_its_window(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, D, 30);
    kit_begin(&kit);
    for (int i = 1; i <= 5; i++) {
        kit_run(&kit, D, P, i, 1);
    }
    kit_tick(&kit, 4);
    kit_expect(&kit, "+10 firing A{} 1\n+20 value A{} 3\n+30 value A{} 6\n+40 value A{} 9\n"
                     "+50 value A{} 12\n+60 value A{} 9\n+70 value A{} 5\n+80 value A{} 0\n");
    kit_fini(&kit);
}

static void engine__corrections__are_taken_off(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, "sequence_missing", 30);
    kit_begin(&kit);
    kit_run(&kit, "sequence_missing", "{'system':'pos'}", 5, 1);
    kit_run(&kit, "sequence_missing", "{'system':'pos'}", -3, 1);
    kit_feed(&kit, "sequence_missing", "{'system':'pos'}", -1);
    kit_feed(&kit, "sequence_missing", "{'system':'pos'}", -1); /* points of a bucket add up */
    kit_tick(&kit, 2);
    kit_expect(&kit, "+10 firing A{} 5\n+20 value A{} 2\n+30 value A{} 0\n+40 value A{} -5\n");
    kit_fini(&kit);
}

static void engine__late_count__changes_the_sums_that_still_have_it(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, D, 30);
    kit_begin(&kit);
    kit_run(&kit, D, P, 1, 3);
    kit_feed_at(&kit, D, P, KIT_START + 10, 10, 100);
    kit_feed_at(&kit, D, P, KIT_START - 3600, 10, 1000); /* in no window any more */
    kit_run(&kit, D, P, 1, 2);
    kit_expect(&kit, "+10 firing A{} 1\n+20 value A{} 2\n+30 value A{} 3\n+40 value A{} 103\n"
                     "+50 value A{} 3\n");
    kit_fini(&kit);
}

static void engine__count_of_a_longer_step__is_spread_in_whole_numbers(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, D, 60);
    kit.is_quiet = false;
    kit_begin(&kit);
    kit_feed_at(&kit, D, P, KIT_START, 60, 7);
    kit_feed_at(&kit, D, P, KIT_START + 60, 60, -7);
    kit_tick(&kit, 12);
    kit_expect(&kit, "+10 firing A{} 1\n+20 value A{} 2\n+30 value A{} 3\n+40 value A{} 4\n"
                     "+50 value A{} 5\n+60 value A{} 7\n+70 value A{} 4\n+80 value A{} 2\n"
                     "+90 value A{} 0\n+100 value A{} -2\n+110 value A{} -4\n+120 value A{} -7\n");
    kit_fini(&kit);
}

static void engine__take__last_highest_lowest_or_mean_of_the_window(void **state)
{
    (void)state;
    static const struct {
        enum tw_rule_take take;
        const char *lines;
    } cases[] = {
        {TW_TAKE_LAST, "+10 firing A{} 4\n+20 value A{} 1\n+30 value A{} 7\n+40 value A{} 2\n"},
        {TW_TAKE_MAX, "+10 firing A{} 4\n+30 value A{} 7\n"},
        {TW_TAKE_MIN, "+10 firing A{} 4\n+20 value A{} 1\n"},
        {TW_TAKE_MEAN, "+10 firing A{} 4\n+20 value A{} 2.5\n+30 value A{} 4\n"
                       "+40 value A{} 3.33333\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct alert_kit kit;
        set_up(&kit, W, 30)->take = cases[i].take;
        kit_begin(&kit);
        kit_run(&kit, W, P, 4, 1);
        kit_run(&kit, W, P, 1, 1);
        kit_run(&kit, W, P, 7, 1);
        kit_run(&kit, W, P, 2, 1);
        kit_expect(&kit, cases[i].lines);
        kit_fini(&kit);
    }
}

static void engine__window_with_silence__is_zero_where_the_tower_ran_else_unknown(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, W, 40)->take = TW_TAKE_MEAN;
    kit_begin(&kit);
    kit_run(&kit, W, P, 8, 1);
    kit_sleep(&kit, 1);
    kit_tick(&kit, 1); /* 8, -, 0 */
    kit_run(&kit, W, P, 1, 1);
    kit_expect(&kit, "+10 firing A{} 8\n+30 value A{} 4\n+40 value A{} 3\n");
    kit_fini(&kit);
    set_up(&kit, "objective_burn", 40)->take = TW_TAKE_MEAN;
    kit_begin(&kit);
    kit_run(&kit, "objective_burn", "{'objective':'o'}", 8, 1);
    kit_tick(&kit, 2); /* not 0, but not known */
    kit_run(&kit, "objective_burn", "{'objective':'o'}", 1, 1);
    kit_tick(&kit, 3);
    kit_expect(&kit, "+10 firing A{} 8\n+40 value A{} 4.5\n+50 value A{} 1\n");
    kit_tick(&kit, 1);
    kit_expect(&kit, "+80 value A{} nan nodata\n");
    kit_fini(&kit);
}

static void engine__series_with_a_point_a_minute__holds_its_value(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct tw_rule *rule = set_up(&kit, "store_waiting", 10);
    rule->by[rule->by_count++] = by_store;
    rule->threshold = 2;
    kit.is_quiet = true;
    kit_begin(&kit);
    kit_run(&kit, "store_waiting", "{'store':'7'}", 3, 1);
    kit_tick(&kit, 5);
    kit_run(&kit, "store_waiting", "{'store':'7'}", 3, 1);
    kit_tick(&kit, 6); /* the next one is a bucket late */
    kit_expect(&kit, "+10 firing A{store=7} 3\n");
    kit_run(&kit, "store_waiting", "{'store':'7'}", 4, 1);
    kit_tick(&kit, 6);
    kit_expect(&kit, "");
    kit_tick(&kit, 1);
    kit_expect(&kit, "+210 resolved A{store=7} 0\n");
    kit_fini(&kit);
}

/* What is written once a minute was told up to seventy seconds before the window of a minute. */
static void engine__restart__with_what_windows_reach_back_to__knows_the_same(void **state)
{
    (void)state;
    for (int at = 1; at < 25; at++) {
        struct alert_kit kit;
        struct tw_rule *rule = set_up(&kit, "store_waiting", 60);
        rule->take = TW_TAKE_MIN;
        rule->threshold = 2;
        kit_begin(&kit);
        for (int64_t bucket_s = KIT_START - 600; bucket_s < KIT_START; bucket_s += 10) {
            assert_int_equal(tw_engine_ran(kit.engine, bucket_s, 10), TW_OK);
        }
        for (int i = 0; i < 25; i++) {
            if (i == at) {
                int64_t back_s = tw_engine_span_s(kit.engine);
                kit_restore(&kit);
                for (int64_t bucket_s = kit.now_s - back_s; bucket_s < kit.now_s; bucket_s += 10) {
                    assert_int_equal(tw_engine_ran(kit.engine, bucket_s, 10), TW_OK);
                    if (bucket_s == KIT_START || bucket_s == KIT_START + 70) {
                        kit_feed_at(&kit, "store_waiting", "{'store':'7'}", bucket_s, 10, 3);
                    }
                }
            }
            double value = i == 0 || i == 7 ? 3 : (double)NAN;
            kit_run(&kit, "store_waiting", "{'store':'7'}", value, 1);
        }
        kit_expect(&kit, "+60 firing A{} 3\n+150 resolved A{} 0\n");
        kit_fini(&kit);
    }
}

static void engine__join__of_series_that_fall_together(void **state)
{
    (void)state;
    static const struct {
        enum tw_rule_join join;
        const char *line;
    } cases[] = {
        {TW_RULE_SUM, "+10 firing A{} 11\n"},
        {TW_RULE_MAX, "+10 firing A{} 8\n"},
        {TW_RULE_MIN, "+10 firing A{} 3\n"},
    };
    const char *metrics[] = {W, D};
    for (size_t i = 0; i < 6; i++) {
        const char *metric = metrics[i / 3];
        struct alert_kit kit;
        set_up(&kit, metric, 10)->when.join = cases[i % 3].join;
        kit_begin(&kit);
        kit_feed(&kit, metric, P, 3);
        kit_feed(&kit, metric, Q, 8);
        kit_tick(&kit, 1);
        kit_expect(&kit, cases[i % 3].line);
        kit_fini(&kit);
    }
}

static void engine__highest_of_a_sum__is_not_the_sum_of_the_highest(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, W, 20)->take = TW_TAKE_MAX;
    kit_begin(&kit);
    kit_feed(&kit, W, P, 9);
    kit_feed(&kit, W, Q, 1);
    kit_tick(&kit, 1);
    kit_feed(&kit, W, P, 2);
    kit_feed(&kit, W, Q, 7);
    kit_tick(&kit, 1);
    kit_feed(&kit, W, Q, 8);
    kit_tick(&kit, 1);
    kit_expect(&kit, "+10 firing A{} 10\n+30 value A{} 9\n");
    kit_fini(&kit);
}

static void engine__where_and_by__choose_and_part(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct tw_rule *rule = set_up(&kit, W, 10);
    rule->by[rule->by_count++] = by_step;
    rule->threshold = 2;
    kit_where(&rule->when, "workflow", "sale");
    kit_begin(&kit);
    kit_feed(&kit, W, P, 3);
    kit_feed(&kit, W, Q, 2);
    kit_feed(&kit, W, "{'step':'posted','workflow':'return'}", 100);
    kit_tick(&kit, 1);
    kit_feed(&kit, W, Q, 5);
    kit_tick(&kit, 1);
    kit_expect(&kit, "+10 firing A{step=posted} 3\n+20 resolved A{step=posted} 0\n"
                     "+20 firing A{step=acked} 5\n");
    kit_fini(&kit);
}

static struct tw_rule *set_up_share(struct alert_kit *kit)
{
    struct tw_rule *rule = set_up(kit, F, 20);
    rule->has_share = true;
    rule->share = (struct tw_measure){.metric = tw_metric_find(TW_STR_LIT(D))};
    rule->by[rule->by_count++] = by_workflow;
    rule->threshold = 0.25;
    return rule;
}

static void engine__share__is_one_sum_over_another(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up_share(&kit);
    kit_begin(&kit);
    kit_run(&kit, D, P, 4, 1); /* nothing failed */
    kit_feed(&kit, F, P, 1);
    kit_feed(&kit, F, Q, 1); /* another step of the same workflow */
    kit_tick(&kit, 1);
    kit_expect(&kit, "+20 firing A{workflow=sale} 0.5\n");
    kit_run(&kit, D, P, 8, 1); /* 2 of 8, not above */
    kit_expect(&kit, "+30 resolved A{workflow=sale} 0.25\n");
    kit_fini(&kit);
}

static void engine__share_of_nothing__does_not_hold(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up_share(&kit);
    kit_begin(&kit);
    kit_run(&kit, F, P, 4, 1);
    kit_expect(&kit, "");
    struct tw_rule_view view;
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_OK);
    kit_fini(&kit);
}

static void engine__least_of_a_share__is_reached_exactly(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up_share(&kit)->least = 20;
    kit_begin(&kit);
    kit_feed(&kit, D, P, 19);
    kit_run(&kit, F, P, 19, 1);
    kit_expect(&kit, "");
    kit_run(&kit, D, P, 1, 1);
    kit_expect(&kit, "+20 firing A{workflow=sale} 0.95\n");
    kit_fini(&kit);
}

static void engine__least_of_a_count__is_reached_exactly(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct tw_rule *rule = set_up(&kit, F, 20);
    rule->threshold = 2;
    rule->least = 5;
    kit_begin(&kit);
    kit_run(&kit, F, P, 4, 1);
    kit_expect(&kit, "");
    kit_run(&kit, F, P, 1, 1);
    kit_expect(&kit, "+20 firing A{} 5\n");
    kit_fini(&kit);
}

/* ---- what is usual --------------------------------------------------------------------------- */

static struct tw_rule *set_up_usual(struct alert_kit *kit, int over_s)
{
    struct tw_rule *rule = set_up(kit, D, over_s);
    rule->is_usual_share = true;
    rule->is_above = false;
    rule->threshold = 0.5;
    rule->by[rule->by_count++] = by_workflow;
    return rule;
}

static void tell_usual(struct alert_kit *kit, const double hours[TW_USUAL_HOURS])
{
    const struct tw_label label = {TW_STR_LIT("workflow"), TW_STR_LIT("sale")};
    const struct tw_labels labels = {&label, 1};
    assert_int_equal(tw_engine_usual(kit->engine, &kit->rules[0], &labels, hours), TW_OK);
}

static void engine__share_of_usual__weighs_the_hours_that_its_window_spans(void **state)
{
    (void)state;
    struct alert_kit kit;
    double hours[TW_USUAL_HOURS] = {0};
    hours[9] = 7200;  /* Monday, 09:00: 20 a bucket */
    hours[10] = 3600; /* 10:00: 10 a bucket */
    set_up_usual(&kit, 60)->threshold = 1e9;
    kit_begin(&kit);
    tell_usual(&kit, hours);
    for (int64_t at = KIT_START - 60; at < KIT_START; at += 10) {
        assert_int_equal(tw_engine_ran(kit.engine, at, 10), TW_OK);
        kit_feed_at(&kit, D, P, at, 10, 20);
    }
    kit_run(&kit, D, P, 10, 6); /* as usual: five buckets of one hour and one of the next, ... */
    kit_expect(&kit, "+10 firing A{workflow=sale} 1\n");
    kit_run(&kit, D, P, 5, 6);
    kit_expect(&kit, "+70 value A{workflow=sale} 0.916667\n+80 value A{workflow=sale} 0.833333\n"
                     "+90 value A{workflow=sale} 0.75\n+100 value A{workflow=sale} 0.666667\n"
                     "+110 value A{workflow=sale} 0.583333\n+120 value A{workflow=sale} 0.5\n");
    kit_fini(&kit);
}

static void engine__nothing_where_something_is_usual__is_a_share_of_zero(void **state)
{
    (void)state;
    struct alert_kit kit;
    double hours[TW_USUAL_HOURS];
    for (size_t i = 0; i < TW_USUAL_HOURS; i++) {
        hours[i] = 3600;
    }
    set_up_usual(&kit, 60)->least = 60;
    kit_begin(&kit);
    tell_usual(&kit, hours); /* no series is needed */
    kit_tick(&kit, 5);       /* of so short a time 50 are usual */
    kit_expect(&kit, "");
    kit_tick(&kit, 1);
    kit_expect(&kit, "+60 firing A{workflow=sale} 0\n");
    kit_fini(&kit);
}

static void engine__usual_not_known__is_said_and_opens_nothing(void **state)
{
    (void)state;
    struct alert_kit kit;
    double hours[TW_USUAL_HOURS];
    for (size_t i = 0; i < TW_USUAL_HOURS; i++) {
        hours[i] = i == 10 ? (double)NAN : 3600;
    }
    set_up_usual(&kit, 60)->no_data = TW_NO_DATA_ALERT;
    kit_begin(&kit);
    kit_run(&kit, D, P, 1, 1);
    struct tw_rule_view view;
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_NO_DATA);
    assert_non_null(strstr(view.detail, "less than a week"));
    tell_usual(&kit, hours);
    kit_tick(&kit, 100); /* an hour that is not known, 10:00 */
    kit_expect(&kit, "");
    for (size_t i = 0; i < TW_USUAL_HOURS; i++) {
        hours[i] = 3600;
    }
    tell_usual(&kit, hours);
    kit_tick(&kit, 1);
    kit_expect(&kit, "+1020 firing A{workflow=sale} 0\n");
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_OK);
    kit_fini(&kit);
}

static void engine__tower_was_away__nothing_is_usual_in_that_time(void **state)
{
    (void)state;
    struct alert_kit kit;
    double hours[TW_USUAL_HOURS];
    for (size_t i = 0; i < TW_USUAL_HOURS; i++) {
        hours[i] = 3600;
    }
    set_up_usual(&kit, 60);
    kit_begin(&kit);
    tell_usual(&kit, hours);
    kit_run(&kit, D, P, 10, 6);
    kit_sleep(&kit, 5);
    kit_run(&kit, D, P, 6, 1); /* 6 of 10, not of 60 */
    kit_expect(&kit, "");
    kit_fini(&kit);
}

static void engine__sum_of_a_time_that_is_mostly_unknown__is_not_too_low(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct tw_rule *rule = set_up(&kit, D, 100);
    rule->is_above = false;
    rule->threshold = 50;
    kit_begin(&kit);
    kit_tick(&kit, 8); /* the tower has run for eight of ten buckets */
    kit_expect(&kit, "");
    kit_tick(&kit, 1);
    kit_expect(&kit, "+90 firing A{} 0\n");
    kit_fini(&kit);
}

static void engine__bucket_that_was_judged__gives_nothing_again(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, D, 30);
    kit_begin(&kit);
    kit_run(&kit, D, P, 1, 1);
    const struct tw_alert_change *changes = NULL;
    size_t count = 7;
    assert_int_equal(tw_engine_tick(kit.engine, KIT_START, 10, true, &changes, &count), TW_OK);
    assert_int_equal(count, 0);
    kit_fini(&kit);
}

static void engine__bucket_of_a_minute__is_judged_at_its_end(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, D, 120)->threshold = 5;
    kit.rules[0].for_s = 60;
    kit_begin(&kit);
    const struct tw_alert_change *changes = NULL;
    size_t count = 0;
    for (int i = 0; i < 2; i++) {
        kit_feed_at(&kit, D, P, KIT_START + 60 * i, 60, 6);
        assert_int_equal(tw_engine_tick(kit.engine, KIT_START + 60 * i, 60, true, &changes, &count),
                         TW_OK);
        assert_int_equal(count, 1);
    }
    assert_int_equal(changes[0].news, TW_NEWS_FIRING);
    assert_int_equal(changes[0].alert.since_s, KIT_START + 60);
    assert_int_equal(changes[0].alert.fired_s, KIT_START + 120);
    assert_true(fabs(changes[0].alert.value - 12) < 1e-9);
    kit_fini(&kit);
}

/* Steps of one system are one, whatever their workflow; one whose workflow is not known is of none.
 */
static void engine__by_system__joins_its_steps(void **state)
{
    (void)state;
    static char posted[] = "posted";
    static char stocked[] = "stocked";
    static char erp[] = "erp";
    static char inventory[] = "inventory";
    static char one[] = "one";
    static char two[] = "two";
    static char owner[] = "team";
    static char by[] = "system";
    struct tw_wf_step steps[] = {{.name = posted, .system = erp},
                                 {.name = stocked, .system = inventory}};
    struct tw_workflow items[] = {
        {.name = one, .owner = owner, .steps = steps, .step_count = 2},
        {.name = two, .owner = owner, .steps = steps, .step_count = 1},
    };
    const struct tw_workflows workflows = {.items = items, .count = 2};
    struct alert_kit kit;
    set_up(&kit, "failures", 10);
    kit.workflows = &workflows;
    kit.rules[0].by[0] = by;
    kit.rules[0].by_count = 1;
    kit_begin(&kit);
    kit_feed(&kit, "failures", "{'cause':'timeout','step':'posted','workflow':'one'}", 2);
    kit_feed(&kit, "failures", "{'cause':'auth','step':'posted','workflow':'two'}", 3);
    kit_feed(&kit, "failures", "{'cause':'auth','step':'stocked','workflow':'one'}", 7);
    kit_feed(&kit, "failures", "{'cause':'auth','step':'stocked','workflow':'gone'}", 9);
    kit_tick(&kit, 1);
    kit_expect(&kit, "+10 firing A{system=erp} 5\n+10 firing A{system=inventory} 7\n"
                     "+10 firing A{} 9\n");
    kit_fini(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine__count__is_summed_over_its_window),
        cmocka_unit_test(engine__corrections__are_taken_off),
        cmocka_unit_test(engine__by_system__joins_its_steps),
        cmocka_unit_test(engine__late_count__changes_the_sums_that_still_have_it),
        cmocka_unit_test(engine__count_of_a_longer_step__is_spread_in_whole_numbers),
        cmocka_unit_test(engine__take__last_highest_lowest_or_mean_of_the_window),
        cmocka_unit_test(engine__window_with_silence__is_zero_where_the_tower_ran_else_unknown),
        cmocka_unit_test(engine__series_with_a_point_a_minute__holds_its_value),
        cmocka_unit_test(engine__restart__with_what_windows_reach_back_to__knows_the_same),
        cmocka_unit_test(engine__join__of_series_that_fall_together),
        cmocka_unit_test(engine__highest_of_a_sum__is_not_the_sum_of_the_highest),
        cmocka_unit_test(engine__where_and_by__choose_and_part),
        cmocka_unit_test(engine__share__is_one_sum_over_another),
        cmocka_unit_test(engine__share_of_nothing__does_not_hold),
        cmocka_unit_test(engine__least_of_a_share__is_reached_exactly),
        cmocka_unit_test(engine__least_of_a_count__is_reached_exactly),
        cmocka_unit_test(engine__share_of_usual__weighs_the_hours_that_its_window_spans),
        cmocka_unit_test(engine__nothing_where_something_is_usual__is_a_share_of_zero),
        cmocka_unit_test(engine__usual_not_known__is_said_and_opens_nothing),
        cmocka_unit_test(engine__tower_was_away__nothing_is_usual_in_that_time),
        cmocka_unit_test(engine__sum_of_a_time_that_is_mostly_unknown__is_not_too_low),
        cmocka_unit_test(engine__bucket_that_was_judged__gives_nothing_again),
        cmocka_unit_test(engine__bucket_of_a_minute__is_judged_at_its_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
