/* SPDX-License-Identifier: Apache-2.0
 * An objective as an OpenSLO v1 document that reads back to the same.
 */
#include "config.h"
#include "workflow/workflow.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_S INT64_C(1000000000)
#define DIGITS   12 /* of six decimals, and of no more that is noise */

/* The largest unit that is whole, in the words of our files. */
static json_t *duration(int64_t ns)
{
    static const struct {
        int64_t ns;
        const char *unit;
    } units[] = {{86400 * NS_PER_S, "d"},
                 {3600 * NS_PER_S, "h"},
                 {60 * NS_PER_S, "min"},
                 {NS_PER_S, "s"},
                 {NS_PER_S / 1000, "ms"}};
    size_t i = 0;
    while (i < 4 && ns % units[i].ns != 0) {
        i++;
    }
    return json_sprintf("%" PRId64 "%s", ns / units[i].ns, units[i].unit);
}

static const char *step_name(const struct tw_workflow *workflow, int step)
{
    return step < 0 ? NULL : workflow->steps[step].name;
}

/* "s?" leaves out what is NULL. */
static json_t *indicator(const struct tw_workflow *workflow,
                         const struct tw_wf_objective *objective)
{
    json_t *spec = json_pack("{s:s, s:s, s:s*, s:s*, s:o*}", "workflow", workflow->name, "sli",
                             tw_objective_kind_name(objective->kind), "step",
                             step_name(workflow, objective->step), "from",
                             step_name(workflow, objective->from), "within",
                             objective->within_ns == 0 ? NULL : duration(objective->within_ns));
    /* The tower works the ratio out itself: one source, already a share of good ones. */
    return json_pack("{s:{s:s}, s:{s:{s:b, s:s, s:{s:{s:s, s:o}}}}}", "metadata", "name",
                     objective->name, "spec", "ratioMetric", "counter", 1, "rawType", "success",
                     "raw", "metricSource", "type", "tillwatch", "spec", spec);
}

static json_t *window(const struct tw_wf_objective *objective)
{
    static const char *const lengths[] = {"", "1d", "1w", "1M"};
    if (objective->window != TW_WINDOW_ROLLING) {
        /* A Monday, and the first of a month. */
        return json_pack("[{s:s, s:{s:s, s:s}}]", "duration", lengths[objective->window],
                         "calendar", "startTime", "2024-01-01 00:00:00", "timeZone",
                         objective->timezone == NULL ? "UTC" : objective->timezone);
    }
    int64_t minutes = objective->window_ns / (60 * NS_PER_S);
    bool is_days = minutes % 1440 == 0;
    bool is_hours = minutes % 60 == 0;
    return json_pack("[{s:o, s:b}]", "duration",
                     json_sprintf("%" PRId64 "%s",
                                  is_days ? minutes / 1440 : (is_hours ? minutes / 60 : minutes),
                                  is_days ? "d" : (is_hours ? "h" : "m")),
                     "isRolling", 1);
}

static json_t *target(const struct tw_wf_objective *objective)
{
    json_t *entry = json_object();
    /* Below 0.0001 a share would be written with an exponent. */
    if (objective->target_ppm < 100) {
        (void)json_object_set_new(entry, "targetPercent",
                                  json_real((double)objective->target_ppm / 1e4));
    } else {
        (void)json_object_set_new(entry, "target", json_real((double)objective->target_ppm / 1e6));
    }
    if (objective->kind == TW_OBJECTIVE_FRESHNESS) {
        (void)json_object_set_new(entry, "timeSliceTarget", json_integer(1));
        (void)json_object_set_new(entry, "timeSliceWindow", json_string("1m"));
    }
    return json_pack("[o]", entry);
}

char *tw_objective_openslo(const struct tw_workflow *workflow,
                           const struct tw_wf_objective *objective)
{
    json_t *annotations =
        objective->owner == NULL ? NULL : json_pack("{s:s}", "tillwatch/owner", objective->owner);
    json_t *metadata = json_pack("{s:s, s:s*, s:o*}", "name", objective->name, "displayName",
                                 objective->title, "annotations", annotations);
    json_t *document = json_pack(
        "{s:s, s:s, s:o, s:{s:s, s:o, s:o, s:s, s:o}}", "apiVersion", "openslo/v1", "kind", "SLO",
        "metadata", metadata, "spec", "service", workflow->name, "indicator",
        indicator(workflow, objective), "timeWindow", window(objective), "budgetingMethod",
        objective->kind == TW_OBJECTIVE_FRESHNESS ? "Timeslices" : "Occurrences", "objectives",
        target(objective));
    char *text = document == NULL
                     ? NULL
                     : json_dumps(document, JSON_INDENT(2) | JSON_REAL_PRECISION(DIGITS));
    json_decref(document);
    return text;
}
