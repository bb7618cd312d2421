/* SPDX-License-Identifier: Apache-2.0
 * Each rule of the pace at its edge, on a clock of its own.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay/pace.h"

#define S  TW_NS_PER_S
#define MS TW_NS_PER_MS

static struct tw_pace pace;
static tw_mono_t now;
static struct tw_pace_counts counts;
static struct tw_pace_verdict verdict;

static const struct tw_pace_limits usual = {
    .rate = 40, .canary = 0, .stop_failures = 10, .stop_percent = 10, .under_way = 500};

static void begin(const struct tw_pace_limits *limits, bool is_past_canary)
{
    now = (tw_mono_t){1000 * S};
    counts = (struct tw_pace_counts){.has_waiting = true};
    tw_pace_init(&pace, limits, is_past_canary, now, now);
}

static uint64_t look(void)
{
    tw_pace_look(&pace, &counts, now, &verdict);
    return verdict.may_send;
}

/* How many leave in so many seconds, looked at every 50 ms, all of them proven at once. */
static uint64_t send_for(int seconds)
{
    uint64_t sum = 0;
    for (int i = 0; i < seconds * 20; i++) {
        now.ns += 50 * MS;
        uint64_t count = look();
        tw_pace_sent(&pace, count);
        counts.proven += count;
        sum += count;
    }
    return sum;
}

static void assert_about(uint64_t got, uint64_t wanted)
{
    assert_in_range(got, wanted - wanted / 20 - 1, wanted + wanted / 20 + 1);
}

static void pace__ramp__doubles_every_five_seconds_from_an_eighth(void **state)
{
    (void)state;
    begin(&usual, true);
    assert_int_equal(look(), 1); /* the first goes at once */
    assert_int_equal(verdict.phase, TW_PACE_RAMP);
    assert_int_equal(verdict.rate, 5);
    assert_about(send_for(5), 5 * 5);
    assert_about(send_for(5), 5 * 10);
    assert_int_equal(verdict.rate, 20); /* the look at the tenth second is of the next step */
    assert_about(send_for(5), 5 * 20);
    assert_int_equal(verdict.phase, TW_PACE_FULL);
    assert_int_equal(verdict.rate, 40);
    assert_about(send_for(10), 10 * 40);
}

static void pace__edges_of_the_ramp(void **state)
{
    (void)state;
    begin(&usual, true);
    now.ns += 5 * S - 1;
    (void)look();
    assert_int_equal(verdict.rate, 5);
    now.ns += 1;
    (void)look();
    assert_int_equal(verdict.rate, 10);
    now.ns += 10 * S - 1;
    (void)look();
    assert_int_equal(verdict.phase, TW_PACE_RAMP);
    now.ns += 1;
    (void)look();
    assert_int_equal(verdict.phase, TW_PACE_FULL);
}

static void pace__after_a_pause__only_a_burst_leaves(void **state)
{
    (void)state;
    begin(&usual, true);
    now.ns += 3600 * S;
    assert_int_equal(look(), 8); /* 200 ms of 40 a second */
    tw_pace_sent(&pace, 8);
    assert_int_equal(look(), 0);
}

static void pace__slowest_rate__is_one_a_second(void **state)
{
    (void)state;
    const struct tw_pace_limits slow = {.rate = 1, .under_way = 500};
    begin(&slow, true);
    assert_int_equal(look(), 1);
    tw_pace_sent(&pace, 1);
    now.ns += 8 * S - S; /* the ramp: an eighth, then a quarter */
    assert_int_equal(look(), 1);
    tw_pace_sent(&pace, 1);
    now.ns += 60 * S;
    assert_int_equal(look(), 1); /* a burst is one at least, and no more */
}

static void pace__under_way__is_bounded(void **state)
{
    (void)state;
    begin(&usual, true);
    now.ns += 60 * S;
    counts.under_way = 499;
    assert_int_equal(look(), 1);
    counts.under_way = 500;
    assert_int_equal(look(), 0);
    counts.under_way = 600; /* the configuration was another one when they left */
    assert_int_equal(look(), 0);
}

static void pace__nothing_waiting__sends_nothing(void **state)
{
    (void)state;
    begin(&usual, true);
    counts.has_waiting = false;
    counts.failures = 1000;
    assert_int_equal(look(), 0);
    assert_false(verdict.stops); /* there is nothing to stop */
}

static void pace__canary__goes_alone_until_all_are_proven(void **state)
{
    (void)state;
    struct tw_pace_limits limits = usual;
    limits.canary = 5;
    begin(&limits, false);
    now.ns += 60 * S;
    assert_int_equal(look(), 5); /* of a burst of 8 */
    assert_int_equal(verdict.phase, TW_PACE_CANARY);
    tw_pace_sent(&pace, 3);
    counts.under_way = 3;
    assert_int_equal(look(), 2);
    counts.under_way = 5;
    now.ns += 60 * S;
    assert_int_equal(look(), 0);
    counts.under_way = 1;
    counts.proven = 4;
    assert_int_equal(look(), 0);
    assert_false(verdict.passed_canary);
    counts.under_way = 0;
    counts.proven = 5;
    assert_true(look() > 0);
    assert_true(verdict.passed_canary);
    assert_int_equal(verdict.phase, TW_PACE_RAMP);
    assert_int_equal(verdict.rate, 5); /* it rises from here */
    (void)look();
    assert_false(verdict.passed_canary);
}

static void pace__canary__stops_at_the_first_that_is_not_proven(void **state)
{
    (void)state;
    struct tw_pace_limits limits = usual;
    limits.canary = 5;
    limits.stop_failures = 0;
    limits.stop_percent = 0;
    begin(&limits, false);
    counts.under_way = 2;
    counts.proven = 2;
    counts.failures = 1;
    assert_int_equal(look(), 0);
    assert_true(verdict.stops);
    assert_string_equal(verdict.why, "1 of the first 5, which went ahead, failed again, were "
                                     "refused or are unproven");
}

static void pace__no_canary__is_passed_at_once(void **state)
{
    (void)state;
    begin(&usual, false);
    assert_int_equal(look(), 1);
    assert_true(verdict.passed_canary);
}

static void pace__stops__at_the_number_of_failures(void **state)
{
    (void)state;
    struct tw_pace_limits limits = usual;
    limits.stop_percent = 0;
    begin(&limits, true);
    counts.proven = 90;
    counts.failures = 9;
    assert_true(look() > 0);
    counts.failures = 10;
    assert_int_equal(look(), 0);
    assert_true(verdict.stops);
    assert_string_equal(verdict.why,
                        "10 of 100 that ended failed again, were refused or are unproven");
    limits.stop_failures = 0;
    begin(&limits, true);
    counts.failures = 100000;
    assert_true(look() > 0); /* 0: never */
}

static void pace__stops__at_the_share_of_at_least_twenty(void **state)
{
    (void)state;
    struct tw_pace_limits limits = usual;
    limits.stop_failures = 0;
    begin(&limits, true);
    counts.proven = 17;
    counts.failures = 2;
    assert_true(look() > 0); /* more than a tenth, of nineteen */
    counts.proven = 18;
    assert_int_equal(look(), 0);
    assert_true(verdict.stops);
    assert_string_equal(verdict.why,
                        "2 of 20 that ended failed again, were refused or are unproven: 10 %");
    begin(&limits, true);
    counts.proven = 19;
    counts.failures = 2; /* 9.5 % */
    assert_true(look() > 0);
    limits.stop_percent = 100;
    begin(&limits, true);
    counts.proven = 0;
    counts.failures = 19;
    assert_true(look() > 0);
    counts.failures = 20;
    assert_int_equal(look(), 0);
    limits.stop_percent = 1;
    begin(&limits, true);
    counts.proven = 1000;
    assert_true(look() > 0);
}

static void pace__gives_way__to_more_than_twice_and_twenty(void **state)
{
    (void)state;
    assert_false(tw_pace_yields(false, 0, 20));
    assert_true(tw_pace_yields(false, 0, 21));
    assert_true(tw_pace_yields(true, 0, 11));
    assert_false(tw_pace_yields(true, 0, 10));
    assert_false(tw_pace_yields(false, 100, 220));
    assert_true(tw_pace_yields(false, 100, 221));
    assert_true(tw_pace_yields(true, 100, 161));
    assert_false(tw_pace_yields(true, 100, 160));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pace__ramp__doubles_every_five_seconds_from_an_eighth),
        cmocka_unit_test(pace__edges_of_the_ramp),
        cmocka_unit_test(pace__after_a_pause__only_a_burst_leaves),
        cmocka_unit_test(pace__slowest_rate__is_one_a_second),
        cmocka_unit_test(pace__under_way__is_bounded),
        cmocka_unit_test(pace__nothing_waiting__sends_nothing),
        cmocka_unit_test(pace__canary__goes_alone_until_all_are_proven),
        cmocka_unit_test(pace__canary__stops_at_the_first_that_is_not_proven),
        cmocka_unit_test(pace__no_canary__is_passed_at_once),
        cmocka_unit_test(pace__stops__at_the_number_of_failures),
        cmocka_unit_test(pace__stops__at_the_share_of_at_least_twenty),
        cmocka_unit_test(pace__gives_way__to_more_than_twice_and_twenty),
    };
    return cmocka_run_group_tests_name("replay_pace", tests, NULL, NULL);
}
