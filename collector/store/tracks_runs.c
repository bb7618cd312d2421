/* SPDX-License-Identifier: Apache-2.0
 * Runs. What is open stands in the newest partition alone: its index gives them in order. What is
 * finished is spread over all partitions, and a row counts only if no newer partition has one of
 * the same run: those in question are taken in portions and looked for in each newer partition.
 * The best `limit` + 1 are kept by their keys; their rows are read last.
 *
 * The key of a run sorts as the list does: since (8 bytes, sign turned, big endian), workflow, NUL,
 * object type (2 bytes big endian), scope, NUL, id.
 */
#include "config.h"
#include "store/tracks.h"

#include <stdlib.h>

#include "store/reader_internal.h"

#define RUN_KEY_MAX 1024 /* 8 + name 64 + 1 + 2 + scope 255 + 1 + id 255, and some more */
#define RUNS_MAX    1000 /* of one answer */
#define PORTION     256  /* finished runs looked for in newer partitions at a time */

struct run_key {
    uint16_t len;
    uint8_t bytes[RUN_KEY_MAX];
};

/* What a key says; borrows from it. */
struct run_id {
    int64_t since;
    struct tw_str workflow;
    uint16_t type;
    struct tw_str scope;
    struct tw_str id;
};

/* ---- keys ----------------------------------------------------------------------------------- */

static uint8_t *put_text(uint8_t *to, struct tw_str text)
{
    if (text.len > 0) {
        memcpy(to, text.ptr, text.len);
    }
    return to + text.len;
}

/* The key of the row that a statement is at: since, workflow, object type, scope, id. */
static int make_key(sqlite3_stmt *stmt, struct run_key *ret_key)
{
    struct tw_str workflow = tw_db_column_bytes(stmt, 1);
    struct tw_str scope = tw_db_column_bytes(stmt, 3);
    struct tw_str id = tw_db_column_bytes(stmt, 4);
    uint64_t since = (uint64_t)sqlite3_column_int64(stmt, 0) ^ (UINT64_C(1) << 63);
    int64_t type = sqlite3_column_int64(stmt, 2);
    if (workflow.len + scope.len + id.len + 12 > RUN_KEY_MAX || type < 0 || type > UINT16_MAX) {
        return TW_EDAMAGED;
    }
    uint8_t *to = ret_key->bytes;
    for (int shift = 56; shift >= 0; shift -= 8) {
        *to++ = (uint8_t)(since >> shift);
    }
    to = put_text(to, workflow);
    *to++ = 0;
    *to++ = (uint8_t)(type >> 8);
    *to++ = (uint8_t)type;
    to = put_text(to, scope);
    *to++ = 0;
    to = put_text(to, id);
    ret_key->len = (uint16_t)(to - ret_key->bytes);
    return TW_OK;
}

/* The bytes before the next NUL; *at moves behind it. False when there is none. */
static bool take_text(const uint8_t **at, const uint8_t *end, struct tw_str *ret_text)
{
    const uint8_t *stop = memchr(*at, 0, (size_t)(end - *at));
    if (stop == NULL) {
        return false;
    }
    *ret_text = (struct tw_str){(const char *)*at, (size_t)(stop - *at)};
    *at = stop + 1;
    return true;
}

static int parse_key(struct tw_str key, struct run_id *ret_id)
{
    const uint8_t *at = (const uint8_t *)key.ptr;
    const uint8_t *end = at + key.len;
    uint64_t since = 0;
    if (key.len < 12 || key.len > RUN_KEY_MAX) {
        return TW_ESYNTAX;
    }
    for (int i = 0; i < 8; i++) {
        since = since << 8 | *at++;
    }
    ret_id->since = (int64_t)(since ^ (UINT64_C(1) << 63));
    if (!take_text(&at, end, &ret_id->workflow) || end - at < 3) {
        return TW_ESYNTAX;
    }
    ret_id->type = (uint16_t)(at[0] << 8 | at[1]);
    at += 2;
    if (!take_text(&at, end, &ret_id->scope)) {
        return TW_ESYNTAX;
    }
    ret_id->id = (struct tw_str){(const char *)at, (size_t)(end - at)};
    return TW_OK;
}

static int compare_keys(const struct run_key *a, const struct run_key *b)
{
    return tw_str_compare((struct tw_str){(const char *)a->bytes, a->len},
                          (struct tw_str){(const char *)b->bytes, b->len});
}

/* Columns of the primary key at ?1 to ?4. */
static void bind_run(sqlite3_stmt *stmt, const struct run_id *id)
{
    tw_db_bind_bytes(stmt, 1, id->workflow);
    tw_db_bind_int(stmt, 2, id->type);
    tw_db_bind_bytes(stmt, 3, id->scope);
    tw_db_bind_bytes(stmt, 4, id->id);
}

/* ---- rows ----------------------------------------------------------------------------------- */

static void read_numbers(sqlite3_stmt *stmt, struct tw_run_row *row)
{
    int64_t state = sqlite3_column_int64(stmt, 5);
    int64_t cause = sqlite3_column_int64(stmt, 6);
    row->object_type = (uint16_t)sqlite3_column_int64(stmt, 1);
    row->version = (uint64_t)sqlite3_column_int64(stmt, 4);
    row->state =
        state >= 0 && state <= TW_RUN_IS_COMPENSATED ? (enum tw_run_state)state : TW_RUN_IS_RUNNING;
    row->cause = cause >= 0 && cause < TW_CAUSE_COUNT ? (enum tw_cause)cause : TW_CAUSE_UNKNOWN;
    row->started.ns = sqlite3_column_int64(stmt, 13);
    row->since.ns = sqlite3_column_int64(stmt, 14);
    row->due.ns = sqlite3_column_int64(stmt, 15);
    row->finished.ns = sqlite3_column_int64(stmt, 16); /* NULL: 0 */
    row->updated.ns = sqlite3_column_int64(stmt, 17);
    row->amount_minor = sqlite3_column_int64(stmt, 18);
    row->first_n = (uint64_t)sqlite3_column_int64(stmt, 20);
    row->last_n = (uint64_t)sqlite3_column_int64(stmt, 21);
    row->attempts = (uint32_t)sqlite3_column_int64(stmt, 22);
    row->expected = (uint32_t)sqlite3_column_int64(stmt, 24);
    row->answered = (uint32_t)sqlite3_column_int64(stmt, 25);
}

int tw_read_run_row(sqlite3_stmt *stmt, struct tw_arena *arena, struct tw_run_row *ret_row)
{
    struct tw_run_row row = {0};
    struct tw_str currency = tw_db_column_bytes(stmt, 19);
    const struct {
        int column;
        struct tw_str *text;
    } texts[] = {
        {0, &row.workflow}, {2, &row.object_scope}, {3, &row.object_id}, {7, &row.step},
        {8, &row.system},   {9, &row.destination},  {10, &row.store},    {11, &row.region},
        {12, &row.code},    {23, &row.missing},     {26, &row.troubles},
    };
    read_numbers(stmt, &row);
    memcpy(row.currency, currency.ptr == NULL ? "" : currency.ptr,
           currency.len < sizeof row.currency ? currency.len : sizeof row.currency - 1);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        int err = tw_column_copy(stmt, texts[i].column, arena, texts[i].text);
        if (err != TW_OK) {
            return err;
        }
    }
    *ret_row = row;
    return TW_OK;
}

/* The row of a run in an entered partition. */
static int read_run(struct tw_view *part, struct tw_arena *arena, const struct run_id *id,
                    struct tw_run_row *ret_row)
{
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_RUN_ONE, &err);
    if (stmt == NULL) {
        return err;
    }
    bind_run(stmt, id);
    err = tw_db_row(stmt, NULL);
    if (err == TW_OK) {
        err = tw_read_run_row(stmt, arena, ret_row);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return err;
}

/* Enter a partition; *ret_has: it may have runs. Left again where it has none. */
static int enter(struct tw_reader *self, struct tw_view *part, bool *ret_has)
{
    int err = tw_view_enter(self, part);
    if (err != TW_OK) {
        return err;
    }
    err = tw_view_track_facts(part);
    *ret_has = err == TW_OK && part->has_tracks;
    if (!*ret_has) {
        tw_view_leave(self, part);
    }
    return err;
}

struct one_query {
    struct tw_arena *arena;
    struct run_id id;
    struct tw_run_row row;
};

static int one_attempt(struct tw_reader *self, void *context)
{
    struct one_query *query = context;
    int err = TW_ENOTFOUND;
    for (size_t i = self->part_count; i > 0 && err == TW_ENOTFOUND; i--) {
        bool has = false;
        err = enter(self, self->parts[i - 1], &has);
        if (err == TW_OK && !has) {
            err = TW_ENOTFOUND;
        } else if (err == TW_OK) {
            err = read_run(self->parts[i - 1], query->arena, &query->id, &query->row);
            tw_view_leave(self, self->parts[i - 1]);
        }
    }
    return err;
}

static struct tw_str or_empty(struct tw_str text)
{
    return text.ptr == NULL ? TW_STR_LIT("") : text;
}

int tw_reader_run(struct tw_reader *self, struct tw_arena *arena, struct tw_str workflow,
                  const struct tw_object *object, struct tw_run_row *ret_row)
{
    struct one_query query = {.arena = arena,
                              .id = {.workflow = or_empty(workflow),
                                     .type = object->type,
                                     .scope = or_empty(object->scope),
                                     .id = or_empty(object->id)}};
    int err = tw_reader_query(self, one_attempt, &query);
    if (err == TW_OK) {
        *ret_row = query.row;
    }
    return err;
}

/* ---- the best ones -------------------------------------------------------------------------- */

struct candidate {
    struct run_key key;
    size_t part; /* index in the reader's list */
    bool is_superseded;
};

struct runs_query {
    struct tw_arena *arena;
    const struct tw_run_filter *filter;
    const struct run_key *after; /* NULL: from the start */
    bool wants_total;
    size_t limit;
    uint64_t total;
    struct candidate **best; /* the first limit + 1 behind `after`, in order; best_count of them */
    size_t best_count;
    struct candidate *slots;   /* limit + 1, which `best` points to */
    struct candidate *portion; /* PORTION */
    struct tw_run_hit *hits;
};

static void keep(struct runs_query *query, const struct candidate *candidate)
{
    size_t most = query->limit + 1;
    if (query->after != NULL && compare_keys(&candidate->key, query->after) <= 0) {
        return;
    }
    if (query->best_count == most &&
        compare_keys(&candidate->key, &query->best[most - 1]->key) >= 0) {
        return;
    }
    /* a slot: the next free one, or that of the last, which falls out */
    struct candidate *slot =
        query->best_count < most ? &query->slots[query->best_count++] : query->best[most - 1];
    *slot = *candidate;
    size_t at = query->best_count - 1;
    while (at > 0 && compare_keys(&slot->key, &query->best[at - 1]->key) < 0) {
        query->best[at] = query->best[at - 1];
        at--;
    }
    query->best[at] = slot;
}

static void bind_filter(sqlite3_stmt *stmt, const struct tw_run_filter *filter)
{
    tw_db_bind_bytes(stmt, 1, filter->workflow);
    tw_db_bind_bytes(stmt, 2, filter->step);
    tw_db_bind_bytes(stmt, 3, filter->system);
    tw_db_bind_bytes(stmt, 4, filter->store);
    tw_db_bind_bytes(stmt, 5, filter->region);
    const struct {
        int index;
        bool is_asked;
        int64_t value;
    } numbers[] = {
        {6, filter->state != NULL, filter->state == NULL ? 0 : (int64_t)*filter->state},
        {7, filter->cause != NULL, filter->cause == NULL ? 0 : (int64_t)*filter->cause},
        {8, filter->until.ns != 0, filter->until.ns},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (numbers[i].is_asked) {
            tw_db_bind_int(stmt, numbers[i].index, numbers[i].value);
        } else {
            TW_ASSERT(sqlite3_bind_null(stmt, numbers[i].index) == SQLITE_OK);
        }
    }
}

/* Where a list goes on: the run's columns at ?10 to ?13 behind `first` at ?9. */
static void bind_after(sqlite3_stmt *stmt, int64_t first, const struct run_id *after, size_t limit)
{
    const struct run_id start = {
        .workflow = TW_STR_LIT(""), .scope = TW_STR_LIT(""), .id = TW_STR_LIT("")};
    const struct run_id *from = after == NULL ? &start : after;
    tw_db_bind_int(stmt, 9, first);
    tw_db_bind_bytes(stmt, 10, from->workflow);
    tw_db_bind_int(stmt, 11, after == NULL ? -1 : from->type);
    tw_db_bind_bytes(stmt, 12, from->scope);
    tw_db_bind_bytes(stmt, 13, from->id);
    tw_db_bind_int(stmt, 14, (int64_t)limit);
}

/* ---- open runs: of the newest partition ------------------------------------------------------ */

static bool has_conditions(const struct tw_run_filter *filter)
{
    return filter->step.ptr != NULL || filter->system.ptr != NULL || filter->store.ptr != NULL ||
           filter->region.ptr != NULL || filter->state != NULL || filter->cause != NULL ||
           filter->until.ns != 0;
}

static int count_open(struct tw_view *part, struct runs_query *query)
{
    static const enum tw_view_stmt which[2][2] = {
        {TW_STMT_RUNS_OPEN_ALL, TW_STMT_RUNS_OPEN_OF_ALL},
        {TW_STMT_RUNS_OPEN_COUNT, TW_STMT_RUNS_OPEN_OF_COUNT},
    };
    int err = TW_OK;
    bool is_one = query->filter->workflow.ptr != NULL;
    bool is_picky = has_conditions(query->filter);
    sqlite3_stmt *stmt = tw_view_stmt(part, which[is_picky][is_one], &err);
    if (stmt == NULL) {
        return err;
    }
    if (is_picky) {
        bind_filter(stmt, query->filter);
    } else if (is_one) {
        tw_db_bind_bytes(stmt, 1, query->filter->workflow);
    }
    err = tw_db_row(stmt, NULL);
    if (err == TW_OK) {
        query->total += (uint64_t)sqlite3_column_int64(stmt, 0);
        (void)sqlite3_reset(stmt); /* it gave its row */
    }
    return err;
}

/* Where the runs of one workflow begin behind `after`, which may be of another. */
static void bind_place(sqlite3_stmt *stmt, const struct runs_query *query,
                       const struct run_id *after, struct tw_str workflow)
{
    size_t most = query->limit + 1;
    int order = query->after == NULL ? 0 : tw_str_compare(workflow, after->workflow);
    if (query->after == NULL) {
        bind_after(stmt, INT64_MIN, NULL, most);
    } else if (order == 0) {
        bind_after(stmt, after->since, after, most);
    } else {
        /* of equal times those of a workflow further on are behind it, the others before */
        bool is_next = order < 0 && after->since < INT64_MAX;
        bind_after(stmt, after->since + (is_next ? 1 : 0), NULL, most);
    }
}

static int list_open(struct tw_view *part, size_t index, struct runs_query *query,
                     struct tw_str workflow)
{
    int err = TW_OK;
    struct run_id after = {0};
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_RUNS_OPEN_OF, &err);
    if (stmt == NULL) {
        return err;
    }
    if (query->after != NULL) {
        err = parse_key((struct tw_str){(const char *)query->after->bytes, query->after->len},
                        &after);
    }
    bind_filter(stmt, query->filter);
    tw_db_bind_bytes(stmt, 1, workflow);
    bind_place(stmt, query, &after, workflow);
    err = err == TW_OK ? tw_db_row(stmt, NULL) : err;
    while (err == TW_OK) {
        struct candidate *candidate = &query->portion[0];
        candidate->part = index;
        err = make_key(stmt, &candidate->key);
        if (err == TW_OK) {
            keep(query, candidate);
            err = tw_db_row(stmt, NULL);
        }
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

/* Workflow by workflow: the index gives each in order, and there are few. */
static int list_workflows(struct tw_view *part, size_t index, struct runs_query *query)
{
    char name[RUN_KEY_MAX];
    struct tw_str workflow = {name, 0};
    int err = TW_OK;
    while (err == TW_OK) {
        sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_RUNS_WORKFLOW, &err);
        if (stmt == NULL) {
            return err;
        }
        tw_db_bind_bytes(stmt, 1, workflow);
        err = tw_db_row(stmt, NULL);
        if (err == TW_OK) {
            struct tw_str next = tw_db_column_bytes(stmt, 0);
            err = next.len == 0 || next.len > sizeof name ? TW_EDAMAGED : TW_OK;
            if (err == TW_OK) {
                memcpy(name, next.ptr, next.len);
                workflow.len = next.len;
            }
            (void)sqlite3_reset(stmt); /* it gave its row */
        }
        err = err == TW_OK ? list_open(part, index, query, workflow) : err;
    }
    return err == TW_ENOTFOUND ? TW_OK : err;
}

static int take_open(struct tw_reader *self, size_t index, struct runs_query *query)
{
    bool has = false;
    int err = enter(self, self->parts[index], &has);
    if (err != TW_OK || !has) {
        return err;
    }
    err = query->filter->workflow.ptr != NULL
              ? list_open(self->parts[index], index, query, query->filter->workflow)
              : list_workflows(self->parts[index], index, query);
    if (err == TW_OK && query->wants_total) {
        err = count_open(self->parts[index], query);
    }
    tw_view_leave(self, self->parts[index]);
    return err;
}

/* ---- finished runs: of all partitions -------------------------------------------------------- */

/* Where the portions of one partition are. */
struct place {
    int64_t finished;
    struct run_key key; /* of the last one; len 0: from the start */
};

static int next_portion(struct tw_view *part, size_t index, struct runs_query *query,
                        struct place *place, size_t *ret_count)
{
    int err = TW_OK;
    size_t count = 0;
    struct run_id after = {0};
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_RUNS_FINISHED, &err);
    if (stmt == NULL) {
        return err;
    }
    if (place->key.len > 0) {
        err = parse_key((struct tw_str){(const char *)place->key.bytes, place->key.len}, &after);
    }
    bind_filter(stmt, query->filter);
    bind_after(stmt, place->finished, place->key.len == 0 ? NULL : &after, PORTION);
    err = err == TW_OK ? tw_db_row(stmt, NULL) : err;
    while (err == TW_OK && count < PORTION) {
        struct candidate *candidate = &query->portion[count];
        candidate->part = index;
        candidate->is_superseded = false;
        err = make_key(stmt, &candidate->key);
        if (err == TW_OK) {
            place->finished = sqlite3_column_int64(stmt, 5);
            count++;
            err = tw_db_row(stmt, NULL);
        }
    }
    if (count > 0) {
        place->key = query->portion[count - 1].key;
    }
    *ret_count = count;
    return err == TW_ENOTFOUND ? TW_OK : err;
}

/* Which of them have a row in an entered, newer partition. */
static int probe(struct tw_view *newer, struct runs_query *query, size_t count)
{
    int err = TW_OK;
    for (size_t i = 0; err == TW_OK && i < count; i++) {
        struct candidate *candidate = &query->portion[i];
        struct run_id id;
        sqlite3_stmt *stmt = tw_view_stmt(newer, TW_STMT_RUN_HAS, &err);
        if (stmt == NULL || candidate->is_superseded) {
            continue;
        }
        err =
            parse_key((struct tw_str){(const char *)candidate->key.bytes, candidate->key.len}, &id);
        if (err == TW_OK) {
            bind_run(stmt, &id);
            err = tw_db_row(stmt, NULL);
            candidate->is_superseded = err == TW_OK;
            err = err == TW_ENOTFOUND ? TW_OK : err;
        }
    }
    return err;
}

static int probe_newer(struct tw_reader *self, size_t index, struct runs_query *query, size_t count)
{
    int err = TW_OK;
    for (size_t i = index + 1; err == TW_OK && i < self->part_count; i++) {
        bool has = false;
        err = enter(self, self->parts[i], &has);
        if (err == TW_OK && has) {
            err = probe(self->parts[i], query, count);
            tw_view_leave(self, self->parts[i]);
        }
    }
    return err;
}

static int take_finished(struct tw_reader *self, size_t index, struct runs_query *query)
{
    struct place place = {.finished =
                              query->filter->since.ns == 0 ? INT64_MIN : query->filter->since.ns};
    size_t count = PORTION;
    int err = TW_OK;
    while (err == TW_OK && count == PORTION) {
        bool has = false;
        count = 0;
        err = enter(self, self->parts[index], &has);
        if (err != TW_OK || !has) {
            return err;
        }
        err = next_portion(self->parts[index], index, query, &place, &count);
        tw_view_leave(self, self->parts[index]);
        if (err == TW_OK && count > 0) {
            err = probe_newer(self, index, query, count);
        }
        for (size_t i = 0; err == TW_OK && i < count; i++) {
            if (!query->portion[i].is_superseded) {
                query->total++;
                keep(query, &query->portion[i]);
            }
        }
    }
    return err;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Rows of those that were kept, partition by partition. */
static int read_hits(struct tw_reader *self, struct runs_query *query)
{
    size_t count = query->best_count < query->limit ? query->best_count : query->limit;
    int err = TW_OK;
    for (size_t p = 0; err == TW_OK && p < self->part_count; p++) {
        bool is_entered = false;
        for (size_t i = 0; err == TW_OK && i < count; i++) {
            const struct candidate *one = query->best[i];
            struct run_id id;
            if (one->part != p) {
                continue;
            }
            err = is_entered ? TW_OK : enter(self, self->parts[p], &is_entered);
            struct tw_str key = {(const char *)one->key.bytes, one->key.len};
            err = err == TW_OK ? parse_key(key, &id) : err;
            err = err == TW_OK ? read_run(self->parts[p], query->arena, &id, &query->hits[i].row)
                               : err;
            query->hits[i].key = tw_arena_copy(query->arena, key);
            err = err == TW_OK && query->hits[i].key.ptr == NULL ? TW_ENOMEM : err;
        }
        if (is_entered) {
            tw_view_leave(self, self->parts[p]);
        }
    }
    return err == TW_ENOTFOUND ? TW_EDAMAGED : err;
}

/* The newest partition that was committed to: what is behind it is empty. */
static int find_newest(struct tw_reader *self, size_t *ret_index)
{
    struct tw_view *part = NULL;
    int err = tw_reader_enter_newest(self, &part);
    if (err != TW_OK || part == NULL) {
        return err == TW_OK ? TW_ENOTFOUND : err;
    }
    tw_view_leave(self, part);
    size_t i = self->part_count;
    while (i > 0 && self->parts[i - 1] != part) {
        i--;
    }
    *ret_index = i - 1;
    return TW_OK;
}

static int runs_attempt(struct tw_reader *self, void *context)
{
    struct runs_query *query = context;
    size_t newest = 0;
    query->total = 0;
    query->best_count = 0;
    int err = find_newest(self, &newest);
    if (err != TW_OK) {
        return err == TW_ENOTFOUND ? TW_OK : err;
    }
    err = take_open(self, newest, query);
    for (size_t i = newest + 1; err == TW_OK && i > 0 && !query->filter->open_only; i--) {
        err = take_finished(self, i - 1, query);
    }
    return err == TW_OK ? read_hits(self, query) : err;
}

static int make_room(struct runs_query *query)
{
    query->best = calloc(query->limit + 1, sizeof(struct candidate *));
    query->slots = calloc(query->limit + 1, sizeof *query->slots);
    query->portion = calloc(PORTION, sizeof *query->portion);
    query->hits = tw_arena_zalloc(query->arena, (query->limit + 1) * sizeof *query->hits);
    return query->best == NULL || query->slots == NULL || query->portion == NULL ||
                   query->hits == NULL
               ? TW_ENOMEM
               : TW_OK;
}

int tw_reader_runs(struct tw_reader *self, struct tw_arena *arena,
                   const struct tw_run_filter *filter, const struct tw_run_hit **ret_hits,
                   size_t *ret_count, bool *ret_more, uint64_t *ret_total)
{
    struct runs_query query = {.arena = arena,
                               .filter = filter,
                               .wants_total = ret_total != NULL,
                               .limit = filter->limit > RUNS_MAX ? RUNS_MAX : filter->limit};
    struct run_key after;
    struct run_id unused;
    if (filter->after.ptr != NULL) {
        int err = parse_key(filter->after, &unused);
        if (err != TW_OK) {
            return err;
        }
        memcpy(after.bytes, filter->after.ptr, filter->after.len);
        after.len = (uint16_t)filter->after.len;
        query.after = &after;
    }
    int err = make_room(&query);
    if (err == TW_OK) {
        tw_reader_hold(self); /* the newest partition must stay as it is until its rows are read */
        err = tw_reader_query(self, runs_attempt, &query);
        tw_reader_release(self);
    }
    if (err == TW_OK) {
        *ret_hits = query.hits;
        *ret_more = query.best_count > query.limit;
        *ret_count = query.best_count > query.limit ? query.limit : query.best_count;
        if (ret_total != NULL) {
            *ret_total = query.total;
        }
    }
    free(query.best);
    free(query.slots);
    free(query.portion);
    return err;
}
