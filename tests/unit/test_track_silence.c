/* SPDX-License-Identifier: Apache-2.0
 * Unit tests of collector/track/silence.c: gaps between event times against a naive list of them,
 * in any order; clocks, deafness, bounds, bytes. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/silence.h"

#define EXPECTED_S 60
#define BASE_S     INT64_C(1763700000)

static int64_t at(int64_t seconds)
{
    return (BASE_S + seconds) * TW_NS_PER_S;
}

static void hear(struct tw_silences *self, int64_t seconds)
{
    assert_int_equal(tw_silences_hear(self, at(seconds), 0, EXPECTED_S), TW_OK);
}

static void assert_gap(const struct tw_silences *self, uint32_t index, int64_t from, int64_t until)
{
    assert_true(index < self->count);
    assert_true(self->items[index].from_ns == at(from));
    assert_true(self->items[index].until_ns == at(until));
    assert_int_equal(self->items[index].expected_s, EXPECTED_S);
}

static void hear__longer_than_expected__is_found_at_the_edge(void **state)
{
    (void)state;
    struct tw_silences self = {0};
    hear(&self, 0);
    hear(&self, 60); /* just as long as expected */
    assert_int_equal(self.count, 0);
    assert_false(self.is_changed);
    assert_int_equal(tw_silences_hear(&self, at(120) + 1, 0, EXPECTED_S), TW_OK);
    assert_int_equal(self.count, 1);
    assert_true(self.is_changed);
    assert_true(self.items[0].from_ns == at(60) && self.items[0].until_ns == at(120) + 1);
    tw_silences_fini(&self);
    assert_null(self.items);
}

static void hear__what_was_kept_comes_later__takes_it_away(void **state)
{
    (void)state;
    struct tw_silences self = {0};
    hear(&self, 0);
    hear(&self, 600); /* it speaks again; then what it kept, in any order */
    assert_gap(&self, 0, 0, 600);
    hear(&self, 300);
    assert_int_equal(self.count, 2);
    assert_gap(&self, 0, 0, 300);
    assert_gap(&self, 1, 300, 600);
    hear(&self, 300); /* once more says nothing new */
    hear(&self, 550);
    assert_gap(&self, 1, 300, 550);
    for (int64_t s = 530; s > 0; s -= 30) {
        hear(&self, s);
    }
    assert_int_equal(self.count, 0);
    hear(&self, -100); /* before the first one heard: not judged */
    hear(&self, 610);
    assert_int_equal(self.count, 0);
    tw_silences_fini(&self);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* In any order but for the first: the gaps are those of the set of times. */
static void hear__random_order__equals_the_set_of_times(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 2000; round++) {
        struct tw_silences self = {0};
        int64_t times[24];
        size_t count = 2 + (size_t)(round % 20);
        times[0] = 0;
        hear(&self, 0);
        for (size_t i = 1; i < count; i++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            times[i] = (int64_t)((seed >> 33) % 1000);
            hear(&self, times[i]);
        }
        qsort(times, count, sizeof *times, compare);
        uint32_t found = 0;
        for (size_t i = 1; i < count; i++) {
            if (times[i] - times[i - 1] > EXPECTED_S) {
                assert_gap(&self, found++, times[i - 1], times[i]);
            }
        }
        assert_int_equal(self.count, found);
        assert_int_equal(self.forgotten, 0);
        tw_silences_fini(&self);
    }
}

static void hear__more_than_are_kept__gives_up_the_oldest(void **state)
{
    (void)state;
    struct tw_silences self = {0};
    for (int64_t i = 0; i <= TW_SILENCES_MAX; i++) {
        hear(&self, i * 100);
    }
    assert_int_equal(self.count, TW_SILENCES_MAX);
    assert_int_equal(self.forgotten, 0);
    hear(&self, (TW_SILENCES_MAX + 1) * 100);
    assert_int_equal(self.count, TW_SILENCES_MAX);
    assert_int_equal(self.forgotten, 1);
    assert_gap(&self, 0, 100, 200);
    hear(&self, 50); /* in the one that was given up: not judged any more */
    assert_int_equal(self.count, TW_SILENCES_MAX);
    assert_gap(&self, 0, 100, 200);
    tw_silences_fini(&self);
}

static void hear__split_without_room__gives_up_the_oldest(void **state)
{
    (void)state;
    struct tw_silences self = {0};
    hear(&self, 0);
    hear(&self, 1000);
    for (int64_t i = 1; i < TW_SILENCES_MAX; i++) {
        hear(&self, 1000 + i * 100);
    }
    assert_int_equal(self.count, TW_SILENCES_MAX);
    hear(&self, 500); /* of the oldest itself, its older half goes */
    assert_int_equal(self.count, TW_SILENCES_MAX);
    assert_int_equal(self.forgotten, 1);
    assert_true(self.first_ns == at(500));
    assert_gap(&self, 0, 500, 1000);
    assert_gap(&self, 1, 1000, 1100);
    hear(&self, 1350); /* two that are no longer than expected */
    assert_int_equal(self.count, TW_SILENCES_MAX - 1);
    assert_int_equal(self.forgotten, 1);
    tw_silences_fini(&self);
}

static void hear__clock_found_to_be_behind__is_no_silence(void **state)
{
    (void)state;
    struct tw_silences self = {0};
    hear(&self, -90); /* at 0, by a clock that is 90 s behind */
    hear(&self, -50);
    assert_int_equal(tw_silences_hear(&self, at(50), 90 * TW_NS_PER_S, EXPECTED_S), TW_OK);
    assert_int_equal(self.count, 0); /* at 50, when that is known: 10 s behind the one at 40 */
    assert_int_equal(tw_silences_hear(&self, at(200), -90 * TW_NS_PER_S, EXPECTED_S), TW_OK);
    assert_gap(&self, 0, 50, 200); /* set right: what was before was known rightly */
    assert_int_equal(tw_silences_hear(&self, at(400), 90 * TW_NS_PER_S, EXPECTED_S), TW_OK);
    assert_int_equal(self.count, 2);
    assert_gap(&self, 1, 290, 400); /* what the clock does not explain */
    tw_silences_fini(&self);
}

static void hear__clock_never_set__is_passed_over(void **state)
{
    (void)state;
    struct tw_silences self = {0};
    assert_int_equal(tw_silences_hear(&self, 86400 * TW_NS_PER_S, 0, EXPECTED_S), TW_OK);
    assert_true(self.first_ns == 0);
    hear(&self, 0);
    assert_int_equal(tw_silences_hear(&self, INT64_MIN, INT64_MAX, EXPECTED_S), TW_OK);
    assert_int_equal(self.count, 0);
    assert_true(self.first_ns == at(0) && self.newest_ns == at(0));
    tw_silences_fini(&self);
}

static void deaf__tower_was_not_there__is_no_silence(void **state)
{
    (void)state;
    struct tw_silences self = {0};
    assert_int_equal(tw_silences_deaf(&self, at(-500), at(-400), EXPECTED_S), TW_OK);
    assert_true(self.first_ns == 0); /* nothing was heard: nothing is judged */
    hear(&self, 0);
    assert_int_equal(tw_silences_deaf(&self, at(30), at(500), EXPECTED_S), TW_OK);
    hear(&self, 510);
    assert_int_equal(self.count, 0);
    /* silent before, and behind */
    assert_int_equal(tw_silences_deaf(&self, at(600), at(1000), EXPECTED_S), TW_OK);
    assert_gap(&self, 0, 510, 600);
    hear(&self, 1100);
    assert_gap(&self, 1, 1000, 1100);
    hear(&self, 560); /* a sender had kept it */
    assert_int_equal(self.count, 1);
    assert_int_equal(tw_silences_deaf(&self, at(1050), at(1090), EXPECTED_S), TW_OK);
    assert_true(self.newest_ns == at(1100));
    tw_silences_fini(&self);
}

static void decode__what_was_encoded__is_the_same(void **state)
{
    (void)state;
    struct tw_silences self = {0};
    struct tw_silences back = {0};
    struct tw_buf buf;
    tw_buf_init(&buf, 1u << 16);
    for (int64_t i = 0; i < TW_SILENCES_MAX + 5; i++) {
        hear(&self, i * 100);
    }
    assert_int_equal(tw_silences_encode(&self, &buf), TW_OK);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_silences_decode(&back, &cursor), TW_OK);
    assert_true(cursor.p == cursor.end);
    assert_false(back.is_changed);
    assert_int_equal(back.forgotten, 4);
    assert_true(back.first_ns == self.first_ns && back.newest_ns == self.newest_ns);
    assert_int_equal(back.count, self.count);
    for (uint32_t i = 0; i < self.count; i++) {
        assert_gap(&back, i, 400 + 100 * (int64_t)i, 500 + 100 * (int64_t)i);
    }
    tw_silences_fini(&back);
    for (size_t len = 0; len < buf.len; len++) { /* cut anywhere */
        cursor = tw_cursor_of(buf.data, len);
        assert_int_equal(tw_silences_decode(&back, &cursor), TW_EDAMAGED);
        assert_null(back.items);
        assert_int_equal(back.count, 0);
    }
    tw_buf_fini(&buf);
    tw_silences_fini(&self);
}

/* Any byte changed: refused, or a state that holds together. */
static void decode__any_byte_changed__is_refused_or_whole(void **state)
{
    (void)state;
    struct tw_silences self = {0};
    struct tw_silences back = {0};
    struct tw_buf buf;
    size_t refused = 0;
    tw_buf_init(&buf, 1u << 16);
    for (int64_t i = 0; i < TW_SILENCES_MAX; i++) {
        hear(&self, i * 100);
    }
    assert_int_equal(tw_silences_encode(&self, &buf), TW_OK);
    for (size_t i = 0; i < buf.len; i++) {
        char kept = buf.data[i];
        buf.data[i] = (char)(kept ^ 0x41);
        struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
        refused += tw_silences_decode(&back, &cursor) == TW_OK ? 0 : 1;
        assert_in_range(back.count, 0, TW_SILENCES_MAX);
        for (uint32_t k = 0; k < back.count; k++) {
            assert_true(back.items[k].from_ns < back.items[k].until_ns);
            assert_true(k == 0 || back.items[k - 1].until_ns <= back.items[k].from_ns);
        }
        tw_silences_fini(&back);
        buf.data[i] = kept;
    }
    assert_true(refused > buf.len / 2);
    tw_buf_fini(&buf);
    tw_silences_fini(&self);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hear__longer_than_expected__is_found_at_the_edge),
        cmocka_unit_test(hear__what_was_kept_comes_later__takes_it_away),
        cmocka_unit_test(hear__random_order__equals_the_set_of_times),
        cmocka_unit_test(hear__more_than_are_kept__gives_up_the_oldest),
        cmocka_unit_test(hear__split_without_room__gives_up_the_oldest),
        cmocka_unit_test(hear__clock_found_to_be_behind__is_no_silence),
        cmocka_unit_test(hear__clock_never_set__is_passed_over),
        cmocka_unit_test(deaf__tower_was_not_there__is_no_silence),
        cmocka_unit_test(decode__what_was_encoded__is_the_same),
        cmocka_unit_test(decode__any_byte_changed__is_refused_or_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
