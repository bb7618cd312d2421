/* SPDX-License-Identifier: Apache-2.0
 * workflow/: what a definition says reaches its field; every check with its file:line; every limit
 * at its edge. Maintenance: test_workflow_maintenance.c. Versions: test_workflow_version.c. Files
 * and the pack: test_workflow_set.c. OpenSLO: test_workflow_openslo.c.
 */
#include "config.h"

#include "workflow_support.h"

static const char whole[] = WHOLE;

static void parse__every_key__reaches_its_field(void **state)
{
    (void)state;
    const struct tw_workflows *set = taken(whole);
    assert_int_equal(set->count, 1);
    const struct tw_workflow *w = &set->items[0];
    assert_string_equal(w->name, "sale");
    assert_string_equal(w->title, "Sale \xc3\xa9");
    assert_string_equal(w->owner, "finance");
    assert_int_equal(w->timing, TW_TIMING_NEAR_REAL_TIME);
    assert_int_equal(w->criticality, TW_DEFERRABLE);
    assert_true(w->is_financial);
    assert_string_equal(w->object, "transaction");
    assert_string_equal(w->text, whole);
    assert_string_equal(w->file, "w.yaml");
    assert_int_equal(w->line, 2);
    assert_true(w->version != 0);
    /* In an order in which `after` points back. */
    assert_int_equal(w->step_count, 3);
    assert_string_equal(w->steps[0].name, "sold");
    assert_string_equal(w->steps[1].name, "received");
    assert_string_equal(w->steps[2].name, "posted");
    assert_int_equal(w->starts, 1);
    assert_int_equal(w->steps[0].after, 0);
    assert_int_equal(w->steps[1].after, 1);
    assert_int_equal(w->steps[2].after, 3);
    assert_string_equal(w->steps[1].title, "received"); /* its name */
    assert_int_equal(w->steps[1].within_ns, 250 * MS);
    assert_int_equal(w->steps[1].each, TW_EACH_ONCE);
    assert_null(w->steps[1].when);
    const struct tw_wf_step *posted = &w->steps[2];
    assert_int_equal(posted->line, 10);
    assert_string_equal(posted->system, "erp");
    assert_int_equal(posted->done_count, 2);
    assert_string_equal(posted->done[0].event, "com.x.posted");
    assert_false(posted->done[0].is_prefix);
    assert_string_equal(posted->done[1].event, "com.y.");
    assert_true(posted->done[1].is_prefix);
    assert_int_equal(posted->done[1].where_count, 3); /* by name */
    assert_string_equal(posted->done[1].where[0].attribute, "channel");
    assert_int_equal(posted->done[1].where[0].kind, TW_WHERE_EQUALS);
    assert_string_equal(posted->done[1].where[0].value, "web");
    assert_int_equal(posted->done[1].where[1].kind, TW_WHERE_ABSENT);
    assert_int_equal(posted->done[1].where[2].kind, TW_WHERE_PRESENT);
    assert_string_equal(posted->failure[0].event, "com.x.rejected");
    assert_string_equal(posted->compensation[0].event, "com.x.reversed");
    assert_int_equal(posted->within_ns, 3600 * S);
    assert_true(posted->is_optional && posted->is_destination);
    assert_string_equal(posted->when, "customerref");
    assert_int_equal(posted->each, TW_EACH_STORE);
    assert_string_equal(posted->authority, "crm");
    assert_string_equal(posted->runbook, "erp-posting-rejection");
    tw_workflows_unref(&set);
}

static void parse__objectives__reach_their_fields(void **state)
{
    (void)state;
    const struct tw_workflows *set = taken(whole);
    const struct tw_workflow *w = &set->items[0];
    assert_int_equal(w->objective_count, 4);
    const struct tw_wf_objective *o = &w->objectives[0];
    assert_string_equal(o->name, "in-time");
    assert_string_equal(o->title, "In time");
    assert_string_equal(o->owner, "other");
    assert_int_equal(o->kind, TW_OBJECTIVE_LATENCY);
    assert_int_equal(o->step, 2);
    assert_int_equal(o->from, 1);
    assert_int_equal(o->within_ns, 90 * S);
    assert_int_equal(o->target_ppm, 995000);
    assert_int_equal(o->window, TW_WINDOW_ROLLING);
    assert_int_equal(o->window_ns, INT64_C(28) * 86400 * S);
    assert_null(o->timezone);
    o = &w->objectives[1];
    assert_int_equal(o->kind, TW_OBJECTIVE_COMPLETION);
    assert_string_equal(o->title, "all");
    assert_null(o->owner);
    assert_int_equal(o->step, -1);
    assert_int_equal(o->from, -1);
    assert_int_equal(o->target_ppm, 999999);
    assert_int_equal(o->window, TW_WINDOW_MONTH);
    assert_int_equal(o->window_ns, 0);
    assert_string_equal(o->timezone, "Europe/Berlin");
    o = &w->objectives[2];
    assert_int_equal(o->kind, TW_OBJECTIVE_FRESHNESS);
    assert_int_equal(o->step, 1);
    assert_int_equal(o->window_ns, INT64_C(30) * 86400 * S); /* not given */
    o = &w->objectives[3];
    assert_int_equal(o->kind, TW_OBJECTIVE_COMPLETENESS);
    assert_int_equal(o->target_ppm, 1);
    assert_int_equal(o->window, TW_WINDOW_WEEK);
    tw_workflows_unref(&set);
    assert_null(set);
    tw_workflows_unref(&set);
    tw_workflows_unref(NULL);
}

/* ---- faults ---- */

static void parse__keys_that_do_not_exist_or_are_missing__are_named(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {HEAD "objectivs: 1\n",
         "w.yaml:7: workflow: unknown key \"objectivs\", did you mean \"objectives\"?\n"},
        {HEAD "  - {name: b, system: erp, event: e.b, after: a, withn: 5s}\n",
         "w.yaml:7: steps: unknown key \"withn\", did you mean \"within\"?\n"},
        {HEAD "  - {name: b, system: erp, event: {typ: e.b}, after: a}\n",
         "w.yaml:7: event: the key \"type\" is missing\n"
         "w.yaml:7: event: unknown key \"typ\", did you mean \"type\"?\n"},
        {"name: w\n", "w.yaml:1: workflow: the key \"object\" is missing\n"
                      "w.yaml:1: workflow: the key \"owner\" is missing\n"
                      "w.yaml:1: workflow: the key \"steps\" is missing\n"
                      "w.yaml:1: workflow: the key \"timing\" is missing\n"},
        {HEAD "  - {title: x}\n", "w.yaml:7: steps: the key \"event\" is missing\n"
                                  "w.yaml:7: steps: the key \"name\" is missing\n"
                                  "w.yaml:7: steps: the key \"system\" is missing\n"},
        {HEAD "name: v\n", "w.yaml:7: the key \"name\" is given twice (first in line 1)\n"},
        {HEAD "  - {name: A, system: pos, event: e.b, after: a}\n",
         "w.yaml:7: steps.name: \"A\" is not a name, use 1 to 32 of a-z, 0-9 and -\n"},
        {HEAD "  - 5\n", "w.yaml:7: steps: a map of keys and values is expected\n"},
        {"[1]\n", "w.yaml:1: a map is expected, such as \"name: sale-posting\"\n"},
        {"a: b\n---\nc: d\n", "w.yaml:1: a workflow has a file of its own\n"
                              "w.yaml:3: a workflow has a file of its own\n"},
        {"name: w-\nowner: o\ntiming: slow\nobject: order\nsteps: []\n",
         "w.yaml:1: workflow.name: \"w-\" is not a name, use 1 to 63 of a-z, 0-9 and -, which "
         "stands inside only\n"
         "w.yaml:3: workflow.timing: \"slow\" is none of: checkout sub-minute near-real-time "
         "queued batch\n"
         "w.yaml:5: steps: at least one is needed\n"},
        {"name: w\nowner: o\ntiming: batch\nobject: order\nsteps: {}\n",
         "w.yaml:5: steps: a list is expected\n"},
    };
    CHECK_FAULTS(faults);
}

static void parse__object_types_and_systems__must_be_those_of_the_configuration(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {"name: w\nowner: o\ntiming: queued\nobject: ordr\nsteps:\n  - {name: a, system: pos, "
         "event: e}\n",
         "w.yaml:4: workflow.object: there is no object type \"ordr\", did you mean \"order\"?\n"},
        {"name: w\nowner: o\ntiming: queued\nobject: store\nsteps:\n  - {name: a, system: pos, "
         "event: e}\n",
         "w.yaml:4: workflow.object: \"store\" is a context type; a run needs a linking one\n"},
        {HEAD "  - {name: b, system: epr, event: e.b, after: a,\n     authority: nobody}\n",
         "w.yaml:7: steps.system: there is no system \"epr\", did you mean \"erp\"?\n"
         "w.yaml:8: steps.authority: there is no system \"nobody\"\n"},
    };
    CHECK_FAULTS(faults);
    struct tw_cfg *cfg = accepted("systems: [{name: nobody}, {name: erp, title: Another}]\n");
    const struct tw_workflows *set = NULL;
    char *report = NULL;
    assert_int_equal(parse_with(cfg,
                                HEAD "  - {name: b, system: nobody, event: e, after: a, authority: "
                                     "erp}\n",
                                &report, &set),
                     TW_OK);
    tw_workflows_unref(&set);
    free(report);
    tw_cfg_destroy(&cfg);
}

static void parse__steps__are_named_once_and_follow_steps(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {HEAD "  - {name: a, system: pos, event: e.b, after: a}\n",
         "w.yaml:7: steps.name: \"a\" is there twice (first in line 6)\n"},
        {HEAD "  - {name: posted, system: pos, event: e.b, after: a}\n"
              "  - {name: c, system: pos, event: e.c, after: [a, postd]}\n",
         "w.yaml:8: steps.after: there is no step \"postd\", did you mean \"posted\"?\n"},
        {HEAD "  - {name: b, system: pos, event: e.b, after: []}\n",
         "w.yaml:7: steps.after: at least one name is needed\n"},
        {HEAD "  - {name: b, system: pos, event: e.b, after: }\n",
         "w.yaml:7: steps.after: a value is missing\n"},
        {HEAD "  - {name: b, system: pos, event: e.b, after: [{a: b}]}\n",
         "w.yaml:7: steps.after: a single value is expected, this is a map\n"},
    };
    CHECK_FAULTS(faults);
}

static void parse__cycles__are_named_and_what_follows_them_is_unreachable(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {HEAD "  - {name: b, system: pos, event: e.b, after: b}\n",
         "w.yaml:7: steps.after: a cycle: b -> b\n"},
        {HEAD "  - {name: b, system: pos, event: e.b, after: [a, d]}\n"
              "  - {name: c, system: pos, event: e.c, after: b}\n"
              "  - {name: d, system: pos, event: e.d, after: c}\n"
              "  - {name: e, system: pos, event: e.e, after: [a, d]}\n"
              "  - {name: f, system: pos, event: e.f, after: e}\n"
              "  - {name: g, system: pos, event: e.g, after: h}\n"
              "  - {name: h, system: pos, event: e.h, after: g}\n",
         "w.yaml:7: steps.after: a cycle: b -> c -> d -> b\n"
         "w.yaml:10: steps.after: step \"e\" can never be reached, it comes after a cycle\n"
         "w.yaml:11: steps.after: step \"f\" can never be reached, it comes after a cycle\n"
         "w.yaml:12: steps.after: a cycle: g -> h -> g\n"},
        {"name: w\nowner: o\ntiming: queued\nobject: transaction\nsteps:\n"
         "  - {name: x, system: pos, event: e.x, after: y}\n"
         "  - {name: y, system: pos, event: e.y, after: x}\n",
         "w.yaml:6: steps.after: a cycle: x -> y -> x\n"
         "w.yaml:6: steps: none is a start, which has no \"after\"\n"},
    };
    CHECK_FAULTS(faults);
}

/* Five steps in all 120 orders: each comes after those that are before it in the alphabet. */
static void parse__steps_in_any_order__come_to_point_back(void **state)
{
    (void)state;
    for (unsigned code = 0; code < 120; code++) {
        char left[] = "abcde";
        char yaml[1024];
        unsigned rest = code;
        int len = snprintf(yaml, sizeof(yaml),
                           "name: w\nowner: o\ntiming: queued\nobject: transaction\nsteps:\n");
        for (unsigned n = 5; n > 0; n--) {
            char step = left[rest % n];
            memmove(left + rest % n, left + rest % n + 1, strlen(left + rest % n));
            rest /= n;
            len += snprintf(yaml + len, sizeof(yaml) - (size_t)len,
                            "  - {name: %c, system: pos, event: e.%c", step, step);
            for (char before = 'a'; before < step; before++) {
                len += snprintf(yaml + len, sizeof(yaml) - (size_t)len, "%s%c",
                                before == 'a' ? ", after: [" : ", ", before);
            }
            len += snprintf(yaml + len, sizeof(yaml) - (size_t)len, step == 'a' ? "}\n" : "]}\n");
        }
        const struct tw_workflows *set = taken(yaml);
        assert_int_equal(set->items[0].starts, 1);
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(set->items[0].steps[i].name[0], 'a' + (int)i);
            assert_int_equal(set->items[0].steps[i].after, (1u << i) - 1);
        }
        tw_workflows_unref(&set);
    }
}

static void parse__a_start__has_nothing_to_wait_for(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {HEAD "  - name: b\n    system: pos\n    event: e.b\n    within: 5s\n    optional: true\n"
              "    when: channel\n    each: store\n",
         "w.yaml:10: steps.within: a step without \"after\" starts the run, there is nothing to "
         "count from\n"
         "w.yaml:11: steps.optional: a step without \"after\" starts the run, it cannot be left "
         "out\n"
         "w.yaml:12: steps.when: a step without \"after\" starts the run, its event is the one "
         "that is looked at\n"
         "w.yaml:13: steps.each: a step without \"after\" starts the run, stores can only "
         "answer\n"},
        {HEAD "  - {name: b, system: pos, event: e.b, after: a, each: till}\n",
         "w.yaml:7: steps.each: \"till\" is none of: once store\n"},
    };
    CHECK_FAULTS(faults);
}

/* ---- deadlines ---- */

#define DEADLINE(timing, within)                                                                 \
    "name: w\nowner: o\ntiming: " timing "\nobject: transaction\nsteps:\n"                       \
    "  - {name: a, system: pos, event: e.a}\n  - {name: b, system: pos, event: e.b, after: a,\n" \
    "     within: " within "}\n"

static void parse__deadlines__are_those_that_the_timing_class_allows(void **state)
{
    (void)state;
    static const char *const edges[] = {
        DEADLINE("checkout", "30s"),      DEADLINE("sub-minute", "60s"),
        DEADLINE("near-real-time", "1h"), DEADLINE("queued", "3d"),
        DEADLINE("batch", "35d"),         DEADLINE("batch", "1ms"),
    };
    static const int64_t lengths_ms[] = {
        30000, 60000, 3600000, 3 * 86400000, 35 * INT64_C(86400000), 1};
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        const struct tw_workflows *set = taken(edges[i]);
        assert_int_equal(set->items[0].steps[1].within_ns, lengths_ms[i] * MS);
        tw_workflows_unref(&set);
    }
    static const struct fault faults[] = {
        {DEADLINE("checkout", "30001ms"),
         "w.yaml:8: steps.within: 30001 ms is more than timing checkout allows (30 s)\n"},
        {DEADLINE("sub-minute", "61s"),
         "w.yaml:8: steps.within: 61 s is more than timing sub-minute allows (1 min)\n"},
        {DEADLINE("near-real-time", "61min"),
         "w.yaml:8: steps.within: 61 min is more than timing near-real-time allows (1 h)\n"},
        {DEADLINE("queued", "73h"),
         "w.yaml:8: steps.within: 73 h is more than timing queued allows (3 d)\n"},
        {DEADLINE("batch", "36d"),
         "w.yaml:8: steps.within: 36 d is more than timing batch allows (35 d)\n"},
        {DEADLINE("batch", "400d"),
         "w.yaml:8: steps.within: 400 d is more than timing batch allows (35 d)\n"},
        {DEADLINE("batch", "401d"),
         "w.yaml:8: steps.within: 401d is out of range, allowed are 1 ms to 400 d\n"},
        {DEADLINE("batch", "99999999999999d"),
         "w.yaml:8: steps.within: \"99999999999999d\" is not a duration above 0 with its unit, "
         "such as 20ms, 5s, 10min, 2h or 35d\n"},
        {DEADLINE("batch", "0s"),
         "w.yaml:8: steps.within: \"0s\" is not a duration above 0 with its unit, such as 20ms, "
         "5s, 10min, 2h or 35d\n"},
        {DEADLINE("batch", "-5s"),
         "w.yaml:8: steps.within: \"-5s\" is not a duration above 0 with its unit, such as 20ms, "
         "5s, 10min, 2h or 35d\n"},
        {DEADLINE("batch", "30"),
         "w.yaml:8: steps.within: \"30\" is not a duration above 0 with its unit, such as 20ms, "
         "5s, 10min, 2h or 35d\n"},
    };
    CHECK_FAULTS(faults);
}

/* ---- events ---- */

static void parse__patterns__are_told_apart_or_refused(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {HEAD "  - {name: b, system: pos, event: e.a, after: a}\n",
         "w.yaml:7: steps.event: e.a may also complete step \"a\" (line 6); tell them apart with "
         "\"where\"\n"},
        {HEAD "  - name: b\n    system: pos\n    event:\n      - e.b\n      - e.*\n    after: a\n",
         "w.yaml:11: steps.event: e.* may also complete step \"a\" (line 6); tell them apart with "
         "\"where\"\n"},
        {HEAD "  - {name: b, system: pos, event: {type: e.a, where: {x: present}}, after: a}\n",
         "w.yaml:7: steps.event: e.a may also complete step \"a\" (line 6); tell them apart with "
         "\"where\"\n"},
        {HEAD "  - name: b\n    system: pos\n    event: e.b\n    after: a\n"
              "    failure: [e.c, e.b]\n    compensation: e.c\n",
         "w.yaml:11: steps.failure: e.b is also one of \"event\" of the same step\n"
         "w.yaml:12: steps.compensation: e.c is also one of \"failure\" of the same step\n"},
        {HEAD "  - {name: b, system: pos, event: '*', after: a}\n",
         "w.yaml:7: steps.event: \"*\" is every event\n"},
        {HEAD "  - {name: b, system: pos, event: 'x*y', after: a}\n",
         "w.yaml:7: steps.event: \"x*y\": a * may stand at the end only\n"},
        {HEAD "  - {name: b, system: pos, event: [], after: a}\n",
         "w.yaml:7: steps.event: at least one event is needed\n"},
        {HEAD "  - {name: b, system: pos, event: [[e]], after: a}\n",
         "w.yaml:7: steps.event: an event type or a map is expected\n"},
        {HEAD "  - {name: b, system: pos, event: {type: e.b, where: x}, after: a}\n",
         "w.yaml:7: where: a map of attributes is expected\n"},
        {HEAD "  - {name: b, system: pos, event: {type: e.b, where: {X: y}}, after: a}\n",
         "w.yaml:7: where: \"X\" is not an attribute name, use 1 to 32 of a-z and 0-9\n"},
        {HEAD "  - {name: b, system: pos, event: {type: e.b, where: {x: y, x: z}}, after: a}\n",
         "w.yaml:7: the key \"x\" is given twice (first in line 7)\n"},
        {HEAD "  - {name: b, system: pos, event: {type: e.b, where: {x: ''}}, after: a}\n",
         "w.yaml:7: where: an attribute is never empty, write \"absent\"\n"},
        {HEAD "  - {name: b, system: pos, event: {type: e.b, where: {x: [y]}}, after: a}\n",
         "w.yaml:7: where: a single value is expected, this is a list\n"},
    };
    CHECK_FAULTS(faults);
    static const char *const apart[] = {
        "name: w\nowner: o\ntiming: queued\nobject: transaction\nsteps:\n"
        "  - {name: a, system: pos, event: {type: e.a, where: {x: present, y: '1'}}}\n"
        "  - {name: b, system: pos, event: {type: e.a, where: {x: absent}}, after: a}\n"
        "  - {name: c, system: pos, event: {type: 'e.*', where: {x: present, y: '2'}}, after: a}\n"
        "  - {name: d, system: pos, event: {type: 'e.*', where: {y: absent, x: '3'}}, after: a}\n",
        /* One event may fail several steps, and be the completion of another. */
        HEAD "  - {name: b, system: pos, event: e.b, failure: [e.a, e.f], after: a}\n"
             "  - {name: c, system: pos, event: e.f, compensation: e.b, after: a}\n",
    };
    for (size_t i = 0; i < 2; i++) {
        const struct tw_workflows *set = taken(apart[i]);
        tw_workflows_unref(&set);
    }
}

/* ---- objectives ---- */

#define GOAL(text)                                                                           \
    HEAD "  - {name: b, system: pos, event: e.b, after: a, within: 5s}\n"                    \
         "  - {name: c, system: pos, event: e.c, after: b, each: store}\nobjectives:\n  - {" \
         "name: g, " text "}\n"

static void parse__objectives__take_what_their_kind_has(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {GOAL("kind: latency, target: 99%"),
         "w.yaml:10: objectives.step: kind latency needs it\n"
         "w.yaml:10: objectives.within: kind latency needs it\n"},
        {GOAL("kind: freshness, step: b, from: a,\n     within: 5s, target: 99%"),
         "w.yaml:10: objectives.from: kind freshness has none\n"},
        {GOAL("kind: completion, step: b,\n     within: 5s, target: 99%"),
         "w.yaml:10: objectives.step: kind completion has none\n"
         "w.yaml:11: objectives.within: kind completion has none\n"},
        {GOAL("kind: completeness, step: b, target: 99%"),
         "w.yaml:10: objectives.step: \"b\" is no fan-out (each: store), so that nothing of it can "
         "be missing\n"},
        {GOAL("kind: latency, step: d, within: 5s, target: 99%"),
         "w.yaml:10: objectives.step: workflow w has no step \"d\"\n"},
        {GOAL("kind: latency, step: a, within: 5s, target: 99%"),
         "w.yaml:10: objectives.step: \"a\" starts the run, it is never waited for\n"},
        {GOAL("kind: latency, step: b, from: c, within: 5s, target: 99%"),
         "w.yaml:10: objectives.from: \"c\" does not come before \"b\"\n"},
        {GOAL("kind: latency, step: b, from: b, within: 5s, target: 99%"),
         "w.yaml:10: objectives.from: \"b\" does not come before \"b\"\n"},
        {GOAL("kind: speed, target: 99%"), "w.yaml:10: objectives.kind: \"speed\" is none of: "
                                           "completion latency freshness completeness\n"},
        {GOAL("kind: latency, step: b, within: 401d, target: 99%"),
         "w.yaml:10: objectives.within: 401d is out of range, allowed are 1 ms to 400 d\n"
         "w.yaml:10: objectives.within: kind latency needs it\n"},
        {HEAD "objectives:\n  - {name: g, kind: completion, target: 99%}\n"
              "  - {name: g, kind: completion, target: 98%}\n",
         "w.yaml:9: objectives.name: \"g\" is there already (w.yaml:8)\n"},
        {HEAD "objectives: {}\n", "w.yaml:7: objectives: a list is expected\n"},
    };
    CHECK_FAULTS(faults);
    const struct tw_workflows *set =
        taken(GOAL("kind: latency, step: b, from: a, within: 400d, target: 99%"));
    assert_int_equal(set->items[0].objectives[0].within_ns, INT64_C(400) * 86400 * S);
    tw_workflows_unref(&set);
    set = taken(GOAL("kind: completeness, target: 99%"));
    assert_int_equal(set->items[0].objectives[0].step, -1);
    tw_workflows_unref(&set);
}

static void parse__targets__are_shares_between_nothing_and_all(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t ppm;
    } good[] = {{"0.0001%", 1},     {"99.9999%", 999999}, {"50%", 500000},
                {"99.90%", 999000}, {"0.5%", 5000},       {"99.50000%", 995000}};
    char yaml[1024];
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        (void)snprintf(yaml, sizeof(yaml), "%s%s}\n",
                       HEAD "objectives:\n  - {name: g, kind: completion, target: ", good[i].text);
        const struct tw_workflows *set = taken(yaml);
        assert_int_equal(set->items[0].objectives[0].target_ppm, good[i].ppm);
        tw_workflows_unref(&set);
    }
    static const struct {
        const char *text;
        bool is_out_of_range;
    } bad[] = {{"0%", true},     {"100%", true}, {"0.0000%", true}, {"99.99999%", false},
               {"0.995", false}, {"99", false},  {"%", false},      {"-1%", false},
               {"1e1%", false},  {".5%", false}, {"5.%", false},    {"1.2.3%", false},
               {"1000%", true},  {"99 %", false}};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char expected[256];
        (void)snprintf(yaml, sizeof(yaml), "%s\"%s\"}\n",
                       HEAD "objectives:\n  - {name: g, kind: completion, target: ", bad[i].text);
        (void)snprintf(expected, sizeof(expected),
                       bad[i].is_out_of_range
                           ? "w.yaml:8: objectives.target: %s is out of range, allowed are "
                             "0.0001%% to 99.9999%%\n"
                           : "w.yaml:8: objectives.target: \"%s\" is not a share in percent with "
                             "at most four decimals, such as 99.5%%\n",
                       bad[i].text);
        refused(yaml, expected);
    }
}

#define WINDOW(text) HEAD "objectives:\n  - {name: g, kind: completion, target: 99%, " text "}\n"

static void parse__windows__are_bounded_and_zones_known(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        int64_t minutes;
    } good[] = {{WINDOW("window: 1h"), 60},
                {WINDOW("window: 61min"), 61},
                {WINDOW("window: 30d"), 43200},
                {WINDOW("window: 4w"), 40320}};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct tw_workflows *set = taken(good[i].yaml);
        assert_int_equal(set->items[0].objectives[0].window_ns, good[i].minutes * 60 * S);
        tw_workflows_unref(&set);
    }
    static const struct fault faults[] = {
        {WINDOW("window: 59min"), "w.yaml:8: objectives.window: 59min is out of range, allowed are "
                                  "1 h to 30 d in whole minutes\n"},
        {WINDOW("window: 721h"), "w.yaml:8: objectives.window: 721h is out of range, allowed are 1 "
                                 "h to 30 d in whole minutes\n"},
        {WINDOW("window: 3601s"), "w.yaml:8: objectives.window: 3601s is out of range, allowed are "
                                  "1 h to 30 d in whole minutes\n"},
        {WINDOW("window: 401d"),
         "w.yaml:8: objectives.window: 401d is out of range, allowed are 1 ms to 400 d\n"},
        {WINDOW("window: year"), "w.yaml:8: objectives.window: \"year\" is neither a duration, "
                                 "such as 30d, nor day, week or month\n"},
        {WINDOW("timezone: Europe/Berlin"),
         "w.yaml:8: objectives.timezone: a rolling window has none, use window day, week or "
         "month\n"},
        {WINDOW("window: day, timezone: Europe/Berln"),
         "w.yaml:8: objectives.timezone: \"Europe/Berln\" is no time zone that this machine knows, "
         "such as Europe/Berlin\n"},
        {WINDOW("window: day, timezone: ../zoneinfo/UTC"),
         "w.yaml:8: objectives.timezone: \"../zoneinfo/UTC\" is no time zone that this machine "
         "knows, such as Europe/Berlin\n"},
        {WINDOW("window: day, timezone: Europe"),
         "w.yaml:8: objectives.timezone: \"Europe\" is no time zone that this machine knows, such "
         "as Europe/Berlin\n"},
    };
    CHECK_FAULTS(faults);
}

/* ---- limits ---- */

/* `count` times a line with its number, behind `head`. Owned by the caller. */
static char *repeated(const char *head, const char *format, size_t count, const char *tail)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    (void)fputs(head, out);
    for (size_t i = 0; i < count; i++) {
        for (const char *p = format; *p != '\0'; p++) {
            if (*p == '#') {
                (void)fprintf(out, "%zu", i);
            } else {
                (void)fputc(*p, out);
            }
        }
    }
    (void)fputs(tail, out);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void parse__limits__are_reached_and_not_passed(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        const char *line;
        const char *tail;
        size_t most;
        const char *report;
    } limits[] = {
        {HEAD, "  - {name: s#, system: pos, event: x.#, after: a}\n", "", TW_WF_STEPS_MAX - 1,
         "w.yaml:6: steps: more than 32\n"},
        {HEAD "  - name: b\n    system: pos\n    after: a\n    event:\n", "      - x.#\n", "",
         TW_WF_MATCHES_MAX, "w.yaml:11: steps.event: more than 8 events\n"},
        {HEAD "  - name: b\n    system: pos\n    event: e\n    after: a\n    failure:\n",
         "      - x.#\n", "", TW_WF_MATCHES_MAX, "w.yaml:12: steps.failure: more than 8 events\n"},
        {HEAD "  - name: b\n    system: pos\n    after: a\n    event:\n      type: x\n      "
              "where:\n",
         "        x#: present\n", "", TW_WF_WHERE_MAX,
         "w.yaml:13: where: more than 4 conditions\n"},
        {HEAD "objectives:\n", "  - {name: g#, kind: completion, target: 99%}\n", "",
         TW_WF_OBJECTIVES_MAX, "w.yaml:8: objectives: more than 16\n"},
        {"maintenance:\n", "  - {name: m#, reason: r, start: '02:00', duration: 1h}\n", "", 1000,
         "w.yaml:1002: maintenance: more than 1000 entries\n"},
    };
    for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
        char *text = repeated(limits[i].head, limits[i].line, limits[i].most, limits[i].tail);
        const struct tw_workflows *set = taken(text);
        tw_workflows_unref(&set);
        free(text);
        text = repeated(limits[i].head, limits[i].line, limits[i].most + 1, limits[i].tail);
        refused(text, limits[i].report);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__every_key__reaches_its_field),
        cmocka_unit_test(parse__objectives__reach_their_fields),
        cmocka_unit_test(parse__keys_that_do_not_exist_or_are_missing__are_named),
        cmocka_unit_test(parse__object_types_and_systems__must_be_those_of_the_configuration),
        cmocka_unit_test(parse__steps__are_named_once_and_follow_steps),
        cmocka_unit_test(parse__cycles__are_named_and_what_follows_them_is_unreachable),
        cmocka_unit_test(parse__steps_in_any_order__come_to_point_back),
        cmocka_unit_test(parse__a_start__has_nothing_to_wait_for),
        cmocka_unit_test(parse__deadlines__are_those_that_the_timing_class_allows),
        cmocka_unit_test(parse__patterns__are_told_apart_or_refused),
        cmocka_unit_test(parse__objectives__take_what_their_kind_has),
        cmocka_unit_test(parse__targets__are_shares_between_nothing_and_all),
        cmocka_unit_test(parse__windows__are_bounded_and_zones_known),
        cmocka_unit_test(parse__limits__are_reached_and_not_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
