/* SPDX-License-Identifier: Apache-2.0
 * What the tests of the matcher share: definitions made in place, whose references are counted.
 * Thread: one test. */
#ifndef TW_TESTS_MATCH_KIT_H
#define TW_TESTS_MATCH_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/match.h"

struct pack {
    struct tw_workflows set;
    struct tw_workflow items[4];
    struct tw_wf_step steps[4][TW_WF_STEPS_MAX];
};

/* How often the definitions are referred to. */
extern int pack_references;
/* The teardown of every case. */
int no_references_left(void **state);

/* A literal where the records want memory of their own; nothing writes to it. */
char *pack_text(const char *literal);
struct tw_workflow *pack_add_workflow(struct pack *pack, const char *name, uint64_t version);
struct tw_wf_step *pack_add_step(struct tw_workflow *workflow, uint32_t after);
/* "a.b" or "a.*" */
struct tw_wf_match pack_pattern(char *event, bool is_prefix);
void pack_add_done(struct tw_wf_step *step, const char *event, bool is_prefix);
void pack_add_where(struct tw_wf_match *match, const char *attribute, enum tw_where_kind kind,
                    const char *value);

/* A matcher that knows this set; owned. */
struct tw_matcher *pack_matcher(const struct tw_workflows *set);
struct tw_event pack_event(const char *type, const char *outcome);
struct tw_match pack_match(struct tw_matcher *matcher, const struct tw_event *event);

#endif
