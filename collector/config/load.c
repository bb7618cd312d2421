/* SPDX-License-Identifier: Apache-2.0
 * The order in which a configuration comes about: table, built-in lists, file, mapping files,
 * shipped mappings, environment, checks.
 */
#include <config.h> /* of the build: in quotes it would be the config.h of this directory */
#include "config/config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/parse.h"
#include "config/value.h"

#define STATE_DIR "/var/lib/tillwatch"

/* ---- environment ---- */

static int replace_text(char **slot, const char *text)
{
    char *copy = strdup(text);
    if (copy == NULL) {
        return TW_ENOMEM;
    }
    free(*slot);
    *slot = copy;
    return TW_OK;
}

static int join_path(char **slot, const char *dir, const char *rest)
{
    char *path = NULL;
    if (asprintf(&path, "%s/%s", dir, rest) < 0) {
        return TW_ENOMEM;
    }
    free(*slot);
    *slot = path;
    return TW_OK;
}

/* Where the store is when neither file nor environment says so. */
static int default_state(char **slot)
{
    struct stat st;
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    if (xdg != NULL && xdg[0] == '/') { /* others are to be ignored, says the XDG specification */
        return join_path(slot, xdg, "tillwatch");
    }
    if (geteuid() == 0 || home == NULL || home[0] != '/' || stat(STATE_DIR, &st) == 0) {
        return replace_text(slot, STATE_DIR);
    }
    return join_path(slot, home, ".local/state/tillwatch");
}

/* The value of an override, checked; NULL when it is not set (or empty). */
static const char *override_of(struct tw_parse *self, const char *name, enum tw_cfg_rule rule)
{
    struct tw_diag diag;
    const char *value = getenv(name);
    if (value == NULL || value[0] == '\0') {
        return NULL;
    }
    if (tw_value_rule(rule, value, &diag) != TW_OK) {
        tw_faults_add(&self->faults, "environment", 0, "%s: %s", name, diag.text);
        return NULL;
    }
    return value;
}

/* The endpoint in place of what is in the list. */
static int replace_endpoint(struct tw_cfg_strings *list, const char *value)
{
    tw_cfg_free_strings(list);
    list->items = calloc(1, sizeof(list->items[0]));
    if (list->items == NULL) {
        return TW_ENOMEM;
    }
    int rc = replace_text(&list->items[0], value);
    list->count = rc == TW_OK ? 1 : 0;
    return rc;
}

/* The first tap of this kind gets the endpoint: where it binds, else where it connects. */
static int override_tap(struct tw_parse *self, const char *name, enum tw_tap_kind kind)
{
    const char *value = override_of(self, name, TW_CFG_ENDPOINT);
    struct tw_cfg *cfg = self->cfg;
    for (size_t i = 0; value != NULL && i < cfg->tap_count; i++) {
        if (cfg->taps[i].kind != kind) {
            continue;
        }
        struct tw_cfg_strings *list =
            cfg->taps[i].bind.count > 0 ? &cfg->taps[i].bind : &cfg->taps[i].connect;
        return replace_endpoint(list, value);
    }
    return TW_OK;
}

static int apply_environment(struct tw_parse *self)
{
    struct tw_cfg *cfg = self->cfg;
    int rc = TW_OK;
    const char *state = override_of(self, "TILLWATCH_STATE", TW_CFG_PATH);
    if (state != NULL) {
        rc = replace_text(&cfg->store.dir, state);
    } else if (cfg->store.dir == NULL) {
        rc = default_state(&cfg->store.dir);
    }
    const char *web = override_of(self, "TILLWATCH_WEB", TW_CFG_LISTEN);
    if (rc == TW_OK && web != NULL) {
        rc = replace_text(&cfg->web.listen, web);
    }
    rc = rc != TW_OK ? rc : override_tap(self, "TILLWATCH_TAP_PULL", TW_TAP_PULL);
    rc = rc != TW_OK ? rc : override_tap(self, "TILLWATCH_TAP_ROUTER", TW_TAP_ROUTER);
    rc = rc != TW_OK ? rc : override_tap(self, "TILLWATCH_TAP_SUB", TW_TAP_SUB);
    const char *agents = override_of(self, "TILLWATCH_AGENTS", TW_CFG_ENDPOINT);
    rc = rc == TW_OK && agents != NULL ? replace_endpoint(&cfg->agents.bind, agents) : rc;
    const char *pub = override_of(self, "TILLWATCH_ALERTS_PUB", TW_CFG_ENDPOINT);
    return rc == TW_OK && pub != NULL ? replace_text(&cfg->notify.pub, pub) : rc;
}

/* ---- putting it together ---- */

static int shipped_mappings(struct tw_parse *self)
{
    if (!self->top.has_shipped_mappings) {
        return TW_OK;
    }
    int rc = tw_parse_mappings(self, "(built in: shopify.yaml)", tw_builtin_shopify,
                               strlen(tw_builtin_shopify), true);
    return rc != TW_OK ? rc
                       : tw_parse_mappings(self, "(built in: adyen.yaml)", tw_builtin_adyen,
                                           strlen(tw_builtin_adyen), true);
}

/* Directories of workflows, dashboards and rules count from the configuration file. One that is not
 * there stays as it is written, for the fault. */
static int resolve_dirs(const struct tw_parse *self, struct tw_cfg_strings *dirs)
{
    for (size_t i = 0; i < dirs->count && self->dir != NULL; i++) {
        char *joined = NULL;
        if (dirs->items[i][0] == '/') {
            continue;
        }
        if (asprintf(&joined, "%s/%s", self->dir, dirs->items[i]) < 0) {
            return TW_ENOMEM;
        }
        char *real = realpath(joined, NULL);
        free(dirs->items[i]);
        dirs->items[i] = real != NULL ? real : joined;
        if (real != NULL) {
            free(joined);
        }
    }
    return TW_OK;
}

/* The same of a file. */
static int resolve_file(const struct tw_parse *self, char **file_p)
{
    char *joined = NULL;
    if (*file_p == NULL || (*file_p)[0] == '/' || self->dir == NULL) {
        return TW_OK;
    }
    size_t len = strlen(self->dir);
    bool has_slash = len > 0 && self->dir[len - 1] == '/';
    if (asprintf(&joined, "%s%s%s", self->dir, has_slash ? "" : "/", *file_p) < 0) {
        return TW_ENOMEM;
    }
    free(*file_p);
    *file_p = joined;
    return TW_OK;
}

struct input {
    const char *name;
    const char *yaml; /* NULL: the built-in configuration alone */
    size_t len;
    const char *dir; /* of the file; NULL: none */
    bool use_environment;
    bool is_kept_with_faults; /* hand on what could be read */
};

static int fill(struct tw_parse *self, const struct input *input)
{
    struct tw_cfg *cfg = self->cfg;
    int rc = replace_text(&cfg->file, input->name);
    rc = rc != TW_OK ? rc : tw_parse_defaults(self);
    rc = rc != TW_OK ? rc
                     : tw_parse_text(self, "(built in)", tw_builtin_default,
                                     strlen(tw_builtin_default), true);
    if (rc == TW_OK && input->yaml != NULL) {
        rc = tw_parse_text(self, input->name, input->yaml, input->len, false);
    }
    rc = rc != TW_OK ? rc : resolve_dirs(self, &self->cfg->workflows.dirs);
    rc = rc != TW_OK ? rc : resolve_dirs(self, &self->cfg->dashboards.dirs);
    rc = rc != TW_OK ? rc : resolve_dirs(self, &self->cfg->causes.dirs);
    rc = rc != TW_OK ? rc : resolve_dirs(self, &self->cfg->alerts.dirs);
    rc = rc != TW_OK ? rc : resolve_dirs(self, &self->cfg->alerts.runbook_dirs);
    rc = rc != TW_OK ? rc : resolve_file(self, &self->cfg->notify.file);
    rc = rc != TW_OK ? rc : tw_parse_mapping_files(self);
    rc = rc != TW_OK ? rc : shipped_mappings(self);
    if (rc != TW_OK) {
        return rc;
    }
    self->file = input->name; /* what follows concerns the file as a whole */
    self->has_environment = input->use_environment;
    if (input->use_environment) {
        rc = apply_environment(self);
    } else if (cfg->store.dir == NULL) {
        rc = replace_text(&cfg->store.dir, STATE_DIR);
    }
    if (rc == TW_OK) {
        tw_check(self);
    }
    return rc;
}

static int build(const struct input *input, FILE *report, struct tw_cfg **ret_cfg)
{
    /* On the heap: the faults alone are kilobytes. */
    struct tw_parse *parse = calloc(1, sizeof(*parse));
    int rc = TW_ENOMEM;
    if (parse == NULL) {
        return rc;
    }
    parse->cfg = calloc(1, sizeof(*parse->cfg));
    parse->dir = input->dir;
    if (parse->cfg == NULL) {
        goto out;
    }
    rc = fill(parse, input);
    if (rc == TW_OK && parse->faults.is_out_of_memory) {
        rc = TW_ENOMEM;
    }
    if (rc == TW_OK && tw_faults_any(&parse->faults)) {
        tw_faults_report(&parse->faults, report);
        rc = TW_ECONFIG;
    }
    if (rc == TW_OK || (rc == TW_ECONFIG && input->is_kept_with_faults)) {
        *ret_cfg = parse->cfg;
        parse->cfg = NULL;
    }
out:
    tw_cfg_destroy(&parse->cfg);
    tw_parse_fini(parse);
    free(parse);
    return rc;
}

int tw_cfg_parse(const char *name, const char *yaml, size_t len, FILE *report,
                 struct tw_cfg **ret_cfg)
{
    struct input input = {.name = name, .yaml = yaml, .len = len};
    return build(&input, report, ret_cfg);
}

static int load(const char *file, bool is_kept_with_faults, FILE *report, struct tw_cfg **ret_cfg)
{
    struct tw_faults *faults = NULL;
    char *text = NULL;
    char *dir = NULL;
    struct input input = {
        .name = "(built in)", .use_environment = true, .is_kept_with_faults = is_kept_with_faults};
    int rc = TW_OK;
    if (file != NULL) {
        faults = calloc(1, sizeof(*faults));
        const char *slash = strrchr(file, '/');
        dir = slash == NULL ? strdup(".") : strndup(file, (size_t)(slash - file) + 1);
        if (faults == NULL || dir == NULL) {
            rc = TW_ENOMEM;
            goto out;
        }
        input.name = file;
        input.dir = dir;
        rc = tw_tree_read_file(file, &text, &input.len, faults);
        if (rc != TW_OK) {
            tw_faults_report(faults, report);
            goto out;
        }
        input.yaml = text;
    }
    rc = build(&input, report, ret_cfg);
out:
    if (faults != NULL) {
        tw_faults_fini(faults);
    }
    free(faults);
    free(dir);
    free(text);
    return rc;
}

int tw_cfg_load(const char *file, FILE *report, struct tw_cfg **ret_cfg)
{
    return load(file, false, report, ret_cfg);
}

int tw_cfg_load_anyway(const char *file, FILE *report, struct tw_cfg **ret_cfg)
{
    *ret_cfg = NULL;
    return load(file, true, report, ret_cfg);
}
