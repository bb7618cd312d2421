/* SPDX-License-Identifier: Apache-2.0
 * track/graph: which events reach which roots, against a naive model of the definition in
 * store/journey.h; every bound; memory, forgetting and snapshots. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/graph.h"

#define SAVE_MAX ((size_t)64 << 20)

/* ---- allocation that fails on demand -------------------------------------------------------- */

static long allocations_left = -1; /* negative: all succeed */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static bool is_refused(void)
{
    if (allocations_left < 0) {
        return false;
    }
    return allocations_left == 0 || --allocations_left < 0;
}
void *__wrap_malloc(size_t size)
{
    return is_refused() ? NULL : __real_malloc(size);
}
void *__wrap_calloc(size_t count, size_t size)
{
    return is_refused() ? NULL : __real_calloc(count, size);
}
void *__wrap_realloc(void *old, size_t size)
{
    return is_refused() ? NULL : __real_realloc(old, size);
}
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return is_refused() ? NULL : __real_aligned_alloc(alignment, size);
}

/* ---- a small world -------------------------------------------------------------------------- */

#define TYPES      4 /* 0 and 1 are root types */
#define PER_TYPE   6
#define OBJECTS    (TYPES * PER_TYPE)
#define EVENTS_MAX 48
#define CARRIED    4

struct made {
    bool has_match;
    uint8_t objects[CARRIED]; /* without repeats */
    uint8_t count;
};

struct world {
    struct made events[EVENTS_MAX];
    size_t event_count;
    struct tw_graph_options options;
    bool pairs[OBJECTS][EVENTS_MAX]; /* what a tracker would have folded */
    uint64_t cases[4];               /* folded alone, anew, disturbed, hubs */
};

static const uint16_t root_types[] = {0, 1};
static uint64_t random_state;

static uint32_t random_below(uint32_t limit)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % limit);
}

static struct tw_graph_object object_of(unsigned number)
{
    char id[16];
    int len = snprintf(id, sizeof id, "%u", number);
    uint16_t type = (uint16_t)(number / PER_TYPE % TYPES);
    return (struct tw_graph_object){
        tw_graph_key(7, type, TW_STR_LIT(""), (struct tw_str){id, (size_t)len}), type};
}

static unsigned number_of(const struct tw_graph *graph, uint32_t object)
{
    struct tw_graph_object found = tw_graph_object(graph, object);
    for (unsigned i = 0; i < OBJECTS; i++) {
        struct tw_graph_object known = object_of(i);
        if (known.key.low == found.key.low && known.key.high == found.key.high) {
            assert_int_equal(known.type, found.type);
            return i;
        }
    }
    fail();
    return 0;
}

static struct tw_graph_options options_of(uint32_t hops, uint32_t links, uint32_t events)
{
    return (struct tw_graph_options){.max_hops = hops,
                                     .max_links = links,
                                     .max_events = events,
                                     .linger_s = 600,
                                     .max_objects = 1000000,
                                     .root_types = root_types,
                                     .root_type_count = 2};
}

static struct tw_graph *new_graph(const struct tw_graph_options *options)
{
    struct tw_graph *graph = NULL;
    assert_int_equal(tw_graph_new(options, &graph), TW_OK);
    return graph;
}

/* Save, destroy, restore. */
static void swap_graph(struct tw_graph **graph_p, const struct tw_graph_options *options)
{
    struct tw_buf buf;
    tw_buf_init(&buf, SAVE_MAX);
    assert_int_equal(tw_graph_save(*graph_p, &buf), TW_OK);
    struct tw_graph_stats before;
    struct tw_graph_stats after;
    tw_graph_stats(*graph_p, &before);
    tw_graph_destroy(graph_p);
    *graph_p = new_graph(options);
    struct tw_cursor cursor = tw_cursor_of(buf.data, buf.len);
    assert_int_equal(tw_graph_restore(*graph_p, &cursor, 2), TW_OK);
    assert_true(cursor.p == cursor.end);
    tw_graph_stats(*graph_p, &after);
    assert_int_equal(before.objects, after.objects);
    assert_int_equal(before.events, after.events);
    assert_int_equal(before.hubs, after.hubs);
    assert_int_equal(before.held, after.held);
    tw_buf_fini(&buf);
}

/* ---- the model ------------------------------------------------------------------------------ */

static bool carries(const struct made *event, unsigned object)
{
    for (unsigned i = 0; i < event->count; i++) {
        if (event->objects[i] == object) {
            return true;
        }
    }
    return false;
}

static bool model_linked(const struct world *world, unsigned a, unsigned b)
{
    for (size_t i = 0; a != b && i < world->event_count; i++) {
        if (carries(&world->events[i], a) && carries(&world->events[i], b)) {
            return true;
        }
    }
    return false;
}

static bool model_hub(const struct world *world, unsigned object)
{
    uint32_t links = 0;
    uint32_t events = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        links += model_linked(world, object, i) ? 1 : 0;
    }
    for (size_t i = 0; i < world->event_count; i++) {
        events += carries(&world->events[i], object) ? 1 : 0;
    }
    return links > world->options.max_links || events > world->options.max_events;
}

/* The events of the journey of a root: sets of objects, hop by hop. */
static void model_events(const struct world *world, unsigned root, bool *events)
{
    bool seen[OBJECTS] = {false};
    bool level[OBJECTS] = {false};
    bool hub[OBJECTS];
    for (unsigned i = 0; i < OBJECTS; i++) {
        hub[i] = model_hub(world, i);
    }
    level[root] = true;
    seen[root] = true;
    memset(events, 0, EVENTS_MAX * sizeof *events);
    for (uint32_t hops = 0; hops <= world->options.max_hops; hops++) {
        bool next[OBJECTS] = {false};
        for (unsigned at = 0; at < OBJECTS; at++) {
            if (!level[at] || (at != root && (hub[at] || at / PER_TYPE == root / PER_TYPE))) {
                continue;
            }
            for (size_t i = 0; i < world->event_count; i++) {
                events[i] = events[i] || carries(&world->events[i], at);
            }
            for (unsigned other = 0; !hub[at] && other < OBJECTS; other++) {
                if (!seen[other] && model_linked(world, at, other)) {
                    next[other] = true;
                    seen[other] = true;
                }
            }
        }
        memcpy(level, next, sizeof level);
    }
    for (size_t i = 0; i < world->event_count; i++) {
        events[i] = events[i] && world->events[i].has_match;
    }
}

/* ---- what a tracker does -------------------------------------------------------------------- */

static void fold_root(struct world *world, struct tw_graph *graph, size_t event,
                      const struct tw_graph_root *root)
{
    unsigned number = number_of(graph, root->object);
    if (tw_graph_user(graph, root->object) == TW_GRAPH_NONE) {
        tw_graph_set_user(graph, root->object, number);
    }
    assert_int_equal(tw_graph_user(graph, root->object), number);
    assert_true(root->is_reached || root->is_anew);
    if (!root->is_anew) {
        world->cases[0]++;
        world->pairs[number][event] = world->events[event].has_match;
        return;
    }
    world->cases[root->is_reached ? 1 : 2]++;
    const struct tw_graph_event *events = NULL;
    size_t count = 0;
    assert_int_equal(tw_graph_events(graph, root->object, &events, &count), TW_OK);
    memset(world->pairs[number], 0, sizeof world->pairs[number]);
    for (size_t i = 0; i < count; i++) {
        assert_false(world->pairs[number][events[i].n - 1]); /* each once */
        world->pairs[number][events[i].n - 1] = true;
        assert_int_equal(events[i].time.ns, (int64_t)events[i].n * 5);
        assert_int_equal(events[i].store, events[i].n + 100);
        assert_int_equal(events[i].cause, events[i].n % 5);
    }
}

static void apply(struct world *world, struct tw_graph *graph, size_t event)
{
    const struct made *made = &world->events[event];
    struct tw_graph_object objects[CARRIED];
    for (unsigned i = 0; i < made->count; i++) {
        objects[i] = object_of(made->objects[i]);
    }
    struct tw_graph_event given = {.n = event + 1,
                                   .time = {(int64_t)(event + 1) * 5},
                                   .match = made->has_match ? 1 : 0,
                                   .store = (uint32_t)event + 101,
                                   .cause = (uint8_t)((event + 1) % 5)};
    struct tw_graph_added added;
    tw_wall_t now = {1000 * TW_NS_PER_S};
    tw_graph_prefetch_slots(graph, objects, made->count);
    tw_graph_prefetch_objects(graph, objects, made->count);
    tw_graph_prefetch_events(graph, objects, made->count);
    assert_int_equal(tw_graph_add(graph, &given, objects, made->count, now, &added), TW_OK);
    world->cases[3] += added.fresh_hubs;
    if (!made->has_match && !added.is_linking) {
        return;
    }
    for (uint16_t type = 0; type < 2; type++) {
        const struct tw_graph_root *roots = NULL;
        size_t count = 0;
        assert_int_equal(tw_graph_reached(graph, type, &roots, &count), TW_OK);
        /* folding asks the graph again: keep what was answered */
        struct tw_graph_root kept[OBJECTS] = {0};
        assert_true(count <= PER_TYPE);
        for (size_t i = 0; i < count; i++) {
            kept[i] = roots[i];
        }
        for (size_t i = 0; i < count; i++) {
            fold_root(world, graph, event, &kept[i]);
        }
    }
}

static void make_world(struct world *world)
{
    static const uint32_t links[] = {1, 2, 3, 5, 1000};
    static const uint32_t events[] = {2, 4, 10, 1000, 1000};
    uint32_t objects = 2 + random_below(PER_TYPE - 1);
    world->options =
        options_of(1 + random_below(4), links[random_below(5)], events[random_below(5)]);
    world->event_count = 1 + random_below(EVENTS_MAX);
    for (size_t i = 0; i < world->event_count; i++) {
        struct made *made = &world->events[i];
        made->has_match = random_below(4) != 0;
        unsigned wanted = random_below(CARRIED + 1);
        for (unsigned k = 0; k < wanted; k++) {
            unsigned object = random_below(TYPES) * PER_TYPE + random_below(objects);
            if (!carries(made, object)) {
                made->objects[made->count++] = (uint8_t)object;
            }
        }
    }
}

static void check_pairs(const struct world *world)
{
    for (unsigned root = 0; root < 2 * PER_TYPE; root++) {
        bool expected[EVENTS_MAX];
        model_events(world, root, expected);
        assert_memory_equal(world->pairs[root], expected, sizeof expected);
    }
}

static void shuffle(size_t *order, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = random_below((uint32_t)i);
        size_t swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
}

static void graph__any_order_of_any_events__pairs_are_those_of_the_definition(void **state)
{
    (void)state;
    uint64_t cases[4] = {0};
    for (uint64_t seed = 1; seed <= 1000; seed++) {
        static struct world world;
        memset(&world, 0, sizeof world);
        random_state = seed * UINT64_C(0x9e3779b97f4a7c15);
        make_world(&world);
        size_t order[EVENTS_MAX] = {0};
        for (size_t i = 0; i < world.event_count; i++) {
            order[i] = i;
        }
        for (int round = 0; round < 3; round++) {
            struct tw_graph *graph = new_graph(&world.options);
            memset(world.pairs, 0, sizeof world.pairs);
            for (size_t i = 0; i < world.event_count; i++) {
                apply(&world, graph, order[i]);
                if (round == 2 && random_below(8) == 0) {
                    swap_graph(&graph, &world.options);
                }
            }
            check_pairs(&world);
            tw_graph_destroy(&graph);
            shuffle(order, world.event_count);
        }
        for (int i = 0; i < 4; i++) {
            cases[i] += world.cases[i];
        }
    }
    for (int i = 0; i < 4; i++) {
        assert_true(cases[i] > 1000);
    }
}

/* ---- by name -------------------------------------------------------------------------------- */

/* Numbers of objects: of the types above, without the end of a small world. */
static struct tw_graph_added add_now(struct tw_graph *graph, uint64_t n, const unsigned *numbers,
                                     size_t count, int64_t now_s)
{
    struct tw_graph_object objects[TW_GRAPH_CARRIED_MAX];
    struct tw_graph_event event = {.n = n, .match = 1};
    struct tw_graph_added added = {0};
    for (size_t i = 0; i < count; i++) {
        objects[i] = object_of(numbers[i]);
    }
    assert_int_equal(
        tw_graph_add(graph, &event, objects, count, (tw_wall_t){now_s * TW_NS_PER_S}, &added),
        TW_OK);
    return added;
}

#define ADD(graph, n, ...)                                 \
    add_now((graph), (n), (const unsigned[]){__VA_ARGS__}, \
            sizeof((const unsigned[]){__VA_ARGS__}) / sizeof(unsigned), 1000)

static size_t reached(struct tw_graph *graph, uint16_t type, const struct tw_graph_root **ret_roots)
{
    size_t count = 0;
    assert_int_equal(tw_graph_reached(graph, type, ret_roots, &count), TW_OK);
    return count;
}

static size_t count_events(struct tw_graph *graph, unsigned number)
{
    const struct tw_graph_event *events = NULL;
    size_t count = 0;
    struct tw_graph_object object = object_of(number);
    uint32_t index = tw_graph_find(graph, &object);
    assert_int_not_equal(index, TW_GRAPH_NONE);
    assert_int_equal(tw_graph_events(graph, index, &events, &count), TW_OK);
    return count;
}

static uint32_t find(const struct tw_graph *graph, unsigned number)
{
    struct tw_graph_object object = object_of(number);
    return tw_graph_find(graph, &object);
}

static uint64_t stat_objects(const struct tw_graph *graph)
{
    struct tw_graph_stats stats;
    tw_graph_stats(graph, &stats);
    return stats.objects;
}

/* Names for numbers: type 0 and 1 are roots. */
enum { ORDER_A = 0, ORDER_B = 1, SALE_A = 6, PARCEL_A = 12, PARCEL_B = 13, TRACE_A = 18 };

static void graph_new__option_out_of_range__is_refused(void **state)
{
    (void)state;
    const struct tw_graph_options good = options_of(1, 1, 1);
    struct tw_graph *graph = NULL;
    for (int i = 0; i < 11; i++) {
        struct tw_graph_options options = good;
        switch (i) {
        case 0:
            options.max_hops = 0;
            break;
        case 1:
            options.max_hops = TW_GRAPH_HOPS_MAX + 1;
            break;
        case 2:
            options.max_links = 0;
            break;
        case 3:
            options.max_links = TW_GRAPH_LINKS_MAX + 1;
            break;
        case 4:
            options.max_events = 0;
            break;
        case 5:
            options.max_events = TW_GRAPH_EVENTS_MAX + 1;
            break;
        case 6:
            options.linger_s = 0;
            break;
        case 7:
            options.linger_s = TW_GRAPH_LINGER_S_MAX + 1;
            break;
        case 8:
            options.max_objects = 0;
            break;
        case 9:
            options.max_objects = TW_GRAPH_OBJECTS_MAX + 1;
            break;
        default:
            options.root_type_count = TW_GRAPH_ROOTS_MAX + 1;
            break;
        }
        assert_int_equal(tw_graph_new(&options, &graph), TW_EINVAL);
    }
    const struct tw_graph_options most = {.max_hops = TW_GRAPH_HOPS_MAX,
                                          .max_links = TW_GRAPH_LINKS_MAX,
                                          .max_events = TW_GRAPH_EVENTS_MAX,
                                          .linger_s = TW_GRAPH_LINGER_S_MAX,
                                          .max_objects = TW_GRAPH_OBJECTS_MAX};
    assert_int_equal(tw_graph_new(&most, &graph), TW_OK);
    tw_graph_destroy(&graph);
    tw_graph_destroy(&graph); /* accepts NULL */
}

static void graph_key__scope_and_id__borders_do_not_move(void **state)
{
    (void)state;
    struct tw_graph_key a = tw_graph_key(1, 1, TW_STR_LIT("00"), TW_STR_LIT("42"));
    const struct tw_graph_key others[] = {
        tw_graph_key(2, 1, TW_STR_LIT("00"), TW_STR_LIT("42")),
        tw_graph_key(1, 2, TW_STR_LIT("00"), TW_STR_LIT("42")),
        tw_graph_key(1, 1, TW_STR_LIT("0"), TW_STR_LIT("042")),
        tw_graph_key(1, 1, TW_STR_LIT(""), TW_STR_LIT("0042")),
        tw_graph_key(1, 1, TW_STR_LIT("42"), TW_STR_LIT("00")),
    };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        assert_true(others[i].low != a.low && others[i].high != a.high);
    }
    struct tw_graph_key again = tw_graph_key(1, 1, TW_STR_LIT("00"), TW_STR_LIT("42"));
    assert_true(again.low == a.low && again.high == a.high);
}

static void graph_add__shared_parcel__reaches_both_orders_and_joins_neither(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(3, 10, 100);
    struct tw_graph *graph = new_graph(&options);
    const struct tw_graph_root *roots = NULL;
    assert_false(ADD(graph, 1, ORDER_A).is_linking);
    assert_int_equal(reached(graph, 0, &roots), 1);
    assert_false(roots[0].is_anew);
    (void)ADD(graph, 2, ORDER_B);
    assert_true(ADD(graph, 3, ORDER_A, PARCEL_A).is_kept);
    (void)ADD(graph, 4, ORDER_B, PARCEL_A);
    (void)ADD(graph, 5, PARCEL_A);
    assert_int_equal(reached(graph, 0, &roots), 2);
    assert_int_equal(count_events(graph, ORDER_A), 4); /* not 2, that is of order B alone */
    assert_int_equal(count_events(graph, ORDER_B), 4);
    tw_graph_destroy(&graph);
}

static void graph_add__late_link__roots_are_to_be_folded_anew(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(3, 10, 100);
    struct tw_graph *graph = new_graph(&options);
    const struct tw_graph_root *roots = NULL;
    (void)ADD(graph, 1, PARCEL_A);
    (void)ADD(graph, 2, ORDER_A);
    assert_true(ADD(graph, 3, PARCEL_A, ORDER_A).is_linking);
    assert_int_equal(reached(graph, 0, &roots), 1);
    assert_true(roots[0].is_anew);
    assert_int_equal(count_events(graph, ORDER_A), 3);
    assert_false(ADD(graph, 4, PARCEL_A, ORDER_A).is_linking); /* the same again */
    assert_int_equal(reached(graph, 0, &roots), 1);
    assert_false(roots[0].is_anew);
    /* a new root beside what is known */
    assert_true(ADD(graph, 5, PARCEL_A, ORDER_B).is_linking);
    assert_int_equal(reached(graph, 0, &roots), 2);
    assert_int_equal(roots[0].is_anew + roots[1].is_anew, 1);
    assert_int_equal(count_events(graph, ORDER_B), 4);
    tw_graph_destroy(&graph);
}

static void graph_add__nothing_matched_nothing_linked__is_not_kept(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(3, 10, 100);
    struct tw_graph *graph = new_graph(&options);
    struct tw_graph_object objects[] = {object_of(PARCEL_A), object_of(ORDER_A)};
    struct tw_graph_event event = {.n = 1};
    struct tw_graph_added added;
    tw_wall_t now = {0};
    assert_int_equal(tw_graph_add(graph, &event, objects, 1, now, &added), TW_OK);
    assert_false(added.is_kept);
    assert_int_equal(tw_graph_add(graph, &event, objects, 2, now, &added), TW_OK);
    assert_true(added.is_kept); /* it is the link */
    assert_int_equal(tw_graph_add(graph, &event, objects, 2, now, &added), TW_OK);
    assert_false(added.is_kept);
    assert_int_equal(tw_graph_add(graph, &event, objects, 0, now, &added), TW_OK);
    assert_false(added.is_kept);
    assert_int_equal(count_events(graph, ORDER_A), 0);
    /* twice in one event is once; types past the codes that fit are none */
    objects[1] = objects[0];
    assert_int_equal(tw_graph_add(graph, &event, objects, 2, now, &added), TW_OK);
    assert_false(added.is_kept);
    objects[1] = (struct tw_graph_object){{1, 1}, 4096};
    assert_int_equal(tw_graph_add(graph, &event, objects, 2, now, &added), TW_OK);
    assert_int_equal(stat_objects(graph), 2);
    tw_graph_destroy(&graph);
}

static void graph_add__link_past_max_links__makes_a_hub_and_disturbs(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(3, 2, 100);
    struct tw_graph *graph = new_graph(&options);
    const struct tw_graph_root *roots = NULL;
    (void)ADD(graph, 1, ORDER_A, PARCEL_A);
    (void)ADD(graph, 2, PARCEL_A);
    (void)ADD(graph, 3, ORDER_B, PARCEL_A);
    assert_false(tw_graph_is_hub(graph, find(graph, PARCEL_A)));
    assert_int_equal(count_events(graph, ORDER_A), 3);
    /* the third neighbour */
    assert_int_equal(ADD(graph, 4, TRACE_A, PARCEL_A).fresh_hubs, 1);
    assert_true(tw_graph_is_hub(graph, find(graph, PARCEL_A)));
    assert_int_equal(reached(graph, 0, &roots), 2);
    assert_true(roots[0].is_anew && !roots[0].is_reached);
    assert_true(roots[1].is_anew && !roots[1].is_reached);
    assert_int_equal(count_events(graph, ORDER_A), 1);
    assert_int_equal(count_events(graph, ORDER_B), 1);
    assert_int_equal(ADD(graph, 5, PARCEL_A).fresh_hubs, 0);
    assert_int_equal(reached(graph, 0, &roots), 0);
    /* a neighbour of the hub is counted once */
    for (uint64_t n = 6; n < 12; n++) {
        (void)ADD(graph, n, ORDER_A, PARCEL_A);
    }
    assert_false(tw_graph_is_hub(graph, find(graph, ORDER_A)));
    tw_graph_destroy(&graph);
}

static void graph_add__more_than_max_events__is_a_hub_that_keeps_no_more(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(3, 10, 5);
    struct tw_graph *graph = new_graph(&options);
    struct tw_graph_stats stats;
    const struct tw_graph_root *roots = NULL;
    for (uint64_t n = 1; n <= 20; n++) {
        (void)ADD(graph, n, ORDER_A);
        assert_int_equal(tw_graph_is_hub(graph, find(graph, ORDER_A)), n > 5);
        assert_int_equal(reached(graph, 0, &roots), 1); /* its own events go on */
        assert_int_equal(roots[0].is_anew, n == 6);
    }
    assert_int_equal(count_events(graph, ORDER_A), 6);
    tw_graph_stats(graph, &stats);
    assert_int_equal(stats.events, 6);
    /* one that is no root keeps none */
    for (uint64_t n = 21; n <= 40; n++) {
        (void)ADD(graph, n, PARCEL_A);
    }
    tw_graph_stats(graph, &stats);
    assert_int_equal(stats.events, 6);
    assert_int_equal(stats.hubs, 2);
    tw_graph_destroy(&graph);
}

static void graph_reached__max_hops__is_the_edge(void **state)
{
    (void)state;
    for (uint32_t hops = 1; hops <= 3; hops++) {
        struct tw_graph_options options = options_of(hops, 10, 100);
        struct tw_graph *graph = new_graph(&options);
        const struct tw_graph_root *roots = NULL;
        (void)ADD(graph, 1, ORDER_A, PARCEL_A);
        (void)ADD(graph, 2, PARCEL_A, PARCEL_B);
        (void)ADD(graph, 3, PARCEL_B, TRACE_A);
        (void)ADD(graph, 4, TRACE_A);
        assert_int_equal(reached(graph, 0, &roots), hops >= 3);
        assert_int_equal(count_events(graph, ORDER_A), hops + 1);
        tw_graph_destroy(&graph);
    }
}

static void graph_add__carried_max__links_all_of_them(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(1, TW_GRAPH_CARRIED_MAX - 1, 100);
    struct tw_graph *graph = new_graph(&options);
    unsigned numbers[TW_GRAPH_CARRIED_MAX];
    for (unsigned i = 0; i < TW_GRAPH_CARRIED_MAX; i++) {
        numbers[i] = i;
    }
    assert_int_equal(add_now(graph, 1, numbers, TW_GRAPH_CARRIED_MAX, 1000).fresh_hubs, 0);
    numbers[0] = TW_GRAPH_CARRIED_MAX;
    /* all but the new one have one neighbour too many now */
    assert_int_equal(add_now(graph, 2, numbers, TW_GRAPH_CARRIED_MAX, 1000).fresh_hubs,
                     TW_GRAPH_CARRIED_MAX - 1);
    tw_graph_destroy(&graph);
}

static void graph_reached__more_than_the_walk_allows__is_cut_and_counted(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(2, TW_GRAPH_LINKS_MAX, TW_GRAPH_EVENTS_MAX);
    struct tw_graph *graph = new_graph(&options);
    struct tw_graph_stats stats;
    const struct tw_graph_root *roots = NULL;
    uint64_t n = 0;
    /* a parcel that links more orders than a walk may look at, two slots each */
    for (unsigned i = 0; i <= TW_GRAPH_WALK_MAX / 2; i++) {
        (void)ADD(graph, ++n, PARCEL_A, OBJECTS + i * OBJECTS);
    }
    tw_graph_stats(graph, &stats);
    assert_int_equal(stats.cuts, 0);
    (void)ADD(graph, ++n, PARCEL_A);
    assert_int_equal(reached(graph, 0, &roots), TW_GRAPH_WALK_MAX / 2);
    tw_graph_stats(graph, &stats);
    assert_int_equal(stats.cuts, 1);
    tw_graph_destroy(&graph);
}

/* ---- forgetting ----------------------------------------------------------------------------- */

static uint32_t forgotten_users;
static void on_forget(void *context, uint32_t object, uint32_t user)
{
    (void)object;
    *(uint32_t *)context += user;
}

static tw_wall_t at_s(int64_t s)
{
    return (tw_wall_t){s * TW_NS_PER_S};
}

static void graph_forget__linger_after_the_last_event__is_forgotten(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(3, 10, 100);
    options.on_forget = on_forget;
    options.context = &forgotten_users;
    forgotten_users = 0;
    struct tw_graph *graph = new_graph(&options);
    struct tw_graph_stats stats;
    (void)ADD(graph, 1, ORDER_A, PARCEL_A);
    (void)add_now(graph, 2, (const unsigned[]){PARCEL_A}, 1, 1300);
    tw_graph_set_user(graph, find(graph, ORDER_A), 5);
    tw_graph_forget(graph, at_s(1599));
    assert_int_equal(stat_objects(graph), 2);
    tw_graph_forget(graph, at_s(1600));
    assert_int_equal(find(graph, ORDER_A), TW_GRAPH_NONE);
    assert_int_not_equal(find(graph, PARCEL_A), TW_GRAPH_NONE);
    assert_int_equal(forgotten_users, 5);
    tw_graph_stats(graph, &stats);
    assert_int_equal(stats.events, 2);
    tw_graph_forget(graph, at_s(1899));
    assert_int_equal(stat_objects(graph), 1);
    tw_graph_forget(graph, at_s(1900));
    tw_graph_stats(graph, &stats);
    assert_int_equal(stats.objects, 0);
    assert_int_equal(stats.events, 0);
    assert_int_equal(forgotten_users, 5); /* the parcel had no user */
    tw_graph_destroy(&graph);
}

static void graph_forget__open_run__holds_what_it_reaches(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(2, 10, 100);
    struct tw_graph *graph = new_graph(&options);
    (void)ADD(graph, 1, ORDER_A, PARCEL_A);
    (void)ADD(graph, 2, PARCEL_A, PARCEL_B);
    (void)ADD(graph, 3, PARCEL_B, TRACE_A); /* too far from the order */
    tw_graph_hold(graph, find(graph, ORDER_A), true);
    tw_graph_hold(graph, find(graph, ORDER_A), true); /* once is enough */
    tw_graph_forget(graph, at_s(1600));
    assert_int_equal(stat_objects(graph), 3);
    assert_int_equal(find(graph, TRACE_A), TW_GRAPH_NONE);
    assert_int_equal(count_events(graph, ORDER_A), 3);
    tw_graph_forget(graph, at_s(100000));
    assert_int_equal(stat_objects(graph), 3);
    tw_graph_hold(graph, find(graph, ORDER_A), false);
    tw_graph_forget(graph, at_s(100599));
    assert_int_equal(stat_objects(graph), 3);
    tw_graph_forget(graph, at_s(100600));
    assert_int_equal(stat_objects(graph), 0);
    tw_graph_destroy(&graph);
}

static void graph_forget__hub__is_one_as_long_as_a_neighbour_is_remembered(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(2, 1, 100);
    struct tw_graph *graph = new_graph(&options);
    (void)ADD(graph, 1, ORDER_A, PARCEL_A);
    (void)ADD(graph, 2, ORDER_B, PARCEL_A); /* a hub now */
    (void)ADD(graph, 3, SALE_A, TRACE_A);
    (void)ADD(graph, 4, SALE_A, PARCEL_B); /* a hub that is a root */
    tw_graph_hold(graph, find(graph, ORDER_A), true);
    tw_graph_hold(graph, find(graph, TRACE_A), true);
    tw_graph_forget(graph, at_s(1600));
    assert_int_equal(find(graph, ORDER_B), TW_GRAPH_NONE);
    assert_true(tw_graph_is_hub(graph, find(graph, PARCEL_A)));
    assert_true(tw_graph_is_hub(graph, find(graph, SALE_A)));
    assert_int_equal(find(graph, PARCEL_B), TW_GRAPH_NONE);
    tw_graph_hold(graph, find(graph, ORDER_A), false);
    tw_graph_hold(graph, find(graph, TRACE_A), false);
    tw_graph_forget(graph, at_s(2200));
    tw_graph_forget(graph, at_s(2800));
    assert_int_equal(stat_objects(graph), 0);
    tw_graph_destroy(&graph);
}

static void graph_add__max_objects__makes_room_or_refuses(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(2, 10, 100);
    options.max_objects = 3;
    struct tw_graph *graph = new_graph(&options);
    struct tw_graph_stats stats;
    (void)add_now(graph, 1, (const unsigned[]){ORDER_A}, 1, 1000);
    (void)add_now(graph, 2, (const unsigned[]){ORDER_B}, 1, 1001);
    (void)add_now(graph, 3, (const unsigned[]){PARCEL_A}, 1, 1002);
    (void)add_now(graph, 4, (const unsigned[]){ORDER_A}, 1, 1003);
    /* the oldest, by its last event, goes */
    (void)add_now(graph, 5, (const unsigned[]){PARCEL_B}, 1, 1004);
    assert_int_equal(find(graph, ORDER_B), TW_GRAPH_NONE);
    assert_int_not_equal(find(graph, ORDER_A), TW_GRAPH_NONE);
    tw_graph_stats(graph, &stats);
    assert_int_equal(stats.evicted, 1);
    assert_int_equal(stats.objects, 3);
    tw_graph_hold(graph, find(graph, ORDER_A), true);
    tw_graph_hold(graph, find(graph, PARCEL_A), true);
    tw_graph_hold(graph, find(graph, PARCEL_B), true);
    struct tw_graph_object objects[] = {object_of(ORDER_A), object_of(SALE_A)};
    struct tw_graph_event event = {.n = 6, .match = 1};
    struct tw_graph_added added;
    assert_int_equal(tw_graph_add(graph, &event, objects, 2, at_s(1005), &added), TW_ELIMIT);
    tw_graph_hold(graph, find(graph, PARCEL_B), false);
    /* room for one of two: the first is given back */
    objects[0] = object_of(TRACE_A);
    assert_int_equal(tw_graph_add(graph, &event, objects, 2, at_s(1006), &added), TW_ELIMIT);
    tw_graph_stats(graph, &stats);
    assert_int_equal(stats.refused, 2);
    assert_int_equal(stats.objects, 2);
    assert_int_equal(tw_graph_add(graph, &event, objects, 1, at_s(1007), &added), TW_OK);
    swap_graph(&graph, &options);
    tw_graph_destroy(&graph);
}

/* ---- snapshots, replay ---------------------------------------------------------------------- */

/* A life with everything in it: links, hubs, holding, forgetting, eviction. */
static void live(struct tw_graph *graph, int step)
{
    random_state = ((uint64_t)step + 1) * UINT64_C(0x9e3779b97f4a7c15);
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
        random_state = (at + 1) * UINT64_C(0x9e3779b97f4a7c15);
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
        allocations_left = fails;
        err = short_life(&graph);
        allocations_left = -1;
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
        allocations_left = fails;
        err = tw_graph_restore(graph, &cursor, 2);
        allocations_left = -1;
        assert_true(err == TW_OK || err == TW_ENOMEM);
        assert_int_equal(stat_objects(graph) == 0, err != TW_OK);
        tw_graph_destroy(&graph);
    }
    tw_buf_fini(&buf);
}

/* What the header promises of a sale of six events and two objects. */
static void graph_stats__bytes_of_a_sale__are_fewer_than_400(void **state)
{
    (void)state;
    enum { SALES = 300000 };
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
    assert_true(stats.bytes / SALES < 400);
    tw_graph_destroy(&graph);
}

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(graph__any_order_of_any_events__pairs_are_those_of_the_definition),
        cmocka_unit_test(graph_new__option_out_of_range__is_refused),
        cmocka_unit_test(graph_key__scope_and_id__borders_do_not_move),
        cmocka_unit_test(graph_add__shared_parcel__reaches_both_orders_and_joins_neither),
        cmocka_unit_test(graph_add__late_link__roots_are_to_be_folded_anew),
        cmocka_unit_test(graph_add__nothing_matched_nothing_linked__is_not_kept),
        cmocka_unit_test(graph_add__link_past_max_links__makes_a_hub_and_disturbs),
        cmocka_unit_test(graph_add__more_than_max_events__is_a_hub_that_keeps_no_more),
        cmocka_unit_test(graph_reached__max_hops__is_the_edge),
        cmocka_unit_test(graph_add__carried_max__links_all_of_them),
        cmocka_unit_test(graph_reached__more_than_the_walk_allows__is_cut_and_counted),
        cmocka_unit_test(graph_forget__linger_after_the_last_event__is_forgotten),
        cmocka_unit_test(graph_forget__open_run__holds_what_it_reaches),
        cmocka_unit_test(graph_forget__hub__is_one_as_long_as_a_neighbour_is_remembered),
        cmocka_unit_test(graph_add__max_objects__makes_room_or_refuses),
        cmocka_unit_test(graph_restore__in_the_midst_of_a_life__ends_as_if_it_had_not_been),
        cmocka_unit_test(graph_restore__any_damage__is_refused_or_harmless),
        cmocka_unit_test(graph_restore__too_many_objects_or_unknown_matches__is_refused),
        cmocka_unit_test(graph__allocation_fails__says_so_and_leaks_nothing),
        cmocka_unit_test(graph_restore__allocation_fails__leaves_it_empty),
        cmocka_unit_test(graph_stats__bytes_of_a_sale__are_fewer_than_400),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
