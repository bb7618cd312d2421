/* SPDX-License-Identifier: Apache-2.0
 * What the web half says of tracking: runs, series, workflows, objectives, the overview. The store
 * is filled through its writing side; the definitions are those of the retail pack. */
#include "config.h"
#include "web/server.h"

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "store_model.h"

#define ANSWER_BYTES (1u << 20)

struct world {
    struct model *model;
    struct tw_cfg *cfg;
    char ui[64];
    char *own_dir; /* what the configuration had before the test */
    char *own_ui;
    char *own_listen;
    const struct tw_workflows *workflows;
    struct tw_web *web;
    char *answer;
    char *body; /* in answer */
};

/* ---- the world */

/* The store's time stands still; deadlines run. */
static tw_wall_t wall_of_model(struct tw_clock *self)
{
    (void)self;
    return (tw_wall_t){MODEL_START_NS};
}

static tw_mono_t mono_of_system(struct tw_clock *self)
{
    (void)self;
    struct tw_clock *system = tw_clock_system();
    return system->mono(system);
}

static struct tw_clock test_clock = {.wall = wall_of_model, .mono = mono_of_system};

static void world_init(struct world *self)
{
    static char listen[] = "127.0.0.1:0";
    char path[96];
    struct tw_diag diag = {""};
    *self = (struct world){.ui = "/tmp/tw-web-track-XXXXXX"};
    self->model = model_new(1);
    assert_int_equal(tw_cfg_load(NULL, stderr, &self->cfg), TW_OK);
    self->own_dir = self->cfg->store.dir;
    self->own_ui = self->cfg->web.ui_dir;
    self->own_listen = self->cfg->web.listen;
    assert_non_null(mkdtemp(self->ui));
    (void)snprintf(path, sizeof path, "%s/index.html", self->ui);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "<p>", 3), 3);
    assert_int_equal(close(fd), 0);
    self->cfg->store.dir = self->model->dir;
    self->cfg->web.ui_dir = self->ui;
    self->cfg->web.listen = listen;
    assert_int_equal(tw_workflows_load(self->cfg, stderr, &self->workflows), TW_OK);
    assert_true(self->workflows->count >= 10);
    assert_int_equal(tw_web_new(self->cfg, self->workflows, &test_clock, &self->web, &diag), TW_OK);
    self->answer = malloc(ANSWER_BYTES);
    assert_non_null(self->answer);
}

static void world_fini(struct world *self)
{
    char path[96];
    assert_int_equal(tw_web_destroy(&self->web), TW_OK);
    tw_workflows_unref(&self->workflows);
    (void)snprintf(path, sizeof path, "%s/index.html", self->ui);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(self->ui), 0);
    self->cfg->store.dir = self->own_dir;
    self->cfg->web.ui_dir = self->own_ui;
    self->cfg->web.listen = self->own_listen;
    tw_cfg_destroy(&self->cfg);
    model_free(self->model);
    free(self->answer);
}

/* GET; the status. The body is in self->body. */
static int get(struct world *self, const char *path)
{
    char request[512];
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(tw_web_port(self->web)),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof address), 0);
    int len = snprintf(request, sizeof request,
                       "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    assert_int_equal(send(fd, request, (size_t)len, MSG_NOSIGNAL), len);
    size_t used = 0;
    for (;;) {
        ssize_t got = recv(fd, self->answer + used, ANSWER_BYTES - 1 - used, 0);
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
    }
    assert_int_equal(close(fd), 0);
    self->answer[used] = '\0';
    self->body = strstr(self->answer, "\r\n\r\n");
    assert_non_null(self->body);
    self->body += 4;
    return (int)strtol(self->answer + 9, NULL, 10);
}

/* The answer of a call that must succeed; owned. */
static json_t *get_json(struct world *self, const char *path)
{
    json_error_t error;
    int status = get(self, path);
    if (status != 200) {
        print_error("%s: %d\n%s\n", path, status, self->body);
    }
    assert_int_equal(status, 200);
    json_t *json = json_loads(self->body, 0, &error);
    assert_non_null(json);
    return json;
}

static void check_refused(struct world *self, const char *path, const char *words)
{
    int status = get(self, path);
    if (status != 400 || strstr(self->body, words) == NULL) {
        print_error("%s: %d\n%s\nwanted: %s\n", path, status, self->body, words);
    }
    assert_int_equal(status, 400);
    assert_non_null(strstr(self->body, words));
}

/* "a.b.0.c" in a document; NULL when it is not there. */
static json_t *at(json_t *json, const char *path)
{
    char part[64];
    while (*path != '\0' && json != NULL) {
        size_t len = strcspn(path, ".");
        assert_true(len < sizeof part);
        memcpy(part, path, len);
        part[len] = '\0';
        path += path[len] == '.' ? len + 1 : len;
        json = json_is_array(json) ? json_array_get(json, (size_t)strtol(part, NULL, 10))
                                   : json_object_get(json, part);
    }
    return json;
}

static void check_text(json_t *json, const char *path, const char *wanted)
{
    const char *text = json_string_value(at(json, path));
    if (text == NULL) {
        print_error("%s is no text\n", path);
    }
    assert_non_null(text);
    assert_string_equal(text, wanted);
}

static void check_number(json_t *json, const char *path, double wanted)
{
    const json_t *value = at(json, path);
    if (!json_is_number(value)) {
        print_error("%s is no number\n", path);
    }
    assert_true(json_is_number(value));
    double difference = json_number_value(value) - wanted;
    assert_true(difference < 1e-9 && difference > -1e-9);
}

static void check_null(json_t *json, const char *path)
{
    assert_true(json_is_null(at(json, path)));
}

/* ---- what tracking committed */

static tw_wall_t moment(int64_t seconds)
{
    return (tw_wall_t){MODEL_START_NS + seconds * TW_NS_PER_S};
}

static struct tw_run_row sale_row(const struct model *model, const char *id, int64_t since_s)
{
    return (struct tw_run_row){
        .workflow = TW_STR_LIT("sale-posting"),
        .version = 0xabc,
        .object_type = (uint16_t)model->codes[TRANSACTION],
        .object_id = tw_str_of(id),
        .object_scope = TW_STR_LIT("0042"),
        .state = TW_RUN_IS_FAILED,
        .cause = TW_CAUSE_REJECTED,
        .step = TW_STR_LIT("posted"),
        .system = TW_STR_LIT("erp"),
        .destination = TW_STR_LIT("posted"),
        .store = TW_STR_LIT("0042"),
        .region = TW_STR_LIT("north"),
        .code = TW_STR_LIT("E17"),
        .started = moment(since_s - 5),
        .since = moment(since_s),
        .due = moment(since_s + 60),
        .updated = moment(since_s),
        .amount_minor = 1234,
        .currency = "EUR",
        .first_n = 1,
        .last_n = 2,
        .attempts = 3,
    };
}

/* One record, so that there is a partition, and these changes. */
static void commit(struct world *self, const struct tw_track_changes *changes)
{
    static const char json[] = "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/pos/1\","
                               "\"type\":\"x\"}";
    struct model *model = self->model;
    struct tw_object object = model_object(model, ORDER, "", "none");
    (void)model_event(model, 0, json, &object, 1);
    model->track = changes;
    model_commit(model);
}

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

/* ---- runs of journeys */

/* An event of this type about these objects; `more` is further members, with a leading comma. */
static void event(struct world *self, int64_t time_s, const char *type, const char *more,
                  const struct tw_object *objects, size_t count)
{
    char json[512];
    (void)snprintf(json, sizeof json,
                   "{\"specversion\":\"1.0\",\"id\":\"%zu\",\"source\":\"/x/1\",\"type\":\"%s\"%s}",
                   self->model->count, type, more);
    (void)model_event(self->model, time_s, json, objects, count);
}

static void sale_event(struct world *self, int64_t time_s, const char *type, const char *more)
{
    struct tw_object object = model_object(self->model, TRANSACTION, "0042", "1");
    event(self, time_s, type, more, &object, 1);
}

static void check_steps(json_t *run, const char *wanted)
{
    char states[256] = "";
    const json_t *steps = at(run, "steps");
    for (size_t i = 0; i < json_array_size(steps); i++) {
        const json_t *step = json_array_get(steps, i);
        size_t used = strlen(states);
        (void)snprintf(states + used, sizeof states - used, "%s%s=%s", used == 0 ? "" : " ",
                       json_string_value(json_object_get(step, "name")),
                       json_string_value(json_object_get(step, "state")));
    }
    assert_string_equal(states, wanted);
}

/* The collector has read everything up to this second of the model. */
static struct tw_live watermark(char *buf, size_t size, int64_t seconds)
{
    char text[TW_TIME_TEXT_SIZE];
    tw_wall_format(moment(seconds), text);
    (void)snprintf(buf, size, "{\"watermark\":\"%s\",\"systems\":[]}", text);
    return (struct tw_live){TW_STR_LIT("overview"), tw_str_of(buf)};
}

static void commit_with(struct world *self, const struct tw_track_changes *changes)
{
    self->model->track = changes;
    model_commit(self->model);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs__with_filters__longest_waiting_first),
        cmocka_unit_test(runs__pages__follow_each_other),
        cmocka_unit_test(runs__words_that_are_none__are_answered_with_the_words),
        cmocka_unit_test(series__unknown_buckets__are_null),
        cmocka_unit_test(workflows__without_a_tracker__definitions_and_nulls),
        cmocka_unit_test(workflow__live_document__is_beside_the_definition),
        cmocka_unit_test(objectives__live_spend_and_openslo),
        cmocka_unit_test(objectives__list__by_name_in_pages),
        cmocka_unit_test(overview__says_all_five),
        cmocka_unit_test(overview__damaged_document__is_said),
        cmocka_unit_test(set_workflows__next_call__sees_the_new_set),
        cmocka_unit_test(metrics__what_is_not_known__has_no_sample),
        cmocka_unit_test(journey__run_without_row__is_judged_at_the_watermark),
        cmocka_unit_test(journey__run_with_row__shows_its_state_and_version),
        cmocka_unit_test(journey__fan_out__knows_the_stores_of_the_row),
        cmocka_unit_test(journey__conditions_on_numbers_and_booleans__hold_as_in_decoding),
        cmocka_unit_test(journey__too_many_linked_objects__runs_are_partial),
        cmocka_unit_test(journey__linked_object_of_another_key__brings_its_runs),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
