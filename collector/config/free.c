/* SPDX-License-Identifier: Apache-2.0
 * What a configuration owns, freed by the table: a new key cannot be forgotten.
 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/parse.h"

#include <stdlib.h>

void tw_cfg_free_strings(struct tw_cfg_strings *strings)
{
    for (size_t i = 0; i < strings->count; i++) {
        free(strings->items[i]);
    }
    free(strings->items);
    *strings = (struct tw_cfg_strings){NULL, 0};
}

static void free_pair_items(struct tw_cfg_pair *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(items[i].from);
        free(items[i].to);
    }
    free(items);
}

void tw_cfg_free_pairs(struct tw_cfg_pairs *pairs)
{
    free_pair_items(pairs->items, pairs->count);
    *pairs = (struct tw_cfg_pairs){NULL, 0};
}

static void free_attributes(struct tw_cfg_mapping *mapping)
{
    for (size_t i = 0; i < mapping->attribute_count; i++) {
        struct tw_cfg_attr *attr = &mapping->attributes[i];
        free(attr->attribute);
        free(attr->text);
        free_pair_items(attr->map, attr->map_count);
    }
    free(mapping->attributes);
    mapping->attributes = NULL;
    mapping->attribute_count = 0;
}

void tw_cfg_free_fields(const struct tw_cfg_section *section, void *base)
{
    for (size_t i = 0; i < section->key_count; i++) {
        const struct tw_cfg_key *key = &section->keys[i];
        void *field = tw_cfg_field(base, key);
        if (key->type == TW_CFG_TEXT) {
            free(*(char **)field);
            *(char **)field = NULL;
        } else if (key->type == TW_CFG_LIST) {
            tw_cfg_free_strings(field);
        } else if (key->type == TW_CFG_PAIRS) {
            tw_cfg_free_pairs(field);
        } else if (key->type == TW_CFG_ATTRIBUTES) {
            free_attributes(base);
        }
    }
}

void tw_cfg_free_list(const struct tw_cfg_section *section, struct tw_cfg *cfg)
{
    void **items = (void **)(void *)((char *)cfg + section->items_offset);
    size_t *count = (size_t *)(void *)((char *)cfg + section->count_offset);
    for (size_t i = 0; i < *count; i++) {
        tw_cfg_free_fields(section, (char *)*items + i * section->item_size);
    }
    free(*items);
    *items = NULL;
    *count = 0;
}

void tw_cfg_destroy(struct tw_cfg **self_p)
{
    struct tw_cfg *self = self_p == NULL ? NULL : *self_p;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < TW_CFG_SECTION_COUNT; i++) {
        if (tw_cfg_sections[i].is_list) {
            tw_cfg_free_list(&tw_cfg_sections[i], self);
        } else {
            tw_cfg_free_fields(&tw_cfg_sections[i], self);
        }
    }
    free(self->file);
    free(self);
    *self_p = NULL;
}
