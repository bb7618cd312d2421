/* SPDX-License-Identifier: Apache-2.0
 * Match sets: content to number, number to content, and both as bytes. */
#include "config.h"
#include "track/match_internal.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Of what tw_matcher_save() writes. */
#define FORMAT 2

static bool same_entries(const struct tw_match_entry *a, const struct tw_match_entry *b,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (a[i].version != b[i].version || a[i].step != b[i].step || a[i].role != b[i].role ||
            a[i].present != b[i].present) {
            return false;
        }
    }
    return true;
}

/* NULL: it has none, and perhaps no set has any. */
static struct tw_match_entry *members_of(const struct tw_matcher *self, const struct set *set)
{
    return set->count == 0 ? NULL : &self->entries[set->first];
}

/* Where a set with this content is, or would be. */
static uint32_t content_slot(const struct tw_matcher *self, const struct tw_match_entry *entries,
                             uint32_t count)
{
    uint64_t hash = count;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t words[] = {entries[i].version,
                                  (uint32_t)entries[i].step << 8 | entries[i].role,
                                  entries[i].present};
        hash = XXH3_64bits_withSeed(words, sizeof words, hash);
    }
    uint32_t slot = (uint32_t)hash & self->by_content_mask;
    while (self->by_content[slot] != 0) {
        const struct set *set = &self->sets[self->by_content[slot]];
        if (set->count == count && same_entries(members_of(self, set), entries, count)) {
            break;
        }
        slot = (slot + 1) & self->by_content_mask;
    }
    return slot;
}

static int index_sets(struct tw_matcher *self)
{
    uint32_t slots = 64;
    while (slots < self->set_count * 2 + 2) {
        slots *= 2;
    }
    uint32_t *table = calloc(slots, sizeof *table);
    if (table == NULL) {
        return TW_ENOMEM;
    }
    free(self->by_content);
    self->by_content = table;
    self->by_content_mask = slots - 1;
    for (uint32_t id = 1; id < self->set_count; id++) {
        const struct set *set = &self->sets[id];
        uint32_t slot = content_slot(self, members_of(self, set), set->count);
        if (table[slot] == 0) { /* of two that have become the same the first counts */
            table[slot] = id;
        }
    }
    return TW_OK;
}

/* A new set, whether or not there is one like it. */
static int add_set(struct tw_matcher *self, const struct tw_match_entry *entries, uint32_t count)
{
    int err = tw_match_grow(&self->sets, self->set_count, &self->set_capacity, sizeof *self->sets);
    struct set set = {.first = self->entry_count, .count = count};
    for (uint32_t i = 0; i < count && err == TW_OK; i++) {
        err = tw_match_grow(&self->entries, self->entry_count, &self->entry_capacity,
                            sizeof *self->entries);
        if (err == TW_OK) {
            self->entries[self->entry_count++] = entries[i];
            set.has_failure = set.has_failure || entries[i].role == TW_FACT_FAILED;
        }
    }
    if (err == TW_OK) {
        self->sets[self->set_count++] = set;
    }
    return err;
}

int tw_match_intern(struct tw_matcher *self, const struct tw_match_entry *entries, uint32_t count,
                    uint32_t *ret_id)
{
    if (count == 0) {
        *ret_id = 0;
        return TW_OK;
    }
    uint32_t slot = content_slot(self, entries, count);
    if (self->by_content[slot] != 0) {
        *ret_id = self->by_content[slot];
        return TW_OK;
    }
    if (self->set_count == TW_MATCH_SETS_MAX) {
        *ret_id = 0;
        return TW_OK;
    }
    int err = add_set(self, entries, count);
    if (err == TW_OK && self->set_count * 2 > self->by_content_mask) {
        err = index_sets(self);
    } else if (err == TW_OK) {
        self->by_content[slot] = self->set_count - 1;
    }
    *ret_id = self->set_count - 1;
    return err;
}

int tw_match_forget_version(struct tw_matcher *self, uint32_t version)
{
    for (uint32_t id = 1; id < self->set_count; id++) {
        struct set *set = &self->sets[id];
        struct tw_match_entry *entries = members_of(self, set);
        uint32_t kept = 0;
        set->has_failure = false;
        for (uint32_t i = 0; entries != NULL && i < set->count; i++) {
            if (entries[i].version != version) {
                set->has_failure = set->has_failure || entries[i].role == TW_FACT_FAILED;
                entries[kept++] = entries[i];
            }
        }
        set->count = kept;
    }
    return index_sets(self);
}

size_t tw_matcher_entries(const struct tw_matcher *self, uint32_t id,
                          const struct tw_match_entry **ret_entries)
{
    if (id == 0 || id >= self->set_count) {
        return 0;
    }
    *ret_entries = members_of(self, &self->sets[id]);
    return self->sets[id].count;
}

uint32_t tw_matcher_id_count(const struct tw_matcher *self)
{
    return self->set_count;
}

/* ---- as bytes ------------------------------------------------------------------------------- */

int tw_matcher_save(const struct tw_matcher *self, struct tw_buf *buf)
{
    /* the buffer remembers its error */
    (void)tw_buf_append_varint(buf, FORMAT);
    (void)tw_buf_append_varint(buf, self->version_count);
    for (uint32_t i = 0; i < self->version_count; i++) {
        const struct tw_workflow *workflow = self->versions[i].workflow;
        struct tw_str name = tw_str_of(workflow == NULL ? "" : workflow->name);
        (void)tw_buf_append_varint(buf, name.len);
        (void)tw_buf_append_str(buf, name);
        (void)tw_buf_append_varint(buf, workflow == NULL ? 0 : workflow->version);
        (void)tw_buf_append_varint(buf, workflow == NULL ? 0 : workflow->slo_version);
    }
    (void)tw_buf_append_varint(buf, self->set_count);
    for (uint32_t id = 1; id < self->set_count; id++) {
        const struct set *set = &self->sets[id];
        (void)tw_buf_append_varint(buf, set->count);
        for (uint32_t i = 0; i < set->count; i++) {
            const struct tw_match_entry *entry = &self->entries[set->first + i];
            (void)tw_buf_append_varint(buf, entry->version);
            (void)tw_buf_append_byte(buf, entry->step);
            (void)tw_buf_append_byte(buf, entry->role);
            (void)tw_buf_append_varint(buf, entry->present);
        }
    }
    return buf->error;
}

struct restore {
    struct tw_matcher *matcher;
    struct tw_cursor *cursor;
    uint32_t numbers[TW_MATCH_VERSIONS_MAX]; /* saved number -> number, NONE: unknown */
    uint64_t version_count;
    struct tw_match_entry *entries; /* of one set */
    uint32_t capacity;
};

/* The same definition does, if not with the same objectives of OpenSLO files. */
static uint32_t find_saved(const struct tw_matcher *self, struct tw_str name, uint64_t hash,
                           uint64_t slos)
{
    uint32_t number = NONE;
    if (tw_matcher_find_exact(self, name, hash, slos, &number) == TW_OK) {
        return number;
    }
    for (uint32_t i = 0; i < self->version_count; i++) {
        const struct tw_workflow *workflow = self->versions[i].workflow;
        if (workflow != NULL && workflow->version == hash && tw_str_is(name, workflow->name)) {
            return i;
        }
    }
    return NONE;
}

static bool read_versions(struct restore *self)
{
    struct tw_cursor *cursor = self->cursor;
    if (tw_cursor_varint(cursor) != FORMAT) {
        return false;
    }
    self->version_count = tw_cursor_varint(cursor);
    if (self->version_count > TW_MATCH_VERSIONS_MAX) {
        return false;
    }
    for (uint64_t i = 0; i < self->version_count && !cursor->failed; i++) {
        uint64_t len = tw_cursor_varint(cursor);
        struct tw_str name = tw_cursor_bytes(cursor, len);
        uint64_t hash = tw_cursor_varint(cursor);
        uint64_t slos = tw_cursor_varint(cursor);
        self->numbers[i] = cursor->failed ? NONE : find_saved(self->matcher, name, hash, slos);
    }
    return !cursor->failed;
}

static int compare_entries(const void *a, const void *b)
{
    const struct tw_match_entry *left = a;
    const struct tw_match_entry *right = b;
    int order = (int)left->version - (int)right->version;
    return order != 0 ? order : (int)left->step - (int)right->step;
}

/* One member. TW_ENOTFOUND: its version is not known any more. */
static int read_entry(struct restore *self, struct tw_match_entry *ret_entry)
{
    uint64_t version = tw_cursor_varint(self->cursor);
    uint8_t step = tw_cursor_byte(self->cursor);
    uint8_t role = tw_cursor_byte(self->cursor);
    uint64_t present = tw_cursor_varint(self->cursor);
    if (self->cursor->failed || version >= self->version_count || step >= TW_WF_STEPS_MAX ||
        role > TW_FACT_COMPENSATION || present > UINT32_MAX) {
        return TW_EDAMAGED;
    }
    uint32_t number = self->numbers[version];
    if (number == NONE) {
        return TW_ENOTFOUND;
    }
    *ret_entry = (struct tw_match_entry){(uint16_t)number, step, role, (uint32_t)present};
    return step < self->matcher->versions[number].workflow->step_count ? TW_OK : TW_EDAMAGED;
}

/* Two versions that were there with other objectives may be one now. */
static uint32_t drop_doubles(struct tw_match_entry *entries, uint32_t count)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (kept == 0 || compare_entries(&entries[kept - 1], &entries[i]) != 0) {
            entries[kept++] = entries[i];
        }
    }
    return kept;
}

static int read_set(struct restore *self)
{
    uint64_t count = tw_cursor_varint(self->cursor);
    uint32_t kept = 0;
    for (uint64_t i = 0; i < count; i++) {
        struct tw_match_entry entry;
        int err = read_entry(self, &entry);
        if (err == TW_ENOTFOUND) {
            continue;
        }
        if (err == TW_OK) {
            err = tw_match_grow(&self->entries, kept, &self->capacity, sizeof *self->entries);
        }
        if (err != TW_OK) {
            return err;
        }
        self->entries[kept++] = entry;
    }
    if (kept > 1) {
        qsort(self->entries, kept, sizeof *self->entries, compare_entries);
    }
    kept = drop_doubles(self->entries, kept);
    return self->cursor->failed ? TW_EDAMAGED : add_set(self->matcher, self->entries, kept);
}

int tw_matcher_restore(struct tw_matcher *self, struct tw_cursor *cursor)
{
    TW_ASSERT(self->set_count == 1);
    struct restore restore = {.matcher = self, .cursor = cursor};
    int err = read_versions(&restore) ? TW_OK : TW_EDAMAGED;
    uint64_t count = err == TW_OK ? tw_cursor_varint(cursor) : 0;
    if (err == TW_OK && (count == 0 || count > TW_MATCH_SETS_MAX)) {
        err = TW_EDAMAGED;
    }
    for (uint64_t id = 1; id < count && err == TW_OK; id++) {
        err = read_set(&restore);
    }
    if (err == TW_OK) {
        err = index_sets(self);
    }
    if (err != TW_OK) {
        self->set_count = 1;
        self->entry_count = 0;
    }
    free(restore.entries);
    return err;
}
