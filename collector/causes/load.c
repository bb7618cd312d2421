/* SPDX-License-Identifier: Apache-2.0
 * A set from its files, and its life.
 */
#include "config.h"
#include "causes/internal.h"

#include <stdlib.h>

#include "config/dir.h"
#include "config/parse.h"

#define PATH_BYTES 4096

struct load {
    struct tw_parse parse; /* faults, and the tree that is being read */
    struct tw_cause_rule *items;
    size_t count;
    size_t operator_count; /* the first so many */
    enum tw_causes_origin origin;
    bool is_too_many; /* it was said, no more is read */
};

/* ---- the end ---- */

static void fini_rule(struct tw_cause_rule *rule)
{
    for (size_t i = 0; i < TW_CAUSE_CONDITIONS; i++) {
        tw_cfg_free_strings(&rule->when[i]);
    }
    free(rule->name);
    free(rule->label);
    free(rule->owner);
    free(rule->runbook);
    free(rule->file);
    *rule = (struct tw_cause_rule){0};
}

static void free_items(struct tw_cause_rule *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        fini_rule(&items[i]);
    }
    free(items);
}

static void fini_matcher(struct tw_cause_matcher *matcher, const struct tw_cause_rule *rule)
{
    for (size_t i = 0; i < TW_CAUSE_CONDITIONS; i++) {
        for (size_t k = 0; matcher->patterns[i] != NULL && k < rule->when[i].count; k++) {
            free((char *)(uintptr_t)matcher->patterns[i][k].ptr); /* made by us */
        }
        free(matcher->patterns[i]);
    }
}

static void destroy(struct tw_causes_holder *self)
{
    for (size_t i = 0; self->matchers != NULL && i < self->set.count; i++) {
        fini_matcher(&self->matchers[i], &self->set.items[i]);
    }
    free_items(self->set.items, self->set.count);
    free(self->matchers);
    free(self->counts);
    free(self);
}

/* ---- one rule ---- */

static char *copy_of(struct load *self, const char *text)
{
    char *copy = strdup(text);
    self->parse.is_out_of_memory = self->parse.is_out_of_memory || copy == NULL;
    return copy;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static size_t characters_of(const char *text)
{
    size_t count = 0;
    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

/* A text that people read. */
static void check_text(struct load *self, const yaml_node_t *node, const char *key,
                       const char *text, size_t most)
{
    if (text != NULL && (text[0] == '\0' || has_control(text))) {
        tw_parse_fault(&self->parse, node, "rules.%s: it is empty, or has control characters", key);
    } else if (text != NULL && characters_of(text) > most) {
        tw_parse_fault(&self->parse, node, "rules.%s: longer than %zu characters", key, most);
    }
}

static void check_pattern(struct load *self, const yaml_node_t *node,
                          enum tw_cause_condition condition, const char *text)
{
    const char *name = tw_cause_condition_name(condition);
    char shown[TW_SHOWN_SIZE];
    if (condition == TW_CAUSE_WHEN_STATUS) {
        if (!tw_cause_read_status(text, NULL)) {
            tw_parse_fault(&self->parse, node,
                           "when.status: \"%s\" is neither a status from 100 to 599 nor like 5xx",
                           tw_shown(text, shown));
        }
    } else if (text[0] == '\0' || has_control(text)) {
        tw_parse_fault(&self->parse, node, "when.%s: a pattern is empty, or has control characters",
                       name);
    } else if (strlen(text) > TW_CAUSES_PATTERN_MAX) {
        tw_parse_fault(&self->parse, node, "when.%s: a pattern is longer than %d bytes", name,
                       TW_CAUSES_PATTERN_MAX);
    }
}

static void read_when(struct load *self, yaml_node_t *node, struct tw_cause_rule *rule)
{
    struct tw_cause_when_text text = {0};
    size_t count = 0;
    tw_parse_map(&self->parse, &tw_cause_when_section, node, &text);
    for (unsigned i = 0; i < TW_CAUSE_CONDITIONS; i++) {
        const struct tw_cfg_strings *list = &text.when[i];
        if (list->count > TW_CAUSES_PATTERNS_MAX) {
            tw_parse_fault(&self->parse, node, "when.%s: more than %d patterns",
                           tw_cause_condition_name((enum tw_cause_condition)i),
                           TW_CAUSES_PATTERNS_MAX);
        }
        for (size_t k = 0; k < list->count; k++) {
            check_pattern(self, node, (enum tw_cause_condition)i, list->items[k]);
        }
        count += list->count;
        rule->when[i] = *list;
    }
    if (count == 0) {
        tw_parse_fault(&self->parse, node, "when: at least one condition is needed");
    }
}

static void check_name(struct load *self, const yaml_node_t *node, const char *name)
{
    for (size_t i = 0; name != NULL && i < self->count; i++) {
        const struct tw_cause_rule *other = &self->items[i];
        if (other->origin == self->origin && other->name != NULL &&
            strcmp(other->name, name) == 0) {
            tw_parse_fault(&self->parse, node, "rules.name: \"%s\" is there already (%s:%d)", name,
                           other->file, other->line);
            return;
        }
    }
}

static struct tw_cause_rule *add_rule(struct load *self, const yaml_node_t *node)
{
    bool is_own = self->origin == TW_CAUSES_OPERATORS;
    size_t most = is_own ? TW_CAUSES_OWN_MAX : TW_CAUSES_RULES_MAX;
    if (self->count - (is_own ? 0 : self->operator_count) == most) {
        tw_parse_fault(&self->parse, node, "rules: more than %zu, all files together", most);
        self->is_too_many = true;
        return NULL;
    }
    struct tw_cause_rule *items = realloc(self->items, (self->count + 1) * sizeof *items);
    if (items == NULL) {
        self->parse.is_out_of_memory = true;
        return NULL;
    }
    self->items = items;
    struct tw_cause_rule *rule = &items[self->count++];
    *rule = (struct tw_cause_rule){.origin = self->origin, .line = tw_tree_line(node)};
    self->operator_count += is_own ? 1 : 0;
    return rule;
}

static void read_rule(struct load *self, yaml_node_t *node)
{
    struct tw_cause_rule_text text = {0};
    tw_parse_map(&self->parse, &tw_cause_rule_section, node, &text);
    check_name(self, node, text.name);
    check_text(self, node, "label", text.label, TW_CAUSES_LABEL_MAX);
    check_text(self, node, "owner", text.owner, TW_CAUSES_OWNER_MAX);
    struct tw_cause_rule *rule = add_rule(self, node);
    if (rule == NULL) {
        tw_cfg_free_fields(&tw_cause_rule_section, &text);
        return;
    }
    rule->name = text.name;
    rule->label = text.label;
    rule->owner = text.owner;
    rule->runbook = text.runbook;
    rule->cause = tw_cause_choices[text.cause];
    rule->file = copy_of(self, self->parse.file);
    if (text.when != NULL) {
        read_when(self, text.when, rule);
    }
}

/* ---- files ---- */

static void read_root(struct load *self, yaml_node_t *root)
{
    struct tw_causes_text text = {0};
    if (root == NULL || tw_tree_is_null(root)) {
        return; /* an empty file has no rules */
    }
    tw_parse_map(&self->parse, &tw_causes_section, root, &text);
    if (text.rules == NULL) {
        return;
    }
    if (text.rules->type != YAML_SEQUENCE_NODE) {
        tw_parse_fault(&self->parse, text.rules, "rules: a list of rules is expected");
        return;
    }
    for (const yaml_node_item_t *item = text.rules->data.sequence.items.start;
         item < text.rules->data.sequence.items.top && !self->is_too_many; item++) {
        yaml_node_t *node = tw_tree_node(self->parse.tree, *item);
        if (!tw_parse_visit(&self->parse, node)) {
            return;
        }
        read_rule(self, node);
    }
}

static int read_text(struct load *self, const char *name, const char *yaml, size_t len)
{
    struct tw_tree tree = {0};
    self->parse.file = name;
    self->parse.visited = 0;
    self->parse.is_too_big = false;
    self->parse.tree = &tree;
    int rc = tw_tree_parse(&tree, name, yaml, len, &self->parse.faults);
    if (rc == TW_OK) {
        read_root(self, tw_tree_root(&tree));
    }
    tw_tree_fini(&tree);
    self->parse.tree = NULL;
    self->parse.file = NULL;
    return rc == TW_ENOMEM || self->parse.is_out_of_memory ? TW_ENOMEM : TW_OK;
}

static int read_file(struct load *self, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    int rc = tw_tree_read_file(path, &text, &len, &self->parse.faults);
    if (rc == TW_OK) {
        rc = read_text(self, path, text, len);
    }
    free(text);
    return rc == TW_ENOMEM ? rc : TW_OK;
}

static int read_dir(struct load *self, const char *path)
{
    struct tw_dir_names names;
    int rc = tw_dir_list(path, &self->parse.faults, &names);
    for (size_t i = 0; i < names.count && rc == TW_OK; i++) {
        char file[PATH_BYTES];
        if (snprintf(file, sizeof file, "%s/%s", path, names.items[i]) < (int)sizeof file) {
            rc = read_file(self, file);
        }
    }
    tw_dir_names_fini(&names);
    return rc;
}

/* What the configuration names. */
static int read_configured(struct load *self, const struct tw_cfg *cfg)
{
    int rc = TW_OK;
    self->origin = TW_CAUSES_FILES;
    for (size_t i = 0; i < cfg->causes.dirs.count && rc == TW_OK; i++) {
        rc = read_dir(self, cfg->causes.dirs.items[i]);
    }
    self->origin = TW_CAUSES_BUILT_IN;
    for (size_t i = 0; cfg->causes.has_pack && i < tw_causes_pack_count && rc == TW_OK; i++) {
        char name[96];
        (void)snprintf(name, sizeof name, "(built in) %s", tw_causes_pack[i].name);
        rc = read_text(self, name, tw_causes_pack[i].text, strlen(tw_causes_pack[i].text));
    }
    return rc;
}

/* ---- in force ---- */

static int compile_condition(const struct tw_cfg_strings *list, struct tw_str **ret_patterns)
{
    *ret_patterns = calloc(list->count + 1, sizeof **ret_patterns);
    if (*ret_patterns == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < list->count; i++) {
        char *text = strdup(list->items[i]);
        if (text == NULL) {
            return TW_ENOMEM;
        }
        size_t len = strlen(text);
        (void)tw_cause_fold(tw_str_of(list->items[i]), text, len);
        (*ret_patterns)[i] = (struct tw_str){text, len};
    }
    return TW_OK;
}

static int compile(struct tw_causes_holder *self)
{
    self->matchers = calloc(self->set.count + 1, sizeof *self->matchers);
    self->counts = calloc(self->set.count + 1, sizeof *self->counts);
    int rc = self->matchers == NULL || self->counts == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < self->set.count && rc == TW_OK; i++) {
        const struct tw_cause_rule *rule = &self->set.items[i];
        for (size_t k = 0; k < TW_CAUSE_CONDITIONS && rc == TW_OK; k++) {
            rc = compile_condition(&rule->when[k], &self->matchers[i].patterns[k]);
        }
        const struct tw_cfg_strings *statuses = &rule->when[TW_CAUSE_WHEN_STATUS];
        for (size_t k = 0; k < statuses->count; k++) {
            (void)tw_cause_read_status(statuses->items[k], self->matchers[i].statuses); /* it is */
        }
    }
    return rc;
}

/* Takes the rules. */
static int make_set(struct load *self, uint64_t version, const struct tw_causes **ret_set)
{
    struct tw_causes_holder *holder = calloc(1, sizeof *holder);
    if (holder == NULL) {
        return TW_ENOMEM;
    }
    atomic_init(&holder->references, 1);
    holder->set = (struct tw_causes){.items = self->items,
                                     .count = self->count,
                                     .operator_count = self->operator_count,
                                     .version = version};
    self->items = NULL;
    self->count = 0;
    int rc = compile(holder);
    if (rc != TW_OK) {
        destroy(holder);
        return rc;
    }
    *ret_set = &holder->set;
    return TW_OK;
}

/* What was read, if it is without fault. Ends the load. */
static int finish(struct load *self, int rc, uint64_t version, FILE *report,
                  const struct tw_causes **ret_set)
{
    if (rc == TW_OK && (self->parse.is_out_of_memory || self->parse.faults.is_out_of_memory)) {
        rc = TW_ENOMEM;
    }
    if (rc == TW_OK && tw_faults_any(&self->parse.faults)) {
        tw_faults_report(&self->parse.faults, report);
        rc = TW_ECONFIG;
    }
    if (rc == TW_OK) {
        rc = make_set(self, version, ret_set);
    }
    free_items(self->items, self->count);
    tw_parse_fini(&self->parse);
    free(self);
    return rc;
}

static int load(const struct tw_cfg *cfg, struct tw_str operators, FILE *report,
                const struct tw_causes **ret_set)
{
    struct load *self = calloc(1, sizeof *self); /* the faults alone are kilobytes */
    char name[PATH_BYTES];
    if (self == NULL) {
        return TW_ENOMEM;
    }
    int rc = TW_OK;
    (void)snprintf(name, sizeof name, "%.4000s/%s", cfg->store.dir == NULL ? "" : cfg->store.dir,
                   TW_CAUSES_FILE);
    self->origin = TW_CAUSES_OPERATORS;
    if (operators.ptr != NULL) {
        rc = read_text(self, name, operators.ptr, operators.len);
    }
    rc = rc == TW_OK ? read_configured(self, cfg) : rc;
    return finish(self, rc, tw_causes_version(operators), report, ret_set);
}

int tw_causes_load(const struct tw_cfg *cfg, FILE *report, const struct tw_causes **ret_set)
{
    char *text = NULL;
    size_t len = 0;
    int rc = cfg->store.dir == NULL ? TW_ENOTFOUND : tw_causes_read(cfg->store.dir, &text, &len);
    if (rc == TW_EIO || rc == TW_ELIMIT) {
        if (report != NULL) {
            (void)fprintf(report, "%s/%s: it cannot be read, or is larger than %u bytes\n",
                          cfg->store.dir, TW_CAUSES_FILE, TW_TREE_MAX_BYTES);
        }
        return TW_ECONFIG;
    }
    if (rc == TW_OK || rc == TW_ENOTFOUND) {
        rc = load(cfg, (struct tw_str){text, len}, report, ret_set);
    }
    free(text);
    return rc;
}

int tw_causes_parse(const char *name, struct tw_str yaml, enum tw_causes_origin origin,
                    FILE *report, const struct tw_causes **ret_set)
{
    struct load *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->origin = origin;
    int rc = read_text(self, name, yaml.ptr, yaml.len);
    return finish(self, rc, tw_causes_version(yaml), report, ret_set);
}

const struct tw_causes *tw_causes_ref(const struct tw_causes *self)
{
    (void)atomic_fetch_add_explicit(&tw_causes_holder_of(self)->references, 1,
                                    memory_order_relaxed);
    return self;
}

void tw_causes_unref(const struct tw_causes **self_p)
{
    const struct tw_causes *self = self_p == NULL ? NULL : *self_p;
    if (self == NULL) {
        return;
    }
    *self_p = NULL;
    struct tw_causes_holder *holder = tw_causes_holder_of(self);
    /* Release what was read through this reference; the last one acquires all of it. */
    if (atomic_fetch_sub_explicit(&holder->references, 1, memory_order_acq_rel) == 1) {
        destroy(holder);
    }
}

int tw_causes_print_keys(FILE *out)
{
    tw_cfg_print_section(out, &tw_causes_section);
    tw_cfg_print_section(out, &tw_cause_rule_section);
    tw_cfg_print_section(out, &tw_cause_when_section);
    return ferror(out) != 0 ? TW_EIO : TW_OK;
}
