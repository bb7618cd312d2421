/* SPDX-License-Identifier: Apache-2.0
 * The series of a rule from its words: `when`, `share-of`, `burn`.
 */
#include "config.h"
#include "alert/rules_internal.h"

#include <stdlib.h>
#include <string.h>

#define METRICS_MAX 128
#define BUCKET_S    10
#define SLOW_OVER_S 120 /* of values that are written once a minute: one may be late */

void tw_measure_fini(struct tw_measure *measure)
{
    for (size_t i = 0; i < measure->where_count; i++) {
        free(measure->where[i].name);
        free(measure->where[i].value);
    }
    *measure = (struct tw_measure){0};
}

static void unknown_metric(struct tw_rules_load *self, const yaml_node_t *at, const char *where,
                           const char *name)
{
    const char *words[METRICS_MAX];
    size_t count = 0;
    char shown[TW_SHOWN_SIZE];
    char hint[TW_RULE_HINT_SIZE];
    for (size_t i = 0; i < tw_metric_count && count < METRICS_MAX; i++) {
        words[count++] = tw_metrics[i].name;
    }
    tw_parse_fault(&self->parse, at, "%s.metric: there is no series \"%s\"%s", where,
                   tw_shown(name, shown), tw_rule_hint(words, count, name, hint));
}

/* A label that the metric does not have is a fault that names those it has. */
static bool check_label(struct tw_rules_load *self, const yaml_node_t *at, const char *key,
                        const struct tw_metric *metric, const char *name)
{
    char shown[TW_SHOWN_SIZE];
    char all[160] = "none";
    if (tw_metric_has(metric, name)) {
        return true;
    }
    size_t len = 0;
    for (size_t i = 0; i < TW_METRIC_LABELS && metric->labels[i] != NULL; i++) {
        len += (size_t)snprintf(all + len, sizeof(all) - len, "%s%s", i == 0 ? "" : ", ",
                                metric->labels[i]); /* three short words */
    }
    tw_parse_fault(&self->parse, at, "%s: %s has no label \"%s\", it has: %s", key, metric->name,
                   tw_shown(name, shown), all);
    return false;
}

static void read_where(struct tw_rules_load *self, const yaml_node_t *node, const char *where,
                       struct tw_cfg_pairs *pairs, struct tw_measure *measure)
{
    const yaml_node_t *at = tw_rules_at(self, node, "where");
    char key[32];
    (void)snprintf(key, sizeof(key), "%s.where", where);
    if (pairs->count > TW_RULE_WHERE_MAX) {
        tw_parse_fault(&self->parse, at, "%s: more than %d labels", key, TW_RULE_WHERE_MAX);
        return;
    }
    for (size_t i = 0; i < pairs->count; i++) {
        struct tw_cfg_pair *pair = &pairs->items[i];
        if (!check_label(self, at, key, measure->metric, pair->from)) {
            continue;
        }
        if (pair->to[0] == '\0' || strlen(pair->to) > TW_LABEL_VALUE_MAX) {
            tw_parse_fault(&self->parse, at, "%s.%s: a value has 1 to %d bytes", key, pair->from,
                           TW_LABEL_VALUE_MAX);
            continue;
        }
        measure->where[measure->where_count++] = (struct tw_rule_label){pair->from, pair->to};
        *pair = (struct tw_cfg_pair){NULL, NULL};
    }
    tw_rule_check_names(self, at, where, measure);
}

/* Metric, where and join. */
static void read_measure(struct tw_rules_load *self, const yaml_node_t *node, const char *where,
                         struct tw_measure_text *text, struct tw_measure *measure)
{
    const struct tw_metric *metric =
        text->metric == NULL ? NULL : tw_metric_find(tw_str_of(text->metric));
    if (metric == NULL && text->metric != NULL) {
        unknown_metric(self, tw_rules_at(self, node, "metric"), where, text->metric);
    } else if (metric != NULL && metric->is_sketch) {
        tw_parse_fault(&self->parse, tw_rules_at(self, node, "metric"),
                       "%s.metric: %s is a series of sketches, which no rule can look at", where,
                       metric->name);
        metric = NULL;
    }
    if (metric == NULL) {
        return;
    }
    measure->metric = metric;
    measure->join = metric->unit == TW_METRIC_SECONDS ? TW_RULE_MAX : TW_RULE_SUM;
    if (text->join != TW_MEASURE_NOT_GIVEN) {
        measure->join = (enum tw_rule_join)text->join;
    }
    read_where(self, node, where, &text->where, measure);
}

static bool is_in_by(const struct tw_rule *rule, const char *name)
{
    for (size_t i = 0; i < rule->by_count; i++) {
        if (strcmp(rule->by[i], name) == 0) {
            return true;
        }
    }
    return false;
}

/* Of steps the system is known, too. */
static bool has_system(const struct tw_metric *metric)
{
    return tw_metric_has(metric, "workflow") && tw_metric_has(metric, "step");
}

static void read_by(struct tw_rules_load *self, const yaml_node_t *node,
                    struct tw_cfg_strings *list, struct tw_rule *rule)
{
    const yaml_node_t *at = tw_rules_at(self, node, "by");
    if (list->count > TW_RULE_BY_MAX) {
        tw_parse_fault(&self->parse, at, "when.by: more than %d labels", TW_RULE_BY_MAX);
        return;
    }
    for (size_t i = 0; i < list->count && rule->when.metric != NULL; i++) {
        bool is_derived = strcmp(list->items[i], "system") == 0 && has_system(rule->when.metric);
        if (!is_derived && !check_label(self, at, "when.by", rule->when.metric, list->items[i])) {
            continue;
        }
        if (is_in_by(rule, list->items[i])) {
            tw_parse_fault(&self->parse, at, "when.by: \"%s\" is given twice", list->items[i]);
            continue;
        }
        rule->by[rule->by_count++] = list->items[i];
        list->items[i] = NULL;
    }
}

static void read_over(struct tw_rules_load *self, const yaml_node_t *node,
                      const struct tw_measure_text *text, struct tw_rule *rule)
{
    const struct tw_metric *metric = rule->when.metric;
    int64_t often_s = metric == NULL ? BUCKET_S : metric->step_s;
    rule->over_s = text->over_s != 0    ? (int32_t)text->over_s
                   : often_s > BUCKET_S ? SLOW_OVER_S
                                        : BUCKET_S;
    if (rule->over_s % BUCKET_S != 0) {
        tw_parse_fault(&self->parse, tw_rules_at(self, node, "over"),
                       "when.over: %d s is no multiple of %d s, which series are kept in",
                       rule->over_s, BUCKET_S);
    } else if (metric != NULL && rule->over_s < often_s) {
        tw_parse_fault(&self->parse, tw_rules_at(self, node, "over"),
                       "when.over: %d s is less than %d s, after which %s has its next value",
                       rule->over_s, (int)often_s, metric->name);
    }
}

void tw_rule_read_when(struct tw_rules_load *self, yaml_node_t *node, struct tw_rule *rule)
{
    struct tw_measure_text text = {.join = TW_MEASURE_NOT_GIVEN, .take = TW_MEASURE_NOT_GIVEN};
    tw_parse_map(&self->parse, &tw_measure_section, node, &text);
    read_measure(self, node, "when", &text, &rule->when);
    read_by(self, node, &text.by, rule);
    read_over(self, node, &text, rule);
    bool is_count = rule->when.metric != NULL && rule->when.metric->is_count;
    if (is_count && text.take != TW_MEASURE_NOT_GIVEN) {
        tw_parse_fault(&self->parse, tw_rules_at(self, node, "take"),
                       "when.take: %s counts, and is summed over the time", text.metric);
    }
    rule->take = text.take == TW_MEASURE_NOT_GIVEN ? TW_TAKE_LAST : (enum tw_rule_take)text.take;
    tw_cfg_free_fields(&tw_measure_section, &text);
}

void tw_rule_read_share(struct tw_rules_load *self, yaml_node_t *node, struct tw_rule *rule)
{
    struct tw_measure_text text = {.join = TW_MEASURE_NOT_GIVEN};
    const struct tw_measure *when = &rule->when;
    struct tw_measure *share = &rule->share;
    tw_parse_map(&self->parse, &tw_share_section, node, &text);
    read_measure(self, node, "share-of", &text, share);
    rule->has_share = true;
    for (size_t i = 0; i < rule->by_count && share->metric != NULL; i++) {
        if (strcmp(rule->by[i], "system") == 0 && has_system(share->metric)) {
            continue;
        }
        (void)check_label(self, tw_rules_at(self, node, "metric"), "share-of", share->metric,
                          rule->by[i]);
    }
    if (share->metric != NULL && when->metric != NULL &&
        share->metric->is_count != when->metric->is_count) {
        tw_parse_fault(&self->parse, tw_rules_at(self, node, "metric"),
                       "share-of.metric: %s and %s: one counts, the other does not",
                       share->metric->name, when->metric->name);
    }
    tw_cfg_free_fields(&tw_measure_section, &text); /* all that either has */
}

/* `where` of a burn rule as if it had been written. */
static void set_where(struct tw_rules_load *self, const char *name, const char *value,
                      struct tw_measure *measure)
{
    struct tw_rule_label *label = &measure->where[measure->where_count++];
    label->name = tw_rules_copy(self, name);
    label->value = tw_rules_copy(self, value);
}

/* Of this rule, of all objectives or of one. */
static void read_burn_measure(struct tw_rules_load *self, const struct tw_burn_text *text,
                              const char *metric, struct tw_measure *measure)
{
    measure->metric = tw_metric_find(tw_str_of(metric));
    measure->join = TW_RULE_MAX;
    set_where(self, "rule", tw_burn_words[text->rule], measure);
    if (strcmp(text->objective, "*") != 0) {
        set_where(self, "objective", text->objective, measure);
    }
}

void tw_rule_read_burn(struct tw_rules_load *self, yaml_node_t *node, struct tw_rule *rule)
{
    struct tw_burn_text text = {.rule = TW_BURN_WORDS};
    const yaml_node_t *at = tw_rules_at(self, node, "objective");
    if (tw_parse_defaults_of(&tw_burn_section, &text) != TW_OK) {
        self->parse.is_out_of_memory = true;
    }
    text.rule = TW_BURN_WORDS; /* the defaults made it the first word */
    tw_parse_map(&self->parse, &tw_burn_section, node, &text);
    rule->over_s = BUCKET_S;
    rule->take = TW_TAKE_LAST;
    rule->by[0] = tw_rules_copy(self, "objective");
    rule->by_count = rule->by[0] == NULL ? 0 : 1;
    if (text.rule < TW_BURN_WORDS && text.objective != NULL) {
        rule->burn = (enum tw_rule_burn)(text.rule + 1);
        read_burn_measure(self, &text, "objective_rule", &rule->when);
        read_burn_measure(self, &text, "objective_rule_value", &rule->share);
        if (!self->parse.is_out_of_memory) {
            tw_rule_check_names(self, at, "burn", &rule->when);
            tw_rule_note_burn(self, at, rule->burn, text.objective);
        }
    }
    tw_cfg_free_fields(&tw_burn_section, &text);
}
