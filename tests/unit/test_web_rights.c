/* SPDX-License-Identifier: Apache-2.0
 * Every route against every kind of principal. What is expected of a route stands here once more,
 * in other words than in the route table: a new route without a row here fails. */
#include "config.h"
#include "web/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The least that gets in. */
enum least { ANYBODY, SIGNED_IN, VIEWER_SOMEWHERE, VIEWER, OPERATOR, ADMIN };

static const struct {
    const char *route;
    enum least least;
} wanted[] = {
    {"GET /api/v1/search", VIEWER},
    {"GET /api/v1/journeys", VIEWER},
    {"GET /api/v1/journeys/*", VIEWER},
    {"GET /api/v1/events", VIEWER},
    {"GET /api/v1/events/*", VIEWER},
    {"GET /api/v1/quarantine", VIEWER},
    {"POST /api/v1/quarantine/retry", OPERATOR},
    {"GET /api/v1/quarantine/*", VIEWER},
    {"GET /api/v1/requests/*", VIEWER},
    {"GET /api/v1/causes", VIEWER_SOMEWHERE},
    {"PUT /api/v1/causes", ADMIN},
    {"POST /api/v1/causes/test", VIEWER},
    {"GET /api/v1/overview", VIEWER},
    {"GET /api/v1/runs", VIEWER},
    {"GET /api/v1/failures", VIEWER},
    {"GET /api/v1/failures/*", VIEWER},
    {"POST /api/v1/failures/*", OPERATOR},
    {"GET /api/v1/replays", VIEWER},
    {"POST /api/v1/replays", OPERATOR},
    {"POST /api/v1/replays/plan", OPERATOR},
    {"GET /api/v1/replays/plan/*", VIEWER},
    {"GET /api/v1/replays/*", VIEWER},
    {"POST /api/v1/replays/*", OPERATOR},
    {"GET /api/v1/agents", VIEWER_SOMEWHERE},
    {"GET /api/v1/audit", ADMIN},
    {"GET /api/v1/alerts", VIEWER},
    {"GET /api/v1/alerts/groups", VIEWER},
    {"POST /api/v1/alerts/ack", OPERATOR},
    {"GET /api/v1/alerts/*", VIEWER},
    {"POST /api/v1/alerts/*", OPERATOR},
    {"DELETE /api/v1/alerts/*", OPERATOR},
    {"GET /api/v1/silences", VIEWER},
    {"POST /api/v1/silences", OPERATOR},
    {"POST /api/v1/silences/preview", VIEWER},
    {"GET /api/v1/silences/*", VIEWER},
    {"DELETE /api/v1/silences/*", OPERATOR},
    {"GET /api/v1/rules", VIEWER_SOMEWHERE},
    {"POST /api/v1/rules/test", VIEWER},
    {"GET /api/v1/rules/*", VIEWER_SOMEWHERE},
    {"GET /api/v1/receivers", VIEWER},
    {"POST /api/v1/receivers/*", OPERATOR},
    {"GET /api/v1/notifications", VIEWER},
    {"GET /api/v1/notifications/*", VIEWER},
    {"GET /api/v1/heartbeats", VIEWER},
    {"POST /api/v1/heartbeats/*", OPERATOR},
    {"GET /api/v2/status", VIEWER_SOMEWHERE},
    {"GET /api/v2/receivers", VIEWER},
    {"GET /api/v2/alerts", VIEWER},
    {"POST /api/v2/alerts", ADMIN},
    {"GET /api/v2/alerts/groups", VIEWER},
    {"GET /api/v2/silences", VIEWER},
    {"POST /api/v2/silences", OPERATOR},
    {"GET /api/v2/silence/*", VIEWER},
    {"DELETE /api/v2/silence/*", OPERATOR},
    {"GET /-/healthy", ANYBODY},
    {"GET /-/ready", ANYBODY},
    {"POST /-/reload", ADMIN},
    {"GET /api/v1/workflows", VIEWER_SOMEWHERE},
    {"GET /api/v1/workflows/*", VIEWER},
    {"GET /api/v1/objectives", VIEWER_SOMEWHERE},
    {"GET /api/v1/objectives/*", VIEWER_SOMEWHERE},
    {"GET /api/v1/stores", VIEWER},
    {"GET /api/v1/stores/*", VIEWER},
    {"GET /api/v1/series", VIEWER},
    {"GET /api/v1/dashboards", VIEWER_SOMEWHERE},
    {"GET /api/v1/dashboards/*", VIEWER_SOMEWHERE},
    {"GET /api/v1/taps", VIEWER},
    {"GET /api/v1/status", VIEWER_SOMEWHERE},
    {"GET /api/v1/stream", VIEWER},
    {"GET /api/v1/session", SIGNED_IN},
    {"POST /api/v1/session", ANYBODY},
    {"DELETE /api/v1/session", SIGNED_IN},
    {"POST /api/v1/session/password", SIGNED_IN},
    {"GET /api/v1/sessions", SIGNED_IN},
    {"DELETE /api/v1/sessions/*", SIGNED_IN},
    {"GET /healthz", ANYBODY},
    {"GET /readyz", ANYBODY},
    {"GET /metrics", ANYBODY},
    {"GET /plots/*", VIEWER},
    {"GET /ui/*", ANYBODY},
    {"GET /favicon.ico", ANYBODY},
    {"GET /runbooks/*", VIEWER_SOMEWHERE},
    {"GET /", SIGNED_IN},
    {"GET /search", SIGNED_IN},
    {"GET /journey/*", SIGNED_IN},
    {"GET /event/*", SIGNED_IN},
    {"GET /workflows", SIGNED_IN},
    {"GET /workflows/*", SIGNED_IN},
    {"GET /objectives", SIGNED_IN},
    {"GET /objectives/*", SIGNED_IN},
    {"GET /stores", SIGNED_IN},
    {"GET /stores/*", SIGNED_IN},
    {"GET /systems", SIGNED_IN},
    {"GET /dashboards", SIGNED_IN},
    {"GET /dashboards/*", SIGNED_IN},
    {"GET /failures", SIGNED_IN},
    {"GET /failures/*", SIGNED_IN},
    {"GET /replays", SIGNED_IN},
    {"GET /replays/*", SIGNED_IN},
    {"GET /runs", SIGNED_IN},
    {"GET /taps", SIGNED_IN},
    {"GET /quarantine", SIGNED_IN},
    {"GET /causes", SIGNED_IN},
    {"GET /alerts", SIGNED_IN},
    {"GET /alerts/*", SIGNED_IN},
    {"GET /rules", SIGNED_IN},
    {"GET /rules/*", SIGNED_IN},
    {"GET /runbook/*", SIGNED_IN},
    {"GET /silences", SIGNED_IN},
    {"GET /notifications", SIGNED_IN},
    {"GET /account", SIGNED_IN},
    {"GET /sign-in", ANYBODY},
    {"GET /audit", SIGNED_IN},
};
#define WANTED_COUNT (sizeof wanted / sizeof wanted[0])

static struct tw_arena grants_arena;

static struct tw_principal user_of(enum tw_role role, const char *grants)
{
    struct tw_diag diag = {""};
    struct tw_principal user = {.kind = TW_PRINCIPAL_USER, .name = TW_STR_LIT("ann"), .role = role};
    assert_int_equal(tw_grants_parse(&grants_arena, tw_str_of(grants), &user.grants, &diag), TW_OK);
    return user;
}

static int setup(void **state)
{
    (void)state;
    tw_arena_init(&grants_arena, (size_t)1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tw_arena_fini(&grants_arena);
    return 0;
}

static unsigned handled;

static int count_handler(struct tw_call *call)
{
    handled++;
    return tw_response_json(&call->response, 200, json_object());
}

/* Whether the router lets this principal through to the handler of the row. */
static bool gets_in(const struct tw_web_route *row, const struct tw_principal *principal)
{
    struct tw_arena arena;
    struct tw_web_state web = {.cfg = NULL};
    struct tw_call call = {.arena = &arena, .web = &web, .principal = principal};
    struct tw_web_route route = *row;
    struct tw_http_request request = {.method = row->method};
    route.store = TW_ROUTE_NO_STORE;
    route.handler = count_handler;
    tw_arena_init(&arena, 65536);
    tw_response_init(&call.response);
    handled = 0;
    tw_router_run(&route, TW_STR_LIT("/x"), &request, &call);
    assert_int_equal(call.response.status, handled == 1 ? 200 : 403);
    tw_response_fini(&call.response);
    tw_arena_fini(&arena);
    return handled == 1;
}

static void name_of(const struct tw_web_route *row, char *text, size_t size)
{
    static const char *const names[] = {[TW_METHOD_GET] = "GET",
                                        [TW_METHOD_POST] = "POST",
                                        [TW_METHOD_PUT] = "PUT",
                                        [TW_METHOD_DELETE] = "DELETE"};
    (void)snprintf(text, size, "%s %s", names[row->method], row->pattern);
}

static enum least least_of(const struct tw_web_route *row)
{
    char name[128];
    name_of(row, name, sizeof name);
    for (size_t i = 0; i < WANTED_COUNT; i++) {
        if (strcmp(wanted[i].route, name) == 0) {
            return wanted[i].least;
        }
    }
    fail_msg("nobody has decided whom %s answers", name);
    return ADMIN;
}

static void rights__every_route_and_every_role__no_surprises(void **state)
{
    (void)state;
    static const struct tw_principal nobody = {.kind = TW_PRINCIPAL_NOBODY};
    static const struct tw_principal open = {
        .kind = TW_PRINCIPAL_OPEN, .name = TW_STR_LIT("local"), .role = TW_ROLE_ADMIN};
    const struct {
        struct tw_principal principal;
        enum least up_to; /* gets in where no more than this is wanted */
    } askers[] = {
        {nobody, ANYBODY},
        {user_of(TW_ROLE_NONE, ""), SIGNED_IN},
        {user_of(TW_ROLE_NONE, "read region=north"), VIEWER_SOMEWHERE},
        {user_of(TW_ROLE_NONE, "read,replay store=1\nacknowledge workflow=w"), VIEWER_SOMEWHERE},
        {user_of(TW_ROLE_NONE, "read"), VIEWER},
        {user_of(TW_ROLE_VIEWER, ""), VIEWER},
        {user_of(TW_ROLE_VIEWER, "replay,acknowledge,push region=north"), VIEWER},
        {user_of(TW_ROLE_OPERATOR, ""), OPERATOR},
        {user_of(TW_ROLE_ADMIN, ""), ADMIN},
        {open, ADMIN},
    };
    size_t count = 0;
    const struct tw_web_route *rows = tw_router_table(&count);
    assert_int_equal(count, WANTED_COUNT);
    for (size_t i = 0; i < count; i++) {
        enum least least = least_of(&rows[i]);
        for (size_t k = 0; k < sizeof askers / sizeof askers[0]; k++) {
            if (gets_in(&rows[i], &askers[k].principal) != (askers[k].up_to >= least)) {
                fail_msg("%s: asker %zu", rows[i].pattern, k);
            }
        }
    }
}

/* Each right alone opens what it is for, and nothing else that is not open to all readers. */
static void rights__one_right_alone__opens_its_own_routes_only(void **state)
{
    (void)state;
    size_t count = 0;
    const struct tw_web_route *rows = tw_router_table(&count);
    for (unsigned right = 0; right < TW_RIGHT_COUNT; right++) {
        struct tw_principal user = user_of(TW_ROLE_NONE, tw_right_name((enum tw_right)right));
        for (size_t i = 0; i < count; i++) {
            const struct tw_route_right *has = &rows[i].right;
            bool is_for = has->whom == TW_FOR_ALL || has->whom == TW_FOR_SIGNED_IN ||
                          (has->any_of & TW_RIGHT_BIT(right)) != 0;
            assert_int_equal(gets_in(&rows[i], &user), is_for);
        }
    }
}

static void rights__row_without_a_decision__answers_nobody(void **state)
{
    (void)state;
    struct tw_web_route row = {.method = TW_METHOD_GET, .pattern = "/x"};
    struct tw_principal admin = user_of(TW_ROLE_ADMIN, "");
    assert_false(gets_in(&row, &admin));
    row.right.whom = TW_FOR_RIGHT; /* of no right */
    assert_false(gets_in(&row, &admin));
    size_t count = 0;
    const struct tw_web_route *rows = tw_router_table(&count);
    for (size_t i = 0; i < count; i++) {
        assert_true(rows[i].right.whom != TW_FOR_NOBODY);
        bool is_of_right =
            rows[i].right.whom == TW_FOR_RIGHT || rows[i].right.whom == TW_FOR_RIGHT_SOMEWHERE;
        assert_int_equal(rows[i].right.any_of != 0, is_of_right);
    }
}

/* What changes something asks for a right that is not that of reading. */
static void rights__methods_that_change__need_more_than_reading(void **state)
{
    (void)state;
    static const char *const only_ask[] = {
        "/api/v1/causes/test",      "/api/v1/silences/preview",
        "/api/v1/rules/test",       "/api/v1/session", /* and what is everybody's own */
        "/api/v1/session/password", "/api/v1/sessions/*"};
    size_t count = 0;
    unsigned asking = 0;
    const struct tw_web_route *rows = tw_router_table(&count);
    for (size_t i = 0; i < count; i++) {
        bool asks = false;
        for (size_t k = 0; k < sizeof only_ask / sizeof only_ask[0]; k++) {
            asks = asks || strcmp(rows[i].pattern, only_ask[k]) == 0;
        }
        asking += asks && rows[i].method != TW_METHOD_GET ? 1 : 0;
        if (rows[i].method != TW_METHOD_GET && !asks) {
            assert_int_equal(rows[i].right.whom, TW_FOR_RIGHT);
            assert_true((rows[i].right.any_of & TW_RIGHT_BIT(TW_RIGHT_READ)) == 0);
        }
    }
    assert_int_equal(asking, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights__every_route_and_every_role__no_surprises),
        cmocka_unit_test(rights__one_right_alone__opens_its_own_routes_only),
        cmocka_unit_test(rights__row_without_a_decision__answers_nobody),
        cmocka_unit_test(rights__methods_that_change__need_more_than_reading),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
