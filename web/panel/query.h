/* SPDX-License-Identifier: Apache-2.0
 * The numbers of a panel: its series read from the store, filtered, grouped and joined as the panel
 * says, all on the same buckets of time.
 *  - A bucket of which nothing is known is a gap. Where nothing was written because nothing
 *    happened (counts, and values before their first) it is 0, as long as the tower ran then: some
 *    value of `open_runs` or `watermark_lag` is in that bucket.
 *  - A rate has no value in a bucket that has not ended: it would seem to fall.
 * Thread: the reader's. Limits: TW_PANEL_GROUPS_MAX lines, TW_PANEL_ROWS_MAX rows of a table, whose
 * lines stand together; those of the reader.
 * Fails:  as the reader does, with its deadline; results live in the arena.
 */
#ifndef TW_WEB_PANEL_QUERY_H
#define TW_WEB_PANEL_QUERY_H

#include "store/tracks.h"
#include "web/panel/panels.h"

#define TW_PLOT_POINTS_MIN 2
#define TW_PLOT_POINTS_MAX 2000
/* Rows of a table: the worst are shown. */
#define TW_PANEL_ROWS_MAX 200
/* Points that are read for a table: the newest counts. */
#define TW_PANEL_ROW_POINTS 100

struct tw_plot_ask {
    const struct tw_panel *panel;         /* without fault */
    struct tw_str params[TW_PARAM_COUNT]; /* absent: not given */
    int64_t since_s;
    int64_t until_s;
    int64_t now_s;
    size_t points; /* at most so many; TW_PLOT_POINTS_MIN to _MAX */
};

struct tw_plot_line {
    struct tw_str name; /* any bytes: it may come from an event */
    unsigned tone;      /* enum tw_panel_tone */
    double *values;
    bool *known;
    double peak; /* the highest known value; -1e300: none is known */
    /* Tables: */
    size_t column; /* index of its entry among those of the panel */
    double newest; /* of counts that are no rates: the sum of all */
    int64_t at_s;  /* the end of the bucket it is of; -1: nothing is known */
};

struct tw_plot_data {
    int64_t since_s; /* as asked */
    int64_t until_s;
    int64_t first_s; /* begin of the first bucket */
    int64_t step_s;
    size_t count; /* buckets */
    struct tw_plot_line *lines;
    size_t line_count;
    size_t left_out; /* groups for which there was no place */
    bool is_cut;     /* the store had more than it gives at once */
};

/* TW_EINVAL with a diag when a parameter is missing; errors of the reader; TW_EAGAIN when the
 * store changed its steps meanwhile; TW_ENOMEM. */
int tw_panel_query(struct tw_reader *reader, struct tw_arena *arena, const struct tw_plot_ask *ask,
                   struct tw_plot_data *ret_data, struct tw_diag *diag);

#endif
