/* SPDX-License-Identifier: Apache-2.0
 * The index of the partition being written. A batch's records are grouped by the keys of their
 * objects with a hash table, since one object is mostly carried by several of them. The groups are
 * sorted by the first eight bytes of their keys with a radix sort, what is equal there by the whole
 * key with a merge sort. Both are stable: should keys be chosen so that the table is of no use,
 * each object is a group of its own, and those of one key stay in order of record.
 */
#include "config.h"
#include "store/index.h"

#include <stdlib.h>
#include <string.h>

#define KEYS_MAX     (1u << 30) /* bytes of all keys of one batch */
#define MERGE_MIN    20000      /* entries of a large merge per commit, at least */
#define MERGE_FACTOR 4          /* and this many times the entries of the commit */
#define DELETE_PAGES 1000       /* of dead runs per commit: about 1 ms */
#define RUNS_MAX     4096
#define SORT_BASE    8  /* items sorted by insertion before merging begins */
#define PROBES_MAX   64 /* slots looked at for a key before the table is given up */
#define SLOTS_MIN    1024

__extension__ typedef unsigned __int128 key_prefix;

/* The records of a batch that carry one object. */
struct sort_item {
    key_prefix prefix; /* first 16 bytes of the key, big endian, padded with zeros */
    uint32_t offset;   /* of the key in `keys` */
    uint32_t len;
    uint32_t first; /* postings, the oldest and the latest */
    uint32_t last;
};

struct posting {
    uint32_t record; /* of the batch */
    uint32_t next;   /* posting of the same item; 0: none (the first of all follows none) */
};

struct key_slot {
    uint32_t hash;
    uint32_t item; /* + 1; 0: empty */
};

struct sort_order {
    uint64_t key; /* upper half of the prefix */
    uint32_t item;
};

struct run {
    int64_t id;
    int level;
    int state;
    uint64_t entries;
};

struct tw_index {
    sqlite3_stmt *page_insert;
    sqlite3_stmt *page_select;
    sqlite3_stmt *page_nth;
    sqlite3_stmt *page_delete;
    sqlite3_stmt *run_insert;
    sqlite3_stmt *run_update;
    sqlite3_stmt *run_delete;
    sqlite3_stmt *run_select;
    struct tw_run_writer writer;     /* of the commit's own run and of merges of level 0 */
    struct tw_run_writer big_writer; /* of the merge under way */
    struct tw_merge *big;            /* NULL: none */
    int64_t big_runs[TW_INDEX_FAN_IN];
    int big_level;
    struct run runs[RUNS_MAX]; /* in order of id, which is order of age within a level */
    size_t run_count;
    int64_t next_run;
    /* what tw_index_build made */
    const struct tw_batch *batch;
    struct tw_buf keys;
    struct sort_item *items;
    struct sort_item *spare;
    struct sort_order *order;
    struct sort_order *order_spare;
    size_t item_count;
    size_t item_capacity; /* of the four above and of `postings` */
    struct posting *postings;
    size_t posting_count;
    struct key_slot *slots; /* a power of two, more than the postings */
    size_t slot_capacity;
    size_t slot_mask;
    bool is_grouping;
    struct tw_entry entry; /* under construction */
};

int tw_index_new(sqlite3 *db, struct tw_index **ret_index, struct tw_diag *diag)
{
    struct tw_index *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    tw_buf_init(&self->keys, KEYS_MAX);
    const struct {
        sqlite3_stmt **stmt;
        const char *sql;
    } table[] = {
        {&self->page_insert, TW_SQL_PAGE_INSERT},
        {&self->page_select, TW_SQL_PAGE_SELECT},
        {&self->page_nth, "SELECT first FROM page WHERE run = ?1 ORDER BY first LIMIT 1 OFFSET ?2"},
        {&self->page_delete, "DELETE FROM page WHERE run = ?1 AND first <= ?2"},
        {&self->run_insert, "INSERT INTO run(id, level, state, entries) VALUES(?1, ?2, ?3, ?4)"},
        {&self->run_update, "UPDATE run SET state = ?2, entries = ?3 WHERE id = ?1"},
        {&self->run_delete, "DELETE FROM run WHERE id = ?1"},
        {&self->run_select, "SELECT id, level, state, entries FROM run ORDER BY id"},
    };
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < sizeof table / sizeof table[0]; i++) {
        rc = tw_db_prepare(db, table[i].sql, table[i].stmt, diag);
    }
    tw_run_writer_init(&self->writer, self->page_insert);
    tw_run_writer_init(&self->big_writer, self->page_insert);
    rc = rc == TW_OK ? tw_index_load(self, diag) : rc;
    if (rc != TW_OK) {
        tw_index_destroy(&self);
        return rc;
    }
    *ret_index = self;
    return TW_OK;
}

void tw_index_destroy(struct tw_index **self_p)
{
    struct tw_index *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    sqlite3_stmt *const stmts[] = {
        self->page_insert, self->page_select, self->page_nth,   self->page_delete,
        self->run_insert,  self->run_update,  self->run_delete, self->run_select,
    };
    for (size_t i = 0; i < sizeof stmts / sizeof stmts[0]; i++) {
        (void)sqlite3_finalize(stmts[i]); /* repeats the last step's error, already seen */
    }
    tw_merge_destroy(&self->big);
    tw_run_writer_fini(&self->writer);
    tw_run_writer_fini(&self->big_writer);
    tw_buf_fini(&self->keys);
    free(self->items);
    free(self->spare);
    free(self->order);
    free(self->order_spare);
    free(self->postings);
    free(self->slots);
    free(self);
}

int tw_index_load(struct tw_index *self, struct tw_diag *diag)
{
    tw_merge_destroy(&self->big);
    self->run_count = 0;
    self->next_run = 1;
    int rc = tw_db_row(self->run_select, diag);
    while (rc == TW_OK) {
        struct run run = {
            .id = sqlite3_column_int64(self->run_select, 0),
            .level = sqlite3_column_int(self->run_select, 1),
            .state = sqlite3_column_int(self->run_select, 2),
            .entries = (uint64_t)sqlite3_column_int64(self->run_select, 3),
        };
        /* the merge that wrote it died with its process or its transaction: begin again */
        run.state = run.state == TW_RUN_BUILDING ? TW_RUN_DEAD : run.state;
        if (self->run_count == RUNS_MAX) {
            (void)sqlite3_reset(self->run_select);
            return tw_diag_set(diag, TW_EDAMAGED, "the index has more than %d runs", RUNS_MAX);
        }
        self->runs[self->run_count++] = run;
        self->next_run = run.id + 1;
        rc = tw_db_row(self->run_select, diag);
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* ---- building ---- */

static uint64_t load_be64(const uint8_t *bytes)
{
    uint64_t value = 0;
    memcpy(&value, bytes, sizeof value);
    return __builtin_bswap64(value);
}

/* Room for so many objects; an empty table. */
static int reserve_items(struct tw_index *self, size_t count)
{
    size_t slots = SLOTS_MIN;
    while (slots < count * 2) {
        slots *= 2;
    }
    if (slots > self->slot_capacity) {
        free(self->slots);
        self->slots = malloc(slots * sizeof *self->slots);
        self->slot_capacity = self->slots == NULL ? 0 : slots;
    }
    if (count > self->item_capacity) {
        size_t capacity = count + count / 2;
        struct sort_item *items = realloc(self->items, capacity * sizeof *items);
        self->items = items == NULL ? self->items : items;
        struct sort_item *spare = realloc(self->spare, capacity * sizeof *spare);
        self->spare = spare == NULL ? self->spare : spare;
        struct sort_order *order = realloc(self->order, capacity * sizeof *order);
        self->order = order == NULL ? self->order : order;
        struct sort_order *other = realloc(self->order_spare, capacity * sizeof *other);
        self->order_spare = other == NULL ? self->order_spare : other;
        struct posting *postings = realloc(self->postings, capacity * sizeof *postings);
        self->postings = postings == NULL ? self->postings : postings;
        if (items == NULL || spare == NULL || order == NULL || other == NULL || postings == NULL) {
            return TW_ENOMEM;
        }
        self->item_capacity = capacity;
    }
    if (self->slots == NULL) {
        return TW_ENOMEM;
    }
    memset(self->slots, 0, slots * sizeof *self->slots);
    self->slot_mask = slots - 1;
    return TW_OK;
}

static bool is_same_key(const char *keys, const struct sort_item *a, const struct sort_item *b)
{
    return a->prefix == b->prefix && a->len == b->len &&
           (a->len <= 16 || memcmp(keys + a->offset, keys + b->offset, a->len) == 0);
}

/* Spread is all that is asked of it; constants of splitmix64 and wyhash. */
static uint32_t hash_key(const char *keys, const struct sort_item *item)
{
    uint64_t mixed = ((uint64_t)item->prefix ^ item->len) * UINT64_C(0x9e3779b97f4a7c15);
    mixed = (mixed ^ mixed >> 32 ^ (uint64_t)(item->prefix >> 64)) * UINT64_C(0xbf58476d1ce4e5b9);
    if (item->len > 16) {
        mixed ^= tw_object_hash(keys + item->offset + 16, item->len - 16);
    }
    return (uint32_t)(mixed >> 32);
}

/* The item with the key of this one, or NULL: then it is the next to be added, and the table knows
 * it. Whoever chooses keys that meet in few slots gains nothing: the table is given up. */
static struct sort_item *find_item(struct tw_index *self, const struct sort_item *wanted)
{
    uint32_t hash = hash_key(self->keys.data, wanted);
    for (size_t i = 0; self->is_grouping; i++) {
        struct key_slot *slot = &self->slots[(hash + i) & self->slot_mask];
        if (slot->item == 0) {
            *slot = (struct key_slot){hash, (uint32_t)self->item_count + 1};
            break;
        }
        struct sort_item *item = &self->items[slot->item - 1];
        if (slot->hash == hash && is_same_key(self->keys.data, item, wanted)) {
            return item;
        }
        self->is_grouping = i < PROBES_MAX;
    }
    return NULL;
}

/* One object of a record. The keys lie one behind the other, each padded so that 16 bytes can
 * always be loaded. Room was made. */
static void collect_object(struct tw_index *self, const struct tw_object *object, size_t record)
{
    uint8_t *to = (uint8_t *)self->keys.data + self->keys.len;
    size_t len = tw_key_make(object, to);
    memset(to + len, 0, 16);
    uint32_t posting = (uint32_t)self->posting_count++;
    self->postings[posting] = (struct posting){.record = (uint32_t)record};
    const struct sort_item made = {
        .prefix = (key_prefix)load_be64(to) << 64 | load_be64(to + 8),
        .offset = (uint32_t)self->keys.len,
        .len = (uint32_t)len,
        .first = posting,
        .last = posting,
    };
    struct sort_item *item = find_item(self, &made);
    if (item != NULL) {
        self->postings[item->last].next = posting;
        item->last = posting;
        return;
    }
    self->items[self->item_count++] = made;
    self->keys.len += len < 16 ? 16 : len;
}

static int collect(struct tw_index *self, const struct tw_batch *batch)
{
    size_t objects = 0;
    for (size_t i = 0; i < batch->record_count; i++) {
        objects += batch->records[i].object_count;
    }
    self->item_count = 0;
    self->posting_count = 0;
    self->is_grouping = true;
    tw_buf_clear(&self->keys);
    int rc = reserve_items(self, objects);
    for (size_t i = 0; rc == TW_OK && i < batch->record_count; i++) {
        const struct tw_record *record = &batch->records[i];
        if (record->kind != TW_RECORD_EVENT || record->object_count == 0) {
            continue;
        }
        if (tw_buf_reserve(&self->keys, (size_t)record->object_count * (TW_KEY_MAX + 16)) == NULL) {
            return self->keys.error;
        }
        for (uint32_t k = 0; k < record->object_count; k++) {
            collect_object(self, &record->objects[k], i);
        }
    }
    return rc;
}

/* Order of the keys' rest; both prefixes are equal. */
static int compare_rest(const char *keys, const struct sort_item *a, const struct sort_item *b)
{
    struct tw_str x = {keys + a->offset, a->len};
    struct tw_str y = {keys + b->offset, b->len};
    return tw_str_compare(x, y);
}

/* b < a strictly: with it, a merge that takes a otherwise is stable. */
static inline bool is_above(const char *keys, const struct sort_item *a, const struct sort_item *b)
{
    if (__builtin_expect(a->prefix == b->prefix, 0)) {
        return (a->len > 16 || b->len > 16 || a->len != b->len) && compare_rest(keys, a, b) > 0;
    }
    return a->prefix > b->prefix;
}

static void sort_base(const char *keys, struct sort_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct sort_item moving = items[i];
        size_t k = i;
        while (k > 0 && is_above(keys, &items[k - 1], &moving)) {
            items[k] = items[k - 1];
            k--;
        }
        items[k] = moving;
    }
}

static void merge_halves(const char *keys, const struct sort_item *a,
                         const struct sort_item *middle, const struct sort_item *end,
                         struct sort_item *to)
{
    const struct sort_item *b = middle;
    while (a < middle && b < end) {
        /* no branch on the order, which nobody can predict */
        size_t take_b = is_above(keys, a, b) ? 1 : 0;
        const struct sort_item *const from[2] = {a, b};
        *to++ = *from[take_b];
        b += take_b;
        a += 1 - take_b;
    }
    size_t left = (size_t)(middle - a);
    memcpy(to, a, left * sizeof *a);
    memcpy(to + left, b, (size_t)(end - b) * sizeof *b);
}

/* Merge sort of a range; stable. Uses the same range of `spare`. */
static void merge_sort(const char *keys, struct sort_item *items, struct sort_item *spare,
                       size_t count)
{
    struct sort_item *from = items;
    struct sort_item *to = spare;
    for (size_t i = 0; i < count; i += SORT_BASE) {
        sort_base(keys, from + i, count - i < SORT_BASE ? count - i : SORT_BASE);
    }
    for (size_t width = SORT_BASE; width < count; width *= 2) {
        for (size_t i = 0; i < count; i += width * 2) {
            size_t middle = i + width < count ? i + width : count;
            size_t end = middle + width < count ? middle + width : count;
            merge_halves(keys, from + i, from + middle, from + end, to + i);
        }
        struct sort_item *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, count * sizeof *items);
    }
}

/* Radix sort by the first eight bytes of the keys, a byte a pass from the last; stable. Bytes that
 * all keys have in common cost nothing. Leaves the order in `*order_p`. */
static void radix_sort(const struct sort_item *items, size_t count, struct sort_order **order_p,
                       struct sort_order **other_p)
{
    uint32_t counts[8][256] = {{0}};
    struct sort_order *from = *order_p;
    struct sort_order *to = *other_p;
    for (size_t i = 0; i < count; i++) {
        uint64_t key = (uint64_t)(items[i].prefix >> 64);
        from[i] = (struct sort_order){key, (uint32_t)i};
        for (unsigned byte = 0; byte < 8; byte++) {
            counts[byte][key >> (8 * byte) & 0xff]++;
        }
    }
    for (unsigned byte = 0; byte < 8; byte++) {
        uint32_t starts[256];
        uint32_t sum = 0;
        unsigned shift = 8 * byte;
        if (counts[byte][from[0].key >> shift & 0xff] == count) {
            continue;
        }
        for (unsigned i = 0; i < 256; i++) {
            starts[i] = sum;
            sum += counts[byte][i];
        }
        for (size_t i = 0; i < count; i++) {
            to[starts[from[i].key >> shift & 0xff]++] = from[i];
        }
        struct sort_order *swap = from;
        from = to;
        to = swap;
    }
    *order_p = from;
    *other_p = to;
}

static bool is_sorted(const char *keys, const struct sort_item *items, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        if (is_above(keys, &items[i - 1], &items[i])) {
            return false;
        }
    }
    return true;
}

static void sort_items(struct tw_index *self)
{
    const char *keys = self->keys.data;
    size_t count = self->item_count;
    if (count < 2) {
        return;
    }
    radix_sort(self->items, count, &self->order, &self->order_spare);
    for (size_t i = 0; i < count; i++) {
        self->spare[i] = self->items[self->order[i].item];
    }
    struct sort_item *swap = self->items;
    self->items = self->spare;
    self->spare = swap;
    /* those with eight bytes in common, mostly one object again and again, in order already */
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && self->order[end].key == self->order[i].key) {
            end++;
        }
        if (!is_sorted(keys, self->items + i, end - i)) {
            merge_sort(keys, self->items + i, self->spare + i, end - i);
        }
        i = end;
    }
}

int tw_index_build(struct tw_index *self, const struct tw_batch *batch)
{
    self->batch = batch;
    int rc = collect(self, batch);
    if (rc == TW_OK) {
        sort_items(self);
    }
    return rc;
}

/* ---- writing ---- */

static void add_record(struct tw_entry *entry, const struct tw_record *record)
{
    if (entry->count > 0 && entry->n[entry->count - 1] == record->n) {
        return; /* the same object twice in one record */
    }
    if (entry->count == 0) {
        entry->first = record->time;
        entry->last = record->time;
    }
    entry->first = record->time.ns < entry->first.ns ? record->time : entry->first;
    entry->last = record->time.ns > entry->last.ns ? record->time : entry->last;
    entry->n[entry->count++] = record->n;
}

/* Where the writing of the run stands: an item, a posting of it. */
struct place {
    size_t item;
    uint32_t posting;
};

/* The next entry, of as many records of one key as fit. */
static void make_entry(const struct tw_index *self, struct place *at, struct tw_entry *entry)
{
    const char *keys = self->keys.data;
    const struct sort_item *first = &self->items[at->item];
    entry->key = (struct tw_str){keys + first->offset, first->len};
    entry->count = 0;
    while (entry->count < TW_POSTINGS_MAX) {
        const struct posting *posting = &self->postings[at->posting];
        add_record(entry, &self->batch->records[posting->record]);
        at->posting = posting->next;
        if (posting->next != 0) {
            continue;
        }
        if (++at->item == self->item_count) {
            break;
        }
        at->posting = self->items[at->item].first;
        if (!is_same_key(keys, first, &self->items[at->item])) {
            break;
        }
    }
}

static int add_run(struct tw_index *self, int level, int state, uint64_t entries, int64_t *ret_id,
                   struct tw_diag *diag)
{
    if (self->run_count == RUNS_MAX) {
        return tw_diag_set(diag, TW_ELIMIT, "the index has more than %d runs", RUNS_MAX);
    }
    struct run run = {.id = self->next_run, .level = level, .state = state, .entries = entries};
    tw_db_bind_int(self->run_insert, 1, run.id);
    tw_db_bind_int(self->run_insert, 2, level);
    tw_db_bind_int(self->run_insert, 3, state);
    tw_db_bind_int(self->run_insert, 4, (int64_t)entries);
    int rc = tw_db_run(self->run_insert, diag);
    if (rc == TW_OK) {
        self->runs[self->run_count++] = run;
        self->next_run++;
        *ret_id = run.id;
    }
    return rc;
}

static struct run *find_run(struct tw_index *self, int64_t id)
{
    for (size_t i = 0; i < self->run_count; i++) {
        if (self->runs[i].id == id) {
            return &self->runs[i];
        }
    }
    return NULL;
}

static int set_run(struct tw_index *self, int64_t id, int state, uint64_t entries,
                   struct tw_diag *diag)
{
    struct run *run = find_run(self, id);
    TW_ASSERT(run != NULL);
    run->state = state;
    run->entries = entries;
    tw_db_bind_int(self->run_update, 1, id);
    tw_db_bind_int(self->run_update, 2, state);
    tw_db_bind_int(self->run_update, 3, (int64_t)entries);
    return tw_db_run(self->run_update, diag);
}

static int write_batch_run(struct tw_index *self, struct tw_diag *diag)
{
    if (self->item_count == 0) {
        return TW_OK;
    }
    int64_t id = 0;
    int rc = add_run(self, 0, TW_RUN_READY, 0, &id, diag);
    tw_run_writer_begin(&self->writer, id);
    struct place at = {0, self->items[0].first};
    while (rc == TW_OK && at.item < self->item_count) {
        make_entry(self, &at, &self->entry);
        rc = tw_run_writer_add(&self->writer, &self->entry, diag);
    }
    rc = rc == TW_OK ? tw_run_writer_end(&self->writer, diag) : rc;
    return rc == TW_OK ? set_run(self, id, TW_RUN_READY, self->writer.entries, diag) : rc;
}

static bool is_in_merge(const struct tw_index *self, int64_t id)
{
    bool found = false;
    for (size_t i = 0; self->big != NULL && i < TW_INDEX_FAN_IN; i++) {
        found = found || self->big_runs[i] == id;
    }
    return found;
}

/* The oldest runs of a level that can be merged; true when there are enough. */
static bool find_level(const struct tw_index *self, int level, int64_t *ids)
{
    size_t count = 0;
    for (size_t i = 0; i < self->run_count && count < TW_INDEX_FAN_IN; i++) {
        const struct run *run = &self->runs[i];
        if (run->level == level && run->state == TW_RUN_READY && !is_in_merge(self, run->id)) {
            ids[count++] = run->id;
        }
    }
    return count == TW_INDEX_FAN_IN;
}

/* A merge is complete: its run replaces its inputs, in one transaction. */
static int complete_merge(struct tw_index *self, struct tw_run_writer *writer, const int64_t *ids,
                          struct tw_diag *diag)
{
    int rc = tw_run_writer_end(writer, diag);
    rc = rc == TW_OK ? set_run(self, writer->run, TW_RUN_READY, writer->entries, diag) : rc;
    for (size_t i = 0; rc == TW_OK && i < TW_INDEX_FAN_IN; i++) {
        rc = set_run(self, ids[i], TW_RUN_DEAD, 0, diag);
    }
    return rc;
}

static int merge_level_0(struct tw_index *self, struct tw_diag *diag)
{
    int64_t ids[TW_INDEX_FAN_IN];
    if (!find_level(self, 0, ids)) {
        return TW_OK;
    }
    int64_t id = 0;
    struct tw_merge *merge = NULL;
    int rc = add_run(self, 1, TW_RUN_BUILDING, 0, &id, diag);
    if (rc == TW_OK) {
        tw_run_writer_begin(&self->writer, id);
        rc = tw_merge_new(ids, TW_INDEX_FAN_IN, self->page_select, &self->writer, &merge);
    }
    if (rc == TW_OK) {
        rc = tw_merge_step(merge, SIZE_MAX, NULL, NULL, diag);
    }
    tw_merge_destroy(&merge);
    return rc == TW_ENOTFOUND ? complete_merge(self, &self->writer, ids, diag) : rc;
}

/* Begin a merge of a higher level if one is due and none is under way. */
static int begin_big(struct tw_index *self, struct tw_diag *diag)
{
    int top = 0;
    for (size_t i = 0; i < self->run_count; i++) {
        top = self->runs[i].level > top ? self->runs[i].level : top;
    }
    for (int level = 1; self->big == NULL && level <= top; level++) {
        if (!find_level(self, level, self->big_runs)) {
            continue;
        }
        int64_t id = 0;
        int rc = add_run(self, level + 1, TW_RUN_BUILDING, 0, &id, diag);
        if (rc != TW_OK) {
            return rc;
        }
        tw_run_writer_begin(&self->big_writer, id);
        return tw_merge_new(self->big_runs, TW_INDEX_FAN_IN, self->page_select, &self->big_writer,
                            &self->big);
    }
    return TW_OK;
}

static int advance_big(struct tw_index *self, struct tw_diag *diag)
{
    size_t budget = self->posting_count * MERGE_FACTOR;
    budget = budget < MERGE_MIN ? MERGE_MIN : budget;
    int rc = self->big == NULL ? begin_big(self, diag) : TW_OK;
    if (rc != TW_OK || self->big == NULL) {
        return rc;
    }
    rc = tw_merge_step(self->big, budget, NULL, NULL, diag);
    if (rc == TW_ENOTFOUND) {
        rc = complete_merge(self, &self->big_writer, self->big_runs, diag);
        tw_merge_destroy(&self->big);
    }
    return rc;
}

/* Delete up to `max` pages of a dead run. *ret_gone: it has no more. */
static int delete_pages(struct tw_index *self, int64_t id, int64_t max, bool *ret_gone,
                        struct tw_diag *diag)
{
    uint8_t bound[TW_KEY_MAX + 8];
    size_t bound_len = sizeof bound;
    memset(bound, 0xff, sizeof bound); /* above all */
    tw_db_bind_int(self->page_nth, 1, id);
    tw_db_bind_int(self->page_nth, 2, max - 1);
    int rc = tw_db_row(self->page_nth, diag);
    *ret_gone = rc == TW_ENOTFOUND;
    if (rc == TW_OK) {
        struct tw_str nth = tw_db_column_bytes(self->page_nth, 0);
        bound_len = nth.len < sizeof bound ? nth.len : sizeof bound;
        memcpy(bound, nth.ptr, bound_len);
        (void)sqlite3_reset(self->page_nth); /* a row was read: nothing can be wrong */
    } else if (rc != TW_ENOTFOUND) {
        return rc;
    }
    tw_db_bind_int(self->page_delete, 1, id);
    tw_db_bind_bytes(self->page_delete, 2, (struct tw_str){(char *)bound, bound_len});
    return tw_db_run(self->page_delete, diag);
}

static int sweep_dead(struct tw_index *self, struct tw_diag *diag)
{
    int64_t left = DELETE_PAGES;
    size_t i = 0;
    while (i < self->run_count && left > 0) {
        if (self->runs[i].state != TW_RUN_DEAD) {
            i++;
            continue;
        }
        bool is_gone = false;
        int rc = delete_pages(self, self->runs[i].id, left, &is_gone, diag);
        left -= sqlite3_changes64(sqlite3_db_handle(self->page_delete));
        if (rc != TW_OK || !is_gone) {
            return rc; /* the rest with the next commit */
        }
        tw_db_bind_int(self->run_delete, 1, self->runs[i].id);
        rc = tw_db_run(self->run_delete, diag);
        if (rc != TW_OK) {
            return rc;
        }
        self->run_count--;
        memmove(&self->runs[i], &self->runs[i + 1], (self->run_count - i) * sizeof self->runs[0]);
    }
    return TW_OK;
}

int tw_index_write(struct tw_index *self, struct tw_diag *diag)
{
    int rc = write_batch_run(self, diag);
    rc = rc == TW_OK ? merge_level_0(self, diag) : rc;
    rc = rc == TW_OK ? advance_big(self, diag) : rc;
    return rc == TW_OK ? sweep_dead(self, diag) : rc;
}
