/* SPDX-License-Identifier: Apache-2.0
 * tower-play: the collector's pipeline and store on the simulated time of what it reads, as if each
 * line had come at the moment that stands before it. A day passes in seconds, and still a clock
 * that is wrong, a backlog or a step that has stopped is what it is live. No threads, no sockets;
 * the store that it leaves behind is the real one, for `tillwatch run --only web` or a real start.
 *
 *   retail-sim --stdout --stamps ... | tower-play --config FILE [--after SECONDS[/STEP]]...
 *                         [--look SECONDS] [--batch SECONDS] [--kill MESSAGES]... [--alerts FILE]
 *                         [--keep SECONDS] [--no-documents]
 *
 * Each line: the time of its receipt in microseconds since 1970, a space, the message. A batch ends
 * with each second of that time (--batch: less often), with every thirtieth where nothing comes for
 * longer. --after: time goes on so long behind the last line, in such steps (1 s). --look: writes
 * the documents of workflows and the overview so often, one line a look:
 * {"at_us":...,"documents":{KEY:...}}. --kill: behind so many messages what is not in the store is
 * forgotten, and a start reads the rest, as after kill -9. --alerts: what alert rules say, a line
 * of JSON for each change (play_alerts.h). --keep: the keeper puts the store in order so often:
 * what is read of weeks is quick then. --no-documents: those are not made, which is most of the
 * work where little comes. The store is TILLWATCH_STATE or that of the configuration.
 */
#include "config.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/err.h"
#include "support/lab.h"
#include "support/play_alerts.h"

/* Where nothing comes for so long batches are fewer. */
#define PAUSE_NS  (10 * TW_NS_PER_S)
#define PAUSED_NS (30 * TW_NS_PER_S)
/* A batch ends so long before its second does: it counts for the second that its events are of. */
#define BEFORE_NS   TW_NS_PER_MS
#define OPTIONS_MAX 16
#define DOCUMENTS   1000

/* Between tracking and its documents (-Wl,--wrap). */
static bool makes_documents = true;
int __real_tw_live_make(struct tw_tracker *self, struct tw_arena *arena,
                        const struct tw_live **ret_live, size_t *ret_count);
int __wrap_tw_live_make(struct tw_tracker *self, struct tw_arena *arena,
                        const struct tw_live **ret_live, size_t *ret_count);
int __wrap_tw_live_make(struct tw_tracker *self, struct tw_arena *arena,
                        const struct tw_live **ret_live, size_t *ret_count)
{
    if (makes_documents) {
        return __real_tw_live_make(self, arena, ret_live, ret_count);
    }
    *ret_live = NULL;
    *ret_count = 0;
    return TW_OK;
}

struct span {
    int64_t length_ns;
    int64_t step_ns;
};

struct play {
    const char *config;
    struct span after[OPTIONS_MAX];
    size_t after_count;
    uint64_t kills[OPTIONS_MAX];
    size_t kill_count;
    int64_t look_ns; /* 0: none */
    int64_t batch_ns;
    int64_t keep_ns;         /* 0: never */
    const char *alerts_file; /* NULL: nothing is judged */
    FILE *alerts_out;
    struct play_alerts *alerts;
    struct lab lab;
    bool is_open;
    int64_t next_look_ns;
    int64_t next_keep_ns;
    uint64_t messages;
};

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "tower-play: %s: %s\n", what, why);
    exit(1); /* NOLINT(concurrency-mt-unsafe): there is one thread */
}

/* A number of seconds, at least `least`; what follows it into *ret_rest. */
static int64_t seconds(const char *text, double least, char **ret_rest)
{
    double value = strtod(text, ret_rest);
    if (*ret_rest == text || !(value >= least && value <= 1e9)) {
        die(text, "not a number of seconds");
    }
    return (int64_t)(value * (double)TW_NS_PER_S);
}

static void read_after(struct play *self, const char *text)
{
    char *rest = NULL;
    if (self->after_count == OPTIONS_MAX) {
        die(text, "too many");
    }
    struct span *span = &self->after[self->after_count++];
    *span = (struct span){seconds(text, 0, &rest), TW_NS_PER_S};
    if (*rest == '/') {
        span->step_ns = seconds(rest + 1, 0.001, &rest);
    }
    if (*rest != '\0') {
        die(text, "not SECONDS/STEP");
    }
}

static void read_options(struct play *self, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"after", required_argument, NULL, 'a'},
                                            {"look", required_argument, NULL, 'l'},
                                            {"batch", required_argument, NULL, 'b'},
                                            {"kill", required_argument, NULL, 'k'},
                                            {"no-documents", no_argument, NULL, 'N'},
                                            {"keep", required_argument, NULL, 'K'},
                                            {"alerts", required_argument, NULL, 'A'},
                                            {NULL, 0, NULL, 0}};
    char *rest = NULL;
    self->batch_ns = TW_NS_PER_S;
    for (;;) {
        /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
        int option = getopt_long(argc, argv, "", options, NULL);
        if (option == -1) {
            break;
        }
        if (option == 'c') {
            self->config = optarg;
        } else if (option == 'a') {
            read_after(self, optarg);
        } else if (option == 'l') {
            self->look_ns = seconds(optarg, 1, &rest);
        } else if (option == 'N') {
            makes_documents = false;
        } else if (option == 'K') {
            self->keep_ns = seconds(optarg, 1, &rest);
        } else if (option == 'b') {
            self->batch_ns = seconds(optarg, 1, &rest);
        } else if (option == 'k' && self->kill_count < OPTIONS_MAX) {
            self->kills[self->kill_count++] = strtoull(optarg, NULL, 10);
        } else if (option == 'A') {
            self->alerts_file = optarg;
        } else {
            die("options", "see the head of tests/support/play.c");
        }
    }
    if (self->config == NULL || optind != argc) {
        die("options", "--config FILE is needed, and nothing but options");
    }
}

static void open_lab(struct play *self, tw_wall_t start)
{
    struct tw_cfg *cfg = NULL;
    const struct tw_workflows *workflows = NULL;
    if (tw_cfg_load(self->config, stderr, &cfg) != TW_OK ||
        tw_workflows_load(cfg, stderr, &workflows) != TW_OK) {
        die(self->config, "has faults");
    }
    lab_open_store(&self->lab, &cfg, start);
    lab_workflows(&self->lab, workflows);
    if (self->alerts_file != NULL) {
        self->alerts_out = fopen(self->alerts_file, "w");
        if (self->alerts_out == NULL) {
            die(self->alerts_file, "cannot be written");
        }
        self->alerts = play_alerts_new(self->lab.cfg, workflows, self->alerts_out);
        play_alerts_tell(self->alerts, self->lab.cfg, workflows);
        play_alerts_say_rules(self->alerts);
        self->lab.on_commit = play_alerts_take;
        self->lab.context = self->alerts;
    }
    tw_workflows_unref(&workflows);
    self->is_open = true;
}

/* One line of documents; what begins with objective/ is left out. */
static void look(struct play *self)
{
    const struct tw_live *rows = NULL;
    size_t count = 0;
    tw_arena_reset(&self->lab.arena);
    int rc = tw_reader_live_list(lab_reader(&self->lab), &self->lab.arena, tw_str_of(""), DOCUMENTS,
                                 &rows, &count);
    if (rc != TW_OK) {
        die("documents", tw_err_text(rc));
    }
    (void)printf("{\"at_us\":%" PRId64 ",\"documents\":{", self->lab.clock.wall.ns / TW_NS_PER_US);
    const char *comma = "";
    for (size_t i = 0; i < count; i++) {
        if (!tw_str_starts(rows[i].key, tw_str_of("objective/"))) {
            (void)printf("%s\"%.*s\":%.*s", comma, (int)rows[i].key.len, rows[i].key.ptr,
                         (int)rows[i].json.len, rows[i].json.ptr);
            comma = ",";
        }
    }
    (void)printf("}}\n");
}

static void commit(struct play *self)
{
    lab_commit(&self->lab, true);
    if (self->look_ns > 0 && self->lab.clock.wall.ns >= self->next_look_ns) {
        self->next_look_ns = self->lab.clock.wall.ns + self->look_ns;
        look(self);
    }
    if (self->keep_ns > 0 && self->lab.clock.wall.ns >= self->next_keep_ns) {
        self->next_keep_ns = self->lab.clock.wall.ns + self->keep_ns;
        lab_seal(&self->lab);
    }
}

/* The clock goes on to `to`, with a batch at the end of each step. */
static void pass(struct play *self, int64_t to_ns, int64_t step_ns)
{
    struct tw_clock_manual *clock = &self->lab.clock;
    while (clock->wall.ns + step_ns <= to_ns) {
        tw_clock_manual_advance(clock, step_ns);
        commit(self);
    }
}

static void take(struct play *self, const char *line, size_t len)
{
    char *body = NULL;
    long long at_us = strtoll(line, &body, 10);
    if (body == line || *body != ' ' || at_us <= 0) {
        die(line, "begins with no time");
    }
    body++;
    int64_t at_ns = at_us * TW_NS_PER_US;
    if (!self->is_open) {
        open_lab(self, (tw_wall_t){at_ns});
        self->next_look_ns = at_ns;
    }
    int64_t now_ns = self->lab.clock.wall.ns;
    int64_t end_ns = ((now_ns + BEFORE_NS) / self->batch_ns + 1) * self->batch_ns - BEFORE_NS;
    if (at_ns > end_ns) {
        tw_clock_manual_advance(&self->lab.clock, end_ns - now_ns);
        commit(self);
        pass(self, at_ns < end_ns + PAUSE_NS ? at_ns : end_ns + PAUSE_NS, self->batch_ns);
        pass(self, at_ns - self->batch_ns, PAUSED_NS);
        pass(self, at_ns, self->batch_ns);
    }
    if (at_ns > self->lab.clock.wall.ns) {
        tw_clock_manual_advance(&self->lab.clock, at_ns - self->lab.clock.wall.ns);
    }
    (void)lab_message(&self->lab, self->lab.cfg->taps[0].name, NULL, NULL, body,
                      len - (size_t)(body - line));
    self->messages++;
    for (size_t i = 0; i < self->kill_count; i++) {
        if (self->messages == self->kills[i]) {
            lab_commit(&self->lab, false);
            lab_restart(&self->lab);
        }
    }
}

int main(int argc, char **argv)
{
    static struct play self;
    char *line = NULL;
    size_t size = 0;
    read_options(&self, argc, argv);
    for (;;) {
        ssize_t len = getline(&line, &size, stdin);
        if (len <= 0) {
            break;
        }
        take(&self, line, (size_t)len - (line[len - 1] == '\n' ? 1 : 0));
    }
    free(line);
    if (!self.is_open) {
        die("standard input", "nothing was read");
    }
    commit(&self);
    for (size_t i = 0; i < self.after_count; i++) {
        pass(&self, self.lab.clock.wall.ns + self.after[i].length_ns, self.after[i].step_ns);
    }
    tw_pipeline_finish(self.lab.pipeline);
    commit(&self);
    lab_close(&self.lab);
    play_alerts_destroy(&self.alerts);
    if (self.alerts_out != NULL && fclose(self.alerts_out) != 0) {
        die(self.alerts_file, "cannot be written");
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
