/* SPDX-License-Identifier: Apache-2.0
 * Points are read by minute, which leads the primary key of a partition, whatever their series:
 * two minutes of all series cost one look. The archive lies by series; it is asked only when its
 * partitions may reach into what is wanted.
 */
#include "config.h"
#include "store/points.h"

#include <stdlib.h>

#include "store/chunk.h"
#include "store/reader_internal.h"

#define MINUTE_S 60
/* The first point behind the archive is at most so much younger than the last one in it. */
#define SEAM_S (2 * MINUTE_S)

/* A series of one source. */
struct source_series {
    int64_t id;
    int64_t divisor;
    struct tw_points_series *shown;
};

struct points_query {
    struct tw_arena *arena;
    const struct tw_points_query *asked;
    struct tw_archive_view *archive; /* not looked at yet; NULL: nothing to look at */
    /* of the source that is read */
    struct source_series *series;
    size_t series_count;
    size_t series_capacity;
    /* result */
    struct tw_point *points; /* owned */
    size_t count;
    size_t capacity;
};

/* ---- names ---- */

static int take_name(struct points_query *query, struct tw_str metric, sqlite3_stmt *stmt)
{
    if (query->series_count == query->series_capacity) {
        size_t capacity = query->series_capacity == 0 ? 256 : query->series_capacity * 2;
        struct source_series *bigger = realloc(query->series, capacity * sizeof *bigger);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        query->series = bigger;
        query->series_capacity = capacity;
    }
    struct tw_points_series *shown = tw_arena_zalloc(query->arena, sizeof *shown);
    if (shown == NULL) {
        return TW_ENOMEM;
    }
    int64_t kind = sqlite3_column_int64(stmt, 2);
    int64_t divisor = sqlite3_column_int64(stmt, 3);
    shown->metric = metric;
    shown->kind = kind >= 0 && kind <= TW_SERIES_MAX ? (enum tw_series_kind)kind : TW_SERIES_LAST;
    query->series[query->series_count++] = (struct source_series){
        .id = sqlite3_column_int64(stmt, 0),
        .divisor = divisor < 1 ? 1 : divisor,
        .shown = shown,
    };
    return tw_column_copy(stmt, 1, query->arena, &shown->labels);
}

static int take_names(struct points_query *query, struct tw_str metric, sqlite3_stmt *stmt)
{
    tw_db_bind_bytes(stmt, 1, metric);
    int err = tw_db_row(stmt, NULL);
    while (err == TW_OK) {
        err = take_name(query, metric, stmt);
        err = err == TW_OK ? tw_db_row(stmt, NULL) : err;
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static int compare_series(const void *a, const void *b)
{
    int64_t x = ((const struct source_series *)a)->id;
    int64_t y = ((const struct source_series *)b)->id;
    return x < y ? -1 : (x > y ? 1 : 0);
}

/* ---- points ---- */

static int add_point(struct points_query *query, const struct source_series *series, int64_t bucket,
                     int64_t value)
{
    const struct tw_points_query *asked = query->asked;
    if (bucket < asked->since_s || bucket >= asked->until_s) {
        return TW_OK;
    }
    if (query->count == asked->limit) {
        return TW_ELIMIT;
    }
    if (query->count == query->capacity) {
        size_t capacity = query->capacity == 0 ? 1024 : query->capacity * 2;
        struct tw_point *bigger = realloc(query->points, capacity * sizeof *bigger);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        query->points = bigger;
        query->capacity = capacity;
    }
    query->points[query->count++] = (struct tw_point){
        .series = series->shown,
        .bucket_s = bucket,
        .value = (double)value / (double)series->divisor,
    };
    return TW_OK;
}

static int take_chunks(struct points_query *query, const struct source_series *series,
                       sqlite3_stmt *stmt, struct tw_chunk *chunk)
{
    tw_db_bind_int(stmt, 1, series->id);
    tw_db_bind_int(stmt, 2, TW_SERIES_BUCKET_S);
    tw_db_bind_int(stmt, 3, tw_chunk_start(query->asked->since_s, TW_SERIES_BUCKET_S));
    tw_db_bind_int(stmt, 4, query->asked->until_s);
    int err = tw_db_row(stmt, NULL);
    while (err == TW_OK) {
        int64_t start = sqlite3_column_int64(stmt, 0);
        err = tw_chunk_decode(tw_db_column_bytes(stmt, 1), chunk);
        for (size_t i = 0; err == TW_OK && i < TW_CHUNK_SLOTS; i++) {
            if (chunk->known[i]) {
                err = add_point(query, series, start + (int64_t)i * TW_SERIES_BUCKET_S,
                                chunk->value[i]);
            }
        }
        err = err == TW_OK ? tw_db_row(stmt, NULL) : err;
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static int read_archive(struct points_query *query, struct tw_archive_view *archive)
{
    int err = TW_OK;
    query->series_count = 0;
    for (size_t i = 0; i < query->asked->metric_count && err == TW_OK; i++) {
        sqlite3_stmt *stmt = tw_archive_stmt(archive, TW_ARCHIVE_SERIES, &err);
        err = stmt == NULL ? err : take_names(query, query->asked->metrics[i], stmt);
    }
    struct tw_chunk *chunk = malloc(sizeof *chunk);
    err = err == TW_OK && chunk == NULL ? TW_ENOMEM : err;
    for (size_t i = 0; i < query->series_count && err == TW_OK; i++) {
        sqlite3_stmt *stmt = tw_archive_stmt(archive, TW_ARCHIVE_CHUNKS, &err);
        err = stmt == NULL ? err : take_chunks(query, &query->series[i], stmt, chunk);
    }
    free(chunk);
    return err;
}

/* The minute of a partition's first point. */
static int first_minute(struct tw_view *part, int64_t *ret_minute)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_MINUTE, &err);
    if (stmt == NULL) {
        return err;
    }
    tw_db_bind_int(stmt, 1, INT64_MIN);
    err = tw_db_row(stmt, NULL);
    if (err == TW_OK) {
        bool is_none = sqlite3_column_type(stmt, 0) == SQLITE_NULL;
        *ret_minute = is_none ? INT64_MAX : sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
}

static int take_points(struct points_query *query, sqlite3_stmt *stmt)
{
    int64_t minute = tw_bucket_of(query->asked->since_s, MINUTE_S);
    tw_db_bind_int(stmt, 1, minute);
    tw_db_bind_int(stmt, 2, query->asked->until_s);
    int err = tw_db_row(stmt, NULL);
    while (err == TW_OK) {
        const struct source_series key = {.id = sqlite3_column_int64(stmt, 1)};
        const struct source_series *series =
            bsearch(&key, query->series, query->series_count, sizeof key, compare_series);
        int64_t bucket =
            sqlite3_column_int64(stmt, 0) + sqlite3_column_int64(stmt, 2) * TW_SERIES_BUCKET_S;
        if (series != NULL) {
            err = add_point(query, series, bucket, sqlite3_column_int64(stmt, 3));
        }
        err = err == TW_OK ? tw_db_row(stmt, NULL) : err;
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static int points_of_part(void *context, struct tw_view *part)
{
    struct points_query *query = context;
    int err = TW_OK;
    if (query->archive != NULL) {
        int64_t minute = 0;
        err = first_minute(part, &minute);
        if (err == TW_OK && minute > query->asked->since_s - SEAM_S) {
            err = read_archive(query, query->archive);
        }
        query->archive = NULL;
    }
    query->series_count = 0;
    for (size_t i = 0; i < query->asked->metric_count && err == TW_OK; i++) {
        sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_SERIES, &err);
        err = stmt == NULL ? err : take_names(query, query->asked->metrics[i], stmt);
    }
    if (err != TW_OK || query->series_count == 0) {
        return err;
    }
    qsort(query->series, query->series_count, sizeof query->series[0], compare_series);
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_POINTS_BETWEEN, &err);
    return stmt == NULL ? err : take_points(query, stmt);
}

/* Looked at with the first partition behind it; every store has one. */
static int points_of_archive(void *context, struct tw_archive_view *archive)
{
    struct points_query *query = context;
    query->archive = archive;
    return TW_OK;
}

static void reset_points(void *context)
{
    struct points_query *query = context;
    query->count = 0;
    query->archive = NULL;
}

/* They came from the oldest source to the newest: of equal buckets that order stays. */
struct place {
    struct tw_point point;
    size_t order;
};

static int compare_places(const void *a, const void *b)
{
    const struct place *x = a;
    const struct place *y = b;
    if (x->point.bucket_s != y->point.bucket_s) {
        return x->point.bucket_s < y->point.bucket_s ? -1 : 1;
    }
    return x->order < y->order ? -1 : (x->order > y->order ? 1 : 0);
}

static int sort_points(struct points_query *query, const struct tw_point **ret_points)
{
    struct tw_point *sorted = tw_arena_alloc(query->arena, (query->count + 1) * sizeof *sorted);
    struct place *places = malloc((query->count + 1) * sizeof *places);
    if (sorted == NULL || places == NULL) {
        free(places);
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < query->count; i++) {
        places[i] = (struct place){query->points[i], i};
    }
    qsort(places, query->count, sizeof *places, compare_places);
    for (size_t i = 0; i < query->count; i++) {
        sorted[i] = places[i].point;
    }
    free(places);
    *ret_points = sorted;
    return TW_OK;
}

int tw_reader_points(struct tw_reader *self, struct tw_arena *arena,
                     const struct tw_points_query *asked, const struct tw_point **ret_points,
                     size_t *ret_count)
{
    struct points_query query = {.arena = arena, .asked = asked};
    struct tw_track_visit visit = {.reset = reset_points,
                                   .archive = points_of_archive,
                                   .part = points_of_part,
                                   .context = &query,
                                   .wants_series = true};
    TW_ASSERT(asked->metric_count <= TW_POINTS_METRICS_MAX && asked->limit <= TW_POINTS_MAX);
    int err = tw_reader_visit(self, &visit);
    err = err == TW_OK ? sort_points(&query, ret_points) : err;
    if (err == TW_OK) {
        *ret_count = query.count;
    }
    free(query.points);
    free(query.series);
    return err;
}

/* ---- ticks ---- */

struct ticked_query {
    int64_t before_ns;
    struct tw_track_tick tick;
    bool is_found;
};

static int ticked_in(struct ticked_query *query, struct tw_view *part)
{
    int err = tw_view_track_facts(part);
    if (err != TW_OK || !part->has_tracks) {
        return err;
    }
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_TICKED, &err);
    if (stmt == NULL) {
        return err;
    }
    tw_db_bind_int(stmt, 1, query->before_ns);
    err = tw_db_row(stmt, NULL);
    if (err == TW_OK) {
        query->is_found = true;
        query->tick = (struct tw_track_tick){{sqlite3_column_int64(stmt, 0)},
                                             {sqlite3_column_int64(stmt, 1)}};
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static int ticked_attempt(struct tw_reader *self, void *context)
{
    struct ticked_query *query = context;
    int err = TW_OK;
    query->is_found = false;
    for (size_t i = self->part_count; i > 0 && err == TW_OK && !query->is_found; i--) {
        struct tw_view *part = self->parts[i - 1];
        err = tw_view_enter(self, part);
        if (err == TW_OK) {
            err = ticked_in(query, part);
            tw_view_leave(self, part);
        }
    }
    return err;
}

int tw_reader_ticked(struct tw_reader *self, tw_wall_t before, struct tw_track_tick *ret_tick)
{
    struct ticked_query query = {.before_ns = before.ns == 0 ? INT64_MAX : before.ns};
    int err = tw_reader_query(self, ticked_attempt, &query);
    if (err == TW_OK && query.is_found) {
        *ret_tick = query.tick;
    }
    return err == TW_OK && !query.is_found ? TW_ENOTFOUND : err;
}
