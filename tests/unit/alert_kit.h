/* SPDX-License-Identifier: Apache-2.0
 * Rules made by hand, and an engine on simulated time that writes down every change as a line:
 * "+20 firing A{step=posted} 3" (seconds since the start, what, which alert, its value).
 * References of sets are the kit's ($(ENGINE_WRAPS)): a set belongs to the test. */
#ifndef TW_TESTS_ALERT_KIT_H
#define TW_TESTS_ALERT_KIT_H

#include "alert/engine.h"

#define KIT_START INT64_C(1795428000) /* a Monday, 10:00 UTC: 2026-11-23 */

struct alert_kit {
    struct tw_rules set;
    struct tw_rule rules[8];
    const struct tw_workflows *workflows;
    struct tw_engine *engine;
    int64_t now_s;     /* begin of the next bucket */
    bool is_quiet;     /* changes of the value alone are not written down */
    char log[1 << 16]; /* since the last kit_expect */
    uint64_t sum;      /* over all lines */
};

/* One rule, "A": step_waiting, max, above 10, critical; the test changes what it is about. */
void kit_init(struct alert_kit *self);
void kit_fini(struct alert_kit *self);
/* One more rule, named by a letter; borrowed. */
struct tw_rule *kit_rule(struct alert_kit *self, const char *metric);
void kit_where(struct tw_measure *measure, const char *name, const char *value);
/* The engine of the rules as they are now. */
void kit_begin(struct alert_kit *self);
/* A point in the bucket that comes next. `labels` with ' for ". */
void kit_feed(struct alert_kit *self, const char *metric, const char *labels, double value);
void kit_feed_at(struct alert_kit *self, const char *metric, const char *labels, int64_t bucket_s,
                 int32_t step_s, double value);
/* Judge `count` buckets, each with this value of the series; NAN: without one. */
void kit_run(struct alert_kit *self, const char *metric, const char *labels, double value,
             int count);
void kit_tick(struct alert_kit *self, int count);
/* Buckets in which the tower does not run. */
void kit_sleep(struct alert_kit *self, int count);
/* Everything since the last time, one line each. */
void kit_expect(struct alert_kit *self, const char *lines);
/* A new engine, as after a restart: what ran and what was fed since is told to it by the test; what
 * is open, and what fired in the last hour, is restored. */
void kit_restore(struct alert_kit *self);

#endif
