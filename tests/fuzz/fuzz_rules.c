/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a file of alert rules and, behind a NUL, as what an alert's labels say: no crash,
 * bounded time and memory. What is accepted is within its bounds, and its texts can be said.
 */
#include "config.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "alert/rules.h"
#include "core/err.h"
#include "fuzz.h"

/* The built-in configuration and its workflows, read once. */
static struct tw_cfg *cfg;
static const struct tw_workflows *workflows;

static void set_up(void)
{
    if (cfg == NULL && (tw_cfg_parse("fuzz", "", 0, stderr, &cfg) != TW_OK ||
                        tw_workflows_load(cfg, stderr, &workflows) != TW_OK)) {
        abort();
    }
}

static void check_measure(const struct tw_measure *measure)
{
    if (measure->metric == NULL || measure->metric->is_sketch ||
        measure->where_count > TW_RULE_WHERE_MAX) {
        abort();
    }
    for (size_t i = 0; i < measure->where_count; i++) {
        if (!tw_metric_has(measure->metric, measure->where[i].name)) {
            abort();
        }
    }
}

static void check_rule(const struct tw_rule *rule)
{
    check_measure(&rule->when);
    if (rule->has_share) {
        check_measure(&rule->share);
    }
    bool is_whole = rule->name != NULL && rule->title != NULL && rule->summary != NULL &&
                    rule->group != NULL && rule->text != NULL && rule->file != NULL;
    if (!is_whole || rule->over_s < rule->when.metric->step_s || rule->over_s % 10 != 0 ||
        rule->over_s > TW_RULE_OVER_MAX_S || rule->for_s < 0 || rule->for_s > TW_RULE_FOR_MAX_S ||
        rule->keep_s < 0 || rule->keep_s > TW_RULE_FOR_MAX_S || !isfinite(rule->threshold) ||
        !(rule->least >= 0) || rule->severity >= TW_SEVERITY_NONE ||
        rule->by_count > TW_RULE_BY_MAX || rule->label_count > TW_RULE_LABELS_MAX ||
        (rule->has_share && rule->is_usual_share)) {
        abort();
    }
    if (rule->hours != NULL) {
        for (int64_t day = 0; day < 800; day += 13) {
            (void)tw_hours_contain(rule->hours, (tw_wall_t){day * 86399 * TW_NS_PER_S});
        }
    }
}

static void say(const struct tw_rule *rule, const char *text, struct tw_str value, size_t most)
{
    static const double values[] = {0, 0.5, 125, -7, 1e14, 1e300, (double)NAN, (double)INFINITY};
    struct tw_label items[TW_RULE_BY_MAX];
    struct tw_arena arena;
    for (size_t i = 0; i < rule->by_count; i++) {
        items[i] = (struct tw_label){tw_str_of(rule->by[i]), value};
    }
    const struct tw_labels labels = {items, rule->by_count};
    for (size_t i = 0; text != NULL && i < sizeof values / sizeof values[0]; i++) {
        struct tw_str said = TW_STR_NULL;
        tw_arena_init(&arena, 65536);
        if (tw_rule_say(&arena, rule, text, &labels, (struct tw_rule_numbers){values[i], values[i]},
                        &said) != TW_OK ||
            said.len > most || said.ptr[said.len] != '\0') {
            abort();
        }
        tw_arena_fini(&arena);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct tw_rules *set = NULL;
    const uint8_t *end = size == 0 ? NULL : memchr(data, 0, size);
    size_t len = end == NULL ? size : (size_t)(end - data);
    struct tw_str value = {end == NULL ? "" : (const char *)end + 1,
                           end == NULL ? 0 : size - len - 1};
    set_up();
    if (tw_rules_parse(cfg, workflows, "fuzz", (struct tw_str){(const char *)data, len}, NULL,
                       &set) != TW_OK) {
        return 0;
    }
    for (size_t i = 0; i < set->count; i++) {
        check_rule(&set->items[i]);
        say(&set->items[i], set->items[i].summary, value, TW_RULE_SUMMARY_MAX);
        say(&set->items[i], set->items[i].description, value, TW_RULE_TEXT_MAX);
        if (tw_rules_find(set, tw_str_of(set->items[i].name)) != &set->items[i]) {
            abort();
        }
    }
    tw_rules_unref(&set);
    return 0;
}
