/* SPDX-License-Identifier: Apache-2.0
 * Matchers: what they match, how they are written, and patterns that would take for ever. */
#include "config.h"
#include "alert/matcher.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "unit/alloc_kit.h"
#include "unit/matcher_rows.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct tw_arena arena;

static int set_up(void **state)
{
    (void)state;
    tw_arena_init(&arena, 16u << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_arena_fini(&arena);
    return 0;
}

static struct tw_matchers *made(const char *const *texts, size_t count)
{
    struct tw_matcher_text items[TW_MATCHERS_MAX];
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tw_matcher_parse(&arena, tw_str_of(texts[i]), &items[i], NULL), TW_OK);
    }
    struct tw_matchers *matchers = NULL;
    assert_int_equal(tw_matchers_new(items, count, &matchers, NULL), TW_OK);
    return matchers;
}

static bool takes(const char *matcher, const char *labels_json)
{
    struct tw_matchers *matchers = made(&matcher, 1);
    struct tw_labels labels;
    assert_int_equal(tw_labels_parse(&arena, tw_str_of(labels_json), &labels), TW_OK);
    bool is_match = tw_matchers_match(matchers, &labels);
    tw_matchers_destroy(&matchers);
    return is_match;
}

static void match__four_operators__a_missing_label_is_empty(void **state)
{
    (void)state;
    static const struct {
        const char *matcher;
        bool with_a;
        bool with_b;
        bool without;
    } rows[] = {
        {"store=a", true, false, false},      {"store!=a", false, true, true},
        {"store=~a|b", true, true, false},    {"store!~a|b", false, false, true},
        {"store=", false, false, true},       {"store!=", true, true, false},
        {"store=~", false, false, true},      {"store=~.*", true, true, true},
        {"store=~.+", true, true, false},     {"store!~.+", false, false, true},
        {"store=~\"a\"", true, false, false}, {"other=x", false, false, false},
        {"other!=x", true, true, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(takes(rows[i].matcher, "{\"store\":\"a\"}"), rows[i].with_a);
        assert_int_equal(takes(rows[i].matcher, "{\"store\":\"b\"}"), rows[i].with_b);
        assert_int_equal(takes(rows[i].matcher, "{\"zone\":\"a\"}"), rows[i].without);
    }
}

static void match__several__all_of_them_or_none_at_all(void **state)
{
    (void)state;
    static const char *const texts[] = {"a=1", "b=~2|3", "c!=4"};
    struct tw_matchers *matchers = made(texts, 3);
    struct tw_labels labels;
    tw_labels_parse(&arena, TW_STR_LIT("{\"a\":\"1\",\"b\":\"3\"}"), &labels);
    assert_true(tw_matchers_match(matchers, &labels));
    tw_labels_parse(&arena, TW_STR_LIT("{\"a\":\"1\",\"b\":\"3\",\"c\":\"4\"}"), &labels);
    assert_false(tw_matchers_match(matchers, &labels));
    tw_labels_parse(&arena, TW_STR_LIT("{\"a\":\"1\"}"), &labels);
    assert_false(tw_matchers_match(matchers, &labels));
    assert_false(tw_matchers_match_empty(matchers));
    assert_int_equal(tw_matchers_count(matchers), 3);
    assert_true(tw_str_is(tw_matchers_get(matchers, 1).value, "2|3"));
    tw_matchers_destroy(&matchers);
    matchers = made(NULL, 0);
    assert_true(tw_matchers_match(matchers, &labels));
    assert_true(tw_matchers_match_empty(matchers));
    tw_matchers_destroy(&matchers);
    tw_matchers_destroy(&matchers);
}

static void patterns__each_answer__is_that_of_alertmanager(void **state)
{
    (void)state;
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT(regex_rows); i++) {
        const struct tw_matcher_text item = {TW_STR_LIT("v"), tw_str_of(regex_rows[i].pattern),
                                             true, true};
        struct tw_matchers *matchers = NULL;
        struct tw_diag diag = {""};
        int rc = tw_matchers_new(&item, 1, &matchers, &diag);
        if (rc != (regex_rows[i].wanted[0] == 'E' ? TW_EINVAL : TW_OK)) {
            print_message("/%s/: %s, %s\n", regex_rows[i].pattern, tw_err_text(rc), diag.text);
            wrong++;
        }
        for (size_t j = 0; j < COUNT(regex_values) && rc == TW_OK; j++) {
            const struct tw_label label = {TW_STR_LIT("v"), tw_str_of(regex_values[j])};
            const struct tw_labels labels = {&label, 1};
            bool is_match = tw_matchers_match(matchers, &labels);
            if (regex_rows[i].wanted[0] != 'E' && is_match != (regex_rows[i].wanted[j] == '1')) {
                print_message("/%s/ on \"%s\": %d\n", regex_rows[i].pattern, regex_values[j],
                              is_match);
                wrong++;
            }
        }
        tw_matchers_destroy(&matchers);
    }
    assert_int_equal(wrong, 0);
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void patterns__that_multiply_their_ways__give_up_soon(void **state)
{
    (void)state;
    static char value[TW_LABEL_VALUE_MAX];
    memset(value, 'a', sizeof value);
    static const char *const patterns[] = {"(a+)+[bc]", "(a|aa)+[bc]", "(a*)*[bc]", "(.*a){12}[bc]",
                                           "((a{1,30}){1,30}){1,30}[bc]"};
    const struct tw_label label = {TW_STR_LIT("v"), {value, sizeof value}};
    const struct tw_labels labels = {&label, 1};
    for (size_t i = 0; i < COUNT(patterns); i++) {
        for (int is_equal = 0; is_equal < 2; is_equal++) {
            const struct tw_matcher_text item = {TW_STR_LIT("v"), tw_str_of(patterns[i]), true,
                                                 is_equal == 1};
            struct tw_matchers *matchers = NULL;
            assert_int_equal(tw_matchers_new(&item, 1, &matchers, NULL), TW_OK);
            double began = seconds_now();
            for (int times = 0; times < 20; times++) {
                assert_false(tw_matchers_match(matchers, &labels));
            }
            assert_true(seconds_now() - began < 20 * 0.25);
            tw_matchers_destroy(&matchers);
        }
    }
}

/* Hundreds of stores in one pattern are no such thing. */
static void patterns__a_long_list__is_matched_to_its_end(void **state)
{
    (void)state;
    char list[TW_MATCHER_TEXT_MAX + 1] = "";
    size_t len = 0;
    unsigned last = 0;
    for (unsigned i = 0; len + 6 < sizeof list; i++) {
        len += (size_t)snprintf(list + len, sizeof list - len, "%sS%04u", i == 0 ? "" : "|", i);
        last = i;
    }
    const struct tw_matcher_text item = {TW_STR_LIT("v"), {list, len}, true, true};
    struct tw_matchers *matchers = NULL;
    assert_int_equal(tw_matchers_new(&item, 1, &matchers, NULL), TW_OK);
    char store[16];
    (void)snprintf(store, sizeof store, "S%04u", last);
    struct tw_label label = {TW_STR_LIT("v"), tw_str_of(store)};
    const struct tw_labels labels = {&label, 1};
    assert_true(last > 300);
    assert_true(tw_matchers_match(matchers, &labels));
    (void)snprintf(store, sizeof store, "S%04u", last + 1);
    assert_false(tw_matchers_match(matchers, &labels));
    tw_matchers_destroy(&matchers);
}

static void parse__as_people_write_them(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name;
        const char *value;
        bool is_regex;
        bool is_equal;
    } rows[] = {
        {"a=b", "a", "b", false, true},
        {" a = b ", "a", "b", false, true},
        {"a=\"b\"", "a", "b", false, true},
        {"a=\" b \"", "a", " b ", false, true},
        {"a!=b c", "a", "b c", false, false},
        {"a=~\"b.*\"", "a", "b.*", true, true},
        {"a!~b|c", "a", "b|c", true, false},
        {"a=", "a", "", false, true},
        {"a=\"\"", "a", "", false, true},
        {"a==b", "a", "=b", false, true},
        {"a=!b", "a", "!b", false, true},
        {"a=~~b", "a", "~b", true, true},
        {"a=\"x\\\"y\\\\z\\n\"", "a", "x\"y\\z\n", false, true},
        {"a=x\\ny", "a", "x\ny", false, true},
        {"a=~\\d+", "a", "\\d+", true, true},
        {"a=x\\", "a", "x\\", false, true},
        {"a=x\\\"y", "a", "x\"y", false, true},
        {"a=b\nc", "a", "b\nc", false, true},
        {"caf_9=\"caf\xc3\xa9\"", "caf_9", "caf\xc3\xa9", false, true},
        {"a={b}", "a", "{b}", false, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tw_matcher_text item = {.is_regex = false};
        assert_int_equal(tw_matcher_parse(&arena, tw_str_of(rows[i].text), &item, NULL), TW_OK);
        assert_true(tw_str_is(item.name, rows[i].name));
        assert_true(tw_str_is(item.value, rows[i].value));
        assert_int_equal(item.is_regex, rows[i].is_regex);
        assert_int_equal(item.is_equal, rows[i].is_equal);
        struct tw_str written = TW_STR_NULL;
        struct tw_matcher_text again = {.is_regex = false};
        assert_int_equal(tw_matcher_write(&arena, &item, &written), TW_OK);
        assert_int_equal(tw_matcher_parse(&arena, written, &again, NULL), TW_OK);
        assert_true(tw_str_equal(again.value, item.value));
        assert_true(tw_str_equal(again.name, item.name));
    }
    static const char *const bad[] = {
        "",         "a",      "=b",       "a~b",   "a!b",       "9a=b",   "a-b=c",         "a=\"b",
        "a=b\"",    "a=b\"c", "a=\"b\"c", "a b=c", "a=\"b\\\"", "a=\xff", "caf\xc3\xa9=b", "{a=b}",
        "a=\"b\"\""};
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct tw_matcher_text item = {.name = TW_STR_LIT("kept")};
        struct tw_diag diag = {""};
        assert_int_equal(tw_matcher_parse(&arena, tw_str_of(bad[i]), &item, &diag), TW_ESYNTAX);
        assert_true(tw_str_is(item.name, "kept"));
        assert_true(strstr(diag.text, "bad matcher format") != NULL);
    }
}

static void json__there_and_back(void **state)
{
    (void)state;
    const struct tw_matcher_text items[] = {
        {TW_STR_LIT("store"), TW_STR_LIT("S0[0-9]+\"\n"), true, false},
        {TW_STR_LIT("workflow"), TW_STR_LIT(""), false, true}};
    struct tw_str json;
    assert_int_equal(tw_matchers_json(&arena, items, 2, &json), TW_OK);
    assert_string_equal(json.ptr,
                        "[{\"name\":\"store\",\"value\":\"S0[0-9]+\\\"\\n\",\"isRegex\":true,"
                        "\"isEqual\":false},{\"name\":\"workflow\",\"value\":\"\","
                        "\"isRegex\":false,\"isEqual\":true}]");
    struct tw_matchers *matchers = NULL;
    assert_int_equal(tw_matchers_read(json, &matchers, NULL), TW_OK);
    assert_int_equal(tw_matchers_count(matchers), 2);
    struct tw_matcher_text first = tw_matchers_get(matchers, 0);
    assert_true(tw_str_equal(first.value, items[0].value));
    assert_true(first.is_regex && !first.is_equal);
    tw_matchers_destroy(&matchers);
    assert_int_equal(tw_matchers_read(TW_STR_LIT("[{\"name\":\"a\",\"value\":\"b\","
                                                 "\"isRegex\":false}]"),
                                      &matchers, NULL),
                     TW_OK);
    assert_true(tw_matchers_get(matchers, 0).is_equal);
    tw_matchers_destroy(&matchers);
}

static void json__what_is_no_matcher__is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int rc;
    } rows[] = {
        {"", TW_ESYNTAX},
        {"{}", TW_ESYNTAX},
        {"[1]", TW_ESYNTAX},
        {"[{}]", TW_ESYNTAX},
        {"[{\"name\":\"a\",\"value\":\"b\"}]", TW_ESYNTAX},
        {"[{\"name\":\"a\",\"value\":1,\"isRegex\":false}]", TW_ESYNTAX},
        {"[{\"name\":\"a\",\"value\":\"b\",\"isRegex\":0}]", TW_ESYNTAX},
        {"[{\"name\":\"a\",\"value\":\"b\",\"isRegex\":false,\"isEqual\":null}]", TW_ESYNTAX},
        {"[{\"name\":\"a b\",\"value\":\"b\",\"isRegex\":false}]", TW_EINVAL},
        {"[{\"name\":\"a\",\"value\":\"(\",\"isRegex\":true}]", TW_EINVAL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tw_matchers *matchers = NULL;
        struct tw_diag diag = {""};
        assert_int_equal(tw_matchers_read(tw_str_of(rows[i].json), &matchers, &diag), rows[i].rc);
        assert_null(matchers);
        assert_true(diag.text[0] != '\0');
    }
}

static void new__limits__at_their_edges(void **state)
{
    (void)state;
    static struct tw_matcher_text items[TW_MATCHERS_MAX + 1];
    static char text[TW_MATCHER_TEXT_MAX + 1];
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i <= TW_MATCHERS_MAX; i++) {
        items[i] = (struct tw_matcher_text){TW_STR_LIT("a"), TW_STR_LIT("b"), false, true};
    }
    struct tw_matchers *matchers = NULL;
    assert_int_equal(tw_matchers_new(items, TW_MATCHERS_MAX, &matchers, NULL), TW_OK);
    tw_matchers_destroy(&matchers);
    assert_int_equal(tw_matchers_new(items, TW_MATCHERS_MAX + 1, &matchers, NULL), TW_ELIMIT);
    struct tw_matcher_text item = {TW_STR_LIT("a"), {text, TW_MATCHER_TEXT_MAX}, true, true};
    assert_int_equal(tw_matchers_new(&item, 1, &matchers, NULL), TW_OK);
    tw_matchers_destroy(&matchers);
    item.value.len++;
    assert_int_equal(tw_matchers_new(&item, 1, &matchers, NULL), TW_ELIMIT);
    /* Each byte spelt out as long as it can be. */
    for (size_t i = 0; i < TW_MATCHER_TEXT_MAX - 2; i += 2) {
        memcpy(text + i + 1, "\\S", 2);
    }
    text[0] = '[';
    text[TW_MATCHER_TEXT_MAX - 1] = ']';
    item.value.len = TW_MATCHER_TEXT_MAX;
    assert_int_equal(tw_matchers_new(&item, 1, &matchers, NULL), TW_OK);
    tw_matchers_destroy(&matchers);
    /* Larger than the library can compile: refused, not fallen over. */
    item.value = TW_STR_LIT("((((a{1000}){1000}){1000}){1000})");
    assert_int_equal(tw_matchers_new(&item, 1, &matchers, NULL), TW_EINVAL);
    memset(text, '(', sizeof text);
    item.value = (struct tw_str){text, TW_MATCHER_TEXT_MAX};
    assert_int_equal(tw_matchers_new(&item, 1, &matchers, NULL), TW_EINVAL);
}

static void new__bytes_that_are_no_text__are_refused(void **state)
{
    (void)state;
    struct tw_matchers *matchers = NULL;
    struct tw_diag diag = {""};
    const struct tw_matcher_text bad[] = {{TW_STR_LIT("a"), TW_STR_LIT("\xff"), false, true},
                                          {TW_STR_LIT("a"), TW_STR_LIT("\xc3"), true, true},
                                          {TW_STR_LIT("a\xff"), TW_STR_LIT("b"), false, true},
                                          {TW_STR_NULL, TW_STR_LIT("b"), false, true}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(tw_matchers_new(&bad[i], 1, &matchers, &diag), TW_EINVAL);
    }
    /* A NUL is a character as any other. */
    const struct tw_matcher_text nul = {TW_STR_LIT("a"), {"x\0y", 3}, true, true};
    assert_int_equal(tw_matchers_new(&nul, 1, &matchers, NULL), TW_OK);
    const struct tw_label label = {TW_STR_LIT("a"), {"x\0y", 3}};
    const struct tw_labels labels = {&label, 1};
    assert_true(tw_matchers_match(matchers, &labels));
    tw_matchers_destroy(&matchers);
}

static void memory_runs_out__said_and_nothing_leaks(void **state)
{
    (void)state;
    int rc = TW_ENOMEM;
    for (size_t n = 1; rc != TW_OK && n < 40; n++) {
        const struct tw_matcher_text items[] = {{TW_STR_LIT("a"), TW_STR_LIT("b.*"), true, true},
                                                {TW_STR_LIT("c"), TW_STR_LIT("d"), false, true}};
        struct tw_matchers *matchers = NULL;
        struct tw_str json = TW_STR_NULL;
        tw_arena_fini(&arena);
        alloc_count = 0;
        alloc_failing = n;
        rc = tw_matchers_json(&arena, items, 2, &json);
        if (rc == TW_OK) {
            rc = tw_matchers_new(items, 2, &matchers, NULL);
        }
        if (rc == TW_OK) {
            rc = tw_matcher_write(&arena, &items[0], &json);
        }
        alloc_failing = 0;
        assert_true(rc == TW_OK || rc == TW_ENOMEM);
        tw_matchers_destroy(&matchers);
    }
    assert_int_equal(rc, TW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(match__four_operators__a_missing_label_is_empty),
        cmocka_unit_test(match__several__all_of_them_or_none_at_all),
        cmocka_unit_test(patterns__each_answer__is_that_of_alertmanager),
        cmocka_unit_test(patterns__that_multiply_their_ways__give_up_soon),
        cmocka_unit_test(patterns__a_long_list__is_matched_to_its_end),
        cmocka_unit_test(parse__as_people_write_them),
        cmocka_unit_test(json__there_and_back),
        cmocka_unit_test(json__what_is_no_matcher__is_refused),
        cmocka_unit_test(new__limits__at_their_edges),
        cmocka_unit_test(new__bytes_that_are_no_text__are_refused),
        cmocka_unit_test(memory_runs_out__said_and_nothing_leaks),
    };
    return cmocka_run_group_tests_name("alert matchers", tests, set_up, tear_down);
}
