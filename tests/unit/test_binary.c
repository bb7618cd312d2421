/* SPDX-License-Identifier: Apache-2.0
 * event/binary: the header frame, which mode it names, and events composed from it. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "decode_support.h"

/* --- headers ---------------------------------------------------------------------------------- */

static void headers__content_type__decides_the_mode(void **state)
{
    struct got *got = *state;
    static const char *const structured[] = {
        "content-type: application/cloudevents+json",
        "Content-Type: Application/CloudEvents+JSON ; charset=UTF-8\n",
        "content-type: application/cloudevents-batch+json\n", /* a batch of one */
        "content-type: application/json\n",
        "content-type: application/vnd.shop+json\n",
        "x-other: 1\n",
        "",
    };
    for (size_t i = 0; i < sizeof structured / sizeof structured[0]; i++) {
        got_body(got, NULL, structured[i], TW_STR_LIT(MIN_EVENT));
        assert_int_equal(got->event_count, 1);
        assert_int_equal(got->problem_count, 0);
    }
    check_refused(got, "content-type: application/cloudevents+json\n", "[" MIN_EVENT "]",
                  TW_PROBLEM_json);
    check_refused(got, "content-type: application/cloudevents+json\n", "text", TW_PROBLEM_json);
    check_refused(got, "content-type: application/cloudevents+json\n", "", TW_PROBLEM_empty);
    check_refused(got, "content-type: application/cloudevents-batch+json\n", "5", TW_PROBLEM_json);
    check_refused(got, "content-type: application/cloudevents+xml\n", "<e/>",
                  TW_PROBLEM_content_type);
    check_refused(got, "content-type: application/cloudevents\n", MIN_EVENT,
                  TW_PROBLEM_content_type);
    check_refused(got, "content-type: application/cloudevents-batch+avro\n", "x",
                  TW_PROBLEM_content_type);
    check_refused(got, "content-type: text/xml\n", "<a/>", TW_PROBLEM_content_type);
}

static void headers__not_well_formed__refuse_the_message(void **state)
{
    struct got *got = *state;
    static const char *const bad[] = {
        "content-type",
        "content-type application/json\n",
        ": x\n",
        "a b: c\n",
        "\n",
        "a: 1\n\nb: 2\n",
        "a: 1\r\n",
        "a: \x01\n",
        "a: \t\n",
        "a: \x7f\n",
        "A: 1\na: 2\n",
        "a: 1\nA: 1\n",
        "content-type: a\nContent-Type: b\n",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        check_refused(got, bad[i], MIN_EVENT, TW_PROBLEM_headers);
    }
    check_refused(got, "a: \xff\n", MIN_EVENT, TW_PROBLEM_utf8);
    check_refused(got, CE "ce-datacontenttype: x\n", "", TW_PROBLEM_headers);
    check_refused(got, CE "ce-order-id: 1\n", "", TW_PROBLEM_attribute_name);
    check_refused(got, CE "ce-data: 1\n", "", TW_PROBLEM_attribute_name);
    check_refused(got, CE "ce-: 1\n", "", TW_PROBLEM_attribute_name);
    check_refused(got, CE "ce-x: a\xc2\x85\n", "", TW_PROBLEM_attribute_text);
}

static void headers__size__is_bounded_at_its_edge(void **state)
{
    struct got *got = *state;
    char headers[17000];
    for (int lines = 64; lines <= 65; lines++) {
        char *p = headers;
        for (int i = 0; i < lines; i++) {
            p += snprintf(p, 32, "h%d: v\n", i);
        }
        got_body(got, NULL, headers, TW_STR_LIT(MIN_EVENT));
        assert_int_equal(got->event_count, lines == 64 ? 1 : 0);
        assert_int_equal(got->problem_count, lines == 64 ? 0 : 1);
    }
    assert_int_equal(got->problems[0]->code, TW_PROBLEM_headers);
    for (size_t len = 16384; len <= 16385; len++) {
        memset(headers, 'v', len);
        memcpy(headers, "h: ", 3);
        struct tw_message message = {.headers = {headers, len}, .body = TW_STR_LIT(MIN_EVENT)};
        got_message(got, &message);
        assert_int_equal(got->event_count, len == 16384 ? 1 : 0);
    }
    assert_int_equal(got->problems[0]->code, TW_PROBLEM_headers);
}

/* --- binary ----------------------------------------------------------------------------------- */

static void check_composed(struct got *got, const char *headers, const char *body,
                           const char *expected_tail)
{
    got_body(got, NULL, headers, tw_str_of(body));
    if (got->event_count != 1) {
        fail_msg("%s: %s", headers, got->problems[0]->detail.ptr);
    }
    static const char head[] =
        "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/wms/1\",\"type\":\"t\"";
    struct tw_str json = got->events[0]->json;
    assert_true(tw_str_starts(json, TW_STR_LIT(head)));
    check_text((struct tw_str){json.ptr + sizeof head - 1, json.len - (sizeof head - 1)},
               expected_tail);
}

static void binary__data__is_json_where_it_can_be(void **state)
{
    struct got *got = *state;
    check_composed(got, CE, "", "}");
    check_composed(got, CE, "{\"a\":1}", ",\"data\":{\"a\":1}}");
    check_composed(got, CE, "not json", ",\"data_base64\":\"bm90IGpzb24=\"}");
    check_composed(got, CE "content-type: application/json\n", "\"text\"",
                   ",\"datacontenttype\":\"application/json\",\"data\":\"text\"}");
    check_composed(got, CE "content-type: application/json\n", "{\"a\":",
                   ",\"datacontenttype\":\"application/json\",\"data_base64\":\"eyJhIjo=\"}");
    check_composed(got, CE "content-type: text/json\n", "[1]x",
                   ",\"datacontenttype\":\"text/json\",\"data_base64\":\"WzFdeA==\"}");
    check_composed(got, CE "content-type: text/plain\n", "1",
                   ",\"datacontenttype\":\"text/plain\",\"data_base64\":\"MQ==\"}");
    check_composed(got, CE "content-type: a/b+JSON; v=1\n", " [1] ",
                   ",\"datacontenttype\":\"a/b+JSON; v=1\",\"data\":[1]}");
}

static void binary__values__are_taken_literally(void **state)
{
    struct got *got = *state;
    check_composed(got, CE "ce-x: \"a%20b\\\" \n", "", ",\"x\":\"\\\"a%20b\\\\\\\"\"}");
    check_text(tw_event_attribute(got->events[0], TW_STR_LIT("x")), "\"a%20b\\\"");
    check_composed(got, CE "CE-OrderId:4711\n", "", ",\"orderid\":\"4711\"}");
    check_composed(got, CE "ce-orderid:\n", "", ",\"orderid\":\"\"}");
    check_refused(got, "ce-id: 1\nce-source: /a\nce-type: t\n", "", TW_PROBLEM_required);
    check_refused(got, "ce-specversion: 2.0\nce-id: 1\nce-source: /a\nce-type: t\n", "",
                  TW_PROBLEM_specversion);
    check_refused(got, CE "ce-time: now\n", "", TW_PROBLEM_time);
}

/* Every case has a decoder of its own. */
#define CASE(name) cmocka_unit_test_setup_teardown(name, got_setup, got_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(headers__content_type__decides_the_mode),
        CASE(headers__not_well_formed__refuse_the_message),
        CASE(headers__size__is_bounded_at_its_edge),
        CASE(binary__data__is_json_where_it_can_be),
        CASE(binary__values__are_taken_literally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
