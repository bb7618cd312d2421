/* SPDX-License-Identifier: Apache-2.0
 * Runs of the index: writing one, merging several.
 * The merge holds one cursor per input in a binary heap ordered by key, then by age, so that the
 * entries of one key come oldest first and their record numbers ascend. Entries are joined while
 * they fit together in one; none is ever split, so its times stay exact.
 */
#include "config.h"
#include "store/index.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define CURSOR_BYTES_MAX (4u * 1024u * 1024u) /* of one fetch of 16 pages; hostile files */
#define PAGE_BUF_MAX     (64u * 1024u)

void tw_run_writer_init(struct tw_run_writer *self, sqlite3_stmt *insert)
{
    *self = (struct tw_run_writer){.insert = insert};
    tw_buf_init(&self->page, PAGE_BUF_MAX);
}

void tw_run_writer_fini(struct tw_run_writer *self)
{
    tw_buf_fini(&self->page);
}

void tw_run_writer_begin(struct tw_run_writer *self, int64_t run)
{
    self->run = run;
    self->entries = 0;
    self->key_len = 0;
    self->first_len = 0;
    tw_buf_clear(&self->page);
}

int tw_run_writer_end(struct tw_run_writer *self, struct tw_diag *diag)
{
    if (self->page.len == 0) {
        return TW_OK;
    }
    tw_db_bind_int(self->insert, 1, self->run);
    tw_db_bind_bytes(self->insert, 2, (struct tw_str){(char *)self->first, self->first_len});
    tw_db_bind_bytes(self->insert, 3, (struct tw_str){self->page.data, self->page.len});
    int rc = tw_db_run(self->insert, diag);
    tw_buf_clear(&self->page);
    return rc;
}

int tw_run_writer_add(struct tw_run_writer *self, const struct tw_entry *entry,
                      struct tw_diag *diag)
{
    if (self->page.len == 0) {
        memcpy(self->first, entry->key.ptr, entry->key.len);
        for (unsigned i = 0; i < 8; i++) {
            self->first[entry->key.len + i] = (uint8_t)(entry->n[0] >> (56 - 8 * i));
        }
        self->first_len = entry->key.len + 8;
    }
    struct tw_str before = {(char *)self->key, self->key_len};
    int rc = tw_page_add(&self->page, before, entry);
    if (rc != TW_OK) {
        return rc;
    }
    memcpy(self->key, entry->key.ptr, entry->key.len);
    self->key_len = entry->key.len;
    self->entries++;
    return self->page.len < TW_PAGE_BYTES ? TW_OK : tw_run_writer_end(self, diag);
}

/* One input of a merge: the rest of the pages fetched, and the entry it stands at. */
struct merge_cursor {
    int64_t run;
    struct tw_buf fetched; /* pages: 4 bytes length, then the page */
    size_t at;             /* in fetched */
    uint8_t first[TW_KEY_MAX + 8];
    size_t first_len; /* `first` of the last page fetched */
    uint64_t prefix[2];
    struct tw_page_reader reader;
    struct tw_entry entry;
};

struct tw_merge {
    sqlite3_stmt *select;
    struct tw_run_writer *writer;
    size_t count;
    size_t heap_count;
    bool has_begun;
    bool has_pending;
    struct tw_entry pending; /* its key points to pending_key */
    uint8_t pending_key[TW_KEY_MAX];
    struct merge_cursor *heap[TW_INDEX_FAN_IN * 64];
    struct merge_cursor *cursors;
};

int tw_merge_new(const int64_t *runs, size_t count, sqlite3_stmt *select,
                 struct tw_run_writer *writer, struct tw_merge **ret_merge)
{
    struct tw_merge *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    if (count > sizeof self->heap / sizeof self->heap[0]) {
        free(self);
        return TW_ELIMIT;
    }
    self->cursors = calloc(count == 0 ? 1 : count, sizeof *self->cursors);
    if (self->cursors == NULL) {
        free(self);
        return TW_ENOMEM;
    }
    self->select = select;
    self->writer = writer;
    self->count = count;
    for (size_t i = 0; i < count; i++) {
        self->cursors[i].run = runs[i];
        tw_buf_init(&self->cursors[i].fetched, CURSOR_BYTES_MAX);
        tw_page_open(&self->cursors[i].reader, "", 0);
    }
    *ret_merge = self;
    return TW_OK;
}

void tw_merge_destroy(struct tw_merge **self_p)
{
    struct tw_merge *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < self->count; i++) {
        tw_buf_fini(&self->cursors[i].fetched);
    }
    free(self->cursors);
    free(self);
}

/* Fetch the next pages of a run; TW_ENOTFOUND when there are none. */
static int cursor_fetch(struct merge_cursor *self, sqlite3_stmt *select, struct tw_diag *diag)
{
    tw_buf_clear(&self->fetched);
    self->at = 0;
    tw_db_bind_int(select, 1, self->run);
    tw_db_bind_bytes(select, 2, (struct tw_str){(char *)self->first, self->first_len});
    int rc = tw_db_row(select, diag);
    while (rc == TW_OK) {
        struct tw_str first = tw_db_column_bytes(select, 0);
        struct tw_str data = tw_db_column_bytes(select, 1);
        uint32_t len = (uint32_t)data.len;
        if (first.len > sizeof self->first) {
            (void)sqlite3_reset(select);
            return tw_diag_set(diag, TW_EDAMAGED, "an index page has a key of %zu bytes",
                               first.len);
        }
        (void)tw_buf_append(&self->fetched, &len, sizeof len);
        (void)tw_buf_append_str(&self->fetched, data);
        /* the bound parameter is this memory: it is read only when the scan begins */
        memcpy(self->first, first.ptr, first.len);
        self->first_len = first.len;
        rc = tw_db_row(select, diag);
    }
    if (rc != TW_ENOTFOUND || self->fetched.error != TW_OK) {
        return rc != TW_ENOTFOUND ? rc : self->fetched.error;
    }
    return self->fetched.len == 0 ? TW_ENOTFOUND : TW_OK;
}

/* The first 16 bytes of a key as two numbers that compare as it does, zeros behind its end. The
 * key lies in a buffer of TW_KEY_MAX bytes, so that 16 can be loaded. */
static void load_prefix(const uint8_t *key, size_t len, uint64_t *prefix)
{
    uint64_t words[2];
    memcpy(words, key, sizeof words);
    prefix[0] = be64toh(words[0]);
    prefix[1] = be64toh(words[1]);
    if (len < 8) {
        prefix[0] &= len == 0 ? 0 : UINT64_MAX << (64 - 8 * len);
        prefix[1] = 0;
    } else if (len < 16) {
        prefix[1] &= len == 8 ? 0 : UINT64_MAX << (128 - 8 * len);
    }
}

/* The next entry of an input; TW_ENOTFOUND at its end. */
static int cursor_next(struct merge_cursor *self, sqlite3_stmt *select, struct tw_diag *diag)
{
    int rc = self->reader.cursor.failed ? TW_ENOTFOUND : tw_page_next(&self->reader, &self->entry);
    while (rc == TW_ENOTFOUND) {
        if (self->at == self->fetched.len) {
            rc = cursor_fetch(self, select, diag);
            if (rc != TW_OK) {
                return rc;
            }
        }
        uint32_t len = 0;
        memcpy(&len, self->fetched.data + self->at, sizeof len);
        tw_page_open(&self->reader, self->fetched.data + self->at + sizeof len, len);
        self->at += sizeof len + len;
        rc = tw_page_next(&self->reader, &self->entry);
    }
    if (rc == TW_EDAMAGED) {
        return tw_diag_set(diag, rc, "a page of index run %lld is damaged", (long long)self->run);
    }
    load_prefix(self->reader.key, self->reader.key_len, self->prefix);
    return rc;
}

/* By key, then the older run first (cursors are in order of age). */
static bool is_before(const struct merge_cursor *a, const struct merge_cursor *b)
{
    if (a->prefix[0] != b->prefix[0]) {
        return a->prefix[0] < b->prefix[0];
    }
    if (a->prefix[1] != b->prefix[1]) {
        return a->prefix[1] < b->prefix[1];
    }
    int order = tw_str_compare(a->entry.key, b->entry.key);
    return order != 0 ? order < 0 : a < b;
}

static void sift_down(struct tw_merge *self, size_t at)
{
    struct merge_cursor *moving = self->heap[at];
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= self->heap_count) {
            break;
        }
        if (child + 1 < self->heap_count && is_before(self->heap[child + 1], self->heap[child])) {
            child++;
        }
        if (!is_before(self->heap[child], moving)) {
            break;
        }
        self->heap[at] = self->heap[child];
        at = child;
    }
    self->heap[at] = moving;
}

static int merge_begin(struct tw_merge *self, struct tw_diag *diag)
{
    self->has_begun = true;
    for (size_t i = 0; i < self->count; i++) {
        int rc = cursor_next(&self->cursors[i], self->select, diag);
        if (rc == TW_OK) {
            self->heap[self->heap_count++] = &self->cursors[i];
        } else if (rc != TW_ENOTFOUND) {
            return rc;
        }
    }
    for (size_t i = self->heap_count / 2; i > 0; i--) {
        sift_down(self, i - 1);
    }
    return TW_OK;
}

static int flush_pending(struct tw_merge *self, struct tw_diag *diag)
{
    if (!self->has_pending) {
        return TW_OK;
    }
    self->has_pending = false;
    return tw_run_writer_add(self->writer, &self->pending, diag);
}

/* Mostly one: a call of memcpy would cost more than the rest. */
static inline void copy_postings(uint64_t *to, const struct tw_entry *entry)
{
    to[0] = entry->n[0];
    for (uint32_t i = 1; i < entry->count; i++) {
        to[i] = entry->n[i];
    }
}

/* Join with the pending entry, or replace it. *ret_new: the key was not the pending one. */
static int take_entry(struct tw_merge *self, const struct tw_entry *entry, bool *ret_new,
                      struct tw_diag *diag)
{
    struct tw_entry *pending = &self->pending;
    bool is_same = self->has_pending && tw_str_equal(pending->key, entry->key);
    *ret_new = !is_same;
    if (is_same && pending->count + entry->count <= TW_POSTINGS_MAX) {
        copy_postings(pending->n + pending->count, entry);
        pending->count += entry->count;
        pending->first = entry->first.ns < pending->first.ns ? entry->first : pending->first;
        pending->last = entry->last.ns > pending->last.ns ? entry->last : pending->last;
        return TW_OK;
    }
    int rc = flush_pending(self, diag);
    memcpy(self->pending_key, entry->key.ptr, entry->key.len);
    copy_postings(pending->n, entry);
    pending->key = (struct tw_str){(char *)self->pending_key, entry->key.len};
    pending->count = entry->count;
    pending->first = entry->first;
    pending->last = entry->last;
    self->has_pending = true;
    return rc;
}

int tw_merge_step(struct tw_merge *self, size_t max_entries,
                  int (*seen)(void *context, struct tw_str key), void *context,
                  struct tw_diag *diag)
{
    int rc = self->has_begun ? TW_OK : merge_begin(self, diag);
    for (size_t i = 0; i < max_entries && rc == TW_OK && self->heap_count > 0; i++) {
        struct merge_cursor *top = self->heap[0];
        bool is_new = false;
        rc = take_entry(self, &top->entry, &is_new, diag);
        if (rc == TW_OK && is_new && seen != NULL) {
            rc = seen(context, self->pending.key);
        }
        if (rc != TW_OK) {
            break;
        }
        rc = cursor_next(top, self->select, diag);
        if (rc == TW_ENOTFOUND) {
            self->heap[0] = self->heap[--self->heap_count];
            rc = TW_OK;
        }
        if (self->heap_count > 0) {
            sift_down(self, 0);
        }
    }
    if (rc == TW_OK && self->heap_count == 0) {
        rc = flush_pending(self, diag);
        return rc == TW_OK ? TW_ENOTFOUND : rc;
    }
    return rc;
}
