/* SPDX-License-Identifier: Apache-2.0
 * The part of a mapping that is keyed by names of its own: attributes and translations; and the
 * files that hold mappings.
 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/parse.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "config/value.h"

#define MAX_MAPPING_FILES 256
#define MAX_PATH_BYTES    4096

/* One side of a translation: any scalar, also a missing one on the left ("null": none). */
static char *copy_scalar(struct tw_parse *self, const yaml_node_t *node, const char *where)
{
    const char *text = tw_tree_text(node);
    if (text == NULL) {
        tw_parse_fault(self, node, "%s: single values are expected", where);
        return NULL;
    }
    if (strlen(text) > TW_CFG_MAX_TEXT) {
        tw_parse_fault(self, node, "%s: longer than %d bytes", where, TW_CFG_MAX_TEXT);
        return NULL;
    }
    char *copy = strdup(text);
    self->is_out_of_memory = self->is_out_of_memory || copy == NULL;
    return copy;
}

static bool is_known_pair(const struct tw_cfg_pairs *pairs, const char *from)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (strcmp(pairs->items[i].from, from) == 0) {
            return true;
        }
    }
    return false;
}

void tw_parse_pairs(struct tw_parse *self, yaml_node_t *node, const char *where,
                    struct tw_cfg_pairs *ret_pairs)
{
    if (node->type != YAML_MAPPING_NODE) {
        tw_parse_fault(self, node, "%s: a map is expected", where);
        return;
    }
    const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - pairs);
    if (count > TW_CFG_MAX_PAIRS) {
        tw_parse_fault(self, node, "%s: more than %d rows", where, TW_CFG_MAX_PAIRS);
        return;
    }
    tw_cfg_free_pairs(ret_pairs);
    ret_pairs->items = calloc(count + 1, sizeof(ret_pairs->items[0]));
    if (ret_pairs->items == NULL) {
        self->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count && tw_parse_visit(self, node); i++) {
        yaml_node_t *key = tw_tree_node(self->tree, pairs[i].key);
        char *from = copy_scalar(self, key, where);
        char *to = copy_scalar(self, tw_tree_node(self->tree, pairs[i].value), where);
        if (from != NULL && to != NULL && !is_known_pair(ret_pairs, from)) {
            ret_pairs->items[ret_pairs->count++] = (struct tw_cfg_pair){from, to};
            continue;
        }
        if (from != NULL && to != NULL) {
            char shown[TW_SHOWN_SIZE];
            tw_parse_fault(self, key, "%s: \"%s\" is given twice", where, tw_shown(from, shown));
        }
        free(from);
        free(to);
    }
}

/* From the text form to the attribute: exactly one of the three kinds. Takes what it uses. */
static void finish_attribute(struct tw_parse *self, const yaml_node_t *node, const char *name,
                             struct tw_cfg_attr_text *raw, struct tw_cfg_attr *attr)
{
    int kinds = (raw->pointer != NULL) + (raw->constant != NULL) + (raw->template != NULL);
    if (kinds != 1) {
        tw_parse_fault(self, node,
                       "mappings.attributes: %s needs exactly one of pointer, constant and "
                       "template",
                       name);
        return;
    }
    if (raw->is_minor_units && strcmp(name, "amount") != 0) {
        tw_parse_fault(self, node, "mappings.attributes: minor-units is for amount only, not %s",
                       name);
    }
    attr->kind = raw->pointer != NULL    ? TW_VALUE_POINTER
                 : raw->constant != NULL ? TW_VALUE_CONSTANT
                                         : TW_VALUE_TEMPLATE;
    char **text = raw->pointer != NULL    ? &raw->pointer
                  : raw->constant != NULL ? &raw->constant
                                          : &raw->template;
    attr->text = *text;
    *text = NULL;
    attr->map = raw->map.items;
    attr->map_count = raw->map.count;
    raw->map = (struct tw_cfg_pairs){NULL, 0};
    attr->is_minor_units = raw->is_minor_units;
    attr->is_optional = raw->is_optional;
}

static void parse_attribute(struct tw_parse *self, const yaml_node_t *key, yaml_node_t *value,
                            struct tw_cfg_mapping *mapping)
{
    struct tw_diag diag;
    const char *name = tw_tree_text(key);
    if (name == NULL || tw_value_rule(TW_CFG_ATTRIBUTE, name, &diag) != TW_OK) {
        tw_parse_fault(self, key, "mappings.attributes: %s",
                       name == NULL ? "a key must be a single word" : diag.text);
        return;
    }
    for (size_t i = 0; i < mapping->attribute_count; i++) {
        if (strcmp(mapping->attributes[i].attribute, name) == 0) {
            tw_parse_fault(self, key, "mappings.attributes: %s is given twice (first in line %d)",
                           name, mapping->attributes[i].line);
            return;
        }
    }
    struct tw_cfg_attr *attr = &mapping->attributes[mapping->attribute_count];
    struct tw_cfg_attr_text raw = {0};
    *attr = (struct tw_cfg_attr){.attribute = strdup(name), .line = tw_tree_line(key)};
    if (attr->attribute == NULL) {
        self->is_out_of_memory = true;
        return;
    }
    mapping->attribute_count++;
    size_t before = self->faults.count + self->faults.more;
    tw_parse_map(self, &tw_cfg_attr_section, value, &raw);
    if (self->faults.count + self->faults.more == before) {
        finish_attribute(self, key, name, &raw, attr);
    }
    tw_cfg_free_fields(&tw_cfg_attr_section, &raw);
}

void tw_parse_attributes(struct tw_parse *self, yaml_node_t *node, struct tw_cfg_mapping *mapping)
{
    if (node->type != YAML_MAPPING_NODE) {
        tw_parse_fault(self, node, "mappings.attributes: a map of attributes is expected");
        return;
    }
    const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - pairs);
    if (count > TW_CFG_MAX_ATTRIBUTES) {
        tw_parse_fault(self, node, "mappings.attributes: more than %d", TW_CFG_MAX_ATTRIBUTES);
        return;
    }
    mapping->attributes = calloc(count + 1, sizeof(mapping->attributes[0]));
    if (mapping->attributes == NULL) {
        self->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count && tw_parse_visit(self, node); i++) {
        parse_attribute(self, tw_tree_node(self->tree, pairs[i].key),
                        tw_tree_node(self->tree, pairs[i].value), mapping);
    }
}

/* ---- files of mappings ---- */

static int parse_file(struct tw_parse *self, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    int rc = tw_tree_read_file(path, &text, &len, &self->faults);
    if (rc == TW_OK) {
        rc = tw_parse_mappings(self, path, text, len, false);
    }
    free(text);
    return rc == TW_ENOMEM ? rc : TW_OK;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* Every *.yaml of a directory, in order of name. */
static int parse_dir(struct tw_parse *self, const char *path)
{
    char *names[MAX_MAPPING_FILES];
    size_t count = 0;
    int rc = TW_OK;
    DIR *dir = opendir(path);
    if (dir == NULL) {
        tw_faults_add(&self->faults, path, 0, "the directory cannot be read");
        return TW_OK;
    }
    for (const struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        size_t len = strlen(entry->d_name);
        if (len <= 5 || entry->d_name[0] == '.' || strcmp(entry->d_name + len - 5, ".yaml") != 0) {
            continue;
        }
        if (count == MAX_MAPPING_FILES) {
            tw_faults_add(&self->faults, path, 0, "more than %d files", MAX_MAPPING_FILES);
            break;
        }
        names[count] = strdup(entry->d_name);
        if (names[count] == NULL) {
            rc = TW_ENOMEM;
            break;
        }
        count++;
    }
    (void)closedir(dir); /* only read from */
    qsort(names, count, sizeof(names[0]), by_name);
    for (size_t i = 0; i < count; i++) {
        char file[MAX_PATH_BYTES];
        if (rc == TW_OK &&
            snprintf(file, sizeof(file), "%s/%s", path, names[i]) < (int)sizeof(file)) {
            rc = parse_file(self, file);
        }
        free(names[i]);
    }
    return rc;
}

int tw_parse_mapping_files(struct tw_parse *self)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->top.mapping_files.count && rc == TW_OK; i++) {
        const char *name = self->top.mapping_files.items[i];
        char path[MAX_PATH_BYTES];
        struct stat st;
        if (self->dir == NULL) {
            tw_faults_add(&self->faults, "mapping-files", 0,
                          "need a configuration that is a file itself");
            return TW_OK;
        }
        int len = name[0] == '/' ? snprintf(path, sizeof(path), "%s", name)
                                 : snprintf(path, sizeof(path), "%s/%s", self->dir, name);
        if (len >= (int)sizeof(path) || stat(path, &st) != 0) {
            tw_faults_add(&self->faults, path, 0,
                          "no such file or directory (named in mapping-files)");
        } else {
            rc = S_ISDIR(st.st_mode) ? parse_dir(self, path) : parse_file(self, path);
        }
    }
    return rc;
}
