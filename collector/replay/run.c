/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"
#include "replay/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tw_replay_run_fini(struct tw_replay_run *self)
{
    free(self->sent);
    *self = (struct tw_replay_run){.id = 0};
}

bool tw_replay_run_is_new(const struct tw_replay_run *self, const struct tw_outbox_replay *row)
{
    return self->id != row->id || self->changed.ns != row->changed.ns;
}

/* One that is no longer sent. */
static int count_ended(struct tw_replay_run *self, struct tw_outbox *outbox, uint64_t item,
                       struct tw_diag *diag)
{
    enum tw_item_state state = TW_ITEM_SENT;
    int rc = tw_outbox_state(outbox, item, &state, diag);
    if (rc == TW_OK) {
        self->proven += state == TW_ITEM_PROVEN ? 1 : 0;
        self->failures +=
            state == TW_ITEM_FAILED_AGAIN || state == TW_ITEM_REFUSED || state == TW_ITEM_UNPROVEN
                ? 1
                : 0;
    }
    return rc == TW_ENOTFOUND ? TW_OK : rc;
}

static int take_up(struct tw_replay_run *self, const struct tw_outbox_replay *row,
                   struct tw_outbox *outbox, struct tw_diag *diag)
{
    uint64_t counts[TW_ITEM_STATE_COUNT];
    if (self->sent == NULL) {
        self->sent = calloc(TW_RUN_SENT_MAX, sizeof *self->sent);
    }
    if (self->sent == NULL) {
        return tw_diag_set(diag, TW_ENOMEM, "%s", tw_err_text(TW_ENOMEM));
    }
    int rc = tw_outbox_tally(outbox, row->id, row->changed, counts, diag);
    rc = rc == TW_OK
             ? tw_outbox_sent(outbox, row->id, self->sent, TW_RUN_SENT_MAX, &self->sent_count, diag)
             : rc;
    if (rc == TW_OK) {
        self->id = row->id;
        self->changed = row->changed;
        self->proven = counts[TW_ITEM_PROVEN];
        self->failures =
            counts[TW_ITEM_FAILED_AGAIN] + counts[TW_ITEM_REFUSED] + counts[TW_ITEM_UNPROVEN];
    }
    return rc;
}

static int sync_sent(struct tw_replay_run *self, struct tw_outbox *outbox, uint64_t *scratch,
                     struct tw_diag *diag)
{
    size_t count = 0;
    size_t at = 0;
    uint64_t proven = self->proven;
    uint64_t failures = self->failures;
    int rc = tw_outbox_sent(outbox, self->id, scratch, TW_RUN_SENT_MAX, &count, diag);
    for (size_t i = 0; i < self->sent_count && rc == TW_OK; i++) {
        while (at < count && scratch[at] < self->sent[i]) {
            at++;
        }
        if (at == count || scratch[at] != self->sent[i]) {
            rc = count_ended(self, outbox, self->sent[i], diag);
        }
    }
    if (rc != TW_OK) {
        self->proven = proven; /* it is all done again */
        self->failures = failures;
        return rc;
    }
    memcpy(self->sent, scratch, count * sizeof *scratch);
    self->sent_count = count;
    return TW_OK;
}

int tw_replay_run_sync(struct tw_replay_run *self, const struct tw_outbox_replay *row,
                       struct tw_outbox *outbox, uint64_t *scratch, struct tw_diag *diag)
{
    int rc = tw_replay_run_is_new(self, row) ? take_up(self, row, outbox, diag)
                                             : sync_sent(self, outbox, scratch, diag);
    rc = rc == TW_OK ? tw_outbox_has_waiting(outbox, row->id, &self->has_waiting, diag) : rc;
    if (rc == TW_OK) {
        self->is_seen = true;
        self->row = *row;
        self->is_over = !self->has_waiting && self->sent_count == 0;
        self->lacks_agent = false;
        self->unread[0] = '\0';
    }
    return rc;
}

void tw_replay_run_set_pace(struct tw_replay_run *self, uint32_t under_way, tw_mono_t now,
                            tw_wall_t wall)
{
    const struct tw_outbox_replay *row = &self->row;
    const struct tw_pace_limits limits = {
        .rate = row->rate == 0 ? 1 : row->rate,
        .canary = row->canary,
        .stop_failures = row->stop_failures,
        .stop_percent = row->stop_percent,
        .under_way = under_way,
    };
    /* it rises anew where it was resumed */
    int64_t from_ns = row->full.ns > row->changed.ns ? row->full.ns : row->changed.ns;
    int64_t ago_ns = wall.ns > from_ns ? wall.ns - from_ns : 0;
    tw_pace_init(&self->pace, &limits, row->full.ns != 0, (tw_mono_t){now.ns - ago_ns}, now);
}

void tw_replay_run_judge(struct tw_replay_run *self, const struct tw_load *load, tw_mono_t now)
{
    const struct tw_pace_counts counts = {
        .under_way = self->sent_count,
        .proven = self->proven,
        .failures = self->failures,
        .has_waiting = self->has_waiting,
    };
    self->verdict = (struct tw_pace_verdict){.may_send = 0};
    self->has_live = tw_load_waiting(load, self->row.destination, &self->live_waiting);
    if (self->row.state != TW_REPLAY_RUNNING || self->is_over) {
        return;
    }
    tw_pace_look(&self->pace, &counts, now, &self->verdict);
    self->is_yielding =
        self->has_live && self->row.live_waiting >= 0 &&
        tw_pace_yields(self->is_yielding, (uint64_t)self->row.live_waiting, self->live_waiting);
    if (self->is_yielding) {
        self->verdict.may_send = 0;
    }
}

static void set_phase(struct tw_replay_run *self, const char *phase)
{
    self->phase = tw_str_of(phase);
}

static void describe_put_off(struct tw_replay_run *self)
{
    set_phase(self, "put-off");
    (void)snprintf(self->detail, sizeof self->detail, "%.*s: %s", (int)self->row.destination.len,
                   self->row.destination.ptr, self->put_off);
}

static void describe_running(struct tw_replay_run *self)
{
    static const char *const words[] = {
        [TW_PACE_CANARY] = "canary", [TW_PACE_RAMP] = "ramp", [TW_PACE_FULL] = "full"};
    int dest_len = (int)self->row.destination.len;
    const char *dest = self->row.destination.ptr;
    if (self->is_yielding) {
        set_phase(self, "yielding");
        (void)snprintf(self->detail, sizeof self->detail,
                       "%llu of live traffic wait for %.*s in time; %lld did when this began",
                       (unsigned long long)self->live_waiting, dest_len, dest,
                       (long long)self->row.live_waiting);
    } else if (self->lacks_agent) {
        set_phase(self, "no-agent");
        (void)snprintf(self->detail, sizeof self->detail, "no agent carries out for %.*s now",
                       dest_len, dest);
    } else if (self->put_off != NULL) {
        describe_put_off(self);
    } else {
        set_phase(self, words[self->verdict.phase]);
        if (self->unread[0] != '\0') {
            (void)snprintf(self->detail, sizeof self->detail, "what is next cannot be read now: %s",
                           self->unread);
        } else if (self->verdict.phase == TW_PACE_CANARY) {
            (void)snprintf(self->detail, sizeof self->detail, "%llu of the first %u are proven",
                           (unsigned long long)self->proven, self->row.canary);
        } else if (self->verdict.phase == TW_PACE_RAMP) {
            (void)snprintf(self->detail, sizeof self->detail, "at most %u a second, of %u",
                           self->verdict.rate, self->row.rate);
        }
    }
}

void tw_replay_run_describe(struct tw_replay_run *self)
{
    self->phase = TW_STR_NULL;
    self->detail[0] = '\0';
    if (self->row.state == TW_REPLAY_RUNNING && self->has_waiting) {
        describe_running(self);
    } else if (self->sent_count > 0 && self->put_off != NULL) {
        describe_put_off(self);
    } else if (self->sent_count > 0) {
        set_phase(self, "waiting-for-proof");
    }
}

void tw_replay_run_add_sent(struct tw_replay_run *self, uint64_t item)
{
    size_t at = self->sent_count;
    if (at == TW_RUN_SENT_MAX) {
        return; /* it is there with the next look at the table */
    }
    for (; at > 0 && self->sent[at - 1] > item; at--) {
        self->sent[at] = self->sent[at - 1];
    }
    self->sent[at] = item;
    self->sent_count++;
}
