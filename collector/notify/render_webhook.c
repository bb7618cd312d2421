/* SPDX-License-Identifier: Apache-2.0
 * Webhook v4, Alertmanager API v2, PUB: forms that programs read.
 */
#include "config.h"
#include "notify/render.h"

#include <string.h>

#include "http/clean.h"

int tw_render_webhook(const struct tw_body *body, struct tw_buf *out)
{
    json_t *alerts = json_array();
    json_t *copy = json_copy(body->root); /* shallow: what is in it is not changed */
    int fault = alerts == NULL || copy == NULL ? -1 : 0;
    for (size_t i = 0; i < body->count && fault == 0; i++) {
        fault = json_array_append(alerts, body->alerts[i].json);
    }
    if (fault == 0) {
        fault =
            json_object_set(copy, "alerts", alerts) |
            json_object_set_new(copy, "truncatedAlerts", json_integer((json_int_t)body->truncated));
    }
    int rc = fault == 0 ? tw_json_write(copy, out) : TW_ENOMEM;
    json_decref(alerts);
    json_decref(copy);
    return rc;
}

/* NULL: out of memory. */
static json_t *told(const struct tw_body_alert *alert, const char *ends)
{
    json_t *item = json_object();
    json_t *generator = json_object_get(alert->json, "generatorURL");
    json_t *starts = json_object_get(alert->json, "startsAt");
    json_t *ended = json_object_get(alert->json, "endsAt");
    int fault = json_object_set(item, "labels", alert->labels) |
                json_object_set(item, "annotations", alert->annotations);
    if (json_is_string(starts)) {
        fault |= json_object_set(item, "startsAt", starts);
    }
    if (json_string_length(generator) > 0) {
        fault |= json_object_set(item, "generatorURL", generator);
    }
    if (alert->is_firing || !json_is_string(ended)) {
        fault |= json_object_set_new(item, "endsAt", json_string(ends));
    } else {
        fault |= json_object_set(item, "endsAt", ended);
    }
    if (fault != 0) {
        json_decref(item);
        return NULL;
    }
    return item;
}

int tw_render_alertmanager(const struct tw_body *body, tw_wall_t ends, struct tw_buf *out)
{
    char text[TW_TIME_TEXT_SIZE];
    json_t *list = json_array();
    int fault = list == NULL ? -1 : 0;
    tw_wall_format(ends, text);
    for (size_t i = 0; i < body->count && fault == 0; i++) {
        fault = json_array_append_new(list, told(&body->alerts[i], text)); /* of NULL: -1 */
    }
    int rc = fault == 0 ? tw_json_write(list, out) : TW_ENOMEM;
    json_decref(list);
    return rc;
}

/* A part of a topic: subscribers match the beginning of it, dots divide. */
static void add_part(struct tw_buf *topic, struct tw_str text, size_t most)
{
    text = tw_text_cut(text, most);
    (void)tw_buf_append_byte(topic, '.'); /* errors are sticky */
    if (text.len == 0) {
        (void)tw_buf_append_str(topic, TW_STR_LIT("none"));
    }
    while (text.len > 0) {
        struct tw_str next = tw_clean_next(&text);
        bool is_plain = next.ptr[0] != '.' && next.ptr[0] != ' ';
        (void)tw_buf_append_str(topic, is_plain ? next : TW_STR_LIT("_"));
    }
}

int tw_render_pub(const struct tw_body *body, size_t i, struct tw_buf *topic, struct tw_buf *out)
{
    const struct tw_body_alert *alert = &body->alerts[i];
    (void)tw_buf_append_str(topic, TW_STR_LIT("alert"));
    add_part(topic, tw_json_text(alert->labels, "severity"), TW_TOPIC_MAX / 4);
    add_part(topic, tw_json_text(alert->labels, "workflow"), TW_TOPIC_MAX / 2);
    return topic->error != TW_OK ? topic->error : tw_json_write(alert->json, out);
}
