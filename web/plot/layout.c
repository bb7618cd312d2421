/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/plot/layout.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define DAY_S  INT64_C(86400)
#define WEEK_S (7 * DAY_S)

/* Mean width of a character, as a share of the font's size: that of DejaVu Sans, the widest that
 * is likely. */
#define CHAR_EM 0.58

/* ---- time zones ---- */

static int read_offset(struct tw_str text, int32_t *ret_offset_s)
{
    bool is_shape = text.len == 6 && strchr("+- ", text.ptr[0]) != NULL && text.ptr[3] == ':';
    for (size_t i = 1; is_shape && i < 6; i++) {
        is_shape = i == 3 || (text.ptr[i] >= '0' && text.ptr[i] <= '9');
    }
    if (!is_shape || text.ptr[0] == '\0') {
        return TW_EINVAL;
    }
    int hours = (text.ptr[1] - '0') * 10 + (text.ptr[2] - '0');
    int minutes = (text.ptr[4] - '0') * 10 + (text.ptr[5] - '0');
    if (hours > 14 || minutes > 59) {
        return TW_EINVAL;
    }
    *ret_offset_s = (hours * 3600 + minutes * 60) * (text.ptr[0] == '-' ? -1 : 1);
    return TW_OK;
}

int tw_plot_zone_init(struct tw_plot_zone *self, struct tw_str text, struct tw_diag *diag)
{
    *self = (struct tw_plot_zone){.name = "UTC"};
    if (text.len == 0 || tw_str_is(text, "UTC") || tw_str_is(text, "Z")) {
        return TW_OK;
    }
    if (read_offset(text, &self->offset_s) == TW_OK) {
        (void)snprintf(self->name, sizeof self->name, "UTC%c%.5s", text.ptr[0] == '-' ? '-' : '+',
                       text.ptr + 1);
        return TW_OK;
    }
    int rc = TW_EINVAL;
    if (text.len <= TW_ZONE_NAME_MAX) {
        (void)snprintf(self->name, sizeof self->name, "%.*s", (int)text.len, text.ptr);
        rc = tw_zone_new(self->name, &self->zone);
    }
    return rc == TW_OK || rc == TW_ENOMEM
               ? rc
               : tw_diag_set(diag, TW_EINVAL,
                             "'tz' is UTC, an offset such as +02:00, or the name of a time zone "
                             "such as Europe/Berlin");
}

void tw_plot_zone_fini(struct tw_plot_zone *self)
{
    tw_zone_destroy(&self->zone);
}

static int64_t local_of(const struct tw_plot_zone *zone, int64_t at_s)
{
    int32_t offset_s = zone->zone == NULL
                           ? zone->offset_s
                           : tw_zone_offset_s(zone->zone, (tw_wall_t){at_s * TW_NS_PER_S});
    return at_s + offset_s;
}

/* When the clock shows this; near a change of the clock one of the possible times. */
static int64_t from_local(const struct tw_plot_zone *zone, int64_t local_s)
{
    int64_t guess_s = local_s - (local_of(zone, local_s) - local_s);
    return guess_s + (local_s - local_of(zone, guess_s));
}

/* ---- values ---- */

static bool is_same(double a, double b)
{
    return fabs(a - b) <= 1e-9 * (1 + fabs(a) + fabs(b));
}

const char *tw_plot_unit_text(enum tw_panel_unit unit)
{
    static const char *const texts[] = {"count",
                                        "duration",
                                        "per second",
                                        "per minute",
                                        "per hour",
                                        "percent",
                                        "times the allowed rate"};
    return texts[unit];
}

/* What a value of this unit is divided by, and what is written behind it. */
struct scale {
    double factor;
    const char *suffix;
};

static struct scale scale_of(enum tw_panel_unit unit, double most)
{
    static const struct scale durations[] = {
        {86400, " d"}, {3600, " h"}, {60, " min"}, {1, " s"}, {1e-3, " ms"}};
    static const struct scale counts[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}, {1, ""}};
    most = fabs(most);
    if (unit == TW_UNIT_SHARE) {
        return (struct scale){0.01, " %"};
    }
    if (unit == TW_UNIT_SECONDS) {
        size_t i = 0;
        while (i < 4 && most < durations[i].factor * (i < 3 ? 3 : 1)) {
            i++;
        }
        return durations[i];
    }
    size_t i = 0;
    while (i < 3 && most < counts[i].factor * (i == 2 ? 10 : 1)) {
        i++;
    }
    return counts[i];
}

const char *tw_plot_value_text(enum tw_panel_unit unit, double value, char buf[TW_PLOT_VALUE_SIZE])
{
    struct scale scale = scale_of(unit, value);
    double shown = value / scale.factor;
    int decimals = fabs(shown) >= 100 || is_same(shown, round(shown)) ? 0
                   : fabs(shown) >= 10                                ? 1
                                                                      : 2;
    (void)snprintf(buf, TW_PLOT_VALUE_SIZE, "%.*f%s", decimals, shown, scale.suffix);
    return buf;
}

/* 1, 2 or 5 times a power of ten, at least `least`; durations in minutes and hours go by parts of
 * 60, days by halves. */
static double nice_step(double least, const struct scale *scale, bool is_whole)
{
    static const double sixtieths[] = {1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200};
    bool is_clock = scale->suffix[0] == ' ' &&
                    (scale->suffix[1] == 'm' || scale->suffix[1] == 's') && scale->factor >= 1;
    least = is_whole && least < 1 ? 1 : least;
    for (size_t i = 0; is_clock && i < sizeof sixtieths / sizeof sixtieths[0]; i++) {
        if (sixtieths[i] >= least && least > 0.5) {
            return sixtieths[i];
        }
    }
    double power = pow(10, floor(log10(least)));
    double times = least / power;
    return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

/* ---- the value axis ---- */

static void widen(double value, double *low, double *high)
{
    *low = value < *low ? value : *low;
    *high = value > *high ? value : *high;
}

static void find_range(const struct tw_panel *panel, const struct tw_plot_data *data, double *low,
                       double *high)
{
    *low = 0;
    *high = 0;
    for (size_t p = 0; p < data->count; p++) {
        double sum = 0;
        for (size_t i = 0; i < data->line_count; i++) {
            if (!data->lines[i].known[p]) {
                continue;
            }
            sum += data->lines[i].values[p];
            widen(panel->kind == TW_PANEL_STACK || panel->kind == TW_PANEL_BARS
                      ? sum
                      : data->lines[i].values[p],
                  low, high);
        }
    }
    if (panel->unit == TW_UNIT_SHARE && *high > 0 && *high <= 1) {
        *high = 1;
    }
    /* A threshold far above would press the line to the ground: it is told in words. Of a rule it
     * is what the picture is about. */
    double data_high = *high;
    for (size_t i = 0; i < panel->line_count; i++) {
        if (panel->lines[i].is_always || panel->lines[i].value <= 2.5 * data_high) {
            widen(panel->lines[i].value, low, high);
        }
    }
}

static void lay_values(const struct tw_panel *panel, const struct tw_plot_data *data,
                       double area_px, struct tw_plot_layout *layout)
{
    double low = 0;
    double high = 0;
    find_range(panel, data, &low, &high);
    if (high <= low) {
        high = low + 1;
    }
    struct scale scale = scale_of(panel->unit, high > -low ? high : low);
    double wanted = area_px / (layout->font_px * 3.3);
    wanted = wanted < 2 ? 2 : wanted > 6 ? 6 : wanted;
    double span = (high - low) / scale.factor;
    bool is_whole = panel->unit == TW_UNIT_COUNT && is_same(scale.factor, 1);
    double step = nice_step(span / wanted, &scale, is_whole);
    double first = floor(low / scale.factor / step + 1e-9) * step;
    double last = ceil(high / scale.factor / step - 1e-9) * step;
    layout->y_min = first * scale.factor + 0.0; /* no -0 */
    layout->y_max = last * scale.factor + 0.0;
    if (tw_plot_is_bare(panel)) { /* the whole height for the line */
        layout->y_min = low;
        layout->y_max = high;
        return;
    }
    int decimals = step >= 1 ? 0 : (int)ceil(-log10(step) - 1e-9);
    while (layout->y_count < TW_PLOT_TICKS_MAX) {
        double at = first + (double)layout->y_count * step;
        if (at > last + step / 2) {
            return;
        }
        struct tw_plot_tick *tick = &layout->y[layout->y_count++];
        double shown = fabs(at) < step / 1e6 ? 0 : at;
        tick->at = shown * scale.factor;
        (void)snprintf(tick->text, sizeof tick->text, "%.*f%s", is_same(shown, 0) ? 0 : decimals,
                       shown,
                       is_same(shown, 0) && panel->unit != TW_UNIT_SHARE ? "" : scale.suffix);
    }
}

/* ---- the time axis ---- */

static void write_tick(const struct tw_plot_zone *zone, int64_t at_s, int64_t step_s,
                       struct tw_plot_tick *tick)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t local = (time_t)local_of(zone, at_s);
    struct tm tm = {0};
    (void)gmtime_r(&local, &tm); /* cannot fail in the years that are allowed */
    tick->at = (double)at_s;
    tick->is_day = tm.tm_hour == 0 && tm.tm_min == 0 && tm.tm_sec == 0;
    if (step_s > WEEK_S * 2 && tm.tm_mon == 0) {
        (void)snprintf(tick->text, sizeof tick->text, "%d", tm.tm_year + 1900);
    } else if (step_s > WEEK_S * 2) {
        (void)snprintf(tick->text, sizeof tick->text, "%s", months[tm.tm_mon]);
    } else if (tick->is_day) {
        (void)snprintf(tick->text, sizeof tick->text, "%d %s", tm.tm_mday, months[tm.tm_mon]);
    } else if (step_s < 60) {
        (void)snprintf(tick->text, sizeof tick->text, "%02d:%02d:%02d", tm.tm_hour, tm.tm_min,
                       tm.tm_sec);
    } else {
        (void)snprintf(tick->text, sizeof tick->text, "%02d:%02d", tm.tm_hour, tm.tm_min);
    }
}

/* Of months the first days, every `months`th of a year. */
static void lay_months(const struct tw_plot_data *data, const struct tw_plot_zone *zone, int months,
                       struct tw_plot_layout *layout)
{
    time_t local = (time_t)local_of(zone, data->since_s);
    struct tm tm = {0};
    (void)gmtime_r(&local, &tm);
    int month = tm.tm_mon - tm.tm_mon % months;
    int year = tm.tm_year;
    while (layout->x_count < TW_PLOT_TICKS_MAX) {
        struct tm first = {.tm_year = year, .tm_mon = month, .tm_mday = 1};
        int64_t at_s = from_local(zone, (int64_t)timegm(&first));
        if (at_s >= data->until_s) {
            return;
        }
        if (at_s >= data->since_s) {
            write_tick(zone, at_s, 28 * DAY_S, &layout->x[layout->x_count++]);
        }
        month += months;
        year += month / 12;
        month %= 12;
    }
}

static void lay_times(const struct tw_plot_data *data, const struct tw_plot_look *look,
                      struct tw_plot_layout *layout)
{
    static const int64_t steps[] = {10,    15,    30,    60,        120,    300,
                                    600,   900,   1800,  3600,      7200,   10800,
                                    21600, 43200, DAY_S, 2 * DAY_S, WEEK_S, 2 * WEEK_S};
    double area_px = (layout->right - layout->left) * look->width;
    double most = area_px / (layout->font_px * 6);
    double span_s = (double)(data->until_s - data->since_s);
    size_t i = 0;
    size_t count = sizeof steps / sizeof steps[0];
    most = most < 1 ? 1 : most;
    while (i < count && span_s / (double)steps[i] > most) {
        i++;
    }
    if (i == count) {
        double months = span_s / (30.4 * DAY_S) / most;
        lay_months(data, look->zone, months <= 1 ? 1 : months <= 3 ? 3 : 6, layout);
        return;
    }
    int64_t step_s = steps[i];
    int64_t shift_s = step_s % WEEK_S == 0 ? 4 * DAY_S : 0; /* 1970-01-05 was a Monday */
    int64_t local_s = local_of(look->zone, data->since_s) - shift_s;
    local_s = local_s - ((local_s % step_s) + step_s) % step_s + shift_s;
    for (; layout->x_count < TW_PLOT_TICKS_MAX; local_s += step_s) {
        int64_t at_s = from_local(look->zone, local_s);
        if (at_s > data->until_s) {
            return;
        }
        bool is_next = layout->x_count == 0 ||
                       (double)at_s > layout->x[layout->x_count - 1].at + (double)step_s / 2;
        if (at_s >= data->since_s && is_next) {
            write_tick(look->zone, at_s, step_s, &layout->x[layout->x_count++]);
        }
    }
}

/* ---- the legend ---- */

/* In rows from left to right behind the unit; how many rows there are. */
static size_t lay_legend(const struct tw_panel *panel, const struct tw_plot_data *data,
                         const struct tw_plot_look *look, struct tw_plot_layout *layout)
{
    double char_px = layout->font_px * CHAR_EM;
    double row_px = layout->font_px * 1.6;
    double x_px = 8 + (double)strlen(tw_plot_unit_text(panel->unit)) * char_px + 18;
    double zone_px = (double)strlen(look->zone->name) * char_px + 18; /* right in the first row */
    size_t row = 0;
    size_t rows_max = look->height < 140 ? 1 : look->height < 220 ? 2 : 3;
    for (size_t i = 0; i < data->line_count; i++) {
        struct tw_plot_entry *entry = &layout->legend[i];
        tw_plot_label(data->lines[i].name, TW_LABEL_CHARS, &entry->label);
        double width_px = (double)entry->label.chars * char_px + 30;
        if (x_px + width_px > look->width - (row == 0 ? zone_px : 8) && x_px > 8) {
            row++;
            x_px = 8;
        }
        entry->is_shown = row < rows_max && x_px + width_px <= look->width;
        entry->x = (x_px + 5) / look->width;
        entry->y = layout->unit_y + (double)row * row_px / look->height;
        x_px += width_px;
    }
    return row + 1 > rows_max ? rows_max : row + 1;
}

bool tw_plot_is_bare(const struct tw_panel *panel)
{
    return panel->is_bare || panel->kind == TW_PANEL_NUMBER;
}

void tw_plot_layout(const struct tw_panel *panel, const struct tw_plot_data *data,
                    const struct tw_plot_look *look, struct tw_plot_layout *ret_layout)
{
    struct tw_plot_layout layout = {.font_px = look->height >= 400 ? 13 : 11};
    layout.has_title = look->has_title && look->height >= 140; /* lower ones need it all */
    double top_px = 2;
    double bottom_px = 2;
    double left_px = 1;
    double right_px = 1;
    if (!tw_plot_is_bare(panel)) {
        double first_px = (layout.has_title ? layout.font_px * 2.2 : 0) + layout.font_px * 0.9 + 2;
        layout.unit_y = first_px / look->height;
        layout.has_legend = data->line_count > 1;
        size_t rows = layout.has_legend ? lay_legend(panel, data, look, &layout) : 1;
        top_px = first_px + ((double)rows - 1) * layout.font_px * 1.6 + layout.font_px * 1.1;
        bottom_px = layout.font_px * 1.9;
        right_px = 16;
    }
    double area_px = look->height - top_px - bottom_px;
    if (area_px < look->height * 0.3) { /* very low: the line before everything else */
        top_px = look->height * 0.35;
        area_px = look->height * 0.4;
        bottom_px = look->height * 0.25;
    }
    lay_values(panel, data, area_px, &layout);
    size_t widest = 0;
    for (size_t i = 0; i < layout.y_count; i++) {
        size_t chars = strlen(layout.y[i].text);
        widest = chars > widest ? chars : widest;
    }
    if (!tw_plot_is_bare(panel)) {
        left_px = 14 + (double)widest * layout.font_px * CHAR_EM;
        left_px = left_px > look->width * 0.4 ? look->width * 0.4 : left_px;
    }
    layout.left = left_px / look->width;
    layout.right = 1 - right_px / look->width;
    layout.top = top_px / look->height;
    layout.bottom = 1 - bottom_px / look->height;
    if (!tw_plot_is_bare(panel)) {
        lay_times(data, look, &layout);
    }
    *ret_layout = layout;
}
