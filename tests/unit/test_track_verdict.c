/* SPDX-License-Identifier: Apache-2.0
 * track/verdict: each verdict and the order of the rules, told as the course of a step in looks
 * half a minute apart; rates and the time to drain against the formula. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "track/verdict.h"

#define LOOK_NS (TW_LAG_INTERVAL_S * TW_NS_PER_S)
#define START   (INT64_C(1795255200) * TW_NS_PER_S)

/* A step, as it changes from look to look. */
struct stage {
    struct tw_lag_ring ring;
    struct tw_lag_point point;
};

static void begin(struct stage *stage)
{
    *stage = (struct stage){.point = {.at = {START}}};
    tw_lag_init(&stage->ring);
}

/* Half a minute in which so many came, came through, and failed; then the age of the oldest. */
static void pass(struct stage *stage, uint64_t came, uint64_t through, uint64_t failed,
                 int64_t oldest_s)
{
    stage->point.at.ns += LOOK_NS;
    stage->point.arrived += came;
    stage->point.through += through;
    stage->point.heard += through + failed;
    stage->point.waiting += came - through;
    stage->point.oldest_ns = oldest_s * TW_NS_PER_S;
    assert_true(tw_lag_note(&stage->ring, &stage->point));
}

static void assert_verdict(const struct stage *stage, int64_t allowed_s,
                           enum tw_lag_verdict expected)
{
    enum tw_lag_verdict got = tw_lag_judge(&stage->ring, &stage->point, allowed_s * TW_NS_PER_S);
    if (got != expected) {
        fail_msg("%s instead of %s", tw_lag_verdict_name(got), tw_lag_verdict_name(expected));
    }
}

static void verdict__fewer_looks_than_the_least__say_nothing(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    assert_verdict(&stage, 0, TW_LAG_UNKNOWN);
    for (int i = 0; i < TW_LAG_POINTS_MIN - 1; i++) {
        pass(&stage, 5, 0, 0, 30 * i);
        assert_verdict(&stage, 0, TW_LAG_UNKNOWN);
    }
    pass(&stage, 5, 0, 0, 120);
    assert_verdict(&stage, 0, TW_LAG_STALL); /* silent for exactly as long as the looks span */
}

static void verdict__no_traffic__is_idle_and_not_healthy(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    for (int i = 0; i < 20; i++) {
        pass(&stage, 0, 0, 0, 0);
    }
    assert_verdict(&stage, 0, TW_LAG_IDLE);
    pass(&stage, 1, 1, 0, 0); /* one comes and goes: it works */
    assert_verdict(&stage, 0, TW_LAG_OK);
    for (int i = 0; i < 9; i++) {
        pass(&stage, 0, 0, 0, 0);
        assert_verdict(&stage, 0, i < 8 ? TW_LAG_OK : TW_LAG_IDLE); /* it leaves the looks */
    }
}

static void verdict__first_after_a_pause__is_not_lag(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    for (int i = 0; i < 100; i++) {
        pass(&stage, 0, 0, 0, 0);
    }
    pass(&stage, 1, 0, 0, 1); /* silent for 50 minutes, but nothing waited */
    assert_verdict(&stage, 0, TW_LAG_OK);
    for (int i = 1; i < 9; i++) {
        pass(&stage, 0, 0, 0, 30 * i);
        assert_verdict(&stage, 0, TW_LAG_OK); /* at one of the looks nothing waited */
    }
    pass(&stage, 0, 0, 0, 270);
    assert_verdict(&stage, 0, TW_LAG_STOP);
    assert_verdict(&stage, 270, TW_LAG_OK); /* unless the step is known to take so long */
    assert_verdict(&stage, 269, TW_LAG_STOP);
}

static void verdict__keeping_up__is_ok(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    pass(&stage, 100, 60, 0, 2);
    for (int i = 0; i < 20; i++) {
        pass(&stage, 100, i % 2 == 0 ? 110 : 90, 0, 2 + i % 3); /* always some under way */
        assert_verdict(&stage, 0, i < 3 ? TW_LAG_UNKNOWN : TW_LAG_OK);
    }
    /* The same number waits, as old as ever: neither grows. */
    begin(&stage);
    pass(&stage, 10, 5, 0, 3);
    for (int i = 0; i < 12; i++) {
        pass(&stage, 10, 10, 0, 3);
    }
    assert_verdict(&stage, 0, TW_LAG_OK);
}

static void verdict__falling_behind__warns_until_it_gains(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    pass(&stage, 10, 5, 0, 5);
    for (int i = 1; i < 10; i++) {
        pass(&stage, 10, 8, 0, 5 + 20 * i);
    }
    assert_verdict(&stage, 0, TW_LAG_WARN);
    pass(&stage, 10, 12, 0, 200); /* fewer wait */
    assert_verdict(&stage, 0, TW_LAG_OK);
    /* A fall of the age alone counts too, and a rise of the age alone warns: one run is stuck. */
    begin(&stage);
    pass(&stage, 10, 9, 0, 5);
    for (int i = 1; i < 10; i++) {
        pass(&stage, 10, 10, 0, 5 + 30 * i);
    }
    assert_verdict(&stage, 0, TW_LAG_WARN);
    stage.point.oldest_ns = 4 * TW_NS_PER_S; /* now, not kept: it came through */
    assert_verdict(&stage, 0, TW_LAG_OK);
}

static void verdict__attempts_that_all_fail__are_a_stall(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    for (int i = 0; i < 5; i++) {
        pass(&stage, 10, 9, 0, 5);
    }
    for (int i = 1; i <= 9; i++) {
        pass(&stage, 10, 0, 10, 30 * i);
        if (i < 9) { /* there are looks in which something came through: it falls behind */
            enum tw_lag_verdict got = tw_lag_judge(&stage.ring, &stage.point, 0);
            assert_true(got == TW_LAG_WARN || got == TW_LAG_UNKNOWN);
        }
    }
    assert_verdict(&stage, 0, TW_LAG_STALL);
    pass(&stage, 10, 1, 10, 300);
    assert_verdict(&stage, 0, TW_LAG_WARN);
}

static void verdict__silence_with_work_waiting__is_a_stop(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    for (int i = 0; i < 10; i++) {
        pass(&stage, 10, 9, 0, 5);
    }
    for (int i = 1; i <= 9; i++) {
        pass(&stage, 10, 0, 0, 30 * i);
        assert_verdict(&stage, 0, i < 9 ? TW_LAG_WARN : TW_LAG_STALL);
    }
    /* Asked between two looks: the clock alone makes it a stop, five minutes after the last sign.
     */
    stage.point.at.ns += 1;
    assert_verdict(&stage, 0, TW_LAG_STOP);
    stage.point.heard++; /* a sign, not kept yet */
    assert_verdict(&stage, 0, TW_LAG_STALL);
    stage.point.heard--;
    for (int i = 0; i < 200; i++) { /* an hour and more later it still is one */
        pass(&stage, 0, 0, 0, 300 + 30 * i);
        assert_verdict(&stage, 0, TW_LAG_STOP);
    }
    pass(&stage, 0, 5, 0, 300 + 30 * 200);
    assert_verdict(&stage, 0, TW_LAG_OK); /* fewer wait */
}

static void verdict__nothing_waits_now__is_never_lag(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    for (int i = 0; i < 10; i++) {
        pass(&stage, 10, 0, 0, 30 * i);
    }
    assert_verdict(&stage, 0, TW_LAG_STALL);
    stage.point.through += 100;
    stage.point.heard += 100;
    stage.point.waiting = 0;
    stage.point.oldest_ns = 0;
    assert_verdict(&stage, 0, TW_LAG_OK);
}

static void verdict__looks_too_close__are_not_kept(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    pass(&stage, 1, 1, 0, 0);
    struct tw_lag_point point = stage.point;
    point.at.ns += LOOK_NS - 1;
    assert_false(tw_lag_note(&stage.ring, &point));
    assert_false(tw_lag_note(&stage.ring, &stage.point));
    assert_int_equal(stage.ring.count, 1);
    point.at.ns += 1;
    assert_true(tw_lag_note(&stage.ring, &point));
    assert_int_equal(stage.ring.count, 2);
}

static void verdict__what_goes_back__begins_anew(void **state)
{
    (void)state;
    for (int which = 0; which < 4; which++) {
        struct stage stage;
        begin(&stage);
        for (int i = 0; i < 8; i++) {
            pass(&stage, 3, 1, 1, 5);
        }
        struct tw_lag_point point = stage.point;
        point.at.ns += which == 0 ? -1 : LOOK_NS;
        point.arrived -= which == 1;
        point.through -= which == 2;
        point.heard -= which == 3;
        assert_true(tw_lag_note(&stage.ring, &point));
        assert_int_equal(stage.ring.count, 1);
        assert_int_equal(tw_lag_judge(&stage.ring, &point, 0), TW_LAG_UNKNOWN);
        assert_false(tw_lag_rates(&stage.ring).has_data);
    }
}

static void assert_near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance)) {
        fail_msg("%.9f instead of %.9f", got, expected);
    }
}

static void drain__even_rates__give_the_formula(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    assert_int_equal(tw_lag_drain(&stage.ring, 5).state, TW_DRAIN_UNKNOWN);
    assert_int_equal(tw_lag_drain(&stage.ring, 0).state, TW_DRAIN_EMPTY);
    pass(&stage, 6000, 0, 0, 1);
    assert_int_equal(tw_lag_drain(&stage.ring, 6000).state, TW_DRAIN_UNKNOWN);
    for (int i = 0; i < 12; i++) { /* 2 a second come, 5 a second go */
        pass(&stage, 60, 150, 0, 10);
        struct tw_lag_rates rates = tw_lag_rates(&stage.ring);
        assert_near(rates.in_per_s, 2, 1e-9); /* without a bias towards 0 at the start */
        assert_near(rates.out_per_s, 5, 1e-9);
    }
    struct tw_drain drain = tw_lag_drain(&stage.ring, stage.point.waiting);
    assert_int_equal(stage.point.waiting, 6000 - 12 * 90);
    assert_int_equal(drain.state, TW_DRAIN_DRAINS);
    assert_near(drain.seconds, (6000 - 12 * 90) / 3.0, 1e-6);
    assert_int_equal(tw_lag_drain(&stage.ring, 0).state, TW_DRAIN_EMPTY);
}

static void drain__more_come_than_go__is_growing(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    pass(&stage, 10, 0, 0, 1);
    pass(&stage, 10, 10, 0, 1); /* as many */
    struct tw_drain drain = tw_lag_drain(&stage.ring, 10);
    assert_int_equal(drain.state, TW_DRAIN_GROWING);
    assert_true(isnan(drain.seconds));
    pass(&stage, 0, 0, 0, 1); /* none at all: it will not end by itself either */
    assert_int_equal(tw_lag_drain(&stage.ring, 10).state, TW_DRAIN_GROWING);
}

static void rates__five_minutes_after_a_change__are_two_thirds_there(void **state)
{
    (void)state;
    struct stage stage;
    begin(&stage);
    for (int i = 0; i < 1000; i++) {
        pass(&stage, 30, 30, 0, 1);
    }
    assert_near(tw_lag_rates(&stage.ring).in_per_s, 1, 1e-9);
    for (int i = 0; i < 10; i++) { /* five minutes: 1 - 1/e of the way */
        pass(&stage, 0, 0, 0, 1);
    }
    assert_near(tw_lag_rates(&stage.ring).in_per_s, exp(-1), 1e-6);
}

static void verdict__names__are_words(void **state)
{
    (void)state;
    assert_string_equal(tw_lag_verdict_name(TW_LAG_UNKNOWN), "unknown");
    assert_string_equal(tw_lag_verdict_name(TW_LAG_IDLE), "idle");
    assert_string_equal(tw_lag_verdict_name(TW_LAG_STOP), "stop");
    assert_true(TW_LAG_IDLE < TW_LAG_OK && TW_LAG_OK < TW_LAG_WARN && TW_LAG_WARN < TW_LAG_STALL &&
                TW_LAG_STALL < TW_LAG_STOP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verdict__fewer_looks_than_the_least__say_nothing),
        cmocka_unit_test(verdict__no_traffic__is_idle_and_not_healthy),
        cmocka_unit_test(verdict__first_after_a_pause__is_not_lag),
        cmocka_unit_test(verdict__keeping_up__is_ok),
        cmocka_unit_test(verdict__falling_behind__warns_until_it_gains),
        cmocka_unit_test(verdict__attempts_that_all_fail__are_a_stall),
        cmocka_unit_test(verdict__silence_with_work_waiting__is_a_stop),
        cmocka_unit_test(verdict__nothing_waits_now__is_never_lag),
        cmocka_unit_test(verdict__looks_too_close__are_not_kept),
        cmocka_unit_test(verdict__what_goes_back__begins_anew),
        cmocka_unit_test(drain__even_rates__give_the_formula),
        cmocka_unit_test(drain__more_come_than_go__is_growing),
        cmocka_unit_test(rates__five_minutes_after_a_change__are_two_thirds_there),
        cmocka_unit_test(verdict__names__are_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
