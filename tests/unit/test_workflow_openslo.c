/* SPDX-License-Identifier: Apache-2.0
 * workflow/openslo*: what is written reads back to the same objective; what the specification asks
 * for is asked for; what is not ours is refused with a sentence.
 */
#include "config.h"

#include "workflow_support.h"

static const char workflow[] = "name: w\nowner: o\ntiming: queued\nobject: transaction\nsteps:\n"
                               "  - {name: a, system: pos, event: e.a}\n"
                               "  - {name: b, system: erp, event: e.b, after: a, within: 5min}\n"
                               "  - {name: c, system: pos, event: e.c, after: b, each: store}\n";

static const char *const names[] = {"s.yaml", "w.yaml"};

/* The workflow above, and an OpenSLO file beside it. */
static int load_slo(const char *yaml, char **ret_report, const struct tw_workflows **ret_set)
{
    char *dir = make_dir();
    put_file(dir, "w.yaml", workflow);
    put_file(dir, "s.yaml", yaml);
    int rc = load_dir(dir, false, ret_report, ret_set);
    remove_dir(dir, names, 2);
    return rc;
}

static const struct tw_workflows *slo_taken(const char *yaml)
{
    char *report = NULL;
    const struct tw_workflows *set = NULL;
    int rc = load_slo(yaml, &report, &set);
    if (rc != TW_OK) {
        print_error("yaml:\n%s\nrefused:\n%s\n", yaml, report);
    }
    assert_int_equal(rc, TW_OK);
    free(report);
    return set;
}

static void slo_refused(const char *yaml, const char *expected)
{
    char *report = NULL;
    const struct tw_workflows *set = NULL;
    int rc = load_slo(yaml, &report, &set);
    if (rc != TW_ECONFIG || strcmp(report, expected) != 0) {
        print_error("yaml:\n%s\nexpected:\n%s\ngot %d:\n%s\n", yaml, expected, rc, report);
    }
    assert_int_equal(rc, TW_ECONFIG);
    assert_string_equal(report, expected);
    free(report);
}

/* An SLO in parts that a test can change. Lines: 1 head, 5 service, 6 the rest of spec. */
#define ENVELOPE                                               \
    "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: s}\n" \
    "spec:\n  service: shop\n"
#define SOURCE(spec) "{metricSource: {type: tillwatch, spec: {" spec "}}}"
#define RAW(spec)                                                                              \
    "  indicator: {metadata: {name: i}, spec: {ratioMetric: {counter: true, rawType: success," \
    " raw: " SOURCE(spec) "}}}\n"
#define LATENCY "workflow: w, sli: latency, step: b, within: 60s"
#define OCC     "  budgetingMethod: Occurrences\n"
#define TARGET  "  objectives: [{target: 0.995}]\n"

/* ---- what is taken ---- */

static void read__an_slo_of_ours__becomes_an_objective(void **state)
{
    (void)state;
    const struct tw_workflows *set = slo_taken(
        "# the least\napiVersion: openslo/v1\nkind: SLO\n"
        "metadata:\n  name: posted-in-time\n  displayName: Posted\n  labels: {team: [a, b]}\n"
        "  annotations: {tillwatch/owner: finance, x: y}\n"
        "spec:\n  description: d\n  service: shop\n" RAW(LATENCY) OCC
        "  timeWindow:\n    - {duration: 4w, isRolling: true}\n"
        "  objectives:\n    - {displayName: x, target: 0.995, compositeWeight: 1}\n"
        "  alertPolicies: []\n");
    const struct tw_workflow *w = tw_workflows_find(set, "w");
    assert_int_equal(w->objective_count, 1);
    const struct tw_wf_objective *o = &w->objectives[0];
    assert_string_equal(o->name, "posted-in-time");
    assert_string_equal(o->title, "Posted");
    assert_string_equal(o->owner, "finance");
    assert_int_equal(o->kind, TW_OBJECTIVE_LATENCY);
    assert_int_equal(o->step, 1);
    assert_int_equal(o->from, -1);
    assert_int_equal(o->within_ns, 60 * S);
    assert_int_equal(o->target_ppm, 995000);
    assert_int_equal(o->window, TW_WINDOW_ROLLING);
    assert_int_equal(o->window_ns, INT64_C(28) * 86400 * S);
    /* The workflow is the one that its own file defines. */
    const struct tw_workflows *alone = taken(workflow);
    assert_int_equal(w->version, alone->items[0].version);
    assert_int_not_equal(set->version, alone->version);
    assert_int_equal(alone->items[0].slo_version, 0);
    assert_int_not_equal(w->slo_version, 0);
    const struct tw_workflows *other = slo_taken(ENVELOPE RAW(LATENCY) OCC TARGET);
    assert_int_equal(other->items[0].version, w->version);
    assert_int_not_equal(other->items[0].slo_version, w->slo_version);
    tw_workflows_unref(&other);
    tw_workflows_unref(&alone);
    tw_workflows_unref(&set);
}

/* Each of these is accepted. */
static void read__every_way_of_saying_it__is_taken(void **state)
{
    (void)state;
    static const char *const good[] = {
        ENVELOPE RAW(LATENCY) OCC TARGET,
        ENVELOPE RAW(LATENCY) OCC "  objectives: [{targetPercent: 99.9999}]\n",
        ENVELOPE RAW(LATENCY) OCC "  objectives: [{target: 0.000001}]\n  timeWindow: []\n",
        ENVELOPE "  indicator: {metadata: {name: i}, spec: {ratioMetric: {counter: true,\n"
                 "    good: " SOURCE(LATENCY) ", total: " SOURCE(LATENCY) "}}}\n" OCC TARGET,
        ENVELOPE "  indicator: {metadata: {name: i}, spec: {ratioMetric: {counter: true,\n"
                 "    bad: " SOURCE(LATENCY) ", total: " SOURCE(LATENCY) "}}}\n" OCC TARGET,
        ENVELOPE "  indicator: {metadata: {name: i}, spec: {ratioMetric: {rawType: failure,\n"
                 "    raw: " SOURCE(LATENCY) "}}}\n" OCC TARGET,
        ENVELOPE "  indicator: {spec: {thresholdMetric: " SOURCE(
            "workflow: w, sli: latency, step: b") "}}\n" OCC "  objectives: [{op: lte, value: "
                                                  "60.0, target: 0.9}]\n",
        ENVELOPE "  indicator: {spec: {thresholdMetric: " SOURCE(
            LATENCY) "}}\n" OCC "  objectives: [{op: lt, value: 60, target: 0.9}]\n",
        ENVELOPE RAW(
            "workflow: w, sli: freshness, step: b, within: 2min") "  budgetingMethod: Timeslices\n"
                                                                  "  objectives: [{target: 0.9, "
                                                                  "timeSliceTarget: 1, "
                                                                  "timeSliceWindow: 1m}]\n",
        ENVELOPE RAW(
            "workflow: w, sli: freshness, step: b, within: 2min") "  budgetingMethod: Timeslices\n"
                                                                  "  objectives: [{target: 0.9, "
                                                                  "timeSliceTarget: 0.5, "
                                                                  "timeSliceWindow: 1}]\n",
        ENVELOPE RAW("workflow: w, sli: completeness, step: c") OCC TARGET,
        ENVELOPE RAW("workflow: w, sli: completion") OCC TARGET
        "  timeWindow: [{duration: 1M, calendar: {startTime: '2026-02-01 00:00:00', timeZone: "
        "America/New_York}}]\n",
        ENVELOPE RAW("workflow: w, sli: completion") OCC TARGET
        "  timeWindow: [{duration: 1w, isRolling: false, calendar: {startTime: '2026-11-23 "
        "00:00:00', timeZone: UTC}}]\n",
        ENVELOPE RAW("workflow: w, sli: completion") OCC TARGET
        "  timeWindow: [{duration: 1d, calendar: {startTime: '2026-11-24 00:00:00', timeZone: "
        "UTC}}]\n",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct tw_workflows *set = slo_taken(good[i]);
        assert_int_equal(tw_workflows_find(set, "w")->objective_count, 1);
        tw_workflows_unref(&set);
    }
}

static void read__documents_of_one_file__refer_to_each_other(void **state)
{
    (void)state;
    const struct tw_workflows *set = slo_taken(
        "apiVersion: openslo/v1\nkind: DataSource\nmetadata: {name: tower}\n"
        "spec: {type: tillwatch, connectionDetails: {url: x}}\n---\n"
        "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: shop}\nspec: {description: d}\n"
        "---\n" ENVELOPE "  indicatorRef: sli-b\n" OCC
        "  objectives: [{op: lte, value: 90, target: 0.9}]\n---\n"
        "apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: sli-b}\nspec:\n"
        "  thresholdMetric: {metricSource: {metricSourceRef: tower, spec: {workflow: w, sli: "
        "latency, step: c, from: b}}}\n---\n---\n"
        "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: t}\nspec:\n  service: shop\n"
        "  indicatorRef: sli-b\n" OCC "  objectives: [{op: lt, value: 0.25, target: 0.5}]\n");
    const struct tw_workflow *w = tw_workflows_find(set, "w");
    assert_int_equal(w->objective_count, 2);
    assert_int_equal(w->objectives[0].within_ns, 90 * S);
    assert_int_equal(w->objectives[0].from, 1);
    assert_string_equal(w->objectives[1].name, "t");
    assert_int_equal(w->objectives[1].within_ns, 250 * MS);
    tw_workflows_unref(&set);
}

static void read__alert_documents__are_checked_and_not_used(void **state)
{
    (void)state;
    const struct tw_workflows *set = slo_taken(
        "apiVersion: openslo/v1\nkind: AlertCondition\nmetadata: {name: fast}\nspec:\n"
        "  severity: page\n  condition: {kind: burnrate, op: lte, threshold: 14.4, lookbackWindow: "
        "1h, alertAfter: 2m}\n---\n"
        "apiVersion: openslo/v1\nkind: AlertNotificationTarget\nmetadata: {name: chat}\n"
        "spec: {target: slack}\n---\n"
        "apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: p}\nspec:\n"
        "  alertWhenBreaching: true\n  alertWhenResolved: false\n  alertWhenNoData: false\n"
        "  conditions: [{conditionRef: fast}]\n  notificationTargets:\n    - {targetRef: chat}\n"
        "    - {kind: AlertNotificationTarget, metadata: {name: m}, spec: {target: mail}}\n");
    assert_int_equal(tw_workflows_find(set, "w")->objective_count, 0);
    assert_int_equal(set->note_count, 1);
    assert_string_equal(strstr(set->notes[0], "/s.yaml"),
                        "/s.yaml:6: AlertCondition.spec.condition.op: lte alerts while the budget "
                        "burns slowly; gte is usually meant");
    tw_workflows_unref(&set);
}

/* ---- what is refused ---- */

static void check_slo_faults(const struct fault *faults, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        slo_refused(faults[i].yaml, faults[i].report);
    }
}
#define CHECK_SLO_FAULTS(faults) check_slo_faults((faults), sizeof(faults) / sizeof((faults)[0]))

static void read__envelopes__are_those_of_the_specification(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {"apiVersion: openslo/v1\nmetadata: {name: s}\n",
         "DIR/s.yaml:1: a document with apiVersion needs a kind\n"},
        {"apiVersion: openslo/v1\nkind: Slo\nmetadata: {name: s}\n",
         "DIR/s.yaml:2: kind: there is no \"Slo\" in OpenSLO v1\n"},
        {"apiVersion: openslo/v1\nkind: DataSorce\nmetadata: {name: s}\n",
         "DIR/s.yaml:2: kind: there is no \"DataSorce\" in OpenSLO v1, did you mean "
         "\"DataSource\"?\n"},
        {"apiVersion: v1\nkind: Service\nmetadata: {name: Shop}\n",
         "DIR/s.yaml:1: apiVersion: \"v1\" is not openslo/v1\n"
         "DIR/s.yaml:3: Service.metadata.name: \"Shop\" is not a name, use 1 to 63 of a-z, 0-9 and "
         "-, which stands inside only\n"},
        {"apiVersion: openslo/v1\nkind: Service\nspec: {}\n",
         "DIR/s.yaml:1: Service: the key \"metadata.name\" is missing\n"},
        {"apiVersion: openslo/v1\nkind: Service\nmetadata: {name: s, label: x}\n",
         "DIR/s.yaml:3: Service.metadata: unknown key \"label\", did you mean \"labels\"?\n"},
        {"apiVersion: openslo/v1\nkind: Service\nmetadata: {name: s, labels: x,\n"
         "  annotations: [y]}\n",
         "DIR/s.yaml:3: metadata.labels: a map is expected\n"
         "DIR/s.yaml:4: metadata.annotations: a map is expected\n"},
        {"apiVersion: openslo/v1\nkind: DataSource\nmetadata: {name: s}\nspec: {}\n",
         "DIR/s.yaml:1: DataSource: the key \"spec.type\" is missing\n"},
        {"apiVersion: openslo/v1\nkind: Service\nmetadata: {name: s}\n---\n"
         "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: s}\n",
         "DIR/s.yaml:5: metadata.name: Service \"s\" is there twice (first in line 1)\n"},
        {"apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: s}\nspec: {}\n",
         "DIR/s.yaml:1: SLO.spec: either indicator or indicatorRef\n"
         "DIR/s.yaml:1: SLO: the key \"spec.budgetingMethod\" is missing\n"
         "DIR/s.yaml:1: SLO: the key \"spec.objectives\" is missing\n"
         "DIR/s.yaml:1: SLO: the key \"spec.service\" is missing\n"},
    };
    CHECK_SLO_FAULTS(faults);
}

static void read__descriptions__have_1050_characters(void **state)
{
    (void)state;
    char text[4096];
    char description[2200] = "";
    for (size_t i = 0; i < 1050; i++) {
        memcpy(description + 2 * i, "\xc3\xa9", 3); /* two bytes, one character */
    }
    (void)snprintf(text, sizeof(text),
                   "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: s}\nspec:\n  "
                   "description: %s\n",
                   description);
    const struct tw_workflows *set = slo_taken(text);
    tw_workflows_unref(&set);
    (void)snprintf(text, sizeof(text),
                   "apiVersion: openslo/v1\nkind: Service\nmetadata: {name: s}\nspec:\n  "
                   "description: %sx\n",
                   description);
    slo_refused(text, "DIR/s.yaml:5: spec.description: longer than 1050 characters\n");
}

static void read__objectives_and_methods__are_those_that_can_be_kept(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {ENVELOPE RAW(LATENCY) OCC "  objectives: []\n",
         "DIR/s.yaml:8: SLO.spec.objectives: a list of one objective is read; write an SLO for "
         "each\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{target: 0.9}, {target: 0.8}]\n",
         "DIR/s.yaml:8: SLO.spec.objectives: a list of one objective is read; write an SLO for "
         "each\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{}]\n",
         "DIR/s.yaml:8: objectives: either target or targetPercent\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{target: 0.9, targetPercent: 90}]\n",
         "DIR/s.yaml:8: objectives: either target or targetPercent\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{target: 1}]\n",
         "DIR/s.yaml:8: objectives.target: 1 is out of range, allowed are 0.000001 to 0.999999 in "
         "6 decimals\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{target: 99.5}]\n",
         "DIR/s.yaml:8: objectives.target: 99.5 is out of range, allowed are 0.000001 to 0.999999 "
         "in 6 decimals\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{target: 0.9999999}]\n",
         "DIR/s.yaml:8: objectives.target: 0.9999999 is out of range, allowed are 0.000001 to "
         "0.999999 in 6 decimals\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{targetPercent: 100}]\n",
         "DIR/s.yaml:8: objectives.targetPercent: 100 is out of range, allowed are 0.0001 to "
         "99.9999 in 4 decimals\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{target: 0}]\n",
         "DIR/s.yaml:8: objectives.target: 0 is out of range, allowed are 0.000001 to 0.999999 in "
         "6 decimals\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{op: lte, value: 1, target: 0.9}]\n",
         "DIR/s.yaml:6: objectives: op and value belong to thresholdMetric, not to ratioMetric\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{target: 0.9, timeSliceTarget: 0.9}]\n",
         "DIR/s.yaml:8: objectives: budgetingMethod Occurrences has no time slices\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{target: 0.9, compositeWeight: 0}]\n",
         "DIR/s.yaml:8: objectives.compositeWeight: a number above 0 is expected\n"},
        {ENVELOPE RAW(LATENCY) OCC "  objectives: [{target: 0.9, indicatorRef: x}]\n",
         "DIR/s.yaml:8: objectives: an indicator here makes a composite SLO, which is not read\n"},
        {ENVELOPE RAW(LATENCY) "  budgetingMethod: RatioTimeslices\n"
                               "  objectives: [{target: 0.9, timeSliceTarget: 1, timeSliceWindow: "
                               "1m}]\n",
         "DIR/s.yaml:7: SLO.spec.budgetingMethod: RatioTimeslices is not read\n"},
        {ENVELOPE RAW(LATENCY) "  budgetingMethod: Timeslices\n"
                               "  objectives: [{target: 0.9, timeSliceTarget: 1, timeSliceWindow: "
                               "1m}]\n",
         "DIR/s.yaml:7: SLO.spec.budgetingMethod: sli latency is counted in Occurrences\n"},
        {ENVELOPE RAW("workflow: w, sli: freshness, step: b, within: 5s") OCC TARGET,
         "DIR/s.yaml:7: SLO.spec.budgetingMethod: sli freshness is counted in Timeslices\n"},
        {ENVELOPE RAW(LATENCY) "  budgetingMethod: Timeslices\n" TARGET,
         "DIR/s.yaml:8: objectives: Timeslices needs timeSliceTarget and timeSliceWindow\n"},
        {ENVELOPE RAW(LATENCY) "  budgetingMethod: Timeslices\n"
                               "  objectives: [{target: 0.9, timeSliceTarget: 1.1,\n"
                               "    timeSliceWindow: 5m}]\n",
         "DIR/s.yaml:8: objectives.timeSliceTarget: above 0 and at most 1\n"
         "DIR/s.yaml:9: objectives.timeSliceWindow: slices of 1m are read\n"},
    };
    CHECK_SLO_FAULTS(faults);
}

#define INDICATOR(spec) ENVELOPE "  indicator: {spec: {" spec "}}\n" OCC TARGET

static void read__indicators__are_exactly_one_and_ours(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {ENVELOPE "  indicatorRef: x\n" RAW(LATENCY) OCC TARGET,
         "DIR/s.yaml:1: SLO.spec: either indicator or indicatorRef\n"},
        {ENVELOPE "  indicatorRef: x\n" OCC TARGET,
         "DIR/s.yaml:6: SLO.spec.indicatorRef: this file has no SLI \"x\"\n"},
        {INDICATOR("description: d"),
         "DIR/s.yaml:6: SLI.spec: either thresholdMetric or ratioMetric\n"},
        {INDICATOR("thresholdMetric: " SOURCE(LATENCY) ", ratioMetric: {rawType: success}"),
         "DIR/s.yaml:6: SLI.spec: either thresholdMetric or ratioMetric\n"},
        {INDICATOR("ratioMetric: {counter: true}"),
         "DIR/s.yaml:6: ratioMetric: either total with good or bad, or raw\n"},
        {INDICATOR("ratioMetric: {good: " SOURCE(LATENCY) "}"),
         "DIR/s.yaml:6: ratioMetric: total is needed, and either good or bad\n"},
        {INDICATOR("ratioMetric: {good: " SOURCE(LATENCY) ", bad: " SOURCE(
             LATENCY) ", total: " SOURCE(LATENCY) "}"),
         "DIR/s.yaml:6: ratioMetric: total is needed, and either good or bad\n"},
        {INDICATOR("ratioMetric: {raw: " SOURCE(LATENCY) ", total: " SOURCE(LATENCY) "}"),
         "DIR/s.yaml:6: ratioMetric: either total with good or bad, or raw\n"},
        {INDICATOR("ratioMetric: {raw: " SOURCE(LATENCY) "}"),
         "DIR/s.yaml:6: ratioMetric.rawType: success or failure is needed with raw\n"},
        {INDICATOR("ratioMetric: {rawType: success, good: " SOURCE(LATENCY) ", total: " SOURCE(
             LATENCY) "}"),
         "DIR/s.yaml:6: ratioMetric.rawType: only raw has one\n"},
        {INDICATOR("ratioMetric: {good: " SOURCE(LATENCY) ", total: " SOURCE(
             "workflow: v, sli: latency") "}"),
         "DIR/s.yaml:6: ratioMetric.total: workflow and sli differ from those of its part\n"},
        {INDICATOR("thresholdMetric: " SOURCE(LATENCY)),
         "DIR/s.yaml:6: objectives: thresholdMetric needs op and value\n"},
        {INDICATOR("thresholdMetric: {metricSource: {type: prometheus, spec: {query: up}}}"),
         "DIR/s.yaml:6: metricSource.type: \"prometheus\" is not tillwatch, another program's "
         "SLO\n"},
        {INDICATOR("thresholdMetric: {metricSource: {spec: {query: up}}}"),
         "DIR/s.yaml:6: metricSource: type or metricSourceRef is needed\n"},
        {INDICATOR("thresholdMetric: {metricSource: {metricSourceRef: x, spec: {query: up}}}"),
         "DIR/s.yaml:6: metricSource.metricSourceRef: this file has no DataSource \"x\"\n"},
        {INDICATOR("thresholdMetric: {metricSource: {type: tillwatch}}"),
         "DIR/s.yaml:6: metric: the key \"metricSource.spec\" is missing\n"},
        {ENVELOPE RAW("workflow: w, sli: correctness") OCC TARGET,
         "DIR/s.yaml:6: metricSource.spec.sli: \"correctness\" is none of: completion latency "
         "freshness completeness\n"},
        {ENVELOPE RAW("workflow: ww, sli: completion") OCC TARGET,
         "DIR/s.yaml:6: metricSource.spec.workflow: there is no workflow \"ww\"\n"},
        {ENVELOPE RAW("workflow: w, sli: latency, step: d, within: 5s") OCC TARGET,
         "DIR/s.yaml:6: objectives.step: workflow w has no step \"d\"\n"},
        {ENVELOPE RAW("workflow: w, sli: latency, step: a, within: 5s") OCC TARGET,
         "DIR/s.yaml:6: objectives.step: \"a\" starts the run, it is never waited for\n"},
        {ENVELOPE RAW("workflow: w, sli: completion, within: 5s") OCC TARGET,
         "DIR/s.yaml:6: objectives.within: kind completion has none\n"},
        {"apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: i}\nspec: {}\n",
         "DIR/s.yaml:1: SLI.spec: either thresholdMetric or ratioMetric\n"},
    };
    CHECK_SLO_FAULTS(faults);
}

#define THRESHOLD(objective, spec)                                                              \
    ENVELOPE "  indicator: {spec: {thresholdMetric: " SOURCE(spec) "}}\n" OCC                   \
                                                                   "  objectives: [{" objective \
                                                                   ", target: 0.9}]\n"

static void read__thresholds__are_seconds_at_most(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {THRESHOLD("op: eq, value: 5", LATENCY),
         "DIR/s.yaml:6: objectives.op: \"eq\" is none of: lte gte lt gt\n"},
        {THRESHOLD("op: gte, value: 5", LATENCY),
         "DIR/s.yaml:6: thresholdMetric: sli latency or freshness with op lt or lte is read\n"},
        {THRESHOLD("op: lte, value: 5", "workflow: w, sli: completion"),
         "DIR/s.yaml:6: thresholdMetric: sli latency or freshness with op lt or lte is read\n"},
        {THRESHOLD("op: lte, value: 0", LATENCY),
         "DIR/s.yaml:6: objectives.value: 0 is out of range, allowed are 0.001 to 34560000 s\n"},
        {THRESHOLD("op: lte, value: 34560001", LATENCY),
         "DIR/s.yaml:6: objectives.value: 34560001 is out of range, allowed are 0.001 to 34560000 "
         "s\n"},
        {THRESHOLD("op: lte, value: 61", LATENCY),
         "DIR/s.yaml:6: objectives.value: differs from within of the metricSource\n"},
        {THRESHOLD("op: lte", LATENCY),
         "DIR/s.yaml:6: objectives: thresholdMetric needs op and value\n"},
    };
    CHECK_SLO_FAULTS(faults);
    const struct tw_workflows *set =
        slo_taken(THRESHOLD("op: lte, value: 34560000", "workflow: w, sli: latency, step: b"));
    assert_int_equal(tw_workflows_find(set, "w")->objectives[0].within_ns,
                     INT64_C(400) * 86400 * S);
    tw_workflows_unref(&set);
}

#define WINDOW(text) \
    ENVELOPE RAW("workflow: w, sli: completion") OCC TARGET "  timeWindow: [" text "]\n"
#define CALENDAR(duration, start) \
    WINDOW("{duration: " duration ", calendar: {startTime: '" start "', timeZone: UTC}}")

static void read__windows__roll_or_follow_the_calendar(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {WINDOW("{duration: 30d}"), "DIR/s.yaml:9: timeWindow: either isRolling: true or "
                                    "calendar\n"},
        {WINDOW("{duration: 30d, isRolling: maybe}"),
         "DIR/s.yaml:9: timeWindow.isRolling: neither true nor false\n"},
        {WINDOW("{duration: 1d, isRolling: true, calendar: {startTime: '2026-01-01 00:00:00', "
                "timeZone: UTC}}"),
         "DIR/s.yaml:9: timeWindow: either isRolling: true or calendar\n"},
        {WINDOW("{duration: 1d, isRolling: true}, {duration: 2d, isRolling: true}"),
         "DIR/s.yaml:9: SLO.spec.timeWindow: a list of at most one window is expected\n"},
        {WINDOW("{duration: 1M, isRolling: true}"),
         "DIR/s.yaml:9: timeWindow.duration: 1M has no fixed length, months, quarters and years "
         "need calendar\n"},
        {WINDOW("{duration: 1Q, isRolling: true}"),
         "DIR/s.yaml:9: timeWindow.duration: 1Q has no fixed length, months, quarters and years "
         "need calendar\n"},
        {WINDOW("{duration: 59m, isRolling: true}"),
         "DIR/s.yaml:9: objectives.window: 59m is out of range, allowed are 1 h to 30 d in whole "
         "minutes\n"},
        {WINDOW("{duration: 5w, isRolling: true}"),
         "DIR/s.yaml:9: objectives.window: 5w is out of range, allowed are 1 h to 30 d in whole "
         "minutes\n"},
        {WINDOW("{duration: 30 d, isRolling: true}"),
         "DIR/s.yaml:9: timeWindow.duration: \"30 d\" is not a number with one of m h d w M Q Y\n"},
        {WINDOW("{duration: 0d, isRolling: true}"),
         "DIR/s.yaml:9: timeWindow.duration: \"0d\" is not a number with one of m h d w M Q Y\n"},
        {WINDOW("{duration: 1d, calendar: {timeZone: UTC}}"),
         "DIR/s.yaml:9: timeWindow.calendar: startTime and timeZone are needed\n"},
        {CALENDAR("1Q", "2026-01-01 00:00:00"),
         "DIR/s.yaml:9: timeWindow.duration: calendar windows of 1d, 1w and 1M are read, not 1Q\n"},
        {CALENDAR("1M", "2026-01-02 00:00:00"),
         "DIR/s.yaml:9: timeWindow.calendar.startTime: \"2026-01-02 00:00:00\" is not where a day, "
         "a week (Monday) or a month begins, such as \"2024-01-01 00:00:00\"\n"},
        {CALENDAR("1w", "2026-11-24 00:00:00"),
         "DIR/s.yaml:9: timeWindow.calendar.startTime: \"2026-11-24 00:00:00\" is not where a day, "
         "a week (Monday) or a month begins, such as \"2024-01-01 00:00:00\"\n"},
        {CALENDAR("1d", "2026-11-24 00:00:01"),
         "DIR/s.yaml:9: timeWindow.calendar.startTime: \"2026-11-24 00:00:01\" is not where a day, "
         "a week (Monday) or a month begins, such as \"2024-01-01 00:00:00\"\n"},
        {CALENDAR("1d", "2026-02-30 00:00:00"),
         "DIR/s.yaml:9: timeWindow.calendar.startTime: \"2026-02-30 00:00:00\" is not where a day, "
         "a week (Monday) or a month begins, such as \"2024-01-01 00:00:00\"\n"},
        {WINDOW("{duration: 1d, calendar: {startTime: '2026-01-01 00:00:00', timeZone: Mars}}"),
         "DIR/s.yaml:9: timeWindow.calendar.timeZone: \"Mars\" is no time zone that this machine "
         "knows\n"},
    };
    CHECK_SLO_FAULTS(faults);
}

#define POLICY(rest) "apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: p}\nspec:\n" rest
#define CONDITION(op, threshold, window)                                                \
    "apiVersion: openslo/v1\nkind: AlertCondition\nmetadata: {name: c}\nspec:\n"        \
    "  severity: page\n  condition: {kind: burnrate, op: " op ", threshold: " threshold \
    ", lookbackWindow: " window "}\n"

static void read__alert_documents_with_faults__are_refused(void **state)
{
    (void)state;
    static const struct fault faults[] = {
        {POLICY("  conditions: []\n  notificationTargets: []\n"),
         "DIR/s.yaml:5: AlertPolicy.spec.conditions: a list of exactly one is expected\n"
         "DIR/s.yaml:6: AlertPolicy.spec.notificationTargets: a list of at least one is "
         "expected\n"},
        {POLICY("  conditions: [{conditionRef: a}, {conditionRef: b}]\n"
                "  notificationTargets: [{targetRef: c}]\n"),
         "DIR/s.yaml:5: AlertPolicy.spec.conditions: a list of exactly one is expected\n"},
        {POLICY("  conditions: [{ref: a}]\n  notificationTargets: [{}]\n"),
         "DIR/s.yaml:5: AlertPolicy.conditions: the key \"conditionRef\" is missing\n"
         "DIR/s.yaml:5: AlertPolicy.conditions: unknown key \"ref\"\n"
         "DIR/s.yaml:6: AlertPolicy.notificationTargets: the key \"targetRef\" is missing\n"},
        {POLICY("  conditions: [{kind: AlertCondition, spec: {severity: x}}]\n"
                "  notificationTargets: [{targetRef: c}]\n"),
         "DIR/s.yaml:5: AlertCondition: the key \"spec.condition.kind\" is missing\n"
         "DIR/s.yaml:5: AlertCondition: the key \"spec.condition.lookbackWindow\" is missing\n"
         "DIR/s.yaml:5: AlertCondition: the key \"spec.condition.op\" is missing\n"
         "DIR/s.yaml:5: AlertCondition: the key \"spec.condition.threshold\" is missing\n"},
        {CONDITION("above", "x", "1 h"),
         "DIR/s.yaml:6: AlertCondition.spec.condition.lookbackWindow: \"1 h\" is not a number with "
         "one of m h d w M Q Y\n"
         "DIR/s.yaml:6: AlertCondition.spec.condition.op: \"above\" is none of: lte gte lt gt\n"
         "DIR/s.yaml:6: AlertCondition.spec.condition.threshold: \"x\" is not a number\n"},
    };
    CHECK_SLO_FAULTS(faults);
    const struct tw_workflows *set = slo_taken(CONDITION("gte", "14.4", "1h"));
    assert_int_equal(set->note_count, 0);
    tw_workflows_unref(&set);
}

static void read__names_and_numbers__are_those_of_the_whole_set(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    for (size_t i = 0; i <= TW_WF_OBJECTIVES_MAX; i++) {
        (void)fprintf(
            out,
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: s%zu}\nspec:\n  service: "
            "x\n%s---\n",
            i, RAW("workflow: w, sli: completion") OCC TARGET);
    }
    assert_int_equal(fclose(out), 0);
    slo_refused(text, "DIR/s.yaml:145: workflow w would have more than 16 objectives\n");
    free(text);
    static const char *const files[] = {"1.yaml", "2.yaml", "w.yaml"};
    char *dir = make_dir();
    char *report = NULL;
    const struct tw_workflows *set = NULL;
    put_file(dir, "w.yaml", workflow);
    put_file(dir, "1.yaml", ENVELOPE RAW(LATENCY) OCC TARGET);
    put_file(dir, "2.yaml", ENVELOPE RAW(LATENCY) OCC TARGET);
    assert_int_equal(load_dir(dir, false, &report, &set), TW_ECONFIG);
    assert_string_equal(report, "DIR/2.yaml:1: metadata.name: there is an objective \"s\" already "
                                "(of workflow w)\n");
    free(report);
    remove_dir(dir, files, 3);
}

static void read__a_file__has_64_documents_and_no_more(void **state)
{
    (void)state;
    for (size_t count = 64; count <= 65; count++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        for (size_t i = 0; i < count; i++) {
            (void)fprintf(
                out, "---\napiVersion: openslo/v1\nkind: Service\nmetadata: {name: s%zu}\n", i);
        }
        assert_int_equal(fclose(out), 0);
        if (count == 64) {
            const struct tw_workflows *set = slo_taken(text);
            tw_workflows_unref(&set);
        } else {
            slo_refused(text, "DIR/s.yaml:257: more than 64 YAML documents\n");
        }
        free(text);
    }
}

/* ---- there and back ---- */

static void check_same(const struct tw_wf_objective *a, const struct tw_wf_objective *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->title, b->title);
    assert_int_equal(a->owner == NULL, b->owner == NULL);
    assert_true(a->owner == NULL || strcmp(a->owner, b->owner) == 0);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->step, b->step);
    assert_int_equal(a->from, b->from);
    assert_int_equal(a->within_ns, b->within_ns);
    assert_int_equal(a->target_ppm, b->target_ppm);
    assert_int_equal(a->window, b->window);
    assert_int_equal(a->window_ns, b->window_ns);
    assert_int_equal(a->timezone == NULL, b->timezone == NULL);
    assert_true(a->timezone == NULL || strcmp(a->timezone, b->timezone) == 0);
}

static void write__every_objective__reads_back_to_the_same(void **state)
{
    (void)state;
    static const char goals[] =
        "objectives:\n"
        "  - {name: o1, title: \"T \\u00e9 \\\"q\\\"\", owner: x, kind: latency, step: c, from: b, "
        "within: 90s, target: 99.5%, window: 28d}\n"
        "  - {name: o2, kind: latency, step: b, within: 1ms, target: 0.0001%, window: 61min}\n"
        "  - {name: o3, kind: completion, target: 99.9999%, window: month, timezone: "
        "Europe/Berlin}\n"
        "  - {name: o4, kind: completion, target: 0.01%, window: day}\n"
        "  - {name: o5, kind: freshness, step: b, within: 36h, target: 50%, window: week}\n"
        "  - {name: o6, kind: completeness, step: c, target: 33.3333%, window: 1h}\n"
        "  - {name: o7, kind: completeness, target: 0.0099%, window: 30d}\n"
        "  - {name: o8, kind: latency, step: b, within: 400d, target: 98.7654%, window: 25h}\n";
    char yaml[4096];
    (void)snprintf(yaml, sizeof(yaml), "%s%s", workflow, goals);
    const struct tw_workflows *set = taken(yaml);
    assert_int_equal(set->items[0].objective_count, 8);
    for (size_t i = 0; i < 8; i++) {
        const struct tw_wf_objective *objective = &set->items[0].objectives[i];
        char *document = tw_objective_openslo(&set->items[0], objective);
        assert_non_null(document);
        const struct tw_workflows *back = slo_taken(document);
        check_same(&tw_workflows_find(back, "w")->objectives[0], objective);
        tw_workflows_unref(&back);
        free(document);
    }
    tw_workflows_unref(&set);
}

static void write__an_objective__has_the_keys_of_the_specification(void **state)
{
    (void)state;
    static const char yaml[] = "objectives:\n  - {name: in-time, title: In time, owner: x, kind: "
                               "latency, step: b, within: 60s, target: 99.5%}\n";
    char text[1024];
    (void)snprintf(text, sizeof(text), "%s%s", workflow, yaml);
    const struct tw_workflows *set = taken(text);
    char *document = tw_objective_openslo(&set->items[0], &set->items[0].objectives[0]);
    assert_string_equal(document, "{\n"
                                  "  \"apiVersion\": \"openslo/v1\",\n"
                                  "  \"kind\": \"SLO\",\n"
                                  "  \"metadata\": {\n"
                                  "    \"name\": \"in-time\",\n"
                                  "    \"displayName\": \"In time\",\n"
                                  "    \"annotations\": {\n"
                                  "      \"tillwatch/owner\": \"x\"\n"
                                  "    }\n"
                                  "  },\n"
                                  "  \"spec\": {\n"
                                  "    \"service\": \"w\",\n"
                                  "    \"indicator\": {\n"
                                  "      \"metadata\": {\n"
                                  "        \"name\": \"in-time\"\n"
                                  "      },\n"
                                  "      \"spec\": {\n"
                                  "        \"ratioMetric\": {\n"
                                  "          \"counter\": true,\n"
                                  "          \"rawType\": \"success\",\n"
                                  "          \"raw\": {\n"
                                  "            \"metricSource\": {\n"
                                  "              \"type\": \"tillwatch\",\n"
                                  "              \"spec\": {\n"
                                  "                \"workflow\": \"w\",\n"
                                  "                \"sli\": \"latency\",\n"
                                  "                \"step\": \"b\",\n"
                                  "                \"within\": \"1min\"\n"
                                  "              }\n"
                                  "            }\n"
                                  "          }\n"
                                  "        }\n"
                                  "      }\n"
                                  "    },\n"
                                  "    \"timeWindow\": [\n"
                                  "      {\n"
                                  "        \"duration\": \"30d\",\n"
                                  "        \"isRolling\": true\n"
                                  "      }\n"
                                  "    ],\n"
                                  "    \"budgetingMethod\": \"Occurrences\",\n"
                                  "    \"objectives\": [\n"
                                  "      {\n"
                                  "        \"target\": 0.995\n"
                                  "      }\n"
                                  "    ]\n"
                                  "  }\n"
                                  "}");
    free(document);
    tw_workflows_unref(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read__an_slo_of_ours__becomes_an_objective),
        cmocka_unit_test(read__every_way_of_saying_it__is_taken),
        cmocka_unit_test(read__documents_of_one_file__refer_to_each_other),
        cmocka_unit_test(read__alert_documents__are_checked_and_not_used),
        cmocka_unit_test(read__envelopes__are_those_of_the_specification),
        cmocka_unit_test(read__descriptions__have_1050_characters),
        cmocka_unit_test(read__objectives_and_methods__are_those_that_can_be_kept),
        cmocka_unit_test(read__indicators__are_exactly_one_and_ours),
        cmocka_unit_test(read__thresholds__are_seconds_at_most),
        cmocka_unit_test(read__windows__roll_or_follow_the_calendar),
        cmocka_unit_test(read__alert_documents_with_faults__are_refused),
        cmocka_unit_test(read__names_and_numbers__are_those_of_the_whole_set),
        cmocka_unit_test(read__a_file__has_64_documents_and_no_more),
        cmocka_unit_test(write__every_objective__reads_back_to_the_same),
        cmocka_unit_test(write__an_objective__has_the_keys_of_the_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
