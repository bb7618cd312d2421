/* SPDX-License-Identifier: Apache-2.0
 * What the web half says of stores, out of the document of the collector and what was spent. */
#include "config.h"
#include "web/server.h"

#include "web_world.h"

#define DOCUMENT                                                                                \
    "{\"at\":\"2026-11-18T00:00:00.000000Z\",\"stores\":["                                      \
    "{\"store\":\"0042\",\"waiting\":3,\"overdue\":1,\"failed\":2,\"oldest_age\":61.5,"         \
    "\"last_event\":null,\"last_received\":\"1970-01-01T00:00:00.000000Z\",\"event_lag\":0.2}," \
    "{\"store\":\"0007\",\"waiting\":0,\"overdue\":0,\"failed\":0,\"oldest_age\":0.0,"          \
    "\"last_event\":null,\"last_received\":null,\"event_lag\":null},"                           \
    "{\"store\":\"a/b <c>\",\"waiting\":1}],\"other\":{\"stores\":2},"                          \
    "\"clocks\":[{\"source\":0,\"behind\":90.5},{\"source\":2,\"behind\":-3.0}]}"

static void init(struct world *world)
{
    int64_t hour = moment(0).ns / TW_NS_PER_S / 3600 * 3600;
    const struct tw_live live[] = {{TW_STR_LIT("stores"), TW_STR_LIT(DOCUMENT)}};
    const struct tw_spend spends[] = {{TW_STR_LIT("sales-complete"), hour, TW_CAUSE_REJECTED,
                                       TW_STR_LIT("erp"), TW_STR_LIT("0042"), 3},
                                      {TW_STR_LIT("sales-complete"), hour, TW_CAUSE_REJECTED,
                                       TW_STR_LIT("erp"), TW_STR_LIT("0007"), 5}};
    const struct tw_track_changes changes = {
        .live = live, .live_count = 1, .spends = spends, .spend_count = 2};
    world_init(world);
    commit(world, &changes);
}

static void stores__list__by_name_in_pages(void **state)
{
    (void)state;
    struct world world;
    init(&world);
    json_t *json = get_json(&world, "/api/v1/stores?limit=2");
    check_text(json, "items.0.store", "0007");
    check_null(json, "items.0.silent_seconds");
    check_text(json, "items.1.store", "0042");
    check_number(json, "items.1.overdue", 1);
    check_number(json, "items.1.oldest_age", 61.5);
    assert_true(json_number_value(at(json, "items.1.silent_seconds")) > 1e9);
    check_number(json, "total", 3);
    check_number(json, "other.stores", 2);
    assert_int_equal(json_array_size(at(json, "items")), 2);
    char path[128];
    (void)snprintf(path, sizeof path, "/api/v1/stores?limit=2&cursor=%s",
                   json_string_value(at(json, "next")));
    json_decref(json);
    json = get_json(&world, path);
    check_text(json, "items.0.store", "a/b <c>");
    check_null(json, "next");
    json_decref(json);
    check_refused(&world, "/api/v1/stores?x=1", "no parameter 'x'");
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
        cmocka_unit_test(stores__one__says_what_it_spent),
        cmocka_unit_test(stores__nothing_said_yet__is_empty),
        cmocka_unit_test(taps__clocks_that_are_wrong__are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
