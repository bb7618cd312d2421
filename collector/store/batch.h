/* SPDX-License-Identifier: Apache-2.0
 * The message from intake to the store: everything that one transaction changes. Open records,
 * built by the intake thread, const while the writer has them, reset and reused by intake.
 * All pointers point into `arena`, or into memory the intake keeps until the batch comes back.
 */
#ifndef TW_STORE_BATCH_H
#define TW_STORE_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/clock.h"
#include "core/problem.h"
#include "core/str.h"
#include "core/totals.h"
#include "track/track.h"

enum tw_record_kind {
    TW_RECORD_EVENT = 1,     /* first seen */
    TW_RECORD_DUPLICATE = 2, /* of `of`; json absent */
    TW_RECORD_CONFLICT = 3,  /* same identity as `of`, other content; json is the evidence */
};

/* A typed business identifier: exact text. */
struct tw_object {
    uint16_t type;       /* code in the store's dictionary of object types */
    struct tw_str id;    /* 1 to 255 bytes, no NUL */
    struct tw_str scope; /* values of the scope attributes joined by '/', empty when unscoped */
};

/* One line of the journal. Numbered from 1 without holes, in order of receipt. */
struct tw_record {
    uint64_t n;
    enum tw_record_kind kind;
    uint64_t of;        /* duplicates and conflicts: n of the event first seen; else 0 */
    uint64_t effect_of; /* n of an earlier event with the same business effect; 0: none */
    tw_wall_t received;
    tw_wall_t time; /* event time; equals received where has_time is false */
    bool has_time;
    /* How far the clock of the source was behind as far as was known when the event came; negative:
     * ahead; 0: right, or nobody knows. Decided once, by tracking (track/skew.h), so that whoever
     * reads the event takes the same for its true time. */
    int64_t clock_ns;
    /* Why it failed, decided once, by the rules in force when it came (causes/causes.h). NONE: it
     * did not fail, or it was stored before version 4 of partitions and its `errorclass` says it.
     */
    uint8_t cause; /* enum tw_cause */
    uint16_t tap;
    uint32_t source;    /* number of the source (tw_source_state.number) */
    struct tw_str peer; /* at most 255 bytes */
    struct tw_str json;
    const struct tw_object *objects; /* linking and indexed ones, without repeats */
    uint32_t object_count;
};

/* One entry for the identity index: 64-bit keyed hash -> event. */
struct tw_ident {
    uint64_t key;
    uint32_t check; /* hash of the content; 0 for business effects */
    uint64_t n;
};

struct tw_quarantined {
    uint64_t retry_of; /* id of the entry that was tried again and failed again; 0: new */
    uint16_t tap;
    struct tw_str peer;
    tw_wall_t received;
    enum tw_problem_code code;
    int64_t index;
    struct tw_str detail;
    struct tw_str topic;
    struct tw_str headers;
    struct tw_str raw;  /* cut at intake.max_quarantine_bytes */
    uint64_t raw_bytes; /* before the cut */
};

/* An entry that was tried again and is an event (or a duplicate) now. */
struct tw_quarantine_done {
    uint64_t id;
    uint64_t n; /* the record it became */
};

/* A range of missing sequence numbers, both ends included. */
struct tw_gap {
    uint64_t first;
    uint64_t last;
};

/* What is known of one source (CloudEvents `source`). Never goes back by a restart. */
struct tw_source_state {
    uint32_t number; /* dense, from 0, fixed for the life of the store */
    uint16_t tap;    /* last seen on */
    struct tw_str name;
    uint64_t events; /* accepted */
    uint64_t duplicates;
    uint64_t conflicts;
    uint64_t sequence_base;    /* lowest and highest number of the present count; base above */
    uint64_t sequence_highest; /* highest: no number was seen yet */
    uint64_t missing;          /* numbers missing now: the sum of the gaps and of forgotten ones */
    uint64_t forgotten;        /* missing numbers whose gap was given up (max_gap_ranges) */
    uint64_t filled;
    uint64_t rewinds;
    uint64_t unreadable;
    uint64_t out_of_order; /* events whose time is before the latest time seen */
    tw_wall_t first_received;
    tw_wall_t last_received;
    tw_wall_t last_time;    /* highest event time */
    int64_t transit_min_ns; /* smallest received - time lately; negative: its clock is ahead */
    int64_t transit_last_ns;
    double rate;               /* events per second, lately */
    const struct tw_gap *gaps; /* ascending, disjoint */
    uint32_t gap_count;
    bool has_stores;     /* its events name several; then `store` is absent */
    struct tw_str store; /* the one that its events name; absent: none did */
};

/* Counters of one tap; the stored form is the struct's fields in this order. */
struct tw_tap_state {
    uint16_t tap;
    uint64_t messages;
    uint64_t bytes;
    uint64_t events;
    uint64_t quarantined;
    uint64_t acks;
    tw_wall_t last_received; /* 0: never */
};

struct tw_batch {
    struct tw_arena arena;
    struct tw_record *records;
    size_t record_count;
    size_t record_capacity;
    struct tw_ident *idents;
    size_t ident_count;
    size_t ident_capacity;
    struct tw_quarantined *quarantined;
    size_t quarantined_count;
    size_t quarantined_capacity;
    struct tw_quarantine_done *done;
    size_t done_count;
    size_t done_capacity;
    /* the first batch of a new partition; then `sources` holds all sources */
    bool starts_partition;
    uint64_t first_n; /* n of records[0]; what comes next when there are no records */
    tw_wall_t closed; /* when intake handed it over */
    /* absolute values after this batch */
    struct tw_totals totals;
    uint64_t problems[TW_PROBLEM_COUNT]; /* quarantined by reason */
    const struct tw_tap_state *taps;
    size_t tap_count;
    /* source states as they are after this batch; written from time to time (is_checkpoint).
     * After a crash the states are those of the last checkpoint plus the records since. */
    bool is_checkpoint;
    const struct tw_source_state *sources; /* those changed since the last checkpoint */
    size_t source_count;
    /* names of sources first seen in this batch; always written */
    const struct tw_source_state *new_sources;
    size_t new_source_count;
    /* What tracking adds; NULL: nothing. */
    const struct tw_track_changes *track;
    void *intake_private; /* acknowledgements to send after the commit; the store ignores it */
    int commit_result;    /* set by the writer: TW_OK or why it could not be committed */
};

/* Room for one more; a pointer to the new zeroed row, or NULL (out of memory). Grows by
 * doubling; the arrays live as long as the batch. */
struct tw_record *tw_batch_add_record(struct tw_batch *self);
struct tw_ident *tw_batch_add_ident(struct tw_batch *self);
struct tw_quarantined *tw_batch_add_quarantined(struct tw_batch *self);
struct tw_quarantine_done *tw_batch_add_done(struct tw_batch *self);

int tw_batch_new(size_t arena_max_bytes, struct tw_batch **ret_batch);
void tw_batch_destroy(struct tw_batch **self_p);
/* Empty it for reuse; memory is kept. */
void tw_batch_reset(struct tw_batch *self);

#endif
