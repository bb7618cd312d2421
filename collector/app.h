/* SPDX-License-Identifier: Apache-2.0
 * The service: what is started in which order, who watches it, how it ends.
 * Thread: main only; everything else is an actor that it starts and joins.
 */
#ifndef TW_APP_H
#define TW_APP_H

#include <stdbool.h>

#include "alert/rules.h"
#include "causes/causes.h"
#include "config/config.h"
#include "core/clock.h"
#include "notify/routes.h"
#include "workflow/workflow.h"

struct tw_app_options {
    const struct tw_cfg *cfg;
    const struct tw_workflows *workflows; /* those to begin with; borrowed */
    const struct tw_causes *causes;       /* likewise */
    const struct tw_rules *rules;         /* for alerts; likewise */
    const struct tw_notify *notify;       /* who is told; likewise */
    const char *config_file; /* read again at SIGHUP; NULL: the built-in configuration */
    struct tw_clock *clock;
    bool has_collector;
    bool has_web;
};

/* Start, wait for a signal or a failure, stop. Blocks until then. SIGTERM and SIGINT: drain and
 * commit, 0. A part that cannot start, that ends by itself, or that is not stopped after
 * APP_STOP_S seconds with something uncommitted: 1, after one line that says why. */
int tw_app_run(const struct tw_app_options *options);

#endif
