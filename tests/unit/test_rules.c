/* SPDX-License-Identifier: Apache-2.0
 * alert/rules: what a rule can say, its defaults, every fault with file and line, bounds. */
#include "config.h"

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

#include "alloc_kit.h"
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

static void expect_number(double got, double expected)
{
    if (!(fabs(got - expected) < 1e-12)) {
        fail_msg("%g instead of %g", got, expected);
    }
}

#define RULE(body) "alert: Test\nseverity: warning\n" body
#define AGE        "when: {metric: step_oldest_age, by: [workflow, step]}\n"

static void rules_parse__every_key__is_in_the_rule(void **state)
{
    (void)state;
    const struct tw_rules *set = rules_kit_taken(
        &kit,
        "name: sales\ntitle: Sales to ERP\nrules:\n"
        "  - alert: ErpPostingLate\n"
        "    title: Posting in ERP is late\n"
        "    about: What it means.\n"
        "    when: {metric: step_oldest_age, where: {workflow: sale-posting, step: posted},\n"
        "           by: [workflow, step], join: max, over: 1min, take: mean}\n"
        "    above: 2min\n"
        "    for: 90s\n"
        "    keep-firing-for: 5min\n"
        "    hours: {weekdays: ['mon:sat'], times: ['08:00-22:00'], timezone: Europe/Berlin}\n"
        "    no-data: alert\n"
        "    no-data-for: 20min\n"
        "    severity: critical\n"
        "    owner: finance-integration\n"
        "    labels: {team: finance, tier: '1'}\n"
        "    summary: \"{{step}} of {{workflow}}: {{value}} (limit {{threshold}})\"\n"
        "    description: \"{{title}}, {{team}}, {{system}}, {{ severity }}, {{owner}}\"\n"
        "    runbook: queue-backlog\n"
        "    enabled: false\n");
    assert_int_equal(set->count, 1);
    const struct tw_rule *rule = &set->items[0];
    assert_ptr_equal(tw_rules_find(set, TW_STR_LIT("ErpPostingLate")), rule);
    assert_null(tw_rules_find(set, TW_STR_LIT("ErpPosting")));
    assert_string_equal(rule->name, "ErpPostingLate");
    assert_string_equal(rule->title, "Posting in ERP is late");
    assert_string_equal(rule->about, "What it means.");
    assert_string_equal(rule->when.metric->name, "step_oldest_age");
    assert_int_equal(rule->when.where_count, 2);
    assert_string_equal(rule->when.where[0].name, "workflow");
    assert_string_equal(rule->when.where[0].value, "sale-posting");
    assert_string_equal(rule->when.where[1].value, "posted");
    assert_int_equal(rule->when.join, TW_RULE_MAX);
    assert_int_equal(rule->by_count, 2);
    assert_string_equal(rule->by[0], "workflow");
    assert_string_equal(rule->by[1], "step");
    assert_int_equal(rule->over_s, 60);
    assert_int_equal(rule->take, TW_TAKE_MEAN);
    assert_true(rule->is_above);
    expect_number(rule->threshold, 120);
    assert_int_equal(rule->for_s, 90);
    assert_int_equal(rule->keep_s, 300);
    assert_non_null(rule->hours);
    assert_int_equal(rule->hours->weekdays, 0x3f);
    assert_non_null(rule->hours->zone);
    assert_int_equal(rule->no_data, TW_NO_DATA_ALERT);
    assert_int_equal(rule->no_data_for_s, 1200);
    assert_int_equal(rule->severity, TW_SEVERITY_CRITICAL);
    assert_string_equal(rule->owner, "finance-integration");
    assert_int_equal(rule->label_count, 2);
    assert_string_equal(rule->labels[1].name, "tier");
    assert_string_equal(rule->labels[1].value, "1");
    assert_string_equal(rule->runbook, "queue-backlog");
    assert_false(rule->is_enabled);
    assert_string_equal(rule->group, "sales");
    assert_string_equal(rule->file, "t.yaml");
    assert_int_equal(rule->line, 4);
    assert_string_equal(tw_rule_unit(rule), "seconds");
    tw_rules_unref(&set);
    assert_null(set);
}

static void rules_parse__little__has_defaults(void **state)
{
    (void)state;
    const struct tw_rules *set =
        rules_kit_taken(&kit, "rules:\n"
                              "  - alert: A\n    severity: info\n    below: 0.5\n"
                              "    when: {metric: step_done}\n"
                              "  - {alert: B, severity: info, above: 90, when: {metric: "
                              "step_oldest_age, by: step}}\n"
                              "  - {alert: C, severity: info, above: 1, when: {metric: "
                              "store_silent, by: store}}\n");
    const struct tw_rule *rule = &set->items[0];
    assert_string_equal(rule->title, "A");
    assert_string_equal(rule->summary, "{{title}}: {{value}} (limit {{threshold}})");
    assert_null(rule->about);
    assert_null(rule->description);
    assert_null(rule->owner);
    assert_null(rule->runbook);
    assert_null(rule->hours);
    assert_string_equal(rule->group, "t");
    assert_false(rule->is_above);
    assert_int_equal(rule->by_count, 0);
    assert_int_equal(rule->over_s, 10);
    assert_int_equal(rule->take, TW_TAKE_LAST);
    assert_int_equal(rule->when.join, TW_RULE_SUM);
    assert_int_equal(rule->for_s, 0);
    assert_int_equal(rule->keep_s, 0);
    assert_int_equal(rule->no_data, TW_NO_DATA_IGNORE);
    assert_int_equal(rule->no_data_for_s, 600);
    assert_true(rule->is_enabled);
    assert_int_equal(set->items[1].when.join, TW_RULE_MAX);
    assert_int_equal(set->items[2].over_s, 120); /* once a minute; one may be late */
    assert_int_equal(set->note_count, 0);
    tw_rules_unref(&set);
}

static void rules_parse__limits__are_in_the_unit_of_the_rule(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        double threshold;
        double least;
        const char *unit;
    } cases[] = {
        {"above: 1.5\n" AGE, 1.5, 0, "seconds"},
        {"above: 1500ms\n" AGE, 1.5, 0, "seconds"},
        {"above: 2h\n" AGE, 7200, 0, "seconds"},
        {"below: 1d\n" AGE, 86400, 0, "seconds"},
        {"above: -1\nwhen: {metric: sequence_missing}\n", -1, 0, "count"},
        {"below: -3\nwhen: {metric: sequence_missing}\n", -3, 0, "count"},
        {"above: 5\nleast: 20\nwhen: {metric: step_done, over: 5min}\n", 5, 20, "count"},
        {"above: 5%\nleast: 0\nwhen: {metric: step_failed}\nshare-of: {metric: step_done}\n", 0.05,
         0, "share"},
        {"above: 0.125\nwhen: {metric: step_failed}\nshare-of: {metric: step_done}\n", 0.125, 0,
         "share"},
        {"below: 30.5%\nleast: 100\nwhen: {metric: received, over: 10min}\nshare-of-usual: true\n",
         0.305, 100, "share"},
        {"below: 20%\nwhen: {metric: objective_budget_remaining, by: objective}\n", 0.2, 0,
         "share"},
        {"above: 999999999999999\nwhen: {metric: received}\n", 999999999999999, 0, "count"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char yaml[512];
        (void)snprintf(yaml, sizeof(yaml), RULE("%s"), cases[i].body);
        const struct tw_rules *set = rules_kit_taken(&kit, yaml);
        expect_number(set->items[0].threshold, cases[i].threshold);
        expect_number(set->items[0].least, cases[i].least);
        assert_string_equal(tw_rule_unit(&set->items[0]), cases[i].unit);
        tw_rules_unref(&set);
    }
}

static void rules_parse__burn__stands_for_its_series(void **state)
{
    (void)state;
    const struct tw_rules *set =
        rules_kit_taken(&kit, "rules:\n"
                              "  - {alert: A, severity: critical, burn: {rule: fast}, above: 1}\n"
                              "  - {alert: B, severity: warning, burn: {rule: absence, objective: "
                              "sale-posted-in-time}, summary: '{{objective}} {{workflow}}'}\n");
    const struct tw_rule *rule = &set->items[0];
    assert_string_equal(rule->when.metric->name, "objective_rule");
    assert_int_equal(rule->when.where_count, 1);
    assert_string_equal(rule->when.where[0].name, "rule");
    assert_string_equal(rule->when.where[0].value, "fast");
    assert_int_equal(rule->by_count, 1);
    assert_string_equal(rule->by[0], "objective");
    assert_true(rule->is_above);
    expect_number(rule->threshold, 1);
    assert_int_equal(rule->over_s, 10);
    assert_int_equal(rule->when.join, TW_RULE_MAX);
    rule = &set->items[1];
    assert_int_equal(rule->when.where_count, 2);
    assert_string_equal(rule->when.where[1].value, "sale-posted-in-time");
    expect_number(rule->threshold, 0);
    tw_rules_unref(&set);
}

static void rules_parse__by_system__is_known_of_steps(void **state)
{
    (void)state;
    const struct tw_rules *set =
        rules_kit_taken(&kit, RULE("above: 1\nsummary: '{{cause}} {{system}}'\n"
                                   "when: {metric: failures, by: [cause, system]}\n"));
    assert_string_equal(set->items[0].by[1], "system");
    tw_rules_unref(&set);
    set = rules_kit_taken(&kit, RULE("above: 1\nwhen: {metric: failures, by: system}\n"
                                     "share-of: {metric: step_done}\n"));
    tw_rules_unref(&set);
    set = rules_kit_taken(&kit, RULE("above: 1\nwhen: {metric: failures, by: system}\n"
                                     "share-of: {metric: system_events}\n"));
    tw_rules_unref(&set);
}

static void rules_parse__burn_that_can_never_fire__is_a_note(void **state)
{
    (void)state;
    /* replenishment-complete: 95 % of 30 d; fast would need 14.4 * 5 % = 72 % bad: it can. */
    const struct tw_rules *set =
        rules_kit_taken(&kit, RULE("burn: {rule: fast, objective: replenishment-complete}\n"));
    assert_int_equal(set->note_count, 0);
    tw_rules_unref(&set);
    struct rules_kit other =
        rules_kit_new("workflows: {pack: false}\nsystems: [{name: pos}, {name: erp}]\n");
    tw_workflows_unref(&other.workflows);
    static const char yaml[] =
        "name: w\ntitle: W\nowner: o\ntiming: batch\ncriticality: standard\nfinancial: false\n"
        "object: transaction\nsteps:\n  - {name: a, title: A, system: pos, event: x.a}\n"
        "  - {name: b, title: B, system: erp, event: x.b, after: a, within: 1h, destination: "
        "true}\n"
        "objectives:\n"
        "  - {name: low, title: L, kind: completion, target: 90%, window: 30d}\n"
        "  - {name: short, title: S, kind: completion, target: 99%, window: 1h}\n";
    assert_int_equal(
        tw_workflows_parse(other.cfg, "w.yaml", yaml, strlen(yaml), stderr, &other.workflows),
        TW_OK);
    set = rules_kit_taken(&other, RULE("burn:\n  rule: fast\n  objective: '*'\n"));
    assert_int_equal(set->note_count, 2);
    assert_string_equal(set->notes[0],
                        "t.yaml:5: burn: \"fast\" can never fire for low: even if everything "
                        "failed, its budget would not burn that fast");
    assert_string_equal(set->notes[1], "t.yaml:5: burn: \"fast\" can never fire for short: its "
                                       "window is not longer than that of the rule");
    tw_rules_unref(&set);
    rules_kit_fini(&other);
}

static const struct {
    const char *body; /* behind "alert: Test", "severity: warning": from line 3 */
    const char *faults;
} fault_cases[] = {
    {"above: 1\n", "t.yaml:1: rules: either when or burn is needed\n"},
    {"above: 1\n" AGE "burn: {rule: fast}\n", "t.yaml:1: rules: either when or burn is needed\n"},
    {AGE, "t.yaml:1: rules: either above or below is needed\n"},
    {"above: 1\nbelow: 2\n" AGE, "t.yaml:1: rules: either above or below is needed\n"},
    {"below: 1\nburn: {rule: fast}\n", "t.yaml:1: rules: with burn there is above alone\n"},
    {"burn: {}\n", "t.yaml:3: burn: the key \"rule\" is missing\n"},
    {"burn: {rule: quick}\n",
     "t.yaml:3: burn.rule: \"quick\" is none of: fast medium slow trend trickle absence "
     "fast-low-traffic medium-low-traffic\n"},
    {"burn: {rule: fast, objective: sale-posted}\n",
     "t.yaml:3: burn.objective: there is no objective \"sale-posted\"\n"},
    {"burn: {rule: slow, objective: sales-complet}\n",
     "t.yaml:3: burn.objective: there is no objective \"sales-complet\", did you mean "
     "\"sales-complete\"?\n"},
    {"burn: {rule: fast}\nshare-of-usual: true\n",
     "t.yaml:1: rules: a burn rule is a share of nothing\n"},
    {"above: x\n" AGE, "t.yaml:3: rules.above: \"x\" is neither a number of seconds nor a "
                       "duration such as 90s, 2min, 1h\n"},
    {"above: 5%\n" AGE, "t.yaml:3: rules.above: \"5%\" is neither a number of seconds nor a "
                        "duration such as 90s, 2min, 1h\n"},
    {"above: 2min\nwhen: {metric: received}\n", "t.yaml:3: rules.above: \"2min\" is no number\n"},
    {"above: 1234567890123456\nwhen: {metric: received}\n",
     "t.yaml:3: rules.above: \"1234567890123456\" is no number\n"},
    {"above: 1.\nwhen: {metric: received}\n", "t.yaml:3: rules.above: \"1.\" is no number\n"},
    {"above: .5\nwhen: {metric: received}\n", "t.yaml:3: rules.above: \".5\" is no number\n"},
    {"above: '-'\nwhen: {metric: received}\n", "t.yaml:3: rules.above: \"-\" is no number\n"},
    {"above: 2min\nwhen: {metric: step_failed}\nshare-of: {metric: step_done}\n",
     "t.yaml:3: rules.above: \"2min\" is no share, such as 0.05 or 5%\n"},
    {"below: 0\nwhen: {metric: received}\n",
     "t.yaml:3: rules.below: received is never below 0: the rule would never fire\n"},
    {"above: 1\nleast: 1\n" AGE, "t.yaml:4: rules.least: it is for counts and shares\n"},
    {"above: 1\nleast: -1\nwhen: {metric: received}\n",
     "t.yaml:4: rules.least: it is less than 0\n"},
    {"above: 1\nwhen: [a]\n", "t.yaml:4: when: a map of keys and values is expected\n"},
    {"above: 1\nwhen: {by: step}\n", "t.yaml:4: when: the key \"metric\" is missing\n"},
    {"above: 1\nwhen: {metric: step_don}\n",
     "t.yaml:4: when.metric: there is no series \"step_don\", did you mean \"step_done\"?\n"},
    {"above: 1\nwhen: {metric: step_lag}\n",
     "t.yaml:4: when.metric: step_lag is a series of sketches, which no rule can look at\n"},
    {"above: 1\nwhen: {metric: step_done, by: [store]}\n",
     "t.yaml:4: when.by: step_done has no label \"store\", it has: step, workflow\n"},
    {"above: 1\nwhen: {metric: open_runs, by: [store]}\n",
     "t.yaml:4: when.by: open_runs has no label \"store\", it has: none\n"},
    {"above: 1\nwhen: {metric: step_done, by: [step, step]}\n",
     "t.yaml:4: when.by: \"step\" is given twice\n"},
    {"above: 1\nwhen: {metric: failures, by: [cause, step, workflow, cause]}\n",
     "t.yaml:4: when.by: more than 3 labels\n"},
    {"above: 1\nwhen: {metric: step_done, where: {store: '1'}}\n",
     "t.yaml:4: when.where: step_done has no label \"store\", it has: step, workflow\n"},
    {"above: 1\nwhen: {metric: step_done, where: {step: ''}}\n",
     "t.yaml:4: when.where.step: a value has 1 to 2048 bytes\n"},
    {"above: 1\nwhen: {metric: step_done, where: {a: 1, b: 1, c: 1, d: 1, e: 1}}\n",
     "t.yaml:4: when.where: more than 4 labels\n"},
    {"above: 1\nwhen: {metric: step_done, where: {workflow: sale-postin}}\n",
     "t.yaml:4: when.where.workflow: there is no workflow \"sale-postin\", did you mean "
     "\"sale-posting\"?\n"},
    {"above: 1\nwhen: {metric: step_done, where: {workflow: sale-posting, step: picked}}\n",
     "t.yaml:4: when.where.step: there is no step \"picked\"\n"},
    {"above: 1\nwhen: {metric: step_done, where: {step: pickt}}\n",
     "t.yaml:4: when.where.step: there is no step \"pickt\", did you mean \"picked\"?\n"},
    {"above: 1\nwhen: {metric: system_failed, where: {system: epr}}\n",
     "t.yaml:4: when.where.system: there is no system \"epr\", did you mean \"erp\"?\n"},
    {"above: 1\nwhen: {metric: failures, where: {cause: throtled}}\n",
     "t.yaml:4: when.where.cause: there is no cause \"throtled\", did you mean "
     "\"throttled\"?\n"},
    {"above: 1\nwhen: {metric: objective_burn, where: {window: 7d}}\n",
     "t.yaml:4: when.where.window: there is no window \"7d\", did you mean \"1d\"?\n"},
    {"above: 1\nwhen: {metric: objective_rule, where: {rule: quick}}\n",
     "t.yaml:4: when.where.rule: there is no rule \"quick\"\n"},
    {"above: 1\nwhen: {metric: step_done, over: 15s}\n",
     "t.yaml:4: when.over: 15 s is no multiple of 10 s, which series are kept in\n"},
    {"above: 1\nwhen: {metric: store_silent, over: 50s}\n",
     "t.yaml:4: when.over: 50 s is less than 60 s, after which store_silent has its next "
     "value\n"},
    {"above: 1\nwhen: {metric: step_done, over: 6h1s}\n",
     "t.yaml:4: when.over: \"6h1s\" is not a whole number of s, a suffix like 20ms, 5s, "
     "10min, 2h, 35d is understood\n"},
    {"above: 1\nwhen: {metric: step_done, over: 21610s}\n",
     "t.yaml:4: when.over: 21610s is out of range, allowed are 0 to 21600 s\n"},
    {"above: 1\nwhen: {metric: step_done, take: max}\n",
     "t.yaml:4: when.take: step_done counts, and is summed over the time\n"},
    {"above: 1\nwhen: {metric: step_done}\nshare-of: {metric: open_runs}\n",
     "t.yaml:5: share-of.metric: open_runs and step_done: one counts, the other does not\n"},
    {"above: 1\nwhen: {metric: step_done, by: step}\nshare-of: {metric: received}\n",
     "t.yaml:5: share-of: received has no label \"step\", it has: none\n"},
    {"above: 1\nwhen: {metric: step_done}\nshare-of: {metric: received}\nshare-of-usual: "
     "true\n",
     "t.yaml:1: rules: either share-of or share-of-usual\n"},
    {"above: 1\nshare-of-usual: true\nwhen: {metric: failures, by: [cause, system]}\n",
     "t.yaml:4: rules.share-of-usual: not by \"system\", which failures does not have\n"},
    {"above: 1\nwhen: {metric: objective_bad, by: system}\n",
     "t.yaml:4: when.by: objective_bad has no label \"system\", it has: objective\n"},
    {"above: 1\nshare-of-usual: true\n" AGE,
     "t.yaml:4: rules.share-of-usual: step_oldest_age does not count\n"},
    {"above: 1\nfor: 8d\n" AGE,
     "t.yaml:4: rules.for: 8d is out of range, allowed are 0 to 604800 s\n"},
    {"above: 1\nno-data-for: 5s\n" AGE,
     "t.yaml:4: rules.no-data-for: 5s is out of range, allowed are 10 to 604800 s\n"},
    {"above: 1\nhours: {times: ['9-17']}\n" AGE,
     "t.yaml:4: hours.times: \"9-17\" is no time such as 08:00-22:00, 00:00 to 24:00\n"},
    {"above: 1\nlabels: {severity: high}\n" AGE,
     "t.yaml:4: rules.labels: the rule itself says \"severity\"\n"},
    {"above: 1\nlabels: {step: high}\n" AGE,
     "t.yaml:4: rules.labels: the rule itself says \"step\"\n"},
    {"above: 1\nlabels: {a-b: high}\n" AGE,
     "t.yaml:4: rules.labels: \"a-b\" is no label, use letters, digits and _\n"},
    {"above: 1\nlabels: {a: ''}\n" AGE,
     "t.yaml:4: rules.labels.a: a value has 1 to 2048 bytes without control characters\n"},
    {"above: 1\nsummary: '{{store}} is {{value}'\n" AGE,
     "t.yaml:4: rules.summary: the rule has nothing to put for {{store}}; it has value, "
     "threshold, title, and the labels of its alerts\n"
     "t.yaml:4: rules.summary: the rule has nothing to put for {{{{value}}}; it has value, "
     "threshold, title, and the labels of its alerts\n"},
    {"above: 1\ndescription: '{{}}'\n" AGE,
     "t.yaml:4: rules.description: the rule has nothing to put for {{}}; it has value, "
     "threshold, title, and the labels of its alerts\n"},
    {"above: 1\nsummary: \"a\\nb\"\n" AGE,
     "t.yaml:4: rules.summary: it is empty, or has control characters\n"},
    {"above: 1\nsummary: '{{workflow}} {{system}}'\nwhen: {metric: system_failed}\n",
     "t.yaml:4: rules.summary: the rule has nothing to put for {{system}}; it has value, "
     "threshold, title, and the labels of its alerts\n"
     "t.yaml:4: rules.summary: the rule has nothing to put for {{workflow}}; it has value, "
     "threshold, title, and the labels of its alerts\n"},
    {"above: 1\nrunbook: Queue\n" AGE,
     "t.yaml:4: rules.runbook: \"Queue\" is not a name, use 1 to 63 of a-z, 0-9 and -, which "
     "stands inside only\n"},
    {"above: 1\nlevel: 2\n" AGE, "t.yaml:4: rules: unknown key \"level\"\n"},
};

static void rules_parse__faults__are_told_with_their_lines(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(fault_cases) / sizeof(fault_cases[0]); i++) {
        char yaml[1024];
        (void)snprintf(yaml, sizeof(yaml), RULE("%s"), fault_cases[i].body);
        rules_kit_refused(&kit, yaml, fault_cases[i].faults);
    }
}

static void rules_parse__faults_of_several_rules__are_told_at_once(void **state)
{
    (void)state;
    rules_kit_refused(&kit,
                      "rules:\n"
                      "  - {alert: 9a, severity: info, above: 1, when: {metric: received}}\n"
                      "  - {severity: info}\n"
                      "  - {alert: A, above: 1, when: {metric: received}}\n"
                      "  - {alert: B, severity: info, above: 1, when: {metric: received}}\n"
                      "  - {alert: B, severity: loud, above: 1, when: {metric: received}}\n"
                      "  - 7\n",
                      "t.yaml:2: rules.alert: \"9a\" is no name, use a letter, then at most 63 "
                      "letters, digits and _\n"
                      "t.yaml:3: rules: the key \"alert\" is missing\n"
                      "t.yaml:4: rules: the key \"severity\" is missing\n"
                      "t.yaml:6: rules.alert: \"B\" is there already (t.yaml:5)\n"
                      "t.yaml:6: rules.severity: \"loud\" is none of: critical warning info\n"
                      "t.yaml:7: rules: a map of keys and values is expected\n");
    rules_kit_refused(&kit, "rules: {a: b}\n", "t.yaml:1: rules: a list of rules is expected\n");
    rules_kit_refused(&kit, "rule: []\n",
                      "t.yaml:1: alert-rules: the key \"rules\" is missing\n"
                      "t.yaml:1: alert-rules: unknown key \"rule\", did you mean \"rules\"?\n");
}

static void rules_parse__bounds__hold_at_their_edges(void **state)
{
    (void)state;
    char name[80];
    char yaml[4096];
    memset(name, 'a', sizeof(name));
    static const struct {
        const char *key;
        int most;
        const char *fault;
    } texts[] = {
        {"title", 120, "t.yaml:1: rules.title: longer than 120 bytes\n"},
        {"about", 1000, "t.yaml:1: rules.about: longer than 1000 bytes\n"},
        {"owner", 120, "t.yaml:1: rules.owner: longer than 120 bytes\n"},
        {"summary", TW_RULE_SUMMARY_MAX, "t.yaml:1: rules.summary: longer than 500 bytes\n"},
        {"description", TW_RULE_TEXT_MAX, "t.yaml:1: rules.description: longer than 2000 bytes\n"},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        for (int more = 0; more <= 1; more++) {
            (void)snprintf(yaml, sizeof(yaml),
                           "{alert: A, severity: info, above: 1, when: {metric: received}, %s: "
                           "%0*d}",
                           texts[i].key, texts[i].most + more, 7);
            if (more == 1) {
                rules_kit_refused(&kit, yaml, texts[i].fault);
            } else {
                const struct tw_rules *set = rules_kit_taken(&kit, yaml);
                tw_rules_unref(&set);
            }
        }
    }
    for (int len = 64; len <= 65; len++) {
        char *told = NULL;
        const struct tw_rules *set = NULL;
        (void)snprintf(yaml, sizeof(yaml),
                       "{alert: %.*s, severity: info, above: 1, when: {metric: received}}", len,
                       name);
        assert_int_equal(rules_kit_parse(&kit, yaml, &told, &set), len == 64 ? TW_OK : TW_ECONFIG);
        free(told);
        tw_rules_unref(&set);
    }
    for (size_t count = TW_RULE_LABELS_MAX; count <= TW_RULE_LABELS_MAX + 1; count++) {
        size_t len = (size_t)snprintf(yaml, sizeof(yaml), RULE("above: 1\n" AGE "labels:\n"));
        for (size_t i = 0; i < count; i++) {
            len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "  l%zu: x\n", i);
        }
        if (count == TW_RULE_LABELS_MAX) {
            const struct tw_rules *set = rules_kit_taken(&kit, yaml);
            assert_int_equal(set->items[0].label_count, TW_RULE_LABELS_MAX);
            tw_rules_unref(&set);
        } else {
            rules_kit_refused(&kit, yaml, "t.yaml:6: rules.labels: more than 16\n");
        }
    }
}

static void rules_parse__a_thousand_rules__are_the_most(void **state)
{
    (void)state;
    char *yaml = NULL;
    size_t len = 0;
    for (int count = TW_RULES_MAX; count <= TW_RULES_MAX + 1; count++) {
        FILE *out = open_memstream(&yaml, &len);
        (void)fputs("rules:\n", out);
        for (int i = 0; i < count; i++) {
            (void)fprintf(out,
                          "  - {alert: A%d, severity: info, above: 1, when: {metric: received}}"
                          "\n",
                          i);
        }
        (void)fclose(out);
        if (count == TW_RULES_MAX) {
            const struct tw_rules *set = rules_kit_taken(&kit, yaml);
            assert_int_equal(set->count, TW_RULES_MAX);
            tw_rules_unref(&set);
        } else {
            rules_kit_refused(&kit, yaml,
                              "t.yaml:1002: rules: more than 1000, all files together\n");
        }
        free(yaml);
    }
}

static void rules_parse__text__is_that_of_the_rule_alone(void **state)
{
    (void)state;
    const struct tw_rules *set = rules_kit_taken(
        &kit, "# head\nrules:\n"
              "  # of A\n"
              "  - alert: A   # übersetzt\n"
              "    severity: info\n\n"
              "    when:\n"
              "      metric: received\n"
              "    above: 1\n"
              "    # inside\n"
              "  # of B\n\n"
              "  - {alert: B, severity: info, above: 1, when: {metric: received}} # tail\n"
              "  - {title: äöü, alert: C, severity: info, above: 1,\n"
              "     when: {metric: received}}\n");
    assert_string_equal(set->items[0].text, "alert: A   # übersetzt\nseverity: info\n\nwhen:\n"
                                            "  metric: received\nabove: 1\n# inside\n");
    assert_string_equal(set->items[1].text,
                        "{alert: B, severity: info, above: 1, when: {metric: received}}\n");
    assert_string_equal(set->items[2].text,
                        "{title: äöü, alert: C, severity: info, above: 1,\n when: {metric: "
                        "received}}\n");
    for (size_t i = 0; i < set->count; i++) { /* it can be given back */
        const struct tw_rules *again = rules_kit_taken(&kit, set->items[i].text);
        assert_string_equal(again->items[0].name, set->items[i].name);
        tw_rules_unref(&again);
    }
    tw_rules_unref(&set);
}

static void rules_parse__no_data_of_a_series_that_is_never_missing__is_a_note(void **state)
{
    (void)state;
    const struct tw_rules *set =
        rules_kit_taken(&kit, RULE("above: 1\nno-data: alert\nwhen: {metric: received}\n"));
    assert_int_equal(set->note_count, 1);
    assert_string_equal(set->notes[0], "t.yaml:4: rules.no-data: received is 0 when nothing is "
                                       "written, it is never missing");
    tw_rules_unref(&set);
    set = rules_kit_taken(&kit, RULE("above: 1\nno-data: alert\nwhen: {metric: system_silent}\n"));
    assert_int_equal(set->note_count, 0);
    tw_rules_unref(&set);
}

static void rules_parse__empty_files__have_no_rules(void **state)
{
    (void)state;
    static const char *const empty[] = {"", "# nothing\n", "---\n", "~\n", "rules: []\n"};
    for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
        const struct tw_rules *set = rules_kit_taken(&kit, empty[i]);
        assert_int_equal(set->count, 0);
        tw_rules_unref(&set);
    }
}

static void rules_load__out_of_memory__is_told_and_leaks_nothing(void **state)
{
    (void)state;
    const char *yaml = "name: g\nrules:\n"
                       "  - {alert: A, severity: info, above: 1, labels: {a: b}, hours: {times: "
                       "['01:00-02:00']}, when: {metric: step_failed, where: {workflow: "
                       "sale-posting}, by: [step]}, share-of: {metric: step_done}, runbook: gone}\n"
                       "  - {alert: B, severity: info, burn: {rule: fast}}\n"
                       "  - {alert: C, enabled: false}\n";
    int rc = TW_ENOMEM;
    for (size_t failing = 1; rc != TW_OK; failing++) {
        const struct tw_rules *set = NULL;
        assert_in_range(failing, 1, 10000);
        alloc_count = 0;
        alloc_failing = failing;
        rc = tw_rules_parse(kit.cfg, kit.workflows, "t.yaml", tw_str_of(yaml), NULL, &set);
        alloc_failing = 0;
        assert_true(rc == TW_OK || rc == TW_ENOMEM);
        assert_true((rc == TW_OK) == (set != NULL));
        tw_rules_unref(&set);
    }
}

static void rules_ref__sets__live_until_the_last_has_gone(void **state)
{
    (void)state;
    const struct tw_rules *set = rules_kit_taken(&kit, RULE("above: 1\n" AGE));
    const struct tw_rules *other = tw_rules_ref(set);
    tw_rules_unref(&set);
    assert_null(set);
    assert_string_equal(other->items[0].name, "Test");
    tw_rules_unref(&other);
    tw_rules_unref(&other);
    tw_rules_unref(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_parse__every_key__is_in_the_rule),
        cmocka_unit_test(rules_parse__little__has_defaults),
        cmocka_unit_test(rules_parse__limits__are_in_the_unit_of_the_rule),
        cmocka_unit_test(rules_parse__burn__stands_for_its_series),
        cmocka_unit_test(rules_parse__by_system__is_known_of_steps),
        cmocka_unit_test(rules_parse__burn_that_can_never_fire__is_a_note),
        cmocka_unit_test(rules_parse__faults__are_told_with_their_lines),
        cmocka_unit_test(rules_parse__faults_of_several_rules__are_told_at_once),
        cmocka_unit_test(rules_parse__bounds__hold_at_their_edges),
        cmocka_unit_test(rules_parse__a_thousand_rules__are_the_most),
        cmocka_unit_test(rules_parse__text__is_that_of_the_rule_alone),
        cmocka_unit_test(rules_parse__no_data_of_a_series_that_is_never_missing__is_a_note),
        cmocka_unit_test(rules_parse__empty_files__have_no_rules),
        cmocka_unit_test(rules_load__out_of_memory__is_told_and_leaks_nothing),
        cmocka_unit_test(rules_ref__sets__live_until_the_last_has_gone),
    };
    return cmocka_run_group_tests_name("rules", tests, set_up, tear_down);
}
