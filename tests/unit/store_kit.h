/* SPDX-License-Identifier: Apache-2.0
 * What the tests of the store share: a store in a temporary directory, random batches, and a model
 * of all that was committed, against which the files are compared whole.
 * Thread: one test.
 */
#ifndef TW_TESTS_STORE_KIT_H
#define TW_TESTS_STORE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/internal.h"
#include "store/store.h"

#define KIT_SOURCES 12
#define KIT_TAPS    3

/* Builds in which a case may take fewer of many like places: they are about the build. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define KIT_IS_SLOW 1
#else
#define KIT_IS_SLOW 0
#endif

struct kit {
    char dir[128];
    struct tw_cfg cfg;
    struct tw_clock_manual clock;
    bool has_threads; /* the store gets the system's clock: a manual one is for one thread */
    struct tw_store *store;
    struct tw_diag diag;
    uint64_t seed;
    /* the model: what is committed */
    struct tw_arena arena;
    struct tw_record *records; /* [n - 1] */
    size_t record_count;
    size_t record_capacity;
    struct tw_totals totals;
    uint64_t problems[TW_PROBLEM_COUNT];
    struct tw_tap_state taps[KIT_TAPS];
    bool source_known[KIT_SOURCES];
    bool source_checked[KIT_SOURCES]; /* has a state in the last checkpoint */
    struct tw_source_state sources[KIT_SOURCES];
    uint64_t checkpoint_n;
    struct tw_batch *batch;
};

void kit_init(struct kit *self, uint64_t seed);
void kit_fini(struct kit *self); /* closes, removes the directory */
uint64_t kit_rnd(struct kit *self, uint64_t below);

/* The result; the diag is in self->diag. */
int kit_open(struct kit *self);
void kit_close(struct kit *self);
/* Path of a file in the store's directory, borrowed until the next call. */
const char *kit_path(const struct kit *self, const char *name);

/* Fill self->batch with `count` random records behind those committed. */
void kit_fill(struct kit *self, size_t count, bool starts_partition);
/* Note that self->batch is committed. */
void kit_accept(struct kit *self);
/* Fill, commit, accept; must succeed. */
void kit_commit(struct kit *self, size_t count, bool starts_partition);

/* tw_store_recover gives what the model has. */
void kit_check_recovery(struct kit *self);
/* Every record of every partition file in `dir` (this store's own: NULL) from first_n on is what
 * the model has, and nothing else; returns how many there were. `stripped`: json differs. */
size_t kit_check_records(struct kit *self, const char *dir, bool stripped);
/* The index of every partition has exactly the objects of the model's records. */
void kit_check_index(struct kit *self);
void kit_check_record(const struct tw_record *a, const struct tw_record *b);

/* One number from a partition or the catalogue. */
int64_t kit_number(const struct kit *self, const char *name, const char *sql);
void kit_remove_tree(const char *dir);
/* Copy the files of a directory into another, which is made or emptied. */
void kit_copy_tree(const char *from, const char *to);
uint64_t kit_tree_hash(const char *dir);

#endif
