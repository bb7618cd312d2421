/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "graph_kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/err.h"

uint64_t gk_random;

long gk_allocations_left = -1;
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
    if (gk_allocations_left < 0) {
        return false;
    }
    return gk_allocations_left == 0 || --gk_allocations_left < 0;
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

uint32_t random_below(uint32_t limit)
{
    gk_random ^= gk_random << 13;
    gk_random ^= gk_random >> 7;
    gk_random ^= gk_random << 17;
    return (uint32_t)((gk_random >> 20) % limit);
}

static const uint16_t root_types[] = {0, 1};

struct tw_graph_object object_of(unsigned number)
{
    char id[16];
    int len = snprintf(id, sizeof id, "%u", number);
    uint16_t type = (uint16_t)(number / PER_TYPE % TYPES);
    return (struct tw_graph_object){
        tw_graph_key(7, type, TW_STR_LIT(""), (struct tw_str){id, (size_t)len}), type};
}

struct tw_graph_options options_of(uint32_t hops, uint32_t links, uint32_t events)
{
    return (struct tw_graph_options){.max_hops = hops,
                                     .max_links = links,
                                     .max_events = events,
                                     .linger_s = 600,
                                     .max_objects = 1000000,
                                     .root_types = root_types,
                                     .root_type_count = 2};
}

struct tw_graph *new_graph(const struct tw_graph_options *options)
{
    struct tw_graph *graph = NULL;
    assert_int_equal(tw_graph_new(options, &graph), TW_OK);
    return graph;
}

void swap_graph(struct tw_graph **graph_p, const struct tw_graph_options *options)
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
    assert_int_equal(tw_graph_restore(*graph_p, &cursor, 4), TW_OK);
    assert_true(cursor.p == cursor.end);
    tw_graph_stats(*graph_p, &after);
    assert_int_equal(before.objects, after.objects);
    assert_int_equal(before.events, after.events);
    assert_int_equal(before.hubs, after.hubs);
    assert_int_equal(before.held, after.held);
    tw_buf_fini(&buf);
}

struct tw_graph_added add_now(struct tw_graph *graph, uint64_t n, const unsigned *numbers,
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

size_t count_events(struct tw_graph *graph, unsigned number)
{
    const struct tw_graph_event *events = NULL;
    size_t count = 0;
    struct tw_graph_object object = object_of(number);
    uint32_t index = tw_graph_find(graph, &object);
    assert_int_not_equal(index, TW_GRAPH_NONE);
    assert_int_equal(tw_graph_events(graph, index, &events, &count), TW_OK);
    return count;
}

uint32_t find(const struct tw_graph *graph, unsigned number)
{
    struct tw_graph_object object = object_of(number);
    return tw_graph_find(graph, &object);
}

uint64_t stat_objects(const struct tw_graph *graph)
{
    struct tw_graph_stats stats;
    tw_graph_stats(graph, &stats);
    return stats.objects;
}

tw_wall_t at_s(int64_t s)
{
    return (tw_wall_t){s * TW_NS_PER_S};
}
