/* SPDX-License-Identifier: Apache-2.0
 * Where runs live. A run is one allocation, found through its root object in the graph: the
 * object's user slot is its first run, the others hang behind it. It dies with the object. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "track/failures.h"

/* Stores seen this long ago are expected to answer a roll-out. */
#define STORES_SEEN_NS (7 * 86400 * TW_NS_PER_S)
/* The set of expected stores is looked at again this often. */
#define ROSTER_NS (60 * TW_NS_PER_S)
/* Steps of a new run that may wait at a time before it grows: mostly there is one. */
#define FIRST_ROOM 1

struct tw_contribution *tw_run_contributions(struct tw_open_run *run)
{
    return (struct tw_contribution *)(void *)(run->since_ns + run->since_room + run->counted_room);
}

char *tw_run_text(const struct tw_tracker *self, struct tw_open_run *run)
{
    size_t count = self->flows[run->version].workflow->objective_count;
    return (char *)(tw_run_contributions(run) + count);
}

/* One bit for each of 16 steps that waits. */
static uint64_t waiting_of(uint64_t half)
{
    return (half | half >> 1 | half >> 2 | half >> 3) & UINT64_C(0x1111111111111111);
}

/* How many steps before this one wait. */
static size_t rank_of(const struct tw_open_run *run, size_t step)
{
    unsigned shift = (unsigned)(step % 16 * 4);
    uint64_t before = (UINT64_C(1) << shift) - 1;
    if (step < 16) {
        return (size_t)__builtin_popcountll(waiting_of(run->waits_low) & before);
    }
    return (size_t)__builtin_popcountll(waiting_of(run->waits_low)) +
           (size_t)__builtin_popcountll(waiting_of(run->waits_high) & before);
}

static size_t waiting_count(const struct tw_open_run *run)
{
    return (size_t)__builtin_popcountll(waiting_of(run->waits_low)) +
           (size_t)__builtin_popcountll(waiting_of(run->waits_high));
}

int64_t tw_run_since(const struct tw_open_run *run, size_t step)
{
    return tw_run_waits(run, step) == TW_WAITS_NOT ? 0 : run->since_ns[rank_of(run, step)];
}

void tw_run_set_waits(struct tw_open_run *run, size_t step, enum tw_waits waits, int64_t since_ns)
{
    bool did_wait = tw_run_waits(run, step) != TW_WAITS_NOT;
    bool does_wait = waits != TW_WAITS_NOT;
    size_t rank = rank_of(run, step);
    size_t behind = waiting_count(run) - rank - (did_wait ? 1 : 0);
    int64_t *since = run->since_ns + rank;
    if (does_wait && !did_wait) {
        TW_ASSERT(rank + behind < run->since_room);
        memmove(since + 1, since, behind * sizeof *since);
    } else if (did_wait && !does_wait) {
        memmove(since, since + 1, behind * sizeof *since);
    }
    if (does_wait) {
        *since = since_ns;
    }
    uint64_t *half = step < 16 ? &run->waits_low : &run->waits_high;
    unsigned shift = (unsigned)(step % 16 * 4);
    *half = (*half & ~(UINT64_C(15) << shift)) | ((uint64_t)waits << shift);
}

/* `room`: of all that stands before the contributions. */
static size_t bytes_of(const struct tw_workflow *workflow, size_t room, size_t text_len)
{
    return sizeof(struct tw_open_run) + room * sizeof(int64_t) +
           workflow->objective_count * sizeof(struct tw_contribution) + text_len;
}

static size_t room_of(const struct tw_open_run *run)
{
    return (size_t)run->since_room + run->counted_room;
}

/* So many more int64_t at this place of those behind the head; the run may move. */
static int widen(struct tw_tracker *self, uint32_t id, size_t at, size_t more)
{
    struct tw_open_run *run = self->runs[id];
    const struct tw_workflow *workflow = self->flows[run->version].workflow;
    size_t text_len = (size_t)run->id_len + run->scope_len;
    size_t before = bytes_of(workflow, room_of(run), text_len);
    size_t added = more * sizeof(int64_t);
    struct tw_open_run *longer = realloc(run, before + added);
    if (longer == NULL) {
        return TW_ENOMEM;
    }
    self->runs[id] = longer;
    size_t head = sizeof *longer + at * sizeof(int64_t);
    memmove((char *)longer + head + added, (char *)longer + head, before - head);
    self->run_bytes += added;
    return TW_OK;
}

int tw_runs_room(struct tw_tracker *self, uint32_t id)
{
    struct tw_open_run *run = self->runs[id];
    size_t waiting = waiting_count(run) + 1;
    if (waiting <= run->since_room) {
        return TW_OK;
    }
    int rc = widen(self, id, run->since_room, waiting - run->since_room);
    if (rc == TW_OK) {
        self->runs[id]->since_room = (uint8_t)waiting;
    }
    return rc;
}

int tw_runs_count_room(struct tw_tracker *self, uint32_t id)
{
    const struct tw_open_run *run = self->runs[id];
    if (run->counted_room > 0) {
        return TW_OK;
    }
    uint8_t room = tw_failures_room(self->flows[run->version].workflow->step_count);
    int rc = widen(self, id, run->since_room, room);
    if (rc == TW_OK) {
        run = self->runs[id];
        memset(self->runs[id]->since_ns + run->since_room, 0, room * sizeof(int64_t));
        self->runs[id]->counted_room = room;
    }
    return rc;
}

uint32_t tw_runs_find(const struct tw_tracker *self, uint32_t root, uint32_t stats)
{
    uint32_t id = tw_runs_first(self, root);
    while (id != TW_TRACK_NONE && self->flows[self->runs[id]->version].stats != stats) {
        id = self->runs[id]->next;
    }
    return id;
}

bool tw_runs_is_any_started(const struct tw_tracker *self, uint32_t root)
{
    uint32_t id = tw_runs_first(self, root);
    while (id != TW_TRACK_NONE && (self->runs[id]->flags & TW_RUN_STARTED) == 0) {
        id = self->runs[id]->next;
    }
    return id != TW_TRACK_NONE;
}

/* The object of the root as this record names it; NULL: it does not. */
static const struct tw_object *named(const struct tw_tracker *self, uint32_t root,
                                     const struct tw_record *record)
{
    struct tw_graph_object wanted = tw_graph_object(self->graph, root);
    for (uint32_t i = 0; record != NULL && i < record->object_count; i++) {
        const struct tw_object *object = &record->objects[i];
        if (object->type != wanted.type) {
            continue;
        }
        struct tw_graph_key key = tw_graph_key(self->seed, object->type, object->scope, object->id);
        if (key.low == wanted.key.low && key.high == wanted.key.high) {
            return object;
        }
    }
    return NULL;
}

/* --- the list of open runs, by last touch ----------------------------------------------------- */

void tw_runs_unlist(struct tw_tracker *self, uint32_t id)
{
    struct tw_open_run *run = self->runs[id];
    if ((run->flags & TW_RUN_IN_LIST) == 0) {
        return;
    }
    run->flags &= (uint16_t)~TW_RUN_IN_LIST;
    self->open_runs--;
    if (run->older != TW_TRACK_NONE) {
        self->runs[run->older]->newer = run->newer;
    } else {
        self->oldest = run->newer;
    }
    if (run->newer != TW_TRACK_NONE) {
        self->runs[run->newer]->older = run->older;
    } else {
        self->newest = run->older;
    }
}

void tw_runs_touch(struct tw_tracker *self, uint32_t id)
{
    struct tw_open_run *run = self->runs[id];
    tw_runs_unlist(self, id);
    run->touched_s = (uint32_t)(self->now_ns / TW_NS_PER_S);
    run->flags |= TW_RUN_IN_LIST;
    run->older = self->newest;
    run->newer = TW_TRACK_NONE;
    if (self->newest != TW_TRACK_NONE) {
        self->runs[self->newest]->newer = id;
    } else {
        self->oldest = id;
    }
    self->newest = id;
    self->open_runs++;
}

void tw_runs_hold(struct tw_tracker *self, uint32_t root)
{
    bool is_open = false;
    for (uint32_t id = tw_runs_first(self, root); id != TW_TRACK_NONE; id = self->runs[id]->next) {
        is_open = is_open || (self->runs[id]->flags & TW_RUN_IN_LIST) != 0;
    }
    tw_graph_hold(self->graph, root, is_open);
}

/* --- making and forgetting -------------------------------------------------------------------- */

static int take_slot(struct tw_tracker *self, uint32_t *ret_id)
{
    if (self->free_count > 0) {
        *ret_id = self->free_runs[--self->free_count];
        return TW_OK;
    }
    if (self->run_count == self->run_capacity) {
        uint32_t capacity = self->run_capacity == 0 ? 256 : self->run_capacity * 2;
        struct tw_open_run **runs = realloc(self->runs, capacity * sizeof *runs);
        if (runs == NULL) {
            return TW_ENOMEM;
        }
        self->runs = runs;
        uint32_t *free_runs = realloc(self->free_runs, capacity * sizeof *free_runs);
        if (free_runs == NULL) {
            return TW_ENOMEM;
        }
        self->free_runs = free_runs;
        self->run_capacity = capacity;
    }
    *ret_id = self->run_count++;
    return TW_OK;
}

int tw_runs_create(struct tw_tracker *self, uint32_t root, uint32_t version,
                   const struct tw_record *record, uint32_t *ret_run)
{
    while (self->open_runs >= (uint64_t)self->cfg->track.max_open_runs) {
        self->evicted++;
        int rc = tw_progress_give_up(self, self->oldest);
        if (rc != TW_OK) {
            return rc;
        }
    }
    struct tw_flow *flow = &self->flows[version];
    const struct tw_object *object = named(self, root, record);
    size_t text_len = object == NULL ? 0 : object->id.len + object->scope.len;
    size_t bytes = bytes_of(flow->workflow, FIRST_ROOM, text_len);
    struct tw_open_run *run = calloc(1, bytes);
    uint32_t id = 0;
    if (run == NULL || take_slot(self, &id) != TW_OK) {
        free(run);
        return TW_ENOMEM;
    }
    run->root = root;
    run->version = (uint16_t)version;
    run->next = tw_runs_first(self, root);
    run->older = TW_TRACK_NONE;
    run->newer = TW_TRACK_NONE;
    run->state = TW_RUN_IS_RUNNING;
    run->since_room = FIRST_ROOM;
    self->runs[id] = run;
    if (object != NULL) {
        run->id_len = (uint8_t)object->id.len;
        run->scope_len = (uint8_t)object->scope.len;
        char *text = tw_run_text(self, run);
        memcpy(text, object->id.ptr, object->id.len);
        if (object->scope.len > 0) {
            memcpy(text + object->id.len, object->scope.ptr, object->scope.len);
        }
    }
    if (flow->is_fan_out) {
        run->roster = tw_roster_now(self);
        if (run->roster == NULL) {
            return TW_ENOMEM;
        }
        run->roster->references++;
    }
    tw_graph_set_user(self->graph, root, id);
    flow->runs++;
    self->live_runs++;
    self->run_bytes += bytes;
    *ret_run = id;
    return TW_OK;
}

int tw_runs_restore(struct tw_tracker *self, uint32_t id, uint32_t root, uint32_t version,
                    const struct tw_run_head *from)
{
    struct tw_flow *flow = &self->flows[version];
    size_t text_len = from->object_id.len + from->object_scope.len;
    size_t bytes = bytes_of(flow->workflow, room_of(from->head), text_len);
    struct tw_open_run *run = calloc(1, bytes);
    if (run == NULL) {
        return TW_ENOMEM;
    }
    *run = *from->head;
    run->root = root;
    run->version = (uint16_t)version;
    run->next = tw_runs_first(self, root);
    run->older = TW_TRACK_NONE;
    run->newer = TW_TRACK_NONE;
    run->flags &= (uint16_t) ~(TW_RUN_IN_LIST | TW_RUN_DIRTY);
    run->roster = from->roster;
    if (run->roster != NULL) {
        run->roster->references++;
    }
    self->runs[id] = run;
    run->id_len = (uint8_t)from->object_id.len;
    run->scope_len = (uint8_t)from->object_scope.len;
    if (text_len > 0) {
        char *text = tw_run_text(self, run);
        memcpy(text, from->object_id.ptr, from->object_id.len);
        if (from->object_scope.len > 0) {
            memcpy(text + from->object_id.len, from->object_scope.ptr, from->object_scope.len);
        }
    }
    tw_graph_set_user(self->graph, root, id);
    flow->runs++;
    self->live_runs++;
    self->run_bytes += bytes;
    int rc = tw_regions_restore(self, run);
    if ((from->head->flags & TW_RUN_IN_LIST) != 0) {
        uint32_t touched_s = run->touched_s;
        tw_runs_touch(self, id);
        run->touched_s = touched_s;
    }
    return rc;
}

int tw_runs_name(struct tw_tracker *self, uint32_t id, const struct tw_record *record)
{
    struct tw_open_run *run = self->runs[id];
    if (run->id_len > 0) {
        return TW_OK;
    }
    const struct tw_object *object = named(self, run->root, record);
    if (object == NULL) {
        return TW_OK;
    }
    const struct tw_workflow *workflow = self->flows[run->version].workflow;
    size_t text_len = object->id.len + object->scope.len;
    struct tw_open_run *longer = realloc(run, bytes_of(workflow, room_of(run), text_len));
    if (longer == NULL) {
        return TW_ENOMEM;
    }
    self->runs[id] = longer;
    longer->id_len = (uint8_t)object->id.len;
    longer->scope_len = (uint8_t)object->scope.len;
    char *text = tw_run_text(self, longer);
    memcpy(text, object->id.ptr, object->id.len);
    if (object->scope.len > 0) {
        memcpy(text + object->id.len, object->scope.ptr, object->scope.len);
    }
    self->run_bytes += text_len;
    return TW_OK;
}

static void free_run(struct tw_tracker *self, uint32_t id)
{
    struct tw_open_run *run = self->runs[id];
    struct tw_flow *flow = &self->flows[run->version];
    tw_runs_unlist(self, id);
    tw_regions_forget(self, run);
    tw_progress_forget(self, run);
    if (run->kept != NULL) {
        tw_run_fini(run->kept);
        free(run->kept);
    }
    tw_roster_drop(&run->roster);
    self->run_bytes -= bytes_of(flow->workflow, room_of(run), (size_t)run->id_len + run->scope_len);
    flow->runs--;
    self->live_runs--;
    self->late += (run->flags & TW_RUN_STARTED) == 0 ? 1 : 0;
    free(run);
    self->runs[id] = NULL;
    self->free_runs[self->free_count++] = id;
}

/* Whether a user slot of the graph names a run of this root; after a restore it may not. */
static bool is_run_of(const struct tw_tracker *self, uint32_t root, uint32_t id)
{
    return id < self->run_count && self->runs[id] != NULL && self->runs[id]->root == root;
}

uint32_t tw_runs_first(const struct tw_tracker *self, uint32_t root)
{
    uint32_t id = tw_graph_user(self->graph, root);
    return is_run_of(self, root, id) ? id : TW_TRACK_NONE;
}

void tw_runs_forget_root(void *tracker, uint32_t object, uint32_t first)
{
    struct tw_tracker *self = tracker;
    while (is_run_of(self, object, first)) {
        uint32_t next = self->runs[first]->next;
        free_run(self, first);
        first = next;
    }
}

void tw_runs_free_all(struct tw_tracker *self)
{
    for (uint32_t id = 0; id < self->run_count; id++) {
        if (self->runs[id] != NULL) {
            free_run(self, id);
        }
    }
    free(self->runs);
    free(self->free_runs);
    self->runs = NULL;
    self->free_runs = NULL;
    self->run_count = 0;
    self->run_capacity = 0;
    self->free_count = 0;
}

int tw_runs_mark_dirty(struct tw_tracker *self, uint32_t id)
{
    struct tw_open_run *run = self->runs[id];
    run->flags |= TW_RUN_LISTED;
    run->updated_s = (uint32_t)(self->now_ns / TW_NS_PER_S);
    if ((run->flags & TW_RUN_DIRTY) != 0) {
        return TW_OK;
    }
    if (self->dirty_count == self->dirty_capacity) {
        size_t capacity = self->dirty_capacity == 0 ? 256 : self->dirty_capacity * 2;
        uint32_t *dirty = realloc(self->dirty, capacity * sizeof *dirty);
        if (dirty == NULL) {
            return TW_ENOMEM;
        }
        self->dirty = dirty;
        self->dirty_capacity = capacity;
    }
    run->flags |= TW_RUN_DIRTY;
    self->dirty[self->dirty_count++] = id;
    return TW_OK;
}

/* --- the stores that are expected ------------------------------------------------------------- */

int tw_roster_new(struct tw_tracker *self, uint32_t limit, struct tw_roster **ret_roster)
{
    struct tw_roster *roster = calloc(1, sizeof *roster);
    if (roster == NULL) {
        return TW_ENOMEM;
    }
    roster->references = 1;
    roster->limit = limit;
    roster->before = self->rosters.before;
    roster->after = &self->rosters;
    roster->before->after = roster;
    roster->after->before = roster;
    roster->positions = calloc((size_t)limit + 1, sizeof *roster->positions);
    roster->words = calloc((size_t)limit + 1, sizeof *roster->words);
    if (roster->positions == NULL || roster->words == NULL) {
        tw_roster_drop(&roster);
        return TW_ENOMEM;
    }
    *ret_roster = roster;
    return TW_OK;
}

void tw_roster_drop(struct tw_roster **roster_p)
{
    struct tw_roster *roster = *roster_p;
    *roster_p = NULL;
    if (roster != NULL && --roster->references == 0) {
        roster->before->after = roster->after;
        roster->after->before = roster->before;
        free(roster->positions);
        free(roster->words);
        free(roster);
    }
}

static bool was_seen_lately(const struct tw_tracker *self, uint32_t word)
{
    return word <= self->store_seen_count && self->store_seen_ns[word - 1] != INT64_MIN &&
           self->store_seen_ns[word - 1] >= self->now_ns - STORES_SEEN_NS;
}

static void expect(struct tw_roster *roster, uint32_t word)
{
    if (roster->positions[word] == 0) {
        roster->words[roster->count++] = word;
        roster->positions[word] = roster->count;
    }
}

/* Of those that are expected now. TW_OK, TW_ENOMEM. */
static int gather_roster(struct tw_tracker *self, struct tw_roster **ret_roster)
{
    struct tw_roster *roster = NULL;
    int rc = tw_roster_new(self, self->stores.count, &roster);
    if (rc != TW_OK) {
        return rc;
    }
    for (uint32_t i = 0; i < self->expected_count; i++) {
        expect(roster, self->expected[i]);
    }
    for (uint32_t word = 1; self->expected_count == 0 && word <= roster->limit; word++) {
        if (was_seen_lately(self, word)) {
            expect(roster, word);
        }
    }
    *ret_roster = roster;
    return TW_OK;
}

struct tw_roster *tw_roster_now(struct tw_tracker *self)
{
    bool is_fixed = self->expected_count > 0;
    if (self->roster != NULL && (is_fixed || self->now_ns - self->roster_ns < ROSTER_NS)) {
        return self->roster;
    }
    struct tw_roster *roster = NULL;
    if (gather_roster(self, &roster) != TW_OK) {
        return NULL;
    }
    tw_roster_drop(&self->roster);
    self->roster = roster;
    self->roster_ns = self->now_ns;
    return roster;
}
