/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/pace.h"

#include <stdio.h>

void tw_pace_init(struct tw_pace *self, const struct tw_pace_limits *limits, bool is_past_canary,
                  tw_mono_t ramp_from, tw_mono_t now)
{
    *self = (struct tw_pace){
        .limits = *limits,
        .is_past_canary = is_past_canary,
        .ramp_from = ramp_from,
        .filled = now,
        .tokens = 1, /* the first goes at once */
    };
}

/* Items a second now; the canary is few, and not slowed down further. */
static double rate_of(const struct tw_pace *self, tw_mono_t now)
{
    double rate = self->limits.rate;
    double slow = rate / TW_PACE_RAMP_SHARE;
    int64_t steps = (now.ns - self->ramp_from.ns) / (TW_PACE_RAMP_S * TW_NS_PER_S);
    if (!self->is_past_canary) {
        return rate;
    }
    for (int64_t i = 0; i < steps && slow < rate; i++) {
        slow *= 2;
    }
    return slow < rate ? slow : rate;
}

static void fill(struct tw_pace *self, double rate, tw_mono_t now)
{
    double most = rate * TW_PACE_BURST_MS / 1000;
    self->tokens += rate * (double)(now.ns - self->filled.ns) / (double)TW_NS_PER_S;
    most = most < 1 ? 1 : most;
    self->tokens = self->tokens > most ? most : self->tokens;
    self->filled = now;
}

static bool stops_by_number(const struct tw_pace *self, const struct tw_pace_counts *counts)
{
    return self->limits.stop_failures > 0 && counts->failures >= self->limits.stop_failures;
}

static bool stops_by_share(const struct tw_pace *self, const struct tw_pace_counts *counts)
{
    uint64_t ended = counts->proven + counts->failures;
    return self->limits.stop_percent > 0 && ended >= TW_PACE_SHARE_AFTER && counts->failures > 0 &&
           counts->failures * 100 >= ended * self->limits.stop_percent;
}

/* True: it stops. */
static bool judge(const struct tw_pace *self, const struct tw_pace_counts *counts,
                  struct tw_pace_verdict *verdict)
{
    static const char what[] = "failed again, were refused or are unproven";
    unsigned long long failures = counts->failures;
    unsigned long long ended = counts->proven + counts->failures;
    if (!self->is_past_canary && failures > 0) {
        (void)snprintf(verdict->why, sizeof verdict->why,
                       "%llu of the first %u, which went ahead, %s", failures, self->limits.canary,
                       what);
    } else if (stops_by_number(self, counts)) {
        (void)snprintf(verdict->why, sizeof verdict->why, "%llu of %llu that ended %s", failures,
                       ended, what);
    } else if (stops_by_share(self, counts)) {
        (void)snprintf(verdict->why, sizeof verdict->why, "%llu of %llu that ended %s: %u %%",
                       failures, ended, what, (unsigned)(failures * 100 / ended));
    } else {
        return false;
    }
    return true;
}

/* Of the canary, what has not left yet; once all of it has ended, it is passed. */
static uint64_t look_at_canary(struct tw_pace *self, const struct tw_pace_counts *counts,
                               tw_mono_t now, struct tw_pace_verdict *verdict)
{
    uint64_t left = counts->under_way + counts->proven;
    if (left < self->limits.canary) {
        return self->limits.canary - left;
    }
    if (counts->under_way == 0) {
        self->is_past_canary = true;
        self->ramp_from = now;
        verdict->passed_canary = true;
        return UINT64_MAX;
    }
    return 0;
}

void tw_pace_look(struct tw_pace *self, const struct tw_pace_counts *counts, tw_mono_t now,
                  struct tw_pace_verdict *ret_verdict)
{
    struct tw_pace_verdict verdict = {.why = ""};
    uint64_t most = UINT64_MAX;
    verdict.stops = counts->has_waiting && judge(self, counts, &verdict);
    if (!verdict.stops && !self->is_past_canary) {
        most = look_at_canary(self, counts, now, &verdict);
    }
    double rate = rate_of(self, now);
    fill(self, rate, now);
    verdict.phase = !self->is_past_canary              ? TW_PACE_CANARY
                    : rate < (double)self->limits.rate ? TW_PACE_RAMP
                                                       : TW_PACE_FULL;
    verdict.rate = (uint32_t)(rate + 0.999);
    uint64_t room =
        counts->under_way < self->limits.under_way ? self->limits.under_way - counts->under_way : 0;
    uint64_t tokens = (uint64_t)self->tokens;
    verdict.may_send = tokens < room ? tokens : room;
    verdict.may_send = most < verdict.may_send ? most : verdict.may_send;
    verdict.may_send = verdict.stops || !counts->has_waiting ? 0 : verdict.may_send;
    *ret_verdict = verdict;
}

void tw_pace_sent(struct tw_pace *self, uint64_t count)
{
    self->tokens -= (double)count;
}

bool tw_pace_yields(bool is_yielding, uint64_t waiting_before, uint64_t waiting_now)
{
    if (is_yielding) {
        return waiting_now > waiting_before + waiting_before / 2 + TW_YIELD_BACK_MORE;
    }
    return waiting_now > 2 * waiting_before + TW_YIELD_MORE;
}
