/* SPDX-License-Identifier: Apache-2.0
 * event/scan and event/walk: what is accepted and refused (fixtures/json-cases.txt), where members
 * stand, bounds at their edges, hostile input, and how a batch survives a broken element. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/err.h"
#include "event/event.h"
#include "event/scan.h"

#define MAX_DEPTH   64
#define MAX_MEMBERS 128

static struct tw_arena arena;
static struct tw_json_scanner scanner;

static int setup(void **state)
{
    (void)state;
    tw_arena_init(&arena, (size_t)128 << 20);
    return tw_json_scanner_init(&scanner, &arena, MAX_DEPTH, MAX_MEMBERS);
}

static int teardown(void **state)
{
    (void)state;
    tw_json_scanner_fini(&scanner);
    tw_arena_fini(&arena);
    return 0;
}

/* The whole text is one value; in memory of its very size, so that reading past it is seen. */
static bool is_accepted(struct tw_str text)
{
    char *copy = malloc(text.len + (text.len == 0));
    assert_non_null(copy);
    if (text.len > 0) {
        memcpy(copy, text.ptr, text.len);
    }
    struct tw_str exact = {copy, text.len};
    struct tw_json_value value;
    int rc = text.len > 0 && *text.ptr == '{' ? tw_json_scan_object(&scanner, exact, &value)
                                              : tw_json_scan_value(&scanner, exact, &value);
    bool is_good = rc == TW_OK;
    if (is_good) {
        const char *end = tw_json_value_end(&value);
        is_good = tw_json_is_blank((struct tw_str){end, (size_t)(copy + text.len - end)});
    } else {
        assert_int_equal(rc, TW_ESYNTAX);
        assert_true(scanner.fault.code != TW_PROBLEM_none && scanner.fault.what != NULL);
        assert_true(scanner.fault.offset <= text.len);
    }
    free(copy);
    return is_good;
}

static void check_fault(const char *text, enum tw_problem_code code, size_t offset)
{
    assert_false(is_accepted(tw_str_of(text)));
    if (scanner.fault.code != code || scanner.fault.offset != offset) {
        fail_msg("%s: %s at %zu: %s", text, tw_problem_infos[scanner.fault.code].name,
                 scanner.fault.offset, scanner.fault.what);
    }
}

/* --- the grammar ------------------------------------------------------------------------------ */

static unsigned hex(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : c - 'A' + 10);
}

/* %XX -> byte, in place. */
static size_t unescape(char *text)
{
    size_t len = 0;
    for (const char *p = text; *p != '\0' && *p != '\n'; p++) {
        if (*p == '%') {
            text[len++] = (char)(hex(p[1]) * 16 + hex(p[2]));
            p += 2;
        } else {
            text[len++] = *p;
        }
    }
    return len;
}

static void check_cuts(struct tw_str text, const char *name)
{
    for (size_t len = 0; len < text.len; len++) {
        if (is_accepted((struct tw_str){text.ptr, len})) {
            fail_msg("%s is accepted after %zu bytes", name, len);
        }
    }
}

static void scan__cases__are_accepted_or_refused(void **state)
{
    (void)state;
    const char *root = getenv("TW_TEST_SRCDIR");
    char line[1024];
    (void)snprintf(line, sizeof line, "%s/tests/fixtures/json-cases.txt",
                   root == NULL ? TW_SRCDIR : root);
    FILE *file = fopen(line, "rb");
    assert_non_null(file);
    size_t count = 0;
    while (fgets(line, sizeof line, file) != NULL) {
        char *tab = strchr(line, '\t');
        if (line[0] == '#' || tab == NULL) {
            continue;
        }
        *tab = '\0';
        struct tw_str text = {tab + 1, unescape(tab + 1)};
        bool expected = line[0] == 'y' || (line[0] == 'i' && line[1] == 'y');
        if (is_accepted(text) != expected) {
            fail_msg("%s: %s", line, expected ? scanner.fault.what : "accepted");
        }
        /* What ends in a bracket or quote is accepted nowhere before its end. */
        if (expected && text.len > 0 && strchr("]}\"", text.ptr[text.len - 1]) != NULL) {
            check_cuts(text, line);
        }
        count++;
    }
    (void)fclose(file); /* only read */
    assert_true(count > 190);
}

static void scan__faults__say_what_and_where(void **state)
{
    (void)state;
    check_fault("{\"a\":1,\"b\":x}", TW_PROBLEM_json, 11);
    check_fault("{\"a\":1,\"b\"", TW_PROBLEM_json, 10);
    check_fault("{\"a\":\"\xff\"}", TW_PROBLEM_utf8, 6);
    check_fault("{\"a\":1,\"a\":2}", TW_PROBLEM_json_duplicate, 7);
    check_fault("[\"\\ud800\"]", TW_PROBLEM_json, 2);
    check_fault("{\"a\":[1,2", TW_PROBLEM_json, 9);
}

static void scan_object__members__stand_where_they_are(void **state)
{
    (void)state;
    static const char text[] = "{ \"a\" : \"x\\ny\" ,\"\\u0062\":-1.50,\"c\":[1,{}] , \"d\":null,"
                               "\"e\":\"\xc3\xa9\",\"f\":true,\"g\":{\"h\":\"}\"}} rest";
    struct tw_json_value value;
    assert_int_equal(tw_json_scan_object(&scanner, TW_STR_LIT(text), &value), TW_OK);
    assert_int_equal(value.kind, TW_JSON_OBJECT);
    assert_int_equal(value.text.len, sizeof text - 1 - 5);
    static const struct {
        const char *name;
        const char *text;
        enum tw_json_kind kind;
        bool has_escape;
        bool is_plain;
    } rows[] = {
        {"a", "x\\ny", TW_JSON_STRING, true, false},
        {"b", "-1.50", TW_JSON_NUMBER, false, false},
        {"c", "[1,{}]", TW_JSON_ARRAY, false, false},
        {"d", "null", TW_JSON_NULL, false, false},
        {"e", "\xc3\xa9", TW_JSON_STRING, false, false},
        {"f", "true", TW_JSON_TRUE, false, false},
        {"g", "{\"h\":\"}\"}", TW_JSON_OBJECT, false, false},
    };
    assert_int_equal(scanner.count, sizeof rows / sizeof rows[0]);
    for (size_t i = 0; i < scanner.count; i++) {
        const struct tw_json_member *member = &scanner.members[i];
        assert_true(tw_str_is(member->name, rows[i].name));
        assert_true(tw_str_is(member->value.text, rows[i].text));
        assert_int_equal(member->value.kind, rows[i].kind);
        assert_int_equal(member->value.has_escape, rows[i].has_escape);
        assert_int_equal(member->value.is_plain, rows[i].is_plain);
        assert_ptr_equal(tw_json_member_find(&scanner, member->name), member);
    }
    assert_null(tw_json_member_find(&scanner, TW_STR_LIT("z")));
    assert_true(tw_str_is(tw_json_value_text(&arena, &scanner.members[0].value), "x\ny"));
}

static void json_unescape__every_escape__is_resolved(void **state)
{
    (void)state;
    static const char raw[] = "\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00.";
    char out[sizeof raw];
    size_t len = tw_json_unescape(TW_STR_LIT(raw), out);
    assert_true(tw_str_is((struct tw_str){out, len},
                          "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80."));
}

/* A special byte at every place of a string of every length: all paths of the fast search. */
static void scan_value__special_bytes__are_found_at_every_place(void **state)
{
    (void)state;
    static const char specials[] = {'"', '\\', '\x01', '\x1f', '\x7f', '\x80', '\xff'};
    char text[80];
    for (size_t len = 1; len <= 70; len++) {
        text[0] = '"';
        memset(text + 1, ' ', len); /* the lowest byte that is plain */
        text[1 + len] = '"';
        assert_true(is_accepted((struct tw_str){text, len + 2}));
        for (size_t at = 1; at <= len; at++) {
            for (size_t k = 0; k < sizeof specials; k++) {
                char saved = text[at];
                text[at] = specials[k];
                bool is_del = specials[k] == '\x7f';
                bool is_good = is_accepted((struct tw_str){text, len + 2});
                assert_int_equal(is_good, is_del);
                text[at] = saved;
            }
        }
    }
}

/* --- bounds ----------------------------------------------------------------------------------- */

/* text and its NUL at p; returns where the NUL is. */
static char *put(char *p, const char *text)
{
    size_t len = strlen(text);
    memcpy(p, text, len + 1);
    return p + len;
}

static void nest(char *text, size_t depth, bool as_objects)
{
    char *p = text;
    for (size_t i = 0; i < depth; i++) {
        p = put(p, as_objects ? "{\"a\":" : "[");
    }
    p = put(p, "1");
    for (size_t i = 0; i < depth; i++) {
        p = put(p, as_objects ? "}" : "]");
    }
}

static void scan__depth__is_bounded_at_its_edge(void **state)
{
    (void)state;
    char text[1024];
    for (int as_objects = 0; as_objects < 2; as_objects++) {
        nest(text, MAX_DEPTH, as_objects);
        assert_true(is_accepted(tw_str_of(text)));
        nest(text, MAX_DEPTH + 1, as_objects);
        assert_false(is_accepted(tw_str_of(text)));
        assert_int_equal(scanner.fault.code, TW_PROBLEM_json_depth);
    }
    struct tw_json_scanner shallow;
    struct tw_json_value value;
    assert_int_equal(tw_json_scanner_init(&shallow, &arena, 1, 1), TW_OK);
    assert_int_equal(tw_json_scan_object(&shallow, TW_STR_LIT("{\"a\":1}"), &value), TW_OK);
    assert_int_equal(tw_json_scan_object(&shallow, TW_STR_LIT("{\"a\":[]}"), &value), TW_ESYNTAX);
    assert_int_equal(shallow.fault.code, TW_PROBLEM_json_depth);
    assert_int_equal(tw_json_scan_object(&shallow, TW_STR_LIT("{\"a\":1,\"b\":1}"), &value),
                     TW_ESYNTAX);
    assert_int_equal(shallow.fault.code, TW_PROBLEM_json_members);
    tw_json_scanner_fini(&shallow);
}

/* {"name0":0,...}; the name of `twice` stands again at the end, unless it is count. Owned. */
static char *many_members(size_t count, size_t twice)
{
    char *text = malloc(count * 24 + 64);
    assert_non_null(text);
    char *p = put(text, "{");
    for (size_t i = 0; i < count; i++) {
        p += snprintf(p, 24, "%s\"name%zu\":0", i == 0 ? "" : ",", i);
    }
    if (twice < count) {
        p += snprintf(p, 24, ",\"name%zu\":0", twice);
    }
    (void)put(p, "}");
    return text;
}

static void scan_object__members__are_bounded_at_their_edge(void **state)
{
    (void)state;
    char *text = many_members(MAX_MEMBERS, MAX_MEMBERS);
    assert_true(is_accepted(tw_str_of(text)));
    assert_int_equal(scanner.count, MAX_MEMBERS);
    free(text);
    text = many_members(MAX_MEMBERS + 1, MAX_MEMBERS + 1);
    assert_false(is_accepted(tw_str_of(text)));
    assert_int_equal(scanner.fault.code, TW_PROBLEM_json_members);
    free(text);
    text = many_members(1000000, 1000000);
    assert_false(is_accepted(tw_str_of(text)));
    assert_int_equal(scanner.fault.code, TW_PROBLEM_json_members);
    free(text);
}

static void scan_object__a_name_twice__is_refused_in_any_number(void **state)
{
    (void)state;
    static const size_t counts[] = {1, 2, 63, 64, 65, 127};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        static const size_t parts[] = {0, 1, 2};
        for (size_t k = 0; k < 3; k++) {
            size_t twice = parts[k] * (counts[i] - 1) / 2;
            char *text = many_members(counts[i], twice);
            assert_false(is_accepted(tw_str_of(text)));
            assert_int_equal(scanner.fault.code, TW_PROBLEM_json_duplicate);
            free(text);
        }
    }
}

/* The hash looks at the first and last eight bytes: names that differ between them collide. */
static void scan_object__colliding_names__are_told_apart(void **state)
{
    (void)state;
    enum { COUNT = 100 };
    struct tw_json_scanner wide;
    assert_int_equal(tw_json_scanner_init(&wide, &arena, 4, 2 * COUNT), TW_OK);
    char text[COUNT * 32];
    char *p = put(text, "{");
    for (int i = 0; i < COUNT; i++) {
        p += snprintf(p, 32, "%s\"aaaaaaaa%04dbbbbbbbb\":0", i == 0 ? "" : ",", i);
    }
    (void)put(p, "}");
    struct tw_json_value value;
    assert_int_equal(tw_json_scan_object(&wide, tw_str_of(text), &value), TW_OK);
    assert_int_equal(wide.count, COUNT);
    for (size_t i = 1; i < wide.count; i++) {
        assert_int_equal(wide.members[i].hash, wide.members[0].hash);
        assert_ptr_equal(tw_json_member_find(&wide, wide.members[i].name), &wide.members[i]);
    }
    (void)put(p, ",\"aaaaaaaa0050bbbbbbbb\":1}");
    assert_int_equal(tw_json_scan_object(&wide, tw_str_of(text), &value), TW_ESYNTAX);
    assert_int_equal(wide.fault.code, TW_PROBLEM_json_duplicate);
    tw_json_scanner_fini(&wide);
}

static void scan__hostile_sizes__come_to_an_end(void **state)
{
    (void)state;
    size_t len = (size_t)50 << 20;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, 'x', len);
    memcpy(text, "{\"a\":\"", 6);
    memcpy(text + len - 2, "\"}", 2);
    assert_true(is_accepted((struct tw_str){text, len}));
    assert_int_equal(scanner.members[0].value.text.len, len - 8);
    text[len - 3] = '\x80';
    assert_false(is_accepted((struct tw_str){text, len}));
    assert_int_equal(scanner.fault.code, TW_PROBLEM_utf8);
    memset(text, '[', len);
    assert_false(is_accepted((struct tw_str){text, 100000}));
    assert_int_equal(scanner.fault.code, TW_PROBLEM_json_depth);
    memset(text, '9', len);
    assert_true(is_accepted((struct tw_str){text, len})); /* text like any other */
    memset(text, ' ', len);
    assert_false(is_accepted((struct tw_str){text, len}));
    free(text);
}

static void scanner__full_arena__is_told(void **state)
{
    (void)state;
    struct tw_arena small;
    struct tw_json_scanner starved;
    struct tw_json_value value;
    tw_arena_init(&small, 16);
    assert_int_equal(tw_json_scanner_init(&starved, &small, 4, 4), TW_OK);
    assert_int_equal(
        tw_json_scan_object(&starved, TW_STR_LIT("{\"\\u0061aaaaaaaaaaaaaaaaaaaa\":1}"), &value),
        TW_ESYNTAX);
    assert_int_equal(starved.fault.code, TW_PROBLEM_oversize);
    tw_json_scanner_fini(&starved);
    tw_arena_fini(&small);
}

/* --- the walk --------------------------------------------------------------------------------- */

/* The walk over text as a line: good elements in (), bad ones in <>, the broken rest in !!. */
static void check_walk(const char *text, const char *expected)
{
    char line[512] = "";
    size_t used = 0;
    struct tw_json_walk walk;
    tw_json_walk_init(&walk, tw_str_of(text));
    int64_t count = 0;
    for (int rc = tw_json_walk_next(&walk, &scanner); rc != TW_ENOTFOUND;
         rc = tw_json_walk_next(&walk, &scanner)) {
        assert_int_equal(walk.index, count++);
        static const char *const marks[] = {"()", "<>", "!!"};
        const char *mark = marks[rc == TW_OK ? 0 : (rc == TW_ESYNTAX ? 1 : 2)];
        used += (size_t)snprintf(line + used, sizeof line - used, "%c%.*s%c", mark[0],
                                 (int)walk.element.len, walk.element.ptr, mark[1]);
    }
    assert_int_equal(tw_json_walk_next(&walk, &scanner), TW_ENOTFOUND);
    assert_string_equal(line, expected);
}

static void walk__well_formed_arrays__give_their_elements(void **state)
{
    (void)state;
    check_walk("[]", "");
    check_walk("[ ] \n", "");
    check_walk("[1]", "(1)");
    check_walk("[ {\"a\":[1,2]} , \"x,]\" ,null,[[]]]", "({\"a\":[1,2]})(\"x,]\")(null)([[]])");
}

static void walk__a_broken_element__costs_that_element(void **state)
{
    (void)state;
    check_walk("[1,x,2]", "(1)<x>(2)");
    check_walk("[{\"a\":},{\"b\":1}]", "<{\"a\":}>({\"b\":1})");
    check_walk("[{\"a\":[1},2]", "<{\"a\":[1}>(2)");
    check_walk("[{\"a\":1]},2]", "<{\"a\":1]}>(2)");
    check_walk("[\"\xff\",2]", "<\"\xff\">(2)");
    check_walk("[{\"a\":\"x\n},{\"b\":1}]", "<{\"a\":\"x\n}>({\"b\":1})");
    check_walk("[{\"a\":1,\"a\":2},3]", "<{\"a\":1,\"a\":2}>(3)");
    check_walk("[{\"a\":\"\\ud800,\\\"]\"},3]", "<{\"a\":\"\\ud800,\\\"]\"}>(3)");
    check_walk("[,1]", "<>(1)");
    check_walk("[1,]", "(1)<>");
    check_walk("[1,,2]", "(1)<>(2)");
    char deep[512] = "[";
    nest(deep + 1, MAX_DEPTH + 5, false);
    (void)put(deep + strlen(deep), ",7]");
    char expected[512] = "<";
    nest(expected + 1, MAX_DEPTH + 5, false);
    (void)put(expected + strlen(expected), ">(7)");
    check_walk(deep, expected);
}

static void walk__a_broken_array__gives_the_rest_as_one_piece(void **state)
{
    (void)state;
    check_walk("[", "!!");
    check_walk("[1", "(1)!!");
    check_walk("[1,", "(1)!,!");
    check_walk("[1 2,3]", "(1)!2,3]!");
    check_walk("[1}", "(1)!}!");
    check_walk("[1]]", "(1)!]!");
    check_walk("[1] x", "(1)! x!");
    check_walk("[1,{\"a\":\"b},{\"c\":1}]", "(1)!{\"a\":\"b},{\"c\":1}]!");
    check_walk("[{\"a\":{},[1,2", "!{\"a\":{},[1,2!");
}

/* --- the table of attributes ------------------------------------------------------------------ */

static void attribute_find__every_name__is_found(void **state)
{
    (void)state;
    for (int i = 0; i < TW_ATTR_COUNT; i++) {
        const char *name = tw_attribute_name((enum tw_attribute)i);
        assert_int_equal(tw_attribute_find(tw_str_of(name)), i);
        char other[64];
        (void)snprintf(other, sizeof other, "%sx", name);
        assert_int_equal(tw_attribute_find(tw_str_of(other)), -1);
        assert_int_equal(tw_attribute_find((struct tw_str){name, strlen(name) - 1}), -1);
    }
    assert_int_equal(tw_attribute_find(TW_STR_LIT("")), -1);
    assert_int_equal(tw_attribute_find(TW_STR_LIT("data")), -1);
    assert_int_equal(tw_attribute_find(TW_STR_LIT("ORDERID")), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan__cases__are_accepted_or_refused),
        cmocka_unit_test(scan__faults__say_what_and_where),
        cmocka_unit_test(scan_object__members__stand_where_they_are),
        cmocka_unit_test(json_unescape__every_escape__is_resolved),
        cmocka_unit_test(scan_value__special_bytes__are_found_at_every_place),
        cmocka_unit_test(scan__depth__is_bounded_at_its_edge),
        cmocka_unit_test(scan_object__members__are_bounded_at_their_edge),
        cmocka_unit_test(scan_object__a_name_twice__is_refused_in_any_number),
        cmocka_unit_test(scan_object__colliding_names__are_told_apart),
        cmocka_unit_test(scan__hostile_sizes__come_to_an_end),
        cmocka_unit_test(scanner__full_arena__is_told),
        cmocka_unit_test(walk__well_formed_arrays__give_their_elements),
        cmocka_unit_test(walk__a_broken_element__costs_that_element),
        cmocka_unit_test(walk__a_broken_array__gives_the_rest_as_one_piece),
        cmocka_unit_test(attribute_find__every_name__is_found),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
