/* SPDX-License-Identifier: Apache-2.0
 * Alertmanagers: each is told every alert that its routes give it, again and again, so that it
 * knows soon that we are gone; it groups and repeats by itself. Nothing of this is in the outbox:
 * what could not be said is said with the next push, from what is true then.
 */
#include "config.h"
#include "notify/deliver_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/labels.h"
#include "config/url.h"
#include "notify/render.h"

#define PATH "/api/v2/alerts"

static bool is_due(const struct tw_lane *lane, tw_mono_t now)
{
    return lane->kind == TW_INTEGRATION_ALERTMANAGER && lane->to != NULL && !lane->is_busy &&
           now.ns >= lane->push_due.ns && now.ns >= lane->until.ns;
}

bool tw_deliver_wants_alerts(const struct tw_deliver *self)
{
    tw_mono_t now = self->clock->mono(self->clock);
    for (const struct tw_lane *lane = self->lanes; lane != NULL; lane = lane->next) {
        if (is_due(lane, now)) {
            return true;
        }
    }
    return false;
}

/* As in a webhook body. NULL: out of memory, or its labels are none. */
static json_t *json_of(const struct tw_deliver_alert *alert)
{
    char starts[TW_TIME_TEXT_SIZE];
    char ends[TW_TIME_TEXT_SIZE];
    json_t *labels = json_loadb(alert->labels.ptr, alert->labels.len, 0, NULL);
    json_t *annotations = json_loadb(alert->annotations.ptr, alert->annotations.len, 0, NULL);
    json_t *json = json_object();
    tw_wall_format(alert->starts, starts);
    tw_wall_format(alert->ended, ends);
    int fault = json_object_set_new(json, "labels", labels) |
                json_object_set_new(json, "annotations", annotations) |
                json_object_set_new(json, "status",
                                    json_string(alert->ended.ns == 0 ? "firing" : "resolved")) |
                json_object_set_new(json, "startsAt", json_string(starts)) |
                json_object_set_new(json, "endsAt", json_string(ends));
    if (alert->generator.len > 0) {
        fault |= json_object_set_new(json, "generatorURL",
                                     json_stringn(alert->generator.ptr, alert->generator.len));
    }
    if (fault != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

/* Some route gives alerts with these labels to the receiver of the lane. */
static bool is_for(const struct tw_deliver *self, const struct tw_lane *lane,
                   const struct tw_labels *labels)
{
    size_t routes[TW_NOTIFY_ROUTES_MAX];
    size_t count = tw_notify_route(self->set, labels, routes, TW_NOTIFY_ROUTES_MAX);
    for (size_t i = 0; i < count; i++) {
        const struct tw_route *route = &self->set->routes[routes[i]];
        if (strcmp(self->set->receivers[route->receiver].name, lane->receiver) == 0) {
            return true;
        }
    }
    return false;
}

/* The alerts of the lane, at most TW_DELIVER_PUSH_MAX. NULL: out of memory. */
static json_t *list_for(struct tw_deliver *self, const struct tw_lane *lane,
                        const struct tw_deliver_alert *alerts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count && json_array_size(list) < TW_DELIVER_PUSH_MAX; i++) {
        struct tw_labels labels;
        bool is_resolved = alerts[i].ended.ns != 0;
        tw_arena_reset(&self->arena);
        if (tw_labels_parse(&self->arena, alerts[i].labels, &labels) != TW_OK ||
            (is_resolved && !lane->to->sends_resolved) || !is_for(self, lane, &labels)) {
            continue;
        }
        json_t *json = json_of(&alerts[i]);
        if (json == NULL || json_array_append_new(list, json) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    tw_arena_reset(&self->arena);
    return list;
}

static int push(struct tw_deliver *self, struct tw_lane *lane, json_t *list)
{
    const struct tw_body_asked asked = {.with_resolved = true, .max_alerts = TW_DELIVER_PUSH_MAX};
    static const struct tw_http_header headers[] = {{"Content-Type", "application/json"}};
    char url[TW_URL_MAX + sizeof PATH];
    json_t *root = json_object();
    struct tw_job *job = calloc(1, sizeof *job);
    int rc = job == NULL || json_object_set(root, "alerts", list) != 0 ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK) {
        tw_buf_init(&job->out, TW_RENDER_MAX);
        job->set = tw_notify_ref(self->set);
        rc = tw_body_take(root, &asked, &job->body); /* its reference, too */
        root = NULL;
    }
    tw_wall_t ends = self->clock->wall(self->clock);
    ends.ns += TW_DELIVER_ENDS_S * TW_NS_PER_S;
    rc = rc == TW_OK ? tw_render_alertmanager(&job->body, ends, &job->out) : rc;
    if (rc != TW_OK) {
        json_decref(root);
        tw_job_free(job);
        return rc;
    }
    job->lane = lane;
    job->to = lane->to;
    job->next = self->jobs;
    self->jobs = job;
    self->job_count++;
    lane->is_busy = true;
    (void)snprintf(url, sizeof url, "%s" PATH, lane->to->url); /* it was checked: TW_URL_MAX */
    tw_job_post(self, job, url, headers, 1);
    return TW_OK;
}

int tw_deliver_alerts(struct tw_deliver *self, const struct tw_deliver_alert *alerts, size_t count)
{
    tw_mono_t now = self->clock->mono(self->clock);
    int rc = TW_OK;
    for (struct tw_lane *lane = self->lanes; lane != NULL && rc == TW_OK; lane = lane->next) {
        if (lane->kind != TW_INTEGRATION_ALERTMANAGER || lane->to == NULL) {
            continue;
        }
        if (lane->is_busy || now.ns < lane->until.ns) {
            lane->push_due = lane->until; /* then, with what is true then */
            continue;
        }
        json_t *list = list_for(self, lane, alerts, count);
        lane->push_due.ns = now.ns + TW_DELIVER_PUSH_S * TW_NS_PER_S;
        rc = list == NULL ? TW_ENOMEM : TW_OK;
        if (json_array_size(list) > 0) {
            rc = push(self, lane, list);
        }
        json_decref(list);
    }
    return rc;
}

void tw_push_replied(struct tw_deliver *self, struct tw_lane *lane,
                     const struct tw_verdict *verdict)
{
    if (verdict->word == TW_VERDICT_SENT) {
        return;
    }
    tw_mono_t now = self->clock->mono(self->clock);
    unsigned before = lane->fails > 16 ? 16 : (unsigned)lane->fails - 1;
    int64_t wait_ms = verdict->wait_ms >= 0 ? verdict->wait_ms : tw_http_backoff(before);
    lane->until.ns = now.ns + wait_ms * TW_NS_PER_MS;
    lane->push_due = lane->until;
}
