/* SPDX-License-Identifier: Apache-2.0
 * From a notice that was taken to its result: read, rendered, posted, judged.
 */
#include "config.h"
#include "notify/deliver_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "notify/render.h"

#define WATCHED_URL_MAX 2304 /* a base and a path of ours */

/* ---- ends ---- */

/* The lane is free; the job is gone. */
static void end_job(struct tw_deliver *self, struct tw_job *job)
{
    for (struct tw_job **p = &self->jobs; *p != NULL; p = &(*p)->next) {
        if (*p == job) {
            *p = job->next;
            self->job_count--;
            break;
        }
    }
    job->lane->is_busy = false;
    tw_job_free(job);
}

static void say_state(const struct tw_lane *lane, bool is_failing)
{
    if (is_failing) {
        tw_log(TW_LOG_RECEIVER_FAILING_EVENT, TW_F_CSTR("receiver", lane->receiver),
               TW_F_CSTR("integration", tw_integration_name(lane->kind)),
               TW_F_INT("index", lane->idx), TW_F_INT("status", lane->status),
               TW_F_CSTR("reason", lane->error));
    } else {
        tw_log(TW_LOG_RECEIVER_WORKS_EVENT, TW_F_CSTR("receiver", lane->receiver),
               TW_F_CSTR("integration", tw_integration_name(lane->kind)),
               TW_F_INT("index", lane->idx));
    }
}

static void note_health(struct tw_deliver *self, struct tw_lane *lane,
                        const struct tw_verdict *verdict, bool gave_up)
{
    tw_wall_t now = self->clock->wall(self->clock);
    bool was_failing = lane->fails > 0;
    lane->is_noted = false;
    lane->status = verdict->status;
    if (verdict->word == TW_VERDICT_SENT) {
        lane->ok = now;
        lane->fails = 0;
        lane->gave_up = false;
        lane->error[0] = '\0';
    } else {
        lane->failed = now;
        lane->fails++;
        lane->gave_up = lane->gave_up || gave_up;
        memcpy(lane->error, verdict->reason, sizeof lane->error);
    }
    if (was_failing != (lane->fails > 0)) {
        say_state(lane, lane->fails > 0);
    }
}

/* How long the lane is left alone after this one. */
static int64_t pause_of(const struct tw_lane *lane, const struct tw_verdict *verdict)
{
    unsigned before = lane->fails < 16 ? (unsigned)lane->fails : 16;
    return verdict->wait_ms >= 0 ? verdict->wait_ms : tw_http_backoff(before);
}

/* A wait that its time does not allow is the end. */
static bool is_last(const struct tw_job *job, tw_wall_t next)
{
    return next.ns - job->created.ns > tw_deliver_most_s(job->kind) * TW_NS_PER_S;
}

static void settle(struct tw_deliver *self, struct tw_job *job, const struct tw_verdict *verdict)
{
    struct tw_lane *lane = job->lane;
    tw_wall_t wall = self->clock->wall(self->clock);
    struct tw_notice_result result = {.id = job->id, .status = verdict->status};
    bool gives_up = false;
    if (verdict->word == TW_VERDICT_SENT) {
        result.state = TW_NOTICE_STATE_SENT;
    } else if (verdict->word == TW_VERDICT_FAILED) {
        result.state = TW_NOTICE_STATE_FAILED;
        gives_up = true;
    } else {
        int64_t wait_ms = pause_of(lane, verdict);
        lane->until.ns = self->clock->mono(self->clock).ns + wait_ms * TW_NS_PER_MS;
        result.next.ns = wall.ns + wait_ms * TW_NS_PER_MS;
        gives_up = is_last(job, result.next);
        result.state = gives_up ? TW_NOTICE_STATE_FAILED : TW_NOTICE_STATE_WAITING;
    }
    note_health(self, lane, verdict, gives_up && job->kind != TW_NOTICE_TEST);
    tw_deliver_done(self, job, &result, verdict->reason);
    end_job(self, job);
}

/* Over before anything was posted; nothing is known of the receiver by that. */
static void settle_unposted(struct tw_deliver *self, struct tw_job *job, enum tw_notice_state state,
                            const char *why)
{
    const struct tw_notice_result result = {.id = job->id, .state = state};
    tw_deliver_done(self, job, &result, why);
    end_job(self, job);
}

/* Without memory: soon again. */
static void settle_later(struct tw_deliver *self, struct tw_job *job)
{
    tw_wall_t wall = self->clock->wall(self->clock);
    const struct tw_notice_result result = {
        .id = job->id, .state = TW_NOTICE_STATE_WAITING, .next = {wall.ns + TW_NS_PER_S}};
    if (job->id != 0) {
        tw_deliver_done(self, job, &result, tw_err_text(TW_ENOMEM));
    } else {
        tw_push_put_off(self, job->lane);
    }
    end_job(self, job);
}

/* ---- posting ---- */

static bool is_allowed(const void *context, bool is_v6, const uint8_t *address)
{
    return tw_notify_allows(context, is_v6, address);
}

static void begin_request(struct tw_deliver *self, struct tw_job *job,
                          struct tw_http_request *request)
{
    job->guard = (struct tw_http_guard){.allows = is_allowed, .context = job->set};
    request->ca_file = job->to->ca_file;
    request->body = (struct tw_str){job->out.data, job->out.len};
    request->timeout_ms = job->to->timeout_s * 1000;
    request->guard = &job->guard;
    request->user = job;
    int rc = tw_http_client_begin(self->client, request);
    tw_rate_note(&job->lane->rate, self->clock->mono(self->clock));
    tw_buf_clear(&job->out);
    if (rc != TW_OK) {
        settle_later(self, job);
    }
}

void tw_job_post(struct tw_deliver *self, struct tw_job *job, const char *url,
                 const struct tw_http_header *headers, size_t header_count)
{
    struct tw_http_request request = {
        .url = url, .headers = headers, .header_count = header_count, .bearer = job->to->bearer};
    begin_request(self, job, &request);
}

static void post_json(struct tw_deliver *self, struct tw_job *job)
{
    char key[TW_NOTICE_KEY_SIZE];
    tw_notice_key(job->id, job->created, key);
    const struct tw_http_header headers[] = {{"Content-Type", "application/json"},
                                             {"Idempotency-Key", key}};
    /* Chats and pagers know no such key, and what they do not know they need not get. */
    size_t count = job->to->kind == TW_INTEGRATION_WEBHOOK ? 2 : 1;
    char url[WATCHED_URL_MAX];
    const char *path = job->to->kind == TW_INTEGRATION_ALERTMANAGER ? "/api/v2/alerts" : "";
    (void)snprintf(url, sizeof url, "%s%s", job->to->url, path); /* TW_URL_MAX and ours */
    tw_job_post(self, job, url, headers, count);
}

static void publish(struct tw_deliver *self, struct tw_job *job)
{
    struct tw_verdict verdict = {.word = TW_VERDICT_SENT};
    struct tw_diag diag = {""};
    struct tw_buf topic;
    tw_buf_init(&topic, TW_TOPIC_MAX);
    int rc = tw_pub_bind(self->pub, job->to->bind, &diag);
    for (size_t i = 0; i < job->body.count && rc == TW_OK; i++) {
        tw_buf_clear(&topic);
        tw_buf_clear(&job->out);
        rc = tw_render_pub(&job->body, i, &topic, &job->out);
        rc = rc == TW_OK
                 ? tw_pub_send(self->pub, job->to->bind, (struct tw_str){topic.data, topic.len},
                               (struct tw_str){job->out.data, job->out.len})
                 : rc;
    }
    tw_buf_fini(&topic);
    if (rc != TW_OK) {
        verdict.word = TW_VERDICT_AGAIN;
        verdict.wait_ms = -1;
        tw_http_clean(tw_str_of(diag.text[0] != '\0' ? diag.text : tw_err_text(rc)),
                      verdict.reason);
    }
    settle(self, job, &verdict);
}

/* ---- mail ---- */

/* Of Message-ID and boundaries: letters, digits and '-'. */
static void mail_key(const struct tw_job *job, char key[TW_NOTICE_KEY_SIZE])
{
    tw_notice_key(job->id, job->created, key);
    for (char *p = key; *p != '\0'; p++) {
        bool is_plain =
            (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9');
        *p = is_plain ? *p : '-';
    }
}

static void post_mail(struct tw_deliver *self, struct tw_job *job, const char *no_picture)
{
    const struct tw_integration *to = job->to;
    char key[TW_NOTICE_KEY_SIZE];
    mail_key(job, key);
    struct tw_mail mail = {.from = to->from,
                           .to = &to->to,
                           .key = key,
                           .created = job->created,
                           .no_picture = no_picture};
    if (job->has_picture && no_picture == NULL) {
        mail.picture = (struct tw_str){job->picture.png.data, job->picture.png.len};
    }
    int rc = tw_render_mail(&job->body, &mail, &job->out);
    if (job->has_picture) {
        tw_picture_fini(&job->picture);
        job->has_picture = false;
    }
    if (rc == TW_ENOMEM) {
        settle_later(self, job);
        return;
    }
    if (rc != TW_OK) {
        settle_unposted(self, job, TW_NOTICE_STATE_FAILED, "it cannot be written as a mail");
        return;
    }
    /* "Tillwatch <tower@shop.example>": the envelope has the address alone. */
    char from[512];
    const char *open = strrchr(to->from, '<');
    const char *begin = open == NULL ? to->from : open + 1;
    (void)snprintf(from, sizeof from, "%.*s", (int)strcspn(begin, ">"), begin); /* cut is refused */
    const struct tw_http_mail envelope = {
        .from = from,
        .to = (const char *const *)to->to.items,
        .to_count = to->to.count,
        .tls = to->tls == TW_MAIL_TLS      ? TW_HTTP_TLS
               : to->tls == TW_MAIL_NO_TLS ? TW_HTTP_PLAIN
                                           : TW_HTTP_STARTTLS,
        .username = to->username,
        .password = to->password,
    };
    struct tw_http_request request = {.url = to->smarthost, .mail = &envelope};
    begin_request(self, job, &request);
}

static size_t count_pictures(const struct tw_deliver *self)
{
    size_t count = 0;
    for (const struct tw_job *job = self->jobs; job != NULL; job = job->next) {
        count += job->has_picture ? 1 : 0;
    }
    return count;
}

static const struct tw_body_alert *pictured(const struct tw_body *body)
{
    for (size_t i = 0; i < body->count; i++) {
        if (body->alerts[i].is_firing &&
            tw_json_text(body->alerts[i].labels, "alertname").len > 0) {
            return &body->alerts[i];
        }
    }
    return NULL;
}

/* The panel of its rule, for what the alert is about. */
static void begin_picture(struct tw_deliver *self, struct tw_job *job,
                          const struct tw_body_alert *alert)
{
    char panel[TW_LABEL_VALUE_MAX + 8];
    char labels[8192];
    size_t count = 0;
    char *argv[TW_PICTURE_ARGS];
    struct tw_buf json;
    (void)snprintf(panel, sizeof panel, "rule.%s",
                   tw_json_text(alert->labels, "alertname").ptr); /* cut: there is no such panel */
    tw_buf_init(&json, sizeof labels - 1);
    bool has_labels = tw_json_write(alert->labels, &json) == TW_OK;
    if (has_labels) {
        memcpy(labels, json.data, json.len);
        labels[json.len] = '\0';
    }
    tw_buf_fini(&json);
    char options[][16] = {"plot", "--png", "--labels", "--config"};
    argv[count++] = self->program;
    argv[count++] = options[0];
    argv[count++] = panel;
    argv[count++] = options[1];
    if (has_labels) {
        argv[count++] = options[2];
        argv[count++] = labels;
    }
    if (self->config != NULL) {
        argv[count++] = options[3];
        argv[count++] = self->config;
    }
    argv[count] = NULL;
    char *const environment[] = {(char[]){"LC_ALL=C.UTF-8"}, (char[]){"PATH=/usr/bin:/bin"},
                                 self->state, NULL};
    tw_picture_begin(&job->picture, argv, environment, self->clock->mono(self->clock));
    job->has_picture = true;
}

static void begin_mail(struct tw_deliver *self, struct tw_job *job)
{
    const struct tw_body_alert *alert = pictured(&job->body);
    if (!job->to->has_picture || alert == NULL) {
        post_mail(self, job, NULL);
    } else if (self->program == NULL) {
        post_mail(self, job, "the program that draws it is not known");
    } else if (count_pictures(self) >= TW_DELIVER_PICTURES_MAX) {
        post_mail(self, job, "too many are drawn already");
    } else {
        begin_picture(self, job, alert);
    }
}

/* ---- beginning ---- */

static int render(struct tw_job *job)
{
    bool is_taken = job->kind == TW_NOTICE_ACKNOWLEDGED;
    tw_wall_t ends = {job->created.ns + TW_DELIVER_ENDS_S * TW_NS_PER_S};
    switch (job->to->kind) {
    case TW_INTEGRATION_WEBHOOK:
        return tw_render_webhook(&job->body, &job->out);
    case TW_INTEGRATION_ALERTMANAGER:
        return tw_render_alertmanager(&job->body, ends, &job->out);
    case TW_INTEGRATION_SLACK:
        return tw_render_slack(&job->body, &job->out);
    case TW_INTEGRATION_TEAMS:
        return tw_render_teams(&job->body, &job->out);
    case TW_INTEGRATION_PAGERDUTY:
        return tw_render_pagerduty(&job->body, job->part, job->to->routing_key, is_taken,
                                   &job->out);
    case TW_INTEGRATION_EMAIL:
    case TW_INTEGRATION_PUB:
    case TW_INTEGRATION_BROWSER:
    case TW_INTEGRATION_KIND_COUNT:
    default:
        return TW_EINVAL; /* these are not posted as JSON */
    }
}

static void render_and_post(struct tw_deliver *self, struct tw_job *job)
{
    int rc = render(job);
    if (rc == TW_OK) {
        post_json(self, job);
    } else if (rc == TW_ENOMEM) {
        settle_later(self, job);
    } else {
        settle_unposted(self, job, TW_NOTICE_STATE_FAILED, "it is too large for this receiver");
    }
}

/* A pager is told of each alert by itself, those that were left out of the list, too; every other
 * receiver of as many as it wants listed. */
static int read_body(struct tw_job *job)
{
    const struct tw_body_asked asked = {
        .with_resolved = job->to->sends_resolved || job->to->kind == TW_INTEGRATION_PAGERDUTY,
        .max_alerts = job->to->kind == TW_INTEGRATION_PAGERDUTY || job->to->max_alerts <= 0
                          ? TW_NOTIFY_ALERTS_MAX
                          : (size_t)job->to->max_alerts,
    };
    return tw_body_read(job->data, &asked, &job->body);
}

void tw_job_begin(struct tw_deliver *self, struct tw_job *job)
{
    job->next = self->jobs;
    self->jobs = job;
    self->job_count++;
    tw_buf_init(&job->out, TW_RENDER_MAX);
    int rc = read_body(job);
    job->data = TW_STR_NULL;
    if (rc == TW_ENOMEM) {
        settle_later(self, job);
    } else if (rc != TW_OK) {
        settle_unposted(self, job, TW_NOTICE_STATE_FAILED, "what it says cannot be read");
    } else if (job->body.count == 0) {
        settle_unposted(self, job, TW_NOTICE_STATE_SENT, NULL); /* it wants nothing of this */
    } else if (job->to->kind == TW_INTEGRATION_PUB) {
        publish(self, job);
    } else if (job->to->kind == TW_INTEGRATION_EMAIL) {
        begin_mail(self, job);
    } else {
        render_and_post(self, job);
    }
}

/* ---- going on ---- */

static void replied(struct tw_deliver *self, struct tw_job *job, const struct tw_http_reply *reply)
{
    struct tw_verdict verdict;
    tw_verdict_of(job->to, reply, self->clock->wall(self->clock), &verdict);
    if (job->id == 0) {
        struct tw_lane *lane = job->lane;
        note_health(self, lane, &verdict, false);
        end_job(self, job);
        tw_push_replied(self, lane, &verdict);
        return;
    }
    if (verdict.word == TW_VERDICT_SENT && job->to->kind == TW_INTEGRATION_PAGERDUTY &&
        job->part + 1 < job->body.count) {
        job->part++;
        render_and_post(self, job);
        return;
    }
    settle(self, job, &verdict);
}

void tw_jobs_go_on(struct tw_deliver *self)
{
    tw_mono_t now = self->clock->mono(self->clock);
    struct tw_http_reply reply;
    struct tw_job *next = NULL;
    for (struct tw_job *job = self->jobs; job != NULL; job = next) {
        next = job->next;
        if (job->has_picture && tw_picture_go_on(&job->picture, now)) {
            post_mail(self, job, job->picture.fault);
        }
    }
    while (tw_http_client_next(self->client, &reply)) {
        replied(self, reply.user, &reply);
    }
}
