/* SPDX-License-Identifier: Apache-2.0
 * What the files of delivery share: an integration on its way through time (a lane), and a notice
 * that is being posted (a job).
 * Thread: `notify`.
 */
#ifndef TW_NOTIFY_DELIVER_INTERNAL_H
#define TW_NOTIFY_DELIVER_INTERNAL_H

#include "core/arena.h"
#include "http/client.h"
#include "notify/body.h"
#include "notify/deliver.h"
#include "notify/picture.h"
#include "notify/pub.h"
#include "notify/rate.h"
#include "notify/verdict.h"

#define TW_DELIVER_PICTURES_MAX 2 /* children at a time */

/* A request to an Alertmanager that waits for the one before it. */
struct tw_push {
    struct tw_push *next;
    struct tw_buf out;
};

struct tw_lane {
    struct tw_lane *next;
    char *receiver;
    enum tw_integration_kind kind;
    size_t idx;
    const struct tw_integration *to; /* of the set in force; NULL: it is in it no more */
    struct tw_rate rate;
    bool is_busy;    /* a job of it is under way */
    tw_mono_t until; /* nothing is begun before */
    /* health */
    bool is_noted; /* what is below is in the outbox */
    tw_wall_t ok;
    tw_wall_t failed;
    uint64_t fails; /* in a row */
    bool gave_up;
    int status;
    char error[TW_HTTP_REASON_MAX + 1];
    /* an Alertmanager */
    tw_mono_t push_due;
    struct tw_push *pushes; /* what is still to be said of what was true when it began */
};

/* A result that is not in the outbox yet. */
struct tw_done {
    struct tw_done *next;
    struct tw_notice_result result;
    char error[TW_HTTP_REASON_MAX + 1];
};

struct tw_job {
    struct tw_job *next;
    struct tw_lane *lane;
    const struct tw_notify *set; /* owned reference: what is below stays valid */
    const struct tw_integration *to;
    struct tw_http_guard guard;
    uint64_t id; /* of the notice; 0: alerts for an Alertmanager */
    enum tw_notice_kind kind;
    uint32_t tries; /* before this one */
    tw_wall_t created;
    struct tw_str data; /* until it is begun */
    struct tw_body body;
    size_t part; /* PagerDuty: the alert whose event is under way */
    struct tw_buf out;
    bool has_picture; /* it is being drawn: nothing is posted yet */
    struct tw_picture picture;
    struct tw_done *done; /* room for its result: what was posted is known, whatever happens */
};

struct tw_deliver {
    struct tw_clock *clock;
    char *program;
    char *config;
    char *state; /* "TILLWATCH_STATE=..." or NULL */
    const struct tw_notify *set;
    struct tw_http_client *client;
    struct tw_pub *pub;
    struct tw_lane *lanes;
    struct tw_job *jobs; /* under way */
    size_t job_count;
    struct tw_done *done;
    bool has_news;      /* results that no round has tried to write yet */
    bool has_other_set; /* health of receivers that are gone is to be forgotten */
    struct tw_arena arena;
};

/* ---- deliver.c ---- */

/* A result to be written; the job has none yet. */
void tw_deliver_done(struct tw_deliver *self, struct tw_job *job,
                     const struct tw_notice_result *result, const char *error);
void tw_job_free(struct tw_job *job); /* accepts NULL */
/* Seconds for which a notice of this kind is tried. */
int64_t tw_deliver_most_s(enum tw_notice_kind kind);

/* ---- deliver_post.c ---- */

/* Takes the job: it is under way, or its result is there. */
void tw_job_begin(struct tw_deliver *self, struct tw_job *job);
/* Pictures that are done, replies that came. */
void tw_jobs_go_on(struct tw_deliver *self);
/* Posts job->out; takes the job. */
void tw_job_post(struct tw_deliver *self, struct tw_job *job, const char *url,
                 const struct tw_http_header *headers, size_t header_count);

/* ---- deliver_push.c ---- */

/* The reply to alerts that were pushed: no notice waits for it. The next ones follow, or, when it
 * failed, all again later. */
void tw_push_replied(struct tw_deliver *self, struct tw_lane *lane,
                     const struct tw_verdict *verdict);

/* Nothing of it could be posted: all again in a second. */
void tw_push_put_off(const struct tw_deliver *self, struct tw_lane *lane);
void tw_lane_drop_pushes(struct tw_lane *lane);

#endif
