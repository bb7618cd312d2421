/* SPDX-License-Identifier: Apache-2.0
 * Requests: written by one side, carried out by the other. */
#include "config.h"
#include "store/request.h"

#include <pthread.h>
#include <sys/stat.h>

#include "unit/store_model.h"
#include "store/internal.h"

#define NOW ((tw_wall_t){MODEL_START_NS + 5})

static uint64_t add(const struct model *model, const char *body)
{
    uint64_t id = 0;
    struct tw_diag diag = {{0}};
    assert_int_equal(tw_request_add(model->dir, tw_str_of("quarantine-retry"), tw_str_of(body),
                                    tw_str_of("anna"), NOW, &id, &diag),
                     TW_OK);
    assert_true(id > 0);
    return id;
}

static size_t waiting(const struct model *model, struct tw_arena *arena, size_t limit,
                      const struct tw_request **ret_requests)
{
    size_t count = 99999;
    struct tw_diag diag = {{0}};
    assert_int_equal(tw_request_waiting(model->dir, arena, limit, ret_requests, &count, &diag),
                     TW_OK);
    return count;
}

static bool is_marked(const struct model *model)
{
    char path[256];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/no-requests", model->dir);
    return stat(path, &st) == 0;
}

static void request__added_waited_finished__whole_life(void **state)
{
    (void)state;
    struct model *model = model_new(1);
    struct tw_arena arena;
    tw_arena_init(&arena, 1 << 20);
    const struct tw_request *requests = NULL;
    struct tw_request request;
    struct tw_diag diag = {{0}};
    assert_int_equal(waiting(model, &arena, 10, &requests), 0);
    assert_true(is_marked(model));
    assert_int_equal(waiting(model, &arena, 10, &requests), 0);
    uint64_t first = add(model, "{\"id\":1}");
    assert_false(is_marked(model));
    uint64_t second = add(model, "{\"id\":2}");
    assert_true(second > first);
    assert_int_equal(waiting(model, &arena, 10, &requests), 2);
    assert_int_equal(requests[0].id, first);
    assert_true(tw_str_is(requests[0].kind, "quarantine-retry"));
    assert_true(tw_str_is(requests[0].body, "{\"id\":1}"));
    assert_true(tw_str_is(requests[0].actor, "anna"));
    assert_int_equal(requests[0].created.ns, NOW.ns);
    assert_int_equal(requests[0].state, TW_REQUEST_WAITING);
    assert_null(requests[0].result.ptr);
    assert_int_equal(waiting(model, &arena, 1, &requests), 1);
    assert_int_equal(requests[0].id, first);
    assert_int_equal(
        tw_request_finish(model->dir, first, TW_REQUEST_DONE, tw_str_of("{\"retried\":1}"), &diag),
        TW_OK);
    assert_int_equal(waiting(model, &arena, 10, &requests), 1);
    assert_int_equal(requests[0].id, second);
    assert_int_equal(
        tw_request_finish(model->dir, second, TW_REQUEST_FAILED, tw_str_of("{}"), &diag), TW_OK);
    assert_int_equal(waiting(model, &arena, 10, &requests), 0);
    assert_true(is_marked(model));
    assert_int_equal(tw_request_get(model->dir, &arena, first, &request, &diag), TW_OK);
    assert_int_equal(request.state, TW_REQUEST_DONE);
    assert_true(tw_str_is(request.result, "{\"retried\":1}"));
    assert_int_equal(tw_request_get(model->dir, &arena, second, &request, &diag), TW_OK);
    assert_int_equal(request.state, TW_REQUEST_FAILED);
    tw_arena_fini(&arena);
    model_free(model);
}

static void request__hostile_bytes__kept_exactly(void **state)
{
    (void)state;
    struct model *model = model_new(2);
    struct tw_arena arena;
    tw_arena_init(&arena, 1 << 20);
    struct tw_request request;
    struct tw_diag diag = {{0}};
    const struct tw_str body = {"\xff\0'\";--", 7};
    uint64_t id = 0;
    assert_int_equal(
        tw_request_add(model->dir, tw_str_of("note"), body, TW_STR_NULL, NOW, &id, &diag), TW_OK);
    assert_int_equal(tw_request_get(model->dir, &arena, id, &request, &diag), TW_OK);
    assert_true(tw_str_equal(request.body, body));
    assert_null(request.actor.ptr);
    tw_arena_fini(&arena);
    model_free(model);
}

static void request__wrong_use__each_error_is_named(void **state)
{
    (void)state;
    struct model *model = model_new(3);
    struct tw_arena arena;
    tw_arena_init(&arena, 1 << 20);
    struct tw_request request;
    struct tw_diag diag = {{0}};
    const struct tw_request *requests = NULL;
    size_t count = 0;
    uint64_t id = 0;
    static const char nowhere[] = "/tmp/tw-test-there-is-none";
    const struct tw_str kind = tw_str_of("k");
    assert_int_equal(tw_request_add(model->dir, TW_STR_NULL, kind, kind, NOW, &id, &diag),
                     TW_EINVAL);
    assert_int_equal(tw_request_add(nowhere, kind, kind, kind, NOW, &id, &diag), TW_ENOTFOUND);
    assert_non_null(strstr(diag.text, "start the collector"));
    assert_int_equal(id, 0);
    assert_int_equal(tw_request_get(nowhere, &arena, 1, &request, &diag), TW_ENOTFOUND);
    assert_int_equal(tw_request_waiting(nowhere, &arena, 1, &requests, &count, &diag),
                     TW_ENOTFOUND);
    assert_int_equal(tw_request_finish(nowhere, 1, TW_REQUEST_DONE, kind, &diag), TW_ENOTFOUND);
    assert_int_equal(tw_request_get(model->dir, &arena, 1, &request, &diag), TW_ENOTFOUND);
    assert_int_equal(tw_request_get(model->dir, &arena, 0, &request, &diag), TW_ENOTFOUND);
    assert_int_equal(tw_request_get(model->dir, &arena, UINT64_MAX, &request, &diag), TW_ENOTFOUND);
    assert_int_equal(tw_request_finish(model->dir, 1, TW_REQUEST_DONE, kind, &diag), TW_ENOTFOUND);
    id = add(model, "{}");
    assert_int_equal(tw_request_finish(model->dir, id, TW_REQUEST_WAITING, kind, &diag), TW_EINVAL);
    assert_int_equal(tw_request_finish(model->dir, id, TW_REQUEST_DONE, kind, &diag), TW_OK);
    assert_int_equal(tw_request_finish(model->dir, id, TW_REQUEST_DONE, kind, &diag),
                     TW_ENOTFOUND); /* once only */
    id = add(model, "{}");
    tw_arena_fini(&arena);
    tw_arena_init(&arena, 16);
    assert_int_equal(tw_request_get(model->dir, &arena, id, &request, &diag), TW_ENOMEM);
    assert_int_equal(tw_request_waiting(model->dir, &arena, 10, &requests, &count, &diag),
                     TW_ENOMEM);
    tw_arena_fini(&arena);
    model_free(model);
}

static void request__ten_thousand_wait__no_more(void **state)
{
    (void)state;
    struct model *model = model_new(4);
    struct tw_diag diag = {{0}};
    uint64_t id = 0;
    char path[TW_PATH_MAX];
    sqlite3 *db = NULL;
    assert_int_equal(tw_path_join(model->dir, TW_CATALOGUE_NAME, path), TW_OK);
    assert_int_equal(tw_db_open(path, TW_DB_WRITE, 100, &db, NULL), TW_OK);
    assert_int_equal(
        tw_db_exec(db,
                   "WITH RECURSIVE k(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM k WHERE i < 9999)"
                   " INSERT INTO request(kind, created, state) SELECT x'6b', i, 0 FROM k",
                   &diag),
        TW_OK);
    tw_db_close(&db);
    id = add(model, "the last one");
    assert_int_equal(
        tw_request_add(model->dir, tw_str_of("k"), TW_STR_NULL, TW_STR_NULL, NOW, &id, &diag),
        TW_ELIMIT);
    assert_non_null(strstr(diag.text, "10000"));
    assert_int_equal(tw_request_finish(model->dir, id, TW_REQUEST_DONE, TW_STR_NULL, &diag), TW_OK);
    (void)add(model, "room again");
    model_free(model);
}

struct adder {
    const struct model *model;
    int err;
};

static void *add_many(void *context)
{
    struct adder *adder = context;
    for (int i = 0; i < 20 && adder->err == TW_OK; i++) {
        uint64_t id = 0;
        adder->err = tw_request_add(adder->model->dir, tw_str_of("k"), TW_STR_NULL, TW_STR_NULL,
                                    NOW, &id, NULL);
    }
    return NULL;
}

/* None is lost between "none waits" and the next one. */
static void request__added_while_asked__none_is_missed(void **state)
{
    (void)state;
    struct model *model = model_new(5);
    struct tw_arena arena;
    pthread_t threads[2];
    struct adder adders[2] = {{model, TW_OK}, {model, TW_OK}};
    tw_arena_init(&arena, 1 << 20);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &adders[i]), 0);
    }
    for (size_t found = 0; found < 40;) {
        const struct tw_request *requests = NULL;
        tw_arena_reset(&arena);
        size_t count = waiting(model, &arena, 5, &requests);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(
                tw_request_finish(model->dir, requests[i].id, TW_REQUEST_DONE, TW_STR_NULL, NULL),
                TW_OK);
            found++;
        }
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(adders[i].err, TW_OK);
    }
    const struct tw_request *requests = NULL;
    assert_int_equal(waiting(model, &arena, 5, &requests), 0);
    assert_true(is_marked(model));
    tw_arena_fini(&arena);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request__added_waited_finished__whole_life),
        cmocka_unit_test(request__hostile_bytes__kept_exactly),
        cmocka_unit_test(request__wrong_use__each_error_is_named),
        cmocka_unit_test(request__ten_thousand_wait__no_more),
        cmocka_unit_test(request__added_while_asked__none_is_missed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
