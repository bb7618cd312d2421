/* SPDX-License-Identifier: Apache-2.0
 * One tick. First everything is judged and all room is made, which may fail and changes nothing;
 * then states change, which cannot fail. */
#include "config.h"
#include "alert/engine_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One bucket. */
struct moment {
    int64_t begin_s;
    int64_t at_s; /* its end */
    int32_t bucket;
};

/* What one alert is to do. */
struct step {
    const struct moment *moment;
    struct tw_judge *judge;
    struct tw_state *state;
    enum tw_verdict_of_rule verdict;
    bool is_over; /* it ends, whatever holds */
    bool is_no_data;
    int64_t since_s; /* of one that opens */
    int32_t for_s;
    int32_t keep_s;
    double value;
};

static bool is_open(const struct tw_state *state)
{
    return state != NULL &&
           (state->alert.state == TW_ALERT_PENDING || state->alert.state == TW_ALERT_FIRING);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* How long it is within its hours already when it is judged for the first time; the answer is only
 * needed as far back as silence is counted. */
static int64_t inside_since(const struct tw_rule *rule, int64_t at_s)
{
    int64_t since_s = at_s;
    int64_t back_s = rule->no_data == TW_NO_DATA_ALERT ? rule->no_data_for_s : 0;
    while (at_s - since_s < back_s) {
        const tw_wall_t before = {(since_s - TW_ENGINE_BUCKET_S) * TW_NS_PER_S};
        if (!tw_hours_contain(rule->hours, before)) {
            break;
        }
        since_s -= TW_ENGINE_BUCKET_S;
    }
    return since_s;
}

static void look_at_hours(struct tw_judge *judge, const struct moment *moment)
{
    const struct tw_rule *rule = judge->rule;
    if (rule->hours == NULL) {
        judge->is_inside = true;
        judge->inside_since_s = INT64_MIN;
        return;
    }
    const tw_wall_t at = {moment->begin_s * TW_NS_PER_S};
    bool is_inside = tw_hours_contain(rule->hours, at);
    if (is_inside && !judge->was_judged) {
        judge->inside_since_s = inside_since(rule, moment->begin_s);
    } else if (is_inside && !judge->is_inside) {
        judge->inside_since_s = moment->begin_s;
    }
    judge->is_inside = is_inside;
}

/* Nothing was known of it for so long that this is told. */
static bool is_unheard(const struct tw_engine *self, const struct tw_judge *judge,
                       const struct tw_instance *instance, const struct moment *moment)
{
    const struct tw_rule *rule = judge->rule;
    return rule->no_data == TW_NO_DATA_ALERT && instance->verdict == TW_HOLDS_UNKNOWN &&
           (is_open(instance->no_data) ||
            moment->at_s - tw_engine_unknown_since(self, judge, instance, moment->bucket) >=
                rule->no_data_for_s);
}

/* Labels that cannot be are a fault of the rule, and open nothing. */
static int name_if(struct tw_engine *self, struct tw_judge *judge, struct tw_instance *instance,
                   bool is_no_data)
{
    struct tw_state *state = is_no_data ? instance->no_data : &instance->main;
    int rc = tw_engine_name(self, instance, is_no_data, state);
    if (rc == TW_EINVAL || rc == TW_ELIMIT) {
        judge->has_bad_labels = true;
        instance->verdict = is_no_data ? instance->verdict : TW_HOLDS_NOT;
        return TW_OK;
    }
    return rc;
}

/* Everything that what comes may need; *room_p: how many alerts may have news. */
static int prepare_instance(struct tw_engine *self, struct tw_judge *judge,
                            struct tw_instance *instance, const struct moment *moment,
                            size_t *room_p)
{
    int rc = TW_OK;
    if (!judge->is_inside) {
        instance->verdict = TW_HOLDS_OUTSIDE;
    } else {
        tw_engine_judge(self, judge, instance, moment->bucket);
    }
    if (instance->verdict == TW_HOLDS) {
        rc = name_if(self, judge, instance, false);
    }
    if (rc == TW_OK && is_unheard(self, judge, instance, moment)) {
        if (instance->no_data == NULL) {
            instance->no_data = calloc(1, sizeof *instance->no_data);
        }
        rc = instance->no_data == NULL ? TW_ENOMEM : name_if(self, judge, instance, true);
    }
    *room_p += (instance->verdict == TW_HOLDS || is_open(&instance->main) ? 1 : 0) +
               (instance->no_data != NULL ? 1 : 0);
    return rc;
}

static int make_room(struct tw_engine *self, size_t room)
{
    if (room > self->change_capacity) {
        struct tw_alert_change *changes = realloc(self->changes, room * sizeof *changes);
        if (changes == NULL) {
            return TW_ENOMEM;
        }
        self->changes = changes;
        self->change_capacity = room;
    }
    if (self->open_count + room > self->open_capacity) {
        size_t capacity = self->open_count + room;
        struct tw_state **open = realloc(self->open, capacity * sizeof(struct tw_state *));
        if (open == NULL) {
            return TW_ENOMEM;
        }
        self->open = open;
        self->open_capacity = capacity;
    }
    return TW_OK;
}

static int prepare(struct tw_engine *self, const struct moment *moment)
{
    int rc = TW_OK;
    size_t room = self->leaving_count;
    for (size_t i = 0; i < self->judge_count && rc == TW_OK; i++) {
        struct tw_judge *judge = &self->judges[i];
        if (judge->rule->is_enabled) {
            look_at_hours(judge, moment);
            judge->was_judged = true;
        }
        for (size_t k = 0; k < judge->count && rc == TW_OK; k++) {
            rc = prepare_instance(self, judge, judge->items[k], moment, &room);
        }
    }
    return rc == TW_OK ? make_room(self, room) : rc;
}

/* ---- states ---------------------------------------------------------------------------------- */

static void tell(struct tw_engine *self, enum tw_alert_news news, const struct tw_alert *alert)
{
    TW_ASSERT(self->change_count < self->change_capacity);
    self->changes[self->change_count++] = (struct tw_alert_change){news, *alert};
}

static size_t *counter_of(const struct step *step)
{
    return step->state->alert.state == TW_ALERT_FIRING ? &step->judge->firing
                                                       : &step->judge->pending;
}

static void fire(const struct step *step)
{
    struct tw_alert *alert = &step->state->alert;
    alert->state = TW_ALERT_FIRING;
    alert->fired_s = step->moment->at_s;
    for (size_t i = TW_FLAP_TIMES - 1; i > 0; i--) {
        alert->fired_before_s[i] = alert->fired_before_s[i - 1];
    }
    alert->fired_before_s[0] = alert->fired_s;
    int64_t first_s = alert->fired_before_s[TW_FLAP_TIMES - 1];
    alert->is_flapping = first_s > 0 && alert->fired_s - first_s <= TW_FLAP_WITHIN_S;
    step->judge->firing++;
}

/* False: as many are open as can be. */
static bool open_alert(struct tw_engine *self, const struct step *step)
{
    struct tw_alert *alert = &step->state->alert;
    if (self->open_count >= TW_ENGINE_INSTANCES_MAX) {
        return false;
    }
    TW_ASSERT(self->open_count < self->open_capacity);
    alert->since_s = step->since_s;
    alert->fired_s = 0;
    alert->calm_s = 0;
    alert->value = step->value;
    alert->limit = tw_rule_limit(step->judge->rule, self->workflows,
                                 tw_labels_get(&alert->labels, "objective"), step->moment->at_s);
    alert->is_no_data = step->is_no_data;
    alert->is_flapping = false;
    step->state->open_at = self->open_count;
    self->open[self->open_count++] = step->state;
    if (step->for_s > 0) {
        alert->state = TW_ALERT_PENDING;
        step->judge->pending++;
        tell(self, TW_NEWS_PENDING, alert);
    } else {
        fire(step);
        tell(self, TW_NEWS_FIRING, alert);
    }
    return true;
}

static void close_alert(struct tw_engine *self, const struct step *step)
{
    struct tw_alert *alert = &step->state->alert;
    bool was_firing = alert->state == TW_ALERT_FIRING;
    *counter_of(step) -= 1;
    struct tw_state *last = self->open[--self->open_count];
    self->open[step->state->open_at] = last;
    last->open_at = step->state->open_at;
    alert->state = was_firing ? TW_ALERT_RESOLVED : TW_ALERT_INACTIVE;
    tell(self, was_firing ? TW_NEWS_RESOLVED : TW_NEWS_DROPPED, alert);
    alert->state = TW_ALERT_INACTIVE;
    alert->since_s = 0;
    alert->fired_s = 0;
    alert->calm_s = 0;
    alert->is_no_data = false;
    alert->is_flapping = false;
}

static bool is_same_number(double a, double b)
{
    return !isnan(a) == !isnan(b) && !(a < b) && !(a > b);
}

/* An alert that is open and stays so. */
static void stay(struct tw_engine *self, const struct step *step)
{
    struct tw_alert *alert = &step->state->alert;
    bool is_news =
        alert->is_no_data != step->is_no_data || !is_same_number(alert->value, step->value);
    alert->is_no_data = step->is_no_data;
    alert->value = step->value;
    if (step->verdict == TW_HOLDS) {
        alert->calm_s = 0;
        if (alert->state == TW_ALERT_PENDING &&
            step->moment->at_s - alert->since_s >= step->for_s) {
            step->judge->pending--;
            fire(step);
            tell(self, TW_NEWS_FIRING, alert);
            return;
        }
    }
    if (is_news) {
        tell(self, TW_NEWS_VALUE, alert);
    }
}

/* The condition of an open alert does not hold. */
static void calm(struct tw_engine *self, const struct step *step)
{
    struct tw_alert *alert = &step->state->alert;
    int32_t keep_s = alert->state == TW_ALERT_FIRING ? step->keep_s : 0;
    if (alert->is_flapping && keep_s < TW_FLAP_CALM_S) {
        keep_s = TW_FLAP_CALM_S;
    }
    if (alert->calm_s == 0) {
        alert->calm_s = step->moment->at_s;
    }
    if (step->moment->at_s - alert->calm_s >= keep_s) {
        alert->value = step->value;
        alert->is_no_data = step->is_no_data;
        close_alert(self, step);
    } else {
        stay(self, step);
    }
}

/* False: it should open and cannot. */
static bool walk(struct tw_engine *self, const struct step *step)
{
    if (!is_open(step->state)) {
        return step->verdict != TW_HOLDS || step->is_over || open_alert(self, step);
    }
    if (step->is_over) {
        close_alert(self, step);
    } else if (step->verdict == TW_HOLDS_NOT) {
        calm(self, step);
    } else {
        stay(self, step);
    }
    return true;
}

/* Returns how many alerts could not open. */
static size_t walk_instance(struct tw_engine *self, struct tw_judge *judge,
                            struct tw_instance *instance, const struct moment *moment)
{
    const struct tw_rule *rule = judge->rule;
    bool is_known = instance->verdict != TW_HOLDS_UNKNOWN && instance->verdict != TW_HOLDS_NOT_YET;
    struct step step = {
        .moment = moment,
        .judge = judge,
        .state = &instance->main,
        .verdict = instance->verdict,
        .is_over = instance->is_gone || instance->verdict == TW_HOLDS_OUTSIDE,
        .is_no_data = !is_known,
        .since_s = moment->at_s,
        .for_s = rule->for_s,
        .keep_s = rule->keep_s,
        .value = is_known ? instance->value : (double)NAN,
    };
    size_t refused = walk(self, &step) ? 0 : 1;
    if (instance->no_data == NULL || instance->no_data->block == NULL) {
        return refused;
    }
    step.state = instance->no_data;
    step.verdict = is_unheard(self, judge, instance, moment) ? TW_HOLDS : TW_HOLDS_NOT;
    step.is_no_data = true;
    step.since_s = tw_engine_unknown_since(self, judge, instance, moment->bucket);
    step.for_s = 0;
    step.keep_s = 0;
    step.value = (double)NAN;
    return refused + (walk(self, &step) ? 0 : 1);
}

/* Alerts of rules that went. */
static void walk_leaving(struct tw_engine *self)
{
    for (size_t i = 0; i < self->leaving_count; i++) {
        struct tw_alert *alert = &self->leaving[i].alert;
        bool was_firing = alert->state == TW_ALERT_FIRING;
        alert->state = was_firing ? TW_ALERT_RESOLVED : TW_ALERT_INACTIVE;
        tell(self, was_firing ? TW_NEWS_RESOLVED : TW_NEWS_DROPPED, alert);
    }
    self->left = self->leaving;
    self->left_count = self->leaving_count;
    self->leaving = NULL;
    self->leaving_count = 0;
}

/* What there is to say of the rule itself. */
static void look_at_rule(struct tw_judge *judge, size_t refused)
{
    size_t unknown = 0;
    size_t not_yet = 0;
    for (size_t i = 0; i < judge->count; i++) {
        unknown += judge->items[i]->verdict == TW_HOLDS_UNKNOWN ? 1 : 0;
        not_yet += judge->items[i]->verdict == TW_HOLDS_NOT_YET ? 1 : 0;
    }
    bool is_unknown = judge->rule->is_enabled && judge->is_inside &&
                      unknown + not_yet == judge->count &&
                      (judge->count > 0 || !judge->rule->when.metric->is_zero_when_silent);
    judge->state = is_unknown ? TW_RULE_NO_DATA : TW_RULE_OK;
    judge->detail = NULL;
    if (not_yet > 0) {
        judge->detail = "what is usual is not known yet: less than a week of history";
    } else if (is_unknown) {
        judge->detail = "nothing is known of what it looks at";
    }
    const char *fault =
        judge->has_bad_labels ? "some of its alerts would have labels that cannot be" : NULL;
    fault = judge->has_lost_series ? "it looks at more series than there is room for" : fault;
    fault = refused > 0 ? "more alerts than can be open at once" : fault;
    if (fault != NULL) {
        judge->state = TW_RULE_ERROR;
        judge->detail = fault;
    }
}

static void walk_all(struct tw_engine *self, const struct moment *moment)
{
    walk_leaving(self);
    for (size_t i = 0; i < self->judge_count; i++) {
        struct tw_judge *judge = &self->judges[i];
        size_t refused = 0;
        for (size_t k = 0; k < judge->count; k++) {
            refused += walk_instance(self, judge, judge->items[k], moment);
        }
        look_at_rule(judge, refused);
    }
}

int tw_engine_tick(struct tw_engine *self, int64_t bucket_s, int32_t step_s, bool is_alive,
                   const struct tw_alert_change **ret_changes, size_t *ret_count)
{
    int32_t length = step_s < TW_ENGINE_BUCKET_S ? 1 : step_s / TW_ENGINE_BUCKET_S;
    const struct moment moment = {
        .begin_s = bucket_s,
        .at_s = bucket_s + (int64_t)length * TW_ENGINE_BUCKET_S,
        .bucket = (int32_t)(bucket_s / TW_ENGINE_BUCKET_S) + length - 1,
    };
    for (size_t i = 0; i < self->left_count; i++) {
        tw_state_fini(&self->left[i]);
    }
    free(self->left);
    self->left = NULL;
    self->left_count = 0;
    self->change_count = 0;
    if (!self->was_ticked || moment.bucket > self->last) {
        int rc = is_alive ? tw_engine_ran(self, bucket_s, step_s) : TW_OK;
        if (rc == TW_OK && is_alive) {
            if (self->swept == INT32_MIN) {
                self->swept = moment.bucket;
            } else if (moment.bucket - self->swept >= TW_ENGINE_SWEEP_S / TW_ENGINE_BUCKET_S) {
                tw_engine_sweep(self, moment.bucket);
            }
            rc = prepare(self, &moment);
        }
        if (rc != TW_OK) {
            return rc;
        }
        if (is_alive) {
            walk_all(self, &moment);
        }
        self->last = moment.bucket;
        self->was_ticked = true;
    }
    *ret_changes = self->changes;
    *ret_count = self->change_count;
    return TW_OK;
}
