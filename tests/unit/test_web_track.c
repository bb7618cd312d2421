/* SPDX-License-Identifier: Apache-2.0
 * What the web half says of tracking: runs, series, workflows, objectives, the overview. The store
 * is filled through its writing side; the definitions are those of the retail pack. */
#include "config.h"
#include "web/server.h"

#include "web_world.h"

/* ---- the cases */

static void runs__with_filters__longest_waiting_first(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct tw_run_row rows[] = {sale_row(world.model, "1", -100), sale_row(world.model, "2", -300),
                                sale_row(world.model, "3", -200)};
    rows[1].state = TW_RUN_IS_OVERDUE;
    rows[1].cause = TW_CAUSE_MISSING;
    rows[1].store = TW_STR_LIT("0043");
    rows[2].finished = moment(-10);
    rows[2].state = TW_RUN_IS_RECOVERED;
    rows[2].currency[0] = '\0';
    rows[2].expected = 2;
    rows[2].answered = 1;
    rows[2].missing = TW_STR_LIT("[\"0044\"]");
    const struct tw_track_changes changes = {.runs = rows, .run_count = 3};
    commit(&world, &changes);
    json_t *json = get_json(&world, "/api/v1/runs");
    check_number(json, "total", 3);
    check_text(json, "items.0.object", "transaction:0042/2");
    check_text(json, "items.0.state", "overdue");
    check_text(json, "items.0.cause", "missing");
    check_number(json, "items.0.waiting_seconds", 300);
    check_text(json, "items.1.object", "transaction:0042/3");
    check_null(json, "items.1.waiting_seconds");
    check_null(json, "items.1.amount_minor");
    check_text(json, "items.1.missing.0", "0044");
    check_text(json, "items.2.workflow", "sale-posting");
    check_text(json, "items.2.version", "0000000000000abc");
    check_text(json, "items.2.type", "transaction");
    check_text(json, "items.2.scope.storeid", "0042");
    check_text(json, "items.2.code", "E17");
    check_text(json, "items.2.region", "north");
    check_number(json, "items.2.amount_minor", 1234);
    check_text(json, "items.2.currency", "EUR");
    check_number(json, "items.2.attempts", 3);
    check_null(json, "items.2.finished");
    json_decref(json);
    static const struct {
        const char *query;
        int total;
    } asked[] = {{"state=failed", 1},       {"state=running", 0}, {"cause=missing", 1},
                 {"store=0043", 1},         {"store=0999", 0},    {"system=erp", 3},
                 {"step=posted", 3},        {"open=1", 2},        {"workflow=sale-posting", 3},
                 {"region=north", 3},       {"since=-5s", 2},     {"until=-250s", 1},
                 {"workflow=settlement", 0}};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "/api/v1/runs?%s", asked[i].query);
        json = get_json(&world, path);
        check_number(json, "total", asked[i].total);
        assert_int_equal(json_array_size(at(json, "items")), asked[i].total);
        json_decref(json);
    }
    world_fini(&world);
}

/* What is asked for may be a step that is not the worst one; all of it is of one step. */
static void runs__by_step_system_cause__any_trouble_will_do(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct tw_run_row rows[] = {sale_row(world.model, "1", -100), sale_row(world.model, "2", -300),
                                sale_row(world.model, "3", -200)};
    const struct tw_str troubles =
        TW_STR_LIT("[{\"step\":\"posted\",\"system\":\"erp\",\"state\":2,\"cause\":4},"
                   "{\"step\":\"accrued\",\"system\":\"loyalty\",\"state\":3,\"cause\":10},"
                   "{\"cause\":9}]");
    rows[1].troubles = troubles;
    rows[2].troubles = troubles;
    rows[2].finished = moment(-10);
    const struct tw_track_changes changes = {.runs = rows, .run_count = 3};
    commit(&world, &changes);
    static const struct {
        const char *query;
        int total;
    } asked[] = {{"step=posted", 3},
                 {"step=accrued", 2},
                 {"step=accrued&open=1", 1},
                 {"workflow=sale-posting&step=accrued", 2},
                 {"system=loyalty", 2},
                 {"cause=missing", 2},
                 {"cause=duplicate", 2},
                 {"cause=rejected", 3},
                 {"step=accrued&cause=missing&system=loyalty", 2},
                 {"step=accrued&cause=rejected", 0},
                 {"step=posted&cause=missing", 0},
                 {"step=accrued&state=overdue", 0},
                 {"step=accrued&store=0999", 0},
                 {"step=stocked", 0}};
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "/api/v1/runs?%s", asked[i].query);
        json_t *json = get_json(&world, path);
        check_number(json, "total", asked[i].total);
        assert_int_equal(json_array_size(at(json, "items")), asked[i].total);
        json_decref(json);
    }
    json_t *json = get_json(&world, "/api/v1/runs?step=accrued&open=1");
    check_text(json, "items.0.step", "posted");
    check_text(json, "items.0.troubles.1.step", "accrued");
    check_text(json, "items.0.troubles.1.state", "overdue");
    check_text(json, "items.0.troubles.1.cause", "missing");
    check_text(json, "items.0.troubles.2.cause", "duplicate");
    check_null(json, "items.0.troubles.2.state");
    json_decref(json);
    world_fini(&world);
}

static void runs__pages__follow_each_other(void **state)
{
    (void)state;
    struct world world;
    char path[256] = "/api/v1/runs?limit=2";
    char ids[5][16];
    struct tw_run_row rows[5];
    world_init(&world);
    for (int i = 0; i < 5; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "%d", i);
        rows[i] = sale_row(world.model, ids[i], -100 - i);
    }
    const struct tw_track_changes changes = {.runs = rows, .run_count = 5};
    commit(&world, &changes);
    for (int i = 4; i >= 0;) {
        json_t *json = get_json(&world, path);
        size_t count = json_array_size(at(json, "items"));
        assert_int_equal(count, i > 0 ? 2 : 1);
        for (size_t k = 0; k < count; k++, i--) {
            char wanted[32];
            (void)snprintf(wanted, sizeof wanted, "transaction:0042/%d", i);
            const json_t *item = json_array_get(at(json, "items"), k);
            assert_string_equal(json_string_value(json_object_get(item, "object")), wanted);
        }
        check_number(json, "total", 5);
        if (i >= 0) {
            (void)snprintf(path, sizeof path, "/api/v1/runs?limit=2&cursor=%s",
                           json_string_value(at(json, "next")));
        } else {
            check_null(json, "next");
        }
        json_decref(json);
    }
    world_fini(&world);
}

static void runs__words_that_are_none__are_answered_with_the_words(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    check_refused(&world, "/api/v1/runs?state=late",
                  "'state' is one of: running, completed, failed, overdue, recovered, compensated");
    check_refused(&world, "/api/v1/runs?cause=x", "'cause' is one of: master-data, throttled");
    check_refused(&world, "/api/v1/runs?workflow=x", "'workflow' is one of: case-sync, click");
    check_refused(&world, "/api/v1/runs?workflow=sale-posting&step=x",
                  "'step' of sale-posting is one of: ");
    check_refused(&world, "/api/v1/runs?open=yes", "'open' is 1");
    check_refused(&world, "/api/v1/runs?limit=0", "'limit'");
    check_refused(&world, "/api/v1/runs?limit=1001", "'limit'");
    check_refused(&world, "/api/v1/runs?cursor=AAAA", "'cursor'");
    check_refused(&world, "/api/v1/runs?colour=red", "no parameter 'colour'");
    world_fini(&world);
}

static void series__unknown_buckets__are_null(void **state)
{
    (void)state;
    struct world world;
    const int64_t start = MODEL_START_NS / TW_NS_PER_S;
    const struct tw_series_name names[] = {
        {0, TW_SERIES_LAST, 1, TW_STR_LIT("step_waiting"),
         TW_STR_LIT("{\"step\":\"posted\",\"workflow\":\"sale-posting\"}")},
        {1, TW_SERIES_LAST, TW_NS_PER_S, TW_STR_LIT("step_waiting"),
         TW_STR_LIT("{\"step\":\"stock\",\"workflow\":\"sale-posting\"}")},
    };
    const struct tw_series_point points[] = {
        {0, start - 60, 7}, {0, start - 40, 9}, {1, start - 60, 1500000000}};
    const struct tw_track_changes changes = {
        .names = names, .name_count = 2, .points = points, .point_count = 3};
    world_init(&world);
    commit(&world, &changes);
    json_t *json =
        get_json(&world, "/api/v1/series?metric=step_waiting&since=-60s&until=-20s&step=10s"
                         "&labels=step=posted,workflow=sale-posting");
    check_number(json, "step", 10);
    assert_int_equal(json_array_size(at(json, "t")), 4);
    assert_int_equal(json_array_size(at(json, "series")), 1);
    check_text(json, "series.0.labels.step", "posted");
    check_number(json, "series.0.v.0", 7);
    check_null(json, "series.0.v.1");
    check_number(json, "series.0.v.2", 9);
    check_null(json, "series.0.v.3");
    json_decref(json);
    json = get_json(&world, "/api/v1/series?metric=step_waiting&labels={%22step%22:%22stock%22}"
                            "&since=-1h");
    assert_int_equal(json_array_size(at(json, "series")), 1);
    check_number(json, "step", 10);
    const json_t *values = at(json, "series.0.v");
    double sum = 0;
    for (size_t i = 0; i < json_array_size(values); i++) {
        sum += json_number_value(json_array_get(values, i));
    }
    assert_true(sum > 1.49 && sum < 1.51);
    json_decref(json);
    json = get_json(&world, "/api/v1/series?metric=nothing");
    assert_int_equal(json_array_size(at(json, "series")), 0);
    json_decref(json);
    check_refused(&world, "/api/v1/series", "'metric'");
    check_refused(&world, "/api/v1/series?metric=x&step=0", "'step'");
    check_refused(&world, "/api/v1/series?metric=x&step=1y", "'step'");
    check_refused(&world, "/api/v1/series?metric=x&step=367d", "'step'");
    check_refused(&world, "/api/v1/series?metric=x&labels=a", "'labels'");
    check_refused(&world, "/api/v1/series?metric=x&labels={%22a%22:1}", "'labels'");
    check_refused(&world, "/api/v1/series?metric=x&labels=a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1",
                  "at most 8 names");
    check_refused(&world, "/api/v1/series?metric=x&since=-1m&until=-2m", "'since'");
    world_fini(&world);
}

static void workflows__without_a_tracker__definitions_and_nulls(void **state)
{
    (void)state;
    struct world world;
    const struct tw_track_changes nothing = {.run_count = 0};
    world_init(&world);
    commit(&world, &nothing);
    json_t *json = get_json(&world, "/api/v1/workflows?limit=1000");
    assert_int_equal(json_array_size(at(json, "items")), world.workflows->count);
    check_number(json, "total", (double)world.workflows->count);
    check_text(json, "items.0.name", world.workflows->items[0].name);
    check_null(json, "items.0.verdict");
    check_null(json, "items.0.steps.0.waiting");
    json_decref(json);
    json = get_json(&world, "/api/v1/workflows?limit=1");
    char path[128];
    (void)snprintf(path, sizeof path, "/api/v1/workflows?limit=1&cursor=%s",
                   json_string_value(at(json, "next")));
    json_decref(json);
    json = get_json(&world, path);
    check_text(json, "items.0.name", world.workflows->items[1].name);
    json_decref(json);
    assert_int_equal(get(&world, "/api/v1/workflows/none"), 404);
    check_refused(&world, "/api/v1/workflows/sale-posting?window=59", "'window'");
    check_refused(&world, "/api/v1/workflows/sale-posting?window=31d", "'window'");
    check_refused(&world, "/api/v1/workflows/sale-posting?window=", "'window'");
    world_fini(&world);
}

static void workflow__live_document__is_beside_the_definition(void **state)
{
    (void)state;
    struct world world;
    const int64_t start = MODEL_START_NS / TW_NS_PER_S;
    const struct tw_live live[] = {
        {TW_STR_LIT("workflow/sale-posting"),
         TW_STR_LIT("{\"at\":\"2026-11-18T00:00:00.000000Z\",\"verdict\":\"warn\",\"runs\":"
                    "{\"open\":4},\"steps\":[{\"name\":\"posted\",\"rate\":2.5,\"waiting\":4,"
                    "\"lag\":{\"p50\":1.5},\"drain_seconds\":\"growing\",\"verdict\":\"warn\"}]}")},
    };
    const struct tw_series_name names[] = {
        {0, TW_SERIES_SUM, 1, TW_STR_LIT("step_done"),
         TW_STR_LIT("{\"step\":\"posted\",\"workflow\":\"sale-posting\"}")}};
    const struct tw_series_point points[] = {{0, start - 60, 30}, {0, start - 30, 6}};
    const struct tw_track_changes changes = {.live = live,
                                             .live_count = 1,
                                             .names = names,
                                             .name_count = 1,
                                             .points = points,
                                             .point_count = 2};
    world_init(&world);
    commit(&world, &changes);
    const struct tw_workflow *sale = tw_workflows_find(world.workflows, "sale-posting");
    size_t index = 0;
    while (strcmp(sale->steps[index].name, "posted") != 0) {
        index++;
    }
    json_t *json = get_json(&world, "/api/v1/workflows/sale-posting");
    check_text(json, "object", "transaction");
    check_text(json, "verdict", "warn");
    check_number(json, "runs.open", 4);
    check_number(json, "window", 300);
    assert_int_equal(json_array_size(at(json, "steps")), sale->step_count);
    json_t *step = json_array_get(at(json, "steps"), index);
    check_text(step, "system", "erp");
    check_number(step, "rate", 2.5);
    check_number(step, "waiting", 4);
    check_number(step, "lag.p50", 1.5);
    check_text(step, "drain_seconds", "growing");
    check_null(step, "oldest_age");
    assert_true(json_array_size(at(step, "event")) > 0);
    json_decref(json);
    json = get_json(&world, "/api/v1/workflows/sale-posting?window=10m");
    step = json_array_get(at(json, "steps"), index);
    check_number(json, "window", 600);
    check_number(step, "done_count", 36);
    check_number(step, "rate", 0.06);
    check_number(step, "lag.count", 0);
    check_null(step, "lag.p50");
    json_decref(json);
    world_fini(&world);
}

/* Between case-sync and click-and-collect; its definition is what the store has kept of it. */
static void workflows__removed_but_with_runs__are_among_them_by_name(void **state)
{
    (void)state;
    static const char yaml[] = "name: checkout\ntitle: Checkout\nowner: me\nobject: order\n"
                               "timing: batch\ncriticality: standard\nsteps:\n"
                               "  - {name: begin, system: pos, event: a.b}\n";
    struct world world;
    struct tw_diag diag = {""};
    const struct tw_workflows *old = NULL;
    char document[256];
    world_init(&world);
    assert_int_equal(tw_workflows_parse(world.cfg, "c.yaml", yaml, strlen(yaml), stderr, &old),
                     TW_OK);
    uint64_t version = old->items[0].version;
    tw_workflows_unref(&old);
    assert_int_equal(tw_store_register_workflow(world.model->store, "checkout", version,
                                                TW_STR_LIT(yaml), &diag),
                     TW_OK);
    (void)snprintf(document, sizeof document,
                   "{\"version\":\"%016llx\",\"removed\":true,\"verdict\":\"warn\",\"steps\":[]}",
                   (unsigned long long)version);
    const struct tw_live live[] = {
        {TW_STR_LIT("workflow/checkout"), tw_str_of(document)},
        {TW_STR_LIT("workflow/chess"), TW_STR_LIT("{\"version\":\"12\",\"removed\":true}")},
        {TW_STR_LIT("workflow/old"), TW_STR_LIT("{\"verdict\":\"ok\"}")},
    };
    const struct tw_track_changes changes = {.live = live, .live_count = 3};
    commit(&world, &changes);
    json_t *json = get_json(&world, "/api/v1/workflows?limit=1000");
    check_number(json, "total", (double)world.workflows->count + 1); /* chess is not kept */
    check_text(json, "items.0.name", "case-sync");
    assert_true(json_is_false(at(json, "items.0.removed")));
    check_text(json, "items.1.name", "checkout");
    assert_true(json_is_true(at(json, "items.1.removed")));
    check_text(json, "items.1.verdict", "warn");
    check_text(json, "items.2.name", "click-and-collect");
    json_decref(json);
    char path[128] = "/api/v1/workflows?limit=1";
    size_t seen = 0;
    for (bool has_more = true; has_more; seen++) {
        json = get_json(&world, path);
        assert_int_equal(json_array_size(at(json, "items")), 1);
        has_more = json_is_string(at(json, "next"));
        (void)snprintf(path, sizeof path, "/api/v1/workflows?limit=1&cursor=%s",
                       has_more ? json_string_value(at(json, "next")) : "");
        json_decref(json);
    }
    assert_int_equal(seen, world.workflows->count + 1);
    json = get_json(&world, "/api/v1/workflows/checkout?window=10m");
    assert_true(json_is_true(at(json, "removed")));
    check_text(json, "title", "Checkout");
    check_number(json, "steps.0.done_count", 0);
    json_decref(json);
    assert_int_equal(get(&world, "/api/v1/workflows/old"), 404);
    assert_int_equal(get(&world, "/api/v1/workflows/chess"), 404);
    world_fini(&world);
}

static void objectives__live_spend_and_openslo(void **state)
{
    (void)state;
    struct world world;
    const int64_t hour = MODEL_START_NS / TW_NS_PER_S / 3600 * 3600;
    const struct tw_live live[] = {
        {TW_STR_LIT("objective/sales-complete"),
         TW_STR_LIT("{\"good\":99,\"bad\":1,\"total\":100,\"undecided\":2,\"ratio\":0.99,"
                    "\"budget_remaining\":0.5,\"burn\":{\"5m\":1.5},\"exhaustion\":null,\"window\":"
                    "{\"seconds\":2592000,"
                    "\"from\":\"2026-11-01T00:00:00Z\"}}")}};
    const struct tw_spend spends[] = {{TW_STR_LIT("sales-complete"), hour, TW_CAUSE_REJECTED,
                                       TW_STR_LIT("erp"), TW_STR_LIT("0042"), 3},
                                      {TW_STR_LIT("sales-complete"), hour, TW_CAUSE_MISSING,
                                       TW_STR_LIT("loyalty"), TW_STR_LIT(""), 5}};
    const struct tw_track_changes changes = {
        .live = live, .live_count = 1, .spends = spends, .spend_count = 2};
    world_init(&world);
    commit(&world, &changes);
    json_t *json = get_json(&world, "/api/v1/objectives/sales-complete");
    check_text(json, "name", "sales-complete");
    check_text(json, "workflow", "sale-posting");
    check_text(json, "kind", "completion");
    check_number(json, "good", 99);
    check_number(json, "burn.5m", 1.5);
    check_null(json, "exhaustion");
    assert_true(json_number_value(at(json, "window.seconds")) > 0);
    check_text(json, "spend.cause.0.what", "missing");
    check_number(json, "spend.cause.0.bad", 5);
    check_text(json, "spend.system.1.what", "erp");
    check_null(json, "spend.store.0.what");
    check_text(json, "spend.store.1.what", "0042");
    json_decref(json);
    json = get_json(&world, "/api/v1/objectives/sales-complete?until=-2h");
    assert_int_equal(json_array_size(at(json, "spend.cause")), 0);
    json_decref(json);
    json = get_json(&world, "/api/v1/objectives/sales-complete?format=openslo");
    check_text(json, "apiVersion", "openslo/v1");
    check_text(json, "metadata.name", "sales-complete");
    json_decref(json);
    check_refused(&world, "/api/v1/objectives/sales-complete?format=x", "json, openslo");
    assert_int_equal(get(&world, "/api/v1/objectives/none"), 404);
    world_fini(&world);
}

static void objectives__list__by_name_in_pages(void **state)
{
    (void)state;
    struct world world;
    const struct tw_track_changes nothing = {.run_count = 0};
    char path[256] = "/api/v1/objectives?limit=3";
    char last[64] = "";
    size_t seen = 0;
    size_t wanted = 0;
    world_init(&world);
    commit(&world, &nothing);
    for (size_t i = 0; i < world.workflows->count; i++) {
        wanted += world.workflows->items[i].objective_count;
    }
    for (bool has_more = true; has_more;) {
        json_t *json = get_json(&world, path);
        for (size_t i = 0; i < json_array_size(at(json, "items")); i++, seen++) {
            const char *name =
                json_string_value(json_object_get(json_array_get(at(json, "items"), i), "name"));
            assert_true(strcmp(name, last) > 0);
            (void)snprintf(last, sizeof last, "%s", name);
        }
        has_more = json_is_string(at(json, "next"));
        (void)snprintf(path, sizeof path, "/api/v1/objectives?limit=3&cursor=%s",
                       has_more ? json_string_value(at(json, "next")) : "");
        check_number(json, "total", (double)wanted);
        json_decref(json);
    }
    assert_int_equal(seen, wanted);
    json_t *json = get_json(&world, "/api/v1/objectives?workflow=sale-posting");
    check_text(json, "items.0.workflow", "sale-posting");
    assert_true(json_array_size(at(json, "items")) < wanted);
    check_null(json, "items.0.good");
    json_decref(json);
    check_refused(&world, "/api/v1/objectives?workflow=x", "'workflow' is one of: case-sync");
    world_fini(&world);
}

static void overview__says_all_five(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct tw_run_row rows[] = {sale_row(world.model, "1", -100), sale_row(world.model, "2", -300)};
    rows[1].state = TW_RUN_IS_OVERDUE;
    const struct tw_live live[] = {
        {TW_STR_LIT("overview"),
         TW_STR_LIT("{\"watermark\":\"2026-11-18T00:00:00.000000Z\",\"open_runs\":7,"
                    "\"workflows\":[{\"workflow\":\"sale-posting\"}],\"objectives\":[],"
                    "\"systems\":[{\"system\":\"erp\"}]}")}};
    const struct tw_track_changes changes = {
        .runs = rows, .run_count = 2, .live = live, .live_count = 1};
    commit(&world, &changes);
    json_t *json = get_json(&world, "/api/v1/overview");
    check_number(json, "where.open_runs", 7);
    check_number(json, "failing.count", 1);
    check_text(json, "failing.runs.0.object", "transaction:0042/1");
    check_number(json, "missing.overdue.count", 1);
    check_text(json, "workflows.0.workflow", "sale-posting");
    check_text(json, "systems.0.system", "erp");
    check_text(json, "watermark", "2026-11-18T00:00:00.000000Z");
    json_decref(json);
    check_refused(&world, "/api/v1/overview?x=1", "no parameter 'x'");
    world_fini(&world);
}

static void overview__damaged_document__is_said(void **state)
{
    (void)state;
    struct world world;
    const struct tw_live live[] = {{TW_STR_LIT("overview"), TW_STR_LIT("{\"broken\"")}};
    const struct tw_track_changes changes = {.live = live, .live_count = 1};
    world_init(&world);
    commit(&world, &changes);
    assert_int_equal(get(&world, "/api/v1/overview"), 500);
    assert_non_null(strstr(world.body, "store-damaged"));
    world_fini(&world);
}

static void set_workflows__next_call__sees_the_new_set(void **state)
{
    (void)state;
    static const char yaml[] = "name: one\ntitle: One\nowner: me\nobject: order\ntiming: batch\n"
                               "criticality: standard\nsteps:\n"
                               "  - {name: begin, system: pos, event: a.b}\n";
    struct world world;
    const struct tw_track_changes nothing = {.run_count = 0};
    const struct tw_workflows *set = NULL;
    world_init(&world);
    commit(&world, &nothing);
    assert_int_equal(tw_workflows_parse(world.cfg, "one.yaml", yaml, strlen(yaml), stderr, &set),
                     TW_OK);
    tw_web_set_workflows(world.web, set);
    tw_workflows_unref(&set);
    json_t *json = get_json(&world, "/api/v1/workflows");
    check_number(json, "total", 1);
    check_text(json, "items.0.name", "one");
    json_decref(json);
    world_fini(&world);
}

static void metrics__what_is_not_known__has_no_sample(void **state)
{
    (void)state;
    struct world world;
    const struct tw_live live[] = {
        {TW_STR_LIT("workflow/sale-posting"),
         TW_STR_LIT("{\"workflow\":\"sale-posting\",\"runs\":{\"open\":4,\"failed\":1},\"steps\":[{"
                    "\"name\":\"posted\",\"waiting\":4,\"rate\":null,\"drain_seconds\":\"growing\","
                    "\"lag\":{\"p50\":1.5,\"p95\":null},\"verdict\":\"stall\"}]}")},
        {TW_STR_LIT("workflow/taken-away"),
         TW_STR_LIT("{\"workflow\":\"taken-away\",\"runs\":{\"open\":4},\"steps\":[]}")},
        {TW_STR_LIT("objective/sales-complete"),
         TW_STR_LIT("{\"objective\":\"sales-complete\",\"workflow\":\"sale-posting\",\"good\":9,"
                    "\"ratio\":null,\"burn\":{\"5m\":1.5,\"1h\":null}}")},
        {TW_STR_LIT("objective/taken-away"), TW_STR_LIT("{\"objective\":\"taken-away\"}")},
        {TW_STR_LIT("overview"), TW_STR_LIT("{\"open_runs\":7,\"systems\":[{\"system\":\"erp\","
                                            "\"watermark_lag\":2.5}]}")},
    };
    static const char *const wanted[] = {
        "\ntillwatch_workflow_open{workflow=\"sale-posting\"} 4\n",
        "\ntillwatch_workflow_runs{workflow=\"sale-posting\",state=\"failed\"} 1\n",
        "\ntillwatch_step_waiting{workflow=\"sale-posting\",step=\"posted\"} 4\n",
        "\ntillwatch_step_drain_seconds{workflow=\"sale-posting\",step=\"posted\"} +Inf\n",
        "\ntillwatch_step_verdict{workflow=\"sale-posting\",step=\"posted\"} 4\n",
        "step=\"posted\",percentile=\"50\"} 1.5\n",
        "\ntillwatch_objective_good{objective=\"sales-complete\",workflow=\"sale-posting\"} 9\n",
        "workflow=\"sale-posting\",window=\"5m\"} 1.5\n",
        "\ntillwatch_system_watermark_lag_seconds{system=\"erp\"} 2.5\n",
        "\ntillwatch_track_open_runs 7\n",
    };
    static const char *const unwanted[] = {
        "taken-away",        "\ntillwatch_step_throughput{",
        "percentile=\"95\"", "\ntillwatch_objective_ratio{",
        "window=\"1h\"",     "\ntillwatch_track_given_up_total "};
    const struct tw_track_changes changes = {.live = live, .live_count = 5};
    world_init(&world);
    commit(&world, &changes);
    assert_int_equal(get(&world, "/metrics"), 200);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        if (strstr(world.body, wanted[i]) == NULL) {
            print_error("missing: %s\n", wanted[i]);
        }
        assert_non_null(strstr(world.body, wanted[i]));
    }
    for (size_t i = 0; i < sizeof unwanted / sizeof unwanted[0]; i++) {
        if (strstr(world.body, unwanted[i]) != NULL) {
            print_error("there: %s\n", unwanted[i]);
        }
        assert_null(strstr(world.body, unwanted[i]));
    }
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs__with_filters__longest_waiting_first),
        cmocka_unit_test(runs__by_step_system_cause__any_trouble_will_do),
        cmocka_unit_test(runs__pages__follow_each_other),
        cmocka_unit_test(runs__words_that_are_none__are_answered_with_the_words),
        cmocka_unit_test(series__unknown_buckets__are_null),
        cmocka_unit_test(workflows__without_a_tracker__definitions_and_nulls),
        cmocka_unit_test(workflow__live_document__is_beside_the_definition),
        cmocka_unit_test(workflows__removed_but_with_runs__are_among_them_by_name),
        cmocka_unit_test(objectives__live_spend_and_openslo),
        cmocka_unit_test(objectives__list__by_name_in_pages),
        cmocka_unit_test(overview__says_all_five),
        cmocka_unit_test(overview__damaged_document__is_said),
        cmocka_unit_test(set_workflows__next_call__sees_the_new_set),
        cmocka_unit_test(metrics__what_is_not_known__has_no_sample),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
