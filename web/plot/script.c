/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/plot/script.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "web/plot/palette.h"

#define TEXTS_MAX 32 /* lines of the datablock of texts */

/* What ends that block: no text can be it, since it is longer than any. */
#define TEXTS_END                                        \
    "ENDOFTEXTSENDOFTEXTSENDOFTEXTSENDOFTEXTSENDOFTEXTS" \
    "ENDOFTEXTSENDOFTEXTSENDOFTEXTSENDOFTEXTSENDOFTEXTS"
_Static_assert(sizeof TEXTS_END - 1 > TW_LABEL_LONGER, "a text could end the block of texts");

struct script {
    const struct tw_panel *panel;
    const struct tw_plot_data *data;
    const struct tw_plot_look *look;
    struct tw_plot_layout layout;
    enum tw_plot_format format;
    struct tw_buf *out;
    unsigned texts; /* in $T so far */
    unsigned plots; /* behind `plot` so far */
};

static void put(struct script *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct script *self, const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    TW_ASSERT(len >= 0 && (size_t)len < sizeof line);
    (void)tw_buf_append(self->out, line, (size_t)len); /* sticky */
}

static bool is_text(const struct script *self)
{
    return self->format == TW_PLOT_TEXT || self->format == TW_PLOT_TEXT_COLOR;
}

static bool is_bare(const struct script *self)
{
    return tw_plot_is_bare(self->panel);
}

/* ---- texts: $T, one a line ---- */

static void put_text(struct script *self, const char *text)
{
    TW_ASSERT(self->texts < TEXTS_MAX);
    self->texts++;
    put(self, "%s\n", text);
}

static void put_label_text(struct script *self, struct tw_str text, size_t most)
{
    struct tw_plot_label label;
    tw_plot_label(text, most, &label);
    put_text(self, label.text);
}

/* The last value that is known of the first line. */
static const char *last_value(const struct script *self, char buf[TW_PLOT_VALUE_SIZE])
{
    const struct tw_plot_data *data = self->data;
    for (size_t p = data->line_count == 0 ? 0 : data->count; p > 0; p--) {
        if (data->lines[0].known[p - 1]) {
            return tw_plot_value_text(self->panel->unit, data->lines[0].values[p - 1], buf);
        }
    }
    return "-";
}

/* Above or below all that is drawn. */
static bool is_outside(const struct script *self, const struct tw_panel_line *line)
{
    return line->value < self->layout.y_min || line->value > self->layout.y_max;
}

/* What a threshold is called; of one that no line is drawn of also where it lies. */
static void put_threshold_text(struct script *self, const struct tw_panel_line *line)
{
    char text[sizeof((struct tw_plot_label *)NULL)->text + TW_PLOT_VALUE_SIZE + 16];
    char value[TW_PLOT_VALUE_SIZE];
    struct tw_plot_label label;
    if (!is_outside(self, line)) {
        put_label_text(self, tw_str_of(line->title), TW_LABEL_CHARS);
        return;
    }
    tw_plot_label(tw_str_of(line->title), TW_LABEL_CHARS, &label);
    (void)snprintf(text, sizeof text, "%s: %s, %s", label.text,
                   tw_plot_value_text(self->panel->unit, line->value, value),
                   line->value > self->layout.y_max ? "higher up" : "further down"); /* fits */
    put_text(self, text);
}

/* Numbers of the lines of $T: title, unit, zone, number, then the legend, then the thresholds. */
enum { TEXT_TITLE = 1, TEXT_UNIT, TEXT_ZONE, TEXT_NUMBER, TEXT_LEGEND };

static void put_texts(struct script *self)
{
    char value[TW_PLOT_VALUE_SIZE];
    put(self, "$T << " TEXTS_END "\n");
    put_label_text(self, tw_str_of(self->panel->title), TW_LABEL_LONGER);
    put_text(self, tw_plot_unit_text(self->panel->unit));
    put_label_text(self, tw_str_of(self->look->zone->name), TW_LABEL_CHARS);
    put_text(self, last_value(self, value));
    for (size_t i = 0; i < self->data->line_count; i++) {
        put_label_text(self, self->data->lines[i].name, TW_LABEL_CHARS);
    }
    for (size_t i = 0; i < self->panel->line_count; i++) {
        put_threshold_text(self, &self->panel->lines[i]);
    }
    put(self, TEXTS_END "\n");
}

/* ---- numbers: $L0, $L1, ..., a row for each known point, an empty line at a gap ---- */

static double time_of(const struct script *self, size_t p)
{
    const struct tw_plot_data *data = self->data;
    return (double)(data->first_s + (int64_t)p * data->step_s - data->since_s) +
           (double)data->step_s / 2;
}

/* What lies under this line at this point: the lines below, when they are laid on one another. */
static double base_of(const struct script *self, size_t line, size_t p)
{
    double sum = 0;
    bool is_stack = self->panel->kind == TW_PANEL_STACK || self->panel->kind == TW_PANEL_BARS;
    for (size_t i = 0; is_stack && i < line; i++) {
        sum += self->data->lines[i].known[p] ? self->data->lines[i].values[p] : 0;
    }
    return sum;
}

/* A point alone, of which a line shows nothing: gnuplot refuses to draw when there is none at all.
 */
static void put_nothing(struct script *self)
{
    put(self, "0 %.10g %.10g\n", self->layout.y_min, self->layout.y_min);
}

static void put_points(struct script *self, size_t index)
{
    const struct tw_plot_line *line = &self->data->lines[index];
    bool was_known = true;
    size_t rows = 0;
    put(self, "$L%zu << EOD\n", index);
    for (size_t p = 0; p < self->data->count; p++) {
        if (line->known[p]) {
            double base = base_of(self, index, p);
            put(self, "%.10g %.10g %.10g\n", time_of(self, p), base, base + line->values[p]);
            rows++;
        } else if (was_known && rows > 0) {
            put(self, "\n");
        }
        was_known = line->known[p];
    }
    if (rows == 0) {
        put_nothing(self);
    }
    put(self, "EOD\n");
}

/* Points without neighbours: a line would not show them. */
static size_t put_singles(struct script *self, size_t index)
{
    const struct tw_plot_line *line = &self->data->lines[index];
    size_t count = self->data->count;
    size_t singles = 0;
    for (size_t p = 0; p < count; p++) {
        bool has_left = p > 0 && line->known[p - 1];
        bool has_right = p + 1 < count && line->known[p + 1];
        if (line->known[p] && !has_left && !has_right) {
            if (singles == 0) {
                put(self, "$S%zu << EOD\n", index);
            }
            put(self, "%.10g %.10g\n", time_of(self, p), base_of(self, index, p) + line->values[p]);
            singles++;
        }
    }
    put(self, "%s", singles > 0 ? "EOD\n" : "");
    return singles;
}

/* ---- the frame ---- */

static void put_terminal(struct script *self)
{
    const struct tw_plot_look *look = self->look;
    const char *ground = look->is_dark ? "#0d1117" : "#ffffff";
    double font = self->layout.font_px;
    switch (self->format) {
    case TW_PLOT_SVG:
        put(self, "set terminal svg noenhanced size %u,%u fixed rounded font \"sans-serif,%.0f\"\n",
            look->width, look->height, font);
        break;
    case TW_PLOT_PNG: /* points of 1/72 inch at 96 pixels an inch */
        put(self,
            "set terminal pngcairo noenhanced size %u,%u rounded font \"sans,%.2f\" "
            "background rgb \"%s\"\n",
            look->width, look->height, font * 0.75, ground);
        break;
    case TW_PLOT_TEXT:
    case TW_PLOT_TEXT_COLOR:
    default:
        put(self, "set terminal dumb noenhanced size %u,%u %s\n", look->width, look->height,
            self->format == TW_PLOT_TEXT ? "mono" : "ansi");
        break;
    }
}

/* The words of a tick are a format of their own there: a percent sign is written twice. */
static void put_tick(struct script *self, const char *axis, const char *text, double at)
{
    put(self, "set %s add (\"", axis);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '%') {
            put(self, "%%%%");
        } else {
            put(self, "%c", *c);
        }
    }
    put(self, "\" %.10g)\n", at);
}

static void put_axes(struct script *self)
{
    const struct tw_plot_layout *layout = &self->layout;
    const char *word = tw_plot_word_color(self->look->is_dark);
    const char *grid = tw_plot_grid_color(self->look->is_dark);
    int64_t span_s = self->data->until_s - self->data->since_s;
    put(self, "unset key\nset xrange [0:%lld] noextend\nset yrange [%.10g:%.10g] noextend\n",
        (long long)span_s, layout->y_min, layout->y_max);
    if (!is_text(self)) {
        put(self,
            "set lmargin at screen %.6f\nset rmargin at screen %.6f\n"
            "set tmargin at screen %.6f\nset bmargin at screen %.6f\n",
            layout->left, layout->right, 1 - layout->top, 1 - layout->bottom);
    }
    if (is_bare(self)) {
        put(self, "unset border\nunset xtics\nunset ytics\n");
        return;
    }
    put(self, "set border %d lc rgb \"%s\" lw 1\n", is_text(self) ? 3 : 1, grid);
    put(self, "set xtics () %s nomirror tc rgb \"%s\"\n",
        is_text(self) ? "" : "scale 0 offset 0,0.3", word);
    put(self, "set ytics () %s nomirror tc rgb \"%s\"\n",
        is_text(self) ? "" : "scale 0 offset 0.6,0", word);
    for (size_t i = 0; i < layout->x_count; i++) {
        double at = layout->x[i].at - (double)self->data->since_s;
        put_tick(self, "xtics", layout->x[i].text, at);
        if (layout->x[i].is_day && !is_text(self)) {
            put(self,
                "set arrow from %.10g, graph 0 to %.10g, graph 1 nohead back lw 1 lc rgb \"%s\"\n",
                at, at, grid);
        }
    }
    for (size_t i = 0; i < layout->y_count; i++) {
        put_tick(self, "ytics", layout->y[i].text, layout->y[i].at);
    }
    if (!is_text(self)) {
        put(self, "set grid ytics noxtics back lt 1 lw 0.7 lc rgb \"%s\"\n", grid);
    }
}

/* ---- words in the picture ---- */

static void put_words(struct script *self)
{
    const struct tw_plot_layout *layout = &self->layout;
    const char *word = tw_plot_word_color(self->look->is_dark);
    const char *ink = tw_plot_tone_color(TW_TONE_NONE, self->look->is_dark);
    double width = self->look->width;
    double row = 1 - layout->unit_y;
    if (layout->has_title) {
        put(self, "set label $T[%d] at screen %.6f,%.6f left front tc rgb \"%s\"\n", TEXT_TITLE,
            8 / width, 1 - layout->font_px * 1.2 / self->look->height, ink);
    }
    put(self, "set label $T[%d] at screen %.6f,%.6f left front tc rgb \"%s\"\n", TEXT_UNIT,
        8 / width, row, word);
    put(self, "set label $T[%d] at screen %.6f,%.6f right front tc rgb \"%s\"\n", TEXT_ZONE,
        1 - 8 / width, row, word);
    for (size_t i = 0; layout->has_legend && i < self->data->line_count; i++) {
        const struct tw_plot_entry *entry = &layout->legend[i];
        struct tw_plot_ink color = tw_plot_ink(self->data, i, self->look->is_dark);
        if (!entry->is_shown) {
            continue;
        }
        put(self,
            "set arrow from screen %.6f,%.6f to screen %.6f,%.6f nohead front lw 3 "
            "lc rgb \"%s\" dt %s\n",
            entry->x - 5 / width, 1 - entry->y, entry->x + 7 / width, 1 - entry->y, color.color,
            color.dash == 0 ? "solid" : "(2,2)");
        put(self, "set label $T[%zu] at screen %.6f,%.6f left front tc rgb \"%s\"\n",
            TEXT_LEGEND + i, entry->x + 11 / width, 1 - entry->y, ink);
    }
}

static void put_thresholds(struct script *self)
{
    const struct tw_plot_layout *layout = &self->layout;
    unsigned outside = 0;
    for (size_t i = 0; i < self->panel->line_count; i++) {
        const struct tw_panel_line *line = &self->panel->lines[i];
        const char *color = tw_plot_tone_color(line->tone, self->look->is_dark);
        if (is_outside(self, line)) {
            if (line->title != NULL && !is_bare(self)) {
                put(self,
                    "set label $T[%zu] at graph 1, graph 1 right front offset 0,%.2f "
                    "tc rgb \"%s\"\n",
                    TEXT_LEGEND + self->data->line_count + i, -0.6 - 1.1 * outside, color);
                outside++;
            }
            continue;
        }
        put(self,
            "set arrow from graph 0, first %.10g to graph 1, first %.10g nohead front lw 1 "
            "dt (7,4) lc rgb \"%s\"\n",
            line->value, line->value, color);
        if (line->title != NULL && !is_bare(self)) {
            /* over its line, or under one at the top, where legend and time zone are */
            bool is_at_top = line->value > layout->y_min + 0.9 * (layout->y_max - layout->y_min);
            put(self,
                "set label $T[%zu] at graph 1, first %.10g right front offset 0,%s "
                "tc rgb \"%s\"\n",
                TEXT_LEGEND + self->data->line_count + i, line->value, is_at_top ? "-0.6" : "0.55",
                color);
        }
    }
}

static bool has_points(const struct script *self)
{
    for (size_t i = 0; i < self->data->line_count; i++) {
        if (self->data->lines[i].peak > -1e299) {
            return true;
        }
    }
    return false;
}

static void put_notes(struct script *self)
{
    const char *word = tw_plot_word_color(self->look->is_dark);
    if (!has_points(self) && !self->panel->is_bare) {
        put(self,
            "set label \"nothing is known of this time\" at graph 0.5, graph 0.5 center "
            "front tc rgb \"%s\"\n",
            word);
    } else if (self->panel->kind == TW_PANEL_NUMBER && !is_text(self)) {
        double size = self->look->height * (self->format == TW_PLOT_PNG ? 0.3 : 0.4);
        double most = self->look->width * (self->format == TW_PLOT_PNG ? 0.12 : 0.16);
        put(self,
            "set label $T[%d] at screen 0.5, screen 0.5 center front font \",%.0f\" "
            "tc rgb \"%s\"\n",
            TEXT_NUMBER, size < most ? size : most,
            tw_plot_tone_color(TW_TONE_NONE, self->look->is_dark));
    }
}

/* ---- the lines ---- */

static void begin_plot(struct script *self)
{
    put(self, "%s", self->plots++ == 0 ? "plot " : ", \\\n     ");
}

static void plot_fill(struct script *self, size_t index)
{
    struct tw_plot_ink ink = tw_plot_ink(self->data, index, self->look->is_dark);
    bool is_stack = self->panel->kind == TW_PANEL_STACK;
    begin_plot(self);
    put(self,
        "$L%zu using 1:2:3 with filledcurves fc rgb \"%s\" fs transparent solid %.2f noborder",
        index, ink.color, is_stack ? 0.45 - (ink.dash > 0 ? 0.2 : 0) : 0.16);
}

static void plot_bars(struct script *self, size_t index)
{
    struct tw_plot_ink ink = tw_plot_ink(self->data, index, self->look->is_dark);
    double half = (double)self->data->step_s * 0.4;
    begin_plot(self);
    put(self,
        "$L%zu using 1:3:($1-%.10g):($1+%.10g):2:3 with boxxyerror fc rgb \"%s\" "
        "fs solid %.2f noborder",
        index, half, half, ink.color, ink.dash > 0 ? 0.5 : 0.9);
}

static void plot_line(struct script *self, size_t index)
{
    struct tw_plot_ink ink = tw_plot_ink(self->data, index, self->look->is_dark);
    bool is_thin = self->panel->kind == TW_PANEL_STACK;
    begin_plot(self);
    if (is_text(self)) {
        put(self, "$L%zu using 1:3 with lines lt %zu", index, index + 1);
        return;
    }
    put(self, "$L%zu using 1:3 with lines lw %.1f lc rgb \"%s\" dt %s", index,
        is_thin                ? 1.0
        : self->panel->is_bare ? 1.4
                               : 1.8,
        ink.color,
        ink.dash == 0   ? "solid"
        : ink.dash == 1 ? "(6,3)"
                        : "(2,2)");
}

static void plot_all(struct script *self, const size_t *singles)
{
    const struct tw_panel *panel = self->panel;
    bool is_filled = panel->kind == TW_PANEL_AREA || panel->kind == TW_PANEL_STACK ||
                     panel->kind == TW_PANEL_NUMBER;
    for (size_t i = 0; i < self->data->line_count; i++) {
        if (panel->kind == TW_PANEL_BARS && !is_text(self)) {
            plot_bars(self, i);
        } else if (is_filled && !is_text(self)) {
            plot_fill(self, i);
        }
    }
    for (size_t i = self->data->line_count; i > 0; i--) { /* the first on top */
        if (panel->kind != TW_PANEL_BARS || is_text(self)) {
            plot_line(self, i - 1);
        }
        if (singles[i - 1] > 0 && !is_text(self) && panel->kind != TW_PANEL_BARS) {
            begin_plot(self);
            put(self, "$S%zu using 1:2 with points pt 7 ps 0.35 lc rgb \"%s\"", i - 1,
                tw_plot_ink(self->data, i - 1, self->look->is_dark).color);
        }
    }
    if (self->plots == 0) {
        put(self, "plot $N using 1:3 with lines");
    }
    put(self, "\n");
}

int tw_plot_script(const struct tw_panel *panel, const struct tw_plot_data *data,
                   const struct tw_plot_look *look, enum tw_plot_format format, const char *mark,
                   struct tw_buf *out)
{
    struct script self = {.panel = panel, .data = data, .look = look, .format = format, .out = out};
    size_t singles[TW_PANEL_GROUPS_MAX] = {0};
    TW_ASSERT(data->line_count <= TW_PANEL_GROUPS_MAX);
    tw_plot_layout(panel, data, look, &self.layout);
    put(&self, "reset\nset encoding utf8\n");
    put_terminal(&self);
    put_texts(&self);
    for (size_t i = 0; i < data->line_count; i++) {
        put_points(&self, i);
        singles[i] = put_singles(&self, i);
    }
    put(&self, "$N << EOD\n");
    put_nothing(&self);
    put(&self, "EOD\n");
    put_axes(&self);
    if (!is_bare(&self) && !is_text(&self)) {
        put_words(&self);
    }
    if (!is_text(&self)) {
        put_thresholds(&self);
    }
    put_notes(&self);
    plot_all(&self, singles);
    put(&self, "unset output\nset print \"-\"\nprint \"%s\"\nunset print\n", mark);
    return out->error;
}
