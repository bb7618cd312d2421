/* SPDX-License-Identifier: Apache-2.0
 * What the tracker counts of regions against what counting all runs anew gives: at most three
 * regions and seven stores. Ends the test program at the first difference. Thread: one test. */
#ifndef TW_TESTS_RECOUNT_H
#define TW_TESTS_RECOUNT_H

#include "track/internal.h"

/* `of`: the number of what it is about. */
void recount_must_be(int64_t expected, int64_t actual, const char *what, uint32_t of);
void recount_regions(struct tw_tracker *tracker);

#endif
