/* SPDX-License-Identifier: Apache-2.0
 * The body of a notice: Alertmanager's webhook, version 4. Built by the library, every key of it
 * always there.
 * Source: Alertmanager, webhook_config; docs/reference/notifications.md, "The body".
 */
#include "config.h"
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "alert/json_text.h"
#include "notify/group_internal.h"

#define NEVER      "0001-01-01T00:00:00Z"
#define LINE_BYTES 2048
#define PART_BYTES 64 /* of a store or system in such a line */

/* ---- one alert ---- */

/* An empty one where it is damaged; NULL: out of memory. */
static json_t *load(const char *text, size_t len)
{
    json_t *object = NULL;
    int rc = tw_json_read((struct tw_str){text, len}, 0, &object);
    return rc == TW_ESYNTAX ? json_object() : object;
}

static json_t *time_json(tw_wall_t at)
{
    char text[TW_TIME_TEXT_SIZE];
    tw_wall_format(at, text);
    return json_string(text);
}

static json_t *alert_json(const struct tw_known *alert)
{
    char hex[TW_FINGERPRINT_HEX_LEN + 1];
    bool fires = tw_known_fires(alert);
    const char *annotations = alert->annotations;
    tw_fingerprint_hex(alert->fingerprint, hex);
    return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:s}", "status", fires ? "firing" : "resolved",
                     "labels", load(alert->labels_json.ptr, alert->labels_json.len), "annotations",
                     load(annotations, annotations == NULL ? 0 : strlen(annotations)), "startsAt",
                     time_json(alert->fired), "endsAt",
                     fires ? json_string(NEVER) : time_json(alert->ended), "generatorURL",
                     alert->generator == NULL ? "" : alert->generator, "fingerprint", hex);
}

/* ---- what alerts have in common ---- */

/* Keep of `common` what `object` has, too. */
static void keep_common(json_t *common, const json_t *object)
{
    const char *name = NULL;
    json_t *value = NULL;
    void *next = NULL;
    json_object_foreach_safe(common, next, name, value)
    {
        if (!json_equal(value, json_object_get(object, name))) {
            (void)json_object_del(common, name); /* it is there */
        }
    }
}

/* Of the members `key` of the listed alerts. NULL: out of memory. */
static json_t *common_of(const json_t *alerts, const char *key)
{
    json_t *common = json_object();
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach (json_object_get(json_array_get(alerts, 0), key), name, value) {
        if (json_object_set(common, name, value) != 0) {
            json_decref(common);
            return NULL;
        }
    }
    for (size_t i = 1; i < json_array_size(alerts); i++) {
        keep_common(common, json_object_get(json_array_get(alerts, i), key));
    }
    return common;
}

/* ---- what people want to know of many ---- */

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
    if (left->count != right->count) {
        return left->count > right->count ? -1 : 1;
    }
    return tw_str_compare(left->value, right->value);
}

/* The alerts that a notice is about: those it tells of, and those that are quiet because of them.
 */
struct facts {
    const struct tw_known **alerts;
    size_t count;
    size_t quiet; /* the last so many */
};

/* The values of a label, those of most alerts first; how many. */
static size_t parts_of(const struct facts *facts, const char *label, struct part *parts)
{
    size_t count = 0;
    size_t different = 0;
    for (size_t i = 0; i < facts->count; i++) {
        struct tw_str value = tw_labels_get(&facts->alerts[i]->labels, label);
        if (value.ptr != NULL) {
            parts[count++] = (struct part){value, 1};
        }
    }
    if (count > 1) {
        qsort(parts, count, sizeof *parts, by_value);
    }
    for (size_t i = 0; i < count; i++) {
        if (different > 0 && tw_str_equal(parts[different - 1].value, parts[i].value)) {
            parts[different - 1].count++;
        } else {
            parts[different++] = parts[i];
        }
    }
    if (different > 1) {
        qsort(parts, different, sizeof *parts, by_count);
    }
    return different;
}

/* Bytes of a part that are shown: a character is whole, or not there. */
static size_t room_of(struct tw_str value)
{
    size_t len = value.len < PART_BYTES ? value.len : PART_BYTES;
    while (len > 0 && len < value.len && ((unsigned char)value.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return len;
}

/* "0042, 0077 and 4,998 more" without the comma in the number; nothing for less than two. */
static int add_top(json_t *annotations, const char *name, const struct part *parts, size_t count)
{
    char line[LINE_BYTES];
    size_t len = 0;
    size_t named = count < TW_GROUP_TOP ? count : TW_GROUP_TOP;
    if (count < 2) {
        return TW_OK;
    }
    for (size_t i = 0; i < named; i++) {
        int room = (int)room_of(parts[i].value);
        int put = parts[i].count > 1
                      ? snprintf(line + len, sizeof line - len, "%s%.*s (%zu)", i == 0 ? "" : ", ",
                                 room, parts[i].value.ptr, parts[i].count)
                      : snprintf(line + len, sizeof line - len, "%s%.*s", i == 0 ? "" : ", ", room,
                                 parts[i].value.ptr);
        len += (size_t)put;
    }
    if (count > named) {
        len += (size_t)snprintf(line + len, sizeof line - len, " and %zu more", count - named);
    }
    return json_object_set_new(annotations, name, json_stringn(line, len)) == 0 ? TW_OK : TW_ENOMEM;
}

static bool is_of(const struct tw_known *alert, const struct tw_group *group)
{
    for (size_t i = 0; i < alert->group_count; i++) {
        if (alert->groups[i] == group) {
            return tw_known_is_told(alert);
        }
    }
    return false;
}

static bool is_quiet_by(const struct tw_known *alert, const struct tw_group *group)
{
    for (size_t k = 0; k < alert->inhibitor_count; k++) {
        if (is_of(alert->inhibitors[k], group)) {
            return true;
        }
    }
    return false;
}

static int gather(const struct tw_groups *self, const struct tw_group *group,
                  const struct tw_composed *what, struct tw_arena *arena, struct facts *ret_facts)
{
    bool fires = what->firing_count > 0;
    struct tw_known *const *told = fires ? what->firing : what->resolved;
    size_t count = fires ? what->firing_count : what->resolved_count;
    size_t most = count + self->alert_count + 1;
    *ret_facts = (struct facts){.alerts = tw_arena_alloc(arena, most * sizeof(void *))};
    if (ret_facts->alerts == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        ret_facts->alerts[ret_facts->count++] = told[i];
    }
    for (size_t i = 0; i < self->alert_count; i++) {
        if (is_quiet_by(self->alerts[i], group)) {
            ret_facts->alerts[ret_facts->count++] = self->alerts[i];
            ret_facts->quiet++;
        }
    }
    return TW_OK;
}

static int add_facts(const struct tw_groups *self, const struct tw_group *group,
                     const struct tw_composed *what, struct tw_arena *arena, json_t *annotations)
{
    struct facts facts;
    int rc = gather(self, group, what, arena, &facts);
    struct part *parts =
        rc == TW_OK ? tw_arena_alloc(arena, (facts.count + 1) * sizeof *parts) : NULL;
    if (parts == NULL) {
        return TW_ENOMEM;
    }
    rc = add_top(annotations, "stores", parts, parts_of(&facts, "store", parts));
    rc = rc == TW_OK ? add_top(annotations, "systems", parts, parts_of(&facts, "system", parts))
                     : rc;
    if (rc == TW_OK && facts.quiet > 0) {
        json_t *text =
            json_sprintf(facts.quiet == 1 ? "%zu alert is kept quiet: it follows from this"
                                          : "%zu alerts are kept quiet: they follow from this",
                         facts.quiet);
        rc = json_object_set_new(annotations, "inhibits", text) == 0 ? TW_OK : TW_ENOMEM;
    }
    return rc;
}

/* ---- the whole ---- */

static json_t *list_alerts(const struct tw_composed *what, size_t most)
{
    json_t *list = json_array();
    for (size_t i = 0; i < what->firing_count + what->resolved_count && i < most; i++) {
        const struct tw_known *alert =
            i < what->firing_count ? what->firing[i] : what->resolved[i - what->firing_count];
        if (json_array_append_new(list, alert_json(alert)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* NULL: out of memory. */
static json_t *compose(const struct tw_groups *self, const struct tw_group *group,
                       const struct tw_composed *what, size_t most, struct tw_arena *arena)
{
    size_t total = what->firing_count + what->resolved_count;
    const char *url = self->set->external_url;
    json_t *alerts = list_alerts(what, most);
    json_t *annotations = common_of(alerts, "annotations");
    int rc = add_facts(self, group, what, arena, annotations);
    json_t *root = json_pack(
        "{s:s, s:s, s:o?, s:o, s:o, s:o, s:s, s:s, s:s, s:I, s:s}", "receiver", what->receiver,
        "status", what->firing_count > 0 ? "firing" : "resolved", "alerts", alerts, "groupLabels",
        load(group->labels_json, strlen(group->labels_json)), "commonLabels",
        common_of(alerts, "labels"), "commonAnnotations", annotations, "externalURL",
        url == NULL ? "" : url, "version", "4", "groupKey", group->key, "truncatedAlerts",
        (json_int_t)(total > most ? total - most : 0), "notification_reason", what->reason);
    if (rc != TW_OK || alerts == NULL) {
        json_decref(root);
        return NULL;
    }
    return root;
}

int tw_compose(const struct tw_groups *self, const struct tw_group *group,
               const struct tw_composed *what, struct tw_arena *arena, struct tw_str *ret_body)
{
    int rc = TW_ELIMIT;
    for (size_t most = what->most; rc == TW_ELIMIT && most > 0; most /= 2) {
        json_t *body = compose(self, group, what, most, arena);
        rc = tw_json_keep(body, 0, TW_NOTICE_BODY_MAX, arena, ret_body);
        json_decref(body);
    }
    return rc;
}
