/* SPDX-License-Identifier: Apache-2.0
 * The series that alert rules need and that nothing else shows as a series: failures by cause,
 * verdicts, the rules of objectives, who is silent, what the intake counts. They come from the
 * values that the documents are made of (live.c), at the end of each bucket. */
#include "config.h"

#include "core/err.h"
#include "track/emit.h"
#include "track/failures.h"

/* Time to drain that is said of what does not drain: a week. */
#define DRAIN_MAX_S INT64_C(604800)
/* A look at a step counts for so long: a step that is in no definition any more is looked at no
 * more. Time is told once a second, in a pause of a simulated day each half minute. */
#define VERDICT_MAX_NS (120 * TW_NS_PER_S)
/* Of the rules of an objective. Burn rates, failures and seconds are kept to the millionth. */
#define VALUE_DIVISOR 1000000
enum { RULE_QUIET, RULE_TICKET, RULE_PAGES };

static const char *const intake_metrics[TW_TRACK_INTAKE_COUNT] = {
    [TW_TRACK_RECEIVED] = "received",
    [TW_TRACK_DUPLICATES] = "duplicates",
    [TW_TRACK_CONFLICTS] = "conflicts",
    [TW_TRACK_QUARANTINED] = "quarantined",
};

/* --- steps ------------------------------------------------------------------------------------ */

/* The first label of the title is the cause. */
static int emit_causes(struct tw_emission *self, struct tw_cause_gauges *gauges,
                       struct tw_series_title *title)
{
    int rc = TW_OK;
    for (unsigned left = gauges->changed; left != 0 && rc == TW_OK; left &= left - 1) {
        int cause = __builtin_ctz(left);
        title->value[0] = tw_cause_name((enum tw_cause)cause);
        rc = tw_emit_sum(self, &gauges->sums[cause], title);
    }
    gauges->changed = 0;
    return rc;
}

static int emit_failures(struct tw_emission *self, const char *workflow, struct tw_step_stats *step)
{
    struct tw_series_title title = {.kind = TW_SERIES_SUM,
                                    .divisor = 1,
                                    .metric = "failures",
                                    .name = {"cause", "step", "workflow"},
                                    .value = {NULL, step->name, workflow}};
    return emit_causes(self, &step->failures, &title);
}

/* Of what no later run has overtaken: a lost one waits for ever, and is no backlog. Nor is what a
 * fan-out lacks, which is counted as a failure when its time is over. */
static int64_t drain_of(const struct tw_tracker *self, uint32_t flow, uint32_t index)
{
    const struct tw_step_stats *step = &self->stats[flow].steps[index];
    if (step->is_fan_out || step->waiting + step->overdue == 0) {
        return 0;
    }
    const struct tw_lag_point nothing = {.waiting = 0};
    uint64_t waiting = tw_deadlines_waiting(self, flow, index, nothing).waiting;
    const struct tw_drain drain = tw_lag_drain(&step->ring, waiting);
    switch (drain.state) {
    case TW_DRAIN_DRAINS:
        return drain.seconds >= (double)DRAIN_MAX_S
                   ? DRAIN_MAX_S * TW_NS_PER_S
                   : (int64_t)(drain.seconds * (double)TW_NS_PER_S);
    case TW_DRAIN_GROWING:
        return DRAIN_MAX_S * TW_NS_PER_S;
    case TW_DRAIN_EMPTY:
    case TW_DRAIN_UNKNOWN:
        break;
    }
    return 0;
}

static int64_t verdict_of(const struct tw_step_stats *step, int64_t now_ns)
{
    bool is_recent =
        step->verdict_ns != 0 && now_ns - step->verdict_ns <= VERDICT_MAX_NS && !step->is_fan_out;
    return is_recent && step->verdict > TW_LAG_OK ? (int64_t)step->verdict - TW_LAG_OK : 0;
}

static int emit_steps(struct tw_emission *self, uint32_t flow)
{
    struct tw_flow_stats *stats = &self->tracker->stats[flow];
    int rc = TW_OK;
    for (uint32_t i = 0; i < stats->step_count && rc == TW_OK; i++) {
        struct tw_step_stats *step = &stats->steps[i];
        struct tw_series_title title = {.kind = TW_SERIES_LAST,
                                        .divisor = 1,
                                        .metric = "step_verdict",
                                        .name = {"step", "workflow"},
                                        .value = {step->name, stats->name}};
        rc = emit_failures(self, stats->name, step);
        if (rc != TW_OK || self->last_value < 0) {
            continue;
        }
        rc = tw_emit_sparse(self, &step->verdict_last, &title,
                            verdict_of(step, self->tracker->now_ns));
        title.metric = "step_drain";
        title.divisor = TW_NS_PER_S;
        rc = rc == TW_OK
                 ? tw_emit_sparse(self, &step->drain_last, &title, drain_of(self->tracker, flow, i))
                 : rc;
    }
    return rc;
}

static int emit_workflows(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    int rc = TW_OK;
    for (uint32_t i = 0; i < tracker->stats_count && rc == TW_OK; i++) {
        struct tw_flow_stats *stats = &tracker->stats[i];
        const struct tw_series_title title = {.kind = TW_SERIES_SUM,
                                              .divisor = 1,
                                              .metric = "duplicate_effects",
                                              .name = {"workflow"},
                                              .value = {stats->name}};
        rc = tw_emit_sum(self, &stats->duplicate_sum, &title);
        rc = rc == TW_OK ? emit_steps(self, i) : rc;
    }
    return rc;
}

/* --- objectives ------------------------------------------------------------------------------- */

static int64_t level_of(enum tw_burn_state state, bool pages)
{
    if (state == TW_BURN_FIRING) {
        return pages ? RULE_PAGES : RULE_TICKET;
    }
    return state == TW_BURN_LOW_TRAFFIC ? RULE_TICKET : RULE_QUIET;
}

/* A rule, as its entry in the document says it. */
struct rule_state {
    const char *name;
    int64_t level;
    double value; /* what it compares, 0 where it cannot be used */
};

/* Of a window; of a rule that is held back by little traffic alone without the share of traffic. */
static double burn_of(const struct tw_objective_stats *row, enum tw_burn_window window, bool is_low)
{
    return is_low ? tw_burn_rate(row->spec.target_ppm, tw_budget_burnt(row->budget, window))
                  : tw_budget_compared(row->budget, window);
}

/* The lower of its two burn rates: it fires when both are above its threshold. */
static double lower_burn(const struct tw_objective_stats *row, enum tw_burn_rule rule, bool is_low)
{
    struct tw_burn_plan plan =
        tw_burn_plan(rule, row->spec.target_ppm, tw_budget_window_s(row->budget), TW_BURN_BAD_MIN);
    double in_long = burn_of(row, plan.long_window, is_low);
    double in_short = burn_of(row, plan.short_window, is_low);
    return in_long < in_short ? in_long : in_short;
}

static struct rule_state state_of_burn(const struct tw_objective_stats *row, enum tw_burn_rule rule)
{
    enum tw_burn_state state = tw_budget_judge(row->budget, rule, TW_BURN_BAD_MIN);
    return (struct rule_state){
        .name = tw_burn_rule_name(rule),
        .level = level_of(state, tw_burn_rule_pages(rule)),
        .value = state == TW_BURN_UNUSABLE ? 0 : lower_burn(row, rule, false),
    };
}

static struct rule_state state_of_low(const struct tw_objective_stats *row, enum tw_burn_rule rule)
{
    bool is_low = tw_budget_judge(row->budget, rule, TW_BURN_BAD_MIN) == TW_BURN_LOW_TRAFFIC;
    return (struct rule_state){
        .name = rule == TW_BURN_FAST ? "fast-low-traffic" : "medium-low-traffic",
        .level = is_low ? RULE_TICKET : RULE_QUIET,
        .value = is_low ? lower_burn(row, rule, true) : 0,
    };
}

static struct rule_state state_of_trickle(const struct tw_objective_stats *row)
{
    struct tw_trickle_plan plan = tw_burn_trickle_plan(
        row->spec.target_ppm, tw_budget_window_s(row->budget), TW_BURN_BAD_MIN);
    enum tw_burn_state state = tw_budget_trickle(row->budget, TW_BURN_BAD_MIN);
    int64_t bad = tw_budget_burnt(row->budget, plan.window).bad;
    return (struct rule_state){
        .name = "trickle",
        .level = level_of(state, false),
        .value = state == TW_BURN_UNUSABLE ? 0 : (double)bad,
    };
}

static struct rule_state state_of_absence(const struct tw_objective_stats *row)
{
    struct tw_absence absence = tw_budget_absence(row->budget, TW_BURN_ABSENT_MIN);
    bool is_open = absence.state == TW_ABSENCE_QUIET || absence.state == TW_ABSENCE_FIRING;
    return (struct rule_state){
        .name = "absence",
        .level = absence.state == TW_ABSENCE_FIRING ? RULE_PAGES : RULE_QUIET,
        .value = is_open ? (double)absence.silent_s : 0,
    };
}

static struct rule_state state_of_rule(const struct tw_objective_stats *row, size_t rule)
{
    switch (rule) {
    case TW_OBJECTIVE_TRICKLE:
        return state_of_trickle(row);
    case TW_OBJECTIVE_ABSENCE:
        return state_of_absence(row);
    case TW_OBJECTIVE_FAST_LOW:
        return state_of_low(row, TW_BURN_FAST);
    case TW_OBJECTIVE_MEDIUM_LOW:
        return state_of_low(row, TW_BURN_MEDIUM);
    default:
        break;
    }
    return state_of_burn(row, (enum tw_burn_rule)rule);
}

static int emit_rule(struct tw_emission *self, struct tw_objective_stats *row, size_t rule)
{
    struct rule_state state = state_of_rule(row, rule);
    struct tw_series_title title = {.kind = TW_SERIES_LAST,
                                    .divisor = 1,
                                    .metric = "objective_rule",
                                    .name = {"objective", "rule"},
                                    .value = {row->name, state.name}};
    bool is_there = row->definition != NULL;
    int rc =
        tw_emit_sparse(self, &row->rule_last[rule], &title, is_there ? state.level : RULE_QUIET);
    title.metric = "objective_rule_value";
    title.divisor = VALUE_DIVISOR;
    int64_t value = is_there ? (int64_t)(state.value * VALUE_DIVISOR) : 0;
    return rc == TW_OK ? tw_emit_sparse(self, &row->rule_value_last[rule], &title, value) : rc;
}

static int emit_objectives(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    int rc = TW_OK;
    for (size_t i = 0; i < tracker->objective_count && rc == TW_OK; i++) {
        for (size_t k = 0; k < TW_OBJECTIVE_RULES && rc == TW_OK; k++) {
            rc = emit_rule(self, &tracker->objectives[i], k);
        }
    }
    return rc;
}

/* --- who is silent ---------------------------------------------------------------------------- */

/* Nobody could be heard before the tower listened. */
static int64_t silence_of(const struct tw_tracker *self, uint32_t system)
{
    int64_t since_ns = self->system_seen_ns[system] > self->listening_ns
                           ? self->system_seen_ns[system]
                           : self->listening_ns;
    return self->now_ns - since_ns;
}

/* What failed in a system, and what is tried again there. */
static int emit_system_causes(struct tw_emission *self, uint32_t system)
{
    struct tw_tracker *tracker = self->tracker;
    struct tw_series_title title = {.kind = TW_SERIES_SUM,
                                    .divisor = 1,
                                    .metric = "system_failures",
                                    .name = {"cause", "system"},
                                    .value = {NULL, tw_words_text(&tracker->systems, system)}};
    int rc = emit_causes(self, &tracker->system_failures[system], &title);
    title.metric = "system_retries";
    return rc == TW_OK ? emit_causes(self, &tracker->system_retries[system], &title) : rc;
}

/* The worst verdict of the steps of each system. */
static int emit_system_verdicts(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    int64_t worst[TW_WATERMARK_SYSTEMS] = {0};
    int rc = TW_OK;
    for (size_t i = 0; i < tracker->stats_count; i++) {
        for (size_t k = 0; k < tracker->stats[i].step_count; k++) {
            const struct tw_step_stats *step = &tracker->stats[i].steps[k];
            int64_t verdict = verdict_of(step, tracker->now_ns);
            worst[step->system] = verdict > worst[step->system] ? verdict : worst[step->system];
        }
    }
    for (uint32_t i = 1; i <= tracker->systems.count && rc == TW_OK; i++) {
        const struct tw_series_title title = {.kind = TW_SERIES_LAST,
                                              .divisor = 1,
                                              .metric = "system_verdict",
                                              .name = {"system"},
                                              .value = {tw_words_text(&tracker->systems, i)}};
        rc = tw_emit_sparse(self, &tracker->verdict_last[i], &title, worst[i]);
    }
    return rc;
}

static int emit_systems(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    int rc = self->last_value < 0 ? TW_OK : emit_system_verdicts(self);
    for (uint32_t i = 1; i <= tracker->systems.count && rc == TW_OK; i++) {
        struct tw_series_title title = {.kind = TW_SERIES_SUM,
                                        .divisor = 1,
                                        .metric = "system_events",
                                        .name = {"system"},
                                        .value = {tw_words_text(&tracker->systems, i)}};
        rc = tw_emit_sum(self, &tracker->events_sum[i], &title);
        title.metric = "sequence_missing";
        rc = rc == TW_OK ? tw_emit_sum(self, &tracker->missing_sum[i], &title) : rc;
        rc = rc == TW_OK ? emit_system_causes(self, i) : rc;
        if (rc == TW_OK && tracker->system_seen_ns[i] != 0) {
            title.kind = TW_SERIES_LAST;
            title.divisor = TW_NS_PER_S;
            title.metric = "system_silent";
            tracker->silent_last[i].is_known = true;
            rc = tw_emit_last(self, &tracker->silent_last[i], &title, silence_of(tracker, i));
        }
    }
    return rc;
}

static int emit_silent_count(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    static const struct tw_series_title title = {
        .kind = TW_SERIES_LAST, .divisor = 1, .metric = "stores_silent"};
    int64_t count = 0;
    for (size_t i = 0; i < tracker->heard_count; i++) {
        count += tw_heard_silent_since(tracker, i, tracker->now_ns) != 0 ? 1 : 0;
    }
    return tw_emit_sparse(self, &tracker->stores_silent_last, &title, count);
}

int tw_emit_silent_stores(struct tw_emission *self)
{
    struct tw_tracker *tracker = self->tracker;
    int rc = TW_OK;
    for (size_t i = 0; i < tracker->heard_count && rc == TW_OK; i++) {
        const struct tw_series_title title = {
            .kind = TW_SERIES_LAST,
            .divisor = TW_NS_PER_S,
            .metric = "store_silent",
            .name = {"store"},
            .value = {tw_words_text(&tracker->stores, (uint32_t)i + 1)}};
        int64_t since_ns = tw_heard_silent_since(tracker, i, tracker->now_ns);
        rc = tw_emit_sparse(self, &tracker->heard[i].silent_last, &title,
                            since_ns == 0 ? 0 : tracker->now_ns - since_ns);
    }
    return rc;
}

/* --- all of it -------------------------------------------------------------------------------- */

static int emit_intake(struct tw_emission *self)
{
    int rc = TW_OK;
    for (size_t i = 0; i < TW_TRACK_INTAKE_COUNT && rc == TW_OK; i++) {
        const struct tw_series_title title = {
            .kind = TW_SERIES_SUM, .divisor = 1, .metric = intake_metrics[i]};
        rc = tw_emit_sum(self, &self->tracker->intake_sums[i], &title);
    }
    return rc;
}

size_t tw_emit_alerts_room(const struct tw_tracker *self)
{
    size_t room = TW_TRACK_INTAKE_COUNT + (size_t)TW_WATERMARK_SYSTEMS * 4 + 1 + self->heard_count +
                  self->objective_count * TW_OBJECTIVE_RULES * 2;
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        room += (size_t)__builtin_popcount(self->system_failures[i].changed) +
                (size_t)__builtin_popcount(self->system_retries[i].changed);
    }
    for (size_t i = 0; i < self->stats_count; i++) {
        const struct tw_flow_stats *stats = &self->stats[i];
        room += 1;
        for (size_t k = 0; k < stats->step_count; k++) {
            room += 2 + (size_t)__builtin_popcount(stats->steps[k].failures.changed);
        }
    }
    return room;
}

int tw_emit_alerts(struct tw_emission *self)
{
    int rc = emit_workflows(self);
    rc = rc == TW_OK ? emit_systems(self) : rc;
    rc = rc == TW_OK ? emit_intake(self) : rc;
    if (rc != TW_OK || self->last_value < 0) {
        return rc;
    }
    rc = emit_objectives(self);
    return rc == TW_OK ? emit_silent_count(self) : rc;
}

static void say_once(struct tw_gauge *gauge)
{
    gauge->is_known = true;
    gauge->value = -1; /* no value: the next one is news */
}

static void forget_causes(struct tw_cause_gauges *gauges)
{
    gauges->changed = 0;
    for (size_t cause = 0; cause < TW_CAUSE_COUNT; cause++) {
        gauges->sums[cause].value = 0;
    }
}

void tw_emit_alerts_settle(struct tw_tracker *self)
{
    bool has_past = self->now_ns != 0;
    for (size_t i = 0; i < self->stats_count; i++) {
        struct tw_flow_stats *stats = &self->stats[i];
        stats->duplicate_sum.value = 0;
        for (size_t k = 0; k < stats->step_count; k++) {
            struct tw_step_stats *step = &stats->steps[k];
            forget_causes(&step->failures);
            if (has_past) {
                say_once(&step->drain_last);
                say_once(&step->verdict_last);
            }
        }
    }
    for (size_t i = 0; i < TW_WATERMARK_SYSTEMS; i++) {
        self->events_sum[i].value = 0;
        self->missing_sum[i].value = 0;
        forget_causes(&self->system_failures[i]);
        forget_causes(&self->system_retries[i]);
        if (has_past) {
            say_once(&self->verdict_last[i]);
        }
    }
    for (size_t i = 0; i < self->objective_count && has_past; i++) {
        for (size_t k = 0; k < TW_OBJECTIVE_RULES; k++) {
            say_once(&self->objectives[i].rule_last[k]);
            say_once(&self->objectives[i].rule_value_last[k]);
        }
    }
    for (size_t i = 0; i < self->heard_count; i++) {
        say_once(&self->heard[i].silent_last);
    }
    if (has_past) {
        say_once(&self->stores_silent_last);
    }
}
