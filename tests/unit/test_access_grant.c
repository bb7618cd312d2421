/* SPDX-License-Identifier: Apache-2.0
 * Rights, roles, grants: what is written, what is taken, what is allowed where. */
#include "config.h"
#include "access/grant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct tw_arena arena;
static struct tw_diag diag;

static int set_up(void **state)
{
    (void)state;
    tw_arena_init(&arena, 16u << 20);
    diag.text[0] = '\0';
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    tw_arena_fini(&arena);
    return 0;
}

static struct tw_scope in(const char *workflow, const char *region, const char *store)
{
    return (struct tw_scope){{tw_str_of(workflow), tw_str_of(region), tw_str_of(store)}};
}

static struct tw_principal one(enum tw_role role, const char *grants)
{
    struct tw_principal self = {.kind = TW_PRINCIPAL_USER, .role = role};
    assert_int_equal(tw_grants_parse(&arena, tw_str_of(grants), &self.grants, &diag), TW_OK);
    return self;
}

static bool may(const struct tw_principal *self, enum tw_right right, struct tw_scope scope)
{
    return tw_may(self, right, &scope);
}

/* ---- rights and roles ---- */

static void rights__words__are_those_of_the_decision(void **state)
{
    (void)state;
    static const char *const words[] = {
        "read",   "reveal",    "acknowledge", "silence", "replay", "approve", "edit",  "retry",
        "notify", "heartbeat", "push",        "causes",  "reload", "audit",   "users", "erase"};
    enum tw_right right = TW_RIGHT_READ;
    assert_int_equal(COUNT(words), TW_RIGHT_COUNT);
    for (size_t i = 0; i < COUNT(words); i++) {
        assert_string_equal(tw_right_name((enum tw_right)i), words[i]);
        assert_true(tw_right_help((enum tw_right)i)[0] != '\0');
        assert_true(tw_right_of(tw_str_of(words[i]), &right));
        assert_int_equal(right, i);
    }
    assert_false(tw_right_of(TW_STR_LIT("rea"), &right));
    assert_false(tw_right_of(TW_STR_LIT("readd"), &right));
    assert_false(tw_right_of(TW_STR_LIT("READ"), &right));
    assert_false(tw_right_of(TW_STR_LIT(""), &right));
    assert_false(tw_right_of(TW_STR_NULL, &right));
}

static void roles__rights__are_those_of_the_decision(void **state)
{
    (void)state;
    static const char *const roles[] = {"none", "viewer", "operator", "admin"};
    static const char *const operator_has[] = {"read",    "acknowledge", "silence", "replay",
                                               "approve", "retry",       "notify",  "heartbeat"};
    enum tw_role role = TW_ROLE_NONE;
    tw_rights_t expected = 0;
    for (size_t i = 0; i < COUNT(operator_has); i++) {
        enum tw_right right = TW_RIGHT_READ;
        assert_true(tw_right_of(tw_str_of(operator_has[i]), &right));
        expected |= TW_RIGHT_BIT(right);
    }
    for (size_t i = 0; i < COUNT(roles); i++) {
        assert_true(tw_role_of(tw_str_of(roles[i]), &role));
        assert_int_equal(role, i);
        assert_string_equal(tw_role_name(role), roles[i]);
    }
    assert_false(tw_role_of(TW_STR_LIT("root"), &role));
    assert_false(tw_role_of(TW_STR_NULL, &role));
    assert_int_equal(tw_role_rights(TW_ROLE_NONE), 0);
    assert_int_equal(tw_role_rights(TW_ROLE_VIEWER), TW_RIGHT_BIT(TW_RIGHT_READ));
    assert_int_equal(tw_role_rights(TW_ROLE_OPERATOR), expected);
    assert_int_equal(tw_role_rights(TW_ROLE_ADMIN), (1u << TW_RIGHT_COUNT) - 1);
}

static void name__bounds__as_documented(void **state)
{
    (void)state;
    char longest[TW_ACCESS_NAME_MAX + 1];
    memset(longest, 'a', sizeof longest);
    assert_true(tw_access_name_is_valid((struct tw_str){longest, TW_ACCESS_NAME_MAX}));
    assert_false(tw_access_name_is_valid((struct tw_str){longest, TW_ACCESS_NAME_MAX + 1}));
    static const char *const good[] = {"a", "0", "anna.b_c-d@example.com"};
    static const char *const bad[] = {"",    ".a",  "_a",  "@a",  "-a",       "Anna",
                                      "a b", "a/b", "a\n", "a:b", "\xc3\xa4", "a'"};
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(tw_access_name_is_valid(tw_str_of(good[i])));
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_false(tw_access_name_is_valid(tw_str_of(bad[i])));
    }
    assert_false(tw_access_name_is_valid((struct tw_str){"a\0b", 3}));
    assert_false(tw_access_name_is_valid(TW_STR_NULL));
}

/* ---- grants as text ---- */

static void parse__written_again__one_form(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *written; /* NULL: as it is */
    } rows[] = {
        {"read", NULL},
        {"read,replay", NULL},
        {"replay,read,replay", "read,replay"},
        {"  read   region=north  ", "read region=north"},
        {"replay store=2,1,2 region=north workflow=returns",
         "replay workflow=returns region=north store=1,2"},
        {"read region=\"North West\",south", "read region=\"North West\",south"},
        {"read region=\"north\"", "read region=north"},
        {"read store=\"a\\\"b\\\\c\",d", NULL},
        {"read store=a=b", NULL},
        {"read store=\"a,b\"", NULL},
        {"read region=M\xc3\xbcnchen", NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tw_grant grant;
        struct tw_buf out;
        const char *expected = rows[i].written == NULL ? rows[i].text : rows[i].written;
        tw_buf_init(&out, TW_GRANT_TEXT_MAX);
        assert_int_equal(tw_grant_parse(&arena, tw_str_of(rows[i].text), &grant, &diag), TW_OK);
        assert_int_equal(tw_grant_write(&grant, &out), TW_OK);
        assert_true(tw_str_is((struct tw_str){out.data, out.len}, expected));
        tw_buf_fini(&out);
    }
}

static void parse__what_is_no_grant__is_refused_and_said(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *said;
    } rows[] = {
        {"", "1 to 4096 bytes"},
        {" ", "no right \"\""},
        {"fly", "no right \"fly\""},
        {"read,", "no right \"\""},
        {"read,,replay", "no right \"\""},
        {"read, replay", "no right \"\""},
        {"region=north", "no right \"region\""},
        {"read;replay", "a blank is expected"},
        {"read north", "is expected, not \"north\""},
        {"read region", "is expected, not \"region\""},
        {"read planet=mars", "is expected, not \"planet\""},
        {"read region=", "1 to 200 bytes"},
        {"read region=a,", "1 to 200 bytes"},
        {"read region=,a", "1 to 200 bytes"},
        {"read region=\"\"", "1 to 200 bytes"},
        {"read region=\"a", "not closed"},
        {"read region=\"a\\n\"", "behind a backslash"},
        {"read region=\"a\\", "behind a backslash"},
        {"read region=\"a\"b", "a blank is expected"},
        {"read region=a\"b", "a blank is expected"},
        {"read region=a region=b", "region is there twice"},
        {"read region=a\tb", "control character"},
        {"read region=\xff", "not UTF-8"},
        {"read\nread", "control character"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tw_grant grant;
        assert_int_equal(tw_grant_parse(&arena, tw_str_of(rows[i].text), &grant, &diag), TW_EINVAL);
        if (strstr(diag.text, rows[i].said) == NULL) {
            fail_msg("%s: %s", rows[i].text, diag.text);
        }
    }
}

/* "read store=..." with so many values, in `text`. */
static struct tw_str many_values(char *text, size_t size, unsigned count)
{
    size_t len = (size_t)snprintf(text, size, "read store=");
    for (unsigned i = 0; i < count; i++) {
        len += (size_t)snprintf(text + len, size - len, "%s%u", i == 0 ? "" : ",", i);
    }
    return (struct tw_str){text, len};
}

static void parse__bounds__at_their_edges(void **state)
{
    (void)state;
    static char text[TW_GRANT_TEXT_MAX + 2];
    struct tw_grant grant;
    struct tw_str most = many_values(text, sizeof text, TW_GRANT_VALUES_MAX);
    assert_int_equal(tw_grant_parse(&arena, most, &grant, &diag), TW_OK);
    assert_int_equal(grant.counts[TW_DIMENSION_STORE], TW_GRANT_VALUES_MAX);
    most = many_values(text, sizeof text, TW_GRANT_VALUES_MAX + 1);
    assert_int_equal(tw_grant_parse(&arena, most, &grant, &diag), TW_EINVAL);
    assert_string_equal(diag.text, "grant: at most 64 values");
    /* One that is there already does not count, nor does it matter in which dimension they are. */
    size_t len = many_values(text, sizeof text, TW_GRANT_VALUES_MAX).len;
    int more = snprintf(text + len, sizeof text - len, ",0");
    assert_int_equal(
        tw_grant_parse(&arena, (struct tw_str){text, len + (size_t)more}, &grant, &diag), TW_OK);
    more = snprintf(text + len, sizeof text - len, " region=n");
    assert_int_equal(
        tw_grant_parse(&arena, (struct tw_str){text, len + (size_t)more}, &grant, &diag),
        TW_EINVAL);

    memset(text, 'x', sizeof text);
    memcpy(text, "read store=", 11);
    assert_int_equal(
        tw_grant_parse(&arena, (struct tw_str){text, 11 + TW_GRANT_VALUE_MAX}, &grant, &diag),
        TW_OK);
    assert_int_equal(
        tw_grant_parse(&arena, (struct tw_str){text, 12 + TW_GRANT_VALUE_MAX}, &grant, &diag),
        TW_EINVAL);
    memset(text, ' ', sizeof text);
    memcpy(text, "read", 4);
    assert_int_equal(
        tw_grant_parse(&arena, (struct tw_str){text, TW_GRANT_TEXT_MAX}, &grant, &diag), TW_OK);
    assert_int_equal(
        tw_grant_parse(&arena, (struct tw_str){text, TW_GRANT_TEXT_MAX + 1}, &grant, &diag),
        TW_EINVAL);
}

static void parse__lines__at_most_32(void **state)
{
    (void)state;
    char text[(TW_GRANTS_MAX + 1) * 5 + 1];
    struct tw_grants grants = {NULL, 7};
    for (size_t i = 0; i <= TW_GRANTS_MAX; i++) {
        memcpy(text + 5 * i, "read\n", 5);
    }
    assert_int_equal(
        tw_grants_parse(&arena, (struct tw_str){text, TW_GRANTS_MAX * 5}, &grants, &diag), TW_OK);
    assert_int_equal(grants.count, TW_GRANTS_MAX);
    assert_int_equal(
        tw_grants_parse(&arena, (struct tw_str){text, TW_GRANTS_MAX * 5 - 1}, &grants, &diag),
        TW_OK);
    assert_int_equal(grants.count, TW_GRANTS_MAX);
    assert_int_equal(
        tw_grants_parse(&arena, (struct tw_str){text, TW_GRANTS_MAX * 5 + 5}, &grants, &diag),
        TW_EINVAL);
    assert_string_equal(diag.text, "at most 32 grants");
    assert_int_equal(tw_grants_parse(&arena, TW_STR_NULL, &grants, &diag), TW_OK);
    assert_int_equal(grants.count, 0);
    assert_int_equal(tw_grants_parse(&arena, TW_STR_LIT("read\n\nread"), &grants, &diag),
                     TW_EINVAL);
}

static void parse__memory_runs_out__nothing_is_given(void **state)
{
    (void)state;
    static const char text[] = "read store=\"a\"\nreplay region=\"b\"";
    struct tw_arena small;
    struct tw_grants grants = {NULL, 7};
    for (size_t max = 0; max < 8000; max += 16) {
        tw_arena_init(&small, max);
        int rc = tw_grants_parse(&small, tw_str_of(text), &grants, &diag);
        assert_true(rc == TW_ENOMEM ? grants.count == 7 : rc == TW_OK);
        tw_arena_fini(&small);
        if (rc == TW_OK) {
            assert_true(max > 0);
            return;
        }
    }
    fail_msg("it never fits");
}

/* ---- what is allowed ---- */

static void may__role__everywhere(void **state)
{
    (void)state;
    struct tw_principal viewer = one(TW_ROLE_VIEWER, "");
    assert_true(may(&viewer, TW_RIGHT_READ, in("returns", "north", "0042")));
    assert_true(tw_may(&viewer, TW_RIGHT_READ, NULL));
    assert_false(tw_may(&viewer, TW_RIGHT_REVEAL, NULL));
    assert_false(tw_may_somewhere(&viewer, TW_RIGHT_REPLAY));
    struct tw_principal nobody = {.kind = TW_PRINCIPAL_NOBODY};
    for (unsigned i = 0; i < TW_RIGHT_COUNT; i++) {
        assert_false(tw_may(&nobody, (enum tw_right)i, NULL));
        assert_false(tw_may_somewhere(&nobody, (enum tw_right)i));
    }
}

static void may__narrowed_grant__in_its_scope_only(void **state)
{
    (void)state;
    struct tw_principal self = one(TW_ROLE_NONE, "read,replay workflow=returns region=north,east");
    assert_true(may(&self, TW_RIGHT_REPLAY, in("returns", "north", "0042")));
    assert_true(may(&self, TW_RIGHT_REPLAY, in("returns", "east", NULL)));
    assert_false(may(&self, TW_RIGHT_REPLAY, in("returns", "south", "0042")));
    assert_false(may(&self, TW_RIGHT_REPLAY, in("sales", "north", "0042")));
    assert_false(may(&self, TW_RIGHT_SILENCE, in("returns", "north", "0042")));
    /* all of them, or which is not known */
    assert_false(may(&self, TW_RIGHT_REPLAY, in("returns", NULL, "0042")));
    assert_false(may(&self, TW_RIGHT_REPLAY, in(NULL, "north", NULL)));
    assert_false(tw_may(&self, TW_RIGHT_REPLAY, NULL));
    /* one that has none, or looks like it */
    assert_false(may(&self, TW_RIGHT_REPLAY, in("returns", "", "0042")));
    assert_false(may(&self, TW_RIGHT_REPLAY, in("returns", "nort", "0042")));
    assert_false(may(&self, TW_RIGHT_REPLAY, in("returns", "north,east", "0042")));
    assert_false(may(&self, TW_RIGHT_REPLAY, in("returns", "North", "0042")));
    assert_true(tw_may_somewhere(&self, TW_RIGHT_REPLAY));
    assert_false(tw_may_somewhere(&self, TW_RIGHT_SILENCE));
}

static void may__two_grants__do_not_add_up_to_a_third(void **state)
{
    (void)state;
    struct tw_principal self =
        one(TW_ROLE_VIEWER, "replay workflow=returns region=north\nreplay workflow=sales "
                            "region=south\nsilence");
    assert_true(may(&self, TW_RIGHT_REPLAY, in("returns", "north", NULL)));
    assert_true(may(&self, TW_RIGHT_REPLAY, in("sales", "south", NULL)));
    assert_false(may(&self, TW_RIGHT_REPLAY, in("returns", "south", NULL)));
    assert_true(tw_may(&self, TW_RIGHT_SILENCE, NULL));
    assert_true(tw_may(&self, TW_RIGHT_READ, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights__words__are_those_of_the_decision),
        cmocka_unit_test(roles__rights__are_those_of_the_decision),
        cmocka_unit_test(name__bounds__as_documented),
        cmocka_unit_test_setup_teardown(parse__written_again__one_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parse__what_is_no_grant__is_refused_and_said, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(parse__bounds__at_their_edges, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parse__lines__at_most_32, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parse__memory_runs_out__nothing_is_given, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(may__role__everywhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(may__narrowed_grant__in_its_scope_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(may__two_grants__do_not_add_up_to_a_third, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
