/* SPDX-License-Identifier: Apache-2.0
 * What the value of an alert is told against. Most rules have one threshold; that of a burn rule is
 * what the objective makes of it, as the tracker computes it (track/burn.h).
 */
#include "config.h"
#include "alert/rules_internal.h"

#include <math.h>
#include <string.h>

#include "track/calendar.h"

#define DAY_S 86400

/* The rule of burn rates that it is about; TW_BURN_RULE_COUNT: of none. */
static enum tw_burn_rule rate_of(enum tw_rule_burn burn)
{
    switch (burn) {
    case TW_RULE_BURN_FAST:
    case TW_RULE_BURN_FAST_LOW:
        return TW_BURN_FAST;
    case TW_RULE_BURN_MEDIUM:
    case TW_RULE_BURN_MEDIUM_LOW:
        return TW_BURN_MEDIUM;
    case TW_RULE_BURN_SLOW:
        return TW_BURN_SLOW;
    case TW_RULE_BURN_TREND:
        return TW_BURN_TREND;
    case TW_RULE_BURN_TRICKLE:
    case TW_RULE_BURN_ABSENCE:
    case TW_RULE_NOT_BURN:
        break;
    }
    return TW_BURN_RULE_COUNT;
}

static enum tw_burn_use use_in(enum tw_rule_burn burn, uint32_t target_ppm, int64_t window_s)
{
    enum tw_burn_rule rate = rate_of(burn);
    if (rate != TW_BURN_RULE_COUNT) {
        return tw_burn_plan(rate, target_ppm, window_s, TW_BURN_BAD_MIN).use;
    }
    return burn == TW_RULE_BURN_TRICKLE
               ? tw_burn_trickle_plan(target_ppm, window_s, TW_BURN_BAD_MIN).use
               : TW_BURN_USABLE;
}

enum tw_burn_use tw_rule_burn_use(enum tw_rule_burn burn, const struct tw_wf_objective *objective)
{
    int64_t window_s = 30 * DAY_S;
    if (objective->window == TW_WINDOW_ROLLING) {
        window_s = objective->window_ns / TW_NS_PER_S;
    } else if (objective->window != TW_WINDOW_MONTH) {
        window_s = objective->window == TW_WINDOW_DAY ? DAY_S : 7 * DAY_S;
    }
    return use_in(burn, objective->target_ppm, window_s);
}

/* As long as it is at this time; in a zone that this machine does not know, as in UTC. */
static int64_t window_at(const struct tw_wf_objective *objective, int64_t at_s)
{
    struct tw_zone *zone = NULL;
    if (objective->window == TW_WINDOW_ROLLING) {
        return objective->window_ns / TW_NS_PER_S;
    }
    (void)tw_zone_new(objective->timezone, &zone); /* NULL is UTC, as the tracker has it */
    struct tw_span span =
        tw_calendar_period(zone, objective->window, (tw_wall_t){at_s * TW_NS_PER_S});
    tw_zone_destroy(&zone);
    return (span.until.ns - span.from.ns) / TW_NS_PER_S;
}

static double limit_of(enum tw_rule_burn burn, const struct tw_wf_objective *objective,
                       int64_t at_s)
{
    int64_t window_s = window_at(objective, at_s);
    enum tw_burn_rule rate = rate_of(burn);
    if (use_in(burn, objective->target_ppm, window_s) != TW_BURN_USABLE) {
        return (double)NAN;
    }
    if (rate != TW_BURN_RULE_COUNT) {
        return tw_burn_plan(rate, objective->target_ppm, window_s, TW_BURN_BAD_MIN).threshold;
    }
    /* How long nothing may be decided is a matter of the hour: no number stands for it. */
    return burn == TW_RULE_BURN_TRICKLE ? TW_BURN_BAD_MIN - 1 : (double)NAN;
}

double tw_rule_limit(const struct tw_rule *rule, const struct tw_workflows *workflows,
                     struct tw_str objective, int64_t at_s)
{
    if (rule->burn == TW_RULE_NOT_BURN) {
        return rule->threshold;
    }
    for (size_t i = 0; i < workflows->count; i++) {
        const struct tw_workflow *workflow = &workflows->items[i];
        for (size_t k = 0; k < workflow->objective_count; k++) {
            if (tw_str_is(objective, workflow->objectives[k].name)) {
                return limit_of(rule->burn, &workflow->objectives[k], at_s);
            }
        }
    }
    return (double)NAN;
}

static bool is_meant(const struct tw_rule *rule, const char *objective)
{
    for (size_t i = 0; i < rule->when.where_count; i++) {
        if (strcmp(rule->when.where[i].name, "objective") == 0) {
            return strcmp(rule->when.where[i].value, objective) == 0;
        }
    }
    return true;
}

/* Whether there was room for it, or it is there already. */
static bool add_limit(double limit, double *limits, size_t *count_p, size_t most)
{
    for (size_t i = 0; i < *count_p; i++) {
        if (!(limits[i] < limit) && !(limits[i] > limit)) {
            return true;
        }
    }
    if (*count_p == most) {
        return false;
    }
    limits[(*count_p)++] = limit;
    return true;
}

size_t tw_rule_limits(const struct tw_rule *rule, const struct tw_workflows *workflows,
                      int64_t at_s, double *ret_limits, size_t most)
{
    size_t count = 0;
    if (rule->burn == TW_RULE_NOT_BURN) {
        return add_limit(rule->threshold, ret_limits, &count, most) ? count : 0;
    }
    for (size_t i = 0; i < workflows->count; i++) {
        const struct tw_workflow *workflow = &workflows->items[i];
        for (size_t k = 0; k < workflow->objective_count; k++) {
            const struct tw_wf_objective *objective = &workflow->objectives[k];
            double limit = is_meant(rule, objective->name) ? limit_of(rule->burn, objective, at_s)
                                                           : (double)NAN;
            if (!isnan(limit) && !add_limit(limit, ret_limits, &count, most)) {
                return count;
            }
        }
    }
    return count;
}
