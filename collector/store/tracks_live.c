/* SPDX-License-Identifier: Apache-2.0
 * Documents, definitions, budgets. Budgets add up over the archive and the partitions behind it.
 */
#include "config.h"
#include "store/tracks.h"

#include <stdlib.h>

#include "store/chunk.h"
#include "store/reader_internal.h"

#define LIVE_MAX      10000 /* documents of one answer */
#define WHAT_MAX      20000 /* causes, systems or stores of one objective */
#define DECISIONS_MAX 200000

/* ---- live documents -------------------------------------------------------------------------- */

struct live_query {
    struct tw_arena *arena;
    struct tw_str key;
    size_t limit;
    struct tw_live *rows;
    size_t count;
};

static int enter_tracked(struct tw_reader *self, struct tw_view **ret_part)
{
    struct tw_view *part = NULL;
    int err = tw_reader_enter_newest(self, &part);
    if (err == TW_OK && part != NULL) {
        err = tw_view_track_facts(part);
        if (err != TW_OK || !part->has_tracks) {
            tw_view_leave(self, part);
            part = NULL;
        }
    }
    *ret_part = part;
    return err == TW_OK && part == NULL ? TW_ENOTFOUND : err;
}

static int live_attempt(struct tw_reader *self, void *context)
{
    struct live_query *query = context;
    struct tw_view *part = NULL;
    int err = enter_tracked(self, &part);
    if (err != TW_OK) {
        return err;
    }
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_LIVE, &err);
    if (stmt != NULL) {
        tw_db_bind_bytes(stmt, 1, query->key);
        err = tw_db_row(stmt, NULL);
        err = err == TW_OK ? tw_column_copy(stmt, 0, query->arena, &query->rows[0].json) : err;
    }
    tw_view_leave(self, part);
    return err;
}

int tw_reader_live(struct tw_reader *self, struct tw_arena *arena, struct tw_str key,
                   struct tw_str *ret_json)
{
    struct tw_live row = {0};
    struct live_query query = {.arena = arena, .key = key, .rows = &row};
    int err = tw_reader_query(self, live_attempt, &query);
    if (err == TW_OK) {
        *ret_json = row.json;
    }
    return err;
}

static int take_live(sqlite3_stmt *stmt, struct live_query *query)
{
    int err = tw_db_row(stmt, NULL);
    while (err == TW_OK && query->count < query->limit &&
           tw_str_starts(tw_db_column_bytes(stmt, 0), query->key)) {
        struct tw_live *row = &query->rows[query->count];
        err = tw_column_copy(stmt, 0, query->arena, &row->key);
        err = err == TW_OK ? tw_column_copy(stmt, 1, query->arena, &row->json) : err;
        if (err == TW_OK) {
            query->count++;
            err = tw_db_row(stmt, NULL);
        }
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static int live_list_attempt(struct tw_reader *self, void *context)
{
    struct live_query *query = context;
    struct tw_view *part = NULL;
    query->count = 0;
    int err = enter_tracked(self, &part);
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_OK : err;
    }
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_LIVE_LIST, &err);
    if (stmt != NULL) {
        tw_db_bind_bytes(stmt, 1, query->key);
        tw_db_bind_int(stmt, 2, (int64_t)query->limit);
        err = take_live(stmt, query);
    }
    tw_view_leave(self, part);
    return err;
}

int tw_reader_live_list(struct tw_reader *self, struct tw_arena *arena, struct tw_str prefix,
                        size_t limit, const struct tw_live **ret_items, size_t *ret_count)
{
    struct live_query query = {.arena = arena,
                               .key = prefix.ptr == NULL ? TW_STR_LIT("") : prefix,
                               .limit = limit > LIVE_MAX ? LIVE_MAX : limit};
    query.rows = tw_arena_alloc(arena, (query.limit + 1) * sizeof *query.rows);
    if (query.rows == NULL) {
        return TW_ENOMEM;
    }
    int err = tw_reader_query(self, live_list_attempt, &query);
    if (err == TW_OK) {
        *ret_items = query.rows;
        *ret_count = query.count;
    }
    return err;
}

/* ---- definitions ----------------------------------------------------------------------------- */

int tw_reader_workflow_text(struct tw_reader *self, struct tw_arena *arena, struct tw_str workflow,
                            uint64_t version, struct tw_str *ret_yaml)
{
    sqlite3_stmt *stmt = NULL;
    int err = tw_reader_check(self);
    err = err == TW_OK ? tw_reader_open_catalogue(self) : err;
    err = err == TW_OK ? tw_db_prepare(self->catalogue,
                                       "SELECT text FROM workflow_version WHERE name = ?1"
                                       " AND version = ?2",
                                       &stmt, NULL)
                       : err;
    if (err == TW_OK) {
        tw_db_bind_bytes(stmt, 1, workflow);
        tw_db_bind_int(stmt, 2, (int64_t)version);
        err = tw_db_row(stmt, NULL);
        err = err == TW_OK ? tw_column_copy(stmt, 0, arena, ret_yaml) : err;
    }
    (void)sqlite3_finalize(stmt); /* repeats the error of the step */
    return err;
}

/* ---- spending -------------------------------------------------------------------------------- */

static const char *const causes[TW_CAUSE_COUNT] = {
#define CAUSE_WORD(name, text) text,
    TW_CAUSES(CAUSE_WORD)
#undef CAUSE_WORD
};

struct spend_query {
    struct tw_arena *arena;
    struct tw_str objective;
    enum tw_spend_by by;
    int64_t since_s;
    int64_t until_s;
    struct tw_spend_sum *sums; /* by `what`, WHAT_MAX of them */
    size_t count;
};

static void reset_spend(void *context)
{
    struct spend_query *query = context;
    query->count = 0;
}

static int add_spend(struct spend_query *query, struct tw_str what, int64_t bad)
{
    size_t low = 0;
    size_t high = query->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (tw_str_compare(query->sums[middle].what, what) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < query->count && tw_str_equal(query->sums[low].what, what)) {
        query->sums[low].bad = tw_series_join(TW_SERIES_SUM, query->sums[low].bad, bad, true);
        return TW_OK;
    }
    if (query->count == WHAT_MAX) {
        return TW_ELIMIT;
    }
    struct tw_str copy = tw_arena_copy(query->arena, what);
    if (copy.ptr == NULL) {
        return TW_ENOMEM;
    }
    memmove(&query->sums[low + 1], &query->sums[low], (query->count - low) * sizeof query->sums[0]);
    query->sums[low] = (struct tw_spend_sum){.what = copy, .bad = bad};
    query->count++;
    return TW_OK;
}

static struct tw_str what_of(const struct spend_query *query, sqlite3_stmt *stmt)
{
    if (query->by != TW_SPEND_BY_CAUSE) {
        struct tw_str text = tw_db_column_bytes(stmt, 0);
        return text.ptr == NULL ? TW_STR_LIT("") : text;
    }
    int64_t cause = sqlite3_column_int64(stmt, 0);
    bool is_known = cause >= 0 && cause < TW_CAUSE_COUNT;
    return tw_str_of(causes[is_known ? cause : TW_CAUSE_UNKNOWN]);
}

static int take_spend(struct spend_query *query, sqlite3_stmt *stmt)
{
    tw_db_bind_bytes(stmt, 1, query->objective);
    tw_db_bind_int(stmt, 2, query->since_s);
    tw_db_bind_int(stmt, 3, query->until_s);
    int err = tw_db_row(stmt, NULL);
    while (err == TW_OK) {
        err = add_spend(query, what_of(query, stmt), sqlite3_column_int64(stmt, 1));
        err = err == TW_OK ? tw_db_row(stmt, NULL) : err;
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static int spend_of_archive(void *context, struct tw_archive_view *archive)
{
    static const enum tw_archive_stmt which[] = {
        [TW_SPEND_BY_CAUSE] = TW_ARCHIVE_SPEND_CAUSE,
        [TW_SPEND_BY_SYSTEM] = TW_ARCHIVE_SPEND_SYSTEM,
        [TW_SPEND_BY_STORE] = TW_ARCHIVE_SPEND_STORE,
    };
    struct spend_query *query = context;
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_archive_stmt(archive, which[query->by], &err);
    return stmt == NULL ? err : take_spend(query, stmt);
}

static int spend_of_part(void *context, struct tw_view *part)
{
    static const enum tw_view_stmt which[] = {
        [TW_SPEND_BY_CAUSE] = TW_STMT_SPEND_CAUSE,
        [TW_SPEND_BY_SYSTEM] = TW_STMT_SPEND_SYSTEM,
        [TW_SPEND_BY_STORE] = TW_STMT_SPEND_STORE,
    };
    struct spend_query *query = context;
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, which[query->by], &err);
    return stmt == NULL ? err : take_spend(query, stmt);
}

/* Most first; of equal ones by text. */
static int compare_sums(const void *a, const void *b)
{
    const struct tw_spend_sum *x = a;
    const struct tw_spend_sum *y = b;
    if (x->bad != y->bad) {
        return x->bad > y->bad ? -1 : 1;
    }
    return tw_str_compare(x->what, y->what);
}

int tw_reader_spend(struct tw_reader *self, struct tw_arena *arena, struct tw_str objective,
                    enum tw_spend_by by, int64_t since_s, int64_t until_s, size_t limit,
                    const struct tw_spend_sum **ret_sums, size_t *ret_count)
{
    struct spend_query query = {.arena = arena,
                                .objective = objective,
                                .by = by,
                                .since_s = tw_bucket_of(since_s, 3600),
                                .until_s = until_s};
    struct tw_track_visit visit = {.reset = reset_spend,
                                   .archive = spend_of_archive,
                                   .part = spend_of_part,
                                   .context = &query};
    query.sums = calloc(WHAT_MAX, sizeof *query.sums);
    int err = query.sums == NULL ? TW_ENOMEM : tw_reader_visit(self, &visit);
    size_t count = 0;
    for (size_t i = 0; err == TW_OK && i < query.count; i++) {
        if (query.sums[i].bad != 0) { /* corrected away */
            query.sums[count++] = query.sums[i];
        }
    }
    if (err == TW_OK && count > 0) {
        qsort(query.sums, count, sizeof *query.sums, compare_sums);
    }
    count = count < limit ? count : limit;
    struct tw_spend_sum *rows =
        err == TW_OK ? tw_arena_alloc(arena, (count + 1) * sizeof *rows) : NULL;
    if (err == TW_OK && rows == NULL) {
        err = TW_ENOMEM;
    }
    if (err == TW_OK) {
        memcpy(rows, query.sums, count * sizeof *rows);
        *ret_sums = rows;
        *ret_count = count;
    }
    free(query.sums);
    return err;
}

/* ---- decisions ------------------------------------------------------------------------------- */

struct decision_query {
    struct tw_str objective;
    int64_t since_s;
    int64_t until_s;
    struct tw_decision *rows; /* owned, grows to DECISIONS_MAX */
    size_t count;
    size_t capacity;
};

static void reset_decisions(void *context)
{
    struct decision_query *query = context;
    query->count = 0;
}

static int add_decision(struct decision_query *query, const struct tw_decision *decision)
{
    if (query->count == DECISIONS_MAX) {
        return TW_ELIMIT;
    }
    if (query->count == query->capacity) {
        size_t capacity = query->capacity == 0 ? 1024 : query->capacity * 2;
        struct tw_decision *bigger = realloc(query->rows, capacity * sizeof *bigger);
        if (bigger == NULL) {
            return TW_ENOMEM;
        }
        query->rows = bigger;
        query->capacity = capacity;
    }
    query->rows[query->count++] = *decision;
    return TW_OK;
}

static int take_decisions(struct decision_query *query, sqlite3_stmt *stmt)
{
    tw_db_bind_bytes(stmt, 1, query->objective);
    tw_db_bind_int(stmt, 2, query->since_s);
    tw_db_bind_int(stmt, 3, query->until_s);
    int err = tw_db_row(stmt, NULL);
    while (err == TW_OK) {
        const struct tw_decision decision = {.objective = query->objective,
                                             .minute = sqlite3_column_int64(stmt, 0),
                                             .good = sqlite3_column_int64(stmt, 1),
                                             .bad = sqlite3_column_int64(stmt, 2)};
        err = add_decision(query, &decision);
        err = err == TW_OK ? tw_db_row(stmt, NULL) : err;
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static int decisions_of_archive(void *context, struct tw_archive_view *archive)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_archive_stmt(archive, TW_ARCHIVE_DECISIONS, &err);
    return stmt == NULL ? err : take_decisions(context, stmt);
}

static int decisions_of_part(void *context, struct tw_view *part)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_DECISIONS, &err);
    return stmt == NULL ? err : take_decisions(context, stmt);
}

static int compare_minutes(const void *a, const void *b)
{
    int64_t x = ((const struct tw_decision *)a)->minute;
    int64_t y = ((const struct tw_decision *)b)->minute;
    return x < y ? -1 : (x > y ? 1 : 0);
}

/* One row a minute; minutes in which nothing is left are none. Returns how many there are. */
static size_t join_minutes(struct tw_decision *rows, size_t count)
{
    size_t kept = 0;
    for (size_t i = 0; i < count;) {
        struct tw_decision sum = rows[i];
        for (i++; i < count && rows[i].minute == sum.minute; i++) {
            sum.good = tw_series_join(TW_SERIES_SUM, sum.good, rows[i].good, true);
            sum.bad = tw_series_join(TW_SERIES_SUM, sum.bad, rows[i].bad, true);
        }
        if (sum.good != 0 || sum.bad != 0) {
            rows[kept++] = sum;
        }
    }
    return kept;
}

int tw_reader_decisions(struct tw_reader *self, struct tw_arena *arena, struct tw_str objective,
                        int64_t since_s, int64_t until_s, const struct tw_decision **ret_items,
                        size_t *ret_count)
{
    struct decision_query query = {
        .objective = objective, .since_s = tw_bucket_of(since_s, 60), .until_s = until_s};
    struct tw_track_visit visit = {.reset = reset_decisions,
                                   .archive = decisions_of_archive,
                                   .part = decisions_of_part,
                                   .context = &query};
    int err = tw_reader_visit(self, &visit);
    if (err == TW_OK && query.count > 0) {
        qsort(query.rows, query.count, sizeof *query.rows, compare_minutes);
    }
    size_t count = err == TW_OK ? join_minutes(query.rows, query.count) : 0;
    struct tw_decision *rows =
        err == TW_OK ? tw_arena_alloc(arena, (count + 1) * sizeof *rows) : NULL;
    err = err == TW_OK && rows == NULL ? TW_ENOMEM : err;
    if (err == TW_OK) {
        if (count > 0) {
            memcpy(rows, query.rows, count * sizeof *rows);
        }
        *ret_items = rows;
        *ret_count = count;
    }
    free(query.rows);
    return err;
}
