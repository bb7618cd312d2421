/* SPDX-License-Identifier: Apache-2.0
 * GET /series: numbers over time, for plots and programs. */
#include "config.h"
#include "web/api.h"

#include <stdlib.h>

#define MAX_LABELS 8
#define MAX_VALUES 200000 /* of one answer: about 2 MB */
#define DEFAULT_S  3600
#define MAX_STEP_S 31622400 /* a year */

/* Labels that must match. */
struct wanted {
    struct tw_str names[MAX_LABELS];
    struct tw_str values[MAX_LABELS];
    size_t count;
};

static int refuse_labels(struct tw_call *call)
{
    return tw_diag_set(&call->diag, TW_EINVAL,
                       "'labels' is like workflow=sale-posting,step=posted or a JSON object of "
                       "texts, with at most %d names",
                       MAX_LABELS);
}

/* Copies: the JSON dies before the query. */
static int labels_of_json(struct tw_call *call, struct tw_str text, struct wanted *wanted)
{
    const char *name = NULL;
    json_t *value = NULL;
    json_t *json = NULL;
    if (tw_api_parse(text, &json) == TW_ENOMEM) {
        return TW_ENOMEM;
    }
    int rc =
        json_is_object(json) && json_object_size(json) <= MAX_LABELS ? TW_OK : refuse_labels(call);
    json_object_foreach (json, name, value) {
        if (rc != TW_OK) {
            break;
        }
        const char *shown = json_string_value(value);
        if (shown == NULL) {
            rc = refuse_labels(call);
            break;
        }
        wanted->names[wanted->count] = tw_arena_copy(call->arena, tw_str_of(name));
        wanted->values[wanted->count] = tw_arena_copy(call->arena, tw_str_of(shown));
        bool has_both =
            wanted->names[wanted->count].ptr != NULL && wanted->values[wanted->count].ptr != NULL;
        rc = has_both ? TW_OK : TW_ENOMEM;
        wanted->count++;
    }
    json_decref(json);
    return rc;
}

/* "a=b,c=d" */
static int labels_of_pairs(struct tw_call *call, struct tw_str text, struct wanted *wanted)
{
    while (text.len > 0) {
        const char *comma = memchr(text.ptr, ',', text.len);
        size_t len = comma == NULL ? text.len : (size_t)(comma - text.ptr);
        const char *equals = memchr(text.ptr, '=', len);
        if (equals == NULL || equals == text.ptr || wanted->count == MAX_LABELS) {
            return refuse_labels(call);
        }
        size_t name_len = (size_t)(equals - text.ptr);
        wanted->names[wanted->count] = (struct tw_str){text.ptr, name_len};
        wanted->values[wanted->count] = (struct tw_str){equals + 1, len - name_len - 1};
        wanted->count++;
        size_t step = comma == NULL ? len : len + 1;
        text = (struct tw_str){text.ptr + step, text.len - step};
    }
    return TW_OK;
}

/* Seconds, or with a unit: 10s, 1m, 1h, 1d. */
static int read_step(struct tw_call *call, int64_t *step_s)
{
    static const struct {
        char unit;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct tw_str text = tw_http_param(call->request, "step");
    uint64_t number = 0;
    int64_t factor = 1;
    *step_s = 0;
    if (text.ptr == NULL) {
        return TW_OK;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0] && text.len > 1; i++) {
        if (text.ptr[text.len - 1] == units[i].unit) {
            factor = units[i].seconds;
            text.len--;
            break;
        }
    }
    if (tw_parse_number(text, &number) != TW_OK || number < 1 ||
        number > (uint64_t)(MAX_STEP_S / factor)) {
        return tw_diag_set(&call->diag, TW_EINVAL,
                           "'step' is a number of seconds, or like 10s, 1m, 1h, 1d");
    }
    *step_s = (int64_t)number * factor;
    return TW_OK;
}

static json_t *value_json(const struct tw_series_values *series, size_t i)
{
    if (!series->known[i]) {
        return json_null();
    }
    return series->divisor == 1 ? json_integer(series->values[i])
                                : json_real((double)series->values[i] / (double)series->divisor);
}

static int series_json(struct tw_call *call, const struct tw_series_result *result, json_t *list)
{
    for (size_t k = 0; k < result->series_count; k++) {
        const struct tw_series_values *series = &result->series[k];
        json_t *labels = NULL;
        int rc = tw_api_parse(series->labels, &labels);
        if (rc == TW_ENOMEM) {
            return rc;
        }
        if (rc != TW_OK) {
            return tw_diag_set(&call->diag, TW_EDAMAGED, "the labels of a series are not readable");
        }
        json_t *values = json_array();
        for (size_t i = 0; i < result->point_count; i++) {
            tw_out_add(values, value_json(series, i));
        }
        json_t *one = json_object();
        tw_out_set(one, "labels", labels);
        tw_out_set(one, "v", values);
        tw_out_add(list, one);
        rc = tw_call_check_deadline(call);
        if (rc != TW_OK) {
            return rc;
        }
    }
    return TW_OK;
}

static int answer(struct tw_call *call, struct tw_str metric, const struct tw_series_result *result)
{
    json_t *series = json_array();
    int rc = series_json(call, result, series);
    if (rc != TW_OK) {
        json_decref(series);
        return rc;
    }
    json_t *times = json_array();
    for (size_t i = 0; i < result->point_count; i++) {
        int64_t at_s = result->first_s + (int64_t)i * result->step_s;
        char text[TW_TIME_TEXT_SIZE];
        tw_wall_format((tw_wall_t){at_s * TW_NS_PER_S}, text);
        tw_out_add(times, json_string(text));
    }
    json_t *json = json_object();
    tw_out_set(json, "metric", tw_out_text(metric));
    tw_out_set(json, "step", json_integer(result->step_s));
    tw_out_set(json, "partial", json_boolean(result->is_cut));
    tw_out_set(json, "t", times);
    tw_out_set(json, "series", series);
    return tw_response_json(&call->response, 200, json);
}

static int read_times(struct tw_call *call, struct tw_series_query *query)
{
    struct tw_page page;
    int rc = tw_call_page(call, &page);
    if (rc != TW_OK) {
        return rc;
    }
    int64_t until_ns = page.until.ns == INT64_MAX ? call->now.ns : page.until.ns;
    query->until_s = (until_ns + TW_NS_PER_S - 1) / TW_NS_PER_S;
    query->since_s =
        page.since.ns == INT64_MIN ? query->until_s - DEFAULT_S : page.since.ns / TW_NS_PER_S;
    return query->since_s < query->until_s
               ? TW_OK
               : tw_diag_set(&call->diag, TW_EINVAL, "'since' is not before 'until'");
}

int tw_api_series(struct tw_call *call)
{
    static const char *const names[] = {"metric", "labels", "since", "until", "step", NULL};
    struct wanted wanted = {.count = 0};
    struct tw_series_query query = {.metric = tw_http_param(call->request, "metric"),
                                    .label_names = wanted.names,
                                    .label_values = wanted.values};
    struct tw_series_result result;
    struct tw_str labels = tw_http_param(call->request, "labels");
    if (tw_http_param(call->request, "panel").ptr != NULL) {
        return tw_api_panel_series(call);
    }
    int rc = tw_call_allow(call, names);
    if (rc == TW_OK && query.metric.len == 0) {
        rc = tw_diag_set(&call->diag, TW_EINVAL,
                         "'metric' is the name of a series, for example step_waiting");
    }
    if (rc == TW_OK) {
        rc = labels.len > 0 && labels.ptr[0] == '{' ? labels_of_json(call, labels, &wanted)
                                                    : labels_of_pairs(call, labels, &wanted);
    }
    query.label_count = wanted.count;
    rc = rc == TW_OK ? read_times(call, &query) : rc;
    rc = rc == TW_OK ? read_step(call, &query.step_s) : rc;
    rc = rc == TW_OK ? tw_reader_series(call->reader, call->arena, &query, &result) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    if (result.series_count * result.point_count > MAX_VALUES) {
        return tw_diag_set(&call->diag, TW_EINVAL,
                           "%zu series of %zu points are too many; name more labels, a longer "
                           "step or a shorter time",
                           result.series_count, result.point_count);
    }
    return answer(call, query.metric, &result);
}
