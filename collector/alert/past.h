/* SPDX-License-Identifier: Apache-2.0
 * A rule tried on the past: the same engine, fed from the series that are kept.
 * Thread:  the reader's; takes as long as the reader's deadline lets it.
 * Limits:  TW_PAST_DAYS_MAX days; TW_PAST_SPANS_MAX times it fired, TW_PAST_SERIES_MAX lines:
 *          further ones are counted. The step is 10 s for up to a day, 60 s beyond.
 * Fails:   as the reader does; TW_EINVAL for a range that is none.
 * Source:  docs/reference/alerts.md, "On the past".
 */
#ifndef TW_ALERT_PAST_H
#define TW_ALERT_PAST_H

#include "alert/engine.h"
#include "store/tracks.h"

#define TW_PAST_DAYS_MAX   35
#define TW_PAST_SPANS_MAX  1000
#define TW_PAST_SERIES_MAX 50
#define TW_PAST_POINTS_MAX 2000

struct tw_past_span {
    struct tw_labels labels;
    int64_t since_s; /* pending from */
    int64_t fired_s;
    int64_t resolved_s; /* 0: it still fires at the end */
    double peak;        /* furthest beyond the threshold */
};
struct tw_past_line {
    struct tw_labels labels;
    double *values; /* NAN: not known */
    double limit;   /* what they are told against, at the end (tw_rule_limit) */
};
struct tw_past {
    int64_t since_s;
    int64_t until_s;
    int32_t step_s;  /* of judging */
    int32_t point_s; /* of the lines */
    size_t point_count;
    const struct tw_past_span *spans; /* in order of firing */
    size_t span_count;
    uint64_t fired; /* all of them */
    const struct tw_past_line *lines;
    size_t line_count;
    uint64_t lines_left_out;
    const char *incomplete; /* why it may not be the whole truth; NULL: it is */
};
/* One rule of `rules`, over [since, until). All borrowed. */
struct tw_past_ask {
    const struct tw_rules *rules;
    const struct tw_rule *rule;
    const struct tw_workflows *workflows;
    int64_t since_s;
    int64_t until_s;
};
/* Results in the arena. */
int tw_past_try(struct tw_reader *reader, struct tw_arena *arena, const struct tw_past_ask *ask,
                struct tw_past *ret_past, struct tw_diag *diag);

#endif
