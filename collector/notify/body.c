/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "notify/body.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/url.h"
#include "core/clock.h"
#include "store/notices.h"

#define ALERTS_MAX  20000 /* of one body */
#define RUNBOOK_MAX 64    /* bytes of the name of a runbook */

/* ---- JSON ---- */

struct tw_str tw_json_text(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    const char *text = json_string_value(value);
    return (struct tw_str){text, text == NULL ? 0 : json_string_length(value)};
}

/* Absent when it may not stand in a link. The text ends with a NUL, as all of the library's. */
static struct tw_str url_or_none(struct tw_str text)
{
    bool is_url = text.len > 0 && text.len == strlen(text.ptr) && tw_url_check(text.ptr, NULL) == 0;
    return is_url ? text : TW_STR_NULL;
}

/* ---- reading ---- */

static bool read_alert(json_t *json, struct tw_body_alert *ret_alert)
{
    struct tw_str status = tw_json_text(json, "status");
    *ret_alert = (struct tw_body_alert){
        .json = json,
        .labels = json_object_get(json, "labels"),
        .annotations = json_object_get(json, "annotations"),
        .starts = tw_json_text(json, "startsAt"),
        .ends = tw_json_text(json, "endsAt"),
        .generator = url_or_none(tw_json_text(json, "generatorURL")),
        .fingerprint = tw_json_text(json, "fingerprint"),
        .is_firing = !tw_str_is(status, "resolved"),
    };
    return json_is_object(ret_alert->labels) && json_is_object(ret_alert->annotations);
}

static int read_alerts(json_t *list, const struct tw_body_asked *asked, struct tw_body *self)
{
    size_t most = asked->max_alerts == 0 ? ALERTS_MAX : asked->max_alerts;
    size_t index;
    json_t *json;
    self->alerts = calloc(json_array_size(list) + 1, sizeof(self->alerts[0]));
    if (self->alerts == NULL) {
        return TW_ENOMEM;
    }
    json_array_foreach (list, index, json) {
        struct tw_body_alert alert;
        if (!read_alert(json, &alert)) {
            return TW_ESYNTAX;
        }
        if (!alert.is_firing && !asked->with_resolved) {
            continue;
        }
        if (self->count == most) {
            self->truncated++;
            continue;
        }
        self->alerts[self->count++] = alert;
        self->firing += alert.is_firing ? 1 : 0;
    }
    return TW_OK;
}

int tw_body_take(json_t *root, const struct tw_body_asked *asked, struct tw_body *ret_body)
{
    struct tw_body self = {.root = root};
    json_t *list = json_object_get(root, "alerts");
    const json_t *truncated = json_object_get(root, "truncatedAlerts");
    int rc = json_array_size(list) > ALERTS_MAX ? TW_ELIMIT : TW_OK;
    if (!json_is_array(list)) {
        rc = TW_ESYNTAX;
    }
    self.truncated =
        json_integer_value(truncated) > 0 ? (uint64_t)json_integer_value(truncated) : 0;
    rc = rc == TW_OK ? read_alerts(list, asked, &self) : rc;
    if (rc != TW_OK) {
        tw_body_fini(&self);
        return rc;
    }
    self.is_firing = !tw_str_is(tw_json_text(self.root, "status"), "resolved");
    self.external_url = url_or_none(tw_json_text(self.root, "externalURL"));
    self.group_key = tw_json_text(self.root, "groupKey");
    *ret_body = self;
    return TW_OK;
}

int tw_body_read(struct tw_str data, const struct tw_body_asked *asked, struct tw_body *ret_body)
{
    json_t *root = NULL;
    if (data.len > TW_NOTICE_BODY_MAX) {
        return TW_ELIMIT;
    }
    int rc = tw_json_read(data, JSON_REJECT_DUPLICATES, &root);
    return rc == TW_OK ? tw_body_take(root, asked, ret_body) : rc;
}

void tw_body_fini(struct tw_body *self)
{
    json_decref(self->root);
    free(self->alerts);
    *self = (struct tw_body){.root = NULL};
}

/* ---- what is said ---- */

struct tw_str tw_body_common(const struct tw_body *self, const char *annotation)
{
    return tw_json_text(json_object_get(self->root, "commonAnnotations"), annotation);
}

static unsigned rank(struct tw_str severity)
{
    static const char *const words[] = {"critical", "warning", "info"};
    unsigned i = 0;
    while (i < 3 && !tw_str_is(severity, words[i])) {
        i++;
    }
    return severity.len == 0 ? 4 : i;
}

struct tw_str tw_body_severity(const struct tw_body *self)
{
    struct tw_str worst = TW_STR_NULL;
    for (size_t i = 0; i < self->count; i++) {
        struct tw_str severity = tw_json_text(self->alerts[i].labels, "severity");
        bool counts = self->alerts[i].is_firing || self->firing == 0;
        if (counts && rank(severity) < rank(worst)) {
            worst = severity;
        }
    }
    return worst;
}

struct tw_str tw_body_summary(const struct tw_body_alert *alert)
{
    struct tw_str summary = tw_json_text(alert->annotations, "summary");
    summary = summary.len > 0 ? summary : tw_json_text(alert->labels, "alertname");
    return summary.len > 0 ? summary : TW_STR_LIT("alert");
}

/* A label that all of the group have. */
static struct tw_str group_label(const struct tw_body *self, const char *name)
{
    struct tw_str text = tw_json_text(json_object_get(self->root, "groupLabels"), name);
    return text.len > 0 ? text : tw_json_text(json_object_get(self->root, "commonLabels"), name);
}

static void add_counts(const struct tw_body *self, struct tw_text *out)
{
    char text[96];
    size_t resolved = self->count - self->firing;
    const char *between = self->firing > 0 && resolved > 0 ? ", " : "";
    tw_text_raw(out, ": ");
    if (self->firing > 0) {
        (void)snprintf(text, sizeof text, "%zu firing", self->firing); /* it fits */
        tw_text_raw(out, text);
    }
    if (resolved > 0) {
        (void)snprintf(text, sizeof text, "%s%zu resolved", between, resolved); /* likewise */
        tw_text_raw(out, text);
    }
    if (self->truncated > 0) {
        (void)snprintf(text, sizeof text, ", %llu more", (unsigned long long)self->truncated);
        tw_text_raw(out, text);
    }
}

void tw_body_title(const struct tw_body *self, struct tw_text *out)
{
    struct tw_str severity = tw_body_severity(self);
    if (!self->is_firing) {
        tw_text_raw(out, "[resolved] ");
    } else {
        severity = severity.len > 0 ? severity : TW_STR_LIT("firing");
        tw_text_wrapped(out, "[", severity, "] ");
    }
    if (self->count == 1 && self->truncated == 0) {
        tw_text_add(out, tw_body_summary(&self->alerts[0]));
        return;
    }
    struct tw_str name = tw_body_common(self, "title");
    struct tw_str workflow = group_label(self, "workflow");
    name = name.len > 0 ? name : group_label(self, "alertname");
    tw_text_add(out, name.len > 0 ? name : TW_STR_LIT("Alerts"));
    if (workflow.len > 0) {
        tw_text_wrapped(out, " (", workflow, ")");
    }
    add_counts(self, out);
}

/* "2026-11-22 06:30 UTC", or as it is when it is no time. */
static void time_fact(const char *name, struct tw_str text, struct tw_body_fact *ret_fact)
{
    tw_wall_t at;
    char buf[TW_TIME_TEXT_SIZE];
    ret_fact->name = name;
    ret_fact->text = text;
    if (tw_wall_parse(text, &at) == TW_OK) {
        tw_wall_format(at, buf);
        (void)snprintf(ret_fact->own, sizeof ret_fact->own, "%.10s %.5s UTC", buf, buf + 11);
        ret_fact->text = tw_str_of(ret_fact->own);
    }
}

static void add_text(struct tw_body_fact *facts, size_t *count, const char *name,
                     struct tw_str text)
{
    if (text.len > 0 && *count < TW_BODY_FACTS_MAX) {
        facts[*count].name = name;
        facts[*count].text = text;
        (*count)++;
    }
}

size_t tw_body_facts(const struct tw_body_alert *alert,
                     struct tw_body_fact facts[TW_BODY_FACTS_MAX])
{
    static const char *const labels[][2] = {
        {"workflow", "Workflow"},   {"step", "Step"},   {"system", "System"}, {"cause", "Cause"},
        {"objective", "Objective"}, {"store", "Store"}, {"owner", "Owner"},
    };
    static const char *const annotations[][2] = {
        {"value", "Value"}, {"threshold", "Limit"}, {"flapping", "Flapping"}};
    size_t count = 0;
    if (alert->starts.len > 0) {
        time_fact("Since", alert->starts, &facts[count++]);
    }
    if (!alert->is_firing && alert->ends.len > 0) {
        time_fact("Resolved", alert->ends, &facts[count++]);
    }
    for (size_t i = 0; i < sizeof annotations / sizeof annotations[0]; i++) {
        add_text(facts, &count, annotations[i][1],
                 tw_json_text(alert->annotations, annotations[i][0]));
    }
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        add_text(facts, &count, labels[i][1], tw_json_text(alert->labels, labels[i][0]));
    }
    return count;
}

size_t tw_body_common_facts(const struct tw_body *self,
                            struct tw_body_fact facts[TW_BODY_FACTS_MAX])
{
    size_t count = 0;
    add_text(facts, &count, "Stores", tw_body_common(self, "stores"));
    add_text(facts, &count, "Systems", tw_body_common(self, "systems"));
    add_text(facts, &count, "Follows from it", tw_body_common(self, "inhibits"));
    return count;
}

bool tw_body_runbook(const struct tw_body *self, const struct tw_body_alert *alert, char *url,
                     size_t size)
{
    struct tw_str given = url_or_none(tw_json_text(alert->annotations, "runbook_url"));
    struct tw_str name = tw_json_text(alert->annotations, "runbook");
    if (given.len > 0 && given.len < size) {
        memcpy(url, given.ptr, given.len + 1);
        return true;
    }
    if (self->external_url.len == 0 || name.len == 0 || name.len > RUNBOOK_MAX ||
        strspn(name.ptr, "abcdefghijklmnopqrstuvwxyz0123456789-") != name.len) {
        return false;
    }
    int len = snprintf(url, size, "%s/runbooks/%s.md", self->external_url.ptr, name.ptr);
    return len > 0 && (size_t)len < size;
}
