/* SPDX-License-Identifier: Apache-2.0
 * The part of GET /metrics that is about workflows, objectives and the tracker.
 * Thread: a web thread, for the time of a call.
 * Limits: labels are names of the definitions in force, systems and words of fixed lists.
 */
#ifndef TW_WEB_METRICS_TRACK_H
#define TW_WEB_METRICS_TRACK_H

#include "web/api.h"
#include "web/metrics.h"

/* Append. Errors of reading; those of writing stick in the buffer. */
int tw_metrics_track(struct tw_call *call, struct tw_metrics *m);

#endif
