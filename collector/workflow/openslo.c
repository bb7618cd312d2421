/* SPDX-License-Identifier: Apache-2.0
 * OpenSLO v1: a file of one or more documents. An SLO whose indicator is ours (metricSource of type
 * tillwatch) becomes an objective of the workflow it names; SLI, DataSource and Service of the same
 * file can be referred to; alert documents are checked and not used.
 */
#include "config.h"
#include "workflow/openslo_keys.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"

#define API_VERSION "openslo/v1"
#define TYPE        "tillwatch"
#define OWNER       "tillwatch/owner"
#define DAY_NS      (86400 * TW_WF_NS_PER_S)
#define PPM         INT64_C(1000000)

#define FAULT(load, node, ...) tw_parse_fault(&(load)->parse, (node), __VA_ARGS__)

void tw_wf_slo_fini(struct tw_wf_slo *slo)
{
    free(slo->file);
    free(slo->workflow);
    free(slo->step);
    free(slo->from);
    tw_wf_objective_fini(&slo->objective);
    *slo = (struct tw_wf_slo){0};
}

const struct tw_slo_doc *tw_slo_find(const struct tw_slo_file *self, const char *kind,
                                     const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        const struct tw_slo_doc *doc = &self->docs[i];
        if (doc->kind != NULL && doc->name != NULL && strcmp(doc->kind, kind) == 0 &&
            strcmp(doc->name, name) == 0) {
            return doc;
        }
    }
    return NULL;
}

bool tw_slo_duration(const char *text, int64_t *ret_number, char *ret_unit)
{
    size_t digits = strspn(text, "0123456789");
    if (digits < 1 || digits > 6 || text[digits] == '\0' || text[digits + 1] != '\0' ||
        strchr("mhdwMQY", text[digits]) == NULL) {
        return false;
    }
    int64_t number = 0;
    for (size_t i = 0; i < digits; i++) {
        number = number * 10 + (text[i] - '0');
    }
    *ret_number = number;
    *ret_unit = text[digits];
    return number > 0;
}

static size_t characters(const char *text)
{
    size_t count = 0;
    for (const char *p = text; *p != '\0'; p++) {
        count += ((unsigned char)*p & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

void tw_slo_check_head(struct tw_wf_load *load, const yaml_node_t *node,
                       const struct tw_slo_text *text)
{
    char shown[TW_SHOWN_SIZE];
    if (text->api != NULL && strcmp(text->api, API_VERSION) != 0) {
        FAULT(load, tw_wf_at(load, node, "apiVersion"), "apiVersion: \"%s\" is not " API_VERSION,
              tw_shown(text->api, shown));
    }
    if (text->description != NULL && characters(text->description) > TW_SLO_DESCRIPTION_MAX) {
        FAULT(load, tw_wf_at(load, node, "spec"), "spec.description: longer than %d characters",
              TW_SLO_DESCRIPTION_MAX);
    }
    if (text->labels != NULL && text->labels->type != YAML_MAPPING_NODE) {
        FAULT(load, text->labels, "metadata.labels: a map is expected");
    }
    if (text->annotations != NULL && text->annotations->type != YAML_MAPPING_NODE) {
        FAULT(load, text->annotations, "metadata.annotations: a map is expected");
    }
}

/* ---- windows ---- */

/* An own window begins where the calendar says: midnight, a Monday, the first of a month. */
static bool is_aligned(const char *start, enum tw_window_kind window)
{
    char text[24];
    tw_wall_t at = {0};
    if (strlen(start) != 19 || start[10] != ' ') {
        return false;
    }
    (void)snprintf(text, sizeof(text), "%.10sT%sZ", start, start + 11);
    if (tw_wall_parse(tw_str_of(text), &at) != TW_OK || strcmp(start + 11, "00:00:00") != 0) {
        return false;
    }
    int64_t day = at.ns / DAY_NS - (at.ns % DAY_NS < 0 ? 1 : 0);
    return window == TW_WINDOW_DAY ||
           (window == TW_WINDOW_WEEK && ((day + 3) % 7 + 7) % 7 == 0) /* 1970 began on a Thursday */
           || (window == TW_WINDOW_MONTH && strncmp(start + 8, "01", 2) == 0);
}

static void read_calendar(struct tw_wf_load *load, const yaml_node_t *node,
                          const struct tw_slo_text *text, struct tw_wf_objective *objective)
{
    static const char *const lengths[] = {"1d", "1w", "1M"};
    char shown[TW_SHOWN_SIZE];
    if (text->start == NULL || text->zone == NULL) {
        FAULT(load, node, "timeWindow.calendar: startTime and timeZone are needed");
        return;
    }
    unsigned i = 0;
    while (i < 3 && strcmp(text->duration, lengths[i]) != 0) {
        i++;
    }
    if (i == 3) {
        FAULT(load, tw_wf_at(load, node, "duration"),
              "timeWindow.duration: calendar windows of 1d, 1w and 1M are read, not %s",
              tw_shown(text->duration, shown));
        return;
    }
    objective->window = (enum tw_window_kind)(TW_WINDOW_DAY + i);
    objective->window_ns = 0;
    if (!is_aligned(text->start, objective->window)) {
        FAULT(load, tw_wf_at(load, node, "calendar"),
              "timeWindow.calendar.startTime: \"%s\" is not where a day, a week (Monday) or a "
              "month begins, such as \"2024-01-01 00:00:00\"",
              tw_shown(text->start, shown));
    }
    if (!tw_wf_zone_exists(text->zone)) {
        FAULT(load, tw_wf_at(load, node, "calendar"),
              "timeWindow.calendar.timeZone: \"%s\" is no time zone that this machine knows",
              tw_shown(text->zone, shown));
    }
    objective->timezone = strcmp(text->zone, "UTC") == 0 ? NULL : tw_wf_copy(load, text->zone);
}

static void read_rolling(struct tw_wf_load *load, const yaml_node_t *node,
                         const struct tw_slo_text *text, struct tw_wf_objective *objective)
{
    static const struct {
        char unit;
        int64_t ns;
    } units[] = {
        {'m', 60 * TW_WF_NS_PER_S}, {'h', 3600 * TW_WF_NS_PER_S}, {'d', DAY_NS}, {'w', 7 * DAY_NS}};
    const yaml_node_t *at = tw_wf_at(load, node, "duration");
    int64_t number = 0;
    char unit = '\0';
    char shown[TW_SHOWN_SIZE];
    if (!tw_slo_duration(text->duration, &number, &unit)) {
        FAULT(load, at, "timeWindow.duration: \"%s\" is not a number with one of m h d w M Q Y",
              tw_shown(text->duration, shown));
        return;
    }
    for (size_t i = 0; i < 4; i++) {
        if (units[i].unit == unit) {
            (void)tw_wf_set_window(load, at, tw_shown(text->duration, shown), number * units[i].ns,
                                   objective); /* with a fault */
            return;
        }
    }
    FAULT(load, at,
          "timeWindow.duration: %s has no fixed length, months, quarters and years need calendar",
          tw_shown(text->duration, shown));
}

static void read_window(struct tw_wf_load *load, yaml_node_t *list,
                        struct tw_wf_objective *objective)
{
    struct tw_slo_text text = {0};
    objective->window = TW_WINDOW_ROLLING;
    objective->window_ns = 30 * DAY_NS;
    if (list == NULL) {
        return;
    }
    if (list->type != YAML_SEQUENCE_NODE || tw_wf_list_count(list) > 1) {
        FAULT(load, list, "SLO.spec.timeWindow: a list of at most one window is expected");
        return;
    }
    if (tw_wf_list_count(list) == 0) {
        return;
    }
    yaml_node_t *node = tw_wf_list_item(load, list, 0);
    tw_parse_map(&load->parse, &tw_slo_window_section, node, &text);
    bool has_calendar = tw_wf_member(load, node, "calendar") != NULL;
    bool is_rolling = text.is_rolling != NULL && strcmp(text.is_rolling, "true") == 0;
    if (text.is_rolling != NULL && !is_rolling && strcmp(text.is_rolling, "false") != 0) {
        FAULT(load, tw_wf_at(load, node, "isRolling"),
              "timeWindow.isRolling: neither true nor false");
    } else if (is_rolling == has_calendar) {
        FAULT(load, node, "timeWindow: either isRolling: true or calendar");
    } else if (text.duration != NULL && has_calendar) {
        read_calendar(load, node, &text, objective);
    } else if (text.duration != NULL) {
        read_rolling(load, node, &text, objective);
    }
    tw_cfg_free_fields(&tw_slo_window_section, &text);
}

/* ---- objectives ---- */

static void read_target(struct tw_wf_load *load, const yaml_node_t *node,
                        const struct tw_slo_text *text, struct tw_wf_objective *objective)
{
    int64_t ppm = 0;
    char shown[TW_SHOWN_SIZE];
    if ((text->target == NULL) == (text->target_percent == NULL)) {
        FAULT(load, node, "objectives: either target or targetPercent");
        return;
    }
    const char *key = text->target != NULL ? "target" : "targetPercent";
    const char *given = text->target != NULL ? text->target : text->target_percent;
    unsigned places = text->target != NULL ? 6 : 4;
    const char *most = text->target != NULL ? "0.000001 to 0.999999" : "0.0001 to 99.9999";
    if (!tw_wf_decimal(given, strlen(given), places, &ppm) || ppm < 1 || ppm >= PPM) {
        FAULT(load, tw_wf_at(load, node, key),
              "objectives.%s: %s is out of range, allowed are %s in %u decimals", key,
              tw_shown(given, shown), most, places);
        return;
    }
    objective->target_ppm = (uint32_t)ppm;
}

static void check_slices(struct tw_wf_load *load, const yaml_node_t *node,
                         const struct tw_slo_text *text, unsigned method)
{
    int64_t number = 0;
    char unit = '\0';
    if (method == TW_SLO_OCCURRENCES) {
        if (text->slice_target != NULL || text->slice_window != NULL) {
            FAULT(load, node, "objectives: budgetingMethod Occurrences has no time slices");
        }
        return;
    }
    if (text->slice_target == NULL || text->slice_window == NULL) {
        FAULT(load, node, "objectives: Timeslices needs timeSliceTarget and timeSliceWindow");
        return;
    }
    if (!tw_wf_decimal(text->slice_target, strlen(text->slice_target), 6, &number) || number < 1 ||
        number > PPM) {
        FAULT(load, tw_wf_at(load, node, "timeSliceTarget"),
              "objectives.timeSliceTarget: above 0 and at most 1");
    }
    /* The specification's examples have a bare number, which counts minutes. */
    bool is_minute =
        strcmp(text->slice_window, "1") == 0 ||
        (tw_slo_duration(text->slice_window, &number, &unit) && number == 1 && unit == 'm');
    if (!is_minute) {
        FAULT(load, tw_wf_at(load, node, "timeSliceWindow"),
              "objectives.timeSliceWindow: slices of 1m are read");
    }
}

static void check_weight(struct tw_wf_load *load, const yaml_node_t *node,
                         const struct tw_slo_text *text)
{
    int64_t number = 0;
    if (text->weight != NULL &&
        (!tw_wf_decimal(text->weight, strlen(text->weight), 6, &number) || number == 0)) {
        FAULT(load, tw_wf_at(load, node, "compositeWeight"),
              "objectives.compositeWeight: a number above 0 is expected");
    }
}

/* The one objective of an SLO, with its indicator. */
static void read_objective(struct tw_slo_file *self, const yaml_node_t *root,
                           const struct tw_slo_text *slo_text, struct tw_wf_slo *slo)
{
    struct tw_wf_load *load = self->load;
    struct tw_slo_text text = {0};
    yaml_node_t *list = slo_text->objectives;
    if (list->type != YAML_SEQUENCE_NODE || tw_wf_list_count(list) != 1) {
        FAULT(load, list,
              "SLO.spec.objectives: a list of one objective is read; write an SLO for "
              "each");
        return;
    }
    yaml_node_t *node = tw_wf_list_item(load, list, 0);
    tw_parse_map(&load->parse, &tw_slo_objective_section, node, &text);
    if (text.indicator != NULL || text.indicator_ref != NULL) {
        FAULT(load, node, "objectives: an indicator here makes a composite SLO, which is not read");
    } else if (node->type == YAML_MAPPING_NODE) {
        read_target(load, node, &text, &slo->objective);
        check_slices(load, node, &text, slo_text->method);
        check_weight(load, node, &text);
        tw_slo_read_indicator(self, slo_text, root, &text, slo);
    }
    tw_cfg_free_fields(&tw_slo_objective_section, &text);
}

/* ---- documents ---- */

static void read_owner(struct tw_wf_load *load, const yaml_node_t *annotations,
                       struct tw_wf_objective *objective)
{
    const yaml_node_t *owner = annotations == NULL ? NULL : tw_wf_member(load, annotations, OWNER);
    const char *text =
        owner == NULL ? NULL : tw_parse_scalar(&load->parse, owner, "metadata.annotations." OWNER);
    objective->owner = tw_wf_copy(load, text);
}

static void check_method(struct tw_wf_load *load, const yaml_node_t *root, unsigned method,
                         enum tw_objective_kind kind)
{
    const yaml_node_t *at = tw_wf_at(load, tw_wf_at(load, root, "spec"), "budgetingMethod");
    if (method == TW_SLO_RATIO_TIMESLICES) {
        FAULT(load, at, "SLO.spec.budgetingMethod: RatioTimeslices is not read");
    } else if ((method == TW_SLO_TIMESLICES) != (kind == TW_OBJECTIVE_FRESHNESS)) {
        FAULT(load, at, "SLO.spec.budgetingMethod: sli %s is counted in %s",
              tw_objective_kind_name(kind),
              kind == TW_OBJECTIVE_FRESHNESS ? "Timeslices" : "Occurrences");
    }
}

static void read_slo(struct tw_slo_file *self, yaml_node_t *root)
{
    struct tw_wf_load *load = self->load;
    struct tw_slo_text text = {0};
    struct tw_wf_slo slo = {.place = {.line = tw_tree_line(root)}};
    size_t before = tw_wf_fault_count(load);
    tw_parse_map(&load->parse, &tw_slo_section, root, &text);
    tw_slo_check_head(load, root, &text);
    slo.objective.line = slo.place.line;
    slo.objective.title = tw_wf_copy(load, text.display != NULL ? text.display : text.name);
    slo.objective.name = tw_wf_copy(load, text.name);
    read_owner(load, text.annotations, &slo.objective);
    read_window(load, text.time_window, &slo.objective);
    if ((text.indicator == NULL) == (text.indicator_ref == NULL)) {
        FAULT(load, root, "SLO.spec: either indicator or indicatorRef");
    } else if (text.objectives != NULL) {
        read_objective(self, root, &text, &slo);
    }
    if (tw_wf_fault_count(load) == before) {
        check_method(load, root, text.method, slo.objective.kind);
    }
    struct tw_wf_slo *slot = tw_wf_fault_count(load) > before
                                 ? NULL
                                 : tw_wf_grow(load, &load->slos, load->slo_count, sizeof(slo));
    if (slot != NULL) {
        slo.file = tw_wf_copy(load, load->parse.file);
        slo.place.file = slo.file;
        *slot = slo;
        slo = (struct tw_wf_slo){0};
        load->slo_count++;
    }
    tw_wf_slo_fini(&slo);
    tw_cfg_free_fields(&tw_slo_section, &text);
}

static void check_document(struct tw_slo_file *self, const struct tw_cfg_section *section,
                           yaml_node_t *root)
{
    struct tw_slo_text text = {0};
    tw_parse_map(&self->load->parse, section, root, &text);
    tw_slo_check_head(self->load, root, &text);
    tw_cfg_free_fields(section, &text);
}

static const char *const kinds[] = {"SLO",
                                    "SLI",
                                    "DataSource",
                                    "Service",
                                    "AlertPolicy",
                                    "AlertCondition",
                                    "AlertNotificationTarget"};

static void read_document(struct tw_slo_file *self, const struct tw_slo_doc *doc)
{
    struct tw_wf_load *load = self->load;
    unsigned kind = 0;
    char shown[TW_SHOWN_SIZE];
    char hint[TW_WF_HINT_SIZE];
    while (doc->kind != NULL && kind < 7 && strcmp(kinds[kind], doc->kind) != 0) {
        kind++;
    }
    if (doc->kind == NULL) {
        FAULT(load, doc->root, "a document with apiVersion needs a kind");
        return;
    }
    switch (kind) {
    case 0:
        read_slo(self, doc->root);
        break;
    case 1:
        tw_slo_check_sli(self, doc);
        break;
    case 2:
        check_document(self, &tw_slo_source_section, doc->root);
        break;
    case 3:
        check_document(self, &tw_slo_service_section, doc->root);
        break;
    case 4:
        tw_slo_check_policy(self, doc->root);
        break;
    case 5:
        tw_slo_check_condition(self, doc->root);
        break;
    case 6:
        tw_slo_check_target(self, doc->root);
        break;
    default:
        FAULT(load, tw_wf_at(load, doc->root, "kind"), "kind: there is no \"%s\" in OpenSLO v1%s",
              tw_shown(doc->kind, shown), tw_wf_hint(kinds, 7, doc->kind, hint));
        break;
    }
}

static void check_name(struct tw_slo_file *self, size_t i)
{
    const struct tw_slo_doc *doc = &self->docs[i];
    const struct tw_slo_doc *first =
        doc->kind == NULL || doc->name == NULL ? doc : tw_slo_find(self, doc->kind, doc->name);
    if (first != NULL && first != doc) {
        FAULT(self->load, doc->root, "metadata.name: %s \"%s\" is there twice (first in line %d)",
              doc->kind, doc->name, tw_tree_line(first->root));
    }
}

void tw_wf_read_openslo(struct tw_wf_load *self, struct tw_tree *trees, size_t count)
{
    struct tw_slo_file *file = calloc(1, sizeof(*file));
    if (file == NULL) {
        self->parse.is_out_of_memory = true;
        return;
    }
    file->load = self;
    for (size_t i = 0; i < count; i++) {
        yaml_node_t *root = tw_tree_root(&trees[i]);
        self->parse.tree = &trees[i];
        if (tw_wf_member(self, root, "apiVersion") == NULL) {
            continue;
        }
        const yaml_node_t *kind = tw_wf_member(self, root, "kind");
        const yaml_node_t *metadata = tw_wf_member(self, root, "metadata");
        const yaml_node_t *name = metadata == NULL ? NULL : tw_wf_member(self, metadata, "name");
        file->docs[file->count++] = (struct tw_slo_doc){
            .tree = &trees[i],
            .root = root,
            .kind = kind == NULL ? NULL : tw_tree_text(kind),
            .name = name == NULL ? NULL : tw_tree_text(name),
        };
    }
    for (size_t i = 0; i < file->count; i++) {
        self->parse.tree = file->docs[i].tree;
        check_name(file, i);
        read_document(file, &file->docs[i]);
    }
    free(file);
}

/* ---- to the workflows ---- */

static void attach(struct tw_wf_load *self, struct tw_wf_slo *slo, struct tw_workflow *workflow)
{
    const char *const names[2] = {slo->step, slo->from};
    size_t before = tw_wf_fault_count(self);
    tw_wf_bind_objective(self, &slo->place, workflow, names, &slo->objective);
    if (workflow->objective_count >= TW_WF_OBJECTIVES_MAX) {
        tw_faults_add(&self->parse.faults, slo->file, slo->place.line,
                      "workflow %s would have more than %d objectives", workflow->name,
                      TW_WF_OBJECTIVES_MAX);
    }
    for (size_t w = 0; w < self->count; w++) {
        for (size_t i = 0; i < self->items[w].objective_count; i++) {
            const struct tw_wf_objective *other = &self->items[w].objectives[i];
            if (other->name != NULL && strcmp(other->name, slo->objective.name) == 0) {
                tw_faults_add(&self->parse.faults, slo->file, slo->place.line,
                              "metadata.name: there is an objective \"%s\" already (of workflow "
                              "%s)",
                              other->name, self->items[w].name);
            }
        }
    }
    struct tw_wf_objective *slot =
        tw_wf_fault_count(self) > before
            ? NULL
            : tw_wf_grow(self, &workflow->objectives, workflow->objective_count, sizeof(*slot));
    if (slot != NULL) {
        slo->objective.file = tw_wf_copy(self, slo->file);
        *slot = slo->objective;
        slo->objective = (struct tw_wf_objective){0};
        workflow->objective_count++;
    }
}

/* What was attached has to show in the workflow: the same definition with other objectives is
 * followed anew. */
static void set_versions(struct tw_wf_load *self, const size_t *counts)
{
    for (size_t w = 0; w < self->count; w++) {
        struct tw_workflow *workflow = &self->items[w];
        if (workflow->objective_count > counts[w] &&
            tw_wf_slo_version(workflow, counts[w], &workflow->slo_version) != TW_OK) {
            self->parse.is_out_of_memory = true;
        }
    }
}

void tw_wf_attach_slos(struct tw_wf_load *self)
{
    size_t counts[TW_WF_MAX] = {0};
    for (size_t w = 0; w < self->count; w++) {
        counts[w] = self->items[w].objective_count;
    }
    for (size_t i = 0; i < self->slo_count; i++) {
        struct tw_wf_slo *slo = &self->slos[i];
        struct tw_workflow *workflow = NULL;
        const char *words[TW_WF_MAX];
        for (size_t w = 0; w < self->count; w++) {
            words[w] = self->items[w].name;
            workflow = strcmp(words[w], slo->workflow) == 0 ? &self->items[w] : workflow;
        }
        if (workflow == NULL) {
            char hint[TW_WF_HINT_SIZE];
            char shown[TW_SHOWN_SIZE];
            tw_faults_add(&self->parse.faults, slo->file, slo->place.step_line,
                          "metricSource.spec.workflow: there is no workflow \"%s\"%s",
                          tw_shown(slo->workflow, shown),
                          tw_wf_hint(words, self->count, slo->workflow, hint));
        } else if (workflow->version != 0) { /* 0: it has faults of its own */
            attach(self, slo, workflow);
        }
    }
    set_versions(self, counts);
}
