/* SPDX-License-Identifier: Apache-2.0
 * Records by number, what repeats them, and the scan in order. Blocks are unpacked whole and the
 * last ones kept: the events of a journey and the rows of a scan lie close together.
 * Thread: the reader's.
 */
#include "config.h"
#include "store/reader.h"

#include <stdlib.h>

#include "store/reader_internal.h"

/* Records of an object looked up at a time by a scan. */
#define SCAN_POSTINGS 512
/* Memory of one step of a scan by object: it ends early when its records are large, and has room
 * for the largest one. */
#define SCAN_CHUNK_BYTES (1024u * 1024u)
#define SCAN_ARENA_BYTES (512u * 1024u * 1024u)

/* ---- blocks --------------------------------------------------------------------------------- */

void tw_reader_forget(struct tw_reader *self)
{
    for (size_t i = 0; i < TW_READER_BLOCKS; i++) {
        self->blocks[i].count = 0;
    }
    memset(self->hubs, 0, sizeof self->hubs);
}

void tw_reader_free_blocks(struct tw_reader *self)
{
    for (size_t i = 0; i < TW_READER_BLOCKS; i++) {
        tw_block_reader_destroy(&self->blocks[i].reader);
        free(self->blocks[i].records);
        self->blocks[i] = (struct tw_cached_block){0};
    }
    tw_buf_fini(&self->packed);
}

static struct tw_cached_block *find_cached(struct tw_reader *self, uint64_t n)
{
    for (size_t i = 0; i < TW_READER_BLOCKS; i++) {
        struct tw_cached_block *block = &self->blocks[i];
        if (block->count > 0 && n - block->first_n < block->count) {
            block->used_at = ++self->tick;
            return block;
        }
    }
    return NULL;
}

/* The slot whose block was not needed for longest. */
static int take_slot(struct tw_reader *self, size_t count, struct tw_cached_block **ret_slot)
{
    struct tw_cached_block *slot = &self->blocks[0];
    for (size_t i = 1; i < TW_READER_BLOCKS && slot->count > 0; i++) {
        if (self->blocks[i].count == 0 || self->blocks[i].used_at < slot->used_at) {
            slot = &self->blocks[i];
        }
    }
    slot->count = 0;
    if (count > slot->capacity) {
        struct tw_record *records = realloc(slot->records, count * sizeof *records);
        if (records == NULL) {
            return TW_ENOMEM;
        }
        slot->records = records;
        slot->capacity = count;
    }
    if (slot->reader == NULL) {
        int err = tw_block_reader_new(&slot->reader);
        if (err != TW_OK) {
            return err;
        }
    }
    *ret_slot = slot;
    return TW_OK;
}

static int unpack(struct tw_reader *self, const struct tw_extent_block *at, struct tw_str data,
                  struct tw_cached_block **ret_block)
{
    struct tw_cached_block *slot = NULL;
    /* a record takes more than a byte even when packed: no memory for what cannot be true */
    if (at->offset > data.len || at->bytes > data.len - at->offset ||
        at->count > (uint64_t)at->bytes * 1024) {
        return TW_EDAMAGED;
    }
    int err = take_slot(self, (size_t)at->count, &slot);
    if (err == TW_OK) {
        err = tw_block_open(slot->reader, at->first_n, data.ptr + at->offset, at->bytes);
    }
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
    }
    slot->parsed = 0;
    slot->first_n = at->first_n;
    slot->count = (size_t)at->count;
    slot->used_at = ++self->tick;
    *ret_block = slot;
    return TW_OK;
}

/* Record n of its block. They are parsed as far as they are asked for. */
static int record_of(struct tw_cached_block *block, uint64_t n, const struct tw_record **ret_record)
{
    size_t index = (size_t)(n - block->first_n);
    while (block->parsed <= index) {
        int err = tw_block_next(block->reader, &block->records[block->parsed]);
        if (err != TW_OK) {
            block->count = 0; /* the parser may stand in the middle of a record */
            return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
        }
        block->parsed++;
    }
    *ret_record = &block->records[index];
    return TW_OK;
}

/* The stored bytes of one block. An extent is a chain of pages: this reads no further than the
 * block. The handle is kept, of a file in WAL mode no longer than its snapshot, which it would pin.
 */
static int read_extent(struct tw_reader *self, struct tw_view *part, int64_t row,
                       const struct tw_extent_block *at, struct tw_str *ret_data)
{
    int rc = SQLITE_OK;
    if (part->extent != NULL) {
        rc = sqlite3_blob_reopen(part->extent, row);
        if (rc != SQLITE_OK) {
            (void)sqlite3_blob_close(part->extent); /* it is of no use any more */
            part->extent = NULL;
        }
    }
    if (part->extent == NULL) {
        rc = sqlite3_blob_open(part->db, "main", "block", "data", row, 0, &part->extent);
    }
    if (rc != SQLITE_OK) {
        return tw_db_error(part->db, rc, NULL);
    }
    size_t bytes = (size_t)sqlite3_blob_bytes(part->extent);
    if (at->offset > bytes || at->bytes > bytes - at->offset) {
        return TW_EDAMAGED;
    }
    tw_buf_clear(&self->packed);
    char *to = tw_buf_reserve(&self->packed, at->bytes);
    if (to == NULL) {
        return TW_ENOMEM;
    }
    rc = sqlite3_blob_read(part->extent, to, (int)at->bytes, (int)at->offset);
    if (rc != SQLITE_OK) {
        return tw_db_error(part->db, rc, NULL);
    }
    *ret_data = (struct tw_str){to, at->bytes};
    return TW_OK;
}

/* Read the block that holds n from an entered partition. */
static int read_block(struct tw_reader *self, struct tw_view *part, uint64_t n,
                      struct tw_cached_block **ret_block)
{
    if (n > part->meta.last_n) {
        return TW_ENOTFOUND;
    }
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_BLOCK, &err);
    if (stmt == NULL) {
        return err;
    }
    tw_db_bind_int(stmt, 1, (int64_t)n);
    err = tw_db_row(stmt, NULL);
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_EDAMAGED : err; /* numbers have no holes */
    }
    struct tw_extent_block at;
    int64_t row = sqlite3_column_int64(stmt, 0);
    err = tw_extent_find((uint64_t)row, tw_db_column_bytes(stmt, 2), n, &at);
    if (err == TW_OK && (at.first_n < part->meta.first_n || at.count > part->meta.last_n ||
                         at.first_n > part->meta.last_n + 1 - at.count)) {
        err = TW_EDAMAGED; /* it would answer for records of other partitions */
    }
    struct tw_str data = TW_STR_NULL;
    if (err == TW_OK) {
        err = read_extent(self, part, row, &at, &data);
        at.offset = 0;
    }
    if (err == TW_OK) {
        err = unpack(self, &at, data, ret_block);
    }
    (void)sqlite3_reset(stmt); /* it gave its row */
    return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
}

static int load_block(struct tw_reader *self, struct tw_view *part, uint64_t n,
                      struct tw_cached_block **ret_block)
{
    *ret_block = find_cached(self, n);
    if (*ret_block != NULL) {
        return TW_OK;
    }
    int err = tw_view_enter(self, part);
    if (err == TW_OK) {
        err = read_block(self, part, n, ret_block);
        tw_view_leave(self, part);
    }
    return err;
}

/* ---- echoes --------------------------------------------------------------------------------- */

static int read_echo_bounds(struct tw_view *part)
{
    if (part->has_echo_bounds && part->echo_commits == part->meta.commits) {
        return TW_OK;
    }
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_ECHO_BOUNDS, &err);
    if (stmt == NULL) {
        return err;
    }
    err = tw_db_row(stmt, NULL);
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
    }
    bool has_any = sqlite3_column_type(stmt, 0) != SQLITE_NULL;
    part->echo_min = has_any ? (uint64_t)sqlite3_column_int64(stmt, 0) : UINT64_MAX;
    part->echo_max = has_any ? (uint64_t)sqlite3_column_int64(stmt, 1) : 0;
    (void)sqlite3_reset(stmt); /* it gave its row */
    part->has_echo_bounds = true;
    part->echo_commits = part->meta.commits;
    return TW_OK;
}

typedef int echo_fn(void *context, uint64_t of, uint64_t n, int kind);

/* The rows of one partition that repeat the events `low` to `high`. */
static int each_echo_row(struct tw_view *part, uint64_t low, uint64_t high, echo_fn *echo,
                         void *context)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_ECHOES, &err);
    if (stmt == NULL) {
        return err;
    }
    tw_db_bind_int(stmt, 1, (int64_t)low);
    tw_db_bind_int(stmt, 2, (int64_t)high);
    err = tw_db_row(stmt, NULL);
    while (err == TW_OK) {
        uint64_t of = (uint64_t)sqlite3_column_int64(stmt, 0);
        /* a damaged index can give rows that were not asked for */
        err = of < low || of > high ? TW_EDAMAGED
                                    : echo(context, of, (uint64_t)sqlite3_column_int64(stmt, 1),
                                           sqlite3_column_int(stmt, 2));
        if (err == TW_OK) {
            err = tw_db_row(stmt, NULL);
        }
    }
    (void)sqlite3_reset(stmt); /* an error of the step is known */
    return err == TW_ENOTFOUND ? TW_OK : err;
}

/* Calls `echo` for what repeats the events `low` to `high`, partition by partition. Repeats stand
 * in the event's own partition or a later one. */
static int each_echo(struct tw_reader *self, size_t from_part, uint64_t low, uint64_t high,
                     echo_fn *echo, void *context)
{
    int err = TW_OK;
    for (size_t i = from_part; err == TW_OK && i < self->part_count; i++) {
        struct tw_view *part = self->parts[i];
        if (part->is_sealed && part->has_echo_bounds &&
            (high < part->echo_min || low > part->echo_max)) {
            continue;
        }
        err = tw_view_enter(self, part);
        if (err != TW_OK) {
            return err;
        }
        err = read_echo_bounds(part);
        if (err == TW_OK && high >= part->echo_min && low <= part->echo_max) {
            err = each_echo_row(part, low, high, echo, context);
        }
        tw_view_leave(self, part);
    }
    return err;
}

/* ---- one record ----------------------------------------------------------------------------- */

/* The bytes of `text` behind `*at`, or where its bytes already are in the copy of the json. */
static struct tw_str place(struct tw_str text, struct tw_str json, const char *json_copy, char **at)
{
    if (text.ptr == NULL) {
        return TW_STR_NULL;
    }
    uintptr_t offset = (uintptr_t)text.ptr - (uintptr_t)json.ptr;
    if (json.ptr != NULL && offset < json.len && text.len <= json.len - offset) {
        return (struct tw_str){json_copy + offset, text.len};
    }
    struct tw_str copy = {*at, text.len};
    if (text.len > 0) {
        memcpy(*at, text.ptr, text.len);
    }
    *at += text.len;
    return copy;
}

/* A record in one piece of the arena. */
static int copy_record(struct tw_arena *arena, const struct tw_record *from,
                       struct tw_record *ret_record)
{
    size_t bytes = from->object_count * sizeof *from->objects + from->json.len + from->peer.len + 1;
    for (uint32_t i = 0; i < from->object_count; i++) {
        bytes += from->objects[i].id.len + from->objects[i].scope.len;
    }
    struct tw_object *objects = tw_arena_alloc(arena, bytes);
    if (objects == NULL) {
        return TW_ENOMEM;
    }
    struct tw_record record = *from;
    char *at = (char *)(objects + from->object_count);
    char *json = at;
    if (from->json.len > 0) {
        memcpy(json, from->json.ptr, from->json.len);
        at += from->json.len;
    }
    if (from->json.ptr != NULL) {
        record.json.ptr = json;
    }
    record.peer = place(from->peer, TW_STR_NULL, NULL, &at);
    for (uint32_t i = 0; i < from->object_count; i++) {
        objects[i] = from->objects[i];
        objects[i].id = place(from->objects[i].id, from->json, json, &at);
        objects[i].scope = place(from->objects[i].scope, from->json, json, &at);
    }
    record.objects = objects;
    *ret_record = record;
    return TW_OK;
}

struct record_query {
    struct tw_arena *arena;
    uint64_t n;
    struct tw_stored stored;
};

static int count_echo(void *context, uint64_t of, uint64_t n, int kind)
{
    struct tw_stored *stored = context;
    (void)of;
    (void)n;
    stored->duplicates += kind == TW_RECORD_DUPLICATE;
    stored->conflicts += kind == TW_RECORD_CONFLICT;
    return TW_OK;
}

static int record_attempt(struct tw_reader *self, void *context)
{
    struct record_query *query = context;
    size_t index = 0;
    struct tw_cached_block *block = NULL;
    query->stored = (struct tw_stored){0};
    int err = tw_reader_find_part(self, query->n, &index);
    if (err == TW_OK) {
        err = load_block(self, self->parts[index], query->n, &block);
    }
    const struct tw_record *record = NULL;
    if (err == TW_OK) {
        err = record_of(block, query->n, &record);
    }
    if (err == TW_OK) {
        err = copy_record(query->arena, record, &query->stored.record);
    }
    if (err != TW_OK) {
        return err;
    }
    query->stored.payload_expired = self->parts[index]->meta.payload_expired;
    if (query->stored.record.kind != TW_RECORD_EVENT) {
        return TW_OK;
    }
    return each_echo(self, index, query->n, query->n, count_echo, &query->stored);
}

int tw_reader_record(struct tw_reader *self, struct tw_arena *arena, uint64_t n,
                     struct tw_stored *ret_stored)
{
    struct record_query query = {.arena = arena, .n = n};
    if (n == 0 || n > INT64_MAX) {
        return TW_ENOTFOUND;
    }
    int err = tw_reader_query(self, record_attempt, &query);
    if (err == TW_OK) {
        *ret_stored = query.stored;
    }
    return err;
}

struct echoes_query {
    uint64_t n;
    size_t limit;
    uint64_t *ns;
    size_t count;
};

static int take_echo(void *context, uint64_t of, uint64_t n, int kind)
{
    struct echoes_query *query = context;
    (void)of;
    (void)kind;
    if (query->count >= query->limit) {
        return TW_ECLOSED;
    }
    query->ns[query->count++] = n;
    return TW_OK;
}

static int echoes_attempt(struct tw_reader *self, void *context)
{
    struct echoes_query *query = context;
    size_t index = 0;
    query->count = 0;
    /* an event that has expired may still have repeats: then all partitions are asked */
    int err = tw_reader_find_part(self, query->n, &index);
    if (err == TW_OK || err == TW_ENOTFOUND) {
        err = each_echo(self, index, query->n, query->n, take_echo, query);
    }
    return err == TW_ECLOSED ? TW_OK : err;
}

int tw_reader_echoes(struct tw_reader *self, struct tw_arena *arena, uint64_t n, size_t limit,
                     const uint64_t **ret_ns, size_t *ret_count)
{
    struct echoes_query query = {.n = n, .limit = limit};
    query.ns = limit > SIZE_MAX / sizeof *query.ns - 1
                   ? NULL
                   : tw_arena_alloc(arena, (limit + 1) * sizeof *query.ns);
    if (query.ns == NULL) {
        return TW_ENOMEM;
    }
    int err = n == 0 || n > INT64_MAX ? TW_OK : tw_reader_query(self, echoes_attempt, &query);
    if (err == TW_OK) {
        *ret_ns = query.ns;
        *ret_count = query.count;
    }
    return err;
}

/* ---- scan ----------------------------------------------------------------------------------- */

struct scan {
    uint64_t next_n;
    tw_wall_t since;
    tw_wall_t until;
    const struct tw_object *object;
    int (*row)(void *context, const struct tw_stored *stored);
    void *context;
    int row_result; /* what the caller's function said, when it ended the scan */
    bool is_done;
    bool was_damaged;
    struct tw_arena arena;
    uint64_t *counts; /* of the block under way: duplicates and conflicts of each record */
    size_t counts_capacity;
    uint64_t counts_first_n;
};

/* Give one record to the caller if it is asked for. False: the scan ends. */
static bool give(struct scan *self, const struct tw_stored *stored)
{
    const struct tw_record *record = &stored->record;
    if (record->time.ns < self->since.ns || record->time.ns >= self->until.ns) {
        return true;
    }
    self->row_result = self->row(self->context, stored);
    self->is_done = self->is_done || self->row_result != TW_OK;
    return self->row_result == TW_OK;
}

static int count_in_block(void *context, uint64_t of, uint64_t n, int kind)
{
    struct scan *self = context;
    (void)n;
    self->counts[2 * (of - self->counts_first_n) + (kind == TW_RECORD_CONFLICT)]++;
    return TW_OK;
}

static int count_echoes(struct tw_reader *self, struct scan *scan, size_t index,
                        const struct tw_cached_block *block)
{
    if (block->count > scan->counts_capacity) {
        uint64_t *counts = realloc(scan->counts, 2 * block->count * sizeof *counts);
        if (counts == NULL) {
            return TW_ENOMEM;
        }
        scan->counts = counts;
        scan->counts_capacity = block->count;
    }
    memset(scan->counts, 0, 2 * block->count * sizeof *scan->counts);
    scan->counts_first_n = block->first_n;
    return each_echo(self, index, block->first_n, block->first_n + block->count - 1, count_in_block,
                     scan);
}

/* Number behind the block that holds n: by the directory of its row, else the next row. */
static uint64_t behind_block(struct tw_view *part, uint64_t n)
{
    int err = TW_OK;
    uint64_t next = part->meta.last_n + 1;
    struct tw_extent_block at = {0};
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_BLOCK, &err);
    if (stmt != NULL) {
        tw_db_bind_int(stmt, 1, (int64_t)n);
        if (tw_db_row(stmt, NULL) == TW_OK &&
            tw_extent_find((uint64_t)sqlite3_column_int64(stmt, 0), tw_db_column_bytes(stmt, 2), n,
                           &at) == TW_OK) {
            return at.first_n + at.count;
        }
    }
    stmt = tw_view_stmt(part, TW_STMT_BLOCKS_FROM, &err);
    if (stmt != NULL) {
        tw_db_bind_int(stmt, 1, (int64_t)n);
        if (tw_db_row(stmt, NULL) == TW_OK) {
            next = (uint64_t)sqlite3_column_int64(stmt, 0);
        }
    }
    return next;
}

/* Go on behind a damaged block. */
static int skip_damage(struct tw_reader *self, struct scan *scan, struct tw_view *part)
{
    scan->was_damaged = true;
    int err = tw_view_enter(self, part);
    if (err != TW_OK) {
        return err;
    }
    uint64_t next = behind_block(part, scan->next_n);
    tw_view_leave(self, part); /* resets what is left in the middle */
    scan->next_n = next > scan->next_n ? next : scan->next_n + 1;
    return TW_OK;
}

/* The partition that next_n is in; moves next_n over what has expired, is empty or cannot match. */
static int next_part(struct tw_reader *self, struct scan *scan, size_t *ret_index)
{
    size_t index = 0;
    int err = tw_reader_find_part(self, scan->next_n, &index);
    if (err != TW_OK && err != TW_ENOTFOUND) {
        return err;
    }
    for (; index < self->part_count; index++) {
        struct tw_view *part = self->parts[index];
        err = tw_view_know(self, part);
        if (err != TW_OK) {
            return err;
        }
        if (scan->next_n < part->meta.first_n) {
            scan->next_n = part->meta.first_n;
        }
        bool can_match = part->meta.has_records && scan->next_n <= part->meta.last_n &&
                         part->meta.last_time.ns >= scan->since.ns &&
                         part->meta.first_time.ns < scan->until.ns;
        if (can_match) {
            *ret_index = index;
            return TW_OK;
        }
    }
    return TW_ENOTFOUND;
}

/* One block. */
static int scan_attempt(struct tw_reader *self, void *context)
{
    struct scan *scan = context;
    size_t index = 0;
    int err = next_part(self, scan, &index);
    if (err != TW_OK) {
        scan->is_done = scan->is_done || err == TW_ENOTFOUND;
        return err == TW_ENOTFOUND ? TW_OK : err;
    }
    struct tw_view *part = self->parts[index];
    struct tw_cached_block *block = NULL;
    err = load_block(self, part, scan->next_n, &block);
    if (err == TW_EDAMAGED) {
        return skip_damage(self, scan, part);
    }
    if (err == TW_OK) {
        err = count_echoes(self, scan, index, block);
    }
    if (err != TW_OK) {
        return err;
    }
    for (size_t i = (size_t)(scan->next_n - block->first_n); i < block->count; i++) {
        const struct tw_record *record = NULL;
        err = record_of(block, block->first_n + i, &record);
        if (err == TW_EDAMAGED) {
            return skip_damage(self, scan, part);
        }
        if (err != TW_OK) {
            return err;
        }
        struct tw_stored stored = {.record = *record,
                                   .duplicates = scan->counts[2 * i],
                                   .conflicts = scan->counts[2 * i + 1],
                                   .payload_expired = part->meta.payload_expired};
        scan->next_n++;
        if (!give(scan, &stored)) {
            break;
        }
    }
    return TW_OK;
}

/* Some records of one object. */
static int scan_object(struct tw_reader *self, struct scan *scan)
{
    const uint64_t *ns = NULL;
    size_t count = 0;
    bool has_more = false;
    tw_arena_reset(&scan->arena);
    int err = tw_reader_postings_from(self, &scan->arena, scan->object, scan->next_n, SCAN_POSTINGS,
                                      &ns, &count, &has_more);
    for (size_t i = 0; err == TW_OK && !scan->is_done && i < count; i++) {
        struct tw_stored stored;
        uint64_t n = ns[i];
        err = tw_reader_record(self, &scan->arena, n, &stored);
        scan->next_n = n + 1;
        if (err == TW_OK) {
            (void)give(scan, &stored); /* is_done says it */
        } else if (err == TW_EDAMAGED || err == TW_ENOTFOUND) {
            scan->was_damaged = scan->was_damaged || err == TW_EDAMAGED;
            err = TW_OK;
        }
        if (scan->arena.used > SCAN_CHUNK_BYTES && i + 1 < count) {
            has_more = true; /* begin again with an empty arena */
            break;
        }
    }
    scan->is_done = scan->is_done || !has_more;
    return err;
}

int tw_reader_scan(struct tw_reader *self, uint64_t from_n, tw_wall_t since, tw_wall_t until,
                   const struct tw_object *object,
                   int (*row)(void *context, const struct tw_stored *stored), void *context)
{
    struct scan scan = {.next_n = from_n == 0 ? 1 : from_n,
                        .since = since,
                        .until = until,
                        .object = object,
                        .row = row,
                        .context = context};
    tw_arena_init(&scan.arena, SCAN_ARENA_BYTES);
    int err = TW_OK;
    scan.is_done = from_n > INT64_MAX;
    while (err == TW_OK && !scan.is_done) {
        err =
            object != NULL ? scan_object(self, &scan) : tw_reader_query(self, scan_attempt, &scan);
    }
    tw_arena_fini(&scan.arena);
    free(scan.counts);
    if (err == TW_OK && scan.row_result != TW_OK) {
        return scan.row_result;
    }
    return err == TW_OK && scan.was_damaged ? TW_EDAMAGED : err;
}
