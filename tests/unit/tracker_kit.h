/* SPDX-License-Identifier: Apache-2.0
 * A tracker of one workflow of sales, events of it, and what it emits. Thread: one test. */
#ifndef TW_TESTS_TRACKER_KIT_H
#define TW_TESTS_TRACKER_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/err.h"
#include "track/internal.h"

#define NOW_S INT64_C(1795255200) /* a whole minute */

struct kit_tracker {
    struct tw_cfg *cfg;
    const struct tw_workflows *set;
    struct tw_tracker *tracker;
    struct tw_arena arena;
    uint64_t n;
    int64_t now_s;      /* receipt of what comes, after NOW_S */
    const char *region; /* that events name; NULL: none */
};

/* `track`: further settings, ", name: value"; the workflow is keyed by transaction. */
void kt_open(struct kit_tracker *self, const char *track, const char *definition);
void kt_close(struct kit_tracker *self);
/* One event of a receipt, that happened at_s after NOW_S: sold, routed, posted, "posted failed"
 * (its outcome), accrued. store 0: none. */
void kt_apply(struct kit_tracker *self, const char *type, int receipt, int store, int64_t at_s);
void kt_tick(struct kit_tracker *self, int64_t at_s);
const struct tw_track_changes *kt_emit(struct kit_tracker *self);
/* A live document, owned. */
json_t *kt_document(const struct tw_track_changes *changes, const char *key);

#endif
