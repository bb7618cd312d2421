/* SPDX-License-Identifier: Apache-2.0
 * What the writing and the reading side of the store share and nobody else sees: SQLite with its
 * errors turned into ours, the files of a store, extents, filters, counters.
 * Thread: every function works on what it is given; nothing here has state of its own.
 */
#ifndef TW_STORE_INTERNAL_H
#define TW_STORE_INTERNAL_H

#include <sqlite3.h>

#include "core/buf.h"
#include "core/err.h"
#include "store/format.h"
#include "store/schema.h"

#define TW_PATH_MAX       4096
#define TW_STORE_ID_BYTES 16
#define TW_BUSY_MS        5000 /* waiting for the lock of another connection */

/* ---- SQLite (db.c) ---- */

enum tw_db_mode {
    TW_DB_READ,      /* read-only, of a file that others may write (WAL) */
    TW_DB_IMMUTABLE, /* read-only, of a sealed partition: no locks, no journal */
    TW_DB_WRITE,     /* WAL, synchronous=FULL; the file must exist */
    TW_DB_CREATE,    /* a new file, no journal; the caller syncs it when it is closed */
};

/* Open a database with the pragmas of the store: busy timeout TW_BUSY_MS, temp_store memory,
 * cache_kib of page cache, no memory mapping (a file cut under us would be a SIGBUS).
 * TW_ENOTFOUND when there is no such file (diag untouched), TW_EFOREIGN, TW_EDAMAGED, TW_EPERM,
 * TW_ENOSPACE, TW_EIO, TW_ENOMEM. */
int tw_db_open(const char *path, enum tw_db_mode mode, int cache_kib, sqlite3 **ret_db,
               struct tw_diag *diag);
/* Accepts NULL. All statements must be finalised. */
void tw_db_close(sqlite3 **db_p);
/* The code of SQLite's last error on db, and a diag that names the file and, for damage, what to
 * do. `rc` is SQLite's result (may be extended). */
int tw_db_error(sqlite3 *db, int rc, struct tw_diag *diag);
/* Prepare one persistent statement of static text. */
int tw_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt, struct tw_diag *diag);
/* Run static SQL without results (several statements are fine). */
int tw_db_exec(sqlite3 *db, const char *sql, struct tw_diag *diag);
/* Step: TW_OK with a row, TW_ENOTFOUND at the end, or an error (the statement is reset then). */
int tw_db_row(sqlite3_stmt *stmt, struct tw_diag *diag);
/* Step a statement without rows, and reset it. */
int tw_db_run(sqlite3_stmt *stmt, struct tw_diag *diag);
/* Bind bytes without a copy: they must stay until the statement is reset. Absent: NULL. */
void tw_db_bind_bytes(sqlite3_stmt *stmt, int index, struct tw_str bytes);
void tw_db_bind_int(sqlite3_stmt *stmt, int index, int64_t value);
/* A column as bytes, borrowed until the next step; ptr NULL for NULL. Blobs and texts. */
struct tw_str tw_db_column_bytes(sqlite3_stmt *stmt, int column);

/* ---- files (files.c) ---- */

struct tw_part {
    uint32_t number;
    bool is_sealed; /* part-N.sealed exists; it counts even if part-N.db is still there */
    bool has_db;    /* part-N.db exists */
};

/* The partitions in dir, ascending by number. *ret_parts is owned by the caller (free). */
int tw_parts_list(const char *dir, struct tw_part **ret_parts, size_t *ret_count,
                  struct tw_diag *diag);
/* Remove journals whose partition is sealed: a reader that opened it just before it went has made
 * them, or removing them failed. Only where the lock is held; never fails. */
void tw_parts_tidy(const char *dir);
/* "dir/name" into path (TW_PATH_MAX). TW_ELIMIT when it does not fit. */
int tw_path_join(const char *dir, const char *name, char *path);
int tw_part_path(const char *dir, uint32_t number, bool is_sealed, char *path);
/* Look at the head of a database file without SQLite: TW_OK, TW_ENOTFOUND, TW_EFOREIGN (not
 * SQLite, or another application), TW_ENEWER (both versions named), TW_EDAMAGED (empty, cut,
 * garbage), TW_EPERM, TW_EIO. */
int tw_file_check(const char *path, uint32_t app_id, uint32_t version, struct tw_diag *diag);
/* Make a directory's entries, or a file's bytes, durable. */
int tw_dir_sync(const char *dir, struct tw_diag *diag);
int tw_file_sync(const char *path, struct tw_diag *diag);
/* Give a draft in `dir` its name: readable by nobody else, synced, renamed, the directory synced.
 * made: what making it came to; other than TW_OK it is returned and the draft removed, as it is
 * when anything fails here. */
int tw_file_publish(int made, const char *dir, const char *draft, const char *path,
                    struct tw_diag *diag);
/* errno of a call that failed on `path` as one of our codes, with a diag: "PATH: cannot DOING". */
int tw_system_error(struct tw_diag *diag, const char *path, const char *doing);

/* ---- extents: rows of `block` (extent.c) ---- */

struct tw_extent_block {
    uint64_t first_n;
    uint64_t count;
    size_t offset; /* in `data` */
    size_t bytes;
};
/* Walk a directory: `at` is zeroed before the first call (but first_n: set to the row's).
 * TW_OK with the next block, TW_ENOTFOUND at the end, TW_EDAMAGED. */
int tw_extent_next(struct tw_cursor *directory, struct tw_extent_block *at);
/* The block that holds record n. TW_OK, TW_ENOTFOUND, TW_EDAMAGED. */
int tw_extent_find(uint64_t first_n, struct tw_str directory, uint64_t n,
                   struct tw_extent_block *ret_block);

/* ---- filters (extent.c) ---- */

/* Lines that a filter of `keys` hashes needs (at least 1). */
uint32_t tw_filter_lines(uint64_t keys);
/* Which line decides a hash. */
uint32_t tw_filter_line(uint64_t hash, uint32_t lines);
void tw_filter_set(uint8_t *line, uint64_t hash);
/* False: the hash was never added. `line` has TW_FILTER_LINE bytes. */
bool tw_filter_test(const uint8_t *line, uint64_t hash);
/* Hash of an object's key, for TW_FILTER_OBJECT. */
uint64_t tw_object_hash(const void *key, size_t len);

/* ---- counters as blobs: 8 bytes little endian each (extent.c) ---- */
void tw_counters_encode(const uint64_t *values, size_t count, uint8_t *to);
/* Missing ones are 0, those beyond count are ignored. */
void tw_counters_decode(struct tw_str bytes, uint64_t *values, size_t count);

#endif
