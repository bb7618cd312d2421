/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "recount.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/err.h"

void recount_must_be(int64_t expected, int64_t actual, const char *what, uint32_t of)
{
    if (expected != actual) {
        (void)printf("Bail out! %s of %u: counted %" PRId64 ", is %" PRId64 "\n", what, of,
                     expected, actual);
        exit(1);
    }
}

/* The region that the events of a run name: the earliest, and the first by name. Of a fan-out those
 * of stores say nothing. */
static uint32_t naive_own(struct tw_tracker *tracker, const struct tw_open_run *run)
{
    const struct tw_graph_event *events = NULL;
    size_t count = 0;
    const struct tw_graph_event *first = NULL;
    int rc = tw_graph_events(tracker->graph, run->root, &events, &count);
    recount_must_be(TW_OK, rc, "events of run", run->root);
    for (size_t i = 0; i < count; i++) {
        struct tw_place place = tw_places_at(&tracker->places, events[i].place);
        bool is_said = place.region != 0 &&
                       (place.store == 0 || !tracker->flows[run->version].is_fan_out) &&
                       tw_progress_concerns(tracker, events[i].match, run->version);
        if (is_said && (first == NULL || events[i].time.ns < first->time.ns)) {
            first = &events[i]; /* times of events are never the same here */
        }
    }
    return first == NULL ? 0 : tw_places_at(&tracker->places, first->place).region;
}

static uint32_t naive_region(struct tw_tracker *tracker, const struct tw_open_run *run)
{
    uint32_t own = naive_own(tracker, run);
    bool has_store = run->store != 0 && !tracker->flows[run->version].is_fan_out;
    return own != 0 ? own : has_store ? tracker->store_regions[run->store - 1].counted : 0;
}

#define REGIONS 4 /* none, and three */
static void check_regions_of(struct tw_tracker *tracker, uint32_t flow)
{
    const struct tw_flow_stats *stats = &tracker->stats[flow];
    uint64_t states[REGIONS][TW_RUN_IS_COMPENSATED + 1] = {0};
    uint64_t failures[REGIONS] = {0};
    for (uint32_t id = 0; id < tracker->run_count; id++) {
        const struct tw_open_run *run = tracker->runs[id];
        if (run != NULL && tracker->flows[run->version].stats == flow &&
            (run->flags & TW_RUN_STARTED) != 0) {
            uint32_t region = naive_region(tracker, run);
            recount_must_be(1, region < REGIONS ? 1 : 0, "a known region of run", id);
            region %= REGIONS;
            states[region][run->state]++;
            failures[region] += run->failed != 0 ? 1 : 0;
        }
    }
    for (uint32_t region = 0; region < REGIONS; region++) {
        static const struct tw_region_stats nothing;
        const struct tw_region_stats *row = region == 0 ? &stats->regions[0] : &nothing;
        for (uint32_t i = 0; i < stats->region_count; i++) {
            row =
                stats->region_words[i] == region ? &stats->regions[TW_TRACK_REGION_FIRST + i] : row;
        }
        for (int k = 0; k <= TW_RUN_IS_COMPENSATED; k++) {
            recount_must_be((int64_t)states[region][k], (int64_t)row->by_state[k], "runs in region",
                            region);
        }
        recount_must_be((int64_t)(states[region][TW_RUN_IS_RUNNING] +
                                  states[region][TW_RUN_IS_FAILED] +
                                  states[region][TW_RUN_IS_OVERDUE]),
                        (int64_t)row->open, "open in region", region);
        recount_must_be((int64_t)failures[region], (int64_t)row->failures, "failures in region",
                        region);
    }
}

/* The latest region that events name of each store, once they have been moved there. */
static void check_store_regions(struct tw_tracker *tracker)
{
    uint32_t runs[8] = {0};
    for (uint32_t id = 0; id < tracker->run_count; id++) {
        const struct tw_open_run *run = tracker->runs[id];
        bool falls_back = run != NULL && run->store != 0 && naive_own(tracker, run) == 0 &&
                          !tracker->flows[run->version].is_fan_out;
        runs[falls_back ? run->store : 0]++;
    }
    for (uint32_t store = 1; store < 8 && store <= tracker->store_region_count; store++) {
        const struct tw_store_region *row = &tracker->store_regions[store - 1];
        recount_must_be(runs[store], row->runs, "runs with the region of store", store);
        recount_must_be(row->named, tracker->has_moved ? row->named : row->counted,
                        "region of store", store);
    }
}

void recount_regions(struct tw_tracker *tracker)
{
    for (uint32_t i = 0; i < tracker->stats_count; i++) {
        check_regions_of(tracker, i);
    }
    check_store_regions(tracker);
}
