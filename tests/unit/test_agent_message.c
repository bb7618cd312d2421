/* SPDX-License-Identifier: Apache-2.0
 * client: the JSON of agents, and the frames of their protocol. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent_message.h"
#include "json.h"

static struct twc_json of(const char *text)
{
    return (struct twc_json){text, strlen(text)};
}

static void json__what_rfc_8259_allows__is_valid(void **state)
{
    static const char *const texts[] = {"{}",
                                        " [ ] ",
                                        "0",
                                        "-0.5e+10",
                                        "1E5",
                                        "\"\"",
                                        "true",
                                        "[1,[2,{}]]",
                                        "null",
                                        "{\"a\":{\"b\":[1,2]},\"c\":false}",
                                        "\"\\u00e9\\ud83d\\ude00\"",
                                        "\"\xc3\xa9\xf0\x9f\x98\x80\"",
                                        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                                        "\t\r\n 1 \n"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_true(twc_json_is_valid(texts[i], strlen(texts[i])));
    }
}

static void json__anything_else__is_not(void **state)
{
    static const char *const texts[] = {"",
                                        " ",
                                        "{",
                                        "}",
                                        "[1,]",
                                        "{\"a\":1,}",
                                        "{\"a\"}",
                                        "{1:2}",
                                        "01",
                                        "1.",
                                        ".5",
                                        "+1",
                                        "1e",
                                        "-",
                                        "tru",
                                        "nul",
                                        "\"",
                                        "\"\\x\"",
                                        "\"\\u12\"",
                                        "\"\\ud800\"",
                                        "\"\\udc00\"",
                                        "\"\n\"",
                                        "1 2",
                                        "[1 2]",
                                        "{\"a\" 1}",
                                        "\"\\ud800\\u0041\"",
                                        "'a'",
                                        "\"\xc0\xaf\"",
                                        "\"\xed\xa0\x80\"",
                                        "\"\xf4\x90\x80\x80\"",
                                        "\"\xff\"",
                                        "\"\xe2\x82\"",
                                        "[}",
                                        "{]",
                                        "1e+",
                                        "\"\\",
                                        "\"\\u",
                                        "{\"a\":}",
                                        "[,1]"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_false(twc_json_is_valid(texts[i], strlen(texts[i])));
    }
    assert_false(twc_json_is_valid("\"a\0b\"", 5));
    assert_false(twc_json_is_valid("1\0", 2));
}

static void json__depth__has_its_bound(void **state)
{
    char text[2 * (TWC_JSON_DEPTH + 1)];
    (void)state;
    memset(text, '[', TWC_JSON_DEPTH);
    memset(text + TWC_JSON_DEPTH, ']', TWC_JSON_DEPTH);
    assert_true(twc_json_is_valid(text, (size_t)2 * TWC_JSON_DEPTH));
    memset(text, '[', TWC_JSON_DEPTH + 1);
    memset(text + TWC_JSON_DEPTH + 1, ']', TWC_JSON_DEPTH + 1);
    assert_false(twc_json_is_valid(text, sizeof text));
}

static void json_member__names__are_compared_decoded(void **state)
{
    const char *text = " {\"b\":[{\"a\":0}],\"\\u0061\" : {\"x\":\"}\"} , \"a\\u0000\":2,\"ab\":3}";
    struct twc_json value = {NULL, 0};
    (void)state;
    assert_true(twc_json_member(of(text), "a", &value));
    assert_int_equal(value.len, strlen("{\"x\":\"}\"}"));
    assert_memory_equal(value.at, "{\"x\":\"}\"}", value.len);
    assert_false(twc_json_member(of(text), "x", &value));
    assert_false(twc_json_member(of(text), "", &value));
    assert_false(twc_json_member(of("[1]"), "a", &value));
    assert_false(twc_json_member(of("{}"), "a", &value));
    assert_true(twc_json_member(of("{\"a\":1,\"a\":2}"), "a", &value));
    assert_memory_equal(value.at, "2", 1);
}

static void json_string__limits_and_controls(void **state)
{
    char out[5];
    (void)state;
    assert_true(twc_json_string(of("\"abcd\""), out, sizeof out));
    assert_string_equal(out, "abcd");
    assert_false(twc_json_string(of("\"abcde\""), out, sizeof out));
    assert_true(twc_json_string(of("\"\\u20ac\""), out, sizeof out));
    assert_string_equal(out, "\xe2\x82\xac");
    assert_false(twc_json_string(of("\"a\\n\""), out, sizeof out));
    assert_false(twc_json_string(of("\"\\u0000\""), out, sizeof out));
    assert_false(twc_json_string(of("\"\\u007f\""), out, sizeof out));
    assert_false(twc_json_string(of("12"), out, sizeof out));
}

static void json_numbers__have_their_ranges(void **state)
{
    uint64_t whole = 0;
    int64_t ms = 0;
    (void)state;
    assert_true(twc_json_whole(of("9007199254740992"), &whole));
    assert_int_equal(whole, UINT64_C(1) << 53);
    assert_false(twc_json_whole(of("9007199254740993"), &whole));
    assert_false(twc_json_whole(of("99999999999999999999"), &whole));
    assert_false(twc_json_whole(of("-1"), &whole));
    assert_false(twc_json_whole(of("1.0"), &whole));
    assert_false(twc_json_whole(of("\"1\""), &whole));
    assert_true(twc_json_seconds(of("2"), &ms));
    assert_int_equal(ms, 2000);
    assert_true(twc_json_seconds(of("0.25"), &ms));
    assert_int_equal(ms, 250);
    assert_true(twc_json_seconds(of("1000000000"), &ms));
    assert_false(twc_json_seconds(of("1000000001"), &ms));
    assert_false(twc_json_seconds(of("-1"), &ms));
    assert_false(twc_json_seconds(of("1e3"), &ms));
    assert_false(twc_json_seconds(of("true"), &ms));
}

static void json_put__whatever_it_is__is_valid(void **state)
{
    static const char *const texts[] = {"", "a\"b\\c\n\t", "\xff\xfe", "\xe2\x82", "\xe2\x82\xac"};
    char out[64];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t len = twc_json_put(out, texts[i]);
        assert_int_equal(len, strlen(out));
        assert_true(twc_json_is_valid(out, len));
    }
    (void)twc_json_put(out, "\xff"
                            "a\n\"");
    assert_string_equal(out, "\"?a\\u000a\\u0022\"");
}

static void time_read__zones_fractions_and_nonsense(void **state)
{
    int64_t ms = 0;
    (void)state;
    assert_true(twc_time_read("1970-01-01T00:00:00Z", &ms));
    assert_int_equal(ms, 0);
    assert_true(twc_time_read("2026-11-27T18:00:00.123456Z", &ms));
    assert_int_equal(ms, INT64_C(1795802400123));
    assert_true(twc_time_read("2026-11-27t19:30:00+01:30", &ms));
    assert_int_equal(ms, INT64_C(1795802400000));
    assert_true(twc_time_read("2026-11-27 17:00:00-01:00", &ms));
    assert_int_equal(ms, INT64_C(1795802400000));
    static const char *const wrong[] = {"",
                                        "tomorrow",
                                        "2026-11-27",
                                        "2026-11-27T18:00:00",
                                        "2026-13-27T18:00:00Z",
                                        "2026-11-32T18:00:00Z",
                                        "2026-11-27T24:00:00Z",
                                        "2026-11-27T18:60:00Z",
                                        "2026-11-27T18:00:00.Z",
                                        "2026-11-27T18:00:00+0100",
                                        "2026-11-27T18:00:00+24:00",
                                        "2026-11-27T18:00:00Z ",
                                        "26-11-27T18:00:00Z"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(twc_time_read(wrong[i], &ms));
    }
}

static void read(const char *text, struct twc_message *ret_message)
{
    twc_message_read(text, strlen(text), ret_message);
}

#define HEAD "{\"op\":\"replay\",\"replayid\":\"rp\",\"attempt\":3,"
#define GOOD "{\"replayid\":\"rp\",\"attempt\":3}"

static void message_read__a_replay__has_everything(void **state)
{
    struct twc_message message;
    (void)state;
    read(HEAD
         "\"idempotencykey\":\"k\",\"destination\":\"erp\",\"deadline\":\"1970-01-01T00:00:01Z\","
         "\"event\":" GOOD ",\"more\":[1]}",
         &message);
    assert_int_equal(message.op, TWC_OP_REPLAY);
    assert_null(message.fault);
    assert_string_equal(message.replayid, "rp");
    assert_int_equal(message.attempt, 3);
    assert_string_equal(message.key, "k");
    assert_string_equal(message.destination, "erp");
    assert_int_equal(message.deadline_ms, 1000);
    assert_int_equal(message.event.len, strlen(GOOD));
    assert_memory_equal(message.event.at, GOOD, message.event.len);
    read(HEAD "\"idempotencykey\":\"k\",\"destination\":\"erp\",\"deadline\":null,"
              "\"event\":{\"replayid\":\"rp\",\"attempt\":\"3\"}}",
         &message);
    assert_null(message.fault);
    assert_true(message.deadline_ms == INT64_MAX);
}

static void message_read__a_faulty_replay__says_what_is_wrong(void **state)
{
    static const struct {
        const char *text;
        const char *fault;
    } cases[] = {
        {HEAD "\"destination\":\"erp\",\"event\":" GOOD "}", "idempotencykey"},
        {HEAD "\"idempotencykey\":\"\",\"destination\":\"erp\",\"event\":" GOOD "}",
         "idempotencykey"},
        {HEAD "\"idempotencykey\":\"k\",\"destination\":7,\"event\":" GOOD "}", "destination"},
        {HEAD "\"idempotencykey\":\"k\",\"destination\":\"erp\",\"deadline\":\"soon\","
              "\"event\":" GOOD "}",
         "deadline"},
        {HEAD "\"idempotencykey\":\"k\",\"destination\":\"erp\"}", "event"},
        {HEAD "\"idempotencykey\":\"k\",\"destination\":\"erp\",\"event\":[]}", "event"},
        {HEAD "\"idempotencykey\":\"k\",\"destination\":\"erp\",\"event\":{}}", "carry"},
        {HEAD "\"idempotencykey\":\"k\",\"destination\":\"erp\","
              "\"event\":{\"replayid\":\"rp\",\"attempt\":2}}",
         "carry"},
        {HEAD "\"idempotencykey\":\"k\",\"destination\":\"erp\","
              "\"event\":{\"replayid\":\"other\",\"attempt\":3}}",
         "carry"}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct twc_message message;
        read(cases[i].text, &message);
        assert_int_equal(message.op, TWC_OP_REPLAY);
        assert_non_null(message.fault);
        assert_non_null(strstr(message.fault, cases[i].fault));
    }
}

static void message_read__what_cannot_be_answered__is_malformed(void **state)
{
    static const char *const texts[] = {"",
                                        "[]",
                                        "{}",
                                        "{\"op\":7}",
                                        "{\"op\":\"\"}",
                                        "{\"op\":\"ping\"",
                                        "{\"op\":\"replay\"}",
                                        "{\"op\":\"replay\",\"replayid\":\"\",\"attempt\":1}",
                                        "{\"op\":\"replay\",\"replayid\":\"a\",\"attempt\":0}",
                                        "{\"op\":\"replay\",\"replayid\":\"a\\n\",\"attempt\":1}",
                                        "{\"op\":\"replay\",\"replayid\":\"a\",\"attempt\":1.5}"};
    struct twc_message message;
    char text[256];
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        read(texts[i], &message);
        assert_int_equal(message.op, TWC_OP_MALFORMED);
    }
    for (int len = TILLWATCH_NAME_BYTES; len <= TILLWATCH_NAME_BYTES + 1; len++) {
        (void)snprintf(text, sizeof text, "{\"op\":\"replay\",\"replayid\":\"%0*d\",\"attempt\":1}",
                       len, 7);
        read(text, &message);
        assert_int_equal(message.op,
                         len == TILLWATCH_NAME_BYTES ? TWC_OP_REPLAY : TWC_OP_MALFORMED);
    }
}

static void message_read__welcome__keeps_the_heartbeat_in_its_bounds(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"{\"op\":\"welcome\",\"heartbeat\":5}", 5000},
                 {"{\"op\":\"welcome\",\"heartbeat\":0.5}", 500},
                 {"{\"op\":\"welcome\"}", TWC_HEARTBEAT_MS},
                 {"{\"op\":\"welcome\",\"heartbeat\":\"5\"}", TWC_HEARTBEAT_MS},
                 {"{\"op\":\"welcome\",\"heartbeat\":0}", TWC_HEARTBEAT_MIN_MS},
                 {"{\"op\":\"welcome\",\"heartbeat\":86400}", TWC_HEARTBEAT_MAX_MS}};
    struct twc_message message;
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        read(cases[i].text, &message);
        assert_int_equal(message.op, TWC_OP_WELCOME);
        assert_int_equal(message.heartbeat_ms, cases[i].ms);
    }
    read("{\"op\":\"ping\",\"x\":1}", &message);
    assert_int_equal(message.op, TWC_OP_PING);
    read("{\"op\":\"dance\"}", &message);
    assert_int_equal(message.op, TWC_OP_UNKNOWN);
}

static void frames__are_those_of_the_page(void **state)
{
    static const char *const systems[] = {"erp", "loyalty"};
    char hello[TWC_HELLO_BYTES];
    char answer[TWC_ANSWER_BYTES];
    (void)state;
    hello[twc_hello_write(hello, "mw-1", systems, 2, 32)] = 0;
    assert_string_equal(hello, "{\"op\":\"hello\",\"agent\":\"mw-1\",\"systems\":[\"erp\","
                               "\"loyalty\"],\"capacity\":32}");
    answer[twc_answer_write(answer, "rp-7", 2, TILLWATCH_DONE, "")] = 0;
    assert_string_equal(answer, "{\"op\":\"accepted\",\"replayid\":\"rp-7\",\"attempt\":2}");
    answer[twc_answer_write(answer, "rp-7", 2, TILLWATCH_REFUSE, "no \"x\"")] = 0;
    assert_string_equal(answer, "{\"op\":\"refused\",\"replayid\":\"rp-7\",\"attempt\":2,"
                                "\"reason\":\"no \\u0022x\\u0022\"}");
}

static void reason_copy__cuts_at_a_character_and_cleans(void **state)
{
    char out[TILLWATCH_REASON_BYTES];
    char text[TILLWATCH_REASON_BYTES + 2];
    (void)state;
    twc_reason_copy(out, NULL);
    assert_string_equal(out, "");
    twc_reason_copy(out, "a\nb\xff"
                         "c");
    assert_string_equal(out, "a b?c");
    memset(text, 'a', sizeof text);
    memcpy(text + TILLWATCH_REASON_BYTES - 2, "\xc3\xa9", 3); /* ends one byte too late */
    twc_reason_copy(out, text);
    assert_int_equal(strlen(out), TILLWATCH_REASON_BYTES - 2);
    text[TILLWATCH_REASON_BYTES - 2] = 'a';
    text[TILLWATCH_REASON_BYTES - 1] = 0;
    twc_reason_copy(out, text);
    assert_int_equal(strlen(out), TILLWATCH_REASON_BYTES - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json__what_rfc_8259_allows__is_valid),
        cmocka_unit_test(json__anything_else__is_not),
        cmocka_unit_test(json__depth__has_its_bound),
        cmocka_unit_test(json_member__names__are_compared_decoded),
        cmocka_unit_test(json_string__limits_and_controls),
        cmocka_unit_test(json_numbers__have_their_ranges),
        cmocka_unit_test(json_put__whatever_it_is__is_valid),
        cmocka_unit_test(time_read__zones_fractions_and_nonsense),
        cmocka_unit_test(message_read__a_replay__has_everything),
        cmocka_unit_test(message_read__a_faulty_replay__says_what_is_wrong),
        cmocka_unit_test(message_read__what_cannot_be_answered__is_malformed),
        cmocka_unit_test(message_read__welcome__keeps_the_heartbeat_in_its_bounds),
        cmocka_unit_test(frames__are_those_of_the_page),
        cmocka_unit_test(reason_copy__cuts_at_a_character_and_cleans),
    };
    return cmocka_run_group_tests_name("agent message", tests, NULL, NULL);
}
