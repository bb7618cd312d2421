/* SPDX-License-Identifier: Apache-2.0
 * The store, reading side: what the web half and the command line ask. Read-only connections with
 * short transactions, so that a reader never blocks the writer nor pins its log.
 * Thread:  one tw_reader per thread; opening many on one store is fine. Works in another process,
 *          with or without a running writer.
 * Limits:  every call has a deadline and a row limit; TW_ETIMEOUT and partial flags say so.
 * Fails:   TW_ENOTFOUND, TW_ETIMEOUT, TW_EDAMAGED, TW_EIO, TW_ENOMEM.
 * Results live in the arena that the caller gives.
 */
#ifndef TW_STORE_READER_H
#define TW_STORE_READER_H

#include "core/arena.h"
#include "core/clock.h"
#include "core/err.h"
#include "store/batch.h"

struct tw_reader;

/* Open the store in dir. A store that does not exist yet: TW_ENOTFOUND. */
int tw_reader_open(const char *dir, struct tw_reader **ret_reader, struct tw_diag *diag);
void tw_reader_close(struct tw_reader **self_p);
/* Every call after this fails with TW_ETIMEOUT once the clock passes `deadline` (mono). */
void tw_reader_set_deadline(struct tw_reader *self, tw_mono_t deadline);

/* Dictionaries, borrowed until close (re-read when an unknown code turns up). */
struct tw_object_type {
    uint16_t code;
    const char *name;
    bool is_linking;
    const char *scope; /* attribute names joined by '/', "" when unscoped; e.g. "storeid" */
};
int tw_reader_object_types(struct tw_reader *self, const struct tw_object_type **ret_types,
                           size_t *ret_count);
/* "order" -> its type, NULL when there is none. */
const struct tw_object_type *tw_reader_object_type(struct tw_reader *self, struct tw_str name);
const struct tw_object_type *tw_reader_object_type_by_code(struct tw_reader *self, uint16_t code);
const char *tw_reader_tap_name(struct tw_reader *self, uint16_t code); /* "?" when unknown */

/* One record by number, with how often it was repeated. */
struct tw_stored {
    struct tw_record record;
    uint64_t duplicates;  /* later records that repeat it, content equal */
    uint64_t conflicts;   /* later records with its identity and other content */
    bool payload_expired; /* `data` was removed by retention */
};
int tw_reader_record(struct tw_reader *self, struct tw_arena *arena, uint64_t n,
                     struct tw_stored *ret_stored);
/* The numbers of the duplicates and conflicts of event n, ascending, at most `limit`. */
int tw_reader_echoes(struct tw_reader *self, struct tw_arena *arena, uint64_t n, size_t limit,
                     const uint64_t **ret_ns, size_t *ret_count);

/* Objects whose identifier is (is_exact) or starts with `prefix`, in order of identifier;
 * identifiers equal to the prefix come first. Also understands "scope/id" and "type:id" and
 * "type:scope/id". `after` continues behind a hit of the last page (its key; absent: from the
 * start). `limit` at most 1,000. */
struct tw_object_hit {
    struct tw_object object;
    struct tw_str key; /* for `after` */
    uint64_t events;
    tw_wall_t first; /* event times */
    tw_wall_t last;
};
int tw_reader_search(struct tw_reader *self, struct tw_arena *arena, struct tw_str prefix,
                     bool is_exact, struct tw_str after, size_t limit,
                     const struct tw_object_hit **ret_hits, size_t *ret_count, bool *ret_more);
/* The hit of exactly this object; TW_ENOTFOUND. */
int tw_reader_object(struct tw_reader *self, struct tw_arena *arena, const struct tw_object *object,
                     struct tw_object_hit *ret_hit);
/* Record numbers of an object, ascending; at most `limit`, *ret_more when there are others. */
int tw_reader_postings(struct tw_reader *self, struct tw_arena *arena,
                       const struct tw_object *object, size_t limit, const uint64_t **ret_ns,
                       size_t *ret_count, bool *ret_more);

/* Records in order of n from `from_n`, those with time in [since, until) and (if object is not
 * NULL) of that object, all kinds; for export and lists. Calls back until it returns other than
 * TW_OK, which is then the result; the row is borrowed for the call, which must not use this
 * reader. Goes on behind damaged blocks and says TW_EDAMAGED at the end. No snapshot is held
 * between rows. */
int tw_reader_scan(struct tw_reader *self, uint64_t from_n, tw_wall_t since, tw_wall_t until,
                   const struct tw_object *object,
                   int (*row)(void *context, const struct tw_stored *stored), void *context);

/* State of the whole. */
struct tw_store_status {
    uint64_t last_n;
    uint64_t first_n;         /* retention edge: records before it are gone */
    tw_wall_t first_received; /* of what is still there */
    tw_wall_t last_received;
    tw_wall_t last_commit; /* when the last batch was closed by intake */
    struct tw_totals totals;
    uint64_t problems[TW_PROBLEM_COUNT];
    uint64_t partitions;
    uint64_t sealed;
    uint64_t bytes;      /* on disk, all files */
    uint64_t free_bytes; /* of the file system */
    uint64_t total_bytes;
    bool is_full;             /* acknowledging has stopped */
    uint64_t quarantine_open; /* entries as tw_reader_quarantine lists them without done ones */
};
int tw_reader_status(struct tw_reader *self, struct tw_store_status *ret_status);
/* Which commit is the newest: as long as two stamps are equal, nothing was committed in between
 * and every answer about records, runs, documents and counters is the same. Cheap: one row. */
struct tw_store_stamp {
    uint64_t file;   /* of the partition that was written last; 0: nothing was ever committed */
    uint64_t number; /* of that partition */
    uint64_t oldest; /* number of the oldest partition: others were expired */
    uint64_t commits;
};
int tw_reader_stamp(struct tw_reader *self, struct tw_store_stamp *ret_stamp);
int tw_reader_taps(struct tw_reader *self, struct tw_arena *arena,
                   const struct tw_tap_state **ret_taps, size_t *ret_count);
/* Sources as of the last checkpoint, by number from `from`; at most limit. */
int tw_reader_sources(struct tw_reader *self, struct tw_arena *arena, uint32_t from, size_t limit,
                      const struct tw_source_state **ret_sources, size_t *ret_count);

struct tw_quarantine_entry {
    uint64_t id;
    struct tw_quarantined entry; /* retry_of: the entry that this one is a part of */
    bool is_done;
    uint64_t done_n;  /* the record it became */
    uint64_t retries; /* times it was tried again and failed as a whole */
};
/* Newest first, ids below `before` (0: from the newest). `reason` none: all. Without with_done:
 * neither solved ones nor those whose parts are entries of their own now. At most 1,000. */
int tw_reader_quarantine(struct tw_reader *self, struct tw_arena *arena, uint64_t before,
                         enum tw_problem_code reason, bool with_done, size_t limit,
                         const struct tw_quarantine_entry **ret_entries, size_t *ret_count);
int tw_reader_quarantine_entry(struct tw_reader *self, struct tw_arena *arena, uint64_t id,
                               struct tw_quarantine_entry *ret_entry);

#endif
