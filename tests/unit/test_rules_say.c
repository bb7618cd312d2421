/* SPDX-License-Identifier: Apache-2.0
 * alert/rules: what an alert says, and numbers as people read them. */
#include "config.h"

#include <math.h>

#include "rules_kit.h"

static struct rules_kit kit;

static int set_up(void **state)
{
    (void)state;
    kit = rules_kit_new("");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rules_kit_fini(&kit);
    return 0;
}

/* A rule in seconds, of a share, of counts. */
static const struct tw_rules *rule_of(const char *series)
{
    char yaml[512];
    (void)snprintf(yaml, sizeof(yaml),
                   "alert: Test\ntitle: A title\nseverity: warning\nabove: 2\n%s\n", series);
    return rules_kit_taken(&kit, yaml);
}

struct number {
    double value;
    const char *said;
};

static void check_numbers(const char *series, const struct number *numbers, size_t count)
{
    const struct tw_rules *set = rule_of(series);
    for (size_t i = 0; i < count; i++) {
        char said[TW_RULE_VALUE_SIZE];
        assert_string_equal(tw_rule_value(&set->items[0], numbers[i].value, said), numbers[i].said);
    }
    tw_rules_unref(&set);
}

static void rule_value__seconds__are_the_two_largest_units(void **state)
{
    (void)state;
    static const struct number numbers[] = {
        {0, "0 s"},
        {0.25, "0.2 s"},
        {1.26, "1.3 s"},
        {9, "9 s"},
        {10.4, "10 s"},
        {59.4, "59 s"},
        {59.6, "1 min"},
        {60, "1 min"},
        {125, "2 min 05 s"},
        {3599, "59 min 59 s"},
        {3600, "1 h"},
        {3659, "1 h"},
        {12000, "3 h 20 min"},
        {86399, "23 h 59 min"},
        {86400, "1 d"},
        {187200, "2 d 4 h"},
        {604800, "7 d"},
        {-125, "-2 min 05 s"},
        {(double)NAN, "not known"},
        {(double)INFINITY, "a lot"},
        {-1e16, "-a lot"},
    };
    check_numbers("when: {metric: step_oldest_age}", numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static void rule_value__shares__are_per_cent(void **state)
{
    (void)state;
    static const struct number numbers[] = {
        {0, "0 %"},         {0.12, "12 %"},  {0.1249, "12 %"},  {0.0512, "5.1 %"},
        {0.0049, "0.49 %"}, {0.01, "1 %"},   {1, "100 %"},      {9.994, "999 %"},
        {12.5, "1,250 %"},  {-0.5, "-50 %"}, {1.0 / 3, "33 %"}, {(double)NAN, "not known"},
    };
    check_numbers("when: {metric: step_failed}\nshare-of: {metric: step_done}", numbers,
                  sizeof(numbers) / sizeof(numbers[0]));
}

static void rule_value__counts__have_commas(void **state)
{
    (void)state;
    static const struct number numbers[] = {
        {0, "0"},
        {-0.01, "0"},
        {7, "7"},
        {12.5, "12.5"},
        {99.94, "99.9"},
        {123.4, "123"},
        {999, "999"},
        {1000, "1,000"},
        {1234567, "1,234,567"},
        {-1234, "-1,234"},
        {1e15, "1,000,000,000,000,000"},
        {2e15, "a lot"},
        {(double)NAN, "not known"},
    };
    check_numbers("when: {metric: received}", numbers, sizeof(numbers) / sizeof(numbers[0]));
}

static void rule_say__template__has_its_values(void **state)
{
    (void)state;
    static const struct tw_label items[] = {
        {TW_STR_LIT("owner"), TW_STR_LIT("finance")},
        {TW_STR_LIT("step"), TW_STR_LIT("posted {{value}}")},
        {TW_STR_LIT("workflow"), TW_STR_LIT("sale-posting")},
    };
    const struct tw_labels labels = {.items = items, .count = 3};
    const struct tw_rules *set =
        rule_of("when: {metric: step_oldest_age, by: [workflow, step]}\n"
                "summary: '{{ step }} of {{workflow}}{{system}}: {{value}} } {{threshold}} "
                "({{title}}, {{owner}})'");
    struct tw_arena arena;
    struct tw_str said = TW_STR_NULL;
    tw_arena_init(&arena, 65536);
    const struct tw_rule *rule = &set->items[0];
    assert_int_equal(tw_rule_say(&arena, rule, rule->summary, &labels, 125, &said), TW_OK);
    /* What a label says is no template; one that is missing is empty. */
    assert_string_equal(said.ptr, "posted {{value}} of sale-posting: 2 min 05 s } 2 s (A title, "
                                  "finance)");
    assert_int_equal(said.len, strlen(said.ptr));
    tw_arena_fini(&arena);
    tw_rules_unref(&set);
}

static void rule_say__long_labels__are_cut_between_characters(void **state)
{
    (void)state;
    char store[1500];
    for (size_t i = 0; i + 1 < sizeof(store); i += 2) {
        memcpy(store + i, "\xc3\xa4", 2);
    }
    const struct tw_label item = {TW_STR_LIT("store"), {store, sizeof(store)}};
    const struct tw_labels labels = {.items = &item, .count = 1};
    const struct tw_rules *set = rule_of("when: {metric: store_silent, by: store}\n"
                                         "summary: 'x{{store}} {{value}}'\n"
                                         "description: '{{store}}{{store}}{{store}}'");
    struct tw_arena arena;
    struct tw_str said = TW_STR_NULL;
    tw_arena_init(&arena, 65536);
    const struct tw_rule *rule = &set->items[0];
    assert_int_equal(tw_rule_say(&arena, rule, rule->summary, &labels, 1, &said), TW_OK);
    assert_int_equal(said.len, TW_RULE_SUMMARY_MAX - 1);
    assert_int_equal((unsigned char)said.ptr[said.len - 1], 0xa4);
    assert_int_equal(tw_rule_say(&arena, rule, rule->description, &labels, 1, &said), TW_OK);
    assert_int_equal(said.len, TW_RULE_TEXT_MAX);
    tw_arena_fini(&arena);
    tw_arena_init(&arena, 16); /* no room */
    assert_int_equal(tw_rule_say(&arena, rule, rule->summary, &labels, 1, &said), TW_ENOMEM);
    tw_arena_fini(&arena);
    tw_rules_unref(&set);
}

static void severity__words__go_there_and_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < TW_SEVERITY_NONE; i++) {
        const char *name = tw_severity_name((enum tw_severity)i);
        assert_int_equal(tw_severity_find(tw_str_of(name)), i);
    }
    assert_string_equal(tw_severity_name(TW_SEVERITY_NONE), "");
    assert_int_equal(tw_severity_find(TW_STR_LIT("loud")), TW_SEVERITY_NONE);
    assert_int_equal(tw_severity_find(TW_STR_LIT("")), TW_SEVERITY_NONE);
    assert_int_equal(tw_severity_find(TW_STR_NULL), TW_SEVERITY_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rule_value__seconds__are_the_two_largest_units),
        cmocka_unit_test(rule_value__shares__are_per_cent),
        cmocka_unit_test(rule_value__counts__have_commas),
        cmocka_unit_test(rule_say__template__has_its_values),
        cmocka_unit_test(rule_say__long_labels__are_cut_between_characters),
        cmocka_unit_test(severity__words__go_there_and_back),
    };
    return cmocka_run_group_tests_name("rules_say", tests, set_up, tear_down);
}
