/* SPDX-License-Identifier: Apache-2.0
 * One loop: take back committed batches (acknowledge, release their frames), receive, hand over.
 * A batch and the frames its records point into live until the commit; then both are reused. */
#include "config.h"
#include "intake/intake.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/actor.h"
#include "core/log.h"
#include "intake/pipeline.h"
#include "tap/tap.h"

/* Bytes of frames after which a batch is handed over, whatever its count: bounds what
 * intake.batches batches hold, and the time of one commit. */
#define INTAKE_BATCH_BYTES ((uint64_t)16 << 20)
/* Arena of one batch: 10,000 events of one composed message of 8 MiB fit several times. */
#define INTAKE_ARENA_BYTES ((size_t)256 << 20)
/* Messages per turn before the loop looks at its other work. */
#define MESSAGES_PER_TURN 512
/* Batches with the writer that are enough: one being committed and the next at hand. */
#define AHEAD_MAX 2
/* Source states and, when idle, an empty heartbeat are committed this often. */
#define CHECKPOINT_NS TW_NS_PER_S
/* How long stop keeps receiving what already waits in the sockets, and how long it then waits for
 * the last commits (the disk may be full). */
#define DRAIN_NS  TW_NS_PER_S
#define FINISH_NS (4 * TW_NS_PER_S)
/* The wall clock moved against the monotonic one by more than this between two turns: said. */
#define CLOCK_STEP_NS TW_NS_PER_S
#define BATCHES_MAX   64

enum { FD_COMMITTED, FD_STOP, FD_RETRIES, FD_COUNT };

/* An answer to give when the batch is committed. */
struct ack {
    struct ack *next;
    size_t tap_index;
    bool has_delimiter;
    struct tw_str routing;
    struct tw_str ref;
    struct tw_str problem;
};

struct retry_row {
    struct retry_row *next;
    struct tw_retry *retry;
};

/* What intake keeps with a batch; lies in the batch's arena. */
struct baggage {
    struct ack *first_ack;
    struct ack **last_ack;
    struct retry_row *retries;
    uint64_t mark; /* frames up to here belong to it */
    uint64_t bytes;
    uint64_t messages;
    tw_mono_t opened; /* when its first message came */
};

struct tw_intake {
    /* fixed after start */
    struct tw_intake_options options;
    struct tw_actor *actor;
    struct tw_taps *taps; /* reload may be called from any thread */
    struct tw_diag diag;  /* why the start failed; read after the actor reported */
    /* shared: from main to the intake thread, a reference moves along */
    _Atomic(const struct tw_workflows *) next_workflows;
    _Atomic(const struct tw_causes *) next_causes;
    /* owned by the intake thread */
    struct tw_pipeline *pipeline;
    uint16_t *tap_codes;
    struct tw_batch *free_batches[BATCHES_MAX];
    size_t free_count;
    size_t batch_count;     /* made, wherever they are */
    size_t under_way;       /* with the writer */
    struct tw_batch *batch; /* being filled; NULL: none */
    tw_mono_t checkpoint_due;
    int64_t clock_offset_ns; /* wall - mono at the last turn; 0: none yet */
    bool is_paused;
};

void tw_retry_destroy(struct tw_retry **self_p)
{
    struct tw_retry *self = *self_p;
    *self_p = NULL;
    if (self != NULL) {
        tw_arena_fini(&self->arena);
        free(self);
    }
}

static struct baggage *baggage_of(const struct tw_batch *batch)
{
    return batch->intake_private;
}

/* --- batches ---------------------------------------------------------------------------------- */

static int open_batch(struct tw_intake *self, tw_wall_t wall)
{
    if (self->batch != NULL || self->free_count == 0) {
        return TW_OK;
    }
    struct tw_batch *batch = self->free_batches[--self->free_count];
    tw_batch_reset(batch);
    struct baggage *baggage = tw_arena_zalloc(&batch->arena, sizeof *baggage);
    if (baggage == NULL) {
        self->free_batches[self->free_count++] = batch;
        return TW_ENOMEM;
    }
    baggage->last_ack = &baggage->first_ack;
    batch->intake_private = baggage;
    self->batch = batch;
    return tw_pipeline_begin(self->pipeline, batch, wall);
}

static bool batch_is_empty(const struct tw_batch *batch)
{
    return baggage_of(batch)->messages == 0 && baggage_of(batch)->retries == NULL;
}

static int hand_over(struct tw_intake *self, tw_wall_t wall, tw_mono_t mono)
{
    bool is_checkpoint = mono.ns >= self->checkpoint_due.ns;
    if (is_checkpoint) {
        self->checkpoint_due.ns = mono.ns + CHECKPOINT_NS;
    }
    int rc = tw_pipeline_close(self->pipeline, is_checkpoint, wall);
    if (rc != TW_OK) {
        return rc;
    }
    baggage_of(self->batch)->mark = tw_taps_mark(self->taps);
    void *item = self->batch;
    self->batch = NULL;
    self->under_way++;
    rc = tw_chan_send(self->options.to_writer, &item);
    TW_ASSERT(rc == TW_OK); /* the channel has room for every batch there is */
    return TW_OK;
}

/* A batch handed over now would only wait: it may as well grow, and save a commit. */
static bool writer_is_behind(const struct tw_intake *self)
{
    return self->under_way >= AHEAD_MAX;
}

static bool batch_is_due(const struct tw_intake *self, tw_mono_t mono)
{
    if (self->batch == NULL) {
        return false;
    }
    const struct tw_cfg *cfg = self->options.cfg;
    const struct baggage *baggage = baggage_of(self->batch);
    if (batch_is_empty(self->batch)) {
        return mono.ns >= self->checkpoint_due.ns;
    }
    return self->batch->record_count >= (size_t)cfg->store.commit_events ||
           baggage->bytes >= INTAKE_BATCH_BYTES ||
           (!writer_is_behind(self) &&
            mono.ns - baggage->opened.ns >= cfg->store.commit_ms * TW_NS_PER_MS);
}

static void acknowledge(struct tw_intake *self, const struct ack *ack)
{
    int rc = tw_taps_acknowledge(self->taps, ack->tap_index, ack->routing, ack->has_delimiter,
                                 ack->ref, ack->problem);
    if (rc == TW_OK) {
        tw_pipeline_count(self->pipeline, TW_TOTAL_acks_sent, self->tap_codes[ack->tap_index]);
        return;
    }
    /* The client is gone or does not read: it will send again, and find a duplicate. */
    tw_pipeline_count(self->pipeline, TW_TOTAL_acks_undeliverable, 0);
    tw_log(TW_LOG_ACK_UNDELIVERABLE_EVENT,
           TW_F_CSTR("tap", self->options.cfg->taps[ack->tap_index].name),
           TW_F_CSTR("reason", tw_err_text(rc)));
}

static void give_back(struct tw_intake *self, struct retry_row *row)
{
    for (; row != NULL; row = row->next) {
        void *item = row->retry;
        int rc = tw_chan_send(self->options.retried, &item);
        TW_ASSERT(rc == TW_OK); /* both channels hold TW_RETRIES_MAX, the clerk sends no more */
    }
}

/* Take back what the writer has done with. TW_OK, or the error of the first failed commit. */
static int take_committed(struct tw_intake *self)
{
    struct tw_batch *batch = tw_chan_receive(self->options.from_writer);
    int rc = TW_OK;
    while (batch != NULL) {
        const struct baggage *baggage = baggage_of(batch);
        tw_pipeline_committed(self->pipeline, batch);
        if (batch->commit_result == TW_OK && rc == TW_OK) {
            for (const struct ack *ack = baggage->first_ack; ack != NULL; ack = ack->next) {
                acknowledge(self, ack);
            }
            give_back(self, baggage->retries);
        } else {
            rc = batch->commit_result != TW_OK ? batch->commit_result : rc;
        }
        tw_taps_release(self->taps, baggage->mark);
        self->free_batches[self->free_count++] = batch;
        self->under_way--;
        batch = tw_chan_receive(self->options.from_writer);
    }
    return rc;
}

/* --- receiving -------------------------------------------------------------------------------- */

static int note_ack(struct tw_batch *batch, const struct tw_tap_message *received,
                    const struct tw_outcome *outcome)
{
    struct ack *ack = tw_arena_zalloc(&batch->arena, sizeof *ack);
    if (ack == NULL) {
        return TW_ENOMEM;
    }
    *ack = (struct ack){
        .tap_index = received->tap_index,
        .has_delimiter = received->has_delimiter,
        .routing = received->routing,
        .ref = received->ref,
        .problem = outcome->quarantined > 0 ? outcome->problem : TW_STR_NULL,
    };
    *baggage_of(batch)->last_ack = ack;
    baggage_of(batch)->last_ack = &ack->next;
    return TW_OK;
}

static void log_quarantined(const struct tw_intake *self, const struct tw_tap_message *received)
{
    const struct tw_quarantined *row =
        &self->batch->quarantined[self->batch->quarantined_count - 1];
    tw_log(TW_LOG_QUARANTINED_EVENT,
           TW_F_CSTR("tap", self->options.cfg->taps[received->tap_index].name),
           TW_F_STR("peer", row->peer), TW_F_CSTR("reason", tw_problem_infos[row->code].name),
           TW_F_STR("detail", row->detail), TW_F_INT("bytes", row->raw_bytes));
}

static int take_message(struct tw_intake *self, const struct tw_tap_message *received,
                        tw_wall_t wall)
{
    struct baggage *baggage = baggage_of(self->batch);
    const struct tw_message message = {
        .tap = self->tap_codes[received->tap_index],
        .peer = received->peer,
        .received = wall,
        .topic = received->topic,
        .headers = received->headers,
        .body = received->body,
    };
    struct tw_outcome outcome;
    int rc =
        tw_pipeline_message(self->pipeline, &message, received->problem, received->bytes, &outcome);
    if (rc != TW_OK) {
        return rc;
    }
    baggage->messages++;
    baggage->bytes += received->bytes;
    if (outcome.quarantined > 0) {
        log_quarantined(self, received);
    }
    return received->wants_ack ? note_ack(self->batch, received, &outcome) : TW_OK;
}

/* Up to MESSAGES_PER_TURN messages into the open batch. *ret_count: how many there were. */
static int receive_some(struct tw_intake *self, tw_wall_t wall, tw_mono_t mono, size_t *ret_count)
{
    const struct tw_cfg *cfg = self->options.cfg;
    struct baggage *baggage = baggage_of(self->batch);
    size_t count = 0;
    int rc = TW_OK;
    while (count < MESSAGES_PER_TURN && baggage->bytes < INTAKE_BATCH_BYTES &&
           self->batch->record_count < (size_t)cfg->store.commit_events) {
        struct tw_tap_message received;
        rc = tw_taps_receive(self->taps, &self->batch->arena, &received);
        if (rc == TW_ELIMIT && baggage->messages > 0) {
            baggage->bytes = INTAKE_BATCH_BYTES; /* the arena is full: hand it over */
            rc = TW_EAGAIN;
        }
        if (rc != TW_OK) {
            break;
        }
        if (baggage->messages == 0) {
            baggage->opened = mono;
        }
        rc = take_message(self, &received, wall);
        if (rc != TW_OK) {
            return rc;
        }
        count++;
    }
    *ret_count = count;
    if (rc != TW_OK && rc != TW_EAGAIN) {
        return rc;
    }
    if (rc == TW_EAGAIN && baggage->bytes < INTAKE_BATCH_BYTES) {
        tw_pipeline_taps_empty(self->pipeline, wall);
    }
    return count > 0 ? tw_pipeline_settle(self->pipeline) : TW_OK;
}

static int take_retries(struct tw_intake *self, tw_mono_t mono)
{
    struct tw_retry *retry = tw_chan_receive(self->options.retries);
    while (retry != NULL) {
        struct baggage *baggage = baggage_of(self->batch);
        struct retry_row *row = tw_arena_zalloc(&self->batch->arena, sizeof *row);
        struct tw_outcome outcome;
        int rc =
            row == NULL ? TW_ENOMEM : tw_pipeline_retry(self->pipeline, &retry->entry, &outcome);
        if (rc != TW_OK) {
            return rc;
        }
        retry->is_solved = outcome.quarantined == 0;
        if (batch_is_empty(self->batch)) {
            baggage->opened = mono;
        }
        *row = (struct retry_row){baggage->retries, retry};
        baggage->retries = row;
        retry = tw_chan_receive(self->options.retries);
    }
    return TW_OK;
}

/* --- the loop --------------------------------------------------------------------------------- */

/* How long the wait may last: until the open batch is due. */
static int wait_ms(const struct tw_intake *self, tw_mono_t mono)
{
    if (self->batch == NULL || (!batch_is_empty(self->batch) && writer_is_behind(self))) {
        return 1000; /* the writer will wake us */
    }
    int64_t due = self->checkpoint_due.ns;
    if (!batch_is_empty(self->batch)) {
        int64_t commit =
            baggage_of(self->batch)->opened.ns + self->options.cfg->store.commit_ms * TW_NS_PER_MS;
        due = commit < due ? commit : due;
    }
    int64_t ms = (due - mono.ns + TW_NS_PER_MS - 1) / TW_NS_PER_MS;
    return ms < 0 ? 0 : (ms > 1000 ? 1000 : (int)ms);
}

/* A pause begins when receiving must stop, and is counted once. */
static bool may_receive(struct tw_intake *self)
{
    bool may = self->batch != NULL && !tw_store_is_full(self->options.store);
    if (!may && !self->is_paused) {
        tw_pipeline_count(self->pipeline, TW_TOTAL_intake_paused, 0);
    }
    self->is_paused = !may;
    return may;
}

static void watch_clock(struct tw_intake *self, tw_wall_t wall, tw_mono_t mono)
{
    int64_t offset = wall.ns - mono.ns;
    int64_t moved = offset - self->clock_offset_ns;
    if (self->clock_offset_ns != 0 && (moved > CLOCK_STEP_NS || moved < -CLOCK_STEP_NS)) {
        tw_log(TW_LOG_CLOCK_MOVED_EVENT, TW_F_NUM("seconds", (double)moved / (double)TW_NS_PER_S));
    }
    self->clock_offset_ns = offset;
}

/* Definitions of workflows that main has read. One set is in force at a time, and the newest that
 * waits is the one that counts, so they pass through one slot. */
static int take_workflows(struct tw_intake *self)
{
    const struct tw_workflows *workflows =
        atomic_exchange_explicit(&self->next_workflows, NULL, memory_order_acquire);
    if (workflows == NULL) {
        return TW_OK;
    }
    int rc = tw_pipeline_reload(self->pipeline, workflows);
    if (rc == TW_ELIMIT) {
        tw_log(TW_LOG_RELOAD_REFUSED_EVENT,
               TW_F_CSTR("reason", "too many versions of workflows have open runs"));
        rc = TW_OK;
    }
    tw_workflows_unref(&workflows);
    return rc;
}

/* As above. */
static void take_causes(struct tw_intake *self)
{
    const struct tw_causes *causes =
        atomic_exchange_explicit(&self->next_causes, NULL, memory_order_acquire);
    if (causes != NULL) {
        tw_pipeline_set_causes(self->pipeline, causes);
        tw_causes_unref(&causes);
    }
}

static int turn(struct tw_intake *self, bool may_wait, size_t *ret_received)
{
    struct tw_clock *clock = self->options.clock;
    tw_wall_t wall = clock->wall(clock);
    tw_mono_t mono = clock->mono(clock);
    *ret_received = 0;
    int rc = open_batch(self, wall);
    bool may = may_receive(self);
    if (rc == TW_OK && may_wait) {
        const int fds[FD_COUNT] = {
            [FD_COMMITTED] = tw_chan_fd(self->options.from_writer),
            [FD_STOP] = tw_actor_stop_fd(self->actor),
            [FD_RETRIES] = tw_chan_fd(self->options.retries),
        };
        uint32_t ready = 0;
        rc = tw_taps_wait(self->taps, may, fds, self->batch != NULL ? FD_COUNT : FD_RETRIES,
                          wait_ms(self, mono), &ready);
        wall = clock->wall(clock);
        mono = clock->mono(clock);
    }
    watch_clock(self, wall, mono);
    if (rc == TW_OK) {
        rc = take_committed(self);
    }
    if (rc == TW_OK) {
        take_causes(self);
        rc = take_workflows(self);
    }
    if (rc == TW_OK && may) {
        rc = receive_some(self, wall, mono, ret_received);
    }
    if (rc == TW_OK && self->batch != NULL) {
        rc = take_retries(self, mono);
    }
    if (rc == TW_OK && batch_is_due(self, clock->mono(clock))) {
        rc = hand_over(self, wall, mono);
    }
    return rc;
}

/* Wait until every batch is back from the writer. TW_ETIMEOUT when that lasts too long. */
static int await_writer(struct tw_intake *self)
{
    struct tw_clock *clock = self->options.clock;
    int64_t end = clock->mono(clock).ns + FINISH_NS;
    int rc = TW_OK;
    while (self->under_way > 0) {
        if (clock->mono(clock).ns >= end) {
            return TW_ETIMEOUT;
        }
        uint32_t ready = 0;
        const int fds[] = {tw_chan_fd(self->options.from_writer)};
        int waited = tw_taps_wait(self->taps, false, fds, 1, 100, &ready);
        int taken = take_committed(self);
        rc = rc != TW_OK ? rc : (taken != TW_OK ? taken : waited);
    }
    return rc;
}

/* Take what already waits, hand over the rest, wait for the writer. */
static int drain(struct tw_intake *self)
{
    struct tw_clock *clock = self->options.clock;
    int64_t end = clock->mono(clock).ns + DRAIN_NS;
    int rc = TW_OK;
    size_t received = 1;
    while (rc == TW_OK && received > 0 && clock->mono(clock).ns < end) {
        rc = turn(self, false, &received);
    }
    if (rc == TW_OK && self->batch == NULL) {
        rc = take_committed(self);
    }
    if (rc == TW_OK && self->batch != NULL) {
        self->checkpoint_due.ns = 0;
        tw_pipeline_finish(self->pipeline);
        rc = hand_over(self, clock->wall(clock), clock->mono(clock));
    }
    return rc == TW_OK ? await_writer(self) : rc;
}

static int start(struct tw_intake *self)
{
    const struct tw_cfg *cfg = self->options.cfg;
    int rc = tw_pipeline_new(cfg, self->options.store, self->options.workflows, &self->pipeline,
                             &self->diag);
    if (rc == TW_OK) {
        tw_pipeline_set_causes(self->pipeline, self->options.causes);
        tw_log(TW_LOG_RECOVERED_EVENT, TW_F_INT("next_event", tw_pipeline_next_n(self->pipeline)),
               TW_F_INT("replayed", tw_pipeline_replayed(self->pipeline)),
               TW_F_INT("tracked", tw_pipeline_tracked(self->pipeline)),
               TW_F_INT("sources", tw_pipeline_sources(self->pipeline)));
        rc = tw_taps_new(cfg, &self->taps, &self->diag);
    }
    if (rc != TW_OK) {
        return rc;
    }
    self->tap_codes = calloc(cfg->tap_count + 1, sizeof *self->tap_codes);
    if (self->tap_codes == NULL) {
        return TW_ENOMEM;
    }
    for (size_t i = 0; i < cfg->tap_count; i++) {
        self->tap_codes[i] = (uint16_t)tw_store_tap_code(self->options.store, cfg->taps[i].name);
    }
    TW_ASSERT(cfg->intake.batches >= 2 && cfg->intake.batches <= BATCHES_MAX);
    while (rc == TW_OK && self->batch_count < (size_t)cfg->intake.batches) {
        rc = tw_batch_new(INTAKE_ARENA_BYTES, &self->free_batches[self->free_count]);
        if (rc == TW_OK) {
            self->free_count++;
            self->batch_count++;
        }
    }
    return rc;
}

static void finish(struct tw_intake *self)
{
    tw_batch_destroy(&self->batch);
    while (self->free_count > 0) {
        tw_batch_destroy(&self->free_batches[--self->free_count]);
    }
    tw_pipeline_destroy(&self->pipeline);
    tw_taps_destroy(&self->taps);
    free(self->tap_codes);
    self->tap_codes = NULL;
}

static int intake_main(struct tw_actor *actor, void *arg)
{
    struct tw_intake *self = arg;
    self->actor = actor;
    int rc = start(self);
    if (rc != TW_OK) {
        finish(self);
        tw_actor_ready(actor, rc);
        return rc;
    }
    tw_actor_ready(actor, TW_OK);
    bool may_wait = true;
    while (rc == TW_OK && !tw_actor_is_stopping(actor)) {
        size_t received = 0;
        rc = turn(self, may_wait, &received);
        may_wait = received < MESSAGES_PER_TURN;
    }
    if (rc == TW_OK) {
        rc = drain(self);
    }
    if (rc != TW_OK) {
        tw_log(TW_LOG_COMMIT_FAILED_EVENT, TW_F_CSTR("thread", "intake"),
               TW_F_CSTR("reason", tw_err_text(rc)));
        (void)await_writer(self); /* the first error is the one that counts */
    }
    if (self->under_way == 0) {
        finish(self);
    } /* else the writer still reads batches and frames: they go with the process */
    return rc;
}

int tw_intake_new(const struct tw_intake_options *options, struct tw_intake **ret_intake,
                  struct tw_diag *diag)
{
    struct tw_intake *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return TW_ENOMEM;
    }
    self->options = *options;
    struct tw_actor *actor = NULL;
    int rc = tw_actor_new("intake", intake_main, self, &actor);
    if (rc != TW_OK) {
        if (diag != NULL) {
            *diag = self->diag;
        }
        free(self);
        return rc;
    }
    *ret_intake = self;
    return TW_OK;
}

int tw_intake_destroy(struct tw_intake **self_p)
{
    struct tw_intake *self = *self_p;
    *self_p = NULL;
    if (self == NULL) {
        return TW_OK;
    }
    int rc = tw_actor_destroy(&self->actor);
    const struct tw_workflows *left = atomic_load(&self->next_workflows);
    tw_workflows_unref(&left);
    const struct tw_causes *causes = atomic_load(&self->next_causes);
    tw_causes_unref(&causes);
    free(self);
    return rc;
}

bool tw_intake_has_failed(const struct tw_intake *self)
{
    return tw_actor_has_ended(self->actor);
}

void tw_intake_reload(struct tw_intake *self, const struct tw_workflows *workflows)
{
    const struct tw_workflows *next = tw_workflows_ref(workflows);
    next = atomic_exchange_explicit(&self->next_workflows, next, memory_order_acq_rel);
    tw_workflows_unref(&next); /* one that was not taken in time */
    tw_taps_reload_clients(self->taps);
}

void tw_intake_set_causes(struct tw_intake *self, const struct tw_causes *causes)
{
    const struct tw_causes *next = tw_causes_ref(causes);
    next = atomic_exchange_explicit(&self->next_causes, next, memory_order_acq_rel);
    tw_causes_unref(&next); /* one that was not taken in time */
}
