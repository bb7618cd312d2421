/* SPDX-License-Identifier: Apache-2.0
 * What the files of the reading side share: the list of partitions, their connections and cached
 * facts, decoded blocks. Nothing outside collector/store/ includes it.
 * Thread: as struct tw_reader (one at a time).
 */
#ifndef TW_STORE_READER_INTERNAL_H
#define TW_STORE_READER_INTERNAL_H

#include <sys/stat.h>

#include "store/internal.h"
#include "store/migrate.h"
#include "store/reader.h"
#include "track/track.h"

/* Partition connections that one reader keeps open: two of three descriptors each, with eight web
 * threads well below the usual 1,024. Beyond it some are closed and opened again. */
#define TW_READER_CONNECTIONS 64
/* Decoded blocks kept: the events of a journey lie in few. About 450 KB each. */
#define TW_READER_BLOCKS 12
/* Hubs remembered: telling one apart costs max_links records, and it stays one while nothing
 * expires. */
#define TW_READER_HUBS 256
/* Attempts when the list of partitions changes under a query. */
#define TW_READER_ATTEMPTS 4
/* Steps of the archive: TW_ARCHIVE_TIERS. */
#define TW_READER_TIERS 3

enum tw_view_stmt {
    TW_STMT_BEGIN,
    TW_STMT_END,
    TW_STMT_META,
    TW_STMT_TOTALS,
    TW_STMT_RUNS,
    TW_STMT_PAGES,
    TW_STMT_FILTER,
    TW_STMT_BLOCK,
    TW_STMT_BLOCKS_FROM,
    TW_STMT_ECHO_BOUNDS,
    TW_STMT_ECHOES,
    TW_STMT_TAPS,
    TW_STMT_SOURCES,
    TW_STMT_QUARANTINE_COUNTS,
    TW_STMT_QUARANTINE,
    TW_STMT_QUARANTINE_ONE,
    TW_STMT_QUARANTINE_DONE,
    TW_STMT_QUARANTINE_REPEATED,
    TW_STMT_TRACK_TABLES,
    TW_STMT_TRACK_TROUBLES,
    TW_STMT_TRACK_ARCHIVED,
    TW_STMT_LIVE,
    TW_STMT_LIVE_LIST,
    TW_STMT_RUN_ONE,
    TW_STMT_RUN_HAS,
    TW_STMT_SETBACK_TABLE,
    TW_STMT_SETBACKS,
    TW_STMT_RUNS_OPEN_OF,
    TW_STMT_RUNS_WORKFLOW,
    TW_STMT_RUNS_OPEN_OF_COUNT,
    TW_STMT_RUNS_OPEN_COUNT,
    TW_STMT_RUNS_OPEN_OF_ALL,
    TW_STMT_RUNS_OPEN_ALL,
    TW_STMT_RUNS_FINISHED,
    TW_STMT_SERIES,
    TW_STMT_SERIES_ONE,
    TW_STMT_MINUTE,
    TW_STMT_POINTS,
    TW_STMT_POINTS_BETWEEN,
    TW_STMT_TICKED,
    TW_STMT_SKETCHES,
    TW_STMT_SPEND_CAUSE,
    TW_STMT_SPEND_SYSTEM,
    TW_STMT_SPEND_STORE,
    TW_STMT_DECISIONS,
    TW_STMT_COUNT
};

/* The archive has these, too, and one more. */
enum tw_archive_stmt {
    TW_ARCHIVE_BEGIN,
    TW_ARCHIVE_END,
    TW_ARCHIVE_META,
    TW_ARCHIVE_SERIES,
    TW_ARCHIVE_SERIES_ONE,
    TW_ARCHIVE_CHUNKS,
    TW_ARCHIVE_SKETCHES,
    TW_ARCHIVE_SPEND_CAUSE,
    TW_ARCHIVE_SPEND_SYSTEM,
    TW_ARCHIVE_SPEND_STORE,
    TW_ARCHIVE_DECISIONS,
    TW_ARCHIVE_STMT_COUNT
};

struct tw_view_meta {
    uint64_t first_n;
    uint64_t last_n;
    uint64_t commits;
    uint64_t object_lines;
    uint64_t quarantined; /* entries ever */
    bool payload_expired;
    bool has_records;
    tw_wall_t closed;
    tw_wall_t first_received;
    tw_wall_t last_received;
    tw_wall_t first_time;
    tw_wall_t last_time;
};

/* One partition as a reader sees it. What is derived from its content is known as of `commits` of
 * its meta row (a sealed one never changes). */
struct tw_view {
    uint32_t number;
    bool is_sealed;
    ino_t inode;
    uint64_t bytes; /* sealed: of its file */
    sqlite3 *db;    /* NULL: not open */
    sqlite3_stmt *stmts[TW_STMT_COUNT];
    sqlite3_blob
        *extent;    /* block.data of the row read last; of a sealed file it is kept for good */
    bool is_frozen; /* opened with immutable=1 */
    bool in_snapshot;
    bool has_meta;
    struct tw_view_meta meta;
    bool has_runs;
    uint64_t runs_commits;
    int64_t *runs;
    size_t run_count;
    size_t run_capacity;
    bool has_echo_bounds;
    uint64_t echo_commits;
    uint64_t echo_min; /* of `of`; min > max: none */
    uint64_t echo_max;
    bool has_track_facts; /* the next four are known; of a file that is not sealed: for good */
    bool has_tracks;      /* it has the tables of tracking */
    bool has_troubles;    /* and the column `troubles` of version 3 */
    bool has_setbacks;    /* and the table of version 4 */
    bool is_archived;     /* its series and sketches were left out when it was sealed */
    bool has_quarantine_counts;
    uint64_t quarantine_commits;
    uint32_t quarantine_oldest;   /* the oldest partition they were counted for */
    uint64_t quarantine_closed;   /* entries that this partition's rows close */
    uint64_t quarantine_attempts; /* its rows that only say: tried again in vain */
};

struct tw_cached_block {
    uint64_t first_n;
    size_t count; /* 0: empty slot */
    uint64_t used_at;
    struct tw_block_reader *reader;
    struct tw_record *records; /* the first `parsed` of them */
    size_t parsed;
    size_t capacity;
};

struct tw_hub {
    uint64_t key; /* hash of the object with a seed of the reader's; 0: empty slot */
    uint32_t max_links;
    uint32_t max_events;
    uint64_t links;
};

/* The archive as a reader sees it, within one query. */
struct tw_archive_view {
    sqlite3 *db; /* NULL: there is none */
    sqlite3_stmt *stmts[TW_ARCHIVE_STMT_COUNT];
    ino_t inode;
    bool is_frozen;
    uint32_t mark;                      /* partitions up to this number are in it */
    int64_t kept_from[TW_READER_TIERS]; /* of each step: what is older was dropped */
};

struct tw_dictionary;

struct tw_reader {
    char *dir;
    sqlite3 *catalogue;
    bool catalogue_is_frozen;
    int64_t data_version; /* of the catalogue when the dictionary was read */
    struct tw_dictionary *dictionary;
    uint8_t store_id[16];
    tw_mono_t deadline;
    bool has_deadline;
    unsigned held;                /* snapshots are kept while it is above 0 */
    bool held_is_listed;          /* the directory was looked at since */
    struct timespec listed_mtime; /* of the directory when it was listed */
    bool is_listed;               /* the list below is as of listed_mtime */
    struct tw_view **parts;       /* by number */
    size_t part_count;
    size_t open_count;
    uint64_t tick;
    struct tw_cached_block blocks[TW_READER_BLOCKS];
    struct tw_buf packed;               /* the block being unpacked */
    struct tw_hub hubs[TW_READER_HUBS]; /* by the lower bits of the key */
    struct tw_archive_view archive;
};

int tw_reader_open_catalogue(struct tw_reader *self);
/* Begin a query: checks the deadline and lists the directory again if it changed. */
int tw_reader_begin(struct tw_reader *self);
/* Between these, every query sees the same snapshot of each partition and the same list of them:
 * consistent, and without the cost of beginning anew. Not for longer than one deadline. */
void tw_reader_hold(struct tw_reader *self);
void tw_reader_release(struct tw_reader *self);
/* TW_ETIMEOUT once the deadline has passed. */
int tw_reader_check(struct tw_reader *self);
/* Open a partition's connection if need be and start a snapshot with its meta row read.
 * TW_EAGAIN: its file has gone, list again (the caller's query starts anew). Pairs with _leave,
 * also when the query failed; not when _enter failed. One partition at a time. */
int tw_view_enter(struct tw_reader *self, struct tw_view *part);
void tw_view_leave(struct tw_reader *self, struct tw_view *part);
/* Only its meta row, without a connection if it is known for good. */
int tw_view_know(struct tw_reader *self, struct tw_view *part);
/* The prepared statement, reset and unbound; NULL: *ret_err says why. */
sqlite3_stmt *tw_view_stmt(struct tw_view *part, enum tw_view_stmt which, int *ret_err);
/* Index of the partition that holds n, by first_n: TW_ENOTFOUND when n is before the oldest or
 * there is none. n may still be past its end. */
int tw_reader_find_part(struct tw_reader *self, uint64_t n, size_t *ret_index);

/* Run `attempt` and again while it says TW_EAGAIN (the list of partitions changed under it). */
int tw_reader_query(struct tw_reader *self, int (*attempt)(struct tw_reader *self, void *context),
                    void *context);

/* True when n is in the oldest partition and others were expired before it: what belongs to it
 * may be gone. False when that cannot be known. */
bool tw_reader_is_at_edge(struct tw_reader *self, uint64_t n);

/* Copy of a column in the arena: absent for NULL. TW_ENOMEM. */
int tw_column_copy(sqlite3_stmt *stmt, int column, struct tw_arena *arena, struct tw_str *ret_text);

/* ---- index (lookup.c) ---- */

/* Calls `entry` for each entry of every run of a partition (entered) whose key is at least
 * `from`, run by run, each run in order of key, until `entry` returns TW_ECLOSED (next run) or
 * another code (end, returned). */
int tw_view_entries(struct tw_reader *self, struct tw_view *part, struct tw_str from,
                    int (*entry)(void *context, const struct tw_entry *entry), void *context);
/* Record numbers of an object from `from_n` on. */
int tw_reader_postings_from(struct tw_reader *self, struct tw_arena *arena,
                            const struct tw_object *object, uint64_t from_n, size_t limit,
                            const uint64_t **ret_ns, size_t *ret_count, bool *ret_more);

/* ---- dictionaries (dictionary.c) ---- */

/* Read them if the catalogue has changed since. */
int tw_reader_load_dictionary(struct tw_reader *self);
void tw_reader_free_dictionary(struct tw_reader *self);

/* ---- records (records.c) ---- */

/* After a partition has gone. */
void tw_reader_forget(struct tw_reader *self);
void tw_reader_free_blocks(struct tw_reader *self);

/* ---- tracking (reader_archive.c) ---- */

/* Open and check one of the store's files; see reader.c. */
int tw_reader_open_file(struct tw_reader *self, const char *path, const struct tw_schema *schema,
                        bool is_sealed, bool *ret_is_frozen, sqlite3 **ret_db);
/* The newest partition that something was committed to: it has the state of the whole. Entered;
 * NULL where there is none. */
int tw_reader_enter_newest(struct tw_reader *self, struct tw_view **ret_part);
/* Whether an entered partition has the tables of tracking (part->has_tracks, ->is_archived). */
int tw_view_track_facts(struct tw_view *part);
sqlite3_stmt *tw_archive_stmt(struct tw_archive_view *archive, enum tw_archive_stmt which,
                              int *ret_err);
void tw_reader_close_archive(struct tw_reader *self);

/* The row that a statement of TW_TRACKED_RUN_COLUMNS is at. TW_ENOMEM. */
int tw_read_run_row(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_run_row *ret_row);

/* Everything that the archive and the partitions that are not in it know, each row once. */
struct tw_track_visit {
    void (*reset)(void *context); /* another attempt begins */
    int (*archive)(void *context, struct tw_archive_view *archive);
    int (*part)(void *context, struct tw_view *part); /* by number, ascending */
    void *context;
    bool wants_series; /* what is left out when a partition is sealed */
    unsigned stale;    /* attempts that found a partition whose series are nowhere */
};
int tw_reader_visit(struct tw_reader *self, struct tw_track_visit *visit);

/* The texts of SQL that both have. */
#define TW_SQL_SERIES     "SELECT id, labels, kind, divisor FROM series_name WHERE metric = ?1"
#define TW_SQL_SERIES_ONE "SELECT id FROM series_name WHERE metric = ?1 AND labels = ?2"
#define TW_SQL_SPEND(by)                                                                   \
    "SELECT " by ", sum(bad) FROM spend WHERE objective = ?1 AND hour >= ?2 AND hour < ?3" \
    " GROUP BY 1"
#define TW_SQL_DECISIONS                                                                           \
    "SELECT minute, good, bad FROM decision WHERE objective = ?1 AND minute >= ?2 AND minute < ?3" \
    " ORDER BY minute"

#endif
