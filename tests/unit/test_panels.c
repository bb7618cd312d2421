/* SPDX-License-Identifier: Apache-2.0
 * web/panel/: what a dashboard says reaches its field; every check with its file:line; what is
 * wrong with one panel leaves the others alone; every limit at its edge.
 */
#include "config.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_support.h"
#include "web/panel/panels.h"

/* Five lines that a test's panels can follow. */
#define HEAD  "name: d\ntitle: D\nabout: A\npanels:\n"
#define GOOD  "  - {name: g, unit: count, series: [{metric: open_runs}]}\n"
#define PANEL "  - {name: p, unit: count, series: [{metric: "

static const struct tw_dashboards *parsed(const char *yaml, char **ret_report)
{
    const struct tw_dashboards *set = NULL;
    size_t size = 0;
    FILE *report = open_memstream(ret_report, &size);
    assert_non_null(report);
    assert_int_equal(tw_dashboards_parse("d.yaml", yaml, strlen(yaml), report, &set), TW_OK);
    assert_int_equal(fclose(report), 0);
    return set;
}

static const struct tw_dashboards *taken(const char *yaml)
{
    char *report = NULL;
    const struct tw_dashboards *set = parsed(yaml, &report);
    assert_string_equal(report, "");
    assert_int_equal(set->fault_count, 0);
    free(report);
    return set;
}

/* A panel behind a good one: it has exactly this fault, and the good one none. */
static void check_faulty(const char *panel, const char *fault)
{
    char yaml[8192];
    char *report = NULL;
    (void)snprintf(yaml, sizeof yaml, HEAD GOOD "%s", panel);
    const struct tw_dashboards *set = parsed(yaml, &report);
    assert_int_equal(set->count, 1);
    assert_int_equal(set->items[0].panel_count, 2);
    assert_null(set->items[0].panels[0].fault);
    const char *got = set->items[0].panels[1].fault;
    if (got == NULL || strcmp(got, fault) != 0) {
        print_error("%s\nexpected: %s\ngot:      %s\n", panel, fault, got);
    }
    assert_non_null(got);
    assert_string_equal(got, fault);
    assert_true(set->fault_count > 0);
    assert_true(strncmp(report, fault, strlen(fault)) == 0);
    tw_dashboards_unref(&set);
    free(report);
}

static void parse__every_key__reaches_its_field(void **state)
{
    (void)state;
    const struct tw_dashboards *set =
        taken(HEAD "  - name: p\n"
                   "    title: P\n"
                   "    kind: stack\n"
                   "    unit: per-minute\n"
                   "    range: 2h\n"
                   "    bare: true\n"
                   "    parameters: [workflow, \"step?\"]\n"
                   "    series:\n"
                   "      - {metric: step_done, where: {workflow: $workflow, step: posted}, by: "
                   "step,\n"
                   "         join: max, per: hour, legend: L, tone: bad}\n"
                   "      - {metric: step_lag, where: {step: $step}, quantile: 0.95}\n"
                   "    lines:\n"
                   "      - {value: -1.5e3, title: T, tone: ok}\n"
                   "      - {value: 2}\n");
    const struct tw_panel *panel = tw_dashboards_panel(set, TW_STR_LIT("d.p"));
    assert_non_null(panel);
    assert_string_equal(set->items[0].title, "D");
    assert_string_equal(set->items[0].about, "A");
    assert_string_equal(panel->title, "P");
    assert_int_equal(panel->kind, TW_PANEL_STACK);
    assert_int_equal(panel->unit, TW_UNIT_PER_MINUTE);
    assert_int_equal(panel->range_s, 7200);
    assert_true(panel->is_bare);
    assert_int_equal(panel->params, 1u << TW_PARAM_WORKFLOW);
    assert_int_equal(panel->may_params, 1u << TW_PARAM_STEP);
    assert_int_equal(panel->series_count, 2);
    const struct tw_panel_series *series = &panel->series[0];
    assert_string_equal(series->metric->name, "step_done");
    assert_int_equal(series->where_count, 2);
    assert_string_equal(series->where[0].label, "workflow");
    assert_null(series->where[0].value);
    assert_int_equal(series->where[0].param, TW_PARAM_WORKFLOW);
    assert_string_equal(series->where[1].value, "posted");
    assert_string_equal(series->by, "step");
    assert_int_equal(series->join, TW_JOIN_MAX);
    assert_int_equal(series->per_s, 3600);
    assert_string_equal(series->legend, "L");
    assert_int_equal(series->tone, TW_TONE_BAD);
    assert_int_equal(panel->series[1].ppm, 950000);
    assert_int_equal(panel->line_count, 2);
    assert_true(panel->lines[0].value < -1499 && panel->lines[0].value > -1501);
    assert_string_equal(panel->lines[0].title, "T");
    assert_int_equal(panel->lines[0].tone, TW_TONE_OK);
    assert_null(tw_dashboards_panel(set, TW_STR_LIT("d.q")));
    assert_null(tw_dashboards_panel(set, TW_STR_LIT("d")));
    assert_null(tw_dashboards_panel(set, TW_STR_LIT("")));
    tw_dashboards_unref(&set);
}

static void parse__what_is_not_given__has_its_default(void **state)
{
    (void)state;
    const struct tw_dashboards *set =
        taken("name: d\npanels:\n  - {name: p, unit: count, series: [{metric: open_runs}]}\n");
    const struct tw_panel *panel = &set->items[0].panels[0];
    assert_string_equal(set->items[0].title, "d");
    assert_string_equal(panel->title, "p");
    assert_int_equal(panel->kind, TW_PANEL_LINE);
    assert_int_equal(panel->range_s, 3600);
    assert_false(panel->is_bare);
    assert_null(panel->series[0].legend);
    assert_int_equal(panel->series[0].join, TW_JOIN_SUM);
    tw_dashboards_unref(&set);
}

static void parse__a_faulty_panel__keeps_its_fault_and_the_others_work(void **state)
{
    (void)state;
    static const struct {
        const char *panel;
        const char *fault;
    } rows[] = {
        {"  - {name: p, series: [{metric: open_runs}]}\n",
         "d.yaml:6: panels: the key \"unit\" is missing"},
        {"  - {name: p, unit: count}\n", "d.yaml:6: panels: the key \"series\" is missing"},
        {"  - {name: g, unit: count, series: [{metric: open_runs}]}\n",
         "d.yaml:6: panels.name: \"g\" is there already (line 5)"},
        {"  - {name: p, unit: count, colour: red, series: [{metric: open_runs}]}\n",
         "d.yaml:6: panels: unknown key \"colour\""},
        {"  - {name: p, unit: count, range: 59s, series: [{metric: open_runs}]}\n",
         "d.yaml:6: panels.range: 59s is out of range, allowed are 60 to 34560000 s"},
        {"  - {name: p, unit: count, series: []}\n",
         "d.yaml:6: panels.series: 0 entries, allowed are 1 to 12"},
        {"  - {name: p, unit: count, series: x}\n", "d.yaml:6: panels.series: a list is expected"},
        {PANEL "open_run}]}\n", "d.yaml:6: series.metric: there is no series \"open_run\", did "
                                "you mean \"open_runs\"?"},
        {PANEL "open_runs, per: minute}]}\n",
         "d.yaml:6: series.per: \"open_runs\" is no count, it has no rate"},
        {PANEL "open_runs, by: step}]}\n",
         "d.yaml:6: series.by: \"open_runs\" has no label \"step\", it has none"},
        {PANEL "step_done, where: {store: 1}}]}\n",
         "d.yaml:6: series.where: \"step_done\" has no label \"store\", it has step and workflow"},
        {PANEL "step_done, where: {step: $step}}]}\n",
         "d.yaml:6: series.where: \"$step\" is not among the parameters"},
        {PANEL "step_done, where: [a]}]}\n",
         "d.yaml:6: series.where: a map of labels and values is expected"},
        {PANEL "step_lag}]}\n", "d.yaml:6: series: \"step_lag\" is a sketch: which quantile?"},
        {PANEL "step_lag, quantile: 1}]}\n",
         "d.yaml:6: series.quantile: out of range, allowed are 0.01 to 0.9999"},
        {PANEL "step_lag, quantile: much}]}\n", "d.yaml:6: series.quantile: \"much\" is no number"},
        {PANEL "open_runs, quantile: 0.5}]}\n",
         "d.yaml:6: series.quantile: \"open_runs\" is no sketch"},
        {"  - {name: p, unit: seconds, kind: percentiles, series: [{metric: open_runs}]}\n",
         "d.yaml:6: series: kind percentiles has one sketch, such as step_lag, without quantile"},
        {"  - {name: p, unit: seconds, kind: percentiles, series: [{metric: step_lag, by: step}]}"
         "\n",
         "d.yaml:6: series.by: not with kind percentiles"},
        {"  - {name: p, unit: count, parameters: [workflw], series: [{metric: open_runs}]}\n",
         "d.yaml:6: panels.parameters: there is no parameter \"workflw\", did you mean "
         "\"workflow\"?"},
        {"  - {name: p, unit: count, series: [{metric: open_runs}], lines: [{value: nan}]}\n",
         "d.yaml:6: lines.value: \"nan\" is no number"},
        {"  - {name: p, unit: count, series: [{metric: open_runs}], lines: [{value: 1},{value: 1},"
         "{value: 1},{value: 1},{value: 1}]}\n",
         "d.yaml:6: panels.lines: 5 entries, allowed are 1 to 4"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check_faulty(rows[i].panel, rows[i].fault);
    }
}

static void parse__limits__hold_at_their_edge(void **state)
{
    (void)state;
    char yaml[16384] = HEAD;
    char *report = NULL;
    for (int i = 0; i < TW_PANELS_MAX; i++) {
        size_t used = strlen(yaml);
        (void)snprintf(yaml + used, sizeof yaml - used,
                       "  - {name: p%d, unit: count, series: [{metric: open_runs}]}\n", i);
    }
    const struct tw_dashboards *set = taken(yaml);
    assert_int_equal(set->items[0].panel_count, TW_PANELS_MAX);
    tw_dashboards_unref(&set);
    size_t len = strlen(yaml);
    (void)snprintf(yaml + len, sizeof yaml - len,
                   "  - {name: more, unit: count, series: [{metric: open_runs}]}\n");
    set = parsed(yaml, &report);
    assert_string_equal(report, "d.yaml:5: dashboard.panels: 49 entries, allowed are 1 to 48\n");
    assert_int_equal(set->items[0].panel_count, 0);
    tw_dashboards_unref(&set);
    free(report);
}

static void parse__a_file_that_is_no_dashboard__shows_why(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        const char *fault;
    } rows[] = {
        {"", "d.yaml: there is nothing in it"},
        {"- a\n", "d.yaml:1: dashboard: a map of keys and values is expected"},
        {"title: x\npanels: []\n", "d.yaml:1: dashboard: the key \"name\" is missing"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *report = NULL;
        const struct tw_dashboards *set = parsed(rows[i].yaml, &report);
        assert_int_equal(set->count, 1);
        assert_string_equal(set->items[0].name, "d"); /* the file's */
        assert_string_equal(set->items[0].fault, rows[i].fault);
        tw_dashboards_unref(&set);
        free(report);
    }
    char *report = NULL;
    const struct tw_dashboards *set = parsed("{a: [", &report);
    assert_int_equal(set->count, 1);
    assert_non_null(set->items[0].fault);
    assert_true(strncmp(set->items[0].fault, "d.yaml:", 7) == 0);
    tw_dashboards_unref(&set);
    free(report);
}

static void load__nothing_given__is_every_built_in_dashboard_without_fault(void **state)
{
    (void)state;
    static const char *const names[] = {"erp-posting-health",
                                        "executive",
                                        "inventory-synchronization",
                                        "objective",
                                        "order-flow",
                                        "overview",
                                        "returns-status",
                                        "spark",
                                        "stores",
                                        "workflow"};
    struct tw_cfg *cfg = accepted("");
    const struct tw_dashboards *set = NULL;
    assert_int_equal(tw_dashboards_load(cfg, stderr, &set), TW_OK);
    assert_int_equal(set->fault_count, 0);
    assert_int_equal(set->count, sizeof names / sizeof names[0]);
    for (size_t i = 0; i < set->count; i++) {
        assert_string_equal(set->items[i].name, names[i]);
        assert_true(set->items[i].is_builtin);
    }
    tw_dashboards_unref(&set);
    tw_cfg_destroy(&cfg);
    cfg = accepted("dashboards: {pack: false}\n");
    assert_int_equal(tw_dashboards_load(cfg, stderr, &set), TW_OK);
    assert_int_equal(set->count, 0);
    tw_dashboards_unref(&set);
    tw_cfg_destroy(&cfg);
}

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
}

static void load__a_directory__comes_beside_and_wins_over_the_built_in(void **state)
{
    (void)state;
    char dir[] = "/tmp/tw-panels-XXXXXX";
    char path[64];
    char yaml[128];
    char *report = NULL;
    size_t size = 0;
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof path, "%s/a.yaml", dir);
    put_file(path, "name: stores\npanels:\n" GOOD);
    (void)snprintf(path, sizeof path, "%s/b.yaml", dir);
    put_file(path, "name: stores\npanels:\n" GOOD); /* once is enough */
    (void)snprintf(yaml, sizeof yaml, "dashboards: {dirs: %s}\n", dir);
    struct tw_cfg *cfg = accepted(yaml);
    const struct tw_dashboards *set = NULL;
    FILE *out = open_memstream(&report, &size);
    assert_int_equal(tw_dashboards_load(cfg, out, &set), TW_OK);
    assert_int_equal(fclose(out), 0);
    assert_non_null(strstr(report, "b.yaml: dashboard.name: \"stores\" is there already ("));
    assert_int_equal(set->count, 10);
    const struct tw_dashboard *stores = tw_dashboards_find(set, TW_STR_LIT("stores"));
    assert_false(stores->is_builtin);
    assert_int_equal(stores->panel_count, 1);
    tw_dashboards_unref(&set);
    tw_cfg_destroy(&cfg);
    free(report);
    assert_int_equal(unlink(path), 0);
    (void)snprintf(path, sizeof path, "%s/a.yaml", dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void print_keys__the_reference_page__has_them(void **state)
{
    (void)state;
    char *keys = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&keys, &size);
    assert_int_equal(tw_dashboards_print_keys(out), TW_OK);
    assert_int_equal(fclose(out), 0);
    char *page = calloc(1, 256 * 1024);
    FILE *file = fopen(TW_SRCDIR "/docs/reference/dashboards.md", "r");
    assert_non_null(file);
    assert_non_null(page);
    assert_true(fread(page, 1, 256 * 1024 - 1, file) > size);
    assert_int_equal(fclose(file), 0);
    /* If this fails: put what tillwatch print-config --dashboard-keys says between its markers. */
    assert_non_null(strstr(page, keys));
    free(page);
    free(keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse__every_key__reaches_its_field),
        cmocka_unit_test(parse__what_is_not_given__has_its_default),
        cmocka_unit_test(parse__a_faulty_panel__keeps_its_fault_and_the_others_work),
        cmocka_unit_test(parse__limits__hold_at_their_edge),
        cmocka_unit_test(parse__a_file_that_is_no_dashboard__shows_why),
        cmocka_unit_test(load__nothing_given__is_every_built_in_dashboard_without_fault),
        cmocka_unit_test(load__a_directory__comes_beside_and_wins_over_the_built_in),
        cmocka_unit_test(print_keys__the_reference_page__has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
