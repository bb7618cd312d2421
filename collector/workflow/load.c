/* SPDX-License-Identifier: Apache-2.0
 * A set from its files: those of the directories, then the retail pack; then what concerns more
 * than one file.
 */
#include "config.h"
#include "workflow/workflow.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/dir.h"
#include "workflow/internal.h"

#define PATH_BYTES     4096
#define NOTES_MAX      1000
#define NOTE_BYTES     1024
#define RUNBOOKS_SHIPS TW_DATADIR "/runbooks"
#define RUNBOOKS_TREE  TW_SRCDIR "/docs/runbooks"

/* ---- helpers ---- */

void *tw_wf_grow(struct tw_wf_load *self, void *array_p, size_t count, size_t size)
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

char *tw_wf_copy(struct tw_wf_load *self, const char *text)
{
    char *copy = text == NULL ? NULL : strdup(text);
    self->parse.is_out_of_memory = self->parse.is_out_of_memory || (text != NULL && copy == NULL);
    return copy;
}

yaml_node_t *tw_wf_member(struct tw_wf_load *self, const yaml_node_t *map, const char *key)
{
    if (map->type != YAML_MAPPING_NODE) {
        return NULL;
    }
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
         p++) {
        const char *name = tw_tree_text(tw_tree_node(self->parse.tree, p->key));
        if (name != NULL && strcmp(name, key) == 0) {
            return tw_tree_node(self->parse.tree, p->value);
        }
    }
    return NULL;
}

const yaml_node_t *tw_wf_at(struct tw_wf_load *self, const yaml_node_t *map, const char *key)
{
    const yaml_node_t *node = tw_wf_member(self, map, key);
    return node == NULL ? map : node;
}

size_t tw_wf_list_count(const yaml_node_t *node)
{
    return node->type != YAML_SEQUENCE_NODE
               ? 1
               : (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

yaml_node_t *tw_wf_list_item(struct tw_wf_load *self, yaml_node_t *node, size_t i)
{
    return node->type != YAML_SEQUENCE_NODE
               ? node
               : tw_tree_node(self->parse.tree, node->data.sequence.items.start[i]);
}

size_t tw_wf_fault_count(const struct tw_wf_load *self)
{
    return self->parse.faults.count + self->parse.faults.more;
}

void tw_wf_note(struct tw_wf_load *self, const char *file, int line, const char *format, ...)
{
    char what[NOTE_BYTES];
    char whole[2 * NOTE_BYTES];
    va_list arguments;
    if (self->note_count == NOTES_MAX) {
        return; /* the first thousand say enough */
    }
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    (void)(line > 0 ? snprintf(whole, sizeof(whole), "%.900s:%d: %s", file, line, what)
                    : snprintf(whole, sizeof(whole), "%.900s: %s", file, what));
    for (char *p = whole; *p != '\0'; p++) {
        *p = (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p;
    }
    char **slot = tw_wf_grow(self, &self->notes, self->note_count, sizeof(self->notes[0]));
    if (slot != NULL) {
        *slot = tw_wf_copy(self, whole);
        self->note_count += *slot != NULL ? 1 : 0;
    }
}

const char *tw_wf_hint(const char *const *words, size_t count, const char *name,
                       char buf[TW_WF_HINT_SIZE])
{
    char near[64];
    const char *best = tw_cfg_nearest_word(words, count, name, near, sizeof(near));
    (void)snprintf(buf, TW_WF_HINT_SIZE, "%s%s%s", best == NULL ? "" : ", did you mean \"",
                   best == NULL ? "" : best, best == NULL ? "" : "\"?");
    return buf;
}

/* ---- one file ---- */

/* What a document is shows in its keys. */
static void read_documents(struct tw_wf_load *self, struct tw_tree *trees, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *root = tw_tree_root(&trees[i]);
        self->parse.tree = &trees[i];
        if (tw_tree_is_null(root)) {
            continue;
        }
        if (root->type != YAML_MAPPING_NODE) {
            tw_parse_fault(&self->parse, root, "a map is expected, such as \"name: sale-posting\"");
            continue;
        }
        if (tw_wf_member(self, root, "apiVersion") != NULL) {
            continue; /* all of a file together, below */
        }
        yaml_node_t *maintenance = tw_wf_member(self, root, "maintenance");
        if (maintenance != NULL) {
            tw_wf_read_maintenance(self, root, maintenance);
        } else if (count > 1) {
            tw_parse_fault(&self->parse, root, "a workflow has a file of its own");
        } else {
            tw_wf_define(self, root);
        }
    }
    tw_wf_read_openslo(self, trees, count);
}

static int read_text(struct tw_wf_load *self, const char *name, const char *yaml, size_t len)
{
    struct tw_tree *trees = calloc(TW_TREE_MAX_DOCUMENTS, sizeof(*trees));
    size_t count = 0;
    if (trees == NULL) {
        return TW_ENOMEM;
    }
    self->parse.file = name;
    self->parse.visited = 0;
    self->parse.is_too_big = false;
    self->text = yaml;
    self->len = len;
    int rc = tw_tree_parse_all(trees, &count, name, yaml, len, &self->parse.faults);
    if (rc == TW_OK) {
        read_documents(self, trees, count);
    }
    for (size_t i = 0; i < TW_TREE_MAX_DOCUMENTS; i++) {
        tw_tree_fini(&trees[i]);
    }
    free(trees);
    self->parse.tree = NULL;
    self->parse.file = NULL;
    return rc == TW_ENOMEM || self->parse.is_out_of_memory ? TW_ENOMEM : TW_OK;
}

static int read_file(struct tw_wf_load *self, const char *path)
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

/* ---- directories ---- */

static int read_dir(struct tw_wf_load *self, const char *path)
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

static int read_pack(struct tw_wf_load *self)
{
    int rc = TW_OK;
    self->is_builtin = true;
    for (size_t i = 0; i < tw_wf_pack_count && rc == TW_OK; i++) {
        char name[96];
        (void)snprintf(name, sizeof(name), "(built in) %s", tw_wf_pack[i].name);
        rc = read_text(self, name, tw_wf_pack[i].text, strlen(tw_wf_pack[i].text));
    }
    self->is_builtin = false;
    return rc;
}

/* ---- the whole ---- */

/* Where an objective of workflow w was written: OpenSLO ones have their own file. */
static void check_objective_names(struct tw_wf_load *self)
{
    for (size_t w = 0; w < self->count; w++) {
        const struct tw_workflow *workflow = &self->items[w];
        for (size_t i = 0; i < workflow->objective_count; i++) {
            const struct tw_wf_objective *objective = &workflow->objectives[i];
            for (size_t v = 0; v <= w && objective->name != NULL; v++) {
                const struct tw_workflow *other = &self->items[v];
                size_t most = v == w ? i : other->objective_count;
                for (size_t k = 0; k < most; k++) {
                    if (other->objectives[k].name != NULL &&
                        strcmp(other->objectives[k].name, objective->name) == 0) {
                        tw_faults_add(&self->parse.faults, workflow->file, objective->line,
                                      "objectives.name: \"%s\" is there already (%s:%d)",
                                      objective->name, other->file, other->objectives[k].line);
                    }
                }
            }
        }
    }
}

static void check_maintenance(struct tw_wf_load *self)
{
    const char *words[TW_WF_MAX];
    for (size_t i = 0; i < self->count; i++) {
        words[i] = self->items[i].name;
    }
    for (size_t i = 0; i < self->maintenance_count; i++) {
        const struct tw_wf_maintenance *entry = &self->maintenance[i];
        for (size_t k = 0; k < entry->workflow_count; k++) {
            bool is_there = false;
            for (size_t w = 0; w < self->count; w++) {
                is_there = is_there || strcmp(words[w], entry->workflows[k]) == 0;
            }
            char hint[TW_WF_HINT_SIZE];
            if (!is_there) {
                tw_faults_add(&self->parse.faults, self->maintenance_files[i], entry->line,
                              "maintenance.workflows: there is no workflow \"%s\"%s",
                              entry->workflows[k],
                              tw_wf_hint(words, self->count, entry->workflows[k], hint));
            }
        }
    }
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A runbook that is not there is no reason not to start. */
static void note_runbooks(struct tw_wf_load *self)
{
    const char *dir = is_directory(RUNBOOKS_SHIPS)  ? RUNBOOKS_SHIPS
                      : is_directory(RUNBOOKS_TREE) ? RUNBOOKS_TREE
                                                    : NULL;
    for (size_t w = 0; w < self->count && dir != NULL; w++) {
        const struct tw_workflow *workflow = &self->items[w];
        for (size_t i = 0; i < workflow->step_count; i++) {
            const struct tw_wf_step *step = &workflow->steps[i];
            char path[PATH_BYTES];
            struct stat st;
            if (step->runbook != NULL &&
                snprintf(path, sizeof(path), "%s/%s.md", dir, step->runbook) < (int)sizeof(path) &&
                stat(path, &st) != 0) {
                tw_wf_note(self, workflow->file, step->line, "steps.runbook: there is no %s", path);
            }
        }
    }
}

static void fini(struct tw_wf_load *self)
{
    for (size_t i = 0; i < self->count; i++) {
        tw_workflow_fini(&self->items[i]);
    }
    for (size_t i = 0; i < self->maintenance_count; i++) {
        if (self->maintenance != NULL) {
            tw_wf_maintenance_fini(&self->maintenance[i]);
        }
        free(self->maintenance_files[i]);
    }
    for (size_t i = 0; i < self->slo_count; i++) {
        tw_wf_slo_fini(&self->slos[i]);
    }
    for (size_t i = 0; i < self->note_count; i++) {
        free(self->notes[i]);
    }
    free(self->items);
    free(self->maintenance);
    free(self->maintenance_files);
    free(self->slos);
    free(self->notes);
    tw_parse_fini(&self->parse);
    free(self);
}

/* What was read, if it is without fault. Ends the load. */
static int finish(struct tw_wf_load *self, int rc, FILE *report,
                  const struct tw_workflows **ret_set)
{
    if (rc == TW_OK) {
        check_objective_names(self);
        tw_wf_attach_slos(self);
        check_maintenance(self);
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
        rc = tw_wf_make_set(self, ret_set);
    }
    fini(self);
    return rc;
}

int tw_workflows_load(const struct tw_cfg *cfg, FILE *report, const struct tw_workflows **ret_set)
{
    struct tw_wf_load *self = calloc(1, sizeof(*self)); /* the faults alone are kilobytes */
    int rc = TW_OK;
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    for (size_t i = 0; i < cfg->workflows.dirs.count && rc == TW_OK; i++) {
        rc = read_dir(self, cfg->workflows.dirs.items[i]);
    }
    if (rc == TW_OK && cfg->workflows.has_pack) {
        rc = read_pack(self);
    }
    return finish(self, rc, report, ret_set);
}

int tw_workflows_parse(const struct tw_cfg *cfg, const char *name, const char *yaml, size_t len,
                       FILE *report, const struct tw_workflows **ret_set)
{
    struct tw_wf_load *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    int rc = read_text(self, name, yaml, len);
    return finish(self, rc, report, ret_set);
}

int tw_workflows_print_keys(FILE *out)
{
    tw_cfg_print_section(out, &tw_wf_section);
    tw_cfg_print_section(out, &tw_wf_step_section);
    tw_cfg_print_section(out, &tw_wf_match_section);
    tw_cfg_print_section(out, &tw_wf_objective_section);
    tw_cfg_print_section(out, &tw_wf_maintenance_section);
    return ferror(out) != 0 ? TW_EIO : TW_OK;
}
