/* SPDX-License-Identifier: Apache-2.0
 * What the stream says of alerts: how many fire, and which have begun or ended since it said so
 * last. Thread: the ticker's.
 */
#ifndef TW_WEB_ALERT_NEWS_H
#define TW_WEB_ALERT_NEWS_H

#include "web/alert_scene.h"

#define TW_ALERT_NEWS_MAX 20

/* What was told last. Zero: nothing. */
struct tw_alert_tally {
    bool is_known;
    uint64_t changes;   /* mark of the desk */
    tw_wall_t looked;   /* when it was counted */
    tw_wall_t again;    /* what is quiet may be another by the clock alone; 0: it is not */
    uint64_t last_line; /* of the timelines */
    size_t firing;
    size_t critical;
    size_t warning;
    size_t quiet;
};
/* *ret_changed: something of alerts, silences, rules or notices did, or a silence or a time of
 * notify.yaml begins or ends. *ret_counts and *ret_news (new
 * references) where there is something to tell, else NULL. Errors of reading: nothing has changed.
 */
int tw_alert_news(struct tw_call *call, struct tw_alert_tally *tally, bool *ret_changed,
                  json_t **ret_counts, json_t **ret_news);

#endif
