/* SPDX-License-Identifier: Apache-2.0
 * The property that correlation stands on: any permutation, duplication and batching of the same
 * events, with restarts and partition changes anywhere, ends in the same journeys, links,
 * duplicates, gaps and counts. A naive model of the definition is the oracle, and everything is
 * compared whole. Seeds: TW_SEEDS (default 1000), from TW_FIRST_SEED (default 1). */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/lab.h"

#define EVENTS_MAX  64
#define OBJECTS_MAX 48
#define COPIES_MAX  256
#define CARRIED_MAX 5
#define SOURCES     4
#define MAX_LINKS   5
#define MAX_HOPS    3

static const char *const config_yaml =
    "store: {partition-hours: 1}\n"
    "correlate: {max-links: 5, max-hops: 3}\n"
    "taps:\n"
    "  - {name: pull, kind: pull, bind: [\"tcp://127.0.0.1:8461\"]}\n";

/* One object of the little world: attribute and values; the type is known by the journey id. */
struct object {
    const char *attribute;
    char id[24];
    const char *store; /* scope of transactions, else NULL */
    char journey[48];
    int type;
};

struct event {
    int objects[CARRIED_MAX];
    int count;
    const char *garbage; /* a correlation id that says nothing, or NULL */
    const char *store;
    int source;
    uint64_t sequence;
    int variants; /* 1, or 2: a second content under the same identity */
    int copies[2];
};

struct world {
    uint64_t random;
    struct object objects[OBJECTS_MAX];
    int object_count;
    struct event events[EVENTS_MAX];
    int event_count;
    struct {
        int event;
        int variant;
    } copies[COPIES_MAX];
    int copy_count;
};

struct found {
    bool objects[OBJECTS_MAX];
    bool events[EVENTS_MAX];
    bool hubs[OBJECTS_MAX];
};

static uint64_t next_random(struct world *self)
{
    self->random ^= self->random << 13;
    self->random ^= self->random >> 7;
    self->random ^= self->random << 17;
    return self->random;
}

static int below(struct world *self, int bound)
{
    return (int)(next_random(self) % (uint64_t)bound);
}

/* --- the world -------------------------------------------------------------------------------- */

static void add_object(struct world *self, int type, const char *attribute, const char *name,
                       int number, const char *store)
{
    struct object *object = &self->objects[self->object_count++];
    object->attribute = attribute;
    object->type = type;
    object->store = store;
    (void)snprintf(object->id, sizeof object->id, "%d", number);
    (void)snprintf(object->journey, sizeof object->journey, "%s:%s%s%d", name,
                   store == NULL ? "" : store, store == NULL ? "" : "/", number);
}

static void make_objects(struct world *self)
{
    for (int i = 0; i < 6; i++) {
        add_object(self, 0, "orderid", "order", 100 + i, NULL);
    }
    for (int i = 0; i < 4; i++) {
        add_object(self, 1, "shipmentid", "shipment", 100 + i, NULL);
        add_object(self, 2, "returnid", "return", 100 + i, NULL);
        add_object(self, 3, "paymentid", "payment", 100 + i, NULL);
        add_object(self, 4, "correlationid", "correlation", 100 + i, NULL);
    }
    for (int i = 0; i < 3; i++) {
        add_object(self, 5, "transactionid", "transaction", 100 + i, "0001");
        add_object(self, 5, "transactionid", "transaction", 100 + i, "0002");
    }
}

/* Few events carry several objects of one type, as parcels do. */
static void make_event(struct world *self, struct event *event, uint64_t *sequences)
{
    static const char *const garbage[] = {"0", "null", "N/A", "unknown"};
    *event = (struct event){.variants = 1};
    int wanted = below(self, CARRIED_MAX);
    event->store = below(self, 2) == 0 ? "0001" : "0002";
    for (int i = 0; i < wanted; i++) {
        int pick = below(self, self->object_count);
        const struct object *object = &self->objects[pick];
        bool is_there = object->store != NULL && object->store != event->store;
        for (int j = 0; j < event->count; j++) {
            is_there = is_there || event->objects[j] == pick;
        }
        if (!is_there) {
            event->objects[event->count++] = pick;
        }
    }
    event->garbage = below(self, 6) == 0 ? garbage[below(self, 4)] : NULL;
    event->source = below(self, SOURCES);
    sequences[event->source] += below(self, 8) == 0 ? 2 : 1; /* sometimes one is lost */
    event->sequence = sequences[event->source];
    event->variants = below(self, 12) == 0 ? 2 : 1;
    for (int v = 0; v < event->variants; v++) {
        event->copies[v] = 1 + (below(self, 5) == 0 ? below(self, 3) : 0);
    }
}

static void make_world(struct world *self, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
    (void)next_random(self);
    make_objects(self);
    uint64_t sequences[SOURCES] = {0};
    self->event_count = 8 + below(self, EVENTS_MAX - 8);
    for (int i = 0; i < self->event_count; i++) {
        make_event(self, &self->events[i], sequences);
        for (int v = 0; v < self->events[i].variants; v++) {
            for (int c = 0; c < self->events[i].copies[v]; c++) {
                self->copies[self->copy_count].event = i;
                self->copies[self->copy_count++].variant = v;
            }
        }
    }
    TW_ASSERT(self->copy_count <= COPIES_MAX);
    for (int i = self->copy_count - 1; i > 0; i--) {
        int j = below(self, i + 1);
        int event = self->copies[i].event;
        int variant = self->copies[i].variant;
        self->copies[i] = self->copies[j];
        self->copies[j].event = event;
        self->copies[j].variant = variant;
    }
}

static json_t *event_json(const struct world *self, int index, int variant)
{
    const struct event *event = &self->events[index];
    char text[TW_TIME_TEXT_SIZE];
    json_t *json = json_object();
    (void)json_object_set_new(json, "specversion", json_string("1.0"));
    (void)json_object_set_new(json, "id", json_sprintf("e%02d", index));
    (void)json_object_set_new(json, "source", json_sprintf("/pos/%d", event->source));
    (void)json_object_set_new(json, "type", json_string("test.event"));
    (void)json_object_set_new(json, "sequence", json_sprintf("%020" PRIu64, event->sequence));
    tw_wall_format((tw_wall_t){(INT64_C(1795240000) + index) * TW_NS_PER_S}, text);
    (void)json_object_set_new(json, "time", json_string(text));
    (void)json_object_set_new(json, "storeid", json_string(event->store));
    if (variant > 0) {
        (void)json_object_set_new(json, "amount", json_string("99.00"));
    }
    if (event->garbage != NULL) {
        (void)json_object_set_new(json, "correlationid", json_string(event->garbage));
    }
    for (int i = 0; i < event->count; i++) {
        const struct object *object = &self->objects[event->objects[i]];
        const char *before = json_string_value(json_object_get(json, object->attribute));
        json_t *value =
            before == NULL ? json_string(object->id) : json_sprintf("%s %s", before, object->id);
        (void)json_object_set_new(json, object->attribute, value);
    }
    return json;
}

/* --- the model: the definition, naively ------------------------------------------------------- */

static bool carries(const struct event *event, int object)
{
    for (int i = 0; i < event->count; i++) {
        if (event->objects[i] == object) {
            return true;
        }
    }
    return false;
}

static bool is_hub(const struct world *self, int object)
{
    bool neighbours[OBJECTS_MAX] = {false};
    int count = 0;
    for (int e = 0; e < self->event_count; e++) {
        for (int i = 0; carries(&self->events[e], object) && i < self->events[e].count; i++) {
            int other = self->events[e].objects[i];
            if (other != object && !neighbours[other]) {
                neighbours[other] = true;
                count++;
            }
        }
    }
    return count > MAX_LINKS;
}

static void model_journey(const struct world *self, int start, struct found *ret_found)
{
    memset(ret_found, 0, sizeof *ret_found);
    int hops[OBJECTS_MAX];
    for (int i = 0; i < OBJECTS_MAX; i++) {
        hops[i] = -1;
    }
    hops[start] = 0;
    for (int hop = 0; hop <= MAX_HOPS; hop++) {
        for (int o = 0; o < self->object_count; o++) {
            if (hops[o] != hop) {
                continue;
            }
            ret_found->objects[o] = true;
            ret_found->hubs[o] = is_hub(self, o);
            bool is_passed = o == start || (!ret_found->hubs[o] &&
                                            self->objects[o].type != self->objects[start].type);
            bool carries_on = is_passed && !ret_found->hubs[o] && hop < MAX_HOPS;
            for (int e = 0; is_passed && e < self->event_count; e++) {
                if (!carries(&self->events[e], o)) {
                    continue;
                }
                ret_found->events[e] = true;
                for (int i = 0; carries_on && i < self->events[e].count; i++) {
                    int other = self->events[e].objects[i];
                    hops[other] = hops[other] < 0 ? hop + 1 : hops[other];
                }
            }
        }
    }
}

/* --- the real thing --------------------------------------------------------------------------- */

static void send_some(struct world *self, struct lab *lab, int *next)
{
    int count = 1 + (below(self, 3) == 0 ? below(self, 10) : 0);
    json_t *batch = json_array();
    for (int i = 0; i < count && *next < self->copy_count; i++, (*next)++) {
        (void)json_array_append_new(
            batch, event_json(self, self->copies[*next].event, self->copies[*next].variant));
    }
    bool is_single = json_array_size(batch) == 1 && below(self, 2) == 0;
    char *text = json_dumps(is_single ? json_array_get(batch, 0) : batch, JSON_COMPACT);
    (void)lab_message(lab, "pull", NULL, NULL, text, strlen(text));
    free(text);
    json_decref(batch);
}

static void feed(struct world *self, struct lab *lab)
{
    int next = 0;
    while (next < self->copy_count) {
        send_some(self, lab, &next);
        switch (below(self, 12)) {
        case 0:
        case 1:
            lab_commit(lab, below(self, 2) == 0);
            break;
        case 2:
            lab_commit(lab, below(self, 2) == 0);
            tw_clock_manual_advance(&lab->clock, 2 * 3600 * TW_NS_PER_S); /* a new partition */
            break;
        case 3:
            lab_commit(lab, false);
            lab_restart(lab);
            break;
        case 4:
            lab_commit(lab, false);
            lab_seal(lab);
            break;
        default:
            break;
        }
    }
    lab_commit(lab, true);
}

static bool complain(uint64_t seed, const char *what, const char *which, uint64_t expected,
                     uint64_t actual)
{
    if (expected != actual) {
        (void)printf("# seed %" PRIu64 ": %s of %s: expected %" PRIu64 ", is %" PRIu64 "\n", seed,
                     what, which, expected, actual);
    }
    return expected == actual;
}

static bool check_totals(const struct world *self, struct lab *lab, uint64_t seed)
{
    struct tw_store_status status;
    uint64_t conflicts = 0;
    uint64_t uncorrelated = 0;
    uint64_t ignored = 0;
    for (int e = 0; e < self->event_count; e++) {
        conflicts += (uint64_t)self->events[e].variants - 1;
        uncorrelated += self->events[e].count == 0 ? 1 : 0;
        ignored += self->events[e].garbage != NULL ? 1 : 0;
    }
    /* A garbage value and a real one of the same attribute replace or join each other. */
    bool is_ok = tw_reader_status(lab_reader(lab), &status) == TW_OK;
    const uint64_t *totals = status.totals.v;
    uint64_t events = (uint64_t)self->event_count;
    is_ok = complain(seed, "accepted", "all", events, totals[TW_TOTAL_events_accepted]) && is_ok;
    is_ok =
        complain(seed, "conflicts", "all", conflicts, totals[TW_TOTAL_events_conflict]) && is_ok;
    is_ok = complain(seed, "duplicates", "all", (uint64_t)self->copy_count - events - conflicts,
                     totals[TW_TOTAL_events_duplicate]) &&
            is_ok;
    is_ok =
        complain(seed, "uncorrelated", "all", uncorrelated, totals[TW_TOTAL_events_uncorrelated]) &&
        is_ok;
    is_ok = complain(seed, "ignored", "all", ignored, totals[TW_TOTAL_objects_ignored]) && is_ok;
    return complain(seed, "received", "all", (uint64_t)self->copy_count,
                    totals[TW_TOTAL_events_received]) &&
           is_ok;
}

static bool check_sources(const struct world *self, struct lab *lab, uint64_t seed)
{
    const struct tw_source_state *sources = NULL;
    size_t count = 0;
    bool is_ok = tw_reader_sources(lab_reader(lab), &lab->arena, 0, 100, &sources, &count) == TW_OK;
    for (size_t i = 0; is_ok && i < count; i++) {
        int number = sources[i].name.ptr[5] - '0';
        uint64_t low = UINT64_MAX;
        uint64_t high = 0;
        uint64_t seen = 0;
        for (int e = 0; e < self->event_count; e++) {
            if (self->events[e].source == number) {
                uint64_t sequence = self->events[e].sequence;
                low = sequence < low ? sequence : low;
                high = sequence > high ? sequence : high;
                seen++;
            }
        }
        uint64_t in_gaps = 0;
        for (uint32_t g = 0; g < sources[i].gap_count; g++) {
            for (int e = 0; e < self->event_count; e++) {
                is_ok = is_ok && !(self->events[e].source == number &&
                                   self->events[e].sequence >= sources[i].gaps[g].first &&
                                   self->events[e].sequence <= sources[i].gaps[g].last);
            }
            in_gaps += sources[i].gaps[g].last - sources[i].gaps[g].first + 1;
        }
        uint64_t missing = high - low + 1 - seen;
        is_ok =
            complain(seed, "missing", sources[i].name.ptr, missing, sources[i].missing) && is_ok;
        is_ok = complain(seed, "in gaps", sources[i].name.ptr, missing, in_gaps) && is_ok;
        is_ok = complain(seed, "events", sources[i].name.ptr, seen, sources[i].events) && is_ok;
        is_ok = complain(seed, "rewinds", sources[i].name.ptr, 0, sources[i].rewinds) && is_ok;
    }
    return is_ok;
}

static bool check_events(const struct world *self, const struct found *model,
                         const struct tw_journey *journey, uint64_t seed, const char *name)
{
    int expected = 0;
    for (int e = 0; e < self->event_count; e++) {
        expected += model->events[e] ? 1 : 0;
    }
    bool is_ok = complain(seed, "number of events", name, (uint64_t)expected, journey->event_count);
    int previous = -1;
    for (size_t i = 0; i < journey->event_count; i++) {
        json_t *json = json_loadb(journey->events[i].record.json.ptr,
                                  journey->events[i].record.json.len, 0, NULL);
        int e = (int)strtol(json_string_value(json_object_get(json, "id")) + 1, NULL, 10);
        json_decref(json);
        const struct event *event = &self->events[e];
        uint64_t copies = (uint64_t)event->copies[0] + (uint64_t)event->copies[1];
        bool is_right = model->events[e] && e > previous &&
                        journey->events[i].conflicts == (uint64_t)event->variants - 1 &&
                        journey->events[i].duplicates == copies - (uint64_t)event->variants;
        is_ok = complain(seed, "event that belongs there, in order, with its echoes", name, 1,
                         is_right ? 1 : 0) &&
                is_ok;
        previous = e;
    }
    return is_ok;
}

static int find_object(const struct world *self, struct lab *lab, const struct tw_object *object)
{
    struct tw_str id = tw_journey_format_id(lab_reader(lab), &lab->arena, object);
    for (int o = 0; o < self->object_count; o++) {
        if (tw_str_is(id, self->objects[o].journey)) {
            return o;
        }
    }
    return -1;
}

static bool check_objects(const struct world *self, struct lab *lab, const struct found *model,
                          const struct tw_journey *journey, uint64_t seed)
{
    const char *name = self->objects[find_object(self, lab, &journey->object)].journey;
    int expected = 0;
    for (int o = 0; o < self->object_count; o++) {
        expected += model->objects[o] ? 1 : 0;
    }
    bool is_ok =
        complain(seed, "number of objects", name, (uint64_t)expected, journey->object_count);
    for (size_t i = 0; i < journey->object_count; i++) {
        int o = find_object(self, lab, &journey->objects[i].object);
        bool is_right = o >= 0 && model->objects[o];
        is_ok = complain(seed, "object that belongs there", name, 1, is_right ? 1 : 0) && is_ok;
    }
    return is_ok;
}

static bool check_journeys(const struct world *self, struct lab *lab, uint64_t seed)
{
    const struct tw_journey_limits limits = lab_limits(lab);
    bool is_ok = true;
    for (int o = 0; o < self->object_count; o++) {
        struct found model;
        struct tw_object object;
        struct tw_journey journey;
        const char *name = self->objects[o].journey;
        tw_arena_reset(&lab->arena);
        model_journey(self, o, &model);
        bool is_known = false;
        for (int e = 0; e < self->event_count; e++) {
            is_known = is_known || model.events[e];
        }
        int rc = tw_journey_parse_id(lab_reader(lab), &lab->arena, tw_str_of(name), &object);
        if (rc == TW_OK) {
            rc = tw_journey_read(lab_reader(lab), &lab->arena, &object, &limits, &journey);
        }
        is_ok = complain(seed, "result", name, (uint64_t)(is_known ? TW_OK : TW_ENOTFOUND),
                         (uint64_t)rc) &&
                is_ok;
        if (rc == TW_OK) {
            is_ok = check_events(self, &model, &journey, seed, name) && is_ok;
            is_ok = check_objects(self, lab, &model, &journey, seed) && is_ok;
        }
    }
    return is_ok;
}

static bool run_seed(uint64_t seed)
{
    struct world *world = calloc(1, sizeof *world);
    struct lab lab;
    TW_ASSERT(world != NULL);
    make_world(world, seed);
    lab_open(&lab, config_yaml);
    feed(world, &lab);
    bool is_ok = check_totals(world, &lab, seed);
    is_ok = check_sources(world, &lab, seed) && is_ok;
    is_ok = check_journeys(world, &lab, seed) && is_ok;
    lab_close(&lab);
    free(world);
    return is_ok;
}

static uint64_t setting(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/* One TAP line per hundred seeds, so that a failure is near its seed. */
int main(void)
{
    uint64_t seeds = setting("TW_SEEDS", 1000);
    uint64_t first = setting("TW_FIRST_SEED", 1);
    uint64_t groups = (seeds + 99) / 100;
    bool all_ok = true;
    (void)printf("1..%" PRIu64 "\n", groups);
    for (uint64_t group = 0; group < groups; group++) {
        uint64_t from = first + group * 100;
        uint64_t to = from + (seeds - group * 100 < 100 ? seeds - group * 100 : 100);
        bool is_ok = true;
        for (uint64_t seed = from; seed < to; seed++) {
            is_ok = run_seed(seed) && is_ok;
        }
        (void)printf("%s %" PRIu64 " - permutations__seeds_%" PRIu64 "_to_%" PRIu64
                     "__end_in_the_same_state\n",
                     is_ok ? "ok" : "not ok", group + 1, from, to - 1);
        (void)fflush(stdout);
        all_ok = all_ok && is_ok;
    }
    return all_ok ? 0 : 1;
}
