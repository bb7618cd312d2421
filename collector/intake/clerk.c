/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "intake/clerk.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor.h"
#include "core/log.h"
#include "intake/clerk_causes.h"
#include "intake/intake.h"
#include "store/request.h"

#define LOOK_MS 250
/* A batch of retries is committed in tens of milliseconds; when the disk is full it may take long,
 * and the request then stays waiting. */
#define ANSWER_MS        10000
#define PAGE_ENTRIES     64
#define REQUESTS_AT_ONCE 16

struct tw_clerk {
    /* fixed after start */
    const struct tw_cfg *cfg;
    struct tw_clock *clock;
    struct tw_chan *retries;
    struct tw_chan *retried;
    struct tw_actor *actor;
    /* owned by the clerk thread */
    struct tw_reader *reader;
    size_t under_way;
};

/* What one request has come to. */
struct tally {
    uint64_t tried;
    uint64_t solved;
    uint64_t failed;
    uint64_t skipped; /* already solved, or unknown */
};

/* Collect answers until at most `left` are under way. TW_ETIMEOUT when none comes. */
static int collect(struct tw_clerk *self, size_t left, struct tally *tally)
{
    while (self->under_way > left) {
        struct tw_retry *retry = tw_chan_wait(self->retried, ANSWER_MS);
        if (retry == NULL) {
            return TW_ETIMEOUT;
        }
        self->under_way--;
        tally->solved += retry->is_solved ? 1 : 0;
        tally->failed += retry->is_solved ? 0 : 1;
        tw_retry_destroy(&retry);
    }
    return TW_OK;
}

static int retry_one(struct tw_clerk *self, uint64_t id, struct tally *tally)
{
    int rc = collect(self, TW_RETRIES_MAX - 1, tally);
    if (rc != TW_OK) {
        return rc;
    }
    struct tw_retry *retry = calloc(1, sizeof *retry);
    if (retry == NULL) {
        return TW_ENOMEM;
    }
    tw_arena_init(&retry->arena, (size_t)64 << 20);
    rc = tw_reader_quarantine_entry(self->reader, &retry->arena, id, &retry->entry);
    if (rc == TW_OK && !retry->entry.is_done) {
        void *item = retry;
        rc = tw_chan_send(self->retries, &item);
        TW_ASSERT(rc == TW_OK); /* fewer than its capacity are under way */
        self->under_way++;
        tally->tried++;
        return TW_OK;
    }
    if (rc == TW_OK || rc == TW_ENOTFOUND) {
        tally->skipped++;
        rc = TW_OK;
    }
    tw_retry_destroy(&retry);
    return rc;
}

static int retry_listed(struct tw_clerk *self, const json_t *ids, struct tally *tally)
{
    size_t i = 0;
    json_t *id = NULL;
    json_array_foreach (ids, i, id) {
        if (!json_is_integer(id) || json_integer_value(id) <= 0) {
            return TW_EINVAL;
        }
        int rc = retry_one(self, (uint64_t)json_integer_value(id), tally);
        if (rc != TW_OK) {
            return rc;
        }
    }
    return TW_OK;
}

static int reason_of(const json_t *body, enum tw_problem_code *ret_code)
{
    const char *reason = json_string_value(json_object_get(body, "reason"));
    *ret_code = TW_PROBLEM_none;
    if (reason == NULL) {
        return json_is_true(json_object_get(body, "all")) ? TW_OK : TW_EINVAL;
    }
    for (int i = 1; i < TW_PROBLEM_COUNT; i++) {
        if (strcmp(tw_problem_infos[i].name, reason) == 0) {
            *ret_code = (enum tw_problem_code)i;
            return TW_OK;
        }
    }
    return TW_EINVAL;
}

/* Everything open, from the newest down, as it stood at the start: what fails again becomes a
 * newer row and is not met a second time. */
static int retry_all(struct tw_clerk *self, const json_t *body, struct tally *tally)
{
    enum tw_problem_code reason = TW_PROBLEM_none;
    int rc = reason_of(body, &reason);
    uint64_t before = 0;
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)256 << 20);
    while (rc == TW_OK && tally->tried + tally->skipped < CLERK_ENTRIES_MAX) {
        const struct tw_quarantine_entry *entries = NULL;
        size_t count = 0;
        tw_arena_reset(&arena);
        rc = tw_reader_quarantine(self->reader, &arena, before, reason, false, PAGE_ENTRIES,
                                  &entries, &count);
        if (rc != TW_OK || count == 0) {
            break;
        }
        for (size_t i = 0; i < count && rc == TW_OK; i++) {
            before = entries[i].id;
            rc = retry_one(self, entries[i].id, tally);
        }
    }
    tw_arena_fini(&arena);
    return rc;
}

static int carry_out(struct tw_clerk *self, const struct tw_request *request, struct tally *tally)
{
    json_t *body = json_loadb(request->body.ptr, request->body.len, 0, NULL);
    if (body == NULL) {
        return TW_ESYNTAX;
    }
    int rc =
        self->reader == NULL ? tw_reader_open(self->cfg->store.dir, &self->reader, NULL) : TW_OK;
    const json_t *ids = json_object_get(body, "ids");
    if (rc == TW_OK) {
        rc = json_is_array(ids) ? retry_listed(self, ids, tally) : retry_all(self, body, tally);
    }
    int collected = collect(self, 0, tally);
    json_decref(body);
    return rc == TW_OK ? collected : rc;
}

static int try_again(struct tw_clerk *self, const struct tw_request *request, json_t **ret_result)
{
    struct tally tally = {0};
    int rc = carry_out(self, request, &tally);
    *ret_result = json_pack("{s:I, s:I, s:I, s:I}", "tried", (json_int_t)tally.tried, "solved",
                            (json_int_t)tally.solved, "failed", (json_int_t)tally.failed, "skipped",
                            (json_int_t)tally.skipped);
    if (*ret_result != NULL && rc != TW_OK) {
        (void)json_object_set_new(*ret_result, "error", json_string(tw_err_text(rc)));
    }
    return rc;
}

static void handle(struct tw_clerk *self, const struct tw_request *request)
{
    json_t *result = NULL;
    int rc = TW_EINVAL;
    if (tw_str_is(request->kind, "quarantine-retry")) {
        rc = try_again(self, request, &result);
    } else if (tw_str_is(request->kind, "cause-rules")) {
        rc = tw_clerk_cause_rules(self->cfg->store.dir, request->body, &result);
    } else {
        result = json_pack("{s:s}", "error", tw_err_text(rc));
    }
    char *text = result == NULL ? NULL : json_dumps(result, JSON_COMPACT);
    struct tw_str told = text == NULL ? TW_STR_LIT("{}") : tw_str_of(text);
    struct tw_diag diag = {""};
    int finished =
        tw_request_finish(self->cfg->store.dir, request->id,
                          rc == TW_OK ? TW_REQUEST_DONE : TW_REQUEST_FAILED, told, &diag);
    tw_log(rc == TW_OK && finished == TW_OK ? TW_LOG_REQUEST_DONE_EVENT
                                            : TW_LOG_REQUEST_FAILED_EVENT,
           TW_F_INT("request", request->id), TW_F_STR("kind", request->kind),
           TW_F_STR("actor", request->actor), TW_F_STR("told", told),
           TW_F_CSTR("result", tw_err_text(rc == TW_OK ? finished : rc)));
    free(text);
    json_decref(result);
}

static int clerk_main(struct tw_actor *actor, void *arg)
{
    struct tw_clerk *self = arg;
    struct tw_arena arena;
    tw_arena_init(&arena, (size_t)16 << 20);
    tw_actor_ready(actor, TW_OK);
    while (!tw_actor_is_stopping(actor)) {
        const struct tw_request *requests = NULL;
        size_t count = 0;
        struct tw_diag diag = {""};
        tw_arena_reset(&arena);
        int rc = tw_request_waiting(self->cfg->store.dir, &arena, REQUESTS_AT_ONCE, &requests,
                                    &count, &diag);
        if (rc != TW_OK) {
            tw_log(TW_LOG_STORE_FAILED_EVENT, TW_F_CSTR("thread", "clerk"),
                   TW_F_CSTR("reason", diag.text));
            count = 0;
        }
        for (size_t i = 0; i < count && !tw_actor_is_stopping(actor); i++) {
            handle(self, &requests[i]);
        }
        (void)tw_actor_wait_stop(actor, LOOK_MS); /* the loop asks again */
    }
    tw_reader_close(&self->reader);
    tw_arena_fini(&arena);
    return TW_OK;
}

int tw_clerk_new(const struct tw_cfg *cfg, struct tw_clock *clock, struct tw_chan *retries,
                 struct tw_chan *retried, struct tw_clerk **ret_clerk)
{
    struct tw_clerk *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->clock = clock;
    self->retries = retries;
    self->retried = retried;
    int rc = tw_actor_new("clerk", clerk_main, self, &self->actor);
    if (rc != TW_OK) {
        free(self);
        return rc;
    }
    *ret_clerk = self;
    return TW_OK;
}

int tw_clerk_destroy(struct tw_clerk **self_p)
{
    struct tw_clerk *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return TW_OK;
    }
    int rc = tw_actor_destroy(&self->actor);
    free(self);
    return rc;
}
