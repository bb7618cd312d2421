/* SPDX-License-Identifier: Apache-2.0
 * Label sets: what is one, its JSON, its fingerprint as Alertmanager computes it. */
#include "config.h"
#include "alert/labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "unit/alloc_kit.h"

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

static uint64_t fingerprint_of(const char *json)
{
    struct tw_labels labels = {NULL, 0};
    assert_int_equal(tw_labels_parse(&arena, tw_str_of(json), &labels), TW_OK);
    return tw_labels_fingerprint(&labels);
}

/* Values of Prometheus' own tests (common/model) and of what Alertmanager 0.25 answered. */
static void fingerprint__known_sets__are_those_of_alertmanager(void **state)
{
    (void)state;
    assert_true(fingerprint_of("{}") == UINT64_C(14695981039346656037));
    assert_true(fingerprint_of("{\"name\":\"garland, briggs\",\"fear\":\"love is not enough\"}") ==
                UINT64_C(5799056148416392346));
    char hex[TW_FINGERPRINT_HEX_LEN + 1];
    static const struct {
        const char *labels;
        const char *hex;
    } rows[] = {
        {"{\"alertname\":\"ErpPostingLate\",\"owner\":\"integration\",\"severity\":\"critical\","
         "\"step\":\"posted\",\"workflow\":\"sale-posting\"}",
         "40305bf2129c33d8"},
        {"{\"alertname\":\"x\",\"store\":\"caf\\u00e9 \\\"\\u2028\\\" \\\\\"}", "800f8f1f32fcd625"},
        {"{\"store\":\"S0421\",\"severity\":\"warning\",\"alertname\":\"StoreSilent\"}",
         "ef9ed6bf7ac55638"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        tw_fingerprint_hex(fingerprint_of(rows[i].labels), hex);
        assert_string_equal(hex, rows[i].hex);
    }
}

static void fingerprint__order_and_empty_values__change_nothing(void **state)
{
    (void)state;
    uint64_t one = fingerprint_of("{\"a\":\"1\",\"b\":\"2\"}");
    assert_true(fingerprint_of("{\"b\":\"2\",\"a\":\"1\",\"c\":\"\"}") == one);
    assert_true(fingerprint_of("{\"a\":\"12\",\"b\":\"\"}") != one);
    assert_true(fingerprint_of("{\"a\":\"1\",\"b\":\"3\"}") != one);
}

static void hex__there_and_back(void **state)
{
    (void)state;
    static const uint64_t values[] = {0, 1, UINT64_C(0x0123456789abcdef), UINT64_MAX};
    for (size_t i = 0; i < COUNT(values); i++) {
        char hex[TW_FINGERPRINT_HEX_LEN + 1];
        uint64_t back = 7;
        tw_fingerprint_hex(values[i], hex);
        assert_int_equal(strlen(hex), TW_FINGERPRINT_HEX_LEN);
        assert_int_equal(tw_fingerprint_read(tw_str_of(hex), &back), TW_OK);
        assert_true(back == values[i]);
    }
    static const char *const bad[] = {"",
                                      "0123456789abcde",
                                      "0123456789abcdef0",
                                      "0123456789ABCDEF",
                                      "0123456789abcdeg",
                                      "-123456789abcdef"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t left = 7;
        assert_int_equal(tw_fingerprint_read(tw_str_of(bad[i]), &left), TW_ESYNTAX);
        assert_true(left == 7);
    }
}

static void make__names_and_values__sorted_copies(void **state)
{
    (void)state;
    char name[] = "zone";
    const struct tw_label items[] = {
        {tw_str_of(name), TW_STR_LIT("north")},
        {TW_STR_LIT("empty"), TW_STR_LIT("")},
        {TW_STR_LIT("_a9"), TW_STR_LIT("caf\xc3\xa9 \"x\"\n")},
    };
    struct tw_labels labels;
    assert_int_equal(tw_labels_make(&arena, items, COUNT(items), &labels), TW_OK);
    name[0] = 'x';
    assert_string_equal(name, "xone"); /* what was copied stays */
    assert_int_equal(labels.count, 2);
    assert_true(tw_str_is(labels.items[0].name, "_a9"));
    assert_true(tw_str_is(tw_labels_get(&labels, "zone"), "north"));
    assert_null(tw_labels_get(&labels, "empty").ptr);
    struct tw_str json;
    assert_int_equal(tw_labels_json(&arena, &labels, &json), TW_OK);
    assert_string_equal(json.ptr, "{\"_a9\":\"caf\xc3\xa9 \\\"x\\\"\\n\",\"zone\":\"north\"}");
}

static void make__what_is_no_set__is_refused(void **state)
{
    (void)state;
    struct tw_labels labels;
    static const char *const names[] = {"", "9a", "a-b", "a b", "caf\xc3\xa9", "a:b", "a\n"};
    for (size_t i = 0; i < COUNT(names); i++) {
        const struct tw_label item = {tw_str_of(names[i]), TW_STR_LIT("v")};
        const struct tw_label empty = {tw_str_of(names[i]), TW_STR_LIT("")};
        assert_int_equal(tw_labels_make(&arena, &item, 1, &labels), TW_EINVAL);
        assert_int_equal(tw_labels_make(&arena, &empty, 1, &labels), TW_EINVAL);
    }
    const struct tw_label twice[] = {{TW_STR_LIT("a"), TW_STR_LIT("1")},
                                     {TW_STR_LIT("b"), TW_STR_LIT("1")},
                                     {TW_STR_LIT("a"), TW_STR_LIT("1")}};
    assert_int_equal(tw_labels_make(&arena, twice, 3, &labels), TW_EINVAL);
    const struct tw_label bytes = {TW_STR_LIT("a"), TW_STR_LIT("\xff")};
    assert_int_equal(tw_labels_make(&arena, &bytes, 1, &labels), TW_EINVAL);
}

static void make__limits__at_their_edges(void **state)
{
    (void)state;
    static char names[TW_LABELS_MAX + 1][8];
    static struct tw_label items[TW_LABELS_MAX + 1];
    for (size_t i = 0; i <= TW_LABELS_MAX; i++) {
        (void)snprintf(names[i], sizeof names[i], "l%zu", i);
        items[i] = (struct tw_label){tw_str_of(names[i]), TW_STR_LIT("v")};
    }
    struct tw_labels labels;
    assert_int_equal(tw_labels_make(&arena, items, TW_LABELS_MAX, &labels), TW_OK);
    assert_int_equal(labels.count, TW_LABELS_MAX);
    assert_int_equal(tw_labels_make(&arena, items, TW_LABELS_MAX + 1, &labels), TW_ELIMIT);
    static char text[TW_LABEL_VALUE_MAX + 1];
    memset(text, 'a', sizeof text);
    struct tw_label item = {{text, TW_LABEL_NAME_MAX}, {text, TW_LABEL_VALUE_MAX}};
    assert_int_equal(tw_labels_make(&arena, &item, 1, &labels), TW_OK);
    item.name.len++;
    assert_int_equal(tw_labels_make(&arena, &item, 1, &labels), TW_ELIMIT);
    item = (struct tw_label){TW_STR_LIT("a"), {text, TW_LABEL_VALUE_MAX + 1}};
    assert_int_equal(tw_labels_make(&arena, &item, 1, &labels), TW_ELIMIT);
}

static void parse__what_is_no_object_of_texts__is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int rc;
    } rows[] = {
        {"", TW_ESYNTAX},
        {"[]", TW_ESYNTAX},
        {"null", TW_ESYNTAX},
        {"{\"a\":1}", TW_ESYNTAX},
        {"{\"a\":null}", TW_ESYNTAX},
        {"{\"a\":{}}", TW_ESYNTAX},
        {"{\"a\":\"1\"", TW_ESYNTAX},
        {"{\"a\":\"1\",\"a\":\"2\"}", TW_ESYNTAX},
        {"{\"a-b\":\"1\"}", TW_EINVAL},
        {"{\"\":\"1\"}", TW_EINVAL},
        {"{\"a\":\"\\u0000\"}", TW_ESYNTAX},
        {"{\"a\":\"\\ud800\"}", TW_ESYNTAX},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tw_labels labels = {NULL, 42};
        assert_int_equal(tw_labels_parse(&arena, tw_str_of(rows[i].json), &labels), rows[i].rc);
        assert_int_equal(labels.count, 42);
    }
    char many[2048] = "{";
    for (size_t i = 0; i <= TW_LABELS_MAX; i++) {
        size_t at = strlen(many);
        (void)snprintf(many + at, sizeof many - at, "%s\"l%zu\":\"v\"", i == 0 ? "" : ",", i);
    }
    memcpy(many + strlen(many), "}", 2);
    struct tw_labels labels;
    assert_int_equal(tw_labels_parse(&arena, tw_str_of(many), &labels), TW_ELIMIT);
}

static void memory_runs_out__said_and_nothing_leaks(void **state)
{
    (void)state;
    static const char json[] = "{\"a\":\"1\",\"b\":\"2\"}";
    int rc = TW_ENOMEM;
    for (size_t n = 1; rc != TW_OK && n < 20; n++) {
        struct tw_labels labels = {NULL, 0};
        struct tw_str text = TW_STR_NULL;
        tw_arena_fini(&arena);
        alloc_count = 0;
        alloc_failing = n;
        rc = tw_labels_parse(&arena, TW_STR_LIT(json), &labels);
        if (rc == TW_OK) {
            rc = tw_labels_json(&arena, &labels, &text);
        }
        alloc_failing = 0;
        assert_true(rc == TW_OK || rc == TW_ENOMEM);
    }
    assert_int_equal(rc, TW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprint__known_sets__are_those_of_alertmanager),
        cmocka_unit_test(fingerprint__order_and_empty_values__change_nothing),
        cmocka_unit_test(hex__there_and_back),
        cmocka_unit_test(make__names_and_values__sorted_copies),
        cmocka_unit_test(make__what_is_no_set__is_refused),
        cmocka_unit_test(make__limits__at_their_edges),
        cmocka_unit_test(parse__what_is_no_object_of_texts__is_refused),
        cmocka_unit_test(memory_runs_out__said_and_nothing_leaks),
    };
    return cmocka_run_group_tests_name("alert labels", tests, set_up, tear_down);
}
