/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "notify/rate.h"

#include <stdlib.h>

#include "core/err.h"

/* Slack, "Rate limits": one message a second. */
static const struct tw_rate_limit slack[] = {{1000, 1}};
/* Teams, "Rate limiting for connectors". */
static const struct tw_rate_limit teams[] = {
    {1000, 4}, {30 * 1000, 60}, {3600 * 1000, 100}, {86400 * 1000, 1800}};
_Static_assert(sizeof teams / sizeof teams[0] <= TW_RATE_WINDOWS_MAX, "as promised");

int tw_rate_init(struct tw_rate *self, enum tw_integration_kind kind)
{
    *self = (struct tw_rate){.limits = NULL};
    if (kind == TW_INTEGRATION_SLACK) {
        self->limits = slack;
        self->limit_count = sizeof slack / sizeof slack[0];
    } else if (kind == TW_INTEGRATION_TEAMS) {
        self->limits = teams;
        self->limit_count = sizeof teams / sizeof teams[0];
    }
    for (size_t i = 0; i < self->limit_count; i++) {
        size_t most = self->limits[i].most;
        self->capacity = most > self->capacity ? most : self->capacity;
    }
    self->at = self->capacity == 0 ? NULL : calloc(self->capacity, sizeof(self->at[0]));
    return self->capacity > 0 && self->at == NULL ? TW_ENOMEM : TW_OK;
}

void tw_rate_fini(struct tw_rate *self)
{
    free(self->at);
    *self = (struct tw_rate){.limits = NULL};
}

int64_t tw_rate_wait(const struct tw_rate *self, tw_mono_t now)
{
    int64_t wait_ns = 0;
    for (size_t i = 0; i < self->limit_count; i++) {
        size_t most = self->limits[i].most;
        if (self->count < most) {
            continue;
        }
        /* With this one still in the window there are `most` in it. */
        size_t back = (self->next + self->capacity - most) % self->capacity;
        int64_t left_ns = self->at[back].ns + self->limits[i].window_ms * TW_NS_PER_MS - now.ns;
        wait_ns = left_ns > wait_ns ? left_ns : wait_ns;
    }
    return (wait_ns + TW_NS_PER_MS - 1) / TW_NS_PER_MS;
}

void tw_rate_note(struct tw_rate *self, tw_mono_t now)
{
    if (self->capacity == 0) {
        return;
    }
    self->at[self->next] = now;
    self->next = (self->next + 1) % self->capacity;
    self->count += self->count < self->capacity ? 1 : 0;
}
