/* SPDX-License-Identifier: Apache-2.0
 * track/queue: against a plain sorted list, in every order of time. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/queue.h"

#define MODEL_MAX 6000

static uint64_t state = 1;
static uint32_t dice(uint32_t sides)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % sides;
}

static long fail_at = -1; /* allocations left before one fails; below 0: none does */
static bool may_allocate(void)
{
    return fail_at < 0 || fail_at-- > 0;
}
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size)
{
    return may_allocate() ? __real_realloc(old, size) : NULL;
}

struct model {
    struct tw_queue_entry entries[MODEL_MAX];
    size_t count;
};

static int order_of(struct tw_queue_entry a, struct tw_queue_entry b)
{
    if (a.since.ns != b.since.ns) {
        return a.since.ns < b.since.ns ? -1 : 1;
    }
    return a.item < b.item ? -1 : (a.item > b.item ? 1 : 0);
}

/* Index of the first entry not before `entry`. */
static size_t model_place(const struct model *self, struct tw_queue_entry entry)
{
    size_t i = 0;
    while (i < self->count && order_of(self->entries[i], entry) < 0) {
        i++;
    }
    return i;
}

static void model_insert(struct model *self, struct tw_queue_entry entry)
{
    size_t at = model_place(self, entry);
    for (size_t i = self->count; i > at; i--) {
        self->entries[i] = self->entries[i - 1];
    }
    self->entries[at] = entry;
    self->count++;
}

static void model_remove(struct model *self, size_t at)
{
    self->count--;
    for (size_t i = at; i < self->count; i++) {
        self->entries[i] = self->entries[i + 1];
    }
}

/* What is later than an entry in the middle. */
static void assert_later(const struct tw_queue *queue, const struct model *model)
{
    if (model->count > 0) {
        tw_wall_t since = model->entries[dice((uint32_t)model->count)].since;
        size_t at = model_place(model, (struct tw_queue_entry){{since.ns + 1}, 0});
        tw_wall_t first = {-1};
        assert_int_equal(tw_queue_later(queue, since, &first), model->count - at);
        assert_int_equal(first.ns, at == model->count ? -1 : model->entries[at].since.ns);
    }
}

static void assert_same(const struct tw_queue *queue, const struct model *model)
{
    assert_int_equal(tw_queue_count(queue), model->count);
    assert_later(queue, model);
    struct tw_queue_entry entry;
    assert_int_equal(tw_queue_oldest(queue, &entry), model->count > 0);
    for (size_t i = 0; i < model->count; i++) {
        assert_int_equal(order_of(entry, model->entries[i]), 0);
        assert_int_equal(tw_queue_after(queue, entry, &entry), i + 1 < model->count);
    }
}

enum arrival { IN_ORDER, BACKWARDS, ANYHOW, FLOODS };

/* Entries that come in a certain order of time, while the oldest and some others leave. */
static void play(enum arrival arrival, uint64_t seed)
{
    struct tw_queue queue;
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    tw_queue_init(&queue);
    state = seed;
    for (uint32_t i = 0; i < 5000; i++) {
        int64_t since = (int64_t)i * 1000;
        if (arrival == BACKWARDS) {
            since = -since;
        } else if (arrival == ANYHOW) {
            since = dice(2000); /* many at one time */
        } else if (arrival == FLOODS && (i / 700) % 2 == 1) {
            since = -(int64_t)dice(1000000000) * 1000; /* an import of history */
        }
        struct tw_queue_entry entry = {{since}, i};
        assert_int_equal(tw_queue_insert(&queue, entry), TW_OK);
        model_insert(model, entry);
        if (dice(3) == 0) {
            size_t at = dice(2) == 0 ? 0 : dice((uint32_t)model->count);
            assert_true(tw_queue_remove(&queue, model->entries[at]));
            assert_false(tw_queue_remove(&queue, model->entries[at]));
            model_remove(model, at);
        }
        if (i % 500 == 0) {
            assert_same(&queue, model);
        }
    }
    assert_same(&queue, model);
    while (model->count > 0) {
        size_t at = dice((uint32_t)model->count);
        assert_true(tw_queue_remove(&queue, model->entries[at]));
        model_remove(model, at);
        if (model->count % 250 == 0) {
            assert_same(&queue, model);
        }
    }
    tw_queue_fini(&queue);
    free(model);
}

static void queue__any_order_of_time__is_the_sorted_list(void **unused)
{
    (void)unused;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        play(IN_ORDER, seed);
        play(BACKWARDS, seed);
        play(ANYHOW, seed);
        play(FLOODS, seed);
    }
}

static void queue__empty__has_no_oldest(void **unused)
{
    (void)unused;
    struct tw_queue queue;
    struct tw_queue_entry entry = {{5}, 7};
    tw_queue_init(&queue);
    tw_wall_t first = {3};
    assert_false(tw_queue_oldest(&queue, &entry));
    assert_int_equal(tw_queue_later(&queue, first, &first), 0);
    assert_false(tw_queue_after(&queue, entry, &entry));
    assert_false(tw_queue_remove(&queue, entry));
    assert_int_equal(tw_queue_insert(&queue, entry), TW_OK);
    assert_true(tw_queue_remove(&queue, entry));
    assert_false(tw_queue_oldest(&queue, &entry));
    tw_queue_fini(&queue);
}

static void queue__after__finds_what_lies_behind_a_time(void **unused)
{
    (void)unused;
    struct tw_queue queue;
    struct tw_queue_entry entry;
    tw_queue_init(&queue);
    for (uint32_t i = 0; i < 3 * TW_QUEUE_LEAF; i++) {
        assert_int_equal(tw_queue_insert(&queue, (struct tw_queue_entry){{i * 10}, i}), TW_OK);
    }
    for (int64_t at = -5; at < 3 * TW_QUEUE_LEAF * 10; at++) {
        int64_t next = at < 0 ? 0 : (at / 10 + 1) * 10;
        bool is_found = tw_queue_after(&queue, (struct tw_queue_entry){{at}, UINT32_MAX}, &entry);
        assert_int_equal(is_found, next < 3 * TW_QUEUE_LEAF * 10);
        if (is_found) {
            assert_int_equal(entry.since.ns, next);
        }
    }
    tw_queue_fini(&queue);
}

static void queue__a_leaf__is_full_at_its_bound(void **unused)
{
    (void)unused;
    struct tw_queue queue;
    tw_queue_init(&queue);
    for (uint32_t i = 0; i < TW_QUEUE_LEAF; i++) {
        assert_int_equal(tw_queue_insert(&queue, (struct tw_queue_entry){{i}, i}), TW_OK);
    }
    assert_int_equal(queue.leaves, 1);
    assert_int_equal(tw_queue_insert(&queue, (struct tw_queue_entry){{TW_QUEUE_LEAF}, 0}), TW_OK);
    assert_int_equal(queue.leaves, 2);
    assert_int_equal(tw_queue_insert(&queue, (struct tw_queue_entry){{5}, 9}), TW_OK);
    assert_int_equal(queue.leaves, 3);
    tw_queue_fini(&queue);
}

/* A flow through the queue keeps neither leaves nor directory. */
static void queue__flow_of_a_million__stays_small(void **unused)
{
    (void)unused;
    struct tw_queue queue;
    tw_queue_init(&queue);
    for (uint32_t i = 0; i < 1000000; i++) {
        assert_int_equal(tw_queue_insert(&queue, (struct tw_queue_entry){{i}, i}), TW_OK);
        if (i >= 1000) {
            assert_true(tw_queue_remove(&queue, (struct tw_queue_entry){{i - 1000}, i - 1000}));
        }
    }
    assert_true(tw_queue_bytes(&queue) < 24576);
    tw_queue_fini(&queue);
}

/* One in a hundred stays for ever: the leaves of the others are joined. */
static void queue__stragglers__do_not_hold_their_leaves(void **unused)
{
    (void)unused;
    struct tw_queue queue;
    tw_queue_init(&queue);
    for (uint32_t i = 0; i < 100000; i++) {
        assert_int_equal(tw_queue_insert(&queue, (struct tw_queue_entry){{i}, i}), TW_OK);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        if (i % 100 != 0) {
            assert_true(tw_queue_remove(&queue, (struct tw_queue_entry){{i}, i}));
        }
    }
    assert_int_equal(tw_queue_count(&queue), 1000);
    assert_true(tw_queue_bytes(&queue) < (size_t)160 * 1000);
    tw_queue_fini(&queue);
}

static void queue__lost_memory__changes_nothing(void **unused)
{
    (void)unused;
    for (long n = 0; n < 4; n++) {
        struct tw_queue queue;
        tw_queue_init(&queue);
        int rc = TW_OK;
        uint32_t count = 0;
        fail_at = n;
        while (rc == TW_OK && count < 3 * TW_QUEUE_LEAF) {
            rc = tw_queue_insert(&queue, (struct tw_queue_entry){{count}, count});
            count += rc == TW_OK ? 1 : 0;
        }
        fail_at = -1;
        assert_int_equal(rc, TW_ENOMEM);
        assert_int_equal(tw_queue_count(&queue), count);
        assert_int_equal(tw_queue_insert(&queue, (struct tw_queue_entry){{count}, count}), TW_OK);
        for (uint32_t i = 0; i <= count; i++) {
            assert_true(tw_queue_remove(&queue, (struct tw_queue_entry){{i}, i}));
        }
        tw_queue_fini(&queue);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queue__any_order_of_time__is_the_sorted_list),
        cmocka_unit_test(queue__empty__has_no_oldest),
        cmocka_unit_test(queue__after__finds_what_lies_behind_a_time),
        cmocka_unit_test(queue__a_leaf__is_full_at_its_bound),
        cmocka_unit_test(queue__flow_of_a_million__stays_small),
        cmocka_unit_test(queue__stragglers__do_not_hold_their_leaves),
        cmocka_unit_test(queue__lost_memory__changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
