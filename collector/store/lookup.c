/* SPDX-License-Identifier: Apache-2.0
 * The index of objects: which records carry an object. Each partition is asked in turn; a sealed
 * one first through its filter, which spares most of them. Thread: the reader's.
 */
#include "config.h"
#include "store/reader.h"

#include <stdlib.h>

#include "store/reader_internal.h"

/* ---- runs and entries ----------------------------------------------------------------------- */

/* The ids of the runs to read, as of the snapshot. */
static int read_runs(struct tw_view *part)
{
    if (part->has_runs && part->runs_commits == part->meta.commits) {
        return TW_OK;
    }
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_RUNS, &err);
    if (stmt == NULL) {
        return err;
    }
    part->has_runs = false;
    part->run_count = 0;
    for (err = tw_db_row(stmt, NULL); err == TW_OK; err = tw_db_row(stmt, NULL)) {
        if (part->run_count == part->run_capacity) {
            size_t bigger = part->run_capacity == 0 ? 16 : part->run_capacity * 2;
            int64_t *runs = realloc(part->runs, bigger * sizeof *runs);
            if (runs == NULL) {
                (void)sqlite3_reset(stmt); /* out of memory is what is reported */
                return TW_ENOMEM;
            }
            part->runs = runs;
            part->run_capacity = bigger;
        }
        part->runs[part->run_count++] = sqlite3_column_int64(stmt, 0);
    }
    if (err != TW_ENOTFOUND) {
        return err;
    }
    part->has_runs = true;
    part->runs_commits = part->meta.commits;
    return TW_OK;
}

/* The entries of one page from `from` on. */
static int page_entries(struct tw_str page, struct tw_str from,
                        int (*entry)(void *context, const struct tw_entry *entry), void *context)
{
    struct tw_page_reader reader;
    struct tw_entry found;
    tw_page_open(&reader, page.ptr, page.len);
    int err = tw_page_next(&reader, &found);
    while (err == TW_OK) {
        if (tw_str_compare(found.key, from) >= 0) {
            err = entry(context, &found);
            if (err != TW_OK) {
                return err;
            }
        }
        err = tw_page_next(&reader, &found);
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static int run_entries(struct tw_view *part, int64_t run, struct tw_str from,
                       int (*entry)(void *context, const struct tw_entry *entry), void *context)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_PAGES, &err);
    if (stmt == NULL) {
        return err;
    }
    tw_db_bind_int(stmt, 1, run);
    tw_db_bind_bytes(stmt, 2, from);
    err = tw_db_row(stmt, NULL);
    while (err == TW_OK) {
        err = page_entries(tw_db_column_bytes(stmt, 0), from, entry, context);
        if (err == TW_OK) {
            err = tw_db_row(stmt, NULL);
        }
    }
    (void)sqlite3_reset(stmt); /* an error of the step is known */
    return err == TW_ENOTFOUND || err == TW_ECLOSED ? TW_OK : err;
}

int tw_view_entries(struct tw_reader *self, struct tw_view *part, struct tw_str from,
                    int (*entry)(void *context, const struct tw_entry *entry), void *context)
{
    int err = read_runs(part);
    for (size_t i = 0; err == TW_OK && i < part->run_count; i++) {
        err = tw_reader_check(self);
        if (err == TW_OK) {
            err = run_entries(part, part->runs[i], from, entry, context);
        }
    }
    return err;
}

/* False: the partition does not know the object. */
static int may_have(struct tw_view *part, struct tw_str key, bool *ret_may)
{
    *ret_may = true;
    uint64_t lines = part->meta.object_lines;
    if (!part->is_sealed || lines == 0 || lines > UINT32_MAX) {
        return TW_OK;
    }
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_FILTER, &err);
    if (stmt == NULL) {
        return err;
    }
    uint64_t hash = tw_object_hash(key.ptr, key.len);
    uint32_t line = tw_filter_line(hash, (uint32_t)lines);
    tw_db_bind_int(stmt, 1,
                   (int64_t)TW_FILTER_OBJECT << TW_FILTER_SHIFT | line / TW_FILTER_PER_ROW);
    err = tw_db_row(stmt, NULL);
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
    }
    struct tw_str row = tw_db_column_bytes(stmt, 0);
    size_t offset = (size_t)(line % TW_FILTER_PER_ROW) * TW_FILTER_LINE;
    if (row.len < offset + TW_FILTER_LINE) {
        err = TW_EDAMAGED;
    } else {
        *ret_may = tw_filter_test((const uint8_t *)row.ptr + offset, hash);
    }
    (void)sqlite3_reset(stmt); /* it gave its row */
    return err;
}

/* Entries of exactly `key` in one partition, if it has any. */
static int exact_entries(struct tw_reader *self, struct tw_view *part, struct tw_str key,
                         int (*entry)(void *context, const struct tw_entry *entry), void *context)
{
    bool may = true;
    int err = tw_view_enter(self, part);
    if (err != TW_OK) {
        return err;
    }
    err = may_have(part, key, &may);
    if (err == TW_OK && may) {
        err = tw_view_entries(self, part, key, entry, context);
    }
    tw_view_leave(self, part);
    return err;
}

/* ---- one object ----------------------------------------------------------------------------- */

struct object_query {
    struct tw_str key;
    bool is_known;
    uint64_t events;
    tw_wall_t first;
    tw_wall_t last;
};

static int add_to_object(void *context, const struct tw_entry *entry)
{
    struct object_query *query = context;
    if (!tw_str_equal(entry->key, query->key)) {
        return TW_ECLOSED;
    }
    if (!query->is_known || entry->first.ns < query->first.ns) {
        query->first = entry->first;
    }
    if (!query->is_known || entry->last.ns > query->last.ns) {
        query->last = entry->last;
    }
    query->events += entry->count;
    query->is_known = true;
    return TW_OK;
}

static int object_attempt(struct tw_reader *self, void *context)
{
    struct object_query *query = context;
    *query = (struct object_query){.key = query->key};
    int err = TW_OK;
    for (size_t i = 0; err == TW_OK && i < self->part_count; i++) {
        err = exact_entries(self, self->parts[i], query->key, add_to_object, query);
    }
    return err;
}

/* Room for any key; TW_EINVAL for what cannot be the object of a key. */
static int make_key(const struct tw_object *object, uint8_t *key, struct tw_str *ret_key)
{
    if (object->id.len == 0 || object->id.len > 255 || object->scope.len > 255) {
        return TW_ENOTFOUND;
    }
    size_t len = tw_key_make(object, key);
    *ret_key = (struct tw_str){(const char *)key, len};
    return TW_OK;
}

int tw_reader_object(struct tw_reader *self, struct tw_arena *arena, const struct tw_object *object,
                     struct tw_object_hit *ret_hit)
{
    uint8_t key[TW_KEY_MAX];
    struct object_query query = {0};
    int err = make_key(object, key, &query.key);
    if (err == TW_OK) {
        err = tw_reader_query(self, object_attempt, &query);
    }
    if (err == TW_OK && !query.is_known) {
        err = TW_ENOTFOUND;
    }
    if (err != TW_OK) {
        return err;
    }
    struct tw_object_hit hit = {.key = tw_arena_copy(arena, query.key),
                                .events = query.events,
                                .first = query.first,
                                .last = query.last};
    if (hit.key.ptr == NULL) {
        return TW_ENOMEM;
    }
    err = tw_key_parse(hit.key, &hit.object);
    if (err == TW_OK) {
        *ret_hit = hit;
    }
    return err;
}

/* ---- its records ---------------------------------------------------------------------------- */

struct postings_query {
    struct tw_str key;
    uint64_t from_n;
    size_t limit;
    size_t run_first; /* where the run under way began in `ns` */
    uint64_t *ns;
    size_t count;
    size_t capacity;
};

static int add_postings(void *context, const struct tw_entry *entry)
{
    struct postings_query *query = context;
    if (!tw_str_equal(entry->key, query->key)) {
        return TW_ECLOSED;
    }
    for (uint32_t i = 0; i < entry->count; i++) {
        if (entry->n[i] < query->from_n) {
            continue;
        }
        if (query->count > 0 && query->count > query->run_first &&
            entry->n[i] <= query->ns[query->count - 1]) {
            query->run_first = query->count; /* a run is in ascending order: this is the next */
        }
        if (query->count - query->run_first > query->limit) {
            return TW_ECLOSED; /* one more than asked for, of this run alone */
        }
        if (query->count == query->capacity) {
            size_t bigger = query->capacity == 0 ? 64 : query->capacity * 2;
            uint64_t *ns = realloc(query->ns, bigger * sizeof *ns);
            if (ns == NULL) {
                return TW_ENOMEM;
            }
            query->ns = ns;
            query->capacity = bigger;
        }
        query->ns[query->count++] = entry->n[i];
    }
    return TW_OK;
}

static int compare_n(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a;
    uint64_t right = *(const uint64_t *)b;
    return left < right ? -1 : (left > right ? 1 : 0);
}

/* Ascending, each once, at most one more than the limit. */
static void settle(struct postings_query *query)
{
    if (query->count > 1) {
        qsort(query->ns, query->count, sizeof *query->ns, compare_n);
    }
    size_t kept = 0;
    for (size_t i = 0; i < query->count; i++) {
        if (kept == 0 || query->ns[kept - 1] != query->ns[i]) {
            query->ns[kept++] = query->ns[i];
        }
    }
    query->count = kept > query->limit ? query->limit + 1 : kept;
}

static int postings_attempt(struct tw_reader *self, void *context)
{
    struct postings_query *query = context;
    int err = TW_OK;
    query->count = 0;
    for (size_t i = 0; err == TW_OK && i < self->part_count; i++) {
        struct tw_view *part = self->parts[i];
        if (part->is_sealed && part->has_meta && part->meta.last_n < query->from_n) {
            continue;
        }
        query->run_first = query->count;
        err = exact_entries(self, part, query->key, add_postings, query);
        settle(query);
        if (query->count > query->limit) {
            break;
        }
    }
    return err;
}

int tw_reader_postings_from(struct tw_reader *self, struct tw_arena *arena,
                            const struct tw_object *object, uint64_t from_n, size_t limit,
                            const uint64_t **ret_ns, size_t *ret_count, bool *ret_more)
{
    uint8_t key[TW_KEY_MAX];
    struct postings_query query = {.from_n = from_n, .limit = limit};
    uint64_t *ns = NULL;
    int err = make_key(object, key, &query.key);
    if (err == TW_OK) {
        err = tw_reader_query(self, postings_attempt, &query);
    } else {
        err = TW_OK; /* no object has such a key: no records */
    }
    bool has_more = query.count > limit;
    size_t count = has_more ? limit : query.count;
    if (err == TW_OK) {
        ns = tw_arena_alloc(arena, (count + 1) * sizeof *ns);
        err = ns == NULL ? TW_ENOMEM : TW_OK;
    }
    if (err == TW_OK) {
        if (count > 0) {
            memcpy(ns, query.ns, count * sizeof *ns);
        }
        *ret_ns = ns;
        *ret_count = count;
        *ret_more = has_more;
    }
    free(query.ns);
    return err;
}

int tw_reader_postings(struct tw_reader *self, struct tw_arena *arena,
                       const struct tw_object *object, size_t limit, const uint64_t **ret_ns,
                       size_t *ret_count, bool *ret_more)
{
    return tw_reader_postings_from(self, arena, object, 0, limit, ret_ns, ret_count, ret_more);
}
