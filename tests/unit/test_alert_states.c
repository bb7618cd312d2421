/* SPDX-License-Identifier: Apache-2.0
 * States of alerts, and when they change: every edge on simulated time. */
#include "config.h"
#include "alert_kit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define W "step_waiting"
#define P "{'step':'posted'}"

static void set_up(struct alert_kit *kit, int for_s, int keep_s)
{
    kit_init(kit);
    kit->rules[0].for_s = for_s;
    kit->rules[0].keep_s = keep_s;
    kit->is_quiet = true;
    kit_begin(kit);
}

static void engine__condition_without_for__fires_at_once_and_resolves_at_once(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 0, 0);
    kit_run(&kit, W, P, 10, 2); /* above, strictly */
    kit_expect(&kit, "");
    kit_run(&kit, W, P, 11, 3);
    kit_expect(&kit, "+30 firing A{} 11\n");
    kit_run(&kit, W, P, 10, 2);
    kit_expect(&kit, "+60 resolved A{} 10\n");
    kit_fini(&kit);
}

static void engine__below__holds_strictly_below(void **state)
{
    (void)state;
    struct alert_kit kit;
    kit_init(&kit);
    kit.rules[0].is_above = false;
    kit_begin(&kit);
    kit_run(&kit, W, P, 10, 1);
    kit_expect(&kit, "");
    kit_run(&kit, W, P, 9, 1);
    kit_expect(&kit, "+20 firing A{} 9\n");
    kit_fini(&kit);
}

static void engine__for__fires_when_it_is_reached_exactly(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 60, 0);
    kit_run(&kit, W, P, 11, 6);
    kit_expect(&kit, "+10 pending A{} 11\n");
    kit_run(&kit, W, P, 11, 1);
    kit_expect(&kit, "+70 firing A{} 11\n");
    kit_fini(&kit);
}

static void engine__for_less_one_bucket__is_dropped_silently(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 60, 0);
    kit_run(&kit, W, P, 11, 6);
    kit_run(&kit, W, P, 10, 1);
    kit_expect(&kit, "+10 pending A{} 11\n+70 dropped A{} 10\n");
    kit_run(&kit, W, P, 11, 7); /* from the beginning again */
    kit_expect(&kit, "+80 pending A{} 11\n+140 firing A{} 11\n");
    kit_fini(&kit);
}

static void engine__keep_firing_for__resolves_when_it_is_reached_exactly(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 0, 60);
    kit_run(&kit, W, P, 11, 1);
    kit_run(&kit, W, P, 1, 6);
    kit_expect(&kit, "+10 firing A{} 11\n");
    kit_run(&kit, W, P, 1, 1);
    kit_expect(&kit, "+80 resolved A{} 1\n");
    kit_fini(&kit);
}

static void engine__condition_comes_back_within_keep_firing_for__begins_anew(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 20, 60);
    kit_run(&kit, W, P, 11, 3);
    kit_run(&kit, W, P, 1, 6);
    kit_run(&kit, W, P, 11, 1); /* at +100: it was calm since +40 */
    kit_run(&kit, W, P, 1, 6);
    kit_expect(&kit, "+10 pending A{} 11\n+30 firing A{} 11\n");
    kit_run(&kit, W, P, 1, 1);
    kit_expect(&kit, "+170 resolved A{} 1\n");
    kit_fini(&kit);
}

static void engine__keep_firing_for__does_not_keep_what_is_pending(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 60, 300);
    kit_run(&kit, W, P, 11, 3);
    kit_run(&kit, W, P, 1, 1);
    kit_expect(&kit, "+10 pending A{} 11\n+40 dropped A{} 1\n");
    kit_fini(&kit);
}

static void engine__value_changes__is_told_once(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 0, 0);
    kit.is_quiet = false;
    kit_run(&kit, W, P, 11, 2);
    kit_run(&kit, W, P, 12, 2);
    kit_expect(&kit, "+10 firing A{} 11\n+30 value A{} 12\n");
    kit_fini(&kit);
}

/* ---- the tower does not run ------------------------------------------------------------------ */

static void engine__tower_does_not_run__nothing_opens_and_nothing_closes(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 60, 0);
    kit_run(&kit, W, P, 11, 3);
    kit_sleep(&kit, 30);
    kit_expect(&kit, "+10 pending A{} 11\n");
    kit_run(&kit, W, P, 11, 1); /* it has held since +10, as far as anybody knows */
    kit_expect(&kit, "+340 firing A{} 11\n");
    kit_sleep(&kit, 30);
    kit_expect(&kit, "");
    kit_run(&kit, W, P, 11, 1);
    kit_expect(&kit, "");
    kit_run(&kit, W, P, 1, 1);
    kit_expect(&kit, "+660 resolved A{} 1\n");
    kit_fini(&kit);
}

static void engine__silence_while_the_tower_runs__is_zero(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 0, 0);
    kit_run(&kit, W, P, 11, 1);
    kit_tick(&kit, 1);
    kit_expect(&kit, "+10 firing A{} 11\n+20 resolved A{} 0\n");
    kit_fini(&kit);
}

/* ---- flapping -------------------------------------------------------------------------------- */

/* Once it holds, then not until the turn is over. */
static void turn(struct alert_kit *kit, int buckets)
{
    kit_run(kit, W, P, 11, 1);
    kit_run(kit, W, P, 1, buckets - 1);
}

static void engine__fires_four_times_within_an_hour__stays_until_it_was_calm(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 0, 0);
    for (int i = 0; i < 3; i++) {
        turn(&kit, 120);
    }
    kit_expect(&kit, "+10 firing A{} 11\n+20 resolved A{} 1\n"
                     "+1210 firing A{} 11\n+1220 resolved A{} 1\n"
                     "+2410 firing A{} 11\n+2420 resolved A{} 1\n");
    turn(&kit, 90); /* at +3610: an hour after the first, exactly; calm for 880 s at the end */
    kit_expect(&kit, "+3610 firing A{} 11 flapping\n");
    turn(&kit, 91);
    kit_expect(&kit, "");
    kit_run(&kit, W, P, 1, 1);
    kit_expect(&kit, "+5420 resolved A{} 1 flapping\n");
    kit_fini(&kit);
}

static void engine__fires_four_times_in_more_than_an_hour__does_not_flap(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 0, 0);
    turn(&kit, 120);
    turn(&kit, 120);
    turn(&kit, 121);
    turn(&kit, 120);
    kit_expect(&kit, "+10 firing A{} 11\n+20 resolved A{} 1\n"
                     "+1210 firing A{} 11\n+1220 resolved A{} 1\n"
                     "+2410 firing A{} 11\n+2420 resolved A{} 1\n"
                     "+3620 firing A{} 11\n+3630 resolved A{} 1\n");
    kit_fini(&kit);
}

static void engine__flapping_with_a_longer_keep_firing_for__keeps_for_that(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up(&kit, 0, 0);
    for (int i = 0; i < 3; i++) {
        turn(&kit, 10);
    }
    kit.rules[0].keep_s = 1200;
    kit_run(&kit, W, P, 11, 1);
    kit.log[0] = '\0';
    kit_run(&kit, W, P, 1, 120);
    kit_expect(&kit, "");
    kit_run(&kit, W, P, 1, 1);
    kit_expect(&kit, "+1520 resolved A{} 1 flapping\n");
    kit_fini(&kit);
}

/* ---- no data --------------------------------------------------------------------------------- */

#define K "objective_burn" /* of which silence is not 0 */
#define O "{'objective':'o','window':'1h'}"

static void set_up_known(struct alert_kit *kit, enum tw_rule_no_data no_data)
{
    static char objective[] = "objective";
    kit_init(kit);
    kit->set.count = 0;
    struct tw_rule *rule = kit_rule(kit, K);
    rule->by[rule->by_count++] = objective;
    rule->no_data = no_data;
    kit->is_quiet = true;
}

static void engine__no_data_ignored__stays_as_it_is_and_says_so(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up_known(&kit, TW_NO_DATA_IGNORE);
    kit.is_quiet = false;
    kit_begin(&kit);
    kit_run(&kit, K, O, 11, 1);
    kit_tick(&kit, 100);
    kit_expect(&kit, "+10 firing A{objective=o} 11\n+20 value A{objective=o} nan nodata\n");
    kit_run(&kit, K, O, 11, 1);
    kit_expect(&kit, "+1020 value A{objective=o} 11\n");
    kit_run(&kit, K, O, 1, 1);
    kit_expect(&kit, "+1030 resolved A{objective=o} 1\n");
    kit_fini(&kit);
}

static void engine__no_data_while_pending__fires_not_before_it_is_known_again(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up_known(&kit, TW_NO_DATA_IGNORE);
    kit.rules[0].for_s = 60;
    kit_begin(&kit);
    kit_run(&kit, K, O, 11, 1);
    kit_tick(&kit, 100);
    kit_expect(&kit, "+10 pending A{objective=o} 11\n");
    kit_run(&kit, K, O, 11, 1);
    kit_expect(&kit, "+1020 firing A{objective=o} 11\n");
    kit_fini(&kit);
}

static void engine__no_data_alert__opens_when_its_time_is_reached_exactly(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up_known(&kit, TW_NO_DATA_ALERT);
    kit_begin(&kit);
    kit_run(&kit, K, O, 1, 1); /* known until +10 */
    kit_tick(&kit, 59);
    kit_expect(&kit, "");
    kit_tick(&kit, 1);
    kit_expect(&kit, "+610 firing A{nodata=true,objective=o} nan nodata\n");
    struct tw_alert alert;
    tw_engine_get(kit.engine, 0, &alert);
    assert_int_equal(alert.since_s, KIT_START + 10);
    kit_run(&kit, K, O, 1, 1);
    kit_expect(&kit, "+620 resolved A{nodata=true,objective=o} nan nodata\n");
    kit_tick(&kit, 59); /* and anew */
    kit_expect(&kit, "");
    kit_tick(&kit, 1);
    kit_expect(&kit, "+1220 firing A{nodata=true,objective=o} nan nodata\n");
    kit_fini(&kit);
}

static void engine__no_data_alert__stands_beside_the_one_that_fires(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up_known(&kit, TW_NO_DATA_ALERT);
    kit_begin(&kit);
    kit_run(&kit, K, O, 11, 1);
    kit_tick(&kit, 60);
    kit_expect(&kit, "+10 firing A{objective=o} 11\n"
                     "+610 firing A{nodata=true,objective=o} nan nodata\n");
    kit_run(&kit, K, O, 1, 1);
    kit_expect(&kit, "+620 resolved A{objective=o} 1\n"
                     "+620 resolved A{nodata=true,objective=o} nan nodata\n");
    kit_fini(&kit);
}

static void engine__no_data_alert__counts_only_while_the_tower_runs(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up_known(&kit, TW_NO_DATA_ALERT);
    kit_begin(&kit);
    kit_run(&kit, K, O, 1, 1);
    kit_tick(&kit, 59);
    kit_sleep(&kit, 1);
    kit_tick(&kit, 59);
    kit_expect(&kit, "");
    kit_tick(&kit, 1);
    kit_expect(&kit, "+1210 firing A{nodata=true,objective=o} nan nodata\n");
    kit_fini(&kit);
}

static void engine__series_that_never_was__is_no_data_of_a_rule_that_names_it(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up_known(&kit, TW_NO_DATA_ALERT);
    kit_where(&kit.rules[0].when, "objective", "o");
    kit_begin(&kit);
    kit_tick(&kit, 59);
    kit_expect(&kit, "");
    struct tw_rule_view view;
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_NO_DATA);
    assert_non_null(view.detail);
    kit_tick(&kit, 1);
    kit_expect(&kit, "+600 firing A{nodata=true,objective=o} nan nodata\n");
    kit_fini(&kit);
}

static void engine__series_is_gone_for_a_day__its_alert_ends(void **state)
{
    (void)state;
    struct alert_kit kit;
    set_up_known(&kit, TW_NO_DATA_IGNORE);
    kit_begin(&kit);
    kit_run(&kit, K, O, 11, 1);
    kit_tick(&kit, 8640);
    kit_expect(&kit, "+10 firing A{objective=o} 11\n");
    kit_tick(&kit, 720); /* it is looked for once an hour */
    kit_expect(&kit, "+90010 resolved A{objective=o} nan nodata\n");
    assert_int_equal(tw_engine_count(kit.engine), 0);
    kit_fini(&kit);
}

/* ---- hours ----------------------------------------------------------------------------------- */

static void engine__hours__are_those_in_which_a_bucket_begins(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct tw_hours hours = {.times = {{36060, 36120}}, .time_count = 1}; /* 10:01 to 10:02 */
    kit_init(&kit);
    kit.is_quiet = true;
    kit.rules[0].hours = &hours;
    kit_begin(&kit);
    kit_run(&kit, W, P, 11, 6);
    kit_expect(&kit, "");
    kit_run(&kit, W, P, 11, 6);
    kit_expect(&kit, "+70 firing A{} 11\n");
    kit_run(&kit, W, P, 11, 1);
    kit_expect(&kit, "+130 resolved A{} 11\n");
    kit_fini(&kit);
}

static void engine__hours_end__drop_what_is_pending_and_keep_nothing(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct tw_hours hours = {.times = {{36000, 36060}}, .time_count = 1};
    set_up(&kit, 60, 600);
    kit.rules[0].hours = &hours;
    kit_run(&kit, W, P, 11, 7);
    kit_expect(&kit, "+10 pending A{} 11\n+70 dropped A{} 11\n");
    struct tw_rule_view view;
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_OK);
    assert_int_equal(view.pending, 0);
    kit_fini(&kit);
}

static void engine__no_data_alert__counts_only_within_hours(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct tw_hours hours = {.times = {{36600, 37800}}, .time_count = 1}; /* 10:10 to 10:30 */
    set_up_known(&kit, TW_NO_DATA_ALERT);
    kit.rules[0].hours = &hours;
    kit_begin(&kit);
    kit_run(&kit, K, O, 1, 1);
    kit_tick(&kit, 118);
    kit_expect(&kit, "");
    kit_tick(&kit, 1); /* ten minutes after 10:10 */
    kit_expect(&kit, "+1200 firing A{nodata=true,objective=o} nan nodata\n");
    kit_tick(&kit, 61);
    kit_expect(&kit, "+1810 resolved A{nodata=true,objective=o} nan nodata\n");
    kit_fini(&kit);
}

/* The clock goes from 02:00 to 03:00 on 2026-03-29, and from 03:00 back to 02:00 on 2026-10-25. */
static void engine__hours_of_a_zone__follow_the_clock_when_it_is_changed(void **state)
{
    (void)state;
    struct tw_zone *zone = NULL;
    assert_int_equal(tw_zone_new("Europe/Berlin", &zone), TW_OK);
    struct tw_hours hours = {.times = {{7200, 10800}}, .time_count = 1, .zone = zone};
    static const struct {
        int64_t midnight; /* of the day, in Berlin */
        int buckets;      /* within 02:00 to 03:00 */
        int64_t first;    /* the first of them is judged so long after midnight */
    } days[] = {
        {INT64_C(1774652400), 360, 7210}, /* 2026-03-28: as ever */
        {INT64_C(1774738800), 0, 0},      /* 2026-03-29: there is no such hour */
        {INT64_C(1792879200), 720, 7210}, /* 2026-10-25: it is there twice */
    };
    for (size_t i = 0; i < sizeof days / sizeof days[0]; i++) {
        struct alert_kit kit;
        set_up(&kit, 0, 0);
        kit.rules[0].hours = &hours;
        kit.now_s = days[i].midnight;
        int firing = 0;
        int64_t first = 0;
        for (int k = 0; k < 6 * 360; k++) {
            kit_run(&kit, W, P, 11, 1);
            first = tw_engine_count(kit.engine) > 0 && first == 0 ? kit.now_s : first;
            firing += (int)tw_engine_count(kit.engine);
        }
        assert_int_equal(firing, days[i].buckets);
        assert_int_equal(first, days[i].first == 0 ? 0 : days[i].midnight + days[i].first);
        kit_fini(&kit);
    }
    tw_zone_destroy(&zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine__condition_without_for__fires_at_once_and_resolves_at_once),
        cmocka_unit_test(engine__below__holds_strictly_below),
        cmocka_unit_test(engine__for__fires_when_it_is_reached_exactly),
        cmocka_unit_test(engine__for_less_one_bucket__is_dropped_silently),
        cmocka_unit_test(engine__keep_firing_for__resolves_when_it_is_reached_exactly),
        cmocka_unit_test(engine__condition_comes_back_within_keep_firing_for__begins_anew),
        cmocka_unit_test(engine__keep_firing_for__does_not_keep_what_is_pending),
        cmocka_unit_test(engine__value_changes__is_told_once),
        cmocka_unit_test(engine__tower_does_not_run__nothing_opens_and_nothing_closes),
        cmocka_unit_test(engine__silence_while_the_tower_runs__is_zero),
        cmocka_unit_test(engine__fires_four_times_within_an_hour__stays_until_it_was_calm),
        cmocka_unit_test(engine__fires_four_times_in_more_than_an_hour__does_not_flap),
        cmocka_unit_test(engine__flapping_with_a_longer_keep_firing_for__keeps_for_that),
        cmocka_unit_test(engine__no_data_ignored__stays_as_it_is_and_says_so),
        cmocka_unit_test(engine__no_data_while_pending__fires_not_before_it_is_known_again),
        cmocka_unit_test(engine__no_data_alert__opens_when_its_time_is_reached_exactly),
        cmocka_unit_test(engine__no_data_alert__stands_beside_the_one_that_fires),
        cmocka_unit_test(engine__no_data_alert__counts_only_while_the_tower_runs),
        cmocka_unit_test(engine__series_that_never_was__is_no_data_of_a_rule_that_names_it),
        cmocka_unit_test(engine__series_is_gone_for_a_day__its_alert_ends),
        cmocka_unit_test(engine__hours__are_those_in_which_a_bucket_begins),
        cmocka_unit_test(engine__hours_end__drop_what_is_pending_and_keep_nothing),
        cmocka_unit_test(engine__no_data_alert__counts_only_within_hours),
        cmocka_unit_test(engine__hours_of_a_zone__follow_the_clock_when_it_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
