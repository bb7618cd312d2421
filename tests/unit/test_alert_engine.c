/* SPDX-License-Identifier: Apache-2.0
 * What alerts are called, other rules, restarts, limits, and memory that runs out. */
#include "config.h"
#include "alert_kit.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "alloc_kit.h"

#define W "step_waiting"
#define P "{'step':'posted','workflow':'sale'}"
#define A "{'step':'acked','workflow':'sale'}"

static char by_step[] = "step";
static char by_workflow[] = "workflow";
static char by_objective[] = "objective";
static char by_store[] = "store";

/* ---- names ----------------------------------------------------------------------------------- */

/* A workflow "sale" of finance with the step "posted" in erp and an objective of its own. */
static struct tw_workflows *workflows_of_a_sale(void)
{
    static char sale[] = "sale";
    static char finance[] = "finance";
    static char posted[] = "posted";
    static char erp[] = "erp";
    static char in_time[] = "in-time";
    static char complete[] = "complete";
    static char budget[] = "controlling";
    static struct tw_wf_step step;
    static struct tw_wf_objective objectives[2];
    static struct tw_workflow workflow;
    static struct tw_workflows set;
    step = (struct tw_wf_step){.name = posted, .system = erp};
    objectives[0] = (struct tw_wf_objective){.name = in_time};
    objectives[1] = (struct tw_wf_objective){.name = complete, .owner = budget};
    workflow = (struct tw_workflow){.name = sale,
                                    .owner = finance,
                                    .steps = &step,
                                    .step_count = 1,
                                    .objectives = objectives,
                                    .objective_count = 2};
    set = (struct tw_workflows){.items = &workflow, .count = 1};
    return &set;
}

/* All labels of the alert that this feeds. */
static void expect_labels(struct alert_kit *kit, const char *metric, const char *labels,
                          const char *expected)
{
    struct tw_arena arena;
    tw_arena_init(&arena, 1 << 20);
    kit_begin(kit);
    kit_run(kit, metric, labels, 11, 1);
    assert_int_equal(tw_engine_count(kit->engine), 1);
    struct tw_alert alert;
    tw_engine_get(kit->engine, 0, &alert);
    struct tw_str json = TW_STR_NULL;
    assert_int_equal(tw_labels_json(&arena, &alert.labels, &json), TW_OK);
    assert_string_equal(json.ptr, expected);
    assert_true(alert.fingerprint == tw_labels_fingerprint(&alert.labels));
    tw_engine_destroy(&kit->engine);
    tw_arena_fini(&arena);
}

static void engine__alert_of_a_step__has_its_system_and_its_owner(void **state)
{
    (void)state;
    struct alert_kit kit;
    kit_init(&kit);
    kit.workflows = workflows_of_a_sale();
    struct tw_rule *rule = &kit.rules[0];
    rule->by[rule->by_count++] = by_workflow;
    rule->by[rule->by_count++] = by_step;
    expect_labels(&kit, W, P,
                  "{\"alertname\":\"A\",\"owner\":\"finance\",\"severity\":\"critical\","
                  "\"step\":\"posted\",\"system\":\"erp\",\"workflow\":\"sale\"}");
    rule->severity = TW_SEVERITY_INFO; /* a step that nobody defines */
    expect_labels(&kit, W, "{'step':'lost','workflow':'sale'}",
                  "{\"alertname\":\"A\",\"owner\":\"finance\",\"severity\":\"info\","
                  "\"step\":\"lost\",\"workflow\":\"sale\"}");
    expect_labels(&kit, W, "{'step':'posted','workflow':'lost'}",
                  "{\"alertname\":\"A\",\"owner\":\"integration\",\"severity\":\"info\","
                  "\"step\":\"posted\",\"workflow\":\"lost\"}");
}

static void engine__conditions_of_a_rule__say_what_it_is_about(void **state)
{
    (void)state;
    struct alert_kit kit;
    kit_init(&kit);
    kit.workflows = workflows_of_a_sale();
    kit_where(&kit.rules[0].when, "workflow", "sale");
    kit_where(&kit.rules[0].when, "step", "posted");
    expect_labels(&kit, W, P,
                  "{\"alertname\":\"A\",\"owner\":\"finance\",\"severity\":\"critical\","
                  "\"system\":\"erp\",\"workflow\":\"sale\"}");
}

static void engine__alert_of_an_objective__has_its_workflow_and_its_owner(void **state)
{
    (void)state;
    struct alert_kit kit;
    kit_init(&kit);
    kit.set.count = 0;
    kit.workflows = workflows_of_a_sale();
    struct tw_rule *rule = kit_rule(&kit, "objective_rule");
    rule->by[rule->by_count++] = by_objective;
    kit_where(&rule->when, "rule", "fast");
    expect_labels(&kit, "objective_rule", "{'objective':'in-time','rule':'fast'}",
                  "{\"alertname\":\"A\",\"objective\":\"in-time\",\"owner\":\"finance\","
                  "\"severity\":\"critical\",\"workflow\":\"sale\"}");
    expect_labels(&kit, "objective_rule", "{'objective':'complete','rule':'fast'}",
                  "{\"alertname\":\"A\",\"objective\":\"complete\",\"owner\":\"controlling\","
                  "\"severity\":\"critical\",\"workflow\":\"sale\"}");
}

static void engine__words_of_the_rule__come_before_those_of_definitions(void **state)
{
    (void)state;
    static char owner[] = "shop";
    static char team[] = "team";
    static char pos[] = "pos";
    static char system_name[] = "system";
    static char dock[] = "dock";
    static char step[] = "step";
    struct alert_kit kit;
    kit_init(&kit);
    kit.workflows = workflows_of_a_sale();
    struct tw_rule *rule = &kit.rules[0];
    rule->owner = owner;
    rule->by[rule->by_count++] = by_workflow;
    rule->by[rule->by_count++] = by_step;
    rule->labels[0] = (struct tw_rule_label){team, pos};
    rule->labels[1] = (struct tw_rule_label){system_name, dock};
    rule->labels[2] = (struct tw_rule_label){step, dock}; /* it stands for another one */
    rule->label_count = 3;
    expect_labels(
        &kit, W, P,
        "{\"alertname\":\"A\",\"owner\":\"shop\",\"severity\":\"critical\","
        "\"step\":\"posted\",\"system\":\"dock\",\"team\":\"pos\",\"workflow\":\"sale\"}");
}

static void engine__labels_that_cannot_be__are_a_fault_of_the_rule(void **state)
{
    (void)state;
    static char bad[] = "not a name";
    static char word[] = "x";
    struct alert_kit kit;
    kit_init(&kit);
    kit.rules[0].labels[0] = (struct tw_rule_label){bad, word};
    kit.rules[0].label_count = 1;
    kit_begin(&kit);
    kit_run(&kit, W, P, 11, 2);
    kit_expect(&kit, "");
    struct tw_rule_view view;
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_ERROR);
    assert_non_null(strstr(view.detail, "labels"));
    kit_fini(&kit);
}

static void engine__points_that_are_none__are_refused(void **state)
{
    (void)state;
    struct alert_kit kit;
    kit_init(&kit);
    kit_begin(&kit);
    struct tw_engine *engine = kit.engine;
    struct tw_str metric = TW_STR_LIT(W);
    struct tw_str labels = TW_STR_LIT("{}");
    assert_int_equal(tw_engine_feed(engine, metric, TW_STR_LIT("{"), KIT_START, 10, 1), TW_EINVAL);
    assert_int_equal(tw_engine_feed(engine, metric, labels, -10, 10, 1), TW_EINVAL);
    assert_int_equal(tw_engine_feed(engine, metric, labels, INT64_MAX, 10, 1), TW_EINVAL);
    assert_int_equal(tw_engine_feed(engine, metric, labels, KIT_START, -1, 1), TW_EINVAL);
    assert_int_equal(tw_engine_feed(engine, metric, labels, KIT_START, 86401, 1), TW_EINVAL);
    assert_int_equal(tw_engine_feed(engine, metric, labels, KIT_START, 10, (double)NAN), TW_EINVAL);
    /* Nobody looks at these. */
    assert_int_equal(tw_engine_feed(engine, TW_STR_LIT("step_done"), labels, KIT_START, 10, 1),
                     TW_OK);
    assert_int_equal(tw_engine_feed(engine, TW_STR_LIT("nothing"), labels, KIT_START, 10, 1),
                     TW_OK);
    assert_true(tw_engine_wants(engine, metric));
    assert_false(tw_engine_wants(engine, TW_STR_LIT("step_done")));
    assert_false(tw_engine_wants(engine, TW_STR_LIT("nothing")));
    kit_fini(&kit);
}

static void engine__disabled_rule__looks_at_nothing(void **state)
{
    (void)state;
    struct alert_kit kit;
    kit_init(&kit);
    kit.rules[0].is_enabled = false;
    kit_begin(&kit);
    assert_false(tw_engine_wants(kit.engine, TW_STR_LIT(W)));
    kit_run(&kit, W, P, 11, 1);
    kit_expect(&kit, "");
    struct tw_alert alert = {.state = TW_ALERT_FIRING};
    assert_int_equal(tw_engine_restore(kit.engine, TW_STR_LIT("A"), &alert), TW_ENOTFOUND);
    kit_fini(&kit);
}

static void engine__states__have_names(void **state)
{
    (void)state;
    assert_string_equal(tw_alert_state_name(TW_ALERT_INACTIVE), "inactive");
    assert_string_equal(tw_alert_state_name(TW_ALERT_PENDING), "pending");
    assert_string_equal(tw_alert_state_name(TW_ALERT_FIRING), "firing");
    assert_string_equal(tw_alert_state_name(TW_ALERT_RESOLVED), "resolved");
    assert_string_equal(tw_rule_state_name(TW_RULE_OK), "ok");
    assert_string_equal(tw_rule_state_name(TW_RULE_NO_DATA), "nodata");
    assert_string_equal(tw_rule_state_name(TW_RULE_ERROR), "error");
}

/* ---- other rules ----------------------------------------------------------------------------- */

/* The rules of another kit are in force from now on. */
static void change(struct alert_kit *kit, struct alert_kit *next)
{
    assert_int_equal(tw_engine_change(kit->engine, &next->set, next->workflows), TW_OK);
}

static void engine__other_rules__alerts_of_the_same_name_and_labels_go_on(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct alert_kit next;
    kit_init(&kit);
    kit.is_quiet = true;
    kit.rules[0].by[kit.rules[0].by_count++] = by_step;
    kit.rules[0].for_s = 60;
    kit_init(&next);
    next.rules[0] = kit.rules[0];
    next.rules[0].threshold = 5;
    next.rules[0].keep_s = 30;
    kit_begin(&kit);
    kit_run(&kit, W, P, 11, 7);
    kit_run(&kit, W, A, 11, 0);
    kit_feed(&kit, W, A, 11);
    kit_run(&kit, W, P, 11, 1);
    kit_expect(&kit, "+10 pending A{step=posted} 11\n+70 firing A{step=posted} 11\n"
                     "+80 pending A{step=acked} 11\n");
    change(&kit, &next);
    assert_int_equal(tw_engine_count(kit.engine), 2);
    for (int i = 0; i < 6; i++) {
        kit_feed(&kit, W, A, 6);
        kit_run(&kit, W, P, 6, 1); /* above the new threshold */
    }
    kit_expect(&kit, "+140 firing A{step=acked} 6\n");
    kit_feed(&kit, W, A, 6);
    kit_run(&kit, W, P, 1, 1);
    for (int i = 0; i < 3; i++) {
        kit_feed(&kit, W, A, 6);
        kit_run(&kit, W, P, 1, 1);
    }
    kit_expect(&kit, "+180 resolved A{step=posted} 1\n");
    kit_fini(&kit);
}

static void engine__rule_that_went__its_alerts_end_with_the_next_tick(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct alert_kit next;
    kit_init(&kit);
    struct tw_rule *other = kit_rule(&kit, W);
    other->for_s = 600;
    kit.is_quiet = true;
    kit_init(&next);
    static char name[] = "New";
    next.rules[0].name = name;
    kit_begin(&kit);
    kit_run(&kit, W, P, 11, 1);
    kit_expect(&kit, "+10 firing A{} 11\n+10 pending B{} 11\n");
    change(&kit, &next);
    assert_int_equal(tw_engine_count(kit.engine), 2);
    change(&kit, &next); /* and again, before a tick */
    kit_sleep(&kit, 1);  /* nothing closes while the tower does not run */
    kit_expect(&kit, "");
    kit_run(&kit, W, P, 11, 1);
    kit_expect(&kit, "+30 resolved A{} 11\n+30 dropped B{} 11\n+30 firing New{} 11\n");
    assert_int_equal(tw_engine_count(kit.engine), 1);
    kit_fini(&kit);
}

static void engine__rule_with_other_labels__is_another_alert(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct alert_kit next;
    kit_init(&kit);
    kit.is_quiet = true;
    kit_init(&next);
    next.rules[0].severity = TW_SEVERITY_WARNING;
    kit_begin(&kit);
    kit_run(&kit, W, P, 11, 1);
    struct tw_alert alert;
    tw_engine_get(kit.engine, 0, &alert);
    change(&kit, &next);
    kit_run(&kit, W, P, 11, 1);
    kit_expect(&kit, "+10 firing A{} 11\n+20 resolved A{} 11\n+20 firing A{} 11\n");
    assert_int_equal(tw_engine_restore(kit.engine, TW_STR_LIT("A"), &alert), TW_ENOTFOUND);
    assert_int_equal(tw_engine_restore(kit.engine, TW_STR_LIT("Z"), &alert), TW_ENOTFOUND);
    kit_fini(&kit);
}

static void engine__longer_window_after_a_change__sums_what_there_is(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct alert_kit next;
    kit_init(&kit);
    kit.set.count = 0;
    struct tw_rule *rule = kit_rule(&kit, "step_done");
    rule->is_above = false;
    rule->threshold = 1000;
    rule->over_s = 20;
    rule->when.join = TW_RULE_SUM;
    kit_init(&next);
    next.rules[0] = *rule;
    next.rules[0].over_s = 600;
    kit_begin(&kit);
    kit_run(&kit, "step_done", P, 1, 400); /* far more than it keeps */
    kit.log[0] = '\0';
    kit_feed(&kit, "step_done", P, 1);
    change(&kit, &next);
    kit_run(&kit, "step_done", P, 1, 1);
    struct tw_alert alert;
    tw_engine_get(kit.engine, 0, &alert);
    assert_true(alert.is_no_data); /* of a part of the window nobody knows: it is not too low */
    kit_run(&kit, "step_done", P, 1, 50);
    tw_engine_get(kit.engine, 0, &alert);
    assert_true(alert.is_no_data);
    kit_run(&kit, "step_done", P, 1, 2);
    tw_engine_get(kit.engine, 0, &alert);
    assert_false(alert.is_no_data);
    assert_true(alert.value > 53 && alert.value < 80);
    kit_fini(&kit);
}

static void engine__new_metric_after_a_change__is_not_too_low_at_once(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct alert_kit next;
    kit_init(&kit);
    kit_init(&next);
    struct tw_rule *rule = kit_rule(&next, "step_done");
    rule->is_above = false;
    rule->over_s = 100;
    kit_begin(&kit);
    kit_tick(&kit, 100);
    change(&kit, &next);
    kit_tick(&kit, 8);
    kit_expect(&kit, "");
    kit_tick(&kit, 1);
    kit_expect(&kit, "+1090 firing B{} 0\n");
    kit_fini(&kit);
}

static void engine__what_is_usual__stays_with_what_a_rule_measures(void **state)
{
    (void)state;
    double hours[TW_USUAL_HOURS];
    for (size_t i = 0; i < TW_USUAL_HOURS; i++) {
        hours[i] = 3600;
    }
    const struct tw_labels none = {0};
    for (int is_other = 0; is_other < 2; is_other++) {
        struct alert_kit kit;
        struct alert_kit next;
        kit_init(&kit);
        kit.set.count = 0;
        struct tw_rule *rule = kit_rule(&kit, "step_done");
        rule->is_usual_share = true;
        rule->is_above = false;
        rule->threshold = 0.5;
        kit_init(&next);
        next.rules[0] = *rule;
        if (is_other == 1) {
            kit_where(&next.rules[0].when, "step", "posted");
        }
        kit_begin(&kit);
        assert_int_equal(tw_engine_usual(kit.engine, rule, &none, hours), TW_OK);
        assert_int_equal(tw_engine_usual(kit.engine, &next.rules[0], &none, hours), TW_ENOTFOUND);
        change(&kit, &next);
        kit_tick(&kit, 1);
        kit_expect(&kit, is_other == 1 ? "" : "+10 firing A{} 0\n");
        kit_fini(&kit);
    }
}

/* ---- restarts -------------------------------------------------------------------------------- */

static void engine__restart_in_each_state__goes_on_as_it_was(void **state)
{
    (void)state;
    for (int at = 1; at < 30; at++) {
        struct alert_kit kit;
        kit_init(&kit);
        kit.is_quiet = true;
        kit.rules[0].for_s = 60;
        kit.rules[0].keep_s = 60;
        kit_begin(&kit);
        for (int i = 0; i < 30; i++) {
            if (i == at) {
                kit_restore(&kit);
            }
            kit_run(&kit, W, P, i < 10 ? 11 : 1, 1);
        }
        kit_expect(&kit, "+10 pending A{} 11\n+70 firing A{} 11\n+170 resolved A{} 1\n");
        kit_fini(&kit);
    }
}

static void engine__restored_twice__is_there_once(void **state)
{
    (void)state;
    struct alert_kit kit;
    kit_init(&kit);
    kit_begin(&kit);
    kit_run(&kit, W, P, 11, 1);
    struct tw_alert alert;
    tw_engine_get(kit.engine, 0, &alert);
    assert_int_equal(tw_engine_restore(kit.engine, TW_STR_LIT("A"), &alert), TW_OK);
    assert_int_equal(tw_engine_count(kit.engine), 1);
    kit_fini(&kit);
}

/* ---- limits ---------------------------------------------------------------------------------- */

static void feed_stores(struct alert_kit *kit, int from, int until, double value)
{
    for (int i = from; i < until; i++) {
        char labels[40];
        (void)snprintf(labels, sizeof labels, "{'store':'%d'}", i);
        kit_feed(kit, "store_waiting", labels, value);
    }
}

static size_t tick_count(struct alert_kit *kit)
{
    const struct tw_alert_change *changes = NULL;
    size_t count = 0;
    assert_int_equal(tw_engine_tick(kit->engine, kit->now_s, 10, true, &changes, &count), TW_OK);
    kit->now_s += 10;
    return count;
}

static void engine__more_alerts_than_can_be_open__are_an_error_until_there_is_room(void **state)
{
    (void)state;
    struct alert_kit kit;
    kit_init(&kit);
    kit.set.count = 0;
    struct tw_rule *rule = kit_rule(&kit, "store_waiting");
    rule->by[rule->by_count++] = by_store;
    kit_begin(&kit);
    feed_stores(&kit, 0, TW_ENGINE_INSTANCES_MAX, 11);
    assert_int_equal(tick_count(&kit), TW_ENGINE_INSTANCES_MAX);
    struct tw_rule_view view;
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_OK);
    feed_stores(&kit, TW_ENGINE_INSTANCES_MAX, TW_ENGINE_INSTANCES_MAX + 1, 11);
    assert_int_equal(tick_count(&kit), 0);
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_ERROR);
    assert_int_equal(view.firing, TW_ENGINE_INSTANCES_MAX);
    feed_stores(&kit, 0, 1, 1);
    assert_int_equal(tick_count(&kit), 2); /* one ends, the other begins */
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_OK);
    assert_int_equal(tw_engine_count(kit.engine), TW_ENGINE_INSTANCES_MAX);
    kit_fini(&kit);
}

static void engine__more_series_than_there_is_room_for__are_refused_and_told(void **state)
{
    (void)state;
    struct alert_kit kit;
    kit_init(&kit);
    kit.set.count = 0;
    struct tw_rule *rule = kit_rule(&kit, "store_waiting");
    rule->when.join = TW_RULE_SUM;
    kit_begin(&kit);
    feed_stores(&kit, 0, TW_ENGINE_SERIES_MAX, 1);
    assert_int_equal(tick_count(&kit), 1);
    struct tw_rule_view view;
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_OK);
    struct tw_str metric = TW_STR_LIT("store_waiting");
    struct tw_str labels = TW_STR_LIT("{\"store\":\"one more\"}");
    assert_int_equal(tw_engine_feed(kit.engine, metric, labels, kit.now_s, 10, 1), TW_ELIMIT);
    feed_stores(&kit, 0, 1, 2); /* those that are known go on */
    assert_int_equal(tick_count(&kit), 1);
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_ERROR);
    assert_non_null(strstr(view.detail, "series"));
    struct tw_alert alert;
    tw_engine_get(kit.engine, 0, &alert);
    assert_true(fabs(alert.value - (TW_ENGINE_SERIES_MAX + 1)) < 1e-9);
    kit_fini(&kit);
}

static void engine__series_that_was_silent_for_long__is_forgotten_unless_it_is_needed(void **state)
{
    (void)state;
    struct alert_kit kit;
    kit_init(&kit);
    kit.is_quiet = true;
    kit.rules[0].by[kit.rules[0].by_count++] = by_step;
    kit.rules[0].is_above = false;
    kit.rules[0].threshold = 1;
    kit_begin(&kit);
    kit_run(&kit, W, P, 5, 1);
    kit_tick(&kit, 1); /* nothing waits any more: somebody is told */
    kit_expect(&kit, "+20 firing A{step=posted} 0\n");
    kit_tick(&kit, TW_ENGINE_FORGET_ZERO_S / 10 + 1000);
    kit_expect(&kit, "");
    assert_int_equal(tw_engine_count(kit.engine), 1);
    kit_run(&kit, W, P, 5, 1);
    kit.log[0] = '\0';
    kit.rules[0].threshold = 0; /* from now on nobody is */
    struct tw_rule_view view;
    kit_tick(&kit, TW_ENGINE_FORGET_ZERO_S / 10 + 1000);
    kit.rules[0].threshold = 1;
    kit_tick(&kit, 1);
    kit_expect(&kit, ""); /* it is not known any more */
    tw_engine_rule(kit.engine, 0, &view);
    assert_int_equal(view.state, TW_RULE_OK);
    kit_run(&kit, W, P, 0, 1);
    assert_int_equal(tw_engine_count(kit.engine), 1);
    kit_fini(&kit);
}

/* ---- memory ---------------------------------------------------------------------------------- */

/* Does what must be done until it is: each call may fail for want of memory, and says so. */
#define AGAIN(call)                                      \
    for (int again_rc = TW_ENOMEM; again_rc != TW_OK;) { \
        again_rc = (call);                               \
        if (again_rc != TW_OK) {                         \
            assert_int_equal(again_rc, TW_ENOMEM);       \
            failed = true;                               \
        }                                                \
    }

static void add(struct alert_kit *kit, const struct tw_alert_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(kit->log);
        (void)snprintf(kit->log + len, sizeof kit->log - len, "%u:%016llx ",
                       (unsigned)changes[i].news, (unsigned long long)changes[i].alert.fingerprint);
    }
}

/* A short life with everything in it; false: no call failed. */
static bool live(struct alert_kit *kit, struct alert_kit *next)
{
    bool failed = false;
    double hours[TW_USUAL_HOURS] = {0};
    const struct tw_labels none = {0};
    const struct tw_alert_change *changes = NULL;
    size_t count = 0;
    kit->now_s = KIT_START;
    kit->log[0] = '\0';
    AGAIN(tw_engine_new(&kit->set, kit->workflows, &kit->engine));
    AGAIN(tw_engine_ran(kit->engine, KIT_START - 100, 10));
    AGAIN(tw_engine_usual(kit->engine, &kit->rules[2], &none, hours));
    for (int i = 0; i < 12; i++) {
        char step[64];
        (void)snprintf(step, sizeof step, "{\"step\":\"%d\"}", i % 5);
        AGAIN(tw_engine_feed(kit->engine, TW_STR_LIT(W), tw_str_of(step), kit->now_s, 10, 11));
        AGAIN(tw_engine_feed(kit->engine, TW_STR_LIT("objective_burn"),
                             TW_STR_LIT("{\"objective\":\"o\"}"), KIT_START, 10, 1));
        AGAIN(tw_engine_tick(kit->engine, kit->now_s, 10, i % 7 != 3, &changes, &count));
        add(kit, changes, count);
        kit->now_s += 10;
        if (i == 6) {
            AGAIN(tw_engine_change(kit->engine, &next->set, next->workflows));
        }
    }
    struct tw_engine *old = kit->engine;
    kit->engine = NULL;
    AGAIN(tw_engine_new(&next->set, next->workflows, &kit->engine));
    for (size_t i = 0; i < tw_engine_count(old); i++) {
        struct tw_alert alert;
        tw_engine_get(old, i, &alert);
        AGAIN(tw_engine_restore(kit->engine, tw_str_of(alert.rule->name), &alert));
    }
    AGAIN(tw_engine_tick(kit->engine, kit->now_s, 10, true, &changes, &count));
    add(kit, changes, count);
    tw_engine_destroy(&old);
    tw_engine_destroy(&kit->engine);
    return failed;
}

static void engine__memory_runs_out_anywhere__nothing_is_lost_and_nothing_told_twice(void **state)
{
    (void)state;
    struct alert_kit kit;
    struct alert_kit next;
    kit_init(&kit);
    kit.rules[0].by[kit.rules[0].by_count++] = by_step;
    struct tw_rule *rule = kit_rule(&kit, "objective_burn");
    rule->by[rule->by_count++] = by_objective;
    rule->no_data = TW_NO_DATA_ALERT;
    rule->no_data_for_s = 20;
    rule = kit_rule(&kit, "step_done");
    rule->is_usual_share = true;
    kit_rule(&kit, W)->for_s = 20;
    kit_init(&next);
    next.set.count = 3;
    memcpy(next.rules, kit.rules, sizeof kit.rules);
    next.rules[0].keep_s = 20;
    assert_false(live(&kit, &next));
    char expected[sizeof kit.log];
    memcpy(expected, kit.log, sizeof expected);
    assert_true(strlen(expected) > 200);
    bool failed = true;
    size_t n = 1;
    for (; failed; n++) {
        alloc_count = 0;
        alloc_failing = n;
        failed = live(&kit, &next);
        alloc_failing = 0;
        assert_string_equal(kit.log, expected);
    }
    assert_true(n > 60);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(engine__alert_of_a_step__has_its_system_and_its_owner),
        cmocka_unit_test(engine__conditions_of_a_rule__say_what_it_is_about),
        cmocka_unit_test(engine__alert_of_an_objective__has_its_workflow_and_its_owner),
        cmocka_unit_test(engine__words_of_the_rule__come_before_those_of_definitions),
        cmocka_unit_test(engine__labels_that_cannot_be__are_a_fault_of_the_rule),
        cmocka_unit_test(engine__points_that_are_none__are_refused),
        cmocka_unit_test(engine__disabled_rule__looks_at_nothing),
        cmocka_unit_test(engine__states__have_names),
        cmocka_unit_test(engine__other_rules__alerts_of_the_same_name_and_labels_go_on),
        cmocka_unit_test(engine__rule_that_went__its_alerts_end_with_the_next_tick),
        cmocka_unit_test(engine__rule_with_other_labels__is_another_alert),
        cmocka_unit_test(engine__longer_window_after_a_change__sums_what_there_is),
        cmocka_unit_test(engine__new_metric_after_a_change__is_not_too_low_at_once),
        cmocka_unit_test(engine__what_is_usual__stays_with_what_a_rule_measures),
        cmocka_unit_test(engine__restart_in_each_state__goes_on_as_it_was),
        cmocka_unit_test(engine__restored_twice__is_there_once),
        cmocka_unit_test(engine__more_alerts_than_can_be_open__are_an_error_until_there_is_room),
        cmocka_unit_test(engine__more_series_than_there_is_room_for__are_refused_and_told),
        cmocka_unit_test(engine__series_that_was_silent_for_long__is_forgotten_unless_it_is_needed),
        cmocka_unit_test(engine__memory_runs_out_anywhere__nothing_is_lost_and_nothing_told_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
