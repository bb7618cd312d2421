/* SPDX-License-Identifier: Apache-2.0
 * A set of dashboards from its files, and its life.
 */
#include "config.h"
#include "web/panel/internal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "config/dir.h"

#define PATH_BYTES 4096

/* What users hold is the first member. */
struct holder {
    struct tw_dashboards set;
    atomic_size_t references;
};

const char *tw_panel_kind_name(enum tw_panel_kind kind)
{
    static const char *const names[] = {"line",        "area",   "stack",    "bars",
                                        "percentiles", "number", "burndown", "table"};
    return names[kind];
}

const char *tw_panel_unit_name(enum tw_panel_unit unit)
{
    static const char *const names[] = {"count",    "seconds", "per-second", "per-minute",
                                        "per-hour", "share",   "burn"};
    return names[unit];
}

const char *tw_panel_tone_name(unsigned tone)
{
    static const char *const names[] = {"none", "info", "ok", "warn", "bad", "muted"};
    return tone < sizeof(names) / sizeof(names[0]) ? names[tone] : names[0];
}

/* ---- the end ---- */

void tw_panel_fini(struct tw_panel *panel)
{
    for (size_t i = 0; i < panel->series_count; i++) {
        struct tw_panel_series *series = &panel->series[i];
        for (size_t k = 0; k < series->where_count; k++) {
            free(series->where[k].label);
            free(series->where[k].value);
        }
        free(series->by);
        free(series->legend);
    }
    for (size_t i = 0; i < panel->line_count; i++) {
        free(panel->lines[i].title);
    }
    free(panel->series);
    free(panel->id);
    free(panel->name);
    free(panel->title);
    free(panel->fault);
    *panel = (struct tw_panel){0};
}

void tw_dashboard_fini(struct tw_dashboard *dashboard)
{
    for (size_t i = 0; i < dashboard->panel_count; i++) {
        tw_panel_fini(&dashboard->panels[i]);
    }
    free(dashboard->panels);
    free(dashboard->name);
    free(dashboard->title);
    free(dashboard->about);
    free(dashboard->file);
    free(dashboard->fault);
    free(dashboard->text);
    *dashboard = (struct tw_dashboard){0};
}

static void free_items(struct tw_dashboard *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        tw_dashboard_fini(&items[i]);
    }
    free(items);
}

/* ---- files ---- */

/* A file that is no YAML is a dashboard that shows what is wrong with it. */
static int read_text(struct tw_panel_load *self, const char *name, const char *yaml, size_t len)
{
    struct tw_tree tree = {0};
    self->parse.file = name;
    self->parse.visited = 0;
    self->parse.is_too_big = false;
    self->parse.tree = &tree;
    size_t before = tw_panel_fault_count(self);
    int rc = tw_tree_parse(&tree, name, yaml, len, &self->parse.faults);
    if (rc != TW_ENOMEM) {
        tw_panel_define(self, rc == TW_OK ? tw_tree_root(&tree) : NULL, before);
    }
    tw_tree_fini(&tree);
    self->parse.tree = NULL;
    self->parse.file = NULL;
    return rc == TW_ENOMEM || self->parse.is_out_of_memory ? TW_ENOMEM : TW_OK;
}

/* What the file was when it had no fault; NULL: it never was. */
static const char *text_before(const struct tw_panel_load *self, const char *path)
{
    for (size_t i = 0; self->before != NULL && i < self->before->count; i++) {
        if (strcmp(self->before->items[i].file, path) == 0) {
            return self->before->items[i].text;
        }
    }
    return NULL;
}

/* The last dashboard has a fault as a whole: that of the same file from before takes its place. */
static int keep(struct tw_panel_load *self, const char *path, const char *text)
{
    struct tw_dashboard faulty = self->items[--self->count];
    size_t place = self->count;
    size_t faults = self->parse.faults.count;
    int rc = read_text(self, path, text, strlen(text));
    tw_faults_cut(&self->parse.faults, faults); /* those of its panels were told before */
    if (rc == TW_OK && self->count > place) {
        struct tw_dashboard *kept = &self->items[place];
        kept->text = strdup(text);
        kept->fault = faulty.fault;
        kept->is_kept = true;
        faulty.fault = NULL;
        self->kept_count++;
        rc = kept->text == NULL ? TW_ENOMEM : TW_OK;
    }
    tw_dashboard_fini(&faulty);
    return rc;
}

static int read_mine(struct tw_panel_load *self, const char *path, const char *text, size_t len)
{
    size_t place = self->count;
    int rc = read_text(self, path, text, len);
    if (rc != TW_OK || self->count == place) {
        return rc; /* another dashboard has its name */
    }
    struct tw_dashboard *made = &self->items[place];
    if (made->fault == NULL) {
        made->text = strndup(text, len);
        return made->text == NULL ? TW_ENOMEM : TW_OK;
    }
    const char *before = text_before(self, path);
    return before == NULL ? TW_OK : keep(self, path, before);
}

static int read_file(struct tw_panel_load *self, const char *path)
{
    char *text = NULL;
    size_t len = 0;
    int rc = tw_tree_read_file(path, &text, &len, &self->parse.faults);
    if (rc == TW_OK) {
        rc = read_mine(self, path, text, len);
    }
    free(text);
    return rc == TW_ENOMEM ? rc : TW_OK;
}

static int read_dir(struct tw_panel_load *self, const char *path)
{
    struct tw_dir_names names;
    int rc = tw_dir_list(path, &self->parse.faults, &names);
    for (size_t i = 0; i < names.count && rc == TW_OK; i++) {
        char file[PATH_BYTES];
        if (snprintf(file, sizeof(file), "%s/%s", path, names.items[i]) < (int)sizeof(file)) {
            rc = read_file(self, file);
        }
    }
    tw_dir_names_fini(&names);
    return rc;
}

static int read_pack(struct tw_panel_load *self)
{
    int rc = TW_OK;
    self->is_builtin = true;
    for (size_t i = 0; i < tw_panel_pack_count && rc == TW_OK; i++) {
        char name[96];
        (void)snprintf(name, sizeof(name), "(built in) %s", tw_panel_pack[i].name);
        rc = read_text(self, name, tw_panel_pack[i].text, strlen(tw_panel_pack[i].text));
    }
    self->is_builtin = false;
    return rc;
}

/* ---- in force ---- */

static int by_name(const void *left, const void *right)
{
    const struct tw_dashboard *a = left;
    const struct tw_dashboard *b = right;
    return strcmp(a->name, b->name);
}

int tw_panel_make_set(struct tw_panel_load *self, const struct tw_dashboards **ret_set)
{
    static atomic_uint_fast64_t serials;
    struct holder *holder = calloc(1, sizeof(*holder));
    if (holder == NULL) {
        return TW_ENOMEM;
    }
    atomic_init(&holder->references, 1);
    holder->set.items = self->items;
    holder->set.count = self->count;
    holder->set.fault_count = tw_panel_fault_count(self);
    holder->set.kept_count = self->kept_count;
    holder->set.serial = atomic_fetch_add(&serials, 1) + 1;
    self->items = NULL;
    self->count = 0;
    if (holder->set.count > 1) {
        qsort(holder->set.items, holder->set.count, sizeof(holder->set.items[0]), by_name);
    }
    *ret_set = &holder->set;
    return TW_OK;
}

/* Ends the load. */
static int finish(struct tw_panel_load *self, int rc, FILE *report,
                  const struct tw_dashboards **ret_set)
{
    if (rc == TW_OK && (self->parse.is_out_of_memory || self->parse.faults.is_out_of_memory)) {
        rc = TW_ENOMEM;
    }
    if (rc == TW_OK) {
        tw_faults_report(&self->parse.faults, report);
        rc = tw_panel_make_set(self, ret_set);
    }
    free_items(self->items, self->count);
    tw_parse_fini(&self->parse);
    free(self);
    return rc;
}

int tw_dashboards_load(const struct tw_cfg *cfg, FILE *report, const struct tw_dashboards **ret_set)
{
    return tw_dashboards_reload(cfg, NULL, report, ret_set);
}

int tw_dashboards_reload(const struct tw_cfg *cfg, const struct tw_dashboards *before, FILE *report,
                         const struct tw_dashboards **ret_set)
{
    struct tw_panel_load *self = calloc(1, sizeof(*self)); /* the faults alone are kilobytes */
    int rc = TW_OK;
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->before = before;
    for (size_t i = 0; i < cfg->dashboards.dirs.count && rc == TW_OK; i++) {
        rc = read_dir(self, cfg->dashboards.dirs.items[i]);
    }
    if (rc == TW_OK && cfg->dashboards.has_pack) {
        rc = read_pack(self);
    }
    return finish(self, rc, report, ret_set);
}

int tw_dashboards_parse(const char *name, const char *yaml, size_t len, FILE *report,
                        const struct tw_dashboards **ret_set)
{
    struct tw_panel_load *self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return TW_ENOMEM;
    }
    int rc = read_text(self, name, yaml, len);
    return finish(self, rc, report, ret_set);
}

static struct holder *holder_of(const struct tw_dashboards *self)
{
    return (struct holder *)(uintptr_t)self; /* const is for users; the count is ours */
}

const struct tw_dashboards *tw_dashboards_ref(const struct tw_dashboards *self)
{
    (void)atomic_fetch_add(&holder_of(self)->references, 1);
    return self;
}

void tw_dashboards_unref(const struct tw_dashboards **self_p)
{
    struct holder *holder = *self_p == NULL ? NULL : holder_of(*self_p);
    *self_p = NULL;
    if (holder != NULL && atomic_fetch_sub(&holder->references, 1) == 1) {
        free_items(holder->set.items, holder->set.count);
        free(holder);
    }
}

const struct tw_dashboard *tw_dashboards_find(const struct tw_dashboards *self, struct tw_str name)
{
    for (size_t i = 0; i < self->count; i++) {
        if (tw_str_is(name, self->items[i].name)) {
            return &self->items[i];
        }
    }
    return NULL;
}

const struct tw_panel *tw_dashboards_panel(const struct tw_dashboards *self, struct tw_str id)
{
    const char *dot = id.len == 0 ? NULL : memchr(id.ptr, '.', id.len);
    const struct tw_dashboard *dashboard =
        dot == NULL ? NULL
                    : tw_dashboards_find(self, (struct tw_str){id.ptr, (size_t)(dot - id.ptr)});
    for (size_t i = 0; dashboard != NULL && i < dashboard->panel_count; i++) {
        if (tw_str_is(id, dashboard->panels[i].id)) {
            return &dashboard->panels[i];
        }
    }
    return NULL;
}

int tw_dashboards_print_keys(FILE *out)
{
    tw_cfg_print_section(out, &tw_dashboard_section);
    tw_cfg_print_section(out, &tw_panel_section);
    tw_cfg_print_section(out, &tw_panel_series_section);
    tw_cfg_print_section(out, &tw_panel_line_section);
    (void)fprintf(out, "\n## Series\n\n| metric | labels | what it is |\n|---|---|---|\n");
    for (size_t i = 0; i < tw_metric_count; i++) {
        const struct tw_metric *metric = &tw_metrics[i];
        if (metric->is_of_desk) {
            continue;
        }
        (void)fprintf(out, "| `%s` | ", metric->name);
        for (size_t k = 0; k < TW_METRIC_LABELS && metric->labels[k] != NULL; k++) {
            (void)fprintf(out, "%s%s", k == 0 ? "" : ", ", metric->labels[k]);
        }
        (void)fprintf(out, " | %s |\n",
                      metric->is_sketch     ? "sketch of each minute: quantiles"
                      : metric->is_count    ? "count"
                      : metric->step_s > 10 ? "value, once a minute"
                                            : "value");
    }
    return ferror(out) != 0 ? TW_EIO : TW_OK;
}
