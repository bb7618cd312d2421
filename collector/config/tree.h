/* SPDX-License-Identifier: Apache-2.0
 * One YAML document in memory, with the line of every node: a guarded way into libyaml.
 * Thread: the owner's.
 * Limits: TW_TREE_MAX_BYTES a file, TW_TREE_MAX_DEPTH levels, TW_TREE_MAX_ANCHORS anchors and
 *         TW_TREE_MAX_ALIASES aliases, checked before anything is built, so that neither nested
 *         aliases ("billion laughs") nor long lists of anchors cost time or memory.
 */
#ifndef TW_CONFIG_TREE_H
#define TW_CONFIG_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "config/faults.h"

#define TW_TREE_MAX_BYTES     (1024u * 1024u)
#define TW_TREE_MAX_DEPTH     32
#define TW_TREE_MAX_ANCHORS   64
#define TW_TREE_MAX_ALIASES   256
#define TW_TREE_MAX_DOCUMENTS 64 /* of one stream */

struct tw_tree {
    yaml_document_t document;
    bool is_loaded;
};

/* TW_OK; TW_ECONFIG with faults added; TW_ENOMEM. An empty text is a tree without a root.
 * `self` must be finished in every case. */
int tw_tree_parse(struct tw_tree *self, const char *name, const char *yaml, size_t len,
                  struct tw_faults *faults);
void tw_tree_fini(struct tw_tree *self);
/* The same for a text of several documents; the bounds above hold for all of them together.
 * `trees` has room for TW_TREE_MAX_DOCUMENTS, zeroed; those up to *ret_count must be finished in
 * every case. */
int tw_tree_parse_all(struct tw_tree *trees, size_t *ret_count, const char *name, const char *yaml,
                      size_t len, struct tw_faults *faults);

/* The whole file, NUL-terminated; owned by the caller. TW_OK; TW_ECONFIG with a fault added
 * (missing, not readable, larger than the limit, no regular file); TW_ENOMEM. */
int tw_tree_read_file(const char *file, char **ret_text, size_t *ret_len, struct tw_faults *faults);

yaml_node_t *tw_tree_root(struct tw_tree *self);
static inline yaml_node_t *tw_tree_node(struct tw_tree *self, int id)
{
    return yaml_document_get_node(&self->document, id);
}
static inline int tw_tree_line(const yaml_node_t *node)
{
    return (int)node->start_mark.line + 1;
}
/* The text of a scalar, NUL-terminated; NULL for other nodes and for scalars with a NUL inside. */
const char *tw_tree_text(const yaml_node_t *node);
/* Nothing was written: ~, null, or no value at all. */
bool tw_tree_is_null(const yaml_node_t *node);

#endif
