/* SPDX-License-Identifier: Apache-2.0
 * GET /dashboards: which panels there are; GET /series?panel=: the numbers of one, and where they
 * are in its picture.
 */
#include "config.h"
#include "web/api.h"

#include "web/plot/palette.h"

#define RANGE_MIN_S    60
#define RANGE_MAX_S    (INT64_C(400) * 86400) /* series are kept so long */
#define STORE_NAME_MAX 256
#define PIXELS_A_POINT 2
#define PIXELS_A_BAR   9

static json_t *text_or_null(const char *text)
{
    return text == NULL ? json_null() : tw_out_text(tw_str_of(text));
}

static json_t *params_json(uint32_t set)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < TW_PARAM_COUNT; i++) {
        if ((set & (1u << i)) != 0) {
            tw_out_add(list, json_string(tw_panel_param_name((enum tw_panel_param)i)));
        }
    }
    return list;
}

static json_t *panel_json(const struct tw_panel *panel)
{
    json_t *json = json_object();
    tw_out_set(json, "panel", text_or_null(panel->id));
    tw_out_set(json, "name", text_or_null(panel->name));
    tw_out_set(json, "title", text_or_null(panel->title));
    tw_out_set(json, "kind", json_string(tw_panel_kind_name(panel->kind)));
    tw_out_set(json, "unit", json_string(tw_panel_unit_name(panel->unit)));
    tw_out_set(json, "bare", json_boolean(panel->is_bare));
    tw_out_set(json, "range", json_integer(panel->range_s));
    tw_out_set(json, "parameters", params_json(panel->params));
    tw_out_set(json, "optional", params_json(panel->may_params));
    tw_out_set(json, "fault", text_or_null(panel->fault));
    return json;
}

static size_t faulty_count(const struct tw_dashboard *dashboard)
{
    size_t count = dashboard->fault != NULL ? 1 : 0;
    for (size_t i = 0; i < dashboard->panel_count; i++) {
        count += dashboard->panels[i].fault != NULL ? 1 : 0;
    }
    return count;
}

static json_t *dashboard_json(const struct tw_dashboard *dashboard)
{
    json_t *json = json_object();
    tw_out_set(json, "dashboard", text_or_null(dashboard->name));
    tw_out_set(json, "title", text_or_null(dashboard->title));
    tw_out_set(json, "about", text_or_null(dashboard->about));
    tw_out_set(json, "file", text_or_null(dashboard->file));
    tw_out_set(json, "built_in", json_boolean(dashboard->is_builtin));
    tw_out_set(json, "kept", json_boolean(dashboard->is_kept));
    tw_out_set(json, "faults", json_integer((json_int_t)faulty_count(dashboard)));
    return json;
}

/* Those that need nothing, or may be asked for without: a page of their own makes sense. */
static bool is_page(const struct tw_dashboard *dashboard)
{
    bool has_plain = dashboard->panel_count == 0;
    for (size_t i = 0; i < dashboard->panel_count; i++) {
        const struct tw_panel *panel = &dashboard->panels[i];
        has_plain = has_plain || (panel->params == 0 && !panel->is_bare);
    }
    return has_plain;
}

int tw_api_dashboards(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    json_t *items = json_array();
    for (size_t i = 0; i < call->dashboards->count; i++) {
        const struct tw_dashboard *dashboard = &call->dashboards->items[i];
        json_t *json = dashboard_json(dashboard);
        tw_out_set(json, "panels", json_integer((json_int_t)dashboard->panel_count));
        tw_out_set(json, "page", json_boolean(is_page(dashboard)));
        tw_out_add(items, json);
    }
    return tw_response_json(
        &call->response, 200,
        tw_call_list(call, items, TW_STR_NULL, (int64_t)call->dashboards->count));
}

int tw_api_dashboard(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    const struct tw_dashboard *dashboard =
        tw_dashboards_find(call->dashboards, call->request->rest);
    if (dashboard == NULL) {
        return tw_call_problem(call, TW_WEB_PROBLEM_NOT_FOUND, "there is no dashboard '%.80s'",
                               call->request->rest.ptr);
    }
    json_t *json = dashboard_json(dashboard);
    json_t *panels = json_array();
    for (size_t i = 0; i < dashboard->panel_count; i++) {
        tw_out_add(panels, panel_json(&dashboard->panels[i]));
    }
    tw_out_set(json, "page", json_boolean(is_page(dashboard)));
    tw_out_set(json, "fault", text_or_null(dashboard->fault));
    tw_out_set(json, "panels", panels);
    return tw_response_json(&call->response, 200, json);
}

/* ---- what is asked for ---- */

static int no_such(struct tw_call *call, const char *what, struct tw_str name)
{
    return tw_diag_set(&call->diag, TW_EINVAL, "there is no %s '%.*s'", what,
                       (int)(name.len > 80 ? 80 : name.len), name.ptr);
}

/* A name that nobody has would show a line of zeros. */
static int check_names(struct tw_call *call, const struct tw_str *params)
{
    struct tw_str name = params[TW_PARAM_WORKFLOW];
    struct tw_str step = params[TW_PARAM_STEP];
    struct tw_str system = params[TW_PARAM_SYSTEM];
    const struct tw_workflow *workflow = NULL;
    const struct tw_cfg *cfg = call->web->cfg;
    if (name.ptr != NULL) {
        workflow = tw_workflows_find(call->workflows, name.ptr);
        if (workflow == NULL) {
            return no_such(call, "workflow", name);
        }
    }
    size_t i = 0;
    while (workflow != NULL && step.ptr != NULL && i < workflow->step_count &&
           !tw_str_is(step, workflow->steps[i].name)) {
        i++;
    }
    if (workflow != NULL && step.ptr != NULL && i == workflow->step_count) {
        return no_such(call, "step", step);
    }
    name = params[TW_PARAM_OBJECTIVE];
    if (name.ptr != NULL && tw_api_find_objective(call->workflows, name, &workflow) == NULL) {
        return no_such(call, "objective", name);
    }
    i = 0;
    while (system.ptr != NULL && i < cfg->system_count &&
           !tw_str_is(system, cfg->systems[i].name)) {
        i++;
    }
    if (system.ptr != NULL && i == cfg->system_count) {
        return no_such(call, "system", system);
    }
    return params[TW_PARAM_STORE].len <= STORE_NAME_MAX
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'store' is longer than %d bytes",
                             STORE_NAME_MAX);
}

static int read_params(struct tw_call *call, const struct tw_panel *panel, struct tw_str *params)
{
    for (unsigned i = 0; i < TW_PARAM_COUNT; i++) {
        const char *name = tw_panel_param_name((enum tw_panel_param)i);
        struct tw_str value = tw_http_param(call->request, name);
        bool is_taken = ((panel->params | panel->may_params) & (1u << i)) != 0;
        params[i] = value.len > 0 ? value : TW_STR_NULL;
        if (value.ptr != NULL && !is_taken) {
            return tw_diag_set(&call->diag, TW_EINVAL, "%s has no parameter '%s'", panel->id, name);
        }
    }
    return check_names(call, params);
}

static int read_size(struct tw_call *call, const char *name, unsigned least, unsigned most,
                     unsigned *size)
{
    struct tw_str text = tw_http_param(call->request, name);
    uint64_t number = 0;
    if (text.ptr == NULL) {
        return TW_OK;
    }
    if (tw_parse_number(text, &number) != TW_OK || number < least || number > most) {
        return tw_diag_set(&call->diag, TW_EINVAL, "'%s' is a number of pixels from %u to %u", name,
                           least, most);
    }
    *size = (unsigned)number;
    return TW_OK;
}

static int read_look(struct tw_call *call, struct tw_plot_look *look)
{
    struct tw_str theme = tw_http_param(call->request, "theme");
    look->width = TW_PLOT_WIDTH;
    look->height = TW_PLOT_HEIGHT;
    int rc = read_size(call, "width", TW_PLOT_WIDTH_MIN, TW_PLOT_WIDTH_MAX, &look->width);
    rc = rc == TW_OK
             ? read_size(call, "height", TW_PLOT_HEIGHT_MIN, TW_PLOT_HEIGHT_MAX, &look->height)
             : rc;
    if (rc == TW_OK && theme.ptr != NULL && !tw_str_is(theme, "light") &&
        !tw_str_is(theme, "dark")) {
        rc = tw_diag_set(&call->diag, TW_EINVAL, "'theme' is light or dark");
    }
    look->is_dark = tw_str_is(theme, "dark");
    return rc;
}

static int read_range(struct tw_call *call, struct tw_plot_ask *ask)
{
    struct tw_page page;
    int rc = tw_call_page(call, &page);
    if (rc != TW_OK) {
        return rc;
    }
    ask->now_s = call->now.ns / TW_NS_PER_S;
    ask->until_s = page.until.ns == INT64_MAX ? ask->now_s : page.until.ns / TW_NS_PER_S;
    ask->since_s = page.since.ns == INT64_MIN ? ask->until_s - ask->panel->range_s
                                              : page.since.ns / TW_NS_PER_S;
    int64_t range_s = ask->until_s - ask->since_s;
    return range_s >= RANGE_MIN_S && range_s <= RANGE_MAX_S
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL,
                             "from 'since' to 'until' it is a minute to 400 days");
}

/* About a pixel, 10 s to 5 min: viewers who ask within it get the same picture. */
static void round_range(struct tw_api_plot *self)
{
    struct tw_plot_ask *ask = &self->ask;
    int64_t quantum_s = (ask->until_s - ask->since_s) / 1440 / 10 * 10;
    quantum_s = quantum_s < 10 ? 10 : quantum_s > 300 ? 300 : quantum_s;
    int64_t range_s = (ask->until_s - ask->since_s) / quantum_s * quantum_s;
    ask->until_s -= (ask->until_s % quantum_s + quantum_s) % quantum_s;
    ask->since_s = ask->until_s - range_s;
    self->quantum_s = quantum_s;
}

/* The panel of a rule has the labels of the rule's `by` as parameters. TW_ENOTFOUND: it is of
 * another kind. */
static int init_rule(struct tw_call *call, struct tw_str id, struct tw_api_plot *self)
{
    const char *names[8 + TW_RULE_BY_MAX] = {"panel",  "since", "until", "width",
                                             "height", "tz",    "theme", NULL};
    static const struct tw_str prefix = TW_STR_LIT(TW_RULE_PANEL_PREFIX);
    if (call->rules == NULL || !tw_str_starts(id, prefix)) {
        return TW_ENOTFOUND;
    }
    struct tw_str name = {id.ptr + prefix.len, id.len - prefix.len};
    const struct tw_rule *rule = tw_rules_find(call->rules, name);
    if (rule == NULL) {
        return TW_ENOTFOUND;
    }
    self->rule = rule;
    self->ask.panel = &self->rule_panel.panel;
    self->by.items = self->by_items;
    for (size_t i = 0; i < rule->by_count; i++) {
        struct tw_str value = tw_http_param(call->request, rule->by[i]);
        names[7 + i] = rule->by[i];
        names[8 + i] = NULL;
        if (value.len > 0) {
            self->by_items[self->by.count++] = (struct tw_label){tw_str_of(rule->by[i]), value};
        }
    }
    const struct tw_rule_scene scene = {.rule = rule,
                                        .workflows = call->workflows,
                                        .labels = &self->by,
                                        .at_s = call->now.ns / TW_NS_PER_S};
    tw_rule_panel_init(&self->rule_panel, &scene);
    return tw_call_allow(call, names);
}

static int init_panel(struct tw_call *call, struct tw_str id, struct tw_api_plot *self)
{
    static const char *const names[] = {"panel",  "since", "until", "width",    "height",
                                        "tz",     "theme", "step",  "workflow", "objective",
                                        "system", "store", NULL};
    int rc = tw_call_allow(call, names);
    if (rc != TW_OK) {
        return rc;
    }
    self->ask.panel = tw_dashboards_panel(call->dashboards, id);
    if (self->ask.panel == NULL) {
        return tw_diag_set(&call->diag, TW_ENOTFOUND, "there is no panel '%.*s'",
                           (int)(id.len > 80 ? 80 : id.len), id.ptr == NULL ? "" : id.ptr);
    }
    if (self->ask.panel->fault != NULL) {
        return tw_diag_set(&call->diag, TW_ECONFIG, "%s", self->ask.panel->fault);
    }
    return read_params(call, self->ask.panel, self->ask.params);
}

int tw_api_plot_query(struct tw_call *call, const struct tw_api_plot *self,
                      struct tw_plot_data *ret_data)
{
    if (self->rule == NULL) {
        return tw_panel_query(call->reader, call->arena, &self->ask, ret_data, &call->diag);
    }
    const struct tw_past_ask ask = {
        .rules = call->rules,
        .rule = self->rule,
        .workflows = call->workflows,
        .since_s = self->ask.since_s,
        .until_s = self->ask.until_s,
    };
    return tw_rule_query(call->reader, call->arena, &ask, self->by.count == 0 ? NULL : &self->by,
                         ret_data, &call->diag);
}

int tw_api_plot_init(struct tw_call *call, struct tw_str id, struct tw_api_plot *self)
{
    *self = (struct tw_api_plot){.zone = {.name = "UTC"}};
    int rc = init_rule(call, id, self);
    rc = rc == TW_ENOTFOUND ? init_panel(call, id, self) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    rc = read_range(call, &self->ask);
    if (rc == TW_OK) {
        round_range(self);
    }
    rc = rc == TW_OK ? read_look(call, &self->look) : rc;
    rc = rc == TW_OK
             ? tw_plot_zone_init(&self->zone, tw_http_param(call->request, "tz"), &call->diag)
             : rc;
    self->look.zone = &self->zone;
    unsigned pixels = self->ask.panel->kind == TW_PANEL_BARS ? PIXELS_A_BAR : PIXELS_A_POINT;
    self->ask.points =
        self->ask.panel->kind == TW_PANEL_TABLE ? TW_PANEL_ROW_POINTS : self->look.width / pixels;
    return rc;
}

void tw_api_plot_fini(struct tw_api_plot *self)
{
    tw_plot_zone_fini(&self->zone);
}

/* ---- the numbers ---- */

static json_t *line_json(const struct tw_plot_data *data, size_t index)
{
    const struct tw_plot_line *line = &data->lines[index];
    json_t *json = json_object();
    json_t *labels = json_object();
    json_t *values = json_array();
    json_t *colors = json_object();
    tw_out_set(labels, "legend", tw_out_text(line->name));
    for (size_t p = 0; p < data->count; p++) {
        tw_out_add(values, line->known[p] ? json_real(line->values[p]) : json_null());
    }
    tw_out_set(colors, "light", json_string(tw_plot_ink(data, index, false).color));
    tw_out_set(colors, "dark", json_string(tw_plot_ink(data, index, true).color));
    tw_out_set(json, "labels", labels);
    tw_out_set(json, "title", tw_out_text(line->name));
    tw_out_set(json, "tone", json_string(tw_panel_tone_name(line->tone)));
    tw_out_set(json, "color", colors);
    tw_out_set(json, "v", values);
    return json;
}

static json_t *thresholds_json(const struct tw_panel *panel)
{
    json_t *list = json_array();
    for (size_t i = 0; i < panel->line_count; i++) {
        json_t *json = json_object();
        tw_out_set(json, "value", json_real(panel->lines[i].value));
        tw_out_set(json, "title", text_or_null(panel->lines[i].title));
        tw_out_set(json, "tone", json_string(tw_panel_tone_name(panel->lines[i].tone)));
        tw_out_add(list, json);
    }
    return list;
}

static json_t *layout_json(const struct tw_plot_layout *layout)
{
    json_t *plot = json_object();
    tw_out_set(plot, "left", json_real(layout->left));
    tw_out_set(plot, "right", json_real(layout->right));
    tw_out_set(plot, "top", json_real(layout->top));
    tw_out_set(plot, "bottom", json_real(layout->bottom));
    tw_out_set(plot, "y_min", json_real(layout->y_min));
    tw_out_set(plot, "y_max", json_real(layout->y_max));
    return plot;
}

/* ---- tables: columns are the entries of the panel, rows what they have in common ---- */

static json_t *where_json(const struct tw_plot_ask *ask, const struct tw_panel_series *series)
{
    json_t *json = json_object();
    for (size_t i = 0; i < series->where_count; i++) {
        const struct tw_panel_where *where = &series->where[i];
        struct tw_str value =
            where->value != NULL ? tw_str_of(where->value) : ask->params[where->param];
        if (value.ptr != NULL) {
            tw_out_set(json, where->label, tw_out_text(value));
        }
    }
    return json;
}

static json_t *columns_json(const struct tw_plot_ask *ask)
{
    const struct tw_panel *panel = ask->panel;
    json_t *list = json_array();
    for (size_t i = 0; i < panel->series_count; i++) {
        const struct tw_panel_series *series = &panel->series[i];
        json_t *json = json_object();
        const char *title = series->legend != NULL ? series->legend : series->metric->name;
        tw_out_set(json, "title", text_or_null(title));
        tw_out_set(json, "by", text_or_null(series->by));
        tw_out_set(json, "where", where_json(ask, series));
        tw_out_set(json, "tone", json_string(tw_panel_tone_name(series->tone)));
        tw_out_add(list, json);
    }
    return list;
}

/* The lines from `first` on that have its name; what no line has is null. */
static json_t *row_json(const struct tw_panel *panel, const struct tw_plot_data *data, size_t first,
                        size_t *ret_next)
{
    json_t *json = json_object();
    json_t *values = json_array();
    json_t *times = json_array();
    size_t i = first;
    tw_out_set(json, "title", tw_out_text(data->lines[first].name));
    for (size_t column = 0; column < panel->series_count; column++) {
        const struct tw_plot_line *line = i < data->line_count ? &data->lines[i] : NULL;
        bool is_it = line != NULL && line->column == column &&
                     tw_str_equal(line->name, data->lines[first].name);
        bool is_known = is_it && line->at_s >= 0;
        tw_out_add(values, is_known ? json_real(line->newest) : json_null());
        tw_out_add(times,
                   is_known ? tw_out_time((tw_wall_t){line->at_s * TW_NS_PER_S}) : json_null());
        i += is_it ? 1 : 0;
    }
    tw_out_set(json, "v", values);
    tw_out_set(json, "at", times);
    *ret_next = i;
    return json;
}

static int answer_table(struct tw_call *call, const struct tw_api_plot *plot,
                        const struct tw_plot_data *data)
{
    json_t *json = panel_json(plot->ask.panel);
    json_t *rows = json_array();
    for (size_t i = 0; i < data->line_count;) {
        tw_out_add(rows, row_json(plot->ask.panel, data, i, &i));
    }
    tw_out_set(json, "since", tw_out_time((tw_wall_t){data->since_s * TW_NS_PER_S}));
    tw_out_set(json, "until", tw_out_time((tw_wall_t){data->until_s * TW_NS_PER_S}));
    tw_out_set(json, "step", json_integer(data->step_s));
    tw_out_set(json, "partial", json_boolean(data->is_cut || data->left_out > 0));
    tw_out_set(json, "left_out", json_integer((json_int_t)data->left_out));
    tw_out_set(json, "columns", columns_json(&plot->ask));
    tw_out_set(json, "rows", rows);
    return tw_response_json(&call->response, 200, json);
}

static int answer(struct tw_call *call, const struct tw_api_plot *plot,
                  const struct tw_plot_data *data)
{
    struct tw_plot_layout layout;
    if (plot->ask.panel->kind == TW_PANEL_TABLE) {
        return answer_table(call, plot, data);
    }
    json_t *json = panel_json(plot->ask.panel);
    json_t *times = json_array();
    json_t *series = json_array();
    tw_plot_layout(plot->ask.panel, data, &plot->look, &layout);
    for (size_t i = 0; i < data->count; i++) {
        int64_t at_s = data->first_s + (int64_t)i * data->step_s;
        tw_out_add(times, tw_out_time((tw_wall_t){at_s * TW_NS_PER_S}));
    }
    for (size_t i = 0; i < data->line_count; i++) {
        tw_out_add(series, line_json(data, i));
    }
    tw_out_set(json, "since", tw_out_time((tw_wall_t){data->since_s * TW_NS_PER_S}));
    tw_out_set(json, "until", tw_out_time((tw_wall_t){data->until_s * TW_NS_PER_S}));
    tw_out_set(json, "step", json_integer(data->step_s));
    tw_out_set(json, "offset", json_real((double)data->step_s / 2));
    tw_out_set(json, "partial", json_boolean(data->is_cut || data->left_out > 0));
    tw_out_set(json, "left_out", json_integer((json_int_t)data->left_out));
    tw_out_set(json, "lines", thresholds_json(plot->ask.panel));
    tw_out_set(json, "plot", layout_json(&layout));
    tw_out_set(json, "t", times);
    tw_out_set(json, "series", series);
    return tw_response_json(&call->response, 200, json);
}

int tw_api_panel_series(struct tw_call *call)
{
    struct tw_api_plot plot;
    struct tw_plot_data data;
    int rc = tw_api_plot_init(call, tw_http_param(call->request, "panel"), &plot);
    rc = rc == TW_OK ? tw_api_plot_query(call, &plot, &data) : rc;
    rc = rc == TW_OK ? answer(call, &plot, &data) : rc;
    tw_api_plot_fini(&plot);
    return rc;
}
