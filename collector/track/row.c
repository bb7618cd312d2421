/* SPDX-License-Identifier: Apache-2.0
 * The row of one run, as the store lists it. Made when it is written, from what is known then;
 * names of workflows and steps are those of the statistics, which are never freed. */
#include "config.h"

#include <jansson.h>
#include <stdlib.h>

#include "core/err.h"
#include "track/internal.h"

#define MISSING_MAX 100

static struct tw_str word(const struct tw_words *words, uint32_t number)
{
    return number == 0 ? TW_STR_NULL : tw_str_of(tw_words_text(words, number));
}

/* Why a step is the one to name: failed before overdue before waiting. */
static int urgency(const struct tw_step_status *status, enum tw_waits waits)
{
    if (status->state == TW_STEP_FAILED) {
        return 4;
    }
    if (waits == TW_WAITS_OVERDUE) {
        return 3;
    }
    if (waits == TW_WAITS_IN_TIME) {
        return 2;
    }
    return status->has_recovered || status->is_late || status->is_compensated ? 1 : 0;
}

/* The step that the row is about; -1: none. */
static int pick_step(const struct tw_workflow *workflow, const struct tw_open_run *run,
                     const struct tw_step_status *statuses)
{
    int picked = -1;
    int best = 0;
    for (size_t i = 0; i < workflow->step_count; i++) {
        int value = urgency(&statuses[i], tw_run_waits(run, i));
        bool is_older = picked >= 0 && value == best && value > 1 &&
                        statuses[i].since.ns < statuses[picked].since.ns;
        if (value > best || is_older) {
            best = value;
            picked = (int)i;
        }
    }
    return picked;
}

/* The step itself, or the first destination behind it; -1: none. */
static int destination_of(const struct tw_workflow *workflow, int step)
{
    uint32_t behind = UINT32_C(1) << step;
    for (size_t i = (size_t)step; i < workflow->step_count; i++) {
        behind |= (workflow->steps[i].after & behind) != 0 ? UINT32_C(1) << i : 0;
        if ((behind >> i & 1) != 0 && workflow->steps[i].is_destination) {
            return (int)i;
        }
    }
    return -1;
}

static int missing_stores(struct tw_tracker *self, struct tw_open_run *run, size_t step,
                          struct tw_arena *arena, struct tw_str *ret_json)
{
    struct tw_run *facts = NULL;
    int rc = tw_progress_facts(self, run, &facts);
    json_t *list = json_array();
    for (uint32_t i = 1;
         rc == TW_OK && i <= tw_run_expected(run) && json_array_size(list) < MISSING_MAX; i++) {
        if (!tw_run_has_answered(facts, step, i)) {
            const char *store = tw_words_text(&self->stores, run->roster->words[i - 1]);
            (void)json_array_append_new(list, json_string(store)); /* one that is no UTF-8 is left
                                                                      out */
        }
    }
    char *text = rc == TW_OK ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    *ret_json = tw_arena_copy(arena, tw_str_of(text));
    free(text);
    return rc == TW_OK && ret_json->ptr == NULL ? TW_ENOMEM : rc;
}

/* Look for a record that carries the root. */
static int name_from_past(struct tw_tracker *self, uint32_t id, struct tw_arena *arena)
{
    const struct tw_graph_event *events = NULL;
    size_t count = 0;
    uint64_t numbers[8];
    int rc = tw_graph_events(self->graph, self->runs[id]->root, &events, &count);
    count = count > 8 ? 8 : count;
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        numbers[i] = events[i].n;
    }
    for (size_t i = 0; rc == TW_OK && i < count && self->runs[id]->id_len == 0; i++) {
        struct tw_record record;
        int found = self->past == NULL ? TW_ENOTFOUND
                                       : self->past(self->past_context, numbers[i], arena, &record);
        if (found == TW_OK) {
            rc = tw_runs_name(self, id, &record);
        } else if (found == TW_ENOMEM) {
            rc = found;
        }
    }
    return rc == TW_OK && self->runs[id]->id_len == 0 ? TW_ENOTFOUND : rc;
}

static int first_event(struct tw_tracker *self, const struct tw_open_run *run, uint64_t *ret_n)
{
    const struct tw_graph_event *events = NULL;
    size_t count = 0;
    int rc = tw_graph_events(self->graph, run->root, &events, &count);
    int64_t first_ns = INT64_MAX;
    *ret_n = 0;
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        if (events[i].time.ns < first_ns ||
            (events[i].time.ns == first_ns && events[i].n < *ret_n)) {
            first_ns = events[i].time.ns;
            *ret_n = events[i].n;
        }
    }
    return rc;
}

static enum tw_cause cause_of(const struct tw_step_status *status)
{
    if (status->failed_event != 0) {
        return status->cause == TW_CAUSE_NONE ? TW_CAUSE_UNKNOWN : status->cause;
    }
    return status->state == TW_STEP_OVERDUE ? TW_CAUSE_MISSING : TW_CAUSE_NONE;
}

/* What the picked step says. */
static void tell_step(const struct tw_tracker *self, const struct tw_open_run *run, int step,
                      const struct tw_step_status *status, struct tw_run_row *row)
{
    const struct tw_flow *flow = &self->flows[run->version];
    const struct tw_flow_stats *stats = &self->stats[flow->stats];
    row->step = tw_str_of(stats->steps[flow->steps[step].stats].name);
    row->system = word(&self->systems, flow->steps[step].system);
    int destination = destination_of(flow->workflow, step);
    row->destination = destination < 0
                           ? TW_STR_NULL
                           : tw_str_of(stats->steps[flow->steps[destination].stats].name);
    row->attempts = status->attempts;
    row->since = status->state == TW_STEP_FAILED ? status->time : status->since;
    row->due = status->due;
    row->cause = cause_of(status);
}

static bool is_in_trouble(const struct tw_flow_step *step, const struct tw_step_status *status,
                          enum tw_waits waits)
{
    return status->state == TW_STEP_FAILED || waits == TW_WAITS_OVERDUE ||
           (waits == TW_WAITS_IN_TIME && status->since.ns <= step->listed_ns);
}

/* Every step in trouble, and a repeated effect, when the row itself names but one of them. */
static int tell_troubles(const struct tw_tracker *self, const struct tw_open_run *run, int picked,
                         const struct tw_step_status *statuses, struct tw_arena *arena,
                         struct tw_run_row *row)
{
    const struct tw_flow *flow = &self->flows[run->version];
    const struct tw_flow_stats *stats = &self->stats[flow->stats];
    bool is_told = true;
    json_t *list = json_array();
    for (size_t i = 0; i < flow->workflow->step_count; i++) {
        const struct tw_flow_step *step = &flow->steps[i];
        if (is_in_trouble(step, &statuses[i], tw_run_waits(run, i))) {
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s, s:i, s:i}", "step", stats->steps[step->stats].name,
                                "system", flow->workflow->steps[i].system, "state",
                                (int)statuses[i].state, "cause", (int)cause_of(&statuses[i])));
            is_told = is_told && (int)i == picked;
        }
    }
    if ((run->flags & TW_RUN_DUPLICATE) != 0 && row->cause != TW_CAUSE_DUPLICATE) {
        (void)json_array_append_new(list, json_pack("{s:i}", "cause", (int)TW_CAUSE_DUPLICATE));
        is_told = false;
    }
    char *text = is_told ? NULL : json_dumps(list, JSON_COMPACT);
    json_decref(list);
    row->troubles = tw_arena_copy(arena, tw_str_of(text));
    bool has_failed = !is_told && row->troubles.ptr == NULL;
    free(text);
    return has_failed ? TW_ENOMEM : TW_OK;
}

/* The newest done event that a step comes after, through steps that were skipped: what whoever
 * carries it on had in hand. 0: none was seen. */
static uint64_t input_of(const struct tw_workflow *workflow, size_t step,
                         const struct tw_step_status *statuses)
{
    uint32_t before = workflow->steps[step].after;
    uint64_t newest = 0;
    int64_t newest_ns = INT64_MIN;
    for (size_t i = step; i-- > 0;) {
        if ((before >> i & 1) == 0) {
            continue;
        }
        if (statuses[i].state == TW_STEP_DONE) {
            bool is_newer = newest == 0 || statuses[i].time.ns > newest_ns;
            newest = is_newer ? statuses[i].event : newest;
            newest_ns = is_newer ? statuses[i].time.ns : newest_ns;
        } else {
            before |= workflow->steps[i].after;
        }
    }
    return newest;
}

static json_t *setback_json(const struct tw_tracker *self, const struct tw_open_run *run,
                            size_t step, const struct tw_step_status *statuses)
{
    const struct tw_flow *flow = &self->flows[run->version];
    const struct tw_flow_stats *stats = &self->stats[flow->stats];
    const struct tw_step_status *status = &statuses[step];
    int destination = destination_of(flow->workflow, (int)step);
    uint64_t done = status->state == TW_STEP_DONE ? status->event : 0;
    return json_pack("{s:s, s:s, s:s, s:i, s:i, s:I, s:I, s:I, s:i, s:I, s:I, s:I}", "step",
                     stats->steps[flow->steps[step].stats].name, "system",
                     flow->workflow->steps[step].system, "destination",
                     destination < 0 ? "" : stats->steps[flow->steps[destination].stats].name,
                     "state", (int)status->state, "cause", (int)cause_of(status), "failed",
                     (json_int_t)status->failed_event, "done", (json_int_t)done, "input",
                     (json_int_t)input_of(flow->workflow, step, statuses), "attempts",
                     (int)status->attempts, "time", (json_int_t)status->time.ns, "since",
                     (json_int_t)status->since.ns, "due", (json_int_t)status->due.ns);
}

/* Steps that failed or are overdue, and those that did and are done since; whether one that was
 * done late had been called overdue is for the reader to know, who was told then. */
static int tell_setbacks(const struct tw_tracker *self, const struct tw_open_run *run,
                         const struct tw_step_status *statuses, struct tw_arena *arena,
                         struct tw_run_row *row)
{
    const struct tw_flow *flow = &self->flows[run->version];
    json_t *list = json_array();
    for (size_t i = 0; i < flow->workflow->step_count; i++) {
        bool is_overdue = tw_run_waits(run, i) == TW_WAITS_OVERDUE;
        if (statuses[i].failed_event != 0 || is_overdue || statuses[i].is_late) {
            (void)json_array_append_new(list, setback_json(self, run, i, statuses));
        }
    }
    if ((run->flags & TW_RUN_DUPLICATE) != 0) {
        (void)json_array_append_new(list, json_pack("{s:i}", "cause", (int)TW_CAUSE_DUPLICATE));
    }
    bool has_any = json_array_size(list) > 0;
    char *text = has_any ? json_dumps(list, JSON_COMPACT) : NULL;
    json_decref(list);
    row->setbacks = tw_arena_copy(arena, tw_str_of(text));
    free(text);
    return has_any && row->setbacks.ptr == NULL ? TW_ENOMEM : TW_OK;
}

/* Nothing is expected of it any more though it has not ended: it was given up, or its start was not
 * seen and what failed of it was done since, or is the failure of a run that has started. */
static void settle_end(const struct tw_tracker *self, const struct tw_open_run *run,
                       struct tw_run_row *row)
{
    bool is_stray = (run->flags & TW_RUN_STARTED) == 0;
    if (is_stray && tw_runs_is_any_started(self, run->root)) {
        row->state = TW_RUN_IS_RUNNING;
    }
    if ((run->flags & TW_RUN_GIVEN_UP) != 0 || (is_stray && row->state != TW_RUN_IS_FAILED)) {
        row->finished = row->updated;
    }
}

int tw_row_make(struct tw_tracker *self, uint32_t id, struct tw_arena *arena,
                struct tw_run_row *ret_row)
{
    int rc = self->runs[id]->id_len > 0 ? TW_OK : name_from_past(self, id, arena);
    struct tw_open_run *run = self->runs[id];
    const struct tw_flow *flow = &self->flows[run->version];
    struct tw_step_status statuses[TW_WF_STEPS_MAX];
    enum tw_run_state state = TW_RUN_IS_RUNNING;
    tw_wall_t finished = {0};
    rc = rc == TW_OK ? tw_progress_judge(self, run, statuses, &state, &finished) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    const char *text = tw_run_text(self, run);
    struct tw_str name =
        tw_arena_copy(arena, (struct tw_str){text, (size_t)run->id_len + run->scope_len});
    *ret_row = (struct tw_run_row){
        .workflow = tw_str_of(self->stats[flow->stats].name),
        .version = flow->workflow->version,
        .object_type = flow->object_type,
        .object_id = {name.ptr, run->id_len},
        .object_scope = {name.ptr + (name.ptr == NULL ? 0 : run->id_len), run->scope_len},
        .state = (enum tw_run_state)run->state,
        .store = word(&self->stores, run->store),
        .region = word(&self->regions, tw_regions_of(self, run)),
        .code = word(&self->codes, run->code),
        .started = {run->started_ns},
        .since = {run->started_ns},
        .finished = finished,
        .updated = {(int64_t)run->updated_s * TW_NS_PER_S},
        .amount_minor = run->amount_minor,
        .last_n = run->last_n,
        .expected = tw_run_expected(run),
    };
    memcpy(ret_row->currency, run->currency, sizeof run->currency);
    settle_end(self, run, ret_row);
    int step = pick_step(flow->workflow, run, statuses);
    if (step >= 0) {
        tell_step(self, run, step, &statuses[step], ret_row);
    }
    if (ret_row->cause == TW_CAUSE_NONE && (run->flags & TW_RUN_DUPLICATE) != 0) {
        ret_row->cause = TW_CAUSE_DUPLICATE;
    }
    for (size_t i = 0; tw_run_expected(run) > 0 && i < flow->workflow->step_count && rc == TW_OK;
         i++) {
        if (flow->workflow->steps[i].each == TW_EACH_STORE) {
            ret_row->answered = statuses[i].answered;
            rc = missing_stores(self, run, i, arena, &ret_row->missing);
        }
    }
    rc = rc == TW_OK ? tell_troubles(self, run, step, statuses, arena, ret_row) : rc;
    rc = rc == TW_OK ? tell_setbacks(self, run, statuses, arena, ret_row) : rc;
    rc = rc == TW_OK ? first_event(self, run, &ret_row->first_n) : rc;
    return rc == TW_OK && name.ptr == NULL ? TW_ENOMEM : rc;
}
