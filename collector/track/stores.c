/* SPDX-License-Identifier: Apache-2.0
 * What waits in each store: counts that follow every change of a run, and the oldest that waits.
 * A run belongs to the store of its earliest event that names one; fan-outs belong to none, since
 * they wait for many. Stores beyond TW_TRACK_STORES_MAX share one row, the "other".
 *
 * The oldest comes from a heap of runs by the time since which they wait. A run is put in once,
 * when it begins to wait, and its entry is not touched when it goes on to the next step: that only
 * makes it wait since later, so that an entry is never later than its run. Whoever asks for the
 * oldest looks at the top: what does not wait there any more is dropped, what waits since later
 * goes down, and the first that is right is the oldest. So an event costs O(1), a run one entry
 * and, once, O(log n). Entries that nobody came across are swept out before a heap would grow to
 * much more than what waits. */
#include "config.h"

#include <stdlib.h>

#include "core/err.h"
#include "track/internal.h"

#define FIRST_ROOM 16
#define SLACK      64 /* entries out of date that are no reason to sweep */

/* --- entries ---------------------------------------------------------------------------------- */

static struct tw_store_entry entry_of(int64_t since_ns, uint32_t run)
{
    int64_t s = since_ns / TW_NS_PER_S;
    if (since_ns < TW_NS_PER_S) { /* second 0 says that a run has no entry */
        return (struct tw_store_entry){1, 0, run};
    }
    if (s > UINT32_MAX) {
        return (struct tw_store_entry){UINT32_MAX, 0, run};
    }
    return (struct tw_store_entry){(uint32_t)s, (uint32_t)(since_ns % TW_NS_PER_S), run};
}

static bool is_before(const struct tw_store_entry *a, const struct tw_store_entry *b)
{
    if (a->since_s != b->since_s) {
        return a->since_s < b->since_s;
    }
    return a->since_ns != b->since_ns ? a->since_ns < b->since_ns : a->run < b->run;
}

static void move_up(struct tw_store_stats *row, uint32_t at)
{
    struct tw_store_entry entry = row->entries[at];
    while (at > 0 && is_before(&entry, &row->entries[(at - 1) / 2])) {
        row->entries[at] = row->entries[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    row->entries[at] = entry;
}

static void move_down(struct tw_store_stats *row, uint32_t at)
{
    struct tw_store_entry entry = row->entries[at];
    for (;;) {
        uint32_t child = at * 2 + 1;
        if (child >= row->count) {
            break;
        }
        bool is_right =
            child + 1 < row->count && is_before(&row->entries[child + 1], &row->entries[child]);
        child += is_right ? 1 : 0;
        if (!is_before(&row->entries[child], &entry)) {
            break;
        }
        row->entries[at] = row->entries[child];
        at = child;
    }
    row->entries[at] = entry;
}

static void drop_top(struct tw_store_stats *row)
{
    row->entries[0] = row->entries[--row->count];
    if (row->count > 0) {
        move_down(row, 0);
    }
}

/* --- rows ------------------------------------------------------------------------------------- */

/* The row of a run; TW_TRACK_NONE: it belongs to no store. */
static uint32_t row_of(const struct tw_tracker *self, const struct tw_open_run *run)
{
    if (run->store == 0 || self->flows[run->version].is_fan_out) {
        return TW_TRACK_NONE;
    }
    return run->store > TW_TRACK_STORES_MAX ? 0 : run->store;
}

static int grow_rows(struct tw_tracker *self, uint32_t index)
{
    if (index < self->store_stats_count) {
        return TW_OK;
    }
    uint32_t room = self->store_stats_count == 0 ? 64 : self->store_stats_count;
    while (room <= index) {
        room *= 2;
    }
    room = room > TW_TRACK_STORES_MAX + 1 ? TW_TRACK_STORES_MAX + 1 : room;
    struct tw_store_stats *rows = realloc(self->store_stats, room * sizeof *rows);
    if (rows == NULL) {
        return TW_ENOMEM;
    }
    for (uint32_t i = self->store_stats_count; i < room; i++) {
        rows[i] = (struct tw_store_stats){.waiting_last = {.series = TW_TRACK_NONE},
                                          .overdue_last = {.series = TW_TRACK_NONE},
                                          .failed_last = {.series = TW_TRACK_NONE}};
    }
    self->store_stats = rows;
    self->store_stats_count = room;
    return TW_OK;
}

void tw_stores_fini(struct tw_tracker *self)
{
    for (uint32_t i = 0; i < self->store_stats_count; i++) {
        free(self->store_stats[i].entries);
    }
    free(self->store_stats);
    self->store_stats = NULL;
    self->store_stats_count = 0;
}

/* --- the oldest ------------------------------------------------------------------------------- */

static bool does_wait(enum tw_waits waits)
{
    return waits == TW_WAITS_IN_TIME || waits == TW_WAITS_OVERDUE;
}

/* Since when the run waits, for the step that it waits for longest; false: it does not. */
static bool waits_since(const struct tw_tracker *self, const struct tw_open_run *run,
                        struct tw_store_oldest *ret_oldest)
{
    const struct tw_flow *flow = &self->flows[run->version];
    bool is_waiting = false;
    for (size_t i = 0; i < flow->workflow->step_count; i++) {
        if (does_wait(tw_run_waits(run, i)) &&
            (!is_waiting || tw_run_since(run, i) < ret_oldest->since_ns)) {
            is_waiting = true;
            ret_oldest->since_ns = tw_run_since(run, i);
            ret_oldest->system = flow->steps[i].system;
        }
    }
    return is_waiting;
}

/* The run that an entry of this row is about; NULL: it is out of date. */
static struct tw_open_run *run_of(const struct tw_tracker *self, uint32_t index,
                                  const struct tw_store_entry *entry)
{
    struct tw_open_run *run = entry->run < self->run_count ? self->runs[entry->run] : NULL;
    bool is_there = run != NULL && run->waiting_s == entry->since_s && row_of(self, run) == index;
    return is_there ? run : NULL;
}

bool tw_stores_oldest(struct tw_tracker *self, uint32_t index, struct tw_store_oldest *ret_oldest)
{
    struct tw_store_stats *row = &self->store_stats[index];
    self->store_left.run = TW_TRACK_NONE;
    while (row->count > 0) {
        struct tw_store_entry *top = &row->entries[0];
        struct tw_open_run *run = run_of(self, index, top);
        if (run == NULL || !waits_since(self, run, ret_oldest)) {
            if (run != NULL) {
                run->waiting_s = 0;
            }
            drop_top(row);
            continue;
        }
        struct tw_store_entry is = entry_of(ret_oldest->since_ns, top->run);
        if (!is_before(top, &is)) {
            return true;
        }
        run->waiting_s = is.since_s;
        *top = is;
        move_down(row, 0);
    }
    return false;
}

/* Leave only what waits, and put it in order. */
static void sweep(struct tw_tracker *self, uint32_t index)
{
    struct tw_store_stats *row = &self->store_stats[index];
    struct tw_store_oldest oldest;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < row->count; i++) {
        struct tw_open_run *run = run_of(self, index, &row->entries[i]);
        if (run != NULL && waits_since(self, run, &oldest)) {
            row->entries[kept++] = row->entries[i];
        } else if (run != NULL) {
            run->waiting_s = 0;
        }
    }
    row->count = kept;
    for (uint32_t at = kept / 2; at-- > 0;) {
        move_down(row, at);
    }
}

static int push(struct tw_tracker *self, uint32_t index, const struct tw_store_entry *entry)
{
    struct tw_store_stats *row = &self->store_stats[index];
    if (row->count == row->capacity && row->count > (row->waiting + row->overdue) * 3 / 2 + SLACK) {
        sweep(self, index);
    }
    if (row->count == row->capacity) {
        uint32_t capacity = row->capacity == 0 ? FIRST_ROOM : row->capacity / 2 * 3;
        struct tw_store_entry *entries = realloc(row->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return TW_ENOMEM;
        }
        row->entries = entries;
        row->capacity = capacity;
    }
    row->entries[row->count++] = *entry;
    move_up(row, row->count - 1);
    return TW_OK;
}

/* --- changes ---------------------------------------------------------------------------------- */

static void count(struct tw_store_stats *row, enum tw_waits waits, bool is_more)
{
    uint64_t one = is_more ? 1 : UINT64_MAX; /* wraps around: one less */
    switch (waits) {
    case TW_WAITS_IN_TIME:
        row->waiting += one;
        break;
    case TW_WAITS_OVERDUE:
        row->overdue += one;
        break;
    case TW_WAITS_FAILED:
    case TW_WAITS_LOST:
        row->failed += one;
        break;
    case TW_WAITS_NOT:
        break;
    }
}

/* Whether the run waits for another step as long as for this one. */
static bool waits_no_less(const struct tw_tracker *self, const struct tw_open_run *run, size_t step)
{
    for (size_t i = 0; i < self->flows[run->version].workflow->step_count; i++) {
        if (i != step && does_wait(tw_run_waits(run, i)) &&
            tw_run_since(run, i) <= tw_run_since(run, step)) {
            return true;
        }
    }
    return false;
}

/* A step of the run waits: its entry must not be later than since when. */
static int note_waiting(struct tw_tracker *self, uint32_t id, uint32_t index, size_t step)
{
    struct tw_open_run *run = self->runs[id];
    const struct tw_store_entry entry = entry_of(tw_run_since(run, step), id);
    if (run->waiting_s != 0 && run->waiting_s < entry.since_s) {
        return TW_OK;
    }
    bool is_covered = run->waiting_s != 0 && self->store_left.run == id &&
                      self->store_left.since_ns <= tw_run_since(run, step);
    if (is_covered || (run->waiting_s == entry.since_s && waits_no_less(self, run, step))) {
        return TW_OK;
    }
    run->waiting_s = entry.since_s;
    return push(self, index, &entry);
}

int tw_stores_move(struct tw_tracker *self, uint32_t id, size_t step,
                   const struct tw_store_before *was)
{
    const struct tw_open_run *run = self->runs[id];
    enum tw_waits after = tw_run_waits(run, step);
    uint32_t index = row_of(self, run);
    if (index == TW_TRACK_NONE) {
        return TW_OK;
    }
    int rc = grow_rows(self, index);
    if (rc != TW_OK) {
        return rc;
    }
    count(&self->store_stats[index], was->waits, false);
    count(&self->store_stats[index], after, true);
    if (does_wait(was->waits) &&
        !does_wait(after)) { /* what comes next nearly always waits later */
        self->store_left = (struct tw_store_left){id, was->since_ns};
    }
    bool is_other =
        was->waits != TW_WAITS_IN_TIME || after != TW_WAITS_OVERDUE; /* not just late now */
    return does_wait(after) && is_other ? note_waiting(self, id, index, step) : TW_OK;
}

void tw_stores_leave(struct tw_tracker *self, uint32_t id)
{
    struct tw_open_run *run = self->runs[id];
    uint32_t index = row_of(self, run);
    run->waiting_s = 0;
    self->store_left.run = TW_TRACK_NONE;
    if (index == TW_TRACK_NONE || (run->waits_low | run->waits_high) == 0) {
        return;
    }
    for (size_t i = 0; i < self->flows[run->version].workflow->step_count; i++) {
        count(&self->store_stats[index], tw_run_waits(run, i), false);
    }
}

int tw_stores_join(struct tw_tracker *self, uint32_t id)
{
    const struct tw_store_before nothing = {.waits = TW_WAITS_NOT};
    const struct tw_open_run *run = self->runs[id];
    int rc = TW_OK;
    if ((run->waits_low | run->waits_high) == 0) {
        return rc;
    }
    for (size_t i = 0; i < self->flows[run->version].workflow->step_count && rc == TW_OK; i++) {
        rc = tw_stores_move(self, id, i, &nothing);
    }
    return rc;
}

uint64_t tw_stores_bytes(const struct tw_tracker *self)
{
    uint64_t bytes = (uint64_t)self->store_stats_count * sizeof *self->store_stats;
    for (uint32_t i = 0; i < self->store_stats_count; i++) {
        bytes += (uint64_t)self->store_stats[i].capacity * sizeof *self->store_stats[i].entries;
    }
    return bytes;
}
