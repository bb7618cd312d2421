/* SPDX-License-Identifier: Apache-2.0
 * The calls about tracking when memory runs out: the n-th allocation of ours fails, for every n.
 * The answer is whole or a problem, nothing is lost, and the next call is answered. Those of the
 * JSON library are left alone: version 2.14 frees what it has not allocated when it runs out of
 * memory in the middle of a text. */
#include "config.h"
#include "web/kept.h"
#include "web/router.h"
#include "web/stream.h"

#include "store/desk_read.h"
#include "web/readers.h"

#include "store_model.h"

/* The linker gives us these names (--wrap). */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static int64_t left = -1; /* allocations until one fails; below 0: none does */
static bool has_failed;

static bool fails(void)
{
    if (left < 0) {
        return false;
    }
    has_failed = has_failed || left == 0;
    return left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

struct world {
    struct model *model;
    struct tw_cfg *cfg;
    struct tw_web_state web;
    struct tw_reader *reader;
    struct tw_lease lease; /* what calls leave for those after them */
};

static void add_event(struct model *model, int64_t time_s, const char *type, const char *more)
{
    char json[256];
    struct tw_object object = model_object(model, TRANSACTION, "0042", "1");
    (void)snprintf(json, sizeof json,
                   "{\"specversion\":\"1.0\",\"id\":\"%zu\",\"source\":\"/x\",\"type\":\"%s\"%s}",
                   model->count, type, more);
    (void)model_event(model, time_s, json, &object, 1);
}

static void fill(struct model *model)
{
    const struct tw_run_row row = {.workflow = TW_STR_LIT("sale-posting"),
                                   .version = 0xabc,
                                   .object_type = (uint16_t)model->codes[TRANSACTION],
                                   .object_id = TW_STR_LIT("1"),
                                   .object_scope = TW_STR_LIT("0042"),
                                   .state = TW_RUN_IS_FAILED,
                                   .cause = TW_CAUSE_REJECTED,
                                   .step = TW_STR_LIT("posted"),
                                   .system = TW_STR_LIT("erp"),
                                   .started = {MODEL_START_NS},
                                   .since = {MODEL_START_NS},
                                   .updated = {MODEL_START_NS}};
    const struct tw_series_name name = {
        0, TW_SERIES_SUM, 1, TW_STR_LIT("step_done"),
        TW_STR_LIT("{\"step\":\"posted\",\"workflow\":\"sale-posting\"}")};
    const struct tw_series_point point = {0, MODEL_START_NS / TW_NS_PER_S / 10 * 10 - 60, 3};
    const struct tw_live live[] = {
        {TW_STR_LIT("workflow/sale-posting"),
         TW_STR_LIT("{\"workflow\":\"sale-posting\",\"runs\":{\"open\":1},\"steps\":[{\"name\":"
                    "\"posted\",\"waiting\":4,\"lag\":{\"p50\":1.5},\"verdict\":\"ok\"}]}")},
        {TW_STR_LIT("objective/sales-complete"),
         TW_STR_LIT("{\"objective\":\"sales-complete\",\"good\":9,\"burn\":{\"5m\":1.5}}")},
        {TW_STR_LIT("overview"), TW_STR_LIT("{\"systems\":[{\"system\":\"erp\"}]}")}};
    static struct tw_track_changes changes; /* for the commit below */
    changes = (struct tw_track_changes){.runs = &row,
                                        .run_count = 1,
                                        .names = &name,
                                        .name_count = 1,
                                        .points = &point,
                                        .point_count = 1,
                                        .live = live,
                                        .live_count = 3};
    add_event(model, -100, "com.tillwatch.pos.sale.completed", ",\"lanes\":3");
    add_event(model, -90, "com.tillwatch.middleware.sale.received", "");
    model->track = &changes;
    model_commit(model);
}

/* No connection is behind its clients. */
static const struct tw_stream_port port = {NULL, NULL, NULL};

static void world_init(struct world *self)
{
    struct tw_diag diag = {""};
    *self = (struct world){.model = model_new(1)};
    fill(self->model);
    assert_int_equal(tw_cfg_load(NULL, stderr, &self->cfg), TW_OK);
    self->web = (struct tw_web_state){.cfg = self->cfg, .clock = tw_clock_system()};
    self->web.local = (struct tw_principal){
        .kind = TW_PRINCIPAL_OPEN, .name = TW_STR_LIT("local"), .role = TW_ROLE_ADMIN};
    assert_int_equal(pthread_mutex_init(&self->web.mtx, NULL), 0);
    assert_int_equal(tw_workflows_load(self->cfg, stderr, &self->web.workflows), TW_OK);
    assert_int_equal(tw_streams_new(&port, 1, 1, &self->web.streams), TW_OK);
    assert_int_equal(tw_reader_open(self->model->dir, &self->reader, &diag), TW_OK);
}

static void world_fini(struct world *self)
{
    json_decref(self->lease.overview);
    free(self->lease.overview_text);
    tw_matcher_destroy(&self->lease.matcher);
    tw_workflows_unref(&self->lease.matched);
    tw_desk_reader_close(&self->lease.desk);
    tw_reader_close(&self->reader);
    tw_streams_destroy(&self->web.streams);
    tw_workflows_unref(&self->web.workflows);
    (void)pthread_mutex_destroy(&self->web.mtx);
    tw_cfg_destroy(&self->cfg);
    model_free(self->model);
}

static const struct tw_web_route *route_of(const char *pattern)
{
    size_t count = 0;
    const struct tw_web_route *table = tw_router_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(table[i].pattern, pattern) == 0) {
            return &table[i];
        }
    }
    fail_msg("no route %s", pattern);
    return NULL;
}

/* The status of one call in which the `nth` allocation fails (below 0: none). */
static int ask(struct world *self, const struct tw_web_route *route, const char *target,
               int64_t nth)
{
    struct tw_arena arena;
    struct tw_http_request request = {.method = TW_METHOD_GET,
                                      .head = {.accept_encoding = TW_STR_LIT("gzip")}};
    struct tw_clock *clock = tw_clock_system();
    const char *mark = strchr(target, '?');
    size_t len = mark == NULL ? strlen(target) : (size_t)(mark - target);
    tw_arena_init(&arena, (size_t)64 << 20);
    struct tw_call call = {.web = &self->web,
                           .request = &request,
                           .principal = &self->web.local,
                           .reader = self->reader,
                           .lease = &self->lease,
                           .arena = &arena,
                           .workflows = self->web.workflows,
                           .now = {MODEL_START_NS},
                           .deadline = {clock->mono(clock).ns + 60 * TW_NS_PER_S}};
    request.path = (struct tw_str){target, len};
    tw_reader_set_deadline(self->reader, call.deadline);
    tw_response_init(&call.response);
    assert_int_equal(tw_kept_new(&self->web.kept), TW_OK);
    left = nth;
    has_failed = false;
    tw_router_run(route, tw_str_of(target), &request, &call);
    left = -1;
    int status = call.response.status;
    assert_true((call.response.len > 0 || call.response.stream != NULL) && status >= 200);
    tw_response_fini(&call.response);
    tw_kept_destroy(&self->web.kept);
    tw_arena_fini(&arena);
    return status;
}

static void calls__nth_allocation_fails__answer_or_problem(void **state)
{
    (void)state;
    static const char *const calls[][2] = {
        {"/api/v1/runs", "/api/v1/runs?state=failed"},
        {"/api/v1/runs", "/api/v1/runs?workflow=none"},
        {"/api/v1/workflows", "/api/v1/workflows?limit=2"},
        {"/api/v1/workflows/*", "/api/v1/workflows/sale-posting?window=10m"},
        {"/api/v1/objectives", "/api/v1/objectives?workflow=sale-posting"},
        {"/api/v1/objectives/*", "/api/v1/objectives/sales-complete"},
        {"/api/v1/objectives/*", "/api/v1/objectives/sales-complete?format=openslo"},
        {"/api/v1/series",
         "/api/v1/series?metric=step_done&since=-5m&labels={%22step%22:%22posted%22}"},
        {"/api/v1/overview", "/api/v1/overview"},
        {"/api/v1/journeys", "/api/v1/journeys?transaction=1"},
        {"/api/v1/journeys/*", "/api/v1/journeys/transaction:0042/1"},
        {"/metrics", "/metrics"},
        {"/api/v1/stream", "/api/v1/stream"},
    };
    struct world world;
    world_init(&world);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        const struct tw_web_route *route = route_of(calls[i][0]);
        int wanted = ask(&world, route, calls[i][1], -1);
        assert_true(wanted == 200 || strstr(calls[i][1], "none") != NULL);
        int64_t count = 0;
        int problems = 0;
        bool is_through = false;
        /* One by one at first; then in growing steps, up to the last. */
        for (int64_t n = 0; !is_through; n += 1 + n / 64, count++) {
            int status = ask(&world, route, calls[i][1], n);
            is_through = !has_failed;
            assert_true(status == wanted || status == 503);
            problems += status == 503 ? 1 : 0;
            assert_true(!is_through || status == wanted);
        }
        assert_true(problems > 0);
        assert_int_equal(ask(&world, route, calls[i][1], -1), wanted);
    }
    world_fini(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls__nth_allocation_fails__answer_or_problem),
    };
    tw_log_setup(TW_LOG_ERROR, TW_LOG_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
