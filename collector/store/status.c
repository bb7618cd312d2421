/* SPDX-License-Identifier: Apache-2.0
 * What the reader tells about the whole: status, taps, sources, quarantine. Asked each second by
 * several clients, so sums of sealed partitions are kept, and those of the others as long as
 * nothing was committed. Thread: the reader's.
 */
#include "config.h"
#include "store/reader.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>

#include "store/reader_internal.h"

/* Rows of one answer of lists. */
#define LIST_MAX 1000

/* ---- status --------------------------------------------------------------------------------- */

/* Bytes of all files of the store. Files that vanish meanwhile count nothing. */
static int sum_bytes(const char *path, uint64_t *ret_bytes)
{
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return errno == ENOENT ? TW_ENOTFOUND : TW_EIO;
    }
    uint64_t bytes = 0;
    for (;;) {
        const struct dirent *item = readdir(dir); // NOLINT(concurrency-mt-unsafe): own stream
        if (item == NULL) {
            break;
        }
        struct stat st;
        if (fstatat(dirfd(dir), item->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode)) {
            bytes += (uint64_t)st.st_size;
        }
    }
    (void)closedir(dir); /* only read */
    *ret_bytes = bytes;
    return TW_OK;
}

static int read_disk(struct tw_reader *self, struct tw_store_status *status)
{
    struct statvfs fs;
    int err = sum_bytes(self->dir, &status->bytes);
    if (err != TW_OK) {
        return err;
    }
    if (statvfs(self->dir, &fs) != 0) {
        return TW_EIO;
    }
    status->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    status->total_bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    char path[TW_PATH_MAX];
    struct stat st;
    err = tw_path_join(self->dir, TW_FULL_NAME, path);
    status->is_full = err == TW_OK && stat(path, &st) == 0;
    return err;
}

/* How many entries this partition's rows close (solved ones, and those whose parts are entries of
 * their own now; of partitions that are still there), and how many of its rows only say that an
 * entry was tried again in vain. */
static int count_closed(struct tw_reader *self, struct tw_view *part)
{
    uint32_t oldest = self->parts[0]->number;
    if (part->has_quarantine_counts && part->quarantine_commits == part->meta.commits &&
        part->quarantine_oldest == oldest) {
        return TW_OK;
    }
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_QUARANTINE_COUNTS, &err);
    if (stmt == NULL) {
        return err;
    }
    tw_db_bind_int(stmt, 1, (int64_t)oldest << TW_QUARANTINE_SHIFT);
    err = tw_db_row(stmt, NULL);
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
    }
    part->quarantine_closed = (uint64_t)sqlite3_column_int64(stmt, 0);
    part->quarantine_attempts = (uint64_t)sqlite3_column_int64(stmt, 1);
    (void)sqlite3_reset(stmt); /* it gave its row */
    part->has_quarantine_counts = true;
    part->quarantine_commits = part->meta.commits;
    part->quarantine_oldest = oldest;
    return TW_OK;
}

static int read_totals(struct tw_view *part, struct tw_store_status *status)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_TOTALS, &err);
    if (stmt == NULL) {
        return err;
    }
    err = tw_db_row(stmt, NULL);
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
    }
    tw_counters_decode(tw_db_column_bytes(stmt, 0), status->totals.v, TW_TOTAL_COUNT);
    tw_counters_decode(tw_db_column_bytes(stmt, 1), status->problems, TW_PROBLEM_COUNT);
    (void)sqlite3_reset(stmt); /* it gave its row */
    return TW_OK;
}

struct status_query {
    struct tw_store_status status;
    uint64_t quarantined;
    uint64_t closed;
};

/* One partition, from the oldest to the newest. */
static int add_part(struct tw_reader *self, size_t index, struct status_query *query)
{
    struct tw_view *part = self->parts[index];
    struct tw_store_status *status = &query->status;
    bool is_newest = index + 1 == self->part_count;
    bool is_counted = part->is_sealed && part->has_meta && part->has_quarantine_counts &&
                      part->quarantine_oldest == self->parts[0]->number;
    int err = TW_OK;
    if (!is_counted || is_newest) {
        err = tw_view_enter(self, part);
        if (err != TW_OK) {
            return err;
        }
        err = count_closed(self, part);
        if (err == TW_OK && is_newest) {
            err = read_totals(part, status);
        }
        tw_view_leave(self, part);
    }
    const struct tw_view_meta *meta = &part->meta;
    query->quarantined += meta->quarantined - part->quarantine_attempts;
    query->closed += part->quarantine_closed;
    status->sealed += part->is_sealed;
    status->last_n = meta->last_n;
    if (index == 0) {
        status->first_n = meta->first_n;
    }
    if (meta->has_records) {
        if (status->first_received.ns == 0 || meta->first_received.ns < status->first_received.ns) {
            status->first_received = meta->first_received;
        }
        if (meta->last_received.ns > status->last_received.ns) {
            status->last_received = meta->last_received;
        }
    }
    if (meta->commits > 0 && meta->closed.ns > status->last_commit.ns) {
        status->last_commit = meta->closed;
    }
    return err;
}

static int status_attempt(struct tw_reader *self, void *context)
{
    struct status_query *query = context;
    *query = (struct status_query){.status = {.first_n = 1, .partitions = self->part_count}};
    int err = read_disk(self, &query->status);
    for (size_t i = 0; err == TW_OK && i < self->part_count; i++) {
        err = add_part(self, i, query);
    }
    query->status.quarantine_open =
        query->quarantined > query->closed ? query->quarantined - query->closed : 0;
    return err;
}

int tw_reader_status(struct tw_reader *self, struct tw_store_status *ret_status)
{
    struct status_query query;
    int err = tw_reader_query(self, status_attempt, &query);
    if (err == TW_OK) {
        *ret_status = query.status;
    }
    return err;
}

/* ---- taps and sources ----------------------------------------------------------------------- */

int tw_reader_enter_newest(struct tw_reader *self, struct tw_view **ret_part)
{
    *ret_part = NULL;
    for (size_t i = self->part_count; i > 0; i--) {
        struct tw_view *part = self->parts[i - 1];
        int err = tw_view_enter(self, part);
        if (err != TW_OK) {
            return err;
        }
        if (part->meta.commits > 0) {
            *ret_part = part;
            return TW_OK;
        }
        tw_view_leave(self, part);
    }
    return TW_OK;
}

static int stamp_attempt(struct tw_reader *self, void *context)
{
    struct tw_store_stamp *stamp = context;
    struct tw_view *part = NULL;
    *stamp = (struct tw_store_stamp){0};
    int err = tw_reader_enter_newest(self, &part);
    if (err == TW_OK && part != NULL) {
        *stamp = (struct tw_store_stamp){.file = part->inode,
                                         .number = part->number,
                                         .oldest = self->parts[0]->number,
                                         .commits = part->meta.commits};
        tw_view_leave(self, part);
    }
    return err;
}

int tw_reader_stamp(struct tw_reader *self, struct tw_store_stamp *ret_stamp)
{
    struct tw_store_stamp stamp;
    int err = tw_reader_query(self, stamp_attempt, &stamp);
    if (err == TW_OK) {
        *ret_stamp = stamp;
    }
    return err;
}

struct list_query {
    struct tw_arena *arena;
    void *rows;
    size_t count;
    size_t limit;
    uint32_t from;
};

static int taps_attempt(struct tw_reader *self, void *context)
{
    struct list_query *query = context;
    struct tw_tap_state *rows = query->rows;
    struct tw_view *part = NULL;
    query->count = 0;
    int err = tw_reader_enter_newest(self, &part);
    if (err != TW_OK || part == NULL) {
        return err;
    }
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_TAPS, &err);
    if (stmt != NULL) {
        err = tw_db_row(stmt, NULL);
    }
    while (err == TW_OK && query->count < query->limit) {
        rows[query->count++] = (struct tw_tap_state){
            .tap = (uint16_t)sqlite3_column_int(stmt, 0),
            .messages = (uint64_t)sqlite3_column_int64(stmt, 1),
            .bytes = (uint64_t)sqlite3_column_int64(stmt, 2),
            .events = (uint64_t)sqlite3_column_int64(stmt, 3),
            .quarantined = (uint64_t)sqlite3_column_int64(stmt, 4),
            .acks = (uint64_t)sqlite3_column_int64(stmt, 5),
            .last_received = {sqlite3_column_int64(stmt, 6)},
        };
        err = tw_db_row(stmt, NULL);
    }
    tw_view_leave(self, part);
    return err == TW_ENOTFOUND ? TW_OK : err;
}

int tw_reader_taps(struct tw_reader *self, struct tw_arena *arena,
                   const struct tw_tap_state **ret_taps, size_t *ret_count)
{
    struct list_query query = {.arena = arena, .limit = LIST_MAX};
    query.rows = tw_arena_alloc(arena, LIST_MAX * sizeof(struct tw_tap_state));
    if (query.rows == NULL) {
        return TW_ENOMEM;
    }
    int err = tw_reader_query(self, taps_attempt, &query);
    if (err == TW_OK) {
        *ret_taps = query.rows;
        *ret_count = query.count;
    }
    return err;
}

static int take_source(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_source_state *source)
{
    *source = (struct tw_source_state){.number = (uint32_t)sqlite3_column_int64(stmt, 0)};
    int err = tw_column_copy(stmt, 1, arena, &source->name);
    struct tw_str state = tw_db_column_bytes(stmt, 2);
    if (err == TW_OK && state.ptr != NULL) {
        err = tw_source_decode(state.ptr, state.len, arena, source);
    }
    return err;
}

static int sources_attempt(struct tw_reader *self, void *context)
{
    struct list_query *query = context;
    struct tw_source_state *rows = query->rows;
    struct tw_view *part = NULL;
    query->count = 0;
    int err = tw_reader_enter_newest(self, &part);
    if (err != TW_OK || part == NULL) {
        return err;
    }
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_SOURCES, &err);
    if (stmt != NULL) {
        tw_db_bind_int(stmt, 1, query->from);
        tw_db_bind_int(stmt, 2, (int64_t)query->limit);
        err = tw_db_row(stmt, NULL);
    }
    while (err == TW_OK) {
        err = take_source(stmt, query->arena, &rows[query->count]);
        if (err == TW_OK) {
            query->count++;
            err = tw_db_row(stmt, NULL);
        }
    }
    tw_view_leave(self, part);
    return err == TW_ENOTFOUND ? TW_OK : err;
}

int tw_reader_sources(struct tw_reader *self, struct tw_arena *arena, uint32_t from, size_t limit,
                      const struct tw_source_state **ret_sources, size_t *ret_count)
{
    struct list_query query = {
        .arena = arena, .limit = limit > LIST_MAX ? LIST_MAX : limit, .from = from};
    query.rows = tw_arena_alloc(arena, (query.limit + 1) * sizeof(struct tw_source_state));
    if (query.rows == NULL) {
        return TW_ENOMEM;
    }
    int err = tw_reader_query(self, sources_attempt, &query);
    if (err == TW_OK) {
        *ret_sources = query.rows;
        *ret_count = query.count;
    }
    return err;
}

/* ---- quarantine ----------------------------------------------------------------------------- */

/* The partition with this number, or NULL. */
static size_t index_of(const struct tw_reader *self, uint32_t number)
{
    for (size_t i = 0; i < self->part_count; i++) {
        if (self->parts[i]->number == number) {
            return i;
        }
    }
    return SIZE_MAX;
}

/* A row of the quarantine with its bytes in the arena. */
static int take_entry(sqlite3_stmt *stmt, struct tw_arena *arena,
                      struct tw_quarantine_entry *ret_entry)
{
    int64_t code = sqlite3_column_int64(stmt, 5);
    struct tw_quarantine_entry row = {
        .id = (uint64_t)sqlite3_column_int64(stmt, 0),
        .entry = {.retry_of = (uint64_t)sqlite3_column_int64(stmt, 1),
                  .tap = (uint16_t)sqlite3_column_int(stmt, 2),
                  .received = {sqlite3_column_int64(stmt, 4)},
                  .code = code >= 0 && code < TW_PROBLEM_COUNT ? (enum tw_problem_code)code
                                                               : (enum tw_problem_code)0,
                  .index = sqlite3_column_int64(stmt, 6),
                  .raw_bytes = (uint64_t)sqlite3_column_int64(stmt, 11)}};
    struct tw_str *texts[] = {&row.entry.peer, &row.entry.detail, &row.entry.topic,
                              &row.entry.headers, &row.entry.raw};
    static const int columns[] = {3, 7, 8, 9, 10};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        int err = tw_column_copy(stmt, columns[i], arena, texts[i]);
        if (err != TW_OK) {
            return err;
        }
    }
    *ret_entry = row;
    return TW_OK;
}

/* What an entered partition knows of the entry's later life: solved, tried again, replaced. */
static int read_end(struct tw_view *part, struct tw_quarantine_entry *row, bool *ret_is_replaced)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_QUARANTINE_DONE, &err);
    if (stmt == NULL) {
        return err;
    }
    tw_db_bind_int(stmt, 1, (int64_t)row->id);
    err = tw_db_row(stmt, NULL);
    if (err == TW_OK) {
        row->is_done = true;
        row->done_n = (uint64_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt); /* it gave its row */
    } else if (err != TW_ENOTFOUND) {
        return err;
    }
    stmt = tw_view_stmt(part, TW_STMT_QUARANTINE_REPEATED, &err);
    if (stmt == NULL) {
        return err;
    }
    tw_db_bind_int(stmt, 1, (int64_t)row->id);
    err = tw_db_row(stmt, NULL);
    if (err == TW_OK) {
        row->retries += (uint64_t)sqlite3_column_int64(stmt, 0);
        *ret_is_replaced = *ret_is_replaced || sqlite3_column_int64(stmt, 1) > 0;
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return err;
}

/* All that happened to an entry later: in its own partition or a later one. */
static int find_end(struct tw_reader *self, size_t index, struct tw_quarantine_entry *row,
                    bool *ret_is_replaced)
{
    int err = TW_OK;
    *ret_is_replaced = false;
    for (size_t i = index; err == TW_OK && i < self->part_count; i++) {
        struct tw_view *part = self->parts[i];
        if (part->is_sealed && part->has_quarantine_counts && part->quarantine_closed == 0 &&
            part->quarantine_attempts == 0) {
            continue;
        }
        err = tw_view_enter(self, part);
        if (err == TW_OK) {
            err = read_end(part, row, ret_is_replaced);
            tw_view_leave(self, part);
        }
    }
    return err;
}

struct quarantine_query {
    struct tw_arena *arena;
    uint64_t before;
    enum tw_problem_code reason;
    bool with_done;
    size_t limit;
    struct tw_quarantine_entry *rows;
    size_t count;
};

/* The next entry of one partition below `before`. The row is copied before anything else is asked,
 * so no statement stays open over other queries. */
static int next_entry(struct tw_reader *self, struct tw_view *part,
                      const struct quarantine_query *query, struct tw_quarantine_entry *ret_row)
{
    int err = tw_view_enter(self, part);
    if (err != TW_OK) {
        return err;
    }
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_QUARANTINE, &err);
    if (stmt != NULL) {
        tw_db_bind_int(stmt, 1, query->before > INT64_MAX ? INT64_MAX : (int64_t)query->before);
        tw_db_bind_int(stmt, 2, (int64_t)query->reason);
        err = tw_db_row(stmt, NULL);
        if (err == TW_OK) {
            err = take_entry(stmt, query->arena, ret_row);
        }
    }
    tw_view_leave(self, part);
    return err;
}

static int quarantine_attempt(struct tw_reader *self, void *context)
{
    struct quarantine_query *query = context;
    struct quarantine_query at = *query;
    at.count = 0;
    for (size_t i = self->part_count; i > 0 && at.count < at.limit;) {
        struct tw_view *part = self->parts[i - 1];
        struct tw_quarantine_entry row = {0};
        bool is_above = at.before <= (uint64_t)part->number << TW_QUARANTINE_SHIFT;
        int err = is_above ? TW_ENOTFOUND : next_entry(self, part, &at, &row);
        if (err == TW_ENOTFOUND) {
            i--;
            continue;
        }
        bool is_replaced = false;
        if (err == TW_OK) {
            at.before = row.id;
            err = find_end(self, i - 1, &row, &is_replaced);
        }
        if (err != TW_OK) {
            return err;
        }
        if (at.with_done || (!row.is_done && !is_replaced)) {
            at.rows[at.count++] = row;
        }
    }
    query->count = at.count;
    return TW_OK;
}

int tw_reader_quarantine(struct tw_reader *self, struct tw_arena *arena, uint64_t before,
                         enum tw_problem_code reason, bool with_done, size_t limit,
                         const struct tw_quarantine_entry **ret_entries, size_t *ret_count)
{
    struct quarantine_query query = {.arena = arena,
                                     .before = before == 0 ? UINT64_MAX : before,
                                     .reason = reason,
                                     .with_done = with_done,
                                     .limit = limit > LIST_MAX ? LIST_MAX : limit};
    query.rows = tw_arena_alloc(arena, (query.limit + 1) * sizeof *query.rows);
    if (query.rows == NULL) {
        return TW_ENOMEM;
    }
    int err = tw_reader_query(self, quarantine_attempt, &query);
    if (err == TW_OK) {
        *ret_entries = query.rows;
        *ret_count = query.count;
    }
    return err;
}

struct entry_query {
    struct tw_arena *arena;
    uint64_t id;
    struct tw_quarantine_entry row;
};

static int entry_attempt(struct tw_reader *self, void *context)
{
    struct entry_query *query = context;
    size_t index = index_of(self, (uint32_t)(query->id >> TW_QUARANTINE_SHIFT));
    if (index == SIZE_MAX) {
        return TW_ENOTFOUND;
    }
    struct tw_view *part = self->parts[index];
    int err = tw_view_enter(self, part);
    if (err != TW_OK) {
        return err;
    }
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_QUARANTINE_ONE, &err);
    if (stmt != NULL) {
        tw_db_bind_int(stmt, 1, (int64_t)query->id);
        err = tw_db_row(stmt, NULL);
        if (err == TW_OK) {
            err = take_entry(stmt, query->arena, &query->row);
        }
    }
    tw_view_leave(self, part);
    bool is_replaced = false; /* only lists leave replaced entries out */
    return err == TW_OK ? find_end(self, index, &query->row, &is_replaced) : err;
}

int tw_reader_quarantine_entry(struct tw_reader *self, struct tw_arena *arena, uint64_t id,
                               struct tw_quarantine_entry *ret_entry)
{
    struct entry_query query = {.arena = arena, .id = id};
    if (id > INT64_MAX) {
        return TW_ENOTFOUND;
    }
    int err = tw_reader_query(self, entry_attempt, &query);
    if (err == TW_OK) {
        *ret_entry = query.row;
    }
    return err;
}
