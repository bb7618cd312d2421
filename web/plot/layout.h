/* SPDX-License-Identifier: Apache-2.0
 * Where everything in a picture is: the plot area, the ranges, the ticks, the legend. Decided here
 * and not by gnuplot, so that the browser can lay a crosshair over the picture, and so that the
 * ticks are those of a time zone.
 * Thread: all; pure.
 * Limits: sizes below; TW_PLOT_TICKS_MAX ticks of an axis.
 */
#ifndef TW_WEB_PLOT_LAYOUT_H
#define TW_WEB_PLOT_LAYOUT_H

#include "track/calendar.h"
#include "web/panel/query.h"
#include "web/plot/label.h"

#define TW_PLOT_WIDTH_MIN  40
#define TW_PLOT_WIDTH_MAX  4000
#define TW_PLOT_HEIGHT_MIN 16
#define TW_PLOT_HEIGHT_MAX 2000
#define TW_PLOT_WIDTH      800
#define TW_PLOT_HEIGHT     240
#define TW_PLOT_TICKS_MAX  48
#define TW_PLOT_TICK_SIZE  24

/* The time zone that a picture shows. */
struct tw_plot_zone {
    struct tw_zone *zone; /* owned; NULL: an offset */
    int32_t offset_s;
    char name[TW_ZONE_NAME_MAX + 1]; /* "UTC", "UTC+02:00", "Europe/Berlin" */
};
/* "UTC", "+02:00" (or, since '+' is a blank in a query, " 02:00"), "-05:30", or a name of IANA;
 * absent: UTC. TW_OK; TW_EINVAL, TW_ENOTFOUND with a diag; TW_ENOMEM. */
int tw_plot_zone_init(struct tw_plot_zone *self, struct tw_str text, struct tw_diag *diag);
void tw_plot_zone_fini(struct tw_plot_zone *self);

/* How a picture is to look. */
struct tw_plot_look {
    unsigned width; /* pixels */
    unsigned height;
    bool is_dark;
    bool has_title;
    const struct tw_plot_zone *zone;
};

struct tw_plot_tick {
    double at;                    /* seconds since 1970, or a value */
    char text[TW_PLOT_TICK_SIZE]; /* digits, ASCII letters, blanks, ':' '.' '-' '%' only */
    bool is_day;                  /* x: the first of its day */
};

struct tw_plot_entry {
    double x; /* fractions of the picture, from its top left corner; of the middle of the sample */
    double y;
    struct tw_plot_label label;
    bool is_shown; /* there was place */
};

struct tw_plot_layout {
    /* The plot area, in fractions of the picture from its top left corner. */
    double left;
    double right;
    double top;
    double bottom;
    double y_min;
    double y_max;
    double font_px;
    struct tw_plot_tick y[TW_PLOT_TICKS_MAX];
    size_t y_count;
    struct tw_plot_tick x[TW_PLOT_TICKS_MAX];
    size_t x_count;
    bool has_title;
    bool has_legend;
    double unit_y; /* the row of the unit and of the legend begins here */
    struct tw_plot_entry legend[TW_PANEL_GROUPS_MAX];
};

/* Drawn without axes and legend. */
bool tw_plot_is_bare(const struct tw_panel *panel);
void tw_plot_layout(const struct tw_panel *panel, const struct tw_plot_data *data,
                    const struct tw_plot_look *look, struct tw_plot_layout *ret_layout);

/* "per minute", "seconds", ...; what stands above the axis. */
const char *tw_plot_unit_text(enum tw_panel_unit unit);
/* A value with its unit as a person reads it: "1.2k", "4.5 min", "99.2 %". ASCII. */
#define TW_PLOT_VALUE_SIZE 32
const char *tw_plot_value_text(enum tw_panel_unit unit, double value, char buf[TW_PLOT_VALUE_SIZE]);

#endif
