/* SPDX-License-Identifier: Apache-2.0
 * Commands about the configuration: check, print-config.
 */
#include "config.h"
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>

#include "alert/rules.h"
#include "causes/causes.h"
#include "core/err.h"
#include "notify/routes.h"
#include "panel/panels.h"

static void print_endpoints(const char *verb, const struct tw_cfg_strings *endpoints)
{
    for (size_t i = 0; i < endpoints->count; i++) {
        (void)printf(" %s %s", verb, endpoints->items[i]);
    }
}

/* What `run` would start with this configuration. */
static void print_plan(const struct tw_cfg *cfg)
{
    static const char *const kinds[] = {"pull", "sub", "router"};
    (void)printf("configuration %s has no faults\n", cfg->file);
    (void)printf("store %s, kept %" PRId64 " days (payloads %" PRId64 ")\n", cfg->store.dir,
                 cfg->store.retain_days, cfg->store.retain_payload_days);
    (void)printf("web http://%s\n", cfg->web.listen);
    for (size_t i = 0; i < cfg->tap_count; i++) {
        const struct tw_cfg_tap *tap = &cfg->taps[i];
        (void)printf("tap %s (%s)", tap->name, kinds[tap->kind]);
        print_endpoints("binds", &tap->bind);
        print_endpoints("connects to", &tap->connect);
        (void)printf("%s\n", tap->curve.server_key_file != NULL ? ", CURVE" : "");
    }
    (void)printf("agents");
    print_endpoints("bind", &cfg->agents.bind);
    (void)printf("%s\n", cfg->agents.bind.count == 0 ? " none" : "");
    (void)printf("objects");
    for (size_t i = 0; i < cfg->object_count; i++) {
        (void)printf("%s %s%s", i == 0 ? "" : ",", cfg->objects[i].type,
                     cfg->objects[i].is_linking ? "" : " (context)");
    }
    (void)printf("\n%zu rules for sources, %zu effects that happen once\nmappings",
                 cfg->source_count, cfg->effect_count);
    for (size_t i = 0; i < cfg->mapping_count; i++) {
        (void)printf("%s %s", i == 0 ? "" : ",", cfg->mappings[i].name);
    }
    (void)printf("%s\n", cfg->mapping_count == 0 ? " none" : "");
}

/* False: there are faults, and they were told. */
static bool check_dashboards(const struct tw_cli_command *command, const struct tw_cfg *cfg,
                             const struct tw_dashboards **ret_set)
{
    if (tw_dashboards_load(cfg, stderr, ret_set) != TW_OK) {
        (void)tw_cli_fail(command, TW_EXIT_FAILED, "out of memory");
        return false;
    }
    return (*ret_set)->fault_count == 0;
}

static void print_dashboards(const struct tw_dashboards *set)
{
    (void)printf("%zu dashboards\n", set->count);
    for (size_t i = 0; i < set->count; i++) {
        const struct tw_dashboard *dashboard = &set->items[i];
        (void)printf("dashboard %s, from %s, %zu panels\n", dashboard->name, dashboard->file,
                     dashboard->panel_count);
    }
}

static void print_causes(const struct tw_causes *set)
{
    (void)printf("%zu rules for causes, %zu of the operators\n", set->count, set->operator_count);
    for (size_t i = 0; i < set->count; i++) {
        const struct tw_cause_rule *rule = &set->items[i];
        (void)printf("rule %s, from %s:%d: %s, \"%s\"\n", rule->name, rule->file, rule->line,
                     tw_cause_name(rule->cause), rule->label);
    }
}

static void print_rules(const struct tw_rules *set)
{
    (void)printf("%zu alert rules, %zu runbooks\n", set->count, set->runbook_count);
    for (size_t i = 0; i < set->count; i++) {
        const struct tw_rule *rule = &set->items[i];
        (void)printf("alert %s, from %s:%d: %s%s\n", rule->name, rule->file, rule->line,
                     tw_severity_name(rule->severity), rule->is_enabled ? "" : ", switched off");
    }
    for (size_t i = 0; i < set->note_count; i++) {
        (void)printf("note: %s\n", set->notes[i]);
    }
}

/* What a configuration names beside itself. */
struct plan {
    const struct tw_workflows *workflows;
    const struct tw_dashboards *dashboards;
    const struct tw_causes *causes;
    const struct tw_rules *rules;
    const struct tw_notify *notify;
    bool has_dashboards;
};

/* With faults of the configuration too: all are told at once. */
static void load_plan(const struct tw_cli_command *command, const struct tw_cfg *cfg,
                      struct plan *plan)
{
    plan->workflows = tw_cli_workflows(command, cfg);
    plan->has_dashboards = check_dashboards(command, cfg, &plan->dashboards);
    (void)tw_causes_load(cfg, stderr, &plan->causes); /* NULL: told, or out of memory */
    if (plan->workflows != NULL) {
        (void)tw_rules_load(cfg, plan->workflows, stderr, &plan->rules); /* likewise */
    }
    (void)tw_notify_load(cfg, stderr, &plan->notify); /* likewise */
}

static bool is_whole(const struct plan *plan)
{
    return plan->workflows != NULL && plan->causes != NULL && plan->rules != NULL &&
           plan->notify != NULL && plan->has_dashboards;
}

static void fini_plan(struct plan *plan)
{
    tw_notify_unref(&plan->notify);
    tw_rules_unref(&plan->rules);
    tw_causes_unref(&plan->causes);
    tw_dashboards_unref(&plan->dashboards);
    tw_workflows_unref(&plan->workflows);
}

int tw_cmd_check(const struct tw_cli_command *command, int argc, char **argv)
{
    struct tw_cli_args args;
    int code = tw_cli_parse(command, argc, argv, &args);
    if (code != TW_EXIT_OK || args.wants_help) {
        return code;
    }
    struct tw_cfg *cfg = NULL;
    struct plan plan = {0};
    int rc = tw_cfg_load_anyway(args.values[0], stderr, &cfg);
    if (rc == TW_ENOMEM) {
        return tw_cli_fail(command, TW_EXIT_FAILED, "out of memory");
    }
    if (cfg != NULL) {
        load_plan(command, cfg, &plan);
    }
    if (rc != TW_OK || !is_whole(&plan)) {
        code = TW_EXIT_FAILED;
    } else if (args.values[1] != NULL) {
        (void)tw_cfg_print(cfg, stdout); /* tw_cli_finish sees a failure */
    } else {
        print_plan(cfg);
        tw_cli_print_workflows(plan.workflows);
        print_dashboards(plan.dashboards);
        print_causes(plan.causes);
        print_rules(plan.rules);
        (void)tw_notify_describe(plan.notify, stdout); /* likewise */
    }
    fini_plan(&plan);
    tw_cfg_destroy(&cfg);
    return code == TW_EXIT_OK ? tw_cli_finish(command, code) : code;
}

int tw_cmd_print_config(const struct tw_cli_command *command, int argc, char **argv)
{
    struct tw_cli_args args;
    int code = tw_cli_parse(command, argc, argv, &args);
    if (code != TW_EXIT_OK || args.wants_help) {
        return code;
    }
    if (args.values[1] != NULL) {
        (void)tw_cfg_print_reference(stdout); /* tw_cli_finish sees a failure */
        return tw_cli_finish(command, TW_EXIT_OK);
    }
    if (args.values[2] != NULL) {
        (void)tw_workflows_print_keys(stdout); /* likewise */
        return tw_cli_finish(command, TW_EXIT_OK);
    }
    if (args.values[3] != NULL) {
        (void)tw_dashboards_print_keys(stdout); /* likewise */
        return tw_cli_finish(command, TW_EXIT_OK);
    }
    if (args.values[4] != NULL) {
        (void)tw_causes_print_keys(stdout); /* likewise */
        return tw_cli_finish(command, TW_EXIT_OK);
    }
    if (args.values[5] != NULL) {
        (void)tw_notify_print_keys(stdout); /* likewise */
        return tw_cli_finish(command, TW_EXIT_OK);
    }
    if (args.values[6] != NULL) {
        (void)tw_rules_print_keys(stdout); /* likewise */
        return tw_cli_finish(command, TW_EXIT_OK);
    }
    struct tw_cfg *cfg = tw_cli_config(command, args.values[0]);
    if (cfg == NULL) {
        return TW_EXIT_FAILED;
    }
    (void)tw_cfg_print(cfg, stdout); /* tw_cli_finish sees a failure */
    tw_cfg_destroy(&cfg);
    return tw_cli_finish(command, TW_EXIT_OK);
}
