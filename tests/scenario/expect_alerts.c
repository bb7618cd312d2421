/* SPDX-License-Identifier: Apache-2.0
 * Expectations of alert rules: what the judge said, bucket by bucket, of what was committed. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenario/scenario.h"

#define DAY_S 86400

void scenario_load_rules(struct scenario *self)
{
    struct tw_cfg *cfg = self->lab.cfg;
    char *dirs[] = {self->rules};
    const struct tw_cfg_strings before = cfg->alerts.dirs;
    self->has_new_rules = false;
    if (self->lab.workflows == NULL) {
        scenario_fail(self, "rules need a workflow");
        return;
    }
    cfg->alerts.has_pack = false;
    cfg->alerts.dirs = (struct tw_cfg_strings){dirs, 1};
    if (self->alerts == NULL) {
        self->told = open_memstream(&self->told_text, &self->told_len);
        TW_ASSERT(self->told != NULL);
        self->alerts = play_alerts_new(cfg, self->lab.workflows, self->told);
        self->lab.on_commit = play_alerts_take;
        self->lab.context = self->alerts;
    } else {
        play_alerts_change(self->alerts, cfg, self->lab.workflows);
    }
    cfg->alerts.dirs = before;
}

void scenario_close_rules(struct scenario *self)
{
    self->lab.on_commit = NULL;
    play_alerts_destroy(&self->alerts);
    if (self->told != NULL) {
        (void)fclose(self->told);
    }
    free(self->told_text);
    if (self->rules[0] != '\0') {
        lab_remove_dir(self->rules);
    }
}

/* Whether it is of this rule and has these labels, LABEL=VALUE each. */
static bool is_asked(const json_t *row, char **words, size_t count)
{
    bool is_it = strcmp(json_string_value(json_object_get(row, "alert")), words[0]) == 0;
    const json_t *labels = json_object_get(row, "labels");
    for (size_t i = 1; i < count && is_it; i++) {
        const char *value = strchr(words[i], '=');
        char name[64];
        (void)snprintf(name, sizeof name, "%.*s", (int)(value - words[i]), words[i]);
        const char *actual = json_string_value(json_object_get(labels, name));
        is_it = strcmp(actual == NULL ? "" : actual, value + 1) == 0;
    }
    return is_it;
}

/* "10:01:20 firing", and " flapping" behind it. */
static void add_change(const json_t *row, char *text, size_t size)
{
    size_t len = strlen(text);
    int64_t second = json_integer_value(json_object_get(row, "at")) % DAY_S;
    (void)snprintf(text + len, size - len, "%s%02d:%02d:%02d %s%s", len > 0 ? " " : "",
                   (int)(second / 3600), (int)(second / 60 % 60), (int)(second % 60),
                   json_string_value(json_object_get(row, "what")),
                   json_is_true(json_object_get(row, "flapping")) ? " flapping" : "");
}

void scenario_expect_alerts(struct scenario *self, char **words, size_t count)
{
    char actual[4096] = "";
    char expected[4096] = "";
    size_t asked = 2;
    if (self->alerts == NULL) {
        scenario_fail(self, "there are no rules");
        return;
    }
    while (asked < count && strchr(words[asked], '=') != NULL) {
        asked++;
    }
    (void)fflush(self->told);
    for (char *line = self->told_text; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        json_t *row = json_loadb(line, len, 0, NULL);
        TW_ASSERT(row != NULL);
        if (is_asked(row, words + 1, asked - 1)) {
            add_change(row, actual, sizeof actual);
        }
        json_decref(row);
        line += len + (line[len] == '\n' ? 1 : 0);
    }
    for (size_t i = asked; i < count; i++) {
        size_t len = strlen(expected);
        (void)snprintf(expected + len, sizeof expected - len, "%s%s", len > 0 ? " " : "", words[i]);
    }
    if (strcmp(actual[0] == '\0' ? "none" : actual, expected) != 0) {
        scenario_fail(self, "alerts of %s are \"%s\", not \"%s\"", words[1], actual, expected);
    }
}
