/* SPDX-License-Identifier: Apache-2.0
 * track/sketch: buckets against their definition, quantiles against exact ones on seven
 * distributions, merging, the stored form, limits, failing allocations. */
#include "config.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/clock.h"
#include "core/err.h"
#include "track/sketch.h"

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

static bool malloc_fails;

void *__wrap_malloc(size_t size)
{
    return malloc_fails ? NULL : __real_malloc(size);
}

#define SAMPLES 200000
#define HOUR_NS (3600 * TW_NS_PER_S)

static uint64_t random_state;

static uint64_t random_bits(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

/* 0 < result < 1 */
static double uniform(void)
{
    return ((double)(random_bits() >> 11) + 0.5) / 9007199254740992.0;
}

static double normal(void)
{
    return sqrt(-2 * log(uniform())) * cos(6.283185307179586 * uniform());
}

static int64_t draw_uniform(void)
{
    return (int64_t)(uniform() * 60e9); /* up to a minute */
}
static int64_t draw_lognormal(void)
{
    return (int64_t)(200e6 * exp(1.5 * normal()));
}
/* Nothing between 60 ms and an hour: retries and batch jobs look like this. */
static int64_t draw_gap(void)
{
    return uniform() < 0.95 ? (int64_t)(20e6 + 40e6 * uniform())
                            : (int64_t)(3600e9 + 600e9 * uniform());
}
static int64_t draw_constant(void)
{
    return 1234567;
}
/* Pareto with exponent 0.7: no mean. Cut at 300 days. */
static int64_t draw_heavy(void)
{
    double value = 1e6 * pow(uniform(), -1 / 0.7);
    return value > 2.592e16 ? INT64_C(25920000000000000) : (int64_t)value;
}
/* 40 ms (90 %), 3 s (9.5 %), 2 h (0.5 %), each spread by a fifth. */
static int64_t draw_modes(void)
{
    double u = uniform();
    double mode = u < 0.9 ? 40e6 : u < 0.995 ? 3e9 : 7200e9;
    return (int64_t)(mode * exp(0.2 * normal()));
}
/* Every order of magnitude from 1 us to 400 days alike. */
static int64_t draw_loguniform(void)
{
    return (int64_t)(1e3 * pow(3.456e13, uniform()));
}

static const struct {
    const char *name;
    int64_t (*draw)(void);
} distributions[] = {
    {"uniform", draw_uniform},        {"lognormal", draw_lognormal},
    {"bimodal with a gap", draw_gap}, {"constant", draw_constant},
    {"heavy tail", draw_heavy},       {"mix of modes", draw_modes},
    {"log-uniform", draw_loguniform},
};
#define DISTRIBUTIONS (sizeof distributions / sizeof distributions[0])

static int compare_ns(const void *left, const void *right)
{
    const int64_t *a = left;
    const int64_t *b = right;
    return (*a > *b) - (*a < *b);
}

static void assert_same(const struct tw_sketch *a, const struct tw_sketch *b)
{
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->min_ns, b->min_ns);
    assert_int_equal(a->max_ns, b->max_ns);
    assert_int_equal(a->bins, b->bins);
    if (a->bins > 0) {
        assert_memory_equal(a->bucket, b->bucket, a->bins * sizeof *a->bucket);
        assert_memory_equal(a->counts, b->counts, a->bins * sizeof *a->counts);
    }
}

/* The bucket by its definition, which long double can decide for all values tried here. */
static int bucket_by_logarithm(int64_t ns)
{
    return (int)ceill(log2l((long double)ns) * 32) - 1;
}

static void sketch__buckets__are_those_of_the_definition(void **state)
{
    (void)state;
    random_state = 7;
    for (int i = 0; i < 1000000; i++) {
        int64_t ns = draw_loguniform();
        ns = ns < TW_SKETCH_MIN_NS ? TW_SKETCH_MIN_NS : ns;
        assert_int_equal(tw_sketch_bucket(ns), bucket_by_logarithm(ns));
    }
    /* On both sides of each end of a bucket. */
    for (int bucket = TW_SKETCH_FIRST; bucket < TW_SKETCH_LAST; bucket++) {
        int64_t end = (int64_t)floorl(exp2l((long double)(bucket + 1) / 32));
        assert_int_equal(tw_sketch_bucket(end), bucket);
        assert_int_equal(tw_sketch_bucket(end + 1), bucket + 1);
    }
    for (int power = 10; power < 55; power++) {
        assert_int_equal(tw_sketch_bucket(INT64_C(1) << power), power * 32 - 1);
        assert_int_equal(tw_sketch_bucket((INT64_C(1) << power) + 1), power * 32);
    }
}

static void sketch__edges_of_the_range__share_the_outer_buckets(void **state)
{
    (void)state;
    assert_int_equal(tw_sketch_bucket(INT64_MIN), TW_SKETCH_ZERO);
    assert_int_equal(tw_sketch_bucket(-1), TW_SKETCH_ZERO);
    assert_int_equal(tw_sketch_bucket(0), TW_SKETCH_ZERO);
    assert_int_equal(tw_sketch_bucket(TW_SKETCH_MIN_NS - 1), TW_SKETCH_ZERO);
    assert_int_equal(tw_sketch_bucket(TW_SKETCH_MIN_NS), TW_SKETCH_FIRST);
    assert_int_equal(tw_sketch_bucket(TW_SKETCH_MAX_NS), TW_SKETCH_LAST);
    assert_int_equal(tw_sketch_bucket(TW_SKETCH_MAX_NS + 1), TW_SKETCH_LAST);
    assert_int_equal(tw_sketch_bucket(INT64_MAX), TW_SKETCH_LAST);
    struct tw_sketch sketch;
    tw_sketch_init(&sketch);
    assert_int_equal(tw_sketch_add(&sketch, INT64_MIN, 1), TW_OK);
    assert_int_equal(tw_sketch_add(&sketch, INT64_MAX, 1), TW_OK);
    assert_int_equal(sketch.min_ns, 0);
    assert_int_equal(sketch.max_ns, TW_SKETCH_MAX_NS);
    assert_int_equal(tw_sketch_quantile(&sketch, 500000), 0);
    assert_true(llabs(tw_sketch_quantile(&sketch, 1000000) - TW_SKETCH_MAX_NS) <=
                (int64_t)(TW_SKETCH_ERROR * (double)TW_SKETCH_MAX_NS));
    tw_sketch_fini(&sketch);
}

static void sketch__values__are_within_the_error_of_both_ends_of_their_bucket(void **state)
{
    (void)state;
    for (int bucket = TW_SKETCH_FIRST; bucket <= TW_SKETCH_LAST; bucket++) {
        double low = exp2((double)bucket / 32);
        double high = exp2((double)(bucket + 1) / 32);
        double value = tw_sketch_value((uint16_t)bucket);
        assert_true(value > low && value < high);
        assert_true((value - low) / low < TW_SKETCH_ERROR);
        assert_true((high - value) / high < TW_SKETCH_ERROR);
    }
    assert_true(tw_sketch_value(TW_SKETCH_ZERO) < 1e-9);
}

static void check_quantiles(const struct tw_sketch *sketch, const int64_t *sorted, size_t count)
{
    static const uint32_t asked[] = {1,      10000,  100000, 250000, 500000, 750000,
                                     900000, 950000, 990000, 995000, 999000, 1000000};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        size_t rank = ((size_t)asked[i] * count + 999999) / 1000000;
        double exact = (double)sorted[rank - 1];
        double got = (double)tw_sketch_quantile(sketch, asked[i]);
        if (fabs(got - exact) > TW_SKETCH_ERROR * exact + 0.5) {
            fail_msg("quantile %u: %.0f instead of %.0f", asked[i], got, exact);
        }
    }
}

static void sketch__quantiles__are_within_the_error_of_exact_ones(void **state)
{
    (void)state;
    int64_t *samples = malloc(SAMPLES * sizeof *samples);
    assert_non_null(samples);
    for (size_t d = 0; d < DISTRIBUTIONS; d++) {
        struct tw_sketch sketch;
        tw_sketch_init(&sketch);
        random_state = 42 + d;
        for (size_t i = 0; i < SAMPLES; i++) {
            samples[i] = distributions[d].draw();
            assert_int_equal(tw_sketch_add(&sketch, samples[i], 1), TW_OK);
        }
        qsort(samples, SAMPLES, sizeof *samples, compare_ns);
        check_quantiles(&sketch, samples, SAMPLES);
        assert_int_equal(sketch.min_ns, samples[0]);
        assert_int_equal(sketch.max_ns, samples[SAMPLES - 1]);
        print_message("# %s: %u buckets\n", distributions[d].name, sketch.bins);
        tw_sketch_fini(&sketch);
    }
    free(samples);
}

static void sketch__few_durations__give_the_exact_rank(void **state)
{
    (void)state;
    struct tw_sketch sketch;
    tw_sketch_init(&sketch);
    assert_int_equal(tw_sketch_quantile(&sketch, 500000), -1);
    assert_int_equal(tw_sketch_add(&sketch, 5000, 1), TW_OK);
    assert_int_equal(tw_sketch_quantile(&sketch, 1), 5000);
    assert_int_equal(tw_sketch_quantile(&sketch, 1000000), 5000);
    /* p95 of 20 is the 19th, of 21 the 20th */
    tw_sketch_clear(&sketch);
    assert_int_equal(tw_sketch_add(&sketch, 10 * TW_NS_PER_MS, 19), TW_OK);
    assert_int_equal(tw_sketch_add(&sketch, HOUR_NS, 1), TW_OK);
    assert_true(tw_sketch_quantile(&sketch, 950000) < 11 * TW_NS_PER_MS);
    assert_true(tw_sketch_quantile(&sketch, 950001) > HOUR_NS / 2);
    assert_int_equal(tw_sketch_add(&sketch, HOUR_NS, 1), TW_OK);
    assert_true(tw_sketch_quantile(&sketch, 950000) > HOUR_NS / 2);
    tw_sketch_fini(&sketch);
}

static void sketch__merge_of_sixty__equals_the_whole_in_any_order(void **state)
{
    (void)state;
    for (size_t d = 0; d < DISTRIBUTIONS; d++) {
        struct tw_sketch whole;
        struct tw_sketch parts[60];
        struct tw_sketch forward;
        struct tw_sketch backward;
        tw_sketch_init(&whole);
        tw_sketch_init(&forward);
        tw_sketch_init(&backward);
        random_state = 1000 + d;
        for (size_t i = 0; i < 60; i++) {
            tw_sketch_init(&parts[i]);
            for (int j = 0; i % 7 != 3 && j < 500; j++) { /* every seventh stays empty */
                int64_t ns = distributions[d].draw();
                assert_int_equal(tw_sketch_add(&whole, ns, 1), TW_OK);
                assert_int_equal(tw_sketch_add(&parts[i], ns, 1), TW_OK);
            }
        }
        for (size_t i = 0; i < 60; i++) {
            assert_int_equal(tw_sketch_merge(&forward, &parts[i]), TW_OK);
            assert_int_equal(tw_sketch_merge(&backward, &parts[59 - i]), TW_OK);
        }
        assert_same(&whole, &forward);
        assert_same(&whole, &backward);
        assert_int_equal(tw_sketch_merge(&forward, &forward), TW_OK); /* itself: twice of all */
        assert_int_equal(forward.count, 2 * whole.count);
        assert_int_equal(forward.bins, whole.bins);
        assert_int_equal(tw_sketch_quantile(&forward, 950000), tw_sketch_quantile(&whole, 950000));
        for (size_t i = 0; i < 60; i++) {
            tw_sketch_fini(&parts[i]);
        }
        tw_sketch_fini(&whole);
        tw_sketch_fini(&forward);
        tw_sketch_fini(&backward);
    }
}

static void sketch__order_of_durations__does_not_matter(void **state)
{
    (void)state;
    static int64_t samples[5000];
    struct tw_sketch up;
    struct tw_sketch down;
    tw_sketch_init(&up);
    tw_sketch_init(&down);
    random_state = 5;
    for (size_t i = 0; i < 5000; i++) {
        samples[i] = draw_modes();
    }
    for (size_t i = 0; i < 5000; i++) {
        assert_int_equal(tw_sketch_add(&up, samples[i], 1), TW_OK);
        assert_int_equal(tw_sketch_add(&down, samples[4999 - i], 1), TW_OK);
    }
    assert_same(&up, &down);
    tw_sketch_fini(&up);
    tw_sketch_fini(&down);
}

static void sketch__count_at_its_limit__refuses_and_changes_nothing(void **state)
{
    (void)state;
    struct tw_sketch sketch;
    struct tw_sketch one;
    tw_sketch_init(&sketch);
    tw_sketch_init(&one);
    assert_int_equal(tw_sketch_add(&one, 5, 1), TW_OK);
    assert_int_equal(tw_sketch_add(&sketch, 1000, TW_SKETCH_COUNT_MAX + 1), TW_ELIMIT);
    assert_int_equal(sketch.bins, 0);
    assert_int_equal(tw_sketch_add(&sketch, 2000, TW_SKETCH_COUNT_MAX - 1), TW_OK);
    assert_int_equal(tw_sketch_merge(&sketch, &one), TW_OK);
    assert_int_equal(sketch.count, TW_SKETCH_COUNT_MAX);
    assert_true(llabs(tw_sketch_quantile(&sketch, 1) - 2000) <= 21);
    assert_int_equal(tw_sketch_add(&sketch, 1, 1), TW_ELIMIT);
    assert_int_equal(tw_sketch_add(&sketch, 1, 0), TW_OK);
    assert_int_equal(tw_sketch_merge(&sketch, &one), TW_ELIMIT);
    assert_int_equal(sketch.count, TW_SKETCH_COUNT_MAX);
    assert_int_equal(sketch.bins, 2);
    tw_sketch_fini(&sketch);
    tw_sketch_fini(&one);
}

/* One in each bucket: as large as a sketch can be. */
static void fill_all(struct tw_sketch *sketch)
{
    assert_int_equal(tw_sketch_add(sketch, 0, 1), TW_OK);
    for (int bucket = TW_SKETCH_FIRST; bucket <= TW_SKETCH_LAST; bucket++) {
        int64_t ns = bucket == TW_SKETCH_FIRST ? TW_SKETCH_MIN_NS
                     : bucket == TW_SKETCH_LAST
                         ? TW_SKETCH_MAX_NS
                         : (int64_t)floorl(exp2l((long double)(bucket + 1) / 32));
        assert_int_equal(tw_sketch_add(sketch, ns, 1), TW_OK);
    }
}

static void sketch__all_buckets_filled__is_the_most_memory_it_takes(void **state)
{
    (void)state;
    struct tw_sketch sketch;
    tw_sketch_init(&sketch);
    assert_null(sketch.counts);
    assert_int_equal(sketch.room, 0);
    fill_all(&sketch);
    assert_int_equal(sketch.bins, TW_SKETCH_BINS_MAX);
    assert_int_equal(sketch.room, TW_SKETCH_BINS_MAX);
    assert_int_equal(sketch.count, TW_SKETCH_BINS_MAX);
    tw_sketch_clear(&sketch);
    assert_int_equal(sketch.room, TW_SKETCH_BINS_MAX);
    assert_int_equal(tw_sketch_quantile(&sketch, 500000), -1);
    tw_sketch_fini(&sketch);
    assert_null(sketch.counts);
}

static void sketch__stored_form__comes_back_the_same(void **state)
{
    (void)state;
    struct tw_buf buf;
    struct tw_sketch back;
    tw_buf_init(&buf, 1 << 20);
    tw_sketch_init(&back);
    for (size_t d = 0; d <= DISTRIBUTIONS + 1; d++) {
        struct tw_sketch sketch;
        tw_sketch_init(&sketch);
        random_state = 9 + d;
        for (int i = 0; d < DISTRIBUTIONS && i < 600; i++) {
            assert_int_equal(tw_sketch_add(&sketch, distributions[d].draw(), 1), TW_OK);
        }
        if (d == DISTRIBUTIONS) {
            fill_all(&sketch);
        } /* and last an empty one */
        tw_buf_clear(&buf);
        assert_int_equal(tw_sketch_encode(&sketch, &buf), TW_OK);
        size_t len = buf.len;
        assert_int_equal(tw_buf_append(&buf, "next", 4), TW_OK);
        struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
        assert_int_equal(tw_sketch_decode(&back, &cursor), TW_OK);
        assert_int_equal(cursor.end - cursor.p, 4);
        assert_same(&sketch, &back);
        print_message("# %s: %zu bytes for %u buckets\n",
                      d < DISTRIBUTIONS ? distributions[d].name : "edge", len, sketch.bins);
        /* Cut anywhere it is damaged, and nothing stays. */
        for (size_t cut = 0; cut < len; cut++) {
            char *copy = malloc(cut + 1); /* of its own, so that a sanitizer sees a byte too far */
            assert_non_null(copy);
            memcpy(copy, buf.data, cut);
            cursor = tw_cursor_of(copy, cut);
            assert_int_equal(tw_sketch_decode(&back, &cursor), TW_EDAMAGED);
            assert_int_equal(back.count, 0);
            assert_int_equal(back.bins, 0);
            free(copy);
        }
        tw_sketch_fini(&sketch);
    }
    tw_sketch_fini(&back);
    tw_buf_fini(&buf);
}

/* Whatever is accepted is written back as it was read (but for overlong varints). */
static void sketch__hostile_bytes__are_refused_or_understood(void **state)
{
    (void)state;
    struct tw_sketch sketch;
    struct tw_sketch again;
    struct tw_buf buf;
    tw_sketch_init(&sketch);
    tw_sketch_init(&again);
    tw_buf_init(&buf, 1 << 20);
    random_state = 77;
    int accepted = 0;
    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[40] = {0};
        size_t len = random_bits() % sizeof bytes;
        for (size_t i = 0; i < len; i++) {
            uint64_t bits = random_bits();
            bytes[i] = (uint8_t)(bits % 3 == 0 ? bits >> 8 : (bits >> 8) % 4);
        }
        uint8_t *copy = malloc(len + 1);
        assert_non_null(copy);
        memcpy(copy, bytes, len);
        struct tw_cursor cursor = tw_cursor_of(copy, len);
        if (tw_sketch_decode(&sketch, &cursor) == TW_OK) {
            accepted++;
            tw_buf_clear(&buf);
            assert_int_equal(tw_sketch_encode(&sketch, &buf), TW_OK);
            cursor = tw_cursor_of(buf.data, buf.len);
            assert_int_equal(tw_sketch_decode(&again, &cursor), TW_OK);
            assert_same(&sketch, &again);
        } else {
            assert_int_equal(sketch.count, 0);
        }
        free(copy);
    }
    assert_true(accepted > 0);
    tw_sketch_fini(&sketch);
    tw_sketch_fini(&again);
    tw_buf_fini(&buf);
}

/* Write varints and decode them. */
static int decode_numbers(const uint64_t *numbers, size_t count)
{
    struct tw_buf buf;
    struct tw_sketch sketch;
    tw_buf_init(&buf, 1 << 16);
    tw_sketch_init(&sketch);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tw_buf_append_varint(&buf, numbers[i]), TW_OK);
    }
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    int rc = tw_sketch_decode(&sketch, &cursor);
    tw_sketch_fini(&sketch);
    tw_buf_fini(&buf);
    return rc;
}
#define DECODE(...)                                 \
    decode_numbers((const uint64_t[]){__VA_ARGS__}, \
                   sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void sketch__stored_form_with_each_fault__is_damaged(void **state)
{
    (void)state;
    const uint64_t max = (uint64_t)TW_SKETCH_MAX_NS;
    const uint64_t top = TW_SKETCH_LAST - TW_SKETCH_ZERO;
    assert_int_equal(DECODE(0), TW_OK);
    assert_int_equal(DECODE(1, 500, 0, 0, 1), TW_OK);
    assert_int_equal(DECODE(2, 0, 1000, 0, 1, 0, TW_SKETCH_COUNT_MAX - 1), TW_OK);
    assert_int_equal(DECODE(2, 0, 1000, 0, 1, 0, TW_SKETCH_COUNT_MAX), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 500, 0, 0, 0), TW_EDAMAGED);         /* an empty bucket */
    assert_int_equal(DECODE(1, 500, 1, 0, 1), TW_EDAMAGED);         /* one of two lengths */
    assert_int_equal(DECODE(1, 1000, 0, 0, 1), TW_EDAMAGED);        /* shortest elsewhere */
    assert_int_equal(DECODE(1, 0, 1000, 0, 2), TW_EDAMAGED);        /* longest elsewhere */
    assert_int_equal(DECODE(1, max, 0, top, 1), TW_OK);             /* the last bucket */
    assert_int_equal(DECODE(1, max, 0, top + 1, 1), TW_EDAMAGED);   /* behind it */
    assert_int_equal(DECODE(2, max, 0, top, 1, 0, 1), TW_EDAMAGED); /* two there */
    assert_int_equal(DECODE(1, max + 1, 0, top, 1), TW_EDAMAGED);
    assert_int_equal(DECODE(1, max, 1, top, 2), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 1, UINT64_MAX, 0, 2), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 500, 0, UINT64_MAX, 1), TW_EDAMAGED);
    assert_int_equal(DECODE(TW_SKETCH_BINS_MAX + 1, 0, 0, 0, 1), TW_EDAMAGED);
    assert_int_equal(DECODE(UINT64_MAX, 0, 0, 0, 1), TW_EDAMAGED);
    assert_int_equal(DECODE(TW_SKETCH_BINS_MAX, 0, 0, 0, 1), TW_EDAMAGED); /* too short for it */
}

static void sketch__no_memory__changes_nothing(void **state)
{
    (void)state;
    struct tw_sketch sketch;
    struct tw_sketch other;
    tw_sketch_init(&sketch);
    tw_sketch_init(&other);
    malloc_fails = true;
    assert_int_equal(tw_sketch_add(&sketch, 1000, 1), TW_ENOMEM);
    malloc_fails = false;
    assert_int_equal(sketch.count, 0);
    for (int i = 0; i < 8; i++) { /* all that the first allocation has room for */
        assert_int_equal(tw_sketch_add(&sketch, TW_NS_PER_MS << i, 1), TW_OK);
    }
    assert_int_equal(tw_sketch_add(&other, 7 * HOUR_NS, 1), TW_OK);
    malloc_fails = true;
    assert_int_equal(tw_sketch_add(&sketch, HOUR_NS, 1), TW_ENOMEM);
    assert_int_equal(tw_sketch_merge(&sketch, &other), TW_ENOMEM);
    assert_int_equal(tw_sketch_add(&sketch, TW_NS_PER_MS, 1), TW_OK); /* needs none */
    malloc_fails = false;
    assert_int_equal(sketch.count, 9);
    assert_int_equal(sketch.bins, 8);
    assert_int_equal(sketch.max_ns, TW_NS_PER_MS << 7);
    struct tw_buf buf;
    struct tw_sketch back;
    tw_buf_init(&buf, 4);
    assert_int_equal(tw_sketch_encode(&sketch, &buf), TW_ELIMIT);
    tw_buf_fini(&buf);
    tw_buf_init(&buf, 1000);
    tw_sketch_init(&back);
    assert_int_equal(tw_sketch_encode(&sketch, &buf), TW_OK);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    malloc_fails = true;
    assert_int_equal(tw_sketch_decode(&back, &cursor), TW_ENOMEM);
    malloc_fails = false;
    assert_int_equal(back.count, 0);
    tw_buf_fini(&buf);
    tw_sketch_fini(&sketch);
    tw_sketch_fini(&other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sketch__buckets__are_those_of_the_definition),
        cmocka_unit_test(sketch__edges_of_the_range__share_the_outer_buckets),
        cmocka_unit_test(sketch__values__are_within_the_error_of_both_ends_of_their_bucket),
        cmocka_unit_test(sketch__quantiles__are_within_the_error_of_exact_ones),
        cmocka_unit_test(sketch__few_durations__give_the_exact_rank),
        cmocka_unit_test(sketch__merge_of_sixty__equals_the_whole_in_any_order),
        cmocka_unit_test(sketch__order_of_durations__does_not_matter),
        cmocka_unit_test(sketch__count_at_its_limit__refuses_and_changes_nothing),
        cmocka_unit_test(sketch__all_buckets_filled__is_the_most_memory_it_takes),
        cmocka_unit_test(sketch__stored_form__comes_back_the_same),
        cmocka_unit_test(sketch__hostile_bytes__are_refused_or_understood),
        cmocka_unit_test(sketch__stored_form_with_each_fault__is_damaged),
        cmocka_unit_test(sketch__no_memory__changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
