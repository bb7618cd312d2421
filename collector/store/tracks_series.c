/* SPDX-License-Identifier: Apache-2.0
 * Series: chunks of the archive at the coarsest step that fits, then the 10 s points of the
 * partitions behind it, joined into the buckets that were asked for. Sources come from the oldest
 * to the newest, so of two values of the same 10 s the later one is the newer.
 */
#include "config.h"
#include "store/tracks.h"

#include <stdlib.h>

#include "store/chunk.h"
#include "store/reader_internal.h"

#define SERIES_MAX   1000               /* of one answer */
#define POINTS_MAX   10000              /* of one series, when a step was asked for */
#define POINTS_AUTO  1000               /* ... when it was not */
#define SKETCHES_MAX 100000             /* of one answer: 69 days of minutes */
#define SECOND_MAX   (INT64_C(1) << 40) /* beyond any time: keeps sums of seconds in range */

/* One series of the answer, and what its joining needs. */
struct series {
    struct tw_series_values shown;
    int64_t *values;
    bool *known;
    int64_t *times; /* of the 10 s bucket that a value is of */
};

struct series_query {
    struct tw_arena *arena;
    const struct tw_series_query *asked;
    struct tw_reader *reader;
    struct tw_series_result result;
    int64_t tier_s;        /* step read from the archive */
    int64_t until_s;       /* end of the last point */
    struct series **items; /* by labels; SERIES_MAX of them */
    size_t count;
    int64_t *ids; /* those of one source: items[i] has ids[i], 0: none there */
};

/* ---- labels: {"name":"value",...} ------------------------------------------------------------ */

static uint32_t hex_of(const char *digits)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = digits[i];
        uint32_t digit =
            c >= '0' && c <= '9' ? (uint32_t)(c - '0') : (uint32_t)((c | 32) - 'a' + 10);
        value = value << 4 | (digit & 15);
    }
    return value;
}

/* UTF-8 of one code point; surrogates stay as they are: they compare with themselves. */
static size_t put_utf8(char *to, uint32_t code)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 63));
        return 2;
    }
    to[0] = (char)(0xe0 | code >> 12);
    to[1] = (char)(0x80 | (code >> 6 & 63));
    to[2] = (char)(0x80 | (code & 63));
    return 3;
}

/* Whether the JSON string that begins behind a quote at *at is this text; *at moves behind its
 * closing quote. Labels are written by the tracker: escapes are rare and short. */
static bool string_is(const char **at, const char *end, struct tw_str text)
{
    size_t seen = 0;
    bool is_same = true;
    const char *p = *at;
    while (p < end && *p != '"') {
        char bytes[4] = {*p++};
        size_t len = 1;
        if (bytes[0] == '\\' && p < end) {
            static const char from[] = "bfnrt";
            static const char to[] = "\b\f\n\r\t";
            const char *known = *p == 0 ? NULL : strchr(from, *p);
            bool is_code = *p == 'u' && end - p > 4;
            bytes[0] = known != NULL ? to[known - from] : *p;
            len = is_code ? put_utf8(bytes, hex_of(p + 1)) : 1;
            p += is_code ? 5 : 1;
        }
        is_same = is_same && seen + len <= text.len && memcmp(text.ptr + seen, bytes, len) == 0;
        seen += len;
    }
    *at = p < end ? p + 1 : end;
    return is_same && seen == text.len;
}

static bool has_label(struct tw_str labels, struct tw_str name, struct tw_str value)
{
    const char *at = labels.ptr;
    const char *end = tw_str_end(labels);
    for (;;) {
        at = at < end ? memchr(at, '"', (size_t)(end - at)) : NULL;
        if (at == NULL) {
            return false;
        }
        at++;
        bool is_name = string_is(&at, end, name);
        at = at < end ? memchr(at, '"', (size_t)(end - at)) : NULL;
        if (at == NULL) {
            return false;
        }
        at++;
        bool is_value = string_is(&at, end, value);
        if (is_name) {
            return is_value;
        }
    }
}

static bool is_asked(const struct tw_series_query *asked, struct tw_str labels)
{
    for (size_t i = 0; i < asked->label_count; i++) {
        if (!has_label(labels, asked->label_names[i], asked->label_values[i])) {
            return false;
        }
    }
    return true;
}

/* ---- the series of a source ------------------------------------------------------------------ */

static struct series *new_series(struct series_query *query, struct tw_str labels)
{
    struct series *series = tw_arena_zalloc(query->arena, sizeof *series);
    size_t count = query->result.point_count + 1;
    if (series == NULL) {
        return NULL;
    }
    series->values = tw_arena_zalloc(query->arena, count * sizeof *series->values);
    series->times = tw_arena_alloc(query->arena, count * sizeof *series->times);
    series->known = tw_arena_zalloc(query->arena, count * sizeof *series->known);
    series->shown = (struct tw_series_values){.labels = tw_arena_copy(query->arena, labels),
                                              .values = series->values,
                                              .known = series->known};
    return series->values == NULL || series->times == NULL || series->known == NULL ||
                   series->shown.labels.ptr == NULL
               ? NULL
               : series;
}

/* The series of this row: known already, or a new one. */
static int take_series(struct series_query *query, sqlite3_stmt *stmt)
{
    struct tw_str labels = tw_db_column_bytes(stmt, 1);
    size_t low = 0;
    size_t high = query->count;
    if (labels.ptr == NULL || !is_asked(query->asked, labels)) {
        return TW_OK;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tw_str_compare(query->items[middle]->shown.labels, labels) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == query->count || !tw_str_equal(query->items[low]->shown.labels, labels)) {
        if (query->count == SERIES_MAX) {
            query->result.is_cut = true;
            return TW_OK;
        }
        struct series *series = new_series(query, labels);
        if (series == NULL) {
            return TW_ENOMEM;
        }
        size_t behind = query->count - low;
        memmove(&query->items[low + 1], &query->items[low], behind * sizeof(struct series *));
        memmove(&query->ids[low + 1], &query->ids[low], behind * sizeof query->ids[0]);
        query->items[low] = series;
        query->count++;
    }
    int64_t kind = sqlite3_column_int64(stmt, 2);
    int64_t divisor = sqlite3_column_int64(stmt, 3);
    struct tw_series_values *shown = &query->items[low]->shown;
    shown->kind = kind >= 0 && kind <= TW_SERIES_MAX ? (enum tw_series_kind)kind : TW_SERIES_LAST;
    shown->divisor = divisor < 1 ? 1 : divisor;
    query->ids[low] = sqlite3_column_int64(stmt, 0);
    return TW_OK;
}

static int list_series(struct series_query *query, sqlite3_stmt *stmt)
{
    memset(query->ids, 0, SERIES_MAX * sizeof query->ids[0]);
    tw_db_bind_bytes(stmt, 1, query->asked->metric);
    int err = tw_db_row(stmt, NULL);
    while (err == TW_OK) {
        err = take_series(query, stmt);
        err = err == TW_OK ? tw_db_row(stmt, NULL) : err;
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

/* ---- points ---------------------------------------------------------------------------------- */

static void join_point(const struct series_query *query, struct series *series,
                       const struct tw_series_point *point)
{
    const struct tw_series_result *result = &query->result;
    if (point->bucket < result->first_s || point->bucket >= query->until_s) {
        return;
    }
    size_t at = (size_t)((point->bucket - result->first_s) / result->step_s);
    if (!series->known[at]) {
        series->known[at] = true;
        series->values[at] = point->value;
        series->times[at] = point->bucket;
        return;
    }
    bool is_later = point->bucket >= series->times[at];
    series->values[at] =
        tw_series_join(series->shown.kind, series->values[at], point->value, is_later);
    series->times[at] = is_later ? point->bucket : series->times[at];
}

static int take_chunks(struct series_query *query, sqlite3_stmt *stmt, struct series *series,
                       struct tw_chunk *chunk)
{
    int err = tw_db_row(stmt, NULL);
    while (err == TW_OK) {
        int64_t start = sqlite3_column_int64(stmt, 0);
        err = tw_chunk_decode(tw_db_column_bytes(stmt, 1), chunk);
        for (size_t i = 0; err == TW_OK && i < TW_CHUNK_SLOTS; i++) {
            if (chunk->known[i]) {
                const struct tw_series_point point = {.bucket = start + (int64_t)i * query->tier_s +
                                                                (int64_t)chunk->place[i] *
                                                                    TW_SERIES_BUCKET_S,
                                                      .value = chunk->value[i]};
                join_point(query, series, &point);
            }
        }
        err = err == TW_OK ? tw_db_row(stmt, NULL) : err;
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

/* Steps that are shown when none was asked for. */
static const int64_t nice_steps[] = {10,   20,   30,   60,    120,   300,   600,   900,
                                     1800, 3600, 7200, 10800, 21600, 43200, 86400, 604800};

/* The coarsest step of the archive that divides this one. */
static size_t tier_of(int64_t step_s)
{
    size_t tier = TW_ARCHIVE_TIERS - 1;
    while (tier > 0 && step_s % tw_archive_tiers[tier].step_s != 0) {
        tier--;
    }
    return tier;
}

/* What there is of the archive at this step reaches back to `since`. */
static bool is_kept(const struct tw_reader *reader, int64_t since_s, int64_t step_s)
{
    size_t tier = tier_of(step_s);
    return tier == TW_ARCHIVE_TIERS - 1 ||
           tw_bucket_of(since_s, step_s) >= reader->archive.kept_from[tier];
}

static int64_t choose_step(const struct tw_reader *reader, int64_t since_s, int64_t until_s)
{
    size_t count = sizeof nice_steps / sizeof nice_steps[0];
    for (size_t i = 0; i < count; i++) {
        int64_t points =
            (until_s - tw_bucket_of(since_s, nice_steps[i]) + nice_steps[i] - 1) / nice_steps[i];
        if (points <= POINTS_AUTO && is_kept(reader, since_s, nice_steps[i])) {
            return nice_steps[i];
        }
    }
    int64_t week = nice_steps[count - 1];
    return ((until_s - since_s) / POINTS_AUTO / week + 1) * week;
}

/* Multiples of 10 s; then of a minute or an hour where nothing finer is left. */
static int64_t round_step(const struct tw_reader *reader, int64_t since_s, int64_t step_s)
{
    for (size_t i = 0; i < TW_ARCHIVE_TIERS; i++) {
        int64_t unit = tw_archive_tiers[i].step_s;
        int64_t rounded = (step_s + unit - 1) / unit * unit;
        if (is_kept(reader, since_s, rounded)) {
            return rounded;
        }
    }
    return (step_s + 3599) / 3600 * 3600;
}

static int64_t within(int64_t second)
{
    return second > SECOND_MAX ? SECOND_MAX : (second < -SECOND_MAX ? -SECOND_MAX : second);
}

/* The points of the answer, once it is known what is kept. */
static void lay_out(struct series_query *query)
{
    const struct tw_series_query *asked = query->asked;
    struct tw_series_result *result = &query->result;
    int64_t since_s = within(asked->since_s);
    int64_t until_s = within(asked->until_s);
    until_s = until_s < since_s ? since_s : until_s;
    result->step_s = asked->step_s <= 0 ? choose_step(query->reader, since_s, until_s)
                                        : round_step(query->reader, since_s, within(asked->step_s));
    result->first_s = tw_bucket_of(since_s, result->step_s);
    int64_t count =
        until_s == since_s ? 0 : (until_s - result->first_s + result->step_s - 1) / result->step_s;
    result->is_cut = count > POINTS_MAX;
    result->point_count = (size_t)(count > POINTS_MAX ? POINTS_MAX : count);
    query->tier_s = tw_archive_tiers[tier_of(result->step_s)].step_s;
    query->until_s = result->first_s + (int64_t)result->point_count * result->step_s;
}

static void reset_series(void *context)
{
    struct series_query *query = context;
    query->count = 0;
    query->result = (struct tw_series_result){0};
}

/* The first source lays the answer out: by then the archive said what it keeps. */
static int begin_source(struct series_query *query, sqlite3_stmt *stmt)
{
    if (query->result.step_s == 0) {
        lay_out(query);
    }
    return list_series(query, stmt);
}

static int series_of_archive(void *context, struct tw_archive_view *archive)
{
    struct series_query *query = context;
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_archive_stmt(archive, TW_ARCHIVE_SERIES, &err);
    err = stmt == NULL ? err : begin_source(query, stmt);
    struct tw_chunk *chunk = malloc(sizeof *chunk);
    err = err == TW_OK && chunk == NULL ? TW_ENOMEM : err;
    for (size_t i = 0; err == TW_OK && i < query->count; i++) {
        stmt = tw_archive_stmt(archive, TW_ARCHIVE_CHUNKS, &err);
        if (stmt == NULL) {
            break;
        }
        tw_db_bind_int(stmt, 1, query->ids[i]);
        tw_db_bind_int(stmt, 2, query->tier_s);
        tw_db_bind_int(stmt, 3, tw_chunk_start(query->result.first_s, query->tier_s));
        tw_db_bind_int(stmt, 4, query->until_s);
        err = take_chunks(query, stmt, query->items[i], chunk);
    }
    free(chunk);
    return err;
}

/* The points of one minute. */
static int take_minute(struct series_query *query, struct tw_view *part, int64_t minute)
{
    int err = TW_OK;
    for (size_t i = 0; err == TW_OK && i < query->count; i++) {
        sqlite3_stmt *stmt = query->ids[i] == 0 ? NULL : tw_view_stmt(part, TW_STMT_POINTS, &err);
        if (stmt == NULL) {
            continue;
        }
        tw_db_bind_int(stmt, 1, minute);
        tw_db_bind_int(stmt, 2, query->ids[i]);
        err = tw_db_row(stmt, NULL);
        while (err == TW_OK) {
            const struct tw_series_point point = {.bucket = minute + sqlite3_column_int64(stmt, 0) *
                                                                         TW_SERIES_BUCKET_S,
                                                  .value = sqlite3_column_int64(stmt, 1)};
            join_point(query, query->items[i], &point);
            err = tw_db_row(stmt, NULL);
        }
        err = err == TW_ENOTFOUND ? TW_OK : err;
    }
    return err;
}

/* Minute by minute, as they lie there; minutes of which there is nothing cost nothing. */
static int series_of_part(void *context, struct tw_view *part)
{
    struct series_query *query = context;
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_SERIES, &err);
    err = stmt == NULL ? err : begin_source(query, stmt);
    int64_t minute = tw_bucket_of(query->result.first_s, 60);
    while (err == TW_OK && query->count > 0) {
        stmt = tw_view_stmt(part, TW_STMT_MINUTE, &err);
        if (stmt == NULL) {
            break;
        }
        tw_db_bind_int(stmt, 1, minute);
        err = tw_db_row(stmt, NULL);
        bool is_end = err != TW_OK || sqlite3_column_type(stmt, 0) == SQLITE_NULL ||
                      sqlite3_column_int64(stmt, 0) >= query->until_s;
        if (is_end) {
            break;
        }
        minute = sqlite3_column_int64(stmt, 0);
        err = take_minute(query, part, minute);
        minute += 60;
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

int tw_reader_series(struct tw_reader *self, struct tw_arena *arena,
                     const struct tw_series_query *asked, struct tw_series_result *ret_result)
{
    struct series_query query = {.arena = arena, .asked = asked, .reader = self};
    struct tw_track_visit visit = {.reset = reset_series,
                                   .archive = series_of_archive,
                                   .part = series_of_part,
                                   .context = &query,
                                   .wants_series = true};
    query.items = calloc(SERIES_MAX, sizeof(struct series *));
    query.ids = calloc(SERIES_MAX, sizeof *query.ids);
    int err = query.items == NULL || query.ids == NULL ? TW_ENOMEM : tw_reader_visit(self, &visit);
    if (err == TW_OK && query.result.step_s == 0) {
        lay_out(&query); /* no source at all */
    }
    struct tw_series_values *shown =
        err == TW_OK ? tw_arena_alloc(arena, (query.count + 1) * sizeof *shown) : NULL;
    err = err == TW_OK && shown == NULL ? TW_ENOMEM : err;
    for (size_t i = 0; err == TW_OK && i < query.count; i++) {
        shown[i] = query.items[i]->shown;
    }
    if (err == TW_OK) {
        query.result.series = shown;
        query.result.series_count = query.count;
        *ret_result = query.result;
    }
    free(query.items);
    free(query.ids);
    return err;
}

/* ---- sketches -------------------------------------------------------------------------------- */

struct sketch_query {
    struct tw_arena *arena;
    struct tw_str metric;
    struct tw_str labels;
    int64_t since_s;
    int64_t until_s;
    struct tw_series_sketch
        *rows; /* owned, grows to SKETCHES_MAX; series: the order they came in */
    size_t count;
    size_t capacity;
};

static void reset_sketches(void *context)
{
    struct sketch_query *query = context;
    query->count = 0;
}

static int add_sketch(struct sketch_query *query, sqlite3_stmt *stmt)
{
    if (query->count == SKETCHES_MAX) {
        return TW_ELIMIT;
    }
    if (query->count == query->capacity) {
        size_t capacity = query->capacity == 0 ? 1024 : query->capacity * 2;
        struct tw_series_sketch *bigger = realloc(query->rows, capacity * sizeof *bigger);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        query->rows = bigger;
        query->capacity = capacity;
    }
    struct tw_series_sketch *row = &query->rows[query->count];
    row->series = (uint32_t)query->count;
    row->minute = sqlite3_column_int64(stmt, 0);
    query->count++;
    return tw_column_copy(stmt, 1, query->arena, &row->data);
}

static int take_sketches(struct sketch_query *query, sqlite3_stmt *one, sqlite3_stmt *stmt)
{
    tw_db_bind_bytes(one, 1, query->metric);
    tw_db_bind_bytes(one, 2, query->labels);
    int err = tw_db_row(one, NULL);
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_OK : err;
    }
    tw_db_bind_int(stmt, 1, sqlite3_column_int64(one, 0));
    tw_db_bind_int(stmt, 2, query->since_s);
    tw_db_bind_int(stmt, 3, query->until_s);
    (void)sqlite3_reset(one); /* it gave its row */
    err = tw_db_row(stmt, NULL);
    while (err == TW_OK) {
        err = add_sketch(query, stmt);
        err = err == TW_OK ? tw_db_row(stmt, NULL) : err;
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static int sketches_of_archive(void *context, struct tw_archive_view *archive)
{
    int err = TW_OK;
    sqlite3_stmt *one = tw_archive_stmt(archive, TW_ARCHIVE_SERIES_ONE, &err);
    sqlite3_stmt *stmt = one == NULL ? NULL : tw_archive_stmt(archive, TW_ARCHIVE_SKETCHES, &err);
    return stmt == NULL ? err : take_sketches(context, one, stmt);
}

static int sketches_of_part(void *context, struct tw_view *part)
{
    int err = TW_OK;
    sqlite3_stmt *one = tw_view_stmt(part, TW_STMT_SERIES_ONE, &err);
    sqlite3_stmt *stmt = one == NULL ? NULL : tw_view_stmt(part, TW_STMT_SKETCHES, &err);
    return stmt == NULL ? err : take_sketches(context, one, stmt);
}

/* By minute, then as they came: the newest last. */
static int compare_sketches(const void *a, const void *b)
{
    const struct tw_series_sketch *x = a;
    const struct tw_series_sketch *y = b;
    if (x->minute != y->minute) {
        return x->minute < y->minute ? -1 : 1;
    }
    return x->series < y->series ? -1 : (x->series > y->series ? 1 : 0);
}

int tw_reader_sketches(struct tw_reader *self, struct tw_arena *arena, struct tw_str metric,
                       struct tw_str labels, int64_t since_s, int64_t until_s,
                       const struct tw_series_sketch **ret_items, size_t *ret_count)
{
    struct sketch_query query = {.arena = arena,
                                 .metric = metric,
                                 .labels = labels,
                                 .since_s = tw_bucket_of(since_s, 60),
                                 .until_s = until_s};
    struct tw_track_visit visit = {.reset = reset_sketches,
                                   .archive = sketches_of_archive,
                                   .part = sketches_of_part,
                                   .context = &query,
                                   .wants_series = true};
    int err = tw_reader_visit(self, &visit);
    if (err == TW_OK && query.count > 0) {
        qsort(query.rows, query.count, sizeof *query.rows, compare_sketches);
    }
    struct tw_series_sketch *rows =
        err == TW_OK ? tw_arena_alloc(arena, (query.count + 1) * sizeof *rows) : NULL;
    err = err == TW_OK && rows == NULL ? TW_ENOMEM : err;
    size_t count = 0;
    for (size_t i = 0; err == TW_OK && i < query.count; i++) {
        bool is_newest = i + 1 == query.count || query.rows[i + 1].minute != query.rows[i].minute;
        if (is_newest) {
            rows[count] = query.rows[i];
            rows[count++].series = 0;
        }
    }
    if (err == TW_OK) {
        *ret_items = rows;
        *ret_count = count;
    }
    free(query.rows);
    return err;
}
