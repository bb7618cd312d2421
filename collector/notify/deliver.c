/* SPDX-License-Identifier: Apache-2.0
 * Lanes, rounds and what is written of them. What is due is marked as being sent, that is
 * committed, and only then anything leaves; results wait here until they are written.
 */
#include "config.h"
#include "notify/deliver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "notify/deliver_internal.h"
#include "store/receivers.h"

#define ARENA_MAX   ((size_t)96 << 20) /* TW_DELIVER_ROUND bodies, and some */
#define IDLE_MS     1000               /* notices that others make: test buttons */
#define BUSY_MS     50                 /* results are to be written */
#define PUT_OFF_MS  1000               /* at least, for what cannot be begun */
#define CONNECTIONS 16

/* ---- lanes ---- */

static void lane_free(struct tw_lane *self)
{
    tw_rate_fini(&self->rate);
    tw_lane_drop_pushes(self);
    free(self->receiver);
    free(self);
}

static struct tw_lane *find_lane(const struct tw_deliver *self, struct tw_str receiver,
                                 enum tw_integration_kind kind, size_t idx)
{
    for (struct tw_lane *lane = self->lanes; lane != NULL; lane = lane->next) {
        if (lane->kind == kind && lane->idx == idx && tw_str_is(receiver, lane->receiver)) {
            return lane;
        }
    }
    return NULL;
}

static int add_lane(struct tw_deliver *self, const char *receiver, const struct tw_integration *to)
{
    struct tw_lane *lane = calloc(1, sizeof *lane);
    if (lane == NULL) {
        return TW_ENOMEM;
    }
    lane->receiver = strdup(receiver);
    lane->kind = to->kind;
    lane->idx = to->idx;
    lane->is_noted = true; /* there is nothing yet */
    if (lane->receiver == NULL || tw_rate_init(&lane->rate, to->kind) != TW_OK) {
        lane_free(lane);
        return TW_ENOMEM;
    }
    lane->next = self->lanes;
    self->lanes = lane;
    return TW_OK;
}

/* A lane for each integration of the set; those that others have stay. */
static int add_lanes(struct tw_deliver *self, const struct tw_notify *set)
{
    int rc = TW_OK;
    for (size_t i = 0; i < set->receiver_count; i++) {
        const struct tw_receiver *receiver = &set->receivers[i];
        for (size_t k = 0; k < receiver->count && rc == TW_OK; k++) {
            const struct tw_integration *to = &receiver->items[k];
            if (find_lane(self, tw_str_of(receiver->name), to->kind, to->idx) == NULL) {
                rc = add_lane(self, receiver->name, to);
            }
        }
    }
    return rc;
}

static void point_lanes(struct tw_deliver *self, const struct tw_notify *set)
{
    for (struct tw_lane *lane = self->lanes; lane != NULL; lane = lane->next) {
        const struct tw_receiver *receiver = tw_notify_find(set, tw_str_of(lane->receiver));
        lane->to = receiver == NULL ? NULL : tw_receiver_find(receiver, lane->kind, lane->idx);
    }
}

/* Those that are in no set and have nothing under way. */
static void drop_lanes(struct tw_deliver *self)
{
    for (struct tw_lane **p = &self->lanes; *p != NULL;) {
        struct tw_lane *lane = *p;
        if (lane->to == NULL && !lane->is_busy) {
            *p = lane->next;
            lane_free(lane);
        } else {
            p = &lane->next;
        }
    }
}

/* What cannot be bound is tried again when there is something to publish, and fails there. */
static void bind_all(struct tw_deliver *self)
{
    for (const struct tw_lane *lane = self->lanes; lane != NULL; lane = lane->next) {
        struct tw_diag diag = {""};
        if (lane->to != NULL && lane->kind == TW_INTEGRATION_PUB &&
            tw_pub_bind(self->pub, lane->to->bind, &diag) != TW_OK) {
            tw_log(TW_LOG_RECEIVER_FAILING_EVENT, TW_F_CSTR("receiver", lane->receiver),
                   TW_F_CSTR("integration", tw_integration_name(lane->kind)),
                   TW_F_CSTR("reason", diag.text));
        }
    }
}

/* ---- life ---- */

void tw_job_free(struct tw_job *job)
{
    if (job == NULL) {
        return;
    }
    if (job->has_picture) {
        tw_picture_fini(&job->picture);
    }
    tw_body_fini(&job->body);
    tw_buf_fini(&job->out);
    tw_notify_unref(&job->set);
    free(job->done);
    free(job);
}

static int copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text == NULL ? NULL : strdup(text);
    return text != NULL && *ret_copy == NULL ? TW_ENOMEM : TW_OK;
}

int tw_deliver_new(const struct tw_deliver_setup *setup, const struct tw_notify *set,
                   struct tw_deliver **ret_deliver, struct tw_diag *diag)
{
    struct tw_deliver *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    self->clock = setup->clock;
    self->set = tw_notify_ref(set);
    tw_arena_init(&self->arena, ARENA_MAX);
    int rc = copy_text(setup->program, &self->program);
    rc = rc == TW_OK ? copy_text(setup->config, &self->config) : rc;
    if (rc == TW_OK && setup->state != NULL &&
        asprintf(&self->state, "TILLWATCH_STATE=%s", setup->state) < 0) {
        self->state = NULL;
        rc = TW_ENOMEM;
    }
    rc = rc == TW_OK ? tw_http_client_new(setup->clock, CONNECTIONS, &self->client) : rc;
    rc = rc == TW_OK ? tw_pub_new(setup->guard, &self->pub, diag) : rc;
    rc = rc == TW_OK ? add_lanes(self, set) : rc;
    if (rc != TW_OK) {
        tw_deliver_destroy(&self);
        return diag->text[0] != '\0'
                   ? rc
                   : tw_diag_set(diag, rc, "it cannot start: %s", tw_err_text(rc));
    }
    point_lanes(self, set);
    bind_all(self);
    self->has_other_set = true;
    *ret_deliver = self;
    return TW_OK;
}

void tw_deliver_destroy(struct tw_deliver **self_p)
{
    struct tw_deliver *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    tw_http_client_destroy(&self->client); /* it borrows from jobs */
    while (self->jobs != NULL) {
        struct tw_job *job = self->jobs;
        self->jobs = job->next;
        tw_job_free(job);
    }
    while (self->done != NULL) {
        struct tw_done *done = self->done;
        self->done = done->next;
        free(done);
    }
    while (self->lanes != NULL) {
        struct tw_lane *lane = self->lanes;
        self->lanes = lane->next;
        lane_free(lane);
    }
    tw_pub_destroy(&self->pub);
    tw_notify_unref(&self->set);
    tw_arena_fini(&self->arena);
    free(self->program);
    free(self->config);
    free(self->state);
    free(self);
}

void tw_deliver_reload_clients(struct tw_deliver *self)
{
    tw_pub_reload(self->pub);
}

void tw_deliver_look(struct tw_deliver *self)
{
    tw_pub_look(self->pub, self->clock->mono(self->clock));
}

int tw_deliver_change(struct tw_deliver *self, const struct tw_notify *set)
{
    int rc = add_lanes(self, set);
    const struct tw_notify *kept = rc == TW_OK ? set : self->set;
    point_lanes(self, kept); /* new ones may be in neither */
    drop_lanes(self);
    if (rc == TW_OK) {
        const struct tw_notify *old = self->set;
        self->set = tw_notify_ref(set);
        tw_notify_unref(&old);
        self->has_other_set = true;
        bind_all(self);
    }
    return rc;
}

size_t tw_deliver_under_way(const struct tw_deliver *self)
{
    return self->job_count;
}

/* ---- results ---- */

void tw_deliver_done(struct tw_deliver *self, struct tw_job *job,
                     const struct tw_notice_result *result, const char *error)
{
    struct tw_done *done = job->done;
    job->done = NULL;
    done->result = *result;
    tw_http_clean(tw_str_of(error), done->error);
    done->result.error = done->error[0] == '\0' ? TW_STR_NULL : tw_str_of(done->error);
    done->next = self->done;
    self->done = done;
    self->has_news = true;
}

static int write_results(const struct tw_deliver *self, struct tw_notices *notices, tw_wall_t now,
                         struct tw_diag *diag)
{
    int rc = TW_OK;
    for (const struct tw_done *done = self->done; done != NULL && rc == TW_OK; done = done->next) {
        rc = tw_notices_result(notices, &done->result, now, diag);
        rc = rc == TW_ENOTFOUND ? TW_OK : rc; /* its history has ended meanwhile */
    }
    return rc;
}

static bool is_known(const void *context, struct tw_str receiver, struct tw_str integration,
                     size_t idx)
{
    const struct tw_deliver *self = context;
    const struct tw_lane *lane = find_lane(self, receiver, tw_integration_find(integration), idx);
    return lane != NULL && lane->to != NULL;
}

static int write_health(const struct tw_deliver *self, struct tw_notices *notices,
                        struct tw_diag *diag)
{
    int rc = TW_OK;
    for (const struct tw_lane *lane = self->lanes; lane != NULL && rc == TW_OK; lane = lane->next) {
        const struct tw_receiver_note note = {
            .receiver = tw_str_of(lane->receiver),
            .integration = tw_str_of(tw_integration_name(lane->kind)),
            .idx = (uint32_t)lane->idx,
            .ok = lane->ok,
            .failed = lane->failed,
            .fails = lane->fails,
            .gave_up = lane->gave_up,
            .error = lane->error[0] == '\0' ? TW_STR_NULL : tw_str_of(lane->error),
        };
        rc = lane->is_noted || lane->to == NULL ? TW_OK : tw_receivers_note(notices, &note, diag);
    }
    if (rc == TW_OK && self->has_other_set) {
        rc = tw_receivers_keep(notices, is_known, self, diag);
    }
    return rc;
}

static void results_are_written(struct tw_deliver *self)
{
    while (self->done != NULL) {
        struct tw_done *done = self->done;
        self->done = done->next;
        free(done);
    }
    for (struct tw_lane *lane = self->lanes; lane != NULL; lane = lane->next) {
        lane->is_noted = true;
    }
    self->has_other_set = false;
    drop_lanes(self);
}

/* ---- taking ---- */

/* Milliseconds until its lane takes one more; 0: now. -1: when what is under way is over. */
static int64_t until_free(const struct tw_lane *lane, tw_mono_t now)
{
    int64_t rate_ms = tw_rate_wait(&lane->rate, now);
    int64_t pause_ms = (lane->until.ns - now.ns + TW_NS_PER_MS - 1) / TW_NS_PER_MS;
    int64_t wait_ms = rate_ms > pause_ms ? rate_ms : pause_ms;
    if (lane->is_busy) {
        return -1;
    }
    return wait_ms > 0 ? wait_ms : 0;
}

static struct tw_job *job_of(const struct tw_deliver *self, struct tw_lane *lane,
                             const struct tw_notice *notice)
{
    struct tw_job *job = calloc(1, sizeof *job);
    struct tw_done *done = calloc(1, sizeof *done);
    if (job == NULL || done == NULL) {
        free(job);
        free(done);
        return NULL;
    }
    job->done = done;
    job->lane = lane;
    job->set = tw_notify_ref(self->set);
    job->to = lane->to;
    job->id = notice->id;
    job->kind = notice->kind;
    job->tries = notice->tries;
    job->created = notice->created;
    job->data = notice->data;
    return job;
}

int64_t tw_deliver_most_s(enum tw_notice_kind kind)
{
    bool is_about_now = kind == TW_NOTICE_TEST || kind == TW_NOTICE_WATCHDOG;
    return is_about_now ? TW_DELIVER_TEST_S : TW_DELIVER_LAST_S;
}

/* A result of one that is not posted; why NULL: it is as good as told. */
static int settle(struct tw_notices *notices, const struct tw_notice *notice, const char *why,
                  tw_wall_t now, struct tw_diag *diag)
{
    const struct tw_notice_result result = {
        .id = notice->id,
        .state = why == NULL ? TW_NOTICE_STATE_SENT : TW_NOTICE_STATE_FAILED,
        .error = tw_str_of(why),
    };
    return tw_notices_result(notices, &result, now, diag);
}

/* Not before so long; what was said of its lane stands beside it. */
static int put_off(struct tw_notices *notices, const struct tw_notice *notice,
                   const struct tw_lane *lane, int64_t wait_ms, tw_wall_t now, struct tw_diag *diag)
{
    wait_ms = wait_ms > PUT_OFF_MS ? wait_ms : PUT_OFF_MS;
    const struct tw_notice_result result = {
        .id = notice->id,
        .state = TW_NOTICE_STATE_WAITING,
        .next = {now.ns + wait_ms * TW_NS_PER_MS},
        .status = lane->status,
        .error = lane->error[0] == '\0' ? TW_STR_NULL : tw_str_of(lane->error),
    };
    return tw_notices_result(notices, &result, now, diag);
}

/* One that is due. A job of it is added to *jobs, in their order, when it can be begun. */
static int take(struct tw_deliver *self, struct tw_notices *notices, const struct tw_notice *notice,
                bool is_crowded, struct tw_job ***tail, struct tw_diag *diag)
{
    tw_mono_t mono = self->clock->mono(self->clock);
    tw_wall_t wall = self->clock->wall(self->clock);
    enum tw_integration_kind kind = tw_integration_find(notice->integration);
    struct tw_lane *lane = find_lane(self, notice->receiver, kind, notice->idx);
    if (lane == NULL || lane->to == NULL) {
        return settle(notices, notice, "the configuration has this receiver no more", wall, diag);
    }
    if (kind == TW_INTEGRATION_BROWSER) { /* pages are told by the stream */
        return settle(notices, notice, NULL, wall, diag);
    }
    if (notice->kind == TW_NOTICE_WATCHDOG &&
        wall.ns - notice->created.ns > TW_DELIVER_TEST_S * TW_NS_PER_S) {
        return settle(notices, notice, "it waited too long to say that the tower lives", wall,
                      diag);
    }
    int64_t wait_ms = until_free(lane, mono);
    if (wait_ms > 0 || (wait_ms < 0 && is_crowded)) {
        return put_off(notices, notice, lane, wait_ms, wall, diag);
    }
    if (wait_ms < 0) {
        return TW_OK;
    }
    int rc = tw_notices_sending(notices, notice->id, diag);
    if (rc != TW_OK) {
        return rc == TW_ENOTFOUND ? TW_OK : rc;
    }
    struct tw_job *job = job_of(self, lane, notice);
    if (job == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    lane->is_busy = true;
    **tail = job;
    *tail = &job->next;
    return TW_OK;
}

/* What was taken and is not committed was not taken. */
static void leave(struct tw_job *jobs)
{
    while (jobs != NULL) {
        struct tw_job *job = jobs;
        jobs = job->next;
        job->lane->is_busy = false;
        tw_job_free(job);
    }
}

static int take_all(struct tw_deliver *self, struct tw_notices *notices, struct tw_job **ret_jobs,
                    struct tw_diag *diag)
{
    struct tw_notice *due = NULL;
    size_t count = 0;
    struct tw_job **tail = ret_jobs;
    tw_wall_t now = self->clock->wall(self->clock);
    tw_arena_reset(&self->arena);
    int rc = tw_notices_due(notices, &self->arena, now, TW_DELIVER_ROUND, &due, &count, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        rc = take(self, notices, &due[i], count == TW_DELIVER_ROUND, &tail, diag);
    }
    return rc;
}

int tw_deliver_round(struct tw_deliver *self, struct tw_notices *notices, int *ret_wait_ms,
                     struct tw_diag *diag)
{
    struct tw_job *jobs = NULL;
    tw_wall_t now = self->clock->wall(self->clock);
    self->has_news = false; /* what cannot be written now waits for the caller's next turn */
    int rc = tw_notices_begin(notices, diag);
    if (rc != TW_OK) {
        return rc;
    }
    rc = write_results(self, notices, now, diag);
    rc = rc == TW_OK ? take_all(self, notices, &jobs, diag) : rc;
    rc = rc == TW_OK ? write_health(self, notices, diag) : rc;
    rc = rc == TW_OK ? tw_notices_commit(notices, diag) : rc;
    if (rc != TW_OK) {
        tw_notices_abandon(notices);
        leave(jobs);
        return rc;
    }
    results_are_written(self);
    while (jobs != NULL) {
        struct tw_job *job = jobs;
        jobs = job->next;
        tw_job_begin(self, job);
    }
    tw_arena_reset(&self->arena);
    *ret_wait_ms = self->has_news ? BUSY_MS : IDLE_MS;
    return TW_OK;
}

/* ---- waiting ---- */

int tw_deliver_wait(struct tw_deliver *self, struct pollfd *fds, size_t fd_count, int timeout_ms)
{
    struct pollfd all[TW_DELIVER_FDS_MAX + TW_DELIVER_PICTURES_MAX];
    size_t count = fd_count;
    tw_mono_t now = self->clock->mono(self->clock);
    TW_ASSERT(fd_count <= TW_DELIVER_FDS_MAX);
    memcpy(all, fds, fd_count * sizeof all[0]);
    for (const struct tw_job *job = self->jobs; job != NULL; job = job->next) {
        if (job->has_picture && count < sizeof all / sizeof all[0]) {
            int64_t left_ms = (job->picture.deadline.ns - now.ns) / TW_NS_PER_MS + 1;
            timeout_ms = left_ms < timeout_ms ? (int)(left_ms > 0 ? left_ms : 0) : timeout_ms;
            all[count++] = (struct pollfd){.fd = job->picture.fd, .events = POLLIN};
        }
    }
    int rc = tw_http_client_wait(self->client, all, count, self->has_news ? 0 : timeout_ms);
    for (size_t i = 0; i < fd_count; i++) {
        fds[i].revents = all[i].revents;
    }
    tw_jobs_go_on(self);
    return rc;
}
