/* SPDX-License-Identifier: Apache-2.0
 * A set that is in force: counted references, look-up, the end.
 */
#include "config.h"
#include "workflow/internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* What users hold is the first member. */
struct holder {
    struct tw_workflows set;
    atomic_size_t references;
};

const char *tw_timing_name(enum tw_timing timing)
{
    static const char *const names[] = {"checkout", "sub-minute", "near-real-time", "queued",
                                        "batch"};
    return names[timing];
}

const char *tw_criticality_name(enum tw_criticality criticality)
{
    static const char *const names[] = {"critical", "standard", "deferrable"};
    return names[criticality];
}

const char *tw_objective_kind_name(enum tw_objective_kind kind)
{
    static const char *const names[] = {"completion", "latency", "freshness", "completeness"};
    return names[kind];
}

const char *tw_window_kind_name(enum tw_window_kind kind)
{
    static const char *const names[] = {"rolling", "day", "week", "month"};
    return names[kind];
}

/* ---- the end ---- */

static void fini_matches(struct tw_wf_match *matches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tw_wf_match_fini(&matches[i]);
    }
}

static void fini_step(struct tw_wf_step *step)
{
    fini_matches(step->done, step->done_count);
    fini_matches(step->failure, step->failure_count);
    fini_matches(step->compensation, step->compensation_count);
    free(step->name);
    free(step->title);
    free(step->system);
    free(step->when);
    free(step->authority);
    free(step->runbook);
}

void tw_workflow_fini(struct tw_workflow *workflow)
{
    for (size_t i = 0; i < workflow->step_count; i++) {
        fini_step(&workflow->steps[i]);
    }
    for (size_t i = 0; i < workflow->objective_count; i++) {
        tw_wf_objective_fini(&workflow->objectives[i]);
    }
    free(workflow->steps);
    free(workflow->objectives);
    free(workflow->name);
    free(workflow->title);
    free(workflow->owner);
    free(workflow->object);
    free(workflow->text);
    free(workflow->file);
    *workflow = (struct tw_workflow){0};
}

static void destroy(struct holder *self)
{
    for (size_t i = 0; i < self->set.count; i++) {
        tw_workflow_fini(&self->set.items[i]);
    }
    for (size_t i = 0; i < self->set.maintenance_count; i++) {
        tw_wf_maintenance_fini(&self->set.maintenance[i]);
    }
    for (size_t i = 0; i < self->set.note_count; i++) {
        free(self->set.notes[i]);
    }
    free(self->set.items);
    free(self->set.maintenance);
    free(self->set.notes);
    free(self);
}

/* ---- in force ---- */

static int by_name(const void *left, const void *right)
{
    const struct tw_workflow *a = left;
    const struct tw_workflow *b = right;
    return strcmp(a->name, b->name);
}

int tw_wf_make_set(struct tw_wf_load *self, const struct tw_workflows **ret_set)
{
    struct holder *holder = calloc(1, sizeof(*holder));
    if (holder == NULL) {
        return TW_ENOMEM;
    }
    atomic_init(&holder->references, 1);
    holder->set.items = self->items;
    holder->set.count = self->count;
    holder->set.maintenance = self->maintenance;
    holder->set.maintenance_count = self->maintenance_count;
    holder->set.notes = self->notes;
    holder->set.note_count = self->note_count;
    self->items = NULL;
    self->count = 0;
    self->maintenance = NULL;
    self->notes = NULL;
    self->note_count = 0;
    if (holder->set.count > 1) {
        qsort(holder->set.items, holder->set.count, sizeof(holder->set.items[0]), by_name);
    }
    int rc = tw_wf_set_version(&holder->set, &holder->set.version);
    if (rc != TW_OK) {
        destroy(holder);
        return rc;
    }
    *ret_set = &holder->set;
    return TW_OK;
}

static struct holder *holder_of(const struct tw_workflows *self)
{
    return (struct holder *)(uintptr_t)self; /* made by us, and not const then */
}

const struct tw_workflows *tw_workflows_ref(const struct tw_workflows *self)
{
    (void)atomic_fetch_add_explicit(&holder_of(self)->references, 1, memory_order_relaxed);
    return self;
}

void tw_workflows_unref(const struct tw_workflows **self_p)
{
    const struct tw_workflows *self = self_p == NULL ? NULL : *self_p;
    if (self == NULL) {
        return;
    }
    *self_p = NULL;
    /* Release what was read through this reference; the last one acquires all of it. */
    if (atomic_fetch_sub_explicit(&holder_of(self)->references, 1, memory_order_acq_rel) == 1) {
        destroy(holder_of(self));
    }
}

const struct tw_workflow *tw_workflows_find(const struct tw_workflows *self, const char *name)
{
    size_t low = 0;
    size_t high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(self->items[middle].name, name);
        if (order == 0) {
            return &self->items[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}
