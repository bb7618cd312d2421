/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "alert/rows.h"

#include <math.h>

#define ANNOTATIONS_MAX 16

_Static_assert((int)TW_ALERT_PENDING == TW_ALERT_ROW_PENDING &&
                   (int)TW_ALERT_FIRING == TW_ALERT_ROW_FIRING &&
                   (int)TW_ALERT_RESOLVED == TW_ALERT_ROW_RESOLVED &&
                   (int)TW_SEVERITY_NONE == TW_ALERT_ROW_NO_SEVERITY &&
                   TW_FLAP_TIMES == TW_ALERTS_FIRED_MAX,
               "the columns have the numbers of the enumerations");

int tw_annotations_json(struct tw_arena *arena, const struct tw_annotation *items, size_t count,
                        struct tw_str *ret_json)
{
    struct tw_label labels[ANNOTATIONS_MAX];
    struct tw_labels set;
    TW_ASSERT(count <= ANNOTATIONS_MAX);
    for (size_t i = 0; i < count; i++) {
        labels[i] = (struct tw_label){tw_str_of(items[i].name), items[i].text};
        labels[i].value.len = labels[i].value.ptr == NULL ? 0 : labels[i].value.len;
    }
    int rc = tw_labels_make(arena, labels, count, &set);
    return rc == TW_OK ? tw_labels_json(arena, &set, ret_json) : rc;
}

static tw_wall_t wall_of(int64_t second)
{
    return (tw_wall_t){second * TW_NS_PER_S};
}

static int say(struct tw_arena *arena, const struct tw_alert *alert, const char *text,
               struct tw_str *ret_text)
{
    *ret_text = TW_STR_NULL;
    return text == NULL
               ? TW_OK
               : tw_rule_say(arena, alert->rule, text, &alert->labels,
                             (struct tw_rule_numbers){alert->value, alert->limit}, ret_text);
}

static int annotate(struct tw_arena *arena, const struct tw_alert *alert, struct tw_str *ret_json)
{
    const struct tw_rule *rule = alert->rule;
    char value[TW_RULE_VALUE_SIZE];
    char threshold[TW_RULE_VALUE_SIZE];
    struct tw_annotation items[] = {
        {"summary", TW_STR_NULL},
        {"description", TW_STR_NULL},
        {"runbook", rule->runbook == NULL ? TW_STR_NULL : tw_str_of(rule->runbook)},
        {"value",
         isnan(alert->value) ? TW_STR_NULL : tw_str_of(tw_rule_value(rule, alert->value, value))},
        {"threshold", isnan(alert->limit)
                          ? TW_STR_NULL
                          : tw_str_of(tw_rule_value(rule, alert->limit, threshold))},
        {"flapping", alert->is_flapping ? TW_STR_LIT("it fired again and again within an hour: it "
                                                     "stays until it has been calm")
                                        : TW_STR_NULL},
    };
    int rc = say(arena, alert, rule->summary, &items[0].text);
    rc = rc == TW_OK ? say(arena, alert, rule->description, &items[1].text) : rc;
    return rc == TW_OK ? tw_annotations_json(arena, items, sizeof items / sizeof items[0], ret_json)
                       : rc;
}

int tw_row_of_alert(struct tw_arena *arena, const struct tw_alert *alert, tw_wall_t at,
                    struct tw_alert_row *ret_row)
{
    const struct tw_rule *rule = alert->rule;
    struct tw_alert_row row = {
        .fingerprint = alert->fingerprint,
        .origin = TW_ALERT_OF_RULE,
        .rule = tw_str_of(rule->name),
        .severity = (unsigned)rule->severity,
        .workflow = tw_labels_get(&alert->labels, "workflow"),
        .state = (unsigned)alert->state,
        .is_nodata = alert->is_no_data,
        .is_flapping = alert->is_flapping,
        .value = alert->value,
        .threshold = alert->limit,
        .is_above = rule->is_above,
        .unit = tw_str_of(tw_rule_unit(rule)),
        .since = wall_of(alert->since_s),
        .fired = wall_of(alert->fired_s),
        .calm = wall_of(alert->calm_s),
        .updated = at,
    };
    int rc = tw_labels_json(arena, &alert->labels, &row.labels);
    rc = rc == TW_OK ? annotate(arena, alert, &row.annotations) : rc;
    if (rc == TW_OK) {
        *ret_row = row;
    }
    return rc;
}

int tw_alert_of_row(struct tw_arena *arena, const struct tw_alert_row *row,
                    struct tw_alert *ret_alert)
{
    struct tw_alert alert = {
        .fingerprint = row->fingerprint,
        .state = (enum tw_alert_state)row->state,
        .value = row->value,
        .limit = row->threshold,
        .since_s = row->since.ns / TW_NS_PER_S,
        .fired_s = row->fired.ns / TW_NS_PER_S,
        .calm_s = row->calm.ns / TW_NS_PER_S,
        .is_no_data = row->is_nodata,
        .is_flapping = row->is_flapping,
    };
    for (size_t i = 0; i < TW_FLAP_TIMES; i++) {
        alert.fired_before_s[i] = row->fired_before[i].ns / TW_NS_PER_S;
    }
    int rc = tw_labels_parse(arena, row->labels, &alert.labels);
    if (rc == TW_OK) {
        *ret_alert = alert;
    }
    return rc;
}
