/* SPDX-License-Identifier: Apache-2.0
 * What the tests of the desk share: a store, the desk that follows it, and runs that say what
 * happened to their one step.
 * Thread: one test.
 */
#ifndef TW_TESTS_DESK_KIT_H
#define TW_TESTS_DESK_KIT_H

#include "store_kit.h"

#include "desk/follow.h"
#include "store/desk_read.h"

extern struct kit kit;
extern struct tw_follow *follow;
extern struct tw_desk_reader *desk;
extern struct tw_arena arena;
extern enum tw_run_state run_state; /* of what is committed */

int set_up(void **state);
int tear_down(void **state);

/* Commit one event with this text; its number. */
uint64_t commit_event(const char *json);
struct said {
    const char *id;
    const char *setbacks;
    const char *store;
    int64_t amount;
};
void commit_run(const struct said *said, bool starts_partition);
/* One step "posted" of "erp": state, cause, event that failed, proof. Times in seconds. One of
 * eight texts that take turns. */
const char *step_text(enum tw_step_state state, enum tw_cause cause, uint64_t failed, uint64_t done,
                      int64_t time_s);
void follow_all(void);

#define FAILED_EVENT                                                                         \
    "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"/erp\",\"type\":\"erp.posting\","    \
    "\"outcome\":\"failed\",\"errorcode\":\"MAT-404\",\"errormessage\":\"material 4711 not " \
    "found\",\"errorclass\":\"master-data\",\"httpstatus\":422}"

/* The run of this object commits that its step failed; the number of the event. */
uint64_t post_fails(const char *id, const char *store, int64_t amount, int64_t time_s);

#endif
