/* SPDX-License-Identifier: Apache-2.0
 * Series are numbered by the process that makes them; a partition numbers them itself, by metric
 * and labels, so that a restart in the middle of a partition goes on with the same rows. The map
 * from one to the other is filled by the names that come before a series' first point.
 */
#include "config.h"
#include "store/track_write.h"

#include <stdlib.h>

#include "store/chunk.h"

enum statement {
    STMT_RUN,
    STMT_SETBACK,
    STMT_NAME,
    STMT_ADD,
    STMT_SET,
    STMT_SKETCH,
    STMT_SPEND,
    STMT_DECISION,
    STMT_LIVE,
    STMT_LIVE_GONE,
    STMT_TICK,
    STMT_COUNT
};

static const char *const statements[STMT_COUNT] = {
    [STMT_RUN] = "INSERT OR REPLACE INTO tracked_run(" TW_TRACKED_RUN_COLUMNS ") VALUES(?1, ?2, ?3,"
                 " ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,"
                 " ?21, ?22, ?23, ?24, ?25, ?26, ?27)",
    [STMT_SETBACK] = "INSERT OR REPLACE INTO setback(workflow, object_type, object_scope,"
                     " object_id, changed, steps) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
    [STMT_NAME] = "INSERT INTO series_name(metric, labels, kind, divisor) VALUES(?1, ?2, ?3, ?4)"
                  " ON CONFLICT(metric, labels) DO UPDATE SET kind = ?3, divisor = ?4 RETURNING id",
    [STMT_ADD] = "INSERT INTO series_point(minute, series, slot, value) VALUES(?1, ?2, ?3, ?4)"
                 " ON CONFLICT DO UPDATE SET value = value + ?4",
    [STMT_SET] = "INSERT INTO series_point(minute, series, slot, value) VALUES(?1, ?2, ?3, ?4)"
                 " ON CONFLICT DO UPDATE SET value = ?4",
    [STMT_SKETCH] = "INSERT OR REPLACE INTO series_sketch(minute, series, data) VALUES(?1, ?2, ?3)",
    [STMT_SPEND] = "INSERT INTO spend(objective, hour, cause, system, store, bad)"
                   " VALUES(?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET bad = bad + ?6",
    [STMT_DECISION] = "INSERT INTO decision(objective, minute, good, bad) VALUES(?1, ?2, ?3, ?4)"
                      " ON CONFLICT DO UPDATE SET good = good + ?3, bad = bad + ?4",
    [STMT_LIVE] = "INSERT INTO live(key, json) VALUES(?1, ?2)"
                  " ON CONFLICT(key) DO UPDATE SET json = ?2",
    [STMT_LIVE_GONE] = "DELETE FROM live WHERE key = ?1",
    [STMT_TICK] = "INSERT INTO tick(id, n, now, read_up_to) VALUES(?1, ?2, ?3, ?4)",
};

struct series {
    int64_t id; /* in this partition; 0: not announced */
    enum tw_series_kind kind;
};

struct tw_track_writer {
    sqlite3 *db; /* borrowed */
    sqlite3_stmt *stmts[STMT_COUNT];
    struct series *series; /* by the process's number */
    size_t series_capacity;
};

int tw_track_writer_new(sqlite3 *db, struct tw_track_writer **ret_writer)
{
    struct tw_track_writer *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->db = db;
    *ret_writer = self;
    return TW_OK;
}

void tw_track_writer_destroy(struct tw_track_writer **self_p)
{
    struct tw_track_writer *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < STMT_COUNT; i++) {
        (void)sqlite3_finalize(self->stmts[i]); /* repeats errors already seen */
    }
    free(self->series);
    free(self);
}

static int get(struct tw_track_writer *self, enum statement which, sqlite3_stmt **ret_stmt,
               struct tw_diag *diag)
{
    int rc = TW_OK;
    if (self->stmts[which] == NULL) {
        rc = tw_db_prepare(self->db, statements[which], &self->stmts[which], diag);
    }
    *ret_stmt = self->stmts[which];
    return rc;
}

/* Columns of keys are never NULL: absent and empty are the same there. */
static void bind_key(sqlite3_stmt *stmt, int index, struct tw_str text)
{
    tw_db_bind_bytes(stmt, index, text.ptr == NULL ? TW_STR_LIT("") : text);
}

/* ---- runs ---- */

static void bind_run(sqlite3_stmt *stmt, const struct tw_run_row *run)
{
    const struct tw_str currency = {run->currency, strnlen(run->currency, sizeof run->currency)};
    const struct {
        int index;
        struct tw_str text;
    } texts[] = {
        {8, run->step},   {9, run->system},   {10, run->destination},
        {11, run->store}, {12, run->region},  {13, run->code},
        {20, currency},   {24, run->missing}, {27, run->troubles},
    };
    const struct {
        int index;
        int64_t value;
    } numbers[] = {
        {2, run->object_type},       {5, (int64_t)run->version}, {6, (int64_t)run->state},
        {7, (int64_t)run->cause},    {14, run->started.ns},      {15, run->since.ns},
        {16, run->due.ns},           {18, run->updated.ns},      {19, run->amount_minor},
        {21, (int64_t)run->first_n}, {22, (int64_t)run->last_n}, {23, run->attempts},
        {25, run->expected},         {26, run->answered},
    };
    bind_key(stmt, 1, run->workflow);
    bind_key(stmt, 3, run->object_scope);
    bind_key(stmt, 4, run->object_id);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        tw_db_bind_bytes(stmt, texts[i].index, texts[i].text);
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        tw_db_bind_int(stmt, numbers[i].index, numbers[i].value);
    }
    if (run->finished.ns == 0) {
        TW_ASSERT(sqlite3_bind_null(stmt, 17) == SQLITE_OK);
    } else {
        tw_db_bind_int(stmt, 17, run->finished.ns);
    }
}

static int write_setbacks(struct tw_track_writer *self, const struct tw_run_row *run,
                          uint64_t commit, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = get(self, STMT_SETBACK, &stmt, diag);
    if (rc == TW_OK) {
        bind_key(stmt, 1, run->workflow);
        tw_db_bind_int(stmt, 2, run->object_type);
        bind_key(stmt, 3, run->object_scope);
        bind_key(stmt, 4, run->object_id);
        tw_db_bind_int(stmt, 5, (int64_t)commit);
        tw_db_bind_bytes(stmt, 6, run->setbacks);
        rc = tw_db_run(stmt, diag);
    }
    return rc;
}

static int write_runs(struct tw_track_writer *self, const struct tw_track_changes *changes,
                      uint64_t commit, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = changes->run_count == 0 ? TW_OK : get(self, STMT_RUN, &stmt, diag);
    for (size_t i = 0; rc == TW_OK && i < changes->run_count; i++) {
        bind_run(stmt, &changes->runs[i]);
        rc = tw_db_run(stmt, diag);
        if (rc == TW_OK && changes->runs[i].setbacks.ptr != NULL) {
            rc = write_setbacks(self, &changes->runs[i], commit, diag);
        }
    }
    return rc;
}

/* ---- series ---- */

static int keep_series(struct tw_track_writer *self, uint32_t number, struct series series,
                       struct tw_diag *diag)
{
    if (number >= TW_SERIES_NUMBERS) {
        return tw_diag_set(diag, TW_ELIMIT, "series number %u: at most %d", number,
                           TW_SERIES_NUMBERS);
    }
    if (number >= self->series_capacity) {
        size_t capacity = self->series_capacity == 0 ? 1024 : self->series_capacity;
        while (capacity <= number) {
            capacity *= 2;
        }
        struct series *bigger = realloc(self->series, capacity * sizeof *bigger);
        if (bigger == NULL) {
            return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
        }
        memset(bigger + self->series_capacity, 0,
               (capacity - self->series_capacity) * sizeof *bigger);
        self->series = bigger;
        self->series_capacity = capacity;
    }
    self->series[number] = series;
    return TW_OK;
}

static int write_name(struct tw_track_writer *self, sqlite3_stmt *stmt,
                      const struct tw_series_name *name, struct tw_diag *diag)
{
    if (name->kind > TW_SERIES_MAX || name->divisor < 1) {
        return tw_diag_set(diag, TW_EINVAL, "series %.*s: kind or divisor is none",
                           (int)name->metric.len, name->metric.ptr);
    }
    bind_key(stmt, 1, name->metric);
    bind_key(stmt, 2, name->labels);
    tw_db_bind_int(stmt, 3, (int64_t)name->kind);
    tw_db_bind_int(stmt, 4, name->divisor);
    int rc = tw_db_row(stmt, diag);
    if (rc == TW_OK) {
        struct series series = {.id = sqlite3_column_int64(stmt, 0), .kind = name->kind};
        rc = keep_series(self, name->series, series, diag);
    }
    /* the step to the end completes the statement */
    int end = rc == TW_OK ? tw_db_row(stmt, diag) : TW_ENOTFOUND;
    if (rc != TW_OK) {
        (void)sqlite3_reset(stmt); /* repeats an error that is returned */
    }
    return end == TW_ENOTFOUND ? rc : end;
}

static int write_names(struct tw_track_writer *self, const struct tw_track_changes *changes,
                       struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = changes->name_count == 0 ? TW_OK : get(self, STMT_NAME, &stmt, diag);
    for (size_t i = 0; rc == TW_OK && i < changes->name_count; i++) {
        rc = write_name(self, stmt, &changes->names[i], diag);
    }
    return rc;
}

static int find_series(const struct tw_track_writer *self, uint32_t number,
                       struct series *ret_series, struct tw_diag *diag)
{
    if (number >= self->series_capacity || self->series[number].id == 0) {
        return tw_diag_set(diag, TW_EINVAL, "series number %u was not announced in this partition",
                           number);
    }
    *ret_series = self->series[number];
    return TW_OK;
}

static int write_points(struct tw_track_writer *self, const struct tw_track_changes *changes,
                        struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < changes->point_count; i++) {
        const struct tw_series_point *point = &changes->points[i];
        struct series series = {0};
        sqlite3_stmt *stmt = NULL;
        rc = find_series(self, point->series, &series, diag);
        if (rc == TW_OK && point->bucket % TW_SERIES_BUCKET_S != 0) {
            rc = tw_diag_set(diag, TW_EINVAL, "bucket %lld is no multiple of %d s",
                             (long long)point->bucket, TW_SERIES_BUCKET_S);
        }
        if (rc == TW_OK) {
            rc = get(self, series.kind == TW_SERIES_SUM ? STMT_ADD : STMT_SET, &stmt, diag);
        }
        if (rc == TW_OK) {
            int64_t minute = tw_bucket_of(point->bucket, 60);
            tw_db_bind_int(stmt, 1, minute);
            tw_db_bind_int(stmt, 2, series.id);
            tw_db_bind_int(stmt, 3, (point->bucket - minute) / TW_SERIES_BUCKET_S);
            tw_db_bind_int(stmt, 4, point->value);
            rc = tw_db_run(stmt, diag);
        }
    }
    return rc;
}

static int write_sketches(struct tw_track_writer *self, const struct tw_track_changes *changes,
                          struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = changes->sketch_count == 0 ? TW_OK : get(self, STMT_SKETCH, &stmt, diag);
    for (size_t i = 0; rc == TW_OK && i < changes->sketch_count; i++) {
        const struct tw_series_sketch *sketch = &changes->sketches[i];
        struct series series = {0};
        rc = find_series(self, sketch->series, &series, diag);
        if (rc == TW_OK) {
            tw_db_bind_int(stmt, 1, sketch->minute);
            tw_db_bind_int(stmt, 2, series.id);
            bind_key(stmt, 3, sketch->data);
            rc = tw_db_run(stmt, diag);
        }
    }
    return rc;
}

/* ---- budgets, documents, the tick ---- */

static int write_spends(struct tw_track_writer *self, const struct tw_track_changes *changes,
                        struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = changes->spend_count == 0 ? TW_OK : get(self, STMT_SPEND, &stmt, diag);
    for (size_t i = 0; rc == TW_OK && i < changes->spend_count; i++) {
        const struct tw_spend *spend = &changes->spends[i];
        bind_key(stmt, 1, spend->objective);
        tw_db_bind_int(stmt, 2, spend->hour);
        tw_db_bind_int(stmt, 3, (int64_t)spend->cause);
        bind_key(stmt, 4, spend->system);
        bind_key(stmt, 5, spend->store);
        tw_db_bind_int(stmt, 6, spend->bad);
        rc = tw_db_run(stmt, diag);
    }
    return rc;
}

static int write_decisions(struct tw_track_writer *self, const struct tw_track_changes *changes,
                           struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = changes->decision_count == 0 ? TW_OK : get(self, STMT_DECISION, &stmt, diag);
    for (size_t i = 0; rc == TW_OK && i < changes->decision_count; i++) {
        const struct tw_decision *decision = &changes->decisions[i];
        bind_key(stmt, 1, decision->objective);
        tw_db_bind_int(stmt, 2, decision->minute);
        tw_db_bind_int(stmt, 3, decision->good);
        tw_db_bind_int(stmt, 4, decision->bad);
        rc = tw_db_run(stmt, diag);
    }
    return rc;
}

static int write_live(struct tw_track_writer *self, const struct tw_track_changes *changes,
                      struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; rc == TW_OK && i < changes->live_count; i++) {
        const struct tw_live *live = &changes->live[i];
        sqlite3_stmt *stmt = NULL;
        bool is_gone = live->json.ptr == NULL;
        rc = get(self, is_gone ? STMT_LIVE_GONE : STMT_LIVE, &stmt, diag);
        if (rc == TW_OK) {
            bind_key(stmt, 1, live->key);
            if (!is_gone) {
                tw_db_bind_bytes(stmt, 2, live->json);
            }
            rc = tw_db_run(stmt, diag);
        }
    }
    return rc;
}

static int write_tick(struct tw_track_writer *self, const struct tw_track_tick *tick,
                      uint64_t commit, uint64_t last_n, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = get(self, STMT_TICK, &stmt, diag);
    if (rc == TW_OK) {
        tw_db_bind_int(stmt, 1, (int64_t)commit);
        tw_db_bind_int(stmt, 2, (int64_t)last_n);
        tw_db_bind_int(stmt, 3, tick->now.ns);
        tw_db_bind_int(stmt, 4, tick->read_up_to.ns);
        rc = tw_db_run(stmt, diag);
    }
    return rc;
}

int tw_track_write(struct tw_track_writer *self, const struct tw_track_changes *changes,
                   uint64_t commit, uint64_t last_n, struct tw_diag *diag)
{
    if (changes == NULL) {
        return TW_OK;
    }
    int rc = write_runs(self, changes, commit, diag);
    rc = rc == TW_OK ? write_names(self, changes, diag) : rc;
    rc = rc == TW_OK ? write_points(self, changes, diag) : rc;
    rc = rc == TW_OK ? write_sketches(self, changes, diag) : rc;
    rc = rc == TW_OK ? write_spends(self, changes, diag) : rc;
    rc = rc == TW_OK ? write_decisions(self, changes, diag) : rc;
    rc = rc == TW_OK ? write_live(self, changes, diag) : rc;
    return rc == TW_OK && changes->has_tick ? write_tick(self, &changes->tick, commit, last_n, diag)
                                            : rc;
}

int tw_track_has_tables(sqlite3 *db, bool *ret_has, struct tw_diag *diag)
{
    sqlite3_stmt *stmt = NULL;
    int rc = tw_db_prepare(db,
                           "SELECT 1 FROM sqlite_schema WHERE type = 'table'"
                           " AND name = 'tracked_run'",
                           &stmt, diag);
    rc = rc == TW_OK ? tw_db_row(stmt, diag) : rc;
    *ret_has = rc == TW_OK;
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}
