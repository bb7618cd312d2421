/* SPDX-License-Identifier: Apache-2.0
 * One dashboard file: what its keys say, and what must hold between them.
 */
#include "config.h"
#include "web/panel/internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "config/value.h"

#define RANGE_MIN_S 60
#define RANGE_MAX_S (INT64_C(400) * 86400) /* series are kept so long */
#define HINT_SIZE   96

static const char *const param_names[TW_PARAM_COUNT] = {"workflow", "objective", "step", "system",
                                                        "store"};

const char *tw_panel_param_name(enum tw_panel_param param)
{
    return param_names[param];
}

/* The parameter of this name; TW_PARAM_COUNT: none. */
static enum tw_panel_param find_param(const char *name, size_t len)
{
    unsigned i = 0;
    while (i < TW_PARAM_COUNT &&
           (strlen(param_names[i]) != len || strncmp(param_names[i], name, len) != 0)) {
        i++;
    }
    return (enum tw_panel_param)i;
}

size_t tw_panel_fault_count(const struct tw_panel_load *self)
{
    return self->parse.faults.count + self->parse.faults.more;
}

static char *copy(struct tw_panel_load *self, const char *text)
{
    char *made = strdup(text);
    self->parse.is_out_of_memory = self->parse.is_out_of_memory || made == NULL;
    return made;
}

char *tw_panel_faults_since(struct tw_panel_load *self, size_t before)
{
    const struct tw_faults *faults = &self->parse.faults;
    size_t len = 0;
    if (tw_panel_fault_count(self) == before) {
        return NULL;
    }
    if (faults->count <= before) {
        return copy(self, "one of more faults than are told");
    }
    for (size_t i = before; i < faults->count; i++) {
        len += strlen(faults->items[i].text) + 1;
    }
    char *text = malloc(len);
    if (text == NULL) {
        self->parse.is_out_of_memory = true;
        return NULL;
    }
    char *to = text;
    for (size_t i = before; i < faults->count; i++) {
        size_t size = strlen(faults->items[i].text);
        memcpy(to, faults->items[i].text, size);
        to[size] = i + 1 < faults->count ? '\n' : '\0';
        to += size + 1;
    }
    return text;
}

static const char *hint(const char *const *words, size_t count, const char *name,
                        char buf[HINT_SIZE])
{
    char near[64];
    const char *best = tw_cfg_nearest_word(words, count, name, near, sizeof(near));
    (void)snprintf(buf, HINT_SIZE, "%s%s%s", best == NULL ? "" : ", did you mean \"",
                   best == NULL ? "" : best, best == NULL ? "" : "\"?");
    return buf;
}

static size_t list_count(const yaml_node_t *node)
{
    return (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
}

/* A list of 1 to `most` maps; false with a fault. */
static bool check_list(struct tw_panel_load *self, const yaml_node_t *node, const char *where,
                       size_t most)
{
    if (node->type != YAML_SEQUENCE_NODE) {
        tw_parse_fault(&self->parse, node, "%s: a list is expected", where);
        return false;
    }
    if (list_count(node) == 0 || list_count(node) > most) {
        tw_parse_fault(&self->parse, node, "%s: %zu entries, allowed are 1 to %zu", where,
                       list_count(node), most);
        return false;
    }
    return true;
}

static yaml_node_t *list_item(struct tw_panel_load *self, const yaml_node_t *node, size_t i)
{
    return tw_tree_node(self->parse.tree, node->data.sequence.items.start[i]);
}

/* A plain decimal number; false with a fault. */
static bool read_number(struct tw_panel_load *self, const yaml_node_t *at, const char *where,
                        const char *text, double *ret_value)
{
    char shown[TW_SHOWN_SIZE];
    char *end = NULL;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(value) || fabs(value) > 1e15 ||
        strspn(text, "+-.0123456789eE") != strlen(text)) {
        tw_parse_fault(&self->parse, at, "%s: \"%s\" is no number", where, tw_shown(text, shown));
        return false;
    }
    *ret_value = value;
    return true;
}

/* ---- series ---- */

static void check_label(struct tw_panel_load *self, const yaml_node_t *at, const char *where,
                        const struct tw_metric *metric, const char *label)
{
    char shown[TW_SHOWN_SIZE];
    if (metric == NULL || tw_metric_has(metric, label)) {
        return;
    }
    tw_parse_fault(&self->parse, at, "%s: \"%s\" has no label \"%s\"%s%s%s%s", where, metric->name,
                   tw_shown(label, shown),
                   metric->labels[0] == NULL ? ", it has none" : ", it has ",
                   metric->labels[0] == NULL ? "" : metric->labels[0],
                   metric->labels[1] == NULL ? "" : " and ",
                   metric->labels[1] == NULL ? "" : metric->labels[1]);
}

static void read_where(struct tw_panel_load *self, yaml_node_t *node, const struct tw_panel *panel,
                       struct tw_panel_series *series)
{
    struct tw_parse *parse = &self->parse;
    if (node->type != YAML_MAPPING_NODE) {
        tw_parse_fault(parse, node, "series.where: a map of labels and values is expected");
        return;
    }
    for (const yaml_node_pair_t *p = node->data.mapping.pairs.start;
         p < node->data.mapping.pairs.top; p++) {
        const yaml_node_t *key = tw_tree_node(parse->tree, p->key);
        const yaml_node_t *value = tw_tree_node(parse->tree, p->value);
        const char *label = tw_parse_scalar(parse, key, "series.where");
        const char *text = tw_parse_scalar(parse, value, "series.where");
        if (label == NULL || text == NULL || tw_parse_is_repeated(parse, node, p, label)) {
            continue;
        }
        if (series->where_count == TW_PANEL_WHERE_MAX) {
            tw_parse_fault(parse, key, "series.where: more than %d labels", TW_PANEL_WHERE_MAX);
            return;
        }
        struct tw_panel_where *where = &series->where[series->where_count];
        where->param = text[0] == '$' ? find_param(text + 1, strlen(text + 1)) : TW_PARAM_COUNT;
        uint32_t bit = where->param < TW_PARAM_COUNT ? 1u << where->param : 0;
        if (text[0] == '$' && ((panel->params | panel->may_params) & bit) == 0) {
            char shown[TW_SHOWN_SIZE];
            tw_parse_fault(parse, value, "series.where: \"%s\" is not among the parameters",
                           tw_shown(text, shown));
            continue;
        }
        check_label(self, key, "series.where", series->metric, label);
        where->label = copy(self, label);
        where->value = text[0] == '$' ? NULL : copy(self, text);
        series->where_count++;
    }
}

static const struct tw_metric *find_metric(struct tw_panel_load *self, const yaml_node_t *at,
                                           const char *name)
{
    const char *words[64];
    char near[HINT_SIZE];
    char shown[TW_SHOWN_SIZE];
    size_t count = 0;
    const struct tw_metric *found = tw_metric_find(tw_str_of(name));
    if (found != NULL && !found->is_of_desk) {
        return found;
    }
    for (size_t i = 0; i < tw_metric_count && count < 64; i++) {
        if (!tw_metrics[i].is_of_desk) {
            words[count++] = tw_metrics[i].name;
        }
    }
    tw_parse_fault(&self->parse, at, "series.metric: there is no series \"%s\"%s",
                   tw_shown(name, shown), hint(words, count, name, near));
    return NULL;
}

/* What the kind of a metric allows. */
static void check_series(struct tw_panel_load *self, const yaml_node_t *at,
                         const struct tw_series_text *text, const struct tw_panel *panel,
                         const struct tw_panel_series *series)
{
    const struct tw_metric *metric = series->metric;
    if (metric == NULL) {
        return;
    }
    if (panel->kind == TW_PANEL_PERCENTILES && (!metric->is_sketch || series->ppm != 0)) {
        tw_parse_fault(
            &self->parse, at,
            "series: kind percentiles has one sketch, such as step_lag, without quantile");
    } else if (panel->kind != TW_PANEL_PERCENTILES && metric->is_sketch && text->quantile == NULL) {
        tw_parse_fault(&self->parse, at, "series: \"%s\" is a sketch: which quantile?",
                       metric->name);
    } else if (text->quantile != NULL && !metric->is_sketch) {
        tw_parse_fault(&self->parse, at, "series.quantile: \"%s\" is no sketch", metric->name);
    }
    bool is_budget = strcmp(metric->name, "objective_budget_remaining") == 0 &&
                     series->where_count == 1 && strcmp(series->where[0].label, "objective") == 0;
    if (panel->kind == TW_PANEL_BURNDOWN && (!is_budget || panel->unit != TW_UNIT_SHARE)) {
        tw_parse_fault(&self->parse, at,
                       "series: kind burndown has one, objective_budget_remaining where objective "
                       "is one, and unit share");
    }
    if (series->per_s != 0 && !metric->is_count) {
        tw_parse_fault(&self->parse, at, "series.per: \"%s\" is no count, it has no rate",
                       metric->name);
    }
    if (series->by != NULL && panel->kind == TW_PANEL_PERCENTILES) {
        tw_parse_fault(&self->parse, at, "series.by: not with kind percentiles");
    }
}

static void read_series(struct tw_panel_load *self, yaml_node_t *node, struct tw_panel *panel,
                        struct tw_panel_series *series)
{
    static const int64_t rates[] = {0, 1, 60, 3600};
    struct tw_series_text text = {0};
    double quantile = 0;
    tw_parse_map(&self->parse, &tw_panel_series_section, node, &text);
    series->line = tw_tree_line(node);
    if (text.metric != NULL) {
        series->metric = find_metric(self, node, text.metric);
    }
    if (text.where != NULL) {
        read_where(self, text.where, panel, series);
    }
    if (text.by != NULL) {
        check_label(self, node, "series.by", series->metric, text.by);
    }
    if (text.quantile != NULL &&
        read_number(self, node, "series.quantile", text.quantile, &quantile)) {
        if (quantile < 0.01 || quantile > 0.9999) {
            tw_parse_fault(&self->parse, node,
                           "series.quantile: out of range, allowed are 0.01 to 0.9999");
        } else {
            series->ppm = (uint32_t)lround(quantile * 1e6);
        }
    }
    series->join = (enum tw_panel_join)text.join;
    series->per_s = rates[text.per];
    series->tone = text.tone;
    series->by = text.by;
    series->legend = text.legend;
    text.by = NULL;
    text.legend = NULL;
    check_series(self, node, &text, panel, series);
    tw_cfg_free_fields(&tw_panel_series_section, &text);
}

static void read_all_series(struct tw_panel_load *self, yaml_node_t *list, struct tw_panel *panel)
{
    bool is_one = panel->kind == TW_PANEL_PERCENTILES || panel->kind == TW_PANEL_BURNDOWN;
    size_t most = is_one ? 1 : TW_PANEL_SERIES_MAX;
    if (!check_list(self, list, "panels.series", most)) {
        return;
    }
    panel->series = calloc(list_count(list), sizeof(*panel->series));
    if (panel->series == NULL) {
        self->parse.is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < list_count(list); i++) {
        yaml_node_t *item = list_item(self, list, i);
        if (!tw_parse_visit(&self->parse, item)) {
            return;
        }
        read_series(self, item, panel, &panel->series[panel->series_count++]);
    }
}

/* ---- lines ---- */

static void read_lines(struct tw_panel_load *self, yaml_node_t *list, struct tw_panel *panel)
{
    if (!check_list(self, list, "panels.lines", TW_PANEL_LINES_MAX)) {
        return;
    }
    for (size_t i = 0; i < list_count(list); i++) {
        yaml_node_t *item = list_item(self, list, i);
        struct tw_line_text text = {.tone = TW_TONE_WARN};
        struct tw_panel_line *line = &panel->lines[panel->line_count];
        if (!tw_parse_visit(&self->parse, item)) {
            return;
        }
        tw_parse_map(&self->parse, &tw_panel_line_section, item, &text);
        if (text.value != NULL &&
            read_number(self, item, "lines.value", text.value, &line->value)) {
            line->title = text.title;
            line->tone = text.tone;
            text.title = NULL;
            panel->line_count++;
        }
        tw_cfg_free_fields(&tw_panel_line_section, &text);
    }
}

/* ---- panels ---- */

static void read_params(struct tw_panel_load *self, const yaml_node_t *at,
                        const struct tw_cfg_strings *words, struct tw_panel *panel)
{
    for (size_t i = 0; i < words->count; i++) {
        const char *word = words->items[i];
        size_t len = strlen(word);
        bool is_optional = len > 0 && word[len - 1] == '?';
        enum tw_panel_param param = find_param(word, len - (is_optional ? 1 : 0));
        if (param == TW_PARAM_COUNT) {
            char near[HINT_SIZE];
            char shown[TW_SHOWN_SIZE];
            tw_parse_fault(&self->parse, at, "panels.parameters: there is no parameter \"%s\"%s",
                           tw_shown(word, shown), hint(param_names, TW_PARAM_COUNT, word, near));
            continue;
        }
        if (is_optional) {
            panel->may_params |= 1u << param;
        } else {
            panel->params |= 1u << param;
        }
    }
}

static void read_range(struct tw_panel_load *self, const yaml_node_t *at, const char *text,
                       struct tw_panel *panel)
{
    static const struct tw_cfg_key key = {.unit = "s", .min = RANGE_MIN_S, .max = RANGE_MAX_S};
    struct tw_diag diag;
    if (tw_value_int(&key, text, &panel->range_s, &diag) != TW_OK) {
        tw_parse_fault(&self->parse, at, "panels.range: %s", diag.text);
    }
}

static void set_names(struct tw_panel_load *self, const yaml_node_t *at,
                      struct tw_dashboard *dashboard, struct tw_panel_text *text,
                      struct tw_panel *panel)
{
    char id[160];
    char unnamed[32];
    (void)snprintf(unnamed, sizeof(unnamed), "panel-%zu", dashboard->panel_count + 1);
    for (size_t i = 0; i < dashboard->panel_count && text->name != NULL; i++) {
        if (strcmp(dashboard->panels[i].name, text->name) == 0) {
            tw_parse_fault(&self->parse, at, "panels.name: \"%s\" is there already (line %d)",
                           text->name, dashboard->panels[i].line);
            free(text->name); /* it is shown under a name of its own */
            text->name = NULL;
        }
    }
    panel->name = text->name != NULL ? text->name : copy(self, unnamed);
    panel->title =
        text->title != NULL || panel->name == NULL ? text->title : copy(self, panel->name);
    text->name = NULL;
    text->title = NULL;
    (void)snprintf(id, sizeof(id), "%.70s.%.70s", dashboard->name,
                   panel->name == NULL ? "" : panel->name);
    panel->id = copy(self, id);
}

static void read_panel(struct tw_panel_load *self, yaml_node_t *node,
                       struct tw_dashboard *dashboard)
{
    struct tw_panel *panel = &dashboard->panels[dashboard->panel_count];
    struct tw_panel_text text = {0};
    size_t before = tw_panel_fault_count(self);
    if (tw_parse_defaults_of(&tw_panel_section, &text) != TW_OK) {
        self->parse.is_out_of_memory = true;
    }
    tw_parse_map(&self->parse, &tw_panel_section, node, &text);
    panel->line = tw_tree_line(node);
    panel->kind = (enum tw_panel_kind)text.kind;
    panel->unit = (enum tw_panel_unit)text.unit;
    panel->is_bare = text.is_bare;
    panel->range_s = 3600;
    set_names(self, node, dashboard, &text, panel);
    read_params(self, node, &text.parameters, panel);
    if (text.range != NULL) {
        read_range(self, node, text.range, panel);
    }
    if (text.series != NULL) {
        read_all_series(self, text.series, panel);
    }
    if (text.lines != NULL && panel->kind == TW_PANEL_TABLE) {
        tw_parse_fault(&self->parse, text.lines, "panels.lines: not with kind table");
    } else if (text.lines != NULL) {
        read_lines(self, text.lines, panel);
    }
    tw_cfg_free_fields(&tw_panel_section, &text);
    panel->fault = tw_panel_faults_since(self, before);
    dashboard->panel_count++;
}

static void read_panels(struct tw_panel_load *self, yaml_node_t *list,
                        struct tw_dashboard *dashboard)
{
    if (!check_list(self, list, "dashboard.panels", TW_PANELS_MAX)) {
        return;
    }
    dashboard->panels = calloc(list_count(list), sizeof(*dashboard->panels));
    if (dashboard->panels == NULL) {
        self->parse.is_out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < list_count(list); i++) {
        yaml_node_t *item = list_item(self, list, i);
        if (!tw_parse_visit(&self->parse, item)) {
            return;
        }
        read_panel(self, item, dashboard);
    }
}

/* ---- the file ---- */

/* "order-flow" of "/etc/tillwatch/order-flow.yaml": for a file that does not say. */
static char *name_of_file(struct tw_panel_load *self)
{
    char name[64];
    const char *slash = strrchr(self->parse.file, '/');
    const char *from = slash == NULL ? self->parse.file : slash + 1;
    (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(from, "."), from);
    return copy(self, name);
}

/* The one of this name; a file that comes later does not take its place. */
static const struct tw_dashboard *find_earlier(const struct tw_panel_load *self, const char *name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->items[i].name, name) == 0) {
            return &self->items[i];
        }
    }
    return NULL;
}

void tw_panel_define(struct tw_panel_load *self, yaml_node_t *root, size_t before)
{
    struct tw_dashboard made = {.is_builtin = self->is_builtin};
    struct tw_dashboard_text text = {0};
    if (root != NULL && !tw_tree_is_null(root)) {
        tw_parse_map(&self->parse, &tw_dashboard_section, root, &text);
    } else if (tw_panel_fault_count(self) == before) {
        tw_faults_add(&self->parse.faults, self->parse.file, 0, "there is nothing in it");
    }
    made.file = copy(self, self->parse.file);
    made.name = text.name != NULL ? text.name : name_of_file(self);
    text.name = NULL;
    const struct tw_dashboard *earlier = made.name == NULL ? NULL : find_earlier(self, made.name);
    if (earlier != NULL && !self->is_builtin) {
        tw_faults_add(&self->parse.faults, self->parse.file, 0,
                      "dashboard.name: \"%s\" is there already (%s)", made.name, earlier->file);
    }
    struct tw_dashboard *grown =
        earlier != NULL || self->count == TW_DASHBOARDS_MAX
            ? NULL
            : realloc(self->items, (self->count + 1) * sizeof(*self->items));
    if (earlier == NULL && self->count == TW_DASHBOARDS_MAX) {
        tw_faults_add(&self->parse.faults, self->parse.file, 0, "more than %d dashboards",
                      TW_DASHBOARDS_MAX);
    } else if (grown == NULL && earlier == NULL) {
        self->parse.is_out_of_memory = true;
    }
    if (grown != NULL && made.name != NULL && made.file != NULL) {
        made.title = text.title != NULL ? text.title : copy(self, made.name);
        made.about = text.about;
        text.title = NULL;
        text.about = NULL;
        made.fault = tw_panel_faults_since(self, before);
        if (text.panels != NULL) {
            read_panels(self, text.panels, &made);
        }
        self->items = grown;
        self->items[self->count++] = made;
        made = (struct tw_dashboard){0};
    } else if (grown != NULL) {
        self->items = grown;
    }
    tw_cfg_free_fields(&tw_dashboard_section, &text);
    tw_dashboard_fini(&made);
}
