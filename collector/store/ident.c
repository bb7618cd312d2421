/* SPDX-License-Identifier: Apache-2.0
 * The identity index. A partition that is not sealed has an open-addressing table (16 bytes an
 * entry, linear probing, at most three quarters full); a sealed one has its filter, and behind it
 * the sorted pages in its file, read through a connection of this thread.
 * A look-up asks all partitions: the filters are one cache line each, which tw_ident_prefetch has
 * brought in, and one in about a thousand of their answers is a needless read of one page.
 */
#include "config.h"
#include "store/ident.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define XXH_INLINE_ALL /* identities are short: a call would cost as much as the hash */
#include <xxhash.h>

#include "core/log.h"
#include "store/seal.h"
#include "store/state.h"

#define TABLE_MIN      (1u << 16) /* slots: 1 MB */
#define TABLE_MAX      (1u << 28) /* slots: 4 GB, beyond any store.partition_events */
#define EXPECTED_MAX   (1u << 24) /* entries for which room is made before they are read */
#define HUGE_PAGE      (2u * 1024u * 1024u)
#define READ_CACHE_KIB 256 /* of each sealed partition that has been read from */
#define PARTS_MAX      4096
#define IDENT_BYTES    16

struct slot {
    uint64_t key;
    uint32_t check;
    uint32_t offset; /* n - first_n + 1; 0: empty */
};

struct part {
    uint32_t number;
    uint64_t first_n;
    /* not sealed */
    struct slot *slots; /* NULL: sealed */
    size_t mask;
    size_t count;
    /* sealed */
    uint8_t *filter;
    uint32_t lines;
    uint32_t pages;
    sqlite3 *db; /* opened by the first answer of the filter that is not no */
    sqlite3_stmt *select;
};

struct tw_idents {
    struct tw_store *store; /* borrowed */
    uint64_t seed;
    struct part parts[PARTS_MAX]; /* ascending; the last is the active one */
    size_t part_count;
    uint64_t floor;
};

/* ---- tables ---- */

/* Large ones come from the system empty, page by page when they are first touched. */
static struct slot *new_slots(size_t count)
{
    size_t bytes = count * sizeof(struct slot);
    struct slot *slots = calloc(count, sizeof *slots);
    if (slots != NULL && bytes >= 2 * HUGE_PAGE) {
        size_t skipped = HUGE_PAGE - (uintptr_t)slots % HUGE_PAGE;
        /* fewer TLB misses where there are some */
        (void)madvise((char *)slots + skipped, bytes - skipped, MADV_HUGEPAGE);
    }
    return slots;
}

/* Keys are hashes already: their upper bits choose the slot (the filters use others). */
static size_t home_of(const struct part *part, uint64_t key)
{
    return (size_t)(key ^ key >> 32) & part->mask;
}

static void put_slot(struct part *part, struct slot entry)
{
    size_t at = home_of(part, entry.key);
    while (part->slots[at].offset != 0) {
        at = (at + 1) & part->mask;
    }
    part->slots[at] = entry;
}

static int grow(struct part *part)
{
    size_t old_count = part->mask + 1;
    struct slot *old = part->slots;
    if (old_count >= TABLE_MAX) {
        return TW_ENOMEM;
    }
    struct slot *slots = new_slots(old_count * 2);
    if (slots == NULL) {
        return TW_ENOMEM;
    }
    part->slots = slots;
    part->mask = old_count * 2 - 1;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].offset != 0) {
            put_slot(part, old[i]);
        }
    }
    free(old);
    return TW_OK;
}

static int add_entry(struct part *part, uint64_t key, uint32_t check, uint64_t n)
{
    TW_ASSERT(n >= part->first_n && n - part->first_n < UINT32_MAX);
    if (part->count >= (part->mask + 1) / 4 * 3) {
        int rc = grow(part);
        if (rc != TW_OK) {
            return rc;
        }
    }
    put_slot(part, (struct slot){key, check, (uint32_t)(n - part->first_n + 1)});
    part->count++;
    return TW_OK;
}

/* The best of several entries with one key: one with this check before others, then the first. */
struct found {
    bool is_found;
    bool is_exact;
    uint64_t n;
    uint32_t check;
};

static void consider(struct found *found, uint64_t n, uint32_t stored, uint32_t check)
{
    bool is_exact = check == 0 || stored == check;
    bool is_better = !found->is_found || (is_exact && !found->is_exact) ||
                     (is_exact == found->is_exact && n < found->n);
    if (is_better) {
        *found = (struct found){true, is_exact, n, stored};
    }
}

static void find_in_table(const struct part *part, uint64_t key, uint32_t check,
                          struct found *found)
{
    for (size_t at = home_of(part, key); part->slots[at].offset != 0; at = (at + 1) & part->mask) {
        if (part->slots[at].key == key) {
            consider(found, part->first_n + part->slots[at].offset - 1, part->slots[at].check,
                     check);
        }
    }
}

/* ---- sealed partitions ---- */

static void close_part(struct part *part)
{
    (void)sqlite3_finalize(part->select); /* repeats errors already seen */
    part->select = NULL;
    tw_db_close(&part->db);
    free(part->slots);
    free(part->filter);
    part->slots = NULL;
    part->filter = NULL;
}

static int open_sealed(const struct tw_idents *self, struct part *part, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    if (part->db != NULL) {
        return TW_OK;
    }
    int rc = tw_part_path(self->store->dir, part->number, true, path);
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_IMMUTABLE, READ_CACHE_KIB, &part->db, diag) : rc;
    return rc == TW_OK ? tw_db_prepare(part->db, "SELECT data FROM ident_page WHERE id = ?1",
                                       &part->select, diag)
                       : rc;
}

static int find_in_file(const struct tw_idents *self, struct part *part, uint64_t key,
                        uint32_t check, struct found *found)
{
    struct tw_diag diag = {{0}};
    int rc = open_sealed(self, part, &diag);
    if (rc == TW_ENOTFOUND) {
        return TW_OK; /* expired: the keeper's message is under way */
    }
    if (rc == TW_OK) {
        tw_db_bind_int(part->select, 1, tw_ident_page_of(key, part->pages));
        rc = tw_db_row(part->select, &diag);
    }
    if (rc == TW_OK) {
        uint64_t n = 0;
        uint32_t stored = 0;
        rc = tw_ident_page_find(tw_db_column_bytes(part->select, 0), part->first_n, key, check, &n,
                                &stored);
        (void)sqlite3_reset(part->select); /* a row was read: nothing can be wrong */
        if (rc == TW_OK) {
            consider(found, n, stored, check);
        }
    }
    if (rc != TW_OK && rc != TW_ENOTFOUND) {
        tw_log(TW_LOG_STORE_FAILED_EVENT, TW_F_CSTR("reason", diag.text),
               TW_F_INT("partition", part->number),
               TW_F_CSTR("while", "looking for an identity in a sealed partition"));
        return TW_EIO;
    }
    return TW_OK;
}

static bool may_have(const struct part *part, uint64_t key)
{
    size_t line = tw_filter_line(key, part->lines);
    return tw_filter_test(part->filter + line * TW_FILTER_LINE, key);
}

/* ---- the public ---- */

uint64_t tw_ident_hash(const struct tw_idents *self, const void *bytes, size_t len)
{
    return XXH3_64bits_withSeed(bytes, len, self->seed);
}

void tw_ident_prefetch(const struct tw_idents *self, uint64_t key)
{
    for (size_t i = self->part_count; i > 0; i--) {
        const struct part *part = &self->parts[i - 1];
        if (part->slots != NULL) {
            __builtin_prefetch(&part->slots[home_of(part, key)]);
        } else {
            size_t line = tw_filter_line(key, part->lines);
            __builtin_prefetch(part->filter + line * TW_FILTER_LINE);
        }
    }
}

int tw_ident_find(struct tw_idents *self, uint64_t key, uint32_t check, uint64_t *ret_n,
                  uint32_t *ret_check)
{
    struct found found = {0};
    for (size_t i = 0; i < self->part_count && !(found.is_found && found.is_exact); i++) {
        struct part *part = &self->parts[i];
        if (part->slots != NULL) {
            find_in_table(part, key, check, &found);
        } else if (may_have(part, key)) {
            int rc = find_in_file(self, part, key, check, &found);
            if (rc != TW_OK) {
                return rc;
            }
        }
    }
    if (!found.is_found) {
        return TW_ENOTFOUND;
    }
    *ret_n = found.n;
    *ret_check = found.check;
    return TW_OK;
}

int tw_ident_add(struct tw_idents *self, uint64_t key, uint32_t check, uint64_t n)
{
    return add_entry(&self->parts[self->part_count - 1], key, check, n);
}

size_t tw_ident_memory(const struct tw_idents *self)
{
    size_t bytes = sizeof *self;
    for (size_t i = 0; i < self->part_count; i++) {
        const struct part *part = &self->parts[i];
        bytes += part->slots != NULL ? (part->mask + 1) * sizeof *part->slots
                                     : (size_t)part->lines * TW_FILTER_LINE;
    }
    return bytes;
}

uint64_t tw_ident_floor(const struct tw_idents *self)
{
    return self->floor;
}

static void forget_oldest(struct tw_idents *self)
{
    close_part(&self->parts[0]);
    self->part_count--;
    memmove(&self->parts[0], &self->parts[1], self->part_count * sizeof self->parts[0]);
    self->floor = self->parts[0].first_n;
}

/* Forget the oldest sealed partitions while their filters need more than they may. */
static void enforce_bound(struct tw_idents *self)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < self->part_count; i++) {
        bytes += self->parts[i].slots != NULL ? 0 : (uint64_t)self->parts[i].lines * TW_FILTER_LINE;
    }
    uint64_t max = (uint64_t)self->store->cfg->store.duplicate_memory_bytes;
    while (self->part_count > 1 && self->parts[0].slots == NULL && bytes > max) {
        bytes -= (uint64_t)self->parts[0].lines * TW_FILTER_LINE;
        forget_oldest(self);
    }
}

/* `expected` entries go in without growing. */
static int add_table(struct tw_idents *self, uint32_t number, uint64_t first_n, uint64_t expected)
{
    if (self->part_count == PARTS_MAX) {
        forget_oldest(self);
    }
    size_t count = TABLE_MIN;
    while (count < TABLE_MAX && count / 4 * 3 <= expected) {
        count *= 2;
    }
    struct slot *slots = new_slots(count);
    if (slots == NULL) {
        return TW_ENOMEM;
    }
    self->parts[self->part_count++] =
        (struct part){.number = number, .first_n = first_n, .slots = slots, .mask = count - 1};
    return TW_OK;
}

int tw_ident_start_partition(struct tw_idents *self, uint64_t first_n)
{
    struct part *active = &self->parts[self->part_count - 1];
    if (active->count == 0 && active->first_n == first_n) {
        return TW_OK; /* the store is empty: the first batch begins what is there */
    }
    /* the next is mostly like the last: growing would move every entry once more */
    return add_table(self, active->number + 1, first_n, active->count);
}

static void take_sealed(struct tw_idents *self, struct tw_ident_news *news)
{
    for (size_t i = 0; i < self->part_count; i++) {
        struct part *part = &self->parts[i];
        if (part->number == news->number && part->slots != NULL) {
            close_part(part);
            part->filter = news->filter;
            part->lines = news->meta.ident_lines;
            part->pages = news->meta.ident_pages;
            news->filter = NULL;
        }
    }
    enforce_bound(self);
}

static void take_expired(struct tw_idents *self, uint32_t number)
{
    while (self->part_count > 1 && self->parts[0].number <= number) {
        forget_oldest(self);
    }
}

void tw_ident_poll(struct tw_idents *self)
{
    for (struct tw_ident_news *news = tw_chan_receive(self->store->ident_news); news != NULL;
         news = tw_chan_receive(self->store->ident_news)) {
        if (news->is_expired) {
            take_expired(self, news->number);
        } else {
            take_sealed(self, news);
        }
        tw_ident_news_destroy(&news);
    }
}

/* ---- reading back ---- */

static int load_row(struct part *part, struct tw_str data)
{
    int rc = data.len % IDENT_BYTES == 0 ? TW_OK : TW_EDAMAGED;
    for (size_t at = 0; rc == TW_OK && at < data.len; at += IDENT_BYTES) {
        struct {
            uint64_t key;
            uint32_t check;
            uint32_t n;
        } entry;
        memcpy(&entry, data.ptr + at, sizeof entry);
        uint32_t n = le32toh(entry.n);
        rc = n == UINT32_MAX
                 ? TW_EDAMAGED
                 : add_entry(part, le64toh(entry.key), le32toh(entry.check), part->first_n + n);
    }
    return rc;
}

static int load_table(struct tw_idents *self, uint32_t number, struct tw_diag *diag)
{
    char path[TW_PATH_MAX];
    struct tw_part_meta meta;
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int rc = tw_part_path(self->store->dir, number, false, path);
    rc = rc == TW_OK ? tw_db_open(path, TW_DB_READ, READ_CACHE_KIB, &db, diag) : rc;
    if (rc == TW_ENOTFOUND) {
        return rc;
    }
    rc = rc == TW_OK ? tw_part_meta_read(db, &meta, diag) : rc;
    /* mostly one identity a record; an estimate is enough, and a damaged one is bounded */
    uint64_t expected = rc == TW_OK ? meta.last_n + 1 - meta.first_n : 0;
    expected = expected > EXPECTED_MAX ? EXPECTED_MAX : expected;
    rc = rc == TW_OK ? add_table(self, number, meta.first_n, expected) : rc;
    rc = rc == TW_OK ? tw_db_prepare(db, "SELECT data FROM ident ORDER BY id", &stmt, diag) : rc;
    while (rc == TW_OK) {
        rc = tw_db_row(stmt, diag);
        rc = rc == TW_OK ? load_row(&self->parts[self->part_count - 1], tw_db_column_bytes(stmt, 0))
                         : rc;
        if (rc == TW_EDAMAGED) {
            (void)tw_diag_set(diag, rc, "%s: damaged: its identities; restore a backup", path);
        }
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    tw_db_close(&db);
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int load_sealed(struct tw_idents *self, uint32_t number, struct tw_diag *diag)
{
    struct tw_part_meta meta;
    uint8_t *filter = NULL;
    int rc = tw_seal_read_filter(self->store->dir, number, &meta, &filter, diag);
    if (rc == TW_ENOTFOUND) {
        return TW_OK; /* expired since it was listed */
    }
    if (rc == TW_OK) {
        if (self->part_count == PARTS_MAX) {
            forget_oldest(self);
        }
        self->parts[self->part_count++] = (struct part){.number = number,
                                                        .first_n = meta.first_n,
                                                        .filter = filter,
                                                        .lines = meta.ident_lines,
                                                        .pages = meta.ident_pages};
    }
    return rc;
}

/* The keeper may seal a partition while it is read here: then the file that was listed is gone, or
 * goes while it is opened, and the sealed one is there. */
static int load_part(struct tw_idents *self, const struct tw_part *listed, struct tw_diag *diag)
{
    char sealed[TW_PATH_MAX];
    if (listed->is_sealed) {
        return load_sealed(self, listed->number, diag);
    }
    int rc = load_table(self, listed->number, diag);
    if (rc == TW_OK || tw_part_path(self->store->dir, listed->number, true, sealed) != TW_OK ||
        (rc != TW_ENOTFOUND && access(sealed, F_OK) != 0)) {
        return rc;
    }
    if (self->part_count > 0 && self->parts[self->part_count - 1].number == listed->number) {
        close_part(&self->parts[--self->part_count]); /* what was read of it */
    }
    return load_sealed(self, listed->number, diag);
}

int tw_ident_new(struct tw_store *store, struct tw_idents **ret_idents, struct tw_diag *diag)
{
    struct tw_part *parts = NULL;
    size_t count = 0;
    struct tw_idents *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->store = store;
    self->seed = store->ident_seed;
    self->floor = 1;
    /* from now on the keeper tells what it does: news of what is read below changes nothing */
    atomic_store(&store->has_idents, true);
    int rc = tw_parts_list(store->dir, &parts, &count, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = load_part(self, &parts[i], diag);
        if (rc == TW_OK) {
            enforce_bound(self);
            self->floor = self->part_count > 0 ? self->parts[0].first_n : self->floor;
        }
    }
    free(parts);
    if (rc != TW_OK) {
        tw_ident_destroy(&self);
        return rc;
    }
    *ret_idents = self;
    return TW_OK;
}

void tw_ident_destroy(struct tw_idents **self_p)
{
    struct tw_idents *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    atomic_store(&self->store->has_idents, false);
    for (size_t i = 0; i < self->part_count; i++) {
        close_part(&self->parts[i]);
    }
    free(self);
}
