/* SPDX-License-Identifier: Apache-2.0
 * Expectations of alert rules: what the judge said, bucket by bucket, of what was committed. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/past.h"
#include "scenario/scenario.h"

#define DAY_S      86400
#define BUCKET_S   10
#define EVENTS_MAX 200
#define PAST_S     86400 /* as long as the past is judged by ten seconds */

/* Calls with a configuration that names the rules of the scenario alone. */
static int with_rules(struct scenario *self, int (*call)(struct scenario *self, void *context),
                      void *context)
{
    struct tw_cfg *cfg = self->lab.cfg;
    char *dirs[] = {self->rules};
    const struct tw_cfg_strings before = cfg->alerts.dirs;
    cfg->alerts.has_pack = false;
    cfg->alerts.dirs = (struct tw_cfg_strings){dirs, 1};
    int rc = call(self, context);
    cfg->alerts.dirs = before;
    return rc;
}

static int begin_or_change(struct scenario *self, void *context)
{
    (void)context;
    if (self->alerts != NULL) {
        play_alerts_change(self->alerts, self->lab.cfg, self->lab.workflows);
        return TW_OK;
    }
    self->told = open_memstream(&self->told_text, &self->told_len);
    TW_ASSERT(self->told != NULL);
    self->alerts = play_alerts_new(self->lab.cfg, self->lab.workflows, self->told);
    self->lab.on_commit = play_alerts_take;
    self->lab.context = self->alerts;
    return TW_OK;
}

void scenario_load_rules(struct scenario *self)
{
    self->has_new_rules = false;
    if (self->lab.workflows == NULL) {
        scenario_fail(self, "rules need a workflow");
        return;
    }
    (void)with_rules(self, begin_or_change, NULL);
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

/* ---- the past is what was live --------------------------------------------------------------- */

/* One line of what fired and what ended, to be sorted. */
struct events {
    char lines[EVENTS_MAX][160];
    size_t count;
};

static void add_event(struct events *self, int64_t at_s, const char *what, const char *labels)
{
    TW_ASSERT(self->count < EVENTS_MAX);
    (void)snprintf(self->lines[self->count++], sizeof self->lines[0], "%lld %s %.120s",
                   (long long)at_s, what, labels);
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void join_events(struct events *self, char *text, size_t size)
{
    if (self->count > 1) {
        qsort(self->lines, self->count, sizeof self->lines[0], compare_lines);
    }
    text[0] = '\0';
    for (size_t i = 0; i < self->count; i++) {
        size_t len = strlen(text);
        (void)snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "", self->lines[i]);
    }
}

static void live_events(struct scenario *self, const char *rule, struct events *events)
{
    (void)fflush(self->told);
    for (char *line = self->told_text; line != NULL && *line != '\0';) {
        size_t len = strcspn(line, "\n");
        json_t *row = json_loadb(line, len, 0, NULL);
        const char *what = json_string_value(json_object_get(row, "what"));
        bool is_it = strcmp(json_string_value(json_object_get(row, "alert")), rule) == 0;
        if (is_it && (strcmp(what, "firing") == 0 || strcmp(what, "resolved") == 0)) {
            char *labels =
                json_dumps(json_object_get(row, "labels"), JSON_COMPACT | JSON_SORT_KEYS);
            add_event(events, json_integer_value(json_object_get(row, "at")), what,
                      labels == NULL ? "" : labels);
            free(labels);
        }
        json_decref(row);
        line += len + (line[len] == '\n' ? 1 : 0);
    }
}

struct past_query {
    const char *rule;
    struct events events;
};

static int past_events(struct scenario *self, void *context)
{
    struct past_query *query = context;
    const struct tw_rules *rules = NULL;
    struct tw_past past = {0};
    struct tw_diag diag = {""};
    int64_t now_s = self->lab.clock.wall.ns / TW_NS_PER_S / BUCKET_S * BUCKET_S;
    int rc = tw_rules_load(self->lab.cfg, self->lab.workflows, stderr, &rules);
    const struct tw_past_ask ask = {
        .rules = rules,
        .rule = rc == TW_OK ? tw_rules_find(rules, tw_str_of(query->rule)) : NULL,
        .workflows = self->lab.workflows,
        .since_s = now_s - PAST_S,
        .until_s = now_s,
    };
    rc = rc == TW_OK && ask.rule == NULL ? TW_ENOTFOUND : rc;
    tw_arena_reset(&self->lab.arena);
    rc = rc == TW_OK ? tw_past_try(lab_reader(&self->lab), &self->lab.arena, &ask, &past, &diag)
                     : rc;
    for (size_t i = 0; i < past.span_count && rc == TW_OK; i++) {
        struct tw_str labels = TW_STR_NULL;
        rc = tw_labels_json(&self->lab.arena, &past.spans[i].labels, &labels);
        if (rc == TW_OK) {
            add_event(&query->events, past.spans[i].fired_s, "firing", labels.ptr);
        }
        if (rc == TW_OK && past.spans[i].resolved_s != 0) {
            add_event(&query->events, past.spans[i].resolved_s, "resolved", labels.ptr);
        }
    }
    tw_rules_unref(&rules);
    return rc;
}

void scenario_expect_past(struct scenario *self, char **words)
{
    static struct past_query query;
    static struct events live;
    static char expected[EVENTS_MAX * 160];
    static char actual[EVENTS_MAX * 160];
    query = (struct past_query){.rule = words[1]};
    live = (struct events){.count = 0};
    if (self->alerts == NULL || strcmp(words[2], "is-live") != 0) {
        scenario_fail(self, "EXPECT past RULE is-live, behind RULES");
        return;
    }
    int rc = with_rules(self, past_events, &query);
    if (rc != TW_OK) {
        scenario_fail(self, "the past: %s", tw_err_text(rc));
        return;
    }
    live_events(self, words[1], &live);
    join_events(&live, expected, sizeof expected);
    join_events(&query.events, actual, sizeof actual);
    if (live.count == 0 || strcmp(expected, actual) != 0) {
        scenario_fail(self, "the past of %s is \"%.400s\", live was \"%.400s\"", words[1], actual,
                      expected);
    }
}
