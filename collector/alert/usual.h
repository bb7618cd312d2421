/* SPDX-License-Identifier: Apache-2.0
 * What is usual: the mean of the same hour of the week, over the five weeks before. Hours of the
 * week are those that the clock of the stores shows (track.timezone): where that changes, what is
 * usual moves with it. Nobody knows at which minute of an hour trade begins or ends. So the hours
 * beside it count too: where too little is looked for, the one of the three of which least is
 * usual, and where too much is, that of which most is. Hours in which the tower did not run are
 * left out, and so are the latest: what goes on in them is what is judged. Of less than a week
 * nothing is known.
 * Thread:  the reader's; takes as long as its deadline lets it.
 * Limits:  as tw_reader_series: 1,000 series of a rule; what is beyond is said.
 * Source:  docs/reference/alert-rules.md, "share-of-usual".
 */
#ifndef TW_ALERT_USUAL_H
#define TW_ALERT_USUAL_H

#include "alert/engine.h"
#include "store/tracks.h"

#define TW_USUAL_WEEKS 5
/* The longest window, the hour before it, that at hand, and an hour of the summer. */
#define TW_USUAL_LATEST_H 9

/* One combination of the `by` labels of a rule. */
struct tw_usual_group {
    struct tw_labels labels; /* those of `by`, as the engine wants them */
    double *sums;            /* an hour each; NAN: not known */
};
/* What a rule measured, hour by hour. */
struct tw_usual {
    int64_t first_s;
    size_t hour_count;
    bool *ran; /* the tower, at some time of the hour */
    struct tw_usual_group *groups;
    size_t group_count;
    bool is_cut;    /* more series than can be read */
    bool is_above;  /* too much is looked for */
    uint8_t *shown; /* by the clock, of each hour: 0 to 167 */
    const struct tw_zone *zone;
};
/* One rule, and the hours that lie in [since, until). Borrowed. */
struct tw_usual_ask {
    const struct tw_rule *rule;
    const struct tw_zone *zone; /* of its set; NULL: UTC */
    int64_t since_s;
    int64_t until_s;
};

/* How far before a time that is judged reading must begin. */
#define TW_USUAL_BEFORE_S ((TW_USUAL_WEEKS * TW_USUAL_HOURS + TW_USUAL_LATEST_H) * INT64_C(3600))
/* For tw_usual_hours of a time up to `until`. Results in the arena; borrows the zone for as long.
 * Fails as the reader does. */
int tw_usual_read(struct tw_reader *reader, struct tw_arena *arena, const struct tw_usual_ask *ask,
                  struct tw_usual *ret_usual);
/* What is usual at this time, of the hours that were over then: for each hour of the week in UTC,
 * that of which is the nearest to this time. False: less than a week is known; then all of them are
 * NAN. */
bool tw_usual_hours(const struct tw_usual *self, size_t group, int64_t at_s,
                    double ret_hours[TW_USUAL_HOURS]);
/* Tell an engine what is usual at this time, for each of its rules that asks for it. To be called
 * when it begins and whenever an hour is over. */
int tw_usual_tell(struct tw_reader *reader, struct tw_engine *engine, int64_t at_s);

/* Whether the tower ran, in steps from first_s on: it wrote how much is open, or how far behind it
 * is. `step_s` is what was asked for or, where no such step is kept, a coarser one. */
struct tw_ran {
    int64_t first_s;
    int64_t step_s;
    bool *items;
    size_t count;
};
int tw_ran_read(struct tw_reader *reader, struct tw_arena *arena, int64_t since_s, int64_t until_s,
                int64_t step_s, struct tw_ran *ret_ran);
/* The series that a measure looks at. */
int tw_measure_read(struct tw_reader *reader, struct tw_arena *arena,
                    const struct tw_measure *measure, struct tw_series_query *span,
                    struct tw_series_result *ret_result);

#endif
