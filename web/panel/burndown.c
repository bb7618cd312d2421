/* SPDX-License-Identifier: Apache-2.0
 * The burn-down of a budget: from the begin of the objective's window, where it was whole, each bad
 * decision takes its share of what is allowed in the window, at the minute in which it was made;
 * up to what the objective says is left now. Beside it even spending, which uses the budget up with
 * the end of the window, and how it goes on at the burn rate of the last hour.
 * Source: docs/objectives.md, budgets. */
#include "config.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/clock.h"
#include "core/err.h"
#include "web/panel/query_internal.h"

/* Decisions are read so many at a time: one a minute. */
#define READ_S (INT64_C(60) * 86400)
#define DAY_S  86400.0

/* What the objective says of itself. */
struct budget {
    int64_t from_s;
    int64_t until_s; /* a rolling window ends now */
    int64_t at_s;
    double left;     /* of 1; below 0: overspent */
    double bad;      /* that were counted in the window */
    double lasts_s;  /* at the burn rate of the last hour; NAN: nothing burns, or all is spent */
    bool is_decided; /* anything was */
};

static int64_t second_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    const struct tw_str text = {json_string_value(value), json_string_length(value)};
    tw_wall_t at = {0};
    return text.ptr == NULL || tw_wall_parse(text, &at) != TW_OK ? 0 : at.ns / TW_NS_PER_S;
}

static double number_of(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    return json_is_number(value) ? json_number_value(value) : (double)NAN;
}

static int read_budget(struct tw_query *self, struct tw_str name, struct budget *ret_budget)
{
    char key[160];
    struct tw_str text;
    (void)snprintf(key, sizeof key, "objective/%.*s", (int)(name.len > 128 ? 128 : name.len),
                   name.ptr);
    int rc = tw_reader_live(self->reader, self->arena, tw_str_of(key), &text);
    json_t *json = rc == TW_OK ? json_loadb(text.ptr, text.len, 0, NULL) : NULL;
    const json_t *window = json_object_get(json, "window");
    double lasts_s = number_of(json, "exhaustion");
    *ret_budget = (struct budget){
        .from_s = second_of(window, "from"),
        .until_s = second_of(window, "until"),
        .at_s = second_of(json, "at"),
        .left = number_of(json, "budget_remaining"),
        .bad = number_of(json, "bad"),
        .lasts_s = lasts_s > 0 ? lasts_s : (double)NAN,
        .is_decided = number_of(json, "total") > 0,
    };
    json_decref(json);
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

/* The share of the budget that one bad decision takes: so that all of them take what is gone. */
static double share_of(const struct budget *budget)
{
    return budget->bad > 0 && isfinite(budget->left) ? (1 - budget->left) / budget->bad : 0;
}

/* How many were bad in each bucket, from the begin of the window on. */
static int count_bad(struct tw_query *self, struct tw_str name, const struct budget *budget,
                     double *bad)
{
    const struct tw_plot_data *data = &self->data;
    int rc = TW_OK;
    for (int64_t since_s = budget->from_s; since_s <= budget->at_s && rc == TW_OK;
         since_s += READ_S) {
        int64_t until_s = since_s + READ_S > budget->at_s ? budget->at_s + 1 : since_s + READ_S;
        const struct tw_decision *rows = NULL;
        size_t count = 0;
        rc = tw_reader_decisions(self->reader, self->arena, name, since_s, until_s, &rows, &count);
        for (size_t i = 0; rc == TW_OK && i < count; i++) {
            int64_t at = (rows[i].minute - data->first_s) / data->step_s;
            at = rows[i].minute < data->first_s ? 0 : at;
            if (at < (int64_t)data->count) {
                bad[at] += (double)rows[i].bad;
            }
        }
    }
    return rc;
}

static int draw_left(struct tw_query *self, struct tw_str name, const struct budget *budget)
{
    struct tw_plot_data *data = &self->data;
    double *bad = tw_arena_zalloc(self->arena, (data->count + 1) * sizeof *bad);
    struct tw_plot_line *line = NULL;
    int rc = bad == NULL ? TW_ENOMEM : tw_query_alive(self);
    rc = rc == TW_OK ? count_bad(self, name, budget, bad) : rc;
    rc = rc == TW_OK ? tw_query_line(self, TW_STR_LIT("budget left"), TW_TONE_INFO, &line) : rc;
    double gone = 0;
    for (size_t p = 0; rc == TW_OK && p < data->count; p++) {
        int64_t begin_s = data->first_s + (int64_t)p * data->step_s;
        gone += bad[p] * share_of(budget);
        bool is_in = begin_s + data->step_s > budget->from_s && begin_s <= budget->at_s;
        line->known[p] = is_in && self->alive[p] && budget->is_decided;
        line->values[p] = 1 - gone;
    }
    return rc;
}

/* A straight line from one moment to a later one. */
static int draw_straight(struct tw_query *self, const char *name, unsigned tone,
                         const double from[2], const double to[2])
{
    struct tw_plot_data *data = &self->data;
    struct tw_plot_line *line = NULL;
    int rc = tw_query_line(self, tw_str_of(name), tone, &line);
    for (size_t p = 0; rc == TW_OK && p < data->count; p++) {
        double at_s = (double)(data->first_s + (int64_t)p * data->step_s);
        double share = (at_s - from[0]) / (to[0] - from[0]);
        double margin = (double)data->step_s / (to[0] - from[0]);
        line->known[p] = share > -margin && share < 1 + margin;
        share = share < 0 ? 0 : share > 1 ? 1 : share;
        line->values[p] = from[1] + share * (to[1] - from[1]);
    }
    return rc;
}

static int draw_goes_on(struct tw_query *self, const struct budget *budget)
{
    char name[64];
    double days = budget->lasts_s / DAY_S;
    if (!isfinite(budget->lasts_s) || !(budget->left > 0)) {
        return TW_OK; /* nothing burns, or nothing is left */
    }
    (void)snprintf(name, sizeof name, "if it goes on: spent in %.1f %s",
                   days < 2 ? days * 24 : days, days < 2 ? "h" : "d");
    const double from[2] = {(double)budget->at_s, budget->left};
    const double to[2] = {(double)budget->at_s + budget->lasts_s, 0};
    return draw_straight(self, name, TW_TONE_BAD, from, to);
}

int tw_query_burndown(struct tw_query *self)
{
    const struct tw_panel_where *where = &self->ask->panel->series[0].where[0];
    struct tw_str name =
        where->value != NULL ? tw_str_of(where->value) : self->ask->params[where->param];
    struct budget budget;
    int rc = read_budget(self, name, &budget);
    rc = rc == TW_OK ? tw_query_alive(self) : rc; /* settles the buckets */
    if (rc != TW_OK || budget.from_s == 0 || budget.until_s <= budget.from_s) {
        return rc;
    }
    rc = draw_left(self, name, &budget);
    const double from[2] = {(double)budget.from_s, 1};
    const double to[2] = {(double)budget.until_s, 0};
    rc = rc == TW_OK ? draw_straight(self, "spent evenly", TW_TONE_MUTED, from, to) : rc;
    return rc == TW_OK ? draw_goes_on(self, &budget) : rc;
}
