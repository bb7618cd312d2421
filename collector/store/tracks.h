/* SPDX-License-Identifier: Apache-2.0
 * Reading what tracking committed: runs, series, spending, live documents.
 * Thread, limits and failures as store/reader.h; results live in the arena that the caller gives.
 * Series are kept with 10 s buckets in their partition; the keeper adds finished partitions to the
 * archive (`series.db`: 10 s for a day, 1 min for 35 days, 1 h for 400 days; sketches and decisions
 * for 35 days, spending for 400) and readers add up both, each row once whatever the keeper does
 * meanwhile. An archive that cannot be used: TW_EDAMAGED, TW_EFOREIGN, TW_ENEWER from what needs it
 * (series, sketches, spending, decisions), TW_EIO when it is ahead of the store; the rest works.
 */
#ifndef TW_STORE_TRACKS_H
#define TW_STORE_TRACKS_H

#include "store/reader.h"
#include "track/track.h"

/* A live document as of the last commit. TW_ENOTFOUND. */
int tw_reader_live(struct tw_reader *self, struct tw_arena *arena, struct tw_str key,
                   struct tw_str *ret_json);
/* All documents whose key begins with prefix, ordered by key; at most limit. */
int tw_reader_live_list(struct tw_reader *self, struct tw_arena *arena, struct tw_str prefix,
                        size_t limit, const struct tw_live **ret_items, size_t *ret_count);

/* Which runs; absent texts and NULLs: all. */
struct tw_run_filter {
    struct tw_str workflow;
    struct tw_str step;
    struct tw_str system;
    struct tw_str store;
    struct tw_str region;
    const enum tw_run_state *state;
    const enum tw_cause *cause;
    bool open_only;      /* not finished */
    tw_wall_t since;     /* finished, or still open, at or after; 0: no bound */
    tw_wall_t until;     /* started before; 0: no bound */
    struct tw_str after; /* continue behind this row (its key) */
    size_t limit;        /* at most 1,000 */
};
struct tw_run_hit {
    struct tw_run_row row;
    struct tw_str key; /* for `after` */
};
/* Longest waiting first (by since, then workflow, object type, scope, id). *ret_total: how many
 * there are with this filter (ignoring after and limit); NULL: not asked, which is quicker. A run
 * that is in several partitions counts as its newest row says; one that was open when a partition
 * ended and is not in the next was given up, and is not listed. TW_ESYNTAX: `after` is no key. */
int tw_reader_runs(struct tw_reader *self, struct tw_arena *arena,
                   const struct tw_run_filter *filter, const struct tw_run_hit **ret_hits,
                   size_t *ret_count, bool *ret_more, uint64_t *ret_total);
/* The row of one run; TW_ENOTFOUND. */
int tw_reader_run(struct tw_reader *self, struct tw_arena *arena, struct tw_str workflow,
                  const struct tw_object *object, struct tw_run_row *ret_row);

struct tw_series_query {
    struct tw_str metric;
    const struct tw_str *label_names; /* all of these must match; further labels are free */
    const struct tw_str *label_values;
    size_t label_count;
    int64_t since_s; /* inclusive, rounded down to the step */
    int64_t until_s; /* exclusive */
    int64_t
        step_s; /* 0: chosen so that at most 1,000 points result: 10, 60 or 3,600, or a multiple */
};
struct tw_series_values {
    struct tw_str labels; /* JSON object */
    int64_t divisor;
    enum tw_series_kind kind;
    const int64_t *values; /* point_count of them */
    const bool *known;     /* false: nothing is known of that bucket: no point of it was written */
};
struct tw_series_result {
    int64_t first_s; /* of the first point */
    int64_t step_s;
    size_t point_count;
    const struct tw_series_values *series;
    size_t series_count;
    bool is_cut; /* more series or points than the limits */
};
/* Ordered by labels; at most 1,000 series, and 10,000 points when a step was asked for. A step that
 * is not kept any more for since_s becomes the next coarser one that is: result.step_s says.
 * Buckets are whole: the last one may reach beyond until_s. */
int tw_reader_series(struct tw_reader *self, struct tw_arena *arena,
                     const struct tw_series_query *asked, struct tw_series_result *ret_result);
/* The encoded sketches of the series with exactly these labels, by minute ascending; since_s is
 * rounded down to a minute. More than 100,000: TW_ELIMIT. */
int tw_reader_sketches(struct tw_reader *self, struct tw_arena *arena, struct tw_str metric,
                       struct tw_str labels, int64_t since_s, int64_t until_s,
                       const struct tw_series_sketch **ret_items, size_t *ret_count);

enum tw_spend_by { TW_SPEND_BY_CAUSE, TW_SPEND_BY_SYSTEM, TW_SPEND_BY_STORE };
struct tw_spend_sum {
    struct tw_str what; /* the cause's word, the system or the store */
    int64_t bad;
};
/* What spent the budget in the hours that begin in [since, until), since rounded down to an hour;
 * most first, at most limit, without those that are 0. */
int tw_reader_spend(struct tw_reader *self, struct tw_arena *arena, struct tw_str objective,
                    enum tw_spend_by by, int64_t since_s, int64_t until_s, size_t limit,
                    const struct tw_spend_sum **ret_sums, size_t *ret_count);
/* Decisions per minute of an objective in [since, until), since rounded down to a minute;
 * ascending, minutes without any, or with all of them taken back, left out. More than 200,000 rows:
 * TW_ELIMIT.
 */
int tw_reader_decisions(struct tw_reader *self, struct tw_arena *arena, struct tw_str objective,
                        int64_t since_s, int64_t until_s, const struct tw_decision **ret_items,
                        size_t *ret_count);

/* Definitions that runs were or are under. TW_ENOTFOUND. */
int tw_reader_workflow_text(struct tw_reader *self, struct tw_arena *arena, struct tw_str workflow,
                            uint64_t version, struct tw_str *ret_yaml);

#endif
