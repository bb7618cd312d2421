/* SPDX-License-Identifier: Apache-2.0
 * A partition is left for the next one when that has commits: nothing is added to the one before
 * from then on. The later one is looked at first, so that what was committed between two looks is
 * not passed over.
 */
#include "config.h"
#include "store/setbacks.h"

#include "store/reader_internal.h"
#include "store/track_write.h"

#define SETBACKS_MAX 1000 /* of one answer */

struct setbacks_query {
    struct tw_arena *arena;
    const struct tw_setback_place *place;
    size_t limit;
    struct tw_setback *items;
    size_t count;
    struct tw_setback_place next;
};

static struct tw_str or_empty(struct tw_str text)
{
    return text.ptr == NULL ? TW_STR_LIT("") : text;
}

static int take(sqlite3_stmt *stmt, struct setbacks_query *query)
{
    struct tw_setback *item = &query->items[query->count];
    int err = tw_read_run_row(stmt, query->arena, &item->row);
    item->changed = (uint64_t)sqlite3_column_int64(stmt, TW_TRACKED_RUN_COLUMN_COUNT);
    err = err == TW_OK
              ? tw_column_copy(stmt, TW_TRACKED_RUN_COLUMN_COUNT + 1, query->arena, &item->steps)
              : err;
    query->count += err == TW_OK ? 1 : 0;
    return err;
}

/* Those of an entered partition behind the place, which may be in an earlier one. */
static int read_part(struct tw_view *part, struct setbacks_query *query)
{
    static const struct tw_setback_place start = {0};
    const struct tw_setback_place *from =
        query->place->part == part->number ? query->place : &start;
    int err = TW_OK;
    sqlite3_stmt *stmt = tw_view_stmt(part, TW_STMT_SETBACKS, &err);
    if (stmt == NULL) {
        return err;
    }
    tw_db_bind_int(stmt, 1, (int64_t)from->changed);
    tw_db_bind_bytes(stmt, 2, or_empty(from->workflow));
    tw_db_bind_int(stmt, 3, from->object_type);
    tw_db_bind_bytes(stmt, 4, or_empty(from->object_scope));
    tw_db_bind_bytes(stmt, 5, or_empty(from->object_id));
    tw_db_bind_int(stmt, 6, (int64_t)query->limit);
    err = tw_db_row(stmt, NULL);
    while (err == TW_OK && query->count < query->limit) {
        err = take(stmt, query);
        err = err == TW_OK && query->count < query->limit ? tw_db_row(stmt, NULL) : err;
    }
    (void)sqlite3_reset(stmt); /* repeats an error that is returned */
    if (err != TW_OK && err != TW_ENOTFOUND) {
        return err;
    }
    query->next = *from;
    query->next.part = part->number;
    if (query->count > 0) {
        const struct tw_setback *last = &query->items[query->count - 1];
        query->next = (struct tw_setback_place){
            .part = part->number,
            .changed = last->changed,
            .workflow = last->row.workflow,
            .object_type = last->row.object_type,
            .object_scope = last->row.object_scope,
            .object_id = last->row.object_id,
        };
    }
    return TW_OK;
}

/* Whether a partition behind this one has been committed to. */
static int has_later(struct tw_reader *self, size_t index, bool *ret_has)
{
    int err = TW_OK;
    *ret_has = false;
    for (size_t i = index + 1; i < self->part_count && err == TW_OK && !*ret_has; i++) {
        err = tw_view_know(self, self->parts[i]);
        *ret_has = err == TW_OK && self->parts[i]->meta.commits > 0;
    }
    return err;
}

static int setbacks_attempt(struct tw_reader *self, void *context)
{
    struct setbacks_query *query = context;
    int err = TW_OK;
    bool is_over = false;
    query->count = 0;
    query->next = *query->place;
    for (size_t i = 0; i < self->part_count && err == TW_OK && !is_over; i++) {
        struct tw_view *part = self->parts[i];
        bool has_later_one = false;
        if (part->number < query->place->part) {
            continue;
        }
        err = has_later(self, i, &has_later_one);
        err = err == TW_OK ? tw_view_enter(self, part) : err;
        if (err == TW_OK) {
            err = tw_view_track_facts(part);
            err = err == TW_OK && part->has_setbacks ? read_part(part, query) : err;
            tw_view_leave(self, part);
        }
        is_over = query->count > 0 || !has_later_one;
    }
    return err;
}

int tw_reader_setbacks(struct tw_reader *self, struct tw_arena *arena,
                       const struct tw_setback_place *place, size_t limit,
                       const struct tw_setback **ret_items, size_t *ret_count,
                       struct tw_setback_place *ret_place)
{
    struct setbacks_query query = {
        .arena = arena, .place = place, .limit = limit > SETBACKS_MAX ? SETBACKS_MAX : limit};
    query.items = tw_arena_zalloc(arena, (query.limit + 1) * sizeof *query.items);
    int err = query.items == NULL ? TW_ENOMEM : tw_reader_query(self, setbacks_attempt, &query);
    if (err == TW_OK) {
        *ret_items = query.items;
        *ret_count = query.count;
        *ret_place = query.next;
    }
    return err;
}
