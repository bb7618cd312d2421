/* SPDX-License-Identifier: Apache-2.0
 * Regions in the document of a workflow: what became of its runs in each. */
#include "config.h"

#include <stdlib.h>

#include "track/internal.h"
#include "track/live.h"

struct view {
    const char *name;
    const struct tw_region_stats *row;
};

/* Their order of arrival says nothing. */
static int by_name(const void *left, const void *right)
{
    const struct view *a = left;
    const struct view *b = right;
    return strcmp(a->name, b->name);
}

static bool is_empty(const struct tw_region_stats *row)
{
    uint64_t sum = row->failures;
    for (int k = TW_RUN_IS_RUNNING; k <= TW_RUN_IS_COMPENSATED; k++) {
        sum += row->by_state[k];
    }
    return sum == 0;
}

static json_t *region_json(const struct view *view)
{
    json_t *object = json_object();
    tw_json_set(object, "region", tw_json_text(view->name));
    for (int k = TW_RUN_IS_RUNNING; k <= TW_RUN_IS_COMPENSATED; k++) {
        tw_json_set(object, tw_run_state_name((enum tw_run_state)k),
                    tw_json_count(view->row->by_state[k]));
    }
    tw_json_set(object, "open", tw_json_count(view->row->open));
    tw_json_set(object, "failures", tw_json_count(view->row->failures));
    return object;
}

json_t *tw_live_regions(const struct tw_tracker *self, const struct tw_flow_stats *stats)
{
    struct view views[TW_TRACK_REGION_ROWS];
    size_t count = 0;
    for (size_t i = 0; i < TW_TRACK_REGION_FIRST + stats->region_count; i++) {
        if (!is_empty(&stats->regions[i])) {
            views[count++] = (struct view){tw_regions_name(self, stats, i), &stats->regions[i]};
        }
    }
    qsort(views, count, sizeof views[0], by_name);
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        (void)json_array_append_new(list, region_json(&views[i]));
    }
    return list;
}
