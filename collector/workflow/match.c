/* SPDX-License-Identifier: Apache-2.0
 * Which events count: patterns as written, and whether one event could fit two of them.
 */
#include "config.h"
#include "workflow/internal.h"

#include <stdlib.h>
#include <string.h>

#include "config/value.h"

void tw_wf_match_fini(struct tw_wf_match *match)
{
    for (size_t i = 0; i < match->where_count; i++) {
        free(match->where[i].attribute);
        free(match->where[i].value);
    }
    free(match->event);
    *match = (struct tw_wf_match){0};
}

/* One condition: attribute to "present", "absent" or a value. */
static void read_condition(struct tw_wf_load *self, const yaml_node_t *map,
                           const yaml_node_pair_t *pair, struct tw_wf_match *match)
{
    struct tw_parse *parse = &self->parse;
    const yaml_node_t *key = tw_tree_node(parse->tree, pair->key);
    const yaml_node_t *value = tw_tree_node(parse->tree, pair->value);
    const char *name = tw_tree_text(key);
    struct tw_diag diag;
    if (name == NULL) {
        tw_parse_fault(parse, key, "where: a key must be a single word");
        return;
    }
    if (tw_value_rule(TW_CFG_ATTRIBUTE, name, &diag) != TW_OK) {
        tw_parse_fault(parse, key, "where: %s", diag.text);
        return;
    }
    if (tw_parse_is_repeated(parse, map, pair, name)) {
        return;
    }
    const char *text = tw_parse_scalar(parse, value, "where");
    if (text == NULL) {
        return;
    }
    struct tw_wf_where *where = &match->where[match->where_count];
    where->kind = strcmp(text, "present") == 0  ? TW_WHERE_PRESENT
                  : strcmp(text, "absent") == 0 ? TW_WHERE_ABSENT
                                                : TW_WHERE_EQUALS;
    if (where->kind == TW_WHERE_EQUALS && text[0] == '\0') {
        tw_parse_fault(parse, value, "where: an attribute is never empty, write \"absent\"");
        return;
    }
    where->attribute = tw_wf_copy(self, name);
    where->value = where->kind == TW_WHERE_EQUALS ? tw_wf_copy(self, text) : NULL;
    match->where_count++;
}

static int by_attribute(const void *left, const void *right)
{
    const struct tw_wf_where *a = left;
    const struct tw_wf_where *b = right;
    return strcmp(a->attribute == NULL ? "" : a->attribute,
                  b->attribute == NULL ? "" : b->attribute);
}

static void read_where(struct tw_wf_load *self, yaml_node_t *node, struct tw_wf_match *match)
{
    struct tw_parse *parse = &self->parse;
    if (node->type != YAML_MAPPING_NODE) {
        tw_parse_fault(parse, node, "where: a map of attributes is expected");
        return;
    }
    const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
    size_t count = (size_t)(node->data.mapping.pairs.top - pairs);
    if (count > TW_WF_WHERE_MAX) {
        tw_parse_fault(parse, node, "where: more than %d conditions", TW_WF_WHERE_MAX);
        return;
    }
    for (size_t i = 0; i < count && tw_parse_visit(parse, node); i++) {
        read_condition(self, node, &pairs[i], match);
    }
    /* Their order says nothing: the canonical text has them by name. */
    qsort(match->where, match->where_count, sizeof(match->where[0]), by_attribute);
}

static void set_event(struct tw_wf_load *self, const yaml_node_t *node, const char *where,
                      const char *type, struct tw_wf_match *match)
{
    struct tw_diag diag;
    if (tw_value_rule(TW_CFG_PATTERN, type, &diag) != TW_OK) {
        tw_parse_fault(&self->parse, node, "%s: %s", where, diag.text);
        return;
    }
    if (strcmp(type, "*") == 0) {
        tw_parse_fault(&self->parse, node, "%s: \"*\" is every event", where);
        return;
    }
    size_t len = strlen(type);
    match->event = tw_wf_copy(self, type);
    match->is_prefix = type[len - 1] == '*';
    if (match->is_prefix && match->event != NULL) {
        match->event[len - 1] = '\0';
    }
}

/* One event: its type, or a map. */
static void read_match(struct tw_wf_load *self, const char *where, yaml_node_t *node,
                       struct tw_wf_match *match)
{
    struct tw_wf_match_text text = {0};
    if (node->type == YAML_SCALAR_NODE) {
        const char *type = tw_parse_scalar(&self->parse, node, where);
        if (type != NULL) {
            set_event(self, node, where, type, match);
        }
        return;
    }
    if (node->type != YAML_MAPPING_NODE) {
        tw_parse_fault(&self->parse, node, "%s: an event type or a map is expected", where);
        return;
    }
    tw_parse_map(&self->parse, &tw_wf_match_section, node, &text);
    if (text.type != NULL) {
        set_event(self, tw_wf_at(self, node, "type"), where, text.type, match);
    }
    if (text.where != NULL) {
        read_where(self, text.where, match);
    }
    tw_cfg_free_fields(&tw_wf_match_section, &text);
}

void tw_wf_read_matches(struct tw_wf_load *self, const char *where, yaml_node_t *node,
                        struct tw_wf_match *matches, size_t *ret_count)
{
    size_t count = tw_wf_list_count(node);
    if (count == 0) {
        tw_parse_fault(&self->parse, node, "%s: at least one event is needed", where);
    }
    if (count > TW_WF_MATCHES_MAX) {
        tw_parse_fault(&self->parse, node, "%s: more than %d events", where, TW_WF_MATCHES_MAX);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        read_match(self, where, tw_wf_list_item(self, node, i), &matches[i]);
        *ret_count = i + 1;
    }
}

/* ---- whether one event could fit both ---- */

static bool excludes(const struct tw_wf_where *a, const struct tw_wf_where *b)
{
    if (a->kind == TW_WHERE_EQUALS && b->kind == TW_WHERE_EQUALS) {
        return a->value != NULL && b->value != NULL && strcmp(a->value, b->value) != 0;
    }
    return (a->kind == TW_WHERE_ABSENT) != (b->kind == TW_WHERE_ABSENT);
}

bool tw_wf_match_overlap(const struct tw_wf_match *a, const struct tw_wf_match *b)
{
    if (a->event == NULL || b->event == NULL) {
        return false; /* a fault, told already */
    }
    size_t a_len = strlen(a->event);
    size_t b_len = strlen(b->event);
    bool is_same = a_len == b_len && strcmp(a->event, b->event) == 0;
    bool in_a = a->is_prefix && a_len <= b_len && strncmp(a->event, b->event, a_len) == 0;
    bool in_b = b->is_prefix && b_len <= a_len && strncmp(a->event, b->event, b_len) == 0;
    if (!is_same && !in_a && !in_b) {
        return false;
    }
    for (size_t i = 0; i < a->where_count; i++) {
        for (size_t k = 0; k < b->where_count; k++) {
            if (a->where[i].attribute != NULL && b->where[k].attribute != NULL &&
                strcmp(a->where[i].attribute, b->where[k].attribute) == 0 &&
                excludes(&a->where[i], &b->where[k])) {
                return false;
            }
        }
    }
    return true;
}
