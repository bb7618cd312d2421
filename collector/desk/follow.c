/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "desk/follow.h"

#include <jansson.h>
#include <stdlib.h>

#include "core/log.h"
#include "store/desk.h"

#define ARENA_BYTES \
    ((size_t)128 << 20) /* a portion: rows, failures, what is kept of their events */
#define EVENT_BYTES ((size_t)1100 << 20) /* one event: taps.max-message-bytes is 1 GiB at most */

struct tw_follow {
    struct tw_clock *clock;
    struct tw_reader *reader;
    struct tw_desk *desk;
    struct tw_arena arena;
    struct tw_arena event;          /* the one that is looked at */
    const struct tw_causes *causes; /* a reference; NULL: no rules */
    bool is_reviewing;              /* what is open, since the rules are others */
    uint64_t reviewed;              /* failures up to this number */
};

/* What a run says of one of its steps (tw_run_row.setbacks). */
struct told {
    struct tw_str step; /* "": of the whole run */
    struct tw_str system;
    struct tw_str destination;
    enum tw_step_state state;
    enum tw_cause cause;
    uint64_t failed_n;
    uint64_t done_n;
    uint64_t input_n;
    uint32_t attempts;
    tw_wall_t time;
    tw_wall_t since;
    tw_wall_t due;
};

/* A desk that is ahead of the store, since an older copy of the store was put back, begins anew:
 * what it makes of runs that it knows is the same again. */
static int check_place(struct tw_follow *self, struct tw_diag *diag)
{
    static const struct tw_setback_place start = {0};
    const struct tw_setback_place *place = tw_desk_place(self->desk);
    struct tw_store_stamp stamp;
    int rc = tw_reader_stamp(self->reader, &stamp);
    bool is_ahead = rc == TW_OK && (place->part > stamp.number || (place->part == stamp.number &&
                                                                   place->changed > stamp.commits));
    if (!is_ahead) {
        return rc;
    }
    tw_log(TW_LOG_DESK_BEGINS_ANEW_EVENT, TW_F_INT("partition", place->part),
           TW_F_INT("newest", stamp.number));
    rc = tw_desk_begin(self->desk, diag);
    rc = rc == TW_OK ? tw_desk_end(self->desk, &start, diag) : rc;
    if (rc != TW_OK) {
        tw_desk_abandon(self->desk);
    }
    return rc;
}

int tw_follow_open(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_follow **ret_follow,
                   struct tw_diag *diag)
{
    struct tw_follow *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    self->clock = clock;
    tw_arena_init(&self->arena, ARENA_BYTES);
    tw_arena_init(&self->event, EVENT_BYTES);
    int rc = tw_reader_open(cfg->store.dir, &self->reader, diag);
    rc = rc == TW_OK ? tw_desk_open(cfg->store.dir, &self->desk, diag) : rc;
    rc = rc == TW_OK ? check_place(self, diag) : rc;
    if (rc != TW_OK) {
        tw_follow_close(&self);
        return rc;
    }
    *ret_follow = self;
    return TW_OK;
}

void tw_follow_close(struct tw_follow **self_p)
{
    struct tw_follow *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    tw_desk_close(&self->desk);
    tw_reader_close(&self->reader);
    tw_causes_unref(&self->causes);
    tw_arena_fini(&self->arena);
    tw_arena_fini(&self->event);
    free(self);
}

/* ---- what a run says ---- */

static struct tw_str text_member(const json_t *json, const char *key)
{
    const json_t *value = json_object_get(json, key);
    return json_is_string(value)
               ? (struct tw_str){json_string_value(value), json_string_length(value)}
               : TW_STR_LIT("");
}

static int64_t number_member(const json_t *json, const char *key)
{
    return json_integer_value(json_object_get(json, key)); /* 0 when it is none */
}

static bool read_told(const json_t *json, struct told *ret_told)
{
    int64_t state = number_member(json, "state");
    int64_t cause = number_member(json, "cause");
    if (!json_is_object(json) || state < 0 || state > TW_STEP_SKIPPED || cause < 0 ||
        cause >= TW_CAUSE_COUNT) {
        return false;
    }
    *ret_told = (struct told){
        .step = text_member(json, "step"),
        .system = text_member(json, "system"),
        .destination = text_member(json, "destination"),
        .state = (enum tw_step_state)state,
        .cause = (enum tw_cause)cause,
        .failed_n = (uint64_t)number_member(json, "failed"),
        .done_n = (uint64_t)number_member(json, "done"),
        .input_n = (uint64_t)number_member(json, "input"),
        .attempts = (uint32_t)number_member(json, "attempts"),
        .time = {number_member(json, "time")},
        .since = {number_member(json, "since")},
        .due = {number_member(json, "due")},
    };
    return true;
}

/* ---- the event that failed ---- */

/* At most so many bytes, whole characters of UTF-8. */
static struct tw_str cut(struct tw_str text, size_t most)
{
    if (text.len > most) {
        text.len = most;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    return text;
}

static int keep(struct tw_follow *self, const json_t *event, const char *key, size_t most,
                struct tw_str *ret_text)
{
    struct tw_str text = text_member(event, key);
    *ret_text = text.len == 0 ? TW_STR_NULL : tw_arena_copy(&self->arena, cut(text, most));
    return text.len > 0 && ret_text->ptr == NULL ? TW_ENOMEM : TW_OK;
}

/* What the sender says of the failure, and for which replay. An event that is not there any more,
 * or cannot be read, changes nothing: one damaged block must not hold up what failed since. */
static int read_event(struct tw_follow *self, struct tw_failure *failure, struct tw_seen *seen)
{
    struct tw_stored stored;
    tw_arena_reset(&self->event);
    int rc = tw_reader_record(self->reader, &self->event, failure->failed_n, &stored);
    if (rc != TW_OK) {
        return rc == TW_ENOTFOUND || rc == TW_EDAMAGED ? TW_OK : rc;
    }
    json_t *event = json_loadb(stored.record.json.ptr, stored.record.json.len, 0, NULL);
    if (event == NULL) {
        return TW_OK; /* its payload may be gone; what tracking says of it remains */
    }
    seen->received = stored.record.received;
    int64_t status = number_member(event, "httpstatus");
    failure->http_status = status >= 100 && status <= 599 ? (uint32_t)status : 0;
    rc = keep(self, event, "type", 255, &failure->type);
    rc = rc == TW_OK ? keep(self, event, "errorcode", 255, &failure->code) : rc;
    rc = rc == TW_OK ? keep(self, event, "errormessage", TW_FAILURE_MESSAGE_MAX, &failure->message)
                     : rc;
    rc = rc == TW_OK ? keep(self, event, "errorclass", 64, &failure->error_class) : rc;
    rc = rc == TW_OK ? keep(self, event, "replayid", 255, &seen->replayid) : rc;
    json_decref(event);
    return rc;
}

/* ---- failures ---- */

/* A step of a run that was taken back, or whose trouble is another run's, is no failure: the run's
 * own state says so. */
static enum tw_failure_state state_of(const struct tw_run_row *row, const struct told *told)
{
    bool is_in_trouble = row->state == TW_RUN_IS_FAILED || row->state == TW_RUN_IS_OVERDUE;
    switch (told->state) {
    case TW_STEP_FAILED:
    case TW_STEP_OVERDUE:
        return is_in_trouble ? TW_FAILURE_OPEN : TW_FAILURE_CLOSED;
    case TW_STEP_DONE:
        return TW_FAILURE_RECOVERED;
    case TW_STEP_WAITING:
    case TW_STEP_SKIPPED:
    default:
        return told->step.len == 0 ? TW_FAILURE_OPEN : TW_FAILURE_CLOSED;
    }
}

/* Why, by the rules of today: the cause that tracking knows was decided when the event came, and
 * remains where no rule takes the failure. */
static void apply_rules(const struct tw_follow *self, struct tw_failure *failure)
{
    const struct tw_failure_facts facts = {
        .system = failure->kind.system,
        .type = failure->type,
        .code = failure->code,
        .status = failure->http_status != 0 ? failure->http_status
                                            : tw_causes_status_of_code(failure->code),
        .message = failure->message,
        .errorclass = failure->error_class,
    };
    struct tw_cause_verdict verdict;
    tw_causes_classify(self->causes, &facts, &verdict);
    failure->kind.cause = verdict.index >= 0 ? verdict.cause : failure->kind.cause;
    failure->kind.label = cut(verdict.label, TW_FAILURE_LABEL_MAX);
}

/* Its kind: the step that failed, and why. */
static void classify(const struct tw_follow *self, struct tw_failure *failure,
                     const struct told *told)
{
    failure->kind.cause = told->cause == TW_CAUSE_NONE ? TW_CAUSE_UNKNOWN : told->cause;
    failure->kind.label = TW_STR_LIT("");
    if (failure->failed_n != 0) {
        apply_rules(self, failure);
    }
}

/* What the run says of it now, over what was known. */
static void fill_failure(struct tw_failure *failure, const struct tw_run_row *row,
                         const struct told *told)
{
    failure->kind.workflow = row->workflow;
    failure->kind.step = told->step;
    failure->kind.system = told->system;
    failure->kind.destination = told->destination;
    failure->object_type = row->object_type;
    failure->object_id = row->object_id;
    failure->object_scope = row->object_scope;
    failure->state = state_of(row, told);
    failure->store = row->store;
    failure->region = row->region;
    failure->amount_minor = row->amount_minor;
    memcpy(failure->currency, row->currency, sizeof failure->currency);
    failure->failed_n = told->failed_n;
    failure->input_n = told->input_n;
    failure->done_n = told->done_n;
    failure->attempts = told->attempts;
    failure->since = told->since;
    failure->ended.ns = 0;
    if (failure->state != TW_FAILURE_OPEN) {
        failure->ended = told->time.ns == 0 ? row->updated : told->time;
    }
}

/* It was not known before, not so, or not any more. `known`: as it was, or NULL. */
static void set_times(struct tw_failure *failure, const struct tw_run_row *row,
                      const struct told *told, const struct tw_failure *known)
{
    bool is_now = told->failed_n != 0 && failure->state == TW_FAILURE_OPEN;
    tw_wall_t at = is_now ? told->time : told->due;
    at = at.ns == 0 ? row->updated : at;
    failure->is_archived = false; /* what an operator put away was another failure */
    failure->first = known == NULL ? at : failure->first;
    failure->last = at;
}

/* What that means for items of replays. `failed`: the event that says so, or NULL. */
static int tell_replays(struct tw_follow *self, const struct tw_failure *failure,
                        const struct tw_seen *failed, tw_wall_t now, struct tw_diag *diag)
{
    bool is_done = failure->state == TW_FAILURE_RECOVERED;
    const struct tw_seen over = {.what = is_done ? TW_SEEN_DONE : TW_SEEN_GONE,
                                 .n = failure->done_n};
    const struct tw_seen *seen = failure->state == TW_FAILURE_OPEN ? failed : &over;
    return seen == NULL ? TW_OK : tw_desk_seen(self->desk, failure, seen, now, diag);
}

/* One step of one run as it is now. `known`: as it was, or NULL. */
static int take_step(struct tw_follow *self, const struct tw_run_row *row, const struct told *told,
                     const struct tw_failure *known, tw_wall_t now, struct tw_diag *diag)
{
    enum tw_failure_state state = state_of(row, told);
    if (known == NULL && state != TW_FAILURE_OPEN && told->failed_n == 0) {
        return TW_OK; /* done late, and nobody was told that it was overdue */
    }
    bool is_other = known == NULL || known->failed_n != told->failed_n;
    bool is_again = known != NULL && known->state != TW_FAILURE_OPEN && state == TW_FAILURE_OPEN;
    bool has_failed = is_other && told->failed_n != 0;
    struct tw_seen seen = {.what = TW_SEEN_FAILED, .n = told->failed_n, .received = told->time};
    struct tw_failure failure = {.id = 0};
    int rc = TW_OK;
    if (known != NULL) {
        failure = *known;
    }
    fill_failure(&failure, row, told);
    if (is_other || is_again) {
        set_times(&failure, row, told, known);
    }
    if (has_failed) {
        rc = read_event(self, &failure, &seen);
    }
    /* what is over keeps the kind that it had */
    if (state == TW_FAILURE_OPEN || known == NULL) {
        classify(self, &failure, told);
    }
    rc = rc == TW_OK ? tw_desk_put(self->desk, &failure, is_other || is_again, now, diag) : rc;
    return rc == TW_OK && known != NULL
               ? tell_replays(self, &failure, has_failed ? &seen : NULL, now, diag)
               : rc;
}

static const struct tw_failure *find(const struct tw_failure *items, size_t count,
                                     struct tw_str step)
{
    for (size_t i = 0; i < count; i++) {
        if (tw_str_equal(items[i].kind.step, step)) {
            return &items[i];
        }
    }
    return NULL;
}

/* Open ones that the run no longer tells of: nothing is expected there any more. */
static int close_others(struct tw_follow *self, const struct tw_setback *setback,
                        const json_t *steps, struct tw_failure *items, size_t count,
                        struct tw_diag *diag)
{
    static const struct tw_seen gone = {.what = TW_SEEN_GONE};
    tw_wall_t now = self->clock->wall(self->clock);
    int rc = TW_OK;
    for (size_t k = 0; k < count && rc == TW_OK; k++) {
        bool is_told = items[k].state != TW_FAILURE_OPEN;
        for (size_t i = 0; i < json_array_size(steps) && !is_told; i++) {
            is_told =
                tw_str_equal(text_member(json_array_get(steps, i), "step"), items[k].kind.step);
        }
        if (!is_told) {
            items[k].state = TW_FAILURE_CLOSED;
            items[k].ended = setback->row.updated;
            rc = tw_desk_put(self->desk, &items[k], false, items[k].ended, diag);
            rc = rc == TW_OK ? tw_desk_seen(self->desk, &items[k], &gone, now, diag) : rc;
        }
    }
    return rc;
}

static int take_setback(struct tw_follow *self, const struct tw_setback *setback, tw_wall_t now,
                        struct tw_diag *diag)
{
    struct tw_failure *items = NULL;
    size_t count = 0;
    json_t *steps = json_loadb(setback->steps.ptr, setback->steps.len, 0, NULL);
    int rc = tw_desk_of_run(self->desk, &self->arena, &setback->row, &items, &count, diag);
    for (size_t i = 0; i < json_array_size(steps) && rc == TW_OK; i++) {
        struct told told;
        if (read_told(json_array_get(steps, i), &told)) {
            const struct tw_failure *known = find(items, count, told.step);
            rc = take_step(self, &setback->row, &told, known, now, diag);
        }
    }
    rc = rc == TW_OK ? close_others(self, setback, steps, items, count, diag) : rc;
    json_decref(steps);
    return rc;
}

static int take_portion(struct tw_follow *self, const struct tw_setback *setbacks, size_t count,
                        const struct tw_setback_place *place, struct tw_diag *diag)
{
    tw_wall_t now = self->clock->wall(self->clock);
    int rc = tw_desk_begin(self->desk, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = take_setback(self, &setbacks[i], now, diag);
    }
    rc = rc == TW_OK ? tw_desk_end(self->desk, place, diag) : rc;
    if (rc != TW_OK) {
        tw_desk_abandon(self->desk);
    }
    return rc;
}

/* ---- other rules ---- */

void tw_follow_set_causes(struct tw_follow *self, const struct tw_causes *causes)
{
    const struct tw_causes *before = self->causes;
    self->causes = causes == NULL ? NULL : tw_causes_ref(causes);
    tw_causes_unref(&before);
    self->is_reviewing = true;
    self->reviewed = 0;
}

static int review(struct tw_follow *self, struct tw_failure *items, size_t count,
                  struct tw_diag *diag)
{
    tw_wall_t now = self->clock->wall(self->clock);
    int rc = tw_desk_begin(self->desk, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_failure_kind before = items[i].kind;
        apply_rules(self, &items[i]);
        bool is_same =
            before.cause == items[i].kind.cause && tw_str_equal(before.label, items[i].kind.label);
        rc = is_same ? TW_OK : tw_desk_put(self->desk, &items[i], false, now, diag);
    }
    rc = rc == TW_OK ? tw_desk_end(self->desk, tw_desk_place(self->desk), diag) : rc;
    if (rc != TW_OK) {
        tw_desk_abandon(self->desk);
    }
    return rc;
}

static int review_portion(struct tw_follow *self, size_t *ret_count, struct tw_diag *diag)
{
    struct tw_failure *items = NULL;
    size_t count = 0;
    int rc = tw_desk_open_ones(self->desk, &self->arena, self->reviewed, TW_FOLLOW_PORTION, &items,
                               &count, diag);
    rc = rc == TW_OK && count > 0 ? review(self, items, count, diag) : rc;
    if (rc == TW_OK) {
        self->is_reviewing = count > 0;
        self->reviewed = count > 0 ? items[count - 1].id : 0;
        *ret_count = count;
    }
    return rc;
}

int tw_follow_once(struct tw_follow *self, size_t *ret_count, struct tw_diag *diag)
{
    const struct tw_setback *setbacks = NULL;
    size_t count = 0;
    struct tw_setback_place place;
    tw_arena_reset(&self->arena);
    int rc = tw_reader_setbacks(self->reader, &self->arena, tw_desk_place(self->desk),
                                TW_FOLLOW_PORTION, &setbacks, &count, &place);
    if (rc != TW_OK) {
        return tw_diag_set(diag, rc, "following failures: %s", tw_err_text(rc));
    }
    if (count > 0) {
        rc = take_portion(self, setbacks, count, &place, diag);
    } else if (self->is_reviewing) {
        rc = review_portion(self, &count, diag);
    }
    if (rc == TW_OK) {
        *ret_count = count;
    }
    return rc;
}

int tw_follow_expire(struct tw_follow *self, size_t *ret_count, struct tw_diag *diag)
{
    struct tw_store_status status;
    int rc = tw_reader_status(self->reader, &status);
    *ret_count = 0;
    if (rc != TW_OK || status.first_received.ns <= 0) {
        return rc; /* nothing was received yet */
    }
    return tw_desk_expire(self->desk, status.first_received, TW_FOLLOW_PORTION, ret_count, diag);
}

int tw_follow_check_audit(struct tw_follow *self, bool is_full, struct tw_diag *diag)
{
    return tw_desk_check_audit(self->desk, is_full, self->clock->wall(self->clock), diag);
}
