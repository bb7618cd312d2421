/* SPDX-License-Identifier: Apache-2.0
 * The part of GET /metrics and GET /status that is about alerts. A desk that cannot be read takes
 * nothing else with it: what is known of it is left out, and /status says why.
 * Thread: a web thread, for the time of a call.
 * Limits: labels are words of fixed lists.
 */
#ifndef TW_WEB_METRICS_ALERTS_H
#define TW_WEB_METRICS_ALERTS_H

#include "web/api.h"
#include "web/metrics.h"

/* Append. Errors of writing stick in the buffer. */
void tw_metrics_alerts(struct tw_call *call, struct tw_metrics *m);
/* {judged, judged_age_seconds, firing, pending, refused, error}. */
json_t *tw_alerts_status_json(struct tw_call *call);

#endif
