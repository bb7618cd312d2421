/* SPDX-License-Identifier: Apache-2.0
 * Dashboards and their panels: which series a plot shows, and how. Read from YAML (those that are
 * built in, and the directories that the configuration names), then const. A panel with a fault
 * keeps it and is not drawn; the others work. SIGHUP reads the next set.
 * Thread: made by main; const and shared afterwards (counted references, atomic).
 * Limits: TW_DASHBOARDS_MAX and TW_PANEL_*_MAX, each a fault with file:line when it is passed.
 * Fails:  TW_ENOMEM only; faults are told in a report and kept with what they concern.
 */
#ifndef TW_WEB_PANEL_PANELS_H
#define TW_WEB_PANEL_PANELS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"
#include "core/err.h"
#include "core/str.h"
#include "track/metrics.h"

#define TW_DASHBOARDS_MAX   200
#define TW_PANELS_MAX       48 /* of one dashboard */
#define TW_PANEL_SERIES_MAX 12 /* written in one panel */
#define TW_PANEL_LINES_MAX  4
#define TW_PANEL_WHERE_MAX  4
#define TW_PANEL_GROUPS_MAX \
    12 /* lines of one picture; further groups are left out, and it says so */

enum tw_panel_kind {
    TW_PANEL_LINE,
    TW_PANEL_AREA,
    TW_PANEL_STACK,
    TW_PANEL_BARS,
    TW_PANEL_PERCENTILES, /* p50, p95 and p99 of a sketch */
    TW_PANEL_NUMBER,      /* the last value, large */
    TW_PANEL_BURNDOWN,    /* of the budget of one objective, over its window */
    TW_PANEL_TABLE,       /* the newest values as rows, the worst first: no picture */
};
enum tw_panel_unit {
    TW_UNIT_COUNT,
    TW_UNIT_SECONDS,
    TW_UNIT_PER_SECOND,
    TW_UNIT_PER_MINUTE,
    TW_UNIT_PER_HOUR,
    TW_UNIT_SHARE, /* 1 is shown as 100 % */
    TW_UNIT_BURN,  /* times the rate that uses the budget up exactly */
};
/* What a colour means; the same everywhere. */
enum tw_panel_tone {
    TW_TONE_NONE, /* the next of the palette */
    TW_TONE_INFO,
    TW_TONE_OK,
    TW_TONE_WARN,
    TW_TONE_BAD,
    TW_TONE_MUTED,
};
enum tw_panel_join { TW_JOIN_SUM, TW_JOIN_MAX, TW_JOIN_MIN };

/* What a query string may give. */
enum tw_panel_param {
    TW_PARAM_WORKFLOW,
    TW_PARAM_OBJECTIVE,
    TW_PARAM_STEP,
    TW_PARAM_SYSTEM,
    TW_PARAM_STORE,
    TW_PARAM_COUNT
};

struct tw_panel_where {
    char *label;
    char *value; /* NULL: that of `param` */
    enum tw_panel_param param;
};

struct tw_panel_series {
    const struct tw_metric *metric;
    struct tw_panel_where where[TW_PANEL_WHERE_MAX];
    size_t where_count;
    char *by; /* label: a line for each of its values; NULL: one line */
    enum tw_panel_join join;
    int64_t per_s; /* a rate: in so many seconds; 0: as it is */
    uint32_t ppm;  /* sketches: the quantile; 0 for kind percentiles */
    char *legend;  /* NULL: the value of `by`, else the metric */
    unsigned tone; /* enum tw_panel_tone */
    int line;
};

struct tw_panel_line {
    double value;
    char *title; /* NULL: none */
    unsigned tone;
    bool is_always; /* the scale reaches it, however far it lies from the values */
};

struct tw_panel {
    char *id; /* "dashboard.panel" */
    char *name;
    char *title;
    enum tw_panel_kind kind;
    enum tw_panel_unit unit;
    bool is_bare;        /* no axes, no words */
    uint32_t params;     /* set of enum tw_panel_param: must be given */
    uint32_t may_params; /* ... may be given */
    int64_t range_s;     /* shown when nothing was asked for */
    struct tw_panel_series *series;
    size_t series_count;
    struct tw_panel_line lines[TW_PANEL_LINES_MAX];
    size_t line_count;
    char *fault; /* "file:line: what", one a line; NULL: none */
    int line;
};

struct tw_dashboard {
    char *name;
    char *title;
    char *about;
    struct tw_panel *panels;
    size_t panel_count;
    char *file;
    char *fault;  /* of the file as a whole; NULL: none */
    char *text;   /* of the file that the panels are of; NULL: built in, or never without fault */
    bool is_kept; /* the file has a fault since: the panels are those of before */
    bool is_builtin;
};

struct tw_dashboards {
    struct tw_dashboard *items; /* ordered by name */
    size_t count;
    size_t fault_count; /* of all files */
    size_t kept_count;  /* dashboards of files that have a fault now */
    uint64_t serial;    /* different for each set of this process */
};

/* Everything that cfg names (cfg->dashboards: the directories, then those that are built in whose
 * name is still free). Faults go to `report` (may be NULL), all of them, and stay with the panels.
 * TW_OK also with faults: fault_count says; TW_ENOMEM. Starts with one reference. */
int tw_dashboards_load(const struct tw_cfg *cfg, FILE *report,
                       const struct tw_dashboards **ret_set);
/* The same anew: where a file cannot be read as a dashboard any more, that of `before` stays, with
 * the fault beside it. */
int tw_dashboards_reload(const struct tw_cfg *cfg, const struct tw_dashboards *before, FILE *report,
                         const struct tw_dashboards **ret_set);
/* One file from memory, with the same checks. For tests. */
int tw_dashboards_parse(const char *name, const char *yaml, size_t len, FILE *report,
                        const struct tw_dashboards **ret_set);
const struct tw_dashboards *tw_dashboards_ref(const struct tw_dashboards *self);
/* Drops one reference; the last frees. Accepts NULL. */
void tw_dashboards_unref(const struct tw_dashboards **self_p);
const struct tw_dashboard *tw_dashboards_find(const struct tw_dashboards *self, struct tw_str name);
/* "dashboard.panel"; NULL when there is none. */
const struct tw_panel *tw_dashboards_panel(const struct tw_dashboards *self, struct tw_str id);
/* The tables of keys and of metrics as Markdown, for docs/reference/dashboards.md. TW_OK or
 * TW_EIO. */
int tw_dashboards_print_keys(FILE *out);

/* Words as the files and the API write them. */
const char *tw_panel_kind_name(enum tw_panel_kind kind);
const char *tw_panel_unit_name(enum tw_panel_unit unit);
const char *tw_panel_tone_name(unsigned tone);
const char *tw_panel_param_name(enum tw_panel_param param);

#endif
