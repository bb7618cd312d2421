/* SPDX-License-Identifier: Apache-2.0
 * The runs that a journey shows: computed when it is read, from the events that are stored. */
#include "config.h"
#include "web/server.h"

#include "web/api.h"

#include "web_world.h"

static void journey__run_without_row__is_judged_at_the_watermark(void **state)
{
    (void)state;
    struct world world;
    char buf[160];
    world_init(&world);
    sale_event(&world, -200, "com.tillwatch.pos.sale.completed", "");
    sale_event(&world, -190, "com.tillwatch.middleware.sale.received", "");
    sale_event(&world, -180, "com.tillwatch.erp.sale.posted",
               ",\"outcome\":\"failed\",\"errorclass\":\"master-data\"");
    sale_event(&world, -170, "com.tillwatch.erp.sale.posted", "");
    struct tw_live live = watermark(buf, sizeof buf, -100);
    const struct tw_track_changes before = {.live = &live, .live_count = 1};
    commit_with(&world, &before);
    json_t *json = get_json(&world, "/api/v1/journeys/transaction:0042/1");
    assert_int_equal(json_array_size(at(json, "runs")), 1);
    check_text(json, "runs.0.workflow", "sale-posting");
    check_text(json, "runs.0.object", "transaction:0042/1");
    check_text(json, "runs.0.state", "running");
    check_steps(at(json, "runs.0"), "sold=done received=done posted=done accrued=skipped "
                                    "stocked=waiting profiled=skipped");
    check_number(json, "runs.0.steps.1.lag", 10);
    check_number(json, "runs.0.steps.2.attempts", 2);
    check_number(json, "runs.0.steps.2.event", 4);
    check_number(json, "runs.0.steps.2.failed_event", 3);
    check_text(json, "runs.0.steps.2.cause", "master-data");
    assert_true(json_is_true(at(json, "runs.0.steps.2.recovered")));
    check_number(json, "runs.0.steps.4.lag", 190); /* until now */
    check_null(json, "runs.0.steps.4.time");
    check_null(json, "runs.0.finished");
    json_decref(json);
    live = watermark(buf, sizeof buf, 120);
    commit_with(&world, &before);
    json = get_json(&world, "/api/v1/journeys/transaction:0042/1");
    check_text(json, "runs.0.state", "overdue");
    check_text(json, "runs.0.steps.4.state", "overdue");
    json_decref(json);
    sale_event(&world, -160, "com.tillwatch.inventory.stock.updated", "");
    commit_with(&world, &before);
    json = get_json(&world, "/api/v1/journeys?transaction=1");
    check_text(json, "items.0.runs.0.state", "recovered");
    assert_null(at(json, "items.0.runs.0.steps"));
    json_decref(json);
    world_fini(&world);
}

static void journey__run_with_row__shows_its_state_and_version(void **state)
{
    (void)state;
    static const char yaml[] =
        "name: sale-posting\ntitle: Old\nowner: me\nobject: transaction\ntiming: queued\n"
        "criticality: standard\nsteps:\n"
        "  - {name: sold, system: pos, event: com.tillwatch.pos.sale.completed}\n"
        "  - {name: posted, system: erp, event: com.tillwatch.erp.sale.posted, after: sold,\n"
        "     within: 5min}\n";
    struct world world;
    struct tw_diag diag = {""};
    const struct tw_workflows *old = NULL;
    world_init(&world);
    assert_int_equal(tw_workflows_parse(world.cfg, "old.yaml", yaml, strlen(yaml), stderr, &old),
                     TW_OK);
    uint64_t version = old->items[0].version;
    tw_workflows_unref(&old);
    assert_int_equal(tw_store_register_workflow(world.model->store, "sale-posting", version,
                                                TW_STR_LIT(yaml), &diag),
                     TW_OK);
    struct tw_run_row rows[] = {sale_row(world.model, "1", -100)};
    rows[0].version = version;
    rows[0].state = TW_RUN_IS_COMPENSATED;
    rows[0].finished = moment(-50);
    const struct tw_track_changes changes = {.runs = rows, .run_count = 1};
    sale_event(&world, -200, "com.tillwatch.pos.sale.completed", "");
    commit_with(&world, &changes);
    json_t *json = get_json(&world, "/api/v1/journeys/transaction:0042/1");
    check_text(json, "runs.0.state", "compensated");
    check_text(json, "runs.0.title", "Old");
    check_steps(at(json, "runs.0"), "sold=done posted=waiting");
    assert_true(json_is_string(at(json, "runs.0.finished")));
    assert_true(json_is_true(at(json, "runs.0.listed")));
    json_decref(json);
    /* A version that is not kept: shown under the one in force. */
    struct tw_run_row unknown = rows[0];
    unknown.version = 0xabc;
    const struct tw_track_changes later = {.runs = &unknown, .run_count = 1};
    commit_with(&world, &later);
    json = get_json(&world, "/api/v1/journeys/transaction:0042/1");
    check_text(json, "runs.0.state", "compensated");
    assert_int_equal(json_array_size(at(json, "runs.0.steps")), 6);
    json_decref(json);
    world_fini(&world);
}

static void journey__fan_out__knows_the_stores_of_the_row(void **state)
{
    (void)state;
    static const char yaml[] =
        "name: rollout\ntitle: Rollout\nowner: me\nobject: order\ntiming: queued\n"
        "criticality: standard\nsteps:\n"
        "  - {name: published, system: erp, event: e.published}\n"
        "  - {name: applied, system: pos, event: e.applied, after: published, within: 2min,\n"
        "     each: store}\n";
    struct world world;
    char buf[160];
    const struct tw_workflows *set = NULL;
    world_init(&world);
    assert_int_equal(tw_workflows_parse(world.cfg, "r.yaml", yaml, strlen(yaml), stderr, &set),
                     TW_OK);
    tw_web_set_workflows(world.web, set);
    struct tw_object object = model_object(world.model, ORDER, "", "1");
    event(&world, -200, "e.published", "", &object, 1);
    event(&world, -190, "e.applied", ",\"storeid\":\"0042\"", &object, 1);
    event(&world, -180, "e.applied", ",\"storeid\":\"0043\"", &object, 1);
    event(&world, -170, "e.applied", ",\"storeid\":\"0043\"", &object, 1);
    struct tw_live live = watermark(buf, sizeof buf, -100);
    struct tw_track_changes changes = {.live = &live, .live_count = 1};
    commit_with(&world, &changes);
    json_t *json = get_json(&world, "/api/v1/journeys/order:1");
    check_text(json, "runs.0.steps.1.state", "waiting"); /* others may come until it is due */
    check_number(json, "runs.0.steps.1.answered", 2);
    check_null(json, "runs.0.steps.1.expected");
    json_decref(json);
    live = watermark(buf, sizeof buf, -50);
    commit_with(&world, &changes);
    json = get_json(&world, "/api/v1/journeys/order:1");
    check_text(json, "runs.0.steps.1.state", "done"); /* were one missing, it would be listed */
    check_text(json, "runs.0.state", "completed");
    json_decref(json);
    struct tw_run_row row = {.workflow = TW_STR_LIT("rollout"),
                             .version = set->items[0].version,
                             .object_type = object.type,
                             .object_id = object.id,
                             .object_scope = TW_STR_LIT(""),
                             .state = TW_RUN_IS_OVERDUE,
                             .cause = TW_CAUSE_MISSING,
                             .step = TW_STR_LIT("applied"),
                             .started = moment(-200),
                             .since = moment(-200),
                             .updated = moment(-50),
                             .expected = 3,
                             .answered = 2};
    changes.runs = &row;
    changes.run_count = 1;
    commit_with(&world, &changes);
    json = get_json(&world, "/api/v1/journeys/order:1");
    check_text(json, "runs.0.steps.1.state", "overdue");
    check_number(json, "runs.0.steps.1.expected", 3);
    check_number(json, "runs.0.steps.1.answered", 2);
    check_text(json, "runs.0.cause", "missing");
    json_decref(json);
    tw_workflows_unref(&set);
    world_fini(&world);
}

static void journey__conditions_on_numbers_and_booleans__hold_as_in_decoding(void **state)
{
    (void)state;
    static const char yaml[] =
        "name: typed\ntitle: Typed\nowner: me\nobject: order\ntiming: queued\n"
        "criticality: standard\nsteps:\n"
        "  - {name: begun, system: pos, event: {type: e.begun, where: {lanes: \"3\"}}}\n"
        "  - {name: ended, system: erp, event: {type: e.ended, where: {express: \"true\"}},\n"
        "     after: begun, within: 5min}\n"
        "  - {name: gift, system: crm, event: e.gift, after: begun, when: gift}\n";
    struct world world;
    const struct tw_workflows *set = NULL;
    world_init(&world);
    assert_int_equal(tw_workflows_parse(world.cfg, "t.yaml", yaml, strlen(yaml), stderr, &set),
                     TW_OK);
    tw_web_set_workflows(world.web, set);
    tw_workflows_unref(&set);
    struct tw_object object = model_object(world.model, ORDER, "", "1");
    event(&world, -200, "e.begun", ",\"lanes\":3,\"gift\":false", &object, 1);
    event(&world, -190, "e.ended", ",\"express\":true", &object, 1);
    commit_with(&world, NULL);
    json_t *json = get_json(&world, "/api/v1/journeys/order:1");
    check_steps(at(json, "runs.0"), "begun=done ended=done gift=waiting");
    json_decref(json);
    world_fini(&world);
}

static void journey__linked_object_of_another_key__brings_its_runs(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct tw_object both[] = {model_object(world.model, ORDER, "", "7"),
                               model_object(world.model, RETURN, "", "R7")};
    event(&world, -300, "com.tillwatch.ecommerce.order.created", ",\"fulfilment\":\"delivery\"",
          both, 1);
    event(&world, -290, "com.tillwatch.payment.authorized", "", both, 1);
    event(&world, -100, "com.tillwatch.ecommerce.return.requested", "", both, 2);
    event(&world, -90, "com.tillwatch.pos.return.accepted", "", both + 1, 1);
    commit_with(&world, NULL);
    json_t *json = get_json(&world, "/api/v1/journeys/order:7");
    check_text(json, "runs.0.workflow", "order-fulfilment");
    for (size_t i = 0; i < json_array_size(at(json, "runs")); i++) {
        const json_t *run = json_array_get(at(json, "runs"), i);
        /* Both workflows of an order know the payment; only one saw its start. */
        assert_string_not_equal(json_string_value(json_object_get(run, "workflow")),
                                "click-and-collect");
    }
    check_text(json, "runs.1.workflow", "return-refund");
    check_text(json, "runs.1.object", "return:R7");
    json_decref(json);
    json = get_json(&world, "/api/v1/journeys?order=7&workflow=return-refund&state=running");
    assert_int_equal(json_array_size(at(json, "items")), 1);
    check_null(json, "total");
    json_decref(json);
    json = get_json(&world, "/api/v1/journeys?order=7&state=failed");
    assert_int_equal(json_array_size(at(json, "items")), 0);
    json_decref(json);
    check_refused(&world, "/api/v1/journeys?order=7&state=x", "'state' is one of: running");
    check_refused(&world, "/api/v1/journeys?order=7&workflow=x", "'workflow' is one of: case-sync");
    world_fini(&world);
}

static void journey__too_many_linked_objects__runs_are_partial(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    for (int count = 20; count <= 21; count++) {
        char order[16];
        (void)snprintf(order, sizeof order, "%d", count);
        for (int i = 0; i < count; i++) {
            char id[16];
            (void)snprintf(id, sizeof id, "R%d-%d", count, i);
            struct tw_object both[] = {model_object(world.model, ORDER, "", order),
                                       model_object(world.model, RETURN, "", id)};
            event(&world, -300 + i, "com.tillwatch.ecommerce.return.requested", "", both, 2);
            event(&world, -250 + i, "com.tillwatch.middleware.return.received", "", both + 1, 1);
        }
    }
    commit_with(&world, NULL);
    json_t *json = get_json(&world, "/api/v1/journeys/order:20");
    assert_true(json_is_false(at(json, "runs_partial")));
    assert_int_equal(json_array_size(at(json, "runs")), 20);
    json_decref(json);
    json = get_json(&world, "/api/v1/journeys/order:21");
    assert_true(json_is_true(at(json, "runs_partial")));
    assert_int_equal(json_array_size(at(json, "runs")), 20);
    json_decref(json);
    json = get_json(&world, "/api/v1/journeys?order=20");
    assert_true(json_is_true(at(json, "items.0.runs_partial")));
    assert_int_equal(json_array_size(at(json, "items.0.runs")), 4);
    json_decref(json);
    world_fini(&world);
}
/* A till whose clock is 90 s behind: its sale is as late as the collector took it to be. */
static void journey__clock_that_was_known_to_be_behind__is_put_right(void **state)
{
    (void)state;
    struct world world;
    char buf[160];
    world_init(&world);
    for (int i = 0; i < 2; i++) {
        const struct tw_object object =
            model_object(world.model, TRANSACTION, "0042", i == 0 ? "1" : "2");
        event(&world, -90, "com.tillwatch.pos.sale.completed", "", &object, 1);
        world.model->records[world.model->count - 1].clock_ns = i == 0 ? 0 : 90 * TW_NS_PER_S;
        event(&world, 1, "com.tillwatch.middleware.sale.received", "", &object, 1);
    }
    struct tw_live live = watermark(buf, sizeof buf, 2);
    const struct tw_track_changes changes = {.live = &live, .live_count = 1};
    commit_with(&world, &changes);
    json_t *json = get_json(&world, "/api/v1/journeys/transaction:0042/1");
    assert_true(json_is_true(at(json, "runs.0.steps.1.late"))); /* nobody knew it yet */
    check_null(json, "events.0.clock_behind_seconds");
    assert_true(json_equal(at(json, "events.0.tracked_time"), at(json, "events.0.time")));
    json_decref(json);
    json = get_json(&world, "/api/v1/journeys/transaction:0042/2");
    assert_true(json_is_false(at(json, "runs.0.steps.1.late")));
    check_number(json, "events.0.clock_behind_seconds", 90);
    assert_true(json_equal(at(json, "events.0.tracked_time"), at(json, "runs.0.started")));
    /* never later than the receipt, which of these is the start of the model */
    assert_true(json_equal(at(json, "events.1.tracked_time"), at(json, "events.1.received")));
    json_decref(json);
    world_fini(&world);
}

static void journey__step_failed_but_start_not_seen__is_failed(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    sale_event(&world, -200, "com.tillwatch.erp.sale.posted",
               ",\"outcome\":\"failed\",\"errorclass\":\"master-data\"");
    commit_with(&world, NULL);
    json_t *json = get_json(&world, "/api/v1/journeys/transaction:0042/1");
    check_text(json, "runs.0.state", "failed");
    check_null(json, "runs.0.started");
    check_text(json, "runs.0.steps.2.state", "failed");
    json_decref(json);
    sale_event(&world, -100, "com.tillwatch.erp.sale.posted", "");
    commit_with(&world, NULL);
    json = get_json(&world, "/api/v1/journeys/transaction:0042/1");
    check_text(json, "runs.0.state", "running");
    json_decref(json);
    world_fini(&world);
}

/* More events than are kept parsed: the last ones are parsed for each that asks. */
static void journey__more_events_than_are_kept__all_count(void **state)
{
    (void)state;
    enum { EVENTS = TW_EVENT_VIEWS_KEPT + 3 };
    struct world world;
    world_init(&world);
    sale_event(&world, -1000, "com.tillwatch.pos.sale.completed", "");
    for (int i = 1; i < EVENTS; i++) {
        char more[64];
        (void)snprintf(more, sizeof more, ",\"outcome\":\"failed\",\"storeid\":\"%d\"", i);
        sale_event(&world, -1000 + i, "com.tillwatch.erp.sale.posted", more);
    }
    commit_with(&world, NULL);
    json_t *json = get_json(&world, "/api/v1/journeys/transaction:0042/1?limit=1000");
    assert_int_equal(json_array_size(at(json, "events")), EVENTS);
    assert_int_equal(json_array_size(at(json, "stores")), EVENTS - 1);
    check_number(json, "runs.0.steps.2.attempts", EVENTS - 1);
    check_number(json, "runs.0.steps.2.failed_event", EVENTS);
    for (int i = 1; i < EVENTS; i++) {
        char id[16];
        (void)snprintf(id, sizeof id, "%d", i);
        const json_t *row = json_array_get(at(json, "events"), (size_t)i);
        assert_string_equal(json_string_value(json_object_get(row, "id")), id);
    }
    json_decref(json);
    world_fini(&world);
}

/* What events mean is kept from call to call, but not beyond a reload. */
static void journey__definitions_reloaded__runs_are_those_of_the_new(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    sale_event(&world, -200, "com.tillwatch.pos.sale.completed", "");
    commit_with(&world, NULL);
    for (int i = 0; i < 4; i++) {
        const char *const name = i % 2 == 0 ? "sale-posting" : "other";
        json_t *json = get_json(&world, "/api/v1/journeys/transaction:0042/1");
        assert_int_equal(json_array_size(at(json, "runs")), 1);
        check_text(json, "runs.0.workflow", name);
        json_decref(json);
        const struct tw_workflows *set = NULL;
        char yaml[256];
        (void)snprintf(yaml, sizeof yaml,
                       "name: %s\ntitle: T\nowner: me\nobject: transaction\ntiming: batch\n"
                       "criticality: standard\nsteps:\n"
                       "  - {name: begin, system: pos, event: com.tillwatch.pos.sale.completed}\n",
                       i % 2 == 0 ? "other" : "sale-posting");
        assert_int_equal(tw_workflows_parse(world.cfg, "o.yaml", yaml, strlen(yaml), stderr, &set),
                         TW_OK);
        tw_web_set_workflows(world.web, set);
        tw_workflows_unref(&set);
    }
    world_fini(&world);
}

/* Two sales under one payment: what names one of them is that one's alone, what names neither
 * concerns both. */
static void journey__two_roots_behind_one_link__each_has_what_names_it(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    const struct tw_object shared = model_object(world.model, PAYMENT, "", "shared");
    struct tw_object first[] = {model_object(world.model, TRANSACTION, "0042", "1"), shared};
    struct tw_object second[] = {model_object(world.model, TRANSACTION, "0042", "2"), shared};
    event(&world, -200, "com.tillwatch.pos.sale.completed", "", first, 2);
    event(&world, -190, "com.tillwatch.pos.sale.completed", "", second, 2);
    event(&world, -180, "com.tillwatch.middleware.sale.received", "", first, 2);
    event(&world, -170, "com.tillwatch.erp.sale.posted", ",\"outcome\":\"failed\"", second, 2);
    event(&world, -160, "com.tillwatch.inventory.stock.updated", "", &shared, 1);
    commit_with(&world, NULL);
    static const char *const wanted[] = {
        "sold=done received=done posted=waiting accrued=skipped stocked=done profiled=skipped",
        "sold=done received=skipped posted=failed accrued=skipped stocked=done profiled=skipped"};
    for (int i = 0; i < 2; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/api/v1/journeys/transaction:0042/%d", i + 1);
        json_t *json = get_json(&world, path);
        assert_int_equal(json_array_size(at(json, "runs")), 1);
        check_steps(at(json, "runs.0"), wanted[i]);
        check_number(json, "runs.0.steps.0.attempts", 1);
        json_decref(json);
    }
    /* the link between them has no runs of its own; it brings those of both */
    json_t *json = get_json(&world, "/api/v1/journeys/payment:shared");
    assert_int_equal(json_array_size(at(json, "runs")), 2);
    check_steps(at(json, "runs.0"), wanted[0]);
    check_steps(at(json, "runs.1"), wanted[1]);
    json_decref(json);
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(journey__run_without_row__is_judged_at_the_watermark),
        cmocka_unit_test(journey__run_with_row__shows_its_state_and_version),
        cmocka_unit_test(journey__fan_out__knows_the_stores_of_the_row),
        cmocka_unit_test(journey__conditions_on_numbers_and_booleans__hold_as_in_decoding),
        cmocka_unit_test(journey__too_many_linked_objects__runs_are_partial),
        cmocka_unit_test(journey__clock_that_was_known_to_be_behind__is_put_right),
        cmocka_unit_test(journey__step_failed_but_start_not_seen__is_failed),
        cmocka_unit_test(journey__more_events_than_are_kept__all_count),
        cmocka_unit_test(journey__definitions_reloaded__runs_are_those_of_the_new),
        cmocka_unit_test(journey__two_roots_behind_one_link__each_has_what_names_it),
        cmocka_unit_test(journey__linked_object_of_another_key__brings_its_runs),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
