/* SPDX-License-Identifier: Apache-2.0
 * Burn-rate rules: see burn.h. */
#include "config.h"

#include "track/burn.h"

#include <math.h>

#include "core/err.h"

#define PPM 1000000
/* A window of up to this length takes the fractions of the seven-day example. */
#define WEEKLY_MAX_S (14 * 86400)
/* Lowest threshold of a published rule is 0.93 (the trend of 28 days); at 0.7 and below a rule
 * fires while the objective is being met. */
#define THRESHOLD_MIN_TENTHS 9
/* 97.5 % point of the normal distribution */
#define Z 1.959963984540054

/* Products of counts, seconds and millionths pass 64 bits. */
__extension__ typedef __int128 wide_t;

static const struct {
    int32_t minutes;
    const char *name;
} windows[TW_BURN_WINDOW_COUNT] = {
#define WINDOW(name, minutes, text) [TW_BURN_##name] = {minutes, text},
    TW_BURN_WINDOWS(WINDOW)
#undef WINDOW
};

static const struct {
    const char *name;
    bool pages;
    enum tw_burn_window long_window;
    enum tw_burn_window short_window;
    uint32_t monthly_ppm; /* fraction of the budget, for windows of more than 14 days */
    uint32_t weekly_ppm;
} rules[TW_BURN_RULE_COUNT] = {
    [TW_BURN_FAST] = {"fast", true, TW_BURN_1H, TW_BURN_5M, 20000, 80000},
    [TW_BURN_MEDIUM] = {"medium", true, TW_BURN_6H, TW_BURN_30M, 50000, 125000},
    [TW_BURN_SLOW] = {"slow", false, TW_BURN_1D, TW_BURN_2H, 100000, 200000},
    [TW_BURN_TREND] = {"trend", false, TW_BURN_3D, TW_BURN_6H, 100000, 420000},
};

int32_t tw_burn_window_minutes(enum tw_burn_window window)
{
    return windows[window].minutes;
}

const char *tw_burn_window_name(enum tw_burn_window window)
{
    return windows[window].name;
}

const char *tw_burn_rule_name(enum tw_burn_rule rule)
{
    return rules[rule].name;
}

bool tw_burn_rule_pages(enum tw_burn_rule rule)
{
    return rules[rule].pages;
}

/* A threshold as fractions of whole numbers, so that comparing is exact. */
struct threshold {
    int64_t long_s;
    wide_t spend; /* f * W, in millionths of seconds: X = spend / (long_s * 1e6) */
    wide_t share; /* X * (1 - target) = share / share_of */
    wide_t share_of;
};

static struct threshold threshold_of(enum tw_burn_rule rule, uint32_t target_ppm, int64_t window_s)
{
    TW_ASSERT(target_ppm >= 1 && target_ppm < PPM);
    TW_ASSERT(window_s >= 60);
    bool is_weekly = window_s <= WEEKLY_MAX_S;
    struct threshold at = {.long_s = (int64_t)windows[rules[rule].long_window].minutes * 60};
    at.spend = (wide_t)(is_weekly ? rules[rule].weekly_ppm : rules[rule].monthly_ppm) * window_s;
    at.share = at.spend * (PPM - target_ppm);
    at.share_of = (wide_t)at.long_s * PPM * PPM;
    return at;
}

static enum tw_burn_use use_of(const struct threshold *at, int64_t window_s)
{
    if (at->long_s >= window_s) {
        return TW_BURN_WINDOW_TOO_SHORT;
    }
    if (at->share >= at->share_of) {
        return TW_BURN_NEVER;
    }
    bool is_low = at->spend * 10 < (wide_t)at->long_s * PPM * THRESHOLD_MIN_TENTHS;
    return is_low ? TW_BURN_ON_TARGET : TW_BURN_USABLE;
}

static int64_t divide_up(wide_t a, wide_t b)
{
    wide_t result = (a + b - 1) / b;
    return result > INT64_MAX ? INT64_MAX : (int64_t)result;
}

struct tw_burn_plan tw_burn_plan(enum tw_burn_rule rule, uint32_t target_ppm, int64_t window_s,
                                 int64_t bad_min)
{
    TW_ASSERT(bad_min >= 1);
    struct threshold at = threshold_of(rule, target_ppm, window_s);
    return (struct tw_burn_plan){
        .rule = rule,
        .use = use_of(&at, window_s),
        .long_window = rules[rule].long_window,
        .short_window = rules[rule].short_window,
        .fraction_ppm = (uint32_t)(at.spend / window_s),
        .threshold = (double)at.spend / ((double)at.long_s * PPM),
        .events_min = divide_up(bad_min * at.share_of, at.share),
        .detection_s = divide_up(at.share, (wide_t)PPM * PPM),
    };
}

/* Whether the share of bad ones exceeds X * (1 - target): of the decisions that are usual in this
 * window, or of those there were. Below 2^122: 3 days of full minutes, 31 days of usual ones. */
static bool exceeds(enum tw_burn_window window, struct tw_counts counts, struct tw_usual usual,
                    const struct threshold *at)
{
    if (usual.minutes == 0) {
        return (wide_t)counts.bad * at->share_of > ((wide_t)counts.good + counts.bad) * at->share;
    }
    return (wide_t)counts.bad * usual.minutes * at->share_of >
           (wide_t)usual.decisions * windows[window].minutes * at->share;
}

double tw_burn_share(enum tw_burn_window window, struct tw_counts counts, struct tw_usual usual)
{
    if (usual.minutes == 0) {
        return (double)NAN;
    }
    return (double)(counts.good + counts.bad) * (double)usual.minutes /
           ((double)usual.decisions * (double)windows[window].minutes);
}

/* With the usual traffic that is given; that of the question is not looked at. */
static enum tw_burn_state judge(enum tw_burn_rule rule, const struct tw_burn_ask *ask,
                                struct tw_usual usual)
{
    struct threshold at = threshold_of(rule, ask->target_ppm, ask->window_s);
    if (!exceeds(rules[rule].long_window, ask->in_long, usual, &at) ||
        !exceeds(rules[rule].short_window, ask->in_short, usual, &at)) {
        return TW_BURN_QUIET;
    }
    int64_t total = ask->in_long.good + ask->in_long.bad;
    if (total >= divide_up(ask->bad_min * at.share_of, at.share)) {
        return TW_BURN_FIRING;
    }
    if (ask->in_long.bad < ask->bad_min) {
        return TW_BURN_FEW_BAD;
    }
    double low = tw_burn_wilson_low(ask->in_long.bad, total);
    return low > (double)at.share / (double)at.share_of ? TW_BURN_FIRING : TW_BURN_FEW_EVENTS;
}

enum tw_burn_state tw_burn_judge(enum tw_burn_rule rule, const struct tw_burn_ask *ask)
{
    struct threshold at = threshold_of(rule, ask->target_ppm, ask->window_s);
    if (use_of(&at, ask->window_s) != TW_BURN_USABLE) {
        return TW_BURN_UNUSABLE;
    }
    enum tw_burn_state state = judge(rule, ask, ask->usual);
    if (state == TW_BURN_QUIET && ask->usual.minutes != 0 &&
        judge(rule, ask, (struct tw_usual){0}) == TW_BURN_FIRING) {
        return TW_BURN_LOW_TRAFFIC;
    }
    return state;
}

struct tw_trickle_plan tw_burn_trickle_plan(uint32_t target_ppm, int64_t window_s, int64_t bad_min)
{
    struct tw_burn_plan medium = tw_burn_plan(TW_BURN_MEDIUM, target_ppm, window_s, bad_min);
    return (struct tw_trickle_plan){.use = medium.use,
                                    .window = medium.long_window,
                                    .bad_min = bad_min,
                                    .events_below = medium.events_min};
}

enum tw_burn_state tw_burn_trickle_judge(const struct tw_trickle_plan *plan,
                                         struct tw_counts in_window)
{
    if (plan->use != TW_BURN_USABLE) {
        return TW_BURN_UNUSABLE;
    }
    bool is_few = in_window.good + in_window.bad < plan->events_below;
    return is_few && in_window.bad >= plan->bad_min ? TW_BURN_FIRING : TW_BURN_QUIET;
}

int64_t tw_burn_absence_s(uint32_t target_ppm, int64_t window_s)
{
    struct tw_burn_plan fast = tw_burn_plan(TW_BURN_FAST, target_ppm, window_s, 1);
    int64_t long_s = (int64_t)windows[fast.long_window].minutes * 60;
    int64_t after_s = fast.detection_s > long_s ? long_s : fast.detection_s;
    return after_s + TW_BURN_ABSENCE_FOR_S;
}

double tw_burn_rate(uint32_t target_ppm, struct tw_counts counts)
{
    int64_t total = counts.good + counts.bad;
    if (total == 0) {
        return 0;
    }
    return (double)counts.bad * PPM / ((double)total * (PPM - (double)target_ppm));
}

double tw_burn_wilson_low(int64_t bad, int64_t total)
{
    if (total == 0) {
        return 0;
    }
    double n = (double)total;
    double p = (double)bad / n;
    double middle = p + Z * Z / (2 * n);
    double half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n));
    double low = (middle - half) / (1 + Z * Z / n);
    return low < 0 ? 0 : low;
}
