/* SPDX-License-Identifier: Apache-2.0
 * The picture of an alert rule: what it judged, as it judged it, and its threshold as a line.
 * Thread: the reader's. Limits: TW_PANEL_GROUPS_MAX lines, those of alert/past.h.
 * Fails:  as alert/past.h.
 */
#ifndef TW_WEB_PANEL_RULE_H
#define TW_WEB_PANEL_RULE_H

#include "alert/past.h"
#include "web/panel/query.h"

#define TW_RULE_PANEL_PREFIX "rule."
#define TW_RULE_PANEL_RANGE  (6 * 3600) /* seconds shown when nothing was asked for */

/* A panel and the series that it points to. Not to be moved. */
struct tw_rule_panel {
    struct tw_panel panel;
    struct tw_panel_series series;
    char id[80];
};
/* What the picture is of. */
struct tw_rule_scene {
    const struct tw_rule *rule;           /* borrowed by the panel */
    const struct tw_workflows *workflows; /* for the call */
    const struct tw_labels *labels;       /* of an alert; NULL: of all */
    int64_t at_s;                         /* thresholds are those of this time */
};
void tw_rule_panel_init(struct tw_rule_panel *self, const struct tw_rule_scene *scene);

/* labels: of an alert, its line alone; NULL: all. Results in the arena. */
int tw_rule_query(struct tw_reader *reader, struct tw_arena *arena, const struct tw_past_ask *ask,
                  const struct tw_labels *labels, struct tw_plot_data *ret_data,
                  struct tw_diag *diag);

#endif
