/* SPDX-License-Identifier: Apache-2.0
 * A set of alert rules from its files, and its life.
 */
#include "config.h"
#include "alert/rules.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "alert/rules_internal.h"
#include "alert/rules_pack.h"
#include "config/dir.h"

#define PATH_BYTES 4096
#define NOTES_MAX  1000
#define NOTE_BYTES 512

/* What users hold is the first member. */
struct holder {
    struct tw_rules set;
    atomic_size_t references;
};

/* ---- helpers ---- */

char *tw_rules_copy(struct tw_rules_load *self, const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);
    self->parse.is_out_of_memory = self->parse.is_out_of_memory || (text != NULL && copy == NULL);
    return copy;
}

void *tw_rules_grow(struct tw_rules_load *self, void *array_p, size_t count, size_t size)
{
    void **slot = array_p;
    char *grown = realloc(*slot, (count + 1) * size);
    if (grown == NULL) {
        self->parse.is_out_of_memory = true;
        return NULL;
    }
    *slot = grown;
    return memset(grown + count * size, 0, size);
}

const yaml_node_t *tw_rules_at(const struct tw_rules_load *self, const yaml_node_t *map,
                               const char *key)
{
    for (const yaml_node_pair_t *p = map->type != YAML_MAPPING_NODE ? NULL
                                                                    : map->data.mapping.pairs.start;
         p != NULL && p < map->data.mapping.pairs.top; p++) {
        const char *name = tw_tree_text(tw_tree_node(self->parse.tree, p->key));
        if (name != NULL && strcmp(name, key) == 0) {
            return tw_tree_node(self->parse.tree, p->value);
        }
    }
    return map;
}

size_t tw_rules_fault_count(const struct tw_rules_load *self)
{
    return self->parse.faults.count + self->parse.faults.more;
}

static void add_note(struct tw_rules_load *self, const char *text)
{
    if (self->note_count == NOTES_MAX) {
        return; /* the first thousand say enough */
    }
    char **slot = tw_rules_grow(self, &self->notes, self->note_count, sizeof(self->notes[0]));
    if (slot != NULL) {
        *slot = tw_rules_copy(self, text);
        self->note_count += *slot != NULL ? 1 : 0;
    }
}

void tw_rules_note(struct tw_rules_load *self, const yaml_node_t *node, const char *format, ...)
{
    char what[NOTE_BYTES];
    char whole[3 * NOTE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    (void)snprintf(whole, sizeof(whole), "%.900s:%d: %s", self->parse.file, tw_tree_line(node),
                   what);
    add_note(self, whole);
}

/* ---- the end ---- */

void tw_rule_fini(struct tw_rule *rule)
{
    tw_measure_fini(&rule->when);
    tw_measure_fini(&rule->share);
    for (size_t i = 0; i < rule->by_count; i++) {
        free(rule->by[i]);
    }
    for (size_t i = 0; i < rule->label_count; i++) {
        free(rule->labels[i].name);
        free(rule->labels[i].value);
    }
    if (rule->hours != NULL) {
        tw_hours_fini(rule->hours);
    }
    free(rule->hours);
    free(rule->name);
    free(rule->title);
    free(rule->about);
    free(rule->owner);
    free(rule->summary);
    free(rule->description);
    free(rule->runbook);
    free(rule->group);
    free(rule->text);
    free(rule->file);
    *rule = (struct tw_rule){0};
}

static void free_runbooks(struct tw_runbook *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((char *)(uintptr_t)items[i].name); /* made by us */
        free((char *)(uintptr_t)items[i].text);
    }
    free(items);
}

static void free_set(struct tw_rules *set)
{
    for (size_t i = 0; i < set->count; i++) {
        tw_rule_fini(&set->items[i]);
    }
    for (size_t i = 0; i < set->note_count; i++) {
        free(set->notes[i]);
    }
    free(set->items);
    free(set->notes);
    free_runbooks(set->runbooks, set->runbook_count);
    tw_zone_destroy(&set->zone);
}

static void fini_load(struct tw_rules_load *self)
{
    struct tw_rules rest = {.items = self->items,
                            .count = self->count,
                            .notes = self->notes,
                            .note_count = self->note_count,
                            .runbooks = self->runbooks,
                            .runbook_count = self->runbook_count,
                            .zone = self->zone};
    free_set(&rest);
    for (size_t i = 0; i < self->off_count; i++) {
        free(self->offs[i].name);
        free(self->offs[i].file);
    }
    free(self->offs);
    free(self->group);
    tw_parse_fini(&self->parse);
}

/* ---- files ---- */

static void read_list(struct tw_rules_load *self, yaml_node_t *list)
{
    if (list->type != YAML_SEQUENCE_NODE) {
        tw_parse_fault(&self->parse, list, "rules: a list of rules is expected");
        return;
    }
    for (const yaml_node_item_t *item = list->data.sequence.items.start;
         item < list->data.sequence.items.top && !self->is_too_many; item++) {
        yaml_node_t *node = tw_tree_node(self->parse.tree, *item);
        if (!tw_parse_visit(&self->parse, node)) {
            return;
        }
        tw_rule_read(self, node);
    }
}

/* "sales" of "/etc/tillwatch/alerts/sales.yaml". */
static char *name_of_file(struct tw_rules_load *self)
{
    char name[64];
    const char *slash = strrchr(self->parse.file, '/');
    const char *from = slash == NULL ? self->parse.file : slash + 1;
    const char *space = strrchr(from, ' '); /* "(built in) sales.yaml" */
    from = space == NULL ? from : space + 1;
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(from, "."), from);
    return tw_rules_copy(self, name);
}

static void read_root(struct tw_rules_load *self, yaml_node_t *root)
{
    struct tw_rules_text text = {0};
    if (root == NULL || tw_tree_is_null(root)) {
        return; /* an empty file has no rules */
    }
    bool is_alone = tw_rules_at(self, root, "alert") != root;
    if (!is_alone) {
        tw_parse_map(&self->parse, &tw_rules_section, root, &text);
    }
    free(self->group);
    self->group = text.name != NULL ? text.name : name_of_file(self);
    text.name = NULL;
    if (is_alone) {
        tw_rule_read(self, root);
    } else if (text.rules != NULL) {
        read_list(self, text.rules);
    }
    tw_cfg_free_fields(&tw_rules_section, &text);
}

static int read_text(struct tw_rules_load *self, const char *name, struct tw_str yaml)
{
    struct tw_tree tree = {0};
    self->parse.file = name;
    self->parse.visited = 0;
    self->parse.is_too_big = false;
    self->parse.tree = &tree;
    self->text = yaml;
    int rc = tw_tree_parse(&tree, name, yaml.ptr, yaml.len, &self->parse.faults);
    if (rc == TW_OK) {
        read_root(self, tw_tree_root(&tree));
    }
    tw_tree_fini(&tree);
    self->parse.tree = NULL;
    self->parse.file = NULL;
    self->text = TW_STR_NULL;
    return rc == TW_ENOMEM || self->parse.is_out_of_memory ? TW_ENOMEM : TW_OK;
}

static int read_file(struct tw_rules_load *self, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    int rc = tw_tree_read_file(path, &text, &len, &self->parse.faults);
    if (rc == TW_OK) {
        rc = read_text(self, path, (struct tw_str){text, len});
    }
    free(text);
    return rc == TW_ENOMEM ? rc : TW_OK;
}

static int read_dir(struct tw_rules_load *self, const char *path)
{
    struct tw_dir_names names;
    int rc = tw_dir_list(path, &self->parse.faults, &names);
    for (size_t i = 0; i < names.count && rc == TW_OK; i++) {
        char file[PATH_BYTES];
        if (snprintf(file, sizeof(file), "%s/%s", path, names.items[i]) < (int)sizeof(file)) {
            rc = read_file(self, file);
        }
    }
    tw_dir_names_fini(&names);
    return rc;
}

static int read_pack(struct tw_rules_load *self)
{
    int rc = TW_OK;
    self->is_builtin = true;
    for (size_t i = 0; i < tw_rules_pack_count && rc == TW_OK; i++) {
        char name[96];
        (void)snprintf(name, sizeof(name), "(built in) %s", tw_rules_pack[i].name);
        rc = read_text(self, name, tw_str_of(tw_rules_pack[i].text));
    }
    self->is_builtin = false;
    return rc;
}

/* ---- runbooks ---- */

static const struct tw_runbook *find_runbook(const struct tw_runbook *items, size_t count,
                                             struct tw_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (tw_str_is(name, items[i].name)) {
            return &items[i];
        }
    }
    return NULL;
}

/* Copies. One of this name that is there already stays. */
static void add_runbook(struct tw_rules_load *self, const char *name, const char *text)
{
    if (find_runbook(self->runbooks, self->runbook_count, tw_str_of(name)) != NULL) {
        return;
    }
    if (self->runbook_count == TW_RUNBOOKS_MAX) {
        tw_faults_add(&self->parse.faults, name, 0, "more than %d runbooks", TW_RUNBOOKS_MAX);
        return;
    }
    struct tw_runbook *slot =
        tw_rules_grow(self, &self->runbooks, self->runbook_count, sizeof(*slot));
    if (slot != NULL) {
        slot->name = tw_rules_copy(self, name);
        slot->text = tw_rules_copy(self, text);
        self->runbook_count++;
    }
}

/* "name.md", whose name may stand in a path. */
static bool is_runbook_file(const char *file)
{
    size_t len = strlen(file);
    return len > 3 && len <= 66 && strcmp(file + len - 3, ".md") == 0 &&
           strspn(file, "abcdefghijklmnopqrstuvwxyz0123456789-") == len - 3;
}

static int read_runbook(struct tw_rules_load *self, const char *dir, const char *file)
{
    char path[PATH_BYTES];
    char name[64];
    char *text = NULL;
    size_t len = 0;
    if (snprintf(path, sizeof(path), "%s/%s", dir, file) >= (int)sizeof(path)) {
        return TW_OK; /* the system has none that long */
    }
    int rc = tw_tree_read_file(path, &text, &len, &self->parse.faults);
    if (rc == TW_OK && len > TW_RUNBOOK_MAX_BYTES) {
        tw_faults_add(&self->parse.faults, path, 0, "larger than %u bytes", TW_RUNBOOK_MAX_BYTES);
    } else if (rc == TW_OK) {
        (void)snprintf(name, sizeof(name), "%.*s", (int)(strlen(file) - 3), file);
        add_runbook(self, name, text);
    }
    free(text);
    return rc == TW_ENOMEM || self->parse.is_out_of_memory ? TW_ENOMEM : TW_OK;
}

static int read_runbook_dir(struct tw_rules_load *self, const char *path)
{
    struct dirent **entries = NULL;
    int rc = TW_OK;
    int count = scandir(path, &entries, NULL, alphasort);
    if (count < 0) {
        if (errno == ENOMEM) {
            return TW_ENOMEM;
        }
        tw_faults_add(&self->parse.faults, path, 0, "it cannot be read as a directory");
        return TW_OK;
    }
    for (int i = 0; i < count; i++) {
        if (rc == TW_OK && is_runbook_file(entries[i]->d_name)) {
            rc = read_runbook(self, path, entries[i]->d_name);
        }
        free(entries[i]);
    }
    free(entries);
    return rc;
}

static int read_runbooks(struct tw_rules_load *self, const struct tw_cfg_strings *dirs)
{
    int rc = TW_OK;
    for (size_t i = 0; dirs != NULL && i < dirs->count && rc == TW_OK; i++) {
        rc = read_runbook_dir(self, dirs->items[i]);
    }
    for (size_t i = 0; i < tw_runbook_count; i++) {
        add_runbook(self, tw_runbooks[i].name, tw_runbooks[i].text);
    }
    return self->parse.is_out_of_memory ? TW_ENOMEM : rc;
}

/* ---- in force ---- */

/* Rules that a file switches off by their name. */
static void apply_offs(struct tw_rules_load *self)
{
    for (size_t i = 0; i < self->off_count; i++) {
        struct tw_rule_off *off = &self->offs[i];
        for (size_t k = 0; off->name != NULL && k < self->count; k++) {
            if (strcmp(self->items[k].name, off->name) == 0) {
                self->items[k].is_enabled = false;
                off->is_found = true;
            }
        }
        if (!off->is_found && off->name != NULL && off->file != NULL) {
            char text[NOTE_BYTES];
            (void)snprintf(text, sizeof(text), "%.300s:%d: there is no rule \"%s\" to switch off",
                           off->file, off->line, off->name);
            add_note(self, text);
        }
    }
}

static void note_runbooks(struct tw_rules_load *self)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct tw_rule *rule = &self->items[i];
        if (rule->runbook != NULL &&
            find_runbook(self->runbooks, self->runbook_count, tw_str_of(rule->runbook)) == NULL) {
            char text[NOTE_BYTES];
            (void)snprintf(text, sizeof(text), "%.300s:%d: there is no runbook \"%s\"", rule->file,
                           rule->line, rule->runbook);
            add_note(self, text);
        }
    }
}

static int by_name(const void *left, const void *right)
{
    const struct tw_runbook *a = left;
    const struct tw_runbook *b = right;
    return strcmp(a->name, b->name);
}

/* Takes what was read. */
static int make_set(struct tw_rules_load *self, const struct tw_rules **ret_set)
{
    static atomic_uint_fast64_t serials;
    struct holder *holder = calloc(1, sizeof(*holder));
    if (holder == NULL) {
        return TW_ENOMEM;
    }
    if (self->runbook_count > 1) {
        qsort(self->runbooks, self->runbook_count, sizeof(self->runbooks[0]), by_name);
    }
    atomic_init(&holder->references, 1);
    holder->set = (struct tw_rules){
        .items = self->items,
        .count = self->count,
        .runbooks = self->runbooks,
        .runbook_count = self->runbook_count,
        .serial = atomic_fetch_add(&serials, 1) + 1,
        .notes = self->notes,
        .note_count = self->note_count,
        .zone = self->zone,
    };
    self->zone = NULL;
    self->items = NULL;
    self->count = 0;
    self->runbooks = NULL;
    self->runbook_count = 0;
    self->notes = NULL;
    self->note_count = 0;
    *ret_set = &holder->set;
    return TW_OK;
}

/* By whose clock it is known what is usual. */
static int read_zone(struct tw_rules_load *self)
{
    const char *name = self->cfg->track.timezone;
    int rc = tw_zone_new(name, &self->zone);
    if (rc == TW_ENOTFOUND || rc == TW_EINVAL) {
        tw_faults_add(&self->parse.faults, "track.timezone", 0,
                      "\"%s\" is no time zone that this machine knows, such as Europe/Berlin",
                      name);
        rc = TW_OK;
    }
    return rc;
}

/* What was read, if it is without fault. Ends the load. */
static int finish(struct tw_rules_load *self, int rc, FILE *report, const struct tw_rules **ret_set)
{
    rc = rc == TW_OK ? read_zone(self) : rc;
    if (rc == TW_OK) {
        apply_offs(self);
        note_runbooks(self);
    }
    if (rc == TW_OK && (self->parse.is_out_of_memory || self->parse.faults.is_out_of_memory)) {
        rc = TW_ENOMEM;
    }
    if (rc == TW_OK && tw_faults_any(&self->parse.faults)) {
        tw_faults_report(&self->parse.faults, report);
        rc = TW_ECONFIG;
    }
    if (rc == TW_OK) {
        rc = make_set(self, ret_set);
    }
    fini_load(self);
    free(self);
    return rc;
}

static struct tw_rules_load *begin(const struct tw_cfg *cfg, const struct tw_workflows *workflows)
{
    struct tw_rules_load *self = calloc(1, sizeof(*self)); /* the faults alone are kilobytes */
    if (self != NULL) {
        self->cfg = cfg;
        self->workflows = workflows;
    }
    return self;
}

int tw_rules_load(const struct tw_cfg *cfg, const struct tw_workflows *workflows, FILE *report,
                  const struct tw_rules **ret_set)
{
    struct tw_rules_load *self = begin(cfg, workflows);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    int rc = read_runbooks(self, &cfg->alerts.runbook_dirs);
    for (size_t i = 0; i < cfg->alerts.dirs.count && rc == TW_OK; i++) {
        rc = read_dir(self, cfg->alerts.dirs.items[i]);
    }
    if (rc == TW_OK && cfg->alerts.has_pack) {
        rc = read_pack(self);
    }
    return finish(self, rc, report, ret_set);
}

int tw_rules_parse(const struct tw_cfg *cfg, const struct tw_workflows *workflows, const char *name,
                   struct tw_str yaml, FILE *report, const struct tw_rules **ret_set)
{
    struct tw_rules_load *self = begin(cfg, workflows);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    int rc = read_runbooks(self, NULL);
    rc = rc == TW_OK ? read_text(self, name, yaml) : rc;
    return finish(self, rc, report, ret_set);
}

static struct holder *holder_of(const struct tw_rules *self)
{
    return (struct holder *)(uintptr_t)self; /* const is for users; the count is ours */
}

const struct tw_rules *tw_rules_ref(const struct tw_rules *self)
{
    (void)atomic_fetch_add_explicit(&holder_of(self)->references, 1, memory_order_relaxed);
    return self;
}

void tw_rules_unref(const struct tw_rules **self_p)
{
    const struct tw_rules *self = self_p == NULL ? NULL : *self_p;
    if (self == NULL) {
        return;
    }
    *self_p = NULL;
    struct holder *holder = holder_of(self);
    /* Release what was read through this reference; the last one acquires all of it. */
    if (atomic_fetch_sub_explicit(&holder->references, 1, memory_order_acq_rel) == 1) {
        free_set(&holder->set);
        free(holder);
    }
}

const struct tw_rule *tw_rules_find(const struct tw_rules *self, struct tw_str name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (tw_str_is(name, self->items[i].name)) {
            return &self->items[i];
        }
    }
    return NULL;
}

const char *tw_rules_runbook(const struct tw_rules *self, struct tw_str name)
{
    const struct tw_runbook *found = find_runbook(self->runbooks, self->runbook_count, name);
    return found == NULL ? NULL : found->text;
}
