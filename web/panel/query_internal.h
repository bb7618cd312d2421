/* SPDX-License-Identifier: Apache-2.0
 * Between the files that ask for the numbers of a panel. Thread: the reader's. */
#ifndef TW_WEB_PANEL_QUERY_INTERNAL_H
#define TW_WEB_PANEL_QUERY_INTERNAL_H

#include "web/panel/query.h"

/* One query under way. */
struct tw_query {
    struct tw_reader *reader;
    struct tw_arena *arena;
    const struct tw_plot_ask *ask;
    struct tw_plot_data data;
    bool *alive; /* of each bucket; NULL: not asked yet */
    size_t room; /* of data.lines */
    /* Entries of which nothing written means 0 while the tower ran. */
    bool may_be_zero[TW_PANEL_SERIES_MAX];
};

/* The buckets in which the tower ran: some value of its own was written. Settles the buckets. */
int tw_query_alive(struct tw_query *self);
/* A line without points. TW_OK, TW_ENOMEM; earlier lines may move. */
int tw_query_line(struct tw_query *self, struct tw_str name, unsigned tone,
                  struct tw_plot_line **ret_line);
/* ---- burndown.c ---- */
/* What is left of the budget of the objective of the panel, as it was spent since its window began;
 * nothing when there is no document of the objective. */
int tw_query_burndown(struct tw_query *self);

#endif
