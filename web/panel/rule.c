/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/panel/rule.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 256
#define UNKNOWN_PEAK   (-1e300)

static enum tw_panel_unit unit_of(const struct tw_rule *rule)
{
    const char *unit = tw_rule_unit(rule);
    if (strcmp(unit, "seconds") == 0) {
        return TW_UNIT_SECONDS;
    }
    if (strcmp(unit, "burn") == 0) {
        return TW_UNIT_BURN;
    }
    return strcmp(unit, "share") == 0 ? TW_UNIT_SHARE : TW_UNIT_COUNT;
}

/* Burn rules may have several: those of objectives whose windows differ. */
static size_t find_limits(const struct tw_rule_scene *scene, double limits[TW_PANEL_LINES_MAX])
{
    struct tw_str objective =
        scene->labels == NULL ? TW_STR_NULL : tw_labels_get(scene->labels, "objective");
    if (objective.len == 0) {
        return tw_rule_limits(scene->rule, scene->workflows, scene->at_s, limits,
                              TW_PANEL_LINES_MAX);
    }
    limits[0] = tw_rule_limit(scene->rule, scene->workflows, objective, scene->at_s);
    return isnan(limits[0]) ? 0 : 1;
}

void tw_rule_panel_init(struct tw_rule_panel *self, const struct tw_rule_scene *scene)
{
    static const char threshold[] = "threshold";
    const struct tw_rule *rule = scene->rule;
    double limits[TW_PANEL_LINES_MAX];
    *self = (struct tw_rule_panel){
        .series = {.metric =
                       rule->burn == TW_RULE_NOT_BURN ? rule->when.metric : rule->share.metric},
        .panel = {.name = rule->name,
                  .title = rule->title != NULL ? rule->title : rule->name,
                  .kind = TW_PANEL_LINE,
                  .unit = unit_of(rule),
                  .range_s = TW_RULE_PANEL_RANGE,
                  .series_count = 1,
                  .line_count = find_limits(scene, limits)},
    };
    for (size_t i = 0; i < self->panel.line_count; i++) {
        self->panel.lines[i] =
            (struct tw_panel_line){.value = limits[i],
                                   .title = (char *)(uintptr_t)threshold, /* only read */
                                   .tone = TW_TONE_BAD,
                                   .is_always = true};
    }
    (void)snprintf(self->id, sizeof self->id, TW_RULE_PANEL_PREFIX "%s", rule->name); /* fits */
    self->panel.id = self->id;
    self->panel.series = &self->series;
}

/* What both have is the same. */
static bool is_of(const struct tw_labels *line, const struct tw_labels *alert)
{
    for (size_t i = 0; i < line->count; i++) {
        for (size_t k = 0; k < alert->count; k++) {
            if (tw_str_equal(line->items[i].name, alert->items[k].name) &&
                !tw_str_equal(line->items[i].value, alert->items[k].value)) {
                return false;
            }
        }
    }
    return true;
}

/* Its values, one behind the other: "sale-posting posted". The rule's name when it has none. */
static struct tw_str name_of(struct tw_arena *arena, const struct tw_rule *rule,
                             const struct tw_labels *labels)
{
    char text[NAME_MAX_BYTES];
    size_t len = 0;
    for (size_t i = 0; i < labels->count; i++) {
        struct tw_str value = labels->items[i].value;
        bool is_by = false;
        for (size_t k = 0; k < rule->by_count; k++) {
            is_by = is_by || tw_str_is(labels->items[i].name, rule->by[k]);
        }
        if (is_by && len + value.len + 1 <= sizeof text) {
            if (len > 0) {
                text[len++] = ' ';
            }
            memcpy(text + len, value.ptr, value.len);
            len += value.len;
        }
    }
    return tw_arena_copy(arena, len == 0 ? tw_str_of(rule->name) : (struct tw_str){text, len});
}

static int take_line(struct tw_arena *arena, const struct tw_rule *rule,
                     const struct tw_past_line *from, size_t count, struct tw_plot_line *ret_line)
{
    struct tw_plot_line line = {.name = name_of(arena, rule, &from->labels),
                                .tone = TW_TONE_NONE,
                                .peak = UNKNOWN_PEAK,
                                .at_s = -1};
    line.values = tw_arena_zalloc(arena, (count + 1) * sizeof(line.values[0]));
    line.known = tw_arena_zalloc(arena, (count + 1) * sizeof(line.known[0]));
    if (line.name.ptr == NULL || line.values == NULL || line.known == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (isfinite(from->values[i])) {
            line.values[i] = from->values[i];
            line.known[i] = true;
            line.peak = from->values[i] > line.peak ? from->values[i] : line.peak;
            line.newest = from->values[i];
        }
    }
    *ret_line = line;
    return TW_OK;
}

/* Where one alert is asked for, only its series are read: the rule with that condition added, as
 * far as there is room for it. Of hundreds of stores it would else be one of those left out. */
static int narrow(struct tw_arena *arena, const struct tw_rule *rule,
                  const struct tw_labels *labels, struct tw_measure *measure)
{
    for (size_t i = 0; i < rule->by_count && measure->metric != NULL; i++) {
        struct tw_str value = tw_labels_get(labels, rule->by[i]);
        if (value.ptr == NULL || measure->where_count == TW_RULE_WHERE_MAX ||
            !tw_metric_has(measure->metric, rule->by[i])) {
            continue;
        }
        struct tw_str copy = tw_arena_copy(arena, value);
        if (copy.ptr == NULL) {
            return TW_ENOMEM;
        }
        measure->where[measure->where_count++] =
            (struct tw_rule_label){rule->by[i], (char *)(uintptr_t)copy.ptr}; /* only read */
    }
    return TW_OK;
}

int tw_rule_query(struct tw_reader *reader, struct tw_arena *arena, const struct tw_past_ask *ask,
                  const struct tw_labels *labels, struct tw_plot_data *ret_data,
                  struct tw_diag *diag)
{
    struct tw_past past;
    struct tw_rule rule = *ask->rule;
    struct tw_past_ask narrowed = *ask;
    narrowed.rule = &rule;
    int rc = labels == NULL ? TW_OK : narrow(arena, ask->rule, labels, &rule.when);
    rc = rc == TW_OK && labels != NULL ? narrow(arena, ask->rule, labels, &rule.share) : rc;
    rc = rc == TW_OK ? tw_past_try(reader, arena, &narrowed, &past, diag) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_plot_data data = {
        .since_s = ask->since_s,
        .until_s = ask->until_s,
        .first_s = past.since_s,
        .step_s = past.point_s,
        .count = past.point_count,
        .left_out = past.lines_left_out,
        .is_cut = past.incomplete != NULL,
    };
    data.lines = tw_arena_zalloc(arena, TW_PANEL_GROUPS_MAX * sizeof(data.lines[0]));
    if (data.lines == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    for (size_t i = 0; i < past.line_count && rc == TW_OK; i++) {
        if (labels != NULL && !is_of(&past.lines[i].labels, labels)) {
            continue;
        }
        if (data.line_count == TW_PANEL_GROUPS_MAX) {
            data.left_out++;
            continue;
        }
        rc = take_line(arena, ask->rule, &past.lines[i], past.point_count,
                       &data.lines[data.line_count]);
        data.line_count += rc == TW_OK ? 1 : 0;
    }
    if (rc == TW_OK) {
        *ret_data = data;
    }
    return rc;
}
