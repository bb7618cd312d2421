/* SPDX-License-Identifier: Apache-2.0
 * Runs scenario files (README.md beside this file) and prints TAP. Without arguments: every *.scn
 * of this directory, in order of name. */
#include "config.h"

#include <glob.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenario/scenario.h"

#define LINE_MAX_BYTES 65536

static const char *const default_config =
    "taps:\n"
    "  - {name: pull, kind: pull, bind: [\"tcp://127.0.0.1:8461\"]}\n"
    "  - {name: acked, kind: router, bind: [\"tcp://127.0.0.1:8462\"]}\n"
    "  - {name: sub, kind: sub, bind: [\"tcp://127.0.0.1:8463\"]}\n";

struct script {
    FILE *file;
    struct scenario scenario;
    char line[LINE_MAX_BYTES];
    char config[LINE_MAX_BYTES];
};

void scenario_fail(struct scenario *self, const char *format, ...)
{
    if (self->failure[0] != '\0') {
        return;
    }
    int len = snprintf(self->failure, sizeof self->failure, "%s:%d: ", self->file, self->line);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(self->failure + len, sizeof self->failure - (size_t)len, format, args);
    va_end(args);
}

/* The next line without its newline; false at the end. */
static bool next_line(struct script *self)
{
    if (fgets(self->line, sizeof self->line, self->file) == NULL) {
        return false;
    }
    self->scenario.line++;
    self->line[strcspn(self->line, "\r\n")] = '\0';
    return true;
}

/* The lines up to END, joined by newlines. */
static void read_block(struct script *self, char *block, size_t size)
{
    size_t len = 0;
    block[0] = '\0';
    while (next_line(self)) {
        if (strcmp(self->line, "END") == 0) {
            return;
        }
        int wrote = snprintf(block + len, size - len, "%s%s", len > 0 ? "\n" : "", self->line);
        len += wrote > 0 ? (size_t)wrote : 0;
        TW_ASSERT(len < size);
    }
    scenario_fail(&self->scenario, "a block without END");
}

/* 5s, 20ms, -3m, 1d -> nanoseconds. */
static int64_t duration(struct scenario *self, const char *text)
{
    static const struct {
        const char *unit;
        int64_t ns;
    } units[] = {{"ms", TW_NS_PER_MS},      {"s", TW_NS_PER_S},         {"m", 60 * TW_NS_PER_S},
                 {"h", 3600 * TW_NS_PER_S}, {"d", 86400 * TW_NS_PER_S}, {"us", TW_NS_PER_US}};
    char *unit = NULL;
    long number = strtol(text, &unit, 10);
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].unit) == 0) {
            return number * units[i].ns;
        }
    }
    scenario_fail(self, "not a duration: %s", text);
    return 0;
}

/* Cut a line into words at spaces, in place; double quotes hold a word together. */
static size_t split(char *line, char **words)
{
    size_t count = 0;
    char *p = line;
    while (*p != '\0' && count < WORDS_MAX) {
        while (*p == ' ') {
            p++;
        }
        if (*p == '\0') {
            break;
        }
        words[count++] = p;
        bool is_quoted = false;
        char *to = p;
        for (; *p != '\0' && (is_quoted || *p != ' '); p++) {
            if (*p == '"') {
                is_quoted = !is_quoted;
            } else {
                *to++ = *p;
            }
        }
        bool is_last = *p == '\0';
        *to = '\0';
        p += is_last ? 0 : 1;
    }
    return count;
}

static void do_event(struct scenario *self, char **words, size_t count)
{
    char now[TW_TIME_TEXT_SIZE];
    json_t *event = json_object();
    (void)json_object_set_new(event, "specversion", json_string("1.0"));
    tw_wall_format(self->lab.clock.wall, now);
    (void)json_object_set_new(event, "time", json_string(now));
    for (size_t i = 2; i < count; i++) {
        char *value = strchr(words[i], '=');
        if (value == NULL) {
            scenario_fail(self, "name=value expected: %s", words[i]);
            break;
        }
        *value++ = '\0';
        if (value[0] == '@') {
            tw_wall_t at = {self->lab.clock.wall.ns + duration(self, value + 1)};
            tw_wall_format(at, now);
            value = now;
        }
        (void)json_object_set_new(event, words[i], json_string(value));
    }
    if (strcmp(json_string_value(json_object_get(event, "time")), "-") == 0) {
        (void)json_object_del(event, "time");
    }
    char *text = json_dumps(event, JSON_COMPACT);
    (void)lab_message(&self->lab, words[1], NULL, NULL, text, strlen(text));
    free(text);
    json_decref(event);
}

static void do_message(struct script *self, char **words, size_t count)
{
    char topic[256] = "";
    char headers[4096] = "";
    char tap[64];
    (void)snprintf(tap, sizeof tap, "%s", words[1]);
    for (size_t i = 2; i < count; i++) {
        if (strncmp(words[i], "topic=", 6) == 0) {
            (void)snprintf(topic, sizeof topic, "%s", words[i] + 6);
        } else if (strncmp(words[i], "headers=", 8) == 0) {
            size_t len = 0;
            for (const char *p = words[i] + 8; *p != '\0' && len < sizeof headers - 1; p++) {
                bool is_newline = p[0] == '\\' && p[1] == 'n';
                headers[len++] = is_newline ? '\n' : *p;
                p += is_newline ? 1 : 0;
            }
            headers[len] = '\0';
        }
    }
    char body[LINE_MAX_BYTES];
    read_block(self, body, sizeof body);
    (void)lab_message(&self->scenario.lab, tap, topic[0] != '\0' ? topic : NULL,
                      headers[0] != '\0' ? headers : NULL, body, strlen(body));
}

static void commit(struct scenario *self)
{
    lab_commit(&self->lab, true);
}

static void do_retry(struct scenario *self, const char *reason)
{
    const struct tw_quarantine_entry *entries = NULL;
    size_t count = 0;
    commit(self);
    tw_arena_reset(&self->lab.arena);
    int rc = tw_reader_quarantine(lab_reader(&self->lab), &self->lab.arena, 0, TW_PROBLEM_none,
                                  false, 1000, &entries, &count);
    if (rc != TW_OK) {
        scenario_fail(self, "quarantine: %s", tw_err_text(rc));
    }
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        if (strcmp(tw_problem_infos[entries[i].entry.code].name, reason) == 0) {
            (void)lab_retry(&self->lab, entries[i].id);
        }
    }
}

static void do_reconfig(struct script *self)
{
    struct scenario *scenario = &self->scenario;
    read_block(self, self->config, sizeof self->config);
    struct tw_cfg *cfg = NULL;
    commit(scenario);
    if (tw_cfg_parse(scenario->file, self->config, strlen(self->config), stderr, &cfg) != TW_OK) {
        scenario_fail(scenario, "the new configuration has faults");
        return;
    }
    lab_reconfigure(&scenario->lab, &cfg);
}

static void do_expect(struct scenario *self, char **words, size_t count)
{
    commit(self);
    if (count < 3) {
        scenario_fail(self, "an expectation without a value");
        return;
    }
    scenario_expect(self, words + 1, count - 1);
}

static void do_time(struct scenario *self, const char *text)
{
    if (tw_wall_parse(tw_str_of(text), &self->lab.clock.wall) != TW_OK) {
        scenario_fail(self, "not a time: %s", text);
    }
}

/* A WORKFLOW or RULES block is a file of a directory, as a configuration would name it; an empty
 * one goes away. What is there counts from the next line that is none. */
static void do_file(struct script *self, bool is_rules, const char *name)
{
    struct scenario *scenario = &self->scenario;
    char *dir = is_rules ? scenario->rules : scenario->workflows;
    char path[256];
    char text[LINE_MAX_BYTES];
    read_block(self, text, sizeof text);
    if (dir[0] == '\0') {
        (void)snprintf(dir, sizeof scenario->rules, "%s-%s", scenario->lab.dir,
                       is_rules ? "rules" : "workflows");
        (void)mkdir(dir, 0700); /* a failure shows when the file is written */
    }
    (void)snprintf(path, sizeof path, "%s/%s.yaml", dir, name);
    *(is_rules ? &scenario->has_new_rules : &scenario->has_new_workflows) = true;
    if (text[0] == '\0') {
        (void)unlink(path); /* one that is not there is gone already */
        return;
    }
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fputc('\n', file) == EOF || fclose(file) != 0) {
        scenario_fail(scenario, "%s cannot be written", path);
    }
}

static void load_workflows(struct scenario *self)
{
    const struct tw_workflows *set = NULL;
    struct tw_cfg *cfg = self->lab.cfg;
    char *dirs[] = {self->workflows};
    const struct tw_cfg_strings before = cfg->workflows.dirs;
    cfg->workflows.has_pack = false;
    cfg->workflows.dirs = (struct tw_cfg_strings){dirs, 1};
    if (tw_workflows_load(cfg, stderr, &set) != TW_OK) {
        scenario_fail(self, "the workflows have faults");
    } else {
        lab_workflows(&self->lab, set);
    }
    tw_workflows_unref(&set);
    cfg->workflows.dirs = before;
    self->has_new_workflows = false;
}

/* Time passes in steps of ten seconds, each with a commit, as it does live. */
static void do_pass(struct scenario *self, int64_t ns)
{
    const int64_t step_ns = 10 * TW_NS_PER_S;
    for (int64_t passed = 0; passed < ns; passed += step_ns) {
        tw_clock_manual_advance(&self->lab.clock, ns - passed < step_ns ? ns - passed : step_ns);
        commit(self);
    }
}

static void do_line(struct script *self, char **words, size_t count)
{
    struct scenario *scenario = &self->scenario;
    const char *verb = words[0];
    if (strcmp(verb, "EVENT") == 0 && count >= 3) {
        do_event(scenario, words, count);
    } else if (strcmp(verb, "MESSAGE") == 0 && count >= 2) {
        do_message(self, words, count);
    } else if (strcmp(verb, "EXPECT") == 0) {
        do_expect(scenario, words, count);
    } else if (strcmp(verb, "COMMIT") == 0) {
        commit(scenario);
    } else if (strcmp(verb, "TIME") == 0 && count == 2) {
        do_time(scenario, words[1]);
    } else if (strcmp(verb, "ADVANCE") == 0 && count == 2) {
        tw_clock_manual_advance(&scenario->lab.clock, duration(scenario, words[1]));
    } else if (strcmp(verb, "PASS") == 0 && count == 2) {
        do_pass(scenario, duration(scenario, words[1]));
    } else if (strcmp(verb, "RESTART") == 0) {
        commit(scenario);
        lab_restart(&scenario->lab);
    } else if (strcmp(verb, "STOP") == 0) {
        lab_stop_and_start(&scenario->lab);
    } else if (strcmp(verb, "TAPS") == 0 && count == 2) {
        scenario->lab.has_backlog = strcmp(words[1], "BACKLOG") == 0;
    } else if (strcmp(verb, "SEAL") == 0) {
        commit(scenario);
        lab_seal(&scenario->lab);
    } else if (strcmp(verb, "RETRY") == 0 && count == 2) {
        do_retry(scenario, words[1]);
    } else if (strcmp(verb, "RECONFIG") == 0) {
        do_reconfig(self);
    } else {
        scenario_fail(scenario, "unknown line: %s", verb);
    }
}

/* Run the lines after the title. The laboratory opens with the first that is no CONFIG. */
static void run_lines(struct script *self)
{
    struct scenario *scenario = &self->scenario;
    char *words[WORDS_MAX];
    while (scenario->failure[0] == '\0' && next_line(self)) {
        if (self->line[0] == '#' || self->line[strspn(self->line, " ")] == '\0') {
            continue;
        }
        if (strcmp(self->line, "CONFIG") == 0 && !scenario->is_open) {
            read_block(self, self->config, sizeof self->config);
            continue;
        }
        if (!scenario->is_open) {
            lab_open(&scenario->lab, self->config[0] != '\0' ? self->config : default_config);
            scenario->is_open = true;
        }
        char line[LINE_MAX_BYTES];
        memcpy(line, self->line, sizeof line);
        size_t count = split(line, words);
        bool is_rules = strcmp(words[0], "RULES") == 0;
        if ((is_rules || strcmp(words[0], "WORKFLOW") == 0) && count == 2) {
            do_file(self, is_rules, words[1]);
            continue;
        }
        if (scenario->has_new_workflows) {
            load_workflows(scenario);
        }
        if (scenario->has_new_rules) {
            scenario_load_rules(scenario);
        }
        do_line(self, words, count);
    }
}

static bool run_file(const char *path, int number)
{
    struct script *self = calloc(1, sizeof *self);
    TW_ASSERT(self != NULL);
    const char *slash = strrchr(path, '/');
    self->scenario.file = slash == NULL ? path : slash + 1;
    self->file = fopen(path, "r");
    char title[512] = "cannot be read";
    if (self->file != NULL && next_line(self)) {
        (void)snprintf(title, sizeof title, "%.400s", self->line);
        run_lines(self);
    } else {
        scenario_fail(&self->scenario, "cannot be read");
    }
    bool is_ok = self->scenario.failure[0] == '\0';
    (void)printf("%s %d - %s: %s\n", is_ok ? "ok" : "not ok", number, self->scenario.file, title);
    if (!is_ok) {
        (void)printf("# %s\n", self->scenario.failure);
    }
    (void)fflush(stdout);
    if (self->scenario.workflows[0] != '\0') {
        lab_remove_dir(self->scenario.workflows);
    }
    scenario_close_rules(&self->scenario);
    if (self->scenario.is_open) {
        lab_close(&self->scenario.lab);
    }
    if (self->file != NULL) {
        (void)fclose(self->file);
    }
    free(self);
    return is_ok;
}

int main(int argc, char **argv)
{
    glob_t found = {0};
    if (argc < 2) {
        char pattern[1024];
        const char *root = getenv("TW_TEST_SRCDIR");
        (void)snprintf(pattern, sizeof pattern, "%s/tests/scenario/*.scn",
                       root == NULL ? TW_SRCDIR : root);
        if (glob(pattern, 0, NULL, &found) != 0) {
            (void)printf("Bail out! no scenarios at %s\n", pattern);
            return 1;
        }
    }
    size_t count = argc < 2 ? found.gl_pathc : (size_t)argc - 1;
    char **paths = argc < 2 ? found.gl_pathv : argv + 1;
    bool is_ok = true;
    (void)printf("1..%zu\n", count);
    for (size_t i = 0; i < count; i++) {
        is_ok = run_file(paths[i], (int)i + 1) && is_ok;
    }
    globfree(&found);
    return is_ok ? 0 : 1;
}
