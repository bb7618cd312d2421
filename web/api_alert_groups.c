/* SPDX-License-Identifier: Apache-2.0
 * GET /alerts/groups: open alerts as people look at them. A group is what has one cause: never one
 * of stores, which are listed inside. */
#include "config.h"
#include "web/api_alerts.h"

#include <stdlib.h>

#define GROUPS_SHOWN 200
#define ALERTS_SHOWN 20
#define TOP_SHOWN    20

/* Sorted, as labels are. */
static const char *const group_by[TW_GROUP_LABELS_MAX] = {"alertname", "cause", "objective",
                                                          "system", "workflow"};

struct tw_labels tw_api_group_labels(const struct tw_labels *labels, struct tw_label *items)
{
    size_t count = 0;
    for (size_t i = 0; i < labels->count; i++) {
        for (size_t k = 0; k < TW_GROUP_LABELS_MAX; k++) {
            if (tw_str_is(labels->items[i].name, group_by[k])) {
                items[count++] = labels->items[i];
            }
        }
    }
    return (struct tw_labels){items, count};
}

struct member {
    const struct tw_alert_seen *seen;
    uint64_t key;
};

struct totals {
    size_t count;
    size_t firing;
    size_t pending;
    size_t critical; /* of the firing ones, these and the following */
    size_t warning;
    size_t info;
    size_t silenced;
    size_t inhibited;
    size_t acknowledged;
    size_t quiet;
};

struct group {
    const struct member *members; /* in the order in which they are shown */
    uint64_t key;
    struct totals totals;
    unsigned severity; /* the worst of those that fire, else of all */
    tw_wall_t since;   /* of the oldest of those */
};

/* ---- order ---- */

static int compare(int64_t left, int64_t right)
{
    return left < right ? -1 : (left > right ? 1 : 0);
}

/* Firing first, what rings first, critical first, the oldest first. */
static int by_weight(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;
    const struct tw_alert_row *one = &left->seen->view->row;
    const struct tw_alert_row *other = &right->seen->view->row;
    const int orders[] = {
        left->key < right->key ? -1 : (left->key > right->key ? 1 : 0),
        compare((int64_t)other->state, (int64_t)one->state), /* firing is more than pending */
        compare(left->seen->is_quiet, right->seen->is_quiet),
        compare((int64_t)one->severity, (int64_t)other->severity),
        compare(one->since.ns, other->since.ns),
        compare((int64_t)one->id, (int64_t)other->id),
    };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        if (orders[i] != 0) {
            return orders[i];
        }
    }
    return 0;
}

static int by_group(const void *a, const void *b)
{
    const struct group *left = a;
    const struct group *right = b;
    const int orders[] = {
        compare(left->totals.firing == 0, right->totals.firing == 0),
        compare(left->totals.firing == left->totals.quiet,
                right->totals.firing == right->totals.quiet),
        compare((int64_t)left->severity, (int64_t)right->severity),
        compare(left->since.ns, right->since.ns),
        left->key < right->key ? -1 : 1,
    };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        if (orders[i] != 0) {
            return orders[i];
        }
    }
    return 0;
}

/* ---- adding up ---- */

static void add(struct totals *totals, const struct tw_alert_seen *seen)
{
    totals->count++;
    if (!seen->is_firing) {
        totals->pending++;
        return;
    }
    totals->firing++;
    totals->critical += seen->view->row.severity == TW_SEVERITY_CRITICAL;
    totals->warning += seen->view->row.severity == TW_SEVERITY_WARNING;
    totals->info += seen->view->row.severity == TW_SEVERITY_INFO;
    totals->silenced += seen->is_silenced;
    totals->inhibited += seen->is_inhibited;
    totals->acknowledged += seen->view->acked.ns != 0;
    totals->quiet += seen->is_quiet;
}

static void weigh(struct group *group)
{
    bool has_firing = group->totals.firing > 0;
    group->severity = TW_SEVERITY_NONE;
    group->since.ns = INT64_MAX;
    for (size_t i = 0; i < group->totals.count; i++) {
        const struct tw_alert_seen *seen = group->members[i].seen;
        if (seen->is_firing || !has_firing) {
            unsigned severity = seen->view->row.severity;
            int64_t since = seen->view->row.since.ns;
            group->severity = severity < group->severity ? severity : group->severity;
            group->since.ns = since < group->since.ns ? since : group->since.ns;
        }
    }
}

static int make_groups(struct tw_call *call, const struct tw_alert_seen *seen, size_t all,
                       struct group **ret_groups, size_t *ret_count)
{
    struct member *members = tw_arena_alloc(call->arena, (all + 1) * sizeof *members);
    struct group *groups = tw_arena_zalloc(call->arena, (all + 1) * sizeof *groups);
    size_t count = 0;
    size_t group_count = 0;
    if (members == NULL || groups == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < all; i++) {
        struct tw_label items[TW_GROUP_LABELS_MAX];
        struct tw_labels labels = tw_api_group_labels(&seen[i].labels, items);
        if (!tw_alert_is_watchdog(seen[i].view)) {
            members[count++] = (struct member){&seen[i], tw_labels_fingerprint(&labels)};
        }
    }
    if (count > 1) {
        qsort(members, count, sizeof *members, by_weight);
    }
    for (size_t i = 0; i < count; i++) {
        if (group_count == 0 || groups[group_count - 1].key != members[i].key) {
            groups[group_count++] = (struct group){.members = &members[i], .key = members[i].key};
        }
        add(&groups[group_count - 1].totals, members[i].seen);
    }
    for (size_t i = 0; i < group_count; i++) {
        weigh(&groups[i]);
    }
    if (group_count > 1) {
        qsort(groups, group_count, sizeof *groups, by_group);
    }
    *ret_groups = groups;
    *ret_count = group_count;
    return TW_OK;
}

/* ---- JSON ---- */

struct part {
    struct tw_str value;
    size_t count;
};

static int by_value(const void *a, const void *b)
{
    return tw_str_compare(((const struct part *)a)->value, ((const struct part *)b)->value);
}

static int by_count(const void *a, const void *b)
{
    const struct part *left = a;
    const struct part *right = b;
    return left->count != right->count ? (left->count < right->count ? 1 : -1)
                                       : tw_str_compare(left->value, right->value);
}

/* The values of a label in the group, those with the most alerts first. */
static int set_parts(struct tw_call *call, const struct group *group, const char *label,
                     json_t *json)
{
    char names[2][32];
    size_t count = 0;
    size_t parts_count = 0;
    json_t *list = json_array();
    struct part *parts = tw_arena_alloc(call->arena, (group->totals.count + 1) * sizeof *parts);
    for (size_t i = 0; i < group->totals.count && parts != NULL; i++) {
        struct tw_str value = tw_labels_get(&group->members[i].seen->labels, label);
        if (value.len > 0) {
            parts[count++] = (struct part){value, 1};
        }
    }
    if (count > 1) {
        qsort(parts, count, sizeof *parts, by_value);
    }
    for (size_t i = 0; i < count; i++) {
        if (parts_count > 0 && tw_str_equal(parts[parts_count - 1].value, parts[i].value)) {
            parts[parts_count - 1].count++;
        } else {
            parts[parts_count++] = parts[i];
        }
    }
    if (parts_count > 1) {
        qsort(parts, parts_count, sizeof *parts, by_count);
    }
    for (size_t i = 0; i < parts_count && i < TOP_SHOWN; i++) {
        json_t *one = json_object();
        tw_out_set(one, label, tw_out_text(parts[i].value));
        tw_out_set(one, "count", tw_out_count(parts[i].count));
        tw_out_add(list, one);
    }
    (void)snprintf(names[0], sizeof names[0], "%ss", label);      /* "stores" */
    (void)snprintf(names[1], sizeof names[1], "%s_count", label); /* "store_count" */
    tw_out_set(json, names[0], list);
    tw_out_set(json, names[1], tw_out_count(parts_count));
    return parts == NULL ? TW_ENOMEM : TW_OK;
}

static void set_totals(const struct totals *totals, json_t *json)
{
    tw_out_set(json, "firing", tw_out_count(totals->firing));
    tw_out_set(json, "pending", tw_out_count(totals->pending));
    tw_out_set(json, "silenced", tw_out_count(totals->silenced));
    tw_out_set(json, "inhibited", tw_out_count(totals->inhibited));
    tw_out_set(json, "acknowledged", tw_out_count(totals->acknowledged));
    tw_out_set(json, "quiet", tw_out_count(totals->quiet));
}

static json_t *severity_json(unsigned severity)
{
    return severity == TW_SEVERITY_NONE ? json_null()
                                        : json_string(tw_severity_name((enum tw_severity)severity));
}

static int group_json(struct tw_call *call, const struct tw_alert_scene *scene,
                      const struct group *group, json_t *items)
{
    static const char *const copied[] = {"title", "summary", "runbook", NULL};
    char hex[TW_FINGERPRINT_HEX_LEN + 1];
    struct tw_label label_items[TW_GROUP_LABELS_MAX];
    size_t shown = group->totals.count < ALERTS_SHOWN ? group->totals.count : ALERTS_SHOWN;
    struct tw_labels labels = tw_api_group_labels(&group->members[0].seen->labels, label_items);
    uint64_t inhibits = 0;
    json_t *json = json_object();
    json_t *alerts = json_array();
    for (size_t i = 0; i < shown; i++) {
        tw_out_add(alerts, tw_alert_json(scene, group->members[i].seen));
    }
    for (size_t i = 0; i < group->totals.count; i++) {
        inhibits += tw_alert_inhibits(scene, group->members[i].seen->view->row.fingerprint);
    }
    tw_fingerprint_hex(group->key, hex);
    tw_out_set(json, "key", json_string(hex));
    tw_out_set(json, "labels", tw_labels_out(&labels));
    tw_api_copy(json, json_array_get(alerts, 0), copied);
    tw_out_set(json, "severity", severity_json(group->severity));
    tw_out_set(json, "state", json_string(group->totals.firing > 0 ? "firing" : "pending"));
    tw_out_set(json, "since", tw_out_time(group->since));
    tw_out_set(json, "count", tw_out_count(group->totals.count));
    set_totals(&group->totals, json);
    tw_out_set(json, "inhibits", tw_out_count(inhibits));
    int rc = set_parts(call, group, "store", json);
    rc = rc == TW_OK ? set_parts(call, group, "system", json) : rc;
    tw_out_set(json, "alerts", alerts);
    tw_out_set(json, "more", tw_out_count(group->totals.count - shown));
    tw_out_add(items, json);
    return rc;
}

/* What else stands at the head of the page: rules that cannot be judged, heartbeats that are
 * missed, up to when series were judged. */
static int set_rest(struct tw_call *call, struct tw_desk_reader *desk, json_t *json)
{
    const struct tw_rule_row *rows = NULL;
    const struct tw_alerts_heartbeat *heartbeats = NULL;
    struct tw_alerts_mark mark = {.changes = 0};
    size_t count = 0;
    size_t heartbeat_count = 0;
    size_t missed = 0;
    size_t states[3] = {0, 0, 0};
    int rc = tw_desk_rules(desk, call->arena, &rows, &count);
    rc = rc == TW_OK ? tw_desk_heartbeats(desk, call->arena, &heartbeats, &heartbeat_count) : rc;
    rc = rc == TW_OK ? tw_desk_alerts_mark(desk, &mark) : rc;
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        states[rows[i].state <= TW_RULE_ERROR ? rows[i].state : TW_RULE_ERROR]++;
    }
    for (size_t i = 0; i < heartbeat_count && rc == TW_OK; i++) {
        missed += heartbeats[i].state == TW_HEARTBEAT_MISSED;
    }
    json_t *rules = json_object();
    tw_out_set(rules, "count", tw_out_count(call->rules == NULL ? 0 : call->rules->count));
    tw_out_set(rules, "nodata", tw_out_count(states[TW_RULE_NO_DATA]));
    tw_out_set(rules, "error", tw_out_count(states[TW_RULE_ERROR]));
    json_t *beats = json_object();
    tw_out_set(beats, "missed", tw_out_count(missed));
    tw_out_set(json, "rules", rules);
    tw_out_set(json, "heartbeats", beats);
    tw_out_set(json, "judged", tw_out_time((tw_wall_t){mark.judged_s * TW_NS_PER_S}));
    return rc;
}

static int answer(struct tw_call *call, const struct tw_alert_scene *scene)
{
    const struct tw_alert_view *views = NULL;
    struct tw_alert_seen *seen = NULL;
    struct group *groups = NULL;
    struct totals totals = {.count = 0};
    size_t count = 0;
    size_t group_count = 0;
    int rc = tw_desk_alerts_open(scene->desk, call->arena, &views, &count);
    rc = rc == TW_OK ? tw_alert_see_all(scene, views, count, &seen) : rc;
    rc = rc == TW_OK ? make_groups(call, seen, count, &groups, &group_count) : rc;
    if (rc != TW_OK) {
        return rc;
    }
    json_t *json = json_object();
    json_t *items = json_array();
    json_t *sums = json_object();
    for (size_t i = 0; i < count; i++) {
        if (!tw_alert_is_watchdog(seen[i].view)) {
            add(&totals, &seen[i]);
        }
    }
    for (size_t i = 0; i < group_count && i < GROUPS_SHOWN && rc == TW_OK; i++) {
        rc = group_json(call, scene, &groups[i], items);
    }
    set_totals(&totals, sums);
    tw_out_set(sums, "critical", tw_out_count(totals.critical));
    tw_out_set(sums, "warning", tw_out_count(totals.warning));
    tw_out_set(sums, "info", tw_out_count(totals.info));
    tw_out_set(json, "items", items);
    tw_out_set(json, "totals", sums);
    tw_out_set(json, "more",
               tw_out_count(group_count > GROUPS_SHOWN ? group_count - GROUPS_SHOWN : 0));
    rc = rc == TW_OK ? set_rest(call, scene->desk, json) : rc;
    if (rc != TW_OK) {
        json_decref(json);
        return rc;
    }
    return tw_response_json(&call->response, 200, json);
}

int tw_api_alert_groups(struct tw_call *call)
{
    static const char *const names[] = {NULL};
    struct tw_alert_scene scene = {.call = call};
    int rc = tw_call_allow(call, names);
    rc = rc == TW_OK ? tw_alert_scene_init(&scene, call) : rc;
    rc = rc == TW_OK ? answer(call, &scene) : rc;
    tw_alert_scene_fini(&scene);
    return rc;
}
