/* SPDX-License-Identifier: Apache-2.0
 * track/graph: which events reach which roots, against a naive model of the definition in
 * track/graph.h; every bound; forgetting. */
#include "config.h"

#include "graph_kit.h"

#include <stdlib.h>

#include "core/err.h"

/* ---- a small world -------------------------------------------------------------------------- */

#define EVENTS_MAX 48

struct made {
    uint8_t match;
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

/* Match 1 is of runs of both types, 2 and 3 of one; 0 of none. */
static bool concerns(void *context, uint32_t match, uint16_t type)
{
    (void)context;
    return match == 1 || match == type + 2u;
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

static bool names_type(const struct made *event, unsigned type)
{
    for (unsigned i = 0; i < event->count; i++) {
        if (event->objects[i] / PER_TYPE == type) {
            return true;
        }
    }
    return false;
}

/* The events that reach a root: sets of objects, hop by hop. */
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
                const struct made *event = &world->events[i];
                events[i] = events[i] || (carries(event, at) &&
                                          (at == root || !names_type(event, root / PER_TYPE)));
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
        events[i] =
            events[i] && concerns(NULL, world->events[i].match, (uint16_t)(root / PER_TYPE));
    }
}

/* ---- what a tracker does -------------------------------------------------------------------- */

static void fold_root(struct world *world, struct tw_graph *graph, size_t event,
                      const struct tw_graph_root *root)
{
    unsigned number = number_of(graph, root->object);
    uint16_t type = (uint16_t)(number / PER_TYPE);
    if (tw_graph_user(graph, root->object) == TW_GRAPH_NONE) {
        tw_graph_set_user(graph, root->object, number);
    }
    assert_int_equal(tw_graph_user(graph, root->object), number);
    assert_true(root->is_reached || root->is_anew);
    if (!root->is_anew) {
        world->cases[0]++;
        world->pairs[number][event] = concerns(NULL, world->events[event].match, type);
        return;
    }
    world->cases[root->is_reached ? 1 : 2]++;
    const struct tw_graph_event *events = NULL;
    size_t count = 0;
    assert_int_equal(tw_graph_events(graph, root->object, &events, &count), TW_OK);
    memset(world->pairs[number], 0, sizeof world->pairs[number]);
    for (size_t i = 0; i < count; i++) {
        assert_false(world->pairs[number][events[i].n - 1]); /* each once */
        world->pairs[number][events[i].n - 1] = concerns(NULL, events[i].match, type);
        assert_int_equal(events[i].time.ns, (int64_t)events[i].n * 5);
        assert_int_equal(events[i].place, events[i].n % 2 + 100);
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
                                   .match = made->match,
                                   .place = (uint32_t)(event + 1) % 2 + 100,
                                   .cause = (uint8_t)((event + 1) % 5)};
    struct tw_graph_added added;
    tw_wall_t now = {1000 * TW_NS_PER_S};
    tw_graph_prefetch_slots(graph, objects, made->count);
    tw_graph_prefetch_objects(graph, objects, made->count);
    tw_graph_prefetch_events(graph, objects, made->count);
    assert_int_equal(tw_graph_add(graph, &given, objects, made->count, now, &added), TW_OK);
    world->cases[3] += added.fresh_hubs;
    for (uint16_t type = 0; type < 2; type++) {
        assert_true(added.is_linking || !tw_graph_is_linking(graph, type));
        if (!concerns(NULL, made->match, type) && !tw_graph_is_linking(graph, type)) {
            continue;
        }
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
    world->options.concerns = random_below(4) != 0 ? concerns : NULL;
    world->event_count = 1 + random_below(EVENTS_MAX);
    for (size_t i = 0; i < world->event_count; i++) {
        struct made *made = &world->events[i];
        made->match = (uint8_t)random_below(4);
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
        gk_random = seed * UINT64_C(0x9e3779b97f4a7c15);
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

static size_t reached(struct tw_graph *graph, uint16_t type, const struct tw_graph_root **ret_roots)
{
    size_t count = 0;
    assert_int_equal(tw_graph_reached(graph, type, ret_roots, &count), TW_OK);
    return count;
}

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
    assert_int_equal(count_events(graph, ORDER_A), 3); /* not 2 and 4, those are of order B alone */
    assert_int_equal(count_events(graph, ORDER_B), 3);
    tw_graph_destroy(&graph);
}

static void graph_add__event_names_a_root__reaches_no_other(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(3, 10, 100);
    struct tw_graph *graph = new_graph(&options);
    const struct tw_graph_root *roots = NULL;
    (void)ADD(graph, 1, ORDER_A, TRACE_A);
    assert_true(ADD(graph, 2, ORDER_B, TRACE_A).is_linking);
    assert_int_equal(reached(graph, 0, &roots), 1);
    assert_true(roots[0].is_anew && roots[0].is_reached); /* the trace may have events of its own */
    assert_false(tw_graph_is_linking(graph, 1)); /* to roots of another type nothing has changed */
    (void)ADD(graph, 3, ORDER_A, TRACE_A);
    assert_int_equal(reached(graph, 0, &roots), 1);
    assert_true(roots[0].object == find(graph, ORDER_A) && !roots[0].is_anew);
    /* to roots of another type it goes over links, whatever it names */
    assert_true(ADD(graph, 4, SALE_A, TRACE_A).is_linking);
    assert_false(tw_graph_is_linking(graph, 0));
    (void)ADD(graph, 5, ORDER_B, TRACE_A);
    assert_int_equal(reached(graph, 1, &roots), 1);
    (void)ADD(graph, 6, TRACE_A); /* names none */
    assert_int_equal(reached(graph, 0, &roots), 2);
    assert_int_equal(count_events(graph, ORDER_A), 4); /* 1, 3, 4, 6 */
    assert_int_equal(count_events(graph, ORDER_B), 4);
    assert_int_equal(count_events(graph, SALE_A), 6);
    tw_graph_destroy(&graph);
}

static void graph_add__named_root_joins_what_others_know__they_are_folded_anew(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(3, 10, 100);
    struct tw_graph *graph = new_graph(&options);
    const struct tw_graph_root *roots = NULL;
    (void)ADD(graph, 1, ORDER_A, TRACE_A);
    (void)ADD(graph, 2, PARCEL_A);
    assert_true(ADD(graph, 3, ORDER_B, TRACE_A, PARCEL_A).is_linking);
    assert_int_equal(reached(graph, 0, &roots), 2);
    for (int i = 0; i < 2; i++) {
        assert_true(roots[i].is_anew);
        assert_int_equal(roots[i].is_reached, roots[i].object == find(graph, ORDER_B));
    }
    assert_int_equal(count_events(graph, ORDER_A), 2); /* 2 over the link that 3 made, not 3 */
    assert_int_equal(count_events(graph, ORDER_B), 2);
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
    assert_int_equal(reached(graph, 0, &roots), 1);
    assert_true(roots[0].is_anew);
    assert_int_equal(count_events(graph, ORDER_B), 2); /* 1 and 5 */
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
    assert_int_equal(count_events(graph, ORDER_A), 2);
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

static void graph_forget__named_root__its_events_stay_its_own(void **state)
{
    (void)state;
    struct tw_graph_options options = options_of(3, 10, 100);
    struct tw_graph *graph = new_graph(&options);
    (void)add_now(graph, 1, (const unsigned[]){ORDER_A, TRACE_A}, 2, 1000);
    (void)add_now(graph, 2, (const unsigned[]){SALE_A, TRACE_A}, 2, 1000);
    (void)add_now(graph, 3, (const unsigned[]){ORDER_B, TRACE_A}, 2, 1300);
    tw_graph_forget(graph, at_s(1600));
    assert_int_equal(find(graph, ORDER_A), TW_GRAPH_NONE);
    assert_int_equal(find(graph, SALE_A), TW_GRAPH_NONE);
    assert_int_equal(count_events(graph, ORDER_B), 2); /* 1 named another order, 2 none */
    swap_graph(&graph, &options);
    assert_int_equal(count_events(graph, ORDER_B), 2);
    /* back again, it is another object */
    (void)add_now(graph, 4, (const unsigned[]){ORDER_A, TRACE_A}, 2, 1600);
    assert_int_equal(count_events(graph, ORDER_A), 2);
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

int main(void)
{
    const struct CMUnitTest cases[] = {
        cmocka_unit_test(graph__any_order_of_any_events__pairs_are_those_of_the_definition),
        cmocka_unit_test(graph_new__option_out_of_range__is_refused),
        cmocka_unit_test(graph_key__scope_and_id__borders_do_not_move),
        cmocka_unit_test(graph_add__shared_parcel__reaches_both_orders_and_joins_neither),
        cmocka_unit_test(graph_add__event_names_a_root__reaches_no_other),
        cmocka_unit_test(graph_add__named_root_joins_what_others_know__they_are_folded_anew),
        cmocka_unit_test(graph_add__late_link__roots_are_to_be_folded_anew),
        cmocka_unit_test(graph_add__nothing_matched_nothing_linked__is_not_kept),
        cmocka_unit_test(graph_add__link_past_max_links__makes_a_hub_and_disturbs),
        cmocka_unit_test(graph_add__more_than_max_events__is_a_hub_that_keeps_no_more),
        cmocka_unit_test(graph_reached__max_hops__is_the_edge),
        cmocka_unit_test(graph_add__carried_max__links_all_of_them),
        cmocka_unit_test(graph_reached__more_than_the_walk_allows__is_cut_and_counted),
        cmocka_unit_test(graph_forget__linger_after_the_last_event__is_forgotten),
        cmocka_unit_test(graph_forget__open_run__holds_what_it_reaches),
        cmocka_unit_test(graph_forget__named_root__its_events_stay_its_own),
        cmocka_unit_test(graph_forget__hub__is_one_as_long_as_a_neighbour_is_remembered),
        cmocka_unit_test(graph_add__max_objects__makes_room_or_refuses),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
