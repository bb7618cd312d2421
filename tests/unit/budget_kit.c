/* SPDX-License-Identifier: Apache-2.0
 * See budget_kit.h. */
#include "config.h"
#include "budget_kit.h"

#include <math.h>

tw_wall_t wall_at(const char *text)
{
    tw_wall_t wall = {0};
    if (tw_wall_parse(tw_str_of(text), &wall) != TW_OK) {
        fail_msg("not a time: %s", text);
    }
    return wall;
}

tw_wall_t wall_later(tw_wall_t from, int64_t ns)
{
    return (tw_wall_t){from.ns + ns};
}

void assert_near(double got, double expected, double tolerance)
{
    if (!(fabs(got - expected) <= tolerance)) {
        fail_msg("%.9f instead of %.9f", got, expected);
    }
}

struct tw_budget *budget_rolling(uint32_t target_ppm, int64_t days, tw_wall_t now)
{
    const struct tw_budget_spec spec = {
        .target_ppm = target_ppm, .window = TW_WINDOW_ROLLING, .window_ns = days * DAY_NS};
    struct tw_budget *budget = NULL;
    assert_int_equal(tw_budget_new(&spec, now, &budget), TW_OK);
    return budget;
}

struct tw_budget *budget_calendar(uint32_t target_ppm, enum tw_window_kind kind,
                                  const struct tw_zone *zone, tw_wall_t now)
{
    const struct tw_budget_spec spec = {.target_ppm = target_ppm, .window = kind, .zone = zone};
    struct tw_budget *budget = NULL;
    assert_int_equal(tw_budget_new(&spec, now, &budget), TW_OK);
    return budget;
}

struct tw_budget_view budget_view(struct tw_budget *budget)
{
    struct tw_budget_view view;
    tw_budget_view(budget, 0, &view);
    return view;
}

void assert_counts(struct tw_counts counts, int64_t good, int64_t bad)
{
    assert_int_equal(counts.good, good);
    assert_int_equal(counts.bad, bad);
}
