/* SPDX-License-Identifier: Apache-2.0
 * The keys of dashboard files, and the series that panels may name.
 */
#include "config.h"
#include "web/panel/internal.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SECTION(title, table, about)                                                 \
    {                                                                                \
        .name = (title), .keys = (table), .key_count = COUNT(table), .help = (about) \
    }
#define IN_DASH(field)   offsetof(struct tw_dashboard_text, field)
#define IN_PANEL(field)  offsetof(struct tw_panel_text, field)
#define IN_SERIES(field) offsetof(struct tw_series_text, field)
#define IN_LINE(field)   offsetof(struct tw_line_text, field)

#define TEXT_KEY(where, key, look, needed, about)                              \
    {                                                                          \
        .name = (key), .type = TW_CFG_TEXT, .rule = (look), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)        \
    }
#define NODE_KEY(where, key, what, needed, about)                              \
    {                                                                          \
        .name = (key), .type = TW_CFG_NODE, .text = (what), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)        \
    }
#define CHOICE_KEY(where, key, words, needed, about)                              \
    {                                                                             \
        .name = (key), .type = TW_CFG_CHOICE, .text = (words), .offset = (where), \
        .is_required = (needed), .is_reloadable = true, .help = (about)           \
    }
#define TONES "none|info|ok|warn|bad|muted"

static const struct tw_cfg_key dashboard_keys[] = {
    TEXT_KEY(IN_DASH(name), "name", TW_CFG_LABEL, true,
             "Unique among all dashboards; one with the name of a built-in one takes its place."),
    TEXT_KEY(IN_DASH(title), "title", TW_CFG_ANY, false,
             "What people call it. Not given: its name."),
    TEXT_KEY(IN_DASH(about), "about", TW_CFG_ANY, false, "What it tells, in a sentence."),
    NODE_KEY(IN_DASH(panels), "panels", "list of maps", true, "1 to 48 panels, see below."),
};

static const struct tw_cfg_key panel_keys[] = {
    TEXT_KEY(IN_PANEL(name), "name", TW_CFG_LABEL, true,
             "Unique in the dashboard; the panel is called `DASHBOARD.NAME`."),
    TEXT_KEY(IN_PANEL(title), "title", TW_CFG_ANY, false,
             "What people read above it. Not given: its name."),
    CHOICE_KEY(IN_PANEL(kind), "kind", "line|area|stack|bars|percentiles|number|burndown|table",
               false,
               "How it is drawn. `stack` lays the values on one another; `percentiles` draws p50, "
               "p95 and p99 of one sketch; `number` shows the last value, large, over its line; "
               "`burndown` shows what is left of the budget of an objective since its window "
               "began; `table` has no picture: rows of the newest values, the worst first."),
    CHOICE_KEY(IN_PANEL(unit), "unit", "count|seconds|per-second|per-minute|per-hour|share|burn",
               true, "Of the values: all series of a panel have the same. `share`: 1 is 100 %."),
    {.name = "parameters",
     .type = TW_CFG_LIST,
     .offset = IN_PANEL(parameters),
     .is_reloadable = true,
     .help = "What the query string gives: `workflow objective step system store`; with `?` behind "
             "it, it may be left out, and so are the labels that are compared with it."},
    {.name = "range",
     .type = TW_CFG_TEXT,
     .rule = TW_CFG_DURATION,
     .offset = IN_PANEL(range),
     .is_reloadable = true,
     .text = "1h",
     .help = "Shown when no time is asked for; `1min` to `400d`."},
    {.name = "bare",
     .type = TW_CFG_BOOL,
     .offset = IN_PANEL(is_bare),
     .is_reloadable = true,
     .help = "Without axes and words: a small picture beside something that says what it is."},
    NODE_KEY(IN_PANEL(series), "series", "list of maps", true, "1 to 12, see below."),
    NODE_KEY(IN_PANEL(lines), "lines", "list of maps", false,
             "Thresholds and objectives: at most 4 level lines, see below."),
};

static const struct tw_cfg_key series_keys[] = {
    TEXT_KEY(IN_SERIES(metric), "metric", TW_CFG_ANY, true, "One of the series below."),
    NODE_KEY(IN_SERIES(where), "where", "map", false,
             "Label to the value it must have; `$workflow` stands for that parameter. At most 4."),
    TEXT_KEY(IN_SERIES(by), "by", TW_CFG_ANY, false,
             "A label: a line for each of its values. More than 12 lines: those that reach "
             "highest."),
    CHOICE_KEY(IN_SERIES(join), "join", "sum|max|min", false,
               "How the values of several series become one."),
    CHOICE_KEY(IN_SERIES(per), "per", "bucket|second|minute|hour", false,
               "Counts only: as a rate. `bucket`: what happened in each step of the picture."),
    TEXT_KEY(IN_SERIES(quantile), "quantile", TW_CFG_ANY, false,
             "Of a sketch: `0.95` for p95. Not with kind percentiles."),
    TEXT_KEY(IN_SERIES(legend), "legend", TW_CFG_ANY, false,
             "Not given: the value of `by`, or the metric."),
    CHOICE_KEY(IN_SERIES(tone), "tone", TONES, false,
               "What its colour means. `none`: the next of the palette."),
};

static const struct tw_cfg_key line_keys[] = {
    TEXT_KEY(IN_LINE(value), "value", TW_CFG_ANY, true, "A number, in the unit of the panel."),
    TEXT_KEY(IN_LINE(title), "title", TW_CFG_ANY, false, "Written at the line."),
    CHOICE_KEY(IN_LINE(tone), "tone", TONES, false, "What its colour means."),
};

const struct tw_cfg_section tw_dashboard_section =
    SECTION("dashboard", dashboard_keys, "A file that defines a dashboard: one map.");
const struct tw_cfg_section tw_panel_section = SECTION("panels", panel_keys, "Of each panel.");
const struct tw_cfg_section tw_panel_series_section =
    SECTION("series", series_keys, "Of each entry of `series`.");
const struct tw_cfg_section tw_panel_line_section =
    SECTION("lines", line_keys, "Of each entry of `lines`.");
