/* SPDX-License-Identifier: Apache-2.0
 * What the tests of tracking's store share: random changes, a naive model of all that was
 * committed, and comparisons of every answer of store/tracks.h with it. Thread: one test.
 */
#ifndef TW_TESTS_TRACK_KIT_H
#define TW_TESTS_TRACK_KIT_H

#include "store_kit.h"

#include "store/tracks.h"

#define TK_START_S    INT64_C(1795200000) /* a whole day */
#define TK_RUNS       400
#define TK_SERIES     24
#define TK_OBJECTIVES 3
#define TK_LIVE       8
#define TK_ROWS_MAX   200000

struct tk_run {
    bool exists;
    uint32_t partition; /* where its newest row is */
    struct tw_run_row row;
};

struct tk_series {
    uint32_t number; /* in this process */
    enum tw_series_kind kind;
    char metric[16];
    char labels[96];
};

struct tk_point {
    uint32_t series;
    int64_t bucket;
    int64_t value;
};

struct tk_sketch {
    uint32_t series;
    int64_t minute;
    char data[24];
};

/* The model, and the changes of the batch under way. */
struct tk {
    struct kit kit;
    uint32_t partition;
    bool is_new_process; /* names are announced with the next batch */
    struct tw_arena texts;
    struct tk_run runs[TK_RUNS];
    struct tk_series series[TK_SERIES];
    struct tk_point *points;
    size_t point_count;
    struct tk_sketch *sketches;
    size_t sketch_count;
    struct tw_spend *spends;
    size_t spend_count;
    struct tw_decision *decisions;
    size_t decision_count;
    char live[TK_LIVE][32]; /* json; "": none */
    struct tw_track_changes changes;
};

void tk_init(struct tk *self, uint64_t seed);
void tk_fini(struct tk *self);
void tk_open(struct tk *self);
/* Close and open: a new process, which numbers its series anew. */
void tk_restart(struct tk *self);
/* Commit a batch of random changes. */
void tk_commit(struct tk *self, bool starts_partition);
/* Make the changes of a batch without committing them: kit.batch is ready. */
void tk_fill(struct tk *self, bool starts_partition);
void tk_keeper(struct tk *self);
/* Every answer of a reader is what the model has: `thorough` asks everything. */
void tk_check(struct tk *self, struct tw_reader *reader, bool thorough);
void tk_check_series(struct tk *self, struct tw_reader *reader, int64_t since_s, int64_t until_s,
                     int64_t step_s);
struct tw_reader *tk_reader(struct tk *self);

#endif
