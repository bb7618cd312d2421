/* SPDX-License-Identifier: Apache-2.0
 * tillwatch plot: a panel, or what an alert rule judged, in a terminal or as a PNG (which mails
 * have inside). Reads the store itself; the service need not run.
 */
#include "config.h"
#include "cli.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "panel/query.h"
#include "panel/rule.h"
#include "plot/child.h"
#include "plot/script.h"
#include "store/reader.h"

#define ARENA_BYTES     (256u * 1024u * 1024u)
#define STORE_PATIENCE  30000 /* ms */
#define PLOT_PATIENCE   20000 /* ms */
#define COLUMNS         100
#define ROWS            24
#define NAME_COLUMNS    32 /* of a table */
#define VALUE_COLUMNS   14
#define RANGE_MIN_S     60
#define RANGE_MAX_S     (INT64_C(400) * 86400)
#define PNG_WIDTH       900 /* pixels */
#define PNG_HEIGHT      320
#define FIRST_PARAMETER 5 /* options of parameters, in the order of enum tw_panel_param */

/* Options: config, since, until, tz, width, then the parameters, then these. */
enum { LIST = FIRST_PARAMETER + TW_PARAM_COUNT, PNG, LABELS };

struct plot {
    const struct tw_cli_command *command;
    const struct tw_cli_args *args;
    struct tw_cfg *cfg;
    const struct tw_dashboards *dashboards;
    struct tw_plot_zone zone;
    struct tw_plot_look look;
    struct tw_plot_ask ask;
    /* of an alert rule */
    const struct tw_workflows *workflows;
    const struct tw_rules *rules;
    const struct tw_rule *rule; /* NULL: a panel */
    struct tw_rule_panel rule_panel;
    struct tw_labels labels;
    struct tw_reader *reader;
    struct tw_arena arena;
    struct tw_buf script;
    struct tw_buf out;
};

static int find_rule(struct plot *self, const char *name)
{
    const char *labels = self->args->values[LABELS];
    if (tw_workflows_load(self->cfg, stderr, &self->workflows) != TW_OK ||
        tw_rules_load(self->cfg, self->workflows, stderr, &self->rules) != TW_OK) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "the rules cannot be read");
    }
    self->rule = tw_rules_find(self->rules, tw_str_of(name));
    if (self->rule == NULL) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "there is no alert rule \"%.80s\"", name);
    }
    if (labels != NULL &&
        tw_labels_parse(&self->arena, tw_str_of(labels), &self->labels) != TW_OK) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "--labels is a JSON object of texts");
    }
    struct tw_clock *clock = tw_clock_system();
    const struct tw_rule_scene scene = {.rule = self->rule,
                                        .workflows = self->workflows,
                                        .labels = &self->labels,
                                        .at_s = clock->wall(clock).ns / TW_NS_PER_S};
    tw_rule_panel_init(&self->rule_panel, &scene);
    self->ask.panel = &self->rule_panel.panel;
    return TW_EXIT_OK;
}

static int find_panel(struct plot *self)
{
    const char *id = self->args->rest[0];
    size_t prefix = strlen(TW_RULE_PANEL_PREFIX);
    if (strncmp(id, TW_RULE_PANEL_PREFIX, prefix) == 0) {
        return find_rule(self, id + prefix);
    }
    self->ask.panel = tw_dashboards_panel(self->dashboards, tw_str_of(id));
    if (self->ask.panel == NULL) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED,
                           "there is no panel \"%.80s\"; tillwatch plot --list names them", id);
    }
    if (self->ask.panel->fault != NULL) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s", self->ask.panel->fault);
    }
    for (unsigned i = 0; i < TW_PARAM_COUNT; i++) {
        const char *value = self->args->values[FIRST_PARAMETER + i];
        bool is_taken = ((self->ask.panel->params | self->ask.panel->may_params) & (1u << i)) != 0;
        if (value != NULL && !is_taken) {
            return tw_cli_fail(self->command, TW_EXIT_USAGE, "%s has no parameter --%s", id,
                               tw_panel_param_name((enum tw_panel_param)i));
        }
        self->ask.params[i] = tw_str_of(value);
    }
    return TW_EXIT_OK;
}

static int read_times(struct plot *self)
{
    struct tw_clock *clock = tw_clock_system();
    tw_wall_t now = clock->wall(clock);
    tw_wall_t since = {now.ns - self->ask.panel->range_s * TW_NS_PER_S};
    tw_wall_t until = now;
    struct tw_diag diag = {""};
    const char *const *values = self->args->values;
    char text[32] = "-";
    if (values[1] != NULL && values[1][0] >= '1' && strchr(values[1], 'T') == NULL) {
        (void)snprintf(text + 1, sizeof text - 1, "%.20s", values[1]); /* 24h is -24h */
    } else if (values[1] != NULL) {
        (void)snprintf(text, sizeof text, "%.31s", values[1]);
    }
    if ((values[1] != NULL && tw_cli_time(text, now, &since) != TW_OK) ||
        (values[2] != NULL && tw_cli_time(values[2], now, &until) != TW_OK)) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE,
                           "--since and --until are times, such as 2026-11-21T18:00:00Z or -24h");
    }
    self->ask.now_s = now.ns / TW_NS_PER_S;
    self->ask.until_s = until.ns / TW_NS_PER_S;
    self->ask.since_s = since.ns / TW_NS_PER_S;
    int64_t range_s = self->ask.until_s - self->ask.since_s;
    if (range_s < RANGE_MIN_S || range_s > RANGE_MAX_S) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE,
                           "from --since to --until it is a minute to 400 days");
    }
    if (tw_plot_zone_init(&self->zone, tw_str_of(values[3]), &diag) != TW_OK) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "%s", diag.text);
    }
    return TW_EXIT_OK;
}

static int read_size(struct plot *self)
{
    struct winsize size = {.ws_row = ROWS, .ws_col = COLUMNS};
    uint64_t width = 0;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) {
        size = (struct winsize){.ws_row = ROWS, .ws_col = COLUMNS};
    }
    width = size.ws_col;
    if (self->args->values[4] != NULL && tw_cli_number(self->args->values[4], &width) != TW_OK) {
        width = 0;
    }
    if (width < TW_PLOT_WIDTH_MIN || width > 400) {
        return tw_cli_fail(self->command, TW_EXIT_USAGE, "--width is 40 to 400 columns");
    }
    self->look = (struct tw_plot_look){.width = (unsigned)width,
                                       .height = size.ws_row < 16   ? 16
                                                 : size.ws_row > 40 ? 40
                                                                    : size.ws_row - 2u,
                                       .zone = &self->zone};
    if (self->args->values[PNG] != NULL) {
        self->look.width = PNG_WIDTH;
        self->look.height = PNG_HEIGHT;
        self->look.has_title = true;
    }
    self->ask.points =
        self->ask.panel->kind == TW_PANEL_TABLE ? TW_PANEL_ROW_POINTS : self->look.width;
    return TW_EXIT_OK;
}

static int read_numbers(struct plot *self, struct tw_plot_data *ret_data, struct tw_diag *diag)
{
    struct tw_clock *clock = tw_clock_system();
    int rc = tw_reader_open(self->cfg->store.dir, &self->reader, diag);
    if (rc == TW_OK) {
        tw_mono_t deadline = {clock->mono(clock).ns + STORE_PATIENCE * TW_NS_PER_MS};
        tw_reader_set_deadline(self->reader, deadline);
        const struct tw_labels *labels = self->labels.count > 0 ? &self->labels : NULL;
        const struct tw_past_ask ask = {.rules = self->rules,
                                        .rule = self->rule,
                                        .workflows = self->workflows,
                                        .since_s = self->ask.since_s,
                                        .until_s = self->ask.until_s};
        rc = self->rule != NULL
                 ? tw_rule_query(self->reader, &self->arena, &ask, labels, ret_data, diag)
                 : tw_panel_query(self->reader, &self->arena, &self->ask, ret_data, diag);
    }
    return rc;
}

static void print_heads(const struct tw_panel *panel)
{
    (void)printf("%-*s", NAME_COLUMNS, "");
    for (size_t i = 0; i < panel->series_count; i++) {
        const struct tw_panel_series *series = &panel->series[i];
        struct tw_plot_label label;
        tw_plot_label(tw_str_of(series->legend != NULL ? series->legend : series->metric->name),
                      VALUE_COLUMNS - 1, &label);
        (void)printf("%*s%s", VALUE_COLUMNS - (int)label.chars, "", label.text);
    }
    (void)printf("\n");
}

/* The row that begins with this line; the line behind it. */
static size_t print_row(const struct tw_panel *panel, const struct tw_plot_data *data, size_t first)
{
    struct tw_plot_label label;
    size_t i = first;
    tw_plot_label(data->lines[first].name, NAME_COLUMNS - 1, &label);
    (void)printf("%s%*s", label.text, NAME_COLUMNS - (int)label.chars, "");
    for (size_t column = 0; column < panel->series_count; column++) {
        const struct tw_plot_line *line = i < data->line_count ? &data->lines[i] : NULL;
        bool is_it = line != NULL && line->column == column &&
                     tw_str_equal(line->name, data->lines[first].name);
        char text[TW_PLOT_VALUE_SIZE] = "-";
        if (is_it && line->at_s >= 0) {
            (void)tw_plot_value_text(panel->unit, line->newest, text);
        }
        (void)printf("%*s", VALUE_COLUMNS, text);
        i += is_it ? 1 : 0;
    }
    (void)printf("\n");
    return i;
}

/* A table needs no gnuplot. */
static int print_table(struct plot *self)
{
    struct tw_plot_data data;
    struct tw_diag diag = {""};
    const struct tw_panel *panel = self->ask.panel;
    int rc = read_numbers(self, &data, &diag);
    if (rc != TW_OK) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s",
                           diag.text[0] != '\0' ? diag.text : tw_err_text(rc));
    }
    (void)printf("%s, %s\n", panel->title, tw_plot_unit_text(panel->unit));
    print_heads(panel);
    for (size_t i = 0; i < data.line_count;) {
        i = print_row(panel, &data, i);
    }
    if (data.line_count == 0) {
        (void)printf("nothing is known of this time\n");
    }
    if (data.left_out > 0) {
        (void)printf("%zu more\n", data.left_out);
    }
    return tw_cli_finish(self->command, TW_EXIT_OK);
}

/* What gnuplot drew in letters, with what its title and legend would say. */
static int print_drawing(struct plot *self, const struct tw_plot_data *data)
{
    static const char glyphs[] = "*#$%@&="; /* of gnuplot's dumb terminal, line by line */
    (void)printf("%s, %s, %s\n", self->ask.panel->title, tw_plot_unit_text(self->ask.panel->unit),
                 self->zone.name);
    for (size_t i = 0; i < data->line_count; i++) {
        struct tw_plot_label label;
        tw_plot_label(data->lines[i].name, TW_LABEL_CHARS, &label);
        (void)printf("%s%c %s", i == 0 ? "" : "   ", glyphs[i % (sizeof glyphs - 1)], label.text);
    }
    (void)printf("\n");
    size_t skip = self->out.len > 0 && self->out.data[0] == '\f' ? 1 : 0; /* a new page */
    (void)fwrite(self->out.data + skip, 1, self->out.len - skip, stdout); /* as above */
    return tw_cli_finish(self->command, TW_EXIT_OK);
}

static int draw(struct plot *self)
{
    struct tw_plot_data data;
    struct tw_diag diag = {""};
    struct tw_plot_child child;
    const char *program = tw_plot_program(self->cfg->web.gnuplot);
    if (program == NULL) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED,
                           "gnuplot is not installed (Debian: apt-get install gnuplot-nox)");
    }
    int rc = read_numbers(self, &data, &diag);
    enum tw_plot_format format = self->args->values[PNG] != NULL ? TW_PLOT_PNG
                                 : isatty(STDOUT_FILENO)         ? TW_PLOT_TEXT_COLOR
                                                                 : TW_PLOT_TEXT;
    rc = rc == TW_OK ? tw_plot_script(self->ask.panel, &data, &self->look, format, "end-of-plot",
                                      &self->script)
                     : rc;
    tw_plot_child_init(&child, program);
    const struct tw_plot_job job = {.script = {self->script.data, self->script.len},
                                    .mark = "end-of-plot",
                                    .deadline_ms = PLOT_PATIENCE,
                                    .stop_fd = -1};
    rc = rc == TW_OK ? tw_plot_child_draw(&child, &job, &self->out, &diag) : rc;
    tw_plot_child_fini(&child);
    if (rc != TW_OK) {
        return tw_cli_fail(self->command, TW_EXIT_FAILED, "%s",
                           diag.text[0] != '\0' ? diag.text : tw_err_text(rc));
    }
    if (format == TW_PLOT_PNG) {
        (void)fwrite(self->out.data, 1, self->out.len, stdout); /* told at the end */
        return tw_cli_finish(self->command, TW_EXIT_OK);
    }
    return print_drawing(self, &data);
}

static int list_panels(const struct plot *self)
{
    for (size_t i = 0; i < self->dashboards->count; i++) {
        const struct tw_dashboard *dashboard = &self->dashboards->items[i];
        for (size_t k = 0; k < dashboard->panel_count; k++) {
            (void)printf("%-40s %s\n", dashboard->panels[k].id, dashboard->panels[k].title);
        }
    }
    return tw_cli_finish(self->command, TW_EXIT_OK);
}

int tw_cmd_plot(const struct tw_cli_command *command, int argc, char **argv)
{
    struct tw_cli_args args;
    struct plot self = {.command = command, .args = &args};
    int code = tw_cli_parse(command, argc, argv, &args);
    if (code != TW_EXIT_OK || args.wants_help) {
        return code;
    }
    bool is_list = args.values[LIST] != NULL;
    if (!is_list && args.rest_count == 0) {
        return tw_cli_fail(command, TW_EXIT_USAGE, "which panel? --list names them");
    }
    self.cfg = tw_cli_config(command, args.values[0]);
    if (self.cfg == NULL) {
        return TW_EXIT_FAILED;
    }
    tw_arena_init(&self.arena, ARENA_BYTES);
    tw_buf_init(&self.script, TW_PLOT_SCRIPT_MAX);
    tw_buf_init(&self.out, TW_PLOT_IMAGE_MAX);
    if (tw_dashboards_load(self.cfg, NULL, &self.dashboards) != TW_OK) {
        code = tw_cli_fail(command, TW_EXIT_FAILED, "out of memory");
    } else if (is_list) {
        code = list_panels(&self);
    } else {
        code = find_panel(&self);
        code = code == TW_EXIT_OK ? read_times(&self) : code;
        code = code == TW_EXIT_OK ? read_size(&self) : code;
        if (code == TW_EXIT_OK) {
            code = self.ask.panel->kind == TW_PANEL_TABLE ? print_table(&self) : draw(&self);
        }
    }
    tw_reader_close(&self.reader);
    tw_buf_fini(&self.out);
    tw_buf_fini(&self.script);
    tw_arena_fini(&self.arena);
    tw_plot_zone_fini(&self.zone);
    tw_dashboards_unref(&self.dashboards);
    tw_rules_unref(&self.rules);
    tw_workflows_unref(&self.workflows);
    tw_cfg_destroy(&self.cfg);
    return code;
}
