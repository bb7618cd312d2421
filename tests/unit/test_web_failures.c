/* SPDX-License-Identifier: Apache-2.0
 * GET /failures and what is below it, out of a desk that followed a store. */
#include "config.h"
#include "web/server.h"

#include "web_world.h"

#include "desk/follow.h"

#define FAILED                                                                         \
    "[{\"step\":\"posted\",\"system\":\"erp\",\"destination\":\"posted\",\"state\":2," \
    "\"cause\":1,\"failed\":1,\"done\":0,\"input\":1,\"attempts\":3,\"time\":%lld,\"due\":0}]"

/* A store with failed sales, and a desk that has followed it. */
static void init(struct world *world, size_t sales)
{
    static char ids[64][24];
    static struct tw_run_row rows[64];
    char text[512];
    struct tw_follow *follow = NULL;
    struct tw_diag diag = {""};
    size_t count = 0;
    world_init(world);
    for (size_t i = 0; i < sales; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "S%zu", i);
        (void)snprintf(text, sizeof text, FAILED, (long long)moment((int64_t)i).ns);
        rows[i] = sale_row(world->model, ids[i], (int64_t)i);
        rows[i].state = TW_RUN_IS_FAILED;
        rows[i].store = i % 2 == 0 ? TW_STR_LIT("0042") : TW_STR_LIT("0007");
        rows[i].amount_minor = 1005;
        memcpy(rows[i].currency, i == 0 ? "JPY" : "EUR", 4);
        rows[i].setbacks = tw_arena_copy(&world->model->arena, tw_str_of(text));
    }
    const struct tw_track_changes changes = {.runs = rows, .run_count = sales};
    commit(world, &changes);
    assert_int_equal(tw_follow_open(world->cfg, &test_clock, &follow, &diag), TW_OK);
    assert_int_equal(tw_follow_once(follow, &count, &diag), TW_OK);
    assert_int_equal(count, sales);
    tw_follow_close(&follow);
}

static void failures__no_desk_yet__is_not_ready(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    assert_int_equal(get(&world, "/api/v1/failures"), 503);
    assert_non_null(strstr(world.body, "no desk yet"));
    world_fini(&world);
}

static void failures__groups__tell_money_owner_and_authority(void **state)
{
    (void)state;
    struct world world;
    init(&world, 5);
    json_t *json = get_json(&world, "/api/v1/failures");
    check_number(json, "total", 1);
    check_text(json, "items.0.workflow", "sale-posting");
    check_text(json, "items.0.step", "posted");
    check_text(json, "items.0.cause", "master-data");
    check_text(json, "items.0.owner", "finance-integration");
    check_text(json, "items.0.authority", "erp");
    check_text(json, "items.0.state", "open");
    check_number(json, "items.0.count", 5);
    check_number(json, "items.0.stores", 2);
    check_null(json, "items.0.amount"); /* two currencies */
    check_text(json, "items.0.amounts.0.currency", "EUR");
    check_text(json, "items.0.amounts.0.amount", "40.20");
    check_text(json, "items.0.amounts.1.currency", "JPY");
    check_text(json, "items.0.amounts.1.amount", "1005");
    assert_int_equal(json_array_size(at(json, "items.0.trend")), 24);
    json_decref(json);
    json = get_json(&world, "/api/v1/failures?store=0042&cause=master-data&workflow=sale-posting");
    check_number(json, "items.0.count", 3);
    json_decref(json);
    json = get_json(&world, "/api/v1/failures?state=snoozed");
    check_number(json, "total", 0);
    json_decref(json);
    check_refused(&world, "/api/v1/failures?cause=x", "'cause' is one of: master-data");
    check_refused(&world, "/api/v1/failures?state=x", "'state' is one of: open, snoozed, all");
    check_refused(&world, "/api/v1/failures?x=1", "no parameter 'x'");
    world_fini(&world);
}

static void failure__one__tells_parts_states_and_people(void **state)
{
    (void)state;
    struct world world;
    init(&world, 5);
    json_t *json = get_json(&world, "/api/v1/failures/1");
    check_number(json, "states.open", 5);
    check_number(json, "states.recovered", 0);
    check_number(json, "states.archived", 0);
    check_text(json, "by_store.0.what", "0042");
    check_number(json, "by_store.0.count", 3);
    assert_int_equal(json_array_size(at(json, "notes")), 0);
    json_decref(json);
    static const char *const none[] = {"/api/v1/failures/2",        "/api/v1/failures/0",
                                       "/api/v1/failures/x",        "/api/v1/failures/1/x",
                                       "/api/v1/failures/1x",       "/api/v1/failures/-1",
                                       "/api/v1/failures/1/items/2"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(get(&world, none[i]), 404);
    }
    world_fini(&world);
}

static void items__pages__have_all_once(void **state)
{
    (void)state;
    struct world world;
    char path[160] = "/api/v1/failures/1/items?limit=2";
    size_t seen = 0;
    init(&world, 5);
    for (size_t pages = 0; path[0] != '\0'; pages++) {
        assert_true(pages < 4);
        json_t *json = get_json(&world, path);
        seen += json_array_size(at(json, "items"));
        if (pages == 0) {
            check_text(json, "items.0.identifier", "S4"); /* the latest first */
            check_text(json, "items.0.amount", "10.05");
            check_text(json, "items.0.state", "open");
            check_number(json, "items.0.failed_event", 1);
            check_null(json, "items.0.ended");
        }
        const char *next = json_string_value(at(json, "next"));
        path[0] = '\0';
        if (next != NULL) {
            (void)snprintf(path, sizeof path, "/api/v1/failures/1/items?limit=2&cursor=%s", next);
        }
        json_decref(json);
    }
    assert_int_equal(seen, 5);
    json_t *json = get_json(&world, "/api/v1/failures/1/items?state=recovered");
    assert_int_equal(json_array_size(at(json, "items")), 0);
    json_decref(json);
    json = get_json(&world, "/api/v1/failures/1/items?store=0007&state=all");
    assert_int_equal(json_array_size(at(json, "items")), 2);
    json_decref(json);
    check_refused(&world, "/api/v1/failures/1/items?state=x", "'state' is one of: open");
    check_refused(&world, "/api/v1/failures/1/items?cursor=AAAA", "none of this list");
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures__no_desk_yet__is_not_ready),
        cmocka_unit_test(failures__groups__tell_money_owner_and_authority),
        cmocka_unit_test(failure__one__tells_parts_states_and_people),
        cmocka_unit_test(items__pages__have_all_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
