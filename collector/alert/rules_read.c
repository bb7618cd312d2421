/* SPDX-License-Identifier: Apache-2.0
 * One rule from its map, with every check that needs no other rule.
 */
#include "config.h"
#include "alert/rules_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alert/hours_parse.h"
#include "config/value.h"

#define NAME_MAX_BYTES  64
#define TITLE_MAX       120  /* bytes of a title, an owner */
#define ABOUT_MAX       1000 /* bytes */
#define NUMBER_MAX      15   /* digits: exact in a double */
#define DEFAULT_SUMMARY "{{title}}: {{value}} (limit {{threshold}})"

/* ---- texts ---- */

static bool has_control(const char *text, bool may_break)
{
    for (; *text != '\0'; text++) {
        bool is_break = may_break && *text == '\n';
        if (((unsigned char)*text < 0x20 && !is_break) || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

/* A text that people read. NULL: it is not given. */
static void check_text(struct tw_rules_load *self, const yaml_node_t *map, const char *key,
                       const char *text, size_t most)
{
    bool may_break = strcmp(key, "about") == 0 || strcmp(key, "description") == 0;
    if (text == NULL) {
        return;
    }
    if (text[0] == '\0' || has_control(text, may_break)) {
        tw_parse_fault(&self->parse, tw_rules_at(self, map, key),
                       "rules.%s: it is empty, or has control characters", key);
    } else if (strlen(text) > most) {
        tw_parse_fault(&self->parse, tw_rules_at(self, map, key), "rules.%s: longer than %zu bytes",
                       key, most);
    }
}

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool is_rule_name(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= NAME_MAX_BYTES && strspn(text, LETTERS) >= 1 &&
           strspn(text, LETTERS "0123456789_") == len;
}

static bool is_label_name(const char *text)
{
    size_t len = strlen(text);
    return len >= 1 && len <= TW_LABEL_NAME_MAX && strspn(text, LETTERS "_") >= 1 &&
           strspn(text, LETTERS "0123456789_") == len;
}

/* ---- numbers ---- */

/* Digits with a point among them, maybe a sign before. */
static bool read_decimal(const char *text, size_t len, double *ret_value)
{
    double value = 0;
    double scale = 1;
    size_t digits = 0;
    bool has_point = false;
    size_t i = len > 0 && text[0] == '-' ? 1 : 0;
    bool is_negative = i == 1;
    for (; i < len; i++) {
        if (text[i] == '.' && !has_point && digits > 0) {
            has_point = true;
            continue;
        }
        if (text[i] < '0' || text[i] > '9' || ++digits > NUMBER_MAX) {
            return false;
        }
        value = value * 10 + (text[i] - '0');
        scale *= has_point ? 10 : 1;
    }
    if (digits == 0 || text[len - 1] == '.') {
        return false;
    }
    *ret_value = (is_negative ? -value : value) / scale;
    return true;
}

/* A limit in the unit of the rule; false with a fault. */
static bool read_limit(struct tw_rules_load *self, const yaml_node_t *map, const char *key,
                       const char *text, const char *unit, double *ret_value)
{
    static const struct tw_cfg_key time_key = {.unit = "ms", .min = 0, .max = INT64_MAX / 1000};
    char shown[TW_SHOWN_SIZE];
    size_t len = strlen(text);
    const yaml_node_t *at = tw_rules_at(self, map, key);
    int64_t ms = 0;
    if (read_decimal(text, len, ret_value)) {
        return true;
    }
    if (strcmp(unit, "seconds") == 0) {
        if (tw_value_rule(TW_CFG_DURATION, text, NULL) == TW_OK &&
            tw_value_int(&time_key, text, &ms, NULL) == TW_OK) {
            *ret_value = (double)ms / 1000;
            return true;
        }
        tw_parse_fault(&self->parse, at,
                       "rules.%s: \"%s\" is neither a number of seconds nor a duration such as "
                       "90s, 2min, 1h",
                       key, tw_shown(text, shown));
    } else if (strcmp(unit, "share") == 0) {
        if (len > 1 && text[len - 1] == '%' && read_decimal(text, len - 1, ret_value)) {
            *ret_value /= 100;
            return true;
        }
        tw_parse_fault(&self->parse, at, "rules.%s: \"%s\" is no share, such as 0.05 or 5%%", key,
                       tw_shown(text, shown));
    } else {
        tw_parse_fault(&self->parse, at, "rules.%s: \"%s\" is no number", key,
                       tw_shown(text, shown));
    }
    return false;
}

static void read_threshold(struct tw_rules_load *self, const yaml_node_t *map,
                           const struct tw_rule_text *text, struct tw_rule *rule)
{
    const char *unit = text->burn != NULL ? "count" : tw_rule_unit(rule); /* a level */
    if (text->burn != NULL && text->above == NULL && text->below == NULL) {
        rule->is_above = true;
        return;
    }
    if ((text->above == NULL) == (text->below == NULL) ||
        (text->burn != NULL && text->below != NULL)) {
        tw_parse_fault(&self->parse, map, "rules: %s",
                       text->burn != NULL ? "with burn there is above alone"
                                          : "either above or below is needed");
        return;
    }
    rule->is_above = text->above != NULL;
    const char *key = rule->is_above ? "above" : "below";
    if (!read_limit(self, map, key, rule->is_above ? text->above : text->below, unit,
                    &rule->threshold)) {
        return;
    }
    /* Only numbers that were found missing are taken back. */
    const struct tw_metric *metric = rule->when.metric;
    if (!rule->is_above && rule->threshold <= 0 && metric != NULL &&
        strcmp(metric->name, "sequence_missing") != 0) {
        tw_parse_fault(&self->parse, tw_rules_at(self, map, key),
                       "rules.below: %s is never below 0: the rule would never fire", metric->name);
    }
}

static void read_least(struct tw_rules_load *self, const yaml_node_t *map,
                       const struct tw_rule_text *text, struct tw_rule *rule)
{
    bool is_meant = rule->has_share || rule->is_usual_share ||
                    (rule->when.metric != NULL && rule->when.metric->is_count);
    if (text->least == NULL) {
        return;
    }
    if (!is_meant) {
        tw_parse_fault(&self->parse, tw_rules_at(self, map, "least"),
                       "rules.least: it is for counts and shares");
    } else if (read_limit(self, map, "least", text->least, "count", &rule->least) &&
               rule->least < 0) {
        tw_parse_fault(&self->parse, tw_rules_at(self, map, "least"),
                       "rules.least: it is less than 0");
    }
}

/* ---- parts ---- */

static void read_series(struct tw_rules_load *self, const yaml_node_t *map,
                        const struct tw_rule_text *text, struct tw_rule *rule)
{
    if ((text->when == NULL) == (text->burn == NULL)) {
        tw_parse_fault(&self->parse, map, "rules: either when or burn is needed");
        return;
    }
    if (text->burn != NULL) {
        if (text->share != NULL || text->is_usual_share) {
            tw_parse_fault(&self->parse, map, "rules: a burn rule is a share of nothing");
        }
        tw_rule_read_burn(self, text->burn, rule);
        return;
    }
    tw_rule_read_when(self, text->when, rule);
    if (text->share != NULL && text->is_usual_share) {
        tw_parse_fault(&self->parse, map, "rules: either share-of or share-of-usual");
    } else if (text->share != NULL) {
        tw_rule_read_share(self, text->share, rule);
    } else if (text->is_usual_share) {
        rule->is_usual_share = true;
        /* What is usual is read from series as they are kept. */
        for (size_t i = 0; i < rule->by_count; i++) {
            if (!tw_metric_has(rule->when.metric, rule->by[i])) {
                tw_parse_fault(&self->parse, tw_rules_at(self, map, "share-of-usual"),
                               "rules.share-of-usual: not by \"%s\", which %s does not have",
                               rule->by[i], rule->when.metric->name);
            }
        }
        if (rule->when.metric != NULL && !rule->when.metric->is_count) {
            tw_parse_fault(&self->parse, tw_rules_at(self, map, "share-of-usual"),
                           "rules.share-of-usual: %s does not count", rule->when.metric->name);
        }
    }
}

static void read_hours(struct tw_rules_load *self, yaml_node_t *node, struct tw_rule *rule)
{
    rule->hours = calloc(1, sizeof(*rule->hours));
    if (rule->hours == NULL) {
        self->parse.is_out_of_memory = true;
        return;
    }
    tw_hours_read(&self->parse, "hours", node, rule->hours);
}

/* Labels that the rule makes itself. */
static bool is_taken(const struct tw_rule *rule, const char *name)
{
    static const char *const own[] = {"alertname", "severity", "owner",
                                      "nodata",    "workflow", "system"};
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(name, own[i]) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < rule->by_count; i++) {
        if (strcmp(name, rule->by[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void read_labels(struct tw_rules_load *self, const yaml_node_t *map,
                        struct tw_cfg_pairs *pairs, struct tw_rule *rule)
{
    const yaml_node_t *at = tw_rules_at(self, map, "labels");
    char shown[TW_SHOWN_SIZE];
    if (pairs->count > TW_RULE_LABELS_MAX) {
        tw_parse_fault(&self->parse, at, "rules.labels: more than %d", TW_RULE_LABELS_MAX);
        return;
    }
    for (size_t i = 0; i < pairs->count; i++) {
        struct tw_cfg_pair *pair = &pairs->items[i];
        if (!is_label_name(pair->from)) {
            tw_parse_fault(&self->parse, at,
                           "rules.labels: \"%s\" is no label, use letters, digits and _",
                           tw_shown(pair->from, shown));
        } else if (is_taken(rule, pair->from)) {
            tw_parse_fault(&self->parse, at, "rules.labels: the rule itself says \"%s\"",
                           pair->from);
        } else if (pair->to[0] == '\0' || has_control(pair->to, false) ||
                   strlen(pair->to) > TW_LABEL_VALUE_MAX) {
            tw_parse_fault(&self->parse, at,
                           "rules.labels.%s: a value has 1 to %d bytes without control characters",
                           tw_shown(pair->from, shown), TW_LABEL_VALUE_MAX);
        } else {
            rule->labels[rule->label_count++] = (struct tw_rule_label){pair->from, pair->to};
            *pair = (struct tw_cfg_pair){NULL, NULL};
        }
    }
}

static void read_no_data(struct tw_rules_load *self, const yaml_node_t *map,
                         const struct tw_rule_text *text, struct tw_rule *rule)
{
    rule->no_data = (enum tw_rule_no_data)text->no_data;
    rule->no_data_for_s = (int32_t)text->no_data_for_s;
    if (rule->no_data == TW_NO_DATA_ALERT && rule->when.metric != NULL && !rule->has_share &&
        !rule->is_usual_share && rule->when.metric->is_zero_when_silent) {
        tw_rules_note(self, tw_rules_at(self, map, "no-data"),
                      "rules.no-data: %s is 0 when nothing is written, it is never missing",
                      rule->when.metric->name);
    }
}

/* ---- as it is written ---- */

/* The byte at this line and column (characters), both from 0. */
static size_t place_of(struct tw_str text, size_t line, size_t column)
{
    size_t at = 0;
    for (; line > 0 && at < text.len; at++) {
        line -= text.ptr[at] == '\n' ? 1 : 0;
    }
    for (; column > 0 && at < text.len && text.ptr[at] != '\n'; column--) {
        at++;
        while (at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80) {
            at++;
        }
    }
    return at;
}

/* Blank lines behind it, and comments further to the left, belong to what follows. */
static size_t cut_end(const char *text, size_t len, size_t column)
{
    for (;;) {
        while (len > 0 && strchr(" \r\n", text[len - 1]) != NULL) {
            len--;
        }
        size_t start = len;
        while (start > 0 && text[start - 1] != '\n') {
            start--;
        }
        size_t indent = start;
        while (indent < len && text[indent] == ' ') {
            indent++;
        }
        if (start == 0 || indent == len || text[indent] != '#' || indent - start >= column) {
            return len;
        }
        len = start;
    }
}

/* The lines of this map, as far to the left as they go. */
static char *text_of(struct tw_rules_load *self, const yaml_node_t *node)
{
    struct tw_str text = self->text;
    size_t column = node->start_mark.column;
    size_t from = place_of(text, node->start_mark.line, column);
    size_t until = place_of(text, node->end_mark.line, node->end_mark.column);
    if (until <= from) {
        return tw_rules_copy(self, "");
    }
    size_t len = cut_end(text.ptr + from, until - from, column);
    char *copy = malloc(len + 2);
    size_t used = 0;
    if (copy == NULL) {
        self->parse.is_out_of_memory = true;
        return NULL;
    }
    for (size_t i = 0; i < len;) {
        copy[used++] = text.ptr[from + i++];
        size_t skipped = 0;
        while (copy[used - 1] == '\n' && skipped < column && i < len && text.ptr[from + i] == ' ') {
            skipped++;
            i++;
        }
    }
    copy[used++] = '\n';
    copy[used] = '\0';
    return copy;
}

/* ---- the whole ---- */

static void check_name(struct tw_rules_load *self, const yaml_node_t *map, const char *name,
                       bool *ret_is_replaced)
{
    char shown[TW_SHOWN_SIZE];
    if (!is_rule_name(name)) {
        tw_parse_fault(&self->parse, tw_rules_at(self, map, "alert"),
                       "rules.alert: \"%s\" is no name, use a letter, then at most 63 letters, "
                       "digits and _",
                       tw_shown(name, shown));
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        const struct tw_rule *other = &self->items[i];
        if (strcmp(other->name, name) != 0) {
            continue;
        }
        if (self->is_builtin && strncmp(other->file, "(built in)", 10) != 0) {
            *ret_is_replaced = true;
        } else {
            tw_parse_fault(&self->parse, tw_rules_at(self, map, "alert"),
                           "rules.alert: \"%s\" is there already (%s:%d)", name, other->file,
                           other->line);
        }
        return;
    }
}

/* Takes the texts. */
static void take_texts(struct tw_rules_load *self, struct tw_rule_text *text, struct tw_rule *rule)
{
    rule->name = text->alert;
    rule->title = text->title != NULL ? text->title : tw_rules_copy(self, text->alert);
    rule->about = text->about;
    rule->owner = text->owner;
    rule->summary = text->summary != NULL ? text->summary : tw_rules_copy(self, DEFAULT_SUMMARY);
    rule->description = text->description;
    rule->runbook = text->runbook;
    text->alert = NULL;
    text->title = NULL;
    text->about = NULL;
    text->owner = NULL;
    text->summary = NULL;
    text->description = NULL;
    text->runbook = NULL;
}

static void read_body(struct tw_rules_load *self, yaml_node_t *map, struct tw_rule_text *text,
                      struct tw_rule *rule)
{
    check_text(self, map, "title", text->title, TITLE_MAX);
    check_text(self, map, "about", text->about, ABOUT_MAX);
    check_text(self, map, "owner", text->owner, TITLE_MAX);
    check_text(self, map, "summary", text->summary, TW_RULE_SUMMARY_MAX);
    check_text(self, map, "description", text->description, TW_RULE_TEXT_MAX);
    read_series(self, map, text, rule);
    read_labels(self, map, &text->labels, rule);
    read_threshold(self, map, text, rule);
    read_least(self, map, text, rule);
    if (text->hours != NULL) {
        read_hours(self, text->hours, rule);
    }
    read_no_data(self, map, text, rule);
    if (tw_rules_at(self, map, "severity") == map) {
        tw_parse_fault(&self->parse, map, "rules: the key \"severity\" is missing");
    }
    rule->severity = (enum tw_severity)text->severity;
    rule->for_s = (int32_t)text->for_s;
    rule->keep_s = (int32_t)text->keep_s;
    rule->is_enabled = text->is_enabled;
    tw_rule_check_template(self, map, "summary", text->summary, rule);
    tw_rule_check_template(self, map, "description", text->description, rule);
    take_texts(self, text, rule);
    rule->group = tw_rules_copy(self, self->group);
    rule->file = tw_rules_copy(self, self->parse.file);
    rule->line = tw_tree_line(map);
    rule->text = text_of(self, map);
}

/* A name and `enabled: false`. */
static void switch_off(struct tw_rules_load *self, const yaml_node_t *map, const char *name)
{
    struct tw_rule_off *off = tw_rules_grow(self, &self->offs, self->off_count, sizeof(*off));
    if (off != NULL) {
        *off = (struct tw_rule_off){.name = tw_rules_copy(self, name),
                                    .file = tw_rules_copy(self, self->parse.file),
                                    .line = tw_tree_line(map)};
        self->off_count++;
    }
}

static void append(struct tw_rules_load *self, const yaml_node_t *node, struct tw_rule *rule)
{
    if (self->count == TW_RULES_MAX) {
        tw_parse_fault(&self->parse, node, "rules: more than %d, all files together", TW_RULES_MAX);
        self->is_too_many = true;
        return;
    }
    struct tw_rule *slot = tw_rules_grow(self, &self->items, self->count, sizeof(*slot));
    if (slot != NULL) {
        *slot = *rule;
        *rule = (struct tw_rule){0};
        self->count++;
    }
}

void tw_rule_read(struct tw_rules_load *self, yaml_node_t *node)
{
    struct tw_rule_text text = {0};
    struct tw_rule rule = {0};
    bool is_replaced = false;
    size_t before = tw_rules_fault_count(self);
    if (tw_parse_defaults_of(&tw_rule_section, &text) != TW_OK) {
        self->parse.is_out_of_memory = true;
    }
    text.severity = TW_SEVERITY_NONE;
    self->is_left_out = false;
    tw_parse_map(&self->parse, &tw_rule_section, node, &text);
    if (node->type != YAML_MAPPING_NODE || text.alert == NULL) {
        tw_cfg_free_fields(&tw_rule_section, &text);
        return;
    }
    check_name(self, node, text.alert, &is_replaced);
    if (!text.is_enabled && text.when == NULL && text.burn == NULL && !self->is_builtin) {
        switch_off(self, node, text.alert);
    } else if (!is_replaced) {
        read_body(self, node, &text, &rule);
        if (tw_rules_fault_count(self) == before && !self->is_left_out &&
            !self->parse.is_out_of_memory) {
            append(self, node, &rule);
        }
    }
    tw_cfg_free_fields(&tw_rule_section, &text);
    tw_rule_fini(&rule);
}
