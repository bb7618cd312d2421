/* SPDX-License-Identifier: Apache-2.0
 * From YAML to struct tw_cfg, by the table of keys; internal to collector/config.
 * Thread: the owner's.
 */
#ifndef TW_CONFIG_PARSE_H
#define TW_CONFIG_PARSE_H

#include "config/faults.h"
#include "config/keys.h"
#include "config/tree.h"

/* Where an item of a list was written. */
struct tw_place {
    const char *file; /* borrowed from tw_parse.files */
    int line;
    bool is_builtin;
    bool is_faulty; /* something was said about it: what is missing may be its consequence */
};

struct tw_parse {
    struct tw_cfg *cfg; /* being filled; owned by the caller */
    struct tw_cfg_top top;
    struct tw_faults faults;
    struct tw_place *places[TW_CFG_SECTION_COUNT]; /* lists: one an item */
    struct tw_place
        sections[TW_CFG_SECTION_COUNT]; /* maps: where they were given; file NULL: not */
    char **files;                       /* owned names */
    size_t file_count;
    bool is_list_faulty[TW_CFG_SECTION_COUNT]; /* it was no list, or too long */
    const char *dir;      /* of the file, for mapping-files; NULL: there is none */
    bool has_environment; /* its overrides are in force */
    /* while a tree is read */
    struct tw_tree *tree;
    const char *file;
    bool is_builtin;
    size_t visited;  /* values, aliases expanded */
    bool is_too_big; /* said once */
    bool is_out_of_memory;
};

/* Numbers, texts and lists of the map sections and of `top` get the defaults of the table. */
int tw_parse_defaults(struct tw_parse *self);
/* A whole configuration: sections and top-level keys. Adds faults. TW_OK or TW_ENOMEM. */
int tw_parse_text(struct tw_parse *self, const char *name, const char *yaml, size_t len,
                  bool is_builtin);
/* A file or text with a list of mappings: appended; of shipped ones (is_builtin) those whose name
 * is there already are left out. TW_OK or TW_ENOMEM. */
int tw_parse_mappings(struct tw_parse *self, const char *name, const char *yaml, size_t len,
                      bool is_builtin);
/* Everything in top.mapping_files. TW_OK or TW_ENOMEM. */
int tw_parse_mapping_files(struct tw_parse *self);
void tw_parse_fini(struct tw_parse *self);

/* What the table says of keys that are not given, for the struct at base. TW_OK or TW_ENOMEM. */
int tw_parse_defaults_of(const struct tw_cfg_section *section, void *base);
/* One map by its section's keys into the struct at base. */
void tw_parse_map(struct tw_parse *self, const struct tw_cfg_section *section, yaml_node_t *node,
                  void *base);
/* A fault of the file that is read; the line is the node's. */
void tw_parse_fault(struct tw_parse *self, const yaml_node_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* False, with a fault, when aliases make more of the file than is reasonable. */
bool tw_parse_visit(struct tw_parse *self, const yaml_node_t *node);
/* The text of a scalar, borrowed from the tree, or NULL with a fault that begins with `where`. */
const char *tw_parse_scalar(struct tw_parse *self, const yaml_node_t *node, const char *where);
/* True, with a fault, when `name` was the key of an earlier pair of this map. */
bool tw_parse_is_repeated(struct tw_parse *self, const yaml_node_t *map,
                          const yaml_node_pair_t *pair, const char *name);
/* The `attributes` of a mapping (parse_attr.c). */
void tw_parse_attributes(struct tw_parse *self, yaml_node_t *node, struct tw_cfg_mapping *mapping);
/* A map of texts, such as the `map` of an attribute (parse_attr.c). Faults begin with `where`. */
void tw_parse_pairs(struct tw_parse *self, yaml_node_t *node, const char *where,
                    struct tw_cfg_pairs *ret_pairs);

/* Checks that need more than one value (check.c). */
void tw_check(struct tw_parse *self);
/* What they need: text the same; a file that is there, and of a secret one that others cannot read
 * it. */
bool tw_check_is_directory(const char *path);
void tw_check_file(struct tw_parse *self, const struct tw_place *place, const char *key,
                   const char *path);
void tw_check_secret(struct tw_parse *self, const struct tw_place *place, const char *key,
                     const char *path);
/* Sockets: keys, and that none is open to others without them (check_sockets.c). The section
 * `curve` is handed down first: TW_OK or TW_ENOMEM. */
int tw_check_sockets(struct tw_parse *self);

/* Frees what a struct of this section owns, the struct itself not; fields become NULL. */
void tw_cfg_free_fields(const struct tw_cfg_section *section, void *base);
/* The same for every item of a list section, and the list. */
void tw_cfg_free_list(const struct tw_cfg_section *section, struct tw_cfg *cfg);
void tw_cfg_free_strings(struct tw_cfg_strings *strings);
void tw_cfg_free_pairs(struct tw_cfg_pairs *pairs);

/* The keys of a section as a table of the reference page. */
void tw_cfg_print_section(FILE *out, const struct tw_cfg_section *section);

/* YAML texts that are part of the program (generated from *.yaml at build). */
extern const char tw_builtin_default[];
extern const char tw_builtin_shopify[];
extern const char tw_builtin_adyen[];

#endif
