/* SPDX-License-Identifier: Apache-2.0
 * track/budget: the stored form comes back the same, damage is refused, memory that runs out. */
#include "config.h"
#include "budget_kit.h"

void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

static bool calloc_fails;

void *__wrap_calloc(size_t count, size_t size)
{
    return calloc_fails ? NULL : __real_calloc(count, size);
}

static void assert_same(struct tw_budget *a, struct tw_budget *b)
{
    struct tw_budget_view left = budget_view(a);
    struct tw_budget_view right = budget_view(b);
    assert_int_equal(left.good, right.good);
    assert_int_equal(left.bad, right.bad);
    assert_int_equal(left.period.from.ns, right.period.from.ns);
    assert_int_equal(left.has_forecast, right.has_forecast);
    assert_near(left.expected, right.expected, 1e-9);
    for (int i = 0; i < TW_BURN_WINDOW_COUNT; i++) {
        struct tw_counts counts = tw_budget_window(b, (enum tw_burn_window)i);
        assert_counts(tw_budget_window(a, (enum tw_burn_window)i), counts.good, counts.bad);
    }
    assert_int_equal(tw_budget_forgotten(a), tw_budget_forgotten(b));
    assert_int_equal(tw_budget_refused(a), tw_budget_refused(b));
}

/* A budget with counts here and there, older than the ring, ahead, and full. */
static struct tw_budget *busy(enum tw_window_kind kind, tw_wall_t now, tw_wall_t head)
{
    struct tw_budget *budget = budget_calendar(990000, kind, NULL, now);
    for (int64_t i = -50000; i < 1440; i += 1 + (i * i) % 977) {
        assert_int_equal(
            tw_budget_add(budget, wall_later(now, i * MINUTE_NS), (i * i) % 91, (i * i) % 13),
            TW_OK);
    }
    assert_int_equal(tw_budget_add(budget, wall_later(now, -7 * MINUTE_NS),
                                   TW_BUDGET_MINUTE_MAX - 90, TW_BUDGET_MINUTE_MAX - 12),
                     TW_OK);
    (void)tw_budget_add(budget, wall_later(now, -36 * DAY_NS), 3, 3);
    (void)tw_budget_add(budget, wall_later(now, 36 * DAY_NS), 3, 3);
    tw_budget_advance(budget, head);
    return budget;
}

static void budget__stored_form__comes_back_the_same(void **state)
{
    (void)state;
    tw_wall_t now = wall_at("2026-03-31T12:34:00Z");
    static const int64_t moved[] = {0, 1, 59, 61, 20000, 51000};
    for (size_t i = 0; i < sizeof moved / sizeof moved[0]; i++) {
        tw_wall_t head = wall_later(now, moved[i] * MINUTE_NS);
        struct tw_budget *budget = busy(TW_WINDOW_MONTH, now, head);
        struct tw_buf buf;
        tw_buf_init(&buf, 1 << 22);
        assert_int_equal(tw_budget_encode(budget, &buf), TW_OK);
        assert_int_equal(tw_buf_append(&buf, "next", 4), TW_OK);
        /* Into one as old, one of before, one that is later. */
        struct tw_budget *same = budget_calendar(990000, TW_WINDOW_MONTH, NULL, head);
        struct tw_budget *early =
            budget_calendar(990000, TW_WINDOW_MONTH, NULL, wall_at("2020-01-01T00:00:00Z"));
        struct tw_budget *late =
            budget_calendar(990000, TW_WINDOW_MONTH, NULL, wall_later(head, 5 * DAY_NS));
        struct tw_budget *all[] = {same, early, late};
        for (size_t j = 0; j < 3; j++) {
            int rc = tw_budget_add(all[j], wall_later(head, -DAY_NS), 5, 5); /* will be replaced */
            assert_int_equal(rc, j == 1 ? TW_ELIMIT : TW_OK);
            struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
            assert_int_equal(tw_budget_decode(all[j], &cursor), TW_OK);
            assert_int_equal(cursor.end - cursor.p, 4);
        }
        assert_same(budget, same);
        assert_same(budget, early);
        tw_budget_advance(budget, wall_later(head, 5 * DAY_NS));
        assert_same(budget, late);
        /* And on they go alike. */
        tw_budget_advance(same, wall_later(head, 5 * DAY_NS));
        assert_same(budget, same);
        for (size_t j = 0; j < 3; j++) {
            tw_budget_destroy(&all[j]);
        }
        tw_buf_fini(&buf);
        tw_budget_destroy(&budget);
    }
}

static void budget__damaged_bytes__are_refused_and_leave_it_empty(void **state)
{
    (void)state;
    tw_wall_t now = wall_at("2026-03-31T12:34:00Z");
    struct tw_budget *budget = budget_calendar(990000, TW_WINDOW_WEEK, NULL, now);
    for (int64_t i = 0; i < 40; i++) {
        assert_int_equal(tw_budget_add(budget, wall_later(now, -i * i * i * MINUTE_NS), i, 2),
                         TW_OK);
    }
    struct tw_buf buf;
    tw_buf_init(&buf, 1 << 16);
    assert_int_equal(tw_budget_encode(budget, &buf), TW_OK);
    struct tw_budget *other = budget_calendar(990000, TW_WINDOW_WEEK, NULL, now);
    char *copy = malloc(buf.len);
    assert_non_null(copy);
    for (size_t cut = 0; cut < buf.len; cut++) {
        char *shorter = malloc(cut + 1);
        assert_non_null(shorter);
        memcpy(shorter, buf.data, cut);
        struct tw_cursor cursor = tw_cursor_of(shorter, cut);
        assert_int_equal(tw_budget_decode(other, &cursor), TW_EDAMAGED);
        assert_false(budget_view(other).has_data);
        free(shorter);
    }
    uint64_t random = 1;
    for (int round = 0; round < 20000; round++) {
        memcpy(copy, buf.data, buf.len);
        for (int change = 0; change <= round % 3; change++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            copy[(random >> 33) % buf.len] = (char)(random >> 20);
        }
        struct tw_cursor cursor = tw_cursor_of(copy, buf.len);
        int rc = tw_budget_decode(other, &cursor);
        assert_true(rc == TW_OK || rc == TW_EDAMAGED);
        if (rc != TW_OK) {
            assert_false(budget_view(other).has_data);
            continue;
        }
        (void)budget_view(other);
        if (round % 100 == 0) { /* a head of another century stays */
            tw_budget_destroy(&other);
            other = budget_calendar(990000, TW_WINDOW_WEEK, NULL, now);
        }
    }
    free(copy);
    tw_buf_fini(&buf);
    tw_budget_destroy(&other);
    tw_budget_destroy(&budget);
}

#define HEAD UINT64_C(29582674) /* 2026-03-31T12:34Z in minutes */
/* Decode varints into a fresh budget. */
static int decode_numbers(const uint64_t *numbers, size_t count)
{
    struct tw_buf buf;
    tw_buf_init(&buf, 1 << 16);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tw_buf_append_varint(&buf, numbers[i]), TW_OK);
    }
    struct tw_budget *budget = budget_rolling(990000, 30, wall_at("2026-03-31T12:34:00Z"));
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    int rc = tw_budget_decode(budget, &cursor);
    tw_budget_destroy(&budget);
    tw_buf_fini(&buf);
    return rc;
}
#define DECODE(...)                                 \
    decode_numbers((const uint64_t[]){__VA_ARGS__}, \
                   sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void budget__stored_form_with_each_fault__is_damaged(void **state)
{
    (void)state;
    /* form, head, first, forgotten, refused, hours; gap, minutes, good, bad */
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 0), TW_OK);
    assert_int_equal(DECODE(1, 2 * HEAD, 1, 0, 0, 1, 5, 1, 1, 0), TW_OK);
    assert_int_equal(DECODE(2, 2 * HEAD, 0, 0, 0, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, UINT64_MAX, 0, 0, 0, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, UINT64_MAX - 1, 0, 0, 0, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 36 * 1440, 0, 0, 0), TW_OK);
    assert_int_equal(DECODE(1, 2 * HEAD, 36 * 1440 + 1, 0, 0, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 866), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, 0), TW_EDAMAGED); /* no minute used */
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, UINT64_C(1) << 60, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, 1, 0, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, 1, UINT32_MAX, UINT32_MAX), TW_OK);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, 1, UINT64_C(1) << 32, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 5, 1, 0, UINT64_MAX), TW_EDAMAGED);
    /* 12:35 is the first minute of the ring, 12:34 of the next day the last. */
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 0, UINT64_C(1) << 35, 1, 0), TW_OK);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 0, UINT64_C(1) << 34, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 864, UINT64_C(1) << 34, 1, 0), TW_OK);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 864, UINT64_C(1) << 35, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, 865, 1, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 1, UINT64_MAX, 1, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 2, 5, 1, 1, 0, 0, 1, 1, 0), TW_EDAMAGED);
    assert_int_equal(DECODE(1, 2 * HEAD, 0, 0, 0, 2, 5, 1, 1, 0, 1, 1, 1, 0), TW_OK);
}

static void budget__no_memory__changes_nothing(void **state)
{
    (void)state;
    tw_wall_t now = wall_at("2026-03-31T12:34:00Z");
    const struct tw_budget_spec spec = {.target_ppm = 990000, .window = TW_WINDOW_DAY};
    struct tw_budget *budget = NULL;
    calloc_fails = true;
    assert_int_equal(tw_budget_new(&spec, now, &budget), TW_ENOMEM);
    calloc_fails = false;
    assert_null(budget);
    budget = budget_calendar(990000, TW_WINDOW_DAY, NULL, now);
    calloc_fails = true;
    assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_ENOMEM);
    calloc_fails = false;
    assert_false(budget_view(budget).has_data);
    assert_int_equal(tw_budget_refused(budget), 0);
    assert_int_equal(tw_budget_add(budget, now, 1, 0), TW_OK);
    struct tw_buf buf;
    tw_buf_init(&buf, 3);
    assert_int_equal(tw_budget_encode(budget, &buf), TW_ELIMIT);
    tw_buf_fini(&buf);
    tw_buf_init(&buf, 1000);
    assert_int_equal(tw_budget_encode(budget, &buf), TW_OK);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    calloc_fails = true;
    assert_int_equal(tw_budget_decode(budget, &cursor), TW_ENOMEM);
    calloc_fails = false;
    assert_false(budget_view(budget).has_data);
    tw_buf_fini(&buf);
    tw_budget_destroy(&budget);
}

static void budget__memory__is_what_the_header_says(void **state)
{
    (void)state;
    tw_wall_t now = wall_at("2026-03-31T12:34:00Z");
    struct tw_budget *budget = budget_rolling(990000, 30, now);
    assert_true(tw_budget_bytes(budget) <= 9000);
    for (int64_t i = -(TW_BUDGET_DAYS * 1440 - 1); i <= TW_BUDGET_AHEAD_MIN; i += 10) {
        assert_int_equal(tw_budget_add(budget, wall_later(now, i * MINUTE_NS), 1, 0), TW_OK);
    }
    assert_true(tw_budget_bytes(budget) <= 430000);
    print_message("# %zu bytes when full\n", tw_budget_bytes(budget));
    tw_budget_destroy(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budget__stored_form__comes_back_the_same),
        cmocka_unit_test(budget__damaged_bytes__are_refused_and_leave_it_empty),
        cmocka_unit_test(budget__stored_form_with_each_fault__is_damaged),
        cmocka_unit_test(budget__no_memory__changes_nothing),
        cmocka_unit_test(budget__memory__is_what_the_header_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
