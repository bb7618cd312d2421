/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/panel/query_internal.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "track/sketch.h"

#define NOTHING    (-1e300) /* lower than all that is known */
#define QUIET_FROM 4        /* with so many lines or less all are shown, also those that lie at 0 */

/* ---- buckets ---- */

/* The finest step that gives no more points than were asked for. */
static int64_t choose_step(const struct tw_plot_ask *ask)
{
    static const int64_t steps[] = {10,   20,   30,   60,    120,   300,   600,   900,
                                    1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800};
    const struct tw_panel *panel = ask->panel;
    int64_t least_s = 10;
    for (size_t i = 0; i < panel->series_count; i++) {
        const struct tw_panel_series *series = &panel->series[i];
        least_s = series->metric->step_s > least_s ? series->metric->step_s : least_s;
        /* A rate over less than its unit, or half a minute, is noise. */
        int64_t quiet_s = series->per_s > 0 ? 60 : 0;
        least_s = quiet_s > least_s ? quiet_s : least_s;
    }
    size_t count = sizeof steps / sizeof steps[0];
    for (size_t i = 0; i < count; i++) {
        int64_t points = (ask->until_s - ask->since_s) / steps[i] + 1;
        if (steps[i] >= least_s && points <= (int64_t)ask->points) {
            return steps[i];
        }
    }
    return steps[count - 1];
}

/* The first reading says which buckets there are; all others must agree. */
static int agree(struct tw_query *self, const struct tw_series_result *result)
{
    struct tw_plot_data *data = &self->data;
    data->is_cut = data->is_cut || result->is_cut;
    if (data->count == 0) {
        data->first_s = result->first_s;
        data->step_s = result->step_s;
        data->count = result->point_count;
        return TW_OK;
    }
    return data->first_s == result->first_s && data->step_s == result->step_s &&
                   data->count == result->point_count
               ? TW_OK
               : TW_EAGAIN;
}

static int read_series(struct tw_query *self, struct tw_str metric, const struct tw_str *names,
                       const struct tw_str *values, size_t count,
                       struct tw_series_result *ret_result)
{
    const struct tw_series_query asked = {
        .metric = metric,
        .label_names = names,
        .label_values = values,
        .label_count = count,
        .since_s = self->ask->since_s,
        .until_s = self->ask->until_s,
        .step_s = self->data.step_s != 0 ? self->data.step_s : choose_step(self->ask),
    };
    int rc = tw_reader_series(self->reader, self->arena, &asked, ret_result);
    return rc == TW_OK ? agree(self, ret_result) : rc;
}

int tw_query_alive(struct tw_query *self)
{
    static const char *const pulses[] = {"open_runs", "watermark_lag"};
    bool *alive = NULL;
    int rc = TW_OK;
    if (self->alive != NULL) {
        return TW_OK;
    }
    for (size_t k = 0; k < 2 && rc == TW_OK; k++) {
        struct tw_series_result result = {0};
        rc = read_series(self, tw_str_of(pulses[k]), NULL, NULL, 0, &result);
        if (rc == TW_OK && alive == NULL) { /* from the first reading on it is known how many */
            alive = tw_arena_zalloc(self->arena, self->data.count + 1);
            rc = alive == NULL ? TW_ENOMEM : TW_OK;
        }
        for (size_t i = 0; rc == TW_OK && i < result.series_count; i++) {
            for (size_t p = 0; p < result.point_count; p++) {
                alive[p] = alive[p] || result.series[i].known[p];
            }
        }
    }
    self->alive = alive;
    return rc;
}

/* ---- lines ---- */

int tw_query_line(struct tw_query *self, struct tw_str name, unsigned tone,
                  struct tw_plot_line **ret_line)
{
    struct tw_plot_data *data = &self->data;
    if (data->line_count == self->room) {
        size_t room = self->room == 0 ? 16 : self->room * 2;
        struct tw_plot_line *grown = tw_arena_zalloc(self->arena, room * sizeof *grown);
        if (grown == NULL) {
            return TW_ENOMEM;
        }
        if (data->line_count > 0) {
            memcpy(grown, data->lines, data->line_count * sizeof *grown);
        }
        data->lines = grown;
        self->room = room;
    }
    struct tw_plot_line *line = &data->lines[data->line_count];
    line->name = tw_arena_copy(self->arena, name);
    line->tone = tone;
    line->values = tw_arena_zalloc(self->arena, (data->count + 1) * sizeof *line->values);
    line->known = tw_arena_zalloc(self->arena, data->count + 1);
    if ((name.ptr != NULL && line->name.ptr == NULL) || line->values == NULL ||
        line->known == NULL) {
        return TW_ENOMEM;
    }
    data->line_count++;
    *ret_line = line;
    return TW_OK;
}

/* The line of a group, from `first` on; a new one when there is none. */
static int group_line(struct tw_query *self, size_t first, struct tw_str name, unsigned tone,
                      struct tw_plot_line **ret_line)
{
    for (size_t i = first; i < self->data.line_count; i++) {
        if (tw_str_equal(self->data.lines[i].name, name)) {
            *ret_line = &self->data.lines[i];
            return TW_OK;
        }
    }
    return tw_query_line(self, name, tone, ret_line);
}

static void join_value(struct tw_plot_line *line, size_t at, enum tw_panel_join join, double value)
{
    double before = line->values[at];
    if (!line->known[at]) {
        line->known[at] = true;
        line->values[at] = value;
    } else if (join == TW_JOIN_SUM) {
        line->values[at] = before + value;
    } else if (join == TW_JOIN_MAX) {
        line->values[at] = value > before ? value : before;
    } else {
        line->values[at] = value < before ? value : before;
    }
}

/* The value of a label, copied; absent when the series has no such label. */
static int label_of(struct tw_query *self, struct tw_str labels, const char *name,
                    struct tw_str *ret_value)
{
    json_t *json = json_loadb(labels.ptr, labels.len, 0, NULL);
    const json_t *value = json_object_get(json, name);
    *ret_value = TW_STR_NULL;
    int rc = TW_OK;
    if (json_is_string(value)) {
        struct tw_str text = {json_string_value(value), json_string_length(value)};
        *ret_value = tw_arena_copy(self->arena, text);
        rc = ret_value->ptr == NULL ? TW_ENOMEM : TW_OK;
    }
    json_decref(json);
    return rc;
}

static int name_of(struct tw_query *self, const struct tw_panel_series *series,
                   struct tw_str labels, struct tw_str *ret_name)
{
    *ret_name = tw_str_of(series->legend != NULL ? series->legend : series->metric->name);
    return series->by == NULL ? TW_OK : label_of(self, labels, series->by, ret_name);
}

/* ---- values and counts ---- */

/* What nobody wrote because there was nothing to write. What is written less often than the tower
 * shows that it runs is not known before its bucket is over and that was committed. */
static int fill_silence(struct tw_query *self, const struct tw_panel_series *series, size_t first)
{
    const struct tw_plot_data *data = &self->data;
    bool is_rare = series->metric->step_s > TW_SERIES_BUCKET_S;
    int rc = tw_query_alive(self);
    for (size_t i = first; rc == TW_OK && i < self->data.line_count; i++) {
        struct tw_plot_line *line = &self->data.lines[i];
        for (size_t p = 0; p < data->count; p++) {
            int64_t end_s = data->first_s + (int64_t)(p + 1) * data->step_s;
            bool is_over = !is_rare || end_s + TW_SERIES_BUCKET_S <= self->ask->now_s;
            line->known[p] = line->known[p] || (self->alive[p] && is_over);
        }
    }
    return rc;
}

static void make_rates(struct tw_query *self, const struct tw_panel_series *series, size_t first)
{
    const struct tw_plot_data *data = &self->data;
    for (size_t i = first; series->per_s > 0 && i < data->line_count; i++) {
        struct tw_plot_line *line = &data->lines[i];
        for (size_t p = 0; p < data->count; p++) {
            int64_t end_s = data->first_s + (int64_t)(p + 1) * data->step_s;
            line->values[p] *= (double)series->per_s / (double)data->step_s;
            line->known[p] = line->known[p] && end_s <= self->ask->now_s;
        }
    }
}

/* The one line of an entry that has a line for each value of a label, where there is none: none of
 * them ever was anything else than 0. */
static int add_every(struct tw_query *self, const struct tw_panel_series *series,
                     struct tw_plot_line **ret_line)
{
    char every[64];
    (void)snprintf(every, sizeof every, "every %.40s", series->by);
    return tw_query_line(self, tw_str_of(every), series->tone, ret_line);
}

static int join_plain(struct tw_query *self, const struct tw_panel_series *series,
                      const struct tw_series_result *result, bool may_be_zero)
{
    size_t first = self->data.line_count;
    struct tw_plot_line *line = NULL;
    int rc = TW_OK;
    if (series->by == NULL) {
        struct tw_str name;
        rc = name_of(self, series, TW_STR_NULL, &name);
        rc = rc == TW_OK ? tw_query_line(self, name, series->tone, &line) : rc;
    } else if (result->series_count == 0 && may_be_zero &&
               self->ask->panel->kind != TW_PANEL_TABLE) {
        rc = add_every(self, series, &line);
    }
    for (size_t i = 0; rc == TW_OK && i < result->series_count; i++) {
        const struct tw_series_values *stored = &result->series[i];
        struct tw_str name;
        rc = name_of(self, series, stored->labels, &name);
        rc = rc == TW_OK ? group_line(self, first, name, series->tone, &line) : rc;
        for (size_t p = 0; rc == TW_OK && p < result->point_count; p++) {
            if (stored->known[p]) {
                join_value(line, p, series->join,
                           (double)stored->values[p] / (double)stored->divisor);
            }
        }
    }
    bool is_filled = series->metric->is_zero_when_silent;
    if (rc == TW_OK && is_filled && (result->series_count > 0 || may_be_zero)) {
        rc = fill_silence(self, series, first);
    }
    make_rates(self, series, first);
    return rc;
}

/* ---- sketches ---- */

/* All sketches of the series with these labels into those of the buckets. */
static int merge_sketches(struct tw_query *self, const struct tw_panel_series *series,
                          struct tw_str labels, struct tw_sketch *buckets)
{
    const struct tw_plot_data *data = &self->data;
    const struct tw_series_sketch *rows = NULL;
    struct tw_sketch one;
    size_t count = 0;
    tw_sketch_init(&one);
    int rc = tw_reader_sketches(self->reader, self->arena, tw_str_of(series->metric->name), labels,
                                data->first_s, data->first_s + (int64_t)data->count * data->step_s,
                                &rows, &count);
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        struct tw_cursor cursor = tw_cursor_of(rows[i].data.ptr, rows[i].data.len);
        int64_t at = (rows[i].minute - data->first_s) / data->step_s;
        rc = tw_sketch_decode(&one, &cursor);
        if (rc == TW_OK && rows[i].minute >= data->first_s && at < (int64_t)data->count) {
            rc = tw_sketch_merge(&buckets[at], &one);
        }
    }
    tw_sketch_fini(&one);
    return rc;
}

static void set_quantile(const struct tw_query *self, const struct tw_sketch *buckets, uint32_t ppm,
                         struct tw_plot_line *line)
{
    for (size_t p = 0; p < self->data.count; p++) {
        int64_t ns = tw_sketch_quantile(&buckets[p], ppm);
        line->known[p] = ns >= 0;
        line->values[p] = (double)ns / (double)TW_NS_PER_S;
    }
}

static int sketch_lines(struct tw_query *self, const struct tw_panel_series *series,
                        const struct tw_sketch *buckets, struct tw_str name)
{
    static const struct {
        const char *name;
        uint32_t ppm;
        unsigned tone;
    } three[] = {{"p50", 500000, TW_TONE_INFO},
                 {"p95", 950000, TW_TONE_NONE},
                 {"p99", 990000, TW_TONE_MUTED}};
    struct tw_plot_line *line = NULL;
    int rc = TW_OK;
    if (series->ppm != 0) {
        rc = tw_query_line(self, name, series->tone, &line);
        if (rc == TW_OK) {
            set_quantile(self, buckets, series->ppm, line);
        }
        return rc;
    }
    for (size_t i = 0; i < 3 && rc == TW_OK; i++) {
        rc = tw_query_line(self, tw_str_of(three[i].name), three[i].tone, &line);
        if (rc == TW_OK) {
            set_quantile(self, buckets, three[i].ppm, line);
        }
    }
    return rc;
}

static void clear_buckets(struct tw_sketch *buckets, size_t count)
{
    for (size_t p = 0; p < count; p++) {
        tw_sketch_clear(&buckets[p]);
    }
}

static bool is_among(const struct tw_str *names, size_t count, struct tw_str name)
{
    size_t i = 0;
    while (i < count && !tw_str_equal(names[i], name)) {
        i++;
    }
    return i < count;
}

/* The series from `first` on that have its name. */
static int join_group(struct tw_query *self, const struct tw_panel_series *series,
                      const struct tw_series_result *result, const struct tw_str *names,
                      size_t first, struct tw_sketch *buckets)
{
    int rc = TW_OK;
    clear_buckets(buckets, self->data.count);
    for (size_t k = first; rc == TW_OK && k < result->series_count; k++) {
        if (tw_str_equal(names[k], names[first])) {
            rc = merge_sketches(self, series, result->series[k].labels, buckets);
        }
    }
    return rc == TW_OK ? sketch_lines(self, series, buckets, names[first]) : rc;
}

/* Group by group, each with its buckets: the series of a group are those of the same name. */
static int join_sketches(struct tw_query *self, const struct tw_panel_series *series,
                         const struct tw_series_result *result)
{
    size_t count = self->data.count;
    struct tw_sketch *buckets = calloc(count + 1, sizeof *buckets);
    struct tw_str *names = tw_arena_zalloc(self->arena, (result->series_count + 1) * sizeof *names);
    int rc = buckets == NULL || names == NULL ? TW_ENOMEM : TW_OK;
    for (size_t p = 0; rc == TW_OK && p < count; p++) {
        tw_sketch_init(&buckets[p]);
    }
    for (size_t i = 0; rc == TW_OK && i < result->series_count; i++) {
        rc = name_of(self, series, result->series[i].labels, &names[i]);
    }
    if (rc == TW_OK && result->series_count == 0 && series->by == NULL) {
        rc = name_of(self, series, TW_STR_NULL, &names[0]);
        rc = rc == TW_OK ? sketch_lines(self, series, buckets, names[0]) : rc;
    }
    for (size_t i = 0; rc == TW_OK && i < result->series_count; i++) {
        rc = is_among(names, i, names[i]) ? TW_OK
                                          : join_group(self, series, result, names, i, buckets);
    }
    for (size_t p = 0; buckets != NULL && p < count; p++) {
        tw_sketch_fini(&buckets[p]);
    }
    free(buckets);
    return rc;
}

/* ---- one entry ---- */

static int ask_series(struct tw_query *self, const struct tw_panel_series *series,
                      bool *ret_may_be_zero)
{
    struct tw_str names[TW_PANEL_WHERE_MAX];
    struct tw_str values[TW_PANEL_WHERE_MAX];
    struct tw_series_result result = {0};
    size_t count = 0;
    bool may_be_zero =
        series->metric
            ->is_zero_when_silent; /* a store that nobody knows is not one in which nothing waits */
    for (size_t i = 0; i < series->where_count; i++) {
        const struct tw_panel_where *where = &series->where[i];
        struct tw_str value =
            where->value != NULL ? tw_str_of(where->value) : self->ask->params[where->param];
        if (value.ptr != NULL) {
            names[count] = tw_str_of(where->label);
            values[count++] = value;
            may_be_zero = may_be_zero && strcmp(where->label, "store") != 0;
        }
    }
    *ret_may_be_zero = may_be_zero;
    int rc = read_series(self, tw_str_of(series->metric->name), names, values, count, &result);
    if (rc != TW_OK) {
        return rc;
    }
    return series->metric->is_sketch ? join_sketches(self, series, &result)
                                     : join_plain(self, series, &result, may_be_zero);
}

/* ---- tables ---- */

static bool has_line(const struct tw_query *self, struct tw_str name, size_t column)
{
    for (size_t i = 0; i < self->data.line_count; i++) {
        const struct tw_plot_line *line = &self->data.lines[i];
        if (line->column == column && tw_str_equal(line->name, name)) {
            return true;
        }
    }
    return false;
}

static void find_newest(struct tw_query *self, size_t entry, size_t first)
{
    const struct tw_panel_series *series = &self->ask->panel->series[entry];
    const struct tw_plot_data *data = &self->data;
    bool is_sum = series->metric->is_count && series->per_s == 0;
    for (size_t i = first; i < data->line_count; i++) {
        struct tw_plot_line *line = &data->lines[i];
        line->column = entry;
        line->newest = 0;
        line->at_s = -1;
        for (size_t p = 0; p < data->count; p++) {
            if (line->known[p]) {
                line->newest = (is_sum ? line->newest : 0) + line->values[p];
                line->at_s = data->first_s + (int64_t)(p + 1) * data->step_s;
            }
        }
        line->at_s = line->at_s > self->ask->now_s ? self->ask->now_s : line->at_s;
    }
}

static int compare_names(struct tw_str a, struct tw_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len == 0 ? 0 : memcmp(a.ptr, b.ptr, len);
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

static int by_row(const void *left, const void *right)
{
    const struct tw_plot_line *a = left;
    const struct tw_plot_line *b = right;
    int order = compare_names(a->name, b->name);
    return order != 0 ? order : (a->column > b->column) - (a->column < b->column);
}

/* The worst first, by `peak`; the lines of a row together. */
static int by_worst(const void *left, const void *right)
{
    const struct tw_plot_line *a = left;
    const struct tw_plot_line *b = right;
    int order = (a->peak < b->peak) - (a->peak > b->peak);
    return order != 0 ? order : by_row(left, right);
}

/* Rows in order: how bad a row is, its first column says; of join `min` the lowest is worst. */
static void rank_rows(struct tw_query *self)
{
    struct tw_plot_data *data = &self->data;
    bool is_low_worst = self->ask->panel->series[0].join == TW_JOIN_MIN;
    size_t rows = 0;
    size_t kept = 0;
    if (data->line_count == 0) {
        return;
    }
    qsort(data->lines, data->line_count, sizeof *data->lines, by_row);
    for (size_t i = 0; i < data->line_count; i++) {
        struct tw_plot_line *line = &data->lines[i];
        bool is_first = i == 0 || !tw_str_equal(line->name, data->lines[i - 1].name);
        double worth = is_low_worst ? -line->newest : line->newest;
        double silent = self->may_be_zero[0] ? 0 : NOTHING;
        line->peak = !is_first           ? data->lines[i - 1].peak
                     : line->column != 0 ? silent
                     : line->at_s >= 0   ? worth
                                         : NOTHING;
    }
    qsort(data->lines, data->line_count, sizeof *data->lines, by_worst);
    for (size_t i = 0; i < data->line_count; i++) {
        bool is_first = i == 0 || !tw_str_equal(data->lines[i].name, data->lines[i - 1].name);
        rows += is_first ? 1 : 0;
        kept = rows <= TW_PANEL_ROWS_MAX ? i + 1 : kept;
    }
    data->left_out = rows > TW_PANEL_ROWS_MAX ? rows - TW_PANEL_ROWS_MAX : 0;
    data->line_count = kept;
}

/* Cells of rows that are shown, and of which nothing was written, are 0 where that is known. */
static int fill_cells(struct tw_query *self)
{
    const struct tw_panel *panel = self->ask->panel;
    size_t count = self->data.line_count;
    int rc = TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        const struct tw_str name = self->data.lines[i].name;
        double peak = self->data.lines[i].peak;
        for (size_t column = 0; column < panel->series_count && rc == TW_OK; column++) {
            size_t first = self->data.line_count;
            struct tw_plot_line *line = NULL;
            if (!self->may_be_zero[column] || panel->series[column].by == NULL ||
                has_line(self, name, column)) {
                continue;
            }
            rc = tw_query_line(self, name, panel->series[column].tone, &line);
            rc = rc == TW_OK ? fill_silence(self, &panel->series[column], first) : rc;
            if (rc == TW_OK) {
                find_newest(self, column, first);
                line->peak = peak;
            }
        }
    }
    return rc;
}

static int make_table(struct tw_query *self)
{
    const struct tw_panel *panel = self->ask->panel;
    struct tw_plot_line *line = NULL;
    int rc = TW_OK;
    if (self->data.line_count == 0 && self->may_be_zero[0] && panel->series[0].by != NULL) {
        rc = add_every(self, &panel->series[0], &line);
        rc = rc == TW_OK ? fill_silence(self, &panel->series[0], 0) : rc;
        if (rc == TW_OK) {
            find_newest(self, 0, 0);
        }
    }
    if (rc == TW_OK) {
        rank_rows(self);
        rc = fill_cells(self);
    }
    if (rc == TW_OK && self->data.line_count > 0) {
        qsort(self->data.lines, self->data.line_count, sizeof *self->data.lines, by_worst);
    }
    return rc;
}

/* ---- the panel ---- */

static void find_peaks(struct tw_plot_data *data)
{
    for (size_t i = 0; i < data->line_count; i++) {
        struct tw_plot_line *line = &data->lines[i];
        line->peak = -1e300;
        for (size_t p = 0; p < data->count; p++) {
            bool is_higher = line->known[p] && line->values[p] > line->peak;
            line->peak = is_higher ? line->values[p] : line->peak;
        }
    }
}

static bool is_quiet(const struct tw_plot_data *data, const struct tw_plot_line *line)
{
    for (size_t p = 0; p < data->count; p++) {
        if (line->known[p] && (line->values[p] > 0 || line->values[p] < 0)) {
            return false;
        }
    }
    return true;
}

/* Of many groups those in which nothing was are left away: unless nothing was in any. */
static void drop_quiet(struct tw_plot_data *data)
{
    size_t kept = 0;
    for (size_t i = 0; data->line_count > QUIET_FROM && i < data->line_count; i++) {
        if (!is_quiet(data, &data->lines[i])) {
            data->lines[kept++] = data->lines[i];
        }
    }
    data->line_count = kept > 0 ? kept : data->line_count;
}

/* Of too many lines those that reach highest, in the order they are in. */
static void keep_highest(struct tw_plot_data *data)
{
    while (data->line_count > TW_PANEL_GROUPS_MAX) {
        size_t lowest = 0;
        for (size_t i = 1; i < data->line_count; i++) {
            lowest = data->lines[i].peak < data->lines[lowest].peak ? i : lowest;
        }
        memmove(&data->lines[lowest], &data->lines[lowest + 1],
                (data->line_count - lowest - 1) * sizeof *data->lines);
        data->line_count--;
        data->left_out++;
    }
}

static int check_params(const struct tw_plot_ask *ask, struct tw_diag *diag)
{
    for (unsigned i = 0; i < TW_PARAM_COUNT; i++) {
        bool is_needed = (ask->panel->params & (1u << i)) != 0;
        if (is_needed && ask->params[i].len == 0) {
            return tw_diag_set(diag, TW_EINVAL, "'%s' is missing: %s is about one of them",
                               tw_panel_param_name((enum tw_panel_param)i), ask->panel->id);
        }
    }
    return TW_OK;
}

int tw_panel_query(struct tw_reader *reader, struct tw_arena *arena, const struct tw_plot_ask *ask,
                   struct tw_plot_data *ret_data, struct tw_diag *diag)
{
    struct tw_query self = {.reader = reader, .arena = arena, .ask = ask};
    self.data.since_s = ask->since_s;
    self.data.until_s = ask->until_s;
    int rc = check_params(ask, diag);
    bool is_burndown = ask->panel->kind == TW_PANEL_BURNDOWN;
    rc = rc == TW_OK && is_burndown ? tw_query_burndown(&self) : rc;
    for (size_t i = 0; rc == TW_OK && !is_burndown && i < ask->panel->series_count; i++) {
        size_t first = self.data.line_count;
        rc = ask_series(&self, &ask->panel->series[i], &self.may_be_zero[i]);
        if (rc == TW_OK && ask->panel->kind == TW_PANEL_TABLE) {
            find_newest(&self, i, first);
        }
    }
    if (rc == TW_OK && ask->panel->kind == TW_PANEL_TABLE) {
        rc = make_table(&self);
        *ret_data = self.data;
    } else if (rc == TW_OK) {
        find_peaks(&self.data);
        drop_quiet(&self.data);
        keep_highest(&self.data);
        *ret_data = self.data;
    }
    return rc;
}
