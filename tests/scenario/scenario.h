/* SPDX-License-Identifier: Apache-2.0
 * One scenario under way: shared by the script reader and the expectations. */
#ifndef TW_TESTS_SCENARIO_H
#define TW_TESTS_SCENARIO_H

#include "core/str.h"
#include "support/lab.h"
#include "support/play_alerts.h"

#define WORDS_MAX 64

struct scenario {
    struct lab lab;
    bool is_open;
    const char *file;
    int line;
    char failure[1024];  /* empty: none */
    char workflows[160]; /* directory of the WORKFLOW blocks; empty: there were none */
    bool has_new_workflows;
    /* What alert rules say, from the first RULES block on. */
    char rules[160]; /* directory of the blocks; empty: there were none */
    bool has_new_rules;
    struct play_alerts *alerts; /* NULL: nothing is judged */
    FILE *told;                 /* into told_text: lines of JSON */
    char *told_text;
    size_t told_len;
};

/* Set the failure (the first one stays). */
void scenario_fail(struct scenario *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* words[0] is what is expected of ("total", "journey", ...). */
void scenario_expect(struct scenario *self, char **words, size_t count);
/* The same for what tracking says; false: `what` is none of its words. */
bool scenario_expect_track(struct scenario *self, char **words, size_t count);
/* words: alerts, a rule, LABEL=VALUE ..., then all changes of its alerts. */
void scenario_expect_alerts(struct scenario *self, char **words, size_t count);
/* words: past, a rule, is-live: tried on the past it fires and ends as it did live. */
void scenario_expect_past(struct scenario *self, char **words);
/* The rules of the RULES blocks, in force from now on. */
void scenario_load_rules(struct scenario *self);
void scenario_close_rules(struct scenario *self);
/* The `id` attribute of a stored event, in the lab's arena. */
const char *scenario_event_id(struct scenario *self, struct tw_str json);

#endif
