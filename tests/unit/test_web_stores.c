/* SPDX-License-Identifier: Apache-2.0
 * What the web half says of stores, out of the document of the collector and what was spent. */
#include "config.h"
#include "web/server.h"

#include "web_world.h"

#define AFTER_S 900 /* the built-in track.store-silent-s */

#define ROW(name, own_event, own_received)                                                     \
    "{\"store\":\"" name "\",\"waiting\":3,\"overdue\":1,\"failed\":2,\"oldest_age\":61.5,"    \
    "\"last_event\":null,\"last_received\":\"2026-11-18T00:00:00.000000Z\",\"event_lag\":0.2," \
    "\"own_sources\":1,\"last_own_event\":" own_event ",\"last_own_received\":" own_received "}"
#define SINCE    "\"2026-11-17T23:44:58.000000Z\""
#define LATE     "\"2026-11-17T23:44:59.999999Z\"" /* just longer than 900 s before */
#define IN_TIME  "\"2026-11-17T23:45:00.000000Z\""
#define DOCUMENT DOCUMENT_SINCE("null")
#define DOCUMENT_SINCE(listening)                                                     \
    "{\"at\":\"2026-11-18T00:00:00.000000Z\",\"listening_since\":" listening          \
    ",\"stores\":[" ROW("0042", SINCE, LATE) "," ROW("0007", SINCE, IN_TIME) "," ROW( \
        "a/b <c>", "null",                                                            \
        "null") "],\"other\":{\"stores\":2},"                                         \
                "\"clocks\":[{\"source\":0,\"behind\":90.5},{\"source\":2,\"behind\":-103.0}]}"

static const struct tw_gap two_gaps[] = {{3, 4}, {7, 7}};
static const struct tw_source_state six_sources[] = {
    {.number = 0,
     .name = TW_STR_LIT("/pos/1"),
     .store = TW_STR_LIT("0042"),
     .events = 9,
     .sequence_highest = 12,
     .missing = 3,
     .rewinds = 1,
     .duplicates = 2,
     .gaps = two_gaps,
     .gap_count = 2},
    {.number = 1, .name = TW_STR_LIT("/pos/7"), .store = TW_STR_LIT("0007")},
    {.number = 2,
     .name = TW_STR_LIT("/pos/2"),
     .store = TW_STR_LIT("0042"),
     .sequence_highest = 1,
     .missing = 4},
    {.number = 3, .name = TW_STR_LIT("/erp"), .has_stores = true, .missing = 50},
    {.number = 4, .name = TW_STR_LIT("/crm"), .missing = 60},
    {.number = 5, .name = TW_STR_LIT("/x"), .store = TW_STR_LIT("004"), .missing = 70}};

#define SILENCES                                                \
    "{\"silences\":[{\"from\":\"2026-11-17T10:00:00.000000Z\"," \
    "\"until\":\"2026-11-17T11:00:00.000000Z\",\"expected_seconds\":600}],\"forgotten\":7}"

static void init(struct world *world)
{
    int64_t hour = moment(0).ns / TW_NS_PER_S / 3600 * 3600;
    const struct tw_live live[] = {
        {TW_STR_LIT("stores"), TW_STR_LIT(DOCUMENT)},
        {TW_STR_LIT("silences/0042"), TW_STR_LIT(SILENCES)},
        {TW_STR_LIT("objective/sales-complete"), TW_STR_LIT("{\"bad\":8}")}};
    const struct tw_spend spends[] = {{TW_STR_LIT("sales-complete"), hour, TW_CAUSE_REJECTED,
                                       TW_STR_LIT("erp"), TW_STR_LIT("0042"), 3},
                                      {TW_STR_LIT("sales-complete"), hour, TW_CAUSE_REJECTED,
                                       TW_STR_LIT("erp"), TW_STR_LIT("0007"), 5}};
    const struct tw_track_changes changes = {
        .live = live, .live_count = 3, .spends = spends, .spend_count = 2};
    world_init(world);
    assert_int_equal(world->cfg->track.store_silent_s, AFTER_S);
    world->model->sources = six_sources;
    world->model->source_count = sizeof six_sources / sizeof six_sources[0];
    commit(world, &changes);
}

static void stores__list__by_name_in_pages(void **state)
{
    (void)state;
    struct world world;
    init(&world);
    json_t *json = get_json(&world, "/api/v1/stores?limit=2");
    check_text(json, "items.0.store", "0007");
    assert_true(json_number_value(at(json, "items.0.silent_seconds")) > AFTER_S);
    check_text(json, "items.1.store", "0042");
    check_number(json, "items.1.overdue", 1);
    check_number(json, "items.1.oldest_age", 61.5);
    check_number(json, "silent_after_seconds", AFTER_S);
    check_number(json, "total", 3);
    check_number(json, "other.stores", 2);
    assert_int_equal(json_array_size(at(json, "items")), 2);
    char path[128];
    (void)snprintf(path, sizeof path, "/api/v1/stores?limit=2&cursor=%s",
                   json_string_value(at(json, "next")));
    json_decref(json);
    json = get_json(&world, path);
    check_text(json, "items.0.store", "a/b <c>");
    check_null(json, "items.0.silent_seconds"); /* never heard of itself */
    assert_true(json_is_false(at(json, "items.0.is_silent")));
    check_number(json, "items.0.source_count", 0);
    check_null(json, "items.0.missing");
    check_null(json, "next");
    json_decref(json);
    check_refused(&world, "/api/v1/stores?x=1", "no parameter 'x'");
    world_fini(&world);
}

static void stores__list__has_what_its_sources_say(void **state)
{
    (void)state;
    struct world world;
    init(&world);
    json_t *json = get_json(&world, "/api/v1/stores");
    check_text(json, "items.1.store", "0042");
    check_number(json, "items.1.source_count", 2);
    check_number(json, "items.1.missing", 7);
    check_number(json, "items.1.gaps", 2);
    check_number(json, "items.1.clock_behind_seconds", -103); /* the one that is off most */
    check_number(json, "items.0.source_count", 1);
    check_null(json, "items.0.missing"); /* it is not sequenced */
    check_null(json, "items.0.gaps");
    check_null(json, "items.0.clock_behind_seconds");
    json_decref(json);
    world_fini(&world);
}

static void stores__list__is_silent_behind_the_edge(void **state)
{
    (void)state;
    struct world world;
    init(&world);
    json_t *json = get_json(&world, "/api/v1/stores");
    assert_true(json_is_false(at(json, "items.0.is_silent")));
    check_null(json, "items.0.silent_since");
    assert_true(json_is_true(at(json, "items.1.is_silent")));
    check_text(json, "items.1.silent_since", "2026-11-17T23:44:58.000000Z");
    json_decref(json);
    world_fini(&world);
}

static void stores__tower_came_back__silence_counts_from_then(void **state)
{
    (void)state;
    struct world world;
    const struct tw_live live[] = {
        {TW_STR_LIT("stores"), TW_STR_LIT(DOCUMENT_SINCE("\"2026-11-17T23:50:00.000000Z\""))}};
    const struct tw_track_changes changes = {.live = live, .live_count = 1};
    world_init(&world);
    commit(&world, &changes);
    json_t *json = get_json(&world, "/api/v1/stores/0042");
    assert_true(json_is_false(at(json, "is_silent")));
    assert_true(json_number_value(at(json, "silent_seconds")) > AFTER_S);
    assert_int_equal(json_array_size(at(json, "silences")), 0);
    check_number(json, "silences_forgotten", 0);
    json_decref(json);
    world_fini(&world);
}

static void stores__one__has_its_sources_and_silences(void **state)
{
    (void)state;
    struct world world;
    init(&world);
    json_t *json = get_json(&world, "/api/v1/stores/0042");
    assert_int_equal(json_array_size(at(json, "sources")), 2);
    check_text(json, "sources.0.name", "/pos/1");
    check_text(json, "sources.0.store", "0042");
    check_number(json, "sources.0.missing", 3);
    check_number(json, "sources.0.rewinds", 1);
    check_number(json, "sources.0.duplicates", 2);
    check_number(json, "sources.0.clock_behind_seconds", 90.5);
    check_number(json, "sources.0.gaps.1.first", 7);
    check_text(json, "sources.1.name", "/pos/2");
    assert_int_equal(json_array_size(at(json, "silences")), 2);
    check_text(json, "silences.0.from", "2026-11-17T23:44:58.000000Z");
    check_null(json, "silences.0.until"); /* it lasts */
    check_number(json, "silences.0.expected_seconds", AFTER_S);
    check_text(json, "silences.1.until", "2026-11-17T11:00:00.000000Z");
    check_number(json, "silences.1.expected_seconds", 600); /* as it was judged */
    check_number(json, "silences_forgotten", 7);
    json_decref(json);
    json = get_json(&world, "/api/v1/stores/0007");
    assert_int_equal(json_array_size(at(json, "sources")), 1);
    assert_int_equal(json_array_size(at(json, "silences")), 0);
    json_decref(json);
    json = get_json(&world, "/api/v1/taps");
    check_text(json, "sources.items.0.store", "0042");
    assert_true(json_is_true(at(json, "sources.items.3.has_stores")));
    check_null(json, "sources.items.3.store");
    check_null(json, "sources.items.4.store");
    json_decref(json);
    world_fini(&world);
}

static void stores__many_sources__lists_some_and_counts_all(void **state)
{
    (void)state;
    struct world world;
    enum { COUNT = 201 };
    struct tw_source_state many[COUNT];
    const struct tw_live live[] = {{TW_STR_LIT("stores"), TW_STR_LIT(DOCUMENT)}};
    const struct tw_track_changes changes = {.live = live, .live_count = 1};
    for (uint32_t i = 0; i < COUNT; i++) {
        many[i] = (struct tw_source_state){.number = i,
                                           .name = TW_STR_LIT("/pos"),
                                           .store = TW_STR_LIT("0007"),
                                           .sequence_highest = 1,
                                           .missing = 1};
    }
    world_init(&world);
    world.model->sources = many;
    world.model->source_count = COUNT;
    commit(&world, &changes);
    json_t *json = get_json(&world, "/api/v1/stores/0007");
    assert_int_equal(json_array_size(at(json, "sources")), COUNT - 1);
    check_number(json, "source_count", COUNT);
    check_number(json, "missing", COUNT);
    json_decref(json);
    world_fini(&world);
}

static void stores__one__says_what_it_spent(void **state)
{
    (void)state;
    struct world world;
    init(&world);
    json_t *json = get_json(&world, "/api/v1/stores/0042");
    check_text(json, "store", "0042");
    check_number(json, "failed", 2);
    check_text(json, "objectives.0.objective", "sales-complete");
    check_text(json, "objectives.0.workflow", "sale-posting");
    check_number(json, "objectives.0.bad", 3);
    check_number(json, "objectives.0.bad_of_all", 8);
    assert_non_null(at(json, "objectives.0.since"));
    assert_int_equal(json_array_size(at(json, "objectives")), 1);
    json_decref(json);
    json = get_json(&world, "/api/v1/stores/a%2Fb%20%3Cc%3E");
    check_text(json, "store", "a/b <c>");
    assert_int_equal(json_array_size(at(json, "objectives")), 0);
    json_decref(json);
    assert_int_equal(get(&world, "/api/v1/stores/0043"), 404);
    world_fini(&world);
}

static void taps__clocks_that_are_wrong__are_told(void **state)
{
    (void)state;
    struct world world;
    init(&world);
    json_t *json = get_json(&world, "/api/v1/taps");
    json_t *sources = at(json, "sources.items");
    size_t told = 0;
    assert_true(json_array_size(sources) > 1);
    for (size_t i = 0; i < json_array_size(sources); i++) {
        const json_t *source = json_array_get(sources, i);
        json_int_t number = json_integer_value(json_object_get(source, "number"));
        const json_t *behind = json_object_get(source, "clock_behind_seconds");
        assert_true(number == 0 || number == 2 ? json_is_real(behind) : json_is_null(behind));
        told += json_is_real(behind) ? 1 : 0;
    }
    assert_true(told > 0);
    json_decref(json);
    world_fini(&world);
}

static void stores__nothing_said_yet__is_empty(void **state)
{
    (void)state;
    struct world world;
    const struct tw_track_changes nothing = {.run_count = 0};
    world_init(&world);
    commit(&world, &nothing);
    json_t *json = get_json(&world, "/api/v1/stores");
    assert_int_equal(json_array_size(at(json, "items")), 0);
    check_number(json, "total", 0);
    check_null(json, "other");
    json_decref(json);
    assert_int_equal(get(&world, "/api/v1/stores/0042"), 404);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores__list__by_name_in_pages),
        cmocka_unit_test(stores__list__has_what_its_sources_say),
        cmocka_unit_test(stores__list__is_silent_behind_the_edge),
        cmocka_unit_test(stores__tower_came_back__silence_counts_from_then),
        cmocka_unit_test(stores__one__has_its_sources_and_silences),
        cmocka_unit_test(stores__many_sources__lists_some_and_counts_all),
        cmocka_unit_test(stores__one__says_what_it_spent),
        cmocka_unit_test(stores__nothing_said_yet__is_empty),
        cmocka_unit_test(taps__clocks_that_are_wrong__are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
