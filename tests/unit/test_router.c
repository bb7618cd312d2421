/* SPDX-License-Identifier: Apache-2.0
 * The route table and the rules that every request passes before its handler runs. */
#include "config.h"
#include "web/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "web/gate.h"

#define MAX_BODY 1000

static struct tw_cfg *test_cfg(void)
{
    static char listen[] = "127.0.0.1:8460";
    static struct tw_cfg cfg;
    cfg.web.listen = listen;
    cfg.web.max_body_bytes = MAX_BODY;
    return &cfg;
}

/* A request as its header lines leave it. */
static struct tw_http_request request_of(const char *method, const char *path)
{
    return (struct tw_http_request){
        .method = tw_http_method(method),
        .path = tw_str_of(path),
        .head = {.host = TW_STR_LIT("localhost:8460")},
    };
}

/* The status of the refusal; 0 when a route was found. */
static int accept_status(const struct tw_http_request *request, size_t target_len,
                         struct tw_response *response)
{
    tw_response_init(response);
    const struct tw_web_route *route = tw_router_accept(test_cfg(), request, target_len, response);
    int status = route != NULL ? 0 : response->status;
    tw_response_fini(response);
    return status;
}

static int status_of(const char *method, const char *path)
{
    struct tw_response response;
    struct tw_http_request request = request_of(method, path);
    return accept_status(&request, strlen(path), &response);
}

/* What a path answers, of all its rows. */
static void list_methods(const struct tw_web_route *rows, size_t count, const char *pattern,
                         char *text, size_t size)
{
    static const char *const names[] = {[TW_METHOD_GET] = "GET, HEAD",
                                        [TW_METHOD_POST] = "POST",
                                        [TW_METHOD_PUT] = "PUT",
                                        [TW_METHOD_DELETE] = "DELETE"};
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(text);
        if (strcmp(rows[i].pattern, pattern) == 0) {
            (void)snprintf(text + used, size - used, "%s%s", used == 0 ? "" : ", ",
                           names[rows[i].method]);
        }
    }
}

static void router__every_row__answers_its_method_and_no_other(void **state)
{
    (void)state;
    static const char *const methods[] = {"GET",    "HEAD",    "POST",  "PUT",
                                          "DELETE", "OPTIONS", "TRACE", "PATCH"};
    size_t count = 0;
    const struct tw_web_route *rows = tw_router_table(&count);
    assert_true(count > 10);
    for (size_t i = 0; i < count; i++) {
        char path[128];
        size_t len = strlen(rows[i].pattern);
        (void)snprintf(path, sizeof path, "%s", rows[i].pattern);
        if (path[len - 1] == '*') {
            path[len - 1] = '7';
        }
        for (size_t j = 0; j < sizeof methods / sizeof methods[0]; j++) {
            bool is_read = strcmp(methods[j], "GET") == 0 || strcmp(methods[j], "HEAD") == 0;
            bool has_body = strcmp(methods[j], "POST") == 0 || strcmp(methods[j], "PUT") == 0;
            struct tw_response response;
            struct tw_http_request request = request_of(methods[j], path);
            request.head.content_type = TW_STR_LIT("application/json");
            request.head.has_length = has_body;
            int status = accept_status(&request, len, &response);
            char allow[64];
            list_methods(rows, count, rows[i].pattern, allow, sizeof allow);
            bool fits = strstr(allow, is_read ? "GET" : methods[j]) != NULL;
            assert_int_equal(status, fits ? 0 : 405);
            if (!fits) {
                assert_string_equal(response.headers[0].name, "Allow");
                assert_string_equal(response.headers[0].value, allow);
            }
        }
    }
}

/* A path may have several rows, of methods each its own. */
static void router__rows_of_one_path__each_answers_its_method(void **state)
{
    (void)state;
    struct tw_response response;
    struct tw_http_request request = request_of("PUT", "/api/v1/causes");
    assert_int_equal(accept_status(&request, 14, &response), 415); /* as for POST: what it is */
    request.head.content_type = TW_STR_LIT("application/json");
    assert_int_equal(accept_status(&request, 14, &response), 411);
    request.head.has_length = true;
    request.head.fetch_site = TW_STR_LIT("cross-site");
    assert_int_equal(accept_status(&request, 14, &response), 403);
    assert_int_equal(status_of("GET", "/api/v1/causes"), 0);
    request = request_of("POST", "/api/v1/causes");
    assert_int_equal(accept_status(&request, 14, &response), 405);
    assert_string_equal(response.headers[0].value, "GET, HEAD, PUT");
}

static void router__other_paths__are_not_found(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/api/v1/nothing", "/api/v1",       "/api/v2/search", "/ui",  "/ui/",         "//",
        "/api/v1/search/", "/journey/",     "/../etc/passwd", "*",    "/Healthz",     "",
        "/api/v1/events/", "/healthz/more", "/api%2fv1/taps", "/ui%", "/favicon.ico/"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        assert_int_equal(status_of("GET", paths[i]), 404);
        assert_int_equal(status_of("TRACE", paths[i]), 404);
    }
}

static void router__url_length__is_bounded(void **state)
{
    (void)state;
    struct tw_response response;
    struct tw_http_request request = request_of("GET", "/healthz");
    assert_int_equal(accept_status(&request, TW_HTTP_MAX_URL, &response), 0);
    assert_int_equal(accept_status(&request, TW_HTTP_MAX_URL + 1, &response), 414);
}

static void router__head_faults__come_before_the_route(void **state)
{
    (void)state;
    struct tw_response response;
    struct tw_http_request request = request_of("GET", "/nothing");
    request.head.status = 431;
    request.head.why = "too long";
    assert_int_equal(accept_status(&request, 8, &response), 431);
    assert_true(response.must_close);
    request = request_of("GET", "/healthz");
    request.head.host = TW_STR_LIT("evil.example");
    assert_int_equal(accept_status(&request, 8, &response), 421);
}

static void router__body_of_a_get__is_refused_and_the_connection_closed(void **state)
{
    (void)state;
    struct tw_response response;
    struct tw_http_request request = request_of("GET", "/healthz");
    request.head.has_length = true;
    assert_int_equal(accept_status(&request, 8, &response), 0);
    request.head.length = 1;
    assert_int_equal(accept_status(&request, 8, &response), 400);
    assert_true(response.must_close);
}

static struct tw_http_request retry_request(void)
{
    struct tw_http_request request = request_of("POST", "/api/v1/quarantine/retry");
    request.head.content_type = TW_STR_LIT("application/json");
    request.head.has_length = true;
    request.head.length = 10;
    return request;
}

static void router__post__must_be_json_of_our_own_origin_with_a_length(void **state)
{
    (void)state;
    struct tw_response response;
    struct tw_http_request request = retry_request();
    assert_int_equal(accept_status(&request, 24, &response), 0);
    request.head.origin = TW_STR_LIT("http://localhost:8460");
    assert_int_equal(accept_status(&request, 24, &response), 0);
    request.head.origin = TW_STR_LIT("http://evil.example");
    assert_int_equal(accept_status(&request, 24, &response), 403);
    assert_true(response.must_close);
    request = retry_request();
    request.head.fetch_site = TW_STR_LIT("cross-site");
    assert_int_equal(accept_status(&request, 24, &response), 403);
    request = retry_request();
    request.head.content_type = TW_STR_LIT("text/plain");
    assert_int_equal(accept_status(&request, 24, &response), 415);
    request.head.content_type = TW_STR_NULL;
    assert_int_equal(accept_status(&request, 24, &response), 415);
    request = retry_request();
    request.head.has_length = false;
    assert_int_equal(accept_status(&request, 24, &response), 411);
}

static void router__body_length__is_bounded(void **state)
{
    (void)state;
    struct tw_response response;
    struct tw_http_request request = retry_request();
    request.head.length = MAX_BODY;
    assert_int_equal(accept_status(&request, 24, &response), 0);
    request.head.length = MAX_BODY + 1;
    assert_int_equal(accept_status(&request, 24, &response), 413);
    assert_true(response.must_close);
}

/* ---- running a handler */

static int handler_result;
static struct tw_str seen_rest;

static int test_handler(struct tw_call *call)
{
    seen_rest = call->request->rest;
    if (handler_result == TW_OK) {
        return tw_response_json(&call->response, 200, json_object());
    }
    tw_out_set(NULL, "lost", json_true()); /* a half-built answer that is thrown away */
    (void)tw_response_header(&call->response, "ETag", "\"of the answer that failed\"");
    return tw_diag_set(&call->diag, handler_result, "told by the handler");
}

static int run_target(const struct tw_web_route *route, const char *target,
                      struct tw_response *ret_response)
{
    static struct tw_arena arena;
    static const struct tw_principal somebody = {.kind = TW_PRINCIPAL_OPEN, .role = TW_ROLE_ADMIN};
    struct tw_call call = {.arena = &arena, .principal = &somebody};
    struct tw_http_request request = request_of("GET", "/");
    tw_arena_init(&arena, 65536);
    tw_response_init(&call.response);
    tw_router_run(route, tw_str_of(target), &request, &call);
    bool is_rest_there = seen_rest.ptr != NULL;
    char rest[64] = "";
    if (is_rest_there) {
        memcpy(rest, seen_rest.ptr, seen_rest.len);
    }
    tw_arena_fini(&arena);
    static char kept[64];
    memcpy(kept, rest, sizeof kept);
    seen_rest = is_rest_there ? tw_str_of(kept) : TW_STR_NULL;
    *ret_response = call.response;
    return call.response.status;
}

static const struct tw_web_route test_route = {
    TW_METHOD_GET, "/x/*", TW_ROUTE_NO_STORE, {TW_FOR_SIGNED_IN, 0}, test_handler};

static void router_run__rest_of_the_path__is_decoded_once(void **state)
{
    (void)state;
    struct tw_response response;
    handler_result = TW_OK;
    assert_int_equal(run_target(&test_route, "/x/transaction:0042/88", &response), 200);
    assert_true(tw_str_is(seen_rest, "transaction:0042/88"));
    tw_response_fini(&response);
    assert_int_equal(run_target(&test_route, "/x/order%3Aa%252Fb?limit=1", &response), 200);
    assert_true(tw_str_is(seen_rest, "order:a%2Fb"));
    tw_response_fini(&response);
}

/* ---- who may be answered */

static struct tw_web_route route_of(const char *method, const char *path)
{
    struct tw_web_route found = {.pattern = path};
    size_t count = 0;
    const struct tw_web_route *rows = tw_router_table(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].pattern, path) == 0 && rows[i].method == tw_http_method(method)) {
            found = rows[i];
        }
    }
    assert_non_null(found.handler);
    return found;
}

/* A call of this asker, of a route whose handler always answers. */
static struct tw_response answer_to(const struct tw_asker *asker, const char *method,
                                    const char *path, const char *target,
                                    const struct tw_http_head *head)
{
    static struct tw_arena arena;
    struct tw_web_state web = {.cfg = test_cfg()};
    struct tw_call call = {
        .arena = &arena, .web = &web, .principal = &asker->principal, .asker = asker};
    struct tw_http_request request = request_of(method, "/");
    const struct tw_web_route route = route_of(method, path);
    request.head = *head;
    tw_arena_init(&arena, 65536);
    tw_response_init(&call.response);
    handler_result = TW_OK;
    tw_router_run(&route, tw_str_of(target), &request, &call);
    tw_arena_fini(&arena);
    return call.response;
}

static const char *header_of(const struct tw_response *response, const char *name)
{
    for (size_t i = 0; i < response->header_count; i++) {
        if (strcmp(response->headers[i].name, name) == 0) {
            return response->headers[i].value;
        }
    }
    return "";
}

static void router_run__nobody__is_told_why_and_what_would_help(void **state)
{
    (void)state;
    static const struct {
        enum tw_gate_fault fault;
        int status;
        const char *challenge;
    } rows[] = {
        {TW_GATE_NOTHING, 401, "Bearer realm=\"tillwatch\""},
        {TW_GATE_ENDED, 401, "Bearer realm=\"tillwatch\""},
        {TW_GATE_BAD_TOKEN, 401, "Bearer realm=\"tillwatch\", error=\"invalid_token\""},
        {TW_GATE_UNTRUSTED, 403, ""},
        {TW_GATE_ELSEWHERE, 403, ""},
        {TW_GATE_BLIND, 503, ""},
    };
    const struct tw_http_head head = {.count = 0};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct tw_asker asker = {.fault = rows[i].fault};
        struct tw_response response =
            answer_to(&asker, "GET", "/api/v1/session", "/api/v1/session", &head);
        assert_int_equal(response.status, rows[i].status);
        assert_string_equal(header_of(&response, "WWW-Authenticate"), rows[i].challenge);
        tw_response_fini(&response);
    }
}

static void router_run__page_without_a_session__is_signed_in_first(void **state)
{
    (void)state;
    char target[400];
    const struct tw_asker asker = {.fault = TW_GATE_NOTHING};
    const struct tw_http_head head = {.count = 0};
    struct tw_response response =
        answer_to(&asker, "GET", "/runs", "/runs?state=failed&q=%0A//x", &head);
    assert_int_equal(response.status, 400); /* a target that is not well formed goes nowhere */
    tw_response_fini(&response);
    response = answer_to(&asker, "GET", "/runs", "/runs?state=failed&q=a%20b", &head);
    assert_int_equal(response.status, 303);
    assert_string_equal(header_of(&response, "Location"),
                        "/sign-in?next=/runs%3Fstate%3Dfailed%26q%3Da%2520b");
    tw_response_fini(&response);
    (void)snprintf(target, sizeof target, "/runs?q=%0300d", 0);
    response = answer_to(&asker, "GET", "/runs", target, &head);
    assert_int_equal(response.status, 303);
    assert_string_equal(header_of(&response, "Location"), "/sign-in");
    tw_response_fini(&response);
    /* data is no page */
    response = answer_to(&asker, "GET", "/api/v1/status", "/api/v1/status", &head);
    assert_int_equal(response.status, 401);
    tw_response_fini(&response);
}

/* With a cookie a change must say that it comes from a page of ours; a token is no cookie. */
static void router_run__change_by_cookie__must_be_surely_of_our_origin(void **state)
{
    (void)state;
    struct tw_asker asker = {.principal = {.kind = TW_PRINCIPAL_USER, .role = TW_ROLE_ADMIN},
                             .is_ambient = true};
    static const struct {
        const char *origin;
        const char *site;
        bool is_ours;
    } rows[] = {
        {NULL, NULL, false},
        {NULL, "none", false},
        {NULL, "same-site", false},
        {NULL, "cross-site", false},
        {NULL, "same-origin", true},
        {"http://localhost:8460", NULL, true},
        {"http://localhost:8460", "same-origin", true},
        {"http://localhost:8460", "cross-site", false},
        {"http://localhost:8461", "same-origin", false},
        {"http://evil.example", NULL, false},
        {"null", NULL, false},
        {"null", "same-origin", false},
        {"", NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct tw_http_head head = {.host = TW_STR_LIT("localhost:8460"),
                                          .origin = tw_str_of(rows[i].origin),
                                          .fetch_site = tw_str_of(rows[i].site)};
        asker.is_ambient = true;
        struct tw_response response =
            answer_to(&asker, "DELETE", "/api/v1/session", "/api/v1/session", &head);
        assert_int_equal(response.status, rows[i].is_ours ? 409 : 403);
        tw_response_fini(&response);
        asker.is_ambient = false;
        response = answer_to(&asker, "DELETE", "/api/v1/session", "/api/v1/session", &head);
        assert_int_equal(response.status, 409);
        tw_response_fini(&response);
    }
    /* reading is no change */
    asker.is_ambient = true;
    const struct tw_http_head head = {.count = 0};
    struct tw_response response =
        answer_to(&asker, "GET", "/api/v1/session", "/api/v1/session", &head);
    assert_int_equal(response.status, 200);
    tw_response_fini(&response);
}

static void router_run__password_that_must_be_changed__is_changed_first(void **state)
{
    (void)state;
    const struct tw_asker asker = {.principal = {.kind = TW_PRINCIPAL_USER, .role = TW_ROLE_ADMIN},
                                   .must_change = true};
    const struct tw_http_head head = {.count = 0};
    struct tw_response response =
        answer_to(&asker, "GET", "/api/v1/overview", "/api/v1/overview", &head);
    assert_int_equal(response.status, 403);
    tw_response_fini(&response);
    response = answer_to(&asker, "GET", "/runs", "/runs", &head);
    assert_int_equal(response.status, 303);
    assert_string_equal(header_of(&response, "Location"), "/sign-in?next=/runs");
    tw_response_fini(&response);
    response = answer_to(&asker, "GET", "/api/v1/session", "/api/v1/session", &head);
    assert_int_equal(response.status, 200);
    tw_response_fini(&response);
}

/* A DELETE has no body and must be of our origin; reading files anew is a POST without one. */
static void router__changes_without_a_body__are_of_our_origin(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"DELETE", "/api/v1/silences/7"}, {"DELETE", "/api/v2/silence/7"}, {"POST", "/-/reload"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tw_response response;
        struct tw_http_request request = request_of(rows[i][0], rows[i][1]);
        assert_int_equal(accept_status(&request, 20, &response), 0);
        request.head.has_length = true;
        request.head.length = 1;
        assert_int_equal(accept_status(&request, 20, &response), 400);
        request.head.length = 0;
        request.head.fetch_site = TW_STR_LIT("cross-site");
        assert_int_equal(accept_status(&request, 20, &response), 403);
        assert_true(response.must_close);
    }
}

/* Programs that know Alertmanager alone read nothing else. */
static void router__refusals_of_alertmanagers_api__are_texts(void **state)
{
    (void)state;
    struct tw_response response;
    struct tw_http_request request = request_of("PUT", "/api/v2/alerts");
    tw_response_init(&response);
    assert_null(tw_router_accept(test_cfg(), &request, 14, &response));
    assert_int_equal(response.status, 405);
    assert_string_equal(response.content_type, "application/json; charset=utf-8");
    json_t *text = json_loadb(response.owned, response.len, JSON_DECODE_ANY, NULL);
    assert_true(json_is_string(text));
    json_decref(text);
    tw_response_fini(&response);
}

static void router_run__malformed_targets__are_problems(void **state)
{
    (void)state;
    static const char *const bad[] = {"/x/%",     "/x/%zz",       "/x/a%00",
                                      "/x/a?b=%", "/x/a?b=1&b=2", "/x/a%0d%0aSet-Cookie:x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tw_response response;
        handler_result = TW_OK;
        assert_int_equal(run_target(&test_route, bad[i], &response), 400);
        assert_string_equal(response.content_type, "application/problem+json");
        assert_non_null(response.owned);
        tw_response_fini(&response);
    }
}

static void router_run__error_of_a_handler__becomes_a_whole_problem(void **state)
{
    (void)state;
    struct tw_response response;
    handler_result = TW_ETIMEOUT;
    assert_int_equal(run_target(&test_route, "/x/1", &response), 503);
    assert_int_equal(response.header_count, 1);
    assert_string_equal(response.headers[0].name, "Retry-After");
    json_t *json = json_loadb(response.owned, response.len, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(json, "detail")), "told by the handler");
    assert_string_equal(json_string_value(json_object_get(json, "instance")), "/x/1");
    json_decref(json);
    tw_response_fini(&response);
    handler_result = TW_ENOTFOUND;
    assert_int_equal(run_target(&test_route, "/x/1", &response), 404);
    assert_int_equal(response.header_count, 0);
    tw_response_fini(&response);
}

static void router_run__store_that_is_not_there__is_unavailable(void **state)
{
    (void)state;
    struct tw_response response;
    struct tw_web_route route = test_route;
    handler_result = TW_OK;
    route.store = TW_ROUTE_NEEDS_STORE;
    assert_int_equal(run_target(&route, "/x/1", &response), 503);
    tw_response_fini(&response);
    route.store = TW_ROUTE_MAY_STORE;
    assert_int_equal(run_target(&route, "/x/1", &response), 200);
    tw_response_fini(&response);
}

/* ---- what lists have in common */

static int page_of(const char *target, struct tw_page *ret_page)
{
    static struct tw_arena arena;
    struct tw_http_request request = request_of("GET", "/");
    struct tw_call call = {
        .arena = &arena, .request = &request, .now = {INT64_C(1000000) * TW_NS_PER_S}};
    tw_arena_fini(&arena);
    tw_arena_init(&arena, 65536);
    assert_int_equal(tw_http_parse_target(&arena, tw_str_of(target), &request, &call.diag), TW_OK);
    return tw_call_page(&call, ret_page);
}

static void call_page__limits_and_times(void **state)
{
    (void)state;
    struct tw_page page;
    assert_int_equal(page_of("/a", &page), TW_OK);
    assert_int_equal(page.limit, TW_PAGE_DEFAULT);
    assert_null(page.cursor.ptr);
    assert_true(tw_page_has_time(&page, (tw_wall_t){0}));
    assert_int_equal(page_of("/a?limit=1000&since=-15m&until=-1s&cursor=YWI", &page), TW_OK);
    assert_int_equal(page.limit, TW_PAGE_MAX);
    assert_true(tw_str_is(page.cursor, "ab"));
    assert_true(page.since.ns == INT64_C(999100) * TW_NS_PER_S);
    assert_true(page.until.ns == INT64_C(999999) * TW_NS_PER_S);
    assert_int_equal(page_of("/a?since=1970-01-02T00:00:00Z", &page), TW_OK);
    assert_true(page.since.ns == INT64_C(86400) * TW_NS_PER_S);
    static const char *const bad[] = {
        "/a?limit=0",         "/a?limit=1001",          "/a?limit=",
        "/a?limit=-1",        "/a?limit=1e3",           "/a?limit=9999999999999999999999",
        "/a?since=yesterday", "/a?since=-15",           "/a?since=-m",
        "/a?since=-15w",      "/a?since=-99999999999d", "/a?until=",
        "/a?until=-20d",      "/a?limit=%201"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(page_of(bad[i], &page), TW_EINVAL);
    }
    assert_int_equal(page_of("/a?cursor=%2B", &page), TW_ESYNTAX);
    (void)page_of("/a", &page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(router__every_row__answers_its_method_and_no_other),
        cmocka_unit_test(router__rows_of_one_path__each_answers_its_method),
        cmocka_unit_test(router__other_paths__are_not_found),
        cmocka_unit_test(router__url_length__is_bounded),
        cmocka_unit_test(router__head_faults__come_before_the_route),
        cmocka_unit_test(router__body_of_a_get__is_refused_and_the_connection_closed),
        cmocka_unit_test(router__post__must_be_json_of_our_own_origin_with_a_length),
        cmocka_unit_test(router__body_length__is_bounded),
        cmocka_unit_test(router_run__rest_of_the_path__is_decoded_once),
        cmocka_unit_test(router_run__nobody__is_told_why_and_what_would_help),
        cmocka_unit_test(router_run__page_without_a_session__is_signed_in_first),
        cmocka_unit_test(router_run__change_by_cookie__must_be_surely_of_our_origin),
        cmocka_unit_test(router_run__password_that_must_be_changed__is_changed_first),
        cmocka_unit_test(router__changes_without_a_body__are_of_our_origin),
        cmocka_unit_test(router__refusals_of_alertmanagers_api__are_texts),
        cmocka_unit_test(router_run__malformed_targets__are_problems),
        cmocka_unit_test(router_run__error_of_a_handler__becomes_a_whole_problem),
        cmocka_unit_test(router_run__store_that_is_not_there__is_unavailable),
        cmocka_unit_test(call_page__limits_and_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
