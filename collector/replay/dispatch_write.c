/* SPDX-License-Identifier: Apache-2.0
 * What a round decided: written in one transaction, then sent. */
#include "config.h"
#include "replay/dispatch_internal.h"

#include <stdio.h>

#include "core/log.h"

/* ---- what came ---- */

static int write_answers(struct tw_dispatch *self, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->answer_count && rc == TW_OK; i++) {
        const struct tw_kept_answer *kept = &self->answers[i];
        const struct tw_outbox_answer answer = {
            .agent = tw_str_of(kept->agent),
            .replayid = tw_str_of(kept->replayid),
            .attempt = kept->attempt,
            .is_refused = kept->is_refused,
            .reason = tw_str_of(kept->reason),
            .at = kept->at,
        };
        rc = tw_outbox_take_answer(self->outbox, &answer, diag);
    }
    return rc;
}

/* Not each try is a line of the timeline. */
static bool is_note_due(const struct tw_dispatch *self, const struct tw_said *said)
{
    return said == NULL || said->put_off.ns == 0 ||
           self->now.ns - said->put_off.ns >= TW_AGAIN_NOTE_MS * TW_NS_PER_MS;
}

/* What became of a post, of an item that waits for it. */
static int write_result(struct tw_dispatch *self, const struct tw_http_result *result,
                        const struct tw_outbox_item *item, struct tw_diag *diag)
{
    const struct tw_str reason = tw_str_of(result->reason);
    const struct tw_outbox_answer answer = {
        .agent = item->agent,
        .replayid = item->replayid,
        .attempt = item->attempt,
        .is_refused = result->verdict == TW_HTTP_REFUSED,
        .reason = reason,
        .at = self->wall,
    };
    char why[TW_HTTP_REASON_MAX + 64];
    (void)snprintf(why, sizeof why, "the destination says that it has it (%s)", result->reason);
    const struct tw_outbox_end done = {
        .item = item->id,
        .state = TW_ITEM_PROVEN,
        .lets_next = true,
        .why = tw_str_of(why),
        .at = self->wall,
    };
    const struct tw_said *said = tw_saids_find(&self->saids, item->id);
    switch (result->verdict) {
    case TW_HTTP_ACCEPTED:
    case TW_HTTP_REFUSED:
        return tw_outbox_take_answer(self->outbox, &answer, diag);
    case TW_HTTP_DONE:
        return tw_outbox_end(self->outbox, &done, diag);
    case TW_HTTP_AGAIN:
    case TW_HTTP_UNKNOWN:
    case TW_HTTP_VERDICT_COUNT:
    default:
        return is_note_due(self, said) ? tw_outbox_note(self->outbox, item, TW_ITEM_EVENT_PUT_OFF,
                                                        reason, self->wall, diag)
                                       : TW_OK;
    }
}

static int write_results(struct tw_dispatch *self, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->result_count && rc == TW_OK; i++) {
        struct tw_outbox_item item;
        rc = tw_outbox_item(self->outbox, &self->arena, self->results[i].item, &item, diag);
        if (rc == TW_OK && item.state == TW_ITEM_SENT && !item.is_answered &&
            item.attempt == self->results[i].attempt) {
            rc = write_result(self, &self->results[i], &item, diag);
        }
        rc = rc == TW_ENOTFOUND ? TW_OK : rc;
    }
    return rc;
}

/* ---- ends ---- */

/* Over HTTP the result of a post says more than that its time is over; it comes by then. */
static bool is_being_posted(const struct tw_said *said)
{
    return said != NULL && said->hello == 0 && said->due.ns == INT64_MAX;
}

/* Each post of it came to nothing, and that is known. */
static bool has_come_to_nothing(const struct tw_said *said)
{
    return said != NULL && said->hello == 0 && !said->is_uncertain;
}

static int write_overdue(struct tw_dispatch *self, struct tw_diag *diag)
{
    int rc = TW_OK;
    for (size_t i = 0; i < self->overdue_count && rc == TW_OK; i++) {
        char why[128 + TW_AGENT_NAME_MAX];
        const struct tw_outbox_waits *item = &self->overdue[i];
        const struct tw_replay_run *run = tw_dispatch_run(self, item->replay);
        unsigned proof_s = run == NULL ? 0 : run->row.proof_s;
        const struct tw_said *said = tw_saids_find(&self->saids, item->item);
        enum tw_item_state state = TW_ITEM_UNPROVEN;
        if (!item->is_answered && is_being_posted(said)) {
            continue;
        }
        int shown = item->agent.len > TW_AGENT_NAME_MAX ? TW_AGENT_NAME_MAX : (int)item->agent.len;
        if (item->is_answered) {
            (void)snprintf(why, sizeof why, "accepted, no proof within %u s", proof_s);
        } else if (has_come_to_nothing(said)) {
            state = TW_ITEM_REFUSED;
            (void)snprintf(why, sizeof why, "put off for %u s, nothing has happened", proof_s);
        } else {
            (void)snprintf(why, sizeof why, "no answer from %.*s within %u s", shown,
                           item->agent.ptr == NULL ? "" : item->agent.ptr, proof_s);
        }
        const struct tw_outbox_end end = {
            .item = item->item, .state = state, .why = tw_str_of(why), .at = self->wall};
        rc = tw_outbox_end(self->outbox, &end, diag);
    }
    return rc;
}

static int write_orphans(struct tw_dispatch *self, struct tw_diag *diag)
{
    char why[64 + TW_AGENT_NAME_MAX];
    int rc = TW_OK;
    if (self->lost_count > 0) {
        (void)snprintf(why, sizeof why, "agent %s went away after accepting", self->lost[0]);
    }
    for (size_t i = 0; i < self->orphan_count && rc == TW_OK; i++) {
        const struct tw_outbox_end end = {.item = self->orphans[i].item,
                                          .state = TW_ITEM_UNPROVEN,
                                          .why = tw_str_of(why),
                                          .at = self->wall};
        rc = tw_outbox_end(self->outbox, &end, diag);
    }
    return rc;
}

/* ---- orders ---- */

static int write_order(struct tw_dispatch *self, struct tw_order *order, struct tw_diag *diag)
{
    const struct tw_outbox_end end = {
        .item = order->item.id,
        .state = order->kind == TW_ORDER_CANCEL ? TW_ITEM_CANCELLED : TW_ITEM_REFUSED,
        .lets_next = order->lets_next,
        .why = order->why,
        .at = self->wall,
    };
    int rc = TW_OK;
    switch (order->kind) {
    case TW_ORDER_SEND:
        rc = tw_outbox_send(self->outbox, &order->item, self->wall, diag);
        order->is_void = rc != TW_OK;
        return rc == TW_ENOTFOUND ? TW_OK : rc; /* paused, cancelled or done meanwhile */
    case TW_ORDER_AGAIN:
        return order->is_noted
                   ? tw_outbox_note(self->outbox, &order->item, TW_ITEM_EVENT_SENT_AGAIN,
                                    order->item.agent, self->wall, diag)
                   : TW_OK;
    case TW_ORDER_CANCEL:
    case TW_ORDER_REFUSE:
    default:
        return tw_outbox_end(self->outbox, &end, diag);
    }
}

/* ---- replays ---- */

/* Of one that cannot go on because its event cannot be read: one line for each reason. */
static void complain(const struct tw_replay_run *run)
{
    if (run->unread[0] != '\0' && !tw_str_is(run->row.phase_detail, run->detail)) {
        tw_log(TW_LOG_STORE_FAILED_EVENT, TW_F_CSTR("thread", "replay"),
               TW_F_INT("replay", run->id), TW_F_CSTR("reason", run->unread));
    }
}

static bool is_phase_written(const struct tw_replay_run *run)
{
    return tw_str_equal(run->phase, run->row.phase) &&
           tw_str_equal(tw_str_of(run->detail),
                        run->row.phase_detail.ptr == NULL ? TW_STR_LIT("") : run->row.phase_detail);
}

static bool needs_live(const struct tw_replay_run *run)
{
    return run->has_live && run->row.live_waiting < 0 && run->row.state == TW_REPLAY_RUNNING;
}

static bool needs_full(const struct tw_replay_run *run)
{
    return run->pace.is_past_canary && run->row.full.ns == 0;
}

static bool has_to_write_run(const struct tw_replay_run *run)
{
    return run->is_over || run->verdict.stops || needs_live(run) || needs_full(run) ||
           !is_phase_written(run);
}

static int write_run(struct tw_dispatch *self, struct tw_replay_run *run, struct tw_diag *diag)
{
    struct tw_outbox *outbox = self->outbox;
    if (run->is_over) {
        return tw_outbox_finish(outbox, run->id, self->wall, diag);
    }
    if (run->verdict.stops) {
        return tw_outbox_stop(outbox, run->id, tw_str_of(run->verdict.why), self->wall, diag);
    }
    int rc = TW_OK;
    if (needs_live(run)) {
        rc = tw_outbox_set_live_waiting(outbox, run->id, run->live_waiting, diag);
    }
    if (rc == TW_OK && needs_full(run)) {
        rc = tw_outbox_passed_canary(outbox, run->id, self->wall, diag);
    }
    if (rc == TW_OK && !is_phase_written(run)) {
        struct tw_str detail = run->detail[0] == '\0' ? TW_STR_NULL : tw_str_of(run->detail);
        rc = tw_outbox_set_phase(outbox, run->id, run->phase, detail, diag);
    }
    return rc;
}

static void tell(const struct tw_replay_run *run)
{
    if (run->is_over) {
        tw_log(TW_LOG_REPLAY_DONE_EVENT, TW_F_INT("replay", run->id),
               TW_F_STR("destination", run->row.destination));
    } else if (run->verdict.stops) {
        tw_log(TW_LOG_REPLAY_STOPPED_EVENT, TW_F_INT("replay", run->id),
               TW_F_STR("destination", run->row.destination), TW_F_CSTR("why", run->verdict.why));
    }
}

/* ---- all of it ---- */

bool tw_dispatch_has_to_write(const struct tw_dispatch *self)
{
    bool has =
        self->answer_count + self->result_count + self->overdue_count + self->orphan_count > 0;
    for (size_t i = 0; i < self->order_count && !has; i++) {
        has = self->orders[i].kind != TW_ORDER_AGAIN || self->orders[i].is_noted;
    }
    for (size_t i = 0; i < self->run_count && !has; i++) {
        has = has_to_write_run(&self->runs[i]);
    }
    return has;
}

int tw_dispatch_write(struct tw_dispatch *self, struct tw_diag *diag)
{
    int rc = tw_outbox_begin(self->outbox, diag);
    rc = rc == TW_OK ? write_answers(self, diag) : rc;
    rc = rc == TW_OK ? write_results(self, diag) : rc;
    rc = rc == TW_OK ? write_overdue(self, diag) : rc;
    rc = rc == TW_OK ? write_orphans(self, diag) : rc;
    for (size_t i = 0; i < self->order_count && rc == TW_OK; i++) {
        rc = write_order(self, &self->orders[i], diag);
    }
    for (size_t i = 0; i < self->run_count && rc == TW_OK; i++) {
        rc = write_run(self, &self->runs[i], diag);
    }
    rc = rc == TW_OK ? tw_outbox_commit(self->outbox, diag) : rc;
    if (rc != TW_OK) {
        tw_outbox_abandon(self->outbox);
        return rc;
    }
    for (size_t i = 0; i < self->run_count; i++) {
        tell(&self->runs[i]);
        complain(&self->runs[i]);
    }
    return TW_OK;
}

/* ---- sending ---- */

/* A post that cannot be begun is begun later: it is unanswered, and nobody has said it. */
static int post(struct tw_dispatch *self, const struct tw_order *order)
{
    const struct tw_outbox_item *item = &order->item;
    const struct tw_http_post words = {
        .destination = item->destination.ptr,
        .item = item->id,
        .attempt = item->attempt,
        .tries = order->tries,
        .key = item->key,
        .event = {order->frame.data, order->frame.len},
        .deadline = item->deadline,
    };
    struct tw_diag diag = {""};
    return tw_http_out_post(self->http, &words, &diag);
}

static void send_order(struct tw_dispatch *self, const struct tw_order *order)
{
    const struct tw_str frame = {order->frame.data, order->frame.len};
    struct tw_said *said = NULL;
    bool is_http = order->agent == NULL;
    int rc = is_http ? post(self, order) : tw_agents_send(self->agents, order->agent, frame);
    if (rc != TW_OK || tw_saids_put(&self->saids, order->item.id, &said) != TW_OK) {
        return; /* it is said again */
    }
    /* What this life did not say itself may have been said by the one before. */
    said->is_uncertain = said->is_uncertain || (said->tries == 0 && order->kind == TW_ORDER_AGAIN);
    said->hello = is_http ? 0 : order->agent->hello;
    /* over HTTP its result says when */
    said->due.ns = is_http ? INT64_MAX : self->now.ns + TW_AGAIN_MS * TW_NS_PER_MS;
    said->noted = order->is_noted ? self->now : said->noted;
    said->tries = order->tries + 1;
    said->is_kept = true;
}

/* When posts that came to nothing are to be begun again. */
static void put_off(struct tw_dispatch *self)
{
    for (size_t i = 0; i < self->result_count; i++) {
        const struct tw_http_result *result = &self->results[i];
        struct tw_said *said = tw_saids_find(&self->saids, result->item);
        if (said != NULL) {
            said->due.ns = self->now.ns + result->after_ms * TW_NS_PER_MS;
            said->put_off = is_note_due(self, said) ? self->now : said->put_off;
            said->is_uncertain = said->is_uncertain || result->verdict == TW_HTTP_UNKNOWN;
        }
    }
}

void tw_dispatch_send(struct tw_dispatch *self)
{
    put_off(self);
    for (size_t i = 0; i < self->order_count; i++) {
        struct tw_order *order = &self->orders[i];
        bool leaves = order->kind == TW_ORDER_SEND || order->kind == TW_ORDER_AGAIN;
        if (leaves && !order->is_void) {
            send_order(self, order);
        }
        if (order->kind == TW_ORDER_SEND && !order->is_void) {
            tw_replay_run_add_sent(order->run, order->item.id);
            tw_pace_sent(&order->run->pace, 1);
        }
        if (order->kind == TW_ORDER_REFUSE) {
            order->run->failures++;
        }
    }
    self->answer_count = 0;
    self->result_count = 0;
    if (self->lost_count > 0 && !self->has_more_orphans) {
        self->lost_count--;
        memmove(self->lost[0], self->lost[1], self->lost_count * sizeof self->lost[0]);
    }
}
