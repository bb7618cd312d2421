/* SPDX-License-Identifier: Apache-2.0
 * Between the files of web/panel: the tables of keys, and a set while it is being read.
 * Thread: the owner's.
 */
#ifndef TW_WEB_PANEL_INTERNAL_H
#define TW_WEB_PANEL_INTERNAL_H

#include "config/parse.h"
#include "web/panel/panels.h"

/* As written; choices are positions in the words of their key. Freed by tw_cfg_free_fields. */
struct tw_dashboard_text {
    char *name;
    char *title;
    char *about;
    yaml_node_t *panels;
};

struct tw_panel_text {
    char *name;
    char *title;
    unsigned kind;
    unsigned unit;
    struct tw_cfg_strings parameters;
    char *range;
    bool is_bare;
    yaml_node_t *series;
    yaml_node_t *lines;
};

struct tw_series_text {
    char *metric;
    yaml_node_t *where;
    char *by;
    unsigned join;
    unsigned per;
    char *quantile;
    char *legend;
    unsigned tone;
};

struct tw_line_text {
    char *value;
    char *title;
    unsigned tone;
};

extern const struct tw_cfg_section tw_dashboard_section;
extern const struct tw_cfg_section tw_panel_section;
extern const struct tw_cfg_section tw_panel_series_section;
extern const struct tw_cfg_section tw_panel_line_section;

struct tw_panel_load {
    struct tw_parse parse; /* faults, and the tree that is being read */
    struct tw_dashboard *items;
    size_t count;
    bool is_builtin;
    const struct tw_dashboards *before; /* borrowed; NULL: there were none */
    size_t kept_count;
};

/* The map of one dashboard file into the set; NULL: it could not be read. Faults of the file are
 * those from the `before`th on. */
void tw_panel_define(struct tw_panel_load *self, yaml_node_t *root, size_t before);
/* The faults from the `before`th on, one a line; NULL when there are none (or no memory, noted). */
char *tw_panel_faults_since(struct tw_panel_load *self, size_t before);
/* How many faults there are, told or not. */
size_t tw_panel_fault_count(const struct tw_panel_load *self);
void tw_panel_fini(struct tw_panel *panel);
void tw_dashboard_fini(struct tw_dashboard *dashboard);
/* What was read becomes the set: takes its array. TW_OK or TW_ENOMEM. */
int tw_panel_make_set(struct tw_panel_load *self, const struct tw_dashboards **ret_set);

/* The dashboards that are built in (generated from web/dashboards at build). */
struct tw_panel_builtin {
    const char *name; /* "order-flow.yaml" */
    const char *text;
};
extern const struct tw_panel_builtin tw_panel_pack[];
extern const size_t tw_panel_pack_count;

#endif
