/* SPDX-License-Identifier: Apache-2.0
 * What becomes of runs in each region, by workflow. A run belongs to the region that its earliest
 * event names, of those that name one; where none does, to that of its store, as the latest event
 * of the store says that names one; else to none. A fan-out waits for many stores: the region of a
 * store says nothing of it, only that of an event without a store does.
 *
 * The region of a store may be learned when runs of the store are there already, and change. Those
 * runs are looked for among all, at a tick, at most every MOVE_NS, and only if there are any: what
 * stores say of themselves changes once in years. All of this is a function of the events and
 * ticks, so that a replay counts alike. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "track/internal.h"

#define MOVE_NS (10 * TW_NS_PER_S)
/* Rows that a workflow has room for at first. */
#define FIRST_ROWS 4

/* What a run is counted as: its state, and ... */
#define SAYS_STATE   7u
#define SAYS_COUNTED 8u /* ... that it is counted by state, */
#define SAYS_OPEN    16u
#define SAYS_ENDED   32u
#define SAYS_FAILED  64u /* ... once */

_Static_assert(TW_RUN_IS_COMPENSATED <= SAYS_STATE, "states fit");

/* --- what is known of stores ------------------------------------------------------------------ */

int tw_regions_room(struct tw_tracker *self, uint32_t store)
{
    if (store <= self->store_region_count) {
        return TW_OK;
    }
    size_t count = self->store_region_count == 0 ? 64 : self->store_region_count;
    while (count < store) {
        count *= 2;
    }
    struct tw_store_region *rows = realloc(self->store_regions, count * sizeof *rows);
    if (rows == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = self->store_region_count; i < count; i++) {
        rows[i] = (struct tw_store_region){.named_ns = INT64_MIN};
    }
    self->store_regions = rows;
    self->store_region_count = count;
    return TW_OK;
}

bool tw_regions_is_before(const struct tw_tracker *self, uint32_t a, uint32_t b)
{
    return strcmp(tw_words_text(&self->regions, a), tw_words_text(&self->regions, b)) < 0;
}

int tw_regions_learn(struct tw_tracker *self, const struct tw_seen *seen)
{
    int rc = tw_regions_room(self, seen->store);
    if (rc != TW_OK || seen->store == 0 || seen->region == 0) {
        return rc;
    }
    struct tw_store_region *row = &self->store_regions[seen->store - 1];
    bool is_later =
        seen->time.ns > row->named_ns ||
        (seen->time.ns == row->named_ns && tw_regions_is_before(self, seen->region, row->named));
    if (!is_later) {
        return TW_OK;
    }
    row->named_ns = seen->time.ns;
    row->named = (uint16_t)seen->region; /* words: TW_TRACK_WORDS_MAX */
    if (row->runs == 0) {
        row->counted = row->named;
    }
    self->has_moved = self->has_moved || row->counted != row->named;
    return TW_OK;
}

/* --- one run ---------------------------------------------------------------------------------- */

/* Whether the run has the region of its store. */
static bool has_of_store(const struct tw_tracker *self, const struct tw_open_run *run)
{
    return run->region == 0 && run->store != 0 && !self->flows[run->version].is_fan_out;
}

uint32_t tw_regions_of(const struct tw_tracker *self, const struct tw_open_run *run)
{
    return has_of_store(self, run) ? self->store_regions[run->store - 1].counted : run->region;
}

unsigned tw_regions_says(const struct tw_open_run *run)
{
    if ((run->flags & TW_RUN_STARTED) == 0) {
        return 0;
    }
    bool is_counted = (run->flags & TW_RUN_GIVEN_UP) == 0;
    bool is_ended = (run->flags & TW_RUN_ENDED) != 0;
    return (is_counted ? run->state | SAYS_COUNTED : 0) |
           (is_counted && !is_ended ? SAYS_OPEN : 0) | (is_ended ? SAYS_ENDED : 0) |
           ((run->flags & TW_RUN_FAILURE) != 0 ? SAYS_FAILED : 0);
}

/* The row of a region; TW_TRACK_REGION_ROWS: it has none, and there is room for one. */
static uint32_t find_row(const struct tw_flow_stats *stats, uint32_t region)
{
    uint32_t i = 0;
    if (region == 0) {
        return TW_TRACK_REGION_NONE;
    }
    while (i < stats->region_count && stats->region_words[i] != region) {
        i++;
    }
    if (i < stats->region_count) {
        return TW_TRACK_REGION_FIRST + i;
    }
    return i == TW_TRACK_REGIONS_MAX ? TW_TRACK_REGION_OTHER : TW_TRACK_REGION_ROWS;
}

static int grow_rows(struct tw_flow_stats *stats, uint32_t count)
{
    uint32_t room = stats->region_room == 0 ? FIRST_ROWS : stats->region_room;
    while (room < count) {
        room *= 2;
    }
    room = room > TW_TRACK_REGION_ROWS ? TW_TRACK_REGION_ROWS : room;
    if (room == stats->region_room) {
        return TW_OK;
    }
    struct tw_region_stats *rows = realloc(stats->regions, room * sizeof *rows);
    if (rows == NULL) {
        return TW_ENOMEM;
    }
    for (uint32_t i = stats->region_room; i < room; i++) {
        rows[i] = (struct tw_region_stats){.done_sum = {.series = TW_TRACK_NONE},
                                           .failed_sum = {.series = TW_TRACK_NONE},
                                           .open_last = {.series = TW_TRACK_NONE},
                                           .overdue_last = {.series = TW_TRACK_NONE}};
    }
    stats->regions = rows;
    stats->region_room = room;
    return TW_OK;
}

/* A row for the region, if there is room for one: else it is among the others. */
static int make_row(struct tw_flow_stats *stats, uint32_t region)
{
    if (find_row(stats, region) != TW_TRACK_REGION_ROWS) {
        return TW_OK;
    }
    int rc = grow_rows(stats, TW_TRACK_REGION_FIRST + stats->region_count + 1);
    if (rc == TW_OK) {
        stats->region_words[stats->region_count++] = (uint16_t)region; /* words */
    }
    return rc;
}

/* That of a run: it was made when the run came into the region. */
static struct tw_region_stats *row_of(struct tw_flow_stats *stats, uint32_t region)
{
    uint32_t row = find_row(stats, region);
    TW_ASSERT(row < TW_TRACK_REGION_ROWS);
    return &stats->regions[row];
}

static struct tw_flow_stats *stats_of(const struct tw_tracker *self, const struct tw_open_run *run)
{
    return &self->stats[self->flows[run->version].stats];
}

static void book(struct tw_region_stats *row, unsigned says, bool is_more)
{
    uint64_t one = is_more ? 1 : UINT64_MAX; /* wraps around: one less */
    int64_t step = is_more ? 1 : -1;
    if ((says & SAYS_COUNTED) != 0) {
        row->by_state[says & SAYS_STATE] += one;
    }
    row->open += (says & SAYS_OPEN) != 0 ? one : 0;
    row->failures += (says & SAYS_FAILED) != 0 ? one : 0;
    row->done_sum.value += (says & SAYS_ENDED) != 0 ? step : 0;
    row->failed_sum.value += (says & SAYS_FAILED) != 0 ? step : 0;
}

void tw_regions_change(struct tw_tracker *self, const struct tw_open_run *run, unsigned said)
{
    unsigned says = tw_regions_says(run);
    if (says == said) {
        return;
    }
    struct tw_flow_stats *stats = stats_of(self, run);
    struct tw_region_stats *row = row_of(stats, tw_regions_of(self, run));
    book(row, said, false);
    book(row, says, true);
    stats->is_changed = true;
}

/* In a region, or there no more. */
static void count_in(struct tw_tracker *self, const struct tw_open_run *run, uint32_t region,
                     bool is_more)
{
    struct tw_flow_stats *stats = stats_of(self, run);
    unsigned says = tw_regions_says(run);
    if (says != 0) {
        book(row_of(stats, region), says, is_more);
        stats->is_changed = true;
    }
}

void tw_regions_leave(struct tw_tracker *self, const struct tw_open_run *run)
{
    count_in(self, run, tw_regions_of(self, run), false);
    if (has_of_store(self, run)) {
        self->store_regions[run->store - 1].runs--;
    }
}

int tw_regions_join(struct tw_tracker *self, const struct tw_open_run *run)
{
    if (has_of_store(self, run)) {
        struct tw_store_region *row = &self->store_regions[run->store - 1];
        row->counted = row->runs == 0 ? row->named : row->counted;
        row->runs++;
    }
    int rc = make_row(stats_of(self, run), tw_regions_of(self, run));
    if (rc == TW_OK) {
        count_in(self, run, tw_regions_of(self, run), true);
    }
    return rc;
}

void tw_regions_forget(struct tw_tracker *self, const struct tw_open_run *run)
{
    if (has_of_store(self, run)) {
        self->store_regions[run->store - 1].runs--;
    }
}

int tw_regions_restore(struct tw_tracker *self, const struct tw_open_run *run)
{
    struct tw_flow_stats *stats = stats_of(self, run);
    unsigned says = tw_regions_says(run);
    if (has_of_store(self, run)) {
        self->store_regions[run->store - 1].runs++;
    }
    int rc = make_row(stats, tw_regions_of(self, run));
    if (rc == TW_OK && (says & SAYS_OPEN) != 0) { /* the others are among what was saved */
        struct tw_region_stats *row = row_of(stats, tw_regions_of(self, run));
        row->by_state[says & SAYS_STATE]++;
        row->open++;
    }
    return rc;
}

/* --- stores whose region has become another --------------------------------------------------- */

int tw_regions_tick(struct tw_tracker *self)
{
    if (!self->has_moved || self->now_ns - self->moved_ns < MOVE_NS) {
        return TW_OK;
    }
    int rc = TW_OK;
    for (uint32_t id = 0; id < self->run_count && rc == TW_OK; id++) {
        const struct tw_open_run *run = self->runs[id];
        if (run == NULL || !has_of_store(self, run)) {
            continue;
        }
        const struct tw_store_region *row = &self->store_regions[run->store - 1];
        if (row->counted != row->named) {
            rc = make_row(stats_of(self, run), row->named);
            if (rc != TW_OK) {
                break;
            }
            count_in(self, run, row->counted, false);
            count_in(self, run, row->named, true);
            rc = (run->flags & TW_RUN_LISTED) != 0 ? tw_runs_mark_dirty(self, id) : TW_OK;
        }
    }
    for (size_t i = 0; i < self->store_region_count; i++) {
        self->store_regions[i].counted = self->store_regions[i].named;
    }
    self->has_moved = false;
    self->moved_ns = self->now_ns;
    return rc;
}

/* --- life ------------------------------------------------------------------------------------- */

int tw_regions_init(struct tw_flow_stats *stats)
{
    return grow_rows(stats, TW_TRACK_REGION_FIRST);
}

const char *tw_regions_name(const struct tw_tracker *self, const struct tw_flow_stats *stats,
                            size_t row)
{
    if (row < TW_TRACK_REGION_FIRST) {
        return row == TW_TRACK_REGION_NONE ? TW_TRACK_NO_REGION : TW_TRACK_OTHER_REGIONS;
    }
    return tw_words_text(&self->regions, stats->region_words[row - TW_TRACK_REGION_FIRST]);
}

void tw_regions_settle_replay(struct tw_flow_stats *stats)
{
    for (size_t i = 0; i < stats->region_room; i++) {
        stats->regions[i].done_sum.value = 0;
        stats->regions[i].failed_sum.value = 0;
    }
}

uint64_t tw_regions_bytes(const struct tw_tracker *self)
{
    uint64_t bytes =
        self->store_region_count * sizeof *self->store_regions + tw_places_bytes(&self->places);
    for (size_t i = 0; i < self->stats_count; i++) {
        bytes += self->stats[i].region_room * sizeof *self->stats[i].regions;
    }
    return bytes;
}

/* --- the state -------------------------------------------------------------------------------- */

static void put(struct tw_buf *buf, uint64_t value)
{
    (void)tw_buf_append_varint(buf, value); /* errors are sticky */
}

void tw_regions_save(const struct tw_tracker *self, struct tw_buf *buf)
{
    put(buf, tw_zigzag(self->moved_ns));
    put(buf, self->has_moved ? 1 : 0);
    put(buf, self->store_region_count);
    for (size_t i = 0; i < self->store_region_count; i++) {
        put(buf, tw_zigzag(self->store_regions[i].named_ns));
        put(buf, self->store_regions[i].named);
        put(buf, self->store_regions[i].counted);
    }
}

int tw_regions_read(struct tw_tracker *self, struct tw_cursor *cursor)
{
    self->moved_ns = tw_unzigzag(tw_cursor_varint(cursor));
    self->has_moved = tw_cursor_varint(cursor) != 0;
    uint64_t count = tw_cursor_varint(cursor);
    if (cursor->failed || count > (uint64_t)(cursor->end - cursor->p) ||
        !tw_track_is_time(self->moved_ns)) {
        return TW_EDAMAGED;
    }
    uint32_t least = count > self->stores.count ? (uint32_t)count : self->stores.count;
    int rc = tw_regions_room(self, least); /* a run may be of any store that has a word */
    for (uint64_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_store_region *row = &self->store_regions[i];
        row->named_ns = tw_unzigzag(tw_cursor_varint(cursor));
        uint64_t named = tw_cursor_varint(cursor);
        uint64_t counted = tw_cursor_varint(cursor);
        if (cursor->failed || named > self->regions.count || counted > self->regions.count) {
            return TW_EDAMAGED;
        }
        row->named = (uint16_t)named;
        row->counted = (uint16_t)counted;
    }
    return rc;
}

void tw_regions_save_flow(const struct tw_flow_stats *stats, struct tw_buf *buf)
{
    put(buf, stats->region_count);
    for (size_t i = 0; i < stats->region_count; i++) {
        put(buf, stats->region_words[i]);
    }
    for (size_t i = 0; i < TW_TRACK_REGION_FIRST + stats->region_count; i++) {
        const struct tw_region_stats *row = &stats->regions[i];
        for (int k = TW_RUN_IS_RUNNING; k <= TW_RUN_IS_COMPENSATED; k++) {
            put(buf, row->by_state[k]);
        }
        put(buf, row->failures);
    }
}

static bool is_open_state(int state)
{
    return state == TW_RUN_IS_RUNNING || state == TW_RUN_IS_FAILED || state == TW_RUN_IS_OVERDUE;
}

/* The regions that have rows, each once; NULL: read and left. */
static int read_flow_words(const struct tw_tracker *self, struct tw_flow_stats *stats,
                           struct tw_cursor *cursor, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t word = tw_cursor_varint(cursor);
        if (cursor->failed || word == 0 || word > self->regions.count) {
            return TW_EDAMAGED;
        }
        if (stats == NULL) {
            continue;
        }
        for (uint32_t k = 0; k < i; k++) {
            if (stats->region_words[k] == word) {
                return TW_EDAMAGED;
            }
        }
        stats->region_words[i] = (uint16_t)word;
    }
    return TW_OK;
}

int tw_regions_read_flow(const struct tw_tracker *self, struct tw_flow_stats *stats,
                         struct tw_cursor *cursor)
{
    uint64_t known = tw_cursor_varint(cursor);
    if (cursor->failed || known > TW_TRACK_REGIONS_MAX) {
        return TW_EDAMAGED;
    }
    int rc = read_flow_words(self, stats, cursor, (uint32_t)known);
    if (rc == TW_OK && stats != NULL) {
        rc = grow_rows(stats, TW_TRACK_REGION_FIRST + (uint32_t)known);
    }
    if (rc != TW_OK) {
        return rc;
    }
    for (uint64_t i = 0; i < TW_TRACK_REGION_FIRST + known; i++) {
        struct tw_region_stats nobody = {0};
        struct tw_region_stats *row = stats == NULL ? &nobody : &stats->regions[i];
        for (int k = TW_RUN_IS_RUNNING; k <= TW_RUN_IS_COMPENSATED; k++) {
            uint64_t value = tw_cursor_varint(cursor);
            row->by_state[k] = is_open_state(k) ? 0 : value; /* they come with their runs */
        }
        row->failures = tw_cursor_varint(cursor);
    }
    if (stats != NULL) {
        stats->region_count = (uint32_t)known;
    }
    return cursor->failed ? TW_EDAMAGED : TW_OK;
}
