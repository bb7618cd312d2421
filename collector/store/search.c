/* SPDX-License-Identifier: Apache-2.0
 * Search by identifier. The best `limit` objects so far are kept in order of key; every run of
 * every partition is read from the start of the range until it is past the last of them. A key
 * that is in the final answer was never past that point in any run, so its sums are whole, and no
 * run is read further than it can matter.
 * Thread: the reader's.
 */
#include "config.h"
#include "store/reader.h"

#include <stdlib.h>

#include "store/reader_internal.h"

/* A text may mean: an identifier; "scope/id"; "type:id"; "type:scope/id"; and a '/' may divide at
 * the first or at the last one. */
#define MEANINGS_MAX 6
/* Results of one call. */
#define SEARCH_LIMIT_MAX 1000

struct meaning {
    struct tw_str id; /* or its beginning */
    bool has_type;
    uint16_t type;
    bool has_scope;
    struct tw_str scope;
};

struct hit {
    size_t key_len;
    uint64_t events;
    tw_wall_t first;
    tw_wall_t last;
    char key[TW_KEY_MAX];
};

struct search {
    struct meaning meanings[MEANINGS_MAX];
    size_t meaning_count;
    size_t meaning; /* the one under way */
    bool is_exact;
    struct tw_str after;
    size_t limit;
    struct hit **hits; /* by key; limit + 1 of them are kept */
    size_t hit_count;
};

/* ---- meanings ------------------------------------------------------------------------------- */

static void add_meaning(struct search *self, const struct meaning *meaning)
{
    if (self->meaning_count < MEANINGS_MAX) {
        self->meanings[self->meaning_count++] = *meaning;
    }
}

/* `text` as an identifier, and with a scope before it. */
static void add_scoped(struct search *self, struct tw_str text, const struct meaning *base)
{
    struct meaning plain = *base;
    plain.id = text;
    add_meaning(self, &plain);
    const char *first = text.len == 0 ? NULL : memchr(text.ptr, '/', text.len);
    const char *last = text.len == 0 ? NULL : memrchr(text.ptr, '/', text.len);
    const char *cuts[2] = {last, first != last ? first : NULL};
    for (size_t i = 0; i < 2; i++) {
        const char *cut = cuts[i];
        if (cut == NULL || cut == text.ptr || cut + 1 == text.ptr + text.len) {
            continue; /* a scope or an identifier that is empty would match everything */
        }
        struct meaning scoped = *base;
        scoped.has_scope = true;
        scoped.scope = (struct tw_str){text.ptr, (size_t)(cut - text.ptr)};
        scoped.id = (struct tw_str){cut + 1, text.len - scoped.scope.len - 1};
        add_meaning(self, &scoped);
    }
}

static void find_meanings(struct tw_reader *reader, struct search *self, struct tw_str text)
{
    add_scoped(self, text, &(struct meaning){0});
    const char *colon = text.len == 0 ? NULL : memchr(text.ptr, ':', text.len);
    if (colon == NULL || colon + 1 == text.ptr + text.len) {
        return;
    }
    struct tw_str name = {text.ptr, (size_t)(colon - text.ptr)};
    const struct tw_object_type *type = tw_reader_object_type(reader, name);
    if (type != NULL) {
        struct tw_str rest = {colon + 1, text.len - name.len - 1};
        add_scoped(self, rest, &(struct meaning){.has_type = true, .type = type->code});
    }
}

static bool matches(const struct meaning *meaning, const struct tw_object *object, bool is_exact)
{
    if (is_exact ? !tw_str_equal(object->id, meaning->id)
                 : !tw_str_starts(object->id, meaning->id)) {
        return false;
    }
    return (!meaning->has_type || object->type == meaning->type) &&
           (!meaning->has_scope || tw_str_equal(object->scope, meaning->scope));
}

/* ---- hits ----------------------------------------------------------------------------------- */

static struct tw_str key_of(const struct hit *hit)
{
    return (struct tw_str){hit->key, hit->key_len};
}

/* Where a key is, or would be. */
static size_t place_of(const struct search *self, struct tw_str key, bool *ret_is_there)
{
    size_t low = 0;
    size_t high = self->hit_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tw_str_compare(key_of(self->hits[middle]), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *ret_is_there = low < self->hit_count && tw_str_equal(key_of(self->hits[low]), key);
    return low;
}

static int add_hit(struct search *self, const struct tw_entry *entry)
{
    bool is_there = false;
    size_t place = place_of(self, entry->key, &is_there);
    if (is_there) {
        struct hit *hit = self->hits[place];
        hit->events += entry->count;
        hit->first = entry->first.ns < hit->first.ns ? entry->first : hit->first;
        hit->last = entry->last.ns > hit->last.ns ? entry->last : hit->last;
        return TW_OK;
    }
    struct hit *hit = NULL;
    if (self->hit_count > self->limit) {
        hit = self->hits[--self->hit_count]; /* pushed out */
    } else {
        hit = malloc(sizeof *hit);
        if (hit == NULL) {
            return TW_ENOMEM;
        }
    }
    memmove(&self->hits[place + 1], &self->hits[place],
            (self->hit_count - place) * sizeof(struct hit *));
    hit->key_len = entry->key.len;
    memcpy(hit->key, entry->key.ptr, entry->key.len);
    hit->events = entry->count;
    hit->first = entry->first;
    hit->last = entry->last;
    self->hits[place] = hit;
    self->hit_count++;
    return TW_OK;
}

static int search_entry(void *context, const struct tw_entry *entry)
{
    struct search *self = context;
    const struct meaning *meaning = &self->meanings[self->meaning];
    struct tw_object object;
    int err = tw_key_parse(entry->key, &object);
    if (err != TW_OK) {
        return err;
    }
    bool is_in_range = self->is_exact ? tw_str_equal(object.id, meaning->id)
                                      : tw_str_starts(object.id, meaning->id);
    bool is_full = self->hit_count > self->limit;
    if (!is_in_range ||
        (is_full && tw_str_compare(entry->key, key_of(self->hits[self->limit])) > 0)) {
        return TW_ECLOSED;
    }
    if (!matches(meaning, &object, self->is_exact) ||
        (self->after.ptr != NULL && tw_str_compare(entry->key, self->after) <= 0)) {
        return TW_OK;
    }
    for (size_t i = 0; i < self->meaning; i++) {
        if (matches(&self->meanings[i], &object, self->is_exact)) {
            return TW_OK; /* counted under its first meaning */
        }
    }
    return add_hit(self, entry);
}

static void clear_hits(struct search *self)
{
    for (size_t i = 0; i < self->hit_count; i++) {
        free(self->hits[i]);
    }
    self->hit_count = 0;
}

/* Begin of a meaning's range: its identifier, or where the last page ended. */
static struct tw_str range_start(const struct search *self)
{
    struct tw_str from = self->meanings[self->meaning].id;
    if (self->after.ptr != NULL && tw_str_compare(self->after, from) > 0) {
        from = self->after;
    }
    return from.len == 0 ? (struct tw_str){"", 0} : from;
}

static int search_attempt(struct tw_reader *reader, void *context)
{
    struct search *self = context;
    int err = TW_OK;
    clear_hits(self);
    for (size_t i = 0; err == TW_OK && i < reader->part_count; i++) {
        struct tw_view *part = reader->parts[i];
        err = tw_view_enter(reader, part);
        if (err != TW_OK) {
            return err;
        }
        for (self->meaning = 0; err == TW_OK && self->meaning < self->meaning_count;
             self->meaning++) {
            err = tw_view_entries(reader, part, range_start(self), search_entry, self);
        }
        tw_view_leave(reader, part);
    }
    return err;
}

static int fill_hits(const struct search *self, struct tw_arena *arena,
                     const struct tw_object_hit **ret_hits, size_t *ret_count)
{
    size_t count = self->hit_count > self->limit ? self->limit : self->hit_count;
    struct tw_object_hit *hits = tw_arena_zalloc(arena, (count + 1) * sizeof *hits);
    if (hits == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct hit *hit = self->hits[i];
        hits[i].key = tw_arena_copy(arena, key_of(hit));
        if (hits[i].key.ptr == NULL) {
            return TW_ENOMEM;
        }
        int err = tw_key_parse(hits[i].key, &hits[i].object);
        if (err != TW_OK) {
            return err;
        }
        hits[i].events = hit->events;
        hits[i].first = hit->first;
        hits[i].last = hit->last;
    }
    *ret_hits = hits;
    *ret_count = count;
    return TW_OK;
}

int tw_reader_search(struct tw_reader *self, struct tw_arena *arena, struct tw_str prefix,
                     bool is_exact, struct tw_str after, size_t limit,
                     const struct tw_object_hit **ret_hits, size_t *ret_count, bool *ret_more)
{
    struct search search = {.is_exact = is_exact, .after = after};
    search.limit = limit > SEARCH_LIMIT_MAX ? SEARCH_LIMIT_MAX : limit;
    search.hits = malloc((search.limit + 2) * sizeof(struct hit *));
    if (search.hits == NULL) {
        return TW_ENOMEM;
    }
    find_meanings(self, &search, prefix);
    int err = tw_reader_query(self, search_attempt, &search);
    bool has_more = search.hit_count > search.limit;
    if (err == TW_OK) {
        err = fill_hits(&search, arena, ret_hits, ret_count);
    }
    if (err == TW_OK) {
        *ret_more = has_more;
    }
    clear_hits(&search);
    free(search.hits);
    return err;
}
