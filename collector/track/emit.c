/* SPDX-License-Identifier: Apache-2.0
 * The changes of a batch. Counts (SUM) go out with the batch that caused them, since they are
 * added up; what replaces (LAST, sketches, rows, documents) goes out with ticks, and once more
 * after a restart does no harm. */
#include "config.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "track/emit.h"

#define MINUTE_S       60
#define MINUTE_NS      (MINUTE_S * TW_NS_PER_S)
#define SKETCH_BYTES   ((size_t)64 << 10)
#define SNAPSHOT_BYTES ((size_t)16 << 30)

int tw_series_add(struct tw_tracker *self, const struct tw_series_info *info, uint32_t *ret_series)
{
    if (self->series_count == self->series_capacity) {
        size_t capacity = self->series_capacity == 0 ? 256 : self->series_capacity * 2;
        struct tw_series_info *series = realloc(self->series, capacity * sizeof *series);
        if (series == NULL) {
            return TW_ENOMEM;
        }
        self->series = series;
        self->series_capacity = capacity;
    }
    *ret_series = (uint32_t)self->series_count;
    self->series[self->series_count++] = *info;
    self->unannounced++;
    return TW_OK;
}

static int series_of(struct tw_tracker *self, const struct tw_series_title *title,
                     uint32_t *series_p)
{
    if (*series_p != TW_TRACK_NONE) {
        return TW_OK;
    }
    json_t *labels = json_object();
    for (size_t i = 0; i < TW_METRIC_LABELS && title->name[i] != NULL; i++) {
        json_t *value = json_string(title->value[i]);
        (void)json_object_set_new(labels, title->name[i], value != NULL ? value : json_string("?"));
    }
    const struct tw_series_info info = {
        .kind = title->kind,
        .divisor = title->divisor,
        .metric = title->metric,
        .labels = json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS),
    };
    json_decref(labels);
    return info.labels == NULL ? TW_ENOMEM : tw_series_add(self, &info, series_p);
}

static int add_point(struct tw_emission *self, struct tw_gauge *gauge,
                     const struct tw_series_title *title, int64_t bucket, int64_t value)
{
    int rc = series_of(self->tracker, title, &gauge->series);
    if (rc == TW_OK) {
        TW_ASSERT(self->point_count < self->point_room);
        self->points[self->point_count++] = (struct tw_series_point){gauge->series, bucket, value};
    }
    return rc;
}

int tw_emit_sum(struct tw_emission *self, struct tw_gauge *gauge,
                const struct tw_series_title *title)
{
    int64_t value = gauge->value;
    gauge->value = 0;
    return value == 0 ? TW_OK : add_point(self, gauge, title, self->bucket, value);
}

int tw_emit_last(struct tw_emission *self, struct tw_gauge *gauge,
                 const struct tw_series_title *title, int64_t value)
{
    if (self->last_value < 0 || (value == 0 && !gauge->is_known)) {
        return TW_OK;
    }
    gauge->is_known = true;
    return add_point(self, gauge, title, self->last_value, value);
}

int tw_emit_sparse(struct tw_emission *self, struct tw_gauge *gauge,
                   const struct tw_series_title *title, int64_t value)
{
    bool is_news = value != 0 || (gauge->is_known && gauge->value != 0);
    if (!is_news || self->last_value < 0) {
        return TW_OK;
    }
    gauge->is_known = true;
    gauge->value = value;
    return add_point(self, gauge, title, self->last_value, value);
}

/* --- what there is to say --------------------------------------------------------------------- */

#define STEP_TITLE(title_kind, title_divisor, title_metric)                         \
    {                                                                               \
        .kind = (title_kind), .divisor = (title_divisor), .metric = (title_metric), \
        .name = {"step", "workflow"}, .value = {                                    \
            step->name,                                                             \
            stats->name                                                             \
        }                                                                           \
    }

static int emit_step(struct tw_emission *self, uint32_t flow, uint32_t index)
{
    struct tw_flow_stats *stats = &self->tracker->stats[flow];
    struct tw_step_stats *step = &stats->steps[index];
    const struct tw_series_title done = STEP_TITLE(TW_SERIES_SUM, 1, "step_done");
    const struct tw_series_title failed = STEP_TITLE(TW_SERIES_SUM, 1, "step_failed");
    const struct tw_series_title waiting = STEP_TITLE(TW_SERIES_LAST, 1, "step_waiting");
    const struct tw_series_title overdue = STEP_TITLE(TW_SERIES_LAST, 1, "step_overdue");
    const struct tw_series_title oldest =
        STEP_TITLE(TW_SERIES_LAST, TW_NS_PER_S, "step_oldest_age");
    int rc = tw_emit_sum(self, &step->done_sum, &done);
    rc = rc == TW_OK ? tw_emit_sum(self, &step->failed_sum, &failed) : rc;
    if (rc != TW_OK || self->last_value < 0) {
        return rc;
    }
    rc =
        tw_emit_last(self, &step->waiting_last, &waiting, (int64_t)(step->waiting + step->overdue));
    rc = rc == TW_OK ? tw_emit_last(self, &step->overdue_last, &overdue, (int64_t)step->overdue)
                     : rc;
    return rc == TW_OK ? tw_emit_last(self, &step->oldest_last, &oldest,
                                      tw_deadlines_oldest(self->tracker, flow, index))
                       : rc;
}

static struct tw_series_title region_title(const struct tw_emission *self,
                                           const struct tw_flow_stats *stats, size_t row,
                                           enum tw_series_kind kind, const char *metric)
{
    return (struct tw_series_title){
        .kind = kind,
        .divisor = 1,
        .metric = metric,
        .name = {"region", "workflow"},
        .value = {tw_regions_name(self->tracker, stats, row), stats->name},
    };
}

static int emit_region_sums(struct tw_emission *self, struct tw_flow_stats *stats)
{
    int rc = TW_OK;
    for (size_t i = 0; i < TW_TRACK_REGION_FIRST + stats->region_count && rc == TW_OK; i++) {
        struct tw_region_stats *row = &stats->regions[i];
        struct tw_series_title title = region_title(self, stats, i, TW_SERIES_SUM, "region_done");
        rc = tw_emit_sum(self, &row->done_sum, &title);
        title.metric = "region_failed";
        rc = rc == TW_OK ? tw_emit_sum(self, &row->failed_sum, &title) : rc;
    }
    return rc;
}

static int emit_flow(struct tw_emission *self, uint32_t flow)
{
    struct tw_flow_stats *stats = &self->tracker->stats[flow];
    struct tw_series_title title = {.kind = TW_SERIES_SUM,
                                    .divisor = 1,
                                    .metric = "runs_started",
                                    .name = {"workflow"},
                                    .value = {stats->name}};
    int rc = tw_emit_sum(self, &stats->started_sum, &title);
    title.metric = "runs_done";
    rc = rc == TW_OK ? tw_emit_sum(self, &stats->done_sum, &title) : rc;
    title.metric = "runs_failed";
    rc = rc == TW_OK ? tw_emit_sum(self, &stats->failed_sum, &title) : rc;
    rc = rc == TW_OK ? emit_region_sums(self, stats) : rc;
    for (uint32_t i = 0; i < stats->step_count && rc == TW_OK; i++) {
        rc = emit_step(self, flow, i);
    }
    return rc;
}

static int64_t scaled(double value)
{
    return isfinite(value) ? (int64_t)(value * 1e6) : 0;
}

static int emit_objective(struct tw_emission *self, struct tw_objective_stats *row)
{
    struct tw_series_title title = {.kind = TW_SERIES_SUM,
                                    .divisor = 1,
                                    .metric = "objective_good",
                                    .name = {"objective"},
                                    .value = {row->name}};
    int rc = tw_emit_sum(self, &row->good_sum, &title);
    title.metric = "objective_bad";
    rc = rc == TW_OK ? tw_emit_sum(self, &row->bad_sum, &title) : rc;
    if (rc != TW_OK || self->last_value < 0) {
        return rc;
    }
    struct tw_budget_view view;
    tw_budget_view(row->budget, row->undecided, &view);
    title.kind = TW_SERIES_LAST;
    title.metric = "objective_undecided";
    rc = tw_emit_last(self, &row->undecided_last, &title, row->undecided);
    title.divisor = 1000000;
    title.metric = "objective_budget_remaining";
    if (rc == TW_OK && view.has_data) {
        row->remaining_last.is_known = true;
        rc = tw_emit_last(self, &row->remaining_last, &title, scaled(view.remaining));
    }
    for (size_t i = 0; i < TW_BURN_WINDOW_COUNT && rc == TW_OK; i++) {
        row->burn_last[i].is_known = row->burn_last[i].is_known || view.has_data;
        title.metric = "objective_burn";
        title.name[0] = "objective";
        title.name[1] = "window";
        title.value[1] = tw_burn_window_name((enum tw_burn_window)i);
        rc = tw_emit_last(self, &row->burn_last[i], &title, scaled(view.burn[i]));
    }
    return rc;
}

/* How far behind the tower is. */
static int emit_tower(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    struct tw_series_title title = {.kind = TW_SERIES_LAST, .divisor = 1, .metric = "open_runs"};
    tracker->open_last.is_known = true; /* also 0: a sign that the tower ran */
    int rc = tw_emit_last(self, &tracker->open_last, &title, (int64_t)tracker->open_runs);
    title.divisor = TW_NS_PER_S;
    title.metric = "watermark_lag";
    title.name[0] = "system";
    for (uint32_t i = 1; i <= tracker->systems.count && rc == TW_OK; i++) {
        int64_t mark_ns = tw_watermark_of(&tracker->watermark, (uint16_t)i).ns;
        title.value[0] = tw_words_text(&tracker->systems, i);
        int64_t lag_ns = mark_ns == INT64_MIN ? 0 : tracker->now_ns - mark_ns;
        rc = tw_emit_last(self, &tracker->lag_last[i], &title, lag_ns);
    }
    return rc;
}

static int emit_systems(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    static const struct {
        const char *metric;
        int64_t divisor;
    } gauges[TW_SYSTEM_GAUGES] = {{"system_waiting", 1},
                                  {"system_overdue", 1},
                                  {"system_failed", 1},
                                  {"system_oldest_age", TW_NS_PER_S}};
    struct tw_system_lag *lags = tw_arena_alloc(self->arena, TW_WATERMARK_SYSTEMS * sizeof *lags);
    int rc = lags == NULL ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK) {
        tw_systems_lag(tracker, lags);
    }
    for (uint32_t i = 1; i <= tracker->systems.count && rc == TW_OK; i++) {
        const int64_t values[] = {(int64_t)(lags[i].waiting + lags[i].overdue),
                                  (int64_t)lags[i].overdue, (int64_t)lags[i].failed,
                                  lags[i].oldest_ns};
        for (size_t k = 0; k < TW_SYSTEM_GAUGES && rc == TW_OK; k++) {
            const struct tw_series_title title = {.kind = TW_SERIES_LAST,
                                                  .divisor = gauges[k].divisor,
                                                  .metric = gauges[k].metric,
                                                  .name = {"system"},
                                                  .value = {tw_words_text(&tracker->systems, i)}};
            rc = tw_emit_last(self, &tracker->system_last[i][k], &title, values[k]);
        }
    }
    return rc;
}

static int emit_stores(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    int rc = TW_OK;
    for (uint32_t i = 0; i < tracker->store_stats_count && rc == TW_OK; i++) {
        struct tw_store_stats *row = &tracker->store_stats[i];
        struct tw_series_title title = {
            .kind = TW_SERIES_LAST,
            .divisor = 1,
            .metric = "store_waiting",
            .name = {"store"},
            .value = {i == 0 ? TW_TRACK_OTHER_STORES : tw_words_text(&tracker->stores, i)}};
        rc = tw_emit_sparse(self, &row->waiting_last, &title,
                            (int64_t)(row->waiting + row->overdue));
        title.metric = "store_overdue";
        rc = rc == TW_OK ? tw_emit_sparse(self, &row->overdue_last, &title, (int64_t)row->overdue)
                         : rc;
        title.metric = "store_failed";
        rc = rc == TW_OK ? tw_emit_sparse(self, &row->failed_last, &title, (int64_t)row->failed)
                         : rc;
    }
    return rc;
}

static int emit_regions(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    int rc = TW_OK;
    for (uint32_t flow = 0; flow < tracker->stats_count && rc == TW_OK; flow++) {
        struct tw_flow_stats *stats = &tracker->stats[flow];
        for (size_t i = 0; i < TW_TRACK_REGION_FIRST + stats->region_count && rc == TW_OK; i++) {
            struct tw_region_stats *row = &stats->regions[i];
            struct tw_series_title title =
                region_title(self, stats, i, TW_SERIES_LAST, "region_open");
            rc = tw_emit_sparse(self, &row->open_last, &title, (int64_t)row->open);
            title.metric = "region_overdue";
            rc = rc == TW_OK ? tw_emit_sparse(self, &row->overdue_last, &title,
                                              (int64_t)row->by_state[TW_RUN_IS_OVERDUE])
                             : rc;
        }
    }
    return rc;
}

/* Values at the end of a bucket that do not belong to one workflow or objective. */
static int emit_wholes(struct tw_emission *self)
{
    int rc = emit_tower(self);
    rc = rc == TW_OK ? emit_systems(self) : rc;
    int64_t minute = (self->last_value + TW_SERIES_BUCKET_S) / MINUTE_S; /* that has begun */
    if (rc == TW_OK && minute > self->tracker->stores_minute) {
        self->tracker->stores_minute = minute;
        rc = emit_stores(self);
        rc = rc == TW_OK ? emit_regions(self) : rc;
        rc = rc == TW_OK ? tw_emit_silent_stores(self) : rc;
    }
    return rc;
}

static int emit_points(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    size_t steps = 0;
    size_t regions = 0;
    for (size_t i = 0; i < tracker->stats_count; i++) {
        steps += tracker->stats[i].step_count;
        regions += TW_TRACK_REGION_FIRST + tracker->stats[i].region_count;
    }
    self->point_room = tracker->stats_count * 3 + steps * 5 + regions * 4 +
                       tracker->objective_count * (4 + TW_BURN_WINDOW_COUNT) +
                       TW_WATERMARK_SYSTEMS * (1 + TW_SYSTEM_GAUGES) + 1 +
                       (size_t)tracker->store_stats_count * 3 + tw_emit_alerts_room(tracker);
    self->points = tw_arena_alloc(self->arena, self->point_room * sizeof *self->points);
    int rc = self->points == NULL ? TW_ENOMEM : TW_OK;
    for (uint32_t i = 0; i < tracker->stats_count && rc == TW_OK; i++) {
        rc = emit_flow(self, i);
    }
    for (size_t i = 0; i < tracker->objective_count && rc == TW_OK; i++) {
        rc = emit_objective(self, &tracker->objectives[i]);
    }
    rc = rc == TW_OK ? tw_emit_alerts(self) : rc;
    return rc == TW_OK && self->last_value >= 0 ? emit_wholes(self) : rc;
}

/* --- sketches --------------------------------------------------------------------------------- */

static int encode_sketch(struct tw_emission *self, struct tw_step_stats *step, size_t slot,
                         struct tw_series_sketch *ret_row)
{
    struct tw_buf buf;
    tw_buf_init(&buf, SKETCH_BYTES);
    int rc = tw_sketch_encode(&step->minutes[slot], &buf);
    if (rc == TW_OK) {
        *ret_row = (struct tw_series_sketch){
            .series = step->lag_series,
            .minute = step->minute_of[slot] * 60,
            .data = tw_arena_copy(self->arena, (struct tw_str){buf.data, buf.len}),
        };
        rc = ret_row->data.ptr == NULL ? TW_ENOMEM : TW_OK;
    }
    tw_buf_fini(&buf);
    return rc;
}

/* Those of one step that changed since they were written last. */
static int emit_step_sketches(struct tw_emission *self, const struct tw_flow_stats *stats,
                              struct tw_step_stats *step, struct tw_series_sketch *rows,
                              size_t *count_p)
{
    const struct tw_series_title title = STEP_TITLE(TW_SERIES_LAST, TW_NS_PER_S, "step_lag");
    int rc = TW_OK;
    for (size_t slot = 0; slot < TW_TRACK_LAG_MINUTES && rc == TW_OK; slot++) {
        if (step->is_sketch_changed[slot]) {
            rc = series_of(self->tracker, &title, &step->lag_series);
            rc = rc == TW_OK ? encode_sketch(self, step, slot, &rows[*count_p]) : rc;
            step->is_sketch_changed[slot] = false;
            (*count_p)++;
        }
    }
    return rc;
}

static size_t count_sketches(const struct tw_tracker *self)
{
    size_t count = 0;
    for (size_t i = 0; i < self->stats_count; i++) {
        const struct tw_flow_stats *stats = &self->stats[i];
        for (size_t k = 0; k < stats->step_count * TW_TRACK_LAG_MINUTES; k++) {
            const struct tw_step_stats *step = &stats->steps[k / TW_TRACK_LAG_MINUTES];
            count += step->is_sketch_changed[k % TW_TRACK_LAG_MINUTES] ? 1 : 0;
        }
    }
    return count;
}

static int emit_sketches(struct tw_emission *self, struct tw_track_changes *changes)
{
    struct tw_tracker *tracker = self->tracker;
    size_t room = count_sketches(tracker);
    struct tw_series_sketch *rows = tw_arena_alloc(self->arena, (room + 1) * sizeof *rows);
    int rc = rows == NULL ? TW_ENOMEM : TW_OK;
    for (size_t i = 0; i < tracker->stats_count && rc == TW_OK; i++) {
        struct tw_flow_stats *stats = &tracker->stats[i];
        for (size_t k = 0; k < stats->step_count && rc == TW_OK; k++) {
            rc = emit_step_sketches(self, stats, &stats->steps[k], rows, &changes->sketch_count);
        }
    }
    changes->sketches = rows;
    return rc;
}

/* --- rows of runs ----------------------------------------------------------------------------- */

static int emit_row(struct tw_emission *self, uint32_t id, struct tw_run_row *rows, size_t *count_p)
{
    int rc = tw_row_make(self->tracker, id, self->arena, &rows[*count_p]);
    if (rc == TW_ENOTFOUND) {
        self->tracker->unnamed++;
        return TW_OK;
    }
    *count_p += rc == TW_OK ? 1 : 0;
    return rc;
}

/* Those that changed, then those that a new partition lacks; what does not fit waits. */
static int emit_rows(struct tw_emission *self, struct tw_track_changes *changes)
{
    struct tw_tracker *tracker = self->tracker;
    size_t room = tracker->dirty_count;
    if (tracker->relist != TW_TRACK_NONE) {
        room += tracker->run_count;
    }
    room = room > TW_TRACK_ROWS_MAX ? TW_TRACK_ROWS_MAX : room;
    if (room == 0) {
        return TW_OK;
    }
    struct tw_run_row *rows = tw_arena_alloc(self->arena, room * sizeof *rows);
    int rc = rows == NULL ? TW_ENOMEM : TW_OK;
    size_t count = 0;
    size_t taken = 0;
    for (; rc == TW_OK && taken < tracker->dirty_count && count < room; taken++) {
        uint32_t id = tracker->dirty[taken];
        if (tracker->runs[id] != NULL && (tracker->runs[id]->flags & TW_RUN_DIRTY) != 0) {
            tracker->runs[id]->flags &= (uint16_t)~TW_RUN_DIRTY;
            rc = emit_row(self, id, rows, &count);
        }
    }
    tracker->dirty_count -= taken;
    if (taken > 0) {
        memmove(tracker->dirty, tracker->dirty + taken,
                tracker->dirty_count * sizeof *tracker->dirty);
    }
    while (rc == TW_OK && tracker->relist != TW_TRACK_NONE && count < room) {
        const struct tw_open_run *run =
            tracker->relist < tracker->run_count ? tracker->runs[tracker->relist] : NULL;
        const uint16_t wanted = TW_RUN_LISTED | TW_RUN_IN_LIST;
        if (run != NULL && (run->flags & (wanted | TW_RUN_DIRTY)) == wanted) {
            rc = emit_row(self, tracker->relist, rows, &count);
        }
        tracker->relist++;
        tracker->relist = tracker->relist >= tracker->run_count ? TW_TRACK_NONE : tracker->relist;
    }
    changes->runs = rows;
    changes->run_count = count;
    return rc;
}

/* --- the rest --------------------------------------------------------------------------------- */

static int emit_names(struct tw_emission *self, bool all, struct tw_track_changes *changes)
{
    struct tw_tracker *tracker = self->tracker;
    size_t first = all ? 0 : tracker->series_count - tracker->unannounced;
    size_t count = tracker->series_count - first;
    tracker->unannounced = 0;
    if (count == 0) {
        return TW_OK;
    }
    struct tw_series_name *names = tw_arena_alloc(self->arena, count * sizeof *names);
    if (names == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct tw_series_info *info = &tracker->series[first + i];
        names[i] = (struct tw_series_name){.series = (uint32_t)(first + i),
                                           .kind = info->kind,
                                           .divisor = info->divisor,
                                           .metric = tw_str_of(info->metric),
                                           .labels = tw_str_of(info->labels)};
    }
    changes->names = names;
    changes->name_count = count;
    return TW_OK;
}

static int emit_decisions(struct tw_emission *self, struct tw_track_changes *changes)
{
    struct tw_tracker *tracker = self->tracker;
    struct tw_decision *decisions =
        tw_arena_alloc(self->arena, (tracker->decision_count + 1) * sizeof *decisions);
    struct tw_spend *spends =
        tw_arena_alloc(self->arena, (tracker->spend_count + 1) * sizeof *spends);
    if (decisions == NULL || spends == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < tracker->decision_count; i++) {
        const struct tw_pending_decision *row = &tracker->decisions[i];
        if (row->good != 0 || row->bad != 0) {
            decisions[changes->decision_count++] = (struct tw_decision){
                .objective = tw_str_of(tracker->objectives[row->objective].name),
                .minute = (int64_t)row->minute * 60,
                .good = row->good,
                .bad = row->bad};
        }
    }
    for (size_t i = 0; i < tracker->spend_count; i++) {
        const struct tw_pending_spend *row = &tracker->spends[i];
        if (row->bad != 0) {
            spends[changes->spend_count++] = (struct tw_spend){
                .objective = tw_str_of(tracker->objectives[row->objective].name),
                .hour = (int64_t)row->hour * 3600,
                .cause = (enum tw_cause)row->cause,
                .system = tw_str_of(tw_words_text(&tracker->systems, row->system)),
                .store = tw_str_of(tw_words_text(&tracker->stores, row->store)),
                .bad = row->bad};
        }
    }
    tracker->decision_count = 0;
    tracker->spend_count = 0;
    changes->decisions = decisions;
    changes->spends = spends;
    return TW_OK;
}

static int emit_snapshot(struct tw_tracker *self, const struct tw_track_emit *options,
                         struct tw_track_changes *changes)
{
    if (self->snapshot_ns == 0) {
        self->snapshot_ns = self->now_ns;
    }
    bool is_due = self->wants_snapshot ||
                  self->now_ns - self->snapshot_ns >= self->cfg->track.snapshot_s * TW_NS_PER_S ||
                  options->last_n - self->snapshot_n >= (uint64_t)self->cfg->track.snapshot_events;
    if (!options->must_snapshot && (!options->may_snapshot || !is_due)) {
        return TW_OK;
    }
    int rc = TW_ENOTFOUND;
    tw_graph_settle(self->graph);
    if (options->beside != NULL) {
        rc = options->beside(options->beside_context, options->last_n, options->must_snapshot,
                             &changes->saving);
        if (rc == TW_EBUSY) {
            return TW_OK;
        }
    }
    self->snapshot_ns = self->now_ns;
    self->snapshot_n = options->last_n;
    self->wants_snapshot = false;
    return rc == TW_OK
               ? rc
               : tw_tracker_save(self, options->last_n, &changes->snapshot, &changes->snapshot_len);
}

int tw_tracker_emit(struct tw_tracker *self, const struct tw_track_emit *options,
                    struct tw_arena *arena, const struct tw_track_changes **ret_changes)
{
    struct tw_track_changes *changes = tw_arena_zalloc(arena, sizeof *changes);
    if (changes == NULL) {
        return TW_ENOMEM;
    }
    int64_t bucket = self->now_ns / TW_NS_PER_S / TW_SERIES_BUCKET_S * TW_SERIES_BUCKET_S;
    struct tw_emission emission = {
        .tracker = self, .arena = arena, .bucket = bucket, .last_value = -1};
    if (self->has_ticked && bucket > self->bucket_s) {
        emission.last_value = bucket - TW_SERIES_BUCKET_S;
        self->bucket_s = bucket;
    }
    if (options->all_names) {
        self->relist = self->run_count > 0 ? 0 : TW_TRACK_NONE;
        tw_live_all(self);
    }
    int rc = emit_points(&emission);
    rc = rc == TW_OK && self->has_ticked ? emit_sketches(&emission, changes) : rc;
    rc = rc == TW_OK ? emit_rows(&emission, changes) : rc;
    rc = rc == TW_OK ? emit_decisions(&emission, changes) : rc;
    if (rc == TW_OK && options->with_live) {
        rc = tw_live_make(self, arena, &changes->live, &changes->live_count);
    }
    rc = rc == TW_OK ? emit_names(&emission, options->all_names, changes) : rc;
    changes->points = emission.points;
    changes->point_count = emission.point_count;
    changes->has_tick = self->has_ticked;
    changes->tick = self->tick;
    self->has_ticked = false;
    rc = rc == TW_OK ? emit_snapshot(self, options, changes) : rc;
    if (rc != TW_OK) {
        free(changes->snapshot);
        changes->snapshot = NULL;
        return rc;
    }
    *ret_changes = changes;
    return TW_OK;
}

void tw_tracker_settle_replay(struct tw_tracker *self)
{
    for (size_t i = 0; i < self->stats_count; i++) {
        struct tw_flow_stats *stats = &self->stats[i];
        stats->started_sum.value = 0;
        stats->done_sum.value = 0;
        stats->failed_sum.value = 0;
        stats->is_changed = true;
        tw_regions_settle_replay(stats);
        for (size_t k = 0; k < stats->step_count; k++) {
            stats->steps[k].done_sum.value = 0;
            stats->steps[k].failed_sum.value = 0;
        }
    }
    tw_emit_alerts_settle(self);
    for (size_t i = 0; i < self->objective_count; i++) {
        self->objectives[i].good_sum.value = 0;
        self->objectives[i].bad_sum.value = 0;
        self->objectives[i].is_changed = true;
    }
    self->decision_count = 0;
    self->spend_count = 0;
    self->has_ticked = false;
    self->bucket_s = self->now_ns / TW_NS_PER_S / TW_SERIES_BUCKET_S * TW_SERIES_BUCKET_S;
}
