/* SPDX-License-Identifier: Apache-2.0
 * workflow/: sets of several files, the retail pack, references, and memory that runs out at every
 * single call.
 */
#include "config.h"

#include "alloc_kit.h"
#include "workflow_support.h"

/* ---- the pack ---- */

static const char *const pack[] = {
    "case-sync",          "click-and-collect", "customer-sync", "inventory-sync",
    "loyalty-redemption", "order-fulfilment",  "price-update",  "product-master",
    "promotion-rollout",  "replenishment",     "return-refund", "sale-posting",
    "settlement",
};
#define PACK_COUNT (sizeof(pack) / sizeof(pack[0]))

static const struct tw_workflows *load_builtin(const char *yaml)
{
    struct tw_cfg *cfg = accepted(yaml);
    const struct tw_workflows *set = NULL;
    assert_int_equal(tw_workflows_load(cfg, stderr, &set), TW_OK);
    tw_cfg_destroy(&cfg);
    return set;
}

static void load__nothing_given__is_the_whole_retail_pack(void **state)
{
    (void)state;
    const struct tw_workflows *set = load_builtin("");
    assert_int_equal(set->count, PACK_COUNT);
    for (size_t i = 0; i < PACK_COUNT; i++) {
        const struct tw_workflow *w = tw_workflows_find(set, pack[i]);
        assert_non_null(w);
        assert_ptr_equal(w, &set->items[i]); /* ordered by name */
        assert_true(w->objective_count >= 2);
        bool has_destination = false;
        for (size_t s = 0; s < w->step_count; s++) {
            const struct tw_wf_step *step = &w->steps[s];
            has_destination = has_destination || step->is_destination;
            assert_true(step->after < UINT32_C(1) << s); /* points back only */
            /* Whatever can fail or be late has somebody who knows what to do. */
            assert_true(step->after == 0 || step->runbook != NULL);
            assert_true(step->after == 0 || step->within_ns > 0 || step->is_optional);
            assert_true(strncmp(step->done[0].event, "com.tillwatch.", 14) == 0);
        }
        assert_true(has_destination);
        /* What is kept with its runs reads back to the same version. */
        struct tw_cfg *cfg = plain_config();
        const struct tw_workflows *again = NULL;
        char *report = NULL;
        assert_int_equal(parse_with(cfg, w->text, &report, &again), TW_OK);
        assert_int_equal(again->items[0].version, w->version);
        tw_workflows_unref(&again);
        free(report);
        tw_cfg_destroy(&cfg);
    }
    assert_null(tw_workflows_find(set, "sale"));
    assert_null(tw_workflows_find(set, ""));
    assert_null(tw_workflows_find(set, "zzz"));
    tw_workflows_unref(&set);
}

/* Whether one event could begin runs of both: then an order would be awaited twice. */
static bool starts_overlap(const struct tw_workflow *a, const struct tw_workflow *b)
{
    const struct tw_wf_step *one = &a->steps[0];
    const struct tw_wf_step *other = &b->steps[0];
    for (size_t i = 0; i < one->done_count; i++) {
        for (size_t k = 0; k < other->done_count; k++) {
            const struct tw_wf_match *x = &one->done[i];
            const struct tw_wf_match *y = &other->done[k];
            bool is_apart = false;
            for (size_t w = 0; w < x->where_count && w < y->where_count; w++) {
                is_apart = is_apart || x->where[w].kind != y->where[w].kind ||
                           strcmp(x->where[w].value, y->where[w].value) != 0;
            }
            if (strcmp(x->event, y->event) == 0 && !is_apart) {
                return true;
            }
        }
    }
    return false;
}

static void load__the_pack__never_begins_two_runs_with_one_event(void **state)
{
    (void)state;
    const struct tw_workflows *set = load_builtin("");
    for (size_t i = 0; i < set->count; i++) {
        assert_int_equal(set->items[i].starts, 1);
        for (size_t k = 0; k < i; k++) {
            assert_false(starts_overlap(&set->items[i], &set->items[k]));
        }
    }
    tw_workflows_unref(&set);
}

static void load__without_an_object_type__the_pack_leaves_its_workflows_out(void **state)
{
    (void)state;
    const struct tw_workflows *set =
        load_builtin("objects:\n  - {type: order, attribute: orderid}\n"
                     "  - {type: case, attribute: caseid, role: context}\n");
    assert_int_equal(set->count, 2);
    assert_non_null(tw_workflows_find(set, "order-fulfilment"));
    assert_non_null(tw_workflows_find(set, "click-and-collect"));
    assert_int_equal(set->note_count, PACK_COUNT - 2);
    assert_string_equal(set->notes[0],
                        "(built in) case-sync.yaml: left out, the configuration has no linking "
                        "object type \"case\"");
    tw_workflows_unref(&set);
    set = load_builtin("workflows: {pack: false}\n");
    assert_int_equal(set->count, 0);
    assert_true(set->version != 0);
    tw_workflows_unref(&set);
}

/* ---- directories ---- */

#define ONE(name, event)                                                              \
    "name: " name                                                                     \
    "\nowner: o\ntiming: queued\nobject: transaction\nsteps:\n  - {name: a, system: " \
    "pos, event: " event "}\n"

static void load__a_directory__is_read_in_order_and_wins_over_the_pack(void **state)
{
    (void)state;
    static const char *const names[] = {"a.yaml", "b.yaml", ".hidden.yaml", "c.yml"};
    char *dir = make_dir();
    char *report = NULL;
    const struct tw_workflows *set = NULL;
    put_file(dir, "a.yaml", ONE("sale-posting", "mine"));
    put_file(dir, "b.yaml", ONE("other", "x"));
    put_file(dir, ".hidden.yaml", "nonsense");
    put_file(dir, "c.yml", "nonsense");
    assert_int_equal(load_dir(dir, true, &report, &set), TW_OK);
    assert_string_equal(report, "");
    assert_int_equal(set->count, PACK_COUNT + 1);
    const struct tw_workflow *mine = tw_workflows_find(set, "sale-posting");
    assert_string_equal(mine->steps[0].done[0].event, "mine");
    assert_int_equal(mine->objective_count, 0);
    tw_workflows_unref(&set);
    free(report);
    remove_dir(dir, names, 4);
}

static void load__faults_of_all_files__are_told_at_once(void **state)
{
    (void)state;
    static const char *const names[] = {"1.yaml", "2.yaml", "3.yaml", "4.yaml", "5.yaml", "6.yaml"};
    char *dir = make_dir();
    char *report = NULL;
    char last[256];
    const struct tw_workflows *set = load_builtin("");
    const struct tw_workflow *returns = tw_workflows_find(set, "return-refund");
    (void)snprintf(last, sizeof(last),
                   "%s:%d: objectives.name: \"returns-complete\" is there already "
                   "(DIR/3.yaml:9)\n",
                   returns->file, returns->objectives[2].line);
    tw_workflows_unref(&set);
    put_file(dir, "1.yaml",
             ONE("w", "e") "objectives:\n  - {name: g, kind: completion, target: "
                           "99%}\n  - {name: g, kind: completion, target: 1}\n");
    put_file(dir, "2.yaml", "\n" ONE("w", "e"));
    put_file(dir, "3.yaml",
             ONE("v", "e") "  - {name: b, system: x-ray, event: f, after: c}\n"
                           "objectives:\n  - {name: returns-complete, kind: "
                           "completion, target: 99%}\n");
    put_file(dir, "4.yaml",
             "maintenance:\n  - {name: m, reason: r, start: '1:00', duration: 1h,\n"
             "     workflows: [sale-psting, w, v]}\n");
    put_file(dir, "5.yaml", "a: [\n");
    put_file(dir, "6.yaml", "apiVersion: openslo/v2\nkind: Service\nmetadata: {name: s}\n");
    assert_int_equal(load_dir(dir, true, &report, &set), TW_ECONFIG);
    assert_null(set);
    static const char expected[] =
        "DIR/1.yaml:9: objectives.name: \"g\" is there already (DIR/1.yaml:8)\n"
        "DIR/1.yaml:9: objectives.target: \"1\" is not a share in percent with at most four "
        "decimals, such as 99.5%\n"
        "DIR/2.yaml:2: workflow.name: \"w\" is there already (DIR/1.yaml:1)\n"
        "DIR/3.yaml:7: steps.after: there is no step \"c\"\n"
        "DIR/3.yaml:7: steps.system: there is no system \"x-ray\"\n"
        "DIR/4.yaml:2: maintenance.start: \"1:00\" is not a time of day, 00:00 to 23:59\n"
        "DIR/4.yaml:2: maintenance.workflows: there is no workflow \"sale-psting\", did you mean "
        "\"sale-posting\"?\n"
        "DIR/5.yaml:2: not YAML: while parsing a flow node, did not find expected node content\n"
        "DIR/6.yaml:1: apiVersion: \"openslo/v2\" is not openslo/v1\n";
    assert_true(strncmp(report, expected, strlen(expected)) == 0);
    assert_string_equal(report + strlen(expected), last);
    free(report);
    remove_dir(dir, names, 6);
}

static void load__two_hundred_workflows__and_no_more(void **state)
{
    (void)state;
    char *dir = make_dir();
    char *report = NULL;
    const struct tw_workflows *set = NULL;
    char name[32];
    char text[512];
    for (unsigned i = 0; i <= TW_WF_MAX; i++) {
        (void)snprintf(name, sizeof(name), "%03u.yaml", i);
        (void)snprintf(text, sizeof(text),
                       "name: w%u\nowner: o\ntiming: queued\nobject: order\nsteps:\n"
                       "  - {name: a, system: pos, event: e%u}\n",
                       i, i);
        put_file(dir, name, text);
        if (i == TW_WF_MAX - 1) {
            assert_int_equal(load_dir(dir, false, &report, &set), TW_OK);
            assert_int_equal(set->count, TW_WF_MAX);
            tw_workflows_unref(&set);
            free(report);
        }
    }
    assert_int_equal(load_dir(dir, false, &report, &set), TW_ECONFIG);
    assert_string_equal(report, "DIR/200.yaml:1: more than 200 workflows\n");
    free(report);
    for (unsigned i = 0; i <= TW_WF_MAX; i++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%03u.yaml", dir, i);
        assert_int_equal(unlink(path), 0);
    }
    remove_dir(dir, NULL, 0);
}

static void load__a_directory_that_has_gone__is_a_fault(void **state)
{
    (void)state;
    char *dir = make_dir();
    char yaml[128];
    (void)snprintf(yaml, sizeof(yaml), "workflows: {pack: false, dirs: [%s]}\n", dir);
    struct tw_cfg *cfg = accepted(yaml);
    const struct tw_workflows *set = NULL;
    remove_dir(dir, NULL, 0);
    assert_int_equal(tw_workflows_load(cfg, NULL, &set), TW_ECONFIG);
    assert_null(set);
    tw_cfg_destroy(&cfg);
    check_refused("workflows: {dirs: [/nowhere/at/all]}\n",
                  "t.yaml: workflows.dirs: /nowhere/at/all is no directory\n");
}

static void load__directories__count_from_the_configuration_file(void **state)
{
    (void)state;
    static const char *const names[] = {"c.yaml", "w.yaml"};
    char *dir = make_dir();
    char path[128];
    struct tw_cfg *cfg = NULL;
    const struct tw_workflows *set = NULL;
    put_file(dir, "c.yaml", "workflows: {pack: false, dirs: ../x}\n");
    put_file(dir, "w.yaml", "maintenance: []\n");
    (void)snprintf(path, sizeof(path), "%s/c.yaml", dir);
    assert_int_equal(tw_cfg_load(path, NULL, &cfg), TW_ECONFIG);
    assert_null(cfg);
    assert_int_equal(tw_cfg_load_anyway(path, NULL, &cfg), TW_ECONFIG);
    assert_non_null(cfg);
    assert_int_equal(cfg->workflows.dirs.count, 0); /* told, and left out */
    tw_cfg_destroy(&cfg);
    char text[256];
    (void)snprintf(text, sizeof(text), "workflows: {pack: false, dirs: ../%s/.}\n",
                   strrchr(dir, '/') + 1);
    put_file(dir, "c.yaml", text);
    assert_int_equal(tw_cfg_load(path, NULL, &cfg), TW_OK);
    assert_string_equal(cfg->workflows.dirs.items[0], dir);
    /* The configuration itself is no workflow. */
    assert_int_equal(tw_workflows_load(cfg, NULL, &set), TW_ECONFIG);
    tw_cfg_destroy(&cfg);
    remove_dir(dir, names, 2);
}

/* ---- references and versions ---- */

static void parse__a_text_without_an_end__is_read_to_its_length(void **state)
{
    (void)state;
    struct tw_cfg *cfg = plain_config();
    const struct tw_workflows *set = NULL;
    const char yaml[] = ONE("w", "e");
    const char *behind = "  - nonsense";
    char *text = calloc(1, sizeof(yaml) + strlen(behind));
    assert_non_null(text);
    memcpy(text, yaml, sizeof(yaml) - 1);
    memcpy(text + sizeof(yaml) - 1, behind, strlen(behind));
    assert_int_equal(tw_workflows_parse(cfg, "w", text, sizeof(yaml) - 1, stderr, &set), TW_OK);
    assert_string_equal(set->items[0].text, yaml);
    tw_workflows_unref(&set);
    free(text);
    tw_cfg_destroy(&cfg);
}

static void ref__the_last_one__frees(void **state)
{
    (void)state;
    const struct tw_workflows *set = taken(ONE("w", "e"));
    const struct tw_workflows *second = tw_workflows_ref(set);
    assert_ptr_equal(set, second);
    tw_workflows_unref(&set);
    assert_null(set);
    assert_string_equal(second->items[0].name, "w");
    tw_workflows_unref(&second);
}

static void load__the_next_set__has_its_version_and_leaves_the_old_one(void **state)
{
    (void)state;
    static const char *const names[] = {"w.yaml"};
    char *dir = make_dir();
    char *reports[3] = {NULL};
    const struct tw_workflows *sets[3] = {NULL};
    put_file(dir, "w.yaml", ONE("w", "e"));
    assert_int_equal(load_dir(dir, false, &reports[0], &sets[0]), TW_OK);
    put_file(dir, "w.yaml", "# the same\n" ONE("w", "e"));
    assert_int_equal(load_dir(dir, false, &reports[1], &sets[1]), TW_OK);
    put_file(dir, "w.yaml", ONE("w", "f"));
    assert_int_equal(load_dir(dir, false, &reports[2], &sets[2]), TW_OK);
    assert_int_equal(sets[0]->version, sets[1]->version);
    assert_int_equal(sets[0]->items[0].version, sets[1]->items[0].version);
    assert_int_not_equal(sets[0]->version, sets[2]->version);
    assert_int_not_equal(sets[0]->items[0].version, sets[2]->items[0].version);
    assert_string_equal(sets[0]->items[0].steps[0].done[0].event, "e");
    for (size_t i = 0; i < 3; i++) {
        tw_workflows_unref(&sets[i]);
        free(reports[i]);
    }
    remove_dir(dir, names, 1);
}

/* ---- memory ---- */

static const char slo[] =
    "maintenance:\n  - {name: m, reason: r, workflows: [w], system: erp, start: '02:00', duration: "
    "1h}\n---\n"
    "apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: s, annotations: {tillwatch/owner: o}}\n"
    "spec:\n  service: w\n  budgetingMethod: Occurrences\n  indicatorRef: i\n"
    "  timeWindow: [{duration: 1M, calendar: {startTime: '2024-01-01 00:00:00', timeZone: "
    "Europe/Berlin}}]\n  objectives: [{target: 0.9}]\n---\n"
    "apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: i}\nspec:\n  ratioMetric: {rawType: "
    "success, raw: {metricSource: {type: tillwatch, spec: {workflow: w, sli: latency, step: b, "
    "from: a, within: 5s}}}}\n";

static void load__memory_that_runs_out_anywhere__is_said_and_nothing_leaks(void **state)
{
    (void)state;
    static const char *const names[] = {"1.yaml", "2.yaml"};
    char *dir = make_dir();
    char yaml[512];
    put_file(dir, "1.yaml",
             ONE("w", "{type: e, where: {x: '1'}}") "  - {name: b, system: erp, event: f, failure: "
                                                    "g, compensation: h, after: a, within: 5s, "
                                                    "when: x, authority: erp, runbook: none}\n"
                                                    "objectives:\n  - {name: g, title: t, owner: "
                                                    "o, kind: completion, target: 99%, window: "
                                                    "day, timezone: Europe/Berlin}\n");
    put_file(dir, "2.yaml", slo);
    (void)snprintf(yaml, sizeof(yaml),
                   "workflows: {dirs: [%s]}\nobjects:\n  - {type: transaction, attribute: "
                   "transactionid}\n",
                   dir);
    struct tw_cfg *cfg = accepted(yaml);
    const struct tw_workflows *set = NULL;
    alloc_count = 0;
    assert_int_equal(tw_workflows_load(cfg, NULL, &set), TW_OK);
    assert_int_equal(tw_workflows_find(set, "w")->objective_count, 2);
    tw_workflows_unref(&set);
    size_t all = alloc_count;
    assert_true(all > 100);
    for (size_t i = 1; i <= all; i++) {
        alloc_count = 0;
        alloc_failing = i;
        int rc = tw_workflows_load(cfg, NULL, &set);
        alloc_failing = 0;
        assert_int_equal(rc, TW_ENOMEM);
        assert_null(set);
    }
    tw_cfg_destroy(&cfg);
    remove_dir(dir, names, 2);
}

static void names__of_the_enumerations__are_those_of_files_and_api(void **state)
{
    (void)state;
    assert_string_equal(tw_timing_name(TW_TIMING_NEAR_REAL_TIME), "near-real-time");
    assert_string_equal(tw_criticality_name(TW_DEFERRABLE), "deferrable");
    assert_string_equal(tw_objective_kind_name(TW_OBJECTIVE_COMPLETENESS), "completeness");
    assert_string_equal(tw_window_kind_name(TW_WINDOW_MONTH), "month");
}

/* ---- the page ---- */

static void print_keys__the_reference_page__has_them(void **state)
{
    (void)state;
    char *keys = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&keys, &size);
    assert_non_null(out);
    assert_int_equal(tw_workflows_print_keys(out), TW_OK);
    assert_int_equal(fclose(out), 0);
    char *page = calloc(1, 256 * 1024);
    FILE *file = fopen(TW_SRCDIR "/docs/reference/workflows.md", "r");
    assert_non_null(file);
    assert_non_null(page);
    assert_true(fread(page, 1, 256 * 1024 - 1, file) > size);
    assert_int_equal(fclose(file), 0);
    /* If this fails: put what tillwatch print-config --workflow-keys says between its markers. */
    assert_non_null(strstr(page, keys));
    free(page);
    free(keys);
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    (void)setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(tw_workflows_print_keys(full), TW_EIO);
    (void)fclose(full); /* failed already */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(load__nothing_given__is_the_whole_retail_pack),
        cmocka_unit_test(load__the_pack__never_begins_two_runs_with_one_event),
        cmocka_unit_test(load__without_an_object_type__the_pack_leaves_its_workflows_out),
        cmocka_unit_test(load__a_directory__is_read_in_order_and_wins_over_the_pack),
        cmocka_unit_test(load__faults_of_all_files__are_told_at_once),
        cmocka_unit_test(load__two_hundred_workflows__and_no_more),
        cmocka_unit_test(load__a_directory_that_has_gone__is_a_fault),
        cmocka_unit_test(load__directories__count_from_the_configuration_file),
        cmocka_unit_test(parse__a_text_without_an_end__is_read_to_its_length),
        cmocka_unit_test(ref__the_last_one__frees),
        cmocka_unit_test(load__the_next_set__has_its_version_and_leaves_the_old_one),
        cmocka_unit_test(load__memory_that_runs_out_anywhere__is_said_and_nothing_leaks),
        cmocka_unit_test(names__of_the_enumerations__are_those_of_files_and_api),
        cmocka_unit_test(print_keys__the_reference_page__has_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
