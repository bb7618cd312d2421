/* SPDX-License-Identifier: Apache-2.0
 * Hiding personal data in the JSON of an event. */
#include "config.h"
#include "web/mask.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void check(const char *json, const char *wanted, unsigned hidden)
{
    struct tw_buf out;
    unsigned count = 77;
    tw_buf_init(&out, 1 << 20);
    assert_int_equal(tw_mask_event(tw_str_of(json), &out, &count), TW_OK);
    assert_int_equal(tw_buf_append_byte(&out, 0), TW_OK);
    assert_string_equal(out.data, wanted);
    assert_int_equal(count, hidden);
    tw_buf_fini(&out);
}

static void mask_event__personal_keys__are_hidden_at_any_depth(void **state)
{
    (void)state;
    check("{\"id\":\"1\",\"data\":{\"email\":\"a@b.c\",\"total\":\"9.90\"}}",
          "{\"id\":\"1\",\"data\":{\"email\":\"***\",\"total\":\"9.90\"}}", 1);
    check("{\"data\":{\"a\":[{\"customer_email\":\"x\"},{\"First_Name\":\"y\",\"n\":1}]}}",
          "{\"data\":{\"a\":[{\"customer_email\":\"***\"},{\"First_Name\":\"***\",\"n\":1}]}}", 2);
    check("{\"data\":{\"phone\":491761234,\"ok\":true}}",
          "{\"data\":{\"phone\":\"***\",\"ok\":true}}", 1);
    check("{\"data\":{\"email\":null}}", "{\"data\":{\"email\":null}}", 0);
}

static void mask_event__everything_below_a_personal_key__is_hidden(void **state)
{
    (void)state;
    check(
        "{\"data\":{\"address\":{\"line\":\"1 High St\",\"geo\":[1.5,{\"x\":\"y\"}]},\"k\":\"v\"}}",
        "{\"data\":{\"address\":{\"line\":\"***\",\"geo\":[\"***\",{\"x\":\"***\"}]},\"k\":\"v\"}}",
        3);
}

static void mask_event__plain_payload__is_hidden_whole(void **state)
{
    (void)state;
    check("{\"data\":\"<xml>Jane</xml>\",\"type\":\"t\"}", "{\"data\":\"***\",\"type\":\"t\"}", 1);
    check("{\"data_base64\":\"SmFuZQ==\"}", "{\"data_base64\":\"***\"}", 1);
    check("{\"data\":12}", "{\"data\":\"***\"}", 1);
    check("{\"data\":null,\"x\":\"y\"}", "{\"data\":null,\"x\":\"y\"}", 0);
}

static void mask_event__attributes__stay_except_personal_extensions(void **state)
{
    (void)state;
    check("{\"id\":\"e\",\"orderid\":\"4711\",\"customerref\":\"C1\",\"customeremail\":\"a@b\"}",
          "{\"id\":\"e\",\"orderid\":\"4711\",\"customerref\":\"C1\",\"customeremail\":\"***\"}",
          1);
}

static void mask_event__numbers_keep_their_digits(void **state)
{
    (void)state;
    check("{\"data\":{\"id\":890088186047892319123456,\"t\":1.10,\"e\":-0e+5}}",
          "{\"data\":{\"id\":890088186047892319123456,\"t\":1.10,\"e\":-0e+5}}", 0);
}

static void mask_event__escaped_keys__are_recognised(void **state)
{
    (void)state;
    check("{\"data\":{\"\\u0065mail\":\"a\",\"na\\u006De\":\"b\",\"na\\\"me\":\"c\"}}",
          "{\"data\":{\"\\u0065mail\":\"***\",\"na\\u006De\":\"***\",\"na\\\"me\":\"c\"}}", 2);
}

static void mask_event__long_keys__hide_their_values(void **state)
{
    (void)state;
    check(
        "{\"data\":{\"________________________________________________________________________"
        "________________________________________________________________________email\":1}}",
        "{\"data\":{\"________________________________________________________________________"
        "________________________________________________________________________email\":\"***\"}}",
        1);
    char json[400];
    char wanted[400];
    char key[200];
    for (int len = 127; len <= 130; len++) {
        memset(key, 'x', sizeof key);
        key[len] = '\0';
        (void)snprintf(json, sizeof json, "{\"data\":{\"%s\":1}}", key);
        (void)snprintf(wanted, sizeof wanted, "{\"data\":{\"%s\":%s}}", key,
                       len > 128 ? "\"***\"" : "1");
        check(json, wanted, len > 128 ? 1 : 0);
    }
}

static void mask_event__structure_in_strings__is_no_structure(void **state)
{
    (void)state;
    check("{\"data\":{\"note\":\"{\\\"email\\\":\\\"x\\\"}, ]\",\"iban\":\"DE\"}}",
          "{\"data\":{\"note\":\"{\\\"email\\\":\\\"x\\\"}, ]\",\"iban\":\"***\"}}", 1);
    check(" { \"data\" : { \"email\" : \"x\" , \"b\" : [ ] } } ",
          "{\"data\":{\"email\":\"***\",\"b\":[]}}", 1);
}

static void mask_event__not_an_object__shows_nothing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",      "[]",     "\"x\"", "{",   "{\"a\":",   "{\"a}",      "{\"a\":1]",
        "{} {}", "{\"a\\", "{a:1}", "{}}", "{\"a\":[}", "{\"a\":1}x", "{[1]:2}x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct tw_buf out;
        unsigned count = 0;
        tw_buf_init(&out, 1 << 16);
        assert_int_equal(tw_mask_event(tw_str_of(bad[i]), &out, &count), TW_ESYNTAX);
        tw_buf_fini(&out);
    }
}

/* The JSON library passes over a NUL byte behind a number; it must not get there. */
static void mask_event__nul_byte__shows_nothing(void **state)
{
    (void)state;
    static const char texts[][24] = {"{\"n\":1.10\0,\"x\":2}", "{\"n\":1.10,\0\"x\":2}",
                                     "{\"n\":true\0,\"x\":2}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct tw_buf out;
        unsigned count = 0;
        tw_buf_init(&out, 1 << 16);
        assert_int_equal(tw_mask_event((struct tw_str){texts[i], 17}, &out, &count), TW_ESYNTAX);
        tw_buf_fini(&out);
    }
}

static int mask_depth(int depth)
{
    struct tw_buf in;
    struct tw_buf out;
    unsigned count = 0;
    tw_buf_init(&in, 1 << 16);
    tw_buf_init(&out, 1 << 16);
    (void)tw_buf_append_str(&in, TW_STR_LIT("{\"data\":"));
    for (int i = 1; i < depth; i++) {
        (void)tw_buf_append_byte(&in, '[');
    }
    for (int i = 1; i < depth; i++) {
        (void)tw_buf_append_byte(&in, ']');
    }
    (void)tw_buf_append_byte(&in, '}');
    int rc = tw_mask_event((struct tw_str){in.data, in.len}, &out, &count);
    tw_buf_fini(&in);
    tw_buf_fini(&out);
    return rc;
}

static void mask_event__depth__is_bounded(void **state)
{
    (void)state;
    assert_int_equal(mask_depth(TW_MASK_MAX_DEPTH), TW_OK);
    assert_int_equal(mask_depth(TW_MASK_MAX_DEPTH + 1), TW_ELIMIT);
}

static void mask_event__buffer_full__says_so(void **state)
{
    (void)state;
    struct tw_buf out;
    unsigned count = 0;
    tw_buf_init(&out, 4);
    assert_int_equal(tw_mask_event(TW_STR_LIT("{\"data\":{\"email\":\"x\"}}"), &out, &count),
                     TW_ELIMIT);
    tw_buf_fini(&out);
}

static void mask_numbers__become_zero__texts_stay(void **state)
{
    (void)state;
    struct tw_buf out;
    tw_buf_init(&out, 4096);
    assert_int_equal(tw_mask_numbers(TW_STR_LIT("{\"id\":\"7\",\"email\":\"x\",\"data\":[1e999,-1,"
                                                "true,null,\"-2\",{\"3\":4.5}]}"),
                                     &out),
                     TW_OK);
    assert_int_equal(tw_buf_append_byte(&out, 0), TW_OK);
    assert_string_equal(out.data, "{\"id\":\"7\",\"email\":\"x\",\"data\":[0,0,true,null,\"-2\","
                                  "{\"3\":0}]}");
    tw_buf_clear(&out);
    assert_int_equal(tw_mask_numbers(TW_STR_LIT("[1]"), &out), TW_ESYNTAX);
    tw_buf_fini(&out);
}

static void mask_is_personal__table(void **state)
{
    (void)state;
    static const char *const yes[] = {
        "email",      "E-Mail", "billing_address", "PAN",         "cardNumber",
        "last name",  "iban",   "Phone",           "mobilePhone", "dateOfBirth_birth",
        "postal.code"};
    static const char *const no[] = {"orderid", "sku", "company_code_x", "span", "namespace",
                                     "total",   "",    "status"};
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        assert_true(tw_mask_is_personal(tw_str_of(yes[i])));
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        assert_false(tw_mask_is_personal(tw_str_of(no[i])));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mask_event__personal_keys__are_hidden_at_any_depth),
        cmocka_unit_test(mask_event__everything_below_a_personal_key__is_hidden),
        cmocka_unit_test(mask_event__plain_payload__is_hidden_whole),
        cmocka_unit_test(mask_event__attributes__stay_except_personal_extensions),
        cmocka_unit_test(mask_event__numbers_keep_their_digits),
        cmocka_unit_test(mask_event__escaped_keys__are_recognised),
        cmocka_unit_test(mask_event__long_keys__hide_their_values),
        cmocka_unit_test(mask_event__structure_in_strings__is_no_structure),
        cmocka_unit_test(mask_event__not_an_object__shows_nothing),
        cmocka_unit_test(mask_event__nul_byte__shows_nothing),
        cmocka_unit_test(mask_event__depth__is_bounded),
        cmocka_unit_test(mask_event__buffer_full__says_so),
        cmocka_unit_test(mask_numbers__become_zero__texts_stay),
        cmocka_unit_test(mask_is_personal__table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
