/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "web/doors.h"

#include <stdio.h>
#include <sys/stat.h>

#include "core/clock.h"
#include "web/out.h"

#define FILE_NAME  "clients.json" /* docs/reference/store.md */
#define PATH_BYTES 4096

/* The whole file, or NULL. */
static json_t *read_file(const char *dir)
{
    char path[PATH_BYTES];
    struct stat st;
    int len = snprintf(path, sizeof path, "%s/%s", dir, FILE_NAME);
    if (len < 0 || (size_t)len >= sizeof path || stat(path, &st) != 0 ||
        st.st_size > (off_t)TW_DOORS_FILE_MAX) {
        return NULL;
    }
    return json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
}

static struct tw_str text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_string(value)
               ? (struct tw_str){json_string_value(value), json_string_length(value)}
               : TW_STR_NULL;
}

static uint64_t count_of(const json_t *object, const char *key)
{
    json_int_t value = json_integer_value(json_object_get(object, key));
    return value > 0 ? (uint64_t)value : 0;
}

/* null where it is empty. */
static json_t *known_text(const json_t *object, const char *key)
{
    struct tw_str text = text_of(object, key);
    return text.len == 0 ? json_null() : tw_out_text(text);
}

static json_t *time_of(const json_t *object, const char *key)
{
    return tw_out_time((tw_wall_t){json_integer_value(json_object_get(object, key))});
}

static json_t *clients_json(const json_t *from)
{
    json_t *items = json_array();
    size_t count = json_array_size(from);
    for (size_t i = 0; i < count && i < TW_DOORS_CLIENTS; i++) {
        const json_t *client = json_array_get(from, i);
        json_t *row = json_object();
        tw_out_set(row, "name", tw_out_text(text_of(client, "name")));
        tw_out_set(row, "is_allowed",
                   json_boolean(json_is_true(json_object_get(client, "is_allowed"))));
        tw_out_set(row, "connections", tw_out_count(count_of(client, "admitted")));
        tw_out_set(row, "last_connected", time_of(client, "last"));
        tw_out_set(row, "address", known_text(client, "address"));
        tw_out_add(items, row);
    }
    return items;
}

static json_t *last_json(const json_t *last)
{
    if (!json_is_object(last)) {
        return json_null();
    }
    json_t *row = json_object();
    tw_out_set(row, "time", time_of(last, "at"));
    tw_out_set(row, "reason", tw_out_text(text_of(last, "reason")));
    tw_out_set(row, "address", known_text(last, "address"));
    tw_out_set(row, "client", known_text(last, "client"));
    return row;
}

static json_t *door_json(const json_t *door)
{
    uint64_t total = 0;
    const char *reason = NULL;
    json_t *count = NULL;
    json_t *refused = json_object_get(door, "refused");
    json_t *counts = json_object();
    json_object_foreach (refused, reason, count) {
        total += count_of(refused, reason);
        tw_out_set(counts, reason, tw_out_count(count_of(refused, reason)));
    }
    const json_t *clients = json_object_get(door, "clients");
    json_t *row = json_object();
    tw_out_set(row, "name", tw_out_text(text_of(door, "name")));
    tw_out_set(row, "kind", tw_out_text(text_of(door, "kind")));
    tw_out_set(row, "allowed", tw_out_count(count_of(door, "allowed")));
    tw_out_set(row, "admitted", tw_out_count(count_of(door, "admitted")));
    tw_out_set(row, "refused_total", tw_out_count(total));
    tw_out_set(row, "refused", counts);
    tw_out_set(row, "last_refused", last_json(json_object_get(door, "last_refused")));
    tw_out_set(row, "clients_total", tw_out_count(json_array_size(clients)));
    tw_out_set(row, "clients", clients_json(clients));
    return row;
}

json_t *tw_doors_json(const char *dir)
{
    json_t *file = read_file(dir);
    const json_t *doors = json_object_get(file, "doors");
    if (json_array_size(doors) == 0) {
        json_decref(file);
        return json_null();
    }
    json_t *items = json_array();
    for (size_t i = 0; i < json_array_size(doors) && i < TW_DOORS_MAX; i++) {
        tw_out_add(items, door_json(json_array_get(doors, i)));
    }
    json_t *whole = json_object();
    tw_out_set(whole, "since", time_of(file, "since"));
    tw_out_set(whole, "items", items);
    json_decref(file);
    return whole;
}

static void count_column(struct tw_metrics *metrics, const json_t *doors, const char *key)
{
    for (size_t i = 0; i < json_array_size(doors) && i < TW_DOORS_MAX; i++) {
        const json_t *door = json_array_get(doors, i);
        const struct tw_metric_label label = {"socket", text_of(door, "name")};
        tw_metrics_count(metrics, &label, 1, count_of(door, key));
    }
}

void tw_doors_metrics(const char *dir, struct tw_metrics *metrics)
{
    json_t *file = read_file(dir);
    const json_t *doors = json_object_get(file, "doors");
    if (json_array_size(doors) > 0) {
        tw_metrics_family(metrics, TW_METRIC_GAUGE, "tillwatch_clients_allowed",
                          "Clients whose key may connect to a socket");
        count_column(metrics, doors, "allowed");
        tw_metrics_family(metrics, TW_METRIC_COUNTER, "tillwatch_clients_admitted",
                          "Connections of clients that were let in, since the collector started");
        count_column(metrics, doors, "admitted");
        tw_metrics_family(metrics, TW_METRIC_COUNTER, "tillwatch_clients_refused",
                          "Connections and messages of clients without a known key that were kept "
                          "out, since the collector started");
    }
    for (size_t i = 0; i < json_array_size(doors) && i < TW_DOORS_MAX; i++) {
        const json_t *door = json_array_get(doors, i);
        json_t *refused = json_object_get(door, "refused");
        const char *reason = NULL;
        json_t *count = NULL;
        json_object_foreach (refused, reason, count) {
            const struct tw_metric_label labels[] = {{"socket", text_of(door, "name")},
                                                     {"reason", tw_str_of(reason)}};
            tw_metrics_count(metrics, labels, 2, count_of(refused, reason));
        }
    }
    json_decref(file);
}
