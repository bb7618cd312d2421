/* SPDX-License-Identifier: Apache-2.0
 * JSON of the API: text of any bytes, base64, problems, responses. */
#include "config.h"
#include "web/problem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "web/out.h"

static void check_text(struct tw_str text, const char *wanted)
{
    json_t *json = tw_out_text(text);
    assert_non_null(json);
    assert_string_equal(json_string_value(json), wanted);
    json_decref(json);
}

static void json_text__bytes_that_are_no_utf8__are_escaped(void **state)
{
    (void)state;
    check_text(TW_STR_LIT("order 4711"), "order 4711");
    check_text(TW_STR_LIT(""), "");
    check_text(TW_STR_LIT("caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9b\x92"),
               "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x9b\x92");
    check_text(TW_STR_LIT("\xff\xfe"), "\\xff\\xfe");
    check_text(TW_STR_LIT("a\x80z"), "a\\x80z");
    check_text(TW_STR_LIT("\xc0\xaf"), "\\xc0\\xaf");                   /* overlong */
    check_text(TW_STR_LIT("\xe0\x9f\xbf"), "\\xe0\\x9f\\xbf");          /* overlong */
    check_text(TW_STR_LIT("\xed\xa0\x80"), "\\xed\\xa0\\x80");          /* surrogate */
    check_text(TW_STR_LIT("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80"); /* above U+10FFFF */
    check_text(TW_STR_LIT("\xf0\x8f\xbf\xbf"), "\\xf0\\x8f\\xbf\\xbf"); /* overlong */
    check_text(TW_STR_LIT("\xe2\x82"), "\\xe2\\x82");                   /* cut */
    check_text(TW_STR_LIT("\xc3"), "\\xc3");
    json_t *json = tw_out_text(TW_STR_NULL);
    assert_true(json_is_null(json));
}

static void json_raw__control_bytes__are_shown(void **state)
{
    (void)state;
    json_t *json = tw_out_raw((struct tw_str){"a\0b\x1b[1m\n\tc\x7f\xff", 12});
    assert_string_equal(json_string_value(json), "a\\x00b\\x1b[1m\n\tc\\x7f\\xff");
    json_decref(json);
    json = tw_out_raw(TW_STR_NULL);
    assert_true(json_is_null(json));
}

static void json_base64__rfc_vectors(void **state)
{
    (void)state;
    static const char *const rows[][2] = {{"", ""},
                                          {"f", "Zg=="},
                                          {"fo", "Zm8="},
                                          {"foo", "Zm9v"},
                                          {"foob", "Zm9vYg=="},
                                          {"fooba", "Zm9vYmE="},
                                          {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *json = tw_out_base64(tw_str_of(rows[i][0]));
        assert_string_equal(json_string_value(json), rows[i][1]);
        json_decref(json);
    }
}

static void json_base64url__round_trip_of_all_bytes(void **state)
{
    (void)state;
    struct tw_arena arena;
    char bytes[256];
    tw_arena_init(&arena, 65536);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(255 - i);
    }
    for (size_t len = 0; len <= sizeof bytes; len++) {
        struct tw_str back = TW_STR_NULL;
        struct tw_str text = tw_base64url(&arena, (struct tw_str){bytes, len});
        assert_non_null(text.ptr);
        assert_null(memchr(text.ptr, '=', text.len));
        assert_int_equal(tw_base64url_decode(&arena, text, &back), TW_OK);
        assert_int_equal(back.len, len);
        assert_memory_equal(back.ptr, bytes, len);
        tw_arena_reset(&arena);
    }
    tw_arena_fini(&arena);
}

static void json_base64url_decode__other_characters__are_refused(void **state)
{
    (void)state;
    struct tw_arena arena;
    struct tw_str back = TW_STR_NULL;
    tw_arena_init(&arena, 4096);
    assert_int_equal(tw_base64url_decode(&arena, TW_STR_LIT("ab+/"), &back), TW_ESYNTAX);
    assert_int_equal(tw_base64url_decode(&arena, TW_STR_LIT("a"), &back), TW_ESYNTAX);
    assert_int_equal(tw_base64url_decode(&arena, TW_STR_LIT("ab=="), &back), TW_ESYNTAX);
    assert_int_equal(tw_base64url_decode(&arena, (struct tw_str){"ab\0d", 4}, &back), TW_ESYNTAX);
    assert_null(back.ptr);
    tw_arena_fini(&arena);
}

static void json_numbers__times_and_durations(void **state)
{
    (void)state;
    json_t *json = tw_out_time((tw_wall_t){INT64_C(1762790592123456789)});
    assert_string_equal(json_string_value(json), "2025-11-10T16:03:12.123456Z");
    json_decref(json);
    assert_true(json_is_null(tw_out_time((tw_wall_t){0})));
    json = tw_out_seconds(-1500000999);
    assert_float_equal(json_real_value(json), -1.5, 1e-9);
    json_decref(json);
    json = tw_out_count(UINT64_MAX);
    assert_true(json_integer_value(json) == INT64_MAX);
    json_decref(json);
}

static void json_set__null_value__fails_the_answer(void **state)
{
    (void)state;
    struct tw_response response;
    tw_response_init(&response);
    json_t *json = json_object();
    tw_out_set(json, "a", NULL);
    assert_int_equal(tw_response_json(&response, 200, json), TW_ENOMEM);
    assert_null(response.owned);
    json = json_object();
    tw_out_set(json, "a", json_true());
    assert_int_equal(tw_response_json(&response, 200, json), TW_OK);
    assert_string_equal(response.owned, "{\"a\":true}");
    assert_int_equal(response.status, 200);
    tw_response_fini(&response);
    assert_int_equal(tw_response_json(&response, 200, NULL), TW_ENOMEM);
}

static void response_header__control_bytes_and_length__are_refused(void **state)
{
    (void)state;
    struct tw_response response;
    char value[TW_RESPONSE_HEADER_BYTES + 1];
    tw_response_init(&response);
    assert_int_equal(tw_response_header(&response, "X", "a\r\nSet-Cookie: b"), TW_EINVAL);
    memset(value, 'v', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    assert_int_equal(tw_response_header(&response, "X", value), TW_EINVAL);
    assert_int_equal(response.header_count, 0);
    value[sizeof value - 2] = '\0';
    assert_int_equal(tw_response_header(&response, "X", value), TW_OK);
    assert_int_equal(response.header_count, 1);
    assert_string_equal(response.headers[0].value, value);
}

static json_t *filled(enum tw_web_problem kind, const char *detail, struct tw_str instance,
                      struct tw_response *response)
{
    tw_response_init(response);
    tw_problem_fill(response, kind, detail, instance);
    assert_string_equal(response->content_type, "application/problem+json");
    json_t *json = json_loadb(response->owned, response->len, 0, NULL);
    assert_non_null(json);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), response->status);
    return json;
}

static void problem_fill__has_the_members_of_rfc_9457(void **state)
{
    (void)state;
    struct tw_response response;
    json_t *json = filled(TW_WEB_PROBLEM_PARAMETER, "'limit' <b>", TW_STR_LIT("/x\xff"), &response);
    assert_int_equal(response.status, 400);
    assert_string_equal(json_string_value(json_object_get(json, "type")),
                        "urn:problem-type:tillwatch:bad-parameter");
    assert_non_null(json_object_get(json, "title"));
    assert_string_equal(json_string_value(json_object_get(json, "detail")), "'limit' <b>");
    assert_string_equal(json_string_value(json_object_get(json, "instance")), "/x\\xff");
    json_decref(json);
    tw_response_fini(&response);
}

static void problem_fill__every_kind__has_its_own_status_and_503_says_when(void **state)
{
    (void)state;
    for (int i = 0; i < TW_WEB_PROBLEM_COUNT; i++) {
        struct tw_response response;
        json_t *json = filled((enum tw_web_problem)i, NULL, TW_STR_NULL, &response);
        assert_null(json_object_get(json, "detail"));
        assert_null(json_object_get(json, "instance"));
        assert_true(response.status >= 400 && response.status < 600);
        assert_int_equal(response.header_count, response.status == 503 ? 1 : 0);
        json_decref(json);
        tw_response_fini(&response);
    }
}

static void problem_fill_with__members_of_the_caller__come_after_its_own(void **state)
{
    (void)state;
    struct tw_response response;
    tw_response_init(&response);
    tw_problem_fill_with(&response, TW_WEB_PROBLEM_CHANGED, "two", TW_STR_NULL,
                         json_pack("{s:i,s:i}", "changed", 2, "status", 200));
    json_t *json = json_loadb(response.owned, response.len, 0, NULL);
    assert_non_null(json);
    assert_int_equal(response.status, 409);
    assert_int_equal(json_integer_value(json_object_get(json, "status")), 409);
    assert_int_equal(json_integer_value(json_object_get(json, "changed")), 2);
    json_decref(json);
    tw_response_fini(&response);
}

static void problem_of_error__every_code__is_an_answer(void **state)
{
    (void)state;
    assert_int_equal(tw_problem_of_error(TW_ENOTFOUND), TW_WEB_PROBLEM_NOT_FOUND);
    assert_int_equal(tw_problem_of_error(TW_ETIMEOUT), TW_WEB_PROBLEM_DEADLINE);
    assert_int_equal(tw_problem_of_error(TW_EINVAL), TW_WEB_PROBLEM_PARAMETER);
    assert_int_equal(tw_problem_of_error(TW_EDAMAGED), TW_WEB_PROBLEM_DAMAGED);
    assert_int_equal(tw_problem_of_error(TW_ENOMEM), TW_WEB_PROBLEM_UNAVAILABLE);
    assert_int_equal(tw_problem_of_error(TW_ELIMIT), TW_WEB_PROBLEM_WAITING);
    assert_int_equal(tw_problem_of_error(TW_EIO), TW_WEB_PROBLEM_INTERNAL);
    assert_int_equal(tw_problem_of_error(-999), TW_WEB_PROBLEM_INTERNAL);
    assert_int_equal(tw_problem_of_status(431), TW_WEB_PROBLEM_HEADERS);
    assert_int_equal(tw_problem_of_status(411), TW_WEB_PROBLEM_LENGTH);
    assert_int_equal(tw_problem_of_status(299), TW_WEB_PROBLEM_INTERNAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_text__bytes_that_are_no_utf8__are_escaped),
        cmocka_unit_test(json_raw__control_bytes__are_shown),
        cmocka_unit_test(json_base64__rfc_vectors),
        cmocka_unit_test(json_base64url__round_trip_of_all_bytes),
        cmocka_unit_test(json_base64url_decode__other_characters__are_refused),
        cmocka_unit_test(json_numbers__times_and_durations),
        cmocka_unit_test(json_set__null_value__fails_the_answer),
        cmocka_unit_test(response_header__control_bytes_and_length__are_refused),
        cmocka_unit_test(problem_fill__has_the_members_of_rfc_9457),
        cmocka_unit_test(problem_fill__every_kind__has_its_own_status_and_503_says_when),
        cmocka_unit_test(problem_fill_with__members_of_the_caller__come_after_its_own),
        cmocka_unit_test(problem_of_error__every_code__is_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
