/* SPDX-License-Identifier: Apache-2.0
 * PagerDuty Events API v2: an event for each alert, told apart by its fingerprint.
 */
#include "config.h"
#include "notify/render.h"

#include <string.h>

#include "config/url.h"
#include "http/clean.h"

#define SOURCE_MAX 255

static json_t *cut(struct tw_str text, size_t most)
{
    struct tw_buf buf;
    tw_buf_init(&buf, most);
    struct tw_text out = tw_text_begin(&buf, TW_ESCAPE_NONE, most);
    tw_text_add(&out, text);
    json_t *json = buf.error != TW_OK ? NULL : json_stringn(buf.len == 0 ? "" : buf.data, buf.len);
    tw_buf_fini(&buf);
    return json;
}

static const char *severity_of(struct tw_str severity)
{
    static const char *const words[] = {"critical", "error", "warning", "info"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (tw_str_is(severity, words[i])) {
            return words[i];
        }
    }
    return "error";
}

/* Texts of an object, each cut. */
static int add_details(json_t *from, json_t *to)
{
    const char *name;
    json_t *value;
    int fault = 0;
    json_object_foreach (from, name, value) {
        struct tw_str text = {json_string_value(value), json_string_length(value)};
        if (text.ptr != NULL) {
            fault |= json_object_set_new(to, name, cut(text, TW_PAGERDUTY_VALUE_MAX));
        }
    }
    return fault;
}

static json_t *details_of(const struct tw_body_alert *alert)
{
    json_t *details = json_object();
    json_t *labels = json_object();
    int fault = add_details(alert->annotations, details) | add_details(alert->labels, labels) |
                json_object_set(details, "labels", labels);
    json_decref(labels);
    if (fault != 0) {
        json_decref(details);
        return NULL;
    }
    return details;
}

static struct tw_str first_of(const json_t *labels, const char *const *names, size_t count)
{
    struct tw_str text = TW_STR_NULL;
    for (size_t i = 0; i < count && text.len == 0; i++) {
        text = tw_json_text(labels, names[i]);
    }
    return text;
}

static json_t *payload_of(const struct tw_body_alert *alert)
{
    static const char *const sources[] = {"system", "store", "workflow"};
    static const char *const components[] = {"step", "objective"};
    static const char *const fields[][2] = {{"group", "workflow"}, {"class", "alertname"}};
    json_t *payload = json_object();
    const struct tw_str named = first_of(alert->labels, sources, 3);
    const struct tw_str source = named.len > 0 ? named : TW_STR_LIT("tillwatch");
    const struct tw_str component = first_of(alert->labels, components, 2);
    int fault =
        json_object_set_new(payload, "summary",
                            cut(tw_body_summary(alert), TW_PAGERDUTY_SUMMARY_MAX)) |
        json_object_set_new(payload, "source", cut(source, SOURCE_MAX)) |
        json_object_set_new(payload, "severity",
                            json_string(severity_of(tw_json_text(alert->labels, "severity"))));
    if (alert->starts.len > 0) {
        fault |= json_object_set_new(payload, "timestamp", cut(alert->starts, SOURCE_MAX));
    }
    if (component.len > 0) {
        fault |= json_object_set_new(payload, "component", cut(component, SOURCE_MAX));
    }
    for (size_t i = 0; i < 2; i++) {
        struct tw_str text = tw_json_text(alert->labels, fields[i][1]);
        if (text.len > 0) {
            fault |= json_object_set_new(payload, fields[i][0], cut(text, SOURCE_MAX));
        }
    }
    fault |= json_object_set_new(payload, "custom_details", details_of(alert));
    if (fault != 0) {
        json_decref(payload);
        return NULL;
    }
    return payload;
}

static json_t *links_of(const struct tw_body *body, const struct tw_body_alert *alert)
{
    char url[TW_URL_MAX];
    json_t *links = json_array();
    if (alert->generator.len > 0) {
        (void)json_array_append_new(links, json_pack("{s:s,s:s}", "href", alert->generator.ptr,
                                                     "text", "Open in Tillwatch")); /* a comfort */
    }
    if (tw_body_runbook(body, alert, url, sizeof url)) {
        (void)json_array_append_new(
            links, json_pack("{s:s,s:s}", "href", url, "text", "Runbook")); /* likewise */
    }
    return links;
}

/* How long it would be. */
static int count_bytes(const char *bytes, size_t len, void *sum)
{
    (void)bytes;
    *(size_t *)sum += len;
    return 0;
}

int tw_render_pagerduty(const struct tw_body *body, size_t i, const char *routing_key,
                        bool is_taken, struct tw_buf *out)
{
    const struct tw_body_alert *alert = &body->alerts[i];
    const char *action = !alert->is_firing ? "resolve" : is_taken ? "acknowledge" : "trigger";
    size_t bytes = 0;
    json_t *event = json_object();
    json_t *payload = payload_of(alert);
    int fault = json_object_set_new(event, "routing_key", json_string(routing_key)) |
                json_object_set_new(event, "event_action", json_string(action)) |
                json_object_set_new(event, "dedup_key", cut(alert->fingerprint, SOURCE_MAX)) |
                json_object_set(event, "payload", payload) |
                json_object_set_new(event, "links", links_of(body, alert)) |
                json_object_set_new(event, "client", json_string("Tillwatch"));
    if (body->external_url.len > 0) {
        fault |= json_object_set_new(event, "client_url", json_string(body->external_url.ptr));
    }
    fault |= json_dump_callback(event, count_bytes, &bytes, JSON_COMPACT);
    if (fault == 0 && bytes > TW_PAGERDUTY_MAX) {
        fault = json_object_del(payload, "custom_details");
    }
    int rc = fault == 0 ? tw_json_write(event, out) : TW_ENOMEM;
    json_decref(payload);
    json_decref(event);
    return rc;
}
