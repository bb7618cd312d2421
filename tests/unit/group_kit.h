/* SPDX-License-Identifier: Apache-2.0
 * What the tests of groups share: alerts that fire and end at seconds of a clock, rows as desk.db
 * would have them, what was told as text, and restarts that have the rows alone.
 * Thread: one test.
 */
#ifndef TW_TESTS_GROUP_KIT_H
#define TW_TESTS_GROUP_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notify/group.h"

#define GK_ALERTS_MAX 12000
#define GK_ROWS_MAX   4096

struct gk_alert {
    uint64_t id;
    uint64_t fingerprint;
    char *labels;
    char *inhibited_by;
    unsigned severity;
    int64_t fired_s;
    int64_t ended_s; /* 0: it fires */
    bool is_acked;
    bool in_maintenance;
};
struct gk {
    const struct tw_notify *set;
    const struct tw_workflows *workflows;
    struct tw_groups *groups;
    struct tw_arena arena;
    int64_t now_s;
    struct gk_alert *alerts;
    size_t alert_count;
    uint64_t next_id;
    struct tw_group_silence silences[8];
    size_t silence_count;
    struct tw_notice_group rows[GK_ROWS_MAX]; /* texts owned */
    size_t row_count;
    char *told; /* a line a notice */
    size_t told_len;
    FILE *out;
    size_t notices;
    size_t lines;
    char *last_body; /* of the last notice; owned */
    bool restarts_always;
    int64_t restart_s; /* once, before this second; 0: never */
};

/* With the definitions of `workflows` (YAML, may be NULL: none). */
void gk_init(struct gk *self, const char *notify, const char *workflow);
void gk_fini(struct gk *self);
/* `text`: labels, a JSON object. It fires now. Returns its fingerprint. */
uint64_t gk_fire(struct gk *self, const char *text);
void gk_end(struct gk *self, uint64_t fingerprint);
struct gk_alert *gk_find(struct gk *self, uint64_t fingerprint);
/* After a change of what gk_find gave. */
void gk_changed(struct gk *self, struct gk_alert *alert);
void gk_ack(struct gk *self, uint64_t fingerprint);
void gk_silence(struct gk *self, const char *matchers, int64_t starts_s, int64_t ends_s);
void gk_restart(struct gk *self);
/* Second by second, up to and with this one. */
void gk_run(struct gk *self, int64_t until_s);
/* What was told since the last call: "30 ops/webhook notify first notification: A B / C\n", those
 * that fire, then behind the slash those that are over. Names are the label n, else alertname. */
void gk_expect(struct gk *self, const char *told);
bool gk_is_inhibited(struct gk *self, uint64_t fingerprint);

#endif
