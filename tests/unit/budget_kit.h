/* SPDX-License-Identifier: Apache-2.0
 * What the tests of a budget share: moments, budgets of both kinds, comparisons. Thread: one test.
 */
#ifndef TW_TESTS_BUDGET_KIT_H
#define TW_TESTS_BUDGET_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/err.h"
#include "track/budget.h"

#define MINUTE_NS (60 * TW_NS_PER_S)
#define HOUR_NS   (60 * MINUTE_NS)
#define DAY_NS    (24 * HOUR_NS)

/* "2026-03-31T12:34:00Z" */
tw_wall_t wall_at(const char *text);
tw_wall_t wall_later(tw_wall_t from, int64_t ns);

/* With a rolling window of so many days; owned. */
struct tw_budget *budget_rolling(uint32_t target_ppm, int64_t days, tw_wall_t now);
struct tw_budget *budget_calendar(uint32_t target_ppm, enum tw_window_kind kind,
                                  const struct tw_zone *zone, tw_wall_t now);
/* Without traffic that is expected. */
struct tw_budget_view budget_view(struct tw_budget *budget);

void assert_near(double got, double expected, double tolerance);
void assert_counts(struct tw_counts counts, int64_t good, int64_t bad);

#endif
