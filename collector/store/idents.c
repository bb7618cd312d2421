/* SPDX-License-Identifier: Apache-2.0
 * Identities of a sealed partition: sorted into pages that are found by the key alone, and a
 * filter. Keys are hashes, so they spread evenly and page number = key * pages / 2^64.
 */
#include "config.h"
#include "store/seal.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define IDENT_BYTES       16
#define PAGE_TARGET       7400 /* bytes: two pages fit in one of the file even when above average */
#define ENTRY_ESTIMATE    14   /* bytes: difference of keys 6 to 7, check 4, n 3 */
#define FILTER_MEMORY_MAX (1ull << 32)

struct ident {
    uint64_t key;
    uint32_t check;
    uint32_t n; /* minus first_n */
};

static int compare_idents(const void *a, const void *b)
{
    const struct ident *x = a;
    const struct ident *y = b;
    if (x->key != y->key) {
        return x->key < y->key ? -1 : 1;
    }
    return x->n < y->n ? -1 : (x->n > y->n ? 1 : 0);
}

/* Stable radix sort, 11 bits a pass over the upper 33 bits, then the rare rest by comparison of
 * neighbours: keys are hashes, so few agree in 33 bits. */
static int sort_idents(struct ident **idents_p, size_t count)
{
    struct ident *from = *idents_p;
    struct ident *to = malloc((count + 1) * sizeof *to);
    if (to == NULL) {
        return TW_ENOMEM;
    }
    for (unsigned shift = 31; shift < 64; shift += 11) {
        static const size_t buckets = 2048;
        size_t starts[2049] = {0};
        for (size_t i = 0; i < count; i++) {
            starts[(from[i].key >> shift & (buckets - 1)) + 1]++;
        }
        for (size_t i = 0; i < buckets; i++) {
            starts[i + 1] += starts[i];
        }
        for (size_t i = 0; i < count; i++) {
            to[starts[from[i].key >> shift & (buckets - 1)]++] = from[i];
        }
        struct ident *swap = from;
        from = to;
        to = swap;
    }
    free(to);
    *idents_p = from;
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && from[end].key >> 31 == from[i].key >> 31) {
            end++;
        }
        if (end - i > 1) {
            qsort(from + i, end - i, sizeof *from, compare_idents);
        }
        i = end;
    }
    return TW_OK;
}

static int append_row(struct ident **idents, size_t *count, size_t *capacity, struct tw_str data)
{
    size_t more = data.len / IDENT_BYTES;
    if (data.len % IDENT_BYTES != 0) {
        return TW_EDAMAGED;
    }
    if (*count + more > *capacity) {
        size_t grown = (*count + more) * 2;
        struct ident *bigger = realloc(*idents, grown * sizeof *bigger);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        *idents = bigger;
        *capacity = grown;
    }
    for (size_t i = 0; i < more; i++) {
        struct ident ident;
        memcpy(&ident, data.ptr + i * IDENT_BYTES, sizeof ident);
        (*idents)[*count + i] = (struct ident){
            .key = le64toh(ident.key), .check = le32toh(ident.check), .n = le32toh(ident.n)};
    }
    *count += more;
    return TW_OK;
}

static int read_idents(sqlite3 *from, struct ident **ret_idents, size_t *ret_count,
                       struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    struct ident *idents = NULL;
    size_t count = 0;
    size_t capacity = 0;
    int rc = tw_db_prepare(from, "SELECT data FROM ident ORDER BY id", &stmt, diag);
    while (rc == TW_OK) {
        rc = tw_db_row(stmt, diag);
        rc = rc == TW_OK ? append_row(&idents, &count, &capacity, tw_db_column_bytes(stmt, 0)) : rc;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    if (rc != TW_ENOTFOUND) {
        free(idents);
        return rc;
    }
    *ret_idents = idents;
    *ret_count = count;
    return TW_OK;
}

uint32_t tw_ident_page_of(uint64_t key, uint32_t pages)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint32_t)(((wide)key * pages) >> 64);
}

/* Append the entries of one page to `page`; returns the first entry behind it. */
static size_t make_page(const struct ident *idents, size_t at, size_t count, uint32_t pages,
                        uint32_t number, struct tw_buf *page)
{
    uint64_t before = 0;
    tw_buf_clear(page);
    while (at < count && tw_ident_page_of(idents[at].key, pages) == number) {
        uint32_t check = htole32(idents[at].check);
        (void)tw_buf_append_varint(page, idents[at].key - before);
        (void)tw_buf_append(page, &check, sizeof check);
        (void)tw_buf_append_varint(page, idents[at].n);
        before = idents[at].key;
        at++;
    }
    return at;
}

static int write_pages(sqlite3 *to, const struct ident *idents, size_t count, uint32_t pages,
                       struct tw_diag *diag)
{
    struct tw_buf page;
    sqlite3_stmt *stmt = NULL;
    tw_buf_init(&page, 1u << 28);
    int rc = tw_db_prepare(to, "INSERT INTO ident_page(id, data) VALUES(?1, ?2)", &stmt, diag);
    size_t at = 0;
    for (uint32_t number = 0; rc == TW_OK && number < pages; number++) {
        at = make_page(idents, at, count, pages, number, &page);
        rc = page.error;
        if (rc == TW_OK && page.len > 0) {
            tw_db_bind_int(stmt, 1, number);
            tw_db_bind_bytes(stmt, 2, (struct tw_str){page.data, page.len});
            rc = tw_db_run(stmt, diag);
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    tw_buf_fini(&page);
    return rc;
}

int tw_ident_page_find(struct tw_str page, uint64_t first_n, uint64_t key, uint32_t check,
                       uint64_t *ret_n, uint32_t *ret_check)
{
    struct tw_cursor cursor = tw_cursor_of(page.ptr, page.len);
    uint64_t at = 0;
    bool found = false;
    while (cursor.p < cursor.end && at <= key) {
        at += tw_cursor_varint(&cursor);
        struct tw_str bytes = tw_cursor_bytes(&cursor, 4);
        uint64_t n = tw_cursor_varint(&cursor);
        if (cursor.failed) {
            return TW_EDAMAGED;
        }
        uint32_t stored = 0;
        memcpy(&stored, bytes.ptr, sizeof stored);
        stored = le32toh(stored);
        if (at == key && (!found || (check != 0 && stored == check))) {
            *ret_n = first_n + n;
            *ret_check = stored;
            if (check == 0 || stored == check) {
                return TW_OK;
            }
            found = true;
        }
    }
    return found ? TW_OK : TW_ENOTFOUND;
}

int tw_seal_filter(sqlite3 *to, int kind, const uint64_t *hashes, size_t count, uint32_t *ret_lines,
                   struct tw_diag *diag)
{
    uint32_t lines = tw_filter_lines(count);
    if ((uint64_t)lines * TW_FILTER_LINE > FILTER_MEMORY_MAX) {
        return TW_ELIMIT;
    }
    uint8_t *filter = calloc(lines, TW_FILTER_LINE);
    sqlite3_stmt *stmt = NULL;
    int rc = filter == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        size_t line = tw_filter_line(hashes[i], lines);
        tw_filter_set(filter + line * TW_FILTER_LINE, hashes[i]);
    }
    rc = rc == TW_OK ? tw_db_prepare(to, "INSERT INTO filter(id, data) VALUES(?1, ?2)", &stmt, diag)
                     : rc;
    for (uint32_t at = 0; rc == TW_OK && at < lines; at += TW_FILTER_PER_ROW) {
        size_t row = lines - at < TW_FILTER_PER_ROW ? lines - at : TW_FILTER_PER_ROW;
        tw_db_bind_int(stmt, 1, (int64_t)kind << TW_FILTER_SHIFT | at / TW_FILTER_PER_ROW);
        tw_db_bind_bytes(
            stmt, 2,
            (struct tw_str){(char *)filter + (size_t)at * TW_FILTER_LINE, row * TW_FILTER_LINE});
        rc = tw_db_run(stmt, diag);
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    free(filter);
    if (rc == TW_OK) {
        *ret_lines = lines;
    }
    return rc;
}

int tw_seal_idents(sqlite3 *from, sqlite3 *to, struct tw_part_meta *meta, struct tw_diag *diag)
{
    struct ident *idents = NULL;
    uint64_t *keys = NULL;
    size_t count = 0;
    int rc = read_idents(from, &idents, &count, diag);
    if (rc != TW_OK) {
        return rc;
    }
    uint32_t pages = (uint32_t)(count * ENTRY_ESTIMATE / PAGE_TARGET + 1);
    rc = sort_idents(&idents, count);
    rc = rc == TW_OK ? write_pages(to, idents, count, pages, diag) : rc;
    if (rc == TW_OK) {
        keys = malloc((count + 1) * sizeof *keys);
        rc = keys == NULL ? TW_ENOMEM : TW_OK;
    }
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        keys[i] = idents[i].key;
    }
    rc = rc == TW_OK ? tw_seal_filter(to, TW_FILTER_IDENT, keys, count, &meta->ident_lines, diag)
                     : rc;
    meta->ident_count = count;
    meta->ident_pages = pages;
    free(keys);
    free(idents);
    return rc;
}
