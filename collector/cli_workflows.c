/* SPDX-License-Identifier: Apache-2.0
 * Workflows on the command line: read them, say what there is.
 */
#include "config.h"
#include "cli.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/err.h"
#include "track/burn.h"

const struct tw_workflows *tw_cli_workflows(const struct tw_cli_command *command,
                                            const struct tw_cfg *cfg)
{
    const struct tw_workflows *set = NULL;
    int rc = tw_workflows_load(cfg, stderr, &set);
    if (rc == TW_ENOMEM) {
        (void)tw_cli_fail(command, TW_EXIT_FAILED, "out of memory");
    }
    return set;
}

/* 90 s, 5 min, 2 h, 30 d: the largest unit that is whole. */
static void print_span(int64_t ns)
{
    static const struct {
        int64_t ns;
        const char *unit;
    } units[] = {{86400 * TW_NS_PER_S, "d"},
                 {3600 * TW_NS_PER_S, "h"},
                 {60 * TW_NS_PER_S, "min"},
                 {TW_NS_PER_S, "s"},
                 {TW_NS_PER_MS, "ms"}};
    size_t i = 0;
    while (i < 4 && ns % units[i].ns != 0) {
        i++;
    }
    (void)printf("%" PRId64 " %s", ns / units[i].ns, units[i].unit);
}

/* Whole seconds of an objective's window; a month has the 30 days of the published rules. */
static int64_t window_s(const struct tw_wf_objective *objective)
{
    switch (objective->window) {
    case TW_WINDOW_DAY:
        return 86400;
    case TW_WINDOW_WEEK:
        return INT64_C(7) * 86400;
    case TW_WINDOW_MONTH:
        return INT64_C(30) * 86400;
    case TW_WINDOW_ROLLING:
    default:
        return objective->window_ns / TW_NS_PER_S;
    }
}

/* Burn-rate rules that this target and window leave without use: no fault, but good to know. */
static void print_rules(const struct tw_wf_objective *objective)
{
    for (unsigned i = 0; i < TW_BURN_RULE_COUNT; i++) {
        struct tw_burn_plan plan = tw_burn_plan((enum tw_burn_rule)i, objective->target_ppm,
                                                window_s(objective), TW_BURN_BAD_MIN);
        const char *sort = tw_burn_rule_pages(plan.rule) ? "page" : "ticket";
        const char *window = tw_burn_window_name(plan.long_window);
        if (plan.use == TW_BURN_NEVER) {
            (void)printf("    %s rule %.3gx (%s) can never fire at %.6g %%\n", sort, plan.threshold,
                         window, (double)objective->target_ppm / 1e4);
        } else if (plan.use == TW_BURN_ON_TARGET) {
            (void)printf("    %s rule %.3gx (%s) would fire while the objective is met\n", sort,
                         plan.threshold, window);
        } else if (plan.use == TW_BURN_WINDOW_TOO_SHORT) {
            (void)printf("    %s rule of %s needs a longer window\n", sort, window);
        }
    }
}

static void print_objective(const struct tw_workflow *workflow,
                            const struct tw_wf_objective *objective)
{
    (void)printf("  objective %s: %s", objective->name, tw_objective_kind_name(objective->kind));
    if (objective->step >= 0) {
        (void)printf(" of %s", workflow->steps[objective->step].name);
    }
    if (objective->within_ns != 0) {
        (void)fputs(" within ", stdout);
        print_span(objective->within_ns);
    }
    if (objective->from >= 0) {
        (void)printf(" of %s", workflow->steps[objective->from].name);
    }
    (void)printf(", %.6g %% over ", (double)objective->target_ppm / 1e4);
    if (objective->window == TW_WINDOW_ROLLING) {
        print_span(objective->window_ns);
    } else {
        (void)printf("a %s in %s", tw_window_kind_name(objective->window),
                     objective->timezone == NULL ? "UTC" : objective->timezone);
    }
    (void)fputc('\n', stdout);
    print_rules(objective);
}

/* What target and window leave of the guards: no fault, but whoever wrote it should know. */
static void note_objective(const struct tw_workflow *workflow,
                           const struct tw_wf_objective *objective)
{
    const char *file = objective->file != NULL ? objective->file : workflow->file;
    double target = (double)objective->target_ppm / 1e4;
    bool pages = false;
    for (unsigned i = 0; i < TW_BURN_RULE_COUNT; i++) {
        struct tw_burn_plan plan = tw_burn_plan((enum tw_burn_rule)i, objective->target_ppm,
                                                window_s(objective), TW_BURN_BAD_MIN);
        pages = pages || (tw_burn_rule_pages(plan.rule) && plan.use == TW_BURN_USABLE);
    }
    if (!pages) {
        (void)printf("note: %s:%d: objective %s: no burn-rate rule can page at %.6g %% over this "
                     "window\n",
                     file, objective->line, objective->name, target);
    }
    double minutes = (double)window_s(objective) / 60 * (1 - target / 100);
    if (objective->kind == TW_OBJECTIVE_FRESHNESS && minutes < 1) {
        (void)printf("note: %s:%d: objective %s: one bad minute spends more than the budget of its "
                     "window, %.2g minutes\n",
                     file, objective->line, objective->name, minutes);
    }
}

static void print_workflow(const struct tw_workflow *workflow)
{
    (void)printf("workflow %s, version %016" PRIx64 ", from %s, a run for each %s\n",
                 workflow->name, workflow->version, workflow->file, workflow->object);
    (void)fputs("  steps", stdout);
    for (size_t i = 0; i < workflow->step_count; i++) {
        const struct tw_wf_step *step = &workflow->steps[i];
        (void)printf("%s %s", i == 0 ? "" : ",", step->name);
        if (step->within_ns != 0) {
            (void)fputs(" within ", stdout);
            print_span(step->within_ns);
        }
        (void)fputs(step->each == TW_EACH_STORE ? " of every store" : "", stdout);
    }
    (void)fputc('\n', stdout);
    for (size_t i = 0; i < workflow->objective_count; i++) {
        print_objective(workflow, &workflow->objectives[i]);
    }
}

void tw_cli_print_workflows(const struct tw_workflows *set)
{
    (void)printf("%zu workflows\n", set->count);
    for (size_t i = 0; i < set->count; i++) {
        print_workflow(&set->items[i]);
    }
    for (size_t i = 0; i < set->maintenance_count; i++) {
        (void)printf("maintenance %s: %s\n", set->maintenance[i].name, set->maintenance[i].reason);
    }
    for (size_t i = 0; i < set->note_count; i++) {
        (void)printf("note: %s\n", set->notes[i]);
    }
    for (size_t i = 0; i < set->count; i++) {
        for (size_t k = 0; k < set->items[i].objective_count; k++) {
            note_objective(&set->items[i], &set->items[i].objectives[k]);
        }
    }
}
