/* SPDX-License-Identifier: Apache-2.0
 * The name of the table that is nearest to one that is not in it. */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/keys.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 48
#define NEAR_EDITS     2

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits from a to b, two letters exchanged being one (optimal string alignment); more than
 * NEAR_EDITS for names that are too long to be ours. */
static size_t distance(const char *a, const char *b)
{
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);
    size_t rows[3][NAME_MAX_BYTES + 1];
    if (a_len > NAME_MAX_BYTES || b_len > NAME_MAX_BYTES) {
        return NEAR_EDITS + 1;
    }
    for (size_t j = 0; j <= b_len; j++) {
        rows[0][j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3];
        const size_t *second = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t change = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            row[j] = least(least(above[j] + 1, row[j - 1] + 1), change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                row[j] = least(row[j], second[j - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

struct best {
    size_t edits;
    char text[NAME_MAX_BYTES + 1];
};

/* `len` bytes of candidate, when they are nearer than the best so far. */
static void consider(struct best *best, const char *name, const char *candidate, size_t len)
{
    char text[NAME_MAX_BYTES + 1];
    if (len == 0 || len >= sizeof(text)) {
        return;
    }
    memcpy(text, candidate, len);
    text[len] = '\0';
    size_t edits = distance(name, text);
    /* Two edits in a word of three letters are another word. */
    if (edits < best->edits && edits * 2 <= len) {
        best->edits = edits;
        memcpy(best->text, text, len + 1);
    }
}

const char *tw_cfg_nearest(const struct tw_cfg_section *section, const char *prefix,
                           const char *name, char *buf, size_t size)
{
    struct best best = {.edits = NEAR_EDITS + 1};
    size_t skip = strlen(prefix);
    for (size_t i = 0; i < section->key_count; i++) {
        const char *key = section->keys[i].name;
        if (strncmp(key, prefix, skip) == 0) {
            consider(&best, name, key + skip, strcspn(key + skip, "."));
        }
    }
    (void)snprintf(buf, size, "%s", best.text);
    return best.edits <= NEAR_EDITS ? buf : NULL;
}

const char *tw_cfg_nearest_word(const char *const *words, size_t count, const char *name, char *buf,
                                size_t size)
{
    struct best best = {.edits = NEAR_EDITS + 1};
    for (size_t i = 0; i < count; i++) {
        consider(&best, name, words[i], strlen(words[i]));
    }
    (void)snprintf(buf, size, "%s", best.text);
    return best.edits <= NEAR_EDITS ? buf : NULL;
}

const char *tw_cfg_nearest_section(const char *name, char *buf, size_t size)
{
    struct best best = {.edits = NEAR_EDITS + 1};
    for (size_t i = 0; i < TW_CFG_SECTION_COUNT; i++) {
        consider(&best, name, tw_cfg_sections[i].name, strlen(tw_cfg_sections[i].name));
    }
    for (size_t i = 0; i < tw_cfg_top_section.key_count; i++) {
        const char *key = tw_cfg_top_section.keys[i].name;
        consider(&best, name, key, strlen(key));
    }
    (void)snprintf(buf, size, "%s", best.text);
    return best.edits <= NEAR_EDITS ? buf : NULL;
}
