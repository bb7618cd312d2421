/* SPDX-License-Identifier: Apache-2.0
 * Journeys against a plain model of their definition, and the promises by name: strangers with the
 * same number, shared parcels, hubs, bounds, order of arrival.
 */
#include "config.h"
#include "store/journey.h"

#include "unit/store_model.h"
#include "store/internal.h"

#define ARENA_BYTES ((size_t)64 << 20)

static const struct tw_journey_limits usual = {.max_hops = 4, .max_links = 50, .max_events = 1000};

static struct tw_reader *open_reader(const struct model *model)
{
    struct tw_reader *reader = NULL;
    struct tw_diag diag = {{0}};
    assert_int_equal(tw_reader_open(model->dir, &reader, &diag), TW_OK);
    return reader;
}

/* The index of an object in a journey, or -1. */
static long find_object(const struct tw_journey *journey, const struct tw_object *object)
{
    for (size_t i = 0; i < journey->object_count; i++) {
        if (model_same_object(&journey->objects[i].object, object)) {
            return (long)i;
        }
    }
    return -1;
}

static bool has_link(const struct tw_journey *journey, const struct tw_object *a,
                     const struct tw_object *b)
{
    long left = find_object(journey, a);
    long right = find_object(journey, b);
    for (size_t i = 0; i < journey->link_count; i++) {
        if ((journey->links[i].a == left && journey->links[i].b == right) ||
            (journey->links[i].a == right && journey->links[i].b == left)) {
            return true;
        }
    }
    return false;
}

static bool has_event(const struct tw_journey *journey, const char *json)
{
    for (size_t i = 0; i < journey->event_count; i++) {
        if (tw_str_is(journey->events[i].record.json, json)) {
            return true;
        }
    }
    return false;
}

/* ---- the definition, in plain memory -------------------------------------------------------- */

#define PLAIN_OBJECTS_MAX 20000

struct plain_object {
    struct tw_object object;
    uint32_t hops;
    uint64_t links;
    bool is_hub;
};

struct plain {
    const struct model *model;
    struct plain_object *objects; /* all of the model */
    size_t object_count;
    uint32_t (*carried)[4]; /* objects of each record, by index */
    bool *is_in;            /* events */
    size_t events;
    bool is_partial;
};

static bool is_linking(const struct model *model, const struct tw_object *object)
{
    return object->type != model->codes[CUSTOMER];
}

static struct plain *plain_new(const struct model *model)
{
    struct plain *self = calloc(1, sizeof *self);
    assert_non_null(self);
    self->model = model;
    self->objects = calloc(PLAIN_OBJECTS_MAX, sizeof *self->objects);
    self->carried = calloc(model->count, sizeof *self->carried);
    self->is_in = calloc(model->count, sizeof *self->is_in);
    for (size_t i = 0; i < model->count; i++) {
        const struct tw_record *record = &model->records[i];
        for (uint32_t k = 0; k < record->object_count; k++) {
            uint32_t at = 0;
            while (at < self->object_count &&
                   !model_same_object(&self->objects[at].object, &record->objects[k])) {
                at++;
            }
            if (at == self->object_count) {
                assert_true(at < PLAIN_OBJECTS_MAX);
                self->objects[self->object_count++].object = record->objects[k];
            }
            self->carried[i][k] = at;
        }
    }
    return self;
}

static void plain_free(struct plain *self)
{
    free(self->objects);
    free(self->carried);
    free(self->is_in);
    free(self);
}

static bool plain_carries(const struct plain *self, size_t record, uint32_t object)
{
    for (uint32_t k = 0; k < self->model->records[record].object_count; k++) {
        if (self->carried[record][k] == object) {
            return true;
        }
    }
    return false;
}

/* Neighbours of linking types; with `hops` not 0 they are put into the journey. */
static uint64_t plain_neighbours(struct plain *self, uint32_t object, uint32_t hops,
                                 uint32_t max_hops)
{
    bool *seen = calloc(self->object_count, sizeof *seen);
    uint64_t count = 0;
    assert_non_null(seen);
    for (size_t i = 0; i < self->model->count; i++) {
        for (uint32_t k = 0;
             plain_carries(self, i, object) && k < self->model->records[i].object_count; k++) {
            uint32_t other = self->carried[i][k];
            if (other == object || seen[other] ||
                !is_linking(self->model, &self->objects[other].object)) {
                continue;
            }
            seen[other] = true;
            count++;
            if (hops > 0 && self->objects[other].hops == UINT32_MAX) {
                if (hops > max_hops) {
                    self->is_partial = true;
                } else {
                    self->objects[other].hops = hops;
                }
            }
        }
    }
    free(seen);
    return count;
}

static int compare_objects(const struct tw_object *a, const struct tw_object *b)
{
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    int order = tw_str_compare(a->id, b->id);
    return order != 0 ? order : tw_str_compare(a->scope, b->scope);
}

static void plain_expand(struct plain *self, uint32_t own, uint32_t object,
                         const struct tw_journey_limits *limits)
{
    struct plain_object *at = &self->objects[object];
    size_t carrying = 0;
    size_t fresh = 0;
    for (size_t i = 0; i < self->model->count; i++) {
        if (plain_carries(self, i, object)) {
            carrying++;
            fresh += !self->is_in[i];
        }
    }
    if (carrying > limits->max_events) {
        at->is_hub = true;
        self->is_partial = self->is_partial || object == own;
    } else {
        at->links = plain_neighbours(self, object, 0, 0);
        at->is_hub = at->links > limits->max_links;
        at->links = at->is_hub ? (uint64_t)limits->max_links + 1 : at->links;
    }
    if (at->is_hub && object != own) {
        return;
    }
    if (self->events + fresh > limits->max_events && object != own) {
        self->is_partial = true;
        return;
    }
    size_t left = limits->max_events;
    for (size_t i = 0; i < self->model->count && left > 0; i++) {
        if (plain_carries(self, i, object)) {
            self->events += !self->is_in[i];
            self->is_in[i] = true;
            left--;
        }
    }
    if (!at->is_hub) {
        (void)plain_neighbours(self, object, at->hops + 1, limits->max_hops);
    }
}

static void plain_walk(struct plain *self, uint32_t own, const struct tw_journey_limits *limits)
{
    for (size_t i = 0; i < self->object_count; i++) {
        self->objects[i].hops = i == own ? 0 : UINT32_MAX;
        self->objects[i].links = 0;
        self->objects[i].is_hub = false;
    }
    memset(self->is_in, 0, self->model->count * sizeof *self->is_in);
    self->events = 0;
    self->is_partial = false;
    bool *is_taken = calloc(self->object_count, sizeof *is_taken);
    uint32_t last = is_linking(self->model, &self->objects[own].object) ? limits->max_hops : 0;
    for (uint32_t hops = 0; hops <= last;) {
        uint32_t next = UINT32_MAX;
        for (uint32_t i = 0; i < self->object_count; i++) {
            const struct plain_object *object = &self->objects[i];
            bool is_related = i != own && object->object.type == self->objects[own].object.type;
            if (object->hops == hops && !is_taken[i] && !is_related &&
                (next == UINT32_MAX ||
                 compare_objects(&object->object, &self->objects[next].object) < 0)) {
                next = i;
            }
        }
        if (next == UINT32_MAX) {
            hops++;
            continue;
        }
        is_taken[next] = true;
        plain_expand(self, own, next, limits);
    }
    free(is_taken);
}

static void compare(struct plain *plain, uint32_t own, struct tw_reader *reader,
                    struct tw_arena *arena, const struct tw_journey_limits *limits)
{
    struct tw_journey journey;
    plain_walk(plain, own, limits);
    tw_arena_reset(arena);
    assert_int_equal(tw_journey_read(reader, arena, &plain->objects[own].object, limits, &journey),
                     TW_OK);
    assert_true(model_same_object(&journey.object, &plain->objects[own].object));
    assert_true(model_same_object(&journey.objects[0].object, &journey.object));
    size_t expected = 0;
    for (size_t i = 0; i < plain->object_count; i++) {
        const struct plain_object *object = &plain->objects[i];
        long at = find_object(&journey, &object->object);
        assert_int_equal(at >= 0, object->hops != UINT32_MAX);
        if (at < 0) {
            continue;
        }
        expected++;
        assert_int_equal(journey.objects[at].hops, object->hops);
        assert_int_equal(journey.objects[at].is_hub, object->is_hub);
        assert_int_equal(journey.objects[at].is_same_type,
                         i != own && object->object.type == journey.object.type);
        if (!object->is_hub) {
            assert_int_equal(journey.objects[at].links, object->links);
        }
    }
    assert_int_equal(journey.object_count, expected);
    assert_int_equal(journey.event_count, plain->events);
    int64_t before = INT64_MIN;
    for (size_t i = 0; i < journey.event_count; i++) {
        assert_true(plain->is_in[journey.events[i].record.n - 1]);
        assert_true(journey.events[i].record.time.ns >= before);
        before = journey.events[i].record.time.ns;
    }
    assert_int_equal(journey.is_partial, plain->is_partial);
}

static void journey__random_events__equal_the_definition(void **state)
{
    (void)state;
    static const struct tw_journey_limits limits[] = {
        {.max_hops = 4, .max_links = 50, .max_events = 1000},
        {.max_hops = 1, .max_links = 50, .max_events = 1000},
        {.max_hops = 0, .max_links = 50, .max_events = 1000},
        {.max_hops = 3, .max_links = 12, .max_events = 1000},
        {.max_hops = 3, .max_links = 20, .max_events = 30},
        {.max_hops = 6, .max_links = 8, .max_events = 7},
    };
    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct model *model = model_new(seed + 100);
        struct tw_arena arena;
        tw_arena_init(&arena, ARENA_BYTES);
        model_fill(model, 260, true);
        struct tw_reader *reader = open_reader(model);
        struct plain *plain = plain_new(model);
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
            for (uint32_t own = (uint32_t)i; own < plain->object_count; own += 5) {
                compare(plain, own, reader, &arena, &limits[i]);
            }
        }
        plain_free(plain);
        tw_reader_close(&reader);
        tw_arena_fini(&arena);
        model_free(model);
    }
}

/* ---- order of arrival ----------------------------------------------------------------------- */

/* The same events in another order, other batches, other partitions, some twice. */
static struct model *shuffled(const struct model *from, uint64_t seed)
{
    struct model *model = model_new(seed);
    size_t *order = calloc(from->count, sizeof *order);
    size_t count = 0;
    for (size_t i = 0; i < from->count; i++) {
        if (from->records[i].kind == TW_RECORD_EVENT) {
            order[count++] = i;
        }
    }
    for (size_t i = count; i > 1; i--) {
        size_t other = model_below(model, i);
        size_t kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
    for (size_t i = 0; i < count; i++) {
        const struct tw_record *record = &from->records[order[i]];
        (void)model_add(model, 0, record->time.ns, record->json, record->objects,
                        record->object_count);
        if (model_below(model, 30) == 0) {
            model->starts_partition = model->committed > model->partition_first;
            model_commit(model);
        }
    }
    if (model->committed < model->count) {
        model_commit(model);
    }
    model_seal(model);
    free(order);
    return model;
}

static void assert_same_journey(const struct tw_journey *a, const struct tw_journey *b)
{
    assert_int_equal(a->object_count, b->object_count);
    assert_int_equal(a->event_count, b->event_count);
    assert_int_equal(a->link_count, b->link_count);
    assert_int_equal(a->is_partial, b->is_partial);
    assert_int_equal(a->first.ns, b->first.ns);
    assert_int_equal(a->last.ns, b->last.ns);
    for (size_t i = 0; i < a->object_count; i++) {
        assert_true(model_same_object(&a->objects[i].object, &b->objects[i].object));
        assert_int_equal(a->objects[i].hops, b->objects[i].hops);
        assert_int_equal(a->objects[i].links, b->objects[i].links);
        assert_int_equal(a->objects[i].is_hub, b->objects[i].is_hub);
    }
    for (size_t i = 0; i < a->event_count; i++) {
        assert_true(tw_str_equal(a->events[i].record.json, b->events[i].record.json));
    }
    for (size_t i = 0; i < a->link_count; i++) {
        assert_int_equal(a->links[i].a, b->links[i].a);
        assert_int_equal(a->links[i].b, b->links[i].b);
    }
}

static void journey__other_order_of_arrival__same_journeys(void **state)
{
    (void)state;
    struct model *model = model_new(200);
    struct tw_arena arena;
    tw_arena_init(&arena, 4 * ARENA_BYTES);
    model_fill(model, 250, true);
    struct plain *plain = plain_new(model);
    struct model *other = shuffled(model, 201);
    struct tw_reader *reader = open_reader(model);
    struct tw_reader *other_reader = open_reader(other);
    for (uint32_t i = 0; i < plain->object_count; i++) {
        const struct tw_journey_limits limits = {
            .max_hops = 1 + i % 4, .max_links = 5 + i % 40, .max_events = 60 + i};
        struct tw_journey journey;
        struct tw_journey other_journey;
        tw_arena_reset(&arena);
        assert_int_equal(
            tw_journey_read(reader, &arena, &plain->objects[i].object, &limits, &journey), TW_OK);
        assert_int_equal(tw_journey_read(other_reader, &arena, &plain->objects[i].object, &limits,
                                         &other_journey),
                         TW_OK);
        if (journey.event_count < limits.max_events) {
            assert_same_journey(&journey, &other_journey);
        }
    }
    tw_reader_close(&reader);
    tw_reader_close(&other_reader);
    plain_free(plain);
    tw_arena_fini(&arena);
    model_free(model);
    model_free(other);
}

/* ---- promises by name ----------------------------------------------------------------------- */

static void journey__order_100_and_return_100__never_meet(void **state)
{
    (void)state;
    struct model *model = model_new(300);
    struct tw_object order = model_object(model, ORDER, "", "100");
    struct tw_object other = model_object(model, RETURN, "", "100");
    struct tw_object here = model_object(model, TRANSACTION, "0042", "88");
    struct tw_object there = model_object(model, TRANSACTION, "0043", "88");
    (void)model_event(model, 1, "{\"o\":1}", &order, 1);
    (void)model_event(model, 2, "{\"r\":1}", &other, 1);
    (void)model_event(model, 3, "{\"t\":42}", &here, 1);
    (void)model_event(model, 4, "{\"t\":43}", &there, 1);
    model_commit(model);
    const struct tw_object *all[] = {&order, &other, &here, &there};
    static const char *const jsons[] = {"{\"o\":1}", "{\"r\":1}", "{\"t\":42}", "{\"t\":43}"};
    struct tw_reader *reader = open_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    for (size_t i = 0; i < 4; i++) {
        struct tw_journey journey;
        assert_int_equal(tw_journey_read(reader, &arena, all[i], &usual, &journey), TW_OK);
        assert_int_equal(journey.object_count, 1);
        assert_int_equal(journey.event_count, 1);
        assert_int_equal(journey.link_count, 0);
        assert_true(has_event(&journey, jsons[i]));
        assert_false(journey.is_partial);
    }
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void journey__shared_parcel__joins_no_orders(void **state)
{
    (void)state;
    struct model *model = model_new(301);
    struct tw_object a = model_object(model, ORDER, "", "A");
    struct tw_object b = model_object(model, ORDER, "", "B");
    struct tw_object parcel = model_object(model, SHIPMENT, "", "P1");
    struct tw_object payment = model_object(model, PAYMENT, "", "pay-B");
    struct tw_object customer = model_object(model, CUSTOMER, "", "C9");
    (void)model_event(model, 1, "{\"a\":1}", (struct tw_object[]){a, customer}, 2);
    (void)model_event(model, 2, "{\"b\":1}", (struct tw_object[]){b, payment, customer}, 3);
    (void)model_event(model, 3, "{\"p\":1}", (struct tw_object[]){parcel, a}, 2);
    (void)model_event(model, 4, "{\"p\":2}", (struct tw_object[]){parcel, b}, 2);
    (void)model_event(model, 5, "{\"p\":3}", &parcel, 1);
    model_commit(model);
    struct tw_reader *reader = open_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    struct tw_journey journey;
    assert_int_equal(tw_journey_read(reader, &arena, &a, &usual, &journey), TW_OK);
    assert_true(has_event(&journey, "{\"a\":1}") && has_event(&journey, "{\"p\":1}"));
    assert_true(has_event(&journey, "{\"p\":2}") && has_event(&journey, "{\"p\":3}"));
    assert_false(has_event(&journey, "{\"b\":1}"));
    assert_int_equal(journey.object_count, 3);
    assert_true(journey.objects[find_object(&journey, &b)].is_same_type);
    assert_int_equal(journey.objects[find_object(&journey, &b)].hops, 2);
    assert_int_equal(find_object(&journey, &payment), -1);
    assert_true(has_link(&journey, &a, &parcel) && has_link(&journey, &parcel, &b));
    assert_false(has_link(&journey, &a, &b));
    /* the parcel's own journey has both orders, and what belongs to them */
    assert_int_equal(tw_journey_read(reader, &arena, &parcel, &usual, &journey), TW_OK);
    assert_int_equal(journey.event_count, 5);
    assert_true(find_object(&journey, &payment) > 0);
    /* context joins nothing: the customer's journey has its events only, and names the orders */
    assert_int_equal(tw_journey_read(reader, &arena, &customer, &usual, &journey), TW_OK);
    assert_int_equal(journey.event_count, 2);
    assert_int_equal(journey.object_count, 4);
    assert_true(has_link(&journey, &customer, &a));
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void journey__hub__is_named_and_not_passed(void **state)
{
    (void)state;
    struct model *model = model_new(302);
    struct tw_object hub = model_object(model, PAYMENT, "", "none");
    struct tw_object mine = model_object(model, ORDER, "", "mine");
    for (int i = 0; i < 9; i++) { /* with `mine` ten neighbours */
        char id[16];
        char json[32];
        (void)snprintf(id, sizeof id, "T%d", i);
        (void)snprintf(json, sizeof json, "{\"t\":%d}", i);
        (void)model_event(model, i, json,
                          (struct tw_object[]){model_object(model, RETURN, "", id), hub}, 2);
    }
    (void)model_event(model, 20, "{\"m\":1}", (struct tw_object[]){mine, hub}, 2);
    model_commit(model);
    struct tw_reader *reader = open_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    struct tw_journey journey;
    struct tw_journey_limits limits = {.max_hops = 4, .max_links = 10, .max_events = 100};
    assert_int_equal(tw_journey_read(reader, &arena, &mine, &limits, &journey), TW_OK);
    assert_int_equal(journey.event_count, 10); /* ten links: no hub yet */
    limits.max_links = 9;
    for (int again = 0; again < 2; again++) { /* found out, then remembered */
        assert_int_equal(tw_journey_read(reader, &arena, &mine, &limits, &journey), TW_OK);
        assert_int_equal(journey.event_count, 1);
        assert_int_equal(journey.object_count, 2);
        assert_true(journey.objects[1].is_hub);
        assert_int_equal(journey.objects[1].links, 10);
        assert_true(has_link(&journey, &mine, &hub));
        assert_false(journey.is_partial);
    }
    limits.max_links = 10; /* what was remembered holds for its limits only */
    assert_int_equal(tw_journey_read(reader, &arena, &mine, &limits, &journey), TW_OK);
    assert_int_equal(journey.event_count, 10);
    limits.max_links = 9;
    /* its own journey has its events and no neighbours */
    assert_int_equal(tw_journey_read(reader, &arena, &hub, &limits, &journey), TW_OK);
    assert_int_equal(journey.event_count, 10);
    assert_int_equal(journey.object_count, 1);
    assert_true(journey.objects[0].is_hub);
    /* more events than a journey may have make a hub too */
    limits = (struct tw_journey_limits){.max_hops = 4, .max_links = 50, .max_events = 9};
    assert_int_equal(tw_journey_read(reader, &arena, &mine, &limits, &journey), TW_OK);
    assert_int_equal(journey.event_count, 1);
    assert_true(journey.objects[1].is_hub);
    assert_int_equal(tw_journey_read(reader, &arena, &hub, &limits, &journey), TW_OK);
    assert_int_equal(journey.event_count, 9);
    assert_true(journey.is_partial);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void journey__hops__stop_at_the_bound(void **state)
{
    (void)state;
    struct model *model = model_new(303);
    struct tw_object chain[5] = {
        model_object(model, ORDER, "", "1"), model_object(model, PAYMENT, "", "2"),
        model_object(model, SHIPMENT, "", "3"), model_object(model, RETURN, "", "4"),
        model_object(model, TRANSACTION, "0042", "5")};
    for (int i = 0; i < 4; i++) {
        char json[32];
        (void)snprintf(json, sizeof json, "{\"c\":%d}", i);
        (void)model_event(model, i, json, &chain[i], 2);
    }
    model_commit(model);
    struct tw_reader *reader = open_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    for (uint32_t hops = 0; hops <= 5; hops++) {
        const struct tw_journey_limits limits = {
            .max_hops = hops, .max_links = 50, .max_events = 100};
        struct tw_journey journey;
        assert_int_equal(tw_journey_read(reader, &arena, &chain[0], &limits, &journey), TW_OK);
        assert_int_equal(journey.object_count, hops < 4 ? hops + 1 : 5);
        assert_int_equal(journey.event_count, hops < 3 ? hops + 1 : 4);
        assert_int_equal(journey.is_partial, hops < 4);
    }
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void journey__repetitions__are_summed(void **state)
{
    (void)state;
    struct model *model = model_new(304);
    struct tw_object order = model_object(model, ORDER, "", "7");
    (void)model_event(model, 5, "{\"e\":2}", &order, 1);
    (void)model_add(model, 1, MODEL_START_NS, TW_STR_NULL, NULL, 0);
    struct tw_record *again = model_event(model, 5, "{\"e\":1}", &order, 1);
    again->effect_of = 1;
    model_commit(model);
    model->starts_partition = true;
    (void)model_add(model, 1, MODEL_START_NS, TW_STR_NULL, NULL, 0);
    (void)model_add(model, 3, MODEL_START_NS, tw_str_of("{}"), NULL, 0);
    model_commit(model);
    struct tw_reader *reader = open_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    struct tw_journey journey;
    assert_int_equal(tw_journey_read(reader, &arena, &order, &usual, &journey), TW_OK);
    assert_int_equal(journey.event_count, 2);
    assert_int_equal(journey.duplicates, 2);
    assert_int_equal(journey.conflicts, 1);
    assert_int_equal(journey.duplicate_effects, 1);
    /* equal times: by the bytes, whatever came first */
    assert_true(tw_str_is(journey.events[0].record.json, "{\"e\":1}"));
    assert_int_equal(journey.events[1].duplicates, 2);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void journey__unknown_or_unreadable__says_so(void **state)
{
    (void)state;
    struct model *model = model_new(305);
    struct tw_object order = model_object(model, ORDER, "", "7");
    struct tw_object unknown = model_object(model, ORDER, "", "8");
    struct tw_object nothing = model_object(model, ORDER, "", "");
    (void)model_event(model, 5, "{}", &order, 1);
    model_commit(model);
    struct tw_reader *reader = open_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    struct tw_journey journey;
    assert_int_equal(tw_journey_read(reader, &arena, &unknown, &usual, &journey), TW_ENOTFOUND);
    assert_int_equal(tw_journey_read(reader, &arena, &nothing, &usual, &journey), TW_ENOTFOUND);
    tw_reader_set_deadline(reader, (tw_mono_t){1});
    assert_int_equal(tw_journey_read(reader, &arena, &order, &usual, &journey), TW_ETIMEOUT);
    tw_reader_set_deadline(reader, (tw_mono_t){INT64_MAX});
    tw_arena_fini(&arena);
    tw_arena_init(&arena, 64);
    assert_int_equal(tw_journey_read(reader, &arena, &order, &usual, &journey), TW_ENOMEM);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void journey__retention__edge_is_partial(void **state)
{
    (void)state;
    struct model *model = model_new(306);
    struct tw_object order = model_object(model, ORDER, "", "7");
    struct tw_object late = model_object(model, ORDER, "", "9");
    for (int i = 0; i < 3; i++) {
        (void)model_event(model, i, "{}", i == 2 ? &late : &order, 1);
        model->starts_partition = i > 0;
        model_commit(model);
    }
    (void)model_event(model, 9, "{}", &late, 1);
    model->starts_partition = true;
    model_commit(model);
    model_seal(model);
    struct tw_reader *reader = open_reader(model);
    struct tw_arena arena;
    char path[TW_PATH_MAX];
    tw_arena_init(&arena, ARENA_BYTES);
    struct tw_journey journey;
    assert_int_equal(tw_journey_read(reader, &arena, &order, &usual, &journey), TW_OK);
    assert_int_equal(journey.event_count, 2);
    assert_false(journey.is_partial);
    assert_int_equal(tw_part_path(model->dir, 1, true, path), TW_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(tw_journey_read(reader, &arena, &order, &usual, &journey), TW_OK);
    assert_int_equal(journey.event_count, 1);
    assert_true(journey.is_partial);
    assert_int_equal(tw_journey_read(reader, &arena, &late, &usual, &journey), TW_OK);
    assert_int_equal(journey.event_count, 2);
    assert_false(journey.is_partial);
    assert_int_equal(tw_part_path(model->dir, 2, true, path), TW_OK);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(tw_journey_read(reader, &arena, &order, &usual, &journey), TW_ENOTFOUND);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

/* ---- ids ------------------------------------------------------------------------------------ */

static void journey_id__hostile_identifiers__round_trip(void **state)
{
    (void)state;
    struct model *model = model_new(307);
    struct tw_reader *reader = open_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    char longest[255];
    char all_bytes[255];
    for (size_t i = 0; i < 255; i++) {
        longest[i] = '%';
        all_bytes[i] = (char)(i + 1);
    }
    const struct tw_str texts[] = {
        tw_str_of("4711"),        tw_str_of("%"),     tw_str_of("/"),    tw_str_of(":"),
        tw_str_of("%41"),         tw_str_of("a/b:c"), tw_str_of("\"'<"), tw_str_of("\xff\xfe"),
        tw_str_of("caf\xc3\xa9"), tw_str_of(" "),     {longest, 255},    {all_bytes, 255},
    };
    size_t count = sizeof texts / sizeof texts[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k <= count; k++) {
            struct tw_object object = {.type = (uint16_t)model->codes[TRANSACTION],
                                       .id = texts[i],
                                       .scope = k == count ? (struct tw_str){"", 0} : texts[k]};
            struct tw_object found;
            struct tw_str text = tw_journey_format_id(reader, &arena, &object);
            assert_non_null(text.ptr);
            assert_true(tw_str_starts(text, tw_str_of("transaction:")));
            for (size_t c = 0; c < text.len; c++) {
                assert_true(text.ptr[c] > 0x20 && text.ptr[c] < 0x7f && text.ptr[c] != '"');
            }
            assert_int_equal(tw_journey_parse_id(reader, &arena, text, &found), TW_OK);
            assert_true(model_same_object(&found, &object));
        }
    }
    struct tw_object order = model_object(model, ORDER, "", "4711");
    struct tw_object sale = model_object(model, TRANSACTION, "0042", "88");
    assert_true(tw_str_is(tw_journey_format_id(reader, &arena, &order), "order:4711"));
    assert_true(tw_str_is(tw_journey_format_id(reader, &arena, &sale), "transaction:0042/88"));
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

static void journey_id__not_well_formed__is_refused(void **state)
{
    (void)state;
    struct model *model = model_new(308);
    struct tw_reader *reader = open_reader(model);
    struct tw_arena arena;
    tw_arena_init(&arena, ARENA_BYTES);
    char too_long[6 + 256];
    memset(too_long, 'x', sizeof too_long);
    memcpy(too_long, "order:", 6);
    static const struct {
        const char *text;
        int err;
    } cases[] = {
        {"", TW_ESYNTAX},           {"order", TW_ESYNTAX},     {":4711", TW_ESYNTAX},
        {"order:", TW_ESYNTAX},     {"order:%", TW_ESYNTAX},   {"order:%4", TW_ESYNTAX},
        {"order:%zz", TW_ESYNTAX},  {"order:%00", TW_ESYNTAX}, {"transaction:0042/", TW_ESYNTAX},
        {"parrot:1", TW_ENOTFOUND}, {"Order:1", TW_ENOTFOUND}, {"order:%34711", TW_OK},
    };
    struct tw_object object;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(tw_journey_parse_id(reader, &arena, tw_str_of(cases[i].text), &object),
                         cases[i].err);
    }
    assert_true(tw_str_is(object.id, "4711"));
    assert_int_equal(
        tw_journey_parse_id(reader, &arena, (struct tw_str){too_long, 6 + 256}, &object),
        TW_ESYNTAX);
    assert_int_equal(
        tw_journey_parse_id(reader, &arena, (struct tw_str){too_long, 6 + 255}, &object), TW_OK);
    assert_int_equal(tw_journey_parse_id(reader, &arena, TW_STR_NULL, &object), TW_ESYNTAX);
    tw_arena_fini(&arena);
    tw_reader_close(&reader);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journey__random_events__equal_the_definition),
        cmocka_unit_test(journey__other_order_of_arrival__same_journeys),
        cmocka_unit_test(journey__order_100_and_return_100__never_meet),
        cmocka_unit_test(journey__shared_parcel__joins_no_orders),
        cmocka_unit_test(journey__hub__is_named_and_not_passed),
        cmocka_unit_test(journey__hops__stop_at_the_bound),
        cmocka_unit_test(journey__repetitions__are_summed),
        cmocka_unit_test(journey__unknown_or_unreadable__says_so),
        cmocka_unit_test(journey__retention__edge_is_partial),
        cmocka_unit_test(journey_id__hostile_identifiers__round_trip),
        cmocka_unit_test(journey_id__not_well_formed__is_refused),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
