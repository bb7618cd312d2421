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

#include "alert/json_text.h"
#include "alert/labels.h"
#include "config/url.h"
#include "notify/render.h"

#define PATH "/api/v2/alerts"
#define PUSH_BYTES                                                                \
    (TW_RENDER_MAX / 4) /* of texts in one request; what is around them fits, too \
                         */

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

/* As in a webhook body. NULL: out of memory. */
static json_t *json_of(const struct tw_deliver_alert *alert)
{
    char starts[TW_TIME_TEXT_SIZE];
    char ends[TW_TIME_TEXT_SIZE];
    json_t *labels = NULL;
    json_t *annotations = NULL;
    json_t *json = json_object();
    int rc = tw_json_read(alert->labels, 0, &labels);
    rc = rc == TW_OK ? tw_json_read(alert->annotations, 0, &annotations) : rc;
    annotations = rc == TW_ESYNTAX ? json_object() : annotations; /* it is told without them */
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

/* ---- requests ---- */

void tw_lane_drop_pushes(struct tw_lane *lane)
{
    while (lane->pushes != NULL) {
        struct tw_push *push = lane->pushes;
        lane->pushes = push->next;
        tw_buf_fini(&push->out);
        free(push);
    }
}

void tw_push_put_off(const struct tw_deliver *self, struct tw_lane *lane)
{
    tw_lane_drop_pushes(lane);
    lane->push_due.ns = self->clock->mono(self->clock).ns + TW_NS_PER_S;
}

/* One more request behind those that wait. */
static int add_push(struct tw_deliver *self, struct tw_push ***tail, json_t *list)
{
    const struct tw_body_asked asked = {.with_resolved = true, .max_alerts = TW_DELIVER_PUSH_MAX};
    struct tw_body body = {0};
    tw_wall_t ends = self->clock->wall(self->clock);
    json_t *root = json_object();
    struct tw_push *push = calloc(1, sizeof *push);
    int rc = push == NULL || json_object_set(root, "alerts", list) != 0 ? TW_ENOMEM : TW_OK;
    if (rc == TW_OK) {
        tw_buf_init(&push->out, TW_RENDER_MAX);
        rc = tw_body_take(root, &asked, &body); /* its reference, too */
        root = NULL;
    }
    ends.ns += TW_DELIVER_ENDS_S * TW_NS_PER_S;
    rc = rc == TW_OK ? tw_render_alertmanager(&body, ends, &push->out) : rc;
    tw_body_fini(&body);
    json_decref(root);
    if (rc != TW_OK) {
        if (push != NULL) {
            tw_buf_fini(&push->out);
        }
        free(push);
        return rc;
    }
    **tail = push;
    *tail = &push->next;
    return TW_OK;
}

/* The alerts of the lane, all of them, in as many requests as they need. */
static int make_pushes(struct tw_deliver *self, struct tw_lane *lane,
                       const struct tw_deliver_alert *alerts, size_t count)
{
    struct tw_push **tail = &lane->pushes;
    size_t bytes = 0;
    int rc = TW_OK;
    json_t *list = json_array();
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_labels labels;
        bool is_resolved = alerts[i].ended.ns != 0;
        tw_arena_reset(&self->arena);
        rc = tw_labels_parse(&self->arena, alerts[i].labels, &labels);
        if (rc == TW_ENOMEM) {
            break;
        }
        if (rc != TW_OK || (is_resolved && !lane->to->sends_resolved) ||
            !is_for(self, lane, &labels)) {
            rc = TW_OK; /* damaged, or nothing for this one */
            continue;
        }
        /* what is appended is owned by the list, also when that fails */
        rc = json_array_append_new(list, json_of(&alerts[i])) == 0 ? TW_OK : TW_ENOMEM;
        bytes += alerts[i].labels.len + alerts[i].annotations.len + alerts[i].generator.len;
        if (rc == TW_OK && (json_array_size(list) == TW_DELIVER_PUSH_MAX || bytes >= PUSH_BYTES)) {
            rc = add_push(self, &tail, list);
            (void)json_array_clear(list); /* of an array it cannot fail */
            bytes = 0;
        }
    }
    rc = rc == TW_OK && json_array_size(list) > 0 ? add_push(self, &tail, list) : rc;
    json_decref(list);
    tw_arena_reset(&self->arena);
    return rc;
}

/* The first that waits. */
static int post_next(struct tw_deliver *self, struct tw_lane *lane)
{
    static const struct tw_http_header headers[] = {{"Content-Type", "application/json"}};
    char url[TW_URL_MAX + sizeof PATH];
    struct tw_push *push = lane->pushes;
    struct tw_job *job = calloc(1, sizeof *job);
    if (job == NULL) {
        return TW_ENOMEM;
    }
    job->set = tw_notify_ref(self->set);
    job->out = push->out;
    job->lane = lane;
    job->to = lane->to;
    job->next = self->jobs;
    self->jobs = job;
    self->job_count++;
    lane->pushes = push->next;
    free(push);
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
        rc = make_pushes(self, lane, alerts, count);
        if (rc == TW_OK) {
            lane->push_due.ns = now.ns + TW_DELIVER_PUSH_S * TW_NS_PER_S;
            rc = lane->pushes != NULL ? post_next(self, lane) : rc;
        }
        if (rc != TW_OK) {
            tw_push_put_off(self, lane);
        }
    }
    return rc;
}

void tw_push_replied(struct tw_deliver *self, struct tw_lane *lane,
                     const struct tw_verdict *verdict)
{
    tw_mono_t now = self->clock->mono(self->clock);
    if (verdict->word == TW_VERDICT_SENT) {
        if (lane->to == NULL || (lane->pushes != NULL && post_next(self, lane) != TW_OK)) {
            tw_push_put_off(self, lane);
        }
        return;
    }
    tw_lane_drop_pushes(lane); /* what is true then is told then */
    unsigned before = lane->fails > 16 ? 16 : (unsigned)lane->fails - 1;
    int64_t wait_ms = verdict->wait_ms >= 0 ? verdict->wait_ms : tw_http_backoff(before);
    lane->until.ns = now.ns + wait_ms * TW_NS_PER_MS;
    lane->push_due = lane->until;
}
