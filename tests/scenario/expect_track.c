/* SPDX-License-Identifier: Apache-2.0
 * Expectations on runs, waiting, objectives: what the tracker knows, and what the store was told.
 */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "scenario/scenario.h"
#include "track/tracker.h"

static bool is(const char *word, const char *other)
{
    return strcmp(word, other) == 0;
}

static void same_text(struct scenario *self, const char *what, const char *expected,
                      struct tw_str actual)
{
    bool is_none = is(expected, "none") && actual.len == 0;
    if (!is_none && !tw_str_is(actual, expected)) {
        scenario_fail(self, "%s: expected [%s], is [%.*s]", what, expected, (int)actual.len,
                      actual.len == 0 ? "" : actual.ptr);
    }
}

static void same_number(struct scenario *self, const char *what, const char *expected,
                        int64_t actual)
{
    if (strtoll(expected, NULL, 10) != actual) {
        scenario_fail(self, "%s: expected %s, is %" PRId64, what, expected, actual);
    }
}

static bool find_object(struct scenario *self, const char *text, struct tw_object *ret_object)
{
    int rc =
        tw_journey_parse_id(lab_reader(&self->lab), &self->lab.arena, tw_str_of(text), ret_object);
    if (rc != TW_OK) {
        scenario_fail(self, "%s: %s", text, tw_err_text(rc));
    }
    return rc == TW_OK;
}

/* --- runs as the tracker has them ------------------------------------------------------------- */

static void same_step(struct scenario *self, const struct tw_tracker_run *run, const char *name,
                      const char *state)
{
    for (size_t i = 0; i < run->workflow->step_count; i++) {
        if (is(run->workflow->steps[i].name, name)) {
            same_text(self, name, state, tw_str_of(tw_step_state_name(run->steps[i].state)));
            return;
        }
    }
    scenario_fail(self, "no such step: %s", name);
}

static void run_fields(struct scenario *self, const struct tw_tracker_run *run, char **words,
                       size_t count)
{
    for (size_t i = 0; i + 1 < count; i += 2) {
        if (is(words[i], "state")) {
            same_text(self, "state of the run", words[i + 1],
                      tw_str_of(tw_run_state_name(run->state)));
        } else if (is(words[i], "given-up")) {
            same_text(self, words[i], words[i + 1], tw_str_of(run->is_given_up ? "yes" : "no"));
        } else if (is(words[i], "step") && i + 2 < count) {
            same_step(self, run, words[i + 1], words[i + 2]);
            i++;
        } else {
            scenario_fail(self, "no such field of a run: %s", words[i]);
        }
    }
}

static void expect_run(struct scenario *self, char **words, size_t count)
{
    struct tw_object object;
    struct tw_tracker_run run;
    if (!find_object(self, words[1], &object)) {
        return;
    }
    int rc = tw_tracker_look(tw_pipeline_tracker(self->lab.pipeline), words[0], &object, &run);
    bool wants_none = is(words[2], "none");
    if (rc == TW_ENOTFOUND && wants_none) {
        return;
    }
    if (rc != TW_OK || wants_none) {
        scenario_fail(self, "run %s %s: %s", words[0], words[1], tw_err_text(rc));
        return;
    }
    run_fields(self, &run, words + 2, count - 2);
}

/* --- rows as the store has them --------------------------------------------------------------- */

/* ["0002","0004"] as 0002,0004. */
static struct tw_str plain_list(struct scenario *self, struct tw_str json)
{
    char *text = tw_arena_alloc(&self->lab.arena, json.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < json.len; i++) {
        if (strchr("[]\"", json.ptr[i]) == NULL) {
            text[len++] = json.ptr[i];
        }
    }
    return (struct tw_str){text, len};
}

static void row_field(struct scenario *self, const struct tw_run_row *row, const char *field,
                      const char *value)
{
    const struct {
        const char *name;
        struct tw_str text;
    } texts[] = {{"state", tw_str_of(tw_run_state_name(row->state))},
                 {"cause", tw_str_of(tw_cause_name(row->cause))},
                 {"step", row->step},
                 {"system", row->system},
                 {"destination", row->destination},
                 {"store", row->store},
                 {"region", row->region},
                 {"code", row->code},
                 {"currency", tw_str_of(row->currency)},
                 {"missing", plain_list(self, row->missing)},
                 {"troubles", plain_list(self, row->troubles)},
                 {"finished", tw_str_of(row->finished.ns == 0 ? "no" : "yes")}};
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"amount", row->amount_minor},
                   {"attempts", row->attempts},
                   {"expected", row->expected},
                   {"answered", row->answered},
                   {"took-s", (row->finished.ns - row->started.ns) / TW_NS_PER_S},
                   {"allowed-s", (row->due.ns - row->since.ns) / TW_NS_PER_S}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (is(field, texts[i].name)) {
            same_text(self, field, value, texts[i].text);
            return;
        }
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        if (is(field, numbers[i].name)) {
            same_number(self, field, value, numbers[i].value);
            return;
        }
    }
    scenario_fail(self, "no such field of a row: %s", field);
}

static void expect_row(struct scenario *self, char **words, size_t count)
{
    struct tw_object object;
    struct tw_run_row row;
    if (!find_object(self, words[1], &object)) {
        return;
    }
    int rc =
        tw_reader_run(lab_reader(&self->lab), &self->lab.arena, tw_str_of(words[0]), &object, &row);
    bool wants_none = is(words[2], "none");
    if (rc == TW_ENOTFOUND && wants_none) {
        return;
    }
    if (rc != TW_OK || wants_none) {
        scenario_fail(self, "row %s %s: %s", words[0], words[1], tw_err_text(rc));
        return;
    }
    for (size_t i = 2; i + 1 < count; i += 2) {
        row_field(self, &row, words[i], words[i + 1]);
    }
}

/* --- documents -------------------------------------------------------------------------------- */

/* Owned; NULL after a failure. */
static json_t *document(struct scenario *self, const char *prefix, const char *name)
{
    char key[160];
    struct tw_str json;
    (void)snprintf(key, sizeof key, "%s%s", prefix, name);
    int rc = tw_reader_live(lab_reader(&self->lab), &self->lab.arena, tw_str_of(key), &json);
    if (rc != TW_OK) {
        scenario_fail(self, "document %s: %s", key, tw_err_text(rc));
        return NULL;
    }
    json_t *root = json_loadb(json.ptr, json.len, JSON_DECODE_ANY, NULL);
    if (root == NULL) {
        scenario_fail(self, "document %s is no JSON", key);
    }
    return root;
}

static json_t *member_named(const json_t *list, const char *name_key, const char *name)
{
    size_t i = 0;
    json_t *item = NULL;
    json_array_foreach (list, i, item) {
        const char *text = json_string_value(json_object_get(item, name_key));
        if (text != NULL && is(text, name)) {
            return item;
        }
    }
    return NULL;
}

static void same_member(struct scenario *self, const json_t *object, const char *name,
                        const char *expected)
{
    char text[256] = "none";
    json_t *value = json_object_get(object, name);
    if (json_is_string(value)) {
        (void)snprintf(text, sizeof text, "%s", json_string_value(value));
    } else if (json_is_number(value)) {
        (void)snprintf(text, sizeof text, "%.6g", json_number_value(value));
    }
    same_text(self, name, expected, tw_str_of(text));
}

/* Of a step in the workflow's document. */
static void expect_step(struct scenario *self, const char *field, char **words)
{
    json_t *root = document(self, "workflow/", words[0]);
    json_t *step = member_named(json_object_get(root, "steps"), "name", words[1]);
    if (root != NULL && step == NULL) {
        scenario_fail(self, "no such step: %s", words[1]);
    } else if (root != NULL) {
        same_member(self, step, field, words[2]);
    }
    json_decref(root);
}

static void expect_lag(struct scenario *self, char **words)
{
    json_t *root = document(self, "workflow/", words[0]);
    json_t *step = member_named(json_object_get(root, "steps"), "name", words[1]);
    const json_t *lag = json_object_get(step, "lag_1h");
    double expected = strtod(words[3], NULL);
    double actual = json_number_value(json_object_get(lag, words[2]));
    if (root != NULL && (actual < expected * 0.989 || actual > expected * 1.011)) {
        scenario_fail(self, "lag %s %s: expected %s, is %g", words[1], words[2], words[3], actual);
    }
    json_decref(root);
}

static void expect_watermark(struct scenario *self, char **words)
{
    json_t *root = document(self, "overview", "");
    json_t *system = member_named(json_object_get(root, "systems"), "system", words[0]);
    if (root != NULL) {
        same_member(self, system, "watermark_lag", words[1]);
    }
    json_decref(root);
}

/* A row of the overview: EXPECT system NAME FIELD VALUE..., EXPECT store NAME FIELD VALUE... A
 * store in which nothing waits has no row: "none". */
static void expect_place(struct scenario *self, const char *what, char **words, size_t count)
{
    json_t *root = document(self, "overview", "");
    const char *list = is(what, "system") ? "systems" : "stores";
    json_t *row = member_named(json_object_get(root, list), what, words[0]);
    bool wants_none = is(words[1], "none");
    if (root != NULL && (row == NULL) != wants_none) {
        scenario_fail(self, "%s %s is %s", what, words[0], row == NULL ? "none" : "there");
    }
    for (size_t i = 1; row != NULL && !wants_none && i + 1 < count; i += 2) {
        same_member(self, row, words[i], words[i + 1]);
    }
    json_decref(root);
}

/* --- objectives ------------------------------------------------------------------------------- */

/* All decisions that were ever committed, added up. */
static void sum_decisions(struct scenario *self, const char *name, int64_t *ret_good,
                          int64_t *ret_bad)
{
    const struct tw_decision *items = NULL;
    size_t count = 0;
    int rc = tw_reader_decisions(lab_reader(&self->lab), &self->lab.arena, tw_str_of(name), 0,
                                 INT64_C(4102444800), &items, &count);
    *ret_good = 0;
    *ret_bad = 0;
    if (rc != TW_OK) {
        scenario_fail(self, "decisions of %s: %s", name, tw_err_text(rc));
        return;
    }
    for (size_t i = 0; i < count; i++) {
        *ret_good += items[i].good;
        *ret_bad += items[i].bad;
    }
}

static void expect_objective(struct scenario *self, char **words, size_t count)
{
    int64_t good = 0;
    int64_t bad = 0;
    sum_decisions(self, words[0], &good, &bad);
    json_t *root = document(self, "objective/", words[0]);
    for (size_t i = 1; root != NULL && i + 1 < count; i += 2) {
        if (is(words[i], "good")) {
            same_number(self, "good", words[i + 1], good);
        } else if (is(words[i], "bad")) {
            same_number(self, "bad", words[i + 1], bad);
        } else {
            same_member(self, root, words[i], words[i + 1]);
        }
    }
    json_decref(root);
}

static void expect_spend(struct scenario *self, char **words)
{
    enum tw_spend_by by = is(words[1], "cause")    ? TW_SPEND_BY_CAUSE
                          : is(words[1], "system") ? TW_SPEND_BY_SYSTEM
                                                   : TW_SPEND_BY_STORE;
    const struct tw_spend_sum *sums = NULL;
    size_t count = 0;
    int rc = tw_reader_spend(lab_reader(&self->lab), &self->lab.arena, tw_str_of(words[0]), by, 0,
                             INT64_C(4102444800), 100, &sums, &count);
    int64_t bad = 0;
    for (size_t i = 0; rc == TW_OK && i < count; i++) {
        bad += tw_str_is(sums[i].what, words[2]) ? sums[i].bad : 0;
    }
    if (rc != TW_OK) {
        scenario_fail(self, "spending of %s: %s", words[0], tw_err_text(rc));
    }
    same_number(self, words[2], words[3], bad);
}

/* --- series ----------------------------------------------------------------------------------- */

/* Series of words[0] with the labels LABEL=VALUE[,LABEL=VALUE] of words[1] ("-": whatever they are)
 * over the last so many seconds; false: it failed. */
static bool read_series(struct scenario *self, char **words, int64_t span_s,
                        struct tw_series_result *ret_result)
{
    struct tw_str names[4];
    struct tw_str values[4];
    size_t count = 0;
    char *state = NULL;
    char *first = is(words[1], "-") ? words[1] + 1 : words[1];
    for (char *word = strtok_r(first, ",", &state); word != NULL && count < 4;
         word = strtok_r(NULL, ",", &state)) {
        size_t at = strcspn(word, "=");
        TW_ASSERT(word[at] == '=');
        word[at] = '\0';
        names[count] = tw_str_of(word);
        values[count++] = tw_str_of(word + at + 1);
    }
    const int64_t now_s = self->lab.clock.wall.ns / TW_NS_PER_S;
    const struct tw_series_query query = {.metric = tw_str_of(words[0]),
                                          .label_names = names,
                                          .label_values = values,
                                          .label_count = count,
                                          .since_s = now_s - span_s,
                                          .until_s = now_s + 60};
    int rc = tw_reader_series(lab_reader(&self->lab), &self->lab.arena, &query, ret_result);
    if (rc != TW_OK) {
        scenario_fail(self, "series %s: %s", words[0], tw_err_text(rc));
    }
    return rc == TW_OK;
}

/* The sum of a count over all time: EXPECT counted METRIC LABELS N. */
static void expect_counted(struct scenario *self, char **words)
{
    struct tw_series_result result;
    int64_t sum = 0;
    if (!read_series(self, words, 40000, &result)) {
        return;
    }
    for (size_t i = 0; i < result.series_count; i++) {
        for (size_t k = 0; k < result.point_count; k++) {
            sum += result.series[i].known[k] ? result.series[i].values[k] : 0;
        }
    }
    same_number(self, words[0], words[2], sum);
}

/* The latest value of a series, rounded: EXPECT value METRIC LABELS N; "none": no value was ever
 * written. */
static void expect_value(struct scenario *self, char **words)
{
    struct tw_series_result result;
    bool is_known = false;
    int64_t latest = 0;
    if (!read_series(self, words, 9000, &result)) {
        return;
    }
    for (size_t k = 0; result.series_count == 1 && k < result.point_count; k++) {
        if (result.series[0].known[k]) {
            is_known = true;
            latest = llround((double)result.series[0].values[k] / (double)result.series[0].divisor);
        }
    }
    if (result.series_count > 1) {
        scenario_fail(self, "series %s: there are %zu of these labels", words[0],
                      result.series_count);
    } else if (is(words[2], "none") || !is_known) {
        if (is_known != !is(words[2], "none")) {
            scenario_fail(self, "series %s: %s", words[0], is_known ? "has a value" : "has none");
        }
    } else {
        same_number(self, words[0], words[2], latest);
    }
}

/* "10:00:00-10:02:30" for each, the oldest first; "none". */
static void expect_silences(struct scenario *self, char **words, size_t count)
{
    char key[160];
    struct tw_str text;
    (void)snprintf(key, sizeof key, "silences/%s", words[0]);
    json_t *root = NULL;
    int rc = tw_reader_live(lab_reader(&self->lab), &self->lab.arena, tw_str_of(key), &text);
    if (rc == TW_OK) {
        root = document(self, "silences/", words[0]);
    } else if (rc != TW_ENOTFOUND) {
        scenario_fail(self, "%s: %s", key, tw_err_text(rc));
    }
    const json_t *list = json_object_get(root, "silences");
    size_t wanted = is(words[1], "none") ? 0 : count - 1;
    size_t found = json_array_size(list);
    if (found != wanted) {
        scenario_fail(self, "silences of %s: %zu, not %zu", words[0], found, wanted);
    }
    for (size_t i = 0; i < found && i < wanted; i++) {
        const json_t *one = json_array_get(list, found - 1 - i);
        const char *from = json_string_value(json_object_get(one, "from"));
        const char *until = json_string_value(json_object_get(one, "until"));
        char span[64];
        (void)snprintf(span, sizeof span, "%.8s-%.8s", from + 11, until + 11);
        same_text(self, "silence", words[1 + i], tw_str_of(span));
    }
    json_decref(root);
}

bool scenario_expect_track(struct scenario *self, char **words, size_t count)
{
    const char *what = words[0];
    if (is(what, "run") && count >= 4) {
        expect_run(self, words + 1, count - 1);
    } else if (is(what, "row") && count >= 4) {
        expect_row(self, words + 1, count - 1);
    } else if (count == 4 && (is(what, "waiting") || is(what, "overdue") || is(what, "failed") ||
                              is(what, "verdict") || is(what, "oldest_age"))) {
        expect_step(self, what, words + 1);
    } else if (is(what, "lag") && count == 5) {
        expect_lag(self, words + 1);
    } else if (is(what, "watermark") && count == 3) {
        expect_watermark(self, words + 1);
    } else if ((is(what, "system") || is(what, "store")) && count >= 3) {
        expect_place(self, what, words + 1, count - 1);
    } else if (is(what, "silences") && count >= 3) {
        expect_silences(self, words + 1, count - 1);
    } else if (is(what, "objective") && count >= 4) {
        expect_objective(self, words + 1, count - 1);
    } else if (is(what, "spend") && count == 5) {
        expect_spend(self, words + 1);
    } else if (is(what, "counted") && count == 4) {
        expect_counted(self, words + 1);
    } else if (is(what, "value") && count == 4) {
        expect_value(self, words + 1);
    } else {
        return false;
    }
    return true;
}
