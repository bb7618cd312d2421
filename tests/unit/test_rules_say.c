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

static const struct tw_rules *burn_of(const char *burn)
{
    char yaml[256];
    (void)snprintf(yaml, sizeof(yaml), "alert: Test\nseverity: warning\nburn: %s\n", burn);
    return rules_kit_taken(&kit, yaml);
}

static void rule_value__burn_rules__are_told_in_what_they_compare(void **state)
{
    (void)state;
    static const struct {
        const char *burn;
        const char *unit;
        double value;
        const char *said;
    } rows[] = {
        {"{rule: fast}", "burn", 0, "0x"},
        {"{rule: medium}", "burn", 0.98, "0.98x"},
        {"{rule: slow}", "burn", 6, "6x"},
        {"{rule: trend}", "burn", 14.4, "14.4x"},
        {"{rule: fast-low-traffic}", "burn", 21.345, "21.3x"},
        {"{rule: medium-low-traffic}", "burn", 99.94, "99.9x"},
        {"{rule: fast}", "burn", 99.96, "100x"},
        {"{rule: fast}", "burn", 1234.4, "1,234x"},
        {"{rule: fast}", "burn", (double)NAN, "not known"},
        {"{rule: trickle}", "count", 3, "3"},
        {"{rule: absence}", "seconds", 660, "11 min"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char said[TW_RULE_VALUE_SIZE];
        const struct tw_rules *set = burn_of(rows[i].burn);
        const struct tw_rule *rule = &set->items[0];
        assert_string_equal(tw_rule_unit(rule), rows[i].unit);
        assert_string_equal(tw_rule_value(rule, rows[i].value, said), rows[i].said);
        assert_true(tw_rule_has_second(rule));
        assert_string_equal(rule->share.metric->name, "objective_rule_value");
        tw_rules_unref(&set);
    }
}

#define NOVEMBER INT64_C(1795392000) /* 2026-11-23, of 30 days */
#define DECEMBER (NOVEMBER + 22 * INT64_C(86400))
#define FEBRUARY (NOVEMBER + 79 * INT64_C(86400)) /* 2027-02-10 */

static void rule_limit__burn_rules__have_that_of_their_objective_and_month(void **state)
{
    (void)state;
    static const struct {
        const char *burn;
        const char *objective;
        int64_t at_s;
        double limit; /* NAN: none */
    } rows[] = {
        {"{rule: fast}", "sale-posted-in-time", DECEMBER, 14.4}, /* of 30 days */
        {"{rule: fast-low-traffic}", "sale-posted-in-time", NOVEMBER, 14.4},
        {"{rule: medium}", "sale-posted-in-time", NOVEMBER, 6},
        {"{rule: medium-low-traffic}", "sale-posted-in-time", NOVEMBER, 6},
        {"{rule: slow}", "sale-posted-in-time", NOVEMBER, 3},
        {"{rule: trend}", "sale-posted-in-time", NOVEMBER, 1},
        {"{rule: fast}", "sales-complete", NOVEMBER, 14.4}, /* 0.02 * 24 * days */
        {"{rule: fast}", "sales-complete", DECEMBER, 14.88},
        {"{rule: fast}", "sales-complete", FEBRUARY, 13.44},
        {"{rule: trickle}", "sales-complete", NOVEMBER, 2},
        {"{rule: absence}", "sale-posted-in-time", NOVEMBER, (double)NAN}, /* by the hour */
        {"{rule: fast}", "no-such", NOVEMBER, (double)NAN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct tw_rules *set = burn_of(rows[i].burn);
        double limit = tw_rule_limit(&set->items[0], kit.workflows, tw_str_of(rows[i].objective),
                                     rows[i].at_s);
        if (isnan(rows[i].limit) ? !isnan(limit) : !(fabs(limit - rows[i].limit) < 1e-9)) {
            fail_msg("%s of %s: %g", rows[i].burn, rows[i].objective, limit);
        }
        tw_rules_unref(&set);
    }
}

static void rule_limits__of_all_objectives__are_those_that_differ(void **state)
{
    (void)state;
    double limits[3];
    const struct tw_rules *set = burn_of("{rule: fast}");
    const struct tw_rule *rule = &set->items[0];
    assert_int_equal(tw_rule_limits(rule, kit.workflows, NOVEMBER, limits, 3), 1);
    assert_true(fabs(limits[0] - 14.4) < 1e-9);
    assert_int_equal(tw_rule_limits(rule, kit.workflows, DECEMBER, limits, 3), 2);
    assert_int_equal(tw_rule_limits(rule, kit.workflows, DECEMBER, limits, 1), 1);
    tw_rules_unref(&set);
    set = burn_of("{rule: fast, objective: sales-complete}");
    assert_int_equal(tw_rule_limits(&set->items[0], kit.workflows, DECEMBER, limits, 3), 1);
    assert_true(fabs(limits[0] - 14.88) < 1e-9);
    tw_rules_unref(&set);
    set = rule_of("when: {metric: open_runs}");
    assert_int_equal(tw_rule_limits(&set->items[0], kit.workflows, DECEMBER, limits, 3), 1);
    assert_true(fabs(limits[0] - 2) < 1e-9);
    tw_rules_unref(&set);
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
    assert_int_equal(tw_rule_say(&arena, rule, rule->summary, &labels,
                                 (struct tw_rule_numbers){125, 120}, &said),
                     TW_OK);
    /* What a label says is no template; one that is missing is empty. */
    assert_string_equal(said.ptr, "posted {{value}} of sale-posting: 2 min 05 s } 2 min (A title, "
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
    assert_int_equal(
        tw_rule_say(&arena, rule, rule->summary, &labels, (struct tw_rule_numbers){1, 1}, &said),
        TW_OK);
    assert_int_equal(said.len, TW_RULE_SUMMARY_MAX - 1);
    assert_int_equal((unsigned char)said.ptr[said.len - 1], 0xa4);
    assert_int_equal(tw_rule_say(&arena, rule, rule->description, &labels,
                                 (struct tw_rule_numbers){1, 1}, &said),
                     TW_OK);
    assert_int_equal(said.len, TW_RULE_TEXT_MAX);
    tw_arena_fini(&arena);
    tw_arena_init(&arena, 16); /* no room */
    assert_int_equal(
        tw_rule_say(&arena, rule, rule->summary, &labels, (struct tw_rule_numbers){1, 1}, &said),
        TW_ENOMEM);
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
        cmocka_unit_test(rule_value__burn_rules__are_told_in_what_they_compare),
        cmocka_unit_test(rule_limit__burn_rules__have_that_of_their_objective_and_month),
        cmocka_unit_test(rule_limits__of_all_objectives__are_those_that_differ),
        cmocka_unit_test(rule_say__template__has_its_values),
        cmocka_unit_test(rule_say__long_labels__are_cut_between_characters),
        cmocka_unit_test(severity__words__go_there_and_back),
    };
    return cmocka_run_group_tests_name("rules_say", tests, set_up, tear_down);
}
