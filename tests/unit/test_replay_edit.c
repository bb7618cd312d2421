/* SPDX-License-Identifier: Apache-2.0
 * replay/edit.h: which changes may be asked for, what they make of an event, what is money. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "replay/edit.h"

static struct tw_cfg *cfg;

static int set_up(void **state)
{
    (void)state;
    return tw_cfg_load(NULL, stderr, &cfg) == TW_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    tw_cfg_destroy(&cfg);
    return 0;
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &error);
    if (json == NULL) {
        print_error("%s: %s\n", text, error.text);
    }
    assert_non_null(json);
    return json;
}

static int check(const char *text, struct tw_diag *diag)
{
    json_t *edit = parse(text);
    int rc = tw_edit_check(edit, cfg, diag);
    json_decref(edit);
    return rc;
}

static void check__lists__by_their_rules(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *why; /* NULL: it may be asked for */
    } cases[] = {
        {"[{\"path\":\"/data/sku\",\"value\":\"1\"}]", NULL},
        {"[{\"path\":\"/data/a~0b~1c/0\",\"value\":{\"x\":[1]}}]", NULL},
        {"[{\"path\":\"/data/note\",\"remove\":true}]", NULL},
        {"[{\"path\":\"/data\",\"value\":null}]", NULL},
        {"[{\"path\":\"/amount\",\"value\":\"1.00\"}]", NULL},
        {"[{\"path\":\"/channel\",\"remove\":true}]", NULL},
        {"[]", "1 to 32"},
        {"{}", "1 to 32"},
        {"7", "1 to 32"},
        {"[7]", "JSON Pointer"},
        {"[{\"path\":\"\",\"value\":1}]", "JSON Pointer"},
        {"[{\"path\":\"data/x\",\"value\":1}]", "JSON Pointer"},
        {"[{\"path\":\"/data/~2\",\"value\":1}]", "JSON Pointer"},
        {"[{\"path\":\"/data/~\",\"value\":1}]", "JSON Pointer"},
        {"[{\"path\":\"/data/x\"}]", "besides"},
        {"[{\"path\":\"/data/x\",\"value\":1,\"remove\":true}]", "besides"},
        {"[{\"path\":\"/data/x\",\"remove\":false}]", "besides"},
        {"[{\"path\":\"/data/x\",\"value\":1,\"op\":\"add\"}]", "besides"},
        {"[{\"path\":\"/id\",\"value\":\"x\"}]", "cannot be changed"},
        {"[{\"path\":\"/source\",\"value\":\"x\"}]", "cannot be changed"},
        {"[{\"path\":\"/replayid\",\"value\":\"x\"}]", "cannot be changed"},
        {"[{\"path\":\"/orderid\",\"value\":\"x\"}]", "cannot be changed"},
        {"[{\"path\":\"/storeid\",\"value\":\"x\"}]", "cannot be changed"},
        {"[{\"path\":\"/data_base64\",\"value\":\"x\"}]", "cannot be changed"},
        {"[{\"path\":\"/\",\"value\":\"x\"}]", NULL}, /* an attribute without a name is free */
        {"[{\"path\":\"/channel/x\",\"value\":\"x\"}]", "cannot be changed"},
        {"[{\"path\":\"/channel\",\"value\":7}]", "a text"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_diag diag = {""};
        int rc = check(cases[i].text, &diag);
        if (rc != (cases[i].why == NULL ? TW_OK : TW_EINVAL) ||
            (cases[i].why != NULL && strstr(diag.text, cases[i].why) == NULL)) {
            fail_msg("%s: %d %s", cases[i].text, rc, diag.text);
        }
    }
}

/* A list of so many changes with a path of so many bytes. */
static int check_size(size_t count, size_t path_bytes, size_t value_bytes)
{
    struct tw_diag diag = {""};
    json_t *edit = json_array();
    char *path = malloc(path_bytes + 1);
    char *value = malloc(value_bytes + 1);
    memset(path, 'a', path_bytes);
    memcpy(path, "/data/", 6);
    path[path_bytes] = '\0';
    memset(value, 'v', value_bytes);
    value[value_bytes] = '\0';
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(edit, json_pack("{s:s, s:s}", "path", path, "value", value));
    }
    int rc = tw_edit_check(edit, cfg, &diag);
    json_decref(edit);
    free(path);
    free(value);
    return rc;
}

static void check__bounds__at_their_edge(void **state)
{
    (void)state;
    assert_int_equal(check_size(TW_EDIT_OPS_MAX, 8, 1), TW_OK);
    assert_int_equal(check_size(TW_EDIT_OPS_MAX + 1, 8, 1), TW_EINVAL);
    assert_int_equal(check_size(1, TW_EDIT_PATH_MAX, 1), TW_OK);
    assert_int_equal(check_size(1, TW_EDIT_PATH_MAX + 1, 1), TW_EINVAL);
    size_t frame = strlen("[{\"path\":\"/data/xx\",\"value\":\"\"}]");
    assert_int_equal(check_size(1, 8, TW_EDIT_BYTES_MAX - frame), TW_OK);
    assert_int_equal(check_size(1, 8, TW_EDIT_BYTES_MAX - frame + 1), TW_EINVAL);
}

#define EVENT                                                                      \
    "{\"id\":\"1\",\"channel\":\"web\",\"data\":{\"sku\":\"A\",\"n\":1,\"lines\":" \
    "[{\"sku\":\"B\",\"price\":\"1.00\"},{\"sku\":\"C\"}],\"a/b\":{\"~\":true},\"z\":null}}"

static void apply__changes__make_the_event_and_the_difference(void **state)
{
    (void)state;
    static const struct {
        const char *edit;
        const char *event; /* NULL: refused */
        const char *diff;
    } cases[] = {
        {"[{\"path\":\"/data/sku\",\"value\":\"X\"}]",
         "{\"id\":\"1\",\"channel\":\"web\",\"data\":{\"sku\":\"X\"}}",
         "[{\"path\":\"/data/sku\",\"before\":\"A\",\"after\":\"X\"}]"},
        {"[{\"path\":\"/data/sku\",\"remove\":true},{\"path\":\"/channel\",\"remove\":true}]",
         "{\"id\":\"1\",\"data\":{}}",
         "[{\"path\":\"/data/sku\",\"before\":\"A\"},{\"path\":\"/channel\",\"before\":\"web\"}]"},
        {"[{\"path\":\"/data/new\",\"value\":{\"a\":1}},{\"path\":\"/data/new/a\",\"value\":2}]",
         "{\"id\":\"1\",\"channel\":\"web\",\"data\":{\"sku\":\"A\",\"new\":{\"a\":2}}}",
         "[{\"path\":\"/data/new\",\"after\":{\"a\":1}},"
         "{\"path\":\"/data/new/a\",\"before\":1,\"after\":2}]"},
        {"[{\"path\":\"/data/sku\",\"value\":\"A\"}]", NULL, NULL},
        {"[{\"path\":\"/data/none\",\"remove\":true}]", NULL, NULL},
        {"[{\"path\":\"/data/none/x\",\"value\":1}]", NULL, NULL},
        {"[{\"path\":\"/data/sku/x\",\"value\":1}]", NULL, NULL},
    };
    json_t *event = parse("{\"id\":\"1\",\"channel\":\"web\",\"data\":{\"sku\":\"A\"}}");
    json_t *before = json_deep_copy(event);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_diag diag = {""};
        json_t *made = NULL;
        json_t *diff = NULL;
        json_t *edit = parse(cases[i].edit);
        int rc = tw_edit_apply(edit, event, &made, &diff, &diag);
        assert_true(json_equal(event, before)); /* the original is kept */
        assert_int_equal(rc, cases[i].event == NULL ? TW_EINVAL : TW_OK);
        if (cases[i].event != NULL) {
            json_t *wanted = parse(cases[i].event);
            json_t *wanted_diff = parse(cases[i].diff);
            assert_true(json_equal(made, wanted));
            assert_true(json_equal(diff, wanted_diff));
            json_decref(wanted);
            json_decref(wanted_diff);
            json_decref(made);
            json_decref(diff);
        } else {
            assert_true(strlen(diag.text) > 0);
        }
        json_decref(edit);
    }
    json_decref(before);
    json_decref(event);
}

static void apply__paths__reach_arrays_and_odd_names(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        bool is_there;
    } cases[] = {
        {"/data/lines/0/sku", true},    {"/data/lines/1/sku", true},  {"/data/lines/2/sku", false},
        {"/data/lines/01/sku", false},  {"/data/lines/-/sku", false}, {"/data/lines/x", false},
        {"/data/lines/2", false},       {"/data/lines/-", true},      {"/data/lines/0", true},
        {"/data/a~1b/~0", true},        {"/data/a~1b/~01", true},     {"/data/z/x", false},
        {"/data/lines/9999999", false}, {"/data/lines/", false},
    };
    json_t *event = parse(EVENT);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tw_diag diag = {""};
        json_t *made = NULL;
        json_t *edit = json_pack("[{s:s, s:s}]", "path", cases[i].path, "value", "!");
        assert_int_equal(tw_edit_check(edit, cfg, &diag), TW_OK);
        int rc = tw_edit_apply(edit, event, &made, NULL, &diag);
        if ((rc == TW_OK) != cases[i].is_there) {
            fail_msg("%s: %d %s", cases[i].path, rc, diag.text);
        }
        json_decref(made);
        json_decref(edit);
    }
    json_decref(event);
}

static void money__words__are_found_anywhere(void **state)
{
    (void)state;
    char price[] = "price";
    char total[] = "total";
    char *items[] = {price, total};
    const struct tw_cfg_strings words = {items, 2};
    static const struct {
        const char *edit;
        bool has_money;
    } cases[] = {
        {"[{\"path\":\"/data/sku\",\"value\":\"x\"}]", false},
        {"[{\"path\":\"/data/lines/0/unitPrice\",\"value\":\"x\"}]", true},
        {"[{\"path\":\"/data/lines/0\",\"value\":{\"a\":[{\"grandTOTAL\":1}]}}]", true},
        {"[{\"path\":\"/data/lines/0\",\"value\":{\"a\":\"total\"}}]", false}, /* no name */
        {"[{\"path\":\"/data/total\",\"remove\":true}]", true},
        {"[{\"path\":\"/data\",\"value\":1}]", true},
        {"[{\"path\":\"/amount\",\"value\":\"1\"}]", true},
        {"[{\"path\":\"/currency\",\"value\":\"EUR\"}]", true},
        {"[{\"path\":\"/channel\",\"value\":\"web\"}]", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *edit = parse(cases[i].edit);
        if (tw_edit_has_money(edit, &words) != cases[i].has_money) {
            fail_msg("%s", cases[i].edit);
        }
        json_decref(edit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check__lists__by_their_rules),
        cmocka_unit_test(check__bounds__at_their_edge),
        cmocka_unit_test(apply__changes__make_the_event_and_the_difference),
        cmocka_unit_test(apply__paths__reach_arrays_and_odd_names),
        cmocka_unit_test(money__words__are_found_anywhere),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
