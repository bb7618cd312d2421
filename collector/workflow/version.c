/* SPDX-License-Identifier: Apache-2.0
 * The canonical text of a definition, and its hash. Every field stands under its name with its
 * length, so that no two definitions have the same text; sets are written as they are kept, which
 * the order of keys does not change.
 */
#include "config.h"
#include "workflow/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static void put_text(FILE *out, const char *name, const char *text)
{
    if (text == NULL) {
        (void)fprintf(out, "%s-\n", name);
    } else {
        (void)fprintf(out, "%s:%zu:%s\n", name, strlen(text), text);
    }
}

static void put_number(FILE *out, const char *name, int64_t value)
{
    (void)fprintf(out, "%s=%" PRId64 "\n", name, value);
}

static void put_matches(FILE *out, const char *name, const struct tw_wf_match *matches,
                        size_t count)
{
    put_number(out, name, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        put_text(out, matches[i].is_prefix ? "prefix" : "type", matches[i].event);
        put_number(out, "where", (int64_t)matches[i].where_count);
        for (size_t k = 0; k < matches[i].where_count; k++) {
            put_text(out, "attribute", matches[i].where[k].attribute);
            put_number(out, "is", matches[i].where[k].kind);
            put_text(out, "value", matches[i].where[k].value);
        }
    }
}

static void put_step(FILE *out, const struct tw_wf_step *step)
{
    put_text(out, "step", step->name);
    put_text(out, "title", step->title);
    put_text(out, "system", step->system);
    put_matches(out, "done", step->done, step->done_count);
    put_matches(out, "failure", step->failure, step->failure_count);
    put_matches(out, "compensation", step->compensation, step->compensation_count);
    put_number(out, "after", step->after);
    put_number(out, "within", step->within_ns);
    put_number(out, "optional", step->is_optional);
    put_text(out, "when", step->when);
    put_number(out, "destination", step->is_destination);
    put_number(out, "each", step->each);
    put_text(out, "authority", step->authority);
    put_text(out, "runbook", step->runbook);
}

static void put_objective(FILE *out, const struct tw_wf_objective *objective)
{
    put_text(out, "objective", objective->name);
    put_text(out, "title", objective->title);
    put_text(out, "owner", objective->owner);
    put_number(out, "kind", objective->kind);
    put_number(out, "step", objective->step);
    put_number(out, "from", objective->from);
    put_number(out, "within", objective->within_ns);
    put_number(out, "target", objective->target_ppm);
    put_number(out, "window", objective->window);
    put_number(out, "length", objective->window_ns);
    put_text(out, "timezone", objective->timezone);
}

static void put_workflow(FILE *out, const struct tw_workflow *workflow)
{
    put_text(out, "workflow", workflow->name);
    put_text(out, "title", workflow->title);
    put_text(out, "owner", workflow->owner);
    put_number(out, "timing", workflow->timing);
    put_number(out, "criticality", workflow->criticality);
    put_number(out, "financial", workflow->is_financial);
    put_text(out, "object", workflow->object);
    put_number(out, "steps", (int64_t)workflow->step_count);
    for (size_t i = 0; i < workflow->step_count; i++) {
        put_step(out, &workflow->steps[i]);
    }
    put_number(out, "objectives", (int64_t)workflow->objective_count);
    for (size_t i = 0; i < workflow->objective_count; i++) {
        put_objective(out, &workflow->objectives[i]);
    }
}

static void put_maintenance(FILE *out, const struct tw_wf_maintenance *entry)
{
    put_text(out, "maintenance", entry->name);
    put_text(out, "reason", entry->reason);
    put_number(out, "workflows", (int64_t)entry->workflow_count);
    for (size_t i = 0; i < entry->workflow_count; i++) {
        put_text(out, "workflow", entry->workflows[i]);
    }
    put_text(out, "system", entry->system);
    put_number(out, "from", entry->from_ns);
    put_number(out, "until", entry->until_ns);
    put_number(out, "weekdays", entry->weekdays);
    put_number(out, "start", entry->start_s);
    put_number(out, "duration", entry->duration_s);
    put_text(out, "timezone", entry->timezone);
}

/* Close and hash what was written. */
static int finish(FILE *out, char **text, const size_t *len, uint64_t *ret_version)
{
    bool is_whole = ferror(out) == 0;
    is_whole = fclose(out) == 0 && is_whole;
    if (is_whole) {
        uint64_t hash = XXH3_64bits(*text, *len);
        *ret_version = hash == 0 ? 1 : hash;
    }
    free(*text);
    return is_whole ? TW_OK : TW_ENOMEM;
}

int tw_wf_version(const struct tw_workflow *workflow, uint64_t *ret_version)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return TW_ENOMEM;
    }
    put_workflow(out, workflow);
    return finish(out, &text, &len, ret_version);
}

int tw_wf_slo_version(const struct tw_workflow *workflow, size_t first, uint64_t *ret_version)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = first; i < workflow->objective_count; i++) {
        put_objective(out, &workflow->objectives[i]);
    }
    return finish(out, &text, &len, ret_version);
}

int tw_wf_set_version(const struct tw_workflows *set, uint64_t *ret_version)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (out == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < set->count; i++) {
        put_workflow(out, &set->items[i]); /* with the objectives of OpenSLO files */
    }
    for (size_t i = 0; i < set->maintenance_count; i++) {
        put_maintenance(out, &set->maintenance[i]);
    }
    return finish(out, &text, &len, ret_version);
}
