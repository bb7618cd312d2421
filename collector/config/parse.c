/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/parse.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

/* Values looked at in one file, aliases expanded: ten times what a large estate's file has. */
#define MAX_VALUES   100000
#define MAX_MAP_KEYS 128

void tw_parse_fault(struct tw_parse *self, const yaml_node_t *node, const char *format, ...)
{
    char text[768];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    tw_faults_add(&self->faults, self->file, tw_tree_line(node), "%s", text);
}

bool tw_parse_visit(struct tw_parse *self, const yaml_node_t *node)
{
    self->visited++;
    if (self->visited > MAX_VALUES && !self->is_too_big) {
        self->is_too_big = true;
        tw_parse_fault(self, node, "more than %d values, aliases counted each time", MAX_VALUES);
    }
    return !self->is_too_big;
}

/* "section.key" or "key" for messages. */
static const char *label(const struct tw_cfg_section *section, const char *key, char *buf,
                         size_t size)
{
    (void)snprintf(buf, size, "%s%s%s", section->name, section->name[0] == '\0' ? "" : ".", key);
    return buf;
}

#define LABEL_SIZE 96

const char *tw_parse_scalar(struct tw_parse *self, const yaml_node_t *node, const char *where)
{
    if (node->type != YAML_SCALAR_NODE) {
        tw_parse_fault(self, node, "%s: a single value is expected, this is a %s", where,
                       node->type == YAML_MAPPING_NODE ? "map" : "list");
        return NULL;
    }
    const char *text = tw_tree_text(node);
    if (text == NULL) {
        tw_parse_fault(self, node, "%s: a NUL character is not allowed", where);
    } else if (tw_tree_is_null(node)) {
        tw_parse_fault(self, node, "%s: a value is missing", where);
        text = NULL;
    } else if (strlen(text) > TW_CFG_MAX_TEXT) {
        tw_parse_fault(self, node, "%s: longer than %d bytes", where, TW_CFG_MAX_TEXT);
        text = NULL;
    }
    return text;
}

static char *copy_text(struct tw_parse *self, const char *text)
{
    char *copy = strdup(text);
    self->is_out_of_memory = self->is_out_of_memory || copy == NULL;
    return copy;
}

static void parse_list(struct tw_parse *self, yaml_node_t *node, const struct tw_cfg_key *key,
                       const char *where, struct tw_cfg_strings *list)
{
    yaml_node_t *single[1] = {node};
    size_t count = 1;
    tw_cfg_free_strings(list); /* the default */
    if (node->type == YAML_SEQUENCE_NODE) {
        count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    }
    if (count > TW_CFG_MAX_LIST) {
        tw_parse_fault(self, node, "%s: more than %d values", where, TW_CFG_MAX_LIST);
        return;
    }
    list->items = calloc(count + 1, sizeof(list->items[0]));
    if (list->items == NULL) {
        self->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *item = node->type == YAML_SEQUENCE_NODE
                                ? tw_tree_node(self->tree, node->data.sequence.items.start[i])
                                : single[0];
        struct tw_diag diag;
        if (!tw_parse_visit(self, item)) {
            return;
        }
        const char *text = tw_parse_scalar(self, item, where);
        if (text == NULL) {
            continue;
        }
        if (tw_value_rule(key->rule, text, &diag) != TW_OK) {
            tw_parse_fault(self, item, "%s: %s", where, diag.text);
            continue;
        }
        list->items[list->count] = copy_text(self, text);
        list->count += list->items[list->count] != NULL ? 1 : 0;
    }
}

static void parse_scalar(struct tw_parse *self, const yaml_node_t *node,
                         const struct tw_cfg_key *key, const char *where, void *field)
{
    struct tw_diag diag;
    unsigned choice = 0;
    int rc = TW_OK;
    const char *text = tw_parse_scalar(self, node, where);
    if (text == NULL) {
        return;
    }
    if (key->type == TW_CFG_INT) {
        rc = tw_value_int(key, text, field, &diag);
    } else if (key->type == TW_CFG_BOOL) {
        rc = tw_value_bool(key, text, field, &diag);
    } else if (key->type == TW_CFG_CHOICE) {
        rc = tw_value_choice(key, text, &choice, &diag);
        if (rc == TW_OK) {
            *(enum tw_tap_kind *)field = (enum tw_tap_kind)choice;
        }
    } else {
        rc = tw_value_rule(key->rule, text, &diag);
        if (rc == TW_OK) {
            char **slot = field;
            free(*slot);
            *slot = copy_text(self, text);
        }
    }
    if (rc != TW_OK) {
        tw_parse_fault(self, node, "%s: %s", where, diag.text);
    }
}

static void parse_value(struct tw_parse *self, const struct tw_cfg_section *section,
                        const struct tw_cfg_key *key, yaml_node_t *node, void *base)
{
    char where[LABEL_SIZE];
    (void)label(section, key->name, where, sizeof(where));
    void *field = tw_cfg_field(base, key);
    if (key->type == TW_CFG_LIST) {
        parse_list(self, node, key, where, field);
    } else if (key->type == TW_CFG_PAIRS) {
        tw_parse_pairs(self, node, where, field);
    } else if (key->type == TW_CFG_ATTRIBUTES) {
        tw_parse_attributes(self, node, base);
    } else if (key->type == TW_CFG_NODE) {
        if (tw_tree_is_null(node)) {
            tw_parse_fault(self, node, "%s: a value is missing", where);
        } else {
            *(yaml_node_t **)field = node;
        }
    } else {
        parse_scalar(self, node, key, where, field);
    }
}

/* ---- maps ---- */

struct map {
    const struct tw_cfg_section *section;
    void *base;
    uint64_t given; /* a bit for each key of the section */
};

static void parse_level(struct tw_parse *self, struct map *map, yaml_node_t *node,
                        const char *prefix);

static void unknown_key(struct tw_parse *self, const struct tw_cfg_section *section,
                        const char *prefix, const yaml_node_t *node, const char *name)
{
    char where[LABEL_SIZE];
    char near[64];
    char shown[TW_SHOWN_SIZE];
    (void)snprintf(where, sizeof(where), "%s%s%.*s", section->name, prefix[0] == '\0' ? "" : ".",
                   (int)(prefix[0] == '\0' ? 0 : strlen(prefix) - 1), prefix);
    const char *best = tw_cfg_nearest(section, prefix, name, near, sizeof(near));
    if (best != NULL) {
        tw_parse_fault(self, node, "%s: unknown key \"%s\", did you mean \"%s\"?", where,
                       tw_shown(name, shown), best);
    } else {
        tw_parse_fault(self, node, "%s: unknown key \"%s\"", where, tw_shown(name, shown));
    }
}

bool tw_parse_is_repeated(struct tw_parse *self, const yaml_node_t *map,
                          const yaml_node_pair_t *pair, const char *name)
{
    for (const yaml_node_pair_t *p = map->data.mapping.pairs.start; p < pair; p++) {
        const yaml_node_t *other = tw_tree_node(self->tree, p->key);
        const char *text = tw_tree_text(other);
        if (text != NULL && strcmp(text, name) == 0) {
            char shown[TW_SHOWN_SIZE];
            tw_parse_fault(self, tw_tree_node(self->tree, pair->key),
                           "the key \"%s\" is given twice (first in line %d)",
                           tw_shown(name, shown), tw_tree_line(other));
            return true;
        }
    }
    return false;
}

/* One pair: a key of the table, or the name of a map inside the section. */
static void parse_pair(struct tw_parse *self, struct map *map, const char *prefix,
                       const yaml_node_t *key_node, yaml_node_t *value)
{
    const struct tw_cfg_section *section = map->section;
    const char *name = tw_tree_text(key_node);
    char path[LABEL_SIZE];
    (void)snprintf(path, sizeof(path), "%s%s", prefix, name);
    size_t len = strlen(path);
    for (size_t i = 0; i < section->key_count; i++) {
        const struct tw_cfg_key *key = &section->keys[i];
        if (strcmp(key->name, path) == 0) {
            map->given |= UINT64_C(1) << i;
            parse_value(self, section, key, value, map->base);
            return;
        }
        if (strncmp(key->name, path, len) == 0 && key->name[len] == '.') {
            (void)snprintf(path + len, sizeof(path) - len, ".");
            parse_level(self, map, value, path);
            return;
        }
    }
    unknown_key(self, section, prefix, key_node, name);
}

/* A map whose keys are those of the section below prefix. */
static void parse_level(struct tw_parse *self, struct map *map, yaml_node_t *node,
                        const char *prefix)
{
    if (node->type != YAML_MAPPING_NODE) {
        tw_parse_fault(self, node, "%s%s%.*s: a map of keys and values is expected",
                       map->section->name, prefix[0] == '\0' ? "" : ".",
                       (int)(prefix[0] == '\0' ? 0 : strlen(prefix) - 1), prefix);
        return;
    }
    const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    if (node->data.mapping.pairs.top - pairs > MAX_MAP_KEYS) {
        tw_parse_fault(self, node, "%s: more than %d keys", map->section->name, MAX_MAP_KEYS);
        return;
    }
    for (const yaml_node_pair_t *p = pairs; p < node->data.mapping.pairs.top; p++) {
        yaml_node_t *key = tw_tree_node(self->tree, p->key);
        yaml_node_t *value = tw_tree_node(self->tree, p->value);
        if (!tw_parse_visit(self, value)) {
            return;
        }
        const char *name = tw_tree_text(key);
        if (name == NULL) {
            tw_parse_fault(self, key, "%s: a key must be a single word", map->section->name);
        } else if (!tw_parse_is_repeated(self, node, p, name)) {
            parse_pair(self, map, prefix, key, value);
        }
    }
}

void tw_parse_map(struct tw_parse *self, const struct tw_cfg_section *section, yaml_node_t *node,
                  void *base)
{
    struct map map = {.section = section, .base = base};
    parse_level(self, &map, node, "");
    for (size_t i = 0; node->type == YAML_MAPPING_NODE && i < section->key_count; i++) {
        if (section->keys[i].is_required && (map.given & (UINT64_C(1) << i)) == 0) {
            tw_parse_fault(self, node, "%s: the key \"%s\" is missing", section->name,
                           section->keys[i].name);
        }
    }
}

/* ---- lists of maps ---- */

static size_t *list_count(const struct tw_cfg_section *section, struct tw_cfg *cfg)
{
    return (size_t *)(void *)((char *)cfg + section->count_offset);
}

static void **list_items(const struct tw_cfg_section *section, struct tw_cfg *cfg)
{
    return (void **)(void *)((char *)cfg + section->items_offset);
}

static int set_default(const struct tw_cfg_key *key, void *base)
{
    void *field = tw_cfg_field(base, key);
    if (key->type == TW_CFG_INT) {
        *(int64_t *)field = key->initial;
    } else if (key->type == TW_CFG_BOOL) {
        *(bool *)field = key->initial != 0;
    } else if (key->type == TW_CFG_CHOICE) {
        *(enum tw_tap_kind *)field = (enum tw_tap_kind)key->initial;
    } else if (key->type == TW_CFG_TEXT && key->text != NULL) {
        *(char **)field = strdup(key->text);
        return *(char **)field == NULL ? TW_ENOMEM : TW_OK;
    } else if (key->type == TW_CFG_LIST && key->text != NULL) {
        struct tw_cfg_strings *list = field;
        const char *word = NULL;
        size_t len = 0;
        list->items = calloc(TW_CFG_MAX_LIST, sizeof(list->items[0]));
        for (unsigned i = 0;
             list->items != NULL && (word = tw_value_word(key->text, i, &len)) != NULL; i++) {
            list->items[i] = strndup(word, len);
            if (list->items[i] == NULL) {
                return TW_ENOMEM;
            }
            list->count++;
        }
        return list->items == NULL ? TW_ENOMEM : TW_OK;
    }
    return TW_OK;
}

int tw_parse_defaults_of(const struct tw_cfg_section *section, void *base)
{
    int rc = TW_OK;
    for (size_t i = 0; i < section->key_count && rc == TW_OK; i++) {
        rc = set_default(&section->keys[i], base);
    }
    return rc;
}

int tw_parse_defaults(struct tw_parse *self)
{
    int rc = tw_parse_defaults_of(&tw_cfg_top_section, &self->top);
    for (size_t i = 0; i < TW_CFG_SECTION_COUNT && rc == TW_OK; i++) {
        if (!tw_cfg_sections[i].is_list) {
            rc = tw_parse_defaults_of(&tw_cfg_sections[i], self->cfg);
        }
    }
    return rc;
}

/* True when the mapping at the end of the list has the name of an earlier one. */
static bool is_replaced(const struct tw_cfg *cfg)
{
    const struct tw_cfg_mapping *last = &cfg->mappings[cfg->mapping_count - 1];
    for (size_t i = 0; i + 1 < cfg->mapping_count && last->name != NULL; i++) {
        if (cfg->mappings[i].name != NULL && strcmp(cfg->mappings[i].name, last->name) == 0) {
            return true;
        }
    }
    return false;
}

/* Append the items of a sequence to the list of the section. */
static void append_items(struct tw_parse *self, enum tw_cfg_section_id id, yaml_node_t *node)
{
    const struct tw_cfg_section *section = &tw_cfg_sections[id];
    size_t *count = list_count(section, self->cfg);
    if (node->type != YAML_SEQUENCE_NODE) {
        tw_parse_fault(self, node, "%s: a list is expected", section->name);
        self->is_list_faulty[id] = true;
        return;
    }
    const yaml_node_item_t *items = node->data.sequence.items.start;
    size_t more = (size_t)(node->data.sequence.items.top - items);
    if (more > section->max_items || *count + more > section->max_items) {
        tw_parse_fault(self, node, "%s: more than %zu entries", section->name, section->max_items);
        self->is_list_faulty[id] = true;
        return;
    }
    void **list = list_items(section, self->cfg);
    void *grown = realloc(*list, (*count + more + 1) * section->item_size);
    struct tw_place *places =
        realloc(self->places[id], (*count + more + 1) * sizeof(struct tw_place));
    *list = grown != NULL ? grown : *list;
    self->places[id] = places != NULL ? places : self->places[id];
    if (grown == NULL || places == NULL) {
        self->is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < more; i++) {
        yaml_node_t *item = tw_tree_node(self->tree, items[i]);
        if (!tw_parse_visit(self, item)) {
            return;
        }
        void *base = (char *)*list + *count * section->item_size;
        memset(base, 0, section->item_size);
        places[*count] = (struct tw_place){
            .file = self->file, .line = tw_tree_line(item), .is_builtin = self->is_builtin};
        size_t before = self->faults.count + self->faults.more;
        ++*count;
        if (tw_parse_defaults_of(section, base) != TW_OK) {
            self->is_out_of_memory = true;
            return;
        }
        tw_parse_map(self, section, item, base);
        places[*count - 1].is_faulty = self->faults.count + self->faults.more > before;
        if (id == TW_CFG_MAPPINGS && self->is_builtin && is_replaced(self->cfg)) {
            tw_cfg_free_fields(section, base);
            --*count;
        }
    }
}

/* ---- whole texts ---- */

static void parse_section(struct tw_parse *self, const yaml_node_t *key, const char *name,
                          yaml_node_t *value)
{
    for (unsigned id = 0; id < TW_CFG_SECTION_COUNT; id++) {
        const struct tw_cfg_section *section = &tw_cfg_sections[id];
        if (strcmp(section->name, name) != 0) {
            continue;
        }
        if (section->is_list) {
            if (id != TW_CFG_SYSTEMS) { /* which come beside the built-in ones */
                tw_cfg_free_list(section, self->cfg);
            }
            if (!tw_tree_is_null(value)) {
                append_items(self, (enum tw_cfg_section_id)id, value);
            }
        } else if (!tw_tree_is_null(value)) {
            self->sections[id] = (struct tw_place){
                .file = self->file, .line = tw_tree_line(value), .is_builtin = self->is_builtin};
            tw_parse_map(self, section, value, self->cfg);
        }
        return;
    }
    for (size_t i = 0; i < tw_cfg_top_section.key_count; i++) {
        if (strcmp(tw_cfg_top_section.keys[i].name, name) == 0) {
            parse_value(self, &tw_cfg_top_section, &tw_cfg_top_section.keys[i], value, &self->top);
            return;
        }
    }
    char near[64];
    char shown[TW_SHOWN_SIZE];
    const char *best = tw_cfg_nearest_section(name, near, sizeof(near));
    tw_parse_fault(self, key, "unknown section \"%s\"%s%s%s", tw_shown(name, shown),
                   best == NULL ? "" : ", did you mean \"", best == NULL ? "" : best,
                   best == NULL ? "" : "\"?");
}

static void parse_root(struct tw_parse *self, yaml_node_t *root)
{
    if (root->type != YAML_MAPPING_NODE) {
        tw_parse_fault(self, root, "a map of sections is expected, such as \"store:\"");
        return;
    }
    const yaml_node_pair_t *pairs = root->data.mapping.pairs.start;
    if (root->data.mapping.pairs.top - pairs > MAX_MAP_KEYS) {
        tw_parse_fault(self, root, "more than %d sections", MAX_MAP_KEYS);
        return;
    }
    for (const yaml_node_pair_t *p = pairs; p < root->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = tw_tree_node(self->tree, p->key);
        const char *name = tw_tree_text(key);
        if (name == NULL) {
            tw_parse_fault(self, key, "a key must be a single word");
        } else if (!tw_parse_is_repeated(self, root, p, name)) {
            parse_section(self, key, name, tw_tree_node(self->tree, p->value));
        }
    }
}

/* Keep the name of a file: places point to it. */
static const char *keep_name(struct tw_parse *self, const char *name)
{
    char **grown = realloc(self->files, (self->file_count + 1) * sizeof(self->files[0]));
    char *copy = strdup(name);
    if (grown != NULL) {
        self->files = grown;
    }
    if (grown == NULL || copy == NULL) {
        free(copy);
        self->is_out_of_memory = true;
        return NULL;
    }
    self->files[self->file_count++] = copy;
    return copy;
}

/* Load one text and hand its root on. TW_OK (also with faults) or TW_ENOMEM. */
static int parse_any(struct tw_parse *self, const char *name, const char *yaml, size_t len,
                     bool is_mappings)
{
    struct tw_tree tree = {.is_loaded = false};
    self->file = keep_name(self, name);
    if (self->file == NULL) {
        return TW_ENOMEM;
    }
    self->tree = &tree;
    self->visited = 0;
    self->is_too_big = false;
    int rc = tw_tree_parse(&tree, name, yaml, len, &self->faults);
    yaml_node_t *root = tw_tree_root(&tree);
    if (rc == TW_OK && root != NULL && !tw_tree_is_null(root)) {
        if (is_mappings) {
            append_items(self, TW_CFG_MAPPINGS, root);
        } else {
            parse_root(self, root);
        }
    }
    tw_tree_fini(&tree);
    self->tree = NULL;
    return rc == TW_ENOMEM || self->is_out_of_memory ? TW_ENOMEM : TW_OK;
}

int tw_parse_text(struct tw_parse *self, const char *name, const char *yaml, size_t len,
                  bool is_builtin)
{
    self->is_builtin = is_builtin;
    return parse_any(self, name, yaml, len, false);
}

int tw_parse_mappings(struct tw_parse *self, const char *name, const char *yaml, size_t len,
                      bool is_builtin)
{
    self->is_builtin = is_builtin;
    return parse_any(self, name, yaml, len, true);
}

void tw_parse_fini(struct tw_parse *self)
{
    tw_cfg_free_fields(&tw_cfg_top_section, &self->top);
    tw_faults_fini(&self->faults);
    for (size_t i = 0; i < TW_CFG_SECTION_COUNT; i++) {
        free(self->places[i]);
    }
    for (size_t i = 0; i < self->file_count; i++) {
        free(self->files[i]);
    }
    free(self->files);
}
