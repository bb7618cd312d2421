/* SPDX-License-Identifier: Apache-2.0
 * track/graph: snapshots, replay, memory. */
#include "config.h"

#include "graph_kit.h"

#include <stdlib.h>

#include "core/err.h"
#include "track/track.h"

/* ---- snapshots, replay ---------------------------------------------------------------------- */

/* A life with everything in it: links, hubs, holding, forgetting, eviction. */
static void live(struct tw_graph *graph, int step)
{
    gk_random = ((uint64_t)step + 1) * UINT64_C(0x9e3779b97f4a7c15);
    int64_t now_s = 1000 + step / 2;
    struct tw_graph_object objects[CARRIED];
    size_t count = 1 + random_below(CARRIED);
    for (size_t i = 0; i < count; i++) {
        objects[i] = object_of(random_below(300) + (uint32_t)step / 40 * 24);
    }
    struct tw_graph_event event = {.n = (uint64_t)step + 1, .match = random_below(2)};
    struct tw_graph_added added;
    int err = tw_graph_add(graph, &event, objects, count, at_s(now_s), &added);
    assert_true(err == TW_OK || err == TW_ELIMIT);
    const struct tw_graph_root *roots = NULL;
    size_t found = 0;
    assert_int_equal(tw_graph_reached(graph, 0, &roots, &found), TW_OK);
    for (size_t i = 0; err == TW_OK && i < found; i++) {
        tw_graph_set_user(graph, roots[i].object, (uint32_t)step);
        tw_graph_hold(graph, roots[i].object, random_below(2) == 0);
    }
    if (step % 16 == 0) {
        tw_graph_forget(graph, at_s(now_s));
    }
}

static void save(struct tw_graph *graph, struct tw_buf *buf)
{
    tw_buf_init(buf, SAVE_MAX);
    assert_int_equal(tw_graph_save(graph, buf), TW_OK);
}

static struct tw_graph_options life_options(void)
{
    struct tw_graph_options options = options_of(3, 6, 12);
    options.linger_s = 60;
    options.max_objects = 250;
    return options;
}

static void graph_restore__in_the_midst_of_a_life__ends_as_if_it_had_not_been(void **state)
{
    (void)state;
    struct tw_graph_options options = life_options();
    struct tw_graph *straight = new_graph(&options);
    struct tw_graph *restored = new_graph(&options);
    struct tw_graph_stats stats;
    for (int step = 0; step < 4000; step++) {
        live(straight, step);
        live(restored, step);
        if (step % 97 == 0) {
            swap_graph(&restored, &options);
        }
    }
    struct tw_buf a;
    struct tw_buf b;
    save(straight, &a);
    save(restored, &b);
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    tw_graph_stats(straight, &stats);
    assert_true(stats.evicted > 0 && stats.refused > 0 && stats.hubs > 0 && stats.held > 0);
    tw_buf_fini(&a);
    tw_buf_fini(&b);
    tw_graph_destroy(&straight);
    tw_graph_destroy(&restored);
}

/* Whatever the bytes: a refusal that leaves an empty graph, or a graph that can be used. */
static void restore_anything(const void *bytes, size_t len, uint64_t *refused)
{
    struct tw_graph_options options = life_options();
    struct tw_graph *graph = new_graph(&options);
    struct tw_cursor cursor = tw_cursor_of(bytes, len);
    int err = tw_graph_restore(graph, &cursor, 2);
    if (err != TW_OK) {
        assert_int_equal(err, TW_EDAMAGED);
        assert_int_equal(stat_objects(graph), 0);
        (*refused)++;
    }
    for (int step = 600; step < 640; step++) {
        live(graph, step);
    }
    tw_graph_forget(graph, at_s(100000));
    tw_graph_destroy(&graph);
}

static void graph_restore__any_damage__is_refused_or_harmless(void **state)
{
    (void)state;
    struct tw_graph_options options = life_options();
    options.max_objects = 60;
    struct tw_graph *graph = new_graph(&options);
    for (int step = 0; step < 600; step++) {
        live(graph, step);
    }
    struct tw_buf buf;
    save(graph, &buf);
    tw_graph_destroy(&graph);
    uint64_t refused = 0;
    uint64_t tried = 0;
    for (size_t len = 0; len < buf.len; len += 1 + len / 40) {
        restore_anything(buf.data, len, &refused);
        tried++;
    }
    assert_int_equal(refused, tried); /* a part is never taken for the whole */
    for (size_t at = 0; at < buf.len; at++) {
        char was = buf.data[at];
        gk_random = (at + 1) * UINT64_C(0x9e3779b97f4a7c15);
        buf.data[at] =
            (char)(random_below(2) == 0 ? was ^ (1 << random_below(8)) : (int)random_below(256));
        restore_anything(buf.data, buf.len, &refused);
        buf.data[at] = was;
    }
    assert_true(refused > tried + buf.len / 4);
    tw_buf_fini(&buf);
}

static void graph_restore__too_many_objects_or_unknown_matches__is_refused(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(2, 10, 100);
    struct tw_graph *graph = new_graph(&options);
    (void)ADD(graph, 1, ORDER_A, PARCEL_A);
    struct tw_buf buf;
    save(graph, &buf);
    tw_graph_destroy(&graph);
    graph = new_graph(&options);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_graph_restore(graph, &cursor, 1), TW_EDAMAGED);
    cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_graph_restore(graph, &cursor, 2), TW_OK);
    tw_graph_destroy(&graph);
    options.max_objects = 1;
    graph = new_graph(&options);
    cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_graph_restore(graph, &cursor, 2), TW_EDAMAGED);
    /* a buffer that is too small says so */
    tw_buf_fini(&buf);
    tw_buf_init(&buf, 64);
    assert_int_equal(tw_graph_save(graph, &buf), TW_ELIMIT);
    tw_buf_fini(&buf);
    tw_graph_destroy(&graph);
}

/* Objects in as many buckets as there are, of a graph at its last second or before it. */
static void graph_save__around_the_last_second__is_restored(void **state)
{
    (void)state;
    const uint32_t linger_s[] = {1, 60, TW_GRAPH_LINGER_S_MAX};
    const int64_t times_s[] = {TW_TRACK_SECOND_MAX - 1, TW_TRACK_SECOND_MAX,
                               (int64_t)TW_TRACK_SECOND_MAX + 1, UINT32_MAX,
                               INT64_MAX / TW_NS_PER_S};
    for (size_t i = 0; i < 3 * 5; i++) {
        struct tw_graph_options options = options_of(2, 10, 100);
        options.linger_s = linger_s[i / 5];
        struct tw_graph *graph = new_graph(&options);
        (void)add_now(graph, 1, (const unsigned[]){ORDER_A, PARCEL_A}, 2, times_s[i % 5] - 2000);
        (void)add_now(graph, 2, (const unsigned[]){ORDER_B}, 1, times_s[i % 5] - 1);
        tw_graph_forget(graph, at_s(times_s[i % 5]));
        (void)add_now(graph, 3, (const unsigned[]){TRACE_A}, 1, times_s[i % 5]);
        assert_true(stat_objects(graph) >= 1);
        swap_graph(&graph, &options);
        assert_int_equal(count_events(graph, TRACE_A), 1);
        tw_graph_forget(graph, at_s(times_s[i % 5]));
        swap_graph(&graph, &options);
        tw_graph_destroy(&graph);
    }
}

static void graph_restore__a_second_that_there_is_not__is_refused(void **state)
{
    (void)state;
    const uint32_t now_s = 7654321; /* no other number is this one */
    const uint32_t later_s = TW_TRACK_SECOND_MAX + 1;
    struct tw_graph_options options = options_of(2, 10, 100);
    struct tw_graph *graph = new_graph(&options);
    (void)add_now(graph, 1, (const unsigned[]){ORDER_A}, 1, now_s);
    struct tw_buf buf;
    save(graph, &buf);
    tw_graph_destroy(&graph);
    size_t found = 0;
    for (size_t at = 0; at + sizeof now_s <= buf.len; at++) {
        if (memcmp(buf.data + at, &now_s, sizeof now_s) != 0) {
            continue;
        }
        memcpy(buf.data + at, &later_s, sizeof later_s);
        graph = new_graph(&options);
        struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
        assert_int_equal(tw_graph_restore(graph, &cursor, 2), TW_EDAMAGED);
        tw_graph_destroy(&graph);
        memcpy(buf.data + at, &now_s, sizeof now_s);
        found++;
    }
    assert_int_equal(found, 3); /* now, the turn of the wheel, the last touch of the object */
    tw_buf_fini(&buf);
}

/* ---- memory --------------------------------------------------------------------------------- */

static int short_life(struct tw_graph **ret_graph)
{
    struct tw_graph_options options = options_of(3, 4, 6);
    struct tw_graph_added added;
    const struct tw_graph_root *roots = NULL;
    const struct tw_graph_event *events = NULL;
    size_t count = 0;
    int err = tw_graph_new(&options, ret_graph);
    for (uint64_t n = 1; err == TW_OK && n < 1200; n++) {
        struct tw_graph_object objects[] = {object_of((unsigned)n), object_of((unsigned)n / 7)};
        struct tw_graph_event event = {.n = n, .match = 1};
        err = tw_graph_add(*ret_graph, &event, objects, 2, at_s(1000), &added);
        if (err == TW_OK) {
            err = tw_graph_reached(*ret_graph, 0, &roots, &count);
        }
        if (err == TW_OK && count > 0) {
            err = tw_graph_events(*ret_graph, roots[0].object, &events, &count);
        }
    }
    return err;
}

static void graph__allocation_fails__says_so_and_leaks_nothing(void **state)
{
    (void)state;
    int err = TW_ENOMEM;
    for (long fails = 0; err != TW_OK; fails++) {
        struct tw_graph *graph = NULL;
        gk_allocations_left = fails;
        err = short_life(&graph);
        gk_allocations_left = -1;
        assert_true(err == TW_OK || err == TW_ENOMEM);
        tw_graph_destroy(&graph);
        assert_true(fails < 1000);
    }
}

static void graph_restore__allocation_fails__leaves_it_empty(void **state)
{
    (void)state;
    struct tw_graph *graph = NULL;
    struct tw_buf buf;
    assert_int_equal(short_life(&graph), TW_OK);
    save(graph, &buf);
    tw_graph_destroy(&graph);
    struct tw_graph_options options = options_of(3, 4, 6);
    int err = TW_ENOMEM;
    for (long fails = 0; err != TW_OK; fails++) {
        graph = new_graph(&options);
        struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
        gk_allocations_left = fails;
        err = tw_graph_restore(graph, &cursor, 2);
        gk_allocations_left = -1;
        assert_true(err == TW_OK || err == TW_ENOMEM);
        assert_int_equal(stat_objects(graph) == 0, err != TW_OK);
        tw_graph_destroy(&graph);
    }
    tw_buf_fini(&buf);
}

/* What the header promises of a sale of six events and two objects. */
static void graph_stats__bytes_of_a_sale__are_fewer_than_300(void **state)
{
    (void)state;
    enum { SALES = 340000 }; /* little of the chunks is left */
    struct tw_graph_options options = options_of(3, 1000, 10000);
    struct tw_graph *graph = new_graph(&options);
    struct tw_graph_stats stats;
    for (unsigned i = 0; i < SALES; i++) {
        unsigned sale = i * OBJECTS;
        for (uint64_t k = 1; k <= 6; k++) {
            (void)ADD(graph, i * 6 + k, sale + ORDER_A, sale + TRACE_A);
        }
    }
    tw_graph_stats(graph, &stats);
    assert_int_equal(stats.objects, 2 * SALES);
    assert_int_equal(stats.events, 6 * SALES);
    assert_true(stats.bytes / SALES < 300);
    tw_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(graph_restore__in_the_midst_of_a_life__ends_as_if_it_had_not_been),
        cmocka_unit_test(graph_restore__any_damage__is_refused_or_harmless),
        cmocka_unit_test(graph_restore__too_many_objects_or_unknown_matches__is_refused),
        cmocka_unit_test(graph_save__around_the_last_second__is_restored),
        cmocka_unit_test(graph_restore__a_second_that_there_is_not__is_refused),
        cmocka_unit_test(graph__allocation_fails__says_so_and_leaks_nothing),
        cmocka_unit_test(graph_restore__allocation_fails__leaves_it_empty),
        cmocka_unit_test(graph_stats__bytes_of_a_sale__are_fewer_than_300),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
