/* SPDX-License-Identifier: Apache-2.0
 * alert/rules: sets from directories with the pack, runbooks beside them. */
#include "config.h"

#include <sys/stat.h>
#include <unistd.h>

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

#define RULE(body) "alert: Test\nseverity: warning\n" body
#define AGE        "when: {metric: step_oldest_age, by: [workflow, step]}\n"

static char dir[64];

static void put_file(const char *name, const char *text)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void remove_file(const char *name)
{
    char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(unlink(path), 0);
}

static int make_dir(void **state)
{
    (void)state;
    (void)snprintf(dir, sizeof(dir), "/tmp/test_rules.XXXXXX");
    return mkdtemp(dir) == NULL ? -1 : 0;
}

static int remove_dir(void **state)
{
    (void)state;
    return rmdir(dir);
}

/* Load with these rules; the report is returned owned. */
static int load(const char *format, char **ret_told, struct rules_kit *ret_kit,
                const struct tw_rules **ret_set)
{
    char yaml[512];
    size_t len = 0;
    (void)snprintf(yaml, sizeof(yaml), "alerts: {%s, dirs: [%s], runbook-dirs: [%s]}\n", format,
                   dir, dir);
    *ret_kit = rules_kit_new(yaml);
    FILE *report = open_memstream(ret_told, &len);
    int rc = tw_rules_load(ret_kit->cfg, ret_kit->workflows, report, ret_set);
    (void)fclose(report);
    return rc;
}

static void rules_load__the_pack__is_without_fault_and_complete(void **state)
{
    (void)state;
    const struct tw_rules *set = NULL;
    assert_int_equal(tw_rules_load(kit.cfg, kit.workflows, stderr, &set), TW_OK);
    assert_true(set->count >= 6);
    for (size_t i = 0; i < set->note_count; i++) {
        print_error("%s\n", set->notes[i]);
    }
    assert_int_equal(set->note_count, 0);
    for (size_t i = 0; i < set->count; i++) {
        const struct tw_rule *rule = &set->items[i];
        if (rule->about == NULL || rule->description == NULL || rule->runbook == NULL ||
            tw_rules_runbook(set, tw_str_of(rule->runbook)) == NULL) {
            fail_msg("%s lacks about, description or runbook", rule->name);
        }
        assert_string_not_equal(rule->title, rule->name);
        assert_string_not_equal(rule->summary, "{{title}}: {{value}} (limit {{threshold}})");
    }
    tw_rules_unref(&set);
}

static void rules_load__files__come_before_the_pack_and_replace_it(void **state)
{
    (void)state;
    const struct tw_rules *set = NULL;
    struct rules_kit own;
    char *told = NULL;
    put_file("b.yaml", "rules:\n  - {alert: BudgetBurnFast, severity: info, above: 1, when: "
                       "{metric: received}}\n  - {alert: BudgetBurnTrend, enabled: false}\n"
                       "  - {alert: NotThere, enabled: false}\n");
    put_file("a.yaml", RULE("above: 1\nrunbook: mine\n" AGE));
    put_file("notes.txt", "no rules");
    put_file("mine.md", "# Mine\n");
    put_file("queue-backlog.md", "# Ours\n");
    put_file("Not-a-name.md", "# X\n");
    assert_int_equal(load("pack: true", &told, &own, &set), TW_OK);
    assert_string_equal(told, "");
    assert_string_equal(set->items[0].name, "Test");
    assert_string_equal(set->items[1].name, "BudgetBurnFast");
    assert_int_equal(set->items[1].severity, TW_SEVERITY_INFO);
    size_t fast = 0;
    for (size_t i = 0; i < set->count; i++) {
        fast += strcmp(set->items[i].name, "BudgetBurnFast") == 0 ? 1 : 0;
    }
    assert_int_equal(fast, 1);
    assert_false(tw_rules_find(set, TW_STR_LIT("BudgetBurnTrend"))->is_enabled);
    assert_true(tw_rules_find(set, TW_STR_LIT("BudgetBurnSlow"))->is_enabled);
    assert_int_equal(set->note_count, 1);
    assert_non_null(strstr(set->notes[0], "b.yaml:4: there is no rule \"NotThere\" to switch off"));
    assert_string_equal(tw_rules_runbook(set, TW_STR_LIT("mine")), "# Mine\n");
    assert_string_equal(tw_rules_runbook(set, TW_STR_LIT("queue-backlog")), "# Ours\n");
    assert_null(tw_rules_runbook(set, TW_STR_LIT("Not-a-name")));
    assert_null(tw_rules_runbook(set, TW_STR_LIT("")));
    uint64_t serial = set->serial;
    tw_rules_unref(&set);
    free(told);
    rules_kit_fini(&own);
    remove_file("mine.md");
    assert_int_equal(load("pack: false", &told, &own, &set), TW_OK);
    assert_int_equal(set->count, 2);
    assert_int_not_equal(set->serial, serial);
    assert_int_equal(set->note_count, 3);
    assert_non_null(strstr(set->notes[2], "a.yaml:1: there is no runbook \"mine\""));
    tw_rules_unref(&set);
    free(told);
    rules_kit_fini(&own);
    remove_file("a.yaml");
    remove_file("b.yaml");
    remove_file("notes.txt");
    remove_file("queue-backlog.md");
    remove_file("Not-a-name.md");
}

static void rules_load__faults__are_those_of_all_files(void **state)
{
    (void)state;
    const struct tw_rules *set = NULL;
    struct rules_kit own;
    char *told = NULL;
    char expected[512];
    put_file("a.yaml", "rules: [\n");
    put_file("b.yaml", RULE("above: 1\n"));
    put_file("c.yaml", RULE("above: 1\n" AGE));
    put_file("d.yaml", RULE("above: 1\n" AGE));
    assert_int_equal(load("pack: true", &told, &own, &set), TW_ECONFIG);
    assert_null(set);
    (void)snprintf(expected, sizeof(expected),
                   "%s/b.yaml:1: rules: either when or burn is needed\n"
                   "%s/d.yaml:1: rules.alert: \"Test\" is there already (%s/c.yaml:1)\n",
                   dir, dir, dir);
    assert_non_null(strstr(told, "a.yaml:2: "));
    assert_non_null(strstr(told, expected));
    free(told);
    rules_kit_fini(&own);
    remove_file("a.yaml");
    remove_file("b.yaml");
    remove_file("c.yaml");
    remove_file("d.yaml");
}

static void rules_load__runbooks__have_a_largest_size(void **state)
{
    (void)state;
    const struct tw_rules *set = NULL;
    struct rules_kit own;
    char *told = NULL;
    char *text = calloc(TW_RUNBOOK_MAX_BYTES + 2, 1);
    memset(text, 'x', TW_RUNBOOK_MAX_BYTES);
    put_file("long.md", text);
    assert_int_equal(load("pack: false", &told, &own, &set), TW_OK);
    assert_int_equal(strlen(tw_rules_runbook(set, TW_STR_LIT("long"))), TW_RUNBOOK_MAX_BYTES);
    tw_rules_unref(&set);
    free(told);
    rules_kit_fini(&own);
    text[TW_RUNBOOK_MAX_BYTES] = 'x';
    put_file("long.md", text);
    assert_int_equal(load("pack: false", &told, &own, &set), TW_ECONFIG);
    assert_non_null(strstr(told, "long.md: larger than 131072 bytes\n"));
    free(told);
    free(text);
    rules_kit_fini(&own);
    remove_file("long.md");
}

static void rules_load__pack_without_its_workflows__leaves_rules_out(void **state)
{
    (void)state;
    const struct tw_rules *set = NULL;
    struct rules_kit own = rules_kit_new("workflows: {pack: false}\n");
    assert_int_equal(tw_rules_load(own.cfg, own.workflows, stderr, &set), TW_OK);
    for (size_t i = 0; i < set->note_count; i++) {
        assert_non_null(strstr(set->notes[i], ": left out: there is no "));
    }
    assert_true(set->count > 0);
    tw_rules_unref(&set);
    rules_kit_fini(&own);
}

static void rules_load__paths__count_from_the_configuration_file(void **state)
{
    (void)state;
    char path[128];
    char expected[128];
    struct tw_cfg *cfg = NULL;
    const struct tw_workflows *workflows = NULL;
    const struct tw_rules *set = NULL;
    put_file("own.yaml", RULE("above: 1\n" AGE));
    put_file("mine.md", "# Mine\n");
    const char *name = strrchr(dir, '/') + 1;
    (void)snprintf(path, sizeof(path), "%s.conf", dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file,
                  "alerts: {pack: false, dirs: %s, runbook-dirs: ./%s/.}\n"
                  "notify: {file: %s/notify.yaml}\n",
                  name, name, name);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(tw_cfg_load(path, stderr, &cfg), TW_OK);
    assert_string_equal(cfg->alerts.dirs.items[0], dir);
    assert_string_equal(cfg->alerts.runbook_dirs.items[0], dir);
    (void)snprintf(expected, sizeof(expected), "%s/notify.yaml", dir);
    assert_string_equal(cfg->notify.file, expected);
    assert_int_equal(tw_workflows_load(cfg, stderr, &workflows), TW_OK);
    assert_int_equal(tw_rules_load(cfg, workflows, stderr, &set), TW_OK);
    assert_int_equal(set->count, 1);
    assert_string_equal(tw_rules_runbook(set, TW_STR_LIT("mine")), "# Mine\n");
    tw_rules_unref(&set);
    tw_workflows_unref(&workflows);
    tw_cfg_destroy(&cfg);
    remove_file("own.yaml");
    remove_file("mine.md");
    assert_int_equal(unlink(path), 0);
}

/* Read at once; owned by the caller. */
static char *read_page(const char *path)
{
    char *page = calloc(1, 256 * 1024);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(page);
    assert_true(fread(page, 1, 256 * 1024 - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    return page;
}

static void rules_print_keys__reference_page__has_them(void **state)
{
    (void)state;
    char *keys = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&keys, &size);
    assert_int_equal(tw_rules_print_keys(out), TW_OK);
    assert_int_equal(fclose(out), 0);
    char *page = read_page(TW_SRCDIR "/docs/reference/alert-rules.md");
    /* If this fails: put what tillwatch print-config --rule-keys says behind its marker. */
    assert_non_null(strstr(page, keys));
    free(page);
    free(keys);
}

static void rules_parse__example_of_the_reference_page__is_without_fault(void **state)
{
    (void)state;
    char *page = read_page(TW_SRCDIR "/docs/reference/alert-rules.md");
    char *from = strstr(page, "```yaml\n");
    assert_non_null(from);
    char *end = strstr(from + 8, "```");
    assert_non_null(end);
    *end = '\0';
    const struct tw_rules *set = rules_kit_taken(&kit, from + 8);
    assert_int_equal(set->count, 4);
    tw_rules_unref(&set);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rules_load__paths__count_from_the_configuration_file,
                                        make_dir, remove_dir),
        cmocka_unit_test(rules_print_keys__reference_page__has_them),
        cmocka_unit_test(rules_parse__example_of_the_reference_page__is_without_fault),
        cmocka_unit_test(rules_load__the_pack__is_without_fault_and_complete),
        cmocka_unit_test_setup_teardown(rules_load__files__come_before_the_pack_and_replace_it,
                                        make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(rules_load__faults__are_those_of_all_files, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(rules_load__runbooks__have_a_largest_size, make_dir,
                                        remove_dir),
        cmocka_unit_test(rules_load__pack_without_its_workflows__leaves_rules_out),
    };
    return cmocka_run_group_tests_name("rules_load", tests, set_up, tear_down);
}
