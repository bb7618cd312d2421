/* SPDX-License-Identifier: Apache-2.0
 * track/skew and track/watermark: clocks that are off, downtime, backlogs, imports of history,
 * sources that fall silent. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/skew.h"
#include "track/watermark.h"

#define START_NS (INT64_C(1795255200) * TW_NS_PER_S)
#define S(n)     ((int64_t)(n)*TW_NS_PER_S)
#define MS(n)    ((int64_t)(n)*TW_NS_PER_MS)
#define AT(s)    ((tw_wall_t){START_NS + S(s)})
#define YEAR_S   (365 * 86400)

enum { POS, ERP };

/* --- skew ------------------------------------------------------------------------------------- */

static tw_wall_t correct(struct tw_skew *skew, tw_wall_t received, tw_wall_t time)
{
    return tw_skew_apply(tw_skew_fold(skew, received, time), received, time);
}

/* An event received at `received_s`, whose clock is `off_ns` behind, on its way for `way_ns`. */
static int64_t corrected_error(struct tw_skew *skew, int64_t received_s, int64_t off_ns,
                               int64_t way_ns)
{
    tw_wall_t happened = {AT(received_s).ns - way_ns};
    tw_wall_t told = {happened.ns - off_ns};
    return correct(skew, AT(received_s), told).ns - happened.ns;
}

static void skew__right_clock__changes_nothing(void **unused)
{
    (void)unused;
    struct tw_skew skew;
    tw_skew_init(&skew);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(corrected_error(&skew, i, 0, MS(20 + i % 7 * 100)), 0);
    }
    assert_int_equal(skew.offset_ns, 0);
}

static void skew__ahead__is_never_later_than_received_and_then_shifted(void **unused)
{
    (void)unused;
    struct tw_skew skew;
    tw_skew_init(&skew);
    for (int i = 0; i < 30; i++) { /* not yet believed: cut at the time of receipt */
        assert_int_equal(corrected_error(&skew, i, S(-300), MS(100)), MS(100));
    }
    assert_int_equal(corrected_error(&skew, 30, S(-300), MS(100)), MS(100));
    assert_int_equal(skew.offset_ns, S(-300) + MS(100));
    assert_int_equal(corrected_error(&skew, 31, S(-300), MS(600)), MS(100));
}

static void skew__one_clock_never_set__moves_no_other_event(void **unused)
{
    (void)unused;
    struct tw_skew skew;
    tw_skew_init(&skew);
    for (int i = 0; i < 60; i++) {
        (void)corrected_error(&skew, i, 0, MS(100));
    }
    tw_wall_t future = {INT64_MAX};
    assert_int_equal(correct(&skew, AT(60), future).ns, AT(60).ns);
    assert_int_equal(corrected_error(&skew, 61, 0, MS(100)), 0);
    tw_wall_t past = {INT64_MIN};
    assert_int_equal(correct(&skew, AT(62), past).ns, 1); /* the first time there is */
    assert_int_equal(corrected_error(&skew, 63, 0, MS(100)), 0);
}

static void skew__behind__is_believed_after_five_events_and_thirty_seconds(void **unused)
{
    (void)unused;
    struct tw_skew skew;
    tw_skew_init(&skew);
    for (int i = 0; i < 30; i++) {
        assert_int_equal(corrected_error(&skew, i, S(120), MS(100)), S(-120));
    }
    assert_int_equal(corrected_error(&skew, 30, S(120), MS(100)), MS(100));
    struct tw_skew quiet;
    tw_skew_init(&quiet);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(corrected_error(&quiet, (int64_t)i * 600, S(120), MS(100)), S(-120));
    }
    assert_int_equal(corrected_error(&quiet, 2400, S(120), MS(100)), MS(100));
}

static void skew__up_to_two_seconds_behind__is_the_way(void **unused)
{
    (void)unused;
    struct tw_skew skew;
    tw_skew_init(&skew);
    for (int i = 0; i < 60; i++) {
        assert_int_equal(corrected_error(&skew, i, S(2), 0), S(-2));
    }
    assert_int_equal(skew.offset_ns, 0);
    assert_int_equal(corrected_error(&skew, 60, S(2) + 1, 0), S(-2) - 1);
    for (int i = 61; i < 140; i++) {
        (void)corrected_error(&skew, i, S(2) + 1, 0);
    }
    assert_int_equal(skew.offset_ns, S(2) + 1);
}

static void skew__clock_set_right__is_seen_at_once(void **unused)
{
    (void)unused;
    struct tw_skew skew;
    tw_skew_init(&skew);
    for (int i = 0; i < 60; i++) {
        (void)corrected_error(&skew, i, S(120), 0);
    }
    assert_int_equal(skew.offset_ns, S(120));
    assert_int_equal(corrected_error(&skew, 60, 0, MS(100)), 0);
    assert_int_equal(skew.offset_ns, 0);
}

/* A store was offline for ten minutes: its events come within seconds, or at any steady pace. */
static void skew__offline_backlog__is_no_skew(void **unused)
{
    (void)unused;
    const int paces[] = {600, 100, 10, 2};
    for (size_t p = 0; p < sizeof paces / sizeof paces[0]; p++) {
        struct tw_skew skew;
        tw_skew_init(&skew);
        for (int i = 0; i < 100; i++) {
            (void)corrected_error(&skew, i, 0, MS(50));
        }
        for (int i = 0; i < 600; i++) { /* event i of the outage, `pace` of them a second */
            tw_wall_t happened = AT(100 + i);
            tw_wall_t received = {AT(700).ns + S(i) / paces[p]};
            if (received.ns < happened.ns) {
                break;
            }
            assert_int_equal(correct(&skew, received, happened).ns, happened.ns);
        }
        assert_int_equal(skew.offset_ns, 0);
    }
}

/* What was stored with an event counts, even where less is left of the past than there was. */
static void skew__refolded_without_its_past__is_as_it_was_stored(void **unused)
{
    (void)unused;
    struct tw_skew skew;
    struct tw_skew again;
    tw_skew_init(&skew);
    tw_skew_init(&again);
    for (int i = 0; i < 100; i++) { /* once it is known, the ways no longer agree */
        tw_wall_t told = {AT(i).ns - S(90) - (i < 50 ? 0 : S(i % 3 * 4))};
        int64_t offset_ns = tw_skew_fold(&skew, AT(i), told);
        assert_int_equal(offset_ns, i < 30 ? 0 : S(90));
        if (i >= 60) { /* the rest has expired */
            tw_skew_refold(&again, AT(i), told, offset_ns);
            assert_int_equal(again.offset_ns, S(90));
        }
    }
    for (size_t i = 0; i < TW_SKEW_LOOKS; i++) { /* 40 s later what it goes by is the same, too */
        const struct tw_skew_look *look = &skew.looks[(skew.next + i) % TW_SKEW_LOOKS];
        const struct tw_skew_look *other = &again.looks[(again.next + i) % TW_SKEW_LOOKS];
        assert_memory_equal(look, other, sizeof *look);
    }
    assert_int_equal(tw_skew_fold(&again, AT(100), AT(100)), 0);
}

static void skew__stored_form__goes_on_as_before(void **unused)
{
    (void)unused;
    struct tw_skew skew;
    tw_skew_init(&skew);
    for (int i = 0; i < 77; i++) {
        (void)corrected_error(&skew, i, S(120), MS(i));
        struct tw_buf buf;
        tw_buf_init(&buf, 4096);
        assert_int_equal(tw_skew_encode(&skew, &buf), TW_OK);
        struct tw_skew copy;
        struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
        assert_int_equal(tw_skew_decode(&copy, &cursor), TW_OK);
        struct tw_skew original = skew;
        for (int k = i + 1; k < i + 100; k++) {
            assert_int_equal(corrected_error(&copy, k, S(k % 3), MS(k)),
                             corrected_error(&original, k, S(k % 3), MS(k)));
        }
        for (size_t len = 0; len < buf.len; len++) {
            cursor = tw_cursor_of(buf.data, len);
            assert_int_equal(tw_skew_decode(&copy, &cursor), TW_EDAMAGED);
            assert_int_equal(copy.count, 0);
        }
        tw_buf_fini(&buf);
    }
}

/* --- watermark -------------------------------------------------------------------------------- */

static void see(struct tw_watermark *self, uint32_t source, uint16_t system, int64_t received_s,
                int64_t time_s)
{
    assert_int_equal(tw_watermark_see(self, source, system, AT(received_s), AT(time_s)), TW_OK);
}

static void tick(struct tw_watermark *self, int64_t now_s, int64_t read_s)
{
    tw_watermark_tick(self, AT(now_s), AT(read_s));
}

static int64_t mark(const struct tw_watermark *self, uint16_t system)
{
    return (tw_watermark_of(self, system).ns - START_NS) / TW_NS_PER_S;
}

static void watermark__before_the_first_tick__is_nowhere(void **unused)
{
    (void)unused;
    struct tw_watermark self;
    tw_watermark_init(&self, S(60));
    see(&self, 0, POS, 1, 1);
    assert_true(tw_watermark_of(&self, POS).ns == INT64_MIN);
    tw_watermark_fini(&self);
}

static void watermark__downtime__waits_for_the_taps(void **unused)
{
    (void)unused;
    struct tw_watermark self;
    tw_watermark_init(&self, S(60));
    tick(&self, 100, 100);
    assert_int_equal(mark(&self, ERP), 100);
    tick(&self, 4000, 100); /* was down, is up again, what waits is not read yet */
    assert_int_equal(mark(&self, ERP), 100);
    tick(&self, 4010, 4010);
    assert_int_equal(mark(&self, ERP), 4010);
    assert_true(tw_watermark_lowest(&self).ns == AT(4010).ns);
    tw_watermark_fini(&self);
}

static void watermark__backlog_of_one_source__holds_its_system_back_alone(void **unused)
{
    (void)unused;
    struct tw_watermark self;
    tw_watermark_init(&self, S(60));
    for (int i = 0; i < 10; i++) {
        see(&self, 1, ERP, i, i);
        see(&self, 2, POS, i, i);
        see(&self, 3, ERP, i, i);
    }
    tick(&self, 1000, 1000);
    for (int i = 0; i < 99; i++) {
        see(&self, 1, ERP, 1000 + i, 10 + i * 10);
        see(&self, 2, POS, 1000 + i, 1000 + i);
        see(&self, 3, ERP, 1000 + i, 1000 + i);
        assert_int_equal(mark(&self, ERP),
                         10 + i * 10 < 1000 + i ? 10 + (i == 0 ? 0 : i - 1) * 10 : 1000 + i);
        tick(&self, 1000 + i, 1000 + i);
        assert_int_equal(mark(&self, ERP), 10 + i * 10);
        assert_int_equal(mark(&self, POS), 1000 + i);
        assert_int_equal(tw_watermark_behind(&self), 1);
    }
    see(&self, 1, ERP, 1100, 1100);
    tick(&self, 1100, 1100);
    assert_int_equal(mark(&self, ERP), 1100);
    assert_int_equal(tw_watermark_behind(&self), 0);
    tw_watermark_fini(&self);
}

static void watermark__import_of_last_year__goes_back_with_its_first_event(void **unused)
{
    (void)unused;
    struct tw_watermark self;
    tw_watermark_init(&self, S(60));
    tick(&self, 100, 100);
    see(&self, 7, POS, 100, 100 - YEAR_S);
    assert_int_equal(mark(&self, POS), 100 - YEAR_S);
    assert_int_equal(mark(&self, ERP), 100);
    tick(&self, 159, 159);
    assert_int_equal(mark(&self, POS), 100 - YEAR_S);
    tick(&self, 160, 160); /* silent for a minute: it is over */
    assert_int_equal(mark(&self, POS), 160);
    see(&self, 7, POS, 161, 200 - YEAR_S);
    tick(&self, 161, 161);
    assert_int_equal(mark(&self, POS), 200 - YEAR_S);
    tw_watermark_fini(&self);
}

static void watermark__usual_transit__is_not_behind(void **unused)
{
    (void)unused;
    struct tw_watermark self;
    tw_watermark_init(&self, S(60));
    for (int i = 0; i < 1200; i++) { /* reports each minute what it did: known up to then */
        see(&self, 1, ERP, i, i - i % 2);
        tick(&self, i, i);
        assert_int_equal(mark(&self, ERP), i);
    }
    see(&self, 1, ERP, 1200, 1198);
    tick(&self, 1200, 1200);
    assert_int_equal(mark(&self, ERP), 1200);
    see(&self, 1, ERP, 1201, 1198);
    tick(&self, 1201, 1201);
    assert_int_equal(mark(&self, ERP), 1198);
    tw_watermark_fini(&self);
}

static void watermark__old_event_among_current_ones__is_no_backlog(void **unused)
{
    (void)unused;
    struct tw_watermark self;
    tw_watermark_init(&self, S(60));
    for (int i = 0; i < 100; i++) { /* what failed is tried again, with its old time */
        see(&self, 1, ERP, i, i % 2 == 0 ? i : i - 40);
        assert_int_equal(tw_watermark_behind(&self), 0);
        tick(&self, i, i);
        assert_int_equal(mark(&self, ERP), i);
    }
    see(&self, 1, ERP, 100, 60); /* 98 is two seconds ago: as good as now */
    tick(&self, 100, 100);
    assert_int_equal(mark(&self, ERP), 100);
    see(&self, 1, ERP, 101, 61); /* nothing current any more */
    tick(&self, 101, 101);
    assert_int_equal(mark(&self, ERP), 61);
    see(&self, 1, ERP, 102, 10); /* however old it is */
    tick(&self, 102, 102);
    assert_int_equal(mark(&self, ERP), 10);
    tw_watermark_fini(&self);
}

static void watermark__silent_source__holds_nothing_back(void **unused)
{
    (void)unused;
    struct tw_watermark self;
    tw_watermark_init(&self, S(60));
    see(&self, 1, ERP, 10, 10);
    tick(&self, 3600, 3600);
    assert_int_equal(mark(&self, ERP), 3600);
    tw_watermark_fini(&self);
}

static void watermark__too_many_systems__share_the_last(void **unused)
{
    (void)unused;
    struct tw_watermark self;
    tw_watermark_init(&self, S(60));
    tick(&self, 100, 100);
    see(&self, 1, TW_WATERMARK_SYSTEMS - 2, 100, 50);
    see(&self, 2, TW_WATERMARK_SYSTEMS + 5, 100, 40);
    assert_int_equal(mark(&self, TW_WATERMARK_SYSTEMS - 2), 50);
    assert_int_equal(mark(&self, TW_WATERMARK_SYSTEMS - 1), 40);
    assert_int_equal(mark(&self, TW_WATERMARK_SYSTEMS), 40);
    assert_int_equal(mark(&self, 0), 100);
    assert_true(tw_watermark_lowest(&self).ns == AT(40).ns);
    tw_watermark_fini(&self);
}

static void watermark__stored_form__is_the_same_and_damage_is_refused(void **unused)
{
    (void)unused;
    struct tw_watermark self;
    struct tw_watermark copy;
    tw_watermark_init(&self, S(60));
    tw_watermark_init(&copy, S(60));
    tick(&self, 100, 90);
    see(&self, 3, POS, 100, 20);
    see(&self, 1, ERP, 100, 99);
    struct tw_buf buf;
    struct tw_buf again;
    tw_buf_init(&buf, 1 << 20);
    tw_buf_init(&again, 1 << 20);
    assert_int_equal(tw_watermark_encode(&self, &buf), TW_OK);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_watermark_decode(&copy, &cursor), TW_OK);
    assert_int_equal(tw_watermark_encode(&copy, &again), TW_OK);
    assert_int_equal(buf.len, again.len);
    assert_memory_equal(buf.data, again.data, buf.len);
    assert_int_equal(mark(&copy, POS), 20);
    assert_int_equal(mark(&copy, ERP), 90);
    for (size_t len = 0; len < buf.len; len++) {
        cursor = tw_cursor_of(buf.data, len);
        assert_int_equal(tw_watermark_decode(&copy, &cursor), TW_EDAMAGED);
        assert_int_equal(copy.source_count, 0);
    }
    tw_buf_fini(&buf);
    tw_buf_fini(&again);
    tw_watermark_fini(&self);
    tw_watermark_fini(&copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(skew__right_clock__changes_nothing),
        cmocka_unit_test(skew__ahead__is_never_later_than_received_and_then_shifted),
        cmocka_unit_test(skew__one_clock_never_set__moves_no_other_event),
        cmocka_unit_test(skew__behind__is_believed_after_five_events_and_thirty_seconds),
        cmocka_unit_test(skew__up_to_two_seconds_behind__is_the_way),
        cmocka_unit_test(skew__clock_set_right__is_seen_at_once),
        cmocka_unit_test(skew__offline_backlog__is_no_skew),
        cmocka_unit_test(skew__refolded_without_its_past__is_as_it_was_stored),
        cmocka_unit_test(skew__stored_form__goes_on_as_before),
        cmocka_unit_test(watermark__before_the_first_tick__is_nowhere),
        cmocka_unit_test(watermark__downtime__waits_for_the_taps),
        cmocka_unit_test(watermark__backlog_of_one_source__holds_its_system_back_alone),
        cmocka_unit_test(watermark__import_of_last_year__goes_back_with_its_first_event),
        cmocka_unit_test(watermark__usual_transit__is_not_behind),
        cmocka_unit_test(watermark__old_event_among_current_ones__is_no_backlog),
        cmocka_unit_test(watermark__silent_source__holds_nothing_back),
        cmocka_unit_test(watermark__too_many_systems__share_the_last),
        cmocka_unit_test(watermark__stored_form__is_the_same_and_damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
