/* SPDX-License-Identifier: Apache-2.0
 * Parsing and refusing of HTTP requests: every limit at its edge, every ambiguity refused. */
#include "config.h"
#include "web/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void add(struct tw_http_head *head, const char *name, const char *value)
{
    tw_http_head_add(head, tw_str_of(name), tw_str_of(value));
}

static int status_of(const char *const (*lines)[2], size_t count)
{
    struct tw_http_head head = {0};
    for (size_t i = 0; i < count; i++) {
        add(&head, lines[i][0], lines[i][1]);
    }
    tw_http_head_finish(&head);
    return head.status;
}
#define STATUS(...)                                  \
    status_of((const char *const[][2]){__VA_ARGS__}, \
              sizeof((const char *const[][2]){__VA_ARGS__}) / (2 * sizeof(char *)))

static void http_head__plain_request__is_accepted(void **state)
{
    (void)state;
    assert_int_equal(STATUS({"Host", "localhost:8460"}, {"Accept", "*/*"}, {"Cookie", "a=b"}), 0);
}

static void http_head__ambiguous_lengths__are_refused(void **state)
{
    (void)state;
    assert_int_equal(STATUS({"Content-Length", "5"}, {"Content-Length", "5"}), 400);
    assert_int_equal(STATUS({"Content-Length", "5"}, {"content-length", "6"}), 400);
    assert_int_equal(STATUS({"Content-Length", "5"}, {"Transfer-Encoding", "chunked"}), 400);
    assert_int_equal(STATUS({"Transfer-Encoding", "chunked"}, {"Content-Length", "5"}), 400);
    assert_int_equal(STATUS({"Transfer-Encoding", "chunked"}), 411);
    assert_int_equal(STATUS({"Content-Length", "+5"}), 400);
    assert_int_equal(STATUS({"Content-Length", "-5"}), 400);
    assert_int_equal(STATUS({"Content-Length", "5, 5"}), 400);
    assert_int_equal(STATUS({"Content-Length", "0x5"}), 400);
    assert_int_equal(STATUS({"Content-Length", ""}), 400);
    assert_int_equal(STATUS({"Content-Length", "99999999999999999999999"}), 413);
    assert_int_equal(STATUS({"Content-Length", "0"}), 0);
}

static void http_head__names_that_are_no_token__are_refused(void **state)
{
    (void)state;
    assert_int_equal(STATUS({"Content-Length ", "5"}), 400);
    assert_int_equal(STATUS({"X y", "1"}), 400);
    assert_int_equal(STATUS({"X\001", "1"}), 400);
    assert_int_equal(STATUS({"", "1"}), 400);
    assert_int_equal(STATUS({"X(", "1"}), 400);
    assert_int_equal(STATUS({"X-!#$%&'*+.^_`|~", "1"}), 0);
}

static void http_head__control_bytes_in_values__are_refused(void **state)
{
    (void)state;
    for (int c = 1; c < 256; c++) {
        const char value[] = {'a', (char)c, 'b', '\0'};
        int wanted = (c < 0x20 && c != '\t') || c == 0x7f ? 400 : 0;
        assert_int_equal(STATUS({"X-Note", value}), wanted);
    }
    struct tw_http_head head = {0};
    tw_http_head_add(&head, TW_STR_LIT("X"), (struct tw_str){"a\0b", 3});
    assert_int_equal(head.status, 400);
}

static void http_head__sent_twice__is_refused(void **state)
{
    (void)state;
    assert_int_equal(STATUS({"Host", "a"}, {"Host", "a"}), 400);
    assert_int_equal(STATUS({"Origin", "http://a"}, {"Origin", "http://a"}), 400);
    assert_int_equal(STATUS({"Content-Type", "a/b"}, {"Content-Type", "a/b"}), 400);
    assert_int_equal(STATUS({"Sec-Fetch-Site", "none"}, {"Sec-Fetch-Site", "none"}), 400);
    assert_int_equal(STATUS({"Idempotency-Key", "a"}, {"idempotency-key", "a"}), 400);
    assert_int_equal(STATUS({"Idempotency-Key", "a"}), 0);
    assert_int_equal(STATUS({"Cookie", "a"}, {"Cookie", "b"}), 0);
    assert_int_equal(STATUS({"Authorization", "a"}, {"authorization", "a"}), 400);
    assert_int_equal(STATUS({"Accept", "a"}, {"Accept", "b"}), 0);
}

static void http_head__number_and_size_of_lines__are_bounded(void **state)
{
    (void)state;
    static char value[TW_HTTP_MAX_HEAD + 1];
    struct tw_http_head head = {0};
    for (int i = 0; i < TW_HTTP_MAX_HEADERS; i++) {
        add(&head, "X-A", "1");
        assert_int_equal(head.status, 0);
    }
    add(&head, "X-A", "1");
    assert_int_equal(head.status, 431);

    head = (struct tw_http_head){0};
    memset(value, 'v', TW_HTTP_MAX_HEAD - 3);
    add(&head, "X-A", value);
    assert_int_equal(head.status, 0);
    head = (struct tw_http_head){0};
    value[TW_HTTP_MAX_HEAD - 3] = 'v';
    add(&head, "X-A", value);
    assert_int_equal(head.status, 431);
}

static void http_decode__table(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool is_query;
        int rc;
        const char *wanted;
    } rows[] = {
        {"order:4711", false, TW_OK, "order:4711"},
        {"order%3A4711", false, TW_OK, "order:4711"},
        {"a%2fb%2Fc", false, TW_OK, "a/b/c"},
        {"a+b", false, TW_OK, "a+b"},
        {"a+b", true, TW_OK, "a b"},
        {"%c3%a9", false, TW_OK, "\xc3\xa9"},
        {"%ff", false, TW_OK, "\xff"},
        {"", false, TW_OK, ""},
        {"%", false, TW_ESYNTAX, NULL},
        {"%4", false, TW_ESYNTAX, NULL},
        {"%zz", false, TW_ESYNTAX, NULL},
        {"%0g", false, TW_ESYNTAX, NULL},
        {"a%00b", false, TW_ESYNTAX, NULL},
        {"a%0d%0ab", true, TW_ESYNTAX, NULL},
        {"%7f", false, TW_ESYNTAX, NULL},
        {"a%25", false, TW_OK, "a%"},
    };
    struct tw_arena arena;
    tw_arena_init(&arena, 65536);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tw_str text = TW_STR_NULL;
        int rc = tw_http_decode(&arena, tw_str_of(rows[i].text), rows[i].is_query, &text);
        assert_int_equal(rc, rows[i].rc);
        if (rc == TW_OK) {
            assert_true(tw_str_is(text, rows[i].wanted));
        } else {
            assert_null(text.ptr);
        }
    }
    tw_arena_fini(&arena);
    tw_arena_init(&arena, 1);
    struct tw_str text = TW_STR_NULL;
    assert_int_equal(tw_http_decode(&arena, TW_STR_LIT("abc"), false, &text), TW_ENOMEM);
    tw_arena_fini(&arena);
}

static int parse(struct tw_arena *arena, const char *target, struct tw_http_request *request)
{
    struct tw_diag diag = {""};
    int rc = tw_http_parse_target(arena, tw_str_of(target), request, &diag);
    assert_true(rc == TW_OK || diag.text[0] != '\0');
    return rc;
}

static void http_parse_target__splits_path_and_parameters(void **state)
{
    (void)state;
    struct tw_arena arena;
    struct tw_http_request request = {0};
    tw_arena_init(&arena, 65536);
    assert_int_equal(parse(&arena, "/a/b?q=x%20y&&z&e=&k=a=b", &request), TW_OK);
    assert_true(tw_str_is(request.path, "/a/b"));
    assert_int_equal(request.param_count, 4);
    assert_true(tw_str_is(tw_http_param(&request, "q"), "x y"));
    assert_true(tw_str_is(tw_http_param(&request, "z"), ""));
    assert_true(tw_str_is(tw_http_param(&request, "e"), ""));
    assert_true(tw_str_is(tw_http_param(&request, "k"), "a=b"));
    assert_null(tw_http_param(&request, "none").ptr);
    assert_int_equal(parse(&arena, "/a?", &request), TW_OK);
    assert_int_equal(request.param_count, 0);
    tw_arena_fini(&arena);
}

static void http_parse_target__faults__are_named(void **state)
{
    (void)state;
    struct tw_arena arena;
    struct tw_http_request request = {0};
    tw_arena_init(&arena, 65536);
    assert_int_equal(parse(&arena, "", &request), TW_ESYNTAX);
    assert_int_equal(parse(&arena, "a", &request), TW_ESYNTAX);
    assert_int_equal(parse(&arena, "http://x/", &request), TW_ESYNTAX);
    assert_int_equal(parse(&arena, "/a b", &request), TW_ESYNTAX);
    assert_int_equal(parse(&arena, "/a#b", &request), TW_ESYNTAX);
    assert_int_equal(parse(&arena, "/a\tb", &request), TW_ESYNTAX);
    assert_int_equal(parse(&arena, "/a?x=%", &request), TW_ESYNTAX);
    assert_int_equal(parse(&arena, "/a?x=1&x=2", &request), TW_EEXISTS);
    assert_int_equal(parse(&arena, "/a?x=1&%78=2", &request), TW_EEXISTS);
    tw_arena_fini(&arena);
}

static void http_parse_target__parameters__are_bounded(void **state)
{
    (void)state;
    struct tw_arena arena;
    struct tw_http_request request = {0};
    char target[1024] = "/a?";
    size_t len = 3;
    tw_arena_init(&arena, 65536);
    for (int i = 0; i < TW_HTTP_MAX_PARAMS; i++) {
        len += (size_t)snprintf(target + len, sizeof target - len, "p%d=1&", i);
    }
    assert_int_equal(parse(&arena, target, &request), TW_OK);
    assert_int_equal(request.param_count, TW_HTTP_MAX_PARAMS);
    (void)snprintf(target + len, sizeof target - len, "last=1");
    assert_int_equal(parse(&arena, target, &request), TW_ELIMIT);
    tw_arena_fini(&arena);
}

static void http_host__on_loopback__only_its_own_names(void **state)
{
    (void)state;
    static const char *const ours[] = {"localhost",     "localhost:8460", "LOCALHOST:1",
                                       "127.0.0.1",     "127.0.0.1:8460", "[::1]:8460",
                                       "127.0.0.2:8460"};
    static const char *const foreign[] = {"evil.example",
                                          "evil.example:8460",
                                          "localhost.evil",
                                          "127.0.0.1.evil",
                                          "",
                                          "192.168.0.1",
                                          "[::2]",
                                          "[::1"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        assert_true(tw_http_host_is_ours(tw_str_of(ours[i]), "127.0.0.2:8460"));
    }
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        assert_false(tw_http_host_is_ours(tw_str_of(foreign[i]), "127.0.0.2:8460"));
        assert_false(tw_http_host_is_ours(tw_str_of(foreign[i]), "localhost:0"));
        assert_false(tw_http_host_is_ours(tw_str_of(foreign[i]), "[::1]:0"));
    }
    assert_false(tw_http_host_is_ours(TW_STR_NULL, "127.0.0.1:1"));
    assert_true(tw_http_host_is_ours(tw_str_of("tower.example"), "0.0.0.0:8460"));
    assert_true(tw_http_host_is_ours(tw_str_of("tower.example"), "10.1.2.3:8460"));
}

static bool same(const char *origin, const char *site, const char *host)
{
    struct tw_http_head head = {
        .origin = tw_str_of(origin), .fetch_site = tw_str_of(site), .host = tw_str_of(host)};
    return tw_http_is_same_origin(&head);
}

static void http_same_origin__table(void **state)
{
    (void)state;
    assert_true(same(NULL, NULL, "h:1"));
    assert_true(same("http://h:1", NULL, "h:1"));
    assert_true(same("https://H:1", "same-origin", "h:1"));
    assert_true(same(NULL, "none", "h:1"));
    assert_false(same("http://evil:1", NULL, "h:1"));
    assert_false(same("http://h:2", "same-origin", "h:1"));
    assert_false(same("http://h:1.evil", NULL, "h:1"));
    assert_false(same("null", NULL, "h:1"));
    assert_false(same("", NULL, "h:1"));
    assert_false(same("ftp://h:1", NULL, "h:1"));
    assert_false(same(NULL, "cross-site", "h:1"));
    assert_false(same(NULL, "same-site", "h:1"));
    assert_false(same("http://h:1", NULL, NULL));
}

static void http_is_json__table(void **state)
{
    (void)state;
    assert_true(tw_http_is_json(TW_STR_LIT("application/json")));
    assert_true(tw_http_is_json(TW_STR_LIT("Application/JSON ; charset=utf-8")));
    assert_false(tw_http_is_json(TW_STR_LIT("text/plain")));
    assert_false(tw_http_is_json(TW_STR_LIT("application/jsonp")));
    assert_false(tw_http_is_json(TW_STR_LIT("")));
    assert_false(tw_http_is_json(TW_STR_NULL));
}

static void http_tag_matches__weak_and_lists(void **state)
{
    (void)state;
    assert_true(tw_http_tag_matches(TW_STR_LIT("\"abc\""), "\"abc\""));
    assert_true(tw_http_tag_matches(TW_STR_LIT("W/\"abc\""), "\"abc\""));
    assert_true(tw_http_tag_matches(TW_STR_LIT("\"x\", \"abc\""), "\"abc\""));
    assert_true(tw_http_tag_matches(TW_STR_LIT("*"), "\"abc\""));
    assert_false(tw_http_tag_matches(TW_STR_LIT("\"abcd\""), "\"abc\""));
    assert_false(tw_http_tag_matches(TW_STR_NULL, "\"abc\""));
}

static void http_wants_openmetrics__follows_quality(void **state)
{
    (void)state;
    assert_true(tw_http_wants_openmetrics(TW_STR_LIT(
        "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
        "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")));
    assert_true(tw_http_wants_openmetrics(TW_STR_LIT("application/openmetrics-text")));
    assert_false(tw_http_wants_openmetrics(
        TW_STR_LIT("text/plain;version=0.0.4;q=0.5,application/openmetrics-text;q=0.4")));
    assert_false(tw_http_wants_openmetrics(TW_STR_LIT("application/openmetrics-text;q=0")));
    assert_false(tw_http_wants_openmetrics(TW_STR_LIT("*/*")));
    assert_false(tw_http_wants_openmetrics(TW_STR_NULL));
}

static void http_method__others_are_not_known(void **state)
{
    (void)state;
    assert_int_equal(tw_http_method("GET"), TW_METHOD_GET);
    assert_int_equal(tw_http_method("HEAD"), TW_METHOD_HEAD);
    assert_int_equal(tw_http_method("POST"), TW_METHOD_POST);
    assert_int_equal(tw_http_method("TRACE"), TW_METHOD_OTHER);
    assert_int_equal(tw_http_method("get"), TW_METHOD_OTHER);
    assert_int_equal(tw_http_method(""), TW_METHOD_OTHER);
}

static bool is_loopback4(const char *text)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, text, &address.sin_addr), 1);
    return tw_http_is_loopback((const struct sockaddr *)&address);
}

static bool is_loopback6(const char *text)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, text, &address.sin6_addr), 1);
    return tw_http_is_loopback((const struct sockaddr *)&address);
}

static void http_is_loopback__table(void **state)
{
    (void)state;
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_true(is_loopback4("127.0.0.1"));
    assert_true(is_loopback4("127.255.255.255"));
    assert_false(is_loopback4("128.0.0.1"));
    assert_false(is_loopback4("126.255.255.255"));
    assert_false(is_loopback4("10.0.0.127"));
    assert_true(is_loopback6("::1"));
    assert_true(is_loopback6("::ffff:127.0.0.1"));
    assert_false(is_loopback6("::ffff:10.0.0.1"));
    assert_false(is_loopback6("::"));
    assert_false(is_loopback6("fe80::1"));
    assert_false(tw_http_is_loopback(&local));
    assert_false(tw_http_is_loopback(NULL));
}

/* ---- who asks ---- */

static void http_cookie__found_by_its_whole_name_once(void **state)
{
    (void)state;
    static const struct {
        const char *cookies;
        const char *value; /* NULL: absent */
    } rows[] = {
        {"s=1", "1"},      {"a=2; s=1", "1"}, {"s=1; a=2", "1"},     {"a=2;s=1 ;b=3", "1"},
        {" \ts=1\t", "1"}, {"s=", ""},        {"s", NULL},           {"", NULL},
        {"S=1", NULL},     {"xs=1", NULL},    {"sx=1", NULL},        {"a=s=1", NULL},
        {"s=1; s=2", ""},  {"s=1; s=1", ""},  {"s=1; s=1; s=1", ""}, {"s=\"1\"", ""},
        {"s =1", NULL},    {"s=a=b", "a=b"},  {";;;s=1;;", "1"},     {"=1; s=1", "1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tw_str value = tw_http_cookie(tw_str_of(rows[i].cookies), "s");
        if (rows[i].value == NULL) {
            assert_null(value.ptr);
        } else {
            assert_true(value.ptr != NULL && tw_str_is(value, rows[i].value));
        }
    }
    struct tw_http_head head = {0}; /* two lines: neither counts */
    add(&head, "Cookie", "s=1");
    assert_true(tw_str_is(tw_http_cookie(head.cookies, "s"), "1"));
    add(&head, "Cookie", "a=1");
    assert_null(tw_http_cookie(head.cookies, "s").ptr);
}

static void http_bearer__is_one_scheme_of_many(void **state)
{
    (void)state;
    assert_true(tw_str_is(tw_http_bearer(TW_STR_LIT("Bearer abc")), "abc"));
    assert_true(tw_str_is(tw_http_bearer(TW_STR_LIT("BEARER a b")), "a b"));
    assert_true(tw_str_is(tw_http_bearer(TW_STR_LIT("Bearer ")), ""));
    assert_null(tw_http_bearer(TW_STR_LIT("Bearer")).ptr);
    assert_null(tw_http_bearer(TW_STR_LIT("Basic abc")).ptr);
    assert_null(tw_http_bearer(TW_STR_NULL).ptr);
}

static void http_address__is_text_without_a_port(void **state)
{
    (void)state;
    char text[TW_HTTP_ADDRESS_SIZE];
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
    assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &in.sin_addr), 1);
    tw_http_address((const struct sockaddr *)&in, text);
    assert_string_equal(text, "192.0.2.1");
    struct sockaddr_in6 six = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &six.sin6_addr), 1);
    tw_http_address((const struct sockaddr *)&six, text);
    assert_string_equal(text, "2001:db8::1");
    assert_int_equal(inet_pton(AF_INET6, "::ffff:192.0.2.1", &six.sin6_addr), 1);
    tw_http_address((const struct sockaddr *)&six, text);
    assert_string_equal(text, "192.0.2.1");
    tw_http_address(NULL, text);
    assert_string_equal(text, "");
}

static void http_head__headers_of_a_proxy__are_looked_for_by_name(void **state)
{
    (void)state;
    struct tw_http_head head = {.user_header = "X-User", .role_header = "X-Role"};
    add(&head, "x-user", "anna");
    add(&head, "X-ROLE", "viewer");
    assert_true(tw_str_is(head.proxy_user, "anna"));
    assert_true(tw_str_is(head.proxy_role, "viewer"));
    assert_int_equal(head.status, 0);
    add(&head, "X-User", "berta");
    assert_int_equal(head.status, 400);
    struct tw_http_head other = {0};
    add(&other, "X-User", "anna");
    assert_null(other.proxy_user.ptr);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(http_head__plain_request__is_accepted),
        cmocka_unit_test(http_head__ambiguous_lengths__are_refused),
        cmocka_unit_test(http_head__names_that_are_no_token__are_refused),
        cmocka_unit_test(http_head__control_bytes_in_values__are_refused),
        cmocka_unit_test(http_head__sent_twice__is_refused),
        cmocka_unit_test(http_cookie__found_by_its_whole_name_once),
        cmocka_unit_test(http_bearer__is_one_scheme_of_many),
        cmocka_unit_test(http_address__is_text_without_a_port),
        cmocka_unit_test(http_head__headers_of_a_proxy__are_looked_for_by_name),
        cmocka_unit_test(http_head__number_and_size_of_lines__are_bounded),
        cmocka_unit_test(http_decode__table),
        cmocka_unit_test(http_parse_target__splits_path_and_parameters),
        cmocka_unit_test(http_parse_target__faults__are_named),
        cmocka_unit_test(http_parse_target__parameters__are_bounded),
        cmocka_unit_test(http_host__on_loopback__only_its_own_names),
        cmocka_unit_test(http_same_origin__table),
        cmocka_unit_test(http_is_json__table),
        cmocka_unit_test(http_tag_matches__weak_and_lists),
        cmocka_unit_test(http_wants_openmetrics__follows_quality),
        cmocka_unit_test(http_is_loopback__table),
        cmocka_unit_test(http_method__others_are_not_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
