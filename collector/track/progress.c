/* SPDX-License-Identifier: Apache-2.0
 * From the facts of a run to its steps, and from what was written down of it to what holds now. All
 * differences go through here: queues, gauges, counts. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "track/failures.h"

/* A run under way of being updated. */
struct work {
    struct tw_tracker *tracker;
    uint32_t id;
    struct tw_open_run *run;
    struct tw_flow *flow;
    struct tw_flow_stats *stats;
    bool is_changed;
    enum tw_run_state state;
    tw_wall_t finished;
    struct tw_step_status statuses[TW_WF_STEPS_MAX]; /* 3 kB: written by judging only */
};

/* --- folding ---------------------------------------------------------------------------------- */

static int fold_event(struct tw_tracker *self, const struct tw_open_run *run, struct tw_run *facts,
                      const struct tw_graph_event *event)
{
    const struct tw_match_entry *entries = NULL;
    size_t count = tw_matcher_entries(self->matcher, event->match, &entries);
    int rc = TW_OK;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (entries[i].version != run->version) {
            continue;
        }
        const struct tw_roster *roster = run->roster;
        const uint32_t store = tw_places_at(&self->places, event->place).store;
        const struct tw_fact fact = {
            .n = event->n,
            .time = event->time,
            .step = entries[i].step,
            .role = entries[i].role,
            .cause = event->cause,
            .store = roster != NULL && store <= roster->limit ? roster->positions[store] : 0,
            .present = entries[i].present,
        };
        rc = tw_run_fold(facts, &fact);
    }
    return rc;
}

/* All that reaches the run, into facts that were just begun. */
static int fold_all(struct tw_tracker *self, const struct tw_open_run *run, struct tw_run *facts,
                    size_t *ret_count)
{
    const struct tw_graph_event *events = NULL;
    int rc = tw_graph_events(self->graph, run->root, &events, ret_count);
    for (size_t i = 0; rc == TW_OK && i < *ret_count; i++) {
        rc = fold_event(self, run, facts, &events[i]);
    }
    return rc;
}

int tw_progress_room(struct tw_tracker *self, size_t bytes)
{
    bytes = (bytes + 63) / 64 * 64;
    char *recent = realloc(self->recent, TW_TRACK_RECENT * bytes);
    if (recent == NULL) {
        return TW_ENOMEM;
    }
    self->recent = recent;
    self->recent_bytes = bytes;
    if (self->recent_runs == NULL) {
        self->recent_runs = malloc(TW_TRACK_RECENT * sizeof *self->recent_runs);
    }
    if (self->recent_runs == NULL) {
        return TW_ENOMEM;
    }
    memset(self->recent_runs, 0xff, TW_TRACK_RECENT * sizeof *self->recent_runs); /* nobody's */
    return TW_OK;
}

static uint32_t place_of(const struct tw_open_run *run)
{
    return (run->root + run->version) % TW_TRACK_RECENT;
}

static struct tw_run *recent_at(const struct tw_tracker *self, uint32_t place)
{
    return (struct tw_run *)(void *)(self->recent + place * self->recent_bytes);
}

static bool is_recent(const struct tw_tracker *self, const struct tw_open_run *run)
{
    const struct tw_recent *recent = &self->recent_runs[place_of(run)];
    return recent->root == run->root && recent->version == run->version;
}

void tw_progress_forget(struct tw_tracker *self, const struct tw_open_run *run)
{
    if (is_recent(self, run)) {
        self->recent_runs[place_of(run)].root = TW_TRACK_NONE;
    }
}

/* Whether the facts of the run are at hand, and just what folding its events anew would give. That
 * is sure while the run is open: then nothing that reaches it is forgotten. Of a hub's events some
 * are not kept. */
static bool is_at_hand(const struct tw_tracker *self, const struct tw_open_run *run)
{
    return run->kept == NULL && (run->flags & TW_RUN_IN_LIST) != 0 && is_recent(self, run) &&
           !tw_graph_is_hub(self->graph, run->root);
}

/* The facts move into memory of the run's own. */
static int keep(struct tw_tracker *self, struct tw_open_run *run)
{
    size_t bytes = tw_run_bytes(self->flows[run->version].workflow);
    run->kept = malloc(bytes);
    if (run->kept == NULL) {
        return TW_ENOMEM;
    }
    memcpy(run->kept, recent_at(self, place_of(run)),
           bytes); /* without fan-out sets: those are kept from birth */
    self->run_bytes += bytes;
    return TW_OK;
}

static int begin_kept(struct tw_tracker *self, struct tw_open_run *run)
{
    const struct tw_workflow *workflow = self->flows[run->version].workflow;
    size_t bytes = tw_run_bytes(workflow);
    if (run->kept == NULL) {
        run->kept = calloc(1, bytes);
        if (run->kept == NULL) {
            return TW_ENOMEM;
        }
        self->run_bytes += bytes;
    } else {
        tw_run_fini(run->kept);
        memset(run->kept, 0, bytes);
    }
    tw_run_begin(run->kept, workflow, tw_run_expected(run));
    return TW_OK;
}

static int fold_anew(struct tw_tracker *self, struct tw_open_run *run, struct tw_run **ret_facts)
{
    const struct tw_flow *flow = &self->flows[run->version];
    size_t count = 0;
    if (run->kept != NULL || flow->is_fan_out) {
        int rc = begin_kept(self, run);
        *ret_facts = run->kept;
        return rc == TW_OK ? fold_all(self, run, run->kept, &count) : rc;
    }
    struct tw_recent *recent = &self->recent_runs[place_of(run)];
    struct tw_run *facts = recent_at(self, place_of(run));
    recent->root = TW_TRACK_NONE;
    memset(facts, 0, tw_run_bytes(flow->workflow));
    tw_run_begin(facts, flow->workflow, 0);
    int rc = fold_all(self, run, facts, &count);
    if (rc == TW_OK && count > TW_TRACK_KEEP_EVENTS) {
        rc = keep(self, run);
    } else if (rc == TW_OK) {
        *recent = (struct tw_recent){run->root, run->version};
    }
    *ret_facts = run->kept != NULL ? run->kept : facts;
    return rc;
}

int tw_progress_facts(struct tw_tracker *self, struct tw_open_run *run, struct tw_run **ret_facts)
{
    if (run->kept != NULL) {
        *ret_facts = run->kept;
        return TW_OK;
    }
    if (is_at_hand(self, run)) {
        *ret_facts = recent_at(self, place_of(run));
        return TW_OK;
    }
    return fold_anew(self, run, ret_facts);
}

static int facts_of(struct work *work, const struct tw_seen *seen, bool is_anew,
                    struct tw_run **ret_facts)
{
    struct tw_tracker *self = work->tracker;
    struct tw_open_run *run = work->run;
    if (is_anew) {
        return fold_anew(self, run, ret_facts);
    }
    if (seen != NULL && run->kept == NULL && !is_at_hand(self, run)) {
        return fold_anew(self, run, ret_facts); /* the event is among them */
    }
    int rc = tw_progress_facts(self, run, ret_facts);
    if (rc != TW_OK || seen == NULL) {
        return rc;
    }
    const struct tw_graph_event event = {.n = seen->n,
                                         .time = seen->time,
                                         .match = seen->match,
                                         .place = seen->place,
                                         .cause = seen->cause};
    return fold_event(self, run, *ret_facts, &event);
}

/* --- judging ---------------------------------------------------------------------------------- */

static bool has_ended(enum tw_run_state state)
{
    return state == TW_RUN_IS_COMPLETED || state == TW_RUN_IS_RECOVERED ||
           state == TW_RUN_IS_COMPENSATED;
}

/* A step that waits, or has failed, since when it did before: its deadline fired if it had. */
static bool has_fired(const struct tw_open_run *run, size_t step,
                      const struct tw_step_status *status)
{
    enum tw_waits waits = tw_run_waits(run, step);
    return (waits == TW_WAITS_OVERDUE || waits == TW_WAITS_LOST) && status->due.ns != 0 &&
           tw_run_since(run, step) == status->since.ns;
}

static void judge(const struct tw_tracker *self, const struct tw_open_run *run,
                  const struct tw_run *facts, struct tw_step_status *statuses,
                  enum tw_run_state *ret_state)
{
    const struct tw_flow *flow = &self->flows[run->version];
    *ret_state = tw_run_judge(facts, (tw_wall_t){INT64_MIN}, statuses);
    for (size_t i = 0; i < flow->workflow->step_count; i++) {
        if (statuses[i].state == TW_STEP_WAITING && has_fired(run, i, &statuses[i])) {
            statuses[i].state = TW_STEP_OVERDUE;
            *ret_state = *ret_state == TW_RUN_IS_RUNNING ? TW_RUN_IS_OVERDUE : *ret_state;
        }
    }
}

int tw_progress_judge(struct tw_tracker *self, struct tw_open_run *run,
                      struct tw_step_status *statuses, enum tw_run_state *ret_state,
                      tw_wall_t *ret_finished)
{
    struct tw_run *facts = NULL;
    int rc = tw_progress_facts(self, run, &facts);
    if (rc == TW_OK) {
        judge(self, run, facts, statuses, ret_state);
        *ret_finished = tw_run_finished(facts, *ret_state);
    }
    return rc;
}

/* --- steps ------------------------------------------------------------------------------------ */

static struct tw_queue *queue_of(struct tw_flow_step *step, enum tw_waits waits)
{
    switch (waits) {
    case TW_WAITS_IN_TIME:
        return &step->waiting;
    case TW_WAITS_OVERDUE:
        return &step->overdue;
    case TW_WAITS_FAILED:
        return &step->failed;
    case TW_WAITS_NOT:
    case TW_WAITS_LOST:
        break;
    }
    return NULL;
}

static void count_waits(struct tw_step_stats *stats, enum tw_waits waits, bool is_more)
{
    uint64_t one = is_more ? 1 : UINT64_MAX; /* wraps around: one less */
    switch (waits) {
    case TW_WAITS_IN_TIME:
        stats->waiting += one;
        break;
    case TW_WAITS_OVERDUE:
        stats->overdue += one;
        break;
    case TW_WAITS_FAILED:
    case TW_WAITS_LOST:
        stats->failed += one;
        break;
    case TW_WAITS_NOT:
        break;
    }
}

/* Out of one queue, into another. */
static int set_waits(struct work *work, size_t index, enum tw_waits waits, int64_t since_ns)
{
    struct tw_open_run *run = work->run;
    struct tw_flow_step *step = &work->flow->steps[index];
    struct tw_step_stats *stats = &work->stats->steps[step->stats];
    enum tw_waits before = tw_run_waits(run, index);
    const struct tw_store_before was = {before, tw_run_since(run, index)};
    if (before == waits && was.since_ns == since_ns) {
        return TW_OK;
    }
    if (before == TW_WAITS_NOT) {
        int rc = tw_runs_room(work->tracker, work->id);
        if (rc != TW_OK) {
            return rc;
        }
        work->run = work->tracker->runs[work->id]; /* it may have moved */
        run = work->run;
    }
    struct tw_queue *queue = queue_of(step, before);
    if (queue != NULL) {
        bool was_there =
            tw_queue_remove(queue, (struct tw_queue_entry){{tw_run_since(run, index)}, work->id});
        TW_ASSERT(was_there);
    }
    count_waits(stats, before, false);
    count_waits(stats, waits, true);
    tw_run_set_waits(run, index, waits, since_ns);
    work->is_changed = true;
    if (before == TW_WAITS_NOT && (run->done & (UINT32_C(1) << index)) == 0) {
        stats->arrived++;
    }
    queue = queue_of(step, waits);
    int rc = queue == NULL ? TW_OK
                           : tw_queue_insert(queue, (struct tw_queue_entry){{since_ns}, work->id});
    rc = rc == TW_OK ? tw_stores_move(work->tracker, work->id, index, &was) : rc;
    if (rc == TW_OK && waits == TW_WAITS_IN_TIME && since_ns <= step->listed_ns) {
        rc = tw_runs_mark_dirty(work->tracker, work->id);
    }
    if (rc == TW_OK && before == TW_WAITS_NOT && waits == TW_WAITS_IN_TIME) {
        rc = tw_failures_wait(work->tracker, work->id, index, since_ns);
        work->run = work->tracker->runs[work->id]; /* it may have moved */
    }
    return rc;
}

static int settle_waits(struct work *work, size_t index, bool is_open)
{
    const struct tw_step_status *status = &work->statuses[index];
    bool is_required = (work->flow->required & (UINT32_C(1) << index)) != 0;
    enum tw_waits waits = TW_WAITS_NOT;
    if (!is_open) {
        waits = TW_WAITS_NOT;
    } else if (status->state == TW_STEP_FAILED) {
        bool is_timed = status->due.ns != 0 && !has_fired(work->run, index, status);
        waits = is_timed ? TW_WAITS_FAILED : TW_WAITS_LOST;
    } else if (status->state == TW_STEP_OVERDUE) {
        waits = TW_WAITS_OVERDUE;
    } else if (status->state == TW_STEP_WAITING && status->is_ready && is_required) {
        waits = TW_WAITS_IN_TIME;
    }
    return set_waits(work, index, waits, waits == TW_WAITS_NOT ? 0 : status->since.ns);
}

/* Count what was done or failed for the first time. */
static int settle_counts(struct work *work, size_t index)
{
    const struct tw_step_status *status = &work->statuses[index];
    struct tw_step_stats *stats = &work->stats->steps[work->flow->steps[index].stats];
    uint32_t bit = UINT32_C(1) << index;
    bool is_done = status->state == TW_STEP_DONE;
    bool has_failed = status->failed_event != 0;
    int rc = tw_failures_settle(work->tracker, work->id, index, status);
    struct tw_open_run *run = work->tracker->runs[work->id]; /* it may have moved */
    work->run = run;
    if (has_failed != ((run->failed & bit) != 0)) {
        run->failed ^= bit;
        stats->failed_sum.value += has_failed ? 1 : -1;
        work->is_changed = true;
    }
    if (rc == TW_OK && is_done && (run->done & bit) == 0) {
        run->done |= bit;
        stats->done_sum.value++;
        stats->through++;
        stats->arrived += tw_run_waits(run, index) == TW_WAITS_NOT ? 1 : 0;
        work->is_changed = true;
        if (status->is_ready && status->since.ns != 0) {
            bool is_newest = status->since.ns > stats->passed_ns;
            stats->passed_ns = is_newest ? status->since.ns : stats->passed_ns;
            rc = tw_step_note_lag(stats, work->tracker->now_ns, status->time.ns - status->since.ns);
        }
    } else if (!is_done && (run->done & bit) != 0) { /* a hub took the event away again */
        run->done &= ~bit;
        stats->done_sum.value--;
        work->is_changed = true;
    }
    return rc;
}

/* --- the run ---------------------------------------------------------------------------------- */

/* Started, ended, in which state: into the counts of its workflow. */
static void settle_state(struct work *work, bool has_started)
{
    struct tw_open_run *run = work->run;
    struct tw_flow_stats *stats = work->stats;
    const unsigned said = tw_regions_says(run);
    bool was_started = (run->flags & TW_RUN_STARTED) != 0;
    bool had_ended = (run->flags & TW_RUN_ENDED) != 0;
    bool is_ended = has_started && has_ended(work->state);
    if (was_started) {
        stats->by_state[run->state]--;
        stats->open -= had_ended ? 0 : 1;
    }
    if (has_started) {
        stats->by_state[work->state]++;
        stats->open += is_ended ? 0 : 1;
    }
    stats->started_sum.value += (has_started ? 1 : 0) - (was_started ? 1 : 0);
    stats->done_sum.value += (is_ended ? 1 : 0) - (had_ended ? 1 : 0);
    bool is_repeated = has_started && (run->flags & TW_RUN_DUPLICATE) != 0;
    if (is_repeated != ((run->flags & TW_RUN_REPEATED) != 0)) {
        run->flags ^= TW_RUN_REPEATED;
        stats->duplicate_sum.value += is_repeated ? 1 : -1;
    }
    bool has_failed = has_started && run->failed != 0;
    if (has_failed != ((run->flags & TW_RUN_FAILURE) != 0)) {
        run->flags ^= TW_RUN_FAILURE;
        stats->failed_sum.value += has_failed ? 1 : -1;
    }
    work->is_changed = work->is_changed || run->state != work->state || has_started != was_started;
    run->flags &= (uint16_t) ~(TW_RUN_STARTED | TW_RUN_ENDED);
    run->flags |= has_started ? TW_RUN_STARTED : 0;
    run->flags |= is_ended ? TW_RUN_ENDED : 0;
    run->state = (uint8_t)work->state;
    tw_regions_change(work->tracker, run, said);
    stats->is_changed = stats->is_changed || work->is_changed;
    stats->had_traffic = true;
}

/* A step failed of a run whose start was not seen. Workflows of one key share steps (every web
 * order is paid): where another run of the object has started, the failure is that one's. */
static bool is_stray_failure(const struct work *work)
{
    return work->state == TW_RUN_IS_FAILED && (work->run->flags & TW_RUN_STARTED) == 0 &&
           !tw_runs_is_any_started(work->tracker, work->run->root);
}

/* Something of the run went wrong, whatever became of it: that follows from its events and from the
 * deadlines that have fired, not from when anybody looked. */
static bool had_trouble(const struct work *work)
{
    const struct tw_open_run *run = work->run;
    if ((run->flags & TW_RUN_STARTED) == 0) {
        return is_stray_failure(work);
    }
    bool is_late = false;
    for (size_t i = 0; i < work->flow->workflow->step_count; i++) {
        is_late = is_late || work->statuses[i].is_late;
    }
    return is_late || run->failed != 0 || work->state == TW_RUN_IS_FAILED ||
           work->state == TW_RUN_IS_OVERDUE || (run->flags & TW_RUN_DUPLICATE) != 0;
}

static int settle_row(struct work *work)
{
    if (!work->is_changed) {
        return TW_OK;
    }
    bool is_listed = (work->run->flags & TW_RUN_LISTED) != 0;
    return is_listed || had_trouble(work) ? tw_runs_mark_dirty(work->tracker, work->id) : TW_OK;
}

/* A run has started: what failed in runs of the object that have not is its failure. */
static int withdraw_strays(struct work *work)
{
    struct tw_tracker *self = work->tracker;
    int rc = TW_OK;
    for (uint32_t id = tw_runs_first(self, work->run->root); id != TW_TRACK_NONE && rc == TW_OK;
         id = self->runs[id]->next) {
        const uint16_t flags = self->runs[id]->flags;
        if ((flags & TW_RUN_STARTED) == 0 && (flags & TW_RUN_LISTED) != 0) {
            tw_runs_unlist(self, id);
            rc = tw_runs_mark_dirty(self, id);
        }
    }
    return rc;
}

/* Whether all that is written down of the step is what holds: so it is with nearly all of them, at
 * every event. Says false when in doubt. */
static bool is_settled(const struct work *work, size_t index)
{
    const struct tw_step_status *status = &work->statuses[index];
    const struct tw_open_run *run = work->run;
    bool is_done = status->state == TW_STEP_DONE;
    bool was_done = (run->done >> index & 1) != 0;
    uint16_t counted = tw_failures_counted(run, index);
    bool is_counted = is_done == was_done &&
                      (status->failed_event == 0 || (run->failed >> index & 1) != 0) &&
                      tw_failures_of(status, counted) == counted;
    bool waits_not = is_done || status->state == TW_STEP_SKIPPED ||
                     (status->state == TW_STEP_WAITING && !status->is_ready);
    return is_counted && waits_not && tw_run_since(run, index) == 0 &&
           tw_run_waits(run, index) == TW_WAITS_NOT;
}

/* Everything that is judged now, put where it belongs. */
static int settle(struct work *work, const struct tw_run *facts)
{
    struct tw_tracker *self = work->tracker;
    struct tw_open_run *run = work->run;
    bool has_started = tw_run_has_started(facts);
    bool is_open = has_started && !has_ended(work->state);
    int rc = TW_OK;
    run->started_ns = has_started ? tw_run_started(facts).ns : 0;
    size_t count = work->flow->workflow->step_count;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        if (is_settled(work, i)) {
            continue;
        }
        rc = has_started ? settle_counts(work, i) : TW_OK;
        rc = rc == TW_OK ? settle_waits(work, i, is_open) : rc;
    }
    if (rc != TW_OK) {
        return rc;
    }
    run = work->run; /* it may have moved */
    bool is_start = has_started && (run->flags & TW_RUN_STARTED) == 0;
    settle_state(work, has_started);
    rc = is_start ? withdraw_strays(work) : TW_OK;
    if (is_open || is_stray_failure(work)) {
        tw_runs_touch(self, work->id);
    } else {
        tw_runs_unlist(self, work->id);
    }
    tw_runs_hold(self, run->root);
    const struct tw_verdict_of_run of = {work->statuses, work->state, work->finished};
    rc = rc == TW_OK ? tw_contribute(self, work->id, &of) : rc;
    return rc == TW_OK ? settle_row(work) : rc;
}

/* The store of the earliest event that names one; what was said under another is taken back, to be
 * said again. */
static int set_store(struct work *work, uint32_t store, tw_wall_t at)
{
    struct tw_open_run *run = work->run;
    int rc = run->store != store ? tw_contribute_nothing(work->tracker, work->id) : TW_OK;
    tw_stores_leave(work->tracker, work->id);
    tw_regions_leave(work->tracker, run);
    run->store = (uint16_t)store; /* words: TW_TRACK_WORDS_MAX */
    run->store_ns = at.ns;
    rc = rc == TW_OK ? tw_regions_join(work->tracker, run) : rc;
    return rc == TW_OK ? tw_stores_join(work->tracker, work->id) : rc;
}

bool tw_progress_concerns(const struct tw_tracker *self, uint32_t match, uint32_t version)
{
    const struct tw_match_entry *entries = NULL;
    size_t count = tw_matcher_entries(self->matcher, match, &entries);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].version == version) {
            return true;
        }
    }
    return false;
}

/* The region of the earliest event that names one, by name when there are several at a time. */
static int set_region(struct work *work, uint32_t region)
{
    struct tw_open_run *run = work->run;
    if (region == run->region) {
        return TW_OK;
    }
    tw_regions_leave(work->tracker, run);
    run->region = (uint16_t)region; /* words: TW_TRACK_WORDS_MAX */
    work->is_changed = true;
    return tw_regions_join(work->tracker, run);
}

/* The region that an event says the run is of; 0: none. */
static uint32_t region_said(const struct work *work, struct tw_place place)
{
    return work->flow->is_fan_out && place.store != 0 ? 0 : place.region;
}

static int find_region(struct work *work)
{
    const struct tw_tracker *self = work->tracker;
    const struct tw_graph_event *events = NULL;
    size_t count = 0;
    int rc = tw_graph_events(self->graph, work->run->root, &events, &count);
    uint32_t region = 0;
    int64_t at_ns = 0;
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        uint32_t said = region_said(work, tw_places_at(&self->places, events[i].place));
        bool is_first = region == 0 || events[i].time.ns < at_ns ||
                        (events[i].time.ns == at_ns && tw_regions_is_before(self, said, region));
        if (said != 0 && is_first &&
            tw_progress_concerns(self, events[i].match, work->run->version)) {
            region = said;
            at_ns = events[i].time.ns;
        }
    }
    return rc == TW_OK ? set_region(work, region) : rc;
}

/* When the event is not of the region of the run, which was earlier? */
static int note_region(struct work *work, const struct tw_seen *seen)
{
    uint32_t said =
        region_said(work, (struct tw_place){(uint16_t)seen->store, (uint16_t)seen->region});
    if (said == 0 || said == work->run->region) {
        return TW_OK;
    }
    return work->run->region == 0 ? set_region(work, said) : find_region(work);
}

/* Events that reach the run by a link that was just learned may be earlier than all others. */
static int find_store(struct work *work)
{
    const struct tw_graph_event *events = NULL;
    size_t count = 0;
    int rc = tw_graph_events(work->tracker->graph, work->run->root, &events, &count);
    uint32_t store = work->run->store;
    tw_wall_t at = {work->run->store_ns};
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        bool is_earlier = store == 0 || events[i].time.ns < at.ns;
        const struct tw_place place = tw_places_at(&work->tracker->places, events[i].place);
        if (place.store != 0 && is_earlier &&
            tw_progress_concerns(work->tracker, events[i].match, work->run->version)) {
            store = place.store;
            at = events[i].time;
        }
    }
    rc = rc == TW_OK && store != 0 ? set_store(work, store, at) : rc;
    return rc == TW_OK ? find_region(work) : rc;
}

/* What a row says beside its steps; nothing here depends on the order of events. */
static int describe(struct work *work, const struct tw_seen *seen)
{
    struct tw_open_run *run = work->run;
    bool is_earlier = run->store == 0 || seen->time.ns < run->store_ns;
    int rc = seen->store != 0 && is_earlier ? set_store(work, seen->store, seen->time) : TW_OK;
    rc = rc == TW_OK ? note_region(work, seen) : rc;
    if (seen->said->has_amount &&
        (!run->has_amount || seen->said->amount_minor > run->amount_minor)) {
        run->has_amount = true;
        run->amount_minor = seen->said->amount_minor;
        memcpy(run->currency, seen->said->currency, sizeof run->currency);
    }
    if (seen->record->effect_of != 0 && (run->flags & TW_RUN_DUPLICATE) == 0) {
        run->flags |= TW_RUN_DUPLICATE;
        work->is_changed = true;
    }
    run->last_n = seen->n;
    return rc;
}

/* Events of a step, whatever their outcome. */
static void count_heard(struct work *work, const struct tw_seen *seen)
{
    const struct tw_match_entry *entries = NULL;
    size_t count = tw_matcher_entries(work->tracker->matcher, seen->match, &entries);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].version == work->run->version) {
            work->stats->steps[work->flow->steps[entries[i].step].stats].heard++;
        }
    }
}

/* The code of the latest failure, which may be this event. */
static void note_code(struct work *work, const struct tw_seen *seen)
{
    size_t count = seen->code == 0 ? 0 : work->flow->workflow->step_count;
    for (size_t i = 0; i < count; i++) {
        if (work->statuses[i].failed_event == seen->n) {
            work->run->code = (uint16_t)seen->code;
        }
    }
}

static void work_on(struct work *work, struct tw_tracker *self, uint32_t id)
{
    work->tracker = self;
    work->id = id;
    work->run = self->runs[id];
    work->flow = &self->flows[work->run->version];
    work->stats = &self->stats[work->flow->stats];
    work->is_changed = false;
    work->state = (enum tw_run_state)work->run->state;
    work->finished.ns = 0;
}

/* A run whose start was not seen has nothing to wait for. If this is not its start either, and no
 * failure, nothing of it needs to be judged. (Every order makes one for each workflow of orders.)
 */
static bool says_nothing(const struct work *work, const struct tw_seen *seen)
{
    const struct tw_open_run *run = work->run;
    if (seen->code != 0 || (run->flags & (TW_RUN_STARTED | TW_RUN_LISTED)) != 0 ||
        run->kept != NULL) {
        return false;
    }
    const struct tw_match_entry *entries = NULL;
    size_t count = tw_matcher_entries(work->tracker->matcher, seen->match, &entries);
    for (size_t i = 0; i < count; i++) {
        if (entries[i].version == run->version &&
            (entries[i].role == TW_FACT_FAILED ||
             (work->flow->workflow->starts >> entries[i].step & 1) != 0)) {
            return false;
        }
    }
    return true;
}

int tw_progress_update(struct tw_tracker *self, uint32_t id, const struct tw_seen *seen,
                       bool is_anew)
{
    int rc = seen == NULL ? TW_OK : tw_runs_name(self, id, seen->record);
    struct work work;
    work_on(&work, self, id);
    if (rc != TW_OK || (work.run->flags & TW_RUN_GIVEN_UP) != 0) {
        return rc;
    }
    if (seen != NULL && !is_anew && says_nothing(&work, seen)) {
        work.stats->is_changed = true;
        work.stats->had_traffic = true;
        count_heard(&work, seen);
        return describe(&work, seen);
    }
    struct tw_run *facts = NULL;
    rc = facts_of(&work, seen, is_anew, &facts);
    if (rc != TW_OK) {
        return rc;
    }
    judge(self, work.run, facts, work.statuses, &work.state);
    work.finished = tw_run_finished(facts, work.state);
    if (seen != NULL) {
        work.is_changed = true;
        count_heard(&work, seen);
        note_code(&work, seen);
        rc = describe(&work, seen);
    }
    rc = rc == TW_OK && is_anew ? find_store(&work) : rc;
    return rc == TW_OK ? settle(&work, facts) : rc;
}

int tw_progress_fire(struct tw_tracker *self, uint32_t id, size_t step)
{
    struct work work;
    work_on(&work, self, id);
    enum tw_waits before = tw_run_waits(work.run, step);
    enum tw_waits after = before == TW_WAITS_IN_TIME ? TW_WAITS_OVERDUE : TW_WAITS_LOST;
    int rc = set_waits(&work, step, after, tw_run_since(work.run, step));
    if (rc == TW_OK) {
        rc = tw_progress_judge(self, work.run, work.statuses, &work.state, &work.finished);
    }
    rc = rc == TW_OK ? tw_failures_settle(self, id, step, &work.statuses[step]) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    work.run = self->runs[id]; /* it may have moved */
    settle_state(&work, true);
    const struct tw_verdict_of_run of = {work.statuses, work.state, work.finished};
    rc = tw_contribute(self, id, &of);
    return rc == TW_OK ? settle_row(&work) : rc;
}

int tw_progress_place(struct tw_tracker *self, uint32_t id, size_t step, enum tw_waits waits,
                      int64_t since_ns)
{
    struct work work;
    work_on(&work, self, id);
    struct tw_step_stats *stats = &work.stats->steps[work.flow->steps[step].stats];
    struct tw_queue *queue = queue_of(&work.flow->steps[step], waits);
    count_waits(stats, waits, true);
    tw_run_set_waits(work.run, step, waits, since_ns);
    int rc =
        queue == NULL ? TW_OK : tw_queue_insert(queue, (struct tw_queue_entry){{since_ns}, id});
    return rc == TW_OK ? tw_stores_move(self, id, step, &(struct tw_store_before){TW_WAITS_NOT, 0})
                       : rc;
}

int tw_progress_give_up(struct tw_tracker *self, uint32_t id)
{
    struct work work;
    work_on(&work, self, id);
    int rc = TW_OK;
    for (size_t i = 0; i < work.flow->workflow->step_count && rc == TW_OK; i++) {
        rc = set_waits(&work, i, TW_WAITS_NOT, 0);
    }
    const unsigned said = tw_regions_says(work.run);
    work.run->flags |= TW_RUN_GIVEN_UP;
    tw_regions_change(self, work.run, said);
    if ((work.run->flags & TW_RUN_STARTED) != 0) {
        work.stats->by_state[work.run->state]--;
        work.stats->open--;
    }
    work.stats->is_changed = true;
    tw_runs_unlist(self, id);
    tw_runs_hold(self, work.run->root);
    rc = rc == TW_OK ? tw_contribute_no_more(self, id) : rc;
    bool is_listed = (work.run->flags & TW_RUN_LISTED) != 0;
    return rc == TW_OK && is_listed ? tw_runs_mark_dirty(self, id) : rc;
}
