/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/dispatch.h"

#include <stdio.h>
#include <stdlib.h>

#include "replay/dispatch_internal.h"

#define ARENA_BYTES  ((size_t)64 << 20)   /* rows of one round */
#define RECORD_BYTES ((size_t)1100 << 20) /* one event: taps.max-message-bytes is 1 GiB at most */

/* ---- life ---- */

int tw_dispatch_new(const struct tw_cfg *cfg, struct tw_agents *agents, struct tw_http_out *http,
                    struct tw_dispatch **ret_dispatch)
{
    struct tw_dispatch *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->cfg = cfg;
    self->agents = agents;
    self->http = http;
    tw_arena_init(&self->arena, ARENA_BYTES);
    tw_arena_init(&self->record, RECORD_BYTES);
    tw_buf_init(&self->event, TW_AGENT_FRAME_MAX);
    self->runs = calloc(TW_OUTBOX_REPLAYS_MAX, sizeof *self->runs);
    self->scratch = calloc(TW_RUN_SENT_MAX, sizeof *self->scratch);
    self->results = calloc(TW_ROUND_RESULTS, sizeof *self->results);
    self->orders = calloc(TW_ROUND_ORDERS, sizeof *self->orders);
    int rc = tw_event_writer_init(&self->events);
    if (rc != TW_OK || self->runs == NULL || self->scratch == NULL || self->results == NULL ||
        self->orders == NULL) {
        tw_dispatch_destroy(&self);
        return TW_ENOMEM;
    }
    *ret_dispatch = self;
    return TW_OK;
}

static void drop_orders(struct tw_dispatch *self)
{
    for (size_t i = 0; i < self->order_count; i++) {
        tw_buf_fini(&self->orders[i].frame);
    }
    self->order_count = 0;
    self->order_bytes = 0;
    self->http_orders = 0;
}

void tw_dispatch_destroy(struct tw_dispatch **self_p)
{
    struct tw_dispatch *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return;
    }
    drop_orders(self);
    for (size_t i = 0; self->runs != NULL && i < self->run_count; i++) {
        tw_replay_run_fini(&self->runs[i]);
    }
    tw_saids_fini(&self->saids);
    tw_load_fini(&self->load);
    tw_event_writer_fini(&self->events);
    tw_buf_fini(&self->event);
    tw_arena_fini(&self->arena);
    tw_arena_fini(&self->record);
    free(self->runs);
    free(self->scratch);
    free(self->results);
    free(self->orders);
    free(self->answers);
    free(self);
}

struct tw_replay_run *tw_dispatch_run(struct tw_dispatch *self, uint64_t replay)
{
    for (size_t i = 0; i < self->run_count; i++) {
        if (self->runs[i].id == replay) {
            return &self->runs[i];
        }
    }
    return NULL;
}

bool tw_dispatch_is_http(const struct tw_dispatch *self, struct tw_str destination)
{
    return destination.ptr != NULL && tw_http_out_serves(self->http, destination.ptr);
}

/* ---- what came ---- */

static void copy_text(char *to, size_t size, struct tw_str text)
{
    size_t len = text.len < size ? text.len : size - 1;
    memcpy(to, text.ptr == NULL ? "" : text.ptr, len);
    to[len] = '\0';
}

/* Without memory, or with too many that cannot be written, it is asked for again. */
void tw_dispatch_answer(struct tw_dispatch *self, const struct tw_agent *agent,
                        const struct tw_agent_message *message, tw_wall_t wall)
{
    if (self->answer_count == self->answer_capacity) {
        size_t capacity = self->answer_capacity == 0 ? 64 : 2 * self->answer_capacity;
        struct tw_kept_answer *answers = NULL;
        if (capacity <= TW_ROUND_ANSWERS) {
            answers = realloc(self->answers, capacity * sizeof *answers);
        }
        if (answers == NULL) {
            return;
        }
        self->answers = answers;
        self->answer_capacity = capacity;
    }
    struct tw_kept_answer *answer = &self->answers[self->answer_count++];
    *answer = (struct tw_kept_answer){.attempt = message->attempt,
                                      .is_refused = message->op == TW_AGENT_SAYS_REFUSED,
                                      .at = wall};
    copy_text(answer->agent, sizeof answer->agent, tw_str_of(agent->name));
    copy_text(answer->replayid, sizeof answer->replayid, message->replayid);
    copy_text(answer->reason, sizeof answer->reason, message->reason);
}

static void add_lost(struct tw_dispatch *self, struct tw_str name)
{
    for (size_t i = 0; i < self->lost_count; i++) {
        if (tw_str_is(name, self->lost[i])) {
            return;
        }
    }
    if (self->lost_count < TW_AGENTS_MAX) { /* else its items wait for their deadline */
        copy_text(self->lost[self->lost_count++], sizeof self->lost[0], name);
    }
}

void tw_dispatch_lost(struct tw_dispatch *self, const struct tw_agent *agent)
{
    add_lost(self, tw_str_of(agent->name));
}

void tw_dispatch_hello(struct tw_dispatch *self)
{
    self->has_hello = true;
}

static void take_results(struct tw_dispatch *self)
{
    while (self->result_count < TW_ROUND_RESULTS &&
           tw_http_out_next(self->http, &self->results[self->result_count])) {
        self->result_count++;
    }
}

/* ---- looking ---- */

/* Agents that a former life knew, and that did not come back. */
static int look_for_missing(struct tw_dispatch *self, struct tw_diag *diag)
{
    struct tw_outbox_waits *items = NULL;
    size_t count = 0;
    if (self->has_settled || self->now.ns - self->started.ns < TW_RETURN_S * TW_NS_PER_S) {
        return TW_OK;
    }
    int rc = tw_outbox_accepted(self->outbox, &self->arena, TW_STR_NULL, TW_ROUND_WAITS, &items,
                                &count, diag);
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        const struct tw_agent *agent = tw_agents_find(self->agents, items[i].agent);
        const struct tw_replay_run *run = tw_dispatch_run(self, items[i].replay);
        bool is_http = run != NULL && tw_dispatch_is_http(self, run->row.destination);
        if ((agent == NULL || !agent->is_online) && !is_http) {
            add_lost(self, items[i].agent);
        }
    }
    self->has_settled = rc == TW_OK;
    return rc;
}

static int look_at_replays(struct tw_dispatch *self, struct tw_diag *diag)
{
    struct tw_outbox_replay *rows = NULL;
    size_t count = 0;
    int rc = tw_outbox_replays(self->outbox, &self->arena, &rows, &count, diag);
    for (size_t i = 0; i < self->run_count; i++) {
        self->runs[i].is_seen = false;
    }
    for (size_t i = 0; i < count && rc == TW_OK; i++) {
        struct tw_replay_run *run = tw_dispatch_run(self, rows[i].id);
        if (run == NULL && self->run_count == TW_OUTBOX_REPLAYS_MAX) {
            continue; /* with the next round, which has let go those that are over */
        }
        run = run == NULL ? &self->runs[self->run_count++] : run;
        bool is_new = tw_replay_run_is_new(run, &rows[i]);
        rc = tw_replay_run_sync(run, &rows[i], self->outbox, self->scratch, diag);
        if (rc == TW_OK && is_new) {
            tw_replay_run_set_pace(run, (uint32_t)self->cfg->replay.under_way, self->now,
                                   self->wall);
        }
    }
    for (size_t i = 0; i < self->run_count && rc == TW_OK;) {
        if (self->runs[i].is_seen) {
            i++;
            continue;
        }
        tw_replay_run_fini(&self->runs[i]);
        self->runs[i] = self->runs[--self->run_count];
        self->runs[self->run_count] = (struct tw_replay_run){.id = 0};
    }
    return rc;
}

static int look_at_orphans(struct tw_dispatch *self, struct tw_diag *diag)
{
    self->orphan_count = 0;
    self->has_more_orphans = false;
    if (self->lost_count == 0) {
        return TW_OK;
    }
    int rc = tw_outbox_accepted(self->outbox, &self->arena, tw_str_of(self->lost[0]), TW_ROUND_ENDS,
                                &self->orphans, &self->orphan_count, diag);
    self->has_more_orphans = self->orphan_count == TW_ROUND_ENDS;
    return rc;
}

/* All that a round goes by, as it was at one moment. */
static int look(struct tw_dispatch *self, struct tw_diag *diag)
{
    int rc = tw_outbox_look(self->outbox, diag);
    rc = rc == TW_OK ? look_at_replays(self, diag) : rc;
    rc = rc == TW_OK ? look_for_missing(self, diag) : rc;
    rc = rc == TW_OK ? tw_outbox_unanswered(self->outbox, &self->arena, TW_ROUND_WAITS,
                                            &self->unanswered, &self->unanswered_count, diag)
                     : rc;
    rc = rc == TW_OK ? tw_outbox_overdue(self->outbox, &self->arena, self->wall, TW_ROUND_ENDS,
                                         &self->overdue, &self->overdue_count, diag)
                     : rc;
    rc = rc == TW_OK ? look_at_orphans(self, diag) : rc;
    tw_outbox_abandon(self->outbox);
    return rc;
}

/* ---- the round ---- */

/* Something of it is to be sent, or is awaited. */
static bool is_busy(const struct tw_dispatch *self)
{
    for (size_t i = 0; i < self->run_count; i++) {
        const struct tw_replay_run *run = &self->runs[i];
        if (run->sent_count > 0 || (run->row.state == TW_REPLAY_RUNNING && run->has_waiting)) {
            return true;
        }
    }
    return self->answer_count + self->result_count + self->lost_count > 0;
}

static int whole_round(struct tw_dispatch *self, struct tw_diag *diag)
{
    int rc = look(self, diag);
    if (rc == TW_OK && self->run_count > 0) {
        rc = tw_load_refresh(&self->load, self->reader, &self->arena, self->now);
        if (rc != TW_OK) {
            (void)tw_diag_set(diag, rc, "the live traffic is not known: %s", tw_err_text(rc));
        }
    }
    rc = rc == TW_OK ? tw_dispatch_decide(self, diag) : rc;
    bool writes = rc == TW_OK && tw_dispatch_has_to_write(self);
    rc = writes ? tw_dispatch_write(self, diag) : rc;
    if (rc == TW_OK) {
        tw_dispatch_send(self);
        self->has_written = writes;
        self->has_hello = false;
    }
    return rc;
}

int tw_dispatch_round(struct tw_dispatch *self, const struct tw_dispatch_turn *turn,
                      bool *ret_is_busy, struct tw_diag *diag)
{
    bool has_changed = false;
    self->outbox = turn->outbox;
    self->reader = turn->reader;
    self->now = turn->now;
    self->wall = turn->wall;
    self->started = self->started.ns == 0 ? turn->now : self->started;
    take_results(self);
    int rc = tw_outbox_has_changed(turn->outbox, &has_changed, diag);
    bool is_due = has_changed || self->has_written || self->has_hello || self->run_count > 0 ||
                  self->answer_count + self->result_count + self->lost_count > 0 ||
                  !self->has_settled;
    if (rc == TW_OK && is_due) {
        rc = whole_round(self, diag);
        if (rc != TW_OK) {
            self->has_written = true; /* whatever was there: look again */
        }
    }
    drop_orders(self);
    tw_arena_reset(&self->arena);
    tw_arena_reset(&self->record);
    *ret_is_busy = is_busy(self);
    return rc;
}
