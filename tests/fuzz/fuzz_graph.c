/* SPDX-License-Identifier: Apache-2.0
 * The saved graph of tracking: 'r', then bytes that are restored as they are; 'l', then what a
 * graph lives through, then changes of single bytes of what it saves. What is accepted is lived
 * with, forgotten, saved and restored again, and comes back the same; what is refused leaves the
 * graph empty. */
#include "config.h"

#include <string.h>

#include "core/err.h"
#include "fuzz.h"
#include "track/graph.h"

#define MAX_BYTES ((size_t)4 << 20) /* of a saved graph: the lives here are short */
#define EVENTS    200
#define MATCHES   3
#define FAR_S     100000

struct input {
    const uint8_t *p;
    const uint8_t *end;
};

/* One that goes through a life. */
struct player {
    struct tw_graph *graph;
    uint64_t n;
    int64_t now_s;
};

static uint8_t take(struct input *self)
{
    return self->p < self->end ? *self->p++ : 0;
}

static struct tw_graph *make(void)
{
    static const uint16_t roots[] = {0, 1};
    const struct tw_graph_options options = {.max_hops = 3,
                                             .max_links = 4,
                                             .max_events = 9,
                                             .linger_s = 30,
                                             .max_objects = 40,
                                             .root_types = roots,
                                             .root_type_count = 2};
    struct tw_graph *graph = NULL;
    TW_ASSERT(tw_graph_new(&options, &graph) == TW_OK);
    return graph;
}

static struct tw_graph_object object_of(uint8_t number)
{
    char text = (char)number;
    uint16_t type = number % 4;
    return (struct tw_graph_object){
        tw_graph_key(1, type, TW_STR_LIT(""), (struct tw_str){&text, 1}), type};
}

/* As the tracker asks after an event. */
static void ask(struct tw_graph *graph)
{
    for (uint16_t type = 0; type < 2; type++) {
        const struct tw_graph_root *roots = NULL;
        size_t count = 0;
        uint32_t objects[64];
        (void)tw_graph_is_linking(graph, type); /* must not fail */
        TW_ASSERT(tw_graph_reached(graph, type, &roots, &count) == TW_OK);
        count = count < 64 ? count : 64;
        for (size_t i = 0; i < count; i++) {
            TW_ASSERT(roots[i].is_reached || roots[i].is_anew);
            objects[i] = roots[i].object;
        }
        for (size_t i = 0; i < count; i++) {
            const struct tw_graph_event *events = NULL;
            size_t event_count = 0;
            TW_ASSERT(tw_graph_events(graph, objects[i], &events, &event_count) == TW_OK);
            for (size_t k = 0; k < event_count; k++) {
                TW_ASSERT(events[k].match > 0 && events[k].match < MATCHES);
            }
        }
    }
}

static void add(struct player *self, uint8_t what, struct input *input)
{
    struct tw_graph_object objects[4];
    size_t count = 1 + (what >> 3 & 3);
    for (size_t i = 0; i < count; i++) {
        objects[i] = object_of(take(input) & 63);
    }
    const struct tw_graph_event event = {
        .n = ++self->n, .time = {(int64_t)self->n}, .match = what % MATCHES, .place = what >> 7};
    struct tw_graph_added added;
    int err = tw_graph_add(self->graph, &event, objects, count,
                           (tw_wall_t){self->now_s * TW_NS_PER_S}, &added);
    TW_ASSERT(err == TW_OK || err == TW_ELIMIT);
    if (err == TW_OK) {
        ask(self->graph);
    }
}

static void play(struct player *self, struct input *input)
{
    for (int i = 0; i < EVENTS && input->p < input->end; i++) {
        uint8_t what = take(input);
        if (what == 'x') {
            return; /* the rest is for others */
        }
        if ((what & 7) < 6) {
            add(self, what, input);
        } else if ((what & 7) == 6) {
            self->now_s += what >> 3;
            tw_graph_forget(self->graph, (tw_wall_t){self->now_s * TW_NS_PER_S});
        } else {
            struct tw_graph_object object = object_of(take(input) & 63);
            uint32_t index = tw_graph_find(self->graph, &object);
            if (index != TW_GRAPH_NONE) {
                tw_graph_hold(self->graph, index, (what & 8) != 0);
            }
        }
    }
}

static uint64_t objects_in(const struct tw_graph *graph)
{
    struct tw_graph_stats stats;
    tw_graph_stats(graph, &stats);
    return stats.objects;
}

static void save(struct tw_graph *graph, struct tw_buf *buf)
{
    tw_buf_init(buf, MAX_BYTES);
    TW_ASSERT(tw_graph_save(graph, buf) == TW_OK);
}

/* False: it was refused. */
static bool restore(struct tw_graph *graph, const struct tw_buf *buf)
{
    struct tw_cursor cursor = tw_cursor_of(buf->data, buf->len);
    int err = tw_graph_restore(graph, &cursor, MATCHES);
    TW_ASSERT(err == TW_OK || err == TW_EDAMAGED);
    TW_ASSERT(err == TW_OK || objects_in(graph) == 0);
    return err == TW_OK;
}

/* Save, restore and save again: the same. */
static void check_round_trip(struct tw_graph *graph)
{
    struct tw_buf first;
    struct tw_buf second;
    struct tw_graph *again = make();
    save(graph, &first);
    TW_ASSERT(restore(again, &first));
    save(again, &second);
    TW_ASSERT(first.len == second.len && memcmp(first.data, second.data, first.len) == 0);
    tw_buf_fini(&first);
    tw_buf_fini(&second);
    tw_graph_destroy(&again);
}

/* What is in the buffer, whoever wrote it; then it lives on. */
static void use(const struct tw_buf *buf, struct input input)
{
    struct player player = {.graph = make(), .n = 1000, .now_s = 2000};
    if (restore(player.graph, buf)) {
        check_round_trip(player.graph);
    }
    play(&player, &input);
    check_round_trip(player.graph);
    for (int64_t s = 0; s < 3; s++) { /* what is held stays */
        tw_graph_forget(player.graph, (tw_wall_t){(FAR_S + s * FAR_S) * TW_NS_PER_S});
    }
    tw_graph_destroy(&player.graph);
}

static void change(struct tw_buf *buf, struct input *input)
{
    while (input->end - input->p >= 3) {
        size_t at = (size_t)take(input) << 8;
        at = (at | take(input)) % buf->len;
        buf->data[at] = (char)take(input);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 0 && data[0] == 'r') {
        struct tw_buf buf;
        tw_buf_init(&buf, MAX_BYTES);
        if (tw_buf_append(&buf, data + 1, size - 1) == TW_OK) {
            use(&buf, (struct input){data + 1, data + size});
        }
        tw_buf_fini(&buf);
    } else if (size > 0 && data[0] == 'l') {
        struct input life = {data + 1, data + size};
        struct player player = {.graph = make(), .now_s = 1000};
        struct tw_buf buf;
        play(&player, &life);
        save(player.graph, &buf);
        tw_graph_destroy(&player.graph);
        change(&buf, &life);
        use(&buf, (struct input){data + 1, data + size});
        tw_buf_fini(&buf);
    }
    return 0;
}
